//! Spans of the workloads below the topmost one.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::facts::ids;
use crate::facts::ids::SpanId;
use crate::facts::kind::Kind;
use crate::facts::meta::Uid;
use crate::facts::span::{ObjectRef, Outcome, SpanEvent, Value};
use crate::facts::time::{Nanos, UnixNanos};
use crate::lifecycle::forest::{is_rolled_out, is_set};
use crate::lifecycle::step::{CutShort, Step};
use crate::lifecycle::transition::Transition;
use crate::spans::Build;
use crate::spans::attributes::with_refusal;
use crate::spans::draft::{Draft, Identity};

/// The name of a step within the ids of its trace, whatever the name of its span. That of a ReplicaSet
/// is `replicas` (DESIGN §6), unless it was something else in this transition before it was deleted.
fn id_step(transition: &Transition, uid: Uid, step: &Step) -> &'static str {
    let is_only = || !transition.past.iter().any(|(past, _)| *past == uid);
    match step {
        Step { is_deleted: true, kind, .. } if !(is_set(kind) && is_only()) => "delete",
        Step { is_deleted: false, is_run: true, .. } => "run",
        _ => "replicas",
    }
}

/// Which of several of an object: the generation that it began with. Of a ReplicaSet there is one.
fn attempt(step: &Step) -> u32 {
    let number = if is_set(&step.kind) { 0 } else { step.number & u64::from(u32::MAX) };
    u32::try_from(number).unwrap_or_default()
}

/// The span of a step, and what part of the order it takes up.
#[derive(Clone, Copy, Debug)]
pub(super) struct StepSpan {
    id: SpanId,
    /// Its Pods may come before what tells of it, though not before what tells of the workload above it.
    earliest: u64,
    from: u64,
    to: u64,
    /// What begins after it was over is no part of it, whatever else there is.
    ends: bool,
}

/// The spans of the workloads below the topmost one, those of each in their order.
pub(super) fn step_spans(transition: &Transition) -> BTreeMap<Uid, Vec<StepSpan>> {
    let mut spans: BTreeMap<Uid, Vec<StepSpan>> = BTreeMap::new();
    let mut begun: BTreeMap<Uid, u64> = BTreeMap::new();
    // What is rolled out is over with the last of its spans, and so are its ReplicaSets.
    let mut rolled_out: BTreeMap<Uid, u64> = BTreeMap::new();
    let over = |step: &Step| {
        let over = step.settled.or(step.failed).filter(|_| step.is_over());
        over.map_or(u64::MAX, |over| over.order())
    };
    for (uid, step) in transition.all_steps() {
        let order = step.start.order();
        begun.entry(uid).and_modify(|first| *first = order.min(*first)).or_insert(order);
        if is_rolled_out(&step.kind) {
            let last = rolled_out.entry(uid).or_default();
            *last = over(step).max(*last);
        }
    }
    for (uid, step) in transition.all_steps() {
        let id =
            ids::span_id(transition.seed, uid, id_step(transition, uid, step), None, attempt(step));
        let of = if is_set(&step.kind) { step.owner } else { uid };
        let ends = rolled_out.contains_key(&of);
        let to = if is_set(&step.kind) { rolled_out.get(&of).copied() } else { None };
        let to = to.unwrap_or_else(|| over(step));
        // For a node that came or went a Pod did before its DaemonSet said so.
        let is_of_nodes = step.kind == Kind::DaemonSet && action(step) == "scale";
        let begins_with_pods = is_set(&step.kind) || is_of_nodes;
        let from = step.start.order();
        let above = begun.get(&step.owner).copied().unwrap_or(0);
        let earliest = if begins_with_pods { above.min(from) } else { from };
        spans.entry(uid).or_default().push(StepSpan { id, earliest, from, to, ends });
    }
    spans
}

/// Of the spans of a workload that which takes in what happened from one place of the order to
/// another. What began before the first is no part of that, unless it begins with its Pods.
pub(super) fn taking_in(spans: &[StepSpan], from: u64, to: u64) -> Option<SpanId> {
    let begun = spans.iter().rev().find(|span| span.from <= from);
    let begun = begun.or(spans.first().filter(|first| first.earliest <= from))?;
    // The only one takes in all that comes later, as a rule.
    let takes_all = spans.len() == 1 && (!begun.ends || from <= begun.to);
    (takes_all || to <= begun.to).then_some(begun.id)
}

