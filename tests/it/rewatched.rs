//! A process that goes on with what another had stored, and watches something else than that one did: what
//! is watched still goes on untouched.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a panic is a failed test")]

use std::collections::BTreeSet;
use std::fs;

use lifespan::engine::state::Restored;
use lifespan::engine::{Engine, Settings};
use lifespan::facts::change::{Change, News};
use lifespan::facts::kind::{Lane, Part};
use lifespan::facts::meta::Uid;
use lifespan::facts::span::FinishedSpan;
use lifespan::facts::time::UnixNanos;
use tokio::time::{Instant, sleep};

use crate::restarts::{Stored, commit, heard, listed_at, resumed};
use crate::stored::{World, ends, spans_in};
use crate::support::arrived::Expected;
use crate::support::checks::{flag, outcome};
use crate::support::drive::{Run, Told, drive, drive_on, hear, settings, snapshot};
use crate::support::model::{self, Make};
use crate::support::service::{PATIENCE, READY};
use crate::support::together::together;

/// Lanes of which objects are told.
const LANES: [Lane; 5] =
    [Lane::CronJobs, Lane::Deployments, Lane::Jobs, Lane::ReplicaSets, Lane::Pods];

/// Two Deployments and a Job, each in a namespace of its own, `n0` to `n2`.
fn namespaces(seed: u64) -> Vec<Told> {
    const MAKES: [&[Make]; 3] = [&[Make::Deployment], &[Make::Deployment], &[Make::Job]];
    let histories =
        (0..).zip(MAKES).map(|(n, makes)| model::history_of(makes, 3 * seed + n, 8).lines);
    heard(&together(&histories.collect::<Vec<_>>()))
}

fn is_in(told: &Told, namespace: &str) -> bool {
    snapshot(told).and_then(|it| it.meta().namespace.as_deref()) == Some(namespace)
}

fn without(all: &[Told], namespace: &str) -> Vec<Told> {
    all.iter().filter(|told| !is_in(told, namespace)).cloned().collect()
}

/// The last moment at which there were Pods in all three.
fn all_have_pods(all: &[Told]) -> usize {
    let mut pods: BTreeSet<(usize, Uid)> = BTreeSet::new();
    let mut cut = 0;
    for (i, told) in all.iter().enumerate().filter(|(_, it)| it.lane == Lane::Pods) {
        let Some(place) = ["n0", "n1", "n2"].iter().position(|name| is_in(told, name)) else {
            continue;
        };
        let pod = (place, snapshot(told).unwrap().meta().uid);
        if matches!(&told.news, News::Watched(Change::Deleted(_))) {
            pods.remove(&pod);
        } else {
            pods.insert(pod);
        }
        let places: BTreeSet<usize> = pods.iter().map(|(place, _)| *place).collect();
        cut = if places.len() == 3 { i + 1 } else { cut };
    }
    assert!(cut > listed_at(all), "there are never Pods in all of them");
    cut
}

/// Leaves these namespaces out of these lanes.
fn leaves_out(lanes: &[Lane], namespaces: &[&str]) -> Settings {
    let excluded: BTreeSet<String> = namespaces.iter().map(|name| (*name).to_owned()).collect();
    let excluded =
        lanes.iter().filter(|_| !excluded.is_empty()).map(|it| ((*it, 0), excluded.clone()));
    Settings { excluded: excluded.collect(), ..settings() }
}

/// What such a process stores that hears `all`, and what it tells.
fn stores(settings: Settings, all: &[Told]) -> (Stored, Vec<FinishedSpan>) {
    let mut engine = Engine::new(settings);
    engine.store_changes();
    let (mut stored, mut spans) = (Stored::new(), Vec::new());
    for told in all {
        hear(&mut engine, told.clone(), &mut spans);
        commit(&mut engine, &mut stored);
    }
    (stored, spans)
}

fn goes_on(settings: Settings, stored: &Stored, at: i64) -> (Engine, Restored) {
    Engine::restore(settings, stored.clone(), (UnixNanos(at), None)).unwrap()
}

/// The lanes that list.
fn must_list(engine: &Engine) -> Vec<Lane> {
    LANES.into_iter().filter(|lane| engine.resumes_at(*lane, 0).is_none()).collect()
}

/// What is told of the other namespaces: which spans, and how they ended.
fn of_others(spans: &[FinishedSpan], left_out: &str) -> BTreeSet<String> {
    let others = spans.iter().filter(|it| it.object.namespace.as_deref() != Some(left_out));
    let told = |it: &FinishedSpan| {
        let (name, gap) = (&it.name, flag(it, "lifespan.watch.gap"));
        let (object, outcome) = (&it.object.name, outcome(it));
        format!("{:?} {:?} {name} {object} {outcome} {gap}", it.trace_id, it.span_id)
    };
    others.map(told).collect()
}

