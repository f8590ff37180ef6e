//! Span trees as text, and the checks that scenarios are written with.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::collections::BTreeMap;
use std::fmt::Write as _;

use expect_test::Expect;
use lifespan::facts::ids::{SpanId, TraceId};
use lifespan::facts::span::{FinishedSpan, Link, LinkReason, SpanEvent, Value};
use lifespan::facts::time::UnixNanos;

use super::script::{Run, ZERO, run};
use crate::support::checks::{flag, number, text};

/// How much a tree tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Names, ends and marks only: what must not depend on which lane was late.
    Shape,
    /// Also times, without the phases of Pods.
    Short,
    /// Also phases, and where times come from.
    Full,
}

/// The tree without phases.
pub(crate) fn check(script: &str, expect: Expect) {
    expect.assert_eq(&draw(&run(script), Detail::Short));
}

/// The tree with phases, and where times come from.
pub(crate) fn check_full(script: &str, expect: Expect) {
    expect.assert_eq(&draw(&run(script), Detail::Full));
}

/// The tree, in which spans also tell the attributes of these names.
pub(crate) fn check_also(also: &[&str], script: &str, expect: Expect) {
    expect.assert_eq(&draw_also(&run(script), Detail::Short, also));
}

/// The tree, and what was counted instead of traced.
pub(crate) fn check_counts(script: &str, expect: Expect) {
    let run = run(script);
    let counts = &run.counts;
    let untraced = counts.untraced;
    let all = [
        ("pods", untraced.pods),
        ("baseline", untraced.baseline),
        ("churn", untraced.churn),
        ("unchanged", untraced.unchanged),
        ("orphans", untraced.orphans),
        ("stale", untraced.stale),
        ("left out", untraced.left_out),
        ("late", counts.late),
        ("early", counts.early),
        ("strange events", counts.strange_events),
    ];
    let told: Vec<_> =
        all.iter().filter(|(_, n)| *n > 0).map(|(what, n)| format!("{what} {n}")).collect();
    let tree = draw(&run, Detail::Short);
    expect.assert_eq(&format!("{tree}counted: {}\n", told.join(", ")));
}

/// All traces in order of the start of their roots.
pub(crate) fn draw(run: &Run, detail: Detail) -> String {
    draw_also(run, detail, &[])
}

fn draw_also(run: &Run, detail: Detail, also: &[&str]) -> String {
    let roots = || run.spans.iter().filter(|span| span.parent.is_none());
    let causes: BTreeMap<(TraceId, SpanId), &FinishedSpan> =
        roots().map(|root| ((root.trace_id, root.span_id), root)).collect();
    let mut sorted: Vec<_> = roots().collect();
    sorted.sort_by_key(|root| (root.start, root.object.name.clone(), root.end));
    let mut tree = Tree { text: String::new(), spans: &run.spans, causes, detail, also };
    for root in sorted {
        tree.span(root, 0);
    }
    let has_root = |span: &&FinishedSpan| roots().any(|root| root.trace_id == span.trace_id);
    for span in run.spans.iter().filter(|span| !has_root(span)) {
        tree.text.push_str("rootless: ");
        tree.span(span, 0);
    }
    for root in run.open.iter().filter(|span| span.parent.is_none()) {
        let cause = text(root, "lifespan.cause");
        writeln!(tree.text, "open: {} {} {cause}", root.name, root.object.name).unwrap();
    }
    if tree.text.is_empty() { "nothing\n".to_owned() } else { tree.text }
}

struct Tree<'a> {
    text: String,
    spans: &'a [FinishedSpan],
    causes: BTreeMap<(TraceId, SpanId), &'a FinishedSpan>,
    detail: Detail,
    also: &'a [&'a str],
}

