//! Telling: from a transition that has closed to its spans, children before parents.

pub mod attributes;
pub mod draft;
mod in_place;
mod leaving;
mod nest;
mod notes;
mod owned;
pub mod phases;
mod pods;
mod root;
mod runs;
mod skew;
mod waits;

use std::collections::{BTreeMap, BTreeSet};
use std::iter;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::facts::ids::{SpanId, TraceId};
use crate::facts::instant::{Evidence, Heard, Instant};
use crate::facts::kind::Kind;
use crate::facts::meta::Uid;
use crate::facts::reason::Failure;
use crate::facts::span::{FinishedSpan, ObjectRef, Outcome, ShownSpan, SpanContext};
use crate::facts::time::{Nanos, UnixNanos};
use crate::lifecycle::closed::{Closed, Departed, Ended, Portrait};
use crate::lifecycle::pod::{Debugger, Pod};
use crate::lifecycle::rules::Rules;
use crate::lifecycle::transition::{Closing, Transition};
use crate::lifecycle::tree::Tree;
use draft::{Common, Draft, Identity};
use leaving::Leaving;
use owned::StepSpan;
use pods::Gating;

/// Spans are never nested deeper.
const MAX_DEPTH: usize = 16;

/// What comes of something that has ended.
#[derive(Debug, Default)]
pub struct Telling {
    /// Its spans, children before parents.
    pub spans: Vec<FinishedSpan>,
    /// Pods that are still going and ephemeral containers that still run, and where their spans will
    /// belong.
    pub left: Vec<(Outliving, Left)>,
}

/// What outlives its transition: a Pod that goes, or, by its name, an ephemeral container of it.
pub type Outliving = (Uid, Option<Box<str>>);

/// The span above something that outlives it, and has left without it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Left {
    /// Its trace.
    context: SpanContext,
    /// What ids in it are derived from.
    seed: TraceId,
    /// The span.
    parent: SpanId,
    /// When that span began: nothing below it begins earlier.
    begin: Instant,
    /// Its tree, whatever becomes of the Pod's owners.
    tree: Portrait,
}

/// The spans of what has ended; of a Pod or an ephemeral container, that its transition had `left`
/// without.
#[must_use]
pub fn tell(
    ended: &Ended,
    left: impl FnOnce(&Outliving) -> Option<Left>,
    rules: &Rules,
) -> Telling {
    let span = match ended {
        Ended::Transition(closed) => return build(closed, rules, false).told(),
        Ended::Pod(departed) => {
            let left = left(&(departed.uid, None));
            left.map(|left| terminate_left(departed, &left, rules))
        }
        Ended::Debugger(departed, debugger) => {
            let left = left(&(departed.uid, Some(debugger.name.clone())));
            let draft =
                left.as_ref().and_then(|left| debugger_left(departed, debugger, left, None));
            let finished = draft.zip(left.as_ref());
            finished.map(|(draft, left)| draft.finish(&left.context, &common(&left.tree, rules)))
        }
    };
    Telling { spans: span.into_iter().collect(), left: Vec::new() }
}

/// `run container` of an ephemeral container whose transition has left without it; one that has not
/// ended is shown to `end`.
fn debugger_left(
    departed: &Departed,
    debugger: &Debugger,
    left: &Left,
    end: Option<Instant>,
) -> Option<Draft> {
    let mut draft = Leaving::of(departed, &left.tree).run(left.seed, left.parent, debugger, end)?;
    left.bound(&mut draft);
    draft.end = draft.end.not_before(&draft.start);
    Some(noted(draft, &departed.pod))
}

/// A span by itself, with the Events about its Pod.
fn noted(draft: Draft, pod: &Pod) -> Draft {
    let mut drafts = [draft];
    notes::attach(&mut drafts, || iter::once(0), pod);
    let [draft] = drafts;
    draft
}

impl Left {
    /// What was learned since cannot move a span before the one above, which has left.
    fn bound(&self, draft: &mut Draft) {
        draft.start = draft.start.not_before(&self.begin);
    }
}

