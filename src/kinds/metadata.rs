//! `metadata`, which all kinds share.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};

use super::catalog::group_of;
use super::json::{AsWritten, Unread};
use super::protobuf::{Field, Value, entry, message};
use super::read::{Count, Few, LenientText, Message, Text, Time, lenient_rest, start};
use super::rfc3339::rfc3339;
use crate::context::{Carrier, Rules};
use crate::facts::kind::Kind;
use crate::facts::meta::{Deletion, Meta, Owner, Uid, Writer};
use crate::facts::time::UnixNanos;

/// How many entries of lists in metadata are looked at; real ones have a handful.
const MAX_ENTRIES: usize = 256;

/// A label that is shorter is no trace context, which is a trace of 64 bits and a span at the least:
/// objects have many labels, and few of them are long.
const SHORTEST_CONTEXT: usize = 16 + 1 + 16;

/// `metadata` as it is decoded.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Metadata<'a> {
    #[serde(borrow)]
    pub(super) name: Text<'a>,
    #[serde(borrow)]
    namespace: Text<'a>,
    #[serde(borrow)]
    uid: Text<'a>,
    #[serde(borrow)]
    resource_version: Text<'a>,
    generation: Count,
    pub(super) creation_timestamp: Time,
    deletion_timestamp: Time,
    deletion_grace_period_seconds: Count,
    finalizers: Few<Message, MAX_ENTRIES>,
    #[serde(borrow)]
    owner_references: Few<OwnerReference<'a>, MAX_ENTRIES>,
    #[serde(borrow)]
    pub(super) labels: Labels<'a>,
    #[serde(borrow)]
    pub(super) annotations: Annotations<'a>,
    #[serde(borrow)]
    managed_fields: Few<ManagedFields<'a>, MAX_ENTRIES>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct OwnerReference<'a> {
    #[serde(borrow, rename = "apiVersion")]
    api_version: Text<'a>,
    #[serde(borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    uid: Text<'a>,
    controller: Option<bool>,
}

/// An entry of `managedFields`; the fields themselves are passed over.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ManagedFields<'a> {
    #[serde(borrow)]
    manager: Text<'a>,
    #[serde(borrow)]
    subresource: Text<'a>,
    time: Time,
}

message!(<'a> Metadata<'a> {
    1 name, 3 namespace, 5 uid, 6 resource_version, 7 generation, 8 creation_timestamp,
    9 deletion_timestamp, 10 deletion_grace_period_seconds, 11 labels, 12 annotations,
    13 owner_references, 14 finalizers, 17 managed_fields,
});
message!(<'a> OwnerReference<'a> { 1 kind, 3 name, 4 uid, 5 api_version, 6 controller });
// Of what is written in protobuf only when it was written is asked.
message!(<'a> ManagedFields<'a> { 4 time });

impl<'a> Metadata<'a> {
    /// The annotations and labels that may be trace contexts, of an object of `kind` in `group`.
    pub(super) fn carrier<'r>(
        &self,
        rules: &'r Rules,
        kind: &'r str,
        group: &'r str,
    ) -> Carrier<'r, 'a> {
        let mut carrier = Carrier::of_kind(rules, kind, group);
        for (key, value) in &self.annotations.others {
            let text = || value.text();
            carrier.annotation(&key.0, text);
        }
        for (key, value) in &self.labels.others {
            let text = || value.text();
            carrier.label(&key.0, text);
        }
        carrier
    }

    /// `uid` and `resourceVersion`, or what is wrong with them.
    pub(super) fn identity(&self) -> Result<(Uid, u64), String> {
        let uid = uid("metadata.uid", &self.uid.0)?;
        let version = &*self.resource_version.0;
        let number = Some(version)
            .filter(|version| version.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|version| version.parse().ok())
            .ok_or_else(|| expected("metadata.resourceVersion", version, "a decimal number"))?;
        Ok((uid, number))
    }

    /// The newest time of a `status` entry of `managedFields`.
    pub(super) fn status_written(&self) -> Option<UnixNanos> {
        let entries = self.managed_fields.0.iter();
        entries
            .filter(|entry| entry.subresource.0 == "status")
            .filter_map(|entry| entry.time.0)
            .max()
    }

    /// Who wrote the object, status writers excepted.
    pub(super) fn writers(&self) -> Vec<Writer> {
        let entries = self.managed_fields.0.iter();
        let writers = entries.filter(|entry| entry.subresource.0 != "status").map(|entry| Writer {
            manager: (*entry.manager.0).into(),
            subresource: entry.subresource.said(),
            time: entry.time.0,
        });
        writers.collect()
    }

    /// What every snapshot has of it, or what is wrong.
    pub(super) fn meta(self) -> Result<Meta, String> {
        let (uid, resource_version) = self.identity()?;
        if self.name.0.is_empty() {
            return Err("metadata.name is missing: a name is expected".to_owned());
        }
        let written = self.managed_fields.0.iter().filter_map(|entry| entry.time.0).max();
        let deletion = self.deletion_timestamp.0.map(|at| {
            Box::new(Deletion {
                at,
                grace_seconds: self.deletion_grace_period_seconds.or_zero(),
                finalizers: self.finalizers.0.into_iter().map(|finalizer| finalizer.0).collect(),
            })
        });
        let mut owners = self.owner_references.0.into_iter();
        let owner = match owners.find(|owner| owner.controller == Some(true)) {
            Some(owner) => Some(Owner {
                kind: Kind::of(group_of(&owner.api_version.0), &owner.kind.0),
                uid: self::uid("metadata.ownerReferences.uid", &owner.uid.0)?,
                name: owner.name.boxed(),
            }),
            None => None,
        };
        let service = [self.annotations.service, self.labels.instance, self.labels.name]
            .into_iter()
            .flatten()
            .find(|service| !service.0.is_empty());
        Ok(Meta {
            uid,
            namespace: self.namespace.said(),
            name: self.name.boxed(),
            resource_version,
            generation: counted(self.generation.0),
            created: self.creation_timestamp.0.unwrap_or_default(),
            deletion,
            owner,
            service: service.map(Text::boxed),
            written,
        })
    }
}

