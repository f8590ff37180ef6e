//! What is kept of a Pod.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::meta::{Condition, Meta};
use super::stamp::Stamp;
use super::time::UnixNanos;

/// What is kept of a Pod.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PodSnapshot {
    /// Its metadata.
    pub meta: Meta,
    /// `spec.nodeName`; `None` before it is bound.
    pub node: Option<Arc<str>>,
    /// `spec.restartPolicy` is `Always`.
    pub restarts_always: bool,
    /// Annotation `kubernetes.io/config.mirror`: a static Pod of a kubelet.
    pub is_mirror: bool,
    /// The revision it was made of: label `pod-template-generation` (DaemonSet), else
    /// `controller-revision-hash` (StatefulSet), else `pod-template-hash`.
    pub template_hash: Option<Box<str>>,
    /// Trace contexts on the Pod.
    pub stamps: Arc<[Stamp]>,
    /// `status.phase`.
    pub phase: PodPhase,
    /// `status.reason`, such as `Evicted`.
    pub reason: Box<str>,
    /// `status.message`, at most 1 KiB.
    pub message: Box<str>,
    /// `spec.schedulingGates` holds any.
    pub is_gated: bool,
    /// `spec.readinessGates` names any: it is Ready when others say so too.
    pub has_readiness_gates: bool,
    /// The PersistentVolumeClaims that its volumes name.
    pub claims: Box<[Box<str>]>,
    /// Condition `PodScheduled`.
    pub scheduled: Option<Condition>,
    /// Condition `PodReadyToStartContainers`.
    pub sandbox: Option<Condition>,
    /// Condition `Initialized`.
    pub initialized: Option<Condition>,
    /// Condition `ContainersReady`.
    pub containers_ready: Option<Condition>,
    /// Condition `Ready`.
    pub ready: Option<Condition>,
    /// Condition `DisruptionTarget`.
    pub disruption: Option<Condition>,
    /// Containers that have a status: init containers in order, then the others.
    pub containers: Box<[ContainerSnapshot]>,
    /// What may be written in place: hashes of the resources and of the images that its spec asks for.
    pub in_place: InPlace,
    /// The generation that the kubelet has seen: `status.observedGeneration`; before Kubernetes 1.34, which
    /// has none, its own where its containers have the resources that are asked for.
    pub observed: Option<i64>,
    /// How a resize stands, by its conditions.
    pub resize: Option<ResizeState>,
    /// Ephemeral containers, from when they were written.
    pub debuggers: Box<[ContainerSnapshot]>,
}

/// What of a Pod's spec may be written in place, hashed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct InPlace {
    /// CPU and memory of its containers.
    pub resources: u32,
    /// Their images.
    pub images: u32,
}

/// Conditions `PodResizePending` and `PodResizeInProgress`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ResizeState {
    /// The kubelet is at it.
    InProgress,
    /// The node has no room now.
    Deferred,
    /// The node can never give so much: the message.
    Infeasible(Box<str>),
}

impl PodSnapshot {
    /// The newest time in its status.
    #[must_use]
    pub fn newest_time(&self) -> Option<UnixNanos> {
        let conditions =
            [&self.scheduled, &self.sandbox, &self.initialized, &self.ready, &self.disruption];
        let conditions = conditions.into_iter().flatten().filter_map(|it| it.changed);
        let containers = self.containers.iter().filter_map(|container| match &container.state {
            ContainerState::Running(since) => *since,
            ContainerState::Terminated(exit) => exit.finished,
            ContainerState::Waiting { .. } => container.last.as_deref()?.finished,
        });
        conditions.chain(containers).max()
    }
}

/// `status.phase` of a Pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PodPhase {
    /// Accepted, not all containers have run.
    #[default]
    Pending,
    /// Bound, and a container runs or restarts.
    Running,
    /// All containers ended with exit code 0.
    Succeeded,
    /// All containers ended, one of them in error; or evicted.
    Failed,
    /// The node cannot be reached.
    Unknown,
}

/// What part a container has in its Pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Role {
    /// Runs to its end before the next one starts.
    Init,
    /// An init container with restartPolicy Always: runs beside the others once started.
    Sidecar,
    /// One of `spec.containers`.
    Main,
    /// One of `spec.ephemeralContainers`: `kubectl debug`.
    Ephemeral,
}

/// What is kept of a container's status.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ContainerSnapshot {
    /// `name`.
    pub name: Box<str>,
    /// Its part.
    pub role: Role,
    /// The image, as the spec names it.
    pub image: Box<str>,
    /// Whether the spec has a startup probe; without one `started` follows `running` at once.
    pub has_startup_probe: bool,
    /// `state`.
    pub state: ContainerState,
    /// `lastState.terminated`.
    pub last: Option<Box<Exit>>,
    /// `restartCount`.
    pub restarts: u32,
    /// `ready`.
    pub ready: bool,
    /// `started`.
    pub started: bool,
}

/// What is always known of a container.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct KnownContainer {
    /// Its name.
    pub name: Box<str>,
    /// `restartCount`.
    pub restarts: u32,
    /// It exited and does not run again yet.
    pub has_exited: bool,
}

/// `state` of a container.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ContainerState {
    /// `waiting`; also where no state is given.
    Waiting {
        /// `reason`, such as `ImagePullBackOff`.
        reason: Box<str>,
        /// `message`, at most 1 KiB.
        message: Box<str>,
    },
    /// `running`, since `startedAt` (whole seconds).
    Running(Option<UnixNanos>),
    /// `terminated`.
    Terminated(Box<Exit>),
}

/// How a container ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Exit {
    /// `exitCode`.
    pub code: i32,
    /// `signal`, where one ended it.
    pub signal: Option<i32>,
    /// `reason`, such as `OOMKilled`.
    pub reason: Box<str>,
    /// `message`, at most 1 KiB.
    pub message: Box<str>,
    /// `startedAt`, whole seconds.
    pub started: Option<UnixNanos>,
    /// `finishedAt`, whole seconds.
    pub finished: Option<UnixNanos>,
}
