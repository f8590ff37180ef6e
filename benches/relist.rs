//! What lists cost: `cargo bench --bench relist`.
//!
//! The first one, and another of the same Pods, as after a watch whose version the server has forgotten.

use std::collections::BTreeMap;

use divan::Bencher;
use divan::counter::ItemsCount;
use lifespan::engine::{Engine, Settings};
use lifespan::facts::change::{News, Snapshot};
use lifespan::facts::kind::Lane;
use lifespan::facts::meta::Uid;
use lifespan::facts::time::{Nanos, UnixNanos};

use support::drive::{snapshot, told};
use support::model::{Make, Plan, run};

#[expect(dead_code, reason = "the tests need more of it")]
#[path = "../tests/it/support"]
mod support {
    pub(crate) mod drive;
    pub(crate) mod lines;
    pub(crate) mod model;
}

/// Pods of one Deployment.
const PODS: usize = 100;

fn main() {
    divan::main();
}

/// All that there is of so many Pods in the end, by the lanes that list it, and when that is.
fn cluster(n_pods: usize) -> (BTreeMap<Lane, Vec<Snapshot>>, UnixNanos) {
    let deployments = n_pods / PODS;
    let plan = Plan {
        seed: 1,
        makes: &[Make::Deployment],
        actions: u32::try_from(deployments).unwrap_or(u32::MAX),
        ends_namespace: false,
        steady: i64::try_from(PODS).ok(),
        deployments,
    };
    let mut newest: BTreeMap<(Lane, Uid), Snapshot> = BTreeMap::new();
    let mut end = 0;
    for news in run(plan).lines.iter().filter_map(told) {
        end = news.at;
        if let Some(it) = snapshot(&news).filter(|it| it.meta().deletion.is_none()) {
            newest.insert((news.lane, it.meta().uid), it.clone());
        }
    }
    let mut lists: BTreeMap<Lane, Vec<Snapshot>> = BTreeMap::new();
    for ((lane, _), snapshot) in newest {
        lists.entry(lane).or_default().push(snapshot);
    }
    (lists, UnixNanos(end))
}

/// Each lane lists, one after the other; returns how many spans came of it.
fn list(engine: &mut Engine, lists: BTreeMap<Lane, Vec<Snapshot>>, at: UnixNanos) -> usize {
    let version = lists.values().flatten().map(|it| it.meta().resource_version).max();
    let mut n = 0;
    for lane in Lane::ALL {
        for snapshot in lists.get(&lane).into_iter().flatten() {
            n += engine.hear(lane, News::Listed(snapshot.clone()), at).len();
        }
        n += engine.hear(lane, News::ListDone(version), at).len();
    }
    n + engine.advance(at.plus(Nanos::from_seconds(60))).len()
}

#[divan::bench(args = [6_000, 60_000], sample_count = 5, sample_size = 1)]
fn first(bencher: Bencher<'_, '_>, n_pods: usize) {
    let (lists, end) = cluster(n_pods);
    bencher
        .counter(ItemsCount::new(n_pods))
        .with_inputs(|| (Engine::new(Settings::default()), lists.clone()))
        .bench_local_values(|(mut engine, lists)| {
            let n = list(&mut engine, lists, end);
            (engine, n)
        });
}

#[divan::bench(args = [6_000, 60_000], sample_count = 5, sample_size = 1)]
fn again(bencher: Bencher<'_, '_>, n_pods: usize) {
    let (lists, end) = cluster(n_pods);
    let mut engine = Engine::new(Settings::default());
    assert_eq!(list(&mut engine, lists.clone(), end), 0, "all of it stands there");
    assert!(engine.counts().objects >= n_pods as u64, "{:?}", engine.counts());
    let mut at = end.plus(Nanos::from_seconds(100));
    bencher.counter(ItemsCount::new(n_pods)).with_inputs(|| lists.clone()).bench_local_values(
        |lists| {
            at = at.plus(Nanos::from_seconds(100));
            let n = list(&mut engine, lists, at);
            assert_eq!(n, 0, "nothing has changed");
        },
    );
}
