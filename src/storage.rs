//! What outlasts the process: the state of the core and the queues of exporters, in one store.
//!
//! One commit takes a state together with what left it, all or nothing. The store is a file of redb,
//! whose transactions and checksums do what would else be done here: every page that is in use is
//! checked when it is opened. What is damaged is set aside and told, and of it each request whose
//! bytes are whole goes on in the new one. State of another cluster or form is set aside alone.
//!
//! All verbs block; they are for a thread that may wait for a disk.

mod commit;
mod disk;
mod frame;
mod inspect;
mod open;
mod tables;

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use redb::Database;

pub use self::commit::{Changes, Commit, Origin, Queued, Waiting};
use self::disk::Directory;
pub use self::disk::Disk;
pub use self::inspect::{Contents, Queue, inspect};
use self::open::Fault;
use crate::facts::time::UnixNanos;

/// Memory for pages that are read again; requests are read once.
const CACHE: usize = 2 << 20;

/// `file_storage`, with the names and meanings of the Collector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where the store is.
    pub directory: PathBuf,
    /// Whether the directory is made.
    pub create_directory: bool,
    /// Permissions of a directory that is made.
    pub directory_permissions: u32,
    /// How long another process that has the store is waited for.
    pub timeout: Duration,
    /// Whether each commit is written through to the disk.
    pub fsync: bool,
    /// Whether what is damaged is set aside; else the program does not start with it.
    pub recreate: bool,
}

/// A store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory cannot be used.
    #[error(
        "the storage directory {path} cannot be used: it must exist, or `create_directory` be true, and this process must be able to write there"
    )]
    Directory {
        /// It.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another process has it.
    #[error(
        "another process has the storage {name}: each needs a directory of its own (extensions::file_storage::directory)"
    )]
    Held {
        /// The store.
        name: String,
    },
    /// It cannot be read or written.
    #[error("the storage {name} cannot be opened")]
    Io {
        /// The store.
        name: String,
        /// Why.
        #[source]
        source: redb::Error,
    },
    /// It is damaged, and shall not be set aside.
    #[error(
        "the storage {name} {why}: look at it with lifespan storage, put it aside, or let `recreate` be true"
    )]
    Damaged {
        /// The store.
        name: String,
        /// What is wrong.
        why: String,
    },
}

/// What was asked of a store was not done.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct StorageError(#[from] redb::Error);

/// What was done with a store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Commits.
    pub commits: u64,
    /// Commits that failed, and are tried again.
    pub failures: u64,
    /// What was set aside: damaged stores, and states of another cluster or form.
    pub set_aside: u64,
    /// How large it is.
    pub n_bytes: u64,
}

/// An open store; clones share it.
#[derive(Clone)]
pub struct Storage(Arc<Inner>);

struct Inner {
    disk: Box<dyn Disk>,
    /// `None` after a failure of the disk, until it is opened again.
    db: RwLock<Option<Database>>,
    /// Writing through has failed: what was written before may never reach the disk, whatever later tries
    /// say.
    is_doubtful: Arc<AtomicBool>,
    /// Room is kept for when there is none.
    has_reserve: AtomicBool,
    commits: AtomicU64,
    failures: AtomicU64,
    set_aside: AtomicU64,
}

impl fmt::Debug for Storage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Storage({})", self.0.disk.name())
    }
}

impl Storage {
    /// Opens the store of `settings`; `at` is now. Another process that has it is not waited for.
    ///
    /// # Errors
    /// What keeps it from being opened.
    pub fn open(settings: &Settings, at: UnixNanos) -> Result<Self, OpenError> {
        let disk = Directory::new(settings)
            .map_err(|source| OpenError::Directory { path: settings.directory.clone(), source })?;
        Self::on(Box::new(disk), settings.recreate, at)
    }

    /// The same for a store that stands on `disk`.
    ///
    /// # Errors
    /// What keeps it from being opened.
    pub fn on(disk: Box<dyn Disk>, recreates: bool, at: UnixNanos) -> Result<Self, OpenError> {
        let inner = Inner {
            disk,
            db: RwLock::new(None),
            is_doubtful: Arc::default(),
            has_reserve: AtomicBool::new(false),
            commits: AtomicU64::new(0),
            failures: AtomicU64::new(0),
            set_aside: AtomicU64::new(0),
        };
        let name = inner.disk.name();
        let opened = match inner.checked() {
            Err(Fault::Useless(suffix, why)) if recreates => {
                inner.recreate(suffix, &why, at).map_err(Fault::Io)
            }
            other => other,
        };
        let db = opened.map_err(|fault| match fault {
            Fault::Held => OpenError::Held { name },
            Fault::Io(source) => OpenError::Io { name, source },
            Fault::Useless(_, why) => OpenError::Damaged { name, why },
        })?;
        *inner.db.write().unwrap_or_else(PoisonError::into_inner) = Some(db);
        Ok(Self(Arc::new(inner)))
    }

