//! What must hold of every history: made up by the model, whose truth is known, or recorded.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a panic is a failed test")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use lifespan::engine::Engine;
use lifespan::facts::change::Change;
use lifespan::facts::change::News;
use lifespan::facts::ids::SpanId;
use lifespan::facts::kind::Lane;
use lifespan::facts::meta::Uid;
use lifespan::facts::span::{FinishedSpan, Span};
use lifespan::recording as file;

use crate::support::checks::{faults, is_root, outcome, outline, text, traces};
use crate::support::drive::{self as support_drive, Run, Told, decode, drive, snapshot, version};
use crate::support::lines::{self, recording, recordings};
use crate::support::model::random::Random;
use crate::support::model::truth::Cause;
use crate::support::model::{self, History, MS, Make, Operand, Plan, S};
use crate::support::truth;

/// As many histories, unless `LIFESPAN_SEEDS` asks for more.
pub(crate) fn seeds(least: u64) -> std::ops::Range<u64> {
    let asked = std::env::var("LIFESPAN_SEEDS").ok().and_then(|text| text.parse().ok());
    let first = std::env::var("LIFESPAN_SEED").ok().and_then(|text| text.parse().ok());
    match (first, asked) {
        (Some(first), n) => first..first + n.unwrap_or(1),
        (None, n) => 0..n.unwrap_or(least),
    }
}

const ALL_KINDS: &[Make] = &[Make::Deployment, Make::StatefulSet, Make::DaemonSet, Make::Job];

