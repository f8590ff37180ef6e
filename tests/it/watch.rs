//! A cluster that is heard through faults tells the same story.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a panic is a failed test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use lifespan::cluster::connect::{Access, connect, served};
use lifespan::facts::change::News;
use lifespan::facts::change::{Change, Snapshot};
use lifespan::facts::kind::Lane;
use lifespan::facts::span::FinishedSpan;
use lifespan::facts::time::Nanos;
use lifespan::facts::workload::Reporting;
use lifespan::kinds::{Catalog, Custom, Rules};
use lifespan::watch::lanes::{Watched, start};
use lifespan::watch::listener::{Arrived, ForCore};
use lifespan::watch::status::{Phase, Status};
use lifespan::watch::target::{Encoding, Target, WatchSettings};
use lifespan::webhook::certificate::{Source, certificate};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::support::checks::faults as faults_of;
use crate::support::drive::{Told, decode, drive, version};
use crate::support::fake_api::{FakeApi, Fault, Manner};
use crate::support::lines::{self, Line, Type};
use crate::support::service::folder;

/// Longer than every scripted fault takes.
const PATIENCE: Duration = Duration::from_secs(30);

const RECORDING: &str = "02-rolling-update";

/// What lanes said of a fake cluster, and how they were doing at the end.
struct Listened {
    told: Vec<(Lane, News)>,
    statuses: Vec<Status>,
    requests: Vec<String>,
}

/// Listens until every lane has said its last version.
async fn listen(lines: &[Line], manner: Manner, faults: &[(&str, Vec<Fault>)]) -> Listened {
    listen_for(lines, lines, manner, faults).await
}

async fn listen_for(
    lines: &[Line],
    awaited: &[Line],
    manner: Manner,
    faults: &[(&str, Vec<Fault>)],
) -> Listened {
    listen_in(Encoding::Json, lines, awaited, manner, faults).await
}

/// Listens to a cluster that tells `lines` until the last versions of `awaited` were said, and
/// every other kind has failed.
async fn listen_in(
    encoding: Encoding,
    lines: &[Line],
    awaited: &[Line],
    manner: Manner,
    faults: &[(&str, Vec<Fault>)],
) -> Listened {
    let api = FakeApi::start(lines, manner, faults).await;
    let cluster = api.cluster().await;
    assert!(cluster.has_watch_list && cluster.uid.is_some());
    let watched = Lane::ALL.into_iter().map(|lane| Watched {
        target: Target::built_in(lane.resource().unwrap(), "", ""),
        has_no_backlog: !lane.has_lives(),
        from: None,
        listener: ForCore::new(Arc::default(), lane, 0),
    });
    let (say, mut said) = mpsc::channel(64);
    let watch_settings = WatchSettings {
        watch_timeout: Duration::from_secs(1),
        encoding,
        ..WatchSettings::default()
    };
    // A silent watch is given up 5 s after it should have ended.
    let watches = start(&cluster, &watch_settings, watched.collect(), &say);
    let mut missing: BTreeMap<Lane, Option<u64>> = BTreeMap::new();
    for told in decode(awaited) {
        let last = missing.entry(told.lane).or_default();
        *last = (*last).max(version(&told));
    }
    let mut told = Vec::new();
    while !missing.is_empty() {
        let Ok(Some(Arrived { lane, news, .. })) = timeout(PATIENCE, said.recv()).await else {
            panic!("nothing more is heard, missing {missing:?}: {:?}", watches.statuses().now())
        };
        let reached = version(&Told { at: 0, lane, news: news.clone() });
        if missing.get(&lane).is_some_and(|last| reached >= *last) {
            missing.remove(&lane);
        }
        told.push((lane, news));
    }
    timeout(PATIENCE, watches.statuses().settled()).await.unwrap();
    let statuses = watches.statuses().now();
    let requests = api.requests.lock().await.clone();
    Listened { told, statuses, requests }
}

