//! What follows from the trees: nothing of it has to be kept to go on.

use std::collections::{BTreeMap, BTreeSet};

use crate::facts::meta::Uid;
use crate::facts::time::UnixNanos;

/// When trees have something to do next.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    by_time: BTreeSet<(UnixNanos, Uid)>,
    of: BTreeMap<Uid, UnixNanos>,
}

impl Deadlines {
    /// When the next one is.
    pub(super) fn next(&self) -> Option<UnixNanos> {
        self.by_time.first().map(|(due, _)| *due)
    }

    /// That of one tree.
    pub(super) fn of(&self, top: Uid) -> Option<UnixNanos> {
        self.of.get(&top).copied()
    }

    /// Takes the first tree that has something to do at `now`, and since when.
    pub(super) fn take_due(&mut self, now: UnixNanos) -> Option<(UnixNanos, Uid)> {
        let (due, top) = self.by_time.first().copied().filter(|(due, _)| *due <= now)?;
        self.by_time.remove(&(due, top));
        self.of.remove(&top);
        Some((due, top))
    }

    /// Says when a tree has something to do next; `None` if it has not.
    pub(super) fn set(&mut self, top: Uid, deadline: Option<UnixNanos>) {
        let known = match deadline {
            Some(deadline) => self.of.insert(top, deadline),
            None => self.of.remove(&top),
        };
        if known != deadline {
            if let Some(known) = known {
                self.by_time.remove(&(known, top));
            }
            if let Some(deadline) = deadline {
                self.by_time.insert((deadline, top));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_tree_the_newest_deadline_counts_and_each_comes_once() {
        let (one, other) = (Uid::new(1).unwrap(), Uid::new(2).unwrap());
        let at = UnixNanos::from_seconds;
        let mut deadlines = Deadlines::default();
        deadlines.set(one, Some(at(5)));
        deadlines.set(other, Some(at(4)));
        deadlines.set(one, Some(at(3)));
        assert_eq!(deadlines.next(), Some(at(3)));
        assert_eq!(deadlines.take_due(at(2)), None);
        assert_eq!(deadlines.take_due(at(9)), Some((at(3), one)));
        deadlines.set(other, None);
        assert_eq!((deadlines.take_due(at(9)), deadlines.next()), (None, None));
    }
}
