//! What an answer of a server means for the spans that were sent.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceResponse;
use prost::Message as _;
use tonic::{Code, Status};

use crate::facts::time::UnixNanos;

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It arrived. It must not be sent again, not even what was rejected.
    Delivered {
        /// How many of its spans the server did not take.
        rejected: usize,
        /// Why, or a warning if none was rejected; often empty.
        message: String,
    },
    /// It may arrive later.
    Retry {
        /// No earlier than this, says the server.
        after: Option<Duration>,
    },
    /// It never will: the same request would get the same answer.
    Drop {
        /// What the server called it.
        code: Code,
    },
}

impl Verdict {
    /// On an answer to a request of `n_spans`.
    #[must_use]
    pub fn of_response(response: ExportTraceServiceResponse, n_spans: usize) -> Self {
        let partial = response.partial_success.unwrap_or_default();
        // More than was sent, or less than nothing, is the server's mistake.
        let rejected = usize::try_from(partial.rejected_spans.max(0)).unwrap_or(n_spans);
        Self::Delivered { rejected: rejected.min(n_spans), message: partial.error_message }
    }

    /// On a failure, by the rules of OTLP: each code is listed, so that none is forgotten.
    #[must_use]
    pub fn of_status(status: &Status) -> Self {
        let after = retry_info(status.details());
        let code = status.code();
        match code {
            Code::Ok => Self::Delivered { rejected: 0, message: String::new() },
            Code::Cancelled
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unavailable
            | Code::DataLoss => Self::Retry { after: after.flatten() },
            // Without a word when to come back it means "too large", and always will.
            Code::ResourceExhausted => match after {
                Some(after) => Self::Retry { after },
                None => Self::Drop { code },
            },
            Code::Unknown
            | Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::PermissionDenied
            | Code::FailedPrecondition
            | Code::Unimplemented
            | Code::Internal
            | Code::Unauthenticated => Self::Drop { code },
        }
    }
}

/// The header `Retry-After`: seconds, or a date (RFC 9110, section 10.2.3).
#[must_use]
pub fn retry_after(text: &str, now: UnixNanos) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::parse(text.trim()).ok()?.timestamp();
    let nanos = i64::try_from(date.as_nanosecond()).ok()?;
    Some(Duration::from_nanos(UnixNanos(nanos).since(now).0.try_into().unwrap_or(0)))
}

/// What a `google.rpc.Status` says, in protobuf or JSON; `None` for what is none.
#[must_use]
pub fn message(body: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Json {
        message: String,
    }
    let json = serde_json::from_slice(body).ok().map(|Json { message }| message);
    json.or_else(|| RpcStatus::decode(body).ok().map(|status| status.message))
        .filter(|message| !message.is_empty())
}

/// `google.rpc.RetryInfo` among the details of a status, and the delay it asks for, if any.
fn retry_info(details: &[u8]) -> Option<Option<Duration>> {
    let status = RpcStatus::decode(details).ok()?;
    let info = status.details.into_iter().find(|any| any.type_url.ends_with(RETRY_INFO))?;
    let delay = RetryInfo::decode(info.value.as_slice()).ok()?.retry_delay.unwrap_or_default();
    let seconds = u64::try_from(delay.seconds).unwrap_or(0);
    let nanos = u32::try_from(delay.nanos).unwrap_or(0).min(999_999_999);
    let delay = Duration::new(seconds, nanos);
    Some((!delay.is_zero()).then_some(delay))
}

const RETRY_INFO: &str = "/google.rpc.RetryInfo";

/// `google.rpc.Status`, as it stands in the trailer `grpc-status-details-bin`.
#[derive(Clone, PartialEq, prost::Message)]
struct RpcStatus {
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Any>,
}

/// `google.protobuf.Any`
#[derive(Clone, PartialEq, prost::Message)]
struct Any {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `google.rpc.RetryInfo`
#[derive(Clone, PartialEq, prost::Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<Delay>,
}

/// `google.protobuf.Duration`
#[derive(Clone, Copy, PartialEq, prost::Message)]
struct Delay {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use expect_test::expect;
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTracePartialSuccess;

    use super::*;

