//! Jobs that are suspended and go on (DESIGN §3.3).

use expect_test::expect;

use super::tree::{check, check_also};

// Suspending deletes the active Pods and takes startTime away (`syncJob`).
#[test]
fn what_is_suspended_has_ended_at_that_write_and_its_pods_go_below_it() {
    check(
        "
        @0 list
        @1   job load by=kubectl
        @1.1 pod load-x of=job/load restarts=Never
        @2   pod load-x running
        @10  job load suspended by=kueue
        @10.2 pod load-x going grace=30
        @12  pod load-x exit=143 failed
        @12.5 pod load-x gone
        @40 wait
        ",
        expect![[r#"
            run Job load 1..10 suspended {cause=spec:1, manager=kubectl, pods.terminating=1}
              * 10 goal changed field=suspend from=false to=true manager=kueue
              run Pod load-x 1.1..10 unfinished
                start Pod load-x 1.1..2 completed
                run container load-x [app] 2..10 unfinished
              terminate Pod load-x 10.2..12.5 completed {exit_codes=app=143}
        "#]],
    );
}

#[test]
fn what_is_resumed_links_to_what_was_suspended_and_runs_to_its_end() {
    check(
        "
        @0 list
        @1   job load by=kubectl
        @1.1 pod load-x of=job/load restarts=Never
        @2   pod load-x running
        @10  job load suspended by=kueue
        @10.2 pod load-x going grace=30
        @12  pod load-x gone
        @60  job load resumed by=kueue
        @60.2 pod load-y of=job/load restarts=Never
        @61  pod load-y running
        @65  pod load-y exit=0 succeeded
        @65.5 job load settled
        @90 wait
        ",
        expect![[r#"
            run Job load 1..10 suspended {cause=spec:1, manager=kubectl, pods.terminating=1}
              * 10 goal changed field=suspend from=false to=true manager=kueue
              run Pod load-x 1.1..10 unfinished
                start Pod load-x 1.1..2 completed
                run container load-x [app] 2..10 unfinished
              terminate Pod load-x 10.2..12 completed
            resume Job load 60..65.5 completed {cause=spec:3, manager=kueue, changed=suspend}
              -> resumes run Job spec:1
              run Pod load-y 60.2..65 completed
                start Pod load-y 60.2..61 completed
                run container load-y [app] 61..65 completed {reason=Completed, exit_code=0}
        "#]],
    );
}

#[test]
fn a_run_says_how_long_it_waited_to_be_resumed_however_soon_that_was() {
    check_also(
        &["lifespan.queued_ms"],
        "
        @0 list
        @1   job soon by=kubectl
        @10  job soon suspended by=kueue
        @14  job soon resumed by=kueue
        @20  job soon settled
        @31  job late by=kubectl
        @40  job late suspended by=kueue
        @70  job late resumed by=kueue
        @80  job late settled
        @100 wait
        ",
        expect![[r#"
            run Job soon 1..10 suspended {cause=spec:1, manager=kubectl}
              * 10 goal changed field=suspend from=false to=true manager=kueue
            resume Job soon 14..20 completed {cause=spec:3, manager=kueue, changed=suspend, queued_ms=4000}
              -> resumes run Job spec:1
            run Job late 31..40 suspended {cause=spec:1, manager=kubectl}
              * 40 goal changed field=suspend from=false to=true manager=kueue
            resume Job late 70..80 completed {cause=spec:3, manager=kueue, changed=suspend, queued_ms=30000}
              -> resumes run Job spec:1
        "#]],
    );
}

// Kueue admits it later; nothing of it runs until then.
#[test]
fn a_job_created_suspended_begins_with_its_resume() {
    check(
        "
        @0 list
        @1   job load suspended by=kubectl stamp=aa
        @60  job load resumed by=kueue
        @60.2 pod load-x of=job/load restarts=Never
        @61  pod load-x running
        @65  pod load-x exit=0 succeeded
        @65.5 job load settled
        @90 wait
        ",
        expect![[r#"
            run Job load 1..65.5 completed {CONSUMER, cause=spec:1, manager=kubectl}
              -> stamp aa.aa in tracing.k8s.io/traceparent
              * 60 goal changed field=suspend from=true to=false manager=kueue
              await resume load 1..60 completed
              run Pod load-x 60.2..65 completed
                start Pod load-x 60.2..61 completed
                run container load-x [app] 61..65 completed {reason=Completed, exit_code=0}
        "#]],
    );
}

#[test]
fn a_job_deleted_before_it_ever_began_is_only_deleted() {
    check(
        "
        @0 list
        @1   job load suspended by=kubectl
        @60  job load gone
        @90 wait
        ",
        expect![[r#"
            run Job load 1..60 deleted {cause=spec:1, manager=kubectl}
              await resume load 1..60 unfinished
            delete Job load 60..60 completed {cause=delete}
              -> supersedes run Job spec:1
        "#]],
    );
}

#[test]
fn a_resumed_run_may_take_as_long_as_a_run() {
    check(
        "
        @0 list
        @1   job load suspended by=kubectl
        @60  job load resumed by=kueue
        @60.2 pod load-x of=job/load restarts=Never
        @61  pod load-x running
        @7200 pod load-x exit=0 succeeded
        @7200.5 job load settled
        @7300 wait
        ",
        expect![[r#"
            run Job load 1..7200.5 completed {cause=spec:1, manager=kubectl}
              * 60 goal changed field=suspend from=true to=false manager=kueue
              await resume load 1..60 completed
              run Pod load-x 60.2..7200 completed
                start Pod load-x 60.2..61 completed
                run container load-x [app] 61..7200 completed {reason=Completed, exit_code=0}
        "#]],
    );
}

// A rollout is paused because it is broken: its Pods are not waited for.
#[test]
fn a_broken_deployment_is_paused_as_soon_as_that_is_observed() {
    check(
        "
        @0 settled web a
        @1   deploy web image=v2 by=kubectl
        @1.1 rs web-2 of=web replicas=1 image=v2
        @1.2 pod b of=web-2
        @1.3 pod b waiting=ErrImagePull
        @1.4 rs web-2 status=1/0
        @1.5 deploy web status=1/2/1 reason=ReplicaSetUpdated
        @43  deploy web deadline
        @100 deploy web paused by=kubectl observed=2
        @100.1 deploy web observed
        @200 deploy web image=v3 by=kubectl
        @220 deploy web resumed by=kubectl
        @220.1 rs web-3 of=web replicas=1 image=v3
        @220.2 rs web-2 replicas=0
        @220.3 pod b going grace=0
        @220.4 pod b gone
        @220.5 pod c of=web-3
        @222 pod c running ready
        @222.1 rs web-3 status=1/1
        @222.2 rs web-2 status=0/0
        @222.3 rs web-1 replicas=0
        @222.4 pod a going grace=0
        @222.5 pod a gone
        @222.6 rs web-1 status=0/0
        @222.7 deploy web status=1/1/1 reason=NewReplicaSetAvailable
        @260 wait
        ",
        expect![[r#"
            update Deployment web 1..43 failed ERROR ProgressDeadlineExceeded: it took too long (ErrImagePull: container app: it is so) {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              create ReplicaSet web-2 1.1..43 unfinished ERROR ErrImagePull: container app: it is so {replicas.from=0, replicas.to=1}
                start Pod b 1.2..43 unfinished ERROR ErrImagePull: container app: it is so
                  schedule Pod b 1.2..43 unfinished
            pause Deployment web 100..100.1 paused {cause=spec:3, manager=kubectl, changed=paused}
              -> follows update Deployment spec:2
            resume Deployment web 220..222.7 completed {cause=spec:5, manager=kubectl, changed=paused}
              -> resumes pause Deployment spec:3
              * 220 template changed while paused field=template manager=kubectl
              create ReplicaSet web-3 220.1..222.1 completed {replicas.from=0, replicas.to=1}
                start Pod c 220.5..222 completed
              scale ReplicaSet web-2 220.2..222.2 completed {replicas.from=1, replicas.to=0}
                terminate Pod b 220.3..220.4 completed {reason=scaled down}
              scale ReplicaSet web-1 222.3..222.6 completed {replicas.from=1, replicas.to=0}
                terminate Pod a 222.4..222.5 completed {reason=scaled down}
        "#]],
    );
}

#[test]
fn a_pause_that_is_written_with_replicas_waits_for_them() {
    check(
        "
        @0 settled web a
        @5   deploy web paused replicas=2 by=kubectl observed=1
        @5.1 rs web-1 replicas=2
        @5.2 deploy web observed
        @5.3 pod b of=web-1
        @9   pod b running ready
        @9.1 rs web-1 status=2/2
        @9.2 deploy web status=2/2/2
        @60 wait
        ",
        expect![[r#"
            pause Deployment web 5..9.1 paused {cause=spec:2, manager=kubectl, changed=paused+replicas}
              scale ReplicaSet web-1 5.1..9.1 completed {replicas.from=1, replicas.to=2}
                start Pod b 5.3..9 completed
        "#]],
    );
}

#[test]
fn what_is_resumed_links_to_what_was_paused_though_a_pod_was_lost_meanwhile() {
    check(
        "
        @0 settled web a
        @5   deploy web paused by=kubectl observed=1
        @5.1 deploy web observed
        @30  pod a going grace=0
        @30.1 pod a gone
        @30.2 pod b of=web-1
        @32  pod b running ready
        @120 deploy web resumed by=kubectl
        @120.1 deploy web status=1/1/1 reason=NewReplicaSetAvailable
        @160 wait
        ",
        expect![[r#"
            pause Deployment web 5..5.1 paused {cause=spec:2, manager=kubectl, changed=paused}
            recover Deployment web 30..32 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000030}
              terminate Pod a 30..30.1 completed
              start Pod b 30.2..32 completed
            resume Deployment web 120..120.1 completed {cause=spec:3, manager=kubectl, changed=paused}
              -> resumes pause Deployment spec:2
        "#]],
    );
}

#[test]
fn an_owned_run_that_is_suspended_has_not_completed() {
    check(
        "
        @0 list
        @1  cr Workflow.argoproj.io flow mode=run progressing
        @2  job step of=Workflow.argoproj.io/flow progressing
        @3  pod a of=job/step restarts=Never scheduled
        @4  pod a running
        @10 job step suspended
        @10.1 pod a going
        @11 pod a exit=143
        @11.5 pod a gone
        @20 job step resumed
        @21 pod b of=job/step restarts=Never scheduled
        @22 pod b running
        @30 pod b exit=0 succeeded
        @31 job step settled
        @32 cr Workflow.argoproj.io flow settled
        @60 wait
        ",
        expect![[r#"
            run Workflow flow 1..32 completed {cause=spec:1, manager=controller}
              run Job step 2..11 suspended
                run Pod a 3..11 deleted
                  start Pod a 3..4 completed
                  run container a [app] 4..11 completed {reason=Error, exit_code=143}
              terminate Pod a 10.1..11.5 completed {exit_codes=app=143}
              run Job step 20..31 completed
                run Pod b 21..30 completed
                  start Pod b 21..22 completed
                  run container b [app] 22..30 completed {reason=Completed, exit_code=0}
        "#]],
    );
}
