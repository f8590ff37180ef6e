//! The sockets: small requests, small answers, nothing that can be held open for long.

use std::thread::JoinHandle;
use std::time::Duration;

use http::{Method, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use prost::bytes::Bytes;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::answer::{Answer, Serves, answer};
use super::known::{Known, Needs};
use super::push::Pushing;
use crate::config::{MetricsLevel, Push};
use crate::export::SettingsError;
use crate::http_server::{CannotListen, Limits, listen, serve};

/// Small requests, and nothing that can be held open for long.
const LIMITS: Limits = Limits {
    connections: 32,
    idle: Duration::from_secs(5),
    lasts: Some(Duration::from_secs(30)),
    head: 16 << 10,
};

/// No more time is given to what is sent at the end.
const LAST: Duration = Duration::from_secs(5);

/// What this process says of itself cannot be said.
#[derive(Debug, thiserror::Error)]
pub enum CannotStart {
    /// Nobody can ask for it.
    #[error(transparent)]
    Listen(#[from] CannotListen),
    /// It cannot be sent.
    #[error("service::telemetry::metrics::readers: {0}")]
    Push(#[from] SettingsError),
}

/// A thread that answers until this is dropped: whatever else the process is at, a probe does not
/// wait for it.
#[derive(Debug)]
pub struct Answering {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Answering {
    /// Listens on `addresses`, each with a word for what, and answers from now on, and sends
    /// metrics as the others say; `known` is asked for what each needs. Must not be called inside a
    /// runtime.
    ///
    /// # Errors
    /// An address is none, something else listens on it, metrics cannot be sent where they shall
    /// be, or the system refuses a thread.
    pub fn start(
        addresses: Vec<(&'static str, String, Serves)>,
        pushes: Vec<(Push, MetricsLevel)>,
        known: impl Fn(Needs) -> Known + Clone + Send + 'static,
    ) -> Result<Self, CannotStart> {
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
            Ok::<_, CannotListen>(listeners)
        })?;
        let pushes = pushes.into_iter().map(|(push, level)| Pushing::new(push, level));
        let pushes = pushes.collect::<Result<Vec<_>, _>>()?;
        let (stop, stopped) = oneshot::channel();
        let answer = move || {
            runtime.block_on(async {
                let mut tasks = JoinSet::new();
                for (listener, serves) in listeners {
                    tasks.spawn(serve_known(listener, serves, known.clone()));
                }
                let (ending, ended) = watch::channel(());
                let mut pushing = JoinSet::new();
                for push in pushes {
                    pushing.spawn(push.run(known.clone(), ended.clone()));
                }
                // It ends as well when nobody is left to end it.
                drop::<Result<(), _>>(stopped.await);
                drop(ending);
                let last = async { while pushing.join_next().await.is_some() {} };
                drop(timeout(LAST, last).await);
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

async fn serve_known(
    listener: TcpListener,
    serves: Serves,
    known: impl Fn(Needs) -> Known + Clone + Send + 'static,
) {
    let secure = |stream| async { Some(stream) };
    let respond = move |request: Request<Incoming>| {
        let known = known(serves.needs(request.uri().path()));
        std::future::ready(respond(&serves, &request, &known))
    };
    serve(listener, LIMITS, secure, respond).await;
}

fn respond(serves: &Serves, request: &Request<Incoming>, known: &Known) -> Response<Full<Bytes>> {
    let uri = request.uri();
    let accepts = request.headers().get(http::header::ACCEPT).and_then(|value| value.to_str().ok());
    let wants_json =
        uri.query().is_some_and(|query| query.split('&').any(|it| it == "format=json"))
            || accepts.is_some_and(|accepts| accepts.starts_with("application/json"));
    let Answer { status, content, body } = match *request.method() {
        Method::GET | Method::HEAD => {
            let path = uri.path_and_query().map_or(uri.path(), |it| it.as_str());
            answer(serves, path, wants_json, known)
        }
        _ => Answer { status: 405, content: "text/plain", body: "only GET\n".to_owned() },
    };
    let response = Response::builder()
        .status(status)
        .header(http::header::CONTENT_TYPE, content)
        .header(http::header::CACHE_CONTROL, "no-store")
        .body(Full::new(Bytes::from(body)));
    response.unwrap_or_default()
}
