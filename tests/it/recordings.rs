//! Recorded clusters, and what must come of each: written down by hand from what was done to the
//! cluster and from the objects, not from what the program makes of them.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a panic is a failed test")]

mod workloads;

use std::fmt::Write as _;

use lifespan::facts::span::FinishedSpan;

use crate::support::checks::{Trace, faults, flag, outcome, outline, show, text, traces};
use crate::support::drive::{decode, drive};
use crate::support::lines::recording;

/// The spans below a root that are counted.
const COUNTED: [&str; 13] = [
    "create ReplicaSet",
    "scale ReplicaSet",
    "delete ReplicaSet",
    "start Pod",
    "terminate Pod",
    "restart container",
    "run init container",
    "start sidecar",
    "run JobSet",
    "run Job",
    "run TaskRun",
    "run Pod",
    "run container",
];

/// A trace on one line: name, outcome, error, flags, links, and the spans below the root.
fn tell(trace: &Trace<'_>, root: &FinishedSpan) -> String {
    let mut text = format!("{}: {}", root.name, outcome(root));
    if let Some((error, _)) = &root.error {
        write!(text, " {error}").unwrap();
    }
    for (key, word) in [("lifespan.unstable", "unstable"), ("lifespan.context.stale", "stale")] {
        if flag(root, key) {
            write!(text, ", {word}").unwrap();
        }
    }
    let mut links: Vec<&str> = root.links.iter().map(|link| link.reason.name()).collect();
    links.sort_unstable();
    for link in links {
        write!(text, ", {link}").unwrap();
    }
    if root.remote_parent.is_some() {
        text.push_str(", parent");
    }
    for name in COUNTED {
        match trace.count(name) - usize::from(root.name == name) {
            0 => {}
            n => write!(text, " | {n} {name}").unwrap(),
        }
    }
    text
}

/// Runs the recording and holds its traces, in order of their start, against `expected`.
fn check(name: &str, expected: &[&str]) -> Vec<FinishedSpan> {
    let run = drive(&decode(&recording(name)));
    let traces = traces(&run.spans);
    let mut told: Vec<(i64, String)> = traces
        .values()
        .filter_map(|trace| Some((trace.root?.start.0, tell(trace, trace.root?))))
        .collect();
    told.sort();
    let told: Vec<String> = told.into_iter().map(|(_, text)| text).collect();
    let faults = faults(&run.spans);
    assert!(
        told == expected && faults.is_empty(),
        "recording {name}\ntold:\n  {}\nexpected:\n  {}\n{faults}{}",
        told.join("\n  "),
        expected.join("\n  "),
        outline(&run.spans)
    );
    for root in traces.values().filter_map(|trace| trace.root) {
        let is_linked = root.links.iter().any(|link| link.reason.name() == "stamp");
        let is_stamped = is_linked || root.remote_parent.is_some();
        assert_eq!(root.is_consumer, is_stamped, "{}", show(root));
    }
    run.spans
}

/// The only root, or the one of this place among those of its name.
fn root<'a>(spans: &'a [FinishedSpan], name: &str, place: usize) -> &'a FinishedSpan {
    let mut roots: Vec<&FinishedSpan> =
        spans.iter().filter(|span| span.parent.is_none() && span.name == name).collect();
    roots.sort_by_key(|root| root.start);
    roots[place]
}

/// All spans of this name in the trace of `root`.
fn below<'a>(spans: &'a [FinishedSpan], root: &FinishedSpan, name: &str) -> Vec<&'a FinishedSpan> {
    let id = root.trace_id;
    let mut found: Vec<&FinishedSpan> =
        spans.iter().filter(|span| span.trace_id == id && span.name == name).collect();
    found.sort_by_key(|span| span.start);
    found
}

fn seconds(span: &FinishedSpan) -> f64 {
    span.end.since(span.start).millis() as f64 / 1_000.0
}

/// The span takes `expected` seconds, give or take `tolerance`.
fn takes(span: &FinishedSpan, expected: f64, tolerance: f64) {
    let told = seconds(span);
    assert!((told - expected).abs() <= tolerance, "{told} s, expected {expected}: {}", show(span));
}

