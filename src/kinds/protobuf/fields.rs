//! What fields are read as.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::de::IgnoredAny;

use super::{Cursor, Value};
use crate::facts::time::UnixNanos;
use crate::kinds::json::Unread;
use crate::kinds::read::{self, Count, Few, LenientText, Text, Time, Word};

/// What a field is read as.
pub(crate) trait Field<'a>: Default {
    /// Takes in what it says; what is there several times says it several times.
    fn hear(&mut self, said: Value<'a>) -> Result<(), Unread>;
}

/// Says by which numbers the fields of a message are written; after them those of a message in it whose
/// fields JSON has among its own.
macro_rules! message {
    (<$life:lifetime> $name:ty {
        $($number:literal $field:tt),* $(,)?
        $(; $inline:literal { $($below:literal $of:tt),* })?
    }) => {
        impl<$life> $crate::kinds::protobuf::Message<$life> for $name {
            // In the loop over the fields it has what they say at hand.
            #[inline]
            fn take(
                &mut self,
                number: u64,
                said: $crate::kinds::protobuf::Value<$life>,
            ) -> Result<(), $crate::kinds::Unread> {
                match number {
                    $($number => $crate::kinds::protobuf::Field::hear(&mut self.$field, said),)*
                    $($inline => {
                        let inline = $crate::kinds::protobuf::Cursor(said.bytes()?);
                        inline.each(|number, said| match number {
                            $($below => {
                                $crate::kinds::protobuf::Field::hear(&mut self.$of, said)
                            })*
                            _ => Ok(()),
                        })
                    })?
                    _ => Ok(()),
                }
            }
        }

        impl<$life> $crate::kinds::protobuf::Field<$life> for $name {
            fn hear(
                &mut self,
                said: $crate::kinds::protobuf::Value<$life>,
            ) -> Result<(), $crate::kinds::Unread> {
                let message = $crate::kinds::protobuf::Cursor(said.bytes()?);
                message.each(|number, said| {
                    $crate::kinds::protobuf::Message::take(self, number, said)
                })
            }
        }
    };
}
pub(crate) use message;

/// The key of an entry of a map, and what stands there.
pub(crate) fn entry<'a>(said: Value<'a>) -> Result<(&'a str, Value<'a>), Unread> {
    let (mut key, mut value) = ("", Value::Bytes(&[]));
    Cursor(said.bytes()?).each(|number, said| {
        match number {
            1 => key = said.text()?,
            2 => value = said,
            _ => {}
        }
        Ok(())
    })?;
    Ok((key, value))
}

impl<'a, T: Field<'a>> Field<'a> for Option<T> {
    fn hear(&mut self, said: Value<'a>) -> Result<(), Unread> {
        self.get_or_insert_default().hear(said)
    }
}

impl<'a, T: Field<'a>> Field<'a> for Box<T> {
    fn hear(&mut self, said: Value<'a>) -> Result<(), Unread> {
        (**self).hear(said)
    }
}

impl<'a, T: Field<'a>, const N: usize> Field<'a> for Few<T, N> {
    fn hear(&mut self, said: Value<'a>) -> Result<(), Unread> {
        if self.0.len() == N {
            return Ok(());
        }
        self.push(T::default());
        self.0.last_mut().map_or(Ok(()), |item| item.hear(said))
    }
}

impl<'a> Field<'a> for Text<'a> {
    fn hear(&mut self, said: Value<'a>) -> Result<(), Unread> {
        self.0 = Cow::Borrowed(said.text()?);
        Ok(())
    }
}

impl<'a> Field<'a> for Word<'a> {
    fn hear(&mut self, said: Value<'a>) -> Result<(), Unread> {
        self.0 = Cow::Borrowed(said.bytes()?);
        Ok(())
    }
}

impl<'a> Field<'a> for LenientText<'a> {
    fn hear(&mut self, said: Value<'a>) -> Result<(), Unread> {
        self.0 = Some(Cow::Borrowed(said.text()?));
        Ok(())
    }
}

impl<'a> Field<'a> for read::Message {
    fn hear(&mut self, said: Value<'a>) -> Result<(), Unread> {
        self.0 = read::message(said.text()?);
        Ok(())
    }
}

impl<'a> Field<'a> for &'a str {
    fn hear(&mut self, said: Value<'a>) -> Result<(), Unread> {
        *self = said.text()?;
        Ok(())
    }
}

impl<'a> Field<'a> for String {
    fn hear(&mut self, said: Value<'a>) -> Result<(), Unread> {
        said.text()?.clone_into(self);
        Ok(())
    }
}

impl<'a> Field<'a> for BTreeMap<String, String> {
    fn hear(&mut self, said: Value<'a>) -> Result<(), Unread> {
        let (key, value) = entry(said)?;
        self.insert(key.to_owned(), value.text()?.to_owned());
        Ok(())
    }
}

impl<'a> Field<'a> for Count {
    fn hear(&mut self, said: Value<'a>) -> Result<(), Unread> {
        self.0 = Some(said.number()?);
        Ok(())
    }
}

impl<'a> Field<'a> for u16 {
    fn hear(&mut self, said: Value<'a>) -> Result<(), Unread> {
        *self = said.number()?.try_into().map_err(|_| Unread)?;
        Ok(())
    }
}

impl<'a> Field<'a> for u64 {
    fn hear(&mut self, said: Value<'a>) -> Result<(), Unread> {
        *self = said.number()?.try_into().map_err(|_| Unread)?;
        Ok(())
    }
}

impl<'a> Field<'a> for bool {
    fn hear(&mut self, said: Value<'a>) -> Result<(), Unread> {
        *self = said.number()? != 0;
        Ok(())
    }
}

/// A message of which only whether it is there matters.
impl<'a> Field<'a> for IgnoredAny {
    fn hear(&mut self, said: Value<'a>) -> Result<(), Unread> {
        said.bytes().map(|_| ())
    }
}

/// Seconds and nanoseconds; one that says no seconds is absent.
impl<'a> Field<'a> for Time {
    fn hear(&mut self, said: Value<'a>) -> Result<(), Unread> {
        let bytes = said.bytes()?;
        // As a rule it is a whole second between 1978 and 2106, which takes five bytes.
        if let [0x08, a, b, c, d, e, 0x10, 0] = bytes
            && a & b & c & d & 0x80 != 0
            && e & 0x80 == 0
        {
            let seconds = [e, d, c, b, a].into_iter();
            let seconds = seconds.fold(0, |all, part| (all << 7) | i64::from(part & 0x7f));
            self.0 = Some(UnixNanos::from_seconds(seconds));
            return Ok(());
        }
        let (mut seconds, mut nanos) = (None, 0);
        Cursor(bytes).each(|number, said| {
            match number {
                1 => seconds = Some(said.number()?),
                2 => nanos = said.number()?,
                _ => {}
            }
            Ok(())
        })?;
        self.0 = seconds
            .map(|seconds| UnixNanos(seconds.saturating_mul(1_000_000_000).saturating_add(nanos)));
        Ok(())
    }
}
