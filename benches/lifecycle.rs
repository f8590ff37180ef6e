//! What one change costs on its way into the core: `cargo bench --bench lifecycle`.
#![expect(clippy::unwrap_used, reason = "an object that is not read is no measurement")]

use std::sync::LazyLock;

use divan::counter::{BytesCount, ItemsCount};
use divan::{AllocProfiler, Bencher};
use lifespan::engine::{Engine, Settings};
use lifespan::facts::change::News;
use lifespan::facts::change::{Change, Snapshot};
use lifespan::facts::kind::Lane;
use lifespan::facts::time::{Nanos, UnixNanos};
use lifespan::kinds::{Catalog, note, snapshot};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

/// What is known; it is made once, as a process makes it once.
static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::default);

fn main() {
    divan::main();
}

/// Objects as recorded, with their managedFields.
const POD: &[u8] = include_bytes!("../tests/objects/pod.json");
const POD_WITH_SIDECAR: &[u8] = include_bytes!("../tests/objects/pod_with_sidecar.json");
const DEPLOYMENT: &[u8] = include_bytes!("../tests/objects/deployment.json");
const REPLICA_SET: &[u8] = include_bytes!("../tests/objects/replica_set.json");
const EVENT: &[u8] = include_bytes!("../tests/objects/event.json");

#[divan::bench(args = ["pod", "pod_with_sidecar", "deployment", "replica_set"])]
fn bytes_to_snapshot(bencher: Bencher<'_, '_>, name: &str) {
    let (lane, json) = match name {
        "pod" => (Lane::Pods, POD),
        "pod_with_sidecar" => (Lane::Pods, POD_WITH_SIDECAR),
        "deployment" => (Lane::Deployments, DEPLOYMENT),
        _ => (Lane::ReplicaSets, REPLICA_SET),
    };
    bencher
        .counter(ItemsCount::new(1_usize))
        .counter(BytesCount::of_slice(json))
        .bench(|| snapshot(&CATALOG, lane, json).unwrap());
}

#[divan::bench]
fn bytes_to_note(bencher: Bencher<'_, '_>) {
    bencher
        .counter(ItemsCount::new(1_usize))
        .counter(BytesCount::of_slice(EVENT))
        .bench(|| note(&CATALOG, EVENT).unwrap());
}

/// What of it only passing over the bytes takes.
#[divan::bench]
fn pod_passed_over(bencher: Bencher<'_, '_>) {
    bencher
        .counter(ItemsCount::new(1_usize))
        .counter(BytesCount::of_slice(POD))
        .bench(|| serde_json::from_slice::<serde::de::IgnoredAny>(POD).unwrap());
}

/// How many changes of Pods one sample takes in.
const CHANGES: u64 = 10_000;
/// And of how many Pods.
const PODS: u64 = 500;

/// The Pod as a watch tells it again and again: other Pods, rising versions, readiness to and fro.
fn pod_events() -> Vec<Vec<u8>> {
    let text = std::str::from_utf8(POD).unwrap();
    let uid = text.split("\"uid\":\"").nth(1).and_then(|rest| rest.get(..36)).unwrap();
    let event = |n: u64| {
        let ready = if (n / PODS).is_multiple_of(2) { "True" } else { "False" };
        let of_pod = format!("{:08x}-0000-4000-8000-000000000000", n % PODS);
        text.replace(
            "\"resourceVersion\":\"1797\"",
            &format!("\"resourceVersion\":\"{}\"", 9_000 + n),
        )
        .replace(
            "\"type\":\"Ready\",\"observedGeneration\":1,\"status\":\"False\"",
            &format!("\"type\":\"Ready\",\"observedGeneration\":1,\"status\":\"{ready}\""),
        )
        .replacen(uid, &of_pod, 1)
        // Nothing owns it: an owner that nobody tells of would be waited for.
        .replace("\"ownerReferences\"", "\"noReferences\"")
        .into_bytes()
    };
    (0..CHANGES).map(event).collect()
}

fn watched(snapshot: Snapshot) -> News {
    News::Watched(Change::Seen(snapshot))
}

/// An engine that has listed nothing, and the time of its first change.
fn engine() -> (Engine, UnixNanos) {
    let mut engine = Engine::new(Settings::default());
    let start = UnixNanos::from_seconds(1_795_173_300);
    for lane in Lane::ALL {
        assert_eq!(engine.hear(lane, News::ListDone(Some(1)), start), []);
    }
    engine.advance(start);
    (engine, start)
}

/// The whole way of a Pod's watch event: bytes, snapshot, inlet, tree.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn bytes_of_a_pod_to_tracked_state(bencher: Bencher<'_, '_>) {
    let events = pod_events();
    bencher.counter(ItemsCount::new(events.len())).bench(|| {
        let (mut engine, start) = engine();
        let mut n_spans = 0;
        for (n, json) in (0..).zip(&events) {
            let at = start.plus(Nanos(n * 1_000_000));
            let seen = watched(snapshot(&CATALOG, Lane::Pods, json).unwrap().snapshot);
            n_spans += engine.hear(Lane::Pods, seen, at).len();
        }
        n_spans + engine.advance(start.plus(Nanos::from_seconds(20))).len()
    });
}

/// The same without reading JSON: inlet and `step`.
#[divan::bench(sample_count = 10, sample_size = 1)]
fn step(bencher: Bencher<'_, '_>) {
    let events: Vec<Snapshot> = pod_events()
        .iter()
        .map(|json| snapshot(&CATALOG, Lane::Pods, json).unwrap().snapshot)
        .collect();
    bencher.counter(ItemsCount::new(events.len())).with_inputs(|| events.clone()).bench_values(
        |events| {
            let (mut engine, start) = engine();
            let mut n_spans = 0;
            for (n, snapshot) in (0..).zip(events) {
                let at = start.plus(Nanos(n * 1_000_000));
                n_spans += engine.hear(Lane::Pods, watched(snapshot), at).len();
            }
            n_spans + engine.advance(start.plus(Nanos::from_seconds(20))).len()
        },
    );
}
