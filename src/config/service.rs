//! `service`: what of the components is used, and how this process tells of itself.

mod readers;

use std::collections::BTreeMap;

pub use self::readers::Push;
use self::readers::readers;
use super::component::Id;
use super::node::{Node, Place, Value};
use super::reader::{Reader, Section};

/// What is used, and how this process tells of itself.
#[derive(Clone, Debug, Default)]
pub struct Service {
    /// `service.telemetry.logs`
    pub logs: Logs,
    /// `service.telemetry.metrics`
    pub metrics: Metrics,
    /// `service.telemetry.resource`: attributes of this process.
    pub resource: BTreeMap<String, String>,
}

/// How it logs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Logs {
    /// What is worth a line.
    pub level: LogLevel,
    /// How a line is written.
    pub encoding: LogEncoding,
}

/// What is worth a line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogLevel {
    /// All.
    Debug,
    /// Milestones too.
    #[default]
    Info,
    /// What may need a person.
    Warn,
    /// What was lost.
    Error,
}

/// How a line is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogEncoding {
    /// For people.
    #[default]
    Console,
    /// For programs.
    Json,
}

/// Which metrics are told, and how.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// How many of them.
    pub level: MetricsLevel,
    /// Where they are served: `localhost:8888`.
    pub pulls: Vec<String>,
    /// Where they are sent to.
    pub pushes: Vec<Push>,
}

impl Default for Metrics {
    fn default() -> Self {
        let pulls = vec!["localhost:8888".to_owned()];
        Self { level: MetricsLevel::Normal, pulls, pushes: Vec::new() }
    }
}

/// How many metrics are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MetricsLevel {
    /// None; nothing listens.
    None,
    /// Those of every Collector.
    Basic,
    /// Also those of the watches and of transitions.
    Normal,
    /// Also those with many series.
    Detailed,
}

/// A pipeline as written: ids and where they stand.
#[derive(Clone, Debug)]
pub(super) struct Pipeline {
    pub(super) id: String,
    pub(super) receivers: Vec<(String, Place)>,
    pub(super) exporters: Vec<(String, Place)>,
}

/// What `service` names.
#[derive(Clone, Debug, Default)]
pub(super) struct Named {
    pub(super) service: Service,
    pub(super) extensions: Vec<(String, Place)>,
    pub(super) pipelines: Vec<Pipeline>,
}

/// Reads `service`.
pub(super) fn service(reader: &mut Reader, node: Node) -> Named {
    let mut s = reader.section(vec!["service".to_owned()], node);
    let extensions = s.texts("extensions", "The extensions to start");
    let mut named = Named { extensions, ..Named::default() };
    named.service = telemetry(&mut s.section("telemetry", "How this process tells of itself"));
    let place = s.place();
    match s.node("pipelines") {
        None => s.reader().fault(
            &place,
            "service::pipelines: service must have at least one pipeline".to_owned(),
        ),
        Some(Node { value: Value::Map(pairs), .. }) => {
            for (key, node) in pairs {
                named.pipelines.extend(pipeline(s.reader(), &key.text, &key.place, node));
            }
        }
        Some(node) => {
            s.reader().fault(&node.place, "'service::pipelines' expected a map".to_owned());
        }
    }
    s.end();
    named
}

fn pipeline(reader: &mut Reader, text: &str, place: &Place, node: Node) -> Option<Pipeline> {
    let path = format!("service::pipelines::{text}");
    let id = match Id::parse(text) {
        Ok(id) => id,
        Err(error) => {
            reader.fault(place, format!("service::pipelines: {error}"));
            return None;
        }
    };
    if id.kind != "traces" {
        reader.fault(
            place,
            format!("{path}: only pipelines of traces are supported: lifespan makes spans"),
        );
        return None;
    }
    let mut s =
        reader.section(vec!["service".to_owned(), "pipelines".to_owned(), id.to_string()], node);
    let receivers = s.texts("receivers", "");
    s.unsupported("processors", "send to a Collector that processes");
    let exporters = s.texts("exporters", "");
    for (list, what) in [(&receivers, "receiver"), (&exporters, "exporter")] {
        if list.is_empty() {
            s.fault(&format!("must have at least one {what}"));
        }
    }
    s.end();
    Some(Pipeline { id: id.to_string(), receivers, exporters })
}

fn telemetry(s: &mut Section<'_>) -> Service {
    let logs = logs(&mut s.section("logs", "To standard error"));
    let metrics =
        metrics(&mut s.section("metrics", "For Prometheus, at /metrics, or sent by OTLP"));
    let resource = s.map("resource", "Attributes of this process, on its metrics and logs");
    let off = ["{level: none, processors: [], propagators: []}", "{level: basic}"];
    s.unsupported_but("traces", &off, "this process makes no traces of itself");
    s.end_ref();
    Service { logs, metrics, resource }
}

fn logs(s: &mut Section<'_>) -> Logs {
    let level = s.word(
        "level",
        &["info", "debug", "warn", "error", "INFO", "DEBUG", "WARN", "ERROR"],
        "debug, info, warn or error",
    );
    let encoding = s.word("encoding", &["console", "json"], "console or json");
    let sampling = ["{enabled: false}", "{enabled: true, tick: 10s, initial: 10, thereafter: 100}"];
    for (key, values) in [
        ("development", &["false"][..]),
        ("disable_caller", &["false"]),
        ("disable_stacktrace", &["false", "true"]),
        ("sampling", &sampling),
        ("output_paths", &["[stderr]"]),
        ("error_output_paths", &["[stderr]"]),
        ("initial_fields", &[]),
        ("processors", &[]),
    ] {
        let instead = match key {
            "disable_caller" => "a line says where it was written, `cli/serve.rs:50`",
            _ => "lines go to standard error as they come",
        };
        s.unsupported_but(key, values, instead);
    }
    s.end_ref();
    Logs {
        level: match level.to_ascii_lowercase().as_str() {
            "debug" => LogLevel::Debug,
            "warn" => LogLevel::Warn,
            "error" => LogLevel::Error,
            _ => LogLevel::Info,
        },
        encoding: if encoding == "json" { LogEncoding::Json } else { LogEncoding::Console },
    }
}

fn metrics(s: &mut Section<'_>) -> Metrics {
    let level = match s.word(
        "level",
        &["normal", "none", "basic", "detailed"],
        "none, basic, normal or detailed",
    ) {
        "none" => MetricsLevel::None,
        "basic" => MetricsLevel::Basic,
        "detailed" => MetricsLevel::Detailed,
        _ => MetricsLevel::Normal,
    };
    s.unsupported_but("address", &["''"], "the Collector ignores it too: use readers");
    s.unsupported("views", "choose a level");
    let (pulls, pushes) = readers(s, level);
    s.end_ref();
    Metrics { level, pulls, pushes }
}
