//! `${env:X}`, `${env:X:-default}`, `${file:path}`, `${http://…}`, `${yaml:…}` and `$$`; pure but for
//! what looks things up.
//!
//! The rules are those of the Collector's confmap: a scalar that is one expansion takes the YAML
//! that it stands for, in anything else the text is put in its place.

use std::sync::Arc;

use super::node::{Fault, Node, Place, Value};
use super::redact::redacted;

/// No configuration needs more.
const MAX_EXPANSIONS: usize = 1_000;

/// Where variables and files are looked up.
pub trait Lookup {
    /// The value of an environment variable, if it is set.
    fn env(&self, name: &str) -> Option<String>;

    /// The text of a file.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn file(&self, path: &str) -> Result<String, String>;

    /// What is answered to a GET of a URL.
    ///
    /// # Errors
    /// Why there is no answer, or none that can be used.
    fn http(&self, _url: &str) -> Result<String, String> {
        Err("nothing is fetched from the web here".to_owned())
    }
}

/// Expands a tree.
pub(super) struct Expansion<'a> {
    lookup: &'a dyn Lookup,
    n_expanded: usize,
    /// What a person should know: variables that are not set.
    pub(super) warnings: Vec<Fault>,
}

impl<'a> Expansion<'a> {
    pub(super) fn new(lookup: &'a dyn Lookup) -> Self {
        Self { lookup, n_expanded: 0, warnings: Vec::new() }
    }

    /// `node` with everything expanded.
    pub(super) fn expand(&mut self, node: Node) -> Result<Node, Fault> {
        let Node { place, value } = node;
        let value = match value {
            Value::Null => Value::Null,
            Value::Map(pairs) => {
                let pairs = pairs.into_iter().map(|(key, node)| Ok((key, self.expand(node)?)));
                Value::Map(pairs.collect::<Result<_, _>>()?)
            }
            Value::List(items) => {
                let items = items.into_iter().map(|item| self.expand(item));
                Value::List(items.collect::<Result<_, _>>()?)
            }
            Value::Scalar { text, is_text, is_expanded } if text.contains('$') => {
                return self.scalar(text, is_text, is_expanded, place);
            }
            scalar @ Value::Scalar { .. } => scalar,
        };
        Ok(Node { place, value })
    }

    fn scalar(
        &mut self,
        text: String,
        is_text: bool,
        is_expanded: bool,
        place: Place,
    ) -> Result<Node, Fault> {
        if let Some(inner) = whole(&text) {
            let uri = self.text(inner, &place)?;
            let Some(found) = self.look_up(&uri, &place)? else { return Ok(Node::null(place)) };
            let node = match Node::parse(&Arc::from(uri.as_str()), &found) {
                // What is no YAML is text all the same.
                Err(_) => text_node(found, place.clone()),
                Ok(Node { value: Value::Scalar { is_text, .. }, .. }) => {
                    let text = if is_text { found } else { found.trim().to_owned() };
                    Node {
                        place: place.clone(),
                        value: Value::Scalar { text, is_text, is_expanded: true },
                    }
                }
                Ok(Node { value, .. }) => Node { place: place.clone(), value },
            };
            return self.again(node);
        }
        let text = self.text(&text, &place)?;
        Ok(Node { place, value: Value::Scalar { text, is_text, is_expanded } })
    }

    /// What an expansion gave may hold another one.
    fn again(&mut self, node: Node) -> Result<Node, Fault> {
        self.expand(node)
    }

    /// `text` with each `${…}` replaced by text, and `$$` by `$`.
    fn text(&mut self, text: &str, place: &Place) -> Result<String, Fault> {
        let mut out = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            out.push_str(before);
            if let Some(literal) = after.strip_prefix('$') {
                out.push('$');
                rest = literal;
            } else if let Some(body) = after.strip_prefix('{') {
                let Some(end) = end_of(body) else {
                    out.push('$');
                    rest = after;
                    continue;
                };
                let (inner, tail) = body.split_at(end);
                let uri = self.text(inner, place)?;
                out.push_str(&self.look_up(&uri, place)?.unwrap_or_default());
                rest = tail.strip_prefix('}').unwrap_or(tail);
            } else {
                out.push('$');
                rest = after;
            }
        }
        out.push_str(rest);
        Ok(out)
    }

    fn look_up(&mut self, uri: &str, place: &Place) -> Result<Option<String>, Fault> {
        let wrong = |message| Err(Fault { place: place.clone(), message });
        self.n_expanded += 1;
        if self.n_expanded > MAX_EXPANSIONS {
            return wrong("too many recursive expansions".to_owned());
        }
        let (scheme, rest) = match uri.split_once(':') {
            Some((scheme, rest)) if is_scheme(scheme) => (scheme, rest),
            Some(_) | None => ("env", uri),
        };
        match scheme {
            "env" => self.env(rest, place),
            "file" => match self.lookup.file(rest) {
                Ok(text) => Ok(Some(text)),
                Err(why) => wrong(format!("cannot read {rest}: {why}")),
            },
            "http" | "https" => match self.lookup.http(uri) {
                Ok(text) => Ok(Some(text)),
                Err(why) => wrong(format!("cannot get {}: {why}", redacted(uri))),
            },
            "yaml" => Ok(Some(rest.to_owned())),
            other => wrong(format!(
                "${{{other}:…}} is not supported: env, file, http, https and yaml are"
            )),
        }
    }

    fn env(&mut self, text: &str, place: &Place) -> Result<Option<String>, Fault> {
        let (name, default) = match text.split_once(":-") {
            Some((name, default)) => (name, Some(default.to_owned())),
            None => (text, None),
        };
        let is_name = name.bytes().enumerate().all(|(n, byte)| {
            byte == b'_' || byte.is_ascii_alphabetic() || (n > 0 && byte.is_ascii_digit())
        });
        if name.is_empty() || !is_name {
            let message =
                format!("{name:?} is no name of an environment variable: letters, digits and _");
            return Err(Fault { place: place.clone(), message });
        }
        let value = self.lookup.env(name).or(default);
        if value.is_none() {
            let message = format!("Configuration references unset environment variable {name}");
            self.warnings.push(Fault { place: place.clone(), message });
        }
        Ok(value)
    }
}

