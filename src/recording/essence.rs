//! What of an object a replay needs, field by field; all else is left out or hidden. Pure.
//!
//! The shape of spec and status stays, with all numbers and truths, so that every change of a spec
//! can be seen and told by its path. Of texts only those that are read stay: names, images, types,
//! phases, reasons and messages, times, amounts of resources, trace contexts. Any other, the
//! arguments of a container, the headers of a probe, is replaced by its hash: that it changed can be
//! seen, what it was cannot.

use serde_json::{Map, Value};

use super::redact::Redaction;
use crate::context::{Rules, TRACEPARENT, TRACESTATE, traceparent};
use crate::kinds::{is_word_key, rfc3339};

/// Fields of objects.
const OBJECT: [&str; 5] = ["apiVersion", "kind", "metadata", "spec", "status"];

/// Fields that only Kubernetes Events have, in both of their forms.
const EVENT: [&str; 20] = [
    "action",
    "count",
    "deprecatedCount",
    "deprecatedFirstTimestamp",
    "deprecatedLastTimestamp",
    "deprecatedSource",
    "eventTime",
    "firstTimestamp",
    "involvedObject",
    "lastTimestamp",
    "message",
    "note",
    "reason",
    "regarding",
    "reportingComponent",
    "reportingController",
    "reportingInstance",
    "series",
    "source",
    "type",
];

/// Fields of `metadata`, other than labels, annotations and managed fields.
const METADATA: [&str; 11] = [
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "uid",
];

const LABELS: [&str; 6] = [
    "app.kubernetes.io/instance",
    "app.kubernetes.io/name",
    "controller-revision-hash",
    "pod-template-generation",
    "pod-template-hash",
    "rollouts-pod-template-hash",
];

const ANNOTATIONS: [&str; 9] = [
    "batch.kubernetes.io/cronjob-scheduled-timestamp",
    "deployment.kubernetes.io/revision",
    "deployment.kubernetes.io/revision-history",
    "deprecated.daemonset.template.generation",
    "kubernetes.io/config.mirror",
    "resource.opentelemetry.io/service.name",
    "rollout.argoproj.io/revision",
    "rollout.argoproj.io/revision-history",
    "rollout.argoproj.io/workload-generation",
];

/// What is said of who wrote an object.
const WRITER: [&str; 4] = ["manager", "operation", "subresource", "time"];

/// Texts of a spec that are read, by their keys; in a status they stay too.
const OF_SPEC: [&str; 8] =
    ["apiVersion", "claimName", "image", "kind", "name", "nodeName", "restartPolicy", "type"];

/// Texts of a status that are read.
const OF_STATUS: [&str; 5] = ["currentRevision", "imageID", "message", "reason", "updateRevision"];

/// Amounts of resources stand below these.
const AMOUNTS: [&str; 4] = ["allocatedResources", "capacity", "limits", "requests"];

/// `object` with nothing but what a replay needs.
pub(super) fn essence(object: &mut Value, redaction: &Redaction) {
    let Value::Object(fields) = object else { return };
    let is_event = fields.contains_key("involvedObject") || fields.contains_key("regarding");
    fields.retain(|key, _| {
        OBJECT.contains(&key.as_str()) || (is_event && EVENT.contains(&key.as_str()))
    });
    if let Some(Value::Object(metadata)) = fields.get_mut("metadata") {
        self::metadata(metadata, redaction.rules());
    }
    for (field, is_status) in [("spec", false), ("status", true)] {
        if let Some(value) = fields.get_mut(field) {
            walk(value, "", is_status, redaction);
        }
    }
}

fn metadata(metadata: &mut Map<String, Value>, rules: &Rules) {
    for (key, value) in metadata.iter_mut() {
        match (key.as_str(), value) {
            ("labels", Value::Object(labels)) => {
                labels.retain(|key, _| LABELS.contains(&key.as_str()) || rules.reads_label(key));
            }
            ("annotations", Value::Object(annotations)) => annotations.retain(|key, value| {
                ANNOTATIONS.contains(&key.as_str())
                    || rules.reads_annotation(key)
                    || is_context(key, value)
            }),
            ("managedFields", Value::Array(entries)) => {
                for entry in entries.iter_mut().filter_map(Value::as_object_mut) {
                    entry.retain(|key, _| WRITER.contains(&key.as_str()));
                }
            }
            _ => {}
        }
    }
    let maps = ["annotations", "labels", "managedFields"];
    metadata.retain(|key, _| METADATA.contains(&key.as_str()) || maps.contains(&key.as_str()));
}

