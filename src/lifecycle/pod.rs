//! A Pod of a tree: what it is now, and while a transition needs it, what happened to it.
//!
//! A settled Pod keeps a few dozen bytes; the facts of a start, of restarts and of the end are
//! boxed beside it and go as soon as their spans have left.

mod end;
mod restart;
mod run;
mod start;

use std::num::NonZeroU32;
use std::sync::Arc;

pub use end::{End, deletion_request};
pub use restart::Restart;
use restart::has_exited;
pub use run::{PodRun, Run};
pub use start::{ContainerStart, Pulled, Start};

use crate::facts::instant::Evidence;
use crate::facts::meta::Uid;
use crate::facts::note::Note;
use crate::facts::pod::{ContainerSnapshot, ContainerState, PodPhase, PodSnapshot, Role};
use crate::facts::reason;
use crate::facts::reason::Failure;
use crate::facts::time::UnixNanos;

/// The number of a transition within its tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
#[derive(Clone, Debug)]
pub struct Pod {
    /// `metadata.name`.
    pub name: Arc<str>,
    /// The workload it belongs to; zero where it is the top of its tree. An `Option` of it would
    /// take twice the bytes.
    owner: Uid,
    /// resourceVersion of the version held.
    pub version: u64,
    /// `creationTimestamp`.
    pub created: UnixNanos,
    /// Its node, empty before it is bound.
    pub node: Arc<str>,
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
    /// Its containers.
    pub containers: Box<[Known]>,
    /// What transitions need of it; `None` for most of its life.
    facts: Option<Box<Facts>>,
}

/// What happened to a Pod, until its spans have left.
#[derive(Clone, Debug, Default)]
struct Facts {
    /// Since when it is not Ready, though it had been.
    unready: Option<Evidence>,
    /// The failure state it is in, and since when.
    failure: Option<(Failure, Evidence)>,
    /// What an Event says keeps it from starting, until it has a sandbox.
    obstacle: Option<(Failure, Evidence)>,
    /// Its start, until the spans of that have left.
    start: Option<Start>,
    /// Its run, where it runs to its end, until the spans of that have left.
    run: Option<PodRun>,
    /// Its end, from the request on.
    end: Option<End>,
    /// Restarts whose spans have not left.
    restarts: Vec<Restart>,
    /// Events that may belong to spans that have not left.
    notes: Vec<Noted>,
}

/// What is always known of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its name.
    pub name: Box<str>,
    /// `restartCount`.
    pub restarts: u32,
    /// It exited and does not run again yet.
    pub has_exited: bool,
}

/// A Kubernetes Event, as it becomes a span event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    /// The Event.
    pub uid: Uid,
    /// Its count: each count is one span event.
    pub count: u32,
    /// When.
    pub at: UnixNanos,
    /// Its reason.
    pub reason: Box<str>,
    /// Its message.
    pub message: Box<str>,
    /// The container it is about.
    pub container: Box<str>,
    /// `type: Warning`.
    pub is_warning: bool,
}

impl From<&Note> for Noted {
    fn from(note: &Note) -> Self {
        Self {
            uid: note.uid,
            count: note.count,
            at: note.exact.unwrap_or(note.seconds),
            reason: note.reason.clone(),
            message: note.message.clone(),
            container: note.container.clone(),
            is_warning: note.is_warning,
        }
    }
}

/// What a tree counts of its Pods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Neither going nor finished.
    pub present: i64,
    /// Of these, Ready with all containers running.
    pub ready: i64,
    /// Going.
    pub going: i64,
    /// Finished, not going.
    pub finished: i64,
}

impl Tally {
    /// `self` with one Pod's share taken away and its new share added.
    #[must_use]
    pub fn replacing(self, old: Self, new: Self) -> Self {
        Self {
            present: self.present - old.present + new.present,
            ready: self.ready - old.ready + new.ready,
            going: self.going - old.going + new.going,
            finished: self.finished - old.finished + new.finished,
        }
    }
}

/// How a Pod that was wanted is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Going, or finished: one Pod fewer.
    Gone(Evidence),
    /// A container of it exited.
    Exited(Evidence),
    /// A complete list no longer contained it.
    Vanished(Evidence),
}

impl Loss {
    /// When.
    #[must_use]
    pub const fn at(&self) -> Evidence {
        let (Self::Gone(at) | Self::Exited(at) | Self::Vanished(at)) = self;
        *at
    }

