//! What a new version of a spec means, and the transition that it opens.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::pod::{Noted, Pod, Seq};
use super::rules::Rules;
use crate::facts::ids::{SpanId, TraceId};
use crate::facts::instant::Evidence;
use crate::facts::kind::Kind;
use crate::facts::meta::Uid;
use crate::facts::span::{Link, Outcome, SpanContext};
use crate::facts::stamp::Stamp;
use crate::facts::time::{Nanos, UnixNanos};
use crate::facts::workload::{SpecHashes, Workload};

/// What a transition does: `lifespan.action`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The first version of a spec.
    Create,
    /// Another pod template, or other goal fields than those below.
    Update,
    /// The pod template of an older revision.
    Rollback,
    /// Only `kubectl.kubernetes.io/restartedAt` changed.
    Restart,
    /// Only `replicas` changed.
    Scale,
    /// `paused: true`.
    Pause,
    /// `paused` taken away.
    Resume,
    /// A wanted Pod was lost.
    Recover,
    /// Deletion of the object and all below it.
    Delete,
    /// The start of a bare Pod.
    Start,
    /// A run from its creation to its end.
    Run,
    /// The end of a bare Pod.
    Terminate,
}

impl Action {
    /// The value of `lifespan.action`, and the first word of the span's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Rollback => "rollback",
            Self::Restart => "restart",
            Self::Scale => "scale",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Recover => "recover",
            Self::Delete => "delete",
            Self::Start => "start",
            Self::Run => "run",
            Self::Terminate => "terminate",
        }
    }

    /// The name of the root span: `update Deployment`.
    #[must_use]
    pub fn span_name(self, kind: &Kind) -> Cow<'static, str> {
        format!("{} {}", self.name(), kind.name()).into()
    }

    /// Whether it is the end of its tree.
    #[must_use]
    pub const fn is_end(self) -> bool {
        matches!(self, Self::Delete | Self::Terminate)
    }
}

/// What changed between two versions of a workload's spec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpecChange {
    /// Paths that were added, removed or have another value, sorted.
    pub paths: Vec<Box<str>>,
    /// The pod template is another; where the kind has none: something that is no goal field.
    pub template: bool,
    /// The pod template differs in more than `restartedAt`.
    pub beyond_restart: bool,
    /// Fields were added, and nothing else changed.
    pub only_adds: bool,
}

impl SpecChange {
    /// Compares two versions: a bump of the generation alone is no change of the spec, since
    /// deletion and annotations bump it too (FACTS §1.1). Kinds without a generation have 0.
    #[must_use]
    pub fn between(old: &Workload, new: &Workload) -> Option<Self> {
        let (was, is) = (old.meta.generation, new.meta.generation);
        let is_bumped = is > was || (was, is) == (0, 0);
        if !is_bumped || old.spec == new.spec {
            return None;
        }
        let (paths, only_adds) = changed_paths(&old.spec, &new.spec);
        Some(Self {
            paths,
            only_adds,
            template: old.template != new.template,
            beyond_restart: old.template_without_restart != new.template_without_restart,
        })
    }

    /// Nothing but `replicas` changed.
    #[must_use]
    pub fn is_scale(&self) -> bool {
        matches!(self.paths.as_slice(), [path] if &**path == "replicas")
    }
}

/// Walks two sorted lists of (path, hash).
///
/// Returns the paths that differ, and whether all of them are new ones.
fn changed_paths(old: &SpecHashes, new: &SpecHashes) -> (Vec<Box<str>>, bool) {
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    let mut changed = Vec::new();
    let mut only_adds = true;
    loop {
        let order = match (old.peek(), new.peek()) {
            (None, None) => return (changed, only_adds),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((before, _)), Some((after, _))) => before.cmp(after),
        };
        let before = old.next_if(|_| order != Ordering::Greater);
        let after = new.next_if(|_| order != Ordering::Less);
        if before != after
            && let Some((path, _)) = after.or(before)
        {
            changed.push(path.clone());
            only_adds &= before.is_none();
        }
    }
}

/// Who wrote a version, and when: the non-status entry of `managedFields` that is new, or has a
/// new time, against the version before.
///
/// A `scale` entry has no time: then only the arrival is known. Where no entry is new the manager
/// is not known.
#[must_use]
pub fn write_of(
    old: Option<&Workload>,
    new: &Workload,
    arrival: Option<UnixNanos>,
) -> (Evidence, Option<Box<str>>) {
    let old_writers = old.map_or(&[][..], |old| &old.writers);
    let writer = new
        .writers
        .iter()
        .filter(|writer| !old_writers.contains(writer))
        .max_by_key(|writer| writer.time);
    let lo = old.map_or(new.meta.created, |old| old.meta.written.unwrap_or(old.meta.created));
    let time = writer.and_then(|writer| writer.time);
    let time = if old.is_none() { Some(new.meta.created) } else { time };
    let evidence = Evidence::object_or(time, lo.min(new.meta.written.unwrap_or(lo)), arrival);
    (evidence, writer.map(|writer| writer.manager.clone()))
}

