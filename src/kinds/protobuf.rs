//! Reads Kubernetes' protobuf for the decoders of this module: they ask for keys, as of JSON, and a
//! [`schema`] says by which number each is written.
//!
//! What they do not ask for is passed over unread. A message that breaks off, a length that lies, a
//! field of another type or one that is there twice is not read at all.

pub(crate) mod schema;

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::json::{self, Unread};
use schema::{Field, Type};

/// What begins an object in Kubernetes' protobuf; its envelope follows, which says its kind.
pub(crate) const MAGIC: &[u8] = b"k8s\0";

/// The field of the envelope that is the object.
pub(crate) const OBJECT_IN_ENVELOPE: u64 = 2;

/// The message of an object in protobuf; `None` where it is not in protobuf, and so in JSON.
pub(super) fn message(object: &[u8]) -> Option<Result<&[u8], Unread>> {
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

/// What little is asked of an object, in whatever form it is; `None` where it is no such object.
pub(crate) fn peek<'a, T: Deserialize<'a>>(
    fields: &'static [Field],
    object: &'a [u8],
) -> Option<T> {
    match message(object) {
        Some(message) => read(fields, message.ok()?).ok(),
        None => {
            let text = str::from_utf8(object).ok()?;
            json::read(text).ok().or_else(|| serde_json::from_str(text).ok())
        }
    }
}

/// All of a message as a `T`.
pub(crate) fn read<'a, T: Deserialize<'a>>(
    fields: &'static [Field],
    message: &'a [u8],
) -> Result<T, Unread> {
    T::deserialize(One { of: Type::Message(fields), value: Value::Bytes(message) })
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

/// The fields of a message, one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a>(pub(crate) &'a [u8]);

impl<'a> Cursor<'a> {
    /// The number of the next field, and what it says; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, Value<'a>)>, Unread> {
        if self.0.is_empty() {
            return Ok(None);
        }
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
        Ok(Some((tag >> 3, value)))
    }

    /// The next field, if it has this number.
    fn next_of(&mut self, number: u64) -> Result<Option<Value<'a>>, Unread> {
        let mut ahead = *self;
        let next = ahead.next()?.filter(|(next, _)| *next == number);
        if next.is_some() {
            *self = ahead;
        }
        Ok(next.map(|(_, value)| value))
    }

    fn bytes(&mut self, len: usize) -> Result<&'a [u8], Unread> {
        let (bytes, rest) = self.0.split_at_checked(len).ok_or(Unread)?;
        self.0 = rest;
        Ok(bytes)
    }

    pub(crate) fn varint(&mut self) -> Result<u64, Unread> {
        match self.0.split_first() {
            // As a rule it is one byte long.
            Some((byte, rest)) if byte & 0x80 == 0 => {
                self.0 = rest;
                Ok(u64::from(*byte))
            }
            _ => self.long_varint(),
        }
    }

    fn long_varint(&mut self) -> Result<u64, Unread> {
        let mut number = 0;
        for (n, byte) in self.0.iter().take(10).enumerate() {
            number |= u64::from(byte & 0x7f) << (7 * n);
            if byte & 0x80 == 0 {
                self.0 = self.0.get(n + 1..).unwrap_or_default();
                return Ok(number);
            }
        }
        Err(Unread)
    }
}

fn text(bytes: &[u8]) -> Result<&str, Unread> {
    str::from_utf8(bytes).map_err(|_| Unread)
}

/// The moment that a `Time` says in nanoseconds; one that says none is absent.
fn moment(message: &[u8]) -> Result<Option<i128>, Unread> {
    let mut cursor = Cursor(message);
    let mut seconds = None;
    let mut nanos = 0;
    while let Some(field) = cursor.next()? {
        match field {
            (1, Value::Number(number)) => seconds = Some(number.cast_signed()),
            (2, Value::Number(number)) => nanos = number.cast_signed(),
            (1 | 2, _) => return Err(Unread),
            _ => {}
        }
    }
    Ok(seconds.map(|seconds| i128::from(seconds) * 1_000_000_000 + i128::from(nanos)))
}

/// One value.
struct One<'a> {
    of: Type,
    value: Value<'a>,
}

