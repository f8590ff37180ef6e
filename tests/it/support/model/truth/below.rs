//! What operators and autoscalers write below the topmost object, and what of custom resources must
//! last before it counts (DESIGN §3, `reconcile`, and §3.2).

#![expect(clippy::indexing_slicing, reason = "a panic is a failed test")]

use super::{Cause, Facts, Meta, Resized, Rule, S, STABLE, Transition, Truth};

impl Transition {
    /// It is the end of its tree: what controllers still make then is no part of it.
    pub(super) fn is_end(&self) -> bool {
        self.actions == ["delete"]
    }

    /// Whether what must last some time is so; `None` for what counts at once. What was deleted in it
    /// is gone then, and what was written below has settled.
    pub(super) fn lasts(&self, facts: &Facts) -> Option<bool> {
        let is_well = match self.rule {
            Rule::Status | Rule::Moved(_) => return None,
            Rule::Health | Rule::Below => facts.is_healthy(),
            Rule::Verdict => facts.is_complete && facts.is_good == Some(true),
        };
        let is_cleared = facts.going_since.is_none_or(|since| since < self.start);
        let is_by_pods = matches!(self.rule, Rule::Health | Rule::Below);
        let is_resized = !is_by_pods || facts.pods.resizing == 0;
        let has_settled = !self.has_below || facts.is_complete;
        Some(is_well && is_cleared && is_resized && has_settled)
    }
}

impl Truth {
    /// By what a write of the spec of the topmost object of a tree has settled.
    pub(super) fn rule_of_writes(&self, at: usize) -> Rule {
        if self.trees[at].kind == "Stack" { Rule::Verdict } else { Rule::Status }
    }

    pub(super) fn fail(&mut self, at: usize, reason: Option<&'static str>, now: i64) {
        if let Some(open) = self.trees[at].open {
            self.transitions[open].error = reason;
        }
        self.close(at, now, "failed");
        self.trees[at].is_broken = true;
    }

    /// The spec of a workload below was written.
    pub(in super::super) fn written_below(&mut self, at: usize, meta: &Meta, now: i64) {
        self.moved_below(at, format!("owned:{}:{}", meta.uid, meta.generation), now);
    }

    /// A workload below was deleted.
    pub(in super::super) fn gone_below(&mut self, at: usize, meta: &Meta, now: i64) {
        self.moved_below(at, format!("owned:{}:gone", meta.uid), now);
    }

    fn moved_below(&mut self, at: usize, cause: String, now: i64) {
        self.opens_below(at, cause, now);
        if let Some(open) = self.trees[at].open {
            self.transitions[open].has_below = true;
        }
    }

    fn opens_below(&mut self, at: usize, cause: String, now: i64) {
        self.settle_recovery(at, now);
        let tree = &self.trees[at];
        let is_gone = tree.facts.is_some_and(|facts| facts.is_gone);
        if tree.open.is_none() && !tree.is_broken && !is_gone {
            self.open(at, &["reconcile"], Cause::Exact(cause), Rule::Below, now);
        }
    }

    /// A Pod is lost while what a custom resource says is on trial: whether it takes that back in time
    /// is the operator's matter.
    pub(super) fn loses_on_trial(&mut self, at: usize, since: i64) {
        let Some(open) = self.trees[at].open.map(|open| &mut self.transitions[open]) else {
            return;
        };
        if open.rule == Rule::Verdict && open.healthy.is_some() {
            open.is_certain = false;
            self.trees[at].murky_since.get_or_insert(since);
        }
    }

    /// What was not certain of a Stack is so again when all has been well for long enough.
    pub(super) fn clears(&mut self, at: usize, now: i64) {
        let tree = &mut self.trees[at];
        let has_lasted = tree.well_since.is_some_and(|since| now - since > 2 * STABLE + 2 * S);
        if let Some(since) = tree.murky_since.take_if(|_| has_lasted) {
            self.murky.push((at, since, now));
        }
    }

    /// The resources of a Pod were written in place.
    pub(in super::super) fn written_in_place(
        &mut self,
        at: usize,
        pod: usize,
        generation: i64,
        now: i64,
    ) {
        let cause = format!("owned:{}:{generation}", self.pods[pod].uid);
        self.opens_below(at, cause, now);
        let within = self.trees[at].open;
        self.pods[pod].resizes.push(Resized { written: now, done: None, within });
    }

    /// What was written is there, or will not be.
    pub(in super::super) fn resized(&mut self, pod: usize, now: i64, outcome: &'static str) {
        if let Some(last) = self.pods[pod].resizes.last_mut() {
            last.done.get_or_insert((now, outcome));
        }
    }

    /// What had to last has; a Pod that cannot be what was written has it fail, and all stays well.
    pub(super) fn close_lasted(&mut self, at: usize, since: i64) {
        let Some(open) = self.trees[at].open else { return };
        let is_by_pods = matches!(self.transitions[open].rule, Rule::Health | Rule::Below);
        // What counts is what was written last to those that are there.
        let pods = self.pods.iter().filter(|pod| is_by_pods && pod.requested.is_none());
        let mut last =
            pods.filter_map(|pod| pod.resizes.iter().rfind(|it| it.within == Some(open)));
        let refused = last.any(|it| matches!(it.done, Some((_, "failed"))));
        if refused {
            self.transitions[open].error = Some("Infeasible");
        }
        self.close(at, since, if refused { "failed" } else { "completed" });
    }

    /// What has lasted by `now` is over.
    pub(in super::super) fn settle_all(&mut self, now: i64) {
        for at in 0..self.trees.len() {
            self.settle_recovery(at, now);
        }
    }

    /// What Pods or writes below had opened is as it should be, and only has to stay so.
    pub(super) fn is_well_by_pods(&self, at: usize) -> bool {
        let open = self.trees[at].open.map(|open| &self.transitions[open]);
        open.is_some_and(|open| {
            matches!(open.rule, Rule::Health | Rule::Below) && open.healthy.is_some()
        })
    }

    /// Whether what is open has lasted just about as long as it must: whatever comes then may be part
    /// of it or not.
    pub(in super::super) fn is_near_limit(&self, at: usize, now: i64) -> bool {
        let open = self.trees[at].open.map(|open| &self.transitions[open]);
        let since = open.and_then(|open| open.healthy);
        since.is_some_and(|since| (-3 * S..3 * S).contains(&(now - since - STABLE)))
    }

    /// How many `reconcile`s of a tree have begun in the hour before `now`.
    pub(in super::super) fn n_reconciles(&self, at: usize, now: i64) -> usize {
        let of =
            self.transitions.iter().filter(|one| one.tree == at && one.start > now - 3_700 * S);
        of.filter(|one| one.actions == ["reconcile"]).count()
    }
}
