//! The words with which kinds of all sorts say how they are, and how a word is read.
//!
//! A table, so that a word has one meaning for every kind; each line tells kinds that use it. What
//! is not in it, nor of a shape that is, says nothing, and the conventions of kstatus decide.

/// What a word says of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    /// It is as it is to be, and stays so.
    Settled,
    /// The same, and of a run that it has ended well.
    Ended,
    /// It is not there yet.
    Busy,
    /// It goes no further before it is let.
    Waiting,
    /// It has failed.
    Failed,
}

use Says::{Busy, Ended, Failed, Settled, Waiting};

/// Words of phases, states and health, and of the reasons of conditions: in small letters and
/// without what stands between their parts.
const WORDS: &[(&str, Says, &str)] = &[
    ("accepted", Settled, "Gloo routes, Gateway API"),
    ("active", Settled, "Namespace, Crossplane on AWS, StackGres"),
    ("applied", Settled, "Terraform controllers, Karmada Work"),
    ("approved", Settled, "CertificateRequest, InstallPlan"),
    ("attached", Settled, "Longhorn Volume, VolumeAttachment"),
    ("available", Settled, "PersistentVolume, Seldon, BareMetalHost"),
    ("bound", Settled, "PersistentVolumeClaim, ObjectBucketClaim"),
    ("configured", Settled, "SR-IOV, nmstate"),
    ("connected", Settled, "MongoDB Atlas, Rancher Cluster"),
    ("created", Settled, "CephCluster, Humio"),
    ("deployed", Settled, "HelmRelease, SAP BTP"),
    ("enabled", Settled, "Istio addons"),
    ("established", Settled, "CustomResourceDefinition, BGP peers"),
    ("exists", Settled, "Humio"),
    ("green", Settled, "Elasticsearch, Kibana, OpenSearch"),
    ("healthok", Settled, "CephCluster"),
    ("healthy", Settled, "Application, Rollout, Percona"),
    ("initialized", Settled, "MinIO Tenant, Canary"),
    ("insync", Settled, "KafkaCluster of Koperator"),
    ("installed", Settled, "TridentOrchestrator, Operator"),
    ("issued", Settled, "Certificate, CertificateRequest"),
    ("normal", Settled, "GameServer, TiDB"),
    ("ok", Settled, "Ceph pools, MySQL InnoDB Cluster"),
    ("online", Settled, "MySQL InnoDB Cluster, RedisEnterprise"),
    ("operational", Settled, "VictoriaMetrics"),
    ("programmed", Settled, "Gateway API, Kong"),
    ("provisioned", Settled, "Cluster API, BareMetalHost"),
    ("published", Settled, "ExternalDNS, catalogues"),
    ("ready", Settled, "CephCluster, Elasticsearch, Percona, Keycloak"),
    ("reconciled", Settled, "Couchbase, Knative"),
    ("registered", Settled, "Issuer, NodeClaim"),
    ("resolved", Settled, "Subscription, Gateway API"),
    ("running", Settled, "VirtualMachine, MongoDB, Jaeger, Postgres of Zalando"),
    ("serving", Settled, "RayService, KServe"),
    ("stable", Settled, "Experiment, TiKV"),
    ("success", Ended, "PromotionStrategy, Velero"),
    ("successful", Ended, "AnalysisRun, Canary, Nexus"),
    ("succeeded", Ended, "Pod, Workflow, DataVolume, Canary, ClusterServiceVersion"),
    ("complete", Ended, "Job, InstallPlan, Migration"),
    ("completed", Ended, "ClickHouse, Velero, ResourceBackup, SparkApplication"),
    ("done", Ended, "ResourceBackup, Tekton"),
    ("finished", Ended, "Chaos Mesh, Kueue Workload"),
    ("synced", Settled, "SealedSecret, Application, ExternalSecret"),
    ("synchronized", Settled, "Grafana"),
    ("up", Settled, "Skupper, Submariner"),
    ("uptodate", Settled, "Config Connector, Longhorn"),
    ("valid", Settled, "HTTPProxy, Certificate of GKE"),
    ("validated", Settled, "SecretStore, Vault"),
    ("verified", Settled, "OCIRepository, Domain"),
    ("accepting", Settled, "queues"),
    ("different", Busy, "MinIO Tenant: different versions"),
    ("installready", Busy, "ClusterServiceVersion"),
    ("inprogress", Busy, "ClickHouse, Velero, DataVolume"),
    ("none", Busy, "GameServerSet, Chaos Mesh"),
    ("new", Busy, "Velero, SparkApplication, CertificateRequest"),
    ("mismatch", Busy, "what is not in line with its spec"),
    ("missing", Busy, "Application"),
    ("pending", Busy, "Pod, ObjectBucketClaim, Workflow"),
    ("progress", Busy, "DataVolume"),
    ("queued", Busy, "Kueue Workload, Tekton"),
    ("reconcileerror", Busy, "Crossplane, which tries again"),
    ("retry", Busy, "SparkApplication"),
    ("scheduled", Busy, "DataVolume, ScheduledVolume"),
    ("started", Busy, "Strimzi rebalances"),
    ("submitted", Busy, "SparkApplication, FlinkDeployment"),
    ("unavailable", Busy, "Solr, MachinePool"),
    ("unknown", Busy, "Application, Humio"),
    ("unready", Busy, "OpenSearch"),
    ("unsynced", Busy, "ArangoDB"),
    ("outofsync", Busy, "Application, KafkaCluster"),
    ("yellow", Busy, "Elasticsearch, OpenSearch"),
    ("blocked", Waiting, "Kueue, admission checks"),
    ("halted", Waiting, "VirtualMachine"),
    ("held", Waiting, "MachineConfigPool"),
    ("hibernated", Waiting, "ClusterDeployment of Hive, Couchbase"),
    ("onhold", Waiting, "MaintenanceWindow"),
    ("paused", Waiting, "Rollout, VirtualMachine, VictoriaMetrics, Percona"),
    ("stopped", Waiting, "VirtualMachine, Percona"),
    ("suspended", Waiting, "Application, Workflow, HelmRelease, RayCluster"),
    ("aborted", Failed, "Rollout, Experiment"),
    ("alreadyexists", Failed, "the API server's own reason, MinIO Tenant"),
    ("backoff", Failed, "VirtualMachine: ImagePullBackOff"),
    ("broken", Failed, "FlinkSessionJob"),
    ("cancelled", Failed, "Tekton"),
    ("canceled", Failed, "Flink"),
    ("conflict", Failed, "MultiKueue"),
    ("crashed", Failed, "GameServer"),
    ("crashloopbackoff", Failed, "what copies it from a Pod"),
    ("critical", Failed, "Piraeus, Ondat"),
    ("degraded", Failed, "Application, Longhorn Volume, Rollout"),
    ("denied", Failed, "CertificateRequest"),
    ("err", Failed, "CephCluster"),
    ("error", Failed, "Workflow, TridentOrchestrator, Percona"),
    ("errored", Failed, "Issuer, PushSecret, Certificate order"),
    ("expired", Failed, "Certificate order, License"),
    ("failed", Failed, "Pod, Workflow, ClickHouse, Cluster API"),
    ("failure", Failed, "CommitStatus, Nexus"),
    ("fatal", Failed, "Spinnaker"),
    ("faulted", Failed, "Longhorn Volume"),
    ("invalid", Failed, "Elasticsearch, HTTPProxy, Certificate order"),
    ("lost", Failed, "PersistentVolumeClaim"),
    ("misconfigured", Failed, "MetalLB"),
    ("red", Failed, "Elasticsearch, OpenSearch"),
    ("rejected", Failed, "Gloo routes"),
    ("rejection", Failed, "Gloo routes"),
    ("stalled", Failed, "HelmRelease"),
    ("terminal", Failed, "controllers of AWS"),
    ("timedout", Failed, "Velero, PipelineRun"),
    ("timeout", Failed, "AnalysisRun"),
    ("unhealthy", Failed, "CatalogSource, Operator"),
    ("warn", Failed, "CephCluster"),
    ("warning", Failed, "Gloo routes"),
];

