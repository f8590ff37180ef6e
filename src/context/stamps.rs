//! Where trace contexts stand on an object, and in which order the places count.

use std::borrow::Cow;

use super::{traceparent, tracestate};
use crate::lifecycle::object::{Stamp, TraceContext};

/// Annotation prefixes that count before env variables.
const PREFIXES: [&str; 2] = ["tracing.k8s.io/", "opentelemetry.io/"];

/// How many containers' env variables are looked at.
const MAX_ENVS: usize = 64;

/// An annotation key that may hold a part of a trace context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Index into the prefixes; the bare key comes after them.
    rule: usize,
    is_state: bool,
}

impl Place {
    /// The place that an annotation key is, if it is one.
    #[must_use]
    pub fn of_annotation(key: &str) -> Option<Self> {
        let (rule, rest) = PREFIXES
            .iter()
            .enumerate()
            .find_map(|(rule, prefix)| Some((rule, key.strip_prefix(prefix)?)))
            .unwrap_or((PREFIXES.len(), key));
        match rest {
            "traceparent" => Some(Self { rule, is_state: false }),
            "tracestate" => Some(Self { rule, is_state: true }),
            _ => None,
        }
    }
}

/// A `traceparent` and the `tracestate` beside it, as found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Pair<'a> {
    parent: Option<Cow<'a, str>>,
    state: Option<Cow<'a, str>>,
}

/// What one object carries in all places, not yet read.
#[derive(Clone, Debug, Default)]
pub struct Carrier<'a> {
    annotations: [Pair<'a>; PREFIXES.len() + 1],
    envs: Vec<Pair<'a>>,
}

/// A trace context that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Where it stood: an annotation key, or `env TRACEPARENT`.
    pub key: Box<str>,
    /// What is wrong with it.
    pub problem: String,
}

/// What a [`Carrier`] turned out to carry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stamps {
    /// Distinct contexts, in the order of the rules.
    pub stamps: Vec<Stamp>,
    /// What was malformed. A malformed tracestate does not refuse its traceparent.
    pub refused: Vec<Refused>,
}

impl<'a> Carrier<'a> {
    /// An annotation has this value.
    pub fn annotation(&mut self, place: Place, value: Cow<'a, str>) {
        if let Some(pair) = self.annotations.get_mut(place.rule) {
            let part = if place.is_state { &mut pair.state } else { &mut pair.parent };
            *part = Some(value);
        }
    }

    /// A container has these values of `TRACEPARENT` and `TRACESTATE`.
    pub fn env(&mut self, parent: Option<Cow<'a, str>>, state: Option<Cow<'a, str>>) {
        let pair = Pair { parent, state };
        // The containers of one template mostly share their env.
        if pair.parent.is_some() && self.envs.len() < MAX_ENVS && !self.envs.contains(&pair) {
            self.envs.push(pair);
        }
    }

    /// Reads all that is carried.
    #[must_use]
    pub fn read(self) -> Stamps {
        let mut stamps = Stamps::default();
        let [first, second, bare] = self.annotations;
        let [first_prefix, second_prefix] = PREFIXES;
        stamps.add(first, |part| format!("{first_prefix}{part}"));
        stamps.add(second, |part| format!("{second_prefix}{part}"));
        for pair in self.envs {
            stamps.add(pair, |part| format!("env {}", part.to_ascii_uppercase()));
        }
        stamps.add(bare, str::to_owned);
        stamps
    }
}

impl Stamps {
    fn add(&mut self, pair: Pair<'_>, key: impl Fn(&str) -> String) {
        // A tracestate without a traceparent must not even be parsed.
        let Some(parent) = pair.parent else { return };
        let (trace_id, span_id, flags) = match traceparent(&parent) {
            Ok(read) => read,
            Err(error) => return self.refuse(key("traceparent"), error.to_string()),
        };
        let trace_state = match pair.state.as_deref().map(|state| (state, tracestate(state))) {
            Some((state, Ok(()))) => state.into(),
            Some((_, Err(error))) => {
                self.refuse(key("tracestate"), error.to_string());
                Box::default()
            }
            None => Box::default(),
        };
        let is_known =
            |stamp: &Stamp| stamp.context.trace_id == trace_id && stamp.context.span_id == span_id;
        if !self.stamps.iter().any(is_known) {
            let context = TraceContext { trace_id, span_id, flags, trace_state };
            self.stamps.push(Stamp { found: key("traceparent").into(), context });
        }
    }

