//! Spans to a server, while the command waits.

use std::io;
use std::time::Duration;

use tokio::runtime::Runtime;

use super::runtime::runtime;
use crate::export::books::Books;
use crate::export::settings::{Exporter, Queue, To, Wire};
use crate::export::{self, Delivery, Settings, SettingsError, StartError, Tls};
use crate::facts::span::FinishedSpan;
use crate::otlp::backoff::Backoff;

/// So many spans are sent together.
const TOGETHER: usize = 10_000;

/// A person waits for this: the server is there, or it is not.
const PATIENCE: Backoff = Backoff {
    initial: Duration::from_millis(500),
    multiplier: 1.5,
    randomization: 0.5,
    max: Duration::from_secs(5),
    max_elapsed: Duration::from_secs(10),
};

/// The sender could not be set up.
#[derive(Debug, thiserror::Error)]
pub(super) enum SendError {
    /// The endpoint cannot be sent to.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// It cannot be sent to at all.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The system refused what networking needs.
    #[error("cannot set up networking")]
    Runtime(#[source] io::Error),
}

/// Sends spans in the order in which they are put.
#[derive(Debug)]
pub(super) struct Sender {
    /// Until the end, or until the server was given up.
    delivery: Option<Delivery>,
    runtime: Runtime,
    endpoint: String,
    waiting: Vec<FinishedSpan>,
    n_put: u64,
    books: Books,
}

impl Sender {
    /// A sender to `endpoint`. Without a scheme it is reached in plaintext if that is asked for or
    /// it is this machine, else over TLS.
    pub(super) fn new(endpoint: &str, is_insecure: bool) -> Result<Self, SendError> {
        let settings = Settings { retry: PATIENCE, ..settings(endpoint, is_insecure) };
        let endpoint = export::endpoint(Wire::Grpc, &settings)?;
        // One request after the other, so that spans arrive in the order in which they are put.
        let queue = Queue { num_consumers: 1, size: 1, ..Queue::default() };
        let to = To::Server { wire: Wire::Grpc, settings: Box::new(settings), queue };
        let exporter = Exporter { id: endpoint.clone(), to };
        let runtime = runtime().map_err(SendError::Runtime)?;
        let delivery = runtime.block_on(async { Delivery::start(vec![exporter]) })?;
        let (delivery, books) = (Some(delivery), Books::default());
        Ok(Self { delivery, runtime, endpoint, waiting: Vec::new(), n_put: 0, books })
    }

    pub(super) fn put(&mut self, spans: Vec<FinishedSpan>) {
        self.n_put += spans.len() as u64;
        self.waiting.extend(spans);
        if self.waiting.len() >= TOGETHER {
            self.hand_in();
        }
    }

    /// Hands in what waits. Once the server was given up nothing more is sent: the next would wait
    /// as long.
    fn hand_in(&mut self) {
        let spans = std::mem::take(&mut self.waiting);
        let Some(delivery) = &self.delivery else { return };
        let books = delivery.books();
        let is_away = self.runtime.block_on(async {
            tokio::select! {
                () = books.until(|books| books.gave_up > 0) => true,
                () = delivery.hand_in(&spans) => false,
            }
        });
        if is_away {
            self.end();
        }
    }

    /// Sends what waits, and waits until all is delivered or cannot be.
    pub(super) fn finish(&mut self) {
        self.hand_in();
        if let Some(delivery) = &self.delivery {
            let books = delivery.books();
            self.runtime.block_on(books.until(|books| books.gave_up > 0 || books.is_idle()));
        }
        self.end();
    }

    fn end(&mut self) {
        let Some(delivery) = self.delivery.take() else { return };
        let books = self.runtime.block_on(delivery.drain(Duration::ZERO));
        self.books = books.into_iter().next().unwrap_or_default();
    }

    /// Where it sends to.
    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// What must be said at the end, if not all went well.
    pub(super) fn complaint(&self) -> Option<String> {
        let Books { sent, rejected, last_error, warning, .. } = &self.books;
        let told = |text: &Option<String>| text.clone().unwrap_or_default();
        let (endpoint, n) = (&self.endpoint, self.n_put);
        match n - sent - rejected {
            0 if *rejected == 0 => None,
            0 => Some(format!("{rejected} spans were rejected by {endpoint}: {}", told(warning))),
            lost => Some(format!(
                "{lost} of {n} spans were not delivered to `{endpoint}`: {}",
                told(last_error)
            )),
        }
    }

    /// How many spans the server took.
    pub(super) fn n_sent(&self) -> u64 {
        self.books.sent
    }
}

/// The exporter of a live run; a server that is away is waited for.
pub(super) fn exporter(endpoint: &str, is_insecure: bool) -> Exporter {
    let settings = Box::new(settings(endpoint, is_insecure));
    let to = To::Server { wire: Wire::Grpc, settings, queue: Queue::default() };
    Exporter { id: endpoint.to_owned(), to }
}

/// Without a scheme the endpoint is reached in plaintext if that is asked for or it is this
/// machine, else over TLS.
fn settings(endpoint: &str, is_insecure: bool) -> Settings {
    let insecure = is_insecure || is_this_machine(endpoint);
    Settings { tls: Tls { insecure, ..Tls::default() }, ..Settings::new(endpoint) }
}

fn is_this_machine(endpoint: &str) -> bool {
    let host = endpoint.trim().rsplit_once(':').map_or(endpoint, |(host, _)| host);
    host.eq_ignore_ascii_case("localhost")
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_reached_in_plaintext_unasked() {
        let endpoint = |text, insecure| Sender::new(text, insecure).unwrap().endpoint().to_owned();
        assert_eq!(endpoint("localhost:4317", false), "http://localhost:4317");
        assert_eq!(endpoint("127.0.0.1:4317", false), "http://127.0.0.1:4317");
        assert_eq!(endpoint("[::1]:4317", false), "http://[::1]:4317");
        assert_eq!(endpoint("collector:4317", false), "https://collector:4317");
        assert_eq!(endpoint("collector:4317", true), "http://collector:4317");
        assert_eq!(endpoint("https://localhost:4317", false), "https://localhost:4317");
    }
}
