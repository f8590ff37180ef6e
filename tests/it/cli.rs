//! The binary as a person meets it: what it says, where, and with which exit code.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use expect_test::{Expect, expect};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

use crate::support::fake_collector::{Answer, FakeCollector, Received};

const DEMO: &str = "config/demo/rolling-update.jsonl.gz";

#[test]
fn without_a_cluster_a_person_is_told_what_to_do() {
    for arguments in [&[][..], &["record"], &["--endpoint", "localhost:4317"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_lifespan"))
            .args(arguments)
            .env_remove("KUBECONFIG")
            .env("HOME", "/nonexistent")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert_eq!(
            text(&output.stderr),
            "lifespan: no cluster to watch: there is no kubeconfig, and this is not inside a \
             cluster; set KUBECONFIG or name a file with --kubeconfig\n"
        );
    }
}

#[test]
fn a_cluster_that_does_not_answer_is_named() {
    let output = lifespan(&["--kubeconfig", "tests/objects/kubeconfig.yaml"], "");
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = text(&output.stderr);
    assert!(
        said.starts_with("lifespan: the API server at http://127.0.0.1:1/ cannot be reached: "),
        "{said}"
    );
    assert_eq!(said.lines().count(), 1, "{said}");
    let output = lifespan(&["--kubeconfig", "tests/objects/kubeconfig.yaml", "--context", "x"], "");
    let said = text(&output.stderr);
    assert!(said.starts_with("lifespan: the kubeconfig cannot be used: "), "{said}");
    let output = run(&[], b"", &[("KUBECONFIG", "/nonexistent/config")]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("lifespan: the kubeconfig cannot be used: "), "{said}");
    assert!(said.contains("/nonexistent/config") && !said.contains("in-cluster"), "{said}");
}

#[test]
fn a_good_configuration_is_validated_in_silence() {
    let output = lifespan(&["validate", "--config", "config/lifespan.yaml"], "");
    assert!(
        output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(),
        "{output:?}"
    );
}

#[test]
fn a_bad_configuration_ends_every_command_that_reads_it_with_1() {
    let set = ["--set", "exporters.otlp_grpc.timeut=5s"];
    for command in [&["validate"][..], &["print-config"], &["rbac"], &[]] {
        let mut arguments = command.to_vec();
        arguments.extend(["--config", "config/lifespan.yaml"]);
        arguments.extend(set);
        let output = lifespan(&arguments, "");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert_eq!(
            text(&output.stderr),
            "--set exporters.otlp_grpc.timeut: 'exporters::otlp_grpc' has invalid keys: timeut; \
             did you mean timeout?\nlifespan: invalid configuration: 1 fault\n"
        );
    }
    let output = lifespan(&["validate"], "");
    assert!(
        text(&output.stderr).contains("at least one config flag must be provided"),
        "{output:?}"
    );
}

#[test]
fn the_effective_configuration_is_printed_with_its_defaults() {
    let yaml = "yaml:{receivers: {k8s_lifecycle: }, exporters: {debug: }, service: {pipelines: {traces: {receivers: [k8s_lifecycle], exporters: [debug]}}}}";
    let output = lifespan(
        &["print-config", "--config", yaml, "--set", "receivers.k8s_lifecycle.page_size=7"],
        "",
    );
    let said = text(&output.stdout);
    assert!(
        said.contains("    page_size: 7\n") && said.contains("    stable_time: 10s\n"),
        "{said}"
    );
    let output = lifespan(&["print-config", "--format", "json", "--config", yaml], "");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json.pointer("/exporters/debug/verbosity").unwrap(), "basic");
}

#[test]
fn components_and_permissions_are_listed() {
    let said = lifespan(&["components"], "");
    for name in
        ["k8s_lifecycle", "otlp_grpc", "otlp_http", "debug", "file", "health_check", "zpages"]
    {
        assert!(text(&said.stdout).contains(&format!("- name: {name}\n")), "{name}");
    }
    let said = lifespan(&["rbac", "--namespace", "elsewhere"], "");
    assert!(text(&said.stdout).contains("namespace: elsewhere"), "{said:?}");
}

