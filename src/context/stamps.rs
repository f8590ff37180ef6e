//! What stands in the places of the rules, and what of it is a trace context.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;

use super::rules::{Asked, Part, Rule, Rules};
use super::{baggage, traceparent, tracestate};
use crate::facts::stamp::{Stamp, TraceContext};

/// How many containers' env variables are looked at.
const MAX_ENVS: usize = 64;

/// How long a text may be; the longest `tracestate` without white space is half of it.
const MAX_TEXT: usize = 32 << 10;

/// How many trace contexts one object may have.
const MAX_STAMPS: usize = 32;

/// The parts of one trace context, as found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Parts<'a> {
    parent: Option<Cow<'a, str>>,
    state: Option<Cow<'a, str>>,
    baggage: Option<Cow<'a, str>>,
    json: Option<Cow<'a, str>>,
}

/// What one object carries in all places, not yet read.
#[derive(Clone, Debug)]
pub struct Carrier<'r, 'a> {
    rules: &'r Rules,
    /// By the index of its rule.
    found: Vec<(usize, Parts<'a>)>,
    n_envs: usize,
}

/// What is wrong with a trace context: a closed set, to count by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flaw {
    /// Its `traceparent` breaks the grammar.
    Traceparent,
    /// Its `tracestate` does; the rest is used.
    Tracestate,
    /// Its `baggage` does; the rest is used.
    Baggage,
    /// It is no JSON of a map of strings.
    Json,
    /// It is longer than any trace context.
    TooLong,
    /// The object has more of them than are looked at.
    TooMany,
}

impl Flaw {
    /// All there are.
    pub const ALL: [Self; 6] = [
        Self::Traceparent,
        Self::Tracestate,
        Self::Baggage,
        Self::Json,
        Self::TooLong,
        Self::TooMany,
    ];

    /// As metrics name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Traceparent => "traceparent",
            Self::Tracestate => "tracestate",
            Self::Baggage => "baggage",
            Self::Json => "json",
            Self::TooLong => "too_long",
            Self::TooMany => "too_many",
        }
    }
}

/// A trace context that is none, or a part of one that is left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Where it stood: an annotation key, `status.spanContext` or `env TRACEPARENT`.
    pub key: Box<str>,
    /// What sort of thing is wrong.
    pub flaw: Flaw,
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

/// What is wrong with a JSON, without the values that stand there: they may be secret, or long.
struct Unread<'e>(&'e serde_json::Error);

impl fmt::Display for Unread<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(error) = self;
        if error.is_data() {
            let (line, column) = (error.line(), error.column());
            return write!(f, "something else stands before line {line} column {column}");
        }
        fmt::Display::fmt(error, f)
    }
}

impl<'a> Parts<'a> {
    fn put(&mut self, part: Part, text: Cow<'a, str>) {
        let slot = match part {
            Part::Parent => &mut self.parent,
            Part::State => &mut self.state,
            Part::Baggage => &mut self.baggage,
            Part::Json => &mut self.json,
        };
        *slot = Some(text);
    }
}

impl<'r, 'a> Carrier<'r, 'a> {
    /// An object of which nothing is known yet.
    #[must_use]
    pub fn new(rules: &'r Rules) -> Self {
        Self { rules, found: Vec::new(), n_envs: 0 }
    }

    /// There is an annotation `key`; its value is asked for only if it may be a trace context.
    pub fn annotation(&mut self, key: &str, value: impl Fn() -> Option<Cow<'a, str>>) {
        for (index, rule) in self.rules.all().iter().enumerate() {
            let Some(part) = rule.part_of_annotation(key) else { continue };
            let Some(value) = value() else { continue };
            let at = self.found.iter().position(|(known, _)| *known == index);
            let at = at.unwrap_or_else(|| {
                self.found.push((index, Parts::default()));
                self.found.len() - 1
            });
            if let Some((_, parts)) = self.found.get_mut(at) {
                parts.put(part, value);
            }
        }
    }

    /// There is a container; `value_of` an env variable is asked for those that are of interest.
    pub fn env(&mut self, mut value_of: impl FnMut(&str) -> Option<Cow<'a, str>>) {
        for Asked { rule, names } in self.rules.envs() {
            let mut parts = Parts::default();
            for (name, part) in names {
                if let Some(value) = name.first().and_then(|name| value_of(name)) {
                    parts.put(*part, value);
                }
            }
            let one = (*rule, parts);
            // The containers of one template mostly share their env.
            if one.1 != Parts::default() && self.n_envs < MAX_ENVS && !self.found.contains(&one) {
                self.n_envs += 1;
                self.found.push(one);
            }
        }
    }

