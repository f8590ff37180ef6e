//! Asks, reads and hands on: the shell around [`Course`], one for each target.

use std::time::Duration;

use http::header::{ACCEPT, ACCEPT_ENCODING, RETRY_AFTER, USER_AGENT};
use http_body_util::{BodyExt as _, Limited};
use kube_client::client::Body;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};

use super::answer;
use super::clients::Clients;
use super::course::{Course, Ended, Request};
use super::discovery;
use super::ear::{Ear, Heard, Refused, Said};
use super::events::{Event, EventType, Lines};
use super::items::Items;
use super::status::{Phase, Status};
use super::target::{Manners, Target};
use super::trouble::{Kind, Trouble};
use crate::clock;
use crate::jitter::jitter;

/// How long an answer may take to begin, and a list to go on.
const ANSWER: Duration = Duration::from_secs(60);

/// The server ends a watch itself; it is given this much longer to say so.
const GRACE: Duration = Duration::from_secs(5);

/// Of an error's body so much is read.
const MAX_ERROR: usize = 64 << 10;

/// What a server says of a group or version is no longer than this.
const MAX_DISCOVERY: usize = 16 << 20;

/// In the initial events of a watch, changes are put off until the list is complete; if they are
/// more than this, a plain list is the better way.
const MAX_PUT_OFF: usize = 10_000;

/// Whoever listened has gone.
#[derive(Debug)]
pub(super) struct Stopped;

/// Reads one target for as long as anybody listens.
pub(super) struct Reader<E: Ear> {
    pub(super) clients: Clients,
    pub(super) target: Target,
    pub(super) manners: Manners,
    /// Of Events only what is yet to come is read.
    pub(super) has_no_backlog: bool,
    pub(super) ear: E,
    pub(super) out: mpsc::Sender<E::Out>,
    pub(super) status: watch::Sender<Status>,
    pub(super) trouble: Trouble,
}

/// What is read of one answer.
struct Reading<T> {
    out: Vec<T>,
    /// Changes that came before the list was complete.
    put_off: Vec<T>,
    is_initial: bool,
    n_items: u64,
    was_heard: bool,
    version: u64,
    ended: Option<Ended>,
}

impl<E: Ear> Reader<E> {
    /// Lists, and watches, and lists again.
    pub(super) async fn run(mut self, has_watch_list: bool) -> Result<(), Stopped> {
        let is_discovered = self.target.version.is_empty();
        let mut course =
            Course::new(has_watch_list, self.has_no_backlog).with_denied(self.manners.denied);
        loop {
            self.begin(&course);
            let request = course.request().clone();
            let ended = match self.discover().await {
                Ok(()) => self.ask(&request, &mut course).await?,
                Err(ended) => ended,
            };
            self.clients.renew_after(&ended).await;
            if is_discovered && matches!(ended, Ended::Refused { code: 404, .. }) {
                // It may come back in another version.
                self.target.version.clear();
            }
            let kind = Kind::of(&ended);
            let next = course.after(ended, jitter());
            self.trouble.ended(kind, &next, course.version());
            if next.is_away {
                let closed = self.ear.hear(Said::Closed, clock::now());
                self.hand_on(closed.out).await?;
            }
            sleep(next.wait).await;
        }
    }

    fn begin(&self, course: &Course) {
        let is_first_page = |next: &str| next.is_empty();
        self.status.send_modify(|status| match course.request() {
            Request::Page { next } if !is_first_page(next) => {}
            Request::Page { .. } | Request::WatchList => {
                status.phase = Phase::Listing;
                status.n_lists += 1;
                status.n_relists += u64::from(status.is_synced);
                status.n_listed = 0;
                status.n_watches += u64::from(course.request() == &Request::WatchList);
            }
            Request::Watch { .. } => {
                status.phase = Phase::Watching;
                status.n_watches += 1;
            }
        });
    }

    /// Finds the version in which a resource is served, if that is not known.
    async fn discover(&mut self) -> Result<(), Ended> {
        if !self.target.version.is_empty() {
            return Ok(());
        }
        let (group, plural) = (self.target.group.clone(), self.target.plural.clone());
        let said = self.get(format!("/apis/{group}")).await?;
        let nonsense = || Ended::Broken(format!("what is said of {group} is no API group"));
        for version in discovery::group(&said).ok_or_else(nonsense)?.versions {
            let said = self.get(format!("/apis/{group}/{version}")).await?;
            let resources = discovery::watchable(&said).ok_or_else(nonsense)?;
            if resources.contains(&plural) {
                self.target.version = version;
                return Ok(());
            }
        }
        let message = format!("404 {group} has no {plural} to be listed and watched");
        Err(Ended::Refused { code: 404, message, retry_after: None })
    }

    async fn get(&mut self, path: String) -> Result<Vec<u8>, Ended> {
        let body = Limited::new(self.send(path).await?, MAX_DISCOVERY).collect();
        match timeout(ANSWER, body).await {
            Ok(Ok(body)) => Ok(body.to_bytes().to_vec()),
            Ok(Err(error)) => Err(Ended::Broken(chain(&*error))),
            Err(_) => Err(Ended::Broken(format!("the answer paused for {ANSWER:?}"))),
        }
    }

