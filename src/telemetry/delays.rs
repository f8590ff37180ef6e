//! How late spans are handed on; pure.

use crate::facts::time::Nanos;

/// How much later than they were due spans were handed on: a histogram.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delays {
    /// Batches of spans, by the first of [`Delays::BOUNDS_MS`] that they are not over.
    pub counts: [u64; 8],
    /// The sum of all delays, in microseconds.
    pub sum_micros: u64,
}

impl Delays {
    /// Upper bounds in milliseconds; what is over them is in the last count.
    pub const BOUNDS_MS: [u64; 7] = [1, 2, 5, 10, 50, 250, 1_000];

    /// Counts a batch that was handed on so late.
    pub fn add(&mut self, late: Nanos) {
        let micros = u64::try_from(late.0 / 1_000).unwrap_or(0);
        let at = Self::BOUNDS_MS.iter().position(|bound| micros <= bound * 1_000);
        if let Some(count) = self.counts.get_mut(at.unwrap_or(Self::BOUNDS_MS.len())) {
            *count += 1;
        }
        self.sum_micros += micros;
    }
}
