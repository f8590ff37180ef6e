//! The presets: recorded objects, and states as the controllers' sources have them.

use super::*;

fn recorded(resource: &str, json: &str) -> Workload {
    read(&preset(resource), json)
}

const ROLLOUT: &str = include_str!("../../../../tests/objects/rollout.json");

#[test]
fn a_recorded_train_job_has_ended() {
    let json = include_str!("../../../../tests/objects/train_job.json");
    let read = recorded("trainjobs.trainer.kubeflow.org", json);
    assert_eq!(read.kind, Kind::Other("TrainJob.trainer.kubeflow.org".into()));
    assert_eq!((read.kind.name(), read.mode, read.paused), ("TrainJob", Mode::Run, false));
    let at = Some(UnixNanos::from_seconds(1_795_209_813));
    assert_eq!(*read.status.verdict.unwrap(), Verdict::Settled { at });
    // It names no generation: what it says is about the one that there is.
    assert_eq!((read.status.observed, read.meta.generation), (Some(1), Some(1)));
    assert!(!read.stamps.is_empty());
}

#[test]
fn a_recorded_job_set_has_ended() {
    let json = include_str!("../../../../tests/objects/job_set.json");
    let read = recorded("jobsets.jobset.x-k8s.io", json);
    assert_eq!((read.kind.name(), read.mode), ("JobSet", Mode::Run));
    assert_eq!(read.meta.owner.unwrap().kind, Kind::Other("TrainJob.trainer.kubeflow.org".into()));
    let at = Some(UnixNanos::from_seconds(1_795_209_813));
    assert_eq!(*read.status.verdict.unwrap(), Verdict::Settled { at });
}

#[test]
fn a_recorded_pipeline_run_has_ended_and_a_task_run_goes_on() {
    let json = include_str!("../../../../tests/objects/pipeline_run.json");
    let read = recorded("pipelineruns.tekton.dev", json);
    assert_eq!(
        (read.kind.name(), read.meta.generation, read.mode),
        ("PipelineRun", Some(2), Mode::Run)
    );
    let at = Some(UnixNanos::from_seconds(1_795_209_836));
    assert_eq!(*read.status.verdict.unwrap(), Verdict::Settled { at });
    let json = include_str!("../../../../tests/objects/task_run.json");
    let read = recorded("taskruns.tekton.dev", json);
    assert_eq!(*read.status.verdict.unwrap(), Verdict::Progressing);
    assert_eq!(read.meta.owner.unwrap().kind, Kind::Other("PipelineRun.tekton.dev".into()));
}

#[test]
fn a_task_run_fails_by_its_reason() {
    let custom = preset("taskruns.tekton.dev");
    let failed = verdict(&custom, &with("Succeeded", "False", "2"));
    assert_eq!(failed, super::failed("R", "m", Some(AT)));
}

