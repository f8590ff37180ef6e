//! How changes enter the trees: in order, or, where one comes late, in its place, with all that was
//! decided since decided again (DESIGN §2).

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::past::{Again, Entry};
use super::steps::Touches;
use super::{Counts, Engine, orphans};
use crate::facts::change::Change;
use crate::facts::meta::Uid;
use crate::facts::span::FinishedSpan;
use crate::facts::time::{Nanos, UnixNanos};
use crate::lifecycle::tree::Tree;
use crate::lifecycle::turn::Seen;
use crate::order::inlet::{Place, Released};

impl Engine {
    /// A change enters, or waits for what has to enter before it.
    pub(super) fn release(&mut self, released: Released, out: &mut Vec<FinishedSpan>) {
        let object = orphans::object_of(&released.change);
        if let Some(state) = self.lanes.get_mut(&(released.lane, released.part)) {
            match &released.change {
                Change::Seen(_) => state.relist.hold(object, released.facts),
                Change::Deleted(_) | Change::Unmatched(_) | Change::Vanished(_) => {
                    state.relist.left(object);
                }
                Change::Noted(_) => {}
            }
        }
        for owner in self.owners_enter_first(&released) {
            self.release(owner, out);
        }
        let top = self.store.top_of(object);
        let awaited = self
            .orphans
            .owner_of(object)
            .or_else(|| self.awaited_owner(&released, top, out))
            .or_else(|| self.awaited_version(&released, top))
            .or_else(|| self.awaited_object(&released));
        match awaited {
            Some(owner) if self.orphans.len() < self.max_waiting => {
                let deadline = self.now.plus(self.owner_wait);
                self.orphans.wait(object, owner, released, deadline);
            }
            Some(_) | None => self.enter(released, out),
        }
    }

    /// A change enters: now, or in its place if that is before what its trees have been told.
    fn enter(&mut self, released: Released, out: &mut Vec<FinishedSpan>) {
        match self.tree_it_is_late_for(&released) {
            Some(top) => self.decide_again(top, vec![released], out),
            None => self.take(released, out),
        }
    }

    /// What waited together enters.
    pub(super) fn enter_all(&mut self, all: Vec<Released>, out: &mut Vec<FinishedSpan>) {
        let mut late: BTreeMap<Uid, Vec<Released>> = BTreeMap::new();
        let mut coming: BTreeMap<Uid, Uid> = BTreeMap::new();
        for released in all {
            let object = orphans::object_of(&released.change);
            let owner = owner_of(&released);
            let top = self
                .tree_it_is_late_for(&released)
                .or_else(|| coming.get(&object).copied())
                .or_else(|| coming.get(&owner?).copied());
            match top {
                Some(top) => {
                    coming.insert(object, top);
                    late.entry(top).or_default().push(released);
                }
                None => self.take(released, out),
            }
        }
        for (top, late) in late {
            self.decide_again(top, late, out);
        }
    }

    /// The tree that has been told something that was written later, and that this is about.
    fn tree_it_is_late_for(&self, released: &Released) -> Option<Uid> {
        // As a rule it comes after all that any tree has been told.
        if released.is_listed || !self.pasts.may_be_late(released.place) {
            return None;
        }
        let own = self.top_that_was(orphans::object_of(&released.change));
        let above = owner_of(released).and_then(|owner| self.tree_that_was(owner));
        [own, above].into_iter().flatten().find(|top| self.pasts.is_late(*top, released.place))
    }

    /// The tree of an object, also of one that went a short time ago.
    fn top_that_was(&self, object: Uid) -> Option<Uid> {
        self.store.top_of(object).or_else(|| self.pasts.tree_of_gone(object))
    }

    fn tree_that_was(&self, object: Uid) -> Option<Uid> {
        self.store.tree_of(object).or_else(|| self.pasts.tree_of_gone(object))
    }

    fn take(&mut self, released: Released, out: &mut Vec<FinishedSpan>) {
        self.reached = self.reached.max(Some(released.place));
        let desired = self.desired_by(&released);
        let entry = Entry { number: 0, released, when: self.when(), desired, step: None };
        let waited = self.tell_trees(entry, out);
        if !waited.is_empty() {
            // What waited for it is news: first it is judged by what the list shows.
            self.judge(out);
            let free = self.free(waited);
            self.enter_all(free, out);
        }
    }

    /// How many nodes the DaemonSet above wants, as is heard a moment later.
    fn desired_by(&self, released: &Released) -> Option<i64> {
        if !self.inlet.knows_desired() {
            return None;
        }
        let object = orphans::object_of(&released.change);
        let above = || self.store.top_of(owner_of(released)?);
        self.inlet.desired(self.store.top_of(object).or_else(above)?, released.moment_or(self.now))
    }

