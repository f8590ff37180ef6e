//! `lifespan webhook` as an API server meets it.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is a failed test")]

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lifespan::admission::Policy;
use lifespan::export::Delivery;
use lifespan::export::settings::{Exporter, Queue, To, Wire};
use lifespan::export::{Settings, Tls};
use lifespan::webhook::certificate::{Source, certificate};
use lifespan::webhook::roots::{self, Look, Waiting};
use lifespan::webhook::server::{Hook, answer_reviews};
use prost::bytes::Bytes;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use crate::support::fake_collector::FakeCollector;
use crate::support::https::Https;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// A running webhook; it ends when this is dropped.
struct Webhook {
    address: String,
    bundle: String,
    hook: Arc<Hook>,
    _server: JoinSet<()>,
}

impl Webhook {
    async fn start(policy: Policy, begun: Option<mpsc::Sender<Waiting>>) -> Self {
        let made = certificate(&Source::SelfMade(vec!["lifespan-webhook.lifespan.svc".into()]));
        let made = made.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let hook = Arc::new(Hook::new(policy, begun));
        let mut server = JoinSet::new();
        let (_, tls) = watch::channel(made.config);
        server.spawn(answer_reviews(listener, tls, Arc::clone(&hook)));
        Self { address, bundle: made.ca_bundle.unwrap(), hook, _server: server }
    }

    async fn connect(&self) -> Https {
        let name = "lifespan-webhook.lifespan.svc";
        Https::connect(&self.address, name, &self.bundle).await.unwrap()
    }
}

fn review() -> Bytes {
    review_of("web")
}

fn review_of(name: &str) -> Bytes {
    let object = json!({"metadata": {"name": name, "namespace": "shop"}, "spec": {"replicas": 1}});
    let resource = json!({"group": "apps", "version": "v1", "resource": "deployments"});
    let request = json!({"uid": "u-1", "kind": {"kind": "Deployment"}, "operation": "CREATE",
        "resource": resource, "namespace": "shop", "name": name, "object": object});
    json!({"kind": "AdmissionReview", "request": request}).to_string().into()
}

/// The values that a patch writes.
fn written(answer: &[u8]) -> Vec<Value> {
    let answer: Value = serde_json::from_slice(answer).unwrap();
    let patch = STANDARD.decode(answer["response"]["patch"].as_str().unwrap()).unwrap();
    let steps: Vec<Value> = serde_json::from_slice(&patch).unwrap();
    steps.into_iter().map(|step| step["value"].clone()).collect()
}

#[tokio::test]
async fn a_request_with_a_trace_context_stamps_what_it_creates() {
    let webhook = Webhook::start(Policy::default(), None).await;
    let mut client = webhook.connect().await;
    let headers = [("Traceparent", PARENT), ("tracestate", "x=1"), ("tracestate", "y=2")];
    let (status, answer) = client.send("POST", "/stamp?timeout=1s", &headers, review()).await;
    assert_eq!(status, 200);
    let by = json!("b7ad6b7169203331");
    assert_eq!(written(&answer), [json!({}), json!(PARENT), json!("x=1,y=2"), by]);
    // Without one nothing is begun by this policy, and the object is admitted as it is.
    let (status, answer) = client.send("POST", "/stamp", &[], review()).await;
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!((status, &answer["response"]), (200, &json!({"uid": "u-1", "allowed": true})));
    let (_, metrics) = client.send("GET", "/metrics", &[], Bytes::new()).await;
    let metrics = str::from_utf8(&metrics).unwrap();
    assert!(metrics.contains("resource_kind=\"Deployment\",result=\"success\"} 1\n"), "{metrics}");
    assert!(metrics.contains("skipped_total{reason=\"no_context\"} 1\n"), "{metrics}");
}

