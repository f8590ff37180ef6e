//! What the cluster can say: an object in a version, a change, the news of a lane.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::kind::Kind;
use super::meta::{Meta, Uid};
use super::note::Note;
use super::pod::PodSnapshot;
use super::workload::Workload;

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
