//! One kind's list and watch, as the core hears it.

use super::object::{Change, Kind, Snapshot};

/// The watch of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// `deployments.apps`
    Deployments,
    /// `replicasets.apps`
    ReplicaSets,
    /// `pods`
    Pods,
    /// `events`
    Events,
}

impl Lane {
    /// All lanes, owners first.
    pub const ALL: [Self; 4] = [Self::Deployments, Self::ReplicaSets, Self::Pods, Self::Events];

    /// The resource as a recording names it: `deployments.apps`.
    #[must_use]
    pub const fn resource(self) -> &'static str {
        match self {
            Self::Deployments => "deployments.apps",
            Self::ReplicaSets => "replicasets.apps",
            Self::Pods => "pods",
            Self::Events => "events",
        }
    }

    /// The lane of a resource, if it is watched. Core Events are found under both of their names.
    #[must_use]
    pub fn of(resource: &str) -> Option<Self> {
        match resource {
            "events.events.k8s.io" => Some(Self::Events),
            other => Self::ALL.into_iter().find(|lane| lane.resource() == other),
        }
    }

    /// The kind of its objects, `None` for Events, which are about objects of other kinds.
    #[must_use]
    pub const fn kind(self) -> Option<Kind> {
        match self {
            Self::Deployments => Some(Kind::Deployment),
            Self::ReplicaSets => Some(Kind::ReplicaSet),
            Self::Pods => Some(Kind::Pod),
            Self::Events => None,
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
