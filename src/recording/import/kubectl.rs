//! What `kubectl get` prints: objects, lists of them, and watch events, with `-w` one after another.
//!
//! It does not say when anything arrived, and as a rule not who wrote it (`--show-managed-fields`
//! does). In what order it was written the resourceVersions tell, across files too. When: no object
//! was written before the newest time that stands on it, and mostly within that second. What shows no
//! new time of its own is a cause of the next one that does, if it is a new spec or the end of an
//! object; else it followed from the one before.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::io::{self, BufRead};

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::blank::is_new;
use super::documents::{self, Broken};
use super::{Opened, Place, Told, found};
use crate::facts::change::{Change, News};
use crate::facts::hash::stable_hasher;
use crate::facts::instant::Clock;
use crate::facts::kind::Lane;
use crate::facts::meta::Uid;
use crate::facts::time::{Nanos, SECOND, UnixNanos};
use crate::kinds::{Catalog, Heard, Said, news};

/// A document, looked at from the outside.
#[derive(Deserialize)]
struct Document<'a> {
    /// Of a watch event.
    #[serde(default, rename = "type")]
    told: &'a str,
    #[serde(borrow)]
    object: Option<&'a RawValue>,
    #[serde(borrow)]
    items: Option<Vec<&'a RawValue>>,
    metadata: Option<serde::de::IgnoredAny>,
}

/// A version of an object as it was read.
#[derive(Debug)]
struct Version {
    lane: Lane,
    place: Place,
    heard: Heard<News>,
    version: u64,
    uid: Option<Uid>,
    /// It shows that the object has just been created.
    is_new: bool,
    /// It is known to be of a list, or of a deletion.
    is_listed: bool,
    is_deleted: bool,
    /// Of all that stands in it but the resourceVersion.
    rest: u64,
    /// It says of itself what it is: `ADDED`, `MODIFIED`, `DELETED`.
    is_told: bool,
}

/// A document that cannot be used.
#[derive(Debug)]
pub(in crate::recording) struct Wrong {
    /// Which, from 1.
    pub(in crate::recording) number: u64,
    /// Nothing can be read after it.
    pub(in crate::recording) is_last: bool,
    /// Why.
    pub(in crate::recording) why: String,
}

impl Wrong {
    /// As a sentence, where nothing can be read after it.
    pub(in crate::recording) fn told(&self) -> String {
        format!("document {} cannot be read, nor what follows it ({})", self.number, self.why)
    }
}

/// All versions of all files.
#[derive(Debug)]
pub(in crate::recording) struct Kubectl<'c> {
    catalog: &'c Catalog,
    versions: Vec<Version>,
    not_watched: Vec<(Place, String)>,
    /// Documents that were read.
    pub(in crate::recording) n_documents: u64,
    has_writers: bool,
}

impl<'c> Kubectl<'c> {
    pub(in crate::recording) fn new(catalog: &'c Catalog) -> Self {
        let (versions, not_watched) = (Vec::new(), Vec::new());
        Self { catalog, versions, not_watched, n_documents: 0, has_writers: false }
    }

    /// Reads a file; `became` gets what became of each document.
    ///
    /// # Errors
    /// What `became` returns.
    pub(in crate::recording) fn read(
        &mut self,
        file: usize,
        stream: impl BufRead,
        became: &mut dyn FnMut(Result<(), Wrong>) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut number = 0;
        documents::each(stream, &mut |document| {
            number += 1;
            let read = match document {
                Ok(document) => self
                    .document(Place { file, number }, document)
                    .map_err(|why| Wrong { number, is_last: false, why }),
                Err(Broken(why)) => Err(Wrong { number, is_last: true, why }),
            };
            self.n_documents += u64::from(read.is_ok());
            became(read)
        })
    }

    fn document(&mut self, place: Place, document: &RawValue) -> Result<(), String> {
        let expected = "expected an object with `apiVersion`, `kind` and `metadata`, a list, or a watch event with `type` and `object`";
        let outer: Document<'_> =
            serde_json::from_str(document.get()).map_err(|error| format!("{expected}: {error}"))?;
        if let Some(items) = outer.items {
            return items.into_iter().try_for_each(|item| self.object(place, item, "LIST"));
        }
        match outer.object {
            Some(object) if ["ADDED", "MODIFIED", "DELETED"].contains(&outer.told) => {
                self.object(place, object, outer.told)
            }
            Some(_) if ["BOOKMARK", "ERROR"].contains(&outer.told) => Ok(()),
            None if outer.metadata.is_some() => self.object(place, document, ""),
            _ => Err(expected.to_owned()),
        }
    }

