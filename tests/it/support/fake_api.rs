//! An API server on loopback that plays a recording, and fails as it is told to.
//!
//! Each resource has its history: the objects of the recording's list, and the events after it. A
//! list shows the objects as they are at the point up to which events were sent; a watch sends
//! what was written after its resourceVersion.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a panic is a failed test"
)]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE, DATE};
use http::{HeaderValue, Request, Response};
use http_body_util::StreamBody;
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kube_client::{Client, Config};
use lifespan::cluster::connect::{Cluster, identify};
use prost::bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;

use super::lines::{Line, Type};
use super::protobuf;

/// The uid of the cluster that it is.
pub(crate) const CLUSTER: &str = "00000000-0000-4000-8000-000000000000";

/// What is asked for in protobuf first.
const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

/// What goes wrong with the next request for a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A list or a watch is refused with this status, and these seconds of `Retry-After`.
    Refuse(u16, Option<u64>),
    /// A list is as it was so many events ago.
    Behind(usize),
    /// A list breaks off in the middle of an item.
    CutList,
    /// The second page of a list has expired.
    ExpiredPage,
    /// After each page of a list comes another one, for ever.
    EndlessList,
    /// A watch is closed after so many events.
    CloseAfter(usize),
    /// A watch breaks off in the middle of the event after so many.
    CutAfter(usize),
    /// A watch ends with 410 after so many events, and so many are never told.
    ExpireAfter(usize, usize),
    /// A watch falls silent after so many events.
    SilentAfter(usize),
    /// A watch tells its last so many events again, from the beginning of its stream.
    Repeat(usize),
    /// A watch says what is no event, in the middle of it.
    Garbage(usize),
}

/// One resource.
#[derive(Debug, Default)]
struct History {
    /// Objects before the first event, by uid.
    before: BTreeMap<String, String>,
    events: Arc<Vec<Event>>,
    /// At what pace it is played; without one all of it is told at once.
    pace: Option<Pace>,
    /// Events that were sent, or lie before what was listed.
    reached: usize,
    first_version: u64,
    /// What the last bookmark told, or the last list; older versions are forgotten with bookmarks.
    marked: u64,
    faults: VecDeque<Fault>,
}

#[derive(Debug)]
struct Event {
    /// When it is told, after the start.
    after: Duration,
    version: u64,
    kind: &'static str,
    uid: String,
    object: String,
}

/// What befalls the server while it plays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Weather {
    /// So much of what it plays was passed over in no time.
    pub(crate) skipped: Duration,
    /// A watch from before this resourceVersion is refused.
    pub(crate) forgotten: u64,
    /// Nothing is said of this resource, of none if this is empty.
    pub(crate) silent: String,
    /// Requests with this in their path are refused with this status.
    pub(crate) refuses: Option<(&'static str, u16)>,
}

/// When what is played happens.
#[derive(Clone, Debug)]
struct Pace {
    started: Instant,
    weather: watch::Receiver<Weather>,
    expired: watch::Sender<usize>,
}

impl Pace {
    fn due(&self, after: Duration) -> Instant {
        self.started + after.saturating_sub(self.weather.borrow().skipped)
    }

    fn has_come(&self, after: Duration) -> bool {
        self.due(after) <= Instant::now()
    }

    /// Waits until what happens `after` the start has, and is told of `resource`.
    async fn until(&mut self, after: Duration, resource: &str) {
        loop {
            let is_silent = self.weather.borrow_and_update().silent == resource;
            if !is_silent && self.has_come(after) {
                return;
            }
            let due = self.due(after);
            tokio::select! {
                () = tokio::time::sleep_until(due), if !is_silent => {}
                changed = self.weather.changed() => if changed.is_err() { return },
            }
        }
    }
}

/// The server; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct FakeApi {
    /// `http://127.0.0.1:port`
    pub(crate) url: String,
    /// Path and query of requests as they came, those without a token that is accepted excepted.
    pub(crate) requests: Arc<Mutex<Vec<String>>>,
    /// The one token that is accepted; any if empty. Whoever came with another one is cut off.
    pub(crate) token: watch::Sender<String>,
    /// What befalls it.
    pub(crate) weather: watch::Sender<Weather>,
    /// How many watches it refused because it has forgotten where they begin.
    pub(crate) expired: watch::Sender<usize>,
    _server: JoinSet<()>,
}

