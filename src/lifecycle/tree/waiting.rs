//! What few trees have: what was written and waits to be told with what comes next.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::reconcile::Reconciled;
use crate::facts::span::Link;
use crate::facts::stamp::Stamp;
use crate::facts::time::UnixNanos;
use crate::lifecycle::transition::GoalChange;

/// What waits for what comes next.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Waiting {
    /// Stamps that were written without a spec change, and when.
    pub(super) stamps: Vec<(Stamp, UnixNanos)>,
    /// What was written to a paused workload, for the `resume`.
    pub(super) while_paused: Vec<(GoalChange, Vec<Stamp>)>,
    /// Stamps of what waited for too long, for the `resume`.
    pub(super) taken_over: Vec<Link>,
    /// Writes below while nothing was open.
    pub(super) writes_below: Reconciled,
}

impl Waiting {
    /// A transition opens, which tells all; returns what a `resume` takes over.
    pub(super) fn opens(&mut self) -> Vec<Link> {
        self.writes_below.tell_all();
        std::mem::take(&mut self.taken_over)
    }

    fn is_empty(&self) -> bool {
        let Self { stamps, while_paused, taken_over, writes_below } = self;
        stamps.is_empty()
            && while_paused.is_empty()
            && taken_over.is_empty()
            && writes_below.is_empty()
    }
}

/// Nothing where it is empty, which is stored as any other.
#[derive(Clone, Debug, Default)]
pub(super) struct MayWait(Option<Box<Waiting>>);

impl MayWait {
    /// It, if anything waits.
    pub(super) fn get(&self) -> Option<&Waiting> {
        self.0.as_deref()
    }

    /// It, to be changed.
    pub(super) fn change<T>(&mut self, change: impl FnOnce(&mut Waiting) -> T) -> T {
        let mut new = Waiting::default();
        let changed = change(self.0.as_deref_mut().unwrap_or(&mut new));
        if !new.is_empty() {
            self.0 = Some(Box::new(new));
        }
        self.0.take_if(|waiting| waiting.is_empty());
        changed
    }
}

impl Serialize for MayWait {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.as_deref().unwrap_or(&Waiting::default()).serialize(to)
    }
}

impl<'a> Deserialize<'a> for MayWait {
    fn deserialize<D: Deserializer<'a>>(from: D) -> Result<Self, D::Error> {
        let waiting = Waiting::deserialize(from)?;
        Ok(Self(Some(Box::new(waiting)).filter(|waiting| !waiting.is_empty())))
    }
}
