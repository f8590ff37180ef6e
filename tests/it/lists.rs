//! First lists enter object by object, owners first, and nothing is judged before all are in.

use std::collections::BTreeSet;

use lifespan::engine::{Engine, Settings};
use lifespan::facts::change::{News, Snapshot};
use lifespan::facts::kind::{Lane, Part};
use lifespan::facts::meta::Uid;
use lifespan::facts::span::FinishedSpan;
use lifespan::facts::time::{Nanos, UnixNanos};

use crate::support::drive::{self, Run, Told, decode};
use crate::support::lines::{recording, recordings};

/// The lanes of a recording that list, in the order in which a live cluster is asked for them, as
/// whoever watches them knows beforehand.
fn listed(all: &[Told]) -> Vec<(Lane, Part)> {
    let done = all.iter().filter(|told| matches!(told.news, News::ListDone(_)));
    let lanes: BTreeSet<(bool, Lane)> = done.map(|told| in_turn(told.lane)).collect();
    lanes.into_iter().map(|(_, lane)| (lane, 0)).collect()
}

/// Custom resources come first: they may own all others.
fn in_turn(lane: Lane) -> (bool, Lane) {
    (!matches!(lane, Lane::Custom(_)), lane)
}

/// A recording whose lists come as those of a live cluster do: owners first, one after the other.
fn in_order(name: &str) -> Vec<Told> {
    let mut all = decode(&recording(name));
    let is_list = |told: &Told| matches!(told.news, News::Listed(_) | News::ListDone(_));
    let n = all.iter().take_while(|told| is_list(told)).count();
    let (lists, _) = all.split_at_mut(n);
    let at = lists.last().map_or(0, |last| last.at);
    lists.iter_mut().for_each(|told| told.at = at);
    lists.sort_by_key(|told| in_turn(told.lane));
    all
}

fn live(all: &[Told]) -> Run {
    drive::drive_with(Settings { waits_for: listed(all), ..drive::settings() }, all)
}

/// What a list tells of an object that goes or changes before it is told of again: another uid, or
/// another spec.
fn otherwise(told: &Told, is_another: bool) -> Told {
    let mut told = told.clone();
    let (News::Listed(snapshot) | News::Found(snapshot)) = &mut told.news else { return told };
    let uid = snapshot.meta().uid.number();
    let changed = Uid::new(uid ^ 1).filter(|_| is_another);
    match snapshot {
        Snapshot::Workload(workload) => {
            workload.meta.uid = changed.unwrap_or(workload.meta.uid);
            workload.meta.resource_version -= 1;
            workload.template ^= 1;
            workload.replicas = workload.replicas.map(|replicas| replicas + 1);
        }
        Snapshot::Pod(pod) => {
            pod.meta.uid = changed.unwrap_or(pod.meta.uid);
            pod.meta.resource_version -= 1;
            pod.ready = None;
        }
    }
    told
}

#[test]
fn lists_that_enter_object_by_object_tell_what_those_tell_that_are_held() {
    for name in recordings() {
        for all in [decode(&recording(&name)), in_order(&name)] {
            assert_eq!(live(&all).spans, drive::drive(&all).spans, "{name}");
        }
    }
}

#[test]
fn what_a_list_tells_enters_before_the_list_is_complete() {
    let all = in_order("02-rolling-update");
    let mut engine = Engine::new(Settings { waits_for: listed(&all), ..drive::settings() });
    let mut n_listed = 0;
    for told in &all {
        n_listed += u64::from(matches!(told.news, News::Listed(_)));
        assert!(engine.hear(told.lane, told.news.clone(), UnixNanos(told.at)).is_empty());
        if matches!(told.news, News::Listed(_)) && told.lane == Lane::Pods {
            assert_eq!(engine.counts().objects, n_listed, "it waits for the rest of its list");
            return;
        }
    }
    panic!("the recording lists Pods");
}

/// Between the attempts an object goes and the others change.
#[test]
fn a_first_list_that_breaks_off_is_as_if_it_had_not_been_told() {
    let mut n = 0;
    for name in recordings() {
        let all = in_order(&name);
        let expected = live(&all).spans;
        // Were it the last one, the others would not wait for it to be told again.
        let last = listed(&all).into_iter().rfind(|(lane, _)| lane.has_lives());
        let last = last.map(|(lane, _)| lane);
        for (lane, _) in listed(&all).into_iter().filter(|(lane, _)| Some(*lane) != last) {
            let is_item = |told: &&Told| told.lane == lane && matches!(told.news, News::Listed(_));
            let Some(first) = all.iter().position(|told| is_item(&told)) else { continue };
            let items: Vec<&Told> = all.iter().filter(is_item).collect();
            let mut broken: Vec<Told> = all.iter().take(first).cloned().collect();
            broken.extend(items.iter().map(|told| otherwise(told, false)));
            broken.extend(items.iter().map(|told| otherwise(told, true)));
            let at = broken.last().map_or(0, |last| last.at);
            broken.push(Told { at, lane, news: News::Closed });
            broken.extend(all.iter().skip(first).cloned());
            let told = live(&broken).spans;
            let shape = |spans: &[FinishedSpan]| -> Vec<_> {
                let of = |it: &FinishedSpan| (it.trace_id, it.span_id, it.parent, it.outcome);
                spans.iter().map(of).collect()
            };
            assert_eq!(shape(&told), shape(&expected), "{name}, {lane:?}");
            n += 1;
        }
    }
    assert!(n > 10, "{n} lists broke off");
}

/// Watches are away for a while, and every lane lists what it had told before.
#[test]
fn a_list_that_tells_nothing_new_changes_nothing() {
    for name in recordings() {
        let all = in_order(&name);
        let lists = all.iter().filter(|told| matches!(told.news, News::Listed(_)));
        let lanes = listed(&all);
        let last = all.last().map_or(0, |last| last.at);
        let later = UnixNanos(last).plus(Nanos::from_seconds(600)).0;
        let mut first: Vec<Told> = lists.cloned().collect();
        first.extend(lanes.iter().map(|(lane, _)| Told {
            at: 0,
            lane: *lane,
            news: News::ListDone(Some(1)),
        }));
        first.iter_mut().for_each(|told| told.at = last);
        let mut twice = first.clone();
        twice.extend(first.iter().cloned().map(|told| Told { at: later, ..told }));
        let (once, again) = (live(&first), live(&twice));
        assert_eq!(once.spans, again.spans, "{name}");
        assert_eq!(once.counts.changes, again.counts.changes, "{name}");
    }
}
