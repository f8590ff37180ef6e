//! A process that ends again and again, for a second or for minutes in which things happen, and goes
//! on each time with what it had stored: together its lives tell what one would have told that was
//! there all the time (DESIGN §11).

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a panic is a failed test")]

use std::collections::{BTreeMap, BTreeSet};

use lifespan::engine::Engine;
use lifespan::facts::change::News;
use lifespan::facts::ids::TraceId;
use lifespan::facts::kind::Lane;
use lifespan::facts::span::FinishedSpan;
use lifespan::facts::time::UnixNanos;

use crate::properties::{current, list, seeds};
use crate::restarts::{Stored, commit, differences_but_times, heard, listed_at, resumed, unsaid};
use crate::support::checks::is_root;
use crate::support::drive::{Run, Told, drive, drive_on, hear, settings, version};
use crate::support::model::random::Random;
use crate::support::model::{self, MS, Make, S};

/// How a process lived: what it told until its last commit, and when it ended.
struct Life {
    spans: Vec<FinishedSpan>,
    stored: Stored,
}

/// It hears `all` until `end`, and commits once a second.
fn live(mut engine: Engine, all: &[Told], begin: i64, end: i64, mut stored: Stored) -> Life {
    engine.store_changes();
    let (mut spans, mut left) = (Vec::new(), 0);
    let mut next = begin + S;
    let mut commit_until = |engine: &mut Engine, at: i64, spans: &mut Vec<FinishedSpan>| {
        while next <= at {
            spans.extend(engine.advance(UnixNanos(next)));
            commit(engine, &mut stored);
            left = spans.len();
            next += S;
        }
    };
    for told in all.iter().take_while(|told| told.at < end) {
        commit_until(&mut engine, told.at, &mut spans);
        hear(&mut engine, told.clone(), &mut spans);
    }
    commit_until(&mut engine, end, &mut spans);
    spans.truncate(left);
    Life { spans, stored }
}

/// What a process is told at `at` that goes on: by each watch what came after the version that it goes
/// on at, by a list of what there is where the server has `forgotten` that.
fn told_again(engine: &Engine, all: &[Told], at: i64, forgotten: Option<u64>) -> Vec<Told> {
    let before = &all[..all.partition_point(|told| told.at < at)];
    let is_written =
        |told: &&Told| told.at < at || version(told).is_some_and(|it| Some(it) <= forgotten);
    let now = current(&all.iter().filter(is_written).cloned().collect::<Vec<_>>());
    let is_known =
        |lane: &Lane| engine.resumes_at(*lane, 0).is_some_and(|it| Some(it) >= forgotten);
    let (known, lists): (Vec<Lane>, Vec<Lane>) = now.keys().copied().partition(is_known);
    let mut out = if known.is_empty() { Vec::new() } else { resumed(engine, before, at) };
    out.retain(|told| known.contains(&told.lane));
    let mut listed: Vec<Told> = lists.into_iter().flat_map(|lane| list(&now, lane, at)).collect();
    for told in &mut listed {
        if let News::ListDone(version) = &mut told.news {
            *version = forgotten.max(*version);
        }
    }
    out.append(&mut listed);
    out
}

/// Since when what happened had not been decided when that was stored which `engine` goes on with.
fn undecided_since(engine: &Engine, before: &[Told], at: i64) -> i64 {
    let is_new = |told: &&Told| match engine.resumes_at(told.lane, 0) {
        Some(from) => version(told) > Some(from),
        None => false,
    };
    before.iter().find(is_new).map_or(at, |told| told.at)
}

/// What many lives tell.
#[derive(Default)]
struct Lives {
    spans: Vec<FinishedSpan>,
    /// How they were cut: when each ended, and for how long nobody lived then.
    cuts: String,
    /// From when to when what happened was told by lists alone.
    unseen: Vec<(i64, i64)>,
}

