//! When something happened: an interval, the best estimate in it, and where that comes from.
//!
//! Kubernetes rounds object times down to a second; events and arrivals are exact but later than
//! what they tell of (DESIGN §7). [`Evidence`] collects what is known of one moment, and
//! [`Instant`] is what follows from it. Nothing here ever invents a length.

use serde::{Deserialize, Serialize};

use crate::facts::time::{Nanos, SECOND, UnixNanos};

/// Where the best estimate of an instant comes from: `lifespan.{start,end}.source`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Source {
    /// The exact time of a Kubernetes Event.
    Event,
    /// The arrival of a watched change.
    Watch,
    /// A time on the object, whole seconds.
    Object,
}

impl Source {
    /// The value of the attribute.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Watch => "watch",
            Self::Object => "object",
        }
    }
}

/// An interval that holds the true time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instant {
    /// Not before.
    pub lo: UnixNanos,
    /// Not after; never less than `lo`.
    pub hi: UnixNanos,
    /// The estimate; within the bounds.
    pub best: UnixNanos,
    /// Where it comes from.
    pub source: Source,
}

impl Instant {
    /// Lowers the upper bound to just below that of an instant which this one is a cause of. The
    /// best estimate follows where it was the bound.
    ///
    /// A cause comes before its effect, not with it: one nanosecond keeps the two apart.
    #[must_use]
    pub fn before(mut self, later: &Self) -> Self {
        let bound = later.hi.minus(Nanos(1));
        if bound < self.hi {
            self.hi = bound.max(self.lo);
            if self.best > self.hi {
                self.best = self.hi;
                self.source =
                    if self.source == Source::Object { self.source } else { later.source };
            }
        }
        self
    }

    /// Raises the lower bound and the estimate to those of a step that came before. It stays as
    /// unsure as it was above that: only where it could not be later is it the moment of that step.
    #[must_use]
    pub fn not_before(mut self, earlier: &Self) -> Self {
        self.lo = self.lo.max(earlier.lo.min(self.hi));
        if self.best < earlier.best {
            self.best = earlier.best;
            if self.hi <= self.best {
                (self.hi, self.source) = (self.best, earlier.source);
            }
        }
        self
    }

    /// Width of the interval, where it says how far off the estimate may be: an event's time is
    /// a point of its emitter's clock.
    #[must_use]
    pub fn uncertainty(&self) -> Nanos {
        match self.source {
            Source::Event => Nanos(0),
            Source::Watch | Source::Object => self.hi.since(self.lo),
        }
    }

    /// `self` moved by `by`, as one block with the other times of a machine whose clock is off.
    #[must_use]
    pub fn shifted(self, by: Nanos) -> Self {
        Self {
            lo: self.lo.plus(by),
            hi: self.hi.plus(by),
            best: self.best.plus(by),
            source: self.source,
        }
    }
}

/// What is known of one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// It was not before this.
    pub lo: UnixNanos,
    /// `lo` is an object time: the moment lies within the second that begins there.
    pub is_object_time: bool,
    /// It was true when a list was told: a bound, but no news of when it came to be.
    pub listed: Option<UnixNanos>,
    /// An Event written after it, by its emitter's clock.
    pub event: Option<UnixNanos>,
    /// How the change or the Event was heard of that told it first.
    pub heard: Heard,
}

/// How something was heard of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heard {
    /// Its place in the order in which everything is decided; what the first lists tell comes first.
    pub order: u64,
    /// Its arrival; `None` where a list told it, an Event, or nothing but time.
    pub arrival: Option<Arrival>,
}

impl Heard {
    /// Known before anything was watched.
    pub const FIRST: Self = Self { order: 0, arrival: None };

    /// At this place in the order, without an arrival.
    #[must_use]
    pub const fn at(order: u64) -> Self {
        Self { order, arrival: None }
    }
}

/// When a watched change came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// When that was, by the API server's clock as far as that is known.
    pub at: UnixNanos,
    /// The moment that it is taken to be of, for what must last and for limits: its arrival, unless
    /// that came late (DESIGN §7).
    pub moment: UnixNanos,
    /// This machine's clock may be off by so much, after it was corrected.
    pub unsure: Nanos,
}

/// A time by this machine's clock, and how far that is off (DESIGN §7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    /// As it goes by itself: order and timers use this.
    pub at: UnixNanos,
    /// So much the API server's clock is ahead of it, where it is corrected.
    pub ahead: Nanos,
    /// And may be more or less by so much.
    pub unsure: Nanos,
}

impl Clock {
    /// Of a clock that is right.
    #[must_use]
    pub const fn right(at: UnixNanos) -> Self {
        Self { at, ahead: Nanos(0), unsure: Nanos(0) }
    }

    /// The time by the API server's clock.
    #[must_use]
    pub fn corrected(self) -> UnixNanos {
        self.at.plus(self.ahead)
    }
}

