//! Metrics as text for Prometheus; pure.
//!
//! Those that every Collector has bear the names and labels that a real one was seen to serve:
//! without `_total` and without units. Ours are dotted in OpenTelemetry, `otelcol.k8s_lifecycle.…`,
//! and have underscores here.

use super::delays::Delays;
use super::process::Process;
use crate::config::MetricsLevel;
use crate::context::Flaw;
use crate::engine::Counts;
use crate::export::books::Books;
use crate::facts::time::UnixNanos;
use crate::text::{put, putln};
use crate::watch::status::Status;
use std::collections::BTreeMap;

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
    /// Now.
    pub now: UnixNanos,
}

/// A metric: name, type, meaning.
type Metric = (&'static str, &'static str, &'static str);

const COUNTER: &str = "counter";
const GAUGE: &str = "gauge";

/// The text at `level`.
#[must_use]
pub fn text(of: &Snapshot, level: MetricsLevel) -> String {
    let mut page = Page::new(&of.resource);
    if level >= MetricsLevel::Basic {
        collector(&mut page, of);
    }
    if level >= MetricsLevel::Normal {
        ours(&mut page, of);
        watches(&mut page, of);
        contexts(&mut page, of);
    }
    page.out
}

fn collector(page: &mut Page, of: &Snapshot) {
    let receiver = [("receiver", of.receiver.as_str()), ("transport", "http")];
    let accepted: Metric = (
        "otelcol_receiver_accepted_spans",
        COUNTER,
        "Number of spans successfully pushed into the pipeline. [Alpha]",
    );
    page.one(accepted, &receiver, of.counts.spans);
    // Spans are made here: none is refused before it exists.
    page.one(
        (
            "otelcol_receiver_refused_spans",
            COUNTER,
            "Number of spans that could not be pushed into the pipeline. [Alpha]",
        ),
        &receiver,
        0_u64,
    );
    page.one(("otelcol_receiver_failed_spans", COUNTER, "The number of spans that failed to be processed by the receiver due to internal errors. [Alpha]"), &receiver, 0_u64);
    let exporters = &of.exporters;
    let by_id = |value: fn(&Books) -> Option<u64>| -> Vec<_> {
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
    page.many(
        (
            "otelcol_exporter_sent_spans",
            COUNTER,
            "Number of spans successfully sent to destination. [Alpha]",
        ),
        by_id(|it| Some(it.sent + it.rejected)),
    );
    page.many(
        (
            "otelcol_exporter_send_failed_spans",
            COUNTER,
            "Number of spans in failed attempts to send to destination. [Alpha]",
        ),
        by_id(|it| Some(it.failed)),
    );
    page.many(
        (
            "otelcol_exporter_enqueue_failed_spans",
            COUNTER,
            "Number of spans failed to be added to the sending queue. [Alpha]",
        ),
        by_id(|it| Some(it.refused)),
    );
    page.many(
        (
            "otelcol_exporter_queue_size",
            GAUGE,
            "Current size of the retry queue (in batches). [Alpha]",
        ),
        by_queue(|it| it.queue_size),
    );
    page.many(
        (
            "otelcol_exporter_queue_capacity",
            GAUGE,
            "Fixed capacity of the retry queue (in batches). [Alpha]",
        ),
        by_queue(|it| it.queue_capacity),
    );
    page.many(
        ("otelcol_exporter_in_flight_requests", GAUGE, "Number of requests under way. [Alpha]"),
        by_queue(|it| it.queue_capacity.map(|_| it.requests_in_flight)),
    );
    page.one(
        ("otelcol_process_uptime", COUNTER, "Uptime of the process [Alpha]"),
        &[],
        of.uptime_seconds,
    );
    page.one(
        (
            "otelcol_process_cpu_seconds",
            COUNTER,
            "Total CPU user and system time in seconds [Alpha]",
        ),
        &[],
        of.process.cpu_seconds,
    );
    page.one(
        ("otelcol_process_memory_rss", GAUGE, "Total physical memory (resident set size) [Alpha]"),
        &[],
        of.process.memory_rss,
    );
    page.target_info();
}

fn ours(page: &mut Page, of: &Snapshot) {
    let Counts {
        objects, changes, traces, strange_events, late, early, dropped, ref untraced, ..
    } = of.counts;
    let all: [(Metric, u64); 8] = [
        (
            ("otelcol_k8s_lifecycle_objects", GAUGE, "Objects that are tracked. [Development]"),
            objects,
        ),
        (
            (
                "otelcol_k8s_lifecycle_transitions_open",
                GAUGE,
                "Transitions that are in progress. [Development]",
            ),
            of.n_open,
        ),
        (
            (
                "otelcol_k8s_lifecycle_transitions_settling",
                GAUGE,
                "Transitions that have settled and are held until that has lasted. [Development]",
            ),
            of.n_settling,
        ),
        (
            (
                "otelcol_k8s_lifecycle_changes",
                COUNTER,
                "Changes of objects that were looked at. [Development]",
            ),
            changes,
        ),
        (
            ("otelcol_k8s_lifecycle_traces", COUNTER, "Traces that were finished. [Development]"),
            traces,
        ),
        (
            (
                "otelcol_k8s_lifecycle_changes_late",
                COUNTER,
                "Changes that came after something written later was decided. [Development]",
            ),
            late,
        ),
        (
            (
                "otelcol_k8s_lifecycle_changes_early",
                COUNTER,
                "Changes that were decided early because too many waited. [Development]",
            ),
            early,
        ),
        (
            (
                "otelcol_k8s_lifecycle_events_strange",
                COUNTER,
                "Events about objects that are not tracked. [Development]",
            ),
            strange_events,
        ),
    ];
    for (metric, value) in all {
        page.one(metric, &[], value);
    }
    let untraced = untraced
        .by_reason()
        .into_iter()
        .map(|(reason, n)| (vec![("reason", reason.to_owned())], n));
    delays(page, &of.delays);
    page.many(
        (
            "otelcol_k8s_lifecycle_changes_untraced",
            COUNTER,
            "Changes that are no part of any trace, by reason. [Development]",
        ),
        untraced.collect(),
    );
    let dropped = [("unsampled", dropped.unsampled), ("capped", dropped.capped)];
    page.many(
        (
            "otelcol_k8s_lifecycle_spans_dropped",
            COUNTER,
            "Spans of traces that sampling did not keep, by reason. [Development]",
        ),
        dropped.map(|(reason, n)| (vec![("reason", reason.to_owned())], n)).to_vec(),
    );
}

fn watches(page: &mut Page, of: &Snapshot) {
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
    page.many(
        (
            "otelcol_k8s_lifecycle_watch_synced",
            GAUGE,
            "Whether a list of the resource was ever complete. [Development]",
        ),
        by_resource(&|it| u64::from(it.is_synced)),
    );
    page.many(
        (
            "otelcol_k8s_lifecycle_watch_failing",
            GAUGE,
            "Whether the last request failed and is tried again. [Development]",
        ),
        by_resource(&|it| u64::from(it.last_error.is_some())),
    );
    page.many(
        ("otelcol_k8s_lifecycle_watch_events", COUNTER, "Watch events. [Development]"),
        by_resource(&|it| it.n_events),
    );
    page.many(
        (
            "otelcol_k8s_lifecycle_watch_bytes",
            COUNTER,
            "Bytes read from the API server. [Development]",
        ),
        by_resource(&|it| it.n_bytes),
    );
    page.many(
        ("otelcol_k8s_lifecycle_watch_lists", COUNTER, "Lists that were begun. [Development]"),
        by_resource(&|it| it.n_lists),
    );
    page.many(("otelcol_k8s_lifecycle_watch_relists", COUNTER, "Lists after the first, because the server had forgotten where the watch stood. [Development]"), by_resource(&|it| it.n_relists));
    page.many(
        (
            "otelcol_k8s_lifecycle_watch_refused_objects",
            COUNTER,
            "Objects that cannot be tracked. [Development]",
        ),
        by_resource(&|it| it.n_refused),
    );
    let silence = |status: &Status| {
        status
            .heard_at
            .map_or(0, |at| u64::try_from(of.now.since(at).0 / 1_000_000_000).unwrap_or(0))
    };
    page.many(
        (
            "otelcol_k8s_lifecycle_watch_silence",
            GAUGE,
            "Seconds since the API server last said anything. [Development]",
        ),
        by_resource(&silence),
    );
}

/// Trace contexts on objects, with the names and labels of KEP-5915; what is wrong with those that
/// cannot be read is ours.
fn contexts(page: &mut Page, of: &Snapshot) {
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
    page.many(
        (
            "trace_context_annotations_extracted_total",
            COUNTER,
            "Trace contexts read on objects, on each version anew. [Development]",
        ),
        series.collect(),
    );
    page.many(
        (
            "otelcol_k8s_lifecycle_stamps_refused",
            COUNTER,
            "Trace contexts on objects that cannot be read, by what is wrong with them. [Development]",
        ),
        by_flaw.map(|(flaw, n)| (vec![("reason", flaw.name().to_owned())], n)).into(),
    );
}

/// How much later than they were due spans were handed to the exporters.
fn delays(page: &mut Page, delays: &Delays) {
    let name = "otelcol_k8s_lifecycle_handover_delay";
    page.head((name, "histogram", "Milliseconds after the end of all holds until spans were handed to the exporters. [Development]"));
    let bounds = Delays::BOUNDS_MS.iter().map(ToString::to_string).chain(["+Inf".to_owned()]);
    let mut sum = 0;
    for (bound, count) in bounds.zip(delays.counts) {
        sum += count;
        page.series(&format!("{name}_bucket"), [("le", bound.as_str())].into_iter(), &sum);
    }
    let millis = delays.sum_micros as f64 / 1_000.0;
    page.series(&format!("{name}_sum"), [].into_iter(), &millis);
    page.series(&format!("{name}_count"), [].into_iter(), &sum);
}

/// The text that is being written.
struct Page {
    out: String,
    /// Labels of every series.
    common: String,
    resource: Vec<(String, String)>,
}

impl Page {
    fn new(resource: &BTreeMap<String, String>) -> Self {
        let resource: Vec<_> = resource
            .iter()
            .map(|(key, value)| (key.replace(['.', '-', '/'], "_"), value.clone()))
            .collect();
        let service = resource.iter().filter(|(key, _)| key.starts_with("service_"));
        let common: Vec<_> = service.map(|(key, value)| label(key, value)).collect();
        Self { out: String::new(), common: common.join(","), resource }
    }

    fn one(&mut self, metric: Metric, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.head(metric);
        self.series(metric.0, labels.iter().copied(), &value);
    }

    fn many(&mut self, metric: Metric, series: Vec<(Vec<(&'static str, String)>, u64)>) {
        if series.is_empty() {
            return;
        }
        self.head(metric);
        for (labels, value) in series {
            self.series(metric.0, labels.iter().map(|(key, value)| (*key, value.as_str())), &value);
        }
    }

    fn head(&mut self, (name, kind, help): Metric) {
        put!(self.out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn series<'a>(
        &mut self,
        name: &str,
        labels: impl Iterator<Item = (&'a str, &'a str)>,
        value: &dyn std::fmt::Display,
    ) {
        let mut all: Vec<_> = labels.map(|(key, value)| label(key, value)).collect();
        if !self.common.is_empty() {
            all.push(self.common.clone());
        }
        putln!(self.out, "{name}{{{}}} {value}", all.join(","));
    }

    fn target_info(&mut self) {
        self.head(("target_info", GAUGE, "Target metadata"));
        let labels: Vec<_> = self.resource.iter().map(|(key, value)| label(key, value)).collect();
        putln!(self.out, "target_info{{{}}} 1", labels.join(","));
    }
}

/// Escaped as the text format asks for.
fn label(key: &str, value: &str) -> String {
    let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
    format!("{key}=\"{value}\"")
}

#[cfg(test)]
mod tests {
    use expect_test::expect_file;

    use super::*;
    use crate::facts::kind::Kind;

    fn snapshot() -> Snapshot {
        let books = Books {
            id: "otlp_grpc/a\"b".to_owned(),
            sent: 24,
            failed: 3,
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
            counts: Counts { objects: 12, spans: 27, ..Counts::default() },
            watches: vec![status],
            exporters: vec![books, debug],
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
