//! Reads Kubernetes objects: JSON in, snapshots out; nothing else of the object is kept.
//!
//! Only the fields that a snapshot needs are decoded, straight from the bytes; all else is passed
//! over. What is kept of one object is bounded, however large or strange it is.

mod event;
mod metadata;
mod pod;
mod read;
mod refusal;
mod rfc3339;
mod spec_hash;
mod status;
mod tree;
mod workload;

pub use rfc3339::rfc3339;

use crate::context::Refused;
use crate::lifecycle::lane::Lane;
use crate::lifecycle::object::{Kind, Note, Snapshot};

/// An object that cannot be tracked, and what would have been expected of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{object}: {problem}")]
pub struct SnapshotError {
    /// The object as far as it was readable: `Pod default/web-1`.
    pub object: String,
    /// The key, what stood there and what is expected.
    pub problem: String,
}

/// An object as read, and what of it had to be left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// What is kept of it.
    pub snapshot: Snapshot,
    /// Trace contexts on it that are malformed; they never refuse the object.
    pub refused_stamps: Vec<RefusedStamp>,
}

/// A malformed trace context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedStamp {
    /// The object: `Deployment default/web`.
    pub object: String,
    /// Where it stood: an annotation key, or `env TRACEPARENT`.
    pub key: Box<str>,
    /// What is wrong with it.
    pub problem: String,
}

/// Reads an object of `lane` (not of [`Lane::Events`]).
///
/// # Errors
/// Tells the object, the key and what is expected where it is not such an object.
pub fn snapshot(lane: Lane, json: &[u8]) -> Result<Decoded, SnapshotError> {
    match lane {
        Lane::Deployments => workload::workload(Kind::Deployment, json),
        Lane::ReplicaSets => workload::workload(Kind::ReplicaSet, json),
        Lane::Pods => pod::pod(json),
        Lane::Events => Err(SnapshotError {
            object: "Event".to_owned(),
            problem: "an object with a life of its own is expected".to_owned(),
        }),
    }
}

/// Reads a Kubernetes Event.
///
/// # Errors
/// As [`snapshot`].
pub fn note(json: &[u8]) -> Result<Note, SnapshotError> {
    event::event(json)
}

/// Items of lists leave out their kind; where it stands it must be the right one.
fn check_kind(expected: &str, found: &str) -> Result<(), String> {
    if found.is_empty() || found == expected {
        return Ok(());
    }
    let found = read::start(found, 64);
    Err(format!("kind is {found:?}: \"{expected}\" is expected"))
}

fn told_stamps(refused: Vec<Refused>, object: impl Fn() -> String) -> Vec<RefusedStamp> {
    let told = |Refused { key, problem }| RefusedStamp { object: object(), key, problem };
    refused.into_iter().map(told).collect()
}
