//! The whole way from lines to spans, on a cluster that is made up: `cargo bench --bench pipeline`.
//!
//! With `LIFESPAN_WRITE_RECORDING=PATH` the recording is written there and nothing is measured.
//! A column of allocations, divided by the lines, is allocations per change.

use std::process::ExitCode;

use divan::counter::{BytesCount, ItemsCount};
use divan::{AllocProfiler, Bencher};
use lifespan::engine::{Engine, Settings};

use support::drive::{Told, hear, told};
use support::lines::Line;
use support::model::{Make, Plan, run};

#[expect(dead_code, reason = "the tests need more of it")]
#[path = "../tests/it/support"]
mod support {
    pub(crate) mod drive;
    pub(crate) mod lines;
    pub(crate) mod model;
}

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

fn main() -> ExitCode {
    let Some(path) = std::env::var_os("LIFESPAN_WRITE_RECORDING") else {
        divan::main();
        return ExitCode::SUCCESS;
    };
    match std::fs::write(path, support::lines::write(&rollouts())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// 200 rollouts of 10 Pods each, in ten Deployments.
fn rollouts() -> Vec<Line> {
    run(Plan {
        seed: 1,
        makes: &[Make::Deployment],
        actions: 200,
        steady: Some(10),
        deployments: 10,
        ends_namespace: false,
    })
    .lines
}

/// Runs `lines` and returns the engine with all that it still holds.
fn tell(lines: &[Line]) -> (Engine, usize) {
    let mut engine = Engine::new(Settings::default());
    let mut n_spans = 0;
    let mut spans = Vec::new();
    for news in lines.iter().filter_map(told) {
        hear(&mut engine, news, &mut spans);
        n_spans += spans.len();
        spans.clear();
    }
    n_spans += engine.finish().len();
    (engine, n_spans)
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn lines_to_spans(bencher: Bencher<'_, '_>) {
    let lines = rollouts();
    let bytes: usize = lines.iter().map(|line| line.object.len()).sum();
    bencher
        .counter(ItemsCount::new(lines.len()))
        .counter(BytesCount::new(bytes))
        .bench(|| tell(&lines).1);
}

/// The same without reading JSON.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn news_to_spans(bencher: Bencher<'_, '_>) {
    let news: Vec<Told> = rollouts().iter().filter_map(told).collect();
    let n_news = news.len();
    bencher.counter(ItemsCount::new(n_news)).with_inputs(|| news.clone()).bench_values(|news| {
        let mut engine = Engine::new(Settings::default());
        let mut spans = Vec::new();
        for one in news {
            hear(&mut engine, one, &mut spans);
        }
        spans.len() + engine.finish().len()
    });
}
