use proptest::prelude::{any, proptest};

use super::*;
use crate::facts::ids::SpanId;
use crate::facts::span::{Link, RemoteParent};
use crate::otlp::sample;

/// A trace of a root and two spans below it, with this id.
fn trace(id: u128) -> Vec<FinishedSpan> {
    let mut spans = sample::trace();
    for span in &mut spans {
        span.trace_id = TraceId(id.to_be_bytes());
        span.links.clear();
        span.error = None;
        span.trace_state = None;
    }
    spans[0].outcome = Some(Outcome::Completed);
    spans.reverse();
    spans
}

fn root(spans: &mut [FinishedSpan]) -> &mut FinishedSpan {
    spans.iter_mut().find(|span| span.parent.is_none()).unwrap()
}

fn stamp(flags: u8) -> Link {
    let mut link = sample::trace().swap_remove(0).links.swap_remove(0);
    (link.reason, link.flags) = (LinkReason::Stamp, flags);
    link
}

fn policy(sampler: Sampler, share: f64) -> Policy {
    Policy { sampler, threshold: Threshold::keeping(share), ..Policy::default() }
}

fn n_kept(policy: &Policy, spans: Vec<FinishedSpan>) -> usize {
    Sieve::new(policy.clone()).sift(spans, UnixNanos(0)).len()
}

const LOW: u128 = 0xab00_0000_0000_0000_0010_0000_0000_0000;
const HIGH: u128 = 0xab00_0000_0000_0000_00f0_0000_0000_0000;

#[test]
fn thresholds_are_written_as_the_specification_has_them() {
    let written = |share| Threshold::keeping(share).trace_state();
    assert_eq!(written(1.0), "ot=th:0");
    assert_eq!(written(0.5), "ot=th:8");
    assert_eq!(written(0.25), "ot=th:c");
    assert!(written(0.01).starts_with("ot=th:fd70a"));
}

#[test]
fn a_ratio_keeps_whole_traces_by_their_id_and_says_how_likely_that_was() {
    let half = policy(Sampler::Ratio, 0.5);
    assert_eq!(n_kept(&half, trace(LOW)), 0);
    let kept = Sieve::new(half).sift(trace(HIGH), UnixNanos(0));
    assert_eq!(kept.len(), 3);
    assert!(kept.iter().all(|span| span.trace_state.as_deref() == Some("ot=th:8")));
}

#[test]
fn what_failed_or_was_slow_is_kept_and_says_nothing_of_likelihood() {
    let keeps = Policy {
        keeps_failed: true,
        keeps_slower_than: Some(Nanos::from_seconds(30)),
        ..policy(Sampler::Ratio, 0.0)
    };
    assert_eq!(n_kept(&keeps, trace(HIGH)), 0);
    let mut failed = trace(HIGH);
    root(&mut failed).outcome = Some(Outcome::Failed);
    let kept = Sieve::new(keeps.clone()).sift(failed, UnixNanos(0));
    assert_eq!(kept.len(), 3);
    assert!(kept.iter().all(|span| span.trace_state.is_none()));
    let mut slow = trace(HIGH);
    let slow_root = root(&mut slow);
    slow_root.end = slow_root.start.plus(Nanos::from_seconds(31));
    assert_eq!(n_kept(&keeps, slow), 3);
}

