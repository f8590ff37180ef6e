//! A process that ends at any moment, and another that goes on with what it had stored: together they
//! tell what one would have told that was there all the time (DESIGN §11).

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a panic is a failed test")]

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use lifespan::engine::state::{FORMAT, Restored};
use lifespan::engine::{Engine, Settings};
use lifespan::facts::change::{Change, News};
use lifespan::facts::ids::{SpanId, TraceId};
use lifespan::facts::kind::Lane;
use lifespan::facts::meta::Uid;
use lifespan::facts::span::{FinishedSpan, Value};
use lifespan::facts::time::{Nanos, UnixNanos};

use crate::properties::{current, delayed, list};
use crate::support::checks::{faults, flag, is_root, show};
use crate::support::drive::{
    CATALOG, Run, Told, decode, drive, drive_on, drive_timed, hear, is_of_lane, settings, snapshot,
    told, version,
};
use crate::support::lines::{self, Line, Type};
use crate::support::model::random::Random;
use crate::support::model::{self, BEGINNING, Make, S};
use crate::support::shape::histories;

/// What a process hears, to which time does not run back as between the lines of a recording.
pub(crate) fn heard(lines: &[Line]) -> Vec<Told> {
    let mut all = decode(lines);
    all.sort_by_key(|told| told.at);
    all
}

/// What is stored: the records of all commits.
pub(crate) type Stored = BTreeMap<Vec<u8>, Vec<u8>>;

pub(crate) fn commit(engine: &mut Engine, stored: &mut Stored) {
    for (key, value) in engine.changed() {
        match value {
            Some(value) => drop(stored.insert(key, value)),
            None => drop(stored.remove(&key)),
        }
    }
}

/// Where every lane that lists has listed, and its list has entered.
pub(crate) fn listed_at(all: &[Told]) -> usize {
    let last = all.iter().rposition(is_of_lane).map_or(0, |last| last + 1);
    let until = all[last.saturating_sub(1)].at + 2 * S;
    all.iter().position(|told| told.at > until).unwrap_or(all.len()).max(last)
}

/// One process until the change `cut`, with a commit after each change that `is_stored`, and what it
/// told; then what has been stored, and what had left by then.
fn until(
    all: &[Told],
    cut: usize,
    is_stored: impl Fn(usize) -> bool,
) -> (Engine, Stored, Vec<FinishedSpan>) {
    until_with(settings(), all, cut, is_stored)
}

/// The same with other settings.
fn until_with(
    settings: Settings,
    all: &[Told],
    cut: usize,
    is_stored: impl Fn(usize) -> bool,
) -> (Engine, Stored, Vec<FinishedSpan>) {
    let mut engine = Engine::new(settings);
    engine.store_changes();
    let (mut stored, mut spans, mut left) = (Stored::new(), Vec::new(), 0);
    for (i, told) in all[..cut].iter().enumerate() {
        hear(&mut engine, told.clone(), &mut spans);
        if is_stored(i) {
            commit(&mut engine, &mut stored);
            left = spans.len();
        }
    }
    // What left after the last commit was not handed on.
    spans.truncate(left);
    (engine, stored, spans)
}

/// What a process is told at `at` that goes on with what was `stored`: by each watch what came after
/// the version that it goes on at.
pub(crate) fn resumed(engine: &Engine, before: &[Told], at: i64) -> Vec<Told> {
    let lanes: BTreeSet<Lane> = before.iter().map(|told| told.lane).collect();
    let mut out: Vec<Told> = Vec::new();
    for lane in &lanes {
        out.push(Told { at, lane: *lane, news: News::Bookmark(None) });
    }
    for lane in lanes {
        let Some(from) = engine.resumes_at(lane, 0) else {
            assert!(
                lane == Lane::Events
                    || !before
                        .iter()
                        .any(|it| it.lane == lane && matches!(it.news, News::ListDone(_))),
                "{lane:?} has to list"
            );
            continue;
        };
        let missed = before.iter().filter(|told| {
            told.lane == lane && matches!(told.news, News::Watched(_)) && version(told) > Some(from)
        });
        out.extend(missed.map(|told| Told { at, ..told.clone() }));
    }
    out
}

/// A process that goes on at `at` with what was `stored`, is told again what it missed of `before`,
/// and then `rest`.
fn go_on(stored: Stored, before: &[Told], rest: &[Told], at: i64) -> (Run, Restored) {
    let (mut engine, restored) =
        Engine::restore(settings(), stored, (UnixNanos(at), None)).unwrap();
    let missed = resumed(&engine, before, at);
    let all = missed.into_iter().chain(rest.iter().cloned());
    (drive_on(&mut engine, Run::default(), all), restored)
}

