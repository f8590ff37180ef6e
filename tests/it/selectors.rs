//! Objects that leave the selector of their watch and match again, in made-up histories: nothing is
//! told of them meanwhile, and afterwards what truly happened.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a panic is a failed test")]

use std::collections::{BTreeMap, BTreeSet};

use lifespan::facts::change::{Change, News, Snapshot};
use lifespan::facts::meta::Uid;
use lifespan::facts::span::FinishedSpan;

use crate::properties::seeds;
use crate::support::checks::{faults, is_root, outcome, show, text};
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
    /// The topmost object of its tree, and whether that is it.
    top: String,
    is_top: bool,
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

/// What a watch with a selector tells of a history: writes of objects of some kinds take some of them
/// out of it, and later ones in again.
#[derive(Debug, Default)]
struct Selection {
    owners: BTreeMap<Uid, Uid>,
    /// As they last matched.
    last: BTreeMap<Uid, Snapshot>,
    is_hidden: BTreeSet<Uid>,
    hidden: Vec<Hidden>,
}

impl Selection {
    fn of(told: &mut Vec<Told>, kinds: &[&str], random: &mut Random) -> Self {
        let mut selection = Self::default();
        told.retain_mut(|one| {
            let at = one.at;
            let News::Watched(change) = &mut one.news else { return true };
            selection.tells(change, at, kinds, random)
        });
        selection
    }

    /// Whether this is told, and as what.
    fn tells(&mut self, change: &mut Change, at: i64, kinds: &[&str], random: &mut Random) -> bool {
        let Some(seen) = change.snapshot().cloned() else { return true };
        let uid = seen.meta().uid;
        if let Some(owner) = &seen.meta().owner {
            self.owners.insert(uid, owner.uid);
        }
        if !kinds.contains(&seen.kind().name()) {
            return true;
        }
        let version = seen.meta().resource_version;
        // What never matched is the owner of nothing that is told.
        let before = self.last.insert(uid, seen);
        let is_write = matches!(change, Change::Seen(_)) && random.chance(6);
        if before.is_none() && kinds.contains(&"Pod") && random.chance(5) {
            // What does not match at first, others do not belong to.
            if change.snapshot().is_some_and(|seen| matches!(seen, Snapshot::Pod(_))) {
                self.is_hidden.insert(uid);
                self.hide(uid, at);
                return false;
            }
        }
        match (self.is_hidden.contains(&uid), before) {
            (false, Some(mut before)) if is_write => {
                self.is_hidden.insert(uid);
                // The version before that write, with the number of the write.
                match &mut before {
                    Snapshot::Workload(workload) => workload.meta.resource_version = version,
                    Snapshot::Pod(pod) => pod.meta.resource_version = version,
                }
                self.hide(uid, at);
                *change = Change::Unmatched(before);
                true
            }
            (true, _) if is_write => {
                self.is_hidden.remove(&uid);
                let mut hidden = self.hidden.iter_mut();
                hidden.rfind(|it| it.uid == uid.to_string()).unwrap().to = at;
                true
            }
            (is_hidden, _) => !is_hidden,
        }
    }

    fn hide(&mut self, uid: Uid, at: i64) {
        let top = self.top_of(uid);
        self.hidden.push(Hidden {
            uid: uid.to_string(),
            top: top.to_string(),
            is_top: top == uid,
            from: at,
            to: i64::MAX,
            over: i64::MAX,
        });
    }

    fn top_of(&self, uid: Uid) -> Uid {
        self.owners.get(&uid).map_or(uid, |owner| self.top_of(*owner))
    }

    /// Whether this, or what it belongs to below the topmost object, is `hidden`.
    fn is_part_of(&self, uid: &str, hidden: &Hidden) -> bool {
        let is_it = |uid: &Uid| uid.to_string() == hidden.uid;
        let owner =
            self.owners.iter().find(|(it, _)| it.to_string() == uid).map(|(_, owner)| owner);
        !hidden.is_top && (uid == hidden.uid || owner.is_some_and(is_it))
    }

