//! What a list proves in progress (DESIGN §3, after a list).

use super::{After, Tree};
use crate::facts::ids;
use crate::facts::instant::{Evidence, Heard};
use crate::facts::kind::Kind;
use crate::facts::meta::Uid;
use crate::facts::stamp::Stamp;
use crate::facts::time::{Nanos, SECOND, UnixNanos};
use crate::facts::workload::{Mode, Reporting, Workload};
use crate::lifecycle::action::Action;
use crate::lifecycle::pod::Seq;
use crate::lifecycle::rules::Rules;
use crate::lifecycle::settle;
use crate::lifecycle::step::Steps;
use crate::lifecycle::transition::Settles;
use crate::lifecycle::turn::{Turn, Untraced};

/// Reasons of `Progressing` that say a rollout is under way
/// (`pkg/controller/deployment/util/deployment_util.go`).
const UNDER_WAY: [&str; 4] =
    ["NewReplicaSetCreated", "FoundNewReplicaSet", "ReplicaSetUpdated", "DeploymentResumed"];

/// What a list proves to be in progress.
pub(super) struct Proof {
    pub(super) action: Action,
    pub(super) settles: Settles,
    pub(super) cause: String,
    pub(super) start: Evidence,
    /// The steps below the topmost object that prove it, if that itself does not.
    pub(super) below: Steps,
}

impl Tree {
    /// Nothing of this tree is to be traced: it was listed without the owner it names, so that
    /// what becomes of it belongs to something that began before we looked.
    pub fn mute(&mut self, counts: &mut Untraced) {
        self.is_muted = true;
        counts.orphans += 1;
    }

    /// Takes out an object as if no list had told of it: nothing has been judged yet.
    pub fn unlist(&mut self, uid: Uid) -> After {
        if uid == self.top().uid {
            (self.root, self.root_version) = (None, None);
        } else {
            self.forest.remove(uid);
        }
        self.pods.remove(uid);
        self.after()
    }

    /// Whether it was first seen in a list and waits to be judged.
    #[must_use]
    pub fn is_unjudged(&self) -> bool {
        self.is_unjudged
    }

    /// All lists are in: what they prove to be in progress goes on, all else is baseline. What came to
    /// be while nobody watched, since `unwatched_since`, says that there was a gap: parts of it may have
    /// come and gone.
    pub fn judge(
        &mut self,
        now: UnixNanos,
        unwatched_since: Option<UnixNanos>,
        turn: &mut Turn<'_>,
    ) {
        if !self.is_unjudged {
            return;
        }
        self.is_unjudged = false;
        let began = if self.is_muted {
            None
        } else if self.top().kind == Kind::Pod {
            self.judge_bare()
        } else {
            self.judge_workload(now, unwatched_since, turn)
        };
        match began {
            Some(proof)
                if proof.is_recent(now, self.limit(), turn.rules)
                    && !self.has_told(&proof.cause, turn.rules) =>
            {
                self.go_on(proof, now, turn);
                if let Some(open) = self.open() {
                    open.has_gap |= unwatched_since.is_some();
                }
            }
            Some(_) | None => {
                turn.counts.baseline += 1;
                let has_settled = |root: &Workload| {
                    let says_nothing =
                        matches!(root.status.speech, Reporting::Silent | Reporting::Mute);
                    says_nothing || settle::is_complete(root)
                };
                if self.root.as_deref().is_some_and(has_settled) {
                    self.count_had(false);
                }
                self.pods.each(|(_, pod)| pod.forget_listed());
            }
        }
    }

    /// The transition of this cause was known before, and has left.
    fn has_told(&self, cause: &str, rules: &Rules) -> bool {
        let trace = ids::trace_id(rules.cluster(), self.top().uid, cause);
        let written = cause.strip_prefix("spec:").and_then(|number| number.parse::<i64>().ok());
        let is_known = written.is_some_and(|number| Some(number) <= self.generation);
        is_known || self.last.as_deref().is_some_and(|last| last.trace == trace)
    }

