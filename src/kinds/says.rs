//! What a status says of its object, statement by statement, in words that many kinds share.

use super::counts;
use super::json_path::Parts;
use super::json_value::JsonValue;
use super::statement::{Place, Rank, Statement};
use super::wait::{condition, conditions, text_of};
use super::words::{Says, Sense, blames, parts, sense, word};

/// Of the conditions that say how a resource is, the first one that there is decides; what else is
/// to be well is a part of that.
const HEALTH: [&str; 3] = ["Ready", "Available", "Healthy"];

/// Conditions by which a run says that it has ended well.
const ENDED: [&str; 3] = ["Complete", "Completed", "Succeeded"];

/// Conditions that say beside one of [`HEALTH`] whether what is written has been taken over.
const TAKEN_OVER: [&str; 3] = ["synced", "synchronized", "reconciled"];

/// The last part of keys below which a word tells how something is.
const WORD_KEYS: [&str; 4] = ["health", "phase", "state", "status"];

/// The last part of keys below which each of several has a map of its own: `brokersState`.
const OF_SEVERAL: [&str; 4] = ["state", "states", "status", "statuses"];

/// The first part of keys that tell something else.
const NOT_NOW: [&str; 8] =
    ["desired", "expected", "last", "next", "old", "previous", "target", "wanted"];

/// Keys of what only a failure has.
const ERRORS: [&str; 5] =
    ["error", "errorMessage", "errorReason", "failureMessage", "failureReason"];

/// Keys that are true when all is well.
const FLAGS: [&str; 3] = ["healthy", "ready", "readyToUse"];

/// What the status of a rollout at this `generation` says, in its own order.
pub(super) fn of_rollout<'o, 'a>(
    object: Parts<'o, 'a>,
    wanted: Option<i64>,
    generation: Option<i64>,
) -> Vec<Statement<'o, 'a>> {
    let status = object.status;
    let own = conditions(status);
    let health = health(status);
    let mut out: Vec<_> = own
        .iter()
        .filter(|it| health.is_none_or(|health| counts_beside(it, health)))
        .filter_map(|it| of_condition(it, health.is_some(), generation))
        .collect();
    if out.is_empty() {
        out.extend(of_parts(status).filter_map(|it| of_condition(it, false, generation)));
    }
    words(status, health.is_none(), &mut out);
    if health.is_none() {
        out.extend(ERRORS.iter().filter_map(|key| {
            let value = status.at(key)?;
            let is_said = !matches!(value, JsonValue::Text(text) if text.is_empty());
            let place = Place::Value { map: status, value };
            is_said.then_some(Statement { rank: Rank::FailedByReason, place })
        }));
    }
    out.extend(FLAGS.iter().filter_map(|key| {
        let value = status.at(key)?;
        let JsonValue::Bool(is_well) = value else { return None };
        let rank = if *is_well { Rank::Settled } else { Rank::NotYet };
        Some(Statement { rank, place: Place::Value { map: status, value } })
    }));
    out.extend(counts::short(object, wanted).or_else(|| counts::whole(object, wanted)));
    if out.is_empty() {
        // Of Pods and of volumes it is there when they have failed, and tells of that.
        let reason = status.at("reason").filter(|it| it.text().is_some_and(|text| blames(text)));
        out.extend(reason.map(|value| Statement {
            rank: Rank::FailedByReason,
            place: Place::Value { map: status, value },
        }));
    }
    out
}

/// What the status of a run says, in its own order.
pub(super) fn of_run<'o, 'a>(status: &'o JsonValue<'a>) -> Vec<Statement<'o, 'a>> {
    let find = |name: &str| condition(status, name);
    let is = |it: &JsonValue<'_>, expected: &str| {
        it.at("status").and_then(text_of).is_some_and(|is| is.eq_ignore_ascii_case(expected))
    };
    let said = |rank, it| Statement { rank, place: Place::Condition(it) };
    let failed = find("Failed").filter(|it| is(it, "True"));
    if let Some(failed) = failed.or_else(|| find("Succeeded").filter(|it| is(it, "False"))) {
        return vec![said(Rank::Failed, failed)];
    }
    let ends = || ENDED.iter().filter_map(|name| find(name));
    if let Some(ended) = ends().find(|it| is(it, "True")) {
        return vec![said(Rank::Ended, ended)];
    }
    let mut out: Vec<_> = ends().take(1).map(|it| said(Rank::NotYet, it)).collect();
    words(status, out.is_empty(), &mut out);
    for statement in &mut out {
        let Place::Value { value, .. } = statement.place else { continue };
        let says = value.text().and_then(|text| word(text));
        // It runs: of a run that is not its end.
        if statement.rank == Rank::Settled {
            let has_ended = says == Some(Says::Ended);
            statement.rank = if has_ended { Rank::Ended } else { Rank::AtWork };
        }
    }
    out
}

/// Whether a status says anything at all of how its object is, in whatever words.
pub(super) fn speaks(status: &JsonValue<'_>) -> bool {
    let is_said = |key: &str| key != "conditions" && could_say(key);
    !conditions(status).is_empty()
        || of_parts(status).next().is_some()
        || status.entries().iter().any(|(key, _)| is_said(key))
}