/// What must agree between two runs, whatever the times.
type Key = (String, SpanId, Option<SpanId>, String, &'static str, String, Vec<String>);

fn key(span: &FinishedSpan) -> Key {
    let links = span.links.iter().map(|link| format!("{} {:?}", link.trace_id, link.reason));
    (
        span.trace_id.to_string(),
        span.span_id,
        span.parent,
        span.name.to_string(),
        outcome(span),
        text(span, "error.type").to_owned(),
        links.collect(),
    )
}

fn keys(run: &Run) -> Vec<Key> {
    let mut keys: Vec<Key> = run.spans.iter().map(key).collect();
    keys.sort();
    keys
}

/// What is in one of them only.
fn difference(told: &[Key], expected: &[Key]) -> String {
    let mut text = String::new();
    for (sign, these, those) in [("+", told, expected), ("-", expected, told)] {
        for key in these.iter().filter(|key| those.binary_search(key).is_err()).take(20) {
            writeln!(text, "{sign} {} {} {} {} {}", key.0, key.1, key.3, key.4, key.5).unwrap();
        }
    }
    text
}

/// The recordings and some histories, decoded.
fn all() -> Vec<(String, Vec<Told>)> {
    let recorded = recordings().into_iter().map(|name| {
        let told = decode(&recording(&name));
        (name, told)
    });
    let made = (0..4).map(|seed| (format!("seed {seed}"), decode(&model::history(seed, 12).lines)));
    let others =
        [&[Make::StatefulSet], &[Make::DaemonSet], &[Make::Job]].into_iter().map(|makes| {
            let told = decode(&model::history_of(makes, 0, 8).lines);
            (format!("{} of seed 0", makes[0].kind()), told)
        });
    recorded.chain(made).chain(others).collect()
}

/// What a lane would list now: its objects in their last versions, and how far it has come.
#[derive(Clone, Debug, Default)]
pub(crate) struct Listing {
    objects: BTreeMap<Uid, News>,
    version: Option<u64>,
}

/// What each lane would list after `told`.
pub(crate) fn current(told: &[Told]) -> BTreeMap<Lane, Listing> {
    let mut lanes: BTreeMap<Lane, Listing> = BTreeMap::new();
    for told in told {
        let lane = lanes.entry(told.lane).or_default();
        lane.version = lane.version.max(version(told));
        let Some(seen) = snapshot(told) else { continue };
        if matches!(told.news, News::Watched(Change::Deleted(_))) {
            lane.objects.remove(&seen.meta().uid);
        } else {
            lane.objects.insert(seen.meta().uid, News::Listed(seen.clone()));
        }
    }
    lanes
}

/// A whole list of a lane at `at`.
pub(crate) fn list(lanes: &BTreeMap<Lane, Listing>, lane: Lane, at: i64) -> Vec<Told> {
    let listing = lanes.get(&lane).cloned().unwrap_or_default();
    let done = News::ListDone(listing.version);
    listing.objects.into_values().chain([done]).map(|news| Told { at, lane, news }).collect()
}

/// The lanes that tell of any object with a life.
fn spoken(told: &[Told]) -> Vec<Lane> {
    let lanes = told.iter().filter(|one| snapshot(one).is_some()).map(|one| one.lane);
    lanes.collect::<BTreeSet<Lane>>().into_iter().collect()
}

/// Where every lane has listed once.
fn listed_at(told: &[Told]) -> usize {
    let first = |lane: Lane| {
        told.iter().position(|one| one.lane == lane && matches!(one.news, News::ListDone(_)))
    };
    support_drive::CATALOG.lanes().filter_map(first).max().map_or(0, |last| last + 1)
}

/// Nothing went wrong; otherwise the first of it.
fn none(wrong: &[String]) {
    let wrong: Vec<&str> =
        wrong.iter().map(String::as_str).filter(|text| !text.is_empty()).collect();
    let n = wrong.len();
    assert!(wrong.is_empty(), "{n} wrong:\n{}", wrong[..n.min(8)].join("\n"));
}

/// Histories of these kinds are told as they truly happened, and all of `sorts` happens in them:
/// what a transition is called, and how it ends.
fn told_truly(makes: &'static [Make], seeds: std::ops::Range<u64>, sorts: &[&str]) {
    told_truly_of(|seed| model::history_of(makes, seed, 30), seeds, sorts);
}

fn told_truly_of(history: impl Fn(u64) -> History, seeds: std::ops::Range<u64>, sorts: &[&str]) {
    let mut wrong = String::new();
    let mut happened = BTreeSet::new();
    let is_whole = seeds.end - seeds.start > 10;
    for seed in seeds {
        let history = history(seed);
        let run = drive(&decode(&history.lines));
        let faults = format!("{}{}", faults(&run.spans), truth::faults(&history.truth, &run.spans));
        for one in history.truth.transitions.iter().filter(|one| one.is_certain) {
            let (kind, action) = (history.truth.kind(one.tree), one.actions[0]);
            let by = if matches!(one.cause, Cause::Pod(..)) { " by Pods" } else { "" };
            happened.extend(one.end.map(|(_, outcome)| format!("{action} {kind}{by} {outcome}")));
        }
        if !faults.is_empty() && wrong.len() < 20_000 {
            writeln!(wrong, "seed {seed}:\n{faults}").unwrap();
            // To look at one: a folder that its recording and its truth are written to.
            if let Ok(folder) = std::env::var("LIFESPAN_WRONG") {
                let recording = lines::write(&history.lines);
                std::fs::write(format!("{folder}/{seed}.jsonl"), recording).unwrap();
                let truth = format!("{:#?}", history.truth);
                std::fs::write(format!("{folder}/{seed}.txt"), truth).unwrap();
            }
        }
    }
    let missing: Vec<_> = sorts.iter().filter(|sort| !happened.contains(**sort)).collect();
    assert!(missing.is_empty() || !is_whole, "never happened: {missing:?}");
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn histories_of_the_model_are_told_as_they_truly_happened() {
    let sorts = [
        "create Deployment completed",
        "update Deployment completed",
        "update Deployment failed",
        "update Deployment superseded",
        "update Deployment paused",
        "rollback Deployment completed",
        "scale Deployment completed",
        "resume Deployment completed",
        "recover Deployment by Pods completed",
        "delete Deployment completed",
    ];
    told_truly(&[Make::Deployment], seeds(60), &sorts);
}

#[test]
fn histories_of_stateful_sets_are_told_as_they_truly_happened() {
    let sorts = [
        "create StatefulSet completed",
        "create StatefulSet deleted",
        "update StatefulSet completed",
        "update StatefulSet superseded",
        "update StatefulSet by Pods completed",
        "rollback StatefulSet completed",
        "restart StatefulSet completed",
        "scale StatefulSet completed",
        "recover StatefulSet by Pods completed",
        "delete StatefulSet completed",
    ];
    told_truly(&[Make::StatefulSet], seeds(30), &sorts);
}

#[test]
fn histories_of_daemon_sets_are_told_as_they_truly_happened() {
    let sorts = [
        "create DaemonSet completed",
        "update DaemonSet completed",
        "update DaemonSet superseded",
        "update DaemonSet by Pods completed",
        "rollback DaemonSet completed",
        "restart DaemonSet completed",
        "scale DaemonSet by Pods completed",
        "recover DaemonSet by Pods completed",
        "delete DaemonSet completed",
    ];
    told_truly(&[Make::DaemonSet], seeds(30), &sorts);
}

#[test]
fn histories_of_jobs_are_told_as_they_truly_happened() {
    let sorts = [
        "run Job completed",
        "run Job failed",
        "run Job suspended",
        "run Job deleted",
        "resume Job completed",
        "resume Job failed",
        "resume Job suspended",
        "delete Job completed",
    ];
    told_truly(&[Make::Job], seeds(30), &sorts);
}

#[test]
fn histories_of_operators_with_deployments_are_told_as_they_truly_happened() {
    let sorts = [
        "create Stack completed",
        "update Stack completed",
        "update Stack superseded",
        "reconcile Stack completed",
        "reconcile Stack failed",
        "reconcile Stack superseded",
        "recover Stack by Pods completed",
        "delete Stack completed",
    ];
    told_truly(&[Make::Stack(Operand::Deployment)], seeds(30), &sorts);
}

#[test]
fn histories_of_operators_with_stateful_sets_are_told_as_they_truly_happened() {
    let sorts = [
        "create Stack completed",
        "update Stack completed",
        "reconcile Stack completed",
        "recover Stack by Pods completed",
        "delete Stack completed",
    ];
    told_truly(&[Make::Stack(Operand::StatefulSet)], seeds(30), &sorts);
}

#[test]
fn histories_of_operators_with_daemon_sets_are_told_as_they_truly_happened() {
    let sorts = [
        "create Stack completed",
        "update Stack completed",
        "reconcile Stack completed",
        "reconcile Stack by Pods completed",
        "recover Stack by Pods completed",
        "delete Stack completed",
    ];
    told_truly(&[Make::Stack(Operand::DaemonSet)], seeds(30), &sorts);
}

#[test]
fn histories_of_pods_resized_in_place_are_told_as_they_truly_happened() {
    let sorts = [
        "create Deployment completed",
        "update Deployment completed",
        "scale Deployment completed",
        "reconcile Deployment completed",
        "reconcile Deployment failed",
        "recover Deployment by Pods completed",
    ];
    told_truly(&[Make::Resized], seeds(30), &sorts);
}

#[test]
fn histories_of_cron_jobs_are_told_as_they_truly_happened() {
    let sorts = [
        "create CronJob completed",
        "update CronJob completed",
        "pause CronJob paused",
        "resume CronJob completed",
        "delete CronJob completed",
        "run Job completed",
        "run Job failed",
        "run Job deleted",
    ];
    told_truly(&[Make::CronJob], seeds(30), &sorts);
}

#[test]
fn histories_of_all_kinds_side_by_side_are_told_as_they_truly_happened() {
    told_truly(ALL_KINDS, seeds(12), &[]);
}

/// Of every length.
#[test]
fn the_end_of_a_namespace_is_one_deletion_of_each_tree() {
    let plan = |seed, makes| Plan {
        seed,
        makes,
        actions: 6,
        steady: None,
        deployments: 0,
        ends_namespace: true,
    };
    for makes in [&[Make::Deployment], &[Make::StatefulSet], &[Make::DaemonSet], &[Make::Job]] {
        let sort = format!("delete {} completed", makes[0].kind());
        told_truly_of(|seed| model::run(plan(seed, makes)), seeds(20), &[&sort]);
    }
}

#[test]
fn every_prefix_of_a_recording_gives_whole_traces() {
    for (name, told) in all() {
        for end in (0..=told.len()).rev() {
            let run = drive(&told[..end]);
            let faults = faults(&run.spans);
            assert!(faults.is_empty(), "{name}, the first {end} lines:\n{faults}");
        }
    }
}

#[test]
fn the_same_recording_gives_the_same_spans() {
    for (name, told) in all() {
        assert!(drive(&told) == drive(&told), "{name}");
    }
}

/// Each lane comes late by its own wandering delay, always less than `most`; of a long one every
/// second lane is in time, and all lists are.
pub(crate) fn delayed(told: &[Told], random: &mut Random, most: i64) -> Vec<Told> {
    let mut late: Vec<Told> = told.to_vec();
    for lane in support_drive::CATALOG.lanes() {
        if most > 2 * S && random.chance(50) {
            continue;
        }
        let (mut delay, mut before) = (0, 0);
        let listed =
            late.iter().position(|one| one.lane == lane && matches!(one.news, News::ListDone(_)));
        let first = if most > 2 * S { listed.map_or(0, |at| at + 1) } else { 0 };
        for one in late.iter_mut().skip(first).filter(|one| one.lane == lane) {
            if random.chance(5) {
                delay = random.between(0, most - 50 * MS);
            }
            delay = (delay + random.between(-50 * MS, 50 * MS)).clamp(0, most - 10 * MS);
            before = before.max(one.at + delay);
            one.at = before;
        }
    }
    late.sort_by_key(|one| one.at);
    late
}

#[test]
fn lanes_that_come_late_change_nothing_but_times() {
    let mut wrong = Vec::new();
    // Whether the one before had lasted may be decided otherwise within a second of its limit.
    let keys = |run: &Run| {
        let mut keys = keys(run);
        keys.iter_mut().for_each(|key| key.6.retain(|link| !link.ends_with("Follows")));
        keys
    };
    // Two writes 10.5 s apart, the time that must have passed between them being 10 s.
    let is_near_a_limit = |name: &str| name.starts_with("31-");
    for (name, told) in all().into_iter().filter(|(name, _)| !is_near_a_limit(name)) {
        let expected = keys(&drive(&told));
        for seed in seeds(6) {
            let run = drive(&delayed(&told, &mut Random::new(seed), 2 * S));
            let (faults, different) = (faults(&run.spans), difference(&keys(&run), &expected));
            if !(faults.is_empty() && different.is_empty()) {
                wrong.push(format!("{name}, delays {seed}:\n{faults}{different}"));
            }
        }
    }
    none(&wrong);
}

/// The topmost owner of every object that `told` tells of.
fn tops(told: &[Told]) -> BTreeMap<Uid, Uid> {
    let owner = |one: &Told| {
        let meta = snapshot(one)?.meta();
        Some((meta.uid, meta.owner.as_ref().map(|owner| owner.uid)))
    };
    let owners: BTreeMap<Uid, Option<Uid>> = told.iter().filter_map(owner).collect();
    let top = |of: Uid| {
        let mut at = of;
        for _ in 0..16 {
            match owners.get(&at).copied().flatten() {
                Some(owner) if owners.contains_key(&owner) => at = owner,
                _ => break,
            }
        }
        at
    };
    owners.keys().map(|uid| (*uid, top(*uid))).collect()
}

/// The trees of which something came, late, after a trace of them had left: nothing that was told by
/// then can be told otherwise.
fn out_of_reach(late: &[Told], tops: &BTreeMap<Uid, Uid>, left: &[(i64, Uid)]) -> BTreeSet<Uid> {
    let mut reached: BTreeMap<Uid, Option<u64>> = BTreeMap::new();
    let mut newest = None;
    let mut out = BTreeSet::new();
    let mut left = left.iter().peekable();
    for one in late {
        // What was told until a trace left was decided by then.
        while let Some((_, top)) = left.next_if(|(at, _)| *at < one.at + 2 * S) {
            reached.insert(*top, newest);
        }
        let noted = if let News::Watched(Change::Noted(note)) = &one.news {
            note.about.uid()
        } else {
            None
        };
        let about = noted.or_else(|| snapshot(one).map(|seen| seen.meta().uid));
        let top = about.and_then(|about| tops.get(&about));
        newest = newest.max(version(one));
        if let Some(top) = top.filter(|top| reached.get(top) > Some(&version(one))) {
            out.insert(*top);
        }
    }
    out
}

#[test]
fn lanes_late_by_up_to_owner_wait_change_nothing_but_times_of_what_has_not_left() {
    let (mut wrong, mut n_compared, mut n_out) = (Vec::new(), 0, 0);
    let (mut n_runs, mut n_missed) = (0, 0);
    let is_near_a_limit = |name: &str| name.starts_with("31-");
    for (name, told) in all().into_iter().filter(|(name, _)| !is_near_a_limit(name)) {
        let tops = tops(&told);
        let expected = drive(&told);
        for seed in seeds(4) {
            let late = delayed(&told, &mut Random::new(seed), 29 * S);
            let (run, left) = support_drive::drive_timed(&late);
            let left: Vec<(i64, Uid)> = left
                .iter()
                .map(|(at, span)| {
                    (*at, tops.get(&span.object.uid).copied().unwrap_or(span.object.uid))
                })
                .collect();
            let out = out_of_reach(&late, &tops, &left);
            let is_in = |span: &FinishedSpan| {
                is_root(span) && !tops.get(&span.object.uid).is_some_and(|top| out.contains(top))
            };
            let in_reach = |run: &Run| {
                let traces: BTreeSet<_> =
                    run.spans.iter().filter(|span| is_in(span)).map(|span| span.trace_id).collect();
                let spans = run.spans.iter().filter(|span| traces.contains(&span.trace_id));
                let mut keys: Vec<Key> = spans.map(key).collect();
                keys.iter_mut().for_each(|key| key.6.retain(|link| !link.ends_with("Follows")));
                keys.sort();
                keys
            };
            n_compared += expected.spans.iter().filter(|span| is_in(span)).count();
            n_out += expected.spans.iter().filter(|span| is_root(span) && !is_in(span)).count();
            let (faults, different) =
                (faults(&run.spans), difference(&in_reach(&run), &in_reach(&expected)));
            // What could not be put in its place any more is counted, an owner that did not come in time
            // is said to be missing.
            n_runs += 1;
            let is_said = run.counts.missed > 0
                || run.spans.iter().any(|span| {
                    span.attributes.iter().any(|(key, _)| *key == "lifespan.owner.missing")
                });
            let is_told = different.is_empty() || is_said;
            n_missed += usize::from(!different.is_empty() && is_said);
            if !(faults.is_empty() && is_told) {
                let shown = std::env::var_os("LIFESPAN_WRONG").map(|_| {
                    format!("{}{:?}\n{left:?}\n{out:?}\n", outline(&run.spans), run.counts)
                });
                let shown = shown.unwrap_or_default();
                wrong.push(format!("{name}, delays {seed}:\n{faults}{different}{shown}"));
            }
        }
    }
    none(&wrong);
    // Delays are long beside most histories: of many trees a trace has left by then.
    assert!(3 * n_compared > n_out, "compared {n_compared}, had left {n_out}");
    assert!(
        20 * n_missed < n_runs,
        "of {n_runs} runs {n_missed} tell something else, and count it"
    );
}

/// Where a trace begins and ends, and all that must be equal about it.
struct TraceKeys<'a> {
    root: &'a FinishedSpan,
    keys: Vec<(Key, i64, i64)>,
}

fn rooted(run: &Run) -> BTreeMap<String, TraceKeys<'_>> {
    let mut known = BTreeMap::new();
    for (id, trace) in traces(&run.spans) {
        let Some(root) = trace.root else { continue };
        let mut keys: Vec<_> =
            trace.spans.iter().map(|span| (key(span), span.start.0, span.end.0)).collect();
        // What lay before the beginning is linked to only by who saw it.
        keys.iter_mut().for_each(|(key, ..)| key.6.clear());
        keys.sort();
        known.insert(id.to_string(), TraceKeys { root, keys });
    }
    known
}

