//! What waits for one exporter, in order and within its bounds.
//!
//! What is stored waits on the disk: of each request its number and its sizes are here, and the bytes
//! of a few, so that what is sent at once need not be read again.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::watch;

use super::settings::{Queue, Sizer};
use crate::otlp::batch::Request;
use crate::seldom::Seldom;
use crate::storage::Waiting;

/// What is held back before a queue that is full and blocks, in bytes.
const HELD_BACK: usize = 64 << 20;

/// Bytes of stored requests that stay in memory beside.
const BESIDE: usize = 4 << 20;

/// What is dropped is said this often.
pub(super) const SAID_EVERY: Duration = Duration::from_secs(60);

/// A request that waits.
#[derive(Debug)]
pub(super) struct Item {
    /// Its number in the stored queue, if it is stored.
    pub(super) number: Option<u64>,
    pub(super) n_spans: usize,
    /// The room that it takes.
    pub(super) room: Room,
    /// It; else it is read from the storage.
    pub(super) request: Option<Request>,
    /// The commit that it is part of; it leaves after that.
    commit: u64,
    n_bytes: usize,
}

/// The room that a request takes, in units of the sizer, and in bytes of what is held back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Room {
    size: usize,
    held_back: usize,
}

/// Where requests wait; clones are the same place.
#[derive(Clone, Debug)]
pub(super) struct Line {
    state: watch::Sender<State>,
    capacity: usize,
    sizer: Sizer,
    blocks: bool,
    is_stored: bool,
    /// Room is given back when a request is done with, and not when it leaves.
    is_until_done: bool,
    dropped: Seldom,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Item>,
    taken: Room,
    n_beside: usize,
    /// The number of the next that is stored.
    next: u64,
    /// The last commit that was made.
    committed: u64,
    is_closed: bool,
}

impl Line {
    pub(super) fn new(queue: &Queue) -> Self {
        Self {
            state: watch::Sender::new(State::default()),
            capacity: queue.size,
            sizer: queue.sizer,
            blocks: queue.blocks,
            is_stored: queue.is_stored,
            is_until_done: queue.is_off || queue.is_stored,
            dropped: Seldom::new(SAID_EVERY),
        }
    }

    /// What was found in the storage waits before all else; how many spans that is.
    pub(super) fn restore(&self, found: &Waiting) -> u64 {
        let mut n = 0;
        self.state.send_modify(|state| {
            state.next = found.next;
            for &(number, _, n_spans, n_bytes) in &found.requests {
                let n_spans = usize::try_from(n_spans).unwrap_or(usize::MAX);
                let room = Room { size: self.sizer.of(n_spans, n_bytes), held_back: 0 };
                n += n_spans as u64;
                state.taken.size = state.taken.size.saturating_add(room.size);
                let number = Some(number);
                let item = Item { number, n_spans, room, request: None, commit: 0, n_bytes };
                state.waiting.push_back(item);
            }
        });
        n
    }

    /// Puts a request at the end, as part of a commit; its number if it is stored, and `Err` if it
    /// has no room.
    pub(super) fn put(&self, request: &Request, commit: u64) -> Result<Option<u64>, ()> {
        let (n_spans, n_bytes) = (request.n_spans, request.bytes.len());
        let mut put = Err(());
        self.state.send_if_modified(|state| {
            let Some(room) = self.room(state, self.sizer.size(request), n_bytes) else {
                return false;
            };
            let number = self.is_stored.then_some(state.next);
            state.next += u64::from(self.is_stored);
            state.taken.size = state.taken.size.saturating_add(room.size);
            state.taken.held_back += room.held_back;
            state.n_beside += n_bytes;
            let request = Some(request.clone());
            state.waiting.push_back(Item { number, n_spans, room, request, commit, n_bytes });
            put = Ok(number);
            true
        });
        put
    }

    /// Waits until a request has room; `false` if it never has.
    pub(super) async fn has_room(&self, request: &Request) -> bool {
        let size = self.sizer.size(request);
        if size > self.capacity {
            return self.blocks;
        }
        let mut seen = self.state.subscribe();
        let is_there = |state: &State| {
            state.is_closed || self.room(state, size, request.bytes.len()).is_some()
        };
        seen.wait_for(is_there).await.is_ok_and(|state| !state.is_closed)
    }

    fn room(&self, state: &State, size: usize, n_bytes: usize) -> Option<Room> {
        if state.is_closed {
            return None;
        }
        if state.taken.size.saturating_add(size) <= self.capacity {
            return Some(Room { size, held_back: 0 });
        }
        let is_held_back = self.blocks && state.taken.held_back + n_bytes <= HELD_BACK;
        is_held_back.then_some(Room { size, held_back: n_bytes })
    }

    /// Takes the first, once it may leave; `None` once nothing will come any more.
    pub(super) async fn next(&self) -> Option<Item> {
        let mut seen = self.state.subscribe();
        loop {
            if let Some(item) = self.take() {
                return Some(item);
            }
            let is_over = {
                let state = seen.borrow_and_update();
                state.is_closed && state.waiting.is_empty()
            };
            // The sender is in `self`: it cannot be gone.
            if is_over || seen.changed().await.is_err() {
                return None;
            }
        }
    }

