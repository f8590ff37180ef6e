//! How far this machine's clock is from that of the API server, by the `Date` of its answers
//! (DESIGN §7); pure.
//!
//! An answer whose head came at `head` to what was asked at `asked` was dated in between, to the
//! second: server − here lies in [Date − head, Date + 1 s − asked]. Such bounds of ten minutes are
//! intersected. Where that leaves no doubt that the clock is off by more than two seconds, what is
//! left of it in the middle is added to this machine's times, until it is within a second again.

use std::collections::VecDeque;

use crate::facts::time::{Nanos, SECOND, UnixNanos};

/// An answer that took longer bounds nothing well.
const PROMPT: Nanos = SECOND;

/// Bounds older than this are let go: a clock drifts.
const WINDOW: Nanos = Nanos::from_seconds(600);

/// Bounds are gathered for so long before they are one.
const TOGETHER: Nanos = Nanos::from_seconds(60);

/// Off by more than this, a clock is corrected.
const TOO_FAR: Nanos = Nanos(2 * SECOND.0);

/// Off by no more than this, it is no longer.
const NEAR: Nanos = SECOND;

/// Where the server's clock is, seen from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// It is ahead by no less.
    pub lo: Nanos,
    /// And by no more.
    pub hi: Nanos,
}

impl Bounds {
    fn and(self, other: Self) -> Option<Self> {
        let both = Self { lo: self.lo.max(other.lo), hi: self.hi.min(other.hi) };
        (both.lo <= both.hi).then_some(both)
    }

    fn middle(self) -> Nanos {
        Nanos(self.lo.0.midpoint(self.hi.0))
    }

    fn half_width(self) -> Nanos {
        Nanos((self.hi.0 - self.lo.0) / 2)
    }
}

/// What changed by an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Corrected {
    /// Nothing worth a word.
    No,
    /// From now on this machine's times are corrected, at first by so much.
    Begins(Nanos),
    /// They are right again as they are.
    Ends,
}

/// What is known of this machine's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// What is added to its times.
    pub added: Nanos,
    /// How far the server's clock is ahead of it, at least and at most; `None` before any answer.
    pub bounds: Option<Bounds>,
    /// How often answers contradicted each other.
    pub n_anew: u64,
}

/// How far this machine's clock is off.
#[derive(Clone, Debug, Default)]
pub struct Offset {
    /// Bounds by when the first of them came.
    bounds: VecDeque<(UnixNanos, Bounds)>,
    added: Nanos,
    /// How often bounds contradicted each other, and so began anew.
    n_anew: u64,
    /// What the wall clock showed when the process began.
    began: Option<UnixNanos>,
}

impl Offset {
    /// The time when the process has run for `elapsed` and the wall clock shows `wall`: it goes on from
    /// what that showed first, as the monotonic clock does, whatever the wall clock is set to. What
    /// that leaves wrong shows in the next answers.
    pub fn time(&mut self, wall: UnixNanos, elapsed: Nanos) -> UnixNanos {
        let began = *self.began.get_or_insert(wall.minus(elapsed));
        began.plus(elapsed)
    }

    /// The head of an answer, dated `date` by the server, came at `head` to what was asked at
    /// `asked`, both by this machine's clock as it is.
    pub fn answered(&mut self, asked: UnixNanos, head: UnixNanos, date: UnixNanos) -> Corrected {
        if head.since(asked) > PROMPT || head < asked {
            return Corrected::No;
        }
        let new = Bounds { lo: date.since(head), hi: date.plus(SECOND).since(asked) };
        while self.bounds.front().is_some_and(|(at, _)| head.since(*at) > WINDOW) {
            self.bounds.pop_front();
        }
        match self.bounds().map(|known| known.and(new)) {
            Some(None) => {
                self.bounds.clear();
                self.n_anew += 1;
                self.bounds.push_back((head, new));
            }
            Some(Some(_)) | None => self.add(head, new),
        }
        let Some(bounds) = self.bounds() else { return Corrected::No };
        let was_off = self.added != Nanos(0);
        let is_near = bounds.lo >= Nanos(-NEAR.0) && bounds.hi <= NEAR;
        let is_too_far = bounds.lo > TOO_FAR || bounds.hi < Nanos(-TOO_FAR.0);
        let is_off = is_too_far || (was_off && !is_near);
        self.added = if is_off { bounds.middle() } else { Nanos(0) };
        match (was_off, is_off) {
            (false, true) => Corrected::Begins(self.added),
            (true, false) => Corrected::Ends,
            (false, false) | (true, true) => Corrected::No,
        }
    }

    fn add(&mut self, at: UnixNanos, new: Bounds) {
        if let Some((since, known)) = self.bounds.back_mut()
            && at.since(*since) <= TOGETHER
            && let Some(both) = known.and(new)
        {
            *known = both;
            return;
        }
        self.bounds.push_back((at, new));
    }

    /// Where the server's clock is, by all that is known; `None` before any answer.
    #[must_use]
    pub fn bounds(&self) -> Option<Bounds> {
        let mut all = self.bounds.iter().map(|(_, bounds)| *bounds);
        let first = all.next()?;
        all.try_fold(first, Bounds::and)
    }

    /// What is added to this machine's times.
    #[must_use]
    pub const fn added(&self) -> Nanos {
        self.added
    }

    /// By how much a time to which that was added may still be off.
    #[must_use]
    pub fn unsure(&self) -> Nanos {
        let bounds = self.bounds().filter(|_| self.added != Nanos(0));
        bounds.map_or(Nanos(0), Bounds::half_width)
    }

    /// What is known.
    #[must_use]
    pub fn known(&self) -> Known {
        Known { added: self.added, bounds: self.bounds(), n_anew: self.n_anew }
    }
}

