//! All trees, and which tree an object belongs to. The one file that names `DashMap`.
//!
//! One task changes trees, debug pages read them beside it. No guard leaves this
//! file, so that no lock is held across anything. What is not at rest is kept apart and counted as
//! it changes, so that to look at it costs nothing that grows with the cluster.
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "this is the file that names DashMap"
)]

use std::collections::BTreeSet;
use std::hash::BuildHasherDefault;
use std::sync::atomic::{AtomicU64, Ordering};

use dashmap::DashMap;

use crate::facts::hash::Drawn;
use crate::facts::ids::TraceId;
use crate::facts::meta::Uid;
use crate::lifecycle::tree::{Stage, Tree};
use crate::spans::{Left, Outliving};

/// What something is known of by the uid of an object.
type ByUid<T> = DashMap<Uid, T, BuildHasherDefault<Drawn>>;

/// Trees by the uid of their topmost object, and an index from every object to its tree.
#[derive(Debug, Default)]
pub struct Store {
    /// Boxed: the map has room for more of them than there are.
    trees: ByUid<Box<Tree>>,
    tree_of: ByUid<Uid>,
    /// Of what outlives its transition: where its span belongs.
    left: DashMap<Outliving, Left>,
    /// How far the trees are that have a transition.
    stages: ByUid<Stage>,
    n_open: AtomicU64,
    n_settling: AtomicU64,
}

impl Store {
    /// The topmost object above `object`, if it is tracked.
    #[must_use]
    pub fn top_of(&self, object: Uid) -> Option<Uid> {
        self.tree_of.get(&object).map(|top| *top)
    }

    /// The tree that `object` is part of, or was the top of: a tree outlives its topmost object
    /// until all below that is gone.
    #[must_use]
    pub fn tree_of(&self, object: Uid) -> Option<Uid> {
        self.top_of(object).or_else(|| self.trees.contains_key(&object).then_some(object))
    }

    /// A Pod by its name, and its tree: it is looked for in all of them.
    #[must_use]
    pub fn pod_named(&self, namespace: &str, name: &str) -> Option<(Uid, Uid)> {
        self.trees.iter().find_map(|tree| Some((*tree.key(), tree.pod_named(namespace, name)?)))
    }

    /// Says that `object` belongs to the tree of `top`.
    pub fn enter(&self, object: Uid, top: Uid) {
        self.tree_of.insert(object, top);
    }

    /// Says that `object` is tracked no more.
    pub fn leave(&self, object: Uid) {
        self.tree_of.remove(&object);
    }

    /// Adds a tree.
    pub fn plant(&self, top: Uid, tree: Tree) {
        let stage = tree.stage();
        let before = self.trees.insert(top, Box::new(tree));
        self.keep_stage(top, before.map_or(Stage::AtRest, |before| before.stage()), stage);
    }

    /// Takes a tree out.
    pub fn fell(&self, top: Uid) -> Option<Tree> {
        let (_, tree) = self.trees.remove(&top)?;
        self.keep_stage(top, tree.stage(), Stage::AtRest);
        Some(*tree)
    }

    /// Changes a tree; nothing else sees it meanwhile.
    pub fn change<R>(&self, top: Uid, change: impl FnOnce(&mut Tree) -> R) -> Option<R> {
        let mut tree = self.trees.get_mut(&top)?;
        let before = tree.stage();
        let done = change(&mut tree);
        self.keep_stage(top, before, tree.stage());
        Some(done)
    }

    /// Reads a tree; it does not change meanwhile.
    pub fn read<R>(&self, top: Uid, read: impl FnOnce(&Tree) -> R) -> Option<R> {
        self.trees.get(&top).map(|tree| read(&tree))
    }

    /// The trees with a transition, or with Pods that outlive theirs, in order of the uid of the
    /// topmost object.
    #[must_use]
    pub fn busy(&self) -> Vec<Uid> {
        let mut busy: BTreeSet<Uid> = self.stages.iter().map(|it| *it.key()).collect();
        busy.extend(self.left.iter().filter_map(|it| self.top_of(it.key().0)));
        busy.into_iter().collect()
    }

    /// The trees whose transition has closed and waits for its hold, and its trace.
    #[must_use]
    pub fn settling(&self) -> Vec<(Uid, TraceId)> {
        let settling = self.stages.iter().filter_map(|it| match it.value() {
            Stage::Settling(trace) => Some((*it.key(), *trace)),
            Stage::AtRest | Stage::Open => None,
        });
        let mut settling: Vec<_> = settling.collect();
        settling.sort_unstable_by_key(|(top, _)| *top);
        settling
    }

    /// How many transitions are open.
    #[must_use]
    pub fn n_open(&self) -> u64 {
        self.n_open.load(Ordering::Relaxed)
    }

    /// How many transitions have closed and wait for their hold.
    #[must_use]
    pub fn n_settling(&self) -> u64 {
        self.n_settling.load(Ordering::Relaxed)
    }

    fn keep_stage(&self, top: Uid, before: Stage, now: Stage) {
        if before == now {
            return;
        }
        match now {
            Stage::AtRest => drop(self.stages.remove(&top)),
            Stage::Open | Stage::Settling(_) => drop(self.stages.insert(top, now)),
        }
        if let Some(counter) = self.counter(now) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(counter) = self.counter(before) {
            counter.fetch_sub(1, Ordering::Relaxed);
        }
    }

    fn counter(&self, stage: Stage) -> Option<&AtomicU64> {
        match stage {
            Stage::AtRest => None,
            Stage::Open => Some(&self.n_open),
            Stage::Settling(_) => Some(&self.n_settling),
        }
    }

    /// Changes every tree, in no order.
    pub fn each(&self, change: impl Fn(&mut Tree)) {
        self.trees.iter_mut().for_each(|mut tree| change(&mut tree));
    }

    /// Keeps where the span of something belongs that outlives its transition.
    pub fn keep_left(&self, outliving: Outliving, left: Left) {
        self.left.insert(outliving, left);
    }

    /// Where the span of something belongs that outlives its transition.
    #[must_use]
    pub fn left(&self, outliving: &Outliving) -> Option<Left> {
        self.left.get(outliving).map(|left| left.clone())
    }

    /// The same, which is needed no more.
    pub fn take_left(&self, outliving: &Outliving) -> Option<Left> {
        self.left.remove(outliving).map(|(_, left)| left)
    }

    /// The topmost objects of all trees, in order.
    #[must_use]
    pub fn all(&self) -> BTreeSet<Uid> {
        self.trees.iter().map(|tree| *tree.key()).collect()
    }

    /// Forgets the guests that are not there; returns the trees that hosted them.
    pub fn forget_lost_guests(&self) -> Vec<Uid> {
        let lost = |tree: &Tree| -> Vec<Uid> {
            tree.guests().iter().copied().filter(|it| !self.trees.contains_key(it)).collect()
        };
        let all: Vec<(Uid, Vec<Uid>)> =
            self.trees.iter().map(|tree| (*tree.key(), lost(&tree))).collect();
        let hosts = all.into_iter().filter(|(_, lost)| !lost.is_empty());
        let forget = |(host, lost): (Uid, Vec<Uid>)| {
            let mut tree = self.trees.get_mut(&host)?;
            lost.into_iter().for_each(|guest| tree.forget_guest(guest));
            Some(host)
        };
        hosts.filter_map(forget).collect()
    }

    /// How many trees there are.
    #[must_use]
    pub fn n_trees(&self) -> usize {
        self.trees.len()
    }

    /// How many objects are tracked.
    #[must_use]
    pub fn n_objects(&self) -> usize {
        self.tree_of.len()
    }
}
