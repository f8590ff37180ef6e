//! The core behind a clock that runs.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::sync::mpsc as results;
use std::time::Duration;

use lifespan::app::driver::{Figures, Outlet, drive};
use lifespan::engine::records::Record;
use lifespan::engine::{Engine, Settings};
use lifespan::facts::change::{News, Snapshot};
use lifespan::facts::instant::Clock;
use lifespan::facts::kind::Lane;
use lifespan::facts::span::{FinishedSpan, Shown, ShownSpan};
use lifespan::facts::time::{Nanos, UnixNanos};
use lifespan::kinds::resource_version;
use lifespan::watch::listener::Arrived;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use crate::support::drive::{self as replayed, Told as Heard, decode};
use crate::support::lines::{self, Line, Type};

/// Lanes that the recordings tell of.
const LANES: [Lane; 4] = [Lane::Deployments, Lane::ReplicaSets, Lane::Pods, Lane::Events];

/// Long enough for every hold.
const AFTERWARDS: Duration = Duration::from_secs(120);

/// Plays a recording at its own pace into a driver; what it handed on, and what it answered in the
/// middle of the recording.
async fn live(name: &str) -> (Vec<FinishedSpan>, Vec<ShownSpan>) {
    let all = decode(&lines::recording(name));
    let (began, first) = (Instant::now(), all.first().unwrap().at);
    let clock = move || UnixNanos(first + i64::try_from(began.elapsed().as_nanos()).unwrap());
    let (say, told) = mpsc::channel(16);
    let engine = Engine::new(replayed::settings());
    let trees = engine.trees();
    let (hand_on, handed) = results::channel();
    let middle = all.len() * 2 / 3;
    let lanes = async move {
        let mut open = Vec::new();
        for (n, one) in all.into_iter().enumerate() {
            let at = began + Duration::from_nanos(u64::try_from(one.at - first).unwrap_or(0));
            sleep_until(at).await;
            say.send(Arrived {
                lane: one.lane,
                part: 0,
                news: one.news,
                at: Clock::right(UnixNanos(one.at)),
            })
            .await
            .unwrap();
            if n == middle {
                // The core hears it first.
                sleep(Duration::from_millis(1)).await;
                open = trees.in_progress(clock());
            }
        }
        sleep(AFTERWARDS).await;
        open
    };
    let (figures, counted) = watch::channel(Figures::default());
    let mut outlet = |spans| hand_on.send(spans).unwrap();
    let core = drive(engine, told, clock, &figures, &mut outlet);
    let (engine, open) = tokio::join!(core, lanes);
    assert_eq!(counted.borrow().counts, engine.counts());
    (handed.try_iter().flatten().collect(), open)
}

#[tokio::test(start_paused = true)]
async fn a_live_run_hands_on_what_a_replay_gives() {
    for name in ["02-rolling-update", "08-bad-image-then-fix", "21-paused-canary"] {
        let (spans, _) = live(name).await;
        let expected = replayed::drive(&decode(&lines::recording(name))).spans;
        assert!(!spans.is_empty());
        assert_eq!(spans, expected, "{name}");
    }
}

/// The Pods' list takes long: until half of all was told.
#[test]
fn what_watches_tell_waits_until_every_first_list_is_read() {
    let name = "03-scale-with-stale-stamp";
    let all = decode(&lines::recording(name));
    let is_list = |told: &Heard| {
        told.lane == Lane::Pods && matches!(told.news, News::Listed(_) | News::ListDone(_))
    };
    let (list, mut late): (Vec<_>, Vec<_>) = all.iter().cloned().partition(is_list);
    late.retain(|told| told.lane != Lane::Pods);
    let middle = late.get(late.len() / 2).unwrap().at;
    let before = late.iter().filter(|told| told.at <= middle).count();
    assert!(list.len() > 1);
    let waits_for = LANES.into_iter().map(|lane| (lane, 0)).collect();
    let mut engine = Engine::new(Settings { waits_for, ..replayed::settings() });
    let mut spans = Vec::new();
    for told in late.iter().take(before).cloned() {
        replayed::hear(&mut engine, told, &mut spans);
    }
    spans.extend(engine.advance(UnixNanos(middle).plus(Nanos::from_seconds(3_000))));
    let is_listed = |told: &&Heard| matches!(told.news, News::Listed(_));
    let n_listed = late.iter().take(before).filter(is_listed).count();
    assert_eq!(engine.counts().changes, n_listed as u64, "what watches tell waits");
    assert!(spans.is_empty() && engine.trees().n_open() == 0, "nothing is decided without them");
    let mut engine =
        Engine::new(Settings { waits_for: vec![(Lane::Deployments, 0)], ..replayed::settings() });
    for told in late.iter().take(before).cloned() {
        replayed::hear(&mut engine, told, &mut spans);
    }
    spans.extend(engine.advance(UnixNanos(middle).plus(Nanos::from_seconds(3_000))));
    assert!(engine.counts().changes > n_listed as u64, "nothing else is waited for");
}

