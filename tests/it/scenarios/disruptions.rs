//! What ended a Pod, and what a rollout waited for (DESIGN §4).

use expect_test::expect;

use super::tree::{check, check_also, check_full};

// The kubelet evicts: phase Failed, reason Evicted (`pkg/kubelet/eviction`).
#[test]
fn an_evicted_pod_says_so() {
    check(
        "
        @0 list
        @1   job load by=kubectl
        @1.1 pod x of=job/load restarts=Never
        @2   pod x running
        @5   pod x exit=137 failed=Evicted
        @5.5 job load failed=BackoffLimitExceeded
        @30 wait
        ",
        expect![[r#"
            run Job load 1..5.5 failed ERROR BackoffLimitExceeded: it is so (Evicted: the Pod has failed) {cause=spec:1, manager=kubectl}
              run Pod x 1.1..5 failed ERROR Evicted: the Pod has failed
                start Pod x 1.1..2 completed
                run container x [app] 2..5 failed ERROR Error: container app exited with 137 {reason=Error, exit_code=137}
        "#]],
    );
}

// Condition DisruptionTarget (KEP-3329).
#[test]
fn what_ended_a_pod_is_told_by_its_disruption_target() {
    check(
        "
        @0 settled sts/db db-0 db-1 db-2 db-3 db-4
        @20  sts db gone
        @20.1 pod db-0 going grace=30 disrupted=PreemptionByScheduler
        @20.2 pod db-1 going grace=30 disrupted=EvictionByEvictionAPI
        @20.3 pod db-2 going grace=30 disrupted=DeletionByPodGC
        @20.4 pod db-3 going grace=30 disrupted=DeletionByTaintManager
        @20.5 pod db-4 going grace=30 disrupted=TerminationByKubelet
        @21.1 pod db-0 gone
        @21.2 pod db-1 gone
        @21.3 pod db-2 gone
        @21.4 pod db-3 gone
        @21.5 pod db-4 gone
        @50 wait
        ",
        expect![[r#"
            delete StatefulSet db 20..21.5 completed {cause=delete}
              terminate Pod db-0 20.1..21.1 completed {reason=preempted}
              terminate Pod db-1 20.2..21.2 completed {reason=evicted by the API}
              terminate Pod db-2 20.3..21.3 completed {reason=node lost}
              terminate Pod db-3 20.4..21.4 completed {reason=evicted by a taint}
              terminate Pod db-4 20.5..21.5 completed {reason=terminated by the kubelet}
        "#]],
    );
}

#[test]
fn a_preempted_pod_is_a_recover_that_says_why() {
    check(
        "
        @0 settled sts/db db-0
        @20  pod db-0 going grace=30 disrupted=PreemptionByScheduler
        @21  pod db-0 gone
        @21.1 pod db-0b name=db-0 of=sts/db revision=r1
        @23  pod db-0b running ready
        @60 wait
        ",
        expect![[r#"
            recover StatefulSet db 20..23 completed {cause=pods:b191784c-ea65-9ba7-a71a-24ea4e19247a:1700000020, reason=Preempted}
              terminate Pod db-0 20..21 completed {reason=preempted}
              start Pod db-0 21.1..23 completed
        "#]],
    );
}

// The taint manager asks; PodGC removes what no kubelet answers for (`pkg/controller/podgc`).
#[test]
fn a_pod_whose_node_was_lost_is_a_recover_that_says_so() {
    check(
        "
        @0 settled sts/db db-0
        @20  pod db-0 unready
        @25  pod db-0 going grace=30 disrupted=DeletionByPodGC
        @26  pod db-0 gone
        @26.1 pod db-0b name=db-0 of=sts/db revision=r1
        @28  pod db-0b running ready
        @60 wait
        ",
        expect![[r#"
            recover StatefulSet db 25..28 completed {cause=pods:b191784c-ea65-9ba7-a71a-24ea4e19247a:1700000025, reason=NodeLost}
              terminate Pod db-0 25..26 completed {reason=node lost}
              start Pod db-0 26.1..28 completed
        "#]],
    );
}

#[test]
fn the_pod_that_was_ready_last_and_its_longest_step_gate_a_rollout() {
    check_also(
        &["lifespan.gating_pod", "lifespan.gating_phase"],
        "
        @0 list
        @1   sts db replicas=2 by=kubectl
        @1.1 pod db-0 of=sts/db
        @1.2 pod db-0 scheduled
        @1.3 pod db-0 sandbox
        @1.5 event pod/db-0 Pulled app there
        @2   pod db-0 running ready
        @2.1 pod db-1 of=sts/db
        @2.2 pod db-1 scheduled
        @2.3 pod db-1 sandbox
        @7.5 event pod/db-1 Pulled app took=5s
        @8   pod db-1 running
        @9   pod db-1 ready
        @9.1 sts db status=2/2/2
        @40 wait
        ",
        expect![[r#"
            create StatefulSet db 1..9.1 completed {cause=spec:1, manager=kubectl, gating_pod=db-1, gating_phase=pull image}
              start Pod db-0 1.1..2 completed
                * 1.5 Pulled container.name=app
              start Pod db-1 2.1..9 completed
                * 7.5 Pulled container.name=app
        "#]],
    );
}

#[test]
fn a_recover_and_a_run_are_gated_by_no_pod() {
    check_also(
        &["lifespan.gating_pod", "lifespan.gating_phase"],
        "
        @0 list
        @1   job load by=kubectl
        @1.1 pod x of=job/load restarts=Never
        @2   pod x running
        @5   pod x exit=0 succeeded
        @5.5 job load settled
        @30 wait
        ",
        expect![[r#"
            run Job load 1..5.5 completed {cause=spec:1, manager=kubectl}
              run Pod x 1.1..5 completed
                start Pod x 1.1..2 completed
                run container x [app] 2..5 completed {reason=Completed, exit_code=0}
        "#]],
    );
}

// The taint eviction controller knows of Pods their names alone.
#[test]
fn an_event_that_only_names_its_pod_is_told_on_that() {
    check_full(
        "
        @0 settled web a
        @20   pod a going grace=1 disrupted=DeletionByTaintManager
        @20.1 event named/a TaintManagerEviction
        @20.2 pod b of=web-1
        @20.3 event named/nobody TaintManagerEviction
        @21   pod a gone
        @22   pod b running ready
        @60 wait
        ",
        expect![[r#"
            recover Deployment web 20..22 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000020, reason=Evicted, start.source=watch, end.source=watch}
              terminate Pod a 20..21 completed {reason=evicted by a taint, start.source=watch, end.source=watch}
                * 20.1 TaintManagerEviction
              start Pod b 20.2..22 completed {start.source=watch, end.source=watch, time.uncertainty_ms=200}
                schedule Pod b 20.2..22 {actor=scheduler, start.source=watch, end.source=watch, time.uncertainty_ms=200}
        "#]],
    );
}

// Seen with Kubernetes 1.36: a container that ends with 0 when it is stopped leaves its Pod Succeeded.
#[test]
fn a_pod_that_the_kubelet_evicts_says_so_though_its_container_ends_well() {
    check(
        "
        @0 settled web a
        @20   event pod/a Evicted warning said=usage_exceeds_the_limit
        @20.5 pod a exit=0 succeeded
        @20.6 pod b of=web-1
        @22   pod b running ready
        @60 wait
        ",
        expect![[r#"
            recover Deployment web 20.5..22 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000020, reason=Evicted}
              start Pod b 20.6..22 completed
        "#]],
    );
}

#[test]
fn a_pod_that_the_kubelet_makes_fail_is_lost_from_when_it_says_so_and_not_when_it_has_ended() {
    check(
        "
        @0 settled web a
        @30 pod a unready=PodFailed
        @38 pod a exit=0 finished=37 failed=DeadlineExceeded
        @38.1 pod b of=web-1 scheduled
        @39 pod b running ready
        @60 wait
        ",
        expect![[r#"
            recover Deployment web 30..39 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000030, reason=DeadlineExceeded}
              start Pod b 38.1..39 completed
        "#]],
    );
}

#[test]
fn the_end_of_a_bare_pod_that_the_kubelet_makes_fail_begins_when_it_says_so() {
    check(
        "
        @0 list
        @1 pod solo scheduled
        @2 pod solo running ready
        @30 pod solo unready=PodFailed
        @35 pod solo exit=0 finished=33 failed=Evicted
        @60 wait
        ",
        expect![[r#"
            start Pod solo 1..2 completed {cause=spec:1}
            terminate Pod solo 30..34 failed ERROR Evicted: the Pod has failed {cause=end, reason=Evicted}
        "#]],
    );
}

#[test]
fn a_taint_that_somebody_wrote_evicts_a_pod_and_its_node_is_not_lost() {
    check(
        "
        @0 settled web a
        @30 pod a going disrupted=DeletionByTaintManager
        @31 pod b of=web-1 scheduled
        @32 pod b running ready
        @60 wait
        ",
        expect![[r#"
            recover Deployment web 30..32 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000030, pods.terminating=1, reason=Evicted}
              start Pod b 31..32 completed
        "#]],
    );
}
