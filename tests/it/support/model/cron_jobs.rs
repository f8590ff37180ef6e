//! CronJobs: every minute a Job, which is told by itself; what is over and too much goes unsaid.

#![expect(clippy::indexing_slicing, reason = "a panic is a failed test")]

use lifespan::facts::kind::Lane;
use serde_json::{Value, json};

use super::objects::{Meta, Template, seconds};
use super::stacks::Below;
use super::truth::{Facts, Intent, Pods};
use super::workloads::Form;
use super::{Make, S, Task, World};
use crate::support::lines::Type;

const CONTROLLER: &str = "kube-controller-manager";

#[derive(Clone, Debug)]
pub(crate) struct CronJob {
    meta: Meta,
    pub(super) tree: usize,
    template: Template,
    minutes: i64,
    is_suspended: bool,
    /// Jobs that are not gone, the oldest first.
    jobs: Vec<usize>,
    scheduled: Option<i64>,
    pub(super) is_gone: bool,
}

impl CronJob {
    fn json(&self) -> Value {
        let mut status = json!({});
        if let Some(at) = self.scheduled {
            status["lastScheduleTime"] = seconds(at).into();
        }
        json!({
            "kind": "CronJob", "apiVersion": "batch/v1", "metadata": self.meta.json("batch/v1"),
            "spec": {
                "schedule": format!("*/{} * * * *", self.minutes), "concurrencyPolicy": "Allow",
                "suspend": self.is_suspended, "successfulJobsHistoryLimit": 1,
                "failedJobsHistoryLimit": 1,
                "jobTemplate": {"spec": {"backoffLimit": 2, "template": self.template.json(None)}},
            },
            "status": status,
        })
    }
}

impl World {
    pub(super) fn act_on_cron_jobs(&mut self) {
        let alive: Vec<usize> =
            (0..self.cron_jobs.len()).filter(|at| !self.cron_jobs[*at].is_gone).collect();
        let wants_more = alive.len() < 2 && self.random.chance(60);
        let Some(at) = self.random.pick(&alive).filter(|_| !wants_more) else {
            return self.create_cron_job();
        };
        let jobs = self.cron_jobs[at].jobs.iter().copied();
        let jobs: Vec<usize> = jobs.filter(|job| !self.workloads[*job].is_gone).collect();
        let job = self.random.pick(&jobs);
        match (self.random.between(0, 100), job) {
            (0..20, _) => self.suspend_cron_job(at),
            (20..35, _) => {
                self.cron_jobs[at].minutes = 1 + self.cron_jobs[at].minutes % 2;
                let is_suspended = self.cron_jobs[at].is_suspended;
                let outcome = if is_suspended { "paused" } else { "completed" };
                self.write_spec_of_cron_job(at, &["update"], Some(outcome));
            }
            (35..50, _) => {
                // While it is suspended that is a moment of its resume (DESIGN §3.5).
                let outcome = Some("completed").filter(|_| !self.cron_jobs[at].is_suspended);
                self.cron_jobs[at].template.image = self.new_image();
                self.write_spec_of_cron_job(at, &["update"], outcome);
            }
            (50..62, _) => self.delete_cron_job(at),
            (62..70, Some(job)) => self.delete_workload(job),
            (70..85, Some(job)) => self.lose_one(job, true),
            _ => {}
        }
    }

    fn create_cron_job(&mut self) {
        let name = format!("nightly-{}", self.cron_jobs.len());
        let (meta, template) = self.new_object(name);
        let at = self.cron_jobs.len();
        self.cron_jobs.push(CronJob {
            meta,
            tree: 0,
            template,
            minutes: 1,
            is_suspended: false,
            jobs: Vec::new(),
            scheduled: None,
            is_gone: false,
        });
        self.write_cron_job(at, Type::Added);
        let tree = self.truth.created("CronJob", &self.cron_jobs[at].meta, self.now);
        self.truth.settled_at_once(tree, "completed");
        self.cron_jobs[at].tree = tree;
        self.after(2_000, 30_000, Task::Tick(at));
    }

    fn write_cron_job(&mut self, at: usize, kind: Type) {
        let version = self.next_version();
        let cron_job = &mut self.cron_jobs[at];
        cron_job.meta.resource_version = version;
        let object = cron_job.json();
        self.tell(Lane::CronJobs, kind, &object);
    }

