//! Pods of a tree: their starts, losses, restarts and readiness.

use std::num::NonZeroU64;
use std::sync::Arc;

use super::{Tree, is_ready};
use crate::facts::change::Snapshot;
use crate::facts::instant::Evidence;
use crate::facts::kind::Kind;
use crate::facts::meta::Uid;
use crate::facts::pod::{PodPhase, PodSnapshot};
use crate::facts::span::Outcome;
use crate::facts::time::{SECOND, UnixNanos};
use crate::lifecycle::action::Action;
use crate::lifecycle::pod::{self, Loss, Pod, PodRun, Seq, Start};
use crate::lifecycle::transition::{ByPod, Closing, Lost, Settles, Transition, UNREADY};
use crate::lifecycle::turn::{Seen, Turn};

impl Tree {
    pub(super) fn pod_seen(&mut self, new: &PodSnapshot, turn: &mut Turn<'_>) {
        let uid = new.meta.uid;
        let known = self.pods.of(uid);
        let is_new = known.is_none();
        let version = known.and_then(|pod| pod.version).map(NonZeroU64::get);
        if let Some(version) = version.filter(|known| *known >= new.meta.resource_version) {
            turn.counts.stale += u64::from(version > new.meta.resource_version);
            return;
        }
        // A list alone proves no loss; against a version known before it does.
        let is_baseline = is_new && turn.seen.is_listed;
        if is_new {
            self.pod_first_seen(new, turn);
        }
        let loss = self.pods.of(uid).and_then(|pod| pod.loss(new, turn.seen.heard));
        let loss = loss.filter(|_| !is_baseline);
        if let Some(loss) = &loss {
            self.pod_lost(new, loss, turn);
        }
        let was_ready = self.pods.of(uid).is_some_and(|pod| pod.is_ready);
        let unready = self.pods.of(uid).and_then(|pod| pod.unready().copied());
        let was_missed = self.pods.of(uid).is_some_and(|pod| pod.missed().is_some());
        self.written_in_place(new, turn);
        self.apply(new, is_baseline, turn);
        if is_baseline && pod::has_been_ready(new) {
            self.pods.change(uid, Pod::forget_listed);
        }
        if let Some(of) = self.pending.as_deref().filter(|_| is_baseline)
            && let Some(closed) = of.closed.as_deref()
        {
            // It was told after all was cut that had a part in it.
            let (seq, end, is_settled) = (of.seq, closed.end, closed.is_settled);
            self.pods.change(uid, |pod| pod.cut(seq, end, is_settled));
        }
        self.end_debuggers(uid, None, turn);
        if loss.is_some() && self.top().uid == uid {
            self.bare_ended(new, turn);
        }
        let at = pod_evidence(new, (was_ready, unready), turn.seen);
        // A container exits before its Pod is not Ready.
        let lost = loss.as_ref().map(Loss::at).filter(|_| !self.is_healthy());
        let at = lost.unwrap_or(at);
        if let Some(open) = self.telling().filter(|_| loss.is_some()) {
            // What had to last has not, though all may be well again by now.
            open.begin_again();
        }
        let missed = self.pods.of(uid).and_then(Pod::missed).filter(|_| !was_missed);
        if let Some(since) = missed.map(Evidence::moment) {
            self.pod_unready(since);
        }
        let is_deferred = self.pods.of(uid).and_then(Pod::deferred).is_some();
        if let Some(open) = self.telling().filter(|_| is_deferred) {
            open.has_deferred = true;
        }
        if self.top().uid == uid {
            self.evaluate_bare(new, at, turn);
        }
        self.evaluate(at, turn);
    }

