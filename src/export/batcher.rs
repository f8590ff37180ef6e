//! Puts requests together; pure.
//!
//! An `ExportTraceServiceRequest` has one field, which repeats: two requests one after the other
//! are one request (Protocol Buffers encoding, "Last One Wins" and repeated fields), so nothing is
//! decoded or encoded again, except what is larger than `max_size`.

use std::time::Duration;

use prost::bytes::{Bytes, BytesMut};

use super::settings::{Batch, Sizer};
use crate::otlp::batch::{Request, split};

/// Requests that are becoming one. Each bears a mark, which all that becomes of it has.
#[derive(Debug)]
pub struct Batcher<T> {
    settings: Batch,
    max_bytes: usize,
    waiting: Vec<(Request, T)>,
    size: usize,
    n_bytes: usize,
    /// When the first of them came, in the clock of the caller.
    since: Option<Duration>,
}

impl<T: Clone> Batcher<T> {
    /// Requests grow to `max_bytes` at most.
    #[must_use]
    pub fn new(settings: Batch, max_bytes: usize) -> Self {
        Self { settings, max_bytes, waiting: Vec::new(), size: 0, n_bytes: 0, since: None }
    }

    /// Takes a request at `now`; returns those that are large enough to leave.
    pub fn push(&mut self, request: Request, mark: T, now: Duration) -> Vec<(Request, Vec<T>)> {
        let pieces = match self.settings.max_size {
            Some(max) if self.settings.sizer.size(&request) > max => match self.settings.sizer {
                Sizer::Bytes => split(&request, usize::MAX, max),
                Sizer::Items | Sizer::Requests => split(&request, max, usize::MAX),
            },
            _ => vec![request],
        };
        pieces.into_iter().flat_map(|piece| self.take(piece, mark.clone(), now)).collect()
    }

    fn take(&mut self, request: Request, mark: T, now: Duration) -> Vec<(Request, Vec<T>)> {
        let mut out = Vec::new();
        let max_size = self.settings.max_size.unwrap_or(usize::MAX);
        let is_too_much = self.n_bytes + request.bytes.len() > self.max_bytes
            || self.size.saturating_add(self.settings.sizer.size(&request)) > max_size;
        if !self.waiting.is_empty() && is_too_much {
            out.extend(self.flush());
        }
        self.since.get_or_insert(now);
        self.size += self.settings.sizer.size(&request);
        self.n_bytes += request.bytes.len();
        self.waiting.push((request, mark));
        if self.size >= self.settings.min_size || self.n_bytes >= self.max_bytes {
            out.extend(self.flush());
        }
        out
    }

    /// When what waits must leave, in the clock of the caller.
    #[must_use]
    pub fn due(&self) -> Option<Duration> {
        self.since.map(|since| since + self.settings.flush_timeout)
    }

    /// What waits, as one request with the marks of all that it holds.
    pub fn flush(&mut self) -> Option<(Request, Vec<T>)> {
        self.since = None;
        (self.size, self.n_bytes) = (0, 0);
        let (mut waiting, marks): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.waiting).into_iter().unzip();
        if waiting.len() < 2 {
            return waiting.pop().map(|request| (request, marks));
        }
        let mut bytes = BytesMut::with_capacity(waiting.iter().map(|it| it.bytes.len()).sum());
        for request in &waiting {
            bytes.extend_from_slice(&request.bytes);
        }
        let request = Request {
            bytes: Bytes::from(bytes),
            n_spans: waiting.iter().map(|it| it.n_spans).sum(),
            is_oversized: waiting.iter().any(|it| it.is_oversized),
        };
        Some((request, marks))
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use prost::Message as _;

    use super::*;
    use crate::otlp::{batch, sample};

    const NOW: Duration = Duration::from_secs(5);

    fn request() -> Request {
        batch::request(&sample::trace())
    }

    fn batcher(min_size: usize, max_bytes: usize) -> Batcher<()> {
        let sizer = Sizer::Items;
        Batcher::new(Batch { min_size, sizer, ..Batch::default() }, max_bytes)
    }

    fn pushed(batcher: &mut Batcher<()>, now: Duration) -> Vec<Request> {
        batcher.push(request(), (), now).into_iter().map(|(request, _)| request).collect()
    }

    fn flushed(batcher: &mut Batcher<()>) -> Option<Request> {
        batcher.flush().map(|(request, _)| request)
    }

