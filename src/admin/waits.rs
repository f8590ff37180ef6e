//! What open transitions wait for; pure.

use std::collections::{BTreeMap, BTreeSet};

use crate::facts::ids::{SpanId, TraceId};
use crate::facts::span::{FinishedSpan, Outcome, Shown, ShownSpan};
use crate::facts::time::{Nanos, UnixNanos};

/// An open transition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Open {
    /// Its trace.
    pub trace_id: TraceId,
    /// `update Deployment`
    pub name: String,
    /// `shop/web`
    pub object: String,
    /// When it began.
    pub since: UnixNanos,
    /// For how long it has been open.
    pub age: Nanos,
    /// What it waits for, the longest first; empty where only time has to pass.
    pub waits: Vec<Wait>,
}

/// A step that has begun and has not ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// `pull image`
    pub step: String,
    /// `web-1`, and the container if it is one's.
    pub of: String,
    /// For how long.
    pub age: Nanos,
}

/// A transition that has settled and is held until that has lasted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// Its trace.
    pub trace_id: TraceId,
    /// `update Deployment`
    pub name: String,
    /// `shop/web`
    pub object: String,
    /// How it ended.
    pub outcome: &'static str,
    /// When it ended.
    pub at: UnixNanos,
    /// How long it took.
    pub took: Nanos,
}

/// The transitions whose roots are among `spans`, those that ended first before the others.
#[must_use]
pub fn settled(spans: &[FinishedSpan]) -> Vec<Settled> {
    let roots = spans.iter().filter(|span| span.parent.is_none());
    let settled = roots.map(|root| Settled {
        trace_id: root.trace_id,
        name: root.name.to_string(),
        object: root.object.path(),
        outcome: root.outcome.map_or("completed", Outcome::name),
        at: root.end,
        took: root.end.since(root.start),
    });
    let mut settled: Vec<_> = settled.collect();
    settled.sort_by(|one, other| (one.at, &one.object).cmp(&(other.at, &other.object)));
    settled
}

/// The transitions among `spans`, which go on and end when that was asked; the oldest
/// first.
///
/// A transition waits for the open steps that have no open step below them.
#[must_use]
pub fn open(spans: &[ShownSpan]) -> Vec<Open> {
    let mut by_trace: BTreeMap<TraceId, Vec<&ShownSpan>> = BTreeMap::new();
    for span in spans {
        by_trace.entry(span.trace_id).or_default().push(span);
    }
    let mut open: Vec<_> = by_trace.into_values().filter_map(|spans| transition(&spans)).collect();
    open.sort_by(|one, other| (one.since, &one.object).cmp(&(other.since, &other.object)));
    open
}

fn transition(spans: &[&ShownSpan]) -> Option<Open> {
    let root = spans.iter().find(|span| span.parent.is_none())?;
    // A phase has no outcome of its own: one that is open ends with the look at it.
    let is_open = |span: &&&ShownSpan| match span.outcome {
        Some(outcome) => outcome == Shown::InProgress,
        None => span.end == root.end,
    };
    let parents: BTreeSet<SpanId> =
        spans.iter().filter(is_open).filter_map(|span| span.parent).collect();
    let mut waits: Vec<_> = spans
        .iter()
        .filter(is_open)
        .filter(|span| span.parent.is_some() && !parents.contains(&span.span_id))
        .map(|span| Wait {
            step: span.name.to_string(),
            of: match &span.container {
                None => span.object.name.to_string(),
                Some(container) => format!("{} ({container})", span.object.name),
            },
            age: span.end.since(span.start),
        })
        .collect();
    waits.sort_by(|one, other| (other.age, &one.of).cmp(&(one.age, &other.of)));
    Some(Open {
        trace_id: root.trace_id,
        name: root.name.to_string(),
        object: root.object.path(),
        since: root.start,
        age: root.end.since(root.start),
        waits,
    })
}
