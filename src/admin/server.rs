//! The sockets: small requests, small answers, nothing that can be held open for long.

use std::convert::Infallible;
use std::io;
use std::thread::JoinHandle;
use std::time::Duration;

use http::{Method, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use prost::bytes::Bytes;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::answer::{Answer, Serves, answer};
use super::known::{Known, Needs};

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

/// A thread that answers until this is dropped: whatever else the process is at, a probe does not
/// wait for it.
#[derive(Debug)]
pub struct Answering {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Answering {
    /// Listens on `addresses`, each with a word for what, and answers from now on; `known` is asked
    /// at each request for what that needs. Must not be called inside a runtime.
    ///
    /// # Errors
    /// An address is none, something else listens on it, or the system refuses a thread.
    pub fn start(
        addresses: Vec<(&'static str, String, Serves)>,
        known: impl Fn(Needs) -> Known + Clone + Send + 'static,
    ) -> Result<Self, CannotListen> {
        let refused = |source| CannotListen {
            what: "this process",
            address: "any address".to_owned(),
            source,
        };
        let runtime = Builder::new_current_thread().enable_all().build().map_err(refused)?;
        let listeners = runtime.block_on(async {
            let mut listeners = Vec::new();
            for (what, address, serves) in addresses {
                listeners.push((listen(what, &address).await?, serves));
            }
            Ok(listeners)
        })?;
        let (stop, stopped) = oneshot::channel();
        let answer = move || {
            runtime.block_on(async {
                let mut tasks = JoinSet::new();
                for (listener, serves) in listeners {
                    tasks.spawn(serve(listener, serves, known.clone()));
                }
                // It ends as well when nobody is left to end it.
                drop::<Result<(), _>>(stopped.await);
            });
        };
        let thread = std::thread::Builder::new().name("admin".to_owned()).spawn(answer);
        Ok(Self { stop: Some(stop), thread: Some(thread.map_err(refused)?) })
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It panicked: nothing depends on it, and what it said was told.
            drop(thread.join());
        }
    }
}

/// Listens on `address`, for `what`.
///
/// # Errors
/// The address is none, or something else listens on it.
pub async fn listen(what: &'static str, address: &str) -> Result<TcpListener, CannotListen> {
    let failed = |source| CannotListen { what, address: address.to_owned(), source };
    TcpListener::bind(address).await.map_err(failed)
}

async fn serve(
    listener: TcpListener,
    serves: Serves,
    known: impl Fn(Needs) -> Known + Clone + Send + 'static,
) {
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
            async move {
                let known = known(serves.needs(request.uri().path()));
                Ok::<_, Infallible>(respond(&serves, &request, &known))
            }
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

fn respond(serves: &Serves, request: &Request<Incoming>, known: &Known) -> Response<Full<Bytes>> {
    let uri = request.uri();
    let accepts = request.headers().get(http::header::ACCEPT).and_then(|value| value.to_str().ok());
    let wants_json =
        uri.query().is_some_and(|query| query.split('&').any(|it| it == "format=json"))
            || accepts.is_some_and(|accepts| accepts.starts_with("application/json"));
    let Answer { status, content, body } = match *request.method() {
        Method::GET | Method::HEAD => answer(serves, uri.path(), wants_json, known),
        _ => Answer { status: 405, content: "text/plain", body: "only GET\n".to_owned() },
    };
    let response = Response::builder()
        .status(status)
        .header(http::header::CONTENT_TYPE, content)
        .header(http::header::CACHE_CONTROL, "no-store")
        .body(Full::new(Bytes::from(body)));
    response.unwrap_or_default()
}
