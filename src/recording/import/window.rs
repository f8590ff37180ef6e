//! Puts entries that come nearly in order of time into the order in which they were written.
//!
//! Requests that run side by side end in another order than their writes, and several API servers
//! keep a log each. resourceVersions count one history, so that what was written first is known, and
//! that it was written no later than what follows: its time is narrowed down to that.

use std::collections::{BTreeMap, BTreeSet};

use super::Place;
use crate::facts::instant::Clock;
use crate::facts::time::{Nanos, UnixNanos};

/// Entries that are further apart in time come in the order of time: no request takes longer.
const WINDOW: Nanos = Nanos::from_seconds(60);

/// An entry with its time.
#[derive(Debug)]
pub(in crate::recording) struct Timed<T> {
    /// It was written no later than this, and no earlier than so much before as that is unsure.
    pub(in crate::recording) at: Clock,
    /// Its resourceVersion; where it tells none, that which it must have had by its time.
    pub(in crate::recording) version: Option<u64>,
    /// What its version is one of.
    pub(in crate::recording) counts: Counts,
    /// Where it stands.
    pub(in crate::recording) place: Place,
    /// What it says.
    pub(in crate::recording) what: T,
}

/// What resourceVersions count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::recording) enum Counts {
    /// The writes of objects.
    Objects,
    /// Those of Events, which may have a history of their own.
    Events,
    /// Nothing: it is no write, or of nothing that is told.
    Nothing,
}

/// The waiting room of entries.
#[derive(Debug)]
pub(in crate::recording) struct Window<T> {
    /// Of objects, of Events, and of what has its place by its time alone.
    histories: [History<T>; 3],
    newest: UnixNanos,
    n_put: u64,
}

#[derive(Debug)]
struct History<T> {
    waiting: BTreeMap<(u64, u64), Timed<T>>,
    times: BTreeSet<(UnixNanos, u64)>,
    largest: u64,
}

impl<T> Default for History<T> {
    fn default() -> Self {
        Self { waiting: BTreeMap::new(), times: BTreeSet::new(), largest: 0 }
    }
}

impl<T> Default for Window<T> {
    fn default() -> Self {
        let newest = UnixNanos(i64::MIN);
        Self { histories: Default::default(), newest, n_put: 0 }
    }
}

impl<T> Window<T> {
    /// Takes an entry in.
    pub(in crate::recording) fn put(&mut self, entry: Timed<T>) {
        self.n_put += 1;
        self.newest = self.newest.max(entry.at.at);
        let [objects, events, others] = &mut self.histories;
        let (history, version) = match entry.counts {
            Counts::Objects => (objects, entry.version),
            Counts::Events => (events, entry.version),
            Counts::Nothing => (others, Some(entry.at.at.unsigned())),
        };
        // A write takes the next number, whatever it is of.
        let version = version.unwrap_or(history.largest.saturating_add(1));
        history.largest = history.largest.max(version);
        history.times.insert((entry.at.at, self.n_put));
        history.waiting.insert((version, self.n_put), Timed { version: Some(version), ..entry });
    }

    /// How long ago `at` was when the newest entry came, where that is too long to put it in its place.
    pub(in crate::recording) fn too_late(&self, at: UnixNanos) -> Option<Nanos> {
        Some(self.newest.since(at)).filter(|back| *back > WINDOW)
    }

