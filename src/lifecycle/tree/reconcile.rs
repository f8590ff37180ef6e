//! Writes below the topmost object while nothing is open: an operator or an autoscaler at work
//! (DESIGN §3, `reconcile`).

use std::collections::VecDeque;
use std::hash::Hasher;

use super::Tree;
use crate::facts::instant::Evidence;
use crate::facts::meta::Uid;
use crate::facts::time::{Nanos, UnixNanos};
use crate::facts::workload::{Mode, Workload};
use crate::lifecycle::action::Action;
use crate::lifecycle::transition::Settles;
use crate::lifecycle::turn::Turn;

/// Of more than so many in [`FLOOD_TIME`] the rest is counted.
const MAX_TOLD: usize = 12;

/// Over how long they are counted.
const FLOOD_TIME: Nanos = Nanos::from_seconds(3_600);

/// How many earlier specs below are remembered.
const MAX_SPECS: usize = 64;

/// What was written below lately.
#[derive(Clone, Debug, Default)]
pub(super) struct Reconciled {
    /// Specs that were left, and when: written back they are no news.
    left: VecDeque<(Uid, u64, UnixNanos)>,
    /// When the last ones opened.
    told: VecDeque<UnixNanos>,
    /// How many were only counted since.
    n_omitted: u64,
}

impl Reconciled {
    /// Whether a spec is what it was not long ago; the one before it is left now.
    fn is_back(&mut self, new: &Workload, old: &Workload, at: UnixNanos, within: Nanos) -> bool {
        self.left.retain(|(_, _, left)| at.since(*left) <= within);
        let uid = new.meta.uid;
        let is = spec(new);
        let is_back = self.left.iter().any(|(of, was, _)| (*of, *was) == (uid, is));
        self.left.push_back((uid, spec(old), at));
        while self.left.len() > MAX_SPECS {
            self.left.pop_front();
        }
        is_back
    }

    /// Whether one more may be told; how many were not since the last.
    fn may_tell(&mut self, at: UnixNanos) -> Option<u64> {
        self.told.retain(|told| at.since(*told) <= FLOOD_TIME);
        if self.told.len() >= MAX_TOLD {
            self.n_omitted += 1;
            return None;
        }
        self.told.push_back(at);
        Some(std::mem::take(&mut self.n_omitted))
    }
}

/// What of a spec opens something when it is written below.
fn spec(workload: &Workload) -> u64 {
    let mut hasher = crate::facts::hash::stable_hasher();
    hasher.write_u64(workload.template);
    hasher.write_i64(workload.replicas.unwrap_or(-1));
    hasher.write_u8(u8::from(workload.paused));
    hasher.finish()
}

impl Tree {
    /// A workload below was written while nothing was open: that opens a `reconcile`, unless it was
    /// only put back to what it was, or too many were told.
    pub(super) fn reconcile_write(
        &mut self,
        new: &Workload,
        old: Option<&Workload>,
        at: Evidence,
        manager: Option<Box<str>>,
        turn: &mut Turn<'_>,
    ) {
        if !self.may_reconcile() {
            return;
        }
        let within = self.limit().unwrap_or(turn.rules.max_transition_duration);
        let is_back =
            old.is_some_and(|old| self.writes_below.is_back(new, old, at.moment(), within));
        let number = match new.meta.generation {
            0 => new.meta.resource_version.to_string(),
            generation => generation.to_string(),
        };
        let cause = format!("owned:{}:{number}", new.meta.uid);
        if is_back || !self.reconcile(cause, at, turn) {
            turn.counts.churn += 1;
        } else if let Some(open) = self.open() {
            open.manager = manager;
        }
    }

    /// Whether a write below would open something: nothing is open, and the topmost object leads. What
    /// the controller of a paused one still moves is the end of what was paused.
    fn may_reconcile(&self) -> bool {
        let is_quiet = self.pending.as_deref().is_none_or(|pending| pending.closed.is_some());
        let is_led = self.root.as_deref().is_some_and(|root| {
            root.mode != Mode::Run && root.meta.deletion.is_none() && !root.paused
        });
        is_quiet && is_led && !self.is_muted && !self.is_unjudged
    }

    /// Opens a `reconcile`, if one may be told. Returns whether something is open then.
    pub(super) fn reconcile(&mut self, cause: String, at: Evidence, turn: &mut Turn<'_>) -> bool {
        if !self.may_reconcile() {
            return self.is_open();
        }
        let Some(n_omitted) = self.writes_below.may_tell(at.moment()) else { return false };
        let settles = Settles::ByHealth { may_be_of_nodes: false };
        let open = self.open_transition(Action::Reconcile, settles, cause, at, turn);
        open.n_omitted = n_omitted;
        true
    }
}
