//! Opening and closing of transitions.

use super::super::pod::Seq;
use super::super::transition::{Action, Closing, Joined, Transition};
use super::{Last, Rules, Tree};
use crate::facts::ids::{self, SpanId, TraceId};
use crate::facts::instant::Evidence;
use crate::facts::kind::Kind;
use crate::facts::meta::Uid;
use crate::facts::span::{FinishedSpan, Link, LinkReason, Outcome};
use crate::facts::stamp::Stamp;
use crate::facts::time::{Nanos, UnixNanos};
use crate::facts::workload::{Mode, Workload};
use crate::spans;

/// A stamp written without a spec change counts for a transition opened within this time.
const STAMP_WAITS: Nanos = Nanos::from_seconds(60);

impl Tree {
    /// Opens a transition. What was open is closed by it: superseded, or deleted where the new
    /// one is the end of the tree; a `recover` that was healthy has settled.
    pub(super) fn open_transition(
        &mut self,
        action: Action,
        cause: String,
        start: Evidence,
        rules: &Rules,
        out: &mut Vec<FinishedSpan>,
    ) -> &mut Transition {
        let mut links = Vec::new();
        let mut closed_now = None;
        if let Some(pending) = self.pending.as_deref_mut() {
            match (&mut pending.closed, pending.healthy) {
                (Some(closed), _) => {
                    let within = start.decision() <= closed.hold_until;
                    closed.is_unstable |= action == Action::Recover && within;
                }
                (None, Some(healthy)) => self.close_healthy(healthy, rules),
                (None, None) => {
                    let outcome =
                        if action.is_end() { Outcome::Deleted } else { Outcome::Superseded };
                    closed_now = Some((pending.trace, pending.span));
                    self.close(outcome, start, None, rules);
                }
            }
            self.emit(rules, out);
        }
        if let Some((trace, span)) = closed_now {
            links.push(own_link(trace, span, LinkReason::Supersedes));
        } else if let Some(last) = self.last {
            if action == Action::Resume && last.is_paused {
                links.push(own_link(last.trace, last.span, LinkReason::Resumes));
            } else if last.is_followed && !action.is_end() {
                links.push(own_link(last.trace, last.span, LinkReason::Follows));
            }
        }
        let seq = self.take_seq();
        let trace = ids::trace_id(&rules.cluster_uid, self.top.uid, &cause);
        let transition = Transition {
            seq,
            action,
            cause,
            trace,
            joined: None,
            seed: trace,
            span: ids::span_id(trace, self.top.uid, "root", "", 0),
            start,
            has_gap: false,
            generation: self.root.as_deref().map_or(0, |root| root.meta.generation),
            skipped: 0,
            manager: None,
            changed: Vec::new(),
            images: None,
            replicas: None,
            links,
            is_stale: false,
            goals: Vec::new(),
            steps: std::collections::BTreeMap::new(),
            notes: Vec::new(),
            is_of_run: action == Action::Run || (action == Action::Resume && self.is_run()),
            is_by_pods: false,
            is_on_delete: false,
            written: start,
            scheduled: None,
            finalizers: Vec::new(),
            baggage: Vec::new(),
            healthy: None,
            departed: std::collections::BTreeMap::new(),
            closed: None,
        };
        self.broken = None;
        self.moved = None;
        self.pending.insert(Box::new(transition))
    }

    /// Fresh stamps, and those that waited for a transition, become its links.
    pub(super) fn link_stamps(&mut self, fresh: Vec<Stamp>, is_uncertain: bool) {
        let waiting = std::mem::take(&mut self.waiting_stamps);
        let Some(open) = self.open() else {
            self.waiting_stamps = waiting;
            return;
        };
        let opened = open.start.decision();
        let waited = waiting.into_iter().filter(|(_, at)| opened.since(*at) <= STAMP_WAITS);
        for stamp in waited.map(|(stamp, _)| stamp).chain(fresh) {
            let context = &stamp.context;
            let known = |(key, _): &(Box<str>, Box<str>)| {
                open.baggage.iter().any(|(other, _)| other == key)
            };
            let baggage: Vec<_> =
                stamp.baggage.iter().filter(|entry| !known(entry)).cloned().collect();
            open.baggage.extend(baggage);
            if stamp.is_parent && open.joined.is_none() && !is_uncertain {
                open.joined = Some(Joined {
                    parent: context.span_id,
                    trace_state: context.trace_state.clone(),
                    flags: context.flags,
                    found: stamp.found,
                });
                open.trace = context.trace_id;
                open.links.retain(|link| link.trace_id != context.trace_id);
                continue;
            }
            let is_known = open
                .links
                .iter()
                .any(|link| (link.trace_id, link.span_id) == (context.trace_id, context.span_id));
            if !is_known && context.trace_id != open.trace {
                open.links.push(Link::to_stamp(stamp, is_uncertain));
            }
        }
    }

