//! Audit logs (`audit.k8s.io`): every write with its moment, its user and the object that it made.
//!
//! An entry is written when the answer is complete: the write lies between that and the arrival of the
//! request.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::effect::{Effect, Known, Write};
use super::gather::Reader;
use super::window::{Counts, Timed};
use super::{Opened, Place, Told, fault, found};
use crate::facts::instant::Clock;
use crate::facts::kind::Lane;
use crate::facts::time::Nanos;
use crate::kinds::{Catalog, Said, news, resource, rfc3339};

/// The API server cuts a manager's name there.
const MAX_MANAGER: usize = 128;

/// What is written, or the resource that is not watched.
pub(in crate::recording) type Entry = Result<Write, String>;

/// Reads the logs.
#[derive(Debug)]
pub(in crate::recording) struct Audit<'c> {
    catalog: &'c Catalog,
    opened: Opened,
    known: Known,
    /// What was left out, by a few words in the plural.
    left_out: BTreeMap<&'static str, u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Logged {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    items: Vec<Self>,
    #[serde(default)]
    level: String,
    #[serde(default)]
    stage: String,
    #[serde(default)]
    verb: String,
    #[serde(default, rename = "requestURI")]
    uri: String,
    #[serde(default)]
    user_agent: String,
    object_ref: Option<Reference>,
    response_status: Option<Status>,
    request_object: Option<Box<RawValue>>,
    response_object: Option<Box<RawValue>>,
    #[serde(default)]
    request_received_timestamp: String,
    #[serde(default)]
    stage_timestamp: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Reference {
    resource: String,
    api_group: String,
    namespace: String,
    name: String,
    subresource: String,
}

#[derive(Deserialize)]
struct Status {
    #[serde(default)]
    code: u16,
}

impl<'c> Audit<'c> {
    pub(in crate::recording) fn new(catalog: &'c Catalog) -> Self {
        let (opened, known, left_out) = (Opened::default(), Known::default(), BTreeMap::new());
        Self { catalog, opened, known, left_out }
    }

    fn leave_out(&mut self, what: &'static str) {
        *self.left_out.entry(what).or_default() += 1;
    }

    fn entry(&mut self, logged: Logged, place: Place) -> Result<Option<Timed<Entry>>, String> {
        let read = |key: &str, text: &str| {
            rfc3339(text).ok_or_else(|| format!("`{key}` is {text:?}: expected an RFC 3339 time"))
        };
        let at = read("stageTimestamp", &logged.stage_timestamp)?;
        let received = read("requestReceivedTimestamp", &logged.request_received_timestamp)?;
        let code = logged.response_status.map_or(0, |it| it.code);
        let Some(about) = logged.object_ref else { return Ok(None) };
        let left_out = match (&*logged.verb, &*logged.stage) {
            _ if logged.stage != "ResponseComplete" => return Ok(None),
            ("create" | "update" | "patch" | "delete" | "deletecollection", _) => {
                if !(200..300).contains(&code) {
                    Some("writes that failed")
                } else if logged.uri.contains("dryRun=") {
                    Some("dry runs")
                } else {
                    None
                }
            }
            _ => Some("reads"),
        };
        if let Some(what) = left_out {
            self.leave_out(what);
            return Ok(None);
        }
        let name = resource(&about.resource, &about.api_group);
        let lane = self.catalog.lane_of(&name);
        if lane.is_some() && logged.level == "Metadata" {
            self.leave_out("writes at level Metadata");
            return Ok(None);
        }
        let clock = Clock { unsure: Nanos(at.since(received).0.max(0)), ..Clock::right(at) };
        let shown = logged.response_object.as_deref().filter(|_| logged.verb != "deletecollection");
        let version = shown.and_then(|it| Said::Modified(it.get().as_bytes()).version());
        let what = lane.ok_or(name).map(|lane| Write {
            lane,
            kind: self.catalog.kind(lane),
            manager: manager(&logged.uri, &logged.user_agent),
            verb: logged.verb,
            subresource: about.subresource,
            namespace: about.namespace,
            name: about.name,
            code,
            request: logged.request_object,
            response: logged.response_object,
            second: format!("{}Z", logged.stage_timestamp.get(..19).unwrap_or_default()),
        });
        let counts = match lane {
            Some(Lane::Events) => Counts::Events,
            Some(_) => Counts::Objects,
            None => Counts::Nothing,
        };
        Ok(Some(Timed { at: clock, version, counts, place, what }))
    }
}

