//! Hands finished spans to exporters, each with a queue, a pace and books of its own.
//!
//! There is one path for all that leaves: the service, `replay`, `stamp` and the webhook. Spans are
//! encoded once, and each exporter gets the same bytes. [`Delivery::offer`] never waits: what does
//! not fit into an exporter's queue is dropped by that exporter, counted and told, and holds up
//! neither the others nor the watches. Whoever may wait uses [`Delivery::hand_in`]. The books of
//! every exporter balance at any moment.
//!
//! What is decided, which request, whether an answer means "again", how long to wait, is decided
//! in [`otlp`](crate::otlp); here are the queues, the wires, the clock and the draw of a jitter.

mod auth;
pub mod batcher;
pub mod books;
mod connect;
pub mod debug;
mod deliver;
mod endpoint;
mod error;
mod files;
mod grpc;
mod headers;
mod http;
mod intake;
mod proxy;
mod sampler;
mod server;
pub mod settings;
mod sink;
mod tls;
mod wire;
mod worker;

use std::fs::OpenOptions;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

pub use self::auth::Auth;
use self::books::Books;
pub use self::endpoint::{Compression, Keepalive, Settings, Signal};
pub use self::error::{Failure, SettingsError};
pub use self::files::{FileOrText, Files};
pub use self::headers::Headers;
use self::intake::{Account, Intake};
pub use self::proxy::Proxy;
use self::server::Server;
use self::settings::{Exporter, To, Wire};
pub use self::tls::{Tls, Versions};
use self::worker::Stop;
use crate::facts::span::FinishedSpan;
use crate::otlp::batch::{MAX_REQUEST_BYTES, requests};

