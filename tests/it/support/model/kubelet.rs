//! The scheduler and one kubelet: how a Pod comes up, fails, restarts and goes.

#![expect(clippy::indexing_slicing, reason = "a panic is a failed test")]

use super::objects::{Exit, State};
use super::resizes::{Resize, Sizing};
use super::runs::Finish;
use super::{MS, S, Task, World};
use crate::support::lines::Type;

/// What happens next to a Pod. Facts come first, the write that tells of them a little later.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    SetUp(SetUp),
    Pull(Pull),
    Run(Run),
    Again(Again),
    Finish(Finish),
    End(End),
    Resize(Resize),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum SetUp {
    Schedule,
    Admit,
    Sandbox,
    /// Writes what has changed.
    Report,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Pull {
    /// The image is there; since when it was pulled, if it was.
    Done(Option<i64>),
    Fails(u32),
    BacksOff(u32),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Run {
    Create,
    Start,
    Running(i64),
    /// The probe succeeds in this run of the container.
    Ready(u32),
    IsReady(u32, i64),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Again {
    /// This run of the container ends in error.
    Exit(u32),
    Exited(u32, i64),
    CrashLoop(u32),
    Restart(u32),
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    Kill,
    /// When the container ended, and its exit code.
    Stopped(i64, i64),
    Final,
    Remove,
}

/// A length of time as Go writes it.
fn go_duration(nanos: i64) -> String {
    let ms = nanos / MS;
    if ms < 1_000 {
        return format!("{ms}ms");
    }
    let fraction = format!("{}.{:03}", ms / 1_000, ms % 1_000);
    format!("{}s", fraction.trim_end_matches('0').trim_end_matches('.'))
}

impl World {
    pub(super) fn pod_soon(&mut self, at: usize, low: i64, high: i64, step: Step) {
        self.after(low, high, Task::SyncPod(at, step));
    }

    pub(super) fn report(&mut self, at: usize) {
        let now = self.now;
        let pod = &mut self.pods[at];
        if pod.sizing != Sizing::Written {
            pod.observed = pod.meta.generation;
        }
        pod.meta.wrote("kubelet", "status", now);
        self.write_pod(at, Type::Modified);
    }

    pub(super) fn step_pod(&mut self, at: usize, step: Step) {
        let pod = &self.pods[at];
        let is_late = matches!(
            step,
            Step::End(_) | Step::SetUp(SetUp::Report) | Step::Run(Run::Ready(_) | Run::IsReady(..))
        );
        if pod.is_gone || (pod.is_going() && !is_late) {
            return;
        }
        match step {
            Step::SetUp(step) => self.set_up(at, step),
            Step::Pull(step) => self.pull(at, step),
            Step::Run(step) => self.start(at, step),
            Step::Again(step) => self.restart(at, step),
            Step::Finish(step) => self.finish_pod(at, step),
            Step::End(step) => self.end_pod(at, step),
            Step::Resize(step) => self.resize_step(at, step),
        }
    }

    fn set_up(&mut self, at: usize, step: SetUp) {
        let now = self.now;
        let pod = &mut self.pods[at];
        match step {
            SetUp::Schedule => {
                pod.is_bound = true;
                pod.scheduled = now;
                self.truth.pods[at].scheduled = Some(now);
                let about = ("Pod", pod.meta.name.clone(), pod.meta.uid.clone());
                let message = format!("Successfully assigned default/{} to {}", about.1, pod.node);
                self.write_pod(at, Type::Modified);
                self.note(about, "Scheduled", message, "default-scheduler");
                self.pod_soon(at, 8, 20, Step::SetUp(SetUp::Admit));
            }
            SetUp::Admit => {
                pod.is_admitted = true;
                pod.admitted = now;
                pod.sandbox = (false, now);
                pod.ready = (false, now);
                self.report(at);
                self.pod_soon(at, 60, 200, Step::SetUp(SetUp::Sandbox));
            }
            SetUp::Sandbox => {
                pod.sandbox = (true, now);
                self.truth.pods[at].sandbox = Some(now);
                let image = pod.template.image.clone();
                let is_bad = pod.template.is_bad();
                self.pod_soon(at, 3, 8, Step::SetUp(SetUp::Report));
                if !is_bad && self.pulled.contains(&image) {
                    self.pod_soon(at, 1, 4, Step::Pull(Pull::Done(None)));
                    return;
                }
                self.note_container(at, "Pulling", format!("Pulling image \"{image}\""));
                if is_bad {
                    self.pod_soon(at, 40, 300, Step::Pull(Pull::Fails(0)));
                } else {
                    self.pod_soon(at, 100, 2_500, Step::Pull(Pull::Done(Some(now))));
                }
            }
            SetUp::Report => self.report(at),
        }
    }

    fn pull(&mut self, at: usize, step: Pull) {
        let now = self.now;
        let image = self.pods[at].template.image.clone();
        match step {
            Pull::Done(from) => {
                let message = match from {
                    None => format!(
                        "Container image \"{image}\" already present on machine and can be accessed by the pod"
                    ),
                    Some(from) => {
                        let took = go_duration(now - from);
                        format!(
                            "Successfully pulled image \"{image}\" in {took} ({took} including waiting). Image size: 21101256 bytes."
                        )
                    }
                };
                self.truth.pods[at].pulled = Some((from, now));
                if !self.pulled.contains(&image) {
                    self.pulled.push(image);
                }
                self.note_container(at, "Pulled", message);
                self.pod_soon(at, 3, 15, Step::Run(Run::Create));
            }
            Pull::Fails(n) => {
                let message = format!(
                    "Failed to pull image \"{image}\": rpc error: code = NotFound desc = not found"
                );
                self.note_container(at, "Failed", message);
                self.pods[at].state = State::Waiting("ErrImagePull");
                self.report(at);
                self.pod_soon(at, 9_000, 14_000, Step::Pull(Pull::BacksOff(n)));
            }
            Pull::BacksOff(n) => {
                self.pods[at].state = State::Waiting("ImagePullBackOff");
                self.report(at);
                self.note_container(at, "BackOff", format!("Back-off pulling image \"{image}\""));
                let wait = 10_000 << n.min(5);
                self.pod_soon(at, wait, wait + 3_000, Step::Pull(Pull::Fails(n + 1)));
            }
        }
    }

    fn start(&mut self, at: usize, step: Run) {
        let now = self.now;
        match step {
            Run::Create => {
                self.note_container(at, "Created", "Container created".to_owned());
                self.pod_soon(at, 20, 80, Step::Run(Run::Start));
            }
            Run::Start => {
                self.note_container(at, "Started", "Container started".to_owned());
                self.pod_soon(at, 5, 12, Step::Run(Run::Running(now)));
            }
            Run::Running(since) => {
                let pod = &mut self.pods[at];
                let run = pod.restarts;
                pod.state = State::Running(since);
                pod.phase = "Running";
                let (has_probe, ready_ms) = (pod.template.has_probe, pod.template.ready_ms);
                let will_crash = run < pod.template.crashes;
                if !has_probe {
                    pod.ready = (true, since);
                }
                self.truth.pod_runs(at, since, !has_probe);
                self.report(at);
                if will_crash {
                    self.pod_soon(at, 300, 1_500, Step::Again(Again::Exit(run)));
                } else if let Some((ms, _)) = self.pods[at].template.run {
                    self.pod_soon(at, ms, ms + 500, Step::Finish(Finish::Exit));
                } else if has_probe {
                    self.pod_soon(at, ready_ms, ready_ms + 400, Step::Run(Run::Ready(run)));
                }
            }
            Run::Ready(run) => self.pod_soon(at, 3, 8, Step::Run(Run::IsReady(run, now))),
            Run::IsReady(run, since) => {
                let pod = &mut self.pods[at];
                let is_running = matches!(pod.state, State::Running(_)) && pod.restarts == run;
                if is_running && !pod.ready.0 {
                    pod.ready = (true, since);
                    self.truth.pod_ready(at, since);
                    self.report(at);
                }
            }
        }
    }

    fn restart(&mut self, at: usize, step: Again) {
        let now = self.now;
        let pod = &mut self.pods[at];
        match (step, &pod.state) {
            (Again::Exit(run), State::Running(_)) if run == pod.restarts => {
                self.pod_soon(at, 10, 300, Step::Again(Again::Exited(run, now)));
            }
            (Again::Exited(run, finished), State::Running(started)) if run == pod.restarts => {
                pod.state = State::Terminated(Exit { code: 3, started: *started, finished });
                if pod.ready.0 {
                    pod.ready = (false, now);
                }
                let tree = self.tree_of(self.pods[at].maker);
                self.truth.pod_exited(tree, at, finished, now);
                self.report(at);
                if run == 0 {
                    self.pod_soon(at, 5, 20, Step::Again(Again::Restart(run)));
                } else {
                    let message = "Back-off restarting failed container app".to_owned();
                    self.note_container(at, "BackOff", message);
                    let wait = (10_000 << (run - 1).min(4)) - 100;
                    // Often this is told only with the restart, when it is over.
                    let early = self.random.chance(50);
                    let (low, high) = if early { (300, 900) } else { (wait, wait + 1) };
                    self.pod_soon(at, low, high, Step::Again(Again::CrashLoop(run)));
                    self.pod_soon(at, wait + 5, wait + 300, Step::Again(Again::Restart(run)));
                }
            }
            (Again::CrashLoop(run), State::Terminated(exit)) if run == pod.restarts => {
                pod.last = Some(exit.clone());
                pod.state = State::Waiting("CrashLoopBackOff");
                self.report(at);
            }
            (Again::Restart(run), State::Terminated(_) | State::Waiting(_))
                if run == pod.restarts =>
            {
                if let State::Terminated(exit) = &pod.state {
                    pod.last = Some(exit.clone());
                }
                pod.restarts += 1;
                let image = pod.template.image.clone();
                let message = format!(
                    "Container image \"{image}\" already present on machine and can be accessed by the pod"
                );
                self.note_container(at, "Pulled", message);
                self.pod_soon(at, 3, 15, Step::Run(Run::Create));
            }
            _ => {}
        }
    }

    fn end_pod(&mut self, at: usize, step: End) {
        let now = self.now;
        match step {
            End::Kill => {
                self.report(at);
                if matches!(self.pods[at].state, State::Running(_)) {
                    self.note_container(at, "Killing", "Stopping container app".to_owned());
                    let is_stubborn = self.random.chance(20);
                    let (low, high) = if is_stubborn { (2_995, 3_000) } else { (200, 2_800) };
                    let stop = self.now + self.random.ms(low, high);
                    let is_worker = self.pods[at].template.run.is_some();
                    let code = if is_stubborn { 137 } else { 143 * i64::from(is_worker) };
                    let wait = stop - self.now + self.random.ms(5, 60);
                    self.soon(wait, Task::SyncPod(at, Step::End(End::Stopped(stop, code))));
                } else {
                    self.pod_soon(at, 50, 600, Step::End(End::Stopped(0, 0)));
                }
            }
            End::Stopped(finished, code) => {
                let pod = &mut self.pods[at];
                pod.sandbox = (false, now);
                if pod.ready.0 {
                    pod.ready = (false, now);
                }
                let exit = match &pod.state {
                    State::Running(started) => Some(Exit { code, started: *started, finished }),
                    State::Terminated(exit) => Some(exit.clone()),
                    State::Waiting(_) => None,
                };
                if let Some(exit) = exit {
                    pod.phase = if exit.code == 0 { "Succeeded" } else { "Failed" };
                    // One that waits to be started again has not come to its end.
                    let was_running = matches!(pod.state, State::Running(_));
                    if pod.template.run.is_some() && was_running {
                        self.truth.pod_finished(at, exit.finished, exit.code);
                    }
                    pod.state = State::Terminated(exit);
                }
                self.truth.pods[at].is_forced = code == 137;
                self.report(at);
                self.pod_soon(at, 20, 900, Step::End(End::Final));
            }
            End::Final => {
                self.pods[at].meta.deletion = Some((now, 0));
                self.write_pod(at, Type::Modified);
                self.pod_soon(at, 1, 3, Step::End(End::Remove));
            }
            End::Remove => self.remove_pod(at),
        }
    }

    /// The container of a Pod ends in error; nobody asked it to.
    pub(super) fn crash(&mut self, at: usize) {
        let run = self.pods[at].restarts;
        self.soon(S / 1_000, Task::SyncPod(at, Step::Again(Again::Exit(run))));
    }
}
