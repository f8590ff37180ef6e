//! What arrived when, to be stored as it comes: whoever goes on is told again of what waited, and has
//! to know that it had arrived before. Each arrival is stored once, together with others of its time.

use serde::{Deserialize, Serialize};

use crate::facts::instant::Arrival;
use crate::facts::kind::{Lane, Part};
use crate::facts::time::UnixNanos;

/// What arrived within a stretch of time, by the API server's clock: whoever goes on with it may have
/// another.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrivals {
    /// resourceVersions that were the largest so far when they arrived, with that arrival; both rise.
    pub stair: Vec<(u64, UnixNanos)>,
    /// How changes arrived that watches told, by their resourceVersions.
    pub changes: Vec<(Lane, Part, u64, Arrival)>,
}

impl Arrivals {
    /// When the last of them did.
    #[must_use]
    pub fn last(&self) -> Option<UnixNanos> {
        let stair = self.stair.last().map(|(_, at)| *at);
        stair.max(self.changes.iter().map(|(.., arrival)| arrival.at).max())
    }

    /// These and then `later`.
    pub fn add(&mut self, later: Self) {
        self.stair.extend(later.stair);
        self.changes.extend(later.changes);
    }
}
