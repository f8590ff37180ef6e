//! What a transition does.

use std::borrow::Cow;

use crate::facts::kind::Kind;

/// What a transition does: `lifespan.action`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
}

impl Action {
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
}