fn text_node(text: String, place: Place) -> Node {
    Node { place, value: Value::Scalar { text, is_text: true, is_expanded: true } }
}

fn is_scheme(text: &str) -> bool {
    text.len() >= 2
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+.-".contains(&byte))
}

/// The inside of a text that is one `${…}`.
fn whole(text: &str) -> Option<&str> {
    let body = text.trim().strip_prefix("${")?;
    let end = end_of(body)?;
    (end + 1 == body.len()).then(|| body.get(..end)).flatten()
}

/// Where the brace that ends an expansion stands, nested ones passed over.
fn end_of(body: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, byte) in body.bytes().enumerate() {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 0 => return Some(at),
            b'}' => depth -= 1,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// A world of its own.
    #[derive(Default)]
    pub(crate) struct World {
        pub(crate) env: BTreeMap<&'static str, &'static str>,
        pub(crate) files: BTreeMap<&'static str, &'static str>,
    }

    impl Lookup for World {
        fn env(&self, name: &str) -> Option<String> {
            self.env.get(name).map(ToString::to_string)
        }

        fn file(&self, path: &str) -> Result<String, String> {
            self.files.get(path).map(ToString::to_string).ok_or("No such file".to_owned())
        }

        fn http(&self, url: &str) -> Result<String, String> {
            self.file(url)
        }
    }

    fn expanded(text: &str) -> (Result<Value, String>, usize) {
        let world = World {
            env: [
                ("PORT", "4317"),
                ("HOST", "jaeger"),
                ("NAME", "PORT"),
                ("MAP", "{a: 1}"),
                ("LOOP", "${env:LOOP}"),
                ("EMPTY", ""),
                ("BAD", "[a"),
            ]
            .into(),
            files: [("token", "s3cret\n"), ("name", "HOST"), ("http://h/p", "{a: 1}")].into(),
        };
        let node = Node::parse(&Arc::from("c"), text).unwrap();
        let mut expansion = Expansion::new(&world);
        let value = expansion.expand(node).map(|node| node.value).map_err(|it| it.to_string());
        (value, expansion.warnings.len())
    }

    fn text(text: &str) -> String {
        match expanded(text).0.unwrap() {
            Value::Scalar { text, .. } => text,
            other @ (Value::Null | Value::Map(_) | Value::List(_)) => format!("{other:?}"),
        }
    }

    #[test]
    fn variables_and_files_are_put_in_their_place() {
        for (written, expected) in [
            ("${env:PORT}", "4317"),
            ("${PORT}", "4317"),
            ("${env:HOST}:${env:PORT}", "jaeger:4317"),
            ("'${env:HOST}'", "jaeger"),
            ("${env:NONE:-other}", "other"),
            ("x${env:NONE:-}y", "xy"),
            ("${env:${env:NAME}}", "4317"),
            ("${env:${file:name}}", "jaeger"),
            ("${file:token}", "s3cret"),
            ("$${env:PORT}", "${env:PORT}"),
            ("a$b", "a$b"),
            ("$$$$${x", "$$${x"),
            ("${env:BAD}", "[a"),
        ] {
            assert_eq!(text(written), expected, "{written}");
        }
    }

    #[test]
    fn one_expansion_is_the_yaml_that_it_stands_for() {
        assert!(matches!(expanded("${env:MAP}").0, Ok(Value::Map(_))));
        assert!(matches!(expanded("${yaml:[1, 2]}").0, Ok(Value::List(_))));
        assert!(matches!(expanded("${http://h/p}").0, Ok(Value::Map(_))));
        assert!(matches!(expanded("x ${env:MAP}").0, Ok(Value::Scalar { .. })));
        assert_eq!(expanded("${env:EMPTY}").0, Ok(Value::Null));
    }

    #[test]
    fn an_unset_variable_is_null_and_told() {
        assert_eq!(expanded("${env:NONE}"), (Ok(Value::Null), 1));
    }

    #[test]
    fn what_cannot_be_expanded_is_told_by_its_place() {
        let fault = |text| expanded(text).0.unwrap_err();
        assert_eq!(fault("a: ${env:LOOP}"), "c:1:4: too many recursive expansions");
        assert_eq!(fault("${file:nope}"), "c:1:1: cannot read nope: No such file");
        assert_eq!(
            fault("${vault:x}"),
            "c:1:1: ${vault:…} is not supported: env, file, http, https and yaml are"
        );
        assert_eq!(
            fault("${https://me:sesame@x/?token=a}"),
            "c:1:1: cannot get https://REDACTED@x/?token=REDACTED: No such file"
        );
        assert_eq!(
            fault("${env:a b}"),
            "c:1:1: \"a b\" is no name of an environment variable: letters, digits and _"
        );
    }
}