#[test]
fn whoever_leaves_out_one_more_namespace_goes_on_with_all_others_as_if_nothing_had_been() {
    let (mut n_open, mut n_dropped) = (0, 0);
    for seed in 0..2 {
        let all = namespaces(seed);
        let expected = of_others(&drive(&all).spans, "n1");
        let begin = listed_at(&all);
        for cut in (begin + 20..all.len()).step_by((all.len() - begin) / 6) {
            let (stored, before) = stores(settings(), &all[..cut]);
            let at = all[cut - 1].at;
            let n_trees = goes_on(settings(), &stored, at).1.n_trees;
            let (mut engine, restored) = goes_on(leaves_out(&LANES, &["n1"]), &stored, at);
            assert_eq!(must_list(&engine), [], "seed {seed}, cut at {cut}");
            assert_eq!(restored.n_unwatched, restored.dropped.len(), "{restored:?}");
            assert_eq!(restored.n_trees + restored.n_unwatched, n_trees, "{restored:?}");
            n_open += restored.n_open;
            n_dropped += restored.n_unwatched;
            let missed = without(&resumed(&engine, &all[..cut], at), "n1");
            let rest = missed.into_iter().chain(without(&all[cut..], "n1"));
            let told = drive_on(&mut engine, Run::default(), rest).spans;
            assert!(told.iter().all(|it| it.object.namespace.as_deref() != Some("n1")));
            let told = of_others(&[before, told].concat(), "n1");
            let differs: Vec<_> = expected.symmetric_difference(&told).collect();
            assert!(differs.is_empty(), "seed {seed}, cut at {cut}: {differs:#?}");
        }
    }
    assert!(n_open > 3 && n_dropped > 3, "{n_open}, {n_dropped}");
}

#[test]
fn of_a_namespace_that_is_left_out_of_some_kinds_or_of_none_any_more_those_list_that_may_tell_of_it()
 {
    let all = namespaces(0);
    let cut = all_have_pods(&all);
    let at = all[cut - 1].at;
    let left_out = || leaves_out(&LANES, &["n1"]);
    let (stored, _) = stores(left_out(), &without(&all[..cut], "n1"));
    let (engine, restored) = goes_on(left_out(), &stored, at);
    assert_eq!((must_list(&engine), restored.dropped.len()), (vec![], 0));
    let (engine, restored) = goes_on(settings(), &stored, at);
    assert_eq!((must_list(&engine), restored.dropped.len()), (LANES.to_vec(), 0));
    let (engine, _) = goes_on(leaves_out(&LANES[..4], &["n1"]), &stored, at);
    assert_eq!(must_list(&engine), [Lane::Pods]);
    // What stood above the Pods of n0 is watched still, and found anew; and so it is the next time.
    let mut stored = stored;
    let pods_too = || Settings {
        excluded: [left_out().excluded, leaves_out(&[Lane::Pods], &["n0", "n1"]).excluded]
            .into_iter()
            .flatten()
            .collect(),
        ..settings()
    };
    for _ in 0..2 {
        let (mut engine, restored) = goes_on(pods_too(), &stored, at);
        assert_eq!(must_list(&engine), [Lane::Deployments, Lane::ReplicaSets]);
        assert_eq!(restored.n_unwatched, 0);
        commit(&mut engine, &mut stored);
    }
    let (engine, _) = goes_on(left_out(), &stored, at);
    assert_eq!(must_list(&engine), [Lane::Deployments, Lane::ReplicaSets, Lane::Pods]);
    // Nothing may be missed for a record that cannot be read.
    let key = stored.keys().find(|key| key[0] == b'x').unwrap().clone();
    stored.get_mut(&key).unwrap().truncate(4);
    let (engine, restored) = goes_on(left_out(), &stored, at);
    assert_eq!((must_list(&engine), restored.n_damaged), (LANES.to_vec(), 1));
}

#[test]
fn where_a_kind_is_taken_away_those_list_that_its_trees_had_objects_of_and_no_others() {
    let all = namespaces(1);
    let watched = |lanes: &[Lane]| Settings {
        waits_for: lanes.iter().chain([&Lane::Events]).map(|lane| (*lane, 0)).collect(),
        ..settings()
    };
    let is_of = |it: &Told| it.lane == Lane::Events || LANES.contains(&it.lane);
    let all: Vec<Told> = all.into_iter().filter(is_of).collect();
    let cut = all_have_pods(&all);
    let (stored, _) = stores(watched(&LANES), &all[..cut]);
    let at = all[cut - 1].at;
    let (engine, before) = goes_on(watched(&LANES), &stored, at);
    assert_eq!((must_list(&engine), before.dropped.len()), (vec![], 0));
    let lanes: Vec<Lane> = LANES.into_iter().filter(|lane| *lane != Lane::Jobs).collect();
    let (engine, restored) = goes_on(watched(&lanes), &stored, at);
    assert!(!restored.dropped.is_empty(), "{restored:?}");
    assert_eq!(restored.n_trees + restored.dropped.len(), before.n_trees);
    assert_eq!(must_list(&engine), [Lane::Jobs, Lane::Pods], "there is no watch of Jobs");
}

