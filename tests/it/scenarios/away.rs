//! Lanes that are away, and come back with what they missed (DESIGN §7).

use expect_test::expect;

use super::tree::{check, check_also};

#[test]
fn fifteen_seconds_of_unreadiness_that_are_told_in_one_moment_are_fifteen_seconds() {
    check(
        "
        @0 settled web a
        @20 closed pods
        @30 pod a unready late=60000
        @45 pod a ready late=45000
        @140 wait
        ",
        expect![[r#"
            recover Deployment web 31..46 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000030, reason=Unready}
        "#]],
    );
}

#[test]
fn what_may_have_lasted_or_not_says_that_there_was_a_gap() {
    check_also(
        &["lifespan.watch.gap"],
        "
        @0 settled web a
        @20   closed pods
        @30.2 pod a unready late=60000
        @40.6 pod a ready late=50000
        @140 wait
        ",
        expect![[r#"
            recover Deployment web 31..41 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000030, watch.gap, reason=Unready, watch.gap=true}
        "#]],
    );
}

#[test]
fn nothing_is_said_to_have_lasted_while_a_lane_is_away() {
    check(
        "
        @0 settled web a
        @10   deploy web image=v2 by=kubectl
        @10.1 rs web-2 of=web image=v2 replicas=1
        @10.2 pod b of=web-2
        @12   pod b running ready
        @12.1 rs web-2 status=1/1
        @12.2 rs web-1 replicas=0
        @12.3 pod a going grace=1
        @12.4 pod a gone
        @12.5 rs web-1 status=0/0
        @12.6 deploy web status=1/1/1
        @14   closed pods
        @17   pod b exit=1 late=60000
        @33   pod b running late=44000
        @34   pod b ready late=43000
        @140 wait
        ",
        expect![[r#"
            update Deployment web 10..12.6 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image, unstable}
              create ReplicaSet web-2 10.1..12.1 completed {replicas.from=0, replicas.to=1}
                start Pod b 10.2..12 completed
              scale ReplicaSet web-1 12.2..12.5 completed {replicas.from=1, replicas.to=0}
                terminate Pod a 12.3..12.4 completed {reason=scaled down}
            recover Deployment web 18..35 completed {cause=pods:f6ab8143-a383-d94f-7081-74e62f0820e1:1700000017, reason=Error}
              -> follows update Deployment spec:2
              restart container b [app] 18..35 completed {reason=Error, exit_code=1}
        "#]],
    );
}

#[test]
fn a_lane_that_stays_away_is_not_waited_for_without_end() {
    check(
        "
        @0 settled web a
        @0 settled sts/db x
        @10   closed sts
        @10.5 pod a going grace=1
        @10.6 pod b of=web-1
        @11   pod a gone
        @12   pod b running ready
        @1000 wait
        ",
        expect![[r#"
            recover Deployment web 10.5..12 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000010}
              terminate Pod a 10.5..11 completed
              start Pod b 10.6..12 completed
        "#]],
    );
}

#[test]
fn a_kind_that_is_removed_with_all_its_objects_is_not_waited_for() {
    check(
        "
        @0 settled web a
        @10   closed sts
        @10.5 pod a going grace=1
        @10.6 pod b of=web-1
        @11   pod a gone
        @12   pod b running ready
        @40 wait
        ",
        expect![[r#"
            recover Deployment web 10.5..12 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000010}
              terminate Pod a 10.5..11 completed
              start Pod b 10.6..12 completed
        "#]],
    );
}

#[test]
fn an_event_that_is_told_before_its_pod_does_not_have_the_pod_wait() {
    check(
        "
        @0 list
        @1   deploy web replicas=1 by=kubectl
        @1.1 rs web-1 of=web replicas=1
        @1.2 pod a of=web-1 late=5000
        @1.3 event pod/a Scheduled
        @4   pod a running ready late=2300
        @4.1 rs web-1 status=1/1
        @4.2 deploy web status=1/1/1
        @90 wait
        ",
        expect![[r#"
            create Deployment web 1..4.2 completed {cause=spec:1, manager=kubectl}
              create ReplicaSet web-1 1.1..4.1 completed {replicas.from=0, replicas.to=1}
                start Pod a 1.3..4.1 completed
                  * 1.3 Scheduled
        "#]],
    );
}

// By the store of its API server it was not there when the watch broke off.
#[test]
fn what_was_created_and_settled_while_nobody_watched_is_told() {
    check_also(
        &["lifespan.watch.gap"],
        "
        @0 settled web a
        @10 closed deploy
        @10 closed rs
        @10 closed pods
        @20 missed deploy shop replicas=1 image=v1 by=kubectl
        @20.1 missed rs shop-1 of=shop replicas=1 image=v1
        @20.2 missed pod s of=shop-1 scheduled
        @24 missed pod s running ready
        @24.1 missed rs shop-1 status=1/1
        @24.2 missed deploy shop status=1/1/1 reason=NewReplicaSetAvailable
        @60 list
        @90 wait
        ",
        expect![[r#"
            create Deployment shop 20..24 completed {cause=spec:1, watch.gap, watch.gap=true}
        "#]],
    );
}

#[test]
fn a_run_that_was_created_and_ended_while_nobody_watched_is_told() {
    check_also(
        &["lifespan.watch.gap"],
        "
        @0 settled web a
        @10 closed job
        @10 closed pods
        @20 missed job load replicas=1 by=kubectl
        @20.2 missed pod p of=job/load restarts=Never scheduled
        @24 missed pod p running
        @30 missed pod p exit=0 succeeded
        @31 missed job load settled
        @60 list
        @90 wait
        ",
        expect![[r#"
            run Job load 20..31 completed {cause=spec:1, watch.gap, watch.gap=true}
              start Pod p 20..24 completed
        "#]],
    );
}
