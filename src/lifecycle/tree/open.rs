//! Opening and closing of transitions.

use std::collections::BTreeMap;
use std::mem;
use std::sync::Arc;

use super::waiting::Waiting;
use super::{Last, Tree};
use crate::facts::ids;
use crate::facts::ids::{SpanId, TraceId};
use crate::facts::instant::Evidence;
use crate::facts::kind::Kind;
use crate::facts::meta::Uid;
use crate::facts::pod::PodSnapshot;
use crate::facts::reason;
use crate::facts::span::{Link, LinkReason, Outcome};
use crate::facts::workload::Workload;
use crate::lifecycle::action::Action;
use crate::lifecycle::closed::{Departed, Ended};
use crate::lifecycle::pod::{Pod, Seq};
use crate::lifecycle::step::Steps;
use crate::lifecycle::transition::{ByPod, Closing, Lost, Settles, Transition, Trial, UNREADY};
use crate::lifecycle::turn::Turn;

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
        let dropped = self.drop_healing(turn).map(|healing| {
            self.pass_on_healing(&healing, action);
            if action.is_end() { Steps::default() } else { healing.still_open(start) }
        });
        let superseded = self.close_for(action, start, turn);
        let link = superseded.map(|of| own_link(of, LinkReason::Supersedes)).or_else(|| {
            let last = self.last.as_deref()?;
            let of = (last.trace, last.span);
            if let Some(paused) = last.paused.filter(|_| action == Action::Resume) {
                Some(own_link(paused, LinkReason::Resumes))
            } else {
                let is_followed = last.is_followed || action == Action::Reconcile;
                let is_followed = is_followed && !action.is_end();
                is_followed.then(|| own_link(of, LinkReason::Follows))
            }
        });
        let taken_over = self.waiting.change(Waiting::opens).into_iter();
        let taken_over = taken_over.filter(|_| action == Action::Resume);
        let seq = self.take_seq();
        let trace = ids::trace_id(turn.rules.cluster(), self.top().uid, &cause);
        let transition = Transition {
            seq,
            action,
            settles,
            cause,
            trace,
            joined: None,
            seed: trace,
            span: ids::span_id(trace, self.top().uid, "root", None, 0),
            start,
            has_gap: !self.unseen.is_empty() || start.moment() <= self.gap_until,
            has_vanished: false,
            generation: self.root.as_deref().and_then(|root| root.meta.generation),
            skipped: 0,
            manager: None,
            changed: Vec::new(),
            images: None,
            replicas: None,
            links: link.into_iter().chain(taken_over).collect(),
            n_links_dropped: 0,
            is_stale: false,
            goals: Vec::new(),
            steps: dropped.unwrap_or_default(),
            past: Vec::new(),
            notes: Vec::new(),
            queued: Vec::new(),
            limit: self.root.as_deref().and_then(|root| root.limit),
            leaves_old_pods: false,
            written: start,
            scheduled: None,
            finalizers: Vec::new(),
            baggage: Vec::new(),
            has_deferred: false,
            trial: None,
            before: None,
            lost: None,
            blocked: None,
            waits: Vec::new(),
            was_suspended: None,
            n_omitted: 0,
            is_unconfirmed: false,
            is_without_verdict: false,
            is_healing: false,
            departed: BTreeMap::new(),
            unseen: BTreeMap::new(),
            closed: None,
            n_crowded: 0,
        };
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
        let would_count = self.would_count();
        let pending = self.pending.as_deref_mut()?;
        if let Some(closed) = &mut pending.closed {
            let within = closed.hold_until.is_some_and(|until| start.moment() <= until);
            closed.is_unstable |= action == Action::Recover && within;
            self.emit(turn);
            return None;
        }
        if would_count {
            self.has_lasted(turn);
            // What was lost on trial has opened one that this ends as well.
            return self.is_open().then(|| self.close_for(action, start, turn)).flatten();
        }
        let superseded = (pending.trace, pending.span);
        let outcome = if action.is_end() { Outcome::Deleted } else { Outcome::Superseded };
        self.close(outcome, start, None, turn);
        Some(superseded)
    }

    /// Closes the open transition. It leaves at once, or after its hold where it settled.
    pub(super) fn close(
        &mut self,
        outcome: Outcome,
        end: Evidence,
        declared: Option<(Box<str>, String)>,
        turn: &mut Turn<'_>,
    ) {
        let is_healthy = self.is_healthy();
        if outcome == Outcome::TimedOut || (outcome == Outcome::Completed && is_healthy) {
            self.count_had(false);
        }
        let Some(open) = self.open() else { return };
        // What could not be written in place leaves all as it was.
        let is_in_place = matches!(open.settles, Settles::ByHealth { .. } | Settles::InPlace);
        let is_broken = !(is_in_place && is_healthy);
        let is_settled = matches!(outcome, Outcome::Completed | Outcome::Paused);
        // What had to stay well for a while has waited already; what is suspended ends what runs.
        let has_waited = matches!(open.settles, Settles::WhenGone | Settles::ByHealth { .. });
        let waits = (is_settled && !has_waited) || outcome == Outcome::Suspended;
        let hold_until = waits.then(|| turn.moment_of(&end).plus(turn.rules.stable_time));
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
        let (seq, cause) = (open.seq, open.cause.clone());
        self.pods.each(|(_, pod)| pod.cut(seq, end, is_settled));
        if !waits {
            self.emit(turn);
        }
        if matches!(outcome, Outcome::Failed | Outcome::TimedOut) && is_broken {
            self.begin_healing(&cause, end, turn);
        }
    }

    /// What had to last has lasted: the transition ended when it came.
    pub(super) fn has_lasted(&mut self, turn: &mut Turn<'_>) {
        let next = self.next_seq;
        self.forget_what_is_not_missed();
        let Some(open) = self.pending.as_deref_mut().filter(|it| it.closed.is_none()) else {
            return;
        };
        let Some(trial) = open.trial.take() else { return };
        let (seq, order) = (open.seq, trial.end.order());
        open.is_healing = false;
        let is_by_pods = matches!(open.settles, Settles::ByHealth { .. });
        // What happened after a failure is part of its healing, which comes next.
        let heals = trial.outcome == Outcome::Failed && !is_by_pods;
        let cuts = is_by_pods || heals;
        // What Pods did since is not part of what had settled by then.
        let from = trial.lost.as_ref().map(|lost| lost.0.at.order().saturating_sub(1));
        let from = if cuts { Some(order) } else { from };
        let later = if cuts { open.take_later(order) } else { Steps::default() };
        if heals {
            open.reopen_steps(order);
        }
        let mut departed = BTreeMap::new();
        if let Some(from) = from {
            let to = (trial.lost.is_some() || heals).then_some(next);
            open.departed.values_mut().for_each(|pod| Arc::make_mut(pod).move_later(seq, from, to));
            let later = open.departed.iter().filter(|(_, pod)| pod.has_part_in(next));
            departed.extend(later.map(|(uid, pod)| (*uid, Arc::clone(pod))));
            self.pods.each(|(_, pod)| pod.move_later(seq, from, to));
        }
        let Trial { outcome, end, declared, lost, well, is_unstable, .. } = trial;
        self.close_lasted(outcome, end, declared, is_unstable, turn);
        if let Some(healing) = self.telling().filter(|_| heals) {
            (healing.steps, healing.departed) = (later, mem::take(&mut departed));
        }
        if let Some((by, lost)) = lost.map(|lost| *lost)
            && matches!(outcome, Outcome::Completed | Outcome::Paused)
            && !self.is_open()
        {
            self.open_by_pod(Action::Recover, by, Some(lost), turn);
            if let Some(recover) = self.open() {
                recover.departed = departed;
            }
            // It may have been made up for long ago, and nothing more be heard of it.
            if let Some(well) = well {
                self.last_while(true, well);
            }
        }
    }

    /// What was lost on trial and is wanted by nobody when that ends: what goes recovers no more, unless it
    /// had.
    fn forget_what_is_not_missed(&mut self) {
        let on_trial = self.open_ref().and_then(|open| open.trial.as_ref());
        let Some(trial) = on_trial.filter(|trial| trial.lost.is_some()) else { return };
        let is_made_up_for = trial.well.is_some();
        let is_going = self.root.as_deref().is_none_or(|root| root.meta.deletion.is_some());
        let recovers = if is_going { is_made_up_for } else { self.wanted().is_some() };
        let gives_up = !is_made_up_for && self.gives_up_own();
        let trial = self.open().and_then(|open| open.trial.as_mut());
        if let Some(trial) = trial.filter(|_| gives_up || !recovers) {
            trial.lost = None;
            trial.is_unstable &= !gives_up;
        }
    }

    /// Closes what has lasted already, so that nothing is waited for any more.
    fn close_lasted(
        &mut self,
        outcome: Outcome,
        end: Evidence,
        declared: Option<(Box<str>, String)>,
        is_unstable: bool,
        turn: &mut Turn<'_>,
    ) {
        self.close(outcome, end, declared, turn);
        let held = self.pending.as_deref_mut().and_then(|pending| pending.closed.as_deref_mut());
        if let Some(held) = held {
            held.is_unstable |= is_unstable;
            self.emit(turn);
        }
    }

    /// What has settled and is held leaves, since another opens now: it is the last one then.
    pub(super) fn end_hold(&mut self, turn: &mut Turn<'_>) {
        if self.pending.as_deref().is_some_and(|pending| pending.closed.is_some()) {
            self.emit(turn);
        }
    }

    /// The transition that was closed leaves.
    pub(super) fn emit(&mut self, turn: &mut Turn<'_>) {
        let Some(mut pending) = self.pending.take() else { return };
        let Some(closing) = pending.closed.take() else {
            self.pending = Some(pending);
            return;
        };
        let waits =
            pending.is_waiting() && matches!(closing.outcome, Outcome::Paused | Outcome::Suspended);
        let stamps = pending.links.iter().filter(|link| link.reason == LinkReason::Stamp && waits);
        let stamps = stamps.cloned().collect();
        self.waiting.change(|waiting| waiting.taken_over = stamps);
        let is_paused = matches!(closing.outcome, Outcome::Paused | Outcome::Suspended);
        let before = self.last.as_deref().and_then(|last| last.paused);
        let is_still = self.root.as_deref().is_some_and(|root| root.paused);
        let own = (pending.trace, pending.span);
        self.last = Some(Box::new(Last {
            trace: pending.trace,
            span: pending.span,
            is_followed: closing.is_unstable
                || pending.leaves_old_pods
                || matches!(closing.outcome, Outcome::Failed | Outcome::TimedOut),
            is_paused,
            paused: if is_paused { Some(own) } else { before.filter(|_| is_still) },
            is_waiting: pending.is_waiting() && closing.outcome == Outcome::Paused,
            is_end: pending.action.is_end(),
            end: closing.end,
        }));
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
        Departed { uid, pod: pod.clone(), owner }
    }

    /// The transition that ends of Pods belong to: the one that is open, or the suspension that
    /// ended what runs.
    pub(super) fn ending_seq(&self) -> Option<Seq> {
        let pending = self.pending.as_deref()?;
        let is_theirs = pending.closed.as_deref().is_none_or(|it| it.outcome == Outcome::Suspended);
        is_theirs.then_some(pending.seq)
    }

    /// Opens what a Pod caused: as a rule a `recover`. Only a Pod that came or went may have done
    /// so because a DaemonSet wants another number of nodes; where it does not, one came for a node
    /// that joined, and another goes with one that left.
    pub(super) fn open_by_pod(
        &mut self,
        action: Action,
        by: ByPod,
        lost: Option<Lost>,
        turn: &mut Turn<'_>,
    ) {
        self.pods.change(by.uid, Pod::tell_loss);
        let mut cause = format!("pods:{}:{}", by.uid, by.second);
        let trace = ids::trace_id(turn.rules.cluster(), self.top().uid, &cause);
        let held = self.pending.as_deref().map(|pending| pending.trace);
        if held == Some(trace) || self.last.as_deref().is_some_and(|last| last.trace == trace) {
            // That it came was a cause of its own.
            cause.push_str(":lost");
        }
        let known = self.root.as_deref().map_or(0, Workload::count);
        let is_of_nodes = self.top().kind == Kind::DaemonSet && by.comes_or_goes;
        let desired = turn.seen.desired.filter(|_| is_of_nodes).unwrap_or(known);
        // The nodes that a DaemonSet wants became others, before or after its Pods did.
        let moved = self.nodes.take().unwrap_or(known);
        let moved = Some(moved).filter(|from| is_of_nodes && *from != desired);
        let (action, settles) = match moved {
            Some(_) => (Action::Scale, Settles::WhenNodesAre(Some(desired))),
            None => (action, Settles::ByHealth { may_be_of_nodes: by.comes_or_goes }),
        };
        let open = self.open_transition(action, settles, cause, by.at, turn);
        // Pods of old revisions may be left for the next one.
        open.leaves_old_pods = action == Action::Update;
        open.lost = lost.filter(|_| action == Action::Recover).map(Box::new);
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
            open.trial = None;
            open.replicas = Some((open.replicas.map_or(from, |(first, _)| first), to));
        }
    }

    /// The number of nodes that a DaemonSet below wants is another: what its Pods opened is no loss.
    pub(super) fn nodes_below_moved(&mut self) {
        let last = self.last.as_deref().copied();
        let Some(open) = self.open() else { return };
        let may_be_of_nodes = matches!(open.settles, Settles::ByHealth { may_be_of_nodes: true });
        if open.action == Action::Recover && may_be_of_nodes {
            open.action = Action::Reconcile;
            open.lost = None;
            let is_linked = open.links.iter().any(|link| link.reason == LinkReason::Follows);
            if let Some(last) = last.filter(|_| !is_linked) {
                open.link(own_link((last.trace, last.span), LinkReason::Follows));
            }
        }
    }

    /// The Pod that has been unready longest is lost.
    pub(super) fn recover_unready(&mut self, turn: &mut Turn<'_>) {
        let Some((_, uid, at)) = self.pods.longest_unready() else { return };
        // What another transition has told already, and a write came over, begins anew after that.
        let is_told = self.pods.change(uid, Pod::tell_loss) == Some(true);
        let last = self
            .last
            .as_deref()
            .map(|last| last.end)
            .filter(|end| is_told && end.order() > at.order());
        let at = last.unwrap_or(at);
        let by = ByPod { uid, second: at.lo.seconds(), comes_or_goes: false, at };
        let lost = self.pods.of(uid).map(Lost::of_unready);
        self.open_by_pod(Action::Recover, by, lost, turn);
    }
}