/// What ends in `-ing` says that it is busy, `Provisioning`, but for these.
const NO_WORK: [&str; 10] = [
    "everything",
    "existing",
    "listening",
    "missing",
    "nothing",
    "outstanding",
    "remaining",
    "running",
    "serving",
    "warning",
];

/// What the type of a condition says where that is True.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sense {
    /// All is well; and where it is not True, not yet.
    Good,
    /// A part of it is well: it says something where nothing says more.
    Partly,
    /// Work goes on.
    Busy,
    /// It waits.
    Waiting,
    /// It has failed.
    Bad,
}

/// Words in the types of conditions, as those of [`WORDS`].
const TYPES: &[(&str, Sense, &str)] = &[
    ("accepted", Sense::Good, "Gateway API"),
    ("active", Sense::Good, "KEDA, DatadogMetric"),
    ("admitted", Sense::Good, "Route of OpenShift, Kueue Workload"),
    ("adopted", Sense::Good, "DNSSDServiceInstance"),
    ("advertised", Sense::Good, "DNSSDServiceInstance"),
    ("applied", Sense::Good, "Karmada Work, ManifestWork"),
    ("attached", Sense::Good, "Longhorn"),
    ("available", Sense::Good, "Deployment, ClusterOperator, Prometheus"),
    ("bound", Sense::Good, "ServiceBinding, DataVolume"),
    ("complete", Sense::Good, "Job, StorageCluster"),
    ("completed", Sense::Good, "JobSet, CronWorkflow, ResourceBackup"),
    ("configured", Sense::Good, "SR-IOV"),
    ("created", Sense::Good, "ResourceBackup, Atlas"),
    ("deployed", Sense::Good, "Strimzi, Tower"),
    ("discoverable", Sense::Good, "DNSSDServiceInstance"),
    ("established", Sense::Good, "CustomResourceDefinition, XRD"),
    ("healthy", Sense::Good, "Kustomization, Provider of Crossplane"),
    ("initialized", Sense::Good, "NodeClaim, Cluster API"),
    ("installed", Sense::Good, "Provider of Crossplane, cluster add-ons"),
    ("launched", Sense::Good, "NodeClaim"),
    ("normal", Sense::Good, "GameServer"),
    ("programmed", Sense::Good, "Gateway API"),
    ("promoted", Sense::Good, "Canary"),
    ("provisioned", Sense::Good, "Cluster API, Hive"),
    ("published", Sense::Good, "catalogues"),
    ("ready", Sense::Good, "nearly all"),
    ("reconciled", Sense::Good, "Prometheus, Knative"),
    ("registered", Sense::Good, "NodeClaim"),
    ("resolved", Sense::Good, "Gateway API: ResolvedRefs"),
    ("rollouted", Sense::Good, "OpenKruise"),
    ("succeeded", Sense::Good, "TaskRun, KnativeServing"),
    ("success", Sense::Good, "RabbitmqCluster: ReconcileSuccess"),
    ("synced", Sense::Good, "Crossplane, Grafana, controllers of AWS"),
    ("synchronized", Sense::Good, "Grafana"),
    ("valid", Sense::Good, "HTTPProxy, SealedSecret"),
    ("verified", Sense::Good, "Flux sources"),
    ("partially", Sense::Partly, "ClusterExternalSecret: PartiallyReady"),
    ("creating", Sense::Busy, "Couchbase"),
    ("deleting", Sense::Busy, "Hive, Cluster API"),
    ("initializing", Sense::Busy, "Kafka operators"),
    ("disrupting", Sense::Busy, "health checks of NodeClaim"),
    ("inprogress", Sense::Busy, "ProxyConfigPromote"),
    ("installing", Sense::Busy, "Rancher"),
    ("issuing", Sense::Busy, "Certificate"),
    ("migrating", Sense::Busy, "OpenShift storage"),
    ("pending", Sense::Busy, "Subscription: InstallPlanPending"),
    ("progressing", Sense::Busy, "ClusterOperator, nmstate, CephCluster"),
    ("provisioning", Sense::Busy, "Hive, RayCluster"),
    ("reconciling", Sense::Busy, "kstatus, Flux"),
    ("restoring", Sense::Busy, "MariaDB"),
    ("rolling", Sense::Busy, "Kafka of Confluent, Cluster API"),
    ("scaling", Sense::Busy, "Couchbase, Cluster API"),
    ("suspending", Sense::Busy, "RayCluster"),
    ("terminating", Sense::Busy, "NodeClaim: InstanceTerminating"),
    ("updating", Sense::Busy, "MachineConfigPool"),
    ("upgrading", Sense::Busy, "Couchbase, Rancher"),
    ("hibernated", Sense::Waiting, "ClusterDeployment of Hive"),
    ("ignored", Sense::Waiting, "nmstate"),
    ("paused", Sense::Waiting, "VirtualMachine, KEDA, Cluster API"),
    ("suspended", Sense::Waiting, "Job, RayCluster, Workload"),
    ("aborted", Sense::Bad, "Experiment"),
    ("conflict", Sense::Bad, "PodDisruptionBudget operators"),
    ("degraded", Sense::Bad, "ClusterOperator, MachineConfigPool"),
    ("error", Sense::Bad, "DatadogMetric, CronWorkflow: SpecError"),
    ("failed", Sense::Bad, "Job, 3scale, CatalogSource: ResolutionFailed"),
    ("failure", Sense::Bad, "ReplicaSet: ReplicaFailure, VMI"),
    ("invalid", Sense::Bad, "3scale Product"),
    ("misconfigured", Sense::Bad, "operators of 3scale"),
    ("orphan", Sense::Bad, "3scale Product"),
    ("rejected", Sense::Bad, "Karmada"),
    ("stalled", Sense::Bad, "kstatus, Flux"),
    ("terminal", Sense::Bad, "controllers of AWS"),
    ("unhealthy", Sense::Bad, "Subscription: CatalogSourcesUnhealthy"),
];

