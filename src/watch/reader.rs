//! Asks, reads and hands on: the shell around [`ListWatch`], one for each target.

use std::time::Duration;

use http_body_util::BodyExt as _;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};

use super::json::list::Items;
use super::json::stream::{Event, EventType, Lines};
use super::list_watch::{Ended, ListWatch, Request};
use super::listener::{Heard, Listener, Refused, Said};
use super::status::{Phase, Status};
use super::target::{Target, WatchSettings};
use super::trouble::{Kind, Trouble};
use crate::clock;
use crate::cluster::api_server::{ApiServer, Body, PAUSE};
use crate::cluster::discovery;
use crate::cluster::refusal::{self, Failed};
use crate::random::jitter;
use crate::text::Chain;

/// The server ends a watch itself; it is given this much longer to say so.
const GRACE: Duration = Duration::from_secs(5);

/// In the initial events of a watch, changes are put off until the list is complete; if they are
/// more than this, a plain list is the better way.
const MAX_PUT_OFF: usize = 10_000;

/// Whoever listened has gone.
#[derive(Debug)]
pub(super) struct Stopped;

/// Reads one target for as long as anybody listens.
pub(super) struct Reader<E: Listener> {
    pub(super) api: ApiServer,
    pub(super) target: Target,
    pub(super) settings: WatchSettings,
    /// Of Events only what is yet to come is read.
    pub(super) has_no_backlog: bool,
    pub(super) listener: E,
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

impl<E: Listener> Reader<E> {
    /// Lists, and watches, and lists again.
    pub(super) async fn run(mut self, has_watch_list: bool) -> Result<(), Stopped> {
        let is_discovered = self.target.version.is_empty();
        let mut list_watch =
            ListWatch::new(has_watch_list, self.has_no_backlog).with_denied(self.settings.denied);
        loop {
            self.begin(&list_watch);
            let request = list_watch.request().clone();
            let ended = match self.discover().await {
                Ok(()) => self.ask(&request, &mut list_watch).await?,
                Err(failed) => failed.into(),
            };
            if is_discovered && matches!(ended, Ended::Failed(Failed::Refused { code: 404, .. })) {
                // It may come back in another version.
                self.target.version.clear();
            }
            let kind = Kind::of(&ended);
            let next = list_watch.after(ended, jitter());
            self.trouble.ended(kind, &next, list_watch.version());
            if next.is_away {
                let closed = self.listener.hear(Said::Closed, clock::now());
                self.hand_on(closed.out).await?;
            }
            sleep(next.wait).await;
        }
    }

    fn begin(&self, list_watch: &ListWatch) {
        let is_first_page = |next: &str| next.is_empty();
        self.status.send_modify(|status| match list_watch.request() {
            Request::Page { next } if !is_first_page(next) => {}
            Request::Page { .. } | Request::WatchList => {
                status.phase = Phase::Listing;
                status.n_lists += 1;
                status.n_relists += u64::from(status.is_synced);
                status.n_listed = 0;
                status.n_watches += u64::from(list_watch.request() == &Request::WatchList);
            }
            Request::Watch { .. } => {
                status.phase = Phase::Watching;
                status.n_watches += 1;
            }
        });
    }

    /// Finds the version in which a resource is served, if that is not known.
    async fn discover(&mut self) -> Result<(), Failed> {
        if !self.target.version.is_empty() {
            return Ok(());
        }
        let Target { group, plural, .. } = &self.target;
        let said = self.api.get(&format!("/apis/{group}")).await?;
        self.trouble.answered();
        let nonsense = || Failed::Broken(format!("what is said of {group} is no API group"));
        for version in discovery::group(&said).ok_or_else(nonsense)?.versions {
            let said = self.api.get(&format!("/apis/{group}/{version}")).await?;
            let found = discovery::resources(&said).ok_or_else(nonsense)?;
            if found.iter().any(|it| it.name == *plural && it.can_be_watched()) {
                self.target.version = version;
                return Ok(());
            }
        }
        let message = format!("{group} has no {plural} to be listed and watched");
        Err(Failed::Refused { code: 404, message, retry_after: None })
    }

