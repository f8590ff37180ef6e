//! What is answered to a request; pure.

use std::time::Duration;

use serde_json::{Value, json};

use super::known::{Known, Needs};
use super::pages;
use super::status;
use crate::config::{ComponentHealth, MetricsLevel};
use crate::telemetry::metrics;
use crate::text::utc;
use crate::watch::status::{Phase, Status};

/// What an address serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Serves {
    /// `/metrics`
    Metrics(MetricsLevel),
    /// Health, at this path.
    Health {
        /// `/`
        path: String,
        /// Whether it is not ready while a kind may not be read.
        is_strict: bool,
    },
    /// The status of each component, at this path.
    Status {
        /// `/status`
        path: String,
        /// Which errors count.
        health: ComponentHealth,
    },
    /// `/debug/…z`
    Zpages,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// `content-type`
    pub content: &'static str,
    /// The body.
    pub body: String,
}

/// Where it is served whether the process lives, whatever it waits for.
const ALIVE: &str = "/livez";

/// The core goes round once a minute at least; if it has not for so long, it never will.
const STUCK: Duration = Duration::from_secs(300);

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

impl Serves {
    /// What must be known to answer a GET of `path`. A probe builds no page, and what is not there
    /// costs nothing.
    #[must_use]
    pub fn needs(&self, path: &str) -> Needs {
        match (self, path) {
            (Self::Health { path: at, .. } | Self::Status { path: at, .. }, path) if path == at => {
                Needs::Health
            }
            (Self::Health { .. } | Self::Status { .. }, ALIVE) => Needs::Figures,
            (Self::Metrics(_), "/metrics")
            | (Self::Zpages, "/debug/watchz" | "/debug/servicez" | "/debug/pipelinez") => {
                Needs::Figures
            }
            (Self::Zpages, "/debug/lifecyclez") => Needs::Open,
            _ => Needs::Nothing,
        }
    }
}

/// Answers a GET of `path`, or of a path and a query. `wants_json` if the request asks for JSON rather
/// than a page.
#[must_use]
pub fn answer(serves: &Serves, path: &str, wants_json: bool, known: &Known) -> Answer {
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    match (serves, path) {
        (Serves::Metrics(level), "/metrics") => {
            Answer { status: 200, content: TEXT, body: metrics::text(&known.snapshot, *level) }
        }
        (Serves::Health { path: at, is_strict }, path) if path == at => health(known, *is_strict),
        (Serves::Status { path: at, health }, path) if path == at => status(known, *health, query),
        (Serves::Health { .. } | Serves::Status { .. }, ALIVE) => alive(known),
        (Serves::Zpages, "/debug/lifecyclez") if wants_json => data(pages::lifecyclez_data(known)),
        (Serves::Zpages, "/debug/watchz") if wants_json => data(pages::watchz_data(known)),
        (Serves::Zpages, "/debug/lifecyclez") => page(pages::lifecyclez(known)),
        (Serves::Zpages, "/debug/watchz") => page(pages::watchz(known)),
        (Serves::Zpages, "/debug/servicez") => page(pages::servicez(known)),
        (Serves::Zpages, "/debug/pipelinez") => page(pages::pipelinez(known)),
        (Serves::Zpages, "/" | "/debug") => page(pages::index()),
        _ => Answer { status: 404, content: TEXT, body: "not found\n".to_owned() },
    }
}

fn status(known: &Known, health: ComponentHealth, query: &str) -> Answer {
    match status::told(known, health, query) {
        Some((status, body)) => Answer { status, content: JSON, body: body.to_string() },
        None => Answer { status: 404, content: TEXT, body: "no such pipeline\n".to_owned() },
    }
}

fn page(body: String) -> Answer {
    Answer { status: 200, content: HTML, body }
}

fn data(value: Value) -> Answer {
    Answer { status: 200, content: JSON, body: format!("{value}\n") }
}

