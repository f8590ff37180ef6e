//! Finished spans, gathered into whole traces.
//!
//! A `terminate Pod` may leave after the root of its trace, and a person reads whole traces: so
//! they are held until the end of the input. What is held is bounded. Beyond that, traces whose
//! root has left are handed out early, the oldest first; what still comes of such a trace is
//! handed out at the end as a trace without a root.

use std::collections::BTreeMap;

use crate::facts::ids::{SpanId, TraceId};
use crate::facts::span::{FinishedSpan, Outcome, Shown, ShownSpan};
use crate::facts::time::{Nanos, UnixNanos};

/// How many spans are held before traces are handed out early; some 1 KiB each.
pub const MAX_SPANS: usize = 100_000;

/// The spans of one trace, in the order in which they left.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// At least one.
    pub spans: Vec<ShownSpan>,
}

impl Trace {
    /// Its parentless span, unless that is not among the spans.
    #[must_use]
    pub fn root(&self) -> Option<&ShownSpan> {
        self.spans.iter().rfind(|span| span.parent.is_none())
    }

    /// Each root with what lies below it: a trace of others may have several parts of ours.
    fn parts(self) -> Vec<Self> {
        let n_roots = self.spans.iter().filter(|span| span.parent.is_none()).count();
        if n_roots < 2 {
            return vec![self];
        }
        let parents: BTreeMap<SpanId, SpanId> =
            self.spans.iter().filter_map(|span| Some((span.span_id, span.parent?))).collect();
        let top = |id: SpanId| {
            let above = |id: &SpanId| parents.get(id).copied();
            std::iter::successors(Some(id), above).take(parents.len() + 1).last().unwrap_or(id)
        };
        let mut parts: BTreeMap<SpanId, Self> = BTreeMap::new();
        for span in self.spans {
            parts.entry(top(span.span_id)).or_default().spans.push(span);
        }
        parts.into_values().collect()
    }

    /// The start of its root, else of its first span.
    #[must_use]
    pub fn start(&self) -> UnixNanos {
        let first = self.spans.iter().map(|span| span.start).min().unwrap_or_default();
        self.root().map_or(first, |root| root.start)
    }

    /// Whether its root has not ended.
    #[must_use]
    pub fn is_in_progress(&self) -> bool {
        self.root().is_some_and(|root| root.outcome == Some(Shown::InProgress))
    }
}

/// Holds spans until their traces are whole.
#[derive(Debug)]
pub struct Traces {
    held: BTreeMap<TraceId, Trace>,
    n_spans: usize,
    limit: usize,
}

impl Traces {
    /// Holds about `limit` spans.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { held: BTreeMap::new(), n_spans: 0, limit }
    }

    /// Takes what left; returns the traces that have to be handed out early.
    #[must_use]
    pub fn add(&mut self, spans: Vec<FinishedSpan>) -> Vec<Trace> {
        self.n_spans += spans.len();
        for span in spans {
            self.held.entry(span.trace_id).or_default().spans.push(span.into());
        }
        if self.n_spans <= self.limit {
            return Vec::new();
        }
        let mut order: Vec<_> = self
            .held
            .iter()
            .map(|(&id, trace)| (trace.root().is_none(), trace.start(), id))
            .collect();
        order.sort_unstable();
        let mut early = Vec::new();
        for (_, _, id) in order {
            if self.n_spans <= self.limit / 2 {
                break;
            }
            if let Some(trace) = self.held.remove(&id) {
                self.n_spans -= trace.spans.len();
                early.extend(trace.parts());
            }
        }
        early
    }

    /// All that is still held, in the order in which the traces started. `in_progress` is what has
    /// not ended; of a span that has, only the finished form is kept.
    #[must_use]
    pub fn finish(mut self, in_progress: Vec<ShownSpan>) -> Vec<Trace> {
        for span in in_progress {
            let spans = &mut self.held.entry(span.trace_id).or_default().spans;
            if spans.iter().all(|other| other.span_id != span.span_id) {
                spans.push(span);
            }
        }
        let mut traces: Vec<Trace> = self.held.into_values().flat_map(Trace::parts).collect();
        traces.sort_by_key(Trace::start);
        traces
    }
}

/// Which traces a person asked for: those that meet every condition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// The id begins with these hexadecimal digits, in lower case.
    pub trace: Option<String>,
    /// `service.name` is this.
    pub service: Option<String>,
    /// It failed, timed out, or carries an error.
    pub is_failed: bool,
    /// It took longer than this.
    pub slower_than: Option<Nanos>,
}

