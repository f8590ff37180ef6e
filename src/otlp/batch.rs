//! Splits spans into requests that a server takes.
//!
//! gRPC servers refuse messages that are over 4 MiB once decompressed, and a refused request is
//! lost as a whole. So requests are cut by their uncompressed size.

mod split;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use prost::bytes::Bytes;

pub use self::split::split;
use super::encode::{self, SCHEMA_URL, SCOPE_NAME, SCOPE_VERSION};
use super::wire::{Message, field_len};
use crate::facts::span::{FinishedSpan, Resource};

/// Requests stay below this size, uncompressed: 3.5 MiB, with room to the usual 4 MiB.
pub const MAX_REQUEST_BYTES: usize = 7 * 512 * 1024;

/// An encoded `ExportTraceServiceRequest`. It is resent byte for byte.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// The message; a clone shares it.
    pub bytes: Bytes,
    /// How many spans are in it, 1 or more.
    pub n_spans: usize,
    /// A single span that is larger than the limit: it goes alone, and a server may refuse it.
    pub is_oversized: bool,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { bytes, n_spans, is_oversized } = self;
        write!(f, "Request({n_spans} spans, {} bytes", bytes.len())?;
        f.write_str(if *is_oversized { ", oversized)" } else { ")" })
    }
}

/// Cuts `spans` into requests of at most `max_bytes`, in order, one at a time.
///
/// Each request holds a run of `spans`; within it spans are grouped by resource, both in the
/// order of their first appearance.
#[must_use]
pub fn requests(spans: &[FinishedSpan], max_bytes: usize) -> Requests<'_> {
    Requests { spans, max_bytes, encoded: Vec::new() }
}

/// All of `spans` in one request, whatever its size.
#[must_use]
pub fn request(spans: &[FinishedSpan]) -> Request {
    let mut draft = Draft::default();
    let mut encoded = Vec::new();
    for span in spans {
        encoded.clear();
        encode::span(span, &mut encoded);
        let group = draft.group(&span.resource);
        draft.push(group, &encoded);
    }
    draft.finish(usize::MAX)
}

/// See [`requests`].
#[derive(Debug)]
pub struct Requests<'a> {
    spans: &'a [FinishedSpan],
    max_bytes: usize,
    /// The first of `spans`, once it was found not to fit into the request before it.
    encoded: Vec<u8>,
}

impl Iterator for Requests<'_> {
    type Item = Request;

    fn next(&mut self) -> Option<Request> {
        let mut draft = Draft::default();
        while let Some((span, rest)) = self.spans.split_first() {
            if self.encoded.is_empty() {
                encode::span(span, &mut self.encoded);
            }
            let group = draft.group(&span.resource);
            if draft.n_spans > 0 && draft.len_with(&group, &self.encoded) > self.max_bytes {
                break;
            }
            draft.push(group, &self.encoded);
            self.encoded.clear();
            self.spans = rest;
        }
        (draft.n_spans > 0).then(|| draft.finish(self.max_bytes))
    }
}

/// A request that is being put together.
#[derive(Default)]
struct Draft {
    groups: Vec<Group>,
    /// Encoded resource to its place in `groups`.
    places: HashMap<Vec<u8>, usize>,
    /// The resource of the span before and its place: spans of one tree come together.
    last: Option<(Arc<Resource>, usize)>,
    n_spans: usize,
    /// At least the size of the request so far.
    len: usize,
}

/// The spans of one resource.
struct Group {
    resource: Vec<u8>,
    /// `ScopeSpans.spans`, each with its key and length.
    spans: Vec<u8>,
}

/// Where a span goes.
enum Place {
    Known(usize),
    New(Option<Arc<Resource>>, Vec<u8>),
}

