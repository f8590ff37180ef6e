//! Pods that a workload is refused: quota and admission (DESIGN §4.5, FACTS §1.3).

use expect_test::expect;

use super::tree::check;

// ReplicaFailure/FailedCreate (`pkg/controller/replicaset/replica_set_utils.go`).
#[test]
fn a_quota_that_refuses_pods_is_told_by_the_condition_of_the_replica_set() {
    check(
        "
        @0 list
        @1   deploy web replicas=1 by=kubectl
        @1.1 rs web-1 of=web replicas=1
        @1.2 rs web-1 refused=FailedCreate
        @20  deploy web deadline
        @50 wait
        ",
        expect![[r#"
            create Deployment web 1..20 failed ERROR ProgressDeadlineExceeded: it took too long (FailedCreate: quota exceeded) {cause=spec:1, manager=kubectl}
              create ReplicaSet web-1 1.1..20 unfinished ERROR FailedCreate: quota exceeded {replicas.from=0, replicas.to=1}
        "#]],
    );
}

// StatefulSets and DaemonSets have no conditions
// (`pkg/controller/statefulset/stateful_pod_control.go`).
#[test]
fn a_quota_that_refuses_pods_is_told_by_an_event_where_no_condition_is() {
    check(
        "
        @0 list
        @1   sts db replicas=1 by=kubectl
        @2   event sts/db FailedCreate warning said=exceeded_quota:_pods
        @20  sts db replicas=0 image=v2 by=kubectl
        @21  sts db status=0/0/0
        @50 wait
        ",
        expect![[r#"
            create StatefulSet db 1..20 superseded ERROR FailedCreate: exceeded quota: pods {cause=spec:1, manager=kubectl}
              * 2 FailedCreate event.type=Warning
              await retry db 2..20 unfinished {reason=FailedCreate}
            update StatefulSet db 20..21 completed {cause=spec:2, manager=kubectl, changed=replicas+template.spec.containers[app].image}
              -> supersedes create StatefulSet spec:1
        "#]],
    );
}

#[test]
fn a_job_whose_pods_are_refused_says_so_when_it_times_out() {
    check(
        "
        set max_run_seconds=60
        @0 list
        @1   job load by=kubectl
        @2   event job/load FailedCreate warning said=exceeded_quota:_pods
        @100 wait
        ",
        expect![[r#"
            run Job load 1..61 timed_out ERROR FailedCreate: exceeded quota: pods {cause=spec:1, manager=kubectl}
              * 2 FailedCreate event.type=Warning
              await retry load 2..61 unfinished {reason=FailedCreate}
        "#]],
    );
}

#[test]
fn a_quota_deep_below_is_told_on_every_span_above_it() {
    check(
        "
        @0 list
        @1   cr JobSet.x-k8s train mode=run by=kubectl
        @1.1 job train-0 of=JobSet.x-k8s/train
        @2   event job/train-0 FailedCreate warning said=exceeded_quota:_pods
        @20  job train-0 failed=DeadlineExceeded said=too_long
        @21  cr JobSet.x-k8s train failed=FailedJobs said=a_job_has_failed
        @50 wait
        ",
        expect![[r#"
            run JobSet train 1..21 failed ERROR FailedJobs: a job has failed (FailedCreate: exceeded quota: pods) {cause=spec:1, manager=kubectl}
              run Job train-0 1.1..20 failed ERROR DeadlineExceeded: too long (FailedCreate: exceeded quota: pods)
                * 2 FailedCreate event.type=Warning
                await retry train-0 2..20 unfinished {reason=FailedCreate}
        "#]],
    );
}

#[test]
fn a_refused_pod_that_came_in_the_end_is_no_cause() {
    check(
        "
        @0 list
        @1   deploy web replicas=1 by=kubectl
        @1.1 rs web-1 of=web replicas=1
        @1.2 rs web-1 refused=FailedCreate
        @5   pod a of=web-1
        @6   pod a running ready
        @6.1 rs web-1 status=1/1
        @6.2 deploy web status=1/1/1
        @50 wait
        ",
        expect![[r#"
            create Deployment web 1..6.2 completed {cause=spec:1, manager=kubectl}
              create ReplicaSet web-1 1.1..6.1 completed {replicas.from=0, replicas.to=1}
                start Pod a 5..6 completed
        "#]],
    );
}

// Its Deployment says it too, but later or never, and by the time all is well again nobody does.
#[test]
fn a_recovery_says_what_stood_in_the_way_of_the_lost_pods_replacement() {
    check(
        "
        @0 settled web a
        @5   pod a going grace=1
        @5.1 rs web-1 refused=FailedCreate
        @6   pod a gone
        @40  rs web-1 status=0/0
        @40.1 pod b of=web-1
        @42  pod b running ready
        @42.1 rs web-1 status=1/1
        @90 wait
        ",
        expect![[r#"
            recover Deployment web 5..42 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000005, blocked.reason=FailedCreate}
              terminate Pod a 5..6 completed
              start Pod b 40.1..42 completed
        "#]],
    );
}

#[test]
fn a_recovery_says_that_its_pod_fitted_no_node() {
    check(
        "
        @0 settled web a
        @5   pod a going grace=1
        @5.1 pod b of=web-1
        @5.2 pod b unschedulable
        @6   pod a gone
        @40  pod b scheduled
        @42  pod b running ready
        @42.1 rs web-1 status=1/1
        @90 wait
        ",
        expect![[r#"
            recover Deployment web 5..42 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000005, blocked.reason=Unschedulable}
              terminate Pod a 5..6 completed
              start Pod b 5.1..42 completed
        "#]],
    );
}

#[test]
fn a_deadline_is_told_with_what_its_pod_ran_into() {
    check(
        "
        @0 settled web a
        @5   deploy web image=v2 by=kubectl
        @5.1 rs web-2 of=web replicas=1 image=v2
        @5.2 pod b of=web-2
        @5.3 pod b scheduled
        @6   pod b waiting=CreateContainerConfigError said=secret_not_found
        @20  deploy web deadline
        @50 wait
        ",
        expect![[r#"
            update Deployment web 5..20 failed ERROR ProgressDeadlineExceeded: it took too long (CreateContainerConfigError: container app: secret not found) {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              create ReplicaSet web-2 5.1..20 unfinished ERROR CreateContainerConfigError: container app: secret not found {replicas.from=0, replicas.to=1}
                start Pod b 5.2..20 unfinished ERROR CreateContainerConfigError: container app: secret not found
                  prepare Pod sandbox b 5.3..20 unfinished
        "#]],
    );
}

#[test]
fn a_failed_pod_that_its_daemon_set_replaces_is_no_refusal() {
    check(
        "
        @0 settled ds/agent a1
        @20  pod a1 exit=137 failed=Evicted
        @20.1 event ds/agent FailedDaemonPod warning said=Found_failed_daemon_pod
        @20.2 pod a1 going grace=30
        @20.3 pod a1 gone
        @20.4 pod a2 of=ds/agent revision=r1
        @22  pod a2 running ready
        @60 wait
        ",
        expect![[r#"
            recover DaemonSet agent 20..22 completed {cause=pods:6b371653-833c-64bf-6f4a-d73bdefbb03b:1700000020, reason=Evicted}
              * 20.1 FailedDaemonPod event.type=Warning
              start Pod a2 20.4..22 completed
        "#]],
    );
}
