//! A Pod of a tree: what it is now, and while a transition needs it, what happened to it.
//!
//! A settled Pod keeps a few dozen bytes; the facts of a start, of restarts and of the end are
//! boxed beside it and go as soon as their spans have left.

mod belongs;
mod end;
mod events;
mod in_place;
mod loss;
mod restart;
mod run;
mod start;
mod waits;

use std::num::{NonZeroU32, NonZeroU64};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use end::{End, deletion_request};
pub use events::{Noted, Probe};
use in_place::Imaged;
pub use in_place::{Debugger, Resize, Unfit, WrittenInPlace};
pub use loss::{Loss, Tally};
pub use restart::{Forced, Restart};
pub use run::{PodRun, Run};
pub use start::{ContainerStart, Pulled, Start, Told};
pub use waits::Waits;

use super::shared::Shared;
use crate::facts::instant::{Evidence, Heard};
use crate::facts::meta::Uid;
use crate::facts::pod::{ContainerState, InPlace, KnownContainer, PodPhase, PodSnapshot};
use crate::facts::reason;
use crate::facts::reason::Failure;
use crate::facts::time::{SECOND, UnixNanos};

/// The number of a transition within its tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Seq(NonZeroU32);

impl Seq {
    /// That of the first.
    pub const FIRST: Self = Self(NonZeroU32::MIN);

    /// That of the next.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

/// How many Events one Pod keeps until its spans leave.
const MAX_NOTES: usize = 128;

/// A Pod.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Pod {
    /// `metadata.name`.
    pub name: Box<str>,
    /// The workload it belongs to; `None` where it is the top of its tree.
    owner: Option<Uid>,
    /// resourceVersion of the version held; `None` where none is, or one of a history that is over.
    pub version: Option<NonZeroU64>,
    /// `creationTimestamp`.
    pub created: UnixNanos,
    /// Its node; `None` before it is bound.
    pub node: Option<Arc<str>>,
    /// It has been Ready at some time.
    pub was_ready: bool,
    /// It is Ready.
    pub is_ready: bool,
    /// Its deletion was asked for.
    pub is_going: bool,
    /// Its phase is Succeeded or Failed.
    pub is_finished: bool,
    /// Static Pods of a kubelet: no spans.
    pub is_untraced: bool,
    /// restartPolicy is Always: it does not run to its end.
    pub restarts_always: bool,
    /// How many ephemeral containers it has had.
    n_debuggers: u8,
    /// What of its spec may be written in place.
    in_place: InPlace,
    /// Its containers.
    pub containers: Arc<[KnownContainer]>,
    /// What transitions need of it; `None` for most of its life.
    facts: Option<Box<Facts>>,
}

/// What happened to a Pod, until its spans have left. Its parts are shared with what is told of it, and
/// with what is kept of the Pod as it was.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Facts {
    /// Since when it is not Ready, though it had been.
    unready: Option<Evidence>,
    /// A transition that it opened since it was Ready tells that it is lost.
    is_loss_told: bool,
    /// The failure state it is in, and since when.
    failure: Option<Arc<(Failure, Evidence)>>,
    /// The kubelet evicts it: the message of the Event that says so.
    evicted: Option<Box<str>>,
    /// What an Event says keeps it from starting, until it has a sandbox.
    obstacle: Option<Arc<(Failure, Evidence)>>,
    /// The liveness or startup probe that failed last.
    probe: Option<Box<FailedProbe>>,
    /// Its start, until the spans of that have left.
    start: Option<Arc<Start>>,
    /// Its run, where it runs to its end, until the spans of that have left.
    run: Option<Arc<PodRun>>,
    /// Its end, from the request on.
    end: Option<Arc<End>>,
    /// Restarts whose spans have not left.
    restarts: Vec<Restart>,
    /// The same of resizes in place.
    resizes: Vec<Resize>,
    /// The same of ephemeral containers.
    debuggers: Vec<Debugger>,
    /// Its images were written, and its containers have not run again since.
    imaged: Option<Imaged>,
    /// Events that may belong to spans that have not left.
    notes: Vec<Noted>,
}