/// What of a tree is open at `now`: for showing.
#[must_use]
pub fn in_progress(
    tree: &Tree,
    left: impl Fn(&Outliving) -> Option<Left>,
    now: UnixNanos,
    rules: &Rules,
) -> Vec<ShownSpan> {
    let kind = &tree.top().kind;
    let is_told = |open: &Closed| rules.roots.are_told(kind, open.transition.action);
    let open = tree.as_of(now).filter(is_told);
    let mut out = open.map(|open| build(&open, rules, true).shown()).unwrap_or_default();
    let end = Evidence::event(now, 0).instant(Nanos(0));
    for departed in tree.outliving() {
        let mut show = |draft: Option<Draft>, left: &Left| {
            let draft = draft.map(|draft| draft.outcome(Outcome::Unfinished));
            let common = common(&left.tree, rules);
            out.extend(draft.map(|draft| draft.show(&left.context, &common)));
        };
        if let Some(left) = left(&(departed.uid, None)) {
            let leaving = Leaving::of(&departed, &left.tree);
            show(leaving.terminate(left.seed, left.parent, Some(end)), &left);
        }
        for debugger in departed.pod.debuggers().iter().filter(|it| it.has_left) {
            if let Some(left) = left(&(departed.uid, Some(debugger.name.clone()))) {
                show(debugger_left(&departed, debugger, &left, Some(end)), &left);
            }
        }
    }
    out
}

/// The end of a Pod whose transition has left without it.
fn terminate_left(departed: &Departed, left: &Left, rules: &Rules) -> FinishedSpan {
    let (Departed { uid, pod, .. }, tree) = (departed, &left.tree);
    let gone = Evidence::arrival(pod.created, Heard::FIRST).instant(Nanos(0));
    let draft = Leaving::of(departed, tree).terminate(left.seed, left.parent, None);
    let mut draft = draft.unwrap_or_else(|| {
        let object = &pod_ref(tree, *uid, pod);
        let of = Identity::of(left.seed, left.parent, object);
        Draft::new(of, "terminate", "terminate Pod", gone, gone)
    });
    left.bound(&mut draft);
    noted(draft, pod).finish(&left.context, &common(tree, rules))
}

fn common(tree: &Portrait, rules: &Rules) -> Common {
    Common { top: tree.top.uid, resource: Arc::new(attributes::resource(tree, rules)) }
}

/// A transition while its spans are built.
struct Build<'a> {
    closed: &'a Closed,
    transition: &'a Transition,
    closing: &'a Closing,
    /// The moment everything ends that has not ended: that of the closing, or now.
    end: Instant,
    rules: &'a Rules,
    is_shown: bool,
    drafts: Vec<Draft>,
    left: Vec<(Outliving, SpanId)>,
    /// The spans of workloads below the topmost one.
    step_spans: BTreeMap<Uid, Vec<StepSpan>>,
    /// Pods in a failure state, the earliest first.
    failing: Vec<(&'a Pod, &'a Failure)>,
    /// How many Pods each span leaves out.
    omitted: BTreeMap<SpanId, i64>,
    /// The Pod that was the last to be ready, and of its steps the longest.
    gating: Option<Gating>,
}

fn build(closed: &Closed, rules: &Rules, is_shown: bool) -> Built {
    let transition = &closed.transition;
    let mut build = Build {
        closed,
        transition,
        closing: &closed.closing,
        end: closed.closing.end.instant(Nanos(0)),
        rules,
        is_shown,
        // As a rule a Pod has its start and a few steps of it.
        drafts: Vec::with_capacity(4 * closed.pods.len()),
        left: Vec::new(),
        step_spans: owned::step_spans(transition),
        failing: failing(closed),
        omitted: BTreeMap::new(),
        gating: None,
    };
    let omitted = build.omitted_pods();
    build.root();
    build.owned();
    build.pods(&omitted);
    build.retries();
    build.count_omitted();
    build.gated();
    let places = build.children_first();
    build.nest(&places);
    build.terminating();
    build.notes();
    let begin = |id: SpanId| {
        let draft = places.at(id).and_then(|at| build.drafts.get(at));
        draft.map_or(build.end, |draft| draft.start)
    };
    let context = transition.context();
    let left = build.left.iter().map(|(outliving, parent)| {
        let (parent, begin) = (*parent, begin(*parent));
        (
            outliving.clone(),
            Left {
                context: context.clone(),
                seed: transition.seed,
                parent,
                begin,
                tree: closed.tree.clone(),
            },
        )
    });
    let left = left.collect();
    Built { drafts: build.drafts, left, common: common(&closed.tree, rules), context }
}

