//! Whether a kind could say how it is, by the schema that its API server publishes of it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::says::could_say;

/// How far down a schema is looked.
const MAX_DEPTH: usize = 8;

/// An OpenAPI v3 document, as `/openapi/v3/apis/GROUP/VERSION` gives it.
#[derive(Deserialize)]
struct Document {
    components: Components,
}

#[derive(Deserialize)]
struct Components {
    schemas: Map<String, Value>,
}

/// What the schemas of one group and version say of its kinds.
#[derive(Clone, Debug, Default)]
pub struct Schemas {
    /// By group and kind; kinds of which they do not tell are left out.
    is_silent: BTreeMap<(Box<str>, Box<str>), bool>,
}

impl Schemas {
    /// Those of an OpenAPI document; of what is none they say nothing.
    #[must_use]
    pub fn read(document: &[u8]) -> Self {
        let schemas = serde_json::from_slice(document).map(|it: Document| it.components.schemas);
        let mut is_silent = BTreeMap::new();
        for schema in schemas.unwrap_or_default().values() {
            if let Some(told) = self::is_silent(schema) {
                is_silent.extend(kinds(schema).map(|kind| (kind, told)));
            }
        }
        Self { is_silent }
    }

    /// Whether no object of this kind will ever say how it is: the schema of its status names no
    /// conditions, word, state or observed generation (DESIGN §3.1). `None` where they do not tell:
    /// the kind is not among them, or its status may hold anything.
    #[must_use]
    pub fn is_silent(&self, group: &str, kind: &str) -> Option<bool> {
        self.is_silent.get(&(group.into(), kind.into())).copied()
    }
}

fn is_silent(schema: &Value) -> Option<bool> {
    let properties = schema.get("properties")?.as_object()?;
    let Some(status) = properties.get("status") else { return Some(true) };
    speaks(status, MAX_DEPTH).map(|speaks| !speaks)
}

/// Group and kind of what a schema is of.
fn kinds(schema: &Value) -> impl Iterator<Item = (Box<str>, Box<str>)> {
    let named = schema.get("x-kubernetes-group-version-kind").and_then(Value::as_array);
    let text = |it: &Value, key| it.get(key).and_then(Value::as_str).unwrap_or_default().into();
    named.into_iter().flatten().map(move |it| (text(it, "group"), text(it, "kind")))
}

/// Whether a field says how an object is, in this part of a status or below it; `None` where any
/// field may stand there.
fn speaks(schema: &Value, depth: usize) -> Option<bool> {
    let is_open = |key: &str| schema.get(key).is_some_and(|it| *it != Value::Bool(false));
    if depth == 0
        || *schema == Value::Bool(true)
        || ["x-kubernetes-preserve-unknown-fields", "$ref", "allOf"].into_iter().any(is_open)
    {
        return None;
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    if properties.is_some_and(|all| all.keys().any(|key| could_say(key))) {
        return Some(true);
    }
    let below = properties.into_iter().flat_map(Map::values);
    let items = ["items", "additionalProperties"].into_iter().filter_map(|key| schema.get(key));
    let all: Option<Vec<bool>> = below.chain(items).map(|it| speaks(it, depth - 1)).collect();
    let is_empty_object = properties.is_none()
        && schema.get("type").and_then(Value::as_str) == Some("object")
        && schema.get("additionalProperties").is_none();
    if is_empty_object { None } else { all.map(|all| all.contains(&true)) }
}

#[cfg(test)]
mod tests {
    use super::Schemas;

    fn of(widget: &str) -> Option<bool> {
        let document = format!(
            r#"{{"components":{{"schemas":{{
                "com.example.v1.Widget":{{"properties":{widget},
                    "x-kubernetes-group-version-kind":
                        [{{"group":"example.com","kind":"Widget","version":"v1"}}]}},
                "com.example.v1.WidgetList":{{"properties":{{"status":{{}}}},
                    "x-kubernetes-group-version-kind":
                        [{{"group":"example.com","kind":"WidgetList","version":"v1"}}]}}}}}}}}"#
        );
        Schemas::read(document.as_bytes()).is_silent("example.com", "Widget")
    }

    fn of_status(properties: &str) -> Option<bool> {
        of(&format!(r#"{{"spec":{{}},"status":{{"type":"object","properties":{properties}}}}}"#))
    }

    #[test]
    fn a_kind_whose_status_has_no_word_for_how_it_is_is_silent() {
        assert_eq!(of(r#"{"spec":{"type":"object"}}"#), Some(true), "it has no status");
        assert_eq!(of_status(r#"{"revision":{"type":"integer"}}"#), Some(true));
        let endpoints = r#"{"endpoints":{"type":"array","items":{"type":"object","properties":
            {"address":{"type":"string"}}}}}"#;
        assert_eq!(of_status(endpoints), Some(true));
    }

    #[test]
    fn a_word_for_how_it_is_may_stand_anywhere_in_it() {
        for word in ["conditions", "observedGeneration", "phase", "currentState", "ready"] {
            let own = format!(r#"{{"{word}":{{"type":"string"}}}}"#);
            assert_eq!(of_status(&own), Some(false), "{word}");
            let list = format!(
                r#"{{"parents":{{"type":"array","items":{{"type":"object","properties":{own}}}}}}}"#
            );
            assert_eq!(of_status(&list), Some(false), "{word}");
            let map = format!(
                r#"{{"brokers":{{"type":"object","additionalProperties":{{"properties":{own}}}}}}}"#
            );
            assert_eq!(of_status(&map), Some(false), "{word}");
        }
    }

    #[test]
    fn what_may_hold_anything_may_hold_a_word() {
        for status in [
            r#"{"status":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}"#,
            r#"{"status":{"type":"object"}}"#,
            r##"{"status":{"$ref":"#/components/schemas/Other"}}"##,
        ] {
            assert_eq!(of(status), None, "{status}");
        }
        let below = r#"{"more":{"type":"object","x-kubernetes-preserve-unknown-fields":true}}"#;
        assert_eq!(of_status(below), None);
        let any = r#"{"more":{"type":"object","additionalProperties":true}}"#;
        assert_eq!(of_status(any), None);
        for document in ["", "{}", "<html>", r#"{"components":{"schemas":{}}}"#] {
            let schemas = Schemas::read(document.as_bytes());
            assert_eq!(schemas.is_silent("example.com", "Widget"), None, "{document}");
        }
    }
}
