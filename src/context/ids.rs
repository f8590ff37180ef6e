//! Ids of traces and spans.

use std::fmt;

/// 16 bytes that name a trace.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "binary", derive(serde::Serialize, serde::Deserialize))]
pub struct TraceId(pub [u8; 16]);

/// 8 bytes that name a span within its trace.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "binary", derive(serde::Serialize, serde::Deserialize))]
pub struct SpanId(pub [u8; 8]);

macro_rules! hex_display {
    ($($name:ident)*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    )*};
}
hex_display!(TraceId SpanId);
