//! Why an object of a custom kind is said to be as it is, in sentences.

use serde::Deserialize;

use super::check_kind;
use super::counts::CountsAs;
use super::custom::Custom;
use super::json_path::Parts;
use super::json_value::{JsonValue, Whole};
use super::read::{Count, Text, start};
use super::refusal::{decode, refuse};
use super::rules::GOALS;
use super::statement::Place;
use super::verdict::{By, judge};
use super::wait::{Wait, text_of};
use super::{Rules, SnapshotError};
use crate::facts::workload::{Mode, Reporting, Verdict};

/// What is said of an object, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// `Widget shop/left`, generation 4.
    pub object: String,
    /// `settled`, `failed: NoQuota`.
    pub verdict: String,
    /// The rule and the word that decided it.
    pub because: String,
    /// What else there is to know of it.
    pub notes: Vec<String>,
}

/// How much of a value is shown.
const VALUE_BYTES: usize = 80;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Raw<'a> {
    #[serde(borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    metadata: Head<'a>,
    #[serde(borrow)]
    spec: Whole<'a>,
    #[serde(borrow)]
    status: Whole<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Head<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    namespace: Text<'a>,
    generation: Count,
}

/// Judges the object in `json`, and tells why. A custom resource without a kind is of any.
///
/// # Errors
/// As [`super::snapshot`], but that neither uid nor resourceVersion is asked for.
pub fn explain(custom: &Custom, json: &[u8]) -> Result<Explained, SnapshotError> {
    let Raw { kind, metadata, spec: Whole(spec), status: Whole(status) } =
        decode(&custom.kind, json)?;
    if !custom.kind.is_empty() {
        check_kind(&custom.kind, &kind.0).map_err(|problem| refuse(&custom.kind, json, problem))?;
    }
    let (name, namespace, generation) =
        (&metadata.name.0, &metadata.namespace.0, metadata.generation.0);
    let kind = if kind.0.is_empty() { custom.kind.as_str() } else { &*kind.0 };
    let within = if namespace.is_empty() { String::new() } else { format!("{namespace}/") };
    let counted = generation.map(|it| format!(", generation {it}")).unwrap_or_default();
    let object = Parts { spec: &spec, status: &status };
    let judged = judge(&custom.rules, generation, object);
    let mut notes = Vec::new();
    match judged.speech {
        Reporting::Silent => notes.push("its kind never says how it is".to_owned()),
        Reporting::Mute => notes.push(
            "after 60 s in which nothing says how it is, it has settled with what is below it"
                .to_owned(),
        ),
        Reporting::Spoken | Reporting::Busy(_) => {}
    }
    notes.extend(judged.names.map(|it| format!("its status is about generation {it}")));
    let wanted = custom.rules.n_wanted(object);
    notes.extend(wanted.map(|it| format!("it wants {it} Pods or the like")));
    Ok(Explained {
        object: format!("{kind} {within}{name}{counted}"),
        verdict: told_verdict(&judged.verdict),
        because: because(judged.by, object),
        notes,
    })
}

/// The rules of a custom resource, each with what it is for.
#[must_use]
pub fn told_rules(rules: &Rules) -> Vec<(&'static str, String)> {
    let waits = |waits: &[Wait]| {
        let waits: Vec<_> = waits.iter().map(ToString::to_string).collect();
        waits.join(", ")
    };
    let by_convention = match rules.mode {
        Mode::Run => {
            "by convention: Complete, Completed or Succeeded is True, or a word says that it ended"
        }
        Mode::Rollout | Mode::Plain => {
            "by convention: Ready (else Available, else Healthy) is True, and no condition, word or \
             number says otherwise"
        }
    };
    let or = |text: String, other: &str| if text.is_empty() { other.to_owned() } else { text };
    let mut out = vec![
        ("settled when", or(waits(&rules.settled_when), by_convention)),
        (
            "failed when",
            or(waits(&rules.failed_when), "by convention: a condition, reason or word says so"),
        ),
        ("waiting when", or(waits(&rules.waiting_when), "by convention: paused, suspended, held")),
    ];
    let mut more = |label, text: String| {
        if !text.is_empty() {
            out.push((label, text));
        }
    };
    more("busy when", waits(&rules.busy_when));
    let counts = match rules.counts {
        Some(CountsAs::Deployment) => "as a Deployment: updated = replicas = ready = wanted",
        Some(CountsAs::ReplicaSet) => "as a ReplicaSet: replicas = ready = wanted",
        None => "",
    };
    more("counts", counts.to_owned());
    let goals = GOALS.iter().map(ToString::to_string).chain(rules.goal_fields.clone());
    more("goal fields", goals.collect::<Vec<_>>().join(", "));
    more("wanted", rules.wanted.as_ref().map(ToString::to_string).unwrap_or_default());
    more("progress", rules.progress.as_ref().map(ToString::to_string).unwrap_or_default());
    if rules.spawns {
        more("spawns", "what runs below it is a trace of its own".to_owned());
    }
    if rules.is_queue {
        more("queue", "its conditions are moments of what its owner waits for".to_owned());
    }
    if rules.is_silent {
        more("silent", "its status never says how it is".to_owned());
    }
    out
}

