//! New versions of the topmost workload: what they open, supersede, move or settle.

use super::super::settle::{self, Standing};
use super::super::transition::{self, Action, GoalChange, SpecChange};
use super::{Rules, Seen, Tree};
use crate::facts::instant::Evidence;
use crate::facts::kind::Kind;
use crate::facts::meta::Uid;
use crate::facts::span::{FinishedSpan, Outcome};
use crate::facts::stamp::Stamp;
use crate::facts::time::{Nanos, UnixNanos};
use crate::facts::workload::{Mode, Workload};

/// A custom resource to which fields are added so soon after a write is defaulted by its
/// controller (FACTS §9).
const DEFAULTING: Nanos = Nanos::from_seconds(5);

/// How many earlier templates a tree remembers, to know a rollback.
const MAX_TEMPLATES: usize = 10;

/// A write of the spec: when, by whom, and what it changed.
struct Write<'a> {
    old: &'a Workload,
    new: &'a Workload,
    change: SpecChange,
    at: Evidence,
    manager: Option<Box<str>>,
}

impl Tree {
    pub(super) fn root_seen(
        &mut self,
        new: &Workload,
        seen: Seen,
        rules: &Rules,
        out: &mut Vec<FinishedSpan>,
    ) {
        let Some(old) = self.root.take() else {
            self.root = Some(Box::new(new.clone()));
            if seen.is_listed {
                self.is_unjudged = true;
            } else {
                self.create(new, seen, rules, out);
            }
            return;
        };
        if old.meta.resource_version >= new.meta.resource_version {
            self.untraced.stale += u64::from(old.meta.resource_version > new.meta.resource_version);
            self.root = Some(old);
            return;
        }
        self.root = Some(Box::new(new.clone()));
        let (at, manager) = transition::write_of(Some(&old), new, seen.arrival);
        let fresh = self.fresh_stamps(&old, new);
        if let Some(deletion) = &new.meta.deletion {
            if old.meta.deletion.is_none() {
                let at = Evidence::object(deletion.at, seen.arrival);
                self.open_delete(at, seen.is_listed, rules, out);
            }
            if let Some(open) = self.open().filter(|open| open.action == Action::Delete) {
                transition::hold(&mut open.finalizers, &deletion.finalizers);
            }
        } else if let Some(change) = SpecChange::between(&old, new) {
            let write = Write { old: &old, new, change, at, manager };
            self.spec_written(&write, fresh, seen, rules, out);
        } else {
            self.untraced.churn += 1;
            if self.is_open() {
                if !fresh.is_empty() {
                    self.link_stamps(fresh, false);
                }
            } else {
                let fresh = fresh.into_iter().map(|stamp| (stamp, at.decision()));
                self.waiting_stamps.extend(fresh.take(16));
                let extra = self.waiting_stamps.len().saturating_sub(16);
                self.waiting_stamps.drain(..extra);
            }
        }
        let status = Evidence::object_or(
            new.status.written,
            old.meta.written.unwrap_or(old.meta.created),
            seen.arrival,
        );
        if new.kind == Kind::DaemonSet && old.status.desired != new.status.desired {
            self.nodes_moved(old.status.desired, new.status.desired);
        }
        self.progressed(&old, new, status);
        self.evaluate(status, rules, out);
    }

    fn create(&mut self, new: &Workload, seen: Seen, rules: &Rules, out: &mut Vec<FinishedSpan>) {
        let (at, manager) = transition::write_of(None, new, seen.arrival);
        if new.mode == Mode::Run && settle::is_over(new) {
            self.untraced.baseline += 1;
            return;
        }
        if new.mode == Mode::Run && new.paused && new.meta.deletion.is_none() {
            // It has not begun: its `resume` will tell of it, and of who wrote it.
            let change = GoalChange {
                at,
                field: "suspend".into(),
                from: None,
                to: Some("true".to_owned()),
                manager,
                name: "created suspended",
            };
            self.while_paused.push((change, new.stamps.to_vec()));
            return;
        }
        let action = if new.mode == Mode::Run { Action::Run } else { Action::Create };
        let open = self.open_transition(action, "spec:1".to_owned(), at, rules, out);
        open.manager = manager;
        open.scheduled = new.scheduled;
        open.skipped = (new.meta.generation - 1).max(0);
        open.replicas = new.replicas.map(|replicas| (0, replicas));
        self.link_stamps(new.stamps.to_vec(), false);
        if new.meta.deletion.is_some() {
            return self.open_delete(at, seen.is_listed, rules, out);
        }
        self.evaluate(at, rules, out);
    }

