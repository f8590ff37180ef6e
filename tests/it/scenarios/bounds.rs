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
fn writes_of_a_workload_below_beyond_those_that_are_kept_are_counted() {
    let scaled = |n: u64| format!("rs web-1 replicas={}", 3 + n % 2);
    let run = written(
        "@0 settled web a b\n@19 deploy web image=v2\n",
        scaled,
        "@30 deploy web gone\n@31 rs web-1 gone\n@32 pod a gone\n@33 pod b gone\n",
    );
    // The first is the step itself.
    assert_eq!(run.counts.untraced.crowded, MORE - 1);
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
    let stamps: Vec<_> = (0..160).map(|n| format!("{n:02x}")).collect();
    let run = written(
        "@0 settled web a b\n",
        |n| {
            let stamp = stamps.get(usize::try_from(n).unwrap() % stamps.len()).unwrap();
            format!("deploy web image=v{} stamp={stamp}", 2 + n)
        },
        "@40 deploy web gone\n@41 rs web-1 gone\n@42 pod a gone\n@43 pod b gone\n",
    );
    assert!(run.spans.iter().all(|span| span.links.len() <= 128), "no span has more");
}