    /// Stores all of `commit`, or nothing. After a failure the next one may succeed.
    ///
    /// # Errors
    /// Why nothing was stored.
    pub fn commit(&self, commit: &Commit) -> Result<(), StorageError> {
        let done = self.with(|db| tables::commit(db, commit));
        let counter = if done.is_ok() { &self.0.commits } else { &self.0.failures };
        counter.fetch_add(1, Ordering::Relaxed);
        if done.is_ok() && !self.0.has_reserve.load(Ordering::Relaxed) {
            self.0.has_reserve.store(self.0.disk.reserve().is_ok(), Ordering::Relaxed);
        }
        done
    }

    /// Takes out of the queues what `commit` takes out of them, and nothing else of it: on a disk that is full
    /// of what waits only that makes room. It is done with what is kept for that, if it must be.
    ///
    /// # Errors
    /// Why it was not.
    pub fn let_go(&self, commit: &Commit) -> Result<(), StorageError> {
        let removals = commit.removals.clone();
        let alone = Commit { at: commit.at, removals, ..Commit::default() };
        match self.commit(&alone) {
            Err(error) if !self.0.disk.release() => Err(error),
            Err(_) => {
                self.0.has_reserve.store(false, Ordering::Relaxed);
                self.commit(&alone)
            }
            Ok(()) => Ok(()),
        }
    }

    /// All that was kept of `origin`, with nothing taken away. State of another origin is set aside.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn state(&self, origin: &Origin, at: UnixNanos) -> Result<Changes, StorageError> {
        self.with(|db| {
            match tables::origin(db)? {
                Some(known) if known == *origin => return tables::state(db),
                Some(known) if known.cluster != origin.cluster => {
                    let why = format!("is of cluster {}, not {}", known.cluster, origin.cluster);
                    self.0.state_aside(db, &known, &why, at)?;
                }
                Some(known) => {
                    let (its, ours) = (known.format, origin.format);
                    let why = format!("has format {its}, and this version reads {ours}");
                    self.0.state_aside(db, &known, &why, at)?;
                }
                None => {}
            }
            tables::begin_state(db, origin)?;
            Ok(Changes::default())
        })
    }

    /// What its state is of, if it has any.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn origin(&self) -> Result<Option<Origin>, StorageError> {
        self.with(tables::origin)
    }

    /// Sets the state aside because of `why`: `is of …`. There is none then.
    ///
    /// # Errors
    /// Why it cannot be.
    pub fn set_state_aside(&self, why: &str, at: UnixNanos) -> Result<(), StorageError> {
        self.with(|db| {
            let Some(known) = tables::origin(db)? else { return Ok(()) };
            self.0.state_aside(db, &known, why, at)?;
            tables::begin_state(db, &known)
        })
    }

    /// The exporters that have a queue here.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn exporters(&self) -> Result<Vec<String>, StorageError> {
        self.with(tables::exporters)
    }

    /// What waits for `exporter`.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn waiting(&self, exporter: &str) -> Result<Waiting, StorageError> {
        self.with(|db| tables::waiting(db, exporter))
    }

    /// A request that waits; `None` if there is none of that number.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn request(&self, exporter: &str, number: u64) -> Result<Option<Queued>, StorageError> {
        self.with(|db| tables::request(db, exporter, number))
    }

    /// As messages name it.
    #[must_use]
    pub fn name(&self) -> String {
        self.0.disk.name()
    }

    /// What was done with it.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Figures {
            commits: of(&self.0.commits),
            failures: of(&self.0.failures),
            set_aside: of(&self.0.set_aside),
            n_bytes: self.0.disk.size(),
        }
    }

    /// Does `act` with the store, which is opened again if its disk had failed.
    fn with<T>(
        &self,
        act: impl FnOnce(&Database) -> Result<T, redb::Error>,
    ) -> Result<T, StorageError> {
        let inner = &self.0;
        let open = || inner.db.read().unwrap_or_else(PoisonError::into_inner);
        if open().is_none() {
            let mut place = inner.db.write().unwrap_or_else(PoisonError::into_inner);
            if place.is_none() {
                *place = Some(inner.reopened().map_err(redb::Error::from)?);
            }
        }
        let done = open().as_ref().map_or(Err(redb::Error::DatabaseClosed), act);
        if done.is_err() {
            // Whatever failed, redb does no more until it has looked at its file again.
            inner.db.write().unwrap_or_else(PoisonError::into_inner).take();
        }
        Ok(done?)
    }
}
