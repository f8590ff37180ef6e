//! What is stored of the pasts of trees, and how they go on. Each change that trees were told is stored
//! once, with others of its time. What a tree was follows from what is stored of the tree and the steps that it took
//! since; where it does not, it is stored apart.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::{Changed, Entry, Middle, Past, Pasts, Was, Weres};
use crate::engine::records::{Key, Read, Written};
use crate::engine::step::{Wanted, Were};
use crate::facts::meta::Uid;
use crate::facts::time::UnixNanos;
use crate::lifecycle::shared::{Shared, Shares};
use crate::lifecycle::tree::Tree;
use crate::order::inlet::Place;

/// What is stored of a past, but the changes.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::engine) struct Head {
    trees: Vec<Uid>,
    since: Option<Place>,
    last: Option<Place>,
    at: UnixNanos,
    was: Vec<KeptWas>,
    middle: Option<KeptMiddle>,
    gone: Vec<(Uid, Uid)>,
    /// The numbers of what was told, as far as this one; what has later ones and names this past was told
    /// after that.
    told: Vec<u64>,
    through: u64,
}

/// What a tree was: after all steps up to this number.
type KeptWas = (Uid, u64, Form);

type KeptMiddle = (usize, Option<Place>, UnixNanos, Vec<KeptWas>);

/// How it is stored what a tree was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Form {
    /// It was not there.
    Absent,
    /// It follows from the tree and its steps.
    Follows,
    /// Apart.
    Apart,
}

/// What trees were that is stored apart, and whether in the middle.
type Base = Vec<(bool, Uid, Tree)>;

/// What a tree was that is stored apart: whether in the middle, and after which step.
pub(super) type Apart = (bool, Uid, u64);

/// So many changes are stored together: a few pages of a store.
const TOGETHER: usize = 20;

/// A change that was told, and the number of the past that it was told to.
type OfPast = (u64, Entry);

impl Shares for OfPast {
    fn share(&mut self, shared: &mut Shared) {
        self.1.released.change.share(shared);
    }
}

impl Shares for (bool, Uid, Tree) {
    fn share(&mut self, shared: &mut Shared) {
        self.2.share(shared);
    }
}

/// All changes that were told.
#[derive(Debug, Default)]
pub(in crate::engine) struct Stored {
    /// By their numbers.
    by_number: BTreeMap<u64, OfPast>,
    /// How many are stored together, by the number of the first; `None` where they cannot be read.
    together: BTreeMap<u64, Option<usize>>,
}

impl Stored {
    /// All of them.
    pub(in crate::engine) fn all(&self) -> impl Iterator<Item = &Entry> {
        self.by_number.values().map(|(_, entry)| entry)
    }

    /// Whether they are all that were stored so many times.
    pub(in crate::engine) fn are_all(&self, n_together: usize) -> bool {
        self.together.len() == n_together && self.together.values().all(Option::is_some)
    }
}

/// All pasts but their changes, by their numbers; `None` for one that cannot be read.
pub(in crate::engine) type Heads = BTreeMap<u64, Option<Head>>;

impl Past {
    /// What is to be stored apart.
    fn apart(&self) -> Vec<(Apart, &Tree)> {
        let middle = self.middle.iter().flat_map(|middle| middle.was.iter());
        let all = self.was.iter().map(|was| (false, was)).chain(middle.map(|was| (true, was)));
        let apart = all.filter(|(_, (_, was))| was.is_apart);
        apart
            .filter_map(|(is_middle, (uid, was))| {
                Some(((is_middle, *uid, was.at), was.tree.as_ref()?))
            })
            .collect()
    }
}

impl Was {
    fn form(&self) -> Form {
        match self {
            Self { tree: None, .. } => Form::Absent,
            Self { is_apart: true, .. } => Form::Apart,
            Self { is_apart: false, .. } => Form::Follows,
        }
    }
}

