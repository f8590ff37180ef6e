//! What is stored: after whatever befalls a disk it is there, or it is set aside and told; and requests
//! whose bytes are whole are always sent.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use expect_test::expect;
use lifespan::facts::time::UnixNanos;
use lifespan::storage::{
    Changes, Commit, Contents, OpenError, Origin, Queued, Settings, Storage, inspect,
};
use proptest::prelude::*;
use prost::bytes::Bytes;

use crate::support::disk::{FakeDisk, serves};
use crate::support::service::folder;

const NOW: UnixNanos = UnixNanos::from_seconds(1_795_000_000);

/// Where the store of the first format stands, as the first version that had one wrote it.
const GOLDEN: &str = "tests/golden/storage/format-1.store";

fn origin() -> Origin {
    Origin { cluster: "c0ffee".to_owned(), format: 1 }
}

fn opened(disk: &FakeDisk) -> Storage {
    Storage::on(Box::new(disk.clone()), true, NOW).unwrap()
}

fn settings(directory: PathBuf) -> Settings {
    Settings {
        directory,
        create_directory: true,
        directory_permissions: 0o750,
        timeout: Duration::ZERO,
        fsync: true,
        recreate: true,
    }
}

/// The error and all its causes.
fn told(error: &OpenError) -> String {
    let mut text = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(error) = next {
        text += &format!(": {error}");
        next = error.source();
    }
    text
}

/// The body of a request, which no other has.
fn body(exporter: &str, number: u64, len: usize) -> Vec<u8> {
    format!("{exporter} {number} ").into_bytes().into_iter().cycle().take(len.max(24)).collect()
}

fn queued(exporter: &str, number: u64, len: usize) -> Queued {
    let bytes = Bytes::from(body(exporter, number, len));
    Queued { exporter: exporter.to_owned(), number, at: NOW, n_spans: 3, bytes }
}

fn pushes(exporter: &str, numbers: impl Iterator<Item = u64>, len: usize) -> Vec<Queued> {
    numbers.map(|number| queued(exporter, number, len)).collect()
}

fn changes(pairs: &[(&str, Option<&str>)]) -> Changes {
    let bytes = |text: &str| text.as_bytes().to_vec();
    Changes(pairs.iter().map(|(key, value)| (bytes(key), value.map(bytes))).collect())
}

/// All that waits, by exporter and number.
fn all(storage: &Storage) -> BTreeMap<(String, u64), Queued> {
    let mut out = BTreeMap::new();
    for exporter in storage.exporters().unwrap() {
        for (number, ..) in storage.waiting(&exporter).unwrap().requests {
            let queued = storage.request(&exporter, number).unwrap().unwrap();
            out.insert((exporter.clone(), number), queued);
        }
    }
    out
}

/// A store with a state and two queues, one of them with requests larger than a page.
fn filled() -> FakeDisk {
    let disk = FakeDisk::default();
    let storage = opened(&disk);
    storage.state(&origin(), NOW).unwrap();
    let state: Vec<_> = (0..200).map(|n| (format!("tree {n}"), "of a tree ".repeat(20))).collect();
    let state: Vec<_> = state.iter().map(|(key, it)| (key.as_str(), Some(it.as_str()))).collect();
    let mut pushed = pushes("otlp_grpc", 0..40, 900);
    pushed.extend(pushes("otlp_http/b", 0..3, 20_000));
    let changes = changes(&state);
    storage.commit(&Commit { at: NOW, changes, pushes: pushed, removals: Vec::new() }).unwrap();
    let removals = (0..20).map(|number| ("otlp_grpc".to_owned(), number)).collect();
    storage.commit(&Commit { at: NOW, removals, ..Commit::default() }).unwrap();
    drop(storage);
    disk
}

