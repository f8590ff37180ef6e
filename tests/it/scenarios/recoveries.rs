//! Losses, recoveries and healings (DESIGN §3, `recover` and rules 6, 11, 12, 13).

use expect_test::expect;

use super::tree::{check, check_counts};

#[test]
fn a_recovery_waits_for_nothing_that_only_goes() {
    check_counts(
        "
        @0 settled web a
        @30   pod a going grace=3000
        @30.1 pod b of=web-1
        @31   pod b running ready
        @80 wait
        ",
        expect![[r#"
            recover Deployment web 30..31 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000030, pods.terminating=1}
              start Pod b 30.1..31 completed
            counted: baseline 1
        "#]],
    );
}

#[test]
fn a_recovery_begins_again_when_health_does_not_last() {
    check_counts(
        "
        @0 settled web a
        @30   pod a going grace=1
        @30.1 pod b of=web-1
        @31   pod b running ready
        @32   pod a gone
        @36   pod b exit=3
        @37   pod b running ready
        @80 wait
        ",
        expect![[r#"
            recover Deployment web 30..37 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000030}
              terminate Pod a 30..32 completed
              start Pod b 30.1..31 completed
              restart container b [app] 36..37 completed {reason=Error, exit_code=3}
            counted: baseline 1
        "#]],
    );
}

// Its Pods go, one of them Ready once more, when their StatefulSet has settled.
#[test]
fn a_pod_that_exits_before_it_was_ever_ready_is_lost_where_nothing_is_open() {
    check_counts(
        "
        @0 settled sts/db db-0
        @20   pod db-0 going grace=30
        @20.1 sts db image=v2 by=kubectl ondelete
        @20.2 sts db status=0/1/1
        @22   pod db-0 succeeded
        @23   pod db-0 gone
        @23.1 pod db-1 of=sts/db name=db-0
        @24   pod db-1 running
        @25   pod db-1 exit=3
        @26   pod db-1 running ready
        @80 wait
        ",
        expect![[r#"
            recover StatefulSet db 20..20.1 superseded {cause=pods:b191784c-ea65-9ba7-a71a-24ea4e19247a:1700000020, pods.terminating=1}
              terminate Pod db-0 20..23 completed
            update StatefulSet db 20.1..20.2 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image+updateStrategy.type, unstable}
              -> supersedes recover StatefulSet pods:b191784c-ea65-9ba7-a71a-24ea4e19247a:1700000020
            recover StatefulSet db 25..26 completed {cause=pods:b191784c-eb65-9ba7-a71a-24ea4e1925b5:1700000025, reason=Error}
              -> follows update StatefulSet spec:2
              restart container db-0 [app] 25..26 completed {reason=Error, exit_code=3}
            counted: pods 1, baseline 1, churn 1
        "#]],
    );
}

#[test]
fn a_healing_holds_what_happened_since_the_failure_and_is_named_by_it() {
    check_counts(
        "
        @0 settled web a
        @10   deploy web image=v2 by=kubectl
        @10.1 rs web-2 of=web replicas=1 image=v2
        @10.2 pod b of=web-2
        @600  deploy web deadline
        @700  pod b running ready
        @700.1 rs web-2 status=1/1
        @700.2 rs web-1 replicas=0
        @700.3 pod a going grace=0
        @700.4 pod a gone
        @700.5 rs web-1 status=0/0
        @700.6 deploy web status=1/1/1 reason=NewReplicaSetAvailable
        @800 wait
        ",
        expect![[r#"
            update Deployment web 10..600 failed ERROR ProgressDeadlineExceeded: it took too long {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              create ReplicaSet web-2 10.1..600 unfinished {replicas.from=0, replicas.to=1}
                start Pod b 10.2..600 unfinished
                  schedule Pod b 10.2..600 unfinished
            recover Deployment web 600..700.6 completed {cause=heal:spec:2}
              -> follows update Deployment spec:2
              scale ReplicaSet web-1 700.2..700.5 completed {replicas.from=1, replicas.to=0}
                terminate Pod a 700.3..700.4 completed {reason=scaled down}
            counted: pods 1, baseline 1, churn 2
        "#]],
    );
}

#[test]
fn what_a_failure_left_open_is_part_of_the_next_transition() {
    check_counts(
        "
        @0 settled web a
        @10   deploy web image=v2 by=kubectl
        @10.1 rs web-2 of=web replicas=1 image=v2
        @10.2 pod b of=web-2
        @600  deploy web deadline
        @610  pod b going grace=0
        @620  deploy web image=v1 by=kubectl
        @620.1 rs web-2 replicas=0
        @620.2 pod b gone
        @620.3 rs web-2 status=0/0
        @620.4 deploy web status=1/1/1 reason=NewReplicaSetAvailable
        @700 wait
        ",
        expect![[r#"
            update Deployment web 10..600 failed ERROR ProgressDeadlineExceeded: it took too long {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              create ReplicaSet web-2 10.1..600 unfinished {replicas.from=0, replicas.to=1}
                start Pod b 10.2..600 unfinished
                  schedule Pod b 10.2..600 unfinished
            rollback Deployment web 620..620.4 completed {cause=spec:3, manager=kubectl, changed=template.spec.containers[app].image}
              -> follows update Deployment spec:2
              scale ReplicaSet web-2 620..620.3 completed {replicas.from=1, replicas.to=0}
                terminate Pod b 620..620.2 completed
            counted: pods 1, baseline 1, churn 2
        "#]],
    );
}

// They are told from the write on.
#[test]
fn what_pods_do_in_a_healing_that_is_not_told_goes_on_in_the_next_transition() {
    check(
        "
        @0 settled web a b
        @10   deploy web image=v2 by=kubectl
        @10.1 rs web-2 of=web replicas=1 image=v2
        @10.2 pod c of=web-2
        @600  deploy web deadline
        @610  pod c running ready
        @610.1 rs web-2 replicas=2
        @610.2 pod d of=web-2
        @610.3 pod e of=web-2
        @610.5 pod d scheduled
        @610.6 rs web-1 replicas=0
        @610.7 pod a going grace=30
        @610.8 pod b going grace=30
        @610.9 pod e going grace=30
        @612   pod b gone
        @613   deploy web image=v3 by=kubectl
        @613.1 rs web-3 of=web replicas=1 image=v3
        @613.2 pod f of=web-3
        @614   pod d running ready
        @614.1 pod e gone
        @615   pod a gone
        @616   pod f running ready
        @616.1 rs web-3 status=1/1
        @616.2 rs web-2 replicas=0
        @616.3 pod c going grace=0
        @616.4 pod d going grace=0
        @616.5 rs web-2 status=0/0
        @616.6 pod c gone
        @616.7 pod d gone
        @617 deploy web status=2/2/2 reason=NewReplicaSetAvailable
        @700 wait
        ",
        expect![[r#"
            update Deployment web 10..600 failed ERROR ProgressDeadlineExceeded: it took too long {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              create ReplicaSet web-2 10.1..600 unfinished {replicas.from=0, replicas.to=1}
                start Pod c 10.2..600 unfinished
                  schedule Pod c 10.2..600 unfinished
            update Deployment web 613..617 completed {cause=spec:3, manager=kubectl, changed=template.spec.containers[app].image}
              -> follows update Deployment spec:2
              scale ReplicaSet web-2 613..616.5 completed {replicas.from=1, replicas.to=0}
                * 616.2 replicas changed replicas.from=2 replicas.to=0
                start Pod d 613..614 completed
                terminate Pod e 613..614.1 completed {reason=scaled down}
                terminate Pod c 616.3..616.6 completed {reason=scaled down}
                terminate Pod d 616.4..616.7 completed {reason=scaled down}
              scale ReplicaSet web-1 613..617 unfinished {replicas.from=2, replicas.to=0}
                terminate Pod a 613..615 completed {reason=scaled down}
              create ReplicaSet web-3 613.1..616.1 completed {replicas.from=0, replicas.to=1}
                start Pod f 613.2..616 completed
        "#]],
    );
}

#[test]
fn a_scale_past_the_deadline_ends_by_what_is_said_after_it() {
    check_counts(
        "
        @0 settled web a
        @10   deploy web image=v2 by=kubectl
        @10.1 rs web-2 of=web replicas=1 image=v2
        @600  deploy web deadline
        @620  deploy web replicas=2 by=kubectl
        @621  deploy web observed
        @640  deploy web deadline
        @700 wait
        ",
        expect![[r#"
            update Deployment web 10..600 failed ERROR ProgressDeadlineExceeded: it took too long {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              create ReplicaSet web-2 10.1..600 unfinished {replicas.from=0, replicas.to=1}
            scale Deployment web 620..640 failed ERROR ProgressDeadlineExceeded: it took too long {cause=spec:3, manager=kubectl, changed=replicas}
              -> follows update Deployment spec:2
            counted: baseline 1, churn 3
        "#]],
    );
}

#[test]
fn the_pods_of_a_namespace_go_first_and_its_deletion_begins_with_them() {
    check_counts(
        "
        @0 settled web a b
        @30   pod a going grace=1
        @30.1 pod b going grace=1
        @31   pod a gone
        @31.1 pod b gone
        @35   deploy web gone
        @35.1 rs web-1 gone
        @80 wait
        ",
        expect![[r#"
            delete Deployment web 30..35.1 completed {cause=delete}
              delete ReplicaSet web-1 30..35.1 completed
                terminate Pod a 30..31 completed
                terminate Pod b 30.1..31.1 completed
            counted: baseline 1
        "#]],
    );
}

#[test]
fn a_bare_pod_that_fails_for_good_after_it_was_ready_ends_in_a_trace_of_its_own() {
    check_counts(
        "
        @0 list
        @1   pod solo
        @1.1 pod solo scheduled
        @2   pod solo running ready
        @60  pod solo exit=137 failed=Evicted
        @90  pod solo gone
        @150 wait
        ",
        expect![[r#"
            start Pod solo 1..2 completed {cause=spec:1}
            terminate Pod solo 60..60 failed ERROR Evicted: the Pod has failed {cause=end, reason=Evicted}
            counted: pods 1
        "#]],
    );
}

#[test]
fn a_container_that_a_probe_had_killed_says_what_the_probe_said() {
    check_counts(
        "
        @0 settled web a
        @30   event pod/a Unhealthy app warning said=Liveness_probe_failed:_no_answer
        @30.1 event pod/a Killing app said=Container_app_failed_liveness_probe,_will_be_restarted
        @31   pod a exit=137
        @32   pod a running ready
        @80 wait
        ",
        expect![[r#"
            recover Deployment web 31..32 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000031, reason=LivenessProbeFailed}
              restart container a [app] 31..32 completed {reason=LivenessProbeFailed, exit_code=137}
            counted: baseline 1
        "#]],
    );
}

#[test]
fn an_init_container_that_runs_again_is_one_restart() {
    check_counts(
        "
        @0 list
        @1   deploy web replicas=1 by=kubectl
        @1.1 rs web-1 of=web replicas=1
        @1.2 pod a of=web-1 containers=init:setup,app
        @1.3 pod a scheduled
        @2   pod a setup:exit=1
        @3   pod a setup:running
        @3.5 pod a setup:running annotate
        @4   pod a setup:exit=0
        @5   pod a app:running ready
        @5.1 rs web-1 status=1/1
        @5.2 deploy web status=1/1/1
        @60 wait
        ",
        expect![[r#"
            create Deployment web 1..5.2 completed {cause=spec:1, manager=kubectl}
              create ReplicaSet web-1 1.1..5.1 completed {replicas.from=0, replicas.to=1}
                start Pod a 1.2..5 completed
                  restart container a [setup] 2..3 completed {reason=Error, exit_code=1}
            counted: churn 1, unchanged 1
        "#]],
    );
}

#[test]
fn a_loss_that_outlasts_the_write_that_came_over_its_recovery_is_another_recovery() {
    check(
        "
        @-101 missed sts db ondelete
        @0 settled sts/db db-0 db-1
        @5   pod db-0 unready
        @30  sts db image=v2 by=kubectl
        @30.2 sts db revision=r2 status=0/2/2 mixed
        @90  pod db-0 ready
        @120 wait
        ",
        expect![[r#"
            recover StatefulSet db 5..30 superseded {cause=pods:b191784c-ea65-9ba7-a71a-24ea4e19247a:1700000005, reason=Unready}
            update StatefulSet db 30..30.2 completed {cause=spec:3, manager=kubectl, changed=template.spec.containers[app].image, unstable}
              -> supersedes recover StatefulSet pods:b191784c-ea65-9ba7-a71a-24ea4e19247a:1700000005
            recover StatefulSet db 30..90 completed {cause=pods:b191784c-ea65-9ba7-a71a-24ea4e19247a:1700000030, reason=Unready}
              -> follows update StatefulSet spec:3
        "#]],
    );
}

// A kubelet that comes back writes the condition that it had, with the time of that; the node lifecycle
// controller had written another meanwhile.
#[test]
fn a_pod_whose_node_comes_back_is_ready_from_then_on_whatever_its_condition_says() {
    check(
        "
        @0 settled web a
        @30 pod a unready
        @66 pod a ready turned=-97
        @90 wait
        ",
        expect![[r#"
            recover Deployment web 30..66 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000030, reason=Unready}
        "#]],
    );
}

#[test]
fn a_pod_that_was_not_ready_and_is_then_evicted_says_why_it_was_lost() {
    check(
        "
        @0 settled web a
        @30  pod a node-lost
        @330 pod a going disrupted=DeletionByTaintManager
        @331 pod b of=web-1 scheduled
        @332 pod b running ready
        @400 wait
        ",
        expect![[r#"
            recover Deployment web 30..332 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000030, pods.terminating=1, reason=NodeLost}
              start Pod b 331..332 completed
        "#]],
    );
}

// A status of which nothing is read is not told: its time says nothing of the write that comes after it.
#[test]
fn what_a_write_ends_ends_with_it_and_not_with_a_status_in_between_that_told_nothing() {
    check(
        "
        @0 settled web a
        @30 pod a going grace=1
        @31 pod a gone
        @31.1 rs web-1 status=0/0 refused=FailedCreate
        @31.2 deploy web status=0/0/0
        @38 missed deploy web status=0/0/0
        @50 deploy web replicas=0 by=kubectl/scale
        @80 wait
        ",
        expect![[r#"
            recover Deployment web 30..50 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000030, blocked.reason=FailedCreate}
              * 50 goal changed field=replicas from=1 to=0 manager=kubectl
              terminate Pod a 30..31 completed
        "#]],
    );
}
