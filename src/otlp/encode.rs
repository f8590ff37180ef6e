//! One span, one resource: from our values to the bytes of OTLP.
//!
//! [`batch`](super::batch) puts them together to requests.

use super::wire::Message;
use crate::facts::span::{Attribute, FinishedSpan, Link, LinkReason, Resource, Value};

/// The semantic conventions that our registered attributes follow.
pub const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.44.0";

/// The name of our instrumentation scope.
pub const SCOPE_NAME: &str = "lifespan";

/// The version of our instrumentation scope.
pub const SCOPE_VERSION: &str = env!("CARGO_PKG_VERSION");

/// At most this many attributes, events and links a span, and attributes an event (the limits
/// of OpenTelemetry's SDKs). What is over is counted in the span.
pub const MAX_ENTRIES: usize = 128;

const SAMPLED: u32 = 0x01;
/// Honest, because ids are cut from a cryptographic hash.
const RANDOM: u32 = 0x02;
const HAS_IS_REMOTE: u32 = 0x100;
const IS_REMOTE: u32 = 0x200;

const KIND_INTERNAL: u32 = 1;
const KIND_CONSUMER: u32 = 5;
const STATUS_ERROR: u32 = 2;

/// Appends `opentelemetry.proto.trace.v1.Span`, without a key or a length.
///
/// What it appends is the size of the span: nothing is counted beforehand.
pub fn span(span: &FinishedSpan, out: &mut Vec<u8>) {
    let FinishedSpan {
        trace_id,
        span_id,
        parent,
        remote_parent,
        trace_state,
        is_random,
        name,
        is_consumer,
        start,
        end,
        object: _,
        container: _,
        outcome: _,
        error,
        attributes,
        events,
        links,
        dropped_events,
        dropped_links,
        n_outliving: _,
        resource: _,
    } = span;
    let mut message = Message::at_end_of(out);
    message.bytes(1, &trace_id.0);
    message.bytes(2, &span_id.0);
    if let Some(state) = trace_state {
        message.bytes(3, state.as_bytes());
    }
    if let Some(parent) = parent.or(remote_parent.map(|remote| remote.span_id)) {
        message.bytes(4, &parent.0);
    }
    message.bytes(5, name.as_bytes());
    message.number(6, if *is_consumer { KIND_CONSUMER } else { KIND_INTERNAL });
    message.fixed64(7, start.unsigned());
    message.fixed64(8, end.unsigned());
    write_attributes(&mut message, 9, 10, attributes);
    for event in events.iter().take(MAX_ENTRIES) {
        message.message(11, |message| {
            message.fixed64(1, event.at.unsigned());
            message.bytes(2, event.name.as_bytes());
            write_attributes(message, 3, 4, &event.attributes);
        });
    }
    message.number(12, dropped_events.saturating_add(surplus(events.len())));
    for link in links.iter().take(MAX_ENTRIES) {
        message.message(13, |message| write_link(message, link));
    }
    message.number(14, dropped_links.saturating_add(surplus(links.len())));
    if let Some((_, sentence)) = error {
        message.message(15, |message| {
            message.bytes(2, sentence.as_bytes());
            message.number(3, STATUS_ERROR);
        });
    }
    let random = if *is_random { RANDOM } else { 0 };
    let remote = if remote_parent.is_some() { IS_REMOTE } else { 0 };
    message.fixed32(16, SAMPLED | random | HAS_IS_REMOTE | remote);
}

/// Appends `opentelemetry.proto.resource.v1.Resource`, without a key or a length.
pub fn resource(resource: &Resource, out: &mut Vec<u8>) {
    let mut message = Message::at_end_of(out);
    for attribute in &resource.attributes {
        message.message(1, |message| write_attribute(message, attribute));
    }
}