    /// A Pod joins, of which nothing has been taken over yet.
    fn pod_first_seen(&mut self, new: &PodSnapshot, turn: &mut Turn<'_>) {
        let uid = new.meta.uid;
        let was_unseen = self.unseen.remove(&uid);
        let is_bare = uid == self.top().uid;
        let owner = new.meta.owner.as_ref().map(|owner| owner.uid).filter(|_| !is_bare);
        let mut pod = Pod::new(new, owner);
        // Listed, but created inside a transition: in a gap of the watch, or before it left its selector.
        let was_in_it = self.open().is_some_and(|open| open.unseen.remove(&uid).is_some());
        let of = self.lasted_at(new.meta.created).filter(|_| !was_unseen);
        let is_of_open = was_in_it || of.is_some_and(|of| of.closed.is_none());
        let closed = of.filter(|of| of.closed.is_some() && !of.action.is_end()).map(|of| of.seq);
        if pod.is_untraced {
            // Nothing begins with it.
        } else if !turn.seen.is_listed || (is_of_open && !self.is_unjudged) {
            self.pod_created(new, &mut pod, turn);
        } else if let Some(seq) = closed.filter(|_| !self.is_unjudged && !self.is_muted) {
            self.pod_started(new, &mut pod, seq, turn);
        } else {
            pod.begin_listed(new, turn.seen.heard);
            self.is_unjudged |= is_bare;
        }
        self.pods.insert(uid, pod);
    }

    /// The transition in which something was created that says so by a whole second: one that is open, or
    /// one that had not closed when that second was over and waits for its hold.
    fn lasted_at(&self, created: UnixNanos) -> Option<&Transition> {
        let is_within = |closed: &Closing| created.plus(SECOND) <= closed.end.moment();
        self.pending.as_deref().filter(|it| {
            let is_its = it.start.lo <= created && it.closed.as_deref().is_none_or(is_within);
            is_its && !it.is_healing
        })
    }

    fn pod_created(&mut self, new: &PodSnapshot, pod: &mut Pod, turn: &mut Turn<'_>) {
        let uid = new.meta.uid;
        let is_bare = uid == self.top().uid;
        let at = Evidence::object(new.meta.created, turn.seen.heard);
        if is_bare {
            let (action, settles) = if new.restarts_always {
                (Action::Start, Settles::WhenReady)
            } else {
                (Action::Run, Settles::WithRun)
            };
            let open = self.open_transition(action, settles, "spec:1".to_owned(), at, turn);
            open.generation = new.meta.generation;
            self.link_stamps(new.stamps.to_vec(), false);
        } else if self.is_of_new_node(turn.seen.desired) {
            let by = ByPod { uid, second: at.lo.seconds(), comes_or_goes: true, at };
            self.open_by_pod(Action::Recover, by, None, turn);
        } else if self.is_of_new_node_below(pod) {
            // Its DaemonSet says a moment later of how many nodes it wants one.
            self.reconcile(format!("pods:{uid}:{}", at.lo.seconds()), at, turn);
        }
        let telling = self.telling().filter(|open| !open.action.is_end()).map(|open| open.seq);
        let seq = telling.filter(|_| !self.is_muted);
        let Some(seq) = seq else {
            turn.counts.pods += 1;
            return;
        };
        self.pod_started(new, pod, seq, turn);
    }

    /// It was created in the transition `seq`.
    fn pod_started(&self, new: &PodSnapshot, pod: &mut Pod, seq: Seq, turn: &Turn<'_>) {
        let is_bare = new.meta.uid == self.top().uid;
        let mut start = Start::new(Some(seq), new, turn.seen.heard);
        start.waits.min_ready = self.min_ready_of(pod.owner());
        start.stamps = new.stamps.iter().filter(|_| !is_bare).cloned().collect();
        pod.set_start(start);
        if !new.restarts_always {
            let at = Evidence::object(new.meta.created, turn.seen.heard);
            pod.set_run(PodRun::new(Some(seq), at));
        }
    }

    /// A Pod was lost: where it was wanted and nothing is open, a `recover` opens.
    pub(super) fn pod_lost(&mut self, last: &PodSnapshot, loss: &Loss, turn: &mut Turn<'_>) {
        let uid = last.meta.uid;
        let is_bare = uid == self.top().uid;
        let Some(known) = self.pods.of(uid).filter(|pod| !pod.is_untraced) else { return };
        let lost = Lost::of(last, known);
        let loss = match loss {
            Loss::Gone(at) => {
                let told = self.told_unready(last, known, turn.seen);
                &Loss::Gone(told.copied().unwrap_or(*at))
            }
            Loss::Exited(_) | Loss::Vanished(_) => loss,
        };
        let is_gone = matches!(loss, Loss::Gone(_)) && !pod::is_finished(last);
        if is_bare && is_gone {
            return self.terminate_bare(loss.at(), turn);
        }
        let is_outdated = matches!(loss, Loss::Gone(_)) && self.is_outdated(last);
        let action = if is_outdated { Action::Update } else { Action::Recover };
        self.opens_by_loss(uid, loss, action, lost, turn);
    }

