//! The tables of a store, and all that is read from and written to them.

use redb::{
    Database, Key, ReadTransaction, ReadableDatabase as _, ReadableTable as _, TableDefinition,
    TableError, Value, WriteTransaction,
};

use super::commit::{Changes, Commit, Origin, Queued, Waiting};
use super::frame::Frame;
use crate::facts::time::UnixNanos;

/// The number of the form in which these tables are written.
pub(super) const FORMAT: u32 = 1;

/// What is known of the store: see the keys below.
const ABOUT: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("about");

/// Requests, by their exporter and number, each in a [`Frame`].
const QUEUES: TableDefinition<'_, (&str, u64), &[u8]> = TableDefinition::new("queues");

/// What is known of each queue: a [`Frame`] without spans.
const NUMBERS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("numbers");

/// Records of the state.
const STATE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("state");

/// Keys of `about`.
const OF_FORMAT: &str = "format";
const OF_COMMIT: &str = "committed at";
const OF_CLUSTER: &str = "cluster";
const OF_STATE: &str = "format of the state";

type Done<T> = Result<T, redb::Error>;

/// The form in which a store is written; a new one gets this one's.
pub(super) fn format(db: &Database) -> Done<u32> {
    let known = about(&db.begin_read()?, OF_FORMAT)?;
    match known.map(|bytes| <[u8; 4]>::try_from(bytes.as_slice())) {
        Some(Ok(number)) => Ok(u32::from_le_bytes(number)),
        Some(Err(_)) => Ok(0),
        None if db.begin_read()?.list_tables()?.next().is_some() => Ok(0),
        None => {
            let txn = db.begin_write()?;
            txn.open_table(ABOUT)?.insert(OF_FORMAT, FORMAT.to_le_bytes().as_slice())?;
            txn.commit()?;
            Ok(FORMAT)
        }
    }
}

/// Stores all of `commit`.
pub(super) fn commit(db: &Database, commit: &Commit) -> Done<()> {
    let txn = db.begin_write()?;
    change(&txn, &commit.changes)?;
    queues(&txn, commit)?;
    txn.open_table(ABOUT)?.insert(OF_COMMIT, commit.at.0.to_le_bytes().as_slice())?;
    Ok(txn.commit()?)
}

fn change(txn: &WriteTransaction, changes: &Changes) -> Done<()> {
    if changes.0.is_empty() {
        return Ok(());
    }
    let mut table = txn.open_table(STATE)?;
    for (key, value) in &changes.0 {
        match value {
            Some(value) => drop(table.insert(key.as_slice(), value.as_slice())?),
            None => drop(table.remove(key.as_slice())?),
        }
    }
    Ok(())
}

fn queues(txn: &WriteTransaction, commit: &Commit) -> Done<()> {
    if commit.pushes.is_empty() && commit.removals.is_empty() {
        return Ok(());
    }
    let mut table = txn.open_table(QUEUES)?;
    let mut numbers = txn.open_table(NUMBERS)?;
    for (exporter, number) in &commit.removals {
        drop(table.remove((exporter.as_str(), *number))?);
    }
    let pushed = commit.pushes.iter().map(|it| it.exporter.as_str());
    let removed = commit.removals.iter().map(|(exporter, _)| exporter.as_str());
    let touched: std::collections::BTreeSet<&str> = pushed.chain(removed).collect();
    for exporter in touched {
        let own = || commit.pushes.iter().filter(|it| it.exporter == exporter);
        let known = numbers.get(exporter)?.and_then(|frame| Frame::decode(frame.value()));
        let known = known.map_or(0, |frame| frame.queued.number);
        let next = own().map(|it| it.number + 1).fold(known, u64::max);
        let first = table.range((exporter, 0)..=(exporter, u64::MAX))?.next().transpose()?;
        let first = first.map(|(key, _)| key.value().1).or_else(|| own().map(|it| it.number).min());
        let oldest = first.unwrap_or(next);
        for queued in own() {
            let frame = Frame { queued: queued.clone(), oldest };
            table.insert((exporter, queued.number), frame.encode().as_slice())?;
        }
        let about = Queued {
            exporter: exporter.to_owned(),
            number: next,
            at: commit.at,
            n_spans: 0,
            bytes: prost::bytes::Bytes::new(),
        };
        numbers.insert(exporter, Frame { queued: about, oldest }.encode().as_slice())?;
    }
    Ok(())
}

/// The exporters that have a queue, whether anything waits in it or not.
pub(super) fn exporters(db: &Database) -> Done<Vec<String>> {
    let txn = db.begin_read()?;
    let mut names = Vec::new();
    if let Some(table) = opened(&txn, NUMBERS)? {
        for row in table.iter()? {
            names.push(row?.0.value().to_owned());
        }
    }
    Ok(names)
}

