//! Workloads below the topmost one, at any depth: one step each in a transition, if they were
//! created or written in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::settle::{self, Standing};
use super::super::transition::{self, Action, SpecChange, Step};
use super::{Rules, Seen, Tree};
use crate::facts::instant::Evidence;
use crate::facts::kind::Kind;
use crate::facts::meta::Uid;
use crate::facts::span::FinishedSpan;
use crate::facts::stamp::Stamp;
use crate::facts::workload::{Mode, SpecHashes, Workload};

/// Chains of owners are followed no further.
const MAX_DEPTH: usize = 16;

/// A workload below the topmost one.
#[derive(Clone, Debug)]
pub(super) struct Owned {
    pub(super) workload: Workload,
    /// The workload above it: the topmost one, or another of these.
    pub(super) owner: Uid,
    /// Pods of it that are still there.
    pub(super) n_pods: i64,
    /// Of these, neither going nor finished.
    pub(super) n_present: i64,
    /// Workloads of it that are still there.
    pub(super) n_owned: i64,
    pub(super) is_gone: bool,
}

impl Owned {
    /// It ends with nothing: a run that is over, or a revision that is no longer used.
    fn is_void(&self) -> bool {
        let is_over = self.workload.mode == Mode::Run && settle::is_over(&self.workload);
        let is_unused = self.workload.wanted() == Some(0) && self.n_pods == 0 && self.n_owned == 0;
        is_over || is_unused
    }

