//! OTLP as JSON, one document a line: what the Collector's file exporter writes and its file
//! receiver reads.

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message as _;

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

#[cfg(test)]
mod tests {
    use expect_test::expect_file;
    use serde_json::Value;

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
    fn damaged_bytes_are_told() {
        let error = document(&[0x0a, 0xff]).unwrap_err();
        assert_eq!(error.to_string(), "the stored request is no ExportTraceServiceRequest");
    }
}
