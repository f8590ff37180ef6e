//! Whether what was just told settles or fails what is open, or heals what had failed.

use super::Tree;
use super::wanted::is_well_on_trial;
use crate::facts::instant::Evidence;
use crate::facts::kind::Kind;
use crate::facts::span::Outcome;
use crate::facts::time::{Nanos, SECOND, UnixNanos};
use crate::facts::workload::{Mode, Reporting, Verdict, Workload};
use crate::lifecycle::action::Action;
use crate::lifecycle::forest::is_set;
use crate::lifecycle::settle::{self, Standing};
use crate::lifecycle::step::Step;
use crate::lifecycle::transition::{Settles, Transition, Trial};
use crate::lifecycle::turn::Turn;

/// After so long a controller that names no generation and says nothing has agreed (DESIGN §3.1).
pub(super) const AGREES_AFTER: Nanos = Nanos::from_seconds(30);

/// After so long a kind that has said nothing of how it is will say nothing.
pub(super) const SILENT_AFTER: Nanos = Nanos::from_seconds(60);

impl Tree {
    /// Looks whether what was just told settles or fails what is open.
    pub(super) fn evaluate(&mut self, at: Evidence, turn: &mut Turn<'_>) {
        let n_placed = self.pods.tally().placed;
        self.nodes.have(n_placed, self.root.as_deref().map_or(0, Workload::count));
        self.misses_nothing();
        let Some(pending) = self.pending.as_deref() else { return };
        // What a list tells is looked at when it has told all: see `Tree::evaluate_listed`.
        let is_listing = turn.seen.is_listed && pending.settles != Settles::WhenGone;
        if pending.closed.is_some() || is_listing {
            return;
        }
        match pending.settles {
            Settles::WhenGone => {
                if self.is_empty() && self.guests.is_empty() {
                    let has_vanished = pending.has_vanished;
                    let outcome = if has_vanished { Outcome::Vanished } else { Outcome::Completed };
                    self.close(outcome, at, None, turn);
                }
            }
            Settles::WhenNodesAre(nodes) => {
                // Else the DaemonSet does not say yet that it wants another number of nodes.
                let wanted = self.root.as_deref().map(Workload::count);
                if nodes.is_some() && nodes == wanted {
                    self.evaluate_status(at, turn);
                }
            }
            Settles::ByStatus if self.has_verdict() => {
                let was_on_trial = is_well_on_trial(pending);
                self.evaluate_verdict(at);
                if self.open_ref().is_some_and(is_well_on_trial) {
                    self.count_had(was_on_trial);
                }
                self.note_health(at);
            }
            Settles::ByStatus => self.evaluate_status(at, turn),
            Settles::ByHealth { .. } => {
                if let Some((reason, message)) = failed_below(pending) {
                    self.close(Outcome::Failed, at, Some((reason, message)), turn);
                    return;
                }
                let is_well = self.is_well(pending);
                self.last_while(is_well, at);
            }
            Settles::WithRun => self.evaluate_run(at, turn),
            Settles::AtOnce => {
                let is_paused = self.root.as_deref().is_some_and(|root| root.paused);
                let outcome = if is_paused { Outcome::Paused } else { Outcome::Completed };
                let start = pending.start;
                self.close(outcome, start, None, turn);
            }
            Settles::InPlace => self.evaluate_in_place(at, turn),
            Settles::WhenReady => {}
        }
    }

