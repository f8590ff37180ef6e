//! All trees, and which tree an object belongs to. The one file that names `DashMap`.
//!
//! One task changes trees, debug pages and checkpoints read them beside it. No guard leaves this
//! file, so that no lock is held across anything.
#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "this is the file that names DashMap"
)]

use dashmap::DashMap;

use crate::facts::meta::Uid;
use crate::lifecycle::tree::Tree;
use crate::spans::Left;

/// Trees by the uid of their topmost object, and an index from every object to its tree.
#[derive(Debug, Default)]
pub struct Store {
    trees: DashMap<Uid, Tree>,
    tree_of: DashMap<Uid, Uid>,
    /// Of Pods that outlive their transition: where their spans belong.
    left: DashMap<Uid, Left>,
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
        self.trees.insert(top, tree);
    }

    /// Takes a tree out.
    pub fn fell(&self, top: Uid) -> Option<Tree> {
        self.trees.remove(&top).map(|(_, tree)| tree)
    }

    /// Changes a tree; nothing else sees it meanwhile.
    pub fn with<R>(&self, top: Uid, change: impl FnOnce(&mut Tree) -> R) -> Option<R> {
        self.trees.get_mut(&top).map(|mut tree| change(&mut tree))
    }

    /// Changes every tree, in no order.
    pub fn each(&self, change: impl Fn(&mut Tree)) {
        self.trees.iter_mut().for_each(|mut tree| change(&mut tree));
    }

    /// Reads every tree in order of the uid of its topmost object.
    pub fn sorted<R>(&self, mut read: impl FnMut(Uid, &Tree) -> R) -> Vec<R> {
        let mut tops: Vec<Uid> = self.trees.iter().map(|entry| *entry.key()).collect();
        tops.sort_unstable();
        tops.into_iter()
            .filter_map(|top| self.trees.get(&top).map(|tree| read(top, &tree)))
            .collect()
    }

    /// Keeps where the span of a Pod belongs that is still going.
    pub fn keep_left(&self, pod: Uid, left: Left) {
        self.left.insert(pod, left);
    }

    /// Where the span of a Pod belongs that is still going.
    #[must_use]
    pub fn left(&self, pod: Uid) -> Option<Left> {
        self.left.get(&pod).map(|left| left.clone())
    }

    /// The same, which is needed no more.
    pub fn take_left(&self, pod: Uid) -> Option<Left> {
        self.left.remove(&pod).map(|(_, left)| left)
    }

    /// How many objects are tracked.
    #[must_use]
    pub fn n_objects(&self) -> usize {
        self.tree_of.len()
    }
}
