//! Presets, each against what the documentation of its kind says.

use super::*;

fn waiting(word: &str) -> Verdict {
    Verdict::Waiting { word: word.into(), at: None }
}

fn of(custom: &Custom, spec: &str, status: &str) -> Verdict {
    *object(custom, spec, status).status.verdict.unwrap()
}

// Before v1beta2 it stays Ready, Available and Running throughout a rolling update.
#[test]
fn a_machine_deployment_has_settled_when_updated_replicas_and_wanted_are_the_same() {
    let custom = preset("machinedeployments.cluster.x-k8s.io");
    let status = |replicas: i64, ready: i64, updated: i64| {
        let conditions =
            [condition("Ready", "True", None), condition("Available", "True", None)].join(",");
        format!(
            r#"{{"observedGeneration":2,"phase":"Running","replicas":{replicas},
                "readyReplicas":{ready},"updatedReplicas":{updated},"conditions":[{conditions}]}}"#
        )
    };
    let of = |status: &str| of(&custom, r#"{"replicas":3}"#, status);
    for (replicas, ready, updated, expected) in [
        (3, 3, 0, Verdict::Progressing),
        (4, 3, 1, Verdict::Progressing),
        (4, 4, 3, Verdict::Progressing),
        (3, 2, 3, Verdict::Progressing),
        (5, 5, 5, Verdict::Progressing),
        (3, 3, 3, settled()),
    ] {
        assert_eq!(of(&status(replicas, ready, updated)), expected, "{replicas} {ready} {updated}");
    }
    // v1beta2 calls them up to date.
    let newer = status(3, 3, 3).replace("updatedReplicas", "upToDateReplicas");
    assert_eq!(of(&newer), settled());
    assert_eq!(
        of(&newer.replace(r#""upToDateReplicas":3"#, r#""upToDateReplicas":2"#)),
        Verdict::Progressing
    );
}

#[test]
fn a_rollout_that_takes_its_template_from_a_workload_has_not_settled_before_it_has_seen_it() {
    let custom = preset("rollouts.argoproj.io");
    let of = |generation: &str, seen: &str| {
        let json = format!(
            r#"{{"metadata":{{"name":"w","namespace":"default","generation":2,
                "uid":"d306cd69-2d2c-4dc9-881f-db7d756a03e0","resourceVersion":"933",
                "annotations":{{"rollout.argoproj.io/workload-generation":"{generation}"}}}},
                "spec":{{"workloadRef":{{"kind":"Deployment","name":"web"}}}},
                "status":{{"phase":"Healthy","observedGeneration":"2",
                "workloadObservedGeneration":"{seen}"}}}}"#
        );
        *read(&custom, &json).status.verdict.unwrap()
    };
    assert_eq!(of("4", "3"), Verdict::Progressing);
    assert_eq!(of("4", "4"), settled());
}

#[test]
fn a_gateway_is_there_when_it_is_accepted_and_programmed_for_its_generation() {
    let custom = preset("gateways.gateway.networking.k8s.io");
    let of = |accepted: (&str, i64), programmed: (&str, i64)| {
        let conditions = [
            condition("Accepted", accepted.0, Some(accepted.1)),
            condition("Programmed", programmed.0, Some(programmed.1)),
        ];
        verdict(&custom, &format!(r#"{{"conditions":[{}]}}"#, conditions.join(",")))
    };
    assert_eq!(of(("True", 2), ("True", 2)), settled());
    assert_eq!(of(("True", 2), ("False", 2)), Verdict::Progressing);
    assert_eq!(of(("True", 2), ("True", 1)), Verdict::Progressing);
    assert_eq!(of(("True", 1), ("True", 1)), Verdict::Progressing);
}

#[test]
fn a_database_of_cloud_native_pg_tells_by_a_sentence_and_wants_its_instances() {
    let custom = preset("clusters.postgresql.cnpg.io");
    for (phase, expected) in [
        ("Cluster in healthy state", settled()),
        ("Setting up primary", Verdict::Progressing),
        ("Failing over", Verdict::Progressing),
        ("Waiting for user action", waiting("Waiting for user action")),
        (
            "Cluster is unrecoverable and needs manual intervention",
            failed("Cluster is unrecoverable and needs manual intervention", "", None),
        ),
    ] {
        let ready = condition("Ready", "True", None);
        let status = format!(r#"{{"phase":"{phase}","conditions":[{ready}]}}"#);
        let read = object(&custom, r#"{"instances":3}"#, &status);
        assert_eq!(read.wanted(), Some(3));
        assert_eq!(*read.status.verdict.unwrap(), expected, "{phase}");
    }
    assert!(custom.goals().iter().any(|goal| &**goal == "instances"));
}

#[test]
fn what_strimzi_creates_is_not_ready_yet_and_what_it_pauses_waits() {
    for plural in ["kafkas", "kafkaconnects", "kafkatopics"] {
        let custom = preset(&format!("{plural}.kafka.strimzi.io"));
        let of = |name: &str, reason: &str| {
            verdict(
                &custom,
                &format!(
                    r#"{{"observedGeneration":2,"conditions":[{{"type":"{name}","status":"True",
                        "reason":"{reason}","message":"m"}}]}}"#
                ),
            )
        };
        assert_eq!(of("Ready", ""), settled());
        assert_eq!(of("NotReady", "Creating"), Verdict::Progressing);
        assert_eq!(of("NotReady", "InvalidResource"), failed("InvalidResource", "m", None));
        assert_eq!(of("ReconciliationPaused", ""), waiting("ReconciliationPaused"));
    }
}

