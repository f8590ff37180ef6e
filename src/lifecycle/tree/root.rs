//! New versions of the topmost workload: what they open, supersede, move or settle.

use std::num::NonZeroU64;
use std::sync::Arc;

use super::Tree;
use crate::facts::instant::Evidence;
use crate::facts::kind::Kind;
use crate::facts::meta::Uid;
use crate::facts::span::Outcome;
use crate::facts::stamp::Stamp;
use crate::facts::time::Nanos;
use crate::facts::workload::{Mode, Workload};
use crate::lifecycle::action::Action;
use crate::lifecycle::kept::{MAX_KEPT, hold};
use crate::lifecycle::meaning::{Meaning, Situation, Template, What, Written};
use crate::lifecycle::pod::Pod;
use crate::lifecycle::settle;
use crate::lifecycle::spec_change::{SpecChange, status_of, write_of};
use crate::lifecycle::transition::{GoalChange, GoalMoment, Settles, Transition};
use crate::lifecycle::turn::Turn;

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
    /// Trace contexts that came with it.
    fresh: Vec<Stamp>,
}

impl Tree {
    pub(super) fn root_seen(&mut self, new: &Workload, turn: &mut Turn<'_>) {
        let known = self.root_version.map(NonZeroU64::get);
        if let Some(known) = known.filter(|known| *known >= new.meta.resource_version) {
            turn.counts.stale += u64::from(known > new.meta.resource_version);
            return;
        }
        self.root_version = NonZeroU64::new(new.meta.resource_version);
        let Some(old) = self.root.replace(Arc::new(new.clone())) else {
            if turn.seen.is_listed {
                self.is_unjudged = true;
            } else {
                self.create(new, turn);
            }
            return;
        };
        self.written(&old, new, turn);
        // A status that was not written again says nothing of when.
        let lo = old.meta.written.unwrap_or(old.meta.created);
        let said = new.status.written_since(&old.status);
        let said = said.or(new.meta.written.filter(|_| new.meta.written != old.meta.written));
        let (at, _) = write_of(Some(&old), new, &turn.seen);
        let status = status_of((&old, new), at, said, lo, &turn.seen);
        if new.kind == Kind::DaemonSet && old.status.desired != new.status.desired {
            self.nodes_moved(old.status.desired, new.status.desired);
        }
        self.progressed(&old, new, status);
        self.count_available(new, status);
        self.evaluate(status, turn);
        if self.pending.is_none() && !settle::is_complete(&old) && settle::is_complete(new) {
            self.count_had(false);
        }
    }

    /// What was written to its spec or its stamps, or that its deletion was asked for.
    fn written(&mut self, old: &Workload, new: &Workload, turn: &mut Turn<'_>) {
        let (at, manager) = write_of(Some(old), new, &turn.seen);
        let fresh = self.fresh_stamps(old, new);
        if let Some(deletion) = &new.meta.deletion {
            if old.meta.deletion.is_none() {
                self.open_delete(Evidence::object(deletion.at, turn.seen.heard), turn);
            }
            if let Some(open) = self.open().filter(|open| open.action == Action::Delete) {
                hold(&mut open.finalizers, &deletion.finalizers);
            }
        } else if let Some(change) = SpecChange::between(old, new) {
            self.spec_written(Write { old, new, change, at, manager, fresh }, turn);
        } else {
            turn.counts.churn += 1;
            self.stamped(fresh, at.moment(), turn);
        }
    }