    #[test]
    fn a_server_asks_for_patience_in_seconds_or_until_a_date() {
        let now = UnixNanos::from_seconds(1_792_567_670);
        let seconds = |text| retry_after(text, now).map(|it| it.as_secs());
        assert_eq!(seconds("17"), Some(17));
        assert_eq!(seconds("Wed, 21 Oct 2026 07:28:00 GMT"), Some(10));
        assert_eq!(seconds("Wed, 21 Oct 2015 07:28:00 GMT"), Some(0));
        assert_eq!(seconds("soon"), None);
    }

    #[test]
    fn what_a_status_says_is_found_in_protobuf_and_in_json() {
        let status = RpcStatus { message: "no".to_owned(), details: Vec::new() };
        assert_eq!(message(&status.encode_to_vec()).as_deref(), Some("no"));
        assert_eq!(message(br#"{"code":3,"message":"no"}"#).as_deref(), Some("no"));
        assert_eq!(message(b"<html>"), None);
    }

    fn details(delay: Option<Delay>) -> Vec<u8> {
        let value = RetryInfo { retry_delay: delay }.encode_to_vec();
        let type_url = "type.googleapis.com/google.rpc.RetryInfo".to_owned();
        let other =
            Any { type_url: "type.googleapis.com/google.rpc.Help".to_owned(), value: vec![] };
        RpcStatus { message: String::new(), details: vec![other, Any { type_url, value }] }
            .encode_to_vec()
    }

    #[test]
    fn every_code_is_judged_as_the_protocol_says() {
        let mut table = String::new();
        for code in (0..=16).map(Code::from_i32) {
            let bare = Verdict::of_status(&Status::new(code, ""));
            let delay = Delay { seconds: 7, nanos: 500_000_000 };
            let info = Status::with_details(code, "", details(Some(delay)).into());
            let info = Verdict::of_status(&info);
            writeln!(table, "{:<18} {:<32} {}", format!("{code:?}"), told(&bare), told(&info))
                .unwrap();
        }
        expect![[r#"
            Ok                 delivered, 0 rejected            delivered, 0 rejected
            Cancelled          retry                            retry after 7.5s
            Unknown            drop                             drop
            InvalidArgument    drop                             drop
            DeadlineExceeded   retry                            retry after 7.5s
            NotFound           drop                             drop
            AlreadyExists      drop                             drop
            PermissionDenied   drop                             drop
            ResourceExhausted  drop                             retry after 7.5s
            FailedPrecondition drop                             drop
            Aborted            retry                            retry after 7.5s
            OutOfRange         retry                            retry after 7.5s
            Unimplemented      drop                             drop
            Internal           drop                             drop
            Unavailable        retry                            retry after 7.5s
            DataLoss           retry                            retry after 7.5s
            Unauthenticated    drop                             drop
        "#]]
        .assert_eq(&table);
    }

    fn told(verdict: &Verdict) -> String {
        match verdict {
            Verdict::Delivered { rejected, .. } => format!("delivered, {rejected} rejected"),
            Verdict::Retry { after: None } => "retry".to_owned(),
            Verdict::Retry { after: Some(after) } => format!("retry after {after:?}"),
            Verdict::Drop { .. } => "drop".to_owned(),
        }
    }

    #[test]
    fn details_that_say_nothing_are_no_delay() {
        let judge = |details: Vec<u8>| {
            Verdict::of_status(&Status::with_details(Code::ResourceExhausted, "", details.into()))
        };
        let dropped = Verdict::Drop { code: Code::ResourceExhausted };
        assert_eq!(judge(vec![0xff, 0x01, 0x02]), dropped);
        assert_eq!(
            judge(RpcStatus { message: String::new(), details: vec![] }.encode_to_vec()),
            dropped
        );
        assert_eq!(judge(details(None)), Verdict::Retry { after: None });
        let negative = Delay { seconds: -1, nanos: -1 };
        assert_eq!(judge(details(Some(negative))), Verdict::Retry { after: None });
    }

    #[test]
    fn a_server_cannot_reject_more_than_it_was_sent() {
        let judge = |rejected_spans| {
            let partial_success =
                Some(ExportTracePartialSuccess { rejected_spans, error_message: "why".to_owned() });
            Verdict::of_response(ExportTraceServiceResponse { partial_success }, 5)
        };
        let delivered = |rejected| Verdict::Delivered { rejected, message: "why".to_owned() };
        assert_eq!(judge(0), delivered(0));
        assert_eq!(judge(3), delivered(3));
        assert_eq!(judge(6), delivered(5));
        assert_eq!(judge(-1), delivered(0));
    }
}
