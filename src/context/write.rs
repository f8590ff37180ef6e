//! Trace contexts written onto objects, by the rules of KEP-5915.

use std::collections::BTreeMap;

use serde_json::Value;

use super::rules::{Format, Part, Place, Rule, Rules};
use crate::facts::ids::{SpanId, TraceId};
use crate::facts::stamp::TraceContext;

/// The flags that have a meaning in version 00, level 2: sampled and random. All others must be
/// written as zero.
const KNOWN_FLAGS: u8 = 0x03;

/// How a trace context is written; by default as KEP-5915 has it.
#[derive(Clone, Debug)]
pub struct Injection<'a> {
    /// Where to: an annotation, or a prefix of several.
    pub rule: Rule,
    /// Whether a trace context that stands there already is replaced.
    pub overwrites: bool,
    /// A W3C `baggage` to write beside it.
    pub baggage: Option<&'a str>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Injected {
    /// It stands there now.
    Written,
    /// Another one stood there, and was left.
    Kept,
    /// The place is no annotation: statuses and env variables are not written to.
    NoPlace,
}

impl Default for Injection<'_> {
    fn default() -> Self {
        Self { rule: Rule::of_kep(), overwrites: false, baggage: None }
    }
}

impl Injection<'_> {
    /// Writes to the annotation `key`: as JSON where it is known to hold that.
    #[must_use]
    pub fn to_key(key: &str) -> Self {
        let is_it = |rule: &&Rule| matches!(rule.place(), Place::Key(own) if **own == *key);
        let known = Rules::built_in().all().iter().find(is_it).cloned();
        // A key that is not empty and has the format that it suggests is never refused.
        let rule = known.or_else(|| Rule::new(Place::Key(key.into()), None, false).ok());
        Self { rule: rule.unwrap_or_else(Rule::of_kep), ..Self::default() }
    }

    /// The annotations that say `context`, the one that tells whether there is any first; `None`
    /// for those that must not stand beside it. Without a place there are none.
    #[must_use]
    pub fn annotations(&self, context: &TraceContext) -> Option<Vec<(String, Option<String>)>> {
        parts(context, self)
    }
}

/// `00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01`: in the version that is known here.
#[must_use]
pub fn to_traceparent(context: &TraceContext) -> String {
    let TraceContext { trace_id, span_id, flags, trace_state: _ } = context;
    format!("00-{trace_id}-{span_id}-{:02x}", flags & KNOWN_FLAGS)
}

/// A trace that begins here, from bytes that nobody can guess: sampled, and with the random flag.
#[must_use]
pub fn minted(random: &[u8; 32]) -> TraceContext {
    let mut trace_id = [0; 16];
    trace_id.iter_mut().zip(random).for_each(|(to, from)| *to = *from);
    // All zeros is no id.
    if trace_id == [0; 16] {
        trace_id = [1; 16];
    }
    let root = TraceContext {
        trace_id: TraceId(trace_id),
        span_id: SpanId([1; 8]),
        flags: KNOWN_FLAGS,
        trace_state: Box::default(),
    };
    child(&root, random)
}

/// A new span in the trace of `context`, from bytes that nobody can guess.
#[must_use]
pub fn child(context: &TraceContext, random: &[u8; 32]) -> TraceContext {
    let mut span_id = [0; 8];
    span_id.iter_mut().zip(random.iter().skip(16)).for_each(|(to, from)| *to = *from);
    if span_id == [0; 8] {
        span_id = [1; 8];
    }
    TraceContext { span_id: SpanId(span_id), ..context.clone() }
}

/// Writes `context` to the annotations of an object whose spec is created or changed.
///
/// What stands there already is left unless the caller asks for it to be replaced, and then what
/// stood beside it goes with it: a `tracestate` or `baggage` without its `traceparent` is a lie.
/// Baggage is written only if it is given. Nothing is to be stamped when only a status is written.
pub fn inject(
    context: &TraceContext,
    annotations: &mut BTreeMap<String, String>,
    how: &Injection<'_>,
) -> Injected {
    let Some(parts) = parts(context, how) else { return Injected::NoPlace };
    let is_there = parts.first().is_some_and(|(key, _)| annotations.contains_key(key));
    if is_there && !how.overwrites {
        return Injected::Kept;
    }
    for (key, value) in parts {
        match value {
            Some(value) => annotations.insert(key, value),
            None => annotations.remove(&key),
        };
    }
    Injected::Written
}

