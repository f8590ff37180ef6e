//! A custom resource: below each Stack its operator has one workload.

#![expect(clippy::indexing_slicing, reason = "a panic is a failed test")]

use lifespan::kinds::{Custom, Rules};
use serde_json::{Value, json};

use super::facts::{is_rolled_out, seen};
use super::objects::{Meta, Pod, Template, seconds};
use super::truth::Facts;
use super::workloads::Form;
use super::{Operand, World};

/// How Stacks are read: by the conventions.
pub(crate) fn custom() -> Custom {
    Custom {
        is_of_cluster: false,
        group: "example.test".to_owned(),
        plural: "stacks".to_owned(),
        kind: "Stack".to_owned(),
        version: None,
        rules: Rules::default(),
    }
}

/// A workload below a Stack.
#[derive(Clone, Copy, Debug)]
pub(super) enum Below {
    Deployment(usize),
    Workload(usize),
}

#[derive(Clone, Debug)]
pub(crate) struct Stack {
    pub(super) meta: Meta,
    /// Its place among all that is told of.
    pub(super) tree: usize,
    pub(super) operand: Operand,
    /// What its spec asks for.
    pub(super) image: String,
    pub(super) size: i64,
    /// What the operator makes of that.
    pub(super) template: Template,
    /// The size that the operator has written below; what autoscalers make of it is theirs.
    pub(super) sized: i64,
    /// What is below it, the newest last.
    pub(super) below: Vec<Below>,
    /// When the last of it was deleted.
    pub(super) gone_at: i64,
    /// What its status says: of which generation, whether it is ready, and since when.
    pub(super) said: (i64, bool, i64),
    pub(super) is_gone: bool,
    pub(super) sync_due: bool,
}

impl Stack {
    pub(super) fn json(&self) -> Value {
        let (observed, is_ready, since) = self.said;
        let mut json = json!({
            "kind": "Stack", "apiVersion": "example.test/v1",
            "metadata": self.meta.json("example.test/v1"),
            "spec": {"image": self.image, "size": self.size},
        });
        if observed > 0 {
            json["status"] = json!({"observedGeneration": observed, "conditions": [{
                "type": "Ready", "status": if is_ready { "True" } else { "False" },
                "reason": if is_ready { "Deployed" } else { "Deploying" }, "message": "",
                "lastTransitionTime": seconds(since), "observedGeneration": observed,
            }]});
        }
        json
    }
}

impl World {
    pub(super) fn is_gone(&self, below: Below) -> bool {
        match below {
            Below::Deployment(at) => self.deployments[at].is_gone,
            Below::Workload(at) => self.workloads[at].is_gone,
        }
    }

    /// The workload that is below a Stack now.
    pub(super) fn operand(&self, stack: usize) -> Option<Below> {
        self.stacks[stack].below.last().copied().filter(|below| !self.is_gone(*below))
    }

    pub(super) fn pods_below(&self, below: Below) -> Vec<usize> {
        match below {
            Below::Workload(at) => self.workloads[at].pods.clone(),
            Below::Deployment(at) => {
                let sets = self.deployments[at].sets.iter();
                sets.flat_map(|set| self.sets[*set].pods.iter().copied()).collect()
            }
        }
    }

    /// How many Pods it wants, whether it is as its spec wants, and why it has failed.
    pub(super) fn standing(&self, below: Below) -> (i64, bool, Option<&'static str>) {
        match below {
            Below::Deployment(at) => {
                let deployment = &self.deployments[at];
                let (_, is_complete, failed) = deployment.standing();
                (deployment.replicas, is_complete, failed)
            }
            Below::Workload(at) => {
                let workload = &self.workloads[at];
                let wanted = match &workload.form {
                    Form::StatefulSet(set) => set.replicas,
                    Form::DaemonSet(set) => set.desired,
                    Form::Job(_) => 0,
                };
                (wanted, is_rolled_out(workload), None)
            }
        }
    }

    /// Asks the truth whether what users see of a Stack has changed.
    pub(super) fn judge_stack(&mut self, at: usize) {
        let stack = &self.stacks[at];
        let pods: Vec<&Pod> = stack
            .below
            .iter()
            .flat_map(|below| self.pods_below(*below))
            .map(|pod| &self.pods[pod])
            .collect();
        let left = |below: &Below| match below {
            Below::Deployment(at) => {
                let sets = &self.deployments[*at].sets;
                sets.iter().filter(|set| !self.sets[**set].is_gone).count()
            }
            Below::Workload(_) => 0,
        };
        let operand = self.operand(at);
        let former = &stack.below[..stack.below.len() - usize::from(operand.is_some())];
        let is_cleared =
            former.iter().all(|below| left(below) == 0 && self.pods_below(*below).is_empty());
        let n_alive = stack.below.iter().filter(|below| !self.is_gone(**below)).count();
        let (wanted, is_complete, failed) =
            operand.map_or((-1, false, None), |operand| self.standing(operand));
        let facts = Facts {
            wanted,
            is_paused: false,
            is_observed: true,
            is_complete,
            going_since: (!is_cleared).then_some(stack.gone_at),
            is_good: Some(stack.said.1 && stack.said.0 >= stack.meta.generation),
            failed,
            is_gone: stack.is_gone,
            sets: n_alive + stack.below.iter().map(left).sum::<usize>(),
            pods: seen(pods.into_iter()),
        };
        self.truth.judge(stack.tree, self.now, facts);
    }
}
