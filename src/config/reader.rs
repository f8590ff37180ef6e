//! Reads typed values out of a tree, and tells everything that is wrong with it at once; pure.
//!
//! Whoever reads a key says its default and its meaning. What was read is kept as [`Entry`]s, so
//! that the documented configuration, the effective one and the help about unknown keys come from
//! the same lines of code.

use std::collections::BTreeMap;
use std::time::Duration;

use super::node::{Fault, Key, Node, Place, Value};
use crate::facts::duration;

/// A key that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The keys that lead to it.
    pub path: Vec<String>,
    /// Its value, as YAML.
    pub value: String,
    /// Its meaning; empty for what stands for itself.
    pub help: &'static str,
    /// It must not be shown.
    pub is_secret: bool,
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
                let message = format!("'{}' expected a map, got {}", path.join("::"), kind(&other));
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

    /// The reader, to tell faults that concern several keys.
    pub fn reader(&mut self) -> &mut Reader {
        self.reader
    }

    /// A fault of the whole section: `path: message`.
    pub fn fault(&mut self, message: &str) {
        let (place, path) = (self.place.clone(), self.path.join("::"));
        self.reader.fault(&place, format!("{path}: {message}"));
    }

    /// Takes a key out; where it is not, `None`.
    fn take(&mut self, key: &'static str) -> Option<Node> {
        self.known.push(key);
        let at = self.pairs.iter().position(|(known, _)| known.text == key)?;
        Some(self.pairs.remove(at).1)
    }

    fn wrong(&mut self, key: &str, node: &Node, expected: &str) {
        let path = self.below(key).join("::");
        let got = kind(&node.value);
        self.reader.fault(&node.place, format!("'{path}' expected {expected}, got {got}"));
    }

    fn below(&self, key: &str) -> Vec<String> {
        let mut path = self.path.clone();
        path.push(key.to_owned());
        path
    }

    fn enter(&mut self, key: &str, value: String, help: &'static str, is_secret: bool) {
        let path = self.below(key);
        self.reader.entries.push(Entry { path, value, help, is_secret });
    }

    /// How much was read so far, for [`Section::enter_instead`].
    #[must_use]
    pub fn mark(&self) -> usize {
        self.reader.entries.len()
    }

    /// What was read since `mark` stands in one line, as the value of `key`.
    pub fn enter_instead(&mut self, mark: usize, key: &str, value: String, help: &'static str) {
        self.reader.entries.truncate(mark);
        self.enter(key, value, help, false);
    }

    /// A map below this one.
    pub fn section(&mut self, key: &'static str, help: &'static str) -> Section<'_> {
        let node = self.take(key).unwrap_or_else(|| Node::null(self.place.clone()));
        let path = self.below(key);
        self.reader.entries.push(Entry {
            path: path.clone(),
            value: String::new(),
            help,
            is_secret: false,
        });
        self.reader.section(path, node)
    }

    /// The node at `key` as it is, for what is neither a map nor a plain value.
    pub fn node(&mut self, key: &'static str) -> Option<Node> {
        self.take(key).filter(|node| node.value != Value::Null)
    }

    /// Whether `key` is there and not null.
    #[must_use]
    pub fn has(&self, key: &str) -> bool {
        self.pairs.iter().any(|(known, node)| known.text == key && node.value != Value::Null)
    }

    /// A text; what is written as a number must be quoted, unless it was expanded.
    pub fn text(&mut self, key: &'static str, default: &str, help: &'static str) -> String {
        let text = match self.take(key) {
            None => default.to_owned(),
            Some(node) => match &node.value {
                Value::Null => default.to_owned(),
                Value::Scalar { text, is_text, is_expanded }
                    if *is_text || *is_expanded || is_word(text) =>
                {
                    text.clone()
                }
                Value::Scalar { .. } | Value::Map(_) | Value::List(_) => {
                    self.wrong(key, &node, "a string (put it in quotes)");
                    default.to_owned()
                }
            },
        };
        self.enter(key, quoted(&text), help, false);
        text
    }

    /// One of several words.
    pub fn word(
        &mut self,
        key: &'static str,
        allowed: &[&'static str],
        help: &'static str,
    ) -> &'static str {
        let default = allowed.first().copied().unwrap_or_default();
        let place = self.pairs.iter().find(|(known, _)| known.text == key);
        let place = place.map_or_else(|| self.place.clone(), |(_, node)| node.place.clone());
        let text = self.text(key, default, help);
        if let Some(word) = allowed.iter().find(|word| **word == text) {
            return word;
        }
        let path = self.below(key).join("::");
        let message = format!("'{path}' is {text:?}: expected one of {}", allowed.join(", "));
        self.reader.fault(&place, message);
        default
    }

    /// `true` or `false`.
    pub fn flag(&mut self, key: &'static str, default: bool, help: &'static str) -> bool {
        let flag = match self.take(key) {
            None => default,
            Some(node) => match &node.value {
                Value::Null => default,
                Value::Scalar { text, is_text: false, .. } if text == "true" => true,
                Value::Scalar { text, is_text: false, .. } if text == "false" => false,
                Value::Scalar { .. } | Value::Map(_) | Value::List(_) => {
                    self.wrong(key, &node, "true or false");
                    default
                }
            },
        };
        self.enter(key, flag.to_string(), help, false);
        flag
    }

    /// A whole number of at least `least`.
    pub fn number(
        &mut self,
        key: &'static str,
        default: u64,
        least: u64,
        help: &'static str,
    ) -> u64 {
        let number = match self.take(key) {
            None => default,
            Some(node) => match &node.value {
                Value::Null => default,
                Value::Scalar { text, is_text: false, .. } => match text.replace('_', "").parse() {
                    Ok(number) if number >= least => number,
                    Ok(_) => {
                        let path = self.below(key).join("::");
                        let message = format!("'{path}' must be at least {least}");
                        self.reader.fault(&node.place, message);
                        default
                    }
                    Err(_) => {
                        self.wrong(key, &node, "a whole number");
                        default
                    }
                },
                Value::Scalar { .. } | Value::Map(_) | Value::List(_) => {
                    self.wrong(key, &node, "a whole number");
                    default
                }
            },
        };
        self.enter(key, number.to_string(), help, false);
        number
    }

    /// A number with a fraction, from `range`.
    pub fn fraction(
        &mut self,
        key: &'static str,
        default: f64,
        range: std::ops::RangeInclusive<f64>,
        help: &'static str,
    ) -> f64 {
        let number = match self.take(key) {
            None => default,
            Some(node) => match &node.value {
                Value::Null => default,
                Value::Scalar { text, is_text: false, .. } => match text.parse::<f64>() {
                    Ok(number) if range.contains(&number) => number,
                    _ => {
                        let expected =
                            format!("a number from {} to {}", range.start(), range.end());
                        self.wrong(key, &node, &expected);
                        default
                    }
                },
                Value::Scalar { .. } | Value::Map(_) | Value::List(_) => {
                    self.wrong(key, &node, "a number");
                    default
                }
            },
        };
        self.enter(key, number.to_string(), help, false);
        number
    }

    /// A duration as Go writes it; a bare number other than 0 would mean nanoseconds to the
    /// Collector, which nobody means.
    pub fn time(
        &mut self,
        key: &'static str,
        default: &'static str,
        help: &'static str,
    ) -> Duration {
        let parse = |text: &str| {
            duration::parse(text)
                .ok()
                .and_then(|it| u64::try_from(it.0).ok())
                .map(Duration::from_nanos)
        };
        let fallback = parse(default).unwrap_or_default();
        let (time, text) = match self.take(key) {
            None => (fallback, default.to_owned()),
            Some(node) => match &node.value {
                Value::Null => (fallback, default.to_owned()),
                Value::Scalar { text, .. } => match parse(text) {
                    Some(time) => (time, text.clone()),
                    None => {
                        let path = self.below(key).join("::");
                        let is_bare = text.bytes().all(|byte| byte.is_ascii_digit());
                        let hint = if is_bare {
                            format!("{text}s or {text}ms")
                        } else {
                            "200ms, 5s or 1h30m".to_owned()
                        };
                        let message = format!(
                            "'{path}' time: invalid duration {text:?}: expected such as {hint}"
                        );
                        self.reader.fault(&node.place, message);
                        (fallback, default.to_owned())
                    }
                },
                Value::Map(_) | Value::List(_) => {
                    self.wrong(key, &node, "a duration such as 5s");
                    (fallback, default.to_owned())
                }
            },
        };
        self.enter(key, text, help, false);
        time
    }

    /// Several texts; a text alone is cut at its commas, as the Collector does.
    pub fn texts(&mut self, key: &'static str, help: &'static str) -> Vec<(String, Place)> {
        let mut out = Vec::new();
        if let Some(node) = self.take(key) {
            match &node.value {
                Value::Null => {}
                Value::Scalar { text, .. } => {
                    let parts =
                        text.split(',').map(|part| (part.trim().to_owned(), node.place.clone()));
                    out.extend(parts.filter(|(part, _)| !part.is_empty()));
                }
                Value::List(items) => {
                    for item in items {
                        match &item.value {
                            Value::Scalar { text, .. } => {
                                out.push((text.clone(), item.place.clone()));
                            }
                            Value::Null | Value::Map(_) | Value::List(_) => {
                                self.wrong(key, item, "a string");
                            }
                        }
                    }
                }
                Value::Map(_) => self.wrong(key, &node, "a list of strings"),
            }
        }
        let written: Vec<_> = out.iter().map(|(text, _)| quoted(text)).collect();
        self.enter(key, format!("[{}]", written.join(", ")), help, false);
        out
    }

    /// Texts by name whose values are secrets.
    pub fn secrets(&mut self, key: &'static str, help: &'static str) -> BTreeMap<String, String> {
        let mut out = BTreeMap::new();
        if let Some(node) = self.take(key) {
            match &node.value {
                Value::Null => {}
                Value::Map(pairs) => {
                    for (name, node) in pairs {
                        match &node.value {
                            Value::Scalar { text, .. } => {
                                out.insert(name.text.clone(), text.clone());
                            }
                            Value::Null => {
                                out.insert(name.text.clone(), String::new());
                            }
                            Value::Map(_) | Value::List(_) => self.wrong(key, node, "a string"),
                        }
                    }
                }
                Value::Scalar { .. } | Value::List(_) => self.wrong(key, &node, "a map of strings"),
            }
        }
        let names: Vec<_> = out
            .iter()
            .map(|(name, value)| format!("{}: {}", quoted(name), quoted(value)))
            .collect();
        self.enter(key, format!("{{{}}}", names.join(", ")), help, !out.is_empty());
        out
    }

    /// A key of the Collector that is not supported here: refused, because to ignore it would be
    /// to promise what does not happen.
    pub fn unsupported(&mut self, key: &'static str, instead: &str) {
        let Some(node) = self.take(key) else { return };
        if node.value == Value::Null {
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
        Value::Null => "nothing".to_owned(),
        Value::Scalar { text, .. } => format!("{:?}", text.chars().take(40).collect::<String>()),
        Value::Map(_) => "a map".to_owned(),
        Value::List(_) => "a list".to_owned(),
    }
}

