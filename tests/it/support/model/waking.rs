//! Writes of StatefulSets, DaemonSets and Jobs, and what their controllers do after each.

#![expect(clippy::indexing_slicing, reason = "a panic is a failed test")]

use super::workloads::Form;
use super::{Task, World};
use crate::support::lines::Type;

impl World {
    pub(super) fn write_workload(&mut self, at: usize, kind: Type) {
        let version = self.next_version();
        let workload = &mut self.workloads[at];
        workload.meta.resource_version = version;
        let (lane, object, stack) = (workload.lane(), workload.json(), workload.stack);
        self.tell(lane, kind, &object);
        self.wake_stack(stack);
        if kind != Type::Deleted {
            self.wake_workload(at, (2, 9));
        }
    }

    /// A sync that is due later does not keep back one that is due soon.
    pub(super) fn wake_workload(&mut self, at: usize, (low, high): (i64, i64)) {
        let workload = &mut self.workloads[at];
        if workload.is_gone || (workload.sync_due && low > 100) {
            return;
        }
        workload.sync_due = true;
        self.after(low, high, Task::SyncWorkload(at));
    }

    pub(super) fn sync_workload(&mut self, at: usize) {
        let workload = &mut self.workloads[at];
        workload.sync_due = false;
        if workload.is_gone {
            return;
        }
        match workload.form.clone() {
            Form::StatefulSet(set) => self.sync_stateful_set(at, set),
            Form::DaemonSet(set) => self.sync_daemon_set(at, set),
            Form::Job(job) => self.sync_job(at, job),
        }
    }

    /// Keeps what a controller has found out, and writes the status if that has changed.
    pub(super) fn write_status_of(&mut self, at: usize, form: Form) {
        let now = self.now;
        let workload = &mut self.workloads[at];
        let before = workload.form.status();
        workload.form = form;
        if workload.form.status() != before {
            workload.meta.wrote("kube-controller-manager", "status", now);
            self.write_workload(at, Type::Modified);
            self.judge_workload(at);
        }
    }
}
