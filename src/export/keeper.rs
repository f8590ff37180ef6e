//! Commits what was handed over: state and queues by one commit, and only then do requests leave.
//!
//! While a commit is under way the next one is gathered. One that fails is tried again together with
//! what came since: a disk that is full holds up what leaves, and loses nothing.

use std::sync::Arc;
use std::time::Duration;

use prost::bytes::Bytes;
use tokio::sync::watch;
use tokio::task::{JoinError, spawn_blocking};
use tokio::time::{Instant, timeout};

use super::line::Line;
use crate::clock;
use crate::facts::time::UnixNanos;
use crate::otlp::batch::{MAX_REQUEST_BYTES, Request};
use crate::storage::{Commit, Figures, Storage, StorageError};
use crate::text::Chain;

/// That requests have left a queue is stored this much later at most: many together.
const TOGETHER: Duration = Duration::from_secs(1);

/// A commit that failed is tried again after this.
const AGAIN: Duration = Duration::from_secs(1);

/// A disk that takes longer for a commit is told to hang.
const LONGEST: Duration = Duration::from_secs(10);

/// What is said of commits that fail.
const TAKES_NOTHING: &str =
    "The storage takes nothing; nothing is sent until it does. Trying again";

/// Its file is gone from under the process.
const REMOVED: &str =
    "its file has been removed, and what it has ends with this process: start it anew";

/// That commits fail is said this often.
const SAID_EVERY: Duration = Duration::from_secs(60);

/// What is to be stored, and where; clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Keeper {
    storage: Storage,
    gathered: watch::Sender<Gathered>,
}

/// The commit that is being gathered.
#[derive(Debug)]
struct Gathered {
    commit: Commit,
    /// Its number; they count from 1.
    number: u64,
    /// Something waits for it.
    is_urgent: bool,
    /// Another one is under way.
    is_busy: bool,
    is_ended: bool,
    failing: Option<(UnixNanos, String)>,
}

impl Gathered {
    /// Commits fail, from now on or still.
    fn fails(&mut self, problem: &str) {
        let since = self.failing.take().map_or_else(clock::now, |(since, _)| since);
        self.failing = Some((since, problem.to_owned()));
    }
}

/// How a storage is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// As messages name it.
    pub name: String,
    /// What was done with it.
    pub figures: Figures,
    /// Since when commits fail, and why.
    pub failing: Option<(UnixNanos, String)>,
}

impl Keeper {
    pub(super) fn new(storage: Storage) -> Self {
        let gathered = Gathered {
            commit: Commit::default(),
            number: 1,
            is_urgent: false,
            is_busy: false,
            is_ended: false,
            failing: None,
        };
        Self { storage, gathered: watch::Sender::new(gathered) }
    }

    /// Adds what `gather` makes of the number of the commit that it will be part of.
    pub(super) fn add(&self, gather: impl FnOnce(u64) -> Commit) {
        self.gathered.send_modify(|gathered| {
            let commit = gather(gathered.number);
            gathered.is_urgent = true;
            gathered.commit.add(commit);
        });
    }

    /// A request has left the queue of `exporter`.
    pub(super) fn remove(&self, exporter: String, number: u64) {
        self.gathered.send_modify(|gathered| {
            gathered.commit.removals.push((exporter, number));
            gathered.commit.at = clock::now();
        });
    }

    /// Waits until no commit is under way.
    pub(super) async fn free(&self) {
        drop(self.gathered.subscribe().wait_for(|it| !it.is_busy && !it.is_urgent).await);
    }

    /// Commits what is left, and ends.
    pub(super) fn end(&self) {
        self.gathered.send_modify(|gathered| gathered.is_ended = true);
    }

    /// A request that is stored.
    pub(super) async fn read(
        &self,
        exporter: &str,
        number: u64,
    ) -> Result<Option<Request>, String> {
        let (storage, exporter) = (self.storage.clone(), exporter.to_owned());
        let read = spawn_blocking(move || storage.request(&exporter, number)).await;
        let read = read.map_err(panicked)?.map_err(|error| Chain(&error).to_string())?;
        Ok(read.map(|queued| request(queued.n_spans, queued.bytes)))
    }

    /// How the storage is doing.
    pub(super) fn kept(&self) -> Kept {
        Kept {
            name: self.storage.name(),
            figures: self.storage.figures(),
            failing: self.gathered.borrow().failing.clone(),
        }
    }

