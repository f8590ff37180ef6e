//! Spans to a server, while the command waits.

use std::io;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::delivery::settings::{self as delivery, Queue, Wire};
use crate::export::{ExportError, Exporter, Sent, Settings, SettingsError, Tls};
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
    /// The system refused what networking needs.
    #[error("cannot set up networking")]
    Runtime(#[source] io::Error),
}

/// Sends spans in the order in which they are put.
#[derive(Debug)]
pub(super) struct Sender {
    exporter: Exporter,
    runtime: Runtime,
    waiting: Vec<FinishedSpan>,
    total: Sent,
    failure: Option<ExportError>,
}

impl Sender {
    /// A sender to `endpoint`. Without a scheme it is reached in plaintext if that is asked for or
    /// it is this machine, else over TLS.
    pub(super) fn new(endpoint: &str, is_insecure: bool) -> Result<Self, SendError> {
        let exporter =
            Exporter::new(Settings { retry: PATIENCE, ..settings(endpoint, is_insecure) })?;
        let runtime =
            Builder::new_current_thread().enable_all().build().map_err(SendError::Runtime)?;
        Ok(Self { exporter, runtime, waiting: Vec::new(), total: Sent::default(), failure: None })
    }

    pub(super) fn put(&mut self, spans: Vec<FinishedSpan>) {
        self.waiting.extend(spans);
        if self.waiting.len() >= TOGETHER {
            self.flush();
        }
    }

    /// Sends what waits. After the first failure nothing more is sent: the next would fail too.
    pub(super) fn flush(&mut self) {
        let spans = std::mem::take(&mut self.waiting);
        if spans.is_empty() || self.failure.is_some() {
            return;
        }
        match self.runtime.block_on(self.exporter.export(&spans)) {
            Ok(sent) => self.count(&sent),
            Err(error) => {
                self.count(error.sent());
                self.failure = Some(error);
            }
        }
    }

    fn count(&mut self, sent: &Sent) {
        self.total.sent += sent.sent;
        self.total.rejected += sent.rejected;
        if !sent.warning.is_empty() {
            self.total.warning.clone_from(&sent.warning);
        }
    }

    /// Where it sends to.
    pub(super) fn endpoint(&self) -> &str {
        self.exporter.endpoint()
    }

    /// What must be said about it, if anything, and whether all went well.
    pub(super) fn complaint(&self) -> Option<String> {
        let endpoint = self.endpoint();
        let Sent { rejected, warning, .. } = &self.total;
        match &self.failure {
            Some(failure) => Some(failure.to_string()),
            None if *rejected > 0 => {
                Some(format!("{rejected} spans were rejected by {endpoint}: {warning}"))
            }
            None => None,
        }
    }

    /// How many spans the server took.
    pub(super) fn n_sent(&self) -> usize {
        self.total.sent
    }
}

/// The exporter of a live run; a server that is away is waited for.
pub(super) fn exporter(endpoint: &str, is_insecure: bool) -> delivery::Exporter {
    let settings = Box::new(settings(endpoint, is_insecure));
    let to = delivery::To::Server { wire: Wire::Grpc, settings, queue: Queue::default() };
    delivery::Exporter { id: endpoint.to_owned(), to }
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