#[test]
fn where_a_namespace_is_taken_away_the_others_go_on_whatever_their_place_is_now() {
    let all = namespaces(0);
    let cut = all_have_pods(&all);
    let of = |parts: &[(Part, u64)]| {
        let all = LANES
            .into_iter()
            .flat_map(|lane| parts.iter().map(move |(part, target)| ((lane, *part), *target)));
        let targets: Vec<_> = all.collect();
        let waits_for = targets.iter().map(|(of, _)| *of).collect();
        Settings { waits_for, targets: targets.into_iter().collect(), ..settings() }
    };
    let mut engine = Engine::new(of(&[(0, 10), (1, 11), (2, 12)]));
    engine.store_changes();
    let mut stored = Stored::new();
    for told in all[..cut].iter().filter(|it| LANES.contains(&it.lane)) {
        let is_part = |part: &Part| {
            let place = ["n0", "n1", "n2"].iter().position(|name| is_in(told, name));
            place.is_none_or(|place| place == usize::from(*part))
        };
        for part in (0..3).filter(is_part) {
            drop(engine.hear_part(told.lane, part, told.news.clone(), UnixNanos(told.at)));
        }
        commit(&mut engine, &mut stored);
    }
    let at = all[cut - 1].at;
    let (_, before) = goes_on(of(&[(0, 10), (1, 11), (2, 12)]), &stored, at);
    let (engine, restored) = goes_on(of(&[(0, 12), (1, 11)]), &stored, at);
    let resume = |part| LANES.into_iter().all(|lane| engine.resumes_at(lane, part).is_some());
    assert!(resume(0) && resume(1), "they do not list");
    assert!(restored.n_unwatched > 0 && restored.n_trees > 0, "{restored:?}");
    assert_eq!(restored.n_unwatched, restored.dropped.len());
    assert_eq!(restored.n_trees + restored.n_unwatched, before.n_trees);
}

/// What the program asks the API server for of objects, from its request `from` on, when it has asked for
/// all kinds.
async fn asked(world: &World, from: usize) -> Vec<String> {
    let began = Instant::now();
    loop {
        let all = world.api.requests.lock().await[from..].to_vec();
        let of_objects: Vec<String> = all.into_iter().filter(|it| it.contains('?')).collect();
        let watches = of_objects.iter().filter(|it| it.contains("watch=true"));
        let kinds: BTreeSet<&str> = watches.filter_map(|it| it.split('?').next()).collect();
        if kinds.len() == 9 {
            return of_objects;
        }
        assert!(began.elapsed() < PATIENCE, "{kinds:?}");
        sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_namespace_that_is_left_out_from_now_on_makes_no_watch_list_and_says_what_is_dropped() {
    const DROPPED: &str = "Not all that was stored is watched any more";
    let mut world = World::new().await;
    world.to_collector.is_open.send_replace(true);
    let expected = Expected::of(&world.lines);
    let mut service = world.start("");
    service.says(READY, 1).await;
    world.has(&expected, &service).await;
    ends(service, "TERM").await;
    // It has asked whether the server is as old as what is stored, and not for more.
    let is_list = |it: &&String| {
        !it.contains("&resourceVersion=")
            && !it.ends_with("limit=1")
            && !it.contains("ationcontrollers")
    };
    for (receiver, lists, dropped) in [
        ("", false, false),
        ("exclude_namespaces: [other], ", false, false),
        ("exclude_namespaces: [other, default], ", false, true),
        ("exclude_namespaces: [other, default], ", false, false),
        ("exclude_namespaces: [default], ", true, false),
    ] {
        let from = world.api.requests.lock().await.len();
        let mut service = world.start(receiver);
        service.says(READY, 1).await;
        let asked = asked(&world, from).await;
        assert_eq!(asked.iter().any(|it| is_list(&it)), lists, "{receiver}: {asked:#?}");
        let said = service.said();
        assert_eq!(said.contains(DROPPED), dropped, "{said}");
        assert!(!dropped || said.contains("\"dropped_trees\":1"), "{said}");
        assert!(!said.contains("Not all is watched as it was"), "{said}");
        // That it is stored once more.
        ends(service, "TERM").await;
    }
    world.arrived.hear(world.collector.received());
    assert_eq!((spans_in(&world.store), world.arrived.n_again), (0, 0));
    fs::remove_dir_all(&world.store).unwrap();
}