impl Pasts {
    /// Marks what changes from now on.
    pub(in crate::engine) fn begin_changes(&mut self) {
        self.changed.begin();
        self.told.begin();
        self.numbers.whole.begin();
        self.numbers.moved_on.begin();
    }

    /// Whether anything is other than when it was last written.
    pub(in crate::engine) fn have_changed(&self) -> bool {
        let pasts = [&self.changed, &self.told];
        let trees = [&self.numbers.whole, &self.numbers.moved_on];
        pasts.into_iter().any(Changed::is_any)
            || trees.into_iter().any(Changed::is_any)
            || self.numbers.is_any_over()
    }

    /// How many times changes are stored together, and the last number that was given.
    pub(in crate::engine) fn numbers(&self) -> (usize, u64) {
        (self.numbers.n_together(), self.numbers.last)
    }

    /// The first and the last number of what is stored, and whatever is to be.
    pub(in crate::engine) fn range(&self) -> (Option<u64>, u64) {
        (self.numbers.oldest(), self.numbers.last)
    }

    /// So far numbers had been given.
    pub(in crate::engine) fn goes_on_from(&mut self, last: u64) {
        (self.numbers.last, self.numbers.stored) = (last, last);
    }

    /// A tree is another, and that is no step.
    pub(in crate::engine) fn no_step(&mut self) {
        self.numbers.last += 1;
    }

    /// The trees that are to be stored as they are, because nothing comes of them for a while.
    pub(in crate::engine) fn take_whole(&mut self) -> BTreeSet<Uid> {
        self.numbers.whole.take()
    }

    /// The trees that are to be stored as they were where what is kept of them begins.
    pub(in crate::engine) fn take_moved_on(&mut self) -> BTreeSet<Uid> {
        self.numbers.moved_on.take()
    }

    /// What a tree was where what is kept of it begins, and after which step, if it may be stored so.
    pub(in crate::engine) fn moves_on(&mut self, tree: Uid) -> Option<(&Tree, u64)> {
        let past = self.by_number.get(self.of.get(&tree)?)?;
        let was = past.was.get(tree).filter(|was| was.form() == Form::Follows)?;
        let began = past.told.front().map_or(past.at, |entry| entry.when.at);
        let moves = self.numbers.moves_on(tree, was.at, began);
        was.tree.as_ref().filter(|_| moves).map(|tree| (tree, was.at))
    }

    /// A tree is stored whole: what it was before does not follow from that.
    pub(in crate::engine) fn is_whole(&mut self, tree: Uid) {
        self.numbers.is_whole(tree);
        let Some(number) = self.of.get(&tree) else { return };
        let Some(past) = self.by_number.get_mut(number) else { return };
        let middle = past.middle.iter_mut().filter_map(|middle| middle.was.get_mut(tree));
        for was in past.was.get_mut(tree).into_iter().chain(middle) {
            if was.at < self.numbers.last && was.form() == Form::Follows {
                was.is_apart = true;
                self.changed.mark(*number);
            }
        }
    }

    /// Writes what is other than when it was last written.
    pub(in crate::engine) fn write(&mut self, out: &mut Written) {
        let changed = self.changed.take();
        self.write_told(&changed, out);
        for number in changed {
            let Some(past) = self.by_number.get_mut(&number) else {
                out.put::<Head>(Key::Past(number), None);
                out.put::<Base>(Key::Base(number), None);
                continue;
            };
            let apart = past.apart();
            let keys: Vec<Apart> = apart.iter().map(|(key, _)| *key).collect();
            if keys != past.stored_apart {
                let trees: Vec<_> = apart
                    .iter()
                    .map(|((is_middle, uid, _), tree)| (is_middle, uid, tree))
                    .collect();
                out.put(Key::Base(number), Some(&trees).filter(|trees| !trees.is_empty()));
                past.stored_apart = keys;
            }
            let head = self.by_number.get(&number).map(|past| self.head(past));
            out.put(Key::Past(number), head.as_ref());
        }
        for first in self.numbers.take_over() {
            out.put::<OfPast>(Key::Told(first), None);
        }
    }

