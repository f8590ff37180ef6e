//! What is written to Pods in place (DESIGN §3, `reconcile`, and §4).

use std::fmt::Write as _;

use expect_test::expect;

use super::script::run;
use super::tree::{check, check_also, check_counts};
use crate::support::checks::traces;

#[test]
fn the_resize_of_a_bare_pod_is_a_trace_of_its_own() {
    check(
        "
        @0 list
        @1    pod solo scheduled
        @2    pod solo running ready
        @30   pod solo resources=2
        @30.1 pod solo resizing
        @31   pod solo resized
        @60 wait
        ",
        expect![[r#"
            start Pod solo 1..2 completed {cause=spec:1}
            resize Pod solo 30..31 completed {cause=spec:2}
        "#]],
    );
}

#[test]
fn a_resize_that_the_node_can_never_give_has_failed_and_nothing_recovers_from_it() {
    check(
        "
        @0 list
        @1    pod solo scheduled
        @2    pod solo running ready
        @30   pod solo resources=2
        @30.1 pod solo infeasible said=node_too_small
        @60   pod solo resources=3
        @60.1 pod solo resized
        @90 wait
        ",
        expect![[r#"
            start Pod solo 1..2 completed {cause=spec:1}
            resize Pod solo 30..30.1 failed ERROR Infeasible: node too small {cause=spec:2, reason=Infeasible}
            resize Pod solo 60..60.1 completed {cause=spec:3}
              -> follows resize Pod spec:2
        "#]],
    );
}

// Before Kubernetes 1.34. The write of the second finds the condition of the first, which says nothing of it.
#[test]
fn a_kubelet_that_names_no_generation_says_by_conditions_how_a_resize_stands() {
    check(
        "
        @0 list
        @1    pod solo scheduled
        @2    pod solo running ready
        @30   pod solo resources=2
        @30.1 pod solo infeasible said=node_too_small unnumbered
        @60   pod solo resources=3
        @60.1 pod solo deferred unnumbered
        @62   pod solo resizing unnumbered
        @63   pod solo resized
        @90 wait
        ",
        expect![[r#"
            start Pod solo 1..2 completed {cause=spec:1}
            resize Pod solo 30..30.1 failed ERROR Infeasible: node too small {cause=spec:2, reason=Infeasible}
            resize Pod solo 60..63 completed {cause=spec:3}
              -> follows resize Pod spec:2
        "#]],
    );
}

#[test]
fn a_resize_that_waits_for_room_ends_unfinished_though_nothing_more_is_heard() {
    check(
        "
        @0 list
        @1    pod solo scheduled
        @2    pod solo running ready
        @30   pod solo resources=2
        @30.5 pod solo deferred
        @90 wait
        ",
        expect![[r#"
            start Pod solo 1..2 completed {cause=spec:1}
            resize Pod solo 30..40.5 unfinished {cause=spec:2, reason=Deferred}
        "#]],
    );
}

#[test]
fn a_pod_of_a_workload_that_waits_for_room_holds_its_reconcile_no_longer_than_that() {
    check(
        "
        @0 settled web a b
        @30   pod a resources=2
        @30.1 pod a deferred
        @30.2 pod b resources=2
        @31   pod b resized
        @90 wait
        ",
        expect![[r#"
            reconcile Deployment web 30..40.1 completed {cause=owned:f6ab8143-a083-d94f-7081-74e62f081d30:2}
              resize Pod a 30..40.1 unfinished {reason=Deferred}
              resize Pod b 30.2..31 completed
        "#]],
    );
}

#[test]
fn room_that_comes_in_time_lets_a_resize_complete() {
    check(
        "
        @0 settled web a
        @30   pod a resources=2
        @30.1 pod a deferred
        @35   pod a resizing
        @50   pod a resized
        @90 wait
        ",
        expect![[r#"
            reconcile Deployment web 30..50 completed {cause=owned:f6ab8143-a083-d94f-7081-74e62f081d30:2}
              resize Pod a 30..50 completed {reason=Deferred}
        "#]],
    );
}

#[test]
fn a_reconcile_in_which_a_pod_cannot_be_resized_fails_when_all_others_are_done() {
    check_also(
        &["error.type"],
        "
        @0 settled web a b
        @30   pod a resources=2
        @30.1 pod a infeasible said=node_too_small
        @30.2 pod b resources=2
        @34   pod b resized
        @90 wait
        ",
        expect![[r#"
            reconcile Deployment web 30..34 failed ERROR Infeasible: node too small {cause=owned:f6ab8143-a083-d94f-7081-74e62f081d30:2, error.type=Infeasible}
              resize Pod a 30..30.1 failed ERROR Infeasible: node too small {reason=Infeasible, error.type=Infeasible}
              resize Pod b 30.2..34 completed
        "#]],
    );
}

#[test]
fn a_pod_that_could_not_be_resized_fails_nothing_once_it_was_replaced_or_written_again() {
    check(
        "
        @0 settled web a b
        @30   pod a resources=2
        @30.1 pod a infeasible said=node_too_small
        @31   pod b resources=2
        @31.1 pod b infeasible said=node_too_small
        @33   pod a going grace=1
        @33.1 pod c of=web-1
        @34   pod a gone
        @35   pod c running ready
        @36   pod b resources=3
        @36.5 pod b resized
        @90 wait
        ",
        expect![[r#"
            reconcile Deployment web 30..36.5 completed {cause=owned:f6ab8143-a083-d94f-7081-74e62f081d30:2}
              resize Pod a 30..30.1 failed ERROR Infeasible: node too small {reason=Infeasible}
              resize Pod b 31..31.1 failed ERROR Infeasible: node too small {reason=Infeasible}
              terminate Pod a 33..34 completed
              start Pod c 33.1..35 completed
              resize Pod b 36..36.5 completed
        "#]],
    );
}

#[test]
fn a_resize_that_is_not_done_when_its_rollout_completes_is_unfinished() {
    check(
        "
        @0 settled web a
        @30   deploy web replicas=2 by=hpa
        @30.1 rs web-1 replicas=2
        @30.2 pod b of=web-1
        @30.5 pod a resources=2
        @31   pod b running ready
        @31.1 rs web-1 status=2/2
        @31.2 deploy web status=2/2/2
        @33   pod a resized
        @60 wait
        ",
        expect![[r#"
            scale Deployment web 30..31.2 completed {cause=spec:2, manager=hpa, changed=replicas}
              scale ReplicaSet web-1 30.1..31.2 completed {replicas.from=1, replicas.to=2}
                start Pod b 30.2..31 completed
                resize Pod a 30.5..31.2 unfinished
        "#]],
    );
}

#[test]
fn an_image_written_to_a_bare_pod_is_an_update_until_its_container_runs_and_is_ready_again() {
    check(
        "
        @0 list
        @1    pod solo scheduled
        @2    pod solo running ready
        @30   pod solo image=v2
        @31   pod solo exit=143
        @45   pod solo running
        @47   pod solo ready
        @90 wait
        ",
        expect![[r#"
            start Pod solo 1..2 completed {cause=spec:1}
            update Pod solo 30..47 completed {cause=spec:2}
              restart container solo [app] 31..47 completed {reason=ImageChanged, exit_code=143}
        "#]],
    );
}

#[test]
fn an_image_written_to_a_bare_pod_that_cannot_be_pulled_supersedes_its_start() {
    check(
        "
        @0 list
        @1    pod solo scheduled
        @2    pod solo waiting=ErrImagePull
        @30   pod solo image=v2
        @31   pod solo running
        @33   pod solo ready
        @60   pod solo image=v3
        @60.5 pod solo exit=143
        @61   pod solo image=v4
        @62   pod solo running
        @63   pod solo ready
        @90 wait
        ",
        expect![[r#"
            start Pod solo 1..30 superseded ERROR ErrImagePull: container app: it is so {cause=spec:1}
              prepare Pod sandbox solo 1..30 unfinished
            update Pod solo 30..33 completed {cause=spec:2}
              -> supersedes start Pod spec:1
            update Pod solo 60..61 superseded ERROR Error: container app exited with 143 {cause=spec:3, exit_code=143}
              restart container solo [app] 60.5..61 unfinished ERROR Error: container app exited with 143 {reason=ImageChanged, exit_code=143}
            update Pod solo 61..63 completed {cause=spec:4}
              -> supersedes update Pod spec:3
        "#]],
    );
}

#[test]
fn a_bare_pod_that_has_had_an_init_container_is_updated_when_the_others_run_again() {
    check(
        "
        @0 list
        @1    pod solo containers=init:setup,app scheduled
        @2    pod solo setup:running
        @3    pod solo setup:exit=0
        @4    pod solo running ready
        @30   pod solo image=v2
        @31   pod solo exit=143
        @45   pod solo running
        @47   pod solo ready
        @90 wait
        ",
        expect![[r#"
            start Pod solo 1..4 completed {cause=spec:1}
            update Pod solo 30..47 completed {cause=spec:2}
              restart container solo [app] 31..47 completed {reason=ImageChanged, exit_code=143}
        "#]],
    );
}

#[test]
fn an_image_written_to_a_pod_of_a_workload_is_waited_for_however_late_the_kubelet_is() {
    check(
        "
        @0 settled web a
        @30   pod a image=v2
        @50   pod a exit=143
        @52   pod a running
        @53   pod a ready
        @90 wait
        ",
        expect![[r#"
            reconcile Deployment web 30..53 completed {cause=owned:f6ab8143-a083-d94f-7081-74e62f081d30:2}
              restart container a [app] 50..53 completed {reason=ImageChanged, exit_code=143}
        "#]],
    );
}

#[test]
fn a_debug_shell_that_is_open_for_two_hours_outlives_its_reconcile() {
    check_counts(
        "
        @0 settled web a
        @30   pod a debug=shell
        @30.2 event pod/a Pulling shell
        @31   event pod/a Pulled shell took=800ms
        @31.5 pod a shell:running
        @60   wait
        @7231 pod a shell:exit=0
        @7300 wait
        ",
        expect![[r#"
            reconcile Deployment web 30..31.5 completed {cause=owned:f6ab8143-a083-d94f-7081-74e62f081d30:2}
              run container a [shell] 31.5..7231 completed {exit_code=0}
            counted: baseline 1
        "#]],
    );
}

#[test]
fn a_debug_shell_ends_with_its_pod() {
    check(
        "
        @0 settled web a
        @30   pod a debug=shell
        @31   pod a shell:running
        @60   wait
        @90   pod a going grace=1
        @90.1 pod b of=web-1
        @91   pod a gone
        @92   pod b running ready
        @120 wait
        ",
        expect![[r#"
            reconcile Deployment web 30..31 completed {cause=owned:f6ab8143-a083-d94f-7081-74e62f081d30:2}
              run container a [shell] 31..91 unfinished
            recover Deployment web 90..92 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000090}
              terminate Pod a 90..91 completed
              start Pod b 90.1..92 completed
        "#]],
    );
}

#[test]
fn a_debug_shell_is_told_though_its_pod_goes_before_its_transition_has_settled() {
    check(
        "
        @0 settled web a
        @30   pod a debug=shell
        @31   pod a shell:running
        @32   pod a going grace=1
        @32.1 pod b of=web-1
        @33   pod a gone
        @35   pod b running ready
        @60 wait
        ",
        expect![[r#"
            reconcile Deployment web 30..35 completed {cause=owned:f6ab8143-a083-d94f-7081-74e62f081d30:2}
              run container a [shell] 31..33 unfinished
              terminate Pod a 32..33 completed
              start Pod b 32.1..35 completed
        "#]],
    );
}

#[test]
fn a_container_that_runs_out_of_memory_was_not_restarted_for_a_resize_that_waits() {
    check(
        "
        @0 list
        @1    pod solo scheduled
        @2    pod solo running ready
        @30   pod solo resources=2
        @30.1 pod solo resizing
        @31   pod solo exit=137 why=OOMKilled
        @32   pod solo running
        @33   pod solo ready
        @34   pod solo resized
        @60 wait
        ",
        expect![[r#"
            start Pod solo 1..2 completed {cause=spec:1}
            resize Pod solo 30..34 completed {cause=spec:2}
              restart container solo [app] 31..33 completed {reason=OOMKilled, exit_code=137}
        "#]],
    );
}

#[test]
fn what_is_written_to_a_pod_that_is_then_deleted_is_waited_for_by_nobody() {
    check(
        "
        @0 settled web a
        @30   pod a image=v2
        @31   pod a going grace=1
        @31.1 pod b of=web-1
        @32   pod a gone
        @34   pod b running ready
        @60 wait
        ",
        expect![[r#"
            reconcile Deployment web 30..34 completed {cause=owned:f6ab8143-a083-d94f-7081-74e62f081d30:2}
              terminate Pod a 31..32 completed
              start Pod b 31.1..34 completed
        "#]],
    );
}

#[test]
fn a_debugger_is_no_change_of_a_bare_pod() {
    check_counts(
        "
        @0 list
        @1    pod solo scheduled
        @2    pod solo running ready
        @30   pod solo debug=shell
        @31   pod solo shell:running
        @60 wait
        ",
        expect![[r#"
            start Pod solo 1..2 completed {cause=spec:1}
            counted: pods 1
        "#]],
    );
}

// The recommender's updater resizes one Pod after the other (VPA, mode InPlaceOrRecreate).
#[test]
fn a_fleet_of_a_hundred_that_is_resized_is_one_reconcile() {
    let pods: Vec<String> = (0..100).map(|n| format!("p{n}")).collect();
    let mut script = format!("@0 settled web {}\n", pods.join(" "));
    for (n, pod) in pods.iter().enumerate() {
        let at = 30 + n;
        writeln!(script, "@{at} pod {pod} resources=2").unwrap();
        writeln!(script, "@{at}.1 pod {pod} resizing").unwrap();
        writeln!(script, "@{at}.5 pod {pod} resized").unwrap();
    }
    script.push_str("@300 wait\n");
    let run = run(&script);
    let traces = traces(&run.spans);
    let told: Vec<_> = traces.values().map(|trace| trace.root.map(|root| &*root.name)).collect();
    assert_eq!(told, [Some("reconcile Deployment")]);
    assert!(traces.values().all(|trace| trace.count("resize Pod") == 100));
}

#[test]
fn what_events_say_of_an_ephemeral_container_is_no_part_of_a_start() {
    check(
        "
        @0 list
        @1   deploy web replicas=1
        @1.1 rs web-1 of=web replicas=1 revision=1
        @1.2 pod a of=web-1 scheduled
        @2   pod a running
        @5   pod a debug=shell
        @5.1 event pod/a Pulled shell there
        @6   pod a shell:running
        @6   event pod/a Started shell
        @8   pod a shell:exit=0
        @10  pod a ready
        @10.1 rs web-1 status=1/1
        @10.2 deploy web status=1/1/1
        @12  pod a debug=again
        @12.1 event pod/a Pulled again there
        @13  pod a again:running
        @60 wait
        ",
        expect![[r#"
            create Deployment web 1..10.2 completed {cause=spec:1, manager=controller}
              create ReplicaSet web-1 1.1..10.1 completed {replicas.from=0, replicas.to=1}
                start Pod a 1.2..10 completed
                  * 5.1 Pulled container.name=shell
                run container a [shell] 6..8 completed {exit_code=0}
                  * 6 Started container.name=shell
            reconcile Deployment web 12..13 completed {cause=owned:f6ab8143-a083-d94f-7081-74e62f081d30:3}
              -> follows create Deployment spec:1
        "#]],
    );
}
