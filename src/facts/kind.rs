//! The kinds there are, and the watch of each.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use super::change::stable_hasher;

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

/// The watch of a custom resource: which one, and by which rules its objects are read. Both are hashes
/// that may be stored: what was kept of a watch is found again in another process, and not where the
/// rules are others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CustomLane {
    /// Of the resource as recordings name it, `rollouts.argoproj.io`.
    pub resource: u64,
    /// Of the rules.
    pub rules: u64,
}

impl CustomLane {
    /// That of a resource whose objects are read by these rules.
    #[must_use]
    pub fn of(resource: &str, rules: &impl Hash) -> Self {
        let (mut of_name, mut of_rules) = (stable_hasher(), stable_hasher());
        resource.hash(&mut of_name);
        rules.hash(&mut of_rules);
        Self { resource: of_name.finish(), rules: of_rules.finish() }
    }
}

/// A part of a lane that is listed and watched on its own, such as one of several namespaces. A
/// list proves absence for its own part alone, and only the resourceVersions of one part come in
/// order.
pub type Part = u16;

/// The watch of one kind. They sort with owners first; in which order custom resources come says the
/// catalogue of those that are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// A custom resource.
    Custom(CustomLane),
    /// `cronjobs.batch`
    CronJobs,
    /// `deployments.apps`
    Deployments,
    /// `statefulsets.apps`
    StatefulSets,
    /// `daemonsets.apps`
    DaemonSets,
    /// `jobs.batch`
    Jobs,
    /// `replicasets.apps`
    ReplicaSets,
    /// `replicationcontrollers`
    ReplicationControllers,
    /// `pods`
    Pods,
    /// `events`
    Events,
}

impl Lane {
    /// All lanes of built-in kinds, owners first.
    pub const ALL: [Self; 9] = [
        Self::CronJobs,
        Self::Deployments,
        Self::StatefulSets,
        Self::DaemonSets,
        Self::Jobs,
        Self::ReplicaSets,
        Self::ReplicationControllers,
        Self::Pods,
        Self::Events,
    ];

    /// The resource of a built-in kind as a recording names it: `deployments.apps`.
    #[must_use]
    pub const fn resource(self) -> Option<&'static str> {
        Some(match self {
            Self::Custom(_) => return None,
            Self::CronJobs => "cronjobs.batch",
            Self::Deployments => "deployments.apps",
            Self::StatefulSets => "statefulsets.apps",
            Self::DaemonSets => "daemonsets.apps",
            Self::Jobs => "jobs.batch",
            Self::ReplicaSets => "replicasets.apps",
            Self::ReplicationControllers => "replicationcontrollers",
            Self::Pods => "pods",
            Self::Events => "events",
        })
    }

    /// The lane of a built-in resource. Core Events are found under both of their names.
    #[must_use]
    pub fn of(resource: &str) -> Option<Self> {
        match resource {
            "events.events.k8s.io" => Some(Self::Events),
            other => Self::ALL.into_iter().find(|lane| lane.resource() == Some(other)),
        }
    }

    /// The kind of its objects, where that is a built-in one; Events are about objects of other
    /// kinds.
    #[must_use]
    pub const fn kind(self) -> Option<Kind> {
        Some(match self {
            Self::Custom(_) | Self::Events => return None,
            Self::CronJobs => Kind::CronJob,
            Self::Deployments => Kind::Deployment,
            Self::StatefulSets => Kind::StatefulSet,
            Self::DaemonSets => Kind::DaemonSet,
            Self::Jobs => Kind::Job,
            Self::ReplicaSets => Kind::ReplicaSet,
            Self::ReplicationControllers => Kind::ReplicationController,
            Self::Pods => Kind::Pod,
        })
    }

    /// Whether its objects have a life that is traced: all but Events.
    #[must_use]
    pub const fn has_lives(self) -> bool {
        !matches!(self, Self::Events)
    }

    /// How far below the top of an owner chain its objects stand; owners are listed first.
    #[must_use]
    pub const fn rank(self) -> u8 {
        match self {
            Self::Custom(_) => 0,
            Self::CronJobs => 1,
            Self::Deployments | Self::StatefulSets | Self::DaemonSets | Self::Jobs => 2,
            Self::ReplicaSets | Self::ReplicationControllers => 3,
            Self::Pods => 4,
            Self::Events => 5,
        }
    }
}