/// What waits for an exporter.
pub(super) fn waiting(db: &Database, exporter: &str) -> Done<Waiting> {
    let txn = db.begin_read()?;
    let mut waiting = Waiting::default();
    if let Some(table) = opened(&txn, NUMBERS)? {
        let known = table.get(exporter)?.and_then(|frame| Frame::decode(frame.value()));
        waiting.next = known.map_or(0, |frame| frame.queued.number);
    }
    if let Some(table) = opened(&txn, QUEUES)? {
        for row in table.range((exporter, 0)..=(exporter, u64::MAX))? {
            let (key, frame) = row?;
            let number = key.value().1;
            waiting.next = waiting.next.max(number + 1);
            // What is no frame was not written here; it stays where it is.
            if let Some(Frame { queued, .. }) = Frame::decode(frame.value()) {
                waiting.requests.push((number, queued.at, queued.n_spans, queued.bytes.len()));
            }
        }
    }
    Ok(waiting)
}

/// One request.
pub(super) fn request(db: &Database, exporter: &str, number: u64) -> Done<Option<Queued>> {
    let txn = db.begin_read()?;
    let Some(table) = opened(&txn, QUEUES)? else { return Ok(None) };
    let frame = table.get((exporter, number))?;
    Ok(frame.and_then(|frame| Frame::decode(frame.value())).map(|frame| frame.queued))
}

/// All of the state.
pub(super) fn state(db: &Database) -> Done<Changes> {
    let txn = db.begin_read()?;
    let mut state = Changes::default();
    if let Some(table) = opened(&txn, STATE)? {
        for row in table.iter()? {
            let (key, value) = row?;
            state.0.insert(key.value().to_owned(), Some(value.value().to_owned()));
        }
    }
    Ok(state)
}

/// Copies all that stands in `from` into a store that has nothing yet.
pub(super) fn copy(from: &Database, to: &Database) -> Done<()> {
    let (from, to) = (from.begin_read()?, to.begin_write()?);
    rows(&from, &to, ABOUT)?;
    rows(&from, &to, QUEUES)?;
    rows(&from, &to, NUMBERS)?;
    rows(&from, &to, STATE)?;
    Ok(to.commit()?)
}

fn rows<K: Key + 'static, V: Value + 'static>(
    from: &ReadTransaction,
    to: &WriteTransaction,
    table: TableDefinition<'_, K, V>,
) -> Done<()> {
    let Some(from) = opened(from, table)? else { return Ok(()) };
    let mut to = to.open_table(table)?;
    for row in from.iter()? {
        let (key, value) = row?;
        to.insert(key.value(), value.value())?;
    }
    Ok(())
}

/// What the state is of, if there is any.
pub(super) fn origin(db: &Database) -> Done<Option<Origin>> {
    let txn = db.begin_read()?;
    let Some(cluster) = about(&txn, OF_CLUSTER)? else { return Ok(None) };
    let cluster = String::from_utf8_lossy(&cluster).into_owned();
    let format = about(&txn, OF_STATE)?.and_then(|bytes| <[u8; 4]>::try_from(bytes).ok());
    Ok(Some(Origin { cluster, format: format.map_or(0, u32::from_le_bytes) }))
}

/// Takes all state away; what comes is of `origin`.
pub(super) fn begin_state(db: &Database, origin: &Origin) -> Done<()> {
    let txn = db.begin_write()?;
    txn.delete_table(STATE)?;
    about_state(&txn, origin)?;
    Ok(txn.commit()?)
}

/// Writes state alone into a store that has nothing yet.
pub(super) fn write_state(db: &Database, origin: &Origin, state: &Changes) -> Done<()> {
    let txn = db.begin_write()?;
    txn.open_table(ABOUT)?.insert(OF_FORMAT, FORMAT.to_le_bytes().as_slice())?;
    about_state(&txn, origin)?;
    change(&txn, state)?;
    Ok(txn.commit()?)
}

fn about_state(txn: &WriteTransaction, origin: &Origin) -> Done<()> {
    let mut table = txn.open_table(ABOUT)?;
    table.insert(OF_CLUSTER, origin.cluster.as_bytes())?;
    table.insert(OF_STATE, origin.format.to_le_bytes().as_slice())?;
    Ok(())
}

/// When anything was committed last.
pub(super) fn committed_at(db: &Database) -> Done<Option<UnixNanos>> {
    let bytes = about(&db.begin_read()?, OF_COMMIT)?;
    let bytes = bytes.and_then(|bytes| <[u8; 8]>::try_from(bytes).ok());
    Ok(bytes.map(|bytes| UnixNanos(i64::from_le_bytes(bytes))))
}

fn about(txn: &ReadTransaction, key: &str) -> Done<Option<Vec<u8>>> {
    let Some(table) = opened(txn, ABOUT)? else { return Ok(None) };
    Ok(table.get(key)?.map(|value| value.value().to_owned()))
}

/// A table, if anything was ever written to it.
fn opened<K: Key + 'static, V: Value + 'static>(
    txn: &ReadTransaction,
    table: TableDefinition<'_, K, V>,
) -> Done<Option<redb::ReadOnlyTable<K, V>>> {
    match txn.open_table(table) {
        Ok(table) => Ok(Some(table)),
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
