//! Custom resources that are known without a word of configuration, and why their rules are as
//! they are.
//!
//! What says how it is by the conventions, or in words that many kinds share, has no rule here but
//! its name.

use super::counts::CountsAs;
use super::custom::Custom;
use super::json_path::JsonPath;
use super::rules::Rules;
use super::wait::Wait;
use crate::facts::workload::Mode;

/// A preset as it is written down.
struct Preset {
    /// Plural and group.
    resource: (&'static str, &'static str),
    kind: &'static str,
    is_of_cluster: bool,
    mode: Mode,
    settled_when: &'static [&'static str],
    failed_when: &'static [&'static str],
    waiting_when: &'static [&'static str],
    busy_when: &'static [&'static str],
    wanted: &'static str,
    counts: Option<CountsAs>,
    spawns: bool,
    is_queue: bool,
    is_silent: bool,
    progress: &'static str,
    echoes: &'static [(&'static str, &'static str)],
    restart: (&'static str, &'static str),
}

const fn rollout(resource: (&'static str, &'static str), kind: &'static str) -> Preset {
    Preset {
        resource,
        kind,
        is_of_cluster: false,
        mode: Mode::Rollout,
        settled_when: &[],
        failed_when: &[],
        waiting_when: &[],
        busy_when: &[],
        wanted: "",
        counts: None,
        spawns: false,
        is_queue: false,
        is_silent: false,
        progress: "",
        echoes: &[],
        restart: ("", ""),
    }
}

const fn run(
    resource: (&'static str, &'static str),
    kind: &'static str,
    settled_when: &'static [&'static str],
    failed_when: &'static [&'static str],
) -> Preset {
    Preset { mode: Mode::Run, settled_when, failed_when, ..rollout(resource, kind) }
}

const ARGO: &str = "argoproj.io";
const CLUSTER_API: &str = "cluster.x-k8s.io";
const CONTROL_PLANE: &str = "controlplane.cluster.x-k8s.io";
const CROSSPLANE: &str = "pkg.crossplane.io";
const GATEWAY: &str = "gateway.networking.k8s.io";
const KEDA: &str = "keda.sh";
const KNATIVE: &str = "serving.knative.dev";
const RAY: &str = "ray.io";
const STRIMZI: &str = "kafka.strimzi.io";
const TEKTON: &str = "tekton.dev";

/// Of Knative's resources `Ready=False` is a failure: while work goes on it is Unknown (Knative,
/// specs/common/error-signalling.md, of which the specification of its serving API is a copy).
const fn knative(plural: &'static str, kind: &'static str) -> Preset {
    Preset {
        settled_when: &["condition=Ready"],
        failed_when: &["condition=Ready=False"],
        ..rollout((plural, KNATIVE), kind)
    }
}

/// While a Cluster API resource is rolled out or scaled it may be Available all the same
/// (v1beta2); before v1beta2 it has `Ready`, which the conventions know. A Machine that cannot be
/// had is tried again: only the phase, and before v1beta2 a `failureReason`, says that it is given
/// up. Paused it says since v1beta2 (Cluster API,
/// docs/proposals/20240916-improve-status-in-CAPI-resources.md, the types in
/// api/core/v1beta1 and v1beta2, and of control planes those in api/controlplane/kubeadm).
const fn cluster_api(
    (plural, group): (&'static str, &'static str),
    kind: &'static str,
    counts: Option<CountsAs>,
) -> Preset {
    Preset {
        failed_when: &["jsonpath={.status.phase}=Failed", "jsonpath={.status.failureReason}"],
        waiting_when: &["condition=Paused"],
        busy_when: &["condition=RollingOut", "condition=ScalingUp", "condition=ScalingDown"],
        counts,
        ..rollout((plural, group), kind)
    }
}

