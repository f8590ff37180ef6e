//! The client that all watches share, and how it comes by new credentials.
//!
//! kube reads a token's file and a Pod's CA again by itself, and asks an exec plugin anew. What it
//! reads only once is the kubeconfig: a token or a certificate in it, the address of the cluster.
//! So after a failure of that sort the kubeconfig is read again.

use std::sync::Arc;
use std::time::Duration;

use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kube_client::client::{ClientBuilder, ConfigExt as _};
use kube_client::{Client, Config};
use tokio::sync::Mutex;
use tokio::time::Instant;
use tower::{BoxError, ServiceExt as _};

use super::connect::{Access, client};
use super::course::Ended;

/// Many watches fail together, and a server that is away stays so for a while.
const SELDOM: Duration = Duration::from_secs(10);

/// The client that is to be used now; cheap to clone.
#[derive(Clone)]
pub struct Clients(Arc<Shared>);

struct Shared {
    /// What a new client is made from; `None` for one that is used as it is.
    access: Option<Access>,
    current: Mutex<Current>,
}

struct Current {
    client: Client,
    tried: Option<Instant>,
}

impl std::fmt::Debug for Clients {
    /// Credentials are not shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Clients").field("access", &self.0.access).finish_non_exhaustive()
    }
}

impl Clients {
    pub(super) fn new(client: Client, access: Option<Access>) -> Self {
        let current = Mutex::new(Current { client, tried: None });
        Self(Arc::new(Shared { access, current }))
    }

    /// The client.
    pub async fn current(&self) -> Client {
        self.0.current.lock().await.client.clone()
    }

    /// Makes a new client if `ended` is what old credentials or an old address lead to. What
    /// cannot be read now leaves the client as it is: the kubeconfig may be half written.
    pub(super) async fn renew_after(&self, ended: &Ended) {
        let is_suspect = matches!(ended, Ended::Refused { code: 401, .. } | Ended::Unreachable(_));
        let (true, Some(access)) = (is_suspect, &self.0.access) else { return };
        let mut current = self.0.current.lock().await;
        if current.tried.is_some_and(|tried| tried.elapsed() < SELDOM) {
            return;
        }
        current.tried = Some(Instant::now());
        match client(access).await {
            Ok((client, _)) => current.client = client,
            Err(error) => {
                tracing::warn!(%error, "Credentials cannot be read again; the old ones are used");
            }
        }
    }
}

/// A client as kube makes it, without its retries and its logs, and with `TCP_NODELAY`: else the
/// first request on each connection waits some 40 ms for the server to acknowledge what TLS said.
pub(super) fn build(config: &Config) -> kube_client::Result<Client> {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(config.connect_timeout);
    let connector = config.rustls_https_connector_with_connector(connector)?;
    let http = legacy::Client::builder(TokioExecutor::new()).build(connector);
    let http = http.map_err(BoxError::from);
    let namespace = config.default_namespace.clone();
    let headers = config.extra_headers_layer()?;
    let builder = ClientBuilder::new(http, namespace).with_layer(&headers);
    Ok(match config.auth_layer()? {
        Some(auth) => builder.with_layer(&auth).with_layer(&config.base_uri_layer()).build(),
        None => builder.with_layer(&config.base_uri_layer()).build(),
    })
}
