//! How each component is, as the program tells it of itself while things befall it: in its health and on
//! its page, from its start to its end.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a panic is a failed test")]

use std::fs;

use serde_json::Value as Json;
use tokio::time::{Instant, sleep};
use tonic::Status;

use crate::support::fake_api::{FakeApi, Manner};
use crate::support::fake_collector::{Answer, FakeCollector};
use crate::support::lines;
use crate::support::service::{Gate, PATIENCE, Service, folder, free_address, get};

const RECEIVER: &str = "receiver:k8s_lifecycle";
const EXPORTER: &str = "exporter:otlp_grpc";

/// A program, what it watches and whom it sends to.
struct World {
    api: FakeApi,
    to_api: Gate,
    collector: FakeCollector,
    health: String,
    zpages: String,
    service: Service,
}

impl World {
    /// The API server cannot be reached yet, and refuses what has `refuses` in its path with 403.
    async fn start(refuses: &'static str, mood: Answer) -> Self {
        let manner = Manner::WATCH_LIST;
        let api = FakeApi::start(&lines::recording("02-rolling-update"), manner, &[]).await;
        let refuses = Some((refuses, 403)).filter(|(path, _)| !path.is_empty());
        api.weather.send_modify(|weather| weather.refuses = refuses);
        let to_api = Gate::start(&api.url, false).await;
        let collector = FakeCollector::start([]).await;
        collector.mood.send_replace(mood);
        let (health, zpages) = (free_address().await, free_address().await);
        let text = format!(
            "receivers: {{k8s_lifecycle: {{auth_type: kubeConfig}}}}\n\
             exporters: {{otlp_grpc: {{endpoint: '{}', timeout: 50s, tls: {{insecure: true}}, retry_on_failure: {{initial_interval: 100ms, max_interval: 100ms, max_elapsed_time: 0s}}}}}}\n\
             extensions: {{health_check: {{use_v2: true, http: {{endpoint: '{health}'}}}}, zpages: {{endpoint: '{zpages}'}}}}\n\
             service:\n  extensions: [health_check, zpages]\n  telemetry: {{metrics: {{level: none}}}}\n  \
             pipelines: {{traces: {{receivers: [k8s_lifecycle], exporters: [otlp_grpc]}}}}\n",
            collector.address
        );
        let at = folder("status");
        fs::write(at.join("c.yaml"), text).unwrap();
        let gate = "extension.healthcheck.useComponentStatus";
        let arguments = ["--config", "c.yaml", "--feature-gates", gate];
        let service = Service::start(at, &to_api.url, &arguments);
        Self { api, to_api, collector, health, zpages, service }
    }

    /// Waits until a component is so, on both, for a reason that has `why` in it; the status of the answer.
    async fn until(&self, component: &str, state: &str, why: &str) -> u16 {
        let began = Instant::now();
        loop {
            let health = get(&self.health, "/status?verbose").await;
            let page = get(&self.zpages, "/debug/pipelinez").await.unwrap_or_default().1;
            if let Some((code, body)) = &health {
                let body: Json = serde_json::from_str(body).unwrap();
                let of = &body["components"]["pipeline:traces"]["components"][component];
                let row = page.split("<tr>").find(|row| row.contains(&format!(">{component}<")));
                let is_why = of["error"].as_str().unwrap_or_default().contains(why);
                let is_shown = row.is_some_and(|row| row.contains(&format!(">{state}<")));
                if of["status"] == state && is_shown && is_why {
                    return *code;
                }
            }
            let said = self.service.said();
            assert!(began.elapsed() < PATIENCE, "{component} {state}: {health:?}\n{page}\n{said}");
            sleep(std::time::Duration::from_millis(20)).await;
        }
    }
}

#[tokio::test]
async fn a_component_starts_is_ok_fails_for_a_while_and_is_ok_again() {
    let world = World::start("", Answer::Fail(Status::unavailable("away"))).await;
    assert_eq!(world.until(RECEIVER, "StatusStarting", "").await, 503);
    assert_eq!(world.until(EXPORTER, "StatusOK", "").await, 503);
    world.to_api.is_open.send_replace(true);
    assert_eq!(world.until(RECEIVER, "StatusOK", "").await, 200);
    assert_eq!(world.until(EXPORTER, "StatusRecoverableError", "away").await, 200);
    world.collector.mood.send_replace(Answer::Accept);
    world.until(EXPORTER, "StatusOK", "").await;
    world.to_api.is_open.send_replace(false);
    assert_eq!(world.until(RECEIVER, "StatusRecoverableError", "").await, 200);
    world.to_api.is_open.send_replace(true);
    world.until(RECEIVER, "StatusOK", "").await;
}

#[tokio::test]
async fn what_only_a_person_can_mend_is_permanent() {
    let denied = Answer::Fail(Status::permission_denied("not you"));
    let world = World::start("/pods", denied).await;
    world.to_api.is_open.send_replace(true);
    assert_eq!(world.until(RECEIVER, "StatusPermanentError", "pods: 403").await, 200);
    assert_eq!(world.until(EXPORTER, "StatusPermanentError", "not you").await, 200);
}

#[tokio::test]
async fn what_has_stopped_says_so_while_others_still_do() {
    let mut world = World::start("", Answer::Hang).await;
    world.to_api.is_open.send_replace(true);
    while world.collector.received().is_empty() {
        world.until(RECEIVER, "StatusOK", "").await;
    }
    world.service.signal("TERM");
    assert_eq!(world.until(RECEIVER, "StatusStopped", "").await, 503);
    assert_eq!(world.until(EXPORTER, "StatusStopping", "").await, 503);
    // It would be waited for.
    world.service.signal("TERM");
    assert_eq!(world.service.ended().await, Some(1), "{}", world.service.said());
    drop(world.api);
}