fn told_verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Progressing => "in progress".to_owned(),
        Verdict::Waiting { word, .. } => format!("waiting: {word}"),
        Verdict::Settled { .. } => "settled".to_owned(),
        Verdict::Failed { reason, message, .. } if message.is_empty() => {
            format!("failed: {reason}")
        }
        Verdict::Failed { reason, message, .. } => format!("failed: {reason}: {message}"),
    }
}

fn because(by: By<'_, '_, '_>, object: Parts<'_, '_>) -> String {
    match by {
        By::NoStatus => "it has no status".to_owned(),
        By::Nothing => "its status says nothing of how it is".to_owned(),
        By::Unknown => {
            "none of the words in its status is known, and it counts as current".to_owned()
        }
        By::Rule(wait, place) => format!("{wait} holds: {}", told(place, object)),
        By::Unmet(wait) => match wait.looked_at(object) {
            Some(place) => format!("{wait} does not hold: {}", told(place, object)),
            None => format!("{wait} does not hold: there is no such thing in it"),
        },
        By::Counts => "what it counts is not all as many as it wants".to_owned(),
        By::Said(statement) => told(statement.place, object),
        By::Old(generation) => format!("what it says is about generation {generation}"),
        By::Echo => "what it says is about another spec, which it repeats".to_owned(),
        By::Restart => "its Pods are still to be made anew".to_owned(),
    }
}

/// What stands there.
fn told(place: Place<'_, '_>, object: Parts<'_, '_>) -> String {
    let value = |node: &JsonValue<'_>| match text_of(node) {
        Some(text) => format!("{:?}", start(&text, VALUE_BYTES)),
        None => node.told(),
    };
    match place {
        Place::Condition(condition) => {
            let said = |key| condition.text_at(key).unwrap_or_default();
            let is = condition.at("status").and_then(text_of).unwrap_or_default();
            let reason = match said("reason") {
                "" => String::new(),
                reason => format!(", reason {}", start(reason, VALUE_BYTES)),
            };
            format!("condition {} is {is}{reason}", start(said("type"), VALUE_BYTES))
        }
        Place::Value { value: node, .. } => format!("{} is {}", path_to(node, object), value(node)),
        Place::Count { value: node, wanted } => {
            format!("{} is {} of {wanted}", path_to(node, object), node.told())
        }
    }
}

/// Where a value stands in its object.
fn path_to(node: &JsonValue<'_>, object: Parts<'_, '_>) -> String {
    let parts = [("status", object.status), ("spec", object.spec)];
    let found = parts.into_iter().find_map(|(name, part)| below(part, node, name.to_owned()));
    found.unwrap_or_default()
}

fn below(root: &JsonValue<'_>, wanted: &JsonValue<'_>, path: String) -> Option<String> {
    if std::ptr::eq(root, wanted) {
        return Some(path);
    }
    let entries = root.entries().iter();
    let in_map = entries.map(|(key, node)| (format!("{path}.{key}"), node));
    let in_list = root.items().iter().enumerate().map(|(at, node)| (format!("{path}[{at}]"), node));
    in_map.chain(in_list).find_map(|(path, node)| below(node, wanted, path))
}
