//! How numbers are stored that have all their digits as a rule: times, uids, hashes. In the form of state
//! each digit of a number costs a step, and bytes are copied; they take as much room.

use std::fmt;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number as its bytes, the lowest first.
#[derive(Debug)]
pub(super) struct Fixed<const N: usize>(pub(super) [u8; N]);

impl<const N: usize> Serialize for Fixed<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Fixed<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = deserializer.deserialize_bytes(Bytes)?;
        let right = bytes.as_slice().try_into();
        right.map(Self).map_err(|_| D::Error::invalid_length(bytes.len(), &Bytes))
    }
}

/// Many numbers one after the other.
pub(super) mod many {
    use super::{Bytes, Deserializer, Error, Serializer};

    pub(in super::super) fn serialize<S: Serializer>(
        numbers: &[u64],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        let mut bytes = Vec::with_capacity(numbers.len() * 8);
        numbers.iter().for_each(|number| bytes.extend_from_slice(&number.to_le_bytes()));
        serializer.serialize_bytes(&bytes)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Box<[u64]>, D::Error> {
        let bytes = deserializer.deserialize_bytes(Bytes)?;
        let (numbers, rest) = bytes.as_chunks::<8>();
        if !rest.is_empty() {
            return Err(D::Error::invalid_length(bytes.len(), &"eight bytes for each number"));
        }
        Ok(numbers.iter().map(|number| u64::from_le_bytes(*number)).collect())
    }
}

/// Takes bytes as they are.
struct Bytes;

impl Visitor<'_> for Bytes {
    type Value = Vec<u8>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the bytes of a number")
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
        Ok(bytes.to_vec())
    }
}

#[cfg(test)]
mod tests {
    use crate::facts::meta::Uid;
    use crate::facts::time::UnixNanos;
    use crate::facts::workload::SpecHashes;

    #[test]
    fn numbers_read_back_as_written_and_bytes_of_another_length_are_none() {
        let numbers = (Uid::new(7).unwrap(), UnixNanos(-1));
        let spec = SpecHashes::from(vec![("a".into(), 1), ("b".into(), u64::MAX)]);
        let bytes = postcard::to_allocvec(&(numbers, &spec)).unwrap();
        assert_eq!(postcard::from_bytes(&bytes), Ok((numbers, spec)));
        for wrong in [&[7][..], &[8, 1], &[9, 0, 0, 0, 0, 0, 0, 0, 0, 0]] {
            assert!(postcard::from_bytes::<UnixNanos>(wrong).is_err(), "{wrong:?}");
            assert!(postcard::from_bytes::<Uid>(wrong).is_err(), "{wrong:?}");
        }
    }
}
