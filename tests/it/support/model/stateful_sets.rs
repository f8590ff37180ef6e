//! The StatefulSet controller: Pods one by one, in order; updates from the highest ordinal down.

#![expect(clippy::indexing_slicing, reason = "a panic is a failed test")]

use super::objects::{Maker, Meta, Pod, State, Status};
use super::pods::Plan;
use super::truth::Why;
use super::workloads::{Form, StatefulSet};
use super::{S, Task, World};

pub(super) const REVISION: &str = "controller-revision-hash";

/// The one thing that is done before the status is written.
enum Move {
    Create(i64),
    Delete(usize),
}

impl World {
    pub(super) fn sync_stateful_set(&mut self, at: usize, mut set: StatefulSet) {
        let workload = &self.workloads[at];
        let generation = workload.meta.generation;
        let revision = format!("{}-{}", workload.meta.name, workload.template.hash());
        set.revisions.insert(revision.clone(), workload.template.clone());
        set.update_revision = revision;
        if set.current_revision.is_empty() {
            set.current_revision.clone_from(&set.update_revision);
        }
        self.count_stateful_set(at, &mut set, generation);
        let next = self.next_move(at, &set);
        match next {
            Some(Move::Create(ordinal)) => self.create_ordinal(at, &set, ordinal),
            Some(Move::Delete(pod)) => {
                let of = revision_of(&self.pods[pod]);
                set.current -= i64::from(of == set.current_revision);
                set.status.updated -= i64::from(of == set.update_revision);
                self.request_deletion(pod);
            }
            None => {}
        }
        let status = &set.status;
        if !set.is_on_delete
            && [status.updated, status.ready, status.replicas] == [set.replicas; 3]
            && set.current_revision != set.update_revision
        {
            set.current = status.updated;
            set.current_revision.clone_from(&set.update_revision);
        }
        self.write_status_of(at, Form::StatefulSet(set));
    }

    fn count_stateful_set(&mut self, at: usize, set: &mut StatefulSet, generation: i64) {
        let mut status = Status { observed: generation, ..Status::default() };
        set.current = 0;
        let mut waits_until = None;
        for pod in self.workloads[at].pods.iter().map(|pod| &self.pods[*pod]) {
            status.replicas += 1;
            if is_ready(pod) {
                let due = pod.ready.1 + set.min_ready * S;
                status.ready += 1;
                status.available += i64::from(self.now >= due);
                waits_until = waits_until.max(Some(due).filter(|due| *due > self.now));
            }
            if !pod.is_going() {
                let revision = revision_of(pod);
                set.current += i64::from(revision == set.current_revision);
                status.updated += i64::from(revision == set.update_revision);
            }
        }
        set.status = status;
        if let Some(due) = waits_until {
            self.soon(due - self.now + 1, Task::SyncWorkload(at));
        }
    }

    fn next_move(&self, at: usize, set: &StatefulSet) -> Option<Move> {
        let pods = &self.workloads[at].pods;
        let with = |ordinal: i64| pods.iter().copied().find(|it| self.pods[*it].ordinal == ordinal);
        let is_well = |it: usize| {
            let pod = &self.pods[it];
            is_ready(pod) && !pod.is_going() && self.now >= pod.ready.1 + set.min_ready * S
        };
        for ordinal in 0..set.replicas {
            match with(ordinal) {
                None => return Some(Move::Create(ordinal)),
                Some(pod) if !is_well(pod) => return None,
                Some(_) => {}
            }
        }
        let mut condemned: Vec<usize> =
            pods.iter().copied().filter(|it| self.pods[*it].ordinal >= set.replicas).collect();
        condemned.sort_by_key(|it| -self.pods[*it].ordinal);
        if let Some(last) = condemned.first().copied() {
            let first_ill = condemned.iter().rev().copied().find(|it| !is_well(*it));
            let may_go = is_well(last) || first_ill == Some(last);
            return Some(Move::Delete(last)).filter(|_| may_go && !self.pods[last].is_going());
        }
        if set.is_on_delete {
            return None;
        }
        for pod in (set.partition..set.replicas).rev().filter_map(with) {
            if revision_of(&self.pods[pod]) != set.update_revision {
                return Some(Move::Delete(pod));
            }
        }
        None
    }

    fn create_ordinal(&mut self, at: usize, set: &StatefulSet, ordinal: i64) {
        let workload = &self.workloads[at];
        // Below the partition Pods stay what they were.
        let is_old = !set.is_on_delete && ordinal < set.partition;
        let revision = if is_old { &set.current_revision } else { &set.update_revision };
        let template = set.revisions.get(revision).unwrap_or(&workload.template).clone();
        let name = format!("{}-{ordinal}", workload.meta.name);
        let labels = [
            ("app", &template.app),
            ("app.kubernetes.io/name", &template.app),
            ("apps.kubernetes.io/pod-index", &ordinal.to_string()),
            (REVISION, revision),
            ("statefulset.kubernetes.io/pod-name", &name),
        ];
        let labels = labels.map(|(key, value)| (key.to_owned(), value.clone())).into();
        let owner = Some(workload.owner());
        let uid = self.random.uuid();
        let meta = Meta { name, uid, labels, owner, ..Meta::default() };
        let node = "node-1".to_owned();
        let maker = Maker::Workload(at);
        self.make(Plan { maker, meta, template, ordinal, node, why: Why::Wanted });
    }
}

/// Running and ready, as the controller reads it.
fn is_ready(pod: &Pod) -> bool {
    pod.phase == "Running" && pod.ready.0 && matches!(pod.state, State::Running(_))
}

/// The revision that a Pod was made of.
pub(super) fn revision_of(pod: &Pod) -> &str {
    pod.meta.labels.get(REVISION).map_or("", String::as_str)
}