#[tokio::test]
async fn a_root_is_sent_once_the_api_server_has_the_object_and_else_never() {
    let mut collector = FakeCollector::start([]).await;
    let tls = Tls { insecure: true, ..Tls::default() };
    let settings = Box::new(Settings { tls, ..Settings::new(&collector.address) });
    let to = To::Server { wire: Wire::Grpc, settings, queue: Queue::default() };
    let delivery = Delivery::start(vec![Exporter { id: "otlp".to_owned(), to }]).unwrap();
    let policy = Policy { mints: true, is_recorded: true, ..Policy::default() };
    let (begun, waiting) = mpsc::channel(8);
    let webhook = Webhook::start(policy.clone(), Some(begun)).await;
    let mut client = webhook.connect().await;
    let (_, answer) = client.send("POST", "/stamp", &[], review()).await;
    // What another webhook refuses is stamped all the same.
    let (_, _) = client.send("POST", "/stamp", &[], review_of("refused")).await;
    let (_, _) = client.send("POST", "/stamp", &[], review_of("forbidden")).await;
    let traceparent = written(&answer)[1].as_str().unwrap().to_owned();
    let stored = json!({"metadata": {"annotations": {"tracing.k8s.io/traceparent": traceparent}}});
    let look = |path: String| {
        let found = match &*path {
            "/apis/apps/v1/namespaces/shop/deployments/web" => Look::Is(Some(stored.clone())),
            "/apis/apps/v1/namespaces/shop/deployments/forbidden" => Look::Failed("no".to_owned()),
            _ => Look::Is(None),
        };
        std::future::ready(found)
    };
    webhook.hook.close();
    let unsent = std::cell::RefCell::new(Vec::new());
    let tell = |problem: Option<&str>| unsent.borrow_mut().push(problem.map(str::to_owned));
    roots::send(waiting, &policy, &delivery, look, tell).await;
    let mut unsent = unsent.into_inner();
    unsent.sort();
    assert_eq!(unsent, [None, Some("no".to_owned())]);
    delivery.drain(std::time::Duration::from_secs(5)).await;
    let received = collector.received();
    let [request] = &received[..] else { panic!("{} requests", received.len()) };
    let [span] = &request.body.resource_spans[0].scope_spans[0].spans[..] else { panic!() };
    let hex = |bytes: &[u8]| -> String { bytes.iter().map(|it| format!("{it:02x}")).collect() };
    assert_eq!(traceparent, format!("00-{}-{}-01", hex(&span.trace_id), hex(&span.span_id)));
    assert_eq!(span.name, "admit");
}

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_told_by_healthz_and_not_by_livez() {
    let webhook = Webhook::start(Policy::default(), None).await;
    let mut client = webhook.connect().await;
    webhook.hook.set_distrust(Some("the caBundle cannot be written".to_owned()));
    let (status, said) = client.send("GET", "/healthz", &[], Bytes::new()).await;
    let said = str::from_utf8(&said).unwrap();
    assert_eq!((status, said), (503, "nothing is stamped: the caBundle cannot be written\n"));
    assert_eq!(client.send("GET", "/livez", &[], Bytes::new()).await.0, 200);
    webhook.hook.set_distrust(None);
    assert_eq!(client.send("GET", "/healthz", &[], Bytes::new()).await.0, 200);
}

#[test]
fn a_configuration_that_is_none_is_told_before_anything_is_answered() {
    let lifespan = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_lifespan"));
        let output = command.arg("webhook").args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = lifespan(&["--config", "/nonexistent.yaml"]);
    assert!(code == Some(1) && said.contains("/nonexistent.yaml"), "{said}");
    let (code, said) = lifespan(&["--key", "no key"]);
    assert!(code == Some(2) && said.contains("expected the key of an annotation"), "{said}");
}

#[tokio::test]
async fn who_asks_for_something_else_is_told_what_is_expected() {
    let webhook = Webhook::start(Policy::default(), None).await;
    let mut client = webhook.connect().await;
    for (method, path, expected) in
        [("GET", "/healthz", 200), ("GET", "/stamp", 405), ("POST", "/", 404)]
    {
        let (status, _) = client.send(method, path, &[], Bytes::new()).await;
        assert_eq!(status, expected, "{method} {path}");
    }
    let (status, said) = client.send("POST", "/stamp", &[], Bytes::from("{}")).await;
    let said = str::from_utf8(&said).unwrap();
    assert!(status == 400 && said.starts_with("an AdmissionReview is expected"), "{said}");
    let large = Bytes::from(vec![b' '; 17 << 20]);
    let (status, said) = webhook.connect().await.send("POST", "/stamp", &[], large).await;
    assert_eq!((status, str::from_utf8(&said).unwrap()), (400, "length limit exceeded\n"));
}

#[tokio::test]
async fn a_certificate_for_another_name_is_not_trusted() {
    let webhook = Webhook::start(Policy::default(), None).await;
    let other = Https::connect(&webhook.address, "lifespan-webhook.other.svc", &webhook.bundle);
    assert!(other.await.is_err());
    // The one that broke off does not concern the next.
    let mut client = webhook.connect().await;
    assert_eq!(client.send("GET", "/healthz", &[], Bytes::new()).await.0, 200);
}