    /// Asks, and waits until the answer begins.
    async fn send(&mut self, uri: String) -> Result<Body, Ended> {
        let asked = http::Request::get(uri)
            .header(ACCEPT, "application/json")
            // A gzip member for each event would hold events back; see KEP-3157.
            .header(ACCEPT_ENCODING, "identity")
            .header(USER_AGENT, concat!("lifespan/", env!("CARGO_PKG_VERSION")))
            .body(Body::empty())
            .map_err(|error| Ended::Broken(format!("cannot ask for it: {error}")))?;
        let client = self.clients.current().await;
        let answer = match timeout(ANSWER, client.send(asked)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => return Err(Ended::Unreachable(chain(&error))),
            Err(_) => return Err(Ended::Unreachable(format!("no answer within {ANSWER:?}"))),
        };
        let (head, body) = answer.into_parts();
        if head.status.is_success() {
            self.trouble.answered();
            return Ok(body);
        }
        let after = head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        Err(answer::refused(head.status.as_u16(), after, &start(body).await))
    }

    async fn ask(&mut self, request: &Request, course: &mut Course) -> Result<Ended, Stopped> {
        let uri = self.target.uri(request, &self.manners, self.has_no_backlog);
        let body = match self.send(uri).await {
            Ok(body) => body,
            Err(ended) => return Ok(ended),
        };
        match request {
            Request::Page { .. } => self.page(body).await,
            Request::WatchList | Request::Watch { .. } => {
                self.watch(body, *request == Request::WatchList, course).await
            }
        }
    }

    async fn page(&mut self, mut body: Body) -> Result<Ended, Stopped> {
        let mut items = Items::new();
        loop {
            let chunk = match timeout(ANSWER, body.frame()).await {
                Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
                Ok(Some(Err(error))) => return Ok(Ended::Broken(chain(&error))),
                Ok(None) => break,
                Err(_) => return Ok(Ended::Broken(format!("the list paused for {ANSWER:?}"))),
            };
            let (at, mut out, mut n) = (clock::now(), Vec::new(), 0);
            let (ear, is_skipped) = (&mut self.ear, self.has_no_backlog);
            let mut told = Told::default();
            let read = items.read(&chunk, |item| {
                n += 1;
                if !is_skipped {
                    let heard = ear.hear(Said::Listed(item), at);
                    out.extend(heard.out);
                    told.n_stamps += heard.n_stamps;
                    told.refused.extend(heard.refused);
                }
            });
            self.count(chunk.len(), 0, &told, |status| status.n_listed += n);
            for one in out {
                self.hand_on(Some(one)).await?;
            }
            if let Err(error) = read {
                return Ok(Ended::Broken(error.to_string()));
            }
        }
        let meta = match items.end() {
            Ok(meta) => meta,
            Err(error) => return Ok(Ended::Broken(error.to_string())),
        };
        if meta.next.is_empty() || self.has_no_backlog {
            self.list_done(&meta.version).await?;
        }
        Ok(Ended::Page(meta))
    }

    async fn list_done(&mut self, version: &str) -> Result<(), Stopped> {
        let done = self.ear.hear(Said::ListDone(version), clock::now());
        self.hand_on(done.out).await?;
        self.status.send_modify(|status| {
            status.is_synced = true;
            status.last_error = None;
            status.phase = Phase::Watching;
            version.clone_into(&mut status.resource_version);
        });
        Ok(())
    }

    async fn watch(
        &mut self,
        mut body: Body,
        is_initial: bool,
        course: &mut Course,
    ) -> Result<Ended, Stopped> {
        let began = Instant::now();
        let silence = self.manners.watch_timeout + GRACE;
        let mut lines = Lines::default();
        let mut reading = Reading {
            out: Vec::new(),
            put_off: Vec::new(),
            is_initial,
            n_items: 0,
            was_heard: false,
            version: 0,
            ended: None,
        };
        let ended = loop {
            let chunk = match timeout(silence, body.frame()).await {
                Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
                Ok(Some(Err(error))) => break Ended::Broken(chain(&error)),
                Ok(None) if lines.is_cut() => {
                    break Ended::Broken(
                        "the watch broke off in the middle of an event".to_owned(),
                    );
                }
                Ok(None) => {
                    let was_heard = reading.was_heard;
                    break Ended::Closed { lasted: began.elapsed(), was_heard };
                }
                Err(_) => break Ended::Silent,
            };
            // Each list that ends in this chunk is told where it ends.
            let mut list_ends = Vec::new();
            let (at, mut n, mut told) = (clock::now(), 0, Told::default());
            let (ear, n_items) = (&mut self.ear, reading.n_items);
            let read = lines.read(&chunk, |line| {
                if reading.ended.is_none() {
                    n += reading.line(line, ear, at, &mut told, &mut list_ends);
                }
            });
            let n_items = reading.n_items - n_items;
            let version = reading.version;
            self.count(chunk.len(), n, &told, |status| {
                status.n_listed += n_items;
                if version > 0 && list_ends.is_empty() && status.is_synced {
                    status.resource_version = version.to_string();
                    status.last_error = None;
                }
            });
            let mut out = reading.out.drain(..);
            for (n_before, version) in list_ends {
                for one in out.by_ref().take(n_before) {
                    self.out.send(one).await.map_err(|_| Stopped)?;
                }
                let done = self.ear.hear(Said::ListDone(&version), clock::now());
                if let Some(done) = done.out {
                    self.out.send(done).await.map_err(|_| Stopped)?;
                }
                self.status.send_modify(|status| {
                    status.is_synced = true;
                    status.last_error = None;
                    status.phase = Phase::Watching;
                    status.resource_version.clone_from(&version);
                });
                course.reached(version);
            }
            for one in out {
                self.out.send(one).await.map_err(|_| Stopped)?;
            }
            if let Some(ended) = reading.ended.take() {
                break ended;
            }
            if read.is_err() || reading.put_off.len() > MAX_PUT_OFF {
                break Ended::Broken("the watch says more than can be held".to_owned());
            }
        };
        if reading.version > 0 && !reading.is_initial {
            course.reached(reading.version.to_string());
        }
        Ok(ended)
    }

