//! What is stored, as records: a key, and bytes that say themselves whether they are whole.
//!
//! The bytes are [postcard]'s, which is compact, does without names of fields, and is specified; a
//! checksum over key and bytes stands before them, so that damage is never read as something else.

use std::collections::BTreeMap;
use std::hash::Hasher as _;
use std::mem;
use std::ops::RangeInclusive;

use postcard::ser_flavors::Flavor;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::facts::hash::stable_hasher;
use crate::facts::meta::Uid;
use crate::lifecycle::shared::{Shared, Shares};

/// The key of a record and its value; `None` where it is no more.
pub type Record = (Vec<u8>, Option<Vec<u8>>);

/// What a record is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// What is of no tree.
    Head,
    /// The tree of this topmost object.
    Tree(Uid),
    /// The past of some trees, by its number.
    Past(u64),
    /// What they were then.
    Base(u64),
    /// A change that they were told since, by its number.
    Told(u64),
    /// What arrived between two commits, by its number.
    Arrived(u64),
    /// The paths of specs of one shape, by its number.
    Shape(u64),
    /// What waits for this owner.
    Orphans(Uid),
    /// PersistentVolumeClaims that are waited for.
    Claims,
    /// How traces were sampled of which something is still to come.
    Sampled,
    /// What nobody heard.
    Unheard,
    /// The namespaces that are left out; none where there is no such record.
    Excluded,
}

impl Key {
    /// The bytes that it is stored under: a letter and a number.
    #[must_use]
    pub fn bytes(self) -> Vec<u8> {
        let (sort, rest): (u8, Vec<u8>) = match self {
            Self::Head => (b'h', Vec::new()),
            Self::Tree(uid) => (b't', <[u8; 16]>::from(uid).to_vec()),
            Self::Past(number) => (b'p', number.to_be_bytes().to_vec()),
            Self::Base(number) => (b'b', number.to_be_bytes().to_vec()),
            Self::Told(number) => (b'c', number.to_be_bytes().to_vec()),
            Self::Arrived(number) => (b'a', number.to_be_bytes().to_vec()),
            Self::Shape(number) => (b'n', number.to_be_bytes().to_vec()),
            Self::Orphans(uid) => (b'o', <[u8; 16]>::from(uid).to_vec()),
            Self::Claims => (b'v', Vec::new()),
            Self::Sampled => (b's', Vec::new()),
            Self::Unheard => (b'u', Vec::new()),
            Self::Excluded => (b'x', Vec::new()),
        };
        [vec![sort], rest].concat()
    }

    /// The key of these bytes; `None` where they are none.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let (sort, rest) = bytes.split_first()?;
        let number = || rest.try_into().ok().map(u64::from_be_bytes);
        let uid = || Uid::try_from(<[u8; 16]>::try_from(rest).ok()?).ok();
        match sort {
            b'h' => Some(Self::Head),
            b't' => uid().map(Self::Tree),
            b'p' => number().map(Self::Past),
            b'b' => number().map(Self::Base),
            b'c' => number().map(Self::Told),
            b'a' => number().map(Self::Arrived),
            b'n' => number().map(Self::Shape),
            b'o' => uid().map(Self::Orphans),
            b'v' => Some(Self::Claims),
            b's' => Some(Self::Sampled),
            b'u' => Some(Self::Unheard),
            b'x' => Some(Self::Excluded),
            _ => None,
        }
    }
}

/// Records that are written.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) records: Vec<Record>,
    /// Where a value is written before its length is known.
    scratch: Vec<u8>,
}

impl Written {
    /// Writes a value, or that there is none any more.
    pub(super) fn put<T: Serialize>(&mut self, key: Key, value: Option<&T>) {
        let key = key.bytes();
        let value = value.map(|value| {
            let mut scratch = mem::take(&mut self.scratch);
            scratch.clear();
            // Values of known length can always be written; what could not would be read as damaged.
            self.scratch =
                postcard::serialize_with_flavor(value, Appended(scratch)).unwrap_or_default();
            [&checksum(&key, &self.scratch)[..], &self.scratch].concat()
        });
        self.records.push((key, value));
    }
}

/// Bytes that a value is written behind, texts as a whole: postcard's own way to write behind bytes takes
/// them one by one.
struct Appended(Vec<u8>);

