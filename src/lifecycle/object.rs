//! What is kept of one observed object, and what a cluster can say about it.
//!
//! `kinds` makes these values, the rest of `lifecycle` reads them. A snapshot holds only what
//! spans need; values of env variables and Secret content never get this far.

use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use super::time::UnixNanos;

/// `metadata.uid`: the identity of an object. The API server draws UUIDs, nothing else.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid(pub u128);

/// The text is not a UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAUuid;

impl FromStr for Uid {
    type Err = NotAUuid;

    fn from_str(text: &str) -> Result<Self, NotAUuid> {
        let mut value = 0_u128;
        let mut digits = 0_u32;
        for (at, byte) in text.bytes().enumerate() {
            let digit = match byte {
                b'0'..=b'9' => byte - b'0',
                b'a'..=b'f' => byte - b'a' + 10,
                b'A'..=b'F' => byte - b'A' + 10,
                b'-' if matches!(at, 8 | 13 | 18 | 23) => continue,
                _ => return Err(NotAUuid),
            };
            value = (value << 4) | u128::from(digit);
            digits += 1;
            if digits > 32 {
                return Err(NotAUuid);
            }
        }
        if digits == 32 && text.len() == 36 { Ok(Self(value)) } else { Err(NotAUuid) }
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let v = self.0;
        write!(
            f,
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            v >> 96,
            (v >> 80) & 0xffff,
            (v >> 64) & 0xffff,
            (v >> 48) & 0xffff,
            v & 0xffff_ffff_ffff
        )
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The kind of an object, by its Kubernetes name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `batch/CronJob`
    CronJob,
    /// `apps/Deployment`
    Deployment,
    /// `apps/StatefulSet`
    StatefulSet,
    /// `apps/DaemonSet`
    DaemonSet,
    /// `batch/Job`
    Job,
    /// `apps/ReplicaSet`
    ReplicaSet,
    /// `ReplicationController`
    ReplicationController,
    /// `Pod`
    Pod,
    /// Any other kind, as `Rollout.argoproj.io`: a custom resource, or one that is not watched and
    /// only names an owner.
    Other(Arc<str>),
}

impl Kind {
    /// The kind `name` of the API group `group`, which is empty for the core group.
    #[must_use]
    pub fn of(group: &str, name: &str) -> Self {
        match (group, name) {
            ("apps", "Deployment") => Self::Deployment,
            ("apps", "ReplicaSet") => Self::ReplicaSet,
            ("apps", "StatefulSet") => Self::StatefulSet,
            ("apps", "DaemonSet") => Self::DaemonSet,
            ("batch", "Job") => Self::Job,
            ("batch", "CronJob") => Self::CronJob,
            ("", "ReplicationController") => Self::ReplicationController,
            ("", "Pod") => Self::Pod,
            ("", other) => Self::Other(other.into()),
            (group, other) => Self::Other(format!("{other}.{group}").into()),
        }
    }

    /// The kind's name as Kubernetes writes it, `Deployment`.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::CronJob => "CronJob",
            Self::Deployment => "Deployment",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
            Self::Job => "Job",
            Self::ReplicaSet => "ReplicaSet",
            Self::ReplicationController => "ReplicationController",
            Self::Pod => "Pod",
            Self::Other(name) => name.split_once('.').map_or(name, |(name, _)| name),
        }
    }
}

/// The controller owner of an object (`ownerReferences[controller=true]`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Owner {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: Box<str>,
    /// Its uid.
    pub uid: Uid,
}

/// `metadata.deletionTimestamp` and what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Deletion {
    /// `deletionTimestamp`; of a gracefully deleted Pod the end of its grace, in the future.
    pub at: UnixNanos,
    /// `deletionGracePeriodSeconds`; 0 where absent.
    pub grace_seconds: i64,
    /// Finalizers that are still to be removed.
    pub finalizers: Box<[Box<str>]>,
}

/// One writer of an object, from `metadata.managedFields`, status writers excepted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Writer {
    /// `manager`.
    pub manager: Box<str>,
    /// `subresource`, empty for the object itself.
    pub subresource: Box<str>,
    /// `time`; `scale` entries have none.
    pub time: Option<UnixNanos>,
}

/// A trace context found on an object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// Where it stood: an annotation key, `status.spanContext` or `env TRACEPARENT`.
    pub found: Box<str>,
    /// What it says.
    pub context: TraceContext,
    /// What comes of it is a part of that trace, and not merely linked to it.
    pub is_parent: bool,
    /// What stood beside it as baggage, of the keys that are allowed; sorted by key.
    pub baggage: Box<[(Box<str>, Box<str>)]>,
}