    /// Writes what trees were told since that was last written.
    fn write_told(&mut self, changed: &BTreeSet<u64>, out: &mut Written) {
        let stored = self.numbers.stored;
        let pasts: BTreeSet<u64> = self.told.take().union(changed).copied().collect();
        let mut new: Vec<(u64, &Entry)> = Vec::new();
        for (number, past) in pasts.iter().filter_map(|it| Some((*it, self.by_number.get(it)?))) {
            // The newest stand at the end, but where pasts were joined.
            let unstored = past.told.iter().rev().filter(|entry| entry.number > stored);
            new.extend(unstored.take(past.n_unstored).map(|entry| (number, entry)));
        }
        new.sort_unstable_by_key(|(_, entry)| entry.number);
        for together in new.chunks(TOGETHER) {
            let Some((_, first)) = together.first() else { continue };
            out.put(Key::Told(first.number), Some(&together));
            self.numbers.are_stored(first.number, together.len());
        }
        self.numbers.stored = self.numbers.last;
        for number in pasts {
            let past = self.by_number.get_mut(&number);
            past.into_iter().for_each(|past| past.n_unstored = 0);
        }
    }

    fn head(&self, past: &Past) -> Head {
        let tree_of = |uid: &Uid| Some((*uid, *self.gone.get(uid)?));
        let kept = |was: &Weres| was.iter().map(|(uid, was)| (*uid, was.at, was.form())).collect();
        let middle = past.middle.as_ref();
        Head {
            trees: past.trees.clone(),
            since: past.since,
            last: past.last,
            at: past.at,
            was: kept(&past.was),
            middle: middle.map(|it| (it.n_told, it.from, it.at, kept(&it.was))),
            gone: past.gone.iter().filter_map(tree_of).collect(),
            told: past.told.iter().map(|entry| entry.number).collect(),
            through: self.numbers.last,
        }
    }

    /// All changes that trees were told.
    pub(in crate::engine) fn read_told(read: &mut Read, shared: &mut Shared) -> Stored {
        let mut stored = Stored::default();
        for key in read.keys(Key::Told(0)..=Key::Told(u64::MAX)) {
            let Key::Told(first) = key else { continue };
            let together: Option<Vec<OfPast>> = read.take_shared(key, shared);
            stored.together.insert(first, together.as_ref().map(Vec::len));
            let all = together.into_iter().flatten().map(|told| (told.1.number, told));
            stored.by_number.extend(all);
        }
        stored
    }

    /// All pasts.
    pub(in crate::engine) fn read_heads(read: &mut Read) -> Heads {
        let keys = read.keys(Key::Past(0)..=Key::Past(u64::MAX)).into_iter();
        let number = |key| if let Key::Past(number) = key { Some(number) } else { None };
        keys.filter_map(|key| Some((number(key)?, read.take(key)))).collect()
    }

    /// What trees were that follows from what is stored of them.
    pub(in crate::engine) fn wanted(heads: &Heads) -> Wanted {
        let mut wanted = Wanted::new();
        for head in heads.values().flatten() {
            let middle = head.middle.iter().flat_map(|(.., was)| was);
            let all = head.was.iter().chain(middle);
            for (uid, at, _) in all.filter(|(.., form)| *form == Form::Follows) {
                wanted.entry(*uid).or_default().insert(*at);
            }
        }
        wanted
    }