type Histories = Arc<BTreeMap<String, Mutex<History>>>;
type Body = StreamBody<ReceiverStream<Result<Frame<Bytes>, io::Error>>>;

/// How the server behaves beyond faults.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Manner {
    /// It knows `sendInitialEvents`.
    pub(crate) has_watch_list: bool,
    /// Objects in a page, whatever is asked for.
    pub(crate) page: usize,
    /// A watch tells after so many events how far it is, and every watch from before what it told
    /// is refused: 0 never does.
    pub(crate) bookmarks: usize,
    /// Its clock is ahead by so many seconds.
    pub(crate) ahead: i64,
    /// It has no protobuf.
    pub(crate) has_json_alone: bool,
}

impl Manner {
    /// As servers are today.
    pub(crate) const WATCH_LIST: Self =
        Self { has_watch_list: true, page: 500, bookmarks: 0, ahead: 0, has_json_alone: false };
}

impl FakeApi {
    /// Plays `lines` at the pace of the recording, as if it began now.
    pub(crate) async fn start_live(
        lines: &[Line],
        manner: Manner,
        faults: &[(&str, Vec<Fault>)],
    ) -> Self {
        Self::start_live_after(lines, 0, manner, faults).await
    }

    /// The same, as if it began `lead` seconds from now.
    pub(crate) async fn start_live_after(
        lines: &[Line],
        lead: i64,
        manner: Manner,
        faults: &[(&str, Vec<Fault>)],
    ) -> Self {
        let now = lifespan::clock::now().0;
        let lines = super::moved::moved_to(lines, now + lead * 1_000_000_000);
        Self::start_at(&lines, now, manner, faults).await
    }

    /// Plays `lines` as they are at their pace, from now on, which is `begin` for the server.
    pub(crate) async fn start_at(
        lines: &[Line],
        begin: i64,
        manner: Manner,
        faults: &[(&str, Vec<Fault>)],
    ) -> Self {
        Self::play(lines, Some(begin), manner, faults).await
    }

    /// Plays `lines` in one go, with faults by resource.
    pub(crate) async fn start(
        lines: &[Line],
        manner: Manner,
        faults: &[(&str, Vec<Fault>)],
    ) -> Self {
        Self::play(lines, None, manner, faults).await
    }

    async fn play(
        lines: &[Line],
        begin: Option<i64>,
        manner: Manner,
        faults: &[(&str, Vec<Fault>)],
    ) -> Self {
        let weather = watch::Sender::new(Weather::default());
        let expired = watch::Sender::new(0);
        let (started, befalls) = (Instant::now(), weather.subscribe());
        let pace = Pace { started, weather: befalls.clone(), expired: expired.clone() };
        let mut histories = read(lines, begin, &pace);
        for (resource, faults) in faults {
            let history = histories.get_mut(*resource).expect("the recording has the resource");
            history.faults = faults.iter().cloned().collect();
        }
        let histories: Histories = Arc::new(
            histories.into_iter().map(|(name, history)| (name, Mutex::new(history))).collect(),
        );
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let mut server = JoinSet::new();
        let seen = requests.clone();
        let token = watch::Sender::new(String::new());
        // How far its clock is behind this machine's where it plays what has been.
        let behind = begin.map_or(0, |begin| lifespan::clock::now().0 - begin);
        let accepted = token.subscribe();
        server.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (histories, seen) = (histories.clone(), seen.clone());
                let mut changed = accepted.clone();
                let (accepted, befalls) = (accepted.clone(), befalls.clone());
                let service = service_fn(move |request: Request<Incoming>| {
                    let (histories, seen) = (histories.clone(), seen.clone());
                    let accepted = accepted.borrow().clone();
                    let Weather { skipped, refuses, .. } = befalls.borrow().clone();
                    let skipped = skipped.as_nanos();
                    let refuses = refuses.filter(|(path, _)| request.uri().path().contains(path));
                    let behind = behind - i64::try_from(skipped).unwrap();
                    async move {
                        if !accepted.is_empty() && !is_from(&request, &accepted) {
                            return Ok(status(401, None));
                        }
                        seen.lock().await.push(request.uri().to_string());
                        if let Some((_, code)) = refuses {
                            return Ok(status(code, Some(1)));
                        }
                        let mut answer = answer(&histories, manner, &request).await;
                        answer
                            .headers_mut()
                            .insert(DATE, date(manner.ahead * 1_000_000_000 - behind));
                        Ok::<_, Infallible>(answer)
                    }
                });
                connections.spawn(async move {
                    changed.mark_unchanged();
                    tokio::select! {
                        served = http1::Builder::new()
                            .serve_connection(TokioIo::new(stream), service) => drop(served),
                        Ok(()) = changed.changed() => {}
                    }
                });
            }
        });
        Self { url, requests, token, weather, expired, _server: server }
    }

    /// The cluster, as a client finds it.
    pub(crate) async fn cluster(&self) -> Cluster {
        let mut config = Config::new(self.url.parse().unwrap());
        config.default_retry = false;
        identify(Client::try_from(config).unwrap(), self.url.clone()).await.unwrap()
    }
}

