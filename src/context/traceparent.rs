//! `traceparent`, to the letter of W3C Trace Context Level 2.

use std::fmt;

use super::ids::{SpanId, TraceId};
use super::trace_context::SAMPLED;

/// The name of the header, and of what else holds one.
pub const TRACEPARENT: &str = "traceparent";

/// The length of version 00; longer ones belong to versions to come.
const LENGTH: usize = 55;

/// Why a text is no `traceparent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TraceparentError {
    /// Not as long as its version says.
    Length(usize),
    /// A `-` is missing between two fields.
    Separator(usize),
    /// A field has something else than `0-9a-f`.
    NotHex(&'static str),
    /// Version ff is forbidden.
    Version,
    /// A trace-id of zeros says that there is none.
    ZeroTraceId,
    /// A parent-id of zeros says that there is none.
    ZeroParentId,
}

impl fmt::Display for TraceparentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(n) => write!(
                f,
                "traceparent has {n} characters: version 00 has exactly 55, later ones at least 55"
            ),
            Self::Separator(at) => write!(f, "traceparent has no `-` at character {at}"),
            Self::NotHex(field) => {
                write!(f, "{field} of traceparent has other characters than 0-9 and a-f")
            }
            Self::Version => f.write_str("traceparent has the forbidden version ff"),
            Self::ZeroTraceId => f.write_str("trace-id of traceparent is all zero"),
            Self::ZeroParentId => f.write_str("parent-id of traceparent is all zero"),
        }
    }
}

impl std::error::Error for TraceparentError {}

/// Reads a `traceparent`: the trace, the span in it and the flags.
///
/// Of a version to come the first 55 characters are read, and of its flags only `sampled`.
///
/// # Errors
/// Says which rule the text breaks.
pub fn traceparent(text: &str) -> Result<(TraceId, SpanId, u8), TraceparentError> {
    let bytes = text.as_bytes();
    let (head, rest) =
        bytes.split_first_chunk::<LENGTH>().ok_or(TraceparentError::Length(bytes.len()))?;
    let field = |from: usize, to: usize| head.get(from..to).unwrap_or_default();
    let [version] = hex(field(0, 2), "version")?;
    if version == 0xff {
        return Err(TraceparentError::Version);
    }
    for at in [2, 35, 52] {
        if head.get(at) != Some(&b'-') {
            return Err(TraceparentError::Separator(at));
        }
    }
    match rest.first() {
        None => {}
        Some(_) if version == 0 => return Err(TraceparentError::Length(bytes.len())),
        Some(b'-') => {}
        Some(_) => return Err(TraceparentError::Separator(LENGTH)),
    }
    let trace_id = TraceId(hex(field(3, 35), "trace-id")?);
    let span_id = SpanId(hex(field(36, 52), "parent-id")?);
    let [flags] = hex(field(53, 55), "trace-flags")?;
    if trace_id.0 == [0; 16] {
        return Err(TraceparentError::ZeroTraceId);
    }
    if span_id.0 == [0; 8] {
        return Err(TraceparentError::ZeroParentId);
    }
    Ok((trace_id, span_id, if version == 0 { flags } else { flags & SAMPLED }))
}

