//! What a tree counts of a Pod, and what a version of it takes away.

use super::{Pod, deletion_request, finish, is_finished, lower_bound};
use crate::facts::instant::{Evidence, Heard};
use crate::facts::pod::PodSnapshot;

/// What a tree counts of its Pods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Neither going nor finished.
    pub present: i64,
    /// Of these, Ready with all containers running.
    pub ready: i64,
    /// All but those that go and have finished: until then no other takes their place.
    pub placed: i64,
}

impl Tally {
    /// `self` with one Pod's share taken away and its new share added.
    #[must_use]
    pub fn replacing(self, old: Self, new: Self) -> Self {
        Self {
            present: self.present - old.present + new.present,
            ready: self.ready - old.ready + new.ready,
            placed: self.placed - old.placed + new.placed,
        }
    }
}

/// How a Pod that was wanted is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Loss {
    /// Going, or finished: one Pod fewer.
    Gone(Evidence),
    /// A container of it exited.
    Exited(Evidence),
    /// A complete list no longer contained it.
    Vanished(Evidence),
}

impl Loss {
    /// When.
    #[must_use]
    pub const fn at(&self) -> Evidence {
        let (Self::Gone(at) | Self::Exited(at) | Self::Vanished(at)) = self;
        *at
    }

    /// The second that names it as a cause: the object time of it. Of what vanished none is known:
    /// the second of its creation may name another cause already.
    #[must_use]
    pub fn second(&self) -> i64 {
        let at = self.at();
        let listed = at.heard.arrival.filter(|_| matches!(self, Self::Vanished(_)));
        listed.map_or(at.lo, |listed| listed.at).seconds()
    }
}

impl Pod {
    /// Its share of the tally.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let present = !self.is_going && !self.is_finished;
        let runs = !self.containers.iter().any(|known| known.has_exited);
        Tally {
            present: i64::from(present),
            ready: i64::from(present && self.is_ready && runs),
            placed: i64::from(!(self.is_going && self.is_finished)),
        }
    }

    /// What a new version of it takes away, before it is applied.
    #[must_use]
    pub fn loss(&self, new: &PodSnapshot, heard: Heard) -> Option<Loss> {
        if self.is_going || self.is_finished {
            return None;
        }
        if new.meta.deletion.is_some() {
            return Some(Loss::Gone(deletion_request(new, heard)));
        }
        if is_finished(new) {
            return Some(Loss::Gone(finish(new, heard)));
        }
        if !self.restarts_always {
            return None;
        }
        let exits = new.containers.iter().filter_map(|container| {
            let exit = self.new_exit(container)?;
            Some(Evidence::object_or(exit.finished, lower_bound(new), heard))
        });
        exits.min_by_key(|at| at.lo).map(Loss::Exited)
    }
}