type Id = (TraceId, SpanId);

fn by_id(spans: &[FinishedSpan]) -> BTreeMap<Id, &FinishedSpan> {
    spans.iter().map(|span| ((span.trace_id, span.span_id), span)).collect()
}

/// The same to the byte, but for how long something had waited that a watch tells of as it goes on: of
/// that only the second is known.
fn is_same(span: &FinishedSpan, other: &FinishedSpan) -> bool {
    let queued = |span: &FinishedSpan| {
        let queued = span.attributes.iter().find(|(key, _)| *key == "lifespan.queued_ms");
        queued.and_then(|(_, value)| if let Value::Int(ms) = value { Some(*ms) } else { None })
    };
    let Some((is, was)) = queued(span).zip(queued(other)) else { return span == other };
    let mut same = other.clone();
    same.attributes.clone_from(&span.attributes);
    let rest = |span: &FinishedSpan| -> Vec<_> {
        let others = span.attributes.iter().filter(|(key, _)| *key != "lifespan.queued_ms");
        others.cloned().collect()
    };
    same == *span && rest(span) == rest(other) && is.abs_diff(was) <= 1_000
}

/// Which attributes, events and links differ.
fn other_parts(span: &FinishedSpan, other: &FinishedSpan) -> String {
    let lacks = span.attributes.iter().filter(|it| !other.attributes.contains(it));
    let has = other.attributes.iter().filter(|it| !span.attributes.contains(it));
    let mut text = String::new();
    lacks.for_each(|it| text.push_str(&format!("\n  - {it:?}")));
    has.for_each(|it| text.push_str(&format!("\n  + {it:?}")));
    if (span.start, span.end) != (other.start, other.end) {
        let apart = (other.start.since(span.start), other.end.since(span.end));
        text.push_str(&format!("\n  times: {apart:?}"));
    }
    if (&span.events, &span.links) != (&other.events, &other.links) {
        text.push_str(&format!(
            "\n  {:?} {:?}\n  {:?} {:?}",
            span.events, span.links, other.events, other.links
        ));
    }
    text
}

/// A span of both, as it was told without a restart and with one.
type Pair<'a> = (&'a FinishedSpan, &'a FinishedSpan);

/// What only one of them told, and what both did. Nothing is told twice.
fn paired<'a>(
    expected: &'a [FinishedSpan],
    told: &'a [FinishedSpan],
) -> (Vec<(TraceId, String)>, Vec<Pair<'a>>) {
    let (whole, parts) = (by_id(expected), by_id(told));
    assert_eq!(told.len(), parts.len(), "what left twice");
    let lacks = whole.iter().filter(|(id, _)| !parts.contains_key(*id));
    let new = parts.iter().filter(|(id, _)| !whole.contains_key(*id));
    let lacks = lacks.map(|(id, span)| (id.0, format!("- {}", show(span))));
    let new = new.map(|(id, span)| (id.0, format!("+ {}", show(span))));
    let both = whole.iter().filter_map(|(id, span)| Some((*span, *parts.get(id)?)));
    (lacks.chain(new).collect(), both.collect())
}

/// What differs between what was told with and without a restart, each with its trace.
fn differences(expected: &[FinishedSpan], told: &[FinishedSpan]) -> Vec<(TraceId, String)> {
    let (mut out, both) = paired(expected, told);
    for (span, other) in both.into_iter().filter(|(span, other)| !is_same(span, other)) {
        let what = format!("{} is {}{}", show(span), show(other), other_parts(span, other));
        out.push((span.trace_id, what));
    }
    out
}

