//! The program with a storage, killed at any moment and started again, while whatever it speaks to fails
//! too: what arrives in the end is what a process would have told that was there all the time and that
//! nothing befell (DESIGN §11).
//!
//! `LIFESPAN_KILLS=200` kills so often in each of the tests, and tells in figures what came of it;
//! `LIFESPAN_SEED=7` begins with another cluster.

#![expect(
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a panic is a failed test, and figures are for a person"
)]

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tonic::Status;

use crate::support::arrived::{Arrived, Compared, Expected};
use crate::support::fake_api::{FakeApi, Manner};
use crate::support::fake_collector::{Answer, FakeCollector, exhausted_for};
use crate::support::lines::{self, Line};
use crate::support::model::random::Random;
use crate::support::model::{self, Make, S};
use crate::support::moved::moved_to;
use crate::support::service::{Gate, Service, folder, with_storage};
use crate::support::together::together;

/// What is to arrive has come this long after its time.
const PATIENCE: Duration = Duration::from_secs(120);

/// Who lives for so long decides what happened before.
const DECIDES: Duration = Duration::from_secs(4);

/// So many seconds after the first start something happens: by then the lists are stored.
const LEAD: i64 = 6;

const ALL_KINDS: &[Make] =
    &[Make::Deployment, Make::StatefulSet, Make::DaemonSet, Make::Job, Make::Deployment];

/// What is played, and what comes of it.
struct Scene {
    /// As the server plays them.
    lines: Vec<Line>,
    /// When it begins.
    begin: i64,
    expected: Expected,
}

impl Scene {
    fn new(lines: &[Line]) -> Self {
        let mut takes = 2 * S;
        loop {
            let now = lifespan::clock::now().0;
            let begin = now + takes;
            let lines = moved_to(lines, begin + LEAD * S);
            let expected = Expected::of(&lines);
            let took = lifespan::clock::now().0 - now;
            if took < takes {
                return Self { lines, begin, expected };
            }
            // It must be known before it begins.
            takes = 2 * took;
        }
    }

    /// Clusters side by side in which users act at random, for so many seconds.
    fn of_clusters(n: u64, seed: u64, seconds: i64) -> Self {
        let n_actions = u32::try_from(seconds / 4).unwrap();
        let histories = (0..n).map(|i| model::history_of(ALL_KINDS, seed * n + i, n_actions).lines);
        let mut lines = together(&histories.collect::<Vec<_>>());
        let first = lines.first().unwrap().at;
        lines.retain(|line| line.at < first + seconds * S);
        Self::new(&lines)
    }

    /// How long after the start the last of it happens.
    fn lasts(&self) -> Duration {
        let last = self.lines.last().unwrap().at - self.begin;
        Duration::from_nanos(last.try_into().unwrap())
    }

    /// The newest resourceVersion when the server's clock shows `at`.
    fn version(&self, at: i64) -> u64 {
        let until = self.lines.partition_point(|line| line.at <= at);
        self.lines.iter().take(until).rev().find_map(Line::version).unwrap_or(0)
    }
}

/// What befalls the program.
struct Storm {
    random: Random,
    /// Down times that are passed over, in seconds.
    passed_over: Vec<i64>,
    /// Whether what it speaks to fails too.
    is_wide: bool,
    /// Whether the server forgets, and falls silent.
    forgets: bool,
    /// How a process ends, one of these.
    ends: &'static [&'static str],
}

const KILLED: &[&str] = &["KILL"];

impl Storm {
    /// It is killed, and nothing else befalls it.
    fn new(seed: u64) -> Self {
        let random = Random::new(seed);
        Self { random, passed_over: Vec::new(), is_wide: false, forgets: false, ends: KILLED }
    }

    fn milliseconds(&mut self, low: i64, high: i64) -> Duration {
        Duration::from_millis(u64::try_from(self.random.between(low, high)).unwrap())
    }
}

