//! New versions of workloads below the topmost one, at any depth: one step each in a transition,
//! if they were created or written in it.

use std::num::NonZeroU64;
use std::sync::Arc;

use super::Tree;
use super::reconcile::spec;
use crate::facts::instant::Evidence;
use crate::facts::kind::Kind;
use crate::facts::meta::Uid;
use crate::facts::stamp::Stamp;
use crate::facts::time::SECOND;
use crate::facts::workload::{Mode, Workload};
use crate::lifecycle::action::Action;
use crate::lifecycle::forest::{Owned, is_rolled_out, is_set};
use crate::lifecycle::kept::hold;
use crate::lifecycle::settle::{self, Standing};
use crate::lifecycle::spec_change::{SpecChange, status_of, write_of};
use crate::lifecycle::step::{CutShort, Step};
use crate::lifecycle::transition::{Queued, Settles, Transition};
use crate::lifecycle::turn::Turn;

/// A version of an owned workload against the one before.
struct Write {
    at: Evidence,
    /// What numbers it: its generation, or, where it is none of its spec, the resourceVersion.
    number: u64,
    created: bool,
    /// How many Pods were wanted before.
    from: i64,
    is_scaled: bool,
    /// A DaemonSet wants Pods on another number of nodes.
    is_nodes: bool,
    is_updated: bool,
    /// What opens something was: its template, its replicas, whether it is paused.
    is_moved: bool,
    is_restart: bool,
    /// A run that was created suspended begins.
    is_resumed: bool,
    manager: Option<Box<str>>,
}

impl Tree {
    pub(super) fn owned_seen(&mut self, new: &Workload, turn: &mut Turn<'_>) {
        let uid = new.meta.uid;
        let is_stale = |old: &Owned| {
            let known = old.version.map(NonZeroU64::get);
            old.is_gone || known.is_some_and(|known| known >= new.meta.resource_version)
        };
        if self.forest.of(uid).is_some_and(is_stale) {
            turn.counts.stale += 1;
            return;
        }
        let old = self.forest.keep(new, self.portrait.top.uid);
        if new.is_queue {
            return self.queue_told(old.as_ref(), new, turn);
        }
        let write = self.write_below(old.as_ref(), new, turn);
        if write.is_nodes {
            self.nodes_below_moved();
        }
        let was_going = old.as_ref().is_some_and(|old| old.meta.deletion.is_some());
        if self.opens_reconcile(new, &write) {
            let (at, number) = (write.at, write.number);
            let manager = write.manager.clone();
            self.reconcile_write(new, old.as_ref(), (at, number), manager, turn);
        } else if write.is_updated && !self.is_open() {
            turn.counts.churn += 1;
        } else if settle::is_complete(new) {
            self.waiting.change(|waiting| waiting.writes_below.has_settled(uid));
        }
        if let Some(deletion) = new.meta.deletion.as_ref() {
            if !was_going {
                self.begin_delete_step(uid, Evidence::object(deletion.at, turn.seen.heard), turn);
            }
            if let Some(step) = self.telling().and_then(|open| open.steps.make_mut(uid)) {
                hold(&mut step.finalizers, &deletion.finalizers);
            }
        }
        let stamps = if write.created { self.own_stamps(new) } else { Vec::new() };
        let lo = write.at.lo;
        let status = match &old {
            None => turn.seen.written(new.status.written, lo),
            Some(old) => {
                let said = new.status.written_since(&old.status);
                status_of((old, new), write.at, said, lo, &turn.seen)
            }
        };
        self.count_available(new, status);
        self.write_step(new, &write, stamps, status);
        self.evaluate(status, turn);
    }

