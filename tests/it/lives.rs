//! A process that ends again and again, for a second or for minutes in which things happen, and goes
//! on each time with what it had stored: together its lives tell what one would have told that was
//! there all the time (DESIGN §11).

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a panic is a failed test")]

use std::collections::BTreeMap;

use lifespan::engine::Engine;
use lifespan::facts::span::FinishedSpan;
use lifespan::facts::time::UnixNanos;

use crate::properties::seeds;
use crate::restarts::{Stored, commit, differences_but_times, heard, listed_at, resumed, unsaid};
use crate::support::drive::{Run, Told, drive, drive_on, hear, settings};
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

/// All that `n` lives tell of `all`, the last of which goes on to the end, and how they were cut.
fn lives(all: &[Told], random: &mut Random, n: usize) -> (Vec<FinishedSpan>, String) {
    let begin = all[listed_at(all)].at;
    let last = all.last().unwrap().at;
    let mut end = begin + random.between(0, 60) * S;
    let first = all[0].at;
    let mut life = live(Engine::new(settings()), all, first, end, BTreeMap::new());
    let mut spans = std::mem::take(&mut life.spans);
    let mut said = String::new();
    for i in 0..n {
        let away =
            if random.chance(50) { S << random.between(0, 9) } else { random.between(0, 400) * MS };
        let at = end + away;
        said.push_str(&format!(
            " {:.1}+{:.1}",
            (end - first) as f64 / S as f64,
            away as f64 / S as f64
        ));
        let (engine, _) = Engine::restore(settings(), life.stored.clone(), UnixNanos(at)).unwrap();
        let now = all.partition_point(|told| told.at < at);
        let missed = resumed(&engine, &all[..now], at);
        let heard: Vec<Told> = missed.into_iter().chain(all[now..].iter().cloned()).collect();
        if i == n - 1 || at > last {
            let mut engine = engine;
            spans.extend(drive_on(&mut engine, Run::default(), heard).spans);
            return (spans, said);
        }
        end = at + random.between(300, 6_000) * MS;
        life = live(engine, &heard, at, end, life.stored);
        spans.append(&mut life.spans);
    }
    (spans, said)
}

#[test]
fn however_often_and_long_it_is_away_its_lives_tell_what_one_would_have_told() {
    let (mut n, mut n_traces, mut n_gaps, mut wrong) = (0, 0, 0, Vec::new());
    let makes: [&'static [Make]; 4] =
        [&[Make::Deployment], &[Make::StatefulSet], &[Make::DaemonSet], &[Make::Job]];
    // In the last one something comes within a second of a limit.
    for seed in seeds(7).chain([21]) {
        for makes in makes {
            let lines = model::history_of(makes, seed, 60).lines;
            let all = heard(&lines);
            let expected = drive(&all).spans;
            let (told, said) = lives(&all, &mut Random::new(seed), 12);
            n += 1;
            let differs = differences_but_times(&expected, &told);
            let (differs, n_said) = unsaid(&expected, &told, differs);
            n_gaps += n_said;
            n_traces += told.iter().filter(|span| span.parent.is_none()).count();
            if !differs.is_empty() {
                let first = differs.iter().take(6).cloned().collect::<Vec<_>>().join("\n");
                wrong.push(format!("{} of seed {seed}, lives{said}:\n{first}", makes[0].kind()));
            }
        }
    }
    let shown: Vec<_> = wrong.iter().take(8).map(String::as_str).collect();
    assert!(wrong.is_empty(), "{} of {n} wrong:\n{}", wrong.len(), shown.join("\n"));
    assert!(n_gaps * 50 < n_traces, "{n_gaps} of {n_traces} say that they may be wrong");
}