/// The objects of a recording, as if they lived in namespaces that are watched one by one: Pods
/// with an even uid in the one, the others in the other.
#[test]
fn a_lane_in_parts_tells_the_same_as_a_whole_one() {
    for name in ["02-rolling-update", "22-evicted-mid-rollout"] {
        let all = decode(&lines::recording(name));
        let expected = replayed::drive(&all);
        let both = |lane: Lane| [(lane, 0), (lane, 1)];
        let waits_for = LANES.into_iter().flat_map(both).collect();
        let mut engine = Engine::new(Settings { waits_for, ..replayed::settings() });
        let mut spans = Vec::new();
        let middle = all.get(all.len() / 2).unwrap().at;
        let mut has_relisted = false;
        let mut alive = std::collections::BTreeMap::new();
        for told in all {
            let at = UnixNanos(told.at);
            let part_of = |uid: lifespan::facts::meta::Uid| {
                uid.to_string().ends_with(|c: char| "02468ace".contains(c)).into()
            };
            let part: u16 = match replayed::snapshot(&told) {
                Some(snapshot) if told.lane == Lane::Pods => part_of(snapshot.meta().uid),
                Some(_) | None => 0,
            };
            if let (Lane::Pods, Some(snapshot)) = (told.lane, replayed::snapshot(&told)) {
                match &told.news {
                    News::Watched(lifespan::facts::change::Change::Deleted(_)) => {
                        alive.remove(&snapshot.meta().uid)
                    }
                    News::Listed(_)
                    | News::Found(_)
                    | News::ListDone(_)
                    | News::Watched(_)
                    | News::Bookmark(_)
                    | News::Closed => alive.insert(snapshot.meta().uid, snapshot.clone()),
                };
            }
            match told.news {
                // Each part is complete for itself.
                News::ListDone(version) => {
                    spans.extend(engine.hear_part(told.lane, 0, News::ListDone(version), at));
                    spans.extend(engine.hear_part(told.lane, 1, News::ListDone(version), at));
                }
                news @ (News::Listed(_)
                | News::Found(_)
                | News::Watched(_)
                | News::Bookmark(_)
                | News::Closed) => {
                    spans.extend(engine.hear_part(told.lane, part, news, at));
                }
            }
            // One part lists again: what the other one holds is not gone.
            if told.at >= middle && !has_relisted {
                has_relisted = true;
                spans.extend(engine.hear_part(Lane::Pods, 0, News::Closed, at));
                let version = alive.values().map(|it| it.meta().resource_version).max();
                for snapshot in alive.values().filter(|it| part_of(it.meta().uid) == 0_u16) {
                    spans.extend(engine.hear_part(
                        Lane::Pods,
                        0,
                        News::Listed(snapshot.clone()),
                        at,
                    ));
                }
                spans.extend(engine.hear_part(Lane::Pods, 0, News::ListDone(version), at));
            }
        }
        spans.extend(engine.finish());
        let keys = |spans: &[FinishedSpan]| -> Vec<_> {
            let key =
                |span: &FinishedSpan| (span.trace_id, span.span_id, span.parent, span.outcome);
            let mut keys: Vec<_> = spans.iter().map(key).collect();
            keys.sort();
            keys
        };
        assert_eq!(keys(&spans), keys(&expected.spans), "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_open_is_read_while_it_runs() {
    let (_, open) = live("02-rolling-update").await;
    let root = open.iter().find(|span| span.parent.is_none()).unwrap();
    assert_eq!(root.outcome, Some(Shown::InProgress));
    assert_eq!(root.name, "update Deployment");
}

/// The second recording is of a cluster that was set up anew: its resourceVersions begin again, and
/// nothing of the first cluster is there.
#[test]
fn a_history_that_begins_again_is_told_as_if_it_were_the_first() {
    let names = ["02-rolling-update", "19-scaled-during-rollout"];
    let both: Vec<_> = names.iter().flat_map(|name| decode(&lines::recording(name))).collect();
    let together = replayed::drive(&both);
    let mut alone = Vec::new();
    for name in names {
        alone.extend(replayed::drive(&decode(&lines::recording(name))).spans);
    }
    assert!(alone.len() > 100);
    let missing: Vec<_> = alone.iter().filter(|span| !together.spans.contains(span)).collect();
    assert!(missing.is_empty(), "{missing:?}");
    // What the first cluster left is not in the lists of the second.
    let others = together.spans.iter().filter(|span| !alone.contains(span));
    let others: Vec<_> = others.map(|span| span.name.to_string()).collect();
    assert_eq!(others, ["delete ReplicaSet", "delete Deployment"]);
}

/// etcd is restored: all objects are as they were at the beginning, under the versions that they
/// had then, and what comes next counts on from there.
#[test]
fn what_comes_after_a_restored_backup_is_told_though_its_versions_were_told_before() {
    let mut all = lines::recording("02-rolling-update");
    let later = all.last().unwrap().at + 60_000_000_000;
    let is_of_list = |line: &Line| matches!(line.kind, Type::List | Type::ListDone);
    let mut again: Vec<Line> = all.iter().filter(|line| is_of_list(line)).cloned().collect();
    let is_web = |line: &&Line| &*line.resource == "deployments.apps" && line.kind == Type::List;
    let mut scaled = again.iter().find(is_web).unwrap().clone();
    let mut object: serde_json::Value = serde_json::from_str(&scaled.object).unwrap();
    let number = |value: &serde_json::Value| value.as_i64().unwrap() + 1;
    object["spec"]["replicas"] = number(&object["spec"]["replicas"]).into();
    object["metadata"]["generation"] = number(&object["metadata"]["generation"]).into();
    let version: i64 = object["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap();
    object["metadata"]["resourceVersion"] = (version + 1).to_string().into();
    (scaled.kind, scaled.object) = (Type::Modified, object.to_string());
    for line in &mut again {
        line.at = later;
    }
    // The versions of the lists are those of the beginning, so the write comes after them.
    let newest = again.iter().filter(|line| line.kind == Type::ListDone);
    let newest =
        newest.map(|line| resource_version(line.object.as_bytes())).max().unwrap().unwrap();
    scaled.object = scaled.object.replace(
        &format!("\"resourceVersion\":\"{}\"", version + 1),
        &format!("\"resourceVersion\":\"{}\"", newest + 1),
    );
    scaled.at = later + 1_000_000_000;
    let told_before = replayed::drive(&decode(&all)).spans;
    all.extend(again);
    all.push(scaled);
    let run = replayed::drive(&decode(&all));
    assert!(told_before.iter().all(|span| run.spans.contains(span)));
    let open: Vec<_> = run.open.iter().filter(|span| span.parent.is_none()).collect();
    let told: Vec<_> = open.iter().map(|span| (&*span.name, &*span.object.name)).collect();
    assert_eq!(told, [("scale Deployment", "web")]);
}

/// A process that was stopped for a while hears at once what was said meanwhile.
#[tokio::test(start_paused = true)]
async fn what_was_due_while_the_process_slept_is_decided_before_what_came_then() {
    let all = decode(&lines::recording("02-rolling-update"));
    let last = UnixNanos(all.last().unwrap().at);
    let woken = last.plus(Nanos::from_seconds(3_000));
    let (say, told) = mpsc::channel(1_000);
    let (hand_on, handed) = results::channel();
    for one in all {
        let said = Arrived {
            lane: one.lane,
            part: 0,
            news: one.news,
            at: Clock::right(UnixNanos(one.at)),
        };
        say.send(said).await.unwrap();
    }
    // The Pods' list is lost for a moment: nothing of what came before may be judged by that.
    say.send(Arrived {
        lane: Lane::Pods,
        part: 0,
        news: News::ListDone(Some(5_000)),
        at: Clock::right(woken),
    })
    .await
    .unwrap();
    drop(say);
    let engine = Engine::new(Settings::default());
    let figures = watch::Sender::new(Figures::default());
    drive(engine, told, || woken, &figures, &mut |spans| hand_on.send(spans).unwrap()).await;
    let spans: Vec<_> = handed.try_iter().flatten().collect();
    let expected = replayed::drive(&decode(&lines::recording("02-rolling-update"))).spans;
    assert_eq!(spans, expected);
}

/// A Pod is not Ready for sixteen seconds, of which a process that was stopped for twenty hears at once:
/// by its own lateness it knows that they were no moment.
#[tokio::test(start_paused = true)]
async fn a_process_that_was_stopped_does_not_take_what_it_missed_for_a_moment() {
    const STOP: Duration = Duration::from_secs(20);
    let all = decode(&lines::recording("24-readiness-flap"));
    let first = all.first().unwrap().at;
    let is_unready = |told: &Heard| match replayed::snapshot(told) {
        Some(Snapshot::Pod(pod)) => {
            pod.meta.deletion.is_none() && pod.ready.as_ref().is_some_and(|it| !it.is_true)
        }
        Some(Snapshot::Workload(_)) | None => false,
    };
    let since = |at: i64| Duration::from_nanos(u64::try_from(at - first).unwrap());
    let stopped = since(all.iter().rfind(|told| is_unready(told)).unwrap().at);
    let began = Instant::now();
    // The clock goes on while nothing else does.
    let clock = move || {
        let gone = began.elapsed();
        let gone = if gone < stopped { gone } else { gone + STOP };
        UnixNanos(first + i64::try_from(gone.as_nanos()).unwrap())
    };
    let (say, told) = mpsc::channel(1_000);
    let lanes = async {
        for one in all.clone() {
            let at = since(one.at);
            let at = if at < stopped { at } else { at.saturating_sub(STOP).max(stopped) };
            sleep_until(began + at).await;
            let at = Clock::right(clock());
            say.send(Arrived { lane: one.lane, part: 0, news: one.news, at }).await.unwrap();
        }
        sleep(AFTERWARDS).await;
        drop(say);
    };
    let (hand_on, handed) = results::channel();
    let figures = watch::Sender::new(Figures::default());
    let engine = Engine::new(replayed::settings());
    let mut outlet = |spans| hand_on.send(spans).unwrap();
    let core = drive(engine, told, clock, &figures, &mut outlet);
    tokio::join!(core, lanes);
    let roots = |spans: Vec<FinishedSpan>| -> Vec<_> {
        let roots = spans.into_iter().filter(|span| span.parent.is_none());
        roots.map(|span| (span.name.to_string(), span.trace_id)).collect()
    };
    let expected = roots(replayed::drive(&all).spans);
    assert!(expected.iter().any(|(name, _)| name == "recover Deployment"), "{expected:?}");
    assert_eq!(roots(handed.try_iter().flatten().collect()), expected);
}

/// What an outlet was handed.
#[derive(Default)]
struct Stored {
    n_spans: usize,
    n_records: usize,
    n_times: usize,
}

impl Outlet for Stored {
    fn hand_on(&mut self, spans: Vec<FinishedSpan>, changed: Vec<Record>) {
        self.n_spans += spans.len();
        self.n_records += changed.len();
        self.n_times += 1;
    }
}

/// An hour in which only bookmarks come.
#[tokio::test(start_paused = true)]
async fn at_rest_nothing_is_stored() {
    let all = decode(&lines::recording("02-rolling-update"));
    let (began, first) = (Instant::now(), all.first().unwrap().at);
    let clock = move || UnixNanos(first + i64::try_from(began.elapsed().as_nanos()).unwrap());
    let mut n_times = Vec::new();
    for minutes in [3, 63] {
        let (say, told) = mpsc::channel(16);
        let lanes = async {
            for one in all.iter().cloned() {
                let (lane, news) = (one.lane, one.news);
                say.send(Arrived { lane, part: 0, news, at: Clock::right(clock()) }).await.unwrap();
            }
            for minute in 1..=minutes {
                sleep(Duration::from_secs(60)).await;
                let news = News::Bookmark(Some(1_000_000 + minute));
                for lane in LANES {
                    let (news, at) = (news.clone(), Clock::right(clock()));
                    say.send(Arrived { lane, part: 0, news, at }).await.unwrap();
                }
            }
            drop(say);
        };
        let mut engine = Engine::new(replayed::settings());
        engine.store_changes();
        let (figures, _) = watch::channel(Figures::default());
        let mut stored = Stored::default();
        let core = drive(engine, told, clock, &figures, &mut stored);
        tokio::join!(core, lanes);
        assert!(stored.n_spans > 0 && stored.n_records > 10);
        n_times.push(stored.n_times);
    }
    assert_eq!(n_times.first(), n_times.last());
}
