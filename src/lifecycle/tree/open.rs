//! Opening and closing of transitions.

use std::collections::BTreeMap;

use super::{Last, Tree};
use crate::facts::ids;
use crate::facts::ids::{SpanId, TraceId};
use crate::facts::instant::Evidence;
use crate::facts::kind::Kind;
use crate::facts::meta::Uid;
use crate::facts::span::{Link, LinkReason, Outcome};
use crate::facts::stamp::Stamp;
use crate::facts::time::{Nanos, UnixNanos};
use crate::facts::workload::{Mode, Workload};
use crate::lifecycle::closed::{Departed, Ended};
use crate::lifecycle::pod::{Pod, Seq};
use crate::lifecycle::transition::{Action, Closing, Joined, Settles, Transition};
use crate::lifecycle::turn::Turn;

/// A stamp written without a spec change counts for a transition opened within this time.
const STAMP_WAITS: Nanos = Nanos::from_seconds(60);

/// A Pod that came, went or is lost, and so names a cause.
#[derive(Clone, Copy, Debug)]
pub(super) struct ByPod {
    pub(super) uid: Uid,
    /// The second that names it.
    pub(super) second: i64,
    /// It came or went, so that it may have done so because a DaemonSet wants another number of
    /// nodes.
    pub(super) comes_or_goes: bool,
    pub(super) at: Evidence,
}

impl Tree {
    /// Opens a transition. What was open is closed by it: superseded, or deleted where the new
    /// one is the end of the tree; a `recover` that was healthy has settled.
    pub(super) fn open_transition(
        &mut self,
        action: Action,
        settles: Settles,
        cause: String,
        start: Evidence,
        turn: &mut Turn<'_>,
    ) -> &mut Transition {
        let superseded = self.close_for(action, start, turn);
        let link = superseded.map(|of| own_link(of, LinkReason::Supersedes)).or_else(|| {
            let last = self.last?;
            let of = (last.trace, last.span);
            if action == Action::Resume && last.is_paused {
                Some(own_link(of, LinkReason::Resumes))
            } else {
                let is_followed = last.is_followed && !action.is_end();
                is_followed.then(|| own_link(of, LinkReason::Follows))
            }
        });
        let seq = self.take_seq();
        let trace = ids::trace_id(&turn.rules.cluster_uid, self.top().uid, &cause);
        let transition = Transition {
            seq,
            action,
            settles,
            cause,
            trace,
            joined: None,
            seed: trace,
            span: ids::span_id(trace, self.top().uid, "root", "", 0),
            start,
            has_gap: false,
            generation: self.root.as_deref().map_or(0, |root| root.meta.generation),
            skipped: 0,
            manager: None,
            changed: Vec::new(),
            images: None,
            replicas: None,
            links: link.into_iter().collect(),
            n_links_dropped: 0,
            is_stale: false,
            goals: Vec::new(),
            steps: BTreeMap::new(),
            notes: Vec::new(),
            leaves_old_pods: false,
            written: start,
            scheduled: None,
            finalizers: Vec::new(),
            baggage: Vec::new(),
            healthy: None,
            departed: BTreeMap::new(),
            closed: None,
            n_crowded: 0,
        };
        self.broken = None;
        self.nodes = super::Nodes::default();
        self.pending.insert(Box::new(transition))
    }

    /// What is open or held ends for what opens now. Returns what was superseded by that.
    fn close_for(
        &mut self,
        action: Action,
        start: Evidence,
        turn: &mut Turn<'_>,
    ) -> Option<(TraceId, SpanId)> {
        let pending = self.pending.as_deref_mut()?;
        if let Some(closed) = &mut pending.closed {
            let within = closed.hold_until.is_some_and(|until| start.decision() <= until);
            closed.is_unstable |= action == Action::Recover && within;
            self.emit(turn);
            return None;
        }
        if pending.healthy.is_some() {
            self.has_lasted(turn);
            return None;
        }
        let superseded = (pending.trace, pending.span);
        let outcome = if action.is_end() { Outcome::Deleted } else { Outcome::Superseded };
        self.close(outcome, start, None, turn);
        Some(superseded)
    }

