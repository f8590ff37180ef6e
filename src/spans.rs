//! Closing: from the facts of a transition to its spans, children before parents.

pub mod attributes;
pub mod draft;
mod owned;
pub mod phases;
mod pods;
mod root;
mod runs;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::facts::ids::SpanId;
use crate::facts::instant::{Evidence, Instant};
use crate::facts::kind::Kind;
use crate::facts::meta::Uid;
use crate::facts::reason::Failure;
use crate::facts::span::{FinishedSpan, ObjectRef, Outcome};
use crate::facts::time::{Nanos, UnixNanos};
use crate::lifecycle::pod::{Left, Pod};
use crate::lifecycle::transition::{Closing, Step, Transition};
use crate::lifecycle::tree::{Rules, Tree};
use crate::spans::draft::{Draft, Of};

/// Spans are never nested deeper.
const MAX_DEPTH: usize = 16;

/// What a closed transition becomes.
#[derive(Debug)]
pub(crate) struct Built {
    /// Its spans, the root last.
    pub(crate) spans: Vec<FinishedSpan>,
    /// Pods that are still going, and the span that theirs will be below.
    pub(crate) left: Vec<(Uid, Left)>,
}

/// A transition while its spans are built.
struct Build<'a> {
    tree: &'a Tree,
    transition: &'a Transition,
    closed: &'a Closing,
    /// The moment everything ends that has not ended: that of the closing, or now.
    end: Instant,
    rules: &'a Rules,
    is_shown: bool,
    drafts: Vec<Draft>,
    left: Vec<(Uid, SpanId)>,
    /// The Pod that was the last to be ready, and of its steps the longest.
    gating: Option<Gating>,
}

/// What a rollout waited for last.
struct Gating {
    ready: UnixNanos,
    pod: Arc<str>,
    phase: Cow<'static, str>,
}

/// The spans of a transition that has closed.
pub(crate) fn of_transition(tree: &Tree, transition: &Transition, rules: &Rules) -> Built {
    let Some(closed) = transition.closed.as_deref() else {
        return Built { spans: Vec::new(), left: Vec::new() };
    };
    build(tree, transition, closed, rules, false)
}

/// What is open at `now`, with the outcome `in progress`.
pub(crate) fn in_progress(tree: &Tree, now: UnixNanos, rules: &Rules) -> Vec<FinishedSpan> {
    let mut out = Vec::new();
    let open = tree.pending().filter(|pending| pending.closed.is_none());
    if let Some(open) = open {
        let closing = Closing {
            outcome: Outcome::InProgress,
            end: Evidence::event(now),
            declared: None,
            is_settled: false,
            hold_until: now,
            is_unstable: false,
        };
        out = build(tree, open, &closing, rules, true).spans;
    }
    for (uid, pod) in tree.pods() {
        let Some(left) = pod.end().and_then(|end| end.left.clone()) else { continue };
        let end = Evidence::event(now).instant(Nanos(0));
        let draft = pods::terminate(tree, *uid, pod, left.seed, left.parent, Some(end));
        if let Some(draft) = draft {
            let draft = draft.outcome(Outcome::InProgress);
            out.push(draft.finish(&left.context, &tree.resource(rules)));
        }
    }
    out
}

/// The end of a Pod whose transition has left without it.
pub(crate) fn terminate_left(
    tree: &Tree,
    uid: Uid,
    pod: &Pod,
    Left { context, seed, parent, begin }: Left,
    rules: &Rules,
) -> FinishedSpan {
    let gone = Evidence::arrival(pod.created, None).instant(Nanos(0));
    let of = Of {
        seed,
        parent: Some(parent),
        object: &pod_ref(tree, uid, pod),
        container: "",
        attempt: 0,
    };
    let mut draft = pods::terminate(tree, uid, pod, seed, parent, None)
        .unwrap_or_else(|| Draft::new(of, "terminate", "terminate Pod", gone, gone));
    // What was learned since cannot move it before the span above, which has left.
    draft.start.best = draft.start.best.max(begin);
    draft.start.hi = draft.start.hi.max(begin);
    attach_pod_notes(std::slice::from_mut(&mut draft), uid, pod);
    draft.finish(&context, &tree.resource(rules))
}

fn build(
    tree: &Tree,
    transition: &Transition,
    closed: &Closing,
    rules: &Rules,
    is_shown: bool,
) -> Built {
    let end = closed.end.instant(Nanos(0));
    let mut build = Build {
        tree,
        transition,
        closed,
        end,
        rules,
        is_shown,
        drafts: Vec::new(),
        left: Vec::new(),
        gating: None,
    };
    let kept = build.kept_pods();
    build.root();
    build.owned();
    build.pods(&kept);
    build.gated();
    build.children_first();
    build.nest();
    build.terminating();
    build.notes();
    let Build { drafts, left, .. } = build;
    let begins: BTreeMap<SpanId, UnixNanos> =
        drafts.iter().map(|draft| (draft.id, draft.start.best)).collect();
    let context = transition.context();
    let left = left.into_iter().map(|(uid, parent)| {
        let begin = begins.get(&parent).copied().unwrap_or(end.best);
        (uid, Left { context: context.clone(), seed: transition.seed, parent, begin })
    });
    let left = left.collect::<Vec<_>>();
    let resource = tree.resource(rules);
    let finished = drafts.into_iter().map(|it| it.finish(&context, &resource));
    Built { spans: finished.collect(), left }
}

