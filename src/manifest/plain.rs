//! What a document says, wherever and however it stands there: without anchors, aliases and merge
//! keys, maps by their keys.

use std::collections::BTreeMap;

use super::OrAt;
use super::tree::{Document, Entry, Node, Value};

/// What all aliases of a document may stand for together: more is an attack.
const MAX_ALIASED: usize = 1_000_000;

/// How deep a value may stand, with what aliases stand for: what is nested deeper is an attack.
const MAX_DEPTH: usize = 512;

/// The key whose value is taken for keys of the map that it stands in.
const MERGE: &str = "<<";

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Plain {
    /// A text; typed, it may be null, a number or a truth.
    Scalar {
        text: String,
        is_typed: bool,
    },
    Map(BTreeMap<String, Self>),
    List(Vec<Self>),
}

/// A step on the way to a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Key(&'static str),
    Index(usize),
}

/// What is written at the end of the way.
#[derive(Clone, Debug)]
pub(super) enum What {
    /// Keys of a map; `None` is taken away.
    Pairs(Vec<(String, Option<String>)>),
    /// Env variables in front of a list of them; those of the same names go.
    Env(Vec<(&'static str, Option<String>)>),
}

/// Where a node is read.
#[derive(Clone, Copy)]
struct At {
    depth: usize,
    is_aliased: bool,
}

/// Where a map has a key from.
pub(super) enum Found<'d> {
    /// It stands there.
    Own(&'d Entry),
    /// It is merged from elsewhere.
    Merged(&'d Node),
}

impl Plain {
    pub(super) fn null() -> Self {
        Self::Scalar { text: String::new(), is_typed: true }
    }

    pub(super) fn text(&self) -> Option<&str> {
        if let Self::Scalar { text, .. } = self { Some(text) } else { None }
    }

    pub(super) fn is_null(&self) -> bool {
        let Self::Scalar { text, is_typed: true } = self else { return false };
        matches!(&**text, "" | "~" | "null" | "Null" | "NULL")
    }

    pub(super) fn at(&self, key: &str) -> Option<&Self> {
        if let Self::Map(map) = self { map.get(key) } else { None }
    }

    pub(super) fn items(&self) -> &[Self] {
        if let Self::List(items) = self { items } else { &[] }
    }

    pub(super) fn below(&self, path: &[Step]) -> Option<&Self> {
        path.iter().try_fold(self, |at, step| match step {
            Step::Key(key) => at.at(key),
            Step::Index(index) => at.items().get(*index),
        })
    }

    /// Writes `what` at the end of `path`, which is made where there is none; whether it could.
    pub(super) fn put(&mut self, path: &[Step], what: &What) -> bool {
        match (path.split_first(), what) {
            (Some((Step::Key(key), rest)), _) => {
                if self.is_null() {
                    *self = Self::Map(BTreeMap::new());
                }
                let Self::Map(map) = self else { return false };
                map.entry((*key).to_owned()).or_insert_with(Self::null).put(rest, what)
            }
            (Some((Step::Index(index), rest)), _) => {
                let Self::List(items) = self else { return false };
                items.get_mut(*index).is_some_and(|item| item.put(rest, what))
            }
            (None, What::Pairs(pairs)) => {
                if self.is_null() {
                    *self = Self::Map(BTreeMap::new());
                }
                let Self::Map(map) = self else { return false };
                for (key, text) in pairs {
                    match text {
                        Some(text) => drop(map.insert(key.clone(), Self::quoted(text))),
                        None => drop(map.remove(key)),
                    }
                }
                true
            }
            (None, What::Env(variables)) => {
                if !matches!(self, Self::List(_)) && !self.is_null() {
                    return false;
                }
                let is_other = |item: &Self| {
                    let name = item.at("name").and_then(Self::text);
                    variables.iter().all(|(known, _)| name != Some(known))
                };
                let others = self.items().iter().filter(|item| is_other(item)).cloned();
                let new = variables.iter().filter_map(|(name, value)| {
                    let pairs = [("name", *name), ("value", value.as_deref()?)];
                    let pairs = pairs.map(|(key, text)| (key.to_owned(), Self::quoted(text)));
                    Some(Self::Map(BTreeMap::from(pairs)))
                });
                *self = Self::List(new.chain(others).collect());
                true
            }
        }
    }

    fn quoted(text: &str) -> Self {
        Self::Scalar { text: text.to_owned(), is_typed: false }
    }

    /// On one line, as YAML that is JSON but for what is typed.
    pub(super) fn flow(&self) -> String {
        match self {
            Self::Scalar { text, is_typed: true } if text.is_empty() => "null".to_owned(),
            Self::Scalar { text, is_typed: true } => text.clone(),
            Self::Scalar { text, is_typed: false } => quoted(text),
            Self::List(items) => {
                let items: Vec<String> = items.iter().map(Self::flow).collect();
                format!("[{}]", items.join(", "))
            }
            Self::Map(map) => {
                let entries = map.iter().map(|(key, it)| format!("{}: {}", quoted(key), it.flow()));
                format!("{{{}}}", entries.collect::<Vec<_>>().join(", "))
            }
        }
    }
}

/// A text of JSON is one of YAML too.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Whether a scalar that is not quoted may be anything but a text to any reader of YAML.
fn looks_typed(text: &str) -> bool {
    let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"_./+~:-".contains(&byte);
    let words = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];
    let is_number = text.starts_with(|c: char| c.is_ascii_digit() || "+-.~".contains(c));
    text.is_empty()
        || (text.bytes().all(is_safe)
            && !text.ends_with(':')
            && (is_number || words.iter().any(|word| word.eq_ignore_ascii_case(text))))
}

impl Document {
    /// What stands at a node, or what its alias stands for.
    pub(super) fn target<'d>(&'d self, node: &'d Node) -> Option<&'d Node> {
        let Value::Alias(anchor) = node.value else { return Some(node) };
        self.anchors.get(&anchor)
    }

    /// The value of `key` in a map.
    pub(super) fn find<'d>(&'d self, map: &'d Node, key: &str) -> Option<Found<'d>> {
        let Value::Map(entries) = &map.value else { return None };
        if let Some(own) = entries.iter().find(|entry| entry.key == key) {
            return Some(Found::Own(own));
        }
        let merged = entries.iter().find(|entry| entry.key == MERGE)?;
        let source = self.target(&merged.node)?;
        let sources = match &source.value {
            Value::List(items) => items.iter().collect(),
            Value::Map(_) | Value::Scalar { .. } | Value::Alias(_) => vec![source],
        };
        // Of several the first one counts.
        let found = |source: &'d Node| match self.find(self.target(source)?, key)? {
            Found::Own(entry) => Some(&entry.node),
            Found::Merged(node) => Some(node),
        };
        sources.into_iter().find_map(found).map(Found::Merged)
    }

    /// What a node says.
    ///
    /// # Errors
    /// Its aliases stand for more than any manifest has, or for themselves.
    pub(super) fn plain(&self, node: &Node) -> OrAt<Plain> {
        let mut left = MAX_ALIASED;
        self.read(node, At { depth: 0, is_aliased: false }, &mut left)
    }

    fn read(&self, node: &Node, at: At, left: &mut usize) -> OrAt<Plain> {
        let problem = || (node.line, "aliases stand for too much here".to_owned());
        if at.is_aliased {
            *left = left.checked_sub(1).ok_or_else(problem)?;
        }
        if at.depth > MAX_DEPTH {
            return Err(problem());
        }
        let below = At { depth: at.depth + 1, ..at };
        Ok(match &node.value {
            Value::Scalar { text, is_plain } => Plain::Scalar {
                text: text.clone(),
                is_typed: *is_plain && !node.has_tag && looks_typed(text),
            },
            Value::List(items) => {
                let items = items.iter().map(|item| self.read(item, below, left));
                Plain::List(items.collect::<Result<_, _>>()?)
            }
            Value::Alias(_) => {
                let problem = || (node.line, "this alias stands for nothing".to_owned());
                let target = self.target(node).ok_or_else(problem)?;
                self.read(target, At { is_aliased: true, ..below }, left)?
            }
            Value::Map(entries) => {
                let mut map = BTreeMap::new();
                for entry in entries.iter().filter(|entry| entry.key != MERGE) {
                    map.insert(entry.key.clone(), self.read(&entry.node, below, left)?);
                }
                for merged in entries.iter().filter(|entry| entry.key == MERGE) {
                    match self.read(&merged.node, below, left)? {
                        Plain::Map(source) => merge(&mut map, source),
                        Plain::List(sources) => {
                            for source in sources {
                                if let Plain::Map(source) = source {
                                    merge(&mut map, source);
                                }
                            }
                        }
                        Plain::Scalar { .. } => {
                            let problem = "`<<` takes a map, or a list of maps".to_owned();
                            return Err((merged.node.line, problem));
                        }
                    }
                }
                Plain::Map(map)
            }
        })
    }
}

/// What stands there already counts before what is merged.
fn merge(map: &mut BTreeMap<String, Plain>, source: BTreeMap<String, Plain>) {
    for (key, value) in source {
        map.entry(key).or_insert(value);
    }
}
