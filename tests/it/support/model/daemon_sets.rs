//! The DaemonSet controller: a Pod on each node that wants one, replaced one at a time.

#![expect(clippy::indexing_slicing, reason = "a panic is a failed test")]

use super::World;
use super::objects::{Maker, Meta, Status};
use super::pods::Plan;
use super::stateful_sets::{REVISION, revision_of};
use super::truth::Why;
use super::workloads::{DaemonSet, Form};

impl World {
    /// The name of the node of this number.
    pub(super) fn node(at: usize) -> String {
        format!("node-{}", at + 1)
    }

    pub(super) fn sync_daemon_set(&mut self, at: usize, mut set: DaemonSet) {
        let workload = &self.workloads[at];
        let generation = workload.meta.generation;
        let hash = workload.template.hash();
        if !set.revisions.contains(&workload.template) {
            set.revisions.push(workload.template.clone());
        }
        let is_settled_elsewhere = self.manage(at, &set, &hash);
        if !is_settled_elsewhere && !set.is_on_delete {
            self.replace_outdated(at, &hash);
        }
        set.wanted_on.clone_from(&self.nodes);
        self.count_daemon_set(at, &mut set, &hash, generation);
        self.write_status_of(at, Form::DaemonSet(set));
    }

    /// Pods on a node; one that is going counts until its containers have ended.
    fn on_node(&self, at: usize, node: usize) -> Vec<usize> {
        let node = Self::node(node);
        let pods = self.workloads[at].pods.iter().copied();
        pods.filter(|it| {
            let pod = &self.pods[*it];
            pod.node == node && !(pod.is_going() && pod.is_over())
        })
        .collect()
    }

    /// Makes what is missing, deletes what no node wants; whether there was anything to do.
    fn manage(&mut self, at: usize, set: &DaemonSet, hash: &str) -> bool {
        let mut has_acted = false;
        for (node, is_wanted) in self.nodes.clone().into_iter().enumerate() {
            let pods = self.on_node(at, node);
            if is_wanted && pods.is_empty() {
                let was_wanted = set.wanted_on.get(node).copied().unwrap_or(false);
                let why = if was_wanted { Why::Wanted } else { Why::Node };
                self.create_on(at, set, (node, hash), why);
                has_acted = true;
            }
            for pod in pods.into_iter().filter(|_| !is_wanted) {
                has_acted |= !self.pods[pod].is_going();
                self.request_deletion_as(pod, Why::Node);
            }
        }
        has_acted
    }

    /// The rolling update, with one Pod at most away.
    fn replace_outdated(&mut self, at: usize, hash: &str) {
        let (mut n_away, mut ill, mut well) = (0, Vec::new(), Vec::new());
        for node in 0..self.nodes.len() {
            let Some(pod) = self.on_node(at, node).first().copied() else { continue };
            let is_outdated = revision_of(&self.pods[pod]) != hash;
            let is_going = self.pods[pod].is_going();
            match (is_going, is_outdated, self.pods[pod].ready.0) {
                (true, ..) | (false, false, false) => n_away += 1,
                (false, true, false) => ill.push(pod),
                (false, true, true) => well.push(pod),
                (false, false, true) => {}
            }
        }
        ill.extend(well.first().filter(|_| n_away == 0));
        for pod in ill {
            self.request_deletion(pod);
        }
    }

    fn count_daemon_set(&self, at: usize, set: &mut DaemonSet, hash: &str, generation: i64) {
        let mut status = Status { observed: generation, ..Status::default() };
        (set.desired, set.misscheduled) = (0, 0);
        for (node, is_wanted) in self.nodes.iter().enumerate() {
            let pod = self.on_node(at, node).first().map(|pod| &self.pods[*pod]);
            set.desired += i64::from(*is_wanted);
            let Some(pod) = pod else { continue };
            if *is_wanted {
                status.replicas += 1;
                status.ready += i64::from(pod.ready.0);
                status.updated += i64::from(revision_of(pod) == hash);
            } else {
                set.misscheduled += 1;
            }
        }
        status.available = status.ready;
        status.unavailable = set.desired - status.available;
        set.status = status;
    }

    fn create_on(&mut self, at: usize, set: &DaemonSet, (node, hash): (usize, &str), why: Why) {
        let (uid, suffix) = (self.random.uuid(), self.random.suffix());
        let workload = &self.workloads[at];
        let template = workload.template.clone();
        let labels = [
            ("app", template.app.clone()),
            ("app.kubernetes.io/name", template.app.clone()),
            (REVISION, hash.to_owned()),
            ("pod-template-generation", set.template_generation.to_string()),
        ];
        let name = format!("{}-{suffix}", workload.meta.name);
        let labels = labels.map(|(key, value)| (key.to_owned(), value)).into();
        let owner = Some(workload.owner());
        let meta = Meta { name, uid, labels, owner, ..Meta::default() };
        let (maker, node) = (Maker::Workload(at), Self::node(node));
        self.make(Plan { maker, meta, template, ordinal: 0, node, why });
    }
}
