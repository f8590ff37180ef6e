//! Logs of the Collector's `k8s_objects` receiver, as its file exporter writes them: OTLP as JSON, one
//! document a line.
//!
//! A record is a watch event (mode `watch`) with the moment at which the receiver heard it, or an
//! object of a list (mode `pull`) with the moment at which that was asked for. A list proves nothing of
//! when an object changed; what the next list of the same namespace lacks is gone by then.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::blank::is_new;
use super::gather::Reader;
use super::otlp_json::plain;
use super::window::{Counts, Timed};
use super::{Opened, Place, Told, fault, found};
use crate::facts::change::{Change, News};
use crate::facts::instant::Clock;
use crate::facts::kind::Lane;
use crate::facts::meta::Uid;
use crate::facts::time::UnixNanos;
use crate::kinds::{Catalog, Heard, Said, news};
use crate::otlp::number::whole;

/// What a record says.
#[derive(Debug)]
pub(in crate::recording) struct Record {
    /// Of a watch event.
    told: Option<String>,
    object: Value,
}

/// Reads the logs.
#[derive(Debug)]
pub(in crate::recording) struct Objects<'c> {
    catalog: &'c Catalog,
    opened: Opened,
    /// The objects that are known, and the version that was told last.
    known: BTreeMap<(Lane, Uid), u64>,
    /// The newest list of each kind and namespace.
    lists: BTreeMap<(Lane, String), List>,
    has_lists: bool,
}

#[derive(Debug)]
struct List {
    at: Clock,
    place: Place,
    objects: BTreeSet<Uid>,
    before: BTreeSet<Uid>,
}

impl<'c> Objects<'c> {
    pub(in crate::recording) fn new(catalog: &'c Catalog) -> Self {
        let (opened, known, lists) = (Opened::default(), BTreeMap::new(), BTreeMap::new());
        Self { catalog, opened, known, lists, has_lists: false }
    }

    /// A list of `namespace` has another object.
    fn listed(
        &mut self,
        lane: Lane,
        namespace: String,
        uid: Uid,
        at: Clock,
        place: Place,
    ) -> Vec<Told> {
        let new = List { at, place, objects: BTreeSet::new(), before: BTreeSet::new() };
        let list = self.lists.entry((lane, namespace)).or_insert(new);
        let mut gone = Vec::new();
        if list.at.at < at.at {
            let before = std::mem::take(&mut list.objects);
            gone = list.gone(lane, &before);
            (list.before, list.at, list.place) = (before, at, place);
        }
        list.objects.insert(uid);
        gone
    }
}

impl List {
    /// The list is complete: what the one before it had and it has not is gone.
    fn gone(&self, lane: Lane, objects: &BTreeSet<Uid>) -> Vec<Told> {
        let gone = self.before.difference(objects).map(|uid| {
            let out = Some(News::Watched(Change::Vanished(*uid)));
            let heard = Heard { out, version: None, n_stamps: 0, refused: Vec::new() };
            Told { at: self.at, place: self.place, what: Ok((lane, heard)) }
        });
        gone.collect()
    }
}