/// The time of a `Date` header (RFC 9110 §5.6.7), which tells whole seconds.
#[must_use]
pub fn date(text: &str) -> Option<UnixNanos> {
    let at = jiff::fmt::rfc2822::parse(text).ok()?;
    Some(UnixNanos::from_seconds(at.timestamp().as_second()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: UnixNanos = UnixNanos::from_seconds(1_795_000_000);

    /// A server whose clock is `ahead`, asked at `at`, whose answer takes `ms` in all, and is dated
    /// somewhere on the way.
    fn ask(offset: &mut Offset, at: UnixNanos, ahead: Nanos, ms: i64, way: i64) -> Corrected {
        let head = at.plus(Nanos(ms * 1_000_000));
        let dated = at.plus(Nanos(ms * 10_000 * way)).plus(ahead);
        offset.answered(at, head, UnixNanos::from_seconds(dated.seconds()))
    }

    fn seconds(n: i64) -> Nanos {
        Nanos::from_seconds(n)
    }

    #[test]
    fn a_date_is_read_to_the_second() {
        let read = date("Sun, 29 Nov 2026 15:30:21 GMT").unwrap();
        assert_eq!(read, UnixNanos::from_seconds(1_795_966_221));
        assert_eq!(date("yesterday"), None);
    }

    proptest::proptest! {
        /// However fast the answers and whenever they were dated, the truth lies within the bounds;
        /// and a clock is corrected by no more than half their width too much or too little.
        #[test]
        fn the_truth_lies_within_the_bounds(
            ahead_ms in -300_000_i64..300_000,
            asked in proptest::collection::vec((1_i64..60_000, 0_i64..1_000, 0_i64..100), 1..40),
        ) {
            let ahead = Nanos(ahead_ms * 1_000_000);
            let (mut offset, mut at) = (Offset::default(), START);
            for (pause, took, way) in asked {
                at = at.plus(Nanos(pause * 1_000_000));
                ask(&mut offset, at, ahead, took, way);
                let bounds = offset.bounds().unwrap();
                assert!(bounds.lo <= ahead && ahead <= bounds.hi, "{bounds:?}");
                let left = Nanos((ahead.0 - offset.added().0).abs());
                match offset.added() {
                    Nanos(0) => assert!(left <= Nanos(4 * SECOND.0), "{left:?} is let be"),
                    _ => assert!(left <= offset.unsure(), "{left:?}, {:?}", offset.unsure()),
                }
            }
            assert_eq!(offset.known().n_anew, 0);
        }

        /// A clock that is off by less than two seconds is let be, whatever is answered.
        #[test]
        fn a_clock_that_is_about_right_is_let_be(
            ahead_ms in -2_000_i64..2_000,
            asked in proptest::collection::vec((1_i64..60_000, 0_i64..1_000, 0_i64..100), 1..40),
        ) {
            let (mut offset, mut at) = (Offset::default(), START);
            for (pause, took, way) in asked {
                at = at.plus(Nanos(pause * 1_000_000));
                let corrected = ask(&mut offset, at, Nanos(ahead_ms * 1_000_000), took, way);
                assert_eq!(corrected, Corrected::No);
            }
        }
    }

    #[test]
    fn many_answers_narrow_the_bounds() {
        let mut offset = Offset::default();
        for n in 0..50 {
            ask(&mut offset, START.plus(Nanos(n * 1_037_000_000)), seconds(60), 4, 50);
        }
        let off = Nanos((offset.added().0 - seconds(60).0).abs());
        assert!(off < Nanos(50_000_000), "{off:?}");
        assert!(offset.unsure() < Nanos(50_000_000), "{:?}", offset.unsure());
    }

    #[test]
    fn servers_that_contradict_each_other_begin_anew_and_are_counted() {
        let mut offset = Offset::default();
        let begins = ask(&mut offset, START, seconds(60), 5, 50);
        assert_eq!(begins, Corrected::Begins(offset.added()));
        let later = START.plus(Nanos(1_500_000_000));
        assert_eq!(ask(&mut offset, later, Nanos(1_500_000_000), 5, 50), Corrected::No);
        assert_eq!(offset.known().n_anew, 1);
        assert_ne!(offset.added(), Nanos(0), "between two seconds and one it is still corrected");
        let right = START.plus(Nanos(3_500_000_000));
        assert_eq!(ask(&mut offset, right, Nanos(0), 5, 50), Corrected::Ends);
        assert_eq!(offset.added(), Nanos(0), "within a second nothing is added any more");
    }

    #[test]
    fn an_answer_that_took_long_bounds_nothing() {
        let mut offset = Offset::default();
        assert_eq!(ask(&mut offset, START, seconds(60), 1_001, 50), Corrected::No);
        assert_eq!(offset.bounds(), None);
    }

    #[test]
    fn what_is_older_than_ten_minutes_is_let_go() {
        let mut offset = Offset::default();
        ask(&mut offset, START, seconds(60), 5, 50);
        ask(&mut offset, START.plus(seconds(700)), seconds(64), 5, 50);
        assert_eq!(offset.known().n_anew, 0, "it drifted");
    }

    #[test]
    fn time_goes_as_the_monotonic_clock_does_and_what_that_leaves_wrong_is_found_out() {
        let mut offset = Offset::default();
        assert_eq!(offset.time(START, seconds(0)), START);
        // The machine slept for five minutes, in which its monotonic clock stood still.
        let woken = offset.time(START.plus(seconds(312)), seconds(12));
        assert_eq!(woken, START.plus(seconds(12)));
        let begins = ask(&mut offset, woken, seconds(300), 5, 50);
        assert!(
            matches!(begins, Corrected::Begins(by) if (by.0 - seconds(300).0).abs() <= SECOND.0)
        );
    }
}
