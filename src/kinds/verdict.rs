//! What the status of a custom resource says of it: by its rules, else by convention.
//!
//! The conventions are those of kstatus (sigs.k8s.io/cli-utils) and the words of
//! [`super::words`] beside them. A status that no controller has written yet settles nothing, and a
//! condition counts for the generation that it names.

use super::json_path::Parts;
use super::json_value::JsonValue;
use super::read::{message, start};
use super::rfc3339::rfc3339;
use super::rules::Rules;
use super::says::{of_rollout, of_run, speaks};
use super::statement::{Place, Rank, Statement};
use super::status::MAX_CONDITIONS;
use super::wait::{Wait, text_of};
use super::words::works;
use crate::facts::meta::Condition;
use crate::facts::time::UnixNanos;
use crate::facts::workload::{Mode, Reporting, Verdict};

/// How much of a reason is kept, and of what tells how far it has come.
const REASON_BYTES: usize = 256;

/// What a status says, and of which generation.
#[derive(Debug)]
pub(super) struct Judged<'w, 'o, 'a> {
    pub(super) observed: Option<i64>,
    pub(super) names: Option<i64>,
    pub(super) speech: Reporting,
    pub(super) verdict: Verdict,
    /// Why.
    pub(super) by: By<'w, 'o, 'a>,
}

/// What decided a verdict.
#[derive(Clone, Copy, Debug)]
pub(super) enum By<'w, 'o, 'a> {
    /// There is no status; nor will there be of what nobody counts.
    NoStatus,
    /// The status says nothing of how it is.
    Nothing,
    /// What it says is not in words that are known, and kstatus takes it for current.
    Unknown,
    /// A rule holds, by this.
    Rule(&'w Wait, Place<'o, 'a>),
    /// A rule does not hold that has to.
    Unmet(&'w Wait),
    /// It counts as a built-in kind does, and its numbers differ.
    Counts,
    /// It says so, in words that many kinds share.
    Said(Statement<'o, 'a>),
    /// What it says is about this generation, which is an older one.
    Old(i64),
    /// What it says is about another spec, which it repeats.
    Echo,
    /// Its Pods are still to be made anew.
    Restart,
}

impl By<'_, '_, '_> {
    /// Of what is in progress: since when, if a word for that says it. Else it may only be not well.
    fn work(self, object: Parts<'_, '_>) -> Option<Option<UnixNanos>> {
        let since = |place| if let Place::Condition(_) = place { time(place) } else { None };
        let is_work = |condition: &&JsonValue<'_>| condition.text_at("reason").is_some_and(works);
        let by_reason = |it| Some(it).filter(is_work).map(|it| time(Place::Condition(it)));
        match self {
            Self::Rule(_, place)
            | Self::Said(Statement { rank: Rank::Reconciling | Rank::AtWork, place }) => {
                Some(since(place))
            }
            Self::Said(Statement { place: Place::Condition(condition), .. }) => {
                by_reason(condition)
            }
            Self::Unmet(wait) => wait.condition(object).and_then(by_reason),
            Self::Said(_)
            | Self::NoStatus
            | Self::Nothing
            | Self::Unknown
            | Self::Counts
            | Self::Old(_)
            | Self::Echo
            | Self::Restart => None,
        }
    }
}

