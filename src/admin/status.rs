//! The status of each component as the Collector has it, for pages, and as health in the layout of
//! version 2 of its health check; pure.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::known::Known;
use crate::config::ComponentHealth;
use crate::export::books::Books;
use crate::facts::time::UnixNanos;
use crate::text::utc;
use crate::watch::status::{Phase, Status};

/// How a component is; the later ones go over the earlier ones where several are told as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum State {
    Ok,
    Recoverable,
    Permanent,
    Starting,
    Stopped,
    Stopping,
}

impl State {
    /// As the Collector names it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ok => "StatusOK",
            Self::Recoverable => "StatusRecoverableError",
            Self::Permanent => "StatusPermanentError",
            Self::Starting => "StatusStarting",
            Self::Stopped => "StatusStopped",
            Self::Stopping => "StatusStopping",
        }
    }
}

/// A component, since when it is so, and why.
#[derive(Clone, Debug)]
pub(super) struct Component {
    /// `exporter:otlp_grpc`
    pub(super) name: String,
    pub(super) state: State,
    pub(super) since: UnixNanos,
    pub(super) why: Option<String>,
}

/// Status and body; `None` where `query` names a pipeline that there is not.
pub(super) fn told(known: &Known, health: ComponentHealth, query: &str) -> Option<(u16, Value)> {
    let asked = |name: &str| {
        query.split('&').find_map(|pair| match pair.split_once('=') {
            Some((key, value)) => (key == name).then_some(value),
            None => (pair == name).then_some(""),
        })
    };
    let is_verbose = asked("verbose").is_some_and(|value| value != "false");
    let (parts, extensions) = (components(known), extensions(known));
    let both: Vec<_> = parts.iter().chain(&extensions).cloned().collect();
    let pipeline = asked("pipeline").filter(|name| !name.is_empty());
    let all = worst("", if pipeline.is_some() { &parts } else { &both }, known);
    let mut body = event(&all, health, known.snapshot.now);
    body.insert("start_time".to_owned(), json!(utc(known.started).to_string()));
    if pipeline.is_some_and(|name| name != "traces") {
        return None;
    }
    if is_verbose {
        let each = |parts: &[Component]| -> Map<String, Value> {
            let parts = parts.iter();
            parts
                .map(|part| (part.name.clone(), event(part, health, known.snapshot.now).into()))
                .collect()
        };
        let group = |parts: &[Component]| {
            let mut of = event(&worst("", parts, known), health, known.snapshot.now);
            of.insert("components".to_owned(), each(parts).into());
            Value::from(of)
        };
        let groups = [("pipeline:traces", &parts), ("extensions", &extensions)].into_iter();
        let groups = groups.filter(|(_, parts)| !parts.is_empty());
        let told = match pipeline {
            Some(_) => each(&parts),
            None => groups.map(|(name, parts)| (name.to_owned(), group(parts))).collect(),
        };
        body.insert("components".to_owned(), told.into());
    }
    let is_healthy = body.get("healthy") == Some(&Value::Bool(true));
    let code = match all.state {
        _ if !is_healthy => 500,
        State::Starting | State::Stopped | State::Stopping => 503,
        State::Ok | State::Recoverable | State::Permanent => 200,
    };
    Some((code, body.into()))
}

/// The receiver and the exporters.
pub(super) fn components(known: &Known) -> Vec<Component> {
    let receiver = format!("receiver:{}", known.snapshot.receiver);
    let at = |state, since, why| Component { name: receiver.clone(), state, since, why };
    let receivers = if known.is_stopping {
        // It is the first that stops, and does so at once.
        vec![at(State::Stopped, known.started, None)]
    } else if let Some(why) = &known.is_starting {
        vec![at(State::Starting, known.started, Some(why.clone()))]
    } else {
        let watches = known.snapshot.watches.iter().map(|it| {
            let (since, error) =
                it.last_error.clone().map_or((known.started, None), |(at, why)| {
                    (it.heard_at.unwrap_or(at), Some(format!("{}: {why}", it.resource)))
                });
            at(state(it), since, error)
        });
        watches.collect()
    };
    let mut all = vec![worst(&receiver, &receivers, known)];
    all.extend(known.snapshot.exporters.iter().map(|books| Component {
        name: format!("exporter:{}", books.id),
        state: exporter(known, books),
        since: books.failing_since.unwrap_or(known.started),
        why: books.last_error.clone().filter(|_| books.is_failing()),
    }));
    all
}

