//! Pods of a tree: their starts, losses, restarts and ends.

use super::super::pod::{self, End, Loss, Pod, PodRun, Start};
use super::super::transition::Action;
use super::{Rules, Seen, Tree, is_ready};
use crate::facts::instant::Evidence;
use crate::facts::kind::Kind;
use crate::facts::meta::{Deletion, Uid};
use crate::facts::pod::{PodPhase, PodSnapshot};
use crate::facts::span::{FinishedSpan, Outcome};
use crate::facts::time::UnixNanos;
use crate::spans;

impl Tree {
    pub(super) fn pod_seen(
        &mut self,
        new: &PodSnapshot,
        seen: Seen,
        rules: &Rules,
        out: &mut Vec<FinishedSpan>,
    ) {
        let uid = new.meta.uid;
        let is_first = !self.pods.contains_key(&uid);
        match self.pods.get(&uid) {
            None => self.pod_first_seen(new, seen, rules, out),
            Some(pod) if pod.version >= new.meta.resource_version => {
                self.untraced.stale += u64::from(pod.version > new.meta.resource_version);
                return;
            }
            Some(_) => {}
        }
        let Some(pod) = self.pods.get(&uid) else { return };
        // A list alone proves no loss; against a version known before it does.
        let is_baseline = is_first && seen.is_listed;
        let loss = pod.loss(new, seen.arrival).filter(|_| !is_baseline);
        if let Some(loss) = &loss {
            let is_outdated = self.is_outdated(new);
            self.pod_lost(uid, loss, is_outdated, new.meta.deletion.is_some(), rules, out);
        }
        self.apply(new, seen, is_baseline);
        let at = pod_evidence(new, seen);
        // A container exits before its Pod is not Ready.
        let lost = loss.as_ref().map(Loss::at).filter(|_| !self.is_healthy());
        let at = lost.filter(|lost| lost.decision() < at.decision()).unwrap_or(at);
        self.pod_unready(uid, at, rules, out);
        if self.top.uid == uid {
            self.evaluate_bare(new, at, seen, rules, out);
        }
        self.evaluate(at, rules, out);
    }

    fn pod_first_seen(
        &mut self,
        new: &PodSnapshot,
        seen: Seen,
        rules: &Rules,
        out: &mut Vec<FinishedSpan>,
    ) {
        let uid = new.meta.uid;
        let is_bare = uid == self.top.uid;
        let owner = new.meta.owner.as_ref().map(|owner| owner.uid).filter(|_| !is_bare);
        let mut pod = Pod::new(new, owner);
        // What its first version already shows is told by `apply`.
        pod.was_ready = false;
        pod.is_going = false;
        pod.is_finished = false;
        // Created inside the open transition, in a gap of the watch.
        let is_of_open = !self.is_unjudged
            && self.open().is_some_and(|open| open.start.decision() <= new.meta.created);
        if !pod.is_untraced {
            if seen.is_listed && !is_of_open {
                pod.was_ready = is_ready(new);
                let is_starting = !is_ready(new) && new.meta.deletion.is_none();
                if is_starting {
                    pod.set_start(Start::new(0, new, None));
                }
                if !new.restarts_always && new.meta.deletion.is_none() && !pod::is_finished(new) {
                    pod.set_run(PodRun::new(0, Evidence::object(new.meta.created, None)));
                }
                pod.is_going = new.meta.deletion.is_some();
                if is_bare {
                    self.is_unjudged = true;
                }
            } else {
                pod.containers = Box::default();
                let at = Evidence::object(new.meta.created, seen.arrival);
                if is_bare {
                    let cause = "spec:1".to_owned();
                    let action = if new.restarts_always { Action::Start } else { Action::Run };
                    let open = self.open_transition(action, cause, at, rules, out);
                    open.generation = new.meta.generation;
                    self.link_stamps(new.stamps.to_vec(), false);
                } else if self.is_of_new_node() {
                    self.open_by_pod(Action::Scale, (uid, at.lo.seconds()), true, at, rules, out);
                }
                let broken = self.broken.map(|(_, seq)| seq);
                let open = self.open().filter(|open| !open.action.is_end()).map(|open| open.seq);
                let seq = open.or(broken).filter(|_| !self.is_muted);
                if let Some(seq) = seq {
                    let mut start = Start::new(seq, new, seen.arrival);
                    start.stamps = new.stamps.iter().filter(|_| !is_bare).cloned().collect();
                    pod.set_start(start);
                    if !new.restarts_always {
                        pod.set_run(PodRun::new(seq, at));
                    }
                }
                self.untraced.pods += u64::from(seq.is_none());
            }
        }
        pod.version = 0;
        self.tally = self.tally.replacing(pod::Tally::default(), pod.tally());
        self.count_in_owned(owner, 1, pod.tally().present);
        self.pods.insert(uid, pod);
    }

