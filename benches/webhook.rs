//! How long the API server waits for the webhook, over loopback with TLS: `cargo bench --bench
//! webhook`. Prints quantiles; the server and its clients share the machine.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement is read by a person")]

use std::sync::Arc;

use lifespan::admission::Policy;
use lifespan::webhook::certificate::{Source, certificate};
use lifespan::webhook::server::{Hook, answer_reviews};
use prost::bytes::Bytes;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

#[path = "../tests/it/support/https.rs"]
mod https;

use https::Https;

/// One request at a time, and as many at once as a busy API server has.
const AT_ONCE: [usize; 2] = [1, 4];

const N_REQUESTS: usize = 5_000;

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for n_connections in AT_ONCE {
        runtime.block_on(measure(n_connections));
    }
}

async fn measure(n_connections: usize) {
    let made = certificate(&Source::SelfMade(vec!["localhost".to_owned()])).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let policy = Policy { mints: true, ..Policy::default() };
    let (_renew, tls) = watch::channel(made.config);
    let mut server = JoinSet::new();
    server.spawn(answer_reviews(listener, tls, Arc::new(Hook::new(policy, None))));
    let bundle = made.ca_bundle.unwrap();
    let body = review();
    println!("reviews of {} bytes, {n_connections} at once", body.len());
    let mut clients = JoinSet::new();
    for _ in 0..n_connections {
        let mut client = Https::connect(&address, "localhost", &bundle).await.unwrap();
        let body = body.clone();
        clients.spawn(async move {
            let mut times = Vec::with_capacity(N_REQUESTS);
            for n in 0..N_REQUESTS {
                let headers = [("traceparent", PARENT)];
                // Half of them have no trace context.
                let headers = if n % 2 == 0 { &headers[..] } else { &[] };
                let began = Instant::now();
                let (status, _) = client.send("POST", "/stamp", headers, body.clone()).await;
                times.push(began.elapsed());
                assert_eq!(status, 200);
            }
            times
        });
    }
    let mut times = Vec::new();
    while let Some(done) = clients.join_next().await {
        times.extend(done.unwrap());
    }
    times.sort();
    for (name, permille) in [("p50", 500), ("p90", 900), ("p99", 990), ("p99.9", 999)] {
        println!("{name:>6} {:?}", times.get(times.len() * permille / 1_000).unwrap());
    }
    println!("   max {:?}", times.last().unwrap());
}

/// An update of a Deployment with its managedFields, both versions of it.
fn review() -> Bytes {
    let old = include_str!("../tests/objects/deployment.json");
    let object: Value = serde_json::from_str(&old.replace("web:v2", "web:v9")).unwrap();
    let old: Value = serde_json::from_str(old).unwrap();
    let request = json!({"uid": "0d1e2f30-0000-4000-8000-000000000001",
        "kind": {"group": "apps", "version": "v1", "kind": "Deployment"},
        "operation": "UPDATE", "namespace": "default", "name": "web", "dryRun": false,
        "object": object, "oldObject": old});
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request})
        .to_string()
        .into()
}
