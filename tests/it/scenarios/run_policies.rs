//! Runs that end, go on or wait by a policy (DESIGN §4, `run {Kind}`).

use expect_test::expect;

use super::tree::{check, check_also};

// `kubectl delete --force --grace-period=0`: nobody was asked first, and the Job makes another.
#[test]
fn a_pod_of_a_run_that_is_deleted_by_force_ends_there_and_another_runs_in_its_place() {
    check(
        "
        @0 list
        @1    job load by=kubectl
        @1.1  pod x of=job/load restarts=Never
        @2    pod x running
        @10   pod x gone
        @10.2 pod y of=job/load restarts=Never
        @11   pod y running
        @20   pod y exit=0 succeeded
        @21   job load settled
        @60 wait
        ",
        expect![[r#"
            run Job load 1..21 completed {cause=spec:1, manager=kubectl}
              run Pod x 1.1..10 deleted
                start Pod x 1.1..2 completed
                run container x [app] 2..10 unfinished
              terminate Pod x 10..10 completed
              run Pod y 10.2..20 completed
                start Pod y 10.2..11 completed
                run container y [app] 11..20 completed {reason=Completed, exit_code=0}
        "#]],
    );
}

// `SuccessPolicy`: once the leader's index has succeeded the others are deleted, and the Job is
// Complete when they are gone (`enactJobFinished`).
#[test]
fn a_job_that_its_policy_calls_a_success_completes_though_other_pods_are_deleted() {
    check(
        "
        @0 list
        @1    job load by=kubectl
        @1.1  pod leader of=job/load restarts=Never
        @1.2  pod worker of=job/load restarts=Never
        @2    pod leader running
        @2.1  pod worker running
        @10   pod leader exit=0 succeeded
        @10.5 pod worker going grace=5
        @12   pod worker exit=143 failed
        @12.1 pod worker gone
        @12.5 job load settled
        @40 wait
        ",
        expect![[r#"
            run Job load 1..12.5 completed {cause=spec:1, manager=kubectl}
              run Pod leader 1.1..10 completed
                start Pod leader 1.1..2 completed
                run container leader [app] 2..10 completed {reason=Completed, exit_code=0}
              run Pod worker 1.2..12 deleted
                start Pod worker 1.2..2.1 completed
                run container worker [app] 2.1..12 completed {reason=Error, exit_code=143}
              terminate Pod worker 10.5..12.1 completed {exit_codes=app=143}
        "#]],
    );
}

// `PodFailurePolicy` with FailJob: no retry.
#[test]
fn a_job_that_its_policy_fails_says_so() {
    check(
        "
        @0 list
        @1    job load by=kubectl
        @1.1  pod a of=job/load restarts=Never
        @2    pod a running
        @5    pod a exit=42 failed
        @5.5  job load failed=PodFailurePolicy said=exit_code_42_matches_rule_0
        @40 wait
        ",
        expect![[r#"
            run Job load 1..5.5 failed ERROR PodFailurePolicy: exit code 42 matches rule 0 (Error: container app exited with 42) {cause=spec:1, manager=kubectl}
              run Pod a 1.1..5 failed ERROR Error: container app exited with 42 {exit_code=42}
                start Pod a 1.1..2 completed
                run container a [app] 2..5 failed ERROR Error: container app exited with 42 {reason=Error, exit_code=42}
        "#]],
    );
}

// `backoffLimitPerIndex`: one index is tried again while the others go on, and in the end given up.
#[test]
fn an_index_that_is_tried_again_is_a_run_of_its_own_beside_the_others() {
    check(
        "
        @0 list
        @1    job load by=kubectl
        @1.1  pod load-0-x of=job/load restarts=Never
        @1.2  pod load-1-x of=job/load restarts=Never
        @2    pod load-0-x running
        @2.1  pod load-1-x running
        @4    pod load-0-x exit=1 failed
        @14   pod load-0-y of=job/load restarts=Never
        @15   pod load-0-y running
        @16   pod load-0-y exit=1 failed
        @20   pod load-1-x exit=0 succeeded
        @20.5 job load failed=FailedIndexes said=index_0_failed
        @60 wait
        ",
        expect![[r#"
            run Job load 1..20.5 failed ERROR FailedIndexes: index 0 failed (Error: container app exited with 1) {cause=spec:1, manager=kubectl}
              run Pod load-0-x 1.1..4 failed ERROR Error: container app exited with 1 {exit_code=1}
                start Pod load-0-x 1.1..2 completed
                run container load-0-x [app] 2..4 failed ERROR Error: container app exited with 1 {reason=Error, exit_code=1}
              run Pod load-1-x 1.2..20 completed
                start Pod load-1-x 1.2..2.1 completed
                run container load-1-x [app] 2.1..20 completed {reason=Completed, exit_code=0}
              run Pod load-0-y 14..16 failed ERROR Error: container app exited with 1 {exit_code=1}
                start Pod load-0-y 14..15 completed
                run container load-0-y [app] 15..16 failed ERROR Error: container app exited with 1 {reason=Error, exit_code=1}
        "#]],
    );
}

// A JobSet's failure policy makes all its Jobs anew; a success policy ends it while one still runs.
#[test]
fn a_job_set_whose_jobs_are_made_anew_and_that_succeeds_before_the_last_ends() {
    check(
        "
        @0 list
        @1    cr JobSet.jobset.x-k8s.io train mode=run by=kubectl
        @1.1  job leader-0 of=JobSet.jobset.x-k8s.io/train
        @1.2  pod a of=job/leader-0 restarts=Never
        @2    pod a running
        @5    pod a exit=1 failed
        @5.2  job leader-0 failed=BackoffLimitExceeded
        @6    job leader-0 gone
        @6.1  pod a gone
        @7    job leader-1 of=JobSet.jobset.x-k8s.io/train
        @7.1  job worker-1 of=JobSet.jobset.x-k8s.io/train
        @7.2  pod b of=job/leader-1 restarts=Never
        @7.3  pod c of=job/worker-1 restarts=Never
        @8    pod b running
        @8.1  pod c running
        @20   pod b exit=0 succeeded
        @20.2 job leader-1 settled
        @20.4 cr JobSet.jobset.x-k8s.io train settled
        @21   pod c exit=0 succeeded
        @21.2 job worker-1 settled
        @60 wait
        ",
        expect![[r#"
            run JobSet train 1..20.4 completed {cause=spec:1, manager=kubectl}
              run Job leader-0 1.1..5.2 failed ERROR BackoffLimitExceeded: it is so
                run Pod a 1.2..5 failed ERROR Error: container app exited with 1 {exit_code=1}
                  start Pod a 1.2..2 completed
                  run container a [app] 2..5 failed ERROR Error: container app exited with 1 {reason=Error, exit_code=1}
              run Job leader-1 7..20.2 completed
                run Pod b 7.2..20 completed
                  start Pod b 7.2..8 completed
                  run container b [app] 8..20 completed {reason=Completed, exit_code=0}
              run Job worker-1 7.1..20.4 unfinished
                run Pod c 7.3..20.4 unfinished
                  start Pod c 7.3..8.1 completed
                  run container c [app] 8.1..20.4 unfinished
        "#]],
    );
}

#[test]
fn a_chain_that_kueue_lets_in_tells_its_wait_on_the_topmost_of_it() {
    check_also(
        &["lifespan.queued_ms"],
        "
        @0 list
        @1    cr TrainJob.trainer.kubeflow.org llm mode=run suspended by=kubectl
        @1.1  cr JobSet.jobset.x-k8s.io llm mode=run suspended of=TrainJob.trainer.kubeflow.org/llm
        @1.2  cr Workload.kueue.x-k8s.io wl queue of=TrainJob.trainer.kubeflow.org/llm queued=QuotaReserved/False/Pending
        @30   cr Workload.kueue.x-k8s.io wl queued=QuotaReserved/True/QuotaReserved
        @30.1 cr TrainJob.trainer.kubeflow.org llm resumed by=kueue
        @30.3 cr JobSet.jobset.x-k8s.io llm resumed
        @30.5 job llm-0 of=JobSet.jobset.x-k8s.io/llm
        @30.6 pod x of=job/llm-0 restarts=Never
        @31   pod x running
        @50   pod x exit=0 succeeded
        @50.2 job llm-0 settled
        @50.4 cr JobSet.jobset.x-k8s.io llm settled
        @50.6 cr TrainJob.trainer.kubeflow.org llm settled
        @90 wait
        ",
        expect![[r#"
            run TrainJob llm 1..50.6 completed {cause=spec:1, manager=kubectl, queued_ms=29100}
              * 30.1 goal changed field=suspend from=true to=false manager=kueue
              await resume llm 1..30.1 completed
                * 1.2 QuotaReserved to=false reason=Pending
                * 30 QuotaReserved to=true reason=QuotaReserved
              run JobSet llm 30.3..50.4 completed
                run Job llm-0 30.5..50.2 completed
                  run Pod x 30.6..50 completed
                    start Pod x 30.6..31 completed
                    run container x [app] 31..50 completed {reason=Completed, exit_code=0}
        "#]],
    );
}
