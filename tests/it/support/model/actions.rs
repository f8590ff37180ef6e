//! What users do: apply, scale, pause, roll back, restart, delete, evict, and break things.

#![expect(clippy::indexing_slicing, reason = "a panic is a failed test")]

use super::objects::{Deployment, Meta, State, Status, Template};
use super::truth::Intent;
use super::{Make, S, Task, World};
use crate::support::lines::Type;

pub(super) const STAMP: &str = "tracing.k8s.io/traceparent";

impl World {
    pub(super) fn act(&mut self) {
        self.left = self.left.saturating_sub(1);
        self.act_at_last = self.now;
        if let Some(replicas) = self.plan.steady {
            self.act_steadily(replicas);
        } else {
            let make = match self.plan.makes {
                [only] => Some(*only),
                several => self.random.pick(several),
            };
            match make {
                Some(Make::Stack(operand)) => self.act_on_stacks(operand),
                Some(Make::Resized) => self.act_on_resized(),
                Some(Make::CronJob) => self.act_on_cron_jobs(),
                Some(make) if make != Make::Deployment => self.act_on_workloads(make),
                _ => self.act_at_random(),
            }
        }
        if self.left == 0 {
            if self.plan.ends_namespace {
                self.after(500, 60_000, Task::EndNamespace);
            }
            return;
        }
        match self.random.between(0, 10) {
            _ if self.plan.steady.is_some() => self.after(5_000, 7_000, Task::Act),
            0..3 => self.after(50, 1_000, Task::Act),
            3..7 => self.after(1_000, 6_000, Task::Act),
            _ => self.after(30_000, 45_000, Task::Act),
        }
    }

    /// Ten Deployments in turn: each is made once and then gets one new image after the other.
    fn act_steadily(&mut self, replicas: i64) {
        let turn = usize::try_from(self.plan.actions - self.left - 1).unwrap_or(0);
        let turn = turn % self.plan.deployments;
        if turn >= self.deployments.len() {
            self.create(replicas);
        } else {
            let mut template = self.deployments[turn].template.clone();
            template.image = self.new_image();
            self.apply(turn, template, true);
        }
    }

    pub(super) fn new_image(&mut self) -> String {
        self.images += 1;
        format!("registry.test/web:v{}", self.images)
    }

    fn act_at_random(&mut self) {
        let alive: Vec<usize> = (0..self.deployments.len())
            .filter(|at| !self.deployments[*at].is_gone && self.deployments[*at].stack.is_none())
            .collect();
        let wants_more = alive.len() < 2 && self.random.chance(60);
        let Some(at) = self.random.pick(&alive).filter(|_| !wants_more) else {
            let replicas = self.random.between(1, 6);
            return self.create(replicas);
        };
        let tree = self.deployments[at].tree;
        let (paused, open) = (self.deployments[at].paused, self.truth.open_action(tree));
        let choice = self.random.between(0, 100);
        if self.truth.is_broken(tree) {
            // Out of a failed rollout only a new image or the end leads.
            return if choice < 80 { self.apply_new(at, true) } else { self.delete(at) };
        }
        if paused {
            return match choice {
                0..10 => self.delete(at),
                10..20 => self.label(at),
                20..30 if open.is_none() => self.apply_new(at, false),
                _ => self.pause(at, false),
            };
        }
        let is_recovering = open == Some("recover");
        match choice {
            0..25 => self.apply_new(at, false),
            25..45 if !is_recovering => self.scale(at),
            45..55 if !is_recovering => self.pause(at, true),
            55..62 => self.undo(at),
            62..70 => self.restart_rollout(at),
            70..74 => self.delete(at),
            74..78 => self.label(at),
            78..84 => self.lose_pod(at, true),
            84..92 => self.lose_pod(at, false),
            _ => {
                let sets = self.deployments[at].sets.iter();
                let pods: Vec<usize> = sets.flat_map(|set| self.sets[*set].pods.clone()).collect();
                self.crash_one_of(&pods);
            }
        }
    }