/// Types that would be read as something else: of a HorizontalPodAutoscaler that it has come to its least
/// or most replicas.
const NO_SENSE: [&str; 1] = ["scalinglimited"];

/// What a word or phrase says of an object, if it is known.
pub(super) fn word(text: &str) -> Option<Says> {
    let parts = parts(text);
    let (first, last) = (parts.first()?.as_str(), parts.last()?.as_str());
    if let Some(says) = known(&parts.concat()) {
        return Some(says);
    }
    let has_not = parts.iter().any(|it| denies(it));
    // `ConfigOutOfSync` is out of sync.
    match (known(first), known_end(&parts).or(known(last))) {
        (Some(Failed), _) | (_, Some(Failed)) => Some(Failed),
        // MinIO: `Another MinIO Tenant already exists in the namespace`.
        _ if phrase(&parts) == Some(Failed) => Some(Failed),
        _ if is_work(first) => Some(Busy),
        // `NotFound`, `DependencyNotReady`, `StatefulSet not controlled by operator`.
        _ if has_not => Some(Busy),
        // `NewReplicaSetAvailable` is available.
        (_, Some(says)) => Some(says),
        _ if is_work(last) => Some(Busy),
        // `PendingRerun`, `PausedByUser`.
        (Some(says @ (Busy | Waiting)), None) => Some(says),
        // CloudNativePG: `Cluster in healthy state`.
        _ => parts.iter().any(|part| part == "healthy").then_some(Settled),
    }
}

