//! A real OTLP server on loopback that answers as scripted, then accepts.
#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::collections::VecDeque;
use std::future;
use std::time::Duration;

use lifespan::facts::span::FinishedSpan;
use lifespan::otlp::batch::request;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::codec::CompressionEncoding;
use tonic::metadata::MetadataMap;
use tonic::transport::{Identity, Server, ServerTlsConfig};
use tonic::{Code, Request, Response, Status};

use super::service::PATIENCE;

/// What the server answers to one request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    /// Takes it.
    Accept,
    /// Takes it, so many spans excepted, with a message.
    Partly(i64, &'static str),
    /// Refuses it.
    Fail(Status),
    /// Never answers.
    Hang,
}

/// A request as it arrived.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) headers: MetadataMap,
    pub(crate) body: ExportTraceServiceRequest,
    /// It was taken, as far as the server says.
    pub(crate) is_taken: bool,
}

impl Received {
    /// How many spans are in it.
    pub(crate) fn n_spans(&self) -> usize {
        self.spans().count()
    }

    /// The spans that are in it.
    pub(crate) fn spans(&self) -> impl Iterator<Item = &Span> {
        let scopes = self.body.resource_spans.iter().flat_map(|it| &it.scope_spans);
        scopes.flat_map(|it| &it.spans)
    }
}

/// The spans of requests.
pub(crate) fn spans_of(requests: impl IntoIterator<Item = ExportTraceServiceRequest>) -> Vec<Span> {
    let resources = requests.into_iter().flat_map(|it| it.resource_spans);
    resources.flat_map(|it| it.scope_spans).flat_map(|it| it.spans).collect()
}

/// Spans as a request has them.
pub(crate) fn encoded(spans: &[FinishedSpan]) -> Vec<Span> {
    spans_of([ExportTraceServiceRequest::decode(request(spans).bytes).unwrap()])
}

/// The server; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct FakeCollector {
    /// `127.0.0.1:port`
    pub(crate) address: String,
    /// What it answers once nothing of its script is left.
    pub(crate) mood: watch::Sender<Answer>,
    requests: mpsc::Receiver<Received>,
    _server: JoinSet<()>,
}

impl FakeCollector {
    /// Plaintext.
    pub(crate) async fn start(script: impl IntoIterator<Item = Answer>) -> Self {
        Self::serve(Server::builder(), script).await
    }

    /// TLS, with the certificate for `collector.test` that `tls/ca.pem` vouches for.
    pub(crate) async fn start_tls(script: impl IntoIterator<Item = Answer>) -> Self {
        let identity =
            Identity::from_pem(include_str!("tls/server.pem"), include_str!("tls/server.key"));
        let tls = ServerTlsConfig::new().identity(identity);
        Self::serve(Server::builder().tls_config(tls).unwrap(), script).await
    }

    /// TLS as `tls` says.
    pub(crate) async fn start_with(tls: ServerTlsConfig) -> Self {
        Self::serve(Server::builder().tls_config(tls).unwrap(), []).await
    }

    async fn serve(mut server: Server, script: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (arrived, requests) = mpsc::channel(256);
        let mood = watch::Sender::new(Answer::Accept);
        let script = Mutex::new(script.into_iter().collect());
        let service = Scripted { script, mood: mood.subscribe(), arrived };
        let service = TraceServiceServer::new(service).accept_compressed(CompressionEncoding::Gzip);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let incoming = TcpListenerStream::new(listener);
            server.add_service(service).serve_with_incoming(incoming).await.unwrap();
        });
        Self { address, mood, requests, _server: tasks }
    }

    /// Waits for the next request.
    pub(crate) async fn next(&mut self) -> Received {
        timeout(PATIENCE, self.requests.recv()).await.unwrap().unwrap()
    }

    /// All requests that arrived so far.
    pub(crate) fn received(&mut self) -> Vec<Received> {
        let mut all = Vec::new();
        while let Ok(request) = self.requests.try_recv() {
            all.push(request);
        }
        all
    }
}

struct Scripted {
    script: Mutex<VecDeque<Answer>>,
    mood: watch::Receiver<Answer>,
    arrived: mpsc::Sender<Received>,
}

#[tonic::async_trait]
impl TraceService for Scripted {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let scripted = self.script.lock().await.pop_front();
        let answer = scripted.unwrap_or_else(|| self.mood.borrow().clone());
        let headers = request.metadata().clone();
        let is_taken = matches!(answer, Answer::Accept | Answer::Partly(..));
        let received = Received { headers, body: request.into_inner(), is_taken };
        self.arrived.send(received).await.map_err(|_| Status::internal("the test is over"))?;
        let partial_success = match answer {
            Answer::Accept => None,
            Answer::Partly(rejected_spans, message) => {
                let error_message = message.to_owned();
                Some(ExportTracePartialSuccess { rejected_spans, error_message })
            }
            Answer::Fail(status) => return Err(status),
            Answer::Hang => future::pending().await,
        };
        Ok(Response::new(ExportTraceServiceResponse { partial_success }))
    }
}

/// RESOURCE_EXHAUSTED with `google.rpc.RetryInfo`.
pub(crate) fn exhausted_for(delay: Duration) -> Status {
    // Status { details: [Any { type_url, value: RetryInfo { retry_delay: { nanos } } }] }
    let field = |tag: u8, bytes: &[u8]| {
        let mut field = vec![tag << 3 | 2, u8::try_from(bytes.len()).unwrap()];
        field.extend_from_slice(bytes);
        field
    };
    let mut nanos = vec![2 << 3];
    prost::encoding::encode_varint(u64::from(delay.subsec_nanos()), &mut nanos);
    let url = field(1, b"type.googleapis.com/google.rpc.RetryInfo");
    let any = [url, field(2, &field(1, &nanos))].concat();
    Status::with_details(Code::ResourceExhausted, "busy", field(3, &any).into())
}
