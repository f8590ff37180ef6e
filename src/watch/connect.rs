//! From a kubeconfig, or from inside a Pod, to a client and what must be known of its cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use http::StatusCode;
use http_body_util::BodyExt as _;
use kube_client::client::Body;
use kube_client::config::{KubeConfigOptions, Kubeconfig};
use kube_client::{Client, Config};
use serde::Deserialize;
use tokio::time::timeout;

use super::clients::{Clients, build};
use super::discovery;
use super::reader::chain;
use crate::kinds::Custom;

/// Who waits for a cluster that does not answer is told so after this.
const PATIENCE: Duration = Duration::from_secs(15);

/// WatchList is on by default from this minor version of Kubernetes 1 on.
const WATCH_LIST_SINCE: u32 = 34;

/// How to find the cluster and who to be there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Access {
    /// As kubectl does, else from inside a Pod.
    Inferred,
    /// A kubeconfig: `KUBECONFIG`, else `~/.kube/config`.
    KubeConfig {
        /// The file, instead of where it is looked for.
        file: Option<PathBuf>,
        /// The context in it, instead of the current one.
        context: Option<String>,
    },
    /// The service account of the Pod that this runs in.
    ServiceAccount,
}

/// A cluster that answered.
#[derive(Clone, Debug)]
pub struct Cluster {
    /// Speak with its API server.
    pub clients: Clients,
    /// The API server: `https://127.0.0.1:6443/`.
    pub server: String,
    /// `v1.36.0`
    pub version: String,
    /// The uid of the namespace kube-system; empty if that may not be read.
    pub uid: String,
    /// Whether the server is of a version that has WatchList.
    pub has_watch_list: bool,
}

/// There is no cluster to watch; the message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Nothing says where it is.
    #[error("no cluster to watch: {0}; set KUBECONFIG or name a file with --kubeconfig")]
    NotFound(String),
    /// What says where it is cannot be used.
    #[error("the kubeconfig cannot be used: {0}")]
    KubeConfig(String),
    /// Not inside a Pod with a service account.
    #[error("no service account to use: {0}; outside of a cluster, use a kubeconfig")]
    ServiceAccount(String),
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
    /// It answers, but not as an API server does.
    #[error("what answers at {server} is no Kubernetes API server: {problem}")]
    Strange {
        /// Its address.
        server: String,
        /// What it said.
        problem: String,
    },
}

/// Finds the cluster and asks it who it is.
///
/// # Errors
/// Tells why there is none, and what to do about it.
pub async fn connect(access: &Access) -> Result<Cluster, ConnectError> {
    let (client, server) = client(access).await?;
    let cluster = identify(client.clone(), server).await?;
    Ok(Cluster { clients: Clients::new(client, Some(access.clone())), ..cluster })
}

/// A client, and the address it leads to.
pub(super) async fn client(access: &Access) -> Result<(Client, String), ConnectError> {
    let mut config = config(access).await?;
    config.connect_timeout = Some(PATIENCE);
    let server = config.cluster_url.to_string();
    let client = build(&config).map_err(|error| ConnectError::KubeConfig(chain(&error)))?;
    Ok((client, server))
}

/// Asks an API server for its version and its uid; the client is used as it is.
///
/// # Errors
/// It cannot be reached, or does not answer as one.
pub async fn identify(client: Client, server: String) -> Result<Cluster, ConnectError> {
    let (status, body) = get(&client, &server, "/version").await?;
    if status == StatusCode::UNAUTHORIZED {
        return Err(ConnectError::Unauthorized { server, problem: status.to_string() });
    }
    if status.is_server_error() {
        let problem = format!("GET /version: {status}");
        return Err(ConnectError::Unreachable { server, problem });
    }
    #[derive(Default, Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Version {
        major: String,
        minor: String,
        git_version: String,
    }
    let version: Version = serde_json::from_slice(&body).unwrap_or_default();
    if !status.is_success() || version.git_version.is_empty() {
        return Err(ConnectError::Strange { server, problem: format!("GET /version: {status}") });
    }
    let has_watch_list = has_watch_list(&version.major, &version.minor);
    let (status, body) = get(&client, &server, "/api/v1/namespaces/kube-system").await?;
    let uid = if status.is_success() { uid(&body) } else { String::new() };
    if status == StatusCode::UNAUTHORIZED {
        return Err(ConnectError::Unauthorized { server, problem: status.to_string() });
    }
    if uid.is_empty() {
        tracing::warn!(%status, "The uid of namespace kube-system cannot be read; trace ids do without it");
    }
    let clients = Clients::new(client, None);
    Ok(Cluster { clients, server, version: version.git_version, uid, has_watch_list })
}

