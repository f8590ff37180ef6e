//! What is recorded is what was heard.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::sync::Arc;

use lifespan::engine::{Engine, Settings};
use lifespan::facts::change::News;
use lifespan::facts::instant::Clock;
use lifespan::facts::kind::Lane;
use lifespan::facts::span::FinishedSpan;
use lifespan::facts::time::UnixNanos;
use lifespan::kinds::{Catalog, Said};
use lifespan::recording::{ForRecording, Line, Redaction};
use lifespan::watch::listener::{ForCore, Listener as _};

use crate::support::lines::{self, Type};

/// What the core hears of `said` live, and what of the recorded line.
fn both(
    lane: Lane,
    said: Said<'_>,
    at: UnixNanos,
    redaction: Option<Redaction>,
) -> [Option<News>; 2] {
    let live = ForCore::new(Arc::default(), lane, 0)
        .listen(said, Clock::right(at))
        .out
        .map(|arrived| arrived.news);
    let resource = Catalog::default().resource(lane);
    let mut listener = ForRecording { resource, redaction, is_full: true };
    let line = listener.listen(said, Clock::right(at)).out.unwrap().line;
    let line = Line::parse(line.trim_end().as_bytes()).unwrap();
    assert_eq!(line.at.0, at.0 / 1_000 * 1_000, "times are recorded in microseconds");
    let recorded = line.news(&Catalog::default()).and_then(|(_, heard)| heard.out);
    [live, recorded]
}

#[test]
fn a_recording_replays_what_the_live_run_was_told() {
    let mut n = 0;
    for name in lines::recordings() {
        for line in lines::recording(&name) {
            let Some(lane) = Catalog::default().lane_of(&line.resource) else { continue };
            let json = line.object.as_bytes();
            let done = lifespan::kinds::resource_version(json);
            let done = done.map(|it| it.to_string()).unwrap_or_default();
            let said = match line.kind {
                Type::List => Said::Listed(json),
                Type::ListDone => Said::ListDone(&done),
                Type::Added => Said::Added(json),
                Type::Modified => Said::Modified(json),
                Type::Deleted => Said::Deleted(json),
                Type::Bookmark => Said::Bookmark(json),
                Type::Closed | Type::Error => Said::Closed,
            };
            let [live, recorded] = both(lane, said, UnixNanos(line.at), None);
            assert_eq!(live, recorded, "{name}: {}", line.object);
            n += 1;
        }
    }
    assert!(n > 1_000, "{n} lines");
}

#[test]
fn a_value_that_is_taken_out_still_tells_that_it_changed() {
    let object = |value: &str| {
        include_str!("../objects/deployment.json").replacen(
            "\"containers\":[{",
            &format!("\"containers\":[{{\"env\":[{{\"name\":\"A\",\"value\":\"{value}\"}}],"),
            1,
        )
    };
    let heard = |value: &str| {
        let text = object(value);
        assert!(text.contains(value));
        let redaction = Some(Redaction::new([3; 32], &lifespan::context::Rules::built_in()));
        both(Lane::Deployments, Said::Listed(text.as_bytes()), UnixNanos(5_000), redaction)
    };
    let ([_, one], [_, other]) = (heard("first-secret"), heard("second-secret"));
    assert!(one.is_some());
    assert_ne!(one, other);
}

/// What a recording comes to when it is recorded again, and no more than needed.
fn recorded_again(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let line = Line::parse(line.as_bytes()).unwrap();
        let redaction = Some(Redaction::new([3; 32], &lifespan::context::Rules::built_in()));
        let resource = line.resource.to_string();
        let mut listener = ForRecording { resource, redaction, is_full: false };
        out.push_str(&listener.listen(line.said, Clock::right(line.at)).out.unwrap().line);
    }
    out
}

/// The spans of a recording.
fn spans(text: &str) -> Vec<FinishedSpan> {
    let catalog = Catalog::default();
    let custom_kinds = catalog.custom_kinds();
    let mut engine = Engine::new(Settings { custom_kinds, ..Settings::default() });
    let mut spans = Vec::new();
    for line in text.lines() {
        let line = Line::parse(line.as_bytes()).unwrap();
        if let Some((lane, heard)) = line.news(&catalog)
            && let Some(news) = heard.out
        {
            spans.extend(engine.hear(lane, news, line.at));
        }
    }
    spans.extend(engine.finish());
    spans
}

#[test]
fn what_is_needed_of_objects_is_enough_for_the_same_spans() {
    for name in lines::recordings() {
        let text = lines::write(&lines::recording(&name));
        let (whole, needed) = (spans(&text), spans(&recorded_again(&text)));
        assert_eq!(whole.len(), needed.len(), "{name}");
        for (whole, needed) in whole.iter().zip(&needed) {
            assert_eq!(whole, needed, "{name}");
        }
    }
}
