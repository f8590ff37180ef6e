//! What trees were a while ago, and what was told since: so that what comes late is put in its place
//! and the rest is decided again (DESIGN §2).
//!
//! Only trees that were told something a moment ago have a past, and trees that one change touched
//! have one together. What a tree was shares with what it is whatever has not changed since. A past
//! begins anew when a transition leaves, for that is never taken back, and with every list.
//!
//! What is kept is bounded by the number of changes, `MAX_TOLD` of trees that are decided together
//! and `MAX_ALL` of all: a change takes 760 bytes as a rule (`cargo bench --bench memory` measures
//! it), so that an open tree takes 3 MiB at most and all of them 25 MiB. The more is kept in all, the
//! less far back it goes, and of trees at rest, each of which keeps what it was too, less is kept where
//! many of them change at once. Half a minute later nothing is kept of a tree at rest.

mod kept;
mod late;
mod numbers;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::BuildHasherDefault;
use std::mem;

use kept::Apart;
pub(super) use kept::Stored;
pub(super) use late::Again;
use numbers::Numbers;
use serde::{Deserialize, Serialize};

use super::changed::Changed;
use super::step::Step;
use crate::facts::by_uid::ByUid;
use crate::facts::change::Change;
use crate::facts::hash::Drawn;
use crate::facts::meta::Uid;
use crate::facts::time::{Nanos, UnixNanos};
use crate::lifecycle::tree::Tree;
use crate::order::inlet::{Place, Released};

/// How many changes are kept of the trees that have a past together.
pub(super) const MAX_TOLD: usize = 4_096;

/// How many changes are kept of all trees.
const MAX_ALL: usize = 8 * MAX_TOLD;

/// What trees of a past were takes as much as so many changes.
const TREE: usize = 8;

/// A change that was taken in.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Entry {
    /// Its number among all that were kept, see [`Numbers`].
    pub(super) number: u64,
    /// The change.
    pub(super) released: Released,
    /// When it was taken in.
    pub(super) when: When,
    /// How many nodes the DaemonSet at the top wanted, by what had been told by then.
    pub(super) desired: Option<i64>,
    /// How one tree took it in; `None` where that is not all that came of it.
    pub(super) step: Option<Step>,
}

/// When a change was taken in.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct When {
    /// Then.
    pub(super) at: UnixNanos,
    /// Up to here all was known that had been written, since no lane was away.
    pub(super) known: UnixNanos,
}

/// What a tree was.
#[derive(Clone, Debug)]
pub(super) struct Was {
    /// It; `None` where it was not there.
    pub(super) tree: Option<Tree>,
    /// All steps up to this number had been taken.
    at: u64,
    /// It does not follow from what is stored of the tree and its steps: it is stored apart.
    is_apart: bool,
}

/// What some trees were. Of others of the same past nothing has changed. As a rule it is one, for which
/// a node of a map of trees would be many times too large.
type Weres = ByUid<Was>;

/// The past of trees that are decided together.
#[derive(Debug)]
struct Past {
    trees: Vec<Uid>,
    was: Weres,
    /// What was told since, in order.
    told: VecDeque<Entry>,
    /// What was written before this cannot be put in its place any more.
    since: Option<Place>,
    /// The last that was told.
    last: Option<Place>,
    /// When that was.
    at: UnixNanos,
    middle: Option<Middle>,
    /// Objects that are gone by what was told.
    gone: Vec<Uid>,
    /// What of what they were is stored apart.
    stored_apart: Vec<Apart>,
    /// At most so many of what was told are not stored yet.
    n_unstored: usize,
}

impl Past {
    /// They were told something, after all else.
    fn tell(&mut self, entry: Entry) {
        self.last = self.last.max(Some(entry.released.place));
        self.at = entry.when.at;
        self.n_unstored += 1;
        self.told.push_back(entry);
    }
}

/// What the trees were in the middle of what was told.
#[derive(Debug)]
struct Middle {
    /// So many had been told.
    n_told: usize,
    /// The next one has this place or a later one.
    from: Option<Place>,
    at: UnixNanos,
    was: Weres,
}

/// What each change asks for several times.
type ByHash<K, V> = HashMap<K, V, BuildHasherDefault<Drawn>>;

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Pasts {
    by_number: ByHash<u64, Box<Past>>,
    /// Their numbers: those that were last begun, or found busy, stand last.
    in_turn: VecDeque<u64>,
    of: ByHash<Uid, u64>,
    /// To which tree objects belonged that are gone.
    gone: BTreeMap<Uid, Uid>,
    /// The last that any of them was told.
    last: Option<Place>,
    n_begun: u64,
    numbers: Numbers,
    /// Pasts that are others than when they were last stored, but for what they were told since.
    changed: Changed<u64>,
    /// Those that were told something since.
    told: Changed<u64>,
    swept: Option<UnixNanos>,
}

