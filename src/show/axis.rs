//! The axis of time that all spans of a trace share.

use crate::facts::span::ShownSpan;
use crate::facts::time::{Nanos, UnixNanos};

/// Steps are this many cells apart at least.
const STEP: usize = 8;

/// Eighths of a cell are the smallest thing that can be drawn.
pub(super) const EIGHTHS: usize = 8;

/// From the first start to the last end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    from: UnixNanos,
    length: Nanos,
    /// Cells.
    pub(super) width: usize,
}

impl Axis {
    /// The axis of `spans`, `width` cells wide.
    pub(super) fn of(spans: &[ShownSpan], width: usize) -> Self {
        let from = spans.iter().map(|span| span.start).min().unwrap_or_default();
        let to = spans.iter().map(|span| span.end).max().unwrap_or_default();
        Self { from, length: Nanos(to.since(from).0.max(1)), width }
    }

    /// Where `at` lies, in eighths of a cell from the left.
    pub(super) fn eighths(&self, at: UnixNanos) -> usize {
        let passed = i128::from(at.since(self.from).0.clamp(0, self.length.0));
        let all = i128::try_from(self.width * EIGHTHS).unwrap_or(i128::MAX);
        usize::try_from(passed * all / i128::from(self.length.0)).unwrap_or_default()
    }

    /// Round lengths and the cells they stand at, the first one 0.
    pub(super) fn labels(&self) -> Vec<(usize, String)> {
        let most = (self.width / STEP).clamp(1, 8);
        let least = self.length.0 / i64::try_from(most).unwrap_or(1);
        let step = steps().find(|&step| step >= least.max(1)).unwrap_or(self.length.0);
        let mut labels = Vec::new();
        let mut at = 0_i64;
        while at <= self.length.0 {
            let column = self.eighths(self.from.plus(Nanos(at))) / EIGHTHS;
            let label = told(at, step);
            if column + label.chars().count() > self.width {
                break;
            }
            labels.push((column, label));
            at = at.saturating_add(step);
        }
        labels
    }
}

/// 1, 2, 5, 10, 20, 50 … of each unit, in nanoseconds.
fn steps() -> impl Iterator<Item = i64> {
    const SECOND: i64 = 1_000_000_000;
    const MINUTE: i64 = 60 * SECOND;
    const HOUR: i64 = 60 * MINUTE;
    let below = (3..9).flat_map(|zeros| [1, 2, 5].map(|n| n * 10_i64.pow(zeros)));
    let seconds = [1, 2, 5, 10, 15, 30].map(|n| n * SECOND);
    let minutes = [1, 2, 5, 10, 15, 30].map(|n| n * MINUTE);
    let hours = [1, 2, 6, 12, 24, 48, 168, 720, 8_760, 87_600].map(|n| n * HOUR);
    below.chain(seconds).chain(minutes).chain(hours)
}

/// `at`, no more exactly than `step` asks for.
fn told(at: i64, step: i64) -> String {
    let (s, ms, us) = (at / 1_000_000_000, at / 1_000_000, at / 1_000);
    match () {
        () if at == 0 => "0".to_owned(),
        () if step < 1_000_000 => format!("{us}µs"),
        () if s == 0 => format!("{ms}ms"),
        () if step < 1_000_000_000 => {
            let digits = format!("{:03}", ms % 1_000);
            let digits = digits.trim_end_matches('0');
            if digits.is_empty() { format!("{s}s") } else { format!("{s}.{digits}s") }
        }
        () if s < 60 => format!("{s}s"),
        () if s < 3_600 && s % 60 == 0 => format!("{}m", s / 60),
        () if s < 3_600 => format!("{}m{:02}s", s / 60, s % 60),
        () if s % 3_600 == 0 => format!("{}h", s / 3_600),
        () => format!("{}h{:02}m", s / 3_600, s % 3_600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told_for(length: i64, width: usize) -> String {
        let axis = Axis { from: UnixNanos(7), length: Nanos(length), width };
        let labels: Vec<_> =
            axis.labels().into_iter().map(|(column, text)| format!("{column}:{text}")).collect();
        labels.join(" ")
    }

    #[test]
    fn steps_are_round_and_leave_room_for_their_labels() {
        let told: Vec<_> = [1, 700_000, 2_310_000_000, 45_000_000_000, 9_000_000_000_000, i64::MAX]
            .map(|length| told_for(length, 50))
            .into();
        expect_test::expect![[r#"
            0:0
            0:0 14:200µs 28:400µs 42:600µs
            0:0 10:500ms 21:1s 32:1.5s 43:2s
            0:0 11:10s 22:20s 33:30s 44:40s
            0:0 10:30m 20:1h 30:1h30m 40:2h
            0:0
        "#]]
        .assert_eq(&(told.join("\n") + "\n"));
    }

    #[test]
    fn a_time_outside_of_the_axis_is_drawn_at_its_end() {
        let axis = Axis { from: UnixNanos(100), length: Nanos(80), width: 10 };
        assert_eq!(axis.eighths(UnixNanos(0)), 0);
        assert_eq!(axis.eighths(UnixNanos(140)), 40);
        assert_eq!(axis.eighths(UnixNanos(900)), 80);
    }
}