/// The `N` bytes that `2 * N` lower-case digits say.
fn hex<const N: usize>(digits: &[u8], field: &'static str) -> Result<[u8; N], TraceparentError> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let (pairs, odd) = digits.as_chunks::<2>();
    let mut bytes = [0; N];
    if pairs.len() != N || !odd.is_empty() {
        return Err(TraceparentError::NotHex(field));
    }
    for (byte, &[high, low]) in bytes.iter_mut().zip(pairs) {
        let (Some(high), Some(low)) = (digit(high), digit(low)) else {
            return Err(TraceparentError::NotHex(field));
        };
        *byte = high << 4 | low;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, proptest};

    use super::{TraceparentError as E, traceparent};

    const TRACE: &str = "12345678901234567890123456789012";
    const SHORT_TRACE: &str = "2345678901234567890123456789012";
    const SPAN: &str = "1234567890123456";
    const SHORT_SPAN: &str = "234567890123456";

    #[test]
    fn a_traceparent_of_version_00_is_read() {
        let (trace_id, span_id, flags) =
            traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-03").unwrap();
        assert_eq!(trace_id.to_string(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(span_id.to_string(), "b7ad6b7169203331");
        assert_eq!(flags, 3);
    }

    /// The cases of the W3C test harness (`trace-context/test/test.py`), with its names.
    #[test]
    fn the_vectors_of_the_w3c_harness_hold() {
        let zeros = "0".repeat(32);
        let cases: Vec<(&str, String, Result<u8, E>)> = vec![
            ("version_0x00", format!("00-{TRACE}-{SPAN}-01"), Ok(1)),
            ("version_0x00 longer", format!("00-{TRACE}-{SPAN}-01."), Err(E::Length(56))),
            ("version_0x00 extra", format!("00-{TRACE}-{SPAN}-01-what"), Err(E::Length(60))),
            ("version_0xcc", format!("cc-{TRACE}-{SPAN}-01"), Ok(1)),
            ("version_0xcc extra", format!("cc-{TRACE}-{SPAN}-01-what-the-future"), Ok(1)),
            ("version_0xcc flags", format!("cc-{TRACE}-{SPAN}-fe"), Ok(0)),
            ("version_0xcc dot", format!("cc-{TRACE}-{SPAN}-01.what"), Err(E::Separator(55))),
            ("version_0xff", format!("ff-{TRACE}-{SPAN}-01"), Err(E::Version)),
            ("version_illegal .0", format!(".0-{TRACE}-{SPAN}-01"), Err(E::NotHex("version"))),
            ("version_illegal 0.", format!("0.-{TRACE}-{SPAN}-01"), Err(E::NotHex("version"))),
            ("version_too_long", format!("000-{TRACE}-{SPAN}-01"), Err(E::Separator(2))),
            ("version_too_short", format!("0-{TRACE}-{SPAN}-01"), Err(E::Length(54))),
            ("trace_id_all_zero", format!("00-{zeros}-{SPAN}-01"), Err(E::ZeroTraceId)),
            (
                "trace_id_illegal",
                format!("00-.{SHORT_TRACE}-{SPAN}-01"),
                Err(E::NotHex("trace-id")),
            ),
            (
                "trace_id upper case",
                format!("00-{}-{SPAN}-01", "A".repeat(32)),
                Err(E::NotHex("trace-id")),
            ),
            ("trace_id_too_long", format!("00-{TRACE}3-{SPAN}-01"), Err(E::Separator(35))),
            ("trace_id_too_short", format!("00-{SHORT_TRACE}-{SPAN}-01"), Err(E::Length(54))),
            (
                "parent_id_all_zero",
                format!("00-{TRACE}-{}-01", "0".repeat(16)),
                Err(E::ZeroParentId),
            ),
            (
                "parent_id_illegal",
                format!("00-{TRACE}-.{SHORT_SPAN}-01"),
                Err(E::NotHex("parent-id")),
            ),
            ("parent_id_too_long", format!("00-{TRACE}-{SPAN}7-01"), Err(E::Separator(52))),
            ("parent_id_too_short", format!("00-{TRACE}-{SHORT_SPAN}-01"), Err(E::Length(54))),
            (
                "trace_flags_illegal .0",
                format!("00-{TRACE}-{SPAN}-.0"),
                Err(E::NotHex("trace-flags")),
            ),
            (
                "trace_flags upper case",
                format!("00-{TRACE}-{SPAN}-0A"),
                Err(E::NotHex("trace-flags")),
            ),
            ("trace_flags_too_long", format!("00-{TRACE}-{SPAN}-001"), Err(E::Length(56))),
            ("trace_flags_too_short", format!("00-{TRACE}-{SPAN}-1"), Err(E::Length(54))),
            ("ows_handling", format!(" 00-{TRACE}-{SPAN}-01"), Err(E::NotHex("version"))),
            ("empty", String::new(), Err(E::Length(0))),
            ("not ASCII", "é".repeat(28), Err(E::NotHex("version"))),
        ];
        for (name, text, expected) in cases {
            assert_eq!(traceparent(&text).map(|(_, _, flags)| flags), expected, "{name}: {text}");
        }
    }

    /// The examples and rules of the specification, in the order of its text.
    #[test]
    fn the_examples_of_the_specification_are_read() {
        let ids = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7";
        for (text, expected) in [
            // Sampled, not sampled, and a flag that is not defined beside `sampled`.
            (format!("00-{ids}-01"), Ok(0x01)),
            (format!("00-{ids}-00"), Ok(0x00)),
            (format!("00-{ids}-09"), Ok(0x09)),
            // Level 2: the trace-id is random.
            (format!("00-{ids}-02"), Ok(0x02)),
            (format!("00-{ids}-03"), Ok(0x03)),
            // A higher version: only `sampled` is read, and unknown fields are left alone.
            (format!("01-{ids}-03"), Ok(0x01)),
            (format!("01-{ids}-02-{ids}"), Ok(0x00)),
            (format!("fe-{ids}-01-"), Ok(0x01)),
            (format!("01-{ids}-0"), Err(E::Length(54))),
            (format!("01-{ids}-011"), Err(E::Separator(55))),
            (format!("01-{}-01", ids.replace('-', "_")), Err(E::Separator(35))),
            (format!("01-{}-01", ids.to_uppercase()), Err(E::NotHex("trace-id"))),
            // The version cannot be parsed.
            (format!("0x-{ids}-01"), Err(E::NotHex("version"))),
            (format!("00_{ids}-01"), Err(E::Separator(2))),
            (format!("FF-{ids}-01"), Err(E::NotHex("version"))),
            (format!("ff-{ids}-01"), Err(E::Version)),
            // Version 00 has exactly four fields, without white space.
            (format!("00-{ids}-01-"), Err(E::Length(56))),
            (format!("00-{ids}-01 "), Err(E::Length(56))),
        ] {
            assert_eq!(traceparent(&text).map(|(_, _, flags)| flags), expected, "{text}");
        }
    }

    #[test]
    fn an_error_says_what_is_wrong() {
        assert_eq!(
            traceparent("00").unwrap_err().to_string(),
            "traceparent has 2 characters: version 00 has exactly 55, later ones at least 55"
        );
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>(), shaped in "[0-9a-fA-Fg-]{50,60}") {
            assert!(traceparent(&text).is_err());
            assert!(traceparent(&shaped).is_err() || shaped.len() >= 55);
        }
    }
}