/// A W3C trace context, parsed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TraceContext {
    /// trace-id, never zero.
    pub trace_id: TraceId,
    /// parent-id, never zero.
    pub span_id: SpanId,
    /// trace-flags as sent.
    pub flags: u8,
    /// tracestate as sent, empty where absent or malformed.
    pub trace_state: Box<str>,
}

/// 16 bytes that name a trace.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(pub [u8; 16]);

/// 8 bytes that name a span within its trace.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId(pub [u8; 8]);

macro_rules! hex_display {
    ($($name:ident)*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )*};
}
hex_display!(TraceId SpanId);

/// What every snapshot has of `metadata`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Meta {
    /// `uid`.
    pub uid: Uid,
    /// `namespace`, empty for objects of the cluster.
    pub namespace: Arc<str>,
    /// `name`.
    pub name: Box<str>,
    /// `resourceVersion` as the number it is (KEP-5504).
    pub resource_version: u64,
    /// `generation`; 0 where the kind has none.
    pub generation: i64,
    /// `creationTimestamp`, whole seconds.
    pub created: UnixNanos,
    /// Set once deletion was asked for.
    pub deletion: Option<Box<Deletion>>,
    /// The controller owner.
    pub owner: Option<Owner>,
    /// `service.name` by the semantic-convention rule, if the object says one: annotation
    /// `resource.opentelemetry.io/service.name`, label `app.kubernetes.io/instance`, then
    /// `app.kubernetes.io/name`.
    pub service: Option<Box<str>>,
    /// The newest time in `managedFields` of any writer, status included: the object was
    /// written no earlier.
    pub written: Option<UnixNanos>,
}

/// A condition of a status.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Condition {
    /// `status` is `True`.
    pub is_true: bool,
    /// `lastTransitionTime`.
    pub changed: Option<UnixNanos>,
    /// `lastUpdateTime`, where the kind has it.
    pub updated: Option<UnixNanos>,
    /// `reason`.
    pub reason: Box<str>,
    /// `message`, at most 1 KiB.
    pub message: Box<str>,
}

/// A spec as sorted dotted paths and the hash of the value at each.
///
/// The paths stand apart from the hashes: most workloads have the same ones, and trees share them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SpecHashes {
    /// The paths, sorted.
    pub paths: Arc<[Box<str>]>,
    /// The hash of the value at each of them.
    pub hashes: Box<[u64]>,
}

impl SpecHashes {
    /// Each path with its hash, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Box<str>, u64)> {
        self.paths.iter().zip(self.hashes.iter().copied())
    }

    /// How many paths there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.paths.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty()
    }
}

impl From<Vec<(Box<str>, u64)>> for SpecHashes {
    fn from(sorted: Vec<(Box<str>, u64)>) -> Self {
        let (paths, hashes): (Vec<_>, Vec<_>) = sorted.into_iter().unzip();
        Self { paths: paths.into(), hashes: hashes.into() }
    }
}

/// What a workload is for, and so what it means that it has settled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// It is to be as its spec says, for ever.
    #[default]
    Rollout,
    /// It is to run to its end, once.
    Run,
    /// No controller reports on it: what is written has settled.
    Plain,
}

/// What is kept of a workload: of everything that is watched but Pods and Events.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Workload {
    /// Its metadata.
    pub meta: Meta,
    /// Its kind.
    pub kind: Kind,
    /// What it is for.
    pub mode: Mode,
    /// The spec as sorted (dotted path, hash of the value).
    pub spec: SpecHashes,
    /// Where its template stands in `spec`: `template.`, `jobTemplate.`; what lies outside are
    /// goal fields. Empty where everything is the template but [`Workload::goals`].
    pub template_path: &'static str,
    /// Paths that are goal fields where there is no `template_path`.
    pub goals: Arc<[Box<str>]>,
    /// `spec.replicas`; `None` where the kind does not count its Pods there.
    pub replicas: Option<i64>,
    /// `spec.paused`, or `spec.suspend`.
    pub paused: bool,
    /// Its Pods are replaced only when somebody deletes them (`updateStrategy` OnDelete).
    pub is_on_delete: bool,
    /// `updateStrategy.rollingUpdate.partition` of a StatefulSet.
    pub partition: i64,
    /// Containers of the pod template and their images, in order.
    pub images: Arc<[(Box<str>, Box<str>)]>,
    /// Hash of the template: of the pod template without the label `pod-template-hash`, or of all
    /// that is no goal field.
    pub template: u64,
    /// The same, also without the annotation `kubectl.kubernetes.io/restartedAt`.
    pub template_without_restart: u64,
    /// Annotation `deployment.kubernetes.io/revision`, 0 where absent.
    pub revision: i64,
    /// What a Pod of the newest revision carries, see [`PodSnapshot::template_hash`]; empty where
    /// the object does not say it.
    pub update_revision: Box<str>,
    /// When a CronJob wanted this Job to begin
    /// (`batch.kubernetes.io/cronjob-scheduled-timestamp`).
    pub scheduled: Option<UnixNanos>,
    /// Trace contexts on the object, in the order of the rules.
    pub stamps: Arc<[Stamp]>,
    /// Who wrote the object, status writers excepted.
    pub writers: Arc<[Writer]>,
    /// What its controller says of it.
    pub status: WorkloadStatus,
}

