//! What a list proves in progress (DESIGN §3, after a list).

use super::super::instant::Evidence;
use super::super::object::Kind;
use super::super::settle;
use super::super::span::FinishedSpan;
use super::super::time::UnixNanos;
use super::super::transition::Action;
use super::{Rules, Tree};

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
            Some((action, cause, start)) if self.is_recent(&start, now, rules) => {
                self.go_on(action, cause, start, rules, out);
            }
            Some(_) | None => {
                self.untraced.baseline += 1;
                self.pods.values_mut().for_each(|pod| pod.forget(0));
            }
        }
    }

    fn is_recent(&self, start: &Evidence, now: UnixNanos, rules: &Rules) -> bool {
        now.since(start.lo) < rules.max_transition_duration
    }

    fn judge_bare(&self) -> Option<(Action, String, Evidence)> {
        let pod = self.pods.get(&self.top.uid)?;
        if let Some(end) = pod.end() {
            return Some((Action::Terminate, "delete".to_owned(), end.requested));
        }
        if pod.was_ready || pod.is_finished || pod.is_untraced {
            return None;
        }
        Some((Action::Start, "spec:1".to_owned(), Evidence::object(pod.created, None)))
    }

    fn judge_workload(&mut self, now: UnixNanos) -> Option<(Action, String, Evidence)> {
        let root = self.root.as_deref()?;
        if let Some(deletion) = &root.meta.deletion {
            let start = Evidence::object(deletion.at, None);
            return Some((Action::Delete, "delete".to_owned(), start));
        }
        if settle::is_past_deadline(root) {
            self.broken = Some((Evidence::arrival(now, None), 0));
            return None;
        }
        if root.paused || settle::is_complete(root) || !self.is_under_way() {
            return None;
        }
        let generation = root.meta.generation;
        if generation <= 1 {
            let start = Evidence::object(root.meta.created, None);
            return Some((Action::Create, "spec:1".to_owned(), start));
        }
        let written = root.writers.iter().filter_map(|writer| writer.time).max();
        let status = root.status.written.unwrap_or(root.meta.created);
        let start = written.map_or_else(
            || Evidence::between(status, now),
            |written| Evidence::object(written, None),
        );
        Some((Action::Update, format!("spec:{generation}"), start))
    }

    fn is_under_way(&self) -> bool {
        let Some(root) = self.root.as_deref() else { return false };
        if root.kind != Kind::Deployment {
            return root.meta.generation <= 1 && !settle::is_observed(root);
        }
        let is_unobserved = root.meta.generation == 1 && !settle::is_observed(root);
        let mut current = None;
        let mut others = false;
        for set in self.sets.values() {
            if set.workload.template == root.template {
                current = set.workload.replicas;
            } else {
                others |= set.workload.count() > 0;
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
            !self.sets.values().any(|set| {
                let is_older = Some(set.workload.template) != template;
                is_older && set.workload.stamps.iter().any(|old| old.context == stamp.context)
            })
        });
        let current: Vec<_> = self
            .sets
            .iter()
            .filter(|(_, set)| Some(set.workload.template) == template)
            .map(|(uid, _)| *uid)
            .collect();
        let is_bare = self.top.kind == Kind::Pod;
        let open = self.open_transition(action, cause, start, rules, out);
        open.steps = steps;
        open.is_stale = has_stamps && stamps.is_empty() && !action.is_end();
        let seq = open.seq;
        if !action.is_end() {
            self.link_stamps(stamps, true);
        }
        for pod in self.pods.values_mut() {
            let is_current = is_bare || pod.owner().is_some_and(|owner| current.contains(&owner));
            match pod.start_mut().filter(|_| is_current && !action.is_end()) {
                Some(start) => start.seq = seq,
                None => pod.forget(0),
            }
        }
    }
}
