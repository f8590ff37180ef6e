//! What a list proves in progress below a topmost object that is not: a `reconcile` (DESIGN §3).

use std::sync::Arc;

use super::Tree;
use super::list::{
    Proof, is_reported_under_way, is_scaled_since, resumed_at, written_at, written_last,
};
use super::owned::new_step;
use crate::facts::instant::{Evidence, Heard};
use crate::facts::kind::Kind;
use crate::facts::meta::Uid;
use crate::facts::time::{SECOND, UnixNanos};
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
        let all = self.proven_below(root, rules);
        let follows = |owned: &Owned| all.iter().any(|(uid, _)| *uid == owned.owner);
        let (below, all): (Vec<Uid>, Vec<&Owned>) =
            all.iter().filter(|(_, owned)| !follows(owned)).copied().unzip();
        let written = |owned: &&Owned| written_last(&owned.workload, now).lo;
        let newest = all.into_iter().max_by_key(|it| (written(it), it.workload.meta.uid))?;
        let number = newest.workload.meta.write_number();
        let start = written_last(&newest.workload, now);
        Some(Proof {
            action: Action::Reconcile,
            settles: Settles::ByHealth { may_be_of_nodes: false },
            cause: format!("owned:{}:{number}", newest.workload.meta.uid),
            below: self.steps_below(&below, (root, &start), now),
            start,
        })
    }

    /// The workloads below that objects prove in progress.
    fn proven_below(&self, root: &Workload, rules: &Rules) -> Vec<(Uid, &Owned)> {
        // A Deployment is asked itself whether it rolls out.
        let is_led = |owned: &Owned| {
            let above = self.forest.of(owned.owner).map_or(&root.kind, |it| &it.workload.kind);
            *above == Kind::Deployment
        };
        let is_proven = |owned: &Owned| {
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
        self.forest.iter().filter(|(_, owned)| is_proven(owned)).collect()
    }

    /// The steps that a list proves open in what began at `start`: below a run what has not ended, else
    /// what is in progress itself, and what is of the newest template and not settled.
    pub(super) fn listed_steps(
        &self,
        (root, start): (&Workload, &Evidence),
        now: UnixNanos,
        rules: &Rules,
    ) -> Steps {
        let proven: Vec<Uid> = self.proven_below(root, rules).iter().map(|(uid, _)| *uid).collect();
        let template = root.template_of_sets();
        let is_open = |uid: Uid, owned: &Owned| match owned.workload.mode {
            _ if owned.workload.is_queue => false,
            Mode::Run => !settle::is_over(&owned.workload) && !owned.workload.paused,
            Mode::Rollout | Mode::Plain => {
                let is_newest = owned.workload.template == template;
                (is_newest && !settle::is_complete(&owned.workload))
                    || self.is_step_of(&proven, uid, owned)
            }
        };
        let step = |(uid, owned): (Uid, &Owned)| {
            let step = self.listed_step(root, owned, start, now)?;
            Some((uid, Arc::new(step)))
        };
        self.forest.iter().filter(|(uid, owned)| is_open(*uid, owned)).filter_map(step).collect()
    }

    /// The steps of what is `proven` in progress, and of the ReplicaSets of its template that have not
    /// settled.
    fn steps_below(
        &self,
        proven: &[Uid],
        (root, start): (&Workload, &Evidence),
        now: UnixNanos,
    ) -> Steps {
        let is_step = |(uid, owned): &(Uid, &Owned)| self.is_step_of(proven, *uid, owned);
        let step = |(uid, owned): (Uid, &Owned)| {
            let step = self.listed_step(root, owned, start, now)?;
            Some((uid, Arc::new(step)))
        };
        self.forest.iter().filter(is_step).filter_map(step).collect()
    }

    fn is_step_of(&self, proven: &[Uid], uid: Uid, owned: &Owned) -> bool {
        let is_newest = || {
            let above = self.forest.of(owned.owner).filter(|_| proven.contains(&owned.owner));
            above.is_some_and(|it| it.workload.template_of_sets() == owned.workload.template)
        };
        let is_open_set = is_set(&owned.workload.kind) && !settle::is_complete(&owned.workload);
        proven.contains(&uid) || (is_open_set && is_newest())
    }

    /// What a list shows of a workload in what began at `start`: when it was created, or, where it was
    /// there before, when it was written since, if it was.
    fn listed_step(
        &self,
        root: &Workload,
        owned: &Owned,
        start: &Evidence,
        now: UnixNanos,
    ) -> Option<Step> {
        let workload = &owned.workload;
        let was_there = workload.meta.created.plus(SECOND) <= start.lo;
        let is_set = is_set(&workload.kind);
        // Of a rollout that goes on since, whatever was written to it later, the ReplicaSet was created for
        // it, if it had not been of an earlier one.
        let above = self.forest.of(owned.owner).map_or(root, |it| &it.workload);
        let is_of_it = is_set && !workload.is_reused && is_reported_under_way(above);
        if workload.mode == Mode::Run || !was_there || is_of_it {
            let begun = resumed_at(workload).unwrap_or(workload.meta.created);
            let begun = Evidence::object(begun, Heard::FIRST);
            let mut step = new_step(workload, owned.owner, begun, 0);
            (step.is_created, step.scheduled) = (true, workload.scheduled);
            return Some(step);
        }
        let at = if is_set {
            // It may have been written more than once.
            let written = written_at(workload).filter(|written| start.lo <= *written)?;
            Evidence::between(start.lo, written.plus(SECOND))
        } else {
            written_last(workload, now)
        };
        let mut step = new_step(workload, owned.owner, at, workload.count());
        step.is_update = !is_set;
        Some(step)
    }

    /// Pods of what has `begun` are part of it where they are of its newest revision.
    pub(super) fn go_on_below(&mut self, seq: Seq, begun: &[Uid]) {
        let Self { pods, forest, .. } = self;
        pods.each(|(_, pod)| {
            if forest.is_newest_of(pod, begun) {
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
