//! What leaves the core: finished spans, complete and immutable.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::facts::ids::{SpanId, TraceId};
use crate::facts::kind::Kind;
use crate::facts::meta::Uid;
use crate::facts::stamp::Stamp;
use crate::facts::time::UnixNanos;

/// How a span ended (DESIGN: outcome).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Outcome {
    /// It settled.
    Completed,
    /// The cluster declared it failed.
    Failed,
    /// A further change of the template took its place.
    Superseded,
    /// It settled under `paused: true`.
    Paused,
    /// A run was ended for a time by `suspend: true`.
    Suspended,
    /// The object was deleted first.
    Deleted,
    /// It took longer than its limit.
    TimedOut,
    /// A complete list no longer contained the object.
    Vanished,
    /// The transition around it ended first.
    Unfinished,
}

impl Outcome {
    /// The value of `lifespan.outcome`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Superseded => "superseded",
            Self::Paused => "paused",
            Self::Suspended => "suspended",
            Self::Deleted => "deleted",
            Self::TimedOut => "timed_out",
            Self::Vanished => "vanished",
            Self::Unfinished => "unfinished",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How a span stands that is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Shown {
    /// It goes on.
    InProgress,
    /// It has ended so.
    Ended(Outcome),
}

impl Shown {
    /// What a person is told of it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::InProgress => "in progress",
            Self::Ended(outcome) => outcome.name(),
        }
    }
}

/// A value of an attribute.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A string.
    Str(Cow<'static, str>),
    /// An integer.
    Int(i64),
    /// A boolean.
    Bool(bool),
    /// A list of strings.
    List(Vec<String>),
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Str(Cow::Borrowed(text))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Str(Cow::Owned(text))
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Self::Bool(truth)
    }
}

impl From<Vec<String>> for Value {
    fn from(list: Vec<String>) -> Self {
        Self::List(list)
    }
}

/// An attribute: its key is one of a closed set.
pub type Attribute = (&'static str, Value);

/// A moment on a span.
#[derive(Clone, Debug, PartialEq)]
pub struct SpanEvent {
    /// When; within the span.
    pub at: UnixNanos,
    /// Low in cardinality: the reason of an Event, `goal changed`, …
    pub name: Cow<'static, str>,
    /// Details.
    pub attributes: Vec<Attribute>,
}

/// Why a link is there: `lifespan.link.reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LinkReason {
    /// A fresh trace context stood on the object.
    Stamp,
    /// This transition took the place of the linked one.
    Supersedes,
    /// This transition goes on with what was paused.
    Resumes,
    /// The tree's last transition failed, timed out or was unstable.
    Follows,
}

impl LinkReason {
    /// The value of `lifespan.link.reason`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stamp => "stamp",
            Self::Supersedes => "supersedes",
            Self::Resumes => "resumes",
            Self::Follows => "follows",
        }
    }
}

/// A link to a span of another trace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// The other trace.
    pub trace_id: TraceId,
    /// The span in it.
    pub span_id: SpanId,
    /// Its tracestate, where it has one.
    pub trace_state: Option<Box<str>>,
    /// Its W3C trace flags.
    pub flags: u8,
    /// Why.
    pub reason: LinkReason,
    /// For a stamp: where it stood.
    pub found: Option<Box<str>>,
    /// No earlier version was seen, so that the stamp may be an old one
    /// (`lifespan.context.uncertain`).
    pub is_uncertain: bool,
}

impl Link {
    /// A link to the context that a stamp says.
    #[must_use]
    pub fn to_stamp(stamp: Stamp, is_uncertain: bool) -> Self {
        let Stamp { found, context, is_parent: _, baggage: _ } = stamp;
        Self {
            trace_id: context.trace_id,
            span_id: context.span_id,
            trace_state: Some(context.trace_state).filter(|state| !state.is_empty()),
            flags: context.flags,
            reason: LinkReason::Stamp,
            found: Some(found),
            is_uncertain,
        }
    }
}

/// A span of others above a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemoteParent {
    /// Its id.
    pub span_id: SpanId,
    /// Its W3C trace flags.
    pub flags: u8,
    /// Whether somebody decided whether its trace is sampled.
    pub is_decided: bool,
}

/// What all spans of a trace have in common on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpanContext {
    /// The trace.
    pub trace: TraceId,
    /// Its `tracestate`.
    pub trace_state: Option<Arc<str>>,
    /// Its id is random.
    pub is_random: bool,
}

/// The object a span is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectRef {
    /// Its kind.
    pub kind: Kind,
    /// Its namespace; objects of the cluster have none.
    pub namespace: Option<Arc<str>>,
    /// Its name.
    pub name: Arc<str>,
    /// Its uid.
    pub uid: Uid,
}

