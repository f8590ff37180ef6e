//! What counts as a Pod in a failure state (FACTS §1.3), and why.

use serde::{Deserialize, Serialize};

use crate::facts::instant::Evidence;
use crate::facts::note::Note;
use crate::facts::pod::{ContainerState, PodPhase, PodSnapshot, Role};

/// Why a Pod is in a failure state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// `error.type`: a reason as Kubernetes writes it, `ErrImagePull`.
    pub reason: Box<str>,
    /// One sentence.
    pub message: String,
    /// The exit code, where a container ended.
    pub exit_code: Option<i32>,
    /// The container; `None` where it is the Pod's failure.
    pub container: Option<Box<str>>,
    /// It only waits, which is no error: its scheduling gates.
    pub is_waiting: bool,
}

/// Reasons for which a container waits in error (kubelet `images/types.go`,
/// `container/sync_result.go`, `kuberuntime_container.go`).
const WAITING: [&str; 15] = [
    "CrashLoopBackOff",
    "ImagePullBackOff",
    "ErrImagePull",
    "ErrImageNeverPull",
    "InvalidImageName",
    "ImageInspectError",
    "RegistryUnavailable",
    "SignatureValidationFailed",
    "CreateContainerConfigError",
    "CreateContainerError",
    "PreCreateHookError",
    "PreStartHookError",
    "PostStartHookError",
    "RunContainerError",
    "CreatePodSandboxError",
];

/// The failure state of a Pod, if it is in one.
///
/// A Pod that is terminating cannot fail: what its containers exit with then was asked for.
#[must_use]
pub fn of(pod: &PodSnapshot) -> Option<Failure> {
    // One that has succeeded has not failed, whatever a sidecar of it waits for.
    if pod.meta.deletion.is_some() || pod.phase == PodPhase::Succeeded {
        return None;
    }
    // Why a Pod was made to fail says more than what its containers exited with then.
    let said = of_phase(pod).filter(|_| !pod.reason.is_empty());
    said.or_else(|| of_containers(pod)).or_else(|| of_phase(pod)).or_else(|| of_scheduling(pod))
}

fn of_containers(pod: &PodSnapshot) -> Option<Failure> {
    pod.containers.iter().find_map(|container| {
        let exit = match &container.state {
            ContainerState::Waiting { reason, message } if WAITING.contains(&&**reason) => {
                let exit = container.last.as_deref().filter(|_| &**reason == "CrashLoopBackOff");
                return Some(Failure {
                    reason: reason.clone(),
                    message: match exit {
                        Some(exit) => {
                            format!("container {} exited with {}", container.name, exit.code)
                        }
                        None if message.is_empty() => {
                            format!("container {} waits: {reason}", container.name)
                        }
                        None => format!("container {}: {message}", container.name),
                    },
                    exit_code: exit.map(|exit| exit.code),
                    container: Some(container.name.clone()),
                    is_waiting: false,
                });
            }
            // A sidecar of a Pod that runs to its end is ended when the others have.
            ContainerState::Terminated(_)
                if container.role == Role::Sidecar && !pod.restarts_always =>
            {
                return None;
            }
            ContainerState::Terminated(exit) if exit.code != 0 => exit,
            ContainerState::Waiting { .. }
            | ContainerState::Running(_)
            | ContainerState::Terminated(_) => return None,
        };
        let reason = match &*exit.reason {
            "" | "Error" if container.restarts > 0 && pod.restarts_always => "CrashLoopBackOff",
            "" => "Error",
            reason => reason,
        };
        Some(Failure {
            reason: reason.into(),
            message: format!("container {} exited with {}", container.name, exit.code),
            exit_code: Some(exit.code),
            container: Some(container.name.clone()),
            is_waiting: false,
        })
    })
}

