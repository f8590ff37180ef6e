//! Runs that wait in queues, and what settles at once.

#![expect(clippy::indexing_slicing, reason = "a panic is a failed test")]

use super::Truth;

impl Truth {
    /// A run was created suspended.
    pub(in super::super) fn waits(&mut self, at: usize) {
        if let Some(open) = self.trees[at].open {
            self.transitions[open].waits = true;
        }
    }

    /// A run was resumed: the write is told already.
    pub(in super::super) fn resumed(&mut self, at: usize, now: i64) {
        let tree = &self.trees[at];
        let (Some(open), last) = (tree.open, tree.last) else { return };
        let before = last.and_then(|last| self.transitions[last].end);
        let one = &mut self.transitions[open];
        if std::mem::take(&mut one.waits) {
            one.queued = Some(now - one.start);
        } else if one.actions == ["resume"] && one.start == now {
            one.queued = before.map(|(end, _)| now - end);
        }
    }

    /// What was written has settled with that.
    pub(in super::super) fn settled_at_once(&mut self, at: usize, outcome: &'static str) {
        let start = self.trees[at].open.map(|open| self.transitions[open].start);
        if let Some(start) = start {
            self.close(at, start, outcome);
        }
    }

    /// A run goes with what is above it, whose deletion tells of it.
    pub(in super::super) fn deleted_with(&mut self, at: usize, above: usize, now: i64) {
        self.close(at, now, "deleted");
        self.trees[at].with = Some(above);
    }
}
