//! The one reader of the wall clock.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::facts::time::UnixNanos;

/// Nanoseconds since the Unix epoch; it may step back when the clock is set.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the place where the clock is read")]
pub fn now() -> UnixNanos {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    UnixNanos(i64::try_from(since.as_nanos()).unwrap_or(i64::MAX))
}
