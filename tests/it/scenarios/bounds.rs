//! What is kept of one transition is bounded, however often its objects are written, and what was not
//! kept any more is counted as crowded.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::fmt::Write as _;

use super::script::{Run, run};

/// So much of one sort is kept.
const KEPT: u64 = 1_000;

/// What lies beyond it.
const MORE: u64 = 300;

/// A script with `line` for each write, a millisecond apart from second 20 on.
fn written(before: &str, line: impl Fn(u64) -> String, after: &str) -> Run {
    let mut script = before.to_owned();
    for n in 0..KEPT + MORE {
        writeln!(script, "@{}.{:03} {}", 20 + n / 1_000, n % 1_000, line(n)).unwrap();
    }
    script.push_str(after);
    run(&script)
}

#[test]
fn changes_of_a_goal_beyond_those_that_are_kept_are_counted() {
    let scaled = |n: u64| format!("deploy web replicas={}", 3 + n % 2);
    let run = written(
        "@0 settled web a b\n@19 deploy web image=v2\n",
        scaled,
        "@30 deploy web gone\n@31 rs web-1 gone\n@32 pod a gone\n@33 pod b gone\n",
    );
    assert_eq!(run.counts.untraced.crowded, MORE);
}

#[test]
fn templates_that_are_written_while_a_workload_is_paused_are_counted_beyond_those_that_are_kept() {
    let run = written(
        "@0 settled web a b\n@19 deploy web paused\n",
        |n| format!("deploy web paused image=v{}", n + 2),
        "@40 deploy web paused=false\n",
    );
    assert_eq!(run.counts.untraced.crowded, MORE);
}

#[test]
fn links_beyond_what_opentelemetry_allows_are_counted_on_the_span() {
    let run = written(
        "@0 settled web a b\n@19 deploy web image=v2\n",
        |n| format!("deploy web replicas={} stamp={:02x}", 3 + n % 2, n % 160),
        "@30 deploy web gone\n@31 rs web-1 gone\n@32 pod a gone\n@33 pod b gone\n",
    );
    let most = run.spans.iter().max_by_key(|span| span.links.len()).unwrap();
    assert_eq!(most.links.len(), 128, "{most:?}");
    assert!(most.dropped_links > 0, "{most:?}");
}

/// A Deployment that is being created, with what happens `meanwhile`, until it has settled.
fn n_crowded(meanwhile: impl Iterator<Item = String>) -> u64 {
    let meanwhile: Vec<_> = meanwhile.collect();
    let script = format!(
        "
        @0 list
        @1   deploy web replicas=1 by=kubectl
        @1.1 rs web-1 of=web replicas=1
        @1.2 pod a of=web-1
        {}
        @4   pod a running ready
        @4.1 rs web-1 status=1/1
        @4.2 deploy web status=1/1/1
        @60 wait
        ",
        meanwhile.join("\n")
    );
    let run = run(&script);
    assert!(run.spans.iter().any(|span| span.parent.is_none()), "it has settled");
    run.counts.untraced.crowded
}

#[test]
fn events_of_a_pod_beyond_those_it_keeps_are_counted() {
    let events = |n: u32| (0..n).map(|n| format!("@2.{n:04} event pod/a Reason{n}"));
    assert_eq!(n_crowded(events(128)), 0);
    assert_eq!(n_crowded(events(131)), 3);
}

#[test]
fn writes_of_replicas_beyond_those_it_keeps_are_counted() {
    let writes = |n: u32| (0..n).map(|n| format!("@2.{n:04} rs web-1 replicas={}", 2 - n % 2));
    let last = || ["@3 rs web-1 replicas=1".to_owned()];
    assert_eq!(n_crowded(writes(999).chain(last())), 0);
    assert_eq!(n_crowded(writes(1_001).chain(last())), 2);
}

#[test]
fn stamps_beyond_those_that_wait_for_a_transition_are_counted() {
    let stamps = |n: u32| {
        let stamps: Vec<_> =
            (1..=n).map(|n| format!("@20.{n:02} deploy web stamp={n:02x}\n")).collect();
        let script =
            format!("@0 settled web a\n{}@21 deploy web image=v2\n@60 wait\n", stamps.concat());
        let run = run(&script);
        let links = run.open.iter().map(|span| span.links.len()).max().unwrap();
        (run.counts.untraced.crowded, links)
    };
    assert_eq!(stamps(16), (0, 16));
    assert_eq!(stamps(19), (3, 16));
}
