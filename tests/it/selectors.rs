//! Objects that leave the selector of their watch and match again, in made-up histories: nothing is
//! told of them meanwhile, and afterwards what truly happened.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a panic is a failed test")]

use std::collections::BTreeSet;

use lifespan::facts::change::{Change, News};
use lifespan::facts::span::FinishedSpan;

use crate::properties::seeds;
use crate::support::checks::{faults, is_root, show, text};
use crate::support::drive::{Told, decode, drive};
use crate::support::model::random::Random;
use crate::support::model::{self, History, Make, S};
use crate::support::truth;

/// So long the Pods of what matches again may still come to be as they are wanted.
const UNSETTLED: i64 = 90 * S;

/// When an object did not match the selector of its watch.
#[derive(Clone, Debug)]
struct Hidden {
    uid: String,
    from: i64,
    to: i64,
    /// What had begun by `to` has ended.
    over: i64,
}

impl Hidden {
    /// Whether it is not certain what is told of something that happened from `start` to `end`, of
    /// which times may be off by so much.
    fn blurs(&self, start: i64, end: i64, is_by_pods: bool, off: i64) -> bool {
        let until = if is_by_pods { self.over.saturating_add(UNSETTLED) } else { self.over };
        end >= self.from - off && start <= until.saturating_add(off)
    }
}

/// The history as a watch with a selector tells it: writes of what users made take some of them out of
/// it, and later ones in again.
fn select(told: &mut Vec<Told>, make: Make, random: &mut Random) -> Vec<Hidden> {
    let mut hidden: Vec<Hidden> = Vec::new();
    let (mut known, mut is_hidden) = (BTreeSet::new(), BTreeSet::new());
    told.retain_mut(|one| {
        let News::Watched(change) = &mut one.news else { return true };
        let Some(seen) = change.snapshot().filter(|seen| seen.kind().name() == make.kind()) else {
            return true;
        };
        let uid = seen.meta().uid;
        // What never matched is the owner of nothing that is told.
        let is_new = known.insert(uid);
        let is_write = !is_new && matches!(change, Change::Seen(_)) && random.chance(6);
        match (is_hidden.contains(&uid), is_write) {
            (false, true) => {
                is_hidden.insert(uid);
                let from = one.at;
                hidden.push(Hidden { uid: uid.to_string(), from, to: i64::MAX, over: i64::MAX });
                *change = Change::Unmatched(seen.clone());
                true
            }
            (true, true) => {
                is_hidden.remove(&uid);
                let last = hidden.iter_mut().rfind(|it| it.uid == uid.to_string()).unwrap();
                last.to = one.at;
                true
            }
            (is_hidden, false) => !is_hidden,
        }
    });
    hidden
}

/// What begins in a window, or is going on then, is not certain; nor is what follows from it.
fn blur(history: &mut History, hidden: &mut [Hidden]) {
    let truth = &mut history.truth;
    let uids: Vec<String> =
        truth.transitions.iter().map(|one| truth.uid(one.tree).to_owned()).collect();
    for window in hidden {
        window.over = window.to;
        for (one, _) in
            truth.transitions.iter_mut().zip(&uids).filter(|(_, uid)| **uid == window.uid)
        {
            let end = one.end.map_or(i64::MAX, |(end, _)| end);
            if window.blurs(one.start, end, false, 3 * S) {
                window.over = window.over.max(end);
            }
            one.is_certain &= !window.blurs(one.start, end, one.cause.is_by_pods(), 3 * S);
            // An older template may have been written while nobody looked.
            if one.start > window.from && one.actions.contains(&"rollback") {
                one.actions.push("update");
            }
        }
    }
}

fn wrong(makes: &'static [Make], seed: u64, happened: &mut BTreeSet<&'static str>) -> String {
    let make = makes[0];
    let mut history = model::history_of(makes, seed, 30);
    let mut told = decode(&history.lines);
    let mut hidden = select(&mut told, make, &mut Random::new(seed));
    blur(&mut history, &mut hidden);
    let run = drive(&told);
    let mut wrong = faults(&run.spans);
    let of = |root: &FinishedSpan, window: &Hidden| {
        is_root(root) && root.object.uid.to_string() == window.uid
    };
    let mut blurred = BTreeSet::new();
    for window in &hidden {
        for root in run.spans.iter().filter(|root| of(root, window)) {
            let cause = text(root, "lifespan.cause");
            if root.end.0 > window.from + S && root.end.0 < window.to - S {
                wrong.push_str(&format!("told while it did not match: {}\n", show(root)));
            }
            let is_below = cause.starts_with("pods:") || cause.starts_with("owned:");
            if window.blurs(root.start.0, root.end.0, is_below, S) {
                blurred.insert(root.trace_id);
            }
        }
        happened.insert(if window.to == i64::MAX { "left" } else { "matched again" });
    }
    // Of those nothing is certain; but none has the name of another, and none is told twice.
    let clear: Vec<FinishedSpan> =
        run.spans.iter().filter(|span| !blurred.contains(&span.trace_id)).cloned().collect();
    wrong.push_str(&truth::faults(&history.truth, &clear));
    if wrong.is_empty() {
        return wrong;
    }
    let roots = run.spans.iter().filter(|span| is_root(span)).map(show);
    let roots: Vec<String> = roots.collect();
    format!("seed {seed} of {}:\n{wrong}{hidden:#?}\n{}\n", make.kind(), roots.join("\n"))
}

#[test]
fn what_leaves_its_selector_and_matches_again_is_told_as_it_truly_happened() {
    let mut happened = BTreeSet::new();
    let mut all = String::new();
    let makes: [&'static [Make]; 4] =
        [&[Make::Deployment], &[Make::StatefulSet], &[Make::DaemonSet], &[Make::Job]];
    for makes in makes {
        for seed in seeds(20) {
            let wrong = wrong(makes, seed, &mut happened);
            if all.len() < 20_000 {
                all.push_str(&wrong);
            }
        }
    }
    assert!(all.is_empty(), "{all}");
    assert_eq!(happened.len(), 2, "{happened:?}");
}
