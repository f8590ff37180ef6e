//! What is kept of a workload or a run.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::fixed::many;
use super::kind::Kind;
use super::meta::{Condition, Meta, Writer};
use super::paths::Paths;
use super::stamp::Stamp;
use super::time::{Nanos, UnixNanos};

/// A spec as sorted dotted paths and the hash of the value at each.
///
/// The paths stand apart from the hashes: most workloads have the same ones, and trees share them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SpecHashes {
    /// The paths, sorted.
    pub paths: Paths,
    /// The hash of the value at each of them.
    #[serde(with = "many")]
    pub hashes: Box<[u64]>,
}

impl SpecHashes {
    /// Each path with its hash, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&Box<str>, u64)> {
        self.paths.all().iter().zip(self.hashes.iter().copied())
    }

    /// How many paths there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.paths.all().len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.paths.all().is_empty()
    }
}

impl From<Vec<(Box<str>, u64)>> for SpecHashes {
    fn from(sorted: Vec<(Box<str>, u64)>) -> Self {
        let (paths, hashes): (Vec<_>, Vec<_>) = sorted.into_iter().unzip();
        Self { paths: Arc::<[Box<str>]>::from(paths).into(), hashes: hashes.into() }
    }
}

/// What a workload is for, and so what it means that it has settled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Mode {
    /// It is to be as its spec says, for ever.
    #[default]
    Rollout,
    /// It is to run to its end, once.
    Run,
    /// No controller reports on it: what is written has settled.
    Plain,
}

/// Where a template stands in a spec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TemplatePath {
    /// `template`, of Pods.
    Pods,
    /// `jobTemplate`, of Jobs.
    Jobs,
}

impl TemplatePath {
    /// Whether a path of the spec lies in the template.
    #[must_use]
    pub fn holds(self, path: &str) -> bool {
        path.starts_with(match self {
            Self::Pods => "template.",
            Self::Jobs => "jobTemplate.",
        })
    }
}

/// What is kept of a workload: of everything that is watched but Pods and Events.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Workload {
    /// Its metadata.
    pub meta: Meta,
    /// Its kind.
    pub kind: Kind,
    /// What it is for.
    pub mode: Mode,
    /// The spec as sorted (dotted path, hash of the value).
    pub spec: SpecHashes,
    /// Where its template stands in `spec`; what lies outside are goal fields. `None` where
    /// everything is the template but [`Workload::goals`].
    pub template_path: Option<TemplatePath>,
    /// Paths that are goal fields where there is no `template_path`.
    pub goals: Arc<[Box<str>]>,
    /// How many Pods its spec asks for: `spec.replicas`, or the field that is configured as `wanted`;
    /// `None` where the kind does not say so.
    pub replicas: Option<i64>,
    /// `spec.paused`, or `spec.suspend`.
    pub paused: bool,
    /// Its Pods are replaced only when somebody deletes them (`updateStrategy` OnDelete).
    pub is_on_delete: bool,
    /// `updateStrategy.rollingUpdate.partition` of a StatefulSet.
    pub partition: i64,
    /// Containers of the pod template and their images, in order.
    pub images: Arc<[(Box<str>, Box<str>)]>,
    /// Of a custom resource with a pod template at `spec.template`, the hash of that as a ReplicaSet
    /// below it has it in [`Workload::template`].
    pub pod_template: Option<u64>,
    /// It tells of the queue that its owner waits in, and is no part of what that brings about.
    pub is_queue: bool,
    /// What is created below it and runs to an end is a tree of its own: a CronJob, a ScaledJob,
    /// what is configured `spawns: true`.
    pub spawns: bool,
    /// How long a transition of it may take, where its kind has a limit of its own.
    pub limit: Option<Nanos>,
    /// `spec.minReadySeconds`: for how long a Pod must have been Ready to be available.
    pub min_ready: Nanos,
    /// Hash of the template: of the pod template without the label `pod-template-hash`, or of all
    /// that is no goal field.
    pub template: u64,
    /// The same, also without the annotation `kubectl.kubernetes.io/restartedAt`.
    pub template_without_restart: u64,
    /// Annotation `deployment.kubernetes.io/revision`, counted from 1.
    pub revision: Option<i64>,
    /// It was of an earlier revision too (annotation `deployment.kubernetes.io/revision-history`): a
    /// rollback came back to it.
    pub is_reused: bool,
    /// What a Pod of the newest revision carries, see [`PodSnapshot::template_hash`](super::pod::PodSnapshot::template_hash),
    /// where the object says it.
    pub update_revision: Option<Box<str>>,
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

    /// The template as the ReplicaSets below it have it.
    #[must_use]
    pub fn template_of_sets(&self) -> u64 {
        self.pod_template.unwrap_or(self.template)
    }
}