    /// The trees are told, and what they were is kept as far as it may be decided again. Returns what
    /// had waited for it.
    fn tell_trees(&mut self, mut entry: Entry, out: &mut Vec<FinishedSpan>) -> Vec<Released> {
        let is_listed = entry.released.is_listed;
        let place = entry.released.place;
        let touched = std::mem::take(&mut self.touched);
        let was_kept = std::mem::replace(&mut self.keeps, !is_listed);
        let may_be_step = self.stores_changes() && !is_listed;
        let touches = std::mem::replace(&mut self.touches, may_be_step.then(Touches::default));
        let waited = self.decide(&mut entry, out);
        self.keeps = was_kept;
        let touched = std::mem::replace(&mut self.touched, touched);
        let touches = std::mem::replace(&mut self.touches, touches);
        entry.step = touches.and_then(|touches| self.step_of(&touches, &entry));
        self.keep(&touched, Some(entry).filter(|_| !is_listed), place);
        waited
    }

    /// What waited for something that has come may enter, but for what now waits for something else,
    /// with all of the same tree that was written later.
    fn free(&mut self, waited: Vec<Released>) -> Vec<Released> {
        let deadline = self.now.plus(self.owner_wait);
        let mut enters = Vec::new();
        for released in waited {
            let object = orphans::object_of(&released.change);
            let awaited = self
                .orphans
                .owner_of(object)
                .or_else(|| self.orphans.owner_of(owner_of(&released)?))
                .or_else(|| self.awaited_version(&released, self.store.top_of(object)));
            match awaited {
                Some(awaited) => self.orphans.wait(object, awaited, released, deadline),
                None => enters.push(released),
            }
        }
        enters
    }

    /// What was decided of `touched` trees stays as their past, or leaves it if a transition left or a
    /// list told it.
    fn keep(&mut self, touched: &[Uid], entry: Option<Entry>, place: Place) {
        let Some(first) = touched.first().copied() else { return };
        self.pasts.join(touched);
        let has_left = std::mem::take(&mut self.has_left);
        let Some(entry) = entry.filter(|_| has_left.is_empty()) else {
            touched.iter().for_each(|top| self.pasts.leave(*top, Some(place)));
            return;
        };
        let Some(n_unkept) = self.pasts.keep(first, entry, self.kept_for()) else {
            return touched.iter().for_each(|top| self.is_other(*top));
        };
        self.counts.unkept += u64::try_from(n_unkept).unwrap_or(u64::MAX);
        if self.pasts.wants_middle(first, self.kept_for()) {
            self.pasts.set_middle(first, |top| self.store.read(top, Tree::clone));
        }
        // Trees that are at rest keep what they were too, for a moment and as long as there is room: what
        // comes late may have been the beginning of something.
        self.pasts.make_room(|top| self.store.read(top, Tree::is_still).unwrap_or(true));
    }

    /// A tree is about to change.
    pub(super) fn touch(&mut self, top: Uid) {
        if !self.touched.contains(&top) {
            self.touched.push(top);
        }
        if self.keeps {
            self.pasts.remember(top, self.is_by_time, || self.store.read(top, Tree::clone));
        }
        match &mut self.touches {
            Some(touches) => touches.begin(top),
            None => self.is_other(top),
        }
    }

    /// Something that is not told by a watch changes trees: it is not decided again.
    pub(super) fn not_again(
        &mut self,
        out: &mut Vec<FinishedSpan>,
        change: impl FnOnce(&mut Self, &mut Vec<FinishedSpan>),
    ) {
        let touched = std::mem::take(&mut self.touched);
        let kept = std::mem::replace(&mut self.keeps, false);
        change(self, out);
        self.keeps = kept;
        let touched = std::mem::replace(&mut self.touched, touched);
        self.has_left.clear();
        for top in touched {
            self.pasts.leave(top, self.reached);
        }
    }

    /// How long what trees were is kept: what comes late by `owner_wait` waits in the inlet besides.
    pub(super) fn kept_for(&self) -> Nanos {
        Nanos(self.owner_wait.0.saturating_add(self.rules.settle_time.0))
    }

    /// What a tree waited for until `now` comes.
    pub(super) fn expire(&mut self, top: Uid, now: UnixNanos, out: &mut Vec<FinishedSpan>) {
        let touched = std::mem::take(&mut self.touched);
        self.is_by_time = true;
        self.change(top, Seen::NOTHING, out, |tree, turn| tree.expire(now, turn));
        self.is_by_time = false;
        let touched = std::mem::replace(&mut self.touched, touched);
        if touched.len() > 1 {
            self.pasts.join(&touched);
        }
        for top in std::mem::take(&mut self.has_left) {
            self.pasts.begin_at(top, self.reached, now);
        }
    }

