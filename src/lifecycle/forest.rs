//! The workloads below the topmost object, at any depth.

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::num::NonZeroU64;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::closed::Below;
use super::pod::Pod;
use super::settle;
use super::shared::Shared;
use crate::facts::by_uid::ByUid;
use crate::facts::kind::Kind;
use crate::facts::meta::Uid;
use crate::facts::workload::{Mode, SpecHashes, Workload};

/// Chains of owners are followed no further.
const MAX_DEPTH: usize = 16;

/// The workloads below the topmost object.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Forest {
    /// Shared with what is kept of the tree as it was (DESIGN §2, late lanes).
    by_uid: ByUid<Arc<Owned>>,
}

/// A workload below the topmost one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Owned {
    /// What is kept of its newest version.
    pub workload: Workload,
    /// resourceVersion of the version held; `None` where it is one of a history that is over.
    pub version: Option<NonZeroU64>,
    /// The workload above it: the topmost one, or another of these.
    pub owner: Uid,
    /// It is gone, and something below it is not.
    pub is_gone: bool,
}

impl Forest {
    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (Uid, &Owned)> {
        self.by_uid.iter().map(|(uid, owned)| (*uid, &**owned))
    }

    /// One of them.
    #[must_use]
    pub fn of(&self, uid: Uid) -> Option<&Owned> {
        self.by_uid.get(uid).map(|owned| &**owned)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_uid.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_uid.is_empty()
    }

    /// Takes over a version of one; `top` owns what names no owner. Returns the version before.
    pub fn keep(&mut self, new: &Workload, top: Uid) -> Option<Workload> {
        let workload = slim(new);
        let version = NonZeroU64::new(new.meta.resource_version);
        if let Some(owned) = self.by_uid.make_mut(new.meta.uid) {
            owned.version = version;
            return Some(mem::replace(&mut owned.workload, workload));
        }
        let owner = new.meta.owner.as_ref().map_or(top, |owner| owner.uid);
        self.insert(new.meta.uid, Owned { workload, version, owner, is_gone: false });
        None
    }

    /// One joins.
    pub fn insert(&mut self, uid: Uid, owned: Owned) {
        self.by_uid.insert(uid, Arc::new(owned));
    }

    /// One leaves.
    pub fn remove(&mut self, uid: Uid) -> Option<Owned> {
        self.by_uid.remove(uid).map(Arc::unwrap_or_clone)
    }

    /// One is gone, though not what is below it.
    pub fn set_gone(&mut self, uid: Uid) {
        if let Some(owned) = self.by_uid.make_mut(uid) {
            owned.is_gone = true;
        }
    }

    /// Takes in those of another tree.
    pub fn absorb(&mut self, part: Self) {
        for (uid, owned) in part.by_uid {
            self.by_uid.insert(uid, owned);
        }
    }

    /// Takes out all below `top`.
    pub fn split(&mut self, top: Uid) -> Self {
        let mut part = Self::default();
        let mut above = vec![top];
        while let Some(of) = above.pop() {
            let below: Vec<Uid> = self.below(of).map(|(uid, _)| uid).collect();
            for uid in below {
                if let Some(owned) = self.by_uid.remove(uid) {
                    part.by_uid.insert(uid, owned);
                }
                above.push(uid);
            }
        }
        part
    }

    /// The versions that were held are of a history that is over.
    pub fn forget_versions(&mut self) {
        for owned in self.by_uid.values_mut() {
            Arc::make_mut(owned).version = None;
        }
    }

    /// Values that many of them have are held once.
    pub fn share(&mut self, shared: &mut Shared) {
        for owned in self.by_uid.values_mut() {
            shared.workload(&mut Arc::make_mut(owned).workload);
        }
    }

    /// Those directly below `owner`.
    pub fn below(&self, owner: Uid) -> impl Iterator<Item = (Uid, &Owned)> {
        self.iter().filter(move |(_, owned)| owned.owner == owner)
    }

