//! An OTLP/HTTP server on loopback that answers as scripted, then accepts.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a panic is a failed test")]

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::Read as _;
use std::sync::Arc;

use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;
use prost::bytes::Bytes;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, watch};
use tokio::task::JoinSet;

/// A request as it arrived.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    body: Bytes,
}

impl Received {
    /// Its body, whatever it was packed as.
    pub(crate) fn plain(&self) -> Vec<u8> {
        let mut plain = Vec::new();
        if self.headers.get("content-encoding").is_some() {
            flate2::read::GzDecoder::new(&self.body[..]).read_to_end(&mut plain).unwrap();
        } else {
            plain.extend(&self.body);
        }
        plain
    }

    /// How many spans are in it.
    pub(crate) fn n_spans(&self) -> usize {
        let plain = self.plain();
        let request: ExportTraceServiceRequest =
            match self.headers["content-type"].to_str().unwrap() {
                "application/json" => serde_json::from_slice(&plain).unwrap(),
                _ => ExportTraceServiceRequest::decode(&plain[..]).unwrap(),
            };
        let groups = request.resource_spans.iter().flat_map(|group| &group.scope_spans);
        groups.map(|scope| scope.spans.len()).sum()
    }
}

type Script = VecDeque<(u16, Option<&'static str>)>;

/// The server; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct FakeHttp {
    /// `http://127.0.0.1:port/v1/traces`
    pub(crate) url: String,
    /// What it says with 200.
    pub(crate) says: watch::Sender<&'static str>,
    received: Arc<Mutex<Vec<Received>>>,
    _server: JoinSet<()>,
}

impl FakeHttp {
    /// Answers with these statuses and `Retry-After`, or `Location`, then with 200.
    pub(crate) async fn start(
        script: impl IntoIterator<Item = (u16, Option<&'static str>)>,
    ) -> Self {
        let script: Arc<Mutex<Script>> = Arc::new(Mutex::new(script.into_iter().collect()));
        let received = Arc::new(Mutex::new(Vec::new()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/v1/traces", listener.local_addr().unwrap());
        let (mut server, seen) = (JoinSet::new(), received.clone());
        let says = watch::Sender::new("");
        let said = says.subscribe();
        server.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (script, seen, said) = (script.clone(), seen.clone(), said.clone());
                let service = service_fn(move |request: Request<Incoming>| {
                    let (script, seen, said) = (script.clone(), seen.clone(), *said.borrow());
                    async move { Ok::<_, Infallible>(answer(&script, &seen, said, request).await) }
                });
                connections.spawn(async move {
                    drop(
                        http1::Builder::new().serve_connection(TokioIo::new(stream), service).await,
                    );
                });
            }
        });
        Self { url, says, received, _server: server }
    }

    /// All requests that arrived so far.
    pub(crate) async fn received(&self) -> Vec<Received> {
        self.received.lock().await.clone()
    }
}

async fn answer(
    script: &Mutex<Script>,
    seen: &Mutex<Vec<Received>>,
    said: &'static str,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    seen.lock().await.push(Received {
        path: head.uri.path().to_owned(),
        headers: head.headers,
        body,
    });
    let (code, after) = script.lock().await.pop_front().unwrap_or((200, None));
    let mut response = Response::builder().status(code);
    if let Some(said) = after {
        let name = if (300..400).contains(&code) { "location" } else { "retry-after" };
        response = response.header(name, said);
    }
    response.body(if code == 200 { said.into() } else { Full::default() }).unwrap()
}