/// Whether the goal of a transition of `object` moved that began before `when`.
fn goal_moved<O>(spans: &[Span<O>], object: Uid, when: i64) -> bool {
    spans.iter().filter(|span| is_root(span)).any(|root| {
        root.object.uid == object
            && root.start.0 < when
            && root.events.iter().any(|event| event.name == "goal changed")
    })
}

/// What starts in the middle must tell of what begins later just what the whole tells.
fn check_cut(name: &str, told: &[Told], at: usize, full: &Run) -> String {
    let when = told[at].at;
    let objects = current(&told[..at]);
    let mut cut: Vec<Told> =
        support_drive::CATALOG.lanes().flat_map(|lane| list(&objects, lane, when)).collect();
    cut.extend_from_slice(&told[at..]);
    let run = drive(&cut);
    let place = format!("{name}, begun at line {at}");
    let faults = faults(&run.spans);

    let (whole, part) = (rooted(full), rooted(&run));
    // Until when what lay open at the cut may be told otherwise, by its tree.
    let mut open_until: BTreeMap<Uid, i64> = BTreeMap::new();
    let open = full.open.iter().filter(|span| is_root(span));
    let open = open.map(|root| (root.object.uid, root.start.0, i64::MAX));
    let closed = whole.values().map(|trace| trace.root);
    let closed = closed.map(|root| (root.object.uid, root.start.0, root.end.0 + 10 * S));
    for (object, start, end) in closed.chain(open) {
        if start < when && end >= when {
            let until = open_until.entry(object).or_insert(end);
            *until = end.max(*until);
        }
    }
    let is_exempt = |root: &FinishedSpan| {
        open_until.get(&root.object.uid).is_some_and(|until| root.start.0 <= *until)
    };
    let mut different = String::new();
    for (id, trace) in &whole {
        if trace.root.start.0 < when || is_exempt(trace.root) {
            continue;
        }
        match part.get(id) {
            None => writeln!(different, "missing: {}", crate::support::checks::show(trace.root)),
            Some(other) if other.keys != trace.keys => {
                let spans = |run: &Run| -> Vec<FinishedSpan> {
                    let of = |span: &&FinishedSpan| span.trace_id.to_string() == *id;
                    run.spans.iter().filter(of).cloned().collect()
                };
                let (told, expected) = (outline(&spans(&run)), outline(&spans(full)));
                writeln!(different, "told:\n{told}expected:\n{expected}")
            }
            Some(_) => Ok(()),
        }
        .unwrap();
    }
    let opened: Vec<String> = full.open.iter().map(|span| span.trace_id.to_string()).collect();
    for (id, trace) in &part {
        // What Pods caused cannot be told in a list.
        let is_by_pods = text(trace.root, "lifespan.cause").starts_with("pods:");
        let is_continued = trace.root.start.0 < when && !is_by_pods;
        let goal_moved = goal_moved(&full.spans, trace.root.object.uid, when)
            || goal_moved(&full.open, trace.root.object.uid, when);
        if is_continued
            && !whole.contains_key(id)
            && !full.open.iter().any(|span| span.trace_id.to_string() == *id)
            && !goal_moved
        {
            let cause = text(trace.root, "lifespan.cause");
            let root = crate::support::checks::show(trace.root);
            writeln!(different, "continued under another id: {root} ({cause})").unwrap();
        }
        let is_known = whole.contains_key(id) || opened.contains(id);
        if !is_known && !is_exempt(trace.root) {
            let cause = text(trace.root, "lifespan.cause");
            let root = crate::support::checks::show(trace.root);
            writeln!(different, "invented: {root} ({cause})").unwrap();
        }
    }
    if faults.is_empty() && different.is_empty() {
        return String::new();
    }
    format!("{place}:\n{faults}{different}")
}