/// A change of goal fields inside a transition.
#[derive(Clone, Debug)]
pub struct GoalChange {
    /// When.
    pub at: Evidence,
    /// The field.
    pub field: Box<str>,
    /// Its value before, where it is kept as a value.
    pub from: Option<String>,
    /// Its value after.
    pub to: Option<String>,
    /// Who wrote it.
    pub manager: Option<Box<str>>,
    /// The span event: `goal changed`, or `template changed while paused`.
    pub name: &'static str,
}

/// What a transition does to one workload below the topmost one: one span.
#[derive(Clone, Debug)]
pub struct Step {
    /// Its kind.
    pub kind: Kind,
    /// `metadata.name`.
    pub name: Arc<str>,
    /// The workload above it.
    pub owner: Uid,
    /// It is to run to its end.
    pub is_run: bool,
    /// More than `replicas` was written.
    pub is_update: bool,
    /// It was created in this transition.
    pub is_created: bool,
    /// It is being deleted.
    pub is_deleted: bool,
    /// Its first write in the transition, its creation, or the first evidence of its deletion.
    pub start: Evidence,
    /// `replicas` before that write.
    pub from: i64,
    /// `replicas` after the last write.
    pub to: i64,
    /// Further writes of `replicas`.
    pub writes: Vec<(Evidence, i64, i64)>,
    /// Since when it has been settled, or over; for a deletion: since when it and all below it are
    /// gone.
    pub settled: Option<Evidence>,
    /// Its revision.
    pub revision: i64,
    /// Trace contexts on it that no older ReplicaSet carries.
    pub stamps: Vec<Stamp>,
    /// Its ReplicaFailure condition, or how its run failed: reason and message.
    pub failure: Option<(Box<str>, Box<str>)>,
    /// When a CronJob wanted it to begin.
    pub scheduled: Option<UnixNanos>,
    /// Finalizers that held its deletion.
    pub finalizers: Vec<Box<str>>,
}

impl Step {
    /// `replicas` was written again.
    pub fn add_write(&mut self, at: Evidence, to: i64) {
        if self.writes.len() < MAX_KEPT {
            self.writes.push((at, self.to, to));
        }
        self.to = to;
    }
}

/// How a transition was closed.
#[derive(Clone, Debug)]
pub struct Closing {
    /// How.
    pub outcome: Outcome,
    /// When.
    pub end: Evidence,
    /// `error.type` and sentence where the cluster itself declared the failure.
    pub declared: Option<(Box<str>, String)>,
    /// It settled: its children may extend it.
    pub is_settled: bool,
    /// The root waits until then; `None` where it leaves at once.
    pub hold_until: Option<UnixNanos>,
    /// A Pod lost readiness, or a `recover` opened, before that.
    pub is_unstable: bool,
    /// The process ended before that.
    pub is_cut: bool,
}

/// The span of others that a transition is a part of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Joined {
    /// That span.
    pub parent: SpanId,
    /// Its `tracestate`, empty where it has none.
    pub trace_state: Box<str>,
    /// Its W3C trace flags.
    pub flags: u8,
    /// Where it stood.
    pub found: Box<str>,
}

/// When a transition has settled: fixed as it opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settles {
    /// When its controller says so.
    ByStatus,
    /// The same, once the DaemonSet wants the number of nodes that its Pods came or went for, as
    /// soon as that is known.
    WhenNodesAre(Option<i64>),
    /// When as many Pods as wanted have been ready for a while.
    ByHealth {
        /// A Pod came or went: it may have done so because a DaemonSet wants another number of
        /// nodes.
        may_be_of_nodes: bool,
    },
    /// When the run has come to its end.
    WithRun,
    /// When the bare Pod is Ready.
    WhenReady,
    /// When nothing of it is left.
    WhenGone,
    /// As it is written: no controller reports on it.
    AtOnce,
}

/// How many changes of goals, of `replicas` and of Pods that are gone a transition keeps.
pub const MAX_KEPT: usize = 1_000;

/// How many Pods that are gone a transition keeps.
const MAX_DEPARTED: usize = 20_000;

/// OpenTelemetry's limit of links on a span.
const MAX_LINKS: usize = 128;

