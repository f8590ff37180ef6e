//! Paths into an object, in the part of kubectl's JSONPath that names one value.

use std::fmt;

use super::json_value::JsonValue;

/// A path such as `.status.containers[0].state["a.b"]`, below `status` or `spec`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct JsonPath {
    part: Part,
    steps: Vec<Step>,
}

/// The part of an object that a path leads into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Part {
    Status,
    Spec,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Step {
    Key(Box<str>),
    Index(usize),
}

/// What of an object rules may look at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts<'o, 'a> {
    pub(super) spec: &'o JsonValue<'a>,
    pub(super) status: &'o JsonValue<'a>,
}

impl JsonPath {
    /// Reads a path, in braces or not and with or without the first dot, as kubectl does.
    ///
    /// # Errors
    /// Tells what is not understood of it, and what is.
    pub fn parse(text: &str) -> Result<Self, String> {
        let inner =
            match (text.strip_prefix('{'), text.strip_suffix('}')) {
                (None, None) => text,
                _ => text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).ok_or_else(
                    || format!("{text:?} has a brace too few: {{.status.phase}} is a path"),
                )?,
            };
        let mut steps = steps(inner).map_err(|what| {
            format!("{what} in {text:?} is not understood: .key, [\"key\"] and [0] are")
        })?;
        let part = match steps.first() {
            Some(Step::Key(key)) if &**key == "status" => Part::Status,
            Some(Step::Key(key)) if &**key == "spec" => Part::Spec,
            _ => return Err(format!("{text:?} leads nowhere: .status.… or .spec.… is expected")),
        };
        steps.remove(0);
        Ok(Self { part, steps })
    }

    /// The value that it leads to.
    pub(super) fn find<'o, 'a>(&self, object: Parts<'o, 'a>) -> Option<&'o JsonValue<'a>> {
        follow(self.root(object), &self.steps)
    }

    /// The same, after the map or list in which it stands.
    pub(super) fn find_within<'o, 'a>(
        &self,
        object: Parts<'o, 'a>,
    ) -> Option<(&'o JsonValue<'a>, &'o JsonValue<'a>)> {
        let root = self.root(object);
        let Some((last, above)) = self.steps.split_last() else { return Some((root, root)) };
        let map = follow(root, above)?;
        Some((map, follow(map, std::slice::from_ref(last))?))
    }

    /// The same as the path of a field of the spec, `nodes.count`, if it leads into that.
    pub(super) fn of_spec(&self) -> Option<String> {
        let written = self.to_string();
        let below = written.strip_prefix("{.spec.")?.strip_suffix('}')?;
        Some(below.to_owned())
    }

    fn root<'o, 'a>(&self, object: Parts<'o, 'a>) -> &'o JsonValue<'a> {
        match self.part {
            Part::Status => object.status,
            Part::Spec => object.spec,
        }
    }
}

/// As it may be written again: `{.status.phase}`.
impl fmt::Display for JsonPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.part {
            Part::Status => "{.status",
            Part::Spec => "{.spec",
        })?;
        for step in &self.steps {
            match step {
                Step::Key(key) if is_plain(key) => write!(f, ".{key}")?,
                Step::Key(key) if key.contains('"') => write!(f, "['{key}']")?,
                Step::Key(key) => write!(f, "[\"{key}\"]")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        f.write_str("}")
    }
}

fn follow<'o, 'a>(root: &'o JsonValue<'a>, steps: &[Step]) -> Option<&'o JsonValue<'a>> {
    steps.iter().try_fold(root, |node, step| match step {
        Step::Key(key) => node.at(key),
        Step::Index(index) => node.items().get(*index),
    })
}

fn is_plain(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

/// The steps of a path, or what of it is not understood.
fn steps(text: &str) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    let mut rest = text;
    let mut is_first = true;
    while !rest.is_empty() {
        rest = if let Some(bracket) = rest.strip_prefix('[') {
            let (inner, after) = match bracket.chars().next().filter(|it| "\"'".contains(*it)) {
                // What is quoted may hold a bracket.
                Some(quote) => {
                    let quoted = bracket.strip_prefix(quote).unwrap_or_default();
                    let (key, after) = quoted
                        .split_once(quote)
                        .ok_or_else(|| format!("a {quote} without its end"))?;
                    let after = after.strip_prefix(']').ok_or("a [ without its ]")?;
                    steps.push(Step::Key(key.into()));
                    (None, after)
                }
                None => {
                    let (inner, after) = bracket.split_once(']').ok_or("a [ without its ]")?;
                    (Some(inner), after)
                }
            };
            if let Some(inner) = inner {
                let index = inner.parse().map_err(|_| format!("[{inner}]"))?;
                steps.push(Step::Index(index));
            }
            after
        } else {
            let after = match rest.strip_prefix('.') {
                Some(after) => after,
                None if is_first => rest,
                None => return Err(format!("{rest:?}")),
            };
            let (key, after) = key(after);
            if !is_key(&key) {
                let told = if key.is_empty() { ".." } else { &*key };
                return Err(format!("{told:?}"));
            }
            steps.push(Step::Key(key.into()));
            after
        };
        is_first = false;
    }
    Ok(steps)
}

