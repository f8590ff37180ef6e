//! The whole program in one process, between an API server and a back end that both misbehave.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use kube_client::{Client, Config};
use lifespan::app::App;
use lifespan::cluster::connect::identify;
use lifespan::engine::{Engine, Settings};
use lifespan::export::Delivery;
use lifespan::export::settings::{Exporter, Queue, To, Wire};
use lifespan::export::{self, Tls};
use lifespan::facts::kind::Lane;
use lifespan::facts::time::Nanos;
use lifespan::otlp::backoff::Backoff;
use lifespan::watch::lanes::Watched;
use lifespan::watch::listener::ForCore;
use lifespan::watch::target::{Target, WatchSettings};
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::time::{sleep, timeout};
use tonic::Status;

use crate::support::cutting::Cutting;
use crate::support::drive::{decode, drive_with};
use crate::support::fake_api::{CLUSTER, FakeApi, Fault, Manner};
use crate::support::fake_collector::{Answer, FakeCollector, encoded, exhausted_for, spans_of};
use crate::support::lines;

/// The recording lasts 15 s, and faults some seconds.
const PATIENCE: Duration = Duration::from_secs(60);

fn exporter(id: &str, address: &str) -> Exporter {
    let retry = Backoff {
        initial: Duration::from_millis(20),
        max: Duration::from_millis(50),
        max_elapsed: Duration::from_secs(20),
        ..Backoff::default()
    };
    let settings = Box::new(export::Settings {
        tls: Tls { insecure: true, ..Tls::default() },
        retry,
        timeout: Duration::from_millis(500),
        ..export::Settings::new(address)
    });
    Exporter {
        id: id.to_owned(),
        to: To::Server { wire: Wire::Grpc, settings, queue: Queue::default() },
    }
}

/// A short hold, so that the test is.
fn settings() -> Settings {
    Settings {
        cluster_uid: Some(CLUSTER.to_owned()),
        stable_time: Nanos::from_seconds(1),
        waits_for: Lane::ALL.into_iter().map(|lane| (lane, 0)).collect(),
        ..Settings::default()
    }
}

/// What can be told of a span without its times: those are of this run.
type Key = (Vec<u8>, Vec<u8>, Vec<u8>, String, Option<String>);

fn keys(spans: impl IntoIterator<Item = Span>) -> Vec<Key> {
    let mut keys: Vec<Key> = spans
        .into_iter()
        .map(|span| {
            let outcome = span.attributes.iter().find(|it| it.key == "lifespan.outcome");
            let outcome = outcome.map(|it| format!("{:?}", it.value));
            (span.trace_id, span.span_id, span.parent_span_id, span.name, outcome)
        })
        .collect();
    keys.sort();
    keys
}

/// Runs until each exporter has delivered `n` spans, then stops; the books balance, before the
/// end and at it.
async fn run(api: &FakeApi, exporters: Vec<Exporter>, n: u64) {
    let mut config = Config::new(api.url.parse().unwrap());
    config.default_retry = false;
    let cluster = identify(Client::try_from(config).unwrap(), api.url.clone()).await.unwrap();
    let watched = Lane::ALL.into_iter().map(|lane| Watched {
        target: Target::built_in(lane.resource().unwrap(), "", ""),
        has_no_backlog: !lane.has_lives(),
        from: None,
        listener: ForCore::new(Arc::default(), lane, 0),
    });
    let delivery = Delivery::start(exporters).unwrap();
    let watch_settings =
        WatchSettings { watch_timeout: Duration::from_secs(1), ..WatchSettings::default() };
    let app = App::start(
        &cluster,
        &watch_settings,
        watched.collect(),
        Engine::new(settings()),
        delivery,
        None,
    );
    let view = app.view();
    let done = async {
        while view.books.now().iter().any(|it| it.sent < n) {
            assert!(view.books.now().iter().all(|it| it.balance()), "{:?}", view.books.now());
            sleep(Duration::from_millis(5)).await;
        }
    };
    let in_time = timeout(PATIENCE, done).await;
    assert!(in_time.is_ok(), "{:?}\n{:?}", view.books.now(), view.statuses.now());
    let stopped = timeout(PATIENCE, app.stop(PATIENCE)).await.unwrap();
    for books in &stopped.books {
        assert!(books.balance(), "{books:?}");
        assert_eq!((books.offered, books.sent), (n, n), "nothing else was told: {books:?}");
    }
    assert_eq!(stopped.core.unwrap().engine.in_progress(lifespan::clock::now()), []);
}

#[tokio::test]
async fn through_faults_on_both_sides_every_span_arrives_and_none_is_another() {
    let lines = lines::recording("02-rolling-update");
    let settings = Settings { waits_for: Vec::new(), ..settings() };
    let expected = keys(encoded(&drive_with(settings, &decode(&lines)).spans));
    assert!(expected.len() > 20);
    let faults = [
        ("pods", vec![Fault::CutAfter(3), Fault::Refuse(429, Some(1)), Fault::ExpireAfter(4, 0)]),
        ("replicasets.apps", vec![Fault::CloseAfter(1), Fault::Repeat(1)]),
        ("deployments.apps", vec![Fault::Garbage(2)]),
        ("events", vec![Fault::SilentAfter(5)]),
    ];
    let manner = Manner::WATCH_LIST;
    let api = FakeApi::start_live(&lines, manner, &faults).await;
    let mut refusing = FakeCollector::start([
        Answer::Fail(Status::unavailable("away")),
        Answer::Fail(exhausted_for(Duration::from_millis(30))),
        Answer::Hang,
    ])
    .await;
    let mut broken = FakeCollector::start([]).await;
    let cutting = Cutting::start(&broken.address, 3).await;
    let exporters = vec![
        exporter("otlp_grpc/refusing", &refusing.address),
        exporter("otlp_grpc/broken", &cutting.address),
    ];
    run(&api, exporters, expected.len() as u64).await;
    for collector in [&mut refusing, &mut broken] {
        // What was asked again is the same to the byte; each span is told in one way only.
        let mut once: BTreeMap<_, Span> = BTreeMap::new();
        let told = spans_of(collector.received().into_iter().map(|it| it.body));
        assert!(told.len() > expected.len(), "something was asked again");
        for span in told {
            let id = (span.trace_id.clone(), span.span_id.clone());
            let before = once.insert(id, span.clone());
            assert!(before.is_none_or(|before| before == span), "{}", span.name);
        }
        assert_eq!(keys(once.into_values()), expected);
    }
}
