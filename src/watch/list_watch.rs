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

/// No longer is waited, whatever the server asks: all that happens meanwhile is heard so late. API servers
/// ask for seconds. client-go has no bound, and the Collector's exporters have `max_elapsed_time`, after
/// which they give up; a watch never does.
pub const LONGEST_ASKED: Duration = Duration::from_secs(120);

/// A watch that ends sooner than this without a word has failed, whatever it says.
const TOO_SHORT: Duration = Duration::from_secs(1);

/// After so many failures in a row a built-in kind that was watched, and is not there, is gone.
const MISSING_AFTER: u32 = 3;

/// So often a list is read again that is older than what had been watched.
const STALE_LISTS: u32 = 3;

/// A list whose rest the server has forgotten so often in a row is asked for in one answer. client-go does so
/// at once; a list in pages costs the server less, and as a rule the next one comes to its end.
const CUT_LISTS: u32 = 2;

/// What is said of a list that is older.
pub const STALE: &str = "the list is older than what was watched";

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// A page of a list.
    Page {
        /// The token of the page; `None` for the first one.
        next: Option<String>,
    },
    /// A list in one answer.
    Whole,
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
    /// The server asked to wait.
    pub is_asked: bool,
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
    /// The newest version that was reached; 0 where versions are no numbers.
    newest: u64,
    /// How many lists in a row were older.
    n_stale: u32,
    /// How many lists in a row the server has forgotten the rest of.
    n_cut: u32,
    n_failed: u32,
    /// How often the server had forgotten where the watch stood, since a watch went well.
    n_expired: u32,
    denied: Duration,
    /// Nobody can take the kind away.
    is_built_in: bool,
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
            newest: 0,
            n_stale: 0,
            n_cut: 0,
            n_failed: 0,
            n_expired: 0,
            denied: DENIED,
            is_built_in: false,
        };
        list_watch.last = list_watch.list();
        list_watch
    }

    /// Begins with a watch of what was written after `version`, if there is one to go on from.
    #[must_use]
    pub fn from(mut self, version: Option<u64>) -> Self {
        self.version = version.map(|version| version.to_string());
        self.newest = version.unwrap_or_default();
        self.last = self.same();
        self
    }

    /// Asks for a kind that may not be read, or is not there, after another time than [`DENIED`].
    #[must_use]
    pub fn with_denied(self, denied: Duration) -> Self {
        Self { denied, ..self }
    }

    /// The kind is a built-in one, which is missing for a moment at the most.
    #[must_use]
    pub fn of_built_in(self, is_built_in: bool) -> Self {
        Self { is_built_in, ..self }
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

    /// Whether a list of this version shall not be believed: a server that lags behind the others, or its
    /// cache, shows what has been. It is read again; one that stays older is of a cluster that was
    /// restored from a backup.
    pub fn is_stale(&mut self, version: &str) -> bool {
        let is_older = version.parse().is_ok_and(|version: u64| version < self.newest);
        let is_stale = is_older && self.n_stale < STALE_LISTS;
        self.n_stale = if is_stale { self.n_stale + 1 } else { 0 };
        is_stale
    }

    /// The server's newest version is this, if it says one. Where the watch stands beyond it the cluster was
    /// restored from a backup: a watch from there would say nothing for long.
    pub fn compare(&mut self, newest: Option<u64>) {
        if let Some(newest) = newest.filter(|newest| *newest < self.newest) {
            (self.version, self.newest) = (None, newest);
            self.last = self.list();
        }
    }

    /// The watch said this version, or a WatchList was complete at it.
    pub fn reached(&mut self, version: String) {
        self.newest = version.parse().unwrap_or_default();
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
                self.n_cut = 0;
                self.reached(meta.version);
                self.now(self.same(), Phase::Watching)
            }
            Ended::Closed { .. } | Ended::Silent if is_listing => self.without_watch_list(jitter),
            Ended::Closed { lasted, was_heard } if was_heard || lasted >= TOO_SHORT => {
                (self.n_failed, self.n_expired) = (0, 0);
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
        let retry_after = retry_after.map(|asked| asked.min(LONGEST_ASKED));
        match code {
            410 => self.expired(jitter, message),
            // Servers without WatchList do not know, or do not allow, its parameters.
            400 | 422 if self.last == Request::WatchList => self.without_watch_list(jitter),
            403 => self.denied(Phase::Forbidden, jitter, retry_after, message),
            // A server that is starting, or one beside it, may not know yet what it has.
            404 if self.is_built_in && self.n_failed < MISSING_AFTER && self.version.is_some() => {
                self.again(jitter, retry_after, message)
            }
            404 => {
                // What comes back under this name is another resource, with another history.
                self.version = None;
                self.denied(Phase::Missing, jitter, retry_after, message)
            }
            _ => self.again(jitter, retry_after, message),
        }
    }

    fn now(&self, request: Request, phase: Phase) -> Next {
        let (wait, is_asked) = (Duration::ZERO, false);
        Next { wait, is_asked, request, phase, is_away: false, error: None }
    }

    fn list(&self) -> Request {
        if self.has_watch_list && !self.has_no_backlog {
            Request::WatchList
        } else if self.n_cut >= CUT_LISTS {
            Request::Whole
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
            is_asked: retry_after.is_some(),
            request: self.same(),
            phase: Phase::Retrying,
            is_away: true,
            error: Some(error),
        }
    }

    /// The server has forgotten where the watch stood, or the rest of the list. Where it has forgotten that
    /// as soon as it was listed, another list is no better: the next one waits.
    fn expired(&mut self, jitter: f64, message: String) -> Next {
        if self.version.take().is_some() {
            let wait = BACKOFF.delay(self.n_expired, jitter, Duration::ZERO, None);
            let wait = wait.filter(|_| self.n_expired > 0).unwrap_or_default();
            self.n_expired = self.n_expired.saturating_add(1);
            let now = self.now(self.list(), Phase::Listing);
            return Next { wait, is_away: true, error: Some(message), ..now };
        }
        self.n_cut = self.n_cut.saturating_add(1);
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
mod tests;