/// The histories of `lines`; where they are played at a pace, their clock shows `begin` now.
fn read(lines: &[Line], begin: Option<i64>, pace: &Pace) -> BTreeMap<String, History> {
    let mut histories: BTreeMap<String, (History, Vec<Event>)> = BTreeMap::new();
    for line in lines {
        let (history, events) = histories.entry(line.resource.to_string()).or_default();
        let version = text(&line.object, "resourceVersion").and_then(|it| it.parse().ok());
        let uid = text(&line.object, "uid").unwrap_or_default();
        let kind = match line.kind {
            Type::Added => "ADDED",
            Type::Modified => "MODIFIED",
            Type::Deleted => "DELETED",
            Type::List => {
                history.before.insert(uid, line.object.clone());
                continue;
            }
            Type::ListDone => {
                history.first_version = version.unwrap_or(1);
                continue;
            }
            Type::Bookmark | Type::Closed | Type::Error => continue,
        };
        let after = begin.map_or(0, |begin| line.at - begin);
        let after = Duration::from_nanos(after.try_into().unwrap_or(0));
        let object = line.object.clone();
        events.push(Event { after, version: version.unwrap(), kind, uid, object });
    }
    let whole = |(name, (history, events))| {
        let pace = begin.map(|_| pace.clone());
        (name, History { events: Arc::new(events), pace, ..history })
    };
    histories.into_iter().map(whole).collect()
}

fn is_from(request: &Request<Incoming>, token: &str) -> bool {
    let told = request.headers().get("authorization").and_then(|it| it.to_str().ok());
    told == Some(&format!("Bearer {token}"))
}

/// What is said of Widgets: no field of their status has a word for how they are.
const WIDGETS: &str = r#"{"components":{"schemas":{"com.example.v1.Widget":{"properties":{
    "status":{"type":"object","properties":{"revision":{"type":"integer"}}}},
    "x-kubernetes-group-version-kind":[{"group":"example.com","kind":"Widget","version":"v1"}]}}}}"#;

/// The head of an answer tells the second it was made in, by a clock that is ahead by so much.
fn date(ahead: i64) -> HeaderValue {
    let now = (lifespan::clock::now().0 + ahead).div_euclid(1_000_000_000);
    let now = jiff::Timestamp::from_second(now).unwrap();
    HeaderValue::from_str(&now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()).unwrap()
}