    fn judge_bare(&self) -> Option<Proof> {
        let pod = self.pods.of(self.top().uid)?;
        if let Some(end) = pod.end() {
            let gone = Proof::of_end(Action::Terminate, end.requested);
            return Some(gone).filter(|_| !pod.is_finished);
        }
        let is_up = pod.restarts_always && (pod.was_ready || pod.start().is_none());
        if is_up || pod.is_finished || pod.is_untraced {
            return None;
        }
        let (action, settles) = if pod.restarts_always {
            (Action::Start, Settles::WhenReady)
        } else {
            (Action::Run, Settles::WithRun)
        };
        let start = Evidence::object(pod.created, Heard::FIRST);
        Some(Proof::new(action, settles, "spec:1".to_owned(), start))
    }

    fn judge_workload(
        &mut self,
        now: UnixNanos,
        unwatched_since: Option<UnixNanos>,
        turn: &mut Turn<'_>,
    ) -> Option<Proof> {
        let root = self.root.as_deref()?;
        let is_run = root.mode == Mode::Run;
        // What was not there when somebody watched last was created since, whatever came of it.
        let is_first = root.meta.generation <= Some(1);
        let created = root.meta.created.plus(SECOND);
        let is_new = is_first && unwatched_since.is_some_and(|since| since < created);
        if is_run && settle::is_over(root) {
            return is_new.then(|| Proof::of_creation(root));
        }
        if let Some(deletion) = &root.meta.deletion {
            return Some(Proof::of_end(
                Action::Delete,
                Evidence::object(deletion.at, Heard::FIRST),
            ));
        }
        if is_run {
            // One that is suspended at its first generation waits in its queue.
            let is_under_way = !root.paused || root.meta.generation <= Some(1);
            let proof = || Proof::of_resume(root).unwrap_or_else(|| Proof::of_creation(root));
            return is_under_way.then(proof);
        }
        if settle::is_past_deadline(root) {
            self.begin_listed_healing(Evidence::arrival(now, Heard::FIRST), turn);
            return None;
        }
        let goes_on = || !settle::is_complete(root) && self.is_under_way(root, turn.rules);
        if root.paused || !(is_new || goes_on()) {
            return self.judge_below(now, turn.rules);
        }
        if is_first {
            return Some(Proof::of_creation(root));
        }
        let start = written_last(root, now);
        let cause = format!("spec:{}", root.meta.write_number());
        Some(Proof::new(Action::Update, Settles::ByStatus, cause, start))
    }

    /// Whether the objects prove that what is not settled is in progress, and has not merely lost
    /// something.
    pub(super) fn is_under_way(&self, root: &Workload, rules: &Rules) -> bool {
        let (is_observed, status) = (settle::is_observed(root), &root.status);
        match root.kind {
            Kind::Deployment => self.is_rolling_out(root),
            Kind::StatefulSet => {
                let is_partial = root.partition > 0 || root.is_on_delete;
                // Of one revision an update is over, and of a creation what goes was there: what is
                // missing then was lost.
                let may_be_lost = status.is_of_one_revision
                    && (root.meta.generation > Some(1) || self.pods.any_goes());
                let lacks = status.updated < root.count() - root.partition;
                !is_observed
                    || (!status.is_of_one_revision && !is_partial)
                    || (lacks && !may_be_lost && !root.is_on_delete)
            }
            Kind::DaemonSet => {
                !is_observed || (status.updated < root.count() && !root.is_on_delete)
            }
            Kind::CronJob => false,
            // A generation that has been observed proves nothing of what became of it.
            Kind::Other(_) => {
                (!is_observed && status.observed > Some(0)) || self.is_at_it_still(root, rules)
            }
            Kind::ReplicaSet | Kind::ReplicationController | Kind::Job | Kind::Pod => {
                root.meta.generation <= Some(1) && !is_observed
            }
        }
    }