    /// What begins in a window, or is going on then, is not certain; nor is what follows from it.
    fn blur(&mut self, history: &mut History, counts_pods: bool) {
        let truth = &mut history.truth;
        let uids: Vec<String> =
            truth.transitions.iter().map(|one| truth.uid(one.tree).to_owned()).collect();
        let mut hidden = std::mem::take(&mut self.hidden);
        for window in &mut hidden {
            window.over = window.to;
            for (one, _) in
                truth.transitions.iter_mut().zip(&uids).filter(|(_, uid)| **uid == window.top)
            {
                // An older template may have been written while nobody looked.
                if one.start > window.from && one.actions.contains(&"rollback") {
                    one.actions.push("update");
                }
                let end = one.end.map_or(i64::MAX, |(end, _)| end);
                let start = one.start - one.queued.unwrap_or(0);
                let is_by_pods = one.cause.is_by_pods();
                let is_of_all = is_by_pods || counts_pods || one.actions.contains(&"delete");
                // What is written to the topmost object is told by what that says.
                if !(window.is_top || is_of_all) {
                    continue;
                }
                if window.blurs(start, end, false, 3 * S) {
                    window.over = window.over.max(end);
                }
                one.is_certain &= !window.blurs(start, end, is_by_pods, 3 * S);
            }
            for pod in truth.pods.iter_mut().filter(|pod| self.is_part_of(&pod.uid, window)) {
                if window.blurs(pod.created, pod.gone.unwrap_or(i64::MAX), false, S) {
                    (pod.start_in, pod.end_in) = (None, None);
                }
            }
        }
        self.hidden = hidden;
    }
}

fn wrong(
    makes: &'static [Make],
    kinds: &[&str],
    seed: u64,
    happened: &mut BTreeSet<&'static str>,
) -> String {
    let mut history = model::history_of(makes, seed, 30);
    let mut told = decode(&history.lines);
    let mut selection = Selection::of(&mut told, kinds, &mut Random::new(seed));
    // Whether these have settled their Pods say too, those that go among them.
    let counts_pods = matches!(makes[0].kind(), "StatefulSet" | "DaemonSet");
    selection.blur(&mut history, counts_pods);
    let run = drive(&told);
    let mut wrong = faults(&run.spans);
    let mut blurred = BTreeSet::new();
    for window in &selection.hidden {
        let is_part = |span: &&FinishedSpan| {
            let uid = span.object.uid.to_string();
            uid == window.uid || (span.name.ends_with(" Pod") && selection.is_part_of(&uid, window))
        };
        for span in run.spans.iter().filter(is_part) {
            // What was open then is cut off with what is above it, the end of a Pod that matches all
            // the while is seen, and a part that is back in time says how it has fared.
            let is_known = outcome(span) == "unfinished"
                || (span.name == "terminate Pod" && span.object.uid.to_string() != window.uid)
                || (!window.is_top && window.to < i64::MAX);
            if !is_known && span.end.0 > window.from + S && span.end.0 < window.to - S {
                wrong.push_str(&format!("told while it did not match: {}\n", show(span)));
            }
        }
        let is_of =
            |root: &&FinishedSpan| is_root(root) && root.object.uid.to_string() == window.top;
        for root in run.spans.iter().filter(is_of) {
            let cause = text(root, "lifespan.cause");
            let is_below = cause.starts_with("pods:") || cause.starts_with("owned:");
            let is_of_all = window.is_top || is_below || counts_pods || cause == "delete";
            if is_of_all && window.blurs(root.start.0, root.end.0, is_below, S) {
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
    let hidden = &selection.hidden;
    format!("seed {seed} of {}:\n{wrong}{hidden:#?}\n{}\n", makes[0].kind(), roots.join("\n"))
}

const MAKES: [&[Make]; 4] =
    [&[Make::Deployment], &[Make::StatefulSet], &[Make::DaemonSet], &[Make::Job]];

fn told_truly(kinds: impl Fn(&'static [Make]) -> Vec<&'static str>) {
    let mut happened = BTreeSet::new();
    let mut all = String::new();
    for makes in MAKES {
        for seed in seeds(20) {
            let wrong = wrong(makes, &kinds(makes), seed, &mut happened);
            if all.len() < 20_000 {
                all.push_str(&wrong);
            }
        }
    }
    assert!(all.is_empty(), "{all}");
    assert_eq!(happened.len(), 2, "{happened:?}");
}

#[test]
fn what_leaves_its_selector_and_matches_again_is_told_as_it_truly_happened() {
    told_truly(|makes| vec![makes[0].kind()]);
}

#[test]
fn of_parts_that_leave_their_selector_and_match_again_the_rest_is_told_as_it_truly_happened() {
    told_truly(|_| vec!["ReplicaSet", "Pod"]);
}

#[test]
fn of_objects_that_leave_their_selectors_with_their_owners_or_without_the_rest_is_told_as_it_truly_happened()
 {
    told_truly(|makes| vec![makes[0].kind(), "ReplicaSet", "Pod"]);
}
