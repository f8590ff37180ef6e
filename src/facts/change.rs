//! What the cluster can say: an object in a version, a change, the news of a lane.

use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

use super::hash::Gathered;
use super::kind::Kind;
use super::meta::{Meta, Uid};
use super::note::Note;
use super::pod::PodSnapshot;
use super::time::{Nanos, SECOND, UnixNanos};
use super::workload::{Reporting, Workload};

/// One observed version of an object.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
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

    /// A hash of all that matters: not of the resourceVersion, nor of when a status was written that
    /// names its generation. It may be stored.
    #[must_use]
    pub fn facts(&mut self) -> u64 {
        let meta = match self {
            Self::Workload(workload) => &mut workload.meta,
            Self::Pod(pod) => &mut pod.meta,
        };
        let version = std::mem::take(&mut meta.resource_version);
        let written = meta.written.take();
        let status = match self {
            // Of a status that names no generation a write is all that tells that it is about the spec.
            Self::Workload(it)
                if matches!(it.kind, Kind::Other(_)) && it.status.names.is_none() =>
            {
                None
            }
            Self::Workload(workload) => workload.status.written.take(),
            Self::Pod(_) => None,
        };
        // A spec has some dozens of paths.
        let n_bytes = if matches!(self, Self::Pod(_)) { 1_024 } else { 4_096 };
        let mut hasher = Gathered::with_capacity(n_bytes);
        self.hash(&mut hasher);
        let meta = match self {
            Self::Workload(workload) => {
                workload.status.written = status.or(workload.status.written);
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// An object in a version.
    Seen(Snapshot),
    /// An object is gone; this is its last version, with the resourceVersion of the deletion.
    Deleted(Snapshot),
    /// An object is there, but no longer matches the selector of its watch; this is its last version.
    Unmatched(Snapshot),
    /// A complete list did not contain it.
    Vanished(Uid),
    /// A Kubernetes Event about an object.
    Noted(Box<Note>),
}

/// No clock is off by so much.
const LONG_AGO: Nanos = Nanos::from_seconds(3_600);

impl Snapshot {
    /// Whether it was written again since it was created, or was created long before `arrival`: then
    /// a watch that tells of it for the first time tells of no creation, but of an object that has
    /// begun to match its selector.
    #[must_use]
    pub fn is_older_than(&self, arrival: UnixNanos) -> bool {
        let meta = self.meta();
        let was_written = meta.written.is_some_and(|written| written.since(meta.created) > SECOND);
        was_written || meta.generation > Some(1) || arrival.since(meta.created) > LONG_AGO
    }

    /// The newest time that stands on the object: it was written no earlier, and as a rule then.
    #[must_use]
    pub fn newest_time(&self) -> UnixNanos {
        let meta = self.meta();
        let deletion = meta.deletion.as_deref();
        let deletion = deletion.map(|it| it.at.minus(Nanos::from_seconds(it.grace_seconds)));
        let own = match self {
            Self::Workload(workload) => workload.status.newest_time(),
            Self::Pod(pod) => pod.newest_time(),
        };
        [meta.written, deletion, own].into_iter().flatten().fold(meta.created, UnixNanos::max)
    }
}

impl Change {
    /// The version of an object that it tells.
    #[must_use]
    pub fn snapshot(&self) -> Option<&Snapshot> {
        match self {
            Self::Seen(snapshot) | Self::Deleted(snapshot) | Self::Unmatched(snapshot) => {
                Some(snapshot)
            }
            Self::Vanished(_) | Self::Noted(_) => None,
        }
    }

    /// The resourceVersion that it was written with; what vanished tells none.
    #[must_use]
    pub fn version(&self) -> Option<u64> {
        if let Self::Noted(note) = self {
            return Some(note.resource_version);
        }
        self.snapshot().map(|snapshot| snapshot.meta().resource_version)
    }

    /// The newest time that it tells of.
    #[must_use]
    pub fn newest_time(&self) -> Option<UnixNanos> {
        if let Self::Noted(note) = self {
            return Some(note.exact.unwrap_or(note.seconds));
        }
        self.snapshot().map(Snapshot::newest_time)
    }
}

/// What a lane says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// A list begins, or contains this object. Events in a list are old and are not said.
    Listed(Snapshot),
    /// The list is complete, at this resourceVersion where it says one: what it did not contain is
    /// gone. Lists of Events say this too.
    ListDone(Option<u64>),
    /// A watch told this.
    Watched(Change),
    /// The object was there before what is told begins; this is the first version of it that is told.
    Found(Snapshot),
    /// The list or watch broke off; an unfinished list proves nothing.
    Closed,
    /// The watch goes on, and has nothing new to tell up to this resourceVersion, where it says one.
    Bookmark(Option<u64>),
}

impl News {
    /// No object of its kind will ever say how it is; one that says that it has failed does.
    pub fn fall_silent(&mut self) {
        let (Self::Listed(snapshot)
        | Self::Found(snapshot)
        | Self::Watched(Change::Seen(snapshot) | Change::Deleted(snapshot))) = self
        else {
            return;
        };
        if let Snapshot::Workload(workload) = snapshot
            && workload.status.speech == Reporting::Mute
        {
            workload.status.speech = Reporting::Silent;
        }
    }

    /// The resourceVersion that it brings its lane to, if it tells one.
    #[must_use]
    pub fn version(&self) -> Option<u64> {
        match self {
            Self::Listed(snapshot) | Self::Found(snapshot) => {
                Some(snapshot.meta().resource_version)
            }
            Self::ListDone(version) | Self::Bookmark(version) => *version,
            Self::Watched(change) => change.version(),
            Self::Closed => None,
        }
    }
}