/// An exporter cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting cannot be used.
    #[error("{id}: {source}")]
    Settings {
        /// The exporter.
        id: String,
        /// What is wrong.
        #[source]
        source: SettingsError,
    },
    /// The file cannot be written.
    #[error("{id}: cannot write {path}: {source}")]
    File {
        /// The exporter.
        id: String,
        /// Its file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Running exporters.
#[derive(Debug)]
pub struct Delivery {
    intakes: Vec<Intake>,
    tasks: JoinSet<()>,
    stop: watch::Sender<Stop>,
}

/// The books of running exporters, for whoever shows them.
#[derive(Clone, Debug, Default)]
pub struct AllBooks(Vec<Account>);

impl AllBooks {
    /// As they are now, in the order of the exporters.
    #[must_use]
    pub fn now(&self) -> Vec<Books> {
        self.0.iter().map(Account::now).collect()
    }

    /// Waits until `is_enough` is true of the books of every exporter.
    pub async fn until(&self, is_enough: impl Fn(&Books) -> bool) {
        for account in &self.0 {
            account.until(&is_enough).await;
        }
    }
}

/// The endpoint that `settings` name, as messages do: `http://127.0.0.1:4317`.
///
/// # Errors
/// Tells the setting that cannot be used, and what is wanted instead.
pub fn endpoint(wire: Wire, settings: &Settings) -> Result<String, SettingsError> {
    Server::new(wire, settings).map(|server| server.name())
}

/// Sends what is sent anew anyway: one attempt each time, and nothing waits.
#[derive(Clone, Debug)]
pub struct Pusher(Server);

impl Pusher {
    /// Checks `settings`; does not connect.
    ///
    /// # Errors
    /// Tells the setting that cannot be used, and what is wanted instead.
    pub fn new(wire: Wire, settings: &Settings) -> Result<Self, SettingsError> {
        Server::new(wire, settings).map(Self)
    }

    /// As messages name it.
    #[must_use]
    pub fn name(&self) -> String {
        self.0.name()
    }

    /// One attempt. What the server took in part is not told.
    ///
    /// # Errors
    /// Why it was not taken.
    pub async fn push(&self, request: Vec<u8>) -> Result<(), Failure> {
        let answer = self.0.send(request.into()).await;
        answer.map(drop).map_err(|refusal| Failure::new(&refusal.status, self.0.wire()))
    }
}

/// Proves that `settings` can be sent with, as far as no file must be read for it.
///
/// # Errors
/// Tells the setting that cannot be used, and what is wanted instead.
pub fn prove(wire: Wire, settings: &Settings) -> Result<String, SettingsError> {
    match wire {
        Wire::Grpc => endpoint::url(settings),
        Wire::Http(_) => http::uri(&settings.endpoint).map(|uri| uri.to_string()),
    }
}

/// Proves that the certificates, keys and credentials of `settings` can be used, if [`prove`] finds
/// nothing else wrong with them.
///
/// # Errors
/// Tells the first that cannot, and why.
pub fn prove_files(
    wire: Wire,
    settings: &Settings,
    files: &dyn Files,
) -> Result<(), SettingsError> {
    let Ok(url) = prove(wire, settings) else { return Ok(()) };
    if url.starts_with("https://") {
        settings.tls.client_config(files)?;
    }
    let auth = settings.auth.as_ref().map_or(Ok(Headers::default()), |auth| auth.headers(files));
    auth.map(drop).map_err(SettingsError::Tls)
}

impl Delivery {
    /// Starts `exporters`; must be called inside a runtime. Servers are not waited for.
    ///
    /// # Errors
    /// Tells the first exporter that cannot be started, and why.
    pub fn start(exporters: Vec<Exporter>) -> Result<Self, StartError> {
        let (stop, stopped) = watch::channel(Stop::No);
        let mut delivery = Self { intakes: Vec::new(), tasks: JoinSet::new(), stop };
        for Exporter { id, to } in exporters {
            let stopped = stopped.clone();
            let intake = match to {
                To::Server { wire, settings, queue } => {
                    let server = Server::new(wire, &settings)
                        .map_err(|source| StartError::Settings { id: id.clone(), source })?;
                    let (intake, worker) = worker::server(id, server, *settings, queue, stopped);
                    delivery.tasks.spawn(worker.run());
                    intake
                }
                To::Debug(verbosity, sampling) => {
                    let out = Box::new(io::stdout());
                    let (intake, sink) = sink::debug(id, verbosity, sampling, out);
                    delivery.tasks.spawn(sink.run());
                    intake
                }
                To::File(path) => {
                    let file = OpenOptions::new().create(true).append(true).open(&path);
                    let file =
                        file.map_err(|source| StartError::File { id: id.clone(), path, source })?;
                    let (intake, sink) = sink::file(id, Box::new(file));
                    delivery.tasks.spawn(sink.run());
                    intake
                }
            };
            delivery.intakes.push(intake);
        }
        Ok(delivery)
    }

    /// Hands `spans` to every exporter; never waits. What has no room is dropped and counted.
    pub fn offer(&self, spans: &[FinishedSpan]) {
        if self.intakes.is_empty() {
            return;
        }
        for request in requests(spans, MAX_REQUEST_BYTES) {
            for intake in &self.intakes {
                intake.offer(request.clone());
            }
        }
    }

    /// Hands `spans` to every exporter, and waits for room where there is none.
    pub async fn hand_in(&self, spans: &[FinishedSpan]) {
        for request in requests(spans, MAX_REQUEST_BYTES) {
            for intake in &self.intakes {
                intake.hand_in(request.clone()).await;
            }
        }
    }

    /// The books, also for later.
    #[must_use]
    pub fn books(&self) -> AllBooks {
        AllBooks(self.intakes.iter().map(Intake::account).collect())
    }

    /// Takes nothing more, delivers what waits without trying anything twice, and gives up after
    /// `grace`. Dropping the future gives up at once. The books then tell what became of all.
    pub async fn drain(mut self, grace: Duration) -> Vec<Books> {
        let books = self.books();
        self.stop.send_replace(Stop::Draining);
        self.intakes.clear();
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(grace, ended).await.is_err() {
            self.tasks.shutdown().await;
        }
        for account in &books.0 {
            account.close();
        }
        books.now()
    }
}
