//! Stamps an object that is in a cluster.

use std::time::Duration;

use http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use kube_client::Client;
use kube_client::client::Body;
use serde_json::Value;
use tokio::time::timeout;

use super::reader::chain;
use crate::manifest::{Stamping, merge_patch};

/// Who waits for an answer is told so after this.
const PATIENCE: Duration = Duration::from_secs(15);

/// How often an object that others write meanwhile is read anew.
const TRIES: usize = 5;

/// Names that people use, the resource, its group and version, and whether it is in a namespace.
const KNOWN: [(&[&str], &str, &str, bool); 12] = [
    (&["deploy", "deployment", "deployments"], "apis/apps/v1", "deployments", true),
    (&["rs", "replicaset", "replicasets"], "apis/apps/v1", "replicasets", true),
    (&["sts", "statefulset", "statefulsets"], "apis/apps/v1", "statefulsets", true),
    (&["ds", "daemonset", "daemonsets"], "apis/apps/v1", "daemonsets", true),
    (&["job", "jobs"], "apis/batch/v1", "jobs", true),
    (&["cj", "cronjob", "cronjobs"], "apis/batch/v1", "cronjobs", true),
    (&["po", "pod", "pods"], "api/v1", "pods", true),
    (&["svc", "service", "services"], "api/v1", "services", true),
    (&["cm", "configmap", "configmaps"], "api/v1", "configmaps", true),
    (
        &["pvc", "persistentvolumeclaim", "persistentvolumeclaims"],
        "api/v1",
        "persistentvolumeclaims",
        true,
    ),
    (&["ns", "namespace", "namespaces"], "api/v1", "namespaces", false),
    (&["no", "node", "nodes"], "api/v1", "nodes", false),
];

/// An object as it was named: `deploy/web`, `trainjobs.trainer.kubeflow.org/gpt`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    resource: String,
    name: String,
}

/// An object cannot be stamped.
#[derive(Debug, thiserror::Error)]
pub enum StampError {
    /// Nothing has that name.
    #[error("{0} is not known: name it as RESOURCE.GROUP/NAME, such as rollouts.argoproj.io/web")]
    Unknown(String),
    /// The API server did not do as it was asked.
    #[error("{object}: {problem}")]
    Refused {
        /// `deployments web`
        object: String,
        /// What it said.
        problem: String,
    },
}

impl std::str::FromStr for Named {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let expected = "expected KIND/NAME, such as deploy/web; files are given with -f";
        let (resource, name) = text.split_once('/').ok_or(expected)?;
        let is_good = |part: &str| {
            let is_inner = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
            part.starts_with(|first: char| first.is_ascii_alphanumeric())
                && part.bytes().all(is_inner)
        };
        // Both stand in the path of a request.
        if !is_good(resource) || !is_good(name) {
            return Err(expected);
        }
        Ok(Self { resource: resource.to_ascii_lowercase(), name: name.to_owned() })
    }
}

/// Stamps an object in `namespace`, or the one that the kubeconfig names. Its name, and whether it
/// was stamped or had a trace context of its own.
///
/// # Errors
/// The object is not there, or may not be written.
pub async fn stamp(
    client: &Client,
    namespace: Option<&str>,
    named: &Named,
    how: &Stamping,
) -> Result<(String, bool), StampError> {
    let namespace = namespace.unwrap_or_else(|| client.default_namespace());
    let path = path(client, namespace, named).await?;
    let object = format!("{} {}", named.resource, named.name);
    let refused = |problem| StampError::Refused { object: object.clone(), problem };
    for _ in 0..TRIES {
        let (status, read) = ask(client, Method::GET, &path, "").await.map_err(refused)?;
        if !status.is_success() {
            return Err(refused(told(status, &read)));
        }
        let text = |pointer| read.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let kind = text("/kind");
        let told_as = match text("/metadata/namespace") {
            "" => format!("{kind} {}", named.name),
            namespace => format!("{kind} {namespace}/{}", named.name),
        };
        let Some(patch) = merge_patch(&read, how) else { return Ok((told_as, false)) };
        let (status, answer) =
            ask(client, Method::PATCH, &path, &patch.to_string()).await.map_err(refused)?;
        match status {
            StatusCode::CONFLICT => {}
            status if status.is_success() => return Ok((told_as, true)),
            status => return Err(refused(told(status, &answer))),
        }
    }
    Err(refused(format!("others wrote it {TRIES} times while it was read")))
}