fn of_phase(pod: &PodSnapshot) -> Option<Failure> {
    (pod.phase == PodPhase::Failed).then(|| Failure {
        reason: if pod.reason.is_empty() { "Failed".into() } else { pod.reason.clone() },
        message: if pod.message.is_empty() {
            "the Pod has failed".to_owned()
        } else {
            pod.message.to_string()
        },
        exit_code: None,
        container: None,
        is_waiting: false,
    })
}

fn of_scheduling(pod: &PodSnapshot) -> Option<Failure> {
    let scheduled = pod.scheduled.as_ref()?;
    let is_waiting = &*scheduled.reason == "SchedulingGated";
    let failed = matches!(&*scheduled.reason, "Unschedulable" | "SchedulerError") || is_waiting;
    (failed && !scheduled.is_true).then(|| Failure {
        reason: scheduled.reason.clone(),
        message: scheduled.message.to_string(),
        exit_code: None,
        container: None,
        is_waiting,
    })
}

/// Its node said nothing more: then its controller writes that the Pod is not Ready, and no reason, which a
/// kubelet always gives (`MarkPodsNotReady`, `pkg/controller/util/node/controller_utils.go`).
fn was_lost_from_sight(pod: &PodSnapshot) -> bool {
    pod.ready.as_ref().is_some_and(|ready| !ready.is_true && ready.reason.is_empty())
}

/// Why a Pod is lost, as its last version says it: reason and sentence.
#[must_use]
pub fn of_loss(pod: &PodSnapshot) -> Option<(Box<str>, Box<str>)> {
    let disruption = pod.disruption.as_ref().filter(|it| it.is_true);
    if !pod.reason.is_empty() {
        return Some((pod.reason.clone(), pod.message.clone()));
    }
    if let Some(disruption) = disruption {
        let reason = match &*disruption.reason {
            "EvictionByEvictionAPI" => "Evicted",
            "PreemptionByScheduler" => "Preempted",
            "DeletionByPodGC" => "NodeLost",
            "DeletionByTaintManager" if was_lost_from_sight(pod) => "NodeLost",
            "DeletionByTaintManager" => "Evicted",
            other => other,
        };
        return Some((reason.into(), disruption.message.clone()));
    }
    if pod.meta.deletion.is_some() {
        return None;
    }
    let exits = pod.containers.iter().filter_map(|container| {
        let exit = match &container.state {
            ContainerState::Terminated(exit) => exit,
            ContainerState::Waiting { .. } | ContainerState::Running(_) => {
                container.last.as_deref()?
            }
        };
        Some((exit.finished, container, exit))
    });
    let (_, container, exit) = exits.max_by_key(|(finished, ..)| *finished)?;
    let reason = if exit.reason.is_empty() { "Error".into() } else { exit.reason.clone() };
    Some((reason, format!("container {} exited with {}", container.name, exit.code).into()))
}

/// Reasons of Events that say what keeps a Pod from its sandbox (kubelet `events/event.go`,
/// attach-detach controller).
const OBSTACLES: [&str; 6] = [
    "FailedMount",
    "FailedAttachVolume",
    "FailedMapVolume",
    "FailedCreatePodSandBox",
    "FailedPrepareDynamicResources",
    "NetworkNotReady",
];

/// Reasons of Events that say why a workload cannot get its Pods: quota, admission
/// (`pkg/controller/controller_utils.go`, `pkg/controller/deployment/sync.go`).
const REFUSALS: [&str; 2] = ["FailedCreate", "ReplicaSetCreateError"];

/// What an Event says keeps a Pod from starting, and since when.
#[must_use]
pub fn of_event(note: &Note, order: u64) -> Option<(Failure, Evidence)> {
    let failure = Failure {
        reason: note.reason.clone(),
        message: note.message.to_string(),
        exit_code: None,
        container: None,
        is_waiting: false,
    };
    OBSTACLES.contains(&&*note.reason).then(|| (failure, note.evidence(order)))
}

/// Whether an Event's reason says that a workload was refused its Pods.
#[must_use]
pub fn is_refusal(reason: &str) -> bool {
    REFUSALS.contains(&reason)
}