/// Judges an object of this `generation`.
pub(super) fn judge<'w, 'o, 'a>(
    rules: &'w Rules,
    generation: Option<i64>,
    object: Parts<'o, 'a>,
) -> Judged<'w, 'o, 'a> {
    let told = object.status.number_at("observedGeneration");
    if matches!(object.status, JsonValue::Null | JsonValue::EmptyMap) {
        // Nobody has looked at it yet; where nothing counts what is written (ConfigMaps), nobody
        // is going to.
        let is_plain =
            generation.is_none() && *rules == Rules::default() && *object.spec == JsonValue::Null;
        let verdict = if is_plain { Verdict::Settled { at: None } } else { Verdict::Progressing };
        let speech = if is_plain || rules.is_silent { Reporting::Silent } else { Reporting::Mute };
        let observed = told.or(generation);
        return Judged { observed, names: told, speech, verdict, by: By::NoStatus };
    }
    let Decision { verdict, by, generation: of_condition } = decide(rules, generation, object);
    let observed = told.or(of_condition).or(generation);
    // A controller's word on one condition is newer than that on the whole; and what is renewed
    // nowhere in a status is not about what was written since.
    let names = of_condition.or(told).or_else(|| newest(object.status));
    let is_of_another = rules.echoes.iter().any(|(spec, status)| {
        let both = spec.find(object).zip(status.find(object));
        both.is_some_and(|(spec, status)| !spec.says_as(status))
    });
    let is_restarting = rules.restart.as_ref().is_some_and(|(field, status)| {
        let asked = object.spec.at(field);
        asked.is_some() && asked != status.find(object)
    });
    let has_settled = matches!(verdict, Verdict::Settled { .. });
    let doubt = match names {
        Some(older) if generation.is_some_and(|newest| older < newest) => Some(By::Old(older)),
        _ if is_of_another => Some(By::Echo),
        _ if is_restarting && has_settled => Some(By::Restart),
        _ => None,
    };
    let work = by.work(object).filter(|_| verdict == Verdict::Progressing);
    // What has failed says so, though else nothing is said.
    let is_silent = rules.is_silent && !matches!(verdict, Verdict::Failed { .. });
    let speech = match work {
        _ if is_silent => Reporting::Silent,
        Some(since) => Reporting::Busy(since),
        None if speaks(object.status) || !matches!(by, By::Nothing) => Reporting::Spoken,
        None => Reporting::Mute,
    };
    let verdict = if doubt.is_some() { Verdict::Progressing } else { verdict };
    Judged { observed, names, speech, verdict, by: doubt.unwrap_or(by) }
}

/// The newest generation that is named anywhere in a status.
fn newest(status: &JsonValue<'_>) -> Option<i64> {
    let below = status.entries().iter().map(|(_, node)| node).chain(status.items());
    below.filter_map(newest).max().max(status.number_at("observedGeneration"))
}

/// What holds, why, and the generation that the condition names which decided it.
struct Decision<'w, 'o, 'a> {
    verdict: Verdict,
    by: By<'w, 'o, 'a>,
    generation: Option<i64>,
}

impl<'w, 'o, 'a> Decision<'w, 'o, 'a> {
    fn new(verdict: Verdict, by: By<'w, 'o, 'a>) -> Self {
        let generation = match by {
            By::Rule(_, Place::Condition(it))
            | By::Said(Statement { place: Place::Condition(it), .. }) => of_generation(it),
            By::Rule(..)
            | By::Said(_)
            | By::NoStatus
            | By::Nothing
            | By::Unknown
            | By::Unmet(_)
            | By::Counts
            | By::Old(_)
            | By::Echo
            | By::Restart => None,
        };
        Self { verdict, by, generation }
    }
}

