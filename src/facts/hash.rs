//! Hashes that may be stored.

use siphasher::sip::SipHasher13;

/// A hasher whose values may be stored: SipHash 1-3, the same in every process and in every version
/// of the standard library, whose own hasher promises neither.
#[must_use]
pub fn stable_hasher() -> SipHasher13 {
    SipHasher13::new()
}
