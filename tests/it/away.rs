//! Watches that break off, and come back with what they missed: what happened meanwhile is decided as
//! if they had been there (DESIGN §7).

#![expect(clippy::indexing_slicing, reason = "a panic is a failed test")]

use std::collections::BTreeSet;

use lifespan::facts::change::News;
use lifespan::facts::span::FinishedSpan;

use crate::support::checks::{flag, is_root};
use crate::support::drive::{Run, Told, decode, drive};
use crate::support::model::S;
use crate::support::shape::{difference, histories, shape};

/// How long nobody watches, in seconds.
const AWAY: [i64; 5] = [1, 5, 20, 60, 600];

/// Whether it tells of the state of a list or watch.
fn is_of_lane(told: &Told) -> bool {
    matches!(told.news, News::Listed(_) | News::ListDone(_) | News::Closed)
}

/// What is heard by someone who is away from the change `i` on for `seconds`, and comes back with
/// watches that tell what they missed, one after the other.
fn heard(all: &[Told], i: usize, seconds: i64) -> Option<Vec<Told>> {
    let left = all[i].at;
    let back = left + seconds * S;
    let (missed, after): (Vec<&Told>, Vec<&Told>) = all[i..].iter().partition(|it| it.at < back);
    if missed.iter().copied().any(is_of_lane) {
        return None;
    }
    let lanes: BTreeSet<_> = all.iter().map(|told| told.lane).collect();
    let each = |at: i64, news: News| {
        let lanes = lanes.iter().copied();
        lanes.map(move |lane| Told { at, lane, news: news.clone() }).collect::<Vec<_>>()
    };
    let mut heard = all[..i].to_vec();
    heard.extend(each(left, News::Closed));
    heard.extend(each(back, News::Bookmark));
    let mut missed: Vec<Told> = missed.into_iter().cloned().collect();
    missed.iter_mut().for_each(|told| told.at = back);
    missed.sort_by_key(|told| told.lane);
    heard.extend(missed);
    heard.extend(after.into_iter().cloned());
    Some(heard)
}

/// Runs all, and lets time go on.
fn run(all: &[Told], until: i64) -> Run {
    let mut all = all.to_vec();
    let lane = all[0].lane;
    all.push(Told { at: until, lane, news: News::Bookmark });
    drive(&all)
}

/// `LIFESPAN_CUTS=100000` cuts at every change; `LIFESPAN_ONLY=22` takes recordings whose names begin
/// so.
#[test]
fn whoever_was_away_decides_as_if_they_had_been_there() {
    let only = std::env::var("LIFESPAN_ONLY").unwrap_or_default();
    let n_cuts: usize = std::env::var("LIFESPAN_CUTS").map_or(4, |n| n.parse().unwrap());
    let (mut n, mut n_gaps, mut wrong) = (0, 0, Vec::new());
    for (name, lines) in histories(2) {
        if !name.starts_with(&only) {
            continue;
        }
        let all = decode(&lines);
        let until = all.last().unwrap().at + 1_200 * S;
        let expected = shape(&run(&all, until));
        let begin = all.iter().rposition(is_of_lane).map_or(0, |last| last + 1);
        let n_changes = all.len() - begin;
        let step = (n_changes / n_cuts).max(1);
        for i in (begin..all.len()).step_by(step) {
            for seconds in AWAY {
                let Some(heard) = heard(&all, i, seconds) else { continue };
                n += 1;
                let run = run(&heard, until);
                let what = format!("cut at {i} of {}, away for {seconds} s", all.len());
                let differs = difference(&name, &what, &expected, &shape(&run));
                // What may be otherwise says so.
                let says = ["lifespan.watch.gap", "lifespan.owner.missing"];
                let has_gap =
                    |it: &FinishedSpan| is_root(it) && says.iter().any(|key| flag(it, key));
                if differs.is_some() && run.spans.iter().any(has_gap) {
                    n_gaps += 1;
                } else {
                    wrong.extend(differs);
                }
            }
        }
    }
    assert!(n_gaps * 50 < n, "{n_gaps} of {n} say that they may be wrong");
    assert!(wrong.is_empty(), "{} of {n} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
