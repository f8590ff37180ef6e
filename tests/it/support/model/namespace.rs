//! The end of a namespace: its Pods go first, and what owned them when they are gone (KEP-5080).

#![expect(clippy::indexing_slicing, reason = "a panic is a failed test")]

use super::{MS, Task, World};

impl Task {
    /// A controller that makes or counts would do it; in a terminating namespace all is refused.
    pub(super) const fn is_of_controller(&self) -> bool {
        matches!(
            self,
            Self::Act
                | Self::SyncDeployment(_)
                | Self::SyncSet(_)
                | Self::SyncWorkload(_)
                | Self::SyncStack(_)
                | Self::CountJob(_)
        )
    }
}

impl World {
    pub(super) fn end_namespace(&mut self) {
        self.act_at_last = self.now;
        if !self.is_terminating {
            self.is_terminating = true;
            for pod in 0..self.pods.len() {
                self.request_deletion(pod);
                self.release_pod(pod);
            }
        }
        if self.pods.iter().any(|pod| !pod.is_gone) {
            return self.soon(100 * MS, Task::EndNamespace);
        }
        for at in (0..self.deployments.len())
            .filter(|at| !self.deployments[*at].is_gone)
            .collect::<Vec<_>>()
        {
            self.delete(at);
        }
        for at in
            (0..self.workloads.len()).filter(|at| !self.workloads[*at].is_gone).collect::<Vec<_>>()
        {
            self.delete_workload(at);
        }
    }
}
