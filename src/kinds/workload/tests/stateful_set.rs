//! StatefulSets.

use super::{METADATA, changed, object, read, refusal_of};
use crate::facts::kind::Kind;
use crate::facts::workload::{Mode, TemplatePath, Workload};

fn with(spec: &str) -> Workload {
    object(Kind::StatefulSet, spec, "{}")
}

#[test]
fn a_recorded_stateful_set_in_the_middle_of_an_update_is_read() {
    let read = read(Kind::StatefulSet, include_str!("../../../../tests/objects/stateful_set.json"));
    assert_eq!((&*read.meta.name, read.meta.generation, read.mode), ("db", Some(2), Mode::Rollout));
    assert_eq!((read.replicas, read.wanted(), read.partition), (Some(3), Some(3), 0));
    assert_eq!(
        (read.paused, read.is_on_delete, read.template_path),
        (false, false, Some(TemplatePath::Pods))
    );
    assert_eq!(read.update_revision.as_deref(), Some("db-77887d984b"));
    assert_eq!(&*read.images, [("db".into(), "127.0.0.1:5000/web:v2".into())]);
    assert_eq!(read.stamps.len(), 1);
    let status = read.status;
    assert_eq!((status.observed, status.replicas, status.updated), (Some(2), 3, 1));
    assert_eq!((status.ready, status.available, status.is_of_one_revision), (2, 2, false));
    assert_eq!((status.verdict, status.progressing), (None, None));
}

#[test]
fn what_a_stateful_set_leaves_out_is_a_default() {
    for spec in ["{}", "null", r#"{"updateStrategy":{}}"#, r#"{"updateStrategy":null}"#] {
        let read = with(spec);
        assert_eq!((read.replicas, read.partition, read.is_on_delete), (Some(1), 0, false));
        assert_eq!(read.update_revision, None);
    }
    assert_eq!(with(r#"{"replicas":0}"#).replicas, Some(0));
}

#[test]
fn a_partition_lies_outside_of_the_template() {
    let strategy = r#"{"updateStrategy":{"type":"RollingUpdate","rollingUpdate":{"partition":2}}}"#;
    let (before, after) = (with(&strategy.replace('2', "1")), with(strategy));
    assert_eq!((before.partition, after.partition), (1, 2));
    assert_eq!(changed(&before, &after), ["updateStrategy.rollingUpdate.partition"]);
    assert_eq!(before.template, after.template);
}

#[test]
fn on_delete_is_told_from_rolling() {
    let strategy = |name| with(&format!(r#"{{"updateStrategy":{{"type":"{name}"}}}}"#));
    assert!(strategy("OnDelete").is_on_delete);
    assert!(!strategy("RollingUpdate").is_on_delete);
    assert!(
        !object(Kind::Deployment, r#"{"updateStrategy":{"type":"OnDelete"}}"#, "{}").is_on_delete
    );
}

#[test]
fn it_is_of_one_revision_when_current_and_update_are_the_same() {
    let revisions = |current, update| {
        let status = format!(r#"{{"currentRevision":"{current}","updateRevision":"{update}"}}"#);
        object(Kind::StatefulSet, "{}", &status)
    };
    assert!(revisions("db-1", "db-1").status.is_of_one_revision);
    let updating = revisions("db-1", "db-2");
    assert!(!updating.status.is_of_one_revision);
    assert_eq!(updating.update_revision.as_deref(), Some("db-2"));
}

#[test]
fn a_stateful_set_is_not_paused_by_a_field_that_it_does_not_have() {
    assert!(!with(r#"{"paused":true}"#).paused);
}

#[test]
fn a_refusal_names_the_stateful_set_and_the_key() {
    for (rest, told) in [
        (
            r#""spec":{"updateStrategy":{"rollingUpdate":{"partition":"2"}}}"#,
            "spec.updateStrategy.rollingUpdate.partition is a string: a whole number is expected",
        ),
        (
            r#""spec":{"updateStrategy":{"type":1}}"#,
            "spec.updateStrategy.type is 1: a string is expected",
        ),
        (r#""spec":{"replicas":[1]}"#, "spec.replicas is a list: a whole number is expected"),
        (
            r#""status":{"currentRevision":1}"#,
            "status.currentRevision is a number: a string is expected",
        ),
        (r#""kind":"DaemonSet""#, r#"kind is "DaemonSet": "StatefulSet" is expected"#),
    ] {
        let told = format!("StatefulSet default/web: {told}");
        assert_eq!(refusal_of(Kind::StatefulSet, &format!("{{{METADATA},{rest}}}")), told);
    }
}