#[test]
fn what_makes_runs_at_its_times_spawns_them() {
    for (resource, is_silent) in
        [("cronworkflows.argoproj.io", true), ("scaledjobs.keda.sh", false)]
    {
        let custom = preset(resource);
        let read = object(&custom, "{}", "null");
        assert!(read.spawns, "{resource}");
        let speech = if is_silent { Reporting::Silent } else { Reporting::Mute };
        assert_eq!(read.status.speech, speech, "{resource}");
    }
    assert!(!object(&preset("workflows.argoproj.io"), "{}", "null").spawns);
}

// Of a CronWorkflow that is well nothing is said; `SpecError` and `SubmissionError` are
// (pkg/apis/workflow/v1alpha1/cron_workflow_types.go).
#[test]
fn a_cron_workflow_says_only_what_is_wrong_with_it() {
    let custom = preset("cronworkflows.argoproj.io");
    for name in ["SpecError", "SubmissionError"] {
        let status = |is: &str| format!(r#"{{"conditions":[{}]}}"#, condition(name, is, None));
        let read = object(&custom, "{}", &status("True"));
        assert_eq!(read.status.speech, Reporting::Spoken, "{name}");
        assert_eq!(*read.status.verdict.unwrap(), failed("R", "m", Some(AT)), "{name}");
        assert_eq!(object(&custom, "{}", &status("False")).status.speech, Reporting::Silent);
    }
}

#[test]
fn what_kueue_tells_of_a_queue_is_read_condition_by_condition() {
    let custom = preset("workloads.kueue.x-k8s.io");
    let status = format!(r#"{{"conditions":[{}]}}"#, condition("QuotaReserved", "False", None));
    let read = object(&custom, "{}", &status);
    assert!(read.is_queue);
    let [(name, said)] = &*read.status.queue else { panic!("{:?}", read.status.queue) };
    assert_eq!((&**name, said.is_true, &*said.reason), ("QuotaReserved", false, "R"));
    assert_eq!(said.changed, Some(UnixNanos::from_seconds(AT)));
    assert!(object(&preset("kafkas.kafka.strimzi.io"), "{}", &status).status.queue.is_empty());
}

#[test]
fn a_ray_job_ends_as_its_job_does() {
    let custom = preset("rayjobs.ray.io");
    for (job, deployment, expected) in [
        ("RUNNING", "Running", Verdict::Progressing),
        ("SUCCEEDED", "Complete", settled()),
        ("FAILED", "Failed", failed("Failed", "m", None)),
        // It is tried again; it is not over before what submitted it is.
        ("FAILED", "Retrying", Verdict::Progressing),
        ("FAILED", "Running", Verdict::Progressing),
        ("SUCCEEDED", "Running", Verdict::Progressing),
        ("", "Failed", failed("Failed", "m", None)),
        ("", "ValidationFailed", failed("ValidationFailed", "m", None)),
        ("", "Initializing", Verdict::Progressing),
        ("STOPPED", "Running", failed("STOPPED", "m", None)),
    ] {
        let status = format!(
            r#"{{"jobStatus":"{job}","jobDeploymentStatus":"{deployment}","message":"m"}}"#
        );
        assert_eq!(verdict(&custom, &status), expected, "{job} {deployment}");
    }
}

#[test]
fn a_ray_cluster_is_there_when_its_workers_are() {
    let custom = preset("rayclusters.ray.io");
    let of = |state: &str, ready: i64| {
        verdict(
            &custom,
            &format!(
                r#"{{"observedGeneration":2,"state":"{state}","desiredWorkerReplicas":2,
                    "readyWorkerReplicas":{ready}}}"#
            ),
        )
    };
    assert_eq!(of("ready", 2), settled());
    assert_eq!(of("ready", 1), Verdict::Progressing);
    assert_eq!(of("failed", 2), failed("failed", "", None));
    assert_eq!(of("suspended", 2), waiting("suspended"));
}