impl ObjectRef {
    /// `shop/web`; of an object of the cluster its name.
    #[must_use]
    pub fn path(&self) -> String {
        match &self.namespace {
            None => self.name.to_string(),
            Some(namespace) => format!("{namespace}/{}", self.name),
        }
    }
}

/// OTLP resource: one per tree, shared by all its spans.
#[derive(Clone, Debug, PartialEq)]
pub struct Resource {
    /// `service.name` first, then the cluster, the namespace and the root workload.
    pub attributes: Vec<Attribute>,
}

impl Resource {
    /// `service.name`.
    #[must_use]
    pub fn service(&self) -> &str {
        match self.attributes.iter().find(|(key, _)| *key == "service.name") {
            Some((_, Value::Str(name))) => name,
            _ => "",
        }
    }
}

/// A span that has ended. Nothing in it changes any more.
pub type FinishedSpan = Span<Outcome>;

/// A span as it is shown, and never exported: one that goes on ends at the moment of the look.
pub type ShownSpan = Span<Shown>;

/// A span, and how it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Span<O> {
    /// Its trace.
    pub trace_id: TraceId,
    /// Its id.
    pub span_id: SpanId,
    /// Its parent; `None` only for the root of what we tell of the trace.
    pub parent: Option<SpanId>,
    /// Of a root that goes on a trace of others: the span of theirs above it.
    pub remote_parent: Option<RemoteParent>,
    /// `tracestate`: what came with that, and how the trace was sampled.
    pub trace_state: Option<Arc<str>>,
    /// Its trace id is random, or ours, which is a hash (W3C random-trace-id flag).
    pub is_random: bool,
    /// Low in cardinality: `update Deployment`, `pull image`.
    pub name: Cow<'static, str>,
    /// SpanKind CONSUMER; INTERNAL otherwise.
    pub is_consumer: bool,
    /// Best estimate of its start.
    pub start: UnixNanos,
    /// Best estimate of its end, never before its start.
    pub end: UnixNanos,
    /// What it is about.
    pub object: ObjectRef,
    /// The container it is about, if it is about one.
    pub container: Option<Box<str>>,
    /// How it stands; `None` for phases, which only end.
    pub outcome: Option<O>,
    /// Status Error: its `error.type` and one sentence. `None` is Unset.
    pub error: Option<(String, String)>,
    /// Everything else that is known; `lifespan.outcome`, `error.type` and the object's and
    /// container's names are among it. Keys are unique.
    pub attributes: Vec<Attribute>,
    /// In order of time.
    pub events: Vec<SpanEvent>,
    /// To other traces only.
    pub links: Vec<Link>,
    /// Events that did not fit into 128.
    pub dropped_events: u32,
    /// Links that did not fit into 128.
    pub dropped_links: u32,
    /// Of a root: spans of its trace that leave later, because they outlive it.
    pub n_outliving: u32,
    /// The tree's resource.
    pub resource: Arc<Resource>,
}

impl<O> Span<O> {
    /// The same, which stands otherwise.
    fn standing<P>(self, outcome: Option<P>) -> Span<P> {
        Span {
            trace_id: self.trace_id,
            span_id: self.span_id,
            parent: self.parent,
            remote_parent: self.remote_parent,
            trace_state: self.trace_state,
            is_random: self.is_random,
            name: self.name,
            is_consumer: self.is_consumer,
            start: self.start,
            end: self.end,
            object: self.object,
            container: self.container,
            outcome,
            error: self.error,
            attributes: self.attributes,
            events: self.events,
            links: self.links,
            dropped_events: self.dropped_events,
            dropped_links: self.dropped_links,
            n_outliving: self.n_outliving,
            resource: self.resource,
        }
    }
}

impl FinishedSpan {
    /// As it is shown; what has no end `is_open`.
    #[must_use]
    pub fn shown(self, is_open: bool) -> ShownSpan {
        let ended = self.outcome.map(Shown::Ended);
        self.standing(if is_open { Some(Shown::InProgress) } else { ended })
    }
}

impl From<FinishedSpan> for ShownSpan {
    fn from(span: FinishedSpan) -> Self {
        span.shown(false)
    }
}

impl ShownSpan {
    /// The span, if it has ended.
    #[must_use]
    pub fn finished(self) -> Option<FinishedSpan> {
        let ended = match self.outcome {
            Some(Shown::InProgress) => return None,
            Some(Shown::Ended(outcome)) => Some(outcome),
            None => None,
        };
        Some(self.standing(ended))
    }
}
