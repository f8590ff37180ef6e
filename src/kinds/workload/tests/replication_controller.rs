//! ReplicationControllers, which are ReplicaSets of an older name.

use super::{METADATA, object, read, refusal_of};
use crate::facts::kind::Kind;
use crate::facts::workload::{Mode, TemplatePath, Workload};

fn with(spec: &str, status: &str) -> Workload {
    object(Kind::ReplicationController, spec, status)
}

#[test]
fn a_replication_controller_is_read_like_a_replica_set() {
    let json = include_str!("../../../../tests/objects/replica_set.json");
    let set = read(Kind::ReplicaSet, json);
    let json = json.replace(r#""kind":"ReplicaSet""#, r#""kind":"ReplicationController""#);
    let controller = read(Kind::ReplicationController, &json);
    assert_eq!(Workload { kind: Kind::ReplicaSet, ..controller }, set);
}

#[test]
fn it_wants_one_pod_where_it_does_not_say_how_many() {
    for spec in ["{}", "null", r#"{"replicas":null}"#] {
        let read = with(spec, "null");
        assert_eq!((read.replicas, read.mode, read.paused), (Some(1), Mode::Rollout, false));
    }
    assert_eq!(with(r#"{"replicas":0}"#, "{}").wanted(), Some(0));
}

#[test]
fn its_counts_and_its_failure_are_read() {
    let status = with(
        "{}",
        r#"{"observedGeneration":3,"replicas":4,"readyReplicas":2,"availableReplicas":1,
            "conditions":[{"type":"ReplicaFailure","status":"True","reason":"FailedCreate"}]}"#,
    )
    .status;
    assert_eq!((status.observed, status.replicas), (Some(3), 4));
    assert_eq!((status.ready, status.available, status.updated), (2, 1, 0));
    assert_eq!(&*status.replica_failure.unwrap().reason, "FailedCreate");
}

#[test]
fn its_images_are_those_of_its_template() {
    let spec = r#"{"template":{"spec":{"containers":[{"name":"a","image":"a:1"}]}}}"#;
    let read = with(spec, "{}");
    assert_eq!(&*read.images, [("a".into(), "a:1".into())]);
    assert_eq!(read.template_path, Some(TemplatePath::Pods));
}

#[test]
fn a_refusal_names_the_replication_controller_and_the_key() {
    for (rest, told) in [
        (r#""spec":{"replicas":true}"#, "spec.replicas is true: a whole number is expected"),
        (r#""kind":"ReplicaSet""#, r#"kind is "ReplicaSet": "ReplicationController" is expected"#),
    ] {
        let told = format!("ReplicationController default/web: {told}");
        let refused = refusal_of(Kind::ReplicationController, &format!("{{{METADATA},{rest}}}"));
        assert_eq!(refused, told);
    }
}
