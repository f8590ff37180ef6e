//! Lanes that are away, or have come back and tell what they missed: until that is in, nothing is
//! said to have lasted (DESIGN §7).

use super::Engine;
use super::past::When;
use crate::facts::change::{Change, Snapshot};
use crate::facts::kind::Lane;
use crate::facts::time::{Nanos, UnixNanos};

/// For so long a lane that is away is waited for; then the others are enough.
const LONGEST_AWAY: Nanos = Nanos::from_seconds(15 * 60);

/// Up to when a lane has told all.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Reach {
    /// It broke off, and has neither listed nor watched since.
    pub(super) is_away: bool,
    /// What it has told is not all that was written by now.
    behind: Option<Behind>,
}

#[derive(Clone, Copy, Debug)]
struct Behind {
    /// Up to here it is.
    since: UnixNanos,
    /// By then it is so again, as far as that is waited for.
    until: UnixNanos,
    /// It has told by a list what it missed: what its watch tells after that is new.
    has_listed: bool,
    /// Nothing of its kind was there, as of one that is removed: nobody waits for it.
    was_empty: bool,
}

impl Reach {
    /// Since when it has told less than was written, if it still does at `at`.
    fn behind(self, at: UnixNanos) -> Option<Behind> {
        self.behind.filter(|behind| at < behind.until)
    }

    /// Whether its watch may tell at `at` of what it missed.
    pub(super) fn catches_up(self, at: UnixNanos) -> bool {
        self.behind.is_some_and(|behind| !behind.has_listed && at <= behind.until)
    }

    /// Its list or watch breaks off.
    pub(super) fn breaks_off(&mut self, at: UnixNanos, was_empty: bool, none_from: &mut UnixNanos) {
        if !std::mem::replace(&mut self.is_away, true) {
            let since = self.behind(at).map_or(at, |behind| behind.since);
            self.is_behind(
                Behind { since, until: since.plus(LONGEST_AWAY), has_listed: false, was_empty },
                none_from,
            );
        }
    }

    /// Since when it has told less than was written, if it still does at `now`.
    pub(super) fn since(self, now: UnixNanos) -> Option<UnixNanos> {
        self.behind(now).map(|behind| behind.since)
    }

    /// Since when it has told less than was written, where a list tells that at `at`.
    pub(super) fn unheard_since(self, at: UnixNanos) -> UnixNanos {
        let behind = if self.is_away { self.behind } else { self.behind(at) };
        behind.map_or(at, |behind| behind.since)
    }

    /// Another process heard it until `since`, and it is asked again from `at` on.
    pub(super) fn resumes(
        &mut self,
        since: UnixNanos,
        at: UnixNanos,
        was_empty: bool,
        none_from: &mut UnixNanos,
    ) {
        self.is_away = true;
        let until = at.plus(LONGEST_AWAY);
        self.is_behind(Behind { since, until, has_listed: false, was_empty }, none_from);
    }

    /// It watches again, or `has_listed`: what was written while it was away is in by `until`.
    pub(super) fn goes_on(
        &mut self,
        until: UnixNanos,
        has_listed: bool,
        none_from: &mut UnixNanos,
    ) {
        if std::mem::replace(&mut self.is_away, false)
            && let Some(behind) = self.behind
        {
            self.is_behind(Behind { until, has_listed, ..behind }, none_from);
        }
    }

    /// It tells at `at` what it missed: there may be more, by `until`.
    pub(super) fn tells_of_before(
        &mut self,
        at: UnixNanos,
        until: UnixNanos,
        none_from: &mut UnixNanos,
    ) {
        if let Some(behind) = self.behind.filter(|it| at <= it.until) {
            self.is_behind(Behind { until, ..behind }, none_from);
        }
    }

    /// Nobody heard from `since` on what it told: that is in by `until`.
    fn stood_still(&mut self, since: UnixNanos, until: UnixNanos, none_from: &mut UnixNanos) {
        let new = Behind { since, until, has_listed: false, was_empty: false };
        let known = self.behind(since).unwrap_or(new);
        self.is_behind(Behind { until: until.max(known.until), ..known }, none_from);
    }

    fn is_behind(&mut self, behind: Behind, none_from: &mut UnixNanos) {
        self.behind = Some(behind);
        *none_from = behind.until.max(*none_from);
    }
}

impl Engine {
    /// This process stood still from `since` on and goes on at `at`, as one that is stopped or whose
    /// machine is frozen: what lanes tell then may be of any moment between.
    pub fn stood_still(&mut self, since: UnixNanos, at: UnixNanos) {
        let (since, until) = (self.own(since), self.own(at).plus(self.rules.settle_time));
        for state in self.lanes.values_mut() {
            state.reach.stood_still(since, until, &mut self.none_behind_from);
        }
    }

    /// What is taken in now is taken in then.
    pub(super) fn when(&self) -> When {
        When { at: self.now, known: self.known_at(self.now) }
    }

    /// Up to when all is known at `now` that was written.
    pub(super) fn known_at(&self, now: UnixNanos) -> UnixNanos {
        self.behind(now).map_or(now, |(since, _)| now.min(since))
    }

    /// Since when a lane that has listed again had not been heard before that, by the API server's clock.
    pub(super) fn away_since(&self, lane: Lane) -> UnixNanos {
        let parts = self.lanes.iter().filter(|((of, _), _)| *of == lane);
        let since = parts.filter_map(|(_, state)| Some(state.reach.behind?.since)).max();
        self.unheard_from(since.unwrap_or(self.now))
    }

    /// When what is due at `due` may be decided, as far as is known now.
    pub(super) fn decided_at(&self, due: UnixNanos) -> UnixNanos {
        let behind = self.behind(self.now).filter(|(since, _)| *since < due);
        behind.map_or(due, |(_, until)| due.max(until))
    }

    /// A lane of objects with a life is away, and is waited for.
    pub(super) fn is_any_waited_for(&self) -> bool {
        let mut lanes = self.lanes.iter().filter(|((lane, _), _)| lane.has_lives());
        let is_waited_for = |reach: Reach| reach.behind(self.now).is_some_and(|it| !it.was_empty);
        lanes.any(|(_, state)| state.reach.is_away && is_waited_for(state.reach))
    }

    /// A Pod of a DaemonSet goes while it is not known whether that still wants one on its node.
    pub(super) fn may_want_less(&self, change: &Change) -> bool {
        let mut lanes = self.lanes.iter().filter(|((lane, _), _)| *lane == Lane::DaemonSets);
        matches!(change, Change::Seen(Snapshot::Pod(pod)) if pod.meta.deletion.is_some())
            && lanes.any(|(_, state)| state.reach.behind(self.now).is_some())
    }

    /// The lanes that are behind at `now`, as one: since when the first of them is, and when that may
    /// be otherwise.
    fn behind(&self, now: UnixNanos) -> Option<(UnixNanos, UnixNanos)> {
        if self.none_behind_from <= now {
            return None;
        }
        let lanes =
            self.lanes.iter().filter(|((lane, _), state)| lane.has_lives() && state.has_listed);
        let behind =
            lanes.filter_map(|(_, state)| state.reach.behind(now)).filter(|it| !it.was_empty);
        let behind = behind.map(|it| (it.since, it.until));
        behind.reduce(|one, other| (one.0.min(other.0), one.1.min(other.1)))
    }
}
