//! Reviews in, patches out.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const OTHER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn deployment(annotations: Value, image: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "annotations": annotations},
        "spec": {"template": {"spec": {"containers": [{"name": "a", "image": image}]}}},
        "status": {"replicas": 1}})
}

fn review(operation: &str, object: &Value, old: &Value, more: &Value) -> Value {
    let kind = json!({"group": "apps", "version": "v1", "kind": "Deployment"});
    let mut request = json!({"uid": "u-1", "kind": kind, "operation": operation,
        "namespace": "shop", "name": "web", "object": object, "oldObject": old});
    request.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request})
}

fn policy() -> Policy {
    Policy { rules: Rules::built_in(), mints: true, is_recorded: false }
}

/// The outcome, and the patch if there is one.
fn answered(review: &Value, headers: &Headers<'_>, policy: &Policy) -> (Outcome, Value) {
    let verdict = answer(review.to_string().as_bytes(), headers, policy, &[7; 32]).unwrap();
    let answer: Value = serde_json::from_str(&verdict.answer).unwrap();
    let response = &answer["response"];
    assert_eq!((&response["uid"], &response["allowed"]), (&json!("u-1"), &json!(true)));
    assert_eq!(verdict.object, "Deployment shop/web");
    let patch = match response["patch"].as_str() {
        None => Value::Null,
        Some(patch) => {
            assert_eq!(response["patchType"], "JSONPatch");
            serde_json::from_slice(&STANDARD.decode(patch).unwrap()).unwrap()
        }
    };
    assert_eq!(patch.is_null(), matches!(verdict.outcome, Outcome::Skipped(_)));
    (verdict.outcome, patch)
}

fn with(parent: &str) -> Headers<'_> {
    Headers { parents: vec![parent], states: vec![] }
}

