//! What is written to a Pod in place: its resources, its images, ephemeral containers.

use serde::{Deserialize, Serialize};

use super::restart::{Forced, has_exited};
use super::{Facts, Pod, Seq, lower_bound};
use crate::facts::instant::{Arrival, Evidence, Heard};
use crate::facts::pod::{ContainerSnapshot, ContainerState, Exit, PodSnapshot, ResizeState, Role};
use crate::facts::span::Outcome;
use crate::facts::time::UnixNanos;

/// How many writes in place of one Pod are kept.
const MAX_RESIZES: usize = 16;

/// The resources of a Pod were written in place.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Resize {
    /// The transition it belongs to.
    pub seq: Seq,
    /// The generation of the write.
    pub generation: Option<i64>,
    /// When.
    pub written: Evidence,
    /// When and how it ended.
    pub done: Option<(Evidence, Outcome)>,
    /// Since when the node has had no room.
    pub deferred: Option<Evidence>,
    /// Why it failed, or waits.
    pub unfit: Option<Unfit>,
}

/// Why the resources of a Pod are not what was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unfit {
    /// The node can never give so much: the message.
    Infeasible(Box<str>),
    /// The node has no room now.
    Deferred,
}

impl Unfit {
    /// The reason, as the conditions of the Pod say it.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Infeasible(_) => "Infeasible",
            Self::Deferred => "Deferred",
        }
    }

    /// One sentence, or nothing.
    #[must_use]
    pub fn message(&self) -> &str {
        match self {
            Self::Infeasible(message) => message,
            Self::Deferred => "",
        }
    }
}

/// Images of a Pod were written in place, for which the kubelet runs containers again.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Imaged {
    /// The transition it belongs to.
    pub(super) seq: Seq,
    /// How often its containers had been restarted.
    n_restarts: u32,
    /// One of them had not run yet: the first run of that is what is waited for.
    awaits_first: bool,
    /// One of them has been restarted since, and all run.
    is_done: bool,
}

impl Facts {
    /// What was written in place that the kubelet is at, as what it forces is told; what waits for
    /// room on the node forces nothing.
    pub(super) fn written(&self) -> Option<Forced> {
        let is_imaged = self.imaged.is_some_and(|imaged| !imaged.is_done);
        let is_at_it = |resize: &Resize| resize.done.is_none() && resize.deferred.is_none();
        let is_resized = self.resizes.iter().any(is_at_it);
        is_imaged.then_some(Forced::ByImages).or(is_resized.then_some(Forced::ByResources))
    }
}

/// An ephemeral container runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Debugger {
    /// The transition it belongs to.
    pub seq: Seq,
    /// Its name.
    pub name: Box<str>,
    /// Its image.
    pub image: Box<str>,
    /// It was asked for.
    pub written: Evidence,
    /// It runs.
    pub started: Option<Evidence>,
    /// When and how it ended.
    pub ended: Option<(Evidence, Exit)>,
    /// Its Pod was gone before it was seen to end.
    pub cut: Option<Evidence>,
    /// Its transition has left without it.
    pub has_left: bool,
}

/// What a version of a Pod shows written in place against the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrittenInPlace {
    /// Its resources.
    pub resources: bool,
    /// Its images.
    pub images: bool,
    /// An ephemeral container.
    pub debugger: bool,
}

impl WrittenInPlace {
    /// Whether anything was.
    #[must_use]
    pub fn is_any(self) -> bool {
        self.resources || self.images || self.debugger
    }
}

impl Pod {
    /// What `new` shows written in place against the version held.
    #[must_use]
    pub fn written_in_place(&self, new: &PodSnapshot) -> WrittenInPlace {
        let is_known = self.version.is_some() && new.meta.deletion.is_none();
        WrittenInPlace {
            resources: is_known && self.in_place.resources != new.in_place.resources,
            images: is_known && self.in_place.images != new.in_place.images,
            debugger: is_known && new.debuggers.len() > usize::from(self.n_debuggers),
        }
    }

    /// Resizes whose spans have not left.
    #[must_use]
    pub fn resizes(&self) -> &[Resize] {
        self.facts.as_deref().map_or(&[], |facts| &facts.resizes)
    }

