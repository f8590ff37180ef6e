use super::*;

const NAME: &str = "web";

fn raw(value: &Value) -> Box<RawValue> {
    to_raw_value(value).unwrap()
}

fn write(verb: &str, subresource: &str) -> Write {
    Write {
        lane: Lane::Deployments,
        kind: Lane::Deployments.kind(),
        verb: verb.to_owned(),
        subresource: subresource.to_owned(),
        namespace: "shop".to_owned(),
        name: NAME.to_owned(),
        code: 200,
        request: None,
        response: None,
        manager: "kubectl".to_owned(),
        second: "2026-11-20T11:00:00Z".to_owned(),
    }
}

fn deployment() -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": NAME, "namespace": "shop",
        "uid": "d306cd69-2d2c-4dc9-881f-db7d756a03e0", "resourceVersion": "7", "generation": 1,
        "managedFields": []}, "spec": {"replicas": 1, "paused": true}, "status": {"replicas": 1}})
}

fn pod() -> Value {
    let mut pod = deployment();
    pod["kind"] = "Pod".into();
    pod["status"] =
        json!({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False"}]});
    pod
}

fn of_pods(write: Write) -> Write {
    Write { lane: Lane::Pods, kind: Lane::Pods.kind(), ..write }
}

/// What knows `object`, whose creation was written.
fn knows(object: &Value, lane: Lane) -> Known {
    let mut known = Known::default();
    let write = Write {
        lane,
        kind: lane.kind(),
        code: 201,
        response: Some(raw(object)),
        ..write("create", "")
    };
    let effects = known.take(&write, 7).unwrap();
    assert!(matches!(effects.as_slice(), [Effect::Created(_)]), "{effects:?}");
    known
}

/// The one effect, as a word and the object.
fn effect(known: &mut Known, write: &Write) -> (&'static str, Value) {
    let mut effects = known.take(write, 9).unwrap();
    assert_eq!(effects.len(), 1, "{effects:?}");
    match effects.remove(0) {
        Effect::Created(it) => ("created", object_of(&it)),
        Effect::Found(it) => ("found", object_of(&it)),
        Effect::Changed(it) => ("changed", object_of(&it)),
        Effect::Gone(it) => ("gone", object_of(&it)),
    }
}

#[test]
fn the_answer_is_the_object_wherever_it_shows_it() {
    let mut known = Known::default();
    let shown = Write { response: Some(raw(&deployment())), ..write("patch", "status") };
    assert_eq!(effect(&mut known, &shown), ("found", deployment()));
    assert_eq!(effect(&mut known, &shown), ("changed", deployment()));
    let applied = Write { code: 201, response: Some(raw(&deployment())), ..write("patch", "") };
    assert_eq!(effect(&mut known, &applied).0, "created", "server-side apply may create");
}

#[test]
fn a_scale_writes_the_replicas_of_the_object_it_scales() {
    let mut known = knows(&deployment(), Lane::Deployments);
    let scale = json!({"kind": "Scale", "metadata": {"name": NAME, "uid": "d306cd69-2d2c-4dc9-881f-db7d756a03e0"},
        "spec": {"replicas": 5}});
    let (what, object) =
        effect(&mut known, &Write { response: Some(raw(&scale)), ..write("patch", "scale") });
    assert_eq!((what, &object["spec"]["replicas"]), ("changed", &json!(5)));
    assert_eq!(
        (&object["metadata"]["generation"], &object["metadata"]["resourceVersion"]),
        (&json!(2), &json!("9"))
    );
    let writer = json!([{"manager": "kubectl", "operation": "Update", "subresource": "scale"}]);
    assert_eq!(object["metadata"]["managedFields"], writer);
}

#[test]
fn a_binding_gives_a_pod_its_node() {
    let mut known = knows(&pod(), Lane::Pods);
    let binding = json!({"kind": "Binding", "target": {"kind": "Node", "name": "n1"}});
    let bound = Write {
        code: 201,
        request: Some(raw(&binding)),
        response: Some(raw(&json!({"kind": "Status", "status": "Success"}))),
        ..write("create", "binding")
    };
    let (what, object) = effect(&mut known, &of_pods(bound));
    assert_eq!((what, &object["spec"]["nodeName"]), ("changed", &json!("n1")));
    let scheduled = json!([{"type": "PodScheduled", "status": "True", "lastTransitionTime": "2026-11-20T11:00:00Z"}]);
    assert_eq!(object["status"]["conditions"], scheduled);
}

#[test]
fn what_is_deleted_is_gone_once_nothing_holds_it() {
    let status = raw(&json!({"kind": "Status", "status": "Success"}));
    let mut known = knows(&deployment(), Lane::Deployments);
    let deleted = Write { response: Some(status), ..write("delete", "") };
    let (what, object) = effect(&mut known, &deleted);
    assert_eq!((what, &object["metadata"]["resourceVersion"]), ("gone", &json!("9")));
    assert!(known.take(&deleted, 10).is_err(), "it was gone before");

    let going = |grace: u8, finalizers: &[&str]| {
        let mut pod = pod();
        pod["metadata"]["deletionTimestamp"] = "2026-11-20T11:00:30Z".into();
        pod["metadata"]["deletionGracePeriodSeconds"] = grace.into();
        pod["metadata"]["finalizers"] = json!(finalizers);
        Some(raw(&pod))
    };
    let mut known = knows(&pod(), Lane::Pods);
    for (verb, response, expected) in [
        ("delete", going(30, &[]), "changed"),
        ("delete", going(0, &["a"]), "changed"),
        ("patch", going(0, &[]), "gone"),
    ] {
        let write = of_pods(Write { response, ..write(verb, "") });
        assert_eq!(effect(&mut known, &write).0, expected, "{write:?}");
    }
}

#[test]
fn of_what_is_deleted_together_pods_that_run_end_later() {
    let mut known = knows(&pod(), Lane::Pods);
    let mut running = pod();
    running["spec"]["nodeName"] = "n1".into();
    running["metadata"]["name"] = "web-2".into();
    let list = json!({"kind": "PodList", "metadata": {}, "items": [pod(), running]});
    let write = of_pods(Write { response: Some(raw(&list)), ..write("deletecollection", "") });
    let (what, object) = effect(&mut known, &write);
    assert_eq!((what, &object["metadata"]["name"]), ("gone", &json!(NAME)));
}

#[test]
fn without_an_answer_what_was_sent_tells_as_far_as_it_can() {
    let mut known = knows(&deployment(), Lane::Deployments);
    let sent = |verb: &str, subresource: &str, request: Value| Write {
        request: Some(raw(&request)),
        ..write(verb, subresource)
    };
    let (what, object) =
        effect(&mut known, &sent("patch", "", json!({"spec": {"replicas": 2, "paused": null}})));
    assert_eq!(
        (what, &object["spec"], &object["metadata"]["generation"]),
        ("changed", &json!({"replicas": 2}), &json!(2))
    );
    let mut status = deployment();
    status["status"]["replicas"] = 2.into();
    let (_, object) = effect(&mut known, &sent("update", "status", status));
    assert_eq!(
        (&object["status"]["replicas"], &object["spec"]["replicas"]),
        (&json!(2), &json!(2))
    );
    let mut update = deployment();
    update["spec"]["replicas"] = 3.into();
    let (_, object) = effect(&mut known, &sent("update", "", update));
    assert_eq!(
        (&object["status"]["replicas"], &object["metadata"]["generation"]),
        (&json!(2), &json!(3))
    );

    for (patch, why) in [
        (
            json!({"spec": {"template": {"spec": {"containers": []}}}}),
            "patches at level Request that only the API server can apply",
        ),
        (
            json!({"spec": {"$patch": "replace"}}),
            "patches at level Request that only the API server can apply",
        ),
        (
            json!([{"op": "remove", "path": "/spec"}]),
            "patches at level Request that only the API server can apply",
        ),
    ] {
        assert_eq!(known.take(&sent("patch", "", patch), 9).unwrap_err(), why);
    }
    let created = sent("create", "", json!({"metadata": {"generateName": "web-"}}));
    assert_eq!(
        known.take(&created, 9).unwrap_err(),
        "creations at level Request, which do not tell the uid"
    );
}

#[test]
fn where_the_policy_leaves_out_the_writers_they_are_those_who_asked() {
    let mut bare = deployment();
    bare["metadata"].as_object_mut().unwrap().remove("managedFields");
    let mut known = knows(&bare, Lane::Deployments);
    let controller = Write {
        manager: "kube-controller-manager".to_owned(),
        response: Some(raw(&bare)),
        ..write("update", "status")
    };
    let (_, object) = effect(&mut known, &controller);
    let time = "2026-11-20T11:00:00Z";
    let writers = json!([
        {"manager": "kubectl", "operation": "Update", "time": time},
        {"manager": "kube-controller-manager", "operation": "Update", "subresource": "status", "time": time},
    ]);
    assert_eq!(object["metadata"]["managedFields"], writers);
}
