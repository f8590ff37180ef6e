//! The rules by which a custom resource is read.

use super::counts::CountsAs;
use super::json_path::{JsonPath, Parts};
use super::json_value::JsonValue;
use super::wait::Wait;
use crate::facts::time::Nanos;
use crate::facts::workload::Mode;

/// Goal fields of every custom resource: how many, and whether at all.
pub const GOALS: [&str; 3] = ["paused", "replicas", "suspend"];

/// How a custom resource says how it is. What is left empty goes by the conventions for
/// conditions that kstatus has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rules {
    /// What it is for.
    pub mode: Mode,
    /// All of these hold when it has settled.
    pub settled_when: Vec<Wait>,
    /// One of these holds when it has failed.
    pub failed_when: Vec<Wait>,
    /// While one of these holds it waits for somebody, or something else, to let it go on.
    pub waiting_when: Vec<Wait>,
    /// How many Pods it wants, where that is not `spec.replicas`: `{.spec.instances}`.
    pub wanted: Option<JsonPath>,
    /// What runs below it is no part of it, but a tree of its own.
    pub spawns: bool,
    /// It tells of the queue that its owner waits in.
    pub(super) is_queue: bool,
    /// Its status never says how it is.
    pub is_silent: bool,
    /// How long a transition of it may take, where that is a time of its own.
    pub limit: Option<Nanos>,
    /// Fields of its spec that are goals, beside [`GOALS`]: `strategy.canary.steps`.
    pub goal_fields: Vec<String>,
    /// What tells how far it has come: `{.status.currentStepIndex}`.
    pub progress: Option<JsonPath>,
    /// While one of these holds it has not settled, whatever else holds.
    pub(super) busy_when: Vec<Wait>,
    /// Its status has the numbers of a built-in kind, and they tell when it has settled.
    pub(super) counts: Option<CountsAs>,
    /// Where its status repeats a part of the spec that it is about, for what has no
    /// `observedGeneration`: until both are equal the status is about an older spec.
    pub(super) echoes: Vec<(JsonPath, JsonPath)>,
    /// The field of its spec that has its Pods made anew, and where its status repeats it when they
    /// are.
    pub(super) restart: Option<(&'static str, JsonPath)>,
}

impl Rules {
    /// Lets something else settle it; what a preset waits for beside its own rule falls away.
    pub fn settle_when(&mut self, waits: Vec<Wait>) {
        if waits != self.settled_when {
            self.settled_when = waits;
            self.busy_when.clear();
            self.counts = None;
        }
    }

    /// Whether the conventions alone say when it has settled.
    #[must_use]
    pub fn goes_by_convention(&self) -> bool {
        self.settled_when.is_empty() && !self.is_silent
    }

    /// How many Pods an object wants, where it says so.
    pub(super) fn n_wanted(&self, object: Parts<'_, '_>) -> Option<i64> {
        let wanted = match &self.wanted {
            Some(path) => path.find(object),
            None => object.spec.at("replicas"),
        };
        wanted.and_then(JsonValue::whole)
    }
}

/// Whether a field of a spec belongs to a goal: it is the field itself, or stands below it.
#[must_use]
pub fn is_goal(goal: &str, path: &str) -> bool {
    let below = path.strip_prefix(goal);
    below.is_some_and(|below| below.is_empty() || below.starts_with(['.', '[']))
}

#[cfg(test)]
mod tests {
    use super::is_goal;

    #[test]
    fn a_goal_is_a_field_and_all_below_it() {
        for (path, expected) in [
            ("strategy", true),
            ("strategy.canary", true),
            ("strategy[0]", true),
            ("strategies", false),
            ("a.strategy", false),
        ] {
            assert_eq!(is_goal("strategy", path), expected, "{path}");
        }
    }
}
