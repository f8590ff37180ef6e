//! Changes wait here and leave in order of resourceVersion (DESIGN §2).
//!
//! Lanes are independent watches and overtake one another; resourceVersions of one API server
//! count one history. So a change waits `settle_time` after its arrival, and by then everything
//! written before it has arrived as well. What was written before a change that has arrived
//! cannot have been written later than that arrival: the inlet knows this bound too.

mod kept;
mod listed;

use std::collections::{BTreeMap, VecDeque};
use std::mem;
use std::num::NonZeroU64;

pub use kept::Kept;
use listed::listed_owner;
use serde::{Deserialize, Serialize};

use super::arrivals::Arrivals;
use crate::facts::change::{Change, Snapshot};
use crate::facts::instant::{Arrival, Clock};
use crate::facts::kind::Kind;
use crate::facts::kind::{Lane, Part};
use crate::facts::meta::Uid;
use crate::facts::time::{Nanos, UnixNanos};

/// A change on its way out of the inlet.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Released {
    /// The lane that told it.
    pub lane: Lane,
    /// Which part of it.
    pub part: Part,
    /// What it told.
    pub change: Change,
    /// The hash of the facts of the version that it tells.
    pub facts: Option<NonZeroU64>,
    /// When it came, without its place in the order yet; `None` where it comes from a list, which
    /// tells nothing of when.
    pub arrival: Option<Arrival>,
    /// It comes from a list, or from a lane that has not listed yet.
    pub is_listed: bool,
    /// It came too late to be put in its place.
    pub is_late: bool,
    /// Where it stands in the order.
    pub place: Place,
}

/// What a lane told, before it has its place.
#[derive(Clone, Debug)]
pub struct Told {
    /// The lane.
    pub lane: Lane,
    /// Which part of it.
    pub part: Part,
    /// What it told.
    pub change: Change,
    /// The hash of the facts of the version that it tells.
    pub facts: Option<NonZeroU64>,
}

impl Told {
    /// It, at its place.
    #[must_use]
    pub fn released(self, arrival: Option<Arrival>, is_listed: bool, place: Place) -> Released {
        let Self { lane, part, change, facts } = self;
        Released { lane, part, change, facts, arrival, is_listed, is_late: false, place }
    }
}

impl Released {
    /// The moment that it is taken to be of, which is `at` where it tells nothing of when.
    #[must_use]
    pub fn moment_or(&self, at: UnixNanos) -> UnixNanos {
        self.arrival.map_or(at, |arrival| arrival.moment)
    }
}

/// Before every resourceVersion: where stands what tells none, when none has been told yet.
pub const BEFORE_ALL: u64 = 0;

/// Where a change stands in the order: resourceVersion, watched before listed, owners before
/// owned, what a list lacks before what it has, arrival.
pub type Place = (u64, u8, u64);

/// So many more than may wait until the first of them are released together.
const TOGETHER: usize = 64;

/// The waiting room.
#[derive(Debug)]
pub struct Inlet {
    settle_time: Nanos,
    max_waiting: usize,
    waiting: BTreeMap<Place, Released>,
    /// What is due and has not been taken yet, written before all that waits.
    ready: VecDeque<Released>,
    /// Places in order of arrival, to know what is due.
    due: VecDeque<(UnixNanos, Place)>,
    /// resourceVersions that were the largest so far when they arrived, with that arrival; both
    /// rise. Of those that arrived together the last is enough.
    stair: VecDeque<(u64, UnixNanos)>,
    /// What had arrived where this one goes on, by the API server's clock.
    stair_before: VecDeque<(u64, UnixNanos)>,
    /// How many nodes each DaemonSet wants: by the version that was taken last, and by those that have
    /// arrived since, with their moments.
    desired: BTreeMap<Uid, Vec<(u64, UnixNanos, i64)>>,
    /// Since when more wait than may.
    full_since: Option<UnixNanos>,
    /// How much of what each lane told waits, or is ready, and how much of that a list told.
    n_of: BTreeMap<(Lane, Part), (usize, usize)>,
    /// What of it lists told of objects that may own others, as long as something may need it first.
    listed_owners: BTreeMap<Uid, Place>,
    n_arrived: u64,
    /// How what waited arrived when that was stored, and has not been told again: by the
    /// resourceVersion that its lane tells of it.
    again: BTreeMap<(Lane, Part, u64), Arrival>,
    /// What arrived since that was last taken to be stored; `None` where it is not.
    arrived: Option<Arrivals>,
    /// How far this machine's clock is off: of what arrives from now on.
    pub clock: Clock,
    largest_released: Option<u64>,
    /// Changes that came after something written later had been released.
    pub n_late: u64,
    /// Changes that were released before their time because the inlet was full.
    pub n_early: u64,
}

