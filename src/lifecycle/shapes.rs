//! The shapes of specs: paths that many workloads have in common. They are held once, and where state
//! is stored they are stored once too: each has a number, and whatever has these paths says it.
//!
//! What nobody has any more is let go. As long as anything that is stored may still say its number, it
//! stays in the storage all the same; that is for the caller to know.

use std::collections::{BTreeMap, HashSet};
use std::mem;
use std::num::NonZeroU64;
use std::sync::Arc;

use super::room::Room;
use crate::facts::paths::Paths;

/// All of them.
#[derive(Debug)]
pub struct Shapes {
    known: HashSet<Paths>,
    /// What is stored by another number than the same in `known`: it had been let go when that came.
    others: Vec<Paths>,
    room: Room,
    numbers: Option<Numbers>,
}

/// What is stored of them.
#[derive(Debug, Default)]
struct Numbers {
    /// The last that was given.
    last: u64,
    /// What has a number and is not stored yet.
    new: Vec<Paths>,
    /// What nobody has any more, and is stored.
    unused: Vec<NonZeroU64>,
    /// What was stored, while it is read.
    stored: BTreeMap<NonZeroU64, Paths>,
    /// How many numbers were met that nothing is known of.
    n_unknown: u64,
}

impl Shapes {
    /// None yet, and never more than `most` at once.
    #[must_use]
    pub fn at_most(most: usize) -> Self {
        Self { known: HashSet::new(), others: Vec::new(), room: Room::of(most), numbers: None }
    }

    /// They have numbers from now on.
    pub fn store(&mut self) {
        self.numbers.get_or_insert_default();
    }

    /// Goes on with those that are `stored`.
    pub fn resume(&mut self, stored: BTreeMap<NonZeroU64, Arc<[Box<str>]>>) {
        let numbers = self.numbers.get_or_insert_default();
        numbers.last = stored.last_key_value().map_or(0, |(last, _)| last.get());
        for (number, all) in stored {
            let paths = Paths::from(all).numbered(number);
            numbers.stored.insert(number, paths.clone());
            if let Some(known) = self.known.replace(paths) {
                self.others.push(known);
            }
        }
    }

    /// All that was stored has been read: what none of it has is let go.
    pub fn is_read(&mut self) {
        self.numbers.iter_mut().for_each(|numbers| numbers.stored = BTreeMap::new());
        self.let_go();
    }

    /// How many numbers were met, since this was last asked, of which nothing is known.
    pub fn take_unknown(&mut self) -> u64 {
        self.numbers.as_mut().map_or(0, |numbers| mem::take(&mut numbers.n_unknown))
    }

    /// The same paths, held once.
    pub fn share(&mut self, paths: &mut Paths) {
        if paths.is_number_alone() {
            self.look_up(paths);
            return;
        }
        if let Some(known) = self.known.get(paths) {
            *paths = known.clone();
            return;
        }
        if self.room.is_short(self.known.len()) {
            self.let_go();
        }
        if self.room.is_any(self.known.len()) && !paths.all().is_empty() {
            if let Some(numbers) = &mut self.numbers {
                numbers.last += 1;
                let number = NonZeroU64::new(numbers.last).unwrap_or(NonZeroU64::MAX);
                *paths = mem::take(paths).numbered(number);
                numbers.new.push(paths.clone());
            }
            self.known.insert(paths.clone());
        }
    }

    fn look_up(&mut self, paths: &mut Paths) {
        let Some(numbers) = &mut self.numbers else { return };
        match paths.number().and_then(|number| numbers.stored.get(&number)) {
            Some(known) => *paths = known.clone(),
            None => numbers.n_unknown += 1,
        }
    }

    fn let_go(&mut self) {
        let mut unused = Vec::new();
        let mut is_used = |paths: &Paths| {
            let is_used = Arc::strong_count(paths.all()) > 1;
            unused.extend(paths.number().filter(|_| !is_used));
            is_used
        };
        self.known.retain(&mut is_used);
        self.others.retain(&mut is_used);
        unused.sort_unstable();
        self.numbers.iter_mut().for_each(|numbers| numbers.unused.append(&mut unused));
    }