impl<'a> Build<'a> {
    /// Whether what ended then belongs to it: a root that settles waits for what is below it, one
    /// that closes unsettled does not.
    fn is_in_time(&self, end: &Instant) -> bool {
        end.best <= self.end.best || self.closed.is_settled
    }

    /// Every Pod with facts of this transition, those that are gone too.
    fn all_pods(&self) -> BTreeMap<Uid, &'a Pod> {
        let here = self.tree.pods().iter().chain(&self.transition.departed);
        here.map(|(uid, pod)| (*uid, pod)).collect()
    }

    /// Beyond `max_pods_per_trace` a Pod keeps its spans only if it failed, took longer to start
    /// than every Pod of the trace before it, or was the last to become ready.
    fn kept_pods(&self) -> BTreeSet<Uid> {
        let seq = self.transition.seq;
        let mut pods: Vec<_> = self
            .all_pods()
            .into_iter()
            .filter(|(_, pod)| {
                pod.start().is_some_and(|start| start.seq == seq)
                    || pod.run().is_some_and(|run| run.seq == seq)
                    || pod.end().is_some_and(|end| end.seq == Some(seq))
                    || pod.restarts().iter().any(|restart| restart.seq == seq)
            })
            .collect();
        if pods.len() <= self.rules.max_pods_per_trace {
            return pods.into_iter().map(|(uid, _)| uid).collect();
        }
        pods.sort_by_key(|(uid, pod)| (pod.created, *uid));
        let start_of = |pod: &Pod| pod.start().filter(|start| start.seq == seq).cloned();
        let over = |pod: &Pod| {
            let run = pod.run().filter(|run| run.seq == seq);
            run.map_or_else(|| start_of(pod)?.ready, |run| run.finished)
        };
        let length = |pod: &Pod| Some(over(pod)?.decision().since(pod.created));
        let ready = |pod: &Pod| Some(over(pod)?.decision());
        let last = pods.iter().filter_map(|(uid, pod)| Some((ready(pod)?, *uid))).max();
        let mut slowest = Nanos::default();
        let mut kept = BTreeSet::new();
        for (n, (uid, pod)) in pods.iter().enumerate() {
            let took = length(pod).unwrap_or_default();
            let is_slower = took > slowest;
            slowest = slowest.max(took);
            let failed = pod.failure().is_some()
                || start_of(pod).is_some_and(|start| start.failed.is_some());
            let is_last = last.is_some_and(|(_, last)| last == *uid);
            if n < self.rules.max_pods_per_trace || is_slower || failed || is_last {
                kept.insert(*uid);
            }
        }
        kept
    }

    /// The span above what `owner` owns: that of the nearest workload above it that has one in
    /// this transition, else the root.
    fn above(&self, owner: Option<Uid>) -> SpanId {
        let mut at = owner;
        for _ in 0..MAX_DEPTH {
            let Some(uid) = at else { break };
            if let Some(step) = self.transition.steps.get(&uid) {
                return owned::step_id(self.transition.seed, uid, step);
            }
            at = self.tree.owned_ref(uid).map(|(_, _, owner)| owner);
        }
        self.transition.span
    }

    /// Whether `uid` lies below `above`, or is it.
    fn is_below(&self, uid: Option<Uid>, above: Uid) -> bool {
        let owner_of = |uid: &Uid| {
            let step = self.transition.steps.get(uid).map(|step| step.owner);
            step.or_else(|| self.tree.owned_ref(*uid).map(|(_, _, owner)| owner))
        };
        std::iter::successors(uid, owner_of).take(MAX_DEPTH).any(|uid| uid == above)
    }

    /// The earliest failure of a Pod of this tree, if one is in a failure state.
    fn cause(&self, of: impl Fn(&Pod) -> bool) -> Option<&Failure> {
        let failing = self.all_pods().into_iter().filter(|(_, pod)| of(pod) && !pod.is_going);
        let failing =
            failing.filter_map(|(uid, pod)| pod.failure().map(|(it, since)| (since, uid, it)));
        failing.min_by_key(|(since, uid, _)| (since.decision(), *uid)).map(|(_, _, it)| it)
    }

    /// Why a workload was refused its Pods, from Events about it: reason and message.
    fn refusal(&self, of: impl Fn(Uid) -> bool) -> Option<(&str, &str)> {
        let refusals = self.transition.notes.iter().filter(|(about, noted)| {
            noted.is_warning && crate::facts::reason::is_refusal(&noted.reason) && of(*about)
        });
        let first = refusals.min_by_key(|(about, noted)| (noted.at, *about));
        first.map(|(_, noted)| (&*noted.reason, &*noted.message))
    }

    /// Orders the spans by their depth, the deepest first, then by their start.
    fn children_first(&mut self) {
        let parents: BTreeMap<SpanId, Option<SpanId>> =
            self.drafts.iter().map(|draft| (draft.id, draft.parent)).collect();
        let depth = |draft: &Draft| {
            let above = |id: &SpanId| parents.get(id).copied().flatten();
            std::iter::successors(draft.parent, above).take(MAX_DEPTH).count()
        };
        self.drafts.sort_by_cached_key(|draft| {
            (std::cmp::Reverse(depth(draft)), draft.start.best, draft.id)
        });
    }

    /// Children lie within their parents: a parent reaches from the first of them to the last,
    /// unless it was cut off at its closing; `terminate Pod` may outlive it.
    fn nest(&mut self) {
        let cut = (!self.closed.is_settled).then_some(self.end);
        for at in 0..self.drafts.len() {
            let Some(child) = self.drafts.get(at) else { return };
            let (parent, start, end) = (child.parent, child.start, child.end);
            let outlives = child.may_outlive;
            let Some(parent) = parent else { continue };
            if let Some(above) = self.drafts.iter_mut().find(|it| it.id == parent) {
                if start.best < above.start.best {
                    above.start.lo = above.start.lo.min(start.best);
                    above.start.best = start.best;
                    above.start.hi = above.start.hi.max(start.best);
                    above.start.source = start.source;
                }
                if !outlives && end.best > above.end.best && cut.is_none() {
                    above.end = end;
                }
            }
        }
        if cut.is_some() {
            self.raise_end();
            self.cut_to_parents();
        }
    }

    /// The best estimate of when a transition was cut off does not lie before what began in it.
    fn raise_end(&mut self) {
        let inside = self.drafts.iter().filter(|draft| !draft.may_outlive);
        let Some(latest) = inside.map(|draft| draft.start.best).max() else { return };
        let end = self.end.best;
        if latest > end {
            for draft in self.drafts.iter_mut().filter(|draft| draft.end.best == end) {
                draft.end.best = latest;
                draft.end.hi = draft.end.hi.max(latest);
            }
        }
    }

    /// A transition that was cut off: nothing in it ends later than it, and no span later than
    /// the one above it.
    fn cut_to_parents(&mut self) {
        for at in (0..self.drafts.len()).rev() {
            let Some(child) = self.drafts.get(at) else { return };
            let above = child.parent.and_then(|id| self.drafts.iter().find(|it| it.id == id));
            let Some(bound) = above.map(|above| above.end) else { continue };
            if let Some(child) = self.drafts.get_mut(at)
                && !child.may_outlive
                && child.end.best > bound.best
            {
                child.end = bound;
                child.start.best = child.start.best.min(bound.best);
                child.start.lo = child.start.lo.min(child.start.best);
            }
        }
    }

    /// Kubernetes Events go to the span of the object and time they belong to.
    fn notes(&mut self) {
        for (uid, pod) in self.all_pods() {
            attach_pod_notes(&mut self.drafts, uid, pod);
        }
        for (about, noted) in &self.transition.notes {
            let of_object = |draft: &&mut Draft| draft.object.uid == *about;
            if let Some(draft) = self.drafts.iter_mut().find(of_object)
                && draft.contains(noted.at)
            {
                draft.note(noted);
            }
        }
    }
}

