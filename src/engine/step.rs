//! One change that one tree took in, as it is stored: enough for the tree to take it in again.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::facts::change::Change;
use crate::facts::instant::Heard;
use crate::facts::meta::Uid;
use crate::facts::note::About;
use crate::facts::time::{Nanos, UnixNanos};
use crate::lifecycle::tree::Tree;
use crate::lifecycle::turn::Seen;
use crate::order::inlet::Released;

/// How a tree took in a change, beside what is kept of that change.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Step {
    /// The tree.
    pub(super) top: Uid,
    /// [`Heard::order`].
    pub(super) order: u64,
    /// [`Seen::of_gap`].
    pub(super) of_gap: Option<UnixNanos>,
    /// How far the API server's clock was ahead.
    pub(super) ahead: Nanos,
}

/// After which steps it is asked what trees were.
pub(super) type Wanted = BTreeMap<Uid, BTreeSet<u64>>;

/// What trees were after the step of this number.
pub(super) type Were = BTreeMap<(Uid, u64), Tree>;

impl Step {
    /// What the tree was told with the change; `None` for changes that are more than that.
    pub(super) fn seen(self, released: &Released, desired: Option<i64>) -> Option<Seen> {
        let Self { order, of_gap, .. } = self;
        let heard = Heard { order, arrival: released.arrival };
        match &released.change {
            Change::Seen(_) | Change::Deleted(_) => {
                Some(Seen { heard, of_gap, desired, ..Seen::NOTHING })
            }
            Change::Noted(note) if !matches!(note.about, About::Claim(..)) => {
                Some(Seen { heard, of_gap, ..Seen::NOTHING })
            }
            Change::Noted(_) | Change::Unmatched(_) | Change::Vanished(_) => None,
        }
    }
}