    /// Whether `uid`, which is of this tree, is a run or lies below one; `top` says it of the
    /// topmost object.
    #[must_use]
    pub fn is_in_run(&self, uid: Uid, top: Uid, is_top_run: bool) -> bool {
        let mut at = uid;
        for _ in 0..MAX_DEPTH {
            if at == top {
                return is_top_run;
            }
            let Some(owned) = self.of(at) else { return false };
            if owned.workload.mode == Mode::Run {
                return true;
            }
            at = owned.owner;
        }
        false
    }

    /// The workloads whose Pods a continued transition is about.
    #[must_use]
    pub fn current(&self, template: Option<u64>) -> BTreeSet<Uid> {
        let is_current = |owned: &Owned| match owned.workload.mode {
            Mode::Run => true,
            Mode::Rollout | Mode::Plain => Some(owned.workload.template) == template,
        };
        self.iter().filter(|(_, owned)| is_current(owned)).map(|(uid, _)| uid).collect()
    }

    /// A Pod of one of these, of its newest revision.
    #[must_use]
    pub fn is_newest_of(&self, pod: &Pod, owners: &[Uid]) -> bool {
        let owner = pod.owner().filter(|owner| owners.contains(owner));
        owner.and_then(|owner| self.of(owner)).is_some_and(|owned| {
            let newest = &owned.workload.update_revision;
            newest.is_none() || pod.start().is_some_and(|start| start.revision == *newest)
        })
    }

    /// The workloads that have Pods of their own. Of a custom resource that is known by the Pods it has.
    pub fn with_pods(
        &self,
        has_pods: impl Fn(Uid) -> bool,
    ) -> impl Iterator<Item = (Uid, &Workload)> {
        let owners: BTreeSet<Uid> = self.by_uid.values().map(|owned| owned.owner).collect();
        let holds_pods = move |uid: Uid, owned: &Owned| {
            owned.workload.mode == Mode::Rollout
                && owned.workload.kind != Kind::Deployment
                && !owned.workload.is_queue
                && owned.workload.meta.deletion.is_none()
                && !owned.is_gone
                && !owners.contains(&uid)
                && (!matches!(owned.workload.kind, Kind::Other(_)) || has_pods(uid))
        };
        let with_pods = self.iter().filter(move |(uid, owned)| holds_pods(*uid, owned));
        with_pods.map(|(uid, owned)| (uid, &owned.workload))
    }

    /// What spans say of them.
    #[must_use]
    pub fn portraits(&self) -> BTreeMap<Uid, Below> {
        self.iter().map(|(uid, owned)| (uid, owned.portrait())).collect()
    }
}

impl Owned {
    /// What spans say of it.
    #[must_use]
    pub fn portrait(&self) -> Below {
        Below {
            kind: self.workload.kind.clone(),
            name: Arc::from(&*self.workload.meta.name),
            owner: self.owner,
            is_queue: self.workload.is_queue,
        }
    }

    /// It ends with nothing, having `n_pods` Pods and `n_below` workloads: a run that is over, or a
    /// revision that is no longer used.
    #[must_use]
    pub fn is_void(&self, n_pods: i64, n_below: usize) -> bool {
        let is_over = self.workload.mode == Mode::Run && settle::is_over(&self.workload);
        let is_unused = self.workload.wanted() == Some(0) && n_pods == 0 && n_below == 0;
        is_over || is_unused
    }
}

/// Its controller rolls it out, and says when that is done.
#[must_use]
pub const fn is_rolled_out(kind: &Kind) -> bool {
    matches!(kind, Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet)
}

/// What owns Pods by a template that is its owner's.
#[must_use]
pub const fn is_set(kind: &Kind) -> bool {
    matches!(kind, Kind::ReplicaSet | Kind::ReplicationController)
}

/// What a ReplicaSet below a Deployment needs: its spec beyond `replicas` and the template's hash
/// is its owner's.
fn slim(workload: &Workload) -> Workload {
    let spec = if is_set(&workload.kind) { SpecHashes::default() } else { workload.spec.clone() };
    Workload { spec, images: Arc::default(), ..workload.clone() }
}
