//! What it costs to store the state: `cargo bench --bench storing`.
//!
//! A recorded rollout, of many Deployments at once, told to a core that stores nothing, and to one whose
//! records are written. What writing them to the disk costs is not in it: `tests/peers/rollouts.py`
//! measures that of a whole process.
#![expect(clippy::unwrap_used, reason = "a recording that is not read is no measurement")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

use divan::Bencher;
use divan::counter::{BytesCount, ItemsCount};
use lifespan::engine::{Engine, Settings};

use support::drive::{Told, hear, told};
use support::lines::{Line, Type, recording};

#[expect(dead_code, reason = "the tests need more of it")]
#[path = "../tests/it/support"]
mod support {
    pub(crate) mod drive;
    pub(crate) mod lines;
    pub(crate) mod model;
}

/// So many rollouts go on at once.
const ROLLOUTS: u64 = 200;

/// After so many changes it is stored what has changed.
const TOGETHER: usize = 40;

const UID: &str = "\"uid\":\"";

/// What all of them tell, in order.
static TOLD: LazyLock<Vec<Told>> = LazyLock::new(|| {
    let lines = recording("02-rolling-update");
    let mut all: Vec<(u64, Line)> = (0..ROLLOUTS).flat_map(|n| copy(&lines, n)).collect();
    // A watch tells in order of the resourceVersions.
    all.sort_by_key(|(version, line)| (*version, line.kind == Type::ListDone));
    let mut last: BTreeMap<Box<str>, i64> = BTreeMap::new();
    for (_, line) in &mut all {
        let before = last.entry(line.resource.clone()).or_insert(line.at);
        line.at = line.at.max(*before);
        *before = line.at;
    }
    all.sort_by_key(|(_, line)| line.at);
    all.iter().filter_map(|(_, line)| told(line)).collect()
});

fn main() {
    divan::main();
}

/// The same of other objects. What is of no object is told once.
fn copy(lines: &[Line], n: u64) -> impl Iterator<Item = (u64, Line)> {
    let is_of_object = |line: &&Line| line.object.contains(UID);
    lines.iter().filter(move |line| n == 0 || is_of_object(line)).map(move |line| {
        let version = line.version().unwrap_or_default();
        let is_event = matches!(line.kind, Type::Added | Type::Modified | Type::Deleted);
        let new = if is_event { version * ROLLOUTS + n } else { version };
        let mut parts = line.object.split(UID);
        let mut object = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            write!(object, "{UID}{n:04x}{}", part.get(4..).unwrap_or_default()).unwrap();
        }
        let (old, key) = (format!("\"{version}\""), "\"resourceVersion\":");
        let object = object.replacen(&format!("{key}{old}"), &format!("{key}\"{new}\""), 1);
        (new, Line { object, ..line.clone() })
    })
}

/// Tells all of it; how many bytes of records were written.
fn tell(engine: &mut Engine) -> usize {
    let (mut spans, mut n_bytes) = (Vec::new(), 0);
    let mut store = |engine: &mut Engine| {
        let records = engine.changed();
        n_bytes += records.iter().flat_map(|(_, value)| value).map(Vec::len).sum::<usize>();
    };
    for (n, told) in TOLD.iter().enumerate() {
        hear(engine, told.clone(), &mut spans);
        if n % TOGETHER == 0 && engine.stores_changes() {
            store(engine);
        }
        spans.clear();
    }
    engine.finish();
    n_bytes
}

#[divan::bench(args = [false, true])]
fn rollouts(bencher: Bencher<'_, '_>, is_stored: bool) {
    let new = || {
        let mut engine = Engine::new(Settings::default());
        if is_stored {
            engine.store_changes();
        }
        engine
    };
    let n_bytes = tell(&mut new());
    let bencher = bencher.counter(ItemsCount::new(TOLD.len())).counter(BytesCount::new(n_bytes));
    bencher.with_inputs(new).bench_values(|mut engine| tell(&mut engine));
}
