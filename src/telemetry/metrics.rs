//! Metrics, as text for Prometheus and as requests of OTLP; pure.
//!
//! Those that every Collector has bear the names and labels that a real one was seen to serve:
//! without `_total` and without units.

mod families;
pub mod names;
mod otlp;
mod page;

use std::collections::BTreeMap;

use families::{Families, Labels};
pub use otlp::request;

use super::delays::Delays;
use super::process::Process;
use crate::cluster::offset::Known;
use crate::config::MetricsLevel;
use crate::context::Flaw;
use crate::engine::Counts;
use crate::export::Kept;
use crate::export::books::Books;
use crate::facts::time::{Nanos, UnixNanos};
use crate::watch::status::Status;

/// What there is to tell.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Id of the receiver.
    pub receiver: String,
    /// Attributes of this process.
    pub resource: BTreeMap<String, String>,
    /// Since it started.
    pub uptime_seconds: f64,
    /// What the operating system says of it.
    pub process: Process,
    /// What the core has counted.
    pub counts: Counts,
    /// How late spans were handed on.
    pub delays: Delays,
    /// Transitions that are open.
    pub n_open: u64,
    /// Transitions that have settled and wait for their hold.
    pub n_settling: u64,
    /// The lists and watches.
    pub watches: Vec<Status>,
    /// The exporters.
    pub exporters: Vec<Books>,
    /// How the storage is doing, if there is one.
    pub storage: Option<Kept>,
    /// This machine's clock.
    pub clock: Known,
    /// Now.
    pub now: UnixNanos,
}

/// The text at `level`.
#[must_use]
pub fn text(of: &Snapshot, level: MetricsLevel) -> String {
    page::text(&families(of, level), &of.resource)
}

/// What there is to tell at `level`.
fn families(of: &Snapshot, level: MetricsLevel) -> Families {
    let mut page = Families::default();
    if level >= MetricsLevel::Basic {
        collector(&mut page, of);
    }
    if level >= MetricsLevel::Normal {
        ours(&mut page, of);
        clock(&mut page, &of.clock);
        lost(&mut page, &of.exporters);
        if let Some(Kept { figures, .. }) = &of.storage {
            page.one(names::STORAGE_COMMITS, &[], figures.commits);
            page.one(names::STORAGE_FAILURES, &[], figures.failures);
            page.one(names::STORAGE_SET_ASIDE, &[], figures.set_aside);
            page.one(names::STORAGE_BYTES, &[], figures.n_bytes);
            page.one(names::STORAGE_RESTORED_TRANSITIONS, &[], of.counts.restored);
            let found = of.exporters.iter().filter(|books| books.queue_size.is_some());
            let found = found.map(|books| (vec![("exporter", books.id.clone())], books.found));
            page.many(names::STORAGE_RESTORED_SPANS, found.collect());
        }
        watches(&mut page, of);
        contexts(&mut page, of);
    }
    page
}

fn collector(page: &mut Families, of: &Snapshot) {
    let receiver = [("receiver", of.receiver.as_str()), ("transport", "http")];
    page.one(names::RECEIVER_ACCEPTED_SPANS, &receiver, of.counts.spans);
    // Spans are made here: none is refused before it exists.
    page.one(names::RECEIVER_REFUSED_SPANS, &receiver, 0_u64);
    page.one(names::RECEIVER_FAILED_SPANS, &receiver, 0_u64);
    let exporters = &of.exporters;
    let by_id = |value: fn(&Books) -> Option<u64>| -> Vec<(Labels, u64)> {
        exporters
            .iter()
            .filter_map(|books| Some((vec![("exporter", books.id.clone())], value(books)?)))
            .collect()
    };
    let by_queue = |value: fn(&Books) -> Option<u64>| -> Vec<_> {
        let labels = |books: &Books| {
            vec![("data_type", "traces".to_owned()), ("exporter", books.id.clone())]
        };
        exporters.iter().filter_map(|books| Some((labels(books), value(books)?))).collect()
    };
    page.many(names::EXPORTER_SENT_SPANS, by_id(|it| Some(it.sent + it.rejected)));
    page.many(names::EXPORTER_SEND_FAILED_SPANS, by_id(|it| Some(it.failed)));
    page.many(names::EXPORTER_ENQUEUE_FAILED_SPANS, by_id(|it| Some(it.refused)));
    page.many(names::EXPORTER_QUEUE_SIZE, by_queue(|it| it.queue_size));
    page.many(names::EXPORTER_QUEUE_CAPACITY, by_queue(|it| it.queue_capacity));
    page.many(
        names::EXPORTER_IN_FLIGHT_REQUESTS,
        by_queue(|it| it.queue_capacity.map(|_| it.requests_in_flight)),
    );
    page.one(names::PROCESS_UPTIME, &[], of.uptime_seconds);
    page.one(names::PROCESS_CPU_SECONDS, &[], of.process.cpu_seconds);
    page.one(names::PROCESS_MEMORY_RSS, &[], of.process.memory_rss);
}

