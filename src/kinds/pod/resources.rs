//! CPU and memory of a container, as they are asked for and as they are given.

use std::hash::Hasher;

use serde::Deserialize;

use crate::kinds::json::Unread;
use crate::kinds::protobuf::{Cursor, Field, Value, entry, message};
use crate::kinds::read::Text;

/// What of its resources may be written in place.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Resources<'a> {
    #[serde(borrow)]
    requests: Option<Amounts<'a>>,
    #[serde(borrow)]
    limits: Option<Amounts<'a>>,
}

#[derive(Default, PartialEq, Deserialize)]
#[serde(default)]
struct Amounts<'a> {
    #[serde(borrow)]
    cpu: Text<'a>,
    #[serde(borrow)]
    memory: Text<'a>,
}

message!(<'a> Resources<'a> { 1 limits, 2 requests });

/// An entry of a map, whose value is a message of its own.
impl<'a> Field<'a> for Amounts<'a> {
    fn hear(&mut self, said: Value<'a>) -> Result<(), Unread> {
        let (key, amount) = entry(said)?;
        let slot = match key {
            "cpu" => &mut self.cpu,
            "memory" => &mut self.memory,
            _ => return Ok(()),
        };
        Cursor(amount.bytes()?).each(|number, said| match number {
            1 => slot.hear(said),
            _ => Ok(()),
        })
    }
}

impl Resources<'_> {
    /// Writes all of them, so that others are written as something else.
    pub(super) fn write_to(&self, hasher: &mut impl Hasher) {
        for amounts in [&self.requests, &self.limits] {
            for text in amounts.iter().flat_map(|it| [&it.cpu, &it.memory]) {
                hasher.write(text.0.as_bytes());
                hasher.write_u8(0);
            }
            hasher.write_u8(1);
        }
    }

    /// Whether what is asked for is given; what is not said is nothing.
    pub(super) fn are_same(asked: &Option<Self>, given: &Option<Self>) -> bool {
        let none = Self::default();
        let (asked, given) = (asked.as_ref().unwrap_or(&none), given.as_ref().unwrap_or(&none));
        let none = Amounts::default();
        let same = |asked: &Option<Amounts<'_>>, given: &Option<Amounts<'_>>| {
            asked.as_ref().unwrap_or(&none) == given.as_ref().unwrap_or(&none)
        };
        same(&asked.requests, &given.requests) && same(&asked.limits, &given.limits)
    }
}