    /// There is a status; `text_at` a path in it is asked for those that are of interest.
    pub fn status(&mut self, mut text_at: impl FnMut(&[Box<str>]) -> Option<Cow<'a, str>>) {
        for Asked { rule, names } in self.rules.statuses() {
            let mut parts = Parts::default();
            for (path, part) in names {
                if let Some(text) = text_at(path) {
                    parts.put(*part, text);
                }
            }
            if parts != Parts::default() {
                self.found.push((*rule, parts));
            }
        }
    }

    /// Reads all that is carried.
    #[must_use]
    pub fn read(mut self) -> Stamps {
        let mut stamps = Stamps::default();
        self.found.sort_by_key(|(index, _)| *index);
        for (index, parts) in self.found {
            if let Some(rule) = self.rules.all().get(index) {
                stamps.add(rule, parts, self.rules.baggage());
            }
        }
        stamps
    }
}

/// A map of texts, of which three are of interest.
#[derive(Deserialize)]
struct Json {
    traceparent: Option<String>,
    tracestate: Option<String>,
    baggage: Option<String>,
}

impl Stamps {
    fn add(&mut self, rule: &Rule, mut parts: Parts<'_>, allowed: &[Box<str>]) {
        let found = if parts.json.is_some() { Part::Json } else { Part::Parent };
        if let Some(json) = self.bounded(rule, Part::Json, parts.json.take()) {
            // A list of the fields would be one to serde, and is none to anybody else.
            let map = if json.trim_start().starts_with('[') { "null" } else { &*json };
            match serde_json::from_str(map) {
                Ok(Json { traceparent, tracestate, baggage }) => {
                    parts.parent = traceparent.map(Cow::Owned);
                    parts.state = tracestate.map(Cow::Owned);
                    parts.baggage = baggage.map(Cow::Owned);
                }
                Err(error) => {
                    let problem = format!("it is no JSON of a map of strings: {}", Unread(&error));
                    return self.refuse(rule, Part::Json, Flaw::Json, problem);
                }
            }
        }
        // A tracestate without a traceparent must not even be parsed.
        let Some(parent) = self.bounded(rule, found, parts.parent) else { return };
        let (trace_id, span_id, flags) = match traceparent(&parent) {
            Ok(read) => read,
            Err(error) => return self.refuse(rule, found, Flaw::Traceparent, error.to_string()),
        };
        let beside = |part| if found == Part::Json { found } else { part };
        let state = self.bounded(rule, beside(Part::State), parts.state);
        let trace_state = match state.map(|state| (tracestate(&state), state)) {
            Some((Ok(()), state)) => state.into(),
            Some((Err(error), _)) => {
                self.refuse(rule, beside(Part::State), Flaw::Tracestate, error.to_string());
                Box::default()
            }
            None => Box::default(),
        };
        // Baggage that nobody asked for is not even read.
        let text = parts.baggage.filter(|_| !allowed.is_empty());
        let text = self.bounded(rule, beside(Part::Baggage), text);
        let baggage = match text.map(|text| baggage(&text, allowed)) {
            Some(Ok(baggage)) => baggage,
            Some(Err(error)) => {
                self.refuse(rule, beside(Part::Baggage), Flaw::Baggage, error.to_string());
                Box::default()
            }
            None => Box::default(),
        };
        let is_known =
            |stamp: &Stamp| stamp.context.trace_id == trace_id && stamp.context.span_id == span_id;
        if self.stamps.iter().any(is_known) {
            return;
        }
        if self.stamps.len() == MAX_STAMPS {
            let problem = format!("the object has more than {MAX_STAMPS} trace contexts");
            return self.refuse(rule, found, Flaw::TooMany, problem);
        }
        let context = TraceContext { trace_id, span_id, flags, trace_state };
        let found = rule.name(found).into();
        self.stamps.push(Stamp { found, context, is_parent: rule.is_parent(), baggage });
    }

    fn bounded<'a>(
        &mut self,
        rule: &Rule,
        part: Part,
        text: Option<Cow<'a, str>>,
    ) -> Option<Cow<'a, str>> {
        let text = text?;
        if text.len() <= MAX_TEXT {
            return Some(text);
        }
        let problem = format!("it has {} bytes: at most {MAX_TEXT} are expected", text.len());
        self.refuse(rule, part, Flaw::TooLong, problem);
        None
    }

    fn refuse(&mut self, rule: &Rule, part: Part, flaw: Flaw, problem: String) {
        self.refused.push(Refused { key: rule.name(part).into(), flaw, problem });
    }
}

#[cfg(test)]
mod tests {
    use super::{Carrier, Flaw, Refused, Stamps};
    use crate::context::rules::{Format, Place, Rule, Rules};

    const A: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const B: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

