//! What a write did to an object, where the answer to it shows the object, and where it does not; pure.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::{RawValue, to_raw_value};
use serde_json::{Map, Value, json};

use crate::facts::kind::{Kind, Lane};

/// A write that was done.
#[derive(Debug)]
pub(in crate::recording) struct Write {
    pub(super) lane: Lane,
    /// Of its objects, where that is known.
    pub(super) kind: Option<Kind>,
    pub(super) verb: String,
    pub(super) subresource: String,
    pub(super) namespace: String,
    pub(super) name: String,
    /// Of the answer.
    pub(super) code: u16,
    pub(super) request: Option<Box<RawValue>>,
    pub(super) response: Option<Box<RawValue>>,
    /// What the API server calls the writer: what the request says, else the start of the user agent.
    pub(super) manager: String,
    /// The second of the write.
    pub(super) second: String,
}

/// What became of an object, with its new version.
#[derive(Debug)]
pub(super) enum Effect {
    Created(Box<RawValue>),
    /// It was there before; this is the first that is told of it.
    Found(Box<RawValue>),
    Changed(Box<RawValue>),
    Gone(Box<RawValue>),
}

/// Why the effect of a write is not known: a few words in the plural, to count by.
pub(super) type Hidden = &'static str;

/// The objects that were told of, as they are now.
#[derive(Debug, Default)]
pub(super) struct Known {
    objects: BTreeMap<(Lane, String), Box<RawValue>>,
}

/// What of an object tells whether it lives.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Seen<'a> {
    #[serde(borrow)]
    kind: &'a str,
    #[serde(borrow)]
    metadata: Metadata<'a>,
    #[serde(borrow)]
    items: Option<Vec<&'a RawValue>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Metadata<'a> {
    #[serde(borrow)]
    name: &'a str,
    #[serde(borrow)]
    namespace: &'a str,
    #[serde(borrow)]
    uid: &'a str,
    deletion_timestamp: Option<&'a str>,
    deletion_grace_period_seconds: Option<i64>,
    finalizers: Option<Vec<&'a RawValue>>,
    managed_fields: Option<&'a RawValue>,
}

impl Known {
    /// What `write` did, which got `version` or was between that and the one before.
    pub(super) fn take(&mut self, write: &Write, version: u64) -> Result<Vec<Effect>, Hidden> {
        let answer = write.response.as_deref().map(|it| (it, seen(it)));
        if let Some((object, seen)) = &answer
            && !seen.metadata.uid.is_empty()
            && is_of(seen.kind, write)
        {
            return Ok(vec![self.shown(write, object, seen)]);
        }
        let key = (write.lane, format!("{}/{}", write.namespace, write.name));
        let before = self.objects.get(&key);
        let changed = match (&*write.verb, &*write.subresource) {
            ("deletecollection", "") => {
                let items = answer.and_then(|(_, seen)| seen.items).unwrap_or_default();
                return Ok(self.gone_together(write.lane, &items, version));
            }
            ("delete", "") => {
                let Some(gone) =
                    before.filter(|it| write.response.is_some() || ends_at_once(write.lane, it))
                else {
                    return if before.is_some() {
                        Ok(Vec::new())
                    } else {
                        Err("deletions of what was not known")
                    };
                };
                let gone = with_version(object_of(gone), version);
                self.objects.remove(&key);
                return Ok(gone.map(Effect::Gone).into_iter().collect());
            }
            // What it leads to shows in the next write.
            ("create", "eviction") => return Ok(Vec::new()),
            (_, "scale") => before.and_then(|it| scaled(object_of(it), write)),
            ("create", "binding") => before.and_then(|it| bound(object_of(it), write)),
            ("update", "" | "status") => updated(before.map(|it| object_of(it)), write),
            ("patch", _) => before.and_then(|it| merged(object_of(it), write)),
            ("create", _) => return Err("creations at level Request, which do not tell the uid"),
            _ => None,
        };
        let is_known = before.is_some();
        let Some(object) = changed.and_then(|it| with_version(it, version)) else {
            return Err(match (is_known, &*write.verb) {
                (true, "patch") => "patches at level Request that only the API server can apply",
                (true, _) => "writes that do not show their object",
                (false, _) => "writes to what was not known that do not show it",
            });
        };
        self.objects.insert(key, object.clone());
        Ok(vec![if is_known { Effect::Changed(object) } else { Effect::Found(object) }])
    }

