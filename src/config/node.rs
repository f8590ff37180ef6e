//! YAML as a tree in which every key and value knows where it stands; pure.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use saphyr_parser::{Event, Parser, ScalarStyle};

/// Deeper than this no configuration is.
const MAX_DEPTH: usize = 64;

/// Values beyond this come from aliases of aliases, not from a person.
const MAX_VALUES: usize = 100_000;

/// The key whose maps are merged into the one that it stands in.
const MERGE: &str = "<<";

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
    /// It is `<<`, not in quotes.
    is_merge: bool,
}

impl Key {
    /// The key `text` at `place`.
    #[must_use]
    pub fn new(text: impl Into<String>, place: Place) -> Self {
        Self { text: text.into(), place, is_merge: false }
    }
}

impl Node {
    /// Nothing, nowhere.
    #[must_use]
    pub fn null(place: Place) -> Self {
        Self { place, value: Value::Null }
    }

    /// Reads the one document of `text`; an empty text is null. What an alias stands for keeps the
    /// place at which it is written.
    ///
    /// # Errors
    /// Tells what is no YAML, keys that occur twice, and what configurations do without: several
    /// documents, tags.
    pub fn parse(source: &Arc<str>, text: &str) -> Result<Self, Fault> {
        let place = |line, column| Place { source: source.clone(), line, column: column + 1 };
        let mut parser = Parser::new_from_str(text);
        let mut root = None;
        let mut open: Vec<Open> = Vec::new();
        let mut anchors = Anchors::default();
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
                Event::Scalar(text, style, anchor, None) => {
                    let is_text = style != ScalarStyle::Plain;
                    Some((anchor, Self { place: at.clone(), value: scalar(&text, is_text) }))
                }
                Event::Scalar(..) => return wrong("a tag is not expected here"),
                Event::MappingStart(..) | Event::SequenceStart(..) if open.len() >= MAX_DEPTH => {
                    return wrong("this is nested too deeply");
                }
                Event::MappingStart(anchor, _) => {
                    open.push(Open::new(&at, anchor, true));
                    None
                }
                Event::SequenceStart(anchor, _) => {
                    open.push(Open::new(&at, anchor, false));
                    None
                }
                Event::MappingEnd | Event::SequenceEnd => match open.pop() {
                    Some(ended) => Some((ended.anchor, ended.close()?)),
                    None => None,
                },
                Event::Alias(anchor) => Some((0, anchors.get(anchor, &at)?)),
                Event::DocumentStart(_) if root.is_some() => {
                    return wrong("one document is expected");
                }
                Event::Nothing
                | Event::StreamStart
                | Event::StreamEnd
                | Event::DocumentStart(_)
                | Event::DocumentEnd => None,
            };
            let Some((anchor, node)) = done else { continue };
            anchors.keep(anchor, &node);
            match open.last_mut() {
                None => root = Some(node),
                Some(parent) => parent.take(node)?,
            }
        }
        Ok(root.unwrap_or_else(|| Self::null(place(0, 0))))
    }

    /// How many values it is made of.
    fn count(&self) -> usize {
        1 + match &self.value {
            Value::Null | Value::Scalar { .. } => 0,
            Value::List(items) => items.iter().map(Self::count).sum(),
            Value::Map(pairs) => pairs.iter().map(|(_, node)| node.count()).sum(),
        }
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
                let key = Key::new(part, key.place.clone());
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

/// What aliases stand for.
#[derive(Default)]
struct Anchors {
    kept: BTreeMap<usize, Node>,
    n_copied: usize,
}

impl Anchors {
    /// Keeps `node` under its anchor; 0 is none.
    fn keep(&mut self, anchor: usize, node: &Node) {
        if anchor != 0 {
            self.kept.insert(anchor, node.clone());
        }
    }

    /// What the alias at `place` stands for.
    fn get(&mut self, anchor: usize, place: &Place) -> Result<Node, Fault> {
        let wrong = |message: &str| Fault { place: place.clone(), message: message.to_owned() };
        let node = self
            .kept
            .get(&anchor)
            .ok_or_else(|| wrong("this alias stands within its own value"))?;
        self.n_copied += node.count();
        if self.n_copied > MAX_VALUES {
            return Err(wrong("aliases make this too large"));
        }
        Ok(node.clone())
    }
}

/// A map or a list that has not ended.
struct Open {
    place: Place,
    anchor: usize,
    key: Option<Key>,
    is_map: bool,
    map: Vec<(Key, Node)>,
    list: Vec<Node>,
    /// What a merge key names.
    merged: Option<Node>,
}

impl Open {
    fn new(place: &Place, anchor: usize, is_map: bool) -> Self {
        let place = place.clone();
        Self { place, anchor, key: None, is_map, map: Vec::new(), list: Vec::new(), merged: None }
    }

    fn take(&mut self, node: Node) -> Result<(), Fault> {
        if !self.is_map {
            self.list.push(node);
            return Ok(());
        }
        let wrong = |place: Place, message: String| Err(Fault { place, message });
        match (self.key.take(), node.value) {
            (Some(key), value) => {
                let node = Node { place: node.place, value };
                if key.is_merge {
                    self.merged = Some(node);
                } else {
                    self.map.push((key, node));
                }
                Ok(())
            }
            (None, Value::Scalar { text, is_text, .. }) => {
                let is_merge = !is_text && text == MERGE;
                if let Some((first, _)) = self.map.iter().find(|(key, _)| key.text == text) {
                    let message = format!("the key {text} stands here already at {}", first.place);
                    return wrong(node.place, message);
                }
                if is_merge && self.merged.is_some() {
                    return wrong(node.place, format!("the key {text} stands here already"));
                }
                self.key = Some(Key { text, place: node.place, is_merge });
                Ok(())
            }
            (None, Value::Null | Value::Map(_) | Value::List(_)) => {
                wrong(node.place, "a key must be a word".to_owned())
            }
        }
    }

    /// The map or list; what is written in a map goes over what is merged into it, and what is
    /// merged first over the rest.
    fn close(self) -> Result<Node, Fault> {
        let Self { place, is_map, mut map, list, merged, .. } = self;
        if !is_map {
            return Ok(Node { place, value: Value::List(list) });
        }
        let merged = match merged {
            None => Vec::new(),
            Some(Node { value: Value::List(items), .. }) => items,
            Some(node) => vec![node],
        };
        for Node { place, value } in merged {
            let Value::Map(pairs) = value else {
                let message = "<< merges maps, or a list of maps".to_owned();
                return Err(Fault { place, message });
            };
            for (key, node) in pairs {
                if !map.iter().any(|(known, _)| known.text == key.text) {
                    map.push((key, node));
                }
            }
        }
        Ok(Node { place, value: Value::Map(map) })
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
        assert_eq!(fault("a: &x [*x]\n"), "c.yaml:1:8: this alias stands within its own value");
        assert_eq!(fault("<<: 1\n"), "c.yaml:1:5: << merges maps, or a list of maps");
        assert_eq!(fault("<<: {}\n<<: {}\n"), "c.yaml:2:1: the key << stands here already");
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
    fn an_alias_is_what_stands_at_its_anchor_with_the_place_of_that() {
        let node = parse("a: &x {b: 1}\nc: *x\nd: [*x, &y z, *y]\n").unwrap();
        assert_eq!(plain(&node), "{a:{b:1},c:{b:1},d:[{b:1},z,z]}");
        let Value::Map(pairs) = node.value else { panic!() };
        let Value::Map(inner) = &pairs[1].1.value else { panic!() };
        assert_eq!(inner[0].1.place.to_string(), "c.yaml:1:11");
    }

    #[test]
    fn merged_maps_lie_below_what_is_written_and_the_first_over_the_rest() {
        let merged = |text: &str| plain(&parse(text).unwrap());
        let base = "x: &x {a: 1, b: 1}\ny: &y {b: 2, c: 2}\n";
        for (written, expected) in [
            ("z: {<<: *x, a: 0}", "{a:0,b:1}"),
            ("z: {a: 0, <<: *x}", "{a:0,b:1}"),
            ("z: {<<: [*x, *y], d: 0}", "{d:0,a:1,b:1,c:2}"),
            ("z: {<<: {a: 3}}", "{a:3}"),
            ("z: {'<<': *x}", "{<<:{a:1,b:1}}"),
        ] {
            let all = merged(&format!("{base}{written}\n"));
            assert_eq!(all, format!("{{x:{{a:1,b:1}},y:{{b:2,c:2}},z:{expected}}}"), "{written}");
        }
    }

    #[test]
    fn aliases_of_aliases_do_not_fill_the_memory() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for n in 1..9 {
            let alias = format!("*a{}", n - 1);
            text += &format!("a{n}: &a{n} [{}]\n", [alias.as_str(); 10].join(", "));
        }
        assert!(parse(&text).unwrap_err().ends_with("aliases make this too large"));
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
