//! The program with a storage, where what it is configured with, what it meets or the disk is another when
//! it is started again.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a panic is a failed test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lifespan::storage::inspect;
use serde_json::Value as Json;
use tokio::time::{Instant, sleep};

use crate::support::arrived::{Arrived, Expected};
use crate::support::fake_api::{FakeApi, Manner};
use crate::support::fake_collector::FakeCollector;
use crate::support::lines::{self, Line, Type};
use crate::support::model::S;
use crate::support::moved::moved_to;
use crate::support::service::{
    Gate, PATIENCE, READY, Service, folder, free_address, until_answered, with_storage,
};

const RECORDING: &str = "02-rolling-update";

pub(crate) const CONFIG: &[&str] = &["--config", "c.yaml"];

/// With health by component.
pub(crate) const WITH_HEALTH: &[&str] = &[
    "--config",
    "c.yaml",
    "--config",
    "health.yaml",
    "--feature-gates",
    "extension.healthcheck.useComponentStatus",
];

/// What a file may have on a disk that is full: less than a store has, and more than is said.
const FULL: u64 = 16 << 10;

/// A program with a storage, what it watches and whom it sends to.
pub(crate) struct World {
    /// What has happened a moment ago.
    pub(crate) lines: Vec<Line>,
    pub(crate) api: FakeApi,
    pub(crate) collector: FakeCollector,
    pub(crate) to_collector: Gate,
    pub(crate) store: PathBuf,
    pub(crate) arrived: Arrived,
}

impl World {
    /// The collector cannot be reached.
    pub(crate) async fn new() -> Self {
        let collector = FakeCollector::start([]).await;
        let lines = moved_to(&lines::recording(RECORDING), lifespan::clock::now().0 - 60 * S);
        Self {
            api: api_of(&lines).await,
            lines,
            to_collector: Gate::start(&collector.address, false).await,
            collector,
            store: folder("store"),
            arrived: Arrived::default(),
        }
    }

    /// The same after a process that had queued all of it was killed.
    pub(crate) async fn killed() -> (Self, Expected) {
        let world = Self::new().await;
        let expected = Expected::of(&world.lines);
        let service = world.start("");
        world.queued(expected.n_spans()).await;
        ends(service, "KILL").await;
        (world, expected)
    }

    pub(crate) fn start(&self, receiver: &str) -> Service {
        Service::start(self.configured(receiver), &self.api.url, CONFIG)
    }

    /// A folder with a configuration.
    pub(crate) fn configured(&self, receiver: &str) -> PathBuf {
        let at = folder("stored");
        let text = with_storage(&self.to_collector.url, &self.store, receiver);
        fs::write(at.join("c.yaml"), text).unwrap();
        at
    }

    /// The same for [`WITH_HEALTH`], and where health is.
    pub(crate) async fn configured_with_health(&self) -> (PathBuf, String) {
        let (at, health) = (self.configured(""), free_address().await);
        let text = format!(
            "extensions: {{health_check: {{use_v2: true, http: {{endpoint: '{health}'}}}}}}\n\
             service: {{extensions: [file_storage, health_check]}}\n"
        );
        fs::write(at.join("health.yaml"), text).unwrap();
        (at, health)
    }

