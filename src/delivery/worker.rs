//! One exporter at a server: what waits, what is under way, what became of it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tonic::Status;

use super::batcher::Batcher;
use super::books::Books;
use super::settings::{Queue, Sizer};
use crate::export::{Ending, Server, Settings, deliver};
use crate::otlp::batch::Request;

/// How far the end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Not at all.
    No,
    /// What waits is delivered, nothing is tried again.
    Draining,
}

/// The books of one exporter, and how full its queue is.
#[derive(Clone, Debug)]
pub(super) struct Account {
    books: watch::Sender<Books>,
    room: Option<(Arc<Semaphore>, usize)>,
}

impl Account {
    fn new(id: String, room: Option<(Arc<Semaphore>, usize)>) -> Self {
        Self { books: watch::Sender::new(Books { id, ..Books::default() }), room }
    }

    pub(super) fn now(&self) -> Books {
        let mut books = self.books.borrow().clone();
        if let Some((room, capacity)) = &self.room {
            books.queue_capacity = Some(*capacity as u64);
            books.queue_size = Some(capacity.saturating_sub(room.available_permits()) as u64);
        }
        books
    }

    pub(super) fn write(&self, change: impl FnOnce(&mut Books)) {
        self.books.send_modify(change);
    }

    /// Whatever has not been delivered will not be.
    pub(super) fn close(&self) {
        self.write(|books| {
            books.refused += std::mem::take(&mut books.queued);
            books.failed += std::mem::take(&mut books.in_flight);
            books.requests_in_flight = 0;
        });
    }
}

/// Where requests are handed in.
#[derive(Debug)]
pub(super) struct Intake {
    account: Account,
    queue: mpsc::Sender<Request>,
    sizer: Sizer,
}

impl Intake {
    /// A queue for `capacity` requests, whose reader keeps the account.
    pub(super) fn unsized_queue(id: String, capacity: usize) -> (Self, mpsc::Receiver<Request>) {
        let (queue, waiting) = mpsc::channel(capacity);
        let account = Account::new(id, None);
        (Self { account, queue, sizer: Sizer::Requests }, waiting)
    }

    pub(super) fn account(&self) -> Account {
        self.account.clone()
    }

    pub(super) fn offer(&self, request: Request) {
        let n = request.n_spans as u64;
        self.account.write(|books| {
            books.offered += n;
            books.queued += n;
        });
        let size = u32::try_from(self.sizer.size(&request)).unwrap_or(u32::MAX);
        let has_room = self.account.room.as_ref().is_none_or(|(room, _)| {
            // Given back by the worker when it takes the request out of the queue.
            room.try_acquire_many(size).map(tokio::sync::SemaphorePermit::forget).is_ok()
        });
        if has_room && self.queue.try_send(request).is_ok() {
            return;
        }
        self.account.write(|books| {
            books.queued -= n;
            books.refused += n;
            books.last_error = Some("sending queue is full".to_owned());
        });
        tracing::error!(
            otelcol.component.id = self.account.books.borrow().id.as_str(),
            otelcol.component.kind = "exporter",
            otelcol.signal = "traces",
            error = "sending queue is full",
            rejected_items = n,
            "Exporting failed. Rejecting data."
        );
    }
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
    let room = Arc::new(Semaphore::new(queue.size.min(Semaphore::MAX_PERMITS)));
    let account = Account::new(id, Some((room, queue.size)));
    let (sender, waiting) = mpsc::channel(queue.size.clamp(1, 1 << 20));
    let intake = Intake { account: account.clone(), queue: sender, sizer: queue.sizer };
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
                        self.give_room(&request);
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
                () = sleep_until(began + due.unwrap_or_default()), if due.is_some() => {
                    ready.extend(batcher.as_mut().and_then(Batcher::flush));
                }
            }
        }
    }

    fn give_room(&self, request: &Request) {
        if let Some((room, _)) = &self.account.room {
            room.add_permits(self.queue.sizer.size(request));
        }
    }

    /// Delivers one request, and keeps the account of it.
    fn delivery(&self, request: Request) -> impl Future<Output = ()> + Send + 'static {
        let (account, settings) = (self.account.clone(), self.settings.clone());
        let (server, stop) = (self.server.clone(), self.stop.clone());
        let n = request.n_spans as u64;
        account.write(|books| {
            books.queued -= n;
            books.in_flight += n;
            books.requests_in_flight += 1;
        });
        async move {
            let id = account.now().id;
            let attempt = || {
                let (server, bytes) = (server.clone(), request.bytes.clone());
                async move { server.send(bytes).await }
            };
            let pause = |status, delay| pause(id.clone(), status, delay, stop.clone());
            let delivery = deliver(&settings.retry, request.n_spans, attempt, pause).await;
            account.write(|books| {
                books.in_flight -= n;
                books.requests_in_flight -= 1;
                match &delivery.ending {
                    Ending::Delivered { rejected, .. } => {
                        books.rejected += *rejected as u64;
                        books.sent += n - *rejected as u64;
                        books.last_error = None;
                    }
                    Ending::Refused(status) | Ending::GaveUp(status) => {
                        books.failed += n;
                        books.last_error = Some(told(status));
                    }
                }
            });
            tell(&id, &delivery.ending, n);
        }
    }
}

/// Waits before the next attempt; `false` if there shall be none because the end has come.
async fn pause(
    id: String,
    status: Status,
    delay: Duration,
    mut stop: watch::Receiver<Stop>,
) -> bool {
    if *stop.borrow() == Stop::Draining {
        return false;
    }
    tracing::info!(
        otelcol.component.id = id,
        otelcol.component.kind = "exporter",
        otelcol.signal = "traces",
        error = told(&status),
        interval = ?delay,
        "Exporting failed. Will retry the request after interval."
    );
    tokio::select! {
        () = sleep(delay) => true,
        _ = stop.wait_for(|stop| *stop == Stop::Draining) => false,
    }
}

fn tell(id: &str, ending: &Ending, n: u64) {
    match ending {
        Ending::Delivered { rejected: 0, message } if message.is_empty() => {}
        Ending::Delivered { rejected, message } => tracing::warn!(
            otelcol.component.id = id,
            otelcol.component.kind = "exporter",
            otelcol.signal = "traces",
            message_of_server = message,
            dropped_spans = rejected,
            "Partial success response"
        ),
        Ending::Refused(status) | Ending::GaveUp(status) => {
            let why = match ending {
                Ending::GaveUp(_) => "no more retries left: ",
                Ending::Refused(_) | Ending::Delivered { .. } => "not retryable error: ",
            };
            tracing::error!(
                otelcol.component.id = id,
                otelcol.component.kind = "exporter",
                otelcol.signal = "traces",
                error = format!("{why}{}", told(status)),
                dropped_items = n,
                "Exporting failed. Dropping data."
            );
        }
    }
}

fn told(status: &Status) -> String {
    match status.message() {
        "" => status.code().description().to_owned(),
        message => message.to_owned(),
    }
}
