//! Documents one after another, JSON or YAML, out of a stream.

use std::io::{self, BufRead};

use serde_json::Value;
use serde_json::value::RawValue;

/// More values no YAML has that kubectl could have printed.
const MAX_YAML_NODES: usize = 100_000_000;

/// Why a document, and what follows it, cannot be read.
#[derive(Clone, Debug)]
pub(super) struct Broken(pub(super) String);

/// Hands on each document as JSON, until `take` fails.
///
/// # Errors
/// What `take` returns; a document that cannot be read is handed on as such, and is the last one.
pub(super) fn each(
    mut stream: impl BufRead,
    take: &mut dyn FnMut(Result<&RawValue, Broken>) -> io::Result<()>,
) -> io::Result<()> {
    let start = stream.fill_buf().unwrap_or_default();
    let mark = if start.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let is_json = start.get(mark..).unwrap_or_default().trim_ascii_start().starts_with(b"{");
    stream.consume(mark);
    if is_json { json(stream, take) } else { yaml(stream, take) }
}

fn json(
    stream: impl BufRead,
    take: &mut dyn FnMut(Result<&RawValue, Broken>) -> io::Result<()>,
) -> io::Result<()> {
    for document in serde_json::Deserializer::from_reader(stream).into_iter::<Box<RawValue>>() {
        let document = document.map_err(|error| {
            let text = error.to_string();
            let what = text.split_once(" at line ").map_or(&*text, |(what, _)| what);
            Broken(format!("line {}: {what}", error.line()))
        });
        take(document.as_deref().map_err(Broken::clone))?;
    }
    Ok(())
}

fn yaml(
    mut stream: impl BufRead,
    take: &mut dyn FnMut(Result<&RawValue, Broken>) -> io::Result<()>,
) -> io::Result<()> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_reader_input_bytes: None,
            max_documents: MAX_YAML_NODES,
            max_nodes: MAX_YAML_NODES,
            max_events: MAX_YAML_NODES,
            max_total_scalar_bytes: usize::MAX,
        },
    };
    for document in serde_saphyr::read_with_options::<_, Value>(&mut stream, options) {
        let raw = document.map_err(|error| error.to_string()).and_then(|value| {
            serde_json::value::to_raw_value(&value).map_err(|error| error.to_string())
        });
        match raw {
            Ok(raw) if raw.get() == "null" => {}
            Ok(raw) => take(Ok(&raw))?,
            Err(error) => {
                let why = error.lines().next().unwrap_or_default().to_owned();
                return take(Err(Broken(why)));
            }
        }
    }
    Ok(())
}