// It is Healthy before its first Pod goes, and says which restart it has come to the end of.
#[test]
fn a_rollout_that_is_restarted_has_settled_once_its_status_says_so() {
    let at = |spec: &str, status: &str| {
        let restarted = ROLLOUT.replacen("\"spec\":{", &format!("\"spec\":{{{spec}"), 1);
        let restarted = restarted.replacen("\"status\":{", &format!("\"status\":{{{status}"), 1);
        recorded("rollouts.argoproj.io", &restarted)
    };
    let (none, asked) = (at("", ""), at(r#""restartAt":"2026-11-20T12:00:00Z","#, ""));
    assert_ne!(none.template, asked.template);
    assert_eq!(none.template_without_restart, asked.template_without_restart);
    assert_eq!(*asked.status.verdict.unwrap(), Verdict::Progressing);
    for (done, is_settled) in [("2026-11-19T12:00:00Z", false), ("2026-11-20T12:00:00Z", true)] {
        let status = format!(r#""restartedAt":"{done}","#);
        let verdict = at(r#""restartAt":"2026-11-20T12:00:00Z","#, &status).status.verdict.unwrap();
        assert_eq!(matches!(*verdict, Verdict::Settled { .. }), is_settled, "{done}");
    }
}

#[test]
fn a_recorded_rollout_that_is_healthy_has_settled() {
    let read = recorded("rollouts.argoproj.io", ROLLOUT);
    assert_eq!((read.kind.name(), read.mode, read.replicas), ("Rollout", Mode::Rollout, Some(4)));
    assert_eq!(&*read.images, [("app".into(), "127.0.0.1:5000/web:v2".into())]);
    assert_eq!((read.status.observed, read.meta.generation), (Some(4), Some(4)));
    assert_eq!(read.status.progress.as_deref(), Some("4"));
    assert_eq!(*read.status.verdict.unwrap(), settled());
    let defaulted = "template.spec.containers[app].resources";
    assert!(read.spec.iter().any(|(path, _)| &**path == defaulted), "{:?}", read.spec.paths);
}

#[test]
fn a_recorded_rollout_that_pauses_at_a_step_of_its_canary_waits() {
    let json = include_str!("../../../../tests/objects/rollout_paused.json");
    let read = recorded("rollouts.argoproj.io", json);
    // The step pauses it, not a person.
    assert_eq!((read.paused, read.status.progress.as_deref()), (false, Some("1")));
    assert_eq!(*read.status.verdict.unwrap(), Verdict::Waiting { word: "Paused".into(), at: None });
}

#[test]
fn a_rollout_that_is_still_healthy_of_an_older_generation_has_not_settled() {
    let json = ROLLOUT.replace(r#""observedGeneration":"4""#, r#""observedGeneration":"2""#);
    let read = recorded("rollouts.argoproj.io", &json);
    assert_eq!(
        (read.status.observed, *read.status.verdict.unwrap()),
        (Some(2), Verdict::Progressing)
    );
}

#[test]
fn a_rollout_that_is_degraded_tells_the_reason_of_the_condition() {
    // Argo Rollouts utils/rollout CalculateRolloutPhase: "<reason or type>: <message>".
    let custom = preset("rollouts.argoproj.io");
    let status = |message: &str| {
        format!(
            r#"{{"observedGeneration":"2","phase":"Degraded","message":"{message}","conditions":[
                {{"type":"Progressing","status":"False","reason":"ProgressDeadlineExceeded"}},
                {{"type":"InvalidSpec","status":"True","reason":"InvalidSpec"}}]}}"#
        )
    };
    for (message, reason) in [
        ("ProgressDeadlineExceeded: ReplicaSet has timed out", "ProgressDeadlineExceeded"),
        ("InvalidSpec: no selector", "InvalidSpec"),
        ("Whatever: else", "Degraded"),
        ("", "Degraded"),
    ] {
        assert_eq!(verdict(&custom, &status(message)), failed(reason, message, None));
    }
}

#[test]
fn an_application_has_settled_when_its_own_source_is_synced_and_healthy() {
    let custom = preset("applications.argoproj.io");
    let state = |spec: &str, sync: &str, health: &str, phase: &str| {
        let spec = format!(r#"{{"source":{{"path":"{spec}"}}}}"#);
        let status = format!(
            r#"{{"sync":{{"status":"{sync}","comparedTo":{{"source":{{"path":"b"}}}}}},
                "health":{{"status":"{health}","message":"h"}},
                "operationState":{{"phase":"{phase}","message":"one error",
                "finishedAt":"2026-11-20T11:17:03Z"}}}}"#
        );
        *object(&custom, &spec, &status).status.verdict.unwrap()
    };
    assert_eq!(state("b", "Synced", "Healthy", "Succeeded"), settled());
    assert_eq!(state("b", "OutOfSync", "Healthy", "Running"), Verdict::Progressing);
    assert_eq!(state("b", "Synced", "Progressing", "Succeeded"), Verdict::Progressing);
    assert_eq!(state("b", "OutOfSync", "Missing", "Failed"), ended("Failed", "one error", AT));
    assert_eq!(state("b", "Synced", "Degraded", "Succeeded"), failed("Degraded", "h", None));
    // The controller has not looked at this source yet.
    assert_eq!(state("c", "Synced", "Healthy", "Succeeded"), Verdict::Progressing);
    assert_eq!(state("c", "Synced", "Degraded", "Failed"), Verdict::Progressing);
}

#[test]
fn what_flux_tries_again_has_not_failed_and_what_it_gives_up_has() {
    for resource in
        ["kustomizations.kustomize.toolkit.fluxcd.io", "helmreleases.helm.toolkit.fluxcd.io"]
    {
        let custom = preset(resource);
        let status = |conditions: &[String]| {
            format!(r#"{{"observedGeneration":2,"conditions":[{}]}}"#, conditions.join(","))
        };
        let new = object(&custom, "{}", r#"{"observedGeneration":-1}"#);
        assert_eq!(
            (new.status.observed, *new.status.verdict.unwrap()),
            (Some(-1), Verdict::Progressing)
        );
        let (not_ready, ready) =
            (condition("Ready", "False", Some(2)), condition("Ready", "True", Some(2)));
        let retried = [not_ready.clone(), condition("Reconciling", "True", Some(2))];
        assert_eq!(verdict(&custom, &status(&retried)), Verdict::Progressing);
        let stalled = [not_ready, condition("Stalled", "True", Some(2))];
        assert_eq!(verdict(&custom, &status(&stalled)), failed("R", "m", Some(AT)));
        assert_eq!(verdict(&custom, &status(&[ready])), settled());
    }
    let custom = preset("kustomizations.kustomize.toolkit.fluxcd.io");
    assert!(object(&custom, r#"{"suspend":true}"#, "{}").paused);
}

#[test]
fn a_certificate_is_issued_for_the_generation_that_its_condition_names() {
    let custom = preset("certificates.cert-manager.io");
    let status = |conditions: &[String]| format!(r#"{{"conditions":[{}]}}"#, conditions.join(","));
    let ready = |generation| condition("Ready", "True", Some(generation));
    let issuing = |is, generation| condition("Issuing", is, Some(generation));
    assert_eq!(verdict(&custom, &status(&[ready(2)])), settled());
    assert_eq!(verdict(&custom, &status(&[ready(1)])), Verdict::Progressing);
    assert_eq!(verdict(&custom, &status(&[ready(2), issuing("True", 2)])), Verdict::Progressing);
    assert_eq!(verdict(&custom, &status(&[issuing("False", 2)])), failed("R", "m", Some(AT)));
    assert_eq!(verdict(&custom, &status(&[issuing("False", 1)])), Verdict::Progressing);
}

#[test]
fn of_knative_what_is_not_ready_has_failed_and_what_is_unknown_goes_on() {
    for plural in ["services", "configurations", "revisions"] {
        let custom = preset(&format!("{plural}.serving.knative.dev"));
        assert_eq!(verdict(&custom, &with("Ready", "True", "2")), settled());
        assert_eq!(verdict(&custom, &with("Ready", "True", "1")), Verdict::Progressing);
        assert_eq!(verdict(&custom, &with("Ready", "Unknown", "2")), Verdict::Progressing);
        assert_eq!(verdict(&custom, &with("Ready", "False", "2")), failed("R", "m", Some(AT)));
        assert_eq!(verdict(&custom, &with("Ready", "False", "1")), Verdict::Progressing);
    }
}

#[test]
fn a_workflow_ends_by_its_phase() {
    let custom = preset("workflows.argoproj.io");
    let phase = |phase: &str| {
        let times = r#""finishedAt":"2026-11-20T11:17:03Z","message":"m""#;
        verdict(&custom, &format!(r#"{{"phase":"{phase}",{times}}}"#))
    };
    let at = Some(UnixNanos::from_seconds(AT));
    assert_eq!(phase("Succeeded"), Verdict::Settled { at });
    assert_eq!(phase("Running"), Verdict::Progressing);
    assert_eq!(phase("Pending"), Verdict::Progressing);
    assert_eq!(phase("Failed"), ended("Failed", "m", AT));
    assert_eq!(phase("Error"), ended("Error", "m", AT));
    assert!(object(&custom, r#"{"suspend":true}"#, "{}").paused);
}

#[test]
fn a_machine_deployment_that_rolls_out_has_not_settled_though_it_is_available() {
    for resource in ["clusters.cluster.x-k8s.io", "machinedeployments.cluster.x-k8s.io"] {
        let custom = preset(resource);
        let status = |rolling: &str| {
            let conditions = [
                condition("Available", "True", Some(2)),
                condition("RollingOut", rolling, Some(2)),
            ];
            format!(r#"{{"observedGeneration":2,"conditions":[{}]}}"#, conditions.join(","))
        };
        assert_eq!(verdict(&custom, &status("True")), Verdict::Progressing);
        assert_eq!(verdict(&custom, &status("False")), settled());
        // Before v1beta2.
        assert_eq!(verdict(&custom, &with("Ready", "True", "2")), settled());
        assert_eq!(verdict(&custom, &with("Ready", "False", "2")), Verdict::Progressing);
        let status = r#"{"observedGeneration":2,"phase":"Failed","failureReason":"InvalidConfiguration",
            "failureMessage":"no such image"}"#;
        assert_eq!(verdict(&custom, status), failed("InvalidConfiguration", "no such image", None));
    }
}
