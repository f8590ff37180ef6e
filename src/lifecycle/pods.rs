//! The Pods of a tree, and what is counted of them: a Pod changes in here, and the counts with it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

use super::pod::{Pod, Seq, Tally};
use super::shared::Shared;
use crate::facts::by_uid::ByUid;
use crate::facts::instant::Evidence;
use crate::facts::meta::Uid;
use crate::facts::time::UnixNanos;

/// The Pods of a tree.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(from = "ByUid<Arc<Pod>>")]
pub struct Pods {
    /// Shared with what is kept of the tree as it was (DESIGN §2, late lanes).
    by_uid: ByUid<Arc<Pod>>,
    counted: Counted,
}

impl Serialize for Pods {
    /// What is counted follows from them.
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.by_uid.serialize(to)
    }
}

impl From<ByUid<Arc<Pod>>> for Pods {
    fn from(by_uid: ByUid<Arc<Pod>>) -> Self {
        let mut pods = Self::default();
        by_uid.into_iter().for_each(|(uid, pod)| pods.put(uid, pod));
        pods
    }
}

/// What follows from the Pods, kept in step with them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Counted {
    tally: Tally,
    /// What the workloads below the topmost object have of them, by their uid.
    shares: Vec<(Uid, Share)>,
    /// Those that were Ready and are not, by the moment that began.
    unready: BTreeMap<(UnixNanos, Uid), Evidence>,
}

/// What one Pod adds to what is counted.
#[derive(Clone, Copy, Debug)]
struct Part {
    tally: Tally,
    is_present: bool,
    owner: Option<Uid>,
    unready: Option<Evidence>,
}

impl Part {
    fn of(pod: &Pod) -> Self {
        let tally = pod.tally();
        Self {
            // What runs to its end is not wanted for long.
            tally: if pod.restarts_always { tally } else { Tally::default() },
            is_present: tally.present > 0,
            owner: pod.owner(),
            unready: pod.missed().copied(),
        }
    }
}

/// Pods of one workload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Still there.
    pub n: i64,
    /// Of these, neither going nor finished.
    pub present: i64,
    /// Of these, what does not run to its end.
    pub lasting: i64,
}

impl Share {
    fn of(part: &Part, sign: i64) -> Self {
        let present = sign * i64::from(part.is_present);
        Self { n: sign, present, lasting: sign * part.tally.present }
    }
}

impl Pods {
    /// All of them.
    #[must_use]
    pub fn all(&self) -> &ByUid<Arc<Pod>> {
        &self.by_uid
    }

    /// One of them.
    #[must_use]
    pub fn of(&self, uid: Uid) -> Option<&Pod> {
        self.by_uid.get(uid).map(|pod| &**pod)
    }

    /// The one of this name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<Uid> {
        self.by_uid.iter().find(|(_, pod)| *pod.name == *name).map(|(uid, _)| *uid)
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
        self.counted.tally
    }

    /// What a workload below the topmost object has of them.
    #[must_use]
    pub fn share(&self, owner: Uid) -> Share {
        let shares = &self.counted.shares;
        let at = shares.binary_search_by_key(&owner, |(uid, _)| *uid);
        at.ok().and_then(|at| shares.get(at)).map(|(_, share)| *share).unwrap_or_default()
    }

    /// Whether one of them goes.
    #[must_use]
    pub fn any_goes(&self) -> bool {
        self.by_uid.values().any(|pod| pod.is_going)
    }

    /// Whether what was written to one of them in place is not there yet.
    #[must_use]
    pub fn waits_in_place(&self) -> bool {
        self.by_uid.values().any(|pod| pod.waits_in_place())
    }

    /// Why one of them could not be written in place as the transition `seq` wanted: reason and
    /// message.
    #[must_use]
    pub fn refused_in_place(&self, seq: Seq) -> Option<(Box<str>, String)> {
        self.by_uid.values().find_map(|pod| pod.refused_in_place(seq))
    }

    /// Since when the Pod that was the first to wait for room on its node has.
    #[must_use]
    pub fn first_deferred(&self) -> Option<UnixNanos> {
        self.by_uid.values().filter_map(|pod| pod.deferred()).min()
    }

    /// A Pod joins.
    pub fn insert(&mut self, uid: Uid, pod: Pod) {
        self.put(uid, Arc::new(pod));
    }

    fn put(&mut self, uid: Uid, pod: Arc<Pod>) {
        let after = Part::of(&pod);
        let before = self.by_uid.insert(uid, pod);
        self.counted.replace(uid, before.as_deref().map(Part::of), Some(after));
    }

    /// A Pod leaves.
    pub fn remove(&mut self, uid: Uid) -> Option<Arc<Pod>> {
        let pod = self.by_uid.remove(uid)?;
        self.counted.replace(uid, Some(Part::of(&pod)), None);
        Some(pod)
    }

    /// Changes a Pod.
    pub fn change<T>(&mut self, uid: Uid, change: impl FnOnce(&mut Pod) -> T) -> Option<T> {
        let pod = self.by_uid.make_mut(uid)?;
        let before = Part::of(pod);
        let changed = change(pod);
        let after = Part::of(pod);
        self.counted.replace(uid, Some(before), Some(after));
        Some(changed)
    }

    /// Changes what transitions need of Pods, and no count depends on.
    pub fn each(&mut self, mut change: impl FnMut((&Uid, &mut Pod))) {
        let needed = self.by_uid.iter_mut().filter(|(_, pod)| pod.has_facts());
        needed.for_each(|(uid, pod)| change((uid, Arc::make_mut(pod))));
    }

    /// The versions that are held are of a history that is over.
    pub fn forget_versions(&mut self) {
        self.by_uid.values_mut().for_each(|pod| Arc::make_mut(pod).version = None);
    }

    /// Values that many of them have are held once.
    pub fn share_values(&mut self, shared: &mut Shared) {
        for pod in self.by_uid.values_mut() {
            Arc::make_mut(pod).share(shared);
        }
    }

    /// Takes in the Pods of another tree.
    pub fn absorb(&mut self, part: Self) {
        for (uid, pod) in part.by_uid {
            self.put(uid, pod);
        }
    }

    /// Takes out the Pods that `is_taken`.
    pub fn split(&mut self, is_taken: impl Fn(Uid, &Pod) -> bool) -> Self {
        let taken: Vec<Uid> =
            self.by_uid.iter().filter(|(uid, pod)| is_taken(**uid, pod)).map(|it| *it.0).collect();
        let mut part = Self::default();
        for uid in taken {
            if let Some(pod) = self.remove(uid) {
                part.put(uid, pod);
            }
        }
        part
    }

    /// The Pod that has been unready longest.
    #[must_use]
    pub fn longest_unready(&self) -> Option<(UnixNanos, Uid, Evidence)> {
        let first = self.counted.unready.first_key_value();
        first.map(|((since, uid), at)| (*since, *uid, *at))
    }
}

