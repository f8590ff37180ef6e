//! What a settled Pod costs, its tree's share included: `cargo bench --bench memory`.
//!
//! The heap is asked how much more it holds for an engine with 2,000 Pods that have come up and
//! stay, after a clean start; not a sample, the same number at each run.
#![expect(clippy::print_stdout, reason = "a bench says what it measured")]

use std::alloc::System;

use cap::Cap;
use lifespan::engine::{Engine, Settings};

use support::drive::{Told, hear, told};
use support::model::{Make, Plan, run};

#[expect(dead_code, reason = "the tests need more of it")]
#[path = "../tests/it/support"]
mod support {
    pub(crate) mod drive;
    pub(crate) mod lines;
    pub(crate) mod model;
}

#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);

const PODS: usize = 2_000;

fn main() {
    for pods in [1, 3, 10, 200] {
        let deployments = PODS / pods;
        let actions = u32::try_from(deployments).unwrap_or(u32::MAX);
        let steady = i64::try_from(pods).ok();
        let lines = run(Plan {
            seed: 1,
            makes: &[Make::Deployment],
            actions,
            steady,
            deployments,
            ends_namespace: false,
        })
        .lines;
        let news: Vec<Told> = lines.iter().filter_map(told).collect();
        let before = HEAP.allocated();
        let mut spans = Vec::new();
        let mut engine = Engine::new(Settings::default());
        for one in &news {
            hear(&mut engine, one.clone(), &mut spans);
            spans.clear();
        }
        engine.finish();
        drop(spans);
        let held = HEAP.allocated().saturating_sub(before);
        let counts = engine.counts();
        println!(
            "{deployments:>5} Deployments of {pods:>3} Pods: {:>5} bytes a settled Pod ({} objects)",
            held / PODS,
            counts.objects
        );
    }
}
