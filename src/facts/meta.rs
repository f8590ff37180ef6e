//! What every object has: its identity, its owner, who wrote it, and whether it is going.

use std::fmt;
use std::num::NonZeroU128;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::fixed::Fixed;
use super::kind::Kind;
use super::time::UnixNanos;

/// `metadata.uid`: the identity of an object. The API server draws UUIDs, nothing else; the nil UUID
/// is none. It is stored as its sixteen bytes.
///
/// It is packed, for else it would have everything that holds one padded to sixteen bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "Fixed<16>", try_from = "Fixed<16>")]
#[repr(Rust, packed(8))]
pub struct Uid(NonZeroU128);

impl Uid {
    /// The least there is: of what is no object of a cluster.
    pub const LEAST: Self = Self(NonZeroU128::MIN);

    /// The greatest there is.
    pub const MOST: Self = Self(NonZeroU128::MAX);

    /// That of this number; zero is none.
    #[must_use]
    pub const fn new(number: u128) -> Option<Self> {
        match NonZeroU128::new(number) {
            Some(number) => Some(Self(number)),
            None => None,
        }
    }

    /// The number that it is.
    #[must_use]
    pub const fn number(self) -> u128 {
        let Self(number) = self;
        number.get()
    }
}

impl From<Uid> for [u8; 16] {
    fn from(uid: Uid) -> Self {
        uid.number().to_be_bytes()
    }
}

impl From<Uid> for Fixed<16> {
    fn from(uid: Uid) -> Self {
        Self(uid.into())
    }
}

impl TryFrom<Fixed<16>> for Uid {
    type Error = NotAUuid;

    fn try_from(bytes: Fixed<16>) -> Result<Self, NotAUuid> {
        bytes.0.try_into()
    }
}

impl TryFrom<[u8; 16]> for Uid {
    type Error = NotAUuid;

    fn try_from(bytes: [u8; 16]) -> Result<Self, NotAUuid> {
        Self::new(u128::from_be_bytes(bytes)).ok_or(NotAUuid)
    }
}

/// What was read is not a UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a UUID, or the nil one")]
pub struct NotAUuid;

impl FromStr for Uid {
    type Err = NotAUuid;

    fn from_str(text: &str) -> Result<Self, NotAUuid> {
        let bytes: &[u8; 36] = text.as_bytes().try_into().map_err(|_| NotAUuid)?;
        let n_digits: u8 = bytes.iter().map(|byte| u8::from(byte.is_ascii_hexdigit())).sum();
        let is_dash = |at: usize| bytes.get(at) == Some(&b'-');
        if n_digits != 32 || ![8, 13, 18, 23].into_iter().all(is_dash) {
            return Err(NotAUuid);
        }
        // Every object is known by one and names others: four digits are read at a time.
        let fours = [0, 4, 9, 14, 19, 24, 28, 32].into_iter().filter_map(|at| bytes.get(at..));
        let fours = fours.filter_map(<[u8]>::first_chunk);
        let number = fours.fold(0, |number, digits| (number << 16) | u128::from(four(*digits)));
        Self::new(number).ok_or(NotAUuid)
    }
}

/// The number that four hexadecimal digits are.
fn four(digits: [u8; 4]) -> u32 {
    let text = u32::from_be_bytes(digits);
    // Only letters have this bit; they count from ten on.
    let letters = (text >> 6) & 0x0101_0101;
    let nibbles = (text & 0x0f0f_0f0f) + 9 * letters;
    let bytes = (nibbles | (nibbles >> 4)) & 0x00ff_00ff;
    (bytes | (bytes >> 8)) & 0xffff
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It stands on every span, as a rule twice: so it is written without any formatting.
        let hex = |digit: u8| if digit < 10 { b'0' + digit } else { b'a' + digit - 10 };
        let mut text = [b'-'; 36];
        let mut places = text.iter_mut();
        for (n, byte) in self.number().to_be_bytes().into_iter().enumerate() {
            if matches!(n, 4 | 6 | 8 | 10) {
                places.next();
            }
            for (digit, place) in [byte >> 4, byte & 0xf].into_iter().zip(places.by_ref()) {
                *place = hex(digit);
            }
        }
        f.write_str(str::from_utf8(&text).unwrap_or_default())
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The controller owner of an object (`ownerReferences[controller=true]`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Owner {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: Box<str>,
    /// Its uid.
    pub uid: Uid,
}

/// `metadata.deletionTimestamp` and what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Deletion {
    /// `deletionTimestamp`; of a gracefully deleted Pod the end of its grace, in the future.
    pub at: UnixNanos,
    /// `deletionGracePeriodSeconds`; 0 where absent.
    pub grace_seconds: i64,
    /// Finalizers that are still to be removed.
    pub finalizers: Box<[Box<str>]>,
}

/// One writer of an object, from `metadata.managedFields`, status writers excepted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Writer {
    /// `manager`.
    pub manager: Box<str>,
    /// `subresource`; `None` for the object itself.
    pub subresource: Option<Box<str>>,
    /// `time`; `scale` entries have none.
    pub time: Option<UnixNanos>,
}