/// The outcomes and errors of spans, in order of their start.
fn ends(spans: &[&FinishedSpan]) -> Vec<String> {
    spans
        .iter()
        .map(|span| match &span.error {
            Some((error, _)) => format!("{} {error}", outcome(span)),
            None => outcome(span).to_owned(),
        })
        .collect()
}

#[test]
fn r01_a_deployment_is_created() {
    let spans =
        check("01", &["create Deployment: completed, stamp | 1 create ReplicaSet | 3 start Pod"]);
    takes(root(&spans, "create Deployment", 0), 1.83, 0.1);
}

#[test]
fn r02_a_new_image_rolls_out() {
    let spans = check(
        "02",
        &[
            "update Deployment: completed, stamp | 1 create ReplicaSet | 1 scale ReplicaSet | 3 start Pod | 3 terminate Pod",
        ],
    );
    let root = root(&spans, "update Deployment", 0);
    takes(root, 5.54, 0.1);
    // The last old Pod goes two seconds after the rollout was done.
    let last = below(&spans, root, "terminate Pod").iter().map(|span| span.end).max();
    assert!(last.is_some_and(|last| last.since(root.end).millis() > 1_800), "{}", outline(&spans));
    for name in ["create ReplicaSet", "scale ReplicaSet"] {
        let events = &below(&spans, root, name)[0].events;
        let further = events.iter().filter(|event| event.name == "replicas changed").count();
        assert_eq!(further, 2, "further writes of its replicas: {events:?}");
    }
}

#[test]
fn r03_scaled_up_and_down_without_a_new_stamp() {
    let spans = check(
        "03",
        &[
            "scale Deployment: completed, stale | 1 scale ReplicaSet | 2 start Pod",
            "scale Deployment: completed, stale | 1 scale ReplicaSet | 3 terminate Pod",
        ],
    );
    takes(root(&spans, "scale Deployment", 0), 1.57, 0.1);
    takes(root(&spans, "scale Deployment", 1), 0.07, 0.1);
}

#[test]
fn r04_rolled_back() {
    check(
        "04",
        &[
            "rollback Deployment: completed, stale | 2 scale ReplicaSet | 2 start Pod | 2 terminate Pod",
        ],
    );
}

#[test]
fn r05_restarted() {
    check(
        "05",
        &[
            "restart Deployment: completed, stale | 1 create ReplicaSet | 1 scale ReplicaSet | 2 start Pod | 2 terminate Pod",
        ],
    );
}

#[test]
fn r06_a_pod_is_deleted_by_hand() {
    let spans = check("06", &["recover Deployment: completed | 1 start Pod | 1 terminate Pod"]);
    let root = root(&spans, "recover Deployment", 0);
    takes(root, 1.5, 0.1);
    for span in below(&spans, root, "start Pod").iter().chain(&below(&spans, root, "terminate Pod"))
    {
        assert_eq!(span.parent, Some(root.span_id), "no ReplicaSet was written: {}", show(span));
    }
}

#[test]
fn r07_deleted_in_the_background() {
    let spans =
        check("07", &["delete Deployment: completed | 1 delete ReplicaSet | 2 terminate Pod"]);
    takes(root(&spans, "delete Deployment", 0), 1.7, 0.1);
}

#[test]
fn r08_an_image_that_does_not_exist() {
    let spans = check(
        "08",
        &[
            "create Deployment: completed, stamp | 1 create ReplicaSet | 2 start Pod",
            "update Deployment: failed ProgressDeadlineExceeded, stamp | 1 create ReplicaSet | 1 start Pod",
            "update Deployment: completed, follows, stamp | 1 create ReplicaSet | 2 scale ReplicaSet | 2 start Pod | 3 terminate Pod",
            "delete Deployment: completed | 1 delete ReplicaSet | 2 terminate Pod",
        ],
    );
    let failed = root(&spans, "update Deployment", 0);
    takes(failed, 12.1, 0.2);
    assert_eq!(ends(&below(&spans, failed, "start Pod")), ["unfinished ErrImagePull"]);
}

