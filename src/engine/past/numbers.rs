//! Numbers for what is kept: each change is stored once, and not again with all the others, and a tree
//! that is stored whole is followed by the steps that it took since.
//!
//! Changes are stored many together, in the order of their numbers, and taken away together too, when
//! none of them is needed any more.

use std::collections::BTreeMap;

use super::{Entry, MAX_ALL};
use crate::engine::changed::Changed;
use crate::facts::meta::Uid;
use crate::facts::time::{Nanos, UnixNanos};

/// A tree that has so many steps which nothing else needs is stored anew.
const MAX_STEPS: usize = 32;

/// And one that has such a step for so long.
const LONGEST: Nanos = Nanos::from_seconds(60);

#[derive(Debug, Default)]
pub(super) struct Numbers {
    /// The last that was given. What a tree was told otherwise than by steps has one too.
    pub(super) last: u64,
    /// All up to this one are stored, but for those that were let go.
    pub(super) stored: u64,
    /// How many are kept.
    pub(super) n: usize,
    /// What is stored together, by its first number, and how many of those are needed.
    together: BTreeMap<u64, usize>,
    /// None of these is needed any more.
    over: Vec<u64>,
    /// The steps that trees took since they were stored.
    steps: BTreeMap<Uid, Steps>,
    /// Trees that are to be stored whole.
    pub(super) whole: Changed<Uid>,
    /// Trees that are to be stored as they were where what is kept of them begins.
    pub(super) moved_on: Changed<Uid>,
}

/// The steps of a tree since it was stored.
#[derive(Debug)]
struct Steps {
    /// They have larger numbers.
    since: u64,
    /// When the first was taken.
    began: UnixNanos,
    /// Those that are stored and that no past keeps any more.
    let_go: Vec<u64>,
}

impl Numbers {
    pub(super) fn give(&mut self, entry: &mut Entry) {
        let since = self.last;
        self.last += 1;
        entry.number = self.last;
        self.n += 1;
        let Some(step) = &entry.step else { return };
        let new = || Steps { since, began: entry.when.at, let_go: Vec::new() };
        self.steps.entry(step.top).or_insert_with(new);
    }

    /// These are not kept any more. A tree that is stored as it was before them needs them still.
    pub(super) fn let_go<'a>(&mut self, entries: impl IntoIterator<Item = &'a Entry>) {
        for entry in entries {
            self.n -= 1;
            let is_stored = entry.number <= self.stored;
            let top = entry.step.as_ref().map(|step| step.top);
            let steps = top.and_then(|top| self.steps.get_mut(&top));
            match steps.filter(|steps| entry.number > steps.since) {
                Some(steps) if is_stored => steps.let_go.push(entry.number),
                Some(_) => top.into_iter().for_each(|top| self.whole.mark(top)),
                None if is_stored => self.is_over(entry.number),
                None => {}
            }
        }
    }

    /// What is kept of a tree begins later than before, at `now`: it may be stored as it was there.
    pub(super) fn begins_later(&mut self, tree: Uid, now: UnixNanos) {
        let Some(steps) = self.steps.get(&tree) else { return };
        if steps.let_go.len() > MAX_STEPS || steps.began.plus(LONGEST) < now {
            self.moved_on.mark(tree);
        }
    }

    /// Nothing more comes of a tree for a while: what is stored of it shall be no more than it needs.
    pub(super) fn rests(&mut self, tree: Uid) {
        if self.steps.contains_key(&tree) {
            self.whole.mark(tree);
        }
    }

    /// A tree is stored as it was at `number`, which is kept from `began` on; whether it can be.
    pub(super) fn moves_on(&mut self, tree: Uid, number: u64, began: UnixNanos) -> bool {
        let Some(steps) = self.steps.get_mut(&tree).filter(|steps| steps.since < number) else {
            return false;
        };
        (steps.since, steps.began) = (number, began);
        let over: Vec<u64> = steps.let_go.extract_if(.., |step| *step <= number).collect();
        over.into_iter().for_each(|number| self.is_over(number));
        true
    }

    /// A tree is stored whole.
    pub(super) fn is_whole(&mut self, tree: Uid) {
        let steps = self.steps.remove(&tree);
        steps.into_iter().flat_map(|steps| steps.let_go).for_each(|number| self.is_over(number));
    }

    /// So many were stored together, of which the first has this number.
    pub(super) fn are_stored(&mut self, first: u64, n: usize) {
        self.together.insert(first, n);
    }

    /// One that is stored is not needed any more.
    pub(super) fn is_over(&mut self, number: u64) {
        let Some((first, n)) = self.together.range_mut(..=number).next_back() else { return };
        *n -= 1;
        if *n == 0 {
            let first = *first;
            self.together.remove(&first);
            self.over.push(first);
        }
    }

    /// Whether anything is not needed any more.
    pub(super) fn is_any_over(&self) -> bool {
        !self.over.is_empty()
    }

    /// What is not needed any more, each by the first number of what is stored together.
    pub(super) fn take_over(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.over)
    }

    /// How many times something is stored together.
    pub(super) fn n_together(&self) -> usize {
        self.together.len()
    }

    /// The first of those that are stored.
    pub(super) fn oldest(&self) -> Option<u64> {
        self.together.first_key_value().map(|(first, _)| *first)
    }

    /// How far back is kept: the less the more there is in all.
    pub(super) fn window(&self, window: Nanos) -> Nanos {
        let eighths = self.n * 8 / MAX_ALL;
        Nanos(window.0 >> eighths.saturating_sub(3).min(4))
    }
}
