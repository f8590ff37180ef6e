//! `exporters`: `otlp_grpc`, `otlp_http`, `debug`, `file`

mod queue;
mod sinks;
mod tls;

use std::path::Path;

use rustls::pki_types::CertificateDer;

use self::queue::{queue, retry};
use self::sinks::{debug, file};
use self::tls::tls;
use super::component::Id;
use super::expand::Lookup;
use super::extensions::{Authenticators, Named};
use super::node::{Node, Place};
use super::reader::{Reader, Section};
use crate::export::settings::{Encoding, Exporter, Queue, To, Wire};
use crate::export::{
    Auth, Compression, Files, Headers, Keepalive, Proxy, Settings, SettingsError, prove,
};

/// The types of exporters; the first name is the one to use, the others are old ones.
pub(super) const TYPES: [&[&str]; 4] =
    [&["otlp_grpc", "otlp"], &["otlp_http", "otlphttp"], &["debug"], &["file"]];

/// Reads the exporter `id` at `path`; its type is known.
#[must_use]
pub(super) fn exporter(
    reader: &mut Reader,
    id: &Id,
    path: Vec<String>,
    node: Node,
    named: &Named,
) -> Exporter {
    let mut section = reader.section(path, node);
    let to = match id.kind.as_str() {
        "otlp_http" => http(&mut section, named),
        "debug" => debug(&mut section),
        "file" => file(&mut section),
        _ => grpc(&mut section, named),
    };
    section.end();
    Exporter { id: id.to_string(), to }
}

fn grpc(s: &mut Section<'_>, named: &Named) -> To {
    let place = s.place_of("endpoint");
    let endpoint = s.url(
        "endpoint",
        "",
        "host:port of an OTLP/gRPC server; https:// is TLS, http:// is plaintext",
    );
    if endpoint.is_empty() {
        s.fault("requires a non-empty \"endpoint\"");
    }
    let common = common(s, named, "5s");
    let keepalive = keepalive(s);
    s.unsupported_but("balancer_name", &["round_robin", "pick_first"], "one connection is used");
    let instead = "a server that is away is tried again, see retry_on_failure";
    s.unsupported_but("wait_for_ready", &["false"], instead);
    s.unsupported_but("authority", &["''"], "use tls::server_name_override");
    let settings = Settings { endpoint, keepalive, ..common.0 };
    server(s, &place, Wire::Grpc, settings, common.1)
}

fn keepalive(s: &mut Section<'_>) -> Keepalive {
    if !s.has("keepalive") {
        return Keepalive::default();
    }
    let help =
        "How a connection is found to be alive; without it as if time were 1m and timeout 20s";
    let mut s = s.section("keepalive", help);
    let is_on = s.flag("enabled", true, "Whether this is in force");
    let time = s.time("time", "10s", "After which without a word the server is asked");
    let timeout = s.time("timeout", "10s", "After which without an answer it is connected anew");
    let while_idle =
        s.flag("permit_without_stream", false, "Whether also while nothing is being sent");
    if is_on && (time.is_zero() || timeout.is_zero()) {
        s.fault("time and timeout must be more than 0");
    }
    s.end();
    if is_on { Keepalive { time, timeout, while_idle } } else { Keepalive::default() }
}

/// An exporter at a server, proven.
fn server(s: &mut Section<'_>, place: &Place, wire: Wire, settings: Settings, queue: Queue) -> To {
    prove_server(s, place, wire, &settings);
    To::Server { wire, settings: Box::new(settings), queue }
}

/// Proves where and how to send; that there is an endpoint at all is told elsewhere.
pub(super) fn prove_server(s: &mut Section<'_>, place: &Place, wire: Wire, settings: &Settings) {
    if let Some(error) = prove(wire, settings).err().filter(|_| !settings.endpoint.is_empty()) {
        let path = s.path();
        s.reader().fault(place, format!("{path}: {error}"));
    }
}

fn http(s: &mut Section<'_>, named: &Named) -> To {
    let key = if s.has("traces_endpoint") { "traces_endpoint" } else { "endpoint" };
    let place = s.place_of(key);
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
    let proxy = proxy(s);
    let common = common(s, named, "30s");
    for key in ["metrics_endpoint", "logs_endpoint", "profiles_endpoint"] {
        s.unsupported_but(key, &["''"], "only traces are sent");
    }
    s.unsupported_but("cookies", &["{enabled: false}"], "use headers");
    for (key, default) in [
        ("max_idle_conns", "100"),
        ("max_idle_conns_per_host", "0"),
        ("max_conns_per_host", "0"),
        ("idle_conn_timeout", "90s"),
        ("disable_keep_alives", "false"),
        ("http2_read_idle_timeout", "0s"),
        ("http2_ping_timeout", "0s"),
        ("force_attempt_http2", "true"),
    ] {
        let instead = "connections are kept for 90s, as many as sending_queue::num_consumers";
        s.unsupported_but(key, &[default], instead);
    }
    let endpoint = match (traces.as_str(), endpoint.as_str()) {
        ("", "") => endpoint,
        ("", _) => format!("{}/v1/traces", endpoint.trim_end_matches('/')),
        _ => traces,
    };
    server(s, &place, Wire::Http(encoding), Settings { endpoint, proxy, ..common.0 }, common.1)
}

