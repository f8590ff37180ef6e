//! What every controller does with Pods: make them, ask for their end, let go of them.

#![expect(clippy::indexing_slicing, reason = "a panic is a failed test")]

use std::collections::BTreeMap;

use super::kubelet::{End, SetUp, Step};
use super::objects::{GRACE_SECONDS, Maker, Meta, Pod, State, Template};
use super::resizes::Sizing;
use super::truth::Why;
use super::{Make, S, Task, World};
use crate::support::lines::Type;

const CONTROLLER: &str = "kube-controller-manager";
/// Holds a Pod until its Job has counted it.
const FINALIZER: &str = "batch.kubernetes.io/job-tracking";

/// What differs among the Pods that controllers make.
pub(super) struct Plan {
    pub(super) maker: Maker,
    pub(super) meta: Meta,
    pub(super) template: Template,
    pub(super) ordinal: i64,
    pub(super) node: String,
    pub(super) why: Why,
}

impl World {
    /// One of many Pods that are all alike.
    pub(super) fn make_pod(
        &mut self,
        maker: Maker,
        owner: (&'static str, String, String),
        labels: BTreeMap<String, String>,
        template: Template,
    ) -> usize {
        let (uid, suffix) = (self.random.uuid(), self.random.suffix());
        let name = format!("{}-{suffix}", owner.1);
        let meta = Meta { name, uid, labels, owner: Some(owner), ..Meta::default() };
        let node = "node-1".to_owned();
        self.make(Plan { maker, meta, template, ordinal: 0, node, why: Why::Wanted })
    }

    pub(super) fn make(&mut self, plan: Plan) -> usize {
        let Plan { maker, mut meta, template, ordinal, node, why } = plan;
        let now = self.now;
        (meta.generation, meta.created) = (1, now);
        meta.wrote(CONTROLLER, "", now);
        if template.run.is_some() {
            meta.finalizers.push(FINALIZER);
        }
        let about = meta.owner.clone().unwrap_or_default();
        let message = format!("Created pod: {}", meta.name);
        self.truth.pod_created(self.tree_of(maker), &meta, why, now + 1_000);
        let index = self.pods.len();
        let cpu = if self.plan.makes.contains(&Make::Resized) { 20 } else { 0 };
        self.pods.push(Pod {
            maker,
            meta,
            template,
            ordinal,
            node,
            is_bound: false,
            is_admitted: false,
            phase: "Pending",
            scheduled: 0,
            admitted: 0,
            sandbox: (false, 0),
            ready: (false, 0),
            disrupted: None,
            state: State::Waiting("ContainerCreating"),
            last: None,
            restarts: 0,
            observed: 1,
            cpu,
            actual_cpu: cpu,
            sizing: Sizing::Done,
            is_final: false,
            is_gone: false,
            notes: BTreeMap::new(),
        });
        self.pods_of(maker).push(index);
        self.write_pod(index, Type::Added);
        let component = match about.0 {
            "StatefulSet" => "statefulset-controller",
            "DaemonSet" => "daemonset-controller",
            "Job" => "job-controller",
            _ => "replicaset-controller",
        };
        self.note(about, "SuccessfulCreate", message, component);
        self.after(3, 12, Task::SyncPod(index, Step::SetUp(SetUp::Schedule)));
        index
    }

    /// The Pods of a maker that are not gone.
    fn pods_of(&mut self, maker: Maker) -> &mut Vec<usize> {
        match maker {
            Maker::Set(at) => &mut self.sets[at].pods,
            Maker::Workload(at) => &mut self.workloads[at].pods,
        }
    }

    /// The tree that a maker belongs to.
    pub(super) fn tree_of(&self, maker: Maker) -> usize {
        match maker {
            Maker::Set(at) => self.deployments[self.sets[at].deployment].tree,
            Maker::Workload(at) => self.workloads[at].tree,
        }
    }

    /// A delete request for a Pod; one that is going already is left alone.
    pub(super) fn request_deletion(&mut self, at: usize) {
        self.request_deletion_as(at, Why::Wanted);
    }

    pub(super) fn request_deletion_as(&mut self, at: usize, why: Why) {
        let now = self.now;
        let pod = &mut self.pods[at];
        if pod.is_going() || pod.is_gone {
            return;
        }
        let is_run = pod.is_bound && !pod.is_over();
        let grace = if is_run { GRACE_SECONDS } else { 0 };
        pod.meta.deletion = Some((now + grace * S, grace));
        pod.meta.generation += 1;
        let is_over = pod.is_over();
        let tree = self.tree_of(self.pods[at].maker);
        self.truth.pod_requested(tree, at, (why, is_over), now + 1_000);
        self.write_pod(at, Type::Modified);
        if is_run {
            self.after(4, 20, Task::SyncPod(at, Step::End(End::Kill)));
        } else {
            self.after(1, 4, Task::SyncPod(at, Step::End(End::Remove)));
        }
    }

    /// The kubelet needs it no more: it is gone, unless a finalizer holds it.
    pub(super) fn remove_pod(&mut self, at: usize) {
        let now = self.now;
        let pod = &mut self.pods[at];
        pod.is_final = true;
        if pod.is_gone || !pod.meta.finalizers.is_empty() {
            return;
        }
        pod.is_gone = true;
        let maker = pod.maker;
        self.pods_of(maker).retain(|pod| *pod != at);
        self.truth.pods[at].gone = Some(now + 1_000);
        self.write_pod(at, Type::Deleted);
    }

    /// Takes away what holds a Pod.
    pub(super) fn release_pod(&mut self, at: usize) {
        let now = self.now;
        let pod = &mut self.pods[at];
        if pod.is_gone || pod.meta.finalizers.is_empty() {
            return;
        }
        pod.meta.finalizers.clear();
        if pod.is_final {
            return self.remove_pod(at);
        }
        pod.meta.wrote(CONTROLLER, "", now);
        self.write_pod(at, Type::Modified);
    }
}