    /// Since when a Pod that has failed was not Ready, if the kubelet said so before: it ends the containers of a
    /// Pod that it makes fail first, and says then that it has (`PodFailed`,
    /// `pkg/kubelet/status/generate.go`).
    fn told_unready<'a>(
        &self,
        failed: &PodSnapshot,
        known: &'a Pod,
        seen: Seen,
    ) -> Option<&'a Evidence> {
        let is_failed = failed.phase == PodPhase::Failed && failed.meta.deletion.is_none();
        let says_so = failed.ready.as_ref().is_some_and(|ready| &*ready.reason == "PodFailed");
        let told = known.unready().filter(|_| is_failed && says_so)?;
        let last = self.last.as_deref().map(|last| last.end.order());
        (told.order() < seen.heard.order && last <= Some(told.order())).then_some(told)
    }

    pub(super) fn opens_by_loss(
        &mut self,
        uid: Uid,
        loss: &Loss,
        action: Action,
        lost: Lost,
        turn: &mut Turn<'_>,
    ) {
        let comes_or_goes = matches!(loss, Loss::Gone(_) | Loss::Vanished(_));
        let by = ByPod { uid, second: loss.second(), comes_or_goes, at: loss.at() };
        let is_bare = uid == self.top().uid;
        // Nobody misses what runs to its end.
        let pod = self.pods.of(uid).filter(|pod| pod.restarts_always);
        let is_wanted = self.wanted().zip(pod).is_some_and(|(wanted, pod)| match loss {
            // Nothing brings a bare Pod back; where the wanted nodes moved before, it goes for that.
            Loss::Gone(_) | Loss::Vanished(_) => {
                (self.misses(pod, wanted) || self.nodes.are_moving()) && !is_bare
            }
            Loss::Exited(_) => true,
        });
        if let Some(open) = self.open() {
            learn_why(open, &lost);
            let by_status = open.settles == Settles::ByStatus && is_wanted;
            if let Some(trial) = open.trial.as_mut().filter(|_| by_status) {
                trial.is_unstable = true;
                trial.lost.get_or_insert_with(|| Box::new((by, lost)));
            }
            return;
        }
        let owner = self.pods.of(uid).and_then(Pod::owner);
        let follows = comes_or_goes && owner.is_some_and(|owner| self.is_hushed(owner));
        let is_replaced = matches!(loss, Loss::Vanished(_)) && self.may_be_replaced(uid, turn.seen);
        if is_wanted && !follows && !is_replaced && self.may_recover() {
            self.open_by_pod(action, by, Some(lost), turn);
        } else {
            turn.counts.pods += 1;
        }
    }

    /// Whether what went while nobody watched may have gone by what was written: its ReplicaSet wants fewer,
    /// or the workload above it was under way in that time.
    fn may_be_replaced(&self, uid: Uid, seen: Seen) -> bool {
        let Some(pod) = self.pods.of(uid) else { return false };
        if pod.owner() != Some(self.top().uid) {
            return self.is_surplus(pod);
        }
        let Some((since, _)) = seen.unwatched else { return false };
        let closed = self.pending.as_deref().and_then(|it| it.closed.as_deref()).map(|it| it.end);
        let mut ends = closed.into_iter().chain(self.last.as_deref().map(|last| last.end));
        ends.any(|end| since <= end.moment())
    }

    /// A bare Pod that failed for good after it was Ready has come to its end (DESIGN §3.13).
    fn bare_ended(&mut self, new: &PodSnapshot, turn: &mut Turn<'_>) {
        let Some(pod) = self.pods.of(new.meta.uid) else { return };
        let has_failed = new.phase == PodPhase::Failed && new.meta.deletion.is_none();
        let is_end = has_failed && pod.was_ready && pod.restarts_always;
        // What was written to it in place ends with it.
        let is_busy = self.open_ref().is_some_and(|open| open.settles != Settles::InPlace);
        if !is_end || is_busy || self.is_muted || self.is_unjudged {
            return;
        }
        let told = self.told_unready(new, pod, turn.seen).copied();
        let at = told.unwrap_or_else(|| pod_evidence(new, (pod.is_ready, None), turn.seen));
        let failure = pod.failure().map(|(it, _)| (it.reason.clone(), it.message.clone()));
        let end = pod::finish(new, turn.seen.heard);
        let lost = Lost::of(new, pod);
        let (action, settles) = (Action::Terminate, Settles::WhenGone);
        let open = self.open_transition(action, settles, "end".to_owned(), at, turn);
        open.lost = Some(Box::new(lost));
        self.close(Outcome::Failed, end, failure, turn);
    }

    /// What stands in the way of a lost Pod's replacement: a refusal, or a Pod that fits no node. It is
    /// remembered, as it has gone when the `recover` is told (DESIGN §3.11).
    pub(super) fn mark_blocked(&mut self, said: &Snapshot) {
        let open = self.open().filter(|open| open.action == Action::Recover);
        let Some(open) = open else { return };
        let obstacle = match said {
            Snapshot::Workload(new) => {
                new.status.replica_failure.as_deref().filter(|it| it.is_true)
            }
            Snapshot::Pod(new) => {
                let unplaced = new.scheduled.as_ref().filter(|it| !it.is_true);
                unplaced.filter(|it| !it.reason.is_empty())
            }
        };
        if let Some(obstacle) = obstacle {
            open.blocked = Some(obstacle.reason.clone());
        }
    }

    /// The deletion of a bare Pod was asked for.
    pub(super) fn terminate_bare(&mut self, at: Evidence, turn: &mut Turn<'_>) {
        if !self.is_muted && !self.is_unjudged {
            let (action, settles) = (Action::Terminate, Settles::WhenGone);
            self.open_transition(action, settles, "delete".to_owned(), at, turn);
        }
    }

    /// A DaemonSet gets a Pod more than the nodes that it is known to want. Where it wants more of them,
    /// as has been heard, a Pod that goes has its node until it has finished: only then another takes
    /// its place.
    fn is_of_new_node(&self, desired: Option<i64>) -> bool {
        let tally = self.pods.tally();
        let is_surplus = |wanted: i64| {
            let known = self.nodes.known(wanted);
            let wants_more = desired.unwrap_or(wanted) > known;
            tally.present >= known || (wants_more && tally.placed >= known)
        };
        self.top().kind == Kind::DaemonSet
            && self.may_recover()
            && self.wanted().is_some_and(is_surplus)
    }

    /// A DaemonSet below gets a Pod more than the nodes that it is known to want.
    fn is_of_new_node_below(&self, pod: &Pod) -> bool {
        let owned = pod.owner().and_then(|uid| Some((uid, self.forest.of(uid)?)));
        owned.is_some_and(|(uid, owned)| {
            let workload = &owned.workload;
            let is_known = workload.kind == Kind::DaemonSet && workload.status.observed.is_some();
            let n_wanted = workload.wanted().filter(|_| is_known);
            n_wanted.is_some_and(|wanted| self.pods.share(uid).present >= wanted)
        })
    }

    /// A Pod of an old revision, whose deletion lets the newest one come (OnDelete).
    pub(super) fn is_outdated(&self, pod: &PodSnapshot) -> bool {
        self.root.as_deref().is_some_and(|root| {
            root.is_on_delete
                && root.update_revision.is_some()
                && root.update_revision != pod.template_hash
        })
    }

    fn apply(&mut self, new: &PodSnapshot, is_baseline: bool, turn: &mut Turn<'_>) {
        let uid = new.meta.uid;
        let is_bare = uid == self.top().uid;
        let asked = || pod::deletion_request(new, turn.seen.heard);
        let is_before = new.meta.deletion.is_some() && self.is_before_open(&asked(), turn);
        let seq = self.ending_seq().filter(|_| !is_baseline && !is_before);
        let Some(known) = self.pods.of(uid) else { return };
        let is_scaled_down = self.is_surplus(known) && !self.is_surging(known);
        let had_finished = known.is_finished;
        let is_newly_going = new.meta.deletion.is_some() && !known.is_going && !is_baseline;
        turn.counts.pods += u64::from(is_newly_going && had_finished && !known.is_untraced);
        let n_crowded = self.pods.change(uid, |pod| {
            let seq = seq.filter(|_| !pod.is_untraced);
            let (node, containers) = (pod.node.clone(), Arc::clone(&pod.containers));
            let n_crowded = pod.apply(new, turn.seen.heard, seq);
            if pod.node != node || !Arc::ptr_eq(&pod.containers, &containers) {
                pod.share(turn.shared);
            }
            let Some(end) = pod.end_mut() else { return n_crowded };
            if is_newly_going && is_scaled_down && end.reason.is_none() {
                end.reason = Some("scaled down".into());
            }
            if is_bare {
                // The end of a bare Pod is its root span.
                end.seq = None;
            }
            n_crowded
        });
        turn.counts.crowded += n_crowded.unwrap_or_default();
    }

    /// Its DaemonSet is updated, and has more Pods than nodes meanwhile (`maxSurge`).
    fn is_surging(&self, pod: &Pod) -> bool {
        let Some((owner, open)) = pod.owner().zip(self.open_ref()) else { return false };
        let is_updated = open.steps.get(owner).is_some_and(|step| step.is_update);
        let below = self.forest.of(owner).map(|owned| &owned.workload.kind);
        let is_of_root = below.is_none() && open.action.is_of_template();
        below.unwrap_or(&self.top().kind) == &Kind::DaemonSet && (is_updated || is_of_root)
    }

    /// A Pod that was Ready is not, while something must last.
    fn pod_unready(&mut self, since: UnixNanos) {
        let Some(pending) = self.pending.as_deref_mut() else { return };
        if let Some(closed) = pending.closed.as_deref_mut() {
            closed.is_unstable |= closed.hold_until.is_some_and(|until| since <= until);
        } else if let Some(trial) = pending.trial.as_mut() {
            trial.is_unstable |= pending.settles == Settles::ByStatus;
        }
    }

    /// A bare Pod settles when it is Ready, and fails with its phase.
    fn evaluate_bare(&mut self, new: &PodSnapshot, at: Evidence, turn: &mut Turn<'_>) {
        let Some(action) = self.open().map(|open| open.action) else { return };
        let Some(pod) = self.pods.of(new.meta.uid) else { return };
        let finished = pod.run().and_then(|run| run.finished);
        if action == Action::Run {
            if new.phase == PodPhase::Succeeded {
                return self.close(Outcome::Completed, finished.unwrap_or(at), None, turn);
            }
        } else if action != Action::Start {
            return;
        } else if is_ready(new) {
            let changed = new.ready.as_ref().and_then(|ready| ready.changed);
            let end = Evidence::object_or(changed, at.lo, turn.seen.heard);
            return self.close(Outcome::Completed, end, None, turn);
        }
        if pod.is_finished {
            let failure = pod.failure().map(|(failure, _)| failure);
            let declared = failure.map(|failure| (failure.reason.clone(), failure.message.clone()));
            self.close(Outcome::Failed, finished.unwrap_or(at), declared, turn);
        }
    }
}

/// What is open may learn from a loss what it recovers from.
fn learn_why(open: &mut Transition, lost: &Lost) {
    let learns = match open.lost.as_deref() {
        // The Pod that opened it came in the place of this one.
        None => open.action == Action::Recover,
        // It began when this one was not Ready; now it is lost altogether.
        Some(known) => {
            let is_it = known.pod == lost.pod && known.reason.as_deref() == Some(UNREADY);
            is_it && lost.reason.is_some()
        }
    };
    if learns {
        open.lost = Some(Box::new(lost.clone()));
    }
}

/// When what a version of a Pod shows became true: its readiness turned, or else it was written. A kubelet
/// that comes back says that its Pod is Ready since before it was away: that was another time.
fn pod_evidence(
    new: &PodSnapshot,
    (was_ready, unready): (bool, Option<Evidence>),
    seen: Seen,
) -> Evidence {
    let turned = new.ready.as_ref().filter(|ready| ready.is_true != was_ready);
    let changed = turned.and_then(|ready| ready.changed);
    let changed = changed.filter(|at| unready.is_none_or(|unready| unready.lo <= *at));
    let lo = pod::lower_bound(new);
    Evidence::object_or(changed, lo, seen.heard)
}
