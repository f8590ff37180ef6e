//! When a workload has settled or failed, by what its controller says.

use super::object::{Kind, Workload};

/// The reason of a rollout that ran past its deadline.
pub const DEADLINE: &str = "ProgressDeadlineExceeded";

/// The workload is what its spec wants.
///
/// Deployment: the controller's own `DeploymentComplete`
/// (`pkg/controller/deployment/util/deployment_util.go`): updated = replicas = available = wanted,
/// observed ≥ generation. ReplicaSet: replicas = ready = wanted.
#[must_use]
pub fn is_complete(workload: &Workload) -> bool {
    let (status, wanted) = (&workload.status, workload.count());
    if !is_observed(workload) {
        return false;
    }
    match workload.kind {
        Kind::Deployment => {
            status.updated == wanted && status.replicas == wanted && status.available == wanted
        }
        Kind::ReplicaSet => status.replicas == wanted && status.ready == wanted,
        _ => false,
    }
}

/// The controller has seen the spec.
#[must_use]
pub fn is_observed(workload: &Workload) -> bool {
    workload.status.observed >= workload.meta.generation && workload.status.observed > 0
}

/// The controller has given up on this spec (`Progressing=False/ProgressDeadlineExceeded`).
#[must_use]
pub fn is_past_deadline(workload: &Workload) -> bool {
    let progressing = workload.status.progressing.as_ref();
    is_observed(workload) && progressing.is_some_and(|it| !it.is_true && &*it.reason == DEADLINE)
}
