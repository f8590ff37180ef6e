//! Custom resources: objects of any kind, read by the rules of the catalogue.

use serde::Deserialize;

use super::custom::Custom;
use super::json_path::Parts;
use super::json_value::{JsonValue, Whole};
use super::metadata::Metadata;
use super::read::Text;
use super::refusal::{decode, label, refuse};
use super::rules::is_goal;
use super::verdict::{self, Judged};
use super::workload::MAX_READY;
use super::{Decoded, SnapshotError, check_kind, spec_hash, stamps, template};
use crate::context;
use crate::facts::change::Snapshot;
use crate::facts::kind::Kind;
use crate::facts::time::Nanos;
use crate::facts::workload::{Mode, Verdict, Workload, WorkloadStatus};

/// Written by `kubectl rollout restart`.
const RESTARTED_AT: &str = "annotations.kubectl.kubernetes.io/restartedAt";

#[derive(Default, Deserialize)]
#[serde(default)]
struct Raw<'a> {
    #[serde(borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    metadata: Metadata<'a>,
    #[serde(borrow)]
    spec: Whole<'a>,
    #[serde(borrow)]
    status: Whole<'a>,
}

/// Reads a custom resource. Of its spec and status nothing is asked: they may be anything.
pub(super) fn generic(
    custom: &Custom,
    json: &[u8],
    context: &context::Rules,
) -> Result<Decoded, SnapshotError> {
    let raw: Raw<'_> = decode(&custom.kind, json)?;
    read(custom, raw, context).map_err(|problem| refuse(&custom.kind, json, problem))
}

fn read(custom: &Custom, raw: Raw<'_>, context: &context::Rules) -> Result<Decoded, String> {
    let Raw { kind, metadata, spec: Whole(spec), status: Whole(status) } = raw;
    check_kind(&custom.kind, &kind.0)?;
    let mut carrier = metadata.carrier(context, &custom.kind, &custom.group);
    template::collect_any_env(&spec, &mut carrier);
    stamps::status(&status, &mut carrier);
    let found = carrier.read();
    let paths = spec_hash::paths(&spec);
    let goals = custom.goals();
    let is_template = |path: &str| !goals.iter().any(|goal| is_goal(goal, path));
    let template = spec_hash::of_paths(&paths, is_template);
    let restart = custom.rules.restart.as_ref().map(|(field, _)| *field);
    let is_restart = |path: &str| Some(path) == restart || path.ends_with(RESTARTED_AT);
    let template_without_restart =
        spec_hash::of_paths(&paths, |path| is_template(path) && !is_restart(path));
    let is_set = |key| matches!(spec.at(key), Some(JsonValue::Bool(true)));
    let paused = is_set("paused") || is_set("suspend");
    let images = template::images(&spec, "template");
    let object = Parts { spec: &spec, status: &status };
    let replicas = custom.rules.n_wanted(object);
    let pod_template = spec.at("template").map(template::of_replica_sets);
    let queue = if custom.rules.is_queue { verdict::queue(&status) } else { Box::default() };
    let suspended = verdict::suspended(&status).filter(|_| custom.rules.mode == Mode::Run);
    let min_ready = spec.at("minReadySeconds").and_then(JsonValue::whole);
    let progress = verdict::progress(&custom.rules, object);
    let (writers, written) = (metadata.writers(), metadata.status_written());
    let said = &metadata.annotations;
    let (revision, is_reused, workload) = (said.revision, said.is_reused, said.workload_generation);
    let meta = metadata.meta()?;
    let Judged { observed, names, speech, verdict, .. } =
        verdict::judge(&custom.rules, meta.generation, object);
    // A Rollout that takes its template from another workload says which generation of that it has
    // seen.
    let is_behind = spec.at("workloadRef").is_some()
        && workload.is_some()
        && status.number_at("workloadObservedGeneration") != workload;
    let verdict = if is_behind { Verdict::Progressing } else { verdict };
    let n_stamps = found.stamps.len();
    let refused_stamps = stamps::told(found.refused, || {
        label(&custom.kind, meta.namespace.as_deref(), Some(&meta.name))
    });
    let workload = Workload {
        meta,
        kind: Kind::of(&custom.group, &custom.kind),
        mode: custom.rules.mode,
        spec: paths.into(),
        template_path: None,
        goals,
        replicas,
        paused,
        is_on_delete: false,
        partition: 0,
        images: images.into(),
        pod_template,
        is_queue: custom.rules.is_queue,
        spawns: custom.rules.spawns,
        limit: custom.rules.limit,
        min_ready: Nanos::from_seconds(min_ready.unwrap_or(0).clamp(0, MAX_READY)),
        template,
        template_without_restart,
        revision,
        is_reused,
        update_revision: None,
        scheduled: None,
        stamps: found.stamps.into(),
        writers: writers.into(),
        status: WorkloadStatus {
            observed,
            names,
            speech,
            verdict: Some(Box::new(verdict)),
            progress,
            progressing: suspended.map(Box::new),
            queue,
            written,
            ..WorkloadStatus::default()
        },
    };
    Ok(Decoded { snapshot: Snapshot::Workload(Box::new(workload)), n_stamps, refused_stamps })
}

#[cfg(test)]
mod tests;
