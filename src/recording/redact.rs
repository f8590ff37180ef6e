//! Takes out of an object what must not leave the cluster it was recorded in; pure.
//!
//! Values of environment variables are replaced by a keyed hash: that they changed can still be
//! seen, what they were cannot. In which form custom resources describe them nobody knows, so all
//! that stands below an `env` is taken for that, and every `value` of an item of a list: of a
//! parameter, of a header. Trace contexts stay, since reading them is what a recording is
//! for. The annotation in which `kubectl apply` keeps the whole manifest is taken away.

use serde_json::{Map, Value};

use crate::context::Rules;

/// What hidden values begin with.
const HIDDEN: &str = "redacted-";

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Replaces values with a key that nobody else has and that is written nowhere.
#[derive(Clone)]
pub struct Redaction {
    key: [u8; 32],
    /// Where trace contexts stand.
    rules: Rules,
}

impl std::fmt::Debug for Redaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redaction")
    }
}

impl Redaction {
    /// With a `key` drawn by the caller; the env variables that `rules` read are kept.
    #[must_use]
    pub fn new(key: [u8; 32], rules: &Rules) -> Self {
        Self { key, rules: rules.clone() }
    }

    /// Where trace contexts stand, which are kept.
    pub(super) fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Whether it is a variable that holds a trace context.
    pub(super) fn is_kept(&self, variable: &Map<String, Value>) -> bool {
        let name = variable.get("name").and_then(Value::as_str).unwrap_or_default();
        self.is_name(name)
    }

    fn is_name(&self, name: &str) -> bool {
        self.rules.env_names().any(|kept| kept == name)
    }

    /// `object` without what must not be told.
    pub fn redact(&self, object: &mut Value) {
        if let Some(Value::Object(annotations)) = object.pointer_mut("/metadata/annotations") {
            annotations.remove(LAST_APPLIED);
        }
        self.walk(object);
    }

    fn walk(&self, value: &mut Value) {
        match value {
            Value::Object(map) => {
                for (key, value) in map.iter_mut() {
                    // A plain `env: prod` is a label.
                    if key == "env" && (value.is_array() || value.is_object()) {
                        self.below_env(value);
                    } else {
                        self.walk(value);
                    }
                }
            }
            Value::Array(items) => {
                for item in items {
                    if let Value::Object(map) = &mut *item
                        && !self.is_kept(map)
                        && let Some(value) = map.get_mut("value")
                    {
                        self.hide(value);
                    }
                    self.walk(item);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// Names stay, and where values are from; values do not.
    fn below_env(&self, value: &mut Value) {
        match value {
            Value::Array(items) => items.iter_mut().for_each(|item| self.below_env(item)),
            Value::Object(map) if self.is_kept(map) => {}
            Value::Object(map) => {
                for (key, value) in map.iter_mut() {
                    match key.as_str() {
                        "name" | "valueFrom" => {}
                        key if self.is_name(key) => {}
                        _ => self.below_env(value),
                    }
                }
            }
            Value::Null => {}
            Value::Bool(_) | Value::Number(_) | Value::String(_) => self.hide(value),
        }
    }

    /// Puts a hash in the place of what must not be told.
    pub(super) fn hide(&self, value: &mut Value) {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let hash = blake3::keyed_hash(&self.key, text.as_bytes());
        let short: String = hash.to_hex().chars().take(16).collect();
        *value = Value::String(format!("{HIDDEN}{short}"));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn redacted(mut object: Value) -> Value {
        Redaction::new([7; 32], &Rules::built_in()).redact(&mut object);
        object
    }

    fn pod(env: Value) -> Value {
        json!({"spec": {"template": {"spec": {"containers": [{"name": "a", "env": env}]}}}})
    }

    #[test]
    fn values_of_env_are_replaced_wherever_a_pod_is_described_and_trace_contexts_stay() {
        let env = json!([
            {"name": "PASSWORD", "value": "hunter2"},
            {"name": "TRACEPARENT", "value": "00-a-b-01"},
            {"name": "FROM", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
        ]);
        let text = redacted(pod(env)).to_string();
        assert!(!text.contains("hunter2"), "{text}");
        assert!(text.contains("00-a-b-01") && text.contains("secretKeyRef"), "{text}");
        assert!(text.contains("\"name\":\"PASSWORD\""), "{text}");
    }

    #[test]
    fn what_a_configured_rule_reads_is_kept() {
        use crate::context::{Place, Rule};
        let rule = Rule::new(Place::Env("CI_TRACEPARENT".into()), None, false).unwrap();
        let names = ["CI_TRACEPARENT", "CI_TRACESTATE", "TRACEPARENT"];
        let env = names.map(|name| json!({"name": name, "value": format!("{name}-value")}));
        let mut object = pod(json!(env));
        Redaction::new([7; 32], &Rules::new(vec![rule], [])).redact(&mut object);
        let text = object.to_string();
        assert!(text.contains("CI_TRACEPARENT-value") && text.contains("CI_TRACESTATE-value"));
        assert!(!text.contains("\"TRACEPARENT-value"), "{text}");
    }

    #[test]
    fn a_changed_value_is_still_another_value() {
        let with = |value| redacted(pod(json!([{"name": "A", "value": value}])));
        assert_ne!(with("1"), with("2"));
        assert_eq!(with("1"), with("1"));
        let other = Redaction::new([8; 32], &Rules::built_in());
        let mut object = pod(json!([{"name": "A", "value": "1"}]));
        other.redact(&mut object);
        assert_ne!(object, with("1"), "without the key nobody can try values");
    }

    #[test]
    fn the_manifest_that_kubectl_keeps_in_an_annotation_is_taken_away() {
        let object =
            json!({"metadata": {"annotations": {LAST_APPLIED: "{\"env\":\"hunter2\"}", "a": "b"}}});
        assert_eq!(redacted(object), json!({"metadata": {"annotations": {"a": "b"}}}));
    }

    #[test]
    fn what_is_no_object_is_left_alone() {
        for value in [json!(null), json!([1, "a"]), json!({"env": "text"}), json!({"env": null})] {
            assert_eq!(redacted(value.clone()), value);
        }
    }

    #[test]
    fn whatever_form_a_custom_resource_gives_its_env_no_value_of_it_is_left() {
        for spec in [
            json!({"trainer": {"env": [{"name": "A", "value": "hunter2"}]}}),
            json!({"env": {"A": "hunter2", "B": {"value": "hunter2"}}}),
            json!({"env": ["A=hunter2"]}),
            json!({"params": [{"name": "token", "value": "hunter2"}]}),
            json!({"params": [{"name": "tokens", "value": ["hunter2"]}]}),
            json!({"headers": [{"name": "authorization", "value": "hunter2"}]}),
        ] {
            let told = redacted(json!({"spec": spec.clone()})).to_string();
            assert!(!told.contains("hunter2") && told.contains(HIDDEN), "{spec} {told}");
        }
        let kept = json!({"env": {"TRACEPARENT": "00-a-b-01", "C": {"valueFrom": {"key": "k"}}},
            "labels": {"env": "prod"}, "params": [{"name": "TRACEPARENT", "value": "00-a-b-01"}]});
        assert_eq!(redacted(kept.clone()), kept);
    }
}
