//! What people have beside recordings: the same hour of a cluster, as kubectl, the Collector and the
//! API server write it down, gives the same spans.

#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic is a failed test"
)]

mod forms;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use expect_test::{Expect, expect};
use serde_json::{Value, json};

use crate::support::lines::{recording, write};
use forms::{audit, kubectl, objects, yaml};

/// Recordings that begin before what they tell of.
const WHOLE: [&str; 9] = ["01", "08", "09", "10", "12", "13", "14", "15", "23"];

#[test]
fn a_log_of_the_k8s_objects_receiver_gives_the_spans_of_the_recording() {
    for name in WHOLE {
        let lines = recording(name);
        let (told, said) = replay(&["-"], &objects(&lines));
        assert_eq!(told, replay(&["-"], &write(&lines)).0, "{name}: {said}");
        assert!(said.contains("read as logs of the k8s_objects receiver"), "{name}: {said}");
    }
}

#[test]
fn an_audit_log_gives_the_spans_of_the_recording() {
    for name in WHOLE {
        let lines = recording(name);
        let (told, said) = replay(&["-"], &audit(&lines).concat());
        assert_eq!(told, replay(&["-"], &write(&lines)).0, "{name}: {said}");
        assert!(said.contains("read as audit logs"), "{name}: {said}");
    }
}

#[test]
fn audit_logs_of_several_api_servers_are_read_as_one() {
    let lines = recording("08");
    let written = audit(&lines);
    let of = |server: usize| {
        let own = written.iter().enumerate().filter(|(at, _)| at % 3 == server);
        own.map(|(_, line)| line.as_str()).collect::<String>()
    };
    let files = [0, 1, 2].map(|server| File::new(&format!("audit-{server}.log"), &of(server)));
    let (told, said) = replay(&files.each_ref().map(File::path), "");
    assert_eq!(told, replay(&["-"], &written.concat()).0, "{said}");
}

#[test]
fn what_kubectl_printed_gives_the_traces_of_the_recording() {
    // In 23 something lasts for just as long as it must to be called stable: seconds do not tell.
    for name in WHOLE.into_iter().filter(|name| *name != "23") {
        let lines = recording(name);
        let expected = replay(&["-"], &write(&lines)).0;
        for has_types in [false, true] {
            let documents: Vec<_> = kubectl(&lines, has_types).into_values().flatten().collect();
            let texts = [
                documents.iter().map(|it| format!("{it:#}\n")).collect::<String>(),
                documents.iter().map(yaml).collect(),
            ];
            for text in texts {
                let (told, said) = replay(&["-"], &text);
                assert_eq!(told, expected, "{name} {has_types}: {said}");
                assert!(said.contains("it does not say who wrote"), "{name}: {said}");
            }
        }
    }
}

#[test]
fn files_of_kubectl_one_a_kind_are_read_as_one() {
    let lines = recording("08");
    let kinds = kubectl(&lines, false);
    let all: String = kinds.values().flatten().map(|it| format!("{it:#}\n")).collect();
    let files = kinds.into_iter().map(|(kind, documents)| {
        let text: String = documents.iter().map(|it| format!("{it:#}\n")).collect();
        File::new(&format!("{kind}.json"), &text)
    });
    let files: Vec<_> = files.collect();
    let paths: Vec<_> = files.iter().map(File::path).collect();
    let backwards: Vec<_> = paths.iter().rev().copied().collect();
    let (told, said) = replay(&paths, "");
    assert_eq!(told, replay(&["-"], &all).0, "{said}");
    assert_eq!(told, replay(&backwards, "").0);
}

