//! Recordings through the whole of the program that is pure.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::iter;
use std::sync::LazyLock;

use lifespan::engine::{Counts, Engine, Settings};
use lifespan::facts::change::News;
use lifespan::facts::change::{Change, Snapshot};
use lifespan::facts::kind::Lane;
use lifespan::facts::span::{FinishedSpan, ShownSpan};
use lifespan::facts::time::UnixNanos;
use lifespan::kinds::{self, Catalog};

use super::lines::{Line, Type};
use super::model::stacks;

/// What came of a recording.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Run {
    /// In the order in which they left.
    pub(crate) spans: Vec<FinishedSpan>,
    /// Still open when the recording ended.
    pub(crate) open: Vec<ShownSpan>,
    pub(crate) counts: Counts,
}

/// A line as the core hears it.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    pub(crate) at: i64,
    pub(crate) lane: Lane,
    pub(crate) news: News,
}

/// The uid of the object that `told` is about, if it exists after it.
pub(crate) fn snapshot(told: &Told) -> Option<&Snapshot> {
    match &told.news {
        News::Listed(snapshot) | News::Found(snapshot) => Some(snapshot),
        News::Watched(change) => change.snapshot(),
        News::ListDone(_) | News::Bookmark(_) | News::Closed => None,
    }
}

/// Whether it tells of the state of a list or watch.
pub(crate) fn is_of_lane(told: &Told) -> bool {
    matches!(told.news, News::Listed(_) | News::ListDone(_) | News::Closed)
}

/// The resourceVersion that `told` brings its lane to, if it says one.
pub(crate) fn version(told: &Told) -> Option<u64> {
    told.news.version()
}

/// Lines as the core hears them; without those that are not said to it at all.
pub(crate) fn decode(lines: &[Line]) -> Vec<Told> {
    lines.iter().filter_map(told).collect()
}

/// What is known, with all presets and what the model has of its own; it never changes.
pub(crate) static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
    let presets = Catalog::default();
    let customs = iter::once(stacks::custom()).chain(presets.customs().iter().cloned());
    Catalog::new(customs.collect())
});

/// The settings of an engine that knows all of it.
pub(crate) fn settings() -> Settings {
    Settings { custom_kinds: CATALOG.custom_kinds(), ..Settings::default() }
}

/// A line as the core hears it, `None` for what is not said to it at all.
pub(crate) fn told(line: &Line) -> Option<Told> {
    let lane = CATALOG.lane_of(&line.resource)?;
    let json = line.object.as_bytes();
    let snapshot = || kinds::snapshot(&CATALOG, lane, json).unwrap().snapshot;
    let news = match (line.kind, lane) {
        (Type::ListDone, _) => News::ListDone(kinds::resource_version(json)),
        (Type::Closed | Type::Error, _) => News::Closed,
        (Type::Bookmark, _) => News::Bookmark(kinds::resource_version(json)),
        (Type::List | Type::Deleted, Lane::Events) => return None,
        (Type::Added | Type::Modified, Lane::Events) => {
            News::Watched(Change::Noted(Box::new(kinds::note(&CATALOG, json).unwrap()?)))
        }
        (Type::List, _) => News::Listed(snapshot()),
        (Type::Added | Type::Modified, _) => News::Watched(Change::Seen(snapshot())),
        (Type::Deleted, _) => News::Watched(Change::Deleted(snapshot())),
    };
    Some(Told { at: line.at, lane, news })
}

/// Runs `all` through an engine, with the time that they tell.
pub(crate) fn drive(all: &[Told]) -> Run {
    drive_with(settings(), all)
}

/// The same with other settings.
pub(crate) fn drive_with(settings: Settings, all: &[Told]) -> Run {
    let mut engine = Engine::new(settings);
    let mut run = drive_on(&mut engine, Run::default(), all.iter().cloned());
    let end = all.last().map_or(UnixNanos::default(), |told| UnixNanos(told.at));
    run.open = engine.in_progress(end);
    run
}

/// Lets `engine` hear `all`, and end; `run` has what it told before.
pub(crate) fn drive_on(
    engine: &mut Engine,
    mut run: Run,
    all: impl IntoIterator<Item = Told>,
) -> Run {
    for told in all {
        hear(engine, told, &mut run.spans);
    }
    run.spans.extend(engine.finish());
    run.counts = engine.counts();
    run
}

/// The same, where the process itself stands still from the change `i` on for so long: it hears
/// afterwards what was told meanwhile.
pub(crate) fn drive_stopped(all: &[Told], i: usize, nanos: i64) -> Run {
    let mut engine = Engine::new(settings());
    let mut run = Run::default();
    let (before, after) = all.split_at(i);
    for told in before {
        hear(&mut engine, told.clone(), &mut run.spans);
    }
    let stopped = after.first().map_or(0, |told| told.at);
    let back = stopped + nanos;
    engine.stood_still(UnixNanos(stopped), UnixNanos(back));
    let after = after.iter().map(|told| Told { at: told.at.max(back), ..told.clone() });
    drive_on(&mut engine, run, after)
}

/// Runs `all`, and says of each root span when it left.
pub(crate) fn drive_timed(all: &[Told]) -> (Run, Vec<(i64, FinishedSpan)>) {
    let mut engine = Engine::new(settings());
    let mut run = Run::default();
    let mut left = Vec::new();
    for told in all {
        let at = UnixNanos(told.at);
        while let Some(due) = engine.next_deadline().filter(|due| *due <= at) {
            let spans = engine.advance(due);
            let roots = spans.iter().filter(|span| span.parent.is_none());
            left.extend(roots.map(|span| (due.0, span.clone())));
            run.spans.extend(spans);
        }
        run.spans.extend(engine.hear(told.lane, told.news.clone(), at));
    }
    run.spans.extend(engine.finish());
    run.counts = engine.counts();
    (run, left)
}

/// Says `told` when it is time for it.
pub(crate) fn hear(engine: &mut Engine, told: Told, spans: &mut Vec<FinishedSpan>) {
    let at = UnixNanos(told.at);
    advance(engine, at, spans);
    spans.extend(engine.hear(told.lane, told.news, at));
}

/// Advances deadline by deadline until `now`.
fn advance(engine: &mut Engine, now: UnixNanos, spans: &mut Vec<FinishedSpan>) {
    let mut idle = 0;
    let mut before = None;
    while let Some(due) = engine.next_deadline().filter(|due| *due <= now) {
        spans.extend(engine.advance(due));
        idle = if before == Some(due) { idle + 1 } else { 0 };
        assert!(idle < 1_000, "the deadline {due:?} does not go away");
        before = Some(due);
    }
    spans.extend(engine.advance(now));
}
