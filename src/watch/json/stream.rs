//! Cuts a watch into its events while its bytes arrive; pure.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::list::MAX_ITEM;
use crate::kinds::Said;

/// What a line of a watch says; `None` if it is no event.
#[must_use]
pub fn event(line: &[u8]) -> Option<Said<'_>> {
    as_written(line).or_else(|| as_json(line))
}

/// The way in which API servers write it: the object need not be scanned for its end.
fn as_written(line: &[u8]) -> Option<Said<'_>> {
    let rest = line.strip_prefix(br#"{"type":""#)?;
    let quote = rest.iter().take(16).position(|byte| *byte == b'"')?;
    let (name, rest) = rest.split_at_checked(quote)?;
    let object = rest.strip_prefix(br#"","object":"#)?.strip_suffix(b"}")?;
    // Were something to follow the object, its reader would refuse it: then the long way.
    let is_plain = object.first() == Some(&b'{') && object.last() == Some(&b'}');
    let said = Said::watched(std::str::from_utf8(name).ok()?, object);
    // A type that is not known may be one that has escapes.
    Some(said).filter(|said| is_plain && !matches!(said, Said::Unknown(_)))
}

fn as_json(line: &[u8]) -> Option<Said<'_>> {
    #[derive(Deserialize)]
    struct Written<'a> {
        #[serde(borrow)]
        r#type: std::borrow::Cow<'a, str>,
        #[serde(borrow)]
        object: &'a RawValue,
    }
    let Written { r#type, object } = serde_json::from_slice(line).ok()?;
    Some(Said::watched(&r#type, object.get().as_bytes()))
}

/// A line is longer than any object can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a watch event is larger than {MAX_ITEM} bytes")]
pub struct TooLong;

/// Puts lines together from the pieces in which they arrive.
#[derive(Debug, Default)]
pub struct Lines {
    begun: Vec<u8>,
}

impl Lines {
    /// Hands on each line that ends in `bytes`, without its newline; empty ones are not handed on.
    ///
    /// # Errors
    /// A line is too long; it cannot be read any further then.
    pub fn read(&mut self, bytes: &[u8], mut take: impl FnMut(&[u8])) -> Result<(), TooLong> {
        let mut rest = bytes;
        while let Some(at) = memchr::memchr(b'\n', rest) {
            let (line, after) = rest.split_at(at);
            if self.begun.is_empty() {
                if !line.is_empty() {
                    take(line);
                }
            } else {
                self.begun.extend(line);
                take(&self.begun);
                self.begun.clear();
                // One huge object shall not hold its memory for ever.
                self.begun.shrink_to(64 << 10);
            }
            rest = after.get(1..).unwrap_or_default();
        }
        if self.begun.len() + rest.len() > MAX_ITEM {
            return Err(TooLong);
        }
        self.begun.extend(rest);
        Ok(())
    }

    /// Whether a line has begun that has not ended.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        !self.begun.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn events_are_read_as_servers_write_them_and_as_json_allows() {
        let cases = [
            (r#"{"type":"ADDED","object":{"a":1}}"#, Some(Said::Added(br#"{"a":1}"#))),
            (r#"{"type":"BOOKMARK","object":{}}"#, Some(Said::Bookmark(b"{}"))),
            (r#"{ "object": {"b":{}}, "type": "DELETED" }"#, Some(Said::Deleted(br#"{"b":{}}"#))),
            (r#"{"type":"\u0045RROR","object":{}}"#, Some(Said::Error(b"{}"))),
            (r#"{"type":"SOMETHING","object":{}}"#, Some(Said::Unknown(b"{}"))),
            (r#"{"type":"LIST","object":{}}"#, Some(Said::Unknown(b"{}"))),
            (r#"{"type":"ADDED"}"#, None),
            (r#"{"type":"ADDED","object":{"a":1}"#, None),
            ("not json", None),
        ];
        for (line, expected) in cases {
            assert_eq!(event(line.as_bytes()), expected, "{line}");
        }
    }

    #[test]
    fn what_follows_an_object_is_left_to_who_reads_it() {
        let line = br#"{"type":"ADDED","object":{"a":1},"more":{"b":2}}"#;
        let Some(Said::Added(object)) = event(line) else { panic!("it is an event") };
        assert!(serde_json::from_slice::<serde_json::Value>(object).is_err());
    }

    #[test]
    fn a_line_without_end_is_refused_before_it_fills_the_memory() {
        let mut lines = Lines::default();
        let chunk = vec![b'x'; 1 << 20];
        let n = (0..64).find(|_| lines.read(&chunk, |_| {}).is_err());
        assert_eq!(n, Some(16));
    }

    proptest! {
        #[test]
        fn lines_come_out_whole_however_they_are_cut(
            lines in prop::collection::vec("[a-z]{1,20}", 0..8),
            chunk in 1_usize..30,
        ) {
            let text = lines.iter().map(|line| format!("{line}\n")).collect::<String>() + "rest";
            let mut read = Lines::default();
            let mut out = Vec::new();
            for piece in text.as_bytes().chunks(chunk) {
                let take = |line: &[u8]| out.push(String::from_utf8(line.to_vec()).unwrap());
                read.read(piece, take).unwrap();
            }
            prop_assert_eq!(out, lines);
            prop_assert!(read.is_cut());
        }
    }
}