/// What differs without saying so: a trace says it of itself alone, and of one of the same object and
/// time that it was told in place of; what was told without an owner that nobody heard of says that too
/// (DESIGN §2). How many traces said it, and were others.
pub(crate) fn unsaid(
    expected: &[FinishedSpan],
    told: &[FinishedSpan],
    differs: Vec<(TraceId, String)>,
) -> (Vec<String>, usize) {
    let roots = |spans: &'_ [FinishedSpan]| -> BTreeMap<TraceId, FinishedSpan> {
        let roots = spans.iter().filter(|span| is_root(span));
        roots.map(|root| (root.trace_id, root.clone())).collect()
    };
    let (whole, parts) = (roots(expected), roots(told));
    let is_said = |trace: &TraceId| match (parts.get(trace), whole.get(trace)) {
        (Some(root), _) => is_gap(root) || flag(root, "lifespan.owner.missing"),
        (None, Some(root)) => parts.values().any(|other| {
            is_gap(other)
                && other.object.uid == root.object.uid
                && other.start.0 <= root.end.0 + S
                && root.start.0 <= other.end.0 + S
        }),
        (None, None) => false,
    };
    let (said, unsaid): (Vec<_>, Vec<_>) = differs.into_iter().partition(|(of, _)| is_said(of));
    let said: BTreeSet<TraceId> = said.into_iter().map(|(trace, _)| trace).collect();
    (unsaid.into_iter().map(|(_, what)| what).collect(), said.len())
}

/// What came of many cuts, each held against what would have been told without.
#[derive(Default)]
struct Cuts {
    n: usize,
    n_traces: usize,
    /// Traces that are others and say so.
    n_gaps: usize,
    wrong: Vec<String>,
}

impl Cuts {
    fn compare(
        &mut self,
        place: &str,
        expected: &[FinishedSpan],
        told: &[FinishedSpan],
        differences: impl Fn(&[FinishedSpan], &[FinishedSpan]) -> Vec<(TraceId, String)>,
    ) {
        self.n += 1;
        // What may be otherwise says so.
        let (differs, n_said) = unsaid(expected, told, differences(expected, told));
        self.n_gaps += n_said;
        self.n_traces += told.iter().filter(|span| is_root(span)).count();
        if !differs.is_empty() {
            let first = differs.iter().take(3).cloned().collect::<Vec<_>>().join("\n");
            self.wrong.push(format!("{place}:\n{first}"));
        }
    }

    fn wrong(&self) -> String {
        let shown: Vec<_> = self.wrong.iter().take(8).map(String::as_str).collect();
        format!("{} of {} wrong:\n{}", self.wrong.len(), self.n, shown.join("\n"))
    }

    /// Of so many traces one says at most that it may be wrong.
    fn says_seldom(&self, one_of: usize) {
        let Self { n_gaps, n_traces, .. } = self;
        assert!(n_gaps * one_of < *n_traces, "{n_gaps} of {n_traces} say that they may be wrong");
    }
}

/// Cut at any change, stored, restored at once, and continued: byte for byte what was told without.
#[test]
fn whoever_goes_on_with_what_was_stored_tells_what_one_would_have_told() {
    let only = std::env::var("LIFESPAN_ONLY").unwrap_or_default();
    let n_cuts: usize = std::env::var("LIFESPAN_CUTS").map_or(6, |n| n.parse().unwrap());
    let mut cuts = Cuts::default();
    for (name, lines) in histories(2) {
        if !name.starts_with(&only) {
            continue;
        }
        let all = heard(&lines);
        let expected = drive(&all);
        let begin = listed_at(&all);
        let step = ((all.len() - begin) / n_cuts).max(1);
        for cut in (begin..all.len()).step_by(step) {
            let at = all[cut - 1].at;
            let (_, stored, before) = until(&all, cut, |_| true);
            let (run, _) = go_on(stored, &all[..cut], &all[cut..], at);
            let told = [before, run.spans].concat();
            let place = format!("{name}, cut at {cut} of {}", all.len());
            cuts.compare(&place, &expected.spans, &told, differences);
        }
    }
    assert!(cuts.wrong.is_empty(), "{}", cuts.wrong());
    cuts.says_seldom(100);
}

/// What is stored of trees as they are, without the number of the step that each had taken last, and of
/// what waits and was sampled. What they were and were told may be stored in more than one way.
fn as_they_are(stored: &Stored) -> Vec<(&[u8], &[u8])> {
    let kept = stored.iter().filter(|(key, _)| b"tovs".contains(&key[0]));
    let content = |(key, value): (&'_ Vec<u8>, &'_ Vec<u8>)| {
        let number = value[8..].iter().take_while(|byte| **byte >= 0x80).count() + 1;
        if key[0] == b't' { 8 + number } else { 8 }
    };
    kept.map(|(key, value)| (&key[..], &value[content((key, value))..])).collect()
}

