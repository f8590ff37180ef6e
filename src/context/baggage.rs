//! `baggage`, to the letter of W3C Baggage.

use std::collections::BTreeMap;
use std::fmt;

/// The most list-members that are read; the specification asks for at least 64.
const MEMBERS: usize = 180;

/// Keys and values, sorted by key.
pub type Baggage = Box<[(Box<str>, Box<str>)]>;

/// Why a text is no `baggage`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BaggageError {
    /// Too many list-members.
    TooManyMembers,
    /// A list-member without `=`.
    NoValue(usize),
    /// A key breaks the grammar.
    Key(usize),
    /// A value breaks the grammar.
    Value(usize),
    /// A property breaks the grammar.
    Property(usize),
}

impl fmt::Display for BaggageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyMembers => f.write_str("baggage has more than 180 list-members"),
            Self::NoValue(n) => write!(f, "list-member {n} of baggage has no `=`"),
            Self::Key(n) => write!(f, "key {n} of baggage is no token (RFC 7230)"),
            Self::Value(n) => write!(
                f,
                "value {n} of baggage has a character that must be percent-encoded, or is no \
                 UTF-8 when decoded"
            ),
            Self::Property(n) => write!(
                f,
                "a property of list-member {n} of baggage is neither a token nor token=value"
            ),
        }
    }
}

impl std::error::Error for BaggageError {}

/// Reads `baggage`: what it says of the keys in `allowed`, sorted; all else is checked and left.
///
/// Of a key that stands there twice the last value counts.
///
/// # Errors
/// Says which list-member, counted from 1, breaks which rule.
pub fn baggage(text: &str, allowed: &[Box<str>]) -> Result<Baggage, BaggageError> {
    let mut kept: BTreeMap<&str, Box<str>> = BTreeMap::new();
    // An empty header says that there is none.
    if trimmed(text).is_empty() {
        return Ok(Baggage::default());
    }
    for (index, member) in text.split(',').enumerate() {
        let nth = index + 1;
        if nth > MEMBERS {
            return Err(BaggageError::TooManyMembers);
        }
        let mut parts = member.split(';');
        let pair = parts.next().unwrap_or_default();
        let (key, value) = pair.split_once('=').ok_or(BaggageError::NoValue(nth))?;
        let (key, value) = (trimmed(key), trimmed(value));
        if !is_token(key) {
            return Err(BaggageError::Key(nth));
        }
        let value = decoded(value).ok_or(BaggageError::Value(nth))?;
        if !parts.all(is_property) {
            return Err(BaggageError::Property(nth));
        }
        if allowed.iter().any(|allowed| **allowed == *key) {
            kept.insert(key, value);
        }
    }
    Ok(kept.into_iter().map(|(key, value)| (key.into(), value)).collect())
}

/// Without optional white space.
fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

fn is_token(text: &str) -> bool {
    let is_char = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(is_char)
}

fn is_property(text: &str) -> bool {
    match text.split_once('=') {
        None => is_token(trimmed(text)),
        Some((key, value)) => is_token(trimmed(key)) && trimmed(value).bytes().all(is_octet),
    }
}

/// ASCII without control characters, white space, `"`, `,`, `;` and `\`.
fn is_octet(byte: u8) -> bool {
    matches!(byte, b'!'..=b'~') && !matches!(byte, b'"' | b',' | b';' | b'\\')
}

fn decoded(value: &str) -> Option<Box<str>> {
    if !value.bytes().all(is_octet) {
        return None;
    }
    let text = percent_encoding::percent_decode_str(value).decode_utf8().ok()?;
    Some(text.into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::{BaggageError as E, baggage};

    fn read(text: &str) -> Result<String, E> {
        let allowed = ["isProduction", "key1", "key2", "key3", "serverNode", "userId"];
        let kept = baggage(text, &allowed.map(Box::from))?;
        Ok(kept.iter().map(|(key, value)| format!("{key}={value};")).collect())
    }

    /// The examples of the specification.
    #[test]
    fn the_examples_of_the_specification_are_read() {
        for (text, expected) in [
            (
                "key1=value1;property1;property2, key2 = value2, key3=value3; propertyKey=propertyValue",
                "key1=value1;key2=value2;key3=value3;",
            ),
            (
                "userId=alice,serverNode=DF%2028,isProduction=false",
                "isProduction=false;serverNode=DF 28;userId=alice;",
            ),
            ("userId =   alice", "userId=alice;"),
            ("serverNode = DF%2028, isProduction = false", "isProduction=false;serverNode=DF 28;"),
            ("key1=a=b", "key1=a=b;"),
            ("key1=", "key1=;"),
            ("key1=a,key1=b", "key1=b;"),
            ("key1=%C3%A9", "key1=é;"),
            (" ", ""),
        ] {
            assert_eq!(read(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn only_what_is_allowed_is_kept() {
        assert_eq!(read("secret=1,userId=alice,KEY1=2").as_deref(), Ok("userId=alice;"));
        assert_eq!(baggage("a=1", &[]), Ok(Box::default()));
    }

    #[test]
    fn each_broken_rule_is_named() {
        let many = vec!["key1=1"; 181].join(",");
        for (text, error) in [
            (",", E::NoValue(1)),
            ("key1=1,", E::NoValue(2)),
            ("key1", E::NoValue(1)),
            ("=1", E::Key(1)),
            ("a b=1", E::Key(1)),
            ("é=1", E::Key(1)),
            ("key1=1,key2=a b", E::Value(2)),
            ("key1=\"1\"", E::Value(1)),
            ("key1=é", E::Value(1)),
            ("key1=%FF", E::Value(1)),
            ("key1=1;", E::Property(1)),
            ("key1=1;a b", E::Property(1)),
            (&many, E::TooManyMembers),
        ] {
            assert_eq!(read(text), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>(), shaped in "[a-b=;,% 0-9]{0,40}") {
            for text in [text, shaped] {
                let is_listed = text.contains('=');
                assert!(read(&text).is_err() || is_listed || text.trim().is_empty());
            }
        }
    }
}
