//! Recorded clusters in, trace trees out.
//!
//! Each tree agrees with the table of what was done to the cluster and with the objects that the
//! recording holds. `UPDATE_EXPECT=1 cargo test golden` rewrites them; read what it changed.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is a failed test")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::PathBuf;

use expect_test::expect_file;
use lifespan::engine::{Engine, Settings};
use lifespan::facts::ids::{SpanId, TraceId};
use lifespan::facts::span::{FinishedSpan, Value};
use lifespan::facts::time::UnixNanos;
use lifespan::kinds::{Catalog, Meaning};
use lifespan::recording::{Heard, Line, hear};

/// Attributes that the tree says in another place, or that differ by span and say nothing here.
const ELSEWHERE: [&str; 9] = [
    "lifespan.outcome",
    "error.type",
    "k8s.pod.uid",
    "k8s.pod.name",
    "k8s.replicaset.uid",
    "k8s.replicaset.name",
    "k8s.container.name",
    "lifespan.action",
    "lifespan.actor",
];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/recordings")
}

fn text_of(name: &str) -> String {
    let file = std::fs::File::open(folder().join(format!("{name}.jsonl.gz"))).unwrap();
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(file).read_to_string(&mut text).unwrap();
    text
}

/// All spans of a recording, in the order in which they left.
fn replay(text: &str) -> Vec<FinishedSpan> {
    let catalog = Catalog::default();
    let settings = Settings { custom_kinds: catalog.custom_kinds(), ..Settings::default() };
    let mut engine = Engine::new(settings);
    let mut spans = Vec::new();
    for line in text.lines() {
        let line = Line::parse(line.as_bytes()).unwrap();
        if let Heard::Lane(lane, Meaning::News { news, .. }) = hear(&catalog, &line) {
            spans.extend(engine.hear(lane, *news, line.at));
        }
    }
    spans.extend(engine.finish());
    spans
}

fn seconds(at: UnixNanos, zero: UnixNanos) -> String {
    let micros = at.since(zero).0 / 1_000;
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

fn value(value: &Value) -> String {
    match value {
        Value::Str(text) => text.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::List(list) => list.join(","),
    }
}

/// The traces of `spans` as indented trees, in order of the starts of their roots.
fn trees(spans: &[FinishedSpan]) -> String {
    let mut traces: BTreeMap<TraceId, Vec<&FinishedSpan>> = BTreeMap::new();
    for span in spans {
        traces.entry(span.trace_id).or_default().push(span);
    }
    let mut roots: Vec<&FinishedSpan> = spans.iter().filter(|span| span.parent.is_none()).collect();
    roots.sort_by_key(|root| (root.start, root.trace_id));
    let mut out = String::new();
    for root in roots {
        writeln!(out, "trace {} service={}", root.trace_id, root.resource.service()).unwrap();
        tree(root, &traces[&root.trace_id], root.start, 0, &mut out);
        out.push('\n');
    }
    out
}

fn tree(
    span: &FinishedSpan,
    all: &[&FinishedSpan],
    zero: UnixNanos,
    depth: usize,
    out: &mut String,
) {
    let pad = "  ".repeat(depth);
    write!(out, "{pad}{} {}", span.name, span.object.name).unwrap();
    if !span.container.is_empty() {
        write!(out, " [{}]", span.container).unwrap();
    }
    write!(out, " {}..{}", seconds(span.start, zero), seconds(span.end, zero)).unwrap();
    if let Some(outcome) = span.outcome {
        write!(out, " {outcome}").unwrap();
    }
    if span.is_consumer {
        write!(out, " CONSUMER").unwrap();
    }
    out.push('\n');
    if let Some((reason, message)) = &span.error {
        writeln!(out, "{pad}  ! {reason}: {message}").unwrap();
    }
    let told: Vec<String> = span
        .attributes
        .iter()
        .filter(|(key, _)| !ELSEWHERE.contains(key))
        .map(|(key, of)| format!("{}={}", key.trim_start_matches("lifespan."), value(of)))
        .collect();
    writeln!(out, "{pad}  {}", told.join(" ")).unwrap();
    for link in &span.links {
        writeln!(
            out,
            "{pad}  -> {} {}-{} {}",
            link.reason.name(),
            link.trace_id,
            link.span_id,
            link.found
        )
        .unwrap();
    }
    for event in &span.events {
        let of: Vec<String> =
            event.attributes.iter().map(|(key, of)| format!("{key}={}", value(of))).collect();
        let of = of.join(" ").replace('\n', " ");
        writeln!(out, "{pad}  * {} {} {of}", seconds(event.at, zero), event.name).unwrap();
    }
    let mut below: Vec<&&FinishedSpan> =
        all.iter().filter(|child| child.parent == Some(span.span_id)).collect();
    below.sort_by_key(|child| (child.start, child.span_id));
    for child in below {
        tree(child, all, zero, depth + 1, out);
    }
}

fn check(name: &str) {
    let text = text_of(name);
    let spans = replay(&text);
    let ids: BTreeMap<SpanId, usize> = spans.iter().map(|span| (span.span_id, 1)).collect();
    assert_eq!(ids.len(), spans.len(), "every span is exported once");
    assert_eq!(spans, replay(&text), "the same recording gives the same spans");
    expect_file![folder().join(format!("{name}.txt"))].assert_eq(&trees(&spans));
}

macro_rules! golden {
    ($($test:ident $name:literal)*) => {$(
        #[test]
        fn $test() {
            check($name);
        }
    )*};
}

golden! {
    a_deployment_is_created "01-deployment-create"
    a_rolling_update "02-rolling-update"
    a_scale_with_a_stale_stamp "03-scale-with-stale-stamp"
    a_rollback "04-rollback"
    a_rollout_restart "05-rollout-restart"
    a_pod_is_replaced "06-pod-replaced"
    a_delete_cascades "07-delete-cascade"
    a_bad_image_is_fixed "08-bad-image-then-fix"
    an_update_is_superseded "09-superseded"
    a_container_crashes_in_a_loop "10-crashloop"
    a_pod_is_unschedulable "11-unschedulable"
    a_job_succeeds "12-job-success"
    a_job_fails "13-job-failure"
    a_stateful_set_lives "14-statefulset"
    a_daemon_set_lives "15-daemonset"
    a_bare_pod_with_a_sidecar_and_a_slow_image "16-pod-sidecar-slow-image"
    a_cron_job_runs_once "17-cronjob"
    a_train_job_runs_a_job_set_runs_a_job "18-trainjob-chain"
    a_rollout_is_scaled_on_its_way "19-scaled-during-rollout"
    a_crash_loop_without_a_probe "20-crashloop-without-probe"
    a_canary_is_paused "21-paused-canary"
    pods_are_evicted_in_a_rollout "22-evicted-mid-rollout"
    containers_restart_after_they_were_ready "23-restart-after-ready"
    readiness_flaps "24-readiness-flap"
    a_node_joins_a_daemon_set_and_leaves_it "25-daemonset-node-joins"
    a_stateful_set_is_updated_in_parts_and_on_delete "26-statefulset-partition-ondelete"
    kubeflow_trains "27-trainjob"
    tekton_builds "28-tekton"
    argo_rolls_out_a_canary "29-argo-canary"
}
