//! The one task that steps the core: hears what lanes say, and acts when a deadline comes. Who wants
//! to know what is open reads it beside this task; what was counted is left where it can be read.
//!
//! Where state is stored, what has left waits until the commit before is done, and goes with all that
//! has changed by then; where nothing leaves, what has changed goes once a second.

use std::future::{Future, ready};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::engine::records::Record;
use crate::engine::{Counts, Engine};
use crate::facts::span::FinishedSpan;
use crate::facts::time::{Nanos, UnixNanos};
use crate::telemetry::delays::Delays;
use crate::watch::listener::Arrived;

/// So much news is heard before what is due is looked at: a burst shall not pay for it each time.
const TOGETHER: usize = 256;

/// Without a deadline the task still looks at the clock this often: a wall clock can be set, and only
/// who looks knows that they were stopped.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// A sleep that ends so much too late was no sleep: the process itself stood still.
const TOO_LATE: Nanos = Nanos::from_seconds(1);

/// What has changed is stored so soon.
const STORED_AFTER: Duration = Duration::from_secs(1);

/// What the core and its task have counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// The core.
    pub counts: Counts,
    /// How late spans were handed on.
    pub delays: Delays,
    /// When the task last went round.
    pub at: Option<Instant>,
}

/// Where what leaves the core goes.
pub trait Outlet {
    /// Takes what ended, children before parents, and what is to be stored together with it. It must
    /// not wait.
    fn hand_on(&mut self, spans: Vec<FinishedSpan>, changed: Vec<Record>);

    /// Waits until what was handed on before is stored.
    fn free(&self) -> impl Future<Output = ()> + Send {
        ready(())
    }
}

impl<F: FnMut(Vec<FinishedSpan>)> Outlet for F {
    fn hand_on(&mut self, spans: Vec<FinishedSpan>, _: Vec<Record>) {
        self(spans);
    }
}

/// Drives `engine` until no lane is left that could say anything; returns it as it then is.
///
/// `clock` reads the wall clock, and may step back. `figures` always has what was counted last.
pub async fn drive(
    mut engine: Engine,
    mut told: mpsc::Receiver<Arrived>,
    clock: impl Fn() -> UnixNanos,
    figures: &watch::Sender<Figures>,
    outlet: &mut impl Outlet,
) -> Engine {
    let mut batch = Vec::with_capacity(TOGETHER);
    let mut delays = Delays::default();
    let mut left = Left::default();
    let mut stored = Instant::now();
    loop {
        let due = engine.next_deadline();
        let before = clock();
        let wait = due.map_or(LONGEST_SLEEP, |due| until(due, before));
        let is_stored = engine.stores_changes();
        let mut is_free = !is_stored;
        tokio::select! {
            n = told.recv_many(&mut batch, TOGETHER) => {
                if n == 0 {
                    left.hand_on(&mut engine, outlet, &mut delays, clock());
                    return engine;
                }
                heed_stop(&mut engine, before, clock());
                for Arrived { lane, part, news, at } in batch.drain(..) {
                    engine.set_clock(at);
                    left.spans.extend(engine.hear_part(lane, part, news, at.at));
                }
            }
            () = outlet.free(), if is_stored && !left.spans.is_empty() => {
                heed_stop(&mut engine, before, clock());
                is_free = true;
            }
            () = tokio::time::sleep_until(stored + STORED_AFTER), if engine.has_changed() => {
                heed_stop(&mut engine, before, clock());
                is_free = true;
            }
            () = tokio::time::sleep(wait) => heed_stop(&mut engine, before, clock()),
        }
        left.spans.extend(engine.advance(clock()));
        left.due = left.due.or(due.filter(|_| !left.spans.is_empty()));
        let is_due = !left.spans.is_empty() || (is_stored && engine.has_changed());
        if is_free && is_due {
            left.hand_on(&mut engine, outlet, &mut delays, clock());
            stored = Instant::now();
        }
        figures.send_replace(Figures {
            counts: engine.counts(),
            delays: delays.clone(),
            at: Some(Instant::now()),
        });
    }
}

/// Nothing was heard from `before` on where it is much later `now` than the longest sleep ends.
fn heed_stop(engine: &mut Engine, before: UnixNanos, now: UnixNanos) {
    let longest = i64::try_from(LONGEST_SLEEP.as_nanos()).unwrap_or(i64::MAX);
    if now.since(before) > Nanos(longest).plus(TOO_LATE) {
        engine.stood_still(before, now);
    }
}

/// What has left the core and was not handed on yet.
#[derive(Debug, Default)]
struct Left {
    spans: Vec<FinishedSpan>,
    /// When the first of it was due.
    due: Option<UnixNanos>,
}

impl Left {
    fn hand_on(
        &mut self,
        engine: &mut Engine,
        outlet: &mut impl Outlet,
        delays: &mut Delays,
        now: UnixNanos,
    ) {
        let changed = if engine.stores_changes() { engine.changed() } else { Vec::new() };
        let Self { spans, due } = std::mem::take(self);
        if spans.is_empty() && changed.is_empty() {
            return;
        }
        let is_late = !spans.is_empty();
        outlet.hand_on(spans, changed);
        if is_late {
            delays.add(due.map_or(Nanos(0), |due| now.since(due)));
        }
    }
}

fn until(due: UnixNanos, now: UnixNanos) -> Duration {
    let nanos = u64::try_from(due.since(now).0).unwrap_or(0);
    Duration::from_nanos(nanos).min(LONGEST_SLEEP)
}
