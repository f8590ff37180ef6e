//! The program as it runs for months: started, told to change, cut off, stopped.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::fs;

use opentelemetry_proto::tonic::common::v1::any_value::Value;
use serde_json::Value as Json;

use crate::support::fake_api::{FakeApi, Manner};
use crate::support::fake_collector::FakeCollector;
use crate::support::lines;
use crate::support::service::{Gate, Service, folder, free_address, until_answered};

const READY: &str = "Everything is ready";
const MANNER: Manner = Manner { has_watch_list: true, page: 500, bookmarks: 0, ahead: 0 };

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
    let api = FakeApi::start_live(&lines::recording("02-rolling-update"), MANNER, &[]).await;
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

#[tokio::test]
async fn sighup_reads_the_configuration_again_and_one_that_is_wrong_changes_nothing() {
    let api = FakeApi::start(&lines::recording("02-rolling-update"), MANNER, &[]).await;
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
    let api = FakeApi::start(&lines::recording("02-rolling-update"), MANNER, &[]).await;
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
async fn an_endpoint_that_does_not_answer_is_said_before_there_is_anything_to_send() {
    let api = FakeApi::start(&lines::recording("02-rolling-update"), MANNER, &[]).await;
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
    let api = FakeApi::start_live(&lines::recording("02-rolling-update"), MANNER, &[]).await;
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
