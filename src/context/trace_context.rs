//! A trace context, and one that stood on an object.

use super::ids::{SpanId, TraceId};

/// W3C trace flag: somebody records the trace.
pub(super) const SAMPLED: u8 = 0x01;

/// W3C trace flag of level 2: the trace id is random.
const RANDOM: u8 = 0x02;

/// The `tracestate` of a trace that begins with a stamp and that nobody records.
const UNRECORDED: &str = "lifespan=unrecorded";

/// A W3C trace context, parsed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "binary", derive(serde::Serialize, serde::Deserialize))]
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

/// A trace context found on an object.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "binary", derive(serde::Serialize, serde::Deserialize))]
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

impl TraceContext {
    /// A trace that begins here, from bytes that nobody can guess: sampled, its id random.
    ///
    /// ```
    /// # let random = [7; 32];
    /// let root = lifespan::context::TraceContext::minted(&random);
    /// let child = root.child(&random);
    /// assert_eq!(child.trace_id, root.trace_id);
    /// ```
    #[must_use]
    pub fn minted(random: &[u8; 32]) -> Self {
        let mut trace_id = [0; 16];
        trace_id.iter_mut().zip(random).for_each(|(to, from)| *to = *from);
        // All zeros is no id.
        if trace_id == [0; 16] {
            trace_id = [1; 16];
        }
        let root = Self {
            trace_id: TraceId(trace_id),
            span_id: SpanId([1; 8]),
            flags: SAMPLED | RANDOM,
            trace_state: Box::default(),
        };
        root.child(random)
    }

    /// A new span in the same trace, from bytes that nobody can guess.
    #[must_use]
    pub fn child(&self, random: &[u8; 32]) -> Self {
        let mut span_id = [0; 8];
        span_id.iter_mut().zip(random.iter().skip(16)).for_each(|(to, from)| *to = *from);
        if span_id == [0; 8] {
            span_id = [1; 8];
        }
        Self { span_id: SpanId(span_id), ..self.clone() }
    }

    /// The same, where nobody records that span: not sampled, and marked as such, so that what is
    /// linked to it is not dropped for a decision that nobody took.
    #[must_use]
    pub fn unrecorded(self) -> Self {
        Self { flags: self.flags & !SAMPLED, trace_state: UNRECORDED.into(), ..self }
    }
}

/// Whether a context with these flags and this `tracestate` says that somebody decided about the
/// trace: it is sampled, or it is not one that merely began with a stamp.
#[must_use]
pub fn is_decided(flags: u8, trace_state: &str) -> bool {
    flags & SAMPLED != 0 || trace_state.split(',').all(|member| member.trim() != UNRECORDED)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::{to_traceparent, tracestate};

    #[test]
    fn a_minted_context_is_never_zero() {
        assert_eq!(
            to_traceparent(&TraceContext::minted(&[0; 32])),
            format!("00-{}-{}-01", "01".repeat(16), "01".repeat(8))
        );
    }

    #[test]
    fn what_nobody_records_says_so_and_a_foreign_decision_is_one() {
        let minted = TraceContext::minted(&[7; 32]);
        assert!(is_decided(minted.flags, &minted.trace_state));
        let unrecorded = minted.unrecorded();
        assert!(to_traceparent(&unrecorded).ends_with("-00"));
        assert_eq!(tracestate(&unrecorded.trace_state), Ok(()));
        for (flags, state, decided) in [
            (0, "", true),
            (2, "x=1", true),
            (2, &*unrecorded.trace_state, false),
            (0, "x=1, lifespan=unrecorded", false),
            (1, "lifespan=unrecorded", true),
        ] {
            assert_eq!(is_decided(flags, state), decided, "{flags} {state}");
        }
    }
}
