//! Lanes that are away, or have come back and tell what they missed: until that is in, nothing is
//! said to have lasted (DESIGN §7).

use super::Engine;
use super::lanes::LaneState;
use super::past::When;
use crate::facts::change::{Change, Snapshot};
use crate::facts::kind::{Lane, Part};
use crate::facts::time::{Nanos, SECOND, UnixNanos};

/// For so long a lane that is away is waited for; then the others are enough.
const LONGEST_AWAY: Nanos = Nanos::from_seconds(15 * 60);

/// What a lane has told is not all that was written by now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Behind {
    /// Up to here it is.
    pub(super) since: UnixNanos,
    /// By then it is so again, as far as that is waited for.
    pub(super) until: UnixNanos,
}

impl LaneState {
    /// Its list or watch breaks off.
    pub(super) fn breaks_off(&mut self, at: UnixNanos, none_from: &mut UnixNanos) {
        if !std::mem::replace(&mut self.is_away, true) {
            let since = self.behind.filter(|behind| at < behind.until).map_or(at, |it| it.since);
            self.is_behind(since, since.plus(LONGEST_AWAY), none_from);
        }
    }

    /// It lists or watches again: what was written while it was away comes within `settle_time`.
    pub(super) fn goes_on(&mut self, at: UnixNanos, settle_time: Nanos, none_from: &mut UnixNanos) {
        if std::mem::replace(&mut self.is_away, false) {
            let since = self.behind.map_or(at, |behind| behind.since);
            self.is_behind(since, at.plus(settle_time), none_from);
        }
    }

    /// What it tells at `at` is of this moment: if it still tells what it missed, there may be more.
    pub(super) fn tells(
        &mut self,
        moment: UnixNanos,
        at: UnixNanos,
        settle_time: Nanos,
        none_from: &mut UnixNanos,
    ) {
        if let Some(behind) = self.behind.filter(|it| at <= it.until)
            && moment.plus(SECOND) < at
        {
            self.is_behind(behind.since, at.plus(settle_time), none_from);
        }
    }

    fn is_behind(&mut self, since: UnixNanos, until: UnixNanos, none_from: &mut UnixNanos) {
        self.behind = Some(Behind { since, until });
        *none_from = until.max(*none_from);
    }
}

impl Engine {
    /// What is taken in now is taken in then.
    pub(super) fn when(&self) -> When {
        When { at: self.now, known: self.known_at(self.now) }
    }

    /// Up to when all is known at `now` that was written.
    pub(super) fn known_at(&self, now: UnixNanos) -> UnixNanos {
        self.behind(now).map_or(now, |behind| now.min(behind.since))
    }

    /// When what is due at `due` may be decided, as far as is known now.
    pub(super) fn decided_at(&self, due: UnixNanos) -> UnixNanos {
        let behind = self.behind(self.now).filter(|behind| behind.since < due);
        behind.map_or(due, |behind| due.max(behind.until))
    }

    /// A Pod of a DaemonSet goes while it is not known whether that still wants one on its node.
    pub(super) fn may_want_less(&self, change: &Change) -> bool {
        let is_behind = |((lane, _), state): (&(Lane, Part), &LaneState)| {
            *lane == Lane::DaemonSets && state.behind.is_some_and(|it| self.now < it.until)
        };
        matches!(change, Change::Seen(Snapshot::Pod(pod)) if pod.meta.deletion.is_some())
            && self.lanes.iter().any(is_behind)
    }

    /// The lanes that are behind at `now`, as one: since when the first of them is, and when that may
    /// be otherwise.
    fn behind(&self, now: UnixNanos) -> Option<Behind> {
        if self.none_behind_from <= now {
            return None;
        }
        let lanes =
            self.lanes.iter().filter(|((lane, _), state)| lane.has_lives() && state.has_listed);
        let behind = lanes.filter_map(|(_, state)| state.behind).filter(|it| now < it.until);
        behind.reduce(|one, other| Behind {
            since: one.since.min(other.since),
            until: one.until.min(other.until),
        })
    }
}