impl Workload {
    /// How many Pods it wants; `None` where it does not say so.
    #[must_use]
    pub fn wanted(&self) -> Option<i64> {
        match self.kind {
            Kind::DaemonSet => Some(self.status.desired),
            Kind::CronJob
            | Kind::Deployment
            | Kind::StatefulSet
            | Kind::Job
            | Kind::ReplicaSet
            | Kind::ReplicationController
            | Kind::Pod
            | Kind::Other(_) => self.replicas,
        }
    }

    /// The same, 0 where it does not say so.
    #[must_use]
    pub fn count(&self) -> i64 {
        self.wanted().unwrap_or(0)
    }
}

/// The facts of a workload's status.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct WorkloadStatus {
    /// `observedGeneration`; where a kind has none, the generation.
    pub observed: i64,
    /// `replicas`; of a DaemonSet `currentNumberScheduled`.
    pub replicas: i64,
    /// `updatedReplicas`, `updatedNumberScheduled`.
    pub updated: i64,
    /// `readyReplicas`, `numberReady`.
    pub ready: i64,
    /// `availableReplicas`, `numberAvailable`.
    pub available: i64,
    /// `desiredNumberScheduled` of a DaemonSet.
    pub desired: i64,
    /// `currentRevision` of a StatefulSet is its `updateRevision`.
    pub is_of_one_revision: bool,
    /// Condition `Progressing` (Deployment).
    pub progressing: Option<Box<Condition>>,
    /// Condition `ReplicaFailure`.
    pub replica_failure: Option<Box<Condition>>,
    /// What the rules of its kind read from it, where they go by conditions and not by counts:
    /// Jobs and custom resources.
    pub verdict: Option<Box<Verdict>>,
    /// How far a custom resource says it has come, such as the step of a canary.
    pub progress: Option<Box<str>>,
    /// The newest time of a `status` entry of `managedFields`.
    pub written: Option<UnixNanos>,
}

/// What a status says of an object by the rules of its kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// It has not come to its end, or is not as its spec wants.
    Progressing,
    /// It has settled; of a run: it has ended well.
    Settled {
        /// When, where the status says it: `lastTransitionTime` of the condition.
        at: Option<UnixNanos>,
    },
    /// It has failed.
    Failed {
        /// `error.type`: the reason as the status says it, `BackoffLimitExceeded`.
        reason: Box<str>,
        /// One sentence.
        message: Box<str>,
        /// When, where the status says it.
        at: Option<UnixNanos>,
    },
}

/// What is kept of a Pod.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PodSnapshot {
    /// Its metadata.
    pub meta: Meta,
    /// `spec.nodeName`, empty before it is bound.
    pub node: Arc<str>,
    /// `spec.restartPolicy` is `Always`.
    pub restarts_always: bool,
    /// Annotation `kubernetes.io/config.mirror`: a static Pod of a kubelet.
    pub is_mirror: bool,
    /// The revision it was made of: label `pod-template-generation` (DaemonSet), else
    /// `controller-revision-hash` (StatefulSet), else `pod-template-hash`; empty where absent.
    pub template_hash: Box<str>,
    /// Trace contexts on the Pod.
    pub stamps: Arc<[Stamp]>,
    /// `status.phase`.
    pub phase: PodPhase,
    /// `status.reason`, such as `Evicted`.
    pub reason: Box<str>,
    /// `status.message`, at most 1 KiB.
    pub message: Box<str>,
    /// Condition `PodScheduled`.
    pub scheduled: Option<Condition>,
    /// Condition `PodReadyToStartContainers`.
    pub sandbox: Option<Condition>,
    /// Condition `Initialized`.
    pub initialized: Option<Condition>,
    /// Condition `Ready`.
    pub ready: Option<Condition>,
    /// Condition `DisruptionTarget`.
    pub disruption: Option<Condition>,
    /// Containers that have a status: init containers in order, then the others.
    pub containers: Box<[ContainerSnapshot]>,
}

/// `status.phase` of a Pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Runs to its end before the next one starts.
    Init,
    /// An init container with restartPolicy Always: runs beside the others once started.
    Sidecar,
    /// One of `spec.containers`.
    Main,
}

