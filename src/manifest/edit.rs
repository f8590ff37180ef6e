//! Edits that put annotations and env variables into a text.

use std::collections::BTreeSet;

use super::OrAt;
use super::plain::{Found, Plain, Step, What, quoted};
use super::tree::{Document, Entry, Node, Value};

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
        // What is put where something was taken away does not bring that back.
        at = at.max(edit.end);
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

/// What is to be done to one document.
pub(super) struct Editor<'t> {
    text: &'t str,
    newline: &'static str,
    document: &'t Document,
    edits: Vec<Edit>,
    /// Anchors of what is edited: what their aliases stand for must stay what it was.
    touched: BTreeSet<usize>,
}

impl<'t> Editor<'t> {
    pub(super) fn new(text: &'t str, newline: &'static str, document: &'t Document) -> Self {
        Self { text, newline, document, edits: Vec::new(), touched: BTreeSet::new() }
    }

    /// The edits of the whole document: aliases of what has changed are written out.
    ///
    /// # Errors
    /// They stand for more than any manifest has.
    pub(super) fn finish(mut self) -> OrAt<Vec<Edit>> {
        if !self.touched.is_empty() {
            let mut aliases = Vec::new();
            aliases_of(&self.document.root, &self.touched, &mut aliases);
            for alias in aliases {
                let is_within = |edit: &Edit| edit.start <= alias.start && alias.end <= edit.end;
                if !self.edits.iter().any(is_within) {
                    let text = self.document.plain(alias)?.flow();
                    self.replace(alias.start, alias.end, text);
                }
            }
        }
        Ok(self.edits)
    }

    fn replace(&mut self, start: usize, end: usize, text: String) {
        self.edits.push(Edit { start, end, text });
    }

    /// Plans to write `what` at the end of `path` from `node`.
    ///
    /// # Errors
    /// Tells the line of what is no map.
    pub(super) fn put(&mut self, node: &Node, path: &[Step], what: &What) -> OrAt<()> {
        if node.anchor != 0 {
            self.touched.insert(node.anchor);
        }
        let document = self.document;
        match (&node.value, path.split_first()) {
            (Value::Alias(_), _) => self.write_out(node, path, what),
            (Value::List(items), Some((Step::Index(index), rest))) => match items.get(*index) {
                Some(item) => self.put(item, rest, what),
                None => Ok(()),
            },
            (Value::Map(entries), Some((Step::Key(key), rest))) => match document.find(node, key) {
                Some(Found::Own(entry)) if entry.node.is_null() => {
                    let value = with(Plain::null(), rest, what);
                    let edit = instead_of_null(self.text, entry, &value.flow());
                    self.edits.push(edit);
                    Ok(())
                }
                Some(Found::Own(entry)) => {
                    let is_list = match rest.first() {
                        Some(step) => matches!(step, Step::Index(_)),
                        None => matches!(what, What::Env(_)),
                    };
                    match (&entry.node.value, is_list) {
                        (Value::Map(_), false) | (Value::List(_), true) | (Value::Alias(_), _) => {
                            self.put(&entry.node, rest, what)
                        }
                        (Value::Map(_) | Value::List(_) | Value::Scalar { .. }, _) => {
                            let (told, what) =
                                (entry.node.told(), if is_list { "list" } else { "map" });
                            let problem = format!("{key} is {told}: a {what} is expected");
                            Err((entry.node.line, problem))
                        }
                    }
                }
                Some(Found::Merged(source)) => {
                    let value = with(document.plain(source)?, rest, what);
                    let pairs = Added::Flow(key, value.flow());
                    self.insert(node, entries, &pairs);
                    Ok(())
                }
                None => {
                    let added = Added::of(path, what);
                    self.insert(node, entries, &added);
                    Ok(())
                }
            },
            (Value::Map(entries), None) => match what {
                What::Pairs(pairs) => self.put_pairs(node, entries, pairs),
                What::Env(_) => Ok(()),
            },
            (Value::List(items), None) => self.put_items(node, items, what),
            (Value::Map(_) | Value::List(_) | Value::Scalar { .. }, _) => {
                Err((node.line, format!("this is {}: a map is expected", node.told())))
            }
        }
    }

