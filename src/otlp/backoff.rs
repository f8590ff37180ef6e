//! How long to wait before the next attempt: numbers in, a delay out.

use std::time::Duration;

/// The Collector's `retry_on_failure`, with its defaults.
#[derive(Clone, Debug, PartialEq)]
pub struct Backoff {
    /// The delay before the second attempt.
    pub initial: Duration,
    /// By how much each delay is longer than the one before.
    pub multiplier: f64,
    /// Delays vary by this part of themselves, 0 to 1.
    pub randomization: f64,
    /// Delays grow up to this, before they vary.
    pub max: Duration,
    /// After this long no attempt begins; zero is for ever.
    pub max_elapsed: Duration,
}

/// A server that asks for more is asked again sooner: what waits for ever holds up all that comes after it.
const LONGEST_ASKED: Duration = Duration::from_secs(600);

impl Default for Backoff {
    fn default() -> Self {
        Self {
            initial: Duration::from_secs(5),
            multiplier: 1.5,
            randomization: 0.5,
            max: Duration::from_secs(30),
            max_elapsed: Duration::from_secs(300),
        }
    }
}

impl Backoff {
    /// The delay after `n_failed` attempts, 1 or more; `None` to give up.
    ///
    /// `jitter` is drawn by the caller from `[0, 1)`, `elapsed` is the time since the first
    /// attempt began, and `server` is what the server asked for: the delay is never shorter, but where
    /// attempts never end no more than ten minutes count of it.
    #[must_use]
    pub fn delay(
        &self,
        n_failed: u32,
        jitter: f64,
        elapsed: Duration,
        server: Option<Duration>,
    ) -> Option<Duration> {
        let spread = 1.0 - self.randomization + 2.0 * self.randomization * jitter;
        let own = seconds(self.interval(n_failed).as_secs_f64() * spread);
        let asked = server.unwrap_or_default();
        if self.max_elapsed.is_zero() {
            return Some(own.max(asked.min(LONGEST_ASKED)));
        }
        let delay = own.max(asked);
        let is_in_time = elapsed.checked_add(delay).is_some_and(|at| at <= self.max_elapsed);
        is_in_time.then_some(delay)
    }

    /// The delay before it varies.
    fn interval(&self, n_failed: u32) -> Duration {
        let grown = i32::try_from(n_failed.saturating_sub(1)).unwrap_or(i32::MAX);
        let factor = self.multiplier.powi(grown);
        let interval = self.initial.as_secs_f64() * factor;
        // Zero times infinity: no delay stays none.
        if interval.is_nan() { Duration::ZERO } else { seconds(interval).min(self.max) }
    }
}

/// What is no length of time is none if negative, and for ever if too long.
fn seconds(seconds: f64) -> Duration {
    let instead = if seconds > 0.0 { Duration::MAX } else { Duration::ZERO };
    Duration::try_from_secs_f64(seconds).unwrap_or(instead)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn delays_grow_by_half_up_to_thirty_seconds() {
        let backoff = Backoff::default();
        let told: Vec<_> = (1..=7)
            .map(|n| backoff.delay(n, 0.5, Duration::ZERO, None).unwrap().as_millis())
            .collect();
        assert_eq!(told, [5_000, 7_500, 11_250, 16_875, 25_312, 30_000, 30_000]);
    }

    #[test]
    fn the_delay_that_the_server_asks_for_is_a_floor() {
        let backoff = Backoff::default();
        let told = |server| backoff.delay(1, 0.5, Duration::ZERO, Some(server));
        assert_eq!(told(SECOND), Some(5 * SECOND));
        assert_eq!(told(60 * SECOND), Some(60 * SECOND));
        assert_eq!(told(301 * SECOND), None);
        assert_eq!(told(Duration::MAX), None);
    }

    #[test]
    fn where_attempts_never_end_a_server_cannot_ask_for_ever() {
        let backoff = Backoff { max_elapsed: Duration::ZERO, ..Backoff::default() };
        let told = |server| backoff.delay(1, 0.5, Duration::ZERO, Some(server));
        assert_eq!(told(301 * SECOND), Some(301 * SECOND));
        assert_eq!(told(Duration::MAX), Some(LONGEST_ASKED));
    }

    #[test]
    fn no_attempt_begins_after_the_end() {
        let backoff = Backoff::default();
        assert_eq!(backoff.delay(1, 0.5, 295 * SECOND, None), Some(5 * SECOND));
        assert_eq!(backoff.delay(1, 0.5, 296 * SECOND, None), None);
        let for_ever = Backoff { max_elapsed: Duration::ZERO, ..backoff };
        assert_eq!(for_ever.delay(1, 0.5, Duration::MAX, None), Some(5 * SECOND));
    }

    proptest! {
        #[test]
        fn a_delay_keeps_its_bounds_whatever_the_numbers(
            initial in 0..100_000_u64, multiplier in 0.0..10.0_f64, randomization in 0.0..=1.0_f64,
            max in 0..100_000_u64, n_failed in any::<u32>(), jitter in 0.0..1.0_f64,
            elapsed in 0..100_000_u64, server in prop::option::of(0..100_000_u64),
        ) {
            let backoff = Backoff {
                initial: Duration::from_millis(initial),
                multiplier,
                randomization,
                max: Duration::from_millis(max),
                max_elapsed: Duration::from_millis(100_000),
            };
            let elapsed = Duration::from_millis(elapsed);
            let server = server.map(Duration::from_millis);
            let delay = backoff.delay(n_failed, jitter, elapsed, server);
            let longest = backoff.max.mul_f64(1.0 + randomization).max(server.unwrap_or_default());
            match delay {
                Some(delay) => {
                    prop_assert!(delay >= server.unwrap_or_default());
                    prop_assert!(delay <= longest + Duration::from_micros(1));
                    prop_assert!(elapsed + delay <= backoff.max_elapsed);
                }
                None => prop_assert!(elapsed + longest + Duration::from_micros(1) > backoff.max_elapsed),
            }
            let endless = Backoff { max_elapsed: Duration::ZERO, ..backoff };
            prop_assert!(endless.delay(n_failed, jitter, elapsed, server).is_some());
        }

        #[test]
        fn more_failures_never_make_a_delay_shorter(
            multiplier in 1.0..10.0_f64, n_failed in 1..1_000_u32, jitter in 0.0..1.0_f64,
        ) {
            let backoff = Backoff { multiplier, max_elapsed: Duration::ZERO, ..Backoff::default() };
            let told = |n| backoff.delay(n, jitter, Duration::ZERO, None);
            prop_assert!(told(n_failed) <= told(n_failed + 1));
        }
    }
}