    /// What is to be stored, and the numbers of what nobody has any more.
    pub fn take_changes(&mut self) -> (Vec<Paths>, Vec<NonZeroU64>) {
        let Some(numbers) = &mut self.numbers else { return (Vec::new(), Vec::new()) };
        (mem::take(&mut numbers.new), mem::take(&mut numbers.unused))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(all: &[&str]) -> Paths {
        let all: Arc<[Box<str>]> = all.iter().map(|it| Box::from(*it)).collect();
        all.into()
    }

    fn shared(shapes: &mut Shapes, all: &[&str]) -> Paths {
        let mut paths = paths(all);
        shapes.share(&mut paths);
        paths
    }

    #[test]
    fn equal_paths_are_held_and_stored_once() {
        let mut shapes = Shapes::at_most(10);
        shapes.store();
        let [a, b, c] = [&["x"][..], &["x"], &["x", "y"]].map(|it| shared(&mut shapes, it));
        assert!(Arc::ptr_eq(a.all(), b.all()) && a.number() == b.number() && a != c);
        let (new, unused) = shapes.take_changes();
        assert_eq!((new.len(), unused.len()), (2, 0));
        assert!(shared(&mut shapes, &[]).number().is_none());
        let (new, unused) = shapes.take_changes();
        assert!(new.is_empty() && unused.is_empty());
    }

    #[test]
    fn what_is_not_stored_has_no_number_and_says_its_paths() {
        let said = shared(&mut Shapes::at_most(10), &["x"]);
        assert_eq!(said.number(), None);
        let bytes = postcard::to_allocvec(&said).unwrap();
        assert_eq!(postcard::from_bytes::<Paths>(&bytes).unwrap(), said);
    }

    #[test]
    fn a_number_is_looked_up_and_one_of_which_nothing_is_known_is_told() {
        let mut first = Shapes::at_most(10);
        first.store();
        let said = shared(&mut first, &["x"]);
        let bytes = postcard::to_allocvec(&said).unwrap();
        let read = || postcard::from_bytes::<Paths>(&bytes).unwrap();
        assert!(read().is_number_alone());
        let mut later = Shapes::at_most(10);
        later.resume(BTreeMap::from([(said.number().unwrap(), Arc::clone(said.all()))]));
        let mut known = read();
        later.share(&mut known);
        assert_eq!((&known, later.take_unknown()), (&said, 0));
        later.is_read();
        later.share(&mut read());
        assert_eq!((later.take_unknown(), later.take_unknown()), (1, 0));
        // The next number is another.
        assert_ne!(shared(&mut later, &["y"]).number(), said.number());
        drop((first, said, known, later.take_changes()));
        later.is_read();
        assert_eq!(later.take_changes().1.len(), 2);
    }

    /// It was let go, came again, and was stored again while something that is stored still said the first
    /// number.
    #[test]
    fn what_is_stored_twice_stays_as_long_as_anything_says_either_number() {
        let numbers = [1, 2].map(|number| NonZeroU64::new(number).unwrap());
        let said = |number| paths(&[]).numbered(number);
        for kept in numbers {
            let mut shapes = Shapes::at_most(10);
            shapes.resume(numbers.map(|number| (number, Arc::clone(paths(&["x"]).all()))).into());
            let mut held = said(kept);
            shapes.share(&mut held);
            shapes.is_read();
            let other = numbers.into_iter().filter(|number| *number != kept);
            assert_eq!(shapes.take_changes().1, other.collect::<Vec<_>>());
            assert_eq!((held.number(), shapes.take_unknown()), (Some(kept), 0));
            drop(held);
            shapes.is_read();
            assert_eq!(shapes.take_changes().1, [kept]);
        }
    }

    #[test]
    fn what_nobody_has_any_more_makes_room_and_more_than_there_is_room_for_is_not_shared() {
        let mut shapes = Shapes::at_most(2);
        shapes.store();
        let kept = [&["a"], &["b"]].map(|it| shared(&mut shapes, it));
        assert_eq!(shared(&mut shapes, &["c"]).number(), None);
        assert_eq!(shapes.take_changes().0.len(), 2);
        let [a, b] = kept;
        drop(b);
        assert!(shared(&mut shapes, &["c"]).number().is_some());
        let (new, unused) = shapes.take_changes();
        assert_eq!((new.len(), unused.len()), (1, 1));
        assert_ne!(a.number(), unused.first().copied());
    }
}
