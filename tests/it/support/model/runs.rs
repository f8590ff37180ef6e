//! How a Pod that runs once comes to its end.

#![expect(clippy::indexing_slicing, reason = "a panic is a failed test")]

use super::World;
use super::kubelet::Step;
use super::objects::{Exit, Maker, State};
use super::workloads::Form;

/// The end of the only container of a Pod that runs once.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Finish {
    Exit,
    /// When it ended, and its exit code.
    Exited(i64, i64),
    /// The Pod is over, which is written about a second later.
    Over,
}

impl World {
    pub(super) fn finish_pod(&mut self, at: usize, step: Finish) {
        let now = self.now;
        match step {
            Finish::Exit => {
                let fails = self.fails(at);
                let code = if self.random.chance(fails) { self.random.between(1, 9) } else { 0 };
                self.pod_soon(at, 10, 90, Step::Finish(Finish::Exited(now, code)));
            }
            Finish::Exited(finished, code) => {
                let pod = &mut self.pods[at];
                let State::Running(started) = pod.state else { return };
                pod.state = State::Terminated(Exit { code, started, finished });
                pod.ready = (false, now);
                self.truth.pod_finished(at, finished, code);
                self.report(at);
                self.pod_soon(at, 900, 1_200, Step::Finish(Finish::Over));
            }
            Finish::Over => {
                let pod = &mut self.pods[at];
                let State::Terminated(exit) = &pod.state else { return };
                pod.phase = if exit.code == 0 { "Succeeded" } else { "Failed" };
                pod.sandbox = (false, now);
                self.report(at);
            }
        }
    }

    /// Of a hundred Pods like this one so many fail.
    fn fails(&self, at: usize) -> i64 {
        let Maker::Workload(of) = self.pods[at].maker else { return 0 };
        match &self.workloads[of].form {
            Form::Job(job) => job.fails,
            Form::StatefulSet(_) | Form::DaemonSet(_) => 0,
        }
    }
}
