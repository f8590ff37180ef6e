//! The Deployment controller: rolling updates with 25 % each way, scaling, pausing, status.

#![expect(clippy::indexing_slicing, reason = "a panic is a failed test")]

use super::objects::{Condition, Meta, ReplicaSet, Status};
use super::{S, Task, World};
use crate::support::lines::Type;

const CONTROLLER: &str = "kube-controller-manager";

/// How many Pods may be above, and below, what is wanted.
fn fences(wanted: i64) -> (i64, i64) {
    let (surge, unavailable) = ((wanted * 25 + 99) / 100, wanted * 25 / 100);
    if surge == 0 && unavailable == 0 { (0, 1) } else { (surge, unavailable) }
}

impl World {
    pub(super) fn sync_deployment(&mut self, at: usize) {
        self.deployments[at].sync_due = false;
        if self.deployments[at].is_gone {
            return;
        }
        if self.note_pause(at) {
            return;
        }
        let new = self.new_set(at);
        if self.deployments[at].paused {
            if let Some(new) = new {
                self.copy_annotations(at, new);
            }
            if !self.scale_as_told(at, new) {
                self.write_status(at, new, false);
            }
            return;
        }
        let Some(new) = new else { return self.create_set(at) };
        if self.copy_annotations(at, new) {
            return;
        }
        let wanted = self.deployments[at].replicas;
        let is_scaled = self.sets_of(at).into_iter().any(|set| {
            self.sets[set].replicas > 0 && self.sets[set].noted("desired-replicas") != wanted
        });
        if is_scaled {
            if !self.scale_as_told(at, Some(new)) {
                self.write_status(at, Some(new), false);
            }
            return;
        }
        if self.scale_new(at, new) || self.scale_old(at, new) {
            return;
        }
        self.write_status(at, Some(new), true);
    }

    /// ReplicaSets of a Deployment that exist, the oldest first.
    fn sets_of(&self, at: usize) -> Vec<usize> {
        let sets = self.deployments[at].sets.iter().copied();
        sets.filter(|set| !self.sets[*set].is_gone).collect()
    }

    fn new_set(&self, at: usize) -> Option<usize> {
        let template = &self.deployments[at].template;
        self.sets_of(at).into_iter().find(|set| self.sets[*set].template == *template)
    }

    /// The condition that tells of a pause or its end, in a write of its own.
    fn note_pause(&mut self, at: usize) -> bool {
        let now = self.now;
        let deployment = &mut self.deployments[at];
        let reason = match (&deployment.progressing, deployment.paused) {
            (Some(condition), _) if condition.reason == "ProgressDeadlineExceeded" => return false,
            (Some(condition), true) if condition.reason != "DeploymentPaused" => "DeploymentPaused",
            (Some(condition), false) if condition.reason == "DeploymentPaused" => {
                "DeploymentResumed"
            }
            _ => return false,
        };
        let changed = match &deployment.progressing {
            Some(condition) if condition.status == "Unknown" => condition.changed,
            _ => now,
        };
        deployment.progressing =
            Some(Condition { status: "Unknown", reason, updated: now, changed });
        deployment.meta.wrote(CONTROLLER, "status", now);
        self.write_deployment(at, Type::Modified);
        self.judge(at);
        true
    }

    fn revisions(&self, at: usize) -> i64 {
        self.sets_of(at).into_iter().map(|set| self.sets[set].noted("revision")).max().unwrap_or(0)
    }