impl Selection {
    /// Whether `trace` was asked for.
    #[must_use]
    pub fn admits(&self, trace: &Trace) -> bool {
        let Some(span) = trace.root().or(trace.spans.first()) else { return false };
        let Self { trace: prefix, service, is_failed, slower_than } = self;
        let has_failed =
            matches!(span.outcome, Some(Shown::Ended(Outcome::Failed | Outcome::TimedOut)));
        prefix.as_ref().is_none_or(|prefix| span.trace_id.to_string().starts_with(prefix))
            && service.as_ref().is_none_or(|service| span.resource.service() == service)
            && (!is_failed || has_failed || span.error.is_some())
            && slower_than.is_none_or(|least| span.end.since(span.start) > least)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::facts::ids::SpanId;
    use crate::facts::kind::Kind;
    use crate::facts::meta::Uid;
    use crate::facts::span::{ObjectRef, Resource};

    fn span(trace: u8, id: u8, parent: Option<u8>, seconds: i64) -> FinishedSpan {
        FinishedSpan {
            trace_id: TraceId([trace; 16]),
            span_id: SpanId([id; 8]),
            parent: parent.map(|id| SpanId([id; 8])),
            remote_parent: None,
            trace_state: None,
            is_random: true,
            name: "update Deployment".into(),
            is_consumer: false,
            start: UnixNanos::from_seconds(seconds),
            end: UnixNanos::from_seconds(seconds + i64::from(id)),
            object: ObjectRef {
                kind: Kind::Deployment,
                namespace: Some(Arc::from("default")),
                name: Arc::from("web"),
                uid: Uid::LEAST,
            },
            container: None,
            outcome: Some(Outcome::Completed),
            error: None,
            attributes: Vec::new(),
            events: Vec::new(),
            links: Vec::new(),
            dropped_events: 0,
            dropped_links: 0,
            n_outliving: 0,
            resource: Arc::new(Resource { attributes: vec![("service.name", "web".into())] }),
        }
    }

    fn told(traces: &[Trace]) -> Vec<(u8, usize)> {
        traces.iter().map(|trace| (trace.spans[0].trace_id.0[0], trace.spans.len())).collect()
    }

    #[test]
    fn a_span_that_leaves_after_its_root_still_finds_its_trace() {
        let mut traces = Traces::new(10);
        assert!(traces.add(vec![span(2, 2, Some(1), 5), span(2, 1, None, 5)]).is_empty());
        assert!(traces.add(vec![span(1, 1, None, 3), span(2, 3, Some(1), 6)]).is_empty());
        assert_eq!(told(&traces.finish(Vec::new())), [(1, 1), (2, 3)]);
    }

    #[test]
    fn what_is_held_is_bounded_and_the_oldest_whole_traces_leave_first() {
        let mut traces = Traces::new(4);
        assert!(traces.add(vec![span(9, 2, Some(1), 0)]).is_empty());
        let early = (1..6).flat_map(|n| traces.add(vec![span(n, 1, None, i64::from(n))]));
        assert_eq!(told(&early.collect::<Vec<_>>()), [(1, 1), (2, 1), (3, 1)]);
        assert_eq!(told(&traces.finish(Vec::new())), [(9, 1), (4, 1), (5, 1)]);
    }

    #[test]
    fn a_span_that_has_ended_is_not_shown_in_progress_as_well() {
        let mut traces = Traces::new(10);
        assert!(traces.add(vec![span(1, 2, Some(1), 1)]).is_empty());
        let open = |id, parent| span(1, id, parent, 1).shown(true);
        let traces = traces.finish(vec![open(2, Some(1)), open(1, None)]);
        assert_eq!(told(&traces), [(1, 2)]);
        assert!(traces[0].is_in_progress());
    }

    #[test]
    fn a_selection_admits_what_meets_all_its_conditions() {
        let trace = Trace { spans: vec![span(0xab, 3, None, 0).into()] };
        let admits = |selection: Selection| selection.admits(&trace);
        assert!(admits(Selection::default()));
        assert!(admits(Selection { trace: Some("abab".to_owned()), ..Selection::default() }));
        assert!(!admits(Selection { trace: Some("abc".to_owned()), ..Selection::default() }));
        assert!(!admits(Selection { service: Some("shop".to_owned()), ..Selection::default() }));
        assert!(!admits(Selection { is_failed: true, ..Selection::default() }));
        let slower = |seconds| Selection {
            slower_than: Some(Nanos::from_seconds(seconds)),
            service: Some("web".to_owned()),
            ..Selection::default()
        };
        assert!(admits(slower(2)) && !admits(slower(3)));
    }
}