impl Counted {
    /// A Pod counts otherwise than before.
    fn replace(&mut self, uid: Uid, before: Option<Part>, after: Option<Part>) {
        let tally = |part: Option<Part>| part.map(|part| part.tally).unwrap_or_default();
        self.tally = self.tally.replacing(tally(before), tally(after));
        if let Some(part) = after {
            self.add_share(part.owner, Share::of(&part, 1));
        }
        if let Some(part) = before {
            self.add_share(part.owner, Share::of(&part, -1));
        }
        if let Some(at) = before.and_then(|part| part.unready) {
            self.unready.remove(&(at.moment(), uid));
        }
        if let Some(at) = after.and_then(|part| part.unready) {
            self.unready.insert((at.moment(), uid), at);
        }
    }

    fn add_share(&mut self, owner: Option<Uid>, share: Share) {
        let Some(owner) = owner else { return };
        match self.shares.binary_search_by_key(&owner, |(uid, _)| *uid) {
            Ok(at) => {
                if let Some((_, known)) = self.shares.get_mut(at) {
                    known.n += share.n;
                    known.present += share.present;
                    known.lasting += share.lasting;
                    if *known == Share::default() {
                        self.shares.remove(at);
                    }
                }
            }
            Err(at) => {
                // As a rule there is one.
                self.shares.reserve_exact(1);
                self.shares.insert(at, (owner, share));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::change::Snapshot;
    use crate::facts::instant::{Arrival, Heard};
    use crate::facts::kind::Lane;
    use crate::facts::pod::PodSnapshot;
    use crate::facts::time::Nanos;
    use crate::kinds::{self, Catalog};

    fn seen() -> PodSnapshot {
        let json = include_bytes!("../../tests/objects/pod.json");
        let read = kinds::snapshot(&Catalog::default(), Lane::Pods, json).unwrap();
        let Snapshot::Pod(pod) = read.snapshot else { panic!("it is a Pod") };
        *pod
    }

    /// However Pods change, what is counted is what counting them anew gives.
    #[test]
    fn what_is_counted_follows_from_the_pods() {
        let owner = Uid::new(7);
        let uid = |n: u128| Uid::new(n).unwrap();
        let mut pods = Pods::default();
        let check = |pods: &Pods| {
            let mut anew = Pods::default();
            pods.by_uid.iter().for_each(|(uid, pod)| anew.put(*uid, Arc::clone(pod)));
            assert_eq!(pods.counted, anew.counted);
        };
        for n in 1..4 {
            pods.insert(uid(n), Pod::new(&seen(), owner.filter(|_| n > 1)));
        }
        let at = UnixNanos::from_seconds(1_900_000_000);
        let arrival = Some(Arrival { at, moment: at, unsure: Nanos(0) });
        let heard = Heard { order: 1, arrival };
        for (n, is_ready) in [(1, true), (2, true), (2, false), (3, true), (3, false), (3, true)] {
            let mut new = seen();
            if let Some(ready) = &mut new.ready {
                (ready.is_true, ready.changed) = (is_ready, None);
            }
            pods.change(uid(n), |pod| pod.apply(&new, heard, None));
            check(&pods);
        }
        let longest = pods.longest_unready().map(|(since, uid, _)| (since, uid));
        assert_eq!(longest, Some((at, uid(2))));
        pods.change(uid(1), |pod| pod.set_owner(owner));
        check(&pods);
        let part = pods.split(|it, _| it == uid(2));
        check(&pods);
        check(&part);
        assert_eq!((pods.longest_unready(), pods.share(uid(7)).n), (None, 2));
        pods.absorb(part);
        pods.remove(uid(3));
        check(&pods);
        assert_eq!((pods.tally().present, pods.share(uid(7)).n), (2, 2));
    }
}
