//! What trees were a while ago, and what was told since: so that what comes late is put in its place
//! and the rest is decided again (DESIGN §2).
//!
//! Only trees that were told something a moment ago have a past, and trees that one change touched
//! have one together. What a tree was shares with what it is whatever has not changed since. A past
//! begins anew when a transition leaves, for that is never taken back, and with every list.
//!
//! What is kept is bounded by the number of changes, `MAX_TOLD` of trees that are decided together
//! and `MAX_ALL` of all: a change takes 770 bytes as a rule (`cargo bench --bench memory` measures
//! it), so that an open tree takes 3 MiB at most and all of them 25 MiB. Of trees at rest, each of which
//! keeps what it was too, less is kept where many of them change at once. Half a minute later nothing is
//! kept of a tree at rest.

mod kept;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::BuildHasherDefault;
use std::mem;

use serde::{Deserialize, Serialize};

use super::changed::Changed;
use crate::facts::by_uid::ByUid;
use crate::facts::change::{Change, Snapshot};
use crate::facts::hash::Drawn;
use crate::facts::kind::Kind;
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
}

/// When a change was taken in.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct When {
    /// Then.
    pub(super) at: UnixNanos,
    /// Up to here all was known that had been written, since no lane was away.
    pub(super) known: UnixNanos,
}

/// What some trees were; `None` for one that was not there. Of others of the same past nothing has
/// changed. As a rule it is one, for which a node of a map of trees would be many times too large.
type Was = ByUid<Option<Tree>>;

/// The past of trees that are decided together.
#[derive(Debug)]
struct Past {
    trees: Vec<Uid>,
    was: Was,
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
}

/// What the trees were in the middle of what was told.
#[derive(Debug)]
struct Middle {
    /// So many had been told.
    n_told: usize,
    /// The next one has this place or a later one.
    from: Option<Place>,
    at: UnixNanos,
    was: Was,
}

/// What is decided again, and from where on.
#[derive(Debug)]
pub(super) struct Again {
    /// What the trees were.
    pub(super) was: Was,
    /// What is to be told to them, in order, and whether it is new to them.
    pub(super) told: Vec<(Entry, bool)>,
    /// How many are too late to be put in their place.
    pub(super) n_missed: u64,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Pasts {
    by_number: BTreeMap<u64, Past>,
    of: HashMap<Uid, u64, BuildHasherDefault<Drawn>>,
    /// To which tree objects belonged that are gone.
    gone: BTreeMap<Uid, Uid>,
    n_begun: u64,
    numbers: Numbers,
    /// Pasts that are others than when they were last stored.
    changed: Changed<u64>,
    /// Those of them of which what trees were is another.
    rebased: Changed<u64>,
    swept: Option<UnixNanos>,
}

/// Numbers what is kept, so that each change is stored once and not again with all the others.
#[derive(Debug, Default)]
struct Numbers {
    /// The last that was given.
    last: u64,
    /// All up to this one are stored, but for those that were let go.
    stored: u64,
    /// Stored, and not kept any more.
    let_go: Changed<u64>,
    /// How many are kept.
    n: usize,
}

impl Numbers {
    fn give(&mut self, entry: &mut Entry) {
        self.last += 1;
        entry.number = self.last;
        self.n += 1;
    }

    fn let_go<'a>(&mut self, entries: impl IntoIterator<Item = &'a Entry>) {
        for entry in entries {
            self.n -= 1;
            if entry.number <= self.stored {
                self.let_go.mark(entry.number);
            }
        }
    }
}

impl Pasts {
    /// Whether something that stands at `place` has its place before what a tree has been told.
    pub(super) fn is_late(&self, tree: Uid, place: Place) -> bool {
        self.past(tree).is_some_and(|past| Some(place) < past.last)
    }

    /// A tree is about to change: what it `is` is kept, unless that is done. Nothing is kept for the
    /// passing of time alone.
    pub(super) fn remember(&mut self, tree: Uid, by_time: bool, is: impl FnOnce() -> Option<Tree>) {
        let is_told = self.past(tree).is_some_and(|past| !past.told.is_empty());
        if by_time && !is_told {
            return;
        }
        let number = self.begin(tree);
        let Some(past) = self.by_number.get_mut(&number) else { return };
        if past.was.get(tree).is_some() {
            return;
        }
        self.rebased.mark(number);
        let is = is();
        if let Some(middle) = &mut past.middle {
            middle.was.insert(tree, is.clone());
        }
        past.was.insert(tree, is);
    }

