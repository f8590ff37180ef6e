//! Trace contexts that others left on an object: W3C Trace Context Level 2, and where to look.

mod stamps;
mod traceparent;
mod tracestate;

pub use stamps::{Carrier, Place, Refused, Stamps};
pub use traceparent::{TraceparentError, traceparent};
pub use tracestate::{TracestateError, tracestate};
