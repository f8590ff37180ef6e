//! Hands finished spans to exporters, each with a queue, a pace and books of its own.
//!
//! With a storage what is handed over is committed first, together with the state that it left, and
//! only then do requests leave; queues that are stored outlast this process.
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
mod keeper;
mod line;
mod probe;
mod proxy;
mod redirect;
mod sampler;
mod server;
pub mod settings;
mod sink;
mod tls;
mod wire;
mod worker;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
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
use self::keeper::Keeper;
pub use self::keeper::Kept;
pub use self::proxy::Proxy;
use self::server::Server;
use self::settings::{Exporter, To, Wire};
pub use self::tls::{Tls, Versions};
use self::worker::Stop;
use crate::facts::span::FinishedSpan;
use crate::otlp::batch::{MAX_REQUEST_BYTES, Request, requests};
use crate::storage::{Changes, Commit, Queued, Storage, StorageError, Waiting};

/// The last commit has so long: with what exporters have it is less than the 30 s of a Pod.
const LAST_COMMIT: Duration = Duration::from_secs(3);

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
    /// Its queue cannot be read.
    #[error("{id}: cannot read what waits in the storage")]
    Storage {
        /// The exporter.
        id: String,
        /// Why.
        #[source]
        source: StorageError,
    },
}

/// What an exporter does until nothing more comes.
type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Running exporters.
#[derive(Debug)]
pub struct Delivery {
    intakes: Vec<Intake>,
    tasks: JoinSet<()>,
    stop: watch::Sender<Stop>,
    keeper: Option<Keeper>,
    /// The task of the keeper, which ends after the others.
    keeping: JoinSet<()>,
}

/// The books of running exporters, for whoever shows them.
#[derive(Clone, Debug, Default)]
pub struct AllBooks {
    accounts: Vec<Account>,
    keeper: Option<Keeper>,
}

impl AllBooks {
    /// As they are now, in the order of the exporters.
    #[must_use]
    pub fn now(&self) -> Vec<Books> {
        self.accounts.iter().map(Account::now).collect()
    }

    /// How the storage is doing, if there is one.
    #[must_use]
    pub fn kept(&self) -> Option<Kept> {
        self.keeper.as_ref().map(Keeper::kept)
    }

