//! What the debug exporter says of a request, in the layout of the Collector's debug exporter;
//! pure.

use crate::text::{put, putln};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use super::settings::Verbosity;
use crate::otlp::json::JsonError;

/// Kinds as the Collector names them, by their number in OTLP.
const KINDS: [&str; 6] = ["Unspecified", "Internal", "Server", "Client", "Producer", "Consumer"];

/// Codes of a status as the Collector names them, by their number in OTLP.
const CODES: [&str; 3] = ["Unset", "Ok", "Error"];

/// What is said about a request, with line ends.
///
/// # Errors
/// The bytes are no request.
pub fn text(request: &[u8], verbosity: Verbosity) -> Result<String, JsonError> {
    let request = ExportTraceServiceRequest::decode(request).map_err(JsonError::NotARequest)?;
    let n_spans: usize =
        request.resource_spans.iter().flat_map(|it| &it.scope_spans).map(|it| it.spans.len()).sum();
    let mut out = format!(
        "Traces\t{{\"resource spans\": {}, \"spans\": {n_spans}}}\n",
        request.resource_spans.len()
    );
    if verbosity == Verbosity::Basic {
        return Ok(out);
    }
    for (n, resource_spans) in request.resource_spans.iter().enumerate() {
        let resource = resource_spans.resource.as_ref();
        let attributes = resource.map(|it| it.attributes.as_slice()).unwrap_or_default();
        match verbosity {
            Verbosity::Detailed => {
                let schema = &resource_spans.schema_url;
                putln!(out, "ResourceSpans #{n}\nResource SchemaURL: {schema}");
            }
            Verbosity::Basic | Verbosity::Normal => {
                putln!(out, "ResourceTraces #{n} {}", inline(attributes));
            }
        };
        if verbosity == Verbosity::Detailed {
            list(&mut out, "Resource attributes:", attributes);
        }
        for (n, scope_spans) in resource_spans.scope_spans.iter().enumerate() {
            let scope = scope_spans.scope.clone().unwrap_or_default();
            match verbosity {
                Verbosity::Detailed => putln!(
                    out,
                    "ScopeSpans #{n}\nScopeSpans SchemaURL: {}\nInstrumentationScope {} {}",
                    scope_spans.schema_url,
                    scope.name,
                    scope.version
                ),
                Verbosity::Basic | Verbosity::Normal => {
                    putln!(out, "ScopeTraces #{n} {}@{}", scope.name, scope.version);
                }
            };
            for (n, span) in scope_spans.spans.iter().enumerate() {
                match verbosity {
                    Verbosity::Detailed => detailed(&mut out, n, span),
                    Verbosity::Basic | Verbosity::Normal => {
                        let (trace, id) = (hex(&span.trace_id), hex(&span.span_id));
                        putln!(out, "{} {trace} {id} {}", span.name, inline(&span.attributes));
                    }
                }
            }
        }
    }
    Ok(out)
}

fn detailed(out: &mut String, n: usize, span: &Span) {
    let status = span.status.clone().unwrap_or_default();
    let named = |names: &[&'static str], number: i32| {
        usize::try_from(number).ok().and_then(|at| names.get(at).copied()).unwrap_or("Unknown")
    };
    put!(
        out,
        "Span #{n}\n    Trace ID       : {}\n    Parent ID      : {}\n    ID             : {}\n    \
         Name           : {}\n    Kind           : {}\n    Start time     : {}\n    \
         End time       : {}\n    Status code    : {}\n    Status message : {}\n",
        hex(&span.trace_id),
        hex(&span.parent_span_id),
        hex(&span.span_id),
        span.name,
        named(&KINDS, span.kind),
        time(span.start_time_unix_nano),
        time(span.end_time_unix_nano),
        named(&CODES, status.code),
        status.message,
    );
    list(out, "Attributes:", &span.attributes);
    if !span.events.is_empty() {
        out.push_str("Events:\n");
    }
    for (n, event) in span.events.iter().enumerate() {
        let (name, at) = (&event.name, time(event.time_unix_nano));
        putln!(out, "SpanEvent #{n}\n     -> Name: {name}\n     -> Timestamp: {at}");
        list(out, "     -> Attributes::", &event.attributes);
    }
    if !span.links.is_empty() {
        out.push_str("Links:\n");
    }
    for (n, link) in span.links.iter().enumerate() {
        let (trace, id) = (hex(&link.trace_id), hex(&link.span_id));
        let state = &link.trace_state;
        putln!(
            out,
            "SpanLink #{n}\n     -> Trace ID: {trace}\n     -> ID: {id}\n     -> TraceState: {state}"
        );
        list(out, "     -> Attributes::", &link.attributes);
    }
}

fn list(out: &mut String, title: &str, attributes: &[KeyValue]) {
    if attributes.is_empty() {
        return;
    }
    putln!(out, "{title}");
    for attribute in attributes {
        putln!(out, "     -> {}: {}", attribute.key, typed(attribute.value.as_ref()));
    }
}

fn inline(attributes: &[KeyValue]) -> String {
    let pairs: Vec<_> =
        attributes.iter().map(|it| format!("{}={}", it.key, plain(it.value.as_ref()))).collect();
    pairs.join(" ")
}

fn typed(value: Option<&AnyValue>) -> String {
    let name = match value.and_then(|value| value.value.as_ref()) {
        None => return "Empty()".to_owned(),
        Some(Value::StringValue(_) | Value::StringValueStrindex(_)) => "Str",
        Some(Value::BoolValue(_)) => "Bool",
        Some(Value::IntValue(_)) => "Int",
        Some(Value::DoubleValue(_)) => "Double",
        Some(Value::ArrayValue(_)) => "Slice",
        Some(Value::KvlistValue(_)) => "Map",
        Some(Value::BytesValue(_)) => "Bytes",
    };
    format!("{name}({})", plain(value))
}

fn plain(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        None | Some(Value::StringValueStrindex(_)) => String::new(),
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::BoolValue(it)) => it.to_string(),
        Some(Value::IntValue(it)) => it.to_string(),
        Some(Value::DoubleValue(it)) => it.to_string(),
        Some(Value::ArrayValue(array)) => {
            let items = array.values.iter().map(|it| format!("{:?}", plain(Some(it))));
            format!("[{}]", items.collect::<Vec<_>>().join(","))
        }
        Some(Value::KvlistValue(list)) => format!("{{{}}}", inline(&list.values)),
        Some(Value::BytesValue(bytes)) => hex(bytes),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        put!(out, "{byte:02x}");
        out
    })
}

fn time(nanos: u64) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(nanos)).map_or_else(
        |_| nanos.to_string(),
        |at| format!("{at:.9}").replace('T', " ").replace('Z', " +0000 UTC"),
    )
}

#[cfg(test)]
mod tests {
    use expect_test::expect_file;

    use super::*;
    use crate::otlp::{batch, sample};

    #[test]
    fn a_trace_is_told_at_each_verbosity_as_the_collector_tells_it() {
        let request = batch::request(&sample::trace());
        let told = |verbosity| text(&request.bytes, verbosity).unwrap();
        let all =
            [Verbosity::Basic, Verbosity::Normal, Verbosity::Detailed].map(told).join("----\n");
        expect_file!["../../tests/golden/otlp/debug.txt"].assert_eq(&all);
    }
}
