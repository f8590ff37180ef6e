//! Asks, reads and hands on: the shell around [`ListWatch`], one for each target.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use http_body_util::BodyExt as _;
use serde_json::json;
use tokio::sync::{Mutex, mpsc, watch};
use tokio::time::{Instant, sleep, timeout};

use super::cut::{Page, Stream};
use super::left::are_there;
use super::list_watch::{Ended, ListWatch, Request, STALE};
use super::listener::Listener;
use super::reading::{Piece, Reading, Tally};
use super::status::{Phase, Progress, Status};
use super::target::{Target, WatchSettings};
use super::trouble::{Kind, Trouble};
use super::unreadable::Unreadable;
use crate::clock;
use crate::cluster::api_server::{Answer, ApiServer, PAUSE};
use crate::cluster::discovery;
use crate::cluster::refusal::Failed;
use crate::kinds::{Heard, Refused, Said, Schemas};
use crate::random::jitter;
use crate::text::Chain;

/// The server ends a watch itself; it is given this much longer to say so.
const GRACE: Duration = Duration::from_secs(5);

/// A resource that is not there when it is asked for so often has been removed, and all of it is gone: a
/// server that begins may not know yet what it serves.
const REMOVED: u32 = 2;

/// How often the log is told of a list that takes long.
const TELL_EVERY: Duration = Duration::from_secs(10);

/// So many bytes of a list are read before whoever listens takes what was in them: then little is on its
/// way, and the memory of it is at hand for what comes next.
const AT_ONCE: usize = 16 << 10;

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
    pub(super) unreadable: Unreadable,
    /// What schemas say, by the path of their document: shared by all that are read.
    pub(super) schemas: Arc<Mutex<BTreeMap<String, Schemas>>>,
    /// What the schema of its kind says has been asked.
    pub(super) has_learnt: bool,
    /// Another process had heard all until this resourceVersion.
    pub(super) from: Option<u64>,
    /// It has said that it broke off, and nothing since.
    pub(super) is_away: bool,
    /// When the log was last told how far the list is.
    pub(super) told: Instant,
}

impl<E: Listener> Reader<E> {
    /// Lists, and watches, and lists again.
    pub(super) async fn run(mut self, has_watch_list: bool) -> Result<(), Stopped> {
        let is_discovered = self.target.version.is_none();
        // What another process had heard may have been heard of what was restored since.
        let mut is_doubtful = self.from.is_some();
        let (mut was_there, mut n_missing) = (self.from.is_some(), 0);
        let mut list_watch = ListWatch::new(has_watch_list, self.has_no_backlog)
            .with_denied(self.settings.denied)
            .of_built_in(!is_discovered)
            .from(self.from);
        loop {
            if is_doubtful && list_watch.version().is_some() {
                let newest = self.newest().await;
                list_watch.compare(newest);
            }
            self.begin(&list_watch);
            let request = list_watch.request().clone();
            let ended = match self.discover().await {
                Ok(()) => {
                    self.learn().await;
                    self.ask(&request, &mut list_watch).await?
                }
                Err(failed) => failed.into(),
            };
            if is_discovered && matches!(ended, Ended::Failed(Failed::Refused { code: 404, .. })) {
                self.unlearn().await;
            }
            let kind = Kind::of(&ended);
            let next = list_watch.after(ended, jitter());
            self.trouble.ended(kind, &next, list_watch.version());
            is_doubtful = next.is_away;
            was_there |= list_watch.version().is_some();
            n_missing = if next.phase == Phase::Missing { n_missing + 1 } else { 0 };
            if was_there && n_missing == REMOVED {
                self.say(Said::ListDone("")).await?;
            }
            if next.is_away {
                self.is_away = true;
                self.say(Said::Closed).await?;
            }
            sleep(next.wait).await;
        }
    }

    /// Says of itself what no object tells.
    async fn say(&mut self, said: Said<'_>) -> Result<(), Stopped> {
        let said = self.listener.listen(said, self.api.machine().now());
        self.hand_on(said.out).await
    }

    /// The newest resourceVersion there is, if the server says it.
    async fn newest(&mut self) -> Option<u64> {
        self.discover().await.ok()?;
        let uri = self.target.uri(&Request::Page { next: None }, &self.settings, true);
        let said = self.api.get(&uri).await.ok()?;
        let mut page = Page::new(false);
        page.read(&said, |_| {}).ok()?;
        page.end().ok()?.version.parse().ok()
    }

