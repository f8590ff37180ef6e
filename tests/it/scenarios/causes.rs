//! Why something failed: the earliest cause, on the failed span and on those above it (DESIGN §4.5, FACTS §1.3).

use expect_test::expect;

use super::script::run;
use super::tree::check;

// ErrImagePull comes before the back-off (`pkg/kubelet/images/image_manager.go`).
#[test]
fn an_image_that_cannot_be_pulled_is_told_by_its_first_reason() {
    check(
        "
        @0 list
        @1   deploy web replicas=1 by=kubectl
        @1.1 rs web-1 of=web replicas=1
        @1.2 pod a of=web-1
        @1.3 pod a scheduled
        @2   pod a sandbox waiting=ErrImagePull said=registry_says_404
        @3   pod a waiting=ImagePullBackOff said=Back-off_pulling_image
        @20  deploy web deadline
        @50 wait
        ",
        expect![[r#"
            create Deployment web 1..20 failed ERROR ProgressDeadlineExceeded: it took too long (ErrImagePull: container app: registry says 404) {cause=spec:1, manager=kubectl}
              create ReplicaSet web-1 1.1..20 unfinished ERROR ErrImagePull: container app: registry says 404 {replicas.from=0, replicas.to=1}
                start Pod a 1.2..20 unfinished ERROR ErrImagePull: container app: registry says 404
                  start container a [app] 2..20 unfinished
        "#]],
    );
}

// The status of a crash loop waits in CrashLoopBackOff, and the exit is in lastState.
#[test]
fn a_crash_loop_tells_its_exit_code() {
    check(
        "
        @0 list
        @1   sts db replicas=1 by=kubectl
        @1.1 pod db-0 of=sts/db scheduled
        @2   pod db-0 running
        @3   pod db-0 exit=3
        @3.1 pod db-0 crash
        @13  pod db-0 running
        @14  pod db-0 exit=3
        @14.1 pod db-0 crash
        @20  sts db gone
        @20.1 pod db-0 going grace=30
        @21  pod db-0 gone
        @50 wait
        ",
        expect![[r#"
            create StatefulSet db 1..20 deleted ERROR CrashLoopBackOff: container app exited with 3 {cause=spec:1, manager=kubectl, exit_code=3}
              start Pod db-0 1.1..20 unfinished ERROR CrashLoopBackOff: container app exited with 3 {exit_code=3}
                await readiness db-0 2..20 unfinished
                restart container db-0 [app] 3..13 completed {reason=Error, exit_code=3}
                restart container db-0 [app] 14..20 unfinished ERROR CrashLoopBackOff: container app exited with 3 {reason=Error, exit_code=3}
            delete StatefulSet db 20..21 completed {cause=delete}
              -> supersedes create StatefulSet spec:1
              terminate Pod db-0 20.1..21 completed
        "#]],
    );
}

#[test]
fn a_container_that_was_killed_for_memory_again_and_again_says_so() {
    check(
        "
        @0 list
        @1   sts db replicas=1 by=kubectl
        @1.1 pod db-0 of=sts/db scheduled
        @2   pod db-0 running
        @3   pod db-0 exit=137 why=OOMKilled
        @20  sts db image=v2 by=kubectl
        @20.1 pod db-0 going grace=30
        @21  pod db-0 gone
        @21.1 pod db-0b name=db-0 of=sts/db
        @22  pod db-0b running ready
        @22.1 sts db status=1/1/1
        @50 wait
        ",
        expect![[r#"
            create StatefulSet db 1..20 superseded ERROR OOMKilled: container app exited with 137 {cause=spec:1, manager=kubectl, exit_code=137}
              start Pod db-0 1.1..20 unfinished ERROR OOMKilled: container app exited with 137 {exit_code=137}
                await readiness db-0 2..20 unfinished
                restart container db-0 [app] 3..20 unfinished ERROR OOMKilled: container app exited with 137 {reason=OOMKilled, exit_code=137}
            update StatefulSet db 20..22.1 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              -> supersedes create StatefulSet spec:1
              terminate Pod db-0 20.1..21 completed
              start Pod db-0 21.1..22 completed
        "#]],
    );
}

#[test]
fn a_pod_that_fits_no_node_says_which_predicates_failed() {
    check(
        "
        @0 list
        @1   sts db replicas=1 by=kubectl
        @1.1 pod db-0 of=sts/db
        @1.2 pod db-0 unschedulable said=0/3_nodes_are_available:_3_Insufficient_cpu.
        @20  sts db image=v2 by=kubectl
        @20.1 pod db-0 going grace=0
        @20.2 pod db-0 gone
        @20.3 pod db-0b name=db-0 of=sts/db scheduled
        @22  pod db-0b running ready
        @22.1 sts db status=1/1/1
        @50 wait
        ",
        expect![[r#"
            create StatefulSet db 1..20 superseded ERROR Unschedulable: 0/3 nodes are available: 3 Insufficient cpu. {cause=spec:1, manager=kubectl}
              start Pod db-0 1.1..20 unfinished ERROR Unschedulable: 0/3 nodes are available: 3 Insufficient cpu.
                schedule Pod db-0 1.1..20 unfinished
            update StatefulSet db 20..22.1 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              -> supersedes create StatefulSet spec:1
              terminate Pod db-0 20.1..20.2 completed
              start Pod db-0 20.3..22 completed
        "#]],
    );
}

// `schedulingGates`, as Kueue sets them (KEP-3521).
#[test]
fn a_pod_that_waits_behind_its_gates_is_no_error() {
    check(
        "
        @0 list
        @1   sts db replicas=1 by=kubectl
        @1.1 pod db-0 of=sts/db
        @1.2 pod db-0 gated said=Scheduling_is_blocked
        @20  sts db gone
        @20.1 pod db-0 going grace=0
        @20.2 pod db-0 gone
        @50 wait
        ",
        expect![[r#"
            create StatefulSet db 1..20 deleted {cause=spec:1, manager=kubectl}
              start Pod db-0 1.1..20 unfinished
                await scheduling gates db-0 1.1..20 unfinished
            delete StatefulSet db 20..20.2 completed {cause=delete}
              -> supersedes create StatefulSet spec:1
              terminate Pod db-0 20.1..20.2 completed
        "#]],
    );
}

// Where the transition itself failed, the gates are why.
#[test]
fn what_fails_while_a_pod_waits_behind_its_gates_says_that() {
    check(
        "
        set max_run_seconds=60
        @0 list
        @1   job load by=kubectl
        @1.1 pod x of=job/load restarts=Never
        @1.2 pod x gated said=Scheduling_is_blocked
        @100 wait
        ",
        expect![[r#"
            run Job load 1..61 timed_out ERROR SchedulingGated: Scheduling is blocked {cause=spec:1, manager=kubectl}
              run Pod x 1.1..61 unfinished
                start Pod x 1.1..61 unfinished
                  await scheduling gates x 1.1..61 unfinished
        "#]],
    );
}

// Nothing on the Pod says it: `FailedMount` is an Event only (`pkg/kubelet/kubelet.go`, syncPod).
#[test]
fn a_volume_that_cannot_be_mounted_is_told_by_its_event() {
    check(
        "
        @0 list
        @1   sts db replicas=1 by=kubectl
        @1.1 pod db-0 of=sts/db scheduled
        @5   event pod/db-0 FailedMount warning said=MountVolume.SetUp_failed_for_volume_data
        @20  sts db gone
        @20.1 pod db-0 going grace=0
        @20.2 pod db-0 gone
        @50 wait
        ",
        expect![[r#"
            create StatefulSet db 1..20 deleted ERROR FailedMount: MountVolume.SetUp failed for volume data {cause=spec:1, manager=kubectl}
              start Pod db-0 1.1..20 unfinished ERROR FailedMount: MountVolume.SetUp failed for volume data
                * 5 FailedMount event.type=Warning
                await volume db-0 1.1..20 unfinished
            delete StatefulSet db 20..20.2 completed {cause=delete}
              -> supersedes create StatefulSet spec:1
              terminate Pod db-0 20.1..20.2 completed
        "#]],
    );
}

#[test]
fn a_mount_that_succeeded_in_the_end_is_no_cause() {
    check(
        "
        @0 list
        @1   sts db replicas=1 by=kubectl
        @1.1 pod db-0 of=sts/db scheduled
        @5   event pod/db-0 FailedMount warning
        @8   pod db-0 sandbox
        @20  sts db gone
        @20.1 pod db-0 going grace=0
        @20.2 pod db-0 gone
        @50 wait
        ",
        expect![[r#"
            create StatefulSet db 1..20 deleted {cause=spec:1, manager=kubectl}
              start Pod db-0 1.1..20 unfinished
                * 5 FailedMount event.type=Warning
                start container db-0 [app] 8..20 unfinished
            delete StatefulSet db 20..20.2 completed {cause=delete}
              -> supersedes create StatefulSet spec:1
              terminate Pod db-0 20.1..20.2 completed
        "#]],
    );
}

#[test]
fn an_event_without_warning_is_no_cause() {
    check(
        "
        @0 list
        @1   sts db replicas=1 by=kubectl
        @1.1 pod db-0 of=sts/db scheduled
        @5   event pod/db-0 FailedMount
        @20  sts db gone
        @20.1 pod db-0 going grace=0
        @20.2 pod db-0 gone
        @50 wait
        ",
        expect![[r#"
            create StatefulSet db 1..20 deleted {cause=spec:1, manager=kubectl}
              start Pod db-0 1.1..20 unfinished
                * 5 FailedMount
                await volume db-0 1.1..20 unfinished
            delete StatefulSet db 20..20.2 completed {cause=delete}
              -> supersedes create StatefulSet spec:1
              terminate Pod db-0 20.1..20.2 completed
        "#]],
    );
}

#[test]
fn errors_inside_a_rollout_that_completed_do_not_mark_it() {
    check(
        "
        @0 list
        @1   sts db replicas=1 by=kubectl
        @1.1 pod db-0 of=sts/db scheduled
        @2   pod db-0 waiting=ErrImagePull
        @9   pod db-0 running ready
        @9.1 sts db status=1/1/1
        @40 wait
        ",
        expect![[r#"
            create StatefulSet db 1..9.1 completed {cause=spec:1, manager=kubectl}
              start Pod db-0 1.1..9 completed
        "#]],
    );
}

#[test]
fn the_earliest_of_several_causes_is_told() {
    check(
        "
        @0 list
        @1   sts db replicas=2 by=kubectl
        @1.1 pod db-0 of=sts/db scheduled
        @1.2 pod db-1 of=sts/db
        @3   pod db-1 unschedulable said=no_room
        @5   pod db-0 waiting=ErrImagePull
        @20  sts db image=v2 by=kubectl
        @20.1 pod db-0 running ready
        @20.2 pod db-1 scheduled running ready
        @20.3 sts db status=2/2/2
        @40 wait
        ",
        expect![[r#"
            create StatefulSet db 1..20 superseded ERROR Unschedulable: no room {cause=spec:1, manager=kubectl}
              start Pod db-0 1.1..20 unfinished ERROR ErrImagePull: container app: it is so
                prepare Pod sandbox db-0 1.1..20 unfinished
              start Pod db-1 1.2..20 unfinished ERROR Unschedulable: no room
                schedule Pod db-1 1.2..20 unfinished
            update StatefulSet db 20..20.3 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              -> supersedes create StatefulSet spec:1
        "#]],
    );
}

#[test]
fn a_message_is_cut_to_a_kibibyte_between_two_characters() {
    for shift in ["", "x"] {
        let said = format!("{shift}{}", "é".repeat(1_000));
        let script = format!(
            "@0 list
            @1   job load by=kubectl
            @1.1 pod x of=job/load restarts=Never
            @1.2 pod x unschedulable said={said}
            @5   job load failed=DeadlineExceeded said={said}
            @30 wait"
        );
        let spans = run(&script).spans;
        let lengths: Vec<usize> =
            spans.iter().filter_map(|span| Some(span.error.as_ref()?.1.len())).collect();
        assert!(lengths.len() >= 2, "the root and its Pod: {lengths:?}");
        assert!(lengths.iter().all(|length| (1_000..=1_024).contains(length)), "{lengths:?}");
    }
}

// The kubelet hears of a start and of the death after it at once: each version has another exit.
#[test]
fn restarts_of_a_container_that_exits_at_once_end_when_it_ran_again() {
    check(
        "
        @0 list
        @1   deploy web replicas=1 by=kubectl
        @1.1 rs web-1 of=web replicas=1
        @1.2 pod a of=web-1
        @2   pod a running exit=1
        @4   pod a running exit=1
        @14  pod a running exit=1
        @14.5 pod a crash
        @34  pod a running exit=1
        @50  deploy web image=v2 by=kubectl
        @80 wait
        ",
        expect![[r#"
            create Deployment web 1..50 superseded ERROR Error: container app exited with 1 {cause=spec:1, manager=kubectl, exit_code=1}
              create ReplicaSet web-1 1.1..50 unfinished ERROR Error: container app exited with 1 {replicas.from=0, replicas.to=1}
                start Pod a 1.2..50 unfinished ERROR Error: container app exited with 1 {exit_code=1}
                  schedule Pod a 1.2..50 unfinished
                  restart container a [app] 2..4 completed {reason=Error, exit_code=1}
                  restart container a [app] 4..14 completed {reason=Error, exit_code=1}
                  restart container a [app] 14..34 completed {reason=Error, exit_code=1}
                  restart container a [app] 34..50 unfinished ERROR Error: container app exited with 1 {reason=Error, exit_code=1}
            open: update Deployment web spec:2
        "#]],
    );
}
