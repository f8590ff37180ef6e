//! To and from the types of the `opentelemetry` crate: the feature of that name.

use std::borrow::Cow;
use std::str::FromStr as _;

use opentelemetry::Context;
use opentelemetry::trace::{Link, SpanContext, SpanKind, TraceFlags, TraceState, Tracer};

use super::ids::{SpanId, TraceId};
use super::reconcile::ReconcileSpan;
use super::trace_context::TraceContext;
use super::write::NotValid;

impl From<&TraceContext> for SpanContext {
    /// A remote one. A `tracestate` that the crate cannot hold is left out.
    fn from(context: &TraceContext) -> Self {
        let TraceContext { trace_id, span_id, flags, trace_state } = context;
        Self::new(
            opentelemetry::TraceId::from_bytes(trace_id.0),
            opentelemetry::SpanId::from_bytes(span_id.0),
            TraceFlags::new(*flags),
            true,
            TraceState::from_str(trace_state).unwrap_or_default(),
        )
    }
}

impl TryFrom<&SpanContext> for TraceContext {
    type Error = NotValid;

    /// # Errors
    /// Its ids are zero: there is no span, as where nothing is traced.
    fn try_from(context: &SpanContext) -> Result<Self, NotValid> {
        let read = Self {
            trace_id: TraceId(context.trace_id().to_bytes()),
            span_id: SpanId(context.span_id().to_bytes()),
            flags: context.trace_flags().to_u8(),
            trace_state: context.trace_state().header().into(),
        };
        read.check().map(|()| read)
    }
}

impl ReconcileSpan {
    /// Starts the span: of kind CONSUMER, with all links; a new root if there is any link, else
    /// below what is current.
    ///
    /// With `tracing-opentelemetry` a `tracing` span is linked after it was made:
    /// `begins.links.iter().for_each(|link| span.add_link(link.into()))`, with
    /// `tracing_opentelemetry::OpenTelemetrySpanExt` in scope, and made with `parent: None` and the
    /// field `otel.kind = "consumer"`.
    ///
    /// ```
    /// use lifespan::context::{Injected, Injection, TraceContext, inject, reconcile_span};
    /// use opentelemetry::trace::Span as _;
    ///
    /// let tracer = opentelemetry::global::tracer("my-controller");
    /// # let (annotations, mut of_child) = (Default::default(), Default::default());
    /// let span = reconcile_span(&annotations).start(&tracer, "reconcile");
    /// // What the reconcile writes is stamped with it. Nothing is traced here, so nothing is.
    /// if let Ok(context) = TraceContext::try_from(span.span_context()) {
    ///     let how = Injection { overwrites: true, ..Injection::default() };
    ///     assert_eq!(inject(&context, &mut of_child, &how), Injected::Written);
    /// }
    /// ```
    pub fn start<T: Tracer>(&self, tracer: &T, name: impl Into<Cow<'static, str>>) -> T::Span {
        let links = self.links.iter().map(|link| Link::with_context(link.into())).collect();
        let builder = tracer.span_builder(name).with_kind(SpanKind::Consumer).with_links(links);
        if self.is_new_root() {
            return builder.start_with_context(tracer, &Context::new());
        }
        builder.start(tracer)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use opentelemetry::trace::noop::NoopSpan;
    use opentelemetry::trace::{SpanBuilder, TraceContextExt as _};

    use super::*;

    /// Keeps what it is asked for, and whether a span was above it.
    #[derive(Default)]
    struct Asked(RefCell<Vec<(SpanBuilder, bool)>>);

    impl Tracer for Asked {
        type Span = NoopSpan;

        fn build_with_context(&self, builder: SpanBuilder, parent: &Context) -> NoopSpan {
            self.0.borrow_mut().push((builder, parent.has_active_span()));
            NoopSpan::DEFAULT
        }
    }

    fn context() -> TraceContext {
        TraceContext { trace_state: "b=2,a=1".into(), ..TraceContext::minted(&[7; 32]) }
    }

    #[test]
    fn a_context_is_the_same_on_the_way_back() {
        let there = SpanContext::from(&context());
        assert!(there.is_valid() && there.is_remote() && there.is_sampled());
        assert_eq!(TraceContext::try_from(&there), Ok(context()));
        let none = TraceContext::try_from(&SpanContext::NONE);
        assert_eq!(none, Err(NotValid::ZeroTraceId));
    }

    #[test]
    fn a_reconcile_with_links_is_a_new_root_and_one_without_is_not() {
        let tracer = Asked::default();
        let current = Context::new().with_remote_span_context(SpanContext::from(&context()));
        let _current = current.attach();
        let span = ReconcileSpan { links: vec![context(), context().child(&[8; 32])] };
        drop(span.start(&tracer, "reconcile"));
        drop(ReconcileSpan::default().start(&tracer, "reconcile"));
        let asked = tracer.0.borrow();
        let told: Vec<_> = asked
            .iter()
            .map(|(builder, is_below)| {
                let links = builder.links.as_ref().map_or(0, Vec::len);
                (builder.span_kind.clone(), links, *is_below)
            })
            .collect();
        let kind = Some(SpanKind::Consumer);
        assert_eq!(told, [(kind.clone(), 2, false), (kind, 0, true)]);
    }
}
