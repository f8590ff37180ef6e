//! The wire: a tonic channel that carries requests as the bytes they were encoded to.

use std::error::Error as _;
use std::fs;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message as _;
use prost::bytes::{BufMut as _, Bytes};
use tonic::client::Grpc;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::metadata::MetadataMap;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Request, Response, Status};

use super::endpoint::{Compression, Settings, Tls, url};
use super::error::{SettingsError, chain};
use crate::text::Chain;

const EXPORT: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// Idle connections are asked for life, so that a vanished server is noticed before the next
/// request waits for it.
const KEEP_ALIVE: Duration = Duration::from_secs(60);

/// A server that can be connected to.
#[derive(Clone, Debug)]
pub(super) struct Target {
    name: String,
    endpoint: Endpoint,
    compression: Compression,
    headers: MetadataMap,
}

impl Target {
    pub(super) fn new(settings: &Settings) -> Result<Self, SettingsError> {
        let name = url(settings)?;
        let wrong = |problem| SettingsError::Endpoint { endpoint: name.clone(), problem };
        let mut endpoint = Endpoint::from_shared(name.clone())
            .map_err(|_| wrong("is no address: use host:port"))?
            .user_agent(settings.user_agent.as_str())
            .map_err(|_| SettingsError::Header {
                name: "user-agent".to_owned(),
                problem: "has a value that cannot be sent: only visible ASCII",
            })?
            .http2_keep_alive_interval(KEEP_ALIVE);
        if !settings.timeout.is_zero() {
            endpoint = endpoint.connect_timeout(settings.timeout);
        }
        if name.starts_with("https://") {
            endpoint = endpoint.tls_config(tls(&settings.tls)?).map_err(|error| {
                SettingsError::Tls { endpoint: name.clone(), problem: Chain(&error).to_string() }
            })?;
        }
        let headers = settings.headers.map().clone();
        Ok(Self { name, endpoint, compression: settings.compression, headers })
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// A client that connects at its first request, and again after a loss.
    pub(super) fn connect(&self) -> Client {
        let mut grpc =
            Grpc::new(self.endpoint.connect_lazy()).accept_compressed(CompressionEncoding::Gzip);
        match self.compression {
            Compression::Gzip => grpc = grpc.send_compressed(CompressionEncoding::Gzip),
            Compression::None => {}
        }
        Client { grpc, headers: self.headers.clone() }
    }
}

fn tls(tls: &Tls) -> Result<ClientTlsConfig, SettingsError> {
    let Tls { insecure: _, ca_file, server_name_override } = tls;
    let mut config = match ca_file {
        None => ClientTlsConfig::new().with_native_roots(),
        Some(path) => {
            let pem = fs::read(path)
                .map_err(|source| SettingsError::CaFileUnreadable { path: path.clone(), source })?;
            // tonic takes a file without a certificate for an empty list, and then trusts nobody.
            let begin = b"-----BEGIN CERTIFICATE-----";
            if !pem.windows(begin.len()).any(|window| window == begin) {
                return Err(SettingsError::CaFileEmpty(path.clone()));
            }
            ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem))
        }
    };
    if let Some(name) = server_name_override {
        config = config.domain_name(name);
    }
    Ok(config)
}

/// A connection, or the will to make one.
#[derive(Clone, Debug)]
pub(super) struct Client {
    grpc: Grpc<Channel>,
    headers: MetadataMap,
}

impl Client {
    /// One attempt. Dropping it resets the stream, which tells the server to stop.
    pub(super) async fn send(
        &mut self,
        request: Bytes,
    ) -> Result<ExportTraceServiceResponse, Status> {
        let ready = self.grpc.ready().await;
        ready.map_err(|error| unanswered(Status::from_error(Box::new(error))))?;
        let mut request = Request::new(request);
        *request.metadata_mut() = self.headers.clone();
        let answer = self.grpc.unary(request, PathAndQuery::from_static(EXPORT), Raw).await;
        answer.map(Response::into_inner).map_err(unanswered)
    }
}

/// Tells a broken connection from an answer.
///
/// tonic calls many of them UNKNOWN or INTERNAL, which from a server would mean "never again"; a
/// server that restarts would cost data. Only what was made up on this side has a source.
fn unanswered(status: Status) -> Status {
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
