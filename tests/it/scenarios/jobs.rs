//! Jobs: one run each, from creation to the terminal condition (DESIGN §3).

use std::fmt::Write as _;

use expect_test::expect;

use super::script::run;
use super::tree::check;
use crate::support::checks::number;

// completionTime is the time of the condition (`pkg/controller/job/job_controller.go`,
// enactJobFinished).
#[test]
fn a_job_runs_until_it_is_complete() {
    check(
        "
        @0 list
        @1   job load by=kubectl
        @1.1 pod load-x of=job/load restarts=Never
        @1.2 pod load-x scheduled
        @2   pod load-x running
        @5   pod load-x exit=0 succeeded
        @5.5 job load settled
        @30 wait
        ",
        expect![[r#"
            run Job load 1..5.5 completed {cause=spec:1, manager=kubectl}
              run Pod load-x 1.1..5 completed
                start Pod load-x 1.1..2 completed
                run container load-x [app] 2..5 completed {reason=Completed, exit_code=0}
        "#]],
    );
}

#[test]
fn a_job_that_fails_says_why_and_what_its_pod_ran_into_first() {
    check(
        "
        @0 list
        @1   job load by=kubectl
        @1.1 pod load-x of=job/load restarts=Never
        @2   pod load-x running
        @5   pod load-x exit=7 failed
        @5.1 pod load-y of=job/load restarts=Never
        @6   pod load-y running
        @9   pod load-y exit=9 failed
        @9.5 job load failed=BackoffLimitExceeded said=Job_has_reached_the_specified_backoff_limit
        @30 wait
        ",
        expect![[r#"
            run Job load 1..9.5 failed ERROR BackoffLimitExceeded: Job has reached the specified backoff limit (Error: container app exited with 7) {cause=spec:1, manager=kubectl}
              run Pod load-x 1.1..5 failed ERROR Error: container app exited with 7 {exit_code=7}
                start Pod load-x 1.1..2 completed
                run container load-x [app] 2..5 failed ERROR Error: container app exited with 7 {reason=Error, exit_code=7}
              run Pod load-y 5.1..9 failed ERROR Error: container app exited with 9 {exit_code=9}
                start Pod load-y 5.1..6 completed
                run container load-y [app] 6..9 failed ERROR Error: container app exited with 9 {reason=Error, exit_code=9}
        "#]],
    );
}

#[test]
fn a_retry_that_succeeds_leaves_the_run_without_error() {
    check(
        "
        @0 list
        @1   job load by=kubectl
        @1.1 pod load-x of=job/load restarts=Never
        @2   pod load-x running
        @5   pod load-x exit=7 failed
        @15.1 pod load-y of=job/load restarts=Never
        @16  pod load-y running
        @19  pod load-y exit=0 succeeded
        @19.5 job load settled
        @40 wait
        ",
        expect![[r#"
            run Job load 1..19.5 completed {cause=spec:1, manager=kubectl}
              run Pod load-x 1.1..5 failed ERROR Error: container app exited with 7 {exit_code=7}
                start Pod load-x 1.1..2 completed
                run container load-x [app] 2..5 failed ERROR Error: container app exited with 7 {reason=Error, exit_code=7}
              run Pod load-y 15.1..19 completed
                start Pod load-y 15.1..16 completed
                run container load-y [app] 16..19 completed {reason=Completed, exit_code=0}
        "#]],
    );
}

#[test]
fn any_other_change_of_a_running_job_is_a_goal_that_moved() {
    check(
        "
        @0 list
        @1   job load by=kubectl spec.parallelism=1
        @1.1 pod load-x of=job/load restarts=Never
        @2   pod load-x running
        @3   job load spec.parallelism=2 by=kubectl
        @4   job load image=v2 by=somebody
        @5   pod load-x exit=0 succeeded
        @5.5 job load settled
        @30 wait
        ",
        expect![[r#"
            run Job load 1..5.5 completed {cause=spec:1, manager=kubectl}
              * 3 goal changed field=parallelism manager=kubectl
              * 4 goal changed field=template.spec.containers[app].image manager=somebody
              run Pod load-x 1.1..5 completed
                start Pod load-x 1.1..2 completed
                run container load-x [app] 2..5 completed {reason=Completed, exit_code=0}
        "#]],
    );
}

// job-tracking finalizers are off: somebody deletes the finished Pod while others run.
#[test]
fn pods_that_are_gone_before_the_run_ends_keep_their_spans() {
    check(
        "
        @0 list
        @1   job load by=kubectl
        @1.1 pod load-x of=job/load restarts=Never
        @1.2 pod load-y of=job/load restarts=Never
        @2   pod load-x running
        @2.1 pod load-y running
        @5   pod load-x exit=0 succeeded
        @6   pod load-x going grace=30
        @6.1 pod load-x gone
        @9   pod load-y exit=0 succeeded
        @9.5 job load settled
        @30 wait
        ",
        expect![[r#"
            run Job load 1..9.5 completed {cause=spec:1, manager=kubectl}
              run Pod load-x 1.1..5 completed
                start Pod load-x 1.1..2 completed
                run container load-x [app] 2..5 completed {reason=Completed, exit_code=0}
              run Pod load-y 1.2..9 completed
                start Pod load-y 1.2..2.1 completed
                run container load-y [app] 2.1..9 completed {reason=Completed, exit_code=0}
        "#]],
    );
}

#[test]
fn a_pod_deleted_by_hand_during_the_run_is_terminated_below_it() {
    check(
        "
        @0 list
        @1   job load by=kubectl
        @1.1 pod load-x of=job/load restarts=Never
        @2   pod load-x running
        @4   pod load-x going grace=30
        @5   pod load-x exit=137 failed
        @5.1 pod load-x gone
        @5.2 pod load-y of=job/load restarts=Never
        @6   pod load-y running
        @9   pod load-y exit=0 succeeded
        @9.5 job load settled
        @30 wait
        ",
        expect![[r#"
            run Job load 1..9.5 completed {cause=spec:1, manager=kubectl}
              run Pod load-x 1.1..5 deleted
                start Pod load-x 1.1..2 completed
                run container load-x [app] 2..5 completed {reason=Error, exit_code=137}
              terminate Pod load-x 4..5.1 completed {exit_codes=app=137}
              run Pod load-y 5.2..9 completed
                start Pod load-y 5.2..6 completed
                run container load-y [app] 6..9 completed {reason=Completed, exit_code=0}
        "#]],
    );
}

// SuccessPolicy: SuccessCriteriaMet, what still runs is terminated, then Complete.
#[test]
fn a_condition_written_while_its_last_pod_still_goes_ends_the_run() {
    check(
        "
        @0 list
        @1   job load by=kubectl
        @1.1 pod load-x of=job/load restarts=Never
        @1.2 pod load-y of=job/load restarts=Never
        @2   pod load-x running
        @2.1 pod load-y running
        @5   pod load-x exit=0 succeeded
        @5.2 pod load-y going grace=30
        @6   pod load-y exit=143 failed
        @6.2 pod load-y gone
        @6.5 job load settled
        @30 wait
        ",
        expect![[r#"
            run Job load 1..6.5 completed {cause=spec:1, manager=kubectl}
              run Pod load-x 1.1..5 completed
                start Pod load-x 1.1..2 completed
                run container load-x [app] 2..5 completed {reason=Completed, exit_code=0}
              run Pod load-y 1.2..6 deleted
                start Pod load-y 1.2..2.1 completed
                run container load-y [app] 2.1..6 completed {reason=Error, exit_code=143}
              terminate Pod load-y 5.2..6.2 completed {exit_codes=app=143}
        "#]],
    );
}

// An Indexed Job: beyond `max_pods_per_trace` a Pod keeps its spans only if it failed, took longer
// than those before it, or was the last to end.
#[test]
fn an_indexed_job_of_hundreds_of_pods_keeps_those_that_tell_something() {
    let mut script = "@0 list\n@1 job load by=kubectl spec.completions=300\n".to_owned();
    let mut each = |at: &str, words: &dyn Fn(usize) -> &'static str| {
        for n in 0..300 {
            let words = words(n);
            if !words.is_empty() {
                writeln!(script, "@{at} pod p{n} {words}").unwrap();
            }
        }
    };
    each("1.1", &|_| "of=job/load restarts=Never scheduled");
    each("2", &|_| "running");
    each("5", &|n| match n {
        260 => "",
        _ if n % 25 == 0 => "exit=7 failed",
        _ => "exit=0 succeeded",
    });
    each("9", &|n| if n == 260 { "exit=0 succeeded" } else { "" });
    script.push_str("@9.5 job load settled\n@30 wait");
    let spans = run(&script).spans;
    let kept: Vec<_> = spans.iter().filter(|span| span.name == "run Pod").collect();
    let is_kept = |n: usize| kept.iter().any(|span| *span.object.name == *format!("p{n}"));
    assert!((0..300).step_by(25).all(is_kept), "those that failed");
    assert!(is_kept(260), "the slowest, which was the last");
    assert!((202..=213).contains(&kept.len()), "{} are kept", kept.len());
    let root = spans.iter().find(|span| span.parent.is_none()).unwrap();
    let omitted = number(root, "lifespan.pods.omitted");
    assert_eq!(i64::try_from(kept.len()).unwrap() + omitted, 300);
}