#[test]
fn what_was_committed_is_there_when_it_is_opened_again() {
    let at = folder("stored");
    let storage = Storage::open(&settings(at.join("a/b")), NOW).unwrap();
    assert_eq!(storage.state(&origin(), NOW).unwrap(), Changes::default());
    let pushed = pushes("otlp_grpc", 0..3, 30);
    let first = changes(&[("a", Some("1")), ("b", Some("2"))]);
    storage
        .commit(&Commit { at: NOW, changes: first, pushes: pushed.clone(), ..Commit::default() })
        .unwrap();
    let second = Commit {
        at: NOW,
        changes: changes(&[("a", None), ("c", Some("3"))]),
        removals: vec![("otlp_grpc".to_owned(), 1)],
        ..Commit::default()
    };
    storage.commit(&second).unwrap();
    drop(storage);
    let storage = Storage::open(&settings(at.join("a/b")), NOW).unwrap();
    let state = storage.state(&origin(), NOW).unwrap();
    assert_eq!(state, changes(&[("b", Some("2")), ("c", Some("3"))]));
    let waiting = storage.waiting("otlp_grpc").unwrap();
    assert_eq!(waiting.next, 3);
    let numbers: Vec<_> = waiting.requests.iter().map(|it| (it.0, it.2, it.3)).collect();
    assert_eq!(numbers, [(0, 3, 30), (2, 3, 30)]);
    assert_eq!(storage.request("otlp_grpc", 2).unwrap().as_ref(), pushed.get(2));
    assert_eq!(storage.request("otlp_grpc", 1).unwrap(), None);
    assert_eq!(storage.figures().set_aside, 0);
    fs::remove_dir_all(at).unwrap();
}

/// What is stored names objects of a cluster, and is written through to the disk if that is wanted.
#[test]
fn a_store_is_nobody_elses_and_costs_no_sync_where_none_is_wanted() {
    let at = folder("modes");
    let of = Settings { directory_permissions: 0o700, ..settings(at.join("a")) };
    drop(Storage::open(&of, NOW).unwrap());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&of.directory), 0o700);
    assert_eq!(mode(&of.directory.join("lifespan.store")), 0o600);
    fs::remove_dir_all(at).unwrap();
    for syncs in [true, false] {
        let disk = FakeDisk::default();
        disk.shall_sync(syncs);
        let storage = opened(&disk);
        storage.commit(&Commit { pushes: pushes("a", 0..2, 9), ..Commit::default() }).unwrap();
        assert_eq!(disk.n_syncs() > 0, syncs);
        drop(storage);
        assert_eq!(all(&opened(&disk)).len(), 2);
    }
}

/// Else a request that comes later would be taken for the one that was.
#[test]
fn the_number_of_a_request_is_never_given_again() {
    let disk = FakeDisk::default();
    let storage = opened(&disk);
    let removals = vec![("a".to_owned(), 0), ("a".to_owned(), 1)];
    storage.commit(&Commit { pushes: pushes("a", 0..2, 9), ..Commit::default() }).unwrap();
    storage.commit(&Commit { removals, ..Commit::default() }).unwrap();
    drop(storage);
    assert_eq!(opened(&disk).waiting("a").unwrap().next, 2);
}

#[test]
fn two_processes_do_not_share_a_store_and_a_directory_that_cannot_be_used_is_told() {
    let at = folder("shared");
    let first = Storage::open(&settings(at.clone()), NOW).unwrap();
    let held = Storage::open(&settings(at.clone()), NOW).unwrap_err();
    let name = at.join("lifespan.store").display().to_string();
    assert!(matches!(held, OpenError::Held { .. }));
    expect!["another process has the storage STORE: each needs a directory of its own (extensions::file_storage::directory)"]
        .assert_eq(&told(&held).replace(&name, "STORE"));
    drop(first);
    drop(Storage::open(&settings(at.clone()), NOW).unwrap());
    let missing = Settings { create_directory: false, ..settings(at.join("missing")) };
    let text = told(&Storage::open(&missing, NOW).unwrap_err());
    expect!["the storage directory AT/missing cannot be used: it must exist, or `create_directory` be true, and this process must be able to write there: No such file or directory (os error 2)"]
        .assert_eq(&text.replace(&at.display().to_string(), "AT"));
    // Nobody can write there, not even root.
    let refused = told(&Storage::open(&settings("/proc/self".into()), NOW).unwrap_err());
    assert!(
        refused.starts_with("the storage /proc/self/lifespan.store cannot be opened: "),
        "{refused}"
    );
    fs::remove_dir_all(at).unwrap();
}