#[test]
fn a_start_in_the_middle_tells_what_begins_later_as_if_it_had_seen_all() {
    let mut wrong = Vec::new();
    for (name, told) in all() {
        let full = drive(&told);
        let cuts = listed_at(&told)..told.len();
        wrong.extend(cuts.map(|at| check_cut(&name, &told, at, &full)));
    }
    none(&wrong);
}

#[test]
fn a_lane_that_lists_again_changes_nothing() {
    for (name, told) in all() {
        let (expected, lanes) = (keys(&drive(&told)), spoken(&told));
        for (n, at) in (listed_at(&told)..told.len()).enumerate() {
            let lane = lanes[n % lanes.len()];
            let when = told[at].at;
            let mut again = told[..at].to_vec();
            again.push(Told { at: when, lane, news: News::Closed });
            again.extend(list(&current(&told[..at]), lane, when));
            again.extend_from_slice(&told[at..]);
            let run = drive(&again);
            let (faults, different) = (faults(&run.spans), difference(&keys(&run), &expected));
            assert!(
                faults.is_empty() && different.is_empty(),
                "{name}, {lane:?} listed again at line {at}:\n{faults}{different}"
            );
        }
    }
}

#[test]
fn what_a_lane_misses_while_it_is_away_is_found_out_by_its_next_list() {
    let mut wrong = Vec::new();
    for (name, told) in all() {
        let (full, lanes) = (drive(&told), spoken(&told));
        // Away for forty lines of all lanes.
        for (n, from) in (listed_at(&told)..told.len()).enumerate() {
            let lane = lanes[n % lanes.len()];
            let to = (from + 40).min(told.len() - 1);
            let when = told[to].at;
            let mut gap = told[..from].to_vec();
            gap.push(Told { at: told[from].at, lane, news: News::Closed });
            gap.extend(told[from..to].iter().filter(|one| one.lane != lane).cloned());
            gap.extend(list(&current(&told[..to]), lane, when));
            gap.extend_from_slice(&told[to..]);
            let run = drive(&gap);
            let faults = faults(&run.spans);
            let (left, expected) = (run.counts.objects, full.counts.objects);
            if left != expected || !faults.is_empty() {
                wrong.push(format!(
                    "{name}, {lane:?} away from {from} to {to}: {left} objects left of {expected}\n{faults}"
                ));
            }
        }
    }
    none(&wrong);
}

