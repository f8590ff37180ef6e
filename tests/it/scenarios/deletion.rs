//! The ways in which objects go (DESIGN §3–§4).

use expect_test::expect;

use super::tree::{check, check_also};

// DELETED comes without a deletionTimestamp; the garbage collector deletes the Pods.
#[test]
fn a_stateful_set_deleted_in_the_background_ends_with_its_last_pod() {
    check(
        "
        @0 settled sts/db db-0 db-1
        @20  sts db gone
        @20.2 pod db-0 going grace=30
        @20.3 pod db-1 going grace=30
        @21  pod db-0 gone
        @23  pod db-1 gone
        @50 wait
        ",
        expect![[r#"
            delete StatefulSet db 20..23 completed {cause=delete}
              terminate Pod db-0 20.2..21 completed
              terminate Pod db-1 20.3..23 completed
        "#]],
    );
}

#[test]
fn a_stateful_set_deleted_in_the_foreground_ends_when_it_is_gone() {
    check_also(
        &["lifespan.finalizers"],
        "
        @0 settled sts/db db-0
        @20  sts db delete finalizers=foregroundDeletion
        @20.2 pod db-0 going grace=30
        @21  pod db-0 gone
        @21.5 sts db gone
        @50 wait
        ",
        expect![[r#"
            delete StatefulSet db 20..21.5 completed {cause=delete, finalizers=foregroundDeletion}
              terminate Pod db-0 20.2..21 completed
        "#]],
    );
}

// Exit 137 at the end of the grace is forced, and no error.
#[test]
fn a_daemon_set_deleted_says_which_of_its_pods_were_killed_at_the_end_of_their_grace() {
    check(
        "
        @0 settled ds/agent a1
        @20  ds agent gone
        @20.2 pod a1 going grace=3
        @23.4 pod a1 exit=137 failed
        @23.6 pod a1 gone
        @50 wait
        ",
        expect![[r#"
            delete DaemonSet agent 20..23.6 completed {cause=delete}
              terminate Pod a1 20.2..23.6 completed {forced, exit_codes=app=137}
        "#]],
    );
}

#[test]
fn a_pod_that_was_killed_before_the_end_of_its_grace_was_not_forced() {
    check(
        "
        @0 settled ds/agent a1
        @20  ds agent gone
        @20.2 pod a1 going grace=30
        @22  pod a1 exit=137 failed
        @22.2 pod a1 gone
        @50 wait
        ",
        expect![[r#"
            delete DaemonSet agent 20..22.2 completed {cause=delete}
              terminate Pod a1 20.2..22.2 completed {exit_codes=app=137}
        "#]],
    );
}

#[test]
fn finalizers_that_hold_an_object_are_named() {
    check_also(
        &["lifespan.finalizers"],
        "
        @0 list
        @1   cr Bucket.example x by=kubectl spec.a=1
        @2   cr Bucket.example x settled
        @60  cr Bucket.example x delete finalizers=example.com/empty,example.com/billing
        @90  cr Bucket.example x delete finalizers=example.com/billing
        @120 cr Bucket.example x gone
        @150 wait
        ",
        expect![[r#"
            create Bucket x 1..2 completed {cause=spec:1, manager=kubectl}
            delete Bucket x 60..120 completed {cause=delete, finalizers=example.com/empty+example.com/billing}
        "#]],
    );
}

#[test]
fn finalizers_that_hold_an_owned_object_are_named_on_its_span() {
    check_also(
        &["lifespan.finalizers"],
        "
        @0 list
        @1   cr JobSet.x-k8s train mode=run by=kubectl
        @1.1 job train-0 of=JobSet.x-k8s/train
        @1.2 pod p of=job/train-0 restarts=Never
        @2   pod p running
        @30  cr JobSet.x-k8s train delete
        @30.1 job train-0 delete finalizers=foregroundDeletion,orphan.example/hold
        @30.2 pod p going grace=30
        @31  pod p gone
        @40  job train-0 gone
        @40.2 cr JobSet.x-k8s train gone
        @70 wait
        ",
        expect![[r#"
            run JobSet train 1..30 deleted {cause=spec:1, manager=kubectl}
              run Job train-0 1.1..30 unfinished
                run Pod p 1.2..30 unfinished
                  start Pod p 1.2..2 completed
                  run container p [app] 2..30 unfinished
            delete JobSet train 30..40.2 completed {cause=delete, finalizers=foregroundDeletion}
              -> supersedes run JobSet spec:1
              delete Job train-0 30.1..40 completed {finalizers=foregroundDeletion+orphan.example/hold}
                terminate Pod p 30.2..31 completed
        "#]],
    );
}

#[test]
fn a_pod_held_by_a_finalizer_terminates_until_it_is_gone() {
    check_also(
        &["lifespan.finalizers"],
        "
        @0 settled sts/db db-0
        @20  sts db gone
        @20.2 pod db-0 going grace=3 finalizers=example.com/hold
        @22  pod db-0 exit=0 succeeded
        @40  pod db-0 released
        @40.1 pod db-0 gone
        @70 wait
        ",
        expect![[r#"
            delete StatefulSet db 20..40.1 completed {cause=delete}
              terminate Pod db-0 20.2..40.1 completed {exit_codes=app=0, finalizers=example.com/hold}
        "#]],
    );
}

// `kubectl delete --force --grace-period=0`: DELETED without a request before it.
#[test]
fn a_pod_deleted_by_force_is_gone_at_once() {
    check(
        "
        @0 settled sts/db db-0
        @20  pod db-0 gone
        @20.2 pod db-0b name=db-0 of=sts/db revision=r1
        @22  pod db-0b running ready
        @22.1 sts db status=1/1/1
        @60 wait
        ",
        expect![[r#"
            recover StatefulSet db 20..22 completed {cause=pods:b191784c-ea65-9ba7-a71a-24ea4e19247a:1699999903}
              terminate Pod db-0 20..20 completed
              start Pod db-0 20.2..22 completed
        "#]],
    );
}

// The first deletionTimestamp counts: force rewrites it.
#[test]
fn a_pod_forced_while_it_was_going_ends_there() {
    check(
        "
        @0 settled sts/db db-0
        @20  pod db-0 going grace=30
        @25  pod db-0 going grace=0
        @25.1 pod db-0 gone
        @25.2 pod db-0b name=db-0 of=sts/db revision=r1
        @27  pod db-0b running ready
        @60 wait
        ",
        expect![[r#"
            recover StatefulSet db 20..27 completed {cause=pods:b191784c-ea65-9ba7-a71a-24ea4e19247a:1700000020}
              terminate Pod db-0 20..25.1 completed
              start Pod db-0 25.2..27 completed
        "#]],
    );
}

#[test]
fn deleted_during_an_update_it_is_deleted_and_the_delete_links_to_it() {
    check(
        "
        @0 settled ds/agent a1
        @20  ds agent image=v2 by=kubectl revision=r2
        @20.1 ds agent status=0/1/1
        @20.2 pod a1 going grace=30
        @21  ds agent delete
        @22  pod a1 gone
        @22.2 ds agent gone
        @50 wait
        ",
        expect![[r#"
            update DaemonSet agent 20..21 deleted {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image, pods.terminating=1}
              terminate Pod a1 20.2..22 completed
            delete DaemonSet agent 21..22.2 completed {cause=delete}
              -> supersedes update DaemonSet spec:2
        "#]],
    );
}

#[test]
fn pods_of_an_older_revision_that_go_with_their_namespace_are_part_of_one_deletion() {
    check(
        "
        @-101 missed sts db ondelete
        @0 settled sts/db db-0 db-1
        @5   sts db image=v2 by=kubectl
        @5.2 sts db revision=r2 status=0/2/2 mixed
        @60  pod db-0 going grace=1
        @60.1 pod db-1 going grace=1
        @61  pod db-0 gone
        @61.1 pod db-1 gone
        @61.5 sts db gone
        @90 wait
        ",
        expect![[r#"
            update StatefulSet db 5..5.2 completed {cause=spec:3, manager=kubectl, changed=template.spec.containers[app].image}
            delete StatefulSet db 60..61.5 completed {cause=delete}
              terminate Pod db-0 60..61 completed
              terminate Pod db-1 60.1..61.1 completed
        "#]],
    );
}

#[test]
fn a_pod_that_is_deleted_before_it_was_ready_says_what_kept_it() {
    check(
        "
        @0 list
        @1   deploy web replicas=1
        @1.1 rs web-1 of=web replicas=1 revision=1
        @1.2 pod a of=web-1 scheduled
        @2   pod a waiting=ErrImagePull
        @10  pod a going
        @11  pod a gone
        @11.1 pod b of=web-1 scheduled
        @12  pod b running ready
        @12.1 rs web-1 status=1/1
        @12.2 deploy web status=1/1/1
        @60 wait
        ",
        expect![[r#"
            create Deployment web 1..12.2 completed {cause=spec:1, manager=controller}
              create ReplicaSet web-1 1.1..12.1 completed {replicas.from=0, replicas.to=1}
                start Pod a 1.2..10 deleted ERROR ErrImagePull: container app: it is so
                terminate Pod a 10..11 completed
                start Pod b 11.1..12 completed
        "#]],
    );
}

// The namespace goes: its Pods before their workloads (KEP-5080).
#[test]
fn what_is_deleted_in_mid_rollout_says_what_its_pods_ran_into_though_they_went_first() {
    check(
        "
        @0 settled web a
        @20   deploy web image=v2
        @20.1 rs web-2 of=web replicas=1 revision=2 image=v2
        @20.2 pod b of=web-2 scheduled
        @21   pod b waiting=ErrImagePull
        @30   pod a going
        @30   pod b going
        @31   pod a gone
        @31   pod b gone
        @32   deploy web gone
        @32   rs web-1 gone
        @32   rs web-2 gone
        @60 wait
        ",
        expect![[r#"
            update Deployment web 20..32 deleted ERROR ErrImagePull: container app: it is so {cause=spec:2, manager=controller, changed=template.spec.containers[app].image}
              create ReplicaSet web-2 20.1..32 unfinished ERROR ErrImagePull: container app: it is so {replicas.from=0, replicas.to=1}
                start Pod b 20.2..30 deleted ERROR ErrImagePull: container app: it is so
                terminate Pod b 30..31 completed
              terminate Pod a 30..31 completed
            delete Deployment web 32..32 completed {cause=delete}
              -> supersedes update Deployment spec:2
              delete ReplicaSet web-1 32..32 completed
              delete ReplicaSet web-2 32..32 completed
        "#]],
    );
}