/// Whether the process does anything at all, for whoever would start it anew if it did not.
fn alive(known: &Known) -> Answer {
    let is_stuck = known.still_for > STUCK;
    let (status, said) = if is_stuck { (503, "the core stands still") } else { (200, "alive") };
    let body = json!({"status": said, "stillSeconds": known.still_for.as_secs()}).to_string();
    Answer { status, content: JSON, body }
}

/// Ready when every kind has been listed. A kind that may not be read, or is not there, is told
/// and does not hold the others up, unless it shall.
fn health(known: &Known, is_strict: bool) -> Answer {
    let watches = &known.snapshot.watches;
    let is_held_up = known.is_starting.is_some()
        || known.is_stopping
        || watches.iter().any(|it| holds_up(it, is_strict));
    let (status, said) =
        if is_held_up { (503, "Server not available") } else { (200, "Server available") };
    let uptime = format!("{:.1}s", known.snapshot.uptime_seconds);
    let since = utc(known.started).to_string();
    let mut body = json!({"status": said, "upSince": since, "uptime": uptime});
    let reasons = reasons(known);
    if let Some(object) = body.as_object_mut().filter(|_| !reasons.is_empty()) {
        object.insert("reasons".to_owned(), json!(reasons));
    }
    Answer { status, content: JSON, body: body.to_string() }
}

/// All that is not as it should be, whether it holds anything up or not.
fn reasons(known: &Known) -> Vec<String> {
    if known.is_stopping {
        return vec!["stopping".to_owned()];
    }
    let starting = known.is_starting.iter().map(|why| format!("the API server: {why}"));
    let watches = known.snapshot.watches.iter().filter_map(|it| {
        let is_denied = matches!(it.phase, Phase::Forbidden | Phase::Missing);
        match &it.last_error {
            Some((_, error)) => Some(format!("{}: {}: {error}", it.resource, it.phase.words())),
            None if is_denied || !it.is_synced => {
                Some(format!("{}: {}", it.resource, it.phase.words()))
            }
            None => None,
        }
    });
    let exporters = known.snapshot.exporters.iter().filter_map(|books| {
        books.last_error.as_ref().map(|error| format!("{}: {error}", books.id))
    });
    starting.chain(watches).chain(exporters).collect()
}

