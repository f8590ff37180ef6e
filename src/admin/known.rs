//! What is known of this process when a request comes.

use super::waits::Open;
use crate::facts::time::UnixNanos;
use crate::telemetry::metrics::Snapshot;

/// What is known when a request comes.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// All that metrics tell.
    pub snapshot: Snapshot,
    /// What is open.
    pub open: Vec<Open>,
    /// It is stopping.
    pub is_stopping: bool,
    /// When it started.
    pub started: UnixNanos,
    /// The API server.
    pub server: String,
}
