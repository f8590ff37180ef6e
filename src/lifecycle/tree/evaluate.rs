//! Whether what was just told settles or fails what is open, or heals what had failed.

use super::Tree;
use crate::facts::instant::Evidence;
use crate::facts::span::Outcome;
use crate::facts::time::UnixNanos;
use crate::facts::workload::{Mode, Workload};
use crate::lifecycle::settle::{self, Standing};
use crate::lifecycle::transition::{Action, Settles};
use crate::lifecycle::turn::Turn;

impl Tree {
    /// Looks whether what was just told settles or fails what is open.
    pub(super) fn evaluate(&mut self, at: Evidence, turn: &mut Turn<'_>) {
        let Some(pending) = self.pending.as_deref() else { return self.heal(at, turn) };
        if pending.closed.is_some() {
            return;
        }
        match pending.settles {
            Settles::WhenGone => {
                if self.is_empty() && self.guests.is_empty() {
                    let has_gap = pending.has_gap;
                    let outcome = if has_gap { Outcome::Vanished } else { Outcome::Completed };
                    self.close(outcome, at, None, turn);
                }
            }
            Settles::WhenNodesAre(nodes) => {
                // Else the DaemonSet does not say yet that it wants another number of nodes.
                if nodes
                    .is_some_and(|nodes| self.root.as_deref().map(Workload::count) == Some(nodes))
                {
                    self.evaluate_status(at, turn);
                }
            }
            Settles::ByStatus => self.evaluate_status(at, turn),
            Settles::ByHealth { .. } => self.evaluate_health(at, turn),
            Settles::WithRun => self.evaluate_run(at, turn),
            Settles::AtOnce => {
                let is_paused = self.root.as_deref().is_some_and(|root| root.paused);
                let outcome = if is_paused { Outcome::Paused } else { Outcome::Completed };
                let start = pending.start;
                self.close(outcome, start, None, turn);
            }
            Settles::WhenReady => {}
        }
    }

    fn evaluate_status(&mut self, at: Evidence, turn: &mut Turn<'_>) {
        let (Some(root), Some(pending)) = (self.root.as_deref(), self.pending.as_deref()) else {
            return;
        };
        if let Standing::Failed { reason, message, at: said } = settle::standing(root) {
            // A condition from before this transition says nothing about it.
            if said.is_none_or(|said| said.seconds() >= pending.start.lo.seconds()) {
                let end = Evidence::object_or(said, at.lo, at.arrival);
                let declared = Some((reason.into(), message.to_owned()));
                self.close(Outcome::Failed, end, declared, turn);
            }
            return;
        }
        if root.paused && root.replicas.is_none() {
            // Nothing counts its Pods: what is paused stands still.
            let written = pending.written;
            self.close(Outcome::Paused, written, None, turn);
        } else if root.paused {
            let tally = self.pods.tally();
            let is_scale = pending.action == Action::Scale;
            let is_sized = !is_scale || tally.present == root.count();
            let are_sets_settled =
                pending.steps.values().all(|step| step.is_deleted || step.settled.is_some());
            let are_pods_ready = tally.present == tally.ready && are_sets_settled;
            if settle::is_observed(root) && are_pods_ready && is_sized {
                self.close(Outcome::Paused, at, None, turn);
            }
        } else if settle::is_complete(root) {
            self.close(Outcome::Completed, at, None, turn);
        }
    }

    /// A run ends with its terminal condition.
    fn evaluate_run(&mut self, at: Evidence, turn: &mut Turn<'_>) {
        let Some(root) = self.root.as_deref() else { return };
        let end = |said: Option<UnixNanos>| Evidence::object_or(said, at.lo, at.arrival);
        match settle::standing(root) {
            Standing::Progressing => {}
            Standing::Settled(said) => self.close(Outcome::Completed, end(said), None, turn),
            Standing::Failed { reason, message, at: said } => {
                let declared = Some((reason.into(), message.to_owned()));
                self.close(Outcome::Failed, end(said), declared, turn);
            }
        }
    }

    fn evaluate_health(&mut self, at: Evidence, turn: &mut Turn<'_>) {
        let is_healthy = self.is_healthy();
        let Some(open) = self.open() else { return };
        match (is_healthy, open.healthy) {
            (true, None) => open.healthy = Some(at),
            (false, Some(healthy)) => {
                if at.decision().since(healthy.decision()) >= turn.rules.stable_time {
                    self.has_lasted(turn);
                } else {
                    open.healthy = None;
                }
            }
            (true, Some(_)) | (false, None) => {}
        }
    }

    /// As many Pods as wanted are there, none going, all Ready, no restart open.
    ///
    /// Pods that have finished do not count: a ReplicaSet keeps the evicted ones beside those that
    /// replaced them.
    pub(super) fn is_healthy(&self) -> bool {
        let tally = self.pods.tally();
        self.wanted().is_some_and(|wanted| {
            tally.present == wanted && tally.ready == wanted && tally.going == 0
        })
    }

    /// A tree that failed and has become what its spec wants by itself: a `recover` from the
    /// moment of failure.
    fn heal(&mut self, at: Evidence, turn: &mut Turn<'_>) {
        let Some((since, seq)) = self.broken else { return };
        let is_complete =
            |root: &&Workload| root.mode == Mode::Rollout && settle::is_complete(root);
        let Some(root) = self.root.as_deref().filter(is_complete) else { return };
        let tally = self.pods.tally();
        if tally.present != tally.ready {
            return;
        }
        let cause = format!("heal:{}", root.meta.generation);
        let settles = Settles::ByHealth { may_be_of_nodes: false };
        let open = self.open_transition(Action::Recover, settles, cause, since, turn);
        // Pods that were created since carry the number that was kept for this.
        open.seq = seq;
        self.close(Outcome::Completed, at, None, turn);
    }
}
