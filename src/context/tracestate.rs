//! `tracestate`, to the letter of W3C Trace Context Level 2.

use std::fmt;

/// The name of the header, and of what else holds one.
pub const TRACESTATE: &str = "tracestate";

/// The most list-members there may be, empty ones included.
const MEMBERS: usize = 32;

/// Why a text is no `tracestate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TracestateError {
    /// Too many list-members.
    TooManyMembers,
    /// A list-member without `=`.
    NoValue(usize),
    /// A key breaks the grammar.
    Key(usize),
    /// A value breaks the grammar.
    Value(usize),
    /// A key stands there a second time.
    Twice(usize),
}

impl fmt::Display for TracestateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyMembers => f.write_str("tracestate has more than 32 list-members"),
            Self::NoValue(n) => write!(f, "list-member {n} of tracestate has no `=`"),
            Self::Key(n) => write!(
                f,
                "key {n} of tracestate is not 1 to 256 of a-z, 0-9, _, -, *, / and @, a-z or 0-9 \
                 first"
            ),
            Self::Value(n) => write!(
                f,
                "value {n} of tracestate is not 1 to 256 printable characters without `,` and `=`"
            ),
            Self::Twice(n) => {
                write!(f, "key {n} of tracestate stands there twice: one entry a key is allowed")
            }
        }
    }
}

impl std::error::Error for TracestateError {}

/// Checks a `tracestate`. It is passed on as it stands; no key in it is ours to understand.
///
/// # Errors
/// Says which list-member, counted from 1, breaks which rule.
pub fn tracestate(text: &str) -> Result<(), TracestateError> {
    let mut keys = Vec::new();
    for (index, member) in text.split(',').enumerate() {
        let nth = index + 1;
        if nth > MEMBERS {
            return Err(TracestateError::TooManyMembers);
        }
        let member = member.trim_matches([' ', '\t']);
        if member.is_empty() {
            continue;
        }
        let (key, value) = member.split_once('=').ok_or(TracestateError::NoValue(nth))?;
        if !is_key(key.as_bytes()) {
            return Err(TracestateError::Key(nth));
        }
        if !is_value(value.as_bytes()) {
            return Err(TracestateError::Value(nth));
        }
        if keys.contains(&key) {
            return Err(TracestateError::Twice(nth));
        }
        keys.push(key);
    }
    Ok(())
}

fn is_key(key: &[u8]) -> bool {
    let is_start = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9');
    let is_rest = |byte: &u8| is_start(byte) || matches!(byte, b'_' | b'-' | b'*' | b'/' | b'@');
    key.len() <= 256
        && key.split_first().is_some_and(|(f, rest)| is_start(f) && rest.iter().all(is_rest))
}

fn is_value(value: &[u8]) -> bool {
    let is_char = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b',' | b'=');
    value.len() <= 256
        && value.iter().all(is_char)
        && value.last().is_some_and(|&last| last != b' ')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::{TracestateError as E, tracestate};

    #[test]
    fn lists_by_the_grammar_are_accepted() {
        for text in [
            "",
            " ",
            "foo=1",
            "foo=1,bar=2",
            "foo=1 \t , \t bar=2, \t baz=3",
            "foo=1,,,bar=2",
            "foo=1,",
            "fw529a3039@dt=FfQfzz,0-_*/=~ !",
            "foo= 1",
            // The examples of the specification.
            "rojo=00f067aa0ba902b7",
            "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE",
            "vendorname1=opaqueValue1,vendorname2=opaqueValue2",
            "congo=ucfJifl5GOE,rojo=00f067aa0ba902b7",
        ] {
            assert_eq!(tracestate(text), Ok(()), "{text}");
        }
        let long = format!("{}={}", "k".repeat(256), "v".repeat(256));
        assert_eq!(tracestate(&long), Ok(()));
        let full: Vec<String> = (0..32).map(|n| format!("bar{n}={n}")).collect();
        assert_eq!(tracestate(&full.join(",")), Ok(()));
    }

    #[test]
    fn each_broken_rule_is_named() {
        let many: Vec<String> = (0..33).map(|n| format!("bar{n}={n}")).collect();
        for (text, error) in [
            (many.join(",").as_str(), E::TooManyMembers),
            ("foo=1,bar", E::NoValue(2)),
            ("=1", E::Key(1)),
            ("FOO=1", E::Key(1)),
            ("foo =1", E::Key(1)),
            ("@foo=1", E::Key(1)),
            ("foo.bar=1", E::Key(1)),
            (format!("{}=1", "z".repeat(257)).as_str(), E::Key(1)),
            ("foo=1=2", E::Value(1)),
            ("foo=", E::Value(1)),
            ("a=1,foo=\u{e9}", E::Value(2)),
            ("foo=1\t2", E::Value(1)),
            (
                "congo=congosFirstPosition,rojo=rojosFirstPosition,congo=congosSecondPosition",
                E::Twice(3),
            ),
            ("foo=1,foo=1", E::Twice(2)),
            (format!("foo={}", "v".repeat(257)).as_str(), E::Value(1)),
        ] {
            assert_eq!(tracestate(text), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>()) {
            assert!(tracestate(&text).is_ok() || !text.is_empty());
        }
    }
}