/// A package is installed when its revision is active, and healthy when that runs. Until then it is
/// `UnhealthyPackageRevision`, every time, and nothing of it is ever given up (Crossplane,
/// apis/pkg/v1/conditions.go, `PackageHealth`).
const fn package(plural: &'static str, kind: &'static str) -> Preset {
    Preset {
        settled_when: &["condition=Installed", "condition=Healthy"],
        busy_when: &["condition=Installed=False", "condition=Healthy=False"],
        is_of_cluster: true,
        ..rollout((plural, CROSSPLANE), kind)
    }
}

/// Flux tries again what is not Ready, whatever the reason: `Ready=False` is "in the process of
/// reconciling". What it gives up, a HelmRelease out of retries, it calls Stalled (fluxcd/pkg,
/// apis/meta/conditions.go; kustomize-controller, docs/spec/v1/kustomizations.md, and
/// helm-controller, docs/spec/v2/helmreleases.md, each under "Conditions").
const fn flux(resource: (&'static str, &'static str), kind: &'static str) -> Preset {
    Preset { failed_when: &["condition=Stalled"], ..rollout(resource, kind) }
}

/// Owners first: a lane's list begins when those before it have listed.
const PRESETS: [Preset; 38] = [
    Preset {
        // Its status has no observedGeneration, and writes of its status bump its generation. The
        // controller says which source it compared with which destination (Argo CD,
        // pkg/apis/application/v1alpha1/types.go, `BuildComparedToStatus`; the words of health and
        // of operations: gitops-engine, pkg/health/health.go and pkg/sync/common/types.go).
        settled_when: &[
            "jsonpath={.status.sync.status}=Synced",
            "jsonpath={.status.health.status}=Healthy",
        ],
        failed_when: &[
            "jsonpath={.status.operationState.phase}=Failed",
            "jsonpath={.status.operationState.phase}=Error",
            "jsonpath={.status.health.status}=Degraded",
        ],
        waiting_when: &["jsonpath={.status.health.status}=Suspended"],
        echoes: &[
            ("{.spec.source}", "{.status.sync.comparedTo.source}"),
            ("{.spec.sources}", "{.status.sync.comparedTo.sources}"),
            ("{.spec.destination}", "{.status.sync.comparedTo.destination}"),
        ],
        ..rollout(("applications", ARGO), "Application")
    },
    flux(("kustomizations", "kustomize.toolkit.fluxcd.io"), "Kustomization"),
    flux(("helmreleases", "helm.toolkit.fluxcd.io"), "HelmRelease"),
    package("providers", "Provider"),
    package("functions", "Function"),
    cluster_api(("clusters", CLUSTER_API), "Cluster", None),
    // Ready, Available and Running it stays throughout a rolling update before v1beta2: the numbers
    // tell, as those of a Deployment do. The Machines of an older MachineSet are never up to date.
    cluster_api(
        ("kubeadmcontrolplanes", CONTROL_PLANE),
        "KubeadmControlPlane",
        Some(CountsAs::Deployment),
    ),
    cluster_api(
        ("machinedeployments", CLUSTER_API),
        "MachineDeployment",
        Some(CountsAs::Deployment),
    ),
    cluster_api(("machinesets", CLUSTER_API), "MachineSet", Some(CountsAs::ReplicaSet)),
    Preset {
        settled_when: &["condition=Ready"],
        // `Issuing` goes when it is done and is False when it failed; that is taken up again after
        // an hour at the soonest (cert-manager, pkg/apis/certmanager/v1/types_certificate.go).
        failed_when: &["condition=Issuing=False"],
        busy_when: &["condition=Issuing"],
        ..rollout(("certificates", "cert-manager.io"), "Certificate")
    },
    // They make Workflows and Jobs at their times, each of which is a story of its own. Of itself a
    // CronWorkflow says what is wrong, and since 3.6 whether it is Active or Stopped, which is how
    // its runs went (Argo Workflows, pkg/apis/workflow/v1alpha1/cron_workflow_types.go); a ScaledJob
    // has Ready and Paused (KEDA, apis/keda/v1alpha1/condition_types.go).
    Preset { spawns: true, is_silent: true, ..rollout(("cronworkflows", ARGO), "CronWorkflow") },
    Preset { spawns: true, ..rollout(("scaledjobs", KEDA), "ScaledJob") },
    // Suspended it is Running all the same (Argo Workflows,
    // pkg/apis/workflow/v1alpha1/workflow_phase.go).
    run(
        ("workflows", ARGO),
        "Workflow",
        &["jsonpath={.status.phase}=Succeeded"],
        &["jsonpath={.status.phase}=Failed", "jsonpath={.status.phase}=Error"],
    ),
    // Trainer, pkg/apis/trainer/v1alpha1/trainjob_types.go; JobSet,
    // api/jobset/v1alpha2/jobset_types.go.
    run(
        ("trainjobs", "trainer.kubeflow.org"),
        "TrainJob",
        &["condition=Complete"],
        &["condition=Failed"],
    ),
    run(("jobsets", "jobset.x-k8s.io"), "JobSet", &["condition=Completed"], &["condition=Failed"]),
    // A job that failed is tried again up to `backoffLimit`, and its status is FAILED while it is
    // Retrying: what is over the status of the deployment says. One that was stopped is not tried
    // again, and Complete (KubeRay, ray-operator/apis/ray/v1/rayjob_types.go and
    // ray-operator/controllers/ray/rayjob_controller.go).
    run(
        ("rayjobs", RAY),
        "RayJob",
        &[
            "jsonpath={.status.jobStatus}=SUCCEEDED",
            "jsonpath={.status.jobDeploymentStatus}=Complete",
        ],
        &[
            "jsonpath={.status.jobStatus}=STOPPED",
            "jsonpath={.status.jobDeploymentStatus}=Failed",
            "jsonpath={.status.jobDeploymentStatus}=ValidationFailed",
        ],
    ),
    // While they run, and while they are tried again, `Succeeded` is Unknown (Tekton,
    // docs/pipelineruns.md, "Monitoring execution status").
    run(
        ("pipelineruns", TEKTON),
        "PipelineRun",
        &["condition=Succeeded"],
        &["condition=Succeeded=False"],
    ),
    run(("taskruns", TEKTON), "TaskRun", &["condition=Succeeded"], &["condition=Succeeded=False"]),
    Preset {
        // Not admitted it waits for quota; what it is about is suspended until then (Kueue,
        // apis/kueue/v1beta2/workload_types.go, and the same in v1beta1).
        settled_when: &["condition=Admitted"],
        failed_when: &["condition=DeactivationTarget"],
        waiting_when: &["condition=QuotaReserved=False"],
        is_queue: true,
        ..rollout(("workloads", "kueue.x-k8s.io"), "Workload")
    },
    Preset {
        // Not ready for another reason than its model it is still being deployed (KServe,
        // pkg/apis/serving/v1beta1/inference_service_status.go, TransitionStatus).
        settled_when: &["condition=Ready"],
        failed_when: &[
            "jsonpath={.status.modelStatus.transitionStatus}=BlockedByFailedLoad",
            "jsonpath={.status.modelStatus.transitionStatus}=InvalidSpec",
        ],
        ..rollout(("inferenceservices", "serving.kserve.io"), "InferenceService")
    },
    knative("services", "Service"),
    knative("configurations", "Configuration"),
    knative("revisions", "Revision"),
    // By the conventions: `NotReady` with the reason `Creating` before there is anything; then Ready
    // or NotReady, or of a topic Ready=False, with what went wrong as the reason; or
    // ReconciliationPaused; a topic that is not managed is Unmanaged, which is all that comes of it
    // (Strimzi, documentation/modules/managing/con-custom-resources-status.adoc, and what writes it:
    // StatusUtils, KafkaAssemblyOperator, BatchingTopicController).
    rollout(("kafkas", STRIMZI), "Kafka"),
    rollout(("kafkaconnects", STRIMZI), "KafkaConnect"),
    rollout(("kafkatopics", STRIMZI), "KafkaTopic"),
    Preset {
        // Ready it is with one instance; whether all is done, and what it does not go on with, the
        // phase tells, in a sentence (CloudNativePG, api/v1/cluster_types.go).
        settled_when: &["jsonpath={.status.phase}=Cluster in healthy state"],
        failed_when: &[
            "jsonpath={.status.phase}=Cluster is unrecoverable and needs manual intervention",
            "jsonpath={.status.phase}=Cluster has incomplete or invalid image catalog",
            "jsonpath={.status.phase}=Invalid cluster definition",
            "jsonpath={.status.phase}=Unable to create required cluster objects",
            "jsonpath={.status.phase}=Cluster cannot proceed to reconciliation due to an unknown plugin being required",
            "jsonpath={.status.phase}=Cluster cannot proceed to reconciliation due to an error while interacting with plugins",
            "jsonpath={.status.phase}=Cluster cannot execute instance online upgrade due to missing architecture binary",
        ],
        // `primaryUpdateStrategy: supervised`.
        waiting_when: &["jsonpath={.status.phase}=Waiting for user action"],
        wanted: "{.spec.instances}",
        ..rollout(("clusters", "postgresql.cnpg.io"), "Cluster")
    },
    // By the conventions: Ready, or not for the reason SecretSyncedError (External Secrets,
    // apis/externalsecrets/v1/externalsecret_types.go).
    rollout(("externalsecrets", "external-secrets.io"), "ExternalSecret"),
    Preset {
        // Accepted says that it is valid, Programmed that what the data plane needs was made of it;
        // each names its generation. What is Invalid of it fails it by its reason (Gateway API,
        // apis/v1/gateway_types.go).
        settled_when: &["condition=Accepted", "condition=Programmed"],
        ..rollout(("gateways", GATEWAY), "Gateway")
    },
    // Of routes each parent says whether it accepts them, and whether a part is invalid (Gateway
    // API, apis/v1/shared_types.go, `RouteParentStatus`).
    rollout(("httproutes", GATEWAY), "HTTPRoute"),
    rollout(("grpcroutes", GATEWAY), "GRPCRoute"),
    Preset {
        // Active says whether there is load, not whether it is well (KEDA,
        // apis/keda/v1alpha1/condition_types.go).
        settled_when: &["condition=Ready"],
        waiting_when: &["condition=Paused"],
        ..rollout(("scaledobjects", KEDA), "ScaledObject")
    },
    Preset {
        // Available is the least of it; each group that is not ready makes it Progressing
        // (LeaderWorkerSet, api/leaderworkerset/v1/leaderworkerset_types.go).
        settled_when: &["condition=Available"],
        busy_when: &["condition=Progressing", "condition=UpdateInProgress"],
        ..rollout(("leaderworkersets", "leaderworkerset.x-k8s.io"), "LeaderWorkerSet")
    },
    // `state` and in its place, since 1.2, RayClusterProvisioned, HeadPodReady, ReplicaFailure and
    // RayClusterSuspended; numbers of workers are those of the conventions (KubeRay,
    // ray-operator/apis/ray/v1/raycluster_types.go).
    rollout(("rayclusters", RAY), "RayCluster"),
    Preset {
        // Launched, Registered and Initialized are steps to Ready; what goes is InstanceTerminating,
        // before 1.0 Terminating (Karpenter, pkg/apis/v1/nodeclaim_status.go). Disrupting is in no
        // version of that file, but health checks look for it.
        settled_when: &["condition=Ready"],
        busy_when: &[
            "condition=InstanceTerminating",
            "condition=Terminating",
            "condition=Disrupting",
        ],
        is_of_cluster: true,
        ..rollout(("nodeclaims", "karpenter.sh"), "NodeClaim")
    },
    Preset {
        // Ready it is when its instance is; that it is stopped, and what hinders it, says the
        // printable status (KubeVirt, staging/src/kubevirt.io/api/core/v1/types.go).
        settled_when: &["condition=Ready"],
        waiting_when: &[
            "jsonpath={.status.printableStatus}=Paused",
            "jsonpath={.status.printableStatus}=Stopped",
        ],
        ..rollout(("virtualmachines", "kubevirt.io"), "VirtualMachine")
    },
    // Nothing reports on what others are made after (Crossplane,
    // apis/apiextensions/v1/composition_types.go has no status).
    Preset {
        is_silent: true,
        is_of_cluster: true,
        ..rollout(("compositions", "apiextensions.crossplane.io"), "Composition")
    },
    Preset {
        // Conditions lag behind the phase; what a phase counts for is the generation, and that of the
        // workload whose template it takes (Argo Rollouts, utils/rollout/rolloututil.go,
        // `GetRolloutPhase`).
        settled_when: &["jsonpath={.status.phase}=Healthy"],
        failed_when: &["jsonpath={.status.phase}=Degraded"],
        waiting_when: &["jsonpath={.status.phase}=Paused"],
        progress: "{.status.currentStepIndex}",
        // Healthy it is also before the first Pod goes (rollout/restart.go).
        restart: ("restartAt", "{.status.restartedAt}"),
        ..rollout(("rollouts", ARGO), "Rollout")
    },
];

