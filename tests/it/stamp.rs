//! `lifespan stamp`, as a person and a pipeline meet it.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is a failed test")]

use std::convert::Infallible;
use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;

use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kube_client::{Client, Config};
use lifespan::cluster::api_server::ApiServer;
use lifespan::cluster::objects::stamp;
use lifespan::context::{Injection, TraceContext, traceparent};
use lifespan::manifest::{Became, Stamping};
use prost::bytes::Bytes;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::support::fake_collector::{FakeCollector, Received};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

const DEPLOYMENT: &str = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web # mine\n";

fn lifespan(arguments: &[&str], input: &str, variables: &[(&str, &str)]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_lifespan"))
        .arg("stamp")
        .args(arguments)
        .env_remove("TRACEPARENT")
        .env_remove("TRACESTATE")
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may end before it has read everything.
    drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

#[test]
fn a_manifest_is_stamped_with_the_context_of_the_environment() {
    let variables = [("TRACEPARENT", PARENT), ("TRACESTATE", "x=1")];
    let output = lifespan(&[], DEPLOYMENT, &variables);
    assert_eq!(
        text(&output.stdout),
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  annotations:\n    \
             tracing.k8s.io/traceparent: \"{PARENT}\"\n    tracing.k8s.io/tracestate: \"x=1\"\n  \
             name: web # mine\n"
        )
    );
    let said = format!("lifespan: 1 of 1 objects stamped with {PARENT}\n");
    assert_eq!((text(&output.stderr), output.status.code()), (said.as_str(), Some(0)));
}

#[test]
fn an_argument_counts_before_the_environment_and_another_key_may_be_named() {
    let other = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
    let arguments = ["--traceparent", other, "--key", "opentelemetry.io/trace-context"];
    let output =
        lifespan(&arguments, DEPLOYMENT, &[("TRACEPARENT", PARENT), ("TRACESTATE", "x=1")]);
    let json = json!(format!("{{\"traceparent\":\"{other}\"}}")).to_string();
    let line = format!("    opentelemetry.io/trace-context: {json}\n");
    assert!(text(&output.stdout).contains(&line), "{output:?}");
}

#[test]
fn a_stamp_that_stands_there_stays_and_that_is_told() {
    let first = lifespan(&["--traceparent", PARENT], DEPLOYMENT, &[]);
    let again = lifespan(&[], text(&first.stdout), &[("TRACEPARENT", &PARENT.replace('a', "b"))]);
    assert_eq!(again.stdout, first.stdout);
    let said = text(&again.stderr);
    assert!(
        said.starts_with("lifespan: Deployment web has a trace context: --overwrite"),
        "{said}"
    );
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_nothing_is_written() {
    let bad = format!("{DEPLOYMENT}---\n- a list\n");
    for (arguments, input, said) in [
        (
            &["--traceparent", PARENT][..],
            bad.as_str(),
            "standard input: document 2, line 6: this is a list: an object is expected",
        ),
        (
            &["--traceparent", "00-x"],
            DEPLOYMENT,
            "--traceparent: traceparent has 4 characters: version 00 has exactly 55, later ones at least 55",
        ),
        (
            &["--traceparent", PARENT, "--tracestate", "NO"],
            DEPLOYMENT,
            "--tracestate: list-member 1 of tracestate has no `=`",
        ),
        (
            &["--traceparent", PARENT, "--baggage", "a b"],
            DEPLOYMENT,
            "--baggage: list-member 1 of baggage has no `=`",
        ),
    ] {
        let output = lifespan(arguments, input, &[]);
        assert_eq!((text(&output.stdout), output.status.code()), ("", Some(1)));
        assert_eq!(text(&output.stderr), format!("lifespan: {said}\n"));
    }
    let output = lifespan(&["-f", "/nonexistent.yaml"], "", &[]);
    assert!(text(&output.stderr).starts_with("lifespan: cannot read /nonexistent.yaml: "));
    let output = lifespan(&["web.yaml"], "", &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("files are given with -f"), "{output:?}");
}

#[tokio::test]
async fn without_a_context_a_trace_begins_and_its_root_is_sent_or_not_claimed_to_be() {
    let mut collector = FakeCollector::start([]).await;
    let address = collector.address.clone();
    let sent = move || lifespan(&["--endpoint", &address], DEPLOYMENT, &[]);
    let output = tokio::task::spawn_blocking(sent).await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let [Received { body, .. }] = &collector.received()[..] else { panic!("nothing was sent") };
    let span = &body.resource_spans[0].scope_spans[0].spans[0];
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|it| format!("{it:02x}")).collect() };
    let traceparent = format!("00-{}-{}-01", hex(&span.trace_id), hex(&span.span_id));
    assert!(text(&output.stdout).contains(&traceparent), "{output:?}");
    assert!(span.parent_span_id.is_empty() && span.name == "stamp");

    // Nobody records the span: the trace is random, and not sampled.
    let output = lifespan(&[], DEPLOYMENT, &[]);
    let stamped = text(&output.stdout);
    let (_, value) = stamped.split_once("traceparent: \"").unwrap();
    let value = value.split('"').next().unwrap();
    // Who samples by what is linked must not take this for a decision.
    assert!(stamped.contains("tracing.k8s.io/tracestate: \"lifespan=unrecorded\""), "{stamped}");
    assert!(value.len() == 55 && value.ends_with("-00"), "{value}");
    assert!(text(&output.stderr).contains("--endpoint sends one"), "{output:?}");
}

