//! The built-in kinds that own Pods, or own what owns them.

use std::sync::Arc;

use serde::Deserialize;

use super::json_value::JsonValue;
use super::metadata::Metadata;
use super::read::{Count, Few};
use super::refusal::{decode, label, refuse};
use super::status::{MAX_CONDITIONS, RawCondition};
use super::{Decoded, SnapshotError, check_kind, job, read::Text, spec_hash, stamps, template};
use crate::context::Rules;
use crate::facts::change::Snapshot;
use crate::facts::kind::Kind;
use crate::facts::time::{Nanos, UnixNanos};
use crate::facts::workload::{Mode, TemplatePath, Workload, WorkloadStatus};

#[derive(Default, Deserialize)]
#[serde(default)]
struct Raw<'a> {
    #[serde(borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    metadata: Metadata<'a>,
    #[serde(borrow)]
    spec: JsonValue<'a>,
    #[serde(borrow)]
    status: Option<Status<'a>>,
}

/// The status of any of the kinds; what one of them lacks is absent in it.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status<'a> {
    observed_generation: Count,
    replicas: Count,
    updated_replicas: Count,
    ready_replicas: Count,
    available_replicas: Count,
    #[serde(borrow)]
    current_revision: Text<'a>,
    #[serde(borrow)]
    update_revision: Text<'a>,
    current_number_scheduled: Count,
    desired_number_scheduled: Count,
    updated_number_scheduled: Count,
    number_ready: Count,
    number_available: Count,
    #[serde(borrow)]
    conditions: Few<RawCondition<'a>, MAX_CONDITIONS>,
}

/// `minReadySeconds` is an int32.
pub(super) const MAX_READY: i64 = 0x7fff_ffff;

/// What sets a kind apart from the others.
struct Form {
    mode: Mode,
    /// Where its template stands.
    place: &'static str,
    template_path: TemplatePath,
    has_replicas: bool,
    /// The field that stops it.
    pause: Option<&'static str>,
}

impl Form {
    const fn of(kind: &Kind) -> Self {
        let pods = Self {
            mode: Mode::Rollout,
            place: "template",
            template_path: TemplatePath::Pods,
            has_replicas: true,
            pause: None,
        };
        match kind {
            Kind::Deployment => Self { pause: Some("paused"), ..pods },
            Kind::DaemonSet => Self { has_replicas: false, ..pods },
            Kind::Job => {
                Self { mode: Mode::Run, has_replicas: false, pause: Some("suspend"), ..pods }
            }
            Kind::CronJob => Self {
                mode: Mode::Plain,
                place: template::OF_JOBS,
                template_path: TemplatePath::Jobs,
                has_replicas: false,
                pause: Some("suspend"),
            },
            Kind::StatefulSet
            | Kind::ReplicaSet
            | Kind::ReplicationController
            | Kind::Pod
            | Kind::Other(_) => pods,
        }
    }
}

/// Reads an object of `kind`, which is a built-in one.
pub(super) fn workload(kind: Kind, json: &[u8], rules: &Rules) -> Result<Decoded, SnapshotError> {
    let raw: Raw<'_> = decode(kind.name(), json)?;
    let name = kind.name().to_owned();
    read(kind, raw, rules).map_err(|problem| refuse(&name, json, problem))
}

fn read(kind: Kind, raw: Raw<'_>, rules: &Rules) -> Result<Decoded, String> {
    let Raw { kind: said, mut metadata, mut spec, status } = raw;
    check_kind(kind.name(), &said.0)?;
    if !matches!(spec, JsonValue::Map(_) | JsonValue::Null) {
        return Err(format!("spec is {}: a map is expected", spec.told()));
    }
    let form = Form::of(&kind);
    let replicas = form.has_replicas.then(|| whole(&spec, &["replicas"], 1)).transpose()?;
    let paused = form.pause.map(|key| flag(&spec, key)).transpose()?.unwrap_or(false);
    let min_ready = Nanos::from_seconds(whole(&spec, &["minReadySeconds"], 0)?.clamp(0, MAX_READY));
    let status = status.unwrap_or_default();
    let (mut partition, mut is_on_delete, mut update_revision) = (0, false, None);
    if kind == Kind::StatefulSet {
        partition = whole(&spec, &["updateStrategy", "rollingUpdate", "partition"], 0)?;
        is_on_delete = strategy(&spec)? == "OnDelete";
        update_revision = status.update_revision.said();
    } else if kind == Kind::DaemonSet {
        is_on_delete = strategy(&spec)? == "OnDelete";
        let generation = metadata.annotations.template_generation.take();
        update_revision = generation.and_then(|it| it.said());
    }
    let mut carrier = metadata.carrier(rules, kind.name(), kind.group());
    // What the template of a CronJob carries is its Jobs': each of them reads it as its own.
    if kind != Kind::CronJob {
        template::collect_env(&spec, form.place, &mut carrier);
    }
    let found = carrier.read();
    let images = template::images(&spec, form.place);
    let paths = spec_hash::paths(&spec);
    let (template, template_without_restart) = template::hashes(&mut spec, form.place);
    let said = &metadata.annotations;
    let (revision, is_reused) = (said.revision, said.is_reused);
    let scheduled = metadata.annotations.scheduled.filter(|_| kind == Kind::Job);
    let (writers, status_written) = (metadata.writers(), metadata.status_written());
    let meta = metadata.meta()?;
    let n_stamps = found.stamps.len();
    let refused_stamps = stamps::told(found.refused, || {
        label(kind.name(), meta.namespace.as_deref(), Some(&meta.name))
    });
    let status = read_status(&kind, status, meta.generation, status_written);
    let workload = Workload {
        meta,
        kind,
        mode: form.mode,
        spec: paths.into(),
        template_path: Some(form.template_path),
        goals: Arc::default(),
        replicas,
        paused,
        is_on_delete,
        partition,
        images: images.into(),
        pod_template: None,
        is_queue: false,
        spawns: form.mode == Mode::Plain,
        limit: None,
        min_ready,
        template,
        template_without_restart,
        revision,
        is_reused,
        update_revision,
        scheduled,
        stamps: if found.stamps.is_empty() { Arc::default() } else { found.stamps.into() },
        writers: writers.into(),
        status,
    };
    Ok(Decoded { snapshot: Snapshot::Workload(Box::new(workload)), n_stamps, refused_stamps })
}

