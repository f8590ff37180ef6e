//! The small types that objects are decoded through: borrowed, bounded, at ease with null.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor};

use super::rfc3339::rfc3339;
use crate::facts::time::UnixNanos;

/// How much of a message or reason is kept.
const MESSAGE_BYTES: usize = 1_024;

/// Visits scalars and lists for a default value.
macro_rules! lenient_rest {
    () => {
        fn visit_bool<E: serde::de::Error>(self, _: bool) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }

        fn visit_i64<E: serde::de::Error>(self, _: i64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }

        fn visit_u64<E: serde::de::Error>(self, _: u64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }

        fn visit_f64<E: serde::de::Error>(self, _: f64) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }

        fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }

        fn visit_seq<A: serde::de::SeqAccess<'de>>(
            self,
            mut list: A,
        ) -> Result<Self::Value, A::Error> {
            while list.next_element::<serde::de::IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
}
pub(super) use lenient_rest;

/// A string, borrowed where it has no escapes; null is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

impl Text<'_> {
    /// What it says, if it says anything.
    pub(super) fn said<T: for<'t> From<&'t str>>(&self) -> Option<T> {
        (!self.0.is_empty()).then(|| T::from(&self.0))
    }

    pub(super) fn boxed(self) -> Box<str> {
        match self.0 {
            Cow::Borrowed(text) => text.into(),
            Cow::Owned(text) => text.into_boxed_str(),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor;
        impl<'de> Visitor<'de> for TextVisitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_unit<E: Error>(self) -> Result<Text<'de>, E> {
                Ok(Text::default())
            }
        }
        deserializer.deserialize_any(TextVisitor)
    }
}

/// A string that is only compared with others, so that nobody need look whether it is UTF-8; null is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Word<'a>(pub(super) Cow<'a, [u8]>);

impl Word<'_> {
    /// Whether it is this one.
    pub(super) fn is(&self, text: &str) -> bool {
        *self.0 == *text.as_bytes()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Word<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Text::deserialize(deserializer)?.0 {
            Cow::Borrowed(text) => Self(Cow::Borrowed(text.as_bytes())),
            Cow::Owned(text) => Self(Cow::Owned(text.into_bytes())),
        })
    }
}

/// The value of a label or annotation: `None` for all that is no string, never an error.
#[derive(Debug, Default)]
pub(super) struct LenientText<'a>(pub(super) Option<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for LenientText<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LenientVisitor;
        impl<'de> Visitor<'de> for LenientVisitor {
            type Value = LenientText<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("anything")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(LenientText(Some(Cow::Borrowed(text))))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(LenientText(Some(Cow::Owned(text.to_owned()))))
            }

            lenient_rest!();

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                skip_map(map)?;
                Ok(LenientText::default())
            }
        }
        deserializer.deserialize_any(LenientVisitor)
    }
}

/// Passes over what is left of a map.
pub(super) fn skip_map<'de, A: MapAccess<'de>>(mut map: A) -> Result<(), A::Error> {
    while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
    Ok(())
}

/// At most 1 KiB of a string, cut between characters; null is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Message(pub(super) Box<str>);

/// What is kept of a message.
pub(super) fn message(text: &str) -> Box<str> {
    // Most say nothing.
    if text.is_empty() { Box::default() } else { start(text, MESSAGE_BYTES).into() }
}

/// The start of `text`: at most `n_bytes` of it, cut between characters.
pub(super) fn start(text: &str, n_bytes: usize) -> &str {
    // A character has at most four bytes.
    let ends = (n_bytes.saturating_sub(3)..=n_bytes).rev();
    if text.len() <= n_bytes {
        text
    } else {
        ends.filter_map(|end| text.get(..end)).next().unwrap_or_default()
    }
}

impl<'de> Deserialize<'de> for Message {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MessageVisitor;
        impl Visitor<'_> for MessageVisitor {
            type Value = Message;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Message, E> {
                Ok(Message(message(text)))
            }

            fn visit_unit<E: Error>(self) -> Result<Message, E> {
                Ok(Message::default())
            }
        }
        deserializer.deserialize_any(MessageVisitor)
    }
}

/// A whole number, or one in a string (Argo Rollouts writes those); null is absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count(pub(super) Option<i64>);

impl Count {
    pub(super) fn or_zero(self) -> i64 {
        self.0.unwrap_or_default()
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct CountVisitor;
        impl Visitor<'_> for CountVisitor {
            type Value = Count;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number")
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Count, E> {
                Ok(Count(Some(number)))
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Count, E> {
                Ok(Count(Some(i64::try_from(number).unwrap_or(i64::MAX))))
            }

            fn visit_f64<E: Error>(self, number: f64) -> Result<Count, E> {
                whole(number)
                    .map(|number| Count(Some(number)))
                    .ok_or_else(|| E::invalid_value(Unexpected::Float(number), &self))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Count, E> {
                match text.parse() {
                    Ok(number) => Ok(Count(Some(number))),
                    Err(_) if text.is_empty() => Ok(Count(None)),
                    Err(_) => Err(E::invalid_value(Unexpected::Str(text), &self)),
                }
            }

            fn visit_unit<E: Error>(self) -> Result<Count, E> {
                Ok(Count(None))
            }
        }
        deserializer.deserialize_any(CountVisitor)
    }
}

/// `number` as the integer that it is, if it is one: `3.0` and `3e0` are 3.
pub(super) fn whole(number: f64) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.abs() > EXACT || number.fract() != 0.0 {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, reason = "whole and below 2^53")]
    Some(number as i64)
}

/// An RFC 3339 time; null and the empty string are absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Time(pub(super) Option<UnixNanos>);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TimeVisitor;
        impl Visitor<'_> for TimeVisitor {
            type Value = Time;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an RFC 3339 time")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Time, E> {
                match rfc3339(text) {
                    None if !text.is_empty() => Err(E::invalid_value(Unexpected::Str(text), &self)),
                    at => Ok(Time(at)),
                }
            }

            fn visit_unit<E: Error>(self) -> Result<Time, E> {
                Ok(Time(None))
            }
        }
        deserializer.deserialize_any(TimeVisitor)
    }
}

/// The first `N` items of a list; null is empty. The rest is passed over.
#[derive(Debug)]
pub(super) struct Few<T, const N: usize>(pub(super) Vec<T>);

impl<T, const N: usize> Default for Few<T, N> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T, const N: usize> Few<T, N> {
    /// Adds one; the first makes room for as many as are in 1 KiB, which as a rule is for all.
    pub(super) fn push(&mut self, item: T) {
        if self.0.capacity() == 0 {
            self.0.reserve_exact((1_024 / size_of::<T>().max(1)).clamp(1, N));
        }
        self.0.push(item);
    }
}

impl<'de, T: Deserialize<'de>, const N: usize> Deserialize<'de> for Few<T, N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FewVisitor<T, const N: usize>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>, const N: usize> Visitor<'de> for FewVisitor<T, N> {
            type Value = Few<T, N>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Few<T, N>, A::Error> {
                let mut few = Few::default();
                while few.0.len() < N {
                    let Some(item) = list.next_element()? else { return Ok(few) };
                    few.push(item);
                }
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(few)
            }

            fn visit_unit<E: Error>(self) -> Result<Few<T, N>, E> {
                Ok(Few::default())
            }
        }
        deserializer.deserialize_any(FewVisitor(PhantomData))
    }
}
