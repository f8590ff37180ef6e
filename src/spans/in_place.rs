//! Spans of what was written to Pods in place: resizes and ephemeral containers.

use super::draft::{Draft, Identity};
use super::{Build, pod_ref};
use crate::facts::ids::SpanId;
use crate::facts::meta::Uid;
use crate::facts::span::Outcome;
use crate::facts::time::Nanos;
use crate::lifecycle::pod::{Debugger, Pod, Resize};

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

    /// `run container` of an ephemeral container; it may outlive its transition.
    pub(super) fn debugger(&mut self, uid: Uid, pod: &Pod, it: &Debugger, parent: SpanId) {
        let object = pod_ref(&self.closed.tree, uid, pod);
        let of =
            Identity { container: &it.name, ..Identity::of(self.transition.seed, parent, &object) };
        let written = it.written.instant(Nanos(0));
        let from = it.started.map_or(written, |at| at.instant(Nanos(0)).not_before(&written));
        let ended = it.ended.as_ref().map(|(at, exit)| (at.instant(Nanos(0)), exit.code));
        let (end, outcome) = match ended {
            Some((end, _)) => (end.not_before(&from), Outcome::Completed),
            None => (self.end.not_before(&from), Outcome::Unfinished),
        };
        let mut draft = Draft::new(of, "run", "run container", from, end).outcome(outcome);
        draft.push_text("container.image.name", &it.image);
        if let Some((_, code)) = ended {
            draft.push("lifespan.exit_code", i64::from(code));
        }
        self.push_pod(&mut draft, pod);
        self.drafts.push(draft);
    }
}
