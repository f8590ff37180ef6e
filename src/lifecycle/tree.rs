//! A tree: a topmost object and all it owns, with at most one transition that is open or waits
//! for its hold.
//!
//! [`Tree::step`], [`Tree::delete`] and [`Tree::vanish`] take one change, [`Tree::expire`] the
//! passing of time; nothing else decides anything. The rooms below: `root` reads new versions of
//! the topmost workload, `owned` of those below it, `pods` of its Pods, `gone` their ends, `available` which of them count, `wanted` how many there should be, `in_place` what is written to them; `reconcile` opens what is written below; `open` opens and closes
//! transitions, `evaluate` looks whether they have settled; `list` judges what a list proves in
//! progress; `members` moves parts from one tree to another, `shown` tells what is in
//! progress to whoever looks.

mod available;
mod evaluate;
mod gone;
mod healing;
mod in_place;
mod list;
mod list_below;
mod members;
mod open;
mod owned;
mod pods;
mod reconcile;
mod root;
mod shown;
mod stamps;
mod timers;
mod waiting;
mod wanted;

use std::collections::BTreeSet;
use std::mem;
use std::num::NonZeroU64;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::closed::{Closed, Portrait};
use super::forest::Forest;
use super::nodes::Nodes;
use super::pod::{Noted, Pod, Seq};
use super::pods::Pods;
use super::transition::{Closing, Transition};
use super::turn::Turn;
use crate::facts::change::Snapshot;
use crate::facts::ids::{SpanId, TraceId};
use crate::facts::instant::Evidence;
use crate::facts::kind::Kind;
use crate::facts::meta::{Owner, Uid};
use crate::facts::note::Note;
use crate::facts::pod::PodSnapshot;
use crate::facts::span::ObjectRef;
use crate::facts::time::UnixNanos;
use crate::facts::workload::Workload;
use waiting::MayWait;

/// How many Events about workloads a transition keeps.
const MAX_NOTES: usize = 1_000;

/// The state of a tree. Plain data.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tree {
    portrait: Portrait,
    /// Current version of the topmost workload; `None` for a bare Pod, or when it is gone.
    root: Option<Arc<Workload>>,
    /// resourceVersion of that version; `None` where it is one of a history that is over.
    root_version: Option<NonZeroU64>,
    forest: Forest,
    pods: Pods,
    nodes: Nodes,
    pending: Option<Box<Transition>>,
    last: Option<Box<Last>>,
    /// Of a custom resource: how many Pods it had when it last settled, see [`Tree::had`].
    had: i64,
    /// What was written and waits to be told.
    waiting: MayWait,
    /// Earlier templates of the topmost workload.
    templates: Vec<u64>,
    /// Runs that this tree owns and that are trees of their own.
    guests: BTreeSet<Uid>,
    next_seq: Seq,
    /// The highest generation that was a cause.
    generation: Option<i64>,
    /// Nothing of it is traced: its owner was gone before we looked.
    is_muted: bool,
    /// Its topmost object left the selector of its watch, and may match again.
    waits_for_top: bool,
    /// What left the selectors of their watches below: how many Pods there are is not known.
    unseen: BTreeSet<Uid>,
    /// First seen in a list, not judged yet.
    is_unjudged: bool,
    /// Until then it is not quite known what has lasted, see [`Tree::pass_before`].
    coarse_until: UnixNanos,
    /// Until then what opens may go on with what nobody saw.
    gap_until: UnixNanos,
    /// Its topmost object was adopted while something was open: it joins its owner's tree as soon as
    /// it is quiet.
    is_adopted: bool,
}

/// The transition before.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Last {
    trace: TraceId,
    span: SpanId,
    /// It failed, timed out or was unstable.
    is_followed: bool,
    /// Its outcome was `paused`.
    is_paused: bool,
    /// What was paused and has not been resumed: this one, or one before it.
    paused: Option<(TraceId, SpanId)>,
    /// It waited for too long, and so it ended.
    is_waiting: bool,
    /// It was the end of its tree.
    is_end: bool,
    /// When it ended.
    end: Evidence,
}

/// What a change means for the tree it went into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// It lives on.
    Lives,
    /// Nothing is left of it.
    Empty,
}

impl From<()> for After {
    /// What takes nothing away leaves it alive.
    fn from((): ()) -> Self {
        Self::Lives
    }
}

/// How far a tree is with its transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It has none.
    AtRest,
    /// It is open, or on trial.
    Open,
    /// That of this trace has closed and waits for its hold.
    Settling(TraceId),
}

