//! Why a request was not carried out, and what an API server says when it refuses: the `Status`
//! object and its headers; pure.

use std::time::Duration;

use serde::Deserialize;

use crate::kinds::protobuf::{MAGIC, message, peek};

/// No message of a server is told at greater length.
const MAX_MESSAGE: usize = 400;

/// Why a request was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    /// The server refused, or said so in the middle of a watch.
    #[error("{}", format!("{code} {message}").trim_end())]
    Refused {
        /// The HTTP status, or the code of the Status object in the stream.
        code: u16,
        /// What the server said about it.
        message: String,
        /// What it asked to wait.
        retry_after: Option<Duration>,
    },
    /// The server cannot be reached, or did not answer.
    #[error("{0}")]
    Unreachable(String),
    /// The server broke off in the middle, or talks nonsense.
    #[error("{0}")]
    Broken(String),
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status {
    message: String,
    reason: String,
    code: u16,
    details: Option<Details>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Details {
    retry_after_seconds: u64,
}

message!(<'a> Status { 3 message, 4 reason, 5 details, 6 code });
message!(<'a> Details { 5 retry_after_seconds });

/// What an answer with an error status means. `asked` is what its header `Retry-After` asks to wait.
#[must_use]
pub fn refused(code: u16, asked: Option<Duration>, body: &[u8]) -> Failed {
    let status: Status = peek(body).unwrap_or_default();
    let message = match (status.message.as_str(), status.reason.as_str()) {
        ("", "") if body.starts_with(MAGIC) => String::new(),
        ("", "") => String::from_utf8_lossy(body.get(..MAX_MESSAGE).unwrap_or(body)).into_owned(),
        ("", reason) => reason.to_owned(),
        (message, _) => message.chars().take(MAX_MESSAGE).collect(),
    };
    let told = status.details.map(|it| it.retry_after_seconds).filter(|seconds| *seconds > 0);
    let retry_after = asked.or(told.map(Duration::from_secs));
    Failed::Refused { code, message: message.trim().to_owned(), retry_after }
}

/// What an `ERROR` in the middle of a watch means; its object is a `Status`.
#[must_use]
pub fn error(object: &[u8]) -> Failed {
    let status: Status = peek(object).unwrap_or_default();
    // Older servers tell of an expired version by its reason alone.
    let code = match (status.code, status.reason.as_str()) {
        (_, "Expired" | "Gone") => 410,
        (0, _) => 500,
        (code, _) => code,
    };
    refused(code, None, object)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_in_the_words_of_the_server() {
        let cases = [
            (
                r#"{"kind":"Status","message":"pods is forbidden","code":403}"#,
                403,
                None,
                "403 pods is forbidden",
                None,
            ),
            (
                r#"{"message":"slow down","details":{"retryAfterSeconds":3}}"#,
                429,
                None,
                "429 slow down",
                Some(3),
            ),
            ("", 503, Some(17), "503", Some(17)),
            (
                r#"{"message":"slow down","details":{"retryAfterSeconds":3}}"#,
                429,
                Some(1),
                "429 slow down",
                Some(1),
            ),
            ("upstream connect error", 502, None, "502 upstream connect error", None),
            (r#"{"reason":"Timeout"}"#, 504, None, "504 Timeout", None),
        ];
        for (body, code, header, message, seconds) in cases {
            let failed = refused(code, header.map(Duration::from_secs), body.as_bytes());
            assert_eq!(failed.to_string(), message);
            let Failed::Refused { code: of, retry_after, .. } = failed else { panic!("{body}") };
            assert_eq!((of, retry_after), (code, seconds.map(Duration::from_secs)));
        }
    }

    #[test]
    fn an_expired_version_is_gone_whichever_way_it_is_told() {
        for object in [
            r#"{"code":410,"reason":"Expired","message":"too old resource version"}"#,
            r#"{"code":410,"reason":"Gone"}"#,
            r#"{"reason":"Expired"}"#,
        ] {
            assert!(
                matches!(error(object.as_bytes()), Failed::Refused { code: 410, .. }),
                "{object}"
            );
        }
        assert!(matches!(error(b"{}"), Failed::Refused { code: 500, .. }));
    }

    #[test]
    fn no_message_is_told_without_bound() {
        let long = format!(r#"{{"message":"{}"}}"#, "x".repeat(100_000));
        let Failed::Refused { message, .. } = refused(500, None, long.as_bytes()) else { panic!() };
        assert!(message.len() < 500);
    }
}
