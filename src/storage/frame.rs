//! How what is in a queue is written, so that it can be told from anything else; pure.
//!
//! Each request stands in a frame that begins with a mark and has a hash of all of it. A store that
//! is damaged anywhere else can so be searched for the requests whose bytes are whole, whatever
//! became of the pages that led to them.

use std::collections::BTreeMap;

use memchr::memmem;
use prost::bytes::Bytes;

use super::commit::Queued;
use crate::facts::time::UnixNanos;

/// What a frame begins with; its last byte is the number of this form.
const MARK: [u8; 8] = *b"\xF5LSQUE\n\x01";

/// Bytes of the hash.
const HASH: usize = 16;

/// Bytes of all that stands before the name of the exporter.
const HEAD: usize = MARK.len() + HASH + 8 + 8 + 8 + 4 + 2 + 4;

/// A request in a queue, or without spans what is known of the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// The request. Of what is known of the queue, `number` is the one that the next request gets.
    pub(super) queued: Queued,
    /// When it was written, no request before this one was in the queue any more.
    pub(super) oldest: u64,
}

impl Frame {
    pub(super) fn encode(&self) -> Vec<u8> {
        let Queued { exporter, number, at, n_spans, bytes } = &self.queued;
        let length = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        let mut out = Vec::with_capacity(HEAD + exporter.len() + bytes.len());
        out.extend_from_slice(&MARK);
        out.extend_from_slice(&[0; HASH]);
        out.extend_from_slice(&number.to_le_bytes());
        out.extend_from_slice(&self.oldest.to_le_bytes());
        out.extend_from_slice(&at.0.to_le_bytes());
        out.extend_from_slice(&n_spans.to_le_bytes());
        out.extend_from_slice(&u16::try_from(exporter.len()).unwrap_or(u16::MAX).to_le_bytes());
        out.extend_from_slice(&length(bytes.len()).to_le_bytes());
        out.extend_from_slice(exporter.as_bytes());
        out.extend_from_slice(bytes);
        let (head, body) = out.split_at_mut(MARK.len() + HASH);
        if let Some(place) = head.get_mut(MARK.len()..) {
            place.copy_from_slice(&hash(body));
        }
        out
    }

    /// Reads the frame that `bytes` begin with; `None` if there is none or it is not whole.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut head = Reader(bytes);
        if head.take::<8>()? != MARK {
            return None;
        }
        let told = head.take::<HASH>()?;
        let body = head.0;
        let number = u64::from_le_bytes(head.take()?);
        let oldest = u64::from_le_bytes(head.take()?);
        let at = UnixNanos(i64::from_le_bytes(head.take()?));
        let n_spans = u32::from_le_bytes(head.take()?);
        let n_name = usize::from(u16::from_le_bytes(head.take()?));
        let n_bytes = usize::try_from(u32::from_le_bytes(head.take()?)).ok()?;
        let (exporter, rest) = head.0.split_at_checked(n_name)?;
        let (request, _) = rest.split_at_checked(n_bytes)?;
        let whole = body.get(..HEAD - MARK.len() - HASH + n_name + n_bytes)?;
        if hash(whole) != told {
            return None;
        }
        let exporter = std::str::from_utf8(exporter).ok()?.to_owned();
        let bytes = Bytes::copy_from_slice(request);
        Some(Self { queued: Queued { exporter, number, at, n_spans, bytes }, oldest })
    }
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }
}

fn hash(bytes: &[u8]) -> [u8; HASH] {
    let mut out = [0; HASH];
    let hash = blake3::hash(bytes);
    out.iter_mut().zip(hash.as_bytes()).for_each(|(out, byte)| *out = *byte);
    out
}

/// What frames say of each other, wherever they stand.
///
/// A store keeps old pages for a while, so that a request may be found that was delivered, or one of
/// a commit that never was. What any frame says of those before it is heeded, and of two of one number
/// the later one counts: few are found again, and those are the same bytes.
#[derive(Debug, Default)]
pub(super) struct Known {
    oldest: BTreeMap<String, u64>,
    latest: BTreeMap<(String, u64), UnixNanos>,
}