impl Arrival {
    /// It was written no later than this.
    fn latest(&self) -> UnixNanos {
        self.at.plus(self.unsure)
    }
}

impl Evidence {
    /// A time on an object, first shown by a change that was heard of so.
    #[must_use]
    pub const fn object(time: UnixNanos, heard: Heard) -> Self {
        Self { lo: time, is_object_time: true, listed: None, event: None, heard }
    }

    /// Nothing but a lower bound and an arrival.
    #[must_use]
    pub const fn arrival(lo: UnixNanos, heard: Heard) -> Self {
        Self { lo, is_object_time: false, listed: None, event: None, heard }
    }

    /// Some time between the two: a list shows what became of it, and nothing shows when.
    #[must_use]
    pub const fn between(lo: UnixNanos, listed: UnixNanos) -> Self {
        Self { lo, is_object_time: false, listed: Some(listed), event: None, heard: Heard::FIRST }
    }

    /// The exact time of an Event, or of what nothing tells, at this place in the order.
    #[must_use]
    pub const fn event(time: UnixNanos, order: u64) -> Self {
        let heard = Heard::at(order);
        Self { lo: time, is_object_time: false, listed: None, event: Some(time), heard }
    }

    /// An object time if there is one, else what the arrival says.
    #[must_use]
    pub fn object_or(time: Option<UnixNanos>, lo: UnixNanos, heard: Heard) -> Self {
        time.map_or_else(|| Self::arrival(lo, heard), |time| Self::object(time, heard))
    }

    /// The time that what tells it says, if it says one.
    #[must_use]
    pub fn or_said(self, time: Option<UnixNanos>) -> Self {
        time.map_or(self, |time| Self::object(time, self.heard))
    }

    /// Adds an Event that was written after it.
    pub fn add_event(&mut self, time: UnixNanos) {
        self.event = Some(self.event.map_or(time, |known| known.min(time)));
    }

    /// The moment for what must last and for limits: that of the change which told it; what a list
    /// tells is of its object time.
    #[must_use]
    pub fn moment(&self) -> UnixNanos {
        self.heard.arrival.map_or(self.lo, |arrival| arrival.moment)
    }

    /// When the API server wrote it, by its own clock where it says so.
    #[must_use]
    pub fn written(&self) -> UnixNanos {
        if self.is_object_time { self.lo } else { self.moment() }
    }

    /// Its place in the order in which everything is decided.
    #[must_use]
    pub const fn order(&self) -> u64 {
        self.heard.order
    }

    /// By how much the emitter's clock is ahead of ours, if an object time or an Event lies after
    /// the arrival of what tells of it: a length above zero.
    #[must_use]
    pub fn ahead(&self) -> Option<Nanos> {
        let ahead = self.lo.since(self.heard.arrival?.latest());
        (ahead.0 > 0).then_some(ahead)
    }

    /// The instant, with the emitter's times (object, event) moved by `shift`.
    ///
    /// Contradictions that are left, where no shift was asked for, are settled for the arrival.
    #[must_use]
    pub fn instant(&self, shift: Nanos) -> Instant {
        let lo = self.lo.plus(shift);
        // A clock that is behind may be more so than is known: what arrived bounds it, not its second.
        let is_exact = shift <= Nanos(0) || self.heard.arrival.is_none();
        let mut hi = if self.is_object_time && is_exact {
            lo.plus(Nanos(SECOND.0 - 1))
        } else {
            self.listed.map_or(UnixNanos(i64::MAX), |listed| listed.max(lo))
        };
        let mut source = Source::Object;
        for (bound, from) in [
            (self.event.map(|at| at.plus(shift)), Source::Event),
            (self.heard.arrival.map(|it| it.latest()), Source::Watch),
        ] {
            if let Some(bound) = bound
                && bound < hi
            {
                (hi, source) = (bound, from);
            }
        }
        if hi.0 == i64::MAX {
            hi = lo;
        }
        let lo = lo.min(hi);
        let best = match (source, self.heard.arrival, self.event) {
            (Source::Watch, Some(arrival), _) => arrival.at.max(lo),
            (_, None, None) => lo,
            _ => hi,
        };
        Instant { lo, hi, best, source }
    }
}

#[cfg(test)]
mod tests {
    use crate::facts::instant::*;

    const T: UnixNanos = UnixNanos::from_seconds(100);

    fn at(ms: i64) -> UnixNanos {
        T.plus(Nanos(ms * 1_000_000))
    }

    fn came(at: UnixNanos) -> Heard {
        Heard { order: 1, arrival: Some(Arrival { at, moment: at, unsure: Nanos(0) }) }
    }

    #[test]
    fn an_object_time_alone_is_taken_as_it_stands() {
        let instant = Evidence::object(T, Heard::FIRST).instant(Nanos(0));
        assert_eq!((instant.best, instant.source), (T, Source::Object));
        assert_eq!(instant.uncertainty(), Nanos(SECOND.0 - 1));
    }

