//! The one way to answer HTTP requests: connections bounded in number and time, small heads.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::time::Duration;

use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use prost::bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

/// What clients may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at the same time; for one more the oldest makes room, so that nobody who opens many
    /// and says nothing keeps others out.
    pub connections: usize,
    /// A connection without a request is closed after this.
    pub idle: Duration,
    /// A connection lasts no longer, whatever the client does; `None` for as long as it likes.
    pub lasts: Option<Duration>,
    /// Bytes of a request's head.
    pub head: usize,
}

/// An address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error(
    "{what} cannot listen on {address}: {source}; set another endpoint, or stop what listens there"
)]
pub struct CannotListen {
    /// Who would listen.
    pub what: &'static str,
    /// Where.
    pub address: String,
    /// Why not.
    #[source]
    pub source: io::Error,
}

/// Listens on `address`, for `what`.
///
/// # Errors
/// The address is none, or something else listens on it.
pub async fn listen(what: &'static str, address: &str) -> Result<TcpListener, CannotListen> {
    let failed = |source| CannotListen { what, address: address.to_owned(), source };
    TcpListener::bind(address).await.map_err(failed)
}

/// Answers on `listener` for ever. `secure` makes of each connection what is spoken on, or nothing
/// where the client does not come so far; `respond` answers each request.
pub async fn serve<I, S, R>(
    listener: TcpListener,
    limits: Limits,
    secure: impl Fn(TcpStream) -> S,
    respond: impl Fn(Request<Incoming>) -> R + Clone + Send + 'static,
) where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Future<Output = Option<I>> + Send + 'static,
    R: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let mut connections = JoinSet::new();
    let mut oldest_first: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of descriptors, mostly: they come back.
                tracing::warn!(%error, "Cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        // Answers are small and somebody waits for them.
        drop(stream.set_nodelay(true));
        // What has ended is forgotten.
        while connections.try_join_next().is_some() {}
        oldest_first.retain(|it| !it.is_finished());
        if oldest_first.len() >= limits.connections
            && let Some(oldest) = oldest_first.pop_front()
        {
            oldest.abort();
        }
        let (secured, respond) = (secure(stream), respond.clone());
        let connection = connections.spawn(async move {
            let Some(stream) = secured.await else { return };
            let service = service_fn(move |request| {
                let answer = respond(request);
                async move { Ok::<_, Infallible>(answer.await) }
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(limits.idle)
                .max_buf_size(limits.head)
                .serve_connection(TokioIo::new(stream), service);
            // A client that goes away, or takes too long, is no concern of ours.
            drop(timeout(limits.lasts.unwrap_or(Duration::MAX), connection).await);
        });
        oldest_first.push_back(connection);
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn who_opens_many_connections_and_says_nothing_keeps_nobody_out() {
        let listener = listen("a test", "127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let hour = Duration::from_secs(3_600);
        let limits = Limits { connections: 4, idle: hour, lasts: None, head: 16 << 10 };
        let respond = |_| async { Response::new(Full::new(Bytes::from("well"))) };
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, limits, |stream| async { Some(stream) }, respond));
        let mut silent = Vec::new();
        for _ in 0..3 * limits.connections {
            silent.push(TcpStream::connect(address).await.unwrap());
        }
        let mut probe = TcpStream::connect(address).await.unwrap();
        probe.write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        let read = timeout(Duration::from_secs(20), probe.read_to_string(&mut answer)).await;
        assert!(read.is_ok() && answer.ends_with("well"), "{read:?}: {answer:?}");
        // The first has made room, the last is kept.
        let mut byte = [0];
        let mut oldest = silent.remove(0);
        assert_eq!(
            timeout(Duration::from_secs(20), oldest.read(&mut byte)).await.unwrap().unwrap(),
            0
        );
        let mut newest = silent.pop().unwrap();
        newest.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
        assert_eq!(newest.read(&mut byte).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn nobody_makes_room_where_another_has_left() {
        let listener = listen("a test", "127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let hour = Duration::from_secs(3_600);
        let limits = Limits { connections: 2, idle: hour, lasts: None, head: 16 << 10 };
        let respond = |_| async { Response::new(Full::new(Bytes::from("well"))) };
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, limits, |stream| async { Some(stream) }, respond));
        let mut oldest = TcpStream::connect(address).await.unwrap();
        let mut byte = [0];
        for _ in 0..3 * limits.connections {
            oldest.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
            assert_eq!(oldest.read(&mut byte).await.unwrap(), 1, "it is kept");
            let mut probe = TcpStream::connect(address).await.unwrap();
            probe
                .write_all(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
                .await
                .unwrap();
            let mut answer = String::new();
            probe.read_to_string(&mut answer).await.unwrap();
            drop(probe);
            // Until its task has ended.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