    fn create(&mut self, new: &Workload, turn: &mut Turn<'_>) {
        let (at, manager) = write_of(None, new, &turn.seen);
        let is_run = new.mode == Mode::Run;
        if is_run && settle::is_over(new) {
            turn.counts.baseline += 1;
            return;
        }
        let action = if is_run { Action::Run } else { Action::Create };
        let open = self.open_transition(action, settles(new), "spec:1".to_owned(), at, turn);
        open.manager = manager;
        open.scheduled = new.scheduled;
        open.skipped = new.meta.generation.map_or(0, |generation| generation - 1);
        open.replicas = new.replicas.map(|replicas| (0, replicas));
        if is_run && new.paused {
            open.begin_wait(at);
        }
        self.link_stamps(new.stamps.to_vec(), false);
        if new.meta.deletion.is_some() {
            return self.open_delete(at, turn);
        }
        self.evaluate(at, turn);
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
            what: GoalMoment::StepChanged,
        };
        if let Some(open) = self.open().filter(|open| !open.action.is_end()) {
            open.add_goal(change);
        }
    }

    /// Stamps that differ from the last version's and from every older revision's: ReplicaSets
    /// carry copies of the annotations of the time they were current.
    fn fresh_stamps(&self, old: &Workload, new: &Workload) -> Vec<Stamp> {
        let is_old = |stamp: &&Stamp| {
            let same = |known: &Stamp| known.context == stamp.context;
            old.stamps.iter().any(same)
                || self.forest.iter().any(|(_, owned)| owned.workload.stamps.iter().any(same))
        };
        new.stamps.iter().filter(|stamp| !is_old(stamp)).cloned().collect()
    }

    fn spec_written(&mut self, mut write: Write<'_>, turn: &mut Turn<'_>) {
        if self.is_muted || self.is_unjudged {
            return;
        }
        let what = self.what_of(&write);
        let (old, new) = (write.old, write.new);
        let is_scaled = old.replicas != new.replicas;
        let (was_paused, is_paused) = (old.paused, new.paused);
        let written = Written { what, was_paused, is_paused, is_scaled };
        let meaning = Meaning::of(written, self.situation(write.new));
        if matches!((what, meaning), (What::Template(_), Meaning::Opens(_))) {
            self.remember_template(write.old.template);
        }
        match meaning {
            Meaning::Opens(action) => self.open_spec(action, write, turn),
            Meaning::Moves => {
                self.goal_changes(&write, false);
                self.link_some(write.fresh);
            }
            Meaning::MovesAsOne | Meaning::Suspends | Meaning::Begins => {
                turn.counts.churn += u64::from(!self.is_open());
                self.goal_changes(&write, true);
                self.link_some(std::mem::take(&mut write.fresh));
                if meaning == Meaning::Suspends {
                    self.close(Outcome::Suspended, write.at, None, turn);
                } else if let Some(open) = self.open().filter(|_| meaning == Meaning::Begins) {
                    open.end_wait(write.at);
                }
            }
            Meaning::Waits { opens } => self.wait_for_resume(write, opens, turn),
            Meaning::Nothing => turn.counts.churn += 1,
        }
    }

    /// A template that was written while paused, for the `resume`.
    fn wait_for_resume(
        &mut self,
        mut write: Write<'_>,
        opens: Option<Action>,
        turn: &mut Turn<'_>,
    ) {
        let template = goal("template", &write, GoalMoment::TemplateChangedWhilePaused);
        let mut told = std::mem::take(&mut write.fresh);
        if let Some(action) = opens {
            write.fresh = std::mem::take(&mut told);
            self.open_spec(action, write, turn);
        } else if self.is_busy() {
            self.goal_changes(&write, false);
        }
        turn.counts.crowded += self.waiting.change(|waiting| {
            let has_room = waiting.while_paused.len() < MAX_KEPT;
            waiting.while_paused.extend(has_room.then_some((template, told)));
            u64::from(!has_room)
        });
    }

    fn link_some(&mut self, fresh: Vec<Stamp>) {
        if !fresh.is_empty() {
            self.link_stamps(fresh, false);
        }
    }

    /// A transition is open, and has not settled but for the time that it must last.
    fn is_busy(&self) -> bool {
        self.is_open() && !self.would_count()
    }

    fn situation(&self, new: &Workload) -> Situation {
        let is_run = new.mode == Mode::Run;
        Situation {
            is_run,
            is_over: is_run && settle::is_over(new),
            is_busy: if is_run { self.is_open() } else { self.is_busy() },
            awaits_resume: is_run && self.open_ref().is_some_and(Transition::is_waiting),
            has_waiting_writes: self.waiting.get().is_some_and(|it| !it.while_paused.is_empty()),
        }
    }

    fn what_of(&self, write: &Write<'_>) -> What {
        if self.is_defaulting(write) {
            What::Defaults
        } else if write.change.template {
            What::Template(self.template_of(write))
        } else {
            What::of_goals(&write.change)
        }
    }

    /// The controller of a custom resource adds the fields that the write before left out.
    fn is_defaulting(&self, write: &Write<'_>) -> bool {
        let is_custom = matches!(write.new.kind, Kind::Other(_)) && write.new.mode != Mode::Run;
        is_custom
            && write.change.only_adds
            && self.pending.as_deref().is_some_and(|pending| {
                write.at.written().since(pending.written.written()) <= DEFAULTING
            })
    }

    fn template_of(&self, write: &Write<'_>) -> Template {
        let (template, current) = (write.new.template_of_sets(), write.old.template_of_sets());
        let is_kept = self.forest.iter().any(|(_, owned)| {
            owned.workload.template == template && owned.workload.template != current
        });
        if is_kept || self.templates.contains(&write.new.template) {
            Template::Older
        } else if !write.change.beyond_restart {
            Template::Restarted
        } else {
            Template::New
        }
    }

    fn remember_template(&mut self, template: u64) {
        if !self.templates.contains(&template) {
            self.templates.push(template);
            let extra = self.templates.len().saturating_sub(MAX_TEMPLATES);
            self.templates.drain(..extra);
        }
    }

    /// Opens the transition of a spec write.
    fn open_spec(&mut self, action: Action, write: Write<'_>, turn: &mut Turn<'_>) {
        let Write { old, new, change, at, manager, mut fresh } = write;
        let is_resume = action == Action::Resume;
        let resumed = self.waiting.change(|waiting| match is_resume {
            true => std::mem::take(&mut waiting.while_paused),
            false => Vec::new(),
        });
        // What is told a second time would be two traces in one.
        let number = if new.meta.generation > self.generation {
            new.meta.write_number()
        } else {
            new.meta.resource_version
        };
        self.generation = self.generation.max(new.meta.generation);
        self.end_hold(turn);
        let is_resumed = action == Action::Resume && new.mode == Mode::Run;
        let queued =
            self.last.as_deref().filter(|last| is_resumed && last.is_paused).map(|last| last.end);
        let open = self.open_transition(action, settles(new), format!("spec:{number}"), at, turn);
        open.manager = manager;
        open.skipped = new
            .meta
            .generation
            .zip(old.meta.generation)
            .map_or(0, |(is, was)| (is - was - 1).max(0));
        // Those of a scale wait for the `resume`.
        open.images = changed_images(old, new).filter(|_| action != Action::Scale);
        open.leaves_old_pods = new.is_on_delete && change.template;
        open.changed = change.paths;
        open.scheduled = new.scheduled;
        open.replicas = (old.replicas != new.replicas).then_some((old.count(), new.count()));
        open.before = Some(Box::new(new.status.clone()));
        open.was_suspended = queued.map(|since| turn.moment_of(&at).since(turn.moment_of(&since)));
        for (change, stamps) in resumed {
            open.add_goal(change);
            fresh.extend(stamps);
        }
        open.is_stale = fresh.is_empty() && !new.stamps.is_empty();
        self.link_stamps(fresh, false);
        if let Some(open) = self.open() {
            let is_linked =
                open.joined.is_some() || open.links.iter().any(|link| link.found.is_some());
            open.is_stale &= !is_linked;
        }
        if new.mode == Mode::Plain {
            self.evaluate(at, turn);
        }
    }

    /// Goal fields moved inside the open transition: one span event each; where all of the spec
    /// is a goal (`as_one`), one for the write.
    fn goal_changes(&mut self, write: &Write<'_>, as_one: bool) {
        let template = write.new.template_path;
        let is_goal = |path: &str| as_one || !template.is_some_and(|it| it.holds(path));
        let paths: Vec<&Box<str>> =
            write.change.paths.iter().filter(|path| is_goal(path)).take(20).collect();
        let goals = match paths.as_slice() {
            [_, _, ..] if as_one => {
                let names: Vec<&str> = paths.iter().map(|path| &***path).collect();
                vec![goal(&names.join(", "), write, GoalMoment::GoalChanged)]
            }
            paths => paths.iter().map(|path| goal(path, write, GoalMoment::GoalChanged)).collect(),
        };
        let generation = write.new.meta.generation;
        if let Some(open) = self.open() {
            goals.into_iter().for_each(|goal| open.add_goal(goal));
            open.generation = generation;
            open.written = write.at;
        }
    }

    pub(super) fn open_delete(&mut self, at: Evidence, turn: &mut Turn<'_>) {
        if self.is_muted || self.is_unjudged {
            return;
        }
        let root = self.root.as_deref();
        let is_empty_set = self.top().kind == Kind::ReplicaSet
            && self.pods.is_empty()
            && root.is_some_and(|root| root.count() == 0);
        let is_over = root.is_some_and(|root| root.mode == Mode::Run && settle::is_over(root));
        if (is_empty_set || is_over) && !self.is_open() {
            // An old revision that its owner no longer keeps, or a run that is over: nothing ends
            // with it.
            turn.counts.churn += 1;
            return;
        }
        if !self.is_ending() && !self.recovers_no_more(turn.rules.cluster()) {
            let has_vanished = turn.seen.is_listed;
            let (action, settles) = (Action::Delete, Settles::WhenGone);
            let open = self.open_transition(action, settles, "delete".to_owned(), at, turn);
            open.has_vanished = has_vanished;
        }
    }

    /// What is open was opened by Pods, every wanted Pod was asked to go, and none came since: the
    /// Pods of a namespace go first (KEP-5080), and that is how a deletion begins (DESIGN §3.12).
    fn recovers_no_more(&mut self, cluster: &str) -> bool {
        // An `update` that Pods of an older revision opened by going is one no less.
        let is_by_pods = |open: &&Transition| {
            let is_by_health = matches!(open.settles, Settles::ByHealth { .. });
            open.action == Action::Recover || (open.action == Action::Update && is_by_health)
        };
        let seq = self.open_ref().filter(is_by_pods).map(|it| it.seq);
        let Some(seq) = seq.filter(|_| self.pods.tally().present == 0) else { return false };
        let departed = self.open_ref().map(|open| &open.departed).into_iter().flatten();
        let was_asked = |pod: &Pod| {
            let is_old = pod.start().is_none_or(|start| start.seq != Some(seq));
            let is_of_it = pod.end().is_some_and(|end| end.seq == Some(seq) && !end.has_vanished);
            is_old && is_of_it && pod.restarts().is_empty()
        };
        let pods = self.pods.all().iter().chain(departed).filter(|(_, it)| it.has_part_in(seq));
        if !pods.map(|(_, pod)| pod).all(|pod| was_asked(pod)) {
            return false;
        }
        let top = self.top().uid;
        let Some(open) = self.open() else { return false };
        open.becomes_deletion(cluster, top);
        true
    }

    /// The topmost workload, or one below it, is gone.
    pub(super) fn workload_gone(&mut self, uid: Uid, gone: Evidence, turn: &mut Turn<'_>) {
        if uid == self.top().uid {
            if self.root.is_none() {
                return;
            }
            self.open_delete(gone, turn);
            self.root = None;
            self.root_version = None;
        } else {
            self.owned_gone(uid, gone, turn);
        }
        self.evaluate(gone, turn);
    }
}

/// When a transition of this workload has settled.
const fn settles(workload: &Workload) -> Settles {
    match workload.mode {
        Mode::Run => Settles::WithRun,
        Mode::Plain => Settles::AtOnce,
        Mode::Rollout => Settles::ByStatus,
    }
}

fn goal(field: &str, write: &Write<'_>, what: GoalMoment) -> GoalChange {
    let (from, to) = match field {
        "replicas" => (Some(write.old.count().to_string()), Some(write.new.count().to_string())),
        "paused" | "suspend" => {
            (Some(write.old.paused.to_string()), Some(write.new.paused.to_string()))
        }
        _ => (None, None),
    };
    let manager = write.manager.clone();
    GoalChange { at: write.at, field: field.into(), from, to, manager, what }
}

/// Images of both versions, where they differ.
fn changed_images(old: &Workload, new: &Workload) -> Option<(Vec<String>, Vec<String>)> {
    let images = |workload: &Workload| -> Vec<String> {
        workload.images.iter().map(|(_, image)| image.to_string()).collect()
    };
    (old.images != new.images).then(|| (images(old), images(new)))
}
