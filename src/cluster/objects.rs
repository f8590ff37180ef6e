//! One object of a cluster, as a person names it: read, and stamped.

use serde_json::Value;

use super::api_server::ApiServer;
use super::discovery;
use super::refusal::Failed;
use crate::context::Injected;
use crate::facts::kind::Lane;
use crate::manifest::{Became, Stamping, merge_patch};

/// Who writes, as the object's managed fields tell it.
const MANAGER: &str = "lifespan-stamp";

/// How often an object that others write meanwhile is read anew.
const TRIES: usize = 5;

/// Resources of the core group that have no lane: what they are called, and whether their objects
/// are in namespaces.
const OTHERS: [(&[&str], &str, bool); 5] = [
    (&["svc", "service"], "services", true),
    (&["cm", "configmap"], "configmaps", true),
    (&["pvc", "persistentvolumeclaim"], "persistentvolumeclaims", true),
    (&["ns", "namespace"], "namespaces", false),
    (&["no", "node"], "nodes", false),
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
        let problem = if let Failed::Refused { message, .. } = failed
            && !message.is_empty()
        {
            // In the server's words: its code says no more.
            message.clone()
        } else {
            failed.to_string()
        };
        StampError::Refused { object, problem }
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

/// Stamps an object in `namespace`, or the one that the kubeconfig names. Its name, and what became
/// of it.
///
/// # Errors
/// The object is not there, or may not be written.
pub async fn stamp(
    api: &ApiServer,
    namespace: Option<&str>,
    named: &Named,
    how: &Stamping<'_>,
) -> Result<(String, Became), StampError> {
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
        let patch = match merge_patch(&read, how) {
            Ok(patch) => patch,
            Err(Injected::Kept) => return Ok((told_as, Became::Kept)),
            Err(_) => return Ok((told_as, Became::NoRoom)),
        };
        match api.patch(&path, MANAGER, &patch).await {
            Err(Failed::Refused { code: 409, .. }) => {}
            written => return written.map(|()| (told_as, Became::Stamped)).map_err(refused),
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

/// The object at `path`; `None` where there is none.
///
/// # Errors
/// It may not be read, or the server cannot be reached.
pub async fn find(api: &ApiServer, path: &str) -> Result<Option<Value>, Failed> {
    match object(api, path).await {
        Err(Failed::Refused { code: 404, .. }) => Ok(None),
        found => found.map(Some),
    }
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
    if let Some((base, plural, is_namespaced)) = known(resource) {
        return Ok(of(&base, plural, is_namespaced));
    }
    let unknown = || StampError::Unknown(resource.clone());
    let failed = |failed: Failed| {
        if matches!(failed, Failed::Refused { code: 404, .. }) {
            return unknown();
        }
        StampError::Refused { object: resource.clone(), problem: failed.to_string() }
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

/// The path of a known resource's version, its plural name, and whether its objects are in
/// namespaces. It is named as kubectl has it: by its plural, its singular or for short.
fn known(name: &str) -> Option<(String, &'static str, bool)> {
    let lanes = Lane::ALL.into_iter().filter(|lane| lane.has_lives());
    let built_in =
        lanes.filter_map(|lane| Some((lane, lane.resource()?))).find(|(lane, resource)| {
            let plural = resource.split('.').next().unwrap_or_default();
            let kind = lane.kind().map(|kind| kind.name().to_ascii_lowercase());
            [*resource, plural].contains(&name)
                || lane.short_name() == Some(name)
                || kind.as_deref() == Some(name)
        });
    if let Some((_, resource)) = built_in {
        return Some(match resource.split_once('.') {
            Some((plural, group)) => (format!("apis/{group}/v1"), plural, true),
            None => ("api/v1".to_owned(), resource, true),
        });
    }
    let is_it =
        |(names, plural, _): &&(&[&str], &str, bool)| names.contains(&name) || *plural == name;
    let (_, plural, is_namespaced) = OTHERS.iter().find(is_it)?;
    Some(("api/v1".to_owned(), plural, *is_namespaced))
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

    #[test]
    fn known_resources_are_found_by_all_of_kubectls_names() {
        let path = |name: &str| known(name).map(|(base, plural, _)| format!("{base}/{plural}"));
        for name in ["deploy", "deployment", "deployments", "deployments.apps"] {
            assert_eq!(path(name).as_deref(), Some("apis/apps/v1/deployments"), "{name}");
        }
        assert_eq!(path("po").as_deref(), Some("api/v1/pods"));
        assert_eq!(path("cj").as_deref(), Some("apis/batch/v1/cronjobs"));
        assert_eq!(path("services").as_deref(), Some("api/v1/services"));
        assert_eq!(known("no").map(|it| it.2), Some(false));
        assert_eq!(path("rollouts"), None);
    }
}