impl<'a> Deserializer<'a> for One<'a> {
    type Error = Unread;

    fn deserialize_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unread> {
        match (self.of, self.value) {
            (Type::Text, Value::Bytes(bytes)) => visitor.visit_borrowed_str(text(bytes)?),
            (Type::Number, Value::Number(number)) => visitor.visit_i64(number.cast_signed()),
            (Type::Flag, Value::Number(number)) => visitor.visit_bool(number != 0),
            (Type::Time, Value::Bytes(bytes)) => match moment(bytes)? {
                Some(nanos) => visitor.visit_i128(nanos),
                None => visitor.visit_unit(),
            },
            (Type::Quantity, Value::Bytes(bytes)) => match Cursor(bytes).next_of(1)? {
                Some(Value::Bytes(bytes)) => visitor.visit_borrowed_str(text(bytes)?),
                Some(Value::Number(_) | Value::Fixed) => Err(Unread),
                None => visitor.visit_borrowed_str(""),
            },
            (Type::Message(fields), Value::Bytes(bytes)) => visitor.visit_map(Inside {
                cursor: Cursor(bytes),
                fields,
                around: None,
                next: None,
            }),
            _ => Err(Unread),
        }
    }

    fn deserialize_option<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unread> {
        visitor.visit_some(self)
    }

    fn deserialize_ignored_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unread> {
        visitor.visit_unit()
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    forward_to_deserialize_any! {
        <W: Visitor<'a>>
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
    }
}

/// Reads the fields of a message.
struct Inside<'a> {
    cursor: Cursor<'a>,
    fields: &'static [Field],
    /// The message that this one is inlined in.
    around: Option<(Cursor<'a>, &'static [Field])>,
    next: Option<(&'static Field, Value<'a>)>,
}

impl<'a> MapAccess<'a> for Inside<'a> {
    type Error = Unread;

    fn next_key_seed<K: DeserializeSeed<'a>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Unread> {
        loop {
            let Some((number, value)) = self.cursor.next()? else {
                let Some((cursor, fields)) = self.around.take() else { return Ok(None) };
                (self.cursor, self.fields) = (cursor, fields);
                continue;
            };
            let Some(field) = self.fields.iter().find(|field| field.number == number) else {
                continue;
            };
            match (field.of, value) {
                (Type::Inline(fields), Value::Bytes(bytes)) if self.around.is_none() => {
                    self.around = Some((self.cursor, self.fields));
                    (self.cursor, self.fields) = (Cursor(bytes), fields);
                }
                _ => {
                    self.next = Some((field, value));
                    return seed.deserialize(BorrowedStrDeserializer::new(field.name)).map(Some);
                }
            }
        }
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value, Unread> {
        let (field, value) = self.next.take().ok_or(Unread)?;
        let (Type::List(of) | Type::Map(of)) = field.of else {
            return seed.deserialize(One { of: field.of, value });
        };
        let (is_map, number) = (matches!(field.of, Type::Map(_)), field.number);
        let next = Some(value);
        seed.deserialize(Many { cursor: &mut self.cursor, number, of: *of, is_map, next })
    }
}

/// Reads what stands there several times: the items of a list, or the entries of a map.
struct Many<'c, 'a> {
    cursor: &'c mut Cursor<'a>,
    number: u64,
    of: Type,
    is_map: bool,
    next: Option<Value<'a>>,
}

impl<'a> Many<'_, 'a> {
    fn take(&mut self) -> Result<Option<Value<'a>>, Unread> {
        match self.next.take() {
            Some(first) => Ok(Some(first)),
            None => self.cursor.next_of(self.number),
        }
    }
}

impl<'a> Deserializer<'a> for Many<'_, 'a> {
    type Error = Unread;

    fn deserialize_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unread> {
        if self.is_map { visitor.visit_map(self) } else { visitor.visit_seq(self) }
    }

    fn deserialize_option<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unread> {
        visitor.visit_some(self)
    }

    fn deserialize_ignored_any<V: Visitor<'a>>(mut self, visitor: V) -> Result<V::Value, Unread> {
        while self.take()?.is_some() {}
        visitor.visit_unit()
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    forward_to_deserialize_any! {
        <W: Visitor<'a>>
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
    }
}

impl<'a> SeqAccess<'a> for Many<'_, 'a> {
    type Error = Unread;

    fn next_element_seed<T: DeserializeSeed<'a>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Unread> {
        let Some(value) = self.take()? else { return Ok(None) };
        seed.deserialize(One { of: self.of, value }).map(Some)
    }
}

impl<'a> MapAccess<'a> for Many<'_, 'a> {
    type Error = Unread;

    fn next_key_seed<K: DeserializeSeed<'a>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Unread> {
        let Some(entry) = self.take()? else { return Ok(None) };
        let Value::Bytes(entry) = entry else { return Err(Unread) };
        let mut fields = Cursor(entry);
        let (mut key, mut value) = ("", Value::Bytes(&[]));
        while let Some(field) = fields.next()? {
            match field {
                (1, Value::Bytes(bytes)) => key = text(bytes)?,
                (2, said) => value = said,
                _ => {}
            }
        }
        // Taken by the value, which comes next.
        self.next = Some(value);
        seed.deserialize(BorrowedStrDeserializer::new(key)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value, Unread> {
        let value = self.next.take().ok_or(Unread)?;
        seed.deserialize(One { of: self.of, value })
    }
}

#[cfg(test)]
mod tests;
