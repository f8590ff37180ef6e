//! Stamps for controllers that apply what they want at every reconcile.

use std::collections::BTreeMap;

use serde_json::Value;

use super::trace_context::TraceContext;
use super::write::{Injected, Injection, inject};
use super::{Part, Rule};

/// The annotation that says for which spec a stamp was written.
const APPLIED: &str = "lifespan.io/applied";

/// Writes `context` to the annotations of an object that is about to be applied, if its `spec` is
/// another one than what was applied last; else the stamp of that stays.
///
/// `current` are the annotations of the object as it is in the cluster, `None` where there is none
/// yet. `spec` is what the controller wants, whole: `serde_json::to_value(&desired.spec)`, or all
/// that it sets where there is no spec. Its fingerprint is kept in the annotation
/// `lifespan.io/applied` beside the stamp: the object in the cluster cannot be compared, since
/// defaults, other writers and the API server's spelling of quantities stand there too.
///
/// This is what a controller with server-side apply must do. One that injects a new trace context
/// each time writes the object each time, hears of its own write, reconciles again, and never ends.
/// One that leaves the stamp out takes it away, since what an apply does not name any more it
/// removes.
///
/// ```
/// use std::collections::BTreeMap;
/// use lifespan::context::{Injected, Injection, TraceContext, inject_if_changed};
/// use serde_json::json;
///
/// # let (first_span, second_span) = ([7; 32], [8; 32]);
/// let how = Injection::default();
/// let (span, next) = (TraceContext::minted(&first_span), TraceContext::minted(&second_span));
/// let mut desired = BTreeMap::new();
/// let created = inject_if_changed(&span, None, &json!({"replicas": 1}), &mut desired, &how);
/// assert_eq!(created, Injected::Written);
///
/// // The watch tells of that write: what is applied now is the same, to the letter.
/// let current = desired;
/// let mut desired = BTreeMap::new();
/// let spec = json!({"replicas": 1});
/// assert_eq!(inject_if_changed(&next, Some(&current), &spec, &mut desired, &how), Injected::Kept);
/// assert_eq!(desired, current);
/// ```
pub fn inject_if_changed(
    context: &TraceContext,
    current: Option<&BTreeMap<String, String>>,
    spec: &Value,
    annotations: &mut BTreeMap<String, String>,
    how: &Injection<'_>,
) -> Injected {
    let fingerprint = fingerprint(spec);
    if let Some(current) = current
        && current.get(APPLIED) == Some(&fingerprint)
    {
        let own = |key: &&String| *key == APPLIED || is_of(&how.rule, key);
        let kept = current.iter().filter(|(key, _)| own(key));
        annotations.extend(kept.map(|(key, value)| (key.clone(), value.clone())));
        return Injected::Kept;
    }
    annotations.insert(APPLIED.to_owned(), fingerprint);
    let how = Injection { overwrites: true, ..how.clone() };
    let injected = inject(context, annotations, &how);
    if !matches!(injected, Injected::Written | Injected::WithoutState) {
        annotations.remove(APPLIED);
    }
    injected
}

fn is_of(rule: &Rule, key: &str) -> bool {
    let part = rule.part_of_annotation(key).map(|(part, _)| part);
    matches!(part, Some(Part::Parent | Part::State | Part::Baggage | Part::Whole))
}

/// Two specs that say the same have the same, in whatever order their keys are; of two that do not
/// it is another one.
fn fingerprint(spec: &Value) -> String {
    let mut hash = Fnv(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
    hash.value(spec);
    format!("{:032x}", hash.0)
}

/// FNV-1a of 128 bits: nobody gains anything by two specs with one fingerprint.
struct Fnv(u128);

impl Fnv {
    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u128::from(*byte))
                .wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
    }

    fn text(&mut self, text: &str) {
        self.bytes(&text.len().to_be_bytes());
        self.bytes(text.as_bytes());
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Object(map) => {
                // The order of the keys of a map is that of whoever built serde_json.
                let sorted: BTreeMap<_, _> = map.iter().filter(|(_, it)| !it.is_null()).collect();
                self.bytes(b"{");
                for (key, value) in sorted {
                    self.text(key);
                    self.value(value);
                }
                self.bytes(b"}");
            }
            Value::Array(items) => {
                self.bytes(b"[");
                items.iter().for_each(|item| self.value(item));
                self.bytes(b"]");
            }
            Value::String(text) => {
                self.bytes(b"\"");
                self.text(text);
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => self.text(&value.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// A controller that owns what it applies: an API server that merges, and a watch that tells of
    /// each write that changed something. How often it reconciles until nothing happens any more.
    fn reconciles(
        specs: &[Value],
        mut apply: impl FnMut(u8, Option<&BTreeMap<String, String>>, &Value) -> BTreeMap<String, String>,
    ) -> usize {
        let mut held: Option<(BTreeMap<String, String>, Value)> = None;
        let mut n = 0;
        for spec in specs {
            let mut is_due = true;
            while is_due && n < 200 {
                n += 1;
                let annotations = held.as_ref().map(|(annotations, _)| annotations);
                let applied = apply(u8::try_from(n).unwrap(), annotations, spec);
                let new = Some((applied, spec.clone()));
                is_due = new != held;
                held = new;
            }
        }
        n
    }

    #[test]
    fn a_controller_that_owns_what_it_applies_is_quiet_after_one_reconcile() {
        let specs = [json!({"replicas": 1}), json!({"replicas": 2}), json!({"replicas": 2})];
        let how = Injection { overwrites: true, ..Injection::default() };
        // The loop that this prevents.
        let loops = reconciles(&specs[..1], |n, _, _| {
            let mut desired = BTreeMap::new();
            let span = TraceContext::minted(&[n; 32]);
            assert_eq!(inject(&span, &mut desired, &how), Injected::Written);
            desired
        });
        assert_eq!(loops, 200);
        let mut stamps = Vec::new();
        let quiet = reconciles(&specs, |n, current, spec| {
            let mut desired = BTreeMap::new();
            let span = TraceContext::minted(&[n; 32]);
            let injected = inject_if_changed(&span, current, spec, &mut desired, &how);
            if injected == Injected::Written {
                stamps.push(n);
            }
            desired
        });
        // Two changes, each with the reconcile of its own write, and one that changes nothing.
        assert_eq!((quiet, stamps), (5, vec![1, 3]));
    }

    #[test]
    fn what_could_not_be_written_is_tried_again() {
        let mut annotations = BTreeMap::from([("a".to_owned(), "x".repeat(256 << 10))]);
        let before = annotations.clone();
        let span = TraceContext::minted(&[7; 32]);
        let how = Injection::default();
        let injected = inject_if_changed(&span, None, &json!({}), &mut annotations, &how);
        assert_eq!((injected, annotations), (Injected::NoRoom, before));
    }

    proptest! {
        #[test]
        fn a_fingerprint_tells_two_specs_apart_and_one_from_none(
            a in prop::collection::btree_map("[a-c]{1,2}", "[a-c]{0,2}", 0..4),
            b in prop::collection::btree_map("[a-c]{1,2}", "[a-c]{0,2}", 0..4),
        ) {
            prop_assert_eq!(a == b, fingerprint(&json!(a)) == fingerprint(&json!(b)));
            let keys = |map: &BTreeMap<String, String>| map.keys().cloned().collect::<Vec<_>>();
            prop_assert_eq!(
                keys(&a) == keys(&b), fingerprint(&json!(keys(&a))) == fingerprint(&json!(keys(&b)))
            );
        }
    }
}