    /// `late` is put in its place, and what the trees were told since is told them again.
    fn decide_again(&mut self, top: Uid, late: Vec<Released>, out: &mut Vec<FinishedSpan>) {
        let mut trees = vec![top];
        for released in &late {
            trees.extend(self.top_that_was(orphans::object_of(&released.change)));
            trees.extend(owner_of(released).and_then(|owner| self.tree_that_was(owner)));
        }
        self.pasts.join(&trees);
        let settle_time = self.rules.settle_time;
        let (now, inlet) = (self.now, &self.inlet);
        let desired = |released: &Released| inlet.desired(top, released.moment_or(now));
        let when = self.when();
        let Again { was, told, n_missed } =
            match self.pasts.again(top, late, desired, when, settle_time) {
                Ok(again) => again,
                Err(late) => return late.into_iter().for_each(|late| self.take(late, out)),
            };
        self.counts.missed += n_missed;
        let mut trees: BTreeSet<Uid> = was.iter().map(|(top, _)| *top).collect();
        for (top, was) in was {
            self.put_back(top, was.tree);
        }
        let (when, reached) = (self.when(), self.reached);
        let mut is_first = true;
        let mut told = VecDeque::from(told);
        while let Some((entry, is_new)) = told.pop_front() {
            self.expire_before(entry.when.known, &trees, out);
            (self.now, self.reached) = (entry.when.at, Some(entry.released.place));
            if is_new && std::mem::take(&mut is_first) {
                self.pasts.set_middle(top, |top| self.store.read(top, Tree::clone));
            }
            trees.extend(self.store.top_of(orphans::object_of(&entry.released.change)));
            let counts = (!is_new).then(|| self.counts.clone());
            let waited = self.tell_trees(entry, out);
            if let Some(counts) = counts {
                self.uncount(counts);
            }
            trees.extend(self.pasts.trees(top));
            for released in self.free(waited) {
                let i = told.partition_point(|(it, _)| it.released.place <= released.place);
                let next = told.get(i).map(|(next, _)| (next.when, next.desired));
                let (when, desired) = next.unwrap_or((when, self.desired_by(&released)));
                told.insert(i, (Entry { number: 0, released, when, desired, step: None }, true));
            }
        }
        (self.now, self.reached) = (when.at, reached);
    }

    /// What was told again had been counted the first time.
    fn uncount(&mut self, counted: Counts) {
        let again = std::mem::replace(&mut self.counts, counted);
        self.counts.untraced.crowded = again.untraced.crowded;
        (self.counts.missed, self.counts.unkept) = (again.missed, again.unkept);
    }

    /// What these trees waited for before `at` comes before what is told then.
    fn expire_before(&mut self, at: UnixNanos, trees: &BTreeSet<Uid>, out: &mut Vec<FinishedSpan>) {
        loop {
            let due = trees.iter().filter_map(|top| Some((self.deadlines.of(*top)?, *top)));
            let Some((due, top)) = due.min().filter(|(due, _)| *due < at) else { return };
            self.now = due;
            self.deadlines.set(top, None);
            self.expire(top, due, out);
        }
    }

    /// A tree is what it was; all that were with it are restored together.
    fn put_back(&mut self, top: Uid, tree: Option<Tree>) {
        self.deadlines.set(top, None);
        self.is_other(top);
        let mut guests = BTreeSet::new();
        if let Some(mut is) = self.store.fell(top) {
            guests = is.take_guests();
            for uid in is.uids() {
                if self.store.top_of(uid) == Some(top) {
                    self.store.leave(uid);
                }
            }
            let host = is.owner_of(top).filter(|_| tree.is_none());
            let host = host.and_then(|owner| self.store.tree_of(owner));
            if let Some((host, mut tree)) = host.and_then(|top| Some((top, self.store.fell(top)?)))
            {
                tree.forget_guest(top);
                self.store.plant(host, tree);
                self.is_other(host);
            }
        }
        let Some(mut tree) = tree else { return };
        tree.host_all(guests);
        for uid in tree.uids() {
            self.store.enter(uid, top);
        }
        let deadline = tree.next_deadline(&self.rules);
        self.store.plant(top, tree);
        self.deadlines.set(top, deadline);
    }
}

/// The owner that an object names.
fn owner_of(released: &Released) -> Option<Uid> {
    released.change.snapshot()?.meta().owner.as_ref().map(|owner| owner.uid)
}
