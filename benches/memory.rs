//! What a settled Pod costs, its tree's share included: `cargo bench --bench memory`.
//!
//! The heap is asked how much more it holds for an engine with 2,000 Pods that have come up and
//! stay, after a clean start; not a sample, the same number at each run. Then what is kept for half a
//! minute so that what comes late can be put in its place: as much as may be, and what is left of it.
#![expect(clippy::print_stdout, reason = "a bench says what it measured")]

use std::alloc::System;
use std::num::NonZeroU64;

use cap::Cap;
use lifespan::engine::{Engine, Settings};
use lifespan::facts::meta::Uid;
use lifespan::facts::time::{Nanos, UnixNanos};
use lifespan::order::relist::Relist;
use lifespan::store::Store;

use support::drive::{Told, hear, told};
use support::lines::{Line, recording};
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
    settled();
    for copies in [1, 10, 60] {
        late(copies);
    }
}

/// A rollout that was recorded, so many times at once: by then all of it is kept.
fn late(copies: u64) {
    let recorded = recording("19");
    let mut lines: Vec<Line> = (0..copies).flat_map(|n| copy(&recorded, n, copies)).collect();
    lines.sort_by_key(|line| line.at);
    let news: Vec<Told> = lines.iter().filter_map(told).collect();
    let end = news.last().map_or(0, |told| told.at);
    let run = |owner_wait: i64| {
        let before = HEAP.allocated();
        let owner_wait = Nanos::from_seconds(owner_wait);
        let mut engine = Engine::new(Settings { owner_wait, ..Settings::default() });
        let mut spans = Vec::new();
        for one in &news {
            hear(&mut engine, one.clone(), &mut spans);
            spans.clear();
        }
        drop(spans);
        let full = HEAP.allocated().saturating_sub(before);
        drop(engine.advance(UnixNanos(end).plus(Nanos::from_seconds(120))));
        (full, HEAP.allocated().saturating_sub(before), engine.counts().changes)
    };
    let ((full, after, n), (none, ..)) = (run(30), run(0));
    let kept = full.saturating_sub(none);
    println!(
        "{copies:>5} rollouts at once: {:>6} KiB kept for {n} changes, {:>4} bytes each; {:>4} KiB two minutes later",
        kept / 1024,
        u64::try_from(kept).unwrap_or(0) / n.max(1),
        after / 1024
    );
}

/// The same of other objects: uids begin with `n`, resourceVersions lie between those of the others.
fn copy(lines: &[Line], n: u64, of: u64) -> Vec<Line> {
    let mut lines = lines.to_vec();
    for line in &mut lines {
        let mut object = String::new();
        let mut rest = line.object.as_str();
        while let Some(at) = rest.find("\"uid\":\"").into_iter().chain(rest.find(VERSION)).min() {
            let is_version = rest.get(at..).is_some_and(|rest| rest.starts_with(VERSION));
            let begin = at + if is_version { VERSION.len() } else { "\"uid\":\"".len() };
            let (known, value) = rest.split_at(begin);
            let digits = value.find(|c: char| !c.is_ascii_digit()).unwrap_or(0);
            let (number, tail) = value.split_at(if is_version { digits } else { 4 });
            object.push_str(known);
            object.push_str(&if is_version {
                (number.parse::<u64>().unwrap_or(0) * of + n).to_string()
            } else {
                format!("{n:04x}")
            });
            rest = tail;
        }
        object.push_str(rest);
        line.object = object;
    }
    lines
}

const VERSION: &str = "\"resourceVersion\":\"";

/// Bytes a settled Pod by part: what its Deployment and ReplicaSet take without Pods, the index of
/// objects, what lists are compared with, and the Pod itself.
fn settled() {
    println!(
        "{:>24} {:>6} {:>9} {:>6} {:>6} {:>6}",
        "", "all", "workloads", "index", "lists", "Pods"
    );
    for pods in [1, 3, 10, 200] {
        let deployments = PODS / pods;
        let (all, n_objects) = settled_trees(deployments, pods);
        let (workloads, n_workloads) = settled_trees(deployments, 0);
        let (index, lists) = (index(n_objects), lists(n_objects));
        let workloads =
            workloads.saturating_sub(self::index(n_workloads) + self::lists(n_workloads));
        let rest = all.saturating_sub(workloads + index + lists);
        print!("{deployments:>5} trees of {pods:>3} Pods: ");
        for (part, width) in [(all, 6), (workloads, 9), (index, 6), (lists, 6), (rest, 6)] {
            print!(" {:>width$}", part / PODS);
        }
        println!();
    }
}

/// What so many Deployments of so many Pods take when all is settled, and how many objects they are.
fn settled_trees(deployments: usize, pods: usize) -> (usize, usize) {
    let lines = run(Plan {
        seed: 1,
        makes: &[Make::Deployment],
        actions: u32::try_from(deployments).unwrap_or(u32::MAX),
        steady: i64::try_from(pods).ok(),
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
    (held, usize::try_from(engine.counts().objects).unwrap_or(0))
}

/// Uids as the API server draws them.
fn uids(n: usize) -> impl Iterator<Item = Uid> {
    let mix = |n: u64| {
        n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31).wrapping_mul(0xbf58_476d_1ce4_e5b9)
    };
    (1..=n as u64).filter_map(move |n| Uid::new(u128::from(mix(n)) << 64 | u128::from(n)))
}

fn index(n_objects: usize) -> usize {
    let before = HEAP.allocated();
    let store = Store::default();
    uids(n_objects).for_each(|uid| store.enter(uid, uid));
    HEAP.allocated().saturating_sub(before)
}

fn lists(n_objects: usize) -> usize {
    let before = HEAP.allocated();
    let mut relist = Relist::default();
    for uid in uids(n_objects) {
        relist.seen(uid, 2);
        relist.hold(uid, NonZeroU64::new(2));
    }
    HEAP.allocated().saturating_sub(before)
}