    /// The answer is the object.
    fn shown(&mut self, write: &Write, object: &RawValue, seen: &Seen<'_>) -> Effect {
        let Seen { metadata, .. } = seen;
        let key = (write.lane, format!("{}/{}", metadata.namespace, metadata.name));
        let has_grace = metadata.deletion_grace_period_seconds.unwrap_or(0) > 0;
        let is_held = metadata.finalizers.as_ref().is_some_and(|it| !it.is_empty());
        let is_gone = match metadata.deletion_timestamp {
            Some(_) => !has_grace && !is_held,
            None => write.verb == "delete",
        };
        let before = self.objects.get(&key);
        let mut object = object.to_owned();
        if metadata.managed_fields.is_none() && write.lane.has_lives() {
            object = signed(&object, before.map(|it| &**it), write).unwrap_or(object);
        }
        if is_gone {
            self.objects.remove(&key);
            return Effect::Gone(object);
        }
        let is_known = before.is_some();
        if write.lane.has_lives() {
            self.objects.insert(key, object.clone());
        }
        if write.code == 201 && write.subresource.is_empty() {
            Effect::Created(object)
        } else if is_known {
            Effect::Changed(object)
        } else {
            Effect::Found(object)
        }
    }

    /// The answer lists the objects as they were before.
    fn gone_together(&mut self, lane: Lane, items: &[&RawValue], version: u64) -> Vec<Effect> {
        let mut gone = Vec::new();
        for item in items {
            let Seen { metadata, .. } = seen(item);
            if !ends_at_once(lane, item) {
                continue;
            }
            self.objects.remove(&(lane, format!("{}/{}", metadata.namespace, metadata.name)));
            let n = u64::try_from(gone.len()).unwrap_or(0);
            gone.extend(with_version(object_of(item), version + n).map(Effect::Gone));
        }
        gone
    }
}

fn seen(json: &RawValue) -> Seen<'_> {
    serde_json::from_str(json.get()).unwrap_or_default()
}

fn object_of(json: &RawValue) -> Value {
    serde_json::from_str(json.get()).unwrap_or_default()
}

/// Whether an answer of this kind is the object itself, not a Scale, a Status or the like.
fn is_of(kind: &str, write: &Write) -> bool {
    match &write.kind {
        Some(of) => kind.is_empty() || kind == of.name(),
        None => !["Scale", "Status", "Binding", "Eviction"].contains(&kind),
    }
}

/// Whether its deletion takes no time: no finalizers, and no containers that have to end.
fn ends_at_once(lane: Lane, object: &RawValue) -> bool {
    let object = object_of(object);
    let is_held = object
        .pointer("/metadata/finalizers")
        .and_then(Value::as_array)
        .is_some_and(|it| !it.is_empty());
    let phase = object.pointer("/status/phase").and_then(Value::as_str).unwrap_or_default();
    let is_over = ["Succeeded", "Failed"].contains(&phase);
    let runs = lane == Lane::Pods && object.pointer("/spec/nodeName").is_some() && !is_over;
    !is_held && !runs
}

fn with_version(mut object: Value, version: u64) -> Option<Box<RawValue>> {
    let metadata = object.get_mut("metadata")?.as_object_mut()?;
    metadata.insert("resourceVersion".to_owned(), version.to_string().into());
    to_raw_value(&object).ok()
}

/// One more write of the spec.
fn next_generation(object: &mut Value) {
    if let Some(generation) = object.pointer_mut("/metadata/generation") {
        *generation = (generation.as_i64().unwrap_or(0) + 1).into();
    }
}

/// With the replicas that were asked for, and whoever asked.
fn scaled(mut object: Value, write: &Write) -> Option<Value> {
    let scale = write.response.as_deref().or(write.request.as_deref())?;
    let replicas = object_of(scale).pointer("/spec/replicas")?.clone();
    let spec = object.get_mut("spec")?.as_object_mut()?;
    if spec.insert("replicas".to_owned(), replicas.clone()).as_ref() != Some(&replicas) {
        next_generation(&mut object);
    }
    sign(&mut object, write, None);
    Some(object)
}

