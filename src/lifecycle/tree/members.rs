//! What belongs to one tree: which objects it takes in, parts that leave it, and trees that it
//! takes in again.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{After, Tree};
use crate::facts::change::Snapshot;
use crate::facts::ids::{SpanId, TraceId};
use crate::facts::instant::Evidence;
use crate::facts::kind::Kind;
use crate::facts::meta::{Owner, Uid};
use crate::facts::span::{LinkReason, Outcome};
use crate::facts::time::Nanos;
use crate::facts::workload::{Mode, Workload};
use crate::lifecycle::action::Action;
use crate::lifecycle::forest::Owned;
use crate::lifecycle::pod::Pod;
use crate::lifecycle::shared::{Shared, Shares};
use crate::lifecycle::transition::Settles;
use crate::lifecycle::tree::open::own_link;
use crate::lifecycle::turn::Turn;

impl Shares for Tree {
    fn share(&mut self, shared: &mut Shared) {
        shared.name(&mut self.portrait.top.namespace);
        self.pods.share_values(shared);
        self.root.iter_mut().for_each(|root| shared.workload(Arc::make_mut(root)));
        self.forest.share(shared);
    }
}

impl Tree {
    /// Whether a new object below `owner` becomes part of this tree. What runs to its end below an
    /// owner with nothing open is a tree of its own, and so always is what runs below an owner that
    /// spawns it, such as the Job of a CronJob.
    #[must_use]
    pub fn takes_in(&self, new: &Snapshot, owner: Uid) -> bool {
        let is_run = match new {
            Snapshot::Workload(workload) => workload.mode == Mode::Run,
            Snapshot::Pod(pod) => !pod.restarts_always,
        };
        let is_in_run = || self.forest.is_in_run(owner, self.top().uid, self.is_run());
        let is_alone =
            !self.lacks_top() && (self.spawns(owner) || !(self.is_open() || is_in_run()));
        !is_run || !is_alone
    }

    /// Whether runs below `owner` are trees of their own, whatever is open.
    fn spawns(&self, owner: Uid) -> bool {
        self.workload(owner).is_some_and(|workload| workload.spawns)
    }

    /// The topmost workload, or one below it.
    #[must_use]
    pub fn workload(&self, uid: Uid) -> Option<&Workload> {
        if uid == self.top().uid {
            return self.root.as_deref();
        }
        self.forest.of(uid).map(|owned| &owned.workload)
    }

    /// How long a transition of it may take, where its kind has a limit of its own.
    pub(super) fn limit(&self) -> Option<Nanos> {
        self.root.as_deref().and_then(|root| root.limit)
    }

    /// The tree of `guest` is this one's, though it is a tree of its own.
    pub fn host(&mut self, guest: Uid) {
        self.guests.insert(guest);
    }

    /// Forgets a guest whose tree was never there after all.
    pub fn forget_guest(&mut self, guest: Uid) {
        self.guests.remove(&guest);
    }

    /// Hands over its guests.
    pub fn take_guests(&mut self) -> BTreeSet<Uid> {
        std::mem::take(&mut self.guests)
    }

    /// Hosts these too.
    pub fn host_all(&mut self, mut guests: BTreeSet<Uid>) {
        self.guests.append(&mut guests);
    }

    /// The tree of `guest` is over, or no longer this one's; `at` is when that was.
    pub fn unhost(&mut self, guest: Uid, at: Evidence, turn: &mut Turn<'_>) -> After {
        if self.guests.remove(&guest) {
            self.evaluate(at, turn);
        }
        self.after()
    }

    /// A part of it has become a tree of its own.
    pub fn lost_part(&mut self, at: Evidence, turn: &mut Turn<'_>) -> After {
        self.evaluate(at, turn);
        self.has_gap(turn.seen.of_gap.is_some());
        self.after()
    }