impl Build<'_> {
    pub(super) fn owned(&mut self) {
        let transition = self.transition;
        for (uid, step) in transition.all_steps() {
            let draft = self.step(uid, step);
            self.drafts.push(draft);
        }
    }

    fn step(&self, uid: Uid, step: &Step) -> Draft {
        let object = ObjectRef {
            kind: step.kind.clone(),
            namespace: self.closed.tree.top.namespace.clone(),
            name: Arc::clone(&step.name),
            uid,
        };
        let parent = self.above(Some(step.owner), step.start.order(), step.last_write());
        let of = Identity::of(self.transition.seed, parent, &object);
        let of = Identity { attempt: attempt(step), ..of };
        let action = action(step);
        let from = step.start.instant(Nanos(0));
        let settled = step.settled.map(|settled| settled.instant(Nanos(0)));
        // What settled by it bounds its write, of which a list may tell a later time.
        let from = settled.filter(|settled| settled.hi < from.lo).unwrap_or(from);
        let settled = settled.map(|settled| settled.not_before(&from));
        let has_failed = step.failed.is_some() || (step.is_run && step.failure.is_some());
        // What was written again after it had failed failed then; else what it does goes on.
        let is_newest = self.transition.steps.get(uid).is_some_and(|it| it.number == step.number);
        let settled = settled.or_else(|| {
            step.failed
                .filter(|_| !is_newest)
                .map(|failed| failed.instant(Nanos(0)).not_before(&from))
        });
        let (end, outcome) = match settled {
            Some(settled) if step.has_vanished => (settled, Outcome::Vanished),
            Some(settled) => match step.cut_short {
                CutShort::ByDeletion => (settled, Outcome::Deleted),
                CutShort::BySuspension => (settled, Outcome::Suspended),
                CutShort::Not if has_failed => (settled, Outcome::Failed),
                CutShort::Not => (settled, Outcome::Completed),
            },
            None if has_failed && !self.is_shown => (self.end, Outcome::Failed),
            None => (self.end, Outcome::Unfinished),
        };
        let name = format!("{action} {}", step.kind.name());
        let mut draft =
            Draft::new(of, id_step(self.transition, uid, step), name, from, end).outcome(outcome);
        draft.links = self.own_links(&step.stamps);
        draft.push("lifespan.action", action);
        if let Some(revision) = step.revision {
            draft.push("lifespan.revision", revision);
        }
        let counts = !step.is_run && !matches!(step.kind, Kind::Other(_));
        if !step.is_deleted && counts {
            draft.push("lifespan.replicas.from", step.from);
            draft.push("lifespan.replicas.to", step.to);
        }
        if !step.is_deleted {
            draft.push("lifespan.actor", "controller");
        }
        if step.has_vanished {
            draft.push("lifespan.watch.gap", true);
        }
        push_schedule(&mut draft, step.scheduled);
        push_finalizers(&mut draft, &step.finalizers);
        for (at, from, to) in &step.writes {
            draft.events.push(SpanEvent {
                at: at.instant(Nanos(0)).best,
                name: "replicas changed".into(),
                attributes: vec![
                    ("lifespan.replicas.from", (*from).into()),
                    ("lifespan.replicas.to", (*to).into()),
                ],
            });
        }
        self.push_failure(&mut draft, uid, step, outcome);
        draft
    }

    /// Why a workload, or one below it, could not get its Pods.
    fn refused_below(&self, uid: Uid) -> Option<(&str, &str)> {
        let steps = self.transition.steps.iter().filter(|(below, step)| {
            let is_open = step.settled.is_none() && !step.is_deleted && !step.is_run;
            is_open && **below != uid && self.is_below(Some(**below), uid)
        });
        let said = steps.filter_map(|(_, step)| step.failure.as_ref()).next();
        let said = said.map(|(reason, message)| (&**reason, &**message));
        said.or_else(|| self.refusal(|about| self.is_below(Some(about), uid)))
    }

    /// What a step that did not end well failed of: what its controller says, and what its Pods
    /// ran into first.
    fn push_failure(&self, draft: &mut Draft, uid: Uid, step: &Step, outcome: Outcome) {
        let is_open = outcome == Outcome::Unfinished && !self.is_shown;
        if !(is_open || outcome == Outcome::Failed) || step.is_deleted {
            return;
        }
        let is_error = outcome == Outcome::Failed;
        let cause = self.cause(|pod| self.is_below(pod.owner(), uid));
        let cause = cause.filter(|cause| is_error || !cause.is_waiting);
        let declared = step.failure.as_ref().filter(|_| is_error || cause.is_none());
        match (declared, cause) {
            (Some((reason, message)), Some(cause)) => {
                draft.fail(reason, &format!("{message} ({}: {})", cause.reason, cause.message));
            }
            (Some((reason, message)), None) => {
                let message = with_refusal(reason, message, self.refused_below(uid));
                draft.fail(reason, &message);
            }
            (None, Some(cause)) => draft.fail(&cause.reason, &cause.message),
            (None, None) => {
                if let Some((reason, message)) = self.refused_below(uid) {
                    draft.fail(reason, message);
                }
            }
        }
    }
}

/// What a step does.
const fn action(step: &Step) -> &'static str {
    match step {
        Step { is_deleted: true, .. } => "delete",
        Step { is_run: true, .. } => "run",
        Step { is_created: true, .. } => "create",
        Step { is_restart: true, .. } => "restart",
        Step { is_update: true, .. } => "update",
        _ => "scale",
    }
}

/// How much later than its CronJob wanted a Job was created.
pub(super) fn push_schedule(draft: &mut Draft, scheduled: Option<UnixNanos>) {
    if let Some(scheduled) = scheduled {
        draft.push("lifespan.schedule.lag_ms", draft.start.best.since(scheduled).millis());
    }
}

/// What held a deletion.
pub(super) fn push_finalizers(draft: &mut Draft, finalizers: &[Box<str>]) {
    if !finalizers.is_empty() {
        let names: Vec<String> = finalizers.iter().map(ToString::to_string).collect();
        draft.push("lifespan.finalizers", Value::from(names));
    }
}