#[test]
fn what_is_malformed_in_the_environment_holds_up_no_deploy() {
    let variables = [("TRACEPARENT", "00-x")];
    let output = lifespan(&[], DEPLOYMENT, &variables);
    assert_eq!((text(&output.stdout), output.status.code()), (DEPLOYMENT, Some(0)));
    let said = text(&output.stderr);
    assert!(said.starts_with("lifespan: TRACEPARENT: traceparent has 4 characters"), "{said}");
    assert!(said.ends_with("lifespan: nothing is stamped\n"), "{said}");
    let output = lifespan(&["--strict"], DEPLOYMENT, &variables);
    assert_eq!((text(&output.stdout), output.status.code()), ("", Some(1)));
    // Of a malformed tracestate the rest is used.
    let variables = [("TRACEPARENT", PARENT), ("TRACESTATE", "NO")];
    let output = lifespan(&[], DEPLOYMENT, &variables);
    assert!(text(&output.stdout).contains(PARENT) && output.status.success(), "{output:?}");
    assert!(!text(&output.stdout).contains("tracestate"), "{output:?}");
    assert!(text(&output.stderr).starts_with("lifespan: TRACESTATE: "), "{output:?}");
    let output = lifespan(&["--strict"], DEPLOYMENT, &variables);
    assert_eq!((text(&output.stdout), output.status.code()), ("", Some(1)));
}

#[test]
fn workloads_and_kinds_that_are_named_are_stamped_and_all_on_request() {
    let of = |api: &str, kind: &str| {
        format!("---\napiVersion: {api}\nkind: {kind}\nmetadata: {{name: a}}\n")
    };
    let all = [
        of("v1", "Service"),
        of("argoproj.io/v1alpha1", "Rollout"),
        of("example.com/v1", "Thing"),
        of("v1", "Pod"),
    ]
    .concat();
    for (arguments, n, said) in [
        (&[][..], 2, "2 of 4 objects stamped"),
        (&["--kind", "Thing"], 3, "1 is no workload: --all stamps it"),
        (&["--kind", "Thing.example.org"], 2, "2 are no workloads: --all stamps them"),
        (&["--all"], 4, "4 of 4 objects stamped"),
    ] {
        let output = lifespan(arguments, &all, &[("TRACEPARENT", PARENT)]);
        assert_eq!(text(&output.stdout).matches(PARENT).count(), n, "{arguments:?}");
        assert!(text(&output.stderr).contains(said), "{output:?}");
    }
}

