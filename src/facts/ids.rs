//! Ids are derived, never drawn (DESIGN §6): any process that sees the same cause makes the same
//! trace, and BLAKE3 makes the W3C random flag honest.

use super::meta::Uid;
pub use crate::context::{SpanId, TraceId};

/// The trace of the transition of `root` that `cause` opened, in the cluster `cluster`.
#[must_use]
pub fn trace_id(cluster: &str, root: Uid, cause: &str) -> TraceId {
    let hash =
        digest(&[b"trace", cluster.as_bytes(), &root.number().to_be_bytes(), cause.as_bytes()]);
    TraceId(not_zero(first(&hash)))
}

/// The span of one `step` of `object` in the trace `seed`, or, where that trace goes on one of
/// others, in what would be its trace if it did not: so the cause enters it; `attempt` is 0 where there is only one.
#[must_use]
pub fn span_id(
    seed: TraceId,
    object: Uid,
    step: &str,
    container: Option<&str>,
    attempt: u32,
) -> SpanId {
    let hash = digest(&[
        b"span",
        &seed.0,
        &object.number().to_be_bytes(),
        step.as_bytes(),
        container.unwrap_or_default().as_bytes(),
        &attempt.to_be_bytes(),
    ]);
    SpanId(not_zero(first(&hash)))
}

/// Each part goes in with its length, so that no two lists of parts read alike.
fn digest(parts: &[&[u8]]) -> [u8; 32] {
    let mut all = Vec::with_capacity(128);
    for part in parts {
        all.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        all.extend_from_slice(part);
    }
    *blake3::hash(&all).as_bytes()
}

fn first<const N: usize>(hash: &[u8; 32]) -> [u8; N] {
    let mut id = [0; N];
    id.iter_mut().zip(hash).for_each(|(to, from)| *to = *from);
    id
}

/// All zeros is no id (W3C Trace Context §3.2.2.3).
fn not_zero<const N: usize>(mut id: [u8; N]) -> [u8; N] {
    if id.iter().all(|byte| *byte == 0)
        && let Some(last) = id.last_mut()
    {
        *last = 1;
    }
    id
}

#[cfg(test)]
mod tests {
    use crate::facts::ids::*;

    fn uid(number: u128) -> Uid {
        Uid::new(number).unwrap()
    }

    #[test]
    fn an_id_depends_on_each_of_its_parts_and_on_nothing_else() {
        let trace = trace_id("cluster", uid(7), "spec:1");
        assert_eq!(trace, trace_id("cluster", uid(7), "spec:1"));
        for other in [
            trace_id("cluste", uid(7), "rspec:1"),
            trace_id("cluster", uid(8), "spec:1"),
            trace_id("cluster", uid(7), "spec:2"),
        ] {
            assert_ne!(trace, other);
        }
        let span = span_id(trace, uid(7), "restart", Some("app"), 1);
        assert_eq!(span, span_id(trace, uid(7), "restart", Some("app"), 1));
        for other in [
            span_id(trace, uid(7), "restart", Some("app"), 2),
            span_id(trace, uid(7), "restarta", Some("pp"), 1),
            span_id(trace, uid(9), "restart", Some("app"), 1),
        ] {
            assert_ne!(span, other);
        }
    }

    #[test]
    fn zero_is_never_an_id() {
        assert_eq!(not_zero([0; 8]), [0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(not_zero([1, 0]), [1, 0]);
    }
}