    /// The tree that an object belonged to, if it went a short time ago.
    pub(super) fn tree_of_gone(&self, object: Uid) -> Option<Uid> {
        self.gone.get(&object).copied()
    }

    /// Nothing is decided again: what resourceVersions count has begun anew.
    pub(super) fn reset(&mut self) {
        let mut all = self.by_number.values();
        while let Some(tree) = all.find_map(|past| past.trees.first().copied()) {
            self.forget(tree);
            all = self.by_number.values();
        }
    }

    fn past(&self, tree: Uid) -> Option<&Past> {
        self.by_number.get(self.of.get(&tree)?)
    }

    fn begin(&mut self, tree: Uid) -> u64 {
        if let Some(number) = self.of.get(&tree) {
            return *number;
        }
        self.n_begun += 1;
        self.changed.mark(self.n_begun);
        let past = Past {
            trees: vec![tree],
            was: Was::default(),
            told: VecDeque::new(),
            since: None,
            last: None,
            at: UnixNanos::LEAST,
            middle: None,
            gone: Vec::new(),
        };
        self.by_number.insert(self.n_begun, past);
        self.of.insert(tree, self.n_begun);
        self.n_begun
    }

    /// One change touched all these trees: they are decided together from now on.
    pub(super) fn join(&mut self, trees: &[Uid]) {
        let mut numbers: Vec<u64> =
            trees.iter().filter_map(|tree| self.of.get(tree).copied()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let Some((into, others)) = numbers.split_first() else { return };
        for other in others {
            for number in [into, other] {
                self.changed.mark(*number);
                self.rebased.mark(*number);
            }
            let Some(other) = self.by_number.remove(other) else { continue };
            let Some(past) = self.by_number.get_mut(into) else { return };
            self.of.extend(other.trees.iter().map(|tree| (*tree, *into)));
            past.trees.extend(other.trees);
            past.was.extend(other.was);
            past.told.extend(other.told);
            past.told.make_contiguous().sort_by_key(|entry| entry.released.place);
            past.since = past.since.max(other.since);
            past.last = past.last.max(other.last);
            past.at = past.at.max(other.at);
            past.gone.extend(other.gone);
            past.middle = None;
        }
    }

    /// Keeps what the trees with that of `tree` were told. Returns how many can no longer be decided
    /// again, because no more is kept.
    pub(super) fn keep(&mut self, tree: Uid, mut entry: Entry, window: Nanos) -> usize {
        let Some(number) = self.of.get(&tree) else { return 0 };
        let Some(past) = self.by_number.get_mut(number) else { return 0 };
        self.changed.mark(*number);
        let place = entry.released.place;
        past.last = past.last.max(Some(place));
        past.at = entry.when.at;
        if let Change::Deleted(last) = &entry.released.change {
            past.gone.push(last.meta().uid);
            self.gone.insert(last.meta().uid, tree);
        }
        self.numbers.give(&mut entry);
        past.told.push_back(entry);
        let n = past.told.len();
        if n > MAX_TOLD || self.numbers.n > MAX_ALL {
            self.leave(tree, Some(place));
            return n;
        }
        let old = past.at.minus(window);
        if let Some(middle) = past.middle.take_if(|middle| middle.at <= old) {
            let kept = past.told.split_off(middle.n_told.min(n));
            let gone = mem::replace(&mut past.told, kept);
            self.numbers.let_go(&gone);
            past.since = gone.back().map(|last| last.released.place).or(past.since);
            past.was = middle.was;
            self.rebased.mark(*number);
        }
        0
    }

    /// Whether it is time to look at what the trees with that of `tree` are in the middle.
    pub(super) fn wants_middle(&self, tree: Uid, window: Nanos) -> bool {
        self.past(tree).is_some_and(|past| {
            let first = past.told.front().map(|entry| entry.when.at.plus(window));
            past.middle.is_none() && first.is_some_and(|old| old <= past.at)
        })
    }

    /// What the trees with that of `tree` `are` now is where deciding again can begin.
    pub(super) fn set_middle(&mut self, tree: Uid, are: impl Fn(Uid) -> Option<Tree>) {
        let Some(number) = self.of.get(&tree) else { return };
        let Some(past) = self.by_number.get_mut(number) else { return };
        let was = past.was.iter().map(|(tree, _)| (*tree, are(*tree))).collect();
        let (n_told, at) = (past.told.len(), past.at);
        let from = past.told.back().map(|last| last.released.place).or(past.since);
        past.middle = Some(Middle { n_told, from, at, was });
        self.changed.mark(*number);
        self.rebased.mark(*number);
    }

    /// A transition has left, or a list has told: what the trees with that of `tree` were told until
    /// `since` is not decided again.
    pub(super) fn leave(&mut self, tree: Uid, since: Option<Place>) {
        let Some(number) = self.of.get(&tree) else { return };
        let Some(past) = self.by_number.get_mut(number) else { return };
        self.changed.mark(*number);
        self.rebased.mark(*number);
        self.numbers.let_go(&mem::take(&mut past.told));
        past.gone.drain(..).for_each(|gone| {
            self.gone.remove(&gone);
        });
        past.was = Was::default();
        past.middle = None;
        past.since = past.since.max(since);
        past.last = past.last.max(since);
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

    /// Whether what is kept of trees at rest is to be let go.
    pub(super) fn is_short_of_room(&self) -> bool {
        self.numbers.n + self.by_number.len() * TREE > MAX_ALL / 2
    }

    /// The trees with that of `tree` are at rest: nothing of them is decided again, but what left a
    /// moment ago is remembered.
    pub(super) fn rest(&mut self, tree: Uid) {
        let Some(past) = self.past(tree) else { return };
        match past.since {
            None => self.forget(tree),
            last @ Some(_) => self.leave(tree, last),
        }
    }

    fn forget(&mut self, tree: Uid) {
        self.leave(tree, None);
        let number = self.of.get(&tree);
        let Some(past) = number.and_then(|number| self.by_number.remove(number)) else { return };
        for tree in &past.trees {
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
                self.leave(tree, last);
            }
        }
    }

    /// `late` is put in its place among what the trees with that of `tree` were told: what they were
    /// before that, and what is to be told them again. Without a past it is handed back.
    pub(super) fn again(
        &mut self,
        tree: Uid,
        late: Vec<Released>,
        desired: impl Fn(&Released) -> Option<i64>,
        now: When,
        settle_time: Nanos,
    ) -> Result<Again, Vec<Released>> {
        let number = self.of.get(&tree);
        let past = number.and_then(|number| self.by_number.get_mut(number));
        let first = late.iter().map(|released| released.place).min();
        let (Some(past), Some(first)) = (past, first) else { return Err(late) };
        let middle = past.middle.take().filter(|middle| middle.from <= Some(first));
        let (n, was) = match &middle {
            Some(middle) => (middle.n_told, middle.was.clone()),
            None => (0, past.was.clone()),
        };
        let told = past.told.split_off(n.min(past.told.len()));
        past.middle = middle;
        self.numbers.let_go(&told);
        number.into_iter().for_each(|number| {
            self.changed.mark(*number);
            self.rebased.mark(*number);
        });
        let mut told: Vec<(Entry, bool)> = told.into_iter().map(|entry| (entry, false)).collect();
        let mut n_missed = 0;
        for mut released in late {
            if Some(released.place) < past.since {
                released.is_late = true;
                n_missed += 1;
            }
            let place = released.place;
            let i = told.partition_point(|(entry, _)| entry.released.place <= place);
            let next = told.get(i).map(|(next, _)| next);
            let when = next.map_or(now, |next| next.when);
            let desired = next.map_or_else(|| desired(&released), |next| next.desired);
            told.insert(i, (Entry { number: 0, released, when, desired }, true));
        }
        look_ahead(&mut told, settle_time);
        Ok(Again { was, told, n_missed })
    }
}

/// How many nodes a DaemonSet wants is heard before its Pods are decided: so it is for one that came
/// late.
fn look_ahead(told: &mut [(Entry, bool)], settle_time: Nanos) {
    let wanted = |entry: &Entry| match &entry.released.change {
        Change::Seen(Snapshot::Workload(set)) if set.kind == Kind::DaemonSet => {
            Some((entry.released.place, entry.when.at, set.status.desired))
        }
        Change::Seen(_)
        | Change::Deleted(_)
        | Change::Unmatched(_)
        | Change::Vanished(_)
        | Change::Noted(_) => None,
    };
    if !told.iter().any(|(entry, is_new)| *is_new && wanted(entry).is_some()) {
        return;
    }
    let mut all = told.iter().filter_map(|(entry, _)| wanted(entry)).collect::<VecDeque<_>>();
    let mut newest: Option<(Place, i64)> = None;
    for (entry, _) in told {
        let by = entry.when.at.plus(settle_time);
        while let Some((place, _, desired)) = all.front().filter(|(_, at, _)| *at <= by) {
            newest = newest.max(Some((*place, *desired)));
            all.pop_front();
        }
        entry.desired = newest.map(|(_, desired)| desired).or(entry.desired);
    }
}

#[cfg(test)]
mod tests;
