//! Objects that change trees: runs that a deletion reaches, orphans, adoptions.

use super::Engine;
use crate::facts::change::Snapshot;
use crate::facts::instant::{Evidence, Heard};
use crate::facts::meta::Uid;
use crate::facts::span::FinishedSpan;
use crate::lifecycle::tree::Tree;
use crate::lifecycle::turn::Seen;

/// So many workloads that left their selector are kept with what is below them, in case that they
/// match again.
const MAX_UNMATCHED: usize = 1_000;

impl Engine {
    /// A run that is a tree of its own is deleted with its owner: it becomes part of that deletion.
    pub(super) fn reunite(
        &mut self,
        snapshot: &Snapshot,
        heard: Heard,
        out: &mut Vec<FinishedSpan>,
    ) {
        let meta = snapshot.meta();
        let Some(owner) = meta.owner.as_ref().filter(|_| self.is_top(meta.uid)) else { return };
        let Some(host) = self.store.tree_of(owner.uid).filter(|host| *host != meta.uid) else {
            return;
        };
        if self.store.read(host, Tree::is_ending) != Some(true) {
            return;
        }
        let written = meta.written.unwrap_or(meta.created);
        let said = meta.deletion.as_ref().map(|deletion| deletion.at);
        let at = Evidence::object_or(said, written, heard);
        let mut ended = None;
        self.change(meta.uid, Seen::NOTHING, out, |tree, turn| {
            ended = tree.end_with_owner(at, turn);
        });
        self.join(meta.uid, host, owner.uid, out);
        if let Some((trace, span)) = ended {
            self.change(host, Seen::NOTHING, out, |tree, _| tree.has_ended(trace, span));
        }
    }

    /// The owner of a known object is another, or it has none any more: an orphan becomes a tree of
    /// its own, an adopted one part of its new owner's tree. Neither is a transition.
    pub(super) fn rehome(
        &mut self,
        snapshot: &Snapshot,
        heard: Heard,
        out: &mut Vec<FinishedSpan>,
    ) {
        let meta = snapshot.meta();
        let Some(top) = self.store.top_of(meta.uid) else { return };
        let known = self.store.read(top, |tree| tree.owner_of(meta.uid)).flatten();
        let owner = meta.owner.as_ref();
        if known == owner.map(|owner| owner.uid) {
            return;
        }
        let at = written(snapshot, heard);
        if top == meta.uid {
            let host = known.and_then(|known| self.store.tree_of(known));
            self.change(top, Seen::NOTHING, out, |tree, _| tree.set_owner(owner.cloned()));
            if let Some(host) = host {
                self.change(host, Seen::NOTHING, out, |tree, turn| tree.unhost(top, at, turn));
            }
        } else {
            let seen = Seen { heard, ..Seen::NOTHING };
            if let (Snapshot::Pod(pod), None) = (snapshot, owner) {
                self.change(top, seen, out, |tree, turn| tree.releases(pod, at, turn));
            }
            if !self.split_off(snapshot, top, at, seen, out) {
                return;
            }
        }
        let adopter = owner.and_then(|owner| Some((owner.uid, self.store.top_of(owner.uid)?)));
        if let Some((owner, host)) = adopter.filter(|(_, host)| *host != meta.uid) {
            let is_quiet = self.store.read(meta.uid, Tree::is_settled) == Some(true);
            if is_quiet {
                self.join(meta.uid, host, owner, out);
            } else {
                self.change(meta.uid, Seen::NOTHING, out, |tree, _| tree.set_adopted());
            }
        }
    }

    /// An object of the tree of `top` becomes a tree of its own, with all below it; whether it was
    /// there.
    fn split_off(
        &mut self,
        snapshot: &Snapshot,
        top: Uid,
        at: Evidence,
        seen: Seen,
        out: &mut Vec<FinishedSpan>,
    ) -> bool {
        let meta = snapshot.meta();
        let mut part = None;
        self.change(top, Seen::NOTHING, out, |tree, _| {
            part = tree.split(snapshot, None, at);
        });
        let Some(part) = part else { return false };
        for uid in part.uids() {
            self.store.enter(uid, meta.uid);
        }
        self.touch(meta.uid);
        self.store.plant(meta.uid, part);
        self.change(top, seen, out, |tree, turn| tree.lost_part(at, turn));
        true
    }