async fn answer(
    histories: &Histories,
    manner: Manner,
    request: &Request<Incoming>,
) -> Response<Body> {
    let path = request.uri().path();
    let query: BTreeMap<_, _> = request
        .uri()
        .query()
        .unwrap_or_default()
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    let parts: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
    let resource = match parts.as_slice() {
        ["version"] => return whole(200, r#"{"major":"1","minor":"36","gitVersion":"v1.36.0"}"#),
        ["api", "v1", "namespaces", "kube-system"] => {
            return whole(200, &format!(r#"{{"metadata":{{"uid":"{CLUSTER}"}}}}"#));
        }
        ["apis"] => {
            let names: BTreeSet<_> = histories.keys().filter_map(|it| group_of(it)).collect();
            let groups: Vec<_> = names.into_iter().map(group).collect();
            return whole(200, &format!(r#"{{"groups":[{}]}}"#, groups.join(",")));
        }
        ["openapi", "v3", "apis", "example.com", "v1"] => return whole(200, WIDGETS),
        ["apis", name] => return discovered(histories, name, &group(name)).await,
        ["apis", name, "v1"] => {
            let plurals: Vec<_> = histories
                .keys()
                .filter(|it| group_of(it) == Some(name))
                .filter_map(|it| it.split('.').next())
                .map(|it| format!(r#"{{"name":"{it}","verbs":["list","watch"]}}"#))
                .collect();
            let list = format!(r#"{{"resources":[{}]}}"#, plurals.join(","));
            return discovered(histories, name, &list).await;
        }
        ["api", _, "namespaces", _, plural, name] => {
            let Some(history) = histories.get(*plural) else { return status(404, None) };
            return history.lock().await.still(name);
        }
        ["api", _, plural] => (*plural).to_owned(),
        ["apis", group, _, plural] => format!("{plural}.{group}"),
        _ => return status(404, None),
    };
    let Some(history) = histories.get(&resource) else { return status(404, None) };
    let mut history = history.lock().await;
    let is_watch = query.contains_key("watch");
    if let Some(Fault::Refuse(code, after)) = history.faults.front().cloned() {
        history.faults.pop_front();
        return status(code, after);
    }
    let accept = request.headers().get(ACCEPT).and_then(|it| it.to_str().ok());
    let is_asked = accept.is_some_and(|it| it.starts_with(PROTOBUF));
    let form = Form { is_protobuf: is_asked && !manner.has_json_alone, resource };
    if !is_watch {
        let reached = history.reached;
        if let Some(Fault::Behind(n)) = history.faults.front().cloned() {
            history.faults.pop_front();
            history.reached -= n;
        }
        let answer = list(&mut history, manner, &query, &form);
        history.reached = reached;
        return form.marked(answer);
    }
    let is_initial = query.contains_key("sendInitialEvents");
    if is_initial && !manner.has_watch_list {
        return status(422, None);
    }
    form.marked(watched(&mut history, manner, &query, is_initial, &form))
}

/// In what form a resource is told.
#[derive(Clone)]
struct Form {
    is_protobuf: bool,
    resource: String,
}

impl Form {
    fn event(&self, kind: &str, object: &str) -> Vec<u8> {
        if self.is_protobuf {
            return protobuf::frame(&self.resource, kind, object);
        }
        format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n").into_bytes()
    }

    fn list(&self, json: String) -> Vec<u8> {
        if self.is_protobuf { protobuf::list(&self.resource, &json) } else { json.into_bytes() }
    }

    /// The answer, which says in what form it is.
    fn marked(&self, mut answer: Response<Body>) -> Response<Body> {
        let content = match self.is_protobuf {
            true => "application/vnd.kubernetes.protobuf;stream=watch",
            false => "application/json",
        };
        if answer.status().is_success() {
            answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content));
        }
        answer
    }
}

impl History {
    /// An object by its name: of those that a watch called deleted the ones are still there that have a
    /// label `no-longer`.
    fn still(&self, name: &str) -> Response<Body> {
        let is_it = |object: &str| text(object, "name").is_some_and(|it| it == name);
        let events = self.events.iter().filter(|event| event.kind == "DELETED");
        let mut objects = events.map(|event| &event.object).filter(|object| is_it(object));
        match objects.find(|object| object.contains("\"no-longer\"")) {
            Some(object) => whole(200, object),
            None => status(404, None),
        }
    }
}

fn group_of(resource: &str) -> Option<&str> {
    resource.split_once('.').map(|(_, group)| group)
}

fn group(name: &str) -> String {
    format!(
        r#"{{"name":"{name}","versions":[{{"version":"v1"}}],"preferredVersion":{{"version":"v1"}}}}"#
    )
}

/// What is said of a group, unless it is not there or a resource of it is to be refused.
async fn discovered(histories: &Histories, group: &str, said: &str) -> Response<Body> {
    let mut is_there = false;
    for (resource, history) in histories.iter() {
        if group_of(resource) != Some(group) {
            continue;
        }
        is_there = true;
        let mut history = history.lock().await;
        if let Some(Fault::Refuse(code, after)) = history.faults.front().cloned() {
            history.faults.pop_front();
            return status(code, after);
        }
    }
    if is_there { whole(200, said) } else { status(404, None) }
}

fn list(
    history: &mut History,
    manner: Manner,
    query: &BTreeMap<String, String>,
    form: &Form,
) -> Response<Body> {
    let is_second = query.contains_key("continue");
    if is_second && history.faults.front() == Some(&Fault::ExpiredPage) {
        history.faults.pop_front();
        return status(410, None);
    }
    let objects: Vec<_> = history.objects().into_values().collect();
    let from: usize = query.get("continue").and_then(|it| it.parse().ok()).unwrap_or(0);
    let until = (from + manner.page.max(1)).min(objects.len());
    let is_endless = history.faults.front() == Some(&Fault::EndlessList);
    let next = match until {
        _ if is_endless => r#","continue":"0""#.to_owned(),
        until if until < objects.len() => format!(r#","continue":"{until}""#),
        _ => String::new(),
    };
    let body = format!(
        r#"{{"kind":"List","apiVersion":"v1","metadata":{{"resourceVersion":"{}"{next}}},"items":[{}]}}"#,
        history.version(),
        objects[from.min(until)..until].join(",")
    );
    let mut body = form.list(body);
    if history.faults.front() == Some(&Fault::CutList) && body.len() > 200 {
        history.faults.pop_front();
        body.truncate(body.len() - 100);
        return stream(200, [Ok(body), Err(())].map(at_once), false, None);
    }
    stream(200, [at_once(Ok(body))], false, None)
}

fn watched(
    history: &mut History,
    manner: Manner,
    query: &BTreeMap<String, String>,
    is_initial: bool,
    form: &Form,
) -> Response<Body> {
    let mut version = query.get("resourceVersion").and_then(|it| it.parse().ok()).unwrap_or(0);
    let forgotten = history.pace.as_ref().map_or(0, |pace| pace.weather.borrow().forgotten);
    let is_forgotten = !is_initial && version < forgotten;
    if let Some(pace) = history.pace.as_ref().filter(|_| is_forgotten) {
        pace.expired.send_modify(|n| *n += 1);
    }
    if is_forgotten && version.is_multiple_of(2) {
        return stream(200, [at_once(Ok(form.event("ERROR", EXPIRED)))], false, None);
    }
    let is_behind = manner.bookmarks > 0 && version < history.marked;
    if is_forgotten || (!is_initial && is_behind) {
        return status(410, None);
    }
    let mut first = Vec::new();
    if is_initial {
        version = history.version();
        first.extend(history.objects().values().map(|it| at_once(Ok(form.event("ADDED", it)))));
        let bookmark = format!(
            r#"{{"metadata":{{"resourceVersion":"{version}","annotations":{{"k8s.io/initial-events-end":"true"}}}}}}"#
        );
        first.push(at_once(Ok(form.event("BOOKMARK", &bookmark))));
    }
    let events = Arc::clone(&history.events);
    let mut begin = events.iter().position(|it| it.version > version).unwrap_or(events.len());
    let mut fault = history.faults.pop_front();
    if let Some(Fault::Repeat(n)) = fault {
        begin = begin.saturating_sub(n);
        fault = None;
    }
    let rest = events.len() - begin;
    let (n, ending) = match &fault {
        Some(Fault::CloseAfter(n)) => (*n, Ending::Close),
        Some(Fault::CutAfter(n)) => (*n, Ending::Cut),
        Some(Fault::ExpireAfter(n, lost)) => (*n, Ending::Expire(*lost)),
        Some(Fault::SilentAfter(n)) => (*n, Ending::Stay),
        Some(Fault::Garbage(n)) => (*n, Ending::Garbage),
        None => (rest, Ending::Stay),
        Some(other) => panic!("{other:?} cannot happen to a watch"),
    };
    let n = n.min(rest);
    // Other kinds were written meanwhile: a bookmark is ahead of the events before it.
    let next = move |events: &[Event], at: usize| {
        events.get(at + 1).map_or(events[at].version + 1_000, |event| event.version)
    };
    let is_marked = move |events: &[Event], at: usize| {
        let is_due = manner.bookmarks > 0 && (at + 1 - begin).is_multiple_of(manner.bookmarks);
        is_due && next(events, at) > events[at].version + 1
    };
    let mut marks = (begin..begin + n).filter(|at| is_marked(&events, *at));
    history.marked = marks.next_back().map_or(history.marked, |at| next(&events, at) - 1);
    history.reached = history.reached.max(begin + n);
    let mut last = Vec::new();
    match ending {
        Ending::Stay | Ending::Close => {}
        Ending::Cut => {
            let Event { kind, object, .. } = &events[(begin + n).min(events.len() - 1)];
            let mut cut = form.event(kind, object);
            cut.truncate(cut.len() / 2);
            last.extend([Ok(cut), Err(())].map(at_once));
        }
        Ending::Expire(lost) => {
            history.reached = (history.reached + lost).min(events.len());
            last.push(at_once(Ok(form.event("ERROR", EXPIRED))));
        }
        Ending::Garbage => last.push(at_once(Ok(b"<html>\n".to_vec()))),
    }
    let own = form.clone();
    // What a recording holds is put in form when it is told: that may be never.
    let told = (begin..begin + n).flat_map(move |at| {
        let Event { after, kind, object, .. } = &events[at];
        let mark = is_marked(&events, at).then(|| {
            let mark = next(&events, at) - 1;
            let mark = format!(r#"{{"metadata":{{"resourceVersion":"{mark}"}}}}"#);
            at_once(Ok(own.event("BOOKMARK", &mark)))
        });
        [(Some(*after), Ok(own.event(kind, object)))].into_iter().chain(mark)
    });
    let pace = history.pace.clone().map(|pace| (pace, form.resource.clone()));
    let is_open = matches!(ending, Ending::Stay);
    stream(200, first.into_iter().chain(told).chain(last), is_open, pace)
}

/// What is said of a resourceVersion that is forgotten.
const EXPIRED: &str =
    r#"{"kind":"Status","code":410,"reason":"Expired","message":"too old resource version"}"#;

enum Ending {
    Stay,
    Close,
    Cut,
    Expire(usize),
    Garbage,
}

impl History {
    /// The objects after the events that were reached.
    fn objects(&self) -> BTreeMap<String, String> {
        let mut objects = self.before.clone();
        for Event { kind, uid, object, .. } in &self.events[..self.n_reached()] {
            match *kind {
                "DELETED" => objects.remove(uid),
                _ => objects.insert(uid.clone(), object.clone()),
            };
        }
        objects
    }

    fn version(&self) -> u64 {
        let (told, rest) = self.events.split_at(self.n_reached());
        let last = told.last().map_or(self.first_version, |event| event.version);
        // A list is not older than what a bookmark told, or what is forgotten.
        let next = rest.first().map_or(u64::MAX, |event| event.version);
        let forgotten = self.pace.as_ref().map_or(0, |pace| pace.weather.borrow().forgotten);
        last.max(self.marked.max(forgotten).min(next - 1))
    }

    /// How many events a list shows: those that were told, or will be on a watch that is open, and
    /// where they are played at their pace have happened by now.
    fn n_reached(&self) -> usize {
        let Some(pace) = &self.pace else { return self.reached };
        let have_happened = self.events.iter().filter(|event| pace.has_come(event.after));
        self.reached.min(have_happened.count())
    }
}

/// A field of the metadata.
fn text(object: &str, key: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(object).ok()?;
    value.get("metadata")?.get(key)?.as_str().map(str::to_owned)
}

fn whole(code: u16, body: &str) -> Response<Body> {
    stream(code, [at_once(Ok(body.as_bytes().to_vec()))], false, None)
}

fn status(code: u16, after: Option<u64>) -> Response<Body> {
    let mut response =
        whole(code, &format!(r#"{{"kind":"Status","code":{code},"message":"scripted"}}"#));
    if let Some(seconds) = after {
        response.headers_mut().insert("retry-after", seconds.into());
    }
    response
}

/// What is said, and how long after the start, if not at once; an error breaks the connection.
type Piece = (Option<Duration>, Result<Vec<u8>, ()>);

fn at_once(said: Result<Vec<u8>, ()>) -> Piece {
    (None, said)
}

/// The pieces one after the other, at the pace at which this resource is told. The connection may stay
/// open.
fn stream(
    code: u16,
    pieces: impl IntoIterator<Item = Piece, IntoIter: Send + 'static>,
    stays_open: bool,
    mut pace: Option<(Pace, String)>,
) -> Response<Body> {
    let (say, said) = mpsc::channel(64);
    let pieces = pieces.into_iter();
    #[expect(clippy::disallowed_methods, reason = "it ends with the connection")]
    tokio::spawn(async move {
        for (after, piece) in pieces {
            if let Some(((pace, resource), after)) = pace.as_mut().zip(after) {
                tokio::select! {
                    () = pace.until(after, resource) => {}
                    () = say.closed() => return,
                }
            }
            let frame = match piece {
                Ok(bytes) => Ok(Frame::data(Bytes::from(bytes))),
                Err(()) => {
                    // What was said before must have left, or it would be lost with the connection.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    Err(io::Error::other("scripted"))
                }
            };
            if say.send(frame).await.is_err() {
                return;
            }
        }
        if stays_open {
            say.closed().await;
        }
    });
    Response::builder().status(code).body(StreamBody::new(ReceiverStream::new(said))).unwrap()
}
