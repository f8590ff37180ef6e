//! A proxy before a server that breaks connections off: the request has arrived, its answer is lost.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// A request is larger, what HTTP/2 says at the beginning is smaller.
const A_REQUEST: usize = 1_000;

/// After this the last of a request has arrived on loopback.
const QUIET: Duration = Duration::from_millis(50);

/// The proxy; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Cutting {
    /// `127.0.0.1:port`
    pub(crate) address: String,
    _proxy: JoinSet<()>,
}

impl Cutting {
    /// Resets so many connections after a request, then lets all through.
    pub(crate) async fn start(to: &str, n_cuts: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let to = to.to_owned();
        let mut proxy = JoinSet::new();
        proxy.spawn(async move {
            let mut connections = JoinSet::new();
            let n_left = Arc::new(AtomicUsize::new(n_cuts));
            loop {
                let (mut client, _) = listener.accept().await.unwrap();
                let (to, n_left) = (to.clone(), Arc::clone(&n_left));
                connections.spawn(async move {
                    // Who connects and says nothing only wants to know whether anybody is there.
                    if client.peek(&mut [0]).await.unwrap_or(0) == 0 {
                        return;
                    }
                    let mut server = TcpStream::connect(&to).await.unwrap();
                    let take = |n: usize| n.checked_sub(1);
                    if n_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
                        cut(client, server).await;
                    } else {
                        drop(copy_bidirectional(&mut client, &mut server).await);
                    }
                });
            }
        });
        Self { address, _proxy: proxy }
    }
}

/// Passes a request on, and of the answers only what came before the request was whole.
async fn cut(mut client: TcpStream, mut server: TcpStream) {
    let (mut up, mut down) = (vec![0; 16_384], vec![0; 16_384]);
    let mut n = 0;
    loop {
        let is_whole = n >= A_REQUEST;
        let step = async {
            tokio::select! {
                read = client.read(&mut up) => {
                    let read = read.unwrap_or(0);
                    server.write_all(up.get(..read).unwrap()).await.unwrap();
                    n += read;
                    read > 0
                }
                read = server.read(&mut down), if !is_whole => {
                    let read = read.unwrap_or(0);
                    client.write_all(down.get(..read).unwrap()).await.unwrap();
                    read > 0
                }
            }
        };
        match timeout(QUIET, step).await {
            Ok(true) => {}
            Err(_) if !is_whole => {}
            Ok(false) | Err(_) => break,
        }
    }
    // Without a lingering close the client hears a reset, not an end.
    client.set_zero_linger().unwrap();
}