    /// Ephemeral containers whose spans have not left.
    #[must_use]
    pub fn debuggers(&self) -> &[Debugger] {
        self.facts.as_deref().map_or(&[], |facts| &facts.debuggers)
    }

    /// Whether what was written in place is not there yet, though it may come: nothing more comes to a
    /// Pod that goes.
    #[must_use]
    pub fn waits_in_place(&self) -> bool {
        let is_written = self.facts.as_deref().is_some_and(|facts| facts.written().is_some());
        let is_missing = is_written
            || self.resizes().iter().any(|resize| resize.done.is_none())
            || self.debuggers().iter().any(|debugger| debugger.started.is_none());
        is_missing && !self.is_going
    }

    /// Whether it has ephemeral containers whose spans have not left.
    #[must_use]
    pub fn has_debuggers(&self) -> bool {
        self.facts.as_deref().is_some_and(|facts| !facts.debuggers.is_empty())
    }

    /// Ephemeral containers that have ended since their transition left, or that end with the Pod
    /// where that is `gone`.
    pub fn take_left_debuggers(&mut self, gone: Option<Evidence>) -> Vec<Debugger> {
        let Some(facts) = self.facts.as_deref_mut() else { return Vec::new() };
        let is_over = |it: &mut Debugger| {
            it.cut = gone;
            it.has_left && (gone.is_some() || it.ended.is_some())
        };
        facts.debuggers.extract_if(.., is_over).collect()
    }

    /// Why it is not of the size that the transition `seq` wanted last: reason and message. One that
    /// goes wants none any more.
    #[must_use]
    pub fn refused_in_place(&self, seq: Seq) -> Option<(Box<str>, String)> {
        let last = self.resizes().iter().rfind(|resize| resize.seq == seq && !self.is_going);
        let failed = last.filter(|it| matches!(it.done, Some((_, Outcome::Failed))));
        let unfit = failed?.unfit.as_ref()?;
        Some((unfit.reason().into(), unfit.message().to_owned()))
    }

    /// Whether it was not waited for any longer to be resized.
    #[must_use]
    pub fn is_given_up_in_place(&self, seq: Seq) -> bool {
        self.resizes().iter().any(|resize| {
            resize.seq == seq && matches!(resize.done, Some((_, Outcome::Unfinished)))
        })
    }

    /// Since when a resize of it has waited for room on its node.
    #[must_use]
    pub fn deferred(&self) -> Option<UnixNanos> {
        let waiting = self.resizes().iter().filter(|resize| resize.done.is_none());
        waiting.filter_map(|resize| Some(resize.deferred?.moment())).min()
    }

    /// What has waited for room since `since` is waited for no longer from `now` on, which is `told`
    /// by the API server's clock: when that ended.
    pub fn end_deferred(
        &mut self,
        since: UnixNanos,
        now: UnixNanos,
        told: UnixNanos,
    ) -> Option<Evidence> {
        let mut ended = None;
        for resize in &mut self.facts.as_deref_mut()?.resizes {
            let waits = resize.deferred.filter(|_| resize.done.is_none());
            let Some(known) = waits.filter(|known| known.moment() <= since) else { continue };
            // Nothing tells of it: it has its place in the order behind what was known then.
            let arrival = known.heard.arrival.map(|it| Arrival { at: told, moment: now, ..it });
            let heard = Heard { arrival, order: known.order() };
            let at = Evidence { heard, ..Evidence::event(told, known.order()) };
            resize.done = Some((at, Outcome::Unfinished));
            ended = Some(at);
        }
        ended
    }

