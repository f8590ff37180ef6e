//! The loop around the attempts of one request.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use tokio::time::Instant;
use tonic::Status;

use super::error::Refusal;
use crate::otlp::backoff::Backoff;
use crate::otlp::verdict::Verdict;
use crate::random::jitter;

/// How a request ended, after how many attempts, and how long they took.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) ending: Ending,
    pub(super) n_attempts: usize,
    pub(super) took: Duration,
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
///
/// `pause` waits before the next attempt after a failure, and returns whether there shall be one.
pub(super) async fn deliver<A, P>(
    backoff: &Backoff,
    n_spans: usize,
    mut attempt: impl FnMut() -> A,
    mut pause: impl FnMut(Status, Duration) -> P,
) -> Ended
where
    A: Future<Output = Result<ExportTraceServiceResponse, Refusal>>,
    P: Future<Output = bool>,
{
    let began = Instant::now();
    let mut n_failed = 0_u32;
    let ending = loop {
        let (verdict, status, asked) = match attempt().await {
            Ok(response) => (Verdict::of_response(response, n_spans), Status::ok(""), None),
            Err(Refusal { status, after }) => (Verdict::of_status(&status), status, after),
        };
        let after = match verdict {
            Verdict::Delivered { rejected, message } => {
                break Ending::Delivered { rejected, message };
            }
            Verdict::Drop { .. } => break Ending::Refused(status),
            Verdict::Retry { after } => after.or(asked),
        };
        n_failed = n_failed.saturating_add(1);
        match backoff.delay(n_failed, jitter(), began.elapsed(), after) {
            Some(delay) if pause(status.clone(), delay).await => {}
            Some(_) | None => break Ending::GaveUp(status),
        }
    };
    let last = usize::from(!matches!(ending, Ending::GaveUp(_)));
    let n_attempts = usize::try_from(n_failed).unwrap_or(usize::MAX) + last;
    Ended { ending, n_attempts, took: began.elapsed() }
}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;

    async fn wait(_: Status, delay: Duration) -> bool {
        tokio::time::sleep(delay).await;
        true
    }

    /// Attempts that fail with the given status, and the seconds at which each was made.
    async fn failing(backoff: &Backoff, status: Status) -> (Ended, Vec<f64>) {
        let began = Instant::now();
        let mut at = Vec::new();
        let attempt = || {
            at.push(began.elapsed().as_secs_f64());
            ready(Err(Refusal { status: status.clone(), after: None }))
        };
        let delivery = deliver(backoff, 1, attempt, wait).await;
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
        let attempt = || {
            n += 1;
            ready(match n {
                1 | 2 => Err(Refusal { status: Status::unavailable("away"), after: None }),
                _ => Ok(ExportTraceServiceResponse::default()),
            })
        };
        let delivery = deliver(&Backoff::default(), 1, attempt, wait).await;
        assert!(matches!(delivery.ending, Ending::Delivered { rejected: 0, .. }), "{delivery:?}");
        assert_eq!(delivery.n_attempts, 3);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_over_http_asks_for_patience_too() {
        let began = Instant::now();
        let mut n = 0;
        let attempt = || {
            n += 1;
            let after = Some(Duration::from_secs(50));
            ready(match n {
                1 => Err(Refusal { status: Status::unavailable("HTTP 503"), after }),
                _ => Ok(ExportTraceServiceResponse::default()),
            })
        };
        deliver(&Backoff::default(), 1, attempt, wait).await;
        assert_eq!(began.elapsed().as_secs(), 50);
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_may_end_it() {
        let attempt = async || Err(Refusal { status: Status::unavailable("away"), after: None });
        let delivery = deliver(&Backoff::default(), 1, attempt, async |_, _| false).await;
        assert!(matches!(delivery.ending, Ending::GaveUp(_)), "{delivery:?}");
        assert_eq!(delivery.n_attempts, 1);
    }
}
