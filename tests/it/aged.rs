//! How long ago the cluster came to be as it was found changes nothing of what is told.

use lifespan::facts::span::FinishedSpan;

use crate::support::drive::{decode, drive};
use crate::support::lines::{recording, recordings};
use crate::support::moved::aged;

const DAYS: i64 = 5 * 24 * 3_600 * 1_000_000_000;

/// The spans without how far off their times may be: what was written last is a bound of that.
fn certain(mut spans: Vec<FinishedSpan>) -> Vec<FinishedSpan> {
    for span in &mut spans {
        span.attributes.retain(|(key, _)| *key != "lifespan.time.uncertainty_ms");
    }
    spans
}

#[test]
fn what_stood_for_days_before_we_looked_is_told_as_what_stood_for_minutes() {
    let mut n_aged = 0;
    for name in recordings() {
        let lines = recording(&name);
        let old = aged(&lines, DAYS);
        n_aged += lines.iter().zip(&old).filter(|(line, old)| line.object != old.object).count();
        assert_eq!(
            certain(drive(&decode(&old)).spans),
            certain(drive(&decode(&lines)).spans),
            "{name}"
        );
    }
    assert!(n_aged > 1_000, "{n_aged} lines were aged");
}
