//! Partitions and OnDelete: StatefulSets that are updated in parts (DESIGN §3).

use expect_test::expect;

use super::tree::check;

// `rollout_status.go`: updatedReplicas < replicas - partition waits; two revisions remain.
#[test]
fn with_a_partition_the_update_is_done_when_the_pods_above_it_are() {
    check(
        "
        @0 settled sts/db db-0 db-1 db-2 partition=2
        @5   sts db image=v2 by=kubectl
        @5.1 sts db revision=r2 status=0/3/3 mixed
        @5.2 pod db-2 going grace=30
        @7   pod db-2 gone
        @7.1 pod db-2b name=db-2 of=sts/db revision=r2
        @7.2 sts db status=1/3/2 mixed
        @9   pod db-2b running ready
        @9.1 sts db status=1/3/3 mixed
        @40 wait
        ",
        expect![[r#"
            update StatefulSet db 5..9.1 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              terminate Pod db-2 5.2..7 completed
              start Pod db-2 7.1..9 completed
        "#]],
    );
}

// The Pods below the partition are of the revision that it goes back to, and one that goes is counted
// as long as it is Ready.
#[test]
fn with_a_partition_a_rollback_goes_on_until_the_pods_above_it_are_replaced() {
    check(
        "
        @0 settled sts/db db-0 db-1 db-2 partition=2
        @5   sts db image=v2 by=kubectl
        @5.1 pod db-2 going grace=3
        @5.2 sts db revision=r2 status=2/3/3 mixed
        @7   pod db-2 gone
        @7.1 pod db-2b name=db-2 of=sts/db revision=r2
        @7.2 sts db status=3/3/2
        @9   pod db-2b running ready
        @9.1 sts db status=3/3/3
        @40 wait
        ",
        expect![[r#"
            update StatefulSet db 5..9.1 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              terminate Pod db-2 5.1..7 completed
              start Pod db-2 7.1..9 completed
        "#]],
    );
}

#[test]
fn a_partition_that_is_lowered_is_an_update_of_the_pods_that_it_freed() {
    check(
        "
        @0 settled sts/db db-0 db-1 partition=1 image=v2
        @5   sts db partition=0 by=kubectl
        @5.1 sts db revision=r2 status=1/2/2 mixed
        @5.2 pod db-0 going grace=30
        @7   pod db-0 gone
        @7.1 pod db-0b name=db-0 of=sts/db revision=r2
        @7.2 sts db status=2/2/1 mixed
        @9   pod db-0b running ready
        @9.1 sts db status=2/2/2
        @40 wait
        ",
        expect![[r#"
            update StatefulSet db 5..9.1 completed {cause=spec:2, manager=kubectl, changed=updateStrategy.rollingUpdate.partition}
              terminate Pod db-0 5.2..7 completed
              start Pod db-0 7.1..9 completed
        "#]],
    );
}

#[test]
fn a_partition_that_is_raised_settles_when_it_is_observed() {
    check(
        "
        @0 settled sts/db db-0 db-1
        @5   sts db partition=2 by=kubectl
        @5.3 sts db observed
        @40 wait
        ",
        expect![[r#"
            update StatefulSet db 5..5.3 completed {cause=spec:2, manager=kubectl, changed=updateStrategy.rollingUpdate.partition}
        "#]],
    );
}

#[test]
fn a_partition_lowered_during_an_update_is_a_goal_that_moved() {
    check(
        "
        @0 settled sts/db db-0 db-1 partition=1
        @5   sts db image=v2 by=kubectl
        @5.1 sts db revision=r2 status=0/2/2 mixed
        @6   sts db partition=0 by=kubectl
        @7   sts db status=1/2/2 mixed
        @9   sts db status=2/2/2
        @40 wait
        ",
        expect![[r#"
            update StatefulSet db 5..9 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              * 6 goal changed field=updateStrategy.rollingUpdate.partition manager=kubectl
        "#]],
    );
}

// Nobody updates: `rollout status` refuses, the controller only writes the new revision.
#[test]
fn under_on_delete_an_update_settles_when_it_is_observed() {
    check(
        "
        @-101 missed sts db ondelete
        @0 settled sts/db db-0 db-1
        @5   sts db image=v2 by=kubectl
        @5.2 sts db revision=r2 status=0/2/2 mixed
        @40 wait
        ",
        expect![[r#"
            update StatefulSet db 5..5.2 completed {cause=spec:3, manager=kubectl, changed=template.spec.containers[app].image}
        "#]],
    );
}

// Both deletions within stable_time of the first one's healing: one trace.
#[test]
fn pods_deleted_by_hand_after_an_update_on_delete_are_an_update_that_follows_it() {
    check(
        "
        @-101 missed sts db ondelete
        @0 settled sts/db db-0 db-1
        @5   sts db image=v2 by=kubectl
        @5.2 sts db revision=r2 status=0/2/2 mixed
        @30  pod db-1 going grace=30
        @31  pod db-1 gone
        @31.1 pod db-1b name=db-1 of=sts/db revision=r2
        @33  pod db-1b running ready
        @41  pod db-0 going grace=30
        @42  pod db-0 gone
        @42.1 pod db-0b name=db-0 of=sts/db revision=r2
        @44  pod db-0b running ready
        @44.1 sts db status=2/2/2
        @80 wait
        ",
        expect![[r#"
            update StatefulSet db 5..5.2 completed {cause=spec:3, manager=kubectl, changed=template.spec.containers[app].image}
            update StatefulSet db 30..44 completed {cause=pods:b191784c-eb65-9ba7-a71a-24ea4e1925b5:1700000030}
              -> follows update StatefulSet spec:3
              terminate Pod db-1 30..31 completed
              start Pod db-1 31.1..33 completed
              terminate Pod db-0 41..42 completed
              start Pod db-0 42.1..44 completed
        "#]],
    );
}

#[test]
fn pods_deleted_by_hand_longer_apart_than_stable_time_are_two_updates() {
    check(
        "
        @-101 missed sts db ondelete
        @0 settled sts/db db-0 db-1
        @5   sts db image=v2 by=kubectl
        @5.2 sts db revision=r2 status=0/2/2 mixed
        @30  pod db-1 going grace=30
        @31  pod db-1 gone
        @31.1 pod db-1b name=db-1 of=sts/db revision=r2
        @33  pod db-1b running ready
        @45  pod db-0 going grace=30
        @46  pod db-0 gone
        @46.1 pod db-0b name=db-0 of=sts/db revision=r2
        @48  pod db-0b running ready
        @80 wait
        ",
        expect![[r#"
            update StatefulSet db 5..5.2 completed {cause=spec:3, manager=kubectl, changed=template.spec.containers[app].image}
            update StatefulSet db 30..33 completed {cause=pods:b191784c-eb65-9ba7-a71a-24ea4e1925b5:1700000030}
              -> follows update StatefulSet spec:3
              terminate Pod db-1 30..31 completed
              start Pod db-1 31.1..33 completed
            update StatefulSet db 45..48 completed {cause=pods:b191784c-ea65-9ba7-a71a-24ea4e19247a:1700000045}
              -> follows update StatefulSet pods:b191784c-eb65-9ba7-a71a-24ea4e1925b5:1700000030
              terminate Pod db-0 45..46 completed
              start Pod db-0 46.1..48 completed
        "#]],
    );
}

#[test]
fn under_on_delete_a_lost_pod_of_the_newest_revision_is_a_recover() {
    check(
        "
        @-101 missed sts db ondelete
        @0 settled sts/db db-0
        @5   sts db revision=r1
        @30  pod db-0 going grace=30
        @31  pod db-0 gone
        @31.1 pod db-0b name=db-0 of=sts/db revision=r1
        @33  pod db-0b running ready
        @80 wait
        ",
        expect![[r#"
            recover StatefulSet db 30..33 completed {cause=pods:b191784c-ea65-9ba7-a71a-24ea4e19247a:1700000030}
              terminate Pod db-0 30..31 completed
              start Pod db-0 31.1..33 completed
        "#]],
    );
}