    /// How far the object says it has come: a moment on its root span.
    fn progressed(&mut self, old: &Workload, new: &Workload, at: Evidence) {
        let (from, to) = (&old.status.progress, &new.status.progress);
        if from == to {
            return;
        }
        let said = |progress: &Option<Box<str>>| progress.as_deref().map(str::to_owned);
        let change = GoalChange {
            at,
            field: "step".into(),
            from: said(from),
            to: said(to),
            manager: None,
            name: "step changed",
        };
        if let Some(open) = self.open().filter(|open| !open.action.is_end()) {
            open.goals.push(change);
        }
    }

    /// Stamps that differ from the last version's and from every older revision's: ReplicaSets
    /// carry copies of the annotations of the time they were current.
    fn fresh_stamps(&self, old: &Workload, new: &Workload) -> Vec<Stamp> {
        let is_old = |stamp: &&Stamp| {
            let same = |known: &Stamp| known.context == stamp.context;
            old.stamps.iter().any(same)
                || self.owned.values().any(|owned| owned.workload.stamps.iter().any(same))
        };
        new.stamps.iter().filter(|stamp| !is_old(stamp)).cloned().collect()
    }

    fn spec_written(
        &mut self,
        write: &Write<'_>,
        fresh: Vec<Stamp>,
        seen: Seen,
        rules: &Rules,
        out: &mut Vec<FinishedSpan>,
    ) {
        let (old, new, change) = (write.old, write.new, &write.change);
        if self.is_muted || self.is_unjudged {
            return;
        }
        if new.mode == Mode::Run {
            return self.run_written(write, fresh, seen, rules, out);
        }
        if self.is_defaulting(write) {
            self.untraced.churn += u64::from(!self.is_open());
            self.goal_changes(write, true);
            if !fresh.is_empty() {
                self.link_stamps(fresh, false);
            }
            return;
        }
        let resumes = old.paused && !new.paused;
        let is_healthy = self.open().is_some_and(|open| open.healthy.is_some());
        let is_busy = self.is_open() && !is_healthy;
        if change.template && new.paused {
            let mut told = fresh;
            let templates = self.goal("template", write, "template changed while paused");
            if is_busy {
                self.goal_changes(write, false);
            } else if !old.paused {
                self.open_spec(Action::Pause, write, std::mem::take(&mut told), seen, rules, out);
            }
            self.while_paused.push((templates, told));
            return;
        }
        if change.template && !self.templates.contains(&old.template) {
            self.templates.push(old.template);
            let extra = self.templates.len().saturating_sub(MAX_TEMPLATES);
            self.templates.drain(..extra);
        }
        let action = if resumes && !(is_busy && self.while_paused.is_empty() && !change.template) {
            Action::Resume
        } else if change.template {
            self.template_action(write)
        } else if is_busy {
            self.goal_changes(write, false);
            if !fresh.is_empty() {
                self.link_stamps(fresh, false);
            }
            return;
        } else if !old.paused && new.paused {
            Action::Pause
        } else if change.is_scale() {
            Action::Scale
        } else {
            Action::Update
        };
        self.open_spec(action, write, fresh, seen, rules, out);
    }

    /// A run is never superseded: controllers default it a moment after its creation, and people
    /// cancel it. It may be suspended, and go on.
    fn run_written(
        &mut self,
        write: &Write<'_>,
        fresh: Vec<Stamp>,
        seen: Seen,
        rules: &Rules,
        out: &mut Vec<FinishedSpan>,
    ) {
        let (old, new) = (write.old, write.new);
        if self.is_open() {
            self.goal_changes(write, true);
            if !fresh.is_empty() {
                self.link_stamps(fresh, false);
            }
            if new.paused && !old.paused {
                self.close(Outcome::Suspended, write.at, None, rules);
            }
        } else if old.paused && !new.paused && !settle::is_over(new) {
            self.open_spec(Action::Resume, write, fresh, seen, rules, out);
        } else {
            self.untraced.churn += 1;
        }
    }

