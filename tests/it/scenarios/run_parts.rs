//! The parts of a Pod that runs to its end: init containers, sidecars, restarts (DESIGN §4).

use expect_test::expect;

use super::tree::{check, check_full};

#[test]
fn a_bare_pod_that_never_restarts_runs_until_its_last_container_has_ended() {
    check_full(
        "
        @0 list
        @1   pod task restarts=Never
        @1.1 pod task scheduled
        @1.2 pod task sandbox
        @1.5 event pod/task Pulled app took=200ms
        @2   pod task running
        @5   pod task exit=0
        @5.2 pod task succeeded
        @30 wait
        ",
        expect![[r#"
            run Pod task 1..5 completed {cause=spec:1, start.source=watch, end.source=watch}
              start Pod task 1..2 completed {start.source=watch, end.source=watch}
                * 1.5 Pulled container.name=app
                schedule Pod task 1..1.1 {actor=scheduler, start.source=watch, end.source=watch, time.uncertainty_ms=100}
                prepare Pod sandbox task 1.1..1.2 {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=200}
                pull image task [app] 1.3..1.5 {actor=kubelet, start.source=event, end.source=event}
                start container task [app] 1.5..2 {actor=kubelet, start.source=event, end.source=watch}
              run container task [app] 2..5 completed {reason=Completed, exit_code=0, start.source=watch, end.source=watch}
        "#]],
    );
}

// restartPolicy OnFailure: the same Pod, the next run of its container.
#[test]
fn restarts_inside_a_pod_that_restarts_on_failure_stand_between_the_runs() {
    check(
        "
        @0 list
        @1   job load by=kubectl
        @1.1 pod x of=job/load restarts=OnFailure
        @2   pod x running
        @4   pod x exit=1
        @4.5 pod x crash
        @14  pod x running
        @16  pod x exit=0
        @16.2 pod x succeeded
        @16.5 job load settled
        @30 wait
        ",
        expect![[r#"
            run Job load 1..16.5 completed {cause=spec:1, manager=kubectl}
              run Pod x 1.1..16 completed
                start Pod x 1.1..2 completed
                run container x [app] 2..4 failed ERROR Error: container app exited with 1 {reason=Error, exit_code=1}
                restart container x [app] 4..14 completed {reason=Error, exit_code=1}
                run container x [app] 14..16 completed {reason=Completed, exit_code=0}
        "#]],
    );
}

// What the kubelet says it will do it was doing, for minutes perhaps.
#[test]
fn a_restart_that_the_kubelet_waited_for_when_the_pod_went_is_told() {
    check(
        "
        @0 list
        @1   job load by=kubectl
        @1.1 pod x of=job/load restarts=OnFailure
        @2   pod x running
        @4   pod x exit=1
        @4.5 pod x crash
        @90  pod x going grace=0
        @90.1 pod x gone
        @90.2 job load failed=BackoffLimitExceeded
        @120 wait
        ",
        expect![[r#"
            run Job load 1..90.2 failed ERROR BackoffLimitExceeded: it is so (Error: container app exited with 1) {cause=spec:1, manager=kubectl}
              run Pod x 1.1..90 deleted ERROR Error: container app exited with 1 {exit_code=1}
                start Pod x 1.1..2 completed
                run container x [app] 2..4 failed ERROR Error: container app exited with 1 {reason=Error, exit_code=1}
                restart container x [app] 4..90 deleted {reason=Error, exit_code=1}
              terminate Pod x 90..90.1 completed
        "#]],
    );
}

// The kubelet reports the newest state only: the exit stands in lastState.
#[test]
fn a_restart_that_was_never_seen_waiting_is_told_from_the_last_state() {
    check(
        "
        @0 list
        @1   job load by=kubectl
        @1.1 pod x of=job/load restarts=OnFailure
        @2   pod x running
        @6   pod x exit=1 finished=4 running
        @16  pod x exit=0 succeeded
        @16.5 job load settled
        @30 wait
        ",
        expect![[r#"
            run Job load 1..16.5 completed {cause=spec:1, manager=kubectl}
              run Pod x 1.1..16 completed
                start Pod x 1.1..2 completed
                run container x [app] 2..5 failed ERROR Error: container app exited with 1 {reason=Error, exit_code=1}
                restart container x [app] 5..6 completed {reason=Error, exit_code=1}
                run container x [app] 6..16 completed {reason=Completed, exit_code=0}
        "#]],
    );
}

#[test]
fn init_containers_are_phases_and_not_runs() {
    check_full(
        "
        @0 list
        @1   pod task restarts=Never containers=init:setup,app
        @1.1 pod task scheduled
        @1.2 pod task sandbox
        @2   pod task setup:running
        @4   pod task setup:exit=0
        @5   pod task app:running
        @8   pod task app:exit=0 succeeded
        @30 wait
        ",
        expect![[r#"
            run Pod task 1..8 completed {cause=spec:1, start.source=watch, end.source=watch}
              start Pod task 1..5 completed {start.source=watch, end.source=watch}
                schedule Pod task 1..1.1 {actor=scheduler, start.source=watch, end.source=watch, time.uncertainty_ms=100}
                prepare Pod sandbox task 1.1..1.2 {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=200}
                run init container task [setup] 1.2..4 {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=200}
                start container task [app] 4..5 {actor=kubelet, start.source=watch, end.source=watch}
              run container task [app] 5..8 completed {reason=Completed, exit_code=0, start.source=watch, end.source=watch}
        "#]],
    );
}

#[test]
fn an_init_container_that_fails_ends_the_run_in_its_start() {
    check(
        "
        @0 list
        @1   job load by=kubectl
        @1.1 pod x of=job/load restarts=Never containers=init:setup,app
        @2   pod x setup:running
        @4   pod x setup:exit=2 failed
        @4.5 job load failed=BackoffLimitExceeded
        @30 wait
        ",
        expect![[r#"
            run Job load 1..4.5 failed ERROR BackoffLimitExceeded: it is so (Error: container setup exited with 2) {cause=spec:1, manager=kubectl}
              run Pod x 1.1..4 failed ERROR Error: container setup exited with 2 {exit_code=2}
                start Pod x 1.1..4 failed ERROR Error: container setup exited with 2 {exit_code=2}
        "#]],
    );
}

// Sidecars are ended when the others have; exit 143 of one is no error (KEP-753).
#[test]
fn a_native_sidecar_starts_until_its_probe_has_passed_and_its_end_is_no_failure() {
    check_full(
        "
        @0 list
        @1   pod task restarts=Never containers=sidecar:proxy,app
        @1.1 pod task scheduled
        @1.2 pod task sandbox
        @1.5 pod task proxy:probe proxy:running
        @3   pod task proxy:started
        @3.5 pod task app:running
        @8   pod task app:exit=0
        @9   pod task proxy:exit=143
        @9.2 pod task succeeded
        @30 wait
        ",
        expect![[r#"
            run Pod task 1..9 completed {cause=spec:1, start.source=watch, end.source=watch}
              start Pod task 1..3.5 completed {start.source=watch, end.source=watch, time.uncertainty_ms=500}
                schedule Pod task 1..1.1 {actor=scheduler, start.source=watch, end.source=watch, time.uncertainty_ms=100}
                prepare Pod sandbox task 1.1..1.2 {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=200}
                start sidecar task [proxy] 1.2..3 {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=2000}
                start container task [app] 3..3.5 {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=2000}
              run container task [proxy] 1.5..9 completed {reason=Error, exit_code=143, start.source=watch, end.source=watch, time.uncertainty_ms=500}
              run container task [app] 3.5..8 completed {reason=Completed, exit_code=0, start.source=watch, end.source=watch, time.uncertainty_ms=499}
        "#]],
    );
}

#[test]
fn a_container_that_ends_before_another_starts_does_not_end_the_start() {
    check(
        "
        @0 list
        @1   job load by=kubectl
        @1.1 pod x of=job/load restarts=Never containers=fast,slow
        @1.2 pod x scheduled
        @2   pod x fast:running
        @3   pod x fast:exit=0
        @5   pod x slow:running
        @9   pod x slow:exit=0 succeeded
        @9.5 job load settled
        @30 wait
        ",
        expect![[r#"
            run Job load 1..9.5 completed {cause=spec:1, manager=kubectl}
              run Pod x 1.1..9 completed
                start Pod x 1.1..5 completed
                run container x [fast] 2..3 completed {reason=Completed, exit_code=0}
                run container x [slow] 5..9 completed {reason=Completed, exit_code=0}
        "#]],
    );
}

#[test]
fn two_containers_are_two_runs_and_the_last_end_is_the_end() {
    check(
        "
        @0 list
        @1   pod task restarts=Never containers=one,two
        @2   pod task one:running two:running
        @5   pod task one:exit=0
        @9   pod task two:exit=0 succeeded
        @30 wait
        ",
        expect![[r#"
            run Pod task 1..9 completed {cause=spec:1}
              start Pod task 1..2 completed
              run container task [one] 2..5 completed {reason=Completed, exit_code=0}
              run container task [two] 2..9 completed {reason=Completed, exit_code=0}
        "#]],
    );
}

#[test]
fn a_pod_of_a_replica_set_that_restarts_always_is_no_run() {
    check(
        "
        @0 list
        @1   rs solo replicas=1 by=kubectl
        @1.1 pod a of=rs/solo
        @2   pod a running ready
        @2.1 rs solo status=1/1
        @30 wait
        ",
        expect![[r#"
            create ReplicaSet solo 1..2.1 completed {cause=spec:1, manager=kubectl, replicas.from=0, replicas.to=1}
              start Pod a 1.1..2 completed
        "#]],
    );
}

// The status goes from running to CrashLoopBackOff at once; the run that follows is not counted yet.
#[test]
fn an_exit_that_is_first_seen_while_the_next_run_is_waited_for_is_of_the_run_before() {
    check(
        "
        @0 list
        @1   job load by=kubectl
        @1.1 pod x of=job/load restarts=OnFailure
        @2   pod x running
        @6   pod x exit=1 finished=4 crash
        @14  pod x running
        @16  pod x exit=0
        @16.2 pod x succeeded
        @16.5 job load settled
        @30 wait
        ",
        expect![[r#"
            run Job load 1..16.5 completed {cause=spec:1, manager=kubectl}
              run Pod x 1.1..16 completed
                start Pod x 1.1..2 completed
                run container x [app] 2..5 failed ERROR Error: container app exited with 1 {reason=Error, exit_code=1}
                restart container x [app] 5..14 completed {reason=Error, exit_code=1}
                run container x [app] 14..16 completed {reason=Completed, exit_code=0}
        "#]],
    );
}

// RestartAllContainers: of what is removed no times are left.
#[test]
fn a_pod_whose_containers_are_all_restarted_for_one_of_them_runs_to_its_end() {
    check(
        "
        @0 list
        @1  pod solo restarts=Never containers=main,worker scheduled
        @2  pod solo main:running worker:running ready
        @10 pod solo worker:exit=42
        @12 pod solo main:removed worker:removed
        @13 pod solo main:running worker:running ready
        @20 pod solo worker:exit=0
        @25 pod solo main:exit=0 succeeded
        @60 wait
        ",
        expect![[r#"
            run Pod solo 1..25 completed {cause=spec:1}
              start Pod solo 1..2 completed
              run container solo [worker] 2..10 failed ERROR Error: container worker exited with 42 {reason=Error, exit_code=42}
              run container solo [main] 2..12 completed {reason=RestartingAllContainers, exit_code=137}
              restart container solo [worker] 10..13 completed {reason=Error, exit_code=42}
              restart container solo [main] 12..13 completed {reason=RestartingAllContainers, exit_code=137}
              run container solo [worker] 13..20 completed {reason=Completed, exit_code=0}
              run container solo [main] 13..25 completed {reason=Completed, exit_code=0}
        "#]],
    );
}

#[test]
fn a_run_whose_end_nobody_saw_had_ended_when_its_container_ran_again() {
    check(
        "
        @0 list
        @1  pod solo restarts=OnFailure scheduled
        @2  pod solo running ready
        @10 missed pod solo exit=1
        @11 missed pod solo running
        @12 missed pod solo exit=1
        @13 pod solo running
        @25 pod solo exit=0 succeeded
        @60 wait
        ",
        expect![[r#"
            run Pod solo 1..25 completed {cause=spec:1}
              start Pod solo 1..2 completed
              run container solo [app] 2..12 unfinished
              run container solo [app] 12..13 failed ERROR Error: container app exited with 1 {reason=Error, exit_code=1}
              restart container solo [app] 13..13 completed {reason=Error, exit_code=1, restarts.missed=1}
              run container solo [app] 13..25 completed {reason=Completed, exit_code=0}
        "#]],
    );
}

#[test]
fn an_init_container_that_fails_and_runs_again_is_a_restart_in_the_start() {
    check_full(
        "
        @0 list
        @1   pod task restarts=OnFailure containers=init:setup,app
        @1.1 pod task scheduled sandbox
        @2   pod task setup:running
        @3   pod task setup:exit=4
        @4   pod task setup:running
        @5   pod task setup:exit=0
        @6   pod task app:running
        @9   pod task app:exit=0 succeeded
        @30 wait
        ",
        expect![[r#"
            run Pod task 1..9 completed {cause=spec:1, start.source=watch, end.source=watch}
              start Pod task 1..6 completed {start.source=watch, end.source=watch}
                schedule Pod task 1..1.1 {actor=scheduler, start.source=watch, end.source=watch, time.uncertainty_ms=99}
                prepare Pod sandbox task 1.1..1.1 {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=100}
                run init container task [setup] 1.1..5 {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=100}
                restart container task [setup] 4..4 completed {reason=Error, exit_code=4, start.source=object, end.source=watch, time.uncertainty_ms=999}
                start container task [app] 5..6 {actor=kubelet, start.source=watch, end.source=watch}
              run container task [app] 6..9 completed {reason=Completed, exit_code=0, start.source=watch, end.source=watch}
        "#]],
    );
}

#[test]
fn a_run_whose_sidecar_is_not_started_again_ends_with_the_last_container_that_ran() {
    check_full(
        "
        @0 list
        @1   pod task restarts=OnFailure containers=sidecar:proxy,app
        @1.1 pod task scheduled sandbox
        @2   pod task proxy:running started
        @3   pod task app:running
        @5   pod task proxy:exit=1
        @5.5 pod task proxy:crash
        @8   pod task app:exit=0
        @14  pod task succeeded
        @40 wait
        ",
        expect![[r#"
            run Pod task 1..8 completed {cause=spec:1, start.source=watch, end.source=watch}
              start Pod task 1..3 completed {start.source=watch, end.source=watch}
                schedule Pod task 1..1.1 {actor=scheduler, start.source=watch, end.source=watch, time.uncertainty_ms=99}
                prepare Pod sandbox task 1.1..1.1 {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=100}
                start sidecar task [proxy] 1.1..2 {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=100}
                start container task [app] 2..3 {actor=kubelet, start.source=watch, end.source=watch}
              run container task [proxy] 2..5 completed {reason=Error, exit_code=1, start.source=watch, end.source=watch}
              run container task [app] 3..8 completed {reason=Completed, exit_code=0, start.source=watch, end.source=watch}
              restart container task [proxy] 5..8 unfinished {reason=Error, exit_code=1, start.source=watch, end.source=watch}
        "#]],
    );
}

// Kubernetes calls it Succeeded: how a sidecar ends does not count.
#[test]
fn a_run_whose_sidecar_fails_and_is_not_started_again_has_not_failed() {
    check(
        "
        @0 list
        @1   pod task restarts=Never containers=sidecar:proxy,app
        @1.1 pod task scheduled sandbox
        @2   pod task proxy:running started
        @3   pod task app:running
        @5   pod task proxy:exit=2
        @5.5 pod task proxy:crash
        @8   pod task app:exit=0
        @9   pod task succeeded
        @40 wait
        ",
        expect![[r#"
            run Pod task 1..8 completed {cause=spec:1}
              start Pod task 1..3 completed
              run container task [proxy] 2..5 completed {reason=Error, exit_code=2}
              run container task [app] 3..8 completed {reason=Completed, exit_code=0}
              restart container task [proxy] 5..8 unfinished {reason=Error, exit_code=2}
        "#]],
    );
}
