//! A disk that fails: it loses power, runs full, and damages what stands on it.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, RwLock};

use lifespan::facts::time::UnixNanos;
use lifespan::storage::{Changes, Commit, Disk, Origin, Storage};
use redb::StorageBackend;

/// The disk; clones are the same one. Files by the ends of their names, the store's own is "".
#[derive(Clone, Debug, Default)]
pub(crate) struct FakeDisk(Arc<RwLock<State>>);

#[derive(Clone, Debug, Default)]
struct State {
    files: BTreeMap<String, Content>,
    /// Writes and syncs so far.
    n_acts: usize,
    n_syncs: usize,
    /// Nobody wants it to sync.
    never_syncs: bool,
    /// From this one on the disk is full.
    full_from: Option<usize>,
    /// Blocks that all files have together, at most.
    room: Option<usize>,
    has_reserve: bool,
    /// From this one on nothing reaches the disk any more.
    dead_from: Option<usize>,
    /// The first sync from this one on fails.
    unsynced_from: Option<usize>,
}

/// What was written, and what of it would outlast a loss of power.
#[derive(Clone, Debug, Default)]
struct Content {
    live: Vec<u8>,
    durable: Vec<u8>,
    /// The numbers of those that it has.
    blocks: BTreeSet<u64>,
    /// What was written since, in order: where and what; `None` is a new length.
    unsynced: Vec<(u64, Option<Vec<u8>>)>,
}

impl FakeDisk {
    /// Whether nothing has it but who asks.
    pub(crate) fn is_let_go(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }

    /// The bytes of the store.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.read().unwrap().files.get("").map(|it| it.live.clone()).unwrap_or_default()
    }

    /// A disk on which the store has these bytes.
    pub(crate) fn of(bytes: Vec<u8>) -> Self {
        let content = Content { live: bytes.clone(), durable: bytes, ..Content::default() };
        Self(Arc::new(RwLock::new(State {
            files: BTreeMap::from([(String::new(), content)]),
            ..State::default()
        })))
    }

    /// What stands aside.
    pub(crate) fn aside(&self) -> Vec<String> {
        let state = self.0.read().unwrap();
        state
            .files
            .keys()
            .filter(|name| name.starts_with('.') && *name != ".new")
            .cloned()
            .collect()
    }

    /// Writes and syncs so far.
    pub(crate) fn n_acts(&self) -> usize {
        self.0.read().unwrap().n_acts
    }

    /// How often what was written was to be written through.
    pub(crate) fn n_syncs(&self) -> usize {
        self.0.read().unwrap().n_syncs
    }

    /// Whether it is wanted that what is written is written through.
    pub(crate) fn shall_sync(&self, syncs: bool) {
        self.0.write().unwrap().never_syncs = !syncs;
    }

    /// It is full once so much more was done, or has room again.
    pub(crate) fn is_full_after(&self, n: Option<usize>) {
        let mut state = self.0.write().unwrap();
        state.full_from = n.map(|n| state.n_acts + n);
    }

    /// It has room for so many blocks more.
    pub(crate) fn has_room(&self, n_blocks: usize) {
        let mut state = self.0.write().unwrap();
        state.room = Some(state.n_blocks() + n_blocks);
    }

    /// Whether room is kept for when there is none.
    pub(crate) fn has_reserve(&self) -> bool {
        self.0.read().unwrap().has_reserve
    }

    /// Once so much more was done a sync fails. What was to be written through is taken for written
    /// afterwards, as by Linux, and never is.
    pub(crate) fn fails_to_sync_after(&self, n: usize) {
        let mut state = self.0.write().unwrap();
        state.unsynced_from = Some(state.n_acts + n);
    }

    /// Power fails once so much more was done; what is written then is lost.
    pub(crate) fn fails_after(&self, n: usize) {
        let mut state = self.0.write().unwrap();
        state.dead_from = Some(state.n_acts + n);
    }

    /// The disk after the loss of power: of what was not synced those writes are there of which
    /// `is_there` is true.
    pub(crate) fn after_power(&self, mut is_there: impl FnMut() -> bool) -> Self {
        let mut state = self.0.read().unwrap().clone();
        for content in state.files.values_mut() {
            for (offset, data) in std::mem::take(&mut content.unsynced) {
                if is_there() {
                    put(&mut content.durable, offset, data.as_deref());
                }
            }
            content.live = content.durable.clone();
        }
        (state.n_acts, state.full_from, state.dead_from) = (0, None, None);
        Self(Arc::new(RwLock::new(state)))
    }

    fn file(&self, name: &str) -> Box<dyn StorageBackend> {
        self.0.write().unwrap().files.entry(name.to_owned()).or_default();
        Box::new(FakeFile { disk: self.clone(), name: name.to_owned() })
    }
}

/// Bytes of a block.
const BLOCK: u64 = 4_096;

/// Blocks that are kept for when there are none.
const RESERVED: usize = 256;

impl State {
    fn n_blocks(&self) -> usize {
        let reserved = if self.has_reserve { RESERVED } else { 0 };
        self.files.values().map(|it| it.blocks.len()).sum::<usize>() + reserved
    }
}

impl Content {
    /// What it takes once something is written; what was never written takes nothing.
    fn blocks_with(&self, offset: u64, data: Option<&[u8]>) -> BTreeSet<u64> {
        let mut blocks = self.blocks.clone();
        match data {
            Some(data) => {
                blocks.extend(offset / BLOCK..(offset + data.len() as u64).div_ceil(BLOCK));
            }
            None => blocks.retain(|block| block * BLOCK < offset),
        }
        blocks
    }
}

