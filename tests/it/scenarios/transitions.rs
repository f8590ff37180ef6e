//! DESIGN §3, the table: what opens a transition, and when it has settled.

use expect_test::expect;

use super::tree::{check, check_counts};

#[test]
fn a_first_version_opens_create_and_its_pods_ready_settle_it() {
    check(
        "
        @0 list
        @1    deploy web replicas=2 image=v1 stamp=aa by=kubectl
        @1.1  rs web-1 of=web replicas=2 image=v1 stamp=aa
        @1.15 deploy web observed status=0/0/0
        @1.2  pod a of=web-1
        @1.21 pod b of=web-1
        @1.3  pod a scheduled
        @1.31 pod b scheduled
        @2    pod a running ready
        @2.5  pod b running ready
        @2.6  rs web-1 status=2/2
        @2.7  deploy web status=2/2/2
        @30 wait
        ",
        expect![[r#"
            create Deployment web 1..2.7 completed {CONSUMER, cause=spec:1, manager=kubectl}
              -> stamp aa.aa in tracing.k8s.io/traceparent
              create ReplicaSet web-1 1.1..2.6 completed {replicas.from=0, replicas.to=2}
                start Pod a 1.2..2 completed
                start Pod b 1.21..2.5 completed
        "#]],
    );
}

#[test]
fn a_deployment_has_settled_when_its_own_controller_says_so_and_not_before() {
    check(
        "
        @0 settled web a
        @1 deploy web replicas=2 by=kubectl
        @2 deploy web status=2/2/2 observed=1
        @3 deploy web status=1/2/2
        @4 deploy web status=2/3/2
        @5 deploy web status=2/2/1
        @6 deploy web status=2/2/2
        @30 wait
        ",
        expect![[r#"
            scale Deployment web 1..6 completed {cause=spec:2, manager=kubectl, changed=replicas}
        "#]],
    );
}

#[test]
fn a_replica_set_of_its_own_settles_with_as_many_ready_as_wanted() {
    check(
        "
        @0 list
        @1   rs solo replicas=2 by=kubectl
        @1.1 pod a of=solo
        @1.2 pod b of=solo
        @2   pod a running ready
        @2.1 rs solo status=2/1
        @3   pod b running ready
        @3.1 rs solo status=2/2
        @30 wait
        ",
        expect![[r#"
            create ReplicaSet solo 1..3.1 completed {cause=spec:1, manager=kubectl, replicas.from=0, replicas.to=2}
              start Pod a 1.1..2 completed
              start Pod b 1.2..3 completed
        "#]],
    );
}

#[test]
fn another_template_is_an_update() {
    check(
        "
        @0 settled web a
        @1    deploy web image=v2 by=kubectl
        @1.1  rs web-2 of=web replicas=1 image=v2
        @1.2  pod b of=web-2
        @1.3  pod b scheduled
        @3    pod b running ready
        @3.1  rs web-1 replicas=0
        @3.2  pod a going grace=30
        @3.25 rs web-1 status=0/0
        @3.3  rs web-2 status=1/1
        @3.4  deploy web status=1/1/1 reason=NewReplicaSetAvailable
        @4    pod a gone
        @30 wait
        ",
        expect![[r#"
            update Deployment web 1..3.4 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image, pods.terminating=1}
              create ReplicaSet web-2 1.1..3.3 completed {replicas.from=0, replicas.to=1}
                start Pod b 1.2..3 completed
              scale ReplicaSet web-1 3.1..3.25 completed {replicas.from=1, replicas.to=0}
                terminate Pod a 3.2..4 completed {reason=scaled down}
        "#]],
    );
}

#[test]
fn the_template_of_an_older_revision_is_a_rollback() {
    check(
        "
        @0 settled web a
        @1   deploy web image=v2 by=kubectl
        @1.1 rs web-2 of=web replicas=1 image=v2
        @2   rs web-1 replicas=0
        @2.1 rs web-1 status=0/0
        @2.2 rs web-2 status=1/1
        @3   deploy web status=1/1/1
        @40  deploy web image=v1 by=kubectl
        @40.1 rs web-1 replicas=1
        @41  rs web-2 replicas=0
        @41.1 rs web-2 status=0/0
        @42  rs web-1 status=1/1
        @43  deploy web status=1/1/1
        @60 wait
        ",
        expect![[r#"
            update Deployment web 1..3 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              create ReplicaSet web-2 1.1..2.2 completed {replicas.from=0, replicas.to=1}
              scale ReplicaSet web-1 2..2.1 completed {replicas.from=1, replicas.to=0}
            rollback Deployment web 40..43 completed {cause=spec:3, manager=kubectl, changed=template.spec.containers[app].image}
              scale ReplicaSet web-1 40.1..42 completed {replicas.from=0, replicas.to=1}
              scale ReplicaSet web-2 41..41.1 completed {replicas.from=1, replicas.to=0}
        "#]],
    );
}

#[test]
fn nothing_but_restarted_at_is_a_restart_and_with_an_image_it_is_an_update() {
    check(
        "
        @0 settled web a
        @1  deploy web restarted=monday by=kubectl-rollout
        @2  deploy web status=1/1/1
        @40 deploy web restarted=tuesday image=v2 by=kubectl-edit
        @41 deploy web status=1/1/1
        @60 wait
        ",
        expect![[r#"
            restart Deployment web 1..2 completed {cause=spec:2, manager=kubectl-rollout, changed=template.metadata.annotations[kubectl.kubernetes.io/restartedAt]}
            update Deployment web 40..41 completed {cause=spec:3, manager=kubectl-edit, changed=template.metadata.annotations[kubectl.kubernetes.io/restartedAt]+template.spec.containers[app].image}
        "#]],
    );
}

#[test]
fn nothing_but_replicas_is_a_scale() {
    check(
        "
        @0 settled web a
        @1   deploy web replicas=2 by=hpa/scale
        @1.1 rs web-1 replicas=2
        @1.2 pod b of=web-1
        @2   pod b running ready
        @2.1 rs web-1 status=2/2
        @2.2 deploy web status=2/2/2
        @30 wait
        ",
        expect![[r#"
            scale Deployment web 1..2.2 completed {cause=spec:2, manager=hpa, changed=replicas}
              scale ReplicaSet web-1 1.1..2.1 completed {replicas.from=1, replicas.to=2}
                start Pod b 1.2..2 completed
        "#]],
    );
}

#[test]
fn paused_with_nothing_open_is_a_pause_that_ends_when_observed() {
    check(
        "
        @0 settled web a
        @1 deploy web paused by=kubectl
        @2 deploy web observed
        @30 wait
        ",
        expect![[r#"
            pause Deployment web 1..2 paused {cause=spec:2, manager=kubectl, changed=paused}
        "#]],
    );
}

#[test]
fn another_goal_field_with_nothing_open_is_an_update() {
    check(
        "
        @0 settled web a
        @1 deploy web history=3 by=kubectl
        @2 deploy web observed
        @30 wait
        ",
        expect![[r#"
            update Deployment web 1..2 completed {cause=spec:2, manager=kubectl, changed=revisionHistoryLimit}
        "#]],
    );
}

#[test]
fn paused_taken_away_is_a_resume_linked_to_what_was_paused() {
    check(
        "
        @0 settled web a
        @1  deploy web paused by=kubectl
        @2  deploy web observed
        @40 deploy web resumed by=kubectl
        @41 deploy web observed
        @60 wait
        ",
        expect![[r#"
            pause Deployment web 1..2 paused {cause=spec:2, manager=kubectl, changed=paused}
            resume Deployment web 40..41 completed {cause=spec:3, manager=kubectl, changed=paused}
              -> resumes pause Deployment spec:2
        "#]],
    );
}

#[test]
fn a_wanted_pod_that_is_going_opens_a_recover_at_once() {
    check(
        "
        @0 settled web a
        @5 pod a going grace=30
        @5.1 pod b of=web-1
        @6 pod a gone
        @7 pod b running ready
        @60 wait
        ",
        expect![[r#"
            recover Deployment web 5..7 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000005}
              terminate Pod a 5..6 completed
              start Pod b 5.1..7 completed
        "#]],
    );
}

#[test]
fn a_wanted_pod_that_is_gone_without_a_request_opens_a_recover() {
    check(
        "
        @0 settled web a
        @5 pod a gone
        @5.1 pod b of=web-1
        @7 pod b running ready
        @60 wait
        ",
        expect![[r#"
            recover Deployment web 5..7 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1699999903}
              terminate Pod a 5..5 completed
              start Pod b 5.1..7 completed
        "#]],
    );
}

#[test]
fn a_wanted_pod_that_failed_opens_a_recover() {
    check(
        "
        @0 settled web a
        @5 pod a failed=Evicted unready
        @5.1 pod b of=web-1
        @7 pod b running ready
        @8 pod a gone
        @60 wait
        ",
        expect![[r#"
            recover Deployment web 5..7 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000005, reason=Evicted}
              start Pod b 5.1..7 completed
        "#]],
    );
}

#[test]
fn an_exit_of_a_container_opens_a_recover_that_lasts_until_it_is_ready_again() {
    check(
        "
        @0 settled web a
        @5 pod a exit=3
        @6 pod a running
        @8 pod a ready
        @60 wait
        ",
        expect![[r#"
            recover Deployment web 5..8 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000005, reason=Error}
              restart container a [app] 5..8 completed {reason=Error, exit_code=3}
        "#]],
    );
}

// The container exits in the second before its Pod is told not to be Ready: less than ten seconds.
#[test]
fn a_recovery_that_did_not_last_goes_on_though_readiness_is_told_a_second_after_the_exit() {
    check(
        "
        @0 settled web a
        @5 pod a exit=3
        @6.9 pod a running ready
        @16.1 pod a exit=3 finished=15
        @17 pod a running restarts=2 ready
        @60 wait
        ",
        expect![[r#"
            recover Deployment web 5..17 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000005, reason=Error}
              restart container a [app] 5..6.9 completed {reason=Error, exit_code=3}
              restart container a [app] 16..17 completed {reason=Error, exit_code=3}
        "#]],
    );
}

#[test]
fn an_exit_that_is_told_with_the_run_after_it_is_over_when_that_is_ready() {
    check(
        "
        @0 settled web a
        @8 pod a exit=3 finished=5 running restarts=1 ready
        @60 wait
        ",
        expect![[r#"
            recover Deployment web 6..8 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000005, reason=Error}
              restart container a [app] 6..8 completed {reason=Error, exit_code=3}
        "#]],
    );
}

#[test]
fn a_pod_unready_for_ten_seconds_is_lost_since_it_was_unready() {
    check(
        "
        @0 settled web a
        @5  pod a unready
        @16 pod a ready
        @60 wait
        ",
        expect![[r#"
            recover Deployment web 5..16 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000005, reason=Unready}
        "#]],
    );
}

#[test]
fn a_pod_unready_for_nine_seconds_is_not_lost() {
    check_counts(
        "
        @0 settled web a
        @5  pod a unready
        @14 pod a ready
        @60 wait
        ",
        expect![[r#"
            nothing
            counted: baseline 1
        "#]],
    );
}

#[test]
fn a_pod_that_goes_while_as_many_as_wanted_remain_is_not_lost() {
    check_counts(
        "
        @0 settled web a b
        @1 deploy web replicas=1 by=kubectl
        @1.5 rs web-1 replicas=1
        @2 deploy web status=1/1/1
        @40 pod a going grace=30
        @41 pod a gone
        @80 wait
        ",
        expect![[r#"
            scale Deployment web 1..2 completed {cause=spec:2, manager=kubectl, changed=replicas}
              scale ReplicaSet web-1 1.5..2 unfinished {replicas.from=2, replicas.to=1}
            counted: pods 1, baseline 1, churn 1
        "#]],
    );
}

#[test]
fn a_recover_must_be_healthy_for_stable_time_and_ends_when_that_began() {
    check(
        "
        @0 settled web a
        @5  pod a exit=1
        @6  pod a running
        @7  pod a ready
        @10 pod a exit=1
        @12 pod a running
        @14 pod a ready
        @60 wait
        ",
        expect![[r#"
            recover Deployment web 5..14 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000005, reason=Error}
              restart container a [app] 5..7 completed {reason=Error, exit_code=1}
              restart container a [app] 10..14 completed {reason=Error, exit_code=1}
        "#]],
    );
}

#[test]
fn a_recover_that_is_healthy_has_settled_when_another_cause_closes_it() {
    check(
        "
        @0 settled web a
        @5  pod a exit=1
        @6  pod a running
        @7  pod a ready
        @9  deploy web image=v2 by=kubectl
        @10 deploy web status=1/1/1
        @60 wait
        ",
        expect![[r#"
            recover Deployment web 5..7 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000005, reason=Error}
              restart container a [app] 5..7 completed {reason=Error, exit_code=1}
            update Deployment web 9..10 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
        "#]],
    );
}

#[test]
fn a_bare_pod_starts_until_it_is_ready() {
    check(
        "
        @0 list
        @1   pod solo stamp=aa
        @1.2 pod solo scheduled
        @2   pod solo running
        @3   pod solo ready
        @30 wait
        ",
        expect![[r#"
            start Pod solo 1..3 completed {CONSUMER, cause=spec:1}
              -> stamp aa.aa in tracing.k8s.io/traceparent
        "#]],
    );
}

#[test]
fn a_bare_pod_that_ends_before_it_was_ready_has_failed() {
    check(
        "
        @0 list
        @1   pod solo scheduled
        @2   pod solo running
        @3   pod solo exit=1 failed
        @30 wait
        ",
        expect![[r#"
            start Pod solo 1..3 failed ERROR Error: container app exited with 1 {cause=spec:1}
        "#]],
    );
}

#[test]
fn the_end_of_a_bare_pod_is_a_trace_of_its_own() {
    check(
        "
        @0 list
        @1  pod solo
        @2  pod solo running ready
        @40 pod solo going grace=30
        @42 pod solo exit=0
        @43 pod solo gone
        @60 wait
        ",
        expect![[r#"
            start Pod solo 1..2 completed {cause=spec:1}
            terminate Pod solo 40..43 completed {cause=delete, exit_codes=app=0}
        "#]],
    );
}

#[test]
fn delete_lasts_until_the_object_and_all_below_it_are_gone() {
    check(
        "
        @0 settled web a
        @1   deploy web delete
        @1.1 rs web-1 delete
        @1.2 pod a going grace=30
        @3   pod a exit=0
        @4   pod a gone
        @4.1 rs web-1 gone
        @4.2 deploy web gone
        @30 wait
        ",
        expect![[r#"
            delete Deployment web 1..4.2 completed {cause=delete}
              delete ReplicaSet web-1 1.1..4.1 completed
                terminate Pod a 1.2..4 completed {exit_codes=app=0}
        "#]],
    );
}

#[test]
fn a_deletion_in_the_background_shows_no_timestamp_and_is_a_delete_still() {
    check(
        "
        @0 settled web a
        @1   deploy web gone
        @1.1 rs web-1 gone
        @1.2 pod a going grace=30
        @4   pod a gone
        @30 wait
        ",
        expect![[r#"
            delete Deployment web 1..4 completed {cause=delete}
              delete ReplicaSet web-1 1.1..4 completed
                terminate Pod a 1.2..4 completed
        "#]],
    );
}

#[test]
fn annotations_and_status_open_nothing_though_the_generation_moves() {
    check_counts(
        "
        @0 settled web a
        @1 deploy web annotate by=kubectl
        @2 deploy web observed
        @3 deploy web status=1/1/0
        @4 deploy web status=1/1/1
        @30 wait
        ",
        expect![[r#"
            nothing
            counted: baseline 1, churn 4
        "#]],
    );
}

#[test]
fn a_wanted_pod_that_a_complete_list_lacks_is_lost() {
    check(
        "
        @0 settled web a b
        @20   closed pods
        @25   list pods a
        @25.1 pod c of=web-1
        @26   pod c running ready
        @60 wait
        ",
        expect![[r#"
            recover Deployment web 25..26 completed {cause=pods:f6ab8143-a383-d94f-7081-74e62f0820e1:1700000025, watch.gap}
              start Pod c 25.1..26 completed
        "#]],
    );
}

#[test]
fn an_evicted_pod_that_is_kept_does_not_hold_the_recover_open() {
    check(
        "
        @0 settled web a
        @20   pod a failed=Evicted
        @20.1 pod b of=web-1
        @22   pod b running ready
        @60 wait
        ",
        expect![[r#"
            recover Deployment web 20..22 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000020, reason=Evicted}
              start Pod b 20.1..22 completed
        "#]],
    );
}
