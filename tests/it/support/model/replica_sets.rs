//! The ReplicaSet controller and the garbage collector.

#![expect(clippy::indexing_slicing, reason = "a panic is a failed test")]

use std::collections::BTreeMap;

use super::objects::{GRACE_SECONDS, Meta, Pod, State, Status};
use super::{
    Task, World,
    kubelet::{End, SetUp, Step},
};
use crate::support::lines::Type;

const CONTROLLER: &str = "kube-controller-manager";

impl World {
    /// One step: create a Pod, delete a Pod, or write the status.
    pub(super) fn sync_set(&mut self, at: usize) {
        self.sets[at].sync_due = false;
        if self.sets[at].is_gone {
            return;
        }
        // Now and then the status is written before the Pods, as the real controller does.
        if self.random.chance(25) && self.write_set_status(at) {
            return;
        }
        let set = &self.sets[at];
        let mut active: Vec<usize> =
            set.pods.iter().copied().filter(|pod| self.pods[*pod].is_active()).collect();
        let missing = set.replicas - i64::try_from(active.len()).unwrap_or(0);
        if missing > 0 {
            self.create_pod(at);
        } else if missing < 0 {
            // The least useful goes first: not bound, not ready, then the newest.
            active.sort_by_key(|pod| {
                let index = *pod;
                let pod = &self.pods[index];
                (pod.is_bound, pod.ready.0, std::cmp::Reverse(index))
            });
            if let Some(pod) = active.first().copied() {
                self.request_deletion(pod);
                let meta = &self.sets[at].meta;
                let about = ("ReplicaSet", meta.name.clone(), meta.uid.clone());
                let message = format!("Deleted pod: {}", self.pods[pod].meta.name);
                self.note(about, "SuccessfulDelete", message, "replicaset-controller");
            }
        } else {
            self.write_set_status(at);
            return;
        }
        if !self.sets[at].sync_due {
            self.sets[at].sync_due = true;
            self.after(1, 4, Task::SyncSet(at));
        }
    }

    fn write_set_status(&mut self, at: usize) -> bool {
        let now = self.now;
        let set = &self.sets[at];
        let mut status = Status { observed: set.meta.generation, ..Status::default() };
        for pod in set.pods.iter().map(|pod| &self.pods[*pod]) {
            if pod.is_active() {
                status.replicas += 1;
                status.ready += i64::from(pod.ready.0);
            } else if !matches!(pod.phase, "Succeeded" | "Failed") {
                status.terminating += 1;
            }
        }
        status.available = status.ready;
        let set = &mut self.sets[at];
        if set.status == status {
            return false;
        }
        set.status = status;
        set.meta.wrote(CONTROLLER, "status", now);
        self.write_set(at, Type::Modified);
        true
    }

    fn create_pod(&mut self, at: usize) {
        let (now, uid, suffix) = (self.now, self.random.uuid(), self.random.suffix());
        let set = &self.sets[at];
        let mut meta = Meta {
            name: format!("{}-{suffix}", set.meta.name),
            uid,
            generation: 1,
            created: now,
            labels: set.meta.labels.clone(),
            owner: Some(("ReplicaSet", set.meta.name.clone(), set.meta.uid.clone())),
            ..Meta::default()
        };
        meta.wrote(CONTROLLER, "", now);
        let pod = Pod {
            set: at,
            meta,
            template: set.template.clone(),
            is_bound: false,
            is_admitted: false,
            phase: "Pending",
            scheduled: 0,
            admitted: 0,
            sandbox: (false, 0),
            ready: (false, 0),
            disrupted: None,
            state: State::Waiting("ContainerCreating"),
            last: None,
            restarts: 0,
            is_gone: false,
            notes: BTreeMap::new(),
        };
        let about = ("ReplicaSet", set.meta.name.clone(), set.meta.uid.clone());
        let message = format!("Created pod: {}", pod.meta.name);
        let index = self.pods.len();
        let deployment = set.deployment;
        self.truth.pod_created(deployment, &pod.meta, now + 1_000);
        self.pods.push(pod);
        self.sets[at].pods.push(index);
        self.write_pod(index, Type::Added);
        self.note(about, "SuccessfulCreate", message, "replicaset-controller");
        self.after(3, 12, Task::SyncPod(index, Step::SetUp(SetUp::Schedule)));
    }

    /// A delete request for a Pod; one that is going already is left alone.
    pub(super) fn request_deletion(&mut self, at: usize) {
        let now = self.now;
        let pod = &mut self.pods[at];
        if pod.is_going() || pod.is_gone {
            return;
        }
        let is_bound = pod.is_bound;
        let grace = if is_bound { GRACE_SECONDS } else { 0 };
        pod.meta.deletion = Some((now + grace * super::S, grace));
        pod.meta.generation += 1;
        let deployment = self.sets[pod.set].deployment;
        self.truth.pod_requested(deployment, at, now + 1_000);
        self.write_pod(at, Type::Modified);
        if is_bound {
            self.after(4, 20, Task::SyncPod(at, Step::End(End::Kill)));
        } else {
            self.after(1, 4, Task::SyncPod(at, Step::End(End::Remove)));
        }
    }

    /// The garbage collector deletes a ReplicaSet whose Deployment is gone, then its Pods.
    pub(super) fn collect_set(&mut self, at: usize) {
        self.sets[at].is_gone = true;
        self.write_set(at, Type::Deleted);
        self.judge(self.sets[at].deployment);
        for pod in self.sets[at].pods.clone() {
            self.after(3, 25, Task::CollectPod(pod));
        }
    }
}
