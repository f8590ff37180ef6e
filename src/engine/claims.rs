//! Events on their way to trees; those about PersistentVolumeClaims are told to the Pods that wait for
//! those.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Engine;
use crate::facts::instant::Heard;
use crate::facts::meta::Uid;
use crate::facts::note::{About, Note};
use crate::facts::pod::PodSnapshot;
use crate::facts::span::FinishedSpan;
use crate::lifecycle::turn::Seen;

/// How many claims are known that wait for their first consumer: they are made before it.
const MAX_KEPT: usize = 1_000;

/// How many claims are waited for at a time.
const MAX_WAITING: usize = 10_000;

type Claim = (Box<str>, Box<str>);

/// Claims that Pods wait for, and those that wait for a Pod.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Claims {
    waiting: BTreeMap<Claim, Vec<Uid>>,
    kept: Vec<Note>,
    /// They are others than when they were last stored.
    #[serde(skip)]
    pub(super) are_changed: bool,
}

impl Claims {
    /// A version of a Pod: until it is bound it waits for its claims. Returns what was said of them
    /// before.
    fn seen(&mut self, pod: &PodSnapshot) -> Vec<Note> {
        let uid = pod.meta.uid;
        let is_waiting = pod.node.is_none() && pod.meta.deletion.is_none();
        let mut said = Vec::new();
        for name in &pod.claims {
            let claim = claim_of(pod, name);
            if !is_waiting {
                self.leave(&claim, uid);
                continue;
            }
            let is_full = self.waiting.len() >= MAX_WAITING;
            if is_full && !self.waiting.contains_key(&claim) {
                continue;
            }
            let pods = self.waiting.entry(claim.clone()).or_default();
            if !pods.contains(&uid) {
                pods.push(uid);
                self.are_changed = true;
                // Bound by this Pod it waits no more.
                let waits = self.kept.extract_if(.., |note| is_about(note, &claim));
                said.extend(waits.map(|note| Note { about: About::Uid(uid), ..note }));
            }
        }
        said
    }

    fn leave(&mut self, claim: &Claim, pod: Uid) {
        let Some(pods) = self.waiting.get_mut(claim) else { return };
        self.are_changed = true;
        pods.retain(|known| *known != pod);
        if pods.is_empty() {
            self.waiting.remove(claim);
        }
    }

    /// An Event about a claim: the same for each Pod that waits for that.
    fn noted(&mut self, note: &Note) -> Vec<Note> {
        let About::Claim(namespace, name) = &note.about else { return Vec::new() };
        let Some(pods) = self.waiting.get(&(namespace.clone(), name.clone())) else {
            if &*note.reason == "WaitForFirstConsumer" {
                self.kept.retain(|known| known.uid != note.uid);
                self.kept.push(note.clone());
                self.are_changed = true;
                let extra = self.kept.len().saturating_sub(MAX_KEPT);
                self.kept.drain(..extra);
            }
            return Vec::new();
        };
        pods.iter().map(|pod| Note { about: About::Uid(*pod), ..note.clone() }).collect()
    }
}

fn is_about(note: &Note, (namespace, name): &Claim) -> bool {
    matches!(&note.about, About::Claim(of, known) if (of, known) == (namespace, name))
}

/// The claim of this name that a Pod means: one in its namespace.
fn claim_of(pod: &PodSnapshot, name: &str) -> Claim {
    (pod.meta.namespace.as_deref().unwrap_or_default().into(), name.into())
}

impl Engine {
    /// A Pod was seen: what was said of its claims is told to it.
    pub(super) fn hear_of_claims(&mut self, pod: &PodSnapshot, out: &mut Vec<FinishedSpan>) {
        if pod.claims.is_empty() {
            return;
        }
        for note in self.claims.seen(pod) {
            self.noted(&note, Heard::FIRST, out);
        }
    }

    /// A Pod is gone, and waits no more.
    pub(super) fn forget_claims(&mut self, pod: &PodSnapshot) {
        for name in &pod.claims {
            let claim = claim_of(pod, name);
            self.claims.leave(&claim, pod.meta.uid);
        }
    }

    /// An Event goes to the tree of what it is about, one about a claim to the Pods that wait for it.
    pub(super) fn noted(&mut self, note: &Note, heard: Heard, out: &mut Vec<FinishedSpan>) {
        let found = match &note.about {
            About::Uid(uid) => self.store.top_of(*uid).map(|top| (top, *uid)),
            About::Pod(namespace, name) => self.store.pod_named(namespace, name),
            About::Claim(..) => {
                let of_pods = self.claims.noted(note);
                return of_pods.iter().for_each(|note| self.noted(note, heard, out));
            }
        };
        let Some((top, about)) = found else {
            self.counts.strange_events += 1;
            return;
        };
        self.counts.changes += 1;
        let seen = Seen { heard, ..Seen::NOTHING };
        self.change(top, seen, out, |tree, turn| tree.note(about, note, turn));
    }
}