    /// Writes what stands there anew, on one line.
    fn write_out(&mut self, node: &Node, path: &[Step], what: &What) -> OrAt<()> {
        let value = with(self.document.plain(node)?, path, what);
        self.replace(node.start, node.last_end(self.text), value.flow());
        Ok(())
    }

    fn put_pairs(
        &mut self,
        node: &Node,
        entries: &[Entry],
        pairs: &[(String, Option<String>)],
    ) -> OrAt<()> {
        let mut missing = Vec::new();
        let mut gone: Vec<&Entry> = Vec::new();
        for (key, value) in pairs {
            match (self.document.find(node, key), value) {
                (Some(Found::Own(entry)), Some(value)) if entry.node.is_null() => {
                    let edit = instead_of_null(self.text, entry, &quoted(value));
                    self.edits.push(edit);
                }
                (Some(Found::Own(Entry { node, .. })), Some(value)) => {
                    if node.anchor != 0 {
                        self.touched.insert(node.anchor);
                    }
                    self.replace(node.start, node.end, quoted(value));
                }
                (Some(Found::Own(entry)), None) => gone.push(entry),
                // What is merged from elsewhere cannot be taken away here.
                (Some(Found::Merged(_)), None) => {
                    return self.write_out(node, &[], &What::Pairs(pairs.to_vec()));
                }
                (Some(Found::Merged(_)) | None, Some(value)) => {
                    missing.push((key.clone(), value.clone()));
                }
                (None, None) => {}
            }
        }
        let is_flow = self.is_flow(node);
        // What others refer to, or what shares its line, is not taken away by its lines.
        let is_easy = |entry: &&Entry| is_flow || self.line_of(entry).is_some();
        let is_named = |entry: &&Entry| has_anchor(&entry.node);
        if !gone.iter().all(is_easy) || gone.iter().any(is_named) {
            self.edits.retain(|edit| edit.end < node.start || edit.start > node.end);
            return self.write_out(node, &[], &What::Pairs(pairs.to_vec()));
        }
        let stays = |entry: &&Entry| !gone.iter().any(|it| it.start == entry.start);
        let first = entries.iter().find(stays);
        let added = Added::Pairs(missing);
        match (first, gone.split_first()) {
            // All that stands here goes: its place is taken.
            (None, Some((entry, others))) if !is_flow && !added.is_empty() => {
                let (_, end) = self.line_of(entry).unwrap_or((entry.start, entry.node.end));
                let lines = added.lines(entry.column, self.newline);
                self.replace(entry.start, end, lines);
                others.iter().for_each(|entry| self.take(entry, is_flow));
            }
            _ => {
                gone.iter().for_each(|entry| self.take(entry, is_flow));
                let staying: Vec<&Entry> = first.into_iter().collect();
                if !added.is_empty() {
                    self.insert_before(node, &staying, &added);
                }
            }
        }
        Ok(())
    }

    /// Env variables in front of others.
    fn put_items(&mut self, node: &Node, items: &[Node], what: &What) -> OrAt<()> {
        let What::Env(variables) = what else { return Ok(()) };
        let plain = self.document.plain(node)?;
        let is_there = |name: &str| {
            plain.items().iter().any(|item| item.at("name").and_then(Plain::text) == Some(name))
        };
        let new = with(Plain::null(), &[], what);
        let lines: Vec<String> = new.items().iter().map(Plain::flow).collect();
        let dash = items.first().and_then(|item| self.dash_before(item));
        if variables.iter().any(|(name, _)| is_there(name)) {
            return self.write_out(node, &[], what);
        }
        if self.is_flow(node) {
            let separator = if items.is_empty() { "" } else { ", " };
            let at = node.start + 1;
            self.replace(at, at, lines.join(", ") + separator);
            return Ok(());
        }
        let Some((dash, column)) = dash else { return self.write_out(node, &[], what) };
        let newline = self.newline;
        let lines = lines.iter().map(|line| format!("- {line}{newline}{:column$}", ""));
        self.replace(dash, dash, lines.collect());
        Ok(())
    }

