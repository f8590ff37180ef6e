//! A span while it is being built: ends may still be tightened and widened, then it is finished.

use std::borrow::Cow;
use std::sync::Arc;

use crate::facts::ids;
use crate::facts::ids::{SpanId, TraceId};
use crate::facts::instant::Instant;
use crate::facts::meta::Uid;
use crate::facts::span::{
    Attribute, FinishedSpan, Link, ObjectRef, Outcome, RemoteParent, Resource, Shown, ShownSpan,
    SpanContext, SpanEvent, Value,
};
use crate::facts::time::{Nanos, UnixNanos};
use crate::lifecycle::pod::Noted;
use crate::spans::attributes;

const OUTCOME: &str = "lifespan.outcome";

/// OpenTelemetry's limit of events and links on a span.
pub const MAX_ON_SPAN: usize = 128;

/// Most spans have no more attributes.
const MOST_ATTRIBUTES: usize = 10;

/// A span while it is being built.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Its id.
    pub id: SpanId,
    /// The span above; `None` for the root.
    pub parent: Option<SpanId>,
    /// Of the root, where it goes on a trace of others: the span of theirs above it.
    pub remote_parent: Option<RemoteParent>,
    /// Its name.
    pub name: Cow<'static, str>,
    /// Its object.
    pub object: ObjectRef,
    /// Its container, if it is a step of one.
    pub container: Option<Box<str>>,
    /// Its start.
    pub start: Instant,
    /// Its end.
    pub end: Instant,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// `error.type` and sentence.
    pub error: Option<(String, String)>,
    /// Other attributes.
    pub attributes: Vec<Attribute>,
    /// Span events.
    pub events: Vec<SpanEvent>,
    /// Links.
    pub links: Vec<Link>,
    /// CONSUMER.
    pub is_consumer: bool,
    /// It is a step inside the start of a Pod.
    pub is_phase: bool,
    /// It may outlive the span above it: `terminate Pod`.
    pub may_outlive: bool,
    /// Links that did not fit.
    pub dropped_links: u32,
    /// Of the root: spans that end later.
    pub n_outliving: u32,
}

/// What all spans of a tree have in common.
#[derive(Clone, Debug)]
pub struct Common {
    /// The topmost object, which the resource names.
    pub top: Uid,
    /// The resource.
    pub resource: Arc<Resource>,
}

/// What a span is a step of, and which.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// What its id is derived from beside what follows, see [`ids::span_id`].
    pub seed: TraceId,
    /// The span above.
    pub parent: Option<SpanId>,
    /// Its object.
    pub object: &'a ObjectRef,
    /// Its container, if it is a step of one.
    pub container: Option<&'a str>,
    /// Which of several.
    pub attempt: u32,
}

impl<'a> Identity<'a> {
    /// A step of an object of which there is one, below `parent`.
    #[must_use]
    pub const fn of(seed: TraceId, parent: SpanId, object: &'a ObjectRef) -> Self {
        Self { seed, parent: Some(parent), object, container: None, attempt: 0 }
    }
}

impl Draft {
    /// It begins no later than something in it, which begins at `start`.
    pub(super) fn begin_with(&mut self, start: Instant) {
        if start.best < self.start.best {
            self.start.lo = self.start.lo.min(start.best);
            self.start.best = start.best;
            self.start.hi = self.start.hi.max(start.best);
            self.start.source = start.source;
        }
    }

    /// A span of `step`, which names it in its id, from `start` to `end`.
    #[must_use]
    pub fn new(
        of: Identity<'_>,
        step: &str,
        name: impl Into<Cow<'static, str>>,
        start: Instant,
        end: Instant,
    ) -> Self {
        Self {
            id: ids::span_id(of.seed, of.object.uid, step, of.container, of.attempt),
            parent: of.parent,
            remote_parent: None,
            name: name.into(),
            object: of.object.clone(),
            container: of.container.map(Into::into),
            start,
            end,
            outcome: None,
            error: None,
            attributes: Vec::with_capacity(MOST_ATTRIBUTES),
            events: Vec::new(),
            links: Vec::new(),
            is_consumer: false,
            is_phase: false,
            may_outlive: false,
            dropped_links: 0,
            n_outliving: 0,
        }
    }

    /// Adds an attribute.
    pub fn push(&mut self, key: &'static str, value: impl Into<Value>) {
        self.attributes.push((key, value.into()));
    }

