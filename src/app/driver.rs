//! The one task that steps the core: hears what lanes say, and acts when a deadline comes. Who wants
//! to know what is open reads it beside this task; what was counted is left where it can be read.

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

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

/// Drives `engine` until no lane is left that could say anything; returns it as it then is.
///
/// `hand_on` gets what ended, children before parents; it must not wait. `clock` reads the wall
/// clock, and may step back. `figures` always has what was counted last.
pub async fn drive(
    mut engine: Engine,
    mut told: mpsc::Receiver<Arrived>,
    clock: impl Fn() -> UnixNanos,
    figures: &watch::Sender<Figures>,
    mut hand_on: impl FnMut(Vec<FinishedSpan>),
) -> Engine {
    let mut batch = Vec::with_capacity(TOGETHER);
    let mut delays = Delays::default();
    loop {
        let due = engine.next_deadline();
        let mut ended = Vec::new();
        let before = clock();
        let wait = due.map_or(LONGEST_SLEEP, |due| until(due, before));
        tokio::select! {
            n = told.recv_many(&mut batch, TOGETHER) => {
                if n == 0 {
                    return engine;
                }
                heed_stop(&mut engine, before, clock());
                for Arrived { lane, part, news, at } in batch.drain(..) {
                    engine.set_clock(at);
                    ended.extend(engine.hear_part(lane, part, news, at.at));
                }
            }
            () = tokio::time::sleep(wait) => heed_stop(&mut engine, before, clock()),
        }
        ended.extend(engine.advance(clock()));
        if !ended.is_empty() {
            hand_on(ended);
            let late = due.map_or(Nanos(0), |due| clock().since(due));
            delays.add(late);
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

fn until(due: UnixNanos, now: UnixNanos) -> Duration {
    let nanos = u64::try_from(due.since(now).0).unwrap_or(0);
    Duration::from_nanos(nanos).min(LONGEST_SLEEP)
}