impl Tree {
    /// A tree whose topmost object is `top`.
    #[must_use]
    pub fn new(top: &Snapshot, owner: Option<Owner>, is_owner_missing: bool) -> Self {
        let meta = top.meta();
        let service = meta.service.clone();
        let top = ObjectRef {
            kind: top.kind(),
            namespace: meta.namespace.clone(),
            name: Arc::from(&*meta.name),
            uid: meta.uid,
        };
        Self {
            portrait: Portrait { top, service, owner: owner.map(Box::new), is_owner_missing },
            root: None,
            root_version: None,
            forest: Forest::default(),
            pods: Pods::default(),
            nodes: Nodes::default(),
            pending: None,
            last: None,
            had: 0,
            waiting: MayWait::default(),
            templates: Vec::new(),
            generation: None,
            guests: BTreeSet::new(),
            next_seq: Seq::FIRST,
            is_muted: false,
            waits_for_top: false,
            unseen: BTreeSet::new(),
            is_unjudged: false,
            coarse_until: UnixNanos::LEAST,
            gap_until: UnixNanos::LEAST,
            is_adopted: false,
        }
    }

    /// Takes in an object in a version.
    pub fn step(&mut self, snapshot: &Snapshot, turn: &mut Turn<'_>) -> After {
        let may_differ = self.pass_before(turn);
        match snapshot {
            Snapshot::Workload(new) if new.meta.uid == self.top().uid => self.root_seen(new, turn),
            Snapshot::Workload(new) => self.owned_seen(new, turn),
            Snapshot::Pod(new) => self.pod_seen(new, turn),
        }
        self.mark_blocked(snapshot);
        self.has_gap(may_differ);
        After::Lives
    }

    /// Takes in that an object is gone, with its last version.
    pub fn delete(&mut self, last: &Snapshot, turn: &mut Turn<'_>) -> After {
        let may_differ = self.pass_before(turn);
        let uid = last.meta().uid;
        match last {
            Snapshot::Workload(_) => {
                let lo = last.meta().deletion.as_ref().map(|deletion| deletion.at);
                let written = last.meta().written.unwrap_or(last.meta().created);
                let gone = Evidence::object_or(None, lo.unwrap_or(written), turn.seen.heard);
                self.workload_gone(uid, gone, turn);
            }
            Snapshot::Pod(last) => self.pod_deleted(uid, last, turn),
        }
        self.has_gap(may_differ);
        self.after()
    }

    /// What it was told could not be put in its place, or came so near a limit that it may mean another
    /// thing: what that touches says so.
    fn has_gap(&mut self, has_gap: bool) {
        if let Some(pending) = self.pending.as_deref_mut().filter(|_| has_gap) {
            pending.has_gap = true;
        }
    }

    /// Takes in that a complete list no longer contained an object.
    pub fn vanish(&mut self, uid: Uid, turn: &mut Turn<'_>) -> After {
        let may_differ = self.pass_before(turn);
        if self.pods.of(uid).is_some() {
            self.pod_vanished(uid, turn);
        } else {
            if let Some(meta) = self.workload(uid).map(|workload| &workload.meta) {
                let lo = meta.written.unwrap_or(meta.created);
                let gone = Evidence::arrival(lo, turn.seen.heard);
                self.workload_gone(uid, gone, turn);
            }
        }
        self.has_gap(may_differ);
        self.after()
    }

    /// The history that resourceVersions count has begun anew: what is told next is the newest,
    /// whatever its number.
    pub fn forget_versions(&mut self) {
        self.root_version = None;
        self.forest.forget_versions();
        self.pods.forget_versions();
    }

    /// A Pod of it by its name.
    #[must_use]
    pub fn pod_named(&self, namespace: &str, name: &str) -> Option<Uid> {
        self.pods.named(name).filter(|_| self.top().namespace.as_deref() == Some(namespace))
    }

    /// Takes in an Event about one of its objects.
    pub fn note(&mut self, about: Uid, note: &Note, turn: &Turn<'_>) {
        let heard = turn.seen.heard;
        let of_pod = self.pods.change(about, |pod| pod.note(note, heard));
        let Some(pending) = self.pending.as_deref_mut() else { return };
        let of_pod = of_pod
            .or_else(|| Some(Arc::make_mut(pending.departed.get_mut(&about)?).note(note, heard)));
        if let Some(had_room) = of_pod {
            pending.n_crowded += u64::from(!had_room);
            return;
        }
        let known = |(_, noted): &(Uid, Noted)| noted.uid == note.uid && noted.count == note.count;
        if pending.notes.len() >= MAX_NOTES {
            pending.n_crowded += 1;
        } else if !pending.notes.iter().any(known) {
            pending.notes.push((about, Noted::new(note, heard)));
        }
    }

    /// A list has told all that it tells of this tree: whether it settles what is open.
    pub fn evaluate_listed(&mut self, turn: &mut Turn<'_>) -> After {
        if let Some(root) = self.root.as_deref() {
            let lo = root.meta.written.unwrap_or(root.meta.created);
            let at = Evidence::object_or(root.status.written, lo, turn.seen.heard);
            self.evaluate(at, turn);
        }
        self.after()
    }

