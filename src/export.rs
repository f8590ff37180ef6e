//! Sends spans to an OTLP server over gRPC.
//!
//! The one room that names tonic's channel. What is decided, which request, whether an answer
//! means "again", how long to wait, is decided in [`otlp`](crate::otlp); here is the wire, the
//! clock and the draw of a jitter.

mod channel;
mod deliver;
mod error;
mod settings;

use std::time::Duration;

use tokio::time::Instant;
use tonic::{Code, Status};

use self::channel::{Client, Target};
use self::deliver::{Delivery, Ending, deliver};
pub use self::error::{ExportError, Failure, SettingsError};
pub use self::settings::{Compression, Headers, Settings, Tls};
use crate::lifecycle::span::FinishedSpan;
use crate::otlp::batch::{self, Request};

/// Sends finished spans to one endpoint, one request after the other.
#[derive(Debug)]
pub struct Exporter {
    settings: Settings,
    target: Target,
    /// Connects at the first request, so that an exporter can be made outside of a runtime.
    client: Option<Client>,
}

/// What became of the spans that were handed in: each is in exactly one of the counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// Taken by the server.
    pub sent: usize,
    /// Not taken by the server, in an answer that was otherwise a success.
    pub rejected: usize,
    /// Dropped: the server refused the request for good.
    pub refused: usize,
    /// Dropped: the server could not be reached, or not be brought to take them, in time.
    pub gave_up: usize,
    /// Requests that were delivered.
    pub n_requests: usize,
    /// Attempts it took, the failed ones included.
    pub n_attempts: usize,
    /// Requests of a single span that is over the limit of size.
    pub n_oversized: usize,
    /// The last that the server had to say beside a success; empty for nothing.
    pub warning: String,
}

impl Sent {
    /// The spans that were not delivered.
    #[must_use]
    pub fn dropped(&self) -> usize {
        self.refused + self.gave_up
    }

    /// All spans that were handed in.
    #[must_use]
    pub fn total(&self) -> usize {
        self.sent + self.rejected + self.dropped()
    }
}

impl Exporter {
    /// Checks `settings` and reads the CA file; does not connect.
    ///
    /// # Errors
    /// Tells the setting that cannot be used, and what is wanted instead.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        let target = Target::new(&settings)?;
        Ok(Self { settings, target, client: None })
    }

    /// Where it sends to, as messages name it: `http://127.0.0.1:4317`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        self.target.name()
    }

    /// Sends `spans` in order, each request until it is delivered, refused or given up.
    ///
    /// After a refusal it goes on with the next request; after giving up it does not, because the
    /// next would wait as long. Dropping the future leaves the request under way undecided.
    ///
    /// # Errors
    /// Tells that spans were dropped, why, and what to do; [`ExportError::sent`] tells what
    /// became of each span all the same.
    pub async fn export(&mut self, spans: &[FinishedSpan]) -> Result<Sent, ExportError> {
        let mut sent = Sent::default();
        let mut first_failure = None;
        for request in batch::requests(spans, self.settings.max_request_bytes) {
            let began = Instant::now();
            let delivery = self.send(&request).await;
            sent.n_attempts += delivery.n_attempts;
            sent.n_oversized += usize::from(request.is_oversized);
            let (status, gave_up) = match delivery.ending {
                Ending::Delivered { rejected, message } => {
                    sent.n_requests += 1;
                    sent.rejected += rejected;
                    sent.sent += request.n_spans - rejected;
                    if !message.is_empty() {
                        sent.warning = message;
                    }
                    continue;
                }
                Ending::Refused(status) => (status, false),
                Ending::GaveUp(status) => (status, true),
            };
            if gave_up {
                sent.gave_up += spans.len() - sent.total();
            } else {
                sent.refused += request.n_spans;
            }
            let failure = Failure::new(&status, gave_up, delivery.n_attempts, began.elapsed());
            first_failure.get_or_insert(failure);
            if gave_up {
                break;
            }
        }
        match first_failure {
            None => Ok(sent),
            Some(failure) => Err(ExportError::new(self.endpoint(), sent, failure)),
        }
    }

    /// Sends one request, again as often as its answers and the settings say.
    async fn send(&mut self, request: &Request) -> Delivery {
        let client = self.client.get_or_insert_with(|| self.target.connect());
        let limit = self.settings.timeout;
        deliver(&self.settings.retry, request.n_spans, async || {
            let answer = client.send(request.bytes.clone());
            if limit.is_zero() {
                return answer.await;
            }
            tokio::time::timeout(limit, answer).await.unwrap_or_else(|_| Err(timed_out(limit)))
        })
        .await
    }
}

fn timed_out(limit: Duration) -> Status {
    Status::new(Code::DeadlineExceeded, format!("no answer within {limit:?}"))
}