fn read_status(
    kind: &Kind,
    raw: Status<'_>,
    generation: Option<i64>,
    written: Option<UnixNanos>,
) -> WorkloadStatus {
    let mut status = match kind {
        Kind::DaemonSet => WorkloadStatus {
            observed: raw.observed_generation.0,
            replicas: raw.current_number_scheduled.or_zero(),
            updated: raw.updated_number_scheduled.or_zero(),
            ready: raw.number_ready.or_zero(),
            available: raw.number_available.or_zero(),
            desired: raw.desired_number_scheduled.or_zero(),
            ..WorkloadStatus::default()
        },
        // Neither says which generation its status is about.
        Kind::Job | Kind::CronJob => {
            WorkloadStatus { observed: generation, ..WorkloadStatus::default() }
        }
        Kind::Deployment
        | Kind::StatefulSet
        | Kind::ReplicaSet
        | Kind::ReplicationController
        | Kind::Pod
        | Kind::Other(_) => WorkloadStatus {
            observed: raw.observed_generation.0,
            replicas: raw.replicas.or_zero(),
            updated: raw.updated_replicas.or_zero(),
            ready: raw.ready_replicas.or_zero(),
            available: raw.available_replicas.or_zero(),
            is_of_one_revision: *kind == Kind::StatefulSet
                && raw.current_revision == raw.update_revision,
            ..WorkloadStatus::default()
        },
    };
    status.written = written;
    if *kind == Kind::Job {
        let mut conditions = raw.conditions.0;
        let suspended = conditions.iter().position(|it| it.r#type.is("Suspended"));
        status.progressing = suspended.map(|at| Box::new(conditions.remove(at).into()));
        status.verdict = Some(Box::new(job::verdict(conditions)));
        return status;
    }
    for condition in raw.conditions.0 {
        let slot = match &*condition.r#type.0 {
            b"Progressing" => &mut status.progressing,
            b"ReplicaFailure" => &mut status.replica_failure,
            _ => continue,
        };
        *slot = Some(Box::new(condition.into()));
    }
    status
}

/// The whole number at `keys` of the spec.
fn whole(spec: &JsonValue<'_>, keys: &[&str], default: i64) -> Result<i64, String> {
    match spec.below(keys) {
        None => Ok(default),
        Some(JsonValue::Whole(number)) => Ok(*number),
        Some(other) => {
            let (path, told) = (keys.join("."), other.told());
            Err(format!("spec.{path} is {told}: a whole number is expected"))
        }
    }
}

/// Whether the field `key` of the spec is set.
fn flag(spec: &JsonValue<'_>, key: &str) -> Result<bool, String> {
    match spec.at(key) {
        None => Ok(false),
        Some(JsonValue::Bool(is_set)) => Ok(*is_set),
        Some(other) => Err(format!("spec.{key} is {}: true or false is expected", other.told())),
    }
}

/// `updateStrategy.type`.
fn strategy<'s>(spec: &'s JsonValue<'_>) -> Result<&'s str, String> {
    match spec.below(&["updateStrategy", "type"]) {
        None => Ok(""),
        Some(JsonValue::Text(strategy)) => Ok(strategy),
        Some(other) => {
            Err(format!("spec.updateStrategy.type is {}: a string is expected", other.told()))
        }
    }
}

#[cfg(test)]
mod tests;
