//! Trace contexts on custom resources, where the rules say.

use crate::context::{Flaw, Format, Place, Rule, Rules};
use crate::facts::change::Snapshot;
use crate::facts::stamp::Stamp;
use crate::kinds::{Catalog, Decoded, snapshot};

const TRAIN_JOB: &str = include_str!("../../../../tests/objects/train_job.json");
const PIPELINE_RUN: &str = include_str!("../../../../tests/objects/pipeline_run.json");
const TASK_RUN: &str = include_str!("../../../../tests/objects/task_run.json");

fn decoded(catalog: &Catalog, resource: &str, json: &str) -> Decoded {
    let lane = catalog.lane_of(resource).unwrap();
    snapshot(catalog, lane, json.as_bytes()).unwrap()
}

/// Where the stamps stood, their parent-ids and relations.
fn told(decoded: &Decoded) -> Vec<String> {
    let Snapshot::Workload(workload) = &decoded.snapshot else { panic!("{decoded:?}") };
    assert_eq!(workload.stamps.len(), decoded.n_stamps);
    let told = |stamp: &Stamp| {
        let relation = if stamp.is_parent { " parent" } else { "" };
        format!("{} {}{relation}", stamp.found, stamp.context.span_id)
    };
    workload.stamps.iter().map(told).collect()
}

fn read(resource: &str, json: &str) -> Vec<String> {
    let decoded = decoded(&Catalog::default(), resource, json);
    assert_eq!(decoded.refused_stamps, []);
    told(&decoded)
}

#[test]
fn a_recorded_train_job_carries_its_context_in_an_annotation() {
    // Its SDK writes the same into the env of the trainer: that is one stamp.
    assert_eq!(
        read("trainjobs.trainer.kubeflow.org", TRAIN_JOB),
        ["opentelemetry.io/traceparent 13eaa94a90992a6c"]
    );
    let json = TRAIN_JOB.replace(
        r#""TRACEPARENT","value":"00-d30455dc8d64f9636e620cc2918272ef-13eaa94a90992a6c-01""#,
        r#""TRACEPARENT","value":"00-d30455dc8d64f9636e620cc2918272ef-13eaa94a90992a6d-01""#,
    );
    assert_eq!(
        read("trainjobs.trainer.kubeflow.org", &json),
        ["opentelemetry.io/traceparent 13eaa94a90992a6c", "env TRACEPARENT 13eaa94a90992a6d"]
    );
}

#[test]
fn a_recorded_pipeline_run_is_a_part_of_the_trace_that_its_status_and_annotation_name() {
    let read = |json: &str| read("pipelineruns.tekton.dev", json);
    // Both say the same: that is one stamp, found where the earlier rule looks.
    assert_eq!(read(PIPELINE_RUN), ["status.spanContext dd18ad9d958ee9db parent"]);
    let without_status = PIPELINE_RUN.replace(r#""spanContext":"#, r#""otherContext":"#);
    assert_eq!(
        read(&without_status),
        ["tekton.dev/pipelinerunSpanContext dd18ad9d958ee9db parent"]
    );
    let json = pipeline_run(
        r#"{"tekton.dev/pipelinerunSpanContext":
            "{\"traceparent\":\"00-0af7651916cd43dd8448eb211c80319c-00000000000000a1-01\"}"}"#,
        r#"{"spanContext":{"traceparent":"00-0af7651916cd43dd8448eb211c80319c-00000000000000a2-01"}}"#,
    );
    assert_eq!(
        read(&json),
        [
            "status.spanContext 00000000000000a2 parent",
            "tekton.dev/pipelinerunSpanContext 00000000000000a1 parent"
        ]
    );
}

#[test]
fn a_recorded_task_run_is_a_part_of_the_trace_in_its_annotations_and_status() {
    assert_eq!(
        read("taskruns.tekton.dev", TASK_RUN),
        [
            "status.spanContext 38cf0ac51e817916 parent",
            "tekton.dev/pipelinerunSpanContext dd18ad9d958ee9db parent"
        ]
    );
}

/// A PipelineRun with these annotations and this status.
fn pipeline_run(annotations: &str, status: &str) -> String {
    format!(
        r#"{{"metadata":{{"name":"ship","namespace":"default","resourceVersion":"933",
            "uid":"d306cd69-2d2c-4dc9-881f-db7d756a03e0","annotations":{annotations}}},
            "status":{status}}}"#
    )
}

#[test]
fn a_malformed_context_in_a_status_is_told_with_its_reason() {
    let json = pipeline_run(
        r#"{"tekton.dev/pipelinerunSpanContext":"[]"}"#,
        r#"{"spanContext":{"traceparent":"x"}}"#,
    );
    let decoded = decoded(&Catalog::default(), "pipelineruns.tekton.dev", &json);
    let told: Vec<_> =
        decoded.refused_stamps.iter().map(|it| (&*it.object, &*it.key, it.flaw)).collect();
    let object = "PipelineRun default/ship";
    assert_eq!(
        told,
        [
            (object, "status.spanContext", Flaw::Traceparent),
            (object, "tekton.dev/pipelinerunSpanContext", Flaw::Json)
        ]
    );
    assert_eq!(decoded.n_stamps, 0);
}

#[test]
fn the_rules_of_the_catalogue_take_the_place_of_the_built_in_ones() {
    let status = Place::Status(["trace".into(), "context".into()].into());
    let rules = Rules::new(vec![Rule::new(status, Some(Format::W3c), false).unwrap()], []);
    let catalog = Catalog::default().with_context(rules);
    let json = pipeline_run(
        r#"{"tracing.k8s.io/traceparent":"00-0af7651916cd43dd8448eb211c80319c-00000000000000a1-01"}"#,
        r#"{"spanContext":{"traceparent":"00-0af7651916cd43dd8448eb211c80319c-00000000000000a2-01"},
            "trace":{"context":"00-0af7651916cd43dd8448eb211c80319c-00000000000000a3-01"}}"#,
    );
    let decoded = decoded(&catalog, "pipelineruns.tekton.dev", &json);
    assert_eq!(told(&decoded), ["status.trace.context 00000000000000a3"]);
}