/// As [`Injection::annotations`].
fn parts(context: &TraceContext, how: &Injection<'_>) -> Option<Vec<(String, Option<String>)>> {
    let state = Some(&*context.trace_state).filter(|state| !state.is_empty());
    let traceparent = to_traceparent(context);
    match (how.rule.place(), how.rule.format()) {
        (Place::Status(_) | Place::Env(_), _) => None,
        (Place::Key(_), Format::Json | Format::Carrier) => {
            let all = [
                ("traceparent", Some(&*traceparent)),
                ("tracestate", state),
                ("baggage", how.baggage),
            ];
            let map =
                all.into_iter().filter_map(|(key, text)| Some((key.to_owned(), text?.into())));
            let json = Value::Object(map.collect()).to_string();
            Some(vec![(how.rule.name(Part::Json), Some(json))])
        }
        (Place::Key(_) | Place::Prefix(_), _) => {
            let key = how.rule.name(Part::Parent);
            let mut parts = vec![(key.clone(), Some(traceparent))];
            for (part, text) in [(Part::State, state), (Part::Baggage, how.baggage)] {
                let beside = how.rule.name(part);
                // A key of one's own has no place beside it.
                if beside != key && how.rule.part_of_annotation(&beside) == Some(part) {
                    parts.push((beside, text.map(str::to_owned)));
                }
            }
            Some(parts)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::context::{extract, extract_by, tracestate};

    fn context(trace_state: &str) -> TraceContext {
        TraceContext {
            trace_id: TraceId([0x0a; 16]),
            span_id: SpanId([0xb7; 8]),
            flags: 0x01,
            trace_state: trace_state.into(),
        }
    }

    fn told(annotations: &BTreeMap<String, String>) -> Vec<String> {
        annotations.iter().map(|(key, value)| format!("{key}={value}")).collect()
    }

    const PARENT: &str = "00-0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a-b7b7b7b7b7b7b7b7-01";

    #[test]
    fn the_key_of_the_kep_is_written_and_baggage_only_if_asked() {
        let mut annotations = BTreeMap::new();
        let how = Injection::default();
        assert_eq!(inject(&context("x=1"), &mut annotations, &how), Injected::Written);
        let expected = [
            format!("tracing.k8s.io/traceparent={PARENT}"),
            "tracing.k8s.io/tracestate=x=1".to_owned(),
        ];
        assert_eq!(told(&annotations), expected);
        let how = Injection { baggage: Some("team=a"), overwrites: true, ..how };
        inject(&context(""), &mut annotations, &how);
        let expected = [
            "tracing.k8s.io/baggage=team=a".to_owned(),
            format!("tracing.k8s.io/traceparent={PARENT}"),
        ];
        assert_eq!(told(&annotations), expected, "a tracestate goes with its traceparent");
    }

    #[test]
    fn what_stands_there_is_left_unless_asked() {
        for old in ["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "malformed", ""] {
            let key = "tracing.k8s.io/traceparent".to_owned();
            let mut annotations = BTreeMap::from([(key, old.to_owned())]);
            let before = annotations.clone();
            let how = Injection::default();
            assert_eq!(inject(&context("x=1"), &mut annotations, &how), Injected::Kept);
            assert_eq!(annotations, before);
        }
    }

    #[test]
    fn a_key_known_for_json_is_written_as_json() {
        let mut annotations = BTreeMap::new();
        inject(
            &context("x=1"),
            &mut annotations,
            &Injection::to_key("opentelemetry.io/trace-context"),
        );
        inject(&context("x=1"), &mut annotations, &Injection::to_key("example.com/ctx"));
        inject(&context("x=1"), &mut annotations, &Injection::to_key("example.com/traceparent"));
        let json = format!(r#"{{"traceparent":"{PARENT}","tracestate":"x=1"}}"#);
        assert_eq!(
            told(&annotations),
            [
                format!("example.com/ctx={PARENT}"),
                format!("example.com/traceparent={PARENT}"),
                "example.com/tracestate=x=1".to_owned(),
                format!("opentelemetry.io/trace-context={json}"),
            ]
        );
    }

    #[test]
    fn neither_status_nor_env_is_ever_written() {
        for place in [Place::Status(["a".into()].into()), Place::Env("TRACEPARENT".into())] {
            let how =
                Injection { rule: Rule::new(place, None, false).unwrap(), ..Injection::default() };
            let mut annotations = BTreeMap::new();
            assert_eq!(inject(&context(""), &mut annotations, &how), Injected::NoPlace);
            assert_eq!(annotations, BTreeMap::new());
        }
    }

    #[test]
    fn flags_without_a_meaning_are_written_as_zero() {
        let context = TraceContext { flags: 0xff, ..context("") };
        assert!(to_traceparent(&context).ends_with("-03"));
    }

    prop_compose! {
        fn contexts()(
            trace_id in any::<[u8; 16]>().prop_filter("zero is none", |id| *id != [0; 16]),
            span_id in any::<[u8; 8]>().prop_filter("zero is none", |id| *id != [0; 8]),
            flags in 0_u8..4,
            trace_state in "([a-z0-9][a-z0-9_*/@-]{0,8}=[ -+.-<>-~]{0,8}[!-+.-<>-~]){0,1}",
        ) -> TraceContext {
            assert_eq!(tracestate(&trace_state), Ok(()), "{trace_state}");
            let (trace_id, span_id) = (TraceId(trace_id), SpanId(span_id));
            TraceContext { trace_id, span_id, flags, trace_state: trace_state.into() }
        }
    }

    proptest! {
        #[test]
        fn what_is_extracted_is_what_was_injected(
            context in contexts(),
            other in contexts(),
            key in prop::sample::select(vec![
                "tracing.k8s.io/traceparent", "opentelemetry.io/traceparent", "traceparent",
                "opentelemetry.io/trace-context", "tekton.dev/pipelinerunSpanContext",
            ]),
        ) {
            let mut annotations = BTreeMap::new();
            let how = Injection { overwrites: true, ..Injection::to_key(key) };
            inject(&other, &mut annotations, &how);
            inject(&context, &mut annotations, &how);
            prop_assert_eq!(extract(&annotations), Some(context.clone()));
            let all = extract_by(&Rules::built_in(), &annotations);
            prop_assert_eq!(all.stamps.len(), 1);
            prop_assert!(all.refused.is_empty());
        }

        #[test]
        fn what_is_minted_is_a_trace_context(random in any::<[u8; 32]>(), other in any::<[u8; 32]>()) {
            let root = minted(&random);
            let child = child(&root, &other);
            for context in [&root, &child] {
                let read = crate::context::traceparent(&to_traceparent(context));
                prop_assert_eq!(read, Ok((root.trace_id, context.span_id, 3)));
            }
        }
    }

    #[test]
    fn a_minted_context_is_never_zero() {
        assert_eq!(
            to_traceparent(&minted(&[0; 32])),
            format!("00-{}-{}-03", "01".repeat(16), "01".repeat(8))
        );
    }
}