    fn object(&mut self, place: Place, object: &RawValue, told: &str) -> Result<(), String> {
        let json = object.get();
        let mut value: Value = serde_json::from_str(json).map_err(|error| error.to_string())?;
        let text =
            |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (api_version, kind) = (text("apiVersion"), text("kind"));
        if api_version.is_empty() || kind.is_empty() {
            return Err("expected an object with `apiVersion` and `kind`".to_owned());
        }
        let Some(lane) = self.catalog.lane_of_kind(&api_version, &kind) else {
            self.not_watched.push((place, kind));
            return Ok(());
        };
        self.has_writers |= value.pointer("/metadata/managedFields").is_some();
        let is_deleted = told == "DELETED";
        let said = if is_deleted {
            Said::Deleted(json.as_bytes())
        } else {
            Said::Modified(json.as_bytes())
        };
        let heard = news(self.catalog, lane, said);
        let is_new = is_new(&value);
        if let Some(metadata) = value.pointer_mut("/metadata").and_then(Value::as_object_mut) {
            metadata.remove("resourceVersion");
        }
        let mut rest = stable_hasher();
        value.to_string().hash(&mut rest);
        let uid = match &heard.out {
            Some(News::Watched(Change::Noted(note))) => Some(note.uid),
            Some(News::Watched(change)) => change.snapshot().map(|it| it.meta().uid),
            _ => None,
        };
        self.versions.push(Version {
            lane,
            place,
            version: heard.version.unwrap_or(0),
            heard,
            uid,
            is_new,
            is_listed: told == "LIST",
            is_deleted,
            rest: rest.finish(),
            is_told: !told.is_empty(),
        });
        Ok(())
    }

    /// What it tells, in order.
    pub(in crate::recording) fn told(self) -> Vec<Told> {
        let mut versions = self.versions;
        versions.sort_by_key(|it| (it.version, it.place));
        let known = |it: &Version| it.uid.map(|uid| (it.lane, uid, it.version));
        versions.dedup_by_key(|it| known(it).ok_or(it.place));
        let roles = roles(&versions);
        let (mut found, mut objects, mut events) = (Vec::new(), Vec::new(), Vec::new());
        for (version, role) in versions.into_iter().zip(roles) {
            let history = match role {
                Role::Found => &mut found,
                Role::Written | Role::Deleted if version.lane.has_lives() => &mut objects,
                Role::Written | Role::Deleted => &mut events,
            };
            history.push((version, role));
        }
        let newest = found.iter().filter_map(|(it, _)| newest(it)).max();
        // Events may count a history of their own: then there is nothing to order them by.
        let ends = |all: &[(Version, Role)]| Some((all.first()?.0.version, all.last()?.0.version));
        let is_apart = ends(&objects)
            .zip(ends(&events))
            .is_some_and(|((a, z), (first, last))| last < a || z < first);
        if !is_apart {
            objects.append(&mut events);
            objects.sort_by_key(|(it, _)| (it.version, it.place));
        }
        let mut dated = dated(objects, &found);
        dated.extend(self::dated(events, &[]));
        dated.sort_by_key(|(at, ..)| *at);
        let first = dated.first().map(|(at, ..)| *at);
        let listed = newest.map(end_of_second).into_iter().chain(first).min().unwrap_or_default();
        let found = found.into_iter().map(|(version, role)| (listed, version, role));
        let others = self.not_watched.into_iter().map(|(place, kind)| Told {
            at: Clock::right(listed),
            place,
            what: Err(kind),
        });
        others.chain(tell(found.chain(dated).collect())).collect()
    }

    /// What could not be known.
    pub(in crate::recording) fn unknown(&self) -> String {
        let mut text = "kubectl does not say when anything arrived: times are those that stand on the objects, whole seconds, and what shows none lies before the next one that does".to_owned();
        if !self.has_writers {
            text.push_str("; without --show-managed-fields it does not say who wrote");
        }
        text
    }
}

/// What a version of an object is taken to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// It was there before.
    Found,
    Written,
    Deleted,
}

