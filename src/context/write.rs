//! Trace contexts written onto objects, by the rules of KEP-5915.
//!
//! What is read is level 2 of W3C Trace Context; what is written is level 1: its flags have the
//! sampled bit alone. The random bit of level 2 (`-03`) makes propagators that follow level 1 to the
//! letter take the whole context for invalid, OpenTelemetry's for Go up to 1.41 among them, which
//! Kubernetes 1.36 is built with.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::{Map, Value};

use super::annotations::{MAX_TOTAL, is_key, size_after};
use super::rule::{Format, Part, Place, Rule};
use super::rules::Rules;
use super::stamps::Carrier;
use super::trace_context::{SAMPLED, TraceContext};
use super::{BaggageError, TRACEPARENT, TracestateError, baggage, tracestate};

/// The longest `tracestate` that everyone passes on (W3C Trace Context, section 3.3.1.5): a longer
/// one is not cut but left out.
const MAX_STATE: usize = 512;

/// The longest `baggage` that everyone passes on (W3C Baggage, section 3.2.1.1).
const MAX_BAGGAGE: usize = 8 << 10;

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
#[must_use]
pub enum Injected {
    /// It stands there now.
    Written,
    /// It stands there now without its `tracestate`, which is longer than 512 bytes.
    WithoutState,
    /// Another one stood there, and was left.
    Kept,
    /// Nothing was written: nobody could read it.
    NotValid(NotValid),
    /// Nothing was written: all annotations of an object have 256 KiB together at most.
    NoRoom,
    /// Nothing was written: the place is no annotation in a format that is written here.
    NoPlace,
}

/// Why a trace context is none that anybody can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotValid {
    /// Its trace id is all zero.
    ZeroTraceId,
    /// Its span id is all zero.
    ZeroSpanId,
    /// Its `tracestate` is none.
    Tracestate(TracestateError),
    /// Its `baggage` is none.
    Baggage(BaggageError),
    /// Its `baggage` is longer than 8 KiB.
    LongBaggage(usize),
    /// No annotation can have that key.
    Key,
}

impl fmt::Display for NotValid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ZeroTraceId => f.write_str("its trace id is all zero"),
            Self::ZeroSpanId => f.write_str("its span id is all zero"),
            Self::Tracestate(error) => fmt::Display::fmt(error, f),
            Self::Baggage(error) => fmt::Display::fmt(error, f),
            Self::LongBaggage(n) => {
                write!(f, "baggage has {n} bytes: at most {MAX_BAGGAGE} are passed on by everyone")
            }
            Self::Key => f.write_str(
                "the key is none of an annotation: a domain and / may stand before a name of 1 to \
                 63 letters, digits, -, _ and .",
            ),
        }
    }
}

impl std::error::Error for NotValid {}