/// A number that counts from 1.
fn counted(number: Option<i64>) -> Option<i64> {
    number.filter(|number| *number > 0)
}

/// The uid that stands at `key`, or what is wrong with it.
pub(super) fn uid(key: &str, text: &str) -> Result<Uid, String> {
    text.parse().map_err(|_| expected(key, text, "a UUID"))
}

/// `metadata.uid is "abc": a UUID is expected`.
fn expected(key: &str, found: &str, expected: &str) -> String {
    if found.is_empty() {
        return format!("{key} is missing: {expected} is expected");
    }
    let found = start(found, 96);
    format!("{key} is {found:?}: {expected} is expected")
}

/// A label or annotation as it stands there, in JSON or in protobuf: it is looked into only where it may
/// be a trace context.
#[derive(Debug)]
enum Later<'a> {
    Json(AsWritten<'a>),
    Plain(&'a str),
}

impl<'a> Later<'a> {
    /// How long it is in JSON, if it has no escapes.
    fn len(&self) -> usize {
        match self {
            Self::Json(value) => value.0.len(),
            Self::Plain(text) => text.len() + 2,
        }
    }

    /// What it says, if that is a text.
    fn text(&self) -> Option<Cow<'a, str>> {
        match self {
            Self::Json(value) => serde_json::from_str::<LenientText<'a>>(value.0).ok()?.0,
            Self::Plain(text) => Some(Cow::Borrowed(text)),
        }
    }
}

/// The labels that are read. Whatever else stands there never refuses the object.
#[derive(Debug, Default)]
pub(super) struct Labels<'a> {
    instance: Option<Text<'a>>,
    name: Option<Text<'a>>,
    template_generation: Option<Text<'a>>,
    revision_hash: Option<Text<'a>>,
    template_hash: Option<Text<'a>>,
    /// Others that may be trace contexts, as they stand there: which of them are, the rules say.
    others: Vec<(Text<'a>, Later<'a>)>,
}

impl<'a> Labels<'a> {
    /// Where the label of this key is kept, if it is one that is read.
    fn slot(&mut self, key: &str) -> Option<&mut Option<Text<'a>>> {
        match key {
            "app.kubernetes.io/instance" => Some(&mut self.instance),
            "app.kubernetes.io/name" => Some(&mut self.name),
            "pod-template-generation" => Some(&mut self.template_generation),
            "controller-revision-hash" => Some(&mut self.revision_hash),
            "pod-template-hash" | "rollouts-pod-template-hash" => Some(&mut self.template_hash),
            _ => None,
        }
    }

    fn keep(&mut self, key: Text<'a>, value: Later<'a>) {
        if value.len() >= SHORTEST_CONTEXT {
            self.others.push((key, value));
        }
    }

    /// What tells of which revision a Pod was made: the label that the controllers of its kind
    /// compare.
    pub(super) fn template_hash(&mut self) -> Option<Text<'a>> {
        let found = self.template_generation.take().or_else(|| self.revision_hash.take());
        found.or_else(|| self.template_hash.take())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Labels<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LabelsVisitor;
        impl<'de> Visitor<'de> for LabelsVisitor {
            type Value = Labels<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("labels")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut labels = Labels::default();
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    match labels.slot(&key.0) {
                        Some(slot) => *slot = map.next_value::<LenientText<'de>>()?.0.map(Text),
                        None => labels.keep(key, Later::Json(map.next_value()?)),
                    }
                }
                Ok(labels)
            }

            fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
                Ok(Self::Value::default())
            }

            lenient_rest!();
        }
        deserializer.deserialize_any(LabelsVisitor)
    }
}