    /// A Pod was lost: where it was wanted and nothing is open, a `recover` opens.
    fn pod_lost(
        &mut self,
        uid: Uid,
        loss: &Loss,
        is_outdated: bool,
        is_deleted: bool,
        rules: &Rules,
        out: &mut Vec<FinishedSpan>,
    ) {
        let is_bare = uid == self.top.uid;
        let is_untraced = self.pods.get(&uid).is_none_or(|pod| pod.is_untraced);
        let at = &loss.at();
        let healthy = self.open().and_then(|open| open.healthy);
        if let Some(healthy) = healthy
            && at.decision().since(healthy.decision()) >= rules.stable_time
        {
            self.close_healthy(healthy, rules);
            self.emit(rules, out);
        }
        if is_untraced {
            return;
        }
        if is_bare && is_deleted {
            if !self.is_muted && !self.is_unjudged {
                self.open_transition(Action::Terminate, "delete".to_owned(), *at, rules, out);
            }
            return;
        }
        let remaining = self.tally.present - 1;
        let is_wanted = self.wanted().is_some_and(|wanted| match loss {
            // Nothing brings a bare Pod back; where the wanted nodes moved before, it goes for that.
            Loss::Gone(_) | Loss::Vanished(_) => {
                (remaining < wanted || self.moved.is_some()) && !is_bare
            }
            Loss::Exited(_) => true,
        });
        if self.is_open() {
            return;
        }
        if is_wanted && self.may_recover() {
            let action = match loss {
                Loss::Gone(_) if is_outdated => Action::Update,
                Loss::Gone(_) | Loss::Exited(_) | Loss::Vanished(_) => Action::Recover,
            };
            let goes = matches!(loss, Loss::Gone(_) | Loss::Vanished(_));
            self.open_by_pod(action, (uid, loss.second()), goes, *at, rules, out);
        } else {
            self.untraced.pods += 1;
        }
    }

    /// A DaemonSet gets a Pod more than the nodes that it is known to want: one of them is new.
    fn is_of_new_node(&self) -> bool {
        self.top.kind == Kind::DaemonSet
            && self.may_recover()
            && self
                .wanted()
                .is_some_and(|wanted| self.moved.is_some() || self.tally.present >= wanted)
    }

    /// A Pod of an old revision, whose deletion lets the newest one come (OnDelete).
    fn is_outdated(&self, pod: &PodSnapshot) -> bool {
        self.root.as_deref().is_some_and(|root| {
            root.is_on_delete
                && !root.update_revision.is_empty()
                && root.update_revision != pod.template_hash
        })
    }

    fn apply(&mut self, new: &PodSnapshot, seen: Seen, is_baseline: bool) {
        let uid = new.meta.uid;
        let is_bare = uid == self.top.uid;
        let seq = self.ending_seq();
        let Some(pod) = self.pods.get_mut(&uid) else { return };
        let seq = seq.filter(|_| !pod.is_untraced && !is_baseline);
        let before = pod.tally();
        let (was_going, had_finished) = (pod.is_going, pod.is_finished);
        pod.apply(new, seen.arrival, seq);
        let is_newly_going = pod.is_going && !was_going;
        self.untraced.pods += u64::from(is_newly_going && had_finished && !pod.is_untraced);
        let (after, owner) = (pod.tally(), pod.owner());
        self.tally = self.tally.replacing(before, after);
        let is_surplus_at_top = match self.root.as_deref() {
            Some(root) if owner == Some(self.top.uid) => root
                .wanted()
                .is_some_and(|wanted| self.tally.present + before.present - after.present > wanted),
            Some(_) | None => false,
        };
        let owned = owner.and_then(|owner| self.owned.get_mut(&owner));
        let is_scaled_down = owned.is_some_and(|owned| {
            let wanted = owned.workload.wanted();
            let is_surplus = wanted.is_some_and(|wanted| owned.n_present > wanted);
            owned.n_present += after.present - before.present;
            is_surplus
        }) || is_surplus_at_top;
        if let Some(end) = self.pods.get_mut(&uid).and_then(|pod| pod.end_mut()) {
            if is_newly_going && is_scaled_down && end.reason.is_none() {
                end.reason = Some("scaled down".into());
            }
            if is_bare {
                // The end of a bare Pod is its root span.
                end.seq = None;
            }
        }
    }