/// `n` lives that hear `all`, the last of which goes on to the end. The server `forgets` now and then.
fn lives(all: &[Told], random: &mut Random, n: usize, forgets: bool) -> Lives {
    let (first, begin) = (all[0].at, all[listed_at(all)].at);
    let last = all.last().unwrap().at;
    let mut end = begin + random.between(0, 60) * S;
    let mut life = live(Engine::new(settings()), all, first, end, BTreeMap::new());
    let (mut out, mut forgotten) = (Lives::default(), None);
    out.spans.append(&mut life.spans);
    for i in 0..n {
        let is_long = random.chance(50);
        let away = if is_long { S << random.between(0, 9) } else { random.between(0, 400) * MS };
        let at = end + away;
        let now = all.partition_point(|told| told.at < at);
        if forgets && random.chance(25) {
            out.cuts.push_str(", forgotten");
            forgotten = all[..now].iter().filter_map(version).max();
        }
        let (engine, _) =
            Engine::restore(settings(), life.stored.clone(), (UnixNanos(at), None)).unwrap();
        let seconds = |nanos: i64| nanos as f64 / S as f64;
        out.cuts.push_str(&format!(" {:.1}+{:.1}", seconds(end - first), seconds(away)));
        let again = told_again(&engine, all, at, forgotten);
        if again.iter().any(|told| matches!(told.news, News::ListDone(_))) {
            out.unseen.push((undecided_since(&engine, &all[..now], at) - S, at + 5 * S));
        }
        let heard: Vec<Told> = again.into_iter().chain(all[now..].iter().cloned()).collect();
        if i == n - 1 || at > last {
            let mut engine = engine;
            out.spans.extend(drive_on(&mut engine, Run::default(), heard).spans);
            return out;
        }
        end = at + random.between(300, 6_000) * MS;
        life = live(engine, &heard, at, end, life.stored);
        out.spans.append(&mut life.spans);
    }
    out
}

/// Whether a template was there before nobody can know who did not see it then: what is a rollback may
/// be told as an update or a restart.
fn forget_older_templates(expected: &mut [FinishedSpan], told: &[FinishedSpan]) {
    let is_rollback = |span: &&mut FinishedSpan| span.name.starts_with("rollback ");
    for span in expected.iter_mut().filter(is_rollback) {
        let is_it = |it: &&FinishedSpan| (it.trace_id, it.span_id) == (span.trace_id, span.span_id);
        if let Some(other) = told.iter().find(is_it) {
            span.name = other.name.clone();
        }
    }
}

/// Lives of clusters that the model makes up tell what one would have told, or say that there was a
/// gap.
fn agree(seeds: impl Iterator<Item = u64>, forgets: bool) -> (usize, usize) {
    let (mut n, mut n_traces, mut n_gaps, mut wrong) = (0, 0, 0, Vec::new());
    let makes: [&'static [Make]; 4] =
        [&[Make::Deployment], &[Make::StatefulSet], &[Make::DaemonSet], &[Make::Job]];
    for seed in seeds {
        for makes in makes {
            let lines = model::history_of(makes, seed, 60).lines;
            let all = heard(&lines);
            let mut expected = drive(&all).spans;
            let Lives { spans: told, cuts, unseen } =
                lives(&all, &mut Random::new(seed), 12, forgets);
            // What began and was over while nobody watched shows nowhere.
            let is_told = |of: &FinishedSpan| told.iter().any(|it| it.trace_id == of.trace_id);
            let is_unseen = |root: &FinishedSpan| {
                unseen.iter().any(|(from, to)| *from <= root.start.0 && root.end.0 <= *to)
            };
            let unseen: BTreeSet<TraceId> = expected
                .iter()
                .filter(|it| is_root(it) && is_unseen(it) && !is_told(it))
                .map(|root| root.trace_id)
                .collect();
            expected.retain(|span| !unseen.contains(&span.trace_id));
            if forgets {
                forget_older_templates(&mut expected, &told);
            }
            n += 1;
            let differs = differences_but_times(&expected, &told);
            let (differs, n_said) = unsaid(&expected, &told, differs);
            n_gaps += n_said;
            n_traces += told.iter().filter(|span| is_root(span)).count();
            if !differs.is_empty() {
                let first = differs.iter().take(6).cloned().collect::<Vec<_>>().join("\n");
                wrong.push(format!("{} of seed {seed}, lives{cuts}:\n{first}", makes[0].kind()));
            }
        }
    }
    let shown: Vec<_> = wrong.iter().take(12).map(String::as_str).collect();
    assert!(wrong.is_empty(), "{} of {n} wrong:\n{}", wrong.len(), shown.join("\n"));
    (n_gaps, n_traces)
}

#[test]
fn however_often_and_long_it_is_away_its_lives_tell_what_one_would_have_told() {
    // In the last one something comes within a second of a limit.
    let (n_gaps, n_traces) = agree(seeds(7).chain([21]), false);
    assert!(n_gaps * 50 < n_traces, "{n_gaps} of {n_traces} say that they may be wrong");
}

#[test]
fn where_the_server_forgets_too_lives_tell_the_same_or_say_that_there_was_a_gap() {
    // In the last ones a watch tells what another lane lists later, a StatefulSet is created that does not
    // say itself that it is not there yet, a Pod of a Job comes and goes unseen, only a list tells of an
    // end that outlived its trace, and Pods come and go whose owners did too.
    let (n_gaps, n_traces) = agree(seeds(12).chain([33, 173, 53, 69, 184]), true);
    assert!(n_gaps * 3 < n_traces, "{n_gaps} of {n_traces} say that they may be wrong");
}
