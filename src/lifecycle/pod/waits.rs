//! What a Pod waits for beside its node, its images and its containers: gates, nodes that must first
//! be made, volumes, availability.

use serde::{Deserialize, Serialize};

use super::{Start, Told};
use crate::facts::instant::{Evidence, Heard};
use crate::facts::note::{Note, is_of_claim};
use crate::facts::pod::PodSnapshot;
use crate::facts::time::{Nanos, UnixNanos};

/// What a Pod waited for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Waits {
    /// It was created with scheduling gates.
    pub is_gated: bool,
    /// The last of them was taken away.
    pub ungated: Option<Evidence>,
    /// An autoscaler was to make a node for it.
    pub node: Option<Box<Evidence>>,
    /// A claim of it waits for a Pod that uses it, so that the scheduler sees to both.
    pub is_first_consumer: bool,
    /// It fits no node, or did not for a while.
    pub was_unschedulable: bool,
    /// A volume for it is being made.
    pub provisioning: Option<Box<Evidence>>,
    /// The last time that one of its volumes was attached or mapped.
    pub attached: Option<Told>,
    /// The last time that one could not be.
    pub not_attached: Option<Told>,
    /// It has readiness gates.
    pub has_readiness_gates: bool,
    /// All its containers are ready.
    pub containers_ready: Option<Evidence>,
    /// For how long it must be Ready for what waits for that.
    pub min_ready: Nanos,
    /// It has been Ready for so long, as its controller counts.
    pub available: Option<Evidence>,
}

impl Waits {
    /// Takes over a new version, before the Pod is Ready.
    pub(super) fn apply(&mut self, new: &PodSnapshot, lo: UnixNanos, heard: Heard) {
        if new.is_gated {
            self.is_gated = true;
        } else if self.is_gated && self.ungated.is_none() {
            self.ungated = Some(Evidence::arrival(lo, heard));
        }
        self.was_unschedulable |=
            new.scheduled.as_ref().is_some_and(|it| !it.is_true && &*it.reason == "Unschedulable");
        self.has_readiness_gates = new.has_readiness_gates;
        let ready = new.containers_ready.as_ref().filter(|it| it.is_true);
        if let Some(ready) = ready.filter(|_| self.containers_ready.is_none()) {
            let at = Evidence::object_or(ready.changed, new.meta.created, heard);
            self.containers_ready = Some(at);
        }
    }

    /// What was told later than `order` is left out.
    pub(super) fn cut(&mut self, order: u64) {
        let is_later = |at: &mut Evidence| at.order() > order;
        self.ungated.take_if(is_later);
        self.node.take_if(|at| is_later(at));
        self.provisioning.take_if(|at| is_later(at));
        self.containers_ready.take_if(is_later);
        self.attached.take_if(|told| told.order > order);
        self.not_attached.take_if(|told| told.order > order);
    }

    /// Takes over an Event about the Pod, or about a claim of it.
    fn note(&mut self, note: &Note, order: u64) {
        let at = Told { at: note.exact.unwrap_or(note.seconds), order };
        match &*note.reason {
            "TriggeredScaleUp" => {
                self.node.get_or_insert_with(|| Box::new(note.evidence(order)));
            }
            "WaitForFirstConsumer" | "WaitForPodScheduled" => self.is_first_consumer = true,
            reason if is_of_claim(reason) => {
                self.provisioning.get_or_insert_with(|| Box::new(note.evidence(order)));
            }
            "SuccessfulAttachVolume" | "SuccessfulMountVolume" => {
                self.attached = self.attached.max(Some(at));
            }
            "FailedAttachVolume" | "FailedMount" | "FailedMapVolume" => {
                self.not_attached = self.not_attached.max(Some(at));
            }
            _ => {}
        }
    }
}

impl Start {
    /// Takes over what an Event says of what its Pod waits for, until it has a sandbox.
    pub(super) fn note_wait(&mut self, note: &Note, order: u64) {
        if self.waits_for_sandbox() {
            self.waits.note(note, order);
        }
    }

    /// Since when its Pod is Ready, though not for long enough yet to be available.
    #[must_use]
    pub fn awaits_availability(&self) -> Option<Evidence> {
        let is_awaited = self.waits.min_ready > Nanos(0) && self.waits.available.is_none();
        self.ready.filter(|_| is_awaited)
    }
}
