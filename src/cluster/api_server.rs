//! The one way to ask the API server, shared by all who do; and how it comes by new credentials.
//!
//! kube reads a token's file and a Pod's CA again by itself, and asks an exec plugin anew. What it
//! reads only once is the kubeconfig: a token or a certificate in it, the address of the cluster.
//! So after a failure of that sort the kubeconfig is read again.

use std::sync::Arc;
use std::time::Duration;

use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, DATE, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request};
use http_body_util::{BodyExt as _, Limited};
use kube_client::Client;
pub use kube_client::client::Body;
use prost::bytes::Bytes;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use super::client::{Access, client};
use super::machine::Machine;
use super::offset;
use super::problem::problem;
use super::refusal::{Failed, refused};
use crate::facts::time::UnixNanos;
use crate::otlp::verdict::retry_after;

/// Who waits for a whole answer is told so after this.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long an answer that is read bit by bit may take to begin, or to go on.
pub const PAUSE: Duration = Duration::from_secs(60);

/// No whole answer is longer than this.
const MAX_ANSWER: usize = 16 << 20;

/// Of an error's body so much is read.
const MAX_ERROR: usize = 64 << 10;

/// Many watches fail together, and a server that is away stays so for a while.
const SELDOM: Duration = Duration::from_secs(10);

/// What is accepted where nothing else is said.
const JSON: &str = "application/json";

/// Kubernetes' protobuf, as answers name it.
const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

/// An answer that is read bit by bit.
#[derive(Debug)]
pub struct Answer {
    /// What it says.
    pub body: Body,
    /// It says it in protobuf, else in JSON.
    pub is_protobuf: bool,
}

/// The API server of a cluster; cheap to clone.
#[derive(Clone)]
pub struct ApiServer(Arc<Shared>);

struct Shared {
    /// What a new client is made from; `None` for one that is used as it is.
    access: Option<Access>,
    current: Mutex<Current>,
    namespace: String,
    machine: Machine,
}

struct Current {
    client: Client,
    tried: Option<Instant>,
}

impl std::fmt::Debug for ApiServer {
    /// Credentials are not shown.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiServer").field("access", &self.0.access).finish_non_exhaustive()
    }
}

/// A client that is used as it is: nothing says where new credentials are.
impl From<Client> for ApiServer {
    fn from(client: Client) -> Self {
        Self::new(client, None)
    }
}

impl ApiServer {
    pub(super) fn new(client: Client, access: Option<Access>) -> Self {
        let namespace = client.default_namespace().to_owned();
        let current = Mutex::new(Current { client, tried: None });
        Self(Arc::new(Shared { access, current, namespace, machine: Machine::default() }))
    }

    /// This machine's clock, which the server's answers bound.
    #[must_use]
    pub fn machine(&self) -> &Machine {
        &self.0.machine
    }

    /// The namespace that the kubeconfig names, or the Pod's own.
    #[must_use]
    pub fn default_namespace(&self) -> &str {
        &self.0.namespace
    }

    /// Asks for what is read bit by bit, in an encoding of these, and waits until the answer begins.
    ///
    /// # Errors
    /// The server cannot be reached, or refuses.
    pub async fn open(&self, uri: &str, accept: &str) -> Result<Answer, Failed> {
        self.send(Method::GET, uri, accept, None, PAUSE, true).await
    }

    /// The same for a watch, whose answer may begin with its first event: it tells no time.
    ///
    /// # Errors
    /// As [`ApiServer::open`].
    pub async fn watch(&self, uri: &str, accept: &str) -> Result<Answer, Failed> {
        self.send(Method::GET, uri, accept, None, PAUSE, false).await
    }

    /// Asks for what is read whole.
    ///
    /// # Errors
    /// The server cannot be reached, refuses, or breaks off.
    pub async fn get(&self, path: &str) -> Result<Bytes, Failed> {
        self.answer(Method::GET, path, None).await
    }

    /// Writes `object` as it is, under this name of who writes.
    ///
    /// # Errors
    /// As [`ApiServer::get`]; with code 409 another has written it since it was read.
    pub async fn put(&self, path: &str, manager: &str, object: &Value) -> Result<(), Failed> {
        let uri = format!("{path}?fieldManager={manager}");
        let body = Some(("application/json", object));
        self.answer(Method::PUT, &uri, body).await.map(drop)
    }

    /// Writes what a merge patch (RFC 7386) says, under this name of who writes.
    ///
    /// # Errors
    /// As [`ApiServer::put`].
    pub async fn patch(&self, path: &str, manager: &str, patch: &Value) -> Result<(), Failed> {
        let uri = format!("{path}?fieldManager={manager}");
        let body = Some(("application/merge-patch+json", patch));
        self.answer(Method::PATCH, &uri, body).await.map(drop)
    }

