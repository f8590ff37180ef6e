//! Whether an object is stamped, and with what.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::{Headers, Outcome, Policy, Skip};
use crate::context::{self, Injected, Injection, Stamps, TraceContext};
use crate::facts::stamp::Stamp;
use crate::kinds;

/// Keys of an object that do not say what is wanted.
const NOT_WANTED: [&str; 4] = ["apiVersion", "kind", "metadata", "status"];

/// What is written all the time and decided by nobody, whatever the rules of the configuration say:
/// by group and kind.
const HEARTBEATS: [(&str, &str); 8] = [
    ("coordination.k8s.io", "Lease"),
    ("coordination.k8s.io", "LeaseCandidate"),
    ("", "Event"),
    ("events.k8s.io", "Event"),
    ("", "Endpoints"),
    ("discovery.k8s.io", "EndpointSlice"),
    ("storage.k8s.io", "CSINode"),
    ("storage.k8s.io", "CSIStorageCapacity"),
];

/// The annotation that names the span of the stamp beside it, which tells a stamp that the webhook
/// wrote from those of others. It stands on the object: it outlives the process, holds for all
/// processes alike, and where an undo brings the annotations of an old revision back, it comes back
/// with them.
const WROTE: &str = "stamp.lifespan.io/wrote";

/// What `kubectl create job --from` leaves on the Job of a CronJob that a person began.
const INSTANTIATE: &str = "cronjob.kubernetes.io/instantiate";

/// All annotations together after which no stamp is added any more. The API server takes a third
/// more: what others add later must have room too.
const MAX_ANNOTATIONS: usize = 192 << 10;

/// An object of more bytes is left alone: etcd takes half as much again.
const MAX_OBJECT: usize = 1 << 20;

