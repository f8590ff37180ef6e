//! The program that is told to read its configuration anew, while something else comes.

use std::fs;

use crate::support::fake_api::{FakeApi, Manner};
use crate::support::fake_collector::{Answer, FakeCollector};
use crate::support::lines;
use crate::support::service::{READY, Service, folder};

fn config(exporter: &str) -> String {
    let name = exporter.split(':').next().unwrap_or_default();
    format!(
        "receivers: {{k8s_lifecycle: {{auth_type: kubeConfig}}}}\n\
         exporters: {{{exporter}}}\n\
         service:\n  telemetry: {{metrics: {{level: none}}}}\n  \
         pipelines: {{traces: {{receivers: [k8s_lifecycle], exporters: [{name}]}}}}\n"
    )
}

#[tokio::test]
async fn while_it_ends_to_begin_anew_the_first_signal_that_ends_it_does_so_in_order() {
    let api =
        FakeApi::start_live(&lines::recording("02-rolling-update"), Manner::WATCH_LIST, &[]).await;
    let mut collector = FakeCollector::start([Answer::Hang]).await;
    let at = folder("signals");
    let address = &collector.address;
    let exporter =
        format!("otlp_grpc: {{endpoint: '{address}', timeout: 6s, tls: {{insecure: true}}}}");
    fs::write(at.join("c.yaml"), config(&exporter)).unwrap();
    let mut service = Service::start(at, &api.url, &["--config", "c.yaml"]);
    service.says(READY, 1).await;
    collector.next().await;
    service.signal("HUP");
    service.says("Starting shutdown...", 1).await;
    service.signal("HUP");
    service.says("SIGHUP", 2).await;
    service.signal("TERM");
    assert_eq!(service.ended().await, Some(0), "{}", service.said());
    let said = service.said();
    assert!(!said.contains("A second signal") && !said.contains("Config updated"), "{said}");
    assert!(said.contains("Shutdown complete."), "{said}");
}

/// As one does that has just begun, or while a token is changed.
#[tokio::test]
async fn an_api_server_that_accepts_nobody_for_a_moment_does_not_end_what_ran() {
    let api = FakeApi::start(&lines::recording("02-rolling-update"), Manner::WATCH_LIST, &[]).await;
    let at = folder("accepted");
    let file = at.join("c.yaml");
    fs::write(&file, config("otlphttp: {endpoint: 'http://127.0.0.1:9'}")).unwrap();
    let mut service = Service::start(at, &api.url, &["--config", "c.yaml"]);
    service.says(READY, 1).await;
    let warned = "otlp_http";
    service.says(warned, 1).await;
    let n_warned = service.said().matches(warned).count();
    api.weather.send_modify(|weather| weather.refuses = Some(("/version", 401)));
    service.signal("HUP");
    service.says("The new configuration cannot be applied", 1).await;
    service.says("The API server refuses; waiting for it", 1).await;
    assert!(service.said().matches(warned).count() > n_warned, "{}", service.said());
    api.weather.send_modify(|weather| weather.refuses = None);
    service.says(READY, 2).await;
    service.signal("TERM");
    assert_eq!(service.ended().await, Some(0), "{}", service.said());
}