impl Inlet {
    /// An empty inlet.
    #[must_use]
    pub fn new(settle_time: Nanos, max_waiting: usize) -> Self {
        Self {
            settle_time,
            max_waiting,
            waiting: BTreeMap::new(),
            ready: VecDeque::new(),
            due: VecDeque::new(),
            stair: VecDeque::new(),
            stair_before: VecDeque::new(),
            desired: BTreeMap::new(),
            full_since: None,
            n_of: BTreeMap::new(),
            listed_owners: BTreeMap::new(),
            n_arrived: 0,
            again: BTreeMap::new(),
            arrived: None,
            clock: Clock::default(),
            largest_released: None,
            n_late: 0,
            n_early: 0,
        }
    }

    /// A watched change, with its resourceVersion, or with none where its lane counts another
    /// history: then it takes its place by arrival.
    ///
    /// `moment` gets the bound on when it was written, and says of which moment it is taken to be. What
    /// had arrived before it was stored arrived then. Returns its moment.
    pub fn watched(
        &mut self,
        told: Told,
        version: Option<u64>,
        at: UnixNanos,
        moment: impl FnOnce(&Change, UnixNanos) -> UnixNanos,
    ) -> UnixNanos {
        let place = version.or(self.newest()).unwrap_or(BEFORE_ALL);
        let of_lane = told.change.version();
        let again = of_lane.and_then(|version| self.again.remove(&(told.lane, told.part, version)));
        let arrival = again.unwrap_or_else(|| {
            let bound = self.bound(place, at);
            let Clock { ahead, unsure, .. } = self.clock;
            Arrival { at: bound.plus(ahead), moment: moment(&told.change, bound), unsure }
        });
        if let (Some(arrived), Some(version)) = (&mut self.arrived, of_lane) {
            arrived.changes.push((told.lane, told.part, version, arrival));
        }
        if let Some(version) = version {
            self.arrived(version, at);
        }
        self.put(at, told.released(Some(arrival), false, (place, 0, 0)));
        arrival.moment
    }

    /// Something of `version` arrived at `at`: what has a smaller one was written no later.
    pub fn arrived(&mut self, version: u64, at: UnixNanos) {
        if Some(version) > self.newest() {
            if self.stair.back().is_some_and(|(_, last)| *last == at) {
                self.stair.pop_back();
            }
            self.stair.push_back((version, at));
            let at_server = self.at_server(at);
            if let Some(arrived) = &mut self.arrived {
                arrived.stair.pop_if(|(_, last)| *last == at_server);
                arrived.stair.push((version, at_server));
            }
            let old = at.minus(self.settle_time.times(4));
            while self.stair.len() > 1 && self.stair.front().is_some_and(|(_, at)| *at < old) {
                self.stair.pop_front();
            }
            let old = self.old(at);
            while self.stair_before.front().is_some_and(|(_, at)| *at < old) {
                self.stair_before.pop_front();
            }
        }
    }

    /// An object of a list that was complete at `version`, or what such a list proves gone.
    pub fn listed(&mut self, told: Told, version: u64, at: UnixNanos) {
        // What a list lacks was gone by then, and what it contains may stand in the place of that.
        let is_gone = matches!(told.change, Change::Vanished(_));
        let rank = 2 + 2 * told.lane.rank() - u8::from(is_gone);
        // Of what it contains it tells no time.
        let at_server = at.plus(self.clock.ahead);
        let arrival = Arrival { at: at_server, moment: at, unsure: self.clock.unsure };
        let arrival = is_gone.then_some(arrival);
        self.put(at, told.released(arrival, true, (version, rank, 0)));
    }