    fn refuse(&mut self, key: String, problem: String) {
        self.refused.push(Refused { key: key.into(), problem });
    }
}

#[cfg(test)]
mod tests {
    use super::{Carrier, Place, Refused};

    const A: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const B: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

    /// `key=value` each; keys in capitals are env variables of a container of their own.
    fn read(carried: &[(&'static str, &'static str)]) -> (Vec<String>, Vec<Refused>) {
        let mut carrier = Carrier::default();
        for &(key, value) in carried {
            match Place::of_annotation(key) {
                Some(place) => carrier.annotation(place, value.into()),
                None => carrier.env(Some(value.into()), None),
            }
        }
        let read = carrier.read();
        let told = |stamp: &super::Stamp| {
            let context = &stamp.context;
            format!("{} {} {}", stamp.found, context.span_id, context.trace_state)
        };
        (read.stamps.iter().map(told).collect(), read.refused)
    }

    #[test]
    fn stamps_come_in_the_order_of_the_rules_whatever_the_order_on_the_object() {
        let c = "00-0af7651916cd43dd8448eb211c80319c-00000000000000c1-01";
        let d = "00-0af7651916cd43dd8448eb211c80319c-00000000000000d1-01";
        let (stamps, refused) = read(&[
            ("traceparent", d),
            ("TRACEPARENT", c),
            ("opentelemetry.io/traceparent", B),
            ("tracing.k8s.io/tracestate", "x=1"),
            ("tracing.k8s.io/traceparent", A),
        ]);
        assert_eq!(
            stamps,
            [
                "tracing.k8s.io/traceparent b7ad6b7169203331 x=1",
                "opentelemetry.io/traceparent 00f067aa0ba902b7 ",
                "env TRACEPARENT 00000000000000c1 ",
                "traceparent 00000000000000d1 ",
            ]
        );
        assert_eq!(refused, []);
    }

    #[test]
    fn the_same_context_in_two_places_is_one_stamp() {
        let (stamps, _) = read(&[("TRACEPARENT", A), ("tracing.k8s.io/traceparent", A)]);
        assert_eq!(stamps, ["tracing.k8s.io/traceparent b7ad6b7169203331 "]);
    }

    #[test]
    fn what_is_malformed_is_told_and_ignored() {
        let (stamps, refused) = read(&[
            ("tracing.k8s.io/traceparent", "00-zz"),
            ("TRACEPARENT", ""),
            ("traceparent", B),
        ]);
        assert_eq!(stamps, ["traceparent 00f067aa0ba902b7 "]);
        let keys: Vec<&str> = refused.iter().map(|refused| &*refused.key).collect();
        assert_eq!(keys, ["tracing.k8s.io/traceparent", "env TRACEPARENT"]);
    }

    #[test]
    fn a_malformed_tracestate_is_left_out_and_told() {
        let (stamps, refused) = read(&[
            ("traceparent", B),
            ("tracestate", "NO"),
            ("opentelemetry.io/tracestate", "NO"),
        ]);
        assert_eq!(stamps, ["traceparent 00f067aa0ba902b7 "]);
        assert_eq!(refused.len(), 1);
        assert_eq!(refused[0].problem, "list-member 1 of tracestate has no `=`");
    }

    #[test]
    fn other_keys_are_no_places() {
        for key in ["tracing.k8s.io/", "example.com/traceparent", "tracing.k8s.io/Traceparent", ""]
        {
            assert_eq!(Place::of_annotation(key), None, "{key}");
        }
    }
}