impl Tree<'_> {
    fn span(&mut self, span: &FinishedSpan, depth: usize) {
        let pad = "  ".repeat(depth);
        write!(self.text, "{pad}{} {}", span.name, span.object.name).unwrap();
        if let Some(container) = &span.container {
            write!(self.text, " [{container}]").unwrap();
        }
        if self.detail != Detail::Shape {
            write!(self.text, " {}..{}", time(span.start), time(span.end)).unwrap();
        }
        if let Some(outcome) = span.outcome {
            write!(self.text, " {outcome}").unwrap();
        }
        if let Some((error, message)) = &span.error {
            write!(self.text, " ERROR {error}: {message}").unwrap();
        }
        let mut marks = marks(span, self.detail);
        for also in self.also {
            let found = span.attributes.iter().find(|(name, _)| name == also);
            let short = also.trim_start_matches("lifespan.").trim_start_matches("k8s.");
            marks.extend(found.map(|(_, value)| format!("{short}={}", show(value))));
        }
        if !marks.is_empty() {
            write!(self.text, " {{{}}}", marks.join(", ")).unwrap();
        }
        self.text.push('\n');
        if let Some(parent) = &span.remote_parent {
            let trace = span.trace_id.0[15];
            writeln!(self.text, "{pad}  ^ {trace:02x}.{:02x}", parent.span_id.0[7]).unwrap();
        }
        for link in &span.links {
            let link = self.link(link);
            writeln!(self.text, "{pad}  -> {link}").unwrap();
        }
        for event in &span.events {
            writeln!(self.text, "{pad}  * {}", told(event, self.detail)).unwrap();
        }
        let all = self.spans;
        let mut below: Vec<_> = all
            .iter()
            .filter(|child| child.trace_id == span.trace_id && child.parent == Some(span.span_id))
            .filter(|child| self.detail != Detail::Short || child.outcome.is_some())
            .collect();
        if self.detail == Detail::Shape {
            below.sort_by_key(|child| (child.name.clone(), child.object.name.clone()));
        } else {
            below.sort_by_key(|child| (child.start, child.end, child.object.name.clone()));
        }
        for child in below {
            self.span(child, depth + 1);
        }
    }

    fn link(&self, link: &Link) -> String {
        let what = match self.causes.get(&(link.trace_id, link.span_id)) {
            Some(root) => format!("{} {}", root.name, text(root, "lifespan.cause")),
            None if link.reason == LinkReason::Stamp => {
                let (trace, span) = (link.trace_id.to_string(), link.span_id.to_string());
                let found = link.found.as_deref().unwrap_or_default();
                format!("{trace:.2}.{span:.2} in {found}")
            }
            None => "something unknown".to_owned(),
        };
        let uncertain = if link.is_uncertain { ", uncertain" } else { "" };
        format!("{} {what}{uncertain}", link.reason.name())
    }
}

fn told(event: &SpanEvent, detail: Detail) -> String {
    let mut line = match detail {
        Detail::Shape => event.name.to_string(),
        Detail::Short | Detail::Full => format!("{} {}", time(event.at), event.name),
    };
    for (key, value) in &event.attributes {
        let key = key.trim_start_matches("lifespan.").trim_start_matches("k8s.");
        if key != "event.message" {
            write!(line, " {key}={}", show(value)).unwrap();
        }
    }
    line
}

/// What a scenario can be about, of a span's attributes.
fn marks(span: &FinishedSpan, detail: Detail) -> Vec<String> {
    let mut marks = Vec::new();
    if span.is_consumer {
        marks.push("CONSUMER".to_owned());
    }
    let told = [
        "cause",
        "generation.skipped",
        "manager",
        "changed",
        "replicas.from",
        "replicas.to",
        "context.stale",
        "context.uncertain",
        "unstable",
        "watch.gap",
        "pods.terminating",
        "pods.omitted",
        "owner.missing",
        "owner.kind",
        "owner.name",
        "reason",
        "blocked.reason",
        "forced",
        "exit_code",
        "exit_codes",
        "restarts.missed",
        "clock.skew_ms",
        "link.reason",
    ];
    let full = ["actor", "start.source", "end.source", "time.uncertainty_ms"];
    let full = full.iter().filter(|_| detail == Detail::Full);
    for key in told.iter().chain(full) {
        let found =
            span.attributes.iter().find(|(name, _)| name.strip_prefix("lifespan.") == Some(key));
        let is_change_of_set = key.starts_with("replicas.") && !span.name.ends_with("ReplicaSet");
        if let Some((_, value)) = found.filter(|_| !is_change_of_set && *key != "link.reason") {
            let is_flag = *value == Value::Bool(true);
            marks.push(if is_flag { (*key).to_owned() } else { format!("{key}={}", show(value)) });
        }
    }
    // Back ends hide the attributes of links, so the span says the reasons as well.
    let said = span.attributes.iter().find(|(name, _)| *name == "lifespan.link.reason");
    let mut reasons: Vec<_> = span.links.iter().map(|link| link.reason.name().to_owned()).collect();
    reasons.sort();
    reasons.dedup();
    let expected = (!reasons.is_empty()).then_some(Value::List(reasons));
    assert_eq!(said.map(|(_, value)| value), expected.as_ref(), "reasons of links");
    assert!(!flag(span, "lifespan.forced") || number(span, "lifespan.grace_seconds") >= 0);
    if let Some(outcome) = span.outcome {
        assert_eq!(text(span, "lifespan.outcome"), outcome.name());
    }
    marks
}

fn show(value: &Value) -> String {
    match value {
        Value::Str(text) => text.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::List(list) => list.join("+"),
    }
}

/// Seconds of the script, to the millisecond; what lies a nanosecond before one is shown with it.
fn time(at: UnixNanos) -> String {
    let ms = (at.0 - ZERO * 1_000_000_000 + 500_000).div_euclid(1_000_000);
    let sign = if ms < 0 { "-" } else { "" };
    let (whole, fraction) = (ms.abs() / 1_000, format!("{:03}", ms.abs() % 1_000));
    let fraction = fraction.trim_end_matches('0');
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}
