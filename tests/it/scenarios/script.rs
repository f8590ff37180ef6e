//! A line language for what a cluster does.
//!
//! ```text
//! @1.1 deploy web replicas=2 image=v2     at 1.1 s the Deployment is written, and we are told
//! @2   missed pod a of=web-1              written, but we are not told: a list may show it
//! @3   list                               every lane lists all there is
//! @3   list pods a b                      one lane lists only these; `nothing` for none
//! @3   broken pods a                      one lane lists these, and its list breaks off
//! @3   closed pods                        a watch breaks off
//! @4   event pod/a Pulled app took=400ms  a Kubernetes Event; `warning`, `said=text` for its message
//! @4   event pvc/data WaitForFirstConsumer    the same about a PersistentVolumeClaim
//! @4   event named/a TaintManagerEviction     the same about a Pod whose uid it does not tell
//! @9   wait                               time passes
//! @0   settled web a b                    a Deployment with ReplicaSet web-1 and Pods a, b is listed
//!      set max_pods_per_trace=2           a setting, before anything else
//!      set lists=deploy,pod               it is known that these lanes will list, and no others
//! ```
//!
//! A line changes some facts of an object and keeps the others; the first creates it. Kinds are
//! `deploy rs rc sts ds job cronjob pod`, and custom resources as `cr Rollout.argoproj.io web`.
//! Words for every object: `of=owner` (`of=sts/db`, `of=Rollout.argoproj.io/web` for a kind by
//! name; `orphaned` takes it away, `of=` again gives another), `delete`, `finalizers=a,b`, `gone`,
//! `unmatched` (it is there, and no longer matches the selector of its watch), `stamp=aa,bb`, `parent=aa` (a stamp that
//! is a parent), `by=manager`, `service=name`,
//! `name=db-1` (called so in the cluster: another object of a name that was used before), and of
//! the telling `late=ms` (arrives so much later), `rv=n`, `time=s` (object times say this second).
//! Lanes are named by the words of their kinds: `list sts`, `closed Rollout.argoproj.io`; a lane of
//! custom resources is there from the beginning if any line names it. `settled sts/db a b` and
//! `settled ds/agent a b` (both of revision `r1`), `settled rs/solo a` have long been there too.
//! `workloads.rs` and `pods.rs` read the words of each kind.
//! Every write takes the next resourceVersion and is told at the time of its line; object times
//! are that time, rounded down to a second.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a panic is a failed test")]

use std::collections::BTreeMap;

use lifespan::engine::{Counts, Engine, Settings};
use lifespan::facts::change::News;
use lifespan::facts::change::{Change, Snapshot};
use lifespan::facts::kind::Kind;
use lifespan::facts::kind::{CustomLane, Lane};
use lifespan::facts::meta::Uid;
use lifespan::facts::note::{About, Note};
use lifespan::facts::span::{FinishedSpan, ShownSpan};
use lifespan::facts::time::{Nanos, UnixNanos};
use lifespan::lifecycle::action::Action;

use super::objects;
use crate::support::checks;

/// Second 0 of every script.
pub(crate) const ZERO: i64 = 1_700_000_000;

/// What came of a script.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) spans: Vec<FinishedSpan>,
    /// Open at the end.
    pub(crate) open: Vec<ShownSpan>,
    pub(crate) counts: Counts,
}

/// What a lane says when.
struct Moment {
    at: UnixNanos,
    /// `None`: nothing but time passing.
    news: Option<(Lane, News)>,
}

#[derive(Default)]
struct World {
    objects: BTreeMap<String, Snapshot>,
    /// Those that do not match the selector of their watch.
    hidden: BTreeMap<String, Snapshot>,
    version: u64,
    told: Vec<Moment>,
    settings: Settings,
}

/// `@1 cr Rollout.argoproj.io web` of a script: the kind.
fn custom_kinds(script: &str) -> Vec<(Lane, Kind)> {
    let mut kinds = Vec::new();
    for line in script.lines() {
        let mut words = line.split_whitespace().skip_while(|word| *word != "cr").skip(1);
        let Some(kind) = words.next().and_then(objects::kind_of) else { continue };
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    let lane = |kind: &Kind| Lane::Custom(CustomLane::of(kind.name(), kind));
    kinds.into_iter().map(|kind| (lane(&kind), kind)).collect()
}

/// A line without its time.
#[derive(Clone, Debug)]
pub(crate) struct Line<'a> {
    /// When it is written.
    pub(crate) at: UnixNanos,
    pub(crate) words: Vec<&'a str>,
}

