//! What of objects decides whether a transition has ended, as users see it.

#![expect(clippy::indexing_slicing, reason = "a panic is a failed test")]

use super::World;
use super::objects::{Deployment, Pod};
use super::resizes::Sizing;
use super::truth::{Facts, Pods};
use super::workloads::{Form, Workload};

/// Of a StatefulSet or DaemonSet kubectl's rule of a rollout, and no more Pods than wanted; with
/// minReadySeconds all of them available.
pub(super) fn is_rolled_out(workload: &Workload) -> bool {
    let generation = workload.meta.generation;
    match &workload.form {
        Form::StatefulSet(set) => {
            let status = &set.status;
            let is_updated = set.is_on_delete || status.updated >= set.replicas - set.partition;
            status.observed >= generation
                && is_updated
                && status.ready >= set.replicas
                && status.replicas == set.replicas
                && (set.min_ready == 0 || status.available == set.replicas)
        }
        Form::DaemonSet(set) => {
            let status = &set.status;
            status.observed >= generation
                && (set.is_on_delete || status.updated >= set.desired)
                && status.available >= set.desired
                && status.replicas == set.desired
        }
        Form::Job(job) => job.status.reason("Complete").is_some(),
    }
}

/// Counts what its Pods are like.
pub(super) fn seen<'a>(pods: impl Iterator<Item = &'a Pod>) -> Pods {
    let mut seen = Pods::default();
    for pod in pods {
        if pod.is_active() {
            seen.active += 1;
            seen.ready += i64::from(pod.ready.0);
            seen.resizing +=
                i64::from(matches!(pod.sizing, Sizing::Written | Sizing::InProgress(_)));
        } else {
            seen.going += 1;
        }
    }
    seen
}

impl Deployment {
    /// Whether its controller has seen its spec, whether that says complete, and why it has failed.
    pub(super) fn standing(&self) -> (bool, bool, Option<&'static str>) {
        let (status, wanted) = (&self.status, self.replicas);
        let is_observed = status.observed >= self.meta.generation;
        let is_complete = is_observed
            && (status.updated, status.replicas, status.available) == (wanted, wanted, wanted);
        let progressing = self.progressing.as_ref().map(|condition| condition.reason);
        let failed = progressing.filter(|it| is_observed && *it == "ProgressDeadlineExceeded");
        (is_observed, is_complete, failed)
    }
}

impl World {
    /// Asks the truth whether what users see of a StatefulSet, DaemonSet or Job has changed.
    pub(super) fn judge_workload(&mut self, at: usize) {
        if let Some(stack) = self.workloads[at].stack {
            return self.judge_stack(stack);
        }
        let workload = &self.workloads[at];
        let (wanted, is_waited_for, failed) = match &workload.form {
            Form::StatefulSet(set) => (set.replicas, !set.is_on_delete, None),
            Form::DaemonSet(set) => (set.desired, !set.is_on_delete, None),
            Form::Job(job) => (0, false, job.status.reason("Failed")),
        };
        let pods = seen(workload.pods.iter().map(|pod| &self.pods[*pod]));
        // A Pod that goes is counted as long as it is Ready, and has to be replaced.
        let lacks_pods = is_waited_for && pods.ready < wanted;
        let facts = Facts {
            wanted,
            is_paused: false,
            is_observed: true,
            is_complete: is_rolled_out(workload) && !lacks_pods,
            going_since: None,
            is_good: None,
            failed,
            is_gone: workload.is_gone,
            sets: 0,
            pods,
        };
        let cron_job = workload.cron_job;
        self.truth.judge(workload.tree, self.now, facts);
        if let Some(cron_job) = cron_job {
            self.judge_cron_job(cron_job);
        }
    }

    /// Asks the truth whether what users see of a Deployment has changed.
    pub(super) fn judge(&mut self, at: usize) {
        if let Some(stack) = self.deployments[at].stack {
            return self.judge_stack(stack);
        }
        let deployment = &self.deployments[at];
        let pods = deployment.sets.iter().flat_map(|set| &self.sets[*set].pods);
        let seen = seen(pods.map(|pod| &self.pods[*pod]));
        let (is_observed, is_complete, failed) = deployment.standing();
        let facts = Facts {
            wanted: deployment.replicas,
            is_paused: deployment.paused,
            is_observed,
            is_complete,
            going_since: None,
            is_good: None,
            failed,
            is_gone: deployment.is_gone,
            sets: deployment.sets.iter().filter(|set| !self.sets[**set].is_gone).count(),
            pods: seen,
        };
        self.truth.judge(deployment.tree, self.now, facts);
    }
}
