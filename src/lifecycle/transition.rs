//! What a new version of a spec means, and the transition that it opens.

use serde::{Deserialize, Serialize};

use super::action::Action;
use super::kept::MAX_KEPT;
use super::step::{Step, Steps};
use std::collections::BTreeMap;
use std::sync::Arc;

use super::pod::{Noted, Pod, Seq};
use super::rules::Rules;
use crate::facts::ids::{self, SpanId, TraceId};
use crate::facts::instant::Evidence;
use crate::facts::meta::{Condition, Uid};
use crate::facts::span::{Link, Outcome, SpanContext};
use crate::facts::time::{Nanos, UnixNanos};
use crate::facts::workload::WorkloadStatus;

/// What a change inside a transition is told as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum GoalMoment {
    /// A goal field is another.
    GoalChanged,
    /// The template is another, which waits for the `resume`.
    TemplateChangedWhilePaused,
    /// The object says that it has come to another step.
    StepChanged,
}

impl GoalMoment {
    /// The name of the span event.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::GoalChanged => "goal changed",
            Self::TemplateChangedWhilePaused => "template changed while paused",
            Self::StepChanged => "step changed",
        }
    }
}

/// A change of goal fields inside a transition.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
    /// What it is told as.
    pub what: GoalMoment,
}

/// What is told of the queue that a workload waits in: a condition turned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queued {
    /// When.
    pub at: Evidence,
    /// Its type.
    pub name: Box<str>,
    /// What it says now.
    pub condition: Condition,
}

/// How a transition was closed.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// That span.
    pub parent: SpanId,
    /// Its `tracestate`, where it has one.
    pub trace_state: Option<Arc<str>>,
    /// Its W3C trace flags.
    pub flags: u8,
    /// Where it stood.
    pub found: Box<str>,
}

/// What an open transition has come to, if that lasts (DESIGN §3.2).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Trial {
    /// As what it would be closed.
    pub outcome: Outcome,
    /// Since when.
    pub end: Evidence,
    /// From when on it must last: since then, or since the last of what was written below settled.
    pub since: UnixNanos,
    /// `error.type` and sentence where a controller declared a failure.
    pub declared: Option<(Box<str>, String)>,
    /// The first Pod that was lost meanwhile: it is told by the `recover` that follows.
    pub lost: Option<Box<(ByPod, Lost)>>,
    /// Since when all Pods have been well again after that.
    pub well: Option<Evidence>,
    /// A Pod of it was lost, or lost readiness.
    pub is_unstable: bool,
}

/// A Pod that came, went or is lost, and so names a cause.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ByPod {
    /// The Pod.
    pub uid: Uid,
    /// The second that names it.
    pub second: i64,
    /// It came or went, so that it may have done so because a DaemonSet wants another number of
    /// nodes.
    pub comes_or_goes: bool,
    /// When.
    pub at: Evidence,
}

/// What a loss says: which Pod, where, and why (DESIGN §3.11).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// Its name.
    pub pod: Arc<str>,
    /// Its node, where it had one.
    pub node: Option<Arc<str>>,
    /// `Evicted`, `OOMKilled`, `Error`, where something says it.
    pub reason: Option<Box<str>>,
    /// One sentence, where something says more.
    pub message: Option<Box<str>>,
}

/// The reason of a loss of which no more is known than that the Pod is not Ready.
pub const UNREADY: &str = "Unready";

/// When a transition has settled: fixed as it opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Settles {
    /// When its controller says so.
    ByStatus,
    /// The same, once the DaemonSet wants the number of nodes that its Pods came or went for; `None`,
    /// which waits for that to become another, is of states of before.
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
    /// When what was written to the bare Pod in place is there, and that Ready.
    InPlace,
    /// When nothing of it is left.
    WhenGone,
    /// As it is written: no controller reports on it.
    AtOnce,
}

/// How many Pods that are gone a transition keeps.
const MAX_DEPARTED: usize = 20_000;

/// OpenTelemetry's limit of links on a span.
const MAX_LINKS: usize = 128;

/// A transition of a tree, open or waiting for its hold.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
    /// A complete list no longer contained its topmost object.
    pub has_vanished: bool,
    /// `metadata.generation`.
    pub generation: Option<i64>,
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
    pub steps: Steps,
    /// What had been done to them before they were written again: it had settled, or failed.
    pub past: Vec<(Uid, Arc<Step>)>,
    /// Events about the topmost workload and those below it.
    pub notes: Vec<(Uid, Noted)>,
    /// What was told of the queues that they wait in.
    pub queued: Vec<(Uid, Queued)>,
    /// How long it may take, where its kind has a limit of its own.
    pub limit: Option<Nanos>,
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
    /// A Pod of it waits for room on its node to be resized.
    pub has_deferred: bool,
    /// It has settled or failed, if that lasts: since when, and as what.
    pub trial: Option<Trial>,
    /// A verdict that stood when the spec was written says nothing of that write.
    pub before: Option<Box<WorkloadStatus>>,
    /// The Pod whose loss opened it.
    pub lost: Option<Box<Lost>>,
    /// What stood in the way of its replacement last.
    pub blocked: Option<Box<str>>,
    /// When it waited to be resumed: from, and to where that is over.
    pub waits: Vec<(Evidence, Option<Evidence>)>,
    /// How long it had been suspended before it was opened by its `resume`.
    pub was_suspended: Option<Nanos>,
    /// `reconcile`s of this tree that were only counted since the last one that was told.
    pub n_omitted: u64,
    /// Its controller never said that it agrees (`lifespan.verdict.unconfirmed`).
    pub is_unconfirmed: bool,
    /// Its kind says nothing of how it is (`lifespan.verdict=none`).
    pub is_without_verdict: bool,
    /// It is told only if the tree heals: what happens after a failure.
    pub is_healing: bool,
    /// Pods that are gone and still have spans here.
    pub departed: BTreeMap<Uid, Arc<Pod>>,
    /// When Pods of it were lost sight of: they left the selector of their watch.
    pub unseen: BTreeMap<Uid, Evidence>,
    /// Set when it has ended and waits for its hold.
    pub closed: Option<Box<Closing>>,
    /// What its lists could not take in any more.
    pub n_crowded: u64,
}