/// All that a program runs in.
struct World {
    scene: Scene,
    storm: Storm,
    api: FakeApi,
    to_api: Gate,
    collector: FakeCollector,
    to_collector: Gate,
    store: PathBuf,
    began: Instant,
    arrived: Arrived,
    said: String,
    n_kills: usize,
    n_forgotten: usize,
    /// What happened until then was decided by a process that lived for long enough.
    decided: i64,
    /// So many watches had been refused by then, because where they begin is forgotten.
    n_expired: usize,
}

impl World {
    async fn new(scene: Scene, storm: Storm) -> Self {
        let wait = scene.begin - lifespan::clock::now().0;
        sleep(Duration::from_nanos(wait.try_into().unwrap_or(0))).await;
        let manner = Manner::WATCH_LIST;
        let api = FakeApi::start_at(&scene.lines, scene.begin, manner, &[]).await;
        let collector = FakeCollector::start([]).await;
        Self {
            to_api: Gate::start(&api.url, true).await,
            to_collector: Gate::start(&collector.address, true).await,
            storm,
            api,
            collector,
            store: folder("store"),
            began: Instant::now(),
            arrived: Arrived::new(is_long()),
            said: String::new(),
            n_kills: 0,
            n_forgotten: 0,
            decided: scene.begin,
            n_expired: 0,
            scene,
        }
    }

    fn start(&self) -> Service {
        let at = folder("killed");
        let text = with_storage(&self.to_collector.url, &self.store, "");
        fs::write(at.join("c.yaml"), &text).unwrap();
        let ahead = self.api.weather.borrow().skipped.as_secs();
        Service::start_ahead(at, &self.to_api.url, &["--config", "c.yaml"], ahead)
    }

    /// How much later it is for the server than when it began.
    fn elapsed(&self) -> Duration {
        self.began.elapsed() + self.api.weather.borrow().skipped
    }

    fn is_over(&self) -> bool {
        self.elapsed() > self.scene.lasts()
    }

    /// One of what can befall a server or the way to it.
    async fn strike(&mut self) {
        let resources = [
            "pods",
            "replicasets.apps",
            "deployments.apps",
            "jobs.batch",
            "events",
            "daemonsets.apps",
        ];
        match self.storm.random.between(0, 11) {
            0 => drop(self.to_collector.is_open.send_replace(false)),
            1 => {
                let delay = self.storm.milliseconds(20, 500);
                drop(self.collector.mood.send_replace(Answer::Fail(exhausted_for(delay))));
            }
            2 => drop(self.collector.mood.send_replace(Answer::Partly(1, "too old"))),
            3 => drop(self.collector.mood.send_replace(Answer::Hang)),
            4 => {
                let away = Status::unavailable("away");
                drop(self.collector.mood.send_replace(Answer::Fail(away)));
            }
            5 => {
                self.to_api.is_open.send_replace(false);
                sleep(self.storm.milliseconds(100, 800)).await;
                self.to_api.is_open.send_replace(true);
            }
            6 if self.storm.forgets => {
                let resource = self.storm.random.pick(&resources).unwrap();
                self.api.weather.send_modify(|weather| weather.silent = resource.to_owned());
            }
            7 if self.storm.forgets => {
                self.forget();
            }
            8 => self.api.weather.send_modify(|weather| weather.refuses = Some(("/", 429))),
            9 => self.api.weather.send_modify(|weather| weather.refuses = Some(("/pods", 503))),
            _ => self.calm(),
        }
    }

    fn calm(&mut self) {
        self.to_collector.is_open.send_replace(true);
        self.collector.mood.send_replace(Answer::Accept);
        self.api.weather.send_modify(|weather| {
            weather.silent.clear();
            weather.refuses = None;
        });
    }

    /// What the server's clock shows.
    fn now(&self) -> i64 {
        self.scene.begin + i64::try_from(self.elapsed().as_nanos()).unwrap()
    }

    /// The server forgets all that it told.
    fn forget(&mut self) {
        let version = self.scene.version(self.now());
        self.api.weather.send_modify(|weather| weather.forgotten = version);
        self.n_forgotten += 1;
    }

