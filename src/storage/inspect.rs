//! What a store holds, found out without changing a byte of it: also while a process has it open, and
//! after one died.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::thread;

use redb::{Builder, Database, StorageBackend};

use super::commit::Origin;
use super::disk::{Bytes, NAME};
use super::frame::Known;
use super::tables;
use crate::facts::time::UnixNanos;
use crate::text::Chain;

/// A store that is being written may look damaged for a moment: so often it is looked at.
const LOOKS: usize = 20;

/// Bytes of a page of the copy.
const PAGE: u64 = 4_096;

/// What a store holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents {
    /// Its file.
    pub name: String,
    /// How large that is.
    pub n_bytes: u64,
    /// The form in which it is written.
    pub format: u32,
    /// When anything was committed last.
    pub committed_at: Option<UnixNanos>,
    /// What its state is of.
    pub origin: Option<Origin>,
    /// How many records of state there are, and how many bytes, by the first byte of their keys.
    pub records: BTreeMap<u8, (u64, u64)>,
    /// What waits, by exporter.
    pub queues: BTreeMap<String, Queue>,
    /// Why nothing but the queues could be read.
    pub damage: Option<String>,
}

/// What waits for an exporter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Queue {
    /// How many requests.
    pub requests: u64,
    /// How many spans are in them.
    pub spans: u64,
    /// How many bytes they have.
    pub n_bytes: u64,
    /// When the oldest was put there.
    pub oldest: Option<UnixNanos>,
}

impl Queue {
    fn add(&mut self, at: UnixNanos, n_spans: u32, n_bytes: usize) {
        self.requests += 1;
        self.spans += u64::from(n_spans);
        self.n_bytes += n_bytes as u64;
        self.oldest = Some(self.oldest.map_or(at, |oldest| oldest.min(at)));
    }
}

/// Looks into the store of `directory`.
///
/// # Errors
/// Its file cannot be read.
pub fn inspect(directory: &Path) -> io::Result<Contents> {
    let path = directory.join(NAME);
    let mut contents = Contents::default();
    for _ in 0..LOOKS {
        contents = look(Copy::of(File::open(&path)?)?);
        if contents.damage.is_none() {
            break;
        }
    }
    let file = File::open(&path)?;
    contents.name = path.display().to_string();
    contents.n_bytes = file.metadata()?.len();
    if contents.damage.is_some() {
        let mut bytes = vec![0; usize::try_from(contents.n_bytes).map_err(io::Error::other)?];
        file.read_exact_at(&mut bytes, 0)?;
        let mut known = Known::default();
        known.hear(&bytes);
        for queued in known.kept(&bytes) {
            let queue = contents.queues.entry(queued.exporter).or_default();
            queue.add(queued.at, queued.n_spans, queued.bytes.len());
        }
    }
    Ok(contents)
}

/// One look. Whatever the bytes are, nothing but its thread can end by them.
fn look(copy: Copy) -> Contents {
    let look = move || -> Result<Contents, redb::Error> {
        let mut builder = Builder::new();
        builder.set_cache_size(super::CACHE).set_check_integrity_on_open(true);
        read(&builder.create_with_backend(Bytes {
            of: Box::new(copy),
            syncs: false,
            is_doubtful: Arc::default(),
        })?)
    };
    let damage = match thread::spawn(look).join() {
        Ok(Ok(contents)) => return contents,
        Ok(Err(error)) => Chain(&error).to_string(),
        Err(_) => "it cannot be opened".to_owned(),
    };
    Contents { damage: Some(damage), ..Contents::default() }
}

fn read(db: &Database) -> Result<Contents, redb::Error> {
    let mut contents = Contents {
        format: tables::format(db)?,
        committed_at: tables::committed_at(db)?,
        origin: tables::origin(db)?,
        ..Contents::default()
    };
    if contents.format != tables::FORMAT {
        contents.damage = Some(format!("it has format {}", contents.format));
        return Ok(contents);
    }
    for (key, value) in tables::state(db)?.0 {
        let sort = key.first().copied().unwrap_or_default();
        let (n, n_bytes) = contents.records.entry(sort).or_default();
        *n += 1;
        *n_bytes += (key.len() + value.map_or(0, |it| it.len())) as u64;
    }
    for exporter in tables::exporters(db)? {
        let mut queue = Queue::default();
        for (_, at, n_spans, n_bytes) in tables::waiting(db, &exporter)?.requests {
            queue.add(at, n_spans, n_bytes);
        }
        contents.queues.insert(exporter, queue);
    }
    Ok(contents)
}

/// A file as it is, with what is written over it in memory alone. It takes no lock.
#[derive(Debug)]
struct Copy {
    file: File,
    over: RwLock<(u64, BTreeMap<u64, Vec<u8>>)>,
}

impl Copy {
    fn of(file: File) -> io::Result<Self> {
        let len = file.metadata()?.len();
        Ok(Self { file, over: RwLock::new((len, BTreeMap::new())) })
    }

    /// A page of the file; what lies behind its end is zero.
    fn page(&self, number: u64) -> io::Result<Vec<u8>> {
        let mut page = vec![0; usize::try_from(PAGE).map_err(io::Error::other)?];
        let mut n = 0;
        while let Some(rest) = page.get_mut(n..).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, number * PAGE + n as u64)? {
                0 => break,
                read => n += read,
            }
        }
        Ok(page)
    }
}

/// The pages that `n` bytes at `offset` lie in, with the range of each.
fn pages(offset: u64, n: usize) -> impl Iterator<Item = (u64, std::ops::Range<usize>)> {
    let end = offset + n as u64;
    let numbers = offset / PAGE..end.div_ceil(PAGE);
    numbers.map(move |number| {
        let at = |byte: u64| usize::try_from(byte - number * PAGE).unwrap_or_default();
        let from = at(offset.max(number * PAGE));
        (number, from..at(end.min((number + 1) * PAGE)))
    })
}

impl StorageBackend for Copy {
    fn len(&self) -> io::Result<u64> {
        Ok(self.over.read().unwrap_or_else(PoisonError::into_inner).0)
    }

    fn read(&self, offset: u64, mut out: &mut [u8]) -> io::Result<()> {
        let over = self.over.read().unwrap_or_else(PoisonError::into_inner);
        for (number, range) in pages(offset, out.len()) {
            let (part, rest) = out.split_at_mut(range.len());
            let read;
            let page = match over.1.get(&number) {
                Some(page) => page,
                None => {
                    read = self.page(number)?;
                    &read
                }
            };
            part.copy_from_slice(page.get(range).ok_or(io::ErrorKind::UnexpectedEof)?);
            out = rest;
        }
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.over.write().unwrap_or_else(PoisonError::into_inner).0 = len;
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn write(&self, offset: u64, mut data: &[u8]) -> io::Result<()> {
        let mut over = self.over.write().unwrap_or_else(PoisonError::into_inner);
        for (number, range) in pages(offset, data.len()) {
            let (part, rest) = data.split_at(range.len());
            let page = match over.1.entry(number) {
                std::collections::btree_map::Entry::Occupied(page) => page.into_mut(),
                std::collections::btree_map::Entry::Vacant(place) => {
                    place.insert(self.page(number)?)
                }
            };
            let place = page.get_mut(range).ok_or(io::ErrorKind::UnexpectedEof)?;
            place.copy_from_slice(part);
            data = rest;
        }
        Ok(())
    }
}
