//! What is written to Pods in place: what it opens, and when it is there.

use super::Tree;
use crate::facts::instant::Evidence;
use crate::facts::meta::Uid;
use crate::facts::pod::PodSnapshot;
use crate::facts::span::Outcome;
use crate::facts::time::UnixNanos;
use crate::lifecycle::action::Action;
use crate::lifecycle::closed::Ended;
use crate::lifecycle::pod::{self, Pod};
use crate::lifecycle::transition::Settles;
use crate::lifecycle::turn::Turn;

impl Tree {
    /// Something was written to a Pod in place while nothing was open, or another image to a bare Pod that
    /// has not come up: that supersedes.
    pub(super) fn written_in_place(&mut self, new: &PodSnapshot, turn: &mut Turn<'_>) {
        let uid = new.meta.uid;
        let Some(pod) = self.pods.of(uid) else { return };
        let written = pod.written_in_place(new);
        let supersedes = uid == self.top().uid && written.images;
        let may_open =
            self.open_ref().is_none_or(|open| supersedes && open.is_superseded_in_place());
        if pod.is_untraced || !may_open || !written.is_any() {
            return;
        }
        let at = Evidence::arrival(pod::lower_bound(new), turn.seen.heard);
        let is_quiet = pod.is_finished || self.is_muted || self.is_unjudged;
        let number = new.meta.write_number();
        let is_opened = if uid != self.top().uid {
            self.reconcile(format!("owned:{uid}:{number}"), at, turn)
        } else if is_quiet || !(written.images || written.resources) {
            // A debugger is no change of a bare Pod.
            false
        } else {
            let action = if written.images { Action::Update } else { Action::Resize };
            let cause = format!("spec:{number}");
            let open = self.open_transition(action, Settles::InPlace, cause, at, turn);
            open.generation = new.meta.generation;
            true
        };
        turn.counts.pods += u64::from(!is_opened);
    }

    /// What was written to a bare Pod in place has settled when the Pod is so and Ready, or will not
    /// be so.
    pub(super) fn evaluate_in_place(&mut self, at: Evidence, turn: &mut Turn<'_>) {
        let Some(seq) = self.open_ref().map(|open| open.seq) else { return };
        let Some(pod) = self.pods.of(self.top().uid).filter(|pod| !pod.waits_in_place()) else {
            return;
        };
        let is_well = pod.tally().ready > 0;
        let refused = pod.refused_in_place(seq);
        let is_given_up = pod.is_given_up_in_place(seq);
        if refused.is_some() {
            self.close(Outcome::Failed, at, refused, turn);
        } else if is_given_up {
            self.close(Outcome::Unfinished, at, None, turn);
        } else if is_well {
            self.close(Outcome::Completed, at, None, turn);
        }
    }

    /// Resizes that have waited for room on their nodes for so long end at `now`.
    pub(super) fn end_deferred(&mut self, now: UnixNanos, turn: &mut Turn<'_>) {
        let since = now.minus(turn.rules.stable_time);
        let told = now.plus(turn.ahead);
        let mut ended: Option<Evidence> = None;
        self.pods.each(|(_, pod)| {
            let at = pod.end_deferred(since, now, told);
            ended = ended.into_iter().chain(at).max_by_key(Evidence::order);
        });
        if let Some(at) = ended {
            self.evaluate(at, turn);
        }
    }

    /// Ephemeral containers of a Pod that have ended since their transition left, or that end with the
    /// Pod where that is `gone`.
    pub(super) fn end_debuggers(&mut self, uid: Uid, gone: Option<Evidence>, turn: &mut Turn<'_>) {
        if !self.pods.of(uid).is_some_and(Pod::has_debuggers) {
            return;
        }
        let ended = self.pods.change(uid, |pod| pod.take_left_debuggers(gone));
        for debugger in ended.into_iter().flatten() {
            let Some(pod) = self.pods.of(uid) else { return };
            let departed = Box::new(self.departed(uid, pod));
            turn.out.push(Ended::Debugger(departed, Box::new(debugger)));
        }
    }
}
