//! Holds what was told against what truly happened.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a panic is a failed test")]

use std::fmt::Write as _;

use lifespan::facts::span::FinishedSpan;

use super::checks::{flag, is_root, number, outcome, show, text};
use super::model::truth::{PodTruth, Transition, Truth};
use super::model::{MAX_DELAY, MS, S};

/// Without a word about it, no time is further from the truth.
const SURE: i64 = 50 * MS;
/// So much may lie between a fact and the last of the writes that follow from it.
const CHAIN: i64 = 30 * MS;

struct Comparison<'a> {
    truth: &'a Truth,
    spans: &'a [FinishedSpan],
    faults: String,
}

/// What `spans` tell otherwise than it was: empty if nothing.
pub(crate) fn faults(truth: &Truth, spans: &[FinishedSpan]) -> String {
    let mut comparison = Comparison { truth, spans, faults: String::new() };
    let roots: Vec<Option<&FinishedSpan>> =
        truth.transitions.iter().map(|one| comparison.transition(one)).collect();
    for pod in &truth.pods {
        comparison.run(pod, &roots);
        comparison.start(pod, &roots);
        comparison.end(pod, &roots);
        comparison.resizes(pod, &roots);
    }
    comparison.nothing_invented();
    comparison.faults
}

impl<'a> Comparison<'a> {
    fn fault(&mut self, what: &str) {
        if self.faults.len() < 4_000 {
            writeln!(self.faults, "{what}").unwrap();
        }
    }

    /// Holds one end of a span against the truth.
    fn time(&mut self, what: &str, span: &FinishedSpan, told: i64, truly: i64) {
        let unsure = number(span, "lifespan.time.uncertainty_ms") * MS;
        let off = told - truly;
        if off.abs() > unsure.max(SURE) + MAX_DELAY + CHAIN {
            let (off, unsure) = (off / MS, unsure / MS);
            self.fault(&format!("{what} is {off} ms off (said: {unsure} ms): {}", show(span)));
        }
    }

