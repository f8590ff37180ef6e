//! How many Pods a tree wants, and whether it has them.

use std::sync::Arc;

use super::Tree;
use crate::facts::kind::Kind;
use crate::facts::meta::Uid;
use crate::facts::span::Outcome;
use crate::facts::workload::{Mode, Workload};
use crate::lifecycle::pod::Pod;
use crate::lifecycle::transition::{Settles, Transition};

impl Tree {
    /// Whether losing a Pod now would open a `recover`.
    pub(super) fn may_recover(&self) -> bool {
        !self.is_muted
            && !self.is_unjudged
            && self.healing().is_none()
            && !self.is_open()
            && self.wanted().is_some()
    }

    /// How many Pods are wanted of those that are seen; `None` where the object is gone or going, or
    /// does not say it, or where not all of them can be seen.
    pub(super) fn wanted(&self) -> Option<i64> {
        self.asked_for().filter(|_| self.unseen.is_empty())
    }

    /// How many Pods are wanted in all.
    pub(super) fn asked_for(&self) -> Option<i64> {
        match &self.root {
            Some(root) if root.mode != Mode::Rollout => None,
            // What a custom resource asks for, the workloads below it may be scaled away from.
            Some(root) if root.meta.deletion.is_none() && matches!(root.kind, Kind::Other(_)) => {
                match self.below() {
                    Some(below) => Some(below.wanted + self.had().unwrap_or(0)),
                    // Its replicas may be Machines, or Pods of what is not watched.
                    None => root.wanted().filter(|_| !self.pods.is_empty()).or_else(|| self.had()),
                }
            }
            Some(root) if root.meta.deletion.is_none() => root.wanted(),
            Some(_) => None,
            // Nothing brings back a Pod that runs to its end.
            None if self.top().kind == Kind::Pod => {
                self.pods.of(self.top().uid).filter(|pod| pod.restarts_always).map(|_| 1)
            }
            None => None,
        }
    }

    /// The workloads below that have Pods of their own, and of each how many it wants.
    fn with_pods(&self) -> impl Iterator<Item = (Uid, Option<i64>)> {
        let all = self.forest.with_pods(|uid| self.pods.share(uid).n > 0);
        all.map(|(uid, workload)| (uid, workload.wanted()))
    }

    /// What those below a custom resource want together that say how many.
    fn below(&self) -> Option<Below> {
        let counted = self.with_pods().filter_map(|(uid, wanted)| {
            Some(Below { wanted: wanted?, present: self.pods.share(uid).present })
        });
        counted.reduce(|one, other| Below {
            wanted: one.wanted + other.wanted,
            present: one.present + other.present,
        })
    }

    /// How many Pods of its own a custom resource has that are not of runs.
    fn uncounted(&self) -> i64 {
        self.pods.share(self.top().uid).lasting
    }

    /// How many of those there were when it last settled, neither going nor finished nor of runs: so many
    /// are wanted. Until what was written to it has settled nobody knows.
    fn had(&self) -> Option<i64> {
        let is_known = |open: &Transition| {
            matches!(open.settles, Settles::ByHealth { .. }) || is_well_on_trial(open)
        };
        // After a failure its own word counts.
        let had = Some(self.had).filter(|had| *had > 0 && self.healing().is_none())?;
        self.open_ref().is_none_or(is_known).then_some(had)
    }

    /// It has settled, or stays so since `was_on_trial`: then what was lost meanwhile is wanted still.
    pub(super) fn count_had(&mut self, was_on_trial: bool) {
        let root = self.root.as_deref();
        if root.is_some_and(|it| matches!(it.kind, Kind::Other(_)) && it.mode == Mode::Rollout) {
            let has = self.uncounted();
            self.had = if was_on_trial { self.had.max(has) } else { has };
        }
    }

