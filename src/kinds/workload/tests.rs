mod cron_job;
mod daemon_set;
mod job;
mod replication_controller;
mod stamps;
mod stateful_set;

use crate::context::Rules;
use crate::facts::change::Snapshot;
use crate::facts::kind::Kind;
use crate::facts::time::UnixNanos;
use crate::facts::workload::Workload;
use crate::kinds::{Decoded, SnapshotError};

const METADATA: &str = r#""metadata":{"name":"web","namespace":"default",
    "uid":"d306cd69-2d2c-4dc9-881f-db7d756a03e0","resourceVersion":"933"}"#;

fn workload(kind: Kind, json: &[u8]) -> Result<Decoded, SnapshotError> {
    super::workload(kind, json, &Rules::built_in())
}

fn read(kind: Kind, json: &str) -> Workload {
    match workload(kind, json.as_bytes()).unwrap().snapshot {
        Snapshot::Workload(workload) => *workload,
        Snapshot::Pod(pod) => panic!("{pod:?}"),
    }
}

/// A Deployment with this spec.
fn with(spec: &str) -> Workload {
    read(Kind::Deployment, &format!(r#"{{{METADATA},"spec":{spec}}}"#))
}

/// A Deployment with this pod template.
fn with_template(template: &str) -> Workload {
    with(&format!(r#"{{"template":{template}}}"#))
}

fn refusal(json: &str) -> String {
    refusal_of(Kind::Deployment, json)
}

fn refusal_of(kind: Kind, json: &str) -> String {
    workload(kind, json.as_bytes()).unwrap_err().to_string()
}

/// An object of `kind` with this `spec` and `status`.
fn object(kind: Kind, spec: &str, status: &str) -> Workload {
    read(kind, &format!(r#"{{{METADATA},"spec":{spec},"status":{status}}}"#))
}

/// The paths at which two specs differ.
fn changed<'w>(before: &'w Workload, after: &'w Workload) -> Vec<&'w str> {
    let old: Vec<_> = before.spec.iter().collect();
    after.spec.iter().filter(|at| !old.contains(at)).map(|(path, _)| &**path).collect()
}

#[test]
fn a_recorded_deployment_is_read() {
    let read = read(Kind::Deployment, include_str!("../../../tests/objects/deployment.json"));
    assert_eq!((read.meta.generation, read.revision, read.replicas), (Some(2), Some(2), Some(3)));
    assert_eq!(read.meta.service.as_deref(), Some("web"));
    assert_eq!(&*read.images, [("app".into(), "127.0.0.1:5000/web:v2".into())]);
    assert_eq!(&*read.stamps[0].found, "tracing.k8s.io/traceparent");
    assert_eq!(read.spec.len(), 27);
    let [writer] = &*read.writers else { panic!("{:?}", read.writers) };
    assert_eq!(&*writer.manager, "kubectl-client-side-apply");
    assert_eq!(writer.time, Some(UnixNanos::from_seconds(1_795_173_038)));
    let status = read.status;
    assert_eq!((status.observed, status.replicas, status.updated), (Some(2), 4, 2));
    assert_eq!((status.ready, status.available), (3, 3));
    assert_eq!(status.written, Some(UnixNanos::from_seconds(1_795_173_040)));
    assert_eq!(read.meta.written, status.written);
    let progressing = status.progressing.unwrap();
    assert_eq!((progressing.is_true, &*progressing.reason), (true, "ReplicaSetUpdated"));
    assert!(progressing.updated > progressing.changed);
}

#[test]
fn the_template_of_a_replica_set_equals_that_of_its_deployment() {
    let deployment = read(Kind::Deployment, include_str!("../../../tests/objects/deployment.json"));
    let set = read(Kind::ReplicaSet, include_str!("../../../tests/objects/replica_set.json"));
    assert_eq!(set.meta.owner.as_ref().unwrap().uid, deployment.meta.uid);
    assert_eq!(set.template, deployment.template);
    let hash_label = "template.metadata.labels.pod-template-hash";
    assert!(set.spec.iter().any(|(path, _)| &**path == hash_label));
}

#[test]
fn a_restart_changes_one_hash_of_the_template_and_not_the_other() {
    let before = with_template(r#"{"metadata":{"creationTimestamp":null},"spec":{"a":1}}"#);
    let after = with_template(
        r#"{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"now"}},
            "spec":{"a":1}}"#,
    );
    assert_ne!(before.template, after.template);
    assert_eq!(before.template_without_restart, after.template_without_restart);
    assert_eq!(before.template, before.template_without_restart);
}

#[test]
fn neither_order_nor_number_format_nor_emptiness_counts() {
    let one = with(r#"{"replicas":3,"template":{"spec":{"a":1,"b":[1,{"c":"x"}]}}}"#);
    let other = with(
        r#"{"template":{"metadata":{"creationTimestamp":null,"labels":{}},
            "spec":{"b":[1.0,{"c":"\u0078","d":{"e":[]}}],"z":null,"a":1e0}},"replicas":3.0}"#,
    );
    assert_eq!(one, other);
    for changed in ["[{\"c\":\"x\"},1]", "[1]", "[true,{\"c\":\"x\"}]", "[\"1\",{\"c\":\"x\"}]"] {
        let spec = format!(r#"{{"replicas":3,"template":{{"spec":{{"a":1,"b":{changed}}}}}}}"#);
        let changed = with(&spec);
        assert_ne!(one.template, changed.template, "{spec}");
        assert_ne!(one.spec, changed.spec, "{spec}");
    }
}

#[test]
fn what_is_missing_is_a_default() {
    for json in [
        format!("{{{METADATA}}}"),
        format!(r#"{{{METADATA},"spec":{{"replicas":null,"paused":null}},"status":{{}}}}"#),
        format!(r#"{{{METADATA},"spec":null,"status":null}}"#),
    ] {
        let read = read(Kind::ReplicaSet, &json);
        assert_eq!((read.replicas, read.paused, read.revision), (Some(1), false, None));
        assert_eq!(read.status, Default::default());
        assert_eq!((read.spec.len(), read.images.len(), read.stamps.len()), (0, 0, 0));
        assert_eq!((read.writers.len(), read.meta.written), (0, None));
    }
    assert_eq!(with(r#"{"replicas":0}"#).replicas, Some(0));
    assert!(with(r#"{"paused":true}"#).paused);
}

#[test]
fn an_observed_generation_may_be_a_number_in_a_string() {
    let observed = |value: &str| {
        let json = format!(r#"{{{METADATA},"status":{{"observedGeneration":{value}}}}}"#);
        read(Kind::Deployment, &json).status.observed
    };
    assert_eq!((observed("7"), observed("\"7\""), observed("7.0")), (Some(7), Some(7), Some(7)));
    assert_eq!((observed("null"), observed("\"\""), observed("-1")), (None, None, Some(-1)));
    assert_eq!(observed("18446744073709551615"), Some(i64::MAX));
}

#[test]
fn env_is_read_for_trace_contexts_and_else_only_hashed() {
    let env = r#"[{"name":"TRACEPARENT","value":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
        {"name":"PASSWORD","value":"hunter2"}]"#;
    let template = format!(
        r#"{{"spec":{{"initContainers":[{{"name":"i","image":"i:1"}}],
            "containers":[{{"name":"a","image":"a:1","env":{env}}}]}}}}"#
    );
    let read = with_template(&template);
    assert_eq!(&*read.stamps[0].found, "env TRACEPARENT");
    assert_eq!(&*read.images, [("a".into(), "a:1".into()), ("i".into(), "i:1".into())]);
    assert!(!format!("{read:?}").contains("hunter2"));
    let other = with_template(&template.replace("hunter2", "hunter3"));
    let changed = read.spec.iter().zip(other.spec.iter()).filter(|(a, b)| a != b);
    let paths: Vec<&str> = changed.map(|((path, _), _)| &**path).collect();
    assert_eq!(paths, ["template.spec.containers[a].env[PASSWORD].value"]);
}

#[test]
fn of_an_env_variable_written_twice_the_last_value_counts() {
    let read = with_template(
        r#"{"spec":{"containers":[{"env":[{"name":"TRACEPARENT","value":"x"},
            {"name":"TRACEPARENT","value":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
        ]}]}}"#,
    );
    assert_eq!(read.stamps.len(), 1);
}

#[test]
fn each_condition_is_found_by_its_type() {
    let json = format!(
        r#"{{{METADATA},"status":{{"conditions":[{{"type":"Available","status":"True"}},
            {{"type":"ReplicaFailure","status":"True","reason":"FailedCreate"}},
            {{"type":"Progressing","status":"False","reason":"ProgressDeadlineExceeded"}}]}}}}"#
    );
    let status = read(Kind::Deployment, &json).status;
    assert_eq!(&*status.replica_failure.unwrap().reason, "FailedCreate");
    let progressing = status.progressing.unwrap();
    assert!(!progressing.is_true);
    assert_eq!(&*progressing.reason, "ProgressDeadlineExceeded");
}

