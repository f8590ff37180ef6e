//! Points and lengths of time, as numbers with a unit.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::fixed::Fixed;

/// A point in time: nanoseconds since the Unix epoch, UTC.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(into = "Fixed<8>", from = "Fixed<8>")]
pub struct UnixNanos(pub i64);

impl From<UnixNanos> for Fixed<8> {
    fn from(nanos: UnixNanos) -> Self {
        Self(nanos.0.to_le_bytes())
    }
}

impl From<Fixed<8>> for UnixNanos {
    fn from(bytes: Fixed<8>) -> Self {
        Self(i64::from_le_bytes(bytes.0))
    }
}

/// One second, in nanoseconds.
pub const SECOND: Nanos = Nanos(1_000_000_000);

/// A length of time in nanoseconds; negative only where two clocks disagree.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Nanos(pub i64);

impl UnixNanos {
    /// Before all that happens.
    pub const LEAST: Self = Self(i64::MIN);

    /// The point `seconds` after the epoch; saturates far outside of any real clock.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(SECOND.0))
    }

    /// Whole seconds since the epoch, rounded down.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(SECOND.0)
    }

    /// `self + by`, saturating.
    #[must_use]
    pub const fn plus(self, by: Nanos) -> Self {
        Self(self.0.saturating_add(by.0))
    }

    /// `self - by`, saturating.
    #[must_use]
    pub const fn minus(self, by: Nanos) -> Self {
        Self(self.0.saturating_sub(by.0))
    }

    /// The length from `earlier` to `self`, saturating; negative if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Nanos {
        Nanos(self.0.saturating_sub(earlier.0))
    }

    /// Nanoseconds since the epoch as OTLP writes them; a time before 1970 becomes 0.
    #[must_use]
    pub const fn unsigned(self) -> u64 {
        if self.0 < 0 { 0 } else { self.0.unsigned_abs() }
    }
}

impl Nanos {
    /// `seconds`, saturating.
    #[must_use]
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(SECOND.0))
    }

    /// Whole milliseconds, rounded towards zero.
    #[must_use]
    pub const fn millis(self) -> i64 {
        self.0 / 1_000_000
    }

    /// `self * n`, saturating.
    #[must_use]
    pub const fn times(self, n: i64) -> Self {
        Self(self.0.saturating_mul(n))
    }

    /// `self + other`, saturating.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for Nanos {
    /// Three significant parts at most: `15ms`, `1.34s`, `2m05s`, `1h02m`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = self.0 / 1_000_000;
        let s = ms / 1_000;
        match s.abs() {
            0 if ms == 0 && self.0 != 0 => write!(f, "{}µs", self.0 / 1_000),
            0 => write!(f, "{ms}ms"),
            1..10 => write!(f, "{s}.{:02}s", (ms % 1_000).abs() / 10),
            10..60 => write!(f, "{s}.{}s", (ms % 1_000).abs() / 100),
            60..3_600 => write!(f, "{}m{:02}s", s / 60, (s % 60).abs()),
            _ => write!(f, "{}h{:02}m", s / 3_600, (s % 3_600).abs() / 60),
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::facts::time::*;

    #[test]
    fn lengths_are_told_in_the_unit_that_fits() {
        let told = |ns: i64| Nanos(ns).to_string();
        assert_eq!(told(0), "0ms");
        assert_eq!(told(900), "0µs");
        assert_eq!(told(12_000), "12µs");
        assert_eq!(told(15_400_000), "15ms");
        assert_eq!(told(1_345_000_000), "1.34s");
        assert_eq!(told(10_960_000_000), "10.9s");
        assert_eq!(told(125_000_000_000), "2m05s");
        assert_eq!(told(3_720_000_000_000), "1h02m");
    }

    #[test]
    fn arithmetic_at_the_ends_saturates() {
        let far = UnixNanos(i64::MAX);
        assert_eq!(far.plus(SECOND), far);
        assert_eq!(UnixNanos(i64::MIN).since(far).0, i64::MIN);
        assert_eq!(UnixNanos::from_seconds(i64::MAX).0, i64::MAX);
    }
}