    /// The topmost object no longer matches the selector of its watch: what becomes of it is not known.
    pub fn unmatched(&mut self, at: Evidence, turn: &mut Turn<'_>) -> After {
        self.has_gap(turn.seen.of_gap.is_some());
        self.has_lasted(turn);
        self.close(Outcome::Unfinished, at, None, turn);
        self.emit(turn);
        // Until here all is told that was written.
        let known = self.root.take().and_then(|root| root.meta.generation);
        self.generation = self.generation.max(known);
        self.pods.remove(self.portrait.top.uid);
        self.is_muted = true;
        self.waits_for_top = self.lacks_top();
        self.after()
    }

    /// A part of it no longer matches the selector of its watch: until it does again nobody knows how
    /// many Pods there are, and a recovery comes to no end that can be seen.
    pub fn loses_sight(&mut self, uid: Uid, at: Evidence, turn: &mut Turn<'_>) {
        self.unseen.insert(uid);
        let Some(open) = self.open() else { return };
        if let Some(step) = open.steps.make_mut(uid) {
            step.is_unseen = true;
        }
        let is_by_health = matches!(open.settles, Settles::ByHealth { .. });
        if is_by_health && open.action != Action::Reconcile {
            open.has_gap |= open.trial.is_none();
            // What is true by now has lasted as long as anybody saw.
            self.has_lasted(turn);
            self.close(Outcome::Unfinished, at, None, turn);
        }
    }

    /// As many Pods as wanted are there: what was lost from sight is not wanted any more.
    pub(super) fn misses_nothing(&mut self) {
        let is_whole = || self.asked_for() == Some(self.pods.tally().present);
        if !self.unseen.is_empty() && !self.is_open() && is_whole() {
            self.unseen.clear();
        }
    }

    /// Whether its topmost object left the selector of its watch: what is below it is kept until it
    /// matches again, and nothing of it is told.
    #[must_use]
    pub fn lacks_top(&self) -> bool {
        self.is_muted && self.root.is_none() && self.top().kind != Kind::Pod
    }

    /// The topmost object matches the selector of its watch again: it is as if it were listed.
    pub fn matches_again(&mut self) {
        (self.is_muted, self.waits_for_top) = (false, false);
    }

    /// Its topmost object is not waited for any more.
    pub fn goes_without_top(&mut self) -> After {
        self.waits_for_top = false;
        self.after()
    }