#[test]
fn the_model_keeps_the_rules_of_an_api_server() {
    for seed in seeds(20) {
        let makes: &[Make] = if seed % 2 == 0 { &[Make::Deployment] } else { ALL_KINDS };
        let history = model::history_of(makes, seed, 30);
        let mut versions = Vec::new();
        let mut before: BTreeMap<String, (i64, serde_json::Value)> = BTreeMap::new();
        let mut settled: BTreeMap<String, bool> = BTreeMap::new();
        for line in &history.lines {
            let object: serde_json::Value = serde_json::from_str(&line.object).unwrap();
            let meta = &object["metadata"];
            if line.kind == lines::Type::ListDone {
                continue;
            }
            versions.push(meta["resourceVersion"].as_str().unwrap().parse::<u64>().unwrap());
            let Some(generation) = meta["generation"].as_i64() else { continue };
            let uid = meta["uid"].as_str().unwrap().to_owned();
            let spec = (generation, object["spec"].clone());
            let is_going = meta["deletionTimestamp"].is_string();
            if let Some((last, old)) = before.insert(uid.clone(), spec.clone()) {
                let is_pod = object["kind"] == "Pod";
                let is_changed = old != spec.1 && !is_pod;
                assert!(generation >= last, "seed {seed}: {}", line.object);
                assert!(
                    generation == last || is_changed || is_going || object["kind"] == "Deployment",
                    "seed {seed}: a generation without a change: {}",
                    line.object
                );
                assert!(generation > last || !is_changed, "seed {seed}: {}", line.object);
            }
            if object["kind"] == "Deployment" {
                let status = |key: &str| object["status"][key].as_i64().unwrap_or(0);
                let wanted = object["spec"]["replicas"].as_i64().unwrap();
                let is_settled = status("observedGeneration") == generation
                    && [status("replicas"), status("updatedReplicas"), status("availableReplicas")]
                        == [wanted; 3];
                settled.insert(uid.clone(), is_settled);
                assert!(status("replicas") <= 14, "seed {seed}: {}", line.object);
            }
        }
        versions.sort_unstable();
        assert!(versions.windows(2).all(|pair| pair[0] < pair[1]), "seed {seed}: a version twice");
        // After the last action there was time for all that can settle.
        for transition in history.truth.transitions.iter().filter(|one| one.end.is_none()) {
            let uid = history.truth.uid(transition.tree);
            assert_ne!(settled.get(uid), Some(&true), "seed {seed}: {transition:?}");
        }
        let again = model::history_of(makes, seed, 30);
        assert!(again.lines == history.lines, "seed {seed}: not the same again");
        let text = lines::write(&history.lines);
        assert!(lines::read(&text) == history.lines, "seed {seed}: not read as written");
    }
}

