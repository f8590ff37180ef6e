//! What a list proves in progress (DESIGN §3, after a list).

use super::super::pod::Seq;
use super::super::settle;
use super::super::transition::Action;
use super::{Rules, Tree};
use crate::facts::instant::Evidence;
use crate::facts::kind::Kind;
use crate::facts::meta::Uid;
use crate::facts::span::FinishedSpan;
use crate::facts::time::UnixNanos;
use crate::facts::workload::{Mode, Workload};

/// Reasons of `Progressing` that say a rollout is under way
/// (`pkg/controller/deployment/util/deployment_util.go`).
const UNDER_WAY: [&str; 4] =
    ["NewReplicaSetCreated", "FoundNewReplicaSet", "ReplicaSetUpdated", "DeploymentResumed"];

impl Tree {
    /// Nothing of this tree is to be traced: it was listed without the owner it names, so that
    /// what becomes of it belongs to something that began before we looked.
    pub fn mute(&mut self) {
        self.is_muted = true;
        self.untraced.orphans += 1;
    }

    /// Whether it was first seen in a list and waits to be judged.
    #[must_use]
    pub fn is_unjudged(&self) -> bool {
        self.is_unjudged
    }

    /// All lists are in: what they prove to be in progress goes on, all else is baseline.
    pub fn judge(&mut self, now: UnixNanos, rules: &Rules, out: &mut Vec<FinishedSpan>) {
        if !self.is_unjudged {
            return;
        }
        self.is_unjudged = false;
        let began = if self.is_muted {
            None
        } else if self.top.kind == Kind::Pod {
            self.judge_bare()
        } else {
            self.judge_workload(now)
        };
        match began {
            Some((action, cause, start)) if is_recent(action, &start, now, rules) => {
                self.go_on(action, cause, start, rules, out);
            }
            Some(_) | None => {
                self.untraced.baseline += 1;
                self.pods.values_mut().for_each(|pod| pod.forget(0));
            }
        }
    }

    fn judge_bare(&self) -> Option<(Action, String, Evidence)> {
        let pod = self.pods.get(&self.top.uid)?;
        if let Some(end) = pod.end() {
            let is_over = pod.is_finished;
            let gone = (Action::Terminate, "delete".to_owned(), end.requested);
            return Some(gone).filter(|_| !is_over);
        }
        let is_up = pod.was_ready && pod.restarts_always;
        if is_up || pod.is_finished || pod.is_untraced {
            return None;
        }
        let action = if pod.restarts_always { Action::Start } else { Action::Run };
        Some((action, "spec:1".to_owned(), Evidence::object(pod.created, None)))
    }

    fn judge_workload(&mut self, now: UnixNanos) -> Option<(Action, String, Evidence)> {
        let root = self.root.as_deref()?;
        let is_run = root.mode == Mode::Run;
        if is_run && settle::is_over(root) {
            return None;
        }
        if let Some(deletion) = &root.meta.deletion {
            let start = Evidence::object(deletion.at, None);
            return Some((Action::Delete, "delete".to_owned(), start));
        }
        let created = || {
            let start = Evidence::object(root.meta.created, None);
            Some((if is_run { Action::Run } else { Action::Create }, "spec:1".to_owned(), start))
        };
        if is_run {
            return if root.paused { None } else { created() };
        }
        if settle::is_past_deadline(root) {
            self.broken = Some((Evidence::arrival(now, None), 0));
            return None;
        }
        if root.paused || settle::is_complete(root) || !self.is_under_way(root) {
            return None;
        }
        let generation = root.meta.generation;
        if generation <= 1 {
            return created();
        }
        let written = root.writers.iter().filter_map(|writer| writer.time).max();
        let status = root.status.written.unwrap_or(root.meta.created);
        let start = written.map_or_else(
            || Evidence::between(status, now),
            |written| Evidence::object(written, None),
        );
        Some((Action::Update, format!("spec:{generation}"), start))
    }