impl Reader for Objects<'_> {
    type What = Record;

    const NAME: &'static str = "a log of the k8s_objects receiver";

    fn line(&mut self, line: &[u8], place: Place) -> Result<Vec<Timed<Record>>, String> {
        let expected = "expected a line of OTLP logs as JSON, with `resourceLogs`";
        let mut document: Value = serde_json::from_slice(line)
            .map_err(|error| format!("{expected}: {}", fault(&error)))?;
        if document.get("resourceLogs").is_none() {
            return Err(expected.to_owned());
        }
        let resources = taken(&mut document, "resourceLogs").into_iter();
        let scopes = resources.flat_map(|mut it| taken(&mut it, "scopeLogs"));
        let records = scopes.flat_map(|mut it| taken(&mut it, "logRecords"));
        let mut entries = Vec::new();
        for record in records {
            let at = ["observedTimeUnixNano", "timeUnixNano"]
                .into_iter()
                .find_map(|key| time(record.get(key)?));
            let Some(at) = at else {
                return Err("expected records with `observedTimeUnixNano`".to_owned());
            };
            let mut body = record.get("body").map_or(Value::Null, plain);
            let told = body.get("type").and_then(Value::as_str).map(str::to_owned);
            let inner = told.as_ref().and_then(|_| body.get_mut("object")).map(Value::take);
            let object = inner.unwrap_or(body);
            if object.pointer("/metadata/uid").is_none() {
                // The end of a list, a bookmark.
                continue;
            }
            let counts = match object.get("kind").and_then(Value::as_str) {
                _ if told.is_none() => Counts::Nothing,
                Some("Event") => Counts::Events,
                _ => Counts::Objects,
            };
            let version =
                told.as_ref().and_then(|_| Said::Modified(object.to_string().as_bytes()).version());
            let at = Clock::right(at);
            entries.push(Timed { at, version, counts, place, what: Record { told, object } });
        }
        Ok(entries)
    }

    fn tell(&mut self, entry: Timed<Record>, out: &mut Vec<Told>) {
        let Timed { at, place, version, what: Record { told, object }, .. } = entry;
        let text = |key: &str| object.get(key).and_then(Value::as_str).unwrap_or_default();
        let Some(lane) = self.catalog.lane_of_kind(text("apiVersion"), text("kind")) else {
            let kind = text("kind").to_owned();
            return out.push(Told { at, place, what: Err(kind) });
        };
        let json = object.to_string();
        let said = match told.as_deref() {
            Some("DELETED") => Said::Deleted(json.as_bytes()),
            _ => Said::Modified(json.as_bytes()),
        };
        let heard = news(self.catalog, lane, said);
        let own = heard.version.unwrap_or(0);
        let version = told.as_ref().and(version).unwrap_or(own);
        out.extend(self.opened.open(lane, version, at, place));
        if told.is_none() && lane == Lane::Events {
            // A list of Events is old news.
            return;
        }
        let uid = match &heard.out {
            Some(News::Watched(Change::Seen(it))) => Some(it.meta().uid),
            Some(News::Watched(Change::Deleted(it))) => {
                self.known.remove(&(lane, it.meta().uid));
                None
            }
            _ => None,
        };
        let Some(uid) = uid else { return out.push(Told { at, place, what: Ok((lane, heard)) }) };
        if told.is_none() {
            self.has_lists = true;
            let namespace = object.pointer("/metadata/namespace").and_then(Value::as_str);
            out.extend(self.listed(lane, namespace.unwrap_or_default().to_owned(), uid, at, place));
        }
        let before = self.known.insert((lane, uid), own);
        if before.is_some_and(|before| before >= own) {
            return;
        }
        let is_found = told.is_none() || (before.is_none() && !is_new(&object));
        let heard = if is_found { heard.map(found) } else { heard };
        out.push(Told { at, place, what: Ok((lane, heard)) });
    }

    fn finish(&mut self, out: &mut Vec<Told>) {
        for ((lane, _), list) in std::mem::take(&mut self.lists) {
            out.extend(list.gone(lane, &list.objects));
        }
    }

    fn unknown(&self) -> Vec<String> {
        let mut all = vec!["times are those at which the receiver heard of a change".to_owned()];
        if self.has_lists {
            all.push("between two pulls it is not known when or how often an object changed, and Events that a pull lists are old news".to_owned());
        }
        all
    }
}

/// The items of a list, taken out.
fn taken(value: &mut Value, key: &str) -> Vec<Value> {
    match value.get_mut(key).map(Value::take) {
        Some(Value::Array(items)) => items,
        _ => Vec::new(),
    }
}

/// Nanoseconds, as JSON of protobuf writes them.
fn time(value: &Value) -> Option<UnixNanos> {
    whole(value).filter(|nanos| *nanos > 0).map(UnixNanos)
}
