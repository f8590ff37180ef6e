//! The state of an engine as records, and an engine that goes on with it (DESIGN §11).
//!
//! Records follow what changes: a commit takes those of [`Engine::changed`]. Of a busy tree these are the
//! steps that it took, each written once, and the whole of it now and then; whoever goes on has it take
//! them again. What waits in the inlet is not among them: a watch goes on where all had been taken out,
//! and tells it again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

use super::arrived::Arrived;
use super::claims::Claims;
use super::lanes::Kept as KeptLane;
use super::orphans::Waiting;
use super::past::{self, Entry, Pasts};
use super::records::{Key, Read, Record, Written};
use super::shapes::Unused;
use super::step::{Wanted, Were};
use super::watched::Watched;
use super::{Engine, Settings, orphans};
use crate::facts::change::Change;
use crate::facts::kind::{Kind, Lane, Part};
use crate::facts::meta::Uid;
use crate::facts::time::{Nanos, UnixNanos};
use crate::lifecycle::shared::{Shared, Shares};
use crate::lifecycle::tree::Tree;
use crate::order::inlet::{self, Place};
use crate::sampling::Remembered;
use crate::spans::{Left, Outliving};

/// The form of the records. Where it is another number nothing of the state is read.
pub const FORMAT: u32 = 10;

/// What is of no tree.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    /// Up to when it was decided.
    now: UnixNanos,
    /// How far the API server's clock was ahead of that time.
    ahead: Nanos,
    n_entered: u64,
    /// How many objects there are in all trees.
    n_objects: usize,
    /// How many times changes are stored together, and the number of the last.
    told: (usize, u64),
    reached: Option<Place>,
    reference: Option<(u64, UnixNanos)>,
    relisted: BTreeSet<Uid>,
    unmatched: VecDeque<Uid>,
    inlet: inlet::Kept,
    lanes: Vec<(Lane, Part, KeptLane)>,
}

/// The part of a lane, and its objects with the facts of the version that is held of them.
type Objects = ((Lane, Part), Vec<(Uid, Option<NonZeroU64>)>);

/// The steps that trees have taken, in order.
type Steps<'a> = BTreeMap<Uid, Vec<&'a Entry>>;

fn steps_of(told: &past::Stored) -> Steps<'_> {
    let mut steps = Steps::new();
    for entry in told.all() {
        let top = entry.step.as_ref().map(|step| step.top);
        top.into_iter().for_each(|top| steps.entry(top).or_default().push(entry));
    }
    steps
}

/// A tree, with all that is known of its objects.
#[derive(Debug, Deserialize)]
struct OfTree {
    /// The number of the last step that it had taken.
    last_step: u64,
    tree: Tree,
    left: Vec<(Outliving, Left)>,
    objects: Vec<Objects>,
}

impl Shares for OfTree {
    fn share(&mut self, shared: &mut Shared) {
        self.tree.share(shared);
    }
}

/// What an engine goes on with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Restored {
    /// Up to when all was stored, by this machine's clock.
    pub at: UnixNanos,
    /// Trees.
    pub n_trees: usize,
    /// Of these, with a transition that is open or waits for its hold.
    pub n_open: u64,
    /// Trees that could not be read, or of which not all is watched as it was: lists tell of those of
    /// their objects that are watched.
    pub dropped: Vec<Uid>,
    /// Of these, trees of which nothing is watched any more.
    pub n_unwatched: usize,
    /// Records that could not be read.
    pub n_damaged: usize,
}

/// There is nothing to go on with: what is of no tree could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what is stored of the watches cannot be read")]
pub struct NoHead;

impl Engine {
    /// Keeps account of what changes from now on, so that it can be stored.
    pub fn store_changes(&mut self) {
        self.changed.begin();
        self.orphans.changed.begin();
        self.pasts.begin_changes();
        self.shared.shapes.store();
        self.inlet.store_arrivals();
    }

    /// Whether it keeps account of what changes.
    #[must_use]
    pub fn stores_changes(&self) -> bool {
        self.changed.has_begun()
    }