    /// Keys in capitals are env variables of a container of their own, keys that begin with a dot
    /// are paths in the status, all others annotations.
    fn carried(rules: &Rules, carried: &[(&str, &str)]) -> Stamps {
        let mut carrier = Carrier::new(rules);
        carrier.status(|path| {
            let name = format!(".{}", path.join("."));
            let (_, value) = carried.iter().find(|(key, _)| **key == name)?;
            Some((*value).to_owned().into())
        });
        for &(key, value) in carried {
            if key.starts_with('.') {
            } else if key.bytes().all(|byte| byte.is_ascii_uppercase()) {
                carrier.env(|name| (name == key).then(|| value.to_owned().into()));
            } else {
                carrier.annotation(key, || Some(value.to_owned().into()));
            }
        }
        carrier.read()
    }

    fn told(stamps: &Stamps) -> Vec<String> {
        let told = |stamp: &super::Stamp| {
            let context = &stamp.context;
            let relation = if stamp.is_parent { "parent" } else { "link" };
            format!("{} {} {relation} {}", stamp.found, context.span_id, context.trace_state)
        };
        stamps.stamps.iter().map(told).collect()
    }

    fn read(all: &[(&str, &str)]) -> (Vec<String>, Vec<Refused>) {
        let stamps = carried(&Rules::built_in(), all);
        (told(&stamps), stamps.refused)
    }

    /// A `traceparent` whose parent-id ends with `n`.
    fn nth(n: u8) -> String {
        format!("00-0af7651916cd43dd8448eb211c80319c-00000000000000{n:02x}-01")
    }

    #[test]
    fn stamps_come_in_the_order_of_the_rules_whatever_the_order_on_the_object() {
        let json = |n| format!("{{\"traceparent\":\"{}\"}}", nth(n));
        let (stamps, refused) = read(&[
            ("traceparent", &nth(9)),
            ("TRACEPARENT", &nth(8)),
            ("tekton.dev/customrunSpanContext", &json(7)),
            ("tekton.dev/pipelinerunSpanContext", &json(6)),
            ("tekton.dev/taskrunSpanContext", &json(5)),
            (".spanContext.traceparent", &nth(4)),
            ("opentelemetry.io/trace-context", &json(3)),
            ("opentelemetry.io/traceparent", &nth(2)),
            ("tracing.k8s.io/tracestate", "x=1"),
            ("tracing.k8s.io/traceparent", &nth(1)),
        ]);
        assert_eq!(
            stamps,
            [
                "tracing.k8s.io/traceparent 0000000000000001 link x=1",
                "opentelemetry.io/traceparent 0000000000000002 link ",
                "opentelemetry.io/trace-context 0000000000000003 link ",
                "status.spanContext 0000000000000004 parent ",
                "tekton.dev/taskrunSpanContext 0000000000000005 parent ",
                "tekton.dev/pipelinerunSpanContext 0000000000000006 parent ",
                "tekton.dev/customrunSpanContext 0000000000000007 parent ",
                "env TRACEPARENT 0000000000000008 link ",
                "traceparent 0000000000000009 link ",
            ]
        );
        assert_eq!(refused, []);
    }

    #[test]
    fn the_same_context_in_two_places_is_one_stamp() {
        let (stamps, _) = read(&[("TRACEPARENT", A), ("tracing.k8s.io/traceparent", A)]);
        assert_eq!(stamps, ["tracing.k8s.io/traceparent b7ad6b7169203331 link "]);
    }

    #[test]
    fn what_is_malformed_is_told_and_ignored() {
        let (stamps, refused) = read(&[
            ("tracing.k8s.io/traceparent", "00-zz"),
            ("TRACEPARENT", ""),
            ("opentelemetry.io/trace-context", B),
            ("traceparent", B),
        ]);
        assert_eq!(stamps, ["traceparent 00f067aa0ba902b7 link "]);
        let keys: Vec<_> = refused.iter().map(|refused| (&*refused.key, refused.flaw)).collect();
        assert_eq!(
            keys,
            [
                ("tracing.k8s.io/traceparent", Flaw::Traceparent),
                ("opentelemetry.io/trace-context", Flaw::Json),
                ("env TRACEPARENT", Flaw::Traceparent),
            ]
        );
    }

    #[test]
    fn a_malformed_tracestate_is_left_out_and_told() {
        let (stamps, refused) = read(&[
            ("traceparent", B),
            ("tracestate", "NO"),
            ("opentelemetry.io/tracestate", "NO"),
        ]);
        assert_eq!(stamps, ["traceparent 00f067aa0ba902b7 link "]);
        let [refused] = &*refused else { panic!("{refused:?}") };
        assert_eq!((&*refused.key, refused.flaw), ("tracestate", Flaw::Tracestate));
        assert_eq!(refused.problem, "list-member 1 of tracestate has no `=`");
    }