#[test]
fn folders_are_read_in_order_and_urls_are_not() {
    let folder = std::env::temp_dir().join(format!("lifespan-stamp-{}", std::process::id()));
    std::fs::create_dir_all(folder.join("below")).unwrap();
    for (name, object) in [("b.yaml", "b"), ("a.yml", "a"), ("c.txt", "c"), ("below/d.json", "d")] {
        std::fs::write(folder.join(name), DEPLOYMENT.replace("web", object)).unwrap();
    }
    let path = folder.to_str().unwrap();
    let names = |arguments: &[&str]| -> Vec<String> {
        let output = lifespan(arguments, "", &[("TRACEPARENT", PARENT)]);
        assert!(output.status.success(), "{output:?}");
        let names = text(&output.stdout).lines().filter_map(|line| line.strip_prefix("  name: "));
        names.map(|name| name.replace(" # mine", "")).collect()
    };
    assert_eq!(names(&["-f", path]), ["a", "b"]);
    assert_eq!(names(&["-R", "-f", path]), ["a", "b", "d"]);
    std::fs::remove_file(folder.join("a.yml")).unwrap();
    std::fs::remove_file(folder.join("b.yaml")).unwrap();
    let output = lifespan(&["-f", path], "", &[]);
    assert!(text(&output.stderr).contains("-R reads folders below it too"), "{output:?}");
    std::fs::remove_dir_all(&folder).unwrap();
    let output = lifespan(&["-f", "https://example.com/web.yaml"], "", &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("URLs are not read: curl"), "{output:?}");
}

#[test]
fn a_server_that_is_away_holds_up_no_deploy_unless_that_is_asked_for() {
    // Nobody listens there.
    let arguments = ["--endpoint", "127.0.0.1:1"];
    let output = lifespan(&arguments, DEPLOYMENT, &[]);
    assert!(output.status.success() && text(&output.stdout).contains("traceparent"), "{output:?}");
    assert!(text(&output.stderr).contains("127.0.0.1:1"), "{output:?}");
    let output = lifespan(&["--require-delivery", "--endpoint", "127.0.0.1:1"], DEPLOYMENT, &[]);
    assert_eq!((text(&output.stdout), output.status.code()), ("", Some(1)));
}

/// An API server that holds one object of each path, and patches it as RFC 7386 has it.
struct Api {
    client: ApiServer,
    objects: Arc<Mutex<Vec<(String, Value)>>>,
    _server: JoinSet<()>,
}

impl Api {
    /// `n_conflicts` patches fail because somebody else writes the object first.
    async fn start(objects: &[(&str, Value)], n_conflicts: usize) -> Self {
        let held = objects.iter().map(|(path, it)| ((*path).to_owned(), it.clone())).collect();
        let objects = Arc::new(Mutex::new(held));
        let left = Arc::new(Mutex::new(n_conflicts));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (mut server, held) = (JoinSet::new(), objects.clone());
        server.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (held, left) = (held.clone(), left.clone());
                let service = service_fn(move |request: Request<Incoming>| {
                    let (held, left) = (held.clone(), left.clone());
                    async move {
                        let (status, body) = answer(&held, &left, request).await;
                        let body = Full::new(Bytes::from(body.to_string()));
                        let response = Response::builder().status(status).body(body);
                        Ok::<_, Infallible>(response.unwrap())
                    }
                });
                connections.spawn(async move {
                    drop(
                        http1::Builder::new().serve_connection(TokioIo::new(stream), service).await,
                    );
                });
            }
        });
        let mut config = Config::new(url.parse().unwrap());
        config.default_retry = false;
        Self { client: Client::try_from(config).unwrap().into(), objects, _server: server }
    }

    async fn stamp(&self, named: &str) -> Result<(String, Became), String> {
        let context = context();
        let stamped =
            stamp(&self.client, Some("shop"), &named.parse().unwrap(), &how(&context)).await;
        stamped.map_err(|error| error.to_string())
    }

    async fn annotations(&self) -> Value {
        self.objects.lock().await[0].1["metadata"]["annotations"].clone()
    }
}

