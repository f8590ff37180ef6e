//! What a configuration alone knows of is recorded and replayed with it.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::fake_api::{FakeApi, Manner};
use crate::support::lines::read;

/// A kind that no preset knows, and when it has settled.
const WIDGETS: &str = "yaml:receivers: {k8s_lifecycle: {auth_type: kubeConfig, objects: [{group: example.org, \
     name: widgets, version: v1, kind: Widget, settled_when: ['jsonpath={.status.phase}=Up']}]}}";
const REST: &str = "yaml:{exporters: {debug: }, service: {pipelines: {traces: {receivers: [k8s_lifecycle], exporters: [debug]}}}}";

/// A Widget is listed as it is, changes, and is up a quarter of a second later.
fn history() -> String {
    let line = |at: &str, kind: &str, version: u32, generation: u32, phase: &str| {
        let env = r#"{"name":"PASSWORD","value":"sesame"}"#;
        format!(
            r#"{{"at":"2026-11-20T11:10:{at}Z","resource":"widgets.example.org","type":"{kind}","object":{{"apiVersion":"example.org/v1","kind":"Widget","metadata":{{"name":"w","namespace":"default","uid":"6c1d3ab4-3f53-4a5c-9a17-5a4f6f2c0001","resourceVersion":"{version}","generation":{generation},"creationTimestamp":"2026-11-20T11:00:00Z"}},"spec":{{"size":{generation},"env":[{env}]}},"status":{{"observedGeneration":{generation},"phase":"{phase}"}}}}}}"#
        )
    };
    let done = r#"{"at":"2026-11-20T11:10:01Z","resource":"widgets.example.org","type":"LIST_DONE","object":{"metadata":{"resourceVersion":"10"}}}"#;
    [
        line("01", "LIST", 10, 1, "Up"),
        done.to_owned(),
        line("02", "MODIFIED", 11, 2, "Down"),
        line("02.25", "MODIFIED", 12, 2, "Up"),
        line("30", "MODIFIED", 13, 2, "Up"),
    ]
    .join("\n")
}

fn lifespan(arguments: &[&str], kubeconfig: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lifespan"))
        .args(arguments)
        .env("KUBECONFIG", kubeconfig)
        .output()
        .unwrap()
}

fn said(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

/// A path for this test alone.
fn path(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("lifespan-configured-{}-{name}", std::process::id()))
}

#[test]
fn a_kind_that_is_only_configured_is_replayed_with_its_configuration() {
    let recording = path("replayed.jsonl");
    fs::write(&recording, history()).unwrap();
    let file = recording.to_str().unwrap();
    let replay = |arguments: &[&str]| {
        let all = [&["replay"][..], arguments, &[file]].concat();
        let output = lifespan(&all, Path::new("/nonexistent"));
        assert!(output.status.success(), "{output:?}");
        output
    };
    let known = replay(&["--config", WIDGETS, "--config", REST]);
    let drawn = said(&known.stdout);
    assert!(drawn.contains("update Widget") && drawn.contains("250"), "{drawn}");
    let unknown = replay(&[]);
    assert!(said(&unknown.stdout).ends_with("not watched: widgets.example.org 4\n"), "{unknown:?}");
    fs::remove_file(recording).unwrap();
}

#[test]
fn record_and_replay_refuse_a_configuration_that_is_wrong_and_write_nothing() {
    let output = path("refused.jsonl");
    let file = output.to_str().unwrap();
    let wrong = "yaml:receivers: {k8s_lifecycle: {objcts: []}}";
    for command in [&["record", "-o", file][..], &["replay", "config/demo/rolling-update.jsonl.gz"]]
    {
        let all = [command, &["--config", wrong, "--config", REST]].concat();
        let refused = lifespan(&all, Path::new("/nonexistent"));
        assert_eq!(refused.status.code(), Some(1), "{refused:?}");
        assert!(said(&refused.stderr).contains("did you mean objects?"), "{refused:?}");
        assert!(refused.stdout.is_empty() && !output.exists(), "{refused:?}");
    }
    let several = "yaml:receivers: {k8s_lifecycle: {auth_type: kubeConfig, namespaces: [a, b]}}";
    let all = ["record", "-o", file, "--config", several, "--config", REST];
    let refused = lifespan(&all, Path::new("/nonexistent"));
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert_eq!(
        said(&refused.stderr),
        "lifespan: a recording is of one namespace or of all, the configuration names several\n"
    );
    assert!(!output.exists());
}

#[tokio::test]
async fn what_is_only_configured_is_recorded_and_no_value_of_its_env() {
    let (kubeconfig, recording) = (path("kubeconfig"), path("recorded.jsonl"));
    let manner = Manner { has_watch_list: true, ..Manner::default() };
    let server = FakeApi::start(&read(&history()), manner, &[]).await;
    let text = fs::read_to_string("tests/objects/kubeconfig.yaml").unwrap();
    fs::write(&kubeconfig, text.replace("http://127.0.0.1:1", &server.url)).unwrap();
    let file = recording.to_str().unwrap().to_owned();
    let output = tokio::task::spawn_blocking({
        let kubeconfig = kubeconfig.clone();
        move || {
            let all = ["record", "--for", "1s", "-o", &file, "--config", WIDGETS, "--config", REST];
            lifespan(&all, &kubeconfig)
        }
    })
    .await
    .unwrap();
    assert!(output.status.success(), "{output:?}");
    let written = fs::read_to_string(&recording).unwrap();
    assert!(!written.contains("sesame"), "{written}");
    let lines = read(&written);
    let told: Vec<_> = lines.iter().map(|line| (&*line.resource, line.kind)).collect();
    use crate::support::lines::Type::{List, ListDone, Modified};
    let widgets = |kind| ("widgets.example.org", kind);
    assert_eq!(told, [List, ListDone, Modified, Modified, Modified].map(widgets), "{written}");
    fs::remove_file(recording).unwrap();
    fs::remove_file(kubeconfig).unwrap();
}