#[test]
fn r09_superseded_after_three_seconds() {
    let spans = check(
        "09",
        &[
            "create Deployment: completed, stamp | 1 create ReplicaSet | 3 start Pod",
            "update Deployment: superseded, stamp | 1 create ReplicaSet | 1 start Pod",
            "update Deployment: completed, stamp, supersedes | 1 create ReplicaSet | 2 scale ReplicaSet | 3 start Pod | 4 terminate Pod",
            "delete Deployment: completed | 1 delete ReplicaSet | 3 terminate Pod",
        ],
    );
    let superseded = root(&spans, "update Deployment", 0);
    takes(superseded, 3.17, 0.1);
    assert_eq!(ends(&below(&spans, superseded, "start Pod")), ["unfinished"]);
}

#[test]
fn r10_a_crash_loop_behind_a_probe() {
    let spans = check(
        "10",
        &[
            "create Deployment: deleted CrashLoopBackOff, stamp | 1 create ReplicaSet | 1 start Pod | 4 restart container",
            "delete Deployment: completed, supersedes | 1 delete ReplicaSet | 1 terminate Pod",
        ],
    );
    let create = root(&spans, "create Deployment", 0);
    takes(create, 45.1, 0.1);
    let start = below(&spans, create, "start Pod");
    assert_eq!(outcome(start[0]), "unfinished");
    let restarts = below(&spans, create, "restart container");
    assert!(restarts.iter().all(|span| span.parent == Some(start[0].span_id)));
    let outcomes: Vec<&str> = restarts.iter().map(|span| outcome(span)).collect();
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == "unfinished").count(), 1);
    assert_eq!(outcomes.last(), Some(&"unfinished"));
}

#[test]
fn r11_too_many_processors_asked_for() {
    let spans = check(
        "11",
        &[
            "create Deployment: superseded Unschedulable, stamp | 1 create ReplicaSet | 1 start Pod",
            "update Deployment: completed, stamp, supersedes | 1 create ReplicaSet | 1 scale ReplicaSet | 1 start Pod | 1 terminate Pod",
            "delete Deployment: completed | 1 delete ReplicaSet | 1 terminate Pod",
        ],
    );
    let create = root(&spans, "create Deployment", 0);
    takes(create, 8.18, 0.1);
    let schedule = below(&spans, create, "schedule Pod");
    assert_eq!(schedule.len(), 1, "{}", outline(&spans));
    let update = root(&spans, "update Deployment", 0);
    takes(below(&spans, update, "terminate Pod")[0], 0.05, 0.1);
}

#[test]
fn r16_a_bare_pod_with_all_kinds_of_containers() {
    let spans = check(
        "16",
        &[
            "start Pod: completed, stamp | 1 run init container | 1 start sidecar",
            "terminate Pod: completed",
        ],
    );
    let start = root(&spans, "start Pod", 0);
    takes(start, 6.9, 0.15);
    let step = |name: &str| below(&spans, start, name);
    let init = step("run init container")[0];
    assert!(seconds(init) >= 2.0, "{}", show(init));
    takes(init, 2.1, 0.3);
    takes(step("start sidecar")[0], 2.0, 0.2);
    let longest = step("pull image").iter().map(|span| seconds(span)).fold(0.0, f64::max);
    assert!((longest - 0.7).abs() < 0.15, "the 80 MB image: {longest} s\n{}", outline(&spans));
    let container = |name: &str, of: &str| {
        let found = step(name).into_iter().find(|span| span.container.as_deref() == Some(of));
        found.unwrap_or_else(|| panic!("no {name} of {of}\n{}", outline(&spans)))
    };
    let (app, worker) = (container("start container", "app"), container("pull image", "worker"));
    assert!(app.end <= worker.end, "app starts before worker is pulled\n{}", outline(&spans));
    assert!(
        step("run init container")
            .into_iter()
            .chain(step("start sidecar"))
            .all(|span| span.parent == Some(start.span_id)),
        "phases are siblings"
    );
}

#[test]
fn r19_scaled_in_the_middle_of_a_rollout() {
    let spans = check(
        "19",
        &[
            "create Deployment: completed, stamp | 1 create ReplicaSet | 4 start Pod",
            "update Deployment: completed, stamp | 1 create ReplicaSet | 1 scale ReplicaSet | 8 start Pod | 7 terminate Pod",
            "delete Deployment: completed | 1 delete ReplicaSet | 5 terminate Pod",
        ],
    );
    let update = root(&spans, "update Deployment", 0);
    takes(update, 10.9, 0.15);
    let goals = update.events.iter().filter(|event| event.name == "goal changed").count();
    assert_eq!(goals, 2, "{:?}", update.events);
    let old = below(&spans, update, "scale ReplicaSet")[0];
    let of_old = |span: &&&FinishedSpan| span.parent == Some(old.span_id);
    assert_eq!(below(&spans, update, "start Pod").iter().filter(of_old).count(), 2);
}

