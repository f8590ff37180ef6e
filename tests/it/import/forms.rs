//! A recorded hour, as others write it down.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::support::lines::{Line, Type};

fn object(line: &Line) -> Value {
    serde_json::from_str(&line.object).unwrap()
}

/// Whether the line tells of an object.
fn is_of_object(line: &Line) -> bool {
    matches!(line.kind, Type::List | Type::Added | Type::Modified | Type::Deleted)
}

/// The type of a watch event; a watch begins with what was there before.
fn watched(kind: Type) -> &'static str {
    match kind {
        Type::Deleted => "DELETED",
        Type::Modified => "MODIFIED",
        Type::List | Type::ListDone | Type::Added | Type::Bookmark | Type::Closed | Type::Error => {
            "ADDED"
        }
    }
}

/// The kind and the version of a resource, which items of lists do not say.
fn typed(line: &Line, mut object: Value) -> Value {
    let (plural, group) = line.resource.split_once('.').unwrap_or((&line.resource, ""));
    let kind = match plural {
        "deployments" => "Deployment",
        "replicasets" => "ReplicaSet",
        "statefulsets" => "StatefulSet",
        "daemonsets" => "DaemonSet",
        "jobs" => "Job",
        "cronjobs" => "CronJob",
        "pods" => "Pod",
        "events" => "Event",
        other => panic!("{other} is none of the kinds here"),
    };
    let version = if group.is_empty() { "v1".to_owned() } else { format!("{group}/v1") };
    object["kind"] = kind.into();
    object["apiVersion"] = version.into();
    object
}

/// The value as OTLP writes it.
fn any(value: &Value) -> Value {
    match value {
        Value::Null => json!({}),
        Value::Bool(it) => json!({"boolValue": it}),
        Value::Number(it) if it.is_i64() => json!({"intValue": it.to_string()}),
        Value::Number(it) => json!({"doubleValue": it}),
        Value::String(it) => json!({"stringValue": it}),
        Value::Array(all) => {
            json!({"arrayValue": {"values": all.iter().map(any).collect::<Vec<_>>()}})
        }
        Value::Object(all) => {
            let pair = |(key, value): (&String, &Value)| json!({"key": key, "value": any(value)});
            json!({"kvlistValue": {"values": all.iter().map(pair).collect::<Vec<_>>()}})
        }
    }
}

/// One line of the file exporter with these records.
pub(super) fn records(all: impl Iterator<Item = (i64, Value)>) -> String {
    let record = |(at, body): (i64, Value)| {
        json!({"observedTimeUnixNano": at.to_string(), "body": any(&body),
            "attributes": [{"key": "k8s.resource.name", "value": {"stringValue": "pods"}}]})
    };
    let records: Vec<_> = all.map(record).collect();
    let logs = json!({"resource": {}, "scopeLogs": [{"scope": {}, "logRecords": records}]});
    format!("{}\n", json!({"resourceLogs": [logs]}))
}

/// As the Collector's `k8s_objects` receiver in mode `watch`, with what was there before.
pub(super) fn objects(lines: &[Line]) -> String {
    let told = lines.iter().filter(|line| is_of_object(line)).filter_map(|line| {
        // The receiver leaves out the backlog of Events.
        if line.kind == Type::List && &*line.resource == "events" {
            return None;
        }
        let body = json!({"type": watched(line.kind), "object": typed(line, object(line))});
        Some(records([(line.at, body)].into_iter()))
    });
    told.collect()
}

/// As an API server's audit log at level `RequestResponse`.
pub(super) fn audit(lines: &[Line]) -> Vec<String> {
    let micros = |at: i64| crate::support::model::objects::micros(at);
    let mut lines: Vec<_> = lines
        .iter()
        .filter(|line| matches!(line.kind, Type::Added | Type::Modified | Type::Deleted))
        .collect();
    lines.sort_by_key(|line| line.at);
    let entry = |line: &&Line| {
        let object = typed(line, object(line));
        let (plural, group) = line.resource.split_once('.').unwrap_or((&line.resource, ""));
        let is_going = object.pointer("/metadata/deletionTimestamp").is_some();
        let (verb, code, answer) = match line.kind {
            Type::Added => ("create", 201, object.clone()),
            Type::Deleted if !is_going => (
                "delete",
                200,
                json!({"kind": "Status", "apiVersion": "v1",
                "metadata": {}, "status": "Success"}),
            ),
            Type::Deleted => ("delete", 200, object.clone()),
            Type::List
            | Type::ListDone
            | Type::Modified
            | Type::Bookmark
            | Type::Closed
            | Type::Error => ("patch", 200, object.clone()),
        };
        let entry = json!({"kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "RequestResponse",
            "stage": "ResponseComplete", "verb": verb, "requestURI": "/", "user": {"username": "a"},
            "userAgent": "kubectl/v1.36", "responseStatus": {"metadata": {}, "code": code},
            "objectRef": {"resource": plural, "apiGroup": group, "name": object["metadata"]["name"],
                "namespace": object["metadata"]["namespace"]},
            "responseObject": answer, "stageTimestamp": micros(line.at),
            "requestReceivedTimestamp": micros(line.at - 900_000)});
        format!("{entry}\n")
    };
    lines.iter().map(entry).collect()
}

/// As `kubectl get -w` prints it, a kind each: without managed fields, what was there before in front.
pub(super) fn kubectl(lines: &[Line], has_types: bool) -> BTreeMap<String, Vec<Value>> {
    let mut kinds: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for line in lines.iter().filter(|line| is_of_object(line)) {
        let mut object = typed(line, object(line));
        object["metadata"].as_object_mut().unwrap().remove("managedFields");
        let document =
            if has_types { json!({"type": watched(line.kind), "object": object}) } else { object };
        kinds.entry(line.resource.to_string()).or_default().push(document);
    }
    kinds
}

/// As YAML, after what separates documents. JSON within YAML is YAML, apart from how it begins.
pub(super) fn yaml(document: &Value) -> String {
    let mut text = "---\n".to_owned();
    for (key, value) in document.as_object().unwrap() {
        writeln!(text, "{key}: {value}").unwrap();
    }
    text
}
