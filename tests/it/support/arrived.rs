//! What arrived at a collector from a program that was killed now and then, beside what a process tells
//! that nothing befell (DESIGN §11).

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use lifespan::engine::Settings;
use lifespan::otlp::batch::request;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use super::drive::{decode, drive_with, settings};
use super::fake_api::CLUSTER;
use super::fake_collector::Received;
use super::lines::Line;

/// What is known of a time is this close where nothing else is said of it, in milliseconds.
const CLOSE: i64 = 50;

/// A second, in nanoseconds.
const S: u64 = 1_000_000_000;

/// A span, and the uid of what its trace is of.
#[derive(Clone, Debug, PartialEq)]
struct One {
    span: Span,
    of: String,
}

/// Spans by trace and span id.
type Traces = BTreeMap<Vec<u8>, BTreeMap<Vec<u8>, One>>;

/// What is to arrive.
#[derive(Debug)]
pub(crate) struct Expected(Traces);

/// What arrived.
#[derive(Debug, Default)]
pub(crate) struct Arrived {
    all: Traces,
    /// Spans of requests that the collector took.
    taken: BTreeSet<(Vec<u8>, Vec<u8>)>,
    /// From when to when what happened was told by lists alone, in nanoseconds: what began and was over
    /// within shows nowhere.
    pub(crate) unseen: Vec<(i64, i64)>,
    /// Times are to be within what is said of them.
    has_times: bool,
    /// How many spans came that had come before.
    pub(crate) n_again: usize,
}

/// What there is to say of a comparison.
#[derive(Debug, Default)]
pub(crate) struct Compared {
    /// What is otherwise and does not say so.
    pub(crate) wrong: Vec<String>,
    /// Traces that say that they may be otherwise, and are.
    pub(crate) n_gaps: usize,
    /// Those that say so and are the same.
    pub(crate) n_cautious: usize,
    /// Traces that were not told, and another one of the same object says so.
    pub(crate) n_passed: usize,
    /// Traces that were not told, because nobody can have seen them.
    pub(crate) n_unseen: usize,
}

impl Expected {
    /// What a process tells that was there while the cluster said `lines`.
    pub(crate) fn of(lines: &[Line]) -> Self {
        let settings = Settings { cluster_uid: Some(CLUSTER.to_owned()), ..settings() };
        let spans = drive_with(settings, &decode(lines)).spans;
        let body = ExportTraceServiceRequest::decode(request(&spans).bytes).unwrap();
        let mut traces = Traces::new();
        for one in ones(&body) {
            let trace = traces.entry(one.span.trace_id.clone()).or_default();
            trace.insert(one.span.span_id.clone(), one);
        }
        // What outlived a trace that was still open belongs to no root yet.
        traces.retain(|_, trace| root(trace).is_some());
        Self(traces)
    }

    pub(crate) fn n_traces(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn n_spans(&self) -> usize {
        self.0.values().map(BTreeMap::len).sum()
    }
}

fn ones(body: &ExportTraceServiceRequest) -> Vec<One> {
    let mut out = Vec::new();
    for of in &body.resource_spans {
        let resource = of.resource.as_ref().map(|it| it.attributes.as_slice()).unwrap_or_default();
        let is_of_root = |it: &&KeyValue| {
            it.key.ends_with(".uid")
                && !["k8s.cluster.uid", "k8s.namespace.uid"].contains(&it.key.as_str())
        };
        let uid = resource.iter().find(is_of_root).map(|it| string(it.value.as_ref()));
        for span in of.scope_spans.iter().flat_map(|it| &it.spans) {
            out.push(One { span: span.clone(), of: uid.clone().unwrap_or_default() });
        }
    }
    out
}

fn string(value: Option<&AnyValue>) -> String {
    match value.and_then(|it| it.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        _ => String::new(),
    }
}

fn value<'a>(span: &'a Span, key: &str) -> Option<&'a Value> {
    let found = span.attributes.iter().find(|it| it.key == key)?;
    found.value.as_ref()?.value.as_ref()
}

fn is_gap(span: &Span) -> bool {
    value(span, "lifespan.watch.gap") == Some(&Value::BoolValue(true))
}

/// How far the times of a span may be off, in milliseconds.
fn unsure(span: &Span) -> i64 {
    match value(span, "lifespan.time.uncertainty_ms") {
        Some(Value::IntValue(ms)) => *ms,
        _ => CLOSE,
    }
}

fn text<'a>(span: &'a Span, key: &str) -> &'a str {
    if let Some(Value::StringValue(text)) = value(span, key) { text } else { "" }
}

fn root(trace: &BTreeMap<Vec<u8>, One>) -> Option<&One> {
    trace.values().find(|one| one.span.parent_span_id.is_empty())
}

fn show(one: &One) -> String {
    let Span { name, start_time_unix_nano, end_time_unix_nano, .. } = &one.span;
    let seconds = |nanos: u64| nanos as f64 / S as f64;
    let (outcome, cause) = (text(&one.span, "lifespan.outcome"), text(&one.span, "lifespan.cause"));
    format!(
        "{name} of {} {:.3}..{:.3} {outcome} {cause}",
        one.of,
        seconds(*start_time_unix_nano),
        seconds(*end_time_unix_nano)
    )
}

