//! The whole way from what lanes say to finished spans: inlet, store and trees behind one door.

use crate::lifecycle::lane::{Lane, News};
use crate::lifecycle::span::FinishedSpan;
use crate::lifecycle::time::{Nanos, UnixNanos};

/// How long things are waited for.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `k8s.cluster.uid`; part of every trace id. Empty where unknown.
    pub cluster_uid: String,
    /// `k8s.cluster.name`, empty to leave it out.
    pub cluster_name: String,
    /// One fixed `service.name` for everything; empty for the name of each workload.
    pub service_name: String,
    /// How long a change waits in the inlet for slower lanes.
    pub settle_time: Nanos,
    /// How long a settled state must last.
    pub stable_time: Nanos,
    /// After which an open transition has timed out.
    pub max_transition_duration: Nanos,
    /// Beyond how many Pods a trace keeps only the telling ones.
    pub max_pods_per_trace: usize,
    /// How many changes may wait in the inlet.
    pub max_waiting: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            cluster_uid: String::new(),
            cluster_name: String::new(),
            service_name: String::new(),
            settle_time: Nanos::from_seconds(2),
            stable_time: Nanos::from_seconds(10),
            max_transition_duration: Nanos::from_seconds(3_600),
            max_pods_per_trace: 200,
            max_waiting: 100_000,
        }
    }
}

/// What was counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Objects tracked now.
    pub objects: u64,
    /// Changes that entered a tree.
    pub changes: u64,
    /// Spans that left.
    pub spans: u64,
    /// Root spans that left.
    pub traces: u64,
}

/// Inlet, store and trees.
#[derive(Debug)]
pub struct Engine {
    settings: Settings,
}

impl Engine {
    /// An engine that knows nothing yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self { settings }
    }

    /// Takes what `lane` said at `at`. Nothing is decided before [`Engine::advance`].
    pub fn hear(&mut self, lane: Lane, news: News, at: UnixNanos) {
        drop((lane, news, at));
    }

    /// Releases what is due at `now`, and returns what ended by it, children before parents.
    pub fn advance(&mut self, now: UnixNanos) -> Vec<FinishedSpan> {
        let _ = (now, &self.settings);
        Vec::new()
    }

    /// When [`Engine::advance`] has something to do next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<UnixNanos> {
        None
    }

    /// The input has ended: time runs on until every hold is released. What is still open stays
    /// open, see [`Engine::in_progress`].
    pub fn finish(&mut self) -> Vec<FinishedSpan> {
        Vec::new()
    }

    /// What is open at `now`, as spans with [`crate::lifecycle::span::Outcome::InProgress`] that
    /// end at `now`: for showing, never for export.
    #[must_use]
    pub fn in_progress(&self, now: UnixNanos) -> Vec<FinishedSpan> {
        let _ = now;
        Vec::new()
    }

    /// What was counted so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts::default()
    }
}
