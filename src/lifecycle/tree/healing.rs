//! What happens after a failure: kept, and told once the tree is well again (DESIGN §3.6).

use std::sync::Arc;

use super::Tree;
use crate::facts::instant::Evidence;
use crate::facts::workload::Mode;
use crate::lifecycle::action::Action;
use crate::lifecycle::step::{Step, Steps};
use crate::lifecycle::transition::{Settles, Transition};
use crate::lifecycle::turn::Turn;

impl Transition {
    /// What was written below and has not come to its end yet, as far as it goes on from `start` on.
    pub(super) fn still_open(self, start: Evidence) -> Steps {
        let open = self.steps.into_iter().filter(|(_, step)| {
            step.settled.is_none() && step.failed.is_none() && !step.is_deleted
        });
        let goes_on = |step| Arc::new(Step { start, ..Arc::unwrap_or_clone(step) });
        open.map(|(uid, step)| (uid, goes_on(step))).collect()
    }
}

impl Tree {
    /// What happens after a failure is kept, and told once the tree is well again.
    pub(super) fn begin_healing(&mut self, cause: &str, failed: Evidence, turn: &mut Turn<'_>) {
        let is_rollout = self.root.as_deref().is_some_and(|root| root.mode == Mode::Rollout);
        let is_over = self.last.as_deref().is_some_and(|last| last.is_end);
        if is_over || (self.wanted().is_none() && !is_rollout) || self.pending.is_some() {
            return;
        }
        let cause = format!("heal:{cause}");
        let settles = Settles::ByHealth { may_be_of_nodes: false };
        self.open_transition(Action::Recover, settles, cause, failed, turn).is_healing = true;
    }

    /// A list shows that its last transition failed, at an unknown time.
    pub(super) fn begin_listed_healing(&mut self, at: Evidence, turn: &mut Turn<'_>) {
        let Some(root) = self.root.as_deref() else { return };
        let cause = format!("spec:{}", root.meta.write_number());
        self.begin_healing(&cause, at, turn);
    }

    /// The healing that is under way is not told: another transition opens before the tree is well.
    /// One that is well has settled too.
    pub(super) fn drop_healing(&mut self, turn: &mut Turn<'_>) -> Option<Transition> {
        let healing = self.pending.take_if(|it| it.is_healing && it.closed.is_none())?;
        if healing.trial.is_some() {
            self.pending = Some(healing);
            self.has_lasted(turn);
            return None;
        }
        Some(*healing)
    }

    /// What Pods do in a healing that is not told is part of what opens instead, as far as it is still
    /// open: no Pod starts in an end.
    pub(super) fn pass_on_healing(&mut self, healing: &Transition, action: Action) {
        let next = self.next_seq;
        self.pods.each(|(_, pod)| {
            pod.pass_on(healing.seq, next, action.is_end());
            pod.forget_all_of(healing.seq);
        });
    }
}
