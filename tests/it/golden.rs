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
use lifespan::config::{Lookup, Source, load};
use lifespan::engine::{Engine, Settings};
use lifespan::facts::ids::{SpanId, TraceId};
use lifespan::facts::span::{FinishedSpan, Value};
use lifespan::facts::time::UnixNanos;
use lifespan::kinds::Catalog;
use lifespan::recording::Line;

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

fn path(name: &str, ending: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}.{ending}"))
}

/// The files of this project.
struct Files;

impl Lookup for Files {
    fn env(&self, _: &str) -> Option<String> {
        None
    }

    fn file(&self, path: &str) -> Result<String, String> {
        std::fs::read_to_string(path).map_err(|error| error.to_string())
    }
}

/// What is known of objects: by a configuration, or the presets alone.
fn known(configuration: Option<&str>) -> (Catalog, Settings) {
    let Some(name) = configuration else {
        let catalog = Catalog::default();
        let settings = Settings { custom_kinds: catalog.custom_kinds(), ..Settings::default() };
        return (catalog, settings);
    };
    let file = path(name, "yaml").to_str().unwrap().to_owned();
    let loaded = load(&[Source::Config(file)], &Files).unwrap();
    let receiver = loaded.config.receiver;
    ((*receiver.catalog).clone(), receiver.settings)
}

fn text_of(name: &str) -> String {
    let file = std::fs::File::open(path(name, "jsonl.gz")).unwrap();
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(file).read_to_string(&mut text).unwrap();
    text
}

/// All spans of a recording, in the order in which they left.
fn replay(text: &str, configuration: Option<&str>) -> Vec<FinishedSpan> {
    let (catalog, settings) = known(configuration);
    let mut engine = Engine::new(settings);
    let mut spans = Vec::new();
    for line in text.lines() {
        let line = Line::parse(line.as_bytes()).unwrap();
        if let Some((lane, heard)) = line.news(&catalog)
            && let Some(news) = heard.out
        {
            spans.extend(engine.hear(lane, news, line.at));
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
    if let Some(container) = &span.container {
        write!(out, " [{container}]").unwrap();
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
            link.found.as_deref().unwrap_or_default()
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

fn check(name: &str, configuration: Option<&str>) {
    let text = text_of(name);
    let spans = replay(&text, configuration);
    let ids: BTreeMap<SpanId, usize> = spans.iter().map(|span| (span.span_id, 1)).collect();
    assert_eq!(ids.len(), spans.len(), "every span is exported once");
    assert_eq!(spans, replay(&text, configuration), "the same recording gives the same spans");
    expect_file![path(name, "txt")].assert_eq(&trees(&spans));
}

macro_rules! golden {
    ($folder:literal: $($test:ident $name:literal $([$configuration:literal])?)*) => {$(
        #[test]
        fn $test() {
            let configuration = [$($configuration)?].first().copied();
            let configuration = configuration.map(|name: &str| format!("{}/{name}", $folder));
            check(&format!("{}/{}", $folder, $name), configuration.as_deref());
        }
    )*};
}

golden! { "recordings":
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
    kueue_queues_and_preempts_jobs "30-kueue"
    a_pod_is_resized_and_debugged "31-resize-in-place"
    a_namespace_is_deleted "32-namespace-deleted"
    an_operator_rolls_what_it_owns "33-operator" ["33-operator"]
}

// Small histories of one kind of fault each, made after public reports.
golden! { "cases":
    an_init_container_runs_again "01-init-container-restarts"
    a_scale_past_the_deadline "02-scale-after-deadline"
    a_node_whose_clock_is_behind "03-node-clock-2s-behind"
    a_pod_is_adopted_while_it_starts "04-adopted-while-pending"
    a_restart_that_readiness_does_not_see "05-restart-while-ready-stays-true"
    a_recovery_ended_by_wanting_less "06-recover-ended-by-scale"
    two_healings_in_one_generation "07-heal-twice-in-one-generation"
    a_queued_train_job "08-resumed-trainjob"
    a_job_set_restarts "09-jobset-restart"
    pods_of_a_namespace_go_first "10-namespace-deleted"
    an_operator_updates_a_stateful_set "11-operator-updates-statefulset" ["db"]
    a_node_is_lost "13-node-lost"
    a_bare_pod_is_evicted "14-bare-pod-evicted"
    a_pod_is_evicted_by_the_kubelet "15-recover-does-not-say-evicted"
    a_loss_after_a_healing "17-loss-after-timeout"
    an_old_object_begins_to_match_a_selector "r01-selector-begins-to-match"
    a_verdict_that_is_taken_back "r10-capi-v1beta2-observed-too-early"
    a_verdict_by_counters "r11-capi-v1beta1-rolling-update"
    conditions_of_an_older_generation "r13-gateway-conditions-of-older-generation" ["r13-gateway"]
    ready_flips_back "r14-ready-flips-back" ["r14-database"]
    a_pod_hangs_on_a_lost_node "r22-node-lost-pod-terminating-2h"
    a_list_in_the_middle_of_a_rollout "r26-expired-mid-rollout"
    an_autoscaler_scales_below "r36-hpa-scales-inner-deployment" ["r36-otelcol"]
    an_operator_breaks_its_operand "r38-operator-rolls-operand-broken" ["r36-otelcol"]
    a_job_pod_is_lost_with_its_node "r44-job-pod-lost-with-node"
    a_deployment_lane_that_is_late "r45-deployment-lane-4s-late"
    pulled_messages_of_six_versions "r47-pulled-messages-of-six-versions"
    degraded_for_a_moment "r49-argocd-degraded-for-a-moment"
    kueue_queues_a_train_job "r51-kueue-queues-trainjob"
    a_kind_without_any_status "r52-kind-without-any-status" ["r52-helmrepository"]
}
