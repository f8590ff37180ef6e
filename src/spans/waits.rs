//! What is waited for: by a Pod that is not bound or has no sandbox, by what wants its Pods to be
//! available, by a controller that was refused.

use std::collections::BTreeMap;

use super::draft::{Draft, Identity};
use super::phases::Chain;
use super::{Build, pod_ref};
use crate::facts::ids::SpanId;
use crate::facts::instant::{Evidence, Instant};
use crate::facts::meta::Uid;
use crate::facts::reason;
use crate::facts::span::{ObjectRef, Outcome};
use crate::facts::time::{Nanos, UnixNanos};
use crate::lifecycle::action::Action;
use crate::lifecycle::pod::{Noted, Pod, Start};
use crate::lifecycle::transition::Settles;

/// A phase in which something is waited for; without an end it lasts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wait {
    pub(super) name: &'static str,
    pub(super) actor: &'static str,
    /// Which of one name.
    pub(super) attempt: u32,
    pub(super) from: Instant,
    pub(super) to: Option<Instant>,
}

impl Chain {
    /// What a Pod waits for until it is bound, one after the other: gates that hold it, the
    /// scheduler, a volume or a node that is made for it.
    pub(super) fn until_bound(&self, start: &Start) -> Vec<Wait> {
        let waits = &start.waits;
        let mut begins: Vec<(&'static str, &'static str, Instant)> = Vec::new();
        if waits.is_gated {
            begins.push(("await scheduling gates", "controller", self.created));
        }
        if let Some(free) = if waits.is_gated { self.ungated } else { Some(self.created) } {
            // The scheduler binds the volume with the Pod, and nothing tells the two apart.
            let is_volume = waits.is_first_consumer && !waits.was_unschedulable;
            begins.push(if is_volume {
                ("await volume", "scheduler", free)
            } else {
                ("schedule Pod", "scheduler", free)
            });
            let within = |it: Option<&Evidence>| {
                let it = it?.instant(Nanos(0));
                let it = self.scheduled.map_or(it, |scheduled| it.before(&scheduled));
                Some(it.not_before(&free))
            };
            let volume = within(waits.provisioning.as_deref().filter(|_| !is_volume));
            begins.extend(volume.map(|at| ("await volume", "controller", at)));
            begins.extend(within(waits.node.as_deref()).map(|at| ("await node", "controller", at)));
        }
        begins.sort_by_key(|(.., from)| from.best);
        let ends = begins.iter().skip(1).map(|(.., from)| Some(*from)).chain([self.scheduled]);
        let all = begins.iter().zip(ends);
        all.map(|((name, actor, from), to)| Wait { name, actor, attempt: 0, from: *from, to })
            .collect()
    }

    /// What a Pod that is bound waits for until its sandbox stands: its volumes, where Events tell of
    /// them, and the sandbox. One that could not be attached holds it to the end: nothing tells when
    /// it could.
    pub(super) fn until_sandbox(&self, start: &Start, scheduled: Instant) -> Vec<Wait> {
        let sandbox = |from| Wait {
            name: "prepare Pod sandbox",
            actor: "kubelet",
            attempt: 0,
            from,
            to: self.sandbox,
        };
        let volume = |to| Wait {
            name: "await volume",
            actor: "controller",
            attempt: 1,
            from: scheduled,
            to,
        };
        let (there, not_there) = (start.waits.attached, start.waits.not_attached);
        if not_there.is_some() && not_there > there {
            return vec![volume(self.sandbox)];
        }
        let Some(there) = there else { return vec![sandbox(scheduled)] };
        let there = Evidence::event(there.at, 0).instant(Nanos(0));
        let there = self.sandbox.map_or(there, |sandbox| there.before(&sandbox));
        let there = there.not_before(&scheduled);
        vec![volume(Some(there)), sandbox(there)]
    }
}