/// Stored after each change or once, what goes on with it is the same: trees of which only the steps are
/// stored that they took since become what they are.
#[test]
fn what_is_stored_change_by_change_is_what_is_stored_at_once() {
    let (mut n, mut n_stepped) = (0, 0);
    let histories: Vec<_> =
        histories(1).into_iter().map(|(name, lines)| (name, heard(&lines))).collect();
    // Where less far back is kept trees are stored as they were at more moments.
    for owner_wait in [settings().owner_wait, Nanos::from_seconds(1)] {
        let of = || Settings { owner_wait, ..settings() };
        for (name, all) in &histories {
            let begin = listed_at(all);
            for cut in (begin..all.len()).step_by(((all.len() - begin) / 12).max(1)) {
                let (mut engine, mut often, _) = until_with(of(), all, cut, |_| true);
                assert!(engine.changed().is_empty(), "{name}: what is stored is stored once");
                let (mut engine, mut once, _) = until_with(of(), all, cut, |_| false);
                commit(&mut engine, &mut once);
                if once.is_empty() {
                    // The first lists have not entered yet.
                    continue;
                }
                let expected = as_they_are(&once);
                let is_same = |it: &(&[u8], &[u8])| expected.contains(it);
                n_stepped += as_they_are(&often).iter().filter(|it| !is_same(it)).count();
                let at = UnixNanos(all[cut - 1].at);
                let (mut engine, _) = Engine::restore(of(), often.clone(), (at, None)).unwrap();
                commit(&mut engine, &mut often);
                let is = as_they_are(&often);
                let other = is.iter().zip(&expected).find(|(is, expected)| is != expected);
                assert!(other.is_none(), "{name}, {cut}: {:?}", other.map(|(is, _)| is.0));
                assert_eq!(is.len(), expected.len(), "{name}, {cut}");
                n += is.len();
            }
        }
    }
    assert!(n > 800 && n_stepped > 400, "{n} records, {n_stepped} trees by their steps");
}

/// The object that it is about.
fn about(told: &Told) -> Option<Uid> {
    if let News::Watched(Change::Noted(note)) = &told.news {
        return note.about.uid();
    }
    snapshot(told).map(|seen| seen.meta().uid)
}

/// The traces that had left when something came of their parts that was written before what they had been
/// decided by: whatever has left is never changed (DESIGN §2).
fn left_too_early(all: &[Told], spans: &[FinishedSpan]) -> BTreeSet<TraceId> {
    let (_, left) = drive_timed(all);
    let is_too_early = |(at, root): &&(i64, FinishedSpan)| {
        let parts: BTreeSet<Uid> = spans
            .iter()
            .filter(|it| it.trace_id == root.trace_id)
            .map(|it| it.object.uid)
            .collect();
        let decided = all.partition_point(|told| told.at + 2 * S <= *at);
        let (before, after) = all.split_at(decided);
        let newest = before.iter().filter_map(version).max();
        let is_late = |told: &Told| about(told).is_some_and(|uid| parts.contains(&uid));
        after.iter().any(|told| is_late(told) && version(told).is_some() && version(told) < newest)
    };
    left.iter().filter(is_too_early).map(|(_, root)| root.trace_id).collect()
}

/// Lanes come late by more than is waited for, so that much is decided again: also by who was not there
/// when it was decided first. Whoever goes on waits for all lanes anew, so that what left too early without
/// a restart may leave later with one, and know more.
#[test]
fn whoever_goes_on_decides_again_what_another_had_decided() {
    let n_cuts: usize = std::env::var("LIFESPAN_CUTS").map_or(5, |n| n.parse().unwrap());
    let (mut cuts, mut n_late, n_early) = (Cuts::default(), 0, Cell::new(0));
    for (name, lines) in histories(2) {
        let all = delayed(&heard(&lines), &mut Random::new(7), 12 * S);
        let expected = drive(&all);
        n_late += expected.counts.late;
        let early = left_too_early(&all, &expected.spans);
        let begin = listed_at(&all);
        for cut in (begin..all.len()).step_by(((all.len() - begin) / n_cuts).max(1)) {
            let (_, stored, before) = until(&all, cut, |_| true);
            if stored.is_empty() {
                continue;
            }
            let (run, _) = go_on(stored, &all[..cut], &all[cut..], all[cut - 1].at);
            let told = [before, run.spans].concat();
            let place = format!("{name}, cut at {cut} of {}", all.len());
            let differs = |expected: &_, told: &_| {
                let (early, differs): (Vec<_>, Vec<_>) = differences_but_times(expected, told)
                    .into_iter()
                    .partition(|(trace, _)| early.contains(trace));
                n_early.set(n_early.get() + usize::from(!early.is_empty()));
                differs
            };
            cuts.compare(&place, &expected.spans, &told, differs);
        }
    }
    assert!(cuts.wrong.is_empty(), "{}", cuts.wrong());
    assert!(n_early.get() * 50 < cuts.n, "{} of {} left too early", n_early.get(), cuts.n);
    assert!(n_late > 1_000, "{n_late} came late");
    cuts.says_seldom(50);
}

