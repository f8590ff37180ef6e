//! The nodes that a DaemonSet wants, against its Pods: what its Pods do comes first, and a moment
//! later its controller says of how many nodes.

use serde::{Deserialize, Serialize};

/// What is known of the nodes that the DaemonSet at the top wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Nodes {
    /// How many it wanted before that became another number, while nothing is open, and until a Pod
    /// comes or goes for it or none has to.
    before: Option<i64>,
}

impl Nodes {
    /// It wants `to` now, and wanted `from`.
    pub fn moved(&mut self, from: i64, to: i64) {
        self.before = Some(self.before.unwrap_or(from)).filter(|first| *first != to);
    }

    /// Whether the number is another, and no Pod has come or gone for it yet.
    #[must_use]
    pub fn are_moving(self) -> bool {
        self.before.is_some()
    }

    /// It wants `wanted` now, and so many have a Pod: no Pod has to come or go any more.
    pub fn have(&mut self, placed: i64, wanted: i64) {
        self.before = self.before.filter(|_| placed != wanted);
    }

    /// How many were known before any moved; they are `wanted` now.
    #[must_use]
    pub fn known(self, wanted: i64) -> i64 {
        self.before.unwrap_or(wanted)
    }

    /// How many were wanted before, once.
    pub fn take(&mut self) -> Option<i64> {
        self.before.take()
    }
}