/// All presets, as custom resources of the catalogue.
pub(super) fn presets() -> Vec<Custom> {
    PRESETS.iter().map(Preset::custom).collect()
}

impl Preset {
    /// What is written wrong here is left out; a test holds that nothing is.
    fn custom(&self) -> Custom {
        let waits = |texts: &[&str]| texts.iter().filter_map(|it| Wait::parse(it).ok()).collect();
        let path = |text: &str| JsonPath::parse(text).ok();
        let (plural, group) = self.resource;
        Custom {
            group: group.to_owned(),
            plural: plural.to_owned(),
            kind: self.kind.to_owned(),
            is_of_cluster: self.is_of_cluster,
            version: None,
            rules: Rules {
                mode: self.mode,
                settled_when: waits(self.settled_when),
                failed_when: waits(self.failed_when),
                waiting_when: waits(self.waiting_when),
                wanted: path(self.wanted),
                spawns: self.spawns,
                is_queue: self.is_queue,
                is_silent: self.is_silent,
                limit: None,
                goal_fields: Vec::new(),
                progress: path(self.progress),
                busy_when: waits(self.busy_when),
                counts: self.counts,
                echoes: self
                    .echoes
                    .iter()
                    .filter_map(|(spec, status)| Some((path(spec)?, path(status)?)))
                    .collect(),
                restart: path(self.restart.1).map(|status| (self.restart.0, status)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{PRESETS, presets};

    #[test]
    fn every_rule_of_every_preset_is_understood() {
        for (preset, custom) in PRESETS.iter().zip(presets()) {
            let rules = custom.rules;
            let written = |waits: &[super::Wait]| -> Vec<String> {
                waits.iter().map(ToString::to_string).collect()
            };
            assert_eq!(written(&rules.settled_when), preset.settled_when, "{}", preset.kind);
            assert_eq!(written(&rules.failed_when), preset.failed_when, "{}", preset.kind);
            assert_eq!(written(&rules.busy_when), preset.busy_when, "{}", preset.kind);
            assert_eq!(written(&rules.waiting_when), preset.waiting_when, "{}", preset.kind);
            assert_eq!(rules.echoes.len(), preset.echoes.len(), "{}", preset.kind);
            assert_eq!(rules.wanted.is_some(), !preset.wanted.is_empty(), "{}", preset.kind);
            assert_eq!(rules.progress.is_some(), !preset.progress.is_empty(), "{}", preset.kind);
            assert_eq!(rules.restart.is_some(), !preset.restart.0.is_empty(), "{}", preset.kind);
        }
    }

    #[test]
    fn no_two_presets_are_of_one_resource() {
        let mut resources: Vec<_> = PRESETS.iter().map(|preset| preset.resource).collect();
        resources.sort_unstable();
        resources.dedup();
        assert_eq!(resources.len(), PRESETS.len());
    }
}
