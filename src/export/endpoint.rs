//! Where and how to send, and the proof that it is possible.

use std::time::Duration;

use http::Uri;

use super::auth::Auth;
use super::error::SettingsError;
use super::headers::Headers;
use super::proxy::Proxy;
use super::tls::Tls;
use crate::otlp::backoff::Backoff;
use crate::otlp::batch::MAX_REQUEST_BYTES;

/// How an exporter sends; names and defaults are those of the Collector's
/// `otlp_grpc`.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `host:port`, `http://host:port` (plaintext) or `https://host:port` (TLS).
    pub endpoint: String,
    /// TLS; without a scheme it is used unless `insecure`.
    pub tls: Tls,
    /// Gzip unless said otherwise: every server must take it.
    pub compression: Compression,
    /// Sent with every request.
    pub headers: Headers,
    /// How long one attempt may take; zero is for ever.
    pub timeout: Duration,
    /// When and how long to try again.
    pub retry: Backoff,
    /// How large a request may become, uncompressed.
    pub max_request_bytes: usize,
    /// The head of the header `user-agent`.
    pub user_agent: String,
    /// Who to be.
    pub auth: Option<Auth>,
    /// Of OTLP/gRPC.
    pub keepalive: Keepalive,
    /// Of OTLP/HTTP: the way there.
    pub proxy: Option<Proxy>,
    /// What is sent.
    pub signal: Signal,
}

/// What of this process is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signal {
    /// Spans.
    #[default]
    Traces,
    /// Its own metrics.
    Metrics,
}

/// How a connection over gRPC is found to be alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keepalive {
    /// After which without a word it is asked.
    pub time: Duration,
    /// After which without an answer it is closed.
    pub timeout: Duration,
    /// Also while nothing is under way.
    pub while_idle: bool,
}

impl Default for Keepalive {
    fn default() -> Self {
        let (time, timeout) = (Duration::from_secs(60), Duration::from_secs(20));
        Self { time, timeout, while_idle: false }
    }
}

/// How requests are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// gzip
    Gzip,
    /// Not at all.
    None,
}

impl Settings {
    /// The defaults for `endpoint`.
    #[must_use]
    pub fn new(endpoint: impl Into<String>) -> Self {
        Self {
            endpoint: endpoint.into(),
            tls: Tls::default(),
            compression: Compression::Gzip,
            headers: Headers::default(),
            timeout: Duration::from_secs(5),
            retry: Backoff::default(),
            max_request_bytes: MAX_REQUEST_BYTES,
            user_agent: user_agent(),
            auth: None,
            keepalive: Keepalive::default(),
            proxy: None,
            signal: Signal::Traces,
        }
    }
}

/// `lifespan/0.1.0 (linux/amd64)`: the form of the Collector, with Go's names of machines.
fn user_agent() -> String {
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        other => other,
    };
    format!("lifespan/{} ({}/{arch})", env!("CARGO_PKG_VERSION"), std::env::consts::OS)
}