/// What has to last lasts shorter by the settings of who goes on: what has settled by those when it takes
/// the steps again is told, though the one before had not told it yet.
#[test]
fn whoever_goes_on_with_shorter_limits_loses_nothing_by_them() {
    let of = || Settings { stable_time: Nanos::from_seconds(1), ..settings() };
    let (mut n, mut lost) = (0, Vec::new());
    for (name, lines) in histories(2) {
        let all = heard(&lines);
        let expected = drive(&all);
        let begin = listed_at(&all);
        for cut in (begin..all.len()).step_by(((all.len() - begin) / 8).max(1)) {
            let (_, stored, before) = until(&all, cut, |_| true);
            if stored.is_empty() {
                continue;
            }
            let at = all[cut - 1].at;
            let (mut engine, _) = Engine::restore(of(), stored, (UnixNanos(at), None)).unwrap();
            let rest = resumed(&engine, &all[..cut], at);
            let rest = rest.into_iter().chain(all[cut..].iter().cloned());
            let told = [before, drive_on(&mut engine, Run::default(), rest).spans].concat();
            let roots: BTreeMap<TraceId, &FinishedSpan> =
                told.iter().filter(|it| is_root(it)).map(|it| (it.trace_id, it)).collect();
            assert_eq!(roots.len(), told.iter().filter(|it| is_root(it)).count(), "{name}, {cut}");
            let before_cut = |it: &&FinishedSpan| is_root(it) && it.start.0 < at;
            for root in expected.spans.iter().filter(before_cut) {
                n += 1;
                if !roots.contains_key(&root.trace_id) {
                    lost.push(format!("{name}, cut at {cut}: {}", show(root)));
                }
            }
        }
    }
    let shown: Vec<_> = lost.iter().take(8).map(String::as_str).collect();
    assert!(lost.is_empty(), "{} of {n} lost:\n{}", lost.len(), shown.join("\n"));
}

/// What differs in more than times: those are what they are, within what is known of them.
pub(crate) fn differences_but_times(
    expected: &[FinishedSpan],
    told: &[FinishedSpan],
) -> Vec<(TraceId, String)> {
    let (mut out, both) = paired(expected, told);
    for (span, other) in both {
        let keys = |span: &FinishedSpan| {
            (span.parent, span.name.clone(), span.outcome, span.error.clone())
        };
        // What has outlived its trace says itself that only a list told of its end.
        if keys(span) != keys(other) && !is_gap(other) {
            out.push((span.trace_id, format!("{} is {}", show(span), show(other))));
        }
        for (is, other_is) in [(span.start, other.start), (span.end, other.end)] {
            let unsure = |span: &FinishedSpan| match span
                .attributes
                .iter()
                .find(|(key, _)| *key == "lifespan.time.uncertainty_ms")
            {
                Some((_, Value::Int(ms))) => *ms,
                _ => 50,
            };
            let apart = is.since(other_is).millis().abs();
            if apart > unsure(span) + unsure(other) + 1 && !is_gap(other) {
                let what = format!(
                    "{} is {apart} ms off, and says {}: {}{}",
                    show(span),
                    unsure(other),
                    show(other),
                    other_parts(span, other)
                );
                out.push((span.trace_id, what));
            }
        }
    }
    out
}

/// The Pods are listed anew while something is open, of which parts may have come and gone.
#[test]
fn whoever_goes_on_knows_what_nobody_had_heard_before() {
    let all = heard(&model::history_of(&[Make::Deployment], 0, 20).lines);
    let gaps = |spans: &[FinishedSpan]| -> BTreeSet<TraceId> {
        spans.iter().filter(|it| is_root(it) && is_gap(it)).map(|it| it.trace_id).collect()
    };
    let mut n = 0;
    for i in (listed_at(&all)..all.len()).step_by(20) {
        let (before, after) = all.split_at(i);
        let at = before.last().unwrap().at;
        let away = Told { at, lane: Lane::Pods, news: News::Closed };
        let mut told = [before, &[away], &list(&current(before), Lane::Pods, at)].concat();
        // A list is as new as what all lanes have told.
        told.last_mut().unwrap().news = News::ListDone(before.iter().filter_map(version).max());
        let cut = told.len() + after.partition_point(|told| told.at <= at + 3 * S);
        told.extend_from_slice(after);
        // Before it has entered it is as if it had not been read.
        if told[cut - 1].at <= at + 2 * S {
            continue;
        }
        let expected = drive(&told).spans;
        let (_, stored, before) = until(&told, cut, |_| true);
        let (run, _) = go_on(stored, &told[..cut], &told[cut..], told[cut - 1].at);
        let (left, is) = (gaps(&before), gaps(&run.spans));
        assert!(gaps(&expected).is_subset(&left.union(&is).copied().collect()), "listed at {i}");
        n += is.len();
    }
    assert!(n > 0, "nothing was open");
}

