//! Reviews in, patches out.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::context::{self, size};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
/// The annotation that tells who wrote the stamp, in a patch.
const WROTE: &str = "/metadata/annotations/stamp.lifespan.io~1wrote";

const OTHER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn deployment(annotations: Value, image: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "web", "namespace": "shop", "annotations": annotations},
        "spec": {"template": {"spec": {"containers": [{"name": "a", "image": image}]}}},
        "status": {"replicas": 1}})
}

fn review(operation: &str, object: &Value, old: &Value, more: &Value) -> Value {
    let kind = json!({"group": "apps", "version": "v1", "kind": "Deployment"});
    let resource = json!({"group": "apps", "version": "v1", "resource": "deployments"});
    let mut request = json!({"uid": "u-1", "kind": kind, "resource": resource, "operation": operation,
        "namespace": "shop", "name": "web", "object": object, "oldObject": old});
    request.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request})
}

fn policy() -> Policy {
    Policy { mints: true, ..Policy::default() }
}

/// The outcome, and the patch if there is one.
fn answered(review: &Value, headers: &Headers<'_>, policy: &Policy) -> (Outcome, Value) {
    let verdict = answer(review.to_string().as_bytes(), headers, policy, &[7; 32]).unwrap();
    let answer: Value = serde_json::from_str(&verdict.answer).unwrap();
    let response = &answer["response"];
    assert_eq!((&response["uid"], &response["allowed"]), (&json!("u-1"), &json!(true)));
    let patch = match response["patch"].as_str() {
        None => Value::Null,
        Some(patch) => {
            assert_eq!(response["patchType"], "JSONPatch");
            let told = response["auditAnnotations"]["traceparent"].as_str().unwrap();
            assert!(context::traceparent(told).is_ok());
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
            {"op": "add", "path": WROTE, "value": "b7ad6b7169203331"},
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
            {"op": "add", "path": WROTE, "value": "b7ad6b7169203331"},
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

/// The annotations of `object` after the patch.
fn patched(object: &Value, patch: &Value) -> Value {
    let mut annotations = object["metadata"]["annotations"].clone();
    for step in patch.as_array().into_iter().flatten() {
        let path = step["path"].as_str().unwrap().strip_prefix("/metadata/annotations").unwrap();
        let key = path.trim_start_matches('/').replace("~1", "/");
        match step["op"].as_str() {
            Some("add") if path.is_empty() => annotations = step["value"].clone(),
            Some("add") => annotations[key] = step["value"].clone(),
            _ => drop(annotations.as_object_mut().unwrap().remove(&key)),
        }
    }
    annotations
}

const KEY: &str = "tracing.k8s.io/traceparent";

/// A cluster with one Deployment: each write goes through the webhook.
struct Api(Value);

impl Api {
    /// Writes `wanted` over what is there, as `manager`; the stamp afterwards.
    fn write(&mut self, wanted: &Value, manager: &str, n: u8) -> String {
        let parent = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00000000000000{n:02x}-01");
        let operation = if self.0.is_null() { "CREATE" } else { "UPDATE" };
        let more = json!({"options": {"fieldManager": manager}});
        let review = review(operation, wanted, &self.0, &more);
        let (_, patch) = answered(&review, &with(&parent), &policy());
        let mut stored = wanted.clone();
        stored["metadata"]["annotations"] = patched(wanted, &patch);
        self.0 = stored;
        let stamp = self.0["metadata"]["annotations"][KEY].as_str().unwrap_or_default();
        stamp.get(50..52).unwrap_or_default().to_owned()
    }

    /// What is there with another image, and with the annotations that it had.
    fn with_image(&self, image: &str) -> Value {
        let mut wanted = self.0.clone();
        wanted["spec"] = deployment(Value::Null, image)["spec"].clone();
        wanted
    }
}

#[test]
fn an_undo_brings_back_an_old_template_and_gets_a_stamp_of_its_own() {
    let mut api = Api(Value::Null);
    assert_eq!(api.write(&deployment(json!({"a": "b"}), "a:1"), "kubectl", 1), "01");
    let first = api.0.clone();
    assert_eq!(api.write(&api.with_image("a:2"), "kubectl-set", 2), "02");
    // `kubectl rollout undo` takes the annotations of the old ReplicaSet with its template.
    assert_eq!(api.write(&first, "kubectl-rollout", 3), "03");
    // What wants nothing new is left, also its stamp.
    assert_eq!(api.write(&api.0.clone(), "kubectl-label", 4), "03");
}

#[test]
fn a_stamp_that_is_kept_in_git_stays_and_one_that_was_left_over_does_not() {
    let fixed = |image: &str| {
        let mut object = deployment(json!({KEY: OTHER}), image);
        object["metadata"]["managedFields"] = json!([
            {"manager": "argocd-controller",
             "fieldsV1": {"f:metadata": {"f:annotations": {format!("f:{KEY}"): {}}}}},
            {"manager": "kubectl-set", "fieldsV1": {"f:spec": {}}},
        ]);
        object
    };
    let mut api = Api(Value::Null);
    for (n, image) in [(1, "a:1"), (2, "a:2"), (3, "a:3"), (4, "a:1")] {
        assert_eq!(api.write(&fixed(image), "argocd-controller", n), "b7", "{image}");
    }
    assert_eq!(api.write(&fixed("a:4"), "kubectl-set", 5), "05");
    // From Git it comes back, as it stands there.
    assert_eq!(api.write(&fixed("a:5"), "argocd-controller", 6), "b7");
    assert_eq!(api.write(&fixed("a:6"), "argocd-controller", 7), "b7");
}

#[test]
fn a_copy_of_a_stamped_object_gets_a_stamp_of_its_own() {
    let mut api = Api(Value::Null);
    api.write(&deployment(json!({}), "a:1"), "kubectl", 1);
    let mut other = Api(Value::Null);
    assert_eq!(other.write(&api.0, "kubectl", 2), "02");
}

#[test]
fn heartbeats_are_left_alone_and_the_job_of_a_person_is_not() {
    let object = json!({"metadata": {"name": "a"}, "spec": {"renewTime": "x"}});
    for (group, kind) in [
        ("coordination.k8s.io", "Lease"),
        ("", "Event"),
        ("", "Endpoints"),
        ("events.k8s.io", "Event"),
    ] {
        let more = json!({"kind": {"group": group, "version": "v1", "kind": kind}});
        let review = review("CREATE", &object, &Value::Null, &more);
        assert_eq!(skip(&review), Skip::Heartbeat, "{kind}");
    }
    let job = |annotations: Value| {
        let owner = json!([{"kind": "CronJob", "name": "c", "controller": true}]);
        let metadata = json!({"name": "a", "ownerReferences": owner, "annotations": annotations});
        let object = json!({"metadata": metadata, "spec": {}});
        review("CREATE", &object, &Value::Null, &json!({"kind": {"group": "batch", "kind": "Job"}}))
    };
    assert_eq!(skip(&job(json!({}))), Skip::Owned);
    let by_hand = job(json!({"cronjob.kubernetes.io/instantiate": "manual"}));
    assert_eq!(answered(&by_hand, &with(PARENT), &policy()).0, Outcome::Stamped);
}

#[test]
fn what_is_nearly_full_is_left_alone() {
    let filled = |n: usize| deployment(json!({"a": "x".repeat(n)}), "a:1");
    for (n, expected) in
        [(191 << 10, None), (192 << 10, Some(Skip::NoRoom)), ((256 << 10) - 1, Some(Skip::NoRoom))]
    {
        let review = review("CREATE", &filled(n), &Value::Null, &json!({}));
        let outcome = answered(&review, &with(PARENT), &policy()).0;
        assert_eq!(outcome, expected.map_or(Outcome::Stamped, Outcome::Skipped), "{n}");
    }
    let mut large = deployment(json!({}), "a:1");
    large["data"] = json!("x".repeat(1 << 20));
    let review = review("CREATE", &large, &Value::Null, &json!({}));
    assert_eq!(skip(&review), Skip::NoRoom);
}

#[test]
fn a_root_is_only_sent_of_what_can_be_looked_for() {
    let recorded = Policy { is_recorded: true, ..policy() };
    let begun = |more: Value| {
        let review = review("CREATE", &deployment(json!({}), "a:1"), &Value::Null, &more);
        let body = review.to_string();
        answer(body.as_bytes(), &Headers::default(), &recorded, &[7; 32]).unwrap()
    };
    let Verdict { begun: Some(root), .. } = begun(json!({})) else { panic!() };
    assert_eq!(root.path, "/apis/apps/v1/namespaces/shop/deployments/web");
    assert_eq!(root.object, "Deployment shop/web");
    let stored = json!({"metadata": {"annotations": {KEY: root.traceparent}}});
    assert!(recorded.bears(&stored, &root.traceparent));
    assert!(!recorded.bears(&deployment(json!({KEY: OTHER}), "a:1"), &root.traceparent));
    // The API server has yet to make its name.
    let unnamed = begun(json!({"name": ""}));
    let Outcome::Minted(context) = unnamed.outcome else { panic!() };
    assert_eq!((context.clone(), unnamed.begun), (context.unrecorded(), None));
}

#[test]
fn without_a_usable_header_a_trace_begins_or_nothing_does() {
    let review = review("CREATE", &deployment(Value::Null, "a:1"), &Value::Null, &json!({}));
    let twice = Headers { parents: vec![PARENT, OTHER], states: vec![] };
    for headers in [Headers::default(), with("00-x"), twice] {
        let (outcome, patch) = answered(&review, &headers, &policy());
        let Outcome::Minted(context) = outcome else { panic!("{outcome:?}") };
        assert_eq!(patch[1]["value"], to_traceparent(&context));
        assert_eq!(context, context.clone().unrecorded(), "nobody records it");
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
    assert_eq!(patch.as_array().unwrap().len(), 3);
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

    /// What the API server would have stored it stores afterwards.
    #[test]
    fn whatever_its_annotations_an_object_is_as_valid_as_it_was(
        mut annotations in prop::collection::btree_map(
            "(tracing.k8s.io/(traceparent|tracestate|baggage)|stamp.lifespan.io/wrote|[a-z]{1,3}/[a-z]{1,3})",
            "(00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01|00f067aa0ba902b7|[ -~]{0,9}|x{900})",
            0..5,
        ),
        fill in prop_oneof![0_usize..1 << 10, 190_usize << 10..194 << 10, 255_usize << 10..257 << 10],
        state in "([a-z]{1,9}=[a-z]{1,250},?){0,3}",
    ) {
        annotations.insert("fill".to_owned(), "x".repeat(fill));
        let was_valid = size(&annotations) <= 256 << 10;
        let object = deployment(json!(annotations), "a:1");
        let review = review("CREATE", &object, &Value::Null, &json!({}));
        let headers = Headers { parents: vec![PARENT], states: vec![&state] };
        let (_, patch) = answered(&review, &headers, &policy());
        let after = patched(&object, &patch);
        let after: std::collections::BTreeMap<String, String> = serde_json::from_value(after).unwrap();
        prop_assert!(!was_valid || size(&after) <= 256 << 10);
        prop_assert!(after.keys().all(|key| annotations.contains_key(key) || context::is_key(key)));
    }
}