    /// What a built-in workload says counts at once.
    fn evaluate_status(&mut self, at: Evidence, turn: &mut Turn<'_>) {
        let (Some(root), Some(pending)) = (self.root.as_deref(), self.pending.as_deref()) else {
            return;
        };
        match settle::standing_since(root, pending.before.as_deref()) {
            Standing::Failed { reason, message, at: said } => {
                let end = said_within(pending, said, at);
                let declared = Some((reason.into(), message.to_owned()));
                self.close(Outcome::Failed, end, declared, turn);
            }
            Standing::Settled(_) if !root.paused && self.lacks_pods(root, pending) => {}
            Standing::Settled(_) if !root.paused => {
                self.close(Outcome::Completed, at, None, turn);
            }
            Standing::Settled(_) | Standing::Progressing if !root.paused => {}
            // Nothing counts its Pods: what is paused stands still.
            Standing::Settled(_) | Standing::Progressing if is_paused(root) => {
                let written = pending.written;
                self.close(Outcome::Paused, written, None, turn);
            }
            Standing::Settled(_) | Standing::Progressing => {
                let tally = self.pods.tally();
                let is_scale = pending.action == Action::Scale;
                // Where not all Pods are seen, their controller counts them.
                let (present, ready) = if self.unseen.is_empty() {
                    (tally.present, tally.ready)
                } else {
                    (root.status.replicas, root.status.ready)
                };
                let is_sized = !is_scale || present == root.count();
                // A pause alone waits for nothing else: what is broken is paused as it is.
                let is_ready = present == ready && have_settled(pending);
                let is_alone = pending.action == Action::Pause && pending.replicas.is_none();
                let is_still = is_ready || is_alone;
                if settle::is_observed(root) && is_still && is_sized {
                    self.close(Outcome::Paused, at, None, turn);
                }
            }
        }
    }

    /// The controllers of StatefulSets and DaemonSets count Pods that go as long as they are Ready, and
    /// replace them after that: while one goes, and until the controller has spoken after it was gone, as many
    /// as wanted must be there. Under OnDelete nothing is waited for.
    fn lacks_pods(&self, root: &Workload, open: &Transition) -> bool {
        let counts_going = matches!(root.kind, Kind::StatefulSet | Kind::DaemonSet);
        let is_short = || self.wanted().is_some_and(|wanted| self.pods.tally().ready < wanted);
        let gone = open.departed.values().filter_map(|pod| pod.version).max();
        let is_counted = gone.is_some_and(|gone| root.meta.resource_version < gone.get());
        let goes = || is_counted || self.pods.all().iter().any(|(_, pod)| pod.is_going);
        counts_going && !root.is_on_delete && is_short() && goes()
    }

    /// The topmost object is a custom resource, whose verdicts must last (DESIGN §3.2).
    fn has_verdict(&self) -> bool {
        let root = self.root.as_deref();
        root.is_some_and(|root| matches!(root.kind, Kind::Other(_)) && root.mode == Mode::Rollout)
    }

    /// What a custom resource says is on trial.
    fn evaluate_verdict(&mut self, at: Evidence) {
        let Some(root) = self.root.as_deref() else { return };
        let Some(open) = self.pending.as_deref_mut() else { return };
        let is_mute = root.status.speech == Reporting::Mute && open.is_without_verdict;
        if root.status.speech == Reporting::Silent || is_mute {
            return open.end_without_verdict();
        }
        let has_spoken = settle::has_spoken(root, open.before.as_deref());
        if is_paused(root) {
            // Who says what has been observed is waited for.
            let says_so = root.status.observed.is_some();
            if says_so && !(settle::is_observed(root) && has_spoken) {
                open.trial = None;
            } else {
                let end = if says_so { at } else { open.written };
                open.stands(Outcome::Paused, end, at, None);
            }
            return;
        }
        // A condition that had turned before is no news of when.
        let begun = open.start.lo;
        let is_news = |said: &UnixNanos| *said >= begun;
        let verdict = root.status.verdict.as_deref();
        if let Some(Verdict::Waiting { at: said, .. }) = verdict {
            let has_waited = said.is_some_and(|said| !is_news(&said));
            let since = if has_waited { open.start } else { at.or_said(*said) };
            open.trial = None;
            return open.begin_wait(since);
        }
        open.end_wait(at);
        let is_of_before = matches!(
            verdict,
            Some(Verdict::Failed { at: Some(ended), is_end: true, .. }) if !is_news(ended)
        );
        let said_news = |said: Option<UnixNanos>| at.or_said(said.filter(is_news));
        match settle::standing(root) {
            Standing::Settled(said) if has_spoken => {
                open.stands(Outcome::Completed, said_news(said), at, None);
            }
            Standing::Failed { reason, message, at: said } if has_spoken && !is_of_before => {
                let declared = Some((reason.into(), message.to_owned()));
                open.stands(Outcome::Failed, said_news(said), at, declared);
            }
            Standing::Settled(_) | Standing::Failed { .. } | Standing::Progressing => {
                open.trial = None;
            }
        }
    }