    /// A custom resource says that it is at work, and turned to that after its spec was written, but before
    /// it could have been well for long enough. Of the first spec that may be said without a time, as long
    /// as what lies below is as it was created.
    fn is_at_it_still(&self, root: &Workload, rules: &Rules) -> bool {
        let Reporting::Busy(since) = root.status.speech else { return false };
        let is_first = root.meta.generation == Some(1);
        let written = if is_first { Some(root.meta.created) } else { written_at(root) };
        let is_of_write = written.zip(since).is_some_and(|(written, since)| {
            (written..=written.plus(rules.stable_time)).contains(&since)
        });
        if !is_first {
            return is_of_write;
        }
        let mut below = self.forest.below(root.meta.uid);
        let is_new = below.all(|(_, owned)| owned.workload.meta.generation <= Some(1));
        is_new && (is_of_write || since.is_none())
    }

    fn is_rolling_out(&self, root: &Workload) -> bool {
        let is_unobserved = root.meta.generation == Some(1) && !settle::is_observed(root);
        let mut current = None;
        let mut others = false;
        for (_, owned) in self.forest.below(root.meta.uid) {
            if owned.workload.template == root.template {
                current = owned.workload.replicas;
            } else {
                others |= owned.workload.count() > 0;
            }
        }
        is_unobserved || current != root.replicas || others || is_reported_under_way(root)
    }

    /// A transition that began before we looked. Below it only what is still open, and of the
    /// current revision, will be a span.
    fn go_on(&mut self, proof: Proof, now: UnixNanos, turn: &mut Turn<'_>) {
        let Proof { action, settles, cause, start, below } = proof;
        let root = self.root.as_deref();
        let template = root.map(Workload::template_of_sets);
        let scheduled = root.and_then(|root| root.scheduled);
        let awaits_resume = settles == Settles::WithRun && root.is_some_and(|root| root.paused);
        let has_stamps = root.is_some_and(|root| !root.stamps.is_empty());
        let stamps = self.listed_stamps();
        let begun: Vec<Uid> = below.iter().map(|(uid, _)| *uid).collect();
        let is_of_root = begun.is_empty() && !action.is_end();
        let of_root = |root| self.listed_steps((root, &start), now, turn.rules);
        let steps = root.filter(|_| is_of_root).map_or(below, of_root);
        let begun = if is_of_root { steps.iter().map(|(uid, _)| *uid).collect() } else { begun };
        let open = self.open_transition(action, settles, cause, start, turn);
        open.steps = steps;
        open.scheduled = scheduled;
        if awaits_resume {
            open.begin_wait(start);
        }
        open.is_stale = has_stamps && stamps.is_empty() && is_of_root;
        let seq = open.seq;
        if action.is_end() {
            self.pods.each(|(_, pod)| pod.forget_listed());
            self.go_on_ending(seq, turn);
        } else if is_of_root {
            self.link_stamps(stamps, true);
            self.go_on_starting(seq, template, &begun);
        } else {
            self.go_on_below(seq, &begun);
        }
    }

    /// Stamps of the topmost workload but for what an older revision carries as well, which is no
    /// news of this one.
    fn listed_stamps(&self) -> Vec<Stamp> {
        let Some(root) = self.root.as_deref() else { return Vec::new() };
        let is_older = |stamp: &&Stamp| {
            self.forest.iter().any(|(_, owned)| {
                let workload = &owned.workload;
                let is_older =
                    workload.mode == Mode::Rollout && workload.template != root.template_of_sets();
                is_older && workload.stamps.iter().any(|old| old.context == stamp.context)
            })
        };
        root.stamps.iter().filter(|stamp| !is_older(stamp)).cloned().collect()
    }

    /// What a list shows of Pods of the current revision is part of what goes on.
    fn go_on_starting(&mut self, seq: Seq, template: Option<u64>, begun: &[Uid]) {
        let current = self.forest.current(template);
        let revision = self.root.as_deref().and_then(|root| root.update_revision.clone());
        let top = self.top().uid;
        let Self { pods, forest, .. } = self;
        pods.each(|(uid, pod)| {
            let is_of_revision = || pod.start().is_some_and(|start| revision == start.revision);
            let is_of_top = pod.owner() == Some(top) && (revision.is_none() || is_of_revision());
            let is_current = *uid == top || is_of_top;
            let is_of_set = pod.owner().is_some_and(|owner| current.contains(&owner));
            if is_current || is_of_set || forest.is_newest_of(pod, begun) {
                pod.continue_in(seq);
            } else {
                pod.forget_listed();
            }
        });
    }

