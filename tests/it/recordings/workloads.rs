//! Recorded clusters with other kinds than Deployments.

use lifespan::facts::span::{FinishedSpan, Value};

use super::{below, check, ends, root, takes};
use crate::support::checks::{flag, outcome, outline, show, text};

/// Whether `span` lies below `above`, in any depth.
fn is_below(spans: &[FinishedSpan], span: &FinishedSpan, above: &FinishedSpan) -> bool {
    let parent = |span: &&FinishedSpan| {
        spans.iter().find(|it| it.trace_id == span.trace_id && Some(it.span_id) == span.parent)
    };
    std::iter::successors(parent(&span), parent).any(|it| it.span_id == above.span_id)
}

fn number(span: &FinishedSpan, key: &str) -> Option<i64> {
    span.attributes.iter().find(|(known, _)| *known == key).and_then(|(_, value)| match value {
        Value::Int(number) => Some(*number),
        Value::Str(_) | Value::Bool(_) | Value::List(_) => None,
    })
}

#[test]
fn r12_a_job_succeeds() {
    let spans = check(
        "12",
        &["run Job: completed, stamp, stamp | 1 start Pod | 1 run Pod | 1 run container"],
    );
    let job = root(&spans, "run Job", 0);
    let pod = below(&spans, job, "run Pod")[0];
    for name in ["start Pod", "run container"] {
        assert_eq!(below(&spans, job, name)[0].parent, Some(pod.span_id), "{}", outline(&spans));
    }
    assert_eq!(number(below(&spans, job, "run container")[0], "lifespan.exit_code"), Some(0));
}

#[test]
fn r13_a_job_fails_twice() {
    let spans = check(
        "13",
        &[
            "run Job: failed BackoffLimitExceeded, stamp, stamp | 2 start Pod | 2 run Pod | 2 run container",
        ],
    );
    let job = root(&spans, "run Job", 0);
    assert_eq!(ends(&below(&spans, job, "run Pod")), ["failed Error", "failed Error"]);
    for pod in below(&spans, job, "run Pod") {
        assert_eq!(number(pod, "lifespan.exit_code"), Some(7), "{}", show(pod));
    }
}

#[test]
fn r14_a_stateful_set_goes_one_by_one() {
    let spans = check(
        "14",
        &[
            "create StatefulSet: completed, stamp | 3 start Pod",
            "update StatefulSet: completed, stamp | 3 start Pod | 3 terminate Pod",
            "delete StatefulSet: completed | 3 terminate Pod",
        ],
    );
    let names = |root: &FinishedSpan, name: &str| -> Vec<String> {
        below(&spans, root, name).iter().map(|span| span.object.name.to_string()).collect()
    };
    let create = root(&spans, "create StatefulSet", 0);
    assert_eq!(names(create, "start Pod"), ["db-0", "db-1", "db-2"]);
    let update = root(&spans, "update StatefulSet", 0);
    let (gone, new) = (below(&spans, update, "terminate Pod"), below(&spans, update, "start Pod"));
    assert_eq!(names(update, "terminate Pod"), ["db-2", "db-1", "db-0"]);
    for (gone, new) in gone.iter().zip(&new) {
        assert_eq!(gone.object.name, new.object.name);
        assert!(gone.object.uid != new.object.uid && gone.end <= new.start, "{}", show(new));
    }
    let waited: i64 = gone.iter().map(|span| span.end.since(span.start).millis()).sum();
    assert!(waited * 3 > update.end.since(update.start).millis(), "{waited} ms");
}

#[test]
fn r15_a_daemon_set_is_done_before_its_old_pod_is_gone() {
    let spans = check(
        "15",
        &[
            "create DaemonSet: completed, stamp | 1 start Pod",
            "update DaemonSet: completed, stamp | 1 start Pod | 1 terminate Pod",
            "delete DaemonSet: completed | 1 terminate Pod",
        ],
    );
    let update = root(&spans, "update DaemonSet", 0);
    takes(update, 1.34, 0.1);
    let gone = below(&spans, update, "terminate Pod")[0];
    takes(gone, 1.95, 0.1);
    assert!(gone.end > update.end, "it outlives the update");
}

#[test]
fn r17_a_cron_job_runs_once() {
    let spans = check(
        "17",
        &[
            "create CronJob: completed",
            "run Job: completed | 1 start Pod | 1 run Pod | 1 run container",
            "delete CronJob: completed",
        ],
    );
    let lag = number(root(&spans, "run Job", 0), "lifespan.schedule.lag_ms");
    assert!(lag.is_some_and(|ms| (0..1_000).contains(&ms)), "{lag:?}");
}

#[test]
fn r18_a_train_job_runs_a_job_set_that_runs_a_job() {
    let expected = "run TrainJob: completed, stamp | 2 start Pod | 1 run JobSet | 1 run Job | 2 run Pod | 2 run container";
    let spans = check("18", &[expected]);
    chain(&spans);
}

