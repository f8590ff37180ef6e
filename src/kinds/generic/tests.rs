//! Custom resources of all sorts, as data.

use super::super::json_path::JsonPath;
use super::super::{Catalog, Custom, Decoded, Rules, SnapshotError, Wait};
use crate::context;
use crate::facts::change::Snapshot;
use crate::facts::kind::Kind;
use crate::facts::time::UnixNanos;
use crate::facts::workload::{Mode, Reporting, Verdict, Workload};

mod examples;
mod of_kinds;
mod presets;
mod rules;
mod stamps;
mod words;

fn generic(custom: &Custom, json: &[u8]) -> Result<Decoded, SnapshotError> {
    super::generic(custom, json, &context::Rules::built_in())
}

/// The rules of a kind of nobody's.
fn widget(rules: Rules) -> Custom {
    Custom {
        group: "example.com".to_owned(),
        plural: "widgets".to_owned(),
        kind: "Widget".to_owned(),
        is_of_cluster: false,
        version: None,
        rules,
    }
}

fn waits(texts: &[&str]) -> Vec<Wait> {
    texts.iter().map(|text| Wait::parse(text).unwrap()).collect()
}

fn preset(resource: &str) -> Custom {
    let catalog = Catalog::default();
    catalog.customs().iter().find(|custom| custom.resource() == resource).unwrap().clone()
}

fn read(custom: &Custom, json: &str) -> Workload {
    match generic(custom, json.as_bytes()).unwrap().snapshot {
        Snapshot::Workload(workload) => *workload,
        Snapshot::Pod(pod) => panic!("{pod:?}"),
    }
}

/// An object of generation 2 with this spec and status.
fn object(custom: &Custom, spec: &str, status: &str) -> Workload {
    read(
        custom,
        &format!(
            r#"{{"metadata":{{"name":"w","namespace":"default","generation":2,
                "uid":"d306cd69-2d2c-4dc9-881f-db7d756a03e0","resourceVersion":"933"}},
                "spec":{spec},"status":{status}}}"#
        ),
    )
}

fn verdict(custom: &Custom, status: &str) -> Verdict {
    *object(custom, "{}", status).status.verdict.unwrap()
}

/// What a Widget without rules says of itself.
fn by_convention(status: &str) -> Verdict {
    verdict(&widget(Rules::default()), status)
}

fn settled() -> Verdict {
    Verdict::Settled { at: None }
}

fn failed(reason: &str, message: &str, seconds: Option<i64>) -> Verdict {
    let at = seconds.map(UnixNanos::from_seconds);
    Verdict::Failed { reason: reason.into(), message: message.into(), at, is_end: false }
}

/// What an operation says of itself that failed and ended.
fn ended(reason: &str, message: &str, seconds: i64) -> Verdict {
    let at = Some(UnixNanos::from_seconds(seconds));
    Verdict::Failed { reason: reason.into(), message: message.into(), at, is_end: true }
}

/// A condition with this status, about this generation if one is given.
fn condition(name: &str, status: &str, generation: Option<i64>) -> String {
    let observed =
        generation.map(|it| format!(r#","observedGeneration":{it}"#)).unwrap_or_default();
    format!(
        r#"{{"type":"{name}","status":"{status}","reason":"R","message":"m",
            "lastTransitionTime":"2026-11-20T11:17:03Z"{observed}}}"#
    )
}

const AT: i64 = 1_795_173_423;

/// A status with one condition, and observed as told.
fn with(name: &str, status: &str, observed: &str) -> String {
    let condition = condition(name, status, None);
    format!(r#"{{"observedGeneration":{observed},"conditions":[{condition}]}}"#)
}

// A ConfigMap: no generation, no status, and no controller that would write one.
#[test]
fn what_nobody_counts_has_settled_as_it_is_written_unless_a_rule_says_otherwise() {
    let json = r#"{"metadata":{"name":"w","uid":"d306cd69-2d2c-4dc9-881f-db7d756a03e0",
        "resourceVersion":"933"},"data":{"a":"b"}}"#;
    let settled = |rules| *read(&widget(rules), json).status.verdict.unwrap();
    assert_eq!(settled(Rules::default()), Verdict::Settled { at: None });
    let rules = [
        Rules { settled_when: waits(&["jsonpath={.status.phase}=Bound"]), ..Rules::default() },
        Rules { mode: Mode::Run, ..Rules::default() },
    ];
    assert_eq!(rules.map(settled), [Verdict::Progressing, Verdict::Progressing]);
}