    async fn hand_on(&mut self, out: Option<E::Out>) -> Result<(), Stopped> {
        match out {
            Some(out) => self.out.send(out).await.map_err(|_| Stopped),
            None if self.out.is_closed() => Err(Stopped),
            None => Ok(()),
        }
    }

    fn count(&self, n_bytes: usize, n_events: u64, told: &Told, more: impl FnOnce(&mut Status)) {
        for one in &told.refused {
            let (Refused::Object(problem) | Refused::Stamp(_, problem)) = one;
            tracing::warn!(
                resource = self.target.resource(),
                problem,
                "Cannot read an object or its trace context"
            );
        }
        self.status.send_modify(|status| {
            status.n_bytes += n_bytes as u64;
            status.n_events += n_events;
            status.heard_at = Some(clock::now());
            status.n_stamps += told.n_stamps as u64;
            for one in &told.refused {
                match one {
                    Refused::Object(_) => status.n_refused += 1,
                    Refused::Stamp(flaw, _) => {
                        *status.refused_stamps.entry(*flaw).or_default() += 1;
                    }
                }
            }
            more(status);
        });
    }
}

/// What is counted of the objects in a chunk.
#[derive(Default)]
struct Told {
    n_stamps: usize,
    refused: Vec<Refused>,
}

impl<T: Send + 'static> Reading<T> {
    /// Reads a line; how many events it is. In the initial events an object that is added is an
    /// item of the list.
    fn line<E: Ear<Out = T>>(
        &mut self,
        line: &[u8],
        ear: &mut E,
        at: crate::facts::time::UnixNanos,
        told: &mut Told,
        list_ends: &mut Vec<(usize, String)>,
    ) -> u64 {
        let Some(Event { kind, object }) = Event::parse(line) else {
            self.ended = Some(Ended::Broken("the watch says what is no event".to_owned()));
            return 0;
        };
        let (is_item, is_end) = match kind {
            EventType::Error => {
                self.ended = Some(answer::error(object));
                return 0;
            }
            EventType::Bookmark => (false, self.is_initial && ends_initial_events(object)),
            EventType::Added => (self.is_initial, false),
            EventType::Modified | EventType::Deleted => (false, false),
        };
        let said = if is_item { Said::Listed(object) } else { Said::Watched(kind, object) };
        let Heard { out, version, n_stamps, refused } = ear.hear(said, at);
        told.n_stamps += n_stamps;
        told.refused.extend(refused);
        self.version = self.version.max(version);
        self.n_items += u64::from(is_item);
        self.was_heard |= kind != EventType::Bookmark;
        if is_end {
            self.is_initial = false;
            list_ends.push((self.out.len(), crate::kinds::list_version(object).to_string()));
            self.out.append(&mut self.put_off);
        } else if self.is_initial && !is_item {
            self.put_off.extend(out);
        } else {
            self.out.extend(out);
        }
        u64::from(kind != EventType::Bookmark && !is_item)
    }
}

/// Whether this bookmark says that all objects there are have been told (KEP-3157).
fn ends_initial_events(bookmark: &[u8]) -> bool {
    #[derive(Default, serde::Deserialize)]
    #[serde(default)]
    struct Bookmark {
        metadata: Metadata,
    }
    #[derive(Default, serde::Deserialize)]
    #[serde(default)]
    struct Metadata {
        annotations: std::collections::BTreeMap<String, String>,
    }
    let bookmark: Bookmark = serde_json::from_slice(bookmark).unwrap_or_default();
    bookmark.metadata.annotations.get("k8s.io/initial-events-end").is_some_and(|it| it == "true")
}

/// An error with its causes, as one line.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    crate::text::Chain(error).to_string()
}

async fn start(mut body: Body) -> Vec<u8> {
    let mut start = Vec::new();
    while let Ok(Some(Ok(frame))) = timeout(ANSWER, body.frame()).await {
        start.extend(frame.into_data().unwrap_or_default());
        if start.len() > MAX_ERROR {
            break;
        }
    }
    start
}