impl<'a> Line<'a> {
    /// The value of `key=value`.
    pub(crate) fn value(&self, key: &str) -> Option<&'a str> {
        self.words.iter().find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
    }

    pub(crate) fn number<N: std::str::FromStr>(&self, key: &str) -> Option<N>
    where
        N::Err: std::fmt::Debug,
    {
        self.value(key).map(|value| value.parse().unwrap())
    }

    pub(crate) fn has(&self, word: &str) -> bool {
        self.words.contains(&word)
    }

    /// What conditions of it say: `said=no_room`.
    pub(crate) fn message(&self) -> String {
        self.value("said").map_or_else(|| "it is so".to_owned(), |said| said.replace('_', " "))
    }

    /// The second that object times say.
    pub(crate) fn second(&self) -> UnixNanos {
        let said = self.value("time").map(seconds);
        UnixNanos::from_seconds(said.unwrap_or(self.at).seconds())
    }
}

/// Runs a script; what holds of all spans is looked at.
pub(crate) fn run(script: &str) -> Run {
    run_late(script, &[])
}

/// The same, where everything that some lanes say from second 0 on arrives so many milliseconds late.
pub(crate) fn run_late(script: &str, late: &[(Lane, i64)]) -> Run {
    let mut world = World { version: 100, ..World::default() };
    world.settings.custom_kinds = custom_kinds(script);
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        world.line(line);
    }
    let World { mut told, settings, .. } = world;
    for told in &mut told {
        let lane = told.news.as_ref().map(|(lane, _)| lane);
        let is_before = told.at.seconds() < ZERO;
        let delay = late.iter().find(|(slow, _)| Some(slow) == lane && !is_before);
        told.at = told.at.plus(delay.map_or(Nanos(0), |(_, ms)| Nanos(ms * 1_000_000)));
    }
    told.sort_by_key(|told| told.at);
    let mut engine = Engine::new(settings);
    let mut spans = Vec::new();
    for Moment { at, news } in &told {
        spans.extend(engine.advance(*at));
        if let Some((lane, news)) = news {
            spans.extend(engine.hear(*lane, news.clone(), *at));
        }
    }
    spans.extend(engine.finish());
    let faults = checks::faults(&spans);
    assert!(faults.is_empty(), "{faults}");
    let mut all = spans.clone();
    all.dedup_by_key(|span| (span.trace_id, span.span_id));
    assert_eq!(all.len(), spans.len(), "a span left twice");
    let open = engine.in_progress(told.last().map_or(UnixNanos::default(), |told| told.at));
    Run { spans, open, counts: engine.counts() }
}

/// `1.5` of a script.
pub(crate) fn seconds(text: &str) -> UnixNanos {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole: i64 = whole.parse().unwrap();
    let nanos: i64 = format!("{fraction:0<9}").parse().unwrap();
    UnixNanos::from_seconds(ZERO).plus(Nanos(sign * (whole * 1_000_000_000 + nanos)))
}

impl World {
    fn lane_of(&self, name: &str) -> Lane {
        let name = match name {
            "event" | "events" => return Lane::Events,
            "deploys" => "deploy",
            "sets" => "rs",
            "pods" => "pod",
            other => other,
        };
        let kind = objects::kind_of(name).unwrap_or_else(|| panic!("no lane {name}"));
        let found = self.lanes().find(|(_, of)| of.as_ref() == Some(&kind));
        found.unwrap_or_else(|| panic!("no lane {name}")).0
    }

    /// All lanes, and the kinds of their objects.
    fn lanes(&self) -> impl Iterator<Item = (Lane, Option<Kind>)> {
        let customs = self.settings.custom_kinds.iter();
        let customs = customs.map(|(lane, kind)| (*lane, Some(kind.clone())));
        customs.chain(Lane::ALL.into_iter().map(|lane| (lane, lane.kind())))
    }