#[test]
fn a_malformed_stamp_is_told_and_the_deployment_read() {
    let metadata = METADATA.replace("\"name\"", r#""annotations":{"traceparent":"x"},"name""#);
    let json = format!(
        r#"{{{metadata},"spec":{{"template":{{"spec":{{"containers":[
        {{"name":"a","env":[{{"name":"TRACEPARENT","value":"y"}}]}}]}}}}}}}}"#
    );
    let decoded = workload(Kind::Deployment, json.as_bytes()).unwrap();
    let told: Vec<_> =
        decoded.refused_stamps.iter().map(|stamp| (&*stamp.object, &*stamp.key)).collect();
    let object = "Deployment default/web";
    assert_eq!(told, [(object, "env TRACEPARENT"), (object, "traceparent")]);
}

#[test]
fn a_refusal_names_the_deployment_the_key_and_what_is_expected() {
    for (rest, told) in [
        (r#""spec":[]"#, "spec is a list: a map is expected"),
        (r#""spec":{"replicas":"3"}"#, "spec.replicas is a string: a whole number is expected"),
        (r#""spec":{"replicas":1.5}"#, "spec.replicas is 1.5: a whole number is expected"),
        (r#""spec":{"paused":1}"#, "spec.paused is 1: true or false is expected"),
        (r#""status":{"replicas":"x"}"#, r#"status.replicas is "x": a whole number is expected"#),
        (r#""kind":"ReplicaSet""#, r#"kind is "ReplicaSet": "Deployment" is expected"#),
    ] {
        let told = format!("Deployment default/web: {told}");
        assert_eq!(refusal(&format!("{{{METADATA},{rest}}}")), told);
    }
}

#[test]
fn absurd_specs_are_refused_or_kept_within_bounds() {
    let deep = |n: usize| format!("{}1{}", "{\"a\":".repeat(n), "}".repeat(n));
    assert_eq!(with(&deep(100)).spec.len(), 1);
    let json = format!(r#"{{{METADATA},"spec":{}}}"#, deep(100_000));
    assert!(refusal(&json).contains("recursion limit exceeded"));

    let args = vec!["\"x\""; 10_000].join(",");
    let many = with(&format!(
        r#"{{"replicas":2,"template":{{"spec":{{"containers":[{{"name":"a","args":[{args}]}}]}}}}}}"#
    ));
    let paths: Vec<&str> = many.spec.iter().map(|(path, _)| &**path).collect();
    assert_eq!(
        paths,
        ["replicas", "template.spec.containers[a].args", "template.spec.containers[a].name"]
    );
}
