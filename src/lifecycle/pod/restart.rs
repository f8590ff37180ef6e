//! Restarts of containers: from the end of one run to the next.

use serde::{Deserialize, Serialize};

use super::{Pod, Probe, Seq, finish, is_finished, lower_bound};
use crate::facts::instant::{Evidence, Heard};
use crate::facts::pod::{
    ContainerSnapshot, ContainerState, Exit, KnownContainer, PodSnapshot, Role,
};

/// How many restarts of one Pod a transition keeps; the rest is counted.
const MAX_RESTARTS: usize = 100;

/// A restart of a container.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Restart {
    /// The transition it belongs to.
    pub seq: Seq,
    /// The container.
    pub container: Box<str>,
    /// The `restartCount` that it leads to.
    pub attempt: u32,
    /// How the run before it ended.
    pub exit: Exit,
    /// When.
    pub finished: Evidence,
    /// Running again.
    pub running: Option<Evidence>,
    /// Running again, and ready again if the Pod had been Ready.
    pub done: Option<Evidence>,
    /// Its Pod had finished before it was done: the kubelet had evicted it.
    pub failed: Option<Evidence>,
    /// The Pod had been Ready before, so that being ready again is part of it.
    pub waits_for_ready: bool,
    /// It happened inside the start of its Pod.
    pub is_in_start: bool,
    /// What forced it.
    pub forced: Option<Forced>,
    /// Runs between that were never seen.
    pub n_missed: u32,
    /// Its transition closed before it was done.
    pub is_cut: bool,
}

impl Restart {
    /// Neither done, nor is its Pod over.
    pub(super) const fn is_open(&self) -> bool {
        self.done.is_none() && self.failed.is_none()
    }
}

/// What forces the restart of a container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Forced {
    /// A probe that failed, and what it said last.
    ByProbe(Probe, Box<str>),
    /// Its image was written in place.
    ByImages,
    /// Its resources were, and its policy is to be restarted for that.
    ByResources,
}

impl Forced {
    /// The reason that spans give.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::ByProbe(probe, _) => probe.failed(),
            Self::ByImages => "ImageChanged",
            Self::ByResources => "ResourcesChanged",
        }
    }
}

impl Pod {
    /// What is always known of its containers is as a rule what it was.
    pub(super) fn keep_containers(&mut self, new: &PodSnapshot) {
        let are_same = self.containers.len() == new.containers.len()
            && self.containers.iter().zip(&new.containers).all(|(known, new)| {
                known.restarts == new.restarts
                    && known.has_exited == is_to_run(new)
                    && known.name == new.name
            });
        if !are_same {
            let known = new.containers.iter().map(|container| KnownContainer {
                name: container.name.clone(),
                restarts: container.restarts,
                has_exited: is_to_run(container),
            });
            self.containers = known.collect();
        }
    }

