//! One place where a trace context may stand, and what it means there.

use std::fmt;

use super::traceparent::TRACEPARENT;
use super::tracestate::TRACESTATE;

/// A part of a trace context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// `traceparent`
    Parent,
    /// `tracestate`
    State,
    /// `baggage`
    Baggage,
    /// All of it, as one text of a format of its own.
    Whole,
    /// Of formats that have a text for each: the trace,
    TraceId,
    /// the span,
    SpanId,
    /// whether it is sampled,
    Sampled,
    /// whether it is wanted in any case,
    Debug,
    /// and what else there is.
    Tags,
}

/// What the parts of W3C are called.
pub(super) const W3C: [(&str, Part); 3] =
    [(TRACEPARENT, Part::Parent), (TRACESTATE, Part::State), ("baggage", Part::Baggage)];

/// Where on an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The annotation of this key. Beside a key that ends with `traceparent` its `tracestate` and
    /// `baggage` are looked for.
    Key(Box<str>),
    /// Annotations that begin with this: `<prefix>traceparent`, `<prefix>tracestate` and
    /// `<prefix>baggage`.
    Prefix(Box<str>),
    /// Any annotation that ends with this, such as `/traceparent`; `tracestate` and `baggage`
    /// beside it, as for a key.
    Suffix(Box<str>),
    /// The label of this key.
    Label(Box<str>),
    /// A field below `status`.
    Status(Box<[Box<str>]>),
    /// An env variable of the containers; `TRACESTATE` and `BAGGAGE` beside it, as for a key.
    Env(Box<str>),
}

/// How a trace context is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The text is a `traceparent`.
    W3c,
    /// The text is JSON of a map with `traceparent` and the like.
    Json,
    /// A map with `traceparent` and the like.
    Carrier,
    /// The text is a `b3` of Zipkin: `{trace}-{span}-{sampled}`.
    B3,
    /// A map with `x-b3-traceid`, `x-b3-spanid`, `x-b3-sampled` and `x-b3-flags` of Zipkin.
    B3Multi,
    /// The text is a `uber-trace-id` of Jaeger: `{trace}:{span}:{parent}:{flags}`.
    Jaeger,
    /// The text is an `X-Amzn-Trace-Id` of AWS X-Ray: `Root=…;Parent=…;Sampled=…`.
    XRay,
    /// A map with `x-datadog-trace-id`, `x-datadog-parent-id`, `x-datadog-sampling-priority` and
    /// `x-datadog-tags`.
    Datadog,
}

impl Format {
    /// All there are.
    pub const ALL: [Self; 8] = [
        Self::W3c,
        Self::Json,
        Self::Carrier,
        Self::B3,
        Self::B3Multi,
        Self::Jaeger,
        Self::XRay,
        Self::Datadog,
    ];

    /// As a configuration names it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::W3c => "w3c",
            Self::Json => "json",
            Self::Carrier => "carrier",
            Self::B3 => "b3",
            Self::B3Multi => "b3multi",
            Self::Jaeger => "jaeger",
            Self::XRay => "xray",
            Self::Datadog => "datadog",
        }
    }

    /// What the texts of a map are called; a format of one text has none.
    const fn parts(self) -> &'static [(&'static str, Part)] {
        match self {
            Self::Carrier => &W3C,
            Self::B3Multi => &[
                ("x-b3-traceid", Part::TraceId),
                ("x-b3-spanid", Part::SpanId),
                ("x-b3-sampled", Part::Sampled),
                ("x-b3-flags", Part::Debug),
            ],
            Self::Datadog => &[
                ("x-datadog-trace-id", Part::TraceId),
                ("x-datadog-parent-id", Part::SpanId),
                ("x-datadog-sampling-priority", Part::Sampled),
                ("x-datadog-tags", Part::Tags),
            ],
            Self::W3c | Self::Json | Self::B3 | Self::Jaeger | Self::XRay => &[],
        }
    }

    fn is_map(self) -> bool {
        !self.parts().is_empty()
    }

    /// Names of headers are the same in any case; those of W3C are written as they are.
    fn is_named(self, known: &str, name: &str) -> bool {
        if self == Self::Carrier { known == name } else { known.eq_ignore_ascii_case(name) }
    }

    fn part(self, name: &str) -> Option<Part> {
        let all = self.parts().iter();
        all.clone().find(|(known, _)| self.is_named(known, name)).map(|(_, part)| *part)
    }
}