impl Build<'_> {
    /// `await availability`, beside the start of a Pod, where something waits for it.
    pub(super) fn availability(
        &mut self,
        uid: Uid,
        pod: &Pod,
        start: &Start,
        chain: &Chain,
        parent: SpanId,
    ) {
        let is_awaited = match self.transition.settles {
            Settles::ByStatus | Settles::WhenNodesAre(_) => true,
            Settles::ByHealth { .. } => self.transition.action == Action::Reconcile,
            Settles::WithRun
            | Settles::WhenReady
            | Settles::InPlace
            | Settles::WhenGone
            | Settles::AtOnce => false,
        };
        let ready = chain.ready.filter(|_| start.waits.min_ready > Nanos(0) && is_awaited);
        let Some(ready) = ready.filter(|_| !start.is_cut) else { return };
        let asked = pod.end().map(|end| end.requested.instant(Nanos(0)).not_before(&ready));
        let available = start.waits.available.map(|it| it.instant(Nanos(0)).not_before(&ready));
        let (end, outcome) = match (available, asked) {
            (Some(available), _) => (available, Outcome::Completed),
            (None, Some(asked)) => (asked, Outcome::Deleted),
            (None, None) => (self.end.not_before(&ready), Outcome::Unfinished),
        };
        let object = pod_ref(&self.closed.tree, uid, pod);
        let of = Identity::of(self.transition.seed, parent, &object);
        let draft = Draft::new(of, "await availability", "await availability", ready, end);
        let mut draft = draft.outcome(outcome);
        draft.is_phase = true;
        draft.push("lifespan.actor", "controller");
        self.push_pod(&mut draft, pod);
        self.drafts.push(draft);
    }

    /// `await retry`: a controller that was refused Pods, from the first refusal until it got one.
    pub(super) fn retries(&mut self) {
        let mut refused: BTreeMap<Uid, Vec<&Noted>> = BTreeMap::new();
        for (about, noted) in &self.transition.notes {
            if noted.is_warning && reason::is_refusal(&noted.reason) {
                refused.entry(*about).or_default().push(noted);
            }
        }
        for (owner, mut refusals) in refused {
            refusals.sort_by_key(|noted| noted.at);
            let created = self.created_below(owner);
            let mut open_until = Some(UnixNanos::LEAST);
            for (attempt, noted) in (0_u32..).zip(refusals) {
                // A refusal before the next Pod belongs to the wait that is told already.
                let is_told = open_until.is_none_or(|until| noted.at <= until);
                if is_told || noted.at >= self.end.best {
                    continue;
                }
                let next = created.iter().find(|created| created.best > noted.at).copied();
                open_until = next.map(|created| created.best);
                let draft = self.retry(owner, noted, next, attempt);
                self.drafts.extend(draft);
            }
        }
    }

    /// When the Pods of `owner` were created that this transition tells of.
    fn created_below(&self, owner: Uid) -> Vec<Instant> {
        let seq = self.transition.seq;
        let pods = self.closed.pods.values().filter(|pod| pod.owner() == Some(owner));
        let starts = pods.filter_map(|pod| pod.start()).filter(|start| start.seq == Some(seq));
        let mut created: Vec<Instant> =
            starts.map(|start| start.created.instant(Nanos(0))).collect();
        created.sort_by_key(|created| created.best);
        created
    }

    fn retry(
        &self,
        owner: Uid,
        noted: &Noted,
        next: Option<Instant>,
        attempt: u32,
    ) -> Option<Draft> {
        let top = &self.closed.tree.top;
        let object = if owner == top.uid {
            top.clone()
        } else {
            let (kind, name, uid) = self.workload(owner)?;
            let namespace = top.namespace.clone();
            ObjectRef { kind: kind.clone(), namespace, name: name.into(), uid }
        };
        // Events have no place in the order: it is part of what is done to its workload now.
        let parent = self.above(Some(owner), u64::MAX, u64::MAX);
        let from = Evidence::event(noted.at, 0).instant(Nanos(0));
        let (to, outcome) = match next {
            Some(next) => (next.not_before(&from), Outcome::Completed),
            None => (self.end.not_before(&from), Outcome::Unfinished),
        };
        let of = Identity { attempt, ..Identity::of(self.transition.seed, parent, &object) };
        let mut draft = Draft::new(of, "await retry", "await retry", from, to).outcome(outcome);
        draft.is_phase = true;
        draft.push("lifespan.actor", "controller");
        draft.push_text("lifespan.reason", &noted.reason);
        Some(draft)
    }
}
