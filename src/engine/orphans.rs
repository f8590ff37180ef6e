//! Changes that wait for an owner, while the lane that could tell of it is away.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::changed::Changed;
use super::derived::Deadlines;
use crate::facts::change::Change;
use crate::facts::meta::Uid;
use crate::facts::time::UnixNanos;
use crate::lifecycle::shared::{Shared, Shares};
use crate::order::inlet::Released;

/// The waiting changes, by the owner they wait for.
#[derive(Debug, Default)]
pub(super) struct Orphans {
    by_owner: BTreeMap<Uid, Vec<Released>>,
    owner_of: BTreeMap<Uid, Uid>,
    /// Until when owners are waited for.
    deadlines: Deadlines,
    n_waiting: usize,
    /// The owners for which something else waits than when it was last stored.
    pub(super) changed: Changed<Uid>,
}

/// What waits for one owner, and until when.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Waiting {
    deadline: UnixNanos,
    pub(super) all: Vec<Released>,
}

impl Shares for Waiting {
    fn share(&mut self, shared: &mut Shared) {
        self.all.iter_mut().for_each(|released| released.change.share(shared));
    }
}

impl Orphans {
    /// The owner that `object` waits for.
    pub(super) fn owner_of(&self, object: Uid) -> Option<Uid> {
        self.owner_of.get(&object).copied()
    }

    /// `released`, about `object`, waits for `owner`; the first one sets the deadline.
    pub(super) fn wait(
        &mut self,
        object: Uid,
        owner: Uid,
        released: Released,
        deadline: UnixNanos,
    ) {
        self.changed.mark(owner);
        // What Events wait for does not wait for itself.
        if object != owner {
            self.owner_of.insert(object, owner);
        }
        if self.deadlines.of(owner).is_none() {
            self.deadlines.set(owner, Some(deadline));
        }
        self.by_owner.entry(owner).or_default().push(released);
        self.n_waiting += 1;
    }

    /// Whether something waits for `owner`.
    pub(super) fn is_awaited(&self, owner: Uid) -> bool {
        !self.by_owner.is_empty() && self.by_owner.contains_key(&owner)
    }

    /// Takes what waited for `owner`, in order.
    pub(super) fn take(&mut self, owner: Uid) -> Vec<Released> {
        let Some(mut waited) = self.by_owner.remove(&owner) else { return Vec::new() };
        self.changed.mark(owner);
        self.deadlines.set(owner, None);
        waited.sort_by_key(|released| released.place);
        for released in &waited {
            self.owner_of.remove(&object_of(&released.change));
        }
        self.n_waiting -= waited.len();
        waited
    }

    /// Takes what has waited until its deadline.
    pub(super) fn due(&mut self, now: UnixNanos) -> Vec<Released> {
        let due = std::iter::from_fn(|| self.deadlines.take_due(now));
        let due: Vec<Uid> = due.map(|(_, owner)| owner).collect();
        due.into_iter().flat_map(|owner| self.take(owner)).collect()
    }

    /// What is to be stored of those that wait for `owner`.
    pub(super) fn kept(&self, owner: Uid) -> Option<Waiting> {
        let (deadline, all) = (self.deadlines.of(owner)?, self.by_owner.get(&owner)?.clone());
        Some(Waiting { deadline, all })
    }

    /// What was stored of those that waited for `owner`.
    pub(super) fn resume(&mut self, owner: Uid, waiting: Waiting) {
        for released in waiting.all {
            self.wait(object_of(&released.change), owner, released, waiting.deadline);
        }
        self.changed.take();
    }

    /// When the next deadline is.
    pub(super) fn next_due(&self) -> Option<UnixNanos> {
        self.deadlines.next()
    }

    /// How many changes wait.
    pub(super) fn len(&self) -> usize {
        self.n_waiting
    }
}

/// The object that a change is about; an Event that only names it is looked at by itself.
pub(super) fn object_of(change: &Change) -> Uid {
    match change {
        Change::Seen(snapshot) | Change::Deleted(snapshot) | Change::Unmatched(snapshot) => {
            snapshot.meta().uid
        }
        Change::Vanished(uid) => *uid,
        Change::Noted(note) => note.about.uid().unwrap_or(note.uid),
    }
}
