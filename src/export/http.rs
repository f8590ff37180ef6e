//! OTLP over HTTP: protobuf or JSON in a POST, the answer mapped to what gRPC would have said.

use std::fmt;
use std::io::Write as _;
use std::time::Duration;

use flate2::Compression as Level;
use flate2::write::GzEncoder;
use http::header::{
    CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue, PROXY_AUTHORIZATION, RETRY_AFTER,
    USER_AGENT,
};
use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message as _;
use prost::bytes::Bytes;
use tonic::{Code, Status};

use super::connect::Connector;
use super::endpoint::{Compression, Settings};
use super::error::{Refusal, SettingsError};
use super::headers::Headers;
use super::proxy::Proxy;
use super::settings::Encoding;
use crate::otlp::{json, verdict};
use crate::text::Chain;

/// Of an answer no more is read (OTLP/HTTP exporters of the Collector: 64 KiB).
const MAX_ANSWER: usize = 64 << 10;

/// A client of one server.
#[derive(Clone)]
pub(super) struct Client {
    pool: Pool<Connector, Full<Bytes>>,
    connector: Connector,
    uri: Uri,
    headers: HeaderMap,
    compression: Compression,
    encoding: Encoding,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("uri", &self.uri).finish_non_exhaustive()
    }
}

impl Client {
    pub(super) fn new(settings: &Settings, encoding: Encoding) -> Result<Self, SettingsError> {
        let uri = uri(&settings.endpoint)?;
        let mut headers = HeaderMap::new();
        put(&mut headers, &settings.headers)?;
        let agent = HeaderValue::from_str(&settings.user_agent).map_err(|_| {
            let problem = "has a value that cannot be sent: only visible ASCII";
            SettingsError::Header { name: "user-agent".to_owned(), problem }
        })?;
        headers.insert(USER_AGENT, agent);
        let content = match encoding {
            Encoding::Proto => "application/x-protobuf",
            Encoding::Json => "application/json",
        };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content));
        if settings.compression == Compression::Gzip {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        // Over TLS the proxy passes bytes on, and is told once for each connection.
        let is_plain = uri.scheme_str() == Some("http");
        let proxy = settings.proxy.as_ref().filter(|_| is_plain);
        if let Some(authorization) = proxy.and_then(Proxy::authorization) {
            headers.insert(PROXY_AUTHORIZATION, authorization.clone());
        }
        let connector = Connector::new(uri.clone(), settings, b"http/1.1")?;
        let pool = Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(90))
            .build(connector.clone());
        let compression = settings.compression;
        Ok(Self { pool, connector, uri, headers, compression, encoding })
    }

    pub(super) fn connector(&self) -> &Connector {
        &self.connector
    }

    pub(super) fn name(&self) -> String {
        self.uri.to_string()
    }

    /// One attempt, with these headers too.
    pub(super) async fn send(
        &self,
        bytes: Bytes,
        headers: &Headers,
    ) -> Result<ExportTraceServiceResponse, Refusal> {
        let body = self.body(bytes).map_err(|why| refused(Code::Internal, why))?;
        let mut request = Request::post(self.uri.clone())
            .body(Full::new(body))
            .map_err(|error| refused(Code::Internal, error.to_string()))?;
        request.headers_mut().clone_from(&self.headers);
        put(request.headers_mut(), headers)
            .map_err(|error| refused(Code::Internal, error.to_string()))?;
        let answer = self.pool.request(request).await;
        // Whatever breaks on the way may work the next time.
        let answer =
            answer.map_err(|error| refused(Code::Unavailable, Chain(&error).to_string()))?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await;
        let body = body.map(|body| body.to_bytes()).unwrap_or_default();
        if head.status.is_success() {
            return self.success(&body);
        }
        let why = format!("HTTP {}{}", head.status, said(&body));
        let code = code(head.status);
        let after = head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
        let after = after.and_then(|text| verdict::retry_after(text, crate::clock::now()));
        Err(Refusal { status: Status::new(code, why), after })
    }

    fn body(&self, bytes: Bytes) -> Result<Bytes, String> {
        let plain = match self.encoding {
            Encoding::Proto => bytes,
            Encoding::Json => {
                Bytes::from(json::document(&bytes).map_err(|error| Chain(&error).to_string())?)
            }
        };
        match self.compression {
            Compression::None => Ok(plain),
            Compression::Gzip => {
                let mut gzip = GzEncoder::new(Vec::new(), Level::default());
                let written = gzip.write_all(&plain).and_then(|()| gzip.finish());
                written.map(Bytes::from).map_err(|error| error.to_string())
            }
        }
    }

    /// A success whose body is none cannot be trusted, and must not be sent again.
    fn success(&self, body: &[u8]) -> Result<ExportTraceServiceResponse, Refusal> {
        let read = match self.encoding {
            _ if body.is_empty() => Ok(ExportTraceServiceResponse::default()),
            Encoding::Proto => {
                ExportTraceServiceResponse::decode(body).map_err(|error| error.to_string())
            }
            Encoding::Json => json::response(body).map_err(|error| error.to_string()),
        };
        read.map_err(|why| refused(Code::Internal, format!("the answer cannot be read: {why}")))
    }
}

