//! DESIGN §3, rules 1 to 9.

use expect_test::expect;

use super::tree::{check, check_counts};

#[test]
fn another_template_supersedes_what_is_open_and_links_to_it() {
    check(
        "
        @0 settled web a
        @1    deploy web image=v2 by=kubectl
        @1.1  rs web-2 of=web replicas=1 image=v2
        @1.2  pod b of=web-2
        @1.3  pod b scheduled
        @2   deploy web image=v3 by=kubectl
        @2.1 rs web-3 of=web replicas=1 image=v3
        @2.2 rs web-2 replicas=0
        @2.3 pod b going grace=30
        @2.4 pod b gone
        @2.5 pod c of=web-3
        @3   pod c running ready
        @3.1 rs web-3 status=1/1
        @3.2 deploy web status=1/1/1
        @30 wait
        ",
        expect![[r#"
            update Deployment web 1..2 superseded {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              create ReplicaSet web-2 1.1..2 unfinished {replicas.from=0, replicas.to=1}
                start Pod b 1.2..2 unfinished
                  prepare Pod sandbox b 1.3..2 unfinished
            update Deployment web 2..3.2 completed {cause=spec:3, manager=kubectl, changed=template.spec.containers[app].image}
              -> supersedes update Deployment spec:2
              create ReplicaSet web-3 2.1..3.1 completed {replicas.from=0, replicas.to=1}
                start Pod c 2.5..3 completed
              scale ReplicaSet web-2 2.2..3.2 unfinished {replicas.from=1, replicas.to=0}
                terminate Pod b 2.3..2.4 completed {reason=scaled down}
        "#]],
    );
}

#[test]
fn deletion_closes_what_is_open_with_deleted_and_links_to_it() {
    check(
        "
        @0 settled web a
        @1    deploy web image=v2 by=kubectl
        @1.1  rs web-2 of=web replicas=1 image=v2
        @1.2  pod b of=web-2
        @1.3  pod b scheduled
        @2   deploy web delete
        @2.1 rs web-1 gone
        @2.2 rs web-2 gone
        @2.3 pod a going grace=0
        @2.4 pod b going grace=0
        @2.5 pod a gone
        @2.6 pod b gone
        @2.7 deploy web gone
        @30 wait
        ",
        expect![[r#"
            update Deployment web 1..2 deleted {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              create ReplicaSet web-2 1.1..2 unfinished {replicas.from=0, replicas.to=1}
                start Pod b 1.2..2 unfinished
                  prepare Pod sandbox b 1.3..2 unfinished
            delete Deployment web 2..2.7 completed {cause=delete}
              -> supersedes update Deployment spec:2
              delete ReplicaSet web-1 2.1..2.5 completed
                terminate Pod a 2.3..2.5 completed
              delete ReplicaSet web-2 2.2..2.6 completed
                terminate Pod b 2.4..2.6 completed
        "#]],
    );
}

#[test]
fn a_goal_that_moves_while_a_rollout_is_open_is_an_event_and_moves_its_end() {
    check(
        "
        @0 settled web a
        @1    deploy web image=v2 by=kubectl
        @1.1  rs web-2 of=web replicas=1 image=v2
        @1.2  pod b of=web-2
        @1.3  pod b scheduled
        @2   deploy web replicas=2 by=hpa/scale
        @2.1 rs web-2 replicas=2
        @2.2 pod c of=web-2
        @3   pod b running ready
        @3.1 deploy web status=1/1/1
        @4   pod c running ready
        @4.1 rs web-2 status=2/2
        @4.2 deploy web status=2/2/2
        @30 wait
        ",
        expect![[r#"
            update Deployment web 1..4.2 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              * 2 goal changed field=replicas from=1 to=2 manager=hpa
              create ReplicaSet web-2 1.1..4.1 completed {replicas.from=0, replicas.to=2}
                * 2.1 replicas changed replicas.from=1 replicas.to=2
                start Pod b 1.2..3 completed
                start Pod c 2.2..4 completed
        "#]],
    );
}

#[test]
fn a_scale_during_a_scale_is_one_scale() {
    check(
        "
        @0 settled web a
        @1 deploy web replicas=2 by=hpa/scale
        @2 deploy web replicas=3 by=hpa/scale
        @3 deploy web status=3/3/3
        @30 wait
        ",
        expect![[r#"
            scale Deployment web 1..3 completed {cause=spec:2, manager=hpa, changed=replicas}
              * 2 goal changed field=replicas from=2 to=3
        "#]],
    );
}

#[test]
fn a_rollout_that_is_paused_settles_as_paused_when_its_pods_are_ready() {
    check(
        "
        @0 settled web a
        @1    deploy web image=v2 by=kubectl
        @1.1  rs web-2 of=web replicas=1 image=v2
        @1.2  pod b of=web-2
        @1.3  pod b scheduled
        @2   deploy web paused by=kubectl
        @2.1 deploy web observed
        @3   pod b running ready
        @3.1 rs web-2 status=1/1
        @3.2 deploy web status=1/2/2
        @40  deploy web resumed by=kubectl
        @40.1 rs web-1 replicas=0
        @40.2 pod a going grace=30
        @41  deploy web status=1/1/1
        @42  pod a gone
        @60 wait
        ",
        expect![[r#"
            update Deployment web 1..3.1 paused {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              * 2 goal changed field=paused from=false to=true manager=kubectl
              create ReplicaSet web-2 1.1..3.1 completed {replicas.from=0, replicas.to=1}
                start Pod b 1.2..3 completed
            resume Deployment web 40..41 completed {cause=spec:4, manager=kubectl, changed=paused, pods.terminating=1}
              -> resumes update Deployment spec:2
              scale ReplicaSet web-1 40.1..41 unfinished {replicas.from=1, replicas.to=0}
                terminate Pod a 40.2..42 completed {reason=scaled down}
        "#]],
    );
}

#[test]
fn a_template_changed_while_paused_is_told_by_the_resume_with_its_stamp() {
    check(
        "
        @0 settled web a
        @1  deploy web paused by=kubectl
        @2  deploy web observed
        @20 deploy web image=v2 stamp=bb by=kubectl
        @21 deploy web observed
        @40 deploy web resumed by=kubectl
        @40.1 rs web-2 of=web replicas=1 image=v2
        @41 rs web-2 status=1/1
        @42 deploy web status=1/1/1
        @60 wait
        ",
        expect![[r#"
            pause Deployment web 1..2 paused {cause=spec:2, manager=kubectl, changed=paused}
            resume Deployment web 40..42 completed {CONSUMER, cause=spec:4, manager=kubectl, changed=paused}
              -> resumes pause Deployment spec:2
              -> stamp bb.bb in tracing.k8s.io/traceparent
              * 40 template changed while paused field=template manager=kubectl
              create ReplicaSet web-2 40.1..41 completed {replicas.from=0, replicas.to=1}
        "#]],
    );
}

#[test]
fn a_scale_while_paused_settles_as_paused() {
    check(
        "
        @0 settled web a
        @1  deploy web paused by=kubectl
        @2  deploy web observed
        @20 deploy web replicas=2 by=kubectl
        @20.1 rs web-1 replicas=2
        @20.2 pod b of=web-1
        @20.3 deploy web observed
        @22 pod b running ready
        @22.1 rs web-1 status=2/2
        @23 deploy web status=2/2/2
        @60 wait
        ",
        expect![[r#"
            pause Deployment web 1..2 paused {cause=spec:2, manager=kubectl, changed=paused}
            scale Deployment web 20..22.1 paused {cause=spec:3, manager=kubectl, changed=replicas}
              scale ReplicaSet web-1 20.1..22.1 completed {replicas.from=1, replicas.to=2}
                start Pod b 20.2..22 completed
        "#]],
    );
}

#[test]
fn replicas_written_with_a_template_while_paused_are_a_scale_and_the_template_waits() {
    check(
        "
        @0 settled web a
        @1  deploy web paused by=kubectl
        @2  deploy web observed
        @20 deploy web replicas=2 image=v2 by=kubectl
        @20.1 rs web-1 replicas=2
        @20.2 pod b of=web-1
        @20.3 deploy web observed
        @22 pod b running ready
        @22.1 rs web-1 status=2/2
        @23 deploy web status=0/2/2
        @60 deploy web resumed by=kubectl
        @61 deploy web status=2/2/2
        @90 wait
        ",
        expect![[r#"
            pause Deployment web 1..2 paused {cause=spec:2, manager=kubectl, changed=paused}
            scale Deployment web 20..22.1 paused {cause=spec:3, manager=kubectl, changed=replicas+template.spec.containers[app].image}
              scale ReplicaSet web-1 20.1..22.1 completed {replicas.from=1, replicas.to=2}
                start Pod b 20.2..22 completed
            resume Deployment web 60..61 completed {cause=spec:4, manager=kubectl, changed=paused}
              -> resumes scale Deployment spec:3
              * 60 template changed while paused field=template manager=kubectl
        "#]],
    );
}

#[test]
fn a_rollout_past_its_deadline_has_failed_and_what_comes_next_follows_it() {
    check(
        "
        @0 settled web a
        @1    deploy web image=v2 by=kubectl
        @1.1  rs web-2 of=web replicas=1 image=v2
        @1.2  pod b of=web-2
        @1.3  pod b scheduled
        @2   pod b waiting=ErrImagePull
        @3   pod b waiting=ImagePullBackOff
        @600 deploy web deadline status=1/2/1
        @700 deploy web image=v3 by=kubectl
        @700.1 rs web-3 of=web replicas=1 image=v3
        @701 deploy web status=1/1/1 reason=NewReplicaSetAvailable
        @730 wait
        ",
        expect![[r#"
            update Deployment web 1..600 failed ERROR ProgressDeadlineExceeded: it took too long (ErrImagePull: container app: it is so) {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              create ReplicaSet web-2 1.1..600 unfinished ERROR ErrImagePull: container app: it is so {replicas.from=0, replicas.to=1}
                start Pod b 1.2..600 unfinished ERROR ErrImagePull: container app: it is so
                  prepare Pod sandbox b 1.3..600 unfinished
            update Deployment web 700..701 completed {cause=spec:3, manager=kubectl, changed=template.spec.containers[app].image}
              -> follows update Deployment spec:2
              create ReplicaSet web-3 700.1..701 unfinished {replicas.from=0, replicas.to=1}
        "#]],
    );
}

#[test]
fn what_failed_and_heals_by_itself_recovers_from_the_moment_of_failure() {
    check(
        "
        @0 settled web a
        @1    deploy web image=v2 by=kubectl
        @1.1  rs web-2 of=web replicas=1 image=v2
        @1.2  pod b of=web-2
        @1.3  pod b scheduled
        @600 deploy web deadline status=1/2/1
        @650 pod b running ready
        @651 rs web-2 status=1/1
        @652 rs web-1 replicas=0
        @653 deploy web status=1/1/1 reason=NewReplicaSetAvailable
        @700 wait
        ",
        expect![[r#"
            update Deployment web 1..600 failed ERROR ProgressDeadlineExceeded: it took too long {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              create ReplicaSet web-2 1.1..600 unfinished {replicas.from=0, replicas.to=1}
                start Pod b 1.2..600 unfinished
                  prepare Pod sandbox b 1.3..600 unfinished
        "#]],
    );
}

#[test]
fn lost_pods_of_a_broken_tree_are_counted_and_of_a_healed_one_traced() {
    check_counts(
        "
        @0 settled web a
        @1    deploy web image=v2 by=kubectl
        @1.1  rs web-2 of=web replicas=1 image=v2
        @1.2  pod b of=web-2
        @1.3  pod b scheduled
        @600 deploy web deadline status=1/2/1
        @610 pod a exit=1
        @611 pod a running ready
        @640 pod b running ready
        @641 rs web-1 replicas=0
        @642 pod a going grace=30
        @643 pod a gone
        @653 deploy web status=1/1/1 reason=NewReplicaSetAvailable
        @700 pod b exit=1
        @701 pod b running ready
        @740 wait
        ",
        expect![[r#"
            update Deployment web 1..600 failed ERROR ProgressDeadlineExceeded: it took too long {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              create ReplicaSet web-2 1.1..600 unfinished {replicas.from=0, replicas.to=1}
                start Pod b 1.2..600 unfinished
                  prepare Pod sandbox b 1.3..600 unfinished
            recover Deployment web 600..653 completed {cause=heal:spec:2}
              -> follows update Deployment spec:2
              restart container a [app] 610..611 completed {reason=Error, exit_code=1}
              scale ReplicaSet web-1 641..653 unfinished {replicas.from=1, replicas.to=0}
                terminate Pod a 642..643 completed {reason=scaled down}
            recover Deployment web 700..701 completed {cause=pods:f6ab8143-a383-d94f-7081-74e62f0820e1:1700000700, reason=Error}
              restart container b [app] 700..701 completed {reason=Error, exit_code=1}
            counted: pods 2, baseline 1, churn 2
        "#]],
    );
}

#[test]
fn a_transition_of_an_hour_has_timed_out_and_its_tree_is_broken() {
    check_counts(
        "
        @0 settled web a
        @1    deploy web image=v2 by=kubectl
        @1.1  rs web-2 of=web replicas=1 image=v2
        @1.2  pod b of=web-2
        @1.3  pod b scheduled
        @3599 deploy web status=1/2/1
        @3700 wait
        @3701 pod a exit=1
        @3702 pod a running ready
        @3760 wait
        ",
        expect![[r#"
            update Deployment web 1..3601 timed_out ERROR timed_out: the transition timed_out {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              create ReplicaSet web-2 1.1..3601 unfinished {replicas.from=0, replicas.to=1}
                start Pod b 1.2..3601 unfinished
                  prepare Pod sandbox b 1.3..3601 unfinished
            counted: pods 1, baseline 1, churn 1
        "#]],
    );
}

#[test]
fn what_is_open_at_the_end_is_not_exported() {
    check(
        "
        @0 settled web a
        @1    deploy web image=v2 by=kubectl
        @1.1  rs web-2 of=web replicas=1 image=v2
        @1.2  pod b of=web-2
        @1.3  pod b scheduled
        @10 wait
        ",
        expect![[r#"
            open: update Deployment web spec:2
        "#]],
    );
}

#[test]
fn mirror_pods_have_no_spans() {
    check(
        "
        @0 list
        @1 pod static of=Node/node-1 mirror scheduled
        @2 pod static running ready
        @20 pod static exit=1
        @21 pod static running ready
        @40 pod static going grace=30
        @41 pod static gone
        @60 wait
        ",
        expect![[r#"
            nothing
        "#]],
    );
}

#[test]
fn deleting_finished_pods_and_empty_replica_sets_makes_no_span() {
    check_counts(
        "
        @0 settled web a b
        @1 rs web-0 of=web replicas=0 image=v0 status=0/0
        @20 rs web-0 gone
        @30 pod b failed=Evicted
        @30.1 pod c of=web-1
        @31 pod c running ready
        @40 pod b going grace=0
        @41 pod b gone
        @90 wait
        ",
        expect![[r#"
            recover Deployment web 30..31 completed {cause=pods:f6ab8143-a383-d94f-7081-74e62f0820e1:1700000030, reason=Evicted}
              start Pod c 30.1..31 completed
            counted: pods 1, baseline 1
        "#]],
    );
}

#[test]
fn an_empty_replica_set_of_its_own_is_deleted_without_a_span() {
    check(
        "
        @0 list
        @1 rs solo replicas=0 by=kubectl
        @2 rs solo status=0/0
        @40 rs solo gone
        @60 wait
        ",
        expect![[r#"
            create ReplicaSet solo 1..2 completed {cause=spec:1, manager=kubectl, replicas.from=0, replicas.to=0}
        "#]],
    );
}

#[test]
fn a_recover_within_stable_time_makes_a_transition_unstable_and_follows_it() {
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
        @8  pod b exit=1
        @9  pod b running ready
        @60 wait
        ",
        expect![[r#"
            update Deployment web 1..3.4 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image, unstable, pods.terminating=1}
              create ReplicaSet web-2 1.1..3.3 completed {replicas.from=0, replicas.to=1}
                start Pod b 1.2..3 completed
              scale ReplicaSet web-1 3.1..3.25 completed {replicas.from=1, replicas.to=0}
                terminate Pod a 3.2..4 completed {reason=scaled down}
            recover Deployment web 8..9 completed {cause=pods:f6ab8143-a383-d94f-7081-74e62f0820e1:1700000008, reason=Error}
              -> follows update Deployment spec:2
              restart container b [app] 8..9 completed {reason=Error, exit_code=1}
        "#]],
    );
}

#[test]
fn readiness_lost_within_stable_time_makes_a_transition_unstable() {
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
        @8  pod b unready
        @9  pod b ready
        @60 wait
        ",
        expect![[r#"
            update Deployment web 1..3.4 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image, unstable, pods.terminating=1}
              create ReplicaSet web-2 1.1..3.3 completed {replicas.from=0, replicas.to=1}
                start Pod b 1.2..3 completed
              scale ReplicaSet web-1 3.1..3.25 completed {replicas.from=1, replicas.to=0}
                terminate Pod a 3.2..4 completed {reason=scaled down}
        "#]],
    );
}

#[test]
fn what_is_lost_after_stable_time_leaves_a_transition_stable() {
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
        @20 pod b exit=1
        @21 pod b running ready
        @60 wait
        ",
        expect![[r#"
            update Deployment web 1..3.4 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image, pods.terminating=1}
              create ReplicaSet web-2 1.1..3.3 completed {replicas.from=0, replicas.to=1}
                start Pod b 1.2..3 completed
              scale ReplicaSet web-1 3.1..3.25 completed {replicas.from=1, replicas.to=0}
                terminate Pod a 3.2..4 completed {reason=scaled down}
            recover Deployment web 20..21 completed {cause=pods:f6ab8143-a383-d94f-7081-74e62f0820e1:1700000020, reason=Error}
              restart container b [app] 20..21 completed {reason=Error, exit_code=1}
        "#]],
    );
}

#[test]
fn a_delete_never_follows() {
    check(
        "
        @0 settled web a
        @1    deploy web image=v2 by=kubectl
        @1.1  rs web-2 of=web replicas=1 image=v2
        @1.2  pod b of=web-2
        @1.3  pod b scheduled
        @600 deploy web deadline status=1/2/1
        @700 deploy web delete
        @701 rs web-1 gone
        @702 rs web-2 gone
        @703 pod a gone
        @704 pod b gone
        @705 deploy web gone
        @730 wait
        ",
        expect![[r#"
            update Deployment web 1..600 failed ERROR ProgressDeadlineExceeded: it took too long {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              create ReplicaSet web-2 1.1..600 unfinished {replicas.from=0, replicas.to=1}
                start Pod b 1.2..600 unfinished
                  prepare Pod sandbox b 1.3..600 unfinished
            delete Deployment web 700..705 completed {cause=delete}
              delete ReplicaSet web-1 701..703 completed
                terminate Pod a 703..703 completed
              delete ReplicaSet web-2 702..704 completed
                terminate Pod b 704..704 completed
        "#]],
    );
}

#[test]
fn a_skipped_generation_is_told() {
    check(
        "
        @0 settled web a
        @1 deploy web image=v2 generation=4 by=kubectl
        @2 deploy web status=1/1/1
        @30 wait
        ",
        expect![[r#"
            update Deployment web 1..2 completed {cause=spec:4, generation.skipped=2, manager=kubectl, changed=template.spec.containers[app].image}
        "#]],
    );
}

#[test]
fn a_recover_that_is_not_healthy_is_superseded() {
    check(
        "
        @0 settled web a
        @5  pod a exit=1
        @9  deploy web image=v2 by=kubectl
        @9.1 pod b of=web-1
        @9.2 pod a going grace=0
        @9.3 pod a gone
        @10 pod b running ready
        @11 deploy web status=1/1/1
        @60 wait
        ",
        expect![[r#"
            recover Deployment web 5..9 superseded ERROR Error: container app exited with 1 {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000005, reason=Error, exit_code=1}
              restart container a [app] 5..9 unfinished ERROR Error: container app exited with 1 {reason=Error, exit_code=1}
            update Deployment web 9..11 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              -> supersedes recover Deployment pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000005
              start Pod b 9.1..10 completed
              terminate Pod a 9.2..9.3 completed {reason=scaled down}
        "#]],
    );
}

#[test]
fn a_goal_that_moves_while_a_recover_is_open_is_an_event_and_moves_its_end() {
    check(
        "
        @0 settled web a
        @5  pod a exit=1
        @6  deploy web replicas=2 by=hpa/scale
        @6.1 rs web-1 replicas=2
        @6.2 pod b of=web-1
        @7  pod a running
        @8  pod a ready
        @20 pod b running ready
        @60 wait
        ",
        expect![[r#"
            recover Deployment web 5..20 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000005, reason=Error}
              * 6 goal changed field=replicas from=1 to=2 manager=hpa
              restart container a [app] 5..8 completed {reason=Error, exit_code=1}
              scale ReplicaSet web-1 6.1..20 unfinished {replicas.from=1, replicas.to=2}
                start Pod b 6.2..20 completed
        "#]],
    );
}

#[test]
fn a_template_changed_in_a_paused_rollout_is_an_event_and_its_stamp_waits_for_the_resume() {
    check(
        "
        @0 settled web a
        @1    deploy web image=v2 by=kubectl
        @1.1  rs web-2 of=web replicas=1 image=v2
        @1.2  pod b of=web-2
        @1.3  pod b scheduled
        @2   deploy web paused by=kubectl
        @3   deploy web image=v3 stamp=cc by=kubectl
        @4   deploy web observed
        @5   pod b running ready
        @5.1 rs web-2 status=1/1
        @40  deploy web resumed by=kubectl
        @41  deploy web status=1/1/1
        @60 wait
        ",
        expect![[r#"
            update Deployment web 1..5.1 paused {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              * 2 goal changed field=paused from=false to=true manager=kubectl
              create ReplicaSet web-2 1.1..5.1 completed {replicas.from=0, replicas.to=1}
                start Pod b 1.2..5 completed
            resume Deployment web 40..41 completed {CONSUMER, cause=spec:5, manager=kubectl, changed=paused}
              -> resumes update Deployment spec:2
              -> stamp cc.cc in tracing.k8s.io/traceparent
              * 40 template changed while paused field=template manager=kubectl
        "#]],
    );
}

#[test]
fn what_follows_an_unstable_transition_links_to_it_and_what_follows_a_stable_one_does_not() {
    check(
        "
        @0 settled web a
        @1  deploy web image=v2 by=kubectl
        @2  deploy web status=1/1/1
        @5  pod a unready
        @6  pod a ready
        @20 deploy web image=v3 by=kubectl
        @21 deploy web status=1/1/1
        @40 deploy web image=v4 by=kubectl
        @41 deploy web status=1/1/1
        @60 wait
        ",
        expect![[r#"
            update Deployment web 1..2 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image, unstable}
            update Deployment web 20..21 completed {cause=spec:3, manager=kubectl, changed=template.spec.containers[app].image}
              -> follows update Deployment spec:2
            update Deployment web 40..41 completed {cause=spec:4, manager=kubectl, changed=template.spec.containers[app].image}
        "#]],
    );
}

#[test]
fn an_eviction_by_the_kubelet_is_a_loss_without_a_restart() {
    check(
        "
        @0 settled web a
        @5   pod a unready exit=137 failed=Evicted
        @5.1 pod b of=web-1
        @7   pod b running ready
        @8   pod a going grace=0
        @8.1 pod a gone
        @60 wait
        ",
        expect![[r#"
            recover Deployment web 5..7 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000005, reason=Evicted}
              start Pod b 5.1..7 completed
        "#]],
    );
}

#[test]
fn a_resume_inside_an_open_rollout_is_a_goal_change() {
    check(
        "
        @0 settled web a
        @1   deploy web image=v2 by=kubectl
        @1.1 rs web-2 of=web replicas=1 image=v2
        @1.2 pod b of=web-2
        @1.5 deploy web paused by=kubectl
        @2   deploy web resumed by=kubectl
        @3   pod b running ready
        @3.1 rs web-2 status=1/1
        @3.2 deploy web status=1/1/1
        @60 wait
        ",
        expect![[r#"
            update Deployment web 1..3.2 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              * 1.5 goal changed field=paused from=false to=true
              * 2 goal changed field=paused from=true to=false manager=kubectl
              create ReplicaSet web-2 1.1..3.1 completed {replicas.from=0, replicas.to=1}
                start Pod b 1.2..3 completed
        "#]],
    );
}

#[test]
fn deleted_in_the_background_closes_what_is_open_with_deleted() {
    check(
        "
        @0 settled web a
        @1   deploy web image=v2 by=kubectl
        @2   deploy web gone
        @3   pod a gone
        @3.1 rs web-1 gone
        @30 wait
        ",
        expect![[r#"
            update Deployment web 1..2 deleted {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
            delete Deployment web 2..3.1 completed {cause=delete}
              -> supersedes update Deployment spec:2
              delete ReplicaSet web-1 3..3.1 completed
                terminate Pod a 3..3 completed
        "#]],
    );
}

#[test]
fn a_recover_of_a_bare_pod_that_failed_for_good_is_closed_by_its_deletion() {
    check(
        "
        @0 list
        @30 pod solo
        @31 pod solo running ready
        @60 pod solo exit=137 failed=Evicted
        @90 pod solo going grace=0
        @91 pod solo gone
        @120 wait
        ",
        expect![[r#"
            start Pod solo 30..31 completed {cause=spec:1}
            terminate Pod solo 60..60 failed ERROR Evicted: the Pod has failed {cause=end, reason=Evicted}
        "#]],
    );
}
