//! What of that which was stored is still watched. The rest is dropped, and of what stood in a tree beside
//! it lists tell anew; everything else goes on untouched.

use std::collections::{BTreeMap, BTreeSet};

use super::Engine;
use super::lanes::Kept as KeptLane;
use super::past::Entry;
use super::records::{Key, Read, Written};
use crate::facts::change::Change;
use crate::facts::kind::{Lane, Part};
use crate::facts::meta::Uid;
use crate::lifecycle::tree::Tree;

/// The namespaces that parts of lanes leave out, where they leave out any.
type Namespaces = BTreeMap<(Lane, Part), BTreeSet<String>>;

/// What is left out.
#[derive(Debug)]
pub(super) struct Excluded {
    all: Namespaces,
    /// What is stored says the same.
    is_stored: bool,
}

impl From<Namespaces> for Excluded {
    /// Nothing is stored yet: that says the same as if none are left out.
    fn from(all: Namespaces) -> Self {
        Self { is_stored: all.is_empty(), all }
    }
}

/// What is watched now of what was when it was stored.
#[derive(Debug, Default)]
pub(super) struct Watched {
    /// Which part of a lane watches now what a part of it did.
    parts: BTreeMap<(Lane, Part), Option<(Lane, Part)>>,
    /// The namespaces that these leave out, and did not then.
    left_out: Namespaces,
    /// Those that have to list.
    must_list: BTreeSet<(Lane, Part)>,
    /// Trees that were dropped, and nothing of them is watched.
    n_trees: usize,
    /// The objects of all that were dropped because not all of them is watched as it was.
    n_objects: usize,
}

impl Watched {
    /// The part of a lane that watches now what this one did.
    pub(super) fn now(&self, of: (Lane, Part)) -> Option<(Lane, Part)> {
        self.parts.get(&of).copied().flatten()
    }

    /// Whether objects of `namespace` are not told of any more by what watches now.
    pub(super) fn leaves_out(&self, now: (Lane, Part), namespace: Option<&str>) -> bool {
        let left_out = self.left_out.get(&now);
        namespace.is_some_and(|it| left_out.is_some_and(|left_out| left_out.contains(it)))
    }

    /// Whether a tree goes on that was stored, and then took `steps`, and has objects of these parts.
    pub(super) fn keeps(
        &mut self,
        tree: &Tree,
        steps: &[&Entry],
        all: impl IntoIterator<Item = (Lane, Part)>,
        is_below_new: bool,
    ) -> bool {
        let namespace = tree.top().namespace.as_deref();
        let (mut is_whole, mut still) = (!is_below_new, BTreeSet::new());
        for of in all {
            let Some(now) = self.now(of) else {
                is_whole = false;
                continue;
            };
            let is_out = self.leaves_out(now, namespace);
            // Below what is in no namespace the objects of any may stand.
            let is_any_out = namespace.is_none() && self.left_out.contains_key(&now);
            is_whole &= !is_out && !is_any_out;
            still.extend(Some(now).filter(|_| !is_out));
        }
        if !is_whole {
            self.n_trees += usize::from(still.is_empty());
            self.must_list.extend(still);
            self.n_objects += n_objects(tree, steps);
        }
        is_whole
    }

    /// How many trees were dropped of which nothing is watched any more.
    pub(super) const fn n_trees(&self) -> usize {
        self.n_trees
    }

    /// How many objects all trees had that were dropped by [`Watched::keeps`].
    pub(super) const fn n_objects(&self) -> usize {
        self.n_objects
    }
}

/// How many objects a tree has when it has taken these steps.
fn n_objects(tree: &Tree, steps: &[&Entry]) -> usize {
    let mut all: BTreeSet<Uid> = tree.uids().into_iter().collect();
    for step in steps {
        match &step.released.change {
            Change::Seen(snapshot) => drop(all.insert(snapshot.meta().uid)),
            Change::Deleted(snapshot) => drop(all.remove(&snapshot.meta().uid)),
            Change::Unmatched(_) | Change::Vanished(_) | Change::Noted(_) => {}
        }
    }
    all.len()
}

impl Engine {
    /// What is watched now of what these lanes were when they were stored.
    pub(super) fn still_watched(
        &mut self,
        read: &mut Read,
        lanes: &[(Lane, Part, KeptLane)],
    ) -> Watched {
        let now_of = |(lane, part, kept): &(Lane, Part, KeptLane)| {
            ((*lane, *part), self.part_of(*lane, *part, kept).map(|part| (*lane, part)))
        };
        let parts = lanes.iter().map(now_of).collect();
        let is_stored = !read.keys(Key::Excluded..=Key::Excluded).is_empty();
        let before: Option<Namespaces> = read.take(Key::Excluded);
        let is_unknown = is_stored && before.is_none();
        let (before, none) = (before.unwrap_or_default(), BTreeSet::new());
        let mut watched = Watched { parts, ..Watched::default() };
        for (of, now) in &watched.parts {
            let Some(now) = *now else { continue };
            let was = before.get(of).unwrap_or(&none);
            let is = self.excluded.all.get(&now).unwrap_or(&none);
            let left_out: BTreeSet<String> = is.difference(was).cloned().collect();
            if !left_out.is_empty() {
                watched.left_out.insert(now, left_out);
            }
            // Nothing was told of what is in a namespace that is not left out any more.
            if now.0.has_lives() && (is_unknown || !was.is_subset(is)) {
                watched.must_list.insert(now);
            }
        }
        self.excluded.is_stored = !is_unknown && self.excluded.all == before;
        watched
    }

    /// Those list that have to.
    pub(super) fn list_what_is_new(&mut self, watched: &Watched) {
        for of in &watched.must_list {
            self.lanes.entry(*of).or_default().must_list = true;
        }
    }

    /// Whether something above a tree is watched now that was not when it was stored.
    pub(super) fn is_below_new(&self, tree: &Tree, watched: &Watched) -> bool {
        let is_watched = |lane: Lane| self.waits_for.iter().any(|(now, _)| *now == lane);
        let was = |lane: Lane| watched.parts.keys().any(|(known, _)| *known == lane);
        let owner = tree.owner();
        owner.is_some_and(|owner| self.lanes_of(&owner.kind).any(|it| is_watched(it) && !was(it)))
    }

    /// Writes which namespaces are left out, where that is not stored yet.
    pub(super) fn write_excluded(&mut self, out: &mut Written) {
        if !std::mem::replace(&mut self.excluded.is_stored, true) {
            out.put(Key::Excluded, Some(&self.excluded.all).filter(|all| !all.is_empty()));
        }
    }
}
