//! What is stored of a lane, and how it goes on.

use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

use super::LaneState;
use crate::engine::Engine;
use crate::facts::kind::{Lane, Part};
use crate::facts::meta::Uid;
use crate::facts::time::UnixNanos;
use crate::order::inlet::Released;

/// What is stored of a lane. Its objects are stored with their trees.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::engine) struct Kept {
    /// What is listed and watched.
    target: u64,
    /// Where its watch goes on: all before has been taken out of the inlet. `None` where it must
    /// list.
    version: Option<u64>,
    has_listed: bool,
    has_spoken: bool,
    moment: Option<UnixNanos>,
    is_foreign: bool,
    /// Since when it has told less than was written.
    behind: Option<UnixNanos>,
}

impl Kept {
    /// Whether its watch tells a version again where it goes on.
    pub(in crate::engine) fn tells_again(&self, version: u64) -> bool {
        self.version.is_some_and(|from| from < version)
    }
}

impl Engine {
    /// Where the watch of a lane goes on, if it does without a list.
    #[must_use]
    pub fn resumes_at(&self, lane: Lane, part: Part) -> Option<u64> {
        self.version_of(lane, part, self.lanes.get(&(lane, part))?)
    }

    fn version_of(&self, lane: Lane, part: Part, state: &LaneState) -> Option<u64> {
        let is_known = state.has_listed
            && state.first.is_none()
            && state.history == self.history
            && !state.must_list;
        let version = match self.inlet.n_of(lane, part) {
            (0, _) => state.last_version.max(state.bookmark),
            (_, 0) => state.released.max(state.listed),
            _ => state.released,
        };
        version.filter(|_| is_known)
    }

    /// What a watch told is taken out of the inlet, in the order in which it told it.
    pub(in crate::engine) fn take_out(&mut self, released: &Released) {
        let state = self.lanes.get_mut(&(released.lane, released.part));
        if let Some(state) = state.filter(|_| !released.is_listed) {
            state.released = state.released.max(released.change.version());
        }
    }

    /// What is to be stored of all lanes.
    pub(in crate::engine) fn kept_lanes(&self) -> Vec<(Lane, Part, Kept)> {
        let kept = |((lane, part), state): (&(Lane, Part), &LaneState)| {
            let kept = Kept {
                target: self.target(*lane, *part),
                version: self.version_of(*lane, *part, state),
                has_listed: state.has_listed && state.first.is_none(),
                has_spoken: state.has_spoken,
                moment: state.moment,
                is_foreign: state.is_foreign,
                behind: state.reach.since(self.now),
            };
            (*lane, *part, kept)
        };
        self.lanes.iter().filter(|(_, state)| state.has_spoken).map(kept).collect()
    }

    /// The part of a lane that lists and watches what was stored, if any does.
    pub(in crate::engine) fn part_of(&self, lane: Lane, part: Part, kept: &Kept) -> Option<Part> {
        if self.waits_for.is_empty() {
            return Some(part);
        }
        let parts = self.waits_for.iter().filter(|(of, _)| *of == lane).map(|(_, part)| *part);
        parts.into_iter().find(|part| self.target(lane, *part) == kept.target)
    }

    fn target(&self, lane: Lane, part: Part) -> u64 {
        self.targets.get(&(lane, part)).copied().unwrap_or_default()
    }

    /// A lane goes on at `at` as it was stored at `since`, if it is still watched.
    pub(in crate::engine) fn resume_lane(
        &mut self,
        (lane, part, kept): (Lane, Part, Kept),
        since: UnixNanos,
        at: UnixNanos,
    ) {
        let history = self.history;
        let state = self.lanes.entry((lane, part)).or_default();
        let Kept { version, has_listed, has_spoken, moment, is_foreign, behind, .. } = kept;
        (state.has_listed, state.has_spoken) = (has_listed, has_spoken);
        (state.moment, state.is_foreign, state.history) = (moment, is_foreign, history);
        (state.last_version, state.released) = (version, version);
        if has_listed {
            let was_empty = !state.relist.has_any();
            let since = behind.map_or(since, |behind| behind.min(since));
            state.reach.resumes(since, at, was_empty, &mut self.none_behind_from);
        }
    }

    /// All lanes have to list: it is not known of which objects they do not tell.
    pub(in crate::engine) fn list_anew(&mut self) {
        self.lanes.values_mut().for_each(|state| state.must_list = true);
    }

    /// An object of a lane was there when that was stored.
    pub(in crate::engine) fn resume_object(
        &mut self,
        of: (Lane, Part),
        uid: Uid,
        held: Option<NonZeroU64>,
    ) {
        self.lanes.entry(of).or_default().relist.resume(uid, held);
    }

    /// An object of a lane was there once, and was gone when that was stored.
    pub(in crate::engine) fn forget_object(&mut self, of: (Lane, Part), uid: Uid) {
        let relist = &mut self.lanes.entry(of).or_default().relist;
        relist.deleted(uid);
        relist.left(uid);
    }

    /// The part of `lane` in which an object is known, with the facts of the version that was last taken
    /// out of the inlet.
    pub(in crate::engine) fn held(
        &self,
        lane: Lane,
        uid: Uid,
    ) -> Option<((Lane, Part), Option<NonZeroU64>)> {
        let mut parts = self.lanes.range((lane, Part::MIN)..=(lane, Part::MAX));
        parts.find_map(|(of, state)| Some((*of, state.relist.held(uid)?)))
    }
}