    /// Waits until all of the recording is queued.
    pub(crate) async fn queued(&self, n_spans: usize) {
        let began = Instant::now();
        while spans_in(&self.store) < n_spans as u64 {
            assert!(began.elapsed() < PATIENCE, "{} of {n_spans}", spans_in(&self.store));
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until nothing is queued.
    pub(crate) async fn queue_is_empty(&self) {
        let began = Instant::now();
        while spans_in(&self.store) > 0 {
            assert!(began.elapsed() < PATIENCE, "{} are queued", spans_in(&self.store));
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until all that is expected has arrived, and nothing else.
    pub(crate) async fn has(&mut self, expected: &Expected, service: &Service) {
        let began = Instant::now();
        loop {
            self.arrived.hear(self.collector.received());
            let wrong = self.arrived.compared(expected).wrong;
            if wrong.is_empty() {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{wrong:#?}\n{}", service.said());
            sleep(Duration::from_millis(50)).await;
        }
    }
}

async fn api_of(lines: &[Line]) -> FakeApi {
    let manner = Manner::WATCH_LIST;
    FakeApi::start(lines, manner, &[]).await
}

pub(crate) fn spans_in(store: &Path) -> u64 {
    inspect(store).map_or(0, |contents| contents.queues.values().map(|it| it.spans).sum())
}

pub(crate) async fn ends(mut service: Service, signal: &str) {
    service.signal(signal);
    let code = Some(0).filter(|_| signal == "TERM");
    assert_eq!(service.ended().await, code, "{}", service.said());
    assert!(!service.said().contains("set aside"), "{}", service.said());
}

#[tokio::test]
async fn whatever_kinds_are_taken_away_or_added_what_is_queued_is_sent_once() {
    let (mut world, expected) = World::killed().await;
    // Neither the kind of its root nor those below are watched any more.
    let mut service = world.start("objects: [{name: jobs, group: batch}], ");
    service.says(READY, 1).await;
    world.to_collector.is_open.send_replace(true);
    world.has(&expected, &service).await;
    ends(service, "TERM").await;
    assert_eq!((spans_in(&world.store), world.arrived.n_again), (0, 0));
    // They come back, and others with them.
    let mut service = world.start("");
    // All but those that were watched all the time.
    service.says("Listed", 6).await;
    ends(service, "TERM").await;
    world.arrived.hear(world.collector.received());
    assert_eq!(world.arrived.n_again, 0);
    fs::remove_dir_all(&world.store).unwrap();
}

#[tokio::test]
async fn a_reload_with_another_directory_says_what_waits_in_the_one_before_and_how_to_send_it() {
    let mut world = World::new().await;
    let expected = Expected::of(&world.lines);
    let at = world.configured("");
    let mut service = Service::start(at.clone(), &world.api.url, CONFIG);
    world.queued(expected.n_spans()).await;
    let text = fs::read_to_string(at.join("c.yaml")).unwrap();
    let (store, other) = (world.store.display().to_string(), folder("other"));
    fs::write(at.join("c.yaml"), text.replace(&store, &other.display().to_string())).unwrap();
    service.signal("HUP");
    service.says("what waits in the one before, start once with that", 1).await;
    let said = service.said();
    let left = format!("\"directory\":\"{store}\"");
    let spans = format!("\"spans\":{}", expected.n_spans());
    assert!(said.contains(&left) && said.contains(&spans), "{said}");
    service.says(READY, 2).await;
    ends(service, "TERM").await;
    world.to_collector.is_open.send_replace(true);
    let service = world.start("");
    world.has(&expected, &service).await;
    ends(service, "TERM").await;
    assert_eq!(spans_in(&world.store), 0);
    fs::remove_dir_all(&world.store).unwrap();
    fs::remove_dir_all(&other).unwrap();
}

#[tokio::test]
async fn a_server_that_does_not_say_which_cluster_it_is_of_has_the_one_that_is_stored() {
    let (mut world, expected) = World::killed().await;
    // As an API server does that has just begun, and knows no roles yet.
    world.api.weather.send_modify(|weather| weather.refuses = Some(("/kube-system", 403)));
    let mut service = world.start("");
    service.says("Going on with what was stored", 1).await;
    world.to_collector.is_open.send_replace(true);
    world.has(&expected, &service).await;
    ends(service, "TERM").await;
    // Or is too busy: then it is waited for.
    for path in ["/", "/kube-system"] {
        world.api.weather.send_modify(|weather| weather.refuses = Some((path, 429)));
        let mut service = world.start("");
        service.says("The API server does not answer; waiting for it", 1).await;
        world.api.weather.send_modify(|weather| weather.refuses = None);
        service.says("Going on with what was stored", 1).await;
        ends(service, "TERM").await;
    }
    fs::remove_dir_all(&world.store).unwrap();
}

/// Told to end before there was anything to watch, it lets go of what it has delivered all the same.
#[tokio::test]
async fn what_is_delivered_while_the_api_server_is_away_has_left_the_queue_at_the_end() {
    let (mut world, expected) = World::killed().await;
    world.to_collector.is_open.send_replace(true);
    let service = Service::start(world.configured(""), "http://127.0.0.1:9", CONFIG);
    world.has(&expected, &service).await;
    ends(service, "TERM").await;
    assert_eq!((spans_in(&world.store), world.arrived.n_again), (0, 0));
    fs::remove_dir_all(&world.store).unwrap();
}

/// Each process that could not begin would send it again.
#[tokio::test]
async fn a_process_that_cannot_begin_lets_go_of_what_it_has_sent() {
    let (mut world, expected) = World::killed().await;
    world.to_collector.is_open.send_replace(true);
    world.api.weather.send_modify(|weather| weather.refuses = Some(("/version", 401)));
    let mut service = world.start("");
    assert_eq!(service.ended().await, Some(1), "{}", service.said());
    assert!(service.said().contains("does not accept these credentials"), "{}", service.said());
    world.has(&expected, &service).await;
    assert_eq!(spans_in(&world.store), 0, "{}", service.said());
    fs::remove_dir_all(&world.store).unwrap();
}

/// One that has begun a moment ago does not know yet who may do what.
#[tokio::test]
async fn an_api_server_that_refuses_to_say_its_version_is_waited_for() {
    let world = World::new().await;
    world.api.weather.send_modify(|weather| weather.refuses = Some(("/version", 403)));
    let mut service = world.start("");
    service.says("The API server refuses to be asked; waiting for it", 1).await;
    assert!(service.said().contains("system:public-info-viewer"), "{}", service.said());
    world.api.weather.send_modify(|weather| weather.refuses = None);
    service.says(READY, 1).await;
    ends(service, "TERM").await;
    fs::remove_dir_all(&world.store).unwrap();
}

/// Until it has room, or until the process ends: then the next one is told again what could not be stored.
#[tokio::test]
async fn another_process_that_has_the_store_is_waited_for_as_long_as_timeout_says() {
    let world = World::new().await;
    let mut first = world.start("");
    first.says(READY, 1).await;
    let at = world.configured("");
    let text = fs::read_to_string(at.join("c.yaml")).unwrap();
    fs::write(at.join("c.yaml"), text.replace("timeout: 10s", "timeout: 300ms")).unwrap();
    let mut hasty = Service::start(at, &world.api.url, CONFIG);
    assert_eq!(hasty.ended().await, Some(1), "{}", hasty.said());
    assert!(hasty.said().contains("another process has the storage"), "{}", hasty.said());
    // This one waits for ten seconds.
    let mut second = world.start("");
    second.says("Starting lifespan", 1).await;
    sleep(Duration::from_millis(300)).await;
    ends(first, "TERM").await;
    second.says(READY, 1).await;
    ends(second, "TERM").await;
}

#[tokio::test]
async fn a_disk_that_is_full_is_told_and_holds_up_what_leaves_and_loses_nothing() {
    for ends_full in [false, true] {
        let mut world = World::new().await;
        let expected = Expected::of(&world.lines);
        world.to_collector.is_open.send_replace(true);
        let is_listed = |line: &&Line| matches!(line.kind, Type::List | Type::ListDone);
        let listed: Vec<Line> = world.lines.iter().filter(is_listed).cloned().collect();
        let all = std::mem::replace(&mut world.api, api_of(&listed).await);
        let mut service = world.start("");
        service.says("Listed", 7).await;
        events_are_watched(&world.api).await;
        ends(service, "TERM").await;
        world.api = all;
        let (at, health) = world.configured_with_health().await;
        let mut service = Service::start_full(at, &world.api.url, WITH_HEALTH, FULL);
        service.says("The storage takes nothing; nothing is sent until it does", 1).await;
        let failing = until_told(&health, "StatusRecoverableError").await;
        assert!(failing.contains("File too large"), "{failing}");
        assert_eq!(world.collector.received().len(), 0);
        if ends_full {
            ends(service, "TERM").await;
            service = world.start("");
        } else {
            service.has_room();
            service.says("The storage takes again", 1).await;
            until_told(&health, "StatusOK").await;
            let said = service.said().matches("The storage takes nothing").count();
            assert_eq!(said, 1, "{}", service.said());
        }
        world.has(&expected, &service).await;
        ends(service, "TERM").await;
        assert_eq!((spans_in(&world.store), world.arrived.n_again), (0, 0));
        fs::remove_dir_all(&world.store).unwrap();
    }
}

/// What is open stays open until the process ends, and nobody finds it then.
#[tokio::test]
async fn a_storage_whose_file_is_removed_says_that_it_keeps_nothing() {
    let world = World::new().await;
    let (at, health) = world.configured_with_health().await;
    let mut service = Service::start(at, &world.api.url, WITH_HEALTH);
    service.says("Listed", 7).await;
    until_told(&health, "StatusOK").await;
    fs::remove_dir_all(&world.store).unwrap();
    world.to_collector.is_open.send_replace(true);
    service.says("The storage keeps nothing", 1).await;
    let told = until_told(&health, "StatusRecoverableError").await;
    assert!(told.contains("its file has been removed"), "{told}");
    ends(service, "TERM").await;
}

/// Waits until it is known from where: their list is not read, and so not said to be.
async fn events_are_watched(api: &FakeApi) {
    let began = Instant::now();
    let is_watch = |it: &String| {
        it.contains("/events?") && it.contains("watch=") && !it.contains("sendInitialEvents")
    };
    while !api.requests.lock().await.iter().any(is_watch) {
        assert!(began.elapsed() < PATIENCE, "the events are not watched");
        sleep(Duration::from_millis(10)).await;
    }
}

/// Waits until the storage is so; why.
pub(crate) async fn until_told(health: &str, state: &str) -> String {
    let of = |body: &str| -> Json {
        let body: Json = serde_json::from_str(body).unwrap();
        body["components"]["extensions"]["components"]["extension:file_storage"].clone()
    };
    let is_so = |_, body: &str| of(body)["status"] == state;
    of(&until_answered(health, "/status?verbose", is_so).await).to_string()
}