#[test]
fn what_kueue_has_no_quota_for_waits_and_what_it_admits_has_settled() {
    let custom = preset("workloads.kueue.x-k8s.io");
    let of = |conditions: &[(&str, &str)]| {
        let conditions: Vec<_> =
            conditions.iter().map(|(name, is)| condition(name, is, None)).collect();
        verdict(&custom, &format!(r#"{{"conditions":[{}]}}"#, conditions.join(",")))
    };
    let queued = Verdict::Waiting { word: "R".into(), at: Some(UnixNanos::from_seconds(AT)) };
    assert_eq!(of(&[("QuotaReserved", "False")]), queued);
    assert_eq!(of(&[("QuotaReserved", "True")]), Verdict::Progressing);
    assert_eq!(of(&[("QuotaReserved", "True"), ("Admitted", "True")]), settled());
}

#[test]
fn a_node_claim_has_settled_at_the_last_of_its_steps() {
    let custom = preset("nodeclaims.karpenter.sh");
    let of = |steps: &[&str]| {
        let conditions: Vec<_> = steps.iter().map(|it| condition(it, "True", Some(2))).collect();
        verdict(&custom, &format!(r#"{{"conditions":[{}]}}"#, conditions.join(",")))
    };
    assert_eq!(of(&["Launched"]), Verdict::Progressing);
    assert_eq!(of(&["Launched", "Registered", "Initialized"]), Verdict::Progressing);
    assert_eq!(of(&["Launched", "Registered", "Initialized", "Ready"]), settled());
    assert_eq!(of(&["Ready", "InstanceTerminating"]), Verdict::Progressing);
}

#[test]
fn a_virtual_machine_tells_by_its_status_and_by_its_conditions() {
    let custom = preset("virtualmachines.kubevirt.io");
    let of = |ready: &str, printable: &str| {
        let ready = condition("Ready", ready, None);
        verdict(&custom, &format!(r#"{{"printableStatus":"{printable}","conditions":[{ready}]}}"#))
    };
    assert_eq!(of("True", "Running"), settled());
    assert_eq!(of("True", "Paused"), waiting("Paused"));
    assert_eq!(of("False", "Starting"), Verdict::Progressing);
    assert_eq!(of("False", "Stopped"), waiting("Stopped"));
    let volumes = r#"{"volumeSnapshotStatuses":[{"name":"disk","enabled":false}]}"#;
    assert_eq!(verdict(&custom, volumes), Verdict::Progressing);
    assert_eq!(of("False", "CrashLoopBackOff"), failed("CrashLoopBackOff", "", None));
    assert_eq!(of("False", "ImagePullBackOff"), failed("ImagePullBackOff", "", None));
    assert_eq!(of("False", "WaitingForVolumeBinding"), Verdict::Progressing);
    assert_eq!(of("False", "ErrorPvcNotFound"), failed("ErrorPvcNotFound", "", None));
}

#[test]
fn a_model_that_cannot_be_loaded_has_failed() {
    let custom = preset("inferenceservices.serving.kserve.io");
    let of = |ready: &str, transition: &str| {
        let ready = condition("Ready", ready, None);
        verdict(
            &custom,
            &format!(
                r#"{{"observedGeneration":2,"modelStatus":{{"transitionStatus":"{transition}"}},
                    "conditions":[{ready}]}}"#
            ),
        )
    };
    assert_eq!(of("True", "UpToDate"), settled());
    assert_eq!(of("False", "InProgress"), Verdict::Progressing);
    assert_eq!(of("False", "BlockedByFailedLoad"), failed("BlockedByFailedLoad", "", None));
}

#[test]
fn a_package_of_crossplane_is_installed_and_healthy() {
    let custom = preset("providers.pkg.crossplane.io");
    let of = |installed: &str, healthy: &str| {
        let conditions =
            [condition("Installed", installed, None), condition("Healthy", healthy, None)];
        verdict(&custom, &format!(r#"{{"conditions":[{}]}}"#, conditions.join(",")))
    };
    assert_eq!(of("True", "True"), settled());
    assert_eq!(of("True", "Unknown"), Verdict::Progressing);
    assert_eq!(of("False", "True"), Verdict::Progressing);
    assert_eq!(of("True", "False"), Verdict::Progressing);
}

#[test]
fn what_scales_by_events_waits_while_it_is_paused() {
    let custom = preset("scaledobjects.keda.sh");
    let of = |conditions: &[(&str, &str)]| {
        let conditions: Vec<_> = conditions
            .iter()
            .map(|(name, is)| format!(r#"{{"type":"{name}","status":"{is}"}}"#))
            .collect();
        verdict(&custom, &format!(r#"{{"conditions":[{}]}}"#, conditions.join(",")))
    };
    assert_eq!(of(&[("Ready", "True"), ("Active", "False")]), settled());
    assert_eq!(of(&[("Ready", "True"), ("Paused", "True")]), waiting("Paused"));
}
