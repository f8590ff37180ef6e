//! Names of components: `type[/name]`; pure.

use std::fmt;

/// The longest type, by the Collector's rule.
const MAX_TYPE: usize = 63;

/// The longest name, by the Collector's rule.
const MAX_NAME: usize = 1_024;

/// `otlp_grpc/jaeger`
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    /// `otlp_grpc`
    pub kind: String,
    /// `jaeger`, or empty.
    pub name: String,
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)?;
        if self.name.is_empty() { Ok(()) } else { write!(f, "/{}", self.name) }
    }
}

impl Id {
    /// Reads `type[/name]`.
    ///
    /// # Errors
    /// In the words of the Collector.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (kind, name) = match text.split_once('/') {
            Some((kind, name)) => (kind.trim(), Some(name.trim())),
            None => (text.trim(), None),
        };
        if kind.is_empty() {
            return Err(match name {
                Some(_) => format!("in {text:?} id: the part before / should not be empty"),
                None => "id must not be empty".to_owned(),
            });
        }
        if name == Some("") {
            return Err(format!("in {text:?} id: the part after / should not be empty"));
        }
        let is_type = kind.starts_with(|c: char| c.is_ascii_alphabetic())
            && kind.len() <= MAX_TYPE
            && kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !is_type {
            return Err(format!("in {text:?} id: invalid character(s) in type {kind:?}"));
        }
        let name = name.unwrap_or_default();
        let is_name = name.chars().count() <= MAX_NAME
            && !name.chars().any(|c| c.is_whitespace() || c.is_control());
        if !is_name {
            return Err(format!("in {text:?} id: invalid character(s) in name {name:?}"));
        }
        Ok(Self { kind: kind.to_owned(), name: name.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_type_and_perhaps_a_name() {
        let told = |text: &str| Id::parse(text).map_or_else(|error| error, |id| id.to_string());
        for (text, expected) in [
            ("otlp_grpc", "otlp_grpc"),
            ("otlp_grpc/2", "otlp_grpc/2"),
            (" otlp_grpc / a/b ", "otlp_grpc/a/b"),
            ("nop/", "in \"nop/\" id: the part after / should not be empty"),
            ("/custom", "in \"/custom\" id: the part before / should not be empty"),
            ("", "id must not be empty"),
            ("2x", "in \"2x\" id: invalid character(s) in type \"2x\""),
            ("x/a b", "in \"x/a b\" id: invalid character(s) in name \"a b\""),
        ] {
            assert_eq!(told(text), expected);
        }
    }
}