/// Whether a field of this name in a status could say how its object is.
pub(super) fn could_say(key: &str) -> bool {
    let is_word = is_word_key(key) || FLAGS.contains(&key) || ERRORS.contains(&key);
    is_word || matches!(key, "conditions" | "observedGeneration")
}

/// The condition that says how it is as a whole.
fn health<'o, 'a>(status: &'o JsonValue<'a>) -> Option<&'o JsonValue<'a>> {
    HEALTH.iter().find_map(|name| condition(status, name))
}

/// Whether a condition says something beside that which says how it is as a whole: what is well is
/// a part of that, what has failed or is at work is not.
fn counts_beside(condition: &JsonValue<'_>, health: &JsonValue<'_>) -> bool {
    let Some(name) = condition.text_at("type") else { return false };
    let is_health = Some(name) == health.text_at("type");
    is_health
        || !matches!(sense(name), Some(Sense::Good | Sense::Partly))
        || parts(name).last().is_some_and(|last| TAKEN_OVER.contains(&last.as_str()))
}

fn of_condition<'o, 'a>(
    condition: &'o JsonValue<'a>,
    has_health: bool,
    generation: Option<i64>,
) -> Option<Statement<'o, 'a>> {
    let name = condition.text_at("type")?;
    let is = text_of(condition.at("status")?)?;
    let is_true = is.eq_ignore_ascii_case("true");
    let told = condition.number_at("observedGeneration");
    let is_old = told.zip(generation).is_some_and(|(told, newest)| told < newest);
    // A reason is one word; some write a sentence there.
    let reason = condition.text_at("reason").filter(|it| !it.contains(' ')).and_then(word);
    let is_well = matches!(reason, Some(Says::Settled | Says::Ended));
    let rank = match sense(name)? {
        // What was wrong with an older spec is not wrong with this one.
        Sense::Bad | Sense::Busy | Sense::Waiting if !is_true || is_old => return None,
        Sense::Bad if name.eq_ignore_ascii_case("Stalled") => Rank::GivenUp,
        // Strimzi is `NotReady` for the reason `Creating` before it is anything else.
        Sense::Bad if reason == Some(Says::Busy) => Rank::AtWork,
        Sense::Bad => Rank::Failed,
        Sense::Waiting => Rank::Waiting,
        Sense::Busy if name.eq_ignore_ascii_case("Reconciling") => Rank::Reconciling,
        // Deployments are `Progressing` with the reason `NewReplicaSetAvailable` when all is done.
        Sense::Busy if is_well => return None,
        Sense::Busy => Rank::AtWork,
        Sense::Partly if has_health || !is_true => return None,
        Sense::Partly => Rank::NotYet,
        Sense::Good if is_old => Rank::NotYet,
        Sense::Good if is_true => Rank::Settled,
        Sense::Good if reason == Some(Says::Waiting) => Rank::Waiting,
        Sense::Good if reason == Some(Says::Failed) && is.eq_ignore_ascii_case("false") => {
            Rank::FailedByReason
        }
        Sense::Good => Rank::NotYet,
    };
    Some(Statement { rank, place: Place::Condition(condition) })
}

/// The conditions of the parts of a status: of a route by each of its parents, of a game server by its
/// Pod.
fn of_parts<'o, 'a>(status: &'o JsonValue<'a>) -> impl Iterator<Item = &'o JsonValue<'a>> {
    let parts = status.entries().iter().filter(|(key, _)| !is_of_another_time(key));
    let parts = parts.flat_map(|(_, node)| std::iter::once(node).chain(node.items()));
    parts.flat_map(conditions)
}

/// The words at keys such as `phase` and `currentState`; below another key only where nothing says
/// how it is as a whole.
fn words<'o, 'a>(status: &'o JsonValue<'a>, goes_below: bool, out: &mut Vec<Statement<'o, 'a>>) {
    words_of(status, out);
    if !goes_below {
        return;
    }
    for (key, node) in status.entries() {
        if is_of_another_time(key) {
            continue;
        }
        words_of(node, out);
        // Of several controllers, or brokers, each has a map of its own.
        if parts(key).last().is_some_and(|last| OF_SEVERAL.contains(&last.as_str())) {
            node.entries().iter().for_each(|(_, node)| words_of(node, out));
        }
    }
}

fn words_of<'o, 'a>(map: &'o JsonValue<'a>, out: &mut Vec<Statement<'o, 'a>>) {
    for (_, value) in map.entries().iter().filter(|(key, _)| is_word_key(key)) {
        let says = value.text().and_then(|text| word(text));
        let rank = match says {
            None => continue,
            Some(Says::Settled | Says::Ended) => Rank::Settled,
            Some(Says::Busy) => Rank::AtWork,
            Some(Says::Waiting) => Rank::Waiting,
            Some(Says::Failed) => Rank::Failed,
        };
        out.push(Statement { rank, place: Place::Value { map, value } });
    }
}

/// `phase`, `currentState`: whether at this key of a status a word says how something is.
pub(crate) fn is_word_key(key: &str) -> bool {
    let is_word = |last: &String| WORD_KEYS.contains(&last.as_str());
    !is_of_another_time(key) && parts(key).last().is_some_and(is_word)
}

fn is_of_another_time(key: &str) -> bool {
    parts(key).first().is_some_and(|first| NOT_NOW.contains(&first.as_str()))
}
