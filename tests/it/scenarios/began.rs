//! DESIGN §3, after a list: when what goes on began, where its objects are older than that.

use expect_test::expect;

use super::tree::check;

// A rollback comes back to a ReplicaSet of long ago.
#[test]
fn a_replica_set_that_is_used_again_is_scaled_by_what_goes_on_and_not_created() {
    check(
        "
        @-900 missed deploy web replicas=2 image=v1
        @-899 missed rs web-1 of=web replicas=2 image=v1
        @-400 missed deploy web image=v2 by=kubectl
        @-399 missed rs web-2 of=web replicas=2 image=v2
        @-398 missed rs web-1 replicas=0
        @-20 missed deploy web image=v1 by=kubectl
        @-19 missed rs web-1 replicas=1 reused
        @-18 missed pod a of=web-1
        @-10 missed rs web-1 replicas=2
        @0 list
        @1 pod a running ready
        @2 rs web-1 status=2/2
        @3 rs web-2 replicas=0
        @4 deploy web status=2/2/2
        @60 wait
        ",
        expect![[r#"
            update Deployment web -20..4 completed {cause=spec:3}
              scale ReplicaSet web-1 -20..2 completed {replicas.from=2, replicas.to=2}
                start Pod a -18..1 completed
              scale ReplicaSet web-2 3..4 unfinished {replicas.from=2, replicas.to=0}
        "#]],
    );
}

#[test]
fn a_replica_set_that_was_created_for_it_begins_it_whatever_was_written_since() {
    check(
        "
        @-900 missed deploy web replicas=2 image=v1
        @-899 missed rs web-1 of=web replicas=2 image=v1
        @-60 missed deploy web image=v2 by=kubectl
        @-59 missed rs web-2 of=web replicas=2 image=v2
        @-58 missed pod a of=web-2
        @-57 missed deploy web status=0/2/2 reason=ReplicaSetUpdated
        @-10 missed deploy web history=3 by=kubectl
        @0 list
        @1 pod a running ready
        @2 rs web-2 status=2/2
        @3 rs web-1 replicas=0
        @4 deploy web status=2/2/2
        @60 wait
        ",
        expect![[r#"
            update Deployment web -59..4 completed {cause=spec:3}
              create ReplicaSet web-2 -59..2 completed {replicas.from=0, replicas.to=2}
                start Pod a -58..1 completed
              scale ReplicaSet web-1 3..4 unfinished {replicas.from=2, replicas.to=0}
        "#]],
    );
}

#[test]
fn a_run_below_that_waited_in_a_queue_began_when_it_was_resumed() {
    check(
        "
        @-300 missed cr TrainJob.kubeflow.org llm mode=run suspended by=kubectl
        @-299 missed cr JobSet.x-k8s.io llm of=TrainJob.kubeflow.org/llm mode=run suspended
        @-298 missed job llm-0 of=JobSet.x-k8s.io/llm suspended
        @-20 missed cr TrainJob.kubeflow.org llm resumed
        @-19 missed cr JobSet.x-k8s.io llm resumed
        @-18 missed job llm-0 resumed
        @0 list
        @5 job llm-0 settled
        @6 cr JobSet.x-k8s.io llm settled
        @7 cr TrainJob.kubeflow.org llm settled
        @60 wait
        ",
        expect![[r#"
            run TrainJob llm -300..7 completed {cause=spec:1}
              run JobSet llm -19..6 completed
                run Job llm-0 -18..5 completed
        "#]],
    );
}

// It is at two Pods by its status, and was asked for a third.
#[test]
fn a_scale_that_a_list_shows_in_its_midst_does_not_begin_with_the_replica_set() {
    check(
        "
        @-900 missed deploy web replicas=2 image=v1
        @-899 missed rs web-1 of=web replicas=2 image=v1
        @-890 missed deploy web status=2/2/2 reason=NewReplicaSetAvailable
        @-1 missed deploy web replicas=3 by=kubectl
        @0 list
        @0.1 rs web-1 replicas=3
        @0.2 pod c of=web-1
        @2 pod c running ready
        @2.1 rs web-1 status=3/3
        @2.2 deploy web status=3/3/3
        @60 wait
        ",
        expect![[r#"
            update Deployment web -1..2.2 completed {cause=spec:2}
              scale ReplicaSet web-1 0.1..2.1 completed {replicas.from=2, replicas.to=3}
                start Pod c 0.2..2 completed
        "#]],
    );
}

#[test]
fn below_a_custom_resource_that_goes_on_stands_what_goes_on_of_its_workloads() {
    check(
        "
        @-10 missed cr Widget.example.org w by=kubectl spec.size=1
        @-9.5 missed cr Widget.example.org w busy
        @-9 missed deploy web of=Widget.example.org/w replicas=1 image=v1
        @-8 missed rs web-1 of=web replicas=1 image=v1
        @-7 missed pod a of=web-1 scheduled
        @-6 missed deploy web status=1/1/0 reason=ReplicaSetUpdated
        @0 list
        @2 pod a running ready
        @2.1 rs web-1 status=1/1
        @2.2 deploy web status=1/1/1
        @3 cr Widget.example.org w settled
        @60 wait
        ",
        expect![[r#"
            create Widget w -10..3 completed {cause=spec:1}
              create Deployment web -9..2.2 completed
                create ReplicaSet web-1 -8..2.1 completed {replicas.from=0, replicas.to=1}
                  start Pod a -7..2 completed
        "#]],
    );
}

// Its readiness turned after its containers could run.
#[test]
fn a_bare_pod_that_had_been_ready_before_the_list_does_not_start_again() {
    check(
        "
        @-60 missed pod solo scheduled initialized
        @-58 missed pod solo running ready
        @-20 missed pod solo exit=1
        @-19 missed pod solo running
        @0 list
        @5 pod solo ready
        @60 wait
        ",
        expect![[r#"
            nothing
        "#]],
    );
}

#[test]
fn a_bare_pod_that_was_never_ready_goes_on_with_its_start() {
    check(
        "
        @-60 missed pod solo scheduled unready
        @-58 missed pod solo initialized
        @-20 missed pod solo running
        @0 list
        @5 pod solo ready
        @60 wait
        ",
        expect![[r#"
            start Pod solo -60..5 completed {cause=spec:1}
        "#]],
    );
}