/// A probe that failed, and what it said.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct FailedProbe {
    container: Box<str>,
    kind: Probe,
    output: Box<str>,
    /// The container is restarted for it.
    is_fatal: bool,
}

impl Pod {
    /// A Pod of which nothing but what never changes has been taken over yet.
    #[must_use]
    pub fn new(seen: &PodSnapshot, owner: Option<Uid>) -> Self {
        Self {
            name: seen.meta.name.clone(),
            owner,
            version: None,
            created: seen.meta.created,
            node: None,
            was_ready: false,
            is_ready: false,
            is_going: false,
            is_finished: false,
            is_untraced: seen.is_mirror,
            restarts_always: seen.restarts_always,
            n_debuggers: 0,
            in_place: InPlace::default(),
            containers: Arc::default(),
            facts: None,
        }
    }

    /// It is first seen in a list: what has not come to its end may be of a transition that the
    /// list proves open.
    pub fn begin_listed(&mut self, seen: &PodSnapshot, heard: Heard) {
        let is_going = seen.meta.deletion.is_some();
        if !is_going && !is_ready(seen) {
            self.set_start(Start::new(None, seen, heard));
        }
        if !is_going && !self.restarts_always && !is_finished(seen) {
            self.set_run(PodRun::new(None, Evidence::object(seen.meta.created, heard)));
        }
    }

    /// The workload it belongs to; `None` where it is the top of its tree.
    #[must_use]
    pub fn owner(&self) -> Option<Uid> {
        self.owner
    }

    /// What many have is held once.
    pub fn share(&mut self, shared: &mut Shared) {
        shared.name(&mut self.node);
        shared.containers(&mut self.containers);
    }

    /// Says what it belongs to.
    pub fn set_owner(&mut self, owner: Option<Uid>) {
        self.owner = owner;
    }

    /// Whether transitions need anything of it.
    #[must_use]
    pub const fn has_facts(&self) -> bool {
        self.facts.is_some()
    }

    /// Its start, until the spans of that have left.
    #[must_use]
    pub fn start(&self) -> Option<&Start> {
        self.facts.as_deref()?.start.as_deref()
    }

    /// The same, to be changed.
    pub fn start_mut(&mut self) -> Option<&mut Start> {
        self.facts.as_deref_mut()?.start.as_mut().map(Arc::make_mut)
    }

    /// Its run, until the spans of that have left.
    #[must_use]
    pub fn run(&self) -> Option<&PodRun> {
        self.facts.as_deref()?.run.as_deref()
    }

    /// The same, to be changed.
    pub fn run_mut(&mut self) -> Option<&mut PodRun> {
        self.facts.as_deref_mut()?.run.as_mut().map(Arc::make_mut)
    }

    /// Says that it runs to its end.
    pub fn set_run(&mut self, run: PodRun) {
        self.facts().run = Some(Arc::new(run));
    }

    /// What was seen of it in a list belongs to the transition `seq`, which a list proves open.
    pub fn continue_in(&mut self, seq: Seq) {
        if let Some(start) = self.start_mut() {
            start.seq = Some(seq);
        }
        if let Some(run) = self.run_mut() {
            run.seq = Some(seq);
        }
    }

    /// Says when its start began.
    pub fn set_start(&mut self, start: Start) {
        self.facts().start = Some(Arc::new(start));
    }

    /// Its end, from the request on.
    #[must_use]
    pub fn end(&self) -> Option<&End> {
        self.facts.as_deref()?.end.as_deref()
    }

    /// The same, to be changed.
    pub fn end_mut(&mut self) -> Option<&mut End> {
        self.facts.as_deref_mut()?.end.as_mut().map(Arc::make_mut)
    }

    /// Says when its end was asked for.
    pub fn set_end(&mut self, end: End) {
        self.facts().end = Some(Arc::new(end));
    }

