//! Kubernetes Events, as core/v1 and as events.k8s.io/v1 show them.

use serde::Deserialize;

use super::metadata::{Metadata, uid};
use super::read::{Count, Message, Text, Time};
use super::refusal::{decode, refuse};
use super::{SnapshotError, check_kind};
use crate::lifecycle::object::Note;
use crate::lifecycle::time::{Nanos, UnixNanos};

/// How far the time in an Event's name may lie from the one in its fields.
const NAME_TIME_WITHIN: Nanos = Nanos::from_seconds(10);

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Event<'a> {
    #[serde(borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    metadata: Metadata<'a>,
    #[serde(borrow)]
    involved_object: Option<Involved<'a>>,
    #[serde(borrow)]
    regarding: Option<Involved<'a>>,
    reason: Message,
    message: Message,
    note: Message,
    #[serde(borrow)]
    r#type: Text<'a>,
    count: Count,
    deprecated_count: Count,
    series: Option<Series>,
    event_time: Time,
    first_timestamp: Time,
    deprecated_first_timestamp: Time,
    last_timestamp: Time,
    deprecated_last_timestamp: Time,
    source: Option<Source>,
    deprecated_source: Option<Source>,
    reporting_component: Message,
    reporting_controller: Message,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Involved<'a> {
    #[serde(borrow)]
    uid: Text<'a>,
    #[serde(borrow)]
    field_path: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Series {
    count: Count,
    last_observed_time: Time,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Source {
    component: Message,
}

/// Reads an Event.
pub(super) fn event(json: &[u8]) -> Result<Note, SnapshotError> {
    let event: Event<'_> = decode("Event", json)?;
    read(event).map_err(|problem| refuse("Event", json, problem))
}

fn read(event: Event<'_>) -> Result<Note, String> {
    check_kind("Event", &event.kind.0)?;
    let (own_uid, resource_version) = event.metadata.identity()?;
    let (key, involved) = match (event.involved_object, event.regarding) {
        (Some(involved), _) => ("involvedObject.uid", involved),
        (None, Some(regarding)) => ("regarding.uid", regarding),
        (None, None) => ("involvedObject.uid", Involved::default()),
    };
    let series = event.series.unwrap_or_default();
    let count = [event.count, series.count, event.deprecated_count]
        .into_iter()
        .filter_map(|count| count.0)
        .max()
        .unwrap_or(1)
        .max(1);
    let created = event.metadata.creation_timestamp.0;
    let first = event.first_timestamp.0.or(event.deprecated_first_timestamp.0);
    let seconds = [
        event.last_timestamp.0,
        event.deprecated_last_timestamp.0,
        series.last_observed_time.0,
        first,
        event.event_time.0,
        created,
    ]
    .into_iter()
    .flatten()
    .next()
    .unwrap_or_default();
    let exact = event.event_time.0.or_else(|| {
        let from_name = time_in_name(&event.metadata.name.0)?;
        let off = from_name.since(first.or(created)?);
        (-NAME_TIME_WITHIN.0..=NAME_TIME_WITHIN.0).contains(&off.0).then_some(from_name)
    });
    let source = event.source.or(event.deprecated_source).unwrap_or_default().component;
    let names = [source, event.reporting_component, event.reporting_controller];
    Ok(Note {
        uid: own_uid,
        resource_version,
        about: uid(key, &involved.uid.0)?,
        container: container(&involved.field_path.0).into(),
        reason: event.reason.0,
        message: if event.message.0.is_empty() { event.note.0 } else { event.message.0 },
        is_warning: event.r#type.0 == "Warning",
        count: u32::try_from(count).unwrap_or(u32::MAX),
        exact: exact.filter(|_| count == 1),
        seconds: UnixNanos::from_seconds(seconds.seconds()),
        source: names
            .into_iter()
            .map(|name| name.0)
            .find(|name| !name.is_empty())
            .unwrap_or_default(),
    })
}

/// The clock of the emitter: client-go ends an Event's name with its time, `web-1.18e9bc5cadcf7c43`,
/// in hexadecimal nanoseconds.
fn time_in_name(name: &str) -> Option<UnixNanos> {
    let (_, digits) = name.rsplit_once('.')?;
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    i64::from_str_radix(digits, 16).ok().map(UnixNanos)
}

/// `app` of `spec.containers{app}`, also of `initContainers` and `ephemeralContainers`.
fn container(field_path: &str) -> &str {
    let name = ["spec.containers{", "spec.initContainers{", "spec.ephemeralContainers{"]
        .into_iter()
        .find_map(|prefix| field_path.strip_prefix(prefix));
    name.and_then(|name| name.strip_suffix('}')).unwrap_or_default()
}
