//! What lanes say, on its way into the inlet.

mod kept;

use std::num::NonZeroU64;

pub(super) use kept::Kept;

use super::Engine;
use super::behind::Reach;
use crate::facts::change::News;
use crate::facts::change::{Change, Snapshot};
use crate::facts::kind::{Kind, Lane, Part};
use crate::facts::span::FinishedSpan;
use crate::facts::time::{Nanos, SECOND, UnixNanos};
use crate::order::inlet::Told;
use crate::order::relist::Relist;

/// What is known of a lane.
#[derive(Debug, Default)]
pub(super) struct LaneState {
    pub(super) relist: Relist,
    /// The objects of the list in progress, and the hashes of their facts.
    pub(super) list: Vec<(Snapshot, Option<NonZeroU64>)>,
    /// The first list, complete, until those of its owners are.
    pub(super) first: Option<Vec<(Snapshot, Option<NonZeroU64>)>>,
    pub(super) has_listed: bool,
    /// It has listed again: what is told first by that came to be while nobody watched.
    pub(super) has_relisted: bool,
    /// It has told anything at all.
    has_spoken: bool,
    /// Up to when it has told all.
    pub(super) reach: Reach,
    /// The moment that its last change was of.
    moment: Option<UnixNanos>,
    /// The last resourceVersion that its watch told, or its list: a watch tells them in order.
    pub(super) last_version: Option<u64>,
    /// That of its last list.
    pub(super) listed: Option<u64>,
    /// The last one that its watch told and that was taken out of the inlet.
    pub(super) released: Option<u64>,
    /// Up to here its watch has told all, by its own word.
    pub(super) bookmark: Option<u64>,
    /// Another process knew objects of it that are not known any more, or left out some that are not now.
    pub(super) must_list: bool,
    /// Its resourceVersions count another history than those of the other lanes.
    pub(super) is_foreign: bool,
    /// The history that its last list was of, see [`Engine::history_begins`].
    pub(super) history: u32,
}

impl Engine {
    /// Takes what `lane` said at `at`, and returns what had ended by then: what was due before is
    /// decided without it.
    #[must_use]
    pub fn hear(&mut self, lane: Lane, news: News, at: UnixNanos) -> Vec<FinishedSpan> {
        self.hear_part(lane, Part::default(), news, at)
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
        let at = self.own(at);
        // What is heard together, as a burst is, is released together.
        let is_later = at > self.now || self.inlet.is_over_full();
        let mut ended = if is_later { self.pass(at) } else { Vec::new() };
        let mut out = Vec::new();
        self.take_in(lane, part, news, at, &mut out);
        if !out.is_empty() {
            ended.extend(self.hand_on(out));
        }
        ended
    }

    fn take_in(
        &mut self,
        lane: Lane,
        part: Part,
        news: News,
        at: UnixNanos,
        out: &mut Vec<FinishedSpan>,
    ) {
        let until = at.plus(self.rules.settle_time);
        let is_stored = self.stores_changes();
        let state = self.lanes.entry((lane, part)).or_default();
        state.has_spoken = true;
        if is_stored {
            state.relist.keep_held();
        }
        match news {
            News::Listed(snapshot) => self.listed(lane, part, snapshot, out),
            News::ListDone(version) => self.list_done(lane, part, version, at, out),
            News::Found(mut snapshot) => {
                let facts = snapshot.facts();
                let version = snapshot.meta().resource_version;
                state.relist.seen(snapshot.meta().uid, facts);
                let (change, facts) = (Change::Seen(snapshot), NonZeroU64::new(facts));
                self.is_told = true;
                self.inlet.listed(Told { lane, part, change, facts }, version, at);
            }
            News::Closed => {
                let was_empty = !state.relist.has_any();
                state.reach.breaks_off(at, was_empty, &mut self.none_behind_from);
                state.relist.abandon();
                state.list.clear();
            }
            News::Bookmark(version) => {
                state.reach.goes_on(until, false, &mut self.none_behind_from);
                state.bookmark = version.max(state.bookmark);
            }
            News::Watched(mut change) => {
                state.reach.goes_on(until, false, &mut self.none_behind_from);
                let version = change.version();
                if version.is_some() && version <= state.last_version {
                    // A watch that was resumed tells again what it had told.
                    self.counts.untraced.stale += 1;
                    return;
                }
                state.last_version = version.or(state.last_version);
                let (is_news, facts) = state.take_note(&mut change);
                let version = version.filter(|_| !state.is_foreign);
                if is_news {
                    self.is_told = true;
                    let ahead = self.inlet.clock.ahead;
                    let told = Told { lane, part, change, facts };
                    let moment = self.inlet.watched(told, version, at, |change, bound| {
                        state.moment_of(change, bound, at, ahead)
                    });
                    if moment.plus(SECOND) < at {
                        state.reach.tells_of_before(at, until, &mut self.none_behind_from);
                    }
                } else {
                    self.counts.untraced.unchanged += 1;
                    // It bounds when that was written which still waits.
                    self.is_told |= !self.inlet.is_empty();
                    version.into_iter().for_each(|version| self.inlet.arrived(version, at));
                }
            }
        }
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
    pub(super) fn has_spoken(&self, lane: Lane) -> bool {
        self.any_part(lane, |state| state.has_spoken)
    }

    /// What a list of the lane tells that is new came to be while nobody watched.
    pub(super) fn has_relisted(&self, lane: Lane) -> bool {
        self.any_part(lane, |state| state.has_relisted)
    }

    /// So it is with any part of a lane.
    pub(super) fn any_part(&self, lane: Lane, is: impl Fn(&LaneState) -> bool) -> bool {
        self.lanes.iter().any(|((of, _), state)| *of == lane && is(state))
    }

    /// Nothing that is watched owns it, or its owner is tracked.
    pub(super) fn has_known_owner(&self, snapshot: &Snapshot) -> bool {
        let meta = snapshot.meta();
        let owner = meta.owner.as_ref();
        let watched = owner.filter(|owner| self.is_watched(&owner.kind) && owner.uid != meta.uid);
        watched.is_none_or(|owner| self.store.top_of(owner.uid).is_some())
    }
}

impl LaneState {
    /// Takes note of what its watch tells: whether it is news, and the hash of its facts.
    fn take_note(&mut self, change: &mut Change) -> (bool, Option<NonZeroU64>) {
        match change {
            Change::Seen(snapshot) => {
                let facts = snapshot.facts();
                let is_news = self.relist.seen(snapshot.meta().uid, facts);
                (is_news, NonZeroU64::new(facts))
            }
            Change::Deleted(snapshot) | Change::Unmatched(snapshot) => {
                self.relist.deleted(snapshot.meta().uid);
                (true, None)
            }
            Change::Vanished(_) | Change::Noted(_) => (true, None),
        }
    }

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
