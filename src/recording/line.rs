//! One line of a recording.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::facts::change::News;
use crate::facts::kind::Lane;
use crate::facts::time::UnixNanos;
use crate::kinds::{Catalog, Heard, Said, news, rfc3339};

/// A line that could be read. Its object is not looked at yet.
#[derive(Clone, Debug)]
pub struct Line<'a> {
    /// Arrival.
    pub at: UnixNanos,
    /// `deployments.apps`
    pub resource: Cow<'a, str>,
    /// What is said.
    pub said: Said<'a>,
}

/// A line that is not one of a recording.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// It is no JSON object with these keys.
    #[error("expected a JSON object with `at`, `resource`, `type` and `object`, found {0}")]
    NotALine(String),
    /// `at` is no time.
    #[error("`at` is {0:?}: expected an RFC 3339 time such as 2026-11-20T11:10:37.857296Z")]
    NotATime(String),
    /// `type` is none of the nine.
    #[error(
        "`type` is {0:?}: expected LIST, LIST_DONE, ADDED, MODIFIED, DELETED, UNMATCHED, BOOKMARK, CLOSED or ERROR"
    )]
    NotAType(String),
}

#[derive(Deserialize)]
struct Written<'a> {
    #[serde(borrow)]
    at: Cow<'a, str>,
    #[serde(borrow)]
    resource: Cow<'a, str>,
    #[serde(borrow, rename = "type")]
    told: Cow<'a, str>,
    #[serde(borrow, default)]
    object: Option<&'a RawValue>,
}

impl<'a> Line<'a> {
    /// Reads a line, without its end.
    ///
    /// # Errors
    /// Tells which key is not as expected, and what stands there.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, LineError> {
        let Written { at, resource, told, object } = serde_json::from_slice(bytes)
            .map_err(|error| LineError::NotALine(told_by_serde(bytes, &error)))?;
        let object = object.map_or("null", RawValue::get);
        let Some(said) = Said::recorded(&told, object.as_bytes()) else {
            return Err(LineError::NotAType(short(&told)));
        };
        // A time at the end of what nanoseconds reach was drawn there: nothing arrives then.
        let time = rfc3339(&at).filter(|at| ![i64::MIN, i64::MAX].contains(&at.0));
        let Some(at) = time else { return Err(LineError::NotATime(short(&at))) };
        Ok(Self { at, resource, said })
    }

    /// What it means to the core, where `catalog` tells what is watched; `None` of a resource that
    /// is not. The object is read only if it is.
    #[must_use]
    pub fn news(&self, catalog: &Catalog) -> Option<(Lane, Heard<News>)> {
        let lane = catalog.lane_of(&self.resource)?;
        Some((lane, news(catalog, lane, self.said)))
    }
}

/// The fault as serde tells it, without the line number, which is always 1.
fn told_by_serde(bytes: &[u8], error: &serde_json::Error) -> String {
    let text = error.to_string();
    let what = text.split_once(" at line ").map_or(&*text, |(what, _)| what);
    match bytes.first() {
        Some(b'{') => format!("{what} at column {}", error.column()),
        _ => format!("`{}`", short(&String::from_utf8_lossy(bytes.get(..64).unwrap_or(bytes)))),
    }
}

fn short(text: &str) -> String {
    let mut short: String = text.chars().take(40).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_and_its_object_left_as_it_stands() {
        let text = r#"{"at":"1970-01-01T00:00:01.000002Z","resource":"pods","type":"MODIFIED","object":{"a": [1]}}"#;
        let line = Line::parse(text.as_bytes()).unwrap();
        assert_eq!(line.at, UnixNanos(1_000_002_000));
        assert_eq!(line.resource, "pods");
        assert_eq!(line.said, Said::Modified(br#"{"a": [1]}"#));
    }

    #[test]
    fn keys_may_be_escaped_reordered_or_unknown() {
        let text =
            r#"{"more":1,"type":"CLOSED","at":"1970-01-01T01:00:00+01:00","resource":"po\u0064s"}"#;
        let line = Line::parse(text.as_bytes()).unwrap();
        assert_eq!((line.at, &*line.resource), (UnixNanos(0), "pods"));
        assert_eq!(line.said, Said::Closed);
    }

    #[test]
    fn a_fault_says_what_was_expected_and_what_was_found() {
        let said = |text: &str| Line::parse(text.as_bytes()).unwrap_err().to_string();
        expect_test::expect![[r#"
            expected a JSON object with `at`, `resource`, `type` and `object`, found `kind: Pod`
            expected a JSON object with `at`, `resource`, `type` and `object`, found missing field `at` at column 2
            expected a JSON object with `at`, `resource`, `type` and `object`, found EOF while parsing a string at column 11
            `at` is "yesterday": expected an RFC 3339 time such as 2026-11-20T11:10:37.857296Z
            `at` is "9999-01-01T00:00:00Z": expected an RFC 3339 time such as 2026-11-20T11:10:37.857296Z
            `type` is "PATCHED": expected LIST, LIST_DONE, ADDED, MODIFIED, DELETED, UNMATCHED, BOOKMARK, CLOSED or ERROR"#]]
        .assert_eq(
            &[
                said("kind: Pod"),
                said("{}"),
                said(r#"{"at":"2026"#),
                said(r#"{"at":"yesterday","resource":"pods","type":"ADDED"}"#),
                said(r#"{"at":"9999-01-01T00:00:00Z","resource":"pods","type":"ADDED"}"#),
                said(r#"{"at":"2026-11-20T11:10:37Z","resource":"pods","type":"PATCHED"}"#),
            ]
            .join("\n"),
        );
    }

    #[test]
    fn errors_of_a_watch_end_it_for_the_core() {
        for resource in ["replicasets.apps", "events", "events.events.k8s.io"] {
            for told in ["CLOSED", "ERROR"] {
                let line = format!(
                    r#"{{"at":"2026-01-01T00:00:00Z","resource":"{resource}","type":"{told}"}}"#
                );
                let line = Line::parse(line.as_bytes()).unwrap();
                let (_, heard) = line.news(&Catalog::default()).unwrap();
                assert_eq!(heard.out, Some(News::Closed), "{resource} {told}");
            }
        }
    }
}