    /// An object no longer matches the selector of its watch: what becomes of it is not known, and
    /// what was open of it has a gap.
    pub(super) fn unmatched(
        &mut self,
        snapshot: &Snapshot,
        heard: Heard,
        out: &mut Vec<FinishedSpan>,
    ) {
        let meta = snapshot.meta();
        let Some(top) = self.store.top_of(meta.uid) else { return };
        let at = written(snapshot, heard);
        let seen = Seen { heard, of_gap: Some(self.now), ..Seen::NOTHING };
        if top != meta.uid {
            self.change(top, seen, out, |tree, turn| tree.loses_sight(meta.uid, at, turn));
            if !self.split_off(snapshot, top, at, seen, out) {
                return;
            }
        }
        if let Snapshot::Pod(pod) = snapshot {
            self.forget_claims(pod);
        }
        self.counts.changes += 1;
        // What belongs to a workload still does: nothing of that is told before it matches again.
        match snapshot {
            Snapshot::Pod(_) => self.store.leave(meta.uid),
            Snapshot::Workload(_) => self.unmatched.push_back(meta.uid),
        }
        self.change(meta.uid, seen, out, |tree, turn| tree.unmatched(at, turn));
        if self.unmatched.len() > MAX_UNMATCHED
            && let Some(first) = self.unmatched.pop_front()
        {
            self.change(first, Seen::NOTHING, out, |tree, _| tree.goes_without_top());
        }
    }

    /// Whether an object matches the selector of its watch again, and what is below it has been kept.
    pub(super) fn matches_again(
        &mut self,
        snapshot: &Snapshot,
        seen: Seen,
        out: &mut Vec<FinishedSpan>,
    ) -> bool {
        let uid = snapshot.meta().uid;
        // Of a Pod nothing is kept that could lack it.
        let is_workload = matches!(snapshot, Snapshot::Workload(_));
        let is_back = is_workload && self.store.read(uid, Tree::lacks_top) == Some(true);
        if is_back {
            self.change(uid, seen, out, |tree, _| tree.matches_again());
            self.rehome(snapshot, seen.heard, out);
        }
        is_back
    }

    /// A tree whose topmost object was adopted has become quiet: it joins that of its owner.
    pub(super) fn join_adopter(&mut self, top: Uid, out: &mut Vec<FinishedSpan>) {
        let owner = self.store.read(top, |tree| tree.owner_of(top)).flatten();
        let host = owner.and_then(|owner| Some((owner, self.store.top_of(owner)?)));
        if let Some((owner, host)) = host.filter(|(_, host)| *host != top) {
            self.join(top, host, owner, out);
        }
    }

    /// The tree `part` becomes part of `host`, below `owner`.
    fn join(&mut self, part: Uid, host: Uid, owner: Uid, out: &mut Vec<FinishedSpan>) {
        self.touch(part);
        let Some(tree) = self.store.fell(part) else { return };
        self.deadlines.set(part, None);
        // Its topmost object too where that has only begun to match again.
        for uid in tree.uids().into_iter().chain([part]) {
            self.store.enter(uid, host);
        }
        self.change(host, Seen::NOTHING, out, |into, _| into.absorb(tree, owner));
    }

    /// A tree is over with what was `heard`: the one that hosted it need not wait for it any more.
    pub(super) fn leave_host(
        &mut self,
        top: Uid,
        tree: &Tree,
        heard: Heard,
        out: &mut Vec<FinishedSpan>,
    ) {
        let host = tree.owner_of(top).and_then(|owner| self.store.tree_of(owner));
        if let Some(host) = host.filter(|host| *host != top) {
            let moment = heard.arrival.map_or(self.now, |arrival| arrival.moment);
            let at = Evidence::arrival(moment, heard);
            self.change(host, Seen::NOTHING, out, |tree, turn| tree.unhost(top, at, turn));
        }
    }

    fn is_top(&self, uid: Uid) -> bool {
        self.store.top_of(uid) == Some(uid)
    }
}

/// When a version was written that has come by now.
fn written(snapshot: &Snapshot, heard: Heard) -> Evidence {
    let meta = snapshot.meta();
    Evidence::arrival(meta.written.unwrap_or(meta.created), heard)
}
