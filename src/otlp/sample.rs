//! A small trace by hand: an example of what the core hands over, complete in its kinds of spans.
//!
//! It is public because tests, benchmarks and checks against real back ends all need one.

use std::borrow::Cow;
use std::sync::Arc;

use crate::facts::ids::{SpanId, TraceId};
use crate::facts::kind::Kind;
use crate::facts::meta::Uid;
use crate::facts::span::{
    Attribute, FinishedSpan, Link, LinkReason, ObjectRef, Outcome, Resource, SpanEvent, Value,
};
use crate::facts::time::UnixNanos;

/// 2026-03-01T12:00:00Z
const NOON: i64 = 1_772_366_400;

/// An update of Deployment `shop/web`: the root with a stamp link and a link to what it took the
/// place of, its ReplicaSet, its Pod's image pull that failed, with events.
#[must_use]
pub fn trace() -> Vec<FinishedSpan> {
    trace_at(UnixNanos::from_seconds(NOON), 1)
}

/// The same, beginning at `start`, in a trace whose ids `number` tells apart.
#[must_use]
pub fn trace_at(start: UnixNanos, number: u64) -> Vec<FinishedSpan> {
    let resource = Arc::new(Resource {
        attributes: vec![
            ("service.name", "web".into()),
            ("k8s.cluster.uid", "5b5a2a7f-2f0e-4d0a-9d1d-0f1c3f6f8c11".into()),
            ("k8s.namespace.name", "shop".into()),
            ("k8s.deployment.name", "web".into()),
            ("k8s.deployment.uid", "0d1e2f30-0000-4000-8000-000000000001".into()),
        ],
    });
    let template = Template { start, number, resource };
    vec![template.root(), template.replica_set(), template.pull()]
}

/// What the spans of the trace have in common.
struct Template {
    start: UnixNanos,
    number: u64,
    resource: Arc<Resource>,
}

impl Template {
    fn root(&self) -> FinishedSpan {
        let stamp = Link {
            trace_id: TraceId(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736_u128.to_be_bytes()),
            span_id: SpanId(0x00f0_67aa_0ba9_02b7_u64.to_be_bytes()),
            trace_state: Some("vendor=1".into()),
            flags: 0x01,
            reason: LinkReason::Stamp,
            found: Some("tracing.k8s.io/traceparent".into()),
            is_uncertain: true,
        };
        let superseded = Link {
            trace_id: trace_id(self.number.wrapping_add(1 << 32)),
            span_id: SpanId([0x5e; 8]),
            trace_state: None,
            flags: 0x03,
            reason: LinkReason::Supersedes,
            found: None,
            is_uncertain: false,
        };
        let attributes = vec![
            ("k8s.deployment.name", "web".into()),
            ("k8s.deployment.uid", "0d1e2f30-0000-4000-8000-000000000001".into()),
            ("lifespan.action", "update".into()),
            ("lifespan.outcome", Outcome::Completed.name().into()),
            ("lifespan.generation", Value::Int(7)),
            ("lifespan.changed", Value::List(vec!["template.spec.containers".to_owned()])),
            ("lifespan.watch.gap", Value::Bool(false)),
        ];
        FinishedSpan {
            is_consumer: true,
            outcome: Some(Outcome::Completed),
            links: vec![stamp, superseded],
            ..self.span(0, None, "update Deployment", (0, 9_500), Kind::Deployment, attributes)
        }
    }

    fn replica_set(&self) -> FinishedSpan {
        let attributes = vec![
            ("k8s.replicaset.name", "web-6d4cf56db6".into()),
            ("k8s.replicaset.uid", "0d1e2f30-0000-4000-8000-000000000002".into()),
            ("lifespan.outcome", Outcome::Completed.name().into()),
        ];
        FinishedSpan {
            outcome: Some(Outcome::Completed),
            ..self.span(
                1,
                Some(0),
                "scale up ReplicaSet",
                (15, 9_400),
                Kind::ReplicaSet,
                attributes,
            )
        }
    }

    fn pull(&self) -> FinishedSpan {
        let sentence = "cannot pull image \"shop/web:2\": not found";
        let event = |ms: i64, name, message: &'static str| SpanEvent {
            at: self.start.plus(millis(ms)),
            name: Cow::Borrowed(name),
            attributes: vec![("lifespan.reason", message.into()), ("lifespan.count", 1.into())],
        };
        let attributes = vec![
            ("k8s.pod.name", "web-6d4cf56db6-abcde".into()),
            ("k8s.pod.uid", "0d1e2f30-0000-4000-8000-000000000003".into()),
            ("k8s.container.name", "app".into()),
            ("error.type", "ErrImagePull".into()),
        ];
        FinishedSpan {
            container: Some("app".into()),
            error: Some(("ErrImagePull".to_owned(), sentence.to_owned())),
            events: vec![event(100, "Pulling", "pulling image"), event(800, "Failed", sentence)],
            dropped_events: 3,
            dropped_links: 0,
            n_outliving: 0,
            ..self.span(2, Some(1), "pull image", (90, 900), Kind::Pod, attributes)
        }
    }

    fn span(
        &self,
        step: u64,
        parent: Option<u64>,
        name: &'static str,
        (from_ms, to_ms): (i64, i64),
        kind: Kind,
        attributes: Vec<Attribute>,
    ) -> FinishedSpan {
        FinishedSpan {
            trace_id: trace_id(self.number),
            span_id: span_id(self.number, step),
            parent: parent.map(|step| span_id(self.number, step)),
            remote_parent: None,
            trace_state: None,
            is_random: true,
            name: Cow::Borrowed(name),
            is_consumer: false,
            start: self.start.plus(millis(from_ms)),
            end: self.start.plus(millis(to_ms)),
            object: ObjectRef {
                kind,
                namespace: Some("shop".into()),
                name: "web".into(),
                uid: Uid::LEAST,
            },
            container: None,
            outcome: None,
            error: None,
            attributes,
            events: Vec::new(),
            links: Vec::new(),
            dropped_events: 0,
            dropped_links: 0,
            n_outliving: 0,
            resource: Arc::clone(&self.resource),
        }
    }
}

fn trace_id(number: u64) -> TraceId {
    TraceId((0x0af7_6519_16cd_43dd_u128 << 64 | u128::from(number)).to_be_bytes())
}

fn span_id(number: u64, step: u64) -> SpanId {
    SpanId((number << 8 | 0xa0 | step).to_be_bytes())
}

fn millis(ms: i64) -> crate::facts::time::Nanos {
    crate::facts::time::Nanos(1_000_000).times(ms)
}
