//! `service::telemetry::metrics::readers`: where metrics are served, and where they are sent to.

use std::path::PathBuf;
use std::time::Duration;

use super::super::exporters::{headers, prove_server};
use super::super::extensions::address;
use super::super::node::{Node, Value};
use super::super::reader::Section;
use super::super::values::quoted;
use super::{Metrics, MetricsLevel};
use crate::export::settings::{Encoding, Wire};
use crate::export::{Compression, FileOrText, Settings, Signal, Tls};

/// The keys that lead here.
const PATH: &str = "service::telemetry::metrics::readers";

/// What is expected.
const FORMS: &str = "{pull: {exporter: {prometheus: {host, port}}}} or {periodic: {interval, exporter: {otlp: {protocol, endpoint}}}}";

/// Where metrics are sent to, and how often.
#[derive(Clone, Debug)]
pub struct Push {
    /// How often.
    pub interval: Duration,
    /// How the server is spoken to.
    pub wire: Wire,
    /// Where it is.
    pub settings: Box<Settings>,
}

/// One reader, and how it is written.
enum Read {
    Pull(String),
    Push(Push),
}

/// Reads them; without the key metrics are served where a Collector serves them.
pub(super) fn readers(s: &mut Section<'_>, level: MetricsLevel) -> (Vec<String>, Vec<Push>) {
    let place = s.place();
    let mark = s.mark();
    let Metrics { pulls: mut served, .. } = Metrics::default();
    let mut sent = Vec::new();
    let mut written = vec![pulled("localhost:8888")];
    let mut hidden = written.clone();
    if let Some(node) = s.node("readers") {
        served.clear();
        written.clear();
        hidden.clear();
        let items = match node.value {
            Value::List(items) => items,
            Value::Null | Value::Scalar { .. } | Value::Map(_) => vec![node],
        };
        for item in items {
            let place = item.place.clone();
            match reader(s, item, &mut written, &mut hidden) {
                Some(Read::Pull(endpoint)) => served.push(endpoint),
                Some(Read::Push(push)) => sent.push(push),
                None => s.reader().fault(&place, format!("{PATH}: expected {FORMS}")),
            }
        }
        if served.is_empty() && sent.is_empty() && level != MetricsLevel::None {
            let problem = format!("{PATH}: one is needed, or level: none: {FORMS}");
            s.reader().fault(&place, problem);
        }
    }
    let list = |readers: Vec<String>| format!("[{}]", readers.join(", "));
    let (plain, hidden) = (list(written), list(hidden));
    let redacted = (plain != hidden).then_some(hidden);
    let help = "Where metrics are served, and where they are sent to:\n  {periodic: {interval: 60000, timeout: 30000, exporter: {otlp: {protocol: http/protobuf, endpoint: 'http://localhost:4318'}}}}\nwith times in milliseconds, protocol http/protobuf or grpc, and headers, compression (none or gzip), insecure, certificate, client_certificate and client_key beside the endpoint";
    s.enter_secret_instead(mark, "readers", plain, help, redacted);
    (served, sent)
}

fn pulled(endpoint: &str) -> String {
    let (host, port) = endpoint.rsplit_once(':').unwrap_or((endpoint, ""));
    let host = quoted(host);
    format!("{{pull: {{exporter: {{prometheus: {{host: {host}, port: {port}}}}}}}}}")
}

fn reader(
    s: &mut Section<'_>,
    node: Node,
    written: &mut Vec<String>,
    hidden: &mut Vec<String>,
) -> Option<Read> {
    let mut one = s.reader().section(vec![PATH.to_owned()], node);
    let (pull, periodic) = (one.node("pull"), one.node("periodic"));
    one.end();
    match (pull, periodic) {
        (Some(pull), None) => {
            let endpoint = prometheus(s, pull)?;
            written.push(pulled(&endpoint));
            hidden.push(pulled(&endpoint));
            Some(Read::Pull(endpoint))
        }
        (None, Some(periodic)) => {
            let (push, plain, redacted) = push(s, periodic)?;
            written.push(plain);
            hidden.push(redacted);
            Some(Read::Push(push))
        }
        _ => None,
    }
}

/// `{exporter: {prometheus: {host, port}}}`
fn prometheus(s: &mut Section<'_>, node: Node) -> Option<String> {
    let path = || vec![PATH.to_owned()];
    let mut pull = s.reader().section(path(), node);
    let exporter = pull.node("exporter");
    pull.end();
    let mut exporter = s.reader().section(path(), exporter?);
    let prometheus = exporter.node("prometheus");
    exporter.end();
    let mut prometheus = s.reader().section(path(), prometheus?);
    let host = prometheus.text("host", "localhost", "");
    let port = prometheus.number("port", 8_888, 1, "");
    for key in ["without_scope_info", "without_units", "without_type_suffix"] {
        if !prometheus.flag(key, true, "") {
            prometheus.fault(&format!("{key} is always true, as it is by default"));
        }
    }
    let instead = "service.* are labels of every series";
    let none = "{included: [], excluded: []}";
    prometheus.unsupported_but("with_resource_constant_labels", &[none], instead);
    if let Err(problem) = address(&format!("{host}:{port}")) {
        prometheus.fault(&format!("\"{host}:{port}\" {problem}"));
    }
    prometheus.end();
    Some(format!("{host}:{port}"))
}

