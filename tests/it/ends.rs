//! What is open and what settles is known at any moment, and nothing finished is lost at the end.

use std::collections::{BTreeMap, BTreeSet};

use lifespan::engine::Engine;
use lifespan::facts::span::{FinishedSpan, Span, Value};
use lifespan::facts::time::UnixNanos;

use crate::support::drive::{Told, decode, drive, hear, settings};
use crate::support::lines;

/// Recordings with a rollout, a failure, a recovery, a run and a deletion.
const NAMES: [&str; 5] = [
    "02-rolling-update",
    "08-bad-image-then-fix",
    "21-paused-canary",
    "22-evicted-mid-rollout",
    "19-scaled-during-rollout",
];

fn roots<O>(spans: &[Span<O>]) -> Vec<&Span<O>> {
    spans.iter().filter(|span| span.parent.is_none()).collect()
}

fn is_cut(span: &FinishedSpan) -> bool {
    span.attributes.contains(&("lifespan.hold.cut", Value::from(true)))
}

fn heard(all: &[Told]) -> (Engine, Vec<FinishedSpan>) {
    let mut engine = Engine::new(settings());
    let mut spans = Vec::new();
    for told in all {
        hear(&mut engine, told.clone(), &mut spans);
    }
    (engine, spans)
}

#[test]
fn what_is_counted_as_open_is_what_is_shown_as_open() {
    let mut n_settling = 0;
    for name in NAMES {
        let all = decode(&lines::recording(name));
        let mut engine = Engine::new(settings());
        let trees = engine.trees();
        let mut spans = Vec::new();
        for told in all {
            let at = UnixNanos(told.at);
            hear(&mut engine, told, &mut spans);
            let open = trees.in_progress(at);
            assert_eq!(trees.n_open(), roots(&open).len() as u64, "{name} at {at:?}");
            let settled = trees.settled(|_| true);
            assert_eq!(trees.n_settling(), roots(&settled).len() as u64, "{name} at {at:?}");
            assert_eq!(trees.settling().len() as u64, trees.n_settling());
            n_settling += trees.n_settling();
        }
    }
    assert!(n_settling > 100, "{n_settling}");
}

/// What leaves after its hold is what was shown as settling, if nothing happened meanwhile.
#[test]
fn what_is_shown_as_settling_is_what_leaves() {
    for name in NAMES {
        let all = decode(&lines::recording(name));
        let (engine, _) = heard(&all);
        let trees = engine.trees();
        let settled = trees.settled(|_| true);
        let mut engine = engine;
        let left = engine.finish();
        for span in &settled {
            assert!(left.contains(span), "{name}: {}", span.name);
        }
    }
}

/// Stopped after any line: what has settled leaves with the ids that it would have had, and says
/// that nobody saw whether it lasted; what is open leaves nothing.
#[test]
fn at_the_end_holds_are_released_and_say_so_and_what_is_open_stays_open() {
    let (mut n_cut, mut n_open) = (0, 0);
    for name in NAMES {
        let all = decode(&lines::recording(name));
        let whole: BTreeMap<_, _> =
            drive(&all).spans.into_iter().map(|span| (span.span_id, span)).collect();
        for end in (1..=all.len()).step_by(2) {
            let (mut engine, before) = heard(&all[..end]);
            let settling: BTreeSet<_> = engine.trees().settling().into_iter().collect();
            let now = UnixNanos(all[end - 1].at);
            let cut = engine.cut_holds(now);
            assert_eq!(engine.trees().n_settling(), 0, "{name} after {end}");
            let told: BTreeSet<_> =
                before.iter().chain(&cut).map(|span| (span.trace_id, span.span_id)).collect();
            assert_eq!(told.len(), before.len() + cut.len(), "each span once");
            for root in roots(&cut) {
                // A hold that was over anyway was not cut.
                n_cut += usize::from(is_cut(root));
                assert!(whole.contains_key(&root.span_id), "{name} after {end}: {}", root.name);
            }
            let left: BTreeSet<_> = roots(&cut).iter().map(|root| root.trace_id).collect();
            assert!(settling.is_subset(&left), "{name} after {end}");
            assert_eq!(
                engine.trees().n_open(),
                roots(&engine.in_progress(now)).len() as u64,
                "what is open is counted"
            );
            n_open += engine.trees().n_open();
            assert!(before.iter().all(|span| !is_cut(span)));
        }
        assert!(whole.values().all(|span| !is_cut(span)), "a replay waits until holds are over");
    }
    assert!(n_cut > 10 && n_open > 100, "{n_cut} cut, {n_open} open");
}
