//! What kubectl has with every command is there with ours: before and after it, and with its
//! meaning; and what `record` does to files.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::mpsc;
use std::thread;

fn lifespan(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lifespan"))
        .args(arguments)
        .env_remove("KUBECONFIG")
        .env("HOME", "/nonexistent")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

/// The heads of all requests that a command makes of an API server on which nothing is.
fn asked(name: &str, arguments: &[&str]) -> Vec<String> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (say, heads) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, say) = (stream.unwrap(), say.clone());
            thread::spawn(move || {
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) > 0 {
                    head.push(byte[0]);
                }
                let head = String::from_utf8(head).unwrap();
                let is_version = head.starts_with("GET /version ");
                let (status, body) = match is_version {
                    true => ("200 OK", r#"{"major":"1","minor":"36","gitVersion":"v1.36.0"}"#),
                    false => ("404 Not Found", r#"{"kind":"Status","code":404}"#),
                };
                let length = body.len();
                // Heard first: the command may end as soon as it is answered.
                drop(say.send(head));
                // The command may have ended.
                drop(write!(
                    stream,
                    "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
                ));
            });
        }
    });
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    let kubeconfig = folder.join(format!("{name}.kubeconfig"));
    let yaml = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: dev\n\
         clusters: [{{name: c, cluster: {{server: 'http://{address}'}}}}]\n\
         users: [{{name: u, user: {{}}}}]\n\
         contexts:\n\
         - {{name: dev, context: {{cluster: c, user: u, namespace: team}}}}\n\
         - {{name: prod, context: {{cluster: c, user: u}}}}\n"
    );
    fs::write(&kubeconfig, yaml).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_lifespan"));
    let output = command.args(arguments).env("KUBECONFIG", &kubeconfig).output().unwrap();
    assert_ne!(output.status.code(), Some(2), "{output:?}");
    heads.try_iter().collect()
}

fn has(heads: &[String], line: &str) -> bool {
    heads.iter().any(|head| head.to_lowercase().contains(&line.to_lowercase()))
}

#[test]
fn the_namespace_is_that_of_the_context_unless_another_or_all_are_named() {
    let cases: [(&[&str], &str); 7] = [
        (&["record", "--for", "1s"], "/namespaces/team/"),
        (&["--context", "prod", "record", "--for", "1s"], "/namespaces/default/"),
        (&["record", "--context", "prod", "--for", "1s"], "/namespaces/default/"),
        (&["-n", "shop", "record", "--for", "1s"], "/namespaces/shop/"),
        (&["record", "-n", "shop", "--for", "1s"], "/namespaces/shop/"),
        (&["-A", "record", "--for", "1s"], "/"),
        (&["record", "--all-namespaces", "--for", "1s"], "/"),
    ];
    for (n, (arguments, namespace)) in cases.into_iter().enumerate() {
        let heads = asked(&format!("namespace-{n}"), arguments);
        let path = format!("GET /apis/apps/v1{namespace}deployments?");
        assert!(has(&heads, &path), "{arguments:?}: {heads:?}");
        // The nearer word counts.
        assert!(!has(&heads, "kube-system"), "a recording needs no uid: {arguments:?}");
    }
}

#[test]
fn the_nearer_word_counts() {
    let heads = asked("nearer", &["-A", "record", "-n", "shop", "--for", "1s"]);
    assert!(has(&heads, "GET /apis/apps/v1/namespaces/shop/deployments?"), "{heads:?}");
}

#[test]
fn one_object_is_found_in_the_namespace_that_is_meant() {
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let path = "GET /apis/apps/v1/namespaces/shop/deployments/web ";
    let cases: [&[&str]; 4] = [
        &["-n", "shop", "explain", "deployments/web"],
        &["explain", "deployments/web", "-n", "shop"],
        &["-n", "shop", "stamp", "deploy/web", "--traceparent", parent],
        &["stamp", "deploy/web", "--traceparent", parent, "--namespace", "shop"],
    ];
    for (n, arguments) in cases.into_iter().enumerate() {
        let heads = asked(&format!("object-{n}"), arguments);
        assert!(has(&heads, path), "{arguments:?}: {heads:?}");
    }
}

