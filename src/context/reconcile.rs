//! Trace contexts read by a controller, for the span of its reconcile, as KEP-5915 has it.
//!
//! No tracing library is named here: what a span begins with is a kind and links, and each library
//! has its own types for them that are made from bytes. A dependency on one would bind every
//! controller to its version.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::rules::Rules;
use super::stamps::{Carrier, Stamps};
use crate::facts::stamp::TraceContext;

/// What the span of a reconcile begins with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReconcileSpan {
    /// The span links to these: what wrote the object. They are remote.
    pub links: Vec<TraceContext>,
}

/// SpanKind, by its number in OTLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum SpanKind {
    /// It takes up what was left for it some time ago.
    Consumer = 5,
}

impl ReconcileSpan {
    /// The kind of the span.
    pub const KIND: SpanKind = SpanKind::Consumer;

    /// Whether it begins a trace of its own whatever is current: so that a reconcile minutes later
    /// does not stretch the trace of the write. Without a link there is nothing to stretch.
    #[must_use]
    pub fn is_new_root(&self) -> bool {
        !self.links.is_empty()
    }
}

/// The trace context on an object, by the built-in rules; of several the first.
#[must_use]
pub fn extract(annotations: &BTreeMap<String, String>) -> Option<TraceContext> {
    let stamp = extract_by(&Rules::built_in(), annotations).stamps.into_iter().next()?;
    Some(stamp.context)
}

/// All trace contexts in the annotations of an object, and what is malformed.
#[must_use]
pub fn extract_by(rules: &Rules, annotations: &BTreeMap<String, String>) -> Stamps {
    let mut carrier = Carrier::new(rules);
    for (key, value) in annotations {
        carrier.annotation(key, || Some(Cow::Borrowed(value)));
    }
    carrier.read()
}

/// What the span for the reconcile of an object with these annotations begins with.
///
/// With the `opentelemetry` crate, for example:
///
/// ```text
/// let begins = lifespan::context::reconcile_span(object.annotations());
/// let links = begins.links.iter().map(|link| Link::with_context(SpanContext::new(
///     TraceId::from_bytes(link.trace_id.0), SpanId::from_bytes(link.span_id.0),
///     TraceFlags::new(link.flags), true, TraceState::from_str(&link.trace_state)?)));
/// tracer.span_builder("reconcile").with_kind(SpanKind::Consumer).with_links(links.collect())
///     .start_with_context(&tracer, &Context::new())
/// ```
#[must_use]
pub fn reconcile_span(annotations: &BTreeMap<String, String>) -> ReconcileSpan {
    ReconcileSpan { links: extract(annotations).into_iter().collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reconcile_is_a_root_of_its_own_with_a_link_to_what_wrote_the_object() {
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4737-00f067aa0ba902b7-01";
        let stamped =
            BTreeMap::from([("tracing.k8s.io/traceparent".to_owned(), parent.to_owned())]);
        let begins = reconcile_span(&stamped);
        assert!(begins.is_new_root());
        assert_eq!(begins.links.len(), 1);
        assert_eq!(begins.links[0].span_id.to_string(), "00f067aa0ba902b7");
        assert_eq!(ReconcileSpan::KIND as i32, 5);
    }

    #[test]
    fn without_a_usable_trace_context_it_is_an_ordinary_span() {
        let malformed = BTreeMap::from([("traceparent".to_owned(), "x".to_owned())]);
        for annotations in [BTreeMap::new(), malformed] {
            assert_eq!(reconcile_span(&annotations), ReconcileSpan::default());
            assert!(!reconcile_span(&annotations).is_new_root());
        }
    }
}
