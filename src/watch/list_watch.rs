//! What is asked of the API server next, from what became of the last request; pure.
//!
//! A kind is listed, page by page or in one stream (WatchList), and then watched from the
//! resourceVersion of the list for as long as the server remembers it. The rules follow the
//! Kubernetes API concepts ("Efficient detection of changes") and what client-go's reflector does.

use std::time::Duration;

use super::json::list::ListMeta;
use super::status::Phase;
use crate::cluster::refusal::Failed;
use crate::otlp::backoff::Backoff;

/// Between attempts: 0.8 s, doubled up to 30 s, as client-go's reflector waits.
const BACKOFF: Backoff = Backoff {
    initial: Duration::from_millis(800),
    multiplier: 2.0,
    randomization: 0.5,
    max: Duration::from_secs(30),
    max_elapsed: Duration::ZERO,
};

/// A kind that may not be read, or is not there, is asked for again after this.
pub const DENIED: Duration = Duration::from_secs(30);

/// A watch that ends sooner than this without a word has failed, whatever it says.
const TOO_SHORT: Duration = Duration::from_secs(1);

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// A page of a list.
    Page {
        /// The token of the page; `None` for the first one.
        next: Option<String>,
    },
    /// A watch that begins with all objects there are (`sendInitialEvents`).
    WatchList,
    /// A watch of what is written after `version`.
    Watch {
        /// A resourceVersion.
        version: String,
    },
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The page was read to its end.
    Page(ListMeta),
    /// The stream was closed at its end, and had said something or not.
    Closed {
        /// How long it was open.
        lasted: Duration,
        /// Whether anything but bookmarks was said on it.
        was_heard: bool,
    },
    /// Nothing was said for longer than the server may be silent.
    Silent,
    /// It was not carried out, or no further.
    Failed(Failed),
}

impl From<Failed> for Ended {
    fn from(failed: Failed) -> Self {
        Self::Failed(failed)
    }
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Next {
    /// What to wait before.
    pub wait: Duration,
    /// What to ask.
    pub request: Request,
    /// What the watch is at while it waits.
    pub phase: Phase,
    /// The core must be told that the lane broke off.
    pub is_away: bool,
    /// What went wrong, if anything did.
    pub error: Option<String>,
}

/// Where one list and watch stands.
#[derive(Clone, Debug)]
pub struct ListWatch {
    has_watch_list: bool,
    /// Only what is yet to come is of interest: a list is asked for its version alone.
    has_no_backlog: bool,
    last: Request,
    /// Where the watch stands; `None` if there must be a list first.
    version: Option<String>,
    n_failed: u32,
    denied: Duration,
}

impl ListWatch {
    /// Begins with a list: with WatchList if the server is said to have it.
    #[must_use]
    pub fn new(has_watch_list: bool, has_no_backlog: bool) -> Self {
        let mut list_watch = Self {
            has_watch_list,
            has_no_backlog,
            last: Request::WatchList,
            version: None,
            n_failed: 0,
            denied: DENIED,
        };
        list_watch.last = list_watch.list();
        list_watch
    }

    /// Begins with a watch of what was written after `version`, if there is one to go on from.
    #[must_use]
    pub fn from(mut self, version: Option<u64>) -> Self {
        self.version = version.map(|version| version.to_string());
        self.last = self.same();
        self
    }

    /// Asks for a kind that may not be read, or is not there, after another time than [`DENIED`].
    #[must_use]
    pub fn with_denied(self, denied: Duration) -> Self {
        Self { denied, ..self }
    }

    /// The request that is under way, or comes next.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.last
    }

    /// Where the watch stands, once a list was complete.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// The watch said this version, or a WatchList was complete at it.
    pub fn reached(&mut self, version: String) {
        self.version = Some(version);
        self.n_failed = 0;
    }

