//! Owners at any depth, owners that are not watched, objects that change owners (DESIGN §1–§2).

use expect_test::expect;

use super::tree::{check, check_also};

// Kubeflow Trainer > JobSet > Job > Pod (recordings 18 and 27).
#[test]
fn a_train_job_its_job_set_its_job_and_its_pods_are_one_trace() {
    check(
        "
        @0 list
        @1   cr TrainJob.kubeflow mnist mode=run by=kubectl
        @1.1 cr JobSet.x-k8s mnist mode=run of=TrainJob.kubeflow/mnist
        @1.2 job mnist-node of=JobSet.x-k8s/mnist
        @1.3 pod p0 of=job/mnist-node restarts=Never
        @1.4 pod p1 of=job/mnist-node restarts=Never
        @2   pod p0 running
        @2.1 pod p1 running
        @5   pod p0 exit=0 succeeded
        @5.1 pod p1 exit=0 succeeded
        @5.4 job mnist-node settled
        @5.6 cr JobSet.x-k8s mnist settled
        @5.8 cr TrainJob.kubeflow mnist settled
        @30 wait
        ",
        expect![[r#"
            run TrainJob mnist 1..5.8 completed {cause=spec:1, manager=kubectl}
              run JobSet mnist 1.1..5.6 completed
                run Job mnist-node 1.2..5.4 completed
                  run Pod p0 1.3..5 completed
                    start Pod p0 1.3..2 completed
                    run container p0 [app] 2..5 completed {reason=Completed, exit_code=0}
                  run Pod p1 1.4..5.1 completed
                    start Pod p1 1.4..2.1 completed
                    run container p1 [app] 2.1..5.1 completed {reason=Completed, exit_code=0}
        "#]],
    );
}

#[test]
fn a_failure_deep_below_is_told_on_every_span_above_it() {
    check(
        "
        @0 list
        @1   cr TrainJob.kubeflow mnist mode=run by=kubectl
        @1.1 cr JobSet.x-k8s mnist mode=run of=TrainJob.kubeflow/mnist
        @1.2 job mnist-node of=JobSet.x-k8s/mnist
        @1.3 pod p0 of=job/mnist-node restarts=Never
        @2   pod p0 running
        @5   pod p0 exit=137 why=OOMKilled failed
        @5.4 job mnist-node failed=BackoffLimitExceeded said=too_many_retries
        @5.6 cr JobSet.x-k8s mnist failed=FailedJobs said=jobset_failed
        @5.8 cr TrainJob.kubeflow mnist failed=JobsFailed said=train_job_failed
        @30 wait
        ",
        expect![[r#"
            run TrainJob mnist 1..5.8 failed ERROR JobsFailed: train job failed (OOMKilled: container app exited with 137) {cause=spec:1, manager=kubectl}
              run JobSet mnist 1.1..5.6 failed ERROR FailedJobs: jobset failed (OOMKilled: container app exited with 137)
                run Job mnist-node 1.2..5.4 failed ERROR BackoffLimitExceeded: too many retries (OOMKilled: container app exited with 137)
                  run Pod p0 1.3..5 failed ERROR OOMKilled: container app exited with 137 {exit_code=137}
                    start Pod p0 1.3..2 completed
                    run container p0 [app] 2..5 failed ERROR OOMKilled: container app exited with 137 {reason=OOMKilled, exit_code=137}
        "#]],
    );
}

// A TaskRun owns its Pod without a Job between (recording 28).
#[test]
fn a_pipeline_run_its_task_runs_and_their_pods_are_one_trace() {
    check(
        "
        @0 list
        @1   cr PipelineRun.tekton build mode=run by=kubectl
        @1.1 cr TaskRun.tekton fetch mode=run of=PipelineRun.tekton/build
        @1.2 pod fetch-pod of=TaskRun.tekton/fetch restarts=Never
        @2   pod fetch-pod running
        @3   pod fetch-pod exit=0 succeeded
        @3.2 cr TaskRun.tekton fetch settled
        @3.3 cr TaskRun.tekton test mode=run of=PipelineRun.tekton/build
        @3.4 pod test-pod of=TaskRun.tekton/test restarts=Never
        @4   pod test-pod running
        @6   pod test-pod exit=0 succeeded
        @6.2 cr TaskRun.tekton test settled
        @6.4 cr PipelineRun.tekton build settled
        @30 wait
        ",
        expect![[r#"
            run PipelineRun build 1..6.4 completed {cause=spec:1, manager=kubectl}
              run TaskRun fetch 1.1..3.2 completed
                run Pod fetch-pod 1.2..3 completed
                  start Pod fetch-pod 1.2..2 completed
                  run container fetch-pod [app] 2..3 completed {reason=Completed, exit_code=0}
              run TaskRun test 3.3..6.2 completed
                run Pod test-pod 3.4..6 completed
                  start Pod test-pod 3.4..4 completed
                  run container test-pod [app] 4..6 completed {reason=Completed, exit_code=0}
        "#]],
    );
}

// Argo Rollouts creates a ReplicaSet with 0 replicas and scales it (recording 29).
#[test]
fn a_rollout_owns_replica_sets_as_a_deployment_does() {
    check(
        "
        @0 list
        @1   cr Rollout.argo web by=kubectl replicas=2
        @1.1 rs web-1 of=Rollout.argo/web replicas=0
        @1.2 rs web-1 replicas=2
        @1.3 pod a of=web-1
        @1.4 pod b of=web-1
        @2   pod a running ready
        @2.1 pod b running ready
        @2.2 rs web-1 status=2/2
        @2.4 cr Rollout.argo web settled
        @30  cr Rollout.argo web spec.image=v2 by=kubectl progressing
        @30.1 rs web-2 of=Rollout.argo/web replicas=1
        @30.2 pod c of=web-2
        @31  pod c running ready
        @31.1 rs web-2 status=1/1
        @31.2 rs web-1 replicas=1
        @31.3 pod a going grace=30
        @31.4 rs web-1 status=1/1
        @32  pod a gone
        @33  cr Rollout.argo web settled
        @60 wait
        ",
        expect![[r#"
            create Rollout web 1..2.4 completed {cause=spec:1, manager=kubectl}
              create ReplicaSet web-1 1.1..2.2 completed {replicas.from=0, replicas.to=2}
                * 1.2 replicas changed replicas.from=0 replicas.to=2
                start Pod a 1.3..2 completed
                start Pod b 1.4..2.1 completed
            update Rollout web 30..33 completed {cause=spec:2, manager=kubectl, changed=image}
              create ReplicaSet web-2 30.1..31.1 completed {replicas.from=0, replicas.to=1}
                start Pod c 30.2..31 completed
              scale ReplicaSet web-1 31.2..31.4 completed {replicas.from=2, replicas.to=1}
                terminate Pod a 31.3..32 completed {reason=scaled down}
        "#]],
    );
}

#[test]
fn a_lost_pod_of_a_rollout_is_its_recover() {
    check(
        "
        @0 list
        @1   cr Rollout.argo web by=kubectl replicas=1
        @1.1 rs web-1 of=Rollout.argo/web replicas=1
        @1.3 pod a of=web-1
        @2   pod a running ready
        @2.2 rs web-1 status=1/1
        @2.4 cr Rollout.argo web settled
        @60  pod a going grace=30
        @61  pod a gone
        @61.1 pod b of=web-1
        @63  pod b running ready
        @90 wait
        ",
        expect![[r#"
            create Rollout web 1..2.4 completed {cause=spec:1, manager=kubectl}
              create ReplicaSet web-1 1.1..2.2 completed {replicas.from=0, replicas.to=1}
                start Pod a 1.3..2 completed
            recover Rollout web 60..63 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000060}
              terminate Pod a 60..61 completed
              start Pod b 61.1..63 completed
        "#]],
    );
}

#[test]
fn a_custom_resource_owns_deployments_and_their_transitions_are_its_own() {
    check(
        "
        @0 list
        @1   cr Shop.example front by=kubectl spec.a=1
        @1.1 deploy web of=Shop.example/front replicas=1
        @1.2 rs web-1 of=web replicas=1
        @1.3 pod a of=web-1
        @2   pod a running ready
        @2.1 rs web-1 status=1/1
        @2.2 deploy web status=1/1/1
        @2.4 cr Shop.example front settled
        @30  cr Shop.example front spec.a=2 by=kubectl progressing
        @30.1 deploy web image=v2
        @30.2 rs web-2 of=web replicas=1 image=v2
        @30.3 pod b of=web-2
        @31  pod b running ready
        @31.1 rs web-2 status=1/1
        @31.2 rs web-1 replicas=0
        @31.3 pod a going grace=30
        @31.4 deploy web status=1/1/1
        @32  pod a gone
        @32.1 cr Shop.example front settled
        @60 wait
        ",
        expect![[r#"
            create Shop front 1..2.4 completed {cause=spec:1, manager=kubectl}
              create Deployment web 1.1..2.2 completed
                create ReplicaSet web-1 1.2..2.1 completed {replicas.from=0, replicas.to=1}
                  start Pod a 1.3..2 completed
            update Shop front 30..32.1 completed {cause=spec:2, manager=kubectl, changed=a}
              update Deployment web 30.1..32.1 completed
                create ReplicaSet web-2 30.2..31.1 completed {replicas.from=0, replicas.to=1}
                  start Pod b 30.3..31 completed
                scale ReplicaSet web-1 31.2..32.1 unfinished {replicas.from=1, replicas.to=0}
                  terminate Pod a 31.3..32 completed {reason=scaled down}
        "#]],
    );
}

#[test]
fn an_owner_of_a_kind_that_is_not_watched_is_named() {
    check_also(
        &["lifespan.owner.uid"],
        "
        @0 list
        @1   sts kafka of=Kafka.strimzi/main replicas=1 by=operator
        @1.1 pod kafka-0 of=sts/kafka
        @2   pod kafka-0 running ready
        @2.1 sts kafka status=1/1/1
        @30 wait
        ",
        expect![[r#"
            create StatefulSet kafka 1..2.1 completed {cause=spec:1, manager=operator, owner.kind=Kafka, owner.name=main, owner.uid=ccf4bfe8-faa1-619d-628a-3d046e1f7e49}
              start Pod kafka-0 1.1..2 completed
        "#]],
    );
}
