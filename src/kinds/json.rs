//! Reads JSON for the decoders of this module, which ask for little of each object.
//!
//! What they do not ask for is passed over without being looked at: of a Pod that is most of its
//! bytes, the `managedFields` first of all. So what stands there may break the grammar of JSON
//! unnoticed, as long as its brackets and quotes match. Whatever is asked for and is not plain
//! (escapes, fractions) is handed to `serde_json`.

mod scan;

use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::value::RawValue;

pub(crate) use scan::Container;

/// How deep values may be in each other, as in `serde_json`.
const MAX_DEPTH: u8 = 127;

/// It is not what is asked for: `serde_json` tells why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unread;

impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it is not what is asked for")
    }
}

impl std::error::Error for Unread {}

impl Error for Unread {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// All of `text` as a `T`.
pub(super) fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Unread> {
    let mut json = Json { text, at: 0, depth: 0 };
    let read = T::deserialize(&mut json)?;
    if json.next().is_err() { Ok(read) } else { Err(Unread) }
}

/// How far the text is read.
struct Json<'a> {
    text: &'a str,
    at: usize,
    depth: u8,
}

impl<'a> Json<'a> {
    fn byte(&self) -> Result<u8, Unread> {
        self.text.as_bytes().get(self.at).copied().ok_or(Unread)
    }

    /// The byte after white space.
    fn next(&mut self) -> Result<u8, Unread> {
        loop {
            match self.byte()? {
                b' ' | b'\n' | b'\t' | b'\r' => self.at += 1,
                byte => return Ok(byte),
            }
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), Unread> {
        if self.next()? != byte {
            return Err(Unread);
        }
        self.at += 1;
        Ok(())
    }

    /// Passes over the value that begins here and returns it as it stands there.
    fn token(&mut self) -> Result<&'a str, Unread> {
        let first = self.next()?;
        let (bytes, start) = (self.text.as_bytes(), self.at);
        self.at = match first {
            b'"' => scan::end_of_string(bytes, start + 1).ok_or(Unread)?.0 + 1,
            b'{' | b'[' => scan::end_of_container(bytes, start).ok_or(Unread)?,
            _ => {
                let rest = bytes.get(start..).unwrap_or_default();
                let is_of_it = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
                start + rest.iter().take_while(|byte| is_of_it(byte)).count()
            }
        };
        self.text.get(start..self.at).filter(|token| !token.is_empty()).ok_or(Unread)
    }

    fn string<V: Visitor<'a>>(&mut self, visitor: V) -> Result<V::Value, Unread> {
        let start = self.at + 1;
        let (end, has_escapes) = scan::end_of_string(self.text.as_bytes(), start).ok_or(Unread)?;
        self.at = end + 1;
        if has_escapes {
            return plain(self.text.get(start - 1..self.at).ok_or(Unread)?, visitor);
        }
        visitor.visit_borrowed_str(self.text.get(start..end).ok_or(Unread)?)
    }

    /// A number, or a word.
    fn scalar<V: Visitor<'a>>(&mut self, visitor: V) -> Result<V::Value, Unread> {
        match self.token()? {
            "true" => visitor.visit_bool(true),
            "false" => visitor.visit_bool(false),
            "null" => visitor.visit_unit(),
            token => match token.parse() {
                // As Rust reads it a number may begin with more than JSON lets it.
                Ok(number) if token == "0" || !token.starts_with(['0', '+']) => {
                    visitor.visit_u64(number)
                }
                _ => plain(token, visitor),
            },
        }
    }

    /// What is in a list or map, and the bracket that ends it.
    fn inside<T>(
        &mut self,
        end: u8,
        read: impl FnOnce(&mut Inside<'_, 'a>) -> Result<T, Unread>,
    ) -> Result<T, Unread> {
        if self.depth == MAX_DEPTH {
            return Err(Unread);
        }
        self.at += 1;
        self.depth += 1;
        let mut inside = Inside { json: self, end, is_begun: false };
        let value = read(&mut inside)?;
        let is_ended = !inside.goes_on()?;
        self.depth -= 1;
        self.at += 1;
        if is_ended { Ok(value) } else { Err(Unread) }
    }
}