    /// The controller of a custom resource adds the fields that the write before left out.
    fn is_defaulting(&self, write: &Write<'_>) -> bool {
        let is_custom = matches!(write.new.kind, Kind::Other(_));
        is_custom
            && write.change.only_adds
            && self.pending.as_deref().is_some_and(|pending| {
                write.at.decision().since(pending.written.decision()) <= DEFAULTING
            })
    }

    fn template_action(&self, write: &Write<'_>) -> Action {
        let (template, current) = (write.new.template, write.old.template);
        let is_older =
            self.owned.values().any(|owned| {
                owned.workload.template == template && owned.workload.template != current
            }) || self.templates.contains(&template);
        if is_older {
            Action::Rollback
        } else if !write.change.beyond_restart {
            Action::Restart
        } else {
            Action::Update
        }
    }

    /// Opens the transition of a spec write.
    fn open_spec(
        &mut self,
        action: Action,
        write: &Write<'_>,
        mut fresh: Vec<Stamp>,
        seen: Seen,
        rules: &Rules,
        out: &mut Vec<FinishedSpan>,
    ) {
        let (old, new) = (write.old, write.new);
        let resumed = if action == Action::Resume {
            std::mem::take(&mut self.while_paused)
        } else {
            Vec::new()
        };
        // A kind without generation has 0. What is told a second time would be two traces in one.
        let number = if new.meta.generation > self.generation {
            new.meta.generation.unsigned_abs()
        } else {
            new.meta.resource_version
        };
        self.generation = self.generation.max(new.meta.generation);
        let cause = format!("spec:{number}");
        let open = self.open_transition(action, cause, write.at, rules, out);
        open.manager.clone_from(&write.manager);
        open.skipped = (new.meta.generation - old.meta.generation - 1).max(0);
        open.has_gap = seen.is_listed;
        open.changed.clone_from(&write.change.paths);
        open.images = changed_images(old, new);
        open.is_on_delete = new.is_on_delete && write.change.template;
        open.scheduled = new.scheduled;
        open.replicas = (old.replicas != new.replicas).then_some((old.count(), new.count()));
        for (change, stamps) in resumed {
            open.goals.push(change);
            fresh.extend(stamps);
        }
        open.is_stale = fresh.is_empty() && !new.stamps.is_empty();
        self.link_stamps(fresh, false);
        if let Some(open) = self.open() {
            let is_linked =
                open.joined.is_some() || open.links.iter().any(|link| !link.found.is_empty());
            open.is_stale &= !is_linked;
        }
        if new.mode == Mode::Plain {
            // No controller reports on it: what is written has settled.
            let outcome = if new.paused { Outcome::Paused } else { Outcome::Completed };
            self.close(outcome, write.at, None, rules);
        }
    }

    fn goal(&self, field: &str, write: &Write<'_>, name: &'static str) -> GoalChange {
        let (from, to) = match field {
            "replicas" => {
                (Some(write.old.count().to_string()), Some(write.new.count().to_string()))
            }
            "paused" | "suspend" => {
                (Some(write.old.paused.to_string()), Some(write.new.paused.to_string()))
            }
            _ => (None, None),
        };
        let manager = write.manager.clone();
        GoalChange { at: write.at, field: field.into(), from, to, manager, name }
    }

