//! OTLP over HTTP: protobuf or JSON in a POST, the answer mapped to what gRPC would have said.

use std::fmt;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use flate2::Compression as Level;
use flate2::write::GzEncoder;
use http::header::{
    CONTENT_ENCODING, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION, PROXY_AUTHORIZATION,
    RETRY_AFTER, USER_AGENT,
};
use http::response::Parts;
use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message as _;
use prost::bytes::Bytes;
use tokio::sync::Mutex;
use tonic::{Code, Status};

use super::connect::Connector;
use super::endpoint::{Compression, Settings, uri};
use super::error::{MOVED, Refusal, SettingsError};
use super::headers::Headers;
use super::proxy::Proxy;
use super::redirect;
use super::settings::Encoding;
use crate::otlp::{json, verdict};
use crate::text::Chain;

/// Of an answer no more is read (OTLP/HTTP exporters of the Collector: 64 KiB).
const MAX_ANSWER: usize = 64 << 10;

/// Connections to one server.
type Connections = Pool<Connector, Full<Bytes>>;

/// A client of one server, and of those that it sends on to.
#[derive(Clone)]
pub(super) struct Client {
    pool: Connections,
    connector: Connector,
    uri: Uri,
    headers: HeaderMap,
    settings: Box<Settings>,
    encoding: Encoding,
    /// The server that it was sent on to last.
    other: Arc<Mutex<Option<(Uri, Connections)>>>,
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
        let connector = Connector::new(uri.clone(), settings, b"http/1.1")?;
        let pool = connections(connector.clone());
        let (settings, other) = (Box::new(settings.clone()), Arc::default());
        Ok(Self { pool, connector, uri, headers, settings, encoding, other })
    }

    pub(super) fn connector(&self) -> &Connector {
        &self.connector
    }

    pub(super) fn name(&self) -> String {
        self.uri.to_string()
    }

    /// One attempt, with these headers too, wherever the server sends it on to.
    pub(super) async fn send(
        &self,
        bytes: Bytes,
        headers: &Headers,
    ) -> Result<ExportTraceServiceResponse, Refusal> {
        let internal = |why| refused(Code::Internal, why);
        let body = self.body(bytes).map_err(internal)?;
        let mut uri = self.uri.clone();
        for _ in 0..=redirect::MOST {
            let mut request = Request::post(uri.clone())
                .body(Full::new(body.clone()))
                .map_err(|error| internal(error.to_string()))?;
            *request.headers_mut() =
                self.headers_at(&uri, headers).map_err(|error| internal(error.to_string()))?;
            let pool = self.pool_of(&uri).await.map_err(|error| internal(error.to_string()))?;
            // Whatever breaks on the way may work the next time.
            let answer = pool.request(request).await;
            let answer =
                answer.map_err(|error| refused(Code::Unavailable, Chain(&error).to_string()))?;
            let (head, body) = answer.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await;
            let body = body.map(|body| body.to_bytes()).unwrap_or_default();
            if head.status.is_success() {
                return self.success(&body);
            }
            match sent_on(&uri, &head) {
                Some(Ok(to)) => uri = to,
                Some(Err(refusal)) => return Err(refusal),
                None => return Err(failed(&head, &body)),
            }
        }
        let (most, last) = (redirect::MOST, redirect::told(&uri));
        let why = format!("HTTP requests are sent on more than {most} times, at last to {last}");
        Err(refused(Code::Unavailable, why))
    }

    /// What is sent to this address: to others than was configured it goes without who sends.
    fn headers_at(&self, uri: &Uri, headers: &Headers) -> Result<HeaderMap, SettingsError> {
        let mut all = self.headers.clone();
        if redirect::keeps_credentials(&self.uri, uri) {
            put(&mut all, headers)?;
        } else {
            redirect::without_credentials(&mut all);
        }
        // Over TLS the proxy passes bytes on, and is told once for each connection.
        let is_plain = uri.scheme_str() == Some("http");
        let proxy = self.settings.proxy.as_ref().filter(|_| is_plain);
        if let Some(authorization) = proxy.and_then(Proxy::authorization) {
            all.insert(PROXY_AUTHORIZATION, authorization.clone());
        }
        Ok(all)
    }

    /// Connections to the server of this address.
    async fn pool_of(&self, uri: &Uri) -> Result<Connections, SettingsError> {
        if redirect::is_same_server(&self.uri, uri) {
            return Ok(self.pool.clone());
        }
        let mut other = self.other.lock().await;
        if let Some((known, pool)) = &*other
            && redirect::is_same_server(known, uri)
        {
            return Ok(pool.clone());
        }
        let pool = connections(Connector::new(uri.clone(), &self.settings, b"http/1.1")?);
        *other = Some((uri.clone(), pool.clone()));
        Ok(pool)
    }

    fn body(&self, bytes: Bytes) -> Result<Bytes, String> {
        let plain = match self.encoding {
            Encoding::Proto => bytes,
            Encoding::Json => {
                Bytes::from(json::document(&bytes).map_err(|error| Chain(&error).to_string())?)
            }
        };
        match self.settings.compression {
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

fn connections(connector: Connector) -> Connections {
    Pool::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(Duration::from_secs(90))
        .build(connector)
}

/// Where a request is sent on to as it is. Others would be asked for with a GET, which brings nothing:
/// that is for a person.
fn sent_on(from: &Uri, head: &Parts) -> Option<Result<Uri, Refusal>> {
    let status = head.status.is_redirection().then_some(head.status)?;
    let location = head.headers.get(LOCATION)?.to_str().ok().filter(|it| !it.is_empty())?;
    let to = match redirect::target(from, location) {
        Ok(to) => to,
        Err(why) => {
            let why = format!("HTTP {status}, to another address: {why}");
            return Some(Err(refused(Code::NotFound, why)));
        }
    };
    if matches!(status, StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT) {
        return Some(Ok(to));
    }
    let why = format!("HTTP {status}: {MOVED} {}", redirect::told(&to));
    Some(Err(refused(Code::NotFound, why)))
}

fn failed(head: &Parts, body: &[u8]) -> Refusal {
    let why = format!("HTTP {}{}", head.status, said(body));
    let after = head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let after = after.and_then(|text| verdict::retry_after(text, crate::clock::now()));
    Refusal { status: Status::new(code(head.status), why), after }
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

#[cfg(test)]
mod tests {
    use super::*;

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