    /// Whether a version of the topmost Deployment can be seen to be missing: `set` is of a newer
    /// revision, and of a template that is not the Deployment's.
    #[must_use]
    pub fn is_behind(&self, set: &Workload) -> bool {
        self.root.as_deref().is_some_and(|root| {
            root.kind == Kind::Deployment
                && set.kind == Kind::ReplicaSet
                && root.revision.is_some()
                && set.revision > root.revision
                && set.template != root.template
                && !self.templates.contains(&set.template)
        })
    }

    /// Whether nothing of it is open or waits.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.pending.as_deref().is_none_or(|pending| pending.is_healing)
    }

    /// Whether nothing that happened to it lately can still be told otherwise: nothing is open, held
    /// or kept for a healing, and no Pod has yet to be unready for long enough to be lost.
    #[must_use]
    pub fn is_still(&self) -> bool {
        self.pending.is_none() && self.pods.longest_unready().is_none()
    }

    /// How many objects it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::from(self.root.is_some()) + self.forest.len() + self.pods.len()
    }

    /// Whether nothing is left of it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.root.is_none() && self.forest.is_empty() && self.pods.is_empty()
    }

    /// The topmost object.
    #[must_use]
    pub fn top(&self) -> &ObjectRef {
        &self.portrait.top
    }

    /// The transition that waits for its hold ends its waiting: the input is over.
    pub fn release_hold(&mut self, turn: &mut Turn<'_>) -> After {
        match self.pending.as_deref() {
            Some(Transition { closed: Some(_), .. }) => self.emit(turn),
            Some(Transition { trial: Some(_), .. }) => self.has_lasted(turn),
            Some(_) | None => {}
        }
        self.after()
    }

    /// How far it is.
    #[must_use]
    pub fn stage(&self) -> Stage {
        match self.pending.as_deref() {
            Some(pending) if pending.closed.is_some() => Stage::Settling(pending.trace),
            Some(pending) if pending.is_healing => Stage::AtRest,
            Some(_) => Stage::Open,
            None => Stage::AtRest,
        }
    }

    /// The transition that waits for its hold leaves before that is over, and says so.
    pub fn cut_hold(&mut self, turn: &mut Turn<'_>) -> After {
        let closed = self.pending.as_deref_mut().and_then(|pending| pending.closed.as_deref_mut());
        if let Some(closed) = closed {
            closed.is_cut = true;
            self.emit(turn);
        }
        self.after()
    }

    /// Whether anything is left of it.
    #[must_use]
    pub fn after(&self) -> After {
        let is_over = self.is_empty() && self.guests.is_empty() && !self.is_open();
        if is_over && !self.waits_for_top { After::Empty } else { After::Lives }
    }

    fn take_seq(&mut self) -> Seq {
        let seq = self.next_seq;
        self.next_seq = seq.next();
        seq
    }

    /// The transition that is open; none if it waits for its hold, or is a healing of which nobody
    /// knows yet whether it will be told.
    fn open(&mut self) -> Option<&mut Transition> {
        self.telling().filter(|pending| !pending.is_healing)
    }

    fn open_ref(&self) -> Option<&Transition> {
        self.pending.as_deref().filter(|pending| pending.closed.is_none() && !pending.is_healing)
    }

    /// The transition, open or healing, that what happens now is part of.
    fn telling(&mut self) -> Option<&mut Transition> {
        self.pending.as_deref_mut().filter(|pending| pending.closed.is_none())
    }

    fn healing(&self) -> Option<&Transition> {
        self.pending.as_deref().filter(|pending| pending.is_healing)
    }

    fn is_open(&self) -> bool {
        self.open_ref().is_some()
    }

    /// A transition with everything of this tree that its spans tell of.
    fn closed(&self, mut transition: Transition, closing: Closing) -> Closed {
        let seq = transition.seq;
        let top = self.top().uid;
        let mut pods = mem::take(&mut transition.departed);
        let is_told = |(uid, pod): &(&Uid, &Arc<Pod>)| {
            pod.has_part_in(seq) || pod.failure().is_some() || **uid == top
        };
        let told = self.pods.all().iter().filter(is_told);
        pods.extend(told.map(|(uid, pod)| (*uid, Arc::clone(pod))));
        let root = self.root.as_deref();
        let refused = root.and_then(|root| root.status.replica_failure.as_ref());
        let refused = refused.filter(|it| it.is_true);
        Closed {
            tree: self.portrait.clone(),
            transition,
            closing,
            pods,
            workloads: self.forest.portraits(),
            stamps: root.map(|root| Arc::clone(&root.stamps)).unwrap_or_default(),
            refused: refused.map(|it| (it.reason.clone(), it.message.clone())),
        }
    }
}

/// The Pod is Ready.
fn is_ready(pod: &PodSnapshot) -> bool {
    pod.ready.as_ref().is_some_and(|ready| ready.is_true)
}