fn is_gap(span: &FinishedSpan) -> bool {
    flag(span, "lifespan.watch.gap")
}

/// Killed between two commits: what came after the last one is told again, and decided again, and what
/// left by it had not been handed on.
#[test]
fn whoever_dies_between_two_commits_tells_nothing_twice_and_all_once() {
    let n_cuts: usize = std::env::var("LIFESPAN_CUTS").map_or(4, |n| n.parse().unwrap());
    let mut cuts = Cuts::default();
    for (name, lines) in histories(2) {
        let all = heard(&lines);
        let expected = drive(&all);
        let begin = listed_at(&all);
        let step = ((all.len() - begin) / n_cuts).max(1);
        for (i, cut) in (begin + 1..all.len()).step_by(step).enumerate() {
            // A commit once a second, and what came since is lost.
            let last = all[cut - 1].at - i64::try_from(i % 3).unwrap() * S / 2;
            let lost = all.iter().position(|told| told.at > last).unwrap_or(cut).clamp(begin, cut);
            let at = all[cut - 1].at + 1;
            let (_, stored, before) = until(&all, cut, |i| i < lost);
            let (run, _) = go_on(stored, &all[..cut], &all[cut..], at);
            let told = [before, run.spans].concat();
            let place = format!("{name}, cut at {cut} of {}, {} lost", all.len(), cut - lost);
            cuts.compare(&place, &expected.spans, &told, differences_but_times);
        }
    }
    assert!(cuts.wrong.is_empty(), "{}", cuts.wrong());
    cuts.says_seldom(100);
}

/// What all lanes of objects with a life would list after `told`.
fn lists(told: &[Told], at: i64) -> Vec<Told> {
    let now = current(told);
    let lanes = now.keys().copied().filter(|lane| lane.has_lives());
    lanes.flat_map(|lane| list(&now, lane, at)).collect()
}

/// The server has forgotten where the watches were: what happened meanwhile is told by lists, and what
/// it touches says so.
#[test]
fn where_the_server_has_forgotten_the_version_lists_tell_what_happened_meanwhile() {
    let (mut n, mut n_gaps) = (0, 0);
    for (name, lines) in histories(2) {
        let all = heard(&lines);
        let expected = drive(&all);
        let begin = listed_at(&all);
        for cut in (begin..all.len()).step_by(((all.len() - begin) / 4).max(1)) {
            let (_, stored, before) = until(&all, cut, |_| true);
            // Away for a third of what is left.
            let back = cut + (all.len() - cut) / 3;
            let at = all[back.saturating_sub(1).max(cut - 1)].at;
            let (mut engine, _) =
                Engine::restore(settings(), stored, (UnixNanos(at), None)).unwrap();
            let rest = lists(&all[..back], at).into_iter().chain(all[back..].iter().cloned());
            let spans = drive_on(&mut engine, Run::default(), rest).spans;
            let place = format!("{name}, from {cut} to {back} of {}", all.len());
            let wrong = faults(&spans);
            assert!(wrong.is_empty(), "{place}: {wrong}");
            // What had left does not leave again.
            let left = by_id(&before);
            let again = spans.iter().find(|span| left.contains_key(&(span.trace_id, span.span_id)));
            assert!(again.is_none(), "{place}: {}", again.map(show).unwrap_or_default());
            // What is told otherwise says that it may be, or is a part of what began meanwhile.
            let ended = expected.spans.iter().filter(|span| is_root(span));
            let ended = ended.map(|it| (it.object.uid, it.start.0, it.end.0 + 10 * S));
            let open = expected.open.iter().filter(|span| is_root(span));
            let open = open.map(|it| (it.object.uid, it.start.0, i64::MAX));
            let around: Vec<(Uid, i64, i64)> = ended.chain(open).collect();
            let is_part = |root: &FinishedSpan| {
                let holds = |(uid, start, end): &(Uid, i64, i64)| {
                    *uid == root.object.uid && (*start..=*end).contains(&root.start.0)
                };
                around.iter().any(holds)
            };
            let known = by_id(&expected.spans);
            let roots = spans.iter().filter(|span| is_root(span));
            for root in roots {
                n += 1;
                let is_known = known.contains_key(&(root.trace_id, root.span_id));
                n_gaps += usize::from(is_gap(root));
                assert!(
                    is_known || is_gap(root) || root.start.0 < at || is_part(root),
                    "{place}: {}",
                    show(root)
                );
            }
            assert_eq!(engine.counts().objects, expected.counts.objects, "{place}");
        }
    }
    assert!(n > 100 && n_gaps > 10 && n_gaps < n, "{n_gaps} of {n}");
}

