//! The ways in which a Job is closed before its time, and what is no span (DESIGN §3).

use expect_test::expect;

use super::tree::{check, check_counts};

// activeDeadlineSeconds: FailureTarget, the Pods go, then Failed.
#[test]
fn a_job_past_its_deadline_terminates_its_pods_and_has_failed() {
    check(
        "
        @0 list
        @1   job load by=kubectl
        @1.1 pod load-x of=job/load restarts=Never
        @2   pod load-x running
        @10  pod load-x going grace=30
        @12  pod load-x exit=143 failed
        @12.5 pod load-x gone
        @13  job load failed=DeadlineExceeded said=Job_was_active_longer_than_specified_deadline
        @40 wait
        ",
        expect![[r#"
            run Job load 1..13 failed ERROR DeadlineExceeded: Job was active longer than specified deadline {cause=spec:1, manager=kubectl}
              run Pod load-x 1.1..12 deleted
                start Pod load-x 1.1..2 completed
                run container load-x [app] 2..12 completed {reason=Error, exit_code=143}
              terminate Pod load-x 10..12.5 completed {exit_codes=app=143}
        "#]],
    );
}

#[test]
fn a_change_of_a_job_that_is_over_opens_nothing() {
    check_counts(
        "
        @0 list
        @1   job load by=kubectl
        @5   job load settled
        @40  job load spec.ttlSecondsAfterFinished=5 by=kubectl
        @60 wait
        ",
        expect![[r#"
            run Job load 1..5 completed {cause=spec:1, manager=kubectl}
            counted: churn 2
        "#]],
    );
}

#[test]
fn deleted_while_running_it_is_closed_and_its_delete_supersedes_it() {
    check(
        "
        @0 list
        @1   job load by=kubectl
        @1.1 pod load-x of=job/load restarts=Never
        @2   pod load-x running
        @10  job load delete
        @10.1 pod load-x going grace=30
        @12  pod load-x exit=143 failed
        @12.5 pod load-x gone
        @12.6 job load gone
        @40 wait
        ",
        expect![[r#"
            run Job load 1..10 deleted {cause=spec:1, manager=kubectl}
              run Pod load-x 1.1..10 unfinished
                start Pod load-x 1.1..2 completed
                run container load-x [app] 2..10 unfinished
            delete Job load 10..12.6 completed {cause=delete}
              -> supersedes run Job spec:1
              terminate Pod load-x 10.1..12.5 completed {exit_codes=app=143}
        "#]],
    );
}

// ttlSecondsAfterFinished deletes it in the foreground (`pkg/controller/ttlafterfinished`).
#[test]
fn the_deletion_of_a_finished_job_is_no_span() {
    check_counts(
        "
        @0 list
        @1   job load by=kubectl
        @1.1 pod load-x of=job/load restarts=Never
        @2   pod load-x running
        @5   pod load-x exit=0 succeeded
        @5.5 job load settled
        @60  job load delete
        @60.1 pod load-x going grace=30
        @60.2 pod load-x gone
        @60.3 job load gone
        @90 wait
        ",
        expect![[r#"
            run Job load 1..5.5 completed {cause=spec:1, manager=kubectl}
              run Pod load-x 1.1..5 completed
                start Pod load-x 1.1..2 completed
                run container load-x [app] 2..5 completed {reason=Completed, exit_code=0}
            counted: pods 1, churn 3
        "#]],
    );
}

#[test]
fn a_run_longer_than_its_limit_has_timed_out() {
    check(
        "
        set max_run_seconds=60
        @0 list
        @1   job load by=kubectl
        @1.1 pod load-x of=job/load restarts=Never
        @2   pod load-x running
        @100 job load settled
        @200 wait
        ",
        expect![[r#"
            run Job load 1..61 timed_out ERROR timed_out: the transition timed_out {cause=spec:1, manager=kubectl}
              run Pod load-x 1.1..61 unfinished
                start Pod load-x 1.1..2 completed
                run container load-x [app] 2..61 unfinished
        "#]],
    );
}

#[test]
fn a_run_may_take_longer_than_a_rollout() {
    check(
        "
        @0 list
        @1   job load by=kubectl
        @1.1 pod load-x of=job/load restarts=Never
        @2   pod load-x running
        @7200 pod load-x exit=0 succeeded
        @7200.5 job load settled
        @7300 wait
        ",
        expect![[r#"
            run Job load 1..7200.5 completed {cause=spec:1, manager=kubectl}
              run Pod load-x 1.1..7200 completed
                start Pod load-x 1.1..2 completed
                run container load-x [app] 2..7200 completed {reason=Completed, exit_code=0}
        "#]],
    );
}

#[test]
fn a_generation_bump_without_a_spec_is_no_change_of_a_job() {
    check_counts(
        "
        @0 list
        @1   job load by=kubectl
        @2   job load generation=2
        @5   job load settled
        @30 wait
        ",
        expect![[r#"
            run Job load 1..5 completed {cause=spec:1, manager=kubectl}
            counted: churn 2
        "#]],
    );
}