#[test]
fn state_of_another_cluster_or_format_is_set_aside_alone() {
    let others =
        [Origin { cluster: "other".to_owned(), ..origin() }, Origin { format: 2, ..origin() }];
    for other in others {
        let disk = filled();
        let before = all(&opened(&disk));
        let storage = opened(&disk);
        assert_eq!(storage.state(&other, NOW).unwrap(), Changes::default());
        assert_eq!(storage.figures().set_aside, 1);
        assert_eq!(disk.aside(), [".state-20261118T110640Z"]);
        assert_eq!(all(&storage), before);
        drop(storage);
        assert_eq!(opened(&disk).state(&other, NOW).unwrap(), Changes::default());
        assert_eq!(disk.aside().len(), 1, "it is of this one now");
    }
    let disk = filled();
    let storage = opened(&disk);
    storage.set_state_aside("cannot be understood", NOW).unwrap();
    assert_eq!(storage.state(&origin(), NOW).unwrap(), Changes::default());
    assert_eq!((disk.aside().len(), all(&storage).len()), (1, 23));
}

#[test]
fn a_store_that_an_earlier_version_wrote_is_read() {
    let bytes = fs::read(GOLDEN).unwrap();
    let disk = FakeDisk::of(bytes);
    let storage = opened(&disk);
    assert_eq!(
        storage.state(&origin(), NOW).unwrap(),
        changes(&[("a", Some("1")), ("b", Some("2"))])
    );
    let expected =
        [queued("otlp_grpc", 1, 40), queued("otlp_grpc", 2, 40), queued("otlp_http/b", 0, 40)];
    assert_eq!(all(&storage).into_values().collect::<Vec<_>>(), expected);
    assert_eq!(disk.aside(), [""; 0]);
}

/// How the golden store was made, for whoever must make one of a later format.
fn golden() -> FakeDisk {
    let disk = FakeDisk::default();
    let storage = opened(&disk);
    storage.state(&origin(), NOW).unwrap();
    let mut pushed = pushes("otlp_grpc", 0..3, 40);
    pushed.extend(pushes("otlp_http/b", 0..1, 40));
    let changes = changes(&[("a", Some("1")), ("b", Some("2"))]);
    storage.commit(&Commit { at: NOW, changes, pushes: pushed, removals: Vec::new() }).unwrap();
    let removals = vec![("otlp_grpc".to_owned(), 0)];
    storage.commit(&Commit { at: NOW, removals, ..Commit::default() }).unwrap();
    drop(storage);
    disk
}

/// While a process has it, after that has ended, and damaged.
#[test]
fn what_a_store_holds_is_told_without_changing_a_byte_of_it() {
    let at = folder("looked-at");
    let storage = Storage::open(&settings(at.clone()), NOW).unwrap();
    storage.state(&origin(), NOW).unwrap();
    let state = changes(&[("t1", Some("one")), ("t2", Some("two")), ("h", Some("head"))]);
    let pushed = pushes("otlp_grpc", 0..4, 30);
    storage
        .commit(&Commit { at: NOW, changes: state, pushes: pushed, removals: Vec::new() })
        .unwrap();
    let path = at.join("lifespan.store");
    let before = fs::read(&path).unwrap();
    let running = inspect(&at).unwrap();
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!((running.format, running.committed_at), (1, Some(NOW)));
    assert_eq!(running.origin, Some(origin()));
    assert_eq!(running.records, BTreeMap::from([(b't', (2, 10)), (b'h', (1, 5))]));
    let queue = running.queues["otlp_grpc"].clone();
    assert_eq!((queue.requests, queue.spans, queue.n_bytes, queue.oldest), (4, 12, 120, Some(NOW)));
    // What a process leaves that is killed.
    let died = folder("died");
    fs::write(died.join("lifespan.store"), &before).unwrap();
    let name = died.join("lifespan.store").display().to_string();
    assert_eq!(inspect(&died).unwrap(), Contents { name: name.clone(), ..running.clone() });
    assert_eq!(fs::read(&name).unwrap(), before);
    fs::write(&name, &before[..200]).unwrap();
    assert!(inspect(&died).unwrap().damage.is_some());
    let mut damaged = before;
    damaged[..64].fill(0);
    fs::write(&name, &damaged).unwrap();
    let found = inspect(&died).unwrap();
    assert!(found.damage.is_some());
    assert_eq!(found.queues, running.queues);
    drop(storage);
    assert!(inspect(&at.join("nowhere")).is_err());
    fs::remove_dir_all(at).unwrap();
    fs::remove_dir_all(died).unwrap();
}

