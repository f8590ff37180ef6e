//! `transitions:`, which kinds of roots are told.

use super::nearest::nearest;
use super::reader::Section;
use crate::lifecycle::action::{Action, Actions};

const KEY: &str = "transitions";

/// Reads the kinds of roots that are told: all of them, if none is given.
pub(super) fn actions(s: &mut Section<'_>, help: &'static str) -> Actions {
    let given = s.texts(KEY, help);
    if given.is_empty() {
        return Actions::ALL;
    }
    let names = Action::ALL.map(Action::name);
    let mut told = Vec::new();
    for (word, place) in given {
        if let Some(action) = Action::ALL.into_iter().find(|action| action.name() == word) {
            told.push(action);
            continue;
        }
        let mut problem = format!(
            "{KEY}: {word:?} is nothing that a transition does: expected some of {}",
            names.join(", ")
        );
        if let Some(near) = nearest(&word, &names) {
            problem.push_str(&format!("; did you mean {near}?"));
        }
        s.reader().fault(&place, problem);
    }
    told.into_iter().collect()
}

/// The same of one kind of objects, if it has its own.
pub(super) fn own(s: &mut Section<'_>) -> Option<Actions> {
    let is_given = s.has(KEY);
    let actions = actions(s, "");
    is_given.then_some(actions)
}

/// As they may be configured again.
pub(super) fn written(actions: Actions) -> String {
    let told = Action::ALL.into_iter().filter(|action| actions.contain(*action));
    format!("[{}]", told.map(Action::name).collect::<Vec<_>>().join(", "))
}
