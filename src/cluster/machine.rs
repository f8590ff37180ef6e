//! This machine's clock, read and bounded by the answers of the API server.

use std::sync::Arc;

use http::HeaderMap;
use http::header::DATE;
use tokio::sync::watch;
use tokio::time::Instant;

use super::offset::{self, Corrected, Known, Offset};
use crate::clock;
use crate::facts::instant::Clock;
use crate::facts::time::{Nanos, SECOND, UnixNanos};

/// The clock of this machine; clones read the same one.
#[derive(Clone, Debug)]
pub struct Machine {
    started: Instant,
    offset: Arc<watch::Sender<Offset>>,
}

impl Default for Machine {
    fn default() -> Self {
        Self { started: Instant::now(), offset: Arc::new(watch::Sender::new(Offset::default())) }
    }
}

impl Machine {
    /// Now: order and timers use `at`, which is never set back.
    #[must_use]
    pub fn now(&self) -> Clock {
        let elapsed = i64::try_from(self.started.elapsed().as_nanos()).unwrap_or(i64::MAX);
        let mut now = Clock::default();
        self.offset.send_modify(|offset| {
            let at = offset.time(clock::now(), Nanos(elapsed));
            now = Clock { at, ahead: offset.added(), unsure: offset.unsure() };
        });
        now
    }

    /// The head of an answer has come to what was asked at `asked`.
    pub(super) fn answered(&self, asked: UnixNanos, head: &HeaderMap) {
        let date = head.get(DATE).and_then(|date| offset::date(date.to_str().ok()?));
        let (Some(date), now) = (date, self.now()) else { return };
        let mut corrected = Corrected::No;
        self.offset.send_modify(|offset| corrected = offset.answered(asked, now.at, date));
        let seconds = |nanos: Nanos| nanos.0 / SECOND.0;
        match corrected {
            Corrected::No => {}
            Corrected::Begins(by) => tracing::warn!(
                seconds = seconds(by),
                "This machine's clock is off against the API server's; times of arrival are corrected by so much"
            ),
            Corrected::Ends => tracing::info!(
                "This machine's clock agrees with the API server's again; times of arrival are as they are"
            ),
        }
    }

    /// What is known of it.
    #[must_use]
    pub fn known(&self) -> Known {
        self.offset.borrow().known()
    }
}
