//! What is stored together, as plain data.

use std::collections::BTreeMap;

use prost::bytes::Bytes;

use crate::facts::time::UnixNanos;

/// What state is of: one cluster, written down in one way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The uid of the cluster.
    pub cluster: String,
    /// The number of the form in which the state is written.
    pub format: u32,
}

/// What is new of the state, which is records by their keys: `None` takes a key away. A later one goes over an earlier one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes(pub BTreeMap<Vec<u8>, Option<Vec<u8>>>);

/// A request in the queue of an exporter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued {
    /// Component id of the exporter: `otlp_grpc/jaeger`.
    pub exporter: String,
    /// Its place: requests leave in this order.
    pub number: u64,
    /// When it was put there.
    pub at: UnixNanos,
    /// How many spans it has.
    pub n_spans: u32,
    /// An encoded `ExportTraceServiceRequest`.
    pub bytes: Bytes,
}

/// What is stored by one commit, all of it or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// When.
    pub at: UnixNanos,
    /// What is new of the state.
    pub changes: Changes,
    /// What is put into queues, in order of its numbers.
    pub pushes: Vec<Queued>,
    /// What leaves them: the exporter and the number.
    pub removals: Vec<(String, u64)>,
}

impl Commit {
    /// Whether there is nothing to store.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { at: _, changes, pushes, removals } = self;
        changes.0.is_empty() && pushes.is_empty() && removals.is_empty()
    }

    /// This one and then `later` as one.
    pub fn add(&mut self, later: Self) {
        let Self { at, changes, pushes, removals } = later;
        self.at = at;
        self.changes.0.extend(changes.0);
        self.pushes.extend(pushes);
        self.removals.extend(removals);
    }
}

/// What waits in the queue of one exporter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Of each request in order: its number, when it was put there, its spans, its bytes.
    pub requests: Vec<(u64, UnixNanos, u32, usize)>,
    /// The number that the next one gets.
    pub next: u64,
}
