//! Trace contexts on objects: where to look for them, and how they are written.
//!
//! What is read is W3C Trace Context level 2, what is written is level 1 ([`to_traceparent`]), and
//! beside it the formats of others are read ([`Format`]). The module needs `serde_json` and
//! `percent-encoding` alone: a controller depends on it with
//!
//! ```toml
//! lifespan = { version = "0.1", default-features = false }
//! ```
//!
//! and no version of kube or k8s-openapi comes with it. Annotations are maps of texts, as all
//! clients have them.
//!
//! # The helpers of KEP-5915
//!
//! | KEP-5915 | here | |
//! |---|---|---|
//! | `InjectContext(ctx, obj)` | [`inject`] | before an object is created, or its spec changed |
//! | | [`inject_if_changed`] | the same for what is applied again and again |
//! | `ExtractContext(obj)` | [`extract`], [`extract_by`] | |
//! | `StartReconcileSpan(ctx, obj)` | [`reconcile_span`] | CONSUMER, a new root with links; `start` with the feature `opentelemetry` |
//! | counters | [`Count`], [`INJECTED_TOTAL`], [`EXTRACTED_TOTAL`] | |
//!
//! | what is written | inject? |
//! |---|---|
//! | an object is created | yes |
//! | its spec is changed because somebody or something decided so | yes, and what stood there is replaced: [`Injection::overwrites`] |
//! | the same is applied again | no, and what stands there is applied with it: [`inject_if_changed`] |
//! | its status, its finalizers, a heartbeat, an Event, a Lease | no |
//! | a Pod is bound to a node | no: the API has no place for it |
//! | its pod template | no: every change of it replaces all Pods |
//!
//! The span whose context is injected must be one that is recorded, else links lead nowhere; one
//! that begins only with the stamp is [`TraceContext::minted`], and [`TraceContext::unrecorded`] if
//! nobody sends its span.

mod annotations;
mod applied;
mod baggage;
mod count;
mod foreign;
mod ids;
#[cfg(feature = "opentelemetry")]
mod otel;
mod reconcile;
mod rule;
mod rules;
mod stamps;
mod trace_context;
mod traceparent;
mod tracestate;
mod write;

pub use annotations::{is_key, size, size_after};
pub use applied::inject_if_changed;
pub use baggage::{Baggage, BaggageError, baggage};
pub use count::{Count, EXTRACTED_TOTAL, INJECTED_TOTAL};
pub use ids::{SpanId, TraceId};
pub use reconcile::{ReconcileSpan, SpanKind, extract, extract_by, reconcile_span};
pub use rule::{Format, Place, Rule, RuleError};
pub use rules::Rules;
pub use stamps::{Carrier, Flaw, Refused, Stamps};
pub use trace_context::{Stamp, TraceContext, is_decided};
pub use traceparent::{TRACEPARENT, TraceparentError, traceparent};
pub use tracestate::{TRACESTATE, TracestateError, tracestate};
pub use write::{Changes, Injected, Injection, NotValid, inject, to_traceparent};

use rule::Part;