    /// Goal fields moved inside the open transition: one span event each; where all of the spec
    /// is a goal (`as_one`), one for the write.
    fn goal_changes(&mut self, write: &Write<'_>, as_one: bool) {
        let template = write.new.template_path;
        let is_goal = |path: &str| as_one || template.is_empty() || !path.starts_with(template);
        let paths: Vec<&Box<str>> =
            write.change.paths.iter().filter(|path| is_goal(path)).take(20).collect();
        let goals = match paths.as_slice() {
            [_, _, ..] if as_one => {
                let names: Vec<&str> = paths.iter().map(|path| &***path).collect();
                vec![self.goal(&names.join(", "), write, "goal changed")]
            }
            paths => paths.iter().map(|path| self.goal(path, write, "goal changed")).collect(),
        };
        let generation = write.new.meta.generation;
        if let Some(open) = self.open() {
            open.goals.extend(goals);
            open.generation = generation;
            open.written = write.at;
        }
    }

    pub(super) fn open_delete(
        &mut self,
        at: Evidence,
        has_gap: bool,
        rules: &Rules,
        out: &mut Vec<FinishedSpan>,
    ) {
        if self.is_muted || self.is_unjudged {
            return;
        }
        let is_empty_set = self.top.kind == Kind::ReplicaSet
            && self.pods.is_empty()
            && self.root.as_deref().is_some_and(|root| root.count() == 0);
        let is_over = self
            .root
            .as_deref()
            .is_some_and(|root| root.mode == Mode::Run && settle::is_over(root));
        if (is_empty_set || is_over) && !self.is_open() {
            // An old revision that its owner no longer keeps, or a run that is over: nothing ends
            // with it.
            self.untraced.churn += 1;
            return;
        }
        let is_deleting = self.open().is_some_and(|open| open.action.is_end());
        if !is_deleting {
            let open = self.open_transition(Action::Delete, "delete".to_owned(), at, rules, out);
            open.has_gap = has_gap;
        }
    }

    /// The topmost workload, or one below it, is gone.
    pub(super) fn workload_gone(
        &mut self,
        uid: Uid,
        gone: Evidence,
        has_vanished: bool,
        rules: &Rules,
        out: &mut Vec<FinishedSpan>,
    ) {
        if uid == self.top.uid {
            if self.root.is_none() {
                return;
            }
            self.open_delete(gone, has_vanished, rules, out);
            self.root = None;
        } else {
            self.owned_gone(uid, gone);
        }
        self.evaluate(gone, rules, out);
    }

    /// Looks whether what was just told settles or fails what is open.
    pub(super) fn evaluate(&mut self, at: Evidence, rules: &Rules, out: &mut Vec<FinishedSpan>) {
        let Some(pending) = self.pending.as_deref() else {
            return self.heal(at, rules, out);
        };
        if pending.closed.is_some() {
            return;
        }
        match pending.action {
            Action::Delete | Action::Terminate => {
                if self.is_empty() && self.guests.is_empty() {
                    let outcome =
                        if pending.has_gap { Outcome::Vanished } else { Outcome::Completed };
                    self.close(outcome, at, None, rules);
                    self.emit(rules, out);
                }
            }
            _ if pending.must_last() => self.evaluate_recover(at, rules, out),
            Action::Start | Action::Recover => {}
            Action::Run => self.evaluate_run(at, rules, out),
            Action::Resume if self.is_run() => self.evaluate_run(at, rules, out),
            Action::Create
            | Action::Update
            | Action::Rollback
            | Action::Restart
            | Action::Scale
            | Action::Pause
            | Action::Resume => self.evaluate_rollout(at, rules, out),
        }
    }

