//! What it costs to close a large transition: `cargo bench --bench closing`.
#![expect(clippy::unwrap_used, reason = "an object that is not read is no measurement")]

use std::sync::LazyLock;

use divan::Bencher;
use divan::counter::ItemsCount;
use lifespan::engine::{Engine, Settings};
use lifespan::facts::change::{Change, News};
use lifespan::facts::kind::Lane;
use lifespan::facts::time::{Nanos, UnixNanos};
use lifespan::kinds::{Catalog, snapshot};

static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::default);

fn main() {
    divan::main();
}

const START: UnixNanos = UnixNanos::from_seconds(1_795_173_300);

const METADATA: &str = r#""namespace":"default","creationTimestamp":"2026-11-20T11:15:00Z""#;

fn set(version: u64, extra: &str, desired: usize) -> String {
    format!(
        r#"{{"kind":"DaemonSet","metadata":{{"name":"agent","uid":"00000000-0000-4000-8000-00000000ffff","resourceVersion":"{version}","generation":1,{extra}{METADATA}}},"spec":{{"template":{{"spec":{{"containers":[{{"name":"app","image":"nowhere/app:v1"}}]}}}}}},"status":{{"observedGeneration":1,"desiredNumberScheduled":{desired},"currentNumberScheduled":{desired},"updatedNumberScheduled":{desired}}}}}"#
    )
}

/// A Pod of it whose image does not exist.
fn pod(n: usize, version: u64) -> String {
    format!(
        r#"{{"kind":"Pod","metadata":{{"name":"agent-{n}","uid":"{n:08x}-0000-4000-8000-000000000000","resourceVersion":"{version}","ownerReferences":[{{"apiVersion":"apps/v1","kind":"DaemonSet","name":"agent","uid":"00000000-0000-4000-8000-00000000ffff","controller":true}}],{METADATA}}},"spec":{{"nodeName":"node-{n}","containers":[{{"name":"app","image":"nowhere/app:v1"}}]}},"status":{{"phase":"Pending","containerStatuses":[{{"name":"app","restartCount":0,"state":{{"waiting":{{"reason":"ErrImagePull","message":"not found"}}}}}}]}}}}"#
    )
}

fn hear(engine: &mut Engine, lane: Lane, json: &str, at: UnixNanos) -> usize {
    let seen = snapshot(&CATALOG, lane, json.as_bytes()).unwrap().snapshot;
    engine.hear(lane, News::Watched(Change::Seen(seen)), at).len()
}

/// A DaemonSet whose Pods all fail for want of an image, just before it is deleted.
fn failing(n_pods: usize) -> (Engine, UnixNanos) {
    let mut engine = Engine::new(Settings::default());
    for lane in Lane::ALL {
        assert_eq!(engine.hear(lane, News::ListDone(Some(1)), START), []);
    }
    let mut at = START.plus(Nanos::from_seconds(3));
    let mut version = 10;
    hear(&mut engine, Lane::DaemonSets, &set(version, "", n_pods), at);
    for n in 0..n_pods {
        version += 1;
        at = at.plus(Nanos(1_000_000));
        hear(&mut engine, Lane::Pods, &pod(n, version), at);
    }
    at = at.plus(Nanos::from_seconds(10));
    assert_eq!(engine.advance(at), []);
    let going = r#""deletionTimestamp":"2026-11-20T11:15:40Z","#;
    hear(&mut engine, Lane::DaemonSets, &set(version + 1, going, n_pods), at);
    (engine, at.plus(Nanos::from_seconds(2)))
}

/// All spans of the failed creation are made when the deletion closes it.
#[divan::bench(args = [500, 5_000], sample_count = 5, sample_size = 1)]
fn a_failing_daemon_set(bencher: Bencher<'_, '_>, n_pods: usize) {
    bencher.counter(ItemsCount::new(n_pods)).with_inputs(|| failing(n_pods)).bench_values(
        |(mut engine, at)| {
            let n_spans = engine.advance(at).len();
            assert!(n_spans > n_pods, "{n_spans}");
            engine
        },
    );
}