    /// Where the dash of an item is, and its column.
    fn dash_before(&self, item: &Node) -> Option<(usize, usize)> {
        let before = self.text.get(..item.start)?;
        let dash = before.trim_end_matches([' ', '\n', '\r']).strip_suffix('-')?.len();
        let line = before.get(..dash)?.rfind('\n').map_or(0, |at| at + 1);
        let indent = self.text.get(line..dash)?;
        indent.bytes().all(|byte| byte == b' ').then_some((dash, indent.len()))
    }

    fn is_flow(&self, node: &Node) -> bool {
        self.text.get(node.start..).is_some_and(|rest| rest.starts_with(['{', '[']))
    }

    /// The bytes of the lines of an entry which has them for itself: from the end of the line before
    /// to its own end.
    fn line_of(&self, entry: &Entry) -> Option<(usize, usize)> {
        let before = self.text.get(..entry.start)?;
        let start = before.trim_end_matches(' ');
        let start = start.strip_suffix('\n').map(|it| it.strip_suffix('\r').unwrap_or(it))?.len();
        let last = entry.node.last_end(self.text).max(entry.end);
        // A text of several lines ends where the next key begins.
        let until = self.text.get(..last)?.trim_end_matches(' ');
        if until.ends_with('\n') {
            let end = until.trim_end_matches(['\n', '\r']).len();
            return Some((start, end.max(entry.end)));
        }
        let rest = self.text.get(last..)?;
        let line = rest.split('\n').next().unwrap_or_default().trim_end_matches('\r');
        let is_own = line.trim_start().is_empty() || line.trim_start().starts_with([':', '#']);
        is_own.then_some((start, last + line.len()))
    }

    /// Takes an entry away, its line with it.
    fn take(&mut self, entry: &Entry, is_flow: bool) {
        if !is_flow {
            if let Some((start, end)) = self.line_of(entry) {
                self.replace(start, end, String::new());
            }
            return;
        }
        let end = entry.node.end.max(entry.end);
        let rest = self.text.get(end..).unwrap_or_default();
        let after = rest.trim_ascii_start();
        match after.strip_prefix(',') {
            Some(after) => {
                let end = self.text.len() - after.trim_ascii_start().len();
                self.replace(entry.start, end, String::new());
            }
            None => {
                let before = self.text.get(..entry.start).unwrap_or_default().trim_ascii_end();
                let start = before.strip_suffix(',').unwrap_or(before).len();
                self.replace(start, end, String::new());
            }
        }
    }

    fn insert(&mut self, node: &Node, entries: &[Entry], added: &Added<'_>) {
        let first: Vec<&Entry> = entries.first().into_iter().collect();
        self.insert_before(node, &first, added);
    }

    /// At the beginning of a map, before the first of what stays there.
    fn insert_before(&mut self, node: &Node, first: &[&Entry], added: &Added<'_>) {
        let is_flow = self.is_flow(node);
        match first.first() {
            Some(first) if !is_flow => {
                let indent = first.column;
                let lines = added.lines(indent, self.newline);
                let text = format!("{lines}{}{:indent$}", self.newline, "");
                self.replace(first.start, first.start, text);
            }
            first => {
                let separator = if first.is_some() { ", " } else { "" };
                let at = node.start + 1;
                self.replace(at, at, added.flow() + separator);
            }
        }
    }
}

