use super::*;
use crate::facts::kind::Lane;

const WINDOW: Nanos = Nanos::from_seconds(30);

fn uid(n: u128) -> Uid {
    Uid::new(n).unwrap()
}

fn gone(version: u64) -> Released {
    Released {
        part: 0,
        facts: None,
        lane: Lane::Pods,
        change: Change::Vanished(uid(7)),
        arrival: None,
        is_listed: false,
        is_late: false,
        place: (version, 0, version),
    }
}

fn when(second: i64) -> When {
    let at = UnixNanos::from_seconds(second);
    When { at, known: at }
}

fn told(version: u64, second: i64) -> Entry {
    Entry { number: 0, released: gone(version), when: when(second), desired: None, step: None }
}

/// A past in which so many changes were told, one a second.
fn past(n: u64) -> (Pasts, usize) {
    let (mut pasts, mut n_unkept) = (Pasts::default(), 0);
    for (second, version) in (0..).zip(1..=n) {
        pasts.remember(uid(1), false, || None);
        n_unkept += pasts.keep(uid(1), told(version, second), WINDOW).unwrap();
        if pasts.wants_middle(uid(1), WINDOW) {
            pasts.set_middle(uid(1), |_| None);
        }
    }
    (pasts, n_unkept)
}

fn again(pasts: &mut Pasts, version: u64) -> (Vec<u64>, u64) {
    let now = when(1_000_000);
    let late = vec![gone(version)];
    let again = pasts.again(uid(1), late, |_| None, now, Nanos(0)).unwrap();
    (again.told.iter().map(|(it, _)| it.released.place.0).collect(), again.n_missed)
}

#[test]
fn what_is_late_is_told_in_its_place_and_all_that_was_written_after_it_again() {
    let (mut pasts, _) = past(5);
    assert!(pasts.is_late(uid(1), (3, 0, 0)) && !pasts.is_late(uid(1), (6, 0, 0)));
    assert_eq!(again(&mut pasts, 3), (vec![1, 2, 3, 3, 4, 5], 0));
}

#[test]
fn what_is_kept_is_of_the_last_minute() {
    let (mut pasts, n_unkept) = past(1_000);
    assert_eq!(n_unkept, 0);
    let n = pasts.numbers.n;
    assert!((30..=61).contains(&n), "{n}");
    let (told, n_missed) = again(&mut pasts, 1);
    assert_eq!((told.first(), n_missed), (Some(&1), 1), "what was written before comes first");
}

#[test]
fn what_is_kept_is_bounded_and_what_is_not_is_counted() {
    let (mut pasts, mut n_unkept) = (Pasts::default(), 0);
    for version in 1..=10_000 {
        pasts.remember(uid(1), false, || None);
        n_unkept += pasts.keep(uid(1), told(version, 0), WINDOW).unwrap();
        assert!(pasts.numbers.n <= MAX_TOLD);
    }
    assert_eq!(n_unkept + pasts.numbers.n, 10_000);
}

#[test]
fn what_has_left_is_not_decided_again() {
    let (mut pasts, _) = past(5);
    pasts.leave(uid(1), Some((4, 0, 0)));
    pasts.remember(uid(1), false, || None);
    pasts.keep(uid(1), told(6, 6), WINDOW);
    assert_eq!(again(&mut pasts, 3), (vec![3, 6], 1));
}

#[test]
fn where_there_is_little_room_trees_at_rest_let_go_in_turn_and_busy_ones_do_not() {
    let mut pasts = Pasts::default();
    pasts.begin_at(uid(2), Some((1, 0, 0)), UnixNanos::from_seconds(0));
    let n_told = |pasts: &Pasts, tree| pasts.past(uid(tree)).map(|past| past.told.len());
    let tell = |pasts: &mut Pasts, tree, is_still: fn(Uid) -> bool| {
        pasts.remember(uid(tree), false, || None);
        pasts.keep(uid(tree), told(2, 0), WINDOW);
        pasts.make_room(is_still);
        assert!(pasts.numbers.n + pasts.by_number.len() * TREE <= MAX_ALL / 2 + TREE + 1);
    };
    (1..=10_000).for_each(|tree| tell(&mut pasts, tree, |tree| tree != uid(1)));
    let known = [1, 2, 3, 10_000].map(|tree| n_told(&pasts, tree));
    assert_eq!(known, [Some(1), Some(0), None, Some(1)]);
    (10_001..=20_000).for_each(|tree| tell(&mut pasts, tree, |_| true));
    assert_eq!(n_told(&pasts, 1), None, "at rest it lets go too");
    assert!(pasts.is_late(uid(2), (1, 0, 0)), "what left is remembered");
    pasts.sweep(UnixNanos::from_seconds(100), WINDOW, |_| true);
    assert!(pasts.by_number.is_empty() && pasts.of.is_empty());
    assert!(pasts.numbers.n == 0 && pasts.in_turn.len() <= 2_000);
}

#[test]
fn trees_that_one_change_touched_are_decided_together() {
    let (mut pasts, _) = past(3);
    pasts.remember(uid(2), false, || None);
    pasts.keep(uid(2), told(2, 9), WINDOW);
    pasts.join(&[uid(1), uid(2)]);
    assert_eq!(again(&mut pasts, 2), (vec![1, 2, 2, 2, 3], 0));
}

#[test]
fn where_much_is_told_less_far_back_is_kept_and_nothing_is_let_go_at_once() {
    let mut pasts = Pasts::default();
    for (second, version) in (0..120).zip(1..) {
        for tree in 1..=1_000 {
            let tree = uid(tree);
            pasts.remember(tree, false, || None);
            assert_eq!(pasts.keep(tree, told(version, second), WINDOW), Some(0), "{second}");
            if pasts.wants_middle(tree, WINDOW) {
                pasts.set_middle(tree, |_| None);
            }
        }
        assert!(pasts.numbers.n <= MAX_ALL, "{} after {second} s", pasts.numbers.n);
    }
    let (_, n_missed) = again(&mut pasts, 115);
    assert_eq!(n_missed, 0, "of the last seconds all is kept");
}
