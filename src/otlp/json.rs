//! OTLP as JSON, one document a line: what the Collector's file exporter writes and its file
//! receiver reads. And what a server answers to such a document.

use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message as _;
use serde::Deserialize;
use serde_json::Value;

use super::number;

/// The bytes are not a request, or cannot be told as JSON.
#[derive(Debug, thiserror::Error)]
pub enum JsonError {
    /// The bytes were not written by [`batch`](super::batch), or were damaged since.
    #[error("the stored request is no ExportTraceServiceRequest")]
    NotARequest(#[source] prost::DecodeError),
    /// A value has no form in JSON.
    #[error("cannot write the request as JSON")]
    NotJson(#[source] serde_json::Error),
}

/// `{"resourceSpans":[…]}` of an encoded request, without a line end.
///
/// It starts from the bytes, so that a file and a server are told the same.
///
/// # Errors
/// Tells damaged bytes; those of a [`Request`](super::batch::Request) never fail.
pub fn document(request: &[u8]) -> Result<String, JsonError> {
    let mut request = ExportTraceServiceRequest::decode(request).map_err(JsonError::NotARequest)?;
    // Without these the generated code writes `null`, which strict readers refuse.
    for resource_spans in &mut request.resource_spans {
        resource_spans.resource.get_or_insert_default();
        for scope_spans in &mut resource_spans.scope_spans {
            scope_spans.scope.get_or_insert_default();
            for span in &mut scope_spans.spans {
                span.status.get_or_insert_default();
            }
        }
    }
    serde_json::to_string(&request).map_err(JsonError::NotJson)
}

/// What a server answered to a document. The generated code takes no count that is written as a text,
/// which is how JSON of protobuf writes it.
///
/// # Errors
/// Tells what is no such answer.
pub fn response(answer: &[u8]) -> Result<ExportTraceServiceResponse, serde_json::Error> {
    let Response { partial_success } = serde_json::from_slice(answer)?;
    let partial_success = partial_success.map(|it| ExportTracePartialSuccess {
        rejected_spans: it.rejected_spans.unwrap_or_default().0,
        error_message: it.error_message.unwrap_or_default(),
    });
    Ok(ExportTraceServiceResponse { partial_success })
}

/// `ExportTraceServiceResponse`; what is `null` is not there.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Response {
    partial_success: Option<Partial>,
}

/// `ExportTracePartialSuccess`
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Partial {
    rejected_spans: Option<Whole>,
    error_message: Option<String>,
}

/// An int64.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(try_from = "Value")]
struct Whole(i64);

impl TryFrom<Value> for Whole {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        number::whole(&value).map(Self).ok_or_else(|| format!("{value} is no whole number"))
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect_file;

    use super::*;
    use crate::otlp::{batch, sample};

    #[test]
    fn a_trace_is_written_as_the_protocol_says() {
        let request = batch::request(&sample::trace());
        let document = document(&request.bytes).unwrap();
        assert!(!document.contains('\n'), "one document a line");
        let value: Value = serde_json::from_str(&document).unwrap();
        let pretty = serde_json::to_string_pretty(&value).unwrap() + "\n";
        expect_file!["../../tests/golden/otlp/trace.json"].assert_eq(&pretty);
    }

    #[test]
    fn a_document_reads_back_as_the_request() {
        let request = batch::request(&sample::trace());
        let document = document(&request.bytes).unwrap();
        let mut read: ExportTraceServiceRequest = serde_json::from_str(&document).unwrap();
        let scopes = read.resource_spans.iter_mut().flat_map(|it| &mut it.scope_spans);
        for span in scopes.flat_map(|scope| &mut scope.spans) {
            span.status = span.status.take().filter(|status| status.code != 0);
        }
        assert_eq!(read.encode_to_vec(), request.bytes);
    }

    /// <https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding>
    #[test]
    fn the_rules_of_the_json_mapping_hold_everywhere() {
        fn walk(key: &str, value: &Value) {
            let is_name = key.chars().all(|c| c.is_ascii_alphanumeric());
            assert!(is_name && key.starts_with(|c: char| c.is_ascii_lowercase()), "{key}");
            let is_string = |fits: fn(char) -> bool| {
                let text = value.as_str().unwrap_or_else(|| panic!("{key}: {value}"));
                assert!(text.chars().all(fits), "{key}: {text}");
            };
            match key {
                "traceId" | "spanId" | "parentSpanId" => {
                    is_string(|c| c.is_ascii_digit() || ('a'..='f').contains(&c));
                }
                "startTimeUnixNano" | "endTimeUnixNano" | "timeUnixNano" | "intValue" => {
                    is_string(|c| c.is_ascii_digit() || c == '-');
                }
                "kind" | "code" | "flags" => assert!(value.is_u64(), "{key}: {value}"),
                _ => assert!(!value.is_null(), "{key}"),
            }
            for item in value.as_array().into_iter().flatten() {
                walk("item", item);
            }
            for (key, value) in value.as_object().into_iter().flatten() {
                walk(key, value);
            }
        }
        let request = batch::request(&sample::trace());
        let value = serde_json::from_str(&document(&request.bytes).unwrap()).unwrap();
        walk("document", &value);
    }

    #[test]
    fn an_answer_is_read_however_a_server_writes_its_count() {
        let read = |answer: &str| {
            let partial = response(answer.as_bytes()).map_err(|error| error.to_string())?;
            let partial = partial.partial_success.unwrap_or_default();
            Ok::<_, String>((partial.rejected_spans, partial.error_message))
        };
        let told = |count: &str| {
            let partial = r#"{"rejectedSpans":COUNT,"errorMessage":"why","new":[]}"#;
            let partial = partial.replace("COUNT", count);
            read(&format!(r#"{{"partialSuccess":{partial},"new":{{}}}}"#))
        };
        for (count, n) in [("\"2\"", 2), ("2", 2), ("2e0", 2), ("null", 0), ("\"0\"", 0)] {
            assert_eq!(told(count), Ok((n, "why".to_owned())), "{count}");
        }
        for none in ["{}", r#"{"partialSuccess":null}"#, r#"{"partialSuccess":{}}"#] {
            assert_eq!(read(none), Ok((0, String::new())), "{none}");
        }
        assert!(told("\"two\"").unwrap_err().starts_with("\"two\" is no whole number"));
        assert!(read("<html>").is_err());
    }

    #[test]
    fn damaged_bytes_are_told() {
        let error = document(&[0x0a, 0xff]).unwrap_err();
        assert_eq!(error.to_string(), "the stored request is no ExportTraceServiceRequest");
    }
}