#[test]
fn one_list_of_kubectl_shows_what_is_in_progress() {
    // In the middle of the rollout.
    let lines = recording("08");
    let mut last: BTreeMap<String, Value> = BTreeMap::new();
    for line in lines.iter().take(lines.len() / 2) {
        let object: Value = serde_json::from_str(&line.object).unwrap();
        if let Some(uid) = object.pointer("/metadata/uid").and_then(Value::as_str) {
            last.insert(uid.to_owned(), object.clone());
        }
    }
    let items: Vec<_> = last.into_values().filter(|it| it["kind"] != "Event").collect();
    let list = json!({"apiVersion": "v1", "items": items, "kind": "List", "metadata": {"resourceVersion": ""}});
    let output = lifespan(&["replay", "-"], &format!("{list:#}"));
    let drawn = text(&output.stdout);
    assert!(
        drawn.contains("create Deployment default/api") && drawn.contains("1 in progress"),
        "{drawn}"
    );
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn pulls_of_the_k8s_objects_receiver_tell_what_came_and_went() {
    let pod = |uid: u8, version: u64| {
        let uid = format!("d306cd69-2d2c-4dc9-881f-db7d756a03{uid:02}");
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": uid, "namespace": "shop",
            "uid": uid, "resourceVersion": version.to_string(), "creationTimestamp": "2026-11-20T11:00:00Z",
            "deletionTimestamp": (uid.ends_with('1')).then_some("2026-11-20T11:10:10Z"),
            "deletionGracePeriodSeconds": (uid.ends_with('1')).then_some(0)},
            "spec": {"nodeName": "n", "containers": []}, "status": {"phase": "Running", "conditions": [
                {"type": "Ready", "status": "True", "lastTransitionTime": "2026-11-20T11:00:05Z"}]}})
    };
    let at = |second: i64| (1_795_173_000 + second) * 1_000_000_000;
    let pulls = [
        (0, vec![pod(1, 7), pod(2, 8)]),
        (60, vec![pod(2, 8), pod(3, 90)]),
        (120, vec![pod(3, 90)]),
    ];
    let log: String = pulls
        .iter()
        .map(|(second, pods)| forms::records(pods.iter().map(|pod| (at(*second), pod.clone()))))
        .collect();
    let output = lifespan(&["replay", "-"], &log);
    expect![[r#"
        lifespan: read as logs of the k8s_objects receiver: times are those at which the receiver heard of a change; between two pulls it is not known when or how often an object changed, and Events that a pull lists are old news
        1 trace · 1 span · 1 object at the end · 3 lines
    "#]].assert_eq(&summary(&output));
}

#[test]
fn what_an_audit_log_does_not_show_is_counted_and_said() {
    let write = |verb: &str, more: Value| {
        let mut entry = json!({"kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "RequestResponse",
            "stage": "ResponseComplete", "verb": verb, "requestURI": "/apis/apps/v1/namespaces/a/deployments/web",
            "userAgent": "kubectl/v1.36", "objectRef": {"resource": "deployments", "namespace": "a",
            "name": "web", "apiGroup": "apps", "apiVersion": "v1"}, "responseStatus": {"code": 200},
            "requestReceivedTimestamp": "2026-11-20T11:00:00.000001Z", "stageTimestamp": "2026-11-20T11:00:00.004000Z"});
        for (key, value) in more.as_object().unwrap() {
            entry[key] = value.clone();
        }
        format!("{entry}\n")
    };
    let log = [
        write("get", json!({})),
        write("update", json!({"stage": "RequestReceived"})),
        write("update", json!({"responseStatus": {"code": 409}})),
        write(
            "update",
            json!({"requestURI": "/apis/apps/v1/namespaces/a/deployments/web?dryRun=All"}),
        ),
        write("patch", json!({"level": "Metadata"})),
        write("patch", json!({"level": "Request", "requestObject": {"spec": {"replicas": 3}}})),
        write("create", json!({"level": "Request", "requestObject": {"spec": {"replicas": 3}}})),
        write("delete", json!({"responseObject": {"kind": "Status", "status": "Success"}})),
        write(
            "update",
            json!({"objectRef": {"resource": "leases", "apiGroup": "coordination.k8s.io"}}),
        ),
    ];
    let output = lifespan(&["replay", "-"], &log.concat());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    expect![[r#"
        lifespan: read as audit logs: objects are known from the first write of each on; left out: 1 creations at level Request, which do not tell the uid, 1 deletions of what was not known, 1 dry runs, 1 reads, 1 writes at level Metadata, 1 writes that failed, 1 writes to what was not known that do not show it
        0 traces · 0 spans · 0 objects at the end · 9 lines · not watched: leases.coordination.k8s.io 1
    "#]].assert_eq(&summary(&output));
}

#[test]
fn a_format_that_is_named_wrongly_is_told_in_one_sentence() {
    let log = audit(&recording("01")).concat();
    fails(
        "kubectl",
        &log,
        &expect![[r#"
        lifespan: standard input is not output of kubectl: document 1: expected an object with `apiVersion`, `kind` and `metadata`, a list, or a watch event with `type` and `object`
    "#]],
    );
    fails(
        "k8s_objects",
        &log,
        &expect![[r#"
        lifespan: standard input is not a log of the k8s_objects receiver: line 1: expected a line of OTLP logs as JSON, with `resourceLogs`
    "#]],
    );
    fails(
        "recording",
        &log,
        &expect![[r#"
        lifespan: standard input is not a recording: line 1: expected a JSON object with `at`, `resource`, `type` and `object`, found missing field `at` at column 3663
    "#]],
    );
    fails(
        "audit",
        &write(&recording("01")),
        &expect![[r#"
            lifespan: standard input is not an audit log: line 1: expected an Event of audit.k8s.io as JSON, found `apiVersion` ""
        "#]],
    );
    fails(
        "audit",
        "",
        &expect![[r#"
        lifespan: standard input is empty
    "#]],
    );
    fails(
        "kubectl",
        "\u{feff}",
        &expect![[r#"
        lifespan: standard input is empty
    "#]],
    );
    fails(
        "kubectl",
        "a: [",
        &expect![[r#"
        lifespan: standard input is not output of kubectl: document 1: unclosed bracket '[' at line 1, column 4
    "#]],
    );
}

#[test]
fn damage_is_told_with_its_place_and_the_rest_is_used() {
    let lines = recording("01");
    let log = audit(&lines);
    let whole = replay(&["-"], &log.concat()).0;
    let with = |at: usize, line: &str| {
        let (before, after) = log.split_at(at);
        format!("\u{feff}{}{line}{}", before.concat(), after.concat())
    };
    let said = |input: &str, format: &str| {
        let (told, said) = replay(&["--format", format, "-"], input);
        assert_eq!(told, whole);
        said
    };
    let object = forms::records([(1, json!({}))].into_iter());
    let cut: String = log.concat().chars().chain("{\"kind\":\"Ev".chars()).collect();
    expect![[r#"
        standard input:4: expected an Event of audit.k8s.io as JSON: expected ident at column 2
        lifespan: read as audit logs: objects are known from the first write of each on
        lifespan: 1 trace, 19 spans, 5 objects at the end, 57 lines, malformed lines: 1
        standard input:4: expected an Event of audit.k8s.io as JSON, found `apiVersion` ""
        lifespan: read as audit logs: objects are known from the first write of each on
        lifespan: 1 trace, 19 spans, 5 objects at the end, 57 lines, malformed lines: 1
        standard input: line 57 is cut; what stands before that was read
        lifespan: read as audit logs: objects are known from the first write of each on
        lifespan: 1 trace, 19 spans, 5 objects at the end, 57 lines, cut files: 1
    "#]]
    .assert_eq(
        &[
            said(&with(3, "not json\n"), "auto"),
            said(&with(3, &object), "audit"),
            said(&cut, "auto"),
        ]
        .concat(),
    );
    let documents: String =
        kubectl(&lines, false).values().flatten().map(|it| format!("{it:#}\n")).collect();
    let half = documents.get(..documents.len() / 2).unwrap();
    let (told, said) = replay(&["-"], half);
    assert!(!told.is_empty());
    expect![[r#"
        standard input: document 41 cannot be read, nor what follows it (line 2180: EOF while parsing a string); what stands before that was read
        lifespan: read as output of kubectl: kubectl does not say when anything arrived: times are those that stand on the objects, whole seconds, and what shows none lies before the next one that does; without --show-managed-fields it does not say who wrote
        lifespan: 1 trace, 1 span, 4 objects at the end, 40 documents, 3 in progress, cut files: 1
    "#]].assert_eq(&said);
    let (_, said) = replay(&["-"], &format!("{half}\n}}"));
    expect![[r#"
        standard input: document 41 cannot be read, nor what follows it (line 2181: control character (\u0000-\u001F) found while parsing a string); what stands before that was read
        lifespan: read as output of kubectl: kubectl does not say when anything arrived: times are those that stand on the objects, whole seconds, and what shows none lies before the next one that does; without --show-managed-fields it does not say who wrote
        lifespan: 1 trace, 1 span, 4 objects at the end, 40 documents, 3 in progress, cut files: 1
    "#]].assert_eq(&said);
}

/// What was said, without the number of spans.
fn summary(output: &Output) -> String {
    let drawn = text(&output.stdout);
    format!("{}{}\n", text(&output.stderr), drawn.lines().last().unwrap_or_default())
}

fn fails(format: &str, input: &str, expected: &Expect) {
    let output = lifespan(&["replay", "--format", format, "-"], input);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    expected.assert_eq(&text(&output.stderr));
}

/// The spans by their ids: names and outcomes; and what was said.
fn replay(arguments: &[&str], input: &str) -> (BTreeMap<String, String>, String) {
    let mut all = vec!["replay", "-o", "json"];
    all.extend(arguments);
    let output = lifespan(&all, input);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let mut told = BTreeMap::new();
    for line in text(&output.stdout).lines() {
        let document: Value = serde_json::from_str(line).unwrap();
        let of = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
        let scopes =
            of(&document, "resourceSpans").into_iter().flat_map(|it| of(&it, "scopeSpans"));
        for span in scopes.flat_map(|it| of(&it, "spans")) {
            let outcome = of(&span, "attributes");
            let outcome = outcome.iter().find(|it| it["key"] == "lifespan.outcome");
            let outcome = outcome.map_or("", |it| it["value"]["stringValue"].as_str().unwrap());
            let id = format!("{} {}", span["traceId"], span["spanId"]);
            told.insert(id, format!("{} {} {outcome}", span["name"], span["parentSpanId"]));
        }
    }
    assert!(!told.is_empty(), "{output:?}");
    (told, text(&output.stderr))
}

fn lifespan(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_lifespan"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes())));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    output
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A file that is gone with the test.
struct File(PathBuf);

impl File {
    fn new(name: &str, content: &str) -> Self {
        let name = format!("lifespan-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, content).unwrap();
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}