#[test]
fn r20_a_crash_loop_that_nothing_probes() {
    let spans = check(
        "20",
        &[
            "create Deployment: completed, unstable, stamp | 1 create ReplicaSet | 1 start Pod",
            "recover Deployment: deleted CrashLoopBackOff, follows | 4 restart container",
            "delete Deployment: completed, supersedes | 1 delete ReplicaSet | 1 terminate Pod",
        ],
    );
    takes(root(&spans, "create Deployment", 0), 0.24, 0.15);
    let recover = root(&spans, "recover Deployment", 0);
    let restarts = below(&spans, recover, "restart container");
    let lengths: Vec<f64> = restarts.iter().map(|span| seconds(span)).collect();
    assert!(lengths[..3].is_sorted(), "the back-off grows: {lengths:?}");
    assert_eq!(restarts.last().map(|span| outcome(span)), Some("unfinished"));
}

#[test]
fn r21_a_canary_by_pausing() {
    let spans = check(
        "21",
        &[
            "create Deployment: completed, stamp | 1 create ReplicaSet | 4 start Pod",
            "update Deployment: paused, stamp | 1 create ReplicaSet | 1 scale ReplicaSet | 2 start Pod | 1 terminate Pod",
            "resume Deployment: completed, stale, resumes | 2 scale ReplicaSet | 2 start Pod | 3 terminate Pod",
            "delete Deployment: completed | 1 delete ReplicaSet | 4 terminate Pod",
        ],
    );
    // Paused 1.11 s after it began, ready 1.7 s after that.
    takes(root(&spans, "update Deployment", 0), 2.87, 0.15);
}

#[test]
fn r22_evicted_in_the_middle_of_a_rollout() {
    let spans = check(
        "22",
        &[
            "create Deployment: completed, stamp | 1 create ReplicaSet | 4 start Pod",
            "update Deployment: completed, stamp | 1 create ReplicaSet | 1 scale ReplicaSet | 6 start Pod | 6 terminate Pod",
            "delete Deployment: completed | 1 delete ReplicaSet | 4 terminate Pod",
        ],
    );
    let update = root(&spans, "update Deployment", 0);
    let old = below(&spans, update, "scale ReplicaSet")[0];
    let of_old: Vec<&FinishedSpan> = below(&spans, update, "start Pod")
        .into_iter()
        .filter(|span| span.parent == Some(old.span_id))
        .collect();
    assert_eq!(of_old.len(), 2, "{}", outline(&spans));
    assert!(of_old.iter().all(|span| outcome(span) != "completed"), "they were never ready");
    let gone = below(&spans, update, "terminate Pod");
    let evicted = gone.iter().filter(|span| text(span, "lifespan.reason").contains("evicted"));
    assert_eq!(evicted.count(), 2, "{gone:#?}");
}

#[test]
fn r23_a_container_restarts_after_it_was_ready() {
    let spans = check(
        "23",
        &[
            "create Deployment: completed, unstable, stamp | 1 create ReplicaSet | 1 start Pod",
            "recover Deployment: completed, follows | 1 restart container",
            "recover Deployment: completed | 1 restart container",
            "delete Deployment: completed | 1 delete ReplicaSet | 1 terminate Pod",
        ],
    );
    takes(root(&spans, "recover Deployment", 0), 0.6, 0.5);
    takes(root(&spans, "recover Deployment", 1), 15.3, 0.6);
}

#[test]
fn r24_readiness_is_lost_for_long() {
    let spans = check(
        "24",
        &[
            "create Deployment: completed, unstable, stamp | 1 create ReplicaSet | 2 start Pod",
            "recover Deployment: completed, follows",
            "delete Deployment: completed | 1 delete ReplicaSet | 2 terminate Pod",
        ],
    );
    takes(root(&spans, "recover Deployment", 0), 16.0, 0.3);
}
