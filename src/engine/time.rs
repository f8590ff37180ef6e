//! Time, as it passes for an engine.
//!
//! An engine's own time goes as this machine's monotonic clock does, and timers run on it. It begins with the time
//! of the API server, as far as that is known then: object times are that, and what goes on may have begun
//! long before. Whoever goes on with what was stored goes on with that time, whatever this machine's clock
//! says: how far the API server's clock is ahead of either tells how far they are apart (DESIGN §7). So
//! each moment that comes in is made its own, and the deadline that goes out is made this machine's again.

use super::lists::Entry;
use super::{Engine, Settings};
use crate::facts::instant::Clock;
use crate::facts::span::FinishedSpan;
use crate::facts::time::{Nanos, UnixNanos};
use crate::lifecycle::tree::Tree;
use crate::lifecycle::turn::Seen;

impl Engine {
    /// Its own time when this machine's clock shows `here`.
    pub(super) fn own(&self, here: UnixNanos) -> UnixNanos {
        here.plus(self.shift)
    }

    /// How far this machine's clock is off, for what is heard from now on: times that are told are
    /// the API server's, order and timers go by the engine's own.
    pub fn set_clock(&mut self, clock: Clock) {
        let ahead = Nanos(clock.ahead.0 - self.shift.0);
        self.inlet.clock = Clock { ahead, ..clock };
    }

    /// An engine that begins with the time of the API server, whose clock is `here` ahead of this machine's.
    #[must_use]
    pub fn by_server(settings: Settings, here: Nanos) -> Self {
        let mut engine = Self::new(settings);
        engine.goes_on_by(Nanos(0), here);
        engine
    }

    /// Goes on with a time that the API server's clock was `ahead` of, as it is `here` of this machine's.
    pub(super) fn goes_on_by(&mut self, ahead: Nanos, here: Nanos) {
        self.inlet.clock.ahead = ahead;
        self.shift = Nanos(here.0 - ahead.0);
    }

    /// Releases what is due at `now`, and returns what ended by it, children before parents.
    pub fn advance(&mut self, now: UnixNanos) -> Vec<FinishedSpan> {
        self.pass(self.own(now))
    }

    /// The same by its own time.
    pub(super) fn pass(&mut self, now: UnixNanos) -> Vec<FinishedSpan> {
        let mut out = std::mem::take(&mut self.left_again);
        while let Some(next) = self.next_due().filter(|next| *next <= now) {
            self.now = self.now.max(next);
            for released in std::mem::take(&mut self.before) {
                self.release(released, &mut out);
            }
            if std::mem::take(&mut self.is_new_history) {
                self.store.each(Tree::forget_versions);
                self.store.all().into_iter().for_each(|top| self.is_other(top));
                self.pasts.reset();
                self.reached = None;
            }
            self.enter_lists(next, &mut out);
            if self.lists_enter() != Some(Entry::Held) {
                self.inlet.release(next);
            }
            while let Some(released) = self.inlet.take_ready() {
                self.take_out(&released);
                self.release(released, &mut out);
            }
            let orphans = self.orphans.due(next);
            self.enter_all(orphans, &mut out);
            self.judge(&mut out);
            while let Some((_, top)) = self.deadlines.take_due(self.known_at(next)) {
                self.expire(top, next, &mut out);
            }
        }
        self.now = self.now.max(now);
        let is_still = |top| self.store.read(top, Tree::is_still).unwrap_or(true);
        self.pasts.sweep(self.now, self.kept_for(), is_still);
        self.hand_on(out)
    }

    /// When [`Engine::advance`] has something to do next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<UnixNanos> {
        self.next_due().map(|due| due.minus(self.shift))
    }

    fn next_due(&self) -> Option<UnixNanos> {
        let tree = self.deadlines.next().map(|due| self.decided_at(due));
        let is_any_due = !self.before.is_empty() || !self.left_again.is_empty();
        let before = is_any_due.then_some(self.now);
        let (lists, inlet) = match self.lists_enter() {
            Some(Entry::At(due)) => (Some(due), self.inlet.next_due()),
            Some(Entry::Held) => (None, None),
            None => (None, self.inlet.next_due()),
        };
        [before, inlet, self.orphans.next_due(), tree, lists].into_iter().flatten().min()
    }

    /// The input has ended: time runs on until every hold is released. What is still open stays
    /// open, see [`Engine::in_progress`].
    pub fn finish(&mut self) -> Vec<FinishedSpan> {
        let mut out = self.pass(self.now.plus(self.rules.settle_time));
        while let Some(due) = self.orphans.next_due() {
            out.extend(self.pass(due));
        }
        let mut rest = Vec::new();
        self.not_again(&mut rest, |engine, rest| {
            for top in engine.store.busy() {
                engine.change(top, Seen::NOTHING, rest, Tree::release_hold);
            }
        });
        out.extend(self.hand_on(rest));
        out
    }

    /// The process ends at `now`, and nothing goes on with what is held: what waits in the inlet is
    /// taken in, and what has closed leaves, its hold cut short. What is open or on trial stays
    /// open, see [`super::Trees::n_open`].
    pub fn cut_holds(&mut self, now: UnixNanos) -> Vec<FinishedSpan> {
        let mut out = self.pass(self.own(now).plus(self.rules.settle_time));
        let mut cut = Vec::new();
        self.not_again(&mut cut, |engine, cut| {
            for (top, _) in engine.store.settling() {
                engine.change(top, Seen::NOTHING, cut, Tree::cut_hold);
            }
        });
        out.extend(self.hand_on(cut));
        out
    }
}
