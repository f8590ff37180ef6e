//! What users do to StatefulSets, DaemonSets and Jobs, and to nodes.

#![expect(clippy::indexing_slicing, reason = "a panic is a failed test")]

use super::actions::STAMP;
use super::objects::Template;
use super::stacks::Below;
use super::stateful_sets::revision_of;
use super::truth::{Intent, Why};
use super::workloads::{Form, Job, TEMPLATE_GENERATION};
use super::{Make, S, World};
use crate::support::lines::Type;

impl World {
    pub(super) fn act_on_workloads(&mut self, make: Make) {
        let alive: Vec<usize> = (0..self.workloads.len())
            .filter(|at| {
                let workload = &self.workloads[*at];
                workload.kind() == make.kind() && !workload.is_gone && workload.stack.is_none()
            })
            .collect();
        let wants_more = alive.len() < 2 && self.random.chance(60);
        let Some(at) = self.random.pick(&alive).filter(|_| !wants_more) else {
            return self.create_workload(make);
        };
        match &self.workloads[at].form {
            Form::Job(job) => {
                let job = job.clone();
                self.act_on_job(at, &job);
            }
            Form::StatefulSet(_) | Form::DaemonSet(_) => self.act_on_set(at),
        }
    }

    fn act_on_set(&mut self, at: usize) {
        let workload = &self.workloads[at];
        let is_by_pods = self.truth.is_by_pods(workload.tree);
        // In order as they are, a bad Pod holds up all others until it is deleted by hand.
        let stuck = workload
            .pods
            .iter()
            .copied()
            .find(|it| self.pods[*it].template.is_bad() && self.pods[*it].is_active());
        if let Some(stuck) = stuck.filter(|_| !workload.template.is_bad())
            && self.random.chance(60)
        {
            return self.lose(at, stuck, false);
        }
        match self.random.between(0, 100) {
            0..24 => self.apply_new_to(at),
            24..50 if !is_by_pods => self.move_goal(at),
            50..57 => self.undo_set(at),
            57..64 => self.restart_set(at),
            64..68 => self.delete_workload(at),
            68..72 => self.label_workload(at),
            72..80 => self.lose_one(at, true),
            80..90 => self.lose_one(at, false),
            _ => {
                self.last_loss = self.now;
                self.crash_one_of(&self.workloads[at].pods.clone());
            }
        }
    }

    fn act_on_job(&mut self, at: usize, job: &Job) {
        let choice = self.random.between(0, 100);
        if job.status.is_finished() {
            return match choice {
                0..50 => self.delete_workload(at),
                50..60 => self.label_workload(at),
                _ => self.create_workload(Make::Job),
            };
        }
        if job.is_suspended {
            return match choice {
                0..15 => self.delete_workload(at),
                _ => self.suspend(at, false),
            };
        }
        match choice {
            0..25 => self.suspend(at, true),
            25..35 => self.delete_workload(at),
            35..50 => self.lose_one(at, true),
            50..70 => self.lose_one(at, false),
            70..85 => self.change_parallelism(at),
            85..90 => self.label_workload(at),
            _ => self.create_workload(Make::Job),
        }
    }

