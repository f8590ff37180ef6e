//! The root span of a transition.

use crate::context::is_decided;
use crate::facts::kind::Kind;
use crate::facts::span::RemoteParent;
use crate::facts::span::{Link, LinkReason, Outcome, SpanEvent, Value};
use crate::facts::stamp::Stamp;
use crate::facts::time::Nanos;
use crate::lifecycle::action::Action;
use crate::lifecycle::pod::Unfit;
use crate::lifecycle::transition::GoalChange;
use crate::spans::attributes::{self, with_refusal};
use crate::spans::draft::{Draft, Identity, MAX_ON_SPAN};
use crate::spans::{Build, leaving, owned};

/// `lifespan.changed` names at most so many paths.
const MAX_CHANGED: usize = 20;

impl Build<'_> {
    pub(super) fn root(&mut self) {
        let (transition, closing) = (self.transition, self.closing);
        let top = &self.closed.tree.top;
        let of = Identity {
            seed: transition.seed,
            parent: None,
            object: top,
            container: None,
            attempt: 0,
        };
        let start = transition.start.instant(Nanos(0));
        let end = self.end.not_before(&start);
        let name = transition.action.span_name(&top.kind);
        let mut draft = Draft::new(of, "root", name, start, end).outcome(closing.outcome);
        draft.push("lifespan.action", transition.action.name());
        draft.push("lifespan.cause", transition.cause.clone());
        if let Some(generation) = transition.generation {
            draft.push("lifespan.generation", generation);
        }
        if transition.skipped > 0 {
            draft.push("lifespan.generation.skipped", transition.skipped);
        }
        if let Some(manager) = &transition.manager {
            draft.push_text("lifespan.manager", manager);
        }
        if !transition.changed.is_empty() {
            let paths = transition.changed.iter().take(MAX_CHANGED);
            draft.push("lifespan.changed", paths.map(ToString::to_string).collect::<Vec<_>>());
        }
        if let Some((before, after)) = &transition.images {
            draft.push("lifespan.image.before", before.clone());
            draft.push("lifespan.image.after", after.clone());
        }
        if let Some((from, to)) = transition.replicas {
            draft.push("lifespan.replicas.from", from);
            draft.push("lifespan.replicas.to", to);
        }
        owned::push_schedule(&mut draft, transition.scheduled);
        owned::push_finalizers(&mut draft, &transition.finalizers);
        self.push_marks(&mut draft);
        if let Some(joined) = &transition.joined {
            draft.push_text("lifespan.context.found", &joined.found);
        }
        if !transition.baggage.is_empty() {
            let said = transition.baggage.iter().map(|(key, value)| format!("{key}={value}"));
            draft.push("lifespan.context.baggage", said.collect::<Vec<_>>());
        }
        for goal in &transition.goals {
            draft.events.push(goal_event(goal));
        }
        self.push_context(&mut draft);
        self.push_bare(&mut draft);
        self.push_error(&mut draft);
        self.push_waits(&mut draft);
        if transition.n_omitted > 0 {
            let n = i64::try_from(transition.n_omitted).unwrap_or(i64::MAX);
            draft.push("lifespan.reconcile.omitted", n);
        }
        self.drafts.push(draft);
    }

    /// The traces of others that it is linked to, or a part of.
    fn push_context(&self, draft: &mut Draft) {
        let transition = self.transition;
        draft.links.clone_from(&transition.links);
        draft.dropped_links = transition.n_links_dropped;
        draft.is_consumer = transition
            .links
            .iter()
            .any(|link| link.reason == LinkReason::Stamp && !link.is_uncertain)
            || transition.joined.is_some();
        draft.remote_parent = transition.joined.as_ref().map(|joined| RemoteParent {
            span_id: joined.parent,
            flags: joined.flags,
            is_decided: is_decided(joined.flags, joined.trace_state.as_deref().unwrap_or_default()),
        });
    }

    /// Where a bare Pod ran, and how it ended.
    fn push_bare(&self, draft: &mut Draft) {
        let action = self.transition.action;
        let Some(pod) = self.closed.pods.get(&self.top()) else { return };
        let is_gone = pod.end().is_some_and(|end| end.gone.is_some());
        if action == Action::Terminate && is_gone {
            draft.push_said("k8s.node.name", pod.node.as_deref());
            leaving::push_end(draft, pod);
            if let Some(reason) = pod.end().and_then(|end| end.reason.as_deref()) {
                draft.push_text("lifespan.reason", reason);
            }
        }
        let is_start =
            matches!(action, Action::Start | Action::Run | Action::Resize | Action::Update);
        if is_start && !is_gone {
            draft.push_said("k8s.node.name", pod.node.as_deref());
        }
        if action == Action::Resize && self.closing.outcome != Outcome::Completed {
            let unfit = pod.resizes().iter().rev().find_map(|resize| resize.unfit.as_ref());
            draft.push_said("lifespan.reason", unfit.map(Unfit::reason));
        }
    }

    /// Links to the stamps of an object below the root, unless the root already says them: they
    /// are copied downwards, and their trace may be this one.
    pub(super) fn own_links(&self, stamps: &[Stamp]) -> Vec<Link> {
        let is_said = |stamp: &&Stamp| {
            let trace = stamp.context.trace_id;
            trace == self.transition.trace
                || self.transition.links.iter().any(|link| link.trace_id == trace)
                || self.closed.stamps.iter().any(|known| known.context.trace_id == trace)
        };
        let own = stamps.iter().filter(|stamp| !is_said(stamp)).take(MAX_ON_SPAN);
        own.map(|stamp| Link::to_stamp(stamp.clone(), false)).collect()
    }

    fn push_marks(&self, draft: &mut Draft) {
        let transition = self.transition;
        if transition.is_stale {
            draft.push("lifespan.context.stale", true);
        }
        if transition.links.iter().any(|link| link.is_uncertain) {
            draft.push("lifespan.context.uncertain", true);
        }
        if self.closing.is_unstable {
            draft.push("lifespan.unstable", true);
        }
        if self.closing.is_cut {
            draft.push("lifespan.hold.cut", true);
        }
        if transition.has_gap {
            draft.push("lifespan.watch.gap", true);
        }
        if transition.is_unconfirmed {
            draft.push("lifespan.verdict.unconfirmed", true);
        }
        if transition.is_without_verdict {
            draft.push("lifespan.verdict", "none");
        }
        if let Some(lost) = &transition.lost {
            draft.push_text("lifespan.lost.pod", &lost.pod);
            draft.push_said("lifespan.lost.node", lost.node.as_deref());
            draft.push_said("lifespan.reason", lost.reason.as_deref());
            draft.push_said("lifespan.lost.message", lost.message.as_deref());
        }
        if transition.action == Action::Recover
            && let Some(reason) = self.blocked()
        {
            draft.push_text("lifespan.blocked.reason", reason);
        }
        if let Some(owner) = &self.closed.tree.owner {
            if self.closed.tree.is_owner_missing {
                draft.push("lifespan.owner.missing", true);
            }
            if owner.kind == Kind::CronJob {
                attributes::push_object(&mut draft.attributes, &owner.kind, &owner.name, owner.uid);
            } else {
                draft.push("lifespan.owner.kind", owner.kind.name().to_owned());
                draft.push("lifespan.owner.name", owner.name.to_string());
                draft.push("lifespan.owner.uid", owner.uid.to_string());
            }
        }
    }

    /// Where it waited to be resumed: spans below the root, and their sum on it.
    fn push_waits(&mut self, root: &mut Draft) {
        let mut total = self.transition.was_suspended.unwrap_or_default();
        for (attempt, (from, to)) in (0..).zip(&self.transition.waits) {
            let from = from.instant(Nanos(0));
            let outcome = match to {
                Some(_) => Outcome::Completed,
                None => Outcome::Unfinished,
            };
            let to = to.map_or(self.end, |to| to.instant(Nanos(0))).not_before(&from);
            total = total.plus(to.best.since(from.best));
            let object = &self.closed.tree.top;
            let of = Identity { attempt, ..Identity::of(self.transition.seed, root.id, object) };
            let draft = Draft::new(of, "await resume", "await resume", from, to).outcome(outcome);
            self.drafts.push(draft);
        }
        if !self.transition.waits.is_empty() || self.transition.was_suspended.is_some() {
            root.push("lifespan.queued_ms", total.millis());
        }
    }

    /// What stood in the way of a lost Pod's replacement: a refusal, or a Pod that fits no node.
    fn blocked(&self) -> Option<&str> {
        let said = self.transition.blocked.as_deref();
        said.or_else(|| self.refusal(|_| true).map(|(reason, _)| reason))
    }

    /// Pods that were still going when the root ended, and ephemeral containers that still ran: their
    /// spans outlive it.
    pub(super) fn terminating(&mut self) {
        let Some(end) = self.drafts.iter().find(|it| it.parent.is_none()).map(|it| it.end.best)
        else {
            return;
        };
        let outlive = self.drafts.iter().filter(|it| it.may_outlive && it.end.best > end);
        let containers = outlive.map(|draft| &draft.container);
        let containers = containers.chain(self.left.iter().map(|((_, container), _)| container));
        let (pods, debuggers): (Vec<_>, Vec<_>) = containers.partition(|it| it.is_none());
        let n_pods = i64::try_from(pods.len()).unwrap_or(i64::MAX);
        let n_all = u32::try_from(pods.len() + debuggers.len()).unwrap_or(u32::MAX);
        let root = self.drafts.iter_mut().find(|it| it.parent.is_none());
        if let Some(root) = root.filter(|_| !self.is_shown) {
            root.n_outliving = n_all;
            if n_pods > 0 {
                root.push("lifespan.pods.terminating", n_pods);
            }
        }
    }

    /// Failed and timed out are errors; superseded, deleted and unfinished only if a Pod was in a
    /// failure state; what completed in the end is none.
    fn push_error(&self, draft: &mut Draft) {
        let closed = self.closing;
        let is_error = matches!(closed.outcome, Outcome::Failed | Outcome::TimedOut);
        let cause = self.cause(|_| true).filter(|cause| is_error || !cause.is_waiting);
        match closed.outcome {
            Outcome::Failed | Outcome::TimedOut => {
                let (reason, message) = match (&closed.declared, cause) {
                    (Some((reason, message)), Some(cause)) if **reason != *cause.reason => (
                        reason.to_string(),
                        format!("{message} ({}: {})", cause.reason, cause.message),
                    ),
                    (Some((reason, message)), Some(_)) => (reason.to_string(), message.clone()),
                    (Some((reason, message)), None) => {
                        (reason.to_string(), with_refusal(reason, message, self.refused()))
                    }
                    (None, Some(cause)) => (cause.reason.to_string(), cause.message.clone()),
                    (None, None) if self.refused().is_some() => {
                        let (reason, message) = self.refused().unwrap_or_default();
                        (reason.to_owned(), message.to_owned())
                    }
                    (None, None) => {
                        let what = closed.outcome.name();
                        (what.to_owned(), format!("the transition {what}"))
                    }
                };
                draft.fail(&reason, &message);
            }
            Outcome::Unfinished if self.is_shown => {}
            Outcome::Superseded | Outcome::Deleted | Outcome::Unfinished => {
                if let Some(cause) = cause {
                    draft.fail(&cause.reason, &cause.message);
                    if let Some(code) = cause.exit_code {
                        draft.push("lifespan.exit_code", i64::from(code));
                    }
                } else if let Some((reason, message)) = self.refused() {
                    draft.fail(reason, message);
                }
            }
            Outcome::Completed | Outcome::Paused | Outcome::Suspended | Outcome::Vanished => {}
        }
    }
}

impl Build<'_> {
    /// Why the topmost workload or one below it could not get its Pods: what a condition says of
    /// it, or an Event.
    fn refused(&self) -> Option<(&str, &str)> {
        let steps = self.transition.steps.values().filter(|step| step.settled.is_none());
        let said = steps.filter(|step| !step.is_deleted).find_map(|step| step.failure.as_ref());
        let said = said.map(|(reason, message)| (&**reason, &**message));
        let refused = self.closed.refused.as_ref();
        let refused = refused.map(|(reason, message)| (&**reason, &**message));
        said.or(refused).or_else(|| self.refusal(|_| true))
    }
}

fn goal_event(goal: &GoalChange) -> SpanEvent {
    let mut attributes = vec![("lifespan.field", Value::from(goal.field.to_string()))];
    let said = [("lifespan.from", &goal.from), ("lifespan.to", &goal.to)];
    for (key, value) in said {
        if let Some(value) = value {
            attributes.push((key, value.clone().into()));
        }
    }
    if let Some(manager) = &goal.manager {
        attributes.push(("lifespan.manager", manager.to_string().into()));
    }
    SpanEvent { at: goal.at.instant(Nanos(0)).best, name: goal.what.name().into(), attributes }
}
