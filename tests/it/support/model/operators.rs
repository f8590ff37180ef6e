//! An operator, and what users, autoscalers and the operator's own upgrades do to what it has made.

#![expect(clippy::indexing_slicing, reason = "a panic is a failed test")]

use super::objects::Meta;
use super::stacks::{self, Below, Stack};
use super::truth::Intent;
use super::workloads::Form;
use super::{Make, Operand, Task, World};
use crate::support::lines::Type;

const OPERATOR: &str = "stack-operator";

impl World {
    /// What is below it was written, or it was itself.
    pub(super) fn wake_stack(&mut self, stack: Option<usize>) {
        let Some(at) = stack else { return };
        let stack = &mut self.stacks[at];
        if !stack.is_gone && !stack.sync_due {
            stack.sync_due = true;
            self.after(10, 200, Task::SyncStack(at));
        }
    }

    fn write_stack(&mut self, at: usize, kind: Type) {
        let version = self.next_version();
        let stack = &mut self.stacks[at];
        stack.meta.resource_version = version;
        let object = stack.json();
        self.tell(stacks::custom().lane(), kind, &object);
        self.wake_stack(Some(at));
    }

    /// One step: makes what is missing, writes what is otherwise than it should be, or says how it is.
    pub(super) fn sync_stack(&mut self, at: usize) {
        self.stacks[at].sync_due = false;
        if self.stacks[at].is_gone {
            return;
        }
        let Some(operand) = self.operand(at) else { return self.make_operand(at) };
        let stack = &self.stacks[at];
        let (template, size) = (stack.template.clone(), stack.size);
        let (is_sized, is_other) = match operand {
            Below::Deployment(at) => (true, self.deployments[at].template != template),
            Below::Workload(at) => {
                let workload = &self.workloads[at];
                let is_sized = matches!(workload.form, Form::StatefulSet(_));
                (is_sized, workload.template != template)
            }
        };
        let is_resized = is_sized && size != stack.sized;
        self.stacks[at].sized = size;
        match operand {
            Below::Deployment(of) if is_other || is_resized => {
                let deployment = &mut self.deployments[of];
                deployment.template = template;
                if is_resized {
                    deployment.replicas = size;
                }
                self.write_spec(of, OPERATOR, "");
                self.told(of, Intent::Template, &[]);
            }
            Below::Workload(of) if is_other || is_resized => {
                if let Form::StatefulSet(set) = &mut self.workloads[of].form
                    && is_resized
                {
                    set.replicas = size;
                }
                self.apply_to_as(of, template, (OPERATOR, ""), &[]);
            }
            Below::Deployment(_) | Below::Workload(_) => {}
        }
        let (_, is_complete, _) = self.standing(operand);
        let (now, stack) = (self.now, &mut self.stacks[at]);
        let (observed, was, since) = stack.said;
        let generation = stack.meta.generation;
        if (observed, was) != (generation, is_complete) {
            let since = if was == is_complete && observed > 0 { since } else { now };
            stack.said = (generation, is_complete, since);
            stack.meta.wrote(OPERATOR, "status", now);
            self.write_stack(at, Type::Modified);
            self.judge_stack(at);
        }
    }

    fn make_operand(&mut self, at: usize) {
        let (now, uid) = (self.now, self.random.uuid());
        let stack = &mut self.stacks[at];
        stack.sized = stack.size;
        let (template, size, operand) = (stack.template.clone(), stack.size, stack.operand);
        let owner = Some(("Stack", stack.meta.name.clone(), stack.meta.uid.clone()));
        let name = stack.meta.name.clone();
        let mut meta = Meta { name, uid, generation: 1, created: now, owner, ..Meta::default() };
        meta.labels.insert("app.kubernetes.io/name".to_owned(), template.app.clone());
        meta.wrote(OPERATOR, "", now);
        let below = match operand {
            Operand::Deployment => {
                Below::Deployment(self.add_deployment(meta, template, size, Some(at)))
            }
            Operand::StatefulSet | Operand::DaemonSet => {
                let make = match operand {
                    Operand::StatefulSet => Make::StatefulSet,
                    Operand::Deployment | Operand::DaemonSet => Make::DaemonSet,
                };
                let of = self.add_workload(make, meta, template, Some(at));
                if let Form::StatefulSet(set) = &mut self.workloads[of].form {
                    set.replicas = size;
                }
                Below::Workload(of)
            }
        };
        self.stacks[at].below.push(below);
        let tree = self.stacks[at].tree;
        match below {
            Below::Deployment(of) => {
                self.write_deployment(of, Type::Added);
                self.truth.written_below(tree, &self.deployments[of].meta, self.now);
            }
            Below::Workload(of) => {
                self.write_workload(of, Type::Added);
                self.truth.written_below(tree, &self.workloads[of].meta, self.now);
            }
        }
        self.judge_stack(at);
    }