/// Whether a text says that something is being done: `Provisioning`, `ImportInProgress`.
pub(super) fn works(text: &str) -> bool {
    let parts = parts(text);
    let is_known = known_end(&parts) == Some(Busy) && parts.iter().any(|part| part == "progress");
    is_known || [parts.first(), parts.last()].into_iter().flatten().any(|part| is_work(part))
}

fn is_work(part: &str) -> bool {
    part.ends_with("ing") && !NO_WORK.contains(&part)
}

/// What a condition of this type says where it is True, if that is known; a domain before it is
/// left out.
pub(super) fn sense(name: &str) -> Option<Sense> {
    let name = name.rsplit_once('/').map_or(name, |(_, name)| name);
    let parts = parts(name);
    let (first, last) = (parts.first()?.as_str(), parts.last()?.as_str());
    if first == "not" {
        return Some(Sense::Bad);
    }
    if NO_SENSE.contains(&&*parts.concat()) {
        return None;
    }
    let known = |text: &str| TYPES.iter().find(|(known, ..)| *known == text).map(|it| it.1);
    if let Some(sense) = known(&parts.concat()) {
        return Some(sense);
    }
    // `FailedCreate` and `ResolutionFailed`, `ScalingUp`, `AllReplicasReady`, `ResolvedRefs`;
    // what is partly ready is not ready, and what is partly invalid is.
    match (known(first), known(last)) {
        (Some(Sense::Partly), Some(Sense::Good)) => Some(Sense::Partly),
        (first, last) => last.or(first),
    }
}

/// What the first parts say, wherever they stand, that are a word together.
fn phrase(parts: &[String]) -> Option<Says> {
    (2..=3).rev().find_map(|n| parts.windows(n).find_map(|words| known(&words.concat())))
}

/// Whether a text tells of a failure, wherever the word for it stands.
pub(super) fn blames(text: &str) -> bool {
    let parts = parts(text);
    let before = std::iter::once(None).chain(parts.iter().map(Some));
    let mut found = parts.iter().zip(before);
    found.any(|(part, before)| known(part) == Some(Failed) && !before.is_some_and(|it| denies(it)))
}

/// Whether a part makes its text say the opposite.
fn denies(part: &str) -> bool {
    matches!(part, "not" | "no" | "cannot")
}

/// What the last parts say that are a word together.
fn known_end(parts: &[String]) -> Option<Says> {
    (2..=3).rev().find_map(|n| known(&parts.get(parts.len().checked_sub(n)?..)?.concat()))
}

fn known(text: &str) -> Option<Says> {
    WORDS.iter().find(|(word, ..)| *word == text).map(|(_, says, _)| *says)
}

/// The parts of `ImportInProgress`, `HEALTH_OK` or `Waiting for Pods`, in small letters.
pub(super) fn parts(text: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut before = ' ';
    let mut chars = text.chars().take(MAX_WORD).peekable();
    while let Some(char) = chars.next() {
        if char.is_ascii_alphanumeric() {
            let is_hump = char.is_ascii_uppercase()
                && (before.is_ascii_lowercase()
                    || before.is_ascii_digit()
                    || (before.is_ascii_uppercase()
                        && chars.peek().is_some_and(char::is_ascii_lowercase)));
            if is_hump || !before.is_ascii_alphanumeric() {
                parts.push(String::new());
            }
            if let Some(part) = parts.last_mut() {
                part.push(char.to_ascii_lowercase());
            }
        }
        before = char;
    }
    parts
}

/// How much of a text is looked at; no word for how something is is longer.
const MAX_WORD: usize = 96;

#[cfg(test)]
mod tests;