    /// Waits until `is_enough` is true of the books of every exporter.
    pub async fn until(&self, is_enough: impl Fn(&Books) -> bool) {
        for account in &self.accounts {
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
        Wire::Http(_) => endpoint::uri(&settings.endpoint).map(|uri| uri.to_string()),
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
        Self::start_with(exporters, None)
    }

    /// The same with a storage: what waits in it for them is sent first.
    ///
    /// # Errors
    /// Tells the first exporter that cannot be started, and why.
    pub fn start_with(
        exporters: Vec<Exporter>,
        storage: Option<Storage>,
    ) -> Result<Self, StartError> {
        let (stop, stopped) = watch::channel(Stop::No);
        let keeper = storage.clone().map(Keeper::new);
        let (tasks, keeping) = (JoinSet::new(), JoinSet::new());
        let mut delivery = Self { intakes: Vec::new(), tasks, stop, keeper, keeping };
        let mut found = match &storage {
            Some(storage) => queues_of(storage, &exporters)?,
            None => BTreeMap::new(),
        };
        for Exporter { id, to } in exporters {
            let stopped = stopped.clone();
            let (intake, work): (Intake, Work) = match to {
                To::Server { wire, settings, queue } => {
                    let server = Server::new(wire, &settings)
                        .map_err(|source| StartError::Settings { id: id.clone(), source })?;
                    let (found, keeper) = (found.remove(&id), delivery.keeper.clone());
                    let (intake, worker) =
                        worker::server(id, server, *settings, queue, stopped, keeper);
                    if let Some(found) = found {
                        intake.restore(&found);
                    }
                    (intake, Box::pin(worker.run()))
                }
                To::Debug(verbosity, sampling) => {
                    let out = Box::new(io::stdout());
                    let (intake, sink) = sink::debug(id, verbosity, sampling, out);
                    (intake, Box::pin(sink.run()))
                }
                To::File(path) => {
                    let file = sink::file(id.clone(), &path);
                    let (intake, sink) =
                        file.map_err(|source| StartError::File { id, path, source })?;
                    (intake, Box::pin(sink.run()))
                }
            };
            delivery.tasks.spawn(intake.account().telling(work));
            delivery.intakes.push(intake);
        }
        if let Some(keeper) = delivery.keeper.clone() {
            let lines = delivery.intakes.iter().map(|intake| intake.account().line().clone());
            delivery.keeping.spawn(keeper.run(lines.collect()));
        }
        Ok(delivery)
    }

    /// Hands `spans` to every exporter; never waits. What has no room is dropped and counted.
    pub fn offer(&self, spans: &[FinishedSpan]) {
        self.hand_over(spans, Changes::default());
    }

    /// The same together with what is new of the state that they left: one commit stores both, and
    /// requests leave after it. Without a storage the state goes nowhere.
    pub fn hand_over(&self, spans: &[FinishedSpan], changes: Changes) {
        if spans.is_empty() && changes.0.is_empty() {
            return;
        }
        let offer = |commit| -> Vec<Queued> {
            if self.intakes.is_empty() {
                return Vec::new();
            }
            let all = requests(spans, MAX_REQUEST_BYTES);
            let to_all = |request: Request| {
                self.intakes.iter().filter_map(move |it| it.offer(request.clone(), commit))
            };
            all.flat_map(to_all).collect()
        };
        match &self.keeper {
            Some(keeper) => keeper.add(|number| Commit {
                at: crate::clock::now(),
                changes,
                pushes: offer(number),
                removals: Vec::new(),
            }),
            None => drop(offer(0)),
        }
    }

    /// Waits until no commit is under way: what is handed over before only makes the next one larger.
    pub async fn free(&self) {
        if let Some(keeper) = &self.keeper {
            keeper.free().await;
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
        let accounts = self.intakes.iter().map(Intake::account).collect();
        AllBooks { accounts, keeper: self.keeper.clone() }
    }

    /// Takes nothing more, delivers what waits without trying anything twice, and gives up after
    /// `grace`. Dropping the future gives up at once. What could not be delivered stays in queues that
    /// are stored. The books then tell what became of all.
    pub async fn drain(mut self, grace: Duration) -> Vec<Books> {
        let books = self.books();
        self.stop.send_replace(Stop::Draining);
        self.intakes.clear();
        let ended = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(grace, ended).await.is_err() {
            self.tasks.shutdown().await;
        }
        if let Some(keeper) = &self.keeper {
            keeper.end();
            let ended = async { while self.keeping.join_next().await.is_some() {} };
            if tokio::time::timeout(LAST_COMMIT, ended).await.is_err() {
                tracing::error!("The storage does not answer; what was not stored yet is not");
            }
        }
        for account in &books.accounts {
            account.close();
        }
        books.now()
    }
}

/// What waits for the exporters that are stored. What waits in queues of exporters that are not there
/// any more, or store nothing, is kept; and what others have waiting goes with this process. Both are
/// said.
fn queues_of(
    storage: &Storage,
    exporters: &[Exporter],
) -> Result<BTreeMap<String, Waiting>, StartError> {
    let failed = |id: &str| {
        let id = id.to_owned();
        move |source| StartError::Storage { id, source }
    };
    let stored = exporters.iter().filter(|it| it.is_stored());
    let stored: Vec<_> = stored.map(|it| it.id.as_str()).collect();
    let mut found = BTreeMap::new();
    for id in storage.exporters().map_err(failed("the storage"))? {
        let waiting = storage.waiting(&id).map_err(failed(&id))?;
        let spans: u64 = waiting.requests.iter().map(|it| u64::from(it.2)).sum();
        let (exporter, requests) = (id.as_str(), waiting.requests.len());
        let is_stored = stored.contains(&exporter);
        if requests > 0 && is_stored {
            tracing::info!(exporter, requests, spans, "Sending what waits in the storage");
        } else if requests > 0 {
            tracing::warn!(
                exporter,
                requests,
                spans,
                "The storage keeps a queue of an exporter that is not configured with it; it is kept until there is one"
            );
        }
        if is_stored {
            found.insert(id, waiting);
        }
    }
    for Exporter { id, .. } in exporters.iter().filter(|it| it.has_queue() && !it.is_stored()) {
        tracing::warn!(
            otelcol.component.id = id,
            otelcol.component.kind = "exporter",
            "What waits for this exporter is lost with this process: sending_queue has no storage"
        );
    }
    Ok(found)
}
