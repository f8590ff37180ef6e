//! What can go wrong, each in one sentence: what, with which endpoint, what to do.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use tonic::{Code, Status};

use super::wire::Wire;

/// A setting cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The endpoint is not one.
    #[error("endpoint `{endpoint}` {problem}")]
    Endpoint {
        /// As given, without a password.
        endpoint: String,
        /// What is wrong and what is expected.
        problem: &'static str,
    },
    /// A header cannot be sent. Its value is never told.
    #[error("header `{name}` {problem}")]
    Header {
        /// Its name.
        name: String,
        /// What is wrong and what is expected.
        problem: &'static str,
    },
    /// TLS cannot be set up: a file or text of it cannot be used.
    #[error("{0}")]
    Tls(String),
    /// Credentials would be sent in plaintext.
    #[error("the credentials of `auth` would go to `{endpoint}` in plaintext: use https://")]
    PlainAuth {
        /// The endpoint.
        endpoint: String,
    },
    /// TLS is configured and would not be used.
    #[error(
        "endpoint `{endpoint}` is plaintext, but TLS is set up for it: use https:// or remove `tls`"
    )]
    TlsUnused {
        /// The endpoint.
        endpoint: String,
    },
}

/// What is said of a connection over TLS that does not come about, and what a human can do. The
/// first that fits tells most.
const OF_TLS: [(&str, &str); 13] = [
    ("of `auth`", "check the file and who may read it"),
    (
        "UnknownIssuer",
        "nothing that is trusted vouches for the server's certificate: give that of its issuer, or its own if it signs itself, as `tls::ca_file`",
    ),
    (
        "UnsupportedCertVersion",
        "the server's certificate is of X.509 version 1, which has no names: make one of version 3 with a subjectAltName",
    ),
    (
        "CaUsedAsEndEntity",
        "the server shows the certificate of an issuer as its own: give that very certificate as `tls::ca_file`, or make one that is no issuer's",
    ),
    ("not valid for", "the server's certificate has another name: see `tls::server_name_override`"),
    (
        "NotValidForName",
        "the server's certificate has another name: see `tls::server_name_override`",
    ),
    ("xpired", "the server's certificate is too old: renew it"),
    (
        "CertificateRequired",
        "the server wants a certificate of its clients: give `tls::cert_file` and `tls::key_file`",
    ),
    (
        "fatal alert: CertificateUnknown",
        "the server does not take the certificate of this client: see `tls::cert_file`",
    ),
    (
        "fatal alert: UnknownCA",
        "the server does not take the certificate of this client: see `tls::cert_file`",
    ),
    (
        "fatal alert: BadCertificate",
        "the server does not take the certificate of this client: see `tls::cert_file`",
    ),
    (
        "InvalidContentType",
        "check `tls`: the CA file, the server's name, or whether the server speaks TLS",
    ),
    (
        "certificate",
        "check `tls`: the CA file, the server's name, or whether the server speaks TLS",
    ),
];

/// What is said of an endpoint that is elsewhere.
pub(super) const MOVED: &str = "the endpoint has moved to";

/// What tonic says of a message that is larger than it takes, and of what it becomes unpacked.
const TOO_LARGE: [&str; 2] = ["message length too large", "while decompressing message"];

/// Whether it says that a message is too large, of whichever side.
pub(super) fn is_of_size(why: &str) -> bool {
    TOO_LARGE.iter().any(|said| why.contains(said))
}

/// An attempt that failed.
#[derive(Debug)]
pub(super) struct Refusal {
    /// What was said; over HTTP, what gRPC would have said.
    pub(super) status: Status,
    /// The header `Retry-After`. gRPC says it in the details of the status.
    pub(super) after: Option<Duration>,
}

/// Why a request was not delivered, in one sentence: what was said, and what a person can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The gRPC code of the last answer; UNAVAILABLE where there was none. Over HTTP, what gRPC
    /// would have said.
    pub code: Code,
    /// What was said with it.
    pub why: String,
    /// How many attempts were made in what time, if that was up; `None` if the server refused, or
    /// will be asked again.
    pub gave_up: Option<(usize, Duration)>,
    /// How the server was spoken to.
    pub wire: Wire,
}

impl Failure {
    pub(super) fn new(status: &Status, wire: Wire) -> Self {
        Self { code: status.code(), why: chain(status), gave_up: None, wire }
    }

    /// Whether nothing but a person can mend it: the server does not know this client, or this way to
    /// it. A single request that it does not take is not meant.
    pub(super) fn is_for_a_person(&self) -> bool {
        use Code::{NotFound, PermissionDenied, Unauthenticated, Unimplemented};
        matches!(self.code, Unauthenticated | PermissionDenied | Unimplemented | NotFound)
    }

