//! A controller that takes part in traces: it reconciles with a span that is linked to the write
//! of the object, and stamps what it writes itself.
//!
//! It keeps a ConfigMap `<name>-report` for each Deployment of the current context's namespace with
//! the label `report=yes`. Run it with `cargo run --example controller`; it prints a line for each
//! reconcile that changes something, and ends with its watch.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example speaks to a person")]

use std::collections::BTreeMap;
use std::error::Error;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::ConfigMap;
use kube_client::api::{PostParams, WatchParams};
use kube_client::core::WatchEvent;
use kube_client::{Api, Client, ResourceExt as _};
use lifespan::context::{Injection, ReconcileSpan, child, inject, minted, reconcile_span};
use lifespan::facts::stamp::TraceContext;
use lifespan::random;
use tokio_stream::StreamExt as _;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let client = Client::try_default().await?;
    let deployments: Api<Deployment> = Api::default_namespaced(client.clone());
    let reports: Api<ConfigMap> = Api::default_namespaced(client);
    // From resourceVersion 0 a watch begins with all there are.
    let params = WatchParams::default().labels("report=yes").timeout(60);
    let mut watch = std::pin::pin!(deployments.watch(&params, "0").await?);
    while let Some(event) = watch.next().await {
        if let WatchEvent::Added(deployment) | WatchEvent::Modified(deployment) = event?
            && let Err(error) = reconcile(&reports, &deployment).await
        {
            eprintln!("{}: {error}", deployment.name_any());
        }
    }
    Ok(())
}

async fn reconcile(reports: &Api<ConfigMap>, of: &Deployment) -> Result<(), kube_client::Error> {
    let wanted = BTreeMap::from([("replicas".to_owned(), replicas(of))]);
    let name = format!("{}-report", of.name_any());
    let current = reports.get_opt(&name).await?;
    // What changes nothing is neither a span nor a stamp.
    if current.as_ref().is_some_and(|report| report.data.as_ref() == Some(&wanted)) {
        return Ok(());
    }
    let (begins, span) = start_span(of);
    let is_new = current.is_none();
    let mut report = current.unwrap_or_default();
    report.data = Some(wanted);
    // The new version has a new cause: the stamp of the last one is replaced.
    let how = Injection { overwrites: true, ..Injection::default() };
    inject(&span, report.annotations_mut(), &how);
    if is_new {
        report.metadata.name = Some(name.clone());
        reports.create(&PostParams::default(), &report).await?;
    } else {
        reports.replace(&name, &PostParams::default(), &report).await?;
    }
    let links: Vec<String> = begins.links.iter().map(|link| link.trace_id.to_string()).collect();
    println!(
        "{name} kind={:?} trace={} span={} links=[{}]",
        ReconcileSpan::KIND,
        span.trace_id,
        span.span_id,
        links.join(", ")
    );
    Ok(())
}

/// Here a tracing library would start the span; without one only its ids are made.
fn start_span(of: &Deployment) -> (ReconcileSpan, TraceContext) {
    let begins = reconcile_span(of.annotations());
    let root = minted(&random::key());
    (begins, child(&root, &random::key()))
}

fn replicas(of: &Deployment) -> String {
    of.spec.replicas.unwrap_or(1).to_string()
}
