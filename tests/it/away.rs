//! Watches that break off, and come back with what they missed, and a process that was stopped: what
//! happened meanwhile is decided as if they had been there (DESIGN §7).

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a panic is a failed test")]

use std::collections::BTreeSet;

use lifespan::facts::change::News;
use lifespan::facts::span::FinishedSpan;

use crate::support::checks::{flag, is_root};
use crate::support::drive::{Run, Told, decode, drive, drive_stopped, is_of_lane};
use crate::support::model::S;
use crate::support::shape::{difference, histories, shape};

/// How long nobody watches, in seconds.
const AWAY: [i64; 5] = [1, 5, 20, 60, 600];

/// What is heard by someone who is away from the change `i` on for `seconds`, and comes back with
/// watches that tell what they missed, one after the other.
fn heard(all: &[Told], i: usize, seconds: i64) -> Vec<Told> {
    let left = all[i].at;
    let back = left + seconds * S;
    let (missed, after): (Vec<&Told>, Vec<&Told>) = all[i..].iter().partition(|it| it.at < back);
    let lanes: BTreeSet<_> = all.iter().map(|told| told.lane).collect();
    let each = |at: i64, news: News| {
        let lanes = lanes.iter().copied();
        lanes.map(move |lane| Told { at, lane, news: news.clone() }).collect::<Vec<_>>()
    };
    let mut heard = all[..i].to_vec();
    heard.extend(each(left, News::Closed));
    heard.extend(each(back, News::Bookmark(None)));
    let mut missed: Vec<Told> = missed.into_iter().cloned().collect();
    missed.iter_mut().for_each(|told| told.at = back);
    missed.sort_by_key(|told| told.lane);
    heard.extend(missed);
    heard.extend(after.into_iter().cloned());
    heard
}

#[test]
fn whoever_was_away_decides_as_if_they_had_been_there() {
    agree(|all, i, seconds| drive(&heard(all, i, seconds)));
}

#[test]
fn a_process_that_was_stopped_decides_as_if_it_had_gone_on() {
    agree(|all, i, seconds| drive_stopped(all, i, seconds * S));
}

/// Whatever nobody hears from a change on, for some seconds: what comes of it is as if they had.
/// `LIFESPAN_CUTS=100000` cuts at every change; `LIFESPAN_ONLY=22` takes recordings whose names begin
/// so.
fn agree(run: impl Fn(&[Told], usize, i64) -> Run) {
    let only = std::env::var("LIFESPAN_ONLY").unwrap_or_default();
    let n_cuts: usize = std::env::var("LIFESPAN_CUTS").map_or(4, |n| n.parse().unwrap());
    let (mut n, mut n_gaps, mut wrong) = (0, 0, Vec::new());
    for (name, lines) in histories(2) {
        if !name.starts_with(&only) {
            continue;
        }
        let mut all = decode(&lines);
        // Time goes on.
        let (end, lane) = all.last().map(|last| (last.at, last.lane)).unwrap();
        all.push(Told { at: end + 1_200 * S, lane, news: News::Bookmark(None) });
        let expected = shape(&drive(&all));
        let begin = all.iter().rposition(is_of_lane).map_or(0, |last| last + 1);
        let n_changes = all.len() - 1 - begin;
        let step = (n_changes / n_cuts).max(1);
        for i in (begin..all.len() - 1).step_by(step) {
            for seconds in AWAY {
                let back = all[i].at + seconds * S;
                if all[i..].iter().take_while(|it| it.at < back).any(is_of_lane) {
                    continue;
                }
                n += 1;
                let run = run(&all, i, seconds);
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
