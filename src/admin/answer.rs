//! What is answered to a request; pure.

use serde_json::{Value, json};

use super::known::Known;
use super::pages;
use crate::config::MetricsLevel;
use crate::telemetry::metrics;
use crate::watch::status::{Phase, Status};

/// What an address serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Serves {
    /// `/metrics`
    Metrics(MetricsLevel),
    /// Health, at this path.
    Health(String),
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

const HTML: &str = "text/html; charset=utf-8";
const JSON: &str = "application/json";
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Answers a GET of `path`. `wants_json` if the request asks for JSON rather than a page.
#[must_use]
pub fn answer(serves: &Serves, path: &str, wants_json: bool, known: &Known) -> Answer {
    match (serves, path) {
        (Serves::Metrics(level), "/metrics") => {
            Answer { status: 200, content: TEXT, body: metrics::text(&known.snapshot, *level) }
        }
        (Serves::Health(at), path) if path == at => health(known),
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

fn page(body: String) -> Answer {
    Answer { status: 200, content: HTML, body }
}

fn data(value: Value) -> Answer {
    Answer { status: 200, content: JSON, body: format!("{value}\n") }
}

/// Ready when every kind has been listed. A kind that may not be read, or is not there, is told
/// and does not hold the others up.
fn health(known: &Known) -> Answer {
    let waiting: Vec<_> = known.snapshot.watches.iter().filter(|it| holds_up(it)).collect();
    let uptime = format!("{:.1}s", known.snapshot.uptime_seconds);
    let since = jiff::Timestamp::from_nanosecond(i128::from(known.started.0)).unwrap_or_default();
    let (status, said) = match (known.is_stopping, waiting.is_empty()) {
        (true, _) => (503, "Server not available"),
        (false, true) => (200, "Server available"),
        (false, false) => (503, "Server not available"),
    };
    let mut body = json!({"status": said, "upSince": since.to_string(), "uptime": uptime});
    if status == 503 {
        let why: Vec<_> = waiting
            .iter()
            .map(|it| match &it.last_error {
                Some((_, error)) => format!("{}: {error}", it.resource),
                None => format!("{}: not listed yet", it.resource),
            })
            .collect();
        let why = if known.is_stopping { vec!["stopping".to_owned()] } else { why };
        if let Some(object) = body.as_object_mut() {
            object.insert("reasons".to_owned(), json!(why));
        }
    }
    Answer { status, content: JSON, body: body.to_string() }
}

fn holds_up(status: &Status) -> bool {
    let is_denied = matches!(status.phase, Phase::Forbidden | Phase::Missing);
    !status.is_synced && !is_denied
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::metrics::Snapshot;

    fn known(watches: Vec<Status>) -> Known {
        let snapshot = Snapshot { watches, uptime_seconds: 5.06, ..Snapshot::default() };
        Known { snapshot, ..Known::default() }
    }

    fn status(resource: &str, is_synced: bool, phase: Phase) -> Status {
        Status { resource: resource.to_owned(), is_synced, phase, ..Status::default() }
    }

    fn health_of(known: &Known) -> (u16, String) {
        let answer = answer(&Serves::Health("/".to_owned()), "/", false, known);
        (answer.status, answer.body)
    }

    #[test]
    fn it_is_healthy_when_every_kind_has_been_listed_and_not_before() {
        let listing = known(vec![
            status("pods", false, Phase::Listing),
            status("events", true, Phase::Watching),
        ]);
        let (code, body) = health_of(&listing);
        assert_eq!(code, 503);
        assert!(body.contains("pods: not listed yet") && !body.contains("events"), "{body}");
        let (code, body) = health_of(&known(vec![status("pods", true, Phase::Retrying)]));
        assert_eq!(code, 200);
        assert_eq!(
            body,
            r#"{"status":"Server available","upSince":"1970-01-01T00:00:00Z","uptime":"5.1s"}"#
        );
    }

    #[test]
    fn a_kind_that_may_not_be_read_does_not_hold_the_others_up() {
        assert_eq!(health_of(&known(vec![status("jobs.batch", false, Phase::Forbidden)])).0, 200);
    }

    #[test]
    fn it_is_not_healthy_while_it_stops() {
        let known = Known { is_stopping: true, ..known(vec![]) };
        assert_eq!(health_of(&known).0, 503);
    }

    #[test]
    fn each_address_serves_its_own_and_nothing_else() {
        let known = known(vec![]);
        let status = |serves: &Serves, path: &str| answer(serves, path, false, &known).status;
        let (metrics, health) =
            (Serves::Metrics(MetricsLevel::Normal), Serves::Health("/h".to_owned()));
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
}
