//! The program with a storage, where what it is configured with or what it meets is another when it is
//! started again.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lifespan::storage::inspect;
use tokio::time::{Instant, sleep};

use crate::support::arrived::{Arrived, Expected};
use crate::support::fake_api::{FakeApi, Manner};
use crate::support::fake_collector::FakeCollector;
use crate::support::lines;
use crate::support::service::{Gate, PATIENCE, Service, folder, with_storage};

const RECORDING: &str = "02-rolling-update";

const READY: &str = "Everything is ready";

/// A program with a storage, what it watches and whom it sends to.
struct World {
    api: FakeApi,
    collector: FakeCollector,
    to_collector: Gate,
    store: PathBuf,
    arrived: Arrived,
}

impl World {
    /// The collector cannot be reached.
    async fn new() -> Self {
        let manner = Manner { has_watch_list: true, page: 500, ..Manner::default() };
        let collector = FakeCollector::start([]).await;
        Self {
            api: FakeApi::start(&lines::recording(RECORDING), manner, &[]).await,
            to_collector: Gate::start(&collector.address, false).await,
            collector,
            store: folder("store"),
            arrived: Arrived::default(),
        }
    }

    fn start(&self, receiver: &str) -> Service {
        let at = folder("stored");
        let text = with_storage(&self.to_collector.url, &self.store, receiver);
        fs::write(at.join("c.yaml"), text).unwrap();
        Service::start(at, &self.api.url, &["--config", "c.yaml"])
    }

    /// Waits until all of the recording is queued.
    async fn queued(&self, n_spans: usize) {
        let began = Instant::now();
        while spans_in(&self.store) < n_spans as u64 {
            assert!(began.elapsed() < PATIENCE, "{} of {n_spans}", spans_in(&self.store));
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until all that is expected has arrived, and nothing else.
    async fn has(&mut self, expected: &Expected, service: &Service) {
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

fn spans_in(store: &Path) -> u64 {
    inspect(store).map_or(0, |contents| contents.queues.values().map(|it| it.spans).sum())
}

/// What the program makes of the recording, which it hears long after that was made.
fn expected() -> Expected {
    Expected::of(&lines::recording(RECORDING))
}

async fn ends(mut service: Service, signal: &str) {
    service.signal(signal);
    let code = Some(0).filter(|_| signal == "TERM");
    assert_eq!(service.ended().await, code, "{}", service.said());
    assert!(!service.said().contains("set aside"), "{}", service.said());
}

#[tokio::test]
async fn whatever_kinds_are_taken_away_or_added_what_is_queued_is_sent_once() {
    let mut world = World::new().await;
    let expected = expected();
    let service = world.start("");
    world.queued(expected.n_spans()).await;
    ends(service, "KILL").await;
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
async fn a_server_that_does_not_say_which_cluster_it_is_of_has_the_one_that_is_stored() {
    let mut world = World::new().await;
    let expected = expected();
    let service = world.start("");
    world.queued(expected.n_spans()).await;
    ends(service, "KILL").await;
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