#[test]
fn another_user_is_impersonated_on_either_side_of_the_command() {
    let cases: [&[&str]; 2] = [
        &["--as", "jane", "record", "--for", "1s"],
        &["explain", "deployments/web", "--as", "jane"],
    ];
    for (n, arguments) in cases.into_iter().enumerate() {
        let heads = asked(&format!("as-{n}"), arguments);
        let is_jane = |head: &String| head.to_lowercase().contains("impersonate-user: jane");
        assert!(!heads.is_empty() && heads.iter().all(is_jane), "{arguments:?}: {heads:?}");
    }
}

#[test]
fn what_has_no_meaning_is_refused_with_a_sentence() {
    let cases: [(&[&str], &str); 9] = [
        (&["-n", "shop", "replay", "x.jsonl"], "replay: it asks no cluster"),
        (&["--context", "dev", "validate"], "validate: it asks no cluster"),
        (&["-A", "explain", "deploy/web"], "--all-namespaces has no meaning"),
        (&["-n", "shop", "webhook"], "a webhook is asked about all namespaces"),
        (&["--as", "jane", "rbac"], "only --namespace has a meaning"),
        (
            &["--endpoint", "localhost:4317", "record"],
            "--endpoint stands before the command: record --endpoint is expected",
        ),
        (
            &["--config", "config/lifespan.yaml", "-n", "shop"],
            "the configuration says which cluster",
        ),
        (&["-n", "Shop", "record"], "expected the name of one namespace"),
        (&["-A", "-n", "shop", "record"], "cannot be used with"),
    ];
    for (arguments, expected) in cases {
        let output = lifespan(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
        let said = text(&output.stderr);
        assert!(said.contains(expected) && output.stdout.is_empty(), "{arguments:?}: {said}");
    }
}

/// The YAML documents of `lifespan rbac` over this receiver.
fn rbac(receiver: &str, more: &[&str]) -> String {
    let config = format!(
        "yaml:{{receivers: {{k8s_lifecycle: {receiver}}}, exporters: {{debug: }}, service: \
         {{pipelines: {{traces: {{receivers: [k8s_lifecycle], exporters: [debug]}}}}}}}}"
    );
    let output = lifespan(&[&["rbac", "--config", &config][..], more].concat());
    assert!(output.status.success(), "{output:?}");
    text(&output.stdout).to_owned()
}

#[test]
fn no_cluster_role_is_needed_where_the_uid_is_configured_and_all_is_in_namespaces() {
    let yaml = rbac("{namespaces: [shop], cluster_uid: u-1}", &[]);
    assert!(!yaml.contains("ClusterRole") && yaml.contains("kind: Role\n"), "{yaml}");
    let yaml = rbac("{namespaces: [shop]}", &[]);
    assert!(yaml.contains("kind: ClusterRole\n") && yaml.contains("kube-system"), "{yaml}");
    let yaml = rbac("{cluster_uid: u-1}", &[]);
    assert!(yaml.contains("kind: ClusterRole\n") && !yaml.contains("kube-system"), "{yaml}");
}

#[test]
fn kinds_that_are_in_no_namespace_are_read_by_a_cluster_role() {
    let objects = "[{name: pods}, {name: providers, group: pkg.crossplane.io}, \
                   {name: nodes, kind: Node}, \
                   {name: fleets, group: example.com, kind: Fleet, scope: Cluster}]";
    let receiver = format!("{{namespaces: [shop, team], cluster_uid: u-1, objects: {objects}}}");
    let yaml = rbac(&receiver, &[]);
    let of_cluster = yaml.split("---\n").next().unwrap();
    assert!(of_cluster.contains("kind: ClusterRole\n"), "{yaml}");
    for plural in ["providers", "nodes", "fleets"] {
        assert!(of_cluster.contains(&format!("resources: [{plural}]")), "{plural}: {yaml}");
        assert_eq!(yaml.matches(plural).count(), 1, "{plural}: {yaml}");
    }
    assert!(!of_cluster.contains("pods"), "{yaml}");
    assert_eq!(yaml.matches("resources: [pods]").count(), 2, "one role a namespace: {yaml}");
}

#[test]
fn the_namespace_of_the_service_account_is_checked_and_may_stand_before_the_command() {
    for arguments in [&["-n", "ops", "rbac"], &["rbac", "-n", "ops"]] {
        let output = lifespan(arguments);
        assert!(text(&output.stdout).contains("namespace: ops\n"), "{output:?}");
    }
    let output = lifespan(&["rbac", "-n", "ops\nx"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

#[test]
fn the_version_is_told_in_one_line() {
    let expected = concat!("lifespan ", env!("CARGO_PKG_VERSION"), "\n");
    for arguments in [["--version"], ["-V"], ["version"]] {
        assert_eq!(text(&lifespan(&arguments).stdout), expected);
    }
}

#[test]
fn every_shell_has_a_completion_and_bash_takes_its_own() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let output = lifespan(&["completion", shell]);
        assert!(output.status.success(), "{output:?}");
        let script = text(&output.stdout);
        assert!(script.contains("print-config") && script.contains("kubeconfig"), "{shell}");
    }
    let script = lifespan(&["completion", "bash"]).stdout;
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("completion.bash");
    fs::write(&path, script).unwrap();
    if let Ok(checked) = Command::new("bash").arg("-n").arg(&path).output() {
        assert!(checked.status.success(), "{checked:?}");
    }
}

#[test]
fn there_is_a_manual_page_of_the_program_and_of_each_command() {
    let page = |arguments: &[&str]| {
        let output = lifespan(&[&["man"][..], arguments].concat());
        assert!(output.status.success(), "{output:?}");
        text(&output.stdout).to_owned()
    };
    let whole = page(&[]);
    assert!(whole.contains(".TH lifespan 1") && whole.contains("lifespan\\-record(1)"), "{whole}");
    let record = page(&["record"]);
    assert!(record.contains(".TH lifespan-record 1"), "{record}");
    assert!(record.contains("\\-\\-output"), "{record}");
    let output = lifespan(&["man", "nothing"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

#[test]
fn a_recording_is_put_in_its_place_when_it_is_whole_and_over_nothing_unasked() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("in-place");
    fs::create_dir_all(&folder).unwrap();
    let (path, part) = (folder.join("a.jsonl"), folder.join("a.jsonl.part"));
    let file = path.to_str().unwrap();
    let away = &["record", "--kubeconfig", "tests/objects/kubeconfig.yaml", "-o", file];
    drop(fs::remove_file(&path));
    let output = lifespan(away);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(!path.exists() && !part.exists(), "nothing is written of a cluster that is away");
    fs::write(&path, "old\n").unwrap();
    let output = lifespan(away);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let said = text(&output.stderr);
    assert!(said.ends_with("a.jsonl is not empty: --force writes over it\n"), "{said}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "old\n");
    let heads = asked("in-place", &["record", "--for", "1s", "--force", "-o", file]);
    let written = fs::read_to_string(&path).unwrap();
    assert!(!heads.is_empty() && written.contains("CLOSED") && !part.exists(), "{written}");
}

#[test]
fn a_byte_order_mark_costs_no_line() {
    let demo = "config/demo/rolling-update.jsonl.gz";
    let mut packed = fs::File::open(demo).unwrap();
    let mut plain = Vec::from("\u{feff}");
    flate2::read::MultiGzDecoder::new(&mut packed).read_to_end(&mut plain).unwrap();
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bom.jsonl");
    fs::write(&path, plain).unwrap();
    let marked = lifespan(&["replay", path.to_str().unwrap()]);
    let whole = lifespan(&["replay", demo]);
    assert!(marked.status.success() && marked.stderr.is_empty(), "{marked:?}");
    assert_eq!(text(&marked.stdout), text(&whole.stdout));
}