fn skip(review: &Value) -> Skip {
    match answered(review, &with(PARENT), &policy()) {
        (Outcome::Skipped(skip), Value::Null) => skip,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_creation_is_stamped_with_the_context_of_its_request() {
    let object = deployment(Value::Null, "a:1");
    let headers = Headers { parents: vec![PARENT], states: vec!["x=1", "y=2"] };
    let review = review("CREATE", &object, &Value::Null, &json!({}));
    let (outcome, patch) = answered(&review, &headers, &policy());
    assert_eq!(outcome, Outcome::Stamped);
    let path = "/metadata/annotations/tracing.k8s.io~1trace";
    assert_eq!(
        patch,
        json!([
            {"op": "add", "path": "/metadata/annotations", "value": {}},
            {"op": "add", "path": format!("{path}parent"), "value": PARENT},
            {"op": "add", "path": format!("{path}state"), "value": "x=1,y=2"},
        ])
    );
}

#[test]
fn a_changed_spec_is_stamped_and_what_was_left_of_an_older_stamp_goes() {
    let old = json!({"tracing.k8s.io/traceparent": OTHER, "tracing.k8s.io/tracestate": "x=1"});
    let review = review(
        "UPDATE",
        &deployment(old.clone(), "a:2"),
        &deployment(old, "a:1"),
        &json!({"dryRun": false, "subResource": ""}),
    );
    let (outcome, patch) = answered(&review, &with(PARENT), &policy());
    assert_eq!(outcome, Outcome::Stamped);
    let path = "/metadata/annotations/tracing.k8s.io~1trace";
    // Nothing but annotations of the object itself: pod templates are never touched.
    assert_eq!(
        patch,
        json!([
            {"op": "add", "path": format!("{path}parent"), "value": PARENT},
            {"op": "remove", "path": format!("{path}state")},
        ])
    );
}

#[test]
fn what_nobody_decided_is_left_as_it_is() {
    let object = deployment(json!({}), "a:1");
    let create = |more: Value| review("CREATE", &object, &Value::Null, &more);
    assert_eq!(skip(&create(json!({"dryRun": true}))), Skip::DryRun);
    assert_eq!(skip(&create(json!({"subResource": "status"}))), Skip::Subresource);
    assert_eq!(skip(&create(json!({"operation": "DELETE"}))), Skip::Operation);
    assert_eq!(skip(&create(json!({"object": null}))), Skip::Unreadable);
    assert_eq!(skip(&create(json!({"object": []}))), Skip::Unreadable);
    let owned = json!({"metadata": {"ownerReferences": [{"controller": true}]}});
    assert_eq!(skip(&create(json!({"object": owned}))), Skip::Owned);
    let mut relabelled = deployment(json!({"a": "b"}), "a:1");
    relabelled["status"] = json!({"replicas": 2});
    let update = review("UPDATE", &relabelled, &object, &json!({}));
    assert_eq!(skip(&update), Skip::Unchanged);
    let update = review("UPDATE", &object, &Value::Null, &json!({}));
    assert_eq!(skip(&update), Skip::Unreadable);
}

#[test]
fn a_fresh_stamp_stays_and_a_stale_one_does_not_count() {
    let key = "opentelemetry.io/traceparent";
    let stamped = |value: &str, image| deployment(json!({key: value}), image);
    let created = review("CREATE", &stamped(OTHER, "a:1"), &Value::Null, &json!({}));
    assert_eq!(skip(&created), Skip::HasStamp);
    let fresh = review("UPDATE", &stamped(OTHER, "a:2"), &stamped(PARENT, "a:1"), &json!({}));
    assert_eq!(skip(&fresh), Skip::HasStamp);
    let stale = review("UPDATE", &stamped(OTHER, "a:2"), &stamped(OTHER, "a:1"), &json!({}));
    assert_eq!(answered(&stale, &with(PARENT), &policy()).0, Outcome::Stamped);
    let malformed = review("CREATE", &stamped("x", "a:1"), &Value::Null, &json!({}));
    assert_eq!(answered(&malformed, &with(PARENT), &policy()).0, Outcome::Stamped);
}

#[test]
fn without_a_usable_header_a_trace_begins_or_nothing_does() {
    let review = review("CREATE", &deployment(Value::Null, "a:1"), &Value::Null, &json!({}));
    let twice = Headers { parents: vec![PARENT, OTHER], states: vec![] };
    for headers in [Headers::default(), with("00-x"), twice] {
        let (outcome, patch) = answered(&review, &headers, &policy());
        let Outcome::Minted(context) = outcome else { panic!("{outcome:?}") };
        assert_eq!(patch[1]["value"], context::to_traceparent(&context));
        assert_eq!(context.flags, 2, "nobody records it");
        let recorded = Policy { is_recorded: true, ..policy() };
        let (outcome, _) = answered(&review, &headers, &recorded);
        let Outcome::Minted(context) = outcome else { panic!("{outcome:?}") };
        assert_eq!(context.flags, 3);
        let never = Policy { mints: false, ..policy() };
        let (outcome, _) = answered(&review, &headers, &never);
        assert_eq!(outcome, Outcome::Skipped(Skip::NoContext));
    }
}

#[test]
fn a_malformed_tracestate_does_not_take_the_traceparent_with_it() {
    let review = review("CREATE", &deployment(Value::Null, "a:1"), &Value::Null, &json!({}));
    let headers = Headers { parents: vec![PARENT], states: vec!["x=1", "x=2"] };
    let (_, patch) = answered(&review, &headers, &policy());
    assert_eq!(patch.as_array().unwrap().len(), 2);
}

#[test]
fn what_is_no_review_is_told() {
    for body in ["", "{}", "[]", r#"{"request":{}}"#] {
        let told = answer(body.as_bytes(), &with(PARENT), &policy(), &[7; 32]).unwrap_err();
        assert!(told.starts_with("an AdmissionReview is expected: "), "{told}");
    }
}

proptest! {
    #[test]
    fn no_bytes_and_no_headers_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..64),
        parent in any::<String>(),
        state in any::<String>(),
        annotations in prop::collection::btree_map(any::<String>(), any::<String>(), 0..3),
    ) {
        let headers = Headers { parents: vec![&parent], states: vec![&state] };
        prop_assert!(answer(&bytes, &headers, &policy(), &[7; 32]).is_err());
        let object = deployment(json!(annotations), "a:1");
        let review = review("CREATE", &object, &Value::Null, &json!({}));
        let (outcome, _) = answered(&review, &headers, &policy());
        prop_assert!(matches!(outcome, Outcome::Stamped | Outcome::Minted(_)));
    }
}
