//! Reads typed values out of a tree, and tells everything that is wrong with it at once; pure.
//!
//! Whoever reads a key says its default and its meaning. What was read is kept as [`Entry`]s, so
//! that the documented configuration, the effective one and the help about unknown keys come from
//! the same lines of code.

use super::fixed::says_no_more;
use super::gates::Gates;
use super::nearest::nearest;
use super::node::{Fault, Key, Node, Place, Value};

/// A key that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The keys that lead to it.
    pub path: Vec<String>,
    /// Its value, as YAML.
    pub value: String,
    /// Its meaning; empty for what stands for itself.
    pub help: &'static str,
    /// What is shown in place of a value that has a secret in it.
    pub redacted: Option<String>,
}

/// What is read and what is wrong with it.
#[derive(Debug, Default)]
pub struct Reader {
    /// What was read, in order.
    pub entries: Vec<Entry>,
    /// What is wrong.
    pub faults: Vec<Fault>,
    /// What a person should know.
    pub warnings: Vec<Fault>,
    /// Which features are on.
    pub gates: Gates,
}

/// A map that is being read; [`Section::end`] tells the keys that nobody asked for.
#[derive(Debug)]
pub struct Section<'a> {
    reader: &'a mut Reader,
    path: Vec<String>,
    place: Place,
    pairs: Vec<(Key, Node)>,
    known: Vec<&'static str>,
}

impl Reader {
    /// Tells a fault.
    pub fn fault(&mut self, place: &Place, message: String) {
        self.faults.push(Fault { place: place.clone(), message });
    }

    /// Begins to read a map; `null` is an empty one.
    pub fn section(&mut self, path: Vec<String>, node: Node) -> Section<'_> {
        let Node { place, value } = node;
        let pairs = match value {
            Value::Map(pairs) => pairs,
            Value::Null => Vec::new(),
            other @ (Value::Scalar { .. } | Value::List(_)) => {
                let message = format!("'{}' expected a map, got {}", path.join("::"), sort(&other));
                self.fault(&place, message);
                Vec::new()
            }
        };
        Section { reader: self, path, place, pairs, known: Vec::new() }
    }
}

