//! One exporter at a server: what waits, what is under way, what became of it.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::batcher::Batcher;
use super::deliver::{Ending, deliver};
use super::endpoint::Settings;
use super::error::Failure;
use super::intake::{Account, Intake};
use super::server::Server;
use super::settings::Queue;
use crate::otlp::batch::Request;

/// How far the end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Not at all.
    No,
    /// What waits is delivered, nothing is tried again.
    Draining,
}

/// Delivers what is handed in.
#[derive(Debug)]
pub(super) struct Worker {
    account: Account,
    waiting: mpsc::Receiver<Request>,
    server: Server,
    settings: Settings,
    queue: Queue,
    stop: watch::Receiver<Stop>,
}

/// An exporter at `server`, and where to hand in for it.
pub(super) fn server(
    id: String,
    server: Server,
    settings: Settings,
    queue: Queue,
    stop: watch::Receiver<Stop>,
) -> (Intake, Worker) {
    let (intake, waiting) = Intake::new(id, &queue);
    let account = intake.account();
    (intake, Worker { account, waiting, server, settings, queue, stop })
}

impl Worker {
    /// Runs until the intake is gone and all is delivered or dropped.
    pub(super) async fn run(mut self) {
        let began = Instant::now();
        let max_bytes = self.settings.max_request_bytes;
        let mut batcher = self.queue.batch.clone().map(|batch| Batcher::new(batch, max_bytes));
        let mut ready = VecDeque::new();
        let mut under_way = JoinSet::new();
        let mut is_open = true;
        let server = self.server.clone();
        let mut reached = std::pin::pin!(server.reach());
        let mut is_reached = false;
        loop {
            while under_way.len() < self.queue.num_consumers {
                let Some(request) = ready.pop_front() else { break };
                under_way.spawn(self.delivery(request));
            }
            if !is_open && under_way.is_empty() {
                return;
            }
            let due = batcher.as_ref().and_then(Batcher::due);
            let has_room = ready.len() < self.queue.num_consumers;
            tokio::select! {
                handed_in = self.waiting.recv(), if is_open && has_room => match handed_in {
                    Some(request) => {
                        if !self.queue.is_off {
                            self.account.give(self.queue.sizer.size(&request));
                        }
                        match &mut batcher {
                            Some(batcher) => ready.extend(batcher.push(request, began.elapsed())),
                            None => ready.push_back(request),
                        }
                    }
                    None => {
                        is_open = false;
                        ready.extend(batcher.as_mut().and_then(Batcher::flush));
                    }
                },
                _ = under_way.join_next(), if !under_way.is_empty() => {}
                answer = &mut reached, if !is_reached => {
                    is_reached = true;
                    if let Err(status) = answer {
                        self.unanswered(&Failure::new(&status, self.server.wire()));
                    }
                }
                () = sleep_until(began + due.unwrap_or_default()), if due.is_some() => {
                    ready.extend(batcher.as_mut().and_then(Batcher::flush));
                }
            }
        }
    }

    /// Nobody listens there: that is said before there is anything to send.
    fn unanswered(&self, failure: &Failure) {
        self.account.write(|books| {
            books.last_error.get_or_insert_with(|| failure.to_string());
        });
        tracing::warn!(
            otelcol.component.id = self.account.id(),
            otelcol.component.kind = "exporter",
            otelcol.signal = "traces",
            error = failure.to_string(),
            "The endpoint does not answer"
        );
    }

    /// Delivers one request, and keeps the account of it.
    fn delivery(&self, request: Request) -> impl Future<Output = ()> + Send + 'static {
        let (account, settings) = (self.account.clone(), self.settings.clone());
        let (server, stop) = (self.server.clone(), self.stop.clone());
        let n = request.n_spans as u64;
        let taken = if self.queue.is_off { self.queue.sizer.size(&request) } else { 0 };
        account.write(|books| {
            books.queued -= n;
            books.in_flight += n;
            books.requests_in_flight += 1;
        });
        async move {
            let id = account.id();
            let wire = server.wire();
            let attempt = || {
                let (server, bytes) = (server.clone(), request.bytes.clone());
                async move { server.send(bytes).await }
            };
            let pause = |status, delay| {
                let failure = Failure::new(&status, wire);
                pause(account.clone(), failure, delay, stop.clone())
            };
            let ended = deliver(&settings.retry, request.n_spans, attempt, pause).await;
            let failure = match &ended.ending {
                Ending::Delivered { .. } => None,
                Ending::Refused(status) => Some(Failure::new(status, wire)),
                Ending::GaveUp(status) => {
                    let gave_up = Some((ended.n_attempts, ended.took));
                    Some(Failure { gave_up, ..Failure::new(status, wire) })
                }
            };
            if let Some(failure) = &failure {
                dropped(&id, failure, n);
            }
            if let Ending::Delivered { rejected, message } = &ended.ending
                && (*rejected > 0 || !message.is_empty())
            {
                partly(&id, *rejected, message);
            }
            account.write(|books| {
                books.in_flight -= n;
                books.requests_in_flight -= 1;
                match ended.ending {
                    Ending::Delivered { rejected, message } => {
                        books.rejected += rejected as u64;
                        books.sent += n - rejected as u64;
                        if !message.is_empty() {
                            books.warning = Some(message);
                        }
                    }
                    Ending::Refused(_) => books.failed += n,
                    Ending::GaveUp(_) => {
                        books.failed += n;
                        books.gave_up += n;
                    }
                }
                books.last_error = failure.map(|failure| failure.to_string());
            });
            account.give(taken);
        }
    }
}

/// Waits before the next attempt; `false` if there shall be none because the end has come.
async fn pause(
    account: Account,
    failure: Failure,
    delay: Duration,
    mut stop: watch::Receiver<Stop>,
) -> bool {
    if *stop.borrow() == Stop::Draining {
        return false;
    }
    account.write(|books| books.last_error = Some(failure.to_string()));
    tracing::info!(
        otelcol.component.id = account.id(),
        otelcol.component.kind = "exporter",
        otelcol.signal = "traces",
        error = failure.to_string(),
        interval = ?delay,
        "Exporting failed. Will retry the request after interval."
    );
    tokio::select! {
        () = sleep(delay) => true,
        _ = stop.wait_for(|stop| *stop == Stop::Draining) => false,
    }
}

fn partly(id: &str, rejected: usize, message: &str) {
    tracing::warn!(
        otelcol.component.id = id,
        otelcol.component.kind = "exporter",
        otelcol.signal = "traces",
        message_of_server = message,
        dropped_spans = rejected,
        "Partial success response"
    );
}

fn dropped(id: &str, failure: &Failure, n: u64) {
    let why =
        if failure.gave_up.is_some() { "no more retries left" } else { "not retryable error" };
    tracing::error!(
        otelcol.component.id = id,
        otelcol.component.kind = "exporter",
        otelcol.signal = "traces",
        error = format!("{why}: {failure}"),
        dropped_items = n,
        "Exporting failed. Dropping data."
    );
}
