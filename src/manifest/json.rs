//! JSON as trees; documents may follow one another, as `kubectl get -o json` of several calls has.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde_json::Deserializer;

use super::ManifestError;
use super::tree::{Document, Entry, Node, Value, twice};

/// Whether `text` is JSON rather than YAML.
pub(super) fn is_json(text: &str) -> bool {
    text.trim_start().starts_with('{')
        // A flow map of YAML may look like it: then it is read as that.
        && Deserializer::from_str(text).into_iter::<IgnoredAny>().all(|one| one.is_ok())
}

/// Reads all documents of what [`is_json`].
pub(super) fn read(text: &str) -> Result<Vec<Document>, ManifestError> {
    let mut scanner = Scanner { text, at: 0, line: 1, line_start: 0, twice: None };
    let mut documents = Vec::new();
    // Checked first as a whole: what follows is no parser, and the depth is bounded.
    for one in Deserializer::from_str(text).into_iter::<IgnoredAny>() {
        let document = documents.len() + 1;
        let wrong = |line, problem| ManifestError { document, line, problem };
        one.map_err(|error| wrong(error.line(), format!("this is no JSON: {error}")))?;
        let line = scanner.line;
        let read = scanner.value();
        if let Some((line, key)) = scanner.twice {
            return Err(wrong(line, format!("the key {key} stands here twice")));
        }
        let root = read.ok_or_else(|| wrong(line, "this is no JSON".to_owned()))?;
        documents.push(Document { root, anchors: BTreeMap::new() });
    }
    Ok(documents)
}

/// Walks over JSON that is known to be well-formed.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    line_start: usize,
    /// A key that stands twice in a map, and its line.
    twice: Option<(usize, String)>,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip(&mut self, is_skipped: impl Fn(u8) -> bool) {
        while let Some(byte) = self.peek().filter(|byte| is_skipped(*byte)) {
            self.at += 1;
            if byte == b'\n' {
                self.line += 1;
                self.line_start = self.at;
            }
        }
    }

    fn value(&mut self) -> Option<Node> {
        self.skip(|byte| byte.is_ascii_whitespace());
        let (start, line) = (self.at, self.line);
        let value = match self.peek()? {
            b'{' => {
                self.at += 1;
                let mut entries = Vec::new();
                loop {
                    self.skip(|byte| byte.is_ascii_whitespace() || byte == b',');
                    if self.peek()? == b'}' {
                        break;
                    }
                    let (start, line, column) = (self.at, self.line, self.at - self.line_start);
                    let key = self.string()?;
                    let end = self.at;
                    self.skip(|byte| byte.is_ascii_whitespace() || byte == b':');
                    entries.push(Entry { key, start, end, line, column, node: self.value()? });
                }
                self.at += 1;
                let again = twice(&entries).map(|entry| (entry.line, entry.key.clone()));
                self.twice = self.twice.take().or(again);
                Value::Map(entries)
            }
            b'[' => {
                self.at += 1;
                let mut items = Vec::new();
                loop {
                    self.skip(|byte| byte.is_ascii_whitespace() || byte == b',');
                    if self.peek()? == b']' {
                        break;
                    }
                    items.push(self.value()?);
                }
                self.at += 1;
                Value::List(items)
            }
            b'"' => Value::Scalar { text: self.string()?, is_plain: false },
            _ => {
                self.skip(|byte| !byte.is_ascii_whitespace() && !b",]}".contains(&byte));
                let text = self.text.get(start..self.at)?.to_owned();
                Value::Scalar { text, is_plain: true }
            }
        };
        Some(Node { start, end: self.at, line, anchor: 0, has_tag: false, value })
    }

    fn string(&mut self) -> Option<String> {
        let start = self.at;
        self.at += 1;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        serde_json::from_str(self.text.get(start..self.at)?).ok()
    }
}