/// The spans of a transition, still without what they have in common.
struct Built {
    drafts: Vec<Draft>,
    left: Vec<(Outliving, Left)>,
    common: Common,
    context: SpanContext,
}

impl Built {
    /// As they leave.
    fn told(self) -> Telling {
        let spans = self.drafts.into_iter().map(|it| it.finish(&self.context, &self.common));
        Telling { spans: spans.collect(), left: self.left }
    }

    /// As they are shown while the transition goes on.
    fn shown(self) -> Vec<ShownSpan> {
        let spans = self.drafts.into_iter().map(|it| it.show(&self.context, &self.common));
        spans.collect()
    }
}

/// Pods in a failure state, the earliest failure first. Those that were asked to go are not in one, but
/// where the transition took them with it: it was deleted, or failed, and made none after them.
fn failing(closed: &Closed) -> Vec<(&Pod, &Failure)> {
    let seq = Some(closed.transition.seq);
    let started = |pod: &Pod| pod.start().filter(|start| start.seq == seq).map(|it| it.created);
    let newest = closed.pods.values().filter_map(|pod| started(pod)).map(|at| at.order()).max();
    let takes_along = matches!(closed.closing.outcome, Outcome::Deleted | Outcome::Failed);
    let is_taken = |pod: &Pod| {
        let asked = pod.end().map(|end| end.requested.order());
        takes_along && !pod.was_ready && started(pod).is_some() && asked > newest
    };
    let failing = closed.pods.iter().filter(|(_, pod)| !pod.is_going || is_taken(pod));
    let mut failing: Vec<_> = failing
        .filter_map(|(uid, pod)| pod.failure().map(|(it, since)| (since.order(), *uid, &**pod, it)))
        .collect();
    failing.sort_by_key(|(since, uid, pod, _)| (pod.is_going, *since, *uid));
    failing.into_iter().map(|(_, _, pod, failure)| (pod, failure)).collect()
}

impl<'a> Build<'a> {
    fn top(&self) -> Uid {
        self.closed.tree.top.uid
    }

