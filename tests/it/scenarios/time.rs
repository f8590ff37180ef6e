//! DESIGN §7: instants are intervals, and what narrows them.

use expect_test::expect;

use super::tree::{check, check_full};

#[test]
fn the_time_of_a_write_lies_in_its_second_and_not_after_its_arrival() {
    check_full(
        "
        @0 settled web a
        @1.9 deploy web image=v2 by=kubectl
        @3.2 deploy web status=1/1/1
        @30 wait
        ",
        expect![[r#"
            update Deployment web 1.9..3.2 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image, start.source=watch, end.source=watch, time.uncertainty_ms=900}
        "#]],
    );
}

#[test]
fn an_arrival_after_the_second_of_the_object_leaves_the_end_of_that_second() {
    check_full(
        "
        @0 settled web a
        @1.2 deploy web image=v2 by=kubectl late=1500
        @3.2 deploy web status=1/1/1
        @30 wait
        ",
        expect![[r#"
            update Deployment web 2..3.2 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image, start.source=object, end.source=watch, time.uncertainty_ms=999}
        "#]],
    );
}

#[test]
fn the_arrival_of_a_later_write_bounds_an_earlier_one() {
    check_full(
        "
        @0 settled web a
        @1.2 deploy web image=v2 by=kubectl late=700
        @1.3 rs web-2 of=web replicas=1 image=v2
        @3.2 deploy web status=1/1/1
        @30 wait
        ",
        expect![[r#"
            update Deployment web 1.3..3.2 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image, start.source=watch, end.source=watch, time.uncertainty_ms=300}
              create ReplicaSet web-2 1.3..3.2 unfinished {replicas.from=0, replicas.to=1, actor=controller, start.source=watch, end.source=watch, time.uncertainty_ms=300}
        "#]],
    );
}

#[test]
fn the_exact_time_of_an_event_counts_only_while_its_count_is_one() {
    check_full(
        "
        @0 list
        @1   pod solo
        @1.2 pod solo scheduled
        @1.9 pod solo running late=400
        @1.9 event pod/solo Started app at=1.8
        @3.5 pod solo ready
        @40   pod late
        @40.2 pod late scheduled
        @40.9 pod late running late=400
        @40.9 event pod/late Started app at=40.8 count=2
        @43.5 pod late ready
        @60 wait
        ",
        expect![[r#"
            start Pod solo 1..3.5 completed {cause=spec:1, start.source=watch, end.source=watch, time.uncertainty_ms=500}
              * 1.8 Started container.name=app
              schedule Pod solo 1..1.2 {actor=scheduler, start.source=watch, end.source=watch, time.uncertainty_ms=200}
              prepare Pod sandbox solo 1.2..1.8 {actor=kubelet, start.source=watch, end.source=event, time.uncertainty_ms=200}
              start container solo [app] 1.8..1.8 {actor=kubelet, start.source=event, end.source=event}
              await readiness solo 1.8..3.5 {actor=kubelet, start.source=event, end.source=watch, time.uncertainty_ms=500}
            start Pod late 40..43.5 completed {cause=spec:1, start.source=watch, end.source=watch, time.uncertainty_ms=500}
              * 40.9 Started event.count=2 container.name=app
              schedule Pod late 40..40.2 {actor=scheduler, start.source=watch, end.source=watch, time.uncertainty_ms=200}
              prepare Pod sandbox late 40.2..40.9 {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=899}
              start container late [app] 40.9..40.9 {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=899}
              await readiness late 40.9..43.5 {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=899}
        "#]],
    );
}

#[test]
fn a_pull_began_its_duration_before_the_event() {
    check_full(
        "
        @0 list
        @1   pod solo
        @1.2 pod solo scheduled
        @3.5 event pod/solo Pulled app took=1.5s
        @3.7 pod solo running
        @4.5 pod solo ready
        @30 wait
        ",
        expect![[r#"
            start Pod solo 1..4.5 completed {cause=spec:1, start.source=watch, end.source=watch, time.uncertainty_ms=500}
              * 3.5 Pulled container.name=app
              schedule Pod solo 1..1.2 {actor=scheduler, start.source=watch, end.source=watch, time.uncertainty_ms=200}
              prepare Pod sandbox solo 1.2..2 {actor=kubelet, start.source=watch, end.source=event, time.uncertainty_ms=200}
              pull image solo [app] 2..3.5 {actor=kubelet, start.source=event, end.source=event}
              start container solo [app] 3.5..3.7 {actor=kubelet, start.source=event, end.source=watch, time.uncertainty_ms=199}
              await readiness solo 3.7..4.5 {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=500}
        "#]],
    );
}

#[test]
fn an_image_that_was_there_is_not_pulled() {
    check_full(
        "
        @0 list
        @1   pod solo
        @1.2 pod solo scheduled
        @3.5 event pod/solo Pulled app there
        @3.7 pod solo running
        @4.5 pod solo ready
        @30 wait
        ",
        expect![[r#"
            start Pod solo 1..4.5 completed {cause=spec:1, start.source=watch, end.source=watch, time.uncertainty_ms=500}
              * 3.5 Pulled container.name=app
              schedule Pod solo 1..1.2 {actor=scheduler, start.source=watch, end.source=watch, time.uncertainty_ms=200}
              prepare Pod sandbox solo 1.2..3.5 {actor=kubelet, start.source=watch, end.source=event, time.uncertainty_ms=200}
              start container solo [app] 3.5..3.7 {actor=kubelet, start.source=event, end.source=watch, time.uncertainty_ms=199}
              await readiness solo 3.7..4.5 {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=500}
        "#]],
    );
}

#[test]
fn without_events_a_start_is_coarser_and_not_guessed() {
    check_full(
        "
        @0 list
        @1   pod solo
        @1.2 pod solo scheduled
        @1.4 pod solo sandbox
        @3.7 pod solo running
        @4.5 pod solo ready
        @30 wait
        ",
        expect![[r#"
            start Pod solo 1..4.5 completed {cause=spec:1, start.source=watch, end.source=watch, time.uncertainty_ms=500}
              schedule Pod solo 1..1.2 {actor=scheduler, start.source=watch, end.source=watch, time.uncertainty_ms=200}
              prepare Pod sandbox solo 1.2..1.4 {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=400}
              start container solo [app] 1.4..3.7 {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=699}
              await readiness solo 3.7..4.5 {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=699}
        "#]],
    );
}

#[test]
fn a_node_whose_clock_is_ahead_is_shifted_as_one_block() {
    check_full(
        "
        @0 list
        @1   deploy web replicas=1 by=kubectl
        @1.1 rs web-1 of=web replicas=1
        @1.2 pod a of=web-1
        @1.3 pod a scheduled
        @2.5 pod a sandbox time=62
        @3.5 pod a running time=63
        @5.5 pod a ready time=65
        @5.6 rs web-1 status=1/1
        @5.7 deploy web status=1/1/1
        @30 wait
        ",
        expect![[r#"
            create Deployment web 1..5.7 completed {cause=spec:1, manager=kubectl, start.source=watch, end.source=watch, time.uncertainty_ms=700}
              create ReplicaSet web-1 1.1..5.6 completed {replicas.from=0, replicas.to=1, actor=controller, start.source=watch, end.source=watch, time.uncertainty_ms=600}
                start Pod a 1.2..5.5 completed {clock.skew_ms=59500, start.source=watch, end.source=watch, time.uncertainty_ms=200}
                  schedule Pod a 1.2..1.3 {actor=scheduler, start.source=watch, end.source=watch, time.uncertainty_ms=300}
                  prepare Pod sandbox a 1.3..2.5 {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=300}
                  start container a [app] 2.5..3.5 {actor=kubelet, start.source=watch, end.source=watch}
                  await readiness a 3.5..5.5 {actor=kubelet, start.source=watch, end.source=watch}
        "#]],
    );
}

#[test]
fn a_node_whose_clock_is_behind_is_shifted_as_one_block() {
    check_full(
        "
        @0 list
        @100   deploy web replicas=1 by=kubectl
        @100.1 rs web-1 of=web replicas=1
        @100.2 pod a of=web-1
        @100.3 pod a scheduled
        @101.5 pod a sandbox time=81
        @102.4 event pod/a Pulled app at=82.3 took=500ms
        @102.5 pod a running time=82
        @102.5 event pod/a Started app at=82.4
        @104.5 pod a ready time=84
        @104.6 rs web-1 status=1/1
        @104.7 deploy web status=1/1/1
        @130 wait
        ",
        expect![[r#"
            create Deployment web 100..104.7 completed {cause=spec:1, manager=kubectl, start.source=watch, end.source=watch, time.uncertainty_ms=700}
              create ReplicaSet web-1 100..104.6 completed {replicas.from=0, replicas.to=1, actor=controller, start.source=event, end.source=watch, time.uncertainty_ms=600}
                start Pod a 100..104.5 completed {clock.skew_ms=-18200, start.source=event, end.source=watch, time.uncertainty_ms=2300}
                  schedule Pod a 100..100 {actor=scheduler, start.source=event, end.source=event}
                  prepare Pod sandbox a 100..100 {actor=kubelet, start.source=event, end.source=event}
                  pull image a [app] 100..100.5 {actor=kubelet, start.source=event, end.source=event}
                  start container a [app] 100.5..100.6 {actor=kubelet, start.source=event, end.source=event}
                  await readiness a 100.6..104.5 {actor=kubelet, start.source=event, end.source=watch, time.uncertainty_ms=2300}
        "#]],
    );
}

#[test]
fn a_scale_entry_has_no_time_and_then_only_the_arrival_is_known() {
    check_full(
        "
        @0 settled web a
        @50.4 deploy web replicas=2 by=hpa/scale
        @52.2 deploy web status=2/2/2
        @90 wait
        ",
        expect![[r#"
            scale Deployment web 50.4..52.2 completed {cause=spec:2, manager=hpa, changed=replicas, start.source=watch, end.source=watch, time.uncertainty_ms=145400}
        "#]],
    );
}

#[test]
fn a_list_tells_no_arrival() {
    check_full(
        "
        @-5.5 missed pod solo
        @-5.3 missed pod solo scheduled
        @0 list
        @2.5 pod solo running
        @3.5 pod solo ready
        @30 wait
        ",
        expect![[r#"
            start Pod solo -6..3.5 completed {cause=spec:1, start.source=object, end.source=watch, time.uncertainty_ms=999}
              schedule Pod solo -6..-5 {actor=scheduler, start.source=object, end.source=object, time.uncertainty_ms=999}
              prepare Pod sandbox solo -5..2.5 {actor=kubelet, start.source=object, end.source=watch, time.uncertainty_ms=999}
              start container solo [app] 2.5..2.5 {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=499}
              await readiness solo 2.5..3.5 {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=500}
        "#]],
    );
}

#[test]
fn what_a_second_list_shows_has_its_object_times_and_a_gap() {
    check_full(
        "
        @0 settled web a
        @4.5 closed deploys
        @5.5 missed deploy web image=v2 by=kubectl
        @9.5 list deploys
        @12.5 deploy web status=1/1/1
        @40 wait
        ",
        expect![[r#"
            update Deployment web 5..12.5 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image, watch.gap, start.source=object, end.source=watch, time.uncertainty_ms=999}
        "#]],
    );
}

#[test]
fn a_step_never_precedes_the_one_before_it() {
    check_full(
        "
        @0 list
        @1.9 pod solo
        @1.95 pod solo scheduled running ready
        @30 wait
        ",
        expect![[r#"
            start Pod solo 1.9..1.95 completed {cause=spec:1, start.source=watch, end.source=watch, time.uncertainty_ms=950}
              schedule Pod solo 1.9..1.95 {actor=scheduler, start.source=watch, end.source=watch, time.uncertainty_ms=949}
              prepare Pod sandbox solo 1.95..1.95 {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=949}
              start container solo [app] 1.95..1.95 {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=949}
              await readiness solo 1.95..1.95 {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=950}
        "#]],
    );
}

#[test]
fn a_clock_that_is_behind_shows_without_events_too() {
    check_full(
        "
        @0 list
        @100   deploy web replicas=1 by=kubectl
        @100.1 rs web-1 of=web replicas=1
        @100.2 pod a of=web-1
        @100.3 pod a scheduled
        @101.5 pod a sandbox time=81
        @102.5 pod a running time=82
        @104.5 pod a ready time=84
        @104.6 rs web-1 status=1/1
        @104.7 deploy web status=1/1/1
        @130 wait
        ",
        expect![[r#"
            create Deployment web 100..104.7 completed {cause=spec:1, manager=kubectl, start.source=watch, end.source=watch, time.uncertainty_ms=700}
              create ReplicaSet web-1 100.1..104.6 completed {replicas.from=0, replicas.to=1, actor=controller, start.source=watch, end.source=watch, time.uncertainty_ms=600}
                start Pod a 100.2..104.5 completed {clock.skew_ms=-18000, start.source=watch, end.source=watch, time.uncertainty_ms=2499}
                  schedule Pod a 100.2..100.3 {actor=scheduler, start.source=watch, end.source=watch, time.uncertainty_ms=300}
                  prepare Pod sandbox a 100.3..101.5 {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=1500}
                  start container a [app] 101.5..102.5 {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=2499}
                  await readiness a 102.5..104.5 {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=2499}
        "#]],
    );
}

#[test]
fn a_node_that_says_nothing_of_the_sandbox_has_it_end_with_the_pull() {
    check_full(
        "
        @0 list
        @1   pod solo
        @1.2 pod solo scheduled
        @3.5 event pod/solo Pulled app took=1.5s
        @3.7 pod solo old-kubelet running
        @4.5 pod solo ready
        @30 wait
        ",
        expect![[r#"
            start Pod solo 1..4.5 completed {cause=spec:1, start.source=watch, end.source=watch, time.uncertainty_ms=500}
              * 3.5 Pulled container.name=app
              schedule Pod solo 1..1.2 {actor=scheduler, start.source=watch, end.source=watch, time.uncertainty_ms=200}
              prepare Pod sandbox solo 1.2..2 {actor=kubelet, start.source=watch, end.source=event, time.uncertainty_ms=200}
              pull image solo [app] 2..3.5 {actor=kubelet, start.source=event, end.source=event}
              start container solo [app] 3.5..3.7 {actor=kubelet, start.source=event, end.source=watch, time.uncertainty_ms=199}
              await readiness solo 3.7..4.5 {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=500}
        "#]],
    );
}

// All of it comes at 30 s, when the watches are back.
#[test]
fn what_is_told_by_watches_that_were_away_ended_when_its_objects_say() {
    check_full(
        "
        @0 settled web a b
        @5    closed deploy
        @5    closed rs
        @5    closed pod
        @10   deploy web replicas=1 by=hpa late=20000
        @10.1 rs web-1 replicas=1 late=19901
        @10.2 pod b going grace=1 late=19802
        @10.3 rs web-1 status=1/1 late=19703
        @10.4 deploy web status=1/1/1 late=19604
        @11.2 pod b gone late=18805
        @60 wait
        ",
        expect![[r#"
            scale Deployment web 11..11 completed {cause=spec:2, manager=hpa, changed=replicas, pods.terminating=1, start.source=object, end.source=object, time.uncertainty_ms=999}
              scale ReplicaSet web-1 11..11 completed {replicas.from=2, replicas.to=1, actor=controller, start.source=object, end.source=object, time.uncertainty_ms=999}
                terminate Pod b 11..12 completed {reason=scaled down, start.source=object, end.source=object, time.uncertainty_ms=999}
        "#]],
    );
}

#[test]
fn an_exit_that_a_node_tells_late_moves_no_spec_write() {
    check_full(
        "
        @0 settled web a
        @125 deploy web image=v2 by=kubectl
        @125.1 rs web-2 of=web replicas=1 image=v2
        @125.5 pod a exit=1 finished=100 running time=101 ready
        @125.6 pod b of=web-2
        @127 pod b running ready
        @127.1 rs web-2 status=1/1
        @127.2 rs web-1 replicas=0
        @127.3 pod a going grace=0
        @127.4 pod a gone
        @127.5 rs web-1 status=0/0
        @128 deploy web status=1/1/1 reason=NewReplicaSetAvailable
        @160 wait
        ",
        expect![[r#"
            update Deployment web 125..128 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image, start.source=watch, end.source=watch}
              restart container a [app] 125..125 completed {reason=Error, exit_code=1, start.source=watch, end.source=watch, time.uncertainty_ms=24000}
              create ReplicaSet web-2 125.1..127.1 completed {replicas.from=0, replicas.to=1, actor=controller, start.source=watch, end.source=watch, time.uncertainty_ms=100}
                start Pod b 125.6..127 completed {start.source=watch, end.source=watch, time.uncertainty_ms=600}
                  schedule Pod b 125.6..127 {actor=scheduler, start.source=watch, end.source=watch, time.uncertainty_ms=600}
              scale ReplicaSet web-1 127.2..127.5 completed {replicas.from=1, replicas.to=0, actor=controller, start.source=watch, end.source=watch, time.uncertainty_ms=500}
                terminate Pod a 127.3..127.4 completed {reason=scaled down, start.source=watch, end.source=watch, time.uncertainty_ms=400}
        "#]],
    );
}

// The clock of the node is 6 s behind.
#[test]
fn restarts_are_shifted_with_all_else_of_their_node() {
    check_full(
        "
        @0 list
        @100   job load by=kubectl
        @100.1 pod x of=job/load restarts=OnFailure
        @100.2 pod x scheduled
        @101.5 pod x running time=95
        @103.5 pod x exit=1 time=97 finished=97
        @104.5 pod x running time=98
        @106.5 pod x exit=0 time=100 finished=100
        @106.6 pod x succeeded
        @106.7 job load settled
        @130 wait
        ",
        expect![[r#"
            run Job load 100..106.7 completed {cause=spec:1, manager=kubectl, start.source=watch, end.source=watch, time.uncertainty_ms=700}
              run Pod x 100.1..106.5 completed {start.source=watch, end.source=watch, time.uncertainty_ms=2499}
                start Pod x 100.1..101.5 completed {clock.skew_ms=-4000, start.source=watch, end.source=watch, time.uncertainty_ms=1500}
                  schedule Pod x 100.1..100.2 {actor=scheduler, start.source=watch, end.source=watch, time.uncertainty_ms=200}
                  prepare Pod sandbox x 100.2..101.5 {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=1499}
                  start container x [app] 101.5..101.5 {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=1499}
                run container x [app] 101.5..103.5 failed ERROR Error: container app exited with 1 {reason=Error, exit_code=1, start.source=watch, end.source=watch, time.uncertainty_ms=2499}
                restart container x [app] 103.5..104.5 completed {reason=Error, exit_code=1, clock.skew_ms=-4000, start.source=watch, end.source=watch, time.uncertainty_ms=2499}
                run container x [app] 104.5..106.5 completed {reason=Completed, exit_code=0, start.source=watch, end.source=watch, time.uncertainty_ms=2499}
        "#]],
    );
}

#[test]
fn a_run_that_failed_before_it_began_by_its_controllers_clock_failed_when_that_was_written() {
    check(
        "
        @0 list
        @50 job migrate progressing
        @51 pod a of=job/migrate restarts=Never scheduled
        @52 pod a running
        @60 pod a exit=1 failed
        @61 job migrate failed=BackoffLimitExceeded turned=21
        @90 wait
        ",
        expect![[r#"
            run Job migrate 50..61 failed ERROR BackoffLimitExceeded: it is so (Error: container app exited with 1) {cause=spec:1, manager=controller}
              run Pod a 51..60 failed ERROR Error: container app exited with 1 {exit_code=1}
                start Pod a 51..52 completed
                run container a [app] 52..60 failed ERROR Error: container app exited with 1 {reason=Error, exit_code=1}
        "#]],
    );
}
