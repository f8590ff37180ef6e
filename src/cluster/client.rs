//! From a kubeconfig, or from inside a Pod, to a client.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use hyper_rustls::{FixedServerNameResolver, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use kube_client::client::{ClientBuilder, ConfigExt as _};
use kube_client::config::{KubeConfigOptions, Kubeconfig};
use kube_client::{Client, Config};
use rustls::RootCertStore;
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::timeout;
use tower::{BoxError, ServiceExt as _};

use super::problem::problem;
use crate::trust;

/// No connection takes longer to be made, and no credentials.
const PATIENCE: Duration = Duration::from_secs(15);

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
    /// Another user, by leave of who this is.
    As {
        /// `system:serviceaccount:shop:web`
        user: String,
        /// Who this is.
        by: Box<Self>,
    },
}

/// Nothing says where the cluster is, or not so that it can be used; the message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {
    /// Nothing says where it is.
    #[error("no cluster to watch: {0}; set KUBECONFIG or name a file with --kubeconfig")]
    NotFound(String),
    /// What says where it is cannot be used.
    #[error("the kubeconfig cannot be used: {0}")]
    KubeConfig(String),
    /// Not inside a Pod with a service account.
    #[error("no service account to use: {0}; outside of a cluster, use a kubeconfig")]
    ServiceAccount(String),
}

/// A client, and the address it leads to. A credential plugin is called meanwhile, and may hang: that is
/// waited for in a thread of its own, so that signals are heard.
pub(super) async fn client(access: &Access) -> Result<(Client, String), AccessError> {
    let (access, runtime) = (access.clone(), Handle::current());
    let (made, waits) = oneshot::channel();
    thread::spawn(move || drop(made.send(runtime.block_on(made_of(&access)))));
    let silent = || format!("its credential plugin has not answered for {PATIENCE:?}");
    match timeout(PATIENCE, waits).await {
        Ok(Ok(client)) => client,
        Ok(Err(_)) | Err(_) => Err(AccessError::KubeConfig(silent())),
    }
}

async fn made_of(access: &Access) -> Result<(Client, String), AccessError> {
    let mut config = config(access).await?;
    trim_token(&mut config);
    config.connect_timeout = Some(PATIENCE);
    let server = config.cluster_url.to_string();
    let client = build(&config).map_err(|error| AccessError::KubeConfig(problem(&error)))?;
    Ok((client, server))
}

/// A token that stands in a file goes without the end of its line, as for kubectl; kube would send that,
/// and no header may hold it. It is read anew where it is accepted no more.
fn trim_token(config: &mut Config) {
    let auth = &mut config.auth_info;
    let file = auth.token_file.as_ref().filter(|_| auth.token.is_none());
    let Some(token) = file.and_then(|file| std::fs::read_to_string(file).ok()) else { return };
    if token.trim() != token {
        auth.token = Some(token.trim().to_owned().into());
    }
}

/// A client as kube makes it, without its retries and its logs, and with `TCP_NODELAY`: else the
/// first request on each connection waits some 40 ms for the server to acknowledge what TLS said.
fn build(config: &Config) -> kube_client::Result<Client> {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_nodelay(true);
    connector.set_connect_timeout(config.connect_timeout);
    let connector = https(config, connector)?;
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

/// A connector as kube makes it, which takes a server too that shows the very certificate that the
/// kubeconfig gives, as kubectl does.
fn https(
    config: &Config,
    http: HttpConnector,
) -> kube_client::Result<HttpsConnector<HttpConnector>> {
    // What may be written anew is read again by kube.
    let is_given = !config.accept_invalid_certs && config.root_cert_file.is_none();
    let given = config.root_cert.iter().flatten().filter(|_| is_given);
    let given: Vec<CertificateDer<'static>> = given.cloned().map(CertificateDer::from).collect();
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(given.iter().cloned());
    if roots.is_empty() {
        return config.rustls_https_connector_with_connector(http);
    }
    let Ok(verifier) = trust::verifier(roots, given, Arc::new(ring::default_provider())) else {
        return config.rustls_https_connector_with_connector(http);
    };
    let mut tls = config.rustls_client_config()?;
    tls.dangerous().set_certificate_verifier(verifier);
    let builder = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
    let name = config.tls_server_name.clone().and_then(|name| ServerName::try_from(name).ok());
    let builder = match name {
        Some(name) => builder.with_server_name_resolver(FixedServerNameResolver::new(name)),
        None => builder,
    };
    Ok(builder.enable_http1().wrap_connector(http))
}

async fn config(access: &Access) -> Result<Config, AccessError> {
    match access {
        Access::As { user, by } => {
            let mut config = Box::pin(config(by)).await?;
            config.auth_info.impersonate = Some(user.clone());
            Ok(config)
        }
        Access::Inferred => Config::infer().await.map_err(|error| {
            if !is_configured() {
                let why = "there is no kubeconfig, and this is not inside a cluster";
                return AccessError::NotFound(why.to_owned());
            }
            // What is wrong with the kubeconfig is of interest, not that this is no Pod either.
            let kubeconfig = std::error::Error::source(&error).unwrap_or(&error);
            AccessError::KubeConfig(problem(kubeconfig))
        }),
        Access::ServiceAccount => {
            Config::incluster().map_err(|error| AccessError::ServiceAccount(problem(&error)))
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
            config.map_err(|error| AccessError::KubeConfig(problem(&error)))
        }
    }
}

/// Whether somebody said where the cluster is, so that what is wrong with that is of interest.
fn is_configured() -> bool {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    std::env::var_os("KUBECONFIG").is_some()
        || home.is_some_and(|home| home.join(".kube/config").exists())
}
