//! Spans of what was written to Pods in place: resizes and ephemeral containers.

use super::draft::{Draft, Identity};
use super::{Build, pod_ref, push_pod};
use crate::facts::ids::{SpanId, TraceId};
use crate::facts::instant::{Evidence, Instant};
use crate::facts::kind::Kind;
use crate::facts::meta::Uid;
use crate::facts::span::Outcome;
use crate::facts::time::Nanos;
use crate::lifecycle::closed::Portrait;
use crate::lifecycle::pod::{Debugger, Noted, Pod, Resize};

impl Build<'_> {
    /// `resize Pod`: from the write until the status shows it.
    pub(super) fn resize(&mut self, uid: Uid, pod: &Pod, resize: &Resize, parent: SpanId) {
        let object = pod_ref(&self.closed.tree, uid, pod);
        let attempt = u32::try_from(resize.generation).unwrap_or_default();
        let of = Identity { attempt, ..Identity::of(self.transition.seed, parent, &object) };
        let from = resize.written.instant(Nanos(0));
        let (end, outcome) = match resize.done {
            Some((done, outcome)) => (done.instant(Nanos(0)).not_before(&from), outcome),
            None => (self.end.not_before(&from), Outcome::Unfinished),
        };
        let mut draft = Draft::new(of, "resize", "resize Pod", from, end).outcome(outcome);
        draft.push("lifespan.actor", "kubelet");
        if let Some(unfit) = &resize.unfit {
            draft.push("lifespan.reason", unfit.reason());
            if outcome == Outcome::Failed {
                draft.fail(unfit.reason(), unfit.message());
            }
        }
        self.push_pod(&mut draft, pod);
        self.drafts.push(draft);
    }

    /// `run container` of an ephemeral container, with the pull of its image; what still runs outlives
    /// its transition.
    pub(super) fn debugger(&mut self, uid: Uid, pod: &Pod, it: &Debugger, parent: SpanId) {
        self.debugger_pull(uid, pod, it, parent);
        let runs_on = it.started.is_some() && it.ended.is_none() && it.cut.is_none();
        if runs_on && !self.is_shown {
            self.left.push(((uid, it.name.clone()), parent));
            return;
        }
        let owner = pod.owner().and_then(|uid| {
            self.closed.workloads.get(&uid).map(|below| (&below.kind, &*below.name, uid))
        });
        let debugged = Debugged { tree: &self.closed.tree, uid, pod, owner };
        let draft = debugged.run(self.transition.seed, parent, it, Some(self.end));
        self.drafts.extend(draft);
    }

    /// Its image is pulled beside the containers of the Pod.
    fn debugger_pull(&mut self, uid: Uid, pod: &Pod, it: &Debugger, parent: SpanId) {
        let at = |reason: &str| {
            let is_it = |noted: &&Noted| *noted.reason == *reason && noted.container == it.name;
            let noted = pod.notes().iter().find(is_it)?;
            Some(Evidence::event(noted.at).instant(Nanos(0)))
        };
        let Some(from) = at("Pulling") else { return };
        let to = at("Pulled").map(|to| to.not_before(&from));
        let object = pod_ref(&self.closed.tree, uid, pod);
        let of =
            Identity { container: &it.name, ..Identity::of(self.transition.seed, parent, &object) };
        let end = to.unwrap_or_else(|| self.end.not_before(&from));
        let mut draft = Draft::new(of, "pull image", "pull image", from, end);
        draft.is_phase = true;
        draft.outcome = Some(Outcome::Unfinished).filter(|_| to.is_none());
        draft.push("lifespan.actor", "kubelet");
        draft.push_text("container.image.name", &it.image);
        self.drafts.push(draft);
    }
}

/// A Pod that is debugged.
pub(super) struct Debugged<'a> {
    pub(super) tree: &'a Portrait,
    pub(super) uid: Uid,
    pub(super) pod: &'a Pod,
    /// Kind, name and uid of what it belongs to.
    pub(super) owner: Option<(&'a Kind, &'a str, Uid)>,
}

impl Debugged<'_> {
    /// `run container`: from running to its end, or, where that has not come, to `end`.
    pub(super) fn run(
        &self,
        seed: TraceId,
        parent: SpanId,
        it: &Debugger,
        end: Option<Instant>,
    ) -> Option<Draft> {
        let object = pod_ref(self.tree, self.uid, self.pod);
        let of = Identity { container: &it.name, ..Identity::of(seed, parent, &object) };
        let written = it.written.instant(Nanos(0));
        let from = it.started.map_or(written, |at| at.instant(Nanos(0)).not_before(&written));
        let ended = it.ended.as_ref().map(|(at, exit)| (at.instant(Nanos(0)), exit.code));
        let outcome = if ended.is_some() { Outcome::Completed } else { Outcome::Unfinished };
        let cut = it.cut.map(|cut| cut.instant(Nanos(0)));
        let to = ended.map(|(at, _)| at).or(cut).or(end)?.not_before(&from);
        let mut draft = Draft::new(of, "run", "run container", from, to).outcome(outcome);
        draft.may_outlive = true;
        draft.push_text("container.image.name", &it.image);
        if let Some((_, code)) = ended {
            draft.push("lifespan.exit_code", i64::from(code));
        }
        push_pod(&mut draft, self.pod, self.owner);
        Some(draft)
    }
}