    /// Keeps the list of Pods that lost readiness, and what follows from it.
    fn pod_unready(&mut self, uid: Uid, at: Evidence, rules: &Rules, out: &mut Vec<FinishedSpan>) {
        let Some(pod) = self.pods.get(&uid) else { return };
        let listed = self.unready.iter().find(|((_, known), _)| *known == uid);
        let listed = listed.map(|(entry, at)| (*entry, *at));
        let now = pod.unready().filter(|_| !pod.is_finished && !pod.is_untraced);
        match (listed, now.copied()) {
            (None, Some(lost)) => {
                let since = lost.decision();
                self.unready.insert((since, uid), lost);
                let closed = self.pending.as_deref_mut().and_then(|it| it.closed.as_deref_mut());
                if let Some(closed) = closed {
                    closed.is_unstable |= since <= closed.hold_until;
                }
            }
            (Some((entry, lost)), None) => {
                let is_back = pod.is_ready;
                self.unready.remove(&entry);
                // It was unready long enough, though the timer has not come to it.
                let is_long = at.decision().since(entry.0) >= rules.stable_time;
                if is_back && is_long && self.may_recover() {
                    let cause = (uid, lost.lo.seconds());
                    self.open_by_pod(Action::Recover, cause, false, lost, rules, out);
                }
            }
            (None, None) | (Some(_), Some(_)) => {}
        }
    }

    /// A bare Pod settles when it is Ready, and fails with its phase.
    fn evaluate_bare(
        &mut self,
        new: &PodSnapshot,
        at: Evidence,
        seen: Seen,
        rules: &Rules,
        out: &mut Vec<FinishedSpan>,
    ) {
        let Some(action) = self.open().map(|open| open.action) else { return };
        let Some(pod) = self.pods.get(&new.meta.uid) else { return };
        let is_run = action == Action::Run;
        if !is_run && action != Action::Start {
            return;
        }
        if is_run {
            let finished = pod.run().and_then(|run| run.finished);
            if let Some(finished) = finished.filter(|_| new.phase == PodPhase::Succeeded) {
                self.close(Outcome::Completed, finished, None, rules);
                return;
            }
        } else if is_ready(new) {
            let changed = new.ready.as_ref().and_then(|ready| ready.changed);
            let end = Evidence::object_or(changed, at.lo, seen.arrival);
            self.close(Outcome::Completed, end, None, rules);
            return;
        }
        let Some(pod) = self.pods.get(&new.meta.uid) else { return };
        if pod.is_finished {
            let at = pod.run().and_then(|run| run.finished).unwrap_or(at);
            let failure = pod.failure().map(|(failure, _)| failure);
            let declared = failure.map(|failure| (failure.reason.clone(), failure.message.clone()));
            self.close(Outcome::Failed, at, declared, rules);
            self.emit(rules, out);
        }
    }

    pub(super) fn pod_deleted(
        &mut self,
        uid: Uid,
        last: &PodSnapshot,
        seen: Seen,
        rules: &Rules,
        out: &mut Vec<FinishedSpan>,
    ) {
        let Some(known) = self.pods.get(&uid) else { return };
        let written = last.meta.written.unwrap_or(last.meta.created);
        if !known.is_going && last.meta.deletion.is_none() {
            // Forced: gone without a request that anybody saw.
            let at = Evidence::arrival(written, seen.arrival);
            self.forced_away(last, at, rules, out);
        } else {
            self.pod_seen(last, seen, rules, out);
        }
        self.pod_gone(uid, Some(last), seen.arrival, written, rules, out);
    }

    fn forced_away(
        &mut self,
        last: &PodSnapshot,
        at: Evidence,
        rules: &Rules,
        out: &mut Vec<FinishedSpan>,
    ) {
        let uid = last.meta.uid;
        if uid == self.top.uid {
            if !self.is_muted && !self.is_unjudged {
                self.open_transition(Action::Terminate, "delete".to_owned(), at, rules, out);
            }
        } else {
            let is_outdated = self.is_outdated(last);
            self.pod_lost(uid, &Loss::Gone(at), is_outdated, true, rules, out);
        }
        let seq = self.ending_seq().filter(|_| uid != self.top.uid);
        if let Some(pod) =
            self.pods.get_mut(&uid).filter(|pod| !pod.is_untraced && !pod.is_finished)
        {
            let forced = Deletion { at: at.lo, grace_seconds: 0, finalizers: Box::default() };
            pod.set_end(End::new(seq, at, &forced));
        }
    }

