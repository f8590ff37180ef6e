//! When a workload has settled or failed, by what its controller says.

use crate::facts::kind::Kind;
use crate::facts::time::{Nanos, UnixNanos};
use crate::facts::workload::{Verdict, Workload, WorkloadStatus};

/// The reason of a rollout that ran past its deadline.
pub const DEADLINE: &str = "ProgressDeadlineExceeded";

/// How a workload stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing<'a> {
    /// It is not what its spec wants, or has not come to its end.
    Progressing,
    /// It is what its spec wants; a run has ended well.
    Settled(Option<UnixNanos>),
    /// Its controller has given it up.
    Failed {
        /// The reason, as the status says it.
        reason: &'a str,
        /// One sentence.
        message: &'a str,
        /// When, where the status says it.
        at: Option<UnixNanos>,
    },
}

/// How a workload stands by its status.
#[must_use]
pub fn standing(workload: &Workload) -> Standing<'_> {
    match workload.status.verdict.as_deref() {
        Some(Verdict::Progressing | Verdict::Waiting { .. }) => Standing::Progressing,
        Some(Verdict::Settled { at }) => Standing::Settled(*at),
        Some(Verdict::Failed { reason, message, at, .. }) => {
            Standing::Failed { reason, message, at: *at }
        }
        None if is_past_deadline(workload) => {
            let progressing = workload.status.progressing.as_ref();
            Standing::Failed {
                reason: DEADLINE,
                message: progressing.map_or("", |it| &it.message),
                at: progressing.and_then(|it| it.updated.or(it.changed)),
            }
        }
        None if counts_agree(workload) => Standing::Settled(None),
        None => Standing::Progressing,
    }
}

/// How a workload stands by what its controller said after a write that left it with the status
/// `before`: a condition that stood then says nothing of that write.
#[must_use]
pub fn standing_since<'a>(workload: &'a Workload, before: Option<&WorkloadStatus>) -> Standing<'a> {
    let is_of_before = before.is_some_and(|before| {
        workload.status.verdict.is_none() && workload.status.progressing == before.progressing
    });
    match standing(workload) {
        Standing::Failed { .. } if is_of_before && counts_agree(workload) => {
            Standing::Settled(None)
        }
        Standing::Failed { .. } if is_of_before => Standing::Progressing,
        standing @ (Standing::Progressing | Standing::Settled(_) | Standing::Failed { .. }) => {
            standing
        }
    }
}

/// Whether the controller of a custom resource has said anything since a write that left it with the
/// status `before` (DESIGN §3.1): its verdict names the generation, or the status was written again.
#[must_use]
pub fn has_spoken(workload: &Workload, before: Option<&WorkloadStatus>) -> bool {
    let status = &workload.status;
    // A kind without generations says no more than that it was written.
    let is_without_generation = workload.meta.generation.is_none();
    let has_written = before.is_none_or(|before| before != status);
    is_without_generation || status.names.is_some() || has_written
}

/// The workload is what its spec wants.
#[must_use]
pub fn is_complete(workload: &Workload) -> bool {
    matches!(standing(workload), Standing::Settled(_))
}

/// The run has come to its end, well or not.
#[must_use]
pub fn is_over(run: &Workload) -> bool {
    !matches!(standing(run), Standing::Progressing)
}

/// Deployment: the controller's own `DeploymentComplete`
/// (`pkg/controller/deployment/util/deployment_util.go`): updated = replicas = available = wanted,
/// observed ≥ generation. ReplicaSet, ReplicationController: replicas = ready = wanted.
/// StatefulSet, DaemonSet: the rule of `kubectl rollout status`
/// (`pkg/polymorphichelpers/rollout_status.go`), and replicas = wanted, and with minReadySeconds
/// available = wanted; under OnDelete nobody
/// updates, and nothing is waited for.
fn counts_agree(workload: &Workload) -> bool {
    let (status, wanted) = (&workload.status, workload.count());
    if !is_observed(workload) && !has_nothing_to_do(workload) {
        return false;
    }
    match workload.kind {
        Kind::Deployment => {
            status.updated == wanted && status.replicas == wanted && status.available == wanted
        }
        Kind::ReplicaSet | Kind::ReplicationController => {
            status.replicas == wanted && status.ready == wanted
        }
        Kind::StatefulSet => {
            let is_partial = workload.partition > 0;
            let is_updated = workload.is_on_delete
                || (status.updated >= wanted - workload.partition
                    && (is_partial || status.is_of_one_revision));
            // kubectl does not look at minReadySeconds, the controller waits for it.
            let is_available = workload.min_ready == Nanos(0) || status.available == wanted;
            status.ready >= wanted && status.replicas == wanted && is_updated && is_available
        }
        Kind::DaemonSet => {
            let is_updated = workload.is_on_delete || status.updated >= wanted;
            status.available >= wanted && status.replicas == wanted && is_updated
        }
        Kind::CronJob | Kind::Job | Kind::Pod | Kind::Other(_) => false,
    }
}

/// The ReplicaSet of a Deployment may have what it wants when that is written: it was created for no Pods,
/// or as many have been counted before. The Deployment is complete before it has been looked at again.
fn has_nothing_to_do(workload: &Workload) -> bool {
    let is_owned = workload.kind == Kind::ReplicaSet && workload.meta.owner.is_some();
    let is_new = workload.meta.generation <= Some(1) && workload.count() == 0;
    is_owned && (is_new || workload.status.observed.is_some())
}

/// The controller has seen the spec.
#[must_use]
pub fn is_observed(workload: &Workload) -> bool {
    workload.status.observed >= workload.meta.generation
}

/// The controller has given up on this spec (`Progressing=False/ProgressDeadlineExceeded`).
#[must_use]
pub fn is_past_deadline(workload: &Workload) -> bool {
    let progressing = workload.status.progressing.as_ref();
    is_observed(workload) && progressing.is_some_and(|it| !it.is_true && &*it.reason == DEADLINE)
}
