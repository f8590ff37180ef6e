//! What became of reviews, counted.

use std::collections::BTreeMap;

use super::{Outcome, Skip};
use crate::text::{put, putln};

/// Kinds are told apart up to this number: anybody can define more.
const MAX_KINDS: usize = 64;

/// How many objects were stamped, and why others were not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Stamped, and failed to be, by kind.
    kinds: BTreeMap<String, [u64; 2]>,
    skipped: BTreeMap<Skip, u64>,
    minted: u64,
    unsent: u64,
    malformed: u64,
}

impl Counts {
    /// An object of `kind` was answered.
    pub fn answered(&mut self, kind: &str, outcome: &Outcome) {
        let is_good = match outcome {
            Outcome::Skipped(skip) => {
                *self.skipped.entry(*skip).or_default() += 1;
                if *skip != Skip::Unreadable {
                    return;
                }
                false
            }
            Outcome::Minted(_) => {
                self.minted += 1;
                true
            }
            Outcome::Stamped => true,
        };
        let is_told = self.kinds.len() < MAX_KINDS || self.kinds.contains_key(kind);
        let kind = if is_told { kind } else { "others" };
        let [good, bad] = self.kinds.entry(kind.to_owned()).or_default();
        *(if is_good { good } else { bad }) += 1;
    }

    /// The root span of a trace that begins here was not sent: its object was never seen with the
    /// stamp.
    pub fn unsent(&mut self) {
        self.unsent += 1;
    }

    /// A request that was no review.
    pub fn malformed(&mut self) {
        self.malformed += 1;
    }

    /// As text for Prometheus, with the names and labels of KEP-5915.
    #[must_use]
    pub fn text(&self) -> String {
        let mut out = String::new();
        let head = |out: &mut String, name: &str, help: &str| {
            put!(out, "# HELP {name} {help} [Development]\n# TYPE {name} counter\n");
        };
        let name = "trace_context_annotations_injected_total";
        head(&mut out, name, "Trace contexts written onto objects.");
        for (kind, [good, bad]) in &self.kinds {
            for (result, n) in [("success", good), ("error", bad)] {
                putln!(
                    out,
                    "{name}{{component=\"lifespan\",controller=\"webhook\",resource_kind=\"{}\",result=\"{result}\"}} {n}",
                    kind.escape_default()
                );
            }
        }
        let name = "lifespan_webhook_skipped_total";
        head(&mut out, name, "Reviews after which an object was left as it was, by reason.");
        for skip in Skip::ALL {
            let n = self.skipped.get(&skip).copied().unwrap_or_default();
            putln!(out, "{name}{{reason=\"{}\"}} {n}", skip.name());
        }
        let name = "lifespan_webhook_traces_begun_total";
        head(&mut out, name, "Objects stamped with a trace that begins here.");
        putln!(out, "{name} {}", self.minted);
        let name = "lifespan_webhook_roots_unsent_total";
        head(
            &mut out,
            name,
            "Such traces without a root span, since no object was seen with the stamp.",
        );
        putln!(out, "{name} {}", self.unsent);
        let name = "lifespan_webhook_malformed_requests_total";
        head(&mut out, name, "Requests that are no AdmissionReview.");
        putln!(out, "{name} {}", self.malformed);
        out
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn what_was_injected_is_counted_by_the_names_of_the_kep() {
        let mut counts = Counts::default();
        counts.answered("Deployment", &Outcome::Stamped);
        counts.answered("Deployment", &Outcome::Skipped(Skip::Unchanged));
        counts.answered("Job", &Outcome::Skipped(Skip::Unreadable));
        counts.malformed();
        expect![[r#"
            # HELP trace_context_annotations_injected_total Trace contexts written onto objects. [Development]
            # TYPE trace_context_annotations_injected_total counter
            trace_context_annotations_injected_total{component="lifespan",controller="webhook",resource_kind="Deployment",result="success"} 1
            trace_context_annotations_injected_total{component="lifespan",controller="webhook",resource_kind="Deployment",result="error"} 0
            trace_context_annotations_injected_total{component="lifespan",controller="webhook",resource_kind="Job",result="success"} 0
            trace_context_annotations_injected_total{component="lifespan",controller="webhook",resource_kind="Job",result="error"} 1
            # HELP lifespan_webhook_skipped_total Reviews after which an object was left as it was, by reason. [Development]
            # TYPE lifespan_webhook_skipped_total counter
            lifespan_webhook_skipped_total{reason="operation"} 0
            lifespan_webhook_skipped_total{reason="subresource"} 0
            lifespan_webhook_skipped_total{reason="dry_run"} 0
            lifespan_webhook_skipped_total{reason="heartbeat"} 0
            lifespan_webhook_skipped_total{reason="owned"} 0
            lifespan_webhook_skipped_total{reason="unchanged"} 1
            lifespan_webhook_skipped_total{reason="has_stamp"} 0
            lifespan_webhook_skipped_total{reason="no_context"} 0
            lifespan_webhook_skipped_total{reason="no_room"} 0
            lifespan_webhook_skipped_total{reason="unreadable"} 1
            # HELP lifespan_webhook_traces_begun_total Objects stamped with a trace that begins here. [Development]
            # TYPE lifespan_webhook_traces_begun_total counter
            lifespan_webhook_traces_begun_total 0
            # HELP lifespan_webhook_roots_unsent_total Such traces without a root span, since no object was seen with the stamp. [Development]
            # TYPE lifespan_webhook_roots_unsent_total counter
            lifespan_webhook_roots_unsent_total 0
            # HELP lifespan_webhook_malformed_requests_total Requests that are no AdmissionReview. [Development]
            # TYPE lifespan_webhook_malformed_requests_total counter
            lifespan_webhook_malformed_requests_total 1
        "#]]
        .assert_eq(&counts.text());
    }

    #[test]
    fn kinds_without_end_do_not_fill_the_memory() {
        let mut counts = Counts::default();
        for n in 0..1_000 {
            counts.answered(&format!("K{n}"), &Outcome::Stamped);
        }
        assert_eq!(counts.kinds.len(), MAX_KINDS + 1);
        assert_eq!(counts.kinds["others"], [1_000 - 64, 0]);
    }
}
