//! The root spans of traces that begin with a stamp: sent once the API server has the object with
//! that stamp, or not at all.
//!
//! A write that was stamped may be refused afterwards, by a quota or another webhook. A root for it
//! would tell of what never was.

use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use crate::admission::{Begun, Policy};
use crate::export::Delivery;
use crate::facts::time::UnixNanos;
use crate::origin::root;

/// When the object is looked for, after it was admitted: mostly it is there at once.
const FIRST: Duration = Duration::from_millis(500);

/// When it is looked for again.
const LOOKS: [Duration; 2] = [Duration::from_secs(3), Duration::from_secs(15)];

/// How many may wait.
pub const MAX_WAITING: usize = 1_024;

/// A trace whose root waits for its object.
#[derive(Debug)]
pub struct Waiting {
    /// The trace.
    pub trace: Begun,
    /// When the request came.
    pub began: UnixNanos,
    /// When it was answered.
    pub ended: UnixNanos,
}

/// What became of a look at the API server.
#[derive(Debug)]
pub enum Look {
    /// The object, or `None` where there is none.
    Is(Option<Value>),
    /// It could not be asked.
    Failed(String),
}

/// Sends the roots of what comes from `waiting`, until nobody sends any more. `look` asks the API
/// server for a path; `unsent` hears of each root that is not sent, with the reason if the API
/// server gave one.
pub async fn send<L, F>(
    mut waiting: mpsc::Receiver<Waiting>,
    policy: &Policy,
    delivery: &Delivery,
    look: L,
    unsent: impl Fn(Option<&str>),
) where
    L: Fn(String) -> F,
    F: Future<Output = Look>,
{
    // In the order of their next look; each with when it was admitted, and how often it was looked
    // for.
    let mut due: Vec<(Instant, Instant, usize, Waiting)> = Vec::new();
    let mut is_open = true;
    while is_open || !due.is_empty() {
        let next = due.iter().map(|(at, ..)| *at).min();
        tokio::select! {
            heard = waiting.recv(), if is_open && due.len() < MAX_WAITING => match heard {
                Some(one) => {
                    let now = Instant::now();
                    due.push((now + FIRST, now, 0, one));
                }
                None => is_open = false,
            },
            () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {
                let Some(at) = due.iter().position(|(at, ..)| Some(*at) == next) else { continue };
                let (_, admitted, n, one) = due.swap_remove(at);
                let Begun { context, object, path, traceparent } = &one.trace;
                let found = look(path.clone()).await;
                if let Look::Is(Some(found)) = &found
                    && policy.bears(found, traceparent)
                {
                    let objects = std::iter::once(object.clone());
                    delivery.offer(&[root(context, "admit", one.began, one.ended, objects)]);
                    continue;
                }
                match LOOKS.get(n).filter(|_| is_open) {
                    Some(after) => due.push((admitted + *after, admitted, n + 1, one)),
                    None => unsent(match &found {
                        Look::Failed(problem) => Some(problem),
                        Look::Is(_) => None,
                    }),
                }
            }
        }
    }
}