    /// The second that names it as a cause: the object time of it. Of what vanished none is known:
    /// the second of its creation may name another cause already.
    #[must_use]
    pub fn second(&self) -> i64 {
        let at = self.at();
        let listed = at.arrival.filter(|_| matches!(self, Self::Vanished(_)));
        listed.unwrap_or(at.lo).seconds()
    }
}

impl Pod {
    /// A Pod of which nothing but what never changes has been taken over yet.
    #[must_use]
    pub fn new(seen: &PodSnapshot, owner: Option<Uid>) -> Self {
        Self {
            name: Arc::from(&*seen.meta.name),
            owner: owner.unwrap_or(Uid(0)),
            version: 0,
            created: seen.meta.created,
            node: Arc::clone(&seen.node),
            was_ready: false,
            is_ready: false,
            is_going: false,
            is_finished: false,
            is_untraced: seen.is_mirror,
            restarts_always: seen.restarts_always,
            containers: Box::default(),
            facts: None,
        }
    }

    /// It is first seen in a list: what has not come to its end may be of a transition that the
    /// list proves open.
    pub fn begin_listed(&mut self, seen: &PodSnapshot) {
        let is_going = seen.meta.deletion.is_some();
        if !is_going && !is_ready(seen) {
            self.set_start(Start::new(None, seen, None));
        }
        if !is_going && !self.restarts_always && !is_finished(seen) {
            self.set_run(PodRun::new(None, Evidence::object(seen.meta.created, None)));
        }
    }

    /// The workload it belongs to; `None` where it is the top of its tree.
    #[must_use]
    pub fn owner(&self) -> Option<Uid> {
        Some(self.owner).filter(|owner| *owner != Uid(0))
    }

    /// Says what it belongs to.
    pub fn set_owner(&mut self, owner: Option<Uid>) {
        self.owner = owner.unwrap_or(Uid(0));
    }

    /// Its start, until the spans of that have left.
    #[must_use]
    pub fn start(&self) -> Option<&Start> {
        self.facts.as_deref()?.start.as_ref()
    }

    /// The same, to be changed.
    pub fn start_mut(&mut self) -> Option<&mut Start> {
        self.facts.as_deref_mut()?.start.as_mut()
    }

    /// Its run, until the spans of that have left.
    #[must_use]
    pub fn run(&self) -> Option<&PodRun> {
        self.facts.as_deref()?.run.as_ref()
    }

    /// The same, to be changed.
    pub fn run_mut(&mut self) -> Option<&mut PodRun> {
        self.facts.as_deref_mut()?.run.as_mut()
    }

    /// Says that it runs to its end.
    pub fn set_run(&mut self, run: PodRun) {
        self.facts().run = Some(run);
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
        self.facts().start = Some(start);
    }

    /// Its end, from the request on.
    #[must_use]
    pub fn end(&self) -> Option<&End> {
        self.facts.as_deref()?.end.as_ref()
    }

    /// The same, to be changed.
    pub fn end_mut(&mut self) -> Option<&mut End> {
        self.facts.as_deref_mut()?.end.as_mut()
    }

    /// Says when its end was asked for.
    pub fn set_end(&mut self, end: End) {
        self.facts().end = Some(end);
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

    /// The failure state it is in, and since when.
    #[must_use]
    pub fn failure(&self) -> Option<(&Failure, &Evidence)> {
        let facts = self.facts.as_deref()?;
        let failure = facts.failure.as_ref().or(facts.obstacle.as_ref());
        failure.map(|(failure, since)| (failure, since))
    }

    fn facts(&mut self) -> &mut Facts {
        self.facts.get_or_insert_default()
    }

    /// Its share of the tally.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let present = !self.is_going && !self.is_finished;
        let runs = !self.containers.iter().any(|known| known.has_exited);
        Tally {
            present: i64::from(present),
            ready: i64::from(present && self.is_ready && runs),
            going: i64::from(self.is_going),
            finished: i64::from(self.is_finished && !self.is_going),
        }
    }

    /// What a new version of it takes away, before it is applied.
    #[must_use]
    pub fn loss(&self, new: &PodSnapshot, arrival: Option<UnixNanos>) -> Option<Loss> {
        if self.is_going || self.is_finished {
            return None;
        }
        if new.meta.deletion.is_some() {
            return Some(Loss::Gone(deletion_request(new, arrival)));
        }
        if is_finished(new) {
            return Some(Loss::Gone(finish(new, arrival)));
        }
        if !self.restarts_always {
            return None;
        }
        let exits = new.containers.iter().filter_map(|container| {
            let exit = self.new_exit(container)?;
            Some(Evidence::object_or(exit.finished, lower_bound(new), arrival))
        });
        exits.min_by_key(Evidence::decision).map(Loss::Exited)
    }

