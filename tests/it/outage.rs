//! The program while its back end is away for longer than what waits has room.
//!
//! `LIFESPAN_ROLLOUTS=20000` has so many rollouts told meanwhile, and tells in figures what came of it.

#![expect(clippy::print_stderr, clippy::unwrap_used, reason = "figures are for a person")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use lifespan::facts::time::UnixNanos;
use lifespan::storage::{Settings, Storage};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use tokio::time::{Instant, sleep};

use crate::support::fake_api::{FakeApi, Manner};
use crate::support::fake_collector::{FakeCollector, Received, spans_of};
use crate::support::model::{self, Make, Plan};
use crate::support::service::{Gate, PATIENCE, Service, folder, free_address, until_answered};

/// What a process may have more in memory while it refuses than when its queue was full.
const MORE: u64 = 16 << 20;

const LOST: &str = "otelcol_k8s_lifecycle_exporter_lost_spans{";

/// Where `room` requests may wait.
fn config(collector: &str, store: &Path, metrics: &str, room: u64) -> String {
    let (store, port) = (store.display(), metrics.rsplit_once(':').unwrap().1);
    format!(
        "receivers: {{k8s_lifecycle: {{auth_type: kubeConfig, storage: file_storage}}}}\n\
         exporters: {{otlp_grpc: {{endpoint: '{collector}', tls: {{insecure: true}}, sending_queue: {{storage: file_storage, num_consumers: 1, sizer: requests, queue_size: {room}}}, retry_on_failure: {{initial_interval: 100ms, max_interval: 100ms}}}}}}\n\
         extensions: {{file_storage: {{directory: '{store}', create_directory: true}}}}\n\
         service:\n  extensions: [file_storage]\n  telemetry: {{metrics: {{readers: [{{pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: {port}}}}}}}}}]}}}}\n  \
         pipelines: {{traces: {{receivers: [k8s_lifecycle], exporters: [otlp_grpc]}}}}\n"
    )
}

/// The value of the first series that begins so and has `label`.
fn value(metrics: &str, name: &str, label: &str) -> u64 {
    let mut lines = metrics.lines().filter(|line| line.starts_with(name) && line.contains(label));
    lines.next().map_or(0, |line| line.rsplit_once(' ').unwrap().1.parse().unwrap())
}

/// What waits in a store, oldest first: the ids of the spans of each request.
fn waiting(store: &Path) -> Vec<Vec<Vec<u8>>> {
    let settings = Settings {
        directory: store.to_owned(),
        create_directory: false,
        directory_permissions: 0o750,
        timeout: Duration::ZERO,
        fsync: true,
        recreate: false,
    };
    let storage = Storage::open(&settings, UnixNanos::from_seconds(1)).unwrap();
    let mut ids = Vec::new();
    for (number, ..) in storage.waiting("otlp_grpc").unwrap().requests {
        let request = storage.request("otlp_grpc", number).unwrap().unwrap();
        let spans = spans_of([ExportTraceServiceRequest::decode(request.bytes).unwrap()]);
        ids.push(spans.into_iter().map(|span| span.span_id).collect());
    }
    ids
}

#[tokio::test]
async fn what_has_no_room_is_refused_and_counted_and_what_was_taken_arrives_oldest_first() {
    let rollouts = std::env::var("LIFESPAN_ROLLOUTS").map_or(100, |n| n.parse().unwrap());
    let plan = Plan {
        seed: 1,
        makes: &[Make::Deployment],
        actions: rollouts,
        steady: Some(3),
        deployments: 10,
        ends_namespace: false,
    };
    let manner = Manner::WATCH_LIST;
    let api = FakeApi::start(&model::run(plan).lines, manner, &[]).await;
    let mut collector = FakeCollector::start([]).await;
    let gate = Gate::start(&collector.address, false).await;
    let (at, store, metrics) = (folder("outage"), folder("store"), free_address().await);
    let (room, enough) = (u64::from(rollouts / 50), u64::from(rollouts / 4));
    let text = config(&gate.url, &store, &metrics, room);
    fs::write(at.join("c.yaml"), &text).unwrap();
    let mut service = Service::start(at, &api.url, &["--config", "c.yaml"]);
    let lost = |body: &str| value(body, LOST, "queue_full");
    until_answered(&metrics, "/metrics", |_, body| lost(body) > 0).await;
    let full = service.memory();
    let mut body = String::new();
    while lost(&body) <= enough {
        let before = lost(&body);
        body = until_answered(&metrics, "/metrics", |_, body| lost(body) > before).await;
    }
    let size = value(&body, "otelcol_exporter_queue_size{", "");
    assert!(size <= room && size > 0, "{size}");
    let memory = service.memory();
    assert!(memory < full + MORE, "{memory} and {full} when it was full");
    service.signal("TERM");
    assert_eq!(service.ended().await, Some(0), "{}", service.said());
    let said = service.said().matches("Rejecting data").count();
    assert_eq!(said, 1, "{}", service.said());
    let requests = waiting(&store);
    assert_eq!(requests.len() as u64, size);
    let expected = requests.concat();
    let bytes = fs::metadata(store.join("lifespan.store")).unwrap().len();
    eprintln!(
        "{rollouts} rollouts, {} spans wait in {bytes} bytes, {} refused, {full} bytes of memory when full, {memory} then",
        expected.len(),
        lost(&body)
    );
    gate.is_open.send_replace(true);
    let at = folder("back");
    fs::write(at.join("c.yaml"), &text).unwrap();
    let _service = Service::start(at, "http://127.0.0.1:9", &["--config", "c.yaml"]);
    let (began, mut arrived) = (Instant::now(), Vec::new());
    while arrived.len() < expected.len() {
        let received = collector.received();
        arrived.extend(received.iter().flat_map(Received::spans).map(|it| it.span_id.clone()));
        assert!(began.elapsed() < PATIENCE, "{} of {}", arrived.len(), expected.len());
        sleep(Duration::from_millis(20)).await;
    }
    assert!(arrived == expected, "oldest first, and each once");
    fs::remove_dir_all(store).unwrap();
}
