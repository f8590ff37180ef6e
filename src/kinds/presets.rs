//! Custom resources that are known without a word of configuration, and why their rules are as
//! they are.

use super::catalog::Custom;
use super::json_path::JsonPath;
use super::rules::Rules;
use super::wait::Wait;
use crate::facts::workload::Mode;

/// A preset as it is written down.
struct Preset {
    /// Plural and group.
    resource: (&'static str, &'static str),
    kind: &'static str,
    mode: Mode,
    settled_when: &'static [&'static str],
    failed_when: &'static [&'static str],
    busy_when: &'static [&'static str],
    waiting_when: &'static [&'static str],
    progress: &'static str,
    echoes: &'static [(&'static str, &'static str)],
    restart: (&'static str, &'static str),
}

const fn rollout(resource: (&'static str, &'static str), kind: &'static str) -> Preset {
    Preset {
        resource,
        kind,
        mode: Mode::Rollout,
        settled_when: &[],
        failed_when: &[],
        busy_when: &[],
        waiting_when: &[],
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
const TEKTON: &str = "tekton.dev";
const KNATIVE: &str = "serving.knative.dev";
const CLUSTER_API: &str = "cluster.x-k8s.io";

/// Of Knative's resources `Ready=False` is final: while work goes on it is Unknown (conditions
/// specification of Knative).
const fn knative(plural: &'static str, kind: &'static str) -> Preset {
    Preset {
        settled_when: &["condition=Ready"],
        failed_when: &["condition=Ready=False"],
        ..rollout((plural, KNATIVE), kind)
    }
}

/// While a Cluster API resource is rolled out or scaled it may be Available all the same
/// (v1beta2); before v1beta2 it has `Ready`, which the conventions know.
const fn cluster_api(plural: &'static str, kind: &'static str) -> Preset {
    Preset {
        failed_when: &["jsonpath={.status.phase}=Failed"],
        busy_when: &["condition=RollingOut", "condition=ScalingUp", "condition=ScalingDown"],
        ..rollout((plural, CLUSTER_API), kind)
    }
}

/// Owners first: a lane's list begins when those before it have listed.
const PRESETS: [Preset; 15] = [
    Preset {
        // Its status has no observedGeneration, and writes of its status bump its generation. The
        // controller says which source it compared, and which it synced last.
        settled_when: &[
            "jsonpath={.status.sync.status}=Synced",
            "jsonpath={.status.health.status}=Healthy",
        ],
        failed_when: &[
            "jsonpath={.status.operationState.phase}=Failed",
            "jsonpath={.status.operationState.phase}=Error",
            "jsonpath={.status.health.status}=Degraded",
        ],
        echoes: &[
            ("{.spec.source}", "{.status.sync.comparedTo.source}"),
            ("{.spec.sources}", "{.status.sync.comparedTo.sources}"),
        ],
        ..rollout(("applications", ARGO), "Application")
    },
    // Flux writes `Ready=False` and tries again (`Reconciling`, reason ProgressingWithRetry); what
    // it gives up, a HelmRelease out of retries, it calls Stalled. So do the conventions.
    rollout(("kustomizations", "kustomize.toolkit.fluxcd.io"), "Kustomization"),
    rollout(("helmreleases", "helm.toolkit.fluxcd.io"), "HelmRelease"),
    cluster_api("clusters", "Cluster"),
    cluster_api("machinedeployments", "MachineDeployment"),
    Preset {
        settled_when: &["condition=Ready"],
        // An issuance that failed is taken up again after an hour at the soonest.
        failed_when: &["condition=Issuing=False"],
        busy_when: &["condition=Issuing"],
        ..rollout(("certificates", "cert-manager.io"), "Certificate")
    },
    run(
        ("workflows", ARGO),
        "Workflow",
        &["jsonpath={.status.phase}=Succeeded"],
        &["jsonpath={.status.phase}=Failed", "jsonpath={.status.phase}=Error"],
    ),
    run(
        ("trainjobs", "trainer.kubeflow.org"),
        "TrainJob",
        &["condition=Complete"],
        &["condition=Failed"],
    ),
    run(("jobsets", "jobset.x-k8s.io"), "JobSet", &["condition=Completed"], &["condition=Failed"]),
    // While they run, and while they are tried again, `Succeeded` is Unknown.
    run(
        ("pipelineruns", TEKTON),
        "PipelineRun",
        &["condition=Succeeded"],
        &["condition=Succeeded=False"],
    ),
    run(("taskruns", TEKTON), "TaskRun", &["condition=Succeeded"], &["condition=Succeeded=False"]),
    knative("services", "Service"),
    knative("configurations", "Configuration"),
    knative("revisions", "Revision"),
    Preset {
        // Conditions lag behind the phase.
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
            version: None,
            rules: Rules {
                mode: self.mode,
                settled_when: waits(self.settled_when),
                failed_when: waits(self.failed_when),
                waiting_when: waits(self.waiting_when),
                goal_fields: Vec::new(),
                progress: path(self.progress),
                busy_when: waits(self.busy_when),
                echoes: self
                    .echoes
                    .iter()
                    .filter_map(|(spec, status)| Some((path(spec)?, path(status)?)))
                    .collect(),
                restart: path(self.restart.1).map(|status| (self.restart.0, status)),
                ..Rules::default()
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
