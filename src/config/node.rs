//! YAML as a tree in which every key and value knows where it stands; pure.

use std::fmt;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle};

/// Deeper than this no configuration is.
const MAX_DEPTH: usize = 64;

/// Where something stands in the sources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// File, or what stands for it: `--set`, `env:X`.
    pub source: Arc<str>,
    /// From 1; 0 for what has no lines.
    pub line: usize,
    /// From 1.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.source),
            line => write!(f, "{}:{line}:{}", self.source, self.column),
        }
    }
}

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {message}")]
pub struct Fault {
    /// Where.
    pub place: Place,
    /// What, and what is expected.
    pub message: String,
}

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Where it stands.
    pub place: Place,
    /// What it is.
    pub value: Value,
}

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing, or `null`.
    Null,
    /// A scalar; `is_text` if it cannot be anything but text, because it is quoted.
    Scalar {
        /// As it stands there.
        text: String,
        /// It is quoted.
        is_text: bool,
        /// It came out of `${…}`: then it may be text though it looks like something else.
        is_expanded: bool,
    },
    /// Keys and values in their order.
    Map(Vec<(Key, Node)>),
    /// Values in their order.
    List(Vec<Node>),
}

/// A key and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its text.
    pub text: String,
    /// Where it stands.
    pub place: Place,
}

impl Node {
    /// Nothing, nowhere.
    #[must_use]
    pub fn null(place: Place) -> Self {
        Self { place, value: Value::Null }
    }

    /// Reads the one document of `text`; an empty text is null.
    ///
    /// # Errors
    /// Tells what is no YAML, keys that occur twice, and what configurations do without: several
    /// documents, aliases, tags.
    pub fn parse(source: &Arc<str>, text: &str) -> Result<Self, Fault> {
        let place = |line, column| Place { source: source.clone(), line, column: column + 1 };
        let mut parser = Parser::new_from_str(text);
        let mut root = None;
        let mut open: Vec<Open> = Vec::new();
        loop {
            let (event, span) = match parser.next() {
                None => break,
                Some(Ok(next)) => next,
                Some(Err(error)) => {
                    let place = place(error.marker().line(), error.marker().col());
                    return Err(Fault {
                        place,
                        message: format!("this is no YAML: {}", error.info()),
                    });
                }
            };
            let at = place(span.start.line(), span.start.col());
            let wrong =
                |message: &str| Err(Fault { place: at.clone(), message: message.to_owned() });
            let done = match event {
                Event::Scalar(text, style, _, None) => {
                    let is_text = style != ScalarStyle::Plain;
                    Some(Self { place: at.clone(), value: scalar(&text, is_text) })
                }
                Event::Scalar(..) => return wrong("a tag is not expected here"),
                Event::MappingStart(..) | Event::SequenceStart(..) if open.len() >= MAX_DEPTH => {
                    return wrong("this is nested too deeply");
                }
                Event::MappingStart(..) => {
                    open.push(Open {
                        place: at.clone(),
                        key: None,
                        is_map: true,
                        map: Vec::new(),
                        list: Vec::new(),
                    });
                    None
                }
                Event::SequenceStart(..) => {
                    open.push(Open {
                        place: at.clone(),
                        key: None,
                        is_map: false,
                        map: Vec::new(),
                        list: Vec::new(),
                    });
                    None
                }
                Event::MappingEnd | Event::SequenceEnd => open.pop().map(Open::close),
                Event::Alias(_) => return wrong("an alias is not expected here: write it out"),
                Event::DocumentStart(_) if root.is_some() => {
                    return wrong("one document is expected");
                }
                Event::Nothing
                | Event::StreamStart
                | Event::StreamEnd
                | Event::DocumentStart(_)
                | Event::DocumentEnd => None,
            };
            let Some(node) = done else { continue };
            match open.last_mut() {
                None => root = Some(node),
                Some(parent) => parent.take(node)?,
            }
        }
        Ok(root.unwrap_or_else(|| Self::null(place(0, 0))))
    }

    /// `over` laid over this: maps are merged, everything else is replaced, and null wipes.
    #[must_use]
    pub fn merge(self, over: Self) -> Self {
        let (Value::Map(mut base), Value::Map(changes)) = (self.value, over.value.clone()) else {
            return over;
        };
        for (key, node) in changes {
            match base.iter_mut().find(|(known, _)| known.text == key.text) {
                Some((_, known)) => {
                    let before = std::mem::replace(known, Self::null(key.place));
                    *known = before.merge(node);
                }
                None => base.push((key, node)),
            }
        }
        Self { place: over.place, value: Value::Map(base) }
    }

    /// Keys such as `a::b` taken apart, into a map within a map.
    #[must_use]
    pub fn nested(self) -> Self {
        let Value::Map(pairs) = self.value else { return self };
        let empty = Self { place: self.place.clone(), value: Value::Map(Vec::new()) };
        pairs.into_iter().fold(empty, |all, (key, node)| {
            let whole = key.text.rsplit("::").fold(node.nested(), |below, part| {
                let key = Key { text: part.to_owned(), place: key.place.clone() };
                Self { place: key.place.clone(), value: Value::Map(vec![(key, below)]) }
            });
            let place = all.place.clone();
            Self { place, ..all.merge(whole) }
        })
    }
}

