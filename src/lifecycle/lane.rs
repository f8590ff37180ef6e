//! One kind's list and watch, as the core hears it.

use super::object::{Change, Kind, Snapshot};

/// The watch of one kind. They sort with owners first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// A custom resource: its number in the catalogue of those that are known.
    Custom(u16),
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

/// What a lane says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// A list begins, or contains this object. Events in a list are old and are not said.
    Listed(Snapshot),
    /// The list is complete, at this resourceVersion: what it did not contain is gone. Lists of
    /// Events say this too.
    ListDone(u64),
    /// A watch told this.
    Watched(Change),
    /// The list or watch broke off; an unfinished list proves nothing.
    Closed,
}

impl News {
    /// The resourceVersion that it brings its lane to, if it tells one.
    #[must_use]
    pub fn version(&self) -> Option<u64> {
        match self {
            Self::Listed(snapshot) => Some(snapshot.meta().resource_version),
            Self::ListDone(version) => Some(*version),
            Self::Watched(change) => change.version(),
            Self::Closed => None,
        }
    }
}
