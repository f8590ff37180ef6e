//! The runtime of commands that wait for the network, and the signals that end them.

use std::io;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// One thread: what lanes say is decoded faster than an API server can say it.
pub(super) fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// SIGINT (Ctrl-C), SIGTERM, and SIGHUP, which says that the terminal has vanished or that the
/// configuration shall be read again.
#[derive(Debug)]
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Option<Signal>,
}

impl Signals {
    /// Listens from now on; must be called inside the runtime. SIGHUP stays ignored where it is
    /// (`nohup`).
    pub(super) fn new() -> io::Result<Self> {
        if is_hang_up_ignored() {
            return Ok(Self {
                interrupt: signal(SignalKind::interrupt())?,
                terminate: signal(SignalKind::terminate())?,
                hang_up: None,
            });
        }
        Self::with_reload()
    }

    /// The same for a program to which SIGHUP means to read its configuration again, so that it is
    /// never ignored.
    pub(super) fn with_reload() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hang_up: Some(signal(SignalKind::hangup())?),
        })
    }

    /// Waits for one; its name.
    pub(super) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
            () = hung_up(&mut self.hang_up) => "SIGHUP",
        }
    }
}

async fn hung_up(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

/// Whoever started this process asked the system to ignore SIGHUP, the first in the mask
/// (proc(5)).
fn is_hang_up_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|it| it & 1 == 1)
}
