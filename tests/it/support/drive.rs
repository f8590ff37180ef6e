//! Recordings through the whole of the program that is pure.

use std::collections::BTreeSet;

use lifespan::engine::{Engine, Settings};
use lifespan::kinds;
use lifespan::lifecycle::lane::{Lane, News};
use lifespan::lifecycle::object::Change;
use lifespan::lifecycle::span::FinishedSpan;
use lifespan::lifecycle::time::UnixNanos;

use super::lines::{Line, Type};

/// What came of a recording.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Run {
    /// In the order in which they left.
    pub(crate) spans: Vec<FinishedSpan>,
    /// Still open when the recording ended.
    pub(crate) open: Vec<FinishedSpan>,
    /// Objects that could not be read, and why.
    pub(crate) refused: BTreeSet<String>,
}

/// What `line` is to the core; `None` for what is not said to it at all.
pub(crate) fn news(line: &Line) -> Option<(Lane, Result<News, kinds::SnapshotError>)> {
    let lane = Lane::of(&line.resource)?;
    let json = line.object.as_bytes();
    let news = match (line.kind, lane) {
        (Type::ListDone, _) => Ok(News::ListDone),
        (Type::Closed | Type::Error, _) => Ok(News::Closed),
        (Type::Bookmark, _) | (Type::List | Type::Deleted, Lane::Events) => return None,
        (Type::Added | Type::Modified, Lane::Events) => {
            kinds::note(json).map(|note| News::Watched(Change::Noted(Box::new(note))))
        }
        (Type::List, _) => kinds::snapshot(lane, json).map(News::Listed),
        (Type::Added | Type::Modified, _) => {
            kinds::snapshot(lane, json).map(|seen| News::Watched(Change::Seen(seen)))
        }
        (Type::Deleted, _) => {
            kinds::snapshot(lane, json).map(|last| News::Watched(Change::Deleted(last)))
        }
    };
    Some((lane, news))
}

/// Runs `lines` through kinds and engine, with the time that they tell.
pub(crate) fn drive(lines: &[Line]) -> Run {
    drive_with(lines, Settings::default())
}

/// The same with other settings.
pub(crate) fn drive_with(lines: &[Line], settings: Settings) -> Run {
    let mut engine = Engine::new(settings);
    let mut run = Run::default();
    let mut last = None;
    for line in lines {
        let at = UnixNanos(line.at);
        advance(&mut engine, at, &mut run.spans);
        match news(line) {
            Some((lane, Ok(news))) => engine.hear(lane, news, at),
            Some((_, Err(refused))) => {
                run.refused.insert(refused.to_string());
            }
            None => {}
        }
        last = Some(at);
    }
    run.spans.extend(engine.finish());
    run.open = last.map(|at| engine.in_progress(at)).unwrap_or_default();
    run
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