fn holds_up(status: &Status, is_strict: bool) -> bool {
    match status.phase {
        Phase::Forbidden => is_strict,
        Phase::Missing => false,
        Phase::Starting | Phase::Listing | Phase::Watching | Phase::Retrying => !status.is_synced,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::books::Books;
    use crate::facts::time::UnixNanos;
    use crate::telemetry::metrics::Snapshot;

    fn known(watches: Vec<Status>) -> Known {
        let snapshot = Snapshot { watches, uptime_seconds: 5.06, ..Snapshot::default() };
        Known { snapshot, ..Known::default() }
    }

    fn status(resource: &str, is_synced: bool, phase: Phase) -> Status {
        Status { resource: resource.to_owned(), is_synced, phase, ..Status::default() }
    }

    fn health_of(known: &Known) -> (u16, String) {
        let answer = answer(&at("/", false), "/", false, known);
        (answer.status, answer.body)
    }

    fn at(path: &str, is_strict: bool) -> Serves {
        Serves::Health { path: path.to_owned(), is_strict }
    }

    #[test]
    fn it_is_healthy_when_every_kind_has_been_listed_and_not_before() {
        let listing = known(vec![
            status("pods", false, Phase::Listing),
            status("events", true, Phase::Watching),
        ]);
        let (code, body) = health_of(&listing);
        assert_eq!(code, 503);
        assert!(body.contains("pods: is being listed") && !body.contains("events"), "{body}");
        let (code, body) = health_of(&known(vec![status("pods", true, Phase::Watching)]));
        assert_eq!(code, 200);
        assert_eq!(
            body,
            r#"{"status":"Server available","upSince":"1970-01-01T00:00:00Z","uptime":"5.1s"}"#
        );
    }

    #[test]
    fn a_kind_that_may_not_be_read_is_told_and_holds_up_only_where_it_shall() {
        let error = Some((UnixNanos(0), "403 jobs.batch is forbidden".to_owned()));
        let denied = Status { last_error: error, ..status("jobs.batch", false, Phase::Forbidden) };
        let owned = status("pods", true, Phase::Watching);
        let known = known(vec![denied, owned]);
        let (code, body) = health_of(&known);
        assert_eq!(code, 200);
        let reasons = r#""reasons":["jobs.batch: may not be read: 403 jobs.batch is forbidden"]"#;
        assert!(body.contains(reasons), "{body}");
        let strict = answer(&at("/", true), "/", false, &known);
        assert_eq!((strict.status, strict.body.contains(reasons)), (503, true));
    }

    #[test]
    fn a_back_end_and_an_api_server_that_do_not_answer_are_told() {
        let away = Books {
            id: "otlp_grpc".to_owned(),
            last_error: Some("Connection refused".to_owned()),
            ..Books::default()
        };
        let mut known = known(vec![status("pods", true, Phase::Watching)]);
        known.snapshot.exporters.push(away);
        let (code, body) = health_of(&known);
        assert_eq!(code, 200, "its queue holds what it is not sent");
        assert!(body.contains(r#""reasons":["otlp_grpc: Connection refused"]"#), "{body}");
        let known = Known { is_starting: Some("refused".to_owned()), ..Known::default() };
        let (code, body) = health_of(&known);
        assert_eq!(code, 503);
        assert!(body.contains(r#""reasons":["the API server: refused"]"#), "{body}");
    }

    #[test]
    fn it_is_not_healthy_while_it_stops() {
        let known = Known { is_stopping: true, ..known(vec![]) };
        assert_eq!(health_of(&known).0, 503);
    }

    #[test]
    fn a_process_lives_whatever_it_waits_for_until_its_core_stands_still() {
        let alive = |known: &Known| {
            let serves = at("/", true);
            assert_eq!(serves.needs("/livez"), Needs::Figures);
            answer(&serves, "/livez", false, known).status
        };
        let waiting = Known { is_starting: Some("refused".to_owned()), ..Known::default() };
        assert_eq!((health_of(&waiting).0, alive(&waiting)), (503, 200));
        let still_for = STUCK + Duration::from_secs(1);
        assert_eq!(alive(&Known { still_for, ..Known::default() }), 503);
    }

    #[test]
    fn each_address_serves_its_own_and_nothing_else() {
        let known = known(vec![]);
        let status = |serves: &Serves, path: &str| answer(serves, path, false, &known).status;
        let (metrics, health) = (Serves::Metrics(MetricsLevel::Normal), at("/h", false));
        assert_eq!(
            [
                status(&metrics, "/metrics"),
                status(&metrics, "/"),
                status(&metrics, "/debug/watchz")
            ],
            [200, 404, 404]
        );
        assert_eq!([status(&health, "/h"), status(&health, "/")], [200, 404]);
        for path in
            ["/debug/lifecyclez", "/debug/watchz", "/debug/servicez", "/debug/pipelinez", "/"]
        {
            assert_eq!(status(&Serves::Zpages, path), 200, "{path}");
        }
        assert_eq!(status(&Serves::Zpages, "/metrics"), 404);
    }

    #[test]
    fn only_the_page_of_transitions_needs_what_is_open() {
        let (metrics, health) = (Serves::Metrics(MetricsLevel::Normal), at("/", false));
        assert_eq!(health.needs("/"), Needs::Health);
        assert_eq!(metrics.needs("/metrics"), Needs::Figures);
        assert_eq!(Serves::Zpages.needs("/debug/pipelinez"), Needs::Figures);
        assert_eq!(Serves::Zpages.needs("/debug/lifecyclez"), Needs::Open);
        for (serves, path) in [(&metrics, "/"), (&health, "/metrics"), (&Serves::Zpages, "/x")] {
            assert_eq!(serves.needs(path), Needs::Nothing, "{path}");
        }
    }
}
