//! Hashes that may be stored, and those of what is as good as a hash itself.

use std::hash::Hasher;

use siphasher::sip::SipHasher13;

/// A hasher whose values may be stored: SipHash 1-3, the same in every process and in every version
/// of the standard library, whose own hasher promises neither.
#[must_use]
pub fn stable_hasher() -> SipHasher13 {
    SipHasher13::new()
}

/// A hash of what is drawn, as uids are by the API server, or derived by a hash, as ids of spans are: nobody
/// chooses many of them that fall together, and a product spreads them over a map. It is not stored.
#[derive(Debug, Default)]
pub struct Drawn(u64);

impl Hasher for Drawn {
    fn write(&mut self, bytes: &[u8]) {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let (parts, _) = bytes.as_chunks::<8>();
        for part in parts {
            self.0 = (self.0 ^ u64::from_le_bytes(*part)).wrapping_mul(ODD).rotate_left(32);
        }
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}

/// Gathers what is hashed: the hash is that of a [`stable_hasher`], which takes much longer for many
/// small values than for all of them together.
#[derive(Debug, Default)]
pub struct Gathered(Vec<u8>);

impl Gathered {
    /// Nothing yet, with room for so many bytes.
    #[must_use]
    pub fn with_capacity(n_bytes: usize) -> Self {
        Self(Vec::with_capacity(n_bytes))
    }
}

impl Hasher for Gathered {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }

    fn finish(&self) -> u64 {
        let mut hasher = stable_hasher();
        hasher.write(&self.0);
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use std::hash::Hash;

    use super::*;

    #[test]
    fn what_is_gathered_has_the_hash_of_what_is_hashed_bit_by_bit() {
        let value = ("web", 7_u8, -1_i64, [1_u32, 2], Some(3_u128), vec![true], 'x', 9_usize);
        let (mut one_by_one, mut gathered) = (stable_hasher(), Gathered::default());
        value.hash(&mut one_by_one);
        value.hash(&mut gathered);
        assert_eq!(gathered.finish(), one_by_one.finish());
    }
}