    /// Whether anything has changed since [`Engine::changed`] was last asked.
    #[must_use]
    pub fn has_changed(&self) -> bool {
        let is_other = self.is_told
            || self.changed.is_any()
            || self.orphans.changed.is_any()
            || self.pasts.have_changed();
        is_other && self.have_lists_entered && self.stores_changes()
    }

    /// The records of what has changed since this was last asked, to be stored all or nothing together
    /// with the spans that have left meanwhile. There are none before all first lists have entered, nor
    /// where nothing was told but what is known.
    #[must_use]
    pub fn changed(&mut self) -> Vec<Record> {
        let mut out = Written::default();
        if !self.have_lists_entered {
            return out.records;
        }
        out.records.extend(self.damaged.drain(..).map(|key| (key, None)));
        self.write_trees(&mut out);
        for owner in self.orphans.changed.take() {
            out.put(Key::Orphans(owner), self.orphans.kept(owner).as_ref());
        }
        self.pasts.write(&mut out);
        self.unused_shapes.write(&mut self.shared.shapes, self.pasts.range(), &mut out);
        let arrived = self.inlet.take_arrived();
        self.arrived.write(&arrived, self.inlet.old(self.now), &mut out);
        if std::mem::take(&mut self.claims.are_changed) {
            out.put(Key::Claims, Some(&self.claims));
        }
        if std::mem::take(&mut self.unheard.is_changed) {
            out.put(Key::Unheard, Some(&self.unheard));
        }
        if let Some(remembered) = self.sieve.changed() {
            out.put(Key::Sampled, Some(&remembered));
        }
        self.write_excluded(&mut out);
        if std::mem::take(&mut self.is_told) || !out.records.is_empty() {
            out.put(Key::Head, Some(&self.head()));
        }
        out.records
    }

    fn head(&self) -> Head {
        Head {
            now: self.now,
            ahead: self.inlet.clock.ahead,
            n_entered: self.n_entered,
            n_objects: self.store.n_objects(),
            told: self.pasts.numbers(),
            reached: self.reached,
            reference: self.reference,
            relisted: self.relisted.clone(),
            unmatched: self.unmatched.clone(),
            inlet: self.inlet.kept(),
            lanes: self.kept_lanes(),
        }
    }

    /// The lanes that tell of objects of a kind.
    pub(super) fn lanes_of(&self, kind: &Kind) -> impl Iterator<Item = Lane> {
        let custom =
            self.custom_kinds.iter().filter(move |(_, of)| of == kind).map(|(lane, _)| *lane);
        let built_in = Lane::ALL.into_iter().find(move |lane| lane.kind().as_ref() == Some(kind));
        built_in.into_iter().chain(custom)
    }

    fn write_trees(&mut self, out: &mut Written) {
        let mut changed = self.changed.take();
        changed.append(&mut self.pasts.take_whole());
        let (_, last) = self.pasts.numbers();
        for top in &changed {
            self.pasts.is_whole(*top);
            if self.store.read(*top, |tree| self.write(*top, (tree, last), out)).is_none() {
                out.put::<Tree>(Key::Tree(*top), None);
            }
        }
        for top in self.pasts.take_moved_on().difference(&changed) {
            let was = self.pasts.moves_on(*top).map(|(tree, at)| (tree.clone(), at));
            was.iter().for_each(|(tree, at)| self.write(*top, (tree, *at), out));
        }
    }

    fn write(&self, top: Uid, (tree, last_step): (&Tree, u64), out: &mut Written) {
        let left = |outliving: Outliving| Some((outliving.clone(), self.store.left(&outliving)?));
        let left: Vec<(Outliving, Left)> = tree.outlived().filter_map(left).collect();
        let mut objects: Vec<Objects> = Vec::new();
        for (uid, kind) in tree.kinds() {
            let lane = self.lanes_of(kind).find_map(|lane| self.held(lane, uid));
            let Some((of, held)) = lane else { continue };
            match objects.iter_mut().find(|(known, _)| *known == of) {
                Some((_, all)) => all.push((uid, held)),
                None => objects.push((of, vec![(uid, held)])),
            }
        }
        out.put(Key::Tree(top), Some(&(last_step, tree, left, objects)));
    }

