//! Writes below the topmost object while nothing is open: an operator or an autoscaler at work
//! (DESIGN §3, `reconcile`).

use std::collections::VecDeque;
use std::hash::Hasher;

use serde::{Deserialize, Serialize};

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
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Reconciled {
    /// Specs that were left, and when: written back they are no news.
    left: VecDeque<(Uid, u64, UnixNanos)>,
    /// When the last ones opened.
    told: VecDeque<UnixNanos>,
    /// How many were only counted since.
    n_omitted: u64,
    /// What was written and only counted: what follows from that below is not told either, until it
    /// has settled.
    hushed: Vec<Uid>,
}

impl Reconciled {
    /// Whether nothing was.
    pub(super) fn is_empty(&self) -> bool {
        let Self { left, told, n_omitted, hushed } = self;
        left.is_empty() && told.is_empty() && *n_omitted == 0 && hushed.is_empty()
    }

    /// Whether a spec is put back to what it was not long ago; the one before it is left now. Numbers
    /// of Pods and of nodes go to and fro, and each time Pods come or go.
    fn is_back(&mut self, new: &Workload, old: &Workload, at: UnixNanos, within: Nanos) -> bool {
        self.left.retain(|(_, _, left)| at.since(*left) <= within);
        let (uid, is, was) = (new.meta.uid, what(new), what(old));
        if is == was {
            return false;
        }
        let is_back = self.left.iter().any(|(of, left, _)| (*of, *left) == (uid, is));
        self.left.push_back((uid, was, at));
        while self.left.len() > MAX_SPECS {
            self.left.pop_front();
        }
        is_back
    }

    /// A write to a workload was only counted.
    fn hush(&mut self, uid: Uid) {
        if !self.hushed.contains(&uid) && self.hushed.len() < MAX_SPECS {
            self.hushed.push(uid);
        }
    }

    /// A workload is as its spec wants: what becomes of it is told again.
    pub(super) fn has_settled(&mut self, uid: Uid) {
        self.hushed.retain(|hushed| *hushed != uid);
    }

    /// A transition opens, which tells all.
    pub(super) fn tell_all(&mut self) {
        self.hushed.clear();
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
pub(super) fn spec(workload: &Workload) -> (u64, Option<i64>) {
    (what(workload), workload.replicas)
}

/// The same but for how many Pods are wanted.
fn what(workload: &Workload) -> u64 {
    let mut hasher = crate::facts::hash::stable_hasher();
    hasher.write_u64(workload.template);
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
        (at, number): (Evidence, u64),
        manager: Option<Box<str>>,
        turn: &mut Turn<'_>,
    ) {
        if !self.may_reconcile() {
            return;
        }
        let within = self.limit().unwrap_or(turn.rules.max_transition_duration);
        let is_back = old.is_some_and(|old| {
            self.waiting
                .change(|waiting| waiting.writes_below.is_back(new, old, at.moment(), within))
        });
        let cause = format!("owned:{}:{}", new.meta.uid, number);
        let follows = new.meta.owner.as_ref().is_some_and(|owner| self.is_hushed(owner.uid));
        if is_back || follows || !self.reconcile(cause, at, turn) {
            self.waiting.change(|waiting| waiting.writes_below.hush(new.meta.uid));
            turn.counts.churn += 1;
        } else if let Some(open) = self.open() {
            open.manager = manager;
        }
    }

    /// Whether what happens below `owner`, or below what is above that, follows from what was only
    /// counted.
    pub(super) fn is_hushed(&self, owner: Uid) -> bool {
        let Some(hushed) = self.waiting.get().map(|waiting| &waiting.writes_below.hushed) else {
            return false;
        };
        let owner_of = |uid: &Uid| self.forest.of(*uid).map(|owned| owned.owner);
        !hushed.is_empty()
            && std::iter::successors(Some(owner), owner_of).take(16).any(|it| hushed.contains(&it))
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
        let may_tell = self.waiting.change(|it| it.writes_below.may_tell(at.moment()));
        let Some(n_omitted) = may_tell else { return false };
        self.end_hold(turn);
        // What waited for too long is moved on by this.
        let waited = self.last.as_deref().filter(|last| last.is_waiting).map(|last| last.end);
        let (action, settles) = match waited {
            Some(_) => (Action::Resume, Settles::ByStatus),
            None => (Action::Reconcile, Settles::ByHealth { may_be_of_nodes: false }),
        };
        let open = self.open_transition(action, settles, cause, at, turn);
        open.n_omitted = n_omitted;
        open.was_suspended = waited.map(|since| turn.moment_of(&at).since(turn.moment_of(&since)));
        true
    }
}
