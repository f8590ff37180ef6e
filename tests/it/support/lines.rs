//! Recordings as text: one JSON object a line, as an API server's list and watch told it.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

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

impl Line {
    /// The resourceVersion of its object.
    pub(crate) fn version(&self) -> Option<u64> {
        let object: serde_json::Value = serde_json::from_str(&self.object).unwrap();
        object.get("metadata")?.get("resourceVersion")?.as_str()?.parse().ok()
    }
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