    /// Whether its deletion is under way, which reaches into the trees of its guests.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        self.open_ref().is_some_and(|open| open.action.is_end())
    }

    /// The owner of an object of this tree: its uid, for the topmost one as it was first seen.
    #[must_use]
    pub fn owner_of(&self, uid: Uid) -> Option<Uid> {
        if uid == self.top().uid {
            return self.portrait.owner.as_deref().map(|owner| owner.uid);
        }
        let pod = self.pods.of(uid).and_then(Pod::owner);
        pod.or_else(|| self.forest.of(uid).map(|owned| owned.owner))
    }

    /// The topmost object belongs to another owner, or to nobody any more.
    pub fn set_owner(&mut self, owner: Option<Owner>) {
        self.portrait.owner = owner.map(Box::new);
        self.portrait.is_owner_missing = false;
        self.is_adopted = false;
    }

    /// It joins its owner's tree as soon as it is quiet.
    pub fn set_adopted(&mut self) {
        self.is_adopted = true;
    }

    /// Whether it is quiet enough to join the tree of who adopted its topmost object.
    #[must_use]
    pub fn joins_adopter(&self) -> bool {
        self.is_adopted && self.is_settled()
    }

    /// What is open ends because its owner is deleted: then this tree can become part of that.
    /// Returns the trace and the root span of what ended.
    pub fn end_with_owner(
        &mut self,
        at: Evidence,
        turn: &mut Turn<'_>,
    ) -> Option<(TraceId, SpanId)> {
        let open = self.open_ref().map(|open| (open.trace, open.span));
        self.close(Outcome::Deleted, at, None, turn);
        self.emit(turn);
        open
    }

    /// Its deletion has ended what was open of a guest.
    pub fn has_ended(&mut self, trace: TraceId, span: SpanId) {
        if let Some(open) = self.open() {
            open.link(own_link((trace, span), LinkReason::Supersedes));
        }
    }

    /// What has outlived its transition: Pods, and, by their names, ephemeral containers of them.
    pub fn outlived(&self) -> impl Iterator<Item = (Uid, Option<Box<str>>)> {
        self.pods.all().iter().flat_map(|(uid, pod)| {
            let is_going = pod.end().is_some_and(|end| end.has_left);
            let debuggers = pod.debuggers().iter().filter(|debugger| debugger.has_left);
            let named = debuggers.map(|debugger| (*uid, Some(debugger.name.clone())));
            is_going.then_some((*uid, None)).into_iter().chain(named)
        })
    }

    /// All objects of this tree that are not gone, its topmost one too if that may match again.
    #[must_use]
    pub fn uids(&self) -> Vec<Uid> {
        let unseen = self.lacks_top().then_some(self.portrait.top.uid);
        self.kinds().map(|(uid, _)| uid).chain(unseen).collect()
    }

    /// Those that are seen, with their kinds.
    pub fn kinds(&self) -> impl Iterator<Item = (Uid, &Kind)> {
        let root = self.root.as_deref().map(|root| (root.meta.uid, &root.kind));
        let owned = self.forest.iter().filter(|(_, owned)| !owned.is_gone);
        root.into_iter()
            .chain(owned.map(|(uid, owned)| (uid, &owned.workload.kind)))
            .chain(self.pods.all().iter().map(|(uid, _)| (*uid, &Kind::Pod)))
    }

    /// The owner of its topmost object, which is not part of it.
    #[must_use]
    pub fn owner(&self) -> Option<&Owner> {
        self.portrait.owner.as_deref()
    }

    /// The runs that it owns and that are trees of their own.
    #[must_use]
    pub fn guests(&self) -> &BTreeSet<Uid> {
        &self.guests
    }

    /// Whether the topmost object is a run.
    pub(super) fn is_run(&self) -> bool {
        self.root.as_deref().is_some_and(|root| root.mode == Mode::Run)
    }

    /// Takes in the objects of `part`, whose topmost one is owned by `owner`.
    pub fn absorb(&mut self, mut part: Self, owner: Uid) {
        let top = part.top().uid;
        if let Some(root) = part.root.take() {
            let (workload, version) = (Arc::unwrap_or_clone(root), part.root_version);
            self.forest.insert(top, Owned { workload, version, owner, is_gone: false });
        } else {
            part.pods.change(top, |pod| pod.set_owner(Some(owner)));
        }
        part.pods.each(|(_, pod)| pod.detach());
        self.forest.absorb(part.forest);
        self.pods.absorb(part.pods);
        self.guests.remove(&top);
        self.guests.append(&mut part.guests);
        self.unseen.remove(&top);
        self.unseen.append(&mut part.unseen);
        if let Some(step) = self.telling().and_then(|open| open.steps.make_mut(top)) {
            step.is_unseen = false;
        }
    }

    /// Takes out an object that belongs to nobody any more, or to something else, with all below
    /// it, as a tree of its own in which nothing is open.
    pub fn split(
        &mut self,
        snapshot: &Snapshot,
        owner: Option<Owner>,
        at: Evidence,
    ) -> Option<Self> {
        let uid = snapshot.meta().uid;
        let mut part = Self::new(snapshot, owner, false);
        if self.pods.of(uid).is_some() {
            part.pods = self.pods.split(|it, _| it == uid);
        } else {
            let owned = self.forest.remove(uid)?;
            part.root = Some(Arc::new(owned.workload));
            part.root_version = owned.version;
            part.forest = self.forest.split(uid);
            let forest = &part.forest;
            part.pods = self
                .pods
                .split(|_, pod| pod.owner().is_some_and(|of| of == uid || forest.of(of).is_some()));
        }
        if let Some(pending) = self.pending.as_deref_mut() {
            let seq = pending.seq;
            for (uid, pod) in part.pods.all().iter().filter(|(_, pod)| pod.has_part_in(seq)) {
                if pod.is_started_in(seq) {
                    pending.unseen.insert(*uid, at);
                }
                pending.keep_departed(*uid, Arc::new(pod.as_known_at(seq, at)));
            }
        }
        part.pods.each(|(_, pod)| pod.detach());
        part.pods.change(uid, |pod| pod.set_owner(None));
        Some(part)
    }
}