    /// What a human can do about it.
    fn advice(&self) -> &'static str {
        if let Some((_, advice)) = OF_TLS.iter().find(|(said, _)| self.why.contains(said)) {
            return advice;
        }
        let other_protocol = match self.wire {
            Wire::Grpc => "is this an OTLP/gRPC port? (4317; 4318 is OTLP/HTTP)",
            Wire::Http(_) => "is this an OTLP/HTTP address? (port 4318, path /v1/traces)",
        };
        if self.why.contains(MOVED) {
            return "give that address";
        }
        if is_of_size(&self.why) {
            return "the answer is larger than 4 MiB, or the request than the server takes (`max_recv_msg_size_mib`)";
        }
        if self.why.contains("frame with invalid size") {
            return other_protocol;
        }
        match self.code {
            Code::Unauthenticated | Code::PermissionDenied => "check the headers",
            Code::Unimplemented | Code::NotFound | Code::Unknown | Code::Internal => other_protocol,
            Code::ResourceExhausted if self.gave_up.is_none() => {
                "the server takes no more for now, or no message as large as this (`max_recv_msg_size_mib`)"
            }
            // A server that answers is there.
            Code::Unavailable if self.why.starts_with("HTTP ") => "the server's log tells more",
            Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled => {
                "is a collector listening there?"
            }
            Code::Ok
            | Code::InvalidArgument
            | Code::AlreadyExists
            | Code::FailedPrecondition
            | Code::ResourceExhausted
            | Code::Aborted
            | Code::OutOfRange
            | Code::DataLoss => "the server's log tells more",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((n, took)) = self.gave_up {
            let attempts = if n == 1 { "attempt" } else { "attempts" };
            write!(f, "gave up after {n} {attempts} in {:.1}s, ", took.as_secs_f64())?;
        }
        f.write_str(&self.why)?;
        if self.wire == Wire::Grpc {
            write!(f, " ({:?})", self.code)?;
        }
        write!(f, "; {}", self.advice())
    }
}

/// What a status says with all its causes, each said once.
pub(super) fn chain(status: &Status) -> String {
    let mut text = String::new();
    let mut say = |cause: &str| {
        // tonic's layers call themselves by this name, and say no more.
        if cause != "transport error" && !text.contains(cause) {
            let separator = if text.is_empty() { "" } else { ": " };
            text.push_str(separator);
            text.push_str(cause);
        }
    };
    say(status.message());
    let mut next = status.source();
    while let Some(error) = next {
        say(&error.to_string());
        next = error.source();
    }
    if text.is_empty() { status.code().description().to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::export::wire::Encoding;

    fn told(code: Code, why: &str, wire: Wire) -> String {
        let gave_up = (code == Code::Unavailable).then_some((6, Duration::from_millis(29_960)));
        Failure { code, why: why.to_owned(), gave_up, wire }.to_string()
    }

    #[test]
    fn a_failure_says_what_was_said_and_what_to_do() {
        let table: String = [
            (Code::Unavailable, "tcp connect error: Connection refused", Wire::Grpc),
            (Code::ResourceExhausted, "too large", Wire::Grpc),
            (Code::Unavailable, "invalid peer certificate: UnknownIssuer", Wire::Grpc),
            (Code::Unavailable, "HTTP 503 Service Unavailable", Wire::Http(Encoding::Proto)),
            (Code::NotFound, "HTTP 404 Not Found", Wire::Http(Encoding::Proto)),
            (
                Code::NotFound,
                "HTTP 301 Moved Permanently: the endpoint has moved to https://h/v1/traces",
                Wire::Http(Encoding::Proto),
            ),
        ]
        .map(|(code, why, wire)| told(code, why, wire) + "\n")
        .concat();
        expect![[r#"
            gave up after 6 attempts in 30.0s, tcp connect error: Connection refused (Unavailable); is a collector listening there?
            too large (ResourceExhausted); the server takes no more for now, or no message as large as this (`max_recv_msg_size_mib`)
            gave up after 6 attempts in 30.0s, invalid peer certificate: UnknownIssuer (Unavailable); nothing that is trusted vouches for the server's certificate: give that of its issuer, or its own if it signs itself, as `tls::ca_file`
            gave up after 6 attempts in 30.0s, HTTP 503 Service Unavailable; the server's log tells more
            HTTP 404 Not Found; is this an OTLP/HTTP address? (port 4318, path /v1/traces)
            HTTP 301 Moved Permanently: the endpoint has moved to https://h/v1/traces; give that address
        "#]]
        .assert_eq(&table);
    }

    #[test]
    fn a_status_without_a_message_is_told_by_its_code() {
        let failure = Failure::new(&Status::aborted(""), Wire::Grpc);
        assert_eq!(failure.why, "The operation was aborted");
    }
}
