//! Hands finished spans to exporters, each with a queue and a pace of its own.
//!
//! Spans are encoded once, and each exporter gets the same bytes. Offering never waits: what does
//! not fit into an exporter's queue is dropped by that exporter, counted and told, and holds up
//! neither the others nor the watches. The books of every exporter balance at any moment.

pub mod batcher;
pub mod books;
pub mod debug;
pub mod settings;
mod sink;
mod worker;

use std::fs::OpenOptions;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;

use self::books::Books;
use self::settings::{Exporter, To};
use self::worker::{Intake, Stop};
use crate::export::{Server, SettingsError};
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
pub struct AllBooks(Vec<worker::Account>);

impl AllBooks {
    /// As they are now, in the order of the exporters.
    #[must_use]
    pub fn now(&self) -> Vec<Books> {
        self.0.iter().map(worker::Account::now).collect()
    }
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
                To::Debug(verbosity) => {
                    let (intake, sink) = sink::debug(id, verbosity, Box::new(io::stdout()));
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

    /// Hands `spans` to every exporter; never waits.
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
