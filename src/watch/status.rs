//! How each list and watch is doing, as plain data for debug pages, health and metrics.

use std::collections::BTreeMap;

use crate::context::Flaw;
use crate::facts::kind::Kind;
use crate::facts::time::{Nanos, UnixNanos};

/// What a watch is at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Waits for its owners' kinds to be listed, or for the API server to be found.
    #[default]
    Starting,
    /// Reads a list.
    Listing,
    /// Follows changes.
    Watching,
    /// Waits before it tries again.
    Retrying,
    /// May not read this kind (403); tries again.
    Forbidden,
    /// The server does not know this kind (404); tries again.
    Missing,
}

impl Phase {
    /// What a kind is at, as a person says it of the kind.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Starting => "waits for the kinds that own it",
            Self::Listing => "is being listed",
            Self::Watching => "is watched",
            Self::Retrying => "is tried again",
            Self::Forbidden => "may not be read",
            Self::Missing => "is not served",
        }
    }
}

/// How far a list is, or how it went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Objects that were read.
    pub n_objects: u64,
    /// Pages that were read; none where it is one stream (WatchList).
    pub n_pages: u64,
    /// When it began.
    pub began: Option<UnixNanos>,
    /// When it was complete.
    pub ended: Option<UnixNanos>,
}

impl Progress {
    /// How long it took, or has taken at `now`.
    #[must_use]
    pub fn took(self, now: UnixNanos) -> Option<Nanos> {
        Some(self.ended.unwrap_or(now).since(self.began?))
    }
}

/// One list and watch: a kind, in all namespaces or in one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// As recordings name it: `deployments.apps`.
    pub resource: String,
    /// The kind of the objects, where trace contexts on them are read.
    pub kind: Option<Kind>,
    /// Empty for all namespaces.
    pub namespace: String,
    /// What it is at.
    pub phase: Phase,
    /// Whether a list was ever complete.
    pub is_synced: bool,
    /// Where the watch stands, after the first list.
    pub resource_version: Option<String>,
    /// The list that is being read, or was read last.
    pub list: Progress,
    /// Lists that were begun.
    pub n_lists: u64,
    /// Lists after the first, because the server had forgotten where the watch stood.
    pub n_relists: u64,
    /// Watches that were begun.
    pub n_watches: u64,
    /// Watch events, bookmarks not counted.
    pub n_events: u64,
    /// Bytes read from the server.
    pub n_bytes: u64,
    /// Objects that could not be tracked.
    pub n_refused: u64,
    /// Trace contexts that were read, on every version of an object anew.
    pub n_stamps: u64,
    /// Trace contexts that could not be read, by what is wrong with them.
    pub refused_stamps: BTreeMap<Flaw, u64>,
    /// When the server last said anything.
    pub heard_at: Option<UnixNanos>,
    /// The API server did not answer the last request.
    pub is_away: bool,
    /// The last error and when, until the next success.
    pub last_error: Option<(UnixNanos, String)>,
}