fn put(map: &mut HeaderMap, headers: &Headers) -> Result<(), SettingsError> {
    for (name, value) in headers.pairs() {
        let (Ok(name), Ok(mut value)) =
            (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value))
        else {
            let problem = "cannot be sent over HTTP";
            return Err(SettingsError::Header { name: name.to_owned(), problem });
        };
        value.set_sensitive(true);
        map.insert(name, value);
    }
    Ok(())
}

fn refused(code: Code, why: String) -> Refusal {
    Refusal { status: Status::new(code, why), after: None }
}

/// Only these may be sent again (OTLP specification, "OTLP/HTTP Response").
fn code(status: StatusCode) -> Code {
    match status.as_u16() {
        429 | 502..=504 => Code::Unavailable,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::NotFound,
        413 => Code::ResourceExhausted,
        _ => Code::InvalidArgument,
    }
}

/// What the server said about a failure: a `google.rpc.Status`, or text.
fn said(body: &[u8]) -> String {
    let message =
        verdict::message(body).unwrap_or_else(|| String::from_utf8_lossy(body).into_owned());
    let message: String = message.trim().chars().filter(|c| !c.is_control()).take(200).collect();
    if message.is_empty() { message } else { format!(": {message}") }
}

/// The address of traces below an endpoint that was checked.
pub(super) fn uri(endpoint: &str) -> Result<Uri, SettingsError> {
    let wrong = |problem| {
        // Neither a password nor a key in the query may be told.
        let (url, query) = endpoint.split_once('?').map_or((endpoint, ""), |(url, _)| (url, "?…"));
        let url = url.rsplit_once('@').map_or(url.to_owned(), |(_, host)| format!("…@{host}"));
        SettingsError::Endpoint { endpoint: url + query, problem }
    };
    let uri: Uri = endpoint
        .trim()
        .parse()
        .map_err(|_| wrong("is no URL: use http://host:port or https://host:port"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(wrong("has no scheme: use http://host:port or https://host:port"));
    }
    let Some(authority) = uri.authority().filter(|it| !it.host().is_empty()) else {
        return Err(wrong("has no host: use http://host:port or https://host:port"));
    };
    if authority.as_str().contains('@') {
        return Err(wrong("holds a user: send credentials in `headers`"));
    }
    let port = authority.as_str().rsplit_once(':').map(|(_, port)| port);
    if port.is_some_and(|it| !it.ends_with(']')) && authority.port_u16().is_none_or(|it| it == 0) {
        return Err(wrong("has no valid port: a number from 1 to 65535 is wanted after the host"));
    }
    Ok(uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_over_http_is_a_url() {
        let told =
            |endpoint| uri(endpoint).map_or_else(|error| error.to_string(), |uri| uri.to_string());
        assert_eq!(told("http://localhost:4318/v1/traces"), "http://localhost:4318/v1/traces");
        assert_eq!(
            told("localhost:4318"),
            "endpoint `localhost:4318` has no scheme: use http://host:port or https://host:port"
        );
        assert_eq!(
            told("https://me:secret@host/v1/traces"),
            "endpoint `…@host/v1/traces` holds a user: send credentials in `headers`"
        );
        for wrong in ["http://host:99999", "http://host:0/", "http://host:/v1", "http://host:x"] {
            assert!(uri(wrong).is_err(), "{wrong}");
        }
        for good in ["http://host", "http://[::1]", "https://[::1]:4318/v1/traces"] {
            assert!(uri(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn only_what_the_protocol_names_is_sent_again() {
        for status in 400..600 {
            let code = code(StatusCode::from_u16(status).unwrap());
            let is_again = matches!(
                verdict::Verdict::of_status(&Status::new(code, "")),
                verdict::Verdict::Retry { .. }
            );
            assert_eq!(is_again, matches!(status, 429 | 502 | 503 | 504), "{status}");
        }
    }
}