    #[test]
    fn each_part_of_a_request_bears_its_mark_and_what_is_put_together_those_of_all() {
        let settings = Batch { min_size: 0, max_size: Some(1), ..Batch::default() };
        let out = Batcher::new(settings, usize::MAX).push(request(), 'a', NOW);
        assert!(out.len() > 1 && out.iter().all(|(_, marks)| *marks == ['a']), "{out:?}");
        let settings = Batch { min_size: usize::MAX, ..Batch::default() };
        let mut batcher = Batcher::new(settings, usize::MAX);
        for mark in ['a', 'b'] {
            assert_eq!(batcher.push(request(), mark, NOW), []);
        }
        assert_eq!(batcher.flush().map(|(_, marks)| marks), Some(vec!['a', 'b']));
    }

    #[test]
    fn two_requests_become_one_that_holds_the_spans_of_both() {
        let n = request().n_spans;
        let mut batcher = batcher(2 * n, usize::MAX);
        assert_eq!(pushed(&mut batcher, NOW), []);
        let out = pushed(&mut batcher, NOW);
        let [one] = out.as_slice() else { panic!("{out:?}") };
        assert_eq!(one.n_spans, 2 * n);
        let spans = |bytes: &[u8]| -> usize {
            let request = ExportTraceServiceRequest::decode(bytes).unwrap();
            let scopes = request.resource_spans.into_iter().flat_map(|it| it.scope_spans);
            scopes.map(|it| it.spans.len()).sum()
        };
        assert_eq!(spans(&one.bytes), 2 * spans(&request().bytes));
        assert_eq!(flushed(&mut batcher), None);
    }

    #[test]
    fn a_request_that_is_larger_than_allowed_is_taken_apart_and_no_span_is_lost() {
        let n = request().n_spans;
        let ids = |bytes: &[u8]| -> Vec<Vec<u8>> {
            let request = ExportTraceServiceRequest::decode(bytes).unwrap();
            let scopes = request.resource_spans.into_iter().flat_map(|it| it.scope_spans);
            let mut ids: Vec<_> = scopes.flat_map(|it| it.spans).map(|it| it.span_id).collect();
            ids.sort();
            ids
        };
        let largest = request().bytes.len() * 2 / 3;
        for (sizer, max) in [(Sizer::Items, 1), (Sizer::Items, 2), (Sizer::Bytes, largest)] {
            let settings = Batch { min_size: 0, max_size: Some(max), sizer, ..Batch::default() };
            let out = pushed(&mut Batcher::new(settings, usize::MAX), NOW);
            assert!(out.len() > 1 && out.iter().all(|it| sizer.size(it) <= max), "{out:?}");
            assert_eq!(out.iter().map(|it| it.n_spans).sum::<usize>(), n);
            let all: Vec<u8> = out.iter().flat_map(|it| it.bytes.to_vec()).collect();
            assert_eq!(ids(&all), ids(&request().bytes));
        }
        let settings = Batch { min_size: 2 * n, max_size: Some(2 * n), ..Batch::default() };
        let mut batcher = Batcher::new(settings, usize::MAX);
        let out: Vec<_> = (0..3).flat_map(|_| pushed(&mut batcher, NOW)).collect();
        assert_eq!(out.iter().map(|it| it.n_spans).collect::<Vec<_>>(), [2 * n]);
        assert_eq!(flushed(&mut batcher).map(|it| it.n_spans), Some(n));
    }

    #[test]
    fn what_waits_leaves_when_its_first_part_has_waited_long_enough() {
        let mut batcher = batcher(usize::MAX, usize::MAX);
        assert_eq!(batcher.due(), None);
        assert_eq!(pushed(&mut batcher, NOW), []);
        assert_eq!(pushed(&mut batcher, NOW * 2), []);
        assert_eq!(batcher.due(), Some(NOW + Duration::from_millis(200)));
        assert_eq!(flushed(&mut batcher).map(|it| it.n_spans), Some(2 * request().n_spans));
        assert_eq!(batcher.due(), None);
    }

    #[test]
    fn no_request_grows_beyond_what_a_server_takes() {
        let limit = request().bytes.len() * 3 - 1;
        let mut batcher = batcher(usize::MAX, limit);
        let out: Vec<_> = (0..5).flat_map(|_| pushed(&mut batcher, NOW)).collect();
        let sizes: Vec<_> =
            out.iter().chain(flushed(&mut batcher).iter()).map(|it| it.bytes.len()).collect();
        assert!(sizes.iter().all(|size| *size <= limit), "{sizes:?}");
        assert_eq!(sizes.iter().sum::<usize>(), request().bytes.len() * 5);
    }
}
