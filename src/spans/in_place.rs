//! Spans of what was written to Pods in place: resizes and ephemeral containers.

use super::draft::{Draft, Identity};
use super::leaving::Leaving;
use super::{Build, pod_ref};
use crate::facts::ids::SpanId;
use crate::facts::instant::Evidence;
use crate::facts::meta::Uid;
use crate::facts::span::Outcome;
use crate::facts::time::Nanos;
use crate::lifecycle::pod::{Debugger, Noted, Pod, Resize};

impl Build<'_> {
    /// `resize Pod`: from the write until the status shows it.
    pub(super) fn resize(&mut self, uid: Uid, pod: &Pod, resize: &Resize, parent: SpanId) {
        let object = pod_ref(&self.closed.tree, uid, pod);
        let attempt = resize.generation.and_then(|it| u32::try_from(it).ok()).unwrap_or_default();
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
            self.left.push(((uid, Some(it.name.clone())), parent));
            return;
        }
        let leaving = Leaving::from(self.closed, uid, pod);
        let draft = leaving.run(self.transition.seed, parent, it, Some(self.end));
        self.drafts.extend(draft);
    }

    /// Its image is pulled beside the containers of the Pod.
    fn debugger_pull(&mut self, uid: Uid, pod: &Pod, it: &Debugger, parent: SpanId) {
        let at = |reason: &str| {
            let is_it = |noted: &&Noted| {
                *noted.reason == *reason && noted.container.as_ref() == Some(&it.name)
            };
            let noted = pod.notes().iter().find(is_it)?;
            Some(Evidence::event(noted.at, 0).instant(Nanos(0)))
        };
        let Some(from) = at("Pulling") else { return };
        let to = at("Pulled").map(|to| to.not_before(&from));
        let object = pod_ref(&self.closed.tree, uid, pod);
        let of = Identity {
            container: Some(&it.name),
            ..Identity::of(self.transition.seed, parent, &object)
        };
        let end = to.unwrap_or_else(|| self.end.not_before(&from));
        let mut draft = Draft::new(of, "pull image", "pull image", from, end);
        draft.is_phase = true;
        draft.outcome = Some(Outcome::Unfinished).filter(|_| to.is_none());
        draft.push("lifespan.actor", "kubelet");
        draft.push_text("container.image.name", &it.image);
        self.drafts.push(draft);
    }
}
