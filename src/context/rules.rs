//! Where trace contexts are looked for, in which order, and what they mean there.

/// What the names of the parts of a trace context end with.
const PARTS: [(&str, Part); 3] =
    [("traceparent", Part::Parent), ("tracestate", Part::State), ("baggage", Part::Baggage)];

/// A part of a trace context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// `traceparent`
    Parent,
    /// `tracestate`
    State,
    /// `baggage`
    Baggage,
    /// All of them, as JSON.
    Json,
}

/// Where on an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// The annotation of this key. Beside a key that ends with `traceparent` its `tracestate` and
    /// `baggage` are looked for.
    Key(Box<str>),
    /// Annotations that begin with this: `<prefix>traceparent`, `<prefix>tracestate` and
    /// `<prefix>baggage`.
    Prefix(Box<str>),
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
}

/// A place where a trace context may stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    place: Place,
    format: Format,
    is_parent: bool,
}

/// A rule that can never find anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// The place has no name.
    #[error("a trace context stands nowhere: key, prefix, status or env must not be empty")]
    Empty,
    /// An annotation or env variable cannot be a map.
    #[error("a key or env is a text: its format is w3c or json")]
    TextIsNoMap,
    /// A prefix stands for several annotations.
    #[error("a prefix stands for several annotations: its format is carrier")]
    PrefixIsNoText,
}

/// All places, in the order in which they count, and which keys of baggage are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    rules: Vec<Rule>,
    baggage: Vec<Box<str>>,
    /// What is asked of each container: derived from the rules, since objects are many.
    envs: Vec<Asked>,
    /// What is asked of each status, likewise.
    statuses: Vec<Asked>,
}

/// Names of env variables, or paths below `status`, and which part each is.
type Names = Vec<(Vec<Box<str>>, Part)>;

/// What a rule asks an object for; the rule by its index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) rule: usize,
    pub(super) names: Names,
}

impl Rule {
    /// A rule; `format` is the one that the place suggests if it is left out.
    ///
    /// # Errors
    /// The place is empty, or cannot have that format.
    pub fn new(place: Place, format: Option<Format>, is_parent: bool) -> Result<Self, RuleError> {
        let is_empty = match &place {
            Place::Key(name) | Place::Prefix(name) | Place::Env(name) => name.is_empty(),
            Place::Status(path) => path.is_empty() || path.iter().any(|part| part.is_empty()),
        };
        if is_empty {
            return Err(RuleError::Empty);
        }
        let format = match (&place, format) {
            (Place::Key(_) | Place::Env(_), None) => Format::W3c,
            (Place::Prefix(_) | Place::Status(_), None) => Format::Carrier,
            (Place::Key(_) | Place::Env(_), Some(Format::Carrier)) => {
                return Err(RuleError::TextIsNoMap);
            }
            (Place::Prefix(_), Some(Format::W3c | Format::Json)) => {
                return Err(RuleError::PrefixIsNoText);
            }
            (_, Some(format)) => format,
        };
        Ok(Self { place, format, is_parent })
    }

    /// Annotations under `tracing.k8s.io/`, as KEP-5915 has it.
    pub(super) fn of_kep() -> Self {
        let place = Place::Prefix("tracing.k8s.io/".into());
        Self { place, format: Format::Carrier, is_parent: false }
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

    /// Which part of a trace context the annotation `key` is by this rule.
    pub(super) fn part_of_annotation(&self, key: &str) -> Option<Part> {
        match (&self.place, self.format) {
            (Place::Prefix(prefix), _) => part(key.strip_prefix(&**prefix)?),
            (Place::Key(own), Format::Json | Format::Carrier) => {
                (key == &**own).then_some(Part::Json)
            }
            (Place::Key(own), Format::W3c) if key == &**own => Some(Part::Parent),
            // What stands beside it: the same name with another end.
            (Place::Key(own), Format::W3c) => part(key.strip_prefix(stem(own)?)?),
            (Place::Status(_) | Place::Env(_), _) => None,
        }
    }

    /// The names of env variables, and which part each is.
    fn envs(&self) -> Names {
        let Place::Env(own) = &self.place else { return Vec::new() };
        if self.format == Format::Json {
            return vec![(vec![own.clone()], Part::Json)];
        }
        let Some(stem) = own.strip_suffix("TRACEPARENT") else {
            return vec![(vec![own.clone()], Part::Parent)];
        };
        let name = |end: &str| vec![format!("{stem}{}", end.to_ascii_uppercase()).into()];
        PARTS.iter().map(|(end, part)| (name(end), *part)).collect()
    }

    /// The paths to texts below `status`, and which part each is.
    fn status_paths(&self) -> Names {
        let Place::Status(own) = &self.place else { return Vec::new() };
        let below = |name: &str| own.iter().cloned().chain([Box::from(name)]).collect();
        match self.format {
            Format::W3c => vec![(own.to_vec(), Part::Parent)],
            Format::Json => vec![(own.to_vec(), Part::Json)],
            Format::Carrier => PARTS.iter().map(|(name, part)| (below(name), *part)).collect(),
        }
    }

    /// What `part` is called on the object.
    pub(super) fn name(&self, part: Part) -> String {
        let end = PARTS.iter().find(|(_, it)| *it == part).map_or("", |(name, _)| name);
        match &self.place {
            Place::Prefix(prefix) => format!("{prefix}{end}"),
            Place::Key(own) => match stem(own) {
                Some(stem) if part != Part::Json => format!("{stem}{end}"),
                _ => own.to_string(),
            },
            Place::Status(path) => format!("status.{}", path.join(".")),
            Place::Env(own) => match own.strip_suffix("TRACEPARENT") {
                Some(stem) if part != Part::Json => {
                    format!("env {stem}{}", end.to_ascii_uppercase())
                }
                _ => format!("env {own}"),
            },
        }
    }
}

/// What `key` has before `traceparent`.
fn stem(key: &str) -> Option<&str> {
    key.strip_suffix("traceparent")
}

fn part(name: &str) -> Option<Part> {
    PARTS.iter().find(|(known, _)| *known == name).map(|(_, part)| *part)
}

impl Rules {
    /// These rules, in this order; of baggage only the keys in `baggage` are kept.
    #[must_use]
    pub fn new(rules: Vec<Rule>, baggage: impl IntoIterator<Item = String>) -> Self {
        let mut baggage: Vec<Box<str>> = baggage.into_iter().map(Box::from).collect();
        baggage.sort_unstable();
        baggage.dedup();
        let asked = |names: fn(&Rule) -> Names| -> Vec<Asked> {
            let all = rules.iter().enumerate();
            let all = all.map(|(rule, it)| Asked { rule, names: names(it) });
            all.filter(|asked| !asked.names.is_empty()).collect()
        };
        let (envs, statuses) = (asked(Rule::envs), asked(Rule::status_paths));
        Self { rules, baggage, envs, statuses }
    }

