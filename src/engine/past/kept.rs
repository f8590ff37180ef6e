//! What is stored of the pasts of trees, and how they go on. What trees were is stored apart from what
//! they were told since, and each change that they were told by itself: a busy tree is told much, and
//! what it was stays.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::{Entry, Middle, Past, Pasts, Was};
use crate::engine::records::{Key, Read, Written};
use crate::facts::meta::Uid;
use crate::facts::time::UnixNanos;
use crate::order::inlet::Place;

/// What is stored of a past but what trees were.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    trees: Vec<Uid>,
    since: Option<Place>,
    last: Option<Place>,
    at: UnixNanos,
    middle: Option<(usize, Option<Place>, UnixNanos)>,
    gone: Vec<(Uid, Uid)>,
    /// The numbers of what was told.
    told: Vec<u64>,
}

/// What trees were, at first and in the middle.
type Base = (Was, Option<Was>);

impl Pasts {
    /// Marks what changes from now on.
    pub(in crate::engine) fn begin_changes(&mut self) {
        self.changed.begin();
        self.rebased.begin();
        self.numbers.let_go.begin();
    }

    /// Whether anything is other than when it was last written.
    pub(in crate::engine) fn have_changed(&self) -> bool {
        self.changed.is_any() || self.rebased.is_any() || self.numbers.let_go.is_any()
    }

    /// Writes what is other than when it was last written.
    pub(in crate::engine) fn write(&mut self, out: &mut Written) {
        for number in self.changed.take() {
            let past = self.by_number.get(&number);
            out.put(Key::Past(number), past.map(|past| self.head(past)).as_ref());
            let new = past.into_iter().flat_map(|past| &past.told);
            for entry in new.filter(|entry| entry.number > self.numbers.stored) {
                out.put(Key::Told(entry.number), Some(entry));
            }
        }
        self.numbers.stored = self.numbers.last;
        for number in self.numbers.let_go.take() {
            out.put::<Entry>(Key::Told(number), None);
        }
        for number in self.rebased.take() {
            let past = self.by_number.get(&number);
            let was = past.map(|past| (&past.was, past.middle.as_ref().map(|middle| &middle.was)));
            out.put(Key::Base(number), was.as_ref());
        }
    }

    fn head(&self, past: &Past) -> Head {
        let tree_of = |uid: &Uid| Some((*uid, *self.gone.get(uid)?));
        Head {
            trees: past.trees.clone(),
            since: past.since,
            last: past.last,
            at: past.at,
            middle: past.middle.as_ref().map(|it| (it.n_told, it.from, it.at)),
            gone: past.gone.iter().filter_map(tree_of).collect(),
            told: past.told.iter().map(|entry| entry.number).collect(),
        }
    }

    /// Goes on with what was stored of trees that were not `dropped`. Where a part of it cannot be read
    /// nothing of those trees is decided again that was told until `reached`; how many pasts those are.
    pub(in crate::engine) fn resume(
        &mut self,
        read: &mut Read,
        dropped: &BTreeSet<Uid>,
        reached: Option<Place>,
        now: UnixNanos,
    ) -> u64 {
        let mut entries = BTreeMap::new();
        for key in read.keys(Key::Told(0)..=Key::Told(u64::MAX)) {
            let entry: Option<Entry> = read.take(key);
            let Key::Told(number) = key else { continue };
            self.numbers.last = self.numbers.last.max(number);
            entries.insert(number, entry);
        }
        self.numbers.stored = self.numbers.last;
        let heads = read.keys(Key::Past(0)..=Key::Past(u64::MAX)).into_iter();
        let bases = read.keys(Key::Base(0)..=Key::Base(u64::MAX)).into_iter();
        let numbers: BTreeSet<u64> = heads
            .chain(bases)
            .filter_map(|key| match key {
                Key::Past(number) | Key::Base(number) => Some(number),
                Key::Head
                | Key::Tree(_)
                | Key::Told(_)
                | Key::Orphans(_)
                | Key::Claims
                | Key::Sampled => None,
            })
            .collect();
        self.n_begun = numbers.last().copied().unwrap_or(0);
        let mut n_lost = 0;
        for number in numbers {
            let head: Option<Head> = read.take(Key::Past(number));
            let base: Option<Base> = read.take(Key::Base(number));
            let trees = head.as_ref().map(|head| head.trees.clone()).unwrap_or_default();
            let is_dropped = trees.iter().any(|tree| dropped.contains(tree));
            let past = head.zip(base).filter(|_| !is_dropped);
            match past.and_then(|(head, base)| self.past_of(head, base, &entries)) {
                Some(past) => {
                    self.of.extend(past.trees.iter().map(|tree| (*tree, number)));
                    self.numbers.n += past.told.len();
                    self.by_number.insert(number, past);
                }
                None => {
                    n_lost += 1;
                    self.changed.mark(number);
                    self.rebased.mark(number);
                    trees.into_iter().for_each(|tree| self.begin_at(tree, reached, now));
                }
            }
        }
        // What no past names any more is of those that were lost.
        let told = self.by_number.values().flat_map(|past| &past.told);
        let named: BTreeSet<u64> = told.map(|entry| entry.number).collect();
        for number in entries.into_keys().filter(|number| !named.contains(number)) {
            self.numbers.let_go.mark(number);
        }
        n_lost
    }

    fn past_of(
        &mut self,
        head: Head,
        (was, middle_was): Base,
        entries: &BTreeMap<u64, Option<Entry>>,
    ) -> Option<Past> {
        let Head { trees, since, last, at, middle, gone, told } = head;
        let told: Vec<Option<Entry>> =
            told.iter().map(|number| entries.get(number).cloned().flatten()).collect();
        let told = told.into_iter().collect::<Option<VecDeque<Entry>>>()?;
        let middle = match (middle, middle_was) {
            (Some((n_told, from, at)), Some(was)) => Some(Middle { n_told, from, at, was }),
            (None, None) => None,
            (Some(_), None) | (None, Some(_)) => return None,
        };
        let uids = gone.iter().map(|(uid, _)| *uid).collect();
        self.gone.extend(gone);
        Some(Past { trees, was, told, since, last, at, middle, gone: uids })
    }
}