    fn put(&mut self, at: UnixNanos, mut released: Released) {
        self.n_arrived += 1;
        let (version, rank, _) = released.place;
        let moment = released.moment_or(at);
        self.look_ahead(&released.change, moment);
        if Some(version) < self.largest_released {
            self.n_late += 1;
        }
        let (n, n_listed) = self.n_of.entry((released.lane, released.part)).or_default();
        *n += 1;
        *n_listed += usize::from(released.is_listed);
        let place = (version, rank, self.n_arrived);
        released.place = place;
        self.listed_owners.extend(listed_owner(&released).map(|uid| (uid, place)));
        self.waiting.insert(place, released);
        self.due.push_back((at.plus(self.settle_time), place));
        if self.waiting.len() > self.max_waiting {
            self.full_since.get_or_insert(at);
        }
    }

    fn look_ahead(&mut self, change: &Change, moment: UnixNanos) {
        match change {
            Change::Seen(Snapshot::Workload(set)) if set.kind == Kind::DaemonSet => {
                let meta = &set.meta;
                let known = self.desired.entry(meta.uid).or_default();
                known.push((meta.resource_version, moment, set.status.desired));
                known.sort_unstable();
            }
            Change::Seen(_)
            | Change::Deleted(_)
            | Change::Unmatched(_)
            | Change::Vanished(_)
            | Change::Noted(_) => {}
        }
    }

    /// Whether of any DaemonSet is known how many nodes it wants.
    #[must_use]
    pub fn knows_desired(&self) -> bool {
        !self.desired.is_empty()
    }

    /// How many nodes a DaemonSet wants, by its newest version of until `settle_time` after `moment`:
    /// what its Pods do comes first, and a moment later its controller says of how many nodes.
    #[must_use]
    pub fn desired(&self, set: Uid, moment: UnixNanos) -> Option<i64> {
        let until = moment.plus(self.settle_time);
        let known = self.desired.get(&set)?.iter().rev().find(|(_, at, _)| *at <= until);
        known.map(|(.., desired)| *desired)
    }

    /// A change of `version` that arrives at `at` was written no later than what arrived before
    /// it with a larger one, or with the same: then it is told again.
    fn bound(&self, version: u64, at: UnixNanos) -> UnixNanos {
        if Some(version) > self.newest() {
            return at;
        }
        let first = |stair: &VecDeque<(u64, UnixNanos)>| {
            let later = stair.partition_point(|(known, _)| *known < version);
            stair.get(later).map(|(_, earlier)| *earlier)
        };
        let before = first(&self.stair_before).map(|earlier| earlier.minus(self.clock.ahead));
        before.or_else(|| first(&self.stair)).map_or(at, |earlier| at.min(earlier))
    }

    /// The largest resourceVersion that has arrived.
    #[must_use]
    pub fn newest(&self) -> Option<u64> {
        self.stair.back().or(self.stair_before.back()).map(|(version, _)| *version)
    }

    /// When the next change is due: at once where more wait than may.
    #[must_use]
    pub fn next_due(&self) -> Option<UnixNanos> {
        let due = self.due.front().map(|(due, _)| *due);
        [self.full_since, due].into_iter().flatten().min()
    }

    /// Whether many more wait than may.
    #[must_use]
    pub fn is_over_full(&self) -> bool {
        self.waiting.len() >= self.max_waiting.saturating_add(TOGETHER)
    }

    /// Whether something waits that a list told.
    #[must_use]
    pub fn has_listed(&self) -> bool {
        self.n_of.values().any(|(_, n_listed)| *n_listed > 0)
    }