    /// What a watch is refused is listed, sooner or later in the same life, or refused again: what has
    /// happened between what was decided and that list, as late as `until`, may not have been seen.
    fn look_at_what_expired(&mut self, until: i64) {
        let n = *self.api.expired.borrow();
        if std::mem::replace(&mut self.n_expired, n) < n {
            self.arrived.unseen.push((self.decided, until));
        }
    }

    /// Nobody watches for a while, in which things happen.
    async fn down(&mut self) {
        sleep(self.storm.milliseconds(0, 400)).await;
        if self.n_kills < 2 || !self.storm.random.chance(40) {
            return;
        }
        let Some(seconds) = self.storm.passed_over.pop() else { return };
        let seconds = Duration::from_secs(seconds.try_into().unwrap());
        self.api.weather.send_modify(|weather| weather.skipped += seconds);
        if self.storm.forgets && self.storm.random.chance(25) {
            self.forget();
        }
    }

    /// Runs it for a while, and kills it.
    async fn one_life(&mut self) {
        let mut service = self.start();
        // Nothing is decided by who lives for less than changes wait for each other.
        let lives = self.storm.milliseconds(300, 6_000);
        let lives = if self.n_kills == 0 { lives + Duration::from_secs(5) } else { lives };
        let until = Instant::now() + lives;
        let mut strikes_at = Some(until - lives.mul_f64(0.7)).filter(|_| self.storm.is_wide);
        while Instant::now() < until {
            self.arrived.hear(self.collector.received());
            if strikes_at.take_if(|at| *at < Instant::now()).is_some() {
                self.strike().await;
            }
            sleep(Duration::from_millis(20)).await;
        }
        let end = self.storm.random.pick(self.storm.ends).unwrap();
        service.signal(end);
        // Told to end before it hears that, it ends all the same.
        let has_begun = service.said().contains("Connected to the cluster");
        let code = service.ended().await;
        // What falls silent is a connection.
        let mut was_silent = false;
        self.api.weather.send_modify(|weather| {
            was_silent = !std::mem::take(&mut weather.silent).is_empty();
        });
        let is_so = code == Some(0).filter(|_| end == "TERM") || (code.is_none() && !has_begun);
        assert!(is_so, "{end}: {code:?}\n{}", service.said());
        self.said.push_str(&service.said());
        self.n_kills += 1;
        self.look_at_what_expired(self.now());
        // What a server refuses, or does not say, is not decided.
        let is_told = !was_silent && !service.said().contains("does not answer");
        if lives > DECIDES && is_told {
            self.decided = self.now() - 5 * S;
        }
    }

    /// Runs it until all has arrived.
    async fn last_life(&mut self) -> Compared {
        self.calm();
        let began = Instant::now();
        let mut service = self.start();
        loop {
            self.arrived.hear(self.collector.received());
            self.look_at_what_expired(self.now() + 10 * S);
            let compared = self.arrived.compared(&self.scene.expected);
            if compared.wrong.is_empty() && service.said().contains("Everything is ready") {
                service.signal("TERM");
                assert_eq!(service.ended().await, Some(0), "{}", service.said());
                self.said.push_str(&service.said());
                return compared;
            }
            if began.elapsed() > PATIENCE {
                let text = format!("{}{}", self.said, service.said());
                fs::write(folder("wrong").join("said"), &text).unwrap();
                let wrong: Vec<_> = compared.wrong.iter().take(20).map(String::as_str).collect();
                let (n, n_kills) = (compared.wrong.len(), self.n_kills);
                panic!("{n} wrong after {n_kills} kills:\n{}", wrong.join("\n"));
            }
            sleep(Duration::from_millis(500)).await;
        }
    }
}