impl Draft {
    fn group(&mut self, resource: &Arc<Resource>) -> Place {
        if let Some((last, place)) = &self.last
            && Arc::ptr_eq(last, resource)
        {
            return Place::Known(*place);
        }
        let mut encoded = Vec::new();
        encode::resource(resource, &mut encoded);
        match self.encoded_group(encoded) {
            Place::Known(place) => {
                self.last = Some((Arc::clone(resource), place));
                Place::Known(place)
            }
            Place::New(_, encoded) => Place::New(Some(Arc::clone(resource)), encoded),
        }
    }

    /// The group of a resource that is encoded already.
    fn encoded_group(&self, resource: Vec<u8>) -> Place {
        match self.places.get(&resource) {
            Some(&place) => Place::Known(place),
            None => Place::New(None, resource),
        }
    }

    /// At least the size of the request with one more span.
    fn len_with(&self, place: &Place, span: &[u8]) -> usize {
        let group = match place {
            Place::Known(_) => 0,
            // Lengths that still grow are taken as long as they can become.
            Place::New(_, resource) => field_len(resource.len()) + GROUP_LEN,
        };
        self.len + group + field_len(span.len())
    }

    fn push(&mut self, place: Place, span: &[u8]) {
        self.len = self.len_with(&place, span);
        self.n_spans += 1;
        let at = match place {
            Place::Known(at) => at,
            Place::New(resource, encoded) => {
                let at = self.groups.len();
                self.places.insert(encoded.clone(), at);
                self.groups.push(Group { resource: encoded, spans: Vec::new() });
                self.last = resource.map(|resource| (resource, at));
                at
            }
        };
        if let Some(group) = self.groups.get_mut(at) {
            Message::at_end_of(&mut group.spans).given_bytes(2, span);
        }
    }

    fn finish(self, max_bytes: usize) -> Request {
        let mut bytes = Vec::with_capacity(self.len);
        let scope = scope();
        let schema = field_len(SCHEMA_URL.len());
        for Group { resource, spans } in self.groups {
            let scope_spans = field_len(scope.len()) + spans.len() + schema;
            let resource_spans = field_len(resource.len()) + field_len(scope_spans) + schema;
            let mut message = Message::at_end_of(&mut bytes);
            message.prefix(1, resource_spans);
            message.given_bytes(1, &resource);
            message.prefix(2, scope_spans);
            message.given_bytes(1, &scope);
            message.raw(&spans);
            message.bytes(3, SCHEMA_URL.as_bytes());
            message.bytes(3, SCHEMA_URL.as_bytes());
        }
        let is_oversized = bytes.len() > max_bytes;
        Request { bytes: bytes.into(), n_spans: self.n_spans, is_oversized }
    }
}

/// What a group costs beside its resource and its spans: two schema URLs, the scope, and the
/// keys and longest lengths of `ResourceSpans` and `ScopeSpans`.
const GROUP_LEN: usize = {
    let schema = 2 + SCHEMA_URL.len();
    let scope = 2 + 2 + SCOPE_NAME.len() + 2 + SCOPE_VERSION.len();
    2 * schema + scope + 2 * (1 + 5)
};

/// `InstrumentationScope`.
fn scope() -> Vec<u8> {
    let mut scope = Vec::with_capacity(64);
    let mut message = Message::at_end_of(&mut scope);
    message.bytes(1, SCOPE_NAME.as_bytes());
    message.bytes(2, SCOPE_VERSION.as_bytes());
    scope
}

