//! Reads Kubernetes' protobuf into the types that its JSON is decoded into: each says by which numbers its
//! fields are written, those of `proto/kubernetes.proto`.
//!
//! What has no number there is passed over unread. A message that breaks off, a length that lies or a
//! field of another type is not read at all; of a field that is there twice the last one counts.

mod fields;

use serde::de::Deserialize;

use super::json::{self, Unread};
pub(crate) use fields::{Field, entry, message};

/// What begins an object in Kubernetes' protobuf; its envelope follows, which says its kind.
pub(crate) const MAGIC: &[u8] = b"k8s\0";

/// The field of the envelope that is the object.
pub(crate) const OBJECT_IN_ENVELOPE: u64 = 2;

/// The message of an object in protobuf; `None` where it is not in protobuf, and so in JSON.
pub(super) fn message_of(object: &[u8]) -> Option<Result<&[u8], Unread>> {
    let mut envelope = Cursor(object.strip_prefix(MAGIC)?);
    let mut found = Err(Unread);
    loop {
        match envelope.next() {
            Ok(Some((OBJECT_IN_ENVELOPE, Value::Bytes(message)))) => found = Ok(message),
            Ok(Some(_)) => {}
            Ok(None) => return Some(found),
            Err(unread) => return Some(Err(unread)),
        }
    }
}

/// What is read field by field.
pub(crate) trait Message<'a>: Default {
    /// Takes in what the field of this number says, if it is one that is read.
    fn take(&mut self, number: u64, said: Value<'a>) -> Result<(), Unread>;
}

/// What little is asked of an object, in whatever form it is; `None` where it is no such object.
pub(crate) fn peek<'a, T: Deserialize<'a> + Message<'a>>(object: &'a [u8]) -> Option<T> {
    match message_of(object) {
        Some(message) => read(message.ok()?).ok(),
        None => {
            let text = str::from_utf8(object).ok()?;
            json::read(text).ok().or_else(|| serde_json::from_str(text).ok())
        }
    }
}

/// All of a message.
pub(crate) fn read<'a, T: Message<'a>>(message: &'a [u8]) -> Result<T, Unread> {
    let mut read = T::default();
    Cursor(message).each(|number, said| read.take(number, said))?;
    Ok(read)
}

/// What a field says.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    /// A number, or whether something is so.
    Number(u64),
    /// A text, or a message.
    Bytes(&'a [u8]),
    /// What Kubernetes does not write: four or eight bytes.
    Fixed,
}

impl<'a> Value<'a> {
    pub(crate) fn bytes(self) -> Result<&'a [u8], Unread> {
        if let Self::Bytes(bytes) = self { Ok(bytes) } else { Err(Unread) }
    }

    pub(crate) fn text(self) -> Result<&'a str, Unread> {
        str::from_utf8(self.bytes()?).map_err(|_| Unread)
    }

    fn number(self) -> Result<i64, Unread> {
        if let Self::Number(number) = self { Ok(number.cast_signed()) } else { Err(Unread) }
    }
}

/// The fields of a message, one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a>(pub(crate) &'a [u8]);

impl<'a> Cursor<'a> {
    /// Hands on all fields, one after the other.
    #[inline]
    pub(crate) fn each(
        mut self,
        mut take: impl FnMut(u64, Value<'a>) -> Result<(), Unread>,
    ) -> Result<(), Unread> {
        while let Some((number, said)) = self.next()? {
            take(number, said)?;
        }
        Ok(())
    }

    /// The number of the next field, and what it says; `None` at the end. Wherever fields are read it
    /// is part of the loop: as a call it would take as long as all else of it.
    #[inline(always)]
    pub(crate) fn next(&mut self) -> Result<Option<(u64, Value<'a>)>, Unread> {
        // As a rule its number is below 16, and so its tag one byte; most texts and messages are short.
        let (tag, len, rest) = match self.0 {
            [] => return Ok(None),
            [tag, len, rest @ ..] if tag & 0x87 == 2 && len & 0x80 == 0 => {
                (tag, usize::from(*len), rest)
            }
            [tag, low, high, rest @ ..] if tag & 0x87 == 2 && high & 0x80 == 0 => {
                (tag, usize::from(low & 0x7f) | (usize::from(*high) << 7), rest)
            }
            [tag, rest @ ..] if tag & 0x87 == 0 => {
                self.0 = rest;
                return Ok(Some((u64::from(tag >> 3), Value::Number(self.varint()?))));
            }
            _ => return self.any().map(Some),
        };
        let (bytes, rest) = rest.split_at_checked(len).ok_or(Unread)?;
        self.0 = rest;
        Ok(Some((u64::from(tag >> 3), Value::Bytes(bytes))))
    }

    /// Any field.
    fn any(&mut self) -> Result<(u64, Value<'a>), Unread> {
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Value::Number(self.varint()?),
            1 => self.bytes(8).map(|_| Value::Fixed)?,
            2 => {
                let len = usize::try_from(self.varint()?).map_err(|_| Unread)?;
                Value::Bytes(self.bytes(len)?)
            }
            5 => self.bytes(4).map(|_| Value::Fixed)?,
            _ => return Err(Unread),
        };
        Ok((tag >> 3, value))
    }

    fn bytes(&mut self, len: usize) -> Result<&'a [u8], Unread> {
        let (bytes, rest) = self.0.split_at_checked(len).ok_or(Unread)?;
        self.0 = rest;
        Ok(bytes)
    }

    #[inline]
    pub(crate) fn varint(&mut self) -> Result<u64, Unread> {
        match self.0 {
            // As a rule it is one byte long.
            [byte, rest @ ..] if byte & 0x80 == 0 => {
                self.0 = rest;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, Unread> {
        if let [low, high, rest @ ..] = self.0
            && high & 0x80 == 0
        {
            self.0 = rest;
            return Ok(u64::from(low & 0x7f) | (u64::from(*high) << 7));
        }
        let (mut number, mut shift, mut bytes) = (0, 0, self.0);
        while shift < u64::BITS
            && let [byte, rest @ ..] = bytes
        {
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                self.0 = rest;
                return Ok(number);
            }
            (shift, bytes) = (shift + 7, rest);
        }
        Err(Unread)
    }
}

#[cfg(test)]
mod tests;
