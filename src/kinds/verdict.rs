//! What the status of a custom resource says of it: by its rules, else by convention.
//!
//! The conventions are those of kstatus (sigs.k8s.io/cli-utils), with two differences: a status
//! that no controller has written yet settles nothing, and a condition may say for itself which
//! generation it is about.

use super::json_path::Parts;
use super::read::{message, start};
use super::rfc3339::rfc3339;
use super::rules::Rules;
use super::tree::Node;
use super::wait::{Found, condition, text_of};
use crate::facts::time::UnixNanos;
use crate::facts::workload::{Mode, Speech, Verdict};

/// Of the conditions that say how a resource is, the first one that there is decides.
const HEALTH: [&str; 3] = ["Ready", "Available", "Healthy"];

/// Conditions by which a run says that it has ended well.
const ENDED: [&str; 3] = ["Complete", "Completed", "Succeeded"];

/// What a status says how its object is with; a status without any of them says nothing.
const SPEECH: [&str; 6] =
    ["conditions", "phase", "state", "status", "health", "observedGeneration"];

/// How much of a reason is kept, and of what tells how far it has come.
const REASON_BYTES: usize = 256;

/// What a status says, and of which generation.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) observed: i64,
    pub(super) names: Option<i64>,
    pub(super) speech: Speech,
    pub(super) verdict: Verdict,
}

/// Judges an object of this `generation`.
pub(super) fn judge(rules: &Rules, generation: i64, object: Parts<'_, '_>) -> Judged {
    let told = number(object.status.at("observedGeneration"));
    if matches!(object.status, Node::Null | Node::EmptyMap) {
        // Nobody has looked at it yet; where nothing counts what is written (ConfigMaps), nobody
        // is going to.
        let observed = told.unwrap_or(generation);
        let is_plain = generation == 0 && *rules == Rules::default();
        let verdict = if is_plain { Verdict::Settled { at: None } } else { Verdict::Progressing };
        let speech = if is_plain || rules.is_silent { Speech::Silent } else { Speech::Mute };
        return Judged { observed, names: told, speech, verdict };
    }
    let speech = match () {
        () if rules.is_silent => Speech::Silent,
        () if speaks(object.status) => Speech::Spoken,
        () => Speech::Mute,
    };
    let (verdict, deciding) = decide(rules, object);
    let of_condition = deciding.and_then(|it| number(it.at("observedGeneration")));
    let observed = told.or(of_condition).unwrap_or(generation);
    // A controller's word on one condition is newer than that on the whole; and what is renewed
    // somewhere in a status is not about what was written since.
    let names = of_condition.or(told).or_else(|| newest(object.status));
    let is_old = names.is_some_and(|it| it < generation);
    let is_of_another = rules.echoes.iter().any(|(spec, status)| {
        matches!((spec.find(object), status.find(object)), (Some(a), Some(b)) if a != b)
    });
    let is_restarting = rules.restart.as_ref().is_some_and(|(field, status)| {
        let asked = object.spec.at(field);
        asked.is_some() && asked != status.find(object)
    });
    let has_settled = matches!(verdict, Verdict::Settled { .. });
    let is_unsettled = is_old || is_of_another || (is_restarting && has_settled);
    let verdict = if is_unsettled { Verdict::Progressing } else { verdict };
    Judged { observed, names, speech, verdict }
}

/// Whether a status says how its object is, in whatever words.
fn speaks(status: &Node<'_>) -> bool {
    SPEECH.iter().any(|key| status.at(key).is_some())
}

/// The newest generation that is named anywhere in a status.
fn newest(status: &Node<'_>) -> Option<i64> {
    match status {
        Node::Map(entries) => {
            let own = number(status.at("observedGeneration"));
            entries.iter().filter_map(|(_, node)| newest(node)).max().max(own)
        }
        Node::List(items) => items.iter().filter_map(newest).max(),
        Node::Null
        | Node::Bool(_)
        | Node::Whole(_)
        | Node::Float(_)
        | Node::Text(_)
        | Node::EmptyList
        | Node::EmptyMap => None,
    }
}

/// What holds, and the condition that decided it.
fn decide<'o, 'a>(rules: &Rules, object: Parts<'o, 'a>) -> (Verdict, Option<&'o Node<'a>>) {
    let failed = if rules.failed_when.is_empty() {
        failed_by_convention(rules.mode, object)
    } else {
        rules.failed_when.iter().find_map(|wait| wait.find(object))
    };
    if let Some(found) = failed {
        let deciding = if let Found::Condition(condition) = found { Some(condition) } else { None };
        return (failure(found, object), deciding);
    }
    if let Some(found) = rules.waiting_when.iter().find_map(|wait| wait.find(object)) {
        return waiting(found, object);
    }
    if let Some(busy) = rules.busy_when.iter().find_map(|wait| wait.find(object)) {
        let deciding = if let Found::Condition(condition) = busy { Some(condition) } else { None };
        return (Verdict::Progressing, deciding);
    }
    if rules.settled_when.is_empty() {
        return settled_by_convention(rules.mode, object);
    }
    let mut deciding = None;
    let mut at = None;
    for wait in &rules.settled_when {
        let Some(found) = wait.find(object) else {
            return (Verdict::Progressing, wait.condition(object));
        };
        if let Found::Condition(condition) = found {
            deciding = older(deciding, condition);
        }
        at = at.max(time(found, object));
    }
    // Conditions of what is to last may have been true long before this spec.
    let at = at.filter(|_| rules.mode == Mode::Run);
    (Verdict::Settled { at }, deciding)
}

