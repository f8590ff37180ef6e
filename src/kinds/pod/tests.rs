//! Pods of all shapes, as data.

use super::MAX_CONTAINERS;
use crate::context::Rules;
use crate::facts::change::Snapshot;
use crate::facts::pod::{ContainerState, PodPhase, PodSnapshot, Role};
use crate::facts::time::UnixNanos;
use crate::kinds::{Decoded, SnapshotError};

const BARE: &str = r#""metadata":{"name":"web-1","namespace":"default",
        "uid":"b613a6db-c794-4fa2-8969-bb858edeab57","resourceVersion":"836"}"#;

fn pod(json: &[u8]) -> Result<Decoded, SnapshotError> {
    super::pod(json, &Rules::built_in())
}

fn read(json: &str) -> PodSnapshot {
    match pod(json.as_bytes()).unwrap().snapshot {
        Snapshot::Pod(pod) => *pod,
        Snapshot::Workload(workload) => panic!("{workload:?}"),
    }
}

/// A Pod of `BARE`'s metadata with these `spec` and `status`.
fn with(spec: &str, status: &str) -> PodSnapshot {
    read(&format!(r#"{{{BARE},"spec":{spec},"status":{status}}}"#))
}

fn refusal(json: &str) -> String {
    pod(json.as_bytes()).unwrap_err().to_string()
}

fn at(seconds: i64) -> Option<UnixNanos> {
    Some(UnixNanos::from_seconds(seconds))
}

#[test]
fn a_recorded_pod_in_a_crash_loop_is_read() {
    let pod = read(include_str!("../../../tests/objects/pod.json"));
    assert_eq!(
        (pod.meta.namespace.as_deref(), pod.node.as_deref()),
        (Some("default"), Some("node-1"))
    );
    assert_eq!(pod.template_hash.as_deref(), Some("6fb4d59ff6"));
    let owner = pod.meta.owner.unwrap();
    assert_eq!((owner.kind.name(), &*owner.name), ("ReplicaSet", "bad-6fb4d59ff6"));
    assert!(pod.restarts_always && !pod.is_mirror);
    assert_eq!(pod.phase, PodPhase::Running);
    assert!(pod.scheduled.unwrap().is_true);
    let ready = pod.ready.unwrap();
    assert!(!ready.is_true);
    assert_eq!(&*ready.reason, "ContainersNotReady");
    let [app] = &*pod.containers else { panic!("one container") };
    assert_eq!((app.role, app.restarts, app.ready), (Role::Main, 3, false));
    let last = app.last.as_ref().unwrap();
    assert_eq!((last.code, &*last.reason), (3, "Error"));
    let ContainerState::Terminated(exit) = &app.state else { panic!("{:?}", app.state) };
    assert_eq!((exit.code, exit.started, exit.finished), (3, at(1_795_173_270), at(1_795_173_271)));
}

#[test]
fn a_recorded_pod_tells_init_containers_from_sidecars() {
    let pod = read(include_str!("../../../tests/objects/pod_with_sidecar.json"));
    let told: Vec<_> =
        pod.containers.iter().map(|c| (&*c.name, c.role, c.has_startup_probe)).collect();
    assert_eq!(
        told,
        [
            ("migrate", Role::Init, false),
            ("sidecar", Role::Sidecar, true),
            ("app", Role::Main, false),
            ("worker", Role::Main, false),
        ]
    );
    assert_eq!(&*pod.containers[0].image, "127.0.0.1:5000/init:v2");
    let deletion = pod.meta.deletion.unwrap();
    assert_eq!((Some(deletion.at), deletion.grace_seconds), (at(1_795_173_387), 2));
    assert_eq!(pod.stamps.len(), 1);
}

#[test]
fn containers_come_in_the_order_of_the_spec_and_only_with_a_status() {
    let pod = with(
        r#"{"initContainers":[{"name":"i"}],
                "containers":[{"name":"b","image":"b:1"},{"name":"none"},{"name":"a"}]}"#,
        r#"{"containerStatuses":[{"name":"a"},{"name":"b","started":true},{"name":"stray"}]}"#,
    );
    let told: Vec<_> = pod.containers.iter().map(|c| (&*c.name, &*c.image)).collect();
    assert_eq!(told, [("b", "b:1"), ("a", "")]);
    let empty = ContainerState::Waiting { reason: Box::default(), message: Box::default() };
    assert_eq!(pod.containers[0].state, empty);
    assert!(pod.containers[0].started);
}

#[test]
fn what_is_missing_or_null_is_read_as_nothing() {
    let pod = read(&format!("{{{BARE}}}"));
    assert_eq!(
        (pod.phase, pod.node.as_deref(), pod.restarts_always),
        (PodPhase::Pending, None, true)
    );
    assert_eq!(pod.containers.len(), 0);
    assert_eq!((pod.meta.generation, pod.meta.created), (None, UnixNanos(0)));
    let nulls = r#"{"nodeName":null,"initContainers":null,"containers":null}"#;
    assert_eq!(with(nulls, r#"{"phase":null,"conditions":null}"#), pod);
    assert_eq!(with("null", "null"), pod);
}

#[test]
fn states_exits_and_large_numbers_are_read() {
    let pod = with(
        r#"{"restartPolicy":"OnFailure","containers":[{"name":"a"},{"name":"b"}]}"#,
        r#"{"phase":"Failed","reason":"Evicted","message":"low on memory",
                "conditions":[{"type":"DisruptionTarget","status":"True","reason":"PreemptionByScheduler"}],
                "containerStatuses":[
                  {"name":"a","restartCount":99999999999,"state":{"terminated":{"exitCode":137,"signal":9,
                    "reason":"OOMKilled","startedAt":"2026-11-20T11:10:32Z","finishedAt":null}}},
                  {"name":"b","restartCount":-1,"state":{"running":{"startedAt":"2026-11-20T11:10:33.5Z"}}}]}"#,
    );
    assert!(!pod.restarts_always);
    assert_eq!((pod.phase, &*pod.reason), (PodPhase::Failed, "Evicted"));
    assert_eq!(&*pod.disruption.unwrap().reason, "PreemptionByScheduler");
    assert_eq!((pod.containers[0].restarts, pod.containers[1].restarts), (u32::MAX, 0));
    let ContainerState::Terminated(exit) = &pod.containers[0].state else { panic!() };
    assert_eq!((exit.code, exit.signal, exit.started), (137, Some(9), at(1_795_173_032)));
    assert_eq!(exit.finished, None);
    let half = Some(UnixNanos(1_795_173_033_500_000_000));
    assert_eq!(pod.containers[1].state, ContainerState::Running(half));
}

// containerd: a command that is not there, StartError.
#[test]
fn the_beginning_of_unix_time_is_no_time_of_a_container() {
    let pod = with(
        r#"{"containers":[{"name":"a"}]}"#,
        r#"{"containerStatuses":[{"name":"a","state":{"terminated":{"exitCode":128,
            "reason":"StartError","startedAt":"1970-01-01T00:00:00Z","finishedAt":"2026-11-20T11:10:32Z"}}}]}"#,
    );
    let ContainerState::Terminated(exit) = &pod.containers[0].state else { panic!() };
    assert_eq!((exit.started, exit.finished), (None, at(1_795_173_032)));
}

