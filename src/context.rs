//! Trace contexts on objects: W3C Trace Context Level 2, where to look for it, and how it is written.
//!
//! For controllers there are [`inject`], [`extract`] and [`reconcile_span`], which work on the
//! annotations of any object of kube-rs.

mod baggage;
mod reconcile;
mod rules;
mod stamps;
mod traceparent;
mod tracestate;
mod write;

pub use baggage::{Baggage, BaggageError, baggage};
pub use reconcile::{ReconcileSpan, SpanKind, extract, extract_by, reconcile_span};
pub use rules::{Format, Place, Rule, RuleError, Rules};
pub use stamps::{Carrier, Flaw, Refused, Stamps};
pub use traceparent::{TraceparentError, traceparent};
pub use tracestate::{TracestateError, tracestate};
pub use write::{Injected, Injection, child, inject, minted, to_traceparent};
