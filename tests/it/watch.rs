//! A cluster that is heard through faults tells the same story.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a panic is a failed test")]

use std::collections::BTreeMap;
use std::time::Duration;

use kube_client::{Client, Config};
use lifespan::lifecycle::lane::{Lane, News};
use lifespan::lifecycle::span::FinishedSpan;
use lifespan::watch::connect::{Access, connect, identify};
use lifespan::watch::ear::{Arrived, ForCore};
use lifespan::watch::lanes::{Watched, start};
use lifespan::watch::status::{Phase, Status};
use lifespan::watch::target::{Manners, Target};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::support::checks::faults as faults_of;
use crate::support::drive::{Told, decode, drive, version};
use crate::support::fake_api::{FakeApi, Fault, Manner};
use crate::support::lines::{self, Line};

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

/// Listens to a cluster that tells `lines` until the last versions of `awaited` were said, and
/// every other kind has failed.
async fn listen_for(
    lines: &[Line],
    awaited: &[Line],
    manner: Manner,
    faults: &[(&str, Vec<Fault>)],
) -> Listened {
    let api = FakeApi::start(lines, manner, faults).await;
    let mut config = Config::new(api.url.parse().unwrap());
    config.default_retry = false;
    let cluster = identify(Client::try_from(config).unwrap(), api.url.clone()).await.unwrap();
    assert!(cluster.has_watch_list && !cluster.uid.is_empty());
    let watched = Lane::ALL.into_iter().map(|lane| Watched {
        target: Target::built_in(lane.resource(), "", ""),
        has_no_backlog: lane.kind().is_none(),
        ear: ForCore { lane, part: 0 },
    });
    let (say, mut said) = mpsc::channel(64);
    let manners = Manners { watch_timeout: Duration::from_secs(1), ..Manners::default() };
    // A silent watch is given up 5 s after it should have ended.
    let watches = start(&cluster, &manners, watched.collect(), &say);
    let mut missing: BTreeMap<Lane, u64> = BTreeMap::new();
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
    let mut at: BTreeMap<(Lane, u64), i64> = BTreeMap::new();
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

/// Whatever goes wrong on the way, the spans are those of the recording, to the byte.
async fn tells_the_same(manner: Manner, faults: &[(&str, Vec<Fault>)]) -> Vec<Status> {
    let lines = lines::recording(RECORDING);
    let expected = drive(&decode(&lines)).spans;
    assert!(expected.len() > 10);
    let listened = listen(&lines, manner, faults).await;
    let statuses = listened.statuses.clone();
    same(&spans(listened, &lines), &expected);
    statuses
}

const PAGES: Manner = Manner { has_watch_list: false, page: 2, bookmarks: 0 };
const WATCH_LIST: Manner = Manner { has_watch_list: true, page: 500, bookmarks: 0 };

#[tokio::test]
async fn a_cluster_is_heard_in_pages_or_in_a_stream() {
    tells_the_same(PAGES, &[]).await;
    let statuses = tells_the_same(WATCH_LIST, &[]).await;
    assert!(
        statuses.iter().all(|status| status.is_synced && status.n_relists == 0),
        "{statuses:?}"
    );
}

#[tokio::test]
async fn a_watch_that_is_closed_or_breaks_in_the_middle_of_an_event_goes_on_where_it_was() {
    for manner in [PAGES, WATCH_LIST] {
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
    let statuses = tells_the_same(WATCH_LIST, &[("pods", vec![Fault::SilentAfter(4)])]).await;
    let pods = statuses.iter().find(|status| status.resource == "pods").unwrap();
    assert_eq!((pods.n_watches, pods.n_relists), (2, 0), "{pods:?}");
}

#[tokio::test]
async fn what_is_told_twice_is_heard_once() {
    let repeat = vec![Fault::CloseAfter(6), Fault::Repeat(5)];
    tells_the_same(WATCH_LIST, &[("pods", repeat.clone()), ("deployments.apps", repeat)]).await;
}

/// The server remembers nothing older than its last bookmark, which is ahead of the last event.
#[tokio::test]
async fn a_watch_goes_on_from_a_bookmark_where_the_last_event_is_forgotten() {
    for manner in [PAGES, WATCH_LIST] {
        let closing = vec![Fault::CloseAfter(2), Fault::CutAfter(2), Fault::CloseAfter(4)];
        let faults = ["pods", "replicasets.apps", "deployments.apps", "events"]
            .map(|resource| (resource, closing.clone()));
        let statuses = tells_the_same(Manner { bookmarks: 2, ..manner }, &faults).await;
        assert!(statuses.iter().all(|it| it.n_relists == 0 && it.n_watches >= 4), "{statuses:?}");
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
    tells_the_same(WATCH_LIST, &faults).await;
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

#[tokio::test]
async fn a_forgotten_version_means_a_list_and_no_false_transition() {
    let lines = lines::recording(RECORDING);
    let expected = drive(&decode(&lines)).spans;
    let keys = |spans: &[FinishedSpan]| -> Vec<_> {
        let mut keys: Vec<_> = spans
            .iter()
            .map(|span| {
                (span.trace_id, span.span_id, span.parent, span.name.to_string(), span.outcome)
            })
            .collect();
        keys.sort();
        keys
    };
    for manner in [PAGES, WATCH_LIST] {
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
    for manner in [PAGES, WATCH_LIST] {
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
        let listened = listen_for(cluster, &others, WATCH_LIST, faults).await;
        let events = status(&listened, "events");
        assert_eq!((events.is_synced, events.phase), (false, phase));
        assert_eq!(events.last_error.as_ref().unwrap().1, said);
        same(&spans(listened, &others), &expected);
    }
}

/// A kubeconfig whose token is another one now, as after a rotation.
#[tokio::test]
async fn credentials_that_are_no_longer_accepted_are_read_again() {
    let lines = lines::recording(RECORDING);
    let path = std::env::temp_dir().join(format!("lifespan-rotated-{}", std::process::id()));
    let api = FakeApi::start(&lines, WATCH_LIST, &[]).await;
    let write = |token: &str| {
        let url = &api.url;
        let text = format!(
            "{{clusters: [{{name: c, cluster: {{server: '{url}'}}}}], users: [{{name: u, user: {{token: {token}}}}}], \
             contexts: [{{name: c, context: {{cluster: c, user: u}}}}], current-context: c}}"
        );
        std::fs::write(&path, text).unwrap();
        api.token.send_replace(token.to_owned());
    };
    write("first");
    let access = Access::KubeConfig { file: Some(path.clone()), context: None };
    let cluster = connect(&access).await.unwrap();
    let watched = Lane::ALL.into_iter().map(|lane| Watched {
        target: Target::built_in(lane.resource(), "", ""),
        has_no_backlog: lane.kind().is_none(),
        ear: ForCore { lane, part: 0 },
    });
    let (say, _said) = mpsc::channel(1_000);
    let watches = start(&cluster, &Manners::default(), watched.collect(), &say);
    timeout(PATIENCE, watches.statuses().settled()).await.unwrap();
    let n_before = api.requests.lock().await.len();
    write("second");
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
    std::fs::remove_file(&path).unwrap();
    assert!(in_time.is_ok(), "{:?}", watches.statuses().now());
    assert!(watches.statuses().now().iter().all(|it| it.n_relists == 0));
}