/// What is otherwise about a span that both have.
fn difference(is: &One, should: &One, has_times: bool) -> Option<String> {
    let parts = |one: &One| {
        let Span { parent_span_id, name, kind, .. } = one.span.clone();
        let [outcome, error] =
            ["lifespan.outcome", "error.type"].map(|key| text(&one.span, key).to_owned());
        (parent_span_id, name, kind, outcome, error, one.of.clone())
    };
    let mut out = String::new();
    if parts(is) != parts(should) {
        write!(out, " is {}", show(is)).unwrap();
    }
    let within = unsure(&is.span) + unsure(&should.span) + 1;
    let times = |span: &Span| [span.start_time_unix_nano, span.end_time_unix_nano];
    for (what, (is, should)) in
        ["begins", "ends"].iter().zip(times(&is.span).into_iter().zip(times(&should.span)))
    {
        let apart = i64::try_from(is.abs_diff(should) / 1_000_000).unwrap();
        if apart > within && has_times {
            write!(out, " {what} {apart} ms off, and within {within} is what it says").unwrap();
        }
    }
    (!out.is_empty()).then(|| {
        let told = is.span.attributes.iter().filter(|it| it.key.starts_with("lifespan."));
        let told: Vec<_> = told.map(|it| format!("{}={:?}", it.key, it.value)).collect();
        format!("{}{out}; {}", show(should), told.join(" "))
    })
}

impl Arrived {
    /// Nothing yet; whether times are to be within what is said of them.
    pub(crate) fn new(has_times: bool) -> Self {
        Self { has_times, ..Self::default() }
    }

    /// What came that had come before is the same to the byte.
    pub(crate) fn hear(&mut self, received: Vec<Received>) {
        for received in received {
            for one in ones(&received.body) {
                let (trace, id) = (one.span.trace_id.clone(), one.span.span_id.clone());
                if received.is_taken {
                    self.taken.insert((trace.clone(), id.clone()));
                }
                let before = self.all.entry(trace).or_default().insert(id, one.clone());
                self.n_again += usize::from(before.is_some());
                assert!(before.as_ref().is_none_or(|before| *before == one), "{before:?}\n{one:?}");
            }
        }
    }

    pub(crate) fn n_spans(&self) -> usize {
        self.all.values().map(BTreeMap::len).sum()
    }

    /// What came beside what should have.
    pub(crate) fn compared(&self, expected: &Expected) -> Compared {
        let mut out = Compared::default();
        for (id, should) in &expected.0 {
            match self.all.get(id).and_then(|trace| Some((trace, root(trace)?))) {
                Some((trace, root)) => {
                    let mut wrong = Vec::new();
                    self.compare(trace, should, &mut wrong);
                    match (is_gap(&root.span), wrong.is_empty()) {
                        (true, true) => out.n_cautious += 1,
                        (true, false) => out.n_gaps += 1,
                        (false, _) => out.wrong.extend(wrong),
                    }
                }
                None => {
                    let root = root(should).unwrap();
                    if self.says_so(root) {
                        out.n_passed += 1;
                    } else if self.is_unseen(root) {
                        out.n_unseen += 1;
                    } else {
                        out.wrong.push(format!("- {}", show(root)));
                    }
                }
            }
        }
        for (id, trace) in &self.all {
            let Some(root) = root(trace).filter(|_| !expected.0.contains_key(id)) else { continue };
            if is_gap(&root.span) {
                out.n_gaps += 1;
            } else {
                out.wrong.push(format!("+ {}", show(root)));
            }
        }
        out
    }

    fn compare(
        &self,
        trace: &BTreeMap<Vec<u8>, One>,
        should: &BTreeMap<Vec<u8>, One>,
        wrong: &mut Vec<String>,
    ) {
        for (id, one) in should {
            let key = (one.span.trace_id.clone(), id.clone());
            match trace.get(id) {
                _ if !self.taken.contains(&key) => wrong.push(format!("- {}", show(one))),
                Some(is) => wrong.extend(difference(is, one, self.has_times)),
                None => wrong.push(format!("- {}", show(one))),
            }
        }
        let new = trace.iter().filter(|(id, _)| !should.contains_key(*id));
        wrong.extend(new.map(|(_, one)| format!("+ {}", show(one))));
    }

    fn is_unseen(&self, one: &One) -> bool {
        let nanos = |nanos: u64| i64::try_from(nanos).unwrap();
        let span = &one.span;
        let (start, end) = (nanos(span.start_time_unix_nano), nanos(span.end_time_unix_nano));
        self.unseen.iter().any(|(from, until)| start >= *from && end <= *until)
    }

    /// Whether another trace of the same object, of the same time, says that something may be missing.
    fn says_so(&self, root_of: &One) -> bool {
        let (start, end) = (root_of.span.start_time_unix_nano, root_of.span.end_time_unix_nano);
        let mut others = self.all.values().filter_map(root).filter(|other| other.of == root_of.of);
        others.any(|other| {
            is_gap(&other.span)
                && other.span.start_time_unix_nano <= end + S
                && other.span.end_time_unix_nano + S >= start
        })
    }
}