    /// An engine that goes on at `at` with what another had stored, where the API server's clock is so far
    /// ahead of this machine's, if that is known. Its watches go on where [`Engine::resumes_at`] says, and
    /// are away until they do.
    ///
    /// # Errors
    /// Where there is nothing to go on with.
    pub fn restore(
        settings: Settings,
        records: impl IntoIterator<Item = (Vec<u8>, Vec<u8>)>,
        (at, ahead): (UnixNanos, Option<Nanos>),
    ) -> Result<(Self, Restored), NoHead> {
        let mut engine = Self::new(settings);
        engine.store_changes();
        let mut read = Read::new(records);
        let head: Head = read.take(Key::Head).ok_or(NoHead)?;
        engine.have_lists_entered = true;
        // As if this machine were the same, if it is not known how far its clock is off.
        engine.goes_on_by(head.ahead, ahead.unwrap_or(head.ahead));
        let at = engine.own(at);
        (engine.now, engine.n_entered, engine.reached) = (head.now, head.n_entered, head.reached);
        (engine.reference, engine.relisted) = (head.reference, head.relisted);
        let mut watched = engine.still_watched(&mut read, &head.lanes);
        let (records, mut arrived) = Arrived::read(&mut read);
        arrived.changes.retain_mut(|(lane, part, version, _)| {
            let mut lanes = head.lanes.iter().filter(|it| (it.0, it.1) == (*lane, *part));
            let is_told_again = lanes.any(|(.., kept)| kept.tells_again(*version));
            let now_of = watched.now((*lane, *part));
            *part = now_of.map_or(*part, |(_, part)| part);
            is_told_again && now_of.is_some()
        });
        engine.arrived = records;
        engine.inlet.resume(head.inlet, arrived);
        engine.unheard = read.take(Key::Unheard).unwrap_or_default();
        Unused::read(&mut read, &mut engine.shared.shapes);
        let told = Pasts::read_told(&mut read, &mut engine.shared);
        let are_all_told = told.are_all(head.told.0);
        let steps = if are_all_told { steps_of(&told) } else { Steps::new() };
        let heads = Pasts::read_heads(&mut read);
        let wanted = if are_all_told { Pasts::wanted(&heads) } else { Wanted::new() };
        let (dropped, were) = engine.restore_trees(&mut read, &mut watched, &steps, wanted);
        engine.unmatched = head.unmatched;
        for top in &engine.unmatched {
            if engine.store.read(*top, Tree::lacks_top) == Some(true) {
                engine.store.enter(*top, *top);
            }
        }
        for (lane, part, kept) in head.lanes {
            if let Some((lane, part)) = watched.now((lane, part)) {
                engine.resume_lane((lane, part, kept), head.now, at);
            }
        }
        engine.list_what_is_new(&watched);
        let gone = dropped.iter().copied().collect();
        let told = if are_all_told { told } else { past::Stored::default() };
        engine.pasts.goes_on_from(head.told.1);
        let (reached, now) = (engine.reached, engine.now);
        let n_lost = engine.pasts.resume(
            (&mut read, &mut engine.shared),
            (heads, told, &were),
            &gone,
            reached,
            now,
        );
        engine.counts.unkept += n_lost;
        for top in std::mem::take(&mut engine.has_left) {
            engine.pasts.leave(top, reached);
        }
        let n_objects = engine.store.n_objects() + watched.n_objects();
        let are_all_there = are_all_told && n_objects == head.n_objects;
        if !engine.restore_waiting(&mut read, &watched) || !are_all_there {
            engine.list_anew();
        }
        engine.counts.restored = engine.store.n_open() + engine.store.n_settling();
        engine.shared.shapes.is_read();
        engine.damaged = read.useless();
        let restored = Restored {
            at: head.now.minus(engine.shift),
            n_trees: engine.store.n_trees(),
            n_open: engine.counts.restored,
            dropped,
            n_unwatched: watched.n_trees(),
            n_damaged: engine.damaged.len(),
        };
        Ok((engine, restored))
    }