    pub(super) fn apply_in_place(
        &mut self,
        new: &PodSnapshot,
        heard: Heard,
        seq: Option<Seq>,
    ) -> u64 {
        let mut n_crowded = 0;
        let written = self.written_in_place(new);
        self.in_place = new.in_place;
        // None is ever taken away.
        let n_known = usize::from(self.n_debuggers);
        self.n_debuggers = u8::try_from(new.debuggers.len()).unwrap_or(u8::MAX);
        let at = Evidence::arrival(lower_bound(new), heard);
        if let Some(seq) = seq.filter(|_| written.is_any()) {
            let facts = self.facts();
            if written.resources && facts.resizes.len() < MAX_RESIZES {
                let generation = new.meta.generation;
                let (done, deferred, unfit) = (None, None, None);
                let resize = Resize { seq, generation, written: at, done, deferred, unfit };
                facts.resizes.push(resize);
            } else {
                n_crowded += u64::from(written.resources);
            }
            if written.images {
                let n_restarts = n_restarts(new);
                let awaits_first = new.containers.iter().any(has_not_run);
                facts.imaged = Some(Imaged { seq, n_restarts, awaits_first, is_done: false });
            }
            for debugger in new.debuggers.iter().skip(n_known) {
                if facts.debuggers.len() >= MAX_RESIZES {
                    n_crowded += 1;
                    continue;
                }
                facts.debuggers.push(Debugger {
                    seq,
                    name: debugger.name.clone(),
                    image: debugger.image.clone(),
                    written: at,
                    started: None,
                    ended: None,
                    cut: None,
                    has_left: false,
                });
            }
        }
        n_crowded
    }

    /// What of it a version shows to be there, once what it was restarted for is known.
    pub(super) fn apply_done_in_place(&mut self, new: &PodSnapshot, heard: Heard) {
        let at = Evidence::arrival(lower_bound(new), heard);
        let Some(facts) = self.facts.as_deref_mut() else { return };
        for resize in facts.resizes.iter_mut().filter(|resize| resize.done.is_none()) {
            resize.apply(new, at);
        }
        if let Some(imaged) = facts.imaged.as_mut().filter(|imaged| !imaged.is_done) {
            // Init containers have run, and are not run again for that.
            let mut of_life = new.containers.iter().filter(|it| it.role != Role::Init);
            let all_run = !of_life.any(|it| has_exited(it) || has_not_run(it));
            let is_another = n_restarts(new) > imaged.n_restarts || imaged.awaits_first;
            imaged.is_done = is_another && all_run;
        }
        for debugger in &mut facts.debuggers {
            let Some(seen) = new.debuggers.iter().find(|it| it.name == debugger.name) else {
                continue;
            };
            debugger.apply(&seen.state, at, heard);
        }
    }
}

impl Resize {
    fn apply(&mut self, new: &PodSnapshot, at: Evidence) {
        // A kubelet that names no generation speaks by conditions; the version that shows the write is not
        // the kubelet's, and may have a condition of the write before.
        let speaks = new.observed.is_none() && at.order() != self.written.order();
        if new.meta.deletion.is_some() {
            self.done = Some((at, Outcome::Deleted));
        } else if new.observed >= self.generation || (speaks && new.resize.is_some()) {
            match &new.resize {
                None => self.done = Some((at, Outcome::Completed)),
                Some(ResizeState::InProgress) => self.deferred = None,
                Some(ResizeState::Infeasible(message)) => {
                    self.unfit = Some(Unfit::Infeasible(message.clone()));
                    self.done = Some((at, Outcome::Failed));
                }
                Some(ResizeState::Deferred) => {
                    self.deferred.get_or_insert(at);
                    self.unfit = Some(Unfit::Deferred);
                }
            }
        }
    }
}

impl Debugger {
    fn apply(&mut self, state: &ContainerState, at: Evidence, heard: Heard) {
        match state {
            ContainerState::Running(since) => {
                let started = || Evidence::object_or(*since, at.lo, heard);
                self.started = self.started.or_else(|| Some(started()));
            }
            ContainerState::Terminated(exit) => {
                let started = || Evidence::object_or(exit.started, at.lo, heard);
                self.started = self.started.or_else(|| Some(started()));
                let ended = Evidence::object_or(exit.finished, at.lo, heard);
                self.ended.get_or_insert_with(|| (ended, (**exit).clone()));
            }
            ContainerState::Waiting { .. } => {}
        }
    }
}

/// It waits for its first run.
fn has_not_run(container: &ContainerSnapshot) -> bool {
    matches!(container.state, ContainerState::Waiting { .. }) && container.last.is_none()
}

/// How often its containers have been restarted.
fn n_restarts(pod: &PodSnapshot) -> u32 {
    pod.containers.iter().fold(0, |all, container| all.saturating_add(container.restarts))
}