/// A place where a trace context may stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    place: Place,
    format: Format,
    is_parent: bool,
    kinds: Box<[Box<str>]>,
}

/// A rule that can never find anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuleError {
    /// The place has no name.
    Empty,
    /// One text cannot be a map.
    TextIsNoMap,
    /// A prefix stands for several annotations.
    PrefixIsNoText,
    /// A label cannot hold these characters.
    LabelIsNoJson,
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => {
                "a trace context stands nowhere: key, prefix, suffix, label, status or env must \
                 not be empty"
            }
            Self::TextIsNoMap => {
                "a key, suffix, label or env is a text: its format is w3c, json, b3, jaeger or xray"
            }
            Self::PrefixIsNoText => {
                "a prefix stands for several annotations: its format is carrier, b3multi or datadog"
            }
            Self::LabelIsNoJson => {
                "a label has no room for its characters: its format is w3c or b3"
            }
        })
    }
}

impl std::error::Error for RuleError {}

/// What `name` has before `traceparent`.
fn stem(name: &str) -> Option<&str> {
    name.strip_suffix(TRACEPARENT)
}

impl Rule {
    /// A rule for objects of all kinds; `format` is the one that the place suggests if it is left
    /// out.
    ///
    /// # Errors
    /// The place is empty, or cannot have that format.
    pub fn new(place: Place, format: Option<Format>, is_parent: bool) -> Result<Self, RuleError> {
        let is_empty = match &place {
            Place::Key(name)
            | Place::Prefix(name)
            | Place::Suffix(name)
            | Place::Label(name)
            | Place::Env(name) => name.is_empty(),
            Place::Status(path) => path.is_empty() || path.iter().any(|part| part.is_empty()),
        };
        if is_empty {
            return Err(RuleError::Empty);
        }
        let format = format.unwrap_or(match &place {
            Place::Key(_) | Place::Suffix(_) | Place::Label(_) | Place::Env(_) => Format::W3c,
            Place::Prefix(_) | Place::Status(_) => Format::Carrier,
        });
        match (&place, format) {
            (Place::Label(_), Format::Json | Format::Jaeger | Format::XRay) => {
                Err(RuleError::LabelIsNoJson)
            }
            (Place::Key(_) | Place::Suffix(_) | Place::Label(_) | Place::Env(_), format)
                if format.is_map() =>
            {
                Err(RuleError::TextIsNoMap)
            }
            (Place::Prefix(_), format) if !format.is_map() => Err(RuleError::PrefixIsNoText),
            _ => Ok(Self { place, format, is_parent, kinds: Box::default() }),
        }
    }