impl Pasts {
    /// Whether there may be a tree that [`Pasts::is_late`] is true of.
    pub(super) fn may_be_late(&self, place: Place) -> bool {
        Some(place) < self.last
    }

    /// Whether something that stands at `place` has its place before what a tree has been told.
    pub(super) fn is_late(&self, tree: Uid, place: Place) -> bool {
        self.past(tree).is_some_and(|past| Some(place) < past.last)
    }

    /// A tree is about to change: what it `is` is kept, unless that is done. Nothing is kept for the
    /// passing of time alone.
    pub(super) fn remember(&mut self, tree: Uid, by_time: bool, is: impl FnOnce() -> Option<Tree>) {
        if by_time && self.past(tree).is_none_or(|past| past.told.is_empty()) {
            return;
        }
        let number = self.begin(tree);
        let Some(past) = self.by_number.get_mut(&number) else { return };
        if past.was.get(tree).is_some() {
            return;
        }
        self.changed.mark(number);
        let was = Was { tree: is(), at: self.numbers.last, is_apart: false };
        if let Some(middle) = &mut past.middle {
            middle.was.insert(tree, was.clone());
        }
        past.was.insert(tree, was);
    }

    /// The tree that an object belonged to, if it went a short time ago.
    pub(super) fn tree_of_gone(&self, object: Uid) -> Option<Uid> {
        self.gone.get(&object).copied()
    }

    /// Nothing is decided again: what resourceVersions count has begun anew.
    pub(super) fn reset(&mut self) {
        let trees = self.by_number.values().filter_map(|past| past.trees.first().copied());
        trees.collect::<Vec<_>>().into_iter().for_each(|tree| self.forget(tree));
        self.last = None;
    }

    fn past(&self, tree: Uid) -> Option<&Past> {
        self.by_number.get(self.of.get(&tree)?).map(|past| &**past)
    }

    fn begin(&mut self, tree: Uid) -> u64 {
        if let Some(number) = self.of.get(&tree) {
            return *number;
        }
        self.n_begun += 1;
        self.changed.mark(self.n_begun);
        let past = Past {
            trees: vec![tree],
            was: Weres::default(),
            told: VecDeque::new(),
            since: None,
            last: None,
            at: UnixNanos::LEAST,
            middle: None,
            gone: Vec::new(),
            stored_apart: Vec::new(),
            n_unstored: 0,
        };
        self.by_number.insert(self.n_begun, Box::new(past));
        self.in_turn.push_back(self.n_begun);
        self.of.insert(tree, self.n_begun);
        self.n_begun
    }