/// With the node that it was given.
fn bound(mut object: Value, write: &Write) -> Option<Value> {
    let binding = object_of(write.request.as_deref()?);
    let node = binding.pointer("/target/name")?.clone();
    object.get_mut("spec")?.as_object_mut()?.insert("nodeName".to_owned(), node);
    let status = object.get_mut("status")?.as_object_mut()?;
    let conditions = status.entry("conditions").or_insert_with(|| json!([])).as_array_mut()?;
    conditions.retain(|it| it.get("type").and_then(Value::as_str) != Some("PodScheduled"));
    conditions.push(
        json!({"type": "PodScheduled", "status": "True", "lastTransitionTime": write.second}),
    );
    Some(object)
}

/// As it was sent: its spec where that was written, else its status.
fn updated(before: Option<Value>, write: &Write) -> Option<Value> {
    let sent = object_of(write.request.as_deref()?);
    let Some(mut object) = before else {
        return sent.pointer("/metadata/uid").is_some().then_some(sent);
    };
    if write.subresource == "status" {
        let status = sent.get("status")?.clone();
        object.as_object_mut()?.insert("status".to_owned(), status);
        return Some(object);
    }
    if sent.get("spec") != object.get("spec") {
        next_generation(&mut object);
    }
    let (old, new) = (object.as_object_mut()?, sent.as_object()?);
    let own = old.get("metadata")?.as_object()?.clone();
    let mut metadata = new.get("metadata")?.as_object()?.clone();
    for key in [
        "uid",
        "creationTimestamp",
        "generation",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "managedFields",
    ] {
        metadata.remove(key);
        own.get(key).and_then(|value| metadata.insert(key.to_owned(), value.clone()));
    }
    for (key, value) in new.iter().filter(|(key, _)| *key != "status") {
        old.insert(key.clone(), value.clone());
    }
    old.insert("metadata".to_owned(), Value::Object(metadata));
    sign(&mut object, write, Some(&write.second));
    Some(object)
}

/// With a patch without lists, which every sort of patch applies in the same way.
fn merged(mut object: Value, write: &Write) -> Option<Value> {
    let patch = object_of(write.request.as_deref()?);
    let patch = patch.as_object().filter(|it| it.iter().all(is_plain))?;
    let spec = object.get("spec").cloned();
    merge(object.as_object_mut()?, patch);
    if object.get("spec") != spec.as_ref() {
        next_generation(&mut object);
    }
    sign(&mut object, write, Some(&write.second));
    Some(object)
}

fn is_plain((key, value): (&String, &Value)) -> bool {
    !key.starts_with('$')
        && !value.is_array()
        && value.as_object().is_none_or(|fields| fields.iter().all(is_plain))
}

fn merge(into: &mut Map<String, Value>, patch: &Map<String, Value>) {
    for (key, value) in patch {
        if value.is_null() {
            into.remove(key);
        } else if let (Some(Value::Object(into)), Value::Object(patch)) = (into.get_mut(key), value)
        {
            merge(into, patch);
        } else {
            into.insert(key.clone(), value.clone());
        }
    }
}

/// The object with its writers, where the policy leaves them out: those that were known, and this one.
fn signed(object: &RawValue, before: Option<&RawValue>, write: &Write) -> Option<Box<RawValue>> {
    let mut object = object_of(object);
    if let Some(known) =
        before.map(object_of).and_then(|it| it.pointer("/metadata/managedFields").cloned())
    {
        object.get_mut("metadata")?.as_object_mut()?.insert("managedFields".to_owned(), known);
    }
    sign(&mut object, write, Some(&write.second));
    to_raw_value(&object).ok()
}

/// As the API server keeps who wrote, and when if it is not through `scale`.
fn sign(object: &mut Value, write: &Write, time: Option<&str>) {
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    let entries = metadata.entry("managedFields").or_insert_with(|| json!([]));
    let Some(entries) = entries.as_array_mut() else { return };
    let mut entry = json!({"manager": write.manager, "operation": "Update"});
    if let Some(fields) = entry.as_object_mut() {
        if !write.subresource.is_empty() {
            fields.insert("subresource".to_owned(), write.subresource.as_str().into());
        }
        time.map(|time| fields.insert("time".to_owned(), time.into()));
    }
    let key = |it: &Value| (it.get("manager").cloned(), it.get("subresource").cloned());
    entries.retain(|it| key(it) != key(&entry));
    entries.push(entry);
}

#[cfg(test)]
mod tests;
