//! One exporter at a server: what waits, what is under way, what became of it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use super::batcher::Batcher;
use super::deliver::{Ending, deliver};
use super::endpoint::Settings;
use super::error::Failure;
use super::intake::{Account, Intake};
use super::keeper::Keeper;
use super::line::{Item, Room, SAID_EVERY};
use super::probe::probe;
use super::server::Server;
use super::settings::Queue;
use crate::otlp::batch::Request;
use crate::seldom::Seldom;

/// How far the end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Not at all.
    No,
    /// What waits is delivered, nothing is tried again.
    Draining,
}

/// A request that was taken out of the queue: its place is given up when all parts of it are done with.
#[derive(Debug)]
struct Ticket {
    number: Option<u64>,
    room: Room,
    /// A part of it could not be delivered before the end, and the storage keeps it.
    is_kept: AtomicBool,
}

/// What is sent together, and what it is part of.
type Ready = (Request, Vec<Arc<Ticket>>);

/// Delivers what is handed in.
#[derive(Debug)]
pub(super) struct Worker {
    account: Account,
    server: Server,
    settings: Settings,
    queue: Queue,
    stop: watch::Receiver<Stop>,
    /// Where its queue is stored.
    keeper: Option<Keeper>,
}

/// An exporter at `server`, and where to hand in for it.
pub(super) fn server(
    id: String,
    server: Server,
    settings: Settings,
    queue: Queue,
    stop: watch::Receiver<Stop>,
    keeper: Option<Keeper>,
) -> (Intake, Worker) {
    let intake = Intake::new(id, &queue);
    let account = intake.account();
    let keeper = keeper.filter(|_| queue.is_stored);
    (intake, Worker { account, server, settings, queue, stop, keeper })
}

impl Worker {
    /// Runs until the intake is gone and all is delivered, dropped, or kept by the storage.
    pub(super) async fn run(mut self) {
        let began = Instant::now();
        let max_bytes = self.settings.max_request_bytes;
        let mut batcher = self.queue.batch.clone().map(|batch| Batcher::new(batch, max_bytes));
        let mut ready: VecDeque<Ready> = VecDeque::new();
        let mut under_way = JoinSet::new();
        let mut is_open = true;
        let account = self.account.clone();
        let retry = self.settings.retry.clone();
        let mut probe = std::pin::pin!(probe(account.clone(), self.server.clone(), retry));
        loop {
            while under_way.len() < self.queue.num_consumers {
                let Some(next) = ready.pop_front() else { break };
                under_way.spawn(self.delivery(next));
            }
            if !is_open && under_way.is_empty() {
                return;
            }
            let due = batcher.as_ref().and_then(Batcher::due);
            let has_room = ready.len() < self.queue.num_consumers;
            tokio::select! {
                // Nothing is lost if another branch is first: an item is taken at once or not at all.
                item = account.line().next(), if is_open && has_room => match item {
                    Some(item) => {
                        let Some((request, ticket)) = self.taken(item).await else { continue };
                        match &mut batcher {
                            Some(batcher) => {
                                ready.extend(batcher.push(request, ticket, began.elapsed()));
                            }
                            None => ready.push_back((request, vec![ticket])),
                        }
                    }
                    None => {
                        is_open = false;
                        ready.extend(batcher.as_mut().and_then(Batcher::flush));
                    }
                },
                ended = under_way.join_next(), if !under_way.is_empty() => {
                    // At the end what was not delivered is kept, and so is all that comes after it.
                    if let Some(Ok(false)) = ended {
                        is_open = false;
                        ready.extend(batcher.take().and_then(|mut batcher| batcher.flush()));
                        let tickets = ready.drain(..).flat_map(|(_, tickets)| tickets);
                        tickets.for_each(|it| it.is_kept.store(true, Ordering::Relaxed));
                    }
                }
                never = &mut probe => match never {},
                () = sleep_until(began + due.unwrap_or_default()), if due.is_some() => {
                    ready.extend(batcher.as_mut().and_then(Batcher::flush));
                }
            }
        }
    }

