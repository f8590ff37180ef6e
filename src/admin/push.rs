//! Metrics sent at intervals, and once more at the end.

use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::known::{Known, Needs};
use crate::config::{MetricsLevel, Push};
use crate::export::{Pusher, SettingsError};
use crate::telemetry::metrics;

/// Sends the metrics of one reader.
#[derive(Debug)]
pub(super) struct Pushing {
    push: Push,
    pusher: Pusher,
    level: MetricsLevel,
}

impl Pushing {
    /// Checks where to; does not connect.
    pub(super) fn new(push: Push, level: MetricsLevel) -> Result<Self, SettingsError> {
        let pusher = Pusher::new(push.wire, &push.settings)?;
        Ok(Self { push, pusher, level })
    }

    /// Sends until the other end of `stop` is gone, and then once more.
    pub(super) async fn run(self, known: impl Fn(Needs) -> Known, mut stop: watch::Receiver<()>) {
        let interval = self.push.interval;
        let mut ticks = interval_at(Instant::now() + interval, interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let is_last = tokio::select! {
                _ = ticks.tick() => false,
                _ = stop.changed() => true,
            };
            let request = metrics::request(&known(Needs::Figures).snapshot, self.level);
            if let Err(failure) = self.pusher.push(request).await {
                tracing::warn!(
                    endpoint = self.pusher.name(),
                    error = failure.to_string(),
                    "Metrics cannot be sent"
                );
            }
            if is_last {
                return;
            }
        }
    }
}
