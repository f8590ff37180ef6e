//! DESIGN §2: in which order changes enter the core.

use expect_test::expect;

use super::tree::{check, check_counts, check_full};

#[test]
fn an_owner_that_waits_behind_its_child_enters_before_it() {
    check(
        "
        @0 list
        @1   deploy web replicas=1 by=kubectl rv=1003
        @1   rs web-1 of=web replicas=1 rv=1002
        @1   pod a of=web-1 rv=1001
        @2   pod a running ready rv=1004
        @2.1 rs web-1 status=1/1 rv=1005
        @2.2 deploy web status=1/1/1 rv=1006
        @30 wait
        ",
        expect![[r#"
            create Deployment web 2..2.1 completed {cause=spec:1, manager=kubectl}
              create ReplicaSet web-1 2..2.1 completed {replicas.from=0, replicas.to=1}
        "#]],
    );
}

#[test]
fn an_owner_that_never_comes_makes_a_root_that_says_so() {
    check(
        "
        @0 list
        @1   rs web-1 of=web replicas=1
        @1.2 pod a of=web-1
        @2   pod a running ready
        @2.1 rs web-1 status=1/1
        @60 wait
        ",
        expect![[r#"
            create ReplicaSet web-1 1..2.1 completed {cause=spec:1, manager=controller, replicas.from=0, replicas.to=1, owner.missing, owner.kind=Deployment, owner.name=web}
              start Pod a 1.2..2 completed
        "#]],
    );
}

#[test]
fn an_owner_of_a_kind_that_is_not_watched_is_named() {
    check(
        "
        @0 list
        @1   rs web-1 of=Rollout/web replicas=1
        @1.2 pod a of=web-1
        @2   pod a running ready
        @2.1 rs web-1 status=1/1
        @60 wait
        ",
        expect![[r#"
            create ReplicaSet web-1 1..2.1 completed {cause=spec:1, manager=controller, replicas.from=0, replicas.to=1, owner.kind=Rollout, owner.name=web}
              start Pod a 1.2..2 completed
        "#]],
    );
}

#[test]
fn a_circle_of_owners_ends() {
    check(
        "
        @0 list
        @1 rs x of=ReplicaSet/y replicas=1
        @1 rs y of=ReplicaSet/x replicas=1
        @1 rs z of=ReplicaSet/z replicas=1
        @2 rs x status=1/1
        @2 rs y status=1/1
        @2 rs z status=1/1
        @60 wait
        ",
        expect![[r#"
            create ReplicaSet z 1..2 completed {cause=spec:1, manager=controller, replicas.from=0, replicas.to=1, owner.missing, owner.kind=ReplicaSet, owner.name=z}
            create ReplicaSet x 2..2 completed {cause=spec:1, manager=controller, replicas.from=0, replicas.to=1, owner.missing, owner.kind=ReplicaSet, owner.name=y}
              create ReplicaSet y 2..2 completed {replicas.from=0, replicas.to=1}
        "#]],
    );
}

#[test]
fn old_and_repeated_versions_are_dropped() {
    check_counts(
        "
        @0 settled web a
        @1 deploy web image=v2 by=kubectl rv=201
        @2 deploy web status=1/1/1 rv=202
        @3 deploy web image=v3 rv=150
        @4 deploy web image=v3 rv=202
        @30 wait
        ",
        expect![[r#"
            update Deployment web 1..2 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
            counted: baseline 1, churn 1, stale 2
        "#]],
    );
}

#[test]
fn events_that_count_another_history_enter_by_arrival() {
    check_full(
        "
        @0 list
        @0.1 list events rv=999999999
        @1   pod solo
        @1.2 pod solo scheduled
        @1.5 event pod/solo Pulled app took=100ms rv=1000000001
        @1.7 pod solo running
        @3   pod solo ready
        @30 wait
        ",
        expect![[r#"
            start Pod solo 1..3 completed {cause=spec:1, start.source=watch, end.source=watch}
              * 1.5 Pulled container.name=app
              schedule Pod solo 1..1.2 {actor=scheduler, start.source=watch, end.source=watch, time.uncertainty_ms=200}
              prepare Pod sandbox solo 1.2..3 {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=200}
        "#]],
    );
}

#[test]
fn a_full_inlet_releases_early_and_counts() {
    check_counts(
        "
        set max_waiting=2
        @0 settled web a
        @1    deploy web image=v2 by=kubectl
        @1.1  rs web-2 of=web replicas=1 image=v2
        @1.2  pod b of=web-2
        @1.3  pod b scheduled
        @2    pod b running ready
        @2.1  rs web-2 status=1/1
        @2.2  deploy web status=1/1/1
        @30 wait
        ",
        expect![[r#"
            update Deployment web 1..2.2 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              create ReplicaSet web-2 1.1..2.1 completed {replicas.from=0, replicas.to=1}
                start Pod b 1.2..2 completed
            counted: baseline 1, churn 1, early 3
        "#]],
    );
}

#[test]
fn lists_enter_owners_first_whichever_came_first() {
    check_counts(
        "
        @-9 missed deploy web replicas=1
        @-8 missed rs web-1 of=web replicas=1
        @-7 missed pod a of=web-1
        @0   list pods
        @0.5 list rs
        @1   list deploys
        @2   pod a running ready
        @2.1 rs web-1 status=1/1
        @2.2 deploy web status=1/1/1
        @30 wait
        ",
        expect![[r#"
            create Deployment web -9..2.2 completed {cause=spec:1}
              create ReplicaSet web-1 -8..2.1 completed {replicas.from=0, replicas.to=1}
                start Pod a -7..2 completed
            counted: churn 1
        "#]],
    );
}

#[test]
fn the_wait_for_a_lane_that_does_not_list_is_bounded() {
    check(
        "
        @-9 missed pod solo scheduled
        @0   list pods
        @0.1 list rs
        @10  pod solo running ready
        @30 wait
        ",
        expect![[r#"
            start Pod solo -9..10 completed {cause=spec:1}
        "#]],
    );
}

#[test]
fn what_a_complete_list_lacks_has_vanished_and_what_an_unfinished_one_lacks_has_not() {
    check_counts(
        "
        @0 settled web a b
        @5   closed pods
        @6   list pods a b
        @7   closed pods
        @7.5 list pods a
        @8   pod c of=web-1
        @9   pod c running ready
        @60 wait
        ",
        expect![[r#"
            nothing
            counted: pods 1, baseline 1
        "#]],
    );
}