#[test]
fn what_no_controller_has_looked_at_has_not_settled() {
    for status in ["null", "{}", r#"{"conditions":[]}"#] {
        assert_eq!(by_convention(status), Verdict::Progressing, "{status}");
    }
    let flux = object(&widget(Rules::default()), "{}", r#"{"observedGeneration":-1}"#);
    assert_eq!(flux.status.observed, Some(-1));
    assert_eq!(*flux.status.verdict.unwrap(), Verdict::Progressing);
}

#[test]
fn a_verdict_names_the_generation_of_its_condition_else_that_of_the_status_else_the_newest() {
    let status = |observed: &str, of_ready: Option<i64>, of_other: Option<i64>| {
        let conditions =
            [condition("Ready", "True", of_ready), condition("Other", "True", of_other)];
        format!(r#"{{{observed}"conditions":[{}]}}"#, conditions.join(","))
    };
    for (observed, of_ready, of_other, expected) in [
        (r#""observedGeneration":2,"#, None, None, Some(2)),
        (r#""observedGeneration":2,"#, Some(1), None, Some(1)),
        (r#""observedGeneration":1,"#, Some(2), None, Some(2)),
        (r#""observedGeneration":2,"#, None, Some(1), Some(2)),
        ("", None, Some(1), Some(1)),
        ("", Some(2), Some(1), Some(2)),
        ("", None, None, None),
    ] {
        let status = status(observed, of_ready, of_other);
        let read = object(&widget(Rules::default()), "{}", &status).status;
        assert_eq!(read.names, expected, "{status}");
        let is_old = expected == Some(1);
        let verdict = if is_old { Verdict::Progressing } else { settled() };
        assert_eq!(*read.verdict.unwrap(), verdict, "{status}");
    }
    let nested = r#"{"parents":[{"conditions":[{"observedGeneration":1}]}],"phase":"X"}"#;
    assert_eq!(object(&widget(Rules::default()), "{}", nested).status.names, Some(1));
}

#[test]
fn a_status_that_says_nothing_is_mute_unless_its_kind_is_silent() {
    let speech = |is_silent, status| {
        let custom = widget(Rules { is_silent, ..Rules::default() });
        object(&custom, "{}", status).status.speech
    };
    for (status, expected) in [
        ("null", Reporting::Mute),
        ("{}", Reporting::Mute),
        (r#"{"address":"10.0.0.1"}"#, Reporting::Mute),
        (r#"{"conditions":[]}"#, Reporting::Mute),
        (r#"{"conditions":[{"type":"Ready"}]}"#, Reporting::Spoken),
        (r#"{"phase":"Up"}"#, Reporting::Spoken),
        (r#"{"observedGeneration":1}"#, Reporting::Spoken),
    ] {
        assert_eq!(speech(false, status), expected, "{status}");
        assert_eq!(speech(true, status), Reporting::Silent, "{status}");
    }
}

// A Rollout keeps the template of its ReplicaSets, with a label of their own.
#[test]
fn the_pod_template_of_a_custom_resource_is_that_of_its_replica_sets() {
    let of = |labels: &str, more: &str| {
        let spec =
            format!(r#"{{"template":{{"metadata":{{"labels":{{{labels}}}}},"spec":{{{more}}}}}}}"#);
        object(&widget(Rules::default()), &spec, "{}").pod_template
    };
    let plain = of(r#""app":"web""#, r#""containers":[{"name":"c","image":"i"}]"#);
    let hashed = r#""app":"web","rollouts-pod-template-hash":"abc""#;
    let empty = r#""containers":[{"name":"c","image":"i","resources":{}}],"volumes":[]"#;
    assert_eq!(of(hashed, empty), plain);
    assert_ne!(of(r#""app":"db""#, r#""containers":[{"name":"c","image":"i"}]"#), plain);
    assert_eq!(object(&widget(Rules::default()), "{}", "{}").pod_template, None);
}

#[test]
fn without_rules_ready_decides_once_the_generation_is_observed() {
    for (name, status, observed, expected) in [
        ("Ready", "True", "2", settled()),
        ("Ready", "True", "\"2\"", settled()),
        ("Ready", "True", "1", Verdict::Progressing),
        ("Ready", "True", "-1", Verdict::Progressing),
        ("Ready", "True", "null", settled()),
        ("Ready", "True", "\"d41d8cd9\"", settled()),
        ("Ready", "False", "2", Verdict::Progressing),
        ("Ready", "Unknown", "2", Verdict::Progressing),
        ("Available", "False", "2", Verdict::Progressing),
        ("Available", "True", "2", settled()),
        ("Synced", "False", "2", Verdict::Progressing),
        ("Upgradeable", "False", "2", settled()),
        ("Reconciling", "True", "2", Verdict::Progressing),
        ("Reconciling", "False", "2", settled()),
        ("Stalled", "True", "2", failed("R", "m", Some(AT))),
        ("Stalled", "True", "1", Verdict::Progressing),
        ("Stalled", "False", "2", settled()),
    ] {
        assert_eq!(
            by_convention(&with(name, status, observed)),
            expected,
            "{name} {status} {observed}"
        );
    }
}

#[test]
fn a_resource_that_is_ready_and_reconciling_has_not_settled() {
    let conditions = [condition("Ready", "True", None), condition("Reconciling", "True", None)];
    let status = format!(r#"{{"conditions":[{}]}}"#, conditions.join(","));
    assert_eq!(by_convention(&status), Verdict::Progressing);
}

#[test]
fn a_condition_may_say_for_itself_which_generation_it_is_about() {
    for (generation, expected) in [(2, settled()), (3, settled()), (1, Verdict::Progressing)] {
        let ready = condition("Ready", "True", Some(generation));
        for observed in ["", r#""observedGeneration":2,"#] {
            let status = format!(r#"{{{observed}"conditions":[{ready}]}}"#);
            assert_eq!(by_convention(&status), expected, "{status}");
        }
        let status = format!(r#"{{"conditions":[{ready}]}}"#);
        let read = object(&widget(Rules::default()), "{}", &status);
        assert_eq!(read.status.observed, Some(generation));
    }
}

#[test]
fn what_says_nothing_of_generations_is_about_the_one_that_there_is() {
    let read = object(&widget(Rules::default()), "{}", r#"{"phase":"x"}"#);
    assert_eq!((read.status.observed, *read.status.verdict.unwrap()), (Some(2), settled()));
}

#[test]
fn empty_maps_and_lists_of_a_spec_count() {
    let custom = widget(Rules::default());
    let before = object(&custom, r#"{"template":{"a":1}}"#, "{}");
    for spec in [r#"{"template":{"a":1,"resources":{}}}"#, r#"{"template":{"a":1},"resources":[]}"#]
    {
        let after = object(&custom, spec, "{}");
        assert_ne!(before.template, after.template, "{spec}");
        let added: Vec<_> =
            after.spec.iter().filter(|(path, _)| path.ends_with("resources")).collect();
        assert_eq!(added.len(), 1, "{spec}");
    }
    let null = object(&custom, r#"{"template":{"a":1,"resources":null}}"#, "{}");
    assert_eq!(before.template, null.template);
}

#[test]
fn goal_fields_lie_outside_of_the_template() {
    let rules = Rules { goal_fields: vec!["strategy.steps".to_owned()], ..Rules::default() };
    let custom = widget(rules);
    let spec = r#"{"replicas":1,"paused":false,"suspend":false,"strategy":{"steps":[1],"a":1}}"#;
    let before = object(&custom, spec, "{}");
    let goals: Vec<&str> = before.goals.iter().map(|goal| &**goal).collect();
    assert_eq!(goals, ["paused", "replicas", "suspend", "strategy.steps"]);
    assert_eq!((before.template_path, before.replicas, before.paused), (None, Some(1), false));
    for (from, to) in [
        (r#""replicas":1"#, r#""replicas":2"#),
        (r#""paused":false"#, r#""paused":true"#),
        (r#""suspend":false"#, r#""suspend":true"#),
        ("[1]", "[1,2]"),
    ] {
        let after = object(&custom, &spec.replace(from, to), "{}");
        assert_eq!(before.template, after.template, "{to}");
        assert_ne!(before.spec, after.spec, "{to}");
        assert_eq!(after.paused, to.contains("true"), "{to}");
    }
    let after = object(&custom, &spec.replace(r#""a":1"#, r#""a":2"#), "{}");
    assert_ne!(before.template, after.template);
}

#[test]
fn a_restart_changes_one_hash_of_the_template_and_not_the_other() {
    let custom = widget(Rules::default());
    let before = object(&custom, r#"{"template":{"spec":{"a":1}}}"#, "{}");
    let after = object(
        &custom,
        r#"{"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"now"}},
            "spec":{"a":1}}}"#,
        "{}",
    );
    assert_ne!(before.template, after.template);
    assert_eq!(before.template_without_restart, after.template_without_restart);
}

#[test]
fn a_status_written_into_an_object_without_a_status_subresource_leaves_its_spec_as_it_was() {
    // Such a write bumps the generation: only the hashes tell that the spec is the same.
    let custom = widget(Rules::default());
    let before = object(&custom, r#"{"a":1}"#, r#"{"n":1}"#);
    let after = object(&custom, r#"{"a":1}"#, r#"{"n":2}"#);
    assert_eq!((before.spec, before.template), (after.spec, after.template));
}

#[test]
fn specs_and_statuses_of_any_shape_are_read() {
    let custom = widget(Rules::default());
    for value in ["null", "[]", "{}", "\"text\"", "7", "true", "[[{}]]", r#"{"replicas":"3"}"#] {
        let read = object(&custom, value, value);
        assert_eq!((read.replicas, read.paused, read.images.len()), (None, false, 0), "{value}");
        let strange = format!(r#"{{"conditions":{value},"observedGeneration":{value}}}"#);
        object(&custom, "{}", &strange);
        object(
            &custom,
            "{}",
            &format!(r#"{{"conditions":[{{"type":{value},"status":{value}}}]}}"#),
        );
    }
}

#[test]
fn what_is_no_such_object_is_refused_by_its_kind() {
    let custom = widget(Rules::default());
    let refusal = |json: &str| generic(&custom, json.as_bytes()).unwrap_err().to_string();
    let metadata = r#""metadata":{"name":"w","namespace":"default",
        "uid":"d306cd69-2d2c-4dc9-881f-db7d756a03e0","resourceVersion":"933"}"#;
    for (json, told) in [
        (
            format!(r#"{{{metadata},"kind":"Gadget"}}"#),
            "Widget default/w: kind is \"Gadget\": \"Widget\" is expected",
        ),
        (
            r#"{"metadata":{"name":"w"}}"#.to_owned(),
            "Widget w: metadata.uid is missing: a UUID is expected",
        ),
        ("[]".to_owned(), "Widget: metadata.uid is missing: a UUID is expected"),
        ("null".to_owned(), "Widget: the object is null: a map is expected"),
    ] {
        assert_eq!(refusal(&json), told);
    }
}

#[test]
fn env_is_read_for_trace_contexts_wherever_it_stands_and_else_only_hashed() {
    let custom = widget(Rules::default());
    let spec = r#"{"trainer":{"env":[{"name":"TRACEPARENT",
            "value":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
        {"name":"PASSWORD","value":"hunter2"}]},
        "jobs":[{"template":{"containers":[{"env":[{"name":"TRACEPARENT",
            "value":"00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}]}]}}]}"#;
    let read = object(&custom, spec, r#"{"env":"hunter2"}"#);
    let found: Vec<&str> = read.stamps.iter().map(|stamp| &*stamp.found).collect();
    assert_eq!(found, ["env TRACEPARENT", "env TRACEPARENT"]);
    assert!(!format!("{read:?}").contains("hunter2"));
}

#[test]
fn what_is_kept_of_a_failure_is_bounded_and_whole_characters() {
    let long = "é".repeat(5_000);
    let failed = with("Stalled", "True", "2").replace("\"m\"", &format!("\"{long}\""));
    let failed = failed.replace("\"R\"", &format!("\"{long}\""));
    let Verdict::Failed { reason, message, .. } = by_convention(&failed) else { panic!("failed") };
    assert_eq!((reason.len(), message.len()), (256, 1_024));
}
