//! What may outlive its transition: the end of a Pod, and an ephemeral container of it.

use super::draft::{Draft, Identity};
use super::{owned, pod_ref, push_pod};
use crate::facts::ids::{SpanId, TraceId};
use crate::facts::instant::Instant;
use crate::facts::kind::Kind;
use crate::facts::meta::Uid;
use crate::facts::span::Outcome;
use crate::facts::time::Nanos;
use crate::lifecycle::closed::{Below, Closed, Departed, Portrait};
use crate::lifecycle::pod::{Debugger, Pod};

/// A Pod of which something may outlive its transition.
pub(super) struct Leaving<'a> {
    tree: &'a Portrait,
    uid: Uid,
    pod: &'a Pod,
    /// Kind, name and uid of what it belongs to.
    owner: Option<(&'a Kind, &'a str, Uid)>,
}

impl<'a> Leaving<'a> {
    /// A Pod of a transition that leaves.
    pub(super) fn from(closed: &'a Closed, uid: Uid, pod: &'a Pod) -> Self {
        let owner = pod.owner().and_then(|uid| Some(owner(uid, closed.workloads.get(&uid)?)));
        Self { tree: &closed.tree, uid, pod, owner }
    }

    /// A Pod whose transition has left, of this tree.
    pub(super) fn of(departed: &'a Departed, tree: &'a Portrait) -> Self {
        let Departed { uid, pod, owner: of } = departed;
        let owner = of.as_ref().map(|(uid, below)| owner(*uid, below));
        Self { tree, uid: *uid, pod, owner }
    }

    /// `terminate Pod`: from the request to gone. `None` while it is still going, unless `open_end`
    /// says where to show it to.
    pub(super) fn terminate(
        &self,
        seed: TraceId,
        parent: SpanId,
        open_end: Option<Instant>,
    ) -> Option<Draft> {
        let end = self.pod.end()?;
        let gone = end.gone.map(|gone| gone.instant(Nanos(0)));
        let from = end.requested.instant(Nanos(0));
        let to = gone.or(open_end)?.not_before(&from);
        let object = pod_ref(self.tree, self.uid, self.pod);
        let of = Identity::of(seed, parent, &object);
        let outcome = match gone {
            None => Outcome::Unfinished,
            Some(_) if end.has_vanished => Outcome::Vanished,
            Some(_) => Outcome::Completed,
        };
        let mut draft = Draft::new(of, "terminate", "terminate Pod", from, to).outcome(outcome);
        draft.may_outlive = true;
        if let Some(reason) = &end.reason {
            draft.push_text("lifespan.reason", reason);
        }
        push_end(&mut draft, self.pod);
        if end.has_vanished {
            draft.push("lifespan.watch.gap", true);
        }
        if self.uid != self.tree.top.uid {
            push_pod(&mut draft, self.pod, self.owner);
        }
        Some(draft)
    }

    /// `run container`: from running to its end, or, where that has not come, to `end`.
    pub(super) fn run(
        &self,
        seed: TraceId,
        parent: SpanId,
        it: &Debugger,
        end: Option<Instant>,
    ) -> Option<Draft> {
        let object = pod_ref(self.tree, self.uid, self.pod);
        let of = Identity { container: Some(&it.name), ..Identity::of(seed, parent, &object) };
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

fn owner(uid: Uid, of: &Below) -> (&Kind, &str, Uid) {
    (&of.kind, &of.name, uid)
}

/// How its containers ended.
pub(super) fn push_end(draft: &mut Draft, pod: &Pod) {
    let Some(end) = pod.end() else { return };
    draft.push("lifespan.grace_seconds", end.grace_seconds);
    let mut exits: Vec<String> =
        end.exits.iter().map(|(name, code, _)| format!("{name}={code}")).collect();
    exits.sort();
    if !exits.is_empty() {
        draft.push("lifespan.exit_codes", exits);
    }
    owned::push_finalizers(draft, &end.finalizers);
    if end.exits.iter().any(|(_, _, forced)| *forced) {
        draft.push("lifespan.forced", true);
    }
}