    /// The next entry in order; before the end (`is_all` is false) only one that nothing will come
    /// before.
    pub(in crate::recording) fn take(&mut self, is_all: bool) -> Option<Timed<T>> {
        let due = self.newest.minus(WINDOW);
        let next = self.histories.iter_mut().filter_map(|history| {
            let (_, first) = history.waiting.first_key_value()?;
            let (earliest, _) = *history.times.first()?;
            (is_all || first.at.at <= due).then_some((earliest, history))
        });
        let (earliest, history) = next.min_by_key(|(earliest, _)| *earliest)?;
        let ((_, n), mut entry) = history.waiting.pop_first()?;
        history.times.remove(&(entry.at.at, n));
        // The others that wait were written after it.
        let narrowed = entry.at.at.since(earliest);
        entry.at.unsure = Nanos(entry.at.unsure.0.saturating_sub(narrowed.0).max(0));
        entry.at.at = earliest;
        Some(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(ms: i64, version: Option<u64>, is_event: bool) -> Timed<i64> {
        let at = Clock::right(UnixNanos(ms * 1_000_000));
        let counts = if is_event { Counts::Events } else { Counts::Objects };
        Timed { at, version, counts, place: Place::default(), what: ms }
    }

    fn taken(entries: Vec<Timed<i64>>) -> Vec<(i64, Option<u64>)> {
        let mut window = Window::default();
        let mut out = Vec::new();
        for entry in entries {
            window.put(entry);
            while let Some(entry) = window.take(false) {
                out.push((entry.at.at.0 / 1_000_000, entry.version));
            }
        }
        while let Some(entry) = window.take(true) {
            out.push((entry.at.at.0 / 1_000_000, entry.version));
        }
        out
    }

    #[test]
    fn what_was_written_first_comes_first_and_no_later_than_what_follows() {
        let entries = vec![entry(5, Some(2), false), entry(9, Some(1), false)];
        assert_eq!(taken(entries), [(5, Some(1)), (5, Some(2))]);
    }

    #[test]
    fn what_tells_no_version_has_the_one_after_those_before_it() {
        let entries =
            vec![entry(5, Some(7), false), entry(6, None, false), entry(9, Some(9), false)];
        assert_eq!(taken(entries), [(5, Some(7)), (6, Some(8)), (9, Some(9))]);
    }

    #[test]
    fn events_of_a_history_of_their_own_are_ordered_among_themselves_and_by_time() {
        let entries = vec![
            entry(5, Some(900), false),
            entry(6, Some(3), true),
            entry(7, Some(901), false),
            entry(8, Some(4), true),
        ];
        let order = [(5, Some(900)), (6, Some(3)), (7, Some(901)), (8, Some(4))];
        assert_eq!(taken(entries), order);
    }

    #[test]
    fn what_is_no_write_takes_no_number_from_those_that_are() {
        let aside = |ms| Timed { counts: Counts::Nothing, ..entry(ms, None, false) };
        let entries = vec![entry(5, Some(7), false), aside(6), aside(7), entry(90, Some(8), false)];
        let times: Vec<_> = taken(entries).into_iter().map(|(ms, _)| ms).collect();
        assert_eq!(times, [5, 6, 7, 90]);
    }

    #[test]
    fn what_is_further_apart_than_any_request_takes_does_not_wait() {
        let mut window = Window::default();
        window.put(entry(0, Some(1), false));
        assert!(window.take(false).is_none());
        window.put(entry(60_000, Some(2), false));
        assert_eq!(window.take(false).unwrap().version, Some(1));
        assert!(window.take(false).is_none());
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_put_is_taken_once_and_times_never_go_back(
            entries in proptest::collection::vec((0_i64..200_000, 1_u64..50, 0_u8..4), 0..40),
        ) {
            let mut entries = entries;
            entries.sort_unstable();
            let n = entries.len();
            let entries = entries.into_iter().map(|(ms, version, sort)| {
                entry(ms, (sort > 0).then_some(version), sort == 3)
            });
            let (events, objects): (Vec<_>, Vec<_>) = entries.partition(|entry| entry.counts == Counts::Events);
            let (events, objects) = (taken(events), taken(objects));
            proptest::prop_assert_eq!(events.len() + objects.len(), n);
            for out in [events, objects] {
                proptest::prop_assert!(out.is_sorted_by_key(|(ms, _)| *ms), "{:?}", out);
            }
        }
    }
}