/// Reads an object in `namespace`, or the one that the kubeconfig names.
///
/// # Errors
/// The object is not there, or may not be read.
pub async fn read(
    client: &Client,
    namespace: Option<&str>,
    named: &Named,
) -> Result<Value, StampError> {
    let namespace = namespace.unwrap_or_else(|| client.default_namespace());
    let path = path(client, namespace, named).await?;
    let refused = |problem| StampError::Refused {
        object: format!("{} {}", named.resource, named.name),
        problem,
    };
    let (status, read) = ask(client, Method::GET, &path, "").await.map_err(refused)?;
    if status.is_success() { Ok(read) } else { Err(refused(told(status, &read))) }
}

/// The path of the object at the API server.
async fn path(client: &Client, namespace: &str, named: &Named) -> Result<String, StampError> {
    let Named { resource, name } = named;
    let of = |base: &str, plural: &str, is_namespaced: bool| match is_namespaced {
        true => format!("/{base}/namespaces/{namespace}/{plural}/{name}"),
        false => format!("/{base}/{plural}/{name}"),
    };
    if let Some((_, base, plural, is_namespaced)) =
        KNOWN.iter().find(|(names, ..)| names.contains(&resource.as_str()))
    {
        return Ok(of(base, plural, *is_namespaced));
    }
    let unknown = || StampError::Unknown(resource.clone());
    let (plural, group) = resource.split_once('.').ok_or_else(unknown)?;
    let refused = |problem| StampError::Refused { object: resource.clone(), problem };
    let (_, found) =
        ask(client, Method::GET, &format!("/apis/{group}"), "").await.map_err(refused)?;
    let version = found.pointer("/preferredVersion/version").and_then(Value::as_str);
    let base = format!("apis/{group}/{}", version.ok_or_else(unknown)?);
    let (_, found) = ask(client, Method::GET, &format!("/{base}"), "").await.map_err(refused)?;
    let resources = found.get("resources").and_then(Value::as_array);
    let is_it = |it: &&Value| it.get("name").and_then(Value::as_str) == Some(plural);
    let resource = resources.and_then(|all| all.iter().find(is_it)).ok_or_else(unknown)?;
    let is_namespaced = resource.get("namespaced").and_then(Value::as_bool).unwrap_or(true);
    Ok(of(&base, plural, is_namespaced))
}

async fn ask(
    client: &Client,
    method: Method,
    path: &str,
    body: &str,
) -> Result<(StatusCode, Value), String> {
    let mut request = Request::builder().method(method).uri(path);
    if !body.is_empty() {
        request = request.uri(format!("{path}?fieldManager=lifespan-stamp"));
        request = request.header(header::CONTENT_TYPE, "application/merge-patch+json");
    }
    let request = request.body(Body::from(body.as_bytes().to_vec()));
    let request = request.map_err(|error| chain(&error))?;
    let answer = async {
        let answer = client.send(request).await.map_err(|error| chain(&error))?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map_err(|error| chain(&error))?.to_bytes();
        Ok((head.status, serde_json::from_slice(&body).unwrap_or_default()))
    };
    timeout(PATIENCE, answer).await.map_err(|_| format!("no answer within {PATIENCE:?}"))?
}

/// What the API server says of a request that it did not carry out.
fn told(status: StatusCode, answer: &Value) -> String {
    let message = answer.get("message").and_then(Value::as_str);
    message.map_or_else(|| status.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_named_as_kubectl_has_it() {
        let named = |text: &str| text.parse::<Named>().map(|it| (it.resource, it.name));
        assert_eq!(named("Deploy/web"), Ok(("deploy".into(), "web".into())));
        let custom = Ok(("trainjobs.trainer.kubeflow.org".into(), "gpt.2".into()));
        assert_eq!(named("trainjobs.trainer.kubeflow.org/gpt.2"), custom);
        for text in ["web", "deploy/", "/web", "deploy/a/b", "deploy/..", "deploy/a?b", "./x.yaml"]
        {
            assert!(named(text).is_err(), "{text}");
        }
    }
}
