//! What an API server says when it refuses: the `Status` object and its headers; pure.

use std::time::Duration;

use serde::Deserialize;

use super::course::Ended;

/// No message of a server is told at greater length.
const MAX_MESSAGE: usize = 400;

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

/// What an answer with an error status means. `retry_after` is the header of that name.
#[must_use]
pub fn refused(code: u16, retry_after: Option<&str>, body: &[u8]) -> Ended {
    let status: Status = serde_json::from_slice(body).unwrap_or_default();
    let message = match (status.message.as_str(), status.reason.as_str()) {
        ("", "") => String::from_utf8_lossy(body.get(..MAX_MESSAGE).unwrap_or(body)).into_owned(),
        ("", reason) => reason.to_owned(),
        (message, _) => message.chars().take(MAX_MESSAGE).collect(),
    };
    let asked = retry_after.and_then(|text| text.trim().parse().ok());
    let told = status.details.map(|it| it.retry_after_seconds).filter(|seconds| *seconds > 0);
    let message = format!("{code} {}", message.trim());
    let retry_after = asked.or(told).map(Duration::from_secs);
    Ended::Refused { code, message: message.trim_end().to_owned(), retry_after }
}

/// What an `ERROR` in the middle of a watch means; its object is a `Status`.
#[must_use]
pub fn error(object: &[u8]) -> Ended {
    let status: Status = serde_json::from_slice(object).unwrap_or_default();
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
            ("", 503, Some("17"), "503", Some(17)),
            (
                "upstream connect error",
                502,
                Some("Wed, 21 Oct 2026 07:28:00 GMT"),
                "502 upstream connect error",
                None,
            ),
            (r#"{"reason":"Timeout"}"#, 504, None, "504 Timeout", None),
        ];
        for (body, code, header, message, seconds) in cases {
            let expected = Ended::Refused {
                code,
                message: message.to_owned(),
                retry_after: seconds.map(Duration::from_secs),
            };
            assert_eq!(refused(code, header, body.as_bytes()), expected);
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
                matches!(error(object.as_bytes()), Ended::Refused { code: 410, .. }),
                "{object}"
            );
        }
        assert!(matches!(error(b"{}"), Ended::Refused { code: 500, .. }));
    }

    #[test]
    fn no_message_is_told_without_bound() {
        let long = format!(r#"{{"message":"{}"}}"#, "x".repeat(100_000));
        let Ended::Refused { message, .. } = refused(500, None, long.as_bytes()) else { panic!() };
        assert!(message.len() < 500);
    }
}