impl Flavor for Appended {
    type Output = Vec<u8>;

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    #[inline]
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<Self::Output> {
        Ok(self.0)
    }
}

/// Records that are read.
#[derive(Debug, Default)]
pub(super) struct Read {
    by_key: BTreeMap<Key, Vec<u8>>,
    /// Keys that are none.
    strange: Vec<Vec<u8>>,
    /// Records that were taken and are not whole.
    damaged: Vec<Key>,
}

impl Read {
    /// All of these.
    pub(super) fn new(records: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>) -> Self {
        let mut read = Self::default();
        for (key, value) in records {
            match Key::read(&key) {
                Some(known) => drop(read.by_key.insert(known, value)),
                None => read.strange.push(key),
            }
        }
        read
    }

    /// Takes the value of a record that is there and whole.
    pub(super) fn take<T: DeserializeOwned>(&mut self, key: Key) -> Option<T> {
        let bytes = self.by_key.remove(&key)?;
        let value = decode(key, &bytes);
        if value.is_none() {
            self.damaged.push(key);
        }
        value
    }

    /// Takes a value with all that it has in common with others; without that it is not whole.
    pub(super) fn take_shared<T: DeserializeOwned + Shares>(
        &mut self,
        key: Key,
        shared: &mut Shared,
    ) -> Option<T> {
        let mut value: T = self.take(key)?;
        value.share(shared);
        if shared.shapes.take_unknown() > 0 {
            self.damaged.push(key);
            return None;
        }
        Some(value)
    }

    /// The keys of what could not be read.
    pub(super) fn useless(self) -> Vec<Vec<u8>> {
        let damaged = self.damaged.into_iter().map(Key::bytes);
        self.strange.into_iter().chain(damaged).collect()
    }

    /// The keys within.
    pub(super) fn keys(&self, within: RangeInclusive<Key>) -> Vec<Key> {
        self.by_key.range(within).map(|(key, _)| *key).collect()
    }
}

fn decode<T: DeserializeOwned>(key: Key, bytes: &[u8]) -> Option<T> {
    let (sum, bytes) = bytes.split_at_checked(8)?;
    let is_whole = sum == checksum(&key.bytes(), bytes);
    let (value, rest) = is_whole.then(|| postcard::take_from_bytes(bytes).ok()).flatten()?;
    rest.is_empty().then_some(value)
}

/// It tells damage, and no more: a hash that nobody can forge takes much longer for so few bytes.
fn checksum(key: &[u8], bytes: &[u8]) -> [u8; 8] {
    let mut sum = stable_hasher();
    sum.write(key);
    sum.write(bytes);
    sum.finish().to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_as_written_and_nothing_else_is_one() {
        let uid = Uid::new(7).unwrap();
        let keys = [
            Key::Head,
            Key::Tree(uid),
            Key::Past(1),
            Key::Base(2),
            Key::Told(u64::MAX),
            Key::Arrived(3),
            Key::Shape(4),
            Key::Orphans(uid),
            Key::Claims,
            Key::Sampled,
            Key::Unheard,
            Key::Excluded,
        ];
        for key in keys {
            assert_eq!(Key::read(&key.bytes()), Some(key));
        }
        for strange in [&b""[..], b"t", b"y1234567", b"p1234567890", &[b't'; 17]] {
            let key = Key::read(strange);
            assert!(key.is_none_or(|key| key.bytes() == strange), "{strange:?}: {key:?}");
        }
    }

    #[test]
    fn a_value_with_a_bit_of_it_flipped_or_under_another_key_is_damaged() {
        let mut written = Written::default();
        written.put(Key::Past(1), Some(&("a text", 7_u64)));
        let (_, bytes) = written.records.pop().unwrap();
        let bytes = bytes.unwrap();
        let read = |key, bytes: &[u8]| decode::<(String, u64)>(key, bytes);
        assert_eq!(read(Key::Past(1), &bytes), Some(("a text".to_owned(), 7)));
        assert_eq!(read(Key::Past(2), &bytes), None);
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                *flipped.get_mut(at).unwrap() ^= 1 << bit;
                assert_eq!(read(Key::Past(1), &flipped), None, "byte {at}, bit {bit}");
            }
            assert_eq!(read(Key::Past(1), bytes.get(..at).unwrap()), None, "cut at {at}");
        }
    }
}