    fn transition(&mut self, truly: &Transition) -> Option<&'a FinishedSpan> {
        let (uid, kind) = (self.truth.uid(truly.tree), self.truth.kind(truly.tree));
        let is_named = |root: &FinishedSpan| {
            truly.actions.iter().any(|action| root.name == format!("{action} {kind}"))
        };
        let mut found: Vec<&FinishedSpan> = self
            .spans
            .iter()
            .filter(|span| is_root(span) && span.object.uid.to_string() == uid)
            .filter(|span| truly.cause.is(text(span, "lifespan.cause")))
            .collect();
        // A Pod that comes and is lost within two seconds causes one and then the other.
        if found.iter().any(|root| is_named(root)) {
            found.retain(|root| is_named(root));
        }
        let root = found.pop();
        let Some((end, expected)) = truly.end.filter(|_| truly.is_certain) else { return root };
        let what = format!("{:?} of {uid} ({:?})", truly.actions, truly.cause);
        let Some(root) = root else {
            self.fault(&format!("no trace of {what}, {expected}"));
            return None;
        };
        if !found.is_empty() {
            self.fault(&format!("several traces of {what}"));
        }
        let error = text(root, "error.type");
        let is_so = truly.error.is_none_or(|reason| reason == error);
        if !is_named(root) || outcome(root) != expected || !is_so {
            self.fault(&format!("{what}, {expected}, is told as {}", show(root)));
        } else {
            self.time("the start", root, root.start.0, truly.start);
            self.time("the end", root, root.end.0, end);
            self.queue(truly, root);
        }
        Some(root)
    }

    /// How long a run waited to be resumed.
    fn queue(&mut self, truly: &Transition, root: &FinishedSpan) {
        let told = root.attributes.iter().any(|(key, _)| *key == "lifespan.queued_ms");
        if !matches!(self.truth.kind(truly.tree), "Job") {
            return;
        }
        match truly.queued {
            Some(queued) => {
                let end = root.start.0 + number(root, "lifespan.queued_ms") * MS;
                self.time("the wait", root, end, root.start.0 + queued);
            }
            // One that was deleted while it waited may say for how long.
            None if told && outcome(root) != "deleted" => {
                self.fault(&format!("it waited for nothing: {}", show(root)));
            }
            None => {}
        }
    }

    /// Pods that were resized in place, in a `reconcile` of its own.
    fn resizes(&mut self, pod: &PodTruth, roots: &[Option<&'a FinishedSpan>]) {
        let spans = self.spans;
        for resize in &pod.resizes {
            let Some((transition, index)) = self.certain(resize.within) else { continue };
            let Some((done, expected)) = resize.done else { continue };
            let limit = Self::limit(pod, transition);
            if transition.actions != ["reconcile"] || done > limit.saturating_sub(100 * MS) {
                continue;
            }
            let is_it = |span: &&FinishedSpan| {
                span.name == "resize Pod"
                    && span.object.uid.to_string() == pod.uid
                    && (span.start.0 - resize.written).abs() < S
            };
            let nearest = |span: &&FinishedSpan| (span.start.0 - resize.written).abs();
            let Some(span) = spans.iter().filter(is_it).min_by_key(nearest) else {
                self.fault(&format!("no resize Pod of {} in {:?}", pod.name, transition.cause));
                continue;
            };
            self.is_within("resize Pod", span, roots[index]);
            self.time("a resize", span, span.start.0, resize.written);
            self.time("the end of a resize", span, span.end.0, done);
            if outcome(span) != expected {
                self.fault(&format!("{} has {expected}: {}", pod.name, show(span)));
            }
        }
    }

    /// The spans of this name about `pod`; more than one is a fault.
    fn of(&mut self, name: &str, pod: &PodTruth) -> Option<&'a FinishedSpan> {
        let spans = self.spans;
        let about =
            |span: &&FinishedSpan| span.name == name && span.object.uid.to_string() == pod.uid;
        let mut found = spans.iter().filter(about);
        let first = found.next();
        if found.next().is_some() {
            self.fault(&format!("more than one {name} of {}", pod.name));
        }
        first
    }

    fn is_within(&mut self, name: &str, span: &FinishedSpan, root: Option<&FinishedSpan>) {
        if root.is_some_and(|root| root.trace_id != span.trace_id) {
            self.fault(&format!("{name} in another trace than it was: {}", show(span)));
        }
    }

    /// The transition of this index, if it is certain and has ended.
    fn certain(&self, index: Option<usize>) -> Option<(&'a Transition, usize)> {
        let index = index?;
        let transition = &self.truth.transitions[index];
        (transition.is_certain && transition.end.is_some()).then_some((transition, index))
    }

    /// Until when a Pod of this transition can have come to something.
    fn limit(pod: &PodTruth, transition: &Transition) -> i64 {
        let closed = transition.end.map_or(i64::MAX, |(end, _)| end);
        pod.requested.unwrap_or(i64::MAX).min(closed)
    }

    fn start(&mut self, pod: &PodTruth, roots: &[Option<&'a FinishedSpan>]) {
        let span = self.of("start Pod", pod);
        let Some((transition, index)) = self.certain(pod.start_in) else { return };
        let Some(span) = span else {
            self.fault(&format!("no start Pod of {} in {:?}", pod.name, transition.cause));
            return;
        };
        self.is_within("start Pod", span, roots[index]);
        // Between them stands a ReplicaSet, or the run of the Pod.
        let is_direct = matches!(self.truth.kind(transition.tree), "StatefulSet" | "DaemonSet");
        if is_direct && span.parent != roots[index].map(|root| root.span_id) {
            self.fault(&format!("not directly below its root: {}", show(span)));
        }
        self.time("the creation", span, span.start.0, pod.created);
        let limit = Self::limit(pod, transition);
        // One that runs once has started when its containers run.
        let done = if pod.is_run { pod.started } else { pod.ready }.unwrap_or(i64::MAX);
        if done < limit.saturating_sub(100 * MS) {
            if outcome(span) == "completed" {
                self.time("its readiness", span, span.end.0, done);
                self.phases(pod, span);
            } else {
                self.fault(&format!("{} was ready: {}", pod.name, show(span)));
            }
        } else if done > limit.saturating_add(100 * MS) && outcome(span) == "completed" {
            // Readiness after the deletion was asked for may count; after the end it cannot.
            if transition.end.is_some_and(|(end, _)| done > end) {
                self.fault(&format!("{} was not ready: {}", pod.name, show(span)));
            }
        }
    }

    /// A Pod that runs once: its run, and that of its container, with every restart between.
    fn run(&mut self, pod: &PodTruth, roots: &[Option<&'a FinishedSpan>]) {
        let span = self.of("run Pod", pod);
        let start = self.of("start Pod", pod);
        let Some((transition, index)) = self.certain(pod.start_in) else { return };
        let (true, Some(span)) = (pod.is_run, span) else {
            if pod.is_run != span.is_some() {
                self.fault(&format!("a run Pod of {}, or none, is wrong", pod.name));
            }
            return;
        };
        self.is_within("run Pod", span, roots[index]);
        self.time("the creation", span, span.start.0, pod.created);
        if span.parent != roots[index].map(|root| root.span_id)
            || start.is_some_and(|start| start.parent != Some(span.span_id))
        {
            self.fault(&format!("not between its root and its start: {}", show(span)));
        }
        let Some((finished, code)) = pod.finished else {
            if pod.requested.is_none() && matches!(outcome(span), "completed" | "failed") {
                self.fault(&format!("{} has not ended: {}", pod.name, show(span)));
            }
            return;
        };
        if finished >= Self::limit(pod, transition).saturating_sub(1_500 * MS) {
            return;
        }
        let expected = if code == 0 { "completed" } else { "failed" };
        if outcome(span) != expected {
            self.fault(&format!("{} has {expected}: {}", pod.name, show(span)));
        }
        self.time("the end of a run", span, span.end.0, finished);
        let below = |name: &'static str| {
            let spans = self.spans.iter();
            spans.filter(move |it| it.name == name && it.object.uid.to_string() == pod.uid)
        };
        let runs: Vec<_> = below("run container").collect();
        let codes: Vec<i64> = runs.iter().map(|it| number(it, "lifespan.exit_code")).collect();
        if let Some(last) = runs.last().filter(|last| outcome(last) != expected) {
            self.fault(&format!("{} has {expected}: {}", pod.name, show(last)));
        }
        let restarts = below("restart container").count();
        if codes.last() != Some(&code) || restarts != pod.restarts.len() {
            self.fault(&format!(
                "exit {code} and {} restarts of {} are told as {codes:?} and {restarts}",
                pod.restarts.len(),
                pod.name
            ));
        }
    }

    fn phases(&mut self, pod: &PodTruth, start: &FinishedSpan) {
        let exact = [
            ("schedule Pod", Some(pod.created), pod.scheduled),
            ("prepare Pod sandbox", None, pod.sandbox),
            ("start container", None, pod.started),
        ];
        for (name, from, to) in exact {
            let Some(span) = self.of(name, pod) else {
                self.fault(&format!("no {name}: {}", show(start)));
                continue;
            };
            if let Some(from) = from {
                self.time(name, span, span.start.0, from);
            }
            if let Some(to) = to {
                self.time(name, span, span.end.0, to);
            }
        }
        let pull = self.of("pull image", pod);
        match (pod.pulled, pull) {
            (Some((Some(from), to)), Some(span)) => {
                self.time("a pull's start", span, span.start.0, from);
                self.time("a pull's end", span, span.end.0, to);
            }
            (Some((Some(_), _)), None) => self.fault(&format!("no pull image: {}", show(start))),
            (Some((None, _)), Some(span)) => {
                self.fault(&format!("nothing was pulled: {}", show(span)));
            }
            _ => {}
        }
    }

    fn end(&mut self, pod: &PodTruth, roots: &[Option<&'a FinishedSpan>]) {
        let span = self.of("terminate Pod", pod);
        if let Some(span) = span.filter(|_| pod.was_over) {
            self.fault(&format!("{} was over: {}", pod.name, show(span)));
        }
        let (Some(asked), Some(gone)) = (pod.requested, pod.gone) else {
            if let Some(span) = span {
                self.fault(&format!("{} is not gone: {}", pod.name, show(span)));
            }
            return;
        };
        let Some((transition, index)) = self.certain(pod.end_in) else { return };
        let Some(span) = span else {
            self.fault(&format!("no terminate Pod of {} in {:?}", pod.name, transition.cause));
            return;
        };
        self.is_within("terminate Pod", span, roots[index]);
        self.time("the request", span, span.start.0, asked);
        self.time("being gone", span, span.end.0, gone);
        if flag(span, "lifespan.forced") && !pod.is_forced {
            self.fault(&format!("{} was not forced: {}", pod.name, show(span)));
        }
    }

    /// Each root is one that the truth knows, or may be one.
    fn nothing_invented(&mut self) {
        for root in self.spans.iter().filter(|span| is_root(span)) {
            let cause = text(root, "lifespan.cause");
            let uid = root.object.uid.to_string();
            let is_known = self
                .truth
                .transitions
                .iter()
                .any(|one| self.truth.uid(one.tree) == uid && one.cause.is(cause));
            let is_murky = self.truth.murky.iter().any(|(tree, from, to)| {
                self.truth.uid(*tree) == uid && root.start.0 > from - 3 * S && root.start.0 < to + S
            });
            let is_from_below = cause.starts_with("pods:") || cause.starts_with("owned:");
            let may_be = is_from_below && is_murky;
            if !(is_known || may_be) {
                self.fault(&format!("invented: {} ({cause})", show(root)));
            }
        }
    }
}
