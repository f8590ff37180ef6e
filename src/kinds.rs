//! Reads Kubernetes objects: JSON in, or protobuf of Pods and Events, and snapshots out; nothing else
//! of the object is kept.
//!
//! Only the fields that a snapshot needs are decoded, straight from the bytes; all else is passed
//! over. What is kept of one object is bounded, however large or strange it is.

mod catalog;
mod counts;
mod custom;
mod event;
mod explain;
mod generic;
mod job;
mod json;
mod json_path;
mod json_value;
mod metadata;
mod pod;
mod presets;
pub(crate) mod protobuf;
mod read;
mod refusal;
mod rfc3339;
mod rules;
mod said;
mod says;
mod schema;
mod spec_hash;
mod stamps;
mod statement;
mod status;
mod template;
mod verdict;
mod wait;
mod words;
mod workload;

pub use catalog::Catalog;
pub use custom::{Custom, resource};
pub use explain::{Explained, explain, told_rules};
pub(crate) use json::{Container, Unread};
pub use json_path::JsonPath;
pub use rfc3339::rfc3339;
pub use rules::{GOALS, Rules, is_goal};
pub use said::{Heard, Refused, Said, news};
pub(crate) use says::is_word_key;
pub use schema::Schemas;
pub use stamps::stamps;
pub use wait::Wait;

use crate::context::Flaw;
use crate::facts::change::Snapshot;
use crate::facts::kind::Lane;
use crate::facts::note::Note;

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
    /// How many trace contexts were read on it.
    pub n_stamps: usize,
    /// Trace contexts on it that are malformed; they never refuse the object.
    pub refused_stamps: Vec<RefusedStamp>,
}

/// A malformed trace context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedStamp {
    /// The object: `Deployment default/web`.
    pub object: String,
    /// Where it stood: an annotation key, `status.spanContext` or `env TRACEPARENT`.
    pub key: Box<str>,
    /// What sort of thing is wrong.
    pub flaw: Flaw,
    /// What is wrong with it.
    pub problem: String,
}

/// Reads an object of `lane` (not of [`Lane::Events`]), in JSON or, if it is a Pod, in protobuf, and the
/// trace contexts on it. `catalog` knows the lane, and where trace contexts stand.
///
/// # Errors
/// Tells the object, the key and what is expected where it is not such an object.
pub fn snapshot(catalog: &Catalog, lane: Lane, object: &[u8]) -> Result<Decoded, SnapshotError> {
    let rules = catalog.context();
    let expected = |object: &str, what: &str| SnapshotError {
        object: object.to_owned(),
        problem: format!("{what} is expected"),
    };
    if lane == Lane::Pods {
        return pod::pod(object, rules);
    }
    if let Lane::Custom(_) = lane {
        return match catalog.custom(lane) {
            Some(custom) => generic::generic(custom, object, rules),
            None => Err(expected("a custom resource", "one that is known")),
        };
    }
    let Some(kind) = lane.kind() else {
        return Err(expected("Event", "an object with a life of its own"));
    };
    let mut decoded = workload::workload(kind, object, rules)?;
    if let Snapshot::Workload(workload) = &mut decoded.snapshot {
        workload.limit = catalog.limit(lane);
    }
    Ok(decoded)
}

/// The resourceVersion of an object, or of a complete list from what ends it, where it says one.
#[must_use]
pub fn resource_version(json: &[u8]) -> Option<u64> {
    said::number(said::version_of(json))
}

/// Reads a Kubernetes Event; `None` where it is about an object of a kind that is not watched.
///
/// # Errors
/// As [`snapshot`].
pub fn note(catalog: &Catalog, json: &[u8]) -> Result<Option<Note>, SnapshotError> {
    event::event(catalog, json)
}