/// A request that is tried again is an error that may pass. One that was dropped is none: the Collector
/// tells it in its log and counts it, and so does this.
fn exporter(known: &Known, books: &Books) -> State {
    match known.is_stopping {
        true if books.is_idle() => State::Stopped,
        true => State::Stopping,
        false if books.is_for_a_person => State::Permanent,
        false if books.is_failing() => State::Recoverable,
        false => State::Ok,
    }
}

/// What stores.
pub(super) fn extensions(known: &Known) -> Vec<Component> {
    let stored = known.snapshot.storage.iter().map(|kept| {
        let failing = kept.failing.clone();
        Component {
            name: "extension:file_storage".to_owned(),
            state: if failing.is_some() { State::Recoverable } else { State::Ok },
            since: failing.as_ref().map_or(known.started, |(since, _)| *since),
            why: failing.map(|(_, why)| why),
        }
    });
    stored.collect()
}

fn state(status: &Status) -> State {
    match status.phase {
        Phase::Forbidden => State::Permanent,
        Phase::Missing => State::Ok,
        Phase::Retrying => State::Recoverable,
        Phase::Starting | Phase::Listing | Phase::Watching => {
            if status.is_synced {
                State::Ok
            } else {
                State::Starting
            }
        }
    }
}

/// Several as one, which is as the worst of them, for as long as that has lasted.
fn worst(name: &str, parts: &[Component], known: &Known) -> Component {
    let ok = Component { name: name.to_owned(), state: State::Ok, since: known.started, why: None };
    let worst = parts.iter().max_by_key(|part| (part.state, std::cmp::Reverse(part.since)));
    worst.map_or(ok, |part| Component { name: name.to_owned(), ..part.clone() })
}