    fn write_spec_of_cron_job(
        &mut self,
        at: usize,
        actions: &[&'static str],
        outcome: Option<&'static str>,
    ) {
        let now = self.now;
        let meta = &mut self.cron_jobs[at].meta;
        meta.generation += 1;
        meta.wrote("kubectl-edit", "", now);
        let generation = meta.generation;
        self.write_cron_job(at, Type::Modified);
        let tree = self.cron_jobs[at].tree;
        if let Some(outcome) = outcome {
            self.truth.spec(tree, self.now, Intent::Template, actions, generation);
            self.truth.settled_at_once(tree, outcome);
        }
    }

    fn suspend_cron_job(&mut self, at: usize) {
        let cron_job = &mut self.cron_jobs[at];
        cron_job.is_suspended = !cron_job.is_suspended;
        let is_suspended = cron_job.is_suspended;
        let (action, outcome) =
            if is_suspended { ("pause", "paused") } else { ("resume", "completed") };
        self.write_spec_of_cron_job(at, &[action], Some(outcome));
    }

    /// The controller makes the next Job, and deletes what is over and too much.
    pub(super) fn tick(&mut self, at: usize) {
        let now = self.now;
        if self.cron_jobs[at].is_gone {
            return;
        }
        let minutes = self.cron_jobs[at].minutes;
        self.soon(minutes * 60 * S, Task::Tick(at));
        if self.cron_jobs[at].is_suspended {
            return;
        }
        let cron_job = &self.cron_jobs[at];
        let over: Vec<usize> =
            cron_job.jobs.iter().copied().filter(|job| self.is_over(*job)).collect();
        for job in over.iter().rev().skip(1) {
            self.delete_workload(*job);
        }
        let cron_job = &self.cron_jobs[at];
        let name = format!("{}-{}", cron_job.meta.name, now / (60 * S));
        let owner = ("CronJob", cron_job.meta.name.clone(), cron_job.meta.uid.clone());
        let template = Template { app: name.clone(), ..cron_job.template.clone() };
        let uid = self.random.uuid();
        let mut meta =
            Meta { name, uid, generation: 1, created: now, owner: Some(owner), ..Meta::default() };
        meta.labels.insert("app.kubernetes.io/name".to_owned(), template.app.clone());
        meta.wrote(CONTROLLER, "", now);
        let job = self.add_workload(Make::Job, meta, template, None);
        self.workloads[job].cron_job = Some(at);
        if let Form::Job(job) = &mut self.workloads[job].form {
            job.is_suspended = false;
        }
        self.cron_jobs[at].jobs.push(job);
        self.cron_jobs[at].scheduled = Some(now);
        self.write_workload(job, Type::Added);
        self.workloads[job].tree = self.truth.created("Job", &self.workloads[job].meta, self.now);
        self.cron_jobs[at].meta.wrote(CONTROLLER, "status", now);
        self.write_cron_job(at, Type::Modified);
    }

    fn is_over(&self, job: usize) -> bool {
        !self.workloads[job].is_gone
            && matches!(&self.workloads[job].form, Form::Job(job) if job.status.is_finished())
    }

    fn delete_cron_job(&mut self, at: usize) {
        self.cron_jobs[at].is_gone = true;
        self.write_cron_job(at, Type::Deleted);
        self.truth.deleted(self.cron_jobs[at].tree, self.now);
        for job in self.cron_jobs[at].jobs.clone() {
            self.after(5, 40, Task::CollectBelow(Below::Workload(job)));
        }
        self.judge_cron_job(at);
    }

    /// A Job is gone: by hand, as one too many, or with its CronJob.
    pub(super) fn job_of_cron_job_gone(&mut self, job: usize) {
        let Some(at) = self.workloads[job].cron_job else { return };
        let tree = self.workloads[job].tree;
        if self.cron_jobs[at].is_gone {
            self.truth.deleted_with(tree, self.cron_jobs[at].tree, self.now);
        } else {
            self.truth.deleted(tree, self.now);
        }
    }

    /// Of a CronJob nothing but its end takes time.
    pub(super) fn judge_cron_job(&mut self, at: usize) {
        let cron_job = &self.cron_jobs[at];
        if !cron_job.is_gone {
            return;
        }
        let jobs = cron_job.jobs.iter().map(|job| &self.workloads[*job]);
        let left: Vec<(bool, usize)> = jobs.map(|job| (job.is_gone, job.pods.len())).collect();
        let n_pods: usize = left.iter().map(|(_, pods)| pods).sum();
        let facts = Facts {
            wanted: 0,
            is_paused: false,
            is_observed: true,
            is_complete: false,
            going_since: None,
            is_good: None,
            failed: None,
            is_gone: true,
            sets: left.iter().filter(|(is_gone, _)| !is_gone).count(),
            pods: Pods { going: i64::try_from(n_pods).unwrap_or(0), ..Pods::default() },
        };
        self.truth.judge(cron_job.tree, self.now, facts);
    }
}
