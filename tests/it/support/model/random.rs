//! A small generator of numbers that look random and are the same for the same seed (SplitMix64).

/// One stream of numbers.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from `low` to below `high`.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        let width = u64::try_from(high - low).unwrap_or(1).max(1);
        low + i64::try_from(self.next() % width).unwrap_or(0)
    }

    /// A length of time in nanoseconds, from `low` to below `high` milliseconds.
    pub(crate) fn ms(&mut self, low: i64, high: i64) -> i64 {
        self.between(low * 1_000_000, high * 1_000_000)
    }

    /// True in `percent` of all cases.
    pub(crate) fn chance(&mut self, percent: i64) -> bool {
        self.between(0, 100) < percent
    }

    /// One of `choices`.
    pub(crate) fn pick<T: Copy>(&mut self, choices: &[T]) -> Option<T> {
        let at = self.between(0, i64::try_from(choices.len()).unwrap_or(0));
        choices.get(usize::try_from(at).unwrap_or(0)).copied()
    }

    /// A UUID as the API server draws them.
    pub(crate) fn uuid(&mut self) -> String {
        let (a, b) = (self.next(), self.next());
        format!(
            "{:08x}-{:04x}-4{:03x}-a{:03x}-{:012x}",
            a >> 32,
            (a >> 16) & 0xffff,
            a & 0xfff,
            (b >> 52) & 0xfff,
            b & 0xffff_ffff_ffff
        )
    }

    /// Five letters as the API server appends them to `generateName`.
    pub(crate) fn suffix(&mut self) -> String {
        let letters = b"bcdfghjklmnpqrstvwxz2456789";
        (0..5).map(|_| self.pick(letters).map_or('x', char::from)).collect()
    }

    /// A traceparent.
    pub(crate) fn traceparent(&mut self) -> String {
        format!("00-{:016x}{:016x}-{:016x}-01", self.next() | 1, self.next(), self.next() | 1)
    }
}