/// The narrowest span of a Pod that holds the moment: its start, a restart, its end.
fn attach_pod_notes(drafts: &mut [Draft], uid: Uid, pod: &Pod) {
    for noted in pod.notes() {
        let holds = drafts.iter_mut().filter(|draft| {
            let is_step = draft.parent.is_none() || draft.outcome.is_some();
            draft.object.uid == uid && is_step && draft.contains(noted.at)
        });
        let fits =
            holds.filter(|draft| draft.container.is_empty() || draft.container == noted.container);
        if let Some(draft) = fits.min_by_key(|draft| draft.length()) {
            draft.note(noted);
        }
    }
}

fn pod_ref(tree: &Tree, uid: Uid, pod: &Pod) -> ObjectRef {
    ObjectRef {
        kind: Kind::Pod,
        namespace: Arc::clone(&tree.top().namespace),
        name: Arc::clone(&pod.name),
        uid,
    }
}

/// Node and owner of a Pod; the topmost object is named by the resource.
fn push_pod(draft: &mut Draft, pod: &Pod, tree: &Tree, steps: &BTreeMap<Uid, Step>) {
    draft.push_text("k8s.node.name", &pod.node);
    let Some(uid) = pod.owner() else { return };
    let step = steps.get(&uid).map(|step| (&step.kind, &*step.name));
    let owner = step.or_else(|| tree.owned_ref(uid).map(|(kind, name, _)| (kind, name)));
    if let Some((kind, name)) = owner.filter(|(kind, _)| !matches!(kind, Kind::Other(_))) {
        attributes::push_object(&mut draft.attributes, kind, name, uid);
    }
}