    #[test]
    fn json_without_a_traceparent_says_that_there_is_none() {
        // Tekton writes an empty map where nothing was traced.
        for json in ["{}", r#"{"traceparent":null,"other":1}"#] {
            assert_eq!(read(&[("tekton.dev/taskrunSpanContext", json)]), (vec![], vec![]));
        }
        for json in ["", "[]", "null", "7", r#"{"traceparent":7}"#, "{"] {
            let (stamps, refused) = read(&[("tekton.dev/taskrunSpanContext", json)]);
            assert_eq!((stamps.len(), refused[0].flaw), (0, Flaw::Json), "{json}");
        }
    }

    #[test]
    fn a_json_that_is_none_is_told_without_what_stands_there() {
        let told =
            |json: &str| read(&[("tekton.dev/taskrunSpanContext", json)]).1[0].problem.clone();
        assert_eq!(
            told(&format!("\"{}\"", "sesame".repeat(1_000))),
            "it is no JSON of a map of strings: something else stands before line 1 column 6002"
        );
        assert_eq!(
            told(r#"{"traceparent":7}"#),
            "it is no JSON of a map of strings: something else stands before line 1 column 16"
        );
        assert_eq!(
            told("{"),
            "it is no JSON of a map of strings: EOF while parsing an object at line 1 column 1"
        );
    }

    #[test]
    fn all_parts_of_a_json_are_read() {
        let rules = Rules::new(
            vec![Rule::new(Place::Key("ctx".into()), Some(Format::Json), true).unwrap()],
            ["team".to_owned()],
        );
        let json = format!(
            r#"{{"traceparent":"{A}","tracestate":"x=1","baggage":"user=alice,team=a%20b"}}"#
        );
        let stamps = carried(&rules, &[("ctx", &json)]);
        assert_eq!(told(&stamps), ["ctx b7ad6b7169203331 parent x=1"]);
        assert_eq!(*stamps.stamps[0].baggage, [("team".into(), "a b".into())]);
    }

    #[test]
    fn baggage_is_kept_for_allowed_keys_and_else_not_even_read() {
        let prefix = || Rule::new(Place::Prefix("a/".into()), None, false).unwrap();
        let all = [("a/traceparent", A), ("a/baggage", "user=alice,team=x,team")];
        let stamps = carried(&Rules::new(vec![prefix()], []), &all);
        assert_eq!((stamps.stamps[0].baggage.len(), stamps.refused.len()), (0, 0));
        let stamps = carried(&Rules::new(vec![prefix()], ["team".to_owned()]), &all);
        let [refused] = &*stamps.refused else { panic!("{stamps:?}") };
        assert_eq!((&*refused.key, refused.flaw), ("a/baggage", Flaw::Baggage));
        assert_eq!(stamps.stamps.len(), 1);
    }

    #[test]
    fn a_place_may_be_configured_and_then_nothing_else_counts() {
        let status = Place::Status(["trace".into(), "context".into()].into());
        let rules = Rules::new(
            vec![
                Rule::new(Place::Env("CI_TRACEPARENT".into()), None, false).unwrap(),
                Rule::new(status, Some(Format::W3c), true).unwrap(),
            ],
            [],
        );
        let mut carrier = Carrier::new(&rules);
        carrier.env(|name| match name {
            "CI_TRACEPARENT" | "TRACEPARENT" => Some(A.into()),
            "CI_TRACESTATE" => Some("y=2".into()),
            _ => None,
        });
        carrier.annotation("traceparent", || Some(B.into()));
        carrier.status(|path| (path.join(".") == "trace.context").then(|| B.into()));
        assert_eq!(
            told(&carrier.read()),
            [
                "env CI_TRACEPARENT b7ad6b7169203331 link y=2",
                "status.trace.context 00f067aa0ba902b7 parent ",
            ]
        );
    }

    #[test]
    fn what_is_huge_or_many_is_bounded_and_told() {
        let long = "x".repeat(40_000);
        let (stamps, refused) = read(&[
            ("traceparent", A),
            ("tracestate", &long),
            ("opentelemetry.io/trace-context", &long),
        ]);
        assert_eq!(stamps.len(), 1);
        assert!(refused.iter().all(|it| it.flaw == Flaw::TooLong && it.problem.len() < 80));
        assert_eq!(refused.len(), 2);

        let rules = Rules::built_in();
        let mut carrier = Carrier::new(&rules);
        for n in 1..=200 {
            carrier.env(|name| (name == "TRACEPARENT").then(|| nth(n).into()));
        }
        let Stamps { stamps, refused } = carrier.read();
        assert_eq!((stamps.len(), refused.len()), (32, 32));
        assert!(refused.iter().all(|it| it.flaw == Flaw::TooMany));
    }
}