/// The roles of versions that stand in the order in which they were written.
fn roles(versions: &[Version]) -> Vec<Role> {
    let mut last: BTreeMap<Uid, usize> = BTreeMap::new();
    for (at, version) in versions.iter().enumerate() {
        version.uid.map(|uid| last.insert(uid, at));
    }
    let mut before: BTreeMap<Uid, u64> = BTreeMap::new();
    let role = |(at, version): (usize, &Version)| {
        let Some(uid) = version.uid.filter(|_| version.lane.has_lives()) else {
            return Role::Written;
        };
        let before = before.insert(uid, version.rest);
        // The API server stores no version that is like the one before: without the type of the event
        // a deletion is the last version once more.
        let is_again =
            before == Some(version.rest) && !version.is_told && last.get(&uid) == Some(&at);
        if version.is_deleted || is_again {
            Role::Deleted
        } else if before.is_none() && (version.is_listed || !version.is_new) {
            Role::Found
        } else {
            Role::Written
        }
    };
    versions.iter().enumerate().map(role).collect()
}

/// The newest time that stands on it.
fn newest(version: &Version) -> Option<UnixNanos> {
    let Some(News::Watched(change)) = &version.heard.out else { return None };
    change.newest_time()
}

/// What tells when a version was written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shows {
    /// A new time of its own.
    When,
    /// A new spec, or that it is gone: the times that follow are of what that brought about.
    Cause,
    /// Nothing: it is of what came before.
    Nothing,
}

/// Each with the moment by which it was written: the end of a second.
fn dated(
    history: Vec<(Version, Role)>,
    found: &[(Version, Role)],
) -> Vec<(UnixNanos, Version, Role)> {
    // The newest time and the generation of each object.
    let mut known: BTreeMap<Uid, (UnixNanos, i64)> = BTreeMap::new();
    for (version, _) in found {
        version
            .uid
            .zip(newest(version))
            .map(|(uid, at)| known.insert(uid, (at, generation(version))));
    }
    let mut reached = UnixNanos(i64::MIN);
    let mut dates = Vec::new();
    for (version, role) in &history {
        let (Some(uid), Some(at)) = (version.uid, newest(version)) else {
            dates.push((reached, Shows::Cause));
            continue;
        };
        let generation = generation(version);
        let is_gone = *role == Role::Deleted && version.lane != Lane::Pods;
        let before = known.get(&uid).copied();
        let shows = match before {
            Some((before, _)) if at > before => Shows::When,
            None => Shows::When,
            Some((_, before)) if generation > before || is_gone => Shows::Cause,
            Some(_) => Shows::Nothing,
        };
        if shows == Shows::When {
            reached = reached.max(at);
        }
        let (old, _) = before.unwrap_or((at, generation));
        known.insert(uid, (old.max(at), generation));
        dates.push((reached, shows));
    }
    let mut next = reached;
    for (date, shows) in dates.iter_mut().rev() {
        match shows {
            Shows::When => next = *date,
            Shows::Cause => *date = next,
            Shows::Nothing => {}
        }
    }
    let mut before = UnixNanos(i64::MIN);
    let dates = dates.into_iter().map(|(date, _)| {
        before = before.max(date);
        end_of_second(before)
    });
    dates.zip(history).map(|(at, (version, role))| (at, version, role)).collect()
}

fn generation(version: &Version) -> i64 {
    let Some(News::Watched(change)) = &version.heard.out else { return 0 };
    change.snapshot().and_then(|it| it.meta().generation).unwrap_or(0)
}

fn deleted(news: News) -> News {
    if let News::Watched(Change::Seen(it)) = news {
        News::Watched(Change::Deleted(it))
    } else {
        news
    }
}

fn end_of_second(at: UnixNanos) -> UnixNanos {
    UnixNanos::from_seconds(at.seconds()).plus(Nanos(SECOND.0 - 1))
}

fn tell(dated: Vec<(UnixNanos, Version, Role)>) -> Vec<Told> {
    let first = |is_event: bool| {
        let written = dated.iter().filter(|(_, it, role)| {
            *role != Role::Found && it.lane.has_lives() != is_event && it.version > 0
        });
        written.map(|(_, it, _)| it.version).min().unwrap_or(0)
    };
    let (objects, events) = (first(false), first(true));
    let mut opened = Opened::default();
    let mut out = Vec::new();
    for (at, Version { lane, place, heard, .. }, role) in dated {
        let at = Clock { unsure: SECOND, ..Clock::right(at) };
        out.extend(opened.open(lane, if lane.has_lives() { objects } else { events }, at, place));
        let heard = heard.map(|news| match role {
            Role::Found => found(news),
            Role::Deleted => deleted(news),
            Role::Written => news,
        });
        out.push(Told { at, place, what: Ok((lane, heard)) });
    }
    out
}
