//! Trace contexts that others left on an object: W3C Trace Context Level 2, and where to look.

mod baggage;
mod rules;
mod stamps;
mod traceparent;
mod tracestate;

pub use baggage::{Baggage, BaggageError, baggage};
pub use rules::{Format, Place, Rule, RuleError, Rules};
pub use stamps::{Carrier, Flaw, Refused, Stamps};
pub use traceparent::{TraceparentError, traceparent};
pub use tracestate::{TracestateError, tracestate};