#[test]
fn a_refusal_names_the_pod_the_key_and_what_is_expected() {
    let uid = r#""uid":"b613a6db-c794-4fa2-8969-bb858edeab57""#;
    for (json, told) in [
        ("{}".to_owned(), "Pod: metadata.uid is missing: a UUID is expected"),
        (
            format!(r#"{{"metadata":{{"name":"w",{uid},"resourceVersion":"abc"}}}}"#),
            r#"Pod w: metadata.resourceVersion is "abc": a decimal number is expected"#,
        ),
        (
            format!(r#"{{"metadata":{{"name":"w",{uid},"resourceVersion":"+5"}}}}"#),
            r#"Pod w: metadata.resourceVersion is "+5": a decimal number is expected"#,
        ),
        (
            format!(r#"{{"metadata":{{{uid},"resourceVersion":"5"}}}}"#),
            "Pod: metadata.name is missing: a name is expected",
        ),
        (
            format!(r#"{{{BARE},"spec":{{"containers":[{{"name":["a"]}}]}}}}"#),
            "Pod default/web-1: spec.containers[0].name is a list: a string is expected",
        ),
        (
            format!(r#"{{{BARE},"status":{{"conditions":[{{"lastTransitionTime":"soon"}}]}}}}"#),
            "Pod default/web-1: status.conditions[0].lastTransitionTime is \"soon\": \
                 an RFC 3339 time is expected",
        ),
        (
            format!(r#"{{"kind":"Status",{BARE}}}"#),
            r#"Pod default/web-1: kind is "Status": "Pod" is expected"#,
        ),
        ("[]".to_owned(), "Pod: metadata.uid is missing: a UUID is expected"),
    ] {
        assert_eq!(refusal(&json), told);
    }
    assert_eq!(
        refusal("{\"metadata\":{"),
        "Pod: metadata: EOF while parsing an object at line 1 column 13"
    );
    assert!(pod(b"\xff\xfe").unwrap_err().to_string().starts_with("Pod: it is not UTF-8"));
}

#[test]
fn a_refusal_never_shows_the_value_of_an_env_variable() {
    let told = refusal(&format!(
        r#"{{{BARE},"spec":{{"containers":[{{"env":[{{"name":"PIN","value":4711}}]}}]}}}}"#
    ));
    assert_eq!(
        told,
        "Pod default/web-1: spec.containers[0].env[0].value is a number: a string is expected"
    );
}

#[test]
fn strange_labels_and_annotations_never_refuse_the_pod() {
    for strange in ["5", "[1,{}]", "\"x\"", "true", "{\"a\":{\"b\":[]}}", "1.5", "-1", "null"] {
        let metadata = BARE
            .replace("\"name\"", &format!(r#""labels":{strange},"annotations":{strange},"name""#));
        assert_eq!(read(&format!("{{{metadata}}}")), with("{}", "{}"), "{strange}");
    }
    let metadata = BARE.replace(
        "\"name\"",
        r#""labels":{"app.kubernetes.io/name":5},"annotations":{
                "kubernetes.io/config.mirror":"x","tracing.k8s.io/traceparent":{"a":1},
                "traceparent":"00-no"},"name""#,
    );
    let decoded = pod(format!("{{{metadata}}}").as_bytes()).unwrap();
    let [refused] = &*decoded.refused_stamps else { panic!("{decoded:?}") };
    assert_eq!((&*refused.object, &*refused.key), ("Pod default/web-1", "traceparent"));
}

#[test]
fn the_service_is_named_by_the_first_rule_that_says_one() {
    let named = |labels: &str, annotations: &str| {
        let more = format!(r#""labels":{{{labels}}},"annotations":{{{annotations}}},"name""#);
        read(&format!("{{{}}}", BARE.replace("\"name\"", &more))).meta.service
    };
    let name = r#""app.kubernetes.io/name":"n""#;
    let both = format!(r#"{name},"app.kubernetes.io/instance":"i""#);
    let annotation = r#""resource.opentelemetry.io/service.name":"a""#;
    assert_eq!(named(&both, annotation).as_deref(), Some("a"));
    assert_eq!(named(&both, "").as_deref(), Some("i"));
    assert_eq!(named(name, "").as_deref(), Some("n"));
    assert_eq!(named("", ""), None);
}

#[test]
fn a_trace_context_in_the_env_of_a_container_is_a_stamp() {
    let pod = with(
        r#"{"containers":[{"name":"a","env":[
                {"name":"TRACEPARENT","value":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
                {"name":"TRACESTATE","value":"x=1"},
                {"name":"SECRET","valueFrom":{"secretKeyRef":{"name":"s","key":"k"}}}]}]}"#,
        "{}",
    );
    assert_eq!(&*pod.stamps[0].found, "env TRACEPARENT");
    assert_eq!(&*pod.stamps[0].context.trace_state, "x=1");
}

#[test]
fn of_an_env_variable_written_twice_the_last_value_counts() {
    let pod = with(
        r#"{"containers":[{"name":"a","env":[
                {"name":"TRACEPARENT","value":"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
                {"name":"TRACEPARENT","value":"00-0af7651916cd43dd8448eb211c80319c-00000000000000c1-01"}]}]}"#,
        "{}",
    );
    assert_eq!(pod.stamps.len(), 1);
    assert_eq!(pod.stamps[0].context.span_id.to_string(), "00000000000000c1");
}

#[test]
fn each_condition_is_found_by_its_type() {
    let all =
        ["PodScheduled", "PodReadyToStartContainers", "Initialized", "Ready", "DisruptionTarget"];
    for only in all {
        let pod = with(
            "{}",
            &format!(r#"{{"conditions":[{{"type":"{only}","status":"True","reason":"R"}}]}}"#),
        );
        let found = [pod.scheduled, pod.sandbox, pod.initialized, pod.ready, pod.disruption];
        for (expected, found) in all.into_iter().zip(found) {
            assert_eq!(found.is_some_and(|found| found.is_true), expected == only, "{only}");
        }
    }
}

#[test]
fn a_static_pod_and_finalizers_are_told() {
    let metadata = BARE.replace(
        "\"name\"",
        r#""annotations":{"kubernetes.io/config.mirror":"1"},"finalizers":["a/b","c"],
            "deletionTimestamp":"2026-11-20T11:10:32Z","name""#,
    );
    let pod = read(&format!("{{{metadata}}}"));
    assert!(pod.is_mirror);
    let deletion = pod.meta.deletion.unwrap();
    assert_eq!((Some(deletion.at), deletion.grace_seconds), (at(1_795_173_032), 0));
    assert_eq!(*deletion.finalizers, ["a/b".into(), "c".into()]);
}

#[test]
fn absurd_pods_are_kept_within_bounds() {
    let list = |n: u32, item: &dyn Fn(u32) -> String| {
        format!("[{}]", (0..n).map(item).collect::<Vec<_>>().join(","))
    };
    let many = list(10_000, &|n| format!(r#"{{"name":"c{n}"}}"#));
    let conditions = list(1_000, &|n| format!(r#"{{"type":"T{n}"}}"#));
    let pod = with(
        &format!(r#"{{"initContainers":{many},"containers":{many}}}"#),
        &format!(
            r#"{{"message":"{}\u00e9","conditions":{conditions},
                    "initContainerStatuses":{many},"containerStatuses":{many}}}"#,
            "é".repeat(1 << 19)
        ),
    );
    assert_eq!(pod.containers.len(), MAX_CONTAINERS);
    assert_eq!(pod.message.len(), 1_024);

    let megabyte = format!(r#""annotations":{{"a":"{}\n"}},"name""#, "x".repeat(1 << 20));
    read(&format!("{{{}}}", BARE.replace("\"name\"", &megabyte)));

    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(with(&format!(r#"{{"affinity":{deep}}}"#), "{}"), with("{}", "{}"));
    assert!(refusal(&deep).starts_with("Pod: "));
}

#[test]
fn the_revision_of_a_pod_is_the_label_that_its_controller_compares() {
    let labelled = |labels: &str| {
        let metadata = BARE.replace("\"name\"", &format!(r#""labels":{{{labels}}},"name""#));
        read(&format!("{{{metadata}}}")).template_hash
    };
    let set = r#""pod-template-hash":"a""#;
    let stateful = r#""controller-revision-hash":"db-b""#;
    let daemon = r#""pod-template-generation":"2""#;
    assert_eq!(labelled(set).as_deref(), Some("a"));
    assert_eq!(labelled(&[set, stateful].join(",")).as_deref(), Some("db-b"));
    assert_eq!(labelled(&[stateful, daemon, set].join(",")).as_deref(), Some("2"));
    assert_eq!(labelled(r#""app":"web""#), None);
}

#[test]
fn gates_and_claims_are_read_from_the_spec() {
    let pod = with(
        r#"{"schedulingGates":[{"name":"a"}],"readinessGates":[{"conditionType":"b"}],"volumes":[
            {"name":"data","persistentVolumeClaim":{"claimName":"data-db-0"}},
            {"name":"scratch","ephemeral":{"volumeClaimTemplate":{"spec":{}}}},
            {"name":"config","configMap":{"name":"web"}}]}"#,
        r#"{"conditions":[{"type":"ContainersReady","status":"True"}]}"#,
    );
    assert!(pod.is_gated && pod.has_readiness_gates);
    let claims: Vec<&str> = pod.claims.iter().map(|claim| &**claim).collect();
    assert_eq!(claims, ["data-db-0", "web-1-scratch"]);
    assert!(pod.containers_ready.is_some_and(|it| it.is_true));
    let none = with(r#"{"schedulingGates":[],"readinessGates":null,"volumes":null}"#, "{}");
    assert!(!none.is_gated && !none.has_readiness_gates && none.claims.is_empty());
}

#[test]
fn what_is_written_to_a_container_that_is_not_run_again_is_no_write_in_place() {
    let of = |init: &str, sidecar: &str, app: &str, cpu: &str| {
        let policy = r#""restartPolicy":"Always""#;
        let spec = format!(
            r#"{{"initContainers":[{{"name":"i","image":"{init}"}},{{"name":"s","image":"{sidecar}",{policy}}}],
                "containers":[{{"name":"a","image":"{app}","resources":{{"requests":{{"cpu":"{cpu}"}}}}}}]}}"#
        );
        with(&spec, "{}").in_place
    };
    let before = of("1", "1", "1", "1");
    assert_eq!(of("2", "1", "1", "1"), before);
    for (images, resources, after) in [
        (true, false, of("1", "2", "1", "1")),
        (true, false, of("1", "1", "2", "1")),
        (false, true, of("1", "1", "1", "2")),
    ] {
        assert_eq!(after.images != before.images, images);
        assert_eq!(after.resources != before.resources, resources);
    }
}

#[test]
fn a_kubelet_that_names_no_generation_has_seen_the_newest_once_all_containers_have_what_is_asked_for()
 {
    let of = |asked: &str, given: &str, told: &str| {
        let metadata = BARE.replace("\"name\"", r#""generation":3,"name""#);
        let pod = read(&format!(
            r#"{{{metadata},"spec":{{"initContainers":[{{"name":"i","resources":{{"limits":{{"cpu":"9"}}}}}}],
                "containers":[{{"name":"a","resources":{{"requests":{asked}}}}}]}},
                "status":{{{told}"containerStatuses":[{{"name":"a","resources":{{"requests":{given}}}}}]}}}}"#
        ));
        pod.observed
    };
    let (one, two) = (r#"{"cpu":"1","memory":"1Gi"}"#, r#"{"cpu":"2","memory":"1Gi"}"#);
    assert_eq!(of(two, one, ""), None);
    assert_eq!(of(two, two, ""), Some(3));
    assert_eq!(of(two, two, r#""observedGeneration":2,"#), Some(2), "which is said");
    assert_eq!(of("{}", "null", ""), Some(3));
    // Of a container nothing is said yet.
    let metadata = BARE.replace("\"name\"", r#""generation":3,"name""#);
    let pod = read(&format!(r#"{{{metadata},"spec":{{"containers":[{{"name":"a"}}]}}}}"#));
    assert_eq!(pod.observed, None);
}

#[test]
fn an_ephemeral_container_is_there_from_when_it_is_written() {
    let spec = r#"{"containers":[{"name":"app"}],
        "ephemeralContainers":[{"name":"shell","image":"busybox"},{"name":"trace"}]}"#;
    let status = r#"{"ephemeralContainerStatuses":[{"name":"trace","state":{"running":{}}}]}"#;
    let pod = with(spec, status);
    assert!(pod.containers.is_empty(), "of which nothing is said yet");
    let [shell, trace] = &*pod.debuggers else { panic!("{:?}", pod.debuggers) };
    assert_eq!((shell.role, &*shell.image), (Role::Ephemeral, "busybox"));
    assert!(matches!(shell.state, ContainerState::Waiting { .. }), "{:?}", shell.state);
    assert!(matches!(trace.state, ContainerState::Running(_)), "{:?}", trace.state);
}
