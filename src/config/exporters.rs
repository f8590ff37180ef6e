//! `exporters`: `otlp_grpc`, `otlp_http`, `debug`, `file`

use std::path::PathBuf;
use std::time::Duration;

use super::component::Id;
use super::node::Node;
use super::reader::{Reader, Section};
use crate::export::settings::{Batch, Encoding, Exporter, Queue, Sizer, To, Verbosity, Wire};
use crate::export::{Compression, Headers, Settings, Tls};
use crate::otlp::backoff::Backoff;
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
    let endpoint = s.text(
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
    To::Server {
        wire: Wire::Grpc,
        settings: Box::new(Settings { endpoint, ..common.0 }),
        queue: common.1,
    }
}

fn http(s: &mut Section<'_>) -> To {
    let endpoint = s.text("endpoint", "", "URL of an OTLP/HTTP server; /v1/traces is added to it");
    let traces =
        s.text("traces_endpoint", "", "URL for traces, used as it is, instead of endpoint");
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
    let endpoint = match traces.as_str() {
        "" => format!("{}/v1/traces", endpoint.trim_end_matches('/')),
        _ => traces,
    };
    let settings = Box::new(Settings { endpoint, ..common.0 });
    To::Server { wire: Wire::Http(encoding), settings, queue: common.1 }
}

/// What both wires share; the endpoint is put in by them.
fn common(s: &mut Section<'_>, timeout: &'static str) -> (Settings, Queue) {
    let compression = match s.word("compression", &["gzip", "none"], "gzip or none") {
        "none" => Compression::None,
        _ => Compression::Gzip,
    };
    let timeout = s.time("timeout", timeout, "How long one attempt may take; 0 is for ever");
    let headers = s.secrets("headers", "Sent with every request; never shown");
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

fn tls(s: &mut Section<'_>) -> Tls {
    let insecure = s.flag("insecure", false, "Plaintext, for an endpoint without a scheme");
    let ca_file = s.text(
        "ca_file",
        "",
        "PEM file of the certificates to trust; those of the system if empty",
    );
    let name = s.text(
        "server_name_override",
        "",
        "The name in the server's certificate; the endpoint's host if empty",
    );
    for key in [
        "insecure_skip_verify",
        "ca_pem",
        "cert_file",
        "cert_pem",
        "key_file",
        "key_pem",
        "min_version",
        "max_version",
        "cipher_suites",
        "curve_preferences",
        "include_insecure_cipher_suites",
        "include_system_ca_certs_pool",
        "reload_interval",
        "tpm",
    ] {
        s.unsupported(
            key,
            "use ca_file and server_name_override, or a Collector beside this process",
        );
    }
    s.end_ref();
    Tls {
        insecure,
        ca_file: (!ca_file.is_empty()).then(|| PathBuf::from(ca_file)),
        server_name_override: (!name.is_empty()).then_some(name),
    }
}

fn retry(s: &mut Section<'_>) -> Backoff {
    let enabled = s.flag("enabled", true, "Whether anything is tried again");
    let backoff = Backoff {
        initial: s.time("initial_interval", "5s", "Before the second attempt"),
        randomization: s.fraction(
            "randomization_factor",
            0.5,
            0.0..=1.0,
            "Intervals vary by this part of themselves",
        ),
        multiplier: s.fraction(
            "multiplier",
            1.5,
            0.0..=1_000.0,
            "By how much each interval is longer than the one before",
        ),
        max: s.time("max_interval", "30s", "Intervals grow up to this"),
        max_elapsed: s.time("max_elapsed_time", "5m", "After which spans are dropped; 0 is never"),
    };
    if !backoff.max_elapsed.is_zero() {
        if backoff.max_elapsed < backoff.initial {
            s.fault("'max_elapsed_time' must not be less than 'initial_interval'");
        }
        if backoff.max_elapsed < backoff.max {
            s.fault("'max_elapsed_time' must not be less than 'max_interval'");
        }
    }
    s.end_ref();
    // So short that no second attempt can begin in it.
    if enabled {
        backoff
    } else {
        Backoff { max_elapsed: Duration::from_nanos(1), initial: Duration::from_secs(1), ..backoff }
    }
}

fn queue(s: &mut Section<'_>) -> Queue {
    let enabled = s.flag("enabled", true, "");
    if !enabled {
        s.fault("the queue cannot be switched off: the watches would wait for the server");
    }
    let num_consumers = s.number("num_consumers", 10, 1, "Requests under way at the same time");
    let size = s.number(
        "queue_size",
        1_000,
        1,
        "What may wait, in units of the sizer; beyond it spans are dropped",
    );
    let sizer = sizer(s.word(
        "sizer",
        &["requests", "items", "bytes"],
        "What queue_size counts: requests, items (spans) or bytes",
    ));
    for (key, instead) in [
        ("block_on_overflow", "the watches would wait; make queue_size larger"),
        ("wait_for_result", "the watches would wait"),
        ("storage", "the queue is in memory"),
    ] {
        s.unsupported(key, instead);
    }
    let batch =
        s.has("batch").then(|| {
            batch(&mut s.section(
                "batch",
                "How requests are put together; each is sent as it comes without it",
            ))
        });
    s.end_ref();
    let clamp = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    Queue { num_consumers: clamp(num_consumers), size: clamp(size), sizer, batch: batch.flatten() }
}

fn batch(s: &mut Section<'_>) -> Option<Batch> {
    let enabled = s.flag("enabled", true, "Whether requests are put together");
    let flush_timeout =
        s.time("flush_timeout", "200ms", "A request leaves this long after its first span");
    if flush_timeout.is_zero() {
        s.fault("`flush_timeout` must be positive");
    }
    let min_size = s.number("min_size", 8_192, 0, "A request leaves as soon as it has this size");
    let sizer =
        sizer(s.word("sizer", &["items", "bytes"], "What min_size counts: items (spans) or bytes"));
    for key in ["max_size", "partition"] {
        s.unsupported(key, "requests are cut at 3.5 MiB");
    }
    s.end_ref();
    let min_size = usize::try_from(min_size).unwrap_or(usize::MAX);
    enabled.then_some(Batch { flush_timeout, min_size, sizer })
}

fn sizer(word: &str) -> Sizer {
    match word {
        "items" => Sizer::Items,
        "bytes" => Sizer::Bytes,
        _ => Sizer::Requests,
    }
}

fn debug(s: &mut Section<'_>) -> To {
    let verbosity = s.word(
        "verbosity",
        &["basic", "normal", "detailed"],
        "basic counts spans, normal has a line for each, detailed tells all",
    );
    for key in ["sampling_initial", "sampling_thereafter", "use_internal_logger", "output_paths"] {
        s.unsupported(key, "everything is written to standard output");
    }
    To::Debug(match verbosity {
        "normal" => Verbosity::Normal,
        "detailed" => Verbosity::Detailed,
        _ => Verbosity::Basic,
    })
}

fn file(s: &mut Section<'_>) -> To {
    let path = s.text("path", "", "The file of OTLP JSON, one request a line; it is appended to");
    if path.is_empty() {
        s.fault("path must be non-empty");
    }
    s.word("format", &["json"], "Only json");
    for key in [
        "rotation",
        "compression",
        "flush_interval",
        "group_by",
        "append",
        "encoding",
        "create_directory",
    ] {
        s.unsupported(key, "requests are appended as they come");
    }
    To::File(PathBuf::from(path))
}
