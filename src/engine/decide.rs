//! What a change means: for which tree it is, and how that takes it.

use super::Engine;
use super::past::Entry;
use crate::facts::change::{Change, Snapshot};
use crate::facts::instant::Heard;
use crate::facts::kind::Lane;
use crate::facts::span::FinishedSpan;
use crate::lifecycle::shared::Shares as _;
use crate::lifecycle::turn::Seen;
use crate::order::inlet::Released;

impl Engine {
    /// What `told` means for the trees; returns what had waited for it.
    pub(super) fn decide(
        &mut self,
        told: &mut Entry,
        out: &mut Vec<FinishedSpan>,
    ) -> Vec<Released> {
        let Released { lane, change, arrival, is_listed, is_late, .. } = &mut told.released;
        let is_listed = *is_listed;
        // What the first lists tell has no order.
        self.n_entered += u64::from(!is_listed || self.n_entered > 0);
        let heard = Heard { order: self.n_entered, arrival: *arrival };
        let is_unwatched =
            if is_listed { self.has_relisted(*lane) } else { self.unheard.holds(change.version()) };
        let may_want_less = told.desired.is_some() && self.may_want_less(change);
        let of_gap = (*is_late || is_unwatched || may_want_less).then_some(self.now);
        let unwatched = (is_listed && is_unwatched).then(|| self.unwatched(*lane));
        let seen = Seen { heard, is_listed, unwatched, of_gap, desired: told.desired };
        match change {
            Change::Seen(snapshot) => {
                // What a Pod has in common with others, the tree has that knows it.
                let is_pod = matches!(snapshot, Snapshot::Pod(_));
                if !is_pod || self.store.top_of(snapshot.meta().uid).is_none() {
                    snapshot.share(&mut self.shared);
                }
                return self.seen(*lane, snapshot, seen, out);
            }
            Change::Deleted(snapshot) => {
                let uid = snapshot.meta().uid;
                if let Snapshot::Pod(pod) = snapshot {
                    self.forget_claims(pod);
                }
                self.reunite(snapshot, heard, out);
                let Some(top) = self.store.top_of(uid) else { return Vec::new() };
                self.counts.changes += 1;
                self.store.leave(uid);
                self.change(top, seen, out, |tree, turn| tree.delete(snapshot, turn));
            }
            Change::Unmatched(snapshot) => self.unmatched(snapshot, heard, out),
            Change::Vanished(uid) => {
                let uid = *uid;
                let Some(top) = self.store.top_of(uid) else { return Vec::new() };
                self.counts.changes += 1;
                self.store.leave(uid);
                self.is_to_judge(top, None);
                self.change(top, seen, out, |tree, turn| tree.vanish(uid, turn));
            }
            Change::Noted(note) => self.noted(note, heard, out),
        }
        Vec::new()
    }

    fn seen(
        &mut self,
        lane: Lane,
        snapshot: &Snapshot,
        seen: Seen,
        out: &mut Vec<FinishedSpan>,
    ) -> Vec<Released> {
        let Seen { heard, is_listed, .. } = seen;
        let uid = snapshot.meta().uid;
        let is_back = self.matches_again(snapshot, seen, out);
        let is_new = is_back || self.store.top_of(uid).is_none();
        // A lane that has not listed tells of objects that were there before.
        let has_listed = self.any_part(lane, |state| state.has_listed);
        let is_of_gap = is_listed && is_new && self.has_relisted(lane);
        let unwatched_since = is_of_gap.then(|| self.away_since(lane));
        // What is new to a watch and was written after its creation has only begun to match a selector.
        let has_begun_to_match =
            is_new && heard.arrival.is_some_and(|arrival| snapshot.is_older_than(arrival.at));
        let is_listed = is_listed || (is_new && !has_listed) || has_begun_to_match || is_back;
        let seen = Seen { is_listed, ..seen };
        if !is_new {
            if snapshot.meta().deletion.is_some() {
                self.reunite(snapshot, heard, out);
            }
            self.rehome(snapshot, heard, out);
        }
        let top = self.top_for(snapshot, seen, out);
        self.counts.changes += 1;
        self.change(top, seen, out, |tree, turn| tree.step(snapshot, turn));
        if seen.is_listed {
            self.is_to_judge(top, unwatched_since);
        }
        if let Snapshot::Pod(pod) = snapshot {
            self.hear_of_claims(pod, out);
        }
        self.orphans.take(uid)
    }
}
