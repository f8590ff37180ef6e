//! YAML as trees, one for each document.

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use super::ManifestError;
use super::tree::{Entry, Node, Value};

/// Deeper than this no manifest is.
const MAX_DEPTH: usize = 256;

/// A map or list whose end has not come.
struct Open {
    start: usize,
    line: usize,
    /// The key whose value comes next, and where it stands.
    key: Option<(Node, usize)>,
    entries: Option<Vec<Entry>>,
    items: Vec<Node>,
}

/// Reads all documents.
pub(super) fn read(text: &str) -> Result<Vec<Node>, ManifestError> {
    let offsets = Offsets::new(text);
    let mut documents: Vec<Node> = Vec::new();
    let mut root: Option<Node> = None;
    let mut open: Vec<Open> = Vec::new();
    for next in Parser::new_from_str(text) {
        let document = documents.len() + 1;
        let wrong = |line, problem| ManifestError { document, line, problem };
        let (event, span) = next.map_err(|error| {
            wrong(error.marker().line(), format!("this is no YAML: {}", error.info()))
        })?;
        let line = span.start.line();
        let leaf = |value| Node {
            start: offsets.of(span.start.index()),
            end: offsets.of(span.end.index()),
            line,
            value,
        };
        let column = span.start.col();
        let done = match event {
            Event::Scalar(text, style, ..) => {
                let is_plain = style == ScalarStyle::Plain;
                Some((leaf(Value::Scalar { text: text.into_owned(), is_plain }), column))
            }
            Event::Alias(anchor) => Some((leaf(Value::Alias(anchor)), column)),
            Event::MappingStart(..) | Event::SequenceStart(..) if open.len() >= MAX_DEPTH => {
                return Err(wrong(line, "this is nested too deeply".to_owned()));
            }
            Event::MappingStart(..) => {
                open.push(Open::new(&offsets, span, true));
                None
            }
            Event::SequenceStart(..) => {
                open.push(Open::new(&offsets, span, false));
                None
            }
            Event::MappingEnd | Event::SequenceEnd => {
                open.pop().map(|open| (open.close(offsets.of(span.end.index())), column))
            }
            Event::DocumentStart(_) => {
                root = None;
                None
            }
            Event::DocumentEnd => {
                documents.push(root.take().unwrap_or_else(|| {
                    leaf(Value::Scalar { text: String::new(), is_plain: true })
                }));
                None
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd => None,
        };
        let Some((node, column)) = done else { continue };
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
    fn new(offsets: &Offsets, span: Span, is_map: bool) -> Self {
        Self {
            start: offsets.of(span.start.index()),
            line: span.start.line(),
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
        if entries.iter().any(|entry| entry.key == text) {
            return Err((key.line, format!("the key {text} stands here twice")));
        }
        entries.push(Entry { key: text, start: key.start, end: key.end, column, node });
        Ok(())
    }

    fn close(self, end: usize) -> Node {
        let Self { start, line, entries, items, .. } = self;
        let value = entries.map_or(Value::List(items), Value::Map);
        Node { start, end, line, value }
    }
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