    pub(super) fn create(&mut self, replicas: i64) {
        let name = format!("web-{}", self.deployments.len());
        let (meta, template) = self.new_object(name);
        let at = self.add_deployment(meta, template, replicas, None);
        self.write_deployment(at, Type::Added);
        let tree = self.truth.created("Deployment", &self.deployments[at].meta, self.now);
        self.deployments[at].tree = tree;
    }

    /// What users apply for the first time.
    pub(super) fn new_object(&mut self, name: String) -> (Meta, Template) {
        let image = self.new_image();
        let template = Template {
            app: name.clone(),
            image,
            has_probe: self.plan.steady.is_some() || self.random.chance(60),
            crashes: 0,
            ready_ms: self.random.between(200, 3_000),
            restarted: None,
            run: None,
        };
        let mut meta = Meta {
            name,
            uid: self.random.uuid(),
            generation: 1,
            created: self.now,
            ..Meta::default()
        };
        meta.labels.insert("app.kubernetes.io/name".to_owned(), template.app.clone());
        meta.annotations.insert(STAMP.to_owned(), self.random.traceparent());
        meta.wrote("kubectl-client-side-apply", "", self.now);
        (meta, template)
    }

    pub(super) fn add_deployment(
        &mut self,
        meta: Meta,
        template: Template,
        replicas: i64,
        stack: Option<usize>,
    ) -> usize {
        self.deployments.push(Deployment {
            meta,
            tree: stack.map_or(0, |stack| self.stacks[stack].tree),
            stack,
            replicas,
            paused: false,
            template,
            deadline: if self.random.chance(50) { 15 } else { 600 },
            status: Status::default(),
            available: None,
            progressing: None,
            sets: Vec::new(),
            is_gone: false,
            sync_due: false,
        });
        self.deployments.len() - 1
    }

    /// One write of a Deployment's spec by `manager`.
    pub(super) fn write_spec(
        &mut self,
        at: usize,
        manager: &'static str,
        subresource: &'static str,
    ) {
        let now = self.now;
        let meta = &mut self.deployments[at].meta;
        meta.generation += 1;
        meta.wrote(manager, subresource, now);
        self.write_deployment(at, Type::Modified);
    }