impl<'a> Field<'a> for Labels<'a> {
    fn hear(&mut self, said: Value<'a>) -> Result<(), Unread> {
        let (key, value) = entry(said)?;
        let value = value.text()?;
        match self.slot(key) {
            Some(slot) => *slot = Some(Text(Cow::Borrowed(value))),
            None => self.keep(Text(Cow::Borrowed(key)), Later::Plain(value)),
        }
        Ok(())
    }
}

/// The annotations. Whatever stands there never refuses the object.
#[derive(Debug, Default)]
pub(super) struct Annotations<'a> {
    service: Option<Text<'a>>,
    pub(super) revision: Option<i64>,
    /// It has been of an earlier one too.
    pub(super) is_reused: bool,
    /// Of a Rollout, the generation of the workload whose template it takes.
    pub(super) workload_generation: Option<i64>,
    pub(super) template_generation: Option<Text<'a>>,
    pub(super) scheduled: Option<UnixNanos>,
    pub(super) is_mirror: bool,
    /// All others as they stand there: which of them are of interest, the rules say.
    others: Vec<(Text<'a>, Later<'a>)>,
}

impl<'a> Annotations<'a> {
    fn is_read(key: &str) -> bool {
        matches!(
            key,
            "resource.opentelemetry.io/service.name"
                | "deployment.kubernetes.io/revision"
                | "deployment.kubernetes.io/revision-history"
                | "rollout.argoproj.io/revision"
                | "rollout.argoproj.io/revision-history"
                | "rollout.argoproj.io/workload-generation"
                | "deprecated.daemonset.template.generation"
                | "batch.kubernetes.io/cronjob-scheduled-timestamp"
                | "kubernetes.io/config.mirror"
        )
    }

    /// Takes in what one of those says; what is no text says nothing.
    fn take(&mut self, key: &str, text: Option<Cow<'a, str>>) {
        let Some(text) = text else { return };
        match key {
            "resource.opentelemetry.io/service.name" => self.service = Some(Text(text)),
            "deployment.kubernetes.io/revision" | "rollout.argoproj.io/revision" => {
                self.revision = counted(text.parse().ok());
            }
            "deployment.kubernetes.io/revision-history"
            | "rollout.argoproj.io/revision-history" => self.is_reused = !text.is_empty(),
            "rollout.argoproj.io/workload-generation" => {
                self.workload_generation = text.parse().ok();
            }
            "deprecated.daemonset.template.generation" => {
                self.template_generation = Some(Text(text));
            }
            "batch.kubernetes.io/cronjob-scheduled-timestamp" => self.scheduled = rfc3339(&text),
            "kubernetes.io/config.mirror" => self.is_mirror = true,
            _ => {}
        }
    }
}

impl<'a> Field<'a> for Annotations<'a> {
    fn hear(&mut self, said: Value<'a>) -> Result<(), Unread> {
        let (key, value) = entry(said)?;
        let value = value.text()?;
        if Self::is_read(key) {
            self.take(key, Some(Cow::Borrowed(value)));
        } else {
            self.others.push((Text(Cow::Borrowed(key)), Later::Plain(value)));
        }
        Ok(())
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Annotations<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnnotationsVisitor;
        impl<'de> Visitor<'de> for AnnotationsVisitor {
            type Value = Annotations<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("annotations")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut annotations = Annotations::default();
                while let Some(key) = map.next_key::<Text<'de>>()? {
                    if Annotations::is_read(&key.0) {
                        let text = map.next_value::<LenientText<'de>>()?.0;
                        annotations.take(&key.0, text);
                    } else {
                        annotations.others.push((key, Later::Json(map.next_value()?)));
                    }
                }
                Ok(annotations)
            }

            fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
                Ok(Self::Value::default())
            }

            lenient_rest!();
        }
        deserializer.deserialize_any(AnnotationsVisitor)
    }
}
