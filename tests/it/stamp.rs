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
use lifespan::manifest::Stamping;
use prost::bytes::Bytes;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Mutex;
use tokio::task::JoinSet;

use crate::support::fake_collector::{FakeCollector, Received};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

const SERVICE: &str = "apiVersion: v1\nkind: Service\nmetadata:\n  name: web # mine\n";

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
    let output = lifespan(&[], SERVICE, &variables);
    assert_eq!(
        text(&output.stdout),
        format!(
            "apiVersion: v1\nkind: Service\nmetadata:\n  annotations:\n    \
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
    let output = lifespan(&arguments, SERVICE, &[("TRACEPARENT", PARENT), ("TRACESTATE", "x=1")]);
    let json = json!(format!("{{\"traceparent\":\"{other}\"}}")).to_string();
    let line = format!("    opentelemetry.io/trace-context: {json}\n");
    assert!(text(&output.stdout).contains(&line), "{output:?}");
}

#[test]
fn a_stamp_that_stands_there_stays_and_that_is_told() {
    let first = lifespan(&["--traceparent", PARENT], SERVICE, &[]);
    let again = lifespan(&[], text(&first.stdout), &[("TRACEPARENT", &PARENT.replace('a', "b"))]);
    assert_eq!(again.stdout, first.stdout);
    let said = text(&again.stderr);
    assert!(said.starts_with("lifespan: Service web has a trace context: --overwrite"), "{said}");
}

#[test]
fn what_is_wrong_is_told_with_its_place_and_nothing_is_written() {
    let bad = format!("{SERVICE}---\n- a list\n");
    for (arguments, input, said) in [
        (
            &["--traceparent", PARENT][..],
            bad.as_str(),
            "standard input: document 2, line 6: this is a list: an object is expected",
        ),
        (
            &["--traceparent", "00-x"],
            SERVICE,
            "--traceparent: traceparent has 4 characters: version 00 has exactly 55, later ones at least 55",
        ),
        (
            &["--traceparent", PARENT, "--tracestate", "NO"],
            SERVICE,
            "--tracestate: list-member 1 of tracestate has no `=`",
        ),
        (
            &["--traceparent", PARENT, "--baggage", "a b"],
            SERVICE,
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
    let sent = move || lifespan(&["--endpoint", &address], SERVICE, &[]);
    let output = tokio::task::spawn_blocking(sent).await.unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let [Received { body, .. }] = &collector.received()[..] else { panic!("nothing was sent") };
    let span = &body.resource_spans[0].scope_spans[0].spans[0];
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|it| format!("{it:02x}")).collect() };
    let traceparent = format!("00-{}-{}-03", hex(&span.trace_id), hex(&span.span_id));
    assert!(text(&output.stdout).contains(&traceparent), "{output:?}");
    assert!(span.parent_span_id.is_empty() && span.name == "stamp");

    // Nobody records the span: the trace is random, and not sampled.
    let output = lifespan(&[], SERVICE, &[]);
    let stamped = text(&output.stdout);
    let (_, value) = stamped.split_once("traceparent: \"").unwrap();
    let value = value.split('"').next().unwrap();
    assert!(value.len() == 55 && value.ends_with("-02"), "{value}");
    assert!(text(&output.stderr).contains("--endpoint sends one"), "{output:?}");
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

    async fn stamp(&self, named: &str, how: &Stamping) -> Result<(String, bool), String> {
        let stamped = stamp(&self.client, Some("shop"), &named.parse().unwrap(), how).await;
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

fn how() -> Stamping {
    let state = ("tracing.k8s.io/tracestate".to_owned(), None);
    let parent = ("tracing.k8s.io/traceparent".to_owned(), Some(PARENT.to_owned()));
    Stamping { annotations: vec![parent, state], ..Stamping::default() }
}

#[tokio::test]
async fn an_object_in_a_cluster_is_stamped_even_if_others_write_it_meanwhile() {
    let path = "/apis/apps/v1/namespaces/shop/deployments/web";
    let object = json!({"kind": "Deployment", "metadata": {"namespace": "shop",
        "resourceVersion": "7", "annotations": {"a": "b", "tracing.k8s.io/tracestate": "x=1"}}});
    let api = Api::start(&[(path, object)], 2).await;
    let stamped = api.stamp("deploy/web", &how()).await;
    assert_eq!(stamped, Ok(("Deployment shop/web".to_owned(), true)));
    let expected = json!({"a": "b", "tracing.k8s.io/traceparent": PARENT});
    assert_eq!(api.annotations().await, expected);
    // It has one now.
    let again = api.stamp("deployments/web", &how()).await;
    assert_eq!(again, Ok(("Deployment shop/web".to_owned(), false)));
    let missing = api.stamp("sts/web", &how()).await.unwrap_err();
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
    let stamped = api.stamp("rollouts.argoproj.io/web", &how()).await;
    assert_eq!(stamped, Ok(("Rollout shop/web".to_owned(), true)));
    assert_eq!(api.annotations().await["tracing.k8s.io/traceparent"], PARENT);
    let unknown = api.stamp("rollout/web", &how()).await.unwrap_err();
    assert!(unknown.starts_with("rollout is not known: name it as RESOURCE.GROUP/NAME"));
}