/// That the kind of an owner is built in makes it no kind that is watched anew.
#[test]
fn whoever_goes_on_drops_nothing_for_owners_of_kinds_that_nobody_watches() {
    let mut all = heard(&lines::recording("12-job-success"));
    all.retain(|told| told.lane != Lane::Jobs);
    let lanes: BTreeSet<Lane> = all.iter().filter(|it| is_of_lane(it)).map(|it| it.lane).collect();
    let waits_for: Vec<_> = lanes.into_iter().map(|lane| (lane, 0)).collect();
    let watched = || Settings { waits_for: waits_for.clone(), ..settings() };
    let cut = all.iter().rposition(|it| it.lane == Lane::Pods).unwrap();
    let (_, stored, _) = until_with(watched(), &all, cut, |_| true);
    let at = (UnixNanos(all[cut].at), None);
    let (_, restored) = Engine::restore(watched(), stored, at).unwrap();
    assert_eq!((restored.n_trees > 0, restored.dropped), (true, Vec::new()));
}

/// A record that is damaged or missing costs what it is of, and nothing is told twice or falsely for it.
#[test]
fn what_cannot_be_read_is_dropped_and_told_anew_by_lists() {
    let mut n = 0;
    for name in ["02-rolling-update", "08-bad-image-then-fix", "19-scaled-during-rollout"] {
        let all = heard(&lines::recording(name));
        let begin = listed_at(&all);
        for cut in [begin + (all.len() - begin) / 3, begin + (all.len() - begin) * 2 / 3] {
            let (_, stored, before) = until(&all, cut, |_| true);
            let at = all[cut - 1].at;
            for (i, key) in stored.keys().enumerate() {
                for damage in 0..3 {
                    let mut stored = stored.clone();
                    let bytes = stored.get_mut(key).unwrap();
                    match damage {
                        0 => bytes[i % 8] ^= 4,
                        1 => bytes.truncate(bytes.len() / 2),
                        _ => drop(stored.remove(key)),
                    }
                    let restored =
                        Engine::restore(settings(), stored.clone(), (UnixNanos(at), None));
                    let Ok((mut engine, restored)) = restored else {
                        assert_eq!(key, b"h", "{name}");
                        continue;
                    };
                    // What says a shape of which nothing is known is damaged too.
                    let n_damaged = restored.n_damaged - usize::from(damage < 2);
                    assert!(n_damaged == 0 || key[0] == b'n', "{name}: {n_damaged}");
                    let n_trees = usize::from(damage < 2 && key[0] == b't');
                    let n_dropped = restored.dropped.len();
                    assert!(n_dropped == n_trees || n_dropped <= n_damaged, "{name}: {n_dropped}");
                    let must_list = engine.resumes_at(Lane::Pods, 0).is_none();
                    let is_needed = [b't', b'o', b'c'].contains(&key[0]) || n_damaged > 0;
                    assert_eq!(must_list, is_needed, "{name}");
                    let again = if must_list {
                        lists(&all[..cut], at)
                    } else {
                        resumed(&engine, &all[..cut], at)
                    };
                    let rest = again.into_iter().chain(all[cut..].iter().cloned());
                    let spans = drive_on(&mut engine, Run::default(), rest).spans;
                    let wrong = faults(&spans);
                    assert!(wrong.is_empty(), "{name}, {cut}, {key:?}: {wrong}");
                    commit(&mut engine, &mut stored);
                    let (_, later) =
                        Engine::restore(settings(), stored, (UnixNanos(at), None)).unwrap();
                    assert_eq!(later.n_damaged, 0, "{name}, {cut}, {key:?}: it is taken away");
                    let left = by_id(&before);
                    let twice =
                        spans.iter().find(|it| left.contains_key(&(it.trace_id, it.span_id)));
                    assert!(
                        twice.is_none(),
                        "{name}, {cut}: {}",
                        twice.map(show).unwrap_or_default()
                    );
                    n += 1;
                }
            }
        }
    }
    assert!(n > 100, "{n}");
}