/// A value that `serde_json` reads.
fn plain<'a, V: Visitor<'a>>(token: &'a str, visitor: V) -> Result<V::Value, Unread> {
    let mut deserializer = serde_json::Deserializer::from_str(token);
    let value = deserializer.deserialize_any(visitor).map_err(|_| Unread)?;
    deserializer.end().map_err(|_| Unread)?;
    Ok(value)
}

impl<'a> Deserializer<'a> for &mut Json<'a> {
    type Error = Unread;

    fn deserialize_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unread> {
        match self.next()? {
            b'"' => self.string(visitor),
            b'{' => self.inside(b'}', |map| visitor.visit_map(map)),
            b'[' => self.inside(b']', |list| visitor.visit_seq(list)),
            _ => self.scalar(visitor),
        }
    }

    fn deserialize_option<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unread> {
        if self.next()? == b'n' { self.scalar(visitor) } else { visitor.visit_some(self) }
    }

    fn deserialize_ignored_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unread> {
        self.token()?;
        visitor.visit_unit()
    }

    /// The key of a map, which is known to be a string.
    fn deserialize_identifier<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Unread> {
        if self.byte()? == b'"' { self.string(visitor) } else { Err(Unread) }
    }

    /// Only [`AsWritten`] is one, and `RawValue`, which `serde_json` makes of what it finds.
    fn deserialize_newtype_struct<V: Visitor<'a>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Unread> {
        if name == AS_WRITTEN {
            return visitor.visit_borrowed_str(self.token()?);
        }
        let mut deserializer = serde_json::Deserializer::from_str(self.token()?);
        deserializer.deserialize_newtype_struct(name, visitor).map_err(|_| Unread)
    }

    forward_to_deserialize_any! {
        <W: Visitor<'a>>
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct enum
    }
}

/// A value as it stands there, which nobody has looked into.
#[derive(Clone, Copy, Debug)]
pub(super) struct AsWritten<'a>(pub(super) &'a str);

/// By this name it is asked for.
const AS_WRITTEN: &str = "AsWritten";

impl<'de: 'a, 'a> Deserialize<'de> for AsWritten<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AsWrittenVisitor;
        impl<'de> Visitor<'de> for AsWrittenVisitor {
            type Value = AsWritten<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a value")
            }

            fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<Self::Value, E> {
                Ok(AsWritten(value))
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(
                self,
                deserializer: D,
            ) -> Result<Self::Value, D::Error> {
                <&RawValue>::deserialize(deserializer).map(|value| AsWritten(value.get()))
            }
        }
        deserializer.deserialize_newtype_struct(AS_WRITTEN, AsWrittenVisitor)
    }
}

/// Reads the entries of a list or map.
struct Inside<'j, 'a> {
    json: &'j mut Json<'a>,
    end: u8,
    is_begun: bool,
}

impl Inside<'_, '_> {
    /// Whether another entry follows; if so, it comes next.
    fn goes_on(&mut self) -> Result<bool, Unread> {
        let byte = self.json.next()?;
        if byte == self.end {
            return Ok(false);
        }
        if std::mem::replace(&mut self.is_begun, true) {
            if byte != b',' {
                return Err(Unread);
            }
            self.json.at += 1;
        }
        Ok(true)
    }
}

impl<'a> SeqAccess<'a> for &mut Inside<'_, 'a> {
    type Error = Unread;

    fn next_element_seed<T: DeserializeSeed<'a>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Unread> {
        if self.goes_on()? { seed.deserialize(&mut *self.json).map(Some) } else { Ok(None) }
    }
}

impl<'a> MapAccess<'a> for &mut Inside<'_, 'a> {
    type Error = Unread;

    fn next_key_seed<K: DeserializeSeed<'a>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Unread> {
        if !self.goes_on()? {
            return Ok(None);
        }
        if self.json.next()? != b'"' {
            return Err(Unread);
        }
        seed.deserialize(&mut *self.json).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'a>>(&mut self, seed: V) -> Result<V::Value, Unread> {
        self.json.expect(b':')?;
        seed.deserialize(&mut *self.json)
    }
}

#[cfg(test)]
mod tests;
