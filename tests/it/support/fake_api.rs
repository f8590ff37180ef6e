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

/// What is asked for in protobuf first.
const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

/// What goes wrong with the next request for a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A list or a watch is refused with this status, and these seconds of `Retry-After`.
    Refuse(u16, Option<u64>),
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
    /// Events: resourceVersion, type, object.
    events: Vec<(u64, &'static str, String)>,
    /// When each event is told, after the start; those of a cluster that does not live are told
    /// at once.
    told_at: Vec<Duration>,
    started: Option<Instant>,
    /// Events that were sent, or lie before what was listed.
    reached: usize,
    first_version: u64,
    /// What the last bookmark told, or the last list; older versions are forgotten with bookmarks.
    marked: u64,
    faults: VecDeque<Fault>,
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
        Self::play(&lines, Some(now), manner, faults).await
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
        let mut histories: BTreeMap<String, History> = BTreeMap::new();
        for line in lines {
            if matches!(line.kind, Type::Added | Type::Modified | Type::Deleted) {
                let after = begin.map_or(0, |begin| line.at - begin);
                let after = Duration::from_nanos(after.try_into().unwrap_or(0));
                histories.entry(line.resource.to_string()).or_default().told_at.push(after);
            }
            let history = histories.entry(line.resource.to_string()).or_default();
            let version = text(&line.object, "resourceVersion").and_then(|it| it.parse().ok());
            let uid = text(&line.object, "uid").unwrap_or_default();
            match line.kind {
                Type::List => {
                    history.before.insert(uid, line.object.clone());
                }
                Type::ListDone => history.first_version = version.unwrap_or(1),
                Type::Added => {
                    history.events.push((version.unwrap(), "ADDED", line.object.clone()));
                }
                Type::Modified => {
                    history.events.push((version.unwrap(), "MODIFIED", line.object.clone()));
                }
                Type::Deleted => {
                    history.events.push((version.unwrap(), "DELETED", line.object.clone()));
                }
                Type::Bookmark | Type::Closed | Type::Error => {}
            }
        }
        for (resource, faults) in faults {
            let history = histories.get_mut(*resource).expect("the recording has the resource");
            history.faults = faults.iter().cloned().collect();
        }
        for history in histories.values_mut() {
            history.started = begin.map(|_| Instant::now());
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
        let accepted = token.subscribe();
        server.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (histories, seen) = (histories.clone(), seen.clone());
                let mut changed = accepted.clone();
                let accepted = accepted.clone();
                let service = service_fn(move |request: Request<Incoming>| {
                    let (histories, seen) = (histories.clone(), seen.clone());
                    let accepted = accepted.borrow().clone();
                    async move {
                        if !accepted.is_empty() && !is_from(&request, &accepted) {
                            return Ok(status(401, None));
                        }
                        seen.lock().await.push(request.uri().to_string());
                        let mut answer = answer(&histories, manner, &request).await;
                        answer.headers_mut().insert(DATE, date(manner.ahead));
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
        Self { url, requests, token, _server: server }
    }

    /// The cluster, as a client finds it.
    pub(crate) async fn cluster(&self) -> Cluster {
        let mut config = Config::new(self.url.parse().unwrap());
        config.default_retry = false;
        identify(Client::try_from(config).unwrap(), self.url.clone()).await.unwrap()
    }
}

fn is_from(request: &Request<Incoming>, token: &str) -> bool {
    let told = request.headers().get("authorization").and_then(|it| it.to_str().ok());
    told == Some(&format!("Bearer {token}"))
}

/// What is said of Widgets: no field of their status has a word for how they are.
const WIDGETS: &str = r#"{"components":{"schemas":{"com.example.v1.Widget":{"properties":{
    "status":{"type":"object","properties":{"revision":{"type":"integer"}}}},
    "x-kubernetes-group-version-kind":[{"group":"example.com","kind":"Widget","version":"v1"}]}}}}"#;

/// The head of an answer tells the second it was made in.
fn date(ahead: i64) -> HeaderValue {
    let now = lifespan::clock::now().seconds() + ahead;
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
            return whole(200, r#"{"metadata":{"uid":"00000000-0000-4000-8000-000000000000"}}"#);
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
        return form.marked(list(&mut history, manner, &query, &form));
    }
    let is_initial = query.contains_key("sendInitialEvents");
    if is_initial && !manner.has_watch_list {
        return status(422, None);
    }
    form.marked(watched(&mut history, manner, &query, is_initial, &form))
}

/// In what form a resource is told.
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
        if self.is_protobuf && answer.status().is_success() {
            let content =
                HeaderValue::from_static("application/vnd.kubernetes.protobuf;stream=watch");
            answer.headers_mut().insert(CONTENT_TYPE, content);
        }
        answer
    }
}

impl History {
    /// An object by its name: of those that a watch called deleted the ones are still there that have a
    /// label `no-longer`.
    fn still(&self, name: &str) -> Response<Body> {
        let is_it = |object: &str| text(object, "name").is_some_and(|it| it == name);
        let events = self.events.iter().filter(|(_, kind, _)| *kind == "DELETED");
        let mut objects = events.map(|(_, _, object)| object).filter(|object| is_it(object));
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
        return stream(200, vec![(None, Ok(body)), (None, Err(()))], false);
    }
    stream(200, vec![(None, Ok(body))], false)
}