#[test]
fn a_linked_trace_is_sampled_as_what_it_is_linked_to() {
    let linked = policy(Sampler::Linked, 0.0);
    let with = |links: Vec<Link>| {
        let mut spans = trace(LOW);
        root(&mut spans).links = links;
        spans
    };
    assert_eq!(n_kept(&linked, with(vec![stamp(0), stamp(1)])), 3);
    assert_eq!(n_kept(&linked, with(vec![stamp(0)])), 0);
    assert_eq!(n_kept(&linked, with(Vec::new())), 0);
    let all = policy(Sampler::Linked, 1.0);
    assert_eq!(n_kept(&all, with(vec![stamp(2)])), 0, "unsampled, though random");
    assert_eq!(n_kept(&all, with(Vec::new())), 3);
    // What merely began with a stamp, and is recorded by nobody, decides nothing.
    let begun = |flags| Link { trace_state: Some("lifespan=unrecorded".into()), ..stamp(flags) };
    assert_eq!(n_kept(&all, with(vec![begun(0)])), 3);
    assert_eq!(n_kept(&linked, with(vec![begun(0)])), 0, "by its id");
    assert_eq!(n_kept(&all, with(vec![begun(0), stamp(0)])), 0);
    assert_eq!(n_kept(&linked, with(vec![begun(0), stamp(1)])), 3);
    // Our own links say nothing of sampling.
    let mut own = stamp(1);
    own.reason = LinkReason::Supersedes;
    assert_eq!(n_kept(&linked, with(vec![own])), 0);
}

#[test]
fn a_part_of_a_trace_of_others_is_sampled_as_that_was() {
    for (flags, is_decided, id, n) in
        [(1, true, LOW, 3), (0, true, HIGH, 0), (0, false, HIGH, 3), (0, false, LOW, 0)]
    {
        let mut spans = trace(id);
        let parent = RemoteParent { span_id: SpanId([1; 8]), flags, is_decided };
        root(&mut spans).remote_parent = Some(parent);
        assert_eq!(n_kept(&policy(Sampler::Ratio, 0.5), spans), n);
    }
}

#[test]
fn a_pod_that_outlives_its_trace_goes_the_way_of_it() {
    let keeps = Policy { keeps_failed: true, ..policy(Sampler::Ratio, 0.0) };
    for (outcome, n) in [(Outcome::Failed, 1), (Outcome::Completed, 0)] {
        let mut sieve = Sieve::new(keeps.clone());
        let mut spans = trace(HIGH);
        let late = spans.remove(0);
        let root = root(&mut spans);
        root.outcome = Some(outcome);
        root.n_outliving = 1;
        sieve.sift(spans, UnixNanos(0));
        assert_eq!(sieve.sift(vec![late], UnixNanos(5)).len(), n);
    }
}

#[test]
fn beyond_the_limit_whole_traces_are_dropped_and_counted() {
    let limited = Policy { max_spans_per_second: Some(6), ..Policy::default() };
    let mut sieve = Sieve::new(limited);
    let second = |n: i64| UnixNanos::from_seconds(1_000 + n);
    let mut sift = |id: u128, at: i64| sieve.sift(trace(id), second(at)).len();
    assert_eq!((sift(1, 0), sift(2, 0), sift(3, 0)), (3, 3, 0));
    assert_eq!((sift(4, 1), sift(5, 1), sift(6, 1)), (3, 3, 0));
    assert_eq!(sieve.dropped(), Dropped { unsampled: 0, capped: 6 });
}

#[test]
fn a_trace_larger_than_the_limit_passes_alone_and_is_paid_for() {
    let limited = Policy { max_spans_per_second: Some(1), ..Policy::default() };
    let mut sieve = Sieve::new(limited);
    let mut sift = |id: u128, at: i64| sieve.sift(trace(id), UnixNanos::from_seconds(at)).len();
    assert_eq!((sift(1, 0), sift(2, 1), sift(3, 2), sift(4, 3)), (3, 0, 0, 3));
}

proptest! {
    #[test]
    fn the_same_trace_is_decided_alike_by_every_replica_and_more_is_kept_by_a_larger_share(
        id in any::<u128>(), share in 0.0..1.0, more in 0.0..1.0,
    ) {
        let share: f64 = share;
        let larger: f64 = share + (1.0 - share) * more;
        let kept = |share| n_kept(&policy(Sampler::Ratio, share), trace(id));
        assert_eq!(kept(share), kept(share));
        assert!(kept(share) <= kept(larger));
    }
}
