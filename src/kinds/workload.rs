//! Deployments and ReplicaSets.

use std::sync::Arc;

use serde::Deserialize;

use super::metadata::Metadata;
use super::read::{Count, Few};
use super::refusal::{decode, label, refuse};
use super::status::{MAX_CONDITIONS, RawCondition};
use super::tree::Node;
use super::{Decoded, SnapshotError, check_kind, read::Text, spec_hash, told_stamps};
use crate::context::Carrier;
use crate::lifecycle::object::{Kind, Snapshot, Workload, WorkloadStatus};
use crate::lifecycle::time::UnixNanos;

/// How many containers of a template are kept.
const MAX_IMAGES: usize = 1_000;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Raw<'a> {
    #[serde(borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    metadata: Metadata<'a>,
    #[serde(borrow)]
    spec: Node<'a>,
    #[serde(borrow)]
    status: Option<Status<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status<'a> {
    observed_generation: Count,
    replicas: Count,
    updated_replicas: Count,
    ready_replicas: Count,
    available_replicas: Count,
    #[serde(borrow)]
    conditions: Few<RawCondition<'a>, MAX_CONDITIONS>,
}

/// Reads an object of `kind`.
pub(super) fn workload(kind: Kind, json: &[u8]) -> Result<Decoded, SnapshotError> {
    let raw: Raw<'_> = decode(kind.name(), json)?;
    let name = kind.name().to_owned();
    read(kind, raw).map_err(|problem| refuse(&name, json, problem))
}

fn read(kind: Kind, raw: Raw<'_>) -> Result<Decoded, String> {
    let Raw { kind: said, mut metadata, mut spec, status } = raw;
    check_kind(kind.name(), &said.0)?;
    if !matches!(spec, Node::Map(_) | Node::Null) {
        return Err(format!("spec is {}: a map is expected", spec.told()));
    }
    let replicas = match spec.at("replicas") {
        None => 1,
        Some(Node::Whole(replicas)) => *replicas,
        Some(other) => {
            return Err(format!("spec.replicas is {}: a whole number is expected", other.told()));
        }
    };
    let paused = match spec.at("paused") {
        None => false,
        Some(Node::Bool(paused)) => *paused,
        Some(other) => {
            return Err(format!("spec.paused is {}: true or false is expected", other.told()));
        }
    };
    let mut carrier = std::mem::take(&mut metadata.annotations.carrier);
    collect_env(&spec, &mut carrier);
    let found = carrier.read();
    let images = images(&spec);
    let paths = spec_hash::paths(&spec);
    let (template, template_without_restart) = template_hashes(&mut spec);
    let revision = metadata.annotations.revision;
    let (writers, status_written) = (metadata.writers(), metadata.status_written());
    let meta = metadata.meta()?;
    let refused_stamps =
        told_stamps(found.refused, || label(kind.name(), Some(&meta.namespace), Some(&meta.name)));
    let workload = Workload {
        meta,
        kind,
        spec: paths.into(),
        replicas,
        paused,
        images: images.into(),
        template,
        template_without_restart,
        revision,
        stamps: if found.stamps.is_empty() { Arc::default() } else { found.stamps.into() },
        writers: writers.into(),
        status: read_status(status.unwrap_or_default(), status_written),
    };
    Ok(Decoded { snapshot: Snapshot::Workload(Box::new(workload)), refused_stamps })
}

fn read_status(raw: Status<'_>, written: Option<UnixNanos>) -> WorkloadStatus {
    let mut status = WorkloadStatus {
        observed: raw.observed_generation.or_zero(),
        replicas: raw.replicas.or_zero(),
        updated: raw.updated_replicas.or_zero(),
        ready: raw.ready_replicas.or_zero(),
        available: raw.available_replicas.or_zero(),
        progressing: None,
        replica_failure: None,
        written,
    };
    for condition in raw.conditions.0 {
        let slot = match &*condition.r#type.0 {
            "Progressing" => &mut status.progressing,
            "ReplicaFailure" => &mut status.replica_failure,
            _ => continue,
        };
        *slot = Some(condition.into());
    }
    status
}

/// The containers of the pod template: those that stay first, then the init containers.
fn containers<'s, 'a>(spec: &'s Node<'a>) -> impl Iterator<Item = &'s Node<'a>> {
    ["containers", "initContainers"]
        .into_iter()
        .filter_map(|list| spec.below(&["template", "spec", list]))
        .flat_map(Node::items)
        .take(MAX_IMAGES)
}

fn images(spec: &Node<'_>) -> Vec<(Box<str>, Box<str>)> {
    let named = |container: &Node<'_>| {
        let image = container.text_at("image").unwrap_or_default();
        Some((container.text_at("name")?.into(), image.into()))
    };
    containers(spec).filter_map(named).collect()
}

/// Looks for trace contexts in the env of the template; no other value is looked at.
fn collect_env<'a>(spec: &Node<'a>, carrier: &mut Carrier<'a>) {
    for container in containers(spec) {
        let env = container.at("env").map(Node::items).unwrap_or_default();
        let value_of = |name: &str| {
            // Of two variables of one name the last one counts.
            let variable = env.iter().rfind(|variable| variable.text_at("name") == Some(name))?;
            variable.at("value")?.text().cloned()
        };
        carrier.env(value_of("TRACEPARENT"), value_of("TRACESTATE"));
    }
}

/// The hashes of the template without what its ReplicaSet adds, and without the mark of a restart.
fn template_hashes(spec: &mut Node<'_>) -> (u64, u64) {
    let mut bytes = Vec::new();
    spec.remove(&["template", "metadata", "labels", "pod-template-hash"]);
    let mut hash =
        |spec: &Node<'_>| spec_hash::hash(spec.at("template").unwrap_or(&Node::Null), &mut bytes);
    let template = hash(spec);
    let restarted_at = ["template", "metadata", "annotations", "kubectl.kubernetes.io/restartedAt"];
    if spec.remove(&restarted_at) { (template, hash(spec)) } else { (template, template) }
}
