//! Lists on their way into the trees: first lists enter owners first, later ones tell what is news, and
//! what is gone.

use std::num::NonZeroU64;

use super::Engine;
use crate::facts::change::{Change, Snapshot};
use crate::facts::kind::{Lane, Part};
use crate::facts::meta::Uid;
use crate::facts::span::FinishedSpan;
use crate::facts::time::{Nanos, UnixNanos};
use crate::lifecycle::turn::Seen;
use crate::order::inlet::{BEFORE_ALL, Inlet, Told};

/// When first lists enter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// Then.
    At(UnixNanos),
    /// When the others are in.
    Held,
}

impl Engine {
    /// A list shows what is written when it is read, so one that is older than what its lane has
    /// told is of another history: etcd was restored from a backup, or another recording begins.
    /// What waits was written before it. Of the lists that follow those of the other lanes are of
    /// the same new history.
    fn history_begins(&mut self) {
        self.history += 1;
        self.is_new_history = true;
        self.reference = None;
        self.unheard.forget_versions();
        self.inlet.release(UnixNanos(i64::MAX));
        while let Some(released) = self.inlet.take_ready() {
            self.before.push(released);
        }
        let (n_late, n_early) = (self.inlet.n_late, self.inlet.n_early);
        let clock = self.inlet.clock;
        self.inlet = Inlet::new(self.rules.settle_time, self.max_waiting);
        self.inlet.clock = clock;
        self.arrived.forget();
        if self.stores_changes() {
            self.inlet.store_arrivals();
        }
        self.lanes.values_mut().for_each(|state| {
            (state.released, state.listed) = (None, None);
            state.bookmark = None;
        });
        (self.inlet.n_late, self.inlet.n_early) = (n_late, n_early);
    }

    /// An object of a list: of one that is not the first only what is news is kept until it is complete.
    pub(super) fn listed(
        &mut self,
        lane: Lane,
        part: Part,
        mut snapshot: Snapshot,
        out: &mut Vec<FinishedSpan>,
    ) {
        let enters = self.first_lists_enter() && self.has_known_owner(&snapshot);
        let state = self.lanes.entry((lane, part)).or_default();
        if !state.relist.is_listing() {
            state.relist.begin();
            state.list.clear();
        }
        let (uid, facts) = (snapshot.meta().uid, snapshot.facts());
        if !enters || state.has_listed {
            if state.relist.listed(uid, facts) || !state.has_listed {
                state.list.push((snapshot, NonZeroU64::new(facts)));
            }
            return;
        }
        let is_news = state.relist.enters(uid, facts);
        let is_known = self.store.top_of(uid).is_some();
        if is_known && is_news {
            self.unlist(uid, out);
        }
        if is_news || !is_known {
            self.enter_listed((lane, part), snapshot, NonZeroU64::new(facts), out);
        }
    }

    /// Whether objects of first lists enter as they come, those of owners first: so it is where it is
    /// known which lists there will be. Nothing is judged before all are in.
    pub(super) fn first_lists_enter(&self) -> bool {
        !self.waits_for.is_empty() && !self.have_lists_entered
    }

    /// A list that broke off told of an object that is another by now, or gone: it is as if that had
    /// not been told.
    fn unlist(&mut self, uid: Uid, out: &mut Vec<FinishedSpan>) {
        let Some(top) = self.store.top_of(uid) else { return };
        self.not_again(out, |engine, out| {
            engine.change(top, Seen::NOTHING, out, |tree, _| tree.unlist(uid));
        });
    }

    /// An object of a first list enters.
    fn enter_listed(
        &mut self,
        (lane, part): (Lane, Part),
        snapshot: Snapshot,
        facts: Option<NonZeroU64>,
        out: &mut Vec<FinishedSpan>,
    ) {
        let place = (snapshot.meta().resource_version, 1 + lane.rank(), 0);
        let told = Told { lane, part, change: Change::Seen(snapshot), facts };
        self.release(told.released(None, true, place), out);
    }