    /// Takes over a new version; what happened belongs to the transition `seq`, if one is open.
    ///
    /// `seq` is asked for restarts and the end only: a start belongs to the transition that the
    /// Pod was created in.
    pub fn apply(&mut self, new: &PodSnapshot, arrival: Option<UnixNanos>, seq: Option<Seq>) {
        self.version = new.meta.resource_version;
        self.node = Arc::clone(&new.node);
        self.apply_start(new, arrival);
        self.apply_run(new, lower_bound(new), arrival);
        self.apply_restarts(new, arrival, seq);
        self.apply_ready(new, arrival);
        self.apply_failure(new, arrival);
        let had_finished = std::mem::replace(&mut self.is_finished, is_finished(new));
        if let Some(deletion) = &new.meta.deletion {
            // The deletion of what had finished is no span.
            let seq = seq.filter(|_| !had_finished);
            let facts = self.facts();
            let requested = || End::new(seq, deletion_request(new, arrival), deletion);
            facts.end.get_or_insert_with(requested).apply(new);
            facts.unready = None;
            self.is_going = true;
        }
        self.containers = new.containers.iter().map(Known::of).collect();
    }

    fn apply_start(&mut self, new: &PodSnapshot, arrival: Option<UnixNanos>) {
        // A start ends when its deletion is asked for: what the Pod still does is its end.
        if let Some(start) = self.start_mut().filter(|start| start.is_open()) {
            start.apply(new, arrival);
        }
    }

    fn apply_ready(&mut self, new: &PodSnapshot, arrival: Option<UnixNanos>) {
        let is_ready = is_ready(new);
        if is_ready {
            self.was_ready = true;
            if let Some(facts) = self.facts.as_deref_mut() {
                facts.unready = None;
            }
        } else if self.was_ready && self.unready().is_none() && new.meta.deletion.is_none() {
            let changed = new.ready.as_ref().and_then(|ready| ready.changed);
            let since = Evidence::object_or(changed, lower_bound(new), arrival);
            self.facts().unready = Some(since);
        }
        self.is_ready = is_ready;
    }

