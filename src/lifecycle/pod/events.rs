//! What Kubernetes Events say of a Pod.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Debugger, Facts, FailedProbe, MAX_NOTES, Pod, Start, Told};
use crate::facts::instant::{Evidence, Heard};
use crate::facts::meta::Uid;
use crate::facts::note::Note;
use crate::facts::reason;
use crate::facts::time::{Nanos, UnixNanos};

/// A probe for which the kubelet restarts a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Probe {
    /// `livenessProbe`
    Liveness,
    /// `startupProbe`
    Startup,
}

impl Probe {
    /// The reason that spans give where it failed.
    #[must_use]
    pub const fn failed(self) -> &'static str {
        match self {
            Self::Liveness => "LivenessProbeFailed",
            Self::Startup => "StartupProbeFailed",
        }
    }
}

/// A Kubernetes Event, as it becomes a span event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    /// The Event.
    pub uid: Uid,
    /// Its count: each count is one span event.
    pub count: u32,
    /// When.
    pub at: UnixNanos,
    /// Its reason.
    pub reason: Box<str>,
    /// Its message.
    pub message: Box<str>,
    /// The container it is about, if it is about one.
    pub container: Option<Box<str>>,
    /// `type: Warning`.
    pub is_warning: bool,
}

impl Noted {
    /// What an Event says that was heard of so.
    #[must_use]
    pub fn new(note: &Note, heard: Heard) -> Self {
        let of_second = || Evidence::object(note.seconds, heard).instant(Nanos(0)).best;
        Self {
            uid: note.uid,
            count: note.count,
            at: note.exact.unwrap_or_else(of_second),
            reason: note.reason.clone(),
            message: note.message.clone(),
            container: note.container.clone(),
            is_warning: note.is_warning,
        }
    }
}

impl Pod {
    /// Takes over an Event about it. Returns whether there was room for it.
    pub fn note(&mut self, note: &Note, heard: Heard) -> bool {
        self.note_probe(note);
        // A container that ends well when it is told to go leaves no other word of it.
        if &*note.reason == "Evicted" && &*note.source == "kubelet" && note.container.is_none() {
            self.facts().evicted = Some(note.message.clone());
        }
        let Some(facts) = self.facts.as_deref_mut().filter(|facts| facts.has_spans()) else {
            return true;
        };
        let is_known = |noted: &Noted| noted.uid == note.uid && noted.count == note.count;
        let is_known = facts.notes.iter().any(is_known);
        let has_room = facts.notes.len() < MAX_NOTES;
        if has_room && !is_known {
            facts.notes.push(Noted::new(note, heard));
        }
        facts.note(note, heard.order);
        has_room || is_known
    }

    /// A probe for which the kubelet restarts a container: first it says what that said, then that it
    /// kills the container (`pkg/kubelet/prober`, `pkg/kubelet/kuberuntime`).
    fn note_probe(&mut self, note: &Note) {
        let Some(container) = note.container.as_ref().filter(|_| self.restarts_always) else {
            return;
        };
        match &*note.reason {
            "Unhealthy" => {
                let kinds = [("Liveness", Probe::Liveness), ("Startup", Probe::Startup)];
                let said = kinds.into_iter().find_map(|(word, kind)| {
                    let said = note.message.strip_prefix(word)?.strip_prefix(" probe failed: ")?;
                    Some((kind, said.trim_end()))
                });
                if let Some((kind, output)) = said {
                    let (container, output) = (container.clone(), output.into());
                    let probe = FailedProbe { container, kind, output, is_fatal: false };
                    self.facts().probe = Some(Box::new(probe));
                }
            }
            "Killing" if note.message.contains("will be restarted") => {
                let probe = self.facts.as_deref_mut().and_then(|facts| facts.probe.as_mut());
                if let Some(probe) = probe.filter(|probe| probe.container == *container) {
                    probe.is_fatal = true;
                }
            }
            _ => {}
        }
    }

    /// Why the kubelet evicts it, as an Event says.
    #[must_use]
    pub fn evicted(&self) -> Option<&str> {
        self.facts.as_deref()?.evicted.as_deref()
    }

    /// The probe for which a container of it is being restarted: reason and last output.
    #[must_use]
    pub fn fatal_probe(&self) -> Option<(Probe, &str)> {
        let probe = self.facts.as_deref()?.probe.as_ref().filter(|probe| probe.is_fatal)?;
        Some((probe.kind, &probe.output))
    }
}

impl Facts {
    /// What an Event says of the obstacles, the start and the end.
    fn note(&mut self, note: &Note, order: u64) {
        if let Some(start) = self.start.as_mut() {
            Arc::make_mut(start).note_wait(note, order);
        }
        if note.is_warning && self.start.as_deref().is_some_and(Start::waits_for_sandbox) {
            self.obstacle = reason::of_event(note, order).map(Arc::new).or(self.obstacle.take());
        }
        let Some(exact) = note.exact else { return };
        if let Some(end) = self.end.as_mut()
            && &*note.reason == "Killing"
            && exact >= end.requested.lo
        {
            Arc::make_mut(end).requested.add_event(exact);
        }
        // What the Pod still does when it is asked to go, or its transition has ended, is no part of it.
        let is_over = self.end.is_some();
        let start = self.start.as_mut().filter(|start| !is_over && !start.is_cut);
        let Some(start) = start.map(Arc::make_mut) else { return };
        match &*note.reason {
            "Scheduled" => {
                if let Some(scheduled) = &mut start.scheduled {
                    scheduled.add_event(exact);
                } else {
                    start.scheduled = Some(Evidence::event(exact, order));
                }
            }
            "Pulling" | "Pulled" | "Started" => {
                // An ephemeral container is no part of the start.
                let is_debugger = |it: &Debugger| note.container.as_ref() == Some(&it.name);
                if !self.debuggers.iter().any(is_debugger) {
                    start.note(note, Told { at: exact, order });
                }
            }
            _ => {}
        }
    }
}
