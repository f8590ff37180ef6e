//! The socket that the API server asks.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use prost::bytes::Bytes;
use rustls::ServerConfig;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use crate::admission::{Counts, Headers, Outcome, Policy, Verdict, answer};
use crate::export::Delivery;
use crate::http_server::{Limits, serve};
use crate::origin::root;
use crate::{clock, random};

/// An API server keeps few connections, and each for as long as it speaks on it.
const LIMITS: Limits =
    Limits { connections: 256, idle: Duration::from_secs(120), lasts: None, head: 64 << 10 };

/// Whoever does not finish the handshake in time is no API server.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// Two objects of 3 MiB, which the API server takes at most, and room for their escapes.
const MAX_BODY: usize = 16 << 20;

/// What answers reviews.
#[derive(Debug)]
pub struct Hook {
    policy: Policy,
    /// Takes the root spans of traces that begin here.
    delivery: Option<Delivery>,
    counts: watch::Sender<Counts>,
}

impl Hook {
    /// Answers by `policy`; root spans go to `delivery`.
    #[must_use]
    pub fn new(policy: Policy, delivery: Option<Delivery>) -> Self {
        Self { policy, delivery, counts: watch::Sender::new(Counts::default()) }
    }

    /// What was done so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts.borrow().clone()
    }

    /// The exporters, to be drained; `None` while connections are still served.
    #[must_use]
    pub fn into_delivery(self: Arc<Self>) -> Option<Delivery> {
        Arc::into_inner(self)?.delivery
    }

    fn review(&self, body: &[u8], headers: &HeaderMap) -> Result<String, String> {
        let began = clock::now();
        // A value that is no text is none of a trace context, and makes it malformed.
        let all = |name| -> Vec<&str> {
            headers.get_all(name).iter().map(|it| it.to_str().unwrap_or("?")).collect()
        };
        let sent = Headers { parents: all("traceparent"), states: all("tracestate") };
        let answered = answer(body, &sent, &self.policy, &random::key());
        match answered {
            Ok(Verdict { answer, kind, object, outcome }) => {
                self.counts.send_modify(|counts| counts.answered(&kind, &outcome));
                if let (Outcome::Minted(context), Some(delivery)) = (&outcome, &self.delivery) {
                    let objects = std::iter::once(object);
                    delivery.offer(&[root(context, "admit", began, clock::now(), objects)]);
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
    let secure = move |stream| {
        let acceptor = TlsAcceptor::from(tls.borrow().clone());
        async move {
            match timeout(HANDSHAKE, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => Some(stream),
                Ok(Err(error)) => {
                    // An API server that does not trust us: all its requests go unstamped.
                    tracing::warn!(%error, "A client has broken off the TLS handshake");
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
        (&Method::GET, "/healthz") => (StatusCode::OK, "text/plain", "ok\n".to_owned()),
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
        (_, "/healthz" | "/metrics" | "/stamp") => {
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
