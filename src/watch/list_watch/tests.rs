//! What is asked next.

use super::*;

const HALF: f64 = 0.5;

fn token(next: &str) -> Option<String> {
    Some(next.to_owned()).filter(|next| !next.is_empty())
}

fn page(next: &str) -> Request {
    Request::Page { next: token(next) }
}

fn watch(version: &str) -> Request {
    Request::Watch { version: version.to_owned() }
}

fn paged(version: &str, next: &str) -> Ended {
    Ended::Page(ListMeta { version: version.to_owned(), next: token(next) })
}

fn refused(code: u16) -> Ended {
    Ended::Failed(Failed::Refused { code, message: String::new(), retry_after: None })
}

fn broken(why: &str) -> Ended {
    Ended::Failed(Failed::Broken(why.to_owned()))
}

/// One that watches at version 7.
fn watching() -> ListWatch {
    let mut list_watch = ListWatch::new(false, false);
    assert_eq!(list_watch.after(paged("7", ""), HALF).request, watch("7"));
    list_watch
}

#[test]
fn a_list_is_read_page_by_page_and_then_watched_from_its_version() {
    let mut list_watch = ListWatch::new(false, false);
    assert_eq!(list_watch.request(), &page(""));
    assert_eq!(list_watch.after(paged("5", "token"), HALF).request, page("token"));
    let next = list_watch.after(paged("5", ""), HALF);
    assert_eq!((next.request, next.wait, next.is_away), (watch("5"), Duration::ZERO, false));
}

#[test]
fn a_watch_goes_on_where_it_ended() {
    let mut list_watch = watching();
    list_watch.reached("9".to_owned());
    let closed = Ended::Closed { lasted: Duration::from_secs(200), was_heard: false };
    for ended in [closed, Ended::Silent] {
        let next = list_watch.after(ended, HALF);
        assert_eq!((next.request, next.wait, next.is_away), (watch("9"), Duration::ZERO, false));
    }
}

#[test]
fn a_watch_that_goes_on_from_a_version_lists_only_if_that_is_forgotten() {
    let mut list_watch = ListWatch::new(false, false).from(Some(7));
    assert_eq!(list_watch.request(), &watch("7"));
    let next = list_watch.after(refused(410), HALF);
    assert_eq!((next.request, next.is_away), (page(""), true));
    assert_eq!(ListWatch::new(false, false).from(None).request(), &page(""));
}

#[test]
fn a_list_whose_rest_is_forgotten_each_time_is_asked_for_in_one_answer() {
    let mut list_watch = ListWatch::new(false, false);
    for asked in [page(""), Request::Whole, Request::Whole] {
        list_watch.after(paged("5", "token"), HALF);
        let next = list_watch.after(refused(410), HALF);
        assert_eq!((next.request, next.is_away), (asked, true));
        assert!(next.wait > Duration::ZERO);
    }
    // Once one came to its end the next is one of pages.
    assert_eq!(list_watch.after(paged("6", ""), HALF).request, watch("6"));
    assert_eq!(list_watch.after(refused(410), HALF).request, page(""));
}

/// And so for one that goes on where another process had heard all.
#[test]
fn a_list_older_than_what_was_watched_is_read_again_and_believed_where_it_stays_so() {
    let mut list_watch = watching();
    list_watch.reached("90".to_owned());
    for mut list_watch in [list_watch, ListWatch::new(false, false).from(Some(90))] {
        assert_eq!(list_watch.after(refused(410), HALF).request, page(""));
        assert!(!list_watch.is_stale("90") && !list_watch.is_stale("91"));
        for _ in 0..STALE_LISTS {
            assert!(list_watch.is_stale("89"));
            let next = list_watch.after(broken(STALE), HALF);
            assert_eq!((next.request, next.is_away), (page(""), true));
            assert!(next.wait > Duration::ZERO);
        }
        assert!(!list_watch.is_stale("89"));
        assert_eq!(list_watch.after(paged("89", ""), HALF).request, watch("89"));
        assert!(!list_watch.is_stale("89") && list_watch.is_stale("88"));
    }
    assert!(!watching().is_stale("a word"));
}

#[test]
fn a_broken_watch_goes_on_after_a_growing_wait_and_the_lane_is_away() {
    let mut list_watch = watching();
    let waits: Vec<_> = (0..7)
        .map(|_| list_watch.after(broken("reset"), HALF))
        .map(|next| {
            assert_eq!((next.request, next.is_away), (watch("7"), true));
            next.wait.as_millis()
        })
        .collect();
    assert_eq!(waits, [800, 1_600, 3_200, 6_400, 12_800, 25_600, 30_000]);
    list_watch.reached("8".to_owned());
    assert_eq!(list_watch.after(refused(500), HALF).wait.as_millis(), 800, "success starts anew");
}

#[test]
fn a_watch_that_ends_at_once_is_not_begun_again_in_a_tight_loop() {
    let closed = Ended::Closed { lasted: Duration::from_millis(3), was_heard: false };
    assert!(watching().after(closed, HALF).wait > Duration::ZERO);
    let busy = Ended::Closed { lasted: Duration::from_millis(3), was_heard: true };
    assert_eq!(watching().after(busy, HALF).wait, Duration::ZERO);
}