    /// Conditions of what tells of a queue turned: moments of its owner.
    fn queue_told(&mut self, old: Option<&Workload>, new: &Workload, turn: &mut Turn<'_>) {
        let (at, _) = write_of(old, new, &turn.seen);
        let owner = self.forest.of(new.meta.uid).map_or(self.top().uid, |owned| owned.owner);
        let known = old.map_or(&[][..], |old| &old.status.queue);
        let turned = new.status.queue.iter().filter(|(name, condition)| {
            let before = known.iter().find(|(known, _)| known == name).map(|(_, it)| it);
            before
                .is_none_or(|it| (it.is_true, &it.reason) != (condition.is_true, &condition.reason))
        });
        let Some(open) = self.telling() else {
            turn.counts.churn += 1;
            return;
        };
        for (name, condition) in turned {
            let at = Evidence::object_or(condition.changed, at.lo, turn.seen.heard);
            let (name, condition) = (name.clone(), condition.clone());
            open.add_queued(owner, Queued { at, name, condition });
        }
    }

    /// A list tells of all that was written while nobody watched. What was asked for before the write began
    /// that is open now is no part of that, where both say when by the API server's clock.
    pub(super) fn is_before_open(&self, at: &Evidence, turn: &Turn<'_>) -> bool {
        let is_earlier = |open: &Transition| {
            let is_by_write = !matches!(open.settles, Settles::ByHealth { .. } | Settles::WhenGone);
            is_by_write && at.lo.plus(SECOND) <= open.start.lo
        };
        let is_known = turn.seen.unwatched.is_some() && at.is_object_time;
        is_known && self.open_ref().is_some_and(is_earlier)
    }

    /// What a version of an owned workload is against the one before.
    fn write_below(&self, old: Option<&Workload>, new: &Workload, turn: &Turn<'_>) -> Write {
        let (at, manager) = write_of(old, new, &turn.seen);
        // Listed, but created inside the open transition: in a gap of the watch.
        let is_of_open = !self.is_unjudged
            && self.open_ref().is_some_and(|open| open.start.lo <= new.meta.created);
        let old = old.filter(|_| !self.is_before_open(&at, turn));
        let change = old.and_then(|old| SpecChange::between(old, new));
        let is_beyond_scale = change.as_ref().is_some_and(|change| !change.is_scale());
        let is_run = new.mode == Mode::Run;
        let is_resumed = is_run && !new.paused && old.is_some_and(|old| old.paused);
        let is_counted = new.kind == Kind::DaemonSet;
        let counts_other = old.filter(|old| is_counted && old.count() != new.count());
        // Before its controller has looked at it nobody says how many.
        let is_nodes = counts_other.is_some_and(|old| old.status.observed.is_some());
        Write {
            at,
            number: if is_nodes { new.meta.resource_version } else { new.meta.write_number() },
            created: old.is_none() && (!turn.seen.is_listed || is_of_open),
            from: old.map_or(0, Workload::count),
            is_nodes,
            is_scaled: counts_other.is_some()
                || old.is_some_and(|old| old.replicas != new.replicas),
            is_updated: is_beyond_scale && !is_set(&new.kind),
            is_moved: old.is_some_and(|old| spec(old) != spec(new)),
            is_restart: change.is_some_and(|change| change.template && !change.beyond_restart),
            is_resumed,
            manager,
        }
    }

    /// Whether a write below opens a `reconcile` where nothing is open.
    fn opens_reconcile(&self, new: &Workload, write: &Write) -> bool {
        let has_pods = new.wanted().is_none_or(|wanted| wanted > 0);
        let is_created = write.created && has_pods;
        // What neither has nor wants Pods goes on without any.
        let is_idle = new.count() == 0 && self.pods.share(new.meta.uid).n == 0 && is_set(&new.kind);
        let is_written = (write.is_scaled && !is_idle) || (write.is_moved && !write.is_scaled);
        new.mode != Mode::Run && new.meta.deletion.is_none() && (is_created || is_written)
    }