async fn answer(
    held: &Mutex<Vec<(String, Value)>>,
    conflicts: &Mutex<usize>,
    request: Request<Incoming>,
) -> (u16, Value) {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let mut held = held.lock().await;
    let Some((_, object)) = held.iter_mut().find(|(path, _)| path == head.uri.path()) else {
        return (404, json!({"message": format!("{} not found", head.uri.path())}));
    };
    if head.method == Method::PATCH {
        assert_eq!(head.headers["content-type"], "application/merge-patch+json");
        let patch: Value = serde_json::from_slice(&body).unwrap();
        let mut left = conflicts.lock().await;
        if *left > 0 {
            *left -= 1;
            object["metadata"]["resourceVersion"] = json!(format!("{}", 100 + *left));
        }
        if patch["metadata"]["resourceVersion"] != object["metadata"]["resourceVersion"] {
            return (409, json!({"message": "the object has been modified"}));
        }
        merge(object, &patch);
    }
    (200, object.clone())
}

fn merge(object: &mut Value, patch: &Value) {
    let Some(patch) = patch.as_object() else {
        *object = patch.clone();
        return;
    };
    if !object.is_object() {
        *object = json!({});
    }
    let object = object.as_object_mut().unwrap();
    for (key, value) in patch {
        if value.is_null() {
            object.remove(key);
        } else {
            merge(object.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

fn context() -> TraceContext {
    let (trace_id, span_id, flags) = traceparent(PARENT).unwrap();
    TraceContext { trace_id, span_id, flags, trace_state: "".into() }
}

fn how(context: &TraceContext) -> Stamping<'_> {
    Stamping {
        context,
        injection: Injection::default(),
        kinds: None,
        with_pod_templates: false,
        with_env: false,
    }
}

#[tokio::test]
async fn an_object_in_a_cluster_is_stamped_even_if_others_write_it_meanwhile() {
    let path = "/apis/apps/v1/namespaces/shop/deployments/web";
    let object = json!({"kind": "Deployment", "metadata": {"namespace": "shop",
        "resourceVersion": "7", "annotations": {"a": "b", "tracing.k8s.io/traceparent": "malformed",
            "tracing.k8s.io/tracestate": "x=1"}}});
    let api = Api::start(&[(path, object)], 2).await;
    let stamped = api.stamp("deploy/web").await;
    assert_eq!(stamped, Ok(("Deployment shop/web".to_owned(), Became::Stamped)));
    let expected = json!({"a": "b", "tracing.k8s.io/traceparent": PARENT});
    assert_eq!(api.annotations().await, expected);
    // It has one now.
    let again = api.stamp("deployments/web").await;
    assert_eq!(again, Ok(("Deployment shop/web".to_owned(), Became::Kept)));
    let missing = api.stamp("sts/web").await.unwrap_err();
    assert_eq!(missing, "sts web: /apis/apps/v1/namespaces/shop/statefulsets/web not found");
}

#[tokio::test]
async fn a_custom_resource_is_found_by_its_group() {
    let api = Api::start(
        &[
            (
                "/apis/argoproj.io/v1alpha1/namespaces/shop/rollouts/web",
                json!({"kind": "Rollout", "metadata": {"namespace": "shop"}}),
            ),
            (
                "/apis/argoproj.io",
                json!({"name": "argoproj.io", "preferredVersion": {"version": "v1alpha1"}}),
            ),
            (
                "/apis/argoproj.io/v1alpha1",
                json!({"resources": [{"name": "rollouts", "namespaced": true}]}),
            ),
        ],
        0,
    )
    .await;
    let stamped = api.stamp("rollouts.argoproj.io/web").await;
    assert_eq!(stamped, Ok(("Rollout shop/web".to_owned(), Became::Stamped)));
    assert_eq!(api.annotations().await["tracing.k8s.io/traceparent"], PARENT);
    let unknown = api.stamp("rollout/web").await.unwrap_err();
    assert!(unknown.starts_with("rollout is not known: name it as RESOURCE.GROUP/NAME"));
}