    fn create_set(&mut self, at: usize) {
        let (now, uid) = (self.now, self.random.uuid());
        let revision = self.revisions(at) + 1;
        let deployment = &self.deployments[at];
        let template = deployment.template.clone();
        let hash = template.hash();
        let mut meta = Meta {
            name: format!("{}-{hash}", deployment.meta.name),
            uid,
            generation: 1,
            created: now,
            owner: Some(("Deployment", deployment.meta.name.clone(), deployment.meta.uid.clone())),
            ..Meta::default()
        };
        for (key, value) in [
            ("app", &template.app),
            ("app.kubernetes.io/name", &template.app),
            ("pod-template-hash", &hash),
        ] {
            meta.labels.insert(key.to_owned(), value.clone());
        }
        meta.annotations
            .insert("deployment.kubernetes.io/revision".to_owned(), revision.to_string());
        meta.wrote(CONTROLLER, "", now);
        let set = ReplicaSet {
            deployment: at,
            meta,
            replicas: 0,
            template,
            status: Status::default(),
            pods: Vec::new(),
            is_gone: false,
            sync_due: false,
        };
        let new = self.sets.len();
        self.sets.push(set);
        self.deployments[at].sets.push(new);
        let replicas = self.room_for_new(at, new);
        self.annotate_size(at, new);
        self.copy_stamp(at, new);
        self.sets[new].replicas = replicas;
        self.write_set(new, Type::Added);
        if replicas > 0 {
            self.note_scaling(at, new, 0, replicas);
        }
        let now = self.now;
        let deployment = &mut self.deployments[at];
        deployment
            .meta
            .annotations
            .insert("deployment.kubernetes.io/revision".to_owned(), revision.to_string());
        Self::progress(&mut deployment.progressing, "NewReplicaSetCreated", now);
        deployment.meta.wrote(CONTROLLER, "status", now);
        self.write_deployment(at, Type::Modified);
    }

    fn progress(condition: &mut Option<Condition>, reason: &'static str, now: i64) {
        let changed = condition
            .as_ref()
            .filter(|condition| condition.status == "True")
            .map_or(now, |condition| condition.changed);
        *condition = Some(Condition { status: "True", reason, updated: now, changed });
    }

    fn note_scaling(&mut self, at: usize, set: usize, from: i64, to: i64) {
        let meta = &self.deployments[at].meta;
        let about = ("Deployment", meta.name.clone(), meta.uid.clone());
        let way = if to > from { "up" } else { "down" };
        let name = &self.sets[set].meta.name;
        let message = format!("Scaled {way} replica set {name} from {from} to {to}");
        self.note(about, "ScalingReplicaSet", message, "deployment-controller");
    }

    fn annotate_size(&mut self, at: usize, set: usize) -> bool {
        let wanted = self.deployments[at].replicas;
        let annotations = &mut self.sets[set].meta.annotations;
        let mut has_changed = false;
        for (key, value) in [("desired", wanted), ("max", wanted + fences(wanted).0)] {
            let key = format!("deployment.kubernetes.io/{key}-replicas");
            let value = value.to_string();
            has_changed |= annotations.insert(key, value.clone()) != Some(value);
        }
        has_changed
    }

    fn copy_stamp(&mut self, at: usize, set: usize) -> bool {
        let deployment = &self.deployments[at].meta.annotations;
        let own: Vec<(String, String)> = deployment
            .iter()
            .filter(|(key, _)| !key.contains("kubernetes.io/"))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let mut has_changed = false;
        let annotations = &mut self.sets[set].meta.annotations;
        for (key, value) in own {
            has_changed |= annotations.insert(key, value.clone()) != Some(value);
        }
        has_changed
    }

    /// Copies what users annotate, and numbers the revision anew when an old one comes back.
    fn copy_annotations(&mut self, at: usize, new: usize) -> bool {
        let mut has_changed = self.copy_stamp(at, new);
        let last = self.revisions(at);
        let own = self.sets[new].noted("revision");
        if own < last {
            let revision = (last + 1).to_string();
            let key = "deployment.kubernetes.io/revision";
            self.sets[new].meta.annotations.insert(key.to_owned(), revision.clone());
            self.deployments[at].meta.annotations.insert(key.to_owned(), revision);
            has_changed = true;
        }
        if !has_changed {
            return false;
        }
        let now = self.now;
        self.sets[new].meta.wrote(CONTROLLER, "", now);
        self.write_set(new, Type::Modified);
        if own < last {
            let now = self.now;
            self.deployments[at].meta.wrote(CONTROLLER, "status", now);
            self.write_deployment(at, Type::Modified);
        }
        true
    }