/// Whether it may be the name of a namespace, or any other one that may stand in the path of a request
/// (RFC 1123 label).
#[must_use]
pub fn is_label(text: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty()
        && text.len() <= 63
        && text.bytes().all(is_inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// What every snapshot has of `metadata`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Meta {
    /// `uid`.
    pub uid: Uid,
    /// `namespace`; objects of the cluster have none.
    pub namespace: Option<Arc<str>>,
    /// `name`.
    pub name: Box<str>,
    /// `resourceVersion` as the number it is (KEP-5504).
    pub resource_version: u64,
    /// `generation`, counted from 1, where the kind has one.
    pub generation: Option<i64>,
    /// `creationTimestamp`, whole seconds.
    pub created: UnixNanos,
    /// Set once deletion was asked for.
    pub deletion: Option<Box<Deletion>>,
    /// The controller owner.
    pub owner: Option<Owner>,
    /// `service.name` by the semantic-convention rule, if the object says one: annotation
    /// `resource.opentelemetry.io/service.name`, label `app.kubernetes.io/instance`, then
    /// `app.kubernetes.io/name`.
    pub service: Option<Box<str>>,
    /// The newest time in `managedFields` of any writer, status included: the object was
    /// written no earlier.
    pub written: Option<UnixNanos>,
}

impl Meta {
    /// What numbers a write of its spec: the generation, or, where its kind has none, the
    /// resourceVersion.
    #[must_use]
    pub fn write_number(&self) -> u64 {
        self.generation.map_or(self.resource_version, i64::unsigned_abs)
    }
}

/// A condition of a status.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Condition {
    /// `status` is `True`.
    pub is_true: bool,
    /// `lastTransitionTime`.
    pub changed: Option<UnixNanos>,
    /// `lastUpdateTime`, where the kind has it.
    pub updated: Option<UnixNanos>,
    /// `reason`.
    pub reason: Box<str>,
    /// `message`, at most 1 KiB.
    pub message: Box<str>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_is_a_uuid_and_reads_back_as_written() {
        let text = "d306cd69-2d2c-4dc9-881f-db7d756a03e0";
        assert_eq!(text.parse::<Uid>().unwrap().to_string(), text);
        let nil = "00000000-0000-0000-0000-000000000000";
        assert_eq!(text.to_uppercase().parse::<Uid>().unwrap().to_string(), text);
        let all = "01234567-89ab-cdef-fedc-ba9876543210";
        assert_eq!(all.parse::<Uid>().unwrap().number(), 0x0123_4567_89ab_cdef_fedc_ba98_7654_3210);
        for wrong in ["", "d306cd69", "d306cd69-2d2c-4dc9-881f-db7d756a03e", "é", nil] {
            assert_eq!(wrong.parse::<Uid>(), Err(NotAUuid), "{wrong}");
        }
        for other in ["-", "g", "G", "/", ":", "@", "`", "\u{7f}"] {
            for at in 0..text.len() {
                let mut spoilt = text.to_owned();
                spoilt.replace_range(at..=at, other);
                let is_same = spoilt == text;
                assert_eq!(spoilt.parse::<Uid>().is_ok(), is_same, "{spoilt}");
            }
        }
        assert_eq!(format!("{text}0").parse::<Uid>(), Err(NotAUuid));
        assert_eq!("d306cd692d2c4dc9881fdb7d756a03e0".parse::<Uid>(), Err(NotAUuid));
    }
}