/// The news as if they had arrived when the recording says: each object's version has its time.
fn timed(told: Vec<(Lane, News)>, lines: &[Line]) -> Vec<Told> {
    let mut at: BTreeMap<(Lane, Option<u64>), i64> = BTreeMap::new();
    for told in decode(lines) {
        at.insert((told.lane, version(&told)), told.at);
    }
    let mut last: BTreeMap<Lane, i64> = BTreeMap::new();
    let mut timed: Vec<_> = told
        .into_iter()
        .map(|(lane, news)| {
            let told = Told { at: 0, lane, news };
            let known = at.get(&(lane, version(&told))).copied().unwrap_or(i64::MIN);
            let first = lines.first().map_or(0, |line| line.at);
            let before = last.entry(lane).or_insert(first);
            *before = known.max(*before);
            Told { at: *before, ..told }
        })
        .collect();
    timed.sort_by_key(|told| told.at);
    timed
}

/// The spans that come of what was heard.
fn spans(listened: Listened, lines: &[Line]) -> Vec<FinishedSpan> {
    drive(&timed(listened.told, lines)).spans
}

fn status<'a>(listened: &'a Listened, resource: &str) -> &'a Status {
    listened.statuses.iter().find(|status| status.resource == resource).unwrap()
}

/// The first span that differs is told, and no other.
fn same(spans: &[FinishedSpan], expected: &[FinishedSpan]) {
    for (span, expected) in spans.iter().zip(expected) {
        assert_eq!(span, expected);
    }
    assert_eq!(spans.len(), expected.len());
}

/// Whatever goes wrong on the way, the spans are those of the recording, to the byte; in JSON, and
/// with Pods and Events in protobuf.
async fn tells_the_same(manner: Manner, faults: &[(&str, Vec<Fault>)]) -> Vec<Status> {
    let lines = lines::recording(RECORDING);
    let expected = drive(&decode(&lines)).spans;
    assert!(expected.len() > 10);
    let listen = |encoding| listen_in(encoding, &lines, &lines, manner, faults);
    let (json, protobuf) = tokio::join!(listen(Encoding::Json), listen(Encoding::Auto));
    let bytes = |listened: &Listened| status(listened, "pods").n_bytes;
    assert_eq!(bytes(&protobuf) * 2 < bytes(&json), !manner.has_json_alone, "in which form it is");
    let statuses = protobuf.statuses.clone();
    same(&spans(protobuf, &lines), &expected);
    same(&spans(json, &lines), &expected);
    statuses
}

const PAGES: Manner =
    Manner { has_watch_list: false, page: 2, bookmarks: 0, ahead: 0, has_json_alone: false };

#[tokio::test]
async fn a_cluster_is_heard_in_pages_or_in_a_stream() {
    tells_the_same(PAGES, &[]).await;
    let mut statuses = tells_the_same(Manner::WATCH_LIST, &[]).await;
    // The recorded client did not watch this kind, so that the fake server does not have it.
    statuses.retain(|status| status.resource != "replicationcontrollers");
    assert!(
        statuses.iter().all(|status| status.is_synced && status.n_relists == 0),
        "{statuses:?}"
    );
}

#[tokio::test]
async fn a_server_without_protobuf_is_heard_in_json() {
    for manner in [PAGES, Manner::WATCH_LIST] {
        tells_the_same(Manner { has_json_alone: true, ..manner }, &[]).await;
    }
}

#[tokio::test]
async fn a_watch_that_is_closed_or_breaks_in_the_middle_of_an_event_goes_on_where_it_was() {
    for manner in [PAGES, Manner::WATCH_LIST] {
        let faults = [
            ("pods", vec![Fault::CutAfter(3), Fault::CloseAfter(4), Fault::CutAfter(0)]),
            ("replicasets.apps", vec![Fault::CloseAfter(1), Fault::CutAfter(2)]),
            ("deployments.apps", vec![Fault::Garbage(2)]),
            ("events", vec![Fault::CutAfter(5)]),
        ];
        tells_the_same(manner, &faults).await;
    }
}

#[tokio::test]
async fn a_watch_that_falls_silent_is_begun_anew() {
    let statuses =
        tells_the_same(Manner::WATCH_LIST, &[("pods", vec![Fault::SilentAfter(4)])]).await;
    let pods = statuses.iter().find(|status| status.resource == "pods").unwrap();
    assert_eq!((pods.n_watches, pods.n_relists), (2, 0), "{pods:?}");
}

#[tokio::test]
async fn what_is_told_twice_is_heard_once() {
    let repeat = vec![Fault::CloseAfter(6), Fault::Repeat(5)];
    tells_the_same(Manner::WATCH_LIST, &[("pods", repeat.clone()), ("deployments.apps", repeat)])
        .await;
}

