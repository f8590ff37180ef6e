//! Writes the wire format of protobuf straight from borrowed values.
//!
//! The generated structs own every string: filling them costs two allocations an attribute, and
//! their encoder walks them twice. This walks once. Fields are written in the order of their tags
//! and defaults are left out, so the bytes are those that `prost` writes.

use prost::encoding::{WireType, encode_key, encode_varint};

/// A message that is being written to the end of a buffer.
#[derive(Debug)]
pub(super) struct Message<'a> {
    out: &'a mut Vec<u8>,
}

impl<'a> Message<'a> {
    /// Writes a message without a length, as at the top.
    pub(super) fn at_end_of(out: &'a mut Vec<u8>) -> Self {
        Self { out }
    }

    /// `bytes` or `string`, left out if empty.
    pub(super) fn bytes(&mut self, tag: u32, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.given_bytes(tag, bytes);
        }
    }

    /// `bytes` or `string`, written even if empty: in a `oneof`, or an element of a list.
    pub(super) fn given_bytes(&mut self, tag: u32, bytes: &[u8]) {
        self.prefix(tag, bytes.len());
        self.out.extend_from_slice(bytes);
    }

    /// A number that is not negative, or an enum; left out if 0.
    pub(super) fn number(&mut self, tag: u32, value: u32) {
        if value != 0 {
            self.given_number(tag, u64::from(value));
        }
    }

    /// A varint, written even if 0.
    pub(super) fn given_number(&mut self, tag: u32, value: u64) {
        encode_key(tag, WireType::Varint, self.out);
        encode_varint(value, self.out);
    }

    /// `fixed32`, left out if 0.
    pub(super) fn fixed32(&mut self, tag: u32, value: u32) {
        if value != 0 {
            encode_key(tag, WireType::ThirtyTwoBit, self.out);
            self.out.extend_from_slice(&value.to_le_bytes());
        }
    }

    /// `fixed64`, left out if 0.
    pub(super) fn fixed64(&mut self, tag: u32, value: u64) {
        if value != 0 {
            encode_key(tag, WireType::SixtyFourBit, self.out);
            self.out.extend_from_slice(&value.to_le_bytes());
        }
    }

    /// A message within this one, written by `body`.
    ///
    /// Its length stands before it and is known after it: one byte is kept free for it, and what
    /// was written moves up in the rarer case that it needs more.
    pub(super) fn message(&mut self, tag: u32, body: impl FnOnce(&mut Message<'_>)) {
        encode_key(tag, WireType::LengthDelimited, self.out);
        let at = self.out.len();
        self.out.push(0);
        body(&mut Message { out: self.out });
        let len = self.out.len() - at - 1;
        match (u8::try_from(len), self.out.get_mut(at)) {
            (Ok(short @ ..0x80), Some(place)) => *place = short,
            _ => {
                let mut prefix = [0; 10];
                let mut rest = prefix.as_mut_slice();
                encode_varint(len as u64, &mut rest);
                let used = 10 - rest.len();
                self.out.splice(at..=at, prefix.into_iter().take(used));
            }
        }
    }

    /// The key and the length of what the caller appends next.
    pub(super) fn prefix(&mut self, tag: u32, len: usize) {
        encode_key(tag, WireType::LengthDelimited, self.out);
        encode_varint(len as u64, self.out);
    }

    /// Appends what is encoded already.
    pub(super) fn raw(&mut self, encoded: &[u8]) {
        self.out.extend_from_slice(encoded);
    }
}

/// The bytes that a field of `len` bytes with a tag below 16 takes.
pub(super) fn field_len(len: usize) -> usize {
    1 + prost::length_delimiter_len(len) + len
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::trace::v1::Span;
    use opentelemetry_proto::tonic::trace::v1::span::Event;
    use prost::Message as _;

    use super::*;

    #[test]
    fn a_length_takes_as_many_bytes_as_it_needs() {
        for len in [0, 1, 125, 126, 127, 128, 16_380, 16_381, 16_384, 2_097_148, 2_097_160] {
            let name = "x".repeat(len);
            let mut bytes = Vec::new();
            let mut message = Message::at_end_of(&mut bytes);
            message.message(11, |message| message.bytes(2, name.as_bytes()));
            message.number(12, 7);
            let event = Event { name, ..Event::default() };
            let span = Span { events: vec![event], dropped_events_count: 7, ..Span::default() };
            assert!(bytes == span.encode_to_vec(), "{len}");
        }
    }

    #[test]
    fn a_field_is_as_long_as_was_said() {
        for len in [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152] {
            let mut bytes = Vec::new();
            Message::at_end_of(&mut bytes).given_bytes(2, &vec![0; len]);
            assert_eq!(bytes.len(), field_len(len));
        }
    }
}
