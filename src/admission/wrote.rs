//! What tells a stamp that the webhook wrote from those of others.
//!
//! It stands on the object: it outlives the process, holds for all processes alike, and where an
//! undo brings the annotations of an old revision back, it comes back with them.

use std::fmt;
use std::str::FromStr;

use crate::context::SpanId;

/// The annotation that names the span of the stamp beside it.
pub(super) const WROTE: &str = "stamp.lifespan.io/wrote";

/// The span of the stamp that the webhook wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wrote(pub(super) SpanId);

impl fmt::Display for Wrote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl FromStr for Wrote {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let number = u64::from_str_radix(text, 16).ok().filter(|_| text.len() == 16).ok_or(())?;
        Ok(Self(SpanId(number.to_be_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_nothing_else_is() {
        let wrote = Wrote(SpanId([0xb7; 8]));
        assert_eq!(wrote.to_string().parse(), Ok(wrote));
        for text in ["", "b7", "x7b7b7b7b7b7b7b7", "b7b7b7b7b7b7b7b7b7"] {
            assert_eq!(text.parse::<Wrote>(), Err(()), "{text}");
        }
    }
}
