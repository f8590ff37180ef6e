//! Pods that run to their end: the start, the runs of their containers, and the end (DESIGN §4).

use expect_test::expect;

use super::tree::{check, check_also, check_counts};

#[test]
fn a_container_that_ends_in_error_fails_the_run() {
    check(
        "
        @0 list
        @1   pod task restarts=Never
        @2   pod task running
        @5   pod task exit=3 failed
        @30 wait
        ",
        expect![[r#"
            run Pod task 1..5 failed ERROR Error: container app exited with 3 {cause=spec:1}
              start Pod task 1..2 completed
              run container task [app] 2..5 failed ERROR Error: container app exited with 3 {reason=Error, exit_code=3}
        "#]],
    );
}

#[test]
fn a_run_that_was_killed_for_memory_says_so() {
    check_also(
        &["lifespan.signal"],
        "
        @0 list
        @1   pod task restarts=Never
        @2   pod task running
        @5   pod task exit=137 why=OOMKilled failed
        @30 wait
        ",
        expect![[r#"
            run Pod task 1..5 failed ERROR OOMKilled: container app exited with 137 {cause=spec:1}
              start Pod task 1..2 completed
              run container task [app] 2..5 failed ERROR OOMKilled: container app exited with 137 {reason=OOMKilled, exit_code=137}
        "#]],
    );
}

#[test]
fn a_signal_is_told() {
    check_also(
        &["lifespan.signal"],
        "
        @0 list
        @1   job load by=kubectl
        @1.1 pod x of=job/load restarts=Never
        @2   pod x running
        @5   pod x exit=139 signal=11 failed
        @5.5 job load failed=BackoffLimitExceeded
        @30 wait
        ",
        expect![[r#"
            run Job load 1..5.5 failed ERROR BackoffLimitExceeded: it is so (Error: container app exited with 139) {cause=spec:1, manager=kubectl}
              run Pod x 1.1..5 failed ERROR Error: container app exited with 139 {exit_code=139}
                start Pod x 1.1..2 completed
                run container x [app] 2..5 failed ERROR Error: container app exited with 139 {reason=Error, exit_code=139, signal=11}
        "#]],
    );
}

#[test]
fn a_run_of_a_pod_deleted_while_running_is_deleted_and_its_exit_no_error() {
    check(
        "
        @0 list
        @1   job load by=kubectl
        @1.1 pod x of=job/load restarts=Never
        @2   pod x running
        @5   pod x going grace=30
        @7   pod x exit=143 failed
        @7.5 pod x gone
        @7.6 pod y of=job/load restarts=Never
        @8   pod y running
        @9   pod y exit=0 succeeded
        @9.5 job load settled
        @30 wait
        ",
        expect![[r#"
            run Job load 1..9.5 completed {cause=spec:1, manager=kubectl}
              run Pod x 1.1..7 deleted
                start Pod x 1.1..2 completed
                run container x [app] 2..7 completed {reason=Error, exit_code=143}
              terminate Pod x 5..7.5 completed {exit_codes=app=143}
              run Pod y 7.6..9 completed
                start Pod y 7.6..8 completed
                run container y [app] 8..9 completed {reason=Completed, exit_code=0}
        "#]],
    );
}

#[test]
fn a_bare_run_deleted_while_running_is_closed_by_its_end() {
    check(
        "
        @0 list
        @1   pod task restarts=Never
        @2   pod task running
        @5   pod task going grace=30
        @7   pod task exit=143 failed
        @7.5 pod task gone
        @30 wait
        ",
        expect![[r#"
            run Pod task 1..5 deleted {cause=spec:1}
              start Pod task 1..2 completed
              run container task [app] 2..5 unfinished
            terminate Pod task 5..7.5 completed {cause=delete, exit_codes=app=143}
              -> supersedes run Pod spec:1
        "#]],
    );
}

#[test]
fn a_finished_bare_run_is_deleted_without_a_span() {
    check_counts(
        "
        @0 list
        @1   pod task restarts=Never
        @2   pod task running
        @5   pod task exit=0 succeeded
        @60  pod task going grace=30
        @60.1 pod task gone
        @90 wait
        ",
        expect![[r#"
            run Pod task 1..5 completed {cause=spec:1}
              start Pod task 1..2 completed
              run container task [app] 2..5 completed {reason=Completed, exit_code=0}
            counted: pods 1
        "#]],
    );
}

// The kubelet rejects it: `OutOfcpu`.
#[test]
fn a_pod_that_never_ran_fails_the_run_without_containers() {
    check(
        "
        @0 list
        @1   job load by=kubectl
        @1.1 pod x of=job/load restarts=Never
        @1.2 pod x scheduled
        @2   pod x failed=OutOfcpu
        @2.1 pod y of=job/load restarts=Never
        @3   pod y running
        @9   pod y exit=0 succeeded
        @9.5 job load settled
        @30 wait
        ",
        expect![[r#"
            run Job load 1..9.5 completed {cause=spec:1, manager=kubectl}
              run Pod x 1.1..2 failed ERROR OutOfcpu: the Pod has failed
                start Pod x 1.1..2 failed ERROR OutOfcpu: the Pod has failed
              run Pod y 2.1..9 completed
                start Pod y 2.1..3 completed
                run container y [app] 3..9 completed {reason=Completed, exit_code=0}
        "#]],
    );
}

#[test]
fn a_run_that_vanished_says_so() {
    check(
        "
        @0 list
        @1   pod task restarts=Never
        @2   pod task running
        @9   closed pods
        @20  list pods nothing
        @40 wait
        ",
        expect![[r#"
            run Pod task 1..20 vanished {cause=spec:1, watch.gap}
              start Pod task 1..2 completed
              run container task [app] 2..20 unfinished
        "#]],
    );
}
