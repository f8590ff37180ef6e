//! New versions of workloads below the topmost one, at any depth: one step each in a transition,
//! if they were created or written in it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Tree;
use crate::facts::instant::Evidence;
use crate::facts::meta::Uid;
use crate::facts::stamp::Stamp;
use crate::facts::time::UnixNanos;
use crate::facts::workload::{Mode, Workload};
use crate::lifecycle::forest::{Owned, is_set};
use crate::lifecycle::settle::{self, Standing};
use crate::lifecycle::transition::{self, Action, SpecChange, Step};
use crate::lifecycle::turn::Turn;

/// A version of an owned workload against the one before.
struct Write {
    at: Evidence,
    created: bool,
    /// How many Pods were wanted before.
    from: i64,
    is_scaled: bool,
    is_updated: bool,
}

impl Tree {
    pub(super) fn owned_seen(&mut self, new: &Workload, turn: &mut Turn<'_>) {
        let uid = new.meta.uid;
        let old = self.forest.of(uid);
        let is_stale = |old: &Owned| {
            old.is_gone || old.workload.meta.resource_version >= new.meta.resource_version
        };
        if old.is_some_and(is_stale) {
            turn.counts.stale += 1;
            return;
        }
        let old = old.map(|old| &old.workload);
        let (at, _) = transition::write_of(old, new, turn.seen.arrival);
        let was_going = old.is_some_and(|old| old.meta.deletion.is_some());
        // Listed, but created inside the open transition: in a gap of the watch.
        let is_of_open = !self.is_unjudged
            && self.open_ref().is_some_and(|open| open.start.decision() <= new.meta.created);
        let change = old.and_then(|old| SpecChange::between(old, new));
        let write = Write {
            at,
            created: old.is_none() && (!turn.seen.is_listed || is_of_open),
            from: old.map_or(0, Workload::count),
            is_scaled: old.is_some_and(|old| old.replicas != new.replicas),
            is_updated: change.is_some_and(|change| !change.is_scale()) && !is_set(&new.kind),
        };
        self.forest.keep(new, self.portrait.top.uid);
        if let Some(deletion) = new.meta.deletion.as_ref() {
            if !was_going {
                self.begin_delete_step(uid, Evidence::object(deletion.at, turn.seen.arrival));
            }
            if let Some(step) = self.open().and_then(|open| open.steps.get_mut(&uid)) {
                transition::hold(&mut step.finalizers, &deletion.finalizers);
            }
        }
        let stamps = if write.created { self.own_stamps(new) } else { Vec::new() };
        let status = Evidence::object_or(new.status.written, at.lo, turn.seen.arrival);
        self.write_step(new, &write, stamps, status);
        self.evaluate(status, turn);
    }

    fn write_step(&mut self, new: &Workload, write: &Write, stamps: Vec<Stamp>, status: Evidence) {
        let uid = new.meta.uid;
        let owner = self.forest.of(uid).map_or(self.top().uid, |owned| owned.owner);
        let Some(open) = self.open().filter(|open| !open.action.is_end()) else { return };
        let is_run = new.mode == Mode::Run;
        let is_written = write.created || (!is_run && (write.is_scaled || write.is_updated));
        match open.steps.get_mut(&uid) {
            Some(step) if is_written => {
                if write.is_scaled {
                    step.add_write(write.at, new.count());
                }
                step.is_update |= write.is_updated;
                step.settled = None;
            }
            None if is_written => {
                let mut step = new_step(new, owner, write.at, write.from);
                step.is_created = write.created;
                step.is_update = write.is_updated;
                step.stamps = stamps;
                open.steps.insert(uid, step);
            }
            Some(_) | None => {}
        }
        if let Some(step) = open.steps.get_mut(&uid).filter(|step| !step.is_deleted) {
            step.stands(new, status);
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
    pub(super) fn begin_delete_step(&mut self, uid: Uid, at: Evidence) {
        let Some(owned) = self.forest.of(uid) else { return };
        let (n_pods, n_below) = (self.pods.share(uid).n, self.forest.below(uid).count());
        if owned.is_void(n_pods, n_below) {
            return;
        }
        let workload = &owned.workload;
        let mut step = new_step(workload, owned.owner, at, workload.count());
        step.is_deleted = true;
        step.settled = (owned.is_gone && n_pods == 0 && n_below == 0).then_some(at);
        if let Some(deletion) = &workload.meta.deletion {
            transition::hold(&mut step.finalizers, &deletion.finalizers);
        }
        if let Some(open) = self.open().filter(|open| open.action == Action::Delete) {
            open.steps.entry(uid).or_insert(step);
        }
    }

    pub(super) fn owned_gone(&mut self, uid: Uid, gone: Evidence) {
        self.forest.set_gone(uid);
        self.begin_delete_step(uid, gone);
        self.end_owned(uid, gone);
    }

    /// A workload that is gone leaves with the last of what it owns, and so may the one above it.
    pub(super) fn end_owned(&mut self, uid: Uid, at: Evidence) {
        let mut next = Some(uid);
        while let Some(uid) = next.filter(|uid| self.has_nothing_left(*uid)) {
            let Some(owned) = self.forest.remove(uid) else { return };
            if let Some(step) = self.open().and_then(|open| open.steps.get_mut(&uid))
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

    /// The steps that a list proves open: below a run what has not ended, else what is of the
    /// newest template and not settled.
    pub(super) fn listed_steps(&self, template: u64) -> BTreeMap<Uid, Step> {
        let is_open = |owned: &Owned| match owned.workload.mode {
            Mode::Run => !settle::is_over(&owned.workload) && !owned.workload.paused,
            Mode::Rollout | Mode::Plain => {
                owned.workload.template == template && !settle::is_complete(&owned.workload)
            }
        };
        let open = self.forest.iter().filter(|(_, owned)| is_open(owned));
        open.map(|(uid, owned)| {
            let created = Evidence::object(owned.workload.meta.created, None);
            let mut step = new_step(&owned.workload, owned.owner, created, 0);
            step.is_created = true;
            step.scheduled = owned.workload.scheduled;
            (uid, step)
        })
        .collect()
    }
}

impl Step {
    /// How the workload stands by a new version of it.
    fn stands(&mut self, new: &Workload, status: Evidence) {
        self.revision = new.revision;
        self.scheduled = new.scheduled;
        let failing = new.status.replica_failure.as_ref().filter(|it| it.is_true);
        self.failure = failing.map(|it| (it.reason.clone(), it.message.clone()));
        match (settle::standing(new), self.settled) {
            (Standing::Settled(at), None) => self.settled = Some(said(at, status)),
            (Standing::Failed { reason, message, at }, known) => {
                self.failure = Some((reason.into(), message.into()));
                self.settled = known.or_else(|| self.is_run.then(|| said(at, status)));
            }
            (Standing::Progressing, Some(_)) if !self.is_run => self.settled = None,
            (Standing::Settled(_), Some(_)) | (Standing::Progressing, _) => {}
        }
    }
}

/// The moment that a status says, or else that of its writing.
fn said(at: Option<UnixNanos>, status: Evidence) -> Evidence {
    Evidence::object_or(at, status.lo, status.arrival)
}

fn new_step(workload: &Workload, owner: Uid, start: Evidence, from: i64) -> Step {
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
        revision: workload.revision,
        stamps: Vec::new(),
        failure: None,
        scheduled: None,
        finalizers: Vec::new(),
    }
}