    /// Runs until its end. `lines` hear of each commit that was made.
    pub(super) async fn run(self, lines: Vec<Line>) {
        let mut seen = self.gathered.subscribe();
        let mut said: Option<Instant> = None;
        loop {
            let is_due = |it: &Gathered| it.is_ended || it.is_urgent;
            // The sender is in `self`: it cannot be gone.
            let begun = seen.wait_for(|it| is_due(it) || !it.commit.is_empty()).await;
            if begun.is_ok_and(|it| it.is_ended && it.commit.is_empty()) {
                return;
            }
            drop(timeout(TOGETHER, seen.wait_for(is_due)).await);
            let Err(problem) = self.commit(&lines, &mut said).await else {
                if self.storage.figures().n_bytes == 0 {
                    // What was opened stays until it is closed, and nobody will find it.
                    self.gathered.send_modify(|gathered| gathered.fails(REMOVED));
                    self.say("The storage keeps nothing", REMOVED, &mut said);
                } else if said.take().is_some() {
                    tracing::info!(storage = self.storage.name(), "The storage takes again");
                }
                continue;
            };
            self.say(TAKES_NOTHING, &problem, &mut said);
            if seen.borrow().is_ended {
                return;
            }
            drop(timeout(AGAIN, seen.wait_for(|it| it.is_ended)).await);
        }
    }

    /// Says what is wrong, unless that was `said` a short time ago.
    fn say(&self, what: &str, problem: &str, said: &mut Option<Instant>) {
        if said.is_none_or(|at| at.elapsed() >= SAID_EVERY) {
            *said = Some(Instant::now());
            tracing::error!(storage = self.storage.name(), error = problem, "{what}");
        }
    }

    /// Commits what was gathered. One that takes long is told to fail until it is done.
    async fn commit(&self, lines: &[Line], said: &mut Option<Instant>) -> Result<(), String> {
        let (mut commit, mut number) = (Commit::default(), 0);
        self.gathered.send_modify(|gathered| {
            commit = std::mem::take(&mut gathered.commit);
            number = gathered.number;
            gathered.number += 1;
            (gathered.is_urgent, gathered.is_busy) = (false, true);
        });
        let storage = self.storage.clone();
        let commit = Arc::new(commit);
        let shared = Arc::clone(&commit);
        let stored = match commit.is_empty() {
            // Spans alone, of exporters that store nothing.
            true => Ok(Ok(())),
            false => {
                let mut storing = spawn_blocking(move || store(&storage, &shared));
                match timeout(LONGEST, &mut storing).await {
                    Ok(stored) => stored,
                    Err(_) => {
                        let problem = format!("a commit has taken longer than {LONGEST:?}");
                        self.gathered.send_modify(|gathered| gathered.fails(&problem));
                        self.say(TAKES_NOTHING, &problem, said);
                        storing.await
                    }
                }
            }
        };
        let stored = match stored {
            Ok(stored) => stored.map_err(|error| Chain(&error).to_string()),
            Err(error) => Err(panicked(error)),
        };
        if stored.is_ok() {
            lines.iter().for_each(|line| line.committed(number));
        }
        self.gathered.send_modify(|gathered| {
            gathered.is_busy = false;
            let Err(problem) = &stored else { return gathered.failing = None };
            gathered.is_urgent = true;
            gathered.fails(problem);
            let commit = Arc::unwrap_or_clone(commit);
            let later = std::mem::replace(&mut gathered.commit, commit);
            gathered.commit.add(later);
        });
        stored
    }
}

/// Stores all of it; what has left the queues leaves them where that is not possible.
fn store(storage: &Storage, commit: &Commit) -> Result<(), StorageError> {
    let stored = storage.commit(commit);
    if stored.is_err() && !commit.removals.is_empty() {
        storage.let_go(commit)?;
    }
    stored
}

fn request(n_spans: u32, bytes: Bytes) -> Request {
    let is_oversized = bytes.len() > MAX_REQUEST_BYTES;
    Request { n_spans: usize::try_from(n_spans).unwrap_or(usize::MAX), is_oversized, bytes }
}

fn panicked(error: JoinError) -> String {
    format!("the storage has failed: {error}")
}