/// The server remembers nothing older than its last bookmark, which is ahead of the last event.
#[tokio::test]
async fn a_watch_goes_on_from_a_bookmark_where_the_last_event_is_forgotten() {
    for manner in [PAGES, Manner::WATCH_LIST] {
        let closing = vec![Fault::CloseAfter(2), Fault::CutAfter(2), Fault::CloseAfter(4)];
        let faults = ["pods", "replicasets.apps", "deployments.apps", "events"]
            .map(|resource| (resource, closing.clone()));
        let statuses = tells_the_same(Manner { bookmarks: 2, ..manner }, &faults).await;
        let cut = |it: &&Status| faults.iter().any(|(resource, _)| *resource == it.resource);
        let mut cut = statuses.iter().filter(cut);
        assert!(cut.all(|it| it.n_relists == 0 && it.n_watches >= 4), "{statuses:?}");
    }
}

#[tokio::test]
async fn an_overloaded_server_is_given_the_time_it_asks_for() {
    let faults = [
        ("replicasets.apps", vec![Fault::Refuse(429, Some(2)), Fault::Refuse(503, None)]),
        // In the middle of a watch, too.
        ("pods", vec![Fault::CloseAfter(3), Fault::Refuse(429, Some(2))]),
    ];
    let began = tokio::time::Instant::now();
    tells_the_same(Manner::WATCH_LIST, &faults).await;
    assert!(began.elapsed() >= Duration::from_secs(2));
}

#[tokio::test]
async fn a_list_that_is_cut_or_expires_between_pages_begins_again() {
    // A recording whose lists hold several objects.
    let lines = lines::recording("03-scale-with-stale-stamp");
    let expected = drive(&decode(&lines)).spans;
    let faults = [("pods", vec![Fault::ExpiredPage, Fault::CutList])];
    let manner = Manner { page: 1, ..PAGES };
    let listened = listen(&lines, manner, &faults).await;
    let pages = listened
        .requests
        .iter()
        .filter(|it| it.contains("/pods?") && it.contains("continue="))
        .count();
    assert!(pages >= 2, "{:?}", listened.requests);
    assert!(status(&listened, "pods").n_lists >= 2);
    same(&spans(listened, &lines), &expected);
}

/// What is told, but for times.
fn keys(spans: &[FinishedSpan]) -> Vec<impl Ord + Debug> {
    let key = |span: &FinishedSpan| {
        (span.trace_id, span.span_id, span.parent, span.name.to_string(), span.outcome)
    };
    let mut keys: Vec<_> = spans.iter().map(key).collect();
    keys.sort();
    keys
}

/// Another server answers, which lags behind the one that was watched: what is not in its list is not gone,
/// and what is gone is not there again. A stream of all objects (WatchList) waits for the newest itself.
#[tokio::test]
async fn a_list_that_is_older_than_what_was_watched_is_not_believed() {
    let lines = lines::recording(RECORDING);
    let expected = drive(&decode(&lines)).spans;
    let lagging = |n| vec![Fault::ExpireAfter(n, 0), Fault::Behind(n), Fault::Behind(1)];
    let faults = [("pods", lagging(7)), ("replicasets.apps", lagging(3))];
    let listened = listen(&lines, Manner { page: 500, ..PAGES }, &faults).await;
    for (resource, _) in faults {
        assert_eq!(status(&listened, resource).n_relists, 3, "{resource}");
    }
    assert_eq!(keys(&spans(listened, &lines)), keys(&expected));
}

#[tokio::test]
async fn a_forgotten_version_means_a_list_and_no_false_transition() {
    let lines = lines::recording(RECORDING);
    let expected = drive(&decode(&lines)).spans;
    for manner in [PAGES, Manner::WATCH_LIST] {
        let faults = [
            ("pods", vec![Fault::ExpireAfter(7, 0)]),
            ("deployments.apps", vec![Fault::ExpireAfter(2, 0)]),
            ("replicasets.apps", vec![Fault::ExpireAfter(3, 0), Fault::ExpireAfter(1, 0)]),
            ("events", vec![Fault::ExpireAfter(4, 0)]),
        ];
        let listened = listen(&lines, manner, &faults).await;
        assert_eq!(status(&listened, "replicasets.apps").n_relists, 2);
        assert_eq!(keys(&spans(listened, &lines)), keys(&expected));
    }
    // An answer to the request instead of an event in the stream.
    let faults = [("pods", vec![Fault::CloseAfter(7), Fault::Refuse(410, None)])];
    let listened = listen(&lines, PAGES, &faults).await;
    assert_eq!(status(&listened, "pods").n_relists, 1);
    assert_eq!(keys(&spans(listened, &lines)), keys(&expected));
}