/// TrainJob over JobSet over Job over Pods.
fn chain(spans: &[FinishedSpan]) {
    let train = root(spans, "run TrainJob", 0);
    let job_set = below(spans, train, "run JobSet")[0];
    let job = below(spans, train, "run Job")[0];
    assert_eq!(job_set.parent, Some(train.span_id));
    assert_eq!(job.parent, Some(job_set.span_id));
    for pod in below(spans, train, "run Pod") {
        assert_eq!(pod.parent, Some(job.span_id), "{}", outline(spans));
    }
}

#[test]
fn r25_a_node_joins_and_leaves() {
    let spans = check(
        "25",
        &[
            "create DaemonSet: completed, stamp",
            "scale DaemonSet: completed | 1 start Pod",
            "scale DaemonSet: completed | 1 terminate Pod",
            "delete DaemonSet: completed",
        ],
    );
    for (place, (from, to)) in [(0, (0, 1)), (1, (1, 0))] {
        let scale = root(&spans, "scale DaemonSet", place);
        assert!(text(scale, "lifespan.cause").starts_with("pods:"), "{}", show(scale));
        let (told_from, told_to) =
            (number(scale, "lifespan.replicas.from"), number(scale, "lifespan.replicas.to"));
        assert_eq!((told_from, told_to), (Some(from), Some(to)));
    }
}

#[test]
fn r26_partitions_and_pods_replaced_by_hand() {
    let spans = check(
        "26",
        &[
            "create StatefulSet: completed, stamp | 3 start Pod",
            "update StatefulSet: completed, stale",
            "update StatefulSet: completed, stale | 1 start Pod | 1 terminate Pod",
            "update StatefulSet: completed, stale | 2 start Pod | 2 terminate Pod",
            "update StatefulSet: completed, stale",
            "update StatefulSet: completed, stale",
            "update StatefulSet: completed, follows | 3 start Pod | 3 terminate Pod",
            "delete StatefulSet: completed | 3 terminate Pod",
        ],
    );
    let by_hand = root(&spans, "update StatefulSet", 5);
    assert!(text(by_hand, "lifespan.cause").starts_with("pods:"), "{}", show(by_hand));
    let before = root(&spans, "update StatefulSet", 4);
    assert_eq!(by_hand.links[0].trace_id, before.trace_id);
    assert!(!flag(by_hand, "lifespan.context.stale"));
    let lowered = root(&spans, "update StatefulSet", 2);
    let order: Vec<_> =
        below(&spans, lowered, "start Pod").iter().map(|it| it.object.name.to_string()).collect();
    assert_eq!(order, ["db-1", "db-0"]);
}

#[test]
fn r27_kubeflow_trains() {
    let expected = "run TrainJob: completed, stamp | 2 start Pod | 1 run JobSet | 1 run Job | 2 run Pod | 2 run container";
    let spans = check("27", &[expected]);
    chain(&spans);
    takes(root(&spans, "run TrainJob", 0), 7.7, 0.1);
}

#[test]
fn r28_tekton_builds_in_the_trace_of_its_stamp() {
    let expected = "run PipelineRun: completed, parent | 3 start Pod | 3 run init container | 3 run TaskRun | 3 run Pod | 4 run container";
    let spans = check("28", &[expected]);
    let pipeline = root(&spans, "run PipelineRun", 0);
    takes(pipeline, 10.0, 0.1);
    let goals = pipeline.events.iter().filter(|event| event.name == "goal changed");
    assert_eq!(goals.count(), 1, "the controller's defaulting");
    for task in below(&spans, pipeline, "run TaskRun") {
        assert_eq!((task.parent, outcome(task)), (Some(pipeline.span_id), "completed"));
        assert!(task.links.is_empty(), "its own stamp is of the same trace");
        let pods = below(&spans, pipeline, "run Pod");
        assert_eq!(pods.iter().filter(|pod| is_below(&spans, pod, task)).count(), 1);
    }
}

#[test]
fn r29_argo_rolls_out_a_canary() {
    let spans = check(
        "29",
        &[
            "create Rollout: completed, stamp | 1 create ReplicaSet | 4 start Pod",
            "update Rollout: completed, stamp | 1 create ReplicaSet | 1 scale ReplicaSet | 4 start Pod | 4 terminate Pod",
            "delete Rollout: completed | 1 delete ReplicaSet | 4 terminate Pod",
        ],
    );
    let named = |root: &FinishedSpan, name: &str| {
        root.events.iter().filter(|event| event.name == name).count()
    };
    assert_eq!(named(root(&spans, "create Rollout", 0), "goal changed"), 1);
    assert!(named(root(&spans, "update Rollout", 0), "step changed") >= 4);
}