    /// Fresh stamps, and those that waited for a transition, become its links.
    pub(super) fn link_stamps(&mut self, fresh: Vec<Stamp>, is_uncertain: bool) {
        if !self.is_open() {
            return;
        }
        let waiting = std::mem::take(&mut self.waiting_stamps);
        let Some(open) = self.open() else { return };
        let opened = open.start.decision();
        let waited = waiting.into_iter().filter(|(_, at)| opened.since(*at) <= STAMP_WAITS);
        for stamp in waited.map(|(stamp, _)| stamp).chain(fresh) {
            link_stamp(open, stamp, is_uncertain);
        }
    }

    /// Closes the open transition. It leaves at once, or after its hold where it settled.
    pub(super) fn close(
        &mut self,
        outcome: Outcome,
        end: Evidence,
        declared: Option<(Box<str>, String)>,
        turn: &mut Turn<'_>,
    ) {
        let Some(open) = self.open() else { return };
        let is_settled = matches!(outcome, Outcome::Completed | Outcome::Paused);
        // What had to stay well for a while has waited already; what is suspended ends what runs.
        let has_waited = matches!(open.settles, Settles::WhenGone | Settles::ByHealth { .. });
        let waits = (is_settled && !has_waited) || outcome == Outcome::Suspended;
        let hold_until = waits.then(|| end.decision().plus(turn.rules.stable_time));
        let closing = Closing {
            outcome,
            end,
            declared,
            is_settled,
            hold_until,
            is_unstable: false,
            is_cut: false,
        };
        open.closed = Some(Box::new(closing));
        let seq = open.seq;
        self.pods.each(|(_, pod)| pod.cut(seq));
        if matches!(outcome, Outcome::Failed | Outcome::TimedOut) {
            let seq = self.take_seq();
            self.broken = Some((end, seq));
        }
        if !waits {
            self.emit(turn);
        }
    }

    /// Health that had to last has lasted: the transition ended when it came.
    pub(super) fn has_lasted(&mut self, turn: &mut Turn<'_>) {
        let Some(open) = self.open() else { return };
        let Some(healthy) = open.healthy else { return };
        // What was written since is not part of what had settled by then, nor what its Pods did.
        let at = healthy.decision();
        open.steps.retain(|_, step| step.start.decision() <= at);
        let seq = open.seq;
        open.departed.values_mut().for_each(|pod| pod.forget_later(seq, at));
        self.pods.each(|(_, pod)| pod.forget_later(seq, at));
        self.close(Outcome::Completed, healthy, None, turn);
    }

    /// The transition that was closed leaves.
    pub(super) fn emit(&mut self, turn: &mut Turn<'_>) {
        let Some(mut pending) = self.pending.take() else { return };
        let Some(closing) = pending.closed.take() else {
            self.pending = Some(pending);
            return;
        };
        self.last = Some(Last {
            trace: pending.trace,
            span: pending.span,
            is_followed: closing.is_unstable
                || pending.leaves_old_pods
                || matches!(closing.outcome, Outcome::Failed | Outcome::TimedOut),
            is_paused: matches!(closing.outcome, Outcome::Paused | Outcome::Suspended),
        });
        turn.counts.crowded += pending.n_crowded;
        let seq = pending.seq;
        let closed = self.closed(*pending, *closing);
        turn.out.push(Ended::Transition(Box::new(closed)));
        self.pods.each(|(_, pod)| pod.leave(seq));
    }