    /// The same, for objects of these kinds alone: `TaskRun`, or `TaskRun.tekton.dev` where the
    /// name is not enough.
    #[must_use]
    pub fn of_kinds<'k>(self, kinds: impl IntoIterator<Item = &'k str>) -> Self {
        Self { kinds: kinds.into_iter().map(Box::from).collect(), ..self }
    }

    /// Annotations under `tracing.k8s.io/`, as KEP-5915 has it.
    pub(super) fn of_kep() -> Self {
        Self::known(Place::Prefix("tracing.k8s.io/".into()), Format::Carrier)
    }

    /// A rule of which it is known that it can be written.
    pub(super) fn known(place: Place, format: Format) -> Self {
        Self { place, format, is_parent: false, kinds: Box::default() }
    }

    /// The same, for what should be a part of the trace.
    pub(super) fn of_parent(self) -> Self {
        Self { is_parent: true, ..self }
    }

    /// Where.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// How it is written there.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// Whether what comes of it is a part of that trace, and not merely linked to it.
    #[must_use]
    pub fn is_parent(&self) -> bool {
        self.is_parent
    }

    /// The kinds of objects for which it holds; all if there are none.
    #[must_use]
    pub fn kinds(&self) -> &[Box<str>] {
        &self.kinds
    }

    /// Whether it holds for objects of `kind` in the API group `group`.
    pub(super) fn is_of(&self, kind: &str, group: &str) -> bool {
        let is_it = |known: &str| match known.split_once('.') {
            Some((name, of)) => name == kind && of == group,
            None => known == kind,
        };
        self.kinds.is_empty() || self.kinds.iter().any(|known| is_it(known))
    }

    /// Which part of a trace context the annotation `key` is by this rule, and, of a suffix, what
    /// the parts that belong together begin with.
    pub(super) fn part_of_annotation<'k>(&self, key: &'k str) -> Option<(Part, &'k str)> {
        match &self.place {
            Place::Prefix(prefix) => Some((self.format.part(key.strip_prefix(&**prefix)?)?, "")),
            Place::Key(own) if self.format == Format::W3c => {
                if key == &**own {
                    return Some((Part::Parent, ""));
                }
                // What stands beside it: the same name with another end.
                Some((Format::Carrier.part(key.strip_prefix(stem(own)?)?)?, ""))
            }
            Place::Key(own) => (key == &**own).then_some((Part::Whole, "")),
            Place::Suffix(end) => match stem(end).filter(|_| self.format == Format::W3c) {
                Some(before) => W3C.iter().find_map(|(name, part)| {
                    let stem = key.strip_suffix(name)?;
                    stem.ends_with(before).then_some((*part, stem))
                }),
                None => {
                    let own = if self.format == Format::W3c { Part::Parent } else { Part::Whole };
                    key.ends_with(&**end).then_some((own, key))
                }
            },
            Place::Label(_) | Place::Status(_) | Place::Env(_) => None,
        }
    }

    /// Which part of a trace context the label `key` is by this rule.
    pub(super) fn part_of_label(&self, key: &str) -> Option<Part> {
        let Place::Label(own) = &self.place else { return None };
        let part = if self.format == Format::W3c { Part::Parent } else { Part::Whole };
        (key == &**own).then_some(part)
    }

    /// The names of env variables, and which part each is.
    pub(super) fn envs(&self) -> Vec<(Vec<Box<str>>, Part)> {
        let Place::Env(own) = &self.place else { return Vec::new() };
        if self.format != Format::W3c {
            return vec![(vec![own.clone()], Part::Whole)];
        }
        let Some(stem) = own.strip_suffix("TRACEPARENT") else {
            return vec![(vec![own.clone()], Part::Parent)];
        };
        let name = |end: &str| vec![format!("{stem}{}", end.to_ascii_uppercase()).into()];
        W3C.iter().map(|(end, part)| (name(end), *part)).collect()
    }

    /// The paths to texts below `status`, and which part each is.
    pub(super) fn status_paths(&self) -> Vec<(Vec<Box<str>>, Part)> {
        let Place::Status(own) = &self.place else { return Vec::new() };
        let below = |name: &str| own.iter().cloned().chain([Box::from(name)]).collect();
        match self.format {
            Format::W3c => vec![(own.to_vec(), Part::Parent)],
            Format::Json | Format::B3 | Format::Jaeger | Format::XRay => {
                vec![(own.to_vec(), Part::Whole)]
            }
            Format::Carrier | Format::B3Multi | Format::Datadog => {
                let parts = self.format.parts().iter();
                parts.map(|(name, part)| (below(name), *part)).collect()
            }
        }
    }

    /// What `part` is called on the object; `stem` is what a suffix has found before it.
    pub(super) fn name(&self, part: Part, stem: &str) -> String {
        let of = |format: Format| {
            let all = format.parts().iter();
            all.clone().find(|(_, it)| *it == part).map_or("", |(name, _)| name)
        };
        let end = of(Format::Carrier);
        match &self.place {
            Place::Prefix(prefix) => format!("{prefix}{}", of(self.format)),
            Place::Key(own) => match self::stem(own) {
                Some(stem) if part != Part::Whole => format!("{stem}{end}"),
                _ => own.to_string(),
            },
            Place::Suffix(own) => match self::stem(own) {
                Some(_) if self.format == Format::W3c => format!("{stem}{end}"),
                _ => stem.to_owned(),
            },
            Place::Label(own) => format!("label {own}"),
            Place::Status(path) => format!("status.{}", path.join(".")),
            Place::Env(own) => match own.strip_suffix("TRACEPARENT") {
                Some(stem) if part != Part::Whole => {
                    format!("env {stem}{}", end.to_ascii_uppercase())
                }
                _ => format!("env {own}"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_that_finds_nothing_is_refused() {
        let key = || Place::Key("a".into());
        let label = || Place::Label("a".into());
        for (place, format, expected) in [
            (Place::Key("".into()), None, RuleError::Empty),
            (Place::Suffix("".into()), None, RuleError::Empty),
            (Place::Status(Box::default()), None, RuleError::Empty),
            (Place::Status(["a".into(), "".into()].into()), None, RuleError::Empty),
            (key(), Some(Format::Carrier), RuleError::TextIsNoMap),
            (key(), Some(Format::Datadog), RuleError::TextIsNoMap),
            (Place::Env("A".into()), Some(Format::B3Multi), RuleError::TextIsNoMap),
            (Place::Prefix("a/".into()), Some(Format::Json), RuleError::PrefixIsNoText),
            (label(), Some(Format::Json), RuleError::LabelIsNoJson),
            (label(), Some(Format::Carrier), RuleError::TextIsNoMap),
        ] {
            assert_eq!(Rule::new(place, format, false), Err(expected));
        }
    }

    #[test]
    fn tracestate_and_baggage_are_looked_for_beside_a_traceparent() {
        let key = Rule::new(Place::Key("example.com/my-traceparent".into()), None, false).unwrap();
        for (name, part) in [
            ("example.com/my-traceparent", Part::Parent),
            ("example.com/my-tracestate", Part::State),
            ("example.com/my-baggage", Part::Baggage),
        ] {
            assert_eq!(key.part_of_annotation(name), Some((part, "")));
            assert_eq!(key.name(part, ""), name);
        }
        assert_eq!(key.part_of_annotation("example.com/tracestate"), None);
        let other = Rule::new(Place::Key("example.com/ctx".into()), None, false).unwrap();
        assert_eq!(other.part_of_annotation("example.com/ctx"), Some((Part::Parent, "")));
        assert_eq!(other.part_of_annotation("example.com/tracestate"), None);
        let env = Rule::new(Place::Env("CI_TRACEPARENT".into()), None, false).unwrap();
        let names: Vec<String> = env.envs().iter().map(|(name, _)| name.concat()).collect();
        assert_eq!(names, ["CI_TRACEPARENT", "CI_TRACESTATE", "CI_BAGGAGE"]);
        assert_eq!(env.name(Part::State, ""), "env CI_TRACESTATE");
    }

    #[test]
    fn a_suffix_keeps_what_belongs_together_together() {
        let any = Rule::new(Place::Suffix("/traceparent".into()), None, false).unwrap();
        for (name, part) in [
            ("keptn.sh/traceparent", Part::Parent),
            ("keptn.sh/tracestate", Part::State),
            ("keptn.sh/baggage", Part::Baggage),
        ] {
            assert_eq!(any.part_of_annotation(name), Some((part, "keptn.sh/")));
            assert_eq!(any.name(part, "keptn.sh/"), name);
        }
        for name in ["traceparent", "a/my-traceparent", "a/traceparent/b", "a/Traceparent"] {
            assert_eq!(any.part_of_annotation(name), None, "{name}");
        }
        let json = Place::Suffix("/trace-context".into());
        let json = Rule::new(json, Some(Format::Json), false).unwrap();
        let key = "kueue.x-k8s.io/trace-context";
        assert_eq!(json.part_of_annotation(key), Some((Part::Whole, key)));
        assert_eq!(json.name(Part::Whole, key), key);
    }

    #[test]
    fn a_rule_of_kinds_holds_for_those_alone() {
        let rule = Rule::of_kep().of_kinds(["TaskRun.tekton.dev", "Workload"]);
        for (kind, group, is_of) in [
            ("TaskRun", "tekton.dev", true),
            ("TaskRun", "example.com", false),
            ("Workload", "kueue.x-k8s.io", true),
            ("Deployment", "apps", false),
        ] {
            assert_eq!(rule.is_of(kind, group), is_of, "{kind}.{group}");
        }
    }
}