#[cfg(test)]
pub(super) mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use proptest::prelude::*;
    use prost::Message as _;

    use super::*;
    use crate::facts::span::Value;
    use crate::otlp::sample;

    fn read(request: &Request) -> ExportTraceServiceRequest {
        let read = ExportTraceServiceRequest::decode(request.bytes.clone()).unwrap();
        assert_eq!(read.encode_to_vec(), request.bytes, "prost writes other bytes");
        read
    }

    /// The names of the spans of a request, and the service of each, as they stand in it.
    fn names(request: &Request) -> Vec<(usize, String)> {
        let groups = read(request).resource_spans.into_iter().enumerate();
        groups
            .flat_map(|(group, resource_spans)| {
                assert_eq!(resource_spans.schema_url, SCHEMA_URL);
                assert_eq!(resource_spans.scope_spans.len(), 1);
                let scope_spans = resource_spans.scope_spans.into_iter();
                scope_spans.flat_map(move |scope_spans| {
                    assert_eq!(scope_spans.schema_url, SCHEMA_URL);
                    let scope = scope_spans.scope.unwrap();
                    assert_eq!((scope.name.as_str(), scope.version.as_str()), {
                        ("lifespan", env!("CARGO_PKG_VERSION"))
                    });
                    scope_spans.spans.into_iter().map(move |span| (group, span.name))
                })
            })
            .collect()
    }

    /// Spans named by their number, of the given service and size of name.
    pub(super) fn spans(shape: &[(usize, usize)]) -> Vec<FinishedSpan> {
        let resources: Vec<_> = (0..4)
            .map(|service| {
                let name = format!("service-{service}");
                Arc::new(Resource { attributes: vec![("service.name", Value::from(name))] })
            })
            .collect();
        let shape = shape.iter().enumerate();
        shape
            .map(|(number, &(service, size))| {
                let mut span = sample::trace().swap_remove(1);
                span.name = format!("{number} {}", "x".repeat(size)).into();
                // Every other one a copy: equal resources are one, shared or not.
                let resource = &resources[service];
                span.resource = match number % 2 {
                    0 => Arc::clone(resource),
                    _ => Arc::new(Resource::clone(resource)),
                };
                span
            })
            .collect()
    }

    #[test]
    fn no_spans_are_no_requests() {
        assert_eq!(requests(&[], MAX_REQUEST_BYTES).count(), 0);
    }

    #[test]
    fn a_span_over_the_limit_goes_alone_and_is_told() {
        let spans = spans(&[(0, 10), (0, 9_000), (0, 10)]);
        let cut: Vec<_> = requests(&spans, 4_096).map(|it| (it.n_spans, it.is_oversized)).collect();
        assert_eq!(cut, [(1, false), (1, true), (1, false)]);
    }

    #[test]
    fn the_limit_is_below_what_servers_take() {
        const { assert!(MAX_REQUEST_BYTES == 3_670_016 && MAX_REQUEST_BYTES < 4 << 20) }
    }

    proptest! {
        #[test]
        fn nothing_is_lost_order_is_kept_and_sizes_add_up(
            shape in prop::collection::vec((0..4_usize, 0..400_usize), 0..40),
            max_bytes in 300..4_000_usize,
        ) {
            let spans = spans(&shape);
            let mut given = spans.iter();
            for request in requests(&spans, max_bytes) {
                prop_assert!(request.n_spans > 0);
                prop_assert_eq!(request.is_oversized, request.bytes.len() > max_bytes);
                prop_assert!(!request.is_oversized || request.n_spans == 1);
                // A request holds a run of what was given, grouped by resource in order of
                // appearance, each group in the order given.
                let run: Vec<_> = given.by_ref().take(request.n_spans).collect();
                prop_assert_eq!(run.len(), request.n_spans);
                let mut services: Vec<&str> = Vec::new();
                for span in &run {
                    let service = span.resource.service();
                    if !services.contains(&service) {
                        services.push(service);
                    }
                }
                let mut expected = Vec::new();
                for (group, service) in services.iter().enumerate() {
                    let own = run.iter().filter(|span| span.resource.service() == *service);
                    expected.extend(own.map(|span| (group, span.name.to_string())));
                }
                prop_assert_eq!(names(&request), expected);
            }
            prop_assert_eq!(given.count(), 0);
        }

        #[test]
        fn requests_are_filled_as_far_as_they_go(
            shape in prop::collection::vec((0..1_usize, 100..101_usize), 1..60),
        ) {
            let spans = spans(&shape);
            let all: Vec<_> = requests(&spans, 4_000).collect();
            for full in all.iter().rev().skip(1) {
                prop_assert!(full.bytes.len() > 3_000, "{full:?}");
            }
        }
    }
}