/// Deployments that do not come up are written again and again, each time with a field that none had
/// before: one change in 100 milliseconds.
fn ever_new_fields(n_changes: i64) -> Vec<Told> {
    let line = |at: i64, resource: &str, kind: Type, object: String| {
        told(&Line { at, resource: resource.into(), kind, object }).unwrap()
    };
    let list = r#"{"metadata":{"resourceVersion":"1"}}"#.to_owned();
    let lists = Lane::ALL.into_iter().map(|lane| CATALOG.resource(lane));
    let lists = lists.map(|resource| line(BEGINNING, &resource, Type::ListDone, list.clone()));
    let changes = (0..n_changes).map(|n| {
        let (of, generation, version) = (n % 3, n / 3 + 1, n + 2);
        let object = format!(
            r#"{{"metadata":{{"name":"web-{of}","namespace":"default","uid":"00000000-0000-0000-0000-00000000000{}",
            "resourceVersion":"{version}","generation":{generation},"creationTimestamp":"2026-11-20T11:10:32Z"}},
            "spec":{{"replicas":1,"field-{n}":"is set",
            "template":{{"spec":{{"containers":[{{"name":"app","image":"web"}}]}}}}}}}}"#,
            of + 1
        );
        let kind = if generation == 1 { Type::Added } else { Type::Modified };
        line(BEGINNING + 10 * S + n * S / 10, "deployments.apps", kind, object)
    });
    lists.chain(changes).collect()
}

#[test]
fn what_many_specs_have_in_common_stays_stored_until_nothing_that_is_stored_needs_it() {
    let all = ever_new_fields(21_500);
    let mut engine = Engine::new(settings());
    engine.store_changes();
    let (mut stored, mut spans, mut most) = (Stored::new(), Vec::new(), 0);
    for (n, told) in all.into_iter().enumerate() {
        let at = UnixNanos(told.at);
        hear(&mut engine, told, &mut spans);
        spans.clear();
        if n % 20 == 0 {
            commit(&mut engine, &mut stored);
        }
        if n % 2_000 == 500 || (n > 19_980 && n < 20_600 && n % 20 == 0) {
            let (_, restored) = Engine::restore(settings(), stored.clone(), (at, None)).unwrap();
            assert_eq!(
                (restored.n_damaged, restored.dropped),
                (0, Vec::new()),
                "after {n} changes"
            );
        }
        most = most.max(stored.keys().filter(|key| key[0] == b'n').count());
    }
    // So many are held before those that nobody has any more are let go.
    let n = stored.keys().filter(|key| key[0] == b'n').count();
    assert!(most > 19_000 && n < 2_500, "{most}, {n} in the end");
}

/// Where the state in the form of each number lies that was ever written.
fn golden(format: u32) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/state/{format}.bin"))
}

/// What this version stored is read, and gone on with, by every later one that gives its form the same
/// number. Where this fails the form is another: give it the next number, and add its state with
/// `UPDATE_EXPECT=1`.
#[test]
fn what_was_stored_in_this_form_is_gone_on_with() {
    let all = heard(&lines::recording("02-rolling-update"));
    let cut = listed_at(&all) + (all.len() - listed_at(&all)) / 2;
    let (_, stored, before) = until(&all, cut, |_| true);
    let file = golden(FORMAT);
    if std::env::var_os("UPDATE_EXPECT").is_some() && !file.exists() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, postcard::to_allocvec(&stored).unwrap()).unwrap();
    }
    let known: Stored = postcard::from_bytes(&std::fs::read(&file).unwrap()).unwrap();
    let (run, restored) = go_on(known, &all[..cut], &all[cut..], all[cut - 1].at);
    assert_eq!((restored.n_damaged, restored.dropped.len()), (0, 0), "format {FORMAT}");
    assert!(restored.n_trees > 0 && restored.n_open > 0, "{restored:?}");
    let differs = differences(&drive(&all).spans, &[before, run.spans].concat());
    assert!(differs.is_empty(), "format {FORMAT}: {differs:#?}");
}
