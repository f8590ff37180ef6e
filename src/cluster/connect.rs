//! A cluster that answered, and what must be known of it.

use std::collections::{BTreeMap, BTreeSet};

use kube_client::Client;
use serde::Deserialize;

use super::api_server::ApiServer;
use super::client::client;
pub use super::client::{Access, AccessError};
use super::discovery;
use super::refusal::Failed;
use crate::kinds::Custom;

/// WatchList is on by default from this minor version of Kubernetes 1 on.
const WATCH_LIST_SINCE: u32 = 34;

/// A cluster that answered.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Ask it here.
    pub api: ApiServer,
    /// The API server: `https://127.0.0.1:6443/`.
    pub server: String,
    /// `v1.36.0`
    pub version: String,
    /// The uid of the namespace kube-system, if that may be read and was asked for.
    pub uid: Option<String>,
    /// Whether the server is of a version that has WatchList.
    pub has_watch_list: bool,
}

impl Cluster {
    /// The same, where it is said whether lists may be read as watches.
    #[must_use]
    pub fn with_watch_list(self, said: Option<bool>) -> Self {
        Self { has_watch_list: said.unwrap_or(self.has_watch_list), ..self }
    }
}

/// There is no cluster to watch; the message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nothing says where it is.
    #[error(transparent)]
    Access(#[from] AccessError),
    /// It does not answer.
    #[error(
        "the API server at {server} cannot be reached: {problem}; is the cluster running, and does the kubeconfig name it?"
    )]
    Unreachable {
        /// Its address.
        server: String,
        /// What happened.
        problem: String,
    },
    /// It does not know who asks.
    #[error(
        "the API server at {server} does not accept these credentials ({problem}); they may have expired: try `kubectl auth whoami`"
    )]
    Unauthorized {
        /// Its address.
        server: String,
        /// What it said.
        problem: String,
    },
    /// It does not let who asks ask for that. Everybody may as a rule, so that one that has just begun may
    /// not have been told yet.
    #[error(
        "the API server at {server} refuses GET {path} ({problem}); it may have just begun, or these credentials lack what the ClusterRole system:public-info-viewer allows"
    )]
    Forbidden {
        /// Its address.
        server: String,
        /// What was asked for.
        path: String,
        /// What it said.
        problem: String,
    },
    /// It answers, but not as an API server does.
    #[error("what answers at {server} is no Kubernetes API server: {problem}")]
    Strange {
        /// Its address.
        server: String,
        /// What it said.
        problem: String,
    },
}

impl ConnectError {
    /// What it means that the server at `server` did not answer `GET path`.
    fn of(server: &str, path: &str, failed: &Failed) -> Self {
        let server = server.to_owned();
        let problem = failed.to_string();
        let asked = format!("GET {path}: {failed}");
        match failed {
            Failed::Refused { code: 401, .. } => Self::Unauthorized { server, problem },
            Failed::Refused { code: 403, .. } => {
                Self::Forbidden { server, path: path.to_owned(), problem }
            }
            Failed::Refused { code: 429 | 500.., .. } => {
                Self::Unreachable { server, problem: asked }
            }
            Failed::Refused { .. } => Self::Strange { server, problem: asked },
            Failed::Unreachable(_) | Failed::Broken(_) => Self::Unreachable { server, problem },
        }
    }
}

/// Finds the cluster and asks it who it is; for its uid, which only some need and not all may read,
/// where `needs_uid`.
///
/// # Errors
/// Tells why there is none, and what to do about it.
pub async fn connect(access: &Access, needs_uid: bool) -> Result<Cluster, ConnectError> {
    let (client, server) = client(access).await?;
    identified(ApiServer::new(client, Some(access.clone())), server, needs_uid).await
}

/// Asks an API server for its version and its uid; the client is used as it is.
///
/// # Errors
/// It cannot be reached, or does not answer as one.
pub async fn identify(client: Client, server: String) -> Result<Cluster, ConnectError> {
    identified(ApiServer::from(client), server, true).await
}

