//! What the core counts.

use super::Engine;
use crate::facts::span::FinishedSpan;
use crate::lifecycle::turn::Untraced;
use crate::sampling::Dropped;

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Objects tracked now.
    pub objects: u64,
    /// Changes that entered a tree.
    pub changes: u64,
    /// Spans that left.
    pub spans: u64,
    /// Root spans that left.
    pub traces: u64,
    /// Events about objects that are not tracked.
    pub strange_events: u64,
    /// Changes that came after something written later had been released.
    pub late: u64,
    /// Of these, those that could not be put in their place any more: what they touched had left, or
    /// had not been kept.
    pub missed: u64,
    /// Changes that cannot be decided again, because so many are not kept.
    pub unkept: u64,
    /// Changes that were released before their time because the inlet was full.
    pub early: u64,
    /// Spans of traces that were not kept.
    pub dropped: Dropped,
    /// Transitions that were open, or waited for their hold, in what another process had stored.
    pub restored: u64,
    /// What was decided without a span.
    pub untraced: Untraced,
}

impl Engine {
    /// What was counted so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = self.counts.clone();
        counts.objects = u64::try_from(self.store.n_objects()).unwrap_or(u64::MAX);
        counts.dropped = self.sieve.dropped();
        (counts.late, counts.early) = (self.inlet.n_late, self.inlet.n_early);
        counts
    }

    /// What is kept of what leaves now.
    pub(super) fn hand_on(&mut self, out: Vec<FinishedSpan>) -> Vec<FinishedSpan> {
        let out = self.sieve.sift(out, self.now);
        let n = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        self.counts.spans += n(out.len());
        self.counts.traces += n(out.iter().filter(|span| span.parent.is_none()).count());
        out
    }
}
