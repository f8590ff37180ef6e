//! The span that a trace begins with when nobody else began it; pure.

use std::sync::Arc;

use crate::facts::kind::Kind;
use crate::facts::meta::Uid;
use crate::facts::span::{FinishedSpan, ObjectRef, Resource};
use crate::facts::stamp::TraceContext;
use crate::facts::time::UnixNanos;

/// How many objects are named on it.
const MAX_NAMES: usize = 64;

/// The root span of the trace that `context` says: what was done, when, and which objects bear its
/// stamp now.
#[must_use]
pub fn root(
    context: &TraceContext,
    name: &'static str,
    start: UnixNanos,
    end: UnixNanos,
    objects: impl Iterator<Item = String>,
) -> FinishedSpan {
    let names: Vec<String> = objects.take(MAX_NAMES).collect();
    FinishedSpan {
        trace_id: context.trace_id,
        span_id: context.span_id,
        parent: None,
        remote_parent: None,
        trace_state: None,
        is_random: true,
        name: name.into(),
        is_consumer: false,
        start,
        end: end.max(start),
        object: ObjectRef {
            kind: Kind::Other("Manifest".into()),
            namespace: None,
            name: "".into(),
            uid: Uid::LEAST,
        },
        container: None,
        outcome: None,
        error: None,
        attributes: vec![("lifespan.stamped", names.into())],
        events: Vec::new(),
        links: Vec::new(),
        dropped_events: 0,
        dropped_links: 0,
        n_outliving: 0,
        resource: Arc::new(Resource { attributes: vec![("service.name", "lifespan".into())] }),
    }
}
