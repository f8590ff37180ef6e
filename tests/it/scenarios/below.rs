//! DESIGN §4: what stands below the root.

use expect_test::expect;

use super::tree::{check, check_counts, check_full};

#[test]
fn a_replica_set_has_one_span_and_its_further_writes_are_events() {
    check(
        "
        @0 list
        @1   deploy web replicas=3 by=kubectl
        @1.1 rs web-1 of=web replicas=1
        @1.2 pod a of=web-1
        @1.5 rs web-1 replicas=2
        @1.6 pod b of=web-1
        @1.9 rs web-1 replicas=3
        @2   pod c of=web-1
        @3   pod a running ready
        @3.1 pod b running ready
        @3.2 pod c running ready
        @3.3 rs web-1 status=3/3
        @3.4 deploy web status=3/3/3
        @30 wait
        ",
        expect![[r#"
            create Deployment web 1..3.4 completed {cause=spec:1, manager=kubectl}
              create ReplicaSet web-1 1.1..3.3 completed {replicas.from=0, replicas.to=3}
                * 1.5 replicas changed replicas.from=1 replicas.to=2
                * 1.9 replicas changed replicas.from=2 replicas.to=3
                start Pod a 1.2..3 completed
                start Pod b 1.6..3.1 completed
                start Pod c 2..3.2 completed
        "#]],
    );
}

#[test]
fn a_replica_set_whose_replicas_were_not_written_has_no_span() {
    check(
        "
        @0 settled web a
        @5   pod a going grace=30
        @5.1 pod b of=web-1
        @5.2 rs web-1 status=1/0
        @6   pod a gone
        @7   pod b running ready
        @7.1 rs web-1 status=1/1
        @60 wait
        ",
        expect![[r#"
            recover Deployment web 5..7 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000005}
              terminate Pod a 5..6 completed
              start Pod b 5.1..7 completed
        "#]],
    );
}

#[test]
fn a_replica_set_settles_when_it_last_did_before_the_end() {
    check(
        "
        @0 list
        @1   deploy web replicas=1 by=kubectl
        @1.1 rs web-1 of=web replicas=1
        @1.2 pod a of=web-1
        @2   pod a running ready
        @2.1 rs web-1 status=1/1
        @3   pod a unready
        @3.1 rs web-1 status=1/0
        @4   pod a ready
        @4.1 rs web-1 status=1/1
        @5   deploy web status=1/1/1
        @30 wait
        ",
        expect![[r#"
            create Deployment web 1..5 completed {cause=spec:1, manager=kubectl}
              create ReplicaSet web-1 1.1..4.1 completed {replicas.from=0, replicas.to=1}
                start Pod a 1.2..2 completed
        "#]],
    );
}

#[test]
fn a_start_that_fails_or_is_deleted_before_ready_says_so() {
    check(
        "
        @0 list
        @1   deploy web replicas=1 by=kubectl
        @1.1 rs web-1 of=web replicas=1
        @1.2 pod a of=web-1
        @1.3 pod a scheduled
        @2   pod a failed=OutOfcpu
        @2.1 pod b of=web-1
        @3   pod b going grace=0
        @3.1 pod b gone
        @3.2 pod c of=web-1
        @4   pod c running ready
        @4.1 rs web-1 status=1/1
        @4.2 deploy web status=1/1/1
        @30 wait
        ",
        expect![[r#"
            create Deployment web 1..4.2 completed {cause=spec:1, manager=kubectl}
              create ReplicaSet web-1 1.1..4.1 completed {replicas.from=0, replicas.to=1}
                start Pod a 1.2..2 failed ERROR OutOfcpu: the Pod has failed
                start Pod b 2.1..3 deleted
                terminate Pod b 3..3.1 completed
                start Pod c 3.2..4 completed
        "#]],
    );
}

#[test]
fn the_phases_of_a_start_are_siblings() {
    check_full(
        "
        @0 list
        @1    pod solo containers=init:setup,sidecar:proxy,app
        @1.1  pod solo scheduled
        @1.2  pod solo sandbox
        @1.4  event pod/solo Pulled setup took=100ms
        @1.5  pod solo setup:running
        @3    pod solo setup:exit=0
        @3.1  event pod/solo Pulled proxy there
        @3.3  pod solo proxy:running
        @3.5  event pod/solo Pulled app took=150ms
        @3.7  pod solo app:running
        @5    pod solo ready
        @30 wait
        ",
        expect![[r#"
            start Pod solo 1..5 completed {cause=spec:1, start.source=watch, end.source=watch}
              * 1.4 Pulled container.name=setup
              * 3.1 Pulled container.name=proxy
              * 3.5 Pulled container.name=app
              schedule Pod solo 1..1.1 {actor=scheduler, start.source=watch, end.source=watch, time.uncertainty_ms=100}
              prepare Pod sandbox solo 1.1..1.2 {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=200}
              pull image solo [setup] 1.3..1.4 {actor=kubelet, start.source=event, end.source=event}
              run init container solo [setup] 1.4..3 {actor=kubelet, start.source=event, end.source=watch}
              start sidecar solo [proxy] 3.1..3.3 {actor=kubelet, start.source=event, end.source=watch, time.uncertainty_ms=200}
              pull image solo [app] 3.35..3.5 {actor=kubelet, start.source=event, end.source=event}
              start container solo [app] 3.5..3.7 {actor=kubelet, start.source=event, end.source=watch, time.uncertainty_ms=199}
              await readiness solo 3.7..5 {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=199}
        "#]],
    );
}

#[test]
fn a_sidecar_starts_until_it_has_started() {
    check_full(
        "
        @0 list
        @1    pod solo containers=sidecar:proxy,app
        @1.1  pod solo scheduled
        @1.2  pod solo sandbox
        @1.3  pod solo proxy:probe proxy:running
        @4.2  pod solo proxy:started
        @4.5  pod solo app:running
        @5    pod solo ready
        @30 wait
        ",
        expect![[r#"
            start Pod solo 1..5 completed {cause=spec:1, start.source=watch, end.source=watch}
              schedule Pod solo 1..1.1 {actor=scheduler, start.source=watch, end.source=watch, time.uncertainty_ms=100}
              prepare Pod sandbox solo 1.1..1.2 {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=200}
              start sidecar solo [proxy] 1.2..4.2 {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=3200}
              start container solo [app] 4.2..4.5 {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=3200}
              await readiness solo 4.5..5 {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=499}
        "#]],
    );
}

#[test]
fn a_restart_before_ready_stands_below_the_start() {
    check(
        "
        @0 list
        @1   deploy web replicas=1 by=kubectl
        @1.1 rs web-1 of=web replicas=1
        @1.2 pod a of=web-1
        @1.3 pod a scheduled
        @2   pod a running
        @3   pod a exit=1
        @3.1 pod a crash
        @5   pod a running
        @6   pod a ready
        @6.1 rs web-1 status=1/1
        @6.2 deploy web status=1/1/1
        @30 wait
        ",
        expect![[r#"
            create Deployment web 1..6.2 completed {cause=spec:1, manager=kubectl}
              create ReplicaSet web-1 1.1..6.1 completed {replicas.from=0, replicas.to=1}
                start Pod a 1.2..6 completed
                  restart container a [app] 3..5 completed {reason=Error, exit_code=1}
        "#]],
    );
}

#[test]
fn a_restart_after_ready_stands_below_the_root_until_ready_again() {
    check(
        "
        @0 settled web a
        @1   deploy web replicas=2 by=kubectl
        @1.1 rs web-1 replicas=2
        @1.2 pod b of=web-1
        @2   pod a exit=137
        @3   pod a running
        @5   pod a ready
        @6   pod b running ready
        @6.1 rs web-1 status=2/2
        @6.2 deploy web status=2/2/2
        @30 wait
        ",
        expect![[r#"
            scale Deployment web 1..6.2 completed {cause=spec:2, manager=kubectl, changed=replicas}
              scale ReplicaSet web-1 1.1..6.1 completed {replicas.from=1, replicas.to=2}
                start Pod b 1.2..6 completed
              restart container a [app] 2..5 completed {reason=Error, exit_code=137}
        "#]],
    );
}

#[test]
fn a_termination_says_why_and_how_its_containers_ended() {
    check(
        "
        @0 settled web a b c d
        @1   deploy web replicas=2 by=kubectl
        @1.1 rs web-1 replicas=2
        @1.2 pod a going grace=30
        @1.3 pod b going grace=2
        @2   pod a exit=0
        @3   pod a gone
        @3.5 pod b exit=137
        @4   pod b gone
        @4.1 rs web-1 status=2/2
        @4.2 deploy web status=2/2/2
        @40  pod c disrupted=EvictionByEvictionAPI
        @40.1 pod c going grace=30
        @40.2 pod e of=web-1
        @41  pod c gone
        @42  pod e running ready
        @80  pod d disrupted=PreemptionByScheduler
        @80.1 pod d going grace=30
        @80.2 pod f of=web-1
        @81  pod d gone
        @82  pod f running ready
        @120 pod e disrupted=DeletionByPodGC
        @120.1 pod e going grace=0
        @120.2 pod g of=web-1
        @121 pod e gone
        @122 pod g running ready
        @160 wait
        ",
        expect![[r#"
            scale Deployment web 1..4.2 completed {cause=spec:2, manager=kubectl, changed=replicas}
              scale ReplicaSet web-1 1.1..4.1 completed {replicas.from=4, replicas.to=2}
                terminate Pod a 1.2..3 completed {reason=scaled down, exit_codes=app=0}
                terminate Pod b 1.3..4 completed {reason=scaled down, forced, exit_codes=app=137}
            recover Deployment web 40.1..42 completed {cause=pods:f6ab8143-a283-d94f-7081-74e62f081fa6:1700000040, reason=Evicted}
              terminate Pod c 40.1..41 completed {reason=evicted by the API}
              start Pod e 40.2..42 completed
            recover Deployment web 80.1..82 completed {cause=pods:f6ab8143-a583-d94f-7081-74e62f082357:1700000080, reason=Preempted}
              terminate Pod d 80.1..81 completed {reason=preempted}
              start Pod f 80.2..82 completed
            recover Deployment web 120.1..122 completed {cause=pods:f6ab8143-a483-d94f-7081-74e62f08221c:1700000120, reason=NodeLost}
              terminate Pod e 120.1..121 completed {reason=node lost}
              start Pod g 120.2..122 completed
        "#]],
    );
}

#[test]
fn exit_137_before_the_end_of_the_grace_is_not_forced_and_no_termination_is_an_error() {
    check(
        "
        @0 settled web a
        @1   deploy web replicas=0 by=kubectl
        @1.1 rs web-1 replicas=0
        @1.2 pod a going grace=30
        @2   pod a exit=137
        @3   pod a gone
        @3.1 rs web-1 status=0/0
        @3.2 deploy web status=0/0/0
        @30 wait
        ",
        expect![[r#"
            scale Deployment web 1..3.2 completed {cause=spec:2, manager=kubectl, changed=replicas}
              scale ReplicaSet web-1 1.1..3.1 completed {replicas.from=1, replicas.to=0}
                terminate Pod a 1.2..3 completed {reason=scaled down, exit_codes=app=137}
        "#]],
    );
}

#[test]
fn a_termination_may_outlive_its_rollout_and_the_root_counts_it() {
    check(
        "
        @0 settled web a
        @1    deploy web image=v2 by=kubectl
        @1.1  rs web-2 of=web replicas=1 image=v2
        @1.2  pod b of=web-2
        @1.3  pod b scheduled
        @3    pod b running ready
        @3.1  rs web-1 replicas=0
        @3.2  pod a going grace=30
        @3.25 rs web-1 status=0/0
        @3.3  rs web-2 status=1/1
        @3.4  deploy web status=1/1/1 reason=NewReplicaSetAvailable
        @30 pod a gone
        @60 wait
        ",
        expect![[r#"
            update Deployment web 1..3.4 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image, pods.terminating=1}
              create ReplicaSet web-2 1.1..3.3 completed {replicas.from=0, replicas.to=1}
                start Pod b 1.2..3 completed
              scale ReplicaSet web-1 3.1..3.25 completed {replicas.from=1, replicas.to=0}
                terminate Pod a 3.2..30 completed {reason=scaled down}
        "#]],
    );
}

#[test]
fn what_is_open_when_a_rollout_is_cut_off_ends_with_it_unfinished() {
    check_full(
        "
        @0 settled web a
        @1    deploy web image=v2 by=kubectl
        @1.1  rs web-2 of=web replicas=1 image=v2
        @1.2  pod b of=web-2
        @1.3  pod b scheduled
        @1.5 pod b running
        @2   deploy web image=v3 by=kubectl
        @2.5 pod b ready
        @2.6 rs web-2 status=1/1
        @3   deploy web status=1/1/1
        @30 wait
        ",
        expect![[r#"
            update Deployment web 1..2 superseded {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image, start.source=watch, end.source=watch}
              create ReplicaSet web-2 1.1..2 unfinished {replicas.from=0, replicas.to=1, actor=controller, start.source=watch, end.source=watch, time.uncertainty_ms=100}
                start Pod b 1.2..2 unfinished {start.source=watch, end.source=watch, time.uncertainty_ms=200}
                  schedule Pod b 1.2..1.3 {actor=scheduler, start.source=watch, end.source=watch, time.uncertainty_ms=300}
                  prepare Pod sandbox b 1.3..1.5 {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=499}
                  start container b [app] 1.5..1.5 {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=499}
                  await readiness b 1.5..2 unfinished {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=499}
            update Deployment web 2..3 completed {cause=spec:3, manager=kubectl, changed=template.spec.containers[app].image, start.source=watch, end.source=watch}
              -> supersedes update Deployment spec:2
        "#]],
    );
}

#[test]
fn a_bad_image_that_is_superseded_is_an_error_with_its_cause() {
    check(
        "
        @0 settled web a
        @1    deploy web image=v2 by=kubectl
        @1.1  rs web-2 of=web replicas=1 image=v2
        @1.2  pod b of=web-2
        @1.3  pod b scheduled
        @2   pod b waiting=ErrImagePull
        @2.5 pod b waiting=ImagePullBackOff
        @9   deploy web image=v3 by=kubectl
        @10  deploy web status=1/1/1
        @30 wait
        ",
        expect![[r#"
            update Deployment web 1..9 superseded ERROR ErrImagePull: container app: it is so {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              create ReplicaSet web-2 1.1..9 unfinished ERROR ErrImagePull: container app: it is so {replicas.from=0, replicas.to=1}
                start Pod b 1.2..9 unfinished ERROR ErrImagePull: container app: it is so
                  prepare Pod sandbox b 1.3..9 unfinished
            update Deployment web 9..10 completed {cause=spec:3, manager=kubectl, changed=template.spec.containers[app].image}
              -> supersedes update Deployment spec:2
        "#]],
    );
}

#[test]
fn a_container_that_ended_in_error_after_a_restart_counts_as_a_crash_loop() {
    check(
        "
        @0 settled web a
        @1    deploy web image=v2 by=kubectl
        @1.1  rs web-2 of=web replicas=1 image=v2
        @1.2  pod b of=web-2
        @1.3  pod b scheduled
        @2   pod b running
        @3   pod b exit=1
        @4   pod b running
        @5   pod b exit=1
        @9   deploy web image=v3 by=kubectl
        @10  deploy web status=1/1/1
        @30 wait
        ",
        expect![[r#"
            update Deployment web 1..9 superseded ERROR CrashLoopBackOff: container app exited with 1 {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image, exit_code=1}
              create ReplicaSet web-2 1.1..9 unfinished ERROR CrashLoopBackOff: container app exited with 1 {replicas.from=0, replicas.to=1}
                start Pod b 1.2..9 unfinished ERROR CrashLoopBackOff: container app exited with 1 {exit_code=1}
                  await readiness b 2..9 unfinished
                  restart container b [app] 3..4 completed {reason=Error, exit_code=1}
                  restart container b [app] 5..9 unfinished ERROR CrashLoopBackOff: container app exited with 1 {reason=Error, exit_code=1}
            update Deployment web 9..10 completed {cause=spec:3, manager=kubectl, changed=template.spec.containers[app].image}
              -> supersedes update Deployment spec:2
        "#]],
    );
}

#[test]
fn a_pod_that_cannot_be_scheduled_when_all_is_deleted_is_an_error() {
    check(
        "
        @0 list
        @1   deploy web replicas=1 by=kubectl
        @1.1 rs web-1 of=web replicas=1
        @1.2 pod a of=web-1
        @1.3 pod a unschedulable
        @9   deploy web gone
        @9.1 rs web-1 gone
        @9.2 pod a gone
        @30 wait
        ",
        expect![[r#"
            create Deployment web 1..9 deleted ERROR Unschedulable: it is so {cause=spec:1, manager=kubectl}
              create ReplicaSet web-1 1.1..9 unfinished ERROR Unschedulable: it is so {replicas.from=0, replicas.to=1}
                start Pod a 1.2..9 unfinished ERROR Unschedulable: it is so
                  schedule Pod a 1.2..9 unfinished
            delete Deployment web 9..9.2 completed {cause=delete}
              -> supersedes create Deployment spec:1
              delete ReplicaSet web-1 9.1..9.2 completed
                terminate Pod a 9.2..9.2 completed
        "#]],
    );
}

#[test]
fn errors_inside_what_completed_do_not_mark_it() {
    check(
        "
        @0 list
        @1   deploy web replicas=1 by=kubectl
        @1.1 rs web-1 of=web replicas=1
        @1.2 pod a of=web-1
        @1.3 pod a scheduled
        @2   pod a waiting=ErrImagePull
        @5   pod a running
        @6   pod a ready
        @6.1 rs web-1 status=1/1
        @6.2 deploy web status=1/1/1
        @30 wait
        ",
        expect![[r#"
            create Deployment web 1..6.2 completed {cause=spec:1, manager=kubectl}
              create ReplicaSet web-1 1.1..6.1 completed {replicas.from=0, replicas.to=1}
                start Pod a 1.2..6 completed
        "#]],
    );
}

#[test]
fn a_replica_set_that_may_create_no_pods_says_why() {
    check(
        "
        @0 list
        @1   deploy web replicas=1 by=kubectl
        @1.1 rs web-1 of=web replicas=1
        @1.2 rs web-1 status=0/0 refused=FailedCreate
        @601 deploy web deadline
        @630 wait
        ",
        expect![[r#"
            create Deployment web 1..601 failed ERROR ProgressDeadlineExceeded: it took too long (FailedCreate: quota exceeded) {cause=spec:1, manager=kubectl}
              create ReplicaSet web-1 1.1..601 unfinished ERROR FailedCreate: quota exceeded {replicas.from=0, replicas.to=1}
        "#]],
    );
}

#[test]
fn beyond_max_pods_only_the_telling_ones_keep_their_spans() {
    check(
        "
        set max_pods_per_trace=2
        @0 list
        @1   deploy web replicas=7 by=kubectl
        @1.1 rs web-1 of=web replicas=7
        @2   pod a of=web-1
        @3   pod b of=web-1
        @4   pod c of=web-1
        @5   pod d of=web-1
        @6   pod e of=web-1
        @7   pod f of=web-1
        @8   pod g of=web-1
        @10  pod a running ready
        @11  pod b running ready
        @12  pod c running ready
        @15  pod d running ready
        @15.1 pod e waiting=ErrImagePull
        @15.2 pod g running ready
        @16  pod f running ready
        @20  deploy web gone
        @21  rs web-1 gone
        @30 wait
        ",
        expect![[r#"
            create Deployment web 1..20 deleted ERROR ErrImagePull: container app: it is so {cause=spec:1, manager=kubectl}
              create ReplicaSet web-1 1.1..20 unfinished ERROR ErrImagePull: container app: it is so {replicas.from=0, replicas.to=7, pods.omitted=2}
                start Pod a 2..10 completed
                start Pod b 3..11 completed
                start Pod d 5..15 completed
                start Pod e 6..20 unfinished ERROR ErrImagePull: container app: it is so
                  schedule Pod e 6..20 unfinished
                start Pod f 7..16 completed
            open: delete Deployment web delete
        "#]],
    );
}

#[test]
fn events_become_span_events_once_per_count() {
    check_counts(
        "
        @0 list
        @1   deploy web replicas=1 by=kubectl
        @1.1 rs web-1 of=web replicas=1
        @1.15 event deploy/web ScalingReplicaSet
        @1.2 pod a of=web-1
        @1.3 event pod/a FailedMount warning
        @1.4 event pod/a FailedMount warning
        @2.4 event pod/a FailedMount warning count=2
        @3   pod a running ready
        @3.1 rs web-1 status=1/1
        @3.2 deploy web status=1/1/1
        @4   event pod/other Killing
        @30 wait
        ",
        expect![[r#"
            create Deployment web 1..3.2 completed {cause=spec:1, manager=kubectl}
              * 1.15 ScalingReplicaSet
              create ReplicaSet web-1 1.1..3.1 completed {replicas.from=0, replicas.to=1}
                start Pod a 1.2..3 completed
                  * 1.3 FailedMount event.type=Warning
                  * 2.4 FailedMount event.count=2 event.type=Warning
            counted: churn 1, strange events 1
        "#]],
    );
}

#[test]
fn a_replica_set_below_a_delete_goes_until_all_below_it_is_gone() {
    check(
        "
        @0 settled web a
        @1   deploy web gone
        @2   rs web-1 gone
        @3   pod a going grace=30
        @9   pod a gone
        @30 wait
        ",
        expect![[r#"
            delete Deployment web 1..9 completed {cause=delete}
              delete ReplicaSet web-1 2..9 completed
                terminate Pod a 3..9 completed
        "#]],
    );
}

#[test]
fn what_is_open_below_a_root_that_settles_ends_with_it() {
    check(
        "
        @0 list
        @1   deploy web replicas=1 by=kubectl
        @1.1 rs web-1 of=web replicas=1
        @1.2 pod a of=web-1
        @2   pod a running ready
        @2.1 deploy web status=1/1/1
        @3.5 rs web-1 status=1/1
        @30 wait
        ",
        expect![[r#"
            create Deployment web 1..2.1 completed {cause=spec:1, manager=kubectl}
              create ReplicaSet web-1 1.1..2.1 unfinished {replicas.from=0, replicas.to=1}
                start Pod a 1.2..2 completed
        "#]],
    );
}

#[test]
fn a_root_that_settles_ends_with_the_last_of_its_children() {
    check(
        "
        @0 list
        @1   deploy web replicas=1 by=kubectl
        @1.1 rs web-1 of=web replicas=1
        @1.2 pod a of=web-1
        @4   closed deploys
        @5.7 missed deploy web status=1/1/1
        @5.8 pod a running ready
        @5.9 rs web-1 status=1/1
        @9   list deploys
        @40 wait
        ",
        expect![[r#"
            create Deployment web 1..5.9 completed {cause=spec:1, manager=kubectl, watch.gap}
              create ReplicaSet web-1 1.1..5.9 completed {replicas.from=0, replicas.to=1}
                start Pod a 1.2..5.8 completed
        "#]],
    );
}

#[test]
fn a_replica_set_begins_with_its_first_pods_span() {
    check(
        "
        @0 settled web a
        @5   pod a going grace=30
        @5.1 pod b of=web-1
        @6   pod a gone
        @9   deploy web replicas=2 by=kubectl
        @9.1 rs web-1 replicas=2
        @9.2 pod c of=web-1
        @10  pod b running ready
        @11  pod c running ready
        @11.1 rs web-1 status=2/2
        @11.2 deploy web status=2/2/2
        @60 wait
        ",
        expect![[r#"
            recover Deployment web 5..11.1 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000005}
              * 9 goal changed field=replicas from=1 to=2 manager=kubectl
              scale ReplicaSet web-1 5..11.1 completed {replicas.from=1, replicas.to=2}
                terminate Pod a 5..6 completed
                start Pod b 5.1..10 completed
                start Pod c 9.2..11 completed
        "#]],
    );
}

#[test]
fn phases_of_an_unfinished_start_end_by_what_was_known_then() {
    check_full(
        "
        @0 settled web a
        @1    deploy web image=v2 by=kubectl
        @1.1  rs web-2 of=web replicas=1 image=v2
        @1.2  pod b of=web-2
        @1.3  pod b scheduled
        @2   pod b running
        @4   deploy web image=v3 by=kubectl
        @6   pod b ready
        @6.1 pod b exit=1
        @7   pod b running ready
        @8   deploy web status=1/1/1
        @40 wait
        ",
        expect![[r#"
            update Deployment web 1..4 superseded {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image, start.source=watch, end.source=watch}
              create ReplicaSet web-2 1.1..4 unfinished {replicas.from=0, replicas.to=1, actor=controller, start.source=watch, end.source=watch, time.uncertainty_ms=100}
                start Pod b 1.2..4 unfinished {start.source=watch, end.source=watch, time.uncertainty_ms=200}
                  schedule Pod b 1.2..1.3 {actor=scheduler, start.source=watch, end.source=watch, time.uncertainty_ms=300}
                  prepare Pod sandbox b 1.3..2 {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=300}
                  start container b [app] 2..2 {actor=kubelet, start.source=watch, end.source=watch}
                  await readiness b 2..4 unfinished {actor=kubelet, start.source=watch, end.source=watch}
            update Deployment web 4..8 completed {cause=spec:3, manager=kubectl, changed=template.spec.containers[app].image, start.source=watch, end.source=watch}
              -> supersedes update Deployment spec:2
              restart container b [app] 6.1..7 completed {reason=Error, exit_code=1, start.source=watch, end.source=watch, time.uncertainty_ms=100}
        "#]],
    );
}

#[test]
fn runs_that_nobody_saw_are_counted_on_the_restart() {
    check(
        "
        @0 settled web a
        @4.5 closed pods
        @5  missed pod a exit=1
        @6  missed pod a running
        @7  missed pod a exit=2
        @8  missed pod a running
        @9  missed pod a exit=3
        @10 missed pod a running ready
        @11 list pods
        @60 wait
        ",
        expect![[r#"
            recover Deployment web 9..10 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000009, watch.gap, reason=Error}
              restart container a [app] 9..10 completed {reason=Error, exit_code=3, restarts.missed=2}
        "#]],
    );
}

#[test]
fn a_termination_that_a_list_proves_has_vanished() {
    check(
        "
        @0 settled web a b
        @1   deploy web replicas=1 by=kubectl
        @1.1 rs web-1 replicas=1
        @1.2 pod b going grace=30
        @2   closed pods
        @3   list pods a
        @3.1 rs web-1 status=1/1
        @3.2 deploy web status=1/1/1
        @40 wait
        ",
        expect![[r#"
            scale Deployment web 1..3.2 completed {cause=spec:2, manager=kubectl, changed=replicas, watch.gap}
              scale ReplicaSet web-1 1.1..3.1 completed {replicas.from=2, replicas.to=1}
                terminate Pod b 1.2..3 vanished {watch.gap, reason=scaled down}
        "#]],
    );
}

#[test]
fn the_reason_of_a_failed_pod_comes_before_the_exits_it_caused() {
    check(
        "
        @0 list
        @1   deploy web replicas=1 by=kubectl
        @1.1 rs web-1 of=web replicas=1
        @1.2 pod a of=web-1
        @1.3 pod a scheduled
        @2   pod a running
        @3   pod a exit=137 failed=Evicted
        @3.1 pod b of=web-1
        @4   pod b running ready
        @4.1 rs web-1 status=1/1
        @4.2 deploy web status=1/1/1
        @30 wait
        ",
        expect![[r#"
            create Deployment web 1..4.2 completed {cause=spec:1, manager=kubectl}
              create ReplicaSet web-1 1.1..4.1 completed {replicas.from=0, replicas.to=1}
                start Pod a 1.2..3 failed ERROR Evicted: the Pod has failed
                start Pod b 3.1..4 completed
        "#]],
    );
}

#[test]
fn a_run_that_had_failed_stays_failed_when_its_pod_is_deleted() {
    check(
        "
        @0 list
        @1   job work by=kubectl
        @1.1 pod a of=job/work restarts=Never
        @1.2 pod a running
        @3   pod a exit=7 failed
        @4   job work suspended by=kubectl
        @5   pod a delete grace=0
        @5.1 pod a gone
        @30 wait
        ",
        expect![[r#"
            run Job work 1..4 suspended {cause=spec:1, manager=kubectl}
              * 4 goal changed field=suspend from=false to=true manager=kubectl
              run Pod a 1.1..3 failed ERROR Error: container app exited with 7 {exit_code=7}
                start Pod a 1.1..1.2 completed
                run container a [app] 1.2..3 failed ERROR Error: container app exited with 7 {reason=Error, exit_code=7}
        "#]],
    );
}

// The kubelet takes from a Pod that has failed what it would have started again.
#[test]
fn a_restart_of_a_pod_that_is_evicted_meanwhile_ends_with_it() {
    check(
        "
        @0 settled web a
        @20   pod a exit=1
        @20.5 pod a crash
        @25   pod a failed=Evicted
        @25.1 pod b of=web-1
        @40   pod b running ready
        @60 wait
        ",
        expect![[r#"
            recover Deployment web 20..40 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000020, reason=Error}
              restart container a [app] 20..25 failed ERROR Error: container app exited with 1 {reason=Error, exit_code=1}
              start Pod b 25.1..40 completed
        "#]],
    );
}
