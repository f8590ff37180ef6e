use super::*;

const SETTLE: Nanos = Nanos::from_seconds(2);

fn at(ms: u32) -> UnixNanos {
    UnixNanos(i64::from(ms) * 1_000_000)
}

fn uid(version: u64) -> Uid {
    Uid::new(u128::from(version)).unwrap()
}

fn told(change: Change) -> Told {
    Told { lane: Lane::Pods, part: 0, change, facts: None }
}

/// Takes all that is ready: the resourceVersions, in the order of leaving.
fn take_all(inlet: &mut Inlet, left: &mut Vec<u64>) {
    while let Some(released) = inlet.take_ready() {
        let Change::Vanished(uid) = released.change else { continue };
        left.push(u64::try_from(uid.number()).unwrap());
    }
}

proptest::proptest! {
    /// Whatever arrives leaves, in order unless it came late, and no more wait than may.
    #[test]
    fn whatever_arrives_leaves_and_never_more_wait_than_may(
        mut arrivals in proptest::collection::vec((0_u32..10_000, 1_u64..100), 0..60),
        max_waiting in 0_usize..8,
    ) {
        arrivals.sort_unstable();
        let mut inlet = Inlet::new(SETTLE, max_waiting);
        let mut left = Vec::new();
        for (ms, version) in &arrivals {
            let gone = Change::Vanished(uid(*version));
            inlet.watched(told(gone), Some(*version), at(*ms), |_, bound| bound);
            while let Some(due) = inlet.next_due().filter(|due| *due <= at(*ms)) {
                inlet.release(due);
                let first = left.len();
                take_all(&mut inlet, &mut left);
                let leaving = left.get(first..).unwrap();
                assert!(leaving.is_sorted(), "{leaving:?} left out of order");
            }
            assert!(inlet.len() <= max_waiting, "{} wait", inlet.len());
        }
        while let Some(due) = inlet.next_due() {
            inlet.release(due);
            take_all(&mut inlet, &mut left);
        }
        let mut arrived: Vec<u64> = arrivals.iter().map(|(_, version)| *version).collect();
        arrived.sort_unstable();
        left.sort_unstable();
        assert_eq!(left, arrived, "something is stuck");
        assert!(inlet.is_empty());
    }
}

/// Whoever goes on with it has a clock of its own, and may be ahead or behind.
#[test]
fn what_had_arrived_bounds_by_the_servers_clock_whoever_goes_on() {
    let off = |seconds| Clock { ahead: Nanos::from_seconds(seconds), ..Clock::default() };
    for (before, after) in [(0, 0), (60, 0), (0, 60), (-60, 0), (60, -60)] {
        // By the server's clock the first arrives after 100 s, and is told again after 130 s.
        let here = |clock: Clock, seconds| UnixNanos::from_seconds(seconds).minus(clock.ahead);
        let mut inlet = Inlet::new(SETTLE, 10);
        inlet.clock = off(before);
        inlet.store_arrivals();
        inlet.arrived(7, here(inlet.clock, 100));
        let mut next = Inlet::new(SETTLE, 10);
        next.resume(inlet.kept(), inlet.take_arrived());
        assert_eq!(next.newest(), Some(7));
        next.clock = off(after);
        let bound = |next: &mut Inlet, version: u64| {
            let gone = Change::Vanished(uid(version));
            let at = here(next.clock, 130);
            next.watched(told(gone), Some(version), at, |_, bound| bound);
            next.waiting.pop_last().unwrap().1.arrival.unwrap().at
        };
        for (version, seconds) in [(6, 100), (7, 100), (8, 130), (6, 130)] {
            let expected = UnixNanos::from_seconds(seconds);
            assert_eq!(bound(&mut next, version), expected, "{before} {after}: {version}");
        }
    }
}

#[test]
fn of_too_many_the_one_written_first_leaves_at_once_and_is_counted() {
    let mut inlet = Inlet::new(SETTLE, 1);
    for version in [7, 5, 6] {
        let gone = Change::Vanished(uid(version));
        inlet.watched(told(gone), Some(version), at(0), |_, bound| bound);
    }
    assert_eq!(inlet.next_due(), Some(at(0)));
    inlet.release(at(0));
    let mut left = Vec::new();
    take_all(&mut inlet, &mut left);
    assert_eq!((left, inlet.n_early), (vec![5, 6], 2));
    assert_eq!(inlet.next_due(), Some(at(2_000)), "the last one waits its time");
}

#[test]
fn of_what_arrives_together_the_last_bounds_all_that_was_written_before_it() {
    let mut inlet = Inlet::new(SETTLE, 10);
    inlet.store_arrivals();
    for version in [5, 6, 8] {
        inlet.arrived(version, at(100));
    }
    inlet.arrived(9, at(200));
    for (version, ms) in [(4, 100), (6, 100), (7, 100), (8, 100), (9, 200), (10, 300)] {
        assert_eq!(inlet.bound(version, at(300)), at(ms), "{version}");
    }
    assert_eq!((inlet.stair.len(), inlet.take_arrived().stair.len()), (2, 2));
}