    /// What a list shows to be going below a deletion goes as part of it.
    fn go_on_ending(&mut self, seq: Seq, turn: &mut Turn<'_>) {
        let going = self.forest.iter().filter_map(|(uid, owned)| {
            let deletion = owned.workload.meta.deletion.as_ref()?;
            Some((uid, Evidence::object(deletion.at, Heard::FIRST)))
        });
        let going: Vec<(Uid, Evidence)> = going.collect();
        for (uid, at) in going {
            self.begin_delete_step(uid, at, turn);
        }
        let top = self.top().uid;
        self.pods.each(|(uid, pod)| {
            let is_below = *uid != top && !pod.is_finished;
            if let Some(end) = pod.end_mut().filter(|_| is_below) {
                end.seq = Some(seq);
            }
        });
    }
}

/// Its controller says that it is rolled out.
pub(super) fn is_reported_under_way(deployment: &Workload) -> bool {
    let progressing = deployment.status.progressing.as_ref();
    progressing.is_some_and(|it| UNDER_WAY.contains(&&*it.reason))
}

/// When a spec was written last, as far as a list shows it that is told `now`.
pub(super) fn written_last(workload: &Workload, now: UnixNanos) -> Evidence {
    let written = written_at(workload).filter(|_| !is_scaled_since(workload));
    let status = workload.status.written.unwrap_or(workload.meta.created);
    written.map_or_else(
        || Evidence::between(status, now),
        |written| Evidence::object(written, Heard::FIRST),
    )
}

/// When its spec was written last, by those of its writers that leave a time.
pub(super) fn written_at(workload: &Workload) -> Option<UnixNanos> {
    workload.writers.iter().filter_map(|writer| writer.time).max()
}

/// When a run that had been suspended was resumed: `Suspended` has turned.
pub(super) fn resumed_at(run: &Workload) -> Option<UnixNanos> {
    let suspended = run.status.progressing.as_ref().filter(|_| run.mode == Mode::Run)?;
    suspended.changed.filter(|_| !suspended.is_true)
}

/// Whether it was written through the subresource `scale`, which leaves no time: after the last status,
/// which is behind that write, and is younger than all writes that have one.
pub(super) fn is_scaled_since(workload: &Workload) -> bool {
    let is_timeless = workload.writers.iter().any(|writer| writer.time.is_none());
    is_timeless && !settle::is_observed(workload) && written_at(workload) < workload.status.written
}

impl Proof {
    fn new(action: Action, settles: Settles, cause: String, start: Evidence) -> Self {
        Self { action, settles, cause, start, below: Steps::default() }
    }

    fn of_creation(root: &Workload) -> Self {
        let (action, settles) = match root.mode {
            Mode::Run => (Action::Run, Settles::WithRun),
            Mode::Rollout | Mode::Plain => (Action::Create, Settles::ByStatus),
        };
        let start = Evidence::object(root.meta.created, Heard::FIRST);
        Self::new(action, settles, "spec:1".to_owned(), start)
    }

    /// A run that was suspended while it was under way goes on by another write: its third at the least,
    /// as one that waited in a queue has begun by its second.
    fn of_resume(root: &Workload) -> Option<Self> {
        let at = resumed_at(root).filter(|_| root.meta.generation >= Some(3))?;
        let cause = format!("spec:{}", root.meta.write_number());
        let start = Evidence::object(at, Heard::FIRST);
        Some(Self::new(Action::Resume, Settles::WithRun, cause, start))
    }

    fn of_end(action: Action, start: Evidence) -> Self {
        Self::new(action, Settles::WhenGone, "delete".to_owned(), start)
    }

    /// It began less than its limit ago.
    fn is_recent(&self, now: UnixNanos, own: Option<Nanos>, rules: &Rules) -> bool {
        let limit = own.unwrap_or_else(|| rules.limit(self.settles == Settles::WithRun));
        now.since(self.start.lo) < limit
    }
}