    fn write_step(&mut self, new: &Workload, write: &Write, stamps: Vec<Stamp>, status: Evidence) {
        let uid = new.meta.uid;
        let owner = self.forest.of(uid).map_or(self.top().uid, |owned| owned.owner);
        let Some(open) = self.telling().filter(|open| !open.action.is_end()) else { return };
        let is_run = new.mode == Mode::Run;
        // A run that was created suspended begins when it is resumed.
        let begins = write.created && !(is_run && new.paused) || write.is_resumed;
        let is_written = begins || (!is_run && (write.is_scaled || write.is_updated));
        match open.steps.make_mut(uid) {
            Some(step) if step.is_deleted => {}
            Some(step) if is_written && !step.is_over() => {
                if write.is_scaled {
                    open.n_crowded += u64::from(!step.add_write(write.at, new.count()));
                }
                step.is_update |= write.is_updated;
                step.is_restart &= write.is_restart;
                (step.settled, step.failed) = (None, None);
                step.before = Some(Box::new(new.status.clone()));
            }
            Some(_) | None if is_written => {
                let mut step = new_step(new, owner, write.at, write.from);
                step.number = write.number;
                step.is_created = write.created;
                step.is_update = write.is_updated;
                step.is_restart = write.is_restart;
                step.before = (!write.created).then(|| Box::new(new.status.clone()));
                step.stamps = stamps;
                open.begin_step(uid, step);
            }
            Some(_) | None => {}
        }
        // What is lost on trial, or once its Deployment has settled, is not of it, and what had settled by
        // then has.
        let has_lost = open.trial.as_ref().is_some_and(|trial| trial.lost.is_some());
        let above = open.steps.get(owner).filter(|_| is_set(&new.kind));
        let is_over = above.is_some_and(|it| is_rolled_out(&it.kind) && it.settled.is_some());
        if let Some(step) = open.steps.make_mut(uid).filter(|step| !step.is_deleted) {
            let settled = step.settled.filter(|_| (has_lost || is_over) && !is_written);
            step.stands(new, status);
            step.settled = settled.or(step.settled);
        }
    }

    /// Stamps of a new workload that no other one below the topmost carries.
    fn own_stamps(&self, new: &Workload) -> Vec<Stamp> {
        let is_elsewhere = |stamp: &&Stamp| {
            let others = self.forest.iter().filter(|(uid, _)| *uid != new.meta.uid);
            let mut stamps = others.flat_map(|(_, owned)| owned.workload.stamps.iter());
            stamps.any(|known| known.context == stamp.context)
        };
        new.stamps.iter().filter(|stamp| !is_elsewhere(stamp)).cloned().collect()
    }

    /// The deletion of a workload that does not end with nothing, inside that of its owner.
    pub(super) fn begin_delete_step(&mut self, uid: Uid, at: Evidence, turn: &mut Turn<'_>) {
        let Some(owned) = self.forest.of(uid).filter(|it| !it.workload.is_queue) else { return };
        let (share, n_below) = (self.pods.share(uid), self.forest.below(uid).count());
        // Pods that go are no part of what wants none.
        if owned.is_void(share.present, n_below) {
            return;
        }
        let n_pods = share.n;
        let workload = &owned.workload;
        let mut step = new_step(workload, owned.owner, at, workload.count());
        step.is_deleted = true;
        step.settled = (owned.is_gone && n_pods == 0 && n_below == 0).then_some(at);
        if let Some(deletion) = &workload.meta.deletion {
            hold(&mut step.finalizers, &deletion.finalizers);
        }
        let is_run = step.is_run;
        if !is_run && !self.is_open() {
            self.reconcile(format!("owned:{uid}:gone"), at, turn);
        }
        let Some(open) = self.telling() else { return };
        match open.steps.make_mut(uid) {
            // It ends with its deletion, whatever goes on above it.
            Some(run) if run.is_run && run.settled.is_none() && !run.is_deleted => {
                (run.settled, run.cut_short) = (Some(at), CutShort::ByDeletion);
            }
            Some(known) if known.is_run || known.is_deleted => {}
            None if is_run && open.action != Action::Delete => {}
            Some(known) => {
                if known.settled.is_none() {
                    (known.settled, known.cut_short) = (Some(at), CutShort::ByDeletion);
                }
                open.begin_step(uid, step);
            }
            None => open.begin_step(uid, step),
        }
    }

