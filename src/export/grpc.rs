//! The wire: a tonic channel that carries requests as the bytes they were encoded to.

use std::error::Error as _;

use http::Uri;
use http::uri::PathAndQuery;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message as _;
use prost::bytes::{BufMut as _, Bytes};
use tonic::client::Grpc;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status};

use super::connect::Connector;
use super::endpoint::{Compression, Keepalive, Settings, Signal, url};
use super::error::{SettingsError, chain, is_of_size};
use super::headers::Headers;

const TRACES: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
const METRICS: &str = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";

/// A server that can be connected to.
#[derive(Clone, Debug)]
pub(super) struct Target {
    name: String,
    endpoint: Endpoint,
    connector: Connector,
    compression: Compression,
    headers: Headers,
    method: PathAndQuery,
}

impl Target {
    pub(super) fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let name = url(settings)?;
        let wrong = |problem| SettingsError::Endpoint { endpoint: name.clone(), problem };
        let uri: Uri = name.parse().map_err(|_| wrong("is no address: use host:port"))?;
        let Keepalive { time, timeout, while_idle } = settings.keepalive;
        // TLS is the connector's: to tonic the connection is a plain one to an https origin.
        let endpoint = Endpoint::from_shared(name.replacen("https://", "http://", 1))
            .map_err(|_| wrong("is no address: use host:port"))?
            .origin(uri.clone())
            .user_agent(settings.user_agent.as_str())
            .map_err(|_| SettingsError::Header {
                name: "user-agent".to_owned(),
                problem: "has a value that cannot be sent: only visible ASCII",
            })?
            .http2_keep_alive_interval(time)
            .keep_alive_timeout(timeout)
            .keep_alive_while_idle(while_idle);
        let connector = Connector::new(uri, settings, b"h2")?;
        let method = PathAndQuery::from_static(match settings.signal {
            Signal::Traces => TRACES,
            Signal::Metrics => METRICS,
        });
        let (compression, headers) = (settings.compression, settings.headers.clone());
        Ok(Self { name, endpoint, connector, compression, headers, method })
    }

    pub(super) fn connector(&self) -> &Connector {
        &self.connector
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// A client that connects at its first request, and again after a loss.
    pub(super) fn connect(&self) -> Client {
        let channel = self.endpoint.connect_with_connector_lazy(self.connector.clone());
        let mut grpc = Grpc::new(channel).accept_compressed(CompressionEncoding::Gzip);
        match self.compression {
            Compression::Gzip => grpc = grpc.send_compressed(CompressionEncoding::Gzip),
            Compression::None => {}
        }
        Client { grpc, headers: self.headers.clone(), method: self.method.clone() }
    }
}

/// A connection, or the will to make one.
#[derive(Clone, Debug)]
pub(super) struct Client {
    grpc: Grpc<Channel>,
    headers: Headers,
    method: PathAndQuery,
}

impl Client {
    /// One attempt, with these headers too. Dropping it resets the stream, which tells the server
    /// to stop.
    pub(super) async fn send(
        &mut self,
        request: Bytes,
        headers: &Headers,
    ) -> Result<ExportTraceServiceResponse, Status> {
        let ready = self.grpc.ready().await;
        ready.map_err(|error| unanswered(Status::from_error(Box::new(error))))?;
        let mut request = Request::new(request);
        *request.metadata_mut() = self.headers.with(headers);
        let answer = self.grpc.unary(request, self.method.clone(), Raw).await;
        answer.map(Response::into_inner).map_err(unanswered)
    }
}

/// Tells a broken connection from an answer, and what is too large from what may be smaller the next
/// time.
///
/// tonic calls many of them UNKNOWN or INTERNAL, which from a server would mean "never again"; a
/// server that restarts would cost data. Only what was made up on this side has a source.
///
/// An answer that is larger than is read is OUT_OF_RANGE to it, which from a server may be sent again:
/// for ever, where each answer is. Go's gRPC calls it RESOURCE_EXHAUSTED.
fn unanswered(status: Status) -> Status {
    if status.code() == Code::OutOfRange && is_of_size(status.message()) {
        return Status::resource_exhausted(status.message());
    }
    if status.source().is_some() { Status::unavailable(chain(&status)) } else { status }
}

/// Sends bytes as they are, so that every attempt sends the same and none encodes again.
#[derive(Clone, Copy, Debug)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = ExportTraceServiceResponse;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.reserve(item.len());
        to.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = ExportTraceServiceResponse;
    type Error = Status;

    fn decode(
        &mut self,
        from: &mut DecodeBuf<'_>,
    ) -> Result<Option<ExportTraceServiceResponse>, Status> {
        let answer = ExportTraceServiceResponse::decode(from);
        answer.map(Some).map_err(|error| Status::internal(error.to_string()))
    }
}
