//! `exporters`: `otlp_grpc`, `otlp_http`, `debug`, `file`

mod queue;
mod sinks;
mod tls;

use self::queue::{queue, retry};
use self::sinks::{debug, file};
use self::tls::tls;
use super::component::Id;
use super::node::{Node, Place};
use super::reader::{Reader, Section};
use crate::export::settings::{Encoding, Exporter, Queue, To, Wire};
use crate::export::{Compression, Headers, Settings, prove};
use crate::otlp::batch::MAX_REQUEST_BYTES;

/// The types of exporters; the first name is the one to use, the others are old ones.
pub(super) const TYPES: [&[&str]; 4] =
    [&["otlp_grpc", "otlp"], &["otlp_http", "otlphttp"], &["debug"], &["file"]];

/// Reads the exporter `id` at `path`; its type is known.
#[must_use]
pub fn exporter(reader: &mut Reader, id: &Id, path: Vec<String>, node: Node) -> Exporter {
    let mut section = reader.section(path, node);
    let to = match id.kind.as_str() {
        "otlp_http" => http(&mut section),
        "debug" => debug(&mut section),
        "file" => file(&mut section),
        _ => grpc(&mut section),
    };
    section.end();
    Exporter { id: id.to_string(), to }
}

fn grpc(s: &mut Section<'_>) -> To {
    let place = s.place_of("endpoint");
    let endpoint = s.url(
        "endpoint",
        "",
        "host:port of an OTLP/gRPC server; https:// is TLS, http:// is plaintext",
    );
    if endpoint.is_empty() {
        s.fault("requires a non-empty \"endpoint\"");
    }
    let common = common(s, "5s");
    for (key, instead) in [
        ("keepalive", "idle connections are kept alive by pings every minute"),
        ("balancer_name", "one connection is used"),
        ("wait_for_ready", "a server that is away is tried again, see retry_on_failure"),
        ("authority", "use tls::server_name_override"),
        ("read_buffer_size", "buffers are sized by what is sent"),
        ("write_buffer_size", "buffers are sized by what is sent"),
    ] {
        s.unsupported(key, instead);
    }
    server(s, &place, Wire::Grpc, Settings { endpoint, ..common.0 }, common.1)
}

/// An exporter at a server, proven.
fn server(s: &mut Section<'_>, place: &Place, wire: Wire, settings: Settings, queue: Queue) -> To {
    if let Some(error) = prove(wire, &settings).err().filter(|_| !settings.endpoint.is_empty()) {
        let path = s.path();
        s.reader().fault(place, format!("{path}: {error}"));
    }
    To::Server { wire, settings: Box::new(settings), queue }
}

fn http(s: &mut Section<'_>) -> To {
    let place = s.place_of(if s.has("traces_endpoint") { "traces_endpoint" } else { "endpoint" });
    let endpoint = s.url("endpoint", "", "URL of an OTLP/HTTP server; /v1/traces is added to it");
    let traces = s.url("traces_endpoint", "", "URL for traces, used as it is, instead of endpoint");
    let encoding =
        match s.word("encoding", &["proto", "json"], "How requests are written: proto or json") {
            "json" => Encoding::Json,
            _ => Encoding::Proto,
        };
    if endpoint.is_empty() && traces.is_empty() {
        s.fault("at least one endpoint must be specified");
    }
    let common = common(s, "30s");
    for (key, instead) in [
        ("metrics_endpoint", "only traces are sent"),
        ("logs_endpoint", "only traces are sent"),
        ("profiles_endpoint", "only traces are sent"),
        ("proxy_url", "send to a Collector that is reached directly"),
        ("cookies", "use headers"),
        ("read_buffer_size", "buffers are sized by what is sent"),
        ("write_buffer_size", "buffers are sized by what is sent"),
    ] {
        s.unsupported(key, instead);
    }
    let endpoint = match (traces.as_str(), endpoint.as_str()) {
        ("", "") => endpoint,
        ("", _) => format!("{}/v1/traces", endpoint.trim_end_matches('/')),
        _ => traces,
    };
    server(s, &place, Wire::Http(encoding), Settings { endpoint, ..common.0 }, common.1)
}

/// What both wires share; the endpoint is put in by them.
fn common(s: &mut Section<'_>, timeout: &'static str) -> (Settings, Queue) {
    let compression = match s.word("compression", &["gzip", "none"], "gzip or none") {
        "none" => Compression::None,
        _ => Compression::Gzip,
    };
    let timeout = s.time("timeout", timeout, "How long one attempt may take; 0 is for ever");
    let headers = s.headers(
        "headers",
        "Sent with every request, by name or as a list of {name, value}; never shown",
    );
    let pairs = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let headers = Headers::new(pairs).unwrap_or_else(|error| {
        s.fault(&error.to_string());
        Headers::default()
    });
    let defaults = Settings::new("");
    let user_agent = s.text("user_agent", "", "The header user-agent; lifespan's own if empty");
    let tls = tls(&mut s.section("tls", "How the server is trusted"));
    let retry = retry(
        &mut s.section("retry_on_failure", "What happens when a server is away or overloaded"),
    );
    let queue = queue(&mut s.section("sending_queue", "What waits for the server"));
    for (key, instead) in [
        ("auth", "use headers"),
        ("middlewares", "there are none here"),
        ("compression_params", "gzip's own level is used"),
    ] {
        s.unsupported(key, instead);
    }
    let settings = Settings {
        tls,
        compression,
        headers,
        timeout,
        retry,
        max_request_bytes: MAX_REQUEST_BYTES,
        user_agent: if user_agent.is_empty() { defaults.user_agent } else { user_agent },
        endpoint: String::new(),
    };
    (settings, queue)
}
