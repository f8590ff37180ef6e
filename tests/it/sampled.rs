//! What was decided of a trace holds for what is still to come of it, whichever process tells that.

use std::collections::{BTreeMap, BTreeSet};

use lifespan::engine::{Engine, Settings};
use lifespan::facts::change::News;
use lifespan::facts::ids::{SpanId, TraceId};
use lifespan::facts::kind::Lane;
use lifespan::facts::span::FinishedSpan;
use lifespan::facts::time::{Nanos, UnixNanos};
use lifespan::sampling::{Policy, Sampler, Threshold};

use crate::support::drive::{Run, Told, decode, drive_on, drive_with, hear, settings, version};
use crate::support::lines::{recording, recordings};

/// Every trace is kept, and only because of how long it took, which what comes later does not tell.
fn sampled() -> Settings {
    let sampling = Policy {
        sampler: Sampler::Ratio,
        threshold: Threshold::keeping(0.0),
        keeps_slower_than: Some(Nanos(1)),
        ..Policy::default()
    };
    // Pods that go take longer than that.
    Settings { sampling, stable_time: Nanos(1), ..settings() }
}

type Id = (TraceId, SpanId);

fn ids(spans: &[FinishedSpan]) -> BTreeSet<Id> {
    spans.iter().map(|span| (span.trace_id, span.span_id)).collect()
}

/// What left after the root of its trace.
fn late(spans: &[FinishedSpan]) -> BTreeSet<Id> {
    let mut roots = BTreeSet::new();
    let mut late = BTreeSet::new();
    for span in spans {
        if roots.contains(&span.trace_id) {
            late.insert((span.trace_id, span.span_id));
        }
        if span.parent.is_none() {
            roots.insert(span.trace_id);
        }
    }
    late
}

/// What a process is told that goes on after `before`.
fn again(engine: &Engine, before: &[Told], at: i64) -> Vec<Told> {
    let lanes: BTreeSet<Lane> = before.iter().map(|told| told.lane).collect();
    let bookmarks = lanes.iter().map(|lane| Told { at, lane: *lane, news: News::Bookmark(None) });
    let missed = before.iter().filter(|told| {
        let from = engine.resumes_at(told.lane, 0);
        matches!(told.news, News::Watched(_)) && from.is_some() && version(told) > from
    });
    bookmarks.chain(missed.map(|told| Told { at, ..told.clone() })).collect()
}

#[test]
fn what_outlives_a_trace_goes_the_way_of_it_after_a_restart_too() {
    let mut n = 0;
    for name in recordings() {
        let mut all = decode(&recording(&name));
        all.sort_by_key(|told| told.at);
        let late = late(&drive_with(sampled(), &all).spans);
        let mut engine = Engine::new(sampled());
        engine.store_changes();
        let (mut stored, mut spans) = (BTreeMap::new(), Vec::new());
        for (i, told) in all.iter().enumerate() {
            hear(&mut engine, told.clone(), &mut spans);
            for (key, value) in engine.changed() {
                match value {
                    Some(value) => drop(stored.insert(key, value)),
                    None => drop(stored.remove(&key)),
                }
            }
            let left = ids(&spans);
            let has_root =
                |id: &Id| spans.iter().any(|span| span.parent.is_none() && span.trace_id == id.0);
            if !late.iter().any(|id| !left.contains(id) && has_root(id)) {
                continue;
            }
            let (before, after) = all.split_at(i + 1);
            let at = UnixNanos(told.at);
            let (mut next, _) = Engine::restore(sampled(), stored.clone(), (at, None)).unwrap();
            let again = again(&next, before, told.at);
            let rest = again.into_iter().chain(after.iter().cloned());
            let told = drive_on(&mut next, Run::default(), rest).spans;
            let told: BTreeSet<Id> = ids(&told).union(&left).copied().collect();
            assert!(late.is_subset(&told), "{name}, cut at {i}");
            n += 1;
        }
    }
    assert!(n >= 5, "{n}");
}
