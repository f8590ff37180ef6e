//! Spans of Pods: their starts with the phases, restarts, and ends.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::attributes;
use super::draft::{Draft, Identity};
use super::leaving::Leaving;
use super::phases::Chain;
use super::skew;
use super::{Build, pod_ref};
use crate::facts::ids::SpanId;
use crate::facts::instant::Instant;
use crate::facts::meta::Uid;
use crate::facts::span::{Outcome, Value};
use crate::facts::time::{Nanos, UnixNanos};
use crate::lifecycle::action::Action;
use crate::lifecycle::pod::{Forced, Pod, Restart, Seq, Start};

const OMITTED: &str = "lifespan.pods.omitted";

/// What a rollout waited for last.
pub(super) struct Gating {
    ready: UnixNanos,
    pod: Arc<str>,
    phase: std::borrow::Cow<'static, str>,
}

impl<'a> Build<'a> {
    /// The spans of all Pods but those that keep none: these are counted above them.
    pub(super) fn pods(&mut self, omitted: &BTreeSet<Uid>) {
        let seq = self.transition.seq;
        let closed = self.closed;
        for (uid, pod) in closed.pods.iter().filter(|(_, pod)| pod.has_part_in(seq)) {
            if omitted.contains(uid) {
                let began = began(pod, seq).unwrap_or(0);
                let parent = self.above(pod.owner(), began, began);
                *self.omitted.entry(parent).or_default() += 1;
            } else {
                self.pod(*uid, pod);
            }
        }
    }

    fn pod(&mut self, uid: Uid, pod: &'a Pod) {
        let seq = self.transition.seq;
        let n_before = self.drafts.len();
        let owner = pod.owner();
        let above = |build: &Self, at: u64| build.above(owner, at, at);
        let began = began(pod, seq);
        let parent = above(self, began.unwrap_or(0));
        let start = pod.start().filter(|start| start.seq == Some(seq));
        let run = pod.run().filter(|run| run.seq == Some(seq));
        let end = pod.end().filter(|end| end.seq == Some(seq));
        let of_end = end.map(|end| above(self, end.requested.order()));
        if end.is_some_and(|end| end.gone.is_none()) {
            self.left.extend(of_end.map(|parent| ((uid, None), parent)));
        }
        let skew = skew::of_node(pod);
        let chain = start.map(|start| Chain::of(start, skew));
        let run_id = run.map(|run| {
            let id = self.run(uid, pod, run, chain.as_ref(), parent);
            self.container_runs(uid, pod, run, chain.as_ref(), id);
            id
        });
        let started = start.zip(chain).and_then(|(start, chain)| {
            self.start(uid, pod, start, &chain, run_id.unwrap_or(parent))
        });
        for restart in pod.restarts().iter().filter(|restart| restart.seq == seq) {
            let start = started.filter(|_| restart.is_in_start);
            let parent = start.or(run_id).unwrap_or(self.transition.span);
            self.restart(uid, pod, restart, skew, parent);
        }
        for resize in pod.resizes().iter().filter(|resize| resize.seq == seq) {
            let parent = above(self, resize.written.order());
            // That of a bare Pod is the root.
            if self.transition.action != Action::Resize {
                self.resize(uid, pod, resize, parent);
            }
        }
        for debugger in pod.debuggers().iter().filter(|debugger| debugger.seq == seq) {
            let parent = above(self, debugger.written.order());
            self.debugger(uid, pod, debugger, parent);
        }
        if let Some(parent) = of_end {
            self.terminate(uid, pod, parent);
        }
        if began.is_some_and(|began| self.is_before(began)) {
            self.begin_with_root(n_before);
        }
    }

    /// Whether what began there in the order began before the transition, and went on in it.
    pub(super) fn is_before(&self, began: u64) -> bool {
        began < self.transition.start.order()
    }

    /// What began before the transition is told from then on, without the phases that were over: the
    /// spans from the one at `first` on.
    fn begin_with_root(&mut self, first: usize) {
        let begun = self.transition.start.instant(Nanos(0));
        let mut own = self.drafts.split_off(first);
        own.retain(|draft| !draft.is_phase || draft.end.best > begun.best);
        for draft in &mut own {
            draft.start = draft.start.not_before(&begun);
            draft.end = draft.end.not_before(&draft.start);
        }
        self.drafts.append(&mut own);
    }