fn proxy(s: &mut Section<'_>) -> Option<Proxy> {
    let place = s.place_of("proxy_url");
    let url = s.url("proxy_url", "", "http://[user:password@]host:port of a proxy on the way");
    if url.is_empty() {
        return None;
    }
    let proxy = Proxy::parse(&url);
    if let Err(problem) = proxy {
        s.fault_of("proxy_url", &place, problem);
    }
    proxy.ok()
}

/// What both wires share; the endpoint is put in by them.
fn common(s: &mut Section<'_>, named: &Named, timeout: &'static str) -> (Settings, Queue) {
    let compression = match s.word("compression", &["gzip", "none"], "gzip or none") {
        "none" => Compression::None,
        _ => Compression::Gzip,
    };
    let timeout = s.time("timeout", timeout, "How long one attempt may take; 0 is for ever");
    let headers =
        headers(s, "Sent with every request, by name or as a list of {name, value}; never shown");
    let defaults = Settings::new("");
    let user_agent = s.text("user_agent", "", "The header user-agent; lifespan's own if empty");
    let tls = tls(&mut s.section("tls", "How the server is trusted"));
    let auth = auth(s, &named.authenticators);
    let queue = queue(&mut s.section("sending_queue", "What waits for the server"), named);
    let retry = retry(
        &mut s.section("retry_on_failure", "What happens when a server is away or overloaded"),
        queue.is_stored,
    );
    s.unsupported("middlewares", "there are none here");
    let levels = ["{level: 0}", "{level: -1}"];
    s.unsupported_but("compression_params", &levels, "gzip's own level is used");
    for (key, default) in [("read_buffer_size", "0"), ("write_buffer_size", "524288")] {
        s.unsupported_but(key, &[default], "buffers are sized by what is sent");
    }
    let settings = Settings {
        tls,
        compression,
        headers,
        timeout,
        retry,
        user_agent: if user_agent.is_empty() { defaults.user_agent.clone() } else { user_agent },
        auth,
        ..defaults
    };
    (settings, queue)
}

/// `headers`, proven.
pub(super) fn headers(s: &mut Section<'_>, help: &'static str) -> Headers {
    let headers = s.headers("headers", help);
    let pairs = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    Headers::new(pairs).unwrap_or_else(|error| {
        s.fault(&error.to_string());
        Headers::default()
    })
}

/// Who to be, as an extension that is started says.
fn auth(s: &mut Section<'_>, authenticators: &Authenticators) -> Option<Auth> {
    if !s.has("auth") {
        return None;
    }
    let mut s = s.section("auth", "Who to be at the server");
    let place = s.place_of("authenticator");
    let name = s.text("authenticator", "", "The extension that says it");
    let known = Id::parse(&name).ok().and_then(|id| authenticators.get(&id));
    match known {
        Some(Some(_)) => {}
        Some(None) => {
            let problem = format!("{name:?} is not started: name it in service::extensions");
            s.fault_of("authenticator", &place, &problem);
        }
        None => {
            let names: Vec<_> = authenticators.keys().map(ToString::to_string).collect();
            let problem = format!(
                "{name:?} is no extension for it: expected a configured bearertokenauth, basicauth or headers_setter{}",
                if names.is_empty() { String::new() } else { format!(", as {}", names.join(", ")) }
            );
            s.fault_of("authenticator", &place, &problem);
        }
    }
    s.end();
    known.cloned().flatten()
}

/// Proves the certificates, keys and credentials of an exporter that will be started.
pub(super) fn prove_files(exporter: &Exporter, lookup: &dyn Lookup) -> Result<(), SettingsError> {
    match &exporter.to {
        To::Server { wire, settings, .. } => {
            crate::export::prove_files(*wire, settings, &Looked(lookup))
        }
        To::Debug(..) | To::File(_) => Ok(()),
    }
}

/// Files as a configuration is looked up. What the system trusts is not asked for.
pub(super) struct Looked<'a>(pub(super) &'a dyn Lookup);

impl Files for Looked<'_> {
    fn read(&self, path: &Path) -> Result<Vec<u8>, String> {
        self.0.file(&path.to_string_lossy()).map(String::into_bytes)
    }

    fn system_roots(&self) -> Vec<CertificateDer<'static>> {
        Vec::new()
    }
}
