//! Sends spans to an OTLP server, over gRPC or HTTP.
//!
//! The one room that names tonic's channel and hyper's client. What is decided, which request, whether an answer
//! means "again", how long to wait, is decided in [`otlp`](crate::otlp); here is the wire, the
//! clock and the draw of a jitter.

mod channel;
mod deliver;
mod error;
mod http;
mod settings;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::bytes::Bytes;
use tokio::time::Instant;
use tonic::{Code, Status};

use self::channel::Target;
pub(crate) use self::deliver::{Delivery, Ending, deliver};
pub use self::error::{ExportError, Failure, SettingsError};
pub use self::settings::{Compression, Headers, Settings, Tls};
use crate::delivery::settings::Wire;
use crate::facts::span::FinishedSpan;
use crate::otlp::batch::{self, Request};

/// An attempt that failed.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// What was said; over HTTP, what gRPC would have said.
    pub(crate) status: Status,
    /// The header `Retry-After`. gRPC says it in the details of the status.
    pub(crate) after: Option<Duration>,
}

/// A server, and how it is spoken to. Clones share its connections.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    speech: Speech,
    timeout: Duration,
}

#[derive(Clone, Debug)]
enum Speech {
    /// Connects at the first request, so that a server can be named outside of a runtime.
    Grpc(Arc<(Target, OnceLock<channel::Client>)>),
    Http(Box<http::Client>),
}

impl Server {
    /// Checks `settings`; does not connect.
    pub(crate) fn new(wire: Wire, settings: &Settings) -> Result<Self, SettingsError> {
        let speech = match wire {
            Wire::Grpc => Speech::Grpc(Arc::new((Target::new(settings)?, OnceLock::new()))),
            Wire::Http(encoding) => Speech::Http(Box::new(http::Client::new(settings, encoding)?)),
        };
        Ok(Self { speech, timeout: settings.timeout })
    }

    /// As messages name it: `http://127.0.0.1:4317`.
    pub(crate) fn name(&self) -> String {
        match &self.speech {
            Speech::Grpc(target) => target.0.name().to_owned(),
            Speech::Http(client) => client.name(),
        }
    }

    /// One attempt.
    pub(crate) async fn send(&self, bytes: Bytes) -> Result<ExportTraceServiceResponse, Refusal> {
        let limit = self.timeout;
        let answer = async {
            match &self.speech {
                Speech::Grpc(shared) => {
                    let (target, client) = &**shared;
                    let mut client = client.get_or_init(|| target.connect()).clone();
                    let answer = client.send(bytes).await;
                    answer.map_err(|status| Refusal { status, after: None })
                }
                Speech::Http(client) => client.send(bytes).await,
            }
        };
        if limit.is_zero() {
            return answer.await;
        }
        let late = |_| Err(Refusal { status: timed_out(limit), after: None });
        tokio::time::timeout(limit, answer).await.unwrap_or_else(late)
    }
}

/// Sends finished spans to one endpoint, one request after the other.
#[derive(Debug)]
pub struct Exporter {
    settings: Settings,
    server: Server,
    name: String,
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
        let server = Server::new(Wire::Grpc, &settings)?;
        let name = server.name();
        Ok(Self { settings, server, name })
    }

    /// Where it sends to, as messages name it: `http://127.0.0.1:4317`.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.name
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
    async fn send(&self, request: &Request) -> Delivery {
        let Self { settings, server, .. } = self;
        let attempt = || server.send(request.bytes.clone());
        let pause = async |_, delay| {
            tokio::time::sleep(delay).await;
            true
        };
        deliver(&settings.retry, request.n_spans, attempt, pause).await
    }
}

fn timed_out(limit: Duration) -> Status {
    Status::new(Code::DeadlineExceeded, format!("no answer within {limit:?}"))
}
