//! What a complete list proves gone.

use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasherDefault;
use std::num::NonZeroU64;

use crate::facts::hash::Drawn;
use crate::facts::meta::Uid;

/// Mark and sweep over one kind's list and watch.
///
/// A list may be cut short and begun again: then what the first attempt had not yet reached is
/// neither gone nor seen, and it must stay known.
#[derive(Clone, Debug, Default)]
pub struct Relist {
    known: HashMap<Uid, Known, BuildHasherDefault<Drawn>>,
    /// What was taken out of the inlet is kept besides, to be stored.
    keeps_held: bool,
    /// What was last taken out of the inlet, where something else was told since.
    waiting: BTreeMap<Uid, Option<NonZeroU64>>,
    /// What is told to be gone, until that is taken out of the inlet: the facts of the version before.
    leaving: BTreeMap<Uid, Option<NonZeroU64>>,
    is_listing: bool,
}

/// The hash of the facts of an object as last told; its lowest bit instead says whether the list in
/// progress contains it.
#[derive(Clone, Copy, Debug)]
struct Known(u64);

impl Known {
    const LISTED: u64 = 1;

    /// The facts of something of which none are known.
    const NOTHING: u64 = 0;

    fn told(facts: u64, is_listed: bool) -> Self {
        Self(facts & !Self::LISTED | u64::from(is_listed))
    }

    fn facts(self) -> Option<NonZeroU64> {
        NonZeroU64::new(self.0 & !Self::LISTED)
    }

    fn has(self, facts: u64) -> bool {
        self.facts() == Self(facts).facts()
    }

    fn is_listed(self) -> bool {
        self.0 & Self::LISTED != 0
    }
}

impl Relist {
    /// What is held is to be stored, from before anything is told.
    pub fn keep_held(&mut self) {
        self.keeps_held = true;
    }

    /// A list begins; one that was in progress is forgotten.
    pub fn begin(&mut self) {
        self.is_listing = true;
        self.known.values_mut().for_each(|known| *known = Known::told(known.0, false));
    }

    /// Whether a list is in progress.
    #[must_use]
    pub fn is_listing(&self) -> bool {
        self.is_listing
    }

    /// Whether anything of its kind is there.
    #[must_use]
    pub fn has_any(&self) -> bool {
        !self.known.is_empty()
    }

    /// The list in progress broke off: it proves nothing.
    pub fn abandon(&mut self) {
        self.is_listing = false;
    }

    /// The list in progress contains `uid`. Returns whether the hash of its `facts` is news: it stays
    /// so, however often a list begins again, until it is [`Relist::seen`].
    pub fn listed(&mut self, uid: Uid, facts: u64) -> bool {
        let is_news = self.known.get(&uid).is_none_or(|known| !known.has(facts));
        self.tell(uid, if is_news { Known::NOTHING } else { facts }, true);
        is_news
    }

    /// The same of what enters at once. Returns whether it is news.
    pub fn enters(&mut self, uid: Uid, facts: u64) -> bool {
        let before = self.known.insert(uid, Known::told(facts, true));
        before.is_none_or(|known| !known.has(facts))
    }

    /// Returns whether it is another than was told before.
    fn tell(&mut self, uid: Uid, facts: u64, is_listed: bool) -> bool {
        let before = self.known.insert(uid, Known::told(facts, is_listed));
        let is_other = before.is_none_or(|known| !known.has(facts));
        if is_other && self.keeps_held {
            // What was told last had been taken out, unless something waits already.
            self.waiting.entry(uid).or_insert_with(|| before.and_then(Known::facts));
        }
        is_other
    }

    /// A version with these `facts` was taken out of the inlet.
    pub fn hold(&mut self, uid: Uid, facts: Option<NonZeroU64>) {
        if !self.keeps_held {
            return;
        }
        let Some(known) = self.known.get(&uid) else {
            // It is told to be gone, which waits behind this.
            self.leaving.entry(uid).and_modify(|held| *held = facts);
            return;
        };
        if known.has(facts.map_or(Known::NOTHING, NonZeroU64::get)) {
            self.waiting.remove(&uid);
        } else {
            self.waiting.insert(uid, facts);
        }
    }

    /// The facts of the version of `uid` that was last taken out of the inlet; `None` where `uid` is
    /// not there. What is told after that is told again by a watch that goes on where all had been
    /// taken out.
    #[must_use]
    pub fn held(&self, uid: Uid) -> Option<Option<NonZeroU64>> {
        let known = || self.known.get(&uid).map(|known| known.facts());
        let held = self.waiting.get(&uid).copied().or_else(known);
        let held = held.or_else(|| self.leaving.get(&uid).copied())?;
        Some(held.and_then(|facts| Known(facts.get()).facts()))
    }

    /// That `uid` is gone was taken out of the inlet.
    pub fn left(&mut self, uid: Uid) {
        self.leaving.remove(&uid);
    }

    /// `uid` had been there with these facts before this process was; where they are not known,
    /// whatever is told is news.
    pub fn resume(&mut self, uid: Uid, held: Option<NonZeroU64>) {
        let told = held.map_or(Known::NOTHING, NonZeroU64::get);
        self.known.insert(uid, Known::told(told, false));
    }

    /// What is told of `uid` has these `facts`. Returns whether the hash of them is news.
    pub fn seen(&mut self, uid: Uid, facts: u64) -> bool {
        self.tell(uid, facts, self.is_listing)
    }

    /// A delete event named `uid`.
    pub fn deleted(&mut self, uid: Uid) {
        if let Some(known) = self.known.remove(&uid) {
            self.leaves(uid, known);
        }
    }

    fn leaves(&mut self, uid: Uid, known: Known) {
        if self.keeps_held {
            let held = self.waiting.remove(&uid).unwrap_or_else(|| known.facts());
            self.leaving.insert(uid, held);
        }
    }

    /// The list is complete: returns, in order, the objects that it did not contain.
    #[must_use]
    pub fn finish(&mut self) -> Vec<Uid> {
        if !std::mem::take(&mut self.is_listing) {
            return Vec::new();
        }
        let gone = self.known.extract_if(|_, known| !known.is_listed());
        let mut gone: Vec<(Uid, Known)> = gone.collect();
        gone.sort_unstable_by_key(|(uid, _)| *uid);
        gone.iter().for_each(|(uid, known)| self.leaves(*uid, *known));
        gone.into_iter().map(|(uid, _)| uid).collect()
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
                    if relist.listed(uid(number), 2) {
                        relist.seen(uid(number), 2);
                    }
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
    fn what_a_list_told_that_broke_off_is_still_news_for_the_next() {
        let mut relist = Relist::default();
        relist.seen(uid(1), 2);
        for facts in [4, 6, 6] {
            relist.begin();
            assert!(relist.listed(uid(1), facts), "it never became known");
            relist.abandon();
        }
        relist.begin();
        assert!(relist.listed(uid(1), 6));
        assert!(relist.seen(uid(1), 6));
        assert_eq!(relist.finish(), []);
        relist.begin();
        assert!(!relist.listed(uid(1), 6), "now it is known");
    }

    #[test]
    fn an_abandoned_list_proves_nothing() {
        let mut relist = Relist::default();
        assert!(relist.seen(uid(1), 6));
        assert!(!relist.seen(uid(1), 6), "the same facts are no news");
        assert!(relist.seen(uid(1), 8));
        relist.begin();
        relist.abandon();
        assert_eq!(relist.finish(), []);
        relist.begin();
        assert_eq!(relist.finish(), [uid(1)]);
    }
}