    pub(super) fn pod_vanished(
        &mut self,
        uid: Uid,
        at: Option<UnixNanos>,
        rules: &Rules,
        out: &mut Vec<FinishedSpan>,
    ) {
        let Some(pod) = self.pods.get(&uid) else { return };
        let lo = pod.end().map_or(pod.created, |end| end.requested.lo);
        let gone = Evidence::arrival(lo, at);
        let is_bare = uid == self.top.uid;
        if !pod.is_going && !is_bare {
            // Against the version known before, the list proves it lost.
            let was_open = self.is_open();
            self.pod_lost(uid, &Loss::Vanished(gone), false, false, rules, out);
            if let Some(open) = self.open().filter(|_| !was_open) {
                open.has_gap = true;
            }
        }
        let Some(pod) = self.pods.get_mut(&uid) else { return };
        if pod.end().is_none() && pod.start().is_some() {
            // Nobody saw it being asked to go: that ends its start and is no span of its own.
            let unseen = Deletion { at: lo, grace_seconds: 0, finalizers: Box::default() };
            pod.set_end(End::new(None, gone, &unseen));
        }
        if let Some(end) = pod.end_mut() {
            end.has_vanished = true;
        }
        if let Some(open) = self.open().filter(|_| is_bare) {
            open.has_gap = true;
            if !open.action.is_end() {
                self.close(Outcome::Vanished, gone, None, rules);
                self.emit(rules, out);
            }
        }
        self.pod_gone(uid, None, at, lo, rules, out);
    }

    fn pod_gone(
        &mut self,
        uid: Uid,
        last: Option<&PodSnapshot>,
        arrival: Option<UnixNanos>,
        lo: UnixNanos,
        rules: &Rules,
        out: &mut Vec<FinishedSpan>,
    ) {
        if uid == self.top.uid && self.open().is_some_and(|open| !open.action.is_end()) {
            // It had finished, so that its end is no transition that would close this one.
            self.close(Outcome::Deleted, Evidence::arrival(lo, arrival), None, rules);
            self.emit(rules, out);
        }
        let Some(mut pod) = self.pods.remove(&uid) else { return };
        self.tally = self.tally.replacing(pod.tally(), pod::Tally::default());
        self.count_in_owned(pod.owner(), -1, -pod.tally().present);
        self.unready.retain(|(_, known), _| *known != uid);
        pod.gone(last, arrival, lo);
        let gone = pod.end().and_then(|end| end.gone);
        let gone = gone.unwrap_or_else(|| Evidence::arrival(lo, arrival));
        let owner = pod.owner();
        let left = pod.end().and_then(|end| end.left.clone());
        let seq = self.pending.as_deref().map(|pending| pending.seq);
        let belongs = |of: Option<pod::Seq>| of.is_some() && of == seq;
        let is_pending = belongs(pod.start().map(|start| start.seq))
            || belongs(pod.end().and_then(|end| end.seq))
            || belongs(pod.run().map(|run| run.seq))
            || pod.restarts().iter().any(|restart| belongs(Some(restart.seq)))
            || uid == self.top.uid;
        if let Some(left) = left {
            out.push(spans::terminate_left(self, uid, &pod, left, rules));
        }
        if is_pending && let Some(pending) = self.pending.as_deref_mut() {
            pending.departed.insert(uid, pod);
        }
        if let Some(owner) = owner {
            self.end_owned(owner, gone);
        }
        self.evaluate(gone, rules, out);
    }

    pub(super) fn count_in_owned(&mut self, owner: Option<Uid>, pods: i64, present: i64) {
        if let Some(owned) = owner.and_then(|owner| self.owned.get_mut(&owner)) {
            owned.n_pods += pods;
            owned.n_present += present;
        }
    }
}

/// When what a version of a Pod shows became true: its readiness turned, or else it was written.
fn pod_evidence(new: &PodSnapshot, seen: Seen) -> Evidence {
    let changed = new.ready.as_ref().and_then(|ready| ready.changed);
    let lo = new.meta.written.unwrap_or(new.meta.created);
    Evidence::object_or(changed, lo, seen.arrival)
}
