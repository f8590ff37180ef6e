//! `extensions`: `health_check`, `zpages`

use super::component::Id;
use super::node::Node;
use super::reader::{Reader, Section};

/// The types of extensions.
pub(super) const TYPES: [&[&str]; 2] = [&["health_check", "healthcheckv2"], &["zpages"]];

/// A page that this process serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Extension {
    /// Whether it is ready.
    HealthCheck {
        /// `localhost:13133`
        endpoint: String,
        /// `/`
        path: String,
        /// Whether it is not ready while a kind may not be read.
        is_strict: bool,
    },
    /// What it is at.
    Zpages {
        /// `localhost:55679`
        endpoint: String,
    },
}

impl Extension {
    /// The address that it listens on.
    #[must_use]
    pub(super) fn endpoint(&self) -> Option<&str> {
        match self {
            Self::HealthCheck { endpoint, .. } | Self::Zpages { endpoint } => Some(endpoint),
        }
    }
}

/// Reads the extension `id` at `path`; its type is known.
pub(super) fn extension(reader: &mut Reader, id: &Id, path: Vec<String>, node: Node) -> Extension {
    let mut s = reader.section(path, node);
    let extension = match id.kind.as_str() {
        "zpages" => Extension::Zpages {
            endpoint: endpoint(
                &mut s,
                "localhost:55679",
                "Where the debug pages are served: /debug/lifecyclez, /debug/watchz, /debug/servicez, /debug/pipelinez",
            ),
        },
        _ => {
            let endpoint = endpoint(
                &mut s,
                "localhost:13133",
                "Where health is served: 200 when every kind has been listed, else 503",
            );
            let path = s.text("path", "/", "The path of it");
            let is_strict = s.flag(
                "strict",
                false,
                "Whether it is 503 as long as a kind may not be read; the body tells it in any case",
            );
            for key in [
                "response_body",
                "use_v2",
                "component_health",
                "http",
                "grpc",
                "tls",
                "auth",
                "cors",
            ] {
                s.unsupported(key, "the answer is the Collector's");
            }
            Extension::HealthCheck { endpoint, path, is_strict }
        }
    };
    s.end();
    extension
}

fn endpoint(s: &mut Section<'_>, default: &str, help: &'static str) -> String {
    let place = s.place_of("endpoint");
    let endpoint = s.text("endpoint", default, help);
    if let Err(problem) = address(&endpoint) {
        let path = s.path();
        s.reader().fault(&place, format!("{path}: endpoint {endpoint:?} {problem}"));
    }
    endpoint
}

/// Proves an address to listen on.
pub(super) fn address(endpoint: &str) -> Result<(), &'static str> {
    let Some((host, port)) = endpoint.rsplit_once(':') else {
        return Err("is no address: expected host:port");
    };
    if port.parse::<u16>().is_err() || !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("is no address: expected host:port, a port up to 65535");
    }
    if host.is_empty() {
        return Err("has no host: localhost, or 0.0.0.0 for all addresses of this machine");
    }
    let is_name = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_v6 = inner.is_some_and(|host| host.parse::<core::net::Ipv6Addr>().is_ok());
    if !is_name && !is_v6 {
        return Err("is no address: expected host:port, an IPv6 address in []");
    }
    Ok(())
}
