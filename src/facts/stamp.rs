//! Trace contexts on objects.

pub use crate::context::{Stamp, TraceContext};