    /// Adds an attribute unless it would be empty.
    pub fn push_text(&mut self, key: &'static str, text: &str) {
        self.push_said(key, Some(text));
    }

    /// Adds an attribute if something says it.
    pub fn push_said(&mut self, key: &'static str, text: Option<&str>) {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            self.push(key, text.to_owned());
        }
    }

    /// Ends with an outcome.
    #[must_use]
    pub fn outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = Some(outcome);
        self
    }

    /// Marks it as failed.
    pub fn fail(&mut self, reason: &str, message: &str) {
        let message = if message.is_empty() { reason } else { message };
        self.error = Some((reason.to_owned(), attributes::sentence(message)));
    }

    /// Whether a moment lies within it.
    #[must_use]
    pub fn contains(&self, at: UnixNanos) -> bool {
        self.start.best <= at && at <= self.end.best
    }

    /// Its length.
    #[must_use]
    pub fn length(&self) -> Nanos {
        self.end.best.since(self.start.best)
    }

    /// A Kubernetes Event as span event.
    pub fn note(&mut self, noted: &Noted) {
        let mut attributes: Vec<Attribute> =
            vec![("k8s.event.message", attributes::sentence(&noted.message).into())];
        if noted.count > 1 {
            attributes.push(("k8s.event.count", i64::from(noted.count).into()));
        }
        if noted.is_warning {
            attributes.push(("k8s.event.type", "Warning".into()));
        }
        if let Some(container) = &noted.container {
            attributes.push(("k8s.container.name", container.to_string().into()));
        }
        self.events.push(SpanEvent {
            at: noted.at,
            name: noted.reason.to_string().into(),
            attributes,
        });
    }

    /// The span as it is shown: what has not come to its end goes on.
    #[must_use]
    pub fn show(self, context: &SpanContext, tree: &Common) -> ShownSpan {
        let is_open = self.outcome == Some(Outcome::Unfinished);
        let mut span = self.finish(context, tree).shown(is_open);
        let said = span.attributes.iter_mut().find(|(key, _)| *key == OUTCOME);
        if let Some((_, said)) = said.filter(|_| is_open) {
            *said = Shown::InProgress.name().into();
        }
        span
    }

    /// The span as it leaves.
    #[must_use]
    pub fn finish(mut self, context: &SpanContext, tree: &Common) -> FinishedSpan {
        let (mut all, object) = (self.attributes, &self.object);
        let n_own = all.len();
        if object.uid != tree.top {
            attributes::push_object(&mut all, &object.kind, &object.name, object.uid);
        }
        if let Some(container) = &self.container {
            all.push(("k8s.container.name", container.to_string().into()));
        }
        // What it is about comes first.
        all.rotate_left(n_own);
        if let Some(outcome) = self.outcome {
            all.push((OUTCOME, outcome.name().into()));
        }
        if let Some((reason, _)) = &self.error {
            all.push(("error.type", reason.clone().into()));
        }
        attributes::push_times(&mut all, &self.start, &self.end);
        let mut reasons: Vec<String> =
            self.links.iter().map(|link| link.reason.name().to_owned()).collect();
        reasons.sort();
        reasons.dedup();
        if !reasons.is_empty() {
            // Back ends hide the attributes of links.
            all.push(("lifespan.link.reason", reasons.into()));
        }
        let (start, end) = (self.start.best, self.end.best.max(self.start.best));
        for event in &mut self.events {
            event.at = event.at.max(start).min(end);
        }
        self.events.sort_by_key(|event| event.at);
        let dropped_events = self.events.len().saturating_sub(MAX_ON_SPAN);
        self.events.truncate(MAX_ON_SPAN);
        FinishedSpan {
            trace_id: context.trace,
            span_id: self.id,
            parent: self.parent,
            remote_parent: self.remote_parent,
            trace_state: context.trace_state.clone(),
            is_random: context.is_random,
            name: self.name,
            is_consumer: self.is_consumer,
            start,
            end,
            object: self.object,
            container: self.container,
            outcome: self.outcome,
            error: self.error,
            attributes: all,
            events: self.events,
            links: self.links,
            dropped_events: u32::try_from(dropped_events).unwrap_or(u32::MAX),
            dropped_links: self.dropped_links,
            n_outliving: self.n_outliving,
            resource: Arc::clone(&tree.resource),
        }
    }
}