    #[test]
    fn live_data_gives_the_least_upper_bound() {
        let instant = Evidence::object(T, came(at(120))).instant(Nanos(0));
        assert_eq!((instant.lo, instant.best, instant.source), (T, at(120), Source::Watch));
        let mut evidence = Evidence::object(T, came(at(120)));
        evidence.add_event(at(90));
        evidence.add_event(at(95));
        let instant = evidence.instant(Nanos(0));
        assert_eq!((instant.best, instant.source), (at(90), Source::Event));
    }

    #[test]
    fn of_an_arrival_by_a_clock_that_was_corrected_only_so_much_is_known() {
        let unsure = Nanos(400_000_000);
        let heard = |ms| {
            let arrival = Arrival { at: at(ms), moment: at(ms), unsure };
            Heard { order: 1, arrival: Some(arrival) }
        };
        let instant = Evidence::object(T, heard(120)).instant(Nanos(0));
        assert_eq!((instant.lo, instant.best, instant.hi), (T, at(120), at(520)));
        assert_eq!(instant.uncertainty(), Nanos(520_000_000));
        // A time that may well come before its arrival is of no other clock.
        let mut evidence = Evidence::object(at(300), heard(0));
        assert_eq!((evidence.ahead(), evidence.instant(Nanos(0)).best), (None, at(300)));
        evidence.lo = at(500);
        assert_eq!(evidence.ahead(), Some(Nanos(100_000_000)));
        // An Event is exact, and within what is known of the arrival.
        let mut evidence = Evidence::object(T, heard(120));
        evidence.add_event(at(400));
        let instant = evidence.instant(Nanos(0));
        assert_eq!((instant.best, instant.source), (at(400), Source::Event));
    }

    #[test]
    fn a_late_arrival_does_not_move_a_moment_out_of_its_second() {
        let instant = Evidence::object(T, came(at(5_000))).instant(Nanos(0));
        assert_eq!((instant.best, instant.source), (T.plus(Nanos(SECOND.0 - 1)), Source::Object));
    }

    #[test]
    fn what_was_caused_bounds_its_cause() {
        let cause = Evidence::object(T, came(at(300))).instant(Nanos(0));
        let effect = Evidence::event(at(50), 0).instant(Nanos(0));
        let cause = cause.before(&effect);
        let just_before = at(50).minus(Nanos(1));
        assert_eq!((cause.lo, cause.best, cause.source), (T, just_before, Source::Event));
        let listed = Evidence::object(T, Heard::FIRST).instant(Nanos(0)).before(&effect);
        assert_eq!((listed.best, listed.hi), (T, just_before), "the estimate of a list stays T");
    }

    #[test]
    fn a_step_never_precedes_the_one_before_it() {
        let before = Evidence::object(T, came(at(700))).instant(Nanos(0));
        let step = Evidence::object(T, Heard::FIRST).instant(Nanos(0)).not_before(&before);
        assert_eq!(step.best, at(700));
    }

    #[test]
    fn a_step_that_may_be_later_than_the_one_before_it_says_how_much() {
        let before = Evidence::event(at(700), 0).instant(Nanos(0));
        let step = Evidence::object(T, Heard::FIRST).instant(Nanos(0)).not_before(&before);
        assert_eq!((step.best, step.source), (at(700), Source::Object));
        assert_eq!(step.uncertainty(), Nanos(299_999_999));
        let step = Evidence::object(T, came(at(300))).instant(Nanos(0)).not_before(&before);
        assert_eq!((step.best, step.source), (at(700), Source::Event), "by another clock");
    }

    #[test]
    fn a_time_after_its_own_arrival_is_another_clock() {
        let evidence = Evidence::object(at(3_000), came(at(500)));
        assert_eq!(evidence.ahead(), Some(Nanos(2_500_000_000)));
        let instant = evidence.instant(Nanos(-2_500_000_000));
        assert_eq!((instant.lo, instant.best), (at(500), at(500)));
        assert_eq!(evidence.instant(Nanos(0)).best, at(500), "never after the arrival");
    }

    proptest::proptest! {
        #[test]
        fn the_estimate_always_lies_within_its_bounds(
            lo in -4_000_i64..4_000, object: bool, event in proptest::option::of(-4_000_i64..4_000),
            arrival in proptest::option::of(-4_000_i64..4_000), shift in -4_000_i64..4_000,
            other in -4_000_i64..4_000,
        ) {
            let evidence = Evidence {
                lo: at(lo), is_object_time: object, listed: None, event: event.map(at), heard: arrival.map_or(Heard::FIRST, |ms| came(at(ms))),
            };
            let instant = evidence.instant(Nanos(shift * 1_000_000));
            let other = Evidence::event(at(other), 0).instant(Nanos(0));
            for instant in [instant, instant.before(&other), instant.not_before(&other)] {
                proptest::prop_assert!(instant.lo <= instant.best && instant.best <= instant.hi, "{instant:?}");
            }
        }
    }
}
