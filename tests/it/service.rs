//! The program as it runs for months: started, told to change, cut off, stopped.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::fs;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use prost::Message as _;
use serde_json::Value as Json;

use crate::support::fake_api::{FakeApi, Fault, Manner};
use crate::support::fake_collector::FakeCollector;
use crate::support::fake_http::FakeHttp;
use crate::support::lines;
use crate::support::service::{
    Gate, PATIENCE, READY, Service, folder, free_address, until_answered,
};

/// A configuration with pages and health at addresses of their own.
fn config(exporters: &str, health: &str, zpages: &str) -> String {
    let names = exporters.split(':').next().unwrap();
    format!(
        "receivers: {{k8s_lifecycle: {{auth_type: kubeConfig}}}}\n\
         exporters: {{{exporters}}}\n\
         extensions: {{health_check: {{endpoint: '{health}'}}, zpages: {{endpoint: '{zpages}'}}}}\n\
         service:\n  extensions: [health_check, zpages]\n  telemetry: {{metrics: {{level: none}}}}\n  \
         pipelines: {{traces: {{receivers: [k8s_lifecycle], exporters: [{names}]}}}}\n"
    )
}

#[tokio::test]
async fn a_rollout_that_has_settled_is_shown_at_once_and_not_lost_when_the_process_ends() {
    let api =
        FakeApi::start_live(&lines::recording("02-rolling-update"), Manner::WATCH_LIST, &[]).await;
    let mut collector = FakeCollector::start([]).await;
    let (health, zpages) = (free_address().await, free_address().await);
    let exporter =
        format!("otlp_grpc: {{endpoint: '{}', tls: {{insecure: true}}}}", collector.address);
    let folder = folder("hold");
    fs::write(folder.join("c.yaml"), config(&exporter, &health, &zpages)).unwrap();
    let mut service = Service::start(folder, &api.url, &["--config", "c.yaml"]);
    service.says(READY, 1).await;
    let page = "/debug/lifecyclez?format=json";
    let settled = until_answered(&zpages, page, |_, body| {
        let page: Json = serde_json::from_str(body).unwrap();
        page["settling"].as_array().is_some_and(|it| !it.is_empty())
    })
    .await;
    let settled: Json = serde_json::from_str(&settled).unwrap();
    let settled = &settled["settling"][0];
    assert_eq!(
        (&settled["name"], &settled["outcome"]),
        (&"update Deployment".into(), &"completed".into())
    );
    let html = until_answered(&zpages, "/debug/lifecyclez", |_, _| true).await;
    assert!(html.contains("1 settling") && html.contains("and settling"), "{html}");
    assert!(collector.received().is_empty(), "its hold is not over");
    service.signal("TERM");
    assert_eq!(service.ended().await, Some(0), "{}", service.said());
    let requests = collector.received();
    let groups = requests.iter().flat_map(|request| &request.body.resource_spans);
    let spans: Vec<_> = groups.flat_map(|it| &it.scope_spans).flat_map(|it| &it.spans).collect();
    let root = spans.iter().find(|span| span.parent_span_id.is_empty()).unwrap();
    let cut = root.attributes.iter().find(|it| it.key == "lifespan.hold.cut").unwrap();
    assert_eq!(cut.value.as_ref().unwrap().value, Some(Value::BoolValue(true)));
    let said = service.said();
    let last = said.lines().last().unwrap();
    assert!(last.contains(r#""open_transitions":0"#), "{last}");
    assert!(last.contains(r#""settling_transitions_released":1"#), "{last}");
    assert!(last.contains(r#""lost_spans":0"#), "{last}");
}

/// Killed, and not told to end: what was told of a rollout and not delivered is sent by the next one,
/// though its API server is away.
#[tokio::test]
async fn a_process_that_is_killed_leaves_what_waits_to_the_next_one() {
    let api =
        FakeApi::start_live(&lines::recording("02-rolling-update"), Manner::WATCH_LIST, &[]).await;
    let mut collector = FakeCollector::start([]).await;
    let gate = Gate::start(&collector.address, false).await;
    let health = free_address().await;
    let text = format!(
        "receivers: {{k8s_lifecycle: {{auth_type: kubeConfig, stable_time: 1s}}}}\n\
         exporters: {{otlp_grpc: {{endpoint: '{}', tls: {{insecure: true}}, sending_queue: {{storage: file_storage}}, retry_on_failure: {{initial_interval: 100ms, max_interval: 100ms}}}}}}\n\
         extensions: {{file_storage: {{directory: store, create_directory: true}}}}\n\
         service:\n  extensions: [file_storage]\n  telemetry: {{metrics: {{readers: [{{pull: {{exporter: {{prometheus: {{host: 127.0.0.1, port: {}}}}}}}}}]}}}}\n  \
         pipelines: {{traces: {{receivers: [k8s_lifecycle], exporters: [otlp_grpc]}}}}\n",
        gate.url,
        health.rsplit_once(':').unwrap().1,
    );
    let at = folder("killed");
    fs::write(at.join("c.yaml"), &text).unwrap();
    let mut service = Service::start(at.clone(), &api.url, &["--config", "c.yaml"]);
    let is_stored = |_, body: &str| {
        let line = body.lines().find(|it| it.starts_with("otelcol_exporter_queue_size{"));
        line.is_some_and(|line| !line.ends_with(" 0"))
            && body.lines().any(|it| {
                it.starts_with("otelcol_k8s_lifecycle_storage_commits{") && !it.ends_with(" 0")
            })
    };
    until_answered(&health, "/metrics", is_stored).await;
    let mut held = std::process::Command::new(env!("CARGO_BIN_EXE_lifespan"));
    let held = held.args(["storage", "-o", "json", "store"]).current_dir(&at).output().unwrap();
    let held: Json = serde_json::from_slice(&held.stdout).unwrap();
    assert_eq!(held["queues"][0]["exporter"], "otlp_grpc", "{held}");
    assert!(held["queues"][0]["spans"].as_u64().unwrap() > 0, "{held}");
    service.signal("KILL");
    assert_eq!(service.ended().await, None);
    let next = folder("next");
    fs::rename(at.join("store"), next.join("store")).unwrap();
    fs::write(next.join("c.yaml"), &text).unwrap();
    let mut service = Service::start(next, "http://127.0.0.1:9", &["--config", "c.yaml"]);
    service.says("Sending what waits in the storage", 1).await;
    gate.is_open.send_replace(true);
    let (mut n, wanted) = (0, held["queues"][0]["spans"].as_u64().unwrap());
    let arrives = async {
        while n < wanted {
            n += collector.received().iter().map(|it| it.n_spans() as u64).sum::<u64>();
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, arrives).await.expect("what was stored arrives");
    service.signal("TERM");
    service.ended().await;
    assert!(!service.said().contains("set aside"), "{}", service.said());
}

#[tokio::test]
async fn sighup_reads_the_configuration_again_and_one_that_is_wrong_changes_nothing() {
    let api = FakeApi::start(&lines::recording("02-rolling-update"), Manner::WATCH_LIST, &[]).await;
    let (health, zpages, other) =
        (free_address().await, free_address().await, free_address().await);
    let folder = folder("reload");
    let file = folder.join("c.yaml");
    fs::write(&file, config("debug: {verbosity: basic}", &health, &zpages)).unwrap();
    let mut service = Service::start(folder, &api.url, &["--config", "c.yaml"]);
    service.says(READY, 1).await;
    until_answered(&health, "/", |status, _| status == 200).await;

    fs::write(&file, config("nosuch: {}", &health, &zpages)).unwrap();
    service.signal("HUP");
    service.says("The new configuration cannot be applied", 1).await;
    until_answered(&health, "/", |status, _| status == 200).await;

    fs::write(&file, config("debug: {verbosity: basic}", &other, &zpages)).unwrap();
    service.signal("HUP");
    service.says(READY, 2).await;
    until_answered(&other, "/", |status, _| status == 200).await;
    assert!(crate::support::service::get(&health, "/").await.is_none(), "it has moved");

    // What can be read and cannot be applied: somebody listens there.
    let taken = tokio::net::TcpListener::bind(&health).await.unwrap();
    fs::write(&file, config("debug: {verbosity: basic}", &health, &zpages)).unwrap();
    service.signal("HUP");
    service.says("The new configuration cannot be applied", 2).await;
    service.says(READY, 3).await;
    until_answered(&other, "/", |status, _| status == 200).await;
    drop(taken);
    service.signal("TERM");
    assert_eq!(service.ended().await, Some(0), "{}", service.said());
}

#[tokio::test]
async fn an_api_server_that_is_away_is_waited_for_and_told_in_one_line_each_way() {
    let api = FakeApi::start(&lines::recording("02-rolling-update"), Manner::WATCH_LIST, &[]).await;
    let gate = Gate::start(&api.url, false).await;
    let (health, zpages) = (free_address().await, free_address().await);
    let folder = folder("away");
    fs::write(folder.join("c.yaml"), config("debug: {verbosity: basic}", &health, &zpages))
        .unwrap();
    let mut service = Service::start(folder, &gate.url, &["--config", "c.yaml"]);
    service.says("The API server does not answer; waiting for it", 1).await;
    let body = until_answered(&health, "/", |status, _| status == 503).await;
    assert!(body.contains("the API server: "), "{body}");
    gate.is_open.send_replace(true);
    service.says(READY, 1).await;
    until_answered(&health, "/", |status, _| status == 200).await;
    until_answered(&health, "/livez", |status, _| status == 200).await;

    gate.is_open.send_replace(false);
    let (gone, back) =
        ("The API server does not answer; trying again", "The API server answers again");
    service.says(gone, 1).await;
    until_answered(&health, "/", |_, body| body.contains("is tried again")).await;
    gate.is_open.send_replace(true);
    service.says(back, 1).await;
    until_answered(&health, "/", |_, body| {
        !body.contains("is tried again") && !body.contains("EOF")
    })
    .await;
    let said = service.said();
    assert_eq!((said.matches(gone).count(), said.matches(back).count()), (1, 1), "{said}");
    // One kind is not served here, which is told; nothing else is.
    let others = said.lines().filter(|line| line.contains("Cannot list or watch"));
    assert!(others.clone().all(|line| line.contains("404")), "{said}");
    service.signal("TERM");
    assert_eq!(service.ended().await, Some(0), "{}", service.said());
}

#[tokio::test]
async fn each_lane_that_is_asked_to_wait_says_how_long_and_a_server_that_is_too_busy_is_there() {
    let refuse = |resource, code| (resource, vec![Fault::Refuse(code, Some(2))]);
    let faults = [refuse("deployments.apps", 503), refuse("pods", 503), refuse("events", 429)];
    let api =
        FakeApi::start(&lines::recording("02-rolling-update"), Manner::WATCH_LIST, &faults).await;
    let (health, zpages) = (free_address().await, free_address().await);
    let folder = folder("busy");
    fs::write(folder.join("c.yaml"), config("debug: {verbosity: basic}", &health, &zpages))
        .unwrap();
    let mut service = Service::start(folder, &api.url, &["--config", "c.yaml"]);
    until_answered(&health, "/", |status, body| status == 200 && !body.contains("tried again"))
        .await;
    let said = service.said();
    let told = |what: &str| {
        let lines: Vec<_> = said.lines().filter(|line| line.contains(what)).collect();
        assert!(lines.iter().all(|line| line.contains(r#""wait":"2s""#)), "{said}");
        let of = |resource: &str| lines.iter().any(|line| line.contains(resource));
        ["deployments.apps", "pods", "events"].map(of)
    };
    assert_eq!(told("The API server does not answer; trying again"), [true, false, false]);
    assert_eq!(told("The API server asks to wait; trying again"), [false, true, false]);
    assert_eq!(told("The API server is too busy; trying again"), [false, false, true]);
    service.signal("TERM");
    assert_eq!(service.ended().await, Some(0), "{}", service.said());
}

#[tokio::test]
async fn a_trace_context_that_cannot_be_read_is_told_once_and_counted_on_every_version() {
    let mut lines = lines::recording("02-rolling-update");
    for line in lines.iter_mut().filter(|line| &*line.resource == "pods") {
        let mut object: Json = serde_json::from_str(&line.object).unwrap();
        if object["metadata"]["uid"].is_string() {
            object["metadata"]["annotations"]["traceparent"] = "00-nothing".into();
            line.object = object.to_string();
        }
    }
    let api = FakeApi::start(&lines, Manner::WATCH_LIST, &[]).await;
    let (health, zpages) = (free_address().await, free_address().await);
    let folder = folder("flaw");
    fs::write(folder.join("c.yaml"), config("debug: {verbosity: basic}", &health, &zpages))
        .unwrap();
    let mut service = Service::start(folder, &api.url, &["--config", "c.yaml"]);
    until_answered(&zpages, "/debug/watchz?format=json", |_, body| {
        let page: Json = serde_json::from_str(body).unwrap();
        let pods = page["watches"].as_array().into_iter().flatten();
        let mut pods = pods.filter(|it| it["resource"] == "pods");
        pods.any(|it| it["refused_stamps"].as_u64() > Some(20))
    })
    .await;
    let said = service.said();
    assert_eq!(said.matches("Cannot read an object or its trace context").count(), 1, "{said}");
    service.signal("TERM");
    assert_eq!(service.ended().await, Some(0), "{}", service.said());
}

#[tokio::test]
async fn an_endpoint_that_does_not_answer_is_said_before_there_is_anything_to_send() {
    let api = FakeApi::start(&lines::recording("02-rolling-update"), Manner::WATCH_LIST, &[]).await;
    let (health, zpages, nowhere) =
        (free_address().await, free_address().await, free_address().await);
    let exporter = format!("otlp_grpc: {{endpoint: '{nowhere}', tls: {{insecure: true}}}}");
    let folder = folder("nowhere");
    fs::write(folder.join("c.yaml"), config(&exporter, &health, &zpages)).unwrap();
    let mut service = Service::start(folder, &api.url, &["--config", "c.yaml"]);
    service.says("The endpoint does not answer", 1).await;
    let body =
        until_answered(&health, "/", |status, body| status == 200 && body.contains("otlp_grpc: "))
            .await;
    assert!(body.contains("is a collector listening there?"), "{body}");
}

#[tokio::test]
async fn a_person_sees_what_settles_and_learns_what_was_not_sent_and_a_vanished_terminal_ends_it() {
    let api =
        FakeApi::start_live(&lines::recording("02-rolling-update"), Manner::WATCH_LIST, &[]).await;
    let nowhere = free_address().await;
    let mut service = Service::start(folder("live"), &api.url, &["-A", "--endpoint", &nowhere]);
    service.says(&format!("spans for {nowhere}: "), 1).await;
    service.until("settling", |it| it.shown().contains("settling: shown as it is now")).await;
    assert!(service.shown().contains("update Deployment"), "{}", service.shown());
    service.signal("HUP");
    assert_eq!(service.ended().await, Some(1), "not everything was sent: {}", service.said());
    let shown = service.shown();
    let last = shown.lines().last().unwrap();
    assert!(last.contains("1 settled so late that whether it lasted is not known"), "{last}");
    assert!(last.contains(&format!("0 sent to {nowhere}, ")) && last.contains(" not: "), "{last}");
}

#[tokio::test]
async fn metrics_are_sent_at_intervals_and_once_more_at_the_end() {
    let api = FakeApi::start(&lines::recording("02-rolling-update"), Manner::WATCH_LIST, &[]).await;
    let server = FakeHttp::start([]).await;
    let endpoint = server.url.replace("/v1/traces", "/v1/metrics");
    let folder = folder("pushed");
    let text = format!(
        "receivers: {{k8s_lifecycle: {{auth_type: kubeConfig}}}}\n\
         exporters: {{debug: }}\n\
         service:\n  telemetry:\n    resource: {{k8s.pod.name: p}}\n    metrics:\n      readers:\n\
         \x20     - periodic:\n          interval: 50\n          exporter:\n            otlp: \
         {{protocol: http/protobuf, endpoint: '{endpoint}', compression: gzip, headers: [{{name: x-key, value: sesame}}]}}\n  \
         pipelines: {{traces: {{receivers: [k8s_lifecycle], exporters: [debug]}}}}\n"
    );
    fs::write(folder.join("c.yaml"), text).unwrap();
    let mut service = Service::start(folder, &api.url, &["--config", "c.yaml"]);
    service.says(READY, 1).await;
    let first = server.received().await.len();
    let began = tokio::time::Instant::now();
    while server.received().await.len() < first + 2 {
        assert!(began.elapsed().as_secs() < 60, "{}", service.said());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    service.signal("TERM");
    assert_eq!(service.ended().await, Some(0), "{}", service.said());
    let last = server.received().await.pop().unwrap();
    assert_eq!(
        (last.path.as_str(), last.headers.get("x-key").unwrap().as_bytes()),
        ("/v1/metrics", &b"sesame"[..])
    );
    let request = ExportMetricsServiceRequest::decode(&*last.plain()).unwrap();
    let resource = &request.resource_metrics[0];
    let attributes = &resource.resource.as_ref().unwrap().attributes;
    assert!(attributes.iter().any(|it| it.key == "k8s.pod.name"), "{attributes:?}");
    let metrics = &resource.scope_metrics[0].metrics;
    assert!(metrics.iter().any(|it| it.name == "otelcol_k8s_lifecycle_objects"), "{metrics:?}");
    assert!(!service.said().contains("Metrics cannot be sent"), "{}", service.said());
}

#[tokio::test]
async fn the_status_of_each_component_is_told_and_what_lasts_makes_it_unhealthy() {
    let api = FakeApi::start(&lines::recording("02-rolling-update"), Manner::WATCH_LIST, &[]).await;
    let (health, nowhere) = (free_address().await, free_address().await);
    let text = format!(
        "receivers: {{k8s_lifecycle: {{auth_type: kubeConfig}}}}\n\
         exporters: {{otlp_grpc: {{endpoint: '{nowhere}', tls: {{insecure: true}}}}}}\n\
         extensions: {{health_check: {{use_v2: true, http: {{endpoint: '{health}'}}, \
         component_health: {{include_recoverable_errors: true}}}}}}\n\
         service:\n  extensions: [health_check]\n  telemetry: {{metrics: {{level: none}}}}\n  \
         pipelines: {{traces: {{receivers: [k8s_lifecycle], exporters: [otlp_grpc]}}}}\n"
    );
    let folder = folder("status");
    fs::write(folder.join("c.yaml"), text).unwrap();
    let gate = "extension.healthcheck.useComponentStatus";
    let arguments = ["--config", "c.yaml", "--feature-gates", gate];
    let mut service = Service::start(folder, &api.url, &arguments);
    service.says("The endpoint does not answer", 1).await;
    let body = until_answered(&health, "/status?verbose", |status, _| status == 500).await;
    let body: Json = serde_json::from_str(&body).unwrap();
    let parts = &body["components"]["pipeline:traces"]["components"];
    assert_eq!(parts["exporter:otlp_grpc"]["status"], "StatusRecoverableError", "{body}");
    until_answered(&health, "/status?pipeline=logs", |status, _| status == 404).await;
}
