//! `sampling`: which traces are kept.

use super::reader::Section;
use crate::facts::time::Nanos;
use crate::sampling::{Policy, Sampler, Threshold};

/// Reads the key `sampling` of a receiver.
pub(super) fn sampling(receiver: &mut Section<'_>) -> Policy {
    let mut section = receiver.section("sampling", "Which traces are kept; always whole ones");
    let s = &mut section;
    let sampler = s.word(
        "sampler",
        &["always_on", "ratio", "linked"],
        "always_on; ratio, by the trace id, which every replica decides alike; linked, as the traces that stamps name were sampled, and by the ratio without stamps",
    );
    let ratio = s.fraction(
        "ratio",
        1.0,
        0.0..=1.0,
        "The part of traces that is kept by their id, from 0 to 1",
    );
    if sampler == "always_on" && ratio < 1.0 {
        s.fault("ratio is for the samplers ratio and linked: always_on keeps all");
    }
    let mut keep = s.section("keep", "Traces that are kept whatever the sampler says");
    let keeps_failed = keep.flag("failed", false, "Those that failed, or have an error");
    let slower_than = keep.time("slower_than", "0s", "Those that took longer; 0 keeps none");
    keep.end();
    let limit = s.number(
        "max_spans_per_second",
        0,
        0,
        "Beyond so many spans whole traces are dropped and counted, whatever annotations ask for; 0 is no limit",
    );
    section.end();
    let slower_than = i64::try_from(slower_than.as_nanos()).unwrap_or(i64::MAX);
    Policy {
        sampler: match sampler {
            "ratio" => Sampler::Ratio,
            "linked" => Sampler::Linked,
            _ => Sampler::AlwaysOn,
        },
        threshold: Threshold::keeping(ratio),
        keeps_failed,
        keeps_slower_than: (slower_than > 0).then_some(Nanos(slower_than)),
        max_spans_per_second: (limit > 0).then_some(limit),
    }
}