    async fn ask(
        &mut self,
        request: &Request,
        list_watch: &mut ListWatch,
    ) -> Result<Ended, Stopped> {
        let uri = self.target.uri(request, &self.settings, self.has_no_backlog);
        let body = match self.api.open(&uri).await {
            Ok(body) => body,
            Err(failed) => return Ok(failed.into()),
        };
        self.trouble.answered();
        match request {
            Request::Page { .. } => self.page(body).await,
            Request::WatchList | Request::Watch { .. } => {
                self.watch(body, *request == Request::WatchList, list_watch).await
            }
        }
    }

    async fn page(&mut self, mut body: Body) -> Result<Ended, Stopped> {
        let mut items = Items::new();
        loop {
            let chunk = match timeout(PAUSE, body.frame()).await {
                Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
                Ok(Some(Err(error))) => return Ok(broken(Chain(&error).to_string())),
                Ok(None) => break,
                Err(_) => return Ok(broken(format!("the list paused for {PAUSE:?}"))),
            };
            let (at, mut out, mut n) = (clock::now(), Vec::new(), 0);
            let (listener, is_skipped) = (&mut self.listener, self.has_no_backlog);
            let mut told = Told::default();
            let read = items.read(&chunk, |item| {
                n += 1;
                if !is_skipped {
                    let heard = listener.hear(Said::Listed(item), at);
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
                return Ok(broken(error.to_string()));
            }
        }
        let meta = match items.end() {
            Ok(meta) => meta,
            Err(error) => return Ok(broken(error.to_string())),
        };
        if meta.next.is_empty() || self.has_no_backlog {
            self.list_done(&meta.version).await?;
        }
        Ok(Ended::Page(meta))
    }

    async fn list_done(&mut self, version: &str) -> Result<(), Stopped> {
        let done = self.listener.hear(Said::ListDone(version), clock::now());
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
        list_watch: &mut ListWatch,
    ) -> Result<Ended, Stopped> {
        let began = Instant::now();
        let silence = self.settings.watch_timeout + GRACE;
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
                Ok(Some(Err(error))) => break broken(Chain(&error).to_string()),
                Ok(None) if lines.is_cut() => {
                    break broken("the watch broke off in the middle of an event".to_owned());
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
            let (listener, n_items) = (&mut self.listener, reading.n_items);
            let read = lines.read(&chunk, |line| {
                if reading.ended.is_none() {
                    n += reading.line(line, listener, at, &mut told, &mut list_ends);
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
                let done = self.listener.hear(Said::ListDone(&version), clock::now());
                if let Some(done) = done.out {
                    self.out.send(done).await.map_err(|_| Stopped)?;
                }
                self.status.send_modify(|status| {
                    status.is_synced = true;
                    status.last_error = None;
                    status.phase = Phase::Watching;
                    status.resource_version.clone_from(&version);
                });
                list_watch.reached(version);
            }
            for one in out {
                self.out.send(one).await.map_err(|_| Stopped)?;
            }
            if let Some(ended) = reading.ended.take() {
                break ended;
            }
            if read.is_err() || reading.put_off.len() > MAX_PUT_OFF {
                break broken("the watch says more than can be held".to_owned());
            }
        };
        if reading.version > 0 && !reading.is_initial {
            list_watch.reached(reading.version.to_string());
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
    fn line<E: Listener<Out = T>>(
        &mut self,
        line: &[u8],
        listener: &mut E,
        at: crate::facts::time::UnixNanos,
        told: &mut Told,
        list_ends: &mut Vec<(usize, String)>,
    ) -> u64 {
        let Some(Event { kind, object }) = Event::parse(line) else {
            self.ended = Some(broken("the watch says what is no event".to_owned()));
            return 0;
        };
        let (is_item, is_end) = match kind {
            EventType::Error => {
                self.ended = Some(refusal::error(object).into());
                return 0;
            }
            EventType::Bookmark => (false, self.is_initial && ends_initial_events(object)),
            EventType::Added => (self.is_initial, false),
            EventType::Modified | EventType::Deleted => (false, false),
        };
        let said = if is_item { Said::Listed(object) } else { Said::Watched(kind, object) };
        let Heard { out, version, n_stamps, refused } = listener.hear(said, at);
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

fn broken(why: impl Into<String>) -> Ended {
    Ended::Failed(Failed::Broken(why.into()))
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
