//! What belongs to one tree: which objects it takes in, parts that leave it, and trees that it
//! takes in again.

use std::collections::BTreeMap;

use super::super::pod::{Pod, Tally};
use super::open::own_link;
use super::owned::Owned;
use super::{Rules, Tree};
use crate::facts::change::Snapshot;
use crate::facts::ids::{SpanId, TraceId};
use crate::facts::instant::Evidence;
use crate::facts::meta::{Owner, Uid};
use crate::facts::span::{FinishedSpan, LinkReason, Outcome};
use crate::facts::workload::Mode;

impl Tree {
    /// Whether a new object below `owner` becomes part of this tree. What runs to its end below an
    /// owner with nothing open, such as the Job of a CronJob, is a tree of its own.
    #[must_use]
    pub fn takes_in(&self, new: &Snapshot, owner: Uid) -> bool {
        let is_run = match new {
            Snapshot::Workload(workload) => workload.mode == Mode::Run,
            Snapshot::Pod(pod) => !pod.restarts_always,
        };
        !is_run || self.is_open() || self.is_in_run(owner)
    }

    /// The tree of `guest` is this one's, though it is a tree of its own.
    pub fn host(&mut self, guest: Uid) {
        self.guests.insert(guest);
    }

    /// The tree of `guest` is over, or no longer this one's; `at` is when that was.
    pub fn unhost(
        &mut self,
        guest: Uid,
        at: Evidence,
        rules: &Rules,
        out: &mut Vec<FinishedSpan>,
    ) -> super::After {
        if self.guests.remove(&guest) {
            self.evaluate(at, rules, out);
        }
        self.after()
    }

    /// A part of it has become a tree of its own.
    pub fn lost_part(
        &mut self,
        at: Evidence,
        rules: &Rules,
        out: &mut Vec<FinishedSpan>,
    ) -> super::After {
        self.evaluate(at, rules, out);
        self.after()
    }

    /// Whether its deletion is under way, which reaches into the trees of its guests.
    #[must_use]
    pub fn is_ending(&self) -> bool {
        self.open_ref().is_some_and(|open| open.action.is_end())
    }

    /// The owner of an object of this tree: its uid, for the topmost one as it was first seen.
    #[must_use]
    pub fn owner_of(&self, uid: Uid) -> Option<Uid> {
        if uid == self.top.uid {
            return self.owner.as_ref().map(|owner| owner.uid);
        }
        let pod = self.pods.get(&uid).and_then(|pod| pod.owner());
        pod.or_else(|| self.owned.get(&uid).map(|owned| owned.owner))
    }

    /// The topmost object belongs to another owner, or to nobody any more.
    pub fn set_owner(&mut self, owner: Option<Owner>) {
        self.owner = owner;
        self.is_owner_missing = false;
    }

    /// What is open ends because its owner is deleted: then this tree can become part of that.
    /// Returns the trace and the root span of what ended.
    pub fn end_with_owner(
        &mut self,
        at: Evidence,
        rules: &Rules,
        out: &mut Vec<FinishedSpan>,
    ) -> Option<(TraceId, SpanId)> {
        let open = self.open_ref().map(|open| (open.trace, open.span));
        self.close(Outcome::Deleted, at, None, rules);
        self.emit(rules, out);
        open
    }

    /// Its deletion has ended what was open of a guest.
    pub fn has_ended(&mut self, trace: TraceId, span: SpanId) {
        if let Some(open) = self.open() {
            open.links.push(own_link(trace, span, LinkReason::Supersedes));
        }
    }

    /// All objects of this tree.
    #[must_use]
    pub fn uids(&self) -> Vec<Uid> {
        let root = self.root.as_deref().map(|root| root.meta.uid);
        root.into_iter()
            .chain(self.owned.keys().copied())
            .chain(self.pods.keys().copied())
            .collect()
    }

    /// Takes in the objects of `part`, whose topmost one is owned by `owner`.
    pub fn absorb(&mut self, mut part: Self, owner: Uid) {
        let top = part.top.uid;
        let n_pods = |of: Uid, pods: &BTreeMap<Uid, Pod>| {
            let own = pods.values().filter(|pod| pod.owner() == Some(of));
            own.fold((0, 0), |(n, present), pod| (n + 1, present + pod.tally().present))
        };
        if let Some(root) = part.root.take() {
            let (n_pods, n_present) = n_pods(top, &part.pods);
            let n_owned = part.owned.values().filter(|below| below.owner == top).count();
            let owned = Owned {
                workload: *root,
                owner,
                n_pods,
                n_present,
                n_owned: i64::try_from(n_owned).unwrap_or(i64::MAX),
                is_gone: false,
            };
            self.owned.insert(top, Box::new(owned));
            if let Some(above) = self.owned.get_mut(&owner) {
                above.n_owned += 1;
            }
        } else if let Some(pod) = part.pods.get_mut(&top) {
            pod.set_owner(Some(owner));
            let present = pod.tally().present;
            if let Some(above) = self.owned.get_mut(&owner) {
                above.n_pods += 1;
                above.n_present += present;
            }
        }
        part.pods.values_mut().for_each(Pod::detach);
        self.tally = self.tally.replacing(Tally::default(), part.tally);
        self.owned.append(&mut part.owned);
        self.pods.append(&mut part.pods);
        self.unready.append(&mut part.unready);
        self.guests.remove(&top);
        self.guests.append(&mut part.guests);
        self.untraced.add(part.untraced);
    }

    /// Takes out an object that belongs to nobody any more, or to something else, with all below
    /// it, as a tree of its own in which nothing is open.
    pub fn split(&mut self, snapshot: &Snapshot, owner: Option<Owner>) -> Option<Self> {
        let uid = snapshot.meta().uid;
        let mut part = Self::new(snapshot, owner, false);
        if let Some(mut pod) = self.pods.remove(&uid) {
            let tally = pod.tally();
            self.count_in_owned(pod.owner(), -1, -tally.present);
            pod.set_owner(None);
            part.pods.insert(uid, pod);
        } else {
            let owned = self.owned.remove(&uid)?;
            if let Some(above) = self.owned.get_mut(&owned.owner) {
                above.n_owned -= 1;
            }
            part.root = Some(Box::new(owned.workload));
            let mut above = vec![uid];
            while let Some(of) = above.pop() {
                let below: Vec<Uid> = self
                    .owned
                    .iter()
                    .filter(|(_, owned)| owned.owner == of)
                    .map(|(uid, _)| *uid)
                    .collect();
                for uid in below {
                    part.owned.extend(self.owned.remove_entry(&uid));
                    above.push(uid);
                }
            }
            let is_below = |_: &Uid, pod: &Pod| {
                pod.owner().is_some_and(|of| of == uid || part.owned.contains_key(&of))
            };
            part.pods = take_if(&mut self.pods, is_below);
        }
        for pod in part.pods.values() {
            part.tally = part.tally.replacing(Tally::default(), pod.tally());
        }
        self.tally = self.tally.replacing(part.tally, Tally::default());
        part.unready = take_if(&mut self.unready, |(_, uid), _| part.pods.contains_key(uid));
        part.pods.values_mut().for_each(Pod::detach);
        Some(part)
    }
}

/// Takes out what `is_taken`.
fn take_if<K: Ord + Copy, V>(
    from: &mut BTreeMap<K, V>,
    is_taken: impl Fn(&K, &V) -> bool,
) -> BTreeMap<K, V> {
    let keys: Vec<K> =
        from.iter().filter(|(key, it)| is_taken(key, it)).map(|(key, _)| *key).collect();
    keys.into_iter().filter_map(|key| from.remove_entry(&key)).collect()
}
