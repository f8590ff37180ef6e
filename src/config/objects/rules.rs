//! The keys of one custom resource, read over what is known of it.

use super::super::node::Place;
use super::super::reader::Section;
use crate::facts::meta::is_label;
use crate::facts::time::Nanos;
use crate::facts::workload::Mode;
use crate::kinds::{Custom, JsonPath, Rules, Wait};

/// Reads what it is called, and by which rules it is read.
pub(super) fn custom(section: &mut Section<'_>, place: &Place, known: Custom) -> Box<Custom> {
    let mut custom = known;
    let resource = custom.resource();
    let mut keys = Keys { section, place, resource };
    keys.names(&mut custom);
    keys.mode(&mut custom.rules);
    keys.waits(&mut custom.rules);
    keys.fields(&mut custom.rules);
    custom.rules.spawns = keys.section.flag("spawns", custom.rules.spawns, "");
    custom.rules.is_silent = keys.section.flag("silent", custom.rules.is_silent, "");
    Box::new(custom)
}

/// How long a transition of the kind may take, where that is a time of its own.
pub(super) fn limit(section: &mut Section<'_>) -> Option<Nanos> {
    let is_given = section.has(LIMIT);
    let time = section.time(LIMIT, "1h", "");
    if is_given && time.is_zero() {
        section.fault("max_transition_duration must be more than 0");
    }
    is_given.then(|| Nanos(i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)))
}

/// Scopes as a CustomResourceDefinition has them.
pub(super) const CLUSTER: &str = "Cluster";
const NAMESPACED: &str = "Namespaced";

const LIMIT: &str = "max_transition_duration";

/// The keys of a resource, which every fault names.
struct Keys<'s, 'r> {
    section: &'s mut Section<'r>,
    place: &'s Place,
    resource: String,
}

impl Keys<'_, '_> {
    fn fault(&mut self, problem: &str) {
        self.fault_at(&self.place.clone(), problem);
    }

    fn fault_at(&mut self, place: &Place, problem: &str) {
        let message = format!("objects: {}: {problem}", self.resource);
        self.section.reader().fault(place, message);
    }

    fn names(&mut self, custom: &mut Custom) {
        if !is_label(&custom.plural) {
            self.fault("name: expected a plural such as widgets, as kubectl api-resources has it");
        }
        if !custom.group.is_empty() && !custom.group.split('.').all(is_label) {
            self.fault("group: expected an API group such as example.com");
        }
        let known = custom.version.as_deref().unwrap_or_default();
        let version = self.section.text("version", known, "");
        if !version.is_empty() && !is_label(&version) {
            self.fault(&format!("version is {version:?}: expected such as v1alpha1"));
        }
        custom.version = (!version.is_empty()).then_some(version);
        let default = if custom.is_of_cluster { CLUSTER } else { NAMESPACED };
        let scope = self.section.text("scope", default, "");
        if ![CLUSTER, NAMESPACED].contains(&&*scope) {
            self.fault(&format!("scope is {scope:?}: expected {NAMESPACED} or {CLUSTER}"));
        }
        custom.is_of_cluster = scope == CLUSTER;
        custom.kind = self.section.text("kind", &custom.kind.clone(), "");
        if custom.kind.is_empty() {
            self.fault("kind is needed, such as Widget");
        } else if !custom.kind.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            self.fault(&format!("kind is {:?}: expected such as Widget", custom.kind));
        }
    }

    fn mode(&mut self, rules: &mut Rules) {
        let default = if rules.mode == Mode::Run { "run" } else { "rollout" };
        match &*self.section.text("mode", default, "") {
            "run" => rules.mode = Mode::Run,
            "rollout" => rules.mode = Mode::Rollout,
            // As the Collector's k8s_objects has them.
            watching @ ("watch" | "pull") => self.fault(&format!(
                "mode is {watching:?}: objects are always watched; expected rollout or run, for \
                 what is to be as its spec says, or to end"
            )),
            other => self.fault(&format!("mode is {other:?}: expected rollout or run")),
        }
    }

    fn waits(&mut self, rules: &mut Rules) {
        if let Some(waits) = self.waits_at("settled_when") {
            rules.settle_when(waits);
        }
        if let Some(waits) = self.waits_at("failed_when") {
            rules.failed_when = waits;
        }
        if let Some(waits) = self.waits_at("waiting_when") {
            rules.waiting_when = waits;
        }
    }

    /// What is waited for at `key`, if that is given.
    fn waits_at(&mut self, key: &'static str) -> Option<Vec<Wait>> {
        let is_given = self.section.has(key);
        let mut waits = Vec::new();
        for (text, place) in self.section.texts(key, "") {
            match Wait::parse(&text) {
                Ok(wait) => waits.push(wait),
                Err(problem) => self.fault_at(&place, &format!("{key}: {problem}")),
            }
        }
        is_given.then_some(waits)
    }

    fn fields(&mut self, rules: &mut Rules) {
        for (field, place) in self.section.texts("goal_fields", "") {
            if field.is_empty() || field.starts_with('.') {
                let problem = format!(
                    "goal_fields: {field:?} is no field of a spec: expected such as strategy.steps"
                );
                self.fault_at(&place, &problem);
            }
            rules.goal_fields.push(field);
        }
        for (key, path) in [("wanted", &mut rules.wanted), ("progress", &mut rules.progress)] {
            let text = self.section.text(key, "", "");
            match JsonPath::parse(&text) {
                Ok(_) | Err(_) if text.is_empty() => {}
                Ok(found) => *path = Some(found),
                Err(problem) => self.fault(&format!("{key}: {problem}")),
            }
        }
    }
}
