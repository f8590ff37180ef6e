//! DaemonSets.

use super::{METADATA, object, read, refusal_of};
use crate::facts::kind::Kind;
use crate::facts::workload::TemplatePath;

#[test]
fn a_recorded_daemon_set_in_the_middle_of_an_update_is_read() {
    let read = read(Kind::DaemonSet, include_str!("../../../../tests/objects/daemon_set.json"));
    assert_eq!((&*read.meta.name, read.meta.generation, read.replicas), ("agent", Some(2), None));
    assert_eq!((read.template_path, read.is_on_delete), (Some(TemplatePath::Pods), false));
    assert_eq!(read.update_revision.as_deref(), Some("2"));
    assert_eq!(&*read.images, [("agent".into(), "127.0.0.1:5000/web:v2".into())]);
    let status = &read.status;
    assert_eq!((status.observed, status.replicas, status.desired), (Some(2), 1, 1));
    assert_eq!((status.updated, status.ready, status.available), (1, 0, 0));
    assert_eq!(read.wanted(), Some(1));
}

#[test]
fn a_daemon_set_wants_as_many_pods_as_there_are_nodes_for_it() {
    let status = r#"{"currentNumberScheduled":2,"desiredNumberScheduled":5,
        "updatedNumberScheduled":1,"numberReady":3,"numberAvailable":4,"numberMisscheduled":9}"#;
    let read = object(Kind::DaemonSet, r#"{"replicas":7}"#, status);
    assert_eq!((read.replicas, read.wanted(), read.count()), (None, Some(5), 5));
    let status = read.status;
    assert_eq!((status.replicas, status.updated), (2, 1));
    assert_eq!((status.ready, status.available, status.observed), (3, 4, None));
}

#[test]
fn what_a_daemon_set_leaves_out_is_a_default() {
    for (spec, status) in [("{}", "{}"), ("null", "null")] {
        let read = object(Kind::DaemonSet, spec, status);
        assert_eq!((read.wanted(), read.is_on_delete), (Some(0), false));
        assert_eq!(read.status, Default::default());
        assert_eq!(read.update_revision, None);
    }
}

#[test]
fn the_revision_of_a_daemon_set_is_the_generation_of_its_template() {
    let annotated = |value: &str| {
        let annotations = format!(
            r#""annotations":{{"deprecated.daemonset.template.generation":{value}}},"name""#
        );
        let metadata = METADATA.replace("\"name\"", &annotations);
        read(Kind::DaemonSet, &format!("{{{metadata}}}")).update_revision
    };
    assert_eq!(annotated("\"12\"").as_deref(), Some("12"));
    // An annotation that is no string never refuses the object.
    assert_eq!(annotated("12"), None);
}

#[test]
fn the_annotation_counts_on_daemon_sets_only() {
    let json = include_str!("../../../../tests/objects/daemon_set.json");
    let json = json.replace(r#""kind":"DaemonSet""#, r#""kind":"StatefulSet""#);
    assert_eq!(read(Kind::StatefulSet, &json).update_revision, None);
}

#[test]
fn on_delete_holds_for_daemon_sets_too() {
    let strategy = |name| {
        let spec = format!(r#"{{"updateStrategy":{{"type":"{name}"}}}}"#);
        object(Kind::DaemonSet, &spec, "{}").is_on_delete
    };
    assert!(strategy("OnDelete"));
    assert!(!strategy("RollingUpdate"));
}

#[test]
fn a_refusal_names_the_daemon_set_and_the_key() {
    for (rest, told) in [
        (
            r#""status":{"desiredNumberScheduled":"x"}"#,
            r#"status.desiredNumberScheduled is "x": a whole number is expected"#,
        ),
        (r#""spec":3"#, "spec is 3: a map is expected"),
    ] {
        let told = format!("DaemonSet default/web: {told}");
        assert_eq!(refusal_of(Kind::DaemonSet, &format!("{{{METADATA},{rest}}}")), told);
    }
}
