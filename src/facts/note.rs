//! What is kept of a Kubernetes Event.

use serde::{Deserialize, Serialize};

use super::instant::{Evidence, Heard};
use super::meta::Uid;
use super::time::UnixNanos;

/// What is kept of a Kubernetes Event.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Note {
    /// `metadata.uid` of the Event.
    pub uid: Uid,
    /// `metadata.resourceVersion` of the Event.
    pub resource_version: u64,
    /// What it is about.
    pub about: About,
    /// The container, from `involvedObject.fieldPath`; `None` where it is about the object.
    pub container: Option<Box<str>>,
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

impl Note {
    /// When it was: what an Event tells that has this place in the order.
    #[must_use]
    pub fn evidence(&self, order: u64) -> Evidence {
        match self.exact {
            Some(exact) => Evidence::event(exact, order),
            None => Evidence::object(self.seconds, Heard::at(order)),
        }
    }
}

/// What an Event is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum About {
    /// `involvedObject.uid`
    Uid(Uid),
    /// A Pod of which the emitter knows no uid, as the taint eviction controller: namespace and name.
    Pod(Box<str>, Box<str>),
    /// A PersistentVolumeClaim: namespace and name.
    Claim(Box<str>, Box<str>),
}

impl About {
    /// The uid, if it tells one.
    #[must_use]
    pub fn uid(&self) -> Option<Uid> {
        if let Self::Uid(uid) = self { Some(*uid) } else { None }
    }
}

/// Whether an Event about a PersistentVolumeClaim says that it waits, or is provisioned for the Pod
/// that does (`pkg/controller/volume/persistentvolume`, sig-storage-lib-external-provisioner).
#[must_use]
pub fn is_of_claim(reason: &str) -> bool {
    ["WaitForFirstConsumer", "WaitForPodScheduled", "ExternalProvisioning", "Provisioning"]
        .contains(&reason)
}