/// What is kept of a container's status.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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
    pub last: Option<Exit>,
    /// `restartCount`.
    pub restarts: u32,
    /// `ready`.
    pub ready: bool,
    /// `started`.
    pub started: bool,
}

/// `state` of a container.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
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
    Terminated(Exit),
}

/// How a container ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Exit {
    /// `exitCode`.
    pub code: i32,
    /// `signal`, 0 where absent.
    pub signal: i32,
    /// `reason`, such as `OOMKilled`.
    pub reason: Box<str>,
    /// `message`, at most 1 KiB.
    pub message: Box<str>,
    /// `startedAt`, whole seconds.
    pub started: Option<UnixNanos>,
    /// `finishedAt`, whole seconds.
    pub finished: Option<UnixNanos>,
}

/// What is kept of a Kubernetes Event.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Note {
    /// `metadata.uid` of the Event.
    pub uid: Uid,
    /// `metadata.resourceVersion` of the Event.
    pub resource_version: u64,
    /// `involvedObject.uid`.
    pub about: Uid,
    /// The container, from `involvedObject.fieldPath`, empty where it is about the object.
    pub container: Box<str>,
    /// `reason`, such as `Pulled`.
    pub reason: Box<str>,
    /// `message`, at most 1 KiB.
    pub message: Box<str>,
    /// `type` is `Warning`.
    pub is_warning: bool,
    /// `count` or `series.count`; 1 where absent.
    pub count: u32,
    /// When it happened, exactly, by the emitter's clock: `eventTime`, or the hex UnixNano at the
    /// end of the Event's name; only while `count` is 1 and it agrees with `seconds`.
    pub exact: Option<UnixNanos>,
    /// `lastTimestamp`, else `series.lastObservedTime`, `firstTimestamp`, `eventTime` or `creationTimestamp`; whole seconds.
    pub seconds: UnixNanos,
    /// `source.component` or `reportingComponent`.
    pub source: Box<str>,
}

/// One observed version of an object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Snapshot {
    /// Anything that owns Pods, or owns what owns them.
    Workload(Box<Workload>),
    /// A Pod.
    Pod(Box<PodSnapshot>),
}

impl Snapshot {
    /// Its metadata.
    #[must_use]
    pub fn meta(&self) -> &Meta {
        match self {
            Self::Workload(workload) => &workload.meta,
            Self::Pod(pod) => &pod.meta,
        }
    }

    /// A hash of all that matters: not of the resourceVersion, nor of when a status was written.
    /// Of this process only: it never leaves it.
    #[must_use]
    pub fn facts(&mut self) -> u64 {
        let meta = match self {
            Self::Workload(workload) => &mut workload.meta,
            Self::Pod(pod) => &mut pod.meta,
        };
        let version = std::mem::take(&mut meta.resource_version);
        let written = meta.written.take();
        let status = match self {
            Self::Workload(workload) => workload.status.written.take(),
            Self::Pod(_) => None,
        };
        let mut hasher = DefaultHasher::new();
        self.hash(&mut hasher);
        let meta = match self {
            Self::Workload(workload) => {
                workload.status.written = status;
                &mut workload.meta
            }
            Self::Pod(pod) => &mut pod.meta,
        };
        (meta.resource_version, meta.written) = (version, written);
        hasher.finish()
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Workload(workload) => workload.kind.clone(),
            Self::Pod(_) => Kind::Pod,
        }
    }
}

/// What the cluster told us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// An object in a version.
    Seen(Snapshot),
    /// An object is gone; this is its last version, with the resourceVersion of the deletion.
    Deleted(Snapshot),
    /// A complete list did not contain it.
    Vanished(Uid),
    /// A Kubernetes Event about an object.
    Noted(Box<Note>),
}

impl Change {
    /// The resourceVersion that it was written with; what vanished tells none.
    #[must_use]
    pub fn version(&self) -> Option<u64> {
        match self {
            Self::Seen(snapshot) | Self::Deleted(snapshot) => {
                Some(snapshot.meta().resource_version)
            }
            Self::Noted(note) => Some(note.resource_version),
            Self::Vanished(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_is_a_uuid_and_reads_back_as_written() {
        let text = "d306cd69-2d2c-4dc9-881f-db7d756a03e0";
        assert_eq!(text.parse::<Uid>().unwrap().to_string(), text);
        for wrong in ["", "d306cd69", "d306cd69-2d2c-4dc9-881f-db7d756a03e", "é"] {
            assert_eq!(wrong.parse::<Uid>(), Err(NotAUuid), "{wrong}");
        }
        assert_eq!(format!("{text}0").parse::<Uid>(), Err(NotAUuid));
        assert_eq!("d306cd692d2c4dc9881fdb7d756a03e0".parse::<Uid>(), Err(NotAUuid));
    }
}
