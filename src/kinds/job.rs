//! How a Job says that it has ended.

use super::status::RawCondition;
use crate::facts::meta::Condition;
use crate::facts::workload::Verdict;

/// What the conditions of a Job say. The interim ones, `SuccessCriteriaMet` and `FailureTarget`,
/// do not end it: it ends when all its Pods have.
pub(super) fn verdict(conditions: Vec<RawCondition<'_>>) -> Verdict {
    for raw in conditions {
        let is_complete = match &*raw.r#type.0 {
            b"Complete" => true,
            b"Failed" => false,
            _ => continue,
        };
        let Condition { is_true, changed: at, reason, message, .. } = raw.into();
        match (is_true, is_complete) {
            (false, _) => {}
            (true, true) => return Verdict::Settled { at },
            (true, false) => return Verdict::Failed { reason, message, at, is_end: false },
        }
    }
    Verdict::Progressing
}