    /// It is gone, and so is all below it.
    fn is_empty(&self) -> bool {
        self.is_gone && self.n_pods == 0 && self.n_owned == 0
    }
}

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
    pub(super) fn owned_seen(
        &mut self,
        new: &Workload,
        seen: Seen,
        rules: &Rules,
        out: &mut Vec<FinishedSpan>,
    ) {
        let uid = new.meta.uid;
        let old = self.owned.get(&uid);
        if old.is_some_and(|old| {
            old.is_gone || old.workload.meta.resource_version >= new.meta.resource_version
        }) {
            self.untraced.stale += 1;
            return;
        }
        let old = old.map(|old| &old.workload);
        let (at, _) = transition::write_of(old, new, seen.arrival);
        let was_going = old.is_some_and(|old| old.meta.deletion.is_some());
        // Listed, but created inside the open transition: in a gap of the watch.
        let is_of_open = !self.is_unjudged
            && self.open_ref().is_some_and(|open| open.start.decision() <= new.meta.created);
        let change = old.and_then(|old| SpecChange::between(old, new));
        let write = Write {
            at,
            created: old.is_none() && (!seen.is_listed || is_of_open),
            from: old.map_or(0, Workload::count),
            is_scaled: old.is_some_and(|old| old.replicas != new.replicas),
            is_updated: change.is_some_and(|change| !change.is_scale()) && !is_set(&new.kind),
        };
        self.keep(new);
        if let Some(deletion) = new.meta.deletion.as_ref() {
            if !was_going {
                self.begin_delete_step(uid, Evidence::object(deletion.at, seen.arrival));
            }
            if let Some(step) = self.open().and_then(|open| open.steps.get_mut(&uid)) {
                transition::hold(&mut step.finalizers, &deletion.finalizers);
            }
        }
        let stamps = if write.created { self.own_stamps(new) } else { Vec::new() };
        let status = Evidence::object_or(new.status.written, at.lo, seen.arrival);
        self.write_step(new, &write, stamps, status);
        self.evaluate(status, rules, out);
    }

    /// Takes over a version of an owned workload.
    fn keep(&mut self, new: &Workload) {
        let uid = new.meta.uid;
        let slim = slim(new);
        if let Some(owned) = self.owned.get_mut(&uid) {
            owned.workload = slim;
            return;
        }
        let owner = new.meta.owner.as_ref().map_or(self.top.uid, |owner| owner.uid);
        let (mut n_pods, mut n_present, mut n_owned) = (0, 0, 0);
        // What it owns may have come first, where its own lane was late beyond all bounds.
        for pod in self.pods.values().filter(|pod| pod.owner() == Some(uid)) {
            n_pods += 1;
            n_present += pod.tally().present;
        }
        for _ in self.owned.values().filter(|below| below.owner == uid) {
            n_owned += 1;
        }
        let owned = Owned { workload: slim, owner, n_pods, n_present, n_owned, is_gone: false };
        self.owned.insert(uid, Box::new(owned));
        if let Some(above) = self.owned.get_mut(&owner) {
            above.n_owned += 1;
        }
    }

    fn write_step(&mut self, new: &Workload, write: &Write, stamps: Vec<Stamp>, status: Evidence) {
        let uid = new.meta.uid;
        let owner = self.owned.get(&uid).map_or(self.top.uid, |owned| owned.owner);
        let Some(open) = self.open().filter(|open| !open.action.is_end()) else { return };
        let is_run = new.mode == Mode::Run;
        let is_written = write.created || (!is_run && (write.is_scaled || write.is_updated));
        match open.steps.get_mut(&uid) {
            Some(step) if is_written => {
                if write.is_scaled {
                    step.writes.push((write.at, step.to, new.count()));
                    step.to = new.count();
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
        let Some(step) = open.steps.get_mut(&uid).filter(|step| !step.is_deleted) else { return };
        step.revision = new.revision;
        step.scheduled = new.scheduled;
        let failing = new.status.replica_failure.as_ref().filter(|it| it.is_true);
        step.failure = failing.map(|it| (it.reason.clone(), it.message.clone()));
        match (settle::standing(new), step.settled) {
            (Standing::Settled(at), None) => step.settled = Some(said(at, status)),
            (Standing::Failed { reason, message, at }, known) => {
                step.failure = Some((reason.into(), message.into()));
                step.settled = known.or_else(|| is_run.then(|| said(at, status)));
            }
            (Standing::Progressing, Some(_)) if !is_run => step.settled = None,
            (Standing::Settled(_), Some(_)) | (Standing::Progressing, _) => {}
        }
    }

    /// Stamps of a new workload that no other one below the topmost carries.
    fn own_stamps(&self, new: &Workload) -> Vec<Stamp> {
        let is_elsewhere = |stamp: &&Stamp| {
            let others = self.owned.iter().filter(|(uid, _)| **uid != new.meta.uid);
            let mut stamps = others.flat_map(|(_, owned)| owned.workload.stamps.iter());
            stamps.any(|known| known.context == stamp.context)
        };
        new.stamps.iter().filter(|stamp| !is_elsewhere(stamp)).cloned().collect()
    }

    /// The deletion of a workload that does not end with nothing, inside that of its owner.
    pub(super) fn begin_delete_step(&mut self, uid: Uid, at: Evidence) {
        let Some(owned) = self.owned.get(&uid) else { return };
        if owned.is_void() {
            return;
        }
        let workload = &owned.workload;
        let mut step = new_step(workload, owned.owner, at, workload.count());
        step.is_deleted = true;
        step.settled = owned.is_empty().then_some(at);
        if let Some(deletion) = &workload.meta.deletion {
            transition::hold(&mut step.finalizers, &deletion.finalizers);
        }
        if let Some(open) = self.open().filter(|open| open.action == Action::Delete) {
            open.steps.entry(uid).or_insert(step);
        }
    }

    pub(super) fn owned_gone(&mut self, uid: Uid, gone: Evidence) {
        let Some(owned) = self.owned.get_mut(&uid) else { return };
        owned.is_gone = true;
        self.begin_delete_step(uid, gone);
        self.end_owned(uid, gone);
    }

    /// A workload that is gone leaves with the last of what it owns, and so may the one above it.
    pub(super) fn end_owned(&mut self, uid: Uid, at: Evidence) {
        let mut next = Some(uid);
        while let Some(uid) = next.filter(|uid| self.owned.get(uid).is_some_and(|it| it.is_empty()))
        {
            let Some(owned) = self.owned.remove(&uid) else { return };
            if let Some(step) = self.open().and_then(|open| open.steps.get_mut(&uid))
                && step.is_deleted
            {
                step.settled = Some(at);
            }
            if let Some(above) = self.owned.get_mut(&owned.owner) {
                above.n_owned -= 1;
            }
            next = Some(owned.owner);
        }
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
        let open = self.owned.iter().filter(|(_, owned)| is_open(owned));
        open.map(|(uid, owned)| {
            let created = Evidence::object(owned.workload.meta.created, None);
            let mut step = new_step(&owned.workload, owned.owner, created, 0);
            step.is_created = true;
            step.scheduled = owned.workload.scheduled;
            (*uid, step)
        })
        .collect()
    }

    /// The workloads whose Pods a continued transition is about.
    pub(super) fn current(&self, template: Option<u64>) -> BTreeSet<Uid> {
        let is_current = |owned: &Owned| match owned.workload.mode {
            Mode::Run => true,
            Mode::Rollout | Mode::Plain => Some(owned.workload.template) == template,
        };
        self.owned.iter().filter(|(_, owned)| is_current(owned)).map(|(uid, _)| *uid).collect()
    }

    /// How many Pods the workloads that have Pods of their own want together, where the topmost
    /// one does not say it.
    pub(super) fn wanted_below(&self) -> Option<i64> {
        let holds_pods = |owned: &Owned| {
            owned.workload.mode == Mode::Rollout
                && owned.workload.kind != Kind::Deployment
                && owned.n_owned == 0
                && owned.workload.meta.deletion.is_none()
        };
        let wanted = self.owned.values().filter(|owned| holds_pods(owned));
        let wanted = wanted.map(|owned| owned.workload.wanted());
        wanted.reduce(|one, other| Some(one? + other?)).flatten()
    }

    /// The workload `uid` of this tree is a run, or lies below one.
    pub(super) fn is_in_run(&self, uid: Uid) -> bool {
        let is_run = |mode: Mode| mode == Mode::Run;
        let mut at = Some(uid);
        for _ in 0..MAX_DEPTH {
            let Some(uid) = at else { return false };
            if uid == self.top.uid {
                return self.root.as_deref().is_some_and(|root| is_run(root.mode));
            }
            let Some(owned) = self.owned.get(&uid) else { return false };
            if is_run(owned.workload.mode) {
                return true;
            }
            at = Some(owned.owner);
        }
        false
    }
}

/// What owns Pods by a template that is its owner's.
const fn is_set(kind: &Kind) -> bool {
    matches!(kind, Kind::ReplicaSet | Kind::ReplicationController)
}

/// The moment that a status says, or else that of its writing.
fn said(at: Option<crate::facts::time::UnixNanos>, status: Evidence) -> Evidence {
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

/// What a ReplicaSet below a Deployment needs: its spec beyond `replicas` and the template's hash
/// is its owner's.
fn slim(workload: &Workload) -> Workload {
    let spec = if is_set(&workload.kind) { SpecHashes::default() } else { workload.spec.clone() };
    Workload { spec, images: Arc::default(), ..workload.clone() }
}
