//! What nobody heard: a list tells what there is, not what came and went before it was read (DESIGN
//! §11).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Engine;
use crate::facts::change::{Change, Snapshot};
use crate::facts::kind::{Kind, Lane};
use crate::facts::meta::Uid;
use crate::facts::time::{Nanos, UnixNanos};
use crate::facts::workload::Workload;
use crate::lifecycle::closed::Closed;
use crate::order::inlet::{Place, Released};

/// So many stretches are kept of a lane; beyond that the oldest two are one.
const MAX_STRETCHES: usize = 32;

/// What lanes never told, because a list told instead what had become of it.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Unheard {
    /// What was written after the first and up to the second was told by lists alone, in part.
    versions: (u64, u64),
    /// From when to when a lane was not heard, by the API server's clock.
    stretches: BTreeMap<Lane, Vec<(UnixNanos, UnixNanos)>>,
    /// It is another than when it was last stored.
    #[serde(skip)]
    pub(super) is_changed: bool,
}

impl Unheard {
    /// A list told what a lane had missed since `from`, when it had come to `to`.
    pub(super) fn widen(&mut self, from: u64, to: u64) {
        let (first, last) = self.versions;
        let is_apart = from > last;
        self.versions = if is_apart { (from, to) } else { (from.min(first), to.max(last)) };
        self.is_changed = true;
    }

    /// resourceVersions count another history from now on.
    pub(super) fn forget_versions(&mut self) {
        self.versions = (0, 0);
        self.is_changed = true;
    }

    /// What was written then may come after something that nobody saw.
    pub(super) fn holds(&self, version: Option<u64>) -> bool {
        let (first, last) = self.versions;
        version.is_some_and(|version| first < version && version <= last)
    }

    /// A lane was not heard between these moments.
    fn add(&mut self, lane: Lane, from: UnixNanos, to: UnixNanos) {
        let known = self.stretches.entry(lane).or_default();
        known.push((from, to));
        if known.len() > MAX_STRETCHES {
            let (from, _) = known.remove(0);
            known.iter_mut().take(1).for_each(|oldest| oldest.0 = oldest.0.min(from));
        }
        self.is_changed = true;
    }
}

impl Engine {
    /// A lane has told by a list at `at` what it had not told since `since`: what came and went meanwhile
    /// it will never tell.
    pub(super) fn was_unheard(&mut self, lane: Lane, since: UnixNanos, at: UnixNanos) {
        let from = self.unheard_from(since);
        self.unheard.add(lane, from, at.plus(self.inlet.clock.ahead));
    }

    /// From when on nothing is known of a lane that was last heard at `since`, by the API server's clock:
    /// what it told last may not have been taken in.
    pub(super) fn unheard_from(&self, since: UnixNanos) -> UnixNanos {
        since.plus(self.inlet.clock.ahead).minus(self.rules.settle_time)
    }

    /// From when to when what a later list of a lane tells was written, by the API server's clock.
    pub(super) fn unwatched(&self, lane: Lane) -> (UnixNanos, UnixNanos) {
        let listed = self.now.plus(self.inlet.clock.ahead);
        (self.away_since(lane).min(listed), listed)
    }

    /// Whether parts of a transition may have come and gone while nobody heard of such.
    pub(super) fn may_lack_parts(&self, closed: &Closed) -> bool {
        let top = &closed.tree.top.kind;
        let start = closed.transition.start.instant(Nanos(0)).best;
        let end = closed.closing.end.instant(Nanos(0)).best.max(start);
        let is_in = |(from, to): &(UnixNanos, UnixNanos)| start <= *to && *from <= end;
        let mut all = self.unheard.stretches.iter();
        all.any(|(lane, known)| may_be_below(*lane, top) && known.iter().any(is_in))
    }

    /// What lists told of the owners of an object enters before what a list told of the object, or a
    /// watch of a time when its owners were not heard: it may have come to be because they were written.
    /// Of an owner that is there that is its spec; what it says of how it is, it says in its own place.
    pub(super) fn owners_enter_first(&mut self, released: &Released) -> Vec<Released> {
        let is_of_list = released.is_listed || self.unheard.holds(released.change.version());
        if !is_of_list || !self.inlet.has_listed_owners() {
            return Vec::new();
        }
        let object = super::orphans::object_of(&released.change);
        let named = released.change.snapshot().and_then(|seen| seen.meta().owner.as_ref());
        let named = named.map(|owner| owner.uid);
        let known = |top| self.store.read(top, |tree| tree.owner_of(object)).flatten();
        let top = self.store.top_of(object);
        let owner = named.or_else(|| top.and_then(known));
        let top = top.or_else(|| owner.and_then(|owner| self.store.top_of(owner)));
        let owners = [top, owner.filter(|owner| Some(*owner) != top)].into_iter().flatten();
        let owners = owners.filter(|uid| *uid != object);
        owners.filter_map(|uid| self.enters_first(uid, released.place)).collect()
    }

    fn enters_first(&mut self, uid: Uid, before: Place) -> Option<Released> {
        let waiting = self.inlet.listed_of(uid)?;
        let Change::Seen(Snapshot::Workload(new)) = &waiting.change else {
            return self.inlet.take_listed(uid, before);
        };
        let top = self.store.top_of(uid)?;
        let known = self.store.read(top, |tree| tree.workload(uid).cloned()).flatten()?;
        if new.meta.deletion.is_some() && known.meta.deletion.is_none() {
            return self.inlet.take_listed(uid, before);
        }
        let spec = spec_of(new, known).map(|spec| {
            let change = Change::Seen(Snapshot::Workload(Box::new(spec)));
            let place = before.min(waiting.place);
            Released { change, facts: None, place, ..waiting.clone() }
        });
        // Once, also where its owner is owned by it.
        self.inlet.pass_over(uid);
        spec
    }
}

/// The spec of `new` with the status that is `known` of it, if that spec was written since.
fn spec_of(new: &Workload, known: Workload) -> Option<Workload> {
    let version = new.meta.resource_version.checked_sub(1)?;
    let is_later = version > known.meta.resource_version;
    if !is_later || new.meta.generation <= known.meta.generation {
        return None;
    }
    let mut spec = Workload { status: known.status, ..new.clone() };
    spec.meta.resource_version = version;
    Some(spec)
}

/// Whether objects of a lane may be parts of a tree with a topmost object of this kind.
fn may_be_below(lane: Lane, top: &Kind) -> bool {
    match top {
        Kind::Other(_) => true,
        Kind::Deployment => matches!(lane, Lane::ReplicaSets | Lane::Pods),
        Kind::Pod | Kind::CronJob => false,
        Kind::ReplicaSet
        | Kind::ReplicationController
        | Kind::StatefulSet
        | Kind::DaemonSet
        | Kind::Job => lane == Lane::Pods,
    }
}
