//! What is known of this process when a request comes.

use std::time::Duration;

use super::waits::{Open, Settled};
use crate::facts::time::UnixNanos;
use crate::telemetry::metrics::Snapshot;

/// So many transitions are shown, of those that are open and of those that have settled: a page costs
/// the same whatever goes on.
pub const MAX_SHOWN: usize = 50;

/// How much must be known to answer a request: each holds all before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// How watches and exporters are doing.
    Health,
    /// What was counted, and what the operating system says of this process.
    Figures,
    /// What is open.
    Open,
}

/// What is known when a request comes, as far as it needs it.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// All that metrics tell.
    pub snapshot: Snapshot,
    /// What has been open for longest, at most [`MAX_SHOWN`].
    pub open: Vec<Open>,
    /// What has settled first of what waits for its hold, at most [`MAX_SHOWN`].
    pub settling: Vec<Settled>,
    /// It has not reached the API server yet, and why.
    pub is_starting: Option<String>,
    /// How long ago the core last went round.
    pub still_for: Duration,
    /// It is stopping.
    pub is_stopping: bool,
    /// When it started.
    pub started: UnixNanos,
    /// The API server.
    pub server: String,
}
