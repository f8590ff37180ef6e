//! What is known or configured of a kind: limits, what spawns runs, what tells of queues, pod templates.

use expect_test::expect;

use super::tree::{check, check_counts};

#[test]
fn a_kind_with_a_limit_of_its_own_times_out_by_that() {
    check(
        "
        @0 list
        @1   cr Database.example.org db by=kubectl spec.tier=a limit=60
        @1   cr Queue.example.org q by=kubectl spec.size=1
        @200 wait
        ",
        expect![[r#"
            create Database db 1..61 timed_out ERROR timed_out: the transition timed_out {cause=spec:1, manager=kubectl}
            open: create Queue q spec:1
        "#]],
    );
}

#[test]
fn a_run_whose_kind_has_a_limit_times_out_by_that_and_not_by_that_of_runs() {
    check(
        "
        set max_run_seconds=600
        @0 list
        @1   job load by=kubectl limit=30
        @1   job other by=kubectl
        @100 wait
        ",
        expect![[r#"
            run Job load 1..31 timed_out ERROR timed_out: the transition timed_out {cause=spec:1, manager=kubectl}
            open: run Job other spec:1
        "#]],
    );
}

#[test]
fn what_waits_for_longer_than_its_kind_may_take_ends_paused() {
    check(
        "
        @0 list
        @1   job load suspended by=kubectl limit=30
        @100 wait
        ",
        expect![[r#"
            run Job load 1..31 suspended {cause=spec:1, manager=kubectl}
              await resume load 1..31 unfinished
        "#]],
    );
}

#[test]
fn what_a_list_shows_in_progress_goes_on_only_within_the_limit_of_its_kind() {
    check_counts(
        "
        @-120 job load by=kubectl limit=60
        @-120 job other by=kubectl
        @0 list
        @30  job load settled
        @30  job other settled
        @60 wait
        ",
        expect![[r#"
            run Job load -120..-60 timed_out ERROR timed_out: the transition timed_out {cause=spec:1}
            run Job other -120..30 completed {cause=spec:1}
            counted: churn 2
        "#]],
    );
}

#[test]
fn runs_below_what_spawns_them_are_trees_of_their_own_though_it_is_open() {
    check(
        "
        @0 list
        @1   cr Scaler.example.org s by=kubectl spec.size=1 spawns
        @1   cr Batch.example.org b by=kubectl spec.size=1
        @2   job one of=Scaler.example.org/s
        @2   job two of=Batch.example.org/b
        @5   job one settled
        @5   job two settled
        @6   cr Scaler.example.org s settled
        @6   cr Batch.example.org b settled
        @60 wait
        ",
        expect![[r#"
            create Batch b 1..6 completed {cause=spec:1, manager=kubectl}
              run Job two 2..5 completed
            create Scaler s 1..6 completed {cause=spec:1, manager=kubectl}
            run Job one 2..5 completed {cause=spec:1, manager=controller, owner.kind=Scaler, owner.name=s}
        "#]],
    );
}

#[test]
fn a_pod_template_that_an_older_replica_set_still_has_is_a_rollback_whatever_else_changed() {
    check(
        "
        @0 list
        @1    cr Rollout.argoproj.io web image=v1 replicas=1 by=kubectl
        @1.1  rs web-1 of=Rollout.argoproj.io/web image=v1 replicas=0
        @1.2  cr Rollout.argoproj.io web settled
        @30   cr Rollout.argoproj.io web image=v2 by=kubectl progressing
        @30.1 rs web-2 of=Rollout.argoproj.io/web image=v2 replicas=0
        @31   cr Rollout.argoproj.io web settled
        @60   cr Rollout.argoproj.io web image=v1 spec.minReadySeconds=5 by=kubectl progressing
        @61   cr Rollout.argoproj.io web settled
        @90   cr Rollout.argoproj.io web spec.minReadySeconds=7 by=kubectl progressing
        @91   cr Rollout.argoproj.io web settled
        @120 wait
        ",
        expect![[r#"
            create Rollout web 1..1.2 completed {cause=spec:1, manager=kubectl}
              create ReplicaSet web-1 1.1..1.1 completed {replicas.from=0, replicas.to=0}
            update Rollout web 30..31 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              create ReplicaSet web-2 30.1..30.1 completed {replicas.from=0, replicas.to=0}
            rollback Rollout web 60..61 completed {cause=spec:3, manager=kubectl, changed=minReadySeconds+template.spec.containers[app].image}
            update Rollout web 90..91 completed {cause=spec:4, manager=kubectl, changed=minReadySeconds}
        "#]],
    );
}

#[test]
fn what_tells_of_a_queue_is_no_span_but_moments_of_what_waits_in_it() {
    check_counts(
        "
        @0 list
        @1    job load suspended by=kubectl
        @1.1  cr Workload.kueue.x-k8s.io load queue of=job/load by=kueue spec.a=1
        @1.2  cr Workload.kueue.x-k8s.io load queued=QuotaReserved/False/Pending
        @4    cr Workload.kueue.x-k8s.io load queued=QuotaReserved/True/QuotaReserved
        @4.1  cr Workload.kueue.x-k8s.io load queued=Admitted/True/Admitted
        @4.2  job load resumed by=kueue
        @4.3  pod a of=job/load
        @8    cr Workload.kueue.x-k8s.io load queued=Evicted/True/Preempted
        @9    job load settled
        @9.1  cr Workload.kueue.x-k8s.io load queued=Finished/True/JobFinished
        @20   cr Workload.kueue.x-k8s.io load gone
        @60 wait
        ",
        expect![[r#"
            run Job load 1..9 completed {cause=spec:1, manager=kubectl}
              * 4.2 goal changed field=suspend from=true to=false manager=kueue
              * 8 Evicted to=true reason=Preempted
              await resume load 1..4.2 completed
                * 1.2 QuotaReserved to=false reason=Pending
                * 4 QuotaReserved to=true reason=QuotaReserved
                * 4.1 Admitted to=true reason=Admitted
              start Pod a 4.3..9 unfinished
                schedule Pod a 4.3..9 unfinished
            counted: churn 2
        "#]],
    );
}
