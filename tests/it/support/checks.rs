//! What holds of every list of spans, whatever happened.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a panic is a failed test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use lifespan::facts::ids::{SpanId, TraceId};
use lifespan::facts::span::{FinishedSpan, Span, Value};

/// A string attribute, empty where absent.
pub(crate) fn text<'a, O>(span: &'a Span<O>, key: &str) -> &'a str {
    match span.attributes.iter().find(|(name, _)| *name == key) {
        Some((_, Value::Str(text))) => text,
        _ => "",
    }
}

/// A boolean attribute, false where absent.
pub(crate) fn flag<O>(span: &Span<O>, key: &str) -> bool {
    span.attributes.iter().any(|(name, value)| *name == key && *value == Value::Bool(true))
}

/// A number, 0 where absent.
pub(crate) fn number<O>(span: &Span<O>, key: &str) -> i64 {
    match span.attributes.iter().find(|(name, _)| *name == key) {
        Some((_, Value::Int(number))) => *number,
        _ => 0,
    }
}

/// How it ended, `-` for phases.
pub(crate) fn outcome(span: &FinishedSpan) -> &'static str {
    span.outcome.map_or("-", |outcome| outcome.name())
}

/// The spans of a trace.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace<'a> {
    pub(crate) root: Option<&'a FinishedSpan>,
    /// All of them, the root too, in the order in which they left.
    pub(crate) spans: Vec<&'a FinishedSpan>,
}

impl Trace<'_> {
    /// How many spans have this name.
    pub(crate) fn count(&self, name: &str) -> usize {
        self.spans.iter().filter(|span| span.name == name).count()
    }
}

/// Spans by trace.
pub(crate) fn traces(spans: &[FinishedSpan]) -> BTreeMap<TraceId, Trace<'_>> {
    let mut traces: BTreeMap<TraceId, Trace<'_>> = BTreeMap::new();
    for span in spans {
        let trace = traces.entry(span.trace_id).or_default();
        trace.spans.push(span);
        if is_root(span) {
            trace.root = Some(span);
        }
    }
    traces
}

/// The span begins its trace: without parent, or with one that stood on the object.
pub(crate) fn is_root<O>(span: &Span<O>) -> bool {
    span.parent.is_none()
}

/// A span on one line, for messages.
pub(crate) fn show(span: &FinishedSpan) -> String {
    format!(
        "{} {} {}..{} {} {:?}",
        span.name,
        span.object.name,
        span.start.0,
        span.end.0,
        outcome(span),
        span.error.as_ref().map(|(kind, _)| kind)
    )
}

/// What is wrong with the structure of `spans`: empty if nothing.
pub(crate) fn faults(spans: &[FinishedSpan]) -> String {
    let mut faults = String::new();
    let mut fault = |what: &str, span: &FinishedSpan| {
        if faults.len() < 4_000 {
            writeln!(faults, "{what}: {}", show(span)).unwrap();
        }
    };
    for trace in traces(spans).values() {
        let mut known: BTreeMap<SpanId, (&FinishedSpan, usize)> = BTreeMap::new();
        for (place, span) in trace.spans.iter().enumerate() {
            if known.insert(span.span_id, (span, place)).is_some() {
                fault("a span id twice", span);
            }
        }
        // A trace of others may have several parts of ours.
        let is_ours = |span: &&&FinishedSpan| is_root(span) && span.remote_parent.is_none();
        if trace.spans.iter().filter(is_ours).count() > 1 {
            fault("more than one root", trace.spans[0]);
        }
        let mut sets = BTreeSet::new();
        for span in trace.spans.iter().filter(|span| {
            // Its deletion is another matter than what was written to it.
            span.name.ends_with(" ReplicaSet") && !span.name.starts_with("delete")
        }) {
            if !sets.insert(span.object.uid) {
                fault("two spans of one ReplicaSet", span);
            }
        }
        for (place, span) in trace.spans.iter().enumerate() {
            if span.end < span.start {
                fault("a negative span", span);
            }
            if span.trace_id.0 == [0; 16] || span.span_id.0 == [0; 8] {
                fault("a zero id", span);
            }
            if span.links.iter().any(|link| link.trace_id == span.trace_id) {
                fault("a link into its own trace", span);
            }
            if !span.events.is_sorted_by_key(|event| event.at) {
                fault("events out of order", span);
            }
            if span.events.iter().any(|event| event.at < span.start || event.at > span.end) {
                fault("an event outside of its span", span);
            }
            let keys: BTreeSet<&str> = span.attributes.iter().map(|(key, _)| *key).collect();
            if keys.len() != span.attributes.len() {
                fault("an attribute twice", span);
            }
            if outcome(span) == "in progress" {
                fault("finished while in progress", span);
            }
            if text(span, "error.type") != span.error.as_ref().map_or("", |(kind, _)| kind) {
                fault("error.type is not the error", span);
            }
            let Some(parent) = span.parent else { continue };
            // Of a trace that has not closed some spans may have left before their parents.
            match known.get(&parent) {
                None if trace.root.is_some() => fault("its parent is missing", span),
                None => {}
                Some((parent, later)) => {
                    // A rollout is done before its last old Pod is gone.
                    let outlives = span.name == "terminate Pod" || is_debugger(span, parent);
                    if *later < place && !outlives {
                        fault("left after its parent", span);
                    }
                    if span.start < parent.start || (span.end > parent.end && !outlives) {
                        fault(&format!("not within its parent ({})", show(parent)), span);
                    }
                }
            }
        }
    }
    faults
}

/// An ephemeral container: those of Pods that run to their end stand below `run Pod`.
fn is_debugger(span: &FinishedSpan, parent: &FinishedSpan) -> bool {
    span.name == "run container" && parent.object.uid != span.object.uid
}

/// A trace for people: one span a line, indented, for comparisons in messages.
pub(crate) fn outline(spans: &[FinishedSpan]) -> String {
    let mut text = String::new();
    for trace in traces(spans).values() {
        let Some(root) = trace.root else { continue };
        draw(&mut text, trace, root, 0);
    }
    text
}

fn draw(text: &mut String, trace: &Trace<'_>, span: &FinishedSpan, depth: usize) {
    writeln!(text, "{:depth$}{}", "", show(span), depth = depth * 2).unwrap();
    for child in trace.spans.iter().filter(|child| child.parent == Some(span.span_id)) {
        draw(text, trace, child, depth + 1);
    }
}