/// What may take the place of any value of an object.
const HOSTILE: [&str; 14] = [
    "null",
    "true",
    "-1",
    "0",
    "1e308",
    "18446744073709551615",
    "\"\"",
    "\"0001-01-01T00:00:00Z\"",
    "\"9999-12-31T23:59:59Z\"",
    "\"1970-01-01T00:00:00Z\"",
    "[]",
    "{}",
    "[[[[[[]]]]]]",
    "\"b102d5f6-7865-9ba7-a71a-24be523544de\"",
];

/// `json` with some of its plain values replaced: owners in circles, times far off, all that a
/// reader lets pass.
fn spoilt(json: &str, random: &mut Random) -> String {
    let mut json = json.to_owned();
    for _ in 0..random.between(1, 4) {
        let colons: Vec<usize> = json.match_indices("\":").map(|(at, _)| at + 2).collect();
        let (Some(at), Some(value)) = (random.pick(&colons), random.pick(&HOSTILE)) else { break };
        let (head, tail) = json.split_at(at);
        let end = tail.find([',', '}', ']']).unwrap_or(tail.len());
        json = format!("{head}{value}{}", tail.split_at(end).1);
    }
    json
}

#[test]
fn recordings_with_spoilt_values_neither_panic_nor_tell_what_cannot_be() {
    for seed in seeds(4) {
        let mut random = Random::new(seed);
        for name in recordings() {
            let mut spoilt_lines = recording(&name);
            for line in &mut spoilt_lines {
                if random.chance(10) {
                    line.object = spoilt(&line.object, &mut random);
                }
            }
            let run = replay(&lines::write(&spoilt_lines));
            let open = run.open.iter().map(|span| (&span.name, span.start, span.end));
            let ended = run.spans.iter().map(|span| (&span.name, span.start, span.end));
            for (span, start, end) in ended.chain(open) {
                assert!(start <= end, "{name}, seed {seed}: {span}");
            }
            let mut roots: Vec<_> = run.spans.iter().filter(|span| is_root(span)).collect();
            roots.sort_unstable_by_key(|root| root.trace_id);
            let twice = roots.windows(2).find(|two| two[0].trace_id == two[1].trace_id);
            assert_eq!(twice, None, "{name}, seed {seed}: two roots in one trace");
        }
    }
}

/// As the program itself reads a recording: what cannot be read is left out.
fn replay(text: &str) -> Run {
    let mut engine = Engine::new(support_drive::settings());
    let mut run = Run::default();
    for line in text.lines() {
        let Ok(line) = file::Line::parse(line.as_bytes()) else { continue };
        if let Some((lane, heard)) = line.news(&support_drive::CATALOG)
            && let Some(news) = heard.out
        {
            run.spans.extend(engine.hear(lane, news, line.at));
        }
        run.open = engine.in_progress(line.at);
    }
    run.spans.extend(engine.finish());
    run
}