/// A plain scalar that YAML takes for text.
fn is_word(text: &str) -> bool {
    !matches!(text, "true" | "false") && text.parse::<f64>().is_err()
}

/// Text as YAML, in quotes where it would be something else without them.
#[must_use]
pub fn quoted(text: &str) -> String {
    let is_plain = is_word(text)
        && !text.is_empty()
        && !matches!(text, "null" | "~" | "Null" | "NULL")
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_./:-${}".contains(&byte))
        && !text.starts_with(['-', '{', ':', '.', '$'])
        && !text.ends_with(':')
        && !text.contains(": ");
    if is_plain { text.to_owned() } else { format!("{text:?}") }
}

/// The known key that was probably meant: one that differs by few letters.
#[must_use]
pub fn nearest<'a>(key: &str, known: &[&'a str]) -> Option<&'a str> {
    let limit = (key.chars().count() / 3).clamp(1, 3);
    known
        .iter()
        .map(|known| (distance(key, known), *known))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, known)| known)
}

/// Letters to change, add or take away (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (n, a) in one.chars().enumerate() {
        let mut left = n + 1;
        let mut diagonal = n;
        let mut next = vec![left];
        for (b, above) in other.iter().zip(row.iter().skip(1)) {
            left = (diagonal + usize::from(a != *b)).min(left + 1).min(above + 1);
            next.push(left);
            diagonal = *above;
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_that_was_meant_is_found_and_none_is_made_up() {
        let known = ["endpoint", "timeout", "tls", "headers"];
        assert_eq!(nearest("endpiont", &known), Some("endpoint"));
        assert_eq!(nearest("time_out", &known), Some("timeout"));
        assert_eq!(nearest("header", &known), Some("headers"));
        assert_eq!(nearest("tsl", &known), None);
        assert_eq!(nearest("something", &known), None);
    }

    #[test]
    fn distances_are_counted_in_letters() {
        for (one, other, expected) in
            [("", "abc", 3), ("abc", "abc", 0), ("abc", "acb", 2), ("kitten", "sitting", 3)]
        {
            assert_eq!(distance(one, other), expected, "{one} {other}");
        }
    }

    #[test]
    fn what_is_written_in_yaml_reads_back_as_the_same_text() {
        for text in [
            "",
            "a",
            "true",
            "1.5",
            "null",
            "a b",
            "localhost:4317",
            "x: y",
            "- a",
            "é\"\\",
            "*",
            "a#b",
        ] {
            let node = Node::parse(&"c".into(), &quoted(text)).unwrap();
            let Value::Scalar { text: read, .. } = node.value else { panic!("{text}") };
            assert_eq!(read, text);
        }
    }
}
