//! Orphans, and objects that nobody saw going (DESIGN §2–§3).

use expect_test::expect;

use super::tree::{check, check_also, check_counts};

// `--cascade=orphan`: the finalizer `orphan` holds it until the owner references are taken away.
#[test]
fn orphans_of_a_deleted_stateful_set_stay_and_are_no_part_of_its_deletion() {
    check_also(
        &["lifespan.finalizers"],
        "
        @0 settled sts/db db-0
        @20  sts db delete finalizers=orphan
        @20.2 pod db-0 orphaned
        @20.4 sts db gone
        @60  pod db-0 going grace=30
        @61  pod db-0 gone
        @90 wait
        ",
        expect![[r#"
            delete StatefulSet db 20..20.4 completed {cause=delete, finalizers=orphan}
            terminate Pod db-0 60..61 completed {cause=delete}
        "#]],
    );
}

#[test]
fn orphans_of_a_deleted_deployment_are_a_replica_set_of_its_own() {
    check(
        "
        @0 settled web a
        @20  deploy web delete finalizers=orphan
        @20.2 rs web-1 orphaned
        @20.4 deploy web gone
        @60  pod a going grace=30
        @61  pod a gone
        @61.1 pod b of=web-1
        @63  pod b running ready
        @90 wait
        ",
        expect![[r#"
            delete Deployment web 20..20.4 completed {cause=delete}
            recover ReplicaSet web-1 60..63 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000060}
              terminate Pod a 60..61 completed
              start Pod b 61.1..63 completed
        "#]],
    );
}

#[test]
fn orphans_that_are_adopted_by_another_are_no_transition() {
    check_counts(
        "
        @0 settled sts/db db-0
        @20  sts db delete finalizers=orphan
        @20.2 pod db-0 orphaned
        @20.4 sts db gone
        @40  sts db2 replicas=1 by=kubectl revision=r1
        @40.1 pod db-0 of=sts/db2
        @40.2 sts db2 status=1/1/1
        @60 wait
        ",
        expect![[r#"
            delete StatefulSet db 20..20.4 completed {cause=delete}
            create StatefulSet db2 40..40.2 completed {cause=spec:1, manager=kubectl}
            counted: baseline 1, churn 1
        "#]],
    );
}

#[test]
fn a_job_deleted_while_its_lane_was_away_has_vanished() {
    check(
        "
        @0 list
        @1   job load by=kubectl
        @1.1 pod x of=job/load restarts=Never
        @2   pod x running
        @10  closed job
        @10.1 closed pods
        @30  list job nothing
        @30.1 list pods nothing
        @60 wait
        ",
        expect![[r#"
            run Job load 1..30 deleted {cause=spec:1, manager=kubectl, watch.gap}
              run Pod x 1.1..30 unfinished
                start Pod x 1.1..2 completed
                run container x [app] 2..30 unfinished
            delete Job load 30..30.1 vanished {cause=delete, watch.gap}
              -> supersedes run Job spec:1
        "#]],
    );
}

#[test]
fn a_pod_that_vanished_is_a_recover_with_a_gap() {
    check(
        "
        @0 settled sts/db db-0
        @20  closed pods
        @21  missed pod db-0 gone
        @30  list pods
        @31  pod db-0b name=db-0 of=sts/db revision=r1
        @33  pod db-0b running ready
        @60 wait
        ",
        expect![[r#"
            recover StatefulSet db 30..33 completed {cause=pods:b191784c-ea65-9ba7-a71a-24ea4e19247a:1700000030, watch.gap}
              start Pod db-0 31..33 completed
        "#]],
    );
}

// What replaced it came after it had gone.
#[test]
fn a_pod_that_was_replaced_while_its_lane_was_away_was_lost() {
    check_counts(
        "
        @0 settled sts/db db-0
        @20  closed pods
        @21  missed pod db-0 gone
        @22  missed pod db-0b name=db-0 of=sts/db revision=r1
        @23  missed pod db-0b running ready
        @30  list pods
        @60 wait
        ",
        expect![[r#"
            recover StatefulSet db 22..30 completed {cause=pods:b191784c-ea65-9ba7-a71a-24ea4e19247a:1700000030, watch.gap}
              start Pod db-0 22..23 completed
            counted: baseline 1
        "#]],
    );
}

#[test]
fn a_stateful_set_that_vanished_is_deleted_with_what_is_left_of_it() {
    check(
        "
        @0 settled sts/db db-0
        @20  closed sts
        @25  list sts nothing
        @26  pod db-0 going grace=30
        @27  pod db-0 gone
        @60 wait
        ",
        expect![[r#"
            delete StatefulSet db 25..27 vanished {cause=delete, watch.gap}
              terminate Pod db-0 26..27 completed
        "#]],
    );
}

// Identity is the uid: deleted and created again, one end and one beginning.
#[test]
fn another_object_of_the_same_name_is_another_tree() {
    check(
        "
        @0 settled sts/db db-0
        @20  sts db gone
        @20.2 pod db-0 going grace=30
        @20.5 sts db2 name=db replicas=1 by=kubectl
        @22  pod db-0 gone
        @22.2 pod db-0b name=db-0 of=sts/db2
        @24  pod db-0b running ready
        @24.1 sts db2 status=1/1/1
        @60 wait
        ",
        expect![[r#"
            delete StatefulSet db 20..22 completed {cause=delete}
              terminate Pod db-0 20.2..22 completed
            create StatefulSet db 20.5..24.1 completed {cause=spec:1, manager=kubectl}
              start Pod db-0 22.2..24 completed
        "#]],
    );
}

// What had settled before it came has no part in it.
#[test]
fn a_pod_that_came_after_a_recovery_had_settled_is_no_part_of_that() {
    check_counts(
        "
        @0 settled sts/db db-0
        @20  pod db-0 exit=3
        @21  pod db-0 running restarts=1 ready
        @25  closed pods
        @31  missed pod db-0 gone
        @31.5 missed pod db-0b name=db-0 of=sts/db revision=r1
        @34  list pods
        @37  pod db-0b running ready
        @60 wait
        ",
        expect![[r#"
            recover StatefulSet db 20..21 completed {cause=pods:b191784c-ea65-9ba7-a71a-24ea4e19247a:1700000020, watch.gap, reason=Error}
              restart container db-0 [app] 20..21 completed {reason=Error, exit_code=3}
            recover StatefulSet db 31..37 completed {cause=pods:b191784c-ea65-9ba7-a71a-24ea4e19247a:1700000034, watch.gap}
              start Pod db-0 31..37 completed
            counted: baseline 1
        "#]],
    );
}

// Its Pods may have come and gone: nobody waits for them, since something else begins.
#[test]
fn what_leaves_while_a_lane_is_away_says_so() {
    check(
        "
        @0 settled sts/db db-0
        @20  closed pods
        @21  sts db image=v2 by=kubectl
        @22  sts db image=v3 by=kubectl
        @40  list pods
        @41  sts db image=v4 by=kubectl
        @42  sts db image=v5 by=kubectl
        @60 wait
        ",
        expect![[r#"
            update StatefulSet db 21..22 superseded {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image, watch.gap}
            update StatefulSet db 22..41 superseded {cause=spec:3, manager=kubectl, changed=template.spec.containers[app].image, watch.gap}
              -> supersedes update StatefulSet spec:2
            update StatefulSet db 41..42 superseded {cause=spec:4, manager=kubectl, changed=template.spec.containers[app].image}
              -> supersedes update StatefulSet spec:3
            open: update StatefulSet db spec:5
        "#]],
    );
}
