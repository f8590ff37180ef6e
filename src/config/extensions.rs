//! `extensions`: `health_check`, `zpages`, who to be at a server (`bearertokenauth`, `basicauth`,
//! `headers_setter`), and what outlasts the process (`file_storage`)

mod auth;
mod storage;

use std::collections::BTreeMap;
use std::time::Duration;

pub(super) use self::storage::is_stored;
use super::component::Id;
use super::gates;
use super::node::Node;
use super::reader::{Reader, Section};
use crate::export::Auth;

/// The types of extensions.
pub(super) const TYPES: [&[&str]; 6] = [
    &["health_check", "healthcheckv2"],
    &["zpages"],
    &["bearertokenauth"],
    &["basicauth"],
    &["headers_setter"],
    &["file_storage"],
];

/// The extensions that say who to be; `None` for those that are not started.
pub(super) type Authenticators = BTreeMap<Id, Option<Auth>>;

/// The extensions that other components name.
#[derive(Default)]
pub(super) struct Named {
    pub(super) authenticators: Authenticators,
    /// Those that store; `None` for those that are not started.
    pub(super) storages: Storages,
}

/// The extensions that store; `None` for those that are not started.
pub(super) type Storages = BTreeMap<Id, Option<storage::Settings>>;

impl Named {
    /// The one that is started.
    pub(super) fn storage(&self) -> Option<(Id, storage::Settings)> {
        self.storages.iter().find_map(|(id, it)| Some((id.clone(), it.clone()?)))
    }
}

/// An extension of any sort.
pub(super) enum Read {
    /// It serves a page.
    Page(Extension),
    /// It says who to be.
    Auth(Option<Auth>),
    /// It stores.
    Storage(storage::Settings),
}

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
    /// How each component is, as version 2 of the Collector's health check tells it.
    Status {
        /// `localhost:13133`
        endpoint: String,
        /// `/status`
        path: String,
        /// Which errors count.
        health: ComponentHealth,
    },
    /// What it is at.
    Zpages {
        /// `localhost:55679`
        endpoint: String,
    },
}

/// Which errors make a component unhealthy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ComponentHealth {
    /// What nobody but a person can mend.
    pub includes_permanent: bool,
    /// What has lasted for longer than `recovery`.
    pub includes_recoverable: bool,
    /// How long it may last.
    pub recovery: Duration,
}

impl Extension {
    /// The address that it listens on.
    #[must_use]
    pub(super) fn endpoint(&self) -> Option<&str> {
        match self {
            Self::HealthCheck { endpoint, .. }
            | Self::Status { endpoint, .. }
            | Self::Zpages { endpoint } => Some(endpoint),
        }
    }
}

/// Reads the extension `id` at `path`; its type is known.
pub(super) fn extension(reader: &mut Reader, id: &Id, path: Vec<String>, node: Node) -> Read {
    let mut s = reader.section(path, node);
    let read = match id.kind.as_str() {
        "bearertokenauth" => Read::Auth(auth::bearer(&mut s)),
        "basicauth" => Read::Auth(auth::basic(&mut s)),
        "headers_setter" => Read::Auth(auth::headers(&mut s)),
        "file_storage" => Read::Storage(storage::read(&mut s)),
        kind => Read::Page(page(&mut s, kind)),
    };
    s.end();
    read
}

fn page(s: &mut Section<'_>, kind: &str) -> Extension {
    match kind {
        "zpages" => Extension::Zpages {
            endpoint: endpoint(
                s,
                "localhost:55679",
                "Where the debug pages are served: /debug/lifecyclez, /debug/watchz, /debug/servicez, /debug/pipelinez",
            ),
        },
        _ => {
            let endpoint = endpoint(
                s,
                "localhost:13133",
                "Where health is served: 200 when every kind has been listed, else 503",
            );
            let path = s.text("path", "/", "The path of it");
            let is_strict = s.flag(
                "strict",
                false,
                "Whether it is 503 as long as a kind may not be read; the body tells it in any case",
            );
            let empty = ["''", "{healthy: '', unhealthy: ''}"];
            s.unsupported_but("response_body", &empty, "the body tells what is wrong");
            let off = "{enabled: false, interval: 5m, exporter_failure_threshold: 5}";
            s.unsupported_but("check_collector_pipeline", &[off], "the Collector ignores it too");
            for key in ["tls", "auth", "cors", "grpc"] {
                s.unsupported(key, "probes of Kubernetes ask in plaintext over HTTP");
            }
            if !path.starts_with('/') {
                s.fault("path must start with /");
            }
            if let Some(status) = component_status(s) {
                return status;
            }
            Extension::HealthCheck { endpoint, path, is_strict }
        }
    }
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

/// Of the key `use_v2`.
const USE_V2: &str = "Whether the keys below are in force, in place of those above; they are taken with --feature-gates=+extension.healthcheck.useComponentStatus alone";

/// What stands under the keys of version 2, if it is asked for.
fn component_status(s: &mut Section<'_>) -> Option<Extension> {
    let is_meant = s.has("http") || s.has("component_health") || s.has("use_v2");
    let is_open = s.reader().gates.is_open(gates::COMPONENT_STATUS);
    if is_meant && !is_open {
        s.fault(&format!(
            "v2 healthcheck configuration (use_v2, http or component_health) detected but feature gate is disabled. Either remove the v2 config fields or enable the feature gate with: --feature-gates=+{}",
            gates::COMPONENT_STATUS
        ));
    }
    let is_on = is_meant && s.flag("use_v2", false, USE_V2);
    if !is_meant {
        return None;
    }
    let mut http = s.section("http", "Where the status of components is served");
    let endpoint = endpoint(&mut http, "localhost:13133", "The address of it");
    let mut status = http.section("status", "The status of all, or with ?verbose of each");
    let is_served = status.flag("enabled", true, "Whether it is served");
    let path = status.text("path", "/status", "The path of it");
    status.unsupported_but("include_attributes", &["false"], "there are none here");
    status.end();
    let off = "{enabled: false, path: /config}";
    http.unsupported_but("config", &[off], "lifespan print-config shows it");
    http.end();
    let mut health = s.section("component_health", "Which errors make it unhealthy");
    let includes_permanent = health.flag(
        "include_permanent_errors",
        false,
        "Whether what only a person can mend does, such as a kind that may not be read",
    );
    let includes_recoverable = health.flag(
        "include_recoverable_errors",
        false,
        "Whether what is tried again does, such as a server that is away",
    );
    let recovery =
        health.time("recovery_duration", "0s", "The latter only once it has lasted so long");
    health.end();
    if is_on && !is_served {
        s.fault("must specify at least one protocol: http::status::enabled is false");
    }
    if is_on && !path.starts_with('/') {
        s.fault("path must start with /");
    }
    let health = ComponentHealth { includes_permanent, includes_recoverable, recovery };
    is_on.then_some(Extension::Status { endpoint, path, health })
}