    /// Goes on with what was stored of trees that were not `dropped`, with what they were `told` and what
    /// they `were`. Where a part of it cannot be read nothing of those trees is decided again that was
    /// told until `reached`; how many pasts those are.
    pub(in crate::engine) fn resume(
        &mut self,
        (read, shared): (&mut Read, &mut Shared),
        (mut heads, mut told, were): (Heads, Stored, &Were),
        dropped: &BTreeSet<Uid>,
        reached: Option<Place>,
        now: UnixNanos,
    ) -> u64 {
        for key in read.keys(Key::Base(0)..=Key::Base(u64::MAX)) {
            let Key::Base(number) = key else { continue };
            heads.entry(number).or_default();
        }
        for (first, n) in &told.together {
            n.iter().for_each(|n| self.numbers.are_stored(*first, *n));
        }
        self.n_begun = heads.last_key_value().map_or(0, |(number, _)| *number);
        let mut n_lost = 0;
        for (number, head) in heads {
            let trees = head.as_ref().map(|head| head.trees.clone()).unwrap_or_default();
            let base: Option<Base> = read.take_shared(Key::Base(number), shared);
            let is_dropped = trees.iter().any(|tree| dropped.contains(tree));
            let head = head.filter(|_| !is_dropped);
            match head
                .and_then(|head| self.past_of((number, head), base, were, &mut told.by_number))
            {
                Some(past) => {
                    self.of.extend(past.trees.iter().map(|tree| (*tree, number)));
                    self.numbers.n += past.told.len();
                    self.last = self.last.max(past.last);
                    self.by_number.insert(number, Box::new(past));
                    self.in_turn.push_back(number);
                }
                None => {
                    n_lost += 1;
                    self.changed.mark(number);
                    trees.into_iter().for_each(|tree| self.begin_at(tree, reached, now));
                }
            }
        }
        // What is of no past any more, the trees have taken by now.
        told.by_number.into_keys().for_each(|number| self.numbers.is_over(number));
        n_lost
    }

    fn past_of(
        &mut self,
        (number, head): (u64, Head),
        base: Option<Base>,
        were: &Were,
        entries: &mut BTreeMap<u64, OfPast>,
    ) -> Option<Past> {
        let base = base.unwrap_or_default();
        let were = |kept: &[KeptWas], in_middle: bool| -> Option<Weres> {
            let was = |(uid, at, form): &KeptWas| {
                let tree = match form {
                    Form::Absent => None,
                    Form::Follows => Some(were.get(&(*uid, *at))?.clone()),
                    Form::Apart => {
                        let mut apart = base.iter();
                        let is_it = |it: &&(bool, Uid, Tree)| (it.0, it.1) == (in_middle, *uid);
                        Some(apart.find(is_it)?.2.clone())
                    }
                };
                Some((*uid, Was { tree, at: *at, is_apart: *form == Form::Apart }))
            };
            kept.iter().map(was).collect()
        };
        let Head { trees, since, last, at, was, middle, gone, told, through } = head;
        let was = were(&was, false)?;
        let middle = match middle {
            Some((n_told, from, at, was)) => {
                Some(Middle { n_told, from, at, was: were(&was, true)? })
            }
            None => None,
        };
        let mut take = |number| Some(entries.remove(&number)?.1);
        let told: Vec<Option<Entry>> = told.into_iter().map(&mut take).collect();
        let later = entries.range(through.saturating_add(1)..);
        let later: Vec<u64> =
            later.filter(|(_, (of, _))| *of == number).map(|(number, _)| *number).collect();
        let later: Vec<Entry> =
            later.iter().filter_map(|number| Some(entries.remove(number)?.1)).collect();
        let told = told.into_iter().collect::<Option<VecDeque<Entry>>>()?;
        let uids = gone.iter().map(|(uid, _)| *uid).collect();
        self.gone.extend(gone);
        let mut past = Past {
            trees,
            was,
            told,
            since,
            last,
            at,
            middle,
            gone: uids,
            stored_apart: Vec::new(),
            n_unstored: 0,
        };
        past.stored_apart = past.apart().into_iter().map(|(key, _)| key).collect();
        for entry in later {
            self.changed.mark(number);
            past.tell(entry);
        }
        Some(past)
    }
}
