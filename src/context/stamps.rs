//! What stands in the places of the rules, and what of it is a trace context.

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::foreign;
use super::ids::{SpanId, TraceId};
use super::rule::{Format, Part, Rule, W3C};
use super::rules::{Asked, Rules};
use super::trace_context::{Stamp, TraceContext};
use super::{TRACEPARENT, TRACESTATE, baggage, traceparent, tracestate};

/// How many containers' env variables are looked at.
const MAX_ENVS: usize = 64;

/// How long a text may be; the longest `tracestate` without white space is half of it.
pub(super) const MAX_TEXT: usize = 32 << 10;

/// How many trace contexts one object may have.
const MAX_STAMPS: usize = 32;

/// The parts of one trace context, as found.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Found<'a> {
    /// The index of its rule.
    rule: usize,
    /// Where a rule finds several: what their names begin with.
    stem: Box<str>,
    parts: Vec<(Part, Cow<'a, str>)>,
}

/// What one object carries in all places, not yet read.
#[derive(Clone, Debug)]
pub struct Carrier<'r, 'a> {
    rules: &'r Rules,
    /// Its kind and API group, where they are known.
    kind: Option<(&'r str, &'r str)>,
    found: Vec<Found<'a>>,
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
    /// It breaks the grammar of the format that its rule names.
    Format,
    /// It is longer than any trace context.
    TooLong,
    /// The object has more of them than are looked at.
    TooMany,
}

impl Flaw {
    /// All there are.
    pub const ALL: [Self; 7] = [
        Self::Traceparent,
        Self::Tracestate,
        Self::Baggage,
        Self::Json,
        Self::Format,
        Self::TooLong,
        Self::TooMany,
    ];

    /// As metrics name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Traceparent => TRACEPARENT,
            Self::Tracestate => TRACESTATE,
            Self::Baggage => "baggage",
            Self::Json => "json",
            Self::Format => "format",
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

impl<'r, 'a> Carrier<'r, 'a> {
    /// An object of which nothing is known yet, not even its kind: all rules hold for it.
    #[must_use]
    pub fn new(rules: &'r Rules) -> Self {
        Self { rules, kind: None, found: Vec::new(), n_envs: 0 }
    }

    /// An object of this kind and API group, which is empty for the core group.
    #[must_use]
    pub fn of_kind(rules: &'r Rules, kind: &'r str, group: &'r str) -> Self {
        Self { kind: Some((kind, group)), ..Self::new(rules) }
    }

    fn holds(&self, rule: &Rule) -> bool {
        self.kind.is_none_or(|(kind, group)| rule.is_of(kind, group))
    }

    /// There is an annotation `key`; its value is asked for only if it may be a trace context.
    pub fn annotation(&mut self, key: &str, value: impl Fn() -> Option<Cow<'a, str>>) {
        for (index, rule) in self.rules.all().iter().enumerate() {
            if let Some((part, stem)) = rule.part_of_annotation(key)
                && self.holds(rule)
                && let Some(value) = value()
            {
                self.put(index, stem, part, value);
            }
        }
    }

    /// There is a label `key`, likewise.
    pub fn label(&mut self, key: &str, value: impl Fn() -> Option<Cow<'a, str>>) {
        for (index, rule) in self.rules.all().iter().enumerate() {
            if let Some(part) = rule.part_of_label(key)
                && self.holds(rule)
                && let Some(value) = value()
            {
                self.put(index, "", part, value);
            }
        }
    }

    fn put(&mut self, rule: usize, stem: &str, part: Part, value: Cow<'a, str>) {
        let is_it = |found: &Found<'_>| found.rule == rule && *found.stem == *stem;
        if let Some(at) = self.found.iter().position(is_it) {
            if let Some(found) = self.found.get_mut(at) {
                found.parts.push((part, value));
            }
        } else if self.found.len() <= 2 * MAX_STAMPS + MAX_ENVS {
            // What is more than may be read need not be kept: enough is to tell so.
            self.found.push(Found { rule, stem: stem.into(), parts: vec![(part, value)] });
        }
    }

    /// There is a container; `value_of` an env variable is asked for those that are of interest.
    pub fn env(&mut self, mut value_of: impl FnMut(&str) -> Option<Cow<'a, str>>) {
        let rules = self.rules;
        for Asked { rule, names } in rules.envs() {
            if !rules.all().get(*rule).is_some_and(|rule| self.holds(rule)) {
                continue;
            }
            let named =
                names.iter().filter_map(|(name, part)| Some((*part, value_of(name.first()?)?)));
            let one = Found { rule: *rule, stem: Box::default(), parts: named.collect() };
            // The containers of one template mostly share their env.
            let is_new = !one.parts.is_empty() && !self.found.contains(&one);
            if is_new && self.n_envs < MAX_ENVS {
                self.n_envs += 1;
                self.found.push(one);
            }
        }
    }

    /// There is a status; `text_at` a path in it is asked for those that are of interest.
    pub fn status(&mut self, mut text_at: impl FnMut(&[Box<str>]) -> Option<Cow<'a, str>>) {
        let rules = self.rules;
        for Asked { rule, names } in rules.statuses() {
            if !rules.all().get(*rule).is_some_and(|rule| self.holds(rule)) {
                continue;
            }
            let named = names.iter().filter_map(|(path, part)| Some((*part, text_at(path)?)));
            let one = Found { rule: *rule, stem: Box::default(), parts: named.collect() };
            if !one.parts.is_empty() {
                self.found.push(one);
            }
        }
    }