fn write_link(message: &mut Message<'_>, link: &Link) {
    let Link { trace_id, span_id, trace_state, flags, reason, found, is_uncertain } = link;
    message.bytes(1, &trace_id.0);
    message.bytes(2, &span_id.0);
    message.bytes(3, trace_state.as_deref().unwrap_or_default().as_bytes());
    write_pair(message, 4, "lifespan.link.reason", reason.name());
    if let Some(found) = found {
        write_pair(message, 4, "lifespan.context.found", found);
    }
    if *is_uncertain {
        let uncertain = ("lifespan.context.uncertain", Value::Bool(true));
        message.message(4, |message| write_attribute(message, &uncertain));
    }
    let remote = match reason {
        LinkReason::Stamp => IS_REMOTE,
        LinkReason::Supersedes | LinkReason::Resumes | LinkReason::Follows => 0,
    };
    message.fixed32(6, u32::from(*flags) | HAS_IS_REMOTE | remote);
}

fn write_attributes(message: &mut Message<'_>, tag: u32, dropped_tag: u32, all: &[Attribute]) {
    for attribute in all.iter().take(MAX_ENTRIES) {
        message.message(tag, |message| write_attribute(message, attribute));
    }
    message.number(dropped_tag, surplus(all.len()));
}

/// `KeyValue`.
fn write_attribute(message: &mut Message<'_>, (key, value): &Attribute) {
    message.bytes(1, key.as_bytes());
    message.message(2, |message| match value {
        Value::Str(text) => message.given_bytes(1, text.as_bytes()),
        Value::Bool(truth) => message.given_number(2, u64::from(*truth)),
        Value::Int(number) => message.given_number(3, number.cast_unsigned()),
        Value::List(texts) => message.message(5, |message| {
            for text in texts {
                message.message(1, |message| message.given_bytes(1, text.as_bytes()));
            }
        }),
    });
}

/// A `KeyValue` of borrowed text.
fn write_pair(message: &mut Message<'_>, tag: u32, key: &str, text: &str) {
    message.message(tag, |message| {
        message.bytes(1, key.as_bytes());
        message.message(2, |message| message.given_bytes(1, text.as_bytes()));
    });
}

