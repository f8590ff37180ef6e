//! What a tree waits for: one place that says when there is something to do, and what it is.

use super::{After, Tree};
use crate::facts::instant::{Arrival, Evidence};
use crate::facts::span::Outcome;
use crate::facts::time::{SECOND, UnixNanos};
use crate::lifecycle::rules::Rules;
use crate::lifecycle::transition::{Settles, Transition};
use crate::lifecycle::turn::{Seen, Turn};

/// The moments at which something is to be done.
#[derive(Clone, Copy, Debug, Default)]
struct Timers {
    /// The hold is over.
    hold: Option<UnixNanos>,
    /// What had to last has lasted.
    lasted: Option<UnixNanos>,
    /// What is open has timed out.
    limit: Option<UnixNanos>,
    /// A Pod has been unready for so long that it is lost.
    unready: Option<UnixNanos>,
    /// A controller that says nothing has agreed.
    agrees: Option<UnixNanos>,
    /// An object that says nothing will say nothing.
    silent: Option<UnixNanos>,
    /// A resize that waits for room has waited for long enough.
    deferred: Option<UnixNanos>,
}

impl Timers {
    /// Those up to which something must last, or may.
    fn limits(self) -> impl Iterator<Item = UnixNanos> {
        let Self { hold, lasted, limit, unready, deferred, .. } = self;
        [hold, lasted, limit, unready, deferred].into_iter().flatten()
    }

    fn first(self) -> Option<UnixNanos> {
        let Self { hold, lasted, limit, unready, agrees, silent, deferred } = self;
        let all = [hold, lasted, limit, unready, agrees, silent, deferred];
        all.into_iter().flatten().min()
    }
}

impl Tree {
    /// When [`Tree::expire`] has something to do.
    #[must_use]
    pub fn next_deadline(&self, rules: &Rules) -> Option<UnixNanos> {
        self.timers(rules).first().map(|first| first.plus(rules.slack()))
    }

    /// Time has come to `now`, and all that was written until `slack` before that has been told.
    pub fn expire(&mut self, now: UnixNanos, turn: &mut Turn<'_>) -> After {
        self.pass(now.minus(turn.rules.slack()), turn);
        self.after()
    }

    /// What was waited for until `now` comes, one after the other.
    fn pass(&mut self, now: UnixNanos, turn: &mut Turn<'_>) {
        loop {
            let timers = self.timers(turn.rules);
            let Some(first) = timers.first().filter(|first| *first <= now) else { return };
            if timers.hold == Some(first) {
                self.emit(turn);
            } else if timers.lasted == Some(first) {
                self.has_lasted(turn);
            } else if timers.limit == Some(first) {
                // A verdict that still stands counts, whatever it left open below.
                let end = Evidence::event(first.plus(turn.ahead), turn.seen.heard.order);
                if self.would_count() {
                    self.has_lasted(turn);
                } else if let Some(open) = self.open_ref().filter(|open| open.is_waiting()) {
                    let is_run = open.settles == Settles::WithRun;
                    let outcome = if is_run { Outcome::Suspended } else { Outcome::Paused };
                    self.close(outcome, end, None, turn);
                } else {
                    self.close(Outcome::TimedOut, end, None, turn);
                }
            } else if timers.agrees == Some(first) {
                self.agrees();
            } else if timers.silent == Some(first) {
                self.telling().into_iter().for_each(Transition::end_without_verdict);
            } else if timers.deferred == Some(first) {
                self.end_deferred(first, turn);
            } else {
                self.recover_unready(turn);
            }
        }
    }

    /// What was waited for before a change comes before it. Of a change that came late only the second
    /// is known: what was to last until then, or since, may have lasted or not, and says so. So does what
    /// is touched by what came to be while nobody watched. Returns whether that is so.
    pub(super) fn pass_before(&mut self, turn: &mut Turn<'_>) -> bool {
        let Seen { of_gap, heard, .. } = turn.seen;
        if let Some(at) = of_gap {
            self.gap_until = at.plus(turn.rules.stable_time);
        }
        let arrived = heard.arrival.filter(|it| self.is_near_a_limit(*it, turn));
        // What follows in that second may belong to what was to last until then.
        let near = arrived.map(|arrival| arrival.moment.plus(SECOND));
        self.gap_until = near.map_or(self.gap_until, |near| near.max(self.gap_until));
        let may_differ = near.is_some() || of_gap.is_some();
        self.has_gap(may_differ);
        if let Some(arrival) = heard.arrival {
            self.pass(arrival.moment, turn);
        }
        may_differ
    }

    /// Whether what arrived so may have come before a limit as well as after it.
    fn is_near_a_limit(&mut self, arrival: Arrival, turn: &Turn<'_>) -> bool {
        let moment = arrival.moment;
        if moment.plus(turn.ahead) < arrival.at {
            self.coarse_until = moment.plus(turn.rules.stable_time).plus(SECOND);
        }
        moment <= self.coarse_until
            && self.timers(turn.rules).limits().any(|limit| is_within_a_second(moment, limit))
    }

    /// What is waited for: one place that says when there is something to do and what it is.
    fn timers(&self, rules: &Rules) -> Timers {
        let mut timers = Timers::default();
        match self.pending.as_deref() {
            Some(Transition { closed: Some(closed), .. }) => timers.hold = closed.hold_until,
            Some(open) => {
                timers.limit = Some(limit_of(open, rules)).filter(|_| !open.is_healing);
                let trial = open.trial.as_ref().filter(|trial| self.has_all_settled(open, trial));
                timers.lasted = trial.map(|trial| trial.since.plus(rules.stable_time));
                timers.agrees = self.agrees_at(open);
                timers.silent = self.silent_at(open);
                let deferred = if open.has_deferred { self.pods.first_deferred() } else { None };
                timers.deferred = deferred.map(|since| since.plus(rules.stable_time));
            }
            None => {}
        }
        let longest = self.pods.longest_unready().filter(|_| self.may_recover());
        timers.unready = longest.map(|(since, ..)| since.plus(rules.stable_time));
        timers
    }
}

/// When what is open has timed out; where it waits: when it has waited for too long.
fn limit_of(open: &Transition, rules: &Rules) -> UnixNanos {
    match open.waits.last() {
        Some((from, None)) => {
            from.moment().plus(open.limit.unwrap_or(rules.max_transition_duration))
        }
        Some((_, Some(_))) | None => open.limited_from().plus(open.limit(rules)),
    }
}

/// Whether what happened at `moment` may have come before the limit as well as after it, where of
/// either only the second is known.
fn is_within_a_second(moment: UnixNanos, limit: UnixNanos) -> bool {
    (moment.minus(SECOND)..=moment.plus(SECOND)).contains(&limit)
}