    /// What is told of a Pod that is gone after its transition has left.
    pub(super) fn departed(&self, uid: Uid, pod: &Pod) -> Departed {
        let owner = pod.owner();
        let owner = owner.and_then(|uid| Some((uid, self.forest.of(uid)?.portrait())));
        Departed { tree: self.portrait.clone(), uid, pod: pod.clone(), owner }
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
                root.wanted().or_else(|| self.forest.wanted())
            }
            Some(_) => None,
            // Nothing brings back a Pod that runs to its end.
            None if self.top().kind == Kind::Pod => {
                self.pods.of(self.top().uid).filter(|pod| pod.restarts_always).map(|_| 1)
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

    /// Opens what a Pod caused: as a rule a `recover`. Only a Pod that came or went may have done
    /// so because a DaemonSet wants another number of nodes.
    pub(super) fn open_by_pod(&mut self, action: Action, by: ByPod, turn: &mut Turn<'_>) {
        let cause = format!("pods:{}:{}", by.uid, by.second);
        let known = self.root.as_deref().map_or(0, Workload::count);
        let is_of_nodes = self.top().kind == Kind::DaemonSet && by.comes_or_goes;
        let desired = turn.seen.desired.filter(|_| is_of_nodes).unwrap_or(known);
        // The nodes that a DaemonSet wants became others, before or after its Pods did.
        let moved = self.nodes.take().unwrap_or(known);
        let moved = Some(moved).filter(|from| is_of_nodes && *from != desired);
        let (action, settles) = match moved {
            Some(_) => (Action::Scale, Settles::WhenNodesAre(Some(desired))),
            None if action == Action::Scale => (action, Settles::WhenNodesAre(None)),
            None => (action, Settles::ByHealth { may_be_of_nodes: by.comes_or_goes }),
        };
        let open = self.open_transition(action, settles, cause, by.at, turn);
        // Pods of old revisions may be left for the next one.
        open.leaves_old_pods = action == Action::Update;
        open.replicas = moved.map(|from| (from, desired));
    }

    /// The number of nodes that a DaemonSet wants is another: what its Pods opened is no loss.
    pub(super) fn nodes_moved(&mut self, from: i64, to: i64) {
        let Some(open) = self.open() else { return self.nodes.moved(from, to) };
        let may_be_of_nodes = matches!(
            (open.action, open.settles),
            (Action::Recover, Settles::ByHealth { may_be_of_nodes: true })
                | (Action::Scale, Settles::WhenNodesAre(_))
        );
        if may_be_of_nodes {
            open.action = Action::Scale;
            open.settles = Settles::WhenNodesAre(Some(to));
            open.healthy = None;
            open.replicas = Some((open.replicas.map_or(from, |(first, _)| first), to));
        }
    }

    /// The Pod that has been unready longest is lost.
    pub(super) fn recover_unready(&mut self, turn: &mut Turn<'_>) {
        let Some((_, uid, at)) = self.pods.longest_unready() else { return };
        let by = ByPod { uid, second: at.lo.seconds(), comes_or_goes: false, at };
        self.open_by_pod(Action::Recover, by, turn);
    }
}

/// A stamp becomes a link, or the span above.
fn link_stamp(open: &mut Transition, stamp: Stamp, is_uncertain: bool) {
    let context = &stamp.context;
    for entry in &stamp.baggage {
        if !open.baggage.iter().any(|(key, _)| *key == entry.0) {
            open.baggage.push(entry.clone());
        }
    }
    if stamp.is_parent && open.joined.is_none() && !is_uncertain {
        open.joined = Some(Joined {
            parent: context.span_id,
            trace_state: context.trace_state.clone(),
            flags: context.flags,
            found: stamp.found,
        });
        open.trace = context.trace_id;
        open.links.retain(|link| link.trace_id != context.trace_id);
        return;
    }
    let is_known = open
        .links
        .iter()
        .any(|link| (link.trace_id, link.span_id) == (context.trace_id, context.span_id));
    if !is_known && context.trace_id != open.trace {
        open.link(Link::to_stamp(stamp, is_uncertain));
    }
}

/// A link to a transition of ours: sampled, ids random by hash.
pub(super) fn own_link((trace, span): (TraceId, SpanId), reason: LinkReason) -> Link {
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

/// Where a stamp without a transition waits: at most so many.
const MAX_WAITING_STAMPS: usize = 16;

impl Tree {
    /// Stamps that were written without a spec change: for what is open, or opens soon.
    pub(super) fn stamped(&mut self, fresh: Vec<Stamp>, at: UnixNanos) {
        if self.is_open() {
            if !fresh.is_empty() {
                self.link_stamps(fresh, false);
            }
            return;
        }
        self.waiting_stamps.extend(fresh.into_iter().take(MAX_WAITING_STAMPS).map(|it| (it, at)));
        let extra = self.waiting_stamps.len().saturating_sub(MAX_WAITING_STAMPS);
        self.waiting_stamps.drain(..extra);
    }
}
