//! Where trace contexts are looked for, in which order.

use super::rule::{Format, Part, Place, Rule};

/// The kinds of Tekton that carry trace contexts.
const OF_TEKTON: [&str; 4] =
    ["PipelineRun.tekton.dev", "TaskRun.tekton.dev", "CustomRun.tekton.dev", "Run.tekton.dev"];

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

    /// What people use: KEP-5915, Kubeflow, agent sandboxes, Kueue, Keptn, Tekton, env variables
    /// and bare keys; no baggage.
    #[must_use]
    pub fn built_in() -> Self {
        let text = Box::<str>::from;
        let key = |name, format| Rule::known(Place::Key(text(name)), format);
        let prefix = |name| Rule::known(Place::Prefix(text(name)), Format::Carrier);
        let env = |name| Rule::known(Place::Env(text(name)), Format::W3c);
        let of_tekton = |rule: Rule| rule.of_parent().of_kinds(OF_TEKTON);
        let status = Rule::known(Place::Status([text("spanContext")].into()), Format::Carrier);
        let rules = vec![
            Rule::of_kep(),
            prefix("opentelemetry.io/"),
            key("opentelemetry.io/trace-context", Format::Json),
            key("kueue.x-k8s.io/trace-context", Format::Json),
            prefix("keptn.sh/"),
            of_tekton(status),
            of_tekton(key("tekton.dev/taskrunSpanContext", Format::Json)),
            of_tekton(key("tekton.dev/pipelinerunSpanContext", Format::Json)),
            of_tekton(key("tekton.dev/customrunSpanContext", Format::Json)),
            of_tekton(key("tekton.dev/deliveryTraceparent", Format::W3c)),
            env("TRACEPARENT"),
            env("OTEL_TRACEPARENT"),
            env("BUILDKITE_TRACING_TRACEPARENT"),
            key("traceparent", Format::W3c),
        ];
        Self::new(rules, [])
    }

    /// The same, with this one if none is like it.
    #[must_use]
    pub fn with(mut self, rule: Rule) -> Self {
        if !self.rules.contains(&rule) {
            self.rules.push(rule);
        }
        Self::new(self.rules, self.baggage.into_iter().map(String::from))
    }

    /// The rules.
    #[must_use]
    pub fn all(&self) -> &[Rule] {
        &self.rules
    }

    /// The names of the env variables that are read.
    pub fn env_names(&self) -> impl Iterator<Item = &str> {
        let names = self.envs.iter().flat_map(|asked| &asked.names);
        names.filter_map(|(name, _)| name.first()).map(|name| &**name)
    }

    /// Whether the annotation `key` is read, of an object of some kind; baggage only where any is
    /// kept.
    #[must_use]
    pub fn reads_annotation(&self, key: &str) -> bool {
        let mut parts = self.rules.iter().filter_map(|rule| rule.part_of_annotation(key));
        parts.any(|(part, _)| part != Part::Baggage || !self.baggage.is_empty())
    }

    /// Whether the label `key` is read, of an object of some kind.
    #[must_use]
    pub fn reads_label(&self, key: &str) -> bool {
        self.rules.iter().any(|rule| rule.part_of_label(key).is_some())
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
    use super::Rules;
    use crate::context::Rule;

    #[test]
    fn the_built_in_rules_are_rules_that_could_be_written() {
        for rule in Rules::built_in().all() {
            let written = Rule::new(rule.place().clone(), Some(rule.format()), rule.is_parent());
            let written = written.map(|it| it.of_kinds(rule.kinds().iter().map(|kind| &**kind)));
            assert_eq!(written.as_ref(), Ok(rule));
            assert!(Rule::new(rule.place().clone(), None, false).is_ok());
        }
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
