//! What a tree took in since it was last stored whole. Of a busy tree each step is stored, once, and
//! not all of it again: whoever goes on has it take the same steps.
//!
//! A step is one change that one tree took in, and that is all that came of it. Where anything else
//! came of a change, a tree that it touched is stored whole; so it is where a step is no longer kept.

use std::collections::BTreeSet;

use super::Engine;
use super::past::Entry;
use super::step::{Step, Wanted, Were};
use crate::facts::change::Change;
use crate::facts::kind::{Lane, Part};
use crate::facts::meta::Uid;
use crate::facts::note::About;
use crate::facts::span::FinishedSpan;
use crate::facts::time::Nanos;
use crate::lifecycle::tree::Tree;
use crate::lifecycle::turn::Seen;
use crate::order::inlet::Released;

/// The trees that a change touches, while it is decided.
#[derive(Debug, Default)]
pub(super) struct Touches {
    all: Vec<Uid>,
    /// How the last of them took it in.
    seen: Option<Seen>,
}

impl Touches {
    /// A tree is about to be touched.
    pub(super) fn begin(&mut self, top: Uid) {
        self.all.push(top);
        self.seen = None;
    }

    /// That tree is told so.
    pub(super) fn tell(&mut self, seen: Seen) {
        self.seen = Some(seen);
    }

    /// All that came of `entry`, if it was one step.
    fn step(&self, entry: &Entry, ahead: Nanos) -> Option<Step> {
        let ([top], Some(seen)) = (self.all.as_slice(), self.seen) else { return None };
        let Seen { heard, is_listed, of_gap, desired, .. } = seen;
        let step = Step { top: *top, order: heard.order, of_gap, ahead };
        let again = step.seen(&entry.released, entry.desired)?;
        let is_same = again.heard.arrival == heard.arrival && again.desired == desired;
        (is_same && !is_listed).then_some(step)
    }
}

impl Engine {
    /// What was `touched` by `entry`: it is one step, or the trees are to be stored whole.
    pub(super) fn step_of(&mut self, touched: &Touches, entry: &Entry) -> Option<Step> {
        let step = touched.step(entry, self.inlet.clock.ahead);
        if step.is_none() {
            touched.all.iter().for_each(|top| self.is_other(*top));
        }
        step
    }

    /// A tree is another by something that is no step: it is stored whole.
    pub(super) fn is_other(&mut self, top: Uid) {
        self.changed.mark(top);
        self.pasts.no_step();
    }

    /// Trees take the same steps that others had taken after they were stored; what they were on the way
    /// as far as it is `wanted`. `part_of` says which part of a lane tells now of what a part of it told
    /// then. By other settings than theirs a transition may have settled meanwhile: it leaves now.
    pub(super) fn step_again<'a>(
        &mut self,
        steps: impl Iterator<Item = &'a Entry>,
        mut wanted: Wanted,
        part_of: impl Fn(Lane, Part) -> Option<(Lane, Part)>,
    ) -> Were {
        let (mut were, mut out) = (Were::new(), Vec::new());
        let (counts, clock, entered) = (self.counts.clone(), self.inlet.clock, self.n_entered);
        let (now, keeps) = (self.now, std::mem::replace(&mut self.keeps, false));
        let mut stepped = BTreeSet::new();
        for entry in steps {
            let released = &entry.released;
            let Some(step) = entry.step else { continue };
            let Some(seen) = step.seen(released, entry.desired) else { continue };
            let rest = wanted.get_mut(&step.top).map(|at| at.split_off(&entry.number));
            if let Some(before) = rest.and_then(|rest| wanted.insert(step.top, rest)) {
                self.keep_were(step.top, before, &mut were);
            }
            (self.n_entered, self.inlet.clock.ahead) = (step.order, step.ahead);
            self.now = entry.when.at;
            let of = part_of(released.lane, released.part);
            self.take_step(step.top, seen, released, of, &mut out);
            stepped.insert(step.top);
        }
        (self.counts, self.inlet.clock, self.n_entered) = (counts, clock, entered);
        (self.now, self.keeps) = (now, keeps);
        self.touched.clear();
        self.left_again = out;
        for (top, rest) in wanted {
            self.keep_were(top, rest, &mut were);
        }
        // They are others than they are stored as.
        stepped.into_iter().for_each(|top| self.is_other(top));
        were
    }

    /// What a tree is now it was after these steps.
    fn keep_were(&self, top: Uid, at: BTreeSet<u64>, were: &mut Were) {
        for at in at {
            let tree = self.store.read(top, Tree::clone);
            were.extend(tree.map(|tree| ((top, at), tree)));
        }
    }

    fn take_step(
        &mut self,
        top: Uid,
        seen: Seen,
        released: &Released,
        of: Option<(Lane, Part)>,
        out: &mut Vec<FinishedSpan>,
    ) {
        match &released.change {
            Change::Seen(snapshot) => {
                let uid = snapshot.meta().uid;
                self.store.enter(uid, top);
                of.into_iter().for_each(|of| self.resume_object(of, uid, released.facts));
                self.change(top, seen, out, |tree, turn| tree.step(snapshot, turn));
            }
            Change::Deleted(snapshot) => {
                let uid = snapshot.meta().uid;
                self.store.leave(uid);
                of.into_iter().for_each(|of| self.forget_object(of, uid));
                self.change(top, seen, out, |tree, turn| tree.delete(snapshot, turn));
            }
            Change::Noted(note) => {
                let about = match &note.about {
                    About::Uid(uid) => Some(*uid),
                    About::Pod(namespace, name) => {
                        let named = |tree: &Tree| tree.pod_named(namespace, name);
                        self.store.read(top, named).flatten()
                    }
                    About::Claim(..) => None,
                };
                let Some(about) = about else { return };
                self.change(top, seen, out, |tree, turn| tree.note(about, note, turn));
            }
            Change::Unmatched(_) | Change::Vanished(_) => {}
        }
    }
}