    fn begin(&mut self, list_watch: &ListWatch) {
        if !matches!(list_watch.request(), Request::Page { next: Some(_) }) {
            self.told = Instant::now();
        }
        self.status.send_modify(|status| match list_watch.request() {
            Request::Page { next: Some(_) } => {}
            Request::Page { next: None } | Request::Whole | Request::WatchList => {
                status.phase = Phase::Listing;
                status.n_lists += 1;
                status.n_relists += u64::from(status.is_synced);
                status.list = Progress { began: Some(clock::now()), ..Progress::default() };
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
        if self.target.version.is_some() {
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
                self.target.version = Some(version);
                return Ok(());
            }
        }
        let message = format!("{group} has no {plural} to be listed and watched");
        Err(Failed::Refused { code: 404, message, retry_after: None })
    }

    /// Learns once in what words the kind could say how it is. Whoever may read it may ask that; where
    /// it is not answered, time tells. Kinds of one group and version share the answer.
    async fn learn(&mut self) {
        if self.has_learnt || !self.listener.asks_for_schema() || self.target.group.is_empty() {
            return;
        }
        let Some(version) = &self.target.version else { return };
        self.has_learnt = true;
        let path = schemas_path(&self.target.group, version);
        let mut known = self.schemas.lock().await;
        if !known.contains_key(&path)
            && let Ok(document) = self.api.get(&path).await
        {
            known.insert(path.clone(), Schemas::read(&document));
        }
        if let Some(schemas) = known.get(&path) {
            self.listener.learn(schemas);
        }
    }

    /// A kind that is gone may come back in another version, or with another schema.
    async fn unlearn(&mut self) {
        if let Some(version) = self.target.version.take() {
            let path = schemas_path(&self.target.group, &version);
            self.schemas.lock().await.remove(&path);
        }
        self.has_learnt = false;
    }

    async fn ask(
        &mut self,
        request: &Request,
        list_watch: &mut ListWatch,
    ) -> Result<Ended, Stopped> {
        let accept = self.target.accept(self.settings.encoding);
        let uri = self.target.uri(request, &self.settings, self.has_no_backlog);
        let opened = match request {
            Request::Page { .. } | Request::Whole => self.api.open(&uri, accept).await,
            Request::WatchList | Request::Watch { .. } => self.api.watch(&uri, accept).await,
        };
        let answer = match opened {
            Ok(answer) => answer,
            Err(failed) => return Ok(failed.into()),
        };
        self.trouble.answered();
        if std::mem::take(&mut self.is_away)
            && let Request::Watch { version } = request
        {
            // It goes on, though perhaps nothing has happened meanwhile.
            let bookmark = json!({"metadata": {"resourceVersion": version}}).to_string();
            let said = Said::Bookmark(bookmark.as_bytes());
            let heard = self.listener.listen(said, self.api.machine().now());
            self.hand_on(heard.out).await?;
            self.status.send_modify(|status| status.is_synced = true);
        }
        match request {
            Request::Page { .. } | Request::Whole => self.page(answer, list_watch).await,
            Request::WatchList | Request::Watch { .. } => {
                self.watch(answer, *request == Request::WatchList, list_watch).await
            }
        }
    }

    async fn page(&mut self, answer: Answer, list_watch: &mut ListWatch) -> Result<Ended, Stopped> {
        let Answer { mut body, is_protobuf } = answer;
        let mut items = Page::new(is_protobuf);
        // The other pages are of the same list.
        let mut is_doubtful = !matches!(list_watch.request(), Request::Page { next: Some(_) });
        loop {
            let chunk = match timeout(PAUSE, body.frame()).await {
                Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
                Ok(Some(Err(error))) => return Ok(broken(Chain(&error).to_string())),
                Ok(None) => break,
                Err(_) => return Ok(broken(format!("the list paused for {PAUSE:?}"))),
            };
            let (at, mut tally) = (self.api.machine().now(), Tally::default());
            let mut ended = None;
            for piece in chunk.chunks(AT_ONCE) {
                let mut out = Vec::new();
                let (listener, is_skipped) = (&mut self.listener, self.has_no_backlog);
                let read = items.read(piece, |item| {
                    tally.n_items += 1;
                    if !is_skipped {
                        let Heard { out: one, n_stamps, refused, .. } =
                            listener.listen(Said::Listed(item), at);
                        out.extend(one);
                        tally.add(n_stamps, refused);
                    }
                });
                if let Some(version) = items.version().filter(|_| is_doubtful) {
                    is_doubtful = false;
                    if list_watch.is_stale(version) {
                        ended = Some(broken(STALE));
                        break;
                    }
                }
                for one in out {
                    self.hand_on(Some(one)).await?;
                }
                if let Err(error) = read {
                    ended = Some(broken(error.to_string()));
                    break;
                }
                let_others_go_on().await;
            }
            self.count(chunk.len(), &tally, |_| {});
            self.tell_progress();
            if let Some(ended) = ended {
                return Ok(ended);
            }
        }
        let meta = match items.end() {
            Ok(meta) => meta,
            Err(error) => return Ok(broken(error.to_string())),
        };
        self.status.send_modify(|status| status.list.n_pages += 1);
        if meta.next.is_none() || self.has_no_backlog {
            self.list_done(&meta.version).await?;
        }
        Ok(Ended::Page(meta))
    }

    async fn list_done(&mut self, version: &str) -> Result<(), Stopped> {
        let done = self.listener.listen(Said::ListDone(version), self.api.machine().now());
        self.hand_on(done.out).await?;
        self.status.send_modify(|status| {
            status.is_synced = true;
            status.last_error = None;
            status.phase = Phase::Watching;
            status.resource_version = Some(version.to_owned());
            status.list.ended = Some(clock::now());
        });
        if !self.has_no_backlog {
            self.log_progress("Listed");
        }
        Ok(())
    }

    /// A list that takes long tells how far it is.
    fn tell_progress(&mut self) {
        let is_listing = self.status.borrow().phase == Phase::Listing;
        if is_listing && self.told.elapsed() >= TELL_EVERY {
            self.told = Instant::now();
            self.log_progress("Listing");
        }
    }

    fn log_progress(&self, what: &str) {
        let list = self.status.borrow().list;
        let (resource, namespace) = (self.target.resource(), self.target.namespace.as_str());
        let seconds = list.took(clock::now()).unwrap_or_default().millis() as f64 / 1_000.0;
        let Progress { n_objects: objects, n_pages: pages, .. } = list;
        tracing::info!(resource, namespace, objects, pages, seconds, "{what}");
    }

    async fn watch(
        &mut self,
        answer: Answer,
        is_initial: bool,
        list_watch: &mut ListWatch,
    ) -> Result<Ended, Stopped> {
        let began = Instant::now();
        let silence = self.settings.watch_timeout + GRACE;
        let Answer { mut body, is_protobuf } = answer;
        let mut events = Stream::new(is_protobuf);
        let mut reading = Reading::new(is_initial, self.target.has_selector());
        let ended = loop {
            let chunk = match timeout(silence, body.frame()).await {
                Ok(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
                Ok(Some(Err(error))) => break broken(Chain(&error).to_string()),
                Ok(None) if events.is_cut() => {
                    break broken("the watch broke off in the middle of an event");
                }
                Ok(None) => {
                    let was_heard = reading.was_heard;
                    break Ended::Closed { lasted: began.elapsed(), was_heard };
                }
                Err(_) => break Ended::Silent,
            };
            let at = self.api.machine().now();
            let mut tally = Tally::default();
            let listener = &mut self.listener;
            let read = events.read(&chunk, |said| reading.event(said, listener, at, &mut tally));
            let version = reading.version.filter(|_| !reading.has_list_ended());
            self.count(chunk.len(), &tally, |status| {
                if let Some(version) = version.filter(|_| status.is_synced) {
                    status.resource_version = Some(version.to_string());
                    status.last_error = None;
                }
            });
            self.tell_progress();
            let pieces = reading.take();
            let left = pieces.iter().filter_map(Piece::left).collect();
            let mut are_there = are_there(&self.api, &self.target, left).await.into_iter();
            for piece in pieces {
                match piece {
                    Piece::Left(object, _, at) => {
                        let is_there = are_there.next().unwrap_or(false);
                        let said = if is_there { Said::Unmatched } else { Said::Deleted };
                        let heard = self.listener.listen(said(&object), at);
                        self.hand_on(heard.out).await?;
                    }
                    Piece::Said(one) => self.hand_on(Some(one)).await?,
                    Piece::ListDone(version) => {
                        let version = version.to_string();
                        if list_watch.is_stale(&version) {
                            return Ok(broken(STALE));
                        }
                        self.list_done(&version).await?;
                        list_watch.reached(version);
                    }
                }
            }
            if let Some(ended) = reading.ended.take() {
                break ended.into();
            }
            if read.is_err() || reading.is_too_much() {
                break broken("the watch says more than can be held");
            }
        };
        if let Some(version) = reading.version.filter(|_| !reading.is_initial) {
            list_watch.reached(version.to_string());
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

    fn count(&mut self, n_bytes: usize, tally: &Tally, more: impl FnOnce(&mut Status)) {
        self.unreadable.tell(&tally.refused);
        self.status.send_modify(|status| {
            status.n_bytes += n_bytes as u64;
            status.n_events += tally.n_events;
            status.list.n_objects += tally.n_items;
            status.heard_at = Some(clock::now());
            status.n_stamps += tally.n_stamps as u64;
            for one in &tally.refused {
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

/// Lets those go on that can: tokio's `yield_now` asks the system besides what has come, by a call of its
/// own each time.
async fn let_others_go_on() {
    let mut have_gone_on = false;
    let wait = poll_fn(|context| {
        if std::mem::replace(&mut have_gone_on, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    });
    wait.await;
}

fn schemas_path(group: &str, version: &str) -> String {
    format!("/openapi/v3/apis/{group}/{version}")
}

fn broken(why: impl Into<String>) -> Ended {
    Ended::Failed(Failed::Broken(why.into()))
}
