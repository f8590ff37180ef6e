//! An example of each preset being busy, settled, failed and waiting, as its own documentation has
//! these states; and what Crossplane's own kinds say, which have no names that could be presets.

use super::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Is {
    Busy,
    Settled,
    Failed,
    Waiting,
}

use Is::{Busy, Failed, Settled, Waiting};

const APPLICATION: &str = "applications.argoproj.io";
const CONTROL_PLANE: &str = "kubeadmcontrolplanes.controlplane.cluster.x-k8s.io";
const DATABASE: &str = "clusters.postgresql.cnpg.io";
const MACHINES: &str = "machinedeployments.cluster.x-k8s.io";
const MODEL: &str = "inferenceservices.serving.kserve.io";
const MACHINE_SET: &str = "machinesets.cluster.x-k8s.io";
const VIRTUAL: &str = "virtualmachines.kubevirt.io";

/// Preset, conditions as `Type=Status/Reason`, other fields of the status, and what that is. Each
/// wants three.
const EXAMPLES: &[(&str, &[&str], &str, Is)] = &[
    (APPLICATION, &[], r#""sync":{"status":"OutOfSync"},"health":{"status":"Healthy"}"#, Busy),
    (APPLICATION, &[], r#""sync":{"status":"Synced"},"health":{"status":"Healthy"}"#, Settled),
    (APPLICATION, &[], r#""sync":{"status":"Synced"},"health":{"status":"Degraded"}"#, Failed),
    (APPLICATION, &[], r#""sync":{"status":"Synced"},"health":{"status":"Suspended"}"#, Waiting),
    ("kustomizations.kustomize.toolkit.fluxcd.io", &["Ready=False/BuildFailed"], "", Busy),
    ("kustomizations.kustomize.toolkit.fluxcd.io", &["Ready=True"], "", Settled),
    ("kustomizations.kustomize.toolkit.fluxcd.io", &["Stalled=True/AccessDenied"], "", Failed),
    ("helmreleases.helm.toolkit.fluxcd.io", &["Ready=False/UpgradeFailed"], "", Busy),
    ("helmreleases.helm.toolkit.fluxcd.io", &["Ready=True", "Released=True"], "", Settled),
    (
        "helmreleases.helm.toolkit.fluxcd.io",
        &["Ready=False/UpgradeFailed", "Stalled=True/RetriesExceeded"],
        "",
        Failed,
    ),
    (
        "providers.pkg.crossplane.io",
        &["Installed=True/ActivePackageRevision", "Healthy=False/UnhealthyPackageRevision"],
        "",
        Busy,
    ),
    ("providers.pkg.crossplane.io", &["Installed=True", "Healthy=True"], "", Settled),
    ("functions.pkg.crossplane.io", &["Installed=False/UnpackingPackage"], "", Busy),
    ("functions.pkg.crossplane.io", &["Installed=True", "Healthy=True"], "", Settled),
    (
        "clusters.cluster.x-k8s.io",
        &["Available=True", "RollingOut=True"],
        r#""phase":"Provisioned""#,
        Busy,
    ),
    ("clusters.cluster.x-k8s.io", &["Available=True", "RollingOut=False"], "", Settled),
    (
        "clusters.cluster.x-k8s.io",
        &["Ready=False"],
        r#""phase":"Provisioning","failureReason":"CreateError""#,
        Failed,
    ),
    ("clusters.cluster.x-k8s.io", &["Available=True", "Paused=True"], "", Waiting),
    (
        CONTROL_PLANE,
        &["Available=True"],
        r#""replicas":4,"readyReplicas":3,"upToDateReplicas":1"#,
        Busy,
    ),
    (
        CONTROL_PLANE,
        &["Available=True"],
        r#""replicas":3,"readyReplicas":3,"upToDateReplicas":3"#,
        Settled,
    ),
    (CONTROL_PLANE, &["Ready=False"], r#""failureReason":"InvalidConfiguration""#, Failed),
    (CONTROL_PLANE, &["Available=True", "Paused=True"], r#""replicas":3"#, Waiting),
    (MACHINES, &["Available=True"], r#""replicas":3,"readyReplicas":2,"upToDateReplicas":3"#, Busy),
    (
        MACHINES,
        &["Available=True", "MachinesUpToDate=True"],
        r#""phase":"Running","replicas":3,"readyReplicas":3,"upToDateReplicas":3"#,
        Settled,
    ),
    (MACHINES, &["Available=False"], r#""phase":"Failed""#, Failed),
    (MACHINES, &["Available=True", "Paused=True"], "", Waiting),
    (MACHINE_SET, &["ScalingDown=True"], r#""replicas":3,"readyReplicas":3"#, Busy),
    (MACHINE_SET, &[], r#""replicas":4,"readyReplicas":3"#, Busy),
    // Those of an older one are not up to date.
    (
        MACHINE_SET,
        &["MachinesUpToDate=False/NotUpToDate", "ScalingDown=False"],
        r#""replicas":3,"readyReplicas":3,"upToDateReplicas":0"#,
        Settled,
    ),
    (MACHINE_SET, &[], r#""replicas":0,"failureReason":"CreateError""#, Failed),
    (MACHINE_SET, &["Paused=True"], r#""replicas":1"#, Waiting),
    ("certificates.cert-manager.io", &["Ready=False/DoesNotExist", "Issuing=True"], "", Busy),
    ("certificates.cert-manager.io", &["Ready=True"], "", Settled),
    ("certificates.cert-manager.io", &["Ready=False", "Issuing=False/Failed"], "", Failed),
    ("cronworkflows.argoproj.io", &["SpecError=True/InvalidSchedule"], "", Failed),
    ("scaledjobs.keda.sh", &["Ready=Unknown"], "", Busy),
    ("scaledjobs.keda.sh", &["Ready=True", "Active=False"], "", Settled),
    ("scaledjobs.keda.sh", &["Ready=False/ScaledJobCheckFailed"], "", Failed),
    ("scaledjobs.keda.sh", &["Ready=True", "Paused=True/ScaledJobPaused"], "", Waiting),
    ("workflows.argoproj.io", &["PodRunning=True"], r#""phase":"Running""#, Busy),
    ("workflows.argoproj.io", &["Completed=True"], r#""phase":"Succeeded""#, Settled),
    ("workflows.argoproj.io", &["Completed=True"], r#""phase":"Error""#, Failed),
    ("trainjobs.trainer.kubeflow.org", &["Suspended=False/Resumed"], "", Busy),
    ("trainjobs.trainer.kubeflow.org", &["Complete=True"], "", Settled),
    ("trainjobs.trainer.kubeflow.org", &["Failed=True/DeadlineExceeded"], "", Failed),
    ("jobsets.jobset.x-k8s.io", &["StartupPolicyInProgress=True"], r#""restarts":1"#, Busy),
    ("jobsets.jobset.x-k8s.io", &["Completed=True"], "", Settled),
    ("jobsets.jobset.x-k8s.io", &["Failed=True/FailedJobs"], "", Failed),
    // It is tried again.
    ("rayjobs.ray.io", &[], r#""jobStatus":"FAILED","jobDeploymentStatus":"Retrying""#, Busy),
    ("rayjobs.ray.io", &[], r#""jobStatus":"SUCCEEDED","jobDeploymentStatus":"Complete""#, Settled),
    ("rayjobs.ray.io", &[], r#""jobStatus":"FAILED","jobDeploymentStatus":"Failed""#, Failed),
    ("pipelineruns.tekton.dev", &["Succeeded=Unknown/Running"], "", Busy),
    ("pipelineruns.tekton.dev", &["Succeeded=True/Completed"], "", Settled),
    ("pipelineruns.tekton.dev", &["Succeeded=False/PipelineRunTimeout"], "", Failed),
    ("taskruns.tekton.dev", &["Succeeded=Unknown/Pending"], "", Busy),
    ("taskruns.tekton.dev", &["Succeeded=True/Succeeded"], "", Settled),
    ("taskruns.tekton.dev", &["Succeeded=False/TaskRunImagePullFailed"], "", Failed),
    ("workloads.kueue.x-k8s.io", &["QuotaReserved=True"], "", Busy),
    ("workloads.kueue.x-k8s.io", &["QuotaReserved=True", "Admitted=True"], "", Settled),
    ("workloads.kueue.x-k8s.io", &["DeactivationTarget=True/RequeuingLimitExceeded"], "", Failed),
    ("workloads.kueue.x-k8s.io", &["QuotaReserved=False/WaitingForQuota"], "", Waiting),
    (MODEL, &["Ready=False"], r#""modelStatus":{"transitionStatus":"InProgress"}"#, Busy),
    (MODEL, &["Ready=True"], r#""modelStatus":{"transitionStatus":"UpToDate"}"#, Settled),
    (MODEL, &["Ready=False"], r#""modelStatus":{"transitionStatus":"InvalidSpec"}"#, Failed),
    ("services.serving.knative.dev", &["Ready=Unknown", "RoutesReady=Unknown"], "", Busy),
    ("services.serving.knative.dev", &["Ready=True"], "", Settled),
    ("services.serving.knative.dev", &["Ready=False/RevisionFailed"], "", Failed),
    ("configurations.serving.knative.dev", &["Ready=Unknown"], "", Busy),
    ("configurations.serving.knative.dev", &["Ready=True"], "", Settled),
    ("configurations.serving.knative.dev", &["Ready=False/RevisionFailed"], "", Failed),
    ("revisions.serving.knative.dev", &["Ready=Unknown/Deploying"], "", Busy),
    ("revisions.serving.knative.dev", &["Ready=True", "Active=False/NoTraffic"], "", Settled),
    ("revisions.serving.knative.dev", &["Ready=False/ContainerMissing"], "", Failed),
    ("kafkas.kafka.strimzi.io", &["NotReady=True/Creating"], "", Busy),
    ("kafkas.kafka.strimzi.io", &["Warning=True/DeprecatedFields", "Ready=True"], "", Settled),
    ("kafkas.kafka.strimzi.io", &["NotReady=True/InvalidResourceException"], "", Failed),
    ("kafkas.kafka.strimzi.io", &["ReconciliationPaused=True"], "", Waiting),
    ("kafkaconnects.kafka.strimzi.io", &["NotReady=True/Creating"], "", Busy),
    ("kafkaconnects.kafka.strimzi.io", &["Ready=True"], "", Settled),
    ("kafkaconnects.kafka.strimzi.io", &["NotReady=True/TimeoutException"], "", Failed),
    ("kafkaconnects.kafka.strimzi.io", &["ReconciliationPaused=True"], "", Waiting),
    ("kafkatopics.kafka.strimzi.io", &["Ready=True"], "", Settled),
    ("kafkatopics.kafka.strimzi.io", &["Unmanaged=True"], "", Settled),
    ("kafkatopics.kafka.strimzi.io", &["Ready=False/KafkaError"], "", Failed),
    ("kafkatopics.kafka.strimzi.io", &["ReconciliationPaused=True"], "", Waiting),
    (DATABASE, &["Ready=True"], r#""phase":"Switchover in progress""#, Busy),
    (DATABASE, &["Ready=True"], r#""phase":"Cluster in healthy state""#, Settled),
    (DATABASE, &["Ready=True"], r#""phase":"Invalid cluster definition""#, Failed),
    (DATABASE, &["Ready=True"], r#""phase":"Waiting for user action""#, Waiting),
    ("externalsecrets.external-secrets.io", &["Ready=Unknown"], "", Busy),
    ("externalsecrets.external-secrets.io", &["Ready=True/SecretSynced"], "", Settled),
    ("externalsecrets.external-secrets.io", &["Ready=False/SecretSyncedError"], "", Failed),
    (
        "gateways.gateway.networking.k8s.io",
        &["Accepted=True", "Programmed=False/AddressNotAssigned"],
        "",
        Busy,
    ),
    ("gateways.gateway.networking.k8s.io", &["Accepted=True", "Programmed=True"], "", Settled),
    ("gateways.gateway.networking.k8s.io", &["Accepted=False/Invalid"], "", Failed),
    (VIRTUAL, &["Ready=False"], r#""printableStatus":"Starting""#, Busy),
    (VIRTUAL, &["Ready=True"], r#""printableStatus":"Running""#, Settled),
    (VIRTUAL, &["Ready=False"], r#""printableStatus":"ErrorUnschedulable""#, Failed),
    (VIRTUAL, &["Ready=False"], r#""printableStatus":"Stopped""#, Waiting),
    ("scaledobjects.keda.sh", &["Ready=Unknown"], "", Busy),
    ("scaledobjects.keda.sh", &["Ready=True", "Active=False"], "", Settled),
    ("scaledobjects.keda.sh", &["Ready=False/ScaledObjectCheckFailed"], "", Failed),
    ("scaledobjects.keda.sh", &["Ready=True", "Paused=True"], "", Waiting),
    (
        "leaderworkersets.leaderworkerset.x-k8s.io",
        &["Available=True", "Progressing=True"],
        "",
        Busy,
    ),
    (
        "leaderworkersets.leaderworkerset.x-k8s.io",
        &["Available=True", "Progressing=False", "UpdateInProgress=False"],
        r#""replicas":3,"readyReplicas":3,"updatedReplicas":3"#,
        Settled,
    ),
    ("rayclusters.ray.io", &["RayClusterProvisioned=False", "HeadPodReady=True"], "", Busy),
    ("rayclusters.ray.io", &["RayClusterSuspending=True", "HeadPodReady=True"], "", Busy),
    ("rayclusters.ray.io", &["RayClusterProvisioned=True", "HeadPodReady=True"], "", Settled),
    ("rayclusters.ray.io", &["ReplicaFailure=True/FailedCreateWorkerPod"], "", Failed),
    ("rayclusters.ray.io", &["RayClusterSuspended=True"], "", Waiting),
    ("nodeclaims.karpenter.sh", &["Launched=True", "Ready=Unknown"], "", Busy),
    ("nodeclaims.karpenter.sh", &["Launched=True", "Ready=True"], "", Settled),
    ("rollouts.argoproj.io", &["Available=True"], r#""phase":"Progressing""#, Busy),
    ("rollouts.argoproj.io", &["Progressing=True"], r#""phase":"Healthy""#, Settled),
    ("rollouts.argoproj.io", &["Available=True"], r#""phase":"Degraded""#, Failed),
    ("rollouts.argoproj.io", &["Paused=True"], r#""phase":"Paused""#, Waiting),
];

/// Of which there is no such example, and why.
const WITHOUT: &[(&str, &[Is], &str)] = &[
    ("providers.pkg.crossplane.io", &[Failed], "it is never given up"),
    ("functions.pkg.crossplane.io", &[Failed], "it is never given up"),
    ("cronworkflows.argoproj.io", &[Busy, Settled], "it says what is wrong alone"),
    ("compositions.apiextensions.crossplane.io", &[Busy, Settled, Failed], "it has no status"),
    ("httproutes.gateway.networking.k8s.io", &[Busy, Settled, Failed], "its parents say it"),
    ("grpcroutes.gateway.networking.k8s.io", &[Busy, Settled, Failed], "its parents say it"),
    ("leaderworkersets.leaderworkerset.x-k8s.io", &[Failed], "none of its conditions says so"),
    ("kafkatopics.kafka.strimzi.io", &[Busy], "it says how a write ended"),
    ("nodeclaims.karpenter.sh", &[Failed], "what cannot be launched is deleted"),
];

/// Conditions as they are written above.
fn conditions(texts: &[&str]) -> String {
    let of = |text: &&str| {
        let (name, rest) = text.split_once('=').unwrap();
        let (status, reason) = rest.split_once('/').unwrap_or((rest, ""));
        format!(r#"{{"type":"{name}","status":"{status}","reason":"{reason}"}}"#)
    };
    format!("[{}]", texts.iter().map(of).collect::<Vec<_>>().join(","))
}

fn is(custom: &Custom, status: &str) -> Is {
    let spec = r#"{"replicas":3,"instances":3}"#;
    match *object(custom, spec, status).status.verdict.unwrap() {
        Verdict::Progressing => Busy,
        Verdict::Settled { .. } => Settled,
        Verdict::Failed { .. } => Failed,
        Verdict::Waiting { .. } => Waiting,
    }
}

#[test]
fn every_preset_says_how_it_is_as_its_documentation_has_it() {
    let wrong = EXAMPLES.iter().filter_map(|(resource, texts, more, expected)| {
        let more = if more.is_empty() { String::new() } else { format!(",{more}") };
        let status = format!(r#"{{"conditions":{}{more}}}"#, conditions(texts));
        let is = is(&preset(resource), &status);
        (is != *expected).then(|| format!("{resource}: {is:?} where it is {expected:?}: {status}"))
    });
    assert_eq!(wrong.collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn nothing_is_said_of_a_new_spec_by_a_status_that_names_an_older_generation_anywhere() {
    let older = r#""observedGeneration":1"#;
    for (resource, texts, more, _) in EXAMPLES {
        let more = if more.is_empty() { String::new() } else { format!(",{more}") };
        let own = format!(r#"{{"conditions":{}{more},{older}}}"#, conditions(texts));
        let deep = format!(
            r#"{{"conditions":{}{more},"parts":[{{"of":{{{older}}}}}]}}"#,
            conditions(texts)
        );
        let named = conditions(texts).replace(r#""type""#, &format!(r#"{older},"type""#));
        let named = format!(r#"{{"conditions":{named}{more}}}"#);
        for status in [own, deep, named].iter().take(if texts.is_empty() { 2 } else { 3 }) {
            assert_eq!(is(&preset(resource), status), Busy, "{resource} {status}");
        }
    }
}

#[test]
fn every_preset_has_an_example_of_each_state_that_it_has() {
    for custom in Catalog::default().customs() {
        let resource = custom.resource();
        let without = WITHOUT.iter().find(|(it, ..)| *it == resource);
        let waits = !custom.rules.waiting_when.is_empty();
        for state in [Busy, Settled, Failed].into_iter().chain(waits.then_some(Waiting)) {
            let has = EXAMPLES.iter().any(|(it, .., is)| *it == resource && *is == state);
            let excused = without.is_some_and(|(_, states, _)| states.contains(&state));
            assert!(has != excused, "{resource}: an example of it being {state:?}");
        }
    }
}

#[test]
fn a_route_says_how_it_is_by_its_parents() {
    for plural in ["httproutes", "grpcroutes"] {
        let custom = preset(&format!("{plural}.gateway.networking.k8s.io"));
        let of = |texts: &[&str]| {
            is(&custom, &format!(r#"{{"parents":[{{"conditions":{}}}]}}"#, conditions(texts)))
        };
        assert_eq!(of(&["Accepted=True", "ResolvedRefs=True"]), Settled);
        assert_eq!(of(&["Accepted=False/NotAllowedByListeners", "ResolvedRefs=True"]), Busy);
        assert_eq!(of(&["Accepted=True", "ResolvedRefs=False/InvalidKind"]), Failed);
        assert_eq!(of(&["Accepted=True", "PartiallyInvalid=True/UnsupportedValue"]), Failed);
    }
}

// Crossplane, apis/core/v2/condition.go: what could not be reconciled is tried again.
#[test]
fn composites_and_managed_resources_of_crossplane_go_by_the_conventions() {
    let custom = widget(Rules::default());
    let of = |texts: &[&str]| is(&custom, &format!(r#"{{"conditions":{}}}"#, conditions(texts)));
    assert_eq!(of(&["Synced=True/ReconcileSuccess", "Ready=False/Creating"]), Busy);
    assert_eq!(of(&["Synced=True/ReconcileSuccess", "Ready=True/Available"]), Settled);
    assert_eq!(of(&["Synced=False/ReconcileError", "Ready=False/Creating"]), Busy);
    assert_eq!(of(&["Synced=False/ReconcileError", "Ready=True/Available"]), Busy);
    assert_eq!(of(&["Synced=False/ReconcilePaused", "Ready=True/Available"]), Waiting);
    // Beside them whether it was written back, and whether it listens.
    let beside = &["UpToDate=False/UpdateRestricted", "Responsive=True/WatchCircuitClosed"];
    assert_eq!(of(&[&["Synced=True", "Ready=True"][..], beside].concat()), Settled);
}

// A form that was filled in writes what is empty; Go leaves it out of what it repeats.
#[test]
fn an_application_is_about_the_source_and_destination_that_its_status_repeats() {
    let custom = preset(APPLICATION);
    let of = |destination: &str| {
        let compared = r#"{"source":{"path":"a"},"destination":{"namespace":"shop"}}"#;
        let status = format!(
            r#"{{"sync":{{"status":"Synced","comparedTo":{compared}}},"health":{{"status":"Healthy"}}}}"#
        );
        let source = r#"{"path":"a","chart":"","directory":{"recurse":false},"helm":null}"#;
        let spec = format!(r#"{{"source":{source},"destination":{destination}}}"#);
        object(&custom, &spec, &status).status.verdict.unwrap()
    };
    assert_eq!(*of(r#"{"namespace":"shop","name":""}"#), settled());
    assert_eq!(*of(r#"{"namespace":"till"}"#), Verdict::Progressing);
    assert_eq!(*of(r#"{"namespace":"shop","name":"far"}"#), Verdict::Progressing);
}