impl Lost {
    /// A Pod that has been unready for too long.
    fn of_unready(pod: &Pod) -> Self {
        let failure = pod.failure().map(|(failure, _)| failure);
        let reason = failure.map_or_else(|| UNREADY.into(), |failure| failure.reason.clone());
        Self::new(pod, Some(reason), failure.map(|failure| failure.message.as_str().into()))
    }

    /// A Pod that is lost for this reason, if one is known.
    pub(super) fn new(pod: &Pod, reason: Option<Box<str>>, message: Option<Box<str>>) -> Self {
        Self { pod: Arc::from(&*pod.name), node: pod.node.clone(), reason, message }
    }

    /// A Pod that is lost as its newest version says it.
    pub(super) fn of(seen: &PodSnapshot, known: &Pod) -> Self {
        let why = match (known.evicted(), known.fatal_probe()) {
            (Some(message), _) => Some(("Evicted".into(), message.into())),
            (None, Some((probe, output))) if seen.meta.deletion.is_none() => {
                Some((probe.failed().into(), output.into()))
            }
            (None, _) => reason::of_loss(seen),
        };
        let (reason, message) = why.unzip();
        Self::new(known, reason, message)
    }
}

/// A link to a transition of ours: sampled, ids random by hash.
pub(super) fn own_link((trace, span): (TraceId, SpanId), reason: LinkReason) -> Link {
    Link {
        trace_id: trace,
        span_id: span,
        trace_state: None,
        flags: 3,
        reason,
        found: None,
        is_uncertain: false,
    }
}