    /// Closes the open transition. It leaves at once, or after its hold where it settled.
    pub(super) fn close(
        &mut self,
        outcome: Outcome,
        end: Evidence,
        declared: Option<(Box<str>, String)>,
        rules: &Rules,
    ) {
        let Some(open) = self.open() else { return };
        let is_settled = matches!(outcome, Outcome::Completed | Outcome::Paused);
        let is_end = open.action.is_end();
        // What had to stay well for a while has waited already; what is suspended ends what runs.
        let waits = (is_settled && !is_end && !open.must_last()) || outcome == Outcome::Suspended;
        let hold = if waits { rules.stable_time } else { Nanos(i64::MIN / 2) };
        let hold_until = end.decision().plus(hold);
        let closing =
            Closing { outcome, end, declared, is_settled, hold_until, is_unstable: false };
        open.closed = Some(Box::new(closing));
        let seq = open.seq;
        self.pods.values_mut().for_each(|pod| pod.cut(seq));
        let is_broken = matches!(outcome, Outcome::Failed | Outcome::TimedOut);
        if is_broken {
            let seq = self.take_seq();
            self.broken = Some((end, seq));
        }
    }

    pub(super) fn close_healthy(&mut self, healthy: Evidence, rules: &Rules) {
        let Some(open) = self.open() else { return };
        // What was written since is not part of what had settled by then, nor what its Pods did.
        let at = healthy.decision();
        open.steps.retain(|_, step| step.start.decision() <= at);
        let seq = open.seq;
        open.departed.values_mut().for_each(|pod| pod.forget_later(seq, at));
        self.pods.values_mut().for_each(|pod| pod.forget_later(seq, at));
        self.close(Outcome::Completed, healthy, None, rules);
    }

    /// The transition that was closed leaves: its spans are built, children before the root.
    pub(super) fn emit(&mut self, rules: &Rules, out: &mut Vec<FinishedSpan>) {
        let Some(pending) = self.pending.take() else { return };
        let Some(closed) = pending.closed.as_deref() else {
            self.pending = Some(pending);
            return;
        };
        self.last = Some(Last {
            trace: pending.trace,
            span: pending.span,
            is_followed: closed.is_unstable
                || pending.is_on_delete
                || matches!(closed.outcome, Outcome::Failed | Outcome::TimedOut),
            is_paused: matches!(closed.outcome, Outcome::Paused | Outcome::Suspended),
        });
        let built = spans::of_transition(self, &pending, rules);
        for (uid, left) in built.left {
            if let Some(end) = self.pods.get_mut(&uid).and_then(|pod| pod.end_mut()) {
                end.left = Some(left);
            }
        }
        for pod in self.pods.values_mut() {
            pod.forget(pending.seq);
        }
        out.extend(built.spans);
    }

    /// The open transition has run into its limit, or a `recover` has been healthy long enough.
    pub(super) fn expire_open(
        &mut self,
        now: UnixNanos,
        rules: &Rules,
        out: &mut Vec<FinishedSpan>,
    ) {
        let Some(open) = self.open() else { return };
        let limit = open.start.limited_from().plus(open.limit(rules));
        let healthy = open.healthy.filter(|since| since.decision().plus(rules.stable_time) <= now);
        if let Some(healthy) = healthy {
            self.close_healthy(healthy, rules);
            self.emit(rules, out);
        } else if limit <= now {
            let end = Evidence::event(limit);
            self.close(Outcome::TimedOut, end, None, rules);
            self.emit(rules, out);
        }
    }

