//! What lanes say: lists, and changes of a watch, on their way into the inlet.

use super::Engine;
use super::behind::Reach;
use crate::facts::change::News;
use crate::facts::change::{Change, Snapshot};
use crate::facts::instant::Clock;
use crate::facts::kind::{Kind, Lane, Part};
use crate::facts::span::FinishedSpan;
use crate::facts::time::{Nanos, SECOND, UnixNanos};
use crate::order::inlet::{BEFORE_ALL, Inlet, Released};
use crate::order::relist::Relist;

/// When first lists enter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// Then.
    At(UnixNanos),
    /// When the others are in.
    Held,
}

/// What is known of a lane.
#[derive(Debug, Default)]
pub(super) struct LaneState {
    relist: Relist,
    /// The objects of the list in progress.
    list: Vec<Snapshot>,
    /// The first list, complete, until those of its owners are.
    first: Option<Vec<Snapshot>>,
    pub(super) has_listed: bool,
    /// It has told anything at all.
    has_spoken: bool,
    /// Up to when it has told all.
    pub(super) reach: Reach,
    /// The moment that its last change was of.
    moment: Option<UnixNanos>,
    /// The last resourceVersion that its watch told, or its list: a watch tells them in order.
    last_version: Option<u64>,
    /// Its resourceVersions count another history than those of the other lanes.
    is_foreign: bool,
    /// The history that its last list was of, see [`Engine::history_begins`].
    history: u32,
}

impl Engine {
    /// Takes what `lane` said at `at`, and returns what had ended by then: what was due before is
    /// decided without it.
    #[must_use]
    pub fn hear(&mut self, lane: Lane, news: News, at: UnixNanos) -> Vec<FinishedSpan> {
        self.hear_part(lane, Part::default(), news, at)
    }

    /// How far this machine's clock is off, for what is heard from now on: times that are told are
    /// the API server's, order and timers go by this machine's.
    pub fn set_clock(&mut self, clock: Clock) {
        self.inlet.clock = clock;
    }

    /// As [`Engine::hear`], for a lane that consists of several lists and watches.
    #[must_use]
    pub fn hear_part(
        &mut self,
        lane: Lane,
        part: Part,
        news: News,
        at: UnixNanos,
    ) -> Vec<FinishedSpan> {
        let ended = self.advance(at);
        self.take_in(lane, part, news, at);
        ended
    }

    fn take_in(&mut self, lane: Lane, part: Part, news: News, at: UnixNanos) {
        let until = at.plus(self.rules.settle_time);
        let state = self.lanes.entry((lane, part)).or_default();
        state.has_spoken = true;
        match news {
            News::Listed(mut snapshot) => {
                if !state.relist.is_listing() {
                    state.relist.begin();
                    state.list.clear();
                }
                let facts = snapshot.facts();
                state.relist.seen(snapshot.meta().uid, facts);
                state.list.push(snapshot);
            }
            News::ListDone(version) => self.list_done(lane, part, version, at, until),
            News::Found(mut snapshot) => {
                let facts = snapshot.facts();
                let version = snapshot.meta().resource_version;
                state.relist.seen(snapshot.meta().uid, facts);
                self.inlet.listed(lane, version, Change::Seen(snapshot), at);
            }
            News::Closed => {
                let was_empty = !state.relist.has_any();
                state.reach.breaks_off(at, was_empty, &mut self.none_behind_from);
                state.relist.abandon();
                state.list.clear();
            }
            News::Bookmark => state.reach.goes_on(until, false, &mut self.none_behind_from),
            News::Watched(mut change) => {
                state.reach.goes_on(until, false, &mut self.none_behind_from);
                let version = change.version();
                if version.is_some() && version <= state.last_version {
                    // A watch that was resumed tells again what it had told.
                    self.counts.untraced.stale += 1;
                    return;
                }
                state.last_version = version.or(state.last_version);
                let is_news = match &mut change {
                    Change::Seen(snapshot) => {
                        let facts = snapshot.facts();
                        state.relist.seen(snapshot.meta().uid, facts)
                    }
                    Change::Deleted(snapshot) | Change::Unmatched(snapshot) => {
                        state.relist.deleted(snapshot.meta().uid);
                        true
                    }
                    Change::Vanished(_) | Change::Noted(_) => true,
                };
                let version = version.filter(|_| !state.is_foreign);
                if is_news {
                    let ahead = self.inlet.clock.ahead;
                    self.inlet.watched(lane, version, change, at, |change, bound| {
                        let moment = state.moment_of(change, bound, at, ahead);
                        if moment.plus(SECOND) < at {
                            state.reach.tells_of_before(at, until, &mut self.none_behind_from);
                        }
                        moment
                    });
                } else {
                    self.counts.untraced.unchanged += 1;
                    version.into_iter().for_each(|version| self.inlet.arrived(version, at));
                }
            }
        }
    }

    /// A list shows what is written when it is read, so one that is older than what its lane has
    /// told is of another history: etcd was restored from a backup, or another recording begins.
    /// What waits was written before it. Of the lists that follow those of the other lanes are of
    /// the same new history.
    fn history_begins(&mut self) {
        self.history += 1;
        self.is_new_history = true;
        self.reference = None;
        self.inlet.release(UnixNanos(i64::MAX));
        while let Some(released) = self.inlet.take_ready() {
            self.before.push(released);
        }
        let (n_late, n_early) = (self.inlet.n_late, self.inlet.n_early);
        let clock = self.inlet.clock;
        self.inlet = Inlet::new(self.rules.settle_time, self.max_waiting);
        self.inlet.clock = clock;
        (self.inlet.n_late, self.inlet.n_early) = (n_late, n_early);
    }

