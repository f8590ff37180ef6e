//! What is in progress, for showing.

use super::Tree;
use crate::facts::instant::Evidence;
use crate::facts::span::Outcome;
use crate::facts::time::{Nanos, UnixNanos};
use crate::lifecycle::closed::{Closed, Departed};
use crate::lifecycle::pod::Pod;
use crate::lifecycle::transition::Closing;

impl Tree {
    /// When the transition began that is open.
    #[must_use]
    pub fn began(&self) -> Option<UnixNanos> {
        self.open_ref().map(|open| open.start.instant(Nanos(0)).best)
    }

    /// When that ended which waits for its hold.
    #[must_use]
    pub fn held_since(&self) -> Option<UnixNanos> {
        Some(self.pending.as_deref()?.closed.as_deref()?.end.instant(Nanos(0)).best)
    }

    /// What would leave if the hold were over; `None` if none is waited for. For showing.
    #[must_use]
    pub fn settling(&self) -> Option<Closed> {
        let mut pending = self.pending.as_deref()?.clone();
        let closing = pending.closed.take()?;
        Some(self.closed(pending, *closing))
    }

    /// What is open at `now`, as if it ended then: for showing.
    #[must_use]
    pub fn as_of(&self, now: UnixNanos) -> Option<Closed> {
        let open = self.open_ref()?;
        let closing = Closing {
            outcome: Outcome::Unfinished,
            end: Evidence::event(now, u64::MAX),
            declared: None,
            is_settled: false,
            hold_until: None,
            is_unstable: false,
            is_cut: false,
        };
        Some(self.closed(open.clone(), closing))
    }

    /// The Pods that are still going, or debugged, after their transition has left: for showing.
    pub fn outliving(&self) -> impl Iterator<Item = Departed> {
        let has_left = |pod: &Pod| {
            let is_going = pod.end().is_some_and(|end| end.has_left);
            is_going || pod.debuggers().iter().any(|debugger| debugger.has_left)
        };
        let left = self.pods.all().iter().filter(move |(_, pod)| has_left(pod));
        left.map(|(uid, pod)| self.departed(*uid, pod))
    }
}
