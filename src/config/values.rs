//! Typed values of a section: texts, numbers, durations, lists, secrets.

use std::collections::BTreeMap;
use std::time::Duration;

use super::node::{Node, Place, Value};
use super::reader::Section;
use super::redact::redacted;
use crate::facts::duration;

impl Section<'_> {
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
        self.enter(key, quoted(&text), help);
        text
    }

    /// A URL; passwords and keys in it are never shown.
    pub fn url(&mut self, key: &'static str, default: &str, help: &'static str) -> String {
        let mark = self.mark();
        let url = self.text(key, default, help);
        let hidden = redacted(&url);
        if hidden != url {
            self.enter_secret_instead(mark, key, quoted(&url), help, Some(quoted(&hidden)));
        }
        url
    }

    /// A text that is never shown.
    pub fn secret(&mut self, key: &'static str, default: &str, help: &'static str) -> String {
        let mark = self.mark();
        let secret = self.text(key, default, help);
        if !secret.is_empty() {
            let hidden = Some(quoted("[REDACTED]"));
            self.enter_secret_instead(mark, key, quoted(&secret), help, hidden);
        }
        secret
    }

    /// One of several words.
    pub fn word(
        &mut self,
        key: &'static str,
        allowed: &[&'static str],
        help: &'static str,
    ) -> &'static str {
        let default = allowed.first().copied().unwrap_or_default();
        let place = self.place_of(key);
        let text = self.text(key, default, help);
        if let Some(word) = allowed.iter().find(|word| **word == text) {
            return word;
        }
        let problem = format!("is {text:?}: expected one of {}", allowed.join(", "));
        self.fault_of(key, &place, &problem);
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
        self.enter(key, flag.to_string(), help);
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
                        self.fault_of(key, &node.place, &format!("must be at least {least}"));
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
        self.enter(key, number.to_string(), help);
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
        self.enter(key, number.to_string(), help);
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
                        let is_bare = text.bytes().all(|byte| byte.is_ascii_digit());
                        let hint = if is_bare {
                            format!("{text}s or {text}ms")
                        } else {
                            "200ms, 5s or 1h30m".to_owned()
                        };
                        let problem =
                            format!("time: invalid duration {text:?}: expected such as {hint}");
                        self.fault_of(key, &node.place, &problem);
                        (fallback, default.to_owned())
                    }
                },
                Value::Map(_) | Value::List(_) => {
                    self.wrong(key, &node, "a duration such as 5s");
                    (fallback, default.to_owned())
                }
            },
        };
        self.enter(key, text, help);
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
                Value::Map(_) => self.wrong_sort(key, &node, "a list of strings"),
            }
        }
        let written: Vec<_> = out.iter().map(|(text, _)| quoted(text)).collect();
        self.enter(key, format!("[{}]", written.join(", ")), help);
        out
    }

    /// Headers, whose values are secrets: by name, or as a list of {name, value}.
    pub fn headers(&mut self, key: &'static str, help: &'static str) -> BTreeMap<String, String> {
        let out = match self.take(key) {
            None => BTreeMap::new(),
            Some(Node { value: Value::List(items), .. }) => self.listed(key, items),
            Some(node) => self.named(key, &node),
        };
        let hidden = out.keys().map(|name| (name.as_str(), "[REDACTED]"));
        let hidden = (!out.is_empty()).then(|| map(hidden));
        let all = out.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        self.enter_secret(key, map(all), help, hidden);
        out
    }

    /// Texts by name.
    pub fn map(&mut self, key: &'static str, help: &'static str) -> BTreeMap<String, String> {
        let out = self.take(key).map(|node| self.named(key, &node)).unwrap_or_default();
        let all = out.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        self.enter(key, map(all), help);
        out
    }

    fn named(&mut self, key: &'static str, node: &Node) -> BTreeMap<String, String> {
        let mut out = BTreeMap::new();
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
            Value::Scalar { .. } | Value::List(_) => self.wrong_sort(key, node, "a map of strings"),
        }
        out
    }

    fn listed(&mut self, key: &'static str, items: Vec<Node>) -> BTreeMap<String, String> {
        let mut out = BTreeMap::new();
        for item in items {
            let place = item.place.clone();
            let path = self.below(key);
            let mark = self.mark();
            let mut pair = self.reader().section(path, item);
            let (name, value) = (pair.text("name", "", ""), pair.text("value", "", ""));
            pair.end();
            self.reader().entries.truncate(mark);
            if name.is_empty() {
                self.fault_of(key, &place, "expected {name, value}");
            } else if out.insert(name.clone(), value).is_some() {
                self.fault_of(key, &place, &format!("has {name:?} twice"));
            }
        }
        out
    }
}

/// Texts by name, as YAML. Keys are never expanded.
pub(super) fn map<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let pairs: Vec<_> =
        pairs.map(|(name, text)| format!("{}: {}", as_yaml(name), quoted(text))).collect();
    format!("{{{}}}", pairs.join(", "))
}

/// A plain scalar that YAML takes for text.
fn is_word(text: &str) -> bool {
    !matches!(text, "true" | "false") && text.parse::<f64>().is_err()
}

/// Text as a value that reads back as itself: YAML in which nothing is left to be expanded.
#[must_use]
pub(super) fn quoted(text: &str) -> String {
    as_yaml(&text.replace('$', "$$"))
}

/// Text as YAML, in quotes where it would be something else without them.
fn as_yaml(text: &str) -> String {
    let is_plain = is_word(text)
        && !text.is_empty()
        && !matches!(text, "null" | "~" | "Null" | "NULL" | "<<")
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_./:-$".contains(&byte))
        && !text.starts_with(['-', ':', '.', '$'])
        && !text.ends_with(':');
    if is_plain {
        return text.to_owned();
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            // What YAML does not print, and what some of its readers take for the end of a line.
            c if c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}') => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out + "\""
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::expand::Expansion;
    use super::super::expand::tests::World;
    use super::super::node::Node;
    use super::*;

    /// What is read where `text` was written.
    fn read(text: &str) -> String {
        let node = Node::parse(&"c".into(), &quoted(text)).unwrap();
        let node = Expansion::new(&World::default()).expand(node).unwrap();
        let Value::Scalar { text, .. } = node.value else { panic!("{text}") };
        text
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
            "$",
            "a$b",
            "${env:HOME}",
            "$${env:HOME}",
            "$$",
            "<<",
            "a\u{200b}b\u{7f}\u{1}\u{85}",
        ] {
            assert_eq!(read(text), text);
        }
    }

    proptest! {
        #[test]
        fn any_text_reads_back_as_itself(text in ".*", parts in prop::collection::vec("[$ :{}a#'\"-]{0,3}", 0..6)) {
            prop_assert_eq!(read(&text), text);
            let text = parts.concat();
            prop_assert_eq!(read(&text), text);
        }
    }
}
