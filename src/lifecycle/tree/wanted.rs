//! How many Pods a tree wants, and whether it has them.

use std::sync::Arc;

use super::Tree;
use crate::facts::kind::Kind;
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
                match self.wanted_below() {
                    Some((below, _)) => Some(below + self.had().unwrap_or(0)),
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

    /// How many Pods the workloads below a custom resource want that have Pods of their own, and how many
    /// they have.
    fn wanted_below(&self) -> Option<(i64, i64)> {
        let all = self.forest.with_pods(|uid| self.pods.share(uid).n > 0);
        let counts = all.map(|(uid, it)| Some((it.wanted()?, self.pods.share(uid).present)));
        counts.reduce(|one, other| one.zip(other).map(|(a, b)| (a.0 + b.0, a.1 + b.1))).flatten()
    }

    /// How many Pods it has of which nothing says how many there should be.
    fn uncounted(&self) -> i64 {
        let below = self.wanted_below().map_or(0, |(_, present)| present);
        self.pods.tally().present - below
    }

    /// How many of those there were when it last settled, neither going nor finished nor of runs: so many
    /// are wanted. Until what was written to it has settled nobody knows.
    fn had(&self) -> Option<i64> {
        let is_known = |open: &Transition| {
            matches!(open.settles, Settles::ByHealth { .. }) || is_well_on_trial(open)
        };
        let had = Some(self.had).filter(|had| *had > 0)?;
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

    /// How many of its Pods are more than it had, where nothing says how many there should be.
    fn n_spare(&self) -> i64 {
        let root = self.root.as_deref().filter(|root| matches!(root.kind, Kind::Other(_)));
        let says_how_many = |root: &Workload| {
            root.wanted().is_some() && self.wanted_below().is_none()
        };
        let of = root.filter(|root| !says_how_many(root));
        of.map_or(0, |_| (self.uncounted() - self.had().unwrap_or(0)).max(0))
    }

    /// Without this Pod there are fewer than wanted.
    pub(super) fn misses(&self, pod: &Pod, wanted: i64) -> bool {
        let is_counted = || {
            let mut counted = self.forest.with_pods(|uid| self.pods.share(uid).n > 0);
            counted.any(|(uid, _)| Some(uid) == pod.owner())
        };
        let spare = self.n_spare();
        // Of more than there were none is missed.
        let is_spare = spare > 0 && !is_counted();
        !is_spare && self.pods.tally().present - spare - 1 < wanted
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

    /// A StatefulSet scales down from its highest ordinal: while there is a higher one, it keeps this.
    fn is_kept(&self, owner: &Workload, pod: &Pod) -> bool {
        let ordinal = |pod: &Pod| pod.name.rsplit_once('-')?.1.parse::<u32>().ok();
        let own = ordinal(pod).filter(|_| owner.kind == Kind::StatefulSet);
        let is_there = |it: &&Arc<Pod>| {
            it.owner() == pod.owner() && !it.is_going && !it.is_finished
        };
        let mut others = self.pods.all().values().filter(is_there);
        own.is_some() && others.any(|other| ordinal(other) > own)
    }

    /// As many Pods as wanted are there that are neither going nor finished, all Ready, no restart
    /// open. Those that still go outlive it.
    pub(super) fn is_healthy(&self) -> bool {
        let tally = self.pods.tally();
        let are_ready = tally.ready == tally.present;
        are_ready && self.wanted().is_some_and(|it| tally.present - self.n_spare() == it)
    }
}

/// It has come to be well, if that lasts.
pub(super) fn is_well_on_trial(open: &Transition) -> bool {
    open.trial.as_ref().is_some_and(|trial| trial.outcome == Outcome::Completed)
}