    /// A list is complete; what was written while it was read is in `settle_time` later.
    pub(super) fn list_done(
        &mut self,
        lane: Lane,
        part: Part,
        version: Option<u64>,
        at: UnixNanos,
        out: &mut Vec<FinishedSpan>,
    ) {
        let until = at.plus(self.rules.settle_time);
        let state = self.lanes.entry((lane, part)).or_default();
        let is_older = lane.has_lives() && version.is_some() && version < state.last_version;
        if is_older && state.history == self.history {
            self.history_begins();
        }
        let history = self.history;
        if lane.has_lives() && self.reference.is_none() {
            self.reference = version.map(|version| (version, at));
        }
        let Some(state) = self.lanes.get_mut(&(lane, part)) else { return };
        if let (Some(version), Some((known, known_at))) = (version, self.reference)
            && !lane.has_lives()
        {
            state.is_foreign = is_foreign(version, known, at.since(known_at));
        }
        let before = state.last_version;
        if std::mem::replace(&mut state.history, history) == history {
            state.last_version = state.last_version.max(version);
        } else {
            state.last_version = version;
        }
        let since = state.reach.unheard_since(at);
        state.reach.goes_on(until, true, &mut self.none_behind_from);
        if !state.relist.is_listing() {
            state.relist.begin();
        }
        let gone = state.relist.finish();
        let list = std::mem::take(&mut state.list);
        for (snapshot, facts) in &list {
            state.relist.seen(snapshot.meta().uid, facts.map_or(0, NonZeroU64::get));
        }
        (state.must_list, state.listed) = (false, version);
        self.is_told = true;
        let is_first = !std::mem::replace(&mut state.has_listed, true);
        state.has_relisted |= !is_first;
        if is_first && !self.have_lists_entered {
            state.first = Some(list);
            self.first_list = self.first_list.or(Some(at));
            if self.first_lists_enter() {
                for uid in gone {
                    self.unlist(uid, out);
                    self.store.leave(uid);
                }
            }
            return;
        }
        if lane.has_lives() && (version.is_none() || version != before) {
            self.was_unheard(lane, since, at);
        }
        // A list that does not say its resourceVersion is as old as what was last heard.
        let newest = list.iter().map(|(it, _)| it.meta().resource_version).max();
        let version = version.or(self.inlet.newest()).max(newest).unwrap_or(BEFORE_ALL);
        if let Some(before) = before.filter(|_| lane.has_lives())
            && !(list.is_empty() && gone.is_empty())
        {
            self.unheard.widen(before, version);
        }
        for (snapshot, facts) in list {
            let change = Change::Seen(snapshot);
            self.inlet.listed(Told { lane, part, change, facts }, version, at);
        }
        for uid in gone {
            let change = Change::Vanished(uid);
            self.inlet.listed(Told { lane, part, change, facts: None }, version, at);
        }
    }

    /// When the first lists enter; `None` where there are none that wait.
    pub(super) fn lists_enter(&self) -> Option<Entry> {
        let first = self.first_list?;
        let is_awaited = |part: &(Lane, Part)| {
            // ReplicationControllers are rare enough that recordings leave them out.
            let is_any = self.waits_for.is_empty()
                && part.1 == Part::default()
                && (part.0 != Lane::ReplicationControllers || self.has_spoken(part.0));
            part.0.has_lives() && (is_any || self.waits_for.contains(part))
        };
        let mut missing = self
            .lanes
            .iter()
            .filter(|(part, state)| is_awaited(part) && !state.has_listed)
            .map(|(_, state)| state.reach.is_away);
        Some(match missing.next() {
            None => Entry::At(first),
            Some(_) if self.waits_for.is_empty() => Entry::At(first.plus(self.rules.settle_time)),
            Some(true) if missing.all(|is_away| is_away) => Entry::At(first),
            Some(_) if self.inlet.len() > self.max_waiting => Entry::At(first),
            Some(_) => Entry::Held,
        })
    }

    /// First lists enter at once, owners first, when those of all owners are in; the wait for a
    /// lane that does not list is bounded.
    pub(super) fn enter_lists(&mut self, now: UnixNanos, out: &mut Vec<FinishedSpan>) {
        match self.lists_enter() {
            Some(Entry::At(due)) if due <= now => {}
            Some(Entry::At(_) | Entry::Held) | None => return,
        }
        self.first_list = None;
        self.have_lists_entered = true;
        let lists = self.lanes.iter_mut();
        let mut lists: Vec<_> =
            lists.filter_map(|(of, state)| state.first.take().map(|list| (*of, list))).collect();
        // `Lane` sorts owners first, but for custom resources.
        let place = |lane| self.custom_kinds.iter().position(|(known, _)| *known == lane);
        lists.sort_by_key(|((lane, _), _)| place(*lane).unwrap_or(usize::MAX));
        let all = lists.into_iter().flat_map(|(of, list)| list.into_iter().map(move |it| (of, it)));
        let mut all: Vec<_> = all.collect();
        // Which custom resource owns which is known by their objects alone.
        let mut n_before = usize::MAX;
        while all.len() < n_before {
            n_before = all.len();
            for (of, (snapshot, facts)) in std::mem::take(&mut all) {
                if self.has_known_owner(&snapshot) {
                    self.enter_listed(of, snapshot, facts, out);
                } else {
                    all.push((of, (snapshot, facts)));
                }
            }
        }
        for ((lane, part), (snapshot, facts)) in all {
            // Its owner may be younger than the list of that kind: then the watch tells.
            let version = snapshot.meta().resource_version;
            let change = Change::Seen(snapshot);
            self.inlet.listed(Told { lane, part, change, facts }, version, now);
        }
        self.judge(out);
    }
}

/// Whether a resourceVersion counts another history than `known`, which was read `apart` earlier
/// or later: an API server writes some thousand versions a second at most.
fn is_foreign(version: u64, known: u64, apart: Nanos) -> bool {
    let seconds = apart.0.unsigned_abs() / 1_000_000_000;
    version.abs_diff(known) > 20_000_u64.saturating_mul(seconds.saturating_add(1))
}
