//! What can go wrong, each in one sentence: what, with which endpoint, what to do.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tonic::{Code, Status};

use super::Sent;

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
    /// The CA file cannot be read.
    #[error("cannot read the CA file `{path}`")]
    CaFileUnreadable {
        /// Its path.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The CA file is something else.
    #[error(
        "the CA file `{0}` holds no certificate: it must be PEM, `-----BEGIN CERTIFICATE-----`"
    )]
    CaFileEmpty(PathBuf),
    /// TLS cannot be set up.
    #[error("cannot set up TLS to `{endpoint}`")]
    Tls {
        /// The endpoint.
        endpoint: String,
        /// Why.
        #[source]
        source: tonic::transport::Error,
    },
    /// TLS over HTTP cannot be set up.
    #[error("cannot set up TLS to `{endpoint}`: {problem}")]
    HttpTls {
        /// The endpoint.
        endpoint: String,
        /// Why.
        problem: String,
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

/// Spans were dropped.
#[derive(Debug)]
pub struct ExportError {
    endpoint: String,
    sent: Box<Sent>,
    failure: Failure,
}

/// Why a request was not delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The gRPC code of the last answer; UNAVAILABLE where there was none.
    pub code: Code,
    /// What was said with it.
    pub why: String,
    /// Whether time was up; else the server refused.
    pub gave_up: bool,
    /// How many attempts were made.
    pub n_attempts: usize,
    /// How long that took.
    pub took: Duration,
}

const OTHER_PROTOCOL: &str = "is this an OTLP/gRPC port? (4317; 4318 is OTLP/HTTP)";

impl Failure {
    pub(super) fn new(status: &Status, gave_up: bool, n_attempts: usize, took: Duration) -> Self {
        Self { code: status.code(), why: chain(status), gave_up, n_attempts, took }
    }

    /// What a human can do about it.
    fn advice(&self) -> &'static str {
        if self.why.contains("certificate") || self.why.contains("InvalidContentType") {
            return "check `tls`: the CA file, the server's name, or whether the server speaks TLS";
        }
        if self.why.contains("frame with invalid size") {
            return OTHER_PROTOCOL;
        }
        match self.code {
            Code::Unauthenticated | Code::PermissionDenied => "check the headers",
            Code::Unimplemented | Code::NotFound | Code::Unknown | Code::Internal => OTHER_PROTOCOL,
            Code::ResourceExhausted if !self.gave_up => {
                "let the server take larger messages (`max_recv_msg_size_mib`)"
            }
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

impl ExportError {
    pub(super) fn new(endpoint: &str, sent: Sent, failure: Failure) -> Self {
        Self { endpoint: endpoint.to_owned(), sent: Box::new(sent), failure }
    }

    /// What became of each span.
    #[must_use]
    pub fn sent(&self) -> &Sent {
        &self.sent
    }

    /// The first request that was not delivered.
    #[must_use]
    pub fn failure(&self) -> &Failure {
        &self.failure
    }
}

impl fmt::Display for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { endpoint, sent, failure } = self;
        let (dropped, total) = (sent.dropped(), sent.total());
        write!(f, "{dropped} of {total} spans were not delivered to `{endpoint}`: ")?;
        if failure.gave_up {
            let (n, seconds) = (failure.n_attempts, failure.took.as_secs_f64());
            let attempts = if n == 1 { "attempt" } else { "attempts" };
            write!(f, "gave up after {n} {attempts} in {seconds:.1}s, ")?;
        }
        write!(f, "{} ({:?}); {}", failure.why, failure.code, failure.advice())
    }
}

impl Error for ExportError {}

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
    use super::*;

    fn told(code: Code, why: &str, gave_up: bool) -> String {
        let (sent, refused) = (40, 2);
        let sent = Sent { sent, refused, ..Sent::default() };
        let took = Duration::from_millis(29_960);
        let failure = Failure { code, why: why.to_owned(), gave_up, n_attempts: 6, took };
        ExportError::new("http://localhost:4317", sent, failure).to_string()
    }

    #[test]
    fn an_error_says_what_where_and_what_to_do() {
        assert_eq!(
            told(Code::Unavailable, "tcp connect error: Connection refused", true),
            "2 of 42 spans were not delivered to `http://localhost:4317`: gave up after 6 attempts \
             in 30.0s, tcp connect error: Connection refused (Unavailable); is a collector \
             listening there?"
        );
        assert_eq!(
            told(Code::ResourceExhausted, "too large", false),
            "2 of 42 spans were not delivered to `http://localhost:4317`: too large \
             (ResourceExhausted); let the server take larger messages (`max_recv_msg_size_mib`)"
        );
        assert_eq!(
            told(Code::Unavailable, "invalid peer certificate: UnknownIssuer", true)
                .split_once("; ")
                .map(|(_, advice)| advice.to_owned()),
            Some(
                "check `tls`: the CA file, the server's name, or whether the server speaks TLS"
                    .to_owned()
            )
        );
    }

    #[test]
    fn a_status_without_a_message_is_told_by_its_code() {
        let failure = Failure::new(&Status::aborted(""), false, 1, Duration::ZERO);
        assert_eq!(failure.why, "The operation was aborted");
    }
}
