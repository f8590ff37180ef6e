//! Where requests are handed in for one exporter, and its books.

use tokio::sync::watch;

use super::books::Books;
use super::line::Line;
use super::settings::{Queue, Sizer};
use crate::otlp::batch::Request;
use crate::storage::{Queued, Waiting};

/// The books of one exporter, and what waits for it.
#[derive(Clone, Debug)]
pub(super) struct Account {
    books: watch::Sender<Books>,
    line: Line,
    /// What has room there waits for its turn, and is told as a queue.
    is_queue: bool,
}

impl Account {
    fn new(id: String, line: Line, is_queue: bool) -> Self {
        Self { books: watch::Sender::new(Books { id, ..Books::default() }), line, is_queue }
    }

    pub(super) fn now(&self) -> Books {
        let mut books = self.books.borrow().clone();
        if self.is_queue {
            let (size, capacity) = self.line.fill();
            (books.queue_size, books.queue_capacity) = (Some(size), Some(capacity));
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
            books.failing_since = since.filter(|_| books.is_failing());
        });
    }

    pub(super) fn id(&self) -> String {
        self.books.borrow().id.clone()
    }

    /// What waits.
    pub(super) fn line(&self) -> &Line {
        &self.line
    }

    /// Does `work`, and says meanwhile what was dropped and is unsaid, whenever that is to be said.
    pub(super) async fn telling(self, work: impl Future<Output = ()>) {
        let telling = async {
            loop {
                self.say_dropped(self.line.unsaid().await);
            }
        };
        tokio::select! {
            () = work => {}
            () = telling => {}
        }
    }

    fn say_dropped(&self, n: u64) {
        tracing::error!(
            otelcol.component.id = self.id(),
            otelcol.component.kind = "exporter",
            otelcol.signal = "traces",
            error = self.problem(),
            rejected_items = n,
            "Exporting failed. Rejecting data."
        );
    }

    /// Why what has no room has none.
    fn problem(&self) -> &'static str {
        match self.is_queue {
            true => "sending queue is full",
            false => "too many requests are under way",
        }
    }

    /// Whatever has not been delivered will not be by this process.
    pub(super) fn close(&self) {
        let (n_unstored, is_stored) = (self.line.n_unstored(), self.line.is_stored());
        self.write(|books| {
            books.requests_in_flight = 0;
            books.requests_retried = 0;
            let (queued, in_flight) =
                (std::mem::take(&mut books.queued), std::mem::take(&mut books.in_flight));
            let lost = if is_stored { n_unstored.min(queued) } else { queued };
            books.refused += lost;
            books.refused_at_end += lost;
            if is_stored {
                books.kept += queued - lost + in_flight;
            } else {
                books.failed += in_flight;
            }
        });
    }
}

/// Where requests are handed in; when it is gone, nothing more comes.
#[derive(Debug)]
pub(super) struct Intake {
    account: Account,
}

impl Drop for Intake {
    fn drop(&mut self) {
        self.account.line.close();
    }
}

impl Intake {
    /// The queue of an exporter at a server. What is taken out of it must be given back to the
    /// account.
    pub(super) fn new(id: String, queue: &Queue) -> Self {
        Self { account: Account::new(id, Line::new(queue), !queue.is_off) }
    }

    /// A queue for `size` requests, which is not told as one.
    pub(super) fn of_requests(id: String, size: usize) -> Self {
        let queue = Queue { size, sizer: Sizer::Requests, ..Queue::default() };
        Self { account: Account::new(id, Line::new(&queue), false) }
    }

    pub(super) fn account(&self) -> Account {
        self.account.clone()
    }

    /// What was found in the storage waits before all else.
    pub(super) fn restore(&self, found: &Waiting) {
        let n = self.account.line.restore(found);
        self.account.write(|books| {
            books.offered += n;
            books.found += n;
            books.queued += n;
        });
    }

    /// Never waits. What is to be stored of it, if it is stored; it leaves after that commit.
    pub(super) fn offer(&self, request: Request, commit: u64) -> Option<Queued> {
        let n = self.enter(&request);
        match self.account.line.put(&request, commit) {
            Ok(number) => Some(Queued {
                exporter: self.account.id(),
                number: number?,
                at: crate::clock::now(),
                n_spans: u32::try_from(request.n_spans).unwrap_or(u32::MAX),
                bytes: request.bytes,
            }),
            Err(()) => {
                self.refuse(n);
                None
            }
        }
    }

    /// Waits for room. What is stored is not handed in so.
    pub(super) async fn hand_in(&self, request: Request) {
        let n = self.enter(&request);
        while self.account.line.put(&request, 0).is_err() {
            if !self.account.line.has_room(&request).await {
                return self.refuse(n);
            }
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
        self.account.write(|books| {
            books.queued -= n;
            books.refused += n;
            books.last_error = Some(self.account.problem().to_owned());
        });
        if let Some(n) = self.account.line.dropped(n) {
            self.account.say_dropped(n);
        }
    }
}
