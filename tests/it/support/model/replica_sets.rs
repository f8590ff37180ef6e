//! The ReplicaSet controller and the garbage collector.

#![expect(clippy::indexing_slicing, reason = "a panic is a failed test")]

use super::objects::{Maker, Status};
use super::{Task, World};
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
        let set = &self.sets[at];
        let name = set.meta.name.clone();
        let (labels, template) = (set.meta.labels.clone(), set.template.clone());
        let owner = ("ReplicaSet", name, set.meta.uid.clone());
        self.make_pod(Maker::Set(at), owner, labels, template);
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
