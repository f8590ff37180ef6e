//! What happens often is said now and then.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Says how often something happened since it was last said, but not more often than it may. Clones are
/// the same.
#[derive(Clone, Debug)]
pub(crate) struct Seldom {
    every: Duration,
    /// When it was said, and how often it happened since.
    said: watch::Sender<(Option<Instant>, u64)>,
}

impl Seldom {
    pub(crate) fn new(every: Duration) -> Self {
        Self { every, said: watch::Sender::new((None, 0)) }
    }

    /// It happened again: how often it did unsaid, if it is to be said now.
    pub(crate) fn now(&self) -> Option<u64> {
        self.times(1)
    }

    /// The same where it happened `n` times at once.
    pub(crate) fn times(&self, n: u64) -> Option<u64> {
        let now = Instant::now();
        let mut unsaid = None;
        self.said.send_modify(|(at, n_unsaid)| {
            if at.is_some_and(|at| now.duration_since(at) < self.every) {
                *n_unsaid += n;
            } else {
                *at = Some(now);
                unsaid = Some(std::mem::take(n_unsaid));
            }
        });
        unsaid
    }

    /// Waits until something is unsaid that may be said: how often it happened.
    pub(crate) async fn unsaid(&self) -> u64 {
        let mut seen = self.said.subscribe();
        loop {
            let (at, n_unsaid) = *seen.borrow_and_update();
            match at.filter(|_| n_unsaid > 0) {
                Some(at) => sleep_until(at + self.every).await,
                // The sender is in `self`: it cannot be gone.
                None => drop(seen.changed().await),
            }
            if let Some(n) = self.overdue() {
                return n;
            }
        }
    }

    /// How often it happened unsaid, if it did and that may be said now.
    pub(crate) fn overdue(&self) -> Option<u64> {
        let now = Instant::now();
        let mut unsaid = None;
        self.said.send_if_modified(|(at, n_unsaid)| {
            let may_be = at.is_none_or(|at| now.duration_since(at) >= self.every);
            if *n_unsaid > 0 && may_be {
                *at = Some(now);
                unsaid = Some(std::mem::take(n_unsaid));
            }
            unsaid.is_some()
        });
        unsaid
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_happens_all_the_time_is_said_once_a_minute() {
        let seldom = Seldom::new(Duration::from_secs(60));
        let mut said = Vec::new();
        for _ in 0..150 {
            said.extend(seldom.now());
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(said, [0, 59, 59]);
        assert_eq!(seldom.overdue(), None, "it was said half a minute ago");
        tokio::time::advance(Duration::from_secs(31)).await;
        assert_eq!((seldom.overdue(), seldom.overdue()), (Some(29), None));
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(seldom.overdue(), None, "all was said");
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_unsaid_is_said_when_the_time_is_over_though_nothing_more_happens() {
        let (seldom, began) = (Seldom::new(Duration::from_secs(60)), Instant::now());
        assert_eq!(seldom.times(3), Some(0));
        let never = tokio::time::timeout(Duration::from_secs(600), seldom.unsaid());
        assert!(never.await.is_err(), "nothing is unsaid");
        assert_eq!((seldom.times(3), seldom.times(4), seldom.now()), (Some(0), None, None));
        assert_eq!((seldom.unsaid().await, began.elapsed().as_secs()), (5, 660));
    }
}