/// Plays `scene` to a program that is killed now and then; how often it was.
async fn killed(name: &str, scene: Scene, storm: Storm) -> usize {
    let mut world = World::new(scene, storm).await;
    while !world.is_over() {
        world.one_life().await;
        world.down().await;
    }
    let Compared { n_gaps, n_cautious, n_passed, n_unseen, .. } = world.last_life().await;
    let said = &world.said;
    assert!(said.contains("Going on with what was stored"), "{said}");
    for never in ["set aside", "panicked", "Dropping data", "Rejecting data"] {
        assert!(!said.contains(never), "{never}: {said}");
    }
    fs::remove_dir_all(&world.store).unwrap();
    let World { arrived, n_kills, n_forgotten, began, scene, .. } = world;
    eprintln!(
        "{name}: {n_kills} kills, {n_forgotten} times forgotten, {} of {} spans in {} traces, {} again, {n_gaps} traces are others and say so, {n_cautious} say so and are the same, {n_passed} others of theirs are missing, {n_unseen} cannot have been seen, {} s of {} s",
        arrived.n_spans(),
        scene.expected.n_spans(),
        scene.expected.n_traces(),
        arrived.n_again,
        began.elapsed().as_secs(),
        scene.lasts().as_secs(),
    );
    n_kills
}

/// Whether it was asked for so many kills.
fn is_long() -> bool {
    asked("LIFESPAN_KILLS", 0) > 0
}

fn asked(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |n| n.parse().unwrap())
}

/// As many runs as it takes, each of another seed.
async fn however_often(name: &str, mut run: impl AsyncFnMut(u64, i64) -> usize) {
    let kills = asked("LIFESPAN_KILLS", 0);
    let mut seed = asked("LIFESPAN_SEED", 1);
    let mut n_kills = run(seed, if kills > 0 { 240 } else { 24 }).await;
    while n_kills < usize::try_from(kills).unwrap() {
        seed += 1;
        n_kills += run(seed, 240).await;
    }
    eprintln!("{name}: {n_kills} kills");
}

#[tokio::test]
async fn however_often_it_is_killed_every_span_arrives_once_and_none_is_another() {
    let name = "killed";
    however_often(name, async |seed, seconds| {
        let scene = Scene::of_clusters(10, seed, seconds);
        killed(name, scene, Storm::new(seed)).await
    })
    .await;
}

#[tokio::test]
async fn whatever_it_speaks_to_may_fail_too() {
    let name = "storm";
    however_often(name, async |seed, seconds| {
        let scene = Scene::of_clusters(10, seed, seconds);
        let ends = &["KILL", "KILL", "KILL", "TERM"];
        let storm = Storm { is_wide: true, forgets: is_long(), ends, ..Storm::new(seed) };
        killed(name, scene, storm).await
    })
    .await;
}

#[tokio::test]
async fn however_long_nobody_watches_what_happens_meanwhile_is_told() {
    let name = "away";
    however_often(name, async |seed, seconds| {
        let mut random = Random::new(seed);
        // From a second to ten minutes.
        let lengths: Vec<i64> = (0..seconds / 12).map(|_| 1 << random.between(0, 10)).collect();
        let lengths: Vec<i64> = lengths.into_iter().map(|it| it.min(600)).collect();
        let passed_over = lengths.iter().sum::<i64>();
        let scene = Scene::of_clusters(2, seed, seconds + passed_over);
        let forgets = is_long() && seed % 2 == 0;
        let storm = Storm { random, passed_over: lengths, forgets, ..Storm::new(seed) };
        killed(name, scene, storm).await
    })
    .await;
}

#[tokio::test]
async fn however_often_it_is_killed_a_recorded_rollout_that_does_not_come_up_is_told_once() {
    recorded("08-bad-image-then-fix", KILLED).await;
}

#[tokio::test]
async fn told_to_end_in_the_middle_of_a_rollout_it_goes_on_with_it_when_it_is_started_again() {
    recorded("02-rolling-update", &["TERM"]).await;
}

async fn recorded(name: &str, ends: &'static [&'static str]) {
    let scene = Scene::new(&lines::recording(name));
    killed(name, scene, Storm { ends, ..Storm::new(2) }).await;
}
