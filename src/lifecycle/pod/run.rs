//! The runs of containers in a Pod that runs to its end.

use serde::{Deserialize, Serialize};

use super::restart::last_run;
use super::{Pod, Seq, finish, is_finished};
use crate::facts::instant::{Evidence, Heard};
use crate::facts::pod::{ContainerSnapshot, ContainerState, Exit, PodSnapshot, Role};
use crate::facts::time::UnixNanos;

/// How many runs of one Pod are kept; the rest is counted as missed by the restarts.
const MAX_RUNS: usize = 200;

/// The facts of a Pod that runs to its end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PodRun {
    /// The transition it belongs to; `None` if it was seen in a list, and no list has been judged.
    pub seq: Option<Seq>,
    /// Created.
    pub created: Evidence,
    /// Its containers' runs, init containers excepted.
    pub runs: Vec<Run>,
    /// All its containers have ended.
    pub finished: Option<Evidence>,
    /// Its transition closed before it had ended.
    pub is_cut: bool,
}

/// A run of a container.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Run {
    /// The container.
    pub container: Box<str>,
    /// Its part.
    pub role: Role,
    /// The image, as the spec names it.
    pub image: Box<str>,
    /// How many runs came before: the `restartCount` of it.
    pub attempt: u32,
    /// Running.
    pub started: Evidence,
    /// When and how it ended.
    pub ended: Option<(Evidence, Exit)>,
}

impl PodRun {
    /// A run that begins with the creation of its Pod.
    #[must_use]
    pub fn new(seq: Option<Seq>, created: Evidence) -> Self {
        Self { seq, created, runs: Vec::new(), finished: None, is_cut: false }
    }

    /// Its transition ended at `order`, before it had: what was told later is no part of it.
    pub(super) fn cut(&mut self, order: u64) {
        self.is_cut = true;
        self.runs.retain(|run| run.started.order() <= order);
        for run in &mut self.runs {
            run.ended.take_if(|(at, _)| at.order() > order);
        }
    }

    /// Takes over a new version; `lo` is the time before which it was not written.
    fn apply(&mut self, new: &PodSnapshot, lo: UnixNanos, heard: Heard) {
        for container in new.containers.iter().filter(|it| it.role != Role::Init) {
            if let (Some(last), Some(of)) = (&container.last, last_run(container)) {
                self.ended(container, of, last, lo, heard);
            }
            match &container.state {
                ContainerState::Running(since) => {
                    let started = Evidence::object_or(*since, lo, heard);
                    self.run(container, container.restarts, started);
                }
                ContainerState::Terminated(exit) => {
                    self.ended(container, container.restarts, exit, lo, heard);
                }
                ContainerState::Waiting { .. } => {}
            }
        }
        let all_ended = self.runs.is_empty() || self.last_end().is_some();
        if self.finished.is_none() && all_ended && (is_finished(new) || has_ended_well(new)) {
            self.finished = Some(self.last_end().unwrap_or_else(|| finish(new, heard)));
        }
    }

    /// The end of the container that ended last, if all that ran have ended. What ran again had ended
    /// before that, even if nobody saw it.
    #[must_use]
    pub fn last_end(&self) -> Option<Evidence> {
        let ends = self.runs.iter().filter_map(|run| match &run.ended {
            Some((at, _)) => Some(Some(*at)),
            None => self.next(run).is_none().then_some(None),
        });
        let ends: Option<Vec<Evidence>> = ends.collect();
        ends?.into_iter().max_by_key(|end| (end.lo, end.order()))
    }

    /// The run of its container that came after this one.
    #[must_use]
    pub fn next(&self, run: &Run) -> Option<&Run> {
        let is_later = |it: &&Run| it.container == run.container && it.attempt > run.attempt;
        self.runs.iter().filter(is_later).min_by_key(|it| it.attempt)
    }

    /// When and how the run `attempt` of a container ended.
    pub(super) fn end_of(&self, container: &str, attempt: u32) -> Option<&(Evidence, Exit)> {
        let is_it = |run: &&Run| run.attempt == attempt && *run.container == *container;
        self.runs.iter().find(is_it)?.ended.as_ref()
    }

    fn run(
        &mut self,
        container: &ContainerSnapshot,
        attempt: u32,
        started: Evidence,
    ) -> Option<&mut Run> {
        if self.known(container, attempt).is_none() && self.runs.len() < MAX_RUNS {
            self.runs.push(Run {
                container: container.name.clone(),
                role: container.role,
                image: container.image.clone(),
                attempt,
                started,
                ended: None,
            });
        }
        self.known(container, attempt)
    }

    fn known(&mut self, container: &ContainerSnapshot, attempt: u32) -> Option<&mut Run> {
        let is_it = |run: &&mut Run| run.attempt == attempt && run.container == container.name;
        self.runs.iter_mut().find(is_it)
    }

    fn ended(
        &mut self,
        container: &ContainerSnapshot,
        attempt: u32,
        exit: &Exit,
        lo: UnixNanos,
        heard: Heard,
    ) {
        let run = match exit.started {
            Some(since) => self.run(container, attempt, Evidence::object(since, heard)),
            // Without a start it never ran, but where that was seen: of what is removed to restart all
            // containers no times are left.
            None => self.known(container, attempt),
        };
        if let Some(run) = run.filter(|run| run.ended.is_none()) {
            let lo = exit.started.map_or(lo, |since| lo.min(since));
            let at = Evidence::object_or(exit.finished, run.started.lo.max(lo), heard);
            run.ended = Some((at, exit.clone()));
        }
    }
}

/// All its containers have ended, and none will run again. The kubelet says so of the Pod a moment
/// later, when it has taken it down.
fn has_ended_well(pod: &PodSnapshot) -> bool {
    let mut running = pod.containers.iter().filter(|it| it.role != Role::Init);
    // A sidecar is ended when the others have; its exit code says nothing.
    let is_over = |container: &ContainerSnapshot| {
        let is_sidecar = container.role == Role::Sidecar;
        matches!(&container.state, ContainerState::Terminated(exit) if exit.code == 0 || is_sidecar)
    };
    pod.containers.iter().any(|it| it.role == Role::Main) && running.all(is_over)
}

impl Pod {
    pub(super) fn apply_run(&mut self, new: &PodSnapshot, lo: UnixNanos, heard: Heard) {
        let is_going = new.meta.deletion.is_some();
        let open = |run: &&mut PodRun| run.finished.is_none() && !run.is_cut;
        if let Some(run) = self.run_mut().filter(open) {
            run.apply(new, lo, heard);
            if is_going {
                // What ends after its deletion was asked for was ended by that.
                run.finished = None;
            }
        }
    }
}