impl Transition {
    /// A `recover` turns out to be how the deletion of `top` began.
    pub fn becomes_deletion(&mut self, cluster: &str, top: Uid) {
        self.action = Action::Delete;
        self.settles = Settles::WhenGone;
        self.cause = "delete".to_owned();
        self.trace = ids::trace_id(cluster, top, &self.cause);
        self.seed = self.trace;
        self.span = ids::span_id(self.trace, top, "root", None, 0);
        self.links.clear();
        self.lost = None;
        self.trial = None;
    }

    /// A Pod of it was lost: health has to last anew.
    pub fn begin_again(&mut self) {
        if matches!(self.settles, Settles::ByHealth { .. }) {
            self.trial = None;
        }
    }

    /// It waits from now on.
    pub fn begin_wait(&mut self, at: Evidence) {
        if self.is_waiting() {
            return;
        }
        if self.waits.len() < MAX_KEPT {
            self.waits.push((at, None));
        } else {
            self.n_crowded += 1;
        }
    }

    /// It goes on.
    pub fn end_wait(&mut self, at: Evidence) {
        if let Some((_, to)) = self.waits.last_mut() {
            to.get_or_insert(at);
        }
    }

    /// Whether another image of its bare Pod supersedes it: a run, or an end, goes on.
    #[must_use]
    pub const fn is_superseded_in_place(&self) -> bool {
        matches!(self.settles, Settles::WhenReady | Settles::InPlace)
    }

    /// Whether it waits.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        matches!(self.waits.last(), Some((_, None)))
    }

    /// From when on its limit runs: what it waited does not count.
    #[must_use]
    pub fn limited_from(&self) -> UnixNanos {
        let waited = self
            .waits
            .iter()
            .filter_map(|(from, to)| Some(to.as_ref()?.moment().since(from.moment())));
        waited.fold(self.start.moment(), UnixNanos::plus)
    }

    /// Adds a link, if there is room.
    pub fn link(&mut self, link: Link) {
        if self.links.len() < MAX_LINKS {
            self.links.push(link);
        } else {
            self.n_links_dropped = self.n_links_dropped.saturating_add(1);
        }
    }

    /// Adds what is told of a queue, if there is room.
    pub fn add_queued(&mut self, about: Uid, queued: Queued) {
        if self.queued.len() < MAX_KEPT {
            self.queued.push((about, queued));
        } else {
            self.n_crowded += 1;
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

    /// Something more is done to a workload; what was done before is over.
    pub fn begin_step(&mut self, uid: Uid, step: Step) {
        let Some(before) = self.steps.insert(uid, Arc::new(step)) else { return };
        if self.past.len() < MAX_KEPT {
            self.past.push((uid, before));
        } else {
            self.n_crowded += 1;
        }
    }

    /// What was done to workloads later than `order` is taken out.
    pub fn take_later(&mut self, order: u64) -> Steps {
        let is_later = |step: &Step| step.start.order() > order;
        self.past.retain(|(_, step)| !is_later(step));
        let steps = std::mem::take(&mut self.steps).into_iter();
        let (later, known) = steps.partition(|(_, step)| is_later(step));
        self.steps = known;
        later
    }

    /// What was done to workloads had not settled yet at this place of the order.
    pub fn reopen_steps(&mut self, order: u64) {
        let is_later = |step: &Step| step.settled.is_some_and(|at| at.order() > order);
        let later = self.steps.iter().filter(|(_, step)| is_later(step)).map(|(uid, _)| *uid);
        for uid in later.collect::<Vec<_>>() {
            self.steps.make_mut(uid).into_iter().for_each(|step| step.settled = None);
        }
    }

    /// All that is done to workloads below the topmost one, the newest of each last.
    pub fn all_steps(&self) -> impl Iterator<Item = (Uid, &Step)> {
        let past = self.past.iter().map(|(uid, step)| (*uid, &**step));
        past.chain(self.steps.iter().map(|(uid, step)| (*uid, &**step)))
    }

    /// Keeps a Pod that is gone, if there is room.
    pub fn keep_departed(&mut self, uid: Uid, pod: Arc<Pod>) {
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
        SpanContext {
            trace: self.trace,
            trace_state: joined.and_then(|joined| joined.trace_state.clone()),
            // Ids of ours are hashes; of others it is their flag that says so.
            is_random: joined.is_none_or(|joined| joined.flags & 2 != 0),
        }
    }

    /// After how long it has timed out.
    #[must_use]
    pub fn limit(&self, rules: &Rules) -> Nanos {
        self.limit.unwrap_or_else(|| rules.limit(self.settles == Settles::WithRun))
    }
}
