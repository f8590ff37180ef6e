//! The pod template of a workload: its images, the trace contexts in its env, and its hashes.

use std::borrow::Cow;

use super::json_value::JsonValue;
use super::spec_hash;
use super::stamps::env;
use crate::context::Carrier;

/// Labels that a controller adds to the template of each of its ReplicaSets.
const OF_REPLICA_SETS: [&str; 2] = ["pod-template-hash", "rollouts-pod-template-hash"];

/// How many containers of a template are kept.
const MAX_IMAGES: usize = 1_000;

/// The pod template of a CronJob stands within the template of its Jobs.
pub(super) const OF_JOBS: &str = "jobTemplate";

/// The keys that lead from a spec to the pod template, where the templates of the kind stand at
/// `place`.
fn pod_template<'s, 'a>(spec: &'s JsonValue<'a>, place: &str) -> Option<&'s JsonValue<'a>> {
    let template = spec.at(place)?;
    if place == OF_JOBS { template.below(&["spec", "template"]) } else { Some(template) }
}

/// The containers of the pod template: those that stay first, then the init containers.
fn containers<'s, 'a>(
    spec: &'s JsonValue<'a>,
    place: &str,
) -> impl Iterator<Item = &'s JsonValue<'a>> {
    let template = pod_template(spec, place);
    ["containers", "initContainers"]
        .into_iter()
        .filter_map(move |list| template?.below(&["spec", list]))
        .flat_map(JsonValue::items)
        .take(MAX_IMAGES)
}

/// The name and image of each container.
pub(super) fn images(spec: &JsonValue<'_>, place: &str) -> Vec<(Box<str>, Box<str>)> {
    let named = |container: &JsonValue<'_>| {
        let image = container.text_at("image").unwrap_or_default();
        Some((container.text_at("name")?.into(), image.into()))
    };
    containers(spec, place).filter_map(named).collect()
}

/// Looks for trace contexts in the env of the template; no other value is looked at.
pub(super) fn collect_env<'a>(spec: &JsonValue<'a>, place: &str, carrier: &mut Carrier<'_, 'a>) {
    for container in containers(spec, place) {
        env(container, carrier);
    }
}

/// The same for a custom resource, of which it is not known where it describes containers: a
/// TrainJob has `trainer.env`, a JobSet templates of Jobs.
pub(super) fn collect_any_env<'a>(node: &JsonValue<'a>, carrier: &mut Carrier<'_, 'a>) {
    match node {
        JsonValue::Map(entries) => {
            env(node, carrier);
            entries.iter().for_each(|(_, below)| collect_any_env(below, carrier));
        }
        JsonValue::List(items) => items.iter().for_each(|item| collect_any_env(item, carrier)),
        JsonValue::Null
        | JsonValue::Bool(_)
        | JsonValue::Whole(_)
        | JsonValue::Float(_)
        | JsonValue::Text(_)
        | JsonValue::EmptyList
        | JsonValue::EmptyMap => {}
    }
}

/// The hash of a pod template of a custom resource as the ReplicaSets below it have it.
pub(super) fn of_replica_sets(template: &JsonValue<'_>) -> u64 {
    let mut spec = JsonValue::Map(vec![(Cow::Borrowed("template"), template.without_void())]);
    let (hash, _) = hashes(&mut spec, "template");
    hash
}

/// The hashes of what stands at `place` without what a ReplicaSet adds to it, and without the mark
/// of a restart.
pub(super) fn hashes(spec: &mut JsonValue<'_>, place: &str) -> (u64, u64) {
    let mut bytes = Vec::with_capacity(2 * spec_hash::ROOM);
    let within = |last: [&'static str; 3]| {
        let to_pods: &[&str] = if place == OF_JOBS { &["spec", "template"] } else { &[] };
        [place].into_iter().chain(to_pods.iter().copied()).chain(last).collect::<Vec<_>>()
    };
    for label in OF_REPLICA_SETS {
        spec.remove(&within(["metadata", "labels", label]));
    }
    let mut hash = |spec: &JsonValue<'_>| {
        spec_hash::hash(spec.at(place).unwrap_or(&JsonValue::Null), &mut bytes)
    };
    let template = hash(spec);
    let restarted_at = within(["metadata", "annotations", "kubectl.kubernetes.io/restartedAt"]);
    if spec.remove(&restarted_at) { (template, hash(spec)) } else { (template, template) }
}
