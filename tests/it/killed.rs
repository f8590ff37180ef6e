//! The program with a storage, killed at any moment and started again: what arrives in the end is what a
//! process would have told that was there all the time (DESIGN §11).
//!
//! `LIFESPAN_KILLS=200` kills so often, over as many runs of each recording as that takes.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::Duration;

use lifespan::engine::Settings;
use lifespan::facts::time::Nanos;
use opentelemetry_proto::tonic::trace::v1::Span;
use tokio::time::{Instant, sleep};

use crate::support::drive::{decode, drive_with};
use crate::support::fake_api::{FakeApi, Manner};
use crate::support::fake_collector::{FakeCollector, encoded, spans_of};
use crate::support::lines;
use crate::support::model::random::Random;
use crate::support::service::{Service, folder};

/// The uid that the fake cluster tells.
const CLUSTER: &str = "00000000-0000-4000-8000-000000000000";

/// The recording lasts 15 s.
const PATIENCE: Duration = Duration::from_secs(90);

/// So many seconds after the first start something happens: by then the lists are stored.
const LEAD: i64 = 6;

/// What can be told of a span without its times: those are of this run.
type Key = (Vec<u8>, Vec<u8>, Vec<u8>, String);

fn key(span: &Span) -> Key {
    let Span { trace_id, span_id, parent_span_id, name, .. } = span.clone();
    (trace_id, span_id, parent_span_id, name)
}

/// The spans of an undisturbed run of `name`.
fn undisturbed(name: &str) -> BTreeSet<Key> {
    let settings = Settings {
        cluster_uid: Some(CLUSTER.to_owned()),
        stable_time: Nanos::from_seconds(1),
        ..crate::support::drive::settings()
    };
    let run = drive_with(settings, &decode(&lines::recording(name)));
    encoded(&run.spans).iter().map(key).collect()
}

/// Plays `name` to a program that is killed now and then; how often it was.
async fn killed(name: &str, random: &mut Random) -> usize {
    let expected = undisturbed(name);
    assert!(expected.len() > 10, "{name}");
    let manner = Manner { has_watch_list: true, page: 500, ..Manner::default() };
    // What happened before anything was stored a list tells, and Events that came by then are gone.
    let api = FakeApi::start_live_after(&lines::recording(name), LEAD, manner, &[]).await;
    let mut collector = FakeCollector::start([]).await;
    let store = folder("store");
    let text = format!(
        "receivers: {{k8s_lifecycle: {{auth_type: kubeConfig, stable_time: 1s, storage: file_storage}}}}\n\
         exporters: {{otlp_grpc: {{endpoint: '{}', tls: {{insecure: true}}, sending_queue: {{storage: file_storage}}, retry_on_failure: {{initial_interval: 100ms, max_interval: 100ms}}}}}}\n\
         extensions: {{file_storage: {{directory: '{}', create_directory: true, timeout: 10s}}}}\n\
         service:\n  extensions: [file_storage]\n  telemetry: {{metrics: {{level: none}}}}\n  \
         pipelines: {{traces: {{receivers: [k8s_lifecycle], exporters: [otlp_grpc]}}}}\n",
        collector.address,
        store.display(),
    );
    let mut once: BTreeMap<(Vec<u8>, Vec<u8>), Span> = BTreeMap::new();
    let began = Instant::now();
    let mut n_kills = 0;
    let mut said = String::new();
    loop {
        let at = folder("killed");
        fs::write(at.join("c.yaml"), &text).unwrap();
        let mut service = Service::start(at, &api.url, &["--config", "c.yaml"]);
        let lives = Duration::from_millis(u64::try_from(random.between(300, 3_000)).unwrap());
        let lives = if n_kills == 0 { lives + Duration::from_secs(5) } else { lives };
        let until = Instant::now() + lives;
        let is_last = began.elapsed() > Duration::from_secs(24);
        while is_last || Instant::now() < until {
            for span in spans_of(collector.received().into_iter().map(|it| it.body)) {
                let id = (span.trace_id.clone(), span.span_id.clone());
                // What is sent again is the same to the byte.
                if let Some(before) = once.insert(id, span.clone()) {
                    assert_eq!(before, span, "{name} after {n_kills} kills");
                }
            }
            let told: BTreeSet<Key> = once.values().map(key).collect();
            // Before it can be told to end, it has begun.
            let has_begun = || service.said().contains("Going on with what was stored");
            if is_last && told.is_superset(&expected) && has_begun() {
                service.signal("TERM");
                assert_eq!(service.ended().await, Some(0), "{name}: {}", service.said());
                said.push_str(&service.said());
                let differs: Vec<_> = told.difference(&expected).collect();
                assert!(differs.is_empty(), "{name} after {n_kills} kills: {differs:?}\n{said}");
                assert!(said.contains("Going on with what was stored"), "{said}");
                assert!(!said.contains("set aside"), "{said}");
                fs::remove_dir_all(&store).unwrap();
                return n_kills;
            }
            let missing: Vec<_> = expected.difference(&told).map(|it| &it.3).collect();
            assert!(
                began.elapsed() < PATIENCE,
                "{name} after {n_kills} kills lacks {missing:?}\n{said}{}",
                service.said()
            );
            sleep(Duration::from_millis(20)).await;
        }
        service.signal("KILL");
        assert_eq!(service.ended().await, None, "{name}: it ended by itself\n{}", service.said());
        said.push_str(&service.said());
        n_kills += 1;
    }
}

/// As many runs of `name` as it takes.
async fn however_often(name: &str, seed: u64) {
    let least: usize = std::env::var("LIFESPAN_KILLS").map_or(5, |n| n.parse().unwrap());
    let mut random = Random::new(seed);
    let mut n_kills = 0;
    while n_kills < least {
        n_kills += killed(name, &mut random).await;
    }
}

#[tokio::test]
async fn however_often_it_is_killed_every_span_arrives_once_and_none_is_another() {
    however_often("02-rolling-update", 1).await;
}

#[tokio::test]
async fn however_often_it_is_killed_a_rollout_that_does_not_come_up_is_told_once() {
    however_often("08-bad-image-then-fix", 2).await;
}
