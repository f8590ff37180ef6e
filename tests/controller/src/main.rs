//! A controller that takes part in traces: it reconciles with a span that is linked to the write of
//! the object, and stamps what it applies, once for each thing that it wants.
//!
//! It keeps a ConfigMap `<name>-report` for each Deployment of the current context's namespace with
//! the label `report=yes`, by server-side apply, and it watches what it owns. It prints a line for
//! each reconcile.

use std::collections::BTreeMap;
use std::error::Error;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{ObjectMeta, Patch, PatchParams};
use kube::runtime::controller::{Action, Controller};
use kube::runtime::watcher;
use kube::{Api, Client, Resource as _, ResourceExt as _};
use lifespan::context::{
    Injected, Injection, ReconcileSpan, TraceContext, inject_if_changed, reconcile_span,
};
use opentelemetry::trace::Span as _;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let client = Client::try_default().await?;
    let deployments: Api<Deployment> = Api::default_namespaced(client.clone());
    let reports: Api<ConfigMap> = Api::default_namespaced(client);
    let config = watcher::Config::default();
    Controller::new(deployments, config.clone().labels("report=yes"))
        .owns(reports.clone(), config)
        .run(reconcile, |_, _, _| Action::requeue(Duration::from_secs(5)), Arc::new(reports))
        .for_each(|reconciled| async move {
            if let Err(error) = reconciled {
                eprintln!("{error}");
            }
        })
        .await;
    Ok(())
}

async fn reconcile(of: Arc<Deployment>, reports: Arc<Api<ConfigMap>>) -> kube::Result<Action> {
    let name = format!("{}-report", of.name_any());
    let current = reports.get_opt(&name).await?;
    let (begins, span) = start_span(of.annotations());
    let (report, injected) = report(&of, current.as_ref(), &span);
    let apply = PatchParams::apply("report-controller").force();
    reports.patch(&name, &apply, &Patch::Apply(&report)).await?;
    let links: Vec<String> = begins.links.iter().map(|link| link.trace_id.to_string()).collect();
    println!(
        "{name} {injected:?} kind={:?} trace={} span={} links=[{}]",
        ReconcileSpan::KIND,
        span.trace_id,
        span.span_id,
        links.join(", ")
    );
    Ok(Action::await_change())
}

/// What is wanted, with the stamp of what is there if that is the same.
fn report(
    of: &Deployment,
    current: Option<&ConfigMap>,
    span: &TraceContext,
) -> (ConfigMap, Injected) {
    let replicas = of.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    let mut wanted = ConfigMap {
        metadata: ObjectMeta {
            name: Some(format!("{}-report", of.name_any())),
            owner_references: Some(of.controller_owner_ref(&()).into_iter().collect()),
            ..ObjectMeta::default()
        },
        data: Some(BTreeMap::from([("replicas".to_owned(), replicas.to_string())])),
        ..ConfigMap::default()
    };
    let spec = serde_json::json!(wanted.data);
    let there = current.map(|current| current.annotations());
    let how = Injection::default();
    let injected = inject_if_changed(span, there, &spec, wanted.annotations_mut(), &how);
    (wanted, injected)
}

/// Starts the span of a reconcile. Without an SDK of OpenTelemetry nothing is traced, and only its
/// ids are made.
fn start_span(annotations: &BTreeMap<String, String>) -> (ReconcileSpan, TraceContext) {
    let begins = reconcile_span(annotations);
    let span = begins.start(&opentelemetry::global::tracer("report-controller"), "reconcile");
    let context = TraceContext::try_from(span.span_context());
    (begins, context.unwrap_or_else(|_| TraceContext::minted(&random()).unrecorded()))
}

fn random() -> [u8; 32] {
    let mut random = [0; 32];
    for (n, chunk) in random.chunks_mut(8).enumerate() {
        chunk.copy_from_slice(&RandomState::new().hash_one(n).to_le_bytes());
    }
    random
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::apps::v1::DeploymentSpec;
    use lifespan::context::{extract, inject};

    use super::*;

    fn deployment(replicas: i32) -> Deployment {
        let spec = DeploymentSpec { replicas: Some(replicas), ..DeploymentSpec::default() };
        Deployment { spec: Some(spec), ..Deployment::default() }
    }

    #[test]
    fn what_is_wanted_anew_is_stamped_and_what_is_applied_again_keeps_its_stamp() {
        let spans = [1, 2, 3].map(|n| TraceContext::minted(&[n; 32]));
        let (first, injected) = report(&deployment(1), None, &spans[0]);
        assert_eq!(injected, Injected::Written);
        let (again, injected) = report(&deployment(1), Some(&first), &spans[1]);
        assert_eq!((again, injected), (first.clone(), Injected::Kept));
        let (other, injected) = report(&deployment(2), Some(&first), &spans[2]);
        assert_eq!(injected, Injected::Written);
        assert_eq!(extract(other.annotations()).map(|it| it.trace_id), Some(spans[2].trace_id));
    }

    #[test]
    fn a_reconcile_is_linked_to_the_write_of_its_object() {
        let write = TraceContext::minted(&[7; 32]);
        let mut deployment = deployment(1);
        let how = Injection::default();
        assert_eq!(inject(&write, deployment.annotations_mut(), &how), Injected::Written);
        let (begins, span) = start_span(deployment.annotations());
        assert_eq!(begins.links.first().map(|link| link.trace_id), Some(write.trace_id));
        assert_ne!(span.trace_id, write.trace_id);
    }
}
