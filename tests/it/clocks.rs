//! No two clocks are compared: every recorded cluster with the kubelet's clock, or that of this
//! machine, off by minutes gives the same trees; only times differ.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is a failed test")]

use serde_json::Value;

use std::collections::BTreeSet;

use lifespan::engine::{Engine, Settings};
use lifespan::facts::change::News;
use lifespan::facts::ids::TraceId;
use lifespan::facts::instant::Clock;
use lifespan::facts::kind::Lane;
use lifespan::facts::span::FinishedSpan;
use lifespan::facts::time::{Nanos, UnixNanos};

use crate::properties::{current, list};
use crate::restarts::{Stored, commit, heard, listed_at, resumed};
use crate::support::checks::{flag, is_root, outcome};
use crate::support::drive::{CATALOG, Run, Told, decode, drive, drive_on, settings, told, version};
use crate::support::lines::{Line, Type};
use crate::support::model::{self, Make, S};
use crate::support::shape::{difference, histories, shape};

/// Times of `value` at `keys`, moved.
fn shift(value: &mut Value, keys: &[&str], seconds: i64) {
    for key in keys {
        let Some(time) = value.get_mut(key) else { continue };
        let Some(at) = time.as_str().and_then(|text| text.parse::<jiff::Timestamp>().ok()) else {
            continue;
        };
        let moved = at + jiff::SignedDuration::from_secs(seconds);
        let has_fraction = time.as_str().unwrap().contains('.');
        let format = if has_fraction { "%Y-%m-%dT%H:%M:%S.%6fZ" } else { "%Y-%m-%dT%H:%M:%SZ" };
        *time = Value::String(moved.strftime(format).to_string());
    }
}

/// A line as it would be if the kubelet's clock were off.
fn of_kubelet(line: &Line, seconds: i64) -> Line {
    let mut object: Value = serde_json::from_str(&line.object).unwrap();
    if &*line.resource == "pods" {
        let Some(status) = object.get_mut("status").filter(|it| it.is_object()) else {
            return line.clone();
        };
        shift(status, &["startTime"], seconds);
        for condition in status["conditions"].as_array_mut().into_iter().flatten() {
            if matches!(
                condition["type"].as_str(),
                Some("Ready" | "ContainersReady" | "Initialized" | "PodReadyToStartContainers")
            ) {
                shift(condition, &["lastTransitionTime"], seconds);
            }
        }
        for list in ["initContainerStatuses", "containerStatuses", "ephemeralContainerStatuses"] {
            for container in status[list].as_array_mut().into_iter().flatten() {
                for state in ["state", "lastState"] {
                    for of in ["running", "terminated"] {
                        if let Some(state) = container[state].get_mut(of) {
                            shift(state, &["startedAt", "finishedAt"], seconds);
                        }
                    }
                }
            }
        }
    } else if &*line.resource == "events" && is_of_kubelet(&object) {
        let times = ["eventTime", "firstTimestamp", "lastTimestamp"];
        shift(&mut object, &times, seconds);
        if let Some(name) = object["metadata"]["name"].as_str()
            && let Some((about, nanos)) = name.rsplit_once('.')
            && let Ok(nanos) = i64::from_str_radix(nanos, 16)
        {
            let moved = format!("{about}.{:x}", nanos + seconds * S);
            object["metadata"]["name"] = Value::String(moved);
        }
    }
    Line { object: object.to_string(), ..line.clone() }
}

fn is_of_kubelet(event: &Value) -> bool {
    event["source"]["component"] == "kubelet" || event["reportingComponent"] == "kubelet"
}

