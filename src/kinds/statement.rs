//! Something that a status says: how much it weighs, and where it stands.

use super::json_value::JsonValue;

/// What is said, the weightier first: the first rank of which there is a statement decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// Its controller has given it up: `Stalled`, in the words of kstatus.
    GivenUp,
    /// Its controller is at work: `Reconciling`, in the words of kstatus.
    Reconciling,
    /// It has failed.
    Failed,
    /// It waits to be let.
    Waiting,
    /// Something is being done about it.
    AtWork,
    /// It is not well, and the reason says that this is a failure.
    FailedByReason,
    /// It is not well yet.
    NotYet,
    /// It is well.
    Settled,
    /// It has come to its end, and well.
    Ended,
}

/// Where in a status something is said.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place<'o, 'a> {
    /// By a condition.
    Condition(&'o JsonValue<'a>),
    /// By a value, which stands in this map or list.
    Value { map: &'o JsonValue<'a>, value: &'o JsonValue<'a> },
    /// By a number that is to be this one.
    Count { value: &'o JsonValue<'a>, wanted: i64 },
}

/// Something that a status says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Statement<'o, 'a> {
    pub(super) rank: Rank,
    pub(super) place: Place<'o, 'a>,
}
