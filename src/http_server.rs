//! The one way to answer HTTP requests: connections bounded in number and time, small heads.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use prost::bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// What clients may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at the same time; more wait.
    pub connections: usize,
    /// A connection without a request is closed after this.
    pub idle: Duration,
    /// A connection lasts no longer, whatever the client does; `None` for as long as it likes.
    pub lasts: Option<Duration>,
    /// Bytes of a request's head.
    pub head: usize,
}

/// An address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error(
    "{what} cannot listen on {address}: {source}; set another endpoint, or stop what listens there"
)]
pub struct CannotListen {
    /// Who would listen.
    pub what: &'static str,
    /// Where.
    pub address: String,
    /// Why not.
    #[source]
    pub source: io::Error,
}

/// Listens on `address`, for `what`.
///
/// # Errors
/// The address is none, or something else listens on it.
pub async fn listen(what: &'static str, address: &str) -> Result<TcpListener, CannotListen> {
    let failed = |source| CannotListen { what, address: address.to_owned(), source };
    TcpListener::bind(address).await.map_err(failed)
}

/// Answers on `listener` for ever. `secure` makes of each connection what is spoken on, or nothing
/// where the client does not come so far; `respond` answers each request.
pub async fn serve<I, S, R>(
    listener: TcpListener,
    limits: Limits,
    secure: impl Fn(TcpStream) -> S,
    respond: impl Fn(Request<Incoming>) -> R + Clone + Send + 'static,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Future<Output = Option<I>> + Send + 'static,
    R: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        // What has ended is forgotten.
        while connections.try_join_next().is_some() {}
        while connections.len() >= limits.connections {
            connections.join_next().await;
        }
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of descriptors, mostly: they come back.
                tracing::warn!(%error, "Cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        // Answers are small and somebody waits for them.
        drop(stream.set_nodelay(true));
        let (secured, respond) = (secure(stream), respond.clone());
        connections.spawn(async move {
            let Some(stream) = secured.await else { return };
            let service = service_fn(move |request| {
                let answer = respond(request);
                async move { Ok::<_, Infallible>(answer.await) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(limits.idle)
                .max_buf_size(limits.head)
                .serve_connection(TokioIo::new(stream), service);
            // A client that goes away, or takes too long, is no concern of ours.
            drop(timeout(limits.lasts.unwrap_or(Duration::MAX), connection).await);
        });
    }
}