    /// Whether a Pod that was lost on trial has been made up for.
    fn note_health(&mut self, at: Evidence) {
        let has_lost = |open: &Transition| open.trial.as_ref().is_some_and(|it| it.lost.is_some());
        if !self.open_ref().is_some_and(has_lost) {
            return;
        }
        let is_healthy = self.is_healthy();
        if let Some(trial) = self.open().and_then(|open| open.trial.as_mut()) {
            trial.well = trial.well.or(Some(at)).filter(|_| is_healthy);
        }
    }

    /// A good verdict that stood when the spec was written, of a controller that names no generation
    /// and says nothing, or a pause that it does not say to have observed: from when on it has agreed.
    pub(super) fn agrees_at(&self, open: &Transition) -> Option<UnixNanos> {
        let root = self.root.as_deref().filter(|_| self.has_verdict())?;
        let is_asked = open.settles == Settles::ByStatus && open.trial.is_none();
        let is_good = matches!(settle::standing(root), Standing::Settled(_));
        let has_spoken = settle::has_spoken(root, open.before.as_deref());
        let is_silent = is_good && !has_spoken;
        let waits = is_asked && (is_silent || is_paused(root) && !settle::is_observed(root));
        waits.then(|| open.start.moment().plus(AGREES_AFTER))
    }

    /// From when on an object of which nothing has been said is taken to be of a silent kind.
    pub(super) fn silent_at(&self, open: &Transition) -> Option<UnixNanos> {
        let root = self.root.as_deref().filter(|_| self.has_verdict())?;
        let is_mute = root.status.speech == Reporting::Mute;
        let waits = is_mute && open.settles == Settles::ByStatus && open.trial.is_none();
        let created = root.meta.created.plus(SILENT_AFTER);
        waits.then(|| open.start.moment().max(created))
    }

    /// The controller has agreed by saying nothing.
    pub(super) fn agrees(&mut self) {
        let is_paused = self.root.as_deref().is_some_and(is_paused);
        let outcome = if is_paused { Outcome::Paused } else { Outcome::Completed };
        let Some(open) = self.open() else { return };
        open.is_unconfirmed = true;
        let start = open.start;
        open.stands(outcome, start, start, None);
    }

    /// Whether what was written below has settled, which a good verdict does not come before; what was
    /// deleted before that may still go.
    pub(super) fn has_all_settled(&self, open: &Transition, trial: &Trial) -> bool {
        let is_going = |step: &Step| step.is_deleted && !is_since(trial, step);
        let has_settled = |step: &Step| !step.is_awaited() || is_going(step);
        let is_judged = trial.outcome == Outcome::Completed && self.has_verdict();
        !is_judged || open.steps.values().all(|step| has_settled(step))
    }

    /// What is open is on trial, and counts if something else begins: what was written below since it
    /// came to that has settled.
    pub(super) fn would_count(&self) -> bool {
        let Some(open) = self.open_ref() else { return false };
        let Some(trial) = &open.trial else { return false };
        let is_open = |step: &Step| step.is_awaited() && is_since(trial, step);
        trial.outcome != Outcome::Completed || !open.steps.values().any(|step| is_open(step))
    }

    /// A run ends with its terminal condition.
    fn evaluate_run(&mut self, at: Evidence, turn: &mut Turn<'_>) {
        let Some(root) = self.root.as_deref() else { return };
        let Some(open) = self.pending.as_deref() else { return };
        match settle::standing(root) {
            Standing::Progressing => {}
            Standing::Settled(said) => {
                self.close(Outcome::Completed, said_within(open, said, at), None, turn);
            }
            Standing::Failed { reason, message, at: said } => {
                let declared = Some((reason.into(), message.to_owned()));
                self.close(Outcome::Failed, said_within(open, said, at), declared, turn);
            }
        }
    }