    fn take(&self) -> Option<Item> {
        let mut taken = None;
        self.state.send_if_modified(|state| {
            let is_next = |item: &Item| item.commit <= state.committed;
            if !state.waiting.front().is_some_and(is_next) {
                return false;
            }
            taken = state.waiting.pop_front();
            if let Some(item) = &mut taken {
                state.n_beside -= item.request.as_ref().map_or(0, |it| it.bytes.len());
                if !self.is_until_done {
                    state.give(std::mem::take(&mut item.room));
                }
            }
            true
        });
        taken
    }

    /// Gives room back.
    pub(super) fn give(&self, room: Room) {
        if room != Room::default() {
            self.state.send_modify(|state| state.give(room));
        }
    }

    /// All commits up to this one were made.
    pub(super) fn committed(&self, commit: u64) {
        self.state.send_modify(|state| {
            let State { waiting, n_beside, committed, .. } = state;
            let fresh = waiting.partition_point(|item| item.commit <= *committed);
            *committed = commit;
            for item in waiting.iter_mut().skip(fresh) {
                let is_stored = item.number.is_some() && item.commit <= commit;
                if is_stored && *n_beside > BESIDE && item.request.take().is_some() {
                    *n_beside -= item.n_bytes;
                }
            }
        });
    }

    /// Nothing is put there any more.
    pub(super) fn close(&self) {
        self.state.send_modify(|state| state.is_closed = true);
    }

    /// What waits and is not stored will be lost with this process: how many spans.
    pub(super) fn n_unstored(&self) -> u64 {
        let state = self.state.borrow();
        let is_unstored = |item: &&Item| item.number.is_none() || item.commit > state.committed;
        state.waiting.iter().filter(is_unstored).map(|item| item.n_spans as u64).sum()
    }

    /// How much room is taken, and how much there is.
    pub(super) fn fill(&self) -> (u64, u64) {
        let taken = self.state.borrow().taken.size.min(self.capacity);
        (taken as u64, self.capacity as u64)
    }

    /// Whether what waits outlasts this process.
    pub(super) fn is_stored(&self) -> bool {
        self.is_stored
    }

    /// `n` spans were dropped; how many have been since that was last said, if it is time to say so.
    pub(super) fn dropped(&self, n: u64) -> Option<u64> {
        self.dropped.times(n).map(|unsaid| unsaid + n)
    }

    /// Waits until spans that were dropped are to be said, though none are dropped now: how many.
    pub(super) async fn unsaid(&self) -> u64 {
        self.dropped.unsaid().await
    }
}

impl State {
    fn give(&mut self, room: Room) {
        self.taken.size = self.taken.size.saturating_sub(room.size);
        self.taken.held_back = self.taken.held_back.saturating_sub(room.held_back);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::otlp::{batch, sample};

    fn request() -> Request {
        batch::request(&sample::trace())
    }

    #[tokio::test]
    async fn a_stored_queue_has_bytes_of_few_requests_in_memory() {
        let line = Line::new(&Queue { size: 100_000, is_stored: true, ..Queue::default() });
        let n = 3 * BESIDE / request().bytes.len();
        for _ in 0..n {
            line.put(&request(), 1).unwrap();
        }
        assert!(line.state.borrow().n_beside > 2 * BESIDE, "they are not stored yet");
        line.committed(1);
        let n_beside = |line: &Line| {
            let state = line.state.borrow();
            let here = state.waiting.iter().filter_map(|item| item.request.as_ref());
            let n_beside = here.map(|it| it.bytes.len()).sum::<usize>();
            assert_eq!(n_beside, state.n_beside);
            n_beside
        };
        assert!(n_beside(&line) <= BESIDE);
        for number in 0..n as u64 {
            assert_eq!(line.next().await.unwrap().number, Some(number));
        }
        assert_eq!(n_beside(&line), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_dropped_is_said_once_a_minute_and_all_of_it() {
        let line = Line::new(&Queue::default());
        assert_eq!(line.dropped(3), Some(3));
        assert_eq!((line.dropped(2), line.dropped(4)), (None, None));
        tokio::time::advance(SAID_EVERY).await;
        assert_eq!(line.dropped(1), Some(7));
    }

    #[tokio::test]
    async fn what_is_held_back_has_a_bound_of_its_own() {
        let line = Line::new(&Queue { size: 1, blocks: true, ..Queue::default() });
        let n = HELD_BACK / request().bytes.len();
        let put = (0..2 * n).filter(|_| line.put(&request(), 0).is_ok()).count();
        assert_eq!(put, n + 1);
        assert_eq!(line.fill(), (1, 1));
        for _ in 0..put {
            line.next().await.unwrap();
        }
        assert_eq!(line.fill(), (0, 1));
        assert_eq!(line.put(&request(), 0), Ok(None));
    }
}
