//! ReplicaSets and ReplicationControllers without an owner (DESIGN §3).

use expect_test::expect;

use super::tree::check;

// replicas = ready = wanted (`pkg/controller/replicaset/replica_set_utils.go`).
#[test]
fn a_replica_set_without_owner_is_created_until_its_pods_are_ready() {
    check(
        "
        @0 list
        @1   rs solo replicas=2 by=kubectl
        @1.1 pod a of=rs/solo
        @1.2 pod b of=rs/solo
        @1.3 rs solo status=2/0
        @2   pod a running ready
        @3   pod b running ready
        @3.1 rs solo status=2/2
        @40 wait
        ",
        expect![[r#"
            create ReplicaSet solo 1..3.1 completed {cause=spec:1, manager=kubectl, replicas.from=0, replicas.to=2}
              start Pod a 1.1..2 completed
              start Pod b 1.2..3 completed
        "#]],
    );
}

#[test]
fn a_replication_controller_is_created_until_its_pods_are_ready() {
    check(
        "
        @0 list
        @1   rc solo replicas=1 by=kubectl
        @1.1 pod a of=rc/solo
        @1.3 rc solo status=1/0
        @2   pod a running ready
        @2.1 rc solo status=1/1
        @40 wait
        ",
        expect![[r#"
            create ReplicationController solo 1..2.1 completed {cause=spec:1, manager=kubectl}
              start Pod a 1.1..2 completed
        "#]],
    );
}

#[test]
fn its_replicas_are_a_scale_with_the_pods_below_the_root() {
    check(
        "
        @0 settled rs/solo a
        @20  rs solo replicas=2 by=kubectl/scale
        @20.1 pod b of=rs/solo
        @21  pod b running ready
        @21.1 rs solo status=2/2
        @40  rs solo replicas=1 by=kubectl/scale
        @40.1 pod b going grace=30
        @40.2 rs solo status=1/1
        @41  pod b gone
        @60 wait
        ",
        expect![[r#"
            scale ReplicaSet solo 20..21.1 completed {cause=spec:2, manager=kubectl, changed=replicas, replicas.from=1, replicas.to=2}
              start Pod b 20.1..21 completed
            scale ReplicaSet solo 40..40.2 completed {cause=spec:3, changed=replicas, replicas.from=2, replicas.to=1, pods.terminating=1}
              terminate Pod b 40.1..41 completed {reason=scaled down}
        "#]],
    );
}

// The controller makes only new Pods of it: it has settled when it is observed.
#[test]
fn another_template_of_a_replica_set_is_an_update_that_replaces_nothing() {
    check(
        "
        @0 settled rs/solo a
        @20  rs solo image=v2 by=kubectl
        @20.2 rs solo status=1/1
        @40 wait
        ",
        expect![[r#"
            update ReplicaSet solo 20..20.2 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
        "#]],
    );
}

#[test]
fn a_lost_pod_of_a_replication_controller_is_a_recover() {
    check(
        "
        @0 settled rc/solo a
        @20  pod a going grace=30
        @21  pod a gone
        @21.1 pod b of=rc/solo
        @23  pod b running ready
        @60 wait
        ",
        expect![[r#"
            recover ReplicationController solo 20..23 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000020}
              terminate Pod a 20..21 completed
              start Pod b 21.1..23 completed
        "#]],
    );
}

#[test]
fn a_replication_controller_is_deleted_with_its_pods() {
    check(
        "
        @0 settled rc/solo a
        @20  rc solo gone
        @20.1 pod a going grace=30
        @21  pod a gone
        @60 wait
        ",
        expect![[r#"
            delete ReplicationController solo 20..21 completed {cause=delete}
              terminate Pod a 20.1..21 completed
        "#]],
    );
}

#[test]
fn refused_pods_of_a_replication_controller_are_told_by_its_condition() {
    check(
        "
        @0 list
        @1   rc solo replicas=1 by=kubectl
        @1.2 rc solo refused=FailedCreate
        @20  rc solo gone
        @60 wait
        ",
        expect![[r#"
            create ReplicationController solo 1..20 deleted ERROR FailedCreate: quota exceeded {cause=spec:1, manager=kubectl}
            delete ReplicationController solo 20..20 completed {cause=delete}
              -> supersedes create ReplicationController spec:1
        "#]],
    );
}

// The Deployment controller says that it is complete in the same breath; the ReplicaSet's comes later.
#[test]
fn a_replica_set_of_no_pods_has_settled_when_it_is_written() {
    check(
        "
        @0 list
        @1    deploy web replicas=0 by=kubectl
        @1.1  rs web-1 of=web replicas=0
        @1.12 deploy web status=0/0/0
        @1.14 rs web-1 status=0/0
        @20   deploy web image=v2 by=kubectl
        @20.1 rs web-2 of=web replicas=0 image=v2
        @20.12 deploy web status=0/0/0
        @20.14 rs web-2 status=0/0
        @40 wait
        ",
        expect![[r#"
            create Deployment web 1..1.12 completed {cause=spec:1, manager=kubectl}
              create ReplicaSet web-1 1.1..1.1 completed {replicas.from=0, replicas.to=0}
            update Deployment web 20..20.12 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              create ReplicaSet web-2 20.1..20.1 completed {replicas.from=0, replicas.to=0}
        "#]],
    );
}

// A quota let none of them come; an autoscaler goes back to what there is.
#[test]
fn a_replica_set_whose_write_is_taken_back_has_settled_with_what_it_has() {
    check(
        "
        @0 settled web a
        @20   deploy web replicas=3 by=hpa
        @20.1 rs web-1 replicas=3
        @20.2 rs web-1 status=1/1 refused=FailedCreate
        @20.3 deploy web status=1/1/1
        @60   deploy web replicas=1 by=hpa
        @60.1 rs web-1 replicas=1
        @60.12 deploy web status=1/1/1
        @60.14 rs web-1 status=1/1
        @90 wait
        ",
        expect![[r#"
            scale Deployment web 20..60.12 completed {cause=spec:2, manager=hpa, changed=replicas}
              * 60 goal changed field=replicas from=3 to=1 manager=hpa
              scale ReplicaSet web-1 20.1..60.1 completed {replicas.from=1, replicas.to=1}
                * 60.1 replicas changed replicas.from=3 replicas.to=1
        "#]],
    );
}