/// Proves that `settings.endpoint` can be sent to: `http://host:port` or `https://host:port`.
pub(super) fn url(settings: &Settings) -> Result<String, SettingsError> {
    let Settings { endpoint, tls, .. } = settings;
    let given = endpoint.trim();
    let (scheme, rest) = match given.split_once("://") {
        Some((scheme, rest)) => (scheme.to_ascii_lowercase(), rest),
        None => (String::new(), given),
    };
    // A password must not show up in a message.
    let told = match rest.rsplit_once('@') {
        Some((_, host)) => format!("…@{host}"),
        None => given.to_owned(),
    };
    let wrong = |problem| SettingsError::Endpoint { endpoint: told.clone(), problem };
    let (is_tls, rest) = match scheme.as_str() {
        "https" => (true, rest),
        "http" => (false, rest),
        "" => (!tls.insecure, rest),
        "dns" | "passthrough" => (!tls.insecure, rest.trim_start_matches('/')),
        "unix" => return Err(wrong("is a Unix socket: only TCP is supported, `host:port`")),
        _ => return Err(wrong("has an unknown scheme: use host:port, http:// or https://")),
    };
    if rest.contains('@') {
        return Err(wrong("holds a user: send credentials in `headers`"));
    }
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    if authority.contains(['/', '?', '#']) {
        return Err(wrong("has a path: OTLP/gRPC takes host:port only"));
    }
    let Some((host, port)) = authority.rsplit_once(':') else {
        return Err(wrong("has no port: use host:port, 4317 for OTLP/gRPC"));
    };
    if !port.bytes().all(|byte| byte.is_ascii_digit())
        || !port.parse::<u16>().is_ok_and(|it| it > 0)
    {
        return Err(wrong("has no valid port: a number from 1 to 65535 is wanted after the host"));
    }
    let is_bracketed = host.starts_with('[') && host.ends_with(']');
    if host.is_empty() || (host.contains(':') && !is_bracketed) {
        return Err(wrong("has no valid host: use host:port, an IPv6 address in []"));
    }
    if !is_tls && tls.is_meant() {
        return Err(SettingsError::TlsUnused { endpoint: told });
    }
    if !is_tls && settings.auth.is_some() {
        return Err(SettingsError::PlainAuth { endpoint: told });
    }
    Ok(format!("{}://{authority}", if is_tls { "https" } else { "http" }))
}

/// An address, and what is told in the place of its query, which may hold a key.
pub(super) fn without_query(address: &str) -> (&str, &'static str) {
    address.split_once('?').map_or((address, ""), |(address, _)| (address, "?…"))
}

