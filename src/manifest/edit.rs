//! Edits that put annotations into a text.

use super::tree::{Entry, Node, Value};

/// Bytes of the text, and what takes their place.
#[derive(Clone, Debug)]
pub(super) struct Edit {
    start: usize,
    end: usize,
    text: String,
}

/// Carries out edits, none of which overlap.
pub(super) fn apply(text: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|edit| edit.start);
    let mut out = String::with_capacity(text.len() + edits.len() * 128);
    let mut at = 0;
    for edit in edits {
        out.push_str(text.get(at..edit.start).unwrap_or_default());
        out.push_str(&edit.text);
        at = edit.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

/// Plans to write `pairs` into the map that stands, or is to stand, below `path` of `node`.
///
/// # Errors
/// Tells the line of what is no map.
pub(super) fn put(
    text: &str,
    node: &Node,
    path: &[&str],
    pairs: &[(String, Option<String>)],
    edits: &mut Vec<Edit>,
) -> Result<(), (usize, String)> {
    let Value::Map(entries) = &node.value else {
        let what = path.first().map_or("this", |_| "metadata");
        return Err((node.line, format!("{what} is {}: a map is expected", node.told())));
    };
    let Some((first, rest)) = path.split_first() else {
        put_pairs(text, node, entries, pairs, edits);
        return Ok(());
    };
    match entries.iter().find(|entry| entry.key == *first) {
        None => {
            let added = Added { path, pairs };
            insert(text, node, entries, &added, edits);
            Ok(())
        }
        Some(entry) if entry.node.is_null() => {
            let added = Added { path: rest, pairs };
            edits.push(instead_of_null(text, entry, &format!("{{{}}}", added.flow())));
            Ok(())
        }
        Some(Entry { node, .. }) if !matches!(node.value, Value::Map(_)) => {
            Err((node.line, format!("{first} is {}: a map is expected", node.told())))
        }
        Some(entry) => put(text, &entry.node, rest, pairs, edits),
    }
}

fn put_pairs(
    text: &str,
    node: &Node,
    entries: &[Entry],
    pairs: &[(String, Option<String>)],
    edits: &mut Vec<Edit>,
) {
    let mut missing = Vec::new();
    for (key, value) in pairs {
        match entries.iter().find(|entry| entry.key == *key) {
            Some(entry) if entry.node.is_null() => {
                let value = quoted(value.as_deref().unwrap_or_default());
                edits.push(instead_of_null(text, entry, &value));
            }
            // What is to go is emptied: to take a line away could take a comment with it.
            Some(Entry { node, .. }) => edits.push(Edit {
                start: node.start,
                end: node.end,
                text: quoted(value.as_deref().unwrap_or_default()),
            }),
            None => missing.extend(value.is_some().then(|| (key.clone(), value.clone()))),
        }
    }
    if !missing.is_empty() {
        insert(text, node, entries, &Added { path: &[], pairs: &missing }, edits);
    }
}

/// What is added at the beginning of a map.
struct Added<'a> {
    path: &'a [&'a str],
    pairs: &'a [(String, Option<String>)],
}

impl Added<'_> {
    /// `"annotations": {"key": "value"}`, which is YAML and JSON.
    fn flow(&self) -> String {
        match self.path.split_first() {
            Some((first, rest)) => {
                let below = Added { path: rest, pairs: self.pairs };
                format!("{}: {{{}}}", quoted(first), below.flow())
            }
            None => {
                let given = self.pairs.iter().filter_map(|(key, value)| {
                    Some(format!("{}: {}", quoted(key), quoted(value.as_deref()?)))
                });
                given.collect::<Vec<_>>().join(", ")
            }
        }
    }

    /// Lines, each but the first with its indentation.
    fn lines(&self, indent: usize, newline: &str) -> String {
        match self.path.split_first() {
            Some((first, rest)) => {
                let below = Added { path: rest, pairs: self.pairs };
                let inner = indent + 2;
                format!("{first}:{newline}{:inner$}{}", "", below.lines(inner, newline))
            }
            None => {
                let given = self.pairs.iter().filter_map(|(key, value)| {
                    Some(format!("{key}: {}", quoted(value.as_deref()?)))
                });
                given.collect::<Vec<_>>().join(&format!("{newline}{:indent$}", ""))
            }
        }
    }
}

fn insert(text: &str, node: &Node, entries: &[Entry], added: &Added<'_>, edits: &mut Vec<Edit>) {
    let is_flow = text.get(node.start..).is_some_and(|rest| rest.starts_with('{'));
    match entries.first() {
        Some(first) if !is_flow => {
            let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
            let indent = first.column;
            let lines = added.lines(indent, newline);
            let text = format!("{lines}{newline}{:indent$}", "");
            edits.push(Edit { start: first.start, end: first.start, text });
        }
        first => {
            let separator = if first.is_some() { ", " } else { "" };
            let at = node.start + 1;
            edits.push(Edit { start: at, end: at, text: added.flow() + separator });
        }
    }
}

/// Puts `value` where null is written out, or where nothing stands after the colon.
fn instead_of_null(text: &str, entry: &Entry, value: &str) -> Edit {
    if entry.node.text().is_some_and(|text| !text.is_empty()) {
        return Edit { start: entry.node.start, end: entry.node.end, text: value.to_owned() };
    }
    let after = text.get(entry.end..).unwrap_or_default();
    let colon = after.find(':').map_or(entry.end, |at| entry.end + at + 1);
    Edit { start: colon, end: colon, text: format!(" {value}") }
}

/// A text of JSON is one of YAML too.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
