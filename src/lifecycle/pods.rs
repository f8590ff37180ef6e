//! The Pods of a tree, and what is counted of them: a Pod changes in here, and the counts with it.

use std::collections::BTreeMap;

use super::pod::{Pod, Tally};
use crate::facts::instant::Evidence;
use crate::facts::meta::Uid;
use crate::facts::time::UnixNanos;

/// The Pods of a tree.
#[derive(Clone, Debug, Default)]
pub struct Pods {
    by_uid: BTreeMap<Uid, Pod>,
    tally: Tally,
    /// What the workloads below the topmost object have of them, by their uid.
    shares: Vec<(Uid, Share)>,
    /// Those that were Ready and are not, by the moment that began.
    unready: BTreeMap<(UnixNanos, Uid), Evidence>,
}

/// Pods of one workload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Still there.
    pub n: i64,
    /// Of these, neither going nor finished.
    pub present: i64,
}

impl Pods {
    /// All of them.
    #[must_use]
    pub fn all(&self) -> &BTreeMap<Uid, Pod> {
        &self.by_uid
    }

    /// One of them.
    #[must_use]
    pub fn of(&self, uid: Uid) -> Option<&Pod> {
        self.by_uid.get(&uid)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_uid.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_uid.is_empty()
    }

    /// What is counted of all of them.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// What a workload below the topmost object has of them.
    #[must_use]
    pub fn share(&self, owner: Uid) -> Share {
        let at = self.shares.binary_search_by_key(&owner, |(uid, _)| *uid);
        at.ok().and_then(|at| self.shares.get(at)).map(|(_, share)| *share).unwrap_or_default()
    }

    /// Whether what was written to one of them in place is not there yet.
    #[must_use]
    pub fn waits_in_place(&self) -> bool {
        self.by_uid.values().any(Pod::waits_in_place)
    }

    /// A Pod joins.
    pub fn insert(&mut self, uid: Uid, pod: Pod) {
        self.count(&pod, 1);
        if let Some(old) = self.by_uid.insert(uid, pod) {
            self.count(&old, -1);
        }
    }

    /// A Pod leaves.
    pub fn remove(&mut self, uid: Uid) -> Option<Pod> {
        let pod = self.by_uid.remove(&uid)?;
        self.count(&pod, -1);
        self.unready.retain(|(_, known), _| *known != uid);
        Some(pod)
    }

    /// Changes a Pod.
    pub fn change<T>(&mut self, uid: Uid, change: impl FnOnce(&mut Pod) -> T) -> Option<T> {
        let pod = self.by_uid.get_mut(&uid)?;
        let (before, owner) = (pod.tally(), pod.owner());
        let changed = change(pod);
        let (after, now) = (pod.tally(), pod.owner());
        self.tally = self.tally.replacing(before, after);
        self.add_share(owner, Share { n: -1, present: -before.present });
        self.add_share(now, Share { n: 1, present: after.present });
        Some(changed)
    }

    /// Changes facts of all Pods that no count depends on.
    pub fn each(&mut self, change: impl FnMut((&Uid, &mut Pod))) {
        self.by_uid.iter_mut().for_each(change);
    }

    /// Takes in the Pods of another tree.
    pub fn absorb(&mut self, mut part: Self) {
        self.unready.append(&mut part.unready);
        for (uid, pod) in part.by_uid {
            self.insert(uid, pod);
        }
    }

    /// Takes out the Pods that `is_taken`.
    pub fn split(&mut self, is_taken: impl Fn(Uid, &Pod) -> bool) -> Self {
        let mut part = Self::default();
        let taken: Vec<Uid> =
            self.by_uid.iter().filter(|(uid, pod)| is_taken(**uid, pod)).map(|it| *it.0).collect();
        for uid in taken {
            let unready = self.unready_since(uid);
            if let Some(pod) = self.remove(uid) {
                part.insert(uid, pod);
                part.unready.extend(unready.map(|(since, at)| ((since, uid), at)));
            }
        }
        part
    }

    /// Since when a Pod is on the list of those that are not Ready.
    #[must_use]
    pub fn unready_since(&self, uid: Uid) -> Option<(UnixNanos, Evidence)> {
        let listed = self.unready.iter().find(|((_, known), _)| *known == uid);
        listed.map(|((since, _), at)| (*since, *at))
    }

    /// The Pod that has been unready longest.
    #[must_use]
    pub fn longest_unready(&self) -> Option<(UnixNanos, Uid, Evidence)> {
        self.unready.first_key_value().map(|((since, uid), at)| (*since, *uid, *at))
    }

    /// A Pod is not Ready any more.
    pub fn set_unready(&mut self, uid: Uid, since: UnixNanos, at: Evidence) {
        self.unready.insert((since, uid), at);
    }

    /// It is Ready again, or no longer counts.
    pub fn clear_unready(&mut self, uid: Uid, since: UnixNanos) {
        self.unready.remove(&(since, uid));
    }

    fn count(&mut self, pod: &Pod, by: i64) {
        let tally = pod.tally();
        self.tally = match by {
            1 => self.tally.replacing(Tally::default(), tally),
            _ => self.tally.replacing(tally, Tally::default()),
        };
        self.add_share(pod.owner(), Share { n: by, present: by * tally.present });
    }

    fn add_share(&mut self, owner: Option<Uid>, share: Share) {
        let Some(owner) = owner.filter(|_| share != Share::default()) else { return };
        match self.shares.binary_search_by_key(&owner, |(uid, _)| *uid) {
            Ok(at) => {
                if let Some((_, known)) = self.shares.get_mut(at) {
                    known.n += share.n;
                    known.present += share.present;
                    if *known == Share::default() {
                        self.shares.remove(at);
                    }
                }
            }
            Err(at) => self.shares.insert(at, (owner, share)),
        }
    }
}
