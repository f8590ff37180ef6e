//! Configurations at the binary: what is read, from where, what is refused, what is shown.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::support::service::folder;

const GOOD: &str = "\
receivers: {k8s_lifecycle: {auth_type: kubeConfig}}
exporters: {otlp_grpc: {endpoint: 'localhost:4317'}}
service: {pipelines: {traces: {receivers: [k8s_lifecycle], exporters: [otlp_grpc]}}}
";

fn lifespan(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lifespan"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

/// Exit status and both outputs.
fn said(output: &Output) -> (Option<i32>, String) {
    let text = [&*output.stdout, &*output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

fn shown(folder: &Path, arguments: &[&str]) -> String {
    let output = lifespan(folder, &[&["print-config"], arguments].concat());
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn what_is_shown_means_the_same_when_it_is_read_again_and_hides_only_secrets() {
    let folder = folder("shown");
    let text = "\
exporters:
  otlp_grpc: {headers: [{name: authorization, value: sesame}], user_agent: 'a$${env:HOME}$$b'}
  otlp_http: {traces_endpoint: 'https://host/v1/traces?api_key=sesame&dataset=web'}
service:
  telemetry:
    resource: {service.name: mine, note: 'costs 5$$, \"a\\b\"\u{2028}é'}
";
    fs::write(folder.join("good.yaml"), GOOD).unwrap();
    fs::write(folder.join("over.yaml"), text).unwrap();
    let both = ["--config", "good.yaml", "--config", "over.yaml"];
    let plain = shown(&folder, &[&both[..], &["--mode", "unredacted"]].concat());
    let hidden = shown(&folder, &both);
    let differs: Vec<_> =
        plain.lines().zip(hidden.lines()).filter(|(one, other)| one != other).collect();
    assert_eq!(
        differs,
        [
            (
                "    headers: {authorization: sesame}",
                "    headers: {authorization: \"[REDACTED]\"}"
            ),
            (
                "    traces_endpoint: \"https://host/v1/traces?api_key=sesame&dataset=web\"",
                "    traces_endpoint: \"https://host/v1/traces?api_key=REDACTED&dataset=web\""
            ),
        ]
    );
    fs::write(folder.join("plain.yaml"), &plain).unwrap();
    let json = ["--config", "plain.yaml", "--mode", "unredacted", "--format", "json"];
    fs::write(folder.join("plain.json"), shown(&folder, &json)).unwrap();
    for again in ["plain.yaml", "plain.json"] {
        assert_eq!(shown(&folder, &["--config", again, "--mode", "unredacted"]), plain, "{again}");
    }
    assert!(plain.contains("user_agent: \"a$${env:HOME}$$b\""), "{plain}");
}

#[test]
fn a_secret_in_a_fault_is_not_told() {
    let folder = folder("told");
    fs::write(folder.join("good.yaml"), GOOD).unwrap();
    let set = "exporters::otlp_grpc::headers::x y=sesame";
    let (code, text) =
        said(&lifespan(&folder, &["validate", "--config", "good.yaml", "--set", set]));
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("header `x y`") && !text.contains("sesame"), "{text}");
    let set = "exporters::otlp_grpc::timeout={a: sesame}";
    let (code, text) =
        said(&lifespan(&folder, &["validate", "--config", "good.yaml", "--set", set]));
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("--set exporters::otlp_grpc::timeout") && !text.contains("sesame"),
        "{text}"
    );
}

#[test]
fn gates_are_listed_and_switched_as_those_of_the_collector() {
    let folder = folder("gates");
    fs::write(folder.join("good.yaml"), GOOD).unwrap();
    let more = "yaml:{exporters: {debug: }, service: {pipelines: {traces: {exporters: [debug]}}}}";
    let with = |gates: &str| {
        let base = ["--config", "good.yaml", "--config", more, "--feature-gates", gates];
        said(&lifespan(&folder, &[&["print-config"][..], &base].concat()))
    };
    let (code, text) = with("");
    assert!(code == Some(0) && text.contains("      exporters: [debug]\n"), "{text}");
    let (code, text) = with("+confmap.enableMergeAppendOption");
    assert!(code == Some(0) && text.contains("      exporters: [otlp_grpc, debug]\n"), "{text}");
    assert!(!text.contains("flush_timeout"), "{text}");
    let (code, text) =
        with("-confmap.enableMergeAppendOption,pkg.exporterhelper.queueBatchEnabled");
    assert!(code == Some(0) && text.contains("        flush_timeout: 200ms\n"), "{text}");
    let (code, text) = with("nope");
    assert_eq!(code, Some(1));
    assert!(
        text.starts_with(
            "--feature-gates nope: no such feature gate \"nope\". valid gates: [confmap."
        ),
        "{text}"
    );
    let (code, text) = said(&lifespan(&folder, &["featuregate"]));
    assert!(code == Some(0) && text.starts_with("ID  "), "{text}");
    let (code, text) =
        said(&lifespan(&folder, &["featuregate", "confmap.enableMergeAppendOption"]));
    assert!(code == Some(0) && text.contains("\nEnabled: false\nStage: Alpha\n"), "{text}");
    let (code, text) = said(&lifespan(&folder, &["featuregate", "nope"]));
    assert_eq!((code, text.as_str()), (Some(1), "lifespan: feature \"nope\" not found\n"));
}

/// Answers each path with a status line, headers and a body, over and over.
async fn web(pages: &'static [(&'static str, &'static str)]) -> (String, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut server = JoinSet::new();
    server.spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap();
            let path = head.split(' ').nth(1).unwrap();
            let page = pages.iter().find(|(known, _)| *known == path);
            let answer = page.map_or("HTTP/1.1 404 Not Found\r\n\r\n", |(_, answer)| answer);
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    (address, server)
}

#[tokio::test]
async fn a_configuration_or_a_part_of_one_is_fetched_from_the_web() {
    const PAGES: &[(&str, &str)] = &[
        (
            "/c.yaml?token=sesame",
            "HTTP/1.1 302 Found\r\nlocation: /d.yaml\r\nconnection: close\r\n\r\n",
        ),
        (
            "/d.yaml",
            "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nreceivers: {k8s_lifecycle: {cluster_name: fetched}}\n",
        ),
        ("/time", "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n7s\n"),
    ];
    let (address, _server) = web(PAGES).await;
    let folder = folder("web");
    fs::write(folder.join("good.yaml"), GOOD).unwrap();
    let run = move |url: String, set: String| {
        let folder = folder.clone();
        tokio::task::spawn_blocking(move || {
            let all = ["print-config", "--config", "good.yaml", "--config", &url, "--set", &set];
            said(&lifespan(&folder, &all))
        })
    };
    let set = format!("receivers::k8s_lifecycle::stable_time=${{http://{address}/time}}");
    let url = format!("http://{address}/c.yaml?token=sesame");
    let (code, text) = run(url, set.clone()).await.unwrap();
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains("cluster_name: fetched\n") && text.contains("stable_time: 7s\n"),
        "{text}"
    );
    let (code, text) = run(format!("http://{address}/none?token=sesame"), set).await.unwrap();
    assert_eq!(code, Some(1));
    let expected =
        format!("http://{address}/none?token=REDACTED: cannot get it: HTTP 404 Not Found\n");
    assert!(text.starts_with(&expected), "{text}");
}

#[test]
fn health_has_the_keys_of_version_2_where_their_gate_is_open() {
    let folder = folder("health");
    fs::write(folder.join("good.yaml"), GOOD).unwrap();
    let with = |health: &str, gates: &str| {
        let more = format!(
            "yaml:{{extensions: {{health_check: {health}}}, service: {{extensions: [health_check]}}}}"
        );
        let base =
            ["validate", "--config", "good.yaml", "--config", &more, "--feature-gates", gates];
        said(&lifespan(&folder, &base)).1
    };
    let v2 = "{use_v2: true, http: {endpoint: 'localhost:1', status: {path: /s}}, component_health: {include_recoverable_errors: true, recovery_duration: 1m}}";
    let gate = "extension.healthcheck.useComponentStatus";
    assert_eq!(with(v2, gate), "");
    assert!(with(v2, "").contains("enable the feature gate with: --feature-gates=+extension"));
    assert!(
        with("{use_v2: true, http: {status: {enabled: false}}}", gate)
            .contains("at least one protocol")
    );
    assert!(
        with("{use_v2: true, grpc: {}, http: {config: {enabled: true}}}", gate)
            .contains("print-config shows it")
    );
}
