//! Numbers in a status that say how far it is from what is wanted, where their shape is
//! unmistakable: `readyReplicas` of `replicas`, `currentHealthy` of `desiredHealthy`.

use super::json_path::Parts;
use super::json_value::JsonValue;
use super::statement::{Place, Rank, Statement};

/// Numbers of replicas that are all of them when it has settled.
const OF_REPLICAS: [&str; 5] = [
    "availableReplicas",
    "readyReplicas",
    "updatedAvailableReplicas",
    "updatedReadyReplicas",
    "updatedReplicas",
];

/// What is counted of what is desired.
const OF_DESIRED: [&str; 4] = ["available", "current", "ready", "updated"];

/// The number that is short of what is wanted, of an object that wants so many Pods.
pub(super) fn short<'o, 'a>(
    object: Parts<'o, 'a>,
    wanted: Option<i64>,
) -> Option<Statement<'o, 'a>> {
    let status = object.status;
    let number = |key: &str| status.at(key).and_then(JsonValue::whole);
    let all = wanted.max(number("replicas"));
    let partition = partition(object.spec);
    for (key, node) in status.entries() {
        let Some(is) = node.whole() else { continue };
        let short = |wanted: i64, rank| {
            let place = Place::Count { value: node, wanted };
            (is < wanted).then_some(Statement { rank, place })
        };
        let found = if OF_REPLICAS.contains(&&**key) {
            let Some(wanted) = all else { continue };
            let is_kept_back = key.starts_with("updated") && is >= wanted - partition;
            short(wanted, if is_kept_back { Rank::Waiting } else { Rank::NotYet })
        } else if key == "replicas" {
            wanted.and_then(|wanted| short(wanted, Rank::NotYet))
        } else {
            let of = OF_DESIRED.iter().find_map(|it| key.strip_prefix(it));
            let desired = of.and_then(|of| number(&format!("desired{of}")));
            desired.and_then(|desired| short(desired, Rank::NotYet))
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

/// The number that says of an object that all it wants is there; asked where none is short.
pub(super) fn whole<'o, 'a>(
    object: Parts<'o, 'a>,
    wanted: Option<i64>,
) -> Option<Statement<'o, 'a>> {
    let replicas = object.status.at("replicas").and_then(JsonValue::whole);
    // Nothing of nothing, where nobody said how many, is only not there yet.
    let all = wanted.max(replicas).filter(|all| wanted.is_some() || *all > 0)?;
    let value = OF_REPLICAS.iter().find_map(|key| object.status.at(key))?;
    Some(Statement { rank: Rank::Settled, place: Place::Count { value, wanted: all } })
}

/// How many replicas are to stay as they were, as a StatefulSet has it.
fn partition(spec: &JsonValue<'_>) -> i64 {
    let at = |keys: &[&str]| spec.below(keys).and_then(JsonValue::whole);
    at(&["updateStrategy", "rollingUpdate", "partition"])
        .or_else(|| at(&["updateStrategy", "partition"]))
        .unwrap_or(0)
}

/// The built-in kind as which another counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum CountsAs {
    /// Updated = replicas = wanted, and as many are ready.
    Deployment,
    /// Replicas = ready = wanted; none is updated.
    ReplicaSet,
}

impl CountsAs {
    /// Whether all that is wanted is there, if it is said how many that are.
    pub(super) fn agree(self, status: &JsonValue<'_>, wanted: Option<i64>) -> bool {
        let is_wanted = |keys: &[&str]| {
            let is = keys.iter().find_map(|key| status.at(key).and_then(JsonValue::whole));
            wanted.is_none_or(|wanted| is.unwrap_or(0) == wanted)
        };
        // As Cluster API calls them before v1beta2, and since.
        let updated = ["updatedReplicas", "upToDateReplicas"];
        is_wanted(&["replicas"])
            && is_wanted(&["readyReplicas"])
            && (self == Self::ReplicaSet || is_wanted(&updated))
    }
}