fn event(of: &Component, health: ComponentHealth, now: UnixNanos) -> Map<String, Value> {
    let lasted = Duration::from_nanos(u64::try_from(now.since(of.since).0).unwrap_or_default());
    let is_unhealthy = match of.state {
        State::Permanent => health.includes_permanent,
        State::Recoverable => health.includes_recoverable && lasted >= health.recovery,
        State::Ok | State::Starting | State::Stopped | State::Stopping => false,
    };
    let mut out = Map::new();
    out.insert("healthy".to_owned(), json!(!is_unhealthy));
    out.insert("status".to_owned(), json!(of.state.name()));
    if let Some(why) = &of.why {
        out.insert("error".to_owned(), json!(why));
    }
    out.insert("status_time".to_owned(), json!(utc(of.since).to_string()));
    out.insert("attributes".to_owned(), json!({}));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::Kept;
    use crate::storage::Figures;
    use crate::telemetry::metrics::Snapshot;

    fn known(phase: Phase, is_failing: bool) -> Known {
        let error = "403 forbidden".to_owned();
        let watch = Status {
            resource: "pods".to_owned(),
            phase,
            is_synced: phase == Phase::Watching,
            last_error: (phase == Phase::Forbidden).then_some((UnixNanos::from_seconds(3), error)),
            ..Status::default()
        };
        let books = Books {
            id: "otlp_grpc".to_owned(),
            last_error: is_failing.then(|| "refused".to_owned()),
            requests_retried: u64::from(is_failing),
            failing_since: is_failing.then_some(UnixNanos::from_seconds(60)),
            ..Books::default()
        };
        let snapshot = Snapshot {
            receiver: "k8s_lifecycle".to_owned(),
            watches: vec![watch],
            exporters: vec![books],
            now: UnixNanos::from_seconds(100),
            ..Snapshot::default()
        };
        Known { snapshot, ..Known::default() }
    }

    const ALL: ComponentHealth = ComponentHealth {
        includes_permanent: true,
        includes_recoverable: true,
        recovery: Duration::from_secs(40),
    };

    #[test]
    fn a_status_has_the_code_of_its_worst_component_and_errors_only_count_where_they_shall() {
        let code =
            |phase, is_failing, health| told(&known(phase, is_failing), health, "").unwrap().0;
        let none = ComponentHealth::default();
        assert_eq!(code(Phase::Watching, false, ALL), 200);
        assert_eq!(code(Phase::Listing, false, none), 503);
        assert_eq!(code(Phase::Watching, true, none), 200);
        assert_eq!(code(Phase::Watching, true, ALL), 500, "for 40 seconds");
        let patient = ComponentHealth { recovery: Duration::from_secs(41), ..ALL };
        assert_eq!(code(Phase::Watching, true, patient), 200);
        assert_eq!(code(Phase::Forbidden, false, none), 200);
        assert_eq!(code(Phase::Forbidden, false, ALL), 500);
    }

    /// As the Collector reports it: the state of an exporter or of the storage, and the code.
    #[test]
    fn a_component_is_as_the_collector_has_it_from_its_start_to_its_end() {
        let told_of = |known: &Known, name: &str| {
            let (code, body) = told(known, ComponentHealth::default(), "verbose").unwrap();
            let groups = ["pipeline:traces", "extensions"].iter();
            let mut found = groups.map(|group| &body["components"][group]["components"][name]);
            let found = found.find(|it| !it.is_null()).unwrap();
            (code, found["status"].as_str().unwrap().to_owned())
        };
        let exporter = "exporter:otlp_grpc";
        let ok = known(Phase::Watching, false);
        assert_eq!(told_of(&ok, exporter), (200, "StatusOK".to_owned()));
        let retrying = known(Phase::Watching, true);
        assert_eq!(told_of(&retrying, exporter), (200, "StatusRecoverableError".to_owned()));
        let mut dropped = known(Phase::Watching, true);
        dropped.snapshot.exporters[0].requests_retried = 0;
        assert_eq!(told_of(&dropped, exporter), (200, "StatusOK".to_owned()), "it is over");
        let mut denied = known(Phase::Watching, true);
        denied.snapshot.exporters[0].is_for_a_person = true;
        assert_eq!(told_of(&denied, exporter), (200, "StatusPermanentError".to_owned()));
        let mut stopping = known(Phase::Watching, false);
        stopping.is_stopping = true;
        stopping.snapshot.exporters[0].queued = 1;
        assert_eq!(told_of(&stopping, exporter), (503, "StatusStopping".to_owned()));
        let receiver = "receiver:k8s_lifecycle";
        assert_eq!(told_of(&stopping, receiver), (503, "StatusStopped".to_owned()));
        stopping.snapshot.exporters[0].queued = 0;
        assert_eq!(told_of(&stopping, exporter), (503, "StatusStopped".to_owned()));
        let starting = Known { is_starting: Some("refused".to_owned()), ..ok.clone() };
        assert_eq!(told_of(&starting, receiver), (503, "StatusStarting".to_owned()));
        let mut full = ok;
        full.snapshot.storage = Some(Kept {
            name: "/data/lifespan.store".to_owned(),
            figures: Figures::default(),
            failing: Some((UnixNanos::from_seconds(50), "no space left".to_owned())),
        });
        let storage = "extension:file_storage";
        assert_eq!(told_of(&full, storage), (200, "StatusRecoverableError".to_owned()));
        let (code, body) = told(&full, ALL, "").unwrap();
        assert_eq!((code, &body["error"]), (500, &"no space left".into()));
        assert_eq!(told(&full, ALL, "pipeline=traces").unwrap().0, 200);
    }

    #[test]
    fn each_component_is_told_to_who_wants_it_and_a_pipeline_that_there_is_not_is_not_found() {
        let known = known(Phase::Watching, true);
        let (_, body) = told(&known, ALL, "").unwrap();
        assert!(body.get("components").is_none(), "{body}");
        assert_eq!(body["status"], "StatusRecoverableError");
        assert_eq!(body["error"], "refused");
        let (_, body) = told(&known, ALL, "verbose").unwrap();
        let parts = &body["components"]["pipeline:traces"]["components"];
        assert_eq!(parts["receiver:k8s_lifecycle"]["status"], "StatusOK");
        assert_eq!(parts["exporter:otlp_grpc"]["healthy"], false);
        assert_eq!(parts["exporter:otlp_grpc"]["status_time"], "1970-01-01T00:01:00Z");
        let (_, body) = told(&known, ALL, "pipeline=traces&verbose=true").unwrap();
        assert_eq!(body["components"]["exporter:otlp_grpc"]["error"], "refused");
        assert!(told(&known, ALL, "pipeline=metrics").is_none());
    }
}
