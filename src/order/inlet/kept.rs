//! What is stored of an inlet, and how it goes on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Inlet;
use crate::facts::meta::Uid;
use crate::facts::time::UnixNanos;
use crate::order::arrivals::Arrivals;

/// What is stored of an inlet, beside what arrived.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Kept {
    /// The largest resourceVersion, and when it arrived by the API server's clock.
    newest: Option<(u64, UnixNanos)>,
    desired: BTreeMap<Uid, Vec<(u64, UnixNanos, i64)>>,
    n_arrived: u64,
    largest_released: Option<u64>,
}

impl Inlet {
    /// What is to be stored of it: of what waits only how it arrived, for that is told again.
    #[must_use]
    pub fn kept(&self) -> Kept {
        let here = self.stair.back().map(|(version, at)| (*version, self.at_server(*at)));
        Kept {
            newest: here.or(self.stair_before.back().copied()),
            desired: self.desired.clone(),
            n_arrived: self.n_arrived,
            largest_released: self.largest_released,
        }
    }

    /// Goes on where another was, to which all this had arrived.
    pub fn resume(&mut self, kept: Kept, arrived: Arrivals) {
        let Kept { newest, desired, n_arrived, largest_released } = kept;
        let again = arrived.changes.into_iter();
        let again = again.map(|(lane, part, version, at)| ((lane, part, version), at));
        self.again = again.collect();
        self.stair_before = arrived.stair.into();
        if newest > self.stair_before.back().copied() {
            self.stair_before.extend(newest);
        }
        (self.n_arrived, self.largest_released) = (n_arrived, largest_released);
        self.desired = desired;
    }
}