/// The request of a review.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Request<'a> {
    pub(super) uid: String,
    #[serde(default)]
    pub(super) kind: Kind,
    #[serde(default)]
    pub(super) resource: Resource,
    #[serde(default)]
    sub_resource: Option<String>,
    #[serde(default)]
    operation: String,
    #[serde(default)]
    dry_run: Option<bool>,
    #[serde(default)]
    pub(super) namespace: Option<String>,
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(borrow, default)]
    object: Option<&'a RawValue>,
    #[serde(borrow, default)]
    old_object: Option<&'a RawValue>,
    #[serde(default)]
    options: Option<Options>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Kind {
    group: String,
    pub(super) kind: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Resource {
    pub(super) group: String,
    pub(super) version: String,
    pub(super) resource: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Options {
    field_manager: String,
}

/// What is written onto an object.
pub(super) struct Decided {
    pub(super) patch: Value,
    pub(super) context: TraceContext,
    pub(super) outcome: Outcome,
}

/// The JSON patch that stamps the object, or why it is left as it is.
pub(super) fn decide(
    request: &Request<'_>,
    headers: &Headers<'_>,
    policy: &Policy,
    random: &[u8; 32],
) -> Result<Decided, Skip> {
    let is_update = match request.operation.as_str() {
        "CREATE" => false,
        "UPDATE" => true,
        _ => return Err(Skip::Operation),
    };
    if request.sub_resource.as_deref().is_some_and(|name| !name.is_empty()) {
        return Err(Skip::Subresource);
    }
    if request.dry_run == Some(true) {
        return Err(Skip::DryRun);
    }
    let Kind { group, kind } = &request.kind;
    if HEARTBEATS.contains(&(group.as_str(), kind.as_str())) {
        return Err(Skip::Heartbeat);
    }
    let raw = request.object.ok_or(Skip::Unreadable)?.get();
    let object = read(raw)?;
    let metadata = object.get("metadata").and_then(Value::as_object).ok_or(Skip::Unreadable)?;
    let present = annotations(metadata);
    if is_owned(metadata) && present.get(INSTANTIATE).is_none_or(|it| it != "manual") {
        return Err(Skip::Owned);
    }
    let mut theirs = theirs(raw, &present, policy)?;
    if is_update {
        let old = request.old_object.ok_or(Skip::Unreadable)?.get();
        let before = read(old)?;
        if wants_the_same(&before, &object) {
            return Err(Skip::Unchanged);
        }
        let known = stamps(old, policy)?.stamps;
        let manager = request.options.as_ref().map_or("", |options| &options.field_manager);
        theirs.retain(|stamp| {
            let is_new = known.iter().all(|known| known.context != stamp.context);
            is_new || is_owned_by(metadata, manager, &stamp.found)
        });
    }
    if !theirs.is_empty() {
        return Err(Skip::HasStamp);
    }
    let (context, outcome) = match sent(headers) {
        Some(context) => (context, Outcome::Stamped),
        None if policy.mints => {
            let mut context = TraceContext::minted(random);
            if !policy.is_recorded || request.path().is_none() {
                // Nobody records the root of this trace, and it must say so.
                context = context.unrecorded();
            }
            (context.clone(), Outcome::Minted(context))
        }
        None => return Err(Skip::NoContext),
    };
    let how = Injection { rule: policy.place.clone(), overwrites: true, baggage: None };
    let changes = how.changes(&context, &present).map_err(|injected| {
        if injected == Injected::NoRoom { Skip::NoRoom } else { Skip::Unreadable }
    })?;
    let mut changes = changes.annotations;
    changes.push((WROTE.to_owned(), Some(context.span_id.to_string())));
    if context::size_after(&present, &changes) > MAX_ANNOTATIONS || raw.len() > MAX_OBJECT {
        return Err(Skip::NoRoom);
    }
    Ok(Decided { patch: patch(metadata, &present, changes), context, outcome })
}

impl Request<'_> {
    /// Where the API server has the object; `None` of one whose name it has yet to make.
    pub(super) fn path(&self) -> Option<String> {
        let Resource { group, version, resource } = &self.resource;
        let name = self.name.as_deref().filter(|name| !name.is_empty())?;
        if version.is_empty() || resource.is_empty() {
            return None;
        }
        let base = if group.is_empty() { "/api".to_owned() } else { format!("/apis/{group}") };
        let namespace = match self.namespace.as_deref() {
            None | Some("") => String::new(),
            Some(namespace) => format!("/namespaces/{namespace}"),
        };
        Some(format!("{base}/{version}{namespace}/{resource}/{name}"))
    }
}

fn read(raw: &str) -> Result<Map<String, Value>, Skip> {
    serde_json::from_str(raw).map_err(|_| Skip::Unreadable)
}

fn annotations(metadata: &Map<String, Value>) -> BTreeMap<String, String> {
    let map = metadata.get("annotations").and_then(Value::as_object).into_iter().flatten();
    map.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
}

fn is_owned(metadata: &Map<String, Value>) -> bool {
    let owners = metadata.get("ownerReferences").and_then(Value::as_array);
    let is_controller = |owner: &Value| owner.get("controller") == Some(&Value::Bool(true));
    owners.is_some_and(|owners| owners.iter().any(is_controller))
}

fn stamps(raw: &str, policy: &Policy) -> Result<Stamps, Skip> {
    kinds::stamps(raw.as_bytes(), &policy.rules).map_err(|_| Skip::Unreadable)
}

/// The trace contexts on an object that somebody else wrote. What the webhook itself wrote is old
/// news, also where an undo brings it back with the old template.
fn theirs(
    raw: &str,
    present: &BTreeMap<String, String>,
    policy: &Policy,
) -> Result<Vec<Stamp>, Skip> {
    let wrote = present.get(WROTE);
    let mut stamps = stamps(raw, policy)?.stamps;
    stamps.retain(|stamp| wrote.is_none_or(|span| *span != stamp.context.span_id.to_string()));
    Ok(stamps)
}

/// Whether the writer of this request is who set the annotation `key`: one that writes it each time
/// the same, as from Git, wants it so. Left over from another writer it means nothing.
fn is_owned_by(metadata: &Map<String, Value>, manager: &str, key: &str) -> bool {
    let entries = metadata.get("managedFields").and_then(Value::as_array).into_iter().flatten();
    let mut own =
        entries.filter(|entry| entry.get("manager").and_then(Value::as_str) == Some(manager));
    let field = format!("f:{key}");
    !manager.is_empty()
        && own.any(|entry| {
            let fields = entry.pointer("/fieldsV1/f:metadata/f:annotations");
            fields.is_some_and(|fields| fields.get(&field).is_some())
        })
}

/// Whether both say the same but for what others write about them.
fn wants_the_same(before: &Map<String, Value>, after: &Map<String, Value>) -> bool {
    let wanted = |key: &&String| !NOT_WANTED.contains(&key.as_str());
    let mut keys = before.keys().chain(after.keys()).filter(wanted);
    keys.all(|key| before.get(key) == after.get(key))
}

/// The trace context of the request. Two of them are as good as none.
fn sent(headers: &Headers<'_>) -> Option<TraceContext> {
    let [parent] = *headers.parents else { return None };
    let (trace_id, span_id, flags) = context::traceparent(parent.trim()).ok()?;
    // Several fields are one, in their order (RFC 9110, section 5.3).
    let state = headers.states.join(",");
    let trace_state = if context::tracestate(&state).is_ok() { state.into() } else { "".into() };
    Some(TraceContext { trace_id, span_id, flags, trace_state })
}

/// RFC 6902. Nothing is tested: the API server applies it to what it has sent.
fn patch(
    metadata: &Map<String, Value>,
    present: &BTreeMap<String, String>,
    annotations: Vec<(String, Option<String>)>,
) -> Value {
    let mut steps = Vec::new();
    if metadata.get("annotations").and_then(Value::as_object).is_none() {
        steps.push(json!({"op": "add", "path": "/metadata/annotations", "value": {}}));
    }
    for (key, value) in annotations {
        let path = format!("/metadata/annotations/{}", key.replace('~', "~0").replace('/', "~1"));
        match value {
            Some(value) => steps.push(json!({"op": "add", "path": path, "value": value})),
            None if present.contains_key(&key) => {
                steps.push(json!({"op": "remove", "path": path}));
            }
            None => {}
        }
    }
    Value::Array(steps)
}
