//! Every metric that is served, once: its name, its type and its meaning.

/// A metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// As Prometheus has it, without what tells of one series of a histogram.
    pub name: &'static str,
    /// `counter`, `gauge` or `histogram`.
    pub kind: &'static str,
    /// Its meaning, and in brackets how stable it is.
    pub help: &'static str,
}

/// Names each metric, and all of them.
macro_rules! metrics {
    ($($name:ident = $kind:ident $text:literal, $help:literal;)*) => {
        $(pub(super) const $name: Metric =
            Metric { name: $text, kind: stringify!($kind), help: $help };)*

        /// All of them.
        pub const ALL: &[Metric] = &[$($name),*];
    };
}

metrics! {
    RECEIVER_ACCEPTED_SPANS = counter "otelcol_receiver_accepted_spans",
        "Number of spans successfully pushed into the pipeline. [Alpha]";
    RECEIVER_REFUSED_SPANS = counter "otelcol_receiver_refused_spans",
        "Number of spans that could not be pushed into the pipeline. [Alpha]";
    RECEIVER_FAILED_SPANS = counter "otelcol_receiver_failed_spans",
        "The number of spans that failed to be processed by the receiver due to internal errors. [Alpha]";
    EXPORTER_SENT_SPANS = counter "otelcol_exporter_sent_spans",
        "Number of spans successfully sent to destination. [Alpha]";
    EXPORTER_SEND_FAILED_SPANS = counter "otelcol_exporter_send_failed_spans",
        "Number of spans in failed attempts to send to destination. [Alpha]";
    EXPORTER_ENQUEUE_FAILED_SPANS = counter "otelcol_exporter_enqueue_failed_spans",
        "Number of spans failed to be added to the sending queue. [Alpha]";
    EXPORTER_QUEUE_SIZE = gauge "otelcol_exporter_queue_size",
        "Current size of the retry queue (in batches). [Alpha]";
    EXPORTER_QUEUE_CAPACITY = gauge "otelcol_exporter_queue_capacity",
        "Fixed capacity of the retry queue (in batches). [Alpha]";
    EXPORTER_IN_FLIGHT_REQUESTS = gauge "otelcol_exporter_in_flight_requests",
        "Number of requests under way. [Alpha]";
    PROCESS_UPTIME = counter "otelcol_process_uptime",
        "Uptime of the process [Alpha]";
    PROCESS_CPU_SECONDS = counter "otelcol_process_cpu_seconds",
        "Total CPU user and system time in seconds [Alpha]";
    PROCESS_MEMORY_RSS = gauge "otelcol_process_memory_rss",
        "Total physical memory (resident set size) [Alpha]";
    OBJECTS = gauge "otelcol_k8s_lifecycle_objects",
        "Objects that are tracked. [Development]";
    TRANSITIONS_OPEN = gauge "otelcol_k8s_lifecycle_transitions_open",
        "Transitions that are in progress. [Development]";
    TRANSITIONS_SETTLING = gauge "otelcol_k8s_lifecycle_transitions_settling",
        "Transitions that have settled and are held until that has lasted. [Development]";
    CHANGES = counter "otelcol_k8s_lifecycle_changes",
        "Changes of objects that were looked at. [Development]";
    TRACES = counter "otelcol_k8s_lifecycle_traces",
        "Traces that were finished. [Development]";
    CHANGES_LATE = counter "otelcol_k8s_lifecycle_changes_late",
        "Changes that came after something written later was decided. [Development]";
    CHANGES_EARLY = counter "otelcol_k8s_lifecycle_changes_early",
        "Changes that were decided early because too many waited. [Development]";
    CHANGES_MISSED = counter "otelcol_k8s_lifecycle_changes_missed",
        "Late changes that could not be put in their place any more. [Development]";
    CHANGES_UNKEPT = counter "otelcol_k8s_lifecycle_changes_unkept",
        "Changes that cannot be decided again because too many were kept. [Development]";
    CLOCK_AHEAD = gauge "otelcol_k8s_lifecycle_clock_ahead_seconds",
        "How far the API server's clock is ahead of this machine's, by its answers. [Development]";
    CLOCK_CORRECTED = gauge "otelcol_k8s_lifecycle_clock_corrected_seconds",
        "What is added to times of arrival, because this machine's clock is off. [Development]";
    CLOCK_CONTRADICTIONS = counter "otelcol_k8s_lifecycle_clock_contradictions",
        "How often the API server's answers contradicted what was known of its clock. [Development]";
    EVENTS_STRANGE = counter "otelcol_k8s_lifecycle_events_strange",
        "Events about objects that are not tracked. [Development]";
    CHANGES_UNTRACED = counter "otelcol_k8s_lifecycle_changes_untraced",
        "Changes that are no part of any trace, by reason. [Development]";
    SPANS_DROPPED = counter "otelcol_k8s_lifecycle_spans_dropped",
        "Spans of traces that sampling did not keep, by reason. [Development]";
    EXPORTER_LOST_SPANS = counter "otelcol_k8s_lifecycle_exporter_lost_spans",
        "Spans that were handed to an exporter and will not arrive, by reason. [Development]";
    STORAGE_COMMITS = counter "otelcol_k8s_lifecycle_storage_commits",
        "Commits of the storage. [Development]";
    STORAGE_FAILURES = counter "otelcol_k8s_lifecycle_storage_failures",
        "Commits of the storage that failed and are tried again. [Development]";
    STORAGE_SET_ASIDE = counter "otelcol_k8s_lifecycle_storage_set_aside",
        "Stores that were damaged and states that could not be used, which were set aside. [Development]";
    STORAGE_BYTES = gauge "otelcol_k8s_lifecycle_storage_bytes",
        "Size of the file of the storage. [Development]";
    STORAGE_RESTORED_TRANSITIONS = gauge "otelcol_k8s_lifecycle_storage_restored_transitions",
        "Transitions in progress or held that this process found in the storage when it started. [Development]";
    STORAGE_RESTORED_SPANS = gauge "otelcol_k8s_lifecycle_storage_restored_spans",
        "Spans that this process found in the queue of an exporter when it started. [Development]";
    WATCH_SYNCED = gauge "otelcol_k8s_lifecycle_watch_synced",
        "Whether a list of the resource was ever complete. [Development]";
    WATCH_FAILING = gauge "otelcol_k8s_lifecycle_watch_failing",
        "Whether the last request failed and is tried again. [Development]";
    WATCH_EVENTS = counter "otelcol_k8s_lifecycle_watch_events",
        "Watch events. [Development]";
    WATCH_BYTES = counter "otelcol_k8s_lifecycle_watch_bytes",
        "Bytes read from the API server. [Development]";
    WATCH_LISTS = counter "otelcol_k8s_lifecycle_watch_lists",
        "Lists that were begun. [Development]";
    WATCH_RELISTS = counter "otelcol_k8s_lifecycle_watch_relists",
        "Lists after the first, because the server had forgotten where the watch stood. [Development]";
    WATCH_REFUSED_OBJECTS = counter "otelcol_k8s_lifecycle_watch_refused_objects",
        "Objects that cannot be tracked. [Development]";
    WATCH_SILENCE = gauge "otelcol_k8s_lifecycle_watch_silence",
        "Seconds since the API server last said anything. [Development]";
    TRACE_CONTEXT_ANNOTATIONS_EXTRACTED_TOTAL = counter "trace_context_annotations_extracted_total",
        "Trace contexts read on objects, on each version anew. [Development]";
    STAMPS_REFUSED = counter "otelcol_k8s_lifecycle_stamps_refused",
        "Trace contexts on objects that cannot be read, by what is wrong with them. [Development]";
    HANDOVER_DELAY = histogram "otelcol_k8s_lifecycle_handover_delay",
        "Milliseconds after the end of all holds until spans were handed to the exporters. [Development]";
    TARGET_INFO = gauge "target_info",
        "Target metadata";
}