impl Reader for Audit<'_> {
    type What = Entry;

    const NAME: &'static str = "an audit log";

    fn line(&mut self, line: &[u8], place: Place) -> Result<Vec<Timed<Entry>>, String> {
        let expected = "expected an Event of audit.k8s.io as JSON";
        let logged: Logged = serde_json::from_slice(line)
            .map_err(|error| format!("{expected}: {}", fault(&error)))?;
        if !logged.api_version.starts_with("audit.k8s.io/") {
            return Err(format!("{expected}, found `apiVersion` {:?}", logged.api_version));
        }
        let all = if logged.items.is_empty() { vec![logged] } else { logged.items };
        let entries = all.into_iter().filter_map(|it| self.entry(it, place).transpose());
        entries.collect()
    }

    fn tell(&mut self, entry: Timed<Entry>, out: &mut Vec<Told>) {
        let Timed { at, version, place, what, .. } = entry;
        let write = match what {
            Ok(write) => write,
            Err(resource) => return out.push(Told { at, place, what: Err(resource) }),
        };
        let version = version.unwrap_or(0);
        out.extend(self.opened.open(write.lane, version, at, place));
        let effects = match self.known.take(&write, version) {
            Ok(effects) => effects,
            Err(why) => return self.leave_out(why),
        };
        for effect in effects {
            let (is_found, is_gone, object) = match &effect {
                Effect::Found(object) => (true, false, object),
                Effect::Gone(object) => (false, true, object),
                Effect::Created(object) | Effect::Changed(object) => (false, false, object),
            };
            let said = if is_gone { Said::Deleted } else { Said::Modified };
            let heard = news(self.catalog, write.lane, said(object.get().as_bytes()));
            let heard = if is_found { heard.map(found) } else { heard };
            out.push(Told { at, place, what: Ok((write.lane, heard)) });
        }
    }

    fn finish(&mut self, _: &mut Vec<Told>) {}

    fn unknown(&self) -> Vec<String> {
        let mut all = vec!["objects are known from the first write of each on".to_owned()];
        let left_out = self.left_out.iter().map(|(what, n)| format!("{n} {what}"));
        let left_out: Vec<_> = left_out.collect();
        if !left_out.is_empty() {
            all.push(format!("left out: {}", left_out.join(", ")));
        }
        all
    }
}

/// As the API server calls a writer in `managedFields`.
fn manager(uri: &str, agent: &str) -> String {
    let query = uri.split_once('?').map_or("", |(_, query)| query);
    let named = query.split('&').find_map(|pair| pair.strip_prefix("fieldManager="));
    let agent = agent.split('/').next().unwrap_or_default();
    let name = named
        .filter(|it| !it.is_empty())
        .map_or(agent.into(), |it| percent_encoding::percent_decode_str(it).decode_utf8_lossy());
    name.chars().take(MAX_MANAGER).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_writer_is_called_as_the_api_server_calls_it() {
        let uri = "/apis/apps/v1/namespaces/a/deployments?dryRun=&fieldManager=kubectl-create&x=1";
        assert_eq!(manager(uri, "kubectl/v1.36"), "kubectl-create");
        assert_eq!(
            manager("/apis", "kube-controller-manager/v1.36 (linux)"),
            "kube-controller-manager"
        );
        assert_eq!(manager("/apis?fieldManager=a%20b", ""), "a b");
        assert_eq!(manager("/apis?fieldManager=", "x"), "x");
    }
}