impl Section<'_> {
    /// Where it stands.
    #[must_use]
    pub fn place(&self) -> Place {
        self.place.clone()
    }

    /// The keys that lead to it, as messages have them.
    #[must_use]
    pub fn path(&self) -> String {
        self.path.join("::")
    }

    /// The reader, to tell faults that concern several keys.
    pub fn reader(&mut self) -> &mut Reader {
        self.reader
    }

    /// A fault of the whole section: `path: message`.
    pub fn fault(&mut self, message: &str) {
        let (place, path) = (self.place.clone(), self.path.join("::"));
        self.reader.fault(&place, format!("{path}: {message}"));
    }

    /// Where `key` stands, or the section where it does not.
    pub(super) fn place_of(&self, key: &str) -> Place {
        let found = self.pairs.iter().find(|(known, _)| known.text == key);
        found.map_or_else(|| self.place.clone(), |(_, node)| node.place.clone())
    }

    /// Tells a fault of `key`, which stands at `place`.
    pub(super) fn fault_of(&mut self, key: &str, place: &Place, problem: &str) {
        let path = self.below(key).join("::");
        self.reader.fault(place, format!("'{path}' {problem}"));
    }

    /// Takes a key out; where it is not, `None`.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Node> {
        self.known.push(key);
        let at = self.pairs.iter().position(|(known, _)| known.text == key)?;
        Some(self.pairs.remove(at).1)
    }

    pub(super) fn wrong(&mut self, key: &str, node: &Node, expected: &str) {
        self.wrong_with(key, node, expected, &kind(&node.value));
    }

    /// The same where what stands there is none of the values that are expected, but may hold them: some
    /// of those are secrets.
    pub(super) fn wrong_sort(&mut self, key: &str, node: &Node, expected: &str) {
        self.wrong_with(key, node, expected, sort(&node.value));
    }

    fn wrong_with(&mut self, key: &str, node: &Node, expected: &str, got: &str) {
        let path = self.below(key).join("::");
        self.reader.fault(&node.place, format!("'{path}' expected {expected}, got {got}"));
    }

    pub(super) fn below(&self, key: &str) -> Vec<String> {
        let mut path = self.path.clone();
        path.push(key.to_owned());
        path
    }

    pub(super) fn enter(&mut self, key: &str, value: String, help: &'static str) {
        self.enter_secret(key, value, help, None);
    }

    /// The same of a value that is shown as `redacted`.
    pub(super) fn enter_secret(
        &mut self,
        key: &str,
        value: String,
        help: &'static str,
        redacted: Option<String>,
    ) {
        let path = self.below(key);
        self.reader.entries.push(Entry { path, value, help, redacted });
    }

    /// How much was read so far, for [`Section::enter_instead`].
    #[must_use]
    pub fn mark(&self) -> usize {
        self.reader.entries.len()
    }

    /// What was read since `mark` stands in one line, as the value of `key`.
    pub fn enter_instead(&mut self, mark: usize, key: &str, value: String, help: &'static str) {
        self.enter_secret_instead(mark, key, value, help, None);
    }

    /// The same of a value that is shown as `redacted`.
    pub(super) fn enter_secret_instead(
        &mut self,
        mark: usize,
        key: &str,
        value: String,
        help: &'static str,
        redacted: Option<String>,
    ) {
        self.reader.entries.truncate(mark);
        self.enter_secret(key, value, help, redacted);
    }

    /// A map below this one.
    pub fn section(&mut self, key: &'static str, help: &'static str) -> Section<'_> {
        let node = self.take(key).unwrap_or_else(|| Node::null(self.place.clone()));
        let path = self.below(key);
        self.reader.entries.push(Entry {
            path: path.clone(),
            value: String::new(),
            help,
            redacted: None,
        });
        self.reader.section(path, node)
    }

    /// The node at `key` as it is, for what is neither a map nor a plain value.
    pub fn node(&mut self, key: &'static str) -> Option<Node> {
        self.take(key).filter(|node| node.value != Value::Null)
    }

    /// Whether `key` is there and not null, which is as if it were not there.
    #[must_use]
    pub fn has(&mut self, key: &str) -> bool {
        self.pairs.retain(|(known, node)| known.text != key || node.value != Value::Null);
        self.pairs.iter().any(|(known, _)| known.text == key)
    }

    /// A key of the Collector that is not supported here: refused, because to ignore it would be
    /// to promise what does not happen. What is empty promises nothing.
    pub fn unsupported(&mut self, key: &'static str, instead: &str) {
        self.unsupported_but(key, &[], instead);
    }

    /// The same of a key of which these values promise nothing else than what happens: the Collector's
    /// default, and what this does in any case. They are YAML.
    pub fn unsupported_but(&mut self, key: &'static str, values: &[&str], instead: &str) {
        let Some(node) = self.take(key) else { return };
        if says_no_more(&node, values) {
            return;
        }
        let path = self.below(key).join("::");
        self.reader.fault(&node.place, format!("'{path}' is not supported: {instead}"));
    }

    /// Passes over what is left: it is not known what it would mean.
    pub fn forget(&mut self) {
        self.pairs.clear();
    }

    /// Tells what is left: nobody asked for it.
    pub fn end(mut self) {
        self.end_ref();
    }

    /// As [`Section::end`], for a section that is borrowed.
    pub fn end_ref(&mut self) {
        let Self { reader, path, pairs, known, .. } = self;
        for (key, _) in std::mem::take(pairs) {
            let mut message = format!("'{}' has invalid keys: {}", path.join("::"), key.text);
            if let Some(near) = nearest(&key.text, known) {
                message.push_str(&format!("; did you mean {near}?"));
            }
            reader.fault(&key.place, message);
        }
    }
}

/// What a value is, for people.
fn kind(value: &Value) -> String {
    match value {
        Value::Scalar { text, .. } => format!("{:?}", text.chars().take(40).collect::<String>()),
        Value::Null | Value::Map(_) | Value::List(_) => sort(value).to_owned(),
    }
}

fn sort(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Scalar { .. } => "a single value",
        Value::Map(_) => "a map",
        Value::List(_) => "a list",
    }
}