/// The facts of a workload's status.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WorkloadStatus {
    /// `observedGeneration`; where a kind has none, the generation.
    pub observed: Option<i64>,
    /// Of a custom resource the generation that its verdict is about: that which the deciding
    /// condition names, else the whole status, else the newest that is named anywhere in it; `None`
    /// where none is named. A verdict about an older generation than the object's is told as
    /// [`Verdict::Progressing`].
    pub names: Option<i64>,
    /// Whether it says at all how it is.
    pub speech: Reporting,
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
    /// Condition `Progressing` of a Deployment, `Suspended` of a run.
    pub progressing: Option<Box<Condition>>,
    /// Condition `ReplicaFailure`.
    pub replica_failure: Option<Box<Condition>>,
    /// What the rules of its kind read from it, where they go by conditions and not by counts:
    /// Jobs and custom resources.
    pub verdict: Option<Box<Verdict>>,
    /// How far a custom resource says it has come, such as the step of a canary.
    pub progress: Option<Box<str>>,
    /// Of what tells of a queue, its conditions, by their type.
    pub queue: Box<[(Box<str>, Condition)]>,
    /// The newest time of a `status` entry of `managedFields`.
    pub written: Option<UnixNanos>,
}

impl WorkloadStatus {
    /// When it was written, if that was after it was `old`: its time is another, or what it says, and both
    /// were written within one second. What is read from it in the light of the spec is no sign of that.
    #[must_use]
    pub fn written_since(&self, old: &Self) -> Option<UnixNanos> {
        self.written.filter(|_| self.written != old.written || self.is_other(old))
    }

    /// It says something else than `old`, but for what is read from it in the light of the spec.
    #[must_use]
    pub fn is_other(&self, old: &Self) -> bool {
        let counts = |it: &Self| [it.replicas, it.updated, it.ready, it.available, it.desired];
        counts(self) != counts(old)
            || self.is_of_one_revision != old.is_of_one_revision
            || self.progressing != old.progressing
            || self.replica_failure != old.replica_failure
            || self.progress != old.progress
            || self.queue != old.queue
    }

    /// The newest time in it.
    #[must_use]
    pub fn newest_time(&self) -> Option<UnixNanos> {
        let conditions = [self.progressing.as_deref(), self.replica_failure.as_deref()];
        let times = conditions.into_iter().flatten().flat_map(|it| [it.changed, it.updated]);
        let said = self.verdict.as_deref().and_then(Verdict::at);
        times.chain([said, self.written]).flatten().max()
    }
}

/// Whether the status of a custom resource says anything of how that is: conditions, a phase, a
/// state, an observed generation. Built-in kinds always do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Reporting {
    /// It does.
    #[default]
    Spoken,
    /// It does, and says in a word for it that it is at work; since when, where a condition says it.
    Busy(Option<UnixNanos>),
    /// It has not yet: whatever the verdict is meanwhile, it may still.
    Mute,
    /// It never will: no controller of its kind writes such a status.
    Silent,
}

/// What a status says of an object by the rules of its kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Verdict {
    /// It has not come to its end, or is not as its spec wants.
    Progressing,
    /// It goes no further before somebody, or something else, lets it: a canary that pauses between
    /// two steps, an approval.
    Waiting {
        /// The word for it in the status: `Paused`, the reason of a condition.
        word: Box<str>,
        /// Since when, where the status says it.
        at: Option<UnixNanos>,
    },
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
        /// Then an operation ended that failed: what was written after it is no part of that.
        is_end: bool,
    },
}

impl Verdict {
    /// When, where the status says it.
    #[must_use]
    pub fn at(&self) -> Option<UnixNanos> {
        match self {
            Self::Progressing => None,
            Self::Waiting { at, .. } | Self::Settled { at } | Self::Failed { at, .. } => *at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_was_written_where_what_stands_in_it_differs_and_not_where_the_spec_alone_does() {
        let at = Some(UnixNanos::from_seconds(7));
        let old = WorkloadStatus { written: at, observed: Some(1), ..WorkloadStatus::default() };
        let condition = Condition {
            is_true: true,
            changed: at,
            updated: None,
            reason: "NewReplicaSetAvailable".into(),
            message: Box::default(),
        };
        for new in [
            WorkloadStatus { ready: 1, ..old.clone() },
            WorkloadStatus { is_of_one_revision: true, ..old.clone() },
            WorkloadStatus { progressing: Some(Box::new(condition.clone())), ..old.clone() },
            WorkloadStatus { queue: Box::new([("Admitted".into(), condition)]), ..old.clone() },
            WorkloadStatus { progress: Some("1/3".into()), ..old.clone() },
        ] {
            assert_eq!(new.written_since(&old), at, "{new:?}");
        }
        // A Job names no generation: that of its spec is taken for it.
        let of_spec = WorkloadStatus {
            observed: Some(2),
            verdict: Some(Box::new(Verdict::Progressing)),
            ..old.clone()
        };
        assert_eq!(of_spec.written_since(&old), None);
        let later = WorkloadStatus { written: Some(UnixNanos::from_seconds(8)), ..old.clone() };
        assert_eq!(later.written_since(&old), later.written);
    }
}
