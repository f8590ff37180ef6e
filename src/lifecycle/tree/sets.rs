//! ReplicaSets below the topmost workload: one step each in a transition, if `replicas` was
//! written in it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::instant::Evidence;
use super::super::object::{SpecHashes, Stamp, Uid, Workload};
use super::super::settle;
use super::super::span::FinishedSpan;
use super::super::transition::{self, Action, Step};
use super::{Rules, Seen, Set, Tree};

impl Tree {
    pub(super) fn set_seen(
        &mut self,
        new: &Workload,
        seen: Seen,
        rules: &Rules,
        out: &mut Vec<FinishedSpan>,
    ) {
        let uid = new.meta.uid;
        let old = self.sets.get(&uid);
        if old.is_some_and(|old| {
            old.is_gone || old.workload.meta.resource_version >= new.meta.resource_version
        }) {
            self.untraced.stale += 1;
            return;
        }
        let (at, _) = transition::write_of(old.map(|set| &set.workload), new, seen.arrival);
        let old_replicas = old.map(|set| set.workload.count());
        let is_deleted = new.meta.deletion.as_ref();
        let newly_deleted =
            is_deleted.filter(|_| old.is_none_or(|old| old.workload.meta.deletion.is_none()));
        let is_complete = settle::is_complete(new);
        let deleted_at = newly_deleted.map(|deletion| Evidence::object(deletion.at, seen.arrival));

        let slim = slim(new);
        match self.sets.get_mut(&uid) {
            Some(set) => set.workload = slim,
            None => {
                let set = Set { workload: slim, n_pods: 0, n_present: 0, is_gone: false };
                self.sets.insert(uid, Box::new(set));
            }
        }
        if let Some(at) = deleted_at {
            self.begin_delete_step(uid, at);
        }
        let status = Evidence::object_or(new.status.written, at.lo, seen.arrival);
        // Listed, but created inside the open transition: in a gap of the watch.
        let is_of_open = !self.is_unjudged
            && self.open().is_some_and(|open| open.start.decision() <= new.meta.created);
        let created = old_replicas.is_none() && (!seen.is_listed || is_of_open);
        let stamps = if created { self.own_stamps(new) } else { Vec::new() };
        if let Some(open) = self.open().filter(|open| !open.action.is_end()) {
            let from = old_replicas.unwrap_or(0);
            let has_write = created || old_replicas.is_some_and(|old| old != new.count());
            if has_write {
                match open.steps.get_mut(&uid) {
                    Some(step) => {
                        step.writes.push((at, step.to, new.count()));
                        step.to = new.count();
                        step.settled = None;
                    }
                    None => {
                        let mut step = new_step(new, at, from);
                        step.is_created = created;
                        step.stamps = stamps;
                        open.steps.insert(uid, step);
                    }
                }
            }
            if let Some(step) = open.steps.get_mut(&uid) {
                step.revision = new.revision;
                match (is_complete, step.settled) {
                    (true, None) => step.settled = Some(status),
                    (false, Some(_)) => step.settled = None,
                    (true, Some(_)) | (false, None) => {}
                }
                let failing = new.status.replica_failure.as_ref().filter(|it| it.is_true);
                step.failure = failing.map(|it| (it.reason.clone(), it.message.clone()));
            }
        }
        self.evaluate(status, rules, out);
    }

    /// Stamps of a new ReplicaSet that no other one carries.
    fn own_stamps(&self, new: &Workload) -> Vec<Stamp> {
        let is_elsewhere = |stamp: &&Stamp| {
            let others = self.sets.iter().filter(|(uid, _)| **uid != new.meta.uid);
            let mut stamps = others.flat_map(|(_, set)| set.workload.stamps.iter());
            stamps.any(|known| known.context == stamp.context)
        };
        new.stamps.iter().filter(|stamp| !is_elsewhere(stamp)).cloned().collect()
    }

    /// The deletion of a ReplicaSet that has Pods, inside the deletion of its owner.
    fn begin_delete_step(&mut self, uid: Uid, at: Evidence) {
        let Some(set) = self.sets.get(&uid) else { return };
        let has_pods = set.n_pods > 0 || set.workload.count() > 0;
        let mut step = new_step(&set.workload, at, set.workload.count());
        step.is_deleted = true;
        let is_gone = set.is_gone && set.n_pods == 0;
        step.settled = is_gone.then_some(at);
        if let Some(open) = self.open().filter(|open| open.action == Action::Delete && has_pods) {
            open.steps.entry(uid).or_insert(step);
        }
    }

    pub(super) fn set_gone(&mut self, uid: Uid, gone: Evidence) {
        let Some(set) = self.sets.get_mut(&uid) else { return };
        set.is_gone = true;
        self.begin_delete_step(uid, gone);
        self.end_set(uid, gone);
    }

    /// A ReplicaSet that is gone leaves with the last of its Pods.
    pub(super) fn end_set(&mut self, uid: Uid, at: Evidence) {
        let is_over = self.sets.get(&uid).is_some_and(|set| set.is_gone && set.n_pods == 0);
        if !is_over {
            return;
        }
        self.sets.remove(&uid);
        if let Some(step) = self.open().and_then(|open| open.steps.get_mut(&uid))
            && step.is_deleted
        {
            step.settled = Some(at);
        }
    }

    /// The steps that a list proves open: the ReplicaSet of the template, not settled.
    pub(super) fn listed_steps(&self, template: u64) -> BTreeMap<Uid, Step> {
        let current = self.sets.iter().filter(|(_, set)| {
            set.workload.template == template && !settle::is_complete(&set.workload)
        });
        current
            .map(|(uid, set)| {
                let created = Evidence::object(set.workload.meta.created, None);
                let mut step = new_step(&set.workload, created, 0);
                step.is_created = true;
                (*uid, step)
            })
            .collect()
    }
}

fn new_step(workload: &Workload, start: Evidence, from: i64) -> Step {
    Step {
        name: Arc::from(&*workload.meta.name),
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
    }
}

/// What a ReplicaSet below a Deployment needs: its spec beyond `replicas` and the template's hash
/// is its owner's.
fn slim(workload: &Workload) -> Workload {
    Workload {
        spec: SpecHashes::default(),
        images: Arc::default(),
        writers: Arc::clone(&workload.writers),
        ..workload.clone()
    }
}