/// `{interval, timeout, exporter: {otlp: {…}}}`, and how it is written, openly and not.
fn push(s: &mut Section<'_>, node: Node) -> Option<(Push, String, String)> {
    let path = || vec![PATH.to_owned()];
    let mut periodic = s.reader().section(path(), node);
    let interval = periodic.number("interval", 60_000, 1, "");
    let longest = periodic.number("timeout", 30_000, 1, "");
    let exporter = periodic.node("exporter");
    for key in ["producers", "cardinality_limits"] {
        periodic.unsupported(key, "there are none here");
    }
    periodic.end();
    let mut exporter = s.reader().section(path(), exporter?);
    exporter.unsupported("console", "metrics are served for Prometheus, and sent by OTLP");
    let otlp = exporter.node("otlp");
    exporter.end();
    let mark = s.mark();
    let place = otlp.as_ref()?.place.clone();
    let mut o = s.reader().section(path(), otlp?);
    let (wire, settings) = otlp_settings(&mut o);
    o.end_ref();
    prove_server(&mut o, &place, wire, &settings);
    let entries = s.reader().entries.split_off(mark);
    let otlp = |is_open: bool| {
        let pairs = entries.iter().filter(|entry| entry.value != "\"\"").map(|entry| {
            let key = entry.path.last().map_or("", String::as_str);
            let value = entry.redacted.as_ref().filter(|_| !is_open).unwrap_or(&entry.value);
            format!("{key}: {value}")
        });
        let pairs = pairs.collect::<Vec<_>>().join(", ");
        format!(
            "{{periodic: {{interval: {interval}, timeout: {longest}, exporter: {{otlp: {{{pairs}}}}}}}}}"
        )
    };
    let timeout = settings.timeout.min(Duration::from_millis(longest));
    let settings = Box::new(Settings { timeout, ..settings });
    let push = Push { interval: Duration::from_millis(interval), wire, settings };
    Some((push, otlp(true), otlp(false)))
}

fn otlp_settings(o: &mut Section<'_>) -> (Wire, Settings) {
    let wire = match o.word("protocol", &["http/protobuf", "grpc"], "") {
        "grpc" => Wire::Grpc,
        _ => Wire::Http(Encoding::Proto),
    };
    let endpoint = o.url("endpoint", "", "");
    if endpoint.is_empty() {
        o.fault("otlp requires a non-empty \"endpoint\"");
    }
    let headers = headers(o, "");
    let compression = match o.word("compression", &["none", "gzip"], "") {
        "gzip" => Compression::Gzip,
        _ => Compression::None,
    };
    let insecure = o.flag("insecure", false, "");
    let file = |text: String| (!text.is_empty()).then(|| FileOrText::File(PathBuf::from(text)));
    let ca = file(o.text("certificate", "", ""));
    let certificate = file(o.text("client_certificate", "", ""));
    let key = file(o.text("client_key", "", ""));
    if certificate.is_some() != key.is_some() {
        o.fault("both client_certificate and client_key are needed");
    }
    let timeout = Duration::from_millis(o.number("timeout", 10_000, 1, ""));
    o.word("temporality_preference", &["cumulative"], "");
    o.word("default_histogram_aggregation", &["explicit_bucket_histogram"], "");
    o.unsupported_but("headers_list", &["''"], "use headers");
    let tls = Tls { insecure, ca, identity: certificate.zip(key), ..Tls::default() };
    let endpoint = match wire {
        Wire::Grpc => endpoint,
        Wire::Http(_) => of_metrics(&endpoint, insecure),
    };
    let signal = Signal::Metrics;
    (wire, Settings { headers, compression, timeout, tls, signal, ..Settings::new(endpoint) })
}

/// A URL with a scheme and a path, as the Collector completes it.
fn of_metrics(endpoint: &str, insecure: bool) -> String {
    if endpoint.is_empty() {
        return String::new();
    }
    let scheme = match endpoint.contains("://") {
        true => "",
        false if insecure => "http://",
        false => "https://",
    };
    let url = format!("{scheme}{endpoint}");
    let (_, rest) = url.split_once("://").unwrap_or(("", &url));
    match rest.split_once('/') {
        None => format!("{url}/v1/metrics"),
        Some((_, "")) => format!("{url}v1/metrics"),
        Some(_) => url,
    }
}
