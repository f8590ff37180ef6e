//! Connections to the server of an exporter: TCP, through a proxy or not, and TLS on it.

use std::io::{Error, ErrorKind, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper::rt;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tower::{Service, ServiceExt as _};

use super::endpoint::Settings;
use super::error::SettingsError;
use super::files::Machine;
use super::proxy::Proxy;
use super::tls::Tls;

/// Makes connections to one server. Clones make them to the same.
#[derive(Clone, Debug)]
pub(super) struct Connector(Arc<Server>);

#[derive(Debug)]
struct Server {
    uri: Uri,
    proxy: Option<Proxy>,
    secure: Option<Secure>,
    /// Zero is for ever.
    patience: Duration,
}

/// How TLS is begun.
#[derive(Debug)]
struct Secure {
    tls: Tls,
    protocol: &'static [u8],
    name: ServerName<'static>,
    /// When it was made, and what.
    config: Mutex<(Instant, Arc<ClientConfig>)>,
}

impl Connector {
    /// To the server at `uri`, over TLS if that is `https`; `protocol` is what is spoken there.
    pub(super) fn new(
        uri: Uri,
        settings: &Settings,
        protocol: &'static [u8],
    ) -> std::result::Result<Self, SettingsError> {
        let secure = match uri.scheme_str() {
            Some("https") => Some(Secure::new(&uri, &settings.tls, protocol)?),
            _ => None,
        };
        let proxy = settings.proxy.clone();
        Ok(Self(Arc::new(Server { uri, proxy, secure, patience: settings.timeout })))
    }

    /// Whether anything listens where the first connection goes to.
    pub(super) async fn reach(&self) -> Result<()> {
        let uri = self.0.proxy.as_ref().map_or(&self.0.uri, Proxy::uri);
        tcp(uri).await.map(drop)
    }
}

impl Service<Uri> for Connector {
    type Response = Io;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Io>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let server = Arc::clone(&self.0);
        Box::pin(async move {
            if server.patience.is_zero() {
                return server.connect().await;
            }
            let late = |_| {
                let patience = server.patience;
                Err(Error::new(ErrorKind::TimedOut, format!("no connection within {patience:?}")))
            };
            timeout(server.patience, server.connect()).await.unwrap_or_else(late)
        })
    }
}

impl Server {
    async fn connect(&self) -> Result<Io> {
        let (stream, is_proxied) = match (&self.proxy, &self.secure) {
            (None, _) => (tcp(&self.uri).await?, false),
            // The proxy is told what to ask for in each request.
            (Some(proxy), None) => (tcp(proxy.uri()).await?, true),
            (Some(proxy), Some(_)) => (self.tunnel(proxy).await?, false),
        };
        let inner: Box<dyn Stream> = match &self.secure {
            None => Box::new(stream),
            Some(secure) => {
                let connector = TlsConnector::from(secure.config().await);
                Box::new(connector.connect(secure.name.clone(), stream).await?)
            }
        };
        Ok(Io { inner: TokioIo::new(inner), is_proxied })
    }

    async fn tunnel(&self, proxy: &Proxy) -> Result<TcpStream> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let mut tunnel = Tunnel::new(proxy.uri().clone(), connector);
        if let Some(authorization) = proxy.authorization() {
            tunnel = tunnel.with_auth(authorization.clone());
        }
        let failed = |error| Error::other(format!("the proxy {}: {error}", proxy.uri()));
        let tunnel = tunnel.ready().await.map_err(failed)?.call(self.uri.clone());
        Ok(tunnel.await.map_err(failed)?.into_inner())
    }
}

async fn tcp(uri: &Uri) -> Result<TcpStream> {
    let default = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    let stream = TcpStream::connect((host(uri), uri.port_u16().unwrap_or(default))).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// A name or an address, without the brackets of IPv6.
fn host(uri: &Uri) -> &str {
    uri.host().unwrap_or_default().trim_matches(['[', ']'])
}

impl Secure {
    fn new(
        uri: &Uri,
        tls: &Tls,
        protocol: &'static [u8],
    ) -> std::result::Result<Self, SettingsError> {
        let name = tls.server_name_override.clone().unwrap_or_else(|| host(uri).to_owned());
        let wrong = || SettingsError::Tls(format!("`{name}` is no name that a certificate has"));
        let config = (Instant::now(), config(tls, protocol)?);
        let name = ServerName::try_from(name.clone()).map_err(|_| wrong())?;
        Ok(Self { tls: tls.clone(), protocol, name, config: Mutex::new(config) })
    }

    /// As it is now; files that have become unreadable change nothing.
    async fn config(&self) -> Arc<ClientConfig> {
        let mut kept = self.config.lock().await;
        if self.tls.reload.is_some_and(|after| kept.0.elapsed() >= after) {
            match config(&self.tls, self.protocol) {
                Ok(config) => kept.1 = config,
                Err(error) => tracing::warn!(
                    error = error.to_string(),
                    "Certificates cannot be read again; going on with those before"
                ),
            }
            kept.0 = Instant::now();
        }
        Arc::clone(&kept.1)
    }
}

fn config(tls: &Tls, protocol: &[u8]) -> std::result::Result<Arc<ClientConfig>, SettingsError> {
    let mut config = tls.client_config(&Machine)?;
    config.alpn_protocols = vec![protocol.to_vec()];
    Ok(Arc::new(config))
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// A connection.
pub(super) struct Io {
    inner: TokioIo<Box<dyn Stream>>,
    is_proxied: bool,
}

impl Connection for Io {
    fn connected(&self) -> Connected {
        Connected::new().proxy(self.is_proxied)
    }
}

impl rt::Read for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: rt::ReadBufCursor<'_>,
    ) -> Poll<Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl rt::Write for Io {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
