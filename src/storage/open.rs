//! Opens what stands on a disk, and puts another store in its place where that cannot be used.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;

use redb::{Builder, Database, DatabaseError};

use super::commit::{Commit, Origin};
use super::disk::Bytes;
use super::frame::Known;
use super::tables::{self, FORMAT};
use super::{CACHE, Inner};
use crate::facts::time::UnixNanos;
use crate::text::{Chain, utc};

/// A damaged store is searched in pieces of this size, each twice: what is larger is not found.
const PIECE: u64 = 16 << 20;

/// Why bytes are no store that can be used.
pub(super) enum Fault {
    Held,
    Io(redb::Error),
    /// The suffix of the name under which it stands aside, and what is wrong.
    Useless(&'static str, String),
}

impl From<Fault> for redb::Error {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Held => Self::DatabaseAlreadyOpen,
            Fault::Io(error) => error,
            Fault::Useless(_, why) => Self::Corrupted(why),
        }
    }
}

impl Inner {
    /// The store as it stands there, each page of it checked.
    pub(super) fn checked(&self) -> Result<Database, Fault> {
        let bytes = self.disk.open().map_err(|error| Fault::Io(redb::Error::Io(error)))?;
        let db = self.opened(bytes)?;
        match tables::format(&db) {
            Ok(FORMAT) => Ok(db),
            Ok(other) => {
                let why = format!("has format {other}, and this version reads {FORMAT}");
                Err(Fault::Useless("format", why))
            }
            Err(error) => Err(fault(error)),
        }
    }

    /// The store after a failure: where that was of writing through, all of it in new bytes.
    pub(super) fn reopened(&self) -> Result<Database, Fault> {
        let old = self.checked()?;
        if !self.is_doubtful.load(Ordering::Relaxed) {
            return Ok(old);
        }
        let fresh = self.opened(self.disk.fresh().map_err(|error| Fault::Io(error.into()))?)?;
        tables::copy(&old, &fresh).map_err(fault)?;
        drop(old);
        self.disk.replace().map_err(|error| Fault::Io(error.into()))?;
        self.is_doubtful.store(false, Ordering::Relaxed);
        tracing::warn!(
            storage = self.disk.name(),
            "The storage could not be written through to the disk; it stands in a new file"
        );
        Ok(fresh)
    }

    fn opened(&self, bytes: Box<dyn redb::StorageBackend>) -> Result<Database, Fault> {
        let is_doubtful = Arc::clone(&self.is_doubtful);
        opened(Bytes { of: bytes, syncs: self.disk.syncs(), is_doubtful })
    }

    /// A new store in the place of one that cannot be used, which is set aside; requests whose bytes
    /// are whole are in the new one too.
    pub(super) fn recreate(
        &self,
        suffix: &str,
        why: &str,
        at: UnixNanos,
    ) -> Result<Database, redb::Error> {
        let (fresh, n_found) = {
            let old = self.disk.open()?;
            let fresh = self.opened(self.disk.fresh()?)?;
            tables::format(&fresh)?;
            let n_found = salvage(&*old, &fresh, at)?;
            (fresh, n_found)
        };
        let aside = self.disk.set_aside(&format!(".{suffix}-{}", stamp(at)))?;
        self.set_aside.fetch_add(1, Ordering::Relaxed);
        tracing::error!(
            storage = self.disk.name(),
            why,
            aside,
            requests = n_found,
            "The storage cannot be used and is set aside; requests that are whole in it will be sent"
        );
        Ok(fresh)
    }

    pub(super) fn state_aside(
        &self,
        db: &Database,
        known: &Origin,
        why: &str,
        at: UnixNanos,
    ) -> Result<(), redb::Error> {
        let state = tables::state(db)?;
        let (aside, bytes) = self.disk.aside(&format!(".state-{}", stamp(at)))?;
        let copy = self
            .opened(bytes)
            .map_err(|_| redb::Error::Corrupted(format!("{aside} cannot be written")))?;
        tables::write_state(&copy, known, &state)?;
        self.set_aside.fetch_add(1, Ordering::Relaxed);
        tracing::warn!(
            storage = self.disk.name(),
            why,
            aside,
            records = state.0.len(),
            "What was stored of transitions cannot be used and is set aside; queues are kept"
        );
        Ok(())
    }
}

/// Opens bytes as a store. Whatever they are, nothing but the thread that does so can end by it.
fn opened(bytes: Bytes) -> Result<Database, Fault> {
    let open = move || {
        let mut builder = Builder::new();
        builder.set_cache_size(CACHE).set_check_integrity_on_open(true);
        builder.create_with_backend(bytes)
    };
    match thread::spawn(open).join() {
        Ok(Ok(db)) => Ok(db),
        Ok(Err(DatabaseError::DatabaseAlreadyOpen)) => Err(Fault::Held),
        Ok(Err(error)) => Err(fault(error.into())),
        Err(_) => Err(Fault::Useless("damaged", "is damaged: it cannot be opened".to_owned())),
    }
}

/// Whether it is the disk that fails, or what stands on it.
fn fault(error: redb::Error) -> Fault {
    let is_content = |it: &io::Error| {
        matches!(it.kind(), io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof)
    };
    let is_of_disk = matches!(error, redb::Error::PreviousIo)
        || matches!(&error, redb::Error::Io(error) if !is_content(error));
    if is_of_disk {
        return Fault::Io(error);
    }
    Fault::Useless("damaged", format!("is damaged: {}", Chain(&error)))
}

/// Puts each request that is whole in `old` into the queues of `fresh`; how many there were.
fn salvage(
    old: &dyn redb::StorageBackend,
    fresh: &Database,
    at: UnixNanos,
) -> Result<usize, redb::Error> {
    let len = old.len()?;
    let piece = |from: u64| -> io::Result<Vec<u8>> {
        let n = usize::try_from((len - from).min(2 * PIECE)).map_err(io::Error::other)?;
        let mut piece = vec![0; n];
        old.read(from, &mut piece)?;
        Ok(piece)
    };
    let starts = || (0..len).step_by(usize::try_from(PIECE).unwrap_or(usize::MAX));
    let mut known = Known::default();
    for from in starts() {
        known.hear(&piece(from)?);
    }
    for from in starts() {
        let pushes = known.kept(&piece(from)?);
        tables::commit(fresh, &Commit { at, pushes, ..Commit::default() })?;
    }
    let mut n = 0;
    for exporter in tables::exporters(fresh)? {
        n += tables::waiting(fresh, &exporter)?.requests.len();
    }
    Ok(n)
}

/// A moment as names of files have it: `20261129T230501Z`.
fn stamp(at: UnixNanos) -> String {
    utc(at).strftime("%Y%m%dT%H%M%SZ").to_string()
}