    /// Restarts whose spans have not left.
    #[must_use]
    pub fn restarts(&self) -> &[Restart] {
        self.facts.as_deref().map_or(&[], |facts| &facts.restarts)
    }

    /// Events that may belong to spans that have not left.
    #[must_use]
    pub fn notes(&self) -> &[Noted] {
        self.facts.as_deref().map_or(&[], |facts| &facts.notes)
    }

    /// Since when it is not Ready, though it had been.
    #[must_use]
    pub fn unready(&self) -> Option<&Evidence> {
        self.facts.as_deref()?.unready.as_ref()
    }

    /// Its loss is told; whether it had been since it was Ready.
    pub fn tell_loss(&mut self) -> bool {
        let facts = self.facts.as_deref_mut();
        facts.is_some_and(|facts| std::mem::replace(&mut facts.is_loss_told, true))
    }

    /// The same, where it counts: it has neither finished, nor is it left untraced.
    #[must_use]
    pub fn missed(&self) -> Option<&Evidence> {
        let is_to_last = self.restarts_always && !self.is_finished && !self.is_untraced;
        self.unready().filter(|_| is_to_last)
    }

    /// The failure state it is in, and since when.
    #[must_use]
    pub fn failure(&self) -> Option<(&Failure, &Evidence)> {
        let facts = self.facts.as_deref()?;
        let failure = facts.failure.as_deref().or(facts.obstacle.as_deref());
        failure.map(|(failure, since)| (failure, since))
    }

    fn facts(&mut self) -> &mut Facts {
        self.facts.get_or_insert_default()
    }

    /// Takes over a new version; what happened belongs to the transition `seq`, if one is open.
    /// Returns how much of it found no room.
    ///
    /// `seq` is asked for restarts and the end only: a start belongs to the transition that the
    /// Pod was created in.
    pub fn apply(&mut self, new: &PodSnapshot, heard: Heard, seq: Option<Seq>) -> u64 {
        let mut n_crowded = self.apply_in_place(new, heard, seq);
        self.version = NonZeroU64::new(new.meta.resource_version);
        if self.node != new.node {
            self.node.clone_from(&new.node);
        }
        self.apply_start(new, heard);
        self.apply_run(new, lower_bound(new), heard);
        n_crowded += self.apply_restarts(new, heard, seq);
        self.apply_done_in_place(new, heard);
        self.apply_ready(new, heard);
        self.apply_failure(new, heard);
        let had_finished = std::mem::replace(&mut self.is_finished, is_finished(new));
        if let Some(deletion) = &new.meta.deletion {
            // The deletion of what had finished is no span.
            let seq = seq.filter(|_| !had_finished);
            let facts = self.facts();
            let requested = || Arc::new(End::new(seq, deletion_request(new, heard), deletion));
            Arc::make_mut(facts.end.get_or_insert_with(requested)).apply(new);
            facts.unready = None;
            self.is_going = true;
        }
        self.keep_containers(new);
        n_crowded
    }

    fn apply_start(&mut self, new: &PodSnapshot, heard: Heard) {
        // A start ends when its deletion is asked for: what the Pod still does is its end.
        if self.start().is_some_and(Start::is_open)
            && let Some(start) = self.start_mut()
        {
            start.apply(new, heard);
        }
    }

    fn apply_ready(&mut self, new: &PodSnapshot, heard: Heard) {
        let is_ready = is_ready(new);
        if is_ready {
            self.was_ready = true;
            if let Some(facts) = self.facts.as_deref_mut() {
                (facts.unready, facts.is_loss_told) = (None, false);
            }
        } else if self.was_ready && self.unready().is_none() && new.meta.deletion.is_none() {
            let changed = new.ready.as_ref().and_then(|ready| ready.changed);
            let since = Evidence::object_or(changed, lower_bound(new), heard);
            self.facts().unready = Some(since);
        }
        self.is_ready = is_ready;
    }

