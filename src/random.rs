//! The one place where chance is drawn: of waits, so that clients that lost the same server do not all
//! return at once, and of keys, from which ids of traces are made that begin here.

use std::hash::{BuildHasher as _, RandomState};

/// A number from `[0, 1)`: many exporters that lost the same server shall not return at once.
#[must_use]
pub fn jitter() -> f64 {
    let bytes = RandomState::new().hash_one(()).to_le_bytes();
    let [a, b, c, d, ..] = bytes;
    f64::from(u32::from_le_bytes([a, b, c, d])) / (f64::from(u32::MAX) + 1.0)
}

/// A key that nobody can guess who does not see this process: from the seeds that `std` draws for
/// its hash maps.
#[must_use]
pub fn key() -> [u8; 32] {
    let mut seed = blake3::Hasher::new();
    for n in 0_u8..16 {
        seed.update(&RandomState::new().hash_one(n).to_le_bytes());
    }
    *seed.finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jitter_is_a_part_of_one() {
        for _ in 0..1_000 {
            let jitter = jitter();
            assert!((0.0..1.0).contains(&jitter), "{jitter}");
        }
    }
}
