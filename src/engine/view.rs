//! The trees as whoever looks at them sees them, beside the task that changes them.

use std::sync::Arc;

use super::Engine;
use crate::facts::ids::TraceId;
use crate::facts::meta::Uid;
use crate::facts::span::{FinishedSpan, ShownSpan};
use crate::facts::time::UnixNanos;
use crate::lifecycle::closed::Ended;
use crate::lifecycle::rules::Rules;
use crate::lifecycle::tree::Tree;
use crate::spans;
use crate::store::Store;

/// The trees of an engine, read tree by tree: a look waits for one change of one tree at most, and
/// holds up one.
#[derive(Clone, Debug)]
pub struct Trees {
    store: Arc<Store>,
    rules: Arc<Rules>,
}

impl Trees {
    pub(super) fn new(store: Arc<Store>, rules: Arc<Rules>) -> Self {
        Self { store, rules }
    }

    /// How many transitions are open. It is counted as they open and close.
    #[must_use]
    pub fn n_open(&self) -> u64 {
        self.store.n_open()
    }

    /// How many transitions have closed and wait for their hold.
    #[must_use]
    pub fn n_settling(&self) -> u64 {
        self.store.n_settling()
    }

    /// What is open at `now`, as spans that go on and end then: for showing.
    #[must_use]
    pub fn in_progress(&self, now: UnixNanos) -> Vec<ShownSpan> {
        self.shown(self.store.busy(), now)
    }

    /// The same of the `n` transitions that have been open for longest.
    #[must_use]
    pub fn longest_in_progress(&self, n: usize, now: UnixNanos) -> Vec<ShownSpan> {
        let began = |top| Some((self.store.read(top, Tree::began)??, top));
        let open = self.store.busy().into_iter().filter_map(began);
        self.shown(least(open.collect(), n), now)
    }

    fn shown(&self, tops: Vec<Uid>, now: UnixNanos) -> Vec<ShownSpan> {
        let read = |top| {
            self.store.read(top, |tree| {
                spans::in_progress(tree, |pod| self.store.left(pod), now, &self.rules)
            })
        };
        tops.into_iter().filter_map(read).flatten().collect()
    }

    /// The traces whose transition has closed and waits for its hold.
    #[must_use]
    pub fn settling(&self) -> Vec<TraceId> {
        self.store.settling().into_iter().map(|(_, trace)| trace).collect()
    }

    /// The spans of those traces that `are_wanted`, as they would leave if their hold were over now:
    /// for showing, never for export.
    #[must_use]
    pub fn settled(&self, are_wanted: impl Fn(TraceId) -> bool) -> Vec<FinishedSpan> {
        let wanted = self.store.settling().into_iter().filter(|(_, trace)| are_wanted(*trace));
        self.held(wanted.map(|(top, _)| top).collect())
    }

    /// The same of the `n` transitions that settled first.
    #[must_use]
    pub fn settled_first(&self, n: usize) -> Vec<FinishedSpan> {
        let ended = |(top, _)| Some((self.store.read(top, Tree::held_since)??, top));
        let settling = self.store.settling().into_iter().filter_map(ended);
        self.held(least(settling.collect(), n))
    }

    fn held(&self, tops: Vec<Uid>) -> Vec<FinishedSpan> {
        let read = |top| self.store.read(top, Tree::settling).flatten();
        let closed = tops.into_iter().filter_map(read);
        let roots = &self.rules.roots;
        let closed = closed.filter(|it| roots.are_told(&it.tree.top.kind, it.transition.action));
        closed
            .flat_map(|closed| {
                let ended = Ended::Transition(Box::new(closed));
                spans::tell(&ended, |_| None, &self.rules).spans
            })
            .collect()
    }
}

impl Engine {
    /// The trees, to be read beside the engine.
    #[must_use]
    pub fn trees(&self) -> Trees {
        Trees::new(Arc::clone(&self.store), Arc::clone(&self.rules))
    }

    /// What is open at `now`, as spans that go on and end then: for showing.
    #[must_use]
    pub fn in_progress(&self, now: UnixNanos) -> Vec<ShownSpan> {
        self.trees().in_progress(now)
    }
}

/// The `n` of which the moment comes first.
fn least(mut all: Vec<(UnixNanos, Uid)>, n: usize) -> Vec<Uid> {
    if n < all.len() {
        all.select_nth_unstable(n);
        all.truncate(n);
    }
    all.into_iter().map(|(_, top)| top).collect()
}
