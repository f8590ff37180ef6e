//! The patch that stamps an object that is in a cluster.

use serde_json::{Map, Value, json};

use super::{POD_TEMPLATES, Stamping};

/// The JSON merge patch that stamps `object`; `None` where a trace context stands there and stays.
///
/// It holds for the version that was read alone, so that nothing written meanwhile is replaced
/// unseen.
#[must_use]
pub fn merge_patch(object: &Value, how: &Stamping) -> Option<Value> {
    let first = how.annotations.first().map_or("", |(key, _)| key);
    let annotations = object.pointer("/metadata/annotations");
    let is_there = annotations.is_some_and(|annotations| annotations.get(first).is_some());
    if is_there && !how.overwrites {
        return None;
    }
    let given: Map<String, Value> = how
        .annotations
        .iter()
        .map(|(key, value)| (key.clone(), value.clone().map_or(Value::Null, Value::String)))
        .collect();
    let mut metadata = json!({"annotations": given});
    if let (Some(version), Some(metadata)) =
        (object.pointer("/metadata/resourceVersion"), metadata.as_object_mut())
    {
        metadata.insert("resourceVersion".to_owned(), version.clone());
    }
    let mut patch = Map::from_iter([("metadata".to_owned(), metadata)]);
    for path in POD_TEMPLATES.into_iter().filter(|_| how.with_pod_templates) {
        let pointer = format!("/{}/spec/containers", path.join("/"));
        if object.pointer(&pointer).is_none() {
            continue;
        }
        let template = json!({"metadata": {"annotations": given}});
        let nested = path.iter().rev().fold(template, |below, key| json!({*key: below}));
        patch.extend(nested.as_object().cloned().unwrap_or_default());
    }
    Some(Value::Object(patch))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn how() -> Stamping {
        Stamping {
            annotations: vec![
                ("a/traceparent".into(), Some("x".into())),
                ("a/tracestate".into(), None),
            ],
            ..Stamping::default()
        }
    }

    fn deployment(annotations: Value) -> Value {
        json!({"metadata": {"resourceVersion": "7", "annotations": annotations},
            "spec": {"template": {"spec": {"containers": []}}}})
    }

    #[test]
    fn a_patch_holds_for_the_version_that_was_read_and_takes_an_old_tracestate_away() {
        let expected = json!({"metadata": {"resourceVersion": "7",
            "annotations": {"a/traceparent": "x", "a/tracestate": null}}});
        assert_eq!(merge_patch(&deployment(Value::Null), &how()), Some(expected));
    }

    #[test]
    fn what_stands_there_is_left_unless_asked() {
        let object = deployment(json!({"a/traceparent": "y"}));
        assert_eq!(merge_patch(&object, &how()), None);
        assert!(merge_patch(&object, &Stamping { overwrites: true, ..how() }).is_some());
    }

    #[test]
    fn a_pod_template_is_stamped_on_request_and_only_where_there_is_one() {
        let how = Stamping { with_pod_templates: true, ..how() };
        let patch = merge_patch(&deployment(Value::Null), &how).unwrap();
        let found = patch.pointer("/spec/template/metadata/annotations/a~1traceparent");
        assert_eq!(found, Some(&json!("x")));
        let patch = merge_patch(&json!({"metadata": {}, "spec": {"template": 1}}), &how).unwrap();
        assert_eq!(patch.get("spec"), None);
    }
}
