//! What a list proves in progress below a topmost object that is not: a `reconcile` (DESIGN §3).

use std::sync::Arc;

use super::Tree;
use super::list::{Proof, is_scaled_since, written_last};
use super::owned::new_step;
use crate::facts::instant::{Evidence, Heard};
use crate::facts::kind::Kind;
use crate::facts::meta::Uid;
use crate::facts::time::UnixNanos;
use crate::facts::workload::{Mode, Workload};
use crate::lifecycle::action::Action;
use crate::lifecycle::forest::{Owned, is_set};
use crate::lifecycle::pod::Seq;
use crate::lifecycle::rules::Rules;
use crate::lifecycle::settle;
use crate::lifecycle::step::{Step, Steps};
use crate::lifecycle::transition::Settles;

impl Tree {
    /// What of the workloads below is in progress; its cause is the newest write of them. What one of them
    /// owns follows from it.
    pub(super) fn judge_below(&self, now: UnixNanos, rules: &Rules) -> Option<Proof> {
        let root = self.root.as_deref()?;
        if root.mode == Mode::Run || root.paused {
            return None;
        }
        // A Deployment is asked itself whether it rolls out.
        let is_led = |owned: &Owned| {
            let above = self.forest.of(owned.owner).map_or(&root.kind, |it| &it.workload.kind);
            *above == Kind::Deployment
        };
        let proven = |owned: &Owned| {
            let it = &owned.workload;
            !is_led(owned)
                && it.mode == Mode::Rollout
                && it.meta.deletion.is_none()
                && !it.is_queue
                && !it.paused
                && !settle::is_past_deadline(it)
                && !settle::is_complete(it)
                && !is_only_short(it)
                && !is_scaled_since(it)
                && self.is_under_way(it, rules)
        };
        let all = self.forest.iter().filter(|(_, owned)| proven(owned));
        let all: Vec<(Uid, &Owned)> = all.collect();
        let follows = |owned: &Owned| all.iter().any(|(uid, _)| *uid == owned.owner);
        let (below, all): (Vec<Uid>, Vec<&Owned>) =
            all.iter().filter(|(_, owned)| !follows(owned)).copied().unzip();
        let written = |owned: &&Owned| written_last(&owned.workload, now).lo;
        let newest = all.into_iter().max_by_key(|it| (written(it), it.workload.meta.uid))?;
        let number = newest.workload.meta.write_number();
        Some(Proof {
            action: Action::Reconcile,
            settles: Settles::ByHealth { may_be_of_nodes: false },
            cause: format!("owned:{}:{number}", newest.workload.meta.uid),
            start: written_last(&newest.workload, now),
            below: self.steps_below(&below, now),
        })
    }

    /// The steps of what is `proven` in progress, and of the ReplicaSets of its template that have not
    /// settled.
    fn steps_below(&self, proven: &[Uid], now: UnixNanos) -> Steps {
        let is_newest = |set: &Owned| {
            let above = self.forest.of(set.owner).filter(|_| proven.contains(&set.owner));
            above.is_some_and(|it| it.workload.template_of_sets() == set.workload.template)
        };
        let is_step = |(uid, owned): &(Uid, &Owned)| {
            let is_open_set = is_set(&owned.workload.kind) && !settle::is_complete(&owned.workload);
            proven.contains(uid) || (is_open_set && is_newest(owned))
        };
        let step = |(uid, owned): (Uid, &Owned)| -> (Uid, Arc<Step>) {
            let workload = &owned.workload;
            let is_created = workload.meta.generation <= Some(1);
            let created = Evidence::object(workload.meta.created, Heard::FIRST);
            let start = if is_created { created } else { written_last(workload, now) };
            let from = if is_created { 0 } else { workload.count() };
            let mut step = new_step(workload, owned.owner, start, from);
            (step.is_created, step.is_update) = (is_created, !is_created && !is_set(&step.kind));
            (uid, Arc::new(step))
        };
        self.forest.iter().filter(is_step).map(step).collect()
    }

    /// Pods of what has `begun` are part of it where they are of its newest revision.
    pub(super) fn go_on_below(&mut self, seq: Seq, begun: &[Uid]) {
        let Self { pods, forest, .. } = self;
        pods.each(|(_, pod)| {
            let owner = pod.owner().filter(|owner| begun.contains(owner));
            let is_current = owner.and_then(|owner| forest.of(owner)).is_some_and(|owned| {
                let newest = &owned.workload.update_revision;
                newest.is_none() || pod.start().is_some_and(|start| start.revision == *newest)
            });
            if is_current {
                pod.continue_in(seq);
            } else {
                pod.forget_listed();
            }
        });
    }
}

/// All of its Pods are Ready and of the newest revision, and there are fewer than wanted: a node has joined,
/// or one was lost.
fn is_only_short(workload: &Workload) -> bool {
    let status = &workload.status;
    let is_counted = matches!(workload.kind, Kind::DaemonSet | Kind::StatefulSet);
    let are_well = status.ready == status.replicas && status.updated == status.replicas;
    is_counted && are_well && settle::is_observed(workload)
}
