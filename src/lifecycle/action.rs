//! What a transition does.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::facts::kind::Kind;

/// What a transition does: `lifespan.action`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// The first version of a spec.
    Create,
    /// Another pod template, or other goal fields than those below.
    Update,
    /// The pod template of an older revision.
    Rollback,
    /// Only `kubectl.kubernetes.io/restartedAt` changed.
    Restart,
    /// Only `replicas` changed.
    Scale,
    /// `paused: true`.
    Pause,
    /// `paused` taken away.
    Resume,
    /// A wanted Pod was lost.
    Recover,
    /// Something below was written, and not the topmost object.
    Reconcile,
    /// Deletion of the object and all below it.
    Delete,
    /// The start of a bare Pod.
    Start,
    /// A run from its creation to its end.
    Run,
    /// The end of a bare Pod.
    Terminate,
    /// The resources of a bare Pod were written in place.
    Resize,
}

/// A set of what transitions do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Actions(u16);

impl Actions {
    /// All of them.
    pub const ALL: Self = Self(u16::MAX);

    /// Whether `action` is one of them.
    #[must_use]
    pub const fn contain(self, action: Action) -> bool {
        self.0 & action.bit() != 0
    }
}

impl FromIterator<Action> for Actions {
    fn from_iter<T: IntoIterator<Item = Action>>(actions: T) -> Self {
        Self(actions.into_iter().fold(0, |all, action| all | action.bit()))
    }
}

/// Which kinds of roots are told, of all kinds of objects and of single ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Roots {
    /// Those of every kind that has none of its own.
    pub all: Actions,
    /// Those of single kinds.
    pub of: Vec<(Kind, Actions)>,
}

impl Default for Roots {
    fn default() -> Self {
        Self { all: Actions::ALL, of: Vec::new() }
    }
}

impl Roots {
    /// Whether a transition of an object of `kind` that does this is told.
    #[must_use]
    pub fn are_told(&self, kind: &Kind, action: Action) -> bool {
        let own = self.of.iter().find(|(of, _)| of == kind);
        own.map_or(self.all, |(_, own)| *own).contain(action)
    }
}

impl Action {
    /// All of them, in the order in which they are told to a person.
    pub const ALL: [Self; 14] = [
        Self::Create,
        Self::Update,
        Self::Rollback,
        Self::Restart,
        Self::Scale,
        Self::Pause,
        Self::Resume,
        Self::Recover,
        Self::Reconcile,
        Self::Delete,
        Self::Run,
        Self::Start,
        Self::Resize,
        Self::Terminate,
    ];

    const fn bit(self) -> u16 {
        1 << self as u16
    }

    /// The value of `lifespan.action`, and the first word of the span's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Rollback => "rollback",
            Self::Restart => "restart",
            Self::Scale => "scale",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Recover => "recover",
            Self::Reconcile => "reconcile",
            Self::Delete => "delete",
            Self::Start => "start",
            Self::Run => "run",
            Self::Terminate => "terminate",
            Self::Resize => "resize",
        }
    }

    /// The name of the root span: `update Deployment`.
    #[must_use]
    pub fn span_name(self, kind: &Kind) -> Cow<'static, str> {
        format!("{} {}", self.name(), kind.name()).into()
    }

    /// Whether it is the end of its tree.
    #[must_use]
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Delete | Self::Terminate)
    }

    /// Whether Pods are replaced for another template.
    #[must_use]
    pub const fn is_of_template(self) -> bool {
        matches!(self, Self::Update | Self::Rollback | Self::Restart)
    }
}

#[cfg(test)]
mod tests {
    use super::{Action, Actions};

    #[test]
    fn a_set_holds_what_was_put_into_it_and_nothing_else() {
        for one in Action::ALL {
            let set: Actions = [one].into_iter().collect();
            assert!(Action::ALL.into_iter().all(|it| set.contain(it) == (it == one)), "{one:?}");
            assert!(Actions::ALL.contain(one));
        }
    }
}