    /// Spans say how many Pods below them keep none.
    pub(super) fn count_omitted(&mut self) {
        for draft in &mut self.drafts {
            if let Some(n) = self.omitted.get(&draft.id) {
                draft.push(OMITTED, *n);
            }
        }
    }

    /// Which end the start of a Pod has come to, and how; `None` where it is still open.
    fn start_end(&self, pod: &Pod, start: &Start, chain: &Chain) -> Option<(Instant, Outcome)> {
        let asked = pod.end().map(|end| end.requested.instant(Nanos(0)));
        if start.is_cut {
            return None;
        }
        if let Some(ready) = chain.ready {
            return Some((ready, Outcome::Completed));
        }
        if let Some(failed) = &start.failed {
            return Some((failed.instant(chain.skew), Outcome::Failed));
        }
        let vanished = pod.end().is_some_and(|end| end.has_vanished);
        let outcome = if vanished { Outcome::Vanished } else { Outcome::Deleted };
        asked.map(|asked| (asked.not_before(&chain.created), outcome))
    }

    /// When what is open of a Pod ends: with the transition, or when it was lost sight of.
    pub(super) fn seen_until(&self, uid: Uid) -> Instant {
        let unseen = self.transition.unseen.get(&uid);
        unseen.map_or(self.end, |at| at.instant(Nanos(0)))
    }

    /// `start Pod` with its phases; of a bare Pod these stand below the root.
    fn start(
        &mut self,
        uid: Uid,
        pod: &Pod,
        start: &Start,
        chain: &Chain,
        parent: SpanId,
    ) -> Option<SpanId> {
        let object = pod_ref(&self.closed.tree, uid, pod);
        let is_bare = uid == self.top() && !start.is_of_run;
        let (end, outcome) = match self.start_end(pod, start, chain) {
            Some(known) => known,
            None => (self.seen_until(uid), Outcome::Unfinished),
        };
        let is_cut = outcome == Outcome::Unfinished && !self.is_shown;
        if is_bare {
            let of = Identity::of(self.transition.seed, self.transition.span, &object);
            self.drafts.extend(chain.phases(start, of, Some(end), is_cut));
            return Some(self.transition.span);
        }
        let of = Identity::of(self.transition.seed, parent, &object);
        let mut draft = Draft::new(of, "start", "start Pod", chain.created, end).outcome(outcome);
        self.push_pod(&mut draft, pod);
        draft.links = self.own_links(&start.stamps);
        push_skew(&mut draft, chain.skew);
        if let Some((failure, _)) = pod.failure().filter(|_| says_failure(pod, outcome)) {
            if !failure.is_waiting {
                draft.fail(&failure.reason, &failure.message);
            }
            if let Some(code) = failure.exit_code {
                draft.push("lifespan.exit_code", i64::from(code));
            }
        }
        let id = draft.id;
        let of = Identity { parent: Some(id), ..of };
        let phases = chain.phases(start, of, Some(end), is_cut);
        if outcome == Outcome::Completed {
            self.gate(pod, end.best, &phases);
        }
        self.drafts.extend(phases);
        self.drafts.push(draft);
        self.availability(uid, pod, start, chain, parent);
        Some(id)
    }