/// Old pages have copies of requests that were written anew beside others.
#[test]
fn what_is_told_of_a_damaged_store_is_what_will_be_sent_of_it() {
    let at = folder("copies");
    let storage = Storage::open(&settings(at.clone()), NOW).unwrap();
    for n in 0..20 {
        let pushes = pushes("otlp_grpc", n..n + 1, 300);
        storage.commit(&Commit { at: NOW, pushes, ..Commit::default() }).unwrap();
    }
    drop(storage);
    let path = at.join("lifespan.store");
    let mut damaged = fs::read(&path).unwrap();
    damaged[..64].fill(0);
    fs::write(&path, &damaged).unwrap();
    let found = inspect(&at).unwrap();
    assert!(found.damage.is_some());
    let sent = all(&Storage::open(&settings(at.clone()), NOW).unwrap());
    let spans: u64 = sent.values().map(|it| u64::from(it.n_spans)).sum();
    let queue = &found.queues["otlp_grpc"];
    assert_eq!((queue.requests, queue.spans), (sent.len() as u64, spans));
    assert_eq!(sent.len(), 20);
    fs::remove_dir_all(at).unwrap();
}

#[test]
fn the_golden_store_is_there() {
    if std::env::var_os("UPDATE_EXPECT").is_some() && !Path::new(GOLDEN).exists() {
        fs::create_dir_all(Path::new(GOLDEN).parent().unwrap()).unwrap();
        fs::write(GOLDEN, golden().bytes()).unwrap();
    }
    assert!(fs::read(GOLDEN).unwrap().len() > 4_096);
}

#[test]
fn what_is_no_store_of_this_format_is_set_aside_or_not_opened_as_is_wanted() {
    let disk = FakeDisk::of(b"PK\x03\x04 is no store".to_vec());
    let refused = Storage::on(Box::new(disk.clone()), false, NOW).unwrap_err();
    expect!["the storage fake is damaged: I/O error: Not a redb database: magic number mismatch: look at it with lifespan storage, put it aside, or let `recreate` be true"]
        .assert_eq(&told(&refused));
    let storage = opened(&disk);
    assert_eq!(
        (disk.aside(), storage.figures().set_aside),
        (vec![".damaged-20261118T110640Z".to_owned()], 1)
    );
    storage.commit(&Commit { pushes: pushes("a", 0..2, 9), ..Commit::default() }).unwrap();
    drop(storage);
    assert_eq!(all(&opened(&disk)).len(), 2);
    // A store of redb, but not of ours.
    let disk = FakeDisk::default();
    {
        let of = lifespan::storage::Disk::open(&disk).unwrap();
        let db = redb::Builder::new().create_with_backend(OfAnother(of)).unwrap();
        let txn = db.begin_write().unwrap();
        let table = redb::TableDefinition::<&str, &str>::new("mine");
        txn.open_table(table).unwrap().insert("a", "b").unwrap();
        txn.commit().unwrap();
    }
    let refused = Storage::on(Box::new(disk.clone()), false, NOW).unwrap_err();
    expect!["the storage fake has format 0, and this version reads 1: look at it with lifespan storage, put it aside, or let `recreate` be true"]
        .assert_eq(&told(&refused));
    drop(opened(&disk));
    assert_eq!(disk.aside(), [".format-20261118T110640Z"]);
}

#[derive(Debug)]
struct OfAnother(Box<dyn redb::StorageBackend>);

impl redb::StorageBackend for OfAnother {
    fn len(&self) -> std::io::Result<u64> {
        self.0.len()
    }
    fn read(&self, offset: u64, out: &mut [u8]) -> std::io::Result<()> {
        self.0.read(offset, out)
    }
    fn set_len(&self, len: u64) -> std::io::Result<()> {
        self.0.set_len(len)
    }
    fn sync_data(&self) -> std::io::Result<()> {
        self.0.sync_data()
    }
    fn write(&self, offset: u64, data: &[u8]) -> std::io::Result<()> {
        self.0.write(offset, data)
    }
}

/// A request by exporter and number, and every place at which it stands in the file.
type Placed = ((String, u64), Queued, Vec<Range<usize>>);

/// A whole store, what waits in it, and where each of that stands.
struct Whole {
    bytes: Vec<u8>,
    all: Vec<Placed>,
}

impl Whole {
    fn new() -> Self {
        let disk = filled();
        let bytes = disk.bytes();
        let places = |queued: &Queued| -> Vec<_> {
            // The head of a frame has 58 bytes and the name of the exporter.
            let head = 58 + queued.exporter.len();
            let found = memchr::memmem::find_iter(&bytes, &queued.bytes);
            found.map(|at| at.saturating_sub(head)..at + queued.bytes.len()).collect()
        };
        let all = all(&opened(&disk)).into_iter();
        let all: Vec<Placed> = all
            .map(|(key, queued)| {
                let places = places(&queued);
                (key, queued, places)
            })
            .collect();
        assert!(all.len() > 20 && all.iter().all(|it| !it.2.is_empty()), "each stands there");
        Self { all, bytes }
    }