    /// One write of a spec, and what it means.
    pub(super) fn write_spec_of(
        &mut self,
        at: usize,
        (manager, subresource): (&'static str, &'static str),
        intent: Intent,
        actions: &[&'static str],
    ) {
        let now = self.now;
        let meta = &mut self.workloads[at].meta;
        meta.generation += 1;
        meta.wrote(manager, subresource, now);
        self.write_workload(at, Type::Modified);
        let workload = &self.workloads[at];
        let (meta, tree) = (&workload.meta, workload.tree);
        match workload.stack {
            None => self.truth.spec(tree, self.now, intent, actions, meta.generation),
            Some(_) => self.truth.written_below(tree, meta, self.now),
        }
        self.judge_workload(at);
    }

    pub(super) fn apply_to(&mut self, at: usize, template: Template, actions: &[&'static str]) {
        self.apply_to_as(at, template, ("kubectl-client-side-apply", ""), actions);
    }

    pub(super) fn apply_to_as(
        &mut self,
        at: usize,
        template: Template,
        by: (&'static str, &'static str),
        actions: &[&'static str],
    ) {
        let workload = &mut self.workloads[at];
        workload.template = template;
        if let Form::DaemonSet(set) = &mut workload.form {
            set.template_generation += 1;
            let generation = set.template_generation.to_string();
            workload.meta.annotations.insert(TEMPLATE_GENERATION.to_owned(), generation);
        }
        self.write_spec_of(at, by, Intent::Template, actions);
    }

    pub(super) fn apply_new_to(&mut self, at: usize) {
        let mut template = self.workloads[at].template.clone();
        template.image = self.new_image();
        template.ready_ms = self.random.between(200, 4_000);
        template.restarted = None;
        template.crashes = 0;
        match self.random.between(0, 10) {
            0 => template.image.push_str("-missing"),
            1 if template.has_probe => template.crashes = 2,
            _ => {}
        }
        if self.random.chance(70) {
            let stamp = self.random.traceparent();
            self.workloads[at].meta.annotations.insert(STAMP.to_owned(), stamp);
        }
        self.apply_to(at, template, &["update"]);
    }

    fn undo_set(&mut self, at: usize) {
        let workload = &self.workloads[at];
        let known: Vec<Template> = match &workload.form {
            Form::StatefulSet(set) => set.revisions.values().cloned().collect(),
            Form::DaemonSet(set) => set.revisions.clone(),
            Form::Job(_) => Vec::new(),
        };
        let now = &workload.template;
        let known: Vec<&Template> = known.iter().filter(|it| *it != now && !it.is_bad()).collect();
        let Some(before) = self.random.pick(&known).cloned() else { return };
        let plain = |template: &Template| Template { restarted: None, ..template.clone() };
        let is_restart = plain(&before) == plain(now);
        let all: &[&'static str] = &["rollback", "update", "restart"];
        let n = if is_restart { 3 } else { 2 };
        self.apply_to(at, before, &all[..n]);
    }

    pub(super) fn restart_set(&mut self, at: usize) {
        let now = super::objects::seconds(self.now);
        let mut template = self.workloads[at].template.clone();
        if template.is_bad() || template.restarted.as_ref() == Some(&now) {
            return;
        }
        template.restarted = Some(now);
        self.apply_to(at, template, &["restart"]);
    }

    /// Another number of Pods, partition, strategy or set of nodes.
    fn move_goal(&mut self, at: usize) {
        let (scale, edit) = (("kubectl", "scale"), ("kubectl-edit", ""));
        let choice = self.random.between(0, 100);
        let number = self.random.between(0, 6);
        match &mut self.workloads[at].form {
            Form::StatefulSet(set) if choice < 55 => {
                if set.replicas != number && (number > 0 || choice < 20) {
                    set.replicas = number;
                    self.write_spec_of(at, scale, Intent::Goal, &["scale"]);
                }
            }
            Form::StatefulSet(set) if choice < 80 => {
                let partition = number.min(set.replicas);
                if !set.is_on_delete && set.partition != partition {
                    set.partition = partition;
                    self.write_spec_of(at, edit, Intent::Goal, &["update"]);
                }
            }
            Form::StatefulSet(set) => {
                set.is_on_delete = !set.is_on_delete;
                set.partition = 0;
                self.write_spec_of(at, edit, Intent::Goal, &["update"]);
            }
            Form::DaemonSet(_) if choice < 75 => self.change_node(),
            Form::DaemonSet(set) => {
                set.is_on_delete = !set.is_on_delete;
                self.write_spec_of(at, edit, Intent::Goal, &["update"]);
            }
            Form::Job(_) => {}
        }
    }

    /// A node gets the label that DaemonSets select, or loses it.
    pub(super) fn change_node(&mut self) {
        let all = self.nodes.len();
        let node = usize::try_from(self.random.between(0, 3)).unwrap_or(0) % all;
        let name = Self::node(node);
        let is_busy = self.workloads.iter().any(|workload| {
            matches!(workload.form, Form::DaemonSet(_))
                && (self.truth.is_by_pods(workload.tree)
                    || (!self.nodes[node]
                        && workload.pods.iter().any(|pod| self.pods[*pod].node == name)))
        });
        // What comes and goes, or is lost, within the time that changes wait is told as one.
        if is_busy || self.now < self.node_changed.max(self.last_loss) + 5 * S {
            return;
        }
        self.node_changed = self.now;
        self.nodes[node] = !self.nodes[node];
        for at in 0..self.workloads.len() {
            if matches!(self.workloads[at].form, Form::DaemonSet(_)) {
                self.wake_workload(at, (2, 9));
            }
        }
    }

    fn suspend(&mut self, at: usize, is_suspended: bool) {
        let Form::Job(job) = &mut self.workloads[at].form else { return };
        job.is_suspended = is_suspended;
        let intent = if is_suspended { Intent::Suspend } else { Intent::Goal };
        self.write_spec_of(at, ("kubectl-patch", ""), intent, &["resume"]);
        if !is_suspended {
            self.truth.resumed(self.workloads[at].tree, self.now);
        }
    }

    fn change_parallelism(&mut self, at: usize) {
        let to = self.random.between(1, 5);
        let Form::Job(job) = &mut self.workloads[at].form else { return };
        if job.parallelism != to {
            job.parallelism = to;
            self.write_spec_of(at, ("kubectl-patch", ""), Intent::Goal, &["update"]);
        }
    }

    /// Edits that are no transition.
    fn label_workload(&mut self, at: usize) {
        let text = self.random.suffix();
        let is_label = self.random.chance(50);
        let now = self.now;
        let meta = &mut self.workloads[at].meta;
        if is_label {
            meta.labels.insert("team".to_owned(), text);
        } else {
            meta.annotations.insert("example.test/note".to_owned(), text);
        }
        meta.wrote("kubectl-edit", "", now);
        self.write_workload(at, Type::Modified);
    }

    /// The object is gone at once; what it owned is collected.
    pub(super) fn delete_workload(&mut self, at: usize) {
        self.workloads[at].is_gone = true;
        self.write_workload(at, Type::Deleted);
        let workload = &self.workloads[at];
        match workload.stack {
            None if workload.cron_job.is_some() => self.job_of_cron_job_gone(at),
            None => self.truth.deleted(workload.tree, self.now),
            // What neither has nor wants Pods goes without a word, whatever Pods of it still go.
            Some(_) if self.is_void(at) => {}
            Some(stack) => {
                self.stacks[stack].gone_at = self.now;
                self.truth.gone_below(workload.tree, &workload.meta, self.now);
            }
        }
        let is_job = matches!(self.workloads[at].form, Form::Job(_));
        for pod in self.workloads[at].pods.clone() {
            self.after(3, 25, super::Task::CollectPod(pod));
            if is_job {
                self.after(10, 60, super::Task::ReleasePod(pod));
            }
        }
        self.judge_workload(at);
    }

    /// It neither has Pods that are not going nor wants any.
    fn is_void(&self, at: usize) -> bool {
        let (wanted, ..) = self.standing(Below::Workload(at));
        wanted == 0 && !self.workloads[at].pods.iter().any(|pod| self.pods[*pod].is_active())
    }

    pub(super) fn lose_one(&mut self, at: usize, is_eviction: bool) {
        if let Some(pod) = self.a_pod_of(&self.workloads[at].pods.clone()) {
            self.lose(at, pod, is_eviction);
        }
    }

    fn lose(&mut self, at: usize, pod: usize, is_eviction: bool) {
        if is_eviction && self.pods[pod].is_bound {
            self.pods[pod].disrupted = Some(self.now);
            self.write_pod(pod, Type::Modified);
        }
        self.last_loss = self.now;
        let workload = &self.workloads[at];
        let made_of = revision_of(&self.pods[pod]);
        let why = match &workload.form {
            Form::StatefulSet(set) if set.is_on_delete && set.update_revision != made_of => {
                Why::Outdated
            }
            Form::DaemonSet(set) if set.is_on_delete && workload.template.hash() != made_of => {
                Why::Outdated
            }
            Form::DaemonSet(set) if set.is_on_delete => {
                let generation = self.pods[pod].meta.labels.get("pod-template-generation");
                let is_newest = generation == Some(&set.template_generation.to_string());
                if is_newest { Why::Wanted } else { Why::Returned }
            }
            Form::StatefulSet(_) | Form::DaemonSet(_) | Form::Job(_) => Why::Wanted,
        };
        self.request_deletion_as(pod, why);
    }
}
