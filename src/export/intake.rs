//! Where requests are handed in for one exporter, and its books.

use std::sync::Arc;

use tokio::sync::{Semaphore, SemaphorePermit, mpsc, watch};

use super::books::Books;
use super::settings::{Queue, Sizer};
use crate::otlp::batch::Request;

/// The books of one exporter, and how full its queue is.
#[derive(Clone, Debug)]
pub(super) struct Account {
    books: watch::Sender<Books>,
    room: Option<(Arc<Semaphore>, usize)>,
    /// What has room there waits for its turn, and is told as a queue.
    is_queue: bool,
}

impl Account {
    pub(super) fn new(id: String, room: Option<(Arc<Semaphore>, usize)>, is_queue: bool) -> Self {
        Self { books: watch::Sender::new(Books { id, ..Books::default() }), room, is_queue }
    }

    pub(super) fn now(&self) -> Books {
        let mut books = self.books.borrow().clone();
        if let Some((room, capacity)) = self.room.as_ref().filter(|_| self.is_queue) {
            books.queue_capacity = Some(*capacity as u64);
            books.queue_size = Some(capacity.saturating_sub(room.available_permits()) as u64);
        }
        books
    }

    /// Waits until `is_enough` is true of them.
    pub(super) async fn until(&self, is_enough: impl Fn(&Books) -> bool) {
        // The sender is in `self`: it cannot be gone.
        drop(self.books.subscribe().wait_for(|books| is_enough(books)).await);
    }

    pub(super) fn write(&self, change: impl FnOnce(&mut Books)) {
        self.books.send_modify(|books| {
            change(books);
            let since = books.failing_since.take().or_else(|| Some(crate::clock::now()));
            books.failing_since = since.filter(|_| books.last_error.is_some());
        });
    }

    pub(super) fn id(&self) -> String {
        self.books.borrow().id.clone()
    }

    /// Takes room in the queue for a request of `size`, if there is any.
    fn try_take(&self, size: usize) -> bool {
        let Some((room, _)) = &self.room else { return true };
        // Given back by the worker when it takes the request out of the queue.
        let taken = room.try_acquire_many(u32::try_from(size).unwrap_or(u32::MAX));
        taken.map(SemaphorePermit::forget).is_ok()
    }

    /// The same, waiting for room; `false` if there is none even in an empty queue.
    async fn take(&self, size: usize) -> bool {
        let Some((room, capacity)) = &self.room else { return true };
        let size = u32::try_from(size).unwrap_or(u32::MAX);
        if size as usize > *capacity {
            return false;
        }
        room.acquire_many(size).await.map(SemaphorePermit::forget).is_ok()
    }

    /// Gives room back.
    pub(super) fn give(&self, size: usize) {
        if let Some((room, _)) = &self.room {
            room.add_permits(size);
        }
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
    /// The queue of an exporter at a server. What is taken out of it must be given back to the
    /// account.
    pub(super) fn new(id: String, queue: &Queue) -> (Self, mpsc::Receiver<Request>) {
        let room = Arc::new(Semaphore::new(queue.size.min(Semaphore::MAX_PERMITS)));
        let account = Account::new(id, Some((room, queue.size)), !queue.is_off);
        let (sender, waiting) = mpsc::channel(queue.size.clamp(1, 1 << 20));
        (Self { account, queue: sender, sizer: queue.sizer }, waiting)
    }

    /// A queue for `capacity` requests, whose reader keeps the account.
    pub(super) fn unsized_queue(id: String, capacity: usize) -> (Self, mpsc::Receiver<Request>) {
        let (queue, waiting) = mpsc::channel(capacity);
        let account = Account::new(id, None, false);
        (Self { account, queue, sizer: Sizer::Requests }, waiting)
    }

    pub(super) fn account(&self) -> Account {
        self.account.clone()
    }

    /// Never waits.
    pub(super) fn offer(&self, request: Request) {
        let n = self.enter(&request);
        let has_room = self.account.try_take(self.sizer.size(&request));
        if !has_room || self.queue.try_send(request).is_err() {
            self.refuse(n);
        }
    }

    /// Waits for room.
    pub(super) async fn hand_in(&self, request: Request) {
        let n = self.enter(&request);
        let has_room = self.account.take(self.sizer.size(&request)).await;
        if !has_room || self.queue.send(request).await.is_err() {
            self.refuse(n);
        }
    }

    /// Books a request as waiting; how many spans it has.
    fn enter(&self, request: &Request) -> u64 {
        let n = request.n_spans as u64;
        self.account.write(|books| {
            books.offered += n;
            books.queued += n;
        });
        n
    }

    fn refuse(&self, n: u64) {
        let is_queue = self.account.is_queue || self.account.room.is_none();
        let problem =
            if is_queue { "sending queue is full" } else { "too many requests are under way" };
        self.account.write(|books| {
            books.queued -= n;
            books.refused += n;
            books.last_error = Some(problem.to_owned());
        });
        tracing::error!(
            otelcol.component.id = self.account.id(),
            otelcol.component.kind = "exporter",
            otelcol.signal = "traces",
            error = problem,
            rejected_items = n,
            "Exporting failed. Rejecting data."
        );
    }
}