    /// Beyond `max_pods_per_trace` a Pod keeps its spans only if it failed, took longer to start
    /// than every Pod of the trace before it, or was the last to become ready: the others.
    fn omitted_pods(&self) -> BTreeSet<Uid> {
        let seq = self.transition.seq;
        let pods = self.closed.pods.iter().filter(|(_, pod)| pod.has_part_in(seq));
        let mut pods: Vec<_> = pods.collect();
        if pods.len() <= self.rules.max_pods_per_trace {
            return BTreeSet::new();
        }
        pods.sort_by_key(|(uid, pod)| (pod.created, **uid));
        let start_of = |pod: &'a Pod| pod.start().filter(|start| start.seq == Some(seq));
        let over = |pod: &'a Pod| {
            let run = pod.run().filter(|run| run.seq == Some(seq));
            run.map_or_else(|| start_of(pod)?.ready, |run| run.finished)
        };
        let began = |pod: &'a Pod| {
            let run = pod.run().map(|run| run.created);
            pod.start().map(|start| start.created).or(run)
        };
        let length = |pod| Some(over(pod)?.moment().since(began(pod)?.moment()));
        let ready = |pod| Some(over(pod)?.order());
        let last = pods.iter().filter_map(|(uid, pod)| Some((ready(pod)?, **uid))).max();
        let mut slowest = Nanos::default();
        let mut omitted = BTreeSet::new();
        for (n, (uid, pod)) in pods.iter().enumerate() {
            let took = length(pod).unwrap_or_default();
            let is_slower = took > slowest;
            slowest = slowest.max(took);
            let failed = pod.failure().is_some()
                || start_of(pod).is_some_and(|start| start.failed.is_some());
            let is_last = last.is_some_and(|(_, last)| last == **uid);
            if n >= self.rules.max_pods_per_trace && !is_slower && !failed && !is_last {
                omitted.insert(**uid);
            }
        }
        omitted
    }

    /// The span above what happened to something that `owner` owns, from one place of the order to
    /// another: that of the nearest workload above it that has one for this in the transition, else
    /// the root. What began before the transition is told from then on.
    fn above(&self, owner: Option<Uid>, from: u64, to: u64) -> SpanId {
        let begun = self.transition.start.order();
        let (from, to) = (from.max(begun), to.max(begun));
        let owner_of = |uid: &Uid| self.closed.workloads.get(uid).map(|below| below.owner);
        let mut chain = iter::successors(owner, owner_of).take(MAX_DEPTH);
        let found = chain.find_map(|uid| owned::taking_in(self.step_spans.get(&uid)?, from, to));
        found.unwrap_or(self.transition.span)
    }

    /// Whether `uid` lies below `above`, or is it.
    fn is_below(&self, uid: Option<Uid>, above: Uid) -> bool {
        let owner_of = |uid: &Uid| {
            let step = self.transition.steps.get(*uid).map(|step| step.owner);
            step.or_else(|| self.closed.workloads.get(uid).map(|below| below.owner))
        };
        iter::successors(uid, owner_of).take(MAX_DEPTH).any(|uid| uid == above)
    }

    /// The earliest failure of a Pod of this tree, if one is in a failure state.
    fn cause(&self, of: impl Fn(&Pod) -> bool) -> Option<&'a Failure> {
        self.failing.iter().find(|(pod, _)| of(pod)).map(|(_, failure)| *failure)
    }

    /// Why a workload was refused its Pods, from Events about it: reason and message.
    fn refusal(&self, of: impl Fn(Uid) -> bool) -> Option<(&str, &str)> {
        let refusals = self.transition.notes.iter().filter(|(about, noted)| {
            noted.is_warning && crate::facts::reason::is_refusal(&noted.reason) && of(*about)
        });
        let first = refusals.min_by_key(|(about, noted)| (noted.at, *about));
        first.map(|(_, noted)| (&*noted.reason, &*noted.message))
    }

    /// Kind and name of a workload below the topmost one.
    fn workload(&self, uid: Uid) -> Option<(&Kind, &str, Uid)> {
        let step = self.transition.steps.get(uid).map(|step| (&step.kind, &*step.name, uid));
        let known = || self.closed.workloads.get(&uid).map(|it| (&it.kind, &*it.name, uid));
        step.or_else(known)
    }

    /// Node and owner of a Pod; the topmost object is named by the resource.
    fn push_pod(&self, draft: &mut Draft, pod: &Pod) {
        push_pod(draft, pod, pod.owner().and_then(|uid| self.workload(uid)));
    }
}

fn pod_ref(tree: &Portrait, uid: Uid, pod: &Pod) -> ObjectRef {
    ObjectRef {
        kind: Kind::Pod,
        namespace: tree.top.namespace.clone(),
        name: Arc::from(&*pod.name),
        uid,
    }
}

fn push_pod(draft: &mut Draft, pod: &Pod, owner: Option<(&Kind, &str, Uid)>) {
    draft.push_said("k8s.node.name", pod.node.as_deref());
    if let Some((kind, name, uid)) = owner.filter(|(kind, ..)| !matches!(kind, Kind::Other(_))) {
        attributes::push_object(&mut draft.attributes, kind, name, uid);
    }
}
