//! Recordings as text: one JSON object a line, as an API server's list and watch told it.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is a failed test")]

use std::io::Read;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::value::RawValue;

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Type {
    List,
    ListDone,
    Added,
    Modified,
    Deleted,
    Bookmark,
    Closed,
    Error,
}

impl Type {
    const fn name(self) -> &'static str {
        match self {
            Self::List => "LIST",
            Self::ListDone => "LIST_DONE",
            Self::Added => "ADDED",
            Self::Modified => "MODIFIED",
            Self::Deleted => "DELETED",
            Self::Bookmark => "BOOKMARK",
            Self::Closed => "CLOSED",
            Self::Error => "ERROR",
        }
    }
}

/// A line of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// Arrival, nanoseconds since the Unix epoch.
    pub(crate) at: i64,
    pub(crate) resource: Box<str>,
    pub(crate) kind: Type,
    /// JSON.
    pub(crate) object: String,
}

#[derive(Deserialize)]
struct Written<'a> {
    at: &'a str,
    resource: &'a str,
    r#type: Type,
    #[serde(borrow, default)]
    object: Option<&'a RawValue>,
}

/// Reads the lines of a recording.
pub(crate) fn read(text: &str) -> Vec<Line> {
    text.lines()
        .map(|line| {
            let written: Written<'_> = serde_json::from_str(line).unwrap();
            let at = written.at.parse::<jiff::Timestamp>().unwrap().as_nanosecond();
            Line {
                at: i64::try_from(at).unwrap(),
                resource: written.resource.into(),
                kind: written.r#type,
                object: written.object.map_or_else(|| "{}".to_owned(), |raw| raw.get().to_owned()),
            }
        })
        .collect()
}

/// The lines as `read` reads them.
pub(crate) fn write(lines: &[Line]) -> String {
    let mut text = String::new();
    for line in lines {
        let (at, kind) = (super::model::objects::micros(line.at), line.kind.name());
        let Line { resource, object, .. } = line;
        text.push_str(&format!(
            "{{\"at\":\"{at}\",\"resource\":\"{resource}\",\"type\":\"{kind}\",\"object\":{object}}}\n"
        ));
    }
    text
}

/// Where the recorded clusters lie.
fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/recordings")
}

/// The names of all recorded clusters, in order.
pub(crate) fn recordings() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| Some(name.strip_suffix(".jsonl.gz")?.to_owned()))
        .collect();
    names.sort();
    assert!(!names.is_empty(), "there is no recording to test with");
    names
}

/// A recorded cluster, by the beginning of its name.
pub(crate) fn recording(name: &str) -> Vec<Line> {
    let full = recordings().into_iter().find(|known| known.starts_with(name)).unwrap();
    let file = std::fs::File::open(folder().join(format!("{full}.jsonl.gz"))).unwrap();
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(file).read_to_string(&mut text).unwrap();
    read(&text)
}

/// The lines as if the first of them arrived at `begin`: all times in them are moved as well, by
/// whole seconds, since that is what Kubernetes writes.
pub(crate) fn moved_to(lines: &[Line], begin: i64) -> Vec<Line> {
    const SECOND: i64 = 1_000_000_000;
    let by = (begin - lines[0].at + SECOND) / SECOND * SECOND;
    let moved = |line: &Line| {
        let mut object = serde_json::from_str(&line.object).unwrap();
        move_times(&mut object, by);
        Line { at: line.at + by, object: object.to_string(), ..line.clone() }
    };
    lines.iter().map(moved).collect()
}

fn move_times(value: &mut serde_json::Value, by: i64) {
    match value {
        serde_json::Value::Object(fields) => {
            fields.values_mut().for_each(|value| move_times(value, by));
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| move_times(item, by)),
        serde_json::Value::String(text) => {
            if let Some(moved) = moved_time(text, by).or_else(|| moved_name(text, by)) {
                *text = moved;
            }
        }
        _ => {}
    }
}

/// A time with as many digits as it was written with.
fn moved_time(text: &str, by: i64) -> Option<String> {
    let at =
        text.strip_suffix('Z')?.contains('T').then(|| text.parse::<jiff::Timestamp>())?.ok()?;
    let moved = at + jiff::SignedDuration::from_nanos(by);
    let n_digits = text.split_once('.').map_or(0, |(_, fraction)| fraction.len() - 1);
    Some(format!("{moved:.n_digits$}"))
}

/// The name of an Event ends in the nanosecond of its first time, in hexadecimal.
fn moved_name(text: &str, by: i64) -> Option<String> {
    let (head, nanos) = text.rsplit_once('.').filter(|(_, nanos)| nanos.len() == 16)?;
    Some(format!("{head}.{:x}", i64::from_str_radix(nanos, 16).ok()? + by))
}
