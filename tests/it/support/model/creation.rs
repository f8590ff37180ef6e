//! What users make that is no Deployment.

#![expect(clippy::indexing_slicing, clippy::unreachable, reason = "a panic is a failed test")]

use std::collections::BTreeMap;

use super::objects::{Meta, Status, Template};
use super::workloads::{DaemonSet, Form, Job, StatefulSet, TEMPLATE_GENERATION, Workload};
use super::{Make, World};
use crate::support::lines::Type;

impl World {
    pub(super) fn create_workload(&mut self, make: Make) {
        let name = format!("{}-{}", make.stem(), self.workloads.len());
        let (meta, template) = self.new_object(name);
        let at = self.add_workload(make, meta, template, None);
        self.write_workload(at, Type::Added);
        let tree = self.truth.created(make.kind(), &self.workloads[at].meta, self.now);
        self.workloads[at].tree = tree;
        if matches!(&self.workloads[at].form, Form::Job(job) if job.is_suspended) {
            self.truth.waits(tree);
        }
    }

    pub(super) fn add_workload(
        &mut self,
        make: Make,
        mut meta: Meta,
        mut template: Template,
        stack: Option<usize>,
    ) -> usize {
        let form = match make {
            Make::Deployment | Make::Stack(_) | Make::Resized | Make::CronJob => {
                unreachable!("{make:?} is none")
            }
            Make::StatefulSet => self.new_stateful_set(),
            Make::DaemonSet => {
                meta.annotations.insert(TEMPLATE_GENERATION.to_owned(), "1".to_owned());
                Form::DaemonSet(DaemonSet {
                    is_on_delete: self.random.chance(15),
                    template_generation: 1,
                    revisions: Vec::new(),
                    status: Status::default(),
                    desired: 0,
                    wanted_on: self.nodes.clone(),
                    misscheduled: 0,
                })
            }
            Make::Job => self.new_job(&mut template),
        };
        self.workloads.push(Workload {
            meta,
            tree: stack.map_or(0, |stack| self.stacks[stack].tree),
            stack,
            cron_job: None,
            template,
            pods: Vec::new(),
            is_gone: false,
            sync_due: false,
            form,
        });
        self.workloads.len() - 1
    }

    fn new_stateful_set(&mut self) -> Form {
        Form::StatefulSet(StatefulSet {
            replicas: self.random.between(1, 5),
            partition: 0,
            is_on_delete: self.random.chance(15),
            min_ready: if self.random.chance(25) { 2 } else { 0 },
            revisions: BTreeMap::new(),
            status: Status::default(),
            current: 0,
            current_revision: String::new(),
            update_revision: String::new(),
        })
    }

    fn new_job(&mut self, template: &mut Template) -> Form {
        template.has_probe = false;
        let is_long = self.random.chance(20);
        let ms = if is_long { 25_000 } else { self.random.between(500, 8_000) };
        let restarts = self.random.chance(25);
        template.run = Some((ms, if restarts { "OnFailure" } else { "Never" }));
        if restarts {
            template.crashes = u32::try_from(self.random.between(0, 3)).unwrap_or(0);
        }
        let fails = self.random.pick(&[0, 0, 25, 70]).unwrap_or(0);
        Form::Job(Job {
            completions: self.random.between(1, 5),
            parallelism: self.random.between(1, 4),
            backoff_limit: if restarts { 20 } else { self.random.between(0, 3) },
            deadline: self.random.chance(20).then_some(20),
            fails: if restarts { 0 } else { fails },
            // As queues have it: it begins when somebody resumes it.
            is_suspended: self.random.chance(20),
            ..Job::default()
        })
    }
}