    /// A list is complete; what was written while it was read is in by `until`.
    fn list_done(
        &mut self,
        lane: Lane,
        part: Part,
        version: Option<u64>,
        at: UnixNanos,
        until: UnixNanos,
    ) {
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
        if std::mem::replace(&mut state.history, history) == history {
            state.last_version = state.last_version.max(version);
        } else {
            state.last_version = version;
        }
        state.reach.goes_on(until, true, &mut self.none_behind_from);
        if !state.relist.is_listing() {
            state.relist.begin();
        }
        let gone = state.relist.finish();
        let list = std::mem::take(&mut state.list);
        let is_first = !std::mem::replace(&mut state.has_listed, true);
        if is_first && !self.have_lists_entered {
            state.first = Some(list);
            self.first_list = self.first_list.or(Some(at));
            return;
        }
        // A list that does not say its resourceVersion is as old as what was last heard.
        let newest = list.iter().map(|it| it.meta().resource_version).max();
        let version = version.or(self.inlet.newest()).max(newest).unwrap_or(BEFORE_ALL);
        for snapshot in list {
            self.inlet.listed(lane, version, Change::Seen(snapshot), at);
        }
        for uid in gone {
            self.inlet.listed(lane, version, Change::Vanished(uid), at);
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
        let mut lists: Vec<_> = lists
            .filter_map(|((lane, _), state)| state.first.take().map(|list| (*lane, list)))
            .collect();
        // `Lane` sorts owners first, but for custom resources.
        let place = |lane| self.custom_kinds.iter().position(|(known, _)| *known == lane);
        lists.sort_by_key(|(lane, _)| place(*lane).unwrap_or(usize::MAX));
        for (lane, list) in lists {
            for snapshot in list {
                let version = snapshot.meta().resource_version;
                let has_owner = self.has_known_owner(&snapshot);
                let change = Change::Seen(snapshot);
                if has_owner {
                    let place = (version, 1 + lane.rank(), 0);
                    let (arrival, is_listed, is_late) = (None, true, false);
                    self.release(
                        Released { lane, change, arrival, is_listed, is_late, place },
                        out,
                    );
                } else {
                    // Its owner may be younger than the list of that kind: then the watch tells.
                    self.inlet.listed(lane, version, change, now);
                }
            }
        }
        self.judge(out);
    }

    /// The kind of the objects of a lane.
    pub(super) fn kind_of(&self, lane: Lane) -> Option<Kind> {
        let custom = self.custom_kinds.iter().find(|(known, _)| *known == lane);
        lane.kind().or_else(|| custom.map(|(_, kind)| kind.clone()))
    }

    /// Whether objects of `kind` reach the core. Of a recording it is not known beforehand which
    /// custom resources were watched: those that it tells of.
    pub(super) fn is_watched(&self, kind: &Kind) -> bool {
        let lane = if matches!(kind, Kind::Other(_)) {
            self.custom_kinds.iter().find(|(_, known)| known == kind).map(|(lane, _)| *lane)
        } else {
            Lane::ALL.into_iter().find(|lane| lane.kind().as_ref() == Some(kind))
        };
        let Some(lane) = lane else { return false };
        if self.waits_for.is_empty() {
            return !matches!(lane, Lane::Custom(_)) || self.has_spoken(lane);
        }
        self.waits_for.iter().any(|(of, _)| *of == lane)
    }

    /// The lane has told anything at all.
    fn has_spoken(&self, lane: Lane) -> bool {
        self.lanes.iter().any(|((of, _), state)| *of == lane && state.has_spoken)
    }

    /// Nothing that is watched owns it, or its owner is tracked.
    fn has_known_owner(&self, snapshot: &Snapshot) -> bool {
        let meta = snapshot.meta();
        let owner = meta.owner.as_ref();
        let watched = owner.filter(|owner| self.is_watched(&owner.kind) && owner.uid != meta.uid);
        watched.is_none_or(|owner| self.store.top_of(owner.uid).is_some())
    }
}

impl LaneState {
    /// The moment that a change is taken to be of, which arrived at `at` and was written no later than
    /// `bound`: what came late tells of it by the newest time that stands on the object, never before
    /// what its lane told before.
    fn moment_of(
        &mut self,
        change: &Change,
        bound: UnixNanos,
        at: UnixNanos,
        ahead: Nanos,
    ) -> UnixNanos {
        let is_resumed = self.reach.catches_up(at);
        let is_late = bound.plus(SECOND) < at;
        let mut moment = bound;
        if (is_resumed || is_late)
            && let Some(newest) = change.newest_time()
        {
            moment = moment.min(newest.minus(ahead));
        }
        moment = self.moment.map_or(moment, |before| moment.max(before));
        self.moment = Some(moment);
        moment
    }
}

/// Whether a resourceVersion counts another history than `known`, which was read `apart` earlier
/// or later: an API server writes some thousand versions a second at most.
fn is_foreign(version: u64, known: u64, apart: Nanos) -> bool {
    let seconds = apart.0.unsigned_abs() / 1_000_000_000;
    version.abs_diff(known) > 20_000_u64.saturating_mul(seconds.saturating_add(1))
}