    fn apply_failure(&mut self, new: &PodSnapshot, heard: Heard) {
        match reason::of(new) {
            // A Pod that is terminating cannot fail, nor does it recover: it goes as it was.
            None if new.meta.deletion.is_some() => {}
            // A run that had failed stays so, whatever becomes of its Pod.
            None if self.is_finished && !self.restarts_always && !has_succeeded(new) => {}
            None => {
                if let Some(facts) = self.facts.as_deref_mut() {
                    facts.failure = None;
                }
            }
            Some(failure) if self.facts.as_deref().is_none_or(|it| it.failure.is_none()) => {
                let since = Evidence::arrival(lower_bound(new), heard);
                self.facts().failure = Some(Arc::new((failure, since)));
            }
            // The first reason of a failure is its cause: ErrImagePull, not the back-off after it.
            Some(_) => {}
        }
        if new.sandbox.as_ref().is_some_and(|sandbox| sandbox.is_true)
            && let Some(facts) = self.facts.as_deref_mut()
        {
            facts.obstacle = None;
        }
    }

    /// It is gone: `arrival` tells when at the latest.
    pub fn gone(&mut self, last: Option<&PodSnapshot>, heard: Heard, lo: UnixNanos) {
        self.is_going = true;
        if let Some(end) = self.end_mut() {
            let ended = last.and_then(|last| last.meta.deletion.as_ref());
            // The kubelet's last delete sets grace 0 and the time it was made.
            let ended = ended.filter(|deletion| deletion.grace_seconds == 0);
            let lo = end.requested.lo.max(ended.map_or(lo, |it| it.at));
            // It goes then, if nothing holds it: what came much later came late.
            let is_late = heard.arrival.is_some_and(|it| it.at > lo.plus(SECOND.times(2)));
            let at = ended.filter(|it| is_late && it.finalizers.is_empty() && it.at == lo);
            end.gone = Some(Evidence::object_or(at.map(|it| it.at), lo, heard));
        }
    }
}

impl Facts {
    /// Something of it will be a span.
    fn has_spans(&self) -> bool {
        self.start.is_some()
            || self.run.is_some()
            || self.end.is_some()
            || !self.restarts.is_empty()
            || !self.resizes.is_empty()
            || !self.debuggers.is_empty()
            || self.imaged.is_some()
    }

    fn is_empty(&self) -> bool {
        !self.has_spans()
            && self.unready.is_none()
            && self.failure.is_none()
            && self.evicted.is_none()
            && self.obstacle.is_none()
            && self.probe.as_ref().is_none_or(|probe| !probe.is_fatal)
    }
}

/// `Ready` is True and nothing asked for its deletion.
fn is_ready(pod: &PodSnapshot) -> bool {
    pod.meta.deletion.is_none() && pod.ready.as_ref().is_some_and(|ready| ready.is_true)
}

pub(crate) fn is_finished(pod: &PodSnapshot) -> bool {
    matches!(pod.phase, PodPhase::Succeeded | PodPhase::Failed)
}

/// It is not Ready, and had been before: that turned after its containers could run. Its start is over.
pub fn has_been_ready(pod: &PodSnapshot) -> bool {
    let initialized = pod.initialized.as_ref().filter(|it| it.is_true).and_then(|it| it.changed);
    let unready = pod.ready.as_ref().filter(|it| !it.is_true).and_then(|it| it.changed);
    pod.restarts_always && initialized.is_some() && initialized < unready
}

fn has_succeeded(pod: &PodSnapshot) -> bool {
    pod.phase == PodPhase::Succeeded
}

/// When all its containers had ended.
#[must_use]
pub fn finish(pod: &PodSnapshot, heard: Heard) -> Evidence {
    let finished = pod.containers.iter().filter_map(|container| match &container.state {
        ContainerState::Terminated(exit) => exit.finished,
        ContainerState::Waiting { .. } | ContainerState::Running(_) => None,
    });
    Evidence::object_or(finished.max(), lower_bound(pod), heard)
}

/// The object was written no earlier.
#[must_use]
pub fn lower_bound(pod: &PodSnapshot) -> UnixNanos {
    pod.meta.written.unwrap_or(pod.meta.created)
}
