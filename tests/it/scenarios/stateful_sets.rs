//! StatefulSets: Pods one after the other, partitions, OnDelete (DESIGN §3–§4).

use expect_test::expect;

use super::tree::{check, check_full};

// The next Pod comes when the one before is ready
// (`pkg/controller/statefulset/stateful_set_control.go`).
#[test]
fn a_stateful_set_is_created_one_pod_after_the_other() {
    check(
        "
        @0 list
        @1   sts db replicas=3 by=kubectl revision=r1
        @1.1 pod db-0 of=sts/db revision=r1
        @1.2 sts db status=1/1/0
        @2   pod db-0 running ready
        @2.1 pod db-1 of=sts/db revision=r1
        @2.2 sts db status=2/2/1
        @3   pod db-1 running ready
        @3.1 pod db-2 of=sts/db revision=r1
        @3.2 sts db status=3/3/2
        @4   pod db-2 running ready
        @4.2 sts db status=3/3/3
        @30 wait
        ",
        expect![[r#"
            create StatefulSet db 1..4.2 completed {cause=spec:1, manager=kubectl}
              start Pod db-0 1.1..2 completed
              start Pod db-1 2.1..3 completed
              start Pod db-2 3.1..4 completed
        "#]],
    );
}

// `updateStatefulSet` deletes the Pod of the highest ordinal first and replaces it when it is
// gone.
#[test]
fn an_update_goes_from_the_highest_ordinal_and_waits_for_each_old_pod() {
    check(
        "
        @0 settled sts/db db-0 db-1
        @5   sts db image=v2 by=kubectl
        @5.1 sts db revision=r2 status=0/2/2 mixed
        @5.2 pod db-1 going grace=30
        @7   pod db-1 gone
        @7.1 pod db-1b name=db-1 of=sts/db revision=r2
        @7.2 sts db status=1/2/1 mixed
        @9   pod db-1b running ready
        @9.1 sts db status=1/2/2 mixed
        @9.2 pod db-0 going grace=30
        @11  pod db-0 gone
        @11.1 pod db-0b name=db-0 of=sts/db revision=r2
        @11.2 sts db status=2/2/1 mixed
        @13  pod db-0b running ready
        @13.1 sts db status=2/2/2 mixed
        @13.2 sts db status=2/2/2
        @40 wait
        ",
        expect![[r#"
            update StatefulSet db 5..13.2 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              terminate Pod db-1 5.2..7 completed
              start Pod db-1 7.1..9 completed
              terminate Pod db-0 9.2..11 completed
              start Pod db-0 11.1..13 completed
        "#]],
    );
}

// Evicted when its controller had counted it.
#[test]
fn a_pod_that_goes_as_the_last_of_an_update_is_ready_is_replaced_by_the_update() {
    check(
        "
        @0 settled sts/db db-0
        @5   sts db image=v2 by=kubectl
        @5.1 pod db-0 going grace=30
        @6   pod db-0 gone
        @6.1 pod db-1 name=db-0 of=sts/db revision=r2
        @6.2 sts db revision=r2 status=1/1/0
        @8   pod db-1 running ready
        @8.1 pod db-1 going grace=30
        @8.2 sts db status=1/1/1
        @9   pod db-1 gone
        @9.1 pod db-2 name=db-0 of=sts/db revision=r2
        @9.2 sts db status=1/1/0
        @11  pod db-2 running ready
        @11.1 sts db status=1/1/1
        @40 wait
        ",
        expect![[r#"
            update StatefulSet db 5..11.1 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              terminate Pod db-0 5.1..6 completed
              start Pod db-0 6.1..8 completed
              terminate Pod db-0 8.1..9 completed
              start Pod db-0 9.1..11 completed
        "#]],
    );
}

// `rollout_status.go`: a generation above the observed one waits.
#[test]
fn a_status_of_an_older_generation_settles_nothing() {
    check(
        "
        @0 settled sts/db db-0
        @5   sts db image=v2 by=kubectl
        @5.1 sts db observed=1 status=1/1/1
        @9   sts db status=1/1/1
        @30 wait
        ",
        expect![[r#"
            update StatefulSet db 5..9 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
        "#]],
    );
}

// `rollout_status.go`: without a partition, updateRevision differs from currentRevision.
#[test]
fn pods_of_two_revisions_are_an_update_that_goes_on() {
    check(
        "
        @0 settled sts/db db-0
        @5   sts db image=v2 by=kubectl
        @5.1 sts db status=1/1/1 mixed
        @9   sts db status=1/1/1
        @30 wait
        ",
        expect![[r#"
            update StatefulSet db 5..9 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
        "#]],
    );
}

// `kubectl rollout undo` writes the template of an older ControllerRevision
// (`polymorphichelpers/rollback.go`).
#[test]
fn the_template_of_before_is_a_rollback() {
    check(
        "
        @0 settled sts/db db-0 image=v1
        @5   sts db image=v2 by=kubectl
        @6   sts db status=1/1/1
        @25  sts db image=v1 by=kubectl
        @27  sts db status=1/1/1
        @50 wait
        ",
        expect![[r#"
            update StatefulSet db 5..6 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
            rollback StatefulSet db 25..27 completed {cause=spec:3, manager=kubectl, changed=template.spec.containers[app].image}
        "#]],
    );
}

#[test]
fn restarted_at_alone_is_a_restart() {
    check(
        "
        @0 settled sts/db db-0
        @5   sts db restarted=now by=kubectl
        @6   sts db status=1/1/1
        @30 wait
        ",
        expect![[r#"
            restart StatefulSet db 5..6 completed {cause=spec:2, manager=kubectl, changed=template.metadata.annotations[kubectl.kubernetes.io/restartedAt]}
        "#]],
    );
}

// From the highest ordinal down, one after the other.
#[test]
fn replicas_alone_is_a_scale_and_the_pods_that_go_were_scaled_down() {
    check(
        "
        @0 settled sts/db db-0 db-1 db-2
        @5   sts db replicas=1 by=kubectl/scale
        @5.1 pod db-2 going grace=30
        @6   pod db-2 gone
        @6.1 sts db status=2/2/2
        @6.2 pod db-1 going grace=30
        @7   pod db-1 gone
        @7.1 sts db status=1/1/1
        @30 wait
        ",
        expect![[r#"
            scale StatefulSet db 5..7.1 completed {cause=spec:2, manager=kubectl, changed=replicas}
              terminate Pod db-2 5.1..6 completed {reason=scaled down}
              terminate Pod db-1 6.2..7 completed {reason=scaled down}
        "#]],
    );
}

#[test]
fn a_lost_pod_is_a_recover() {
    check(
        "
        @0 settled sts/db db-0 db-1
        @5   pod db-1 going grace=30
        @6   pod db-1 gone
        @6.1 pod db-1b name=db-1 of=sts/db revision=r1
        @8   pod db-1b running ready
        @8.1 sts db status=2/2/2
        @40 wait
        ",
        expect![[r#"
            recover StatefulSet db 5..8 completed {cause=pods:b191784c-eb65-9ba7-a71a-24ea4e1925b5:1700000005}
              terminate Pod db-1 5..6 completed
              start Pod db-1 6.1..8 completed
        "#]],
    );
}

// `rollout_status.go` goes by readyReplicas: minReadySeconds is ignored.
#[test]
fn what_is_available_later_than_ready_is_not_waited_for() {
    check(
        "
        @0 list
        @1   sts db replicas=1 by=kubectl
        @1.1 pod db-0 of=sts/db
        @2   pod db-0 running ready
        @2.1 sts db status=1/1/1 available=0
        @32  sts db status=1/1/1
        @60 wait
        ",
        expect![[r#"
            create StatefulSet db 1..2.1 completed {cause=spec:1, manager=kubectl}
              start Pod db-0 1.1..2 completed
        "#]],
    );
}

#[test]
fn an_update_that_is_superseded_says_so() {
    check(
        "
        @0 settled sts/db db-0
        @5   sts db image=bad by=kubectl
        @5.1 sts db revision=r2 status=0/1/1 mixed
        @5.2 pod db-0 going grace=30
        @6   pod db-0 gone
        @6.1 pod db-0b name=db-0 of=sts/db revision=r2 scheduled
        @7   pod db-0b waiting=ErrImagePull said=no_such_image
        @20  sts db image=v3 by=kubectl
        @20.1 pod db-0b going grace=30
        @21  pod db-0b gone
        @21.1 pod db-0c name=db-0 of=sts/db revision=r3
        @23  pod db-0c running ready
        @23.1 sts db revision=r3 status=1/1/1
        @50 wait
        ",
        expect![[r#"
            update StatefulSet db 5..20 superseded ERROR ErrImagePull: container app: no such image {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              terminate Pod db-0 5.2..6 completed
              start Pod db-0 6.1..20 unfinished ERROR ErrImagePull: container app: no such image
                prepare Pod sandbox db-0 6.1..20 unfinished
            update StatefulSet db 20..23.1 completed {cause=spec:3, manager=kubectl, changed=template.spec.containers[app].image}
              -> supersedes update StatefulSet spec:2
              terminate Pod db-0 20.1..21 completed
              start Pod db-0 21.1..23 completed
        "#]],
    );
}

#[test]
fn a_pod_below_the_highest_ordinal_is_not_scaled_down() {
    check_full(
        "
        @0 settled sts/db db-0 db-1 db-2
        @30 sts db replicas=1 by=kubectl
        @31 pod db-0 going grace=30
        @32 pod db-0 gone
        @33 pod db-0b name=db-0 of=sts/db revision=r1
        @35 pod db-0b running ready
        @36 pod db-2 going grace=30
        @37 pod db-2 gone
        @38 pod db-1 going grace=30
        @39 pod db-1 gone
        @40 sts db status=1/1/1
        @60 wait
        ",
        expect![[r#"
            scale StatefulSet db 30..40 completed {cause=spec:2, manager=kubectl, changed=replicas, start.source=watch, end.source=watch}
              terminate Pod db-0 31..32 completed {start.source=watch, end.source=watch}
              start Pod db-0 33..35 completed {start.source=watch, end.source=watch}
                schedule Pod db-0 33..35 {actor=scheduler, start.source=watch, end.source=watch}
              terminate Pod db-2 36..37 completed {reason=scaled down, start.source=watch, end.source=watch}
              terminate Pod db-1 38..39 completed {reason=scaled down, start.source=watch, end.source=watch}
        "#]],
    );
}
