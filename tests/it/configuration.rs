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

/// What the Collector does by default, as far as it is another thing than what is done here, written out.
const DEFAULTS: &str = "\
receivers: {k8s_lifecycle: {include_initial_state: false}}
exporters:
  otlp_grpc:
    tls: {include_insecure_cipher_suites: false, cipher_suites: [], tpm: {enabled: false, path: ''}}
    read_buffer_size: 0
    write_buffer_size: 524288
    wait_for_ready: false
    balancer_name: round_robin
    authority: ''
    middlewares: []
    sending_queue: {wait_for_result: false, batch: {partition: {metadata_keys: []}}}
  otlp_http:
    endpoint: http://localhost:4318
    metrics_endpoint: ''
    cookies: {enabled: false}
    max_idle_conns: 100
    idle_conn_timeout: 1m30s
    disable_keep_alives: false
    compression_params: {level: -1}
  debug: {use_internal_logger: true, output_paths: [stdout], sending_queue: {enabled: false}}
  file: {path: x, append: true, flush_interval: 1s, group_by: {enabled: false}, rotation: }
extensions:
  file_storage:
    compaction: {on_start: false, on_rebound: false, directory: /tmp, check_interval: 5s, rebound_needed_threshold_mib: 100}
  health_check: {response_body: '', check_collector_pipeline: {enabled: false}}
service:
  telemetry:
    traces: {level: none}
    logs: {development: false, sampling: {enabled: true, tick: 10s, initial: 10, thereafter: 100}, output_paths: [stderr]}
  extensions: [health_check]
  pipelines: {traces: {receivers: [k8s_lifecycle], processors: [], exporters: [otlp_grpc, otlp_http, debug, file]}}
";

#[test]
fn what_the_collector_does_by_default_may_be_written_out_and_what_is_not_done_here_is_refused() {
    let folder = folder("defaults");
    fs::write(folder.join("good.yaml"), GOOD).unwrap();
    fs::write(folder.join("defaults.yaml"), DEFAULTS).unwrap();
    let base = ["validate", "--config", "good.yaml", "--config", "defaults.yaml"];
    assert_eq!(said(&lifespan(&folder, &base)), (Some(0), String::new()));
    for (key, value, instead) in [
        ("exporters::otlp_grpc::sending_queue::wait_for_result", "true", "the watches would wait"),
        ("exporters::otlp_grpc::wait_for_ready", "true", "a server that is away is tried again"),
        ("exporters::otlp_http::max_idle_conns", "10", "connections are kept for 90s"),
        ("exporters::file::append", "false", "requests are appended as they come"),
        ("extensions::file_storage::compaction", "{on_start: true}", "the file shrinks by itself"),
        ("service::telemetry::traces", "{level: detailed}", "makes no traces of itself"),
    ] {
        let set = format!("{key}={value}");
        let (code, text) = said(&lifespan(&folder, &[&base[..], &["--set", &set]].concat()));
        assert_eq!(code, Some(1), "{set}: {text}");
        assert!(text.contains(&format!("'{key}' is not supported: ")), "{set}: {text}");
        assert!(text.contains(instead), "{set}: {text}");
    }
}