    /// Writes the size of a ReplicaSet, where it or the sizes noted on it differ.
    fn scale_set(&mut self, at: usize, set: usize, to: i64) -> bool {
        let from = self.sets[set].replicas;
        let is_annotated = self.annotate_size(at, set);
        if from == to && !is_annotated {
            return false;
        }
        let now = self.now;
        let target = &mut self.sets[set];
        target.meta.wrote(CONTROLLER, "", now);
        if from != to {
            target.replicas = to;
            target.meta.generation += 1;
        }
        self.write_set(set, Type::Modified);
        if from != to {
            self.note_scaling(at, set, from, to);
        }
        true
    }

    /// Scales what exists in proportion, after a change of the wanted number or while paused.
    fn scale_as_told(&mut self, at: usize, new: Option<usize>) -> bool {
        let wanted = self.deployments[at].replicas;
        let sets = self.sets_of(at);
        let active: Vec<usize> =
            sets.iter().copied().filter(|set| self.sets[*set].replicas > 0).collect();
        let only = match (active.as_slice(), new) {
            ([], Some(new)) => Some(new),
            ([], None) => sets.last().copied(),
            ([one], _) => Some(*one),
            _ => None,
        };
        if let Some(only) = only {
            return self.sets[only].replicas != wanted && self.scale_set(at, only, wanted);
        }
        if let Some(new) = new {
            let set = &self.sets[new];
            let is_saturated = set.replicas == wanted
                && set.noted("desired-replicas") == wanted
                && set.status.available == wanted;
            if is_saturated {
                let mut has_scaled = false;
                for old in active.into_iter().filter(|set| *set != new) {
                    has_scaled |= self.scale_set(at, old, 0);
                }
                return has_scaled;
            }
        }
        let surge = fences(wanted).0;
        let allowed = if wanted > 0 { wanted + surge } else { 0 };
        let to_add = allowed - active.iter().map(|set| self.sets[*set].replicas).sum::<i64>();
        let mut order = active;
        // Of equal sizes the newer grows first, and the older shrinks first.
        order.sort_by_key(|set| {
            let age = i64::try_from(*set).unwrap_or(0);
            (-self.sets[*set].replicas, if to_add > 0 { -age } else { age })
        });
        let mut added = 0;
        let mut sizes = Vec::new();
        for set in order {
            let now = self.sets[set].replicas;
            let mut share = 0;
            if to_add != 0 && to_add != added {
                let most = self.sets[set].noted("max-replicas").max(1);
                let fraction = if wanted == 0 {
                    -now
                } else {
                    let exact = now * (wanted + surge);
                    (exact * 2 + most).div_euclid(most * 2) - now
                };
                let rest = to_add - added;
                share = if to_add > 0 { fraction.min(rest) } else { fraction.max(rest) };
            }
            added += share;
            sizes.push((set, now + share));
        }
        let mut has_scaled = false;
        for (place, (set, size)) in sizes.into_iter().enumerate() {
            let left = if place == 0 && to_add != 0 { to_add - added } else { 0 };
            has_scaled |= self.scale_set(at, set, (size + left).max(0));
        }
        has_scaled
    }

    fn total(&self, at: usize) -> i64 {
        self.sets_of(at).into_iter().map(|set| self.sets[set].replicas).sum()
    }

    fn room_for_new(&self, at: usize, new: usize) -> i64 {
        let wanted = self.deployments[at].replicas;
        let (now, most) = (self.total(at), wanted + fences(wanted).0);
        let own = self.sets[new].replicas;
        if now >= most { own } else { own + (most - now).min(wanted - own) }
    }

    fn scale_new(&mut self, at: usize, new: usize) -> bool {
        let (wanted, own) = (self.deployments[at].replicas, self.sets[new].replicas);
        let to = if own > wanted { wanted } else { self.room_for_new(at, new) };
        own != wanted && to != own && self.scale_set(at, new, to)
    }