/// The key that `text` begins with, and what follows it; a backslash takes a dot into the key.
fn key(text: &str) -> (String, &str) {
    let mut key = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '.' | '[' => return (key, text.get(at..).unwrap_or_default()),
            '\\' => key.extend(chars.next().map(|(_, escaped)| escaped)),
            other => key.push(other),
        }
    }
    (key, "")
}

/// Wildcards, filters, ranges, unions and the like are not keys.
fn is_key(key: &str) -> bool {
    !key.is_empty() && !key.contains(|char: char| "*?@$,:(){}\"' ]=".contains(char))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::{JsonPath, Parts};
    use crate::kinds::json_value::JsonValue;

    fn found(path: &str, status: &str) -> Option<String> {
        let (spec, status) = (JsonValue::Null, serde_json::from_str(status).unwrap());
        let path = JsonPath::parse(path).unwrap();
        path.find(Parts { spec: &spec, status: &status }).map(|node| format!("{node:?}"))
    }

    #[test]
    fn a_path_leads_through_keys_and_items() {
        let status = r#"{"phase":"Running","a.b":{"c":[{"d":7},8]},"e-f":true}"#;
        for (path, expected) in [
            ("{.status.phase}", Some("Text(\"Running\")")),
            ("{status.phase}", Some("Text(\"Running\")")),
            (".status.phase", Some("Text(\"Running\")")),
            ("status.phase", Some("Text(\"Running\")")),
            ("{.status['phase']}", Some("Text(\"Running\")")),
            ("{.status[\"a.b\"].c[0].d}", Some("Whole(7)")),
            ("{.status.a\\.b.c[1]}", Some("Whole(8)")),
            ("{['status'].e-f}", Some("Bool(true)")),
            ("{.status.none}", None),
            ("{.status.phase.none}", None),
            ("{.status.a\\.b.c[2]}", None),
            ("{.status[0]}", None),
            ("{.spec.phase}", None),
        ] {
            assert_eq!(found(path, status).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn what_stands_beside_a_value_is_found() {
        let (spec, status) =
            (JsonValue::Null, serde_json::from_str(r#"{"a":{"b":1,"message":"m"}}"#).unwrap());
        let parts = Parts { spec: &spec, status: &status };
        let beside = |path| {
            let (map, _) = JsonPath::parse(path).unwrap().find_within(parts).unwrap();
            map.at("message").cloned()
        };
        assert_eq!(beside(".status.a.b"), Some(JsonValue::Text("m".into())));
        assert_eq!(beside(".status.a"), None);
        assert_eq!(beside(".status"), None);
    }

    #[test]
    fn what_is_more_than_one_value_or_no_path_is_refused() {
        for (path, told) in [
            ("{.status.conditions[*].type}", "[*] in"),
            ("{.status.conditions[?(@.type==\"Ready\")]}", "[?(@.type==\"Ready\")] in"),
            ("{.status.conditions[-1]}", "[-1] in"),
            ("{.status.conditions[0:2]}", "[0:2] in"),
            ("{.status..phase}", "\"..\" in"),
            ("{.status.*}", "\"*\" in"),
            ("{.status.a[0}", "a [ without its ] in"),
            ("{.status[\"a]}", "a \" without its end in"),
            ("{.status.a[0]b}", "\"b\" in"),
            ("{.status.}", "\"..\" in"),
            ("{.status", "has a brace too few"),
            ("{.metadata.name}", "leads nowhere"),
            ("{}", "leads nowhere"),
            ("", "leads nowhere"),
        ] {
            let refused = JsonPath::parse(path).unwrap_err();
            assert!(refused.contains(told), "{path}: {refused}");
        }
    }

    #[test]
    fn a_path_is_written_as_it_may_be_read() {
        for path in ["{.status.a[0].b-c}", "{.spec[\"a.b\"]}", "{.status}"] {
            assert_eq!(JsonPath::parse(path).unwrap().to_string(), path);
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>(), path in "[{}.\\[\\]'\"\\\\a0*?]{0,24}") {
            for text in [text, path] {
                if let Ok(path) = JsonPath::parse(&text) {
                    assert_eq!(JsonPath::parse(&path.to_string()), Ok(path), "{text}");
                }
            }
        }
    }
}