/// Items of lists leave out their kind; where it stands it must be the right one.
fn check_kind(expected: &str, found: &str) -> Result<(), String> {
    if found.is_empty() || found == expected {
        return Ok(());
    }
    let found = read::start(found, 64);
    Err(format!("kind is {found:?}: \"{expected}\" is expected"))
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use proptest::collection::vec;
    use proptest::prelude::{any, proptest};
    use proptest::sample::{Index, select};

    use super::{Catalog, note, snapshot};
    use crate::facts::kind::Lane;

    /// Recorded objects, and the resource that each is of.
    const OBJECTS: [(&str, &str); 14] = [
        ("pods", include_str!("../tests/objects/pod.json")),
        ("pods", include_str!("../tests/objects/pod_with_sidecar.json")),
        ("deployments.apps", include_str!("../tests/objects/deployment.json")),
        ("replicasets.apps", include_str!("../tests/objects/replica_set.json")),
        ("statefulsets.apps", include_str!("../tests/objects/stateful_set.json")),
        ("daemonsets.apps", include_str!("../tests/objects/daemon_set.json")),
        ("jobs.batch", include_str!("../tests/objects/job_failed.json")),
        ("jobs.batch", include_str!("../tests/objects/job_of_cron_job.json")),
        ("cronjobs.batch", include_str!("../tests/objects/cron_job.json")),
        ("trainjobs.trainer.kubeflow.org", include_str!("../tests/objects/train_job.json")),
        ("rollouts.argoproj.io", include_str!("../tests/objects/rollout.json")),
        ("rollouts.argoproj.io", include_str!("../tests/objects/rollout_paused.json")),
        ("events", include_str!("../tests/objects/event.json")),
        ("events", include_str!("../tests/objects/event_of_scheduler.json")),
    ];

    static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::default);

    fn lane_of(resource: &str) -> Lane {
        CATALOG.lane_of(resource).unwrap()
    }

    /// What may take the place of any value.
    const VALUES: [&str; 12] = [
        "null",
        "true",
        "-1",
        "1e308",
        "99999999999999999999",
        "\"\"",
        "\"9999-12-31T23:59:60Z\"",
        "\"\\ud83d\\ude00\"",
        "[]",
        "{}",
        "[[{}]]",
        "{\"name\":{}}",
    ];

    /// Whether `lane` reads the object; that it returns at all is the point.
    fn is_read(lane: Lane, json: &[u8]) -> bool {
        let catalog = &*CATALOG;
        if lane == Lane::Events {
            note(catalog, json).is_ok()
        } else {
            snapshot(catalog, lane, json).is_ok()
        }
    }

    /// `json` with the value after the `nth` colon replaced, if it is a plain one.
    fn with_value(json: &str, nth: Index, value: &str) -> String {
        let colons: Vec<usize> = json.match_indices("\":").map(|(at, _)| at + 2).collect();
        let (head, tail) = json.split_at(*nth.get(&colons));
        let end = tail.find([',', '}', ']']).unwrap_or(tail.len());
        let (_, rest) = tail.split_at(end);
        format!("{head}{value}{rest}")
    }

    #[test]
    fn recorded_objects_are_read_in_their_own_lane_only() {
        for (own, json) in OBJECTS {
            for lane in CATALOG.lanes() {
                assert_eq!(is_read(lane, json.as_bytes()), lane == lane_of(own), "{own} {json}");
            }
        }
        let error = snapshot(&Catalog::default(), Lane::Events, b"{}").unwrap_err();
        assert_eq!(error.to_string(), "Event: an object with a life of its own is expected");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in vec(any::<u8>(), 0..256), text in "[\\[\\]{}:,\"a0-9.eE+-]{0,64}") {
            for lane in Lane::ALL.into_iter().chain([lane_of("rollouts.argoproj.io")]) {
                assert!(!is_read(lane, &bytes));
                assert!(!is_read(lane, text.as_bytes()));
            }
        }

        #[test]
        fn no_mutated_object_panics(
            (resource, json) in select(OBJECTS.as_slice()),
            flips in vec((any::<Index>(), any::<u8>()), 0..4),
            cut in any::<Option<Index>>(),
        ) {
            let lane = lane_of(resource);
            let mut bytes = json.as_bytes().to_vec();
            let is_whole = flips.is_empty() && cut.is_none();
            for (at, byte) in flips {
                *at.get_mut(&mut bytes) = byte;
            }
            if let Some(at) = cut {
                bytes.truncate(at.index(bytes.len()));
            }
            assert!(is_read(lane, &bytes) || !is_whole);
        }

        #[test]
        fn no_strange_value_panics(
            (resource, json) in select(OBJECTS.as_slice()),
            changes in vec((any::<Index>(), select(VALUES.as_slice())), 1..4),
        ) {
            let lane = lane_of(resource);
            let change = |json: String, (nth, value): (Index, &str)| with_value(&json, nth, value);
            let changed = changes.into_iter().fold(json.to_owned(), change);
            if !is_read(lane, changed.as_bytes()) && lane != Lane::Events {
                let error = snapshot(&Catalog::default(), lane, changed.as_bytes()).unwrap_err();
                assert!(error.to_string().len() < 1_024, "{error}");
            }
        }
    }
}
