//! Whether an object shows that nothing has happened to it yet; pure.

use serde_json::Value;

/// Whether this is how the API server stores a new object: no controller has said anything of it.
/// Whoever tells of it first in this form tells of its creation.
pub(super) fn is_new(object: &Value) -> bool {
    object.get("status").is_none_or(is_blank)
        && object.pointer("/metadata/deletionTimestamp").is_none()
}

/// The API server writes zeros into a new status, of Pods also the phase and the class of service,
/// and the condition that they are held back by scheduling gates.
fn is_blank(status: &Value) -> bool {
    let Value::Object(fields) = status else { return status.is_null() };
    fields.iter().all(|(key, value)| match value {
        Value::Null => true,
        Value::Bool(is_true) => !is_true,
        Value::Number(number) => number.as_i64() == Some(0),
        Value::String(text) => key == "qosClass" || (key == "phase" && text == "Pending"),
        Value::Array(items) => items
            .iter()
            .all(|item| item.get("reason").and_then(Value::as_str) == Some("SchedulingGated")),
        Value::Object(fields) => fields.is_empty(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_is_new_until_its_status_says_something() {
        for status in [
            json!(null),
            json!({}),
            json!({"replicas": 0, "availableReplicas": 0}),
            json!({"phase": "Pending", "qosClass": "Burstable"}),
            json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "reason": "SchedulingGated"}]}),
        ] {
            assert!(is_new(&json!({"status": status})), "{status}");
        }
        for status in [
            json!({"observedGeneration": 1, "replicas": 0}),
            json!({"phase": "Running"}),
            json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "reason": "Unschedulable"}]}),
        ] {
            assert!(!is_new(&json!({"status": status})), "{status}");
        }
        assert!(is_new(&json!({})));
        assert!(!is_new(&json!({"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"}})));
    }
}
