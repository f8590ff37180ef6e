//! The patch that stamps an object that is in a cluster.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::Stamping;
use super::plain::Step;
use crate::context::Injected;

/// The JSON merge patch that stamps `object`.
///
/// It holds for the version that was read alone, so that nothing written meanwhile is replaced
/// unseen.
///
/// # Errors
/// A trace context stands there and stays, or there is no room for one.
pub fn merge_patch(object: &Value, how: &Stamping<'_>) -> Result<Value, Injected> {
    let mut metadata = json!({"annotations": annotations(object, &[], how)?});
    if let (Some(version), Some(metadata)) =
        (object.pointer("/metadata/resourceVersion"), metadata.as_object_mut())
    {
        metadata.insert("resourceVersion".to_owned(), version.clone());
    }
    let mut patch = json!({"metadata": metadata});
    for path in how.templates(|path| below(object, path).is_some()) {
        // One that has a trace context of its own, or no room, stays as it is.
        if let Ok(given) = annotations(object, path, how) {
            let template = json!({"metadata": {"annotations": given}});
            let keys = path.iter().rev().filter_map(|step| match step {
                Step::Key(key) => Some(*key),
                Step::Index(_) => None,
            });
            merge(&mut patch, keys.fold(template, |below, key| json!({key: below})));
        }
    }
    Ok(patch)
}

fn below<'o>(object: &'o Value, path: &[Step]) -> Option<&'o Value> {
    path.iter().try_fold(object, |at, step| match step {
        Step::Key(key) => at.get(key),
        Step::Index(index) => at.get(index),
    })
}

fn annotations(
    object: &Value,
    path: &[Step],
    how: &Stamping<'_>,
) -> Result<Map<String, Value>, Injected> {
    let present = below(object, path).and_then(|at| at.pointer("/metadata/annotations"));
    let present: BTreeMap<String, String> = present
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect();
    let changes = how.injection.changes(how.context, &present)?;
    let given = changes.annotations.into_iter();
    Ok(given.map(|(key, value)| (key, value.map_or(Value::Null, Value::String))).collect())
}

/// Two patches of different fields in one.
fn merge(patch: &mut Value, more: Value) {
    match (patch, more) {
        (Value::Object(patch), Value::Object(more)) => {
            for (key, value) in more {
                merge(patch.entry(key).or_insert(Value::Null), value);
            }
        }
        (patch, more) => *patch = more,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::{Injection, TraceContext, to_traceparent};

    fn context() -> TraceContext {
        TraceContext::minted(&[7; 32])
    }

    fn how(context: &TraceContext) -> Stamping<'_> {
        Stamping {
            context,
            injection: Injection::to_key("a/traceparent"),
            kinds: None,
            with_pod_templates: false,
            with_env: false,
        }
    }

    fn deployment(annotations: Value) -> Value {
        json!({"metadata": {"resourceVersion": "7", "annotations": annotations},
            "spec": {"template": {"spec": {"containers": []}}}})
    }

    const OTHER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_patch_holds_for_the_version_that_was_read_and_takes_an_old_tracestate_away() {
        let context = context();
        let mut how = how(&context);
        how.injection.overwrites = true;
        let expected = json!({"metadata": {"resourceVersion": "7", "annotations":
            {"a/traceparent": to_traceparent(&context), "a/tracestate": null, "a/baggage": null}}});
        assert_eq!(merge_patch(&deployment(Value::Null), &how), Ok(expected));
    }

    #[test]
    fn what_stands_there_is_left_unless_asked_and_what_is_full_too() {
        let context = context();
        let how = how(&context);
        let object = deployment(json!({"a/traceparent": OTHER}));
        assert_eq!(merge_patch(&object, &how), Err(Injected::Kept));
        let full = deployment(json!({"a": "x".repeat(256 << 10)}));
        assert_eq!(merge_patch(&full, &how), Err(Injected::NoRoom));
        let mut how = how;
        how.injection.overwrites = true;
        assert!(merge_patch(&object, &how).is_ok());
    }

    #[test]
    fn templates_are_stamped_on_request_and_only_where_there_are_any() {
        let context = context();
        let how = Stamping { with_pod_templates: true, ..how(&context) };
        let patch = merge_patch(&deployment(Value::Null), &how).unwrap();
        let found = patch.pointer("/spec/template/metadata/annotations/a~1traceparent");
        assert_eq!(found, Some(&json!(to_traceparent(&context))));
        let pods = json!({"spec": {"template": {"spec": {"containers": []}}}});
        let cron = json!({"metadata": {}, "spec": {"jobTemplate": pods}});
        let patch = merge_patch(&cron, &how).unwrap();
        for pointer in [
            "/spec/jobTemplate/metadata/annotations/a~1traceparent",
            "/spec/jobTemplate/spec/template/metadata/annotations/a~1traceparent",
        ] {
            assert!(patch.pointer(pointer).is_some(), "{pointer} {patch}");
        }
        let patch = merge_patch(&json!({"metadata": {}, "spec": {"template": 1}}), &how).unwrap();
        assert_eq!(patch.get("spec"), None);
    }
}
