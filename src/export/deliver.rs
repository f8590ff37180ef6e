//! The loop around the attempts of one request.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use tokio::time::{Instant, sleep};
use tonic::Status;

use crate::jitter::jitter;
use crate::otlp::backoff::Backoff;
use crate::otlp::verdict::Verdict;

/// How a request ended, and after how many attempts.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) ending: Ending,
    pub(super) n_attempts: usize,
}

/// How a request ended.
#[derive(Debug)]
pub(super) enum Ending {
    /// The server took it, `rejected` spans of it excepted.
    Delivered { rejected: usize, message: String },
    /// The server will never take it.
    Refused(Status),
    /// There is no time for another attempt; this was the answer to the last.
    GaveUp(Status),
}

/// Makes attempts until one ends the matter or time is up.
pub(super) async fn deliver(
    backoff: &Backoff,
    n_spans: usize,
    mut attempt: impl AsyncFnMut() -> Result<ExportTraceServiceResponse, Status>,
) -> Delivery {
    let began = Instant::now();
    let mut n_failed = 0_u32;
    let ending = loop {
        let (verdict, status) = match attempt().await {
            Ok(response) => (Verdict::of_response(response, n_spans), Status::ok("")),
            Err(status) => (Verdict::of_status(&status), status),
        };
        let after = match verdict {
            Verdict::Delivered { rejected, message } => {
                break Ending::Delivered { rejected, message };
            }
            Verdict::Drop { .. } => break Ending::Refused(status),
            Verdict::Retry { after } => after,
        };
        n_failed = n_failed.saturating_add(1);
        match backoff.delay(n_failed, jitter(), began.elapsed(), after) {
            Some(delay) => sleep(delay).await,
            None => break Ending::GaveUp(status),
        }
    };
    let last = usize::from(!matches!(ending, Ending::GaveUp(_)));
    Delivery { ending, n_attempts: usize::try_from(n_failed).unwrap_or(usize::MAX) + last }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Attempts that fail with the given status, and the seconds at which each was made.
    async fn failing(backoff: &Backoff, status: Status) -> (Delivery, Vec<f64>) {
        let began = Instant::now();
        let mut at = Vec::new();
        let delivery = deliver(backoff, 1, async || {
            at.push(began.elapsed().as_secs_f64());
            Err(status.clone())
        })
        .await;
        (delivery, at)
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_come_at_the_times_that_the_backoff_says() {
        let backoff = Backoff { randomization: 0.0, ..Backoff::default() };
        let (delivery, at) = failing(&backoff, Status::unavailable("away")).await;
        assert!(matches!(delivery.ending, Ending::GaveUp(_)), "{delivery:?}");
        assert_eq!(delivery.n_attempts, at.len());
        let rounded: Vec<_> = at.iter().map(|at| at.round()).collect();
        assert_eq!(rounded[..6], [0.0, 5.0, 13.0, 24.0, 41.0, 66.0]);
        assert!(at.last().unwrap() <= &300.0 && at.last().unwrap() > &260.0, "{at:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn jitter_keeps_attempts_apart_within_its_bounds() {
        let (_, at) = failing(&Backoff::default(), Status::unavailable("away")).await;
        let first = at[1];
        assert!((2.5..7.6).contains(&first), "{first}");
        let (_, other) = failing(&Backoff::default(), Status::unavailable("away")).await;
        assert_ne!(at, other);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_ends_it_at_once() {
        let (delivery, at) = failing(&Backoff::default(), Status::invalid_argument("no")).await;
        assert!(matches!(delivery.ending, Ending::Refused(_)), "{delivery:?}");
        assert_eq!((delivery.n_attempts, at.len()), (1, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_success_after_failures_counts_every_attempt() {
        let mut n = 0;
        let delivery = deliver(&Backoff::default(), 1, async || {
            n += 1;
            match n {
                1 | 2 => Err(Status::unavailable("away")),
                _ => Ok(ExportTraceServiceResponse::default()),
            }
        })
        .await;
        assert!(matches!(delivery.ending, Ending::Delivered { rejected: 0, .. }), "{delivery:?}");
        assert_eq!(delivery.n_attempts, 3);
    }
}