/// A scalar as it stands there; null in its spellings.
pub(super) fn scalar(text: &str, is_text: bool) -> Value {
    if !is_text && matches!(text, "" | "~" | "null" | "Null" | "NULL") {
        return Value::Null;
    }
    Value::Scalar { text: text.to_owned(), is_text, is_expanded: false }
}

/// A map or a list that has not ended.
struct Open {
    place: Place,
    key: Option<Key>,
    is_map: bool,
    map: Vec<(Key, Node)>,
    list: Vec<Node>,
}

impl Open {
    fn take(&mut self, node: Node) -> Result<(), Fault> {
        if !self.is_map {
            self.list.push(node);
            return Ok(());
        }
        let wrong = |place: Place, message: String| Err(Fault { place, message });
        match (self.key.take(), node.value) {
            (Some(key), value) => {
                self.map.push((key, Node { place: node.place, value }));
                Ok(())
            }
            (None, Value::Scalar { text, .. }) => {
                if let Some((first, _)) = self.map.iter().find(|(key, _)| key.text == text) {
                    let message = format!("the key {text} stands here already at {}", first.place);
                    return wrong(node.place, message);
                }
                self.key = Some(Key { text, place: node.place });
                Ok(())
            }
            (None, Value::Null | Value::Map(_) | Value::List(_)) => {
                wrong(node.place, "a key must be a word".to_owned())
            }
        }
    }

    fn close(self) -> Node {
        let value = if self.is_map { Value::Map(self.map) } else { Value::List(self.list) };
        Node { place: self.place, value }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Node, String> {
        Node::parse(&Arc::from("c.yaml"), text).map_err(|fault| fault.to_string())
    }

    /// The tree without places, as JSON would have it.
    fn plain(node: &Node) -> String {
        match &node.value {
            Value::Null => "null".to_owned(),
            Value::Scalar { text, is_text: true, .. } => format!("{text:?}"),
            Value::Scalar { text, .. } => text.clone(),
            Value::List(items) => {
                format!("[{}]", items.iter().map(plain).collect::<Vec<_>>().join(","))
            }
            Value::Map(pairs) => {
                let pairs: Vec<_> = pairs
                    .iter()
                    .map(|(key, node)| format!("{}:{}", key.text, plain(node)))
                    .collect();
                format!("{{{}}}", pairs.join(","))
            }
        }
    }

    #[test]
    fn values_know_where_they_stand() {
        let Value::Map(pairs) = parse("a:\n  b: [x, \"y\"]\nc:\n").unwrap().value else { panic!() };
        let Value::Map(inner) = &pairs[0].1.value else { panic!() };
        assert_eq!(inner[0].0.place.to_string(), "c.yaml:2:3");
        let Value::List(items) = &inner[0].1.value else { panic!() };
        assert_eq!(items[1].place.to_string(), "c.yaml:2:10");
        assert_eq!(
            plain(&parse("a:\n  b: [x, \"y\"]\nc:\n").unwrap()),
            r#"{a:{b:[x,"y"]},c:null}"#
        );
    }

    #[test]
    fn what_is_no_configuration_is_told_by_its_place() {
        let fault = |text| parse(text).unwrap_err();
        assert_eq!(
            fault("a: 1\nb: 2\na: 3\n"),
            "c.yaml:3:1: the key a stands here already at c.yaml:1:1"
        );
        assert_eq!(
            fault("a: &x 1\nb: *x\n"),
            "c.yaml:2:4: an alias is not expected here: write it out"
        );
        assert_eq!(fault("a: 1\n---\nb: 2\n"), "c.yaml:2:1: one document is expected");
        assert_eq!(fault("[a]: 1\n"), "c.yaml:1:1: a key must be a word");
        assert!(
            fault("a: [1\n").starts_with("c.yaml:2:1: this is no YAML: "),
            "{}",
            fault("a: [1\n")
        );
        assert!(fault(&"[".repeat(100)).contains("nested too deeply"));
    }

    #[test]
    fn maps_are_merged_lists_replaced_and_null_wipes() {
        let merged = |base, over| plain(&parse(base).unwrap().merge(parse(over).unwrap()));
        assert_eq!(merged("a: {b: 1, c: 2}\nd: 3", "a: {c: 4, e: 5}"), "{a:{b:1,c:4,e:5},d:3}");
        assert_eq!(merged("a: [1, 2]", "a: [3]"), "{a:[3]}");
        assert_eq!(merged("a: {b: 1}", "a:"), "{a:null}");
        assert_eq!(merged("a: {b: 1}", "a: {}"), "{a:{b:1}}");
        assert_eq!(merged("", "a: 1"), "{a:1}");
    }

    #[test]
    fn keys_with_colons_are_maps_within_maps() {
        let nested = |text| plain(&parse(text).unwrap().nested());
        assert_eq!(nested("a::b: 1\na: {c: 2}"), "{a:{b:1,c:2}}");
        assert_eq!(nested("a: {b::c: 1}"), "{a:{b:{c:1}}}");
    }
}