    /// What comes after the last request ended so. `jitter` is drawn from `[0, 1)`.
    pub fn after(&mut self, ended: Ended, jitter: f64) -> Next {
        let is_listing = self.version.is_none();
        let next = match ended {
            Ended::Page(meta) if meta.next.is_some() && !self.has_no_backlog => {
                self.n_failed = 0;
                self.now(Request::Page { next: meta.next }, Phase::Listing)
            }
            Ended::Page(meta) => {
                self.reached(meta.version);
                self.now(self.same(), Phase::Watching)
            }
            Ended::Closed { .. } | Ended::Silent if is_listing => self.without_watch_list(jitter),
            Ended::Closed { lasted, was_heard } if was_heard || lasted >= TOO_SHORT => {
                self.n_failed = 0;
                self.now(self.same(), Phase::Watching)
            }
            Ended::Closed { .. } => {
                self.again(jitter, None, "the server closes the watch at once".to_owned())
            }
            Ended::Silent => {
                self.n_failed = 0;
                let error = Some("the server fell silent".to_owned());
                Next { error, ..self.now(self.same(), Phase::Watching) }
            }
            Ended::Failed(failed) => self.failed(&failed, jitter),
        };
        self.last = next.request.clone();
        next
    }

    fn failed(&mut self, failed: &Failed, jitter: f64) -> Next {
        let message = failed.to_string();
        let Failed::Refused { code, retry_after, .. } = *failed else {
            return self.again(jitter, None, message);
        };
        match code {
            410 => self.expired(jitter, message),
            // Servers without WatchList do not know, or do not allow, its parameters.
            400 | 422 if self.last == Request::WatchList => self.without_watch_list(jitter),
            403 => self.denied(Phase::Forbidden, jitter, retry_after, message),
            404 => {
                // What comes back under this name is another resource, with another history.
                self.version = None;
                self.denied(Phase::Missing, jitter, retry_after, message)
            }
            _ => self.again(jitter, retry_after, message),
        }
    }

    fn now(&self, request: Request, phase: Phase) -> Next {
        Next { wait: Duration::ZERO, request, phase, is_away: false, error: None }
    }

    fn list(&self) -> Request {
        if self.has_watch_list && !self.has_no_backlog {
            Request::WatchList
        } else {
            Request::Page { next: None }
        }
    }

    /// Where there is a version the watch goes on from it, else the list begins again.
    fn same(&self) -> Request {
        self.version.clone().map_or_else(|| self.list(), |version| Request::Watch { version })
    }

    fn again(&mut self, jitter: f64, retry_after: Option<Duration>, error: String) -> Next {
        self.n_failed = self.n_failed.saturating_add(1);
        let wait = BACKOFF.delay(self.n_failed, jitter, Duration::ZERO, retry_after);
        Next {
            wait: wait.unwrap_or(BACKOFF.max),
            request: self.same(),
            phase: Phase::Retrying,
            is_away: true,
            error: Some(error),
        }
    }

    /// The server has forgotten where the watch stood, or the rest of the list.
    fn expired(&mut self, jitter: f64, message: String) -> Next {
        if self.version.take().is_some() {
            let now = self.now(self.list(), Phase::Listing);
            return Next { is_away: true, error: Some(message), ..now };
        }
        self.again(jitter, None, message)
    }

    fn without_watch_list(&mut self, jitter: f64) -> Next {
        if !self.has_watch_list {
            return self.again(jitter, None, "the list broke off".to_owned());
        }
        self.has_watch_list = false;
        Next { is_away: true, ..self.now(self.list(), Phase::Listing) }
    }

    fn denied(
        &mut self,
        phase: Phase,
        jitter: f64,
        retry_after: Option<Duration>,
        error: String,
    ) -> Next {
        let again = self.again(jitter, retry_after, error);
        let spread = self.denied.mul_f64(0.75 + 0.5 * jitter);
        Next { wait: spread.max(retry_after.unwrap_or_default()), phase, ..again }
    }
}

#[cfg(test)]
mod tests {
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
            assert_eq!(
                (next.request, next.wait, next.is_away),
                (watch("9"), Duration::ZERO, false)
            );
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
        assert_eq!(
            list_watch.after(refused(500), HALF).wait.as_millis(),
            800,
            "success starts anew"
        );
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
    fn a_kind_that_may_not_be_read_is_asked_for_again() {
        let next = watching().after(refused(403), HALF);
        assert_eq!((next.phase, next.wait, next.request), (Phase::Forbidden, DENIED, watch("7")));
    }

    #[test]
    fn a_kind_that_is_gone_is_listed_when_it_comes_back() {
        let next = watching().after(refused(404), HALF);
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
            assert_eq!(
                list_watch.after(refused(410), HALF).request,
                page(""),
                "and not tried again"
            );
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
}