/// The address of traces below an endpoint that was checked.
pub(super) fn uri(endpoint: &str) -> Result<Uri, SettingsError> {
    let wrong = |problem| {
        // Neither a password nor a key in the query may be told.
        let (url, query) = without_query(endpoint);
        let url = url.rsplit_once('@').map_or(url.to_owned(), |(_, host)| format!("…@{host}"));
        SettingsError::Endpoint { endpoint: url + query, problem }
    };
    let uri: Uri = endpoint
        .trim()
        .parse()
        .map_err(|_| wrong("is no URL: use http://host:port or https://host:port"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(wrong("has no scheme: use http://host:port or https://host:port"));
    }
    let Some(authority) = uri.authority().filter(|it| !it.host().is_empty()) else {
        return Err(wrong("has no host: use http://host:port or https://host:port"));
    };
    if authority.as_str().contains('@') {
        return Err(wrong("holds a user: send credentials in `headers`"));
    }
    let port = authority.as_str().rsplit_once(':').map(|(_, port)| port);
    if port.is_some_and(|it| !it.ends_with(']')) && authority.port_u16().is_none_or(|it| it == 0) {
        return Err(wrong("has no valid port: a number from 1 to 65535 is wanted after the host"));
    }
    Ok(uri)
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::files::FileOrText;
    use super::*;

    fn told(endpoint: &str, tls: Tls) -> String {
        let settings = Settings { tls, ..Settings::new(endpoint) };
        url(&settings).unwrap_or_else(|error| error.to_string())
    }

    #[test]
    fn an_endpoint_is_a_host_and_a_port_with_or_without_a_scheme() {
        let table: String = [
            "localhost:4317",
            " http://localhost:4317/ ",
            "HTTPS://otlp.example.com:443",
            "dns:///collector:4317",
            "[::1]:4317",
            "",
            "localhost",
            "http://localhost",
            "localhost:grpc",
            "localhost:0",
            "localhost:+4317",
            "localhost:65536",
            ":4317",
            "::1:4317",
            "http://localhost:4318/v1/traces",
            "https://user:secret@localhost:4317",
            "unix:///run/otlp.sock",
            "ftp://localhost:21",
        ]
        .map(|endpoint| format!("{endpoint:<36} {}\n", told(endpoint, Tls::default())))
        .concat();
        expect![[r#"
            localhost:4317                       https://localhost:4317
             http://localhost:4317/              http://localhost:4317
            HTTPS://otlp.example.com:443         https://otlp.example.com:443
            dns:///collector:4317                https://collector:4317
            [::1]:4317                           https://[::1]:4317
                                                 endpoint `` has no port: use host:port, 4317 for OTLP/gRPC
            localhost                            endpoint `localhost` has no port: use host:port, 4317 for OTLP/gRPC
            http://localhost                     endpoint `http://localhost` has no port: use host:port, 4317 for OTLP/gRPC
            localhost:grpc                       endpoint `localhost:grpc` has no valid port: a number from 1 to 65535 is wanted after the host
            localhost:0                          endpoint `localhost:0` has no valid port: a number from 1 to 65535 is wanted after the host
            localhost:+4317                      endpoint `localhost:+4317` has no valid port: a number from 1 to 65535 is wanted after the host
            localhost:65536                      endpoint `localhost:65536` has no valid port: a number from 1 to 65535 is wanted after the host
            :4317                                endpoint `:4317` has no valid host: use host:port, an IPv6 address in []
            ::1:4317                             endpoint `::1:4317` has no valid host: use host:port, an IPv6 address in []
            http://localhost:4318/v1/traces      endpoint `http://localhost:4318/v1/traces` has a path: OTLP/gRPC takes host:port only
            https://user:secret@localhost:4317   endpoint `…@localhost:4317` holds a user: send credentials in `headers`
            unix:///run/otlp.sock                endpoint `unix:///run/otlp.sock` is a Unix socket: only TCP is supported, `host:port`
            ftp://localhost:21                   endpoint `ftp://localhost:21` has an unknown scheme: use host:port, http:// or https://
        "#]]
        .assert_eq(&table);
    }

    #[test]
    fn an_endpoint_over_http_is_a_url() {
        let told =
            |endpoint| uri(endpoint).map_or_else(|error| error.to_string(), |uri| uri.to_string());
        assert_eq!(told("http://localhost:4318/v1/traces"), "http://localhost:4318/v1/traces");
        assert_eq!(
            told("localhost:4318"),
            "endpoint `localhost:4318` has no scheme: use http://host:port or https://host:port"
        );
        assert_eq!(
            told("https://me:secret@host/v1/traces"),
            "endpoint `…@host/v1/traces` holds a user: send credentials in `headers`"
        );
        for wrong in ["http://host:99999", "http://host:0/", "http://host:/v1", "http://host:x"] {
            assert!(uri(wrong).is_err(), "{wrong}");
        }
        for good in ["http://host", "http://[::1]", "https://[::1]:4318/v1/traces"] {
            assert!(uri(good).is_ok(), "{good}");
        }
    }

    #[test]
    fn insecure_is_for_endpoints_without_a_scheme_and_tls_is_never_ignored() {
        let insecure = Tls { insecure: true, ..Tls::default() };
        assert_eq!(told("localhost:4317", insecure.clone()), "http://localhost:4317");
        assert_eq!(told("https://localhost:4317", insecure), "https://localhost:4317");
        let trusting = Tls { ca: Some(FileOrText::File("ca.pem".into())), ..Tls::default() };
        assert_eq!(
            told("http://localhost:4317", trusting),
            "endpoint `http://localhost:4317` is plaintext, but TLS is set up for it: use https:// \
             or remove `tls`"
        );
    }

    #[test]
    fn the_user_agent_has_the_form_of_the_collector() {
        let agent = Settings::new("localhost:4317").user_agent;
        let (name, machine) = agent.split_once(" (").unwrap();
        assert_eq!(name, concat!("lifespan/", env!("CARGO_PKG_VERSION")));
        assert!(machine.ends_with(')') && machine.contains('/'), "{agent}");
    }
}