    pub(super) fn told(&mut self, at: usize, intent: Intent, actions: &[&'static str]) {
        let deployment = &self.deployments[at];
        let (meta, tree) = (&deployment.meta, deployment.tree);
        match deployment.stack {
            None => self.truth.spec(tree, self.now, intent, actions, meta.generation),
            Some(_) => self.truth.written_below(tree, meta, self.now),
        }
        self.judge(at);
    }

    fn apply(&mut self, at: usize, template: Template, is_stamped: bool) {
        let sets = &self.deployments[at].sets;
        let is_known = sets.iter().any(|set| self.sets[*set].template == template);
        let actions: &[&'static str] = if is_known { &["rollback"] } else { &["update"] };
        let deployment = &mut self.deployments[at];
        deployment.template = template;
        if is_stamped {
            let stamp = self.random.traceparent();
            deployment.meta.annotations.insert(STAMP.to_owned(), stamp);
        }
        self.write_spec(at, "kubectl-client-side-apply", "");
        self.told(at, Intent::Template, actions);
    }

    pub(super) fn apply_new(&mut self, at: usize, must_be_good: bool) {
        let mut template = self.deployments[at].template.clone();
        template.image = self.new_image();
        template.ready_ms = self.random.between(200, 6_000);
        template.restarted = None;
        template.crashes = 0;
        let is_stamped = self.random.chance(70);
        match self.random.between(0, 10) {
            0..2 if !must_be_good => template.image.push_str("-missing"),
            2 if self.deployments[at].deadline == 600 && template.has_probe => template.crashes = 2,
            _ => {}
        }
        self.apply(at, template, is_stamped);
    }

    pub(super) fn scale(&mut self, at: usize) {
        let deployment = &mut self.deployments[at];
        let to = self.random.between(0, 7);
        if to == deployment.replicas || (to == 0 && !self.random.chance(30)) {
            return;
        }
        deployment.replicas = to;
        self.write_spec(at, "kubectl", "scale");
        self.told(at, Intent::Goal, &["scale"]);
    }

    fn pause(&mut self, at: usize, is_paused: bool) {
        self.deployments[at].paused = is_paused;
        self.write_spec(at, "kubectl-rollout", "");
        let action = if is_paused { "pause" } else { "resume" };
        self.told(at, Intent::Goal, &[action]);
    }

    fn undo(&mut self, at: usize) {
        let deployment = &self.deployments[at];
        let before = deployment
            .sets
            .iter()
            .copied()
            .filter(|set| self.sets[*set].template != deployment.template)
            .max_by_key(|set| self.sets[*set].noted("revision"));
        let Some(before) = before else { return };
        let set = &self.sets[before];
        if set.template.is_bad() {
            return;
        }
        let differs_in_restart = Template { restarted: None, ..set.template.clone() }
            == Template { restarted: None, ..deployment.template.clone() };
        let stamp = set.meta.annotations.get(STAMP).cloned();
        let template = set.template.clone();
        let deployment = &mut self.deployments[at];
        deployment.template = template;
        if let Some(stamp) = stamp {
            deployment.meta.annotations.insert(STAMP.to_owned(), stamp);
        }
        self.write_spec(at, "kubectl", "");
        let both: &[&'static str] = &["rollback", "restart"];
        self.told(at, Intent::Template, if differs_in_restart { both } else { &["rollback"] });
    }

    pub(super) fn restart_rollout(&mut self, at: usize) {
        let now = super::objects::seconds(self.now);
        let deployment = &mut self.deployments[at];
        if deployment.template.is_bad() || deployment.template.restarted.as_ref() == Some(&now) {
            return;
        }
        deployment.template.restarted = Some(now);
        self.write_spec(at, "kubectl-rollout", "");
        self.told(at, Intent::Template, &["restart"]);
    }

    /// Edits that are no transition: of a label, or of an annotation, which counts a generation.
    fn label(&mut self, at: usize) {
        let text = self.random.suffix();
        let is_label = self.random.chance(50);
        let now = self.now;
        let meta = &mut self.deployments[at].meta;
        if is_label {
            meta.labels.insert("team".to_owned(), text);
            meta.wrote("kubectl-label", "", now);
        } else {
            meta.annotations.insert("example.test/note".to_owned(), text);
            meta.wrote("kubectl-annotate", "", now);
            meta.generation += 1;
        }
        self.write_deployment(at, Type::Modified);
    }

    pub(super) fn delete(&mut self, at: usize) {
        self.deployments[at].is_gone = true;
        self.write_deployment(at, Type::Deleted);
        let deployment = &self.deployments[at];
        match deployment.stack {
            None => self.truth.deleted(deployment.tree, self.now),
            Some(stack) => {
                self.stacks[stack].gone_at = self.now;
                self.truth.gone_below(deployment.tree, &deployment.meta, self.now);
            }
        }
        let mut delay = 0;
        for set in self.deployments[at].sets.clone() {
            delay += self.random.ms(3, 15);
            self.soon(delay, Task::CollectSet(set));
        }
        self.judge(at);
    }

    pub(super) fn a_pod_of(&mut self, pods: &[usize]) -> Option<usize> {
        let pods: Vec<usize> =
            pods.iter().copied().filter(|pod| self.pods[*pod].is_active()).collect();
        self.random.pick(&pods)
    }

    pub(super) fn lose_pod(&mut self, at: usize, is_eviction: bool) {
        let sets = self.deployments[at].sets.iter();
        let pods: Vec<usize> = sets.flat_map(|set| self.sets[*set].pods.clone()).collect();
        let Some(pod) = self.a_pod_of(&pods) else { return };
        if is_eviction && self.pods[pod].is_bound {
            self.pods[pod].disrupted = Some(self.now);
            self.write_pod(pod, Type::Modified);
        }
        self.request_deletion(pod);
    }

    pub(super) fn crash_one_of(&mut self, pods: &[usize]) {
        let Some(pod) = self.a_pod_of(pods) else { return };
        let target = &self.pods[pod];
        let runs_long = matches!(target.state, State::Running(since) if self.now - since > 2 * S);
        if target.ready.0 && runs_long && target.restarts < 3 {
            self.crash(pod);
        }
    }
}
