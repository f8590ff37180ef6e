//! One turn of a tree: what it is told, by which rules, and what comes of it.

use super::closed::Ended;
use super::rules::Rules;
use super::shared::Shared;
use crate::facts::instant::{Evidence, Heard};
use crate::facts::time::{Nanos, UnixNanos};

/// How a change came to the tree.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// When it was written at the latest, and its place in the order.
    pub heard: Heard,
    /// It comes from a list.
    pub is_listed: bool,
    /// A list tells it of a time when nobody watched: it was written between these moments, by the API
    /// server's clock.
    pub unwatched: Option<(UnixNanos, UnixNanos)>,
    /// Something written later had been taken in before it, or a list tells what came to be while nobody
    /// watched, and this was taken in then: what it touches may have been otherwise, and says so.
    pub of_gap: Option<UnixNanos>,
    /// How many nodes the DaemonSet at the top wants, by the newest that has arrived of it.
    pub desired: Option<i64>,
}

impl Seen {
    /// Nothing is told, but that a moment has come.
    pub const NOTHING: Self = Self {
        heard: Heard::FIRST,
        is_listed: false,
        unwatched: None,
        of_gap: None,
        desired: None,
    };

    /// When something was written: an object time if there is one, else no earlier than `lo`.
    #[must_use]
    pub fn written(&self, time: Option<UnixNanos>, lo: UnixNanos) -> Evidence {
        match (time, self.unwatched) {
            (None, Some((since, listed))) => {
                let lo = lo.max(since).min(listed);
                Evidence { listed: Some(listed), ..Evidence::arrival(lo, self.heard) }
            }
            _ => Evidence::object_or(time, lo, self.heard),
        }
    }
}

/// One turn of a tree.
#[derive(Debug)]
pub struct Turn<'a> {
    /// What the core was told from outside.
    pub rules: &'a Rules,
    /// How what it is told came.
    pub seen: Seen,
    /// How far the API server's clock is ahead of the time that timers go by.
    pub ahead: Nanos,
    /// What has ended.
    pub out: &'a mut Vec<Ended>,
    /// What was decided without a span.
    pub counts: &'a mut Untraced,
    /// What many objects have.
    pub shared: &'a mut Shared,
}

impl Turn<'_> {
    /// The moment from which on something lasts, by the time that timers go by: where nothing arrived that
    /// tells it, it is known by the API server's clock.
    #[must_use]
    pub fn moment_of(&self, evidence: &Evidence) -> UnixNanos {
        let arrival = evidence.heard.arrival;
        arrival.map_or(evidence.lo.minus(self.ahead), |arrival| arrival.moment)
    }
}

/// What was decided without a span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Untraced {
    /// Pods lost, restarted, created or deleted where no transition was open.
    pub pods: u64,
    /// Objects that a list showed and that prove nothing in progress.
    pub baseline: u64,
    /// Versions that changed no spec.
    pub churn: u64,
    /// Listed objects whose owner a complete list lacks.
    pub orphans: u64,
    /// Versions whose facts equal those of the one before.
    pub unchanged: u64,
    /// Versions older than the one held.
    pub stale: u64,
    /// Writes, links, Events and Pods of one transition beyond what it keeps.
    pub crowded: u64,
    /// Transitions of the kinds that are not to be told.
    pub left_out: u64,
}

impl Untraced {
    /// The counts by a word for the reason.
    #[must_use]
    pub fn by_reason(&self) -> [(&'static str, u64); 8] {
        let Self { pods, baseline, churn, orphans, unchanged, stale, crowded, left_out } = *self;
        [
            ("pods", pods),
            ("baseline", baseline),
            ("churn", churn),
            ("orphans", orphans),
            ("unchanged", unchanged),
            ("stale", stale),
            ("crowded", crowded),
            ("left_out", left_out),
        ]
    }
}