fn put(bytes: &mut Vec<u8>, offset: u64, data: Option<&[u8]>) {
    let offset = usize::try_from(offset).unwrap();
    let Some(data) = data else { return bytes.resize(offset, 0) };
    if bytes.len() < offset + data.len() {
        bytes.resize(offset + data.len(), 0);
    }
    bytes.splice(offset..offset + data.len(), data.iter().copied());
}

impl Disk for FakeDisk {
    fn name(&self) -> String {
        "fake".to_owned()
    }

    fn size(&self) -> u64 {
        self.bytes().len() as u64
    }

    fn syncs(&self) -> bool {
        !self.0.read().unwrap().never_syncs
    }

    fn open(&self) -> io::Result<Box<dyn StorageBackend>> {
        Ok(self.file(""))
    }

    fn fresh(&self) -> io::Result<Box<dyn StorageBackend>> {
        self.0.write().unwrap().files.remove(".new");
        Ok(self.file(".new"))
    }

    fn replace(&self) -> io::Result<()> {
        let mut state = self.0.write().unwrap();
        let new = state.files.remove(".new").unwrap();
        state.files.insert(String::new(), new);
        Ok(())
    }

    fn reserve(&self) -> io::Result<()> {
        let mut state = self.0.write().unwrap();
        if !state.has_reserve && state.room.is_some_and(|room| state.n_blocks() + RESERVED > room) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.has_reserve = true;
        Ok(())
    }

    fn release(&self) -> bool {
        std::mem::take(&mut self.0.write().unwrap().has_reserve)
    }

    fn set_aside(&self, suffix: &str) -> io::Result<String> {
        let old = self.0.read().unwrap().files.get("").cloned().unwrap_or_default();
        self.0.write().unwrap().files.insert(suffix.to_owned(), old);
        self.replace()?;
        Ok(suffix.to_owned())
    }

    fn aside(&self, suffix: &str) -> io::Result<(String, Box<dyn StorageBackend>)> {
        Ok((suffix.to_owned(), self.file(suffix)))
    }
}

#[derive(Debug)]
struct FakeFile {
    disk: FakeDisk,
    name: String,
}

impl FakeFile {
    fn with<T>(&self, act: impl FnOnce(&mut Content) -> T) -> T {
        let mut state = self.disk.0.write().unwrap();
        // What was made afresh and has taken the place of the store since is the store.
        let name = if state.files.contains_key(&self.name) { self.name.as_str() } else { "" };
        act(state.files.get_mut(name).unwrap())
    }

    /// Whether what is to be done now reaches the disk.
    fn act(&self) -> io::Result<bool> {
        let mut state = self.disk.0.write().unwrap();
        state.n_acts += 1;
        let n = state.n_acts;
        if state.full_from.is_some_and(|from| n > from) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(state.dead_from.is_none_or(|from| n <= from))
    }

    fn change(&self, offset: u64, data: Option<&[u8]>) -> io::Result<()> {
        let reaches = self.act()?;
        let blocks = self.with(|content| content.blocks_with(offset, data));
        let n_more = blocks.len().saturating_sub(self.with(|content| content.blocks.len()));
        let (n_blocks, room) = {
            let state = self.disk.0.read().unwrap();
            (state.n_blocks(), state.room)
        };
        if n_more > 0 && room.is_some_and(|room| n_blocks + n_more > room) {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.with(|content| content.blocks = blocks);
        self.with(|content| {
            put(&mut content.live, offset, data);
            if reaches {
                content.unsynced.push((offset, data.map(<[u8]>::to_vec)));
            }
        });
        Ok(())
    }
}

impl StorageBackend for FakeFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.with(|content| content.live.len() as u64))
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let offset = usize::try_from(offset).unwrap();
        self.with(|content| match content.live.get(offset..offset + out.len()) {
            Some(bytes) => {
                out.copy_from_slice(bytes);
                Ok(())
            }
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        })
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(len, None)
    }

    fn sync_data(&self) -> io::Result<()> {
        let reaches = self.act()?;
        let fails = {
            let mut state = self.disk.0.write().unwrap();
            let n = state.n_acts;
            state.n_syncs += 1;
            state.unsynced_from.take_if(|from| n > *from).is_some()
        };
        if fails {
            self.with(|content| content.unsynced.clear());
            return Err(io::Error::from_raw_os_error(5));
        }
        if reaches {
            self.with(|content| {
                for (offset, data) in std::mem::take(&mut content.unsynced) {
                    put(&mut content.durable, offset, data.as_deref());
                }
            });
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.change(offset, Some(data))
    }
}

/// Whatever `bytes` stand where a store should, one is opened: all that is in its queues can be read, and
/// what is stored then stays. Which bytes these are `cargo fuzz` may choose (tests/fuzz).
pub(crate) fn serves(bytes: &[u8]) {
    let disk = FakeDisk::of(bytes.to_vec());
    let now = UnixNanos::from_seconds(1_795_000_000);
    let open = || Storage::on(Box::new(disk.clone()), true, now).unwrap();
    let origin = Origin { cluster: "c0ffee".to_owned(), format: 1 };
    let storage = open();
    storage.state(&origin, now).unwrap();
    for exporter in storage.exporters().unwrap() {
        for (number, _, n_spans, n_bytes) in storage.waiting(&exporter).unwrap().requests {
            let queued = storage.request(&exporter, number).unwrap().unwrap();
            assert_eq!((queued.n_spans, queued.bytes.len()), (n_spans, n_bytes));
        }
    }
    let changes = Changes([(b"a key".to_vec(), Some(b"a value".to_vec()))].into());
    storage.commit(&Commit { at: now, changes, ..Commit::default() }).unwrap();
    let state = storage.state(&origin, now).unwrap();
    assert_eq!(state.0.get(b"a key".as_slice()), Some(&Some(b"a value".to_vec())));
    drop(storage);
    assert_eq!(open().state(&origin, now).unwrap(), state);
}
