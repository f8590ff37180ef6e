//! What is kept of a Kubernetes Event.

use super::meta::Uid;
use super::time::UnixNanos;

/// What is kept of a Kubernetes Event.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Note {
    /// `metadata.uid` of the Event.
    pub uid: Uid,
    /// `metadata.resourceVersion` of the Event.
    pub resource_version: u64,
    /// `involvedObject.uid`.
    pub about: Uid,
    /// The PersistentVolumeClaim that it is about: its namespace and name.
    pub claim: Option<(Box<str>, Box<str>)>,
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

/// Whether an Event about a PersistentVolumeClaim says that it waits, or is provisioned for the Pod
/// that does (`pkg/controller/volume/persistentvolume`, sig-storage-lib-external-provisioner).
#[must_use]
pub fn is_of_claim(reason: &str) -> bool {
    ["WaitForFirstConsumer", "WaitForPodScheduled", "ExternalProvisioning", "Provisioning"]
        .contains(&reason)
}
