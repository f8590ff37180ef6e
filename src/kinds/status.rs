//! Conditions, which Pods and workloads share.

use serde::Deserialize;

use super::protobuf::message;
use super::read::{Message, Time, Word};
use crate::facts::meta::Condition;

/// How many conditions of one object are looked at.
pub(super) const MAX_CONDITIONS: usize = 256;

/// An entry of `status.conditions` as it is decoded.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct RawCondition<'a> {
    #[serde(borrow)]
    pub(super) r#type: Word<'a>,
    #[serde(borrow)]
    status: Word<'a>,
    last_transition_time: Time,
    last_update_time: Time,
    reason: Message,
    message: Message,
}

message!(<'a> RawCondition<'a> { 1 r#type, 2 status, 4 last_transition_time, 5 reason, 6 message });

impl From<RawCondition<'_>> for Condition {
    fn from(raw: RawCondition<'_>) -> Self {
        Self {
            is_true: raw.status.is("True"),
            changed: raw.last_transition_time.0,
            updated: raw.last_update_time.0,
            reason: raw.reason.0,
            message: raw.message.0,
        }
    }
}