    /// What was lost on trial of its own Pods and not made up for in that time was taken away, as nothing says
    /// that it is wanted.
    pub(super) fn gives_up_own(&mut self) -> bool {
        let is_below_whole = self.below().is_none_or(|below| below.present >= below.wanted);
        let gives_up = self.is_known_by_others() && is_below_whole && self.uncounted() < self.had;
        if gives_up {
            self.count_had(false);
        }
        gives_up
    }

    /// A custom resource of which it is known by its Pods how many it wants, or by workloads below it.
    fn is_known_by_others(&self) -> bool {
        self.root.as_deref().is_some_and(|root| {
            matches!(root.kind, Kind::Other(_))
                && (root.wanted().is_none() || self.below().is_some())
        })
    }

    /// How many of those are more than there were.
    fn n_spare(&self) -> i64 {
        (self.uncounted() - self.had().unwrap_or(0)).max(0)
    }

    /// How many Pods there are of those that are wanted.
    fn n_there(&self) -> i64 {
        if self.is_known_by_others() {
            self.below().map_or(0, |below| below.present) + self.uncounted() - self.n_spare()
        } else {
            self.pods.tally().present
        }
    }

    /// Without this Pod there are fewer than wanted. One of more than there were is not missed, nor one of
    /// what is wanted no more.
    pub(super) fn misses(&self, pod: &Pod, wanted: i64) -> bool {
        let is_short = self.n_there() - 1 < wanted;
        if !self.is_known_by_others() {
            return is_short;
        }
        let is_uncounted = pod.owner() == Some(self.top().uid);
        let is_counted = || {
            let mut counted = self.with_pods().filter(|(_, wanted)| wanted.is_some());
            counted.any(|(uid, _)| Some(uid) == pod.owner())
        };
        if is_uncounted { self.n_spare() == 0 && is_short } else { is_counted() && is_short }
    }

    /// There are more Pods of its owner than that wants.
    pub(super) fn is_surplus(&self, pod: &Pod) -> bool {
        let Some(owner) = pod.owner() else { return false };
        let is_more = |wanted: Option<i64>, present: i64| wanted.is_some_and(|it| present > it);
        let (workload, present) = if owner == self.top().uid {
            (self.root.as_deref(), self.pods.tally().present)
        } else {
            let owned = self.forest.of(owner).map(|owned| &owned.workload);
            (owned, self.pods.share(owner).present)
        };
        workload.is_some_and(|it| is_more(it.wanted(), present) && !self.is_kept(it, pod))
    }

    /// A StatefulSet scales down from its highest ordinals: it keeps those that are among the lowest.
    fn is_kept(&self, owner: &Workload, pod: &Pod) -> bool {
        let ordinal = |pod: &Pod| pod.name.rsplit_once('-')?.1.parse::<u32>().ok();
        let own = ordinal(pod).filter(|_| owner.kind == Kind::StatefulSet);
        let is_there =
            |it: &&Arc<Pod>| it.owner() == pod.owner() && !it.is_going && !it.is_finished;
        let others = self.pods.all().values().filter(is_there);
        let n_lower = others.filter(|other| ordinal(other) < own).count();
        let wanted = owner.wanted().and_then(|wanted| usize::try_from(wanted).ok());
        own.is_some() && wanted.is_some_and(|wanted| n_lower < wanted)
    }

    /// As many Pods as wanted are there that are neither going nor finished, all Ready, no restart
    /// open. Those that still go outlive it.
    pub(super) fn is_healthy(&self) -> bool {
        let tally = self.pods.tally();
        let are_ready = tally.ready == tally.present;
        are_ready && self.wanted().is_some_and(|wanted| self.n_there() == wanted)
    }
}

/// Pods of the workloads below that say how many they want.
struct Below {
    wanted: i64,
    present: i64,
}

/// It has come to be well, if that lasts.
pub(super) fn is_well_on_trial(open: &Transition) -> bool {
    open.trial.as_ref().is_some_and(|trial| trial.outcome == Outcome::Completed)
}