    /// Reads all that is carried.
    #[must_use]
    pub fn read(mut self) -> Stamps {
        let mut stamps = Stamps::default();
        self.found.sort_by(|a, b| (a.rule, &a.stem).cmp(&(b.rule, &b.stem)));
        for Found { rule, stem, parts } in self.found {
            if let Some(rule) = self.rules.all().get(rule) {
                stamps.add(&Place { rule, stem: &stem }, parts, self.rules.baggage());
            }
        }
        stamps
    }
}

/// Where a trace context stood: for what is said of it.
struct Place<'p> {
    rule: &'p Rule,
    stem: &'p str,
}

/// What stands in a JSON of a map: texts, of which three are of interest.
fn of_json(text: &str) -> Result<Vec<(Part, Cow<'static, str>)>, String> {
    let map: Map<String, Value> = match serde_json::from_str(text) {
        Ok(Value::Object(map)) => map,
        // What stands there instead may be secret, or long.
        Ok(_) => return Err("something else stands there".to_owned()),
        Err(error) => return Err(error.to_string()),
    };
    let mut found = Vec::new();
    for (name, part) in W3C {
        match map.get(name) {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) => found.push((part, Cow::Owned(text.clone()))),
            Some(_) => return Err(format!("{name} is no string")),
        }
    }
    Ok(found)
}

impl Stamps {
    /// The parts of one trace context are read: the white space around them means nothing.
    fn add(&mut self, place: &Place<'_>, found: Vec<(Part, Cow<'_, str>)>, allowed: &[Box<str>]) {
        let format = place.rule.format();
        let mut parts = Vec::with_capacity(found.len());
        for (part, text) in found {
            if text.len() <= MAX_TEXT {
                parts.push((part, text));
            } else if part != Part::Baggage || !allowed.is_empty() {
                let n = text.len();
                let problem = format!("it has {n} bytes: at most {MAX_TEXT} are expected");
                self.refuse(place, part, Flaw::TooLong, problem);
            }
        }
        match format {
            Format::W3c | Format::Carrier => self.add_w3c(place, None, &parts, allowed),
            Format::Json => {
                let Some(json) = text_of(&parts, Part::Whole) else { return };
                match of_json(json) {
                    Ok(parts) => self.add_w3c(place, Some(Part::Whole), &parts, allowed),
                    Err(why) => {
                        let problem = format!("it is no JSON of a map of strings: {why}");
                        self.refuse(place, Part::Whole, Flaw::Json, problem);
                    }
                }
            }
            Format::B3 | Format::Jaeger | Format::XRay | Format::B3Multi | Format::Datadog => {
                let (read, part) = match text_of(&parts, Part::Whole) {
                    Some(text) => (foreign::text(format, text), Part::Whole),
                    None => (foreign::texts(format, |part| text_of(&parts, part)), Part::TraceId),
                };
                match read {
                    Ok(None) => {}
                    Ok(Some(ids)) => self.put(place, part, ids, Box::default(), Box::default()),
                    Err(expected) => {
                        self.refuse(place, part, Flaw::Format, expected.to_owned());
                    }
                }
            }
        }
    }

    /// `whole` is where all of them stood, if they stood in one text.
    fn add_w3c(
        &mut self,
        place: &Place<'_>,
        whole: Option<Part>,
        parts: &[(Part, Cow<'_, str>)],
        allowed: &[Box<str>],
    ) {
        let at = |part| whole.unwrap_or(part);
        // A tracestate without a traceparent must not even be parsed.
        let Some(parent) = text_of(parts, Part::Parent) else { return };
        let ids = match traceparent(parent) {
            Ok(read) => read,
            Err(error) => {
                return self.refuse(place, at(Part::Parent), Flaw::Traceparent, error.to_string());
            }
        };
        let state = text_of(parts, Part::State).unwrap_or_default();
        let state = tracestate(state).map(|()| state).unwrap_or_else(|error| {
            self.refuse(place, at(Part::State), Flaw::Tracestate, error.to_string());
            ""
        });
        // Baggage that nobody asked for is not even read.
        let text = text_of(parts, Part::Baggage).filter(|_| !allowed.is_empty());
        let baggage = text.map(|text| baggage(text, allowed)).unwrap_or(Ok(Box::default()));
        let baggage = baggage.unwrap_or_else(|error| {
            self.refuse(place, at(Part::Baggage), Flaw::Baggage, error.to_string());
            Box::default()
        });
        self.put(place, at(Part::Parent), ids, state.into(), baggage);
    }

    fn put(
        &mut self,
        place: &Place<'_>,
        part: Part,
        ids: (TraceId, SpanId, u8),
        trace_state: Box<str>,
        baggage: Box<[(Box<str>, Box<str>)]>,
    ) {
        let (trace_id, span_id, flags) = ids;
        let is_known =
            |stamp: &Stamp| stamp.context.trace_id == trace_id && stamp.context.span_id == span_id;
        if self.stamps.iter().any(is_known) {
            return;
        }
        if self.stamps.len() == MAX_STAMPS {
            let problem = format!("the object has more than {MAX_STAMPS} trace contexts");
            return self.refuse(place, part, Flaw::TooMany, problem);
        }
        let context = TraceContext { trace_id, span_id, flags, trace_state };
        let found = place.rule.name(part, place.stem).into();
        self.stamps.push(Stamp { found, context, is_parent: place.rule.is_parent(), baggage });
    }

    fn refuse(&mut self, place: &Place<'_>, part: Part, flaw: Flaw, problem: String) {
        let key = place.rule.name(part, place.stem).into();
        self.refused.push(Refused { key, flaw, problem });
    }
}

/// The text of a part without the white space around it; of two the last one counts.
fn text_of<'p>(parts: &'p [(Part, Cow<'_, str>)], part: Part) -> Option<&'p str> {
    parts.iter().rfind(|(it, _)| *it == part).map(|(_, text)| text.trim_ascii())
}

#[cfg(test)]
mod tests;