/// What was written while a watch was away is told by a list: the transitions are the same ones.
#[tokio::test]
async fn what_was_missed_for_good_makes_traces_coarser_and_never_others() {
    let lines = lines::recording(RECORDING);
    let expected = drive(&decode(&lines)).spans;
    let roots = |spans: &[FinishedSpan]| -> Vec<_> {
        let roots = spans.iter().filter(|span| span.parent.is_none());
        roots.map(|span| (span.trace_id, span.name.to_string(), span.outcome)).collect()
    };
    for manner in [PAGES, Manner::WATCH_LIST] {
        for lane in ["pods", "replicasets.apps", "deployments.apps"] {
            for (n, lost) in [(1, 3), (3, 2), (4, 4)] {
                let faults = [(lane, vec![Fault::ExpireAfter(n, lost)])];
                let listened = listen(&lines, manner, &faults).await;
                let spans = spans(listened, &lines);
                assert_eq!(roots(&spans), roots(&expected), "{lane}: {lost} after {n} are missed");
                assert_eq!(faults_of(&spans), "", "{lane}: {lost} after {n} are missed");
                let known = |span: &FinishedSpan| {
                    expected
                        .iter()
                        .any(|it| it.name == span.name && it.object.uid == span.object.uid)
                };
                assert!(spans.iter().all(known), "{lane}: {lost} after {n} are missed");
            }
        }
    }
}

#[tokio::test]
async fn a_kind_that_may_not_be_read_or_is_not_there_is_told_and_the_others_go_on() {
    let lines = lines::recording(RECORDING);
    let mut others = lines.clone();
    others.retain(|line| &*line.resource != "events");
    let expected = drive(&decode(&others)).spans;
    let forbidden = [("events", vec![Fault::Refuse(403, None)])];
    let cases = [
        (&lines, &forbidden[..], Phase::Forbidden, "403 scripted"),
        (&others, &forbidden[..0], Phase::Missing, "404 scripted"),
    ];
    for (cluster, faults, phase, said) in cases {
        let listened = listen_for(cluster, &others, Manner::WATCH_LIST, faults).await;
        let events = status(&listened, "events");
        assert_eq!((events.is_synced, events.phase), (false, phase));
        assert_eq!(events.last_error.as_ref().unwrap().1, said);
        same(&spans(listened, &others), &expected);
    }
}

/// Where the server's clock is ahead of this machine's by a minute, what arrives has its time; the
/// order goes on by this machine's clock.
#[tokio::test]
async fn an_api_server_whose_clock_is_elsewhere_corrects_times_of_arrival() {
    let lines = lines::recording(RECORDING);
    for ahead in [0, 60, -60] {
        let api = FakeApi::start(&lines, Manner { ahead, ..PAGES }, &[]).await;
        let cluster = api.cluster().await;
        let watched = Watched {
            target: Target::built_in("pods", "", ""),
            has_no_backlog: false,
            from: None,
            listener: ForCore::new(Arc::default(), Lane::Pods, 0),
        };
        let (say, mut said) = mpsc::channel(64);
        let _watches = start(&cluster, &WatchSettings::default(), vec![watched], &say);
        let Arrived { at, .. } = timeout(PATIENCE, said.recv()).await.unwrap().unwrap();
        let by = (at.ahead.millis() - ahead * 1_000).abs();
        let known = cluster.api.machine().known();
        assert!(by <= at.unsure.millis() + 1, "{at:?} {known:?}");
        assert_eq!(at.ahead != Nanos(0), ahead != 0, "{at:?}");
        assert!((lifespan::clock::now().since(at.at)).millis() < 30_000, "{at:?}");
        assert_eq!(known.n_anew, 0);
    }
}