    /// Whether the objects prove that what is not settled is in progress, and has not merely lost
    /// something.
    fn is_under_way(&self, root: &Workload) -> bool {
        let (is_observed, status) = (settle::is_observed(root), &root.status);
        match root.kind {
            Kind::Deployment => self.is_rolling_out(root),
            Kind::StatefulSet => {
                let is_partial = root.partition > 0 || root.is_on_delete;
                !is_observed
                    || (!status.is_of_one_revision && !is_partial)
                    || (status.updated < root.count() - root.partition && !root.is_on_delete)
            }
            Kind::DaemonSet => {
                !is_observed || (status.updated < root.count() && !root.is_on_delete)
            }
            Kind::CronJob => false,
            // A generation that has been observed proves nothing of what became of it.
            Kind::Other(_) => !is_observed && status.observed > 0,
            Kind::ReplicaSet | Kind::ReplicationController | Kind::Job | Kind::Pod => {
                root.meta.generation <= 1 && !is_observed
            }
        }
    }

    fn is_rolling_out(&self, root: &Workload) -> bool {
        let is_unobserved = root.meta.generation == 1 && !settle::is_observed(root);
        let mut current = None;
        let mut others = false;
        for owned in self.owned.values() {
            if owned.workload.template == root.template {
                current = owned.workload.replicas;
            } else {
                others |= owned.workload.count() > 0;
            }
        }
        let reason = root.status.progressing.as_ref().map_or("", |it| &it.reason);
        is_unobserved || current != root.replicas || others || UNDER_WAY.contains(&reason)
    }

    /// A transition that began before we looked. Below it only what is still open, and of the
    /// current revision, will be a span.
    fn go_on(
        &mut self,
        action: Action,
        cause: String,
        start: Evidence,
        rules: &Rules,
        out: &mut Vec<FinishedSpan>,
    ) {
        let template = self.root.as_deref().map(|root| root.template);
        let steps = match template {
            Some(template) if !action.is_end() => self.listed_steps(template),
            Some(_) | None => std::collections::BTreeMap::new(),
        };
        let mut stamps = self.root.as_deref().map(|root| root.stamps.to_vec()).unwrap_or_default();
        let has_stamps = !stamps.is_empty();
        // What an older revision carries as well is no news of this one.
        stamps.retain(|stamp| {
            !self.owned.values().any(|owned| {
                let is_older = owned.workload.mode == Mode::Rollout
                    && Some(owned.workload.template) != template;
                is_older && owned.workload.stamps.iter().any(|old| old.context == stamp.context)
            })
        });
        let current = self.current(template);
        let revision = self.root.as_deref().map(|root| root.update_revision.clone());
        let scheduled = self.root.as_deref().and_then(|root| root.scheduled);
        let top = self.top.uid;
        let is_bare = self.top.kind == Kind::Pod;
        let open = self.open_transition(action, cause, start, rules, out);
        open.steps = steps;
        open.scheduled = scheduled;
        open.is_stale = has_stamps && stamps.is_empty() && !action.is_end();
        let seq = open.seq;
        if action.is_end() {
            self.go_on_ending(seq);
        } else {
            self.link_stamps(stamps, true);
        }
        for pod in self.pods.values_mut() {
            let is_current = is_bare
                || pod.owner().is_some_and(|owner| {
                    let is_newest = pod.start().is_some_and(|start| {
                        revision
                            .as_deref()
                            .is_none_or(|newest| newest.is_empty() || *newest == *start.revision)
                    });
                    current.contains(&owner) || (owner == top && is_newest)
                });
            if is_current && !action.is_end() {
                pod.continue_in(seq);
            } else {
                pod.forget(0);
            }
        }
    }

    /// What a list shows to be going below a deletion goes as part of it.
    fn go_on_ending(&mut self, seq: Seq) {
        let going = self.owned.iter().filter_map(|(uid, owned)| {
            let deletion = owned.workload.meta.deletion.as_ref()?;
            Some((*uid, Evidence::object(deletion.at, None)))
        });
        let going: Vec<(Uid, Evidence)> = going.collect();
        for (uid, at) in going {
            self.begin_delete_step(uid, at);
        }
        let top = self.top.uid;
        let pods = self.pods.iter_mut().filter(|(uid, pod)| **uid != top && !pod.is_finished);
        for end in pods.filter_map(|(_, pod)| pod.end_mut()) {
            end.seq = Some(seq);
        }
    }
}

/// It began less than its limit ago.
fn is_recent(action: Action, start: &Evidence, now: UnixNanos, rules: &Rules) -> bool {
    now.since(start.lo) < rules.limit(action == Action::Run)
}