    pub(super) fn owned_gone(&mut self, uid: Uid, gone: Evidence, turn: &mut Turn<'_>) {
        self.forest.set_gone(uid);
        self.begin_delete_step(uid, gone, turn);
        if let Some(step) = self.telling().and_then(|open| open.steps.make_mut(uid)) {
            let is_by_this = step.is_deleted || step.settled == Some(gone);
            step.has_vanished |= turn.seen.is_listed && is_by_this;
        }
        self.end_owned(uid, gone);
    }

    /// A workload that is gone leaves with the last of what it owns, and so may the one above it.
    pub(super) fn end_owned(&mut self, uid: Uid, at: Evidence) {
        let mut next = Some(uid);
        while let Some(uid) = next.filter(|uid| self.has_nothing_left(*uid)) {
            let Some(owned) = self.forest.remove(uid) else { return };
            if let Some(step) = self.telling().and_then(|open| open.steps.make_mut(uid))
                && step.is_deleted
            {
                step.settled = Some(at);
            }
            next = Some(owned.owner);
        }
    }

    /// It is gone, and so is all below it.
    fn has_nothing_left(&self, uid: Uid) -> bool {
        self.forest.of(uid).is_some_and(|owned| owned.is_gone)
            && self.pods.share(uid).n == 0
            && self.forest.below(uid).next().is_none()
    }
}

impl Step {
    /// How the workload stands by a new version of it.
    fn stands(&mut self, new: &Workload, status: Evidence) {
        self.revision = new.revision;
        self.scheduled = new.scheduled;
        let failing = new.status.replica_failure.as_ref().filter(|it| it.is_true);
        self.failure = failing.map(|it| (it.reason.clone(), it.message.clone()));
        let is_suspended = self.is_run && new.paused && self.settled.is_none();
        if is_suspended && !settle::is_over(new) {
            (self.settled, self.cut_short) = (Some(status), CutShort::BySuspension);
        }
        // What it does while it goes is its end.
        let is_cut = self.cut_short != CutShort::Not || new.paused;
        if self.is_run && is_cut && self.settled.is_some() {
            return;
        }
        let standing = settle::standing_since(new, self.before.as_deref());
        self.failed = match standing {
            Standing::Failed { at, .. } => self.failed.or_else(|| Some(status.or_said(at))),
            Standing::Settled(_) | Standing::Progressing => None,
        };
        match (standing, self.settled) {
            (Standing::Settled(at), None) => self.settled = Some(status.or_said(at)),
            (Standing::Failed { reason, message, at }, known) => {
                self.failure = Some((reason.into(), message.into()));
                self.settled = known.or_else(|| self.is_run.then(|| status.or_said(at)));
            }
            // What a built-in rollout says once counts: what comes later without a write is no part of it.
            (Standing::Progressing, Some(_)) if !self.is_run && !is_rolled_out(&self.kind) => {
                self.settled = None;
            }
            (Standing::Settled(_), Some(_)) | (Standing::Progressing, _) => {}
        }
    }
}

pub(super) fn new_step(workload: &Workload, owner: Uid, start: Evidence, from: i64) -> Step {
    Step {
        kind: workload.kind.clone(),
        name: Arc::from(&*workload.meta.name),
        owner,
        is_run: workload.mode == Mode::Run,
        is_update: false,
        is_created: false,
        is_deleted: false,
        start,
        from,
        to: workload.count(),
        writes: Vec::new(),
        settled: None,
        cut_short: CutShort::Not,
        has_vanished: false,
        is_unseen: false,
        failed: None,
        is_restart: false,
        before: None,
        number: workload.meta.write_number(),
        revision: workload.revision,
        stamps: Vec::new(),
        failure: None,
        scheduled: None,
        finalizers: Vec::new(),
    }
}