    pub(super) fn act_on_stacks(&mut self, operand: Operand) {
        self.truth.settle_all(self.now);
        let alive: Vec<usize> = (0..self.stacks.len())
            .filter(|at| !self.stacks[*at].is_gone && self.stacks[*at].operand == operand)
            .collect();
        let wants_more = alive.len() < 2 && self.random.chance(60);
        let Some(at) = self.random.pick(&alive).filter(|_| !wants_more) else {
            return self.create_stack(operand);
        };
        let tree = self.stacks[at].tree;
        if self.truth.is_near_limit(tree, self.now) {
            return;
        }
        let choice = self.random.between(0, 100);
        let is_full = self.truth.n_reconciles(tree, self.now) > 10;
        let operand = self.operand(at).filter(|_| !is_full && !self.truth.is_broken(tree));
        match (choice, operand) {
            (0..5, _) => self.delete_stack(at),
            (5..15, _) | (15..75, None) => self.apply_stack(at, true),
            (15..22, _) => self.apply_stack(at, false),
            (22..30, _) => self.label_stack(at),
            (30..45, Some(_)) => self.upgrade(at),
            (45..60, Some(operand)) => self.autoscale(operand),
            (60..68, Some(operand)) => self.restart_below(operand),
            (68..75, Some(Below::Deployment(of))) => self.delete(of),
            // What neither has nor wants Pods goes without a word.
            (68..75, Some(Below::Workload(of))) if self.workloads[of].pods.is_empty() => {}
            (68..75, Some(Below::Workload(of))) => self.delete_workload(of),
            _ => {
                let Some(operand) = self.operand(at) else { return };
                let pods = self.pods_below(operand);
                self.harm(operand, &pods);
            }
        }
    }

    fn create_stack(&mut self, operand: Operand) {
        let name = format!("stack-{}", self.stacks.len());
        let (meta, template) = self.new_object(name);
        let at = self.stacks.len();
        let size = self.random.between(1, 5);
        self.stacks.push(Stack {
            meta,
            tree: 0,
            operand,
            image: template.image.clone(),
            size,
            template,
            sized: size,
            below: Vec::new(),
            gone_at: 0,
            said: (0, false, 0),
            is_gone: false,
            sync_due: false,
        });
        self.write_stack(at, Type::Added);
        self.stacks[at].tree = self.truth.created("Stack", &self.stacks[at].meta, self.now);
        self.judge_stack(at);
    }

    /// Another image, or another size, by its own spec.
    fn apply_stack(&mut self, at: usize, is_image: bool) {
        let image = self.new_image();
        let now = self.now;
        let stack = &mut self.stacks[at];
        if is_image {
            stack.template.image.clone_from(&image);
            stack.template.crashes = 0;
            stack.image = image;
        } else {
            stack.size = 1 + stack.size % 5;
        }
        stack.meta.generation += 1;
        stack.meta.wrote("kubectl-client-side-apply", "", now);
        let generation = stack.meta.generation;
        self.write_stack(at, Type::Modified);
        let tree = self.stacks[at].tree;
        self.truth.spec(tree, self.now, Intent::Template, &["update", "rollback"], generation);
        self.judge_stack(at);
    }

    fn label_stack(&mut self, at: usize) {
        let (text, now) = (self.random.suffix(), self.now);
        let meta = &mut self.stacks[at].meta;
        meta.labels.insert("team".to_owned(), text);
        meta.wrote("kubectl-label", "", now);
        self.write_stack(at, Type::Modified);
    }

    /// A new version of the operator makes something else of the same spec, good or bad.
    fn upgrade(&mut self, at: usize) {
        let mut image = self.new_image();
        if self.random.chance(25) {
            image.push_str("-missing");
        }
        let template = &mut self.stacks[at].template;
        template.image = image;
        template.crashes = 0;
        self.wake_stack(Some(at));
    }

    /// Another number of Pods, by an autoscaler.
    fn autoscale(&mut self, operand: Below) {
        let by = ("kube-controller-manager", "scale");
        let to = self.random.between(1, 7);
        match operand {
            Below::Deployment(of) if self.deployments[of].replicas != to => {
                self.deployments[of].replicas = to;
                self.write_spec(of, by.0, by.1);
                self.told(of, Intent::Goal, &[]);
            }
            Below::Workload(of) => match &mut self.workloads[of].form {
                Form::StatefulSet(set) if set.replicas != to => {
                    set.replicas = to;
                    self.write_spec_of(of, by, Intent::Goal, &[]);
                }
                Form::DaemonSet(_) => self.change_node(),
                Form::StatefulSet(_) | Form::Job(_) => {}
            },
            Below::Deployment(_) => {}
        }
    }

    /// `kubectl rollout restart` of what the operator has made, which lets that be.
    fn restart_below(&mut self, operand: Below) {
        let (stack, restarted) = match operand {
            Below::Deployment(of) => {
                self.restart_rollout(of);
                (self.deployments[of].stack, self.deployments[of].template.restarted.clone())
            }
            Below::Workload(of) => {
                self.restart_set(of);
                (self.workloads[of].stack, self.workloads[of].template.restarted.clone())
            }
        };
        if let Some(stack) = stack {
            self.stacks[stack].template.restarted = restarted;
        }
    }

    fn harm(&mut self, operand: Below, pods: &[usize]) {
        let choice = self.random.between(0, 3);
        if choice == 0 {
            self.last_loss = self.now;
            return self.crash_one_of(pods);
        }
        match operand {
            Below::Deployment(of) => self.lose_pod(of, choice == 1),
            Below::Workload(of) => self.lose_one(of, choice == 1),
        }
    }

    fn delete_stack(&mut self, at: usize) {
        self.stacks[at].is_gone = true;
        self.write_stack(at, Type::Deleted);
        self.truth.deleted(self.stacks[at].tree, self.now);
        self.judge_stack(at);
        if let Some(operand) = self.operand(at) {
            self.after(5, 30, Task::CollectBelow(operand));
        }
    }

    /// The garbage collector reaches what was below a Stack.
    pub(super) fn collect_below(&mut self, below: Below) {
        if self.is_gone(below) {
            return;
        }
        match below {
            Below::Deployment(of) => self.delete(of),
            Below::Workload(of) => self.delete_workload(of),
        }
    }
}
