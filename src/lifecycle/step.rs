//! What a transition does to one workload below the topmost one.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::kept::MAX_KEPT;
use crate::facts::by_uid::ByUid;
use crate::facts::instant::Evidence;
use crate::facts::kind::Kind;
use crate::facts::meta::Uid;
use crate::facts::stamp::Stamp;
use crate::facts::time::UnixNanos;
use crate::facts::workload::WorkloadStatus;

/// What a transition does to one workload below the topmost one: one span.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Step {
    /// Its kind.
    pub kind: Kind,
    /// `metadata.name`.
    pub name: Arc<str>,
    /// The workload above it.
    pub owner: Uid,
    /// It is to run to its end.
    pub is_run: bool,
    /// More than `replicas` was written.
    pub is_update: bool,
    /// It was created in this transition.
    pub is_created: bool,
    /// It is being deleted.
    pub is_deleted: bool,
    /// Its first write in the transition, its creation, or the first evidence of its deletion.
    pub start: Evidence,
    /// `replicas` before that write.
    pub from: i64,
    /// `replicas` after the last write.
    pub to: i64,
    /// Further writes of `replicas`.
    pub writes: Vec<(Evidence, i64, i64)>,
    /// Since when it has been settled, or over; for a deletion: since when it and all below it are
    /// gone.
    pub settled: Option<Evidence>,
    /// What ended it before it had settled, or ended by itself.
    pub cut_short: CutShort,
    /// That it is gone is known by a list alone.
    pub has_vanished: bool,
    /// It left the selector of its watch: what becomes of it is not known, and not waited for.
    pub is_unseen: bool,
    /// Its controller gave it up, then.
    pub failed: Option<Evidence>,
    /// Its template differs only by `restartedAt`.
    pub is_restart: bool,
    /// Its status as the write left it: what that said says nothing of the write.
    pub before: Option<Box<WorkloadStatus>>,
    /// The generation that the step began with; where the kind has none, the resourceVersion.
    pub number: u64,
    /// Its revision, if it is counted.
    pub revision: Option<i64>,
    /// Trace contexts on it that no older ReplicaSet carries.
    pub stamps: Vec<Stamp>,
    /// Its ReplicaFailure condition, or how its run failed: reason and message.
    pub failure: Option<(Box<str>, Box<str>)>,
    /// When a CronJob wanted it to begin.
    pub scheduled: Option<UnixNanos>,
    /// Finalizers that held its deletion.
    pub finalizers: Vec<Box<str>>,
}

/// What ends a workload, or a run, before it has settled or ended by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CutShort {
    /// Nothing.
    Not,
    /// Its deletion.
    ByDeletion,
    /// That it was suspended.
    BySuspension,
}

/// What is done to workloads, by their uids: shared with what is kept of their tree as it was.
pub type Steps = ByUid<Arc<Step>>;

impl Step {
    /// It has settled or failed, so that a further write is something else. A ReplicaSet has one span
    /// in a transition.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        let is_set = matches!(self.kind, Kind::ReplicaSet | Kind::ReplicationController);
        (self.settled.is_some() || self.failed.is_some()) && !is_set
    }

    /// It has not settled, as far as that is seen.
    #[must_use]
    pub const fn is_awaited(&self) -> bool {
        self.settled.is_none() && !self.is_unseen
    }

    /// Where the last write that is part of it stands in the order.
    #[must_use]
    pub fn last_write(&self) -> u64 {
        self.writes.last().map_or(&self.start, |(at, ..)| at).order()
    }

    /// `replicas` was written again; whether there was room to keep that.
    #[must_use]
    pub fn add_write(&mut self, at: Evidence, to: i64) -> bool {
        let has_room = self.writes.len() < MAX_KEPT;
        if has_room {
            self.writes.push((at, self.to, to));
        }
        self.to = to;
        has_room
    }
}
