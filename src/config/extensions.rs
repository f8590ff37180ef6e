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
    let endpoint = s.text("endpoint", default, help);
    let port = endpoint.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok());
    if port.is_none() {
        s.fault(&format!("endpoint {endpoint:?} is no address: expected host:port"));
    }
    endpoint
}
