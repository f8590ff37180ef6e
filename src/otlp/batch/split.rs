//! Takes an encoded request apart; pure.
//!
//! Only requests that were made here are: each resource has one scope, which is that of all.

use prost::encoding::{WireType, decode_key, decode_varint};

use super::{Draft, Request};

/// `request` as several, each of at most `max_spans` and, if it has more than one span, of at most
/// `max_bytes`. Order is kept. What cannot be read stays whole.
#[must_use]
pub fn split(request: &Request, max_spans: usize, max_bytes: usize) -> Vec<Request> {
    let Some(spans) = spans(&request.bytes) else { return vec![request.clone()] };
    let mut out = Vec::new();
    let mut draft = Draft::default();
    for (resource, span) in spans {
        let mut group = draft.encoded_group(resource.to_vec());
        let is_full = draft.n_spans >= max_spans || draft.len_with(&group, span) > max_bytes;
        if is_full && draft.n_spans > 0 {
            out.push(std::mem::take(&mut draft).finish(max_bytes));
            group = draft.encoded_group(resource.to_vec());
        }
        draft.push(group, span);
    }
    if draft.n_spans > 0 {
        out.push(draft.finish(max_bytes));
    }
    out
}

/// Each span with its resource, encoded.
fn spans(request: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let mut out = Vec::new();
    for (_, resource_spans) in fields(request)? {
        let parts = fields(resource_spans)?;
        let of_tag = |wanted| parts.iter().filter(move |(tag, _)| *tag == wanted);
        let resource = of_tag(1).map(|(_, bytes)| *bytes).next().unwrap_or_default();
        for (_, scope_spans) in of_tag(2) {
            let spans = fields(scope_spans)?.into_iter().filter(|(tag, _)| *tag == 2);
            out.extend(spans.map(|(_, span)| (resource, span)));
        }
    }
    Some(out)
}

/// The fields of a message that has only messages and strings.
fn fields(mut message: &[u8]) -> Option<Vec<(u32, &[u8])>> {
    let mut out = Vec::new();
    while !message.is_empty() {
        let (tag, wire) = decode_key(&mut message).ok()?;
        let len = usize::try_from(decode_varint(&mut message).ok()?).ok()?;
        if wire != WireType::LengthDelimited {
            return None;
        }
        let (field, rest) = message.split_at_checked(len)?;
        out.push((tag, field));
        message = rest;
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::requests;
    use super::super::tests::spans;
    use super::*;

    proptest! {
        /// What is taken apart is what would have been cut so at once.
        #[test]
        fn pieces_of_a_request_are_the_requests_that_its_spans_would_have_been(
            shape in prop::collection::vec((0..4_usize, 0..400_usize), 1..40),
            max_bytes in 300..4_000_usize,
        ) {
            // In order of their groups, as a request has them.
            let mut shape = shape;
            shape.sort_by_key(|(service, _)| *service);
            let spans = spans(&shape);
            let whole: Vec<_> = requests(&spans, usize::MAX).collect();
            let cut: Vec<_> = requests(&spans, max_bytes).collect();
            prop_assert_eq!(split(&whole[0], usize::MAX, max_bytes), cut);
            let each = split(&whole[0], 1, usize::MAX);
            prop_assert_eq!(each.len(), spans.len());
        }
    }
}