    fn line(&mut self, text: &str) {
        let mut words = text.split_whitespace();
        let first = words.next().unwrap();
        let mut words: Vec<&str> = words.collect();
        if first == "set" {
            return self.set(&words);
        }
        let at = seconds(first.strip_prefix('@').unwrap_or_else(|| panic!("no time: {text}")));
        let is_missed = words.first() == Some(&"missed");
        if is_missed {
            words.remove(0);
        }
        if words.first() == Some(&"cr") {
            words.remove(0);
        }
        let line = Line { at, words };
        let late = line.number("late").map_or(Nanos(0), |ms: i64| Nanos(ms * 1_000_000));
        let arrival = at.plus(late);
        match line.words.as_slice() {
            ["settled", name, rest @ ..] => self.settled(name, rest, at),
            ["wait"] => self.told.push(Moment { at, news: None }),
            ["closed", lane] => self.tell(self.lane_of(lane), News::Closed, arrival),
            ["list"] => {
                let lanes: Vec<Lane> = self.lanes().map(|(lane, _)| lane).collect();
                for lane in lanes {
                    self.list(lane, None, News::ListDone(Some(self.version)), arrival);
                }
            }
            [word @ ("list" | "broken"), lane, rest @ ..] => {
                let names: Vec<&str> =
                    rest.iter().filter(|word| !word.contains('=')).copied().collect();
                let version = line.number("rv").unwrap_or(self.version);
                let names = Some(&names).filter(|it| !it.is_empty());
                let end =
                    if *word == "list" { News::ListDone(Some(version)) } else { News::Closed };
                self.list(self.lane_of(lane), names, end, arrival);
            }
            ["event", about, ..] => {
                let version = self.next_version(&line);
                let note = self.note(about, &line, version);
                self.tell(Lane::Events, News::Watched(Change::Noted(Box::new(note))), arrival);
            }
            [kind, name, ..] => {
                let version = self.next_version(&line);
                let change = self.write(kind, name, &line, version);
                if !is_missed {
                    self.tell(self.lane_of(kind), News::Watched(change), arrival);
                }
            }
            _ => panic!("what is {text}?"),
        }
    }

    fn set(&mut self, words: &[&str]) {
        for word in words {
            let (key, value) = word.split_once('=').unwrap();
            match key {
                "max_pods_per_trace" => self.settings.max_pods_per_trace = value.parse().unwrap(),
                "max_run_seconds" => {
                    let limit = Nanos::from_seconds(value.parse().unwrap());
                    self.settings.max_run_duration = limit;
                }
                "transitions" => {
                    let named = |it: &&Action| value.split(',').any(|word| word == it.name());
                    self.settings.roots.all = Action::ALL.iter().filter(named).copied().collect();
                }
                "lists" => {
                    let lanes = value.split(',').map(|name| (self.lane_of(name), 0));
                    self.settings.waits_for = lanes.collect();
                }
                "max_waiting" => self.settings.max_waiting = value.parse().unwrap(),
                "service_name" => self.settings.service_name = Some(value.to_owned()),
                "cluster_uid" => self.settings.cluster_uid = Some(value.to_owned()),
                other => panic!("no setting {other}"),
            }
        }
    }

    /// What has long been there, as every lane lists it.
    fn settled(&mut self, name: &str, rest: &[&str], at: UnixNanos) {
        let (words, pods): (Vec<&str>, Vec<&str>) = rest.iter().partition(|it| it.contains('='));
        let (words, n) = (words.join(" "), pods.len());
        let (owner, status) = match name.split_once('/') {
            None => {
                self.line(&format!("@-100 missed deploy {name} replicas={n} {words}"));
                let of = format!("of={name} replicas={n} {words} revision=1");
                self.line(&format!("@-99 missed rs {name}-1 {of}"));
                let reason = "reason=NewReplicaSetAvailable";
                (format!("rs/{name}-1"), format!("deploy {name} status={n}/{n}/{n} {reason}"))
            }
            Some(("ds", name)) => {
                self.line(&format!("@-100 missed ds {name} {words} revision=r1"));
                (format!("ds/{name}"), format!("ds {name} status={n}/{n}/{n} desired={n}"))
            }
            Some(("sts", name)) => {
                self.line(&format!("@-100 missed sts {name} replicas={n} {words} revision=r1"));
                (format!("sts/{name}"), format!("sts {name} status={n}/{n}/{n}"))
            }
            Some((kind, name)) => {
                self.line(&format!("@-100 missed {kind} {name} replicas={n} {words}"));
                (format!("{kind}/{name}"), format!("{kind} {name} status={n}/{n}"))
            }
        };
        let is_set = owner.starts_with("rs/");
        let revision = if is_set || owner.starts_with("rc/") { "" } else { "revision=r1" };
        for pod in &pods {
            self.line(&format!("@-98 missed pod {pod} of={owner} {revision} scheduled"));
            self.line(&format!("@-97 missed pod {pod} running ready"));
        }
        if let Some(name) = owner.strip_prefix("rs/") {
            self.line(&format!("@-96 missed rs {name} status={n}/{n}"));
        }
        self.line(&format!("@-95 missed {status}"));
        let at = at.since(UnixNanos::from_seconds(ZERO)).0 / 1_000_000_000;
        self.line(&format!("@{at} list"));
    }

