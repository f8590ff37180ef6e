//! The end of a Pod: from the request to gone.

use serde::{Deserialize, Serialize};

use super::{Seq, lower_bound};
use crate::facts::instant::{Evidence, Heard};
use crate::facts::meta::Deletion;
use crate::facts::pod::{ContainerState, PodSnapshot, Role};
use crate::facts::time::Nanos;
use crate::lifecycle::kept::hold;

/// The facts of an end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct End {
    /// The transition it belongs to; `None` if none was open: no span then.
    pub seq: Option<Seq>,
    /// Deletion was asked for.
    pub requested: Evidence,
    /// `deletionGracePeriodSeconds` of the request.
    pub grace_seconds: i64,
    /// Why, where the cluster says it.
    pub reason: Option<Box<str>>,
    /// Exits of its containers: name, exit code, killed at the end of the grace.
    pub exits: Vec<(Box<str>, i32, bool)>,
    /// Finalizers that held it.
    pub finalizers: Vec<Box<str>>,
    /// Gone.
    pub gone: Option<Evidence>,
    /// A complete list no longer contained it.
    pub has_vanished: bool,
    /// The transition has left without it.
    pub has_left: bool,
}

impl End {
    /// An end that was asked for.
    #[must_use]
    pub fn new(seq: Option<Seq>, requested: Evidence, deletion: &Deletion) -> Self {
        Self {
            seq,
            requested,
            grace_seconds: deletion.grace_seconds,
            reason: None,
            exits: Vec::new(),
            finalizers: Vec::new(),
            gone: None,
            has_vanished: false,
            has_left: false,
        }
    }

    pub(super) fn apply(&mut self, new: &PodSnapshot) {
        if let Some(deletion) = &new.meta.deletion {
            hold(&mut self.finalizers, &deletion.finalizers);
        }
        if self.reason.is_none()
            && let Some(disruption) = new.disruption.as_ref().filter(|it| it.is_true)
        {
            self.reason = Some(
                match &*disruption.reason {
                    "EvictionByEvictionAPI" => "evicted by the API",
                    "PreemptionByScheduler" => "preempted",
                    "DeletionByTaintManager" => "evicted by a taint",
                    "DeletionByPodGC" => "node lost",
                    "TerminationByKubelet" => "terminated by the kubelet",
                    other => other,
                }
                .into(),
            );
        }
        let deadline = self.requested.lo.plus(Nanos::from_seconds(self.grace_seconds));
        for container in &new.containers {
            let ContainerState::Terminated(exit) = &container.state else { continue };
            // An exit from before the request is not part of the end.
            let is_of_end = exit.finished.is_none_or(|finished| finished >= self.requested.lo);
            let is_known = self.exits.iter().any(|(name, ..)| *name == container.name);
            if is_of_end && !is_known && container.role != Role::Init {
                let forced =
                    exit.code == 137 && exit.finished.is_some_and(|finished| finished >= deadline);
                self.exits.push((container.name.clone(), exit.code, forced));
            }
        }
    }
}

/// When the deletion of a Pod was asked for: the first deletionTimestamp less its grace.
#[must_use]
pub fn deletion_request(pod: &PodSnapshot, heard: Heard) -> Evidence {
    pod.meta.deletion.as_ref().map_or_else(
        || Evidence::arrival(lower_bound(pod), heard),
        |deletion| {
            let grace = Nanos::from_seconds(deletion.grace_seconds);
            Evidence::object(deletion.at.minus(grace), heard)
        },
    )
}
