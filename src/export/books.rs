//! What became of the spans that an exporter was handed, as plain numbers.

use crate::facts::time::UnixNanos;

/// One exporter's books. At any moment
/// `offered = sent + rejected + failed + refused + queued + in_flight + kept`, all in spans.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Books {
    /// Component id: `otlp_grpc/jaeger`.
    pub id: String,
    /// Handed to it since it started, or found in its stored queue.
    pub offered: u64,
    /// Of these: found in its stored queue when it started.
    pub found: u64,
    /// Taken by the back end.
    pub sent: u64,
    /// Not taken by the back end, in an answer that was otherwise a success.
    pub rejected: u64,
    /// Dropped after an attempt: refused for good, or given up.
    pub failed: u64,
    /// Of these: given up, because there was no time for another attempt.
    pub gave_up: u64,
    /// Dropped before any attempt: its queue was full, or it was shutting down.
    pub refused: u64,
    /// Of these: when it shut down.
    pub refused_at_end: u64,
    /// Left in its stored queue when it shut down.
    pub kept: u64,
    /// Waiting in its queue.
    pub queued: u64,
    /// In requests under way, between retries too.
    pub in_flight: u64,
    /// What its queue holds now, in units of its sizer; `None` for an exporter without a queue.
    pub queue_size: Option<u64>,
    /// What its queue can hold, in units of its sizer.
    pub queue_capacity: Option<u64>,
    /// Requests under way.
    pub requests_in_flight: u64,
    /// Of these: tried again, because the last attempt failed.
    pub requests_retried: u64,
    /// Nobody answered there last, or a request was given up: whether anybody listens is asked again, also
    /// while there is nothing to send. Of a file: it could not be written, and is tried again with what
    /// comes next.
    pub is_away: bool,
    /// The last failure, as one sentence, until a request succeeds: also while it is tried again. If it
    /// was only that nobody answered, until somebody does.
    pub last_error: Option<String>,
    /// Whether only a person can mend that: the server does not know this client, or this way.
    pub is_for_a_person: bool,
    /// Since when it is failing, if it is.
    pub failing_since: Option<UnixNanos>,
    /// What the server last said beside a success.
    pub warning: Option<String>,
}

impl Books {
    /// Spans that were handed in and will not arrive.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.rejected + self.failed + self.refused
    }

    /// Whether something is tried again, or will be in vain until a person mends it. A request that was
    /// refused for good, or given up, is over: that is told, and is no state that lasts.
    #[must_use]
    pub fn is_failing(&self) -> bool {
        self.requests_retried > 0 || self.is_away || self.is_for_a_person
    }

    /// Whether nothing waits and nothing is under way.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.queued + self.in_flight == 0
    }

    /// Whether each span that was handed in is in exactly one of the counts.
    #[must_use]
    pub fn balance(&self) -> bool {
        let Self { sent, rejected, failed, refused, queued, in_flight, kept, .. } = self;
        self.offered == sent + rejected + failed + refused + queued + in_flight + kept
    }
}