/// How many of `len` entries are left out.
fn surplus(len: usize) -> u32 {
    u32::try_from(len.saturating_sub(MAX_ENTRIES)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use opentelemetry_proto::tonic::common::v1::KeyValue;
    use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
    use opentelemetry_proto::tonic::trace::v1 as proto;
    use proptest::prelude::*;
    use prost::Message as _;

    use super::*;
    use crate::facts::ids::{SpanId, TraceId};
    use crate::facts::span::SpanEvent;
    use crate::facts::time::UnixNanos;
    use crate::otlp::sample;

    fn read(finished: &FinishedSpan) -> proto::Span {
        let mut bytes = Vec::new();
        span(finished, &mut bytes);
        let read = proto::Span::decode(bytes.as_slice()).unwrap();
        assert_eq!(read.encode_to_vec(), bytes, "prost writes other bytes");
        read
    }

    #[test]
    fn a_root_has_no_parent_and_a_child_has_one() {
        let trace = sample::trace();
        let (root, child) = (read(&trace[0]), read(&trace[1]));
        assert_eq!(root.parent_span_id, Vec::<u8>::new());
        assert_eq!(child.parent_span_id, root.span_id);
        assert_eq!(child.trace_id, root.trace_id);
        assert_eq!((root.kind(), child.kind()), {
            use proto::span::SpanKind;
            (SpanKind::Consumer, SpanKind::Internal)
        });
    }

    #[test]
    fn flags_say_sampled_random_and_whether_the_context_came_from_elsewhere() {
        let root = read(&sample::trace()[0]);
        assert_eq!(root.flags, 0x103);
        let links: Vec<_> = root.links.iter().map(|link| link.flags).collect();
        assert_eq!(links, [0x301, 0x103]);
    }

    #[test]
    fn what_is_over_the_limits_is_counted() {
        let mut finished = sample::trace().swap_remove(0);
        finished.attributes = vec![("lifespan.reason", Value::Int(1)); 130];
        let event = SpanEvent {
            at: finished.start,
            name: "Pulled".into(),
            attributes: finished.attributes.clone(),
        };
        finished.events = vec![event; 129];
        finished.dropped_events = 4;
        finished.links = vec![finished.links[0].clone(); 131];
        let read = read(&finished);
        assert_eq!((read.attributes.len(), read.dropped_attributes_count), (128, 2));
        assert_eq!((read.events.len(), read.dropped_events_count), (128, 5));
        assert_eq!((read.links.len(), read.dropped_links_count), (128, 3));
        let event = &read.events[0];
        assert_eq!((event.attributes.len(), event.dropped_attributes_count), (128, 2));
    }

    #[test]
    fn only_an_error_has_a_status() {
        let trace = sample::trace();
        assert_eq!(read(&trace[0]).status, None);
        let status = read(&trace[2]).status.unwrap();
        assert_eq!(status.code(), proto::status::StatusCode::Error);
        assert_eq!(status.message, trace[2].error.as_ref().unwrap().1);
    }

    fn value() -> impl Strategy<Value = Value> {
        prop_oneof![
            ".{0,200}".prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            prop::collection::vec(".{0,40}", 0..5).prop_map(Value::from),
        ]
    }

    /// What an attribute says, in our own type.
    fn back(read: &KeyValue) -> Value {
        let value = read.value.as_ref().unwrap().value.as_ref().unwrap();
        if let Any::StringValue(text) = value {
            Value::from(text.clone())
        } else if let Any::IntValue(number) = value {
            Value::from(*number)
        } else if let Any::BoolValue(truth) = value {
            Value::from(*truth)
        } else if let Any::ArrayValue(array) = value {
            let texts = array.values.iter().map(|each| match &each.value {
                Some(Any::StringValue(text)) => text.clone(),
                other => panic!("{other:?}"),
            });
            Value::from(texts.collect::<Vec<_>>())
        } else {
            panic!("{value:?}")
        }
    }

    proptest! {
        #[test]
        fn prost_reads_back_what_was_written(
            trace_id in any::<[u8; 16]>(), span_id in any::<[u8; 8]>(), parent in any::<Option<[u8; 8]>>(),
            name in ".{0,300}", start in any::<i64>(), end in any::<i64>(),
            values in prop::collection::vec(value(), 0..20), error in any::<Option<String>>(),
        ) {
            let mut finished = sample::trace().swap_remove(0);
            finished.trace_id = TraceId(trace_id);
            finished.span_id = SpanId(span_id);
            finished.parent = parent.map(SpanId);
            finished.name = Cow::Owned(name);
            finished.start = UnixNanos(start);
            finished.end = UnixNanos(end);
            finished.attributes = values.into_iter().map(|value| ("lifespan.reason", value)).collect();
            finished.error = error.map(|sentence| ("Error".to_owned(), sentence));
            let read = read(&finished);
            prop_assert_eq!(&read.trace_id, &trace_id);
            prop_assert_eq!(&read.span_id, &span_id);
            prop_assert_eq!(&read.parent_span_id, &parent.map(Vec::from).unwrap_or_default());
            prop_assert_eq!(&read.name, &finished.name);
            prop_assert_eq!(read.start_time_unix_nano, u64::try_from(start).unwrap_or(0));
            prop_assert_eq!(read.end_time_unix_nano, u64::try_from(end).unwrap_or(0));
            prop_assert_eq!(read.status.map(|status| status.message), finished.error.map(|(_, sentence)| sentence));
            for (read, (key, value)) in read.attributes.iter().zip(&finished.attributes) {
                prop_assert_eq!(&read.key, key);
                prop_assert_eq!(&back(read), value);
            }
            prop_assert_eq!(read.attributes.len(), finished.attributes.len());
        }
    }
}