    fn tell(&mut self, lane: Lane, news: News, at: UnixNanos) {
        self.told.push(Moment { at, news: Some((lane, news)) });
    }

    fn next_version(&mut self, line: &Line<'_>) -> u64 {
        if let Some(version) = line.number("rv") {
            return version;
        }
        self.version += 1;
        self.version
    }

    fn list(&mut self, lane: Lane, names: Option<&Vec<&str>>, end: News, at: UnixNanos) {
        let kind = self.lanes().find(|(known, _)| *known == lane).and_then(|(_, kind)| kind);
        let listed: Vec<Snapshot> = self
            .objects
            .values()
            .filter(|object| Some(object.kind()) == kind)
            .filter(|object| names.is_none_or(|names| names.contains(&&*object.meta().name)))
            .cloned()
            .collect();
        for snapshot in listed {
            self.tell(lane, News::Listed(snapshot), at);
        }
        self.tell(lane, end, at);
    }

    fn write(&mut self, kind: &str, name: &str, line: &Line<'_>, version: u64) -> Change {
        let key = format!("{kind}/{name}");
        let hidden = self.hidden.remove(&key);
        let old = self.objects.get(&key).or(hidden.as_ref());
        let new = objects::write(kind, name, old, line, version);
        if line.has("gone") {
            self.objects.remove(&key);
            return Change::Deleted(new);
        }
        if line.has("unmatched") {
            self.objects.remove(&key);
            self.hidden.insert(key, new.clone());
            return Change::Unmatched(new);
        }
        // `rv=` below what is known tells an old version again.
        if old.is_none_or(|old| old.meta().resource_version < version) {
            self.objects.insert(key, new.clone());
        }
        Change::Seen(new)
    }

    fn note(&self, about: &str, line: &Line<'_>, version: u64) -> Note {
        let at = line.value("at").map_or(line.at, seconds);
        let count = line.number("count").unwrap_or(1);
        let reason = line.words.get(2).copied().unwrap();
        let container =
            line.words.get(3).filter(|it| !it.contains('=') && !["there", "warning"].contains(it));
        let message = match line.value("took") {
            Some(took) => format!(
                "Successfully pulled image \"app:v1\" in {took} ({took} including waiting)."
            ),
            None if line.has("there") => {
                "Container image \"app:v1\" already present on machine".to_owned()
            }
            None => line.value("said").map_or(reason.to_owned(), |_| line.message()),
        };
        Note {
            uid: uid(&format!("event/{about}/{reason}/{}", container.unwrap_or(&""))),
            resource_version: version,
            about: match about.split_once('/') {
                Some(("pvc", name)) => About::Claim("default".into(), name.into()),
                Some(("named", name)) => About::Pod("default".into(), name.into()),
                Some(_) | None => About::Uid(uid(about)),
            },
            container: container.copied().map(Into::into),
            reason: reason.into(),
            message: message.into(),
            is_warning: line.has("warning"),
            count,
            exact: (count == 1).then_some(at),
            seconds: UnixNanos::from_seconds(at.seconds()),
            source: "kubelet".into(),
        }
    }
}

/// The uid of `pod/a`.
pub(crate) fn uid(key: &str) -> Uid {
    let seed = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128;
    let number = key.bytes().fold(seed, |hash, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(0x0100_0000_0000_0000_0000_013b)
    });
    Uid::new(number).unwrap()
}
