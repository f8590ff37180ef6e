//! What is written to a Pod in place: its resources, its images, ephemeral containers.

use super::{Pod, Seq, lower_bound};
use crate::facts::instant::{Arrival, Evidence};
use crate::facts::pod::{ContainerState, Exit, PodSnapshot, ResizeState};
use crate::facts::span::Outcome;
use crate::facts::time::Nanos;

/// How many writes in place of one Pod are kept.
const MAX_RESIZES: usize = 16;

/// The resources of a Pod were written in place.
#[derive(Clone, Debug)]
pub struct Resize {
    /// The transition it belongs to.
    pub seq: Seq,
    /// The generation of the write.
    pub generation: i64,
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
#[derive(Clone, Debug, PartialEq, Eq)]
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

/// An ephemeral container runs.
#[derive(Clone, Debug)]
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

    /// Whether what was written in place is not there yet.
    #[must_use]
    pub fn waits_in_place(&self) -> bool {
        let resizes = self.resizes().iter().any(|resize| resize.done.is_none());
        resizes || self.debuggers().iter().any(|debugger| debugger.started.is_none())
    }

    pub(super) fn apply_in_place(
        &mut self,
        new: &PodSnapshot,
        arrival: Option<Arrival>,
        seq: Option<Seq>,
        stable_time: Nanos,
    ) -> u64 {
        let mut n_crowded = 0;
        let written = self.written_in_place(new);
        self.in_place = new.in_place;
        self.n_debuggers = u8::try_from(new.debuggers.len()).unwrap_or(u8::MAX);
        let at = Evidence::arrival(lower_bound(new), arrival);
        if let Some(seq) = seq.filter(|_| written.resources || written.debugger) {
            let known: Vec<Box<str>> = self.debuggers().iter().map(|it| it.name.clone()).collect();
            let facts = self.facts();
            if written.resources && facts.resizes.len() < MAX_RESIZES {
                let generation = new.meta.generation;
                let (done, deferred, unfit) = (None, None, None);
                let resize = Resize { seq, generation, written: at, done, deferred, unfit };
                facts.resizes.push(resize);
            } else {
                n_crowded += u64::from(written.resources);
            }
            for debugger in new.debuggers.iter().filter(|it| !known.contains(&it.name)) {
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
                });
            }
        }
        let Some(facts) = self.facts.as_deref_mut() else { return n_crowded };
        for resize in facts.resizes.iter_mut().filter(|resize| resize.done.is_none()) {
            resize.apply(new, at, stable_time);
        }
        for debugger in &mut facts.debuggers {
            let Some(seen) = new.debuggers.iter().find(|it| it.name == debugger.name) else {
                continue;
            };
            debugger.apply(&seen.state, at, arrival);
        }
        n_crowded
    }
}

impl Resize {
    fn apply(&mut self, new: &PodSnapshot, at: Evidence, stable_time: Nanos) {
        if new.meta.deletion.is_some() {
            self.done = Some((at, Outcome::Deleted));
        } else if new.observed < self.generation {
            // The kubelet has not seen it yet.
        } else {
            match &new.resize {
                None => self.done = Some((at, Outcome::Completed)),
                Some(ResizeState::InProgress) => self.deferred = None,
                Some(ResizeState::Infeasible(message)) => {
                    self.unfit = Some(Unfit::Infeasible(message.clone()));
                    self.done = Some((at, Outcome::Failed));
                }
                Some(ResizeState::Deferred) => {
                    let since = *self.deferred.get_or_insert(at);
                    self.unfit = Some(Unfit::Deferred);
                    if at.moment().since(since.moment()) >= stable_time {
                        self.done = Some((at, Outcome::Unfinished));
                    }
                }
            }
        }
    }
}

impl Debugger {
    fn apply(&mut self, state: &ContainerState, at: Evidence, arrival: Option<Arrival>) {
        match state {
            ContainerState::Running(since) => {
                let started = || Evidence::object_or(*since, at.lo, arrival);
                self.started = self.started.or_else(|| Some(started()));
            }
            ContainerState::Terminated(exit) => {
                let started = || Evidence::object_or(exit.started, at.lo, arrival);
                self.started = self.started.or_else(|| Some(started()));
                let ended = Evidence::object_or(exit.finished, at.lo, arrival);
                self.ended.get_or_insert_with(|| (ended, exit.clone()));
            }
            ContainerState::Waiting { .. } => {}
        }
    }
}