    /// How many changes wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// What is due at `now`, and all that was written before it, is ready to be taken. Where more
    /// wait than may, those written first are ready too, whenever they arrived.
    pub fn release(&mut self, now: UnixNanos) {
        let mut up_to: Option<Place> = None;
        while let Some((_, place)) =
            self.due.front().filter(|(due, place)| *due <= now || !self.waiting.contains_key(place))
        {
            up_to = up_to.max(self.waiting.contains_key(place).then_some(*place));
            self.due.pop_front();
        }
        let n_before = self.ready.len();
        if let Some((version, rank, n)) = up_to {
            let rest = self.waiting.split_off(&(version, rank, n + 1));
            self.ready.extend(mem::replace(&mut self.waiting, rest).into_values());
        }
        while self.waiting.len() > self.max_waiting
            && let Some((_, released)) = self.waiting.pop_first()
        {
            self.n_early += 1;
            self.ready.push_back(released);
        }
        if n_before > 0 {
            self.ready.make_contiguous().sort_unstable_by_key(|released| released.place);
        }
        self.full_since = None;
        let last = self.ready.back().map(|released| released.place.0);
        self.largest_released = self.largest_released.max(last);
    }

    fn leaves(&mut self, released: &Released) {
        if let Some((n, n_listed)) = self.n_of.get_mut(&(released.lane, released.part)) {
            *n -= 1;
            *n_listed -= usize::from(released.is_listed);
        }
        let owner = listed_owner(released);
        let is_last = |uid: &Uid| self.listed_owners.get(uid) == Some(&released.place);
        owner.filter(is_last).map(|uid| self.listed_owners.remove(&uid));
        // What its lane had told before that is not told again.
        let told =
            (released.lane, released.part, 0)..=(released.lane, released.part, released.place.0);
        while let Some((known, _)) = self.again.range(told.clone()).next() {
            let known = *known;
            self.again.remove(&known);
        }
    }

    /// How much waits that this part of a lane told, and how much of that it told by a list.
    #[must_use]
    pub fn n_of(&self, lane: Lane, part: Part) -> (usize, usize) {
        self.n_of.get(&(lane, part)).copied().unwrap_or_default()
    }

    /// What arrives from now on is to be stored.
    pub fn store_arrivals(&mut self) {
        self.arrived.get_or_insert_default();
    }

    /// What arrived since this was last asked.
    #[must_use]
    pub fn take_arrived(&mut self) -> Arrivals {
        self.arrived.as_mut().map(mem::take).unwrap_or_default()
    }

    /// What had arrived by then may be of use no more.
    #[must_use]
    pub fn old(&self, now: UnixNanos) -> UnixNanos {
        now.minus(self.settle_time.times(4)).plus(self.clock.ahead)
    }

    /// By the API server's clock, at the latest.
    fn at_server(&self, at: UnixNanos) -> UnixNanos {
        at.plus(self.clock.ahead).plus(self.clock.unsure)
    }

    /// Takes the first that is ready.
    pub fn take_ready(&mut self) -> Option<Released> {
        let released = self.ready.pop_front()?;
        self.leaves(&released);
        match &released.change {
            Change::Deleted(gone) | Change::Unmatched(gone) => {
                self.desired.remove(&gone.meta().uid)
            }
            Change::Vanished(uid) => self.desired.remove(uid),
            Change::Seen(seen) => {
                let meta = seen.meta();
                if let Some(known) = self.desired.get_mut(&meta.uid) {
                    known.retain(|(version, ..)| *version >= meta.resource_version);
                }
                None
            }
            Change::Noted(_) => None,
        };
        Some(released)
    }

    /// Takes the first version of an object out of its order, because something that is released
    /// needs it first: its owner. If `before` says where that stands, it takes its place before it.
    pub fn take(&mut self, uid: Uid, before: Option<Place>) -> Option<Released> {
        let is_it =
            |it: &Released| matches!(&it.change, Change::Seen(seen) if seen.meta().uid == uid);
        let released = match self.ready.iter().position(is_it) {
            Some(at) => self.ready.remove(at)?,
            None => {
                let (place, _) = self.waiting.iter().find(|(_, it)| is_it(it))?;
                let place = *place;
                self.waiting.remove(&place)?
            }
        };
        self.leaves(&released);
        let place = before.unwrap_or(released.place);
        Some(Released { place, ..released })
    }
}

#[cfg(test)]
mod tests;
