//! What the core is told from outside.

use super::action::Roots;
use crate::facts::time::{Nanos, SECOND};

/// What the core is told from outside.
#[derive(Clone, Debug)]
pub struct Rules {
    /// `k8s.cluster.uid`, where it is known; part of every trace id.
    pub cluster_uid: Option<String>,
    /// `k8s.cluster.name`, where one is given.
    pub cluster_name: Option<String>,
    /// One fixed `service.name`, in place of each workload's own.
    pub service_name: Option<String>,
    /// How long a change waits in the inlet.
    pub settle_time: Nanos,
    /// How long a settled state must last.
    pub stable_time: Nanos,
    /// After which an open transition has timed out.
    pub max_transition_duration: Nanos,
    /// The same for a run.
    pub max_run_duration: Nanos,
    /// Beyond how many Pods a trace keeps only the telling ones.
    pub max_pods_per_trace: usize,
    /// Which kinds of roots are told.
    pub roots: Roots,
}

impl Rules {
    /// What stands in every trace id for the cluster.
    #[must_use]
    pub fn cluster(&self) -> &str {
        self.cluster_uid.as_deref().unwrap_or_default()
    }

    /// After how long what is open has timed out.
    #[must_use]
    pub const fn limit(&self, is_run: bool) -> Nanos {
        if is_run { self.max_run_duration } else { self.max_transition_duration }
    }

    /// How long after a moment every change written before it has been released: it may arrive
    /// up to `settle_time` late and then waits as long, and object times are rounded down by up
    /// to a second. Timers wait for that, so that no decision depends on which lane was late.
    #[must_use]
    pub const fn slack(&self) -> Nanos {
        self.settle_time.times(2).plus(SECOND)
    }
}