    /// What can be demanded of damaged bytes: a store opens, with all or with what is set aside, and
    /// each request that stands somewhere in them whole is there.
    fn holds(&self, bytes: Vec<u8>, what: &str) {
        let is_whole = |place: &Range<usize>| {
            bytes.get(place.clone()).is_some_and(|it| self.bytes.get(place.clone()) == Some(it))
        };
        let whole: Vec<_> = self.all.iter().filter(|it| it.2.iter().any(is_whole)).collect();
        let disk = FakeDisk::of(bytes);
        let storage = opened(&disk);
        let found = all(&storage);
        for (key, queued, _) in whole {
            assert_eq!(found.get(key), Some(queued), "{what}: {key:?}");
        }
        for ((exporter, number), queued) in &found {
            assert_eq!(queued.bytes, body(exporter, *number, queued.bytes.len()), "{what}");
        }
        let state = storage.state(&origin(), NOW).unwrap();
        let aside = disk.aside();
        let is_whole = state.0.len() == 200 && aside.is_empty();
        assert!(is_whole || (state.0.is_empty() && aside.len() == 1), "{what}: {aside:?}");
        let more = Commit { pushes: pushes("new", 0..1, 9), ..Commit::default() };
        storage.commit(&more).unwrap();
    }
}

#[test]
fn a_store_that_is_cut_off_anywhere_is_opened_or_set_aside_and_whole_requests_are_kept() {
    let whole = Whole::new();
    let bytes = &whole.bytes;
    for n in (1..bytes.len()).step_by(bytes.len() / 40).chain([bytes.len() - 1]) {
        whole.holds(bytes[..n].to_vec(), &format!("cut at {n}"));
    }
}

/// What the fuzz target begins with.
#[test]
fn a_store_that_was_written_serves_whole_or_not() {
    let whole = fs::read(GOLDEN).unwrap();
    for bytes in [&whole, &b"".to_vec(), &filled().bytes()] {
        serves(bytes);
        for n in [1, 4_096, bytes.len() / 2] {
            serves(&bytes[..n.min(bytes.len())]);
        }
    }
}