fn decide<'w, 'o, 'a>(
    rules: &'w Rules,
    generation: Option<i64>,
    object: Parts<'o, 'a>,
) -> Decision<'w, 'o, 'a> {
    let held = |waits: &'w [Wait]| waits.iter().find_map(|it| Some((it, it.find(object)?)));
    if let Some((wait, place)) = held(&rules.failed_when) {
        return Decision::new(failure(place, object), By::Rule(wait, place));
    }
    let wanted = rules.n_wanted(object);
    let said = match rules.mode {
        Mode::Run => of_run(object.status),
        Mode::Rollout | Mode::Plain => of_rollout(object, wanted, generation),
    };
    let strongest = said.into_iter().min_by_key(|it| it.rank);
    let may_fail = rules.failed_when.is_empty();
    let by_word = strongest.map(|said| Decision::new(of(said, may_fail, object), By::Said(said)));
    let is_given_up = |it: &Statement<'_, '_>| matches!(it.rank, Rank::GivenUp | Rank::Failed);
    if may_fail
        && strongest.as_ref().is_some_and(is_given_up)
        && let Some(failed) = by_word
    {
        return failed;
    }
    if let Some((wait, place)) = held(&rules.waiting_when) {
        return Decision::new(waiting(place), By::Rule(wait, place));
    }
    if let Some((wait, place)) = held(&rules.busy_when) {
        return Decision::new(Verdict::Progressing, By::Rule(wait, place));
    }
    if rules.counts.is_some_and(|it| !it.agree(object.status, wanted)) {
        return Decision::new(Verdict::Progressing, By::Counts);
    }
    if rules.settled_when.is_empty() {
        return by_word.unwrap_or_else(|| unsaid(rules.mode, object));
    }
    by_rules(rules, object).unwrap_or_else(|unmet| {
        let is_more = |it: &Decision<'_, '_, '_>| match it.verdict {
            Verdict::Failed { .. } => may_fail,
            Verdict::Waiting { .. } => rules.waiting_when.is_empty(),
            Verdict::Progressing | Verdict::Settled { .. } => false,
        };
        by_word.filter(is_more).unwrap_or(Decision {
            verdict: Verdict::Progressing,
            by: By::Unmet(unmet),
            generation: unmet.condition(object).and_then(of_generation),
        })
    })
}

/// Whether all holds that has to; else what does not.
fn by_rules<'w, 'o, 'a>(
    rules: &'w Rules,
    object: Parts<'o, 'a>,
) -> Result<Decision<'w, 'o, 'a>, &'w Wait> {
    let (mut at, mut generation, mut by) = (None, None, By::Nothing);
    for wait in &rules.settled_when {
        let place = wait.find(object).ok_or(wait)?;
        if let Place::Condition(condition) = place {
            // Of conditions that must hold the one counts that is about the oldest generation.
            let own = of_generation(condition);
            generation = own.into_iter().chain(generation).min();
        }
        at = at.max(time(place));
        by = By::Rule(wait, place);
    }
    // Conditions of what is to last may have been true long before this spec.
    let at = at.filter(|_| rules.mode == Mode::Run);
    Ok(Decision { verdict: Verdict::Settled { at }, by, generation })
}

/// What is decided where nothing is said in words that are known: a run has not ended, and what is
/// to be as its spec says is so, in the eyes of kstatus. Where there is nothing at all that would say
/// how it is, it may still come.
fn unsaid<'w, 'o, 'a>(mode: Mode, object: Parts<'o, 'a>) -> Decision<'w, 'o, 'a> {
    let by = if speaks(object.status) { By::Unknown } else { By::Nothing };
    let verdict = match (mode, by) {
        (Mode::Run, _) | (_, By::Nothing) => Verdict::Progressing,
        (Mode::Rollout | Mode::Plain, _) => Verdict::Settled { at: None },
    };
    Decision::new(verdict, by)
}

/// What a statement comes to. What fails by the rules of its kind alone is otherwise still at work.
fn of(said: Statement<'_, '_>, may_fail: bool, object: Parts<'_, '_>) -> Verdict {
    match said.rank {
        Rank::GivenUp | Rank::Failed | Rank::FailedByReason if may_fail => {
            failure(said.place, object)
        }
        Rank::Waiting => waiting(said.place),
        Rank::Settled => Verdict::Settled { at: None },
        Rank::Ended => Verdict::Settled { at: time(said.place) },
        Rank::GivenUp
        | Rank::Failed
        | Rank::FailedByReason
        | Rank::Reconciling
        | Rank::AtWork
        | Rank::NotYet => Verdict::Progressing,
    }
}

