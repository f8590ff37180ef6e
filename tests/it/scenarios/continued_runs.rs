//! DESIGN §3, after a list: runs, bare Pods and deletions.

use expect_test::expect;

use super::tree::{check, check_also, check_counts};

#[test]
fn a_job_without_a_terminal_condition_goes_on_with_what_runs_in_it() {
    check(
        "
        @-9  missed job load by=kubectl
        @-8  missed pod x of=job/load restarts=Never scheduled
        @-7  missed pod x running
        @0 list
        @5   pod x exit=0 succeeded
        @5.5 job load settled
        @40 wait
        ",
        expect![[r#"
            run Job load -9..5.5 completed {cause=spec:1}
              run Pod x -8..5 completed
                start Pod x -8..-7 completed
                run container x [app] -7..5 completed {reason=Completed, exit_code=0}
        "#]],
    );
}

// A Pod without a readiness probe is Ready as long as it runs.
#[test]
fn a_job_goes_on_with_what_runs_in_it_though_that_is_ready() {
    check(
        "
        @-9  missed job load by=kubectl
        @-8  missed pod x of=job/load restarts=Never scheduled
        @-7  missed pod x running ready
        @0 list
        @5   pod x exit=3 failed
        @5.5 job load failed=BackoffLimitExceeded
        @40 wait
        ",
        expect![[r#"
            run Job load -9..5.5 failed ERROR BackoffLimitExceeded: it is so (Error: container app exited with 3) {cause=spec:1}
              run Pod x -8..5 failed ERROR Error: container app exited with 3 {exit_code=3}
                run container x [app] -7..5 failed ERROR Error: container app exited with 3 {reason=Error, exit_code=3}
        "#]],
    );
}

#[test]
fn a_job_that_is_over_or_suspended_is_baseline() {
    check_counts(
        "
        @-90 missed job done by=kubectl
        @-80 missed job done settled
        @-70 missed job failed by=kubectl
        @-60 missed job failed failed=BackoffLimitExceeded
        @-50 missed job waits suspended by=kubectl
        @0 list
        @40 wait
        ",
        expect![[r#"
            open: run Job waits spec:1
            counted: baseline 2
        "#]],
    );
}

// Whoever was there when it ran first has told `run Job`, suspended.
#[test]
fn a_job_that_was_suspended_while_it_ran_goes_on_with_its_resume() {
    check(
        "
        @-50 missed job load by=kubectl
        @-40 missed job load suspended by=kubectl
        @-20 missed job load resumed by=kubectl
        @-19 missed pod x of=job/load restarts=Never running
        @0 list
        @5   pod x exit=0 succeeded
        @5.5 job load settled
        @40 wait
        ",
        expect![[r#"
            resume Job load -20..5.5 completed {cause=spec:3}
              run Pod x -19..5 completed
                start Pod x -19..-19 completed
                run container x [app] -19..5 completed {reason=Completed, exit_code=0}
        "#]],
    );
}

#[test]
fn a_listed_suspended_job_is_resumed() {
    check(
        "
        @-50 missed job load suspended by=kubectl stamp=aa
        @0 list
        @30  job load resumed by=kueue
        @31  job load settled
        @60 wait
        ",
        expect![[r#"
            run Job load -50..31 completed {cause=spec:1, context.uncertain}
              -> stamp aa.aa in tracing.k8s.io/traceparent, uncertain
              * 30 goal changed field=suspend from=true to=false manager=kueue
              await resume load -50..30 completed
        "#]],
    );
}

#[test]
fn a_job_of_a_listed_cron_job_goes_on_as_a_tree_of_its_own() {
    check_also(
        &["k8s.cronjob.name", "lifespan.schedule.lag_ms"],
        "
        @-90 missed cronjob nightly by=kubectl
        @-9  missed job nightly-1 of=nightly scheduled=-10
        @-8  missed pod x of=job/nightly-1 restarts=Never scheduled
        @0 list
        @3   pod x running
        @5   pod x exit=0 succeeded
        @5.5 job nightly-1 settled
        @40 wait
        ",
        expect![[r#"
            run Job nightly-1 -9..5.5 completed {cause=spec:1, cronjob.name=nightly, schedule.lag_ms=1000}
              run Pod x -8..5 completed
                start Pod x -8..3 completed
                run container x [app] 3..5 completed {reason=Completed, exit_code=0}
        "#]],
    );
}

#[test]
fn a_bare_pod_that_is_not_ready_yet_goes_on() {
    check(
        "
        @-5  missed pod solo scheduled
        @0 list
        @2   pod solo running ready
        @40 wait
        ",
        expect![[r#"
            start Pod solo -5..2 completed {cause=spec:1}
        "#]],
    );
}

#[test]
fn a_bare_pod_that_was_ready_is_baseline() {
    check_counts(
        "
        @-50 missed pod solo scheduled
        @-40 missed pod solo running ready
        @0 list
        @40 wait
        ",
        expect![[r#"
            nothing
            counted: baseline 1
        "#]],
    );
}

#[test]
fn a_bare_run_that_has_not_ended_goes_on() {
    check(
        "
        @-50 missed pod task restarts=Never scheduled
        @-40 missed pod task running
        @0 list
        @10  pod task exit=0 succeeded
        @40 wait
        ",
        expect![[r#"
            run Pod task -50..10 completed {cause=spec:1}
              start Pod task -50..-40 completed
              run container task [app] -40..10 completed {reason=Completed, exit_code=0}
        "#]],
    );
}

#[test]
fn a_finished_bare_run_is_baseline() {
    check_counts(
        "
        @-50 missed pod task restarts=Never
        @-40 missed pod task exit=0 succeeded
        @0 list
        @40 wait
        ",
        expect![[r#"
            nothing
            counted: baseline 1
        "#]],
    );
}

#[test]
fn what_is_being_deleted_goes_on_being_deleted() {
    check(
        "
        @-100 missed sts db replicas=1 revision=r1
        @-98 missed pod db-0 of=sts/db revision=r1 scheduled
        @-97 missed pod db-0 running ready
        @-95 missed sts db status=1/1/1
        @-5  missed sts db delete
        @-4  missed pod db-0 going grace=30
        @0 list
        @3   pod db-0 gone
        @3.2 sts db gone
        @40 wait
        ",
        expect![[r#"
            delete StatefulSet db -5..3.2 completed {cause=delete}
              terminate Pod db-0 -4..3 completed
        "#]],
    );
}

#[test]
fn what_is_being_deleted_goes_on_at_every_depth() {
    check(
        "
        @-100 missed deploy web replicas=1
        @-99 missed rs web-1 of=web replicas=1
        @-98 missed pod a of=web-1 scheduled
        @-97 missed pod a running ready
        @-96 missed rs web-1 status=1/1
        @-95 missed deploy web status=1/1/1
        @-5  missed deploy web delete
        @-4  missed rs web-1 delete
        @-3  missed pod a going grace=30
        @0 list
        @3   pod a gone
        @3.1 rs web-1 gone
        @3.2 deploy web gone
        @40 wait
        ",
        expect![[r#"
            delete Deployment web -5..3.2 completed {cause=delete}
              delete ReplicaSet web-1 -4..3.1 completed
                terminate Pod a -3..3 completed
        "#]],
    );
}

// Its limit is max_run_duration.
#[test]
fn a_run_that_began_longer_ago_than_a_rollout_may_take_goes_on() {
    check(
        "
        @-5000 missed job load by=kubectl
        @0 list
        @5   job load settled
        @40 wait
        ",
        expect![[r#"
            run Job load -5000..5 completed {cause=spec:1}
        "#]],
    );
}

#[test]
fn a_listed_chain_goes_on_at_every_depth() {
    check(
        "
        @-9  missed cr TrainJob.kubeflow mnist mode=run by=kubectl
        @-8  missed cr JobSet.x-k8s mnist mode=run of=TrainJob.kubeflow/mnist
        @-7  missed job mnist-node of=JobSet.x-k8s/mnist
        @-6  missed pod p0 of=job/mnist-node restarts=Never scheduled
        @-5  missed pod p0 running
        @0 list
        @5   pod p0 exit=0 succeeded
        @5.4 job mnist-node settled
        @5.6 cr JobSet.x-k8s mnist settled
        @5.8 cr TrainJob.kubeflow mnist settled
        @40 wait
        ",
        expect![[r#"
            run TrainJob mnist -9..5.8 completed {cause=spec:1}
              run JobSet mnist -8..5.6 completed
                run Job mnist-node -7..5.4 completed
                  run Pod p0 -6..5 completed
                    start Pod p0 -6..-5 completed
                    run container p0 [app] -5..5 completed {reason=Completed, exit_code=0}
        "#]],
    );
}
