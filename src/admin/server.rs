//! The sockets: small requests, small answers, nothing that can be held open for long.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use http::{Method, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use prost::bytes::Bytes;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::answer::{Answer, Serves, answer};
use super::known::Known;

/// Connections at the same time; more wait.
const MAX_CONNECTIONS: usize = 32;

/// A connection lasts no longer, whatever the client does.
const MAX_TIME: Duration = Duration::from_secs(30);

/// An address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error(
    "{what} cannot listen on {address}: {source}; set another endpoint, or stop what listens there"
)]
pub struct CannotListen {
    what: &'static str,
    address: String,
    #[source]
    source: io::Error,
}

/// Listens on `address`, for `what`.
///
/// # Errors
/// The address is none, or something else listens on it.
pub async fn listen(what: &'static str, address: &str) -> Result<TcpListener, CannotListen> {
    let failed = |source| CannotListen { what, address: address.to_owned(), source };
    TcpListener::bind(address).await.map_err(failed)
}

/// Answers on `listener` for ever; `known` is asked at each request.
pub async fn serve<K>(
    listener: TcpListener,
    serves: Serves,
    known: impl Fn() -> K + Clone + Send + 'static,
) where
    K: Future<Output = Known> + Send + 'static,
{
    let mut connections = JoinSet::new();
    loop {
        while connections.len() >= MAX_CONNECTIONS {
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
        let (serves, known) = (serves.clone(), known.clone());
        let service = service_fn(move |request: Request<Incoming>| {
            let (serves, known) = (serves.clone(), known.clone());
            async move { Ok::<_, Infallible>(respond(&serves, &request, known().await)) }
        });
        connections.spawn(async move {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(Duration::from_secs(5))
                .max_buf_size(16 << 10)
                .serve_connection(TokioIo::new(stream), service);
            // A client that goes away, or takes too long, is no concern of ours.
            drop(timeout(MAX_TIME, connection).await);
        });
    }
}

fn respond(serves: &Serves, request: &Request<Incoming>, known: Known) -> Response<Full<Bytes>> {
    let uri = request.uri();
    let accepts = request.headers().get(http::header::ACCEPT).and_then(|value| value.to_str().ok());
    let wants_json =
        uri.query().is_some_and(|query| query.split('&').any(|it| it == "format=json"))
            || accepts.is_some_and(|accepts| accepts.starts_with("application/json"));
    let Answer { status, content, body } = match *request.method() {
        Method::GET | Method::HEAD => answer(serves, uri.path(), wants_json, &known),
        _ => Answer { status: 405, content: "text/plain", body: "only GET\n".to_owned() },
    };
    let response = Response::builder()
        .status(status)
        .header(http::header::CONTENT_TYPE, content)
        .header(http::header::CACHE_CONTROL, "no-store")
        .body(Full::new(Bytes::from(body)));
    response.unwrap_or_default()
}
