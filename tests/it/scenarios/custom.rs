//! Custom resources: verdicts, goals, progress, runs (DESIGN §3, FACTS §1.1 and §9).

use expect_test::expect;

use super::tree::{check, check_counts};

#[test]
fn a_custom_resource_is_created_until_its_condition_says_so() {
    check(
        "
        @0 list
        @1   cr Certificate.cert-manager.io tls by=kubectl spec.dnsNames=a
        @1.5 cr Certificate.cert-manager.io tls progressing
        @4   cr Certificate.cert-manager.io tls settled
        @30 wait
        ",
        expect![[r#"
            create Certificate tls 1..4 completed {cause=spec:1, manager=kubectl}
        "#]],
    );
}

#[test]
fn a_failed_verdict_fails_it_with_the_reason() {
    check(
        "
        @0 list
        @1   cr HelmRelease.toolkit app by=kubectl spec.chart=a
        @4   cr HelmRelease.toolkit app failed=InstallFailed said=no_such_chart
        @30 wait
        ",
        expect![[r#"
            create HelmRelease app 1..4 failed ERROR InstallFailed: no such chart {cause=spec:1, manager=kubectl}
        "#]],
    );
}

// A condition from before this generation says nothing about it.
#[test]
fn a_verdict_from_before_a_write_fails_nothing() {
    check(
        "
        @0 list
        @1   cr HelmRelease.toolkit app by=kubectl spec.chart=a
        @4   cr HelmRelease.toolkit app failed=InstallFailed
        @30  cr HelmRelease.toolkit app spec.chart=b by=kubectl
        @31  cr HelmRelease.toolkit app time=4 failed=InstallFailed
        @35  cr HelmRelease.toolkit app settled
        @60 wait
        ",
        expect![[r#"
            create HelmRelease app 1..4 failed ERROR InstallFailed: it is so {cause=spec:1, manager=kubectl}
            update HelmRelease app 30..35 completed {cause=spec:2, manager=kubectl, changed=chart}
              -> follows create HelmRelease spec:1
        "#]],
    );
}

#[test]
fn a_write_supersedes_what_is_open() {
    check(
        "
        @0 list
        @1   cr Foo.example.com x by=kubectl spec.a=1
        @30  cr Foo.example.com x spec.a=2 by=kubectl
        @33  cr Foo.example.com x settled
        @60 wait
        ",
        expect![[r#"
            create Foo x 1..30 superseded {cause=spec:1, manager=kubectl}
            update Foo x 30..33 completed {cause=spec:2, manager=kubectl, changed=a}
              -> supersedes create Foo spec:1
        "#]],
    );
}

// `status.currentStepIndex` of an Argo Rollout.
#[test]
fn how_far_it_has_come_is_told_on_its_root() {
    check(
        "
        @0 list
        @1   cr Rollout.argoproj.io web by=kubectl spec.a=1
        @2   cr Rollout.argoproj.io web settled
        @30  cr Rollout.argoproj.io web spec.a=2 by=kubectl progressing progress=step-0
        @32  cr Rollout.argoproj.io web progress=step-1
        @36  cr Rollout.argoproj.io web progress=step-2
        @38  cr Rollout.argoproj.io web settled
        @60 wait
        ",
        expect![[r#"
            create Rollout web 1..2 completed {cause=spec:1, manager=kubectl}
            update Rollout web 30..38 completed {cause=spec:2, manager=kubectl, changed=a}
              * 30 step changed field=step to=step-0
              * 32 step changed field=step from=step-0 to=step-1
              * 36 step changed field=step from=step-1 to=step-2
        "#]],
    );
}

// A CRD without status subresource: every status write is a new generation (argo-cd#22967).
#[test]
fn a_status_that_bumps_the_generation_is_no_change_of_the_spec() {
    check_counts(
        "
        @0 list
        @1   cr Application.argoproj.io shop by=kubectl spec.a=1
        @2   cr Application.argoproj.io shop generation=2 progressing
        @3   cr Application.argoproj.io shop generation=3 settled
        @20  cr Application.argoproj.io shop generation=4 progressing
        @30 wait
        ",
        expect![[r#"
            create Application shop 1..3 completed {cause=spec:1, manager=kubectl}
            counted: churn 3
        "#]],
    );
}

#[test]
fn a_custom_run_that_was_cancelled_has_failed_and_was_never_superseded() {
    check(
        "
        @0 list
        @1   cr PipelineRun.tekton.dev build mode=run by=kubectl spec.a=1
        @5   cr PipelineRun.tekton.dev build spec.status=Cancelled by=kubectl
        @6   cr PipelineRun.tekton.dev build failed=Cancelled
        @30 wait
        ",
        expect![[r#"
            run PipelineRun build 1..6 failed ERROR Cancelled: it is so {cause=spec:1, manager=kubectl}
              * 5 goal changed field=status manager=kubectl
        "#]],
    );
}

#[test]
fn the_deletion_of_a_finished_custom_run_is_no_span() {
    check(
        "
        @0 list
        @1   cr PipelineRun.tekton.dev build mode=run by=kubectl spec.a=1
        @5   cr PipelineRun.tekton.dev build settled
        @50  cr PipelineRun.tekton.dev build gone
        @90 wait
        ",
        expect![[r#"
            run PipelineRun build 1..5 completed {cause=spec:1, manager=kubectl}
        "#]],
    );
}

#[test]
fn a_plain_custom_resource_settles_when_it_is_written() {
    check(
        "
        @0 list
        @1   cr Foo.example.com x mode=plain by=kubectl spec.a=1
        @30  cr Foo.example.com x spec.a=2 by=kubectl
        @60 wait
        ",
        expect![[r#"
            create Foo x 1..1 completed {cause=spec:1, manager=kubectl}
            update Foo x 30..30 completed {cause=spec:2, manager=kubectl, changed=a}
        "#]],
    );
}

// Services, and what aggregated servers serve: each write of the spec has its resourceVersion.
#[test]
fn a_kind_without_generation_is_known_by_its_spec_alone() {
    check(
        "
        @0 list
        @1   cr Service. x generation=0 by=kubectl spec.a=1 progressing
        @2   cr Service. x generation=0 settled
        @30  cr Service. x generation=0 spec.a=2 by=kubectl settled
        @50  cr Service. x generation=0 settled annotate
        @60 wait
        ",
        expect![[r#"
            create Service x 1..2 completed {cause=spec:1, manager=kubectl}
            update Service x 30..30 completed {cause=spec:103, manager=kubectl, changed=a}
        "#]],
    );
}

#[test]
fn a_listed_custom_resource_goes_on_only_if_its_generation_is_unobserved() {
    check(
        "
        @-20 missed cr Foo.example.com x by=kubectl spec.a=1
        @-19 missed cr Foo.example.com x settled
        @-5 missed cr Foo.example.com x spec.a=2 by=kubectl progressing observed=1
        @0 list
        @3   cr Foo.example.com x settled
        @30 wait
        ",
        expect![[r#"
            update Foo x -5..3 completed {cause=spec:2}
        "#]],
    );
}

#[test]
fn a_listed_custom_resource_that_was_observed_is_baseline_though_it_is_not_settled() {
    check_counts(
        "
        @-20 missed cr Foo.example.com x by=kubectl spec.a=1
        @-5 missed cr Foo.example.com x spec.a=2 by=kubectl progressing
        @0 list
        @3   cr Foo.example.com x settled
        @30 wait
        ",
        expect![[r#"
            nothing
            counted: baseline 1, churn 1
        "#]],
    );
}

#[test]
fn a_listed_custom_run_without_a_verdict_goes_on() {
    check(
        "
        @-20 missed cr PipelineRun.tekton.dev build mode=run by=kubectl spec.a=1
        @0 list
        @3   cr PipelineRun.tekton.dev build settled
        @30 wait
        ",
        expect![[r#"
            run PipelineRun build -20..3 completed {cause=spec:1}
        "#]],
    );
}

#[test]
fn a_custom_resource_without_controller_is_deleted_when_it_is_gone() {
    check(
        "
        @0 list
        @1   cr Foo.example.com x by=kubectl spec.a=1
        @2   cr Foo.example.com x settled
        @40  cr Foo.example.com x gone
        @60 wait
        ",
        expect![[r#"
            create Foo x 1..2 completed {cause=spec:1, manager=kubectl}
            delete Foo x 40..40 completed {cause=delete}
        "#]],
    );
}

// An Argo Rollout that is aborted scales its stable ReplicaSet up again, and says at once that it has failed.
#[test]
fn what_settles_below_only_after_a_failure_is_unfinished_in_it() {
    check(
        "
        @0 list
        @1    cr Rollout.argo web progressing by=kubectl spec.a=1
        @1.5  rs web-1 of=Rollout.argo/web replicas=1
        @2    cr Rollout.argo web failed=RolloutAborted
        @4    rs web-1 status=1/1
        @60 wait
        ",
        expect![[r#"
            create Rollout web 1..2 failed ERROR RolloutAborted: it is so {cause=spec:1, manager=kubectl}
              create ReplicaSet web-1 1.5..2 unfinished {replicas.from=0, replicas.to=1}
        "#]],
    );
}

// Machines of Cluster API: no Pod will ever be Ready for them.
#[test]
fn replicas_that_are_no_pods_are_not_waited_for() {
    check(
        "
        @0 list
        @1   cr Cluster.cluster.x-k8s.io c by=kubectl spec.a=1
        @1.1 cr MachineDeployment.cluster.x-k8s.io md of=Cluster.cluster.x-k8s.io/c replicas=1 goals=replicas by=capi
        @2   cr MachineDeployment.cluster.x-k8s.io md settled
        @2.1 cr Cluster.cluster.x-k8s.io c settled
        @60  cr MachineDeployment.cluster.x-k8s.io md replicas=2 by=autoscaler progressing
        @151 cr MachineDeployment.cluster.x-k8s.io md settled
        @4000 cr MachineDeployment.cluster.x-k8s.io md replicas=3 by=autoscaler progressing
        @4091 cr MachineDeployment.cluster.x-k8s.io md settled
        @4200 wait
        ",
        expect![[r#"
            create Cluster c 1..2.1 completed {cause=spec:1, manager=kubectl}
              create MachineDeployment md 1.1..2 completed
            reconcile Cluster c 60..151 completed {cause=owned:67e4b599-7b5d-0682-f11f-a00641b404a4:2, manager=autoscaler}
              -> follows create Cluster spec:1
              scale MachineDeployment md 60..151 completed
            reconcile Cluster c 4000..4091 completed {cause=owned:67e4b599-7b5d-0682-f11f-a00641b404a4:3, manager=autoscaler}
              -> follows reconcile Cluster owned:67e4b599-7b5d-0682-f11f-a00641b404a4:2
              scale MachineDeployment md 4000..4091 completed
        "#]],
    );
}
