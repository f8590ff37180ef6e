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

impl Exporter {
    /// Whether what waits for it is stored, and outlasts this process.
    #[must_use]
    pub fn is_stored(&self) -> bool {
        match &self.to {
            To::Server { queue, .. } => queue.is_stored,
            To::Debug(..) | To::File(_) => false,
        }
    }

    /// Whether anything waits for it for longer than it takes to write.
    #[must_use]
    pub fn has_queue(&self) -> bool {
        matches!(self.to, To::Server { .. })
    }
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
    Debug(Verbosity, Sampling),
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

/// How many requests the debug exporter writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sampling {
    /// So many in each second.
    pub initial: u64,
    /// And one in so many of those after them; 0 is none.
    pub thereafter: u64,
}

/// `sending_queue`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Nothing waits for its turn: `size` is what may be under way.
    pub is_off: bool,
    /// Requests that are under way at the same time.
    pub num_consumers: usize,
    /// What may wait, in units of the sizer.
    pub size: usize,
    /// What is counted.
    pub sizer: Sizer,
    /// How requests are put together; `None` sends each as it comes.
    pub batch: Option<Batch>,
    /// What has no room is held back before the queue, within a bound of its own.
    pub blocks: bool,
    /// What waits is stored, and outlasts this process.
    pub is_stored: bool,
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
    /// No request is larger, one of a single span excepted.
    pub max_size: Option<usize>,
    /// [`Sizer::Items`] or [`Sizer::Bytes`].
    pub sizer: Sizer,
}

impl Default for Queue {
    fn default() -> Self {
        Self {
            is_off: false,
            num_consumers: 10,
            size: 1_000,
            sizer: Sizer::Requests,
            batch: None,
            blocks: false,
            is_stored: false,
        }
    }
}

impl Queue {
    /// No queue: so many requests may be under way at the same time.
    #[must_use]
    pub fn off() -> Self {
        Self { is_off: true, num_consumers: 1_000, ..Self::default() }
    }
}

impl Default for Sampling {
    fn default() -> Self {
        Self { initial: 2, thereafter: 1 }
    }
}

impl Default for Batch {
    fn default() -> Self {
        let flush_timeout = Duration::from_millis(200);
        Self { flush_timeout, min_size: 8_192, max_size: None, sizer: Sizer::Items }
    }
}

impl Sizer {
    /// The size of a request.
    #[must_use]
    pub fn size(self, request: &crate::otlp::batch::Request) -> usize {
        self.of(request.n_spans, request.bytes.len())
    }

    /// The size of a request of so many spans and bytes.
    #[must_use]
    pub fn of(self, n_spans: usize, n_bytes: usize) -> usize {
        match self {
            Self::Requests => 1,
            Self::Items => n_spans,
            Self::Bytes => n_bytes,
        }
    }
}