    /// Whether losing a Pod now would open a `recover`.
    pub(super) fn may_recover(&self) -> bool {
        !self.is_muted
            && !self.is_unjudged
            && self.broken.is_none()
            && !self.is_open()
            && self.wanted().is_some()
    }

    /// How many Pods are wanted; `None` where the object is gone or going, or does not say it.
    pub(super) fn wanted(&self) -> Option<i64> {
        match &self.root {
            Some(root) if root.mode != Mode::Rollout => None,
            Some(root) if root.meta.deletion.is_none() => {
                root.wanted().or_else(|| self.wanted_below())
            }
            Some(_) => None,
            // Nothing brings back a Pod that runs to its end.
            None if self.top.kind == Kind::Pod => {
                self.pods.get(&self.top.uid).filter(|pod| pod.restarts_always).map(|_| 1)
            }
            None => None,
        }
    }

    /// The transition that ends of Pods belong to: the one that is open, or the suspension that
    /// ended what runs.
    pub(super) fn ending_seq(&self) -> Option<Seq> {
        let pending = self.pending.as_deref()?;
        let is_theirs = pending.closed.as_deref().is_none_or(|it| it.outcome == Outcome::Suspended);
        is_theirs.then_some(pending.seq)
    }

    /// Opens what a Pod caused at `at`, in that second: as a rule a `recover`. Only a Pod that came
    /// or went may have done so because a DaemonSet wants another number of nodes.
    pub(super) fn open_by_pod(
        &mut self,
        action: Action,
        (uid, second): (Uid, i64),
        comes_or_goes: bool,
        at: Evidence,
        rules: &Rules,
        out: &mut Vec<FinishedSpan>,
    ) {
        let cause = format!("pods:{uid}:{second}");
        let known = self.root.as_deref().map_or(0, Workload::count);
        let is_of_nodes = self.top.kind == Kind::DaemonSet && comes_or_goes;
        let desired = self.desired.filter(|_| is_of_nodes).unwrap_or(known);
        // The nodes that a DaemonSet wants became others, before or after its Pods did.
        let moved = self.moved.take().unwrap_or(known);
        let moved = Some(moved).filter(|from| is_of_nodes && *from != desired);
        let action = if moved.is_some() { Action::Scale } else { action };
        let open = self.open_transition(action, cause, at, rules, out);
        open.is_by_pods = comes_or_goes;
        // Pods of old revisions may be left for the next one.
        open.is_on_delete = action == Action::Update;
        open.replicas = moved.map(|from| (from, desired));
    }

    /// The number of nodes that a DaemonSet wants is another: what its Pods opened is no loss.
    pub(super) fn nodes_moved(&mut self, from: i64, to: i64) {
        let Some(open) = self.open() else {
            self.moved = Some(self.moved.unwrap_or(from)).filter(|first| *first != to);
            return;
        };
        if open.is_by_pods && matches!(open.action, Action::Recover | Action::Scale) {
            open.action = Action::Scale;
            open.healthy = None;
            open.replicas = Some((open.replicas.map_or(from, |(first, _)| first), to));
        }
    }

    /// Pods that have been unready for `stable_time` by `now` are lost.
    pub(super) fn recover_unready(
        &mut self,
        now: UnixNanos,
        rules: &Rules,
        out: &mut Vec<FinishedSpan>,
    ) {
        if !self.may_recover() {
            return;
        }
        let Some((&(since, uid), &at)) = self.unready.first_key_value() else { return };
        if since.plus(rules.stable_time) > now {
            return;
        }
        self.open_by_pod(Action::Recover, (uid, at.lo.seconds()), false, at, rules, out);
    }
}

/// A link to a transition of ours: sampled, ids random by hash.
pub(super) fn own_link(trace: TraceId, span: SpanId, reason: LinkReason) -> Link {
    Link {
        trace_id: trace,
        span_id: span,
        trace_state: Box::default(),
        flags: 3,
        reason,
        found: Box::default(),
        is_uncertain: false,
    }
}
