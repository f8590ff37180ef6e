//! Custom resources that have Pods of their own and do not say how many (DESIGN §1, wanted).

use expect_test::expect;

use super::tree::{check, check_counts};

const CLUSTER: &str = "
        @0 list
        @1   cr Cluster.example.org db by=kubectl spec.instances=2
        @1.1 pod a of=Cluster.example.org/db
        @1.2 pod b of=Cluster.example.org/db
        @2   pod a running ready
        @2.1 pod b running ready
        @3   cr Cluster.example.org db settled
        ";

#[test]
fn as_many_pods_are_wanted_as_there_were_when_it_settled() {
    check(
        &format!(
            "{CLUSTER}
            @30 pod a going grace=30
            @31 pod a gone
            @32 pod c of=Cluster.example.org/db
            @34 pod c running ready
            @60 wait
            "
        ),
        expect![[r#"
            create Cluster db 1..3 completed {cause=spec:1, manager=kubectl}
              start Pod a 1.1..2 completed
              start Pod b 1.2..2.1 completed
            recover Cluster db 30..34 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000030}
              terminate Pod a 30..31 completed
              start Pod c 32..34 completed
        "#]],
    );
}

#[test]
fn a_list_shows_how_many_there_were() {
    check(
        "
        @-100 missed cr Cluster.example.org db by=kubectl spec.instances=2
        @-99 missed pod a of=Cluster.example.org/db
        @-98 missed pod b of=Cluster.example.org/db
        @-97 missed pod a running ready
        @-96 missed pod b running ready
        @-95 missed cr Cluster.example.org db settled
        @0 list
        @30 pod a going grace=30
        @31 pod a gone
        @32 pod c of=Cluster.example.org/db
        @34 pod c running ready
        @60 wait
        ",
        expect![[r#"
            recover Cluster db 30..34 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000030}
              terminate Pod a 30..31 completed
              start Pod c 32..34 completed
        "#]],
    );
}

#[test]
fn what_was_lost_on_trial_was_there_when_it_settled() {
    check(
        &format!(
            "{CLUSTER}
            @5 pod a going grace=30
            @6 pod a gone
            @7 pod c of=Cluster.example.org/db
            @9 pod c running ready
            @60 wait
            "
        ),
        expect![[r#"
            create Cluster db 1..3 completed {cause=spec:1, manager=kubectl, unstable}
              start Pod a 1.1..2 completed
              start Pod b 1.2..2.1 completed
            recover Cluster db 5..9 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000005}
              -> follows create Cluster spec:1
              terminate Pod a 5..6 completed
              start Pod c 7..9 completed
        "#]],
    );
}

#[test]
fn an_update_wants_what_it_settles_with() {
    check(
        &format!(
            "{CLUSTER}
            @30 cr Cluster.example.org db spec.instances=1 progressing by=kubectl
            @31 pod a going grace=30
            @32 pod a gone
            @33 cr Cluster.example.org db settled
            @60 pod b going grace=30
            @61 pod b gone
            @62 pod c of=Cluster.example.org/db
            @64 pod c running ready
            @90 wait
            "
        ),
        expect![[r#"
            create Cluster db 1..3 completed {cause=spec:1, manager=kubectl}
              start Pod a 1.1..2 completed
              start Pod b 1.2..2.1 completed
            update Cluster db 30..33 completed {cause=spec:2, manager=kubectl, changed=instances}
              terminate Pod a 31..32 completed
            recover Cluster db 60..64 completed {cause=pods:f6ab8143-a383-d94f-7081-74e62f0820e1:1700000060}
              terminate Pod b 60..61 completed
              start Pod c 62..64 completed
        "#]],
    );
}

#[test]
fn nobody_misses_a_pod_that_runs_to_its_end() {
    check_counts(
        &format!(
            "{CLUSTER}
            @30 pod backup of=Cluster.example.org/db restarts=Never
            @31 pod backup running
            @35 pod backup exit=0 succeeded
            @60 wait
            "
        ),
        expect![[r#"
            create Cluster db 1..3 completed {cause=spec:1, manager=kubectl}
              start Pod a 1.1..2 completed
              start Pod b 1.2..2.1 completed
            run Pod backup 30..35 completed {cause=spec:1, owner.kind=Cluster, owner.name=db}
              start Pod backup 30..31 completed
              run container backup [app] 31..35 completed {reason=Completed, exit_code=0}
            counted: churn 1
        "#]],
    );
}

// It has one more than it settled with, which is no loss either.
#[test]
fn more_pods_than_there_were_are_enough() {
    check(
        &format!(
            "{CLUSTER}
            @30 pod c of=Cluster.example.org/db
            @31 pod c running ready
            @40 pod c going grace=30
            @41 pod c gone
            @50 pod a exit=1
            @51 pod d of=Cluster.example.org/db
            @52 pod d running ready
            @53 pod a running ready
            @90 wait
            "
        ),
        expect![[r#"
            create Cluster db 1..3 completed {cause=spec:1, manager=kubectl}
              start Pod a 1.1..2 completed
              start Pod b 1.2..2.1 completed
            recover Cluster db 50..53 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000050, reason=Error}
              restart container a [app] 50..53 completed {reason=Error, exit_code=1}
              start Pod d 51..52 completed
        "#]],
    );
}

const WITH_DEPLOYMENT: &str = "
        @0 list
        @1   cr Cluster.example.org db by=kubectl spec.instances=1
        @1.1 pod a of=Cluster.example.org/db
        @1.2 deploy proxy of=Cluster.example.org/db replicas=1 image=v1
        @1.3 rs proxy-1 of=proxy replicas=1 image=v1
        @1.4 pod p of=proxy-1
        @2   pod a running ready
        @2.1 pod p running ready
        @2.2 rs proxy-1 status=1/1
        @2.3 deploy proxy status=1/1/1
        @3   cr Cluster.example.org db settled
        ";

#[test]
fn what_workloads_below_want_is_wanted_beside_the_pods_of_its_own() {
    check(
        &format!(
            "{WITH_DEPLOYMENT}
            @30 pod p exit=1
            @31 pod p running ready
            @60 pod a going grace=30
            @61 pod a gone
            @62 pod b of=Cluster.example.org/db
            @64 pod b running ready
            @90 deploy proxy replicas=2 by=hpa
            @90.1 rs proxy-1 replicas=2
            @90.2 pod q of=proxy-1
            @91 pod q running ready
            @91.1 rs proxy-1 status=2/2
            @91.2 deploy proxy status=2/2/2
            @120 wait
            "
        ),
        expect![[r#"
            create Cluster db 1..3 completed {cause=spec:1, manager=kubectl}
              start Pod a 1.1..2 completed
              create Deployment proxy 1.2..2.3 completed
                create ReplicaSet proxy-1 1.3..2.2 completed {replicas.from=0, replicas.to=1}
                  start Pod p 1.4..2.1 completed
            recover Cluster db 30..31 completed {cause=pods:f6ab8143-9183-d94f-7081-74e62f080abb:1700000030, reason=Error}
              restart container p [app] 30..31 completed {reason=Error, exit_code=1}
            recover Cluster db 60..64 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000060}
              terminate Pod a 60..61 completed
              start Pod b 62..64 completed
            reconcile Cluster db 90..91.2 completed {cause=owned:099c1e56-deb6-f210-8001-33f1f4d601e5:2, manager=hpa}
              -> follows recover Cluster pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000060
              scale Deployment proxy 90..91.2 completed
                scale ReplicaSet proxy-1 90.1..91.1 completed {replicas.from=1, replicas.to=2}
                  start Pod q 90.2..91 completed
        "#]],
    );
}

#[test]
fn a_pod_more_than_there_were_replaces_none_of_a_workload_below() {
    check(
        &format!(
            "{WITH_DEPLOYMENT}
            @20 pod b of=Cluster.example.org/db
            @21 pod b running ready
            @30 pod p going grace=30
            @31 pod p gone
            @32 pod q of=proxy-1
            @34 pod q running ready
            @60 wait
            "
        ),
        expect![[r#"
            create Cluster db 1..3 completed {cause=spec:1, manager=kubectl}
              start Pod a 1.1..2 completed
              create Deployment proxy 1.2..2.3 completed
                create ReplicaSet proxy-1 1.3..2.2 completed {replicas.from=0, replicas.to=1}
                  start Pod p 1.4..2.1 completed
            recover Cluster db 30..34 completed {cause=pods:f6ab8143-9183-d94f-7081-74e62f080abb:1700000030}
              terminate Pod p 30..31 completed
              start Pod q 32..34 completed
        "#]],
    );
}

#[test]
fn what_settles_after_the_list_has_what_it_has_then() {
    check(
        "
        @-100 missed cr Cluster.example.org db by=kubectl spec.instances=2
        @-99 missed pod a of=Cluster.example.org/db
        @-98 missed pod b of=Cluster.example.org/db
        @-97 missed pod a running ready
        @0 list
        @1  pod b running ready
        @2  cr Cluster.example.org db settled
        @30 pod a going grace=30
        @31 pod a gone
        @32 pod c of=Cluster.example.org/db
        @34 pod c running ready
        @60 wait
        ",
        expect![[r#"
            recover Cluster db 30..34 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000030}
              terminate Pod a 30..31 completed
              start Pod c 32..34 completed
        "#]],
    );
}

// Its Pods are gone a moment after what they were of.
#[test]
fn an_old_colour_that_is_deleted_on_trial_is_wanted_by_nobody() {
    check(
        "
        @0 list
        @1   cr Widget.example.org w by=kubectl spec.size=1
        @1.1 deploy blue of=Widget.example.org/w replicas=1 image=v1
        @1.2 rs blue-1 of=blue replicas=1 image=v1
        @1.3 pod b of=blue-1
        @2   pod b running ready
        @2.1 rs blue-1 status=1/1
        @2.2 deploy blue status=1/1/1
        @3   cr Widget.example.org w settled
        @30  cr Widget.example.org w spec.size=2 progressing by=kubectl
        @30.1 deploy green of=Widget.example.org/w replicas=1 image=v2
        @30.2 rs green-1 of=green replicas=1 image=v2
        @30.3 pod g of=green-1
        @32  pod g running ready
        @32.1 rs green-1 status=1/1
        @32.2 deploy green status=1/1/1
        @33  cr Widget.example.org w settled
        @36  deploy blue gone
        @36.1 rs blue-1 gone
        @36.2 pod b going grace=30
        @38  pod b gone
        @90  pod g going grace=30
        @90.1 pod h of=green-1
        @91  pod g gone
        @92  pod h running ready
        @120 wait
        ",
        expect![[r#"
            create Widget w 1..3 completed {cause=spec:1, manager=kubectl}
              create Deployment blue 1.1..2.2 completed
                create ReplicaSet blue-1 1.2..2.1 completed {replicas.from=0, replicas.to=1}
                  start Pod b 1.3..2 completed
            update Widget w 30..38 completed {cause=spec:2, manager=kubectl, changed=size}
              create Deployment green 30.1..32.2 completed
                create ReplicaSet green-1 30.2..32.1 completed {replicas.from=0, replicas.to=1}
                  start Pod g 30.3..32 completed
              delete Deployment blue 36..38 completed
                delete ReplicaSet blue-1 36.1..38 completed
                  terminate Pod b 36.2..38 completed
            recover Widget w 90..92 completed {cause=pods:f6ab8143-a683-d94f-7081-74e62f082492:1700000090}
              terminate Pod g 90..91 completed
              start Pod h 90.1..92 completed
        "#]],
    );
}

#[test]
fn of_a_custom_resource_below_that_is_deleted_no_pod_is_wanted_any_more() {
    check(
        "
        @0 list
        @1   cr Stack.example.org s by=kubectl spec.size=2
        @1.1 cr Widget.example.org a of=Stack.example.org/s
        @1.2 cr Widget.example.org b of=Stack.example.org/s
        @1.3 pod p of=Widget.example.org/a
        @1.4 pod q of=Widget.example.org/b
        @2   pod p running ready
        @2.1 pod q running ready
        @2.2 cr Widget.example.org a settled
        @2.3 cr Widget.example.org b settled
        @3   cr Stack.example.org s settled
        @30  cr Widget.example.org b gone
        @30.1 pod q going grace=30
        @32  pod q gone
        @60  pod p going grace=30
        @61  pod p gone
        @62  pod r of=Widget.example.org/a
        @63  pod r running ready
        @90 wait
        ",
        expect![[r#"
            create Stack s 1..3 completed {cause=spec:1, manager=kubectl}
              create Widget a 1.1..2.2 completed
                start Pod p 1.3..2 completed
              create Widget b 1.2..2.3 completed
                start Pod q 1.4..2.1 completed
            reconcile Stack s 30..32 completed {cause=owned:3381216f-543f-972c-295f-7a0dac4e056c:gone}
              -> follows create Stack spec:1
              delete Widget b 30..32 completed
                terminate Pod q 30.1..32 completed
        "#]],
    );
}

// Nothing says that it is wanted: its operator may have taken it away.
#[test]
fn a_pod_of_its_own_that_is_not_made_up_for_on_trial_is_not_missed() {
    check(
        &format!(
            "{CLUSTER}
            @5 pod a going grace=30
            @6 pod a gone
            @40 pod b exit=1
            @41 pod b running ready
            @70 wait
            "
        ),
        expect![[r#"
            create Cluster db 1..3 completed {cause=spec:1, manager=kubectl, pods.terminating=1}
              start Pod a 1.1..2 completed
              start Pod b 1.2..2.1 completed
              terminate Pod a 5..6 completed
            recover Cluster db 40..41 completed {cause=pods:f6ab8143-a383-d94f-7081-74e62f0820e1:1700000040, reason=Error}
              restart container b [app] 40..41 completed {reason=Error, exit_code=1}
        "#]],
    );
}