    /// The trees; returns those that are none to go on with, and what the others were as far as that is
    /// `wanted`.
    fn restore_trees(
        &mut self,
        read: &mut Read,
        watched: &mut Watched,
        steps: &Steps<'_>,
        mut wanted: Wanted,
    ) -> (Vec<Uid>, Were) {
        let mut dropped = Vec::new();
        let mut later = BTreeMap::new();
        for key in read.keys(Key::Tree(Uid::LEAST)..=Key::Tree(Uid::MOST)) {
            let Key::Tree(top) = key else { continue };
            let tree: Option<OfTree> = read.take_shared(key, &mut self.shared);
            let steps = steps.get(&top).into_iter().flatten().copied();
            let last = tree.as_ref().map_or(0, |tree| tree.last_step);
            let steps: Vec<&Entry> = steps.filter(|step| step.number > last).collect();
            let tree = tree.filter(|tree| tree.tree.top().uid == top);
            match tree.filter(|tree| self.suits(tree, &steps, watched)) {
                Some(tree) => {
                    wanted.entry(top).and_modify(|wanted| *wanted = wanted.split_off(&last));
                    self.restore_tree(top, tree, watched);
                    later.extend(steps.into_iter().map(|step| (step.number, step)));
                }
                None => {
                    self.is_other(top);
                    dropped.push(top);
                }
            }
        }
        let part_of = |lane, part| watched.now((lane, part));
        let were = self.step_again(later.into_values(), wanted, part_of);
        for host in self.store.forget_lost_guests() {
            self.is_other(host);
        }
        (dropped, were)
    }

    /// Whether all of it is still watched, and nothing above it is that was not.
    fn suits(&self, of: &OfTree, steps: &[&Entry], watched: &mut Watched) -> bool {
        let of_steps = steps.iter().filter(|step| step.released.lane.has_lives());
        let of_steps = of_steps.map(|step| (step.released.lane, step.released.part));
        let all = of.objects.iter().map(|(of, _)| *of).chain(of_steps);
        let is_below_new = self.is_below_new(&of.tree, watched);
        watched.keeps(&of.tree, steps, all, is_below_new)
    }

    fn restore_tree(&mut self, top: Uid, of: OfTree, watched: &Watched) {
        let OfTree { tree, left, objects, .. } = of;
        for uid in tree.uids() {
            self.store.enter(uid, top);
        }
        self.deadlines.set(top, tree.next_deadline(&self.rules));
        self.store.plant(top, tree);
        left.into_iter().for_each(|(outliving, left)| self.store.keep_left(outliving, left));
        for (of, all) in objects {
            let Some(of) = watched.now(of) else { continue };
            all.into_iter().for_each(|(uid, held)| self.resume_object(of, uid, held));
        }
    }

    /// What waits for owners and claims, and what is remembered of samples; whether it is known of which
    /// objects that is.
    fn restore_waiting(&mut self, read: &mut Read, watched: &Watched) -> bool {
        let mut damaged = Vec::new();
        for key in read.keys(Key::Orphans(Uid::LEAST)..=Key::Orphans(Uid::MOST)) {
            let Key::Orphans(owner) = key else { continue };
            let waiting: Option<Waiting> = read.take_shared(key, &mut self.shared);
            let Some(mut waiting) = waiting else {
                damaged.push(owner);
                continue;
            };
            waiting.all.retain_mut(|released| {
                let Some(of) = watched.now((released.lane, released.part)) else { return false };
                let seen = released.change.snapshot().and_then(|it| it.meta().namespace.as_deref());
                if watched.leaves_out(of, seen) {
                    return false;
                }
                released.part = of.1;
                if matches!(released.change, Change::Seen(_)) {
                    let object = orphans::object_of(&released.change);
                    self.resume_object(of, object, released.facts);
                }
                true
            });
            self.orphans.resume(owner, waiting);
        }
        let is_whole = damaged.is_empty();
        damaged.into_iter().for_each(|owner| self.orphans.changed.mark(owner));
        if let Some(claims) = read.take::<Claims>(Key::Claims) {
            self.claims = claims;
        }
        if let Some(remembered) = read.take::<Remembered>(Key::Sampled) {
            self.sieve.resume(remembered);
        }
        is_whole
    }
}