/// Of two conditions that must hold, the one that is about the older generation.
fn older<'o, 'a>(first: Option<&'o Node<'a>>, second: &'o Node<'a>) -> Option<&'o Node<'a>> {
    let generation = |it: &Node<'_>| number(it.at("observedGeneration")).unwrap_or(i64::MAX);
    match first {
        Some(first) if generation(first) <= generation(second) => Some(first),
        Some(_) | None => Some(second),
    }
}

fn failed_by_convention<'w, 'o, 'a>(
    mode: Mode,
    object: Parts<'o, 'a>,
) -> Option<Found<'w, 'o, 'a>> {
    let is = |name, status| {
        let found = condition(object.status, name)?;
        (found.text_at("status") == Some(status)).then_some(Found::Condition(found))
    };
    match mode {
        Mode::Run => is("Failed", "True").or_else(|| is("Succeeded", "False")),
        Mode::Rollout | Mode::Plain => is("Stalled", "True"),
    }
}

fn settled_by_convention<'o, 'a>(
    mode: Mode,
    object: Parts<'o, 'a>,
) -> (Verdict, Option<&'o Node<'a>>) {
    let is_true = |condition: &Node<'_>| condition.text_at("status") == Some("True");
    let find = |name: &&str| condition(object.status, name);
    if mode == Mode::Run {
        return match ENDED.iter().filter_map(find).find(|it| is_true(it)) {
            Some(ended) => (Verdict::Settled { at: transition_time(ended) }, Some(ended)),
            None => (Verdict::Progressing, ENDED.iter().find_map(find)),
        };
    }
    if let Some(busy) = condition(object.status, "Reconciling").filter(|it| is_true(it)) {
        return (Verdict::Progressing, Some(busy));
    }
    match HEALTH.iter().find_map(find) {
        Some(health) if is_true(health) => (Verdict::Settled { at: None }, Some(health)),
        Some(health) => (Verdict::Progressing, Some(health)),
        // There is a status, and no condition in it that it could wait for.
        None => (Verdict::Settled { at: None }, None),
    }
}

/// What it waits with, and the condition that says so.
fn waiting<'o, 'a>(
    found: Found<'_, 'o, 'a>,
    object: Parts<'o, 'a>,
) -> (Verdict, Option<&'o Node<'a>>) {
    let (word, condition) = match found {
        Found::Condition(condition) => {
            let said = ["reason", "type"].into_iter().filter_map(|key| condition.text_at(key));
            (said.filter(|it| !it.is_empty()).map(str::to_owned).next(), Some(condition))
        }
        Found::Value(_, value) => (text_of(value), None),
    };
    let word = start(&word.unwrap_or_default(), REASON_BYTES).into();
    (Verdict::Waiting { word, at: time(found, object) }, condition)
}

/// Why it has failed, as the status says it.
fn failure(found: Found<'_, '_, '_>, object: Parts<'_, '_>) -> Verdict {
    let at = time(found, object);
    let said = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let (reason, text) = match found {
        Found::Condition(condition) => {
            let reason = said(condition.text_at("reason"));
            (reason.or_else(|| said(condition.text_at("type"))), said(condition.text_at("message")))
        }
        Found::Value(path, value) => {
            let beside = |key| said(path.beside(object, key).and_then(Node::text).map(|it| &**it));
            let text = beside("message").or_else(|| beside("failureMessage"));
            let reason = beside("reason")
                .or_else(|| beside("failureReason"))
                .or_else(|| text.as_deref().and_then(|text| named_reason(text, object)));
            (reason.or_else(|| text_of(value)), text)
        }
    };
    Verdict::Failed {
        reason: start(&reason.unwrap_or_default(), REASON_BYTES).into(),
        message: message(&text.unwrap_or_default()),
        at,
    }
}

/// Argo Rollouts' message begins with the reason or type of the condition that made it fail.
fn named_reason(text: &str, object: Parts<'_, '_>) -> Option<String> {
    let (name, _) = text.split_once(": ")?;
    let conditions = object.status.at("conditions").map(Node::items)?;
    let is_named =
        |it: &Node<'_>| ["reason", "type"].iter().any(|key| it.text_at(key) == Some(name));
    conditions.iter().any(is_named).then(|| name.to_owned())
}

/// When what was found became so, where the status says it.
fn time(found: Found<'_, '_, '_>, object: Parts<'_, '_>) -> Option<UnixNanos> {
    match found {
        Found::Condition(condition) => transition_time(condition),
        Found::Value(path, _) => ["finishedAt", "completionTime"]
            .into_iter()
            .find_map(|key| rfc3339(path.beside(object, key)?.text()?)),
    }
}

fn transition_time(condition: &Node<'_>) -> Option<UnixNanos> {
    rfc3339(condition.text_at("lastTransitionTime")?)
}

/// A whole number, or one in a string, as Argo Rollouts writes it.
fn number(node: Option<&Node<'_>>) -> Option<i64> {
    if let Node::Text(text) = node? { text.parse().ok() } else { node?.whole() }
}

/// How far it has come.
pub(super) fn progress(rules: &Rules, object: Parts<'_, '_>) -> Option<Box<str>> {
    let text = text_of(rules.progress.as_ref()?.find(object)?)?;
    Some(start(&text, REASON_BYTES).into())
}