    /// One change touched all these trees: they are decided together from now on.
    pub(super) fn join(&mut self, trees: &[Uid]) {
        if trees.len() < 2 {
            return;
        }
        let mut numbers: Vec<u64> =
            trees.iter().filter_map(|tree| self.of.get(tree).copied()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let Some((into, others)) = numbers.split_first() else { return };
        for other in others {
            [into, other].into_iter().for_each(|number| self.changed.mark(*number));
            let Some(other) = self.by_number.remove(other) else { continue };
            let Some(past) = self.by_number.get_mut(into) else { return };
            self.of.extend(other.trees.iter().map(|tree| (*tree, *into)));
            past.trees.extend(other.trees);
            past.was.extend(other.was);
            past.told.extend(other.told);
            past.n_unstored += other.n_unstored;
            past.told.make_contiguous().sort_by_key(|entry| entry.released.place);
            past.since = past.since.max(other.since);
            past.last = past.last.max(other.last);
            past.at = past.at.max(other.at);
            past.gone.extend(other.gone);
            past.middle = None;
        }
    }

    /// Keeps what the trees with that of `tree` were told. Returns how many can no longer be decided
    /// again, because no more is kept; `None` where it was not kept either.
    pub(super) fn keep(&mut self, tree: Uid, mut entry: Entry, window: Nanos) -> Option<usize> {
        let number = self.of.get(&tree)?;
        let past = self.by_number.get_mut(number)?;
        self.told.mark(*number);
        let place = entry.released.place;
        if let Change::Deleted(last) = &entry.released.change {
            self.changed.mark(*number);
            past.gone.push(last.meta().uid);
            self.gone.insert(last.meta().uid, tree);
        }
        self.numbers.give(&mut entry);
        past.tell(entry);
        self.last = self.last.max(past.last);
        let n = past.told.len();
        let window = self.numbers.window(window);
        if n > MAX_TOLD || self.numbers.n > MAX_ALL {
            self.leave(tree, Some(place));
            return Some(n);
        }
        let old = past.at.minus(window);
        if let Some(middle) = past.middle.take_if(|middle| middle.at <= old) {
            let kept = past.told.split_off(middle.n_told.min(n));
            let gone = mem::replace(&mut past.told, kept);
            self.numbers.let_go(&gone);
            past.since = gone.back().map(|last| last.released.place).or(past.since);
            past.was = middle.was;
            past.was.iter().for_each(|(tree, _)| self.numbers.begins_later(*tree, past.at));
            self.changed.mark(*number);
        }
        Some(0)
    }

    /// Whether it is time to look at what the trees with that of `tree` are in the middle.
    pub(super) fn wants_middle(&self, tree: Uid, window: Nanos) -> bool {
        let window = self.numbers.window(window);
        self.past(tree).is_some_and(|past| {
            let first = past.told.front().map(|entry| entry.when.at.plus(window));
            past.middle.is_none() && first.is_some_and(|old| old <= past.at)
        })
    }

    /// What the trees with that of `tree` `are` now is where deciding again can begin.
    pub(super) fn set_middle(&mut self, tree: Uid, are: impl Fn(Uid) -> Option<Tree>) {
        let Some(number) = self.of.get(&tree) else { return };
        let Some(past) = self.by_number.get_mut(number) else { return };
        let at = self.numbers.last;
        let is = |tree| Was { tree: are(tree), at, is_apart: false };
        let was = past.was.iter().map(|(tree, _)| (*tree, is(*tree))).collect();
        let (n_told, at) = (past.told.len(), past.at);
        let from = past.told.back().map(|last| last.released.place).or(past.since);
        past.middle = Some(Middle { n_told, from, at, was });
        self.changed.mark(*number);
    }

    /// A transition has left, or a list has told: what the trees with that of `tree` were told until
    /// `since` is not decided again.
    pub(super) fn leave(&mut self, tree: Uid, since: Option<Place>) {
        let Some(number) = self.of.get(&tree) else { return };
        let Some(past) = self.by_number.get_mut(number) else { return };
        self.changed.mark(*number);
        self.numbers.let_go(&mem::take(&mut past.told));
        past.gone.drain(..).for_each(|gone| {
            self.gone.remove(&gone);
        });
        past.was = Weres::default();
        past.middle = None;
        past.since = past.since.max(since);
        past.last = past.last.max(since);
        self.last = self.last.max(past.last);
    }

    /// A transition of `tree` has left by itself, when all until `since` had been told.
    pub(super) fn begin_at(&mut self, tree: Uid, since: Option<Place>, at: UnixNanos) {
        let number = self.begin(tree);
        if let Some(past) = self.by_number.get_mut(&number) {
            past.at = past.at.max(at);
        }
        self.leave(tree, since);
    }

    /// The trees with that of `tree`, itself among them if it has a past.
    pub(super) fn trees(&self, tree: Uid) -> &[Uid] {
        self.past(tree).map_or(&[], |past| &past.trees)
    }

    /// Where there is little room, what is kept of trees that are `still` is let go, in turn: nothing of
    /// them is decided again, but what left a moment ago is remembered.
    pub(super) fn make_room(&mut self, still: impl Fn(Uid) -> bool) {
        // More than one in each turn, for each turn adds one.
        for _ in 0..2 {
            if self.numbers.n + self.by_number.len() * TREE <= MAX_ALL / 2 {
                return;
            }
            let Some(number) = self.in_turn.pop_front() else { return };
            let Some(past) = self.by_number.get(&number) else { continue };
            let Some(tree) = past.trees.first().copied() else { continue };
            let is_still = past.trees.iter().all(|tree| still(*tree));
            if is_still && past.since.is_none() {
                self.forget(tree);
                continue;
            }
            if is_still && !past.told.is_empty() {
                self.leave(tree, past.since);
            }
            self.in_turn.push_back(number);
        }
    }

    fn forget(&mut self, tree: Uid) {
        self.leave(tree, None);
        let number = self.of.get(&tree);
        let Some(past) = number.and_then(|number| self.by_number.remove(number)) else { return };
        for tree in &past.trees {
            self.numbers.rests(*tree);
            self.of.remove(tree);
        }
    }

    /// Lets go what is older than `window`: all of it of trees that are `still`, of the others what
    /// they were.
    pub(super) fn sweep(&mut self, now: UnixNanos, window: Nanos, still: impl Fn(Uid) -> bool) {
        if self.swept.is_some_and(|swept| now.since(swept) < window) {
            return;
        }
        self.swept = Some(now);
        self.in_turn.retain(|number| self.by_number.contains_key(number));
        let old = now.minus(window);
        let over = self.by_number.values().filter(|past| past.at <= old);
        let over: Vec<(Uid, bool, Option<Place>)> = over
            .filter_map(|past| {
                let is_still = past.trees.iter().all(|tree| still(*tree));
                Some((*past.trees.first()?, is_still, past.last))
            })
            .collect();
        for (tree, is_still, last) in over {
            if is_still {
                self.forget(tree);
            } else {
                self.trees(tree).to_vec().into_iter().for_each(|tree| self.numbers.rests(tree));
                self.leave(tree, last);
            }
        }
    }
}

#[cfg(test)]
mod tests;