/// Those of `customs` that the cluster serves, to be listed and watched, in some version.
///
/// # Errors
/// The API server cannot be reached, or does not say what it serves.
pub async fn served(cluster: &Cluster, customs: &[Custom]) -> Result<Vec<Custom>, ConnectError> {
    let (client, server) = (&cluster.clients.current().await, &cluster.server);
    let strange = |path: &str, status| ConnectError::Strange {
        server: server.clone(),
        problem: format!("GET {path}: {status}"),
    };
    let (status, body) = get(client, server, "/apis").await?;
    let groups = discovery::groups(&body).ok_or_else(|| strange("/apis", status))?;
    let mut served: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for group in groups {
        if customs.iter().all(|custom| custom.group != group.name) {
            continue;
        }
        let resources = served.entry(group.name.clone()).or_default();
        for version in group.versions {
            let path = format!("/apis/{}/{version}", group.name);
            let (status, body) = get(client, server, &path).await?;
            // A version may go between two questions; the others are served all the same.
            let found = discovery::watchable(&body).unwrap_or_else(|| {
                tracing::warn!(path, %status, "What is served of a version is not known");
                Vec::new()
            });
            resources.extend(found);
        }
    }
    let is_served = |custom: &&Custom| {
        served.get(&custom.group).is_some_and(|resources| resources.contains(&custom.plural))
    };
    Ok(customs.iter().filter(is_served).cloned().collect())
}

async fn config(access: &Access) -> Result<Config, ConnectError> {
    match access {
        Access::Inferred => Config::infer().await.map_err(|error| {
            if !is_configured() {
                let why = "there is no kubeconfig, and this is not inside a cluster";
                return ConnectError::NotFound(why.to_owned());
            }
            // What is wrong with the kubeconfig is of interest, not that this is no Pod either.
            let kubeconfig = std::error::Error::source(&error).unwrap_or(&error);
            ConnectError::KubeConfig(chain(kubeconfig))
        }),
        Access::ServiceAccount => {
            Config::incluster().map_err(|error| ConnectError::ServiceAccount(chain(&error)))
        }
        Access::KubeConfig { file, context } => {
            let options =
                KubeConfigOptions { context: context.clone(), ..KubeConfigOptions::default() };
            let config = match file {
                None => Config::from_kubeconfig(&options).await,
                Some(file) => match Kubeconfig::read_from(file) {
                    Ok(read) => Config::from_custom_kubeconfig(read, &options).await,
                    Err(error) => Err(error),
                },
            };
            config.map_err(|error| ConnectError::KubeConfig(chain(&error)))
        }
    }
}

/// Whether somebody said where the cluster is, so that what is wrong with that is of interest.
fn is_configured() -> bool {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    std::env::var_os("KUBECONFIG").is_some()
        || home.is_some_and(|home| home.join(".kube/config").exists())
}

fn has_watch_list(major: &str, minor: &str) -> bool {
    let digits: String = minor.chars().take_while(char::is_ascii_digit).collect();
    major == "1" && digits.parse().is_ok_and(|minor: u32| minor >= WATCH_LIST_SINCE)
}

fn uid(namespace: &[u8]) -> String {
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
    serde_json::from_slice::<Object>(namespace).unwrap_or_default().metadata.uid
}

async fn get(
    client: &Client,
    server: &str,
    path: &str,
) -> Result<(StatusCode, Vec<u8>), ConnectError> {
    let unreachable = |problem| ConnectError::Unreachable { server: server.to_owned(), problem };
    let asked =
        http::Request::get(path).body(Body::empty()).map_err(|error| unreachable(chain(&error)))?;
    let answer = async {
        let answer = client.send(asked).await.map_err(|error| chain(&error))?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await.map_err(|error| chain(&error))?;
        Ok((head.status, body.to_bytes().to_vec()))
    };
    match timeout(PATIENCE, answer).await {
        Ok(answer) => answer.map_err(unreachable),
        Err(_) => Err(unreachable(format!("no answer within {PATIENCE:?}"))),
    }
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
        assert_eq!(uid(br#"{"metadata":{"name":"kube-system","uid":"u-1"}}"#), "u-1");
        assert_eq!(uid(b"<html>"), "");
    }
}