fn watched(
    history: &mut History,
    manner: Manner,
    query: &BTreeMap<String, String>,
    is_initial: bool,
    form: &Form,
) -> Response<Body> {
    let event = |kind: &str, object: &str| form.event(kind, object);
    let mut out = Pieces::new();
    let mut version = query.get("resourceVersion").and_then(|it| it.parse().ok()).unwrap_or(0);
    if manner.bookmarks > 0 && !is_initial && version < history.marked {
        return status(410, None);
    }
    if is_initial {
        version = history.version();
        for object in history.objects().values() {
            out.push((None, Ok(event("ADDED", object))));
        }
        let bookmark = format!(
            r#"{{"metadata":{{"resourceVersion":"{version}","annotations":{{"k8s.io/initial-events-end":"true"}}}}}}"#
        );
        out.push((None, Ok(event("BOOKMARK", &bookmark))));
    }
    let mut begin =
        history.events.iter().position(|(at, ..)| *at > version).unwrap_or(history.events.len());
    let mut fault = history.faults.pop_front();
    if let Some(Fault::Repeat(n)) = fault {
        begin = begin.saturating_sub(n);
        fault = None;
    }
    let rest = history.events.len() - begin;
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
    for (at, (version, kind, object)) in history.events.iter().enumerate().skip(begin).take(n) {
        let due = history.started.and_then(|it| Some(it + *history.told_at.get(at)?));
        out.push((due, Ok(event(kind, object))));
        let told = at + 1 - begin;
        // Other kinds were written meanwhile: a bookmark is ahead of the events before it.
        let next = history.events.get(at + 1).map_or(version + 1_000, |(version, ..)| *version);
        if manner.bookmarks > 0 && told % manner.bookmarks == 0 && next > version + 1 {
            history.marked = next - 1;
            let mark = format!(r#"{{"metadata":{{"resourceVersion":"{}"}}}}"#, next - 1);
            out.push((None, Ok(event("BOOKMARK", &mark))));
        }
    }
    history.reached = history.reached.max(begin + n);
    match ending {
        Ending::Stay => return stream(200, out, true),
        Ending::Close => {}
        Ending::Cut => {
            let (_, kind, object) = &history.events[(begin + n).min(history.events.len() - 1)];
            let mut cut = event(kind, object);
            cut.truncate(cut.len() / 2);
            out.extend([(None, Ok(cut)), (None, Err(()))]);
        }
        Ending::Expire(lost) => {
            history.reached = (history.reached + lost).min(history.events.len());
            let error = event(
                "ERROR",
                r#"{"kind":"Status","code":410,"reason":"Expired","message":"too old resource version"}"#,
            );
            out.push((None, Ok(error)));
        }
        Ending::Garbage => out.push((None, Ok(b"<html>\n".to_vec()))),
    }
    stream(200, out, false)
}

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
        for (_, kind, object) in &self.events[..self.n_reached()] {
            let uid = text(object, "uid").unwrap_or_default();
            match *kind {
                "DELETED" => objects.remove(&uid),
                _ => objects.insert(uid, object.clone()),
            };
        }
        objects
    }

    fn version(&self) -> u64 {
        self.events[..self.n_reached()].last().map_or(self.first_version, |(version, ..)| *version)
    }

    /// How many events a list shows: those that were told, or will be on a watch that is open, and
    /// where they are played at their pace have happened by now.
    fn n_reached(&self) -> usize {
        let Some(began) = self.started else { return self.reached };
        let have_happened = self.told_at.iter().filter(|at| began + **at <= Instant::now());
        self.reached.min(have_happened.count())
    }
}

/// A field of the metadata.
fn text(object: &str, key: &str) -> Option<String> {
    let value: serde_json::Value = serde_json::from_str(object).ok()?;
    value.get("metadata")?.get(key)?.as_str().map(str::to_owned)
}

fn whole(code: u16, body: &str) -> Response<Body> {
    stream(code, vec![(None, Ok(body.as_bytes().to_vec()))], false)
}

fn status(code: u16, after: Option<u64>) -> Response<Body> {
    let mut response =
        whole(code, &format!(r#"{{"kind":"Status","code":{code},"message":"scripted"}}"#));
    if let Some(seconds) = after {
        response.headers_mut().insert("retry-after", seconds.into());
    }
    response
}

/// What is said, and when, if not at once; an error breaks the connection.
type Pieces = Vec<(Option<Instant>, Result<Vec<u8>, ()>)>;

/// The pieces one after the other. The connection may stay open.
fn stream(code: u16, pieces: Pieces, stays_open: bool) -> Response<Body> {
    let (say, said) = mpsc::channel(pieces.len() + 1);
    #[expect(clippy::disallowed_methods, reason = "it ends with the connection")]
    tokio::spawn(async move {
        for (due, piece) in pieces {
            if let Some(due) = due {
                tokio::time::sleep_until(due).await;
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