    /// From the end of one run to the next one running, and ready again if it had been.
    fn restart(&mut self, uid: Uid, pod: &Pod, restart: &Restart, skew: Nanos, parent: SpanId) {
        let object = pod_ref(&self.closed.tree, uid, pod);
        let of = Identity {
            seed: self.transition.seed,
            parent: Some(parent),
            object: &object,
            container: Some(&restart.container),
            attempt: restart.attempt,
        };
        let from = restart.finished.instant(skew);
        // The write came first, whatever the clock of the node says of the exit that it told after it.
        let cause = &self.transition.cause;
        let is_of_write = cause.starts_with("spec:") || cause.starts_with("owned:");
        let from = if is_of_write {
            from.not_before(&self.transition.start.instant(Nanos(0)))
        } else {
            from
        };
        let done = restart.done.map(|done| done.instant(skew).not_before(&from));
        let asked = pod.end().map(|end| end.requested.instant(Nanos(0)));
        let failed = restart.failed.map(|failed| failed.instant(Nanos(0)).not_before(&from));
        let (end, outcome) = match (done, failed, asked) {
            _ if restart.is_cut => (self.seen_until(uid).not_before(&from), Outcome::Unfinished),
            (Some(done), _, _) => (done, Outcome::Completed),
            // Its Pod has ended well without it.
            (None, Some(ended), _) if pod.failure().is_none() => (ended, Outcome::Unfinished),
            (None, Some(failed), _) => (failed, Outcome::Failed),
            (None, None, Some(asked)) => (asked.not_before(&from), Outcome::Deleted),
            (None, None, None) => (self.end, Outcome::Unfinished),
        };
        let mut draft = Draft::new(of, "restart", "restart container", from, end).outcome(outcome);
        draft.push("lifespan.exit_code", i64::from(restart.exit.code));
        match &restart.forced {
            Some(forced) => {
                draft.push("lifespan.reason", forced.reason());
                if let Forced::ByProbe(_, output) = forced {
                    draft.push("lifespan.probe.output", attributes::sentence(output));
                }
            }
            None => draft.push_text("lifespan.reason", &restart.exit.reason),
        }
        if let Some(signal) = restart.exit.signal {
            draft.push("lifespan.signal", i64::from(signal));
        }
        draft.push("k8s.container.restart_count", i64::from(restart.attempt));
        push_skew(&mut draft, skew);
        if restart.n_missed > 0 {
            draft.push("lifespan.restarts.missed", i64::from(restart.n_missed));
        }
        if let Some((failure, _)) = pod.failure()
            && match (outcome, &failure.container) {
                (Outcome::Unfinished | Outcome::Failed, Some(of)) => *of == restart.container,
                // It failed with its Pod.
                (outcome, None) => outcome == Outcome::Failed,
                (_, Some(_)) => false,
            }
        {
            draft.fail(&failure.reason, &failure.message);
        }
        self.push_pod(&mut draft, pod);
        self.drafts.push(draft);
    }

    fn terminate(&mut self, uid: Uid, pod: &Pod, parent: SpanId) {
        let open_end = self.is_shown.then_some(self.end);
        let leaving = Leaving::from(self.closed, uid, pod);
        self.drafts.extend(leaving.terminate(self.transition.seed, parent, open_end));
    }

    /// Keeps the Pod that was the last to be ready, and of its steps the longest.
    fn gate(&mut self, pod: &Pod, ready: UnixNanos, phases: &[Draft]) {
        let is_later = self.gating.as_ref().is_none_or(|known| known.ready < ready);
        let longest = phases.iter().max_by_key(|phase| phase.length());
        if let Some(longest) = longest.filter(|_| is_later) {
            let phase = longest.name.clone();
            self.gating = Some(Gating { ready, pod: Arc::from(&*pod.name), phase });
        }
    }

    /// A rollout says which Pod it waited for last, and what that took its time for.
    pub(super) fn gated(&mut self) {
        let is_rollout = matches!(
            self.transition.action,
            Action::Create
                | Action::Update
                | Action::Rollback
                | Action::Restart
                | Action::Scale
                | Action::Reconcile
                | Action::Resume
        );
        let Some(gating) = self.gating.take().filter(|_| is_rollout) else { return };
        if let Some(root) = self.drafts.iter_mut().find(|draft| draft.parent.is_none()) {
            root.push("lifespan.gating_pod", gating.pod.to_string());
            root.push("lifespan.gating_phase", Value::Str(gating.phase));
        }
    }
}

/// Where in the order what the transition `seq` tells of a Pod began: its start, or its end.
fn began(pod: &Pod, seq: Seq) -> Option<u64> {
    let start = pod.start().filter(|start| start.seq == Some(seq)).map(|start| start.created);
    let run = pod.run().filter(|run| run.seq == Some(seq)).map(|run| run.created);
    let end = pod.end().filter(|end| end.seq == Some(seq)).map(|end| end.requested);
    let restart = pod.restarts().iter().find(|it| it.seq == seq).map(|it| it.finished);
    start.or(run).or(end).or(restart).map(|at| at.order())
}

/// Whether a span of a Pod that ended so says what the Pod failed of. One that was asked to go failed
/// before that, or not at all.
pub(super) fn says_failure(pod: &Pod, outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Deleted | Outcome::Failed)
        || (outcome == Outcome::Unfinished && !pod.is_going)
}

/// How far the clock of its node is ahead.
fn push_skew(draft: &mut Draft, skew: Nanos) {
    if skew != Nanos(0) {
        draft.push("lifespan.clock.skew_ms", -skew.millis());
    }
}
