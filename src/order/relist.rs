//! What a complete list proves gone.

use std::collections::BTreeMap;
use std::mem;

use crate::facts::meta::Uid;

/// Mark and sweep over one kind's list and watch.
///
/// A list may be cut short and begun again: then what the first attempt had not yet reached is
/// neither gone nor seen, and it must stay known.
#[derive(Clone, Debug, Default)]
pub struct Relist {
    /// What is there, and the hash of the facts last seen of it.
    known: BTreeMap<Uid, u64>,
    listed: Option<BTreeMap<Uid, u64>>,
}

impl Relist {
    /// A list begins; one that was in progress is forgotten.
    pub fn begin(&mut self) {
        self.listed = Some(BTreeMap::new());
    }

    /// Whether a list is in progress.
    #[must_use]
    pub fn is_listing(&self) -> bool {
        self.listed.is_some()
    }

    /// Whether anything of its kind is there.
    #[must_use]
    pub fn has_any(&self) -> bool {
        !self.known.is_empty()
    }

    /// The list in progress broke off: it proves nothing.
    pub fn abandon(&mut self) {
        self.listed = None;
    }

    /// `uid` was listed, or its creation or update was watched. Returns whether the hash of its
    /// `facts` is news.
    pub fn seen(&mut self, uid: Uid, facts: u64) -> bool {
        if let Some(listed) = &mut self.listed {
            listed.insert(uid, facts);
        }
        self.known.insert(uid, facts) != Some(facts)
    }

    /// A delete event named `uid`.
    pub fn deleted(&mut self, uid: Uid) {
        self.known.remove(&uid);
        if let Some(listed) = &mut self.listed {
            listed.remove(&uid);
        }
    }

    /// The list is complete: returns, in order, the objects that it did not contain.
    #[must_use]
    pub fn finish(&mut self) -> Vec<Uid> {
        let Some(listed) = self.listed.take() else { return Vec::new() };
        let before = mem::replace(&mut self.known, listed);
        before.into_keys().filter(|uid| !self.known.contains_key(uid)).collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::order::relist::*;

    use std::collections::BTreeSet;

    fn uid(number: u128) -> Uid {
        Uid::new(number).unwrap()
    }

    proptest::proptest! {
        /// However often lists are interrupted, what is held at the end is what the cluster holds.
        #[test]
        fn an_interrupted_list_loses_no_deletion(
            worlds in proptest::collection::vec(
                (proptest::collection::btree_set(1_u128..9, 0..8), proptest::option::of(0_usize..9)),
                1..12)
        ) {
            let mut relist = Relist::default();
            let mut held = BTreeSet::new();
            for (world, cut) in worlds {
                relist.begin();
                let reach = cut.map_or(world.len(), |cut| cut % (world.len() + 1));
                for &number in world.iter().take(reach) {
                    relist.seen(uid(number), 0);
                    held.insert(number);
                }
                if cut.is_none() {
                    for gone in relist.finish() {
                        assert!(held.remove(&gone.number()), "reported twice or never held");
                    }
                    assert_eq!(held, world);
                }
            }
        }
    }

    #[test]
    fn an_abandoned_list_proves_nothing() {
        let mut relist = Relist::default();
        assert!(relist.seen(uid(1), 7));
        assert!(!relist.seen(uid(1), 7), "the same facts are no news");
        assert!(relist.seen(uid(1), 8));
        relist.begin();
        relist.abandon();
        assert_eq!(relist.finish(), []);
        relist.begin();
        assert_eq!(relist.finish(), [uid(1)]);
    }
}
