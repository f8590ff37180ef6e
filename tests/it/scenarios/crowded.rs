//! What a transition does not keep for want of room is counted.

use super::script::run;

/// A Deployment that is being created, with what happens `meanwhile`, until it has settled.
fn n_crowded(meanwhile: impl Iterator<Item = String>) -> u64 {
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
        meanwhile.collect::<Vec<_>>().join("\n")
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