/// A transition of a tree, open or waiting for its hold.
#[derive(Clone, Debug)]
pub struct Transition {
    /// Its number in the tree.
    pub seq: Seq,
    /// What it does.
    pub action: Action,
    /// Why it opened: `lifespan.cause`.
    pub cause: String,
    /// Its trace.
    pub trace: TraceId,
    /// The trace of others that it goes on, which `trace` is then.
    pub joined: Option<Joined>,
    /// What ids of its spans are derived from: its trace, if it goes on none of others.
    pub seed: TraceId,
    /// Its root span.
    pub span: SpanId,
    /// When it opened.
    pub start: Evidence,
    /// Only an uncertain start is known, or a change may have been missed (`lifespan.watch.gap`).
    pub has_gap: bool,
    /// `metadata.generation`.
    pub generation: i64,
    /// Generations that were never seen.
    pub skipped: i64,
    /// Who wrote the spec.
    pub manager: Option<Box<str>>,
    /// Paths that changed.
    pub changed: Vec<Box<str>>,
    /// Images before and after, where they differ.
    pub images: Option<(Vec<String>, Vec<String>)>,
    /// `replicas` before and after, where they differ.
    pub replicas: Option<(i64, i64)>,
    /// Links that are known from the opening, and stamps that came later.
    pub links: Vec<Link>,
    /// Links beyond those that a span may have.
    pub n_links_dropped: u32,
    /// Opened by a spec write whose stamp is an old one.
    pub is_stale: bool,
    /// Goal changes.
    pub goals: Vec<GoalChange>,
    /// Workloads below the topmost one that were written.
    pub steps: BTreeMap<Uid, Step>,
    /// Events about the topmost workload and those below it.
    pub notes: Vec<(Uid, Noted)>,
    /// When it has settled.
    pub settles: Settles,
    /// Pods of an old revision wait for somebody to delete them (OnDelete): what that opens follows
    /// this one.
    pub leaves_old_pods: bool,
    /// When the spec was written last.
    pub written: Evidence,
    /// When a CronJob wanted it to begin.
    pub scheduled: Option<UnixNanos>,
    /// Finalizers that held the deletion.
    pub finalizers: Vec<Box<str>>,
    /// Baggage that came with its stamps, of the keys that are allowed.
    pub baggage: Vec<(Box<str>, Box<str>)>,
    /// Where Pods must stay well for a while: since when all is well.
    pub healthy: Option<Evidence>,
    /// Pods that are gone and still have spans here.
    pub departed: BTreeMap<Uid, Pod>,
    /// Set when it has ended and waits for its hold.
    pub closed: Option<Box<Closing>>,
    /// What its lists could not take in any more.
    pub n_crowded: u64,
}

impl Transition {
    /// Adds a link, if there is room.
    pub fn link(&mut self, link: Link) {
        if self.links.len() < MAX_LINKS {
            self.links.push(link);
        } else {
            self.n_links_dropped = self.n_links_dropped.saturating_add(1);
        }
    }

    /// Adds a change of its goal, if there is room.
    pub fn add_goal(&mut self, change: GoalChange) {
        if self.goals.len() < MAX_KEPT {
            self.goals.push(change);
        } else {
            self.n_crowded += 1;
        }
    }

    /// Keeps a Pod that is gone, if there is room.
    pub fn keep_departed(&mut self, uid: Uid, pod: Pod) {
        if self.departed.len() < MAX_DEPARTED {
            self.departed.insert(uid, pod);
        } else {
            self.n_crowded += 1;
        }
    }

    /// What its spans have in common.
    #[must_use]
    pub fn context(&self) -> SpanContext {
        let joined = self.joined.as_ref();
        let state = joined.map(|joined| &*joined.trace_state).filter(|state| !state.is_empty());
        SpanContext {
            trace: self.trace,
            trace_state: state.map(Arc::from),
            // Ids of ours are hashes; of others it is their flag that says so.
            is_random: joined.is_none_or(|joined| joined.flags & 2 != 0),
        }
    }

    /// After how long it has timed out.
    #[must_use]
    pub fn limit(&self, rules: &Rules) -> Nanos {
        rules.limit(self.settles == Settles::WithRun)
    }
}

/// Adds finalizers that hold a deletion to those that were seen before.
pub fn hold(known: &mut Vec<Box<str>>, finalizers: &[Box<str>]) {
    for finalizer in finalizers {
        if !known.contains(finalizer) && known.len() < 32 {
            known.push(finalizer.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_paths_are_those_added_removed_or_of_another_value() {
        let spec = |pairs: &[(&str, u64)]| -> SpecHashes {
            let pairs = pairs.iter().map(|(path, hash)| ((*path).into(), *hash));
            pairs.collect::<Vec<(Box<str>, u64)>>().into()
        };
        let old = spec(&[("a", 1), ("b", 1), ("d", 1)]);
        let new = spec(&[("a", 1), ("b", 2), ("c", 1)]);
        assert_eq!(
            changed_paths(&old, &new).0,
            ["b".into(), "c".into(), "d".into()] as [Box<str>; 3]
        );
        assert_eq!(changed_paths(&old, &old).0, Vec::<Box<str>>::new());
        assert_eq!(
            changed_paths(&SpecHashes::default(), &spec(&[("a", 1)])).0,
            ["a".into()] as [Box<str>; 1]
        );
    }
}
