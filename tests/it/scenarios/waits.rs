//! What Pods, and what wants them, wait for (DESIGN §4).

use expect_test::expect;

use super::tree::{check, check_also, check_full};

#[test]
fn scheduling_gates_hold_a_pod_until_the_last_is_taken_away() {
    check_full(
        "
        @0 list
        @1    pod solo gated
        @5    pod solo ungated
        @5.2  pod solo scheduled
        @5.4  pod solo running ready
        @30 wait
        ",
        expect![[r#"
            start Pod solo 1..5.4 completed {cause=spec:1, start.source=watch, end.source=watch, time.uncertainty_ms=400}
              await scheduling gates solo 1..5 {actor=controller, start.source=watch, end.source=watch}
              schedule Pod solo 5..5.2 {actor=scheduler, start.source=watch, end.source=watch, time.uncertainty_ms=200}
              prepare Pod sandbox solo 5.2..5.4 {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=399}
              start container solo [app] 5.4..5.4 {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=399}
              await readiness solo 5.4..5.4 {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=400}
        "#]],
    );
}

#[test]
fn a_pod_that_stays_gated_waits_for_nothing_else() {
    check_full(
        "
        @0 list
        @1    pod solo gated
        @8    pod solo going grace=0
        @8.1  pod solo gone
        @30 wait
        ",
        expect![[r#"
            start Pod solo 1..8 deleted {cause=spec:1, start.source=watch, end.source=watch}
              await scheduling gates solo 1..8 unfinished {actor=controller, start.source=watch, end.source=watch}
            terminate Pod solo 8..8.1 completed {cause=delete, start.source=watch, end.source=watch, time.uncertainty_ms=100}
              -> supersedes start Pod spec:1
        "#]],
    );
}

#[test]
fn a_node_that_must_first_be_made_is_waited_for_from_the_scale_up_on() {
    check_full(
        "
        @0 list
        @1    pod solo
        @1.2  pod solo unschedulable
        @3    event pod/solo TriggeredScaleUp
        @60   pod solo scheduled
        @61   pod solo running ready
        @90 wait
        ",
        expect![[r#"
            start Pod solo 1..61 completed {cause=spec:1, start.source=watch, end.source=watch}
              * 3 TriggeredScaleUp
              schedule Pod solo 1..3 {actor=scheduler, start.source=watch, end.source=event}
              await node solo 3..60 {actor=controller, start.source=event, end.source=watch}
              prepare Pod sandbox solo 60..61 {actor=kubelet, start.source=watch, end.source=watch}
              await readiness solo 61..61 {actor=kubelet, start.source=watch, end.source=watch}
              start container solo [app] 61..61 {actor=kubelet, start.source=watch, end.source=watch}
        "#]],
    );
}

#[test]
fn a_claim_that_waits_for_its_first_consumer_is_bound_with_the_pod() {
    check_full(
        "
        @0 list
        @0.9  event pvc/data WaitForFirstConsumer
        @1    pod solo claims=data
        @4    pod solo scheduled
        @5    pod solo running ready
        @30 wait
        ",
        expect![[r#"
            start Pod solo 1..5 completed {cause=spec:1, start.source=watch, end.source=watch}
              await volume solo 1..4 {actor=scheduler, start.source=watch, end.source=watch}
              prepare Pod sandbox solo 4..5 {actor=kubelet, start.source=watch, end.source=watch}
              await readiness solo 5..5 {actor=kubelet, start.source=watch, end.source=watch}
              start container solo [app] 5..5 {actor=kubelet, start.source=watch, end.source=watch}
        "#]],
    );
}

#[test]
fn a_claim_that_waits_for_its_pod_to_be_scheduled_is_bound_with_it() {
    check_full(
        "
        @0 list
        @1    pod solo claims=data
        @1.1  event pvc/data WaitForPodScheduled
        @4    pod solo scheduled
        @5    pod solo running ready
        @30 wait
        ",
        expect![[r#"
            start Pod solo 1..5 completed {cause=spec:1, start.source=watch, end.source=watch}
              * 1.1 WaitForPodScheduled
              await volume solo 1..4 {actor=scheduler, start.source=watch, end.source=watch}
              prepare Pod sandbox solo 4..5 {actor=kubelet, start.source=watch, end.source=watch}
              await readiness solo 5..5 {actor=kubelet, start.source=watch, end.source=watch}
              start container solo [app] 5..5 {actor=kubelet, start.source=watch, end.source=watch}
        "#]],
    );
}

#[test]
fn a_claim_that_was_bound_by_another_pod_is_waited_for_by_none() {
    check_full(
        "
        @0 list
        @0.9  event pvc/data WaitForFirstConsumer
        @1    pod first claims=data
        @2    pod first scheduled
        @3    pod first running ready
        @30   pod second claims=data
        @31   pod second scheduled
        @32   pod second running ready
        @60 wait
        ",
        expect![[r#"
            start Pod first 1..3 completed {cause=spec:1, start.source=watch, end.source=watch}
              await volume first 1..2 {actor=scheduler, start.source=watch, end.source=watch}
              prepare Pod sandbox first 2..3 {actor=kubelet, start.source=watch, end.source=watch}
              start container first [app] 3..3 {actor=kubelet, start.source=watch, end.source=watch}
              await readiness first 3..3 {actor=kubelet, start.source=watch, end.source=watch}
            start Pod second 30..32 completed {cause=spec:1, start.source=watch, end.source=watch}
              schedule Pod second 30..31 {actor=scheduler, start.source=watch, end.source=watch}
              prepare Pod sandbox second 31..32 {actor=kubelet, start.source=watch, end.source=watch}
              start container second [app] 32..32 {actor=kubelet, start.source=watch, end.source=watch}
              await readiness second 32..32 {actor=kubelet, start.source=watch, end.source=watch}
        "#]],
    );
}

#[test]
fn a_volume_is_waited_for_while_it_is_provisioned_and_until_it_is_attached() {
    check_full(
        "
        @0 list
        @1    pod solo claims=data
        @2    event pvc/data ExternalProvisioning
        @4    pod solo scheduled
        @9    event pod/solo SuccessfulAttachVolume
        @10   pod solo sandbox
        @11   pod solo running ready
        @30 wait
        ",
        expect![[r#"
            start Pod solo 1..11 completed {cause=spec:1, start.source=watch, end.source=watch}
              * 2 ExternalProvisioning
              * 9 SuccessfulAttachVolume
              schedule Pod solo 1..2 {actor=scheduler, start.source=watch, end.source=event}
              await volume solo 2..4 {actor=controller, start.source=event, end.source=watch}
              await volume solo 4..9 {actor=controller, start.source=watch, end.source=event}
              prepare Pod sandbox solo 9..10 {actor=kubelet, start.source=event, end.source=watch}
              start container solo [app] 10..11 {actor=kubelet, start.source=watch, end.source=watch}
              await readiness solo 11..11 {actor=kubelet, start.source=watch, end.source=watch}
        "#]],
    );
}

#[test]
fn a_volume_that_cannot_be_mounted_is_waited_for_until_there_is_a_sandbox() {
    check_full(
        "
        @0 list
        @1    pod solo claims=data
        @2    pod solo scheduled
        @3    event pod/solo SuccessfulAttachVolume
        @9    event pod/solo FailedMount warning
        @70   pod solo sandbox
        @71   pod solo running ready
        @90 wait
        ",
        expect![[r#"
            start Pod solo 1..71 completed {cause=spec:1, start.source=watch, end.source=watch}
              * 3 SuccessfulAttachVolume
              * 9 FailedMount event.type=Warning
              schedule Pod solo 1..2 {actor=scheduler, start.source=watch, end.source=watch}
              await volume solo 2..70 {actor=controller, start.source=watch, end.source=watch}
              start container solo [app] 70..71 {actor=kubelet, start.source=watch, end.source=watch}
              await readiness solo 71..71 {actor=kubelet, start.source=watch, end.source=watch}
        "#]],
    );
}

#[test]
fn readiness_gates_are_waited_for_after_the_containers_are_ready() {
    check_full(
        "
        @0 list
        @1    pod solo readiness-gates
        @2    pod solo scheduled
        @3    pod solo running
        @4    pod solo containers-ready
        @9    pod solo ready
        @30 wait
        ",
        expect![[r#"
            start Pod solo 1..9 completed {cause=spec:1, start.source=watch, end.source=watch}
              schedule Pod solo 1..2 {actor=scheduler, start.source=watch, end.source=watch}
              prepare Pod sandbox solo 2..3 {actor=kubelet, start.source=watch, end.source=watch}
              start container solo [app] 3..3 {actor=kubelet, start.source=watch, end.source=watch}
              await readiness solo 3..4 {actor=kubelet, start.source=watch, end.source=watch}
              await readiness gates solo 4..9 {actor=controller, start.source=watch, end.source=watch}
        "#]],
    );
}

#[test]
fn availability_is_waited_for_beside_the_start_by_what_needs_it() {
    check(
        "
        @0 list
        @1    deploy web replicas=2 min_ready=10 by=kubectl
        @1.1  rs web-1 of=web replicas=2 min_ready=10
        @1.2  pod a of=web-1
        @1.3  pod b of=web-1
        @2    pod a running ready
        @2.1  rs web-1 status=2/1 available=0
        @5    pod b running ready
        @5.1  rs web-1 status=2/2 available=0
        @5.2  deploy web status=2/2/0
        @12.4 rs web-1 status=2/2 available=1
        @15.6 rs web-1 status=2/2 available=2
        @15.7 deploy web status=2/2/2
        @40 wait
        ",
        expect![[r#"
            create Deployment web 1..15.7 completed {cause=spec:1, manager=kubectl}
              create ReplicaSet web-1 1.1..15.6 completed {replicas.from=0, replicas.to=2}
                start Pod a 1.2..2 completed
                start Pod b 1.3..5 completed
                await availability a 2..12.4 completed
                await availability b 5..15.6 completed
        "#]],
    );
}

// Its controller counts it no more, among neither the Ready nor the available ones.
#[test]
fn a_pod_that_is_not_ready_any_more_has_not_become_available_by_what_is_counted_then() {
    check(
        "
        @0 list
        @1    sts db replicas=2 min_ready=2 revision=r1 by=kubectl
        @1.1  pod a of=sts/db revision=r1
        @1.2  pod b of=sts/db revision=r1
        @2    pod a running ready
        @4.1  sts db status=1/1/1 available=1
        @5    pod b running ready
        @5.1  sts db status=2/2/2 available=1
        @5.5  pod b exit=1
        @5.6  sts db status=2/1/1 available=1
        @8    pod b running ready
        @8.1  sts db status=2/2/2 available=1
        @10.2 sts db status=2/2/2 available=2
        @40 wait
        ",
        expect![[r#"
            create StatefulSet db 1..10.2 completed {cause=spec:1, manager=kubectl}
              start Pod a 1.1..2 completed
              start Pod b 1.2..5 completed
              await availability a 2..4.1 completed
              await availability b 5..10.2 completed
              restart container b [app] 5.5..8 completed {reason=Error, exit_code=1}
        "#]],
    );
}

#[test]
fn a_recovery_does_not_wait_for_availability() {
    check(
        "
        @0 settled web a min_ready=10
        @5    pod a going grace=1
        @5.1  pod b of=web-1
        @6    pod a gone
        @7    pod b running ready
        @7.1  rs web-1 status=1/1 available=0
        @17.3 rs web-1 status=1/1 available=1
        @60 wait
        ",
        expect![[r#"
            recover Deployment web 5..7 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000005}
              terminate Pod a 5..6 completed
              start Pod b 5.1..7 completed
        "#]],
    );
}

#[test]
fn a_stateful_set_with_min_ready_seconds_has_settled_when_its_pods_are_available() {
    check(
        "
        @0 list
        @1    sts db replicas=1 min_ready=10 revision=r1 by=kubectl
        @1.1  pod db-0 of=sts/db revision=r1
        @2    pod db-0 running ready
        @2.1  sts db status=1/1/1 available=0
        @13   sts db status=1/1/1 available=1
        @40 wait
        ",
        expect![[r#"
            create StatefulSet db 1..13 completed {cause=spec:1, manager=kubectl}
              start Pod db-0 1.1..2 completed
              await availability db-0 2..13 completed
        "#]],
    );
}

#[test]
fn a_controller_that_is_refused_waits_until_it_gets_its_pod() {
    check_also(
        &["lifespan.actor"],
        "
        @0 list
        @1    deploy web replicas=2 by=kubectl
        @1.1  rs web-1 of=web replicas=2
        @1.2  pod a of=web-1
        @1.3  event rs/web-1 FailedCreate warning said=exceeded_quota
        @2    pod a running ready
        @2.1  rs web-1 status=1/1
        @9    pod b of=web-1
        @10   pod b running ready
        @10.1 rs web-1 status=2/2
        @10.2 deploy web status=2/2/2
        @40 wait
        ",
        expect![[r#"
            create Deployment web 1..10.2 completed {cause=spec:1, manager=kubectl}
              create ReplicaSet web-1 1.1..10.1 completed {replicas.from=0, replicas.to=2, actor=controller}
                * 1.3 FailedCreate event.type=Warning
                start Pod a 1.2..2 completed
                await retry web-1 1.3..9 completed {reason=FailedCreate, actor=controller}
                start Pod b 9..10 completed
        "#]],
    );
}

#[test]
fn what_is_there_to_have_others_run_takes_in_none_of_them() {
    check(
        "
        @0 list
        @1    cr ScaledJob.keda.sh sj spawns spec.a=1 by=kubectl
        @1.5  job sj-1 of=ScaledJob.keda.sh/sj by=keda
        @2    cr ScaledJob.keda.sh sj settled
        @3    job sj-1 settled
        @30 wait
        ",
        expect![[r#"
            create ScaledJob sj 1..2 completed {cause=spec:1, manager=kubectl}
            run Job sj-1 1.5..3 completed {cause=spec:1, manager=keda, owner.kind=ScaledJob, owner.name=sj}
        "#]],
    );
}