fn ours(page: &mut Families, of: &Snapshot) {
    let Counts {
        objects,
        changes,
        traces,
        strange_events,
        late,
        missed,
        unkept,
        early,
        dropped,
        ref untraced,
        ..
    } = of.counts;
    let all = [
        (names::OBJECTS, objects),
        (names::TRANSITIONS_OPEN, of.n_open),
        (names::TRANSITIONS_SETTLING, of.n_settling),
        (names::CHANGES, changes),
        (names::TRACES, traces),
        (names::CHANGES_LATE, late),
        (names::CHANGES_EARLY, early),
        (names::CHANGES_MISSED, missed),
        (names::CHANGES_UNKEPT, unkept),
        (names::EVENTS_STRANGE, strange_events),
    ];
    for (metric, value) in all {
        page.one(metric, &[], value);
    }
    let untraced = untraced
        .by_reason()
        .into_iter()
        .map(|(reason, n)| (vec![("reason", reason.to_owned())], n));
    delays(page, &of.delays);
    page.many(names::CHANGES_UNTRACED, untraced.collect());
    let dropped = [("unsampled", dropped.unsampled), ("capped", dropped.capped)];
    page.many(
        names::SPANS_DROPPED,
        dropped.map(|(reason, n)| (vec![("reason", reason.to_owned())], n)).to_vec(),
    );
}

/// What became of spans that will not arrive.
fn lost(page: &mut Families, of: &[Books]) {
    let series = of.iter().flat_map(|books| {
        let reasons = [
            ("queue_full", books.refused - books.refused_at_end),
            ("shutdown", books.refused_at_end),
            ("refused", books.failed - books.gave_up),
            ("gave_up", books.gave_up),
            ("rejected", books.rejected),
        ];
        reasons.map(|(reason, n)| {
            (vec![("exporter", books.id.clone()), ("reason", reason.to_owned())], n)
        })
    });
    page.many(names::EXPORTER_LOST_SPANS, series.collect());
}

fn clock(page: &mut Families, of: &Known) {
    let seconds = |nanos: Nanos| nanos.0 as f64 / 1e9;
    let bounds = of.bounds.map(|bounds| [("least", bounds.lo), ("most", bounds.hi)]);
    let bounds = bounds.into_iter().flatten();
    let bounds = bounds.map(|(bound, ahead)| (vec![("bound", bound.to_owned())], seconds(ahead)));
    page.many(names::CLOCK_AHEAD, bounds.collect());
    page.one(names::CLOCK_CORRECTED, &[], seconds(of.added));
    page.one(names::CLOCK_CONTRADICTIONS, &[], of.n_anew);
}

fn watches(page: &mut Families, of: &Snapshot) {
    let by_resource = |value: &dyn Fn(&Status) -> u64| -> Vec<_> {
        let labels = |status: &Status| {
            let mut labels = vec![("resource", status.resource.clone())];
            if !status.namespace.is_empty() {
                labels.push(("namespace", status.namespace.clone()));
            }
            labels
        };
        of.watches.iter().map(|status| (labels(status), value(status))).collect()
    };
    page.many(names::WATCH_SYNCED, by_resource(&|it| u64::from(it.is_synced)));
    page.many(names::WATCH_FAILING, by_resource(&|it| u64::from(it.last_error.is_some())));
    page.many(names::WATCH_EVENTS, by_resource(&|it| it.n_events));
    page.many(names::WATCH_BYTES, by_resource(&|it| it.n_bytes));
    page.many(names::WATCH_LISTS, by_resource(&|it| it.n_lists));
    page.many(names::WATCH_RELISTS, by_resource(&|it| it.n_relists));
    page.many(names::WATCH_REFUSED_OBJECTS, by_resource(&|it| it.n_refused));
    let silence = |status: &Status| {
        status
            .heard_at
            .map_or(0, |at| u64::try_from(of.now.since(at).0 / 1_000_000_000).unwrap_or(0))
    };
    page.many(names::WATCH_SILENCE, by_resource(&silence));
}