#[test]
fn a_forgotten_version_means_a_list() {
    let next = watching().after(refused(410), HALF);
    assert_eq!((next.request, next.wait, next.is_away), (page(""), Duration::ZERO, true));
}

/// An API server that forgets too fast is not listed in a tight loop.
#[test]
fn a_version_that_is_forgotten_as_soon_as_it_was_listed_means_lists_that_wait() {
    let mut list_watch = watching();
    let mut waits = Vec::new();
    for _ in 0..4 {
        waits.push(list_watch.after(refused(410), HALF).wait.as_millis());
        assert_eq!(list_watch.after(paged("7", ""), HALF).request, watch("7"));
    }
    assert_eq!(waits, [0, 800, 1_600, 3_200]);
    list_watch.after(Ended::Closed { lasted: Duration::from_secs(200), was_heard: true }, HALF);
    assert_eq!(list_watch.after(refused(410), HALF).wait, Duration::ZERO);
}

#[test]
fn a_forgotten_page_begins_the_list_again_but_not_at_once() {
    let mut list_watch = ListWatch::new(false, false);
    list_watch.after(paged("5", "token"), HALF);
    let next = list_watch.after(refused(410), HALF);
    assert_eq!((next.request, next.is_away), (page(""), true));
    assert!(next.wait > Duration::ZERO);
}

#[test]
fn a_list_that_breaks_off_begins_again() {
    let mut list_watch = ListWatch::new(false, false);
    list_watch.after(paged("5", "token"), HALF);
    assert_eq!(list_watch.after(broken("cut"), HALF).request, page(""));
}

#[test]
fn what_the_server_asks_to_wait_is_waited() {
    let ended = Ended::Failed(Failed::Refused {
        code: 429,
        message: "too many requests".to_owned(),
        retry_after: Some(Duration::from_secs(12)),
    });
    let next = watching().after(ended, HALF);
    assert_eq!((next.wait, next.request), (Duration::from_secs(12), watch("7")));
}

#[test]
fn no_server_keeps_a_lane_silent_for_longer_than_minutes() {
    for code in [403, 404, 429, 503] {
        let ended = Ended::Failed(Failed::Refused {
            code,
            message: String::new(),
            retry_after: Some(Duration::from_secs(100_000)),
        });
        let next = watching().after(ended, HALF);
        assert_eq!((next.wait, next.is_asked), (LONGEST_ASKED, true), "{code}");
    }
    let next = watching().after(refused(503), HALF);
    assert_eq!((next.wait.as_millis(), next.is_asked), (800, false));
}

#[test]
fn a_kind_that_may_not_be_read_is_asked_for_again() {
    let next = watching().after(refused(403), HALF);
    assert_eq!((next.phase, next.wait, next.request), (Phase::Forbidden, DENIED, watch("7")));
}

#[test]
fn a_kind_that_is_gone_is_listed_when_it_comes_back() {
    let next = watching().after(refused(404), HALF);
    assert_eq!((next.phase, next.wait, next.request), (Phase::Missing, DENIED, page("")));
}

// A server that is starting, or one beside it.
#[test]
fn a_built_in_kind_that_is_missing_for_a_moment_is_watched_on_from_where_the_watch_was() {
    let mut list_watch = watching().of_built_in(true);
    for _ in 0..MISSING_AFTER {
        let next = list_watch.after(refused(404), HALF);
        assert_eq!((next.request, next.wait < DENIED), (watch("7"), true));
    }
    let next = list_watch.after(refused(404), HALF);
    assert_eq!((next.phase, next.wait, next.request), (Phase::Missing, DENIED, page("")));
}

#[test]
fn a_server_without_watch_list_is_listed_in_pages() {
    let closed = Ended::Closed { lasted: Duration::from_secs(200), was_heard: true };
    for ended in [refused(422), refused(400), Ended::Silent, closed] {
        let mut list_watch = ListWatch::new(true, false);
        assert_eq!(list_watch.request(), &Request::WatchList);
        let next = list_watch.after(ended.clone(), HALF);
        assert_eq!((next.request, next.wait), (page(""), Duration::ZERO), "{ended:?}");
        list_watch.after(paged("3", ""), HALF);
        assert_eq!(list_watch.after(refused(410), HALF).request, page(""), "and not tried again");
    }
}

#[test]
fn a_watch_list_that_is_complete_is_an_ordinary_watch() {
    let mut list_watch = ListWatch::new(true, false);
    list_watch.reached("12".to_owned());
    assert_eq!(list_watch.after(Ended::Silent, HALF).request, watch("12"));
    assert_eq!(list_watch.after(refused(410), HALF).request, Request::WatchList);
}

#[test]
fn of_a_kind_without_backlog_only_the_version_is_asked_for() {
    let mut list_watch = ListWatch::new(true, true);
    assert_eq!(list_watch.request(), &page(""));
    assert_eq!(list_watch.after(paged("5", "more"), HALF).request, watch("5"));
}

#[test]
fn a_watch_that_stands_beyond_the_newest_version_is_of_another_history_and_lists() {
    let mut list_watch = watching();
    list_watch.compare(None);
    list_watch.compare(Some(7));
    assert_eq!(list_watch.request(), &watch("7"));
    list_watch.compare(Some(6));
    assert_eq!(list_watch.request(), &page(""));
    assert!(!list_watch.is_stale("6"), "the server said that it is the newest");
}