/// Hides texts below `key` that are not read.
fn walk(value: &mut Value, key: &str, is_status: bool, redaction: &Redaction) {
    match value {
        Value::Object(_) if AMOUNTS.contains(&key) => {}
        Value::Object(variable) if redaction.is_kept(variable) => {}
        Value::Object(fields) => {
            for (key, value) in fields.iter_mut() {
                walk(value, key, is_status, redaction);
            }
        }
        Value::Array(items) => {
            items.iter_mut().for_each(|item| walk(item, key, is_status, redaction));
        }
        Value::String(text) => {
            let is_read = OF_SPEC.contains(&key)
                || (is_status && (OF_STATUS.contains(&key) || is_word_key(key)))
                || rfc3339(text).is_some();
            if !is_read && !is_context(key, value) {
                redaction.hide(value);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether the text at this key is a trace context, or goes with one.
fn is_context(key: &str, value: &Value) -> bool {
    let Some(text) = value.as_str() else { return false };
    let in_json =
        || serde_json::from_str::<Value>(text).ok().filter(|it| it.get(TRACEPARENT).is_some());
    key.to_ascii_lowercase().ends_with(TRACESTATE)
        || traceparent(text).is_ok()
        || (text.starts_with('{') && in_json().is_some())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::context::{Format, Place, Rule};

    fn needed(mut object: Value) -> Value {
        essence(&mut object, &Redaction::new([7; 32], &Rules::built_in()));
        object
    }

    #[test]
    fn no_argument_header_or_word_of_its_own_is_left_of_a_pod() {
        let secret = "hunter2";
        let container = json!({"name": "app", "image": "web:v1", "args": [format!("--token={secret}")],
            "command": [secret, "serve"], "workingDir": secret, "ports": [{"containerPort": 80}],
            "env": [{"name": "A", "value": secret}, {"name": "TRACEPARENT", "value": "00-a-b-01"}],
            "resources": {"limits": {"cpu": "100m"}},
            "livenessProbe": {"httpGet": {"path": secret, "httpHeaders": [
                {"name": "Authorization", "value": secret}]}, "exec": {"command": [secret]}}});
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "data": {"a": secret},
            "metadata": {"name": "web", "uid": "u", "labels": {"app.kubernetes.io/name": "web",
                "team": secret}, "annotations": {"note": secret},
                "managedFields": [{"manager": "kubectl", "fieldsV1": {"f:args": secret}}]},
            "spec": {"nodeName": "n1", "restartPolicy": "Always", "hostname": secret,
                "containers": [container]},
            "status": {"phase": "Running", "hostIP": secret, "containerStatuses": [{"name": "app",
                "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}},
                "containerID": secret}]}});
        let told = needed(pod);
        let text = told.to_string();
        assert!(!text.contains(secret), "{text}");
        for kept in [
            "/metadata/name",
            "/metadata/labels/app.kubernetes.io~1name",
            "/metadata/managedFields/0/manager",
            "/spec/nodeName",
            "/spec/containers/0/image",
            "/spec/containers/0/ports/0/containerPort",
            "/spec/containers/0/resources/limits/cpu",
            "/spec/containers/0/env/0/name",
            "/status/phase",
            "/status/containerStatuses/0/state/waiting/message",
        ] {
            let value = told.pointer(kept).unwrap_or(&Value::Null);
            assert!(!value.is_null() && !value.to_string().contains("redacted"), "{kept}: {text}");
        }
        assert!(text.contains("00-a-b-01"), "{text}");
    }

    #[test]
    fn what_changed_can_still_be_seen_and_told_by_its_path() {
        let with = |argument: &str| needed(json!({"spec": {"containers": [{"args": [argument]}]}}));
        assert_ne!(with("a"), with("b"));
        assert_eq!(with("a"), with("a"));
        assert!(with("a").pointer("/spec/containers/0/args/0").is_some_and(Value::is_string));
    }

    #[test]
    fn what_rules_read_stays_and_baggage_that_nobody_asked_for_goes() {
        let datadog = Place::Prefix("ci.example.com/".into());
        let datadog = Rule::new(datadog, Some(Format::Datadog), false).unwrap();
        let label = Rule::new(Place::Label("trace".into()), Some(Format::B3), false).unwrap();
        let rules = Rules::built_in().with(datadog).with(label);
        let object = json!({"metadata": {"labels": {"trace": "0", "team": "x"}, "annotations": {
            "ci.example.com/x-datadog-trace-id": "7", "ci.example.com/note": "x",
            "tracing.k8s.io/baggage": "user=7"}}});
        let told = |rules: &Rules| {
            let mut object = object.clone();
            essence(&mut object, &Redaction::new([7; 32], rules));
            object
        };
        let kept = json!({"labels": {"trace": "0"},
            "annotations": {"ci.example.com/x-datadog-trace-id": "7"}});
        assert_eq!(told(&rules)["metadata"], kept);
        let asked = Rules::new(rules.all().to_vec(), ["user".to_owned()]);
        assert_eq!(told(&asked)["metadata"]["annotations"]["tracing.k8s.io/baggage"], "user=7");
    }

    #[test]
    fn trace_contexts_stay_wherever_they_stand() {
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let json = format!("{{\"traceparent\":\"{parent}\"}}");
        let object = json!({"metadata": {"annotations": {"a": parent, "b": json, "x/tracestate": "k=1"}},
            "status": {"spanContext": {"traceparent": parent}}});
        assert_eq!(needed(object.clone()), object);
    }
}