    /// Asks, and reads the answer to its end.
    async fn answer(
        &self,
        method: Method,
        uri: &str,
        body: Option<(&str, &Value)>,
    ) -> Result<Bytes, Failed> {
        let until = Instant::now() + PATIENCE;
        // What this takes beyond that makes a new client, and is not broken off.
        let answer = self.send(method, uri, JSON, body, PATIENCE, true).await?;
        let read = timeout_at(until, Limited::new(answer.body, MAX_ANSWER).collect()).await;
        let read = read.map_err(|_| Failed::Unreachable(silent(PATIENCE)))?;
        read.map(|read| read.to_bytes()).map_err(|error| Failed::Broken(problem(&*error)))
    }

    /// Asks, and waits until the answer begins. What old credentials or an old address lead to
    /// makes a new client, for the next who asks.
    async fn send(
        &self,
        method: Method,
        uri: &str,
        accept: &str,
        body: Option<(&str, &Value)>,
        patience: Duration,
        tells_time: bool,
    ) -> Result<Answer, Failed> {
        let asked = Request::builder()
            .method(method)
            .uri(uri)
            .header(ACCEPT, accept)
            // A gzip member for each event of a watch would hold events back; see KEP-3157.
            .header(ACCEPT_ENCODING, "identity")
            .header(USER_AGENT, concat!("lifespan/", env!("CARGO_PKG_VERSION")));
        let asked = match body {
            None => asked.body(Body::empty()),
            Some((content, value)) => {
                let bytes = value.to_string().into_bytes();
                asked.header(CONTENT_TYPE, content).body(Body::from(bytes))
            }
        };
        let asked =
            asked.map_err(|error| Failed::Broken(format!("cannot ask for {uri}: {error}")))?;
        let client = self.0.current.lock().await.client.clone();
        let begun = self.0.machine.now().at;
        let until = Instant::now() + patience;
        let failed = match timeout_at(until, client.send(asked)).await {
            Ok(Ok(answer)) => {
                let (head, body) = answer.into_parts();
                if tells_time {
                    self.0.machine.answered(begun, &head.headers);
                }
                if head.status.is_success() {
                    let content = head.headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
                    let is_protobuf = content.is_some_and(|it| it.starts_with(PROTOBUF.as_bytes()));
                    return Ok(Answer { body, is_protobuf });
                }
                let asked = asked_to_wait(&head.headers, || self.0.machine.now().corrected());
                refused(head.status.as_u16(), asked, &start(body, until).await)
            }
            Ok(Err(error)) => Failed::Unreachable(problem(&error)),
            Err(_) => Failed::Unreachable(silent(patience)),
        };
        if matches!(failed, Failed::Refused { code: 401, .. } | Failed::Unreachable(_)) {
            self.renew().await;
        }
        Err(failed)
    }

    /// Makes a new client. What cannot be read now leaves the client as it is: the kubeconfig may
    /// be half written.
    async fn renew(&self) {
        let Some(access) = &self.0.access else { return };
        let mut current = self.0.current.lock().await;
        if current.tried.is_some_and(|tried| tried.elapsed() < SELDOM) {
            return;
        }
        current.tried = Some(Instant::now());
        match client(access).await {
            Ok((client, _)) => current.client = client,
            Err(error) => {
                tracing::warn!(%error, "Credentials cannot be read again; the old ones are used");
            }
        }
    }
}

/// What `Retry-After` asks to wait. A date is one of the server's clock, which tells `Date` too, and is
/// `now` where it does not.
fn asked_to_wait(headers: &HeaderMap, now: impl FnOnce() -> UnixNanos) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let now = || text(DATE).and_then(offset::date).unwrap_or_else(now);
    text(RETRY_AFTER).and_then(|asked| retry_after(asked, now()))
}

fn silent(patience: Duration) -> String {
    format!("no answer within {patience:?}")
}

/// What an error says, as far as it comes `until` then.
async fn start(mut body: Body, until: Instant) -> Vec<u8> {
    let mut start = Vec::new();
    while let Ok(Some(Ok(frame))) = timeout_at(until, body.frame()).await {
        start.extend(frame.into_data().unwrap_or_default());
        if start.len() > MAX_ERROR {
            break;
        }
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_asks_to_wait_some_seconds_or_until_a_moment_of_its_own_clock() {
        let here = || UnixNanos::from_seconds(1_792_567_670);
        let asked = |headers: &[(http::HeaderName, &'static str)]| {
            let headers = headers.iter().cloned();
            let headers = headers.map(|(name, value)| (name, HeaderValue::from_static(value)));
            asked_to_wait(&headers.collect(), here).map(|it| it.as_secs())
        };
        let until = (RETRY_AFTER, "Wed, 21 Oct 2026 07:28:00 GMT");
        assert_eq!(asked(&[(RETRY_AFTER, " 17 ")]), Some(17));
        assert_eq!(asked(&[(DATE, "Wed, 21 Oct 2026 07:27:18 GMT"), until.clone()]), Some(42));
        assert_eq!(asked(&[(DATE, "Wed, 21 Oct 2026 09:00:00 GMT"), until.clone()]), Some(0));
        assert_eq!(asked(&[until]), Some(10));
        assert_eq!(asked(&[(RETRY_AFTER, "soon")]), None);
        assert_eq!(asked(&[]), None);
    }
}