    /// The request of `item`, which may have to be read; `None` if it cannot be read any more.
    async fn taken(&mut self, item: Item) -> Option<(Request, Arc<Ticket>)> {
        let Item { number, n_spans, room, request, .. } = item;
        let ticket = Ticket { number, room, is_kept: AtomicBool::new(false) };
        if let Some(request) = request {
            return Some((request, Arc::new(ticket)));
        }
        let (keeper, number) = (self.keeper.as_ref()?, number?);
        let id = self.account.id();
        let unread = Seldom::new(SAID_EVERY);
        loop {
            let problem = match keeper.read(&id, number).await {
                Ok(Some(request)) => return Some((request, Arc::new(ticket))),
                Ok(None) => None,
                Err(problem) => Some(problem),
            };
            let Some(problem) = problem else { break };
            if unread.now().is_some() {
                tracing::warn!(
                    otelcol.component.id = id,
                    otelcol.component.kind = "exporter",
                    error = problem,
                    "Cannot read a request from the storage; trying again"
                );
            }
            let draining = self.stop.wait_for(|stop| *stop == Stop::Draining);
            if tokio::time::timeout(AGAIN, draining).await.is_ok() {
                return None;
            }
        }
        let n = n_spans as u64;
        self.account.write(|books| {
            books.queued -= n;
            books.failed += n;
        });
        tracing::error!(
            otelcol.component.id = id,
            otelcol.component.kind = "exporter",
            dropped_items = n,
            "A request is not in the storage any more. Dropping data."
        );
        done(&self.account, self.keeper.as_ref(), Arc::new(ticket));
        None
    }

    /// Delivers one request, and keeps the account of it; `false` if the storage keeps it because the
    /// end came first.
    fn delivery(
        &self,
        (request, tickets): Ready,
    ) -> impl Future<Output = bool> + Send + 'static + use<> {
        let (account, settings) = (self.account.clone(), self.settings.clone());
        let (server, stop, keeper) = (self.server.clone(), self.stop.clone(), self.keeper.clone());
        let n = request.n_spans as u64;
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
            let mut is_retried = false;
            let pause = |status, delay| {
                let is_first = !std::mem::replace(&mut is_retried, true);
                account.write(|books| books.requests_retried += u64::from(is_first));
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
            let gave_up = matches!(ended.ending, Ending::GaveUp(_));
            let is_kept = gave_up && keeper.is_some() && *stop.borrow() == Stop::Draining;
            tell(&id, &ended.ending, failure.as_ref().filter(|_| !is_kept), n);
            account.write(|books| {
                books.in_flight -= n;
                books.requests_in_flight -= 1;
                books.requests_retried -= u64::from(is_retried);
                books.is_away = gave_up;
                match ended.ending {
                    Ending::Delivered { rejected, message } => {
                        books.rejected += rejected as u64;
                        books.sent += n - rejected as u64;
                        if !message.is_empty() {
                            books.warning = Some(message);
                        }
                    }
                    Ending::GaveUp(_) if is_kept => books.queued += n,
                    Ending::Refused(_) => books.failed += n,
                    Ending::GaveUp(_) => {
                        books.failed += n;
                        books.gave_up += n;
                    }
                }
                books.is_for_a_person = failure.as_ref().is_some_and(Failure::is_for_a_person);
                // What is tried again has its reason still.
                if failure.is_some() || books.requests_retried == 0 {
                    books.last_error = failure.map(|failure| failure.to_string());
                }
            });
            for ticket in tickets {
                ticket.is_kept.fetch_or(is_kept, Ordering::Relaxed);
                done(&account, keeper.as_ref(), ticket);
            }
            !is_kept
        }
    }
}

/// A storage that cannot be read is asked again after this.
const AGAIN: Duration = Duration::from_secs(1);

/// A part of a request is done with. With the last one it leaves the queue, unless it is kept.
fn done(account: &Account, keeper: Option<&Keeper>, ticket: Arc<Ticket>) {
    let Some(Ticket { number, room, is_kept }) = Arc::into_inner(ticket) else { return };
    if is_kept.into_inner() {
        return;
    }
    account.line().give(room);
    if let Some((keeper, number)) = keeper.zip(number) {
        keeper.remove(account.id(), number);
    }
}

/// Says what a person should know of how a request ended.
fn tell(id: &str, ending: &Ending, failure: Option<&Failure>, n: u64) {
    if let Some(failure) = failure {
        dropped(id, failure, n);
    }
    if let Ending::Delivered { rejected, message } = ending
        && (*rejected > 0 || !message.is_empty())
    {
        partly(id, *rejected, message);
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