impl Known {
    /// Hears all frames in `bytes`.
    pub(super) fn hear(&mut self, bytes: &[u8]) {
        for Frame { queued, oldest } in frames(bytes) {
            let known = self.oldest.entry(queued.exporter.clone()).or_default();
            *known = oldest.max(*known);
            let at = self.latest.entry((queued.exporter, queued.number)).or_insert(queued.at);
            *at = queued.at.max(*at);
        }
    }

    /// The requests in `bytes` that had not left their queue, once all was heard: each once, however
    /// many old pages have a copy of it.
    pub(super) fn kept(&self, bytes: &[u8]) -> Vec<Queued> {
        let is_kept = |it: &Queued| {
            let key = (it.exporter.clone(), it.number);
            it.n_spans > 0
                && self.oldest.get(&it.exporter).is_none_or(|oldest| it.number >= *oldest)
                && self.latest.get(&key).is_none_or(|latest| it.at >= *latest)
        };
        let kept = frames(bytes).map(|frame| frame.queued).filter(is_kept);
        let kept: BTreeMap<_, _> = kept.map(|it| ((it.exporter.clone(), it.number), it)).collect();
        kept.into_values().collect()
    }
}

/// All frames that stand whole anywhere in `bytes`.
fn frames(bytes: &[u8]) -> impl Iterator<Item = Frame> {
    memmem::find_iter(bytes, &MARK).filter_map(|at| Frame::decode(bytes.get(at..)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(exporter: &str, number: u64, oldest: u64, n_spans: u32, bytes: &[u8]) -> Frame {
        let bytes = Bytes::copy_from_slice(bytes);
        let exporter = exporter.to_owned();
        let at = UnixNanos::from_seconds(7);
        Frame { queued: Queued { exporter, number, at, n_spans, bytes }, oldest }
    }

    fn found(bytes: &[u8]) -> Vec<Queued> {
        let mut known = Known::default();
        known.hear(bytes);
        known.kept(bytes)
    }

    #[test]
    fn of_two_requests_of_one_number_the_later_one_counts() {
        let early = frame("a", 1, 1, 1, b"early");
        let mut late = frame("a", 1, 1, 1, b"late");
        late.queued.at = UnixNanos::from_seconds(8);
        let all = [late.encode(), early.encode()].concat();
        assert_eq!(found(&all), [late.queued]);
    }

    #[test]
    fn copies_of_a_request_are_one() {
        let one = frame("a", 1, 1, 1, b"spans");
        let copy = Frame { oldest: 0, ..one.clone() };
        let all = [one.encode(), copy.encode(), one.encode()].concat();
        assert_eq!(found(&all), [one.queued]);
    }

    #[test]
    fn what_had_left_its_queue_is_not_found_again() {
        let mut bytes = Vec::new();
        for (exporter, number, oldest) in [("a", 1, 1), ("a", 2, 1), ("a", 3, 3), ("b", 1, 0)] {
            bytes.extend(frame(exporter, number, oldest, 1, b"spans").encode());
            bytes.extend([0; 9]);
        }
        let names = |bytes: &[u8]| -> Vec<_> {
            found(bytes).into_iter().map(|it| (it.exporter, it.number)).collect()
        };
        assert_eq!(names(&bytes), [("a".to_owned(), 3), ("b".to_owned(), 1)]);
        bytes.extend(frame("b", 2, 2, 0, b"").encode());
        assert_eq!(names(&bytes), [("a".to_owned(), 3)]);
    }

    proptest! {
        #[test]
        fn a_frame_is_found_wherever_it_stands_and_never_with_a_changed_byte(
            before in prop::collection::vec(any::<u8>(), 0..100),
            body in prop::collection::vec(any::<u8>(), 0..100),
            exporter in "[a-z_/]{1,20}",
            number in any::<u64>(),
            place in any::<prop::sample::Index>(),
            flip in 1..=255_u8,
        ) {
            let frame = frame(&exporter, number, 0, 3, &body);
            let mut bytes = [before.clone(), frame.encode(), before.clone()].concat();
            prop_assert_eq!(found(&bytes), vec![frame.queued]);
            let at = before.len() + place.index(bytes.len() - 2 * before.len());
            bytes[at] ^= flip;
            prop_assert_eq!(found(&bytes), vec![]);
        }

        #[test]
        fn whatever_the_bytes_nothing_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            prop_assert_eq!(found(&[&MARK[..], &bytes].concat()), vec![]);
        }
    }
}
