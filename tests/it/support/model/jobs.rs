//! The Job controller: as many Pods as are to run, counted once each when they have ended.

#![expect(clippy::indexing_slicing, reason = "a panic is a failed test")]

use super::objects::Maker;
use super::workloads::{Form, Job, JobStatus};
use super::{S, Task, World};

impl World {
    pub(super) fn sync_job(&mut self, at: usize, mut job: Job) {
        if job.status.is_finished() {
            return;
        }
        let now = self.now;
        self.note_suspension(&mut job);
        if job.status.start.is_none() && !job.is_suspended {
            job.status.start = Some(now);
        }
        let (succeeded, failed) = self.ended(at, &mut job);
        self.aim(at, &mut job, succeeded, failed);
        let mut active: Vec<usize> = self.workloads[at]
            .pods
            .iter()
            .copied()
            .filter(|it| self.pods[*it].is_active())
            .collect();
        if is_decided(&job.status) {
            for pod in active.drain(..) {
                self.request_deletion(pod);
            }
        } else {
            let wanted = if job.is_suspended {
                0
            } else {
                job.parallelism.min(job.completions - succeeded).max(0)
            };
            let wanted = usize::try_from(wanted).unwrap_or(0);
            // Those that are taken back do not count: their finalizers go first.
            for pod in active.split_off(wanted.min(active.len())) {
                self.release_pod(pod);
                self.request_deletion(pod);
            }
            let is_early = now < job.backs_off_until;
            if active.len() < wanted && is_early {
                self.soon(job.backs_off_until - now + 1, Task::SyncWorkload(at));
            }
            while active.len() < wanted && !is_early {
                active.push(self.create_worker(at));
            }
        }
        self.count_job(at, &mut job.status);
        let has_uncounted = succeeded + failed > job.status.succeeded + job.status.failed;
        if has_uncounted {
            self.after(2, 9, Task::CountJob(at));
        }
        conclude(&mut job.status, now);
        self.write_status_of(at, Form::Job(job));
    }

    /// Pods that have ended let go of their finalizers and are counted.
    pub(super) fn count_ended(&mut self, at: usize) {
        let Form::Job(mut job) = self.workloads[at].form.clone() else { return };
        if self.workloads[at].is_gone {
            return;
        }
        let status = &mut job.status;
        let succeeded = std::mem::take(&mut status.uncounted_succeeded);
        let failed = std::mem::take(&mut status.uncounted_failed);
        for pod in self.workloads[at].pods.clone() {
            let uid = &self.pods[pod].meta.uid;
            if succeeded.contains(uid) || failed.contains(uid) {
                self.release_pod(pod);
            }
        }
        let n = |uids: &[String]| i64::try_from(uids.len()).unwrap_or(0);
        status.succeeded += n(&succeeded);
        status.failed += n(&failed);
        self.count_job(at, status);
        conclude(status, self.now);
        self.write_status_of(at, Form::Job(job));
    }

    /// How many have succeeded and failed, those counted that are not yet.
    fn ended(&mut self, at: usize, job: &mut Job) -> (i64, i64) {
        let (mut succeeded, mut failed) = (Vec::new(), Vec::new());
        for pod in self.workloads[at].pods.iter().map(|pod| &self.pods[*pod]) {
            if pod.meta.finalizers.is_empty() {
                continue;
            }
            if pod.phase == "Succeeded" {
                succeeded.push(pod.meta.uid.clone());
            } else if pod.phase == "Failed" || pod.is_going() {
                failed.push(pod.meta.uid.clone());
            }
        }
        let status = &mut job.status;
        if failed.iter().any(|uid| !status.uncounted_failed.contains(uid)) {
            let n = status.failed.clamp(0, 2);
            job.backs_off_until = self.now + (10 << n) * S;
        }
        (status.uncounted_succeeded, status.uncounted_failed) = (succeeded, failed);
        let n = |uids: &[String]| i64::try_from(uids.len()).unwrap_or(0);
        (
            status.succeeded + n(&status.uncounted_succeeded),
            status.failed + n(&status.uncounted_failed),
        )
    }

    fn note_suspension(&self, job: &mut Job) {
        let conditions = &mut job.status.conditions;
        let said = conditions.iter().position(|it| it.0 == "Suspended");
        let is_said = said.is_some_and(|at| conditions[at].1);
        if is_said == job.is_suspended {
            return;
        }
        let reason = if job.is_suspended { "JobSuspended" } else { "JobResumed" };
        let condition = ("Suspended", job.is_suspended, reason, self.now);
        match said {
            Some(at) => conditions[at] = condition,
            None => conditions.push(condition),
        }
        if job.is_suspended {
            job.status.start = None;
        }
    }

    /// Says, once, to what end it will come.
    fn aim(&mut self, at: usize, job: &mut Job, succeeded: i64, failed: i64) {
        if is_decided(&job.status) {
            return;
        }
        let now = self.now;
        let due = job.status.start.zip(job.deadline).map(|(start, seconds)| start + seconds * S);
        let condition = if failed > job.backoff_limit {
            ("FailureTarget", true, "BackoffLimitExceeded", now)
        } else if due.is_some_and(|due| now >= due) {
            ("FailureTarget", true, "DeadlineExceeded", now)
        } else if succeeded >= job.completions {
            ("SuccessCriteriaMet", true, "CompletionsReached", now)
        } else {
            if let Some(due) = due.filter(|_| !job.is_suspended) {
                self.soon(due - now, Task::SyncWorkload(at));
            }
            return;
        };
        job.status.conditions.push(condition);
    }

    fn count_job(&self, at: usize, status: &mut JobStatus) {
        (status.active, status.ready, status.terminating) = (0, 0, 0);
        for pod in self.workloads[at].pods.iter().map(|pod| &self.pods[*pod]) {
            status.active += i64::from(pod.is_active());
            status.ready += i64::from(pod.is_active() && pod.ready.0);
            status.terminating += i64::from(pod.is_going() && !pod.is_over());
        }
    }

    fn create_worker(&mut self, at: usize) -> usize {
        let workload = &self.workloads[at];
        let (owner, template) = (workload.owner(), workload.template.clone());
        let mut labels = workload.job_labels();
        labels.insert("app".to_owned(), template.app.clone());
        self.make_pod(Maker::Workload(at), owner, labels, template)
    }
}

/// It is known to what end it will come.
fn is_decided(status: &JobStatus) -> bool {
    status.reason("FailureTarget").is_some() || status.reason("SuccessCriteriaMet").is_some()
}

/// The last condition comes when all Pods have ended and are counted.
fn conclude(status: &mut JobStatus, now: i64) {
    let is_open = status.active + status.terminating > 0
        || !(status.uncounted_succeeded.is_empty() && status.uncounted_failed.is_empty());
    if is_open || status.is_finished() {
        return;
    }
    if let Some(reason) = status.reason("FailureTarget") {
        status.conditions.push(("Failed", true, reason, now));
    } else if let Some(reason) = status.reason("SuccessCriteriaMet") {
        status.conditions.push(("Complete", true, reason, now));
        status.completion = Some(now);
    }
}