async fn identified(
    api: ApiServer,
    server: String,
    needs_uid: bool,
) -> Result<Cluster, ConnectError> {
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Version {
        major: String,
        minor: String,
        git_version: String,
    }
    let said = api.get("/version").await;
    let said = said.map_err(|failed| ConnectError::of(&server, "/version", &failed))?;
    let version: Version = serde_json::from_slice(&said).unwrap_or_default();
    if version.git_version.is_empty() {
        let problem = "GET /version tells no version".to_owned();
        return Err(ConnectError::Strange { server, problem });
    }
    let has_watch_list = has_watch_list(&version.major, &version.minor);
    let namespace = "/api/v1/namespaces/kube-system";
    let read = if needs_uid { api.get(namespace).await.map(Some) } else { Ok(None) };
    let uid = match read {
        Ok(said) => said.and_then(|said| uid(&said)),
        // A server that is too busy to say it is another matter: without its uid, ids are others.
        Err(Failed::Refused { code: code @ (403 | 404), message, .. }) => {
            tracing::debug!(code, message, "The namespace kube-system cannot be read");
            None
        }
        Err(failed) => return Err(ConnectError::of(&server, namespace, &failed)),
    };
    if needs_uid && uid.is_none() {
        tracing::warn!("The uid of namespace kube-system cannot be read; trace ids do without it");
    }
    Ok(Cluster { api, server, version: version.git_version, uid, has_watch_list })
}

/// Those of `customs` that the cluster serves, to be listed and watched, in some version.
///
/// # Errors
/// The API server cannot be reached, or does not say what it serves.
pub async fn served(cluster: &Cluster, customs: &[Custom]) -> Result<Vec<Custom>, ConnectError> {
    let Cluster { api, server, .. } = cluster;
    let said = api.get("/apis").await;
    let said = said.map_err(|failed| ConnectError::of(server, "/apis", &failed))?;
    let strange = || ConnectError::Strange {
        server: server.clone(),
        problem: "GET /apis is no list of API groups".to_owned(),
    };
    let groups = discovery::groups(&said).ok_or_else(strange)?;
    let mut served: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for group in groups {
        if customs.iter().all(|custom| custom.group != group.name) {
            continue;
        }
        let resources = served.entry(group.name.clone()).or_default();
        for version in group.versions {
            let path = format!("/apis/{}/{version}", group.name);
            // A version may go between two questions; the others are served all the same.
            let found = match api.get(&path).await {
                Ok(said) => discovery::resources(&said).unwrap_or_default(),
                Err(failed @ Failed::Refused { .. }) => {
                    tracing::warn!(path, %failed, "What is served of a version is not known");
                    Vec::new()
                }
                Err(failed) => return Err(ConnectError::of(server, &path, &failed)),
            };
            let watchable = found.into_iter().filter(discovery::Resource::can_be_watched);
            resources.extend(watchable.map(|resource| resource.name));
        }
    }
    let is_served = |custom: &&Custom| {
        served.get(&custom.group).is_some_and(|resources| resources.contains(&custom.plural))
    };
    Ok(customs.iter().filter(is_served).cloned().collect())
}

fn has_watch_list(major: &str, minor: &str) -> bool {
    let digits: String = minor.chars().take_while(char::is_ascii_digit).collect();
    major == "1" && digits.parse().is_ok_and(|minor: u32| minor >= WATCH_LIST_SINCE)
}

fn uid(namespace: &[u8]) -> Option<String> {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Object {
        metadata: Metadata,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Metadata {
        uid: String,
    }
    let object = serde_json::from_slice::<Object>(namespace).unwrap_or_default();
    Some(object.metadata.uid).filter(|uid| !uid.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn watch_list_is_used_where_servers_have_it_by_default() {
        for (minor, expected) in [("33", false), ("34", true), ("36+", true), ("", false)] {
            assert_eq!(has_watch_list("1", minor), expected, "{minor}");
        }
    }

    #[test]
    fn the_uid_of_a_cluster_is_that_of_its_system_namespace() {
        let read = |uid| format!(r#"{{"metadata":{{"name":"kube-system","uid":"{uid}"}}}}"#);
        assert_eq!(uid(read("u-1").as_bytes()).as_deref(), Some("u-1"));
        for none in [read("").as_str(), "{}", "<html>"] {
            assert_eq!(uid(none.as_bytes()), None, "{none}");
        }
    }
}
