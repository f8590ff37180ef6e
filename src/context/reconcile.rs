//! Trace contexts read by a controller, for the span of its reconcile, as KEP-5915 has it.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::rules::Rules;
use super::stamps::{Carrier, Stamps};
use super::trace_context::TraceContext;

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
///
/// ```
/// use std::collections::BTreeMap;
/// use lifespan::context::extract;
///
/// let annotations = BTreeMap::from([( // `object.annotations()`
///     "tracing.k8s.io/traceparent".to_owned(),
///     "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned(),
/// )]);
/// let context = extract(&annotations).expect("there is one");
/// assert_eq!(context.trace_id.to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
/// ```
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

/// What the span for the reconcile of an object with these annotations begins with: a link to each
/// trace context on it.
///
/// With the feature `opentelemetry` it starts itself, `reconcile_span(…).start(&tracer, "reconcile")`.
/// Without, each library makes its own types from the bytes:
///
/// ```
/// use std::collections::BTreeMap;
/// use lifespan::context::{ReconcileSpan, reconcile_span};
///
/// let annotations = BTreeMap::from([( // `object.annotations()`
///     "tracing.k8s.io/traceparent".to_owned(),
///     "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned(),
/// )]);
/// let begins = reconcile_span(&annotations);
/// assert!(begins.is_new_root());
/// assert_eq!(begins.links[0].trace_id.0[0], 0x4b);
/// assert_eq!(ReconcileSpan::KIND as i32, 5); // CONSUMER
/// ```
#[must_use]
pub fn reconcile_span(annotations: &BTreeMap<String, String>) -> ReconcileSpan {
    let stamps = extract_by(&Rules::built_in(), annotations).stamps;
    ReconcileSpan { links: stamps.into_iter().map(|stamp| stamp.context).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reconcile_is_a_root_of_its_own_with_links_to_all_that_wrote_the_object() {
        let stamped = BTreeMap::from([
            (
                "tracing.k8s.io/traceparent".to_owned(),
                "00-4bf92f3577b34da6a3ce929d0e0e4737-00f067aa0ba902b7-01".to_owned(),
            ),
            (
                "opentelemetry.io/traceparent".to_owned(),
                "00-4bf92f3577b34da6a3ce929d0e0e4737-00f067aa0ba902b8-01".to_owned(),
            ),
        ]);
        let begins = reconcile_span(&stamped);
        assert!(begins.is_new_root());
        let spans: Vec<String> = begins.links.iter().map(|link| link.span_id.to_string()).collect();
        assert_eq!(spans, ["00f067aa0ba902b7", "00f067aa0ba902b8"]);
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
