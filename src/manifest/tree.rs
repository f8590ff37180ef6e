//! A document as a tree in which everything knows where it stands in the text.

use std::collections::BTreeMap;

/// A document, and what stands at its anchors.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) root: Node,
    /// By the number that aliases name.
    pub(super) anchors: BTreeMap<usize, Node>,
}

/// A value, and the bytes of the text that it takes.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) start: usize,
    pub(super) end: usize,
    /// From 1.
    pub(super) line: usize,
    /// The number of its anchor; 0 is none.
    pub(super) anchor: usize,
    /// Its type is said (`!!str`), and not to be guessed.
    pub(super) has_tag: bool,
    pub(super) value: Value,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    /// A scalar; not quoted, it may be null, a number or a truth.
    Scalar {
        text: String,
        is_plain: bool,
    },
    Map(Vec<Entry>),
    List(Vec<Node>),
    /// What stands elsewhere in the document.
    Alias(usize),
}

/// A key and its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) start: usize,
    pub(super) end: usize,
    /// From 1.
    pub(super) line: usize,
    /// From 0, in characters.
    pub(super) column: usize,
    pub(super) node: Node,
}

impl Node {
    pub(super) fn is_null(&self) -> bool {
        let Value::Scalar { text, is_plain: true } = &self.value else { return false };
        matches!(&**text, "" | "~" | "null" | "Null" | "NULL")
    }

    /// What stands here, in words, without its content.
    pub(super) fn told(&self) -> &'static str {
        match &self.value {
            Value::Scalar { .. } if self.is_null() => "null",
            Value::Scalar { .. } => "a text",
            Value::Map(_) => "a map",
            Value::List(_) => "a list",
            Value::Alias(_) => "an alias",
        }
    }

    /// Where the last thing in it ends: what a parser says of the end of a map in lines may be the
    /// beginning of what follows.
    pub(super) fn last_end(&self, text: &str) -> usize {
        if text.get(self.start..).is_some_and(|rest| rest.starts_with(['{', '['])) {
            return self.end;
        }
        match &self.value {
            Value::Map(entries) => {
                entries.last().map_or(self.end, |entry| entry.node.last_end(text).max(entry.end))
            }
            Value::List(items) => items.last().map_or(self.end, |item| item.last_end(text)),
            Value::Scalar { .. } | Value::Alias(_) => self.end,
        }
    }
}

/// The first key that stands twice in a map.
pub(super) fn twice(entries: &[Entry]) -> Option<&Entry> {
    let mut keys: Vec<(&str, usize)> =
        entries.iter().enumerate().map(|(at, entry)| (&*entry.key, at)).collect();
    keys.sort_unstable();
    let pairs = keys.iter().zip(keys.iter().skip(1));
    let again = pairs.filter(|((one, _), (other, _))| one == other).map(|(_, (_, at))| *at);
    again.min().and_then(|at| entries.get(at))
}