#[test]
fn a_store_in_which_a_page_is_empty_is_opened_or_set_aside_and_whole_requests_are_kept() {
    let whole = Whole::new();
    let bytes = &whole.bytes;
    for page in 0..bytes.len() / 4_096 {
        let mut damaged = bytes.clone();
        damaged[page * 4_096..(page + 1) * 4_096].fill(0);
        whole.holds(damaged, &format!("page {page}"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_store_in_which_bits_are_flipped_is_opened_or_set_aside_and_whole_requests_are_kept(
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0..8_u8), 1..4),
    ) {
        let whole = Whole::new();
        let mut bytes = whole.bytes.clone();
        for (place, bit) in flips {
            let at = place.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        whole.holds(bytes, "flipped");
    }

    #[test]
    fn whatever_the_bytes_a_store_is_opened(bytes in prop::collection::vec(any::<u8>(), 1..9_000)) {
        serves(&bytes);
    }

    /// Twice in a row: once at work, once while it is opened again.
    #[test]
    fn whenever_power_fails_each_commit_is_there_whole_or_not_at_all(
        sizes in prop::collection::vec((0..5_u64, 0..6_000_usize), 1..8),
        dies in 0..60_usize,
        dies_again in 0..12_usize,
        there in prop::collection::vec(any::<bool>(), 1..20),
    ) {
        let disk = FakeDisk::default();
        let storage = opened(&disk);
        storage.state(&origin(), NOW).unwrap();
        disk.fails_after(dies);
        let mut next = 0;
        // What is there after each commit, and whether power had failed by then.
        let mut then = vec![(0, 0, false)];
        for (n, (n_pushed, len)) in sizes.iter().enumerate() {
            let state = changes(&[("n", Some(&n.to_string())), (&format!("key {n}"), Some("x"))]);
            let pushes = pushes("a", next..next + n_pushed, *len);
            next += n_pushed;
            storage.commit(&Commit { at: NOW, changes: state, pushes, ..Commit::default() }).unwrap();
            then.push((n + 1, next, disk.n_acts() > dies));
        }
        let mut there = there.iter().cycle();
        let disk = disk.after_power(|| *there.next().unwrap());
        disk.fails_after(dies_again);
        drop(Storage::on(Box::new(disk.clone()), true, NOW).unwrap());
        let disk = disk.after_power(|| *there.next().unwrap());
        let storage = opened(&disk);
        prop_assert_eq!(disk.aside(), Vec::<String>::new());
        let state = storage.state(&origin(), NOW).unwrap();
        let n = state.0.len().saturating_sub(1);
        let n_queued = all(&storage).len() as u64;
        prop_assert!(then.iter().any(|it| (it.0, it.1) == (n, n_queued)), "{n} {n_queued}: {then:?}");
        let safe = then.iter().filter(|it| !it.2).map(|it| it.0).max().unwrap_or(0);
        prop_assert!(n >= safe, "{n} of {then:?}");
    }

    /// What could not be written through is not relied on, whatever the disk says of it later: neither by
    /// the same commit once more nor by others.
    #[test]
    fn a_commit_that_was_made_after_a_failed_sync_outlasts_a_loss_of_power(
        sizes in prop::collection::vec((1..4_u64, 0..6_000_usize, any::<bool>()), 2..8),
        fails in 0..40_usize,
        there in prop::collection::vec(any::<bool>(), 1..20),
    ) {
        let disk = FakeDisk::default();
        let storage = opened(&disk);
        storage.state(&origin(), NOW).unwrap();
        disk.fails_to_sync_after(fails);
        let mut made = Vec::new();
        for (n, (n_pushed, len, is_again)) in sizes.iter().enumerate() {
            let changes = changes(&[(&format!("key {n}"), Some(&"state ".repeat(len / 6)))]);
            let pushes = pushes(&n.to_string(), 0..*n_pushed, *len);
            let commit = Commit { at: NOW, changes, pushes, ..Commit::default() };
            let mut is_made = storage.commit(&commit).is_ok();
            while *is_again && !is_made {
                is_made = storage.commit(&commit).is_ok();
            }
            made.push(is_made);
        }
        let mut there = there.iter().cycle();
        let disk = disk.after_power(|| *there.next().unwrap());
        let storage = opened(&disk);
        prop_assert_eq!(disk.aside(), Vec::<String>::new());
        let (state, queues) = (storage.state(&origin(), NOW).unwrap(), all(&storage));
        for (n, is_made) in made.into_iter().enumerate() {
            let n_queued = queues.keys().filter(|(exporter, _)| *exporter == n.to_string()).count();
            let is_there = state.0.contains_key(format!("key {n}").as_bytes());
            let wanted = usize::try_from(sizes[n].0).unwrap();
            prop_assert!(n_queued == if is_there { wanted } else { 0 }, "{} of {}", n_queued, wanted);
            prop_assert!(is_there || !is_made, "{} of {:?}", n, sizes);
        }
    }

    #[test]
    fn a_disk_that_is_full_at_any_write_loses_nothing_that_was_committed(
        sizes in prop::collection::vec((1..4_u64, 0..6_000_usize), 2..8),
        full in 0..60_usize,
        room in 0..8_usize,
    ) {
        let disk = FakeDisk::default();
        let storage = opened(&disk);
        storage.state(&origin(), NOW).unwrap();
        disk.is_full_after(Some(full));
        let mut waiting = Commit::default();
        let mut next = 0;
        for (n, (n_pushed, len)) in sizes.iter().enumerate() {
            if n == room {
                disk.is_full_after(None);
            }
            let changes = changes(&[("n", Some(&n.to_string()))]);
            let pushes = pushes("a", next..next + n_pushed, *len);
            next += n_pushed;
            waiting.add(Commit { at: NOW, changes, pushes, ..Commit::default() });
            if storage.commit(&waiting).is_ok() {
                waiting = Commit::default();
            }
        }
        disk.is_full_after(None);
        storage.commit(&waiting).unwrap();
        let n = (sizes.len() - 1).to_string();
        prop_assert_eq!(storage.state(&origin(), NOW).unwrap(), changes(&[("n", Some(&n))]));
        prop_assert_eq!(all(&storage).len() as u64, next);
        drop(storage);
        prop_assert_eq!(all(&opened(&disk)).len() as u64, next);
        prop_assert_eq!(disk.aside(), Vec::<String>::new());
    }
}
