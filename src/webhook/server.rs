//! The socket that the API server asks.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use prost::bytes::Bytes;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::roots::Waiting;
use crate::admission::{Counts, Headers, Policy, Verdict, answer};
use crate::context::{TRACEPARENT, TRACESTATE};
use crate::http_server::{Limits, serve};
use crate::seldom::Seldom;
use crate::{clock, random};

/// An API server keeps few connections, and each for as long as it speaks on it.
const LIMITS: Limits =
    Limits { connections: 256, idle: Duration::from_secs(120), lasts: None, head: 64 << 10 };

/// Whoever does not finish the handshake in time is no API server.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// The same is not said more often.
const BETWEEN_WARNINGS: Duration = Duration::from_secs(60);

/// Two objects of 3 MiB, which the API server takes at most, and room for their escapes.
const MAX_BODY: usize = 16 << 20;

/// What answers reviews.
#[derive(Debug)]
pub struct Hook {
    policy: Policy,
    /// Takes traces that begin here, whose root spans are sent once their objects are stored.
    begun: watch::Sender<Option<mpsc::Sender<Waiting>>>,
    counts: watch::Sender<Counts>,
    /// Why the API server does not trust the certificate, as far as is known.
    distrust: watch::Sender<Option<String>>,
}

impl Hook {
    /// Answers by `policy`; traces that begin here go to `begun`, if anybody records them.
    #[must_use]
    pub fn new(policy: Policy, begun: Option<mpsc::Sender<Waiting>>) -> Self {
        let counts = watch::Sender::new(Counts::default());
        let (begun, distrust) = (watch::Sender::new(begun), watch::Sender::new(None));
        Self { policy, begun, counts, distrust }
    }

    /// No trace begins here any more.
    pub fn close(&self) {
        self.begun.send_replace(None);
    }

    /// The root span of a trace that began here is not sent.
    pub fn unsent(&self) {
        self.counts.send_modify(Counts::unsent);
    }

    /// Why the API server does not trust the certificate; `None` once it does.
    pub fn set_distrust(&self, problem: Option<String>) {
        self.distrust.send_replace(problem);
    }

    /// What was done so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts.borrow().clone()
    }

    fn health(&self) -> (StatusCode, &'static str, String) {
        match &*self.distrust.borrow() {
            None => (StatusCode::OK, "text/plain", "ok\n".to_owned()),
            Some(problem) => {
                let said = format!("nothing is stamped: {problem}\n");
                (StatusCode::SERVICE_UNAVAILABLE, "text/plain", said)
            }
        }
    }

    fn review(&self, body: &[u8], headers: &HeaderMap) -> Result<String, String> {
        let began = clock::now();
        // A value that is no text is none of a trace context, and makes it malformed.
        let all = |name| -> Vec<&str> {
            headers.get_all(name).iter().map(|it| it.to_str().unwrap_or("?")).collect()
        };
        let sent = Headers { parents: all(TRACEPARENT), states: all(TRACESTATE) };
        let answered = answer(body, &sent, &self.policy, &random::key());
        match answered {
            Ok(Verdict { answer, kind, outcome, begun }) => {
                self.counts.send_modify(|counts| counts.answered(&kind, &outcome));
                if let (Some(trace), Some(sender)) = (begun, &*self.begun.borrow()) {
                    // Nobody waits for this: what is too much has no root.
                    if sender.try_send(Waiting { trace, began, ended: clock::now() }).is_err() {
                        self.counts.send_modify(Counts::unsent);
                    }
                }
                Ok(answer)
            }
            Err(problem) => {
                self.counts.send_modify(Counts::malformed);
                Err(problem)
            }
        }
    }
}

/// Answers on `listener` for ever, with the certificate that is the latest in `tls`.
pub async fn answer_reviews(
    listener: TcpListener,
    tls: watch::Receiver<Arc<ServerConfig>>,
    hook: Arc<Hook>,
) {
    let broken = Arc::new(Seldom::new(BETWEEN_WARNINGS));
    let secure = move |stream| {
        let acceptor = TlsAcceptor::from(tls.borrow().clone());
        let broken = Arc::clone(&broken);
        async move {
            match timeout(HANDSHAKE, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => Some(stream),
                Ok(Err(error)) => {
                    // An API server that does not trust us: all its requests go unstamped. It tries
                    // again with each of them.
                    if let Some(more) = broken.now() {
                        tracing::warn!(%error, more, "A client has broken off the TLS handshake");
                    }
                    None
                }
                Err(_) => None,
            }
        }
    };
    let respond = move |request| {
        let hook = Arc::clone(&hook);
        async move { respond(&hook, request).await }
    };
    serve(listener, LIMITS, secure, respond).await;
}

async fn respond(hook: &Hook, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let (status, content, text) = match (&head.method, head.uri.path()) {
        (&Method::GET, "/healthz") => hook.health(),
        (&Method::GET, "/livez") => (StatusCode::OK, "text/plain", "ok\n".to_owned()),
        (&Method::GET, "/metrics") => {
            (StatusCode::OK, "text/plain; version=0.0.4", hook.counts().text())
        }
        (&Method::POST, "/stamp") => match Limited::new(body, MAX_BODY).collect().await {
            Ok(body) => match hook.review(&body.to_bytes(), &head.headers) {
                Ok(answer) => (StatusCode::OK, "application/json", answer),
                Err(problem) => (StatusCode::BAD_REQUEST, "text/plain", problem + "\n"),
            },
            Err(error) => (StatusCode::BAD_REQUEST, "text/plain", format!("{error}\n")),
        },
        (_, "/healthz" | "/livez" | "/metrics" | "/stamp") => {
            (StatusCode::METHOD_NOT_ALLOWED, "text/plain", "POST /stamp is expected\n".to_owned())
        }
        _ => (StatusCode::NOT_FOUND, "text/plain", "POST /stamp is expected\n".to_owned()),
    };
    let response = Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, content)
        .body(Full::new(Bytes::from(text)));
    response.unwrap_or_default()
}