    fn apply_failure(&mut self, new: &PodSnapshot, arrival: Option<UnixNanos>) {
        match reason::of(new) {
            // A run that had failed stays so, whatever becomes of its Pod.
            None if self.is_finished && !self.restarts_always => {}
            None => {
                if let Some(facts) = self.facts.as_deref_mut() {
                    facts.failure = None;
                }
            }
            Some(failure) if self.facts.as_deref().is_none_or(|it| it.failure.is_none()) => {
                let since = Evidence::arrival(lower_bound(new), arrival);
                self.facts().failure = Some((failure, since));
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

    /// Takes over an Event about it.
    pub fn note(&mut self, note: &Note) {
        let Some(facts) = self.facts.as_deref_mut().filter(|facts| facts.has_spans()) else {
            return;
        };
        let known = |noted: &Noted| noted.uid == note.uid && noted.count == note.count;
        if facts.notes.len() < MAX_NOTES && !facts.notes.iter().any(known) {
            facts.notes.push(note.into());
        }
        if note.is_warning && facts.start.as_ref().is_some_and(Start::waits_for_sandbox) {
            facts.obstacle = reason::of_event(note).or(facts.obstacle.take());
        }
        let Some(exact) = note.exact else { return };
        if let Some(end) = facts.end.as_mut()
            && &*note.reason == "Killing"
            && exact >= end.requested.lo
        {
            end.requested.add_event(exact);
        }
        let Some(start) = facts.start.as_mut() else { return };
        match &*note.reason {
            "Scheduled" => {
                if let Some(scheduled) = &mut start.scheduled {
                    scheduled.add_event(exact);
                } else {
                    start.scheduled = Some(Evidence::event(exact));
                }
            }
            "Pulling" | "Pulled" | "Started" => start.note(note, exact),
            _ => {}
        }
    }

    /// It is gone: `arrival` tells when at the latest.
    pub fn gone(&mut self, last: Option<&PodSnapshot>, arrival: Option<UnixNanos>, lo: UnixNanos) {
        self.is_going = true;
        if let Some(end) = self.end_mut() {
            let ended = last.and_then(|last| last.meta.deletion.as_ref());
            // The kubelet's last delete sets grace 0 and the time it was made.
            let ended = ended.filter(|deletion| deletion.grace_seconds == 0).map(|it| it.at);
            let lo = end.requested.lo.max(ended.unwrap_or(lo));
            end.gone = Some(Evidence::arrival(lo, arrival));
        }
    }

    /// The transition `seq` has closed: what is open of it here stays unfinished.
    pub fn cut(&mut self, seq: Seq) {
        let Some(facts) = self.facts.as_deref_mut().filter(|_| !self.is_going) else { return };
        if let Some(start) = facts.start.as_mut() {
            start.is_cut |= start.seq == Some(seq) && start.is_open();
        }
        if let Some(run) = facts.run.as_mut() {
            run.is_cut |= run.seq == Some(seq) && run.finished.is_none();
        }
        for restart in &mut facts.restarts {
            restart.is_cut |= restart.seq == seq && restart.done.is_none();
        }
    }

    /// What of it began after `at` is no part of the transition `seq`, which had settled by then.
    pub fn forget_later(&mut self, seq: Seq, at: UnixNanos) {
        let Some(facts) = self.facts.as_deref_mut() else { return };
        let is_later = |of: Option<Seq>, since: &Evidence| of == Some(seq) && since.decision() > at;
        facts.start.take_if(|start| is_later(start.seq, &start.created));
        facts.run.take_if(|run| is_later(run.seq, &run.created));
        facts.restarts.retain(|restart| !is_later(Some(restart.seq), &restart.finished));
        if let Some(end) = facts.end.as_mut() {
            end.seq = end.seq.filter(|of| !is_later(Some(*of), &end.requested));
        }
    }

    /// Whether something of it is told by the transition `seq`.
    #[must_use]
    pub fn has_part_in(&self, seq: Seq) -> bool {
        let Some(facts) = self.facts.as_deref() else { return false };
        let is_it = |of: Option<Seq>| of == Some(seq);
        is_it(facts.start.as_ref().and_then(|start| start.seq))
            || is_it(facts.run.as_ref().and_then(|run| run.seq))
            || is_it(facts.end.as_ref().and_then(|end| end.seq))
            || facts.restarts.iter().any(|restart| restart.seq == seq)
    }

    /// It becomes part of another tree: no transition of that has had a part in it.
    pub fn detach(&mut self) {
        if let Some(end) = self.end_mut() {
            end.seq = None;
        }
        self.forget(|_| true);
    }

    /// The transition `seq` has left, and all before it.
    pub fn leave(&mut self, seq: Seq) {
        if let Some(end) = self.end_mut() {
            end.has_left |= end.seq == Some(seq);
        }
        self.forget(|of| of.is_none_or(|of| of <= seq));
    }

    /// What a list showed of it is part of no transition.
    pub fn forget_listed(&mut self) {
        self.forget(|of| of.is_none());
    }

    /// Forgets what belongs to a transition that `is_over`: its spans have left, or never will.
    fn forget(&mut self, is_over: impl Fn(Option<Seq>) -> bool) {
        let Some(facts) = self.facts.as_deref_mut() else { return };
        facts.start.take_if(|start| is_over(start.seq));
        facts.run.take_if(|run| is_over(run.seq));
        facts.restarts.retain(|restart| !is_over(Some(restart.seq)));
        if !facts.has_spans() {
            facts.notes.clear();
        }
        if facts.is_empty() {
            self.facts = None;
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
    }

    fn is_empty(&self) -> bool {
        !self.has_spans()
            && self.unready.is_none()
            && self.failure.is_none()
            && self.obstacle.is_none()
    }
}

impl Known {
    fn of(container: &ContainerSnapshot) -> Self {
        Self {
            name: container.name.clone(),
            restarts: container.restarts,
            has_exited: container.role != Role::Init && has_exited(container),
        }
    }
}

/// `Ready` is True and nothing asked for its deletion.
fn is_ready(pod: &PodSnapshot) -> bool {
    pod.meta.deletion.is_none() && pod.ready.as_ref().is_some_and(|ready| ready.is_true)
}

pub(crate) fn is_finished(pod: &PodSnapshot) -> bool {
    matches!(pod.phase, PodPhase::Succeeded | PodPhase::Failed)
}

/// When all its containers had ended.
fn finish(pod: &PodSnapshot, arrival: Option<UnixNanos>) -> Evidence {
    let finished = pod.containers.iter().filter_map(|container| match &container.state {
        ContainerState::Terminated(exit) => exit.finished,
        ContainerState::Waiting { .. } | ContainerState::Running(_) => None,
    });
    Evidence::object_or(finished.max(), lower_bound(pod), arrival)
}

/// The object was written no earlier.
#[must_use]
pub fn lower_bound(pod: &PodSnapshot) -> UnixNanos {
    pod.meta.written.unwrap_or(pod.meta.created)
}
