//! Pods that are gone: deleted, forced away, released, or missing in a list.

use super::Tree;
use crate::facts::instant::Evidence;
use crate::facts::meta::{Deletion, Uid};
use crate::facts::pod::PodSnapshot;
use crate::facts::span::Outcome;
use crate::facts::time::UnixNanos;
use crate::lifecycle::action::Action;
use crate::lifecycle::closed::Ended;
use crate::lifecycle::pod::{self, End, Loss, Pod};
use crate::lifecycle::transition::Lost;
use crate::lifecycle::turn::Turn;

impl Tree {
    pub(super) fn pod_deleted(&mut self, uid: Uid, last: &PodSnapshot, turn: &mut Turn<'_>) {
        let Some(known) = self.pods.of(uid) else { return };
        let written = pod::lower_bound(last);
        if !known.is_going && last.meta.deletion.is_none() {
            // Forced: gone without a request that anybody saw.
            let at = Evidence::arrival(written, turn.seen.heard);
            self.forced_away(last, at, turn);
        } else {
            self.pod_seen(last, turn);
        }
        self.pod_gone(uid, Some(last), written, turn);
    }

    fn forced_away(&mut self, last: &PodSnapshot, at: Evidence, turn: &mut Turn<'_>) {
        let uid = last.meta.uid;
        let is_bare = uid == self.top().uid;
        let has_finished = self.pods.of(uid).is_some_and(|pod| pod.is_finished);
        if is_bare && !has_finished {
            self.terminate_bare(at, turn);
        } else if !is_bare {
            self.pod_lost(last, &Loss::Gone(at), turn);
        }
        let seq = self.ending_seq().filter(|_| !is_bare);
        self.pods.change(uid, |pod| {
            if !pod.is_untraced && !pod.is_finished {
                let forced = Deletion { at: at.lo, grace_seconds: 0, finalizers: Box::default() };
                pod.set_end(End::new(seq, at, &forced));
            }
        });
    }

    /// Its workload lets go of a Pod that no longer matches its selector, and makes another: that Pod
    /// is lost to it.
    pub fn releases(&mut self, pod: &PodSnapshot, at: Evidence, turn: &mut Turn<'_>) {
        let may_differ = self.pass_before(turn);
        let uid = pod.meta.uid;
        let counts = |it: &&Pod| !(it.is_going || it.is_finished || it.is_untraced);
        let known = self.pods.of(uid).filter(counts);
        if let Some(known) = known.filter(|_| self.wanted().is_some()) {
            let lost = Lost::new(known, Some("Released".into()), None);
            self.opens_by_loss(uid, &Loss::Gone(at), Action::Recover, lost, turn);
        }
        self.has_gap(may_differ);
    }

    pub(super) fn pod_vanished(&mut self, uid: Uid, turn: &mut Turn<'_>) {
        let Some(pod) = self.pods.of(uid) else { return };
        let lo = pod.end().map_or(pod.created, |end| end.requested.lo);
        let gone = Evidence::arrival(lo, turn.seen.heard);
        let is_bare = uid == self.top().uid;
        if !pod.is_going && !is_bare {
            // Against the version known before, the list proves it lost.
            let lost = Lost::new(pod, None, None);
            self.opens_by_loss(uid, &Loss::Vanished(gone), Action::Recover, lost, turn);
        }
        self.pods.change(uid, |pod| {
            if pod.end().is_none() && pod.start().is_some() {
                // Nobody saw it being asked to go: that ends its start and is no span of its own.
                let unseen = Deletion { at: lo, grace_seconds: 0, finalizers: Box::default() };
                pod.set_end(End::new(None, gone, &unseen));
            }
            if let Some(end) = pod.end_mut() {
                end.has_vanished = true;
            }
        });
        if let Some(open) = self.open().filter(|_| is_bare) {
            open.has_vanished = true;
            if !open.action.is_end() {
                self.close(Outcome::Vanished, gone, None, turn);
            }
        }
        self.pod_gone(uid, None, lo, turn);
    }

    fn pod_gone(
        &mut self,
        uid: Uid,
        last: Option<&PodSnapshot>,
        lo: UnixNanos,
        turn: &mut Turn<'_>,
    ) {
        let heard = turn.seen.heard;
        if uid == self.top().uid && self.open().is_some_and(|open| !open.action.is_end()) {
            // It had finished, so that its end is no transition that would close this one.
            self.close(Outcome::Deleted, Evidence::arrival(lo, heard), None, turn);
        }
        let gone = self.pods.change(uid, |pod| {
            pod.gone(last, heard, lo);
            pod.end().and_then(|end| end.gone)
        });
        let gone = gone.flatten().unwrap_or_else(|| Evidence::arrival(lo, heard));
        self.end_debuggers(uid, Some(gone), turn);
        let Some(pod) = self.pods.remove(uid) else { return };
        let owner = pod.owner();
        if pod.end().is_some_and(|end| end.has_left) {
            turn.out.push(Ended::Pod(Box::new(self.departed(uid, &pod))));
        }
        if let Some(pending) = self.pending.as_deref_mut()
            && (pod.has_part_in(pending.seq) || uid == self.portrait.top.uid)
        {
            pending.keep_departed(uid, pod);
        }
        if let Some(owner) = owner {
            self.end_owned(owner, gone);
        }
        self.evaluate(gone, turn);
    }
}