    /// What people use: KEP-5915, Kubeflow, agent sandboxes, Tekton, env variables and bare keys;
    /// no baggage.
    #[must_use]
    pub fn built_in() -> Self {
        let text = Box::<str>::from;
        let key =
            |name, format, is_parent| Rule { place: Place::Key(text(name)), format, is_parent };
        let prefix = |name| Rule {
            place: Place::Prefix(text(name)),
            format: Format::Carrier,
            is_parent: false,
        };
        let rules = vec![
            Rule::of_kep(),
            prefix("opentelemetry.io/"),
            key("opentelemetry.io/trace-context", Format::Json, false),
            Rule {
                place: Place::Status([text("spanContext")].into()),
                format: Format::Carrier,
                is_parent: true,
            },
            key("tekton.dev/taskrunSpanContext", Format::Json, true),
            key("tekton.dev/pipelinerunSpanContext", Format::Json, true),
            key("tekton.dev/customrunSpanContext", Format::Json, true),
            Rule { place: Place::Env(text("TRACEPARENT")), format: Format::W3c, is_parent: false },
            key("traceparent", Format::W3c, false),
        ];
        Self::new(rules, [])
    }

    /// The rules.
    #[must_use]
    pub fn all(&self) -> &[Rule] {
        &self.rules
    }

    pub(super) fn envs(&self) -> &[Asked] {
        &self.envs
    }

    pub(super) fn statuses(&self) -> &[Asked] {
        &self.statuses
    }

    /// The keys of baggage that are kept, sorted.
    #[must_use]
    pub fn baggage(&self) -> &[Box<str>] {
        &self.baggage
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self::built_in()
    }
}

#[cfg(test)]
mod tests {
    use super::{Format, Part, Place, Rule, RuleError, Rules};

    #[test]
    fn a_rule_that_finds_nothing_is_refused() {
        let key = || Place::Key("a".into());
        for (place, format, expected) in [
            (Place::Key("".into()), None, RuleError::Empty),
            (Place::Status(Box::default()), None, RuleError::Empty),
            (Place::Status(["a".into(), "".into()].into()), None, RuleError::Empty),
            (key(), Some(Format::Carrier), RuleError::TextIsNoMap),
            (Place::Env("A".into()), Some(Format::Carrier), RuleError::TextIsNoMap),
            (Place::Prefix("a/".into()), Some(Format::Json), RuleError::PrefixIsNoText),
        ] {
            assert_eq!(Rule::new(place, format, false), Err(expected));
        }
    }

    #[test]
    fn the_built_in_rules_are_rules_that_could_be_written() {
        for rule in Rules::built_in().all() {
            let written = Rule::new(rule.place.clone(), Some(rule.format), rule.is_parent);
            assert_eq!(written.as_ref(), Ok(rule));
            assert!(Rule::new(rule.place.clone(), None, false).is_ok());
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
            assert_eq!(key.part_of_annotation(name), Some(part));
            assert_eq!(key.name(part), name);
        }
        assert_eq!(key.part_of_annotation("example.com/tracestate"), None);
        let other = Rule::new(Place::Key("example.com/ctx".into()), None, false).unwrap();
        assert_eq!(other.part_of_annotation("example.com/ctx"), Some(Part::Parent));
        assert_eq!(other.part_of_annotation("example.com/tracestate"), None);
        let env = Rule::new(Place::Env("CI_TRACEPARENT".into()), None, false).unwrap();
        let names: Vec<String> = env.envs().iter().map(|(name, _)| name.concat()).collect();
        assert_eq!(names, ["CI_TRACEPARENT", "CI_TRACESTATE", "CI_BAGGAGE"]);
        assert_eq!(env.name(Part::State), "env CI_TRACESTATE");
    }

    #[test]
    fn other_keys_are_no_places() {
        let rules = Rules::built_in();
        for key in [
            "tracing.k8s.io/",
            "example.com/traceparent",
            "tracing.k8s.io/Traceparent",
            "opentelemetry.io/trace-contexts",
            "tekton.dev/pipelinerunSpanContext2",
            "",
        ] {
            assert!(rules.all().iter().all(|rule| rule.part_of_annotation(key).is_none()), "{key}");
        }
    }
}
