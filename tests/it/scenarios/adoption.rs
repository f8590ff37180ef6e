//! Objects that change owners, and owners that cannot be found (DESIGN §1–§2).

use expect_test::expect;

use super::tree::{check, check_also, check_counts};

#[test]
fn an_owner_that_is_watched_and_never_comes_is_marked_missing() {
    check(
        "
        @0 list
        @1   job load of=nightly by=controller
        @5   job load settled
        @60 wait
        ",
        expect![[r#"
            run Job load 1..5 completed {cause=spec:1, manager=controller, owner.missing}
        "#]],
    );
}

#[test]
fn a_listed_object_whose_owner_is_gone_is_counted() {
    check_counts(
        "
        @-5 missed job load of=nightly by=controller
        @0 list
        @5   job load settled
        @60 wait
        ",
        expect![[r#"
            nothing
            counted: baseline 1, churn 1, orphans 1
        "#]],
    );
}

// A CRD that is removed takes all its objects away: a list no longer contains the owner.
#[test]
fn a_custom_owner_that_vanishes_takes_its_tree_with_it() {
    check(
        "
        @0 list
        @1   cr Shop.example front by=kubectl spec.a=1
        @1.1 sts db of=Shop.example/front replicas=1
        @1.3 pod db-0 of=sts/db
        @2   pod db-0 running ready
        @2.1 sts db status=1/1/1
        @2.4 cr Shop.example front settled
        @60  closed Shop.example
        @61  list Shop.example nothing
        @61.1 sts db gone
        @61.3 pod db-0 going grace=30
        @62  pod db-0 gone
        @90 wait
        ",
        expect![[r#"
            create Shop front 1..2.4 completed {cause=spec:1, manager=kubectl}
              create StatefulSet db 1.1..2.1 completed
                start Pod db-0 1.3..2 completed
            delete Shop front 61..62 vanished {cause=delete, watch.gap}
              delete StatefulSet db 61.1..62 completed
                terminate Pod db-0 61.3..62 completed
        "#]],
    );
}

// Its labels no longer match the selector: the controller takes the owner reference away
// (`controller_ref_manager.go`).
#[test]
fn a_replica_set_that_is_released_is_a_tree_of_its_own() {
    check(
        "
        @0 settled web a
        @20  rs web-1 orphaned
        @20.1 rs web-2 of=web replicas=1
        @20.2 pod b of=web-2
        @22  pod b running ready
        @22.1 rs web-2 status=1/1
        @60  rs web-1 replicas=0 by=kubectl
        @60.1 pod a going grace=30
        @61  pod a gone
        @61.1 rs web-1 status=0/0
        @90 wait
        ",
        expect![[r#"
            reconcile Deployment web 20.1..22.1 completed {cause=owned:91c6cfda-ac65-9bb2-b33b-e5565153284c:1, manager=controller}
              create ReplicaSet web-2 20.1..22.1 completed {replicas.from=0, replicas.to=1}
                start Pod b 20.2..22 completed
            scale ReplicaSet web-1 60..61.1 completed {cause=spec:2, manager=kubectl, changed=replicas, replicas.from=1, replicas.to=0}
              terminate Pod a 60.1..61 completed {reason=scaled down}
        "#]],
    );
}

// `claimReplicaSets`: an orphan that matches the selector is adopted, here with its Pod.
#[test]
fn a_replica_set_that_is_adopted_belongs_to_its_new_owner() {
    check(
        "
        @0 list
        @1   rs web-1 replicas=1 by=kubectl
        @1.1 pod a of=web-1
        @2   pod a running ready
        @2.1 rs web-1 status=1/1
        @60  deploy web replicas=1 by=kubectl
        @60.1 rs web-1 of=web
        @60.2 deploy web status=1/1/1
        @90  pod a going grace=30
        @91  pod a gone
        @91.1 pod b of=web-1
        @92  pod b running ready
        @120 wait
        ",
        expect![[r#"
            create ReplicaSet web-1 1..2.1 completed {cause=spec:1, manager=kubectl, replicas.from=0, replicas.to=1}
              start Pod a 1.1..2 completed
            create Deployment web 60..60.2 completed {cause=spec:1, manager=kubectl}
            recover Deployment web 90..92 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000090}
              terminate Pod a 90..91 completed
              start Pod b 91.1..92 completed
        "#]],
    );
}

// Somebody takes the label of a Pod away to look at it: the ReplicaSet releases it and makes
// another.
#[test]
fn a_pod_that_is_released_is_replaced_and_on_its_own() {
    check_counts(
        "
        @0 settled web a
        @20  pod a orphaned
        @20.1 pod b of=web-1
        @22  pod b running ready
        @60  pod a going grace=30
        @61  pod a gone
        @90 wait
        ",
        expect![[r#"
            recover Deployment web 20..22 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000020, reason=Released}
              start Pod b 20.1..22 completed
            terminate Pod a 60..61 completed {cause=delete}
            counted: baseline 1
        "#]],
    );
}

#[test]
fn objects_that_own_each_other_in_a_circle_end_the_chain() {
    check(
        "
        @0 list
        @1   cr Foo.example a of=Foo.example/b by=x spec.a=1
        @1.1 cr Foo.example b of=Foo.example/a by=x spec.a=1
        @2   cr Foo.example a settled
        @3   cr Foo.example b settled
        @30 wait
        ",
        expect![[r#"
            create Foo b 1..3 completed {cause=spec:1, manager=x, owner.missing, owner.kind=Foo, owner.name=a}
              create Foo a 1..2 completed
        "#]],
    );
}

#[test]
fn an_object_that_owns_itself_is_a_root() {
    check(
        "
        @0 list
        @1   cr Foo.example a of=Foo.example/a by=x spec.a=1
        @2   cr Foo.example a settled
        @30 wait
        ",
        expect![[r#"
            create Foo a 1..2 completed {cause=spec:1, manager=x, owner.missing, owner.kind=Foo, owner.name=a}
        "#]],
    );
}

#[test]
fn a_pod_that_no_longer_matches_the_selector_of_its_watch_is_neither_lost_nor_ended() {
    check(
        "
        @0 settled web a b
        @20   pod a unmatched
        @20.1 pod c of=web-1
        @22   pod c running ready
        @60   pod b going grace=1
        @60.1 pod d of=web-1
        @61   pod b gone
        @62   pod d running ready
        @90 wait
        ",
        expect![[r#"
            recover Deployment web 60..62 completed {cause=pods:f6ab8143-a383-d94f-7081-74e62f0820e1:1700000060}
              terminate Pod b 60..61 completed
              start Pod d 60.1..62 completed
        "#]],
    );
}

#[test]
fn what_is_open_of_an_object_that_no_longer_matches_ends_unfinished_with_a_gap() {
    check_also(
        &["lifespan.watch.gap"],
        "
        @0 settled web a
        @20   deploy web image=v2 by=kubectl
        @20.1 rs web-2 of=web image=v2 replicas=1
        @20.2 pod b of=web-2
        @25   deploy web unmatched
        @27   pod b running ready
        @30   pod b going grace=1
        @31   pod b gone
        @60 wait
        ",
        expect![[r#"
            update Deployment web 20..25 unfinished {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image, watch.gap, watch.gap=true}
              create ReplicaSet web-2 20.1..25 unfinished {replicas.from=0, replicas.to=1}
                start Pod b 20.2..25 unfinished
                  schedule Pod b 20.2..25 unfinished
        "#]],
    );
}

// What is below it has been kept, and nothing of it was told meanwhile.
#[test]
fn what_matches_its_selector_again_is_as_if_it_were_listed() {
    check(
        "
        @0 settled sts/db db-0
        @20  sts db unmatched
        @30  pod db-0 going grace=1
        @31  pod db-0 gone
        @31.1 pod db-0b name=db-0 of=sts/db revision=r1
        @33  pod db-0b running ready
        @60  sts db status=1/1/1
        @90  pod db-0b exit=1
        @91  pod db-0b running restarts=1 ready
        @120 wait
        ",
        expect![[r#"
            recover StatefulSet db 90..91 completed {cause=pods:684d1fc8-8306-874a-9d2b-6c4e18ef6988:1700000090, reason=Error}
              restart container db-0 [app] 90..91 completed {reason=Error, exit_code=1}
        "#]],
    );
}

#[test]
fn what_was_cut_when_it_left_its_selector_is_not_told_again_when_it_is_back() {
    check(
        "
        @0 settled web a
        @20   deploy web image=v2 by=kubectl
        @20.1 rs web-2 of=web image=v2 replicas=1
        @20.2 pod b of=web-2
        @25   deploy web unmatched
        @27   deploy web
        @30   pod b running ready
        @30.1 rs web-2 status=1/1
        @30.2 deploy web status=1/1/1
        @60   deploy web image=v3 by=kubectl
        @90 wait
        ",
        expect![[r#"
            update Deployment web 20..25 unfinished {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image, watch.gap}
              create ReplicaSet web-2 20.1..25 unfinished {replicas.from=0, replicas.to=1}
                start Pod b 20.2..25 unfinished
                  schedule Pod b 20.2..25 unfinished
            open: update Deployment web spec:3
        "#]],
    );
}

#[test]
fn a_replica_set_that_matches_its_selector_again_is_back_below_its_deployment() {
    check(
        "
        @0 settled web a
        @20   rs web-1 unmatched
        @30   rs web-1 status=1/1
        @60   pod a going grace=1
        @60.1 pod b of=web-1
        @61   pod a gone
        @62   pod b running ready
        @90 wait
        ",
        expect![[r#"
            recover Deployment web 60..62 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000060}
              terminate Pod a 60..61 completed
              start Pod b 60.1..62 completed
        "#]],
    );
}

// How many Pods there are nobody knows before it is back: of a loss until then nothing is told.
#[test]
fn a_recovery_that_loses_sight_of_a_pod_ends_unfinished_with_a_gap() {
    check_also(
        &["lifespan.watch.gap"],
        "
        @0 settled web a b
        @20   pod a going grace=1
        @20.1 pod c of=web-1
        @21   pod a gone
        @22   pod b unmatched
        @23   pod c running ready
        @50   pod c exit=1
        @51   pod c running restarts=1 ready
        @60   pod b running ready
        @90   pod c exit=1
        @91   pod c running restarts=2 ready
        @4000 wait
        ",
        expect![[r#"
            recover Deployment web 20..22 unfinished {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000020, watch.gap, watch.gap=true}
              terminate Pod a 20..21 completed
              start Pod c 20.1..22 unfinished
                schedule Pod c 20.1..22 unfinished
            recover Deployment web 90..91 completed {cause=pods:f6ab8143-a283-d94f-7081-74e62f081fa6:1700000090, reason=Error}
              restart container c [app] 90..91 completed {reason=Error, exit_code=1}
        "#]],
    );
}

#[test]
fn of_a_pod_that_leaves_its_selector_is_told_what_was_known_of_its_start() {
    check_also(
        &["lifespan.watch.gap"],
        "
        @0 settled web a
        @20   deploy web image=v2 by=kubectl
        @20.1 rs web-2 of=web image=v2 replicas=1
        @20.2 pod b of=web-2
        @20.4 pod b scheduled
        @21   pod b unmatched
        @23   rs web-2 status=1/1
        @23.1 rs web-1 replicas=0
        @23.2 pod a going grace=1
        @24   pod a gone
        @24.1 deploy web status=1/1/1
        @60 wait
        ",
        expect![[r#"
            update Deployment web 20..24.1 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image, watch.gap, watch.gap=true}
              create ReplicaSet web-2 20.1..23 completed {replicas.from=0, replicas.to=1}
                start Pod b 20.2..21 unfinished
                  prepare Pod sandbox b 20.4..21 unfinished
              scale ReplicaSet web-1 23.1..24.1 unfinished {replicas.from=1, replicas.to=0}
                terminate Pod a 23.2..24 completed {reason=scaled down}
        "#]],
    );
}