/// With what word it waits.
fn waiting(place: Place<'_, '_>) -> Verdict {
    let word = match place {
        Place::Condition(condition) => {
            let said = ["reason", "type"].into_iter().filter_map(|key| condition.text_at(key));
            said.filter(|it| !it.is_empty()).map(str::to_owned).next()
        }
        Place::Value { value, .. } => text_of(value),
        Place::Count { .. } => Some("partition".to_owned()),
    };
    Verdict::Waiting {
        word: start(&word.unwrap_or_default(), REASON_BYTES).into(),
        at: time(place),
    }
}

/// Why it has failed, as the status says it.
fn failure(place: Place<'_, '_>, object: Parts<'_, '_>) -> Verdict {
    let at = time(place);
    let said = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let (reason, text) = match place {
        Place::Condition(condition) => {
            let reason = said(condition.text_at("reason"));
            (reason.or_else(|| said(condition.text_at("type"))), said(condition.text_at("message")))
        }
        Place::Value { map, value } => {
            let beside = |key| said(map.text_at(key));
            let text = beside("message").or_else(|| beside("failureMessage"));
            let reason = beside("reason")
                .or_else(|| beside("failureReason"))
                .or_else(|| text.as_deref().and_then(|text| named_reason(text, object)));
            (reason.or_else(|| text_of(value)), text)
        }
        Place::Count { .. } => (None, None),
    };
    Verdict::Failed {
        reason: start(&reason.unwrap_or_default(), REASON_BYTES).into(),
        message: message(&text.unwrap_or_default()),
        at,
        is_end: matches!(place, Place::Value { .. }) && at.is_some(),
    }
}

/// Argo Rollouts' message begins with the reason or type of the condition that made it fail.
fn named_reason(text: &str, object: Parts<'_, '_>) -> Option<String> {
    let (name, _) = text.split_once(": ")?;
    let conditions = super::wait::conditions(object.status);
    let is_named =
        |it: &JsonValue<'_>| ["reason", "type"].iter().any(|key| it.text_at(key) == Some(name));
    conditions.iter().any(is_named).then(|| name.to_owned())
}

/// When what was found became so, where the status says it.
fn time(place: Place<'_, '_>) -> Option<UnixNanos> {
    match place {
        Place::Condition(condition) => rfc3339(condition.text_at("lastTransitionTime")?),
        Place::Value { map, .. } => {
            let ends = ["finishedAt", "completionTime", "endTime"];
            ends.into_iter().find_map(|key| rfc3339(map.text_at(key)?))
        }
        Place::Count { .. } => None,
    }
}

fn of_generation(condition: &JsonValue<'_>) -> Option<i64> {
    condition.number_at("observedGeneration")
}

/// The conditions of what tells of a queue.
pub(super) fn queue(status: &JsonValue<'_>) -> Box<[(Box<str>, Condition)]> {
    let told = super::wait::conditions(status).iter().filter_map(|node| {
        Some((start(node.text_at("type")?, REASON_BYTES).into(), condition(node)?))
    });
    told.take(MAX_CONDITIONS).collect()
}

/// Whether a run is suspended, where it says so.
pub(super) fn suspended(status: &JsonValue<'_>) -> Option<Condition> {
    let mut all = super::wait::conditions(status).iter();
    condition(all.find(|node| node.text_at("type") == Some("Suspended"))?)
}

fn condition(node: &JsonValue<'_>) -> Option<Condition> {
    let text = |key| node.text_at(key).unwrap_or_default();
    Some(Condition {
        is_true: node.at("status").and_then(text_of)?.eq_ignore_ascii_case("true"),
        changed: time(Place::Condition(node)),
        updated: None,
        reason: start(text("reason"), REASON_BYTES).into(),
        message: message(text("message")),
    })
}

/// How far it has come.
pub(super) fn progress(rules: &Rules, object: Parts<'_, '_>) -> Option<Box<str>> {
    let text = text_of(rules.progress.as_ref()?.find(object)?)?;
    Some(start(&text, REASON_BYTES).into())
}
