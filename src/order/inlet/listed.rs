//! What lists told of objects that may own others, and waits: it may be needed before it is due.

use super::{Inlet, Place, Released};
use crate::facts::change::{Change, Snapshot};
use crate::facts::kind::Lane;
use crate::facts::meta::Uid;

impl Inlet {
    /// Whether something waits that a list told of what may own other objects.
    #[must_use]
    pub fn has_listed_owners(&self) -> bool {
        !self.listed_owners.is_empty()
    }

    /// What waits that a list told of such an object.
    #[must_use]
    pub fn listed_of(&self, uid: Uid) -> Option<&Released> {
        let place = self.listed_owners.get(&uid)?;
        let ready = self.ready_at(*place).and_then(|at| self.ready.get(at));
        ready.or_else(|| self.waiting.get(place))
    }

    /// What a list told of such an object is looked for no more: it comes in its order.
    pub fn pass_over(&mut self, uid: Uid) {
        self.listed_owners.remove(&uid);
    }

    /// Takes what a list told of such an object out of its order; its place is before that of something.
    pub fn take_listed(&mut self, uid: Uid, before: Place) -> Option<Released> {
        let place = *self.listed_owners.get(&uid)?;
        let ready = self.ready_at(place).and_then(|at| self.ready.remove(at));
        let waiting = ready.or_else(|| self.waiting.remove(&place))?;
        self.leaves(&waiting);
        Some(Released { place: before.min(place), ..waiting })
    }

    /// Where what has its place there is among what is ready.
    fn ready_at(&self, place: Place) -> Option<usize> {
        self.ready.binary_search_by_key(&place, |released| released.place).ok()
    }
}

/// The object of which a list tells, if it may own others.
pub(super) fn listed_owner(released: &Released) -> Option<Uid> {
    let uid = match &released.change {
        Change::Seen(Snapshot::Workload(workload)) => workload.meta.uid,
        Change::Vanished(uid) => *uid,
        Change::Seen(Snapshot::Pod(_))
        | Change::Deleted(_)
        | Change::Unmatched(_)
        | Change::Noted(_) => return None,
    };
    (released.is_listed && released.lane != Lane::Pods).then_some(uid)
}