    pub(super) fn last_while(&mut self, is_well: bool, at: Evidence) {
        let Some(seq) = self.telling().map(|open| open.seq) else { return };
        // A Pod that cannot be what was written is told when all others are.
        let refused = if is_well { self.pods.refused_in_place(seq) } else { None };
        let outcome = if refused.is_some() { Outcome::Failed } else { Outcome::Completed };
        let Some(open) = self.telling() else { return };
        if !is_well {
            open.trial = None;
        } else if open.trial.as_ref().is_none_or(|trial| trial.outcome != outcome) {
            open.stands(outcome, at, at, refused);
        }
    }

    /// As many Pods as wanted are there, and after a failure the controller says so too.
    fn is_well(&self, open: &Transition) -> bool {
        if !open.is_healing {
            let has_settled = if open.action == Action::Reconcile {
                have_settled(open)
            } else {
                // How a ReplicaSet is, its Pods say.
                open.steps.values().all(|it| is_set(&it.kind) || it.is_over())
            };
            let has_pods = open.action != Action::Reconcile || self.wanted().is_some();
            let is_up = !has_pods || self.is_healthy();
            // All Pods are looked at for what was written to them only when the rest is well.
            return is_up && has_settled && !self.pods.waits_in_place();
        }
        let is_settled = |root: &Workload| root.mode == Mode::Rollout && settle::is_complete(root);
        let says_so = self.root.as_deref().is_none_or(is_settled);
        says_so && (self.wanted().is_none() || self.is_healthy())
    }
}

impl Transition {
    /// It has come to something, at `end`, if that lasts from `at` on.
    fn stands(
        &mut self,
        outcome: Outcome,
        end: Evidence,
        at: Evidence,
        declared: Option<(Box<str>, String)>,
    ) {
        let settled = self.steps.values().filter_map(|step| step.settled);
        if let Some(trial) = self.trial.as_mut().filter(|trial| trial.outcome == outcome) {
            for last in settled {
                trial.since = trial.since.max(last.moment());
                // What was lost and made up for before all of it had settled is a part of it.
                if trial.well.is_some_and(|well| well.order() <= last.order()) {
                    (trial.lost, trial.well, trial.is_unstable) = (None, None, false);
                }
            }
            return;
        }
        let since = at.moment();
        let (lost, well, is_unstable) = (None, None, false);
        self.trial = Some(Trial { outcome, end, since, declared, lost, well, is_unstable });
    }

    /// Its kind says nothing of how it is: it has settled when what was written below has.
    pub(super) fn end_without_verdict(&mut self) {
        self.is_without_verdict = true;
        let settled = self.steps.values().filter_map(|step| step.settled);
        let end = settled.max_by_key(Evidence::order).unwrap_or(self.start);
        self.trial = None;
        self.stands(Outcome::Completed, end, end, None);
    }
}

/// It is paused, and nothing counts its Pods: they are not waited for.
fn is_paused(root: &Workload) -> bool {
    root.paused && root.replicas.is_none()
}

/// It was written after the transition came to what is on trial.
fn is_since(trial: &Trial, step: &Step) -> bool {
    step.last_write() > trial.end.order()
}

/// What was written below and failed by its own rule: a `reconcile` has failed then.
fn failed_below(open: &Transition) -> Option<(Box<str>, String)> {
    let failed = open.steps.values().filter(|step| step.failed.is_some() && !step.is_run);
    let failed =
        failed.filter(|_| open.action == Action::Reconcile).find_map(|it| it.failure.as_ref());
    failed.map(|(reason, message)| (reason.clone(), message.to_string()))
}

/// What was written below has settled, what runs below has ended, and what was deleted is gone.
fn have_settled(open: &Transition) -> bool {
    !open.steps.values().any(|step| step.is_awaited())
}

/// When a controller says that what is open ended, where that can be: if it was over before it began, by
/// that clock, the clock is off, and it ended when that was written.
fn said_within(open: &Transition, said: Option<UnixNanos>, at: Evidence) -> Evidence {
    at.or_said(said.filter(|said| said.plus(SECOND) > open.start.lo))
}