#[test]
fn a_kind_is_explained_with_its_rule_and_the_word_that_decides_on_an_object() {
    let said = |arguments: &[&str], input: &str| {
        let output = lifespan(&[&["explain"][..], arguments].concat(), input);
        assert!(output.status.success(), "{output:?}");
        text(&output.stdout)
    };
    let rollout = fs::read_to_string("tests/objects/rollout_paused.json").unwrap();
    expect![[r#"
        rollouts.argoproj.io: a preset, mode rollout
          settled when: jsonpath={.status.phase}=Healthy
          failed when: jsonpath={.status.phase}=Degraded
          waiting when: jsonpath={.status.phase}=Paused
          goal fields: paused, replicas, suspend
          progress: {.status.currentStepIndex}
        Rollout default/ar, generation 4: waiting: Paused
          because jsonpath={.status.phase}=Paused holds: status.phase is "Paused"
          its status is about generation 4
          it wants 4 Pods or the like
    "#]]
    .assert_eq(&said(&["Rollout", "-f", "-"], &rollout));
    let widget = "kind: Widget\nmetadata: {name: left, namespace: shop, generation: 2}\n\
                  spec: {replicas: 2}\nstatus:\n  conditions:\n  - {type: Synced, status: 'False', \
                  reason: ApplyError, observedGeneration: 2}\n";
    expect![[r#"
        widgets.example.com: neither configured nor a preset, mode rollout
          settled when: by convention: Ready (else Available, else Healthy) is True, and no condition, word or number says otherwise
          failed when: by convention: a condition, reason or word says so
          waiting when: by convention: paused, suspended, held
          goal fields: paused, replicas, suspend
        Widget shop/left, generation 2: failed: ApplyError
          because condition Synced is False, reason ApplyError
          its status is about generation 2
          it wants 2 Pods or the like
    "#]]
    .assert_eq(&said(&["widgets.example.com", "-f", "-"], widget));
    let deployment = fs::read_to_string("tests/objects/deployment.json").unwrap();
    expect![[r#"
        deployments.apps: built in
          settled when: its controller has observed the generation, and updated = replicas = available = wanted; failed: Progressing is False for ProgressDeadlineExceeded
        Deployment default/web, generation 2: in progress
          because it wants 3, and has 4 replicas, 2 updated, 3 ready, 3 available
          its status is about generation 2
    "#]]
    .assert_eq(&said(&["deployments", "-f", "-"], &deployment));
    expect![[r#"
        cronjobs.batch: built in
          settled when: at once: its Jobs are traces of their own
    "#]]
    .assert_eq(&said(&["cronjobs"], ""));
    fails(
        &["explain", "widgets"],
        "",
        &expect![[r#"
            lifespan: widgets is not known: name it as RESOURCE.GROUP, such as widgets.example.com
        "#]],
    );
}

#[test]
fn wrong_usage_ends_with_2() {
    for arguments in [
        &["replay"][..],
        &["relpay", DEMO],
        &["replay", "--trace", "xyz", DEMO],
        &["replay", "--slower-than", "5", DEMO],
        &["replay", "--format", "xml", DEMO],
        &["replay", "--output", "xml", DEMO],
        &["replay", "--endpoint", "localhost", DEMO],
        &["replay", "--insecure", DEMO],
        &["replay", "-", "-"],
    ] {
        let output = lifespan(arguments, "");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty() && !output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn a_file_that_cannot_be_used_is_told_in_one_sentence_and_ends_with_1() {
    fails(
        &["replay", "no-such-file.jsonl"],
        "",
        &expect![[r#"
        lifespan: cannot open no-such-file.jsonl: No such file or directory (os error 2)
    "#]],
    );
    fails(
        &["replay", "src"],
        "",
        &expect![[r#"
        lifespan: cannot open src: Is a directory (os error 21)
    "#]],
    );
    fails(
        &["replay", "-"],
        "",
        &expect![[r#"
        lifespan: standard input is empty
    "#]],
    );
    fails(
        &["replay", "LICENSE"],
        "",
        &expect![[r#"
            lifespan: LICENSE is not a recording: line 2: expected a JSON object with `at`, `resource`, `type` and `object`, found `                                 Apache …`
        "#]],
    );
    fails(
        &["replay", "-"],
        "{\"kind\":\"Pod\"}\n",
        &expect![[r#"
            lifespan: standard input is not a recording: line 1: expected a JSON object with `at`, `resource`, `type` and `object`, found missing field `at` at column 14
        "#]],
    );
    fails(
        &["replay", "-"],
        &"\u{1}".repeat(1 << 10),
        &expect![[r#"
            lifespan: standard input is not a recording: line 1: expected a JSON object with `at`, `resource`, `type` and `object`, found `����������������������������������������…`
        "#]],
    );
}

#[test]
fn a_gzip_stream_that_is_no_recording_or_has_no_data_is_told() {
    let file = File::new("not-a-recording.gz", &packed("hello\n"));
    fails(
        &["replay", &file.path()],
        "",
        &expect![[r#"
            lifespan: FILE is not a recording: line 1: expected a JSON object with `at`, `resource`, `type` and `object`, found `hello`
        "#]],
    );
    let file = File::new("stump.gz", &packed("hello\n")[..12]);
    fails(
        &["replay", &file.path()],
        "",
        &expect![[r#"
        lifespan: FILE: the gzip stream is cut before its first line
    "#]],
    );
}

#[test]
fn one_file_that_cannot_be_used_does_not_hide_the_others() {
    let output = lifespan(&["replay", "no-such-file.jsonl", DEMO], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("144 lines"), "{output:?}");
}

#[test]
fn what_stands_before_a_cut_is_used_and_the_cut_is_told() {
    let whole = fs::read(DEMO).unwrap();
    let file = File::new("cut.jsonl.gz", &whole[..whole.len() / 2]);
    let output = lifespan(&["replay", &file.path()], "");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let said = text(&output.stderr).replace(&file.path(), "FILE");
    expect![[r#"
        FILE: the gzip stream is cut; what stands before that was read
    "#]]
    .assert_eq(&said);
    assert!(text(&output.stdout).contains("cut files: 1"), "{output:?}");

    let output = lifespan(&["replay", "-"], &format!("{LINE}\n{}", LINE.split_at(60).0));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    expect![[r#"
        standard input: line 2 is cut; what stands before that was read
    "#]]
    .assert_eq(&text(&output.stderr));
}

#[test]
fn a_bad_line_is_told_by_its_place_and_the_rest_is_read() {
    let input = format!("nonsense\n{LINE}\n{{\"at\":\"noon\"}}\n\n{LINE}\n");
    let output = lifespan(&["replay", "-"], &input);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    expect![[r#"
        standard input:1: expected a JSON object with `at`, `resource`, `type` and `object`, found `nonsense`
        standard input:3: expected a JSON object with `at`, `resource`, `type` and `object`, found missing field `resource` at column 13
    "#]].assert_eq(&text(&output.stderr));
    expect![[r#"
        0 traces · 0 spans · 0 objects at the end · 4 lines · malformed lines: 2
    "#]]
    .assert_eq(&text(&output.stdout));
}

#[test]
fn of_many_bad_lines_twenty_are_told_and_the_rest_is_counted() {
    let input = format!("{LINE}\n{}", "nonsense\n".repeat(1_000));
    let output = lifespan(&["replay", "-"], &input);
    assert_eq!(text(&output.stderr).lines().count(), 21);
    assert!(text(&output.stderr).ends_with("and 980 more\n"), "{output:?}");
    assert!(text(&output.stdout).contains("malformed lines: 1000"), "{output:?}");
}

#[test]
fn every_recorded_cluster_is_read_without_a_complaint() {
    let folder = fs::read_dir("tests/golden/recordings").unwrap();
    let files = folder.map(|entry| entry.unwrap().path());
    let files: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|it| it == "gz")).collect();
    assert_eq!(files.len(), 33);
    for file in files {
        let (name, known) =
            (file.to_str().unwrap(), file.with_extension("").with_extension("yaml"));
        let configured = known.to_str().unwrap();
        let arguments = ["replay", "--config", configured, name];
        let arguments = if known.exists() { &arguments[..] } else { &["replay", name] };
        let output = lifespan(arguments, "");
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    }
}

#[test]
fn an_object_that_cannot_be_tracked_is_told_with_its_name_and_key() {
    let pod = r#"{"metadata":{"name":"web-1","namespace":"default","uid":7}}"#;
    let line = LINE.replace("LIST_DONE", "ADDED");
    let line = line.replace(r#"{"metadata":{"resourceVersion":"879"}}"#, pod);
    let output = lifespan(&["replay", "-"], &format!("{line}\n{LINE}\n"));
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    expect![[r#"
        standard input:1: Pod default/web-1: metadata.uid is a number: a string is expected
    "#]]
    .assert_eq(&text(&output.stderr));
    assert!(text(&output.stdout).contains("malformed objects: 1"), "{output:?}");
}

#[test]
fn json_leaves_standard_output_to_the_documents() {
    let output = lifespan(&["replay", "-o", "json", DEMO], "");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    for line in text(&output.stdout).lines() {
        let document: serde_json::Value = serde_json::from_str(line).unwrap();
        assert!(document.get("resourceSpans").is_some(), "{line}");
    }
    assert!(text(&output.stderr).ends_with("144 lines\n"), "{output:?}");
    let as_before = lifespan(&["replay", "--format", "json", DEMO], "");
    assert_eq!(as_before.stdout, output.stdout, "it was called so before files had formats");
}

#[test]
fn resources_that_are_not_watched_are_counted_by_name() {
    let line = LINE.replace("LIST_DONE", "ADDED").replace("pods", "nodes");
    let output = lifespan(&["replay", "-"], &format!("{line}\n{line}\n"));
    assert!(text(&output.stdout).contains("not watched: nodes 2"), "{output:?}");
}

#[test]
fn standard_input_may_be_packed_as_well() {
    let plain = lifespan(&["replay", DEMO], "");
    let piped = run(&["replay", "-"], &fs::read(DEMO).unwrap(), &[]);
    assert_eq!(text(&plain.stdout), text(&piped.stdout));
}

#[test]
fn a_recording_in_two_files_is_read_as_one() {
    let whole = lifespan(&["replay", DEMO], "");
    let mut lines = String::new();
    MultiGzDecoder::new(&*fs::read(DEMO).unwrap()).read_to_string(&mut lines).unwrap();
    let middle = lines.match_indices('\n').nth(80).unwrap().0 + 1;
    let (first, second) = lines.split_at(middle);
    let (first, second) =
        (File::new("first.jsonl", first.as_bytes()), File::new("second.gz", &packed(second)));
    let parts = lifespan(&["replay", &first.path(), &second.path()], "");
    assert_eq!(text(&parts.stdout), text(&whole.stdout));

    // Only the first of the lines that are out of order is told.
    let swapped = lifespan(&["replay", &second.path(), &first.path()], "");
    assert!(text(&swapped.stderr).contains(":1: `at` is "), "{swapped:?}");
    assert_eq!(text(&swapped.stderr).lines().count(), 1);
}

#[test]
fn what_is_piped_is_the_same_whatever_the_environment_says() {
    let plain = run(&["replay", DEMO], b"", &[]);
    assert!(!text(&plain.stdout).contains('\x1b'));
    let variables = [("COLUMNS", "57"), ("LANG", "C"), ("CLICOLOR_FORCE", "1"), ("NO_COLOR", "")];
    assert_eq!(run(&["replay", DEMO], b"", &variables).stdout, plain.stdout);
}

#[test]
fn a_reader_that_has_seen_enough_ends_it_quietly() {
    let mut child = command(&["replay", DEMO])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(text(&output.stderr), "");
}

#[tokio::test]
async fn an_endpoint_gets_every_span_and_a_refusal_ends_with_1() {
    let refused = Answer::Fail(tonic::Status::unauthenticated("who are you?"));
    let mut collector = FakeCollector::start([Answer::Accept, refused]).await;
    let to = collector.address.clone();
    let replay = move || lifespan(&["replay", "--endpoint", &to, DEMO], "");
    let output = tokio::task::spawn_blocking(replay.clone()).await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let summary = text(&output.stdout).lines().last().unwrap().to_owned();
    let n_spans: usize = collector.received().iter().map(Received::n_spans).sum();
    assert!(summary.contains(&format!("{n_spans} sent to http://{}", collector.address)));
    assert!(n_spans > 10 && summary.contains(&format!("{n_spans} spans")), "{summary}");

    let output = tokio::task::spawn_blocking(replay).await.unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(text(&output.stderr).contains("who are you? (Unauthenticated)"), "{output:?}");
}

/// `UPDATE_EXPECT=1 cargo test` draws it anew.
#[test]
fn the_readme_shows_the_demo_as_it_is_drawn() {
    let readme = fs::read_to_string("README.md").unwrap();
    let (before, rest) = readme.split_once("```waterfall\n").unwrap();
    let (shown, after) = rest.split_once("```").unwrap();
    let drawn = text(&lifespan(&["replay", DEMO], "").stdout);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write("README.md", format!("{before}```waterfall\n{drawn}```{after}")).unwrap();
    } else {
        assert_eq!(shown, drawn);
    }
}

const LINE: &str = r#"{"at":"2026-11-20T11:10:37.857296Z","resource":"pods","type":"LIST_DONE","object":{"metadata":{"resourceVersion":"879"}}}"#;

fn fails(arguments: &[&str], input: &str, expected: &Expect) {
    let output = lifespan(arguments, input);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(text(&output.stdout), "");
    let mut said = text(&output.stderr);
    if let Some(path) = arguments.last().filter(|path| path.starts_with('/')) {
        said = said.replace(path, "FILE");
    }
    expected.assert_eq(&said);
}

fn lifespan(arguments: &[&str], input: &str) -> Output {
    run(arguments, input.as_bytes(), &[])
}

fn run(arguments: &[&str], input: &[u8], variables: &[(&str, &str)]) -> Output {
    let mut child = command(arguments)
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may end before it has read everything.
    drop(child.stdin.take().unwrap().write_all(input));
    child.wait_with_output().unwrap()
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lifespan"));
    command.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
    for variable in ["NO_COLOR", "COLUMNS", "LANG", "LC_ALL", "LC_CTYPE", "TERM"] {
        command.env_remove(variable);
    }
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn packed(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// A file of one test, gone at its end.
struct File(PathBuf);

impl File {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&path, bytes).unwrap();
        Self(path)
    }

    fn path(&self) -> String {
        self.0.to_str().unwrap().to_owned()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}

/// Its children that have ended leave with it.
#[test]
fn a_trace_that_has_not_ended_is_put_out_for_people_alone() {
    let mut text = String::new();
    MultiGzDecoder::new(fs::File::open(DEMO).unwrap()).read_to_string(&mut text).unwrap();
    let cut: String = text.lines().take(60).map(|line| line.to_owned() + "\n").collect();
    let shown = lifespan(&["replay", "-"], &cut);
    assert!(self::text(&shown.stdout).contains("1 in progress"), "{shown:?}");
    let json = lifespan(&["replay", "--format", "json", "-"], &cut);
    assert_eq!(self::text(&json.stdout), "");
    assert!(self::text(&json.stderr).contains("1 in progress"), "{json:?}");
}