#[test]
fn a_node_whose_clock_drifts_changes_nothing_but_times() {
    let mut wrong = Vec::new();
    for (name, lines) in histories(3) {
        let expected = shape(&drive(&decode(&lines)));
        let first = lines.first().unwrap().at;
        // A second in each minute, until it is off by three minutes.
        for way in [-1, 1] {
            let off = |line: &Line| way * ((line.at - first) / (60 * S)).min(180);
            let drifted: Vec<Line> = lines.iter().map(|line| of_kubelet(line, off(line))).collect();
            let drifted = shape(&drive(&decode(&drifted)));
            wrong.extend(difference(&name, &format!("drift {way}"), &expected, &drifted));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_node_whose_clock_is_off_changes_nothing_but_times() {
    let mut wrong = Vec::new();
    for (name, lines) in histories(3) {
        let expected = shape(&drive(&decode(&lines)));
        for seconds in [-180, -3, -1, 1, 3, 180] {
            let shifted: Vec<Line> = lines.iter().map(|line| of_kubelet(line, seconds)).collect();
            let shifted = shape(&drive(&decode(&shifted)));
            wrong.extend(difference(&name, &format!("kubelet {seconds} s"), &expected, &shifted));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Of who wrote what when nothing is told where a proxy, a cache or `kubectl get` leaves it out.
#[test]
fn objects_without_managed_fields_change_nothing_but_times() {
    let mut wrong = Vec::new();
    for (name, lines) in histories(3) {
        let expected = shape(&drive(&decode(&lines)));
        let bare = |line: &Line| {
            let mut object: Value = serde_json::from_str(&line.object).unwrap();
            if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
                metadata.remove("managedFields");
            }
            Line { object: object.to_string(), ..line.clone() }
        };
        let bare = shape(&drive(&decode(&lines.iter().map(bare).collect::<Vec<_>>())));
        wrong.extend(difference(&name, "no managedFields", &expected, &bare));
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn this_machines_clock_changes_nothing_but_times() {
    let mut wrong = Vec::new();
    for (name, lines) in histories(3) {
        let run = drive(&decode(&lines));
        assert!(run.spans.iter().any(is_root));
        let expected = shape(&run);
        for seconds in [-60, -2, 2, 60] {
            let later = |line: &Line| Line { at: line.at + seconds * S, ..line.clone() };
            let shifted: Vec<Line> = lines.iter().map(later).collect();
            let shifted = shape(&drive(&decode(&shifted)));
            wrong.extend(difference(&name, &format!("arrivals {seconds} s"), &expected, &shifted));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// The Pods are listed anew a few seconds after they were heard last: what was open then says that there was
/// a gap, and nothing else.
#[test]
fn what_nobody_heard_is_the_same_whatever_this_machines_clock_says_that_is_corrected() {
    let mut all = decode(&model::history_of(&[Make::Deployment], 0, 20).lines);
    all.sort_by_key(|told| told.at);
    let (before, after) = all.split_at(all.len() / 2);
    let at = before.last().unwrap().at;
    let away = Told { at, lane: Lane::Pods, news: News::Closed };
    let mut told = [before, &[away], &list(&current(before), Lane::Pods, at)].concat();
    told.last_mut().unwrap().news = News::ListDone(before.iter().filter_map(version).max());
    told.extend_from_slice(after);
    let gaps = |ahead: i64| -> BTreeSet<TraceId> {
        let mut engine = Engine::new(settings());
        let clock = Clock { ahead: Nanos(ahead), ..Clock::right(UnixNanos(at)) };
        engine.set_clock(clock);
        let off = told.iter().map(|it| Told { at: it.at - ahead, ..it.clone() });
        let run = drive_on(&mut engine, Run::default(), off);
        let said = run.spans.iter().filter(|it| is_root(it) && flag(it, "lifespan.watch.gap"));
        said.map(|it| it.trace_id).collect()
    };
    let expected = gaps(0);
    assert!(!expected.is_empty() && expected.len() < 10, "{expected:?}");
    assert_eq!((gaps(600 * S), gaps(-600 * S)), (expected.clone(), expected));
}

/// A machine whose clock the API server's is so far ahead of.
#[derive(Clone, Copy)]
struct Machine(i64);

impl Machine {
    fn time(self, at: i64) -> UnixNanos {
        UnixNanos(at - self.0)
    }

    /// What `engine` tells that hears all this here, each with the server's time at which it does.
    fn hears(
        self,
        engine: &mut Engine,
        all: &[Told],
        mut commit: impl FnMut(&mut Engine),
    ) -> Vec<(i64, FinishedSpan)> {
        let mut out = Vec::new();
        for told in all {
            let now = self.time(told.at);
            engine.set_clock(Clock { ahead: Nanos(self.0), ..Clock::right(now) });
            while let Some(due) = engine.next_deadline().filter(|due| *due <= now) {
                let spans = engine.advance(due).into_iter();
                out.extend(spans.map(|span| (due.0 + self.0, span)));
            }
            let spans = engine.hear(told.lane, told.news.clone(), now).into_iter();
            out.extend(spans.map(|span| (told.at, span)));
            commit(engine);
        }
        out
    }
}

/// Limits and holds run on by the time of the machine on which they began.
#[test]
fn whoever_goes_on_by_another_clock_tells_the_same_at_the_same_time() {
    let limit = Nanos::from_seconds(5);
    let of = || Settings { max_transition_duration: limit, max_run_duration: limit, ..settings() };
    let clocks = [(-300, 0), (300, 0), (0, -300), (0, 300), (300, -300), (60, 61)];
    let (mut n_timed_out, mut wrong) = (0, Vec::new());
    for (i, (name, lines)) in histories(1).into_iter().enumerate() {
        let mut all = heard(&lines);
        let at = all.last().unwrap().at + 120 * S;
        all.push(Told { at, lane: Lane::Events, news: News::Bookmark(None) });
        let begin = listed_at(&all);
        for (j, cut) in (begin..all.len()).step_by(((all.len() - begin) / 4).max(1)).enumerate() {
            let (before, after) = all.split_at(cut);
            let at = before.last().unwrap().at;
            let tell = |one: Machine, other: Machine| {
                let (mut engine, mut stored) = (Engine::new(of()), Stored::new());
                engine.store_changes();
                one.hears(&mut engine, before, |engine| commit(engine, &mut stored));
                let here = (other.time(at), Some(Nanos(other.0)));
                let (mut engine, restored) = Engine::restore(of(), stored, here).unwrap();
                assert_eq!(restored.at, other.time(at), "{name}");
                let rest = [&resumed(&engine, before, at), after].concat();
                other.hears(&mut engine, &rest, |_| {})
            };
            let expected = tell(Machine(0), Machine(0));
            let (one, other) = clocks[(i + j) % clocks.len()];
            if tell(Machine(one * S), Machine(other * S)) != expected {
                wrong.push(format!("{name}, {cut}: {one} s, then {other} s"));
            }
            let has_timed_out = |it: &&(i64, FinishedSpan)| outcome(&it.1) == "timed_out";
            n_timed_out += expected.iter().filter(has_timed_out).count();
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert!(n_timed_out > 50, "{n_timed_out}");
}

/// A Job that is listed began by the server's clock; its limit is an hour.
#[test]
fn what_goes_on_when_a_process_begins_times_out_by_the_servers_clock() {
    let begin: i64 = 1_795_000_000 * S;
    let minute = 60 * S;
    let line = |resource: &str, kind, object: &str| {
        let at = begin + 50 * minute;
        told(&Line { at, resource: resource.into(), kind, object: object.to_owned() }).unwrap()
    };
    let job = r#"{"metadata":{"name":"work","namespace":"default","resourceVersion":"5","generation":1,
        "uid":"00000000-0000-0000-0000-000000000001","creationTimestamp":"2026-11-18T11:06:40Z"},
        "spec":{"template":{}},"status":{"active":1}}"#;
    let done = r#"{"metadata":{"resourceVersion":"9"}}"#;
    let lists = Lane::ALL.into_iter().map(|lane| CATALOG.resource(lane));
    let lists = lists.map(|resource| line(&resource, Type::ListDone, done));
    let mut all = vec![line("jobs.batch", Type::List, job)];
    all.extend(lists);
    all.push(Told { at: begin + 80 * minute, lane: Lane::Jobs, news: News::Bookmark(None) });
    for ahead in [0, -5 * minute, 5 * minute, -40 * minute, 40 * minute] {
        let hour = Nanos::from_seconds(3_600);
        let settings = Settings { max_run_duration: hour, ..settings() };
        let mut engine = Engine::by_server(settings, Nanos(ahead));
        let told = Machine(ahead).hears(&mut engine, &all, |_| {});
        let root = told.iter().find(|(_, span)| is_root(span));
        let root = root.map(|(left, span)| (left - begin, span.end.0 - begin, outcome(span)));
        assert!(
            matches!(root, Some((left, end, "timed_out"))
                if end == 60 * minute && (end..end + 10 * S).contains(&left)),
            "{ahead}: {root:?}"
        );
    }
}