/// Trace contexts on objects, with the names and labels of KEP-5915; what is wrong with those that
/// cannot be read is ours.
fn contexts(page: &mut Families, of: &Snapshot) {
    let mut by_kind: BTreeMap<String, [u64; 2]> = BTreeMap::new();
    let mut by_flaw = Flaw::ALL.map(|flaw| (flaw, 0));
    for status in &of.watches {
        let Some(kind) = &status.kind else { continue };
        let refused: u64 = status.refused_stamps.values().sum();
        let [good, bad] = by_kind.entry(kind.name().to_owned()).or_default();
        *good += status.n_stamps;
        *bad += refused;
        for (flaw, n) in &mut by_flaw {
            *n += status.refused_stamps.get(flaw).copied().unwrap_or_default();
        }
    }
    let series = by_kind.into_iter().flat_map(|(kind, [good, bad])| {
        [("success", good), ("error", bad)].map(|(result, n)| {
            let labels = vec![
                ("component", "lifespan".to_owned()),
                ("controller", of.receiver.clone()),
                ("resource_kind", kind.clone()),
                ("result", result.to_owned()),
            ];
            (labels, n)
        })
    });
    page.many(names::TRACE_CONTEXT_ANNOTATIONS_EXTRACTED_TOTAL, series.collect());
    page.many(
        names::STAMPS_REFUSED,
        by_flaw.map(|(flaw, n)| (vec![("reason", flaw.name().to_owned())], n)).into(),
    );
}

/// How much later than they were due spans were handed to the exporters.
fn delays(page: &mut Families, delays: &Delays) {
    let millis = delays.sum_micros as f64 / 1_000.0;
    page.histogram(names::HANDOVER_DELAY, &Delays::BOUNDS_MS, &delays.counts, millis);
}

#[cfg(test)]
mod tests {
    use expect_test::expect_file;

    use super::*;
    use crate::facts::kind::Kind;
    use crate::storage::Figures;

    pub(super) fn snapshot() -> Snapshot {
        let books = Books {
            id: "otlp_grpc/a\"b".to_owned(),
            sent: 24,
            failed: 3,
            gave_up: 2,
            found: 5,
            queue_size: Some(2),
            queue_capacity: Some(1_000),
            ..Books::default()
        };
        let debug = Books { id: "debug".to_owned(), sent: 24, ..Books::default() };
        let status = Status {
            resource: "pods".to_owned(),
            kind: Some(Kind::Pod),
            is_synced: true,
            n_events: 7,
            n_stamps: 5,
            refused_stamps: [(Flaw::Traceparent, 1), (Flaw::Json, 2)].into(),
            heard_at: Some(UnixNanos::from_seconds(90)),
            ..Status::default()
        };
        Snapshot {
            receiver: "k8s_lifecycle".to_owned(),
            resource: [("service.name", "lifespan"), ("k8s.pod.name", "p")]
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .into(),
            uptime_seconds: 5.5,
            counts: Counts { objects: 12, spans: 27, restored: 2, ..Counts::default() },
            watches: vec![status],
            exporters: vec![books, debug],
            storage: Some(Kept {
                name: "/data/lifespan.store".to_owned(),
                figures: Figures { commits: 9, n_bytes: 73_728, ..Figures::default() },
                failing: None,
            }),
            now: UnixNanos::from_seconds(100),
            ..Snapshot::default()
        }
    }

    #[test]
    fn metrics_have_the_names_and_labels_of_a_collector() {
        expect_file!["../../tests/golden/metrics.txt"]
            .assert_eq(&text(&snapshot(), MetricsLevel::Normal));
    }

    #[test]
    fn a_level_says_how_many_there_are() {
        let n = |level| {
            text(&snapshot(), level).lines().filter(|line| line.starts_with("# TYPE")).count()
        };
        assert_eq!(n(MetricsLevel::None), 0);
        assert!(n(MetricsLevel::Basic) < n(MetricsLevel::Normal));
        assert!(!text(&snapshot(), MetricsLevel::Basic).contains("k8s_lifecycle_"));
    }
}