/// Under a selector DELETED means that an object is gone, or that it no longer matches.
#[tokio::test]
async fn what_leaves_a_selector_is_gone_only_if_the_server_does_not_have_it() {
    let line = |kind, version: i64, name: &str, more: &str| Line {
        at: version,
        resource: "pods".into(),
        kind,
        object: format!(
            r#"{{"metadata":{{"name":"{name}","namespace":"shop","resourceVersion":"{version}","uid":"00000000-0000-4000-8000-00000000000{}"{more}}}}}"#,
            name.len()
        ),
    };
    let lines = [
        line(Type::ListDone, 1, "", ""),
        line(Type::Added, 2, "a", ""),
        line(Type::Added, 3, "bb", ""),
        line(Type::Added, 4, "ccc", ""),
        line(Type::Deleted, 5, "a", r#","labels":{"no-longer":"true"}"#),
        line(Type::Deleted, 6, "bb", ""),
        line(Type::Deleted, 7, "ccc", r#","deletionTimestamp":"2026-11-20T11:10:37Z""#),
    ];
    for (selector, expected, asked) in [("app=web", "?--", vec!["a", "bb"]), ("", "---", vec![])] {
        let api = FakeApi::start(&lines, Manner::WATCH_LIST, &[]).await;
        let watched = Watched {
            target: Target::built_in("pods", "", selector),
            has_no_backlog: false,
            from: None,
            listener: ForCore::new(Arc::default(), Lane::Pods, 0),
        };
        let (say, mut said) = mpsc::channel(64);
        let _watches = start(&api.cluster().await, &WatchSettings::default(), vec![watched], &say);
        let mut told = String::new();
        while told.len() < 3 {
            let news = timeout(PATIENCE, said.recv()).await.unwrap().unwrap().news;
            if matches!(news, News::Watched(Change::Unmatched(_))) {
                told.push('?');
            } else if matches!(news, News::Watched(Change::Deleted(_))) {
                told.push('-');
            }
        }
        assert_eq!(told, expected);
        let requests = api.requests.lock().await.clone();
        let gets = requests.iter().filter(|it| it.starts_with("/api/v1/namespaces/shop/pods/"));
        let names: Vec<_> = gets.filter_map(|it| it.rsplit('/').next()).collect();
        assert_eq!(names, asked);
    }
}

const WIDGETS: &str = "widgets.example.com";

/// A kind of nobody's, of which the server is asked for the version.
pub(crate) fn widgets() -> Catalog {
    Catalog::new(vec![Custom {
        is_of_cluster: false,
        group: "example.com".to_owned(),
        plural: "widgets".to_owned(),
        kind: "Widget".to_owned(),
        version: None,
        rules: Rules::default(),
    }])
}

/// What happens to Widgets: one is made, ended with its kind, and made again.
fn life_of_widgets() -> Vec<Line> {
    let line = |kind, version: u64, uid: u32| Line {
        at: i64::try_from(version).unwrap(),
        resource: WIDGETS.into(),
        kind,
        object: format!(
            r#"{{"metadata":{{"name":"w","resourceVersion":"{version}","uid":"00000000-0000-4000-8000-{uid:012}"}},"status":{{"n":{version}}}}}"#
        ),
    };
    vec![
        line(Type::ListDone, 1, 0),
        line(Type::Added, 2, 1),
        line(Type::Modified, 3, 1),
        line(Type::Deleted, 4, 1),
        line(Type::Added, 5, 2),
    ]
}

/// Listens to Widgets until one of version 5 was told.
async fn listen_to_widgets(faults: Vec<Fault>) -> (Vec<News>, Vec<String>, Status) {
    let api = FakeApi::start(&life_of_widgets(), Manner::WATCH_LIST, &[(WIDGETS, faults)]).await;
    let catalog = Arc::new(widgets());
    let lane = catalog.lanes().next().unwrap();
    let watched = Watched {
        target: Target::of(&catalog, lane, "", ""),
        has_no_backlog: false,
        from: None,
        listener: ForCore::new(catalog, lane, 0),
    };
    let (say, mut said) = mpsc::channel(64);
    let watch_settings = WatchSettings {
        watch_timeout: Duration::from_secs(1),
        denied: Duration::from_millis(50),
        ..WatchSettings::default()
    };
    let watches = start(&api.cluster().await, &watch_settings, vec![watched], &say);
    let mut told = Vec::new();
    while told.last().and_then(News::version) != Some(5) {
        let arrived = timeout(PATIENCE, said.recv()).await;
        let Ok(Some(Arrived { news, .. })) = arrived else {
            panic!("{told:?} {:?}", watches.statuses().now())
        };
        told.push(news);
    }
    let status = watches.statuses().now().remove(0);
    let requests = api.requests.lock().await.clone();
    (told, requests, status)
}

#[tokio::test]
async fn a_custom_resource_is_watched_in_the_version_that_the_server_prefers() {
    let (told, requests, status) = listen_to_widgets(Vec::new()).await;
    let paths: Vec<_> = requests.iter().filter(|it| it.starts_with("/apis/example.com")).collect();
    let [group, version, watch, ..] = &*paths else { panic!("{paths:?}") };
    assert_eq!([group.as_str(), version.as_str()], ["/apis/example.com", "/apis/example.com/v1"]);
    assert!(watch.starts_with("/apis/example.com/v1/widgets?watch=true"), "{watch}");
    assert!(status.is_synced);
    let versions: Vec<_> = told.iter().filter_map(News::version).collect();
    assert_eq!(versions, [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_kind_whose_schema_has_no_word_for_how_it_is_is_silent_from_the_beginning() {
    let (told, requests, _) = listen_to_widgets(vec![Fault::CloseAfter(2)]).await;
    let speech = told.iter().filter_map(|news| match news {
        News::Listed(Snapshot::Workload(widget))
        | News::Watched(Change::Seen(Snapshot::Workload(widget))) => Some(widget.status.speech),
        News::Listed(_)
        | News::Found(_)
        | News::ListDone(_)
        | News::Watched(_)
        | News::Bookmark(_)
        | News::Closed => None,
    });
    assert!(speech.eq([Reporting::Silent; 3]), "{told:?}");
    let asked = requests.iter().filter(|it| *it == "/openapi/v3/apis/example.com/v1");
    assert_eq!(asked.count(), 1, "{requests:?}");
}

#[tokio::test]
async fn a_watch_that_broke_off_says_that_it_goes_on_before_it_tells_anything() {
    let (told, _, _) = listen_to_widgets(vec![Fault::CutAfter(3)]).await;
    let after: Vec<_> = told.iter().skip_while(|news| **news != News::Closed).collect();
    assert!(
        matches!(&*after, [News::Closed, News::Bookmark(_), News::Watched(_), ..]),
        "{after:?}"
    );
}

#[tokio::test]
async fn what_the_schemas_of_a_group_say_is_asked_once_for_all_that_are_watched() {
    let api = FakeApi::start(&life_of_widgets(), Manner::WATCH_LIST, &[]).await;
    let catalog = Arc::new(widgets());
    let lane = catalog.lanes().next().unwrap();
    let watched = [0, 1].map(|part| Watched {
        target: Target::of(&catalog, lane, "", ""),
        has_no_backlog: false,
        from: None,
        listener: ForCore::new(Arc::clone(&catalog), lane, part),
    });
    let (say, mut said) = mpsc::channel(64);
    let cluster = api.cluster().await;
    let _watches = start(&cluster, &WatchSettings::default(), watched.into(), &say);
    let mut listed = BTreeSet::new();
    while listed.len() < 2 {
        let arrived = timeout(PATIENCE, said.recv()).await.unwrap().unwrap();
        if let News::ListDone(_) = arrived.news {
            listed.insert(arrived.part);
        }
    }
    let requests = api.requests.lock().await.clone();
    let asked = requests.iter().filter(|it| it.starts_with("/openapi"));
    assert_eq!(asked.count(), 1, "{requests:?}");
}

#[tokio::test]
async fn a_custom_resource_that_is_installed_later_is_watched_from_then_on() {
    let missing = Fault::Refuse(404, None);
    let (told, requests, status) =
        listen_to_widgets(vec![missing.clone(), missing.clone(), missing]).await;
    assert_eq!(requests.iter().filter(|it| *it == "/apis/example.com").count(), 4, "{requests:?}");
    assert_eq!((status.is_synced, status.last_error), (true, None));
    let (away, rest) = told.split_at(3);
    assert!(away.iter().all(|news| *news == News::Closed), "{away:?}");
    let versions: Vec<_> = rest.iter().filter_map(News::version).collect();
    assert_eq!(versions, [1, 2, 3, 4, 5]);
}

#[tokio::test]
async fn a_custom_resource_that_is_removed_ends_and_begins_anew_when_it_is_installed_again() {
    // The server deletes its objects, ends the watch and no longer knows the kind.
    let faults = vec![Fault::CloseAfter(3), Fault::Refuse(404, None), Fault::Refuse(404, None)];
    let (told, requests, status) = listen_to_widgets(faults).await;
    assert_eq!(requests.iter().filter(|it| *it == "/apis/example.com").count(), 3, "{requests:?}");
    let is_gone = |news: &News| matches!(news, News::Watched(Change::Deleted(_)));
    assert_eq!(told.iter().filter(|news| is_gone(news)).count(), 1);
    let after: Vec<_> = told.iter().skip_while(|news| !is_gone(news)).skip(1).collect();
    // Missing twice it has been removed: what was deleted unheard is gone.
    let [
        News::Closed,
        News::ListDone(None),
        News::Closed,
        News::ListDone(Some(4)),
        News::Watched(_),
    ] = &*after
    else {
        panic!("{after:?}")
    };
    assert_eq!((status.is_synced, status.phase), (true, Phase::Watching));
}

#[tokio::test]
async fn a_resource_of_a_group_that_does_not_have_it_is_told_as_missing() {
    let api = FakeApi::start(&life_of_widgets(), Manner::WATCH_LIST, &[]).await;
    let gadgets = Target {
        group: "example.com".to_owned(),
        plural: "gadgets".to_owned(),
        ..Target::default()
    };
    let catalog = Arc::new(widgets());
    let lane = catalog.lanes().next().unwrap();
    let listener = ForCore::new(catalog, lane, 0);
    let watched = Watched { target: gadgets, has_no_backlog: false, from: None, listener };
    let (say, _said) = mpsc::channel(64);
    let watches = start(&api.cluster().await, &WatchSettings::default(), vec![watched], &say);
    timeout(PATIENCE, watches.statuses().settled()).await.unwrap();
    let status = watches.statuses().now().remove(0);
    assert_eq!(status.phase, Phase::Missing);
    let (_, error) = status.last_error.unwrap();
    assert_eq!(error, "404 example.com has no gadgets to be listed and watched");
}

#[tokio::test]
async fn those_presets_are_found_that_the_cluster_serves() {
    let mut lines = life_of_widgets();
    for line in &mut lines {
        line.resource = "rollouts.argoproj.io".into();
    }
    let api = FakeApi::start(&lines, Manner::WATCH_LIST, &[]).await;
    let cluster = api.cluster().await;
    let found = served(&cluster, Catalog::default().customs()).await.unwrap();
    let names: Vec<_> = found.iter().map(Custom::resource).collect();
    assert_eq!(names, ["rollouts.argoproj.io"]);
}

/// A process goes on where another one had come; a cluster that was restored from a backup since has not
/// come so far, and a watch from there would say nothing.
#[tokio::test]
async fn a_watch_goes_on_where_another_had_come_unless_the_cluster_is_behind_that() {
    let api = FakeApi::start(&lines::recording(RECORDING), Manner::WATCH_LIST, &[]).await;
    let cluster = api.cluster().await;
    for (from, is_listed) in [(Some(1), false), (Some(u64::MAX), true), (None, true)] {
        let watched = Watched {
            target: Target::built_in("pods", "", ""),
            has_no_backlog: false,
            from,
            listener: ForCore::new(Arc::default(), Lane::Pods, 0),
        };
        let (say, mut said) = mpsc::channel(1_000);
        let watches = start(&cluster, &WatchSettings::default(), vec![watched], &say);
        let first = timeout(PATIENCE, said.recv()).await.unwrap().unwrap();
        let is_from = matches!(first.news, News::Bookmark(_)) && first.news.version() == from;
        assert_eq!(is_from, !is_listed, "{from:?}");
        timeout(PATIENCE, watches.statuses().settled()).await.unwrap();
        assert_eq!(watches.statuses().now().remove(0).n_lists, u64::from(is_listed), "{from:?}");
    }
}

/// Watches through `access`, lets `rotate` do what makes the credentials another, and waits until all watches
/// go on where they were.
async fn goes_on_after(access: &Access, api: &FakeApi, rotate: impl AsyncFnOnce()) {
    let cluster = connect(access, true).await.unwrap();
    let watched = Lane::ALL.into_iter().map(|lane| Watched {
        target: Target::built_in(lane.resource().unwrap(), "", ""),
        has_no_backlog: !lane.has_lives(),
        from: None,
        listener: ForCore::new(Arc::default(), lane, 0),
    });
    let (say, _said) = mpsc::channel(1_000);
    let watches = start(&cluster, &WatchSettings::default(), watched.collect(), &say);
    timeout(PATIENCE, watches.statuses().settled()).await.unwrap();
    let n_before = api.requests.lock().await.len();
    rotate().await;
    let goes_on = async {
        let paths = ["/deployments?", "/replicasets?", "/pods?", "/events?"];
        loop {
            let requests = api.requests.lock().await;
            let after = requests.iter().skip(n_before).filter(|it| it.contains("resourceVersion="));
            let after: Vec<_> = after.collect();
            if paths.iter().all(|path| after.iter().any(|it| it.contains(path))) {
                return;
            }
            drop(requests);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let in_time = timeout(PATIENCE, goes_on).await;
    assert!(in_time.is_ok(), "{:?}", watches.statuses().now());
    assert!(watches.statuses().now().iter().all(|it| it.n_relists == 0));
}

/// A kubeconfig in `folder` with this cluster and this user.
fn kubeconfig(folder: &Path, cluster: &str, user: &str) -> Access {
    let path = folder.join("kubeconfig");
    let text = format!(
        "{{clusters: [{{name: c, cluster: {{{cluster}}}}}], users: [{{name: u, user: {{{user}}}}}], \
         contexts: [{{name: c, context: {{cluster: c, user: u}}}}], current-context: c}}"
    );
    std::fs::write(&path, text).unwrap();
    Access::KubeConfig { file: Some(path), context: None }
}

/// A token in the kubeconfig, or in a file that it names, as of a service account.
#[tokio::test]
async fn credentials_that_are_no_longer_accepted_are_read_again() {
    for is_in_file in [false, true] {
        let folder = folder("rotated");
        let api = FakeApi::start(&lines::recording(RECORDING), Manner::WATCH_LIST, &[]).await;
        let file = folder.join("token");
        let write = |token: &str| {
            std::fs::write(&file, token).unwrap();
            let user = match is_in_file {
                true => format!("tokenFile: '{}'", file.display()),
                false => format!("token: {token}"),
            };
            api.token.send_replace(token.to_owned());
            kubeconfig(&folder, &format!("server: '{}'", api.url), &user)
        };
        let access = write("first");
        goes_on_after(&access, &api, async || drop(write("second"))).await;
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

/// The API server shows a certificate of another authority, and the file has that one too.
#[tokio::test]
async fn a_certificate_authority_that_is_another_now_is_read_again() {
    let folder = folder("authority");
    let api = FakeApi::start(&lines::recording(RECORDING), Manner::WATCH_LIST, &[]).await;
    let made = || certificate(&Source::SelfMade(vec!["127.0.0.1".to_owned()])).unwrap();
    let (first, second) = (made(), made());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let shown = watch::Sender::new(first.config);
    let (mut seen, to) = (shown.subscribe(), api.url.trim_start_matches("http://").to_owned());
    let mut proxy = JoinSet::new();
    proxy.spawn(async move {
        let mut connections = JoinSet::new();
        loop {
            let (client, _) = listener.accept().await.unwrap();
            let acceptor = TlsAcceptor::from(seen.borrow_and_update().clone());
            let (mut seen, to) = (seen.clone(), to.clone());
            connections.spawn(async move {
                let Ok(mut client) = acceptor.accept(client).await else { return };
                let mut server = TcpStream::connect(&to).await.unwrap();
                tokio::select! {
                    done = copy_bidirectional(&mut client, &mut server) => drop(done),
                    changed = seen.changed() => drop(changed),
                }
            });
        }
    });
    let file = folder.join("ca.crt");
    std::fs::write(&file, first.ca_bundle.unwrap()).unwrap();
    let cluster = format!("server: '{url}', certificate-authority: '{}'", file.display());
    let access = kubeconfig(&folder, &cluster, "token: any");
    let rotate = async || {
        std::fs::write(&file, second.ca_bundle.unwrap()).unwrap();
        shown.send_replace(second.config);
    };
    goes_on_after(&access, &api, rotate).await;
    std::fs::remove_dir_all(&folder).unwrap();
}
