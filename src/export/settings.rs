//! How each exporter is set up; names and defaults are those of the Collector.

use std::path::PathBuf;
use std::time::Duration;

use super::endpoint::Settings;
pub use super::wire::{Encoding, Wire};

/// One exporter of a pipeline.
#[derive(Clone, Debug)]
pub struct Exporter {
    /// Component id: `otlp_grpc/jaeger`.
    pub id: String,
    /// Where it sends to.
    pub to: To,
}

/// Where an exporter sends to.
#[derive(Clone, Debug)]
pub enum To {
    /// An OTLP server.
    Server {
        /// How it is spoken to.
        wire: Wire,
        /// Address, TLS, headers, retries.
        settings: Box<Settings>,
        /// What waits for it.
        queue: Queue,
    },
    /// Standard output, for a look at what leaves.
    Debug(Verbosity),
    /// A file of OTLP JSON, one request a line; it is appended to.
    File(PathBuf),
}

/// How much the debug exporter says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verbosity {
    /// How many spans.
    #[default]
    Basic,
    /// A line for each span.
    Normal,
    /// All of each span.
    Detailed,
}

/// `sending_queue`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Requests that are under way at the same time.
    pub num_consumers: usize,
    /// What may wait, in units of the sizer.
    pub size: usize,
    /// What is counted.
    pub sizer: Sizer,
    /// How requests are put together; `None` sends each as it comes.
    pub batch: Option<Batch>,
}

/// What a queue counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sizer {
    /// Requests.
    #[default]
    Requests,
    /// Spans.
    Items,
    /// Bytes, uncompressed.
    Bytes,
}

/// `sending_queue::batch`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// A request leaves this long after its first part at the latest.
    pub flush_timeout: Duration,
    /// A request leaves as soon as it has this size, in units of the sizer.
    pub min_size: usize,
    /// [`Sizer::Items`] or [`Sizer::Bytes`].
    pub sizer: Sizer,
}

impl Default for Queue {
    fn default() -> Self {
        Self { num_consumers: 10, size: 1_000, sizer: Sizer::Requests, batch: None }
    }
}

impl Default for Batch {
    fn default() -> Self {
        Self { flush_timeout: Duration::from_millis(200), min_size: 8_192, sizer: Sizer::Items }
    }
}

impl Sizer {
    /// The size of a request.
    #[must_use]
    pub fn size(self, request: &crate::otlp::batch::Request) -> usize {
        match self {
            Self::Requests => 1,
            Self::Items => request.n_spans,
            Self::Bytes => request.bytes.len(),
        }
    }
}
