//! What it costs to be looked at while nothing happens: `cargo bench --bench rest`.
//!
//! A probe, a scrape and the page of transitions, with 600 Pods at rest and with 60,000: the
//! figures of a row must be the same in both columns.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use divan::Bencher;
use lifespan::admin::answer::{Serves, answer};
use lifespan::app::View;
use lifespan::app::driver::Figures;
use lifespan::app::look::{Look, Stage};
use lifespan::cluster::machine::Machine;
use lifespan::config::MetricsLevel;
use lifespan::engine::{Engine, Settings};
use lifespan::export::AllBooks;
use lifespan::watch::lanes::Statuses;
use tokio::sync::watch;

use support::drive::{hear, told};
use support::model::{Make, Plan, run};

#[expect(dead_code, reason = "the tests need more of it")]
#[path = "../tests/it/support"]
mod support {
    pub(crate) mod drive;
    pub(crate) mod lines;
    pub(crate) mod model;
}

/// Pods of one Deployment.
const PODS: u32 = 100;

static SMALL: LazyLock<Look> = LazyLock::new(|| at_rest(600));
static LARGE: LazyLock<Look> = LazyLock::new(|| at_rest(60_000));

fn main() {
    divan::main();
}

/// A look at a process that tracks so many Pods, all of which are ready.
fn at_rest(pods: u32) -> Look {
    let deployments = pods / PODS;
    let plan = Plan {
        seed: 1,
        makes: &[Make::Deployment],
        actions: deployments,
        ends_namespace: false,
        steady: Some(PODS.into()),
        deployments: usize::try_from(deployments).unwrap_or(usize::MAX),
    };
    let mut engine = Engine::new(Settings::default());
    let mut spans = Vec::new();
    for news in run(plan).lines.iter().filter_map(told) {
        hear(&mut engine, news, &mut spans);
        spans.clear();
    }
    engine.finish();
    let counts = engine.counts();
    assert!(counts.objects >= u64::from(pods), "{counts:?}");
    assert_eq!((engine.trees().n_open(), engine.trees().n_settling()), (0, 0), "at rest");
    let view = View {
        statuses: Statuses::default(),
        books: AllBooks::default(),
        trees: engine.trees(),
        figures: watch::channel(Figures { counts, ..Figures::default() }).1,
        machine: Machine::default(),
    };
    let (_, stage) = watch::channel(Stage::Running(view, String::new()));
    Look::new(BTreeMap::new(), stage)
}

fn look(pods: u32) -> &'static Look {
    if pods == 600 { &SMALL } else { &LARGE }
}

fn asked(bencher: Bencher<'_, '_>, pods: u32, serves: &Serves, path: &str) {
    let look = look(pods);
    bencher.bench(|| answer(serves, path, false, &look.known(serves.needs(path))));
}

#[divan::bench(args = [600, 60_000])]
fn probe(bencher: Bencher<'_, '_>, pods: u32) {
    asked(bencher, pods, &Serves::Health { path: "/".to_owned(), is_strict: false }, "/");
}

#[divan::bench(args = [600, 60_000])]
fn not_found(bencher: Bencher<'_, '_>, pods: u32) {
    asked(bencher, pods, &Serves::Zpages, "/favicon.ico");
}

#[divan::bench(args = [600, 60_000])]
fn scrape(bencher: Bencher<'_, '_>, pods: u32) {
    asked(bencher, pods, &Serves::Metrics(MetricsLevel::Normal), "/metrics");
}

#[divan::bench(args = [600, 60_000])]
fn page_of_transitions(bencher: Bencher<'_, '_>, pods: u32) {
    asked(bencher, pods, &Serves::Zpages, "/debug/lifecyclez");
}