    fn evaluate_rollout(&mut self, at: Evidence, rules: &Rules, out: &mut Vec<FinishedSpan>) {
        let (Some(root), Some(pending)) = (self.root.as_deref(), self.pending.as_deref()) else {
            return;
        };
        if pending.is_by_pods && pending.replicas.is_none_or(|(_, to)| to != root.count()) {
            // The DaemonSet does not say yet that it wants another number of nodes.
            return;
        }
        if let Standing::Failed { reason, message, at: said } = settle::standing(root) {
            // A condition from before this transition says nothing about it.
            if said.is_none_or(|said| said.seconds() >= pending.start.lo.seconds()) {
                let end = Evidence::object_or(said, at.lo, at.arrival);
                let declared = Some((reason.into(), message.to_owned()));
                self.close(Outcome::Failed, end, declared, rules);
                self.emit(rules, out);
            }
            return;
        }
        if root.mode == Mode::Plain {
            let outcome = if root.paused { Outcome::Paused } else { Outcome::Completed };
            self.close(outcome, pending.start, None, rules);
        } else if root.paused && root.replicas.is_none() {
            // Nothing counts its Pods: what is paused stands still.
            self.close(Outcome::Paused, pending.written, None, rules);
        } else if root.paused {
            let tally = self.tally;
            let is_scale = pending.action == Action::Scale;
            let is_sized = !is_scale || tally.present == root.count();
            let are_sets_settled =
                pending.steps.values().all(|step| step.is_deleted || step.settled.is_some());
            let are_pods_ready = tally.present == tally.ready && are_sets_settled;
            if settle::is_observed(root) && are_pods_ready && is_sized {
                self.close(Outcome::Paused, at, None, rules);
            }
        } else if settle::is_complete(root) {
            self.close(Outcome::Completed, at, None, rules);
        }
    }

    pub(super) fn is_run(&self) -> bool {
        self.root.as_deref().is_some_and(|root| root.mode == Mode::Run)
    }

    /// A run ends with its terminal condition.
    fn evaluate_run(&mut self, at: Evidence, rules: &Rules, out: &mut Vec<FinishedSpan>) {
        let Some(root) = self.root.as_deref() else { return };
        let end = |said: Option<UnixNanos>| Evidence::object_or(said, at.lo, at.arrival);
        match settle::standing(root) {
            Standing::Progressing => {}
            Standing::Settled(said) => self.close(Outcome::Completed, end(said), None, rules),
            Standing::Failed { reason, message, at: said } => {
                let declared = Some((reason.into(), message.to_owned()));
                self.close(Outcome::Failed, end(said), declared, rules);
                self.emit(rules, out);
            }
        }
    }

    /// As many Pods as wanted are there, none going, all Ready, no restart open.
    ///
    /// Pods that have finished do not count: a ReplicaSet keeps the evicted ones beside those that
    /// replaced them.
    pub(super) fn is_healthy(&self) -> bool {
        let tally = self.tally;
        self.wanted().is_some_and(|wanted| {
            tally.present == wanted && tally.ready == wanted && tally.going == 0
        })
    }

    fn evaluate_recover(&mut self, at: Evidence, rules: &Rules, out: &mut Vec<FinishedSpan>) {
        let is_healthy = self.is_healthy();
        let Some(open) = self.open() else { return };
        match (is_healthy, open.healthy) {
            (true, None) => open.healthy = Some(at),
            (false, Some(healthy)) => {
                if at.decision().since(healthy.decision()) >= rules.stable_time {
                    self.close_healthy(healthy, rules);
                    self.emit(rules, out);
                } else {
                    open.healthy = None;
                }
            }
            (true, Some(_)) | (false, None) => {}
        }
    }

    /// A tree that failed and has become what its spec wants by itself: a `recover` from the
    /// moment of failure.
    fn heal(&mut self, at: Evidence, rules: &Rules, out: &mut Vec<FinishedSpan>) {
        let Some((since, seq)) = self.broken else { return };
        let is_complete =
            |root: &&Workload| root.mode == Mode::Rollout && settle::is_complete(root);
        let Some(root) = self.root.as_deref().filter(is_complete) else { return };
        if self.tally.present != self.tally.ready {
            return;
        }
        let cause = format!("heal:{}", root.meta.generation);
        self.open_transition(Action::Recover, cause, since, rules, out);
        if let Some(open) = self.open() {
            // Pods that were created since carry the number that was kept for this.
            open.seq = seq;
        }
        self.close(Outcome::Completed, at, None, rules);
        self.emit(rules, out);
    }
}

/// Images of both versions, where they differ.
fn changed_images(old: &Workload, new: &Workload) -> Option<(Vec<String>, Vec<String>)> {
    let images = |workload: &Workload| -> Vec<String> {
        workload.images.iter().map(|(_, image)| image.to_string()).collect()
    };
    (old.images != new.images).then(|| (images(old), images(new)))
}