    fn scale_old(&mut self, at: usize, new: usize) -> bool {
        let old: Vec<usize> = self.sets_of(at).into_iter().filter(|set| *set != new).collect();
        let wanted = self.deployments[at].replicas;
        let least = wanted - fences(wanted).1;
        let unready = self.sets[new].replicas - self.sets[new].status.available;
        let mut room = self.total(at) - least - unready;
        if room <= 0 || old.iter().all(|set| self.sets[*set].replicas == 0) {
            return false;
        }
        let mut has_scaled = false;
        for &set in &old {
            let (size, available) = (self.sets[set].replicas, self.sets[set].status.available);
            let down = room.min(size - available);
            if size > 0 && down > 0 {
                room -= down;
                has_scaled |= self.scale_set(at, set, size - down);
            }
        }
        let available: i64 =
            self.sets_of(at).into_iter().map(|set| self.sets[set].status.available).sum();
        let mut room = available - least;
        for &set in &old {
            let size = self.sets[set].replicas;
            let down = room.min(size);
            if down > 0 {
                room -= down;
                has_scaled |= self.scale_set(at, set, size - down);
            }
        }
        has_scaled
    }

    /// Sums up what the ReplicaSets say; where it rolls out, judges the progress too.
    fn write_status(&mut self, at: usize, new: Option<usize>, is_rollout: bool) {
        let now = self.now;
        let sets = self.sets_of(at);
        let sum = |of: fn(&Status) -> i64| sets.iter().map(|set| of(&self.sets[*set].status)).sum();
        let deployment = &self.deployments[at];
        let status = Status {
            observed: deployment.meta.generation,
            replicas: sum(|status| status.replicas),
            updated: new.map_or(0, |new| self.sets[new].status.replicas),
            ready: sum(|status| status.ready),
            available: sum(|status| status.available),
            unavailable: (self.total(at) - sum(|status| status.available)).max(0),
            terminating: sum(|status| status.terminating),
        };
        let wanted = deployment.replicas;
        let mut progressing = deployment.progressing.clone();
        if is_rollout {
            self.judge_progress(at, &status, &mut progressing);
        }
        let is_available = status.available >= wanted - fences(wanted).1;
        let available = if is_available {
            ("True", "MinimumReplicasAvailable")
        } else {
            ("False", "MinimumReplicasUnavailable")
        };
        let deployment = &mut self.deployments[at];
        let is_news = deployment.available.as_ref().map(|c| c.status) != Some(available.0);
        if status == deployment.status && progressing == deployment.progressing && !is_news {
            return;
        }
        if is_news {
            deployment.available = Some(Condition {
                status: available.0,
                reason: available.1,
                updated: now,
                changed: now,
            });
        }
        deployment.status = status;
        deployment.progressing = progressing;
        deployment.meta.wrote(CONTROLLER, "status", now);
        self.write_deployment(at, Type::Modified);
        self.judge(at);
    }

    fn judge_progress(&mut self, at: usize, status: &Status, condition: &mut Option<Condition>) {
        let now = self.now;
        let deployment = &self.deployments[at];
        let (wanted, before) = (deployment.replicas, &deployment.status);
        let reason = condition.as_ref().map_or("", |condition| condition.reason);
        if status.replicas == status.updated && reason == "NewReplicaSetAvailable" {
            return;
        }
        let counts = (status.updated, status.replicas, status.available);
        if counts == (wanted, wanted, wanted) {
            Self::progress(condition, "NewReplicaSetAvailable", now);
        } else if status.updated > before.updated
            || status.replicas - status.updated < before.replicas - before.updated
            || status.ready > before.ready
            || status.available > before.available
        {
            Self::progress(condition, "ReplicaSetUpdated", now);
        } else if let Some(known) = condition
            && !matches!(known.reason, "ProgressDeadlineExceeded" | "NewReplicaSetAvailable")
        {
            let due = known.updated + deployment.deadline * S;
            if now >= due {
                *known = Condition {
                    status: "False",
                    reason: "ProgressDeadlineExceeded",
                    updated: now,
                    changed: now,
                };
            } else {
                self.soon(due - now + 1_000_000, Task::SyncDeployment(at));
            }
        }
    }
}
