//! YAML as trees, one for each document.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::ManifestError;
use super::tree::{Document, Entry, Node, Value, twice};

/// Deeper than this no manifest is.
const MAX_DEPTH: usize = 256;

/// A map or list whose end has not come.
struct Open {
    start: usize,
    line: usize,
    anchor: usize,
    has_tag: bool,
    /// The key whose value comes next, and where it stands.
    key: Option<(Node, usize)>,
    entries: Option<Vec<Entry>>,
    items: Vec<Node>,
}

/// Reads all documents.
pub(super) fn read(text: &str) -> Result<Vec<Document>, ManifestError> {
    let offsets = Offsets::new(text);
    let mut documents: Vec<Document> = Vec::new();
    let mut anchors: BTreeMap<usize, Node> = BTreeMap::new();
    let mut root: Option<Node> = None;
    let mut open: Vec<Open> = Vec::new();
    for next in Parser::new_from_str(text) {
        let document = documents.len() + 1;
        let wrong = |line, problem| ManifestError { document, line, problem };
        let (event, span) = next.map_err(|error| {
            wrong(error.marker().line(), format!("this is no YAML: {}", error.info()))
        })?;
        let line = span.start.line();
        let leaf = |anchor, has_tag, value| Node {
            start: content(text, offsets.of(span.start.index())),
            end: offsets.of(span.end.index()),
            line,
            anchor,
            has_tag,
            value,
        };
        let column = span.start.col();
        let done = match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_plain = style == ScalarStyle::Plain;
                let value = Value::Scalar { text: text.into_owned(), is_plain };
                Some((leaf(anchor, tag.is_some(), value), column))
            }
            Event::Alias(anchor) => Some((leaf(0, false, Value::Alias(anchor)), column)),
            Event::MappingStart(..) | Event::SequenceStart(..) if open.len() >= MAX_DEPTH => {
                return Err(wrong(line, "this is nested too deeply".to_owned()));
            }
            Event::MappingStart(anchor, tag) => {
                open.push(Open::new(text, &offsets, span, (anchor, tag.is_some()), true));
                None
            }
            Event::SequenceStart(anchor, tag) => {
                open.push(Open::new(text, &offsets, span, (anchor, tag.is_some()), false));
                None
            }
            Event::MappingEnd | Event::SequenceEnd => {
                let Some(open) = open.pop() else { continue };
                let node = open.close(offsets.of(span.end.index()));
                Some((node.map_err(|(line, problem)| wrong(line, problem))?, column))
            }
            Event::DocumentStart(_) => {
                root = None;
                None
            }
            Event::DocumentEnd => {
                let nothing = || Value::Scalar { text: String::new(), is_plain: true };
                let root = root.take().unwrap_or_else(|| leaf(0, false, nothing()));
                documents.push(Document { root, anchors: std::mem::take(&mut anchors) });
                None
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd => None,
        };
        let Some((node, column)) = done else { continue };
        if node.anchor != 0 {
            anchors.insert(node.anchor, node.clone());
        }
        match open.last_mut() {
            None => root = Some(node),
            Some(parent) => {
                parent.take(node, column).map_err(|(line, problem)| wrong(line, problem))?;
            }
        }
    }
    Ok(documents)
}

impl Open {
    fn new(
        text: &str,
        offsets: &Offsets,
        span: Span,
        (anchor, has_tag): (usize, bool),
        is_map: bool,
    ) -> Self {
        Self {
            start: content(text, offsets.of(span.start.index())),
            line: span.start.line(),
            anchor,
            has_tag,
            key: None,
            entries: is_map.then(Vec::new),
            items: Vec::new(),
        }
    }

    fn take(&mut self, node: Node, column: usize) -> Result<(), (usize, String)> {
        let Some(entries) = &mut self.entries else {
            self.items.push(node);
            return Ok(());
        };
        let Some((key, column)) = self.key.take() else {
            self.key = Some((node, column));
            return Ok(());
        };
        let Value::Scalar { text, .. } = key.value else {
            return Err((key.line, format!("a key is {}: a text is expected", key.told())));
        };
        let (start, end, line) = (key.start, key.end, key.line);
        entries.push(Entry { key: text, start, end, line, column, node });
        Ok(())
    }

    fn close(self, end: usize) -> Result<Node, (usize, String)> {
        let Self { start, line, anchor, has_tag, entries, items, .. } = self;
        if let Some(entry) = entries.as_deref().and_then(twice) {
            return Err((entry.line, format!("the key {} stands here twice", entry.key)));
        }
        let value = entries.map_or(Value::List(items), Value::Map);
        Ok(Node { start, end, line, anchor, has_tag, value })
    }
}

/// Where the value begins of which an anchor or a tag stands at `start`.
fn content(text: &str, start: usize) -> usize {
    let mut rest = text.get(start..).unwrap_or_default();
    while rest.starts_with(['&', '!']) {
        let end = rest.find([' ', '\t', '\n', '\r']).unwrap_or(rest.len());
        rest = rest.get(end..).unwrap_or_default().trim_start_matches([' ', '\t']);
    }
    text.len() - rest.len()
}

/// From characters, which the parser counts, to bytes.
struct Offsets(Vec<usize>);

impl Offsets {
    fn new(text: &str) -> Self {
        // In ASCII they are the same.
        if text.is_ascii() {
            return Self(Vec::new());
        }
        let ends = std::iter::once(text.len());
        Self(text.char_indices().map(|(at, _)| at).chain(ends).collect())
    }

    fn of(&self, index: usize) -> usize {
        match self.0.last() {
            None => index,
            Some(end) => self.0.get(index).copied().unwrap_or(*end),
        }
    }
}