fn has_anchor(node: &Node) -> bool {
    node.anchor != 0
        || match &node.value {
            Value::Map(entries) => entries.iter().any(|entry| has_anchor(&entry.node)),
            Value::List(items) => items.iter().any(has_anchor),
            Value::Scalar { .. } | Value::Alias(_) => false,
        }
}

/// The aliases of these anchors, in their order.
fn aliases_of<'d>(node: &'d Node, anchors: &BTreeSet<usize>, out: &mut Vec<&'d Node>) {
    match &node.value {
        Value::Alias(anchor) if anchors.contains(anchor) => out.push(node),
        Value::Map(entries) => {
            entries.iter().for_each(|entry| aliases_of(&entry.node, anchors, out));
        }
        Value::List(items) => items.iter().for_each(|item| aliases_of(item, anchors, out)),
        Value::Scalar { .. } | Value::Alias(_) => {}
    }
}

/// `value` with `what` at the end of `path`.
fn with(mut value: Plain, path: &[Step], what: &What) -> Plain {
    // Whoever asks has found out whether it can be put there.
    let _ = value.put(path, what);
    value
}

/// What is added at the beginning of a map.
enum Added<'a> {
    /// A key with a map, or a list, of what is added.
    Below(&'a str, Box<Self>),
    /// A key with what was written out.
    Flow(&'a str, String),
    Pairs(Vec<(String, String)>),
}

impl<'a> Added<'a> {
    fn of(path: &'a [Step], what: &What) -> Self {
        match (path.split_first(), what) {
            (Some((Step::Key(key), [])), What::Env(_)) => {
                Self::Flow(key, with(Plain::null(), &[], what).flow())
            }
            (Some((Step::Key(key), rest)), _) => Self::Below(key, Box::new(Self::of(rest, what))),
            (_, What::Pairs(pairs)) => {
                let given =
                    pairs.iter().filter_map(|(key, value)| Some((key.clone(), value.clone()?)));
                Self::Pairs(given.collect())
            }
            (_, What::Env(_)) => Self::Pairs(Vec::new()),
        }
    }

    fn is_empty(&self) -> bool {
        matches!(self, Self::Pairs(pairs) if pairs.is_empty())
    }

    /// `"annotations": {"key": "value"}`, which is YAML and JSON.
    fn flow(&self) -> String {
        match self {
            Self::Below(key, below) => format!("{}: {{{}}}", quoted(key), below.flow()),
            Self::Flow(key, value) => format!("{}: {value}", quoted(key)),
            Self::Pairs(pairs) => {
                let pairs =
                    pairs.iter().map(|(key, it)| format!("{}: {}", quoted(key), quoted(it)));
                pairs.collect::<Vec<_>>().join(", ")
            }
        }
    }

    /// Lines, each but the first with its indentation.
    fn lines(&self, indent: usize, newline: &str) -> String {
        match self {
            Self::Below(key, below) => {
                let inner = indent + 2;
                format!("{key}:{newline}{:inner$}{}", "", below.lines(inner, newline))
            }
            Self::Flow(key, value) => format!("{key}: {value}"),
            Self::Pairs(pairs) => {
                let lines = pairs.iter().map(|(key, value)| format!("{key}: {}", quoted(value)));
                lines.collect::<Vec<_>>().join(&format!("{newline}{:indent$}", ""))
            }
        }
    }
}

/// Puts `value` where null is written out, or where nothing stands after the colon.
fn instead_of_null(text: &str, entry: &Entry, value: &str) -> Edit {
    if matches!(&entry.node.value, Value::Scalar { text, .. } if !text.is_empty()) {
        return Edit { start: entry.node.start, end: entry.node.end, text: value.to_owned() };
    }
    let after = text.get(entry.end..).unwrap_or_default();
    let colon = after.find(':').map_or(entry.end, |at| entry.end + at + 1);
    Edit { start: colon, end: colon, text: format!(" {value}") }
}
