//! DESIGN §3, after a list: what goes on of every kind but Deployments, and what is baseline.

use expect_test::expect;

use super::tree::{check, check_counts};

#[test]
fn a_stateful_set_that_is_unobserved_goes_on() {
    check(
        "
        @-100 missed sts db replicas=1 image=v1 revision=r1
        @-95 missed sts db status=1/1/1
        @-5  missed sts db image=v2 by=kubectl
        @0 list
        @1   sts db revision=r2 observed status=0/1/1 mixed
        @9   sts db status=1/1/1
        @40 wait
        ",
        expect![[r#"
            update StatefulSet db -5..9 completed {cause=spec:2}
        "#]],
    );
}

#[test]
fn a_stateful_set_of_two_revisions_goes_on_with_the_pods_of_the_newest() {
    check(
        "
        @-100 missed sts db replicas=2 image=v1 revision=r1
        @-98 missed pod db-0 of=sts/db revision=r1 scheduled
        @-97 missed pod db-0 running ready
        @-95 missed sts db status=2/2/2
        @-5  missed sts db image=v2 by=kubectl
        @-4  missed pod db-1 of=sts/db revision=r2 scheduled
        @-3  missed sts db revision=r2 status=1/2/1 mixed
        @0 list
        @2   pod db-1 running ready
        @3   pod db-0 going grace=30
        @4   pod db-0 gone
        @4.1 pod db-0b name=db-0 of=sts/db revision=r2
        @6   pod db-0b running ready
        @6.1 sts db status=2/2/2
        @40 wait
        ",
        expect![[r#"
            update StatefulSet db -5..6.1 completed {cause=spec:2}
              start Pod db-1 -4..2 completed
              terminate Pod db-0 3..4 completed
              start Pod db-0 4.1..6 completed
        "#]],
    );
}

#[test]
fn a_stateful_set_of_one_revision_that_lost_a_pod_is_baseline() {
    check_counts(
        "
        @-100 missed sts db replicas=2 revision=r1
        @-98 missed pod db-0 of=sts/db revision=r1 scheduled
        @-97 missed pod db-0 running ready
        @-95 missed sts db status=2/2/2
        @-5  missed pod db-1 of=sts/db revision=r1 scheduled
        @-4  missed sts db status=2/2/1
        @0 list
        @2   pod db-1 running ready
        @2.1 sts db status=2/2/2
        @40 wait
        ",
        expect![[r#"
            nothing
            counted: baseline 1, churn 1
        "#]],
    );
}

#[test]
fn two_revisions_of_a_partition_that_are_settled_are_baseline() {
    check_counts(
        "
        @-100 missed sts db replicas=2 partition=1 image=v1 revision=r1
        @-50 missed sts db image=v2
        @-40 missed sts db revision=r2 status=1/2/2 mixed
        @0 list
        @40 wait
        ",
        expect![[r#"
            nothing
            counted: baseline 1
        "#]],
    );
}

#[test]
fn fewer_updated_pods_than_a_partition_wants_are_an_update_that_goes_on() {
    check(
        "
        @-100 missed sts db replicas=3 partition=1 image=v1 revision=r1
        @-95 missed sts db status=3/3/3
        @-9  missed sts db image=v2 by=kubectl
        @-8  missed sts db revision=r2 status=1/3/2 mixed
        @0 list
        @5   sts db status=2/3/3 mixed
        @40 wait
        ",
        expect![[r#"
            update StatefulSet db -9..5 completed {cause=spec:2}
        "#]],
    );
}

#[test]
fn a_first_generation_of_a_stateful_set_is_a_create() {
    check(
        "
        @-5  missed sts db replicas=2 by=kubectl revision=r1
        @-4  missed pod db-0 of=sts/db revision=r1 scheduled
        @-3  missed sts db status=1/1/0
        @0 list
        @2   pod db-0 running ready
        @2.1 pod db-1 of=sts/db revision=r1
        @3   pod db-1 running ready
        @3.1 sts db status=2/2/2
        @40 wait
        ",
        expect![[r#"
            create StatefulSet db -5..3.1 completed {cause=spec:1}
              start Pod db-0 -4..2 completed
              start Pod db-1 2.1..3 completed
        "#]],
    );
}

#[test]
fn a_daemon_set_with_fewer_updated_than_desired_goes_on() {
    check(
        "
        @-100 missed ds agent image=v1 revision=r1
        @-98 missed pod a1 of=ds/agent revision=r1 scheduled
        @-97 missed pod a1 running ready
        @-95 missed ds agent status=2/2/2 desired=2
        @-9  missed ds agent image=v2 revision=r2 by=kubectl
        @-8  missed pod b2 of=ds/agent revision=r2 scheduled
        @-7  missed ds agent status=1/2/1
        @0 list
        @2   pod b2 running ready
        @3   pod a1 going grace=30
        @4   pod a1 gone
        @4.1 pod b1 of=ds/agent revision=r2
        @5   pod b1 running ready
        @5.1 ds agent status=2/2/2
        @40 wait
        ",
        expect![[r#"
            update DaemonSet agent -9..5.1 completed {cause=spec:2}
              start Pod b2 -8..2 completed
              terminate Pod a1 3..4 completed
              start Pod b1 4.1..5 completed
        "#]],
    );
}

#[test]
fn a_daemon_set_whose_pods_are_all_updated_is_baseline_though_one_is_not_ready() {
    check_counts(
        "
        @-100 missed ds agent revision=r1
        @-98 missed pod a1 of=ds/agent revision=r1 scheduled
        @-95 missed ds agent status=1/1/0 desired=1
        @0 list
        @2   pod a1 running ready
        @2.1 ds agent status=1/1/1
        @40 wait
        ",
        expect![[r#"
            nothing
            counted: baseline 1, churn 1
        "#]],
    );
}

#[test]
fn a_listed_pod_counts_as_lost_only_after_it_has_been_ready() {
    check(
        "
        @-100 missed ds agent revision=r1
        @-98 missed pod a1 of=ds/agent revision=r1 scheduled
        @-95 missed ds agent status=1/1/0 desired=1
        @0 list
        @2   pod a1 running ready
        @40  pod a1 unready
        @60  pod a1 ready
        @90 wait
        ",
        expect![[r#"
            recover DaemonSet agent 40..60 completed {cause=pods:6b371653-833c-64bf-6f4a-d73bdefbb03b:1700000040, reason=Unready}
        "#]],
    );
}

#[test]
fn under_on_delete_two_revisions_are_baseline() {
    check_counts(
        "
        @-101 missed ds agent ondelete revision=r1
        @-100 missed ds agent image=v2 revision=r2
        @-98 missed pod a1 of=ds/agent revision=r1 scheduled
        @-97 missed pod a1 running ready
        @-95 missed ds agent status=0/1/1 desired=1
        @0 list
        @40 wait
        ",
        expect![[r#"
            nothing
            counted: baseline 1
        "#]],
    );
}

#[test]
fn what_began_longer_ago_than_its_limit_is_baseline() {
    check_counts(
        "
        @-5000 missed sts db replicas=1 by=kubectl
        @0 list
        @5   sts db status=1/1/1
        @40 wait
        ",
        expect![[r#"
            nothing
            counted: baseline 1, churn 1
        "#]],
    );
}

#[test]
fn a_replica_set_without_owner_that_is_unobserved_goes_on() {
    check(
        "
        @-5  missed rs solo replicas=1 by=kubectl
        @0 list
        @1   pod a of=rs/solo
        @2   pod a running ready
        @2.1 rs solo status=1/1
        @40 wait
        ",
        expect![[r#"
            create ReplicaSet solo -5..2.1 completed {cause=spec:1}
              start Pod a 1..2 completed
        "#]],
    );
}

// A drain takes the node of a Pod and that of the receiver. Its controller does not count what goes.
#[test]
fn a_stateful_set_that_has_lost_a_pod_is_neither_created_nor_updated() {
    for (image, settled) in [
        ("", "@-92 missed sts db status=2/2/2"),
        ("image=v2", "@-92 missed sts db status=2/2/2 revision=r2"),
    ] {
        check_counts(
            &format!(
                "
                @-100 missed sts db replicas=2 image=v1 revision=r1
                @-98 missed pod db-0 of=sts/db revision=r1 running ready
                @-97 missed pod db-1 of=sts/db revision=r1 running ready
                @-95 missed sts db status=2/2/2
                @-94 missed sts db {image}
                {settled}
                @-1  missed pod db-1 going grace=30
                @-0.9 missed sts db status=1/2/1
                @0 list
                @20  pod db-1 gone
                @20.1 pod db-1b name=db-1 of=sts/db revision=r1
                @25  pod db-1b running ready
                @25.1 sts db status=2/2/2
                @60 wait
                "
            ),
            expect![[r#"
                nothing
                counted: pods 1, baseline 1, churn 1
            "#]],
        );
    }
}