    /// The exit of `container` that this Pod does not know yet, if it will be restarted after it.
    pub(super) fn new_exit<'a>(&self, container: &'a ContainerSnapshot) -> Option<&'a Exit> {
        let known = self.containers.iter().find(|known| known.name == container.name);
        let known_restarts = known.map_or(0, |known| known.restarts);
        if !self.restarts_always {
            return self.new_restart(container, known_restarts);
        }
        let is_known =
            |known: &KnownContainer| known.has_exited && known.restarts == container.restarts;
        if known.is_some_and(is_known) {
            return None;
        }
        let was_known_exited = known.is_some_and(|known| known.has_exited);
        let exit = match &container.state {
            ContainerState::Terminated(exit) => Some(&**exit),
            ContainerState::Waiting { .. } | ContainerState::Running(_) => {
                let after_exit = container.restarts > known_restarts && !was_known_exited;
                let backs_off = has_exited(container);
                container.last.as_deref().filter(|_| after_exit || backs_off)
            }
        }?;
        is_run_again(container, exit).then_some(exit)
    }

    /// The exit of a container of a Pod that runs to its end, if it is known that it runs again after it:
    /// by then it does, or the kubelet says that it will.
    fn new_restart<'a>(
        &self,
        container: &'a ContainerSnapshot,
        known_restarts: u32,
    ) -> Option<&'a Exit> {
        let attempt = self.attempt(container);
        let is_it = |told: &Restart| told.attempt == attempt && told.container == container.name;
        let is_told = attempt <= known_restarts || self.restarts().iter().any(is_it);
        let exit = container.last.as_deref().filter(|_| !is_told)?;
        is_run_again(container, exit).then_some(exit)
    }

    /// The `restartCount` of the run that a container is in, or that is awaited.
    fn attempt(&self, container: &ContainerSnapshot) -> u32 {
        // Of a Pod that runs to its end it is not known before whether another follows.
        let is_awaited = if self.restarts_always { has_exited } else { backs_off };
        container.restarts + u32::from(is_awaited(container))
    }

    /// What forces the restart of a container after this exit: the probe of it that has failed, once,
    /// or else what was written in place and is not there yet. Of memory a container runs out by itself.
    fn forced(&mut self, container: &str, exit: &Exit) -> Option<Forced> {
        if &*exit.reason == "OOMKilled" {
            return None;
        }
        let facts = self.facts.as_deref_mut()?;
        let failed = facts.probe.take_if(|probe| probe.is_fatal && *probe.container == *container);
        failed.map(|probe| Forced::ByProbe(probe.kind, probe.output)).or_else(|| facts.written())
    }

    /// Returns how many restarts found no room.
    pub(super) fn apply_restarts(
        &mut self,
        new: &PodSnapshot,
        heard: Heard,
        seq: Option<Seq>,
    ) -> u64 {
        // What ends with its Pod is not started again.
        if new.meta.deletion.is_some() {
            return 0;
        }
        if is_finished(new) {
            let ended = self.run().and_then(|run| run.last_end());
            let at = ended.unwrap_or_else(|| finish(new, heard));
            let facts = self.facts.as_deref_mut().into_iter();
            let open = facts.flat_map(|facts| &mut facts.restarts).filter(|it| it.is_open());
            open.for_each(|restart| restart.failed = Some(at));
            return 0;
        }
        let mut n_crowded = 0;
        for container in &new.containers {
            self.apply_ended_runs(container, heard);
            let known = self.containers.iter().find(|known| known.name == container.name);
            // The restart after an exit that is known has been told.
            let n_told = |known: &KnownContainer| {
                known.restarts + u32::from(self.restarts_always && known.has_exited)
            };
            let n_known = known.map_or(0, n_told);
            if let (Some(exit), Some(seq)) = (self.new_exit(container), seq) {
                let attempt = self.attempt(container);
                // The end of a run was told when it came, though not what would follow.
                let ended = attempt.checked_sub(1).and_then(|before| {
                    self.run().and_then(|run| run.end_of(&container.name, before))
                });
                let told =
                    || (Evidence::object_or(exit.finished, lower_bound(new), heard), exit.clone());
                let (finished, exit) = ended.cloned().unwrap_or_else(told);
                let restart = Restart {
                    seq,
                    container: container.name.clone(),
                    attempt,
                    forced: self.forced(&container.name, &exit),
                    exit,
                    finished,
                    running: None,
                    done: None,
                    failed: None,
                    waits_for_ready: self.was_ready && self.restarts_always,
                    is_in_start: self.start().is_some_and(|start| {
                        if start.is_of_run { start.is_open() } else { !self.was_ready }
                    }),
                    n_missed: attempt.saturating_sub(n_known + 1),
                    is_cut: false,
                };
                if self.restarts().len() < MAX_RESTARTS {
                    self.facts().restarts.push(restart);
                } else {
                    n_crowded += 1;
                }
            }
            self.apply_running(container, new, heard);
        }
        n_crowded
    }

    /// What was restarted ran, and has ended again: of that run nothing else may have been seen.
    fn apply_ended_runs(&mut self, container: &ContainerSnapshot, heard: Heard) {
        let last = container.last.as_deref().zip(last_run(container));
        let newest = match &container.state {
            ContainerState::Terminated(exit) => Some((&**exit, container.restarts)),
            ContainerState::Waiting { .. } | ContainerState::Running(_) => None,
        };
        let facts = self.facts.as_deref_mut().into_iter();
        let all = facts.flat_map(|facts| &mut facts.restarts);
        for restart in all.filter(|it| it.container == container.name && it.is_open()) {
            let ended = [last, newest].into_iter().flatten();
            let began = ended.filter(|(_, of)| *of == restart.attempt);
            let began = began.filter_map(|(exit, _)| exit.started).next();
            if let Some(began) = began.filter(|_| !restart.waits_for_ready) {
                let running = restart.running.get_or_insert(Evidence::object(began, heard));
                restart.done = Some(*running);
            }
        }
    }

    /// What was restarted runs, and is ready, again.
    fn apply_running(&mut self, container: &ContainerSnapshot, new: &PodSnapshot, heard: Heard) {
        let ContainerState::Running(since) = &container.state else { return };
        let Some(facts) = self.facts.as_deref_mut() else { return };
        for restart in facts.restarts.iter_mut().filter(|restart| {
            restart.container == container.name
                && restart.is_open()
                && container.restarts >= restart.attempt
        }) {
            let running = restart
                .running
                .get_or_insert_with(|| Evidence::object_or(*since, restart.finished.lo, heard));
            if !restart.waits_for_ready {
                restart.done = Some(*running);
            } else if container.ready {
                let again = new.ready.as_ref().filter(|ready| ready.is_true);
                let again = again.and_then(|ready| ready.changed);
                let lo = again.map_or(running.lo, |again| again.max(running.lo));
                restart.done = Some(Evidence {
                    is_object_time: again == Some(lo),
                    ..Evidence::arrival(lo, heard)
                });
            }
        }
    }
}

/// After this exit it is run again: an init container is not once it has succeeded.
fn is_run_again(container: &ContainerSnapshot, exit: &Exit) -> bool {
    container.role != Role::Init || exit.code != 0
}

/// It has exited, and if it is an init container it will be run again.
fn is_to_run(container: &ContainerSnapshot) -> bool {
    has_exited(container) && (container.role != Role::Init || has_failed(container))
}

/// An init container that will be run again.
fn has_failed(container: &ContainerSnapshot) -> bool {
    match &container.state {
        ContainerState::Terminated(exit) => exit.code != 0,
        ContainerState::Waiting { .. } | ContainerState::Running(_) => true,
    }
}

/// The `restartCount` of the run that the last state is of. While the next one is waited for it is not
/// counted yet.
pub(super) fn last_run(container: &ContainerSnapshot) -> Option<u32> {
    container.restarts.checked_sub(u32::from(!backs_off(container)))
}

/// It exited, and no next run is told of.
pub(super) fn has_exited(container: &ContainerSnapshot) -> bool {
    matches!(container.state, ContainerState::Terminated(_)) || backs_off(container)
}

/// It exited, and the kubelet says that it waits before it runs it again.
fn backs_off(container: &ContainerSnapshot) -> bool {
    let ContainerState::Waiting { reason, .. } = &container.state else { return false };
    &**reason == "CrashLoopBackOff" && container.last.is_some()
}
