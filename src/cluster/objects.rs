//! One object of a cluster, as a person names it: read, and stamped.

use serde_json::Value;

use super::api_server::ApiServer;
use super::discovery;
use super::refusal::Failed;
use crate::manifest::{Stamping, merge_patch};

/// Who writes, as the object's managed fields tell it.
const MANAGER: &str = "lifespan-stamp";

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

impl Named {
    fn refused(&self, failed: &Failed) -> StampError {
        let object = format!("{} {}", self.resource, self.name);
        StampError::Refused { object, problem: failed.to_string() }
    }
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
    api: &ApiServer,
    namespace: Option<&str>,
    named: &Named,
    how: &Stamping,
) -> Result<(String, bool), StampError> {
    let path = path(api, namespace, named).await?;
    let refused = |failed: Failed| named.refused(&failed);
    for _ in 0..TRIES {
        let read = object(api, &path).await.map_err(refused)?;
        let text = |pointer| read.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let kind = text("/kind");
        let told_as = match text("/metadata/namespace") {
            "" => format!("{kind} {}", named.name),
            namespace => format!("{kind} {namespace}/{}", named.name),
        };
        let Some(patch) = merge_patch(&read, how) else { return Ok((told_as, false)) };
        match api.patch(&path, MANAGER, &patch).await {
            Err(Failed::Refused { code: 409, .. }) => {}
            written => return written.map(|()| (told_as, true)).map_err(refused),
        }
    }
    let problem = format!("others wrote it {TRIES} times while it was read");
    Err(named.refused(&Failed::Broken(problem)))
}

/// Reads an object in `namespace`, or the one that the kubeconfig names.
///
/// # Errors
/// The object is not there, or may not be read.
pub async fn read(
    api: &ApiServer,
    namespace: Option<&str>,
    named: &Named,
) -> Result<Value, StampError> {
    let path = path(api, namespace, named).await?;
    object(api, &path).await.map_err(|failed| named.refused(&failed))
}

async fn object(api: &ApiServer, path: &str) -> Result<Value, Failed> {
    let said = api.get(path).await?;
    serde_json::from_slice(&said).map_err(|error| Failed::Broken(error.to_string()))
}

/// The path of the object at the API server.
async fn path(
    api: &ApiServer,
    namespace: Option<&str>,
    named: &Named,
) -> Result<String, StampError> {
    let namespace = namespace.unwrap_or_else(|| api.default_namespace());
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
    let failed = |failed: Failed| match failed {
        Failed::Refused { code: 404, .. } => unknown(),
        failed => StampError::Refused { object: resource.clone(), problem: failed.to_string() },
    };
    let (plural, group) = resource.split_once('.').ok_or_else(unknown)?;
    let said = api.get(&format!("/apis/{group}")).await.map_err(failed)?;
    let group = discovery::group(&said).ok_or_else(unknown)?;
    let version = group.versions.first().ok_or_else(unknown)?;
    let base = format!("apis/{}/{version}", group.name);
    let said = api.get(&format!("/{base}")).await.map_err(failed)?;
    let mut resources = discovery::resources(&said).unwrap_or_default().into_iter();
    let found = resources.find(|it| it.name == plural).ok_or_else(unknown)?;
    Ok(of(&base, plural, found.namespaced))
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
