//! Which tree an object belongs to, and what is waited for before that is known.

use super::{Engine, MAX_OWNERS, orphans};
use crate::facts::change::{Change, Snapshot};
use crate::facts::meta::{Owner, Uid};
use crate::facts::span::FinishedSpan;
use crate::lifecycle::tree::Tree;
use crate::lifecycle::turn::Seen;
use crate::order::inlet::Released;

impl Engine {
    /// The unknown owner of a new object, or what that waits for itself: it is waited for, since its
    /// lane may be late or away. An owner that waits in the inlet behind what it owns enters first.
    pub(super) fn awaited_owner(
        &mut self,
        released: &Released,
        top: Option<Uid>,
        out: &mut Vec<FinishedSpan>,
    ) -> Option<Uid> {
        let Change::Seen(snapshot) = &released.change else { return None };
        let meta = snapshot.meta();
        if top.is_some() {
            return None;
        }
        let owner = meta.owner.as_ref().filter(|owner| owner.uid != meta.uid)?;
        if !self.is_watched(&owner.kind) || self.store.top_of(owner.uid).is_some() {
            return None;
        }
        if let Some(awaited) = self.orphans.owner_of(owner.uid) {
            return Some(awaited);
        }
        let may_enter = !released.is_listed
            && self.entering.len() <= MAX_OWNERS
            && !self.entering.contains(&owner.uid);
        if may_enter && let Some(waiting) = self.inlet.take(owner.uid, Some(released.place)) {
            self.entering.push(meta.uid);
            self.release(waiting, out);
            self.entering.pop();
            return self.orphans.owner_of(owner.uid);
        }
        let is_away = self.lanes.iter().any(|((lane, _), state)| {
            state.reach.is_away && self.kind_of(*lane).is_some_and(|kind| kind == owner.kind)
        });
        (is_away || !released.is_listed).then_some(owner.uid)
    }

    /// The top of a tree of which a version can be seen to be missing: a ReplicaSet of a newer revision
    /// is there, whose template no known version of its Deployment has. What else comes of that tree
    /// waits too, so that the order stays.
    pub(super) fn awaited_version(&self, released: &Released, top: Option<Uid>) -> Option<Uid> {
        if released.is_listed {
            return None;
        }
        let object = orphans::object_of(&released.change);
        let seen = released.change.snapshot();
        let owner = seen.and_then(|seen| seen.meta().owner.as_ref()).map(|owner| owner.uid);
        let top = top.or_else(|| self.store.top_of(owner?))?;
        if top == object {
            return None;
        }
        let Some(Snapshot::Workload(set)) = seen else {
            return self.orphans.is_awaited(top).then_some(top);
        };
        let is_ahead = self.store.read(top, |tree| tree.is_behind(set)) == Some(true);
        (is_ahead || self.orphans.is_awaited(top)).then_some(top)
    }

    /// What an Event is about, if nothing was told of it yet: its lane may be late. Where only some
    /// objects are watched, Events tell of many others, so that only so many wait.
    pub(super) fn awaited_object(&self, released: &Released) -> Option<Uid> {
        let Change::Noted(note) = &released.change else { return None };
        let about = note.about.uid()?;
        let is_known =
            self.store.top_of(about).is_some() || self.pasts.tree_of_gone(about).is_some();
        let has_room = self.orphans.len() < self.max_waiting / 10;
        (!is_known && has_room).then_some(about)
    }

    /// The tree an object belongs to; a new one if it is a top.
    pub(super) fn top_for(
        &mut self,
        snapshot: &Snapshot,
        seen: Seen,
        out: &mut Vec<FinishedSpan>,
    ) -> Uid {
        let meta = snapshot.meta();
        if let Some(top) = self.store.top_of(meta.uid) {
            return top;
        }
        let owner = meta.owner.as_ref();
        let watched = owner.filter(|owner| self.is_watched(&owner.kind) && owner.uid != meta.uid);
        self.entering.push(meta.uid);
        let found = watched.and_then(|owner| self.top_of_owner(owner, out));
        self.entering.pop();
        let owner_uid = owner.map_or(meta.uid, |owner| owner.uid);
        if let Some(top) = found {
            let is_taken = self.store.read(top, |tree| tree.takes_in(snapshot, owner_uid));
            if is_taken == Some(true) {
                self.store.enter(meta.uid, top);
                return top;
            }
            let n_touched = self.touched.len();
            self.change(top, Seen::NOTHING, out, |tree, _| tree.host(meta.uid));
            // That alone is no reason to decide the two together: a CronJob has many runs.
            self.touched.truncate(n_touched);
        }
        let is_missing = found.is_none() && owner.is_some_and(|owner| self.is_watched(&owner.kind));
        let mut tree = Tree::new(snapshot, owner.cloned(), is_missing);
        if watched.is_some() && is_missing && seen.is_listed {
            tree.mute(&mut self.counts.untraced);
        }
        self.touch(meta.uid);
        self.store.plant(meta.uid, tree);
        self.store.enter(meta.uid, meta.uid);
        meta.uid
    }

    /// The tree of an owner; if that waits in the inlet behind what it owns, it enters first.
    /// Chains that are too long end, and so do circles.
    pub(super) fn top_of_owner(
        &mut self,
        owner: &Owner,
        out: &mut Vec<FinishedSpan>,
    ) -> Option<Uid> {
        self.store.top_of(owner.uid).or_else(|| {
            if self.entering.len() > MAX_OWNERS || self.entering.contains(&owner.uid) {
                return None;
            }
            let waiting = self.inlet.take(owner.uid, None)?;
            self.release(waiting, out);
            self.store.top_of(owner.uid)
        })
    }
}