/// What is to be written onto an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Changes {
    /// Annotations, the one that tells whether there is any first; `None` is taken away.
    pub annotations: Vec<(String, Option<String>)>,
    /// The `tracestate` was too long, and is left out.
    pub is_without_state: bool,
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
        let format = Rules::built_in().all().iter().find(is_it).map_or(Format::W3c, Rule::format);
        Self { rule: Rule::known(Place::Key(key.into()), format), ..Self::default() }
    }

    /// What is to be changed of the annotations that an object has, so that they say `context`.
    ///
    /// # Errors
    /// Says why nothing is to be written.
    pub fn changes(
        &self,
        context: &TraceContext,
        present: &BTreeMap<String, String>,
    ) -> Result<Changes, Injected> {
        self.check(context).map_err(Injected::NotValid)?;
        let stands = self.stands(present);
        if stands && !self.overwrites {
            return Err(Injected::Kept);
        }
        let is_without_state = context.trace_state.len() > MAX_STATE;
        let state = Some(&*context.trace_state).filter(|it| !it.is_empty() && !is_without_state);
        let traceparent = to_traceparent(context);
        let parts = [
            (Part::Parent, Some(&*traceparent)),
            (Part::State, state),
            (Part::Baggage, self.baggage),
        ];
        let annotations = match (self.rule.place(), self.rule.format()) {
            (Place::Key(key), Format::Json) => {
                let old = present.get(&**key).map(|text| serde_json::from_str(text));
                let mut map: Map<String, Value> = old.and_then(Result::ok).unwrap_or_default();
                let has_parent = map.get(TRACEPARENT).is_some_and(|it| !it.is_null());
                for (part, text) in parts {
                    let name = Rule::of_kep().name(part, "");
                    let name = name.rsplit('/').next().unwrap_or_default();
                    if self.stays(part, text, stands || has_parent, map.contains_key(name)) {
                        continue;
                    }
                    match text {
                        Some(text) => drop(map.insert(name.to_owned(), text.into())),
                        None => drop(map.remove(name)),
                    }
                }
                vec![(key.to_string(), Some(Value::Object(map).to_string()))]
            }
            (Place::Key(_), Format::W3c) | (Place::Prefix(_), Format::Carrier) => {
                let parent = self.rule.name(Part::Parent, "");
                let has_parent = present.contains_key(&parent);
                let mut all = Vec::new();
                for (part, text) in parts {
                    let key = self.rule.name(part, "");
                    // A key of one's own has no place beside it.
                    let is_place =
                        self.rule.part_of_annotation(&key).is_some_and(|(it, _)| it == part);
                    if is_place && !self.stays(part, text, has_parent, present.contains_key(&key)) {
                        all.push((key, text.map(str::to_owned)));
                    }
                }
                all
            }
            _ => return Err(Injected::NoPlace),
        };
        if annotations.iter().any(|(key, _)| !is_key(key)) {
            return Err(Injected::NotValid(NotValid::Key));
        }
        if size_after(present, &annotations) > MAX_TOTAL {
            return Err(Injected::NoRoom);
        }
        Ok(Changes { annotations, is_without_state })
    }

    /// Whether what stands beside a traceparent stays as it is.
    ///
    /// Of a trace context that is replaced nothing stays. What stands there alone was put there for
    /// the one that comes; and baggage is not a part of a traceparent that is malformed.
    fn stays(&self, part: Part, new: Option<&str>, has_parent: bool, is_there: bool) -> bool {
        if !is_there || self.overwrites {
            return false;
        }
        (part == Part::State && !has_parent)
            || (part == Part::Baggage && (new.is_none() || !has_parent))
    }

    /// Whether a trace context stands there that can be read.
    fn stands(&self, present: &BTreeMap<String, String>) -> bool {
        let rules = Rules::new(vec![self.rule.clone()], []);
        let mut carrier = Carrier::new(&rules);
        for (key, value) in present {
            carrier.annotation(key, || Some(value.into()));
        }
        !carrier.read().stamps.is_empty()
    }

    fn check(&self, context: &TraceContext) -> Result<(), NotValid> {
        context.check()?;
        let Some(text) = self.baggage else { return Ok(()) };
        if text.len() > MAX_BAGGAGE {
            return Err(NotValid::LongBaggage(text.len()));
        }
        baggage(text, &[]).map(drop).map_err(NotValid::Baggage)
    }
}

impl TraceContext {
    /// Whether it is one that can be read.
    pub(super) fn check(&self) -> Result<(), NotValid> {
        if self.trace_id.0 == [0; 16] {
            return Err(NotValid::ZeroTraceId);
        }
        if self.span_id.0 == [0; 8] {
            return Err(NotValid::ZeroSpanId);
        }
        tracestate(&self.trace_state).map_err(NotValid::Tracestate)
    }
}

/// `00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01`: with the sampled flag alone.
#[must_use]
pub fn to_traceparent(context: &TraceContext) -> String {
    let TraceContext { trace_id, span_id, flags, trace_state: _ } = context;
    format!("00-{trace_id}-{span_id}-{:02x}", flags & SAMPLED)
}

/// Writes `context` to the annotations of an object whose spec is created or changed; not when only
/// a status is written.
///
/// What stands there already is left unless the caller asks for it to be replaced, and then what
/// stood beside it goes with it: a `tracestate` without its `traceparent` is a lie. A malformed
/// `traceparent` counts as none; a lone `tracestate` or `baggage` stays. Baggage is written only if
/// it is given. What could not be read is not written, nor what the API server would refuse.
///
/// ```
/// use std::collections::BTreeMap;
/// use lifespan::context::{Injected, Injection, TraceContext, inject};
///
/// # let random = [7; 32];
/// let span = TraceContext::minted(&random); // of your tracing library
/// let mut annotations = BTreeMap::new(); // of the object: `object.annotations_mut()`
/// let how = Injection { overwrites: true, ..Injection::default() };
/// assert_eq!(inject(&span, &mut annotations, &how), Injected::Written);
/// assert!(annotations.contains_key("tracing.k8s.io/traceparent"));
/// ```
pub fn inject(
    context: &TraceContext,
    annotations: &mut BTreeMap<String, String>,
    how: &Injection<'_>,
) -> Injected {
    let changes = match how.changes(context, annotations) {
        Ok(changes) => changes,
        Err(injected) => return injected,
    };
    for (key, value) in changes.annotations {
        match value {
            Some(value) => annotations.insert(key, value),
            None => annotations.remove(&key),
        };
    }
    if changes.is_without_state { Injected::WithoutState } else { Injected::Written }
}

#[cfg(test)]
mod tests;
