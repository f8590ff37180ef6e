//! Trace contexts on objects.

use super::ids::{SpanId, TraceId};

/// A trace context found on an object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    /// Where it stood: an annotation key, `status.spanContext` or `env TRACEPARENT`.
    pub found: Box<str>,
    /// What it says.
    pub context: TraceContext,
    /// What comes of it is a part of that trace, and not merely linked to it.
    pub is_parent: bool,
    /// What stood beside it as baggage, of the keys that are allowed; sorted by key.
    pub baggage: Box<[(Box<str>, Box<str>)]>,
}

/// A W3C trace context, parsed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TraceContext {
    /// trace-id, never zero.
    pub trace_id: TraceId,
    /// parent-id, never zero.
    pub span_id: SpanId,
    /// trace-flags as sent.
    pub flags: u8,
    /// tracestate as sent, empty where absent or malformed.
    pub trace_state: Box<str>,
}
