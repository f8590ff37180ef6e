//! Spans of Pods that run to their end: the run, and the runs of its containers.

use super::draft::{Draft, Identity};
use super::phases::Chain;
use super::pods::says_failure;
use super::{Build, pod_ref};
use crate::facts::ids::SpanId;
use crate::facts::instant::{Evidence, Instant};
use crate::facts::meta::Uid;
use crate::facts::pod::{Exit, Role};
use crate::facts::span::Outcome;
use crate::facts::time::Nanos;
use crate::lifecycle::pod::{Pod, PodRun, Run};

impl Build<'_> {
    /// `run Pod`, from its creation to the end of its last container; returns its id, which is the
    /// root's where the Pod belongs to nobody.
    pub(super) fn run(
        &mut self,
        uid: Uid,
        pod: &Pod,
        run: &PodRun,
        chain: Option<&Chain>,
        parent: SpanId,
    ) -> SpanId {
        if uid == self.top() {
            return self.transition.span;
        }
        let object = pod_ref(&self.closed.tree, uid, pod);
        let of = Identity::of(self.transition.seed, parent, &object);
        let skew = chain.map_or(Nanos(0), |chain| chain.skew);
        let created = chain.map_or_else(|| run.created.instant(Nanos(0)), |chain| chain.created);
        let (end, outcome) = self.run_end((uid, pod), run, skew, &created);
        let mut draft = Draft::new(of, "run", "run Pod", created, end).outcome(outcome);
        self.push_pod(&mut draft, pod);
        let goes_on = outcome == Outcome::Unfinished && self.is_shown;
        let has_failed = !goes_on && says_failure(pod, outcome);
        if let Some((failure, _)) = pod.failure().filter(|_| has_failed) {
            if outcome == Outcome::Failed || !failure.is_waiting {
                draft.fail(&failure.reason, &failure.message);
            }
            if let Some(code) = failure.exit_code {
                draft.push("lifespan.exit_code", i64::from(code));
            }
        }
        let id = draft.id;
        self.drafts.push(draft);
        id
    }

    fn run_end(
        &self,
        (uid, pod): (Uid, &Pod),
        run: &PodRun,
        skew: Nanos,
        created: &Instant,
    ) -> (Instant, Outcome) {
        let has_failed = pod.failure().is_some_and(|(failure, _)| !failure.is_waiting);
        // The end of what had finished is of no transition.
        let had_finished = pod.end().is_some_and(|end| end.seq.is_none());
        let finished = run.finished.filter(|_| !run.is_cut);
        let asked = pod.end().map(|end| end.requested.instant(Nanos(0)));
        let vanished = pod.end().is_some_and(|end| end.has_vanished);
        let known = match (finished, asked) {
            (Some(finished), _) => {
                let outcome = if has_failed { Outcome::Failed } else { Outcome::Completed };
                Some((finished.instant(skew).not_before(created), outcome))
            }
            (None, Some(asked)) if !run.is_cut => {
                let outcome = match vanished {
                    _ if has_failed && had_finished => Outcome::Failed,
                    true => Outcome::Vanished,
                    false => Outcome::Deleted,
                };
                // It ran on until its containers had ended, at the latest until it was gone.
                let gone = pod.end().and_then(|end| end.gone).map(|gone| gone.instant(Nanos(0)));
                let ended = run.last_end().map(|end| end.instant(skew));
                let ended = if run.runs.is_empty() { None } else { ended.or(gone) };
                let end = ended.filter(|end| end.best > asked.best).unwrap_or(asked);
                Some((end.not_before(created), outcome))
            }
            (None, _) => None,
        };
        match known {
            Some(known) => known,
            None => (self.seen_until(uid), Outcome::Unfinished),
        }
    }

    /// `run container`, each: from running to its end.
    pub(super) fn container_runs(
        &mut self,
        uid: Uid,
        pod: &Pod,
        run: &PodRun,
        chain: Option<&Chain>,
        parent: SpanId,
    ) {
        for one in &run.runs {
            let next = run.next(one).map(|next| next.started);
            let first = chain.filter(|_| one.attempt == 0).and_then(|chain| {
                let containers = pod.start()?.containers.iter().zip(&chain.containers);
                let mut of_it = containers.filter(|(it, _)| it.name == one.container);
                of_it.find_map(|(_, chain)| chain.run)
            });
            let skew = chain.map_or(Nanos(0), |chain| chain.skew);
            let draft = self.container_run((uid, pod), one, (first, next), skew, parent);
            self.drafts.push(draft);
        }
    }

    fn container_run(
        &self,
        (uid, pod): (Uid, &Pod),
        run: &Run,
        (first, next): (Option<Instant>, Option<Evidence>),
        skew: Nanos,
        parent: SpanId,
    ) -> Draft {
        let object = pod_ref(&self.closed.tree, uid, pod);
        let of = Identity {
            seed: self.transition.seed,
            parent: Some(parent),
            object: &object,
            container: Some(&run.container),
            attempt: run.attempt,
        };
        let from = first.unwrap_or_else(|| run.started.instant(skew));
        let ended = run.ended.as_ref().map(|(at, exit)| (at.instant(skew).not_before(&from), exit));
        // What ends after its deletion was asked for was ended by that.
        let asked = pod.end().map(|end| end.requested.order());
        let was_asked =
            run.ended.as_ref().zip(asked).is_some_and(|((at, _), asked)| at.order() >= asked);
        // So does what is removed because another container of its Pod ended (KEP-5532).
        let is_removed = |exit: &Exit| &*exit.reason == "RestartingAllContainers";
        let is_well = |exit: &Exit| {
            exit.code == 0 || run.role == Role::Sidecar || was_asked || is_removed(exit)
        };
        let (end, outcome) = match &ended {
            Some((end, exit)) => {
                let outcome = if is_well(exit) { Outcome::Completed } else { Outcome::Failed };
                (*end, outcome)
            }
            None => {
                let gone = pod.end().and_then(|end| end.gone).map(|gone| gone.instant(Nanos(0)));
                // What ran again had ended before that; how was not seen.
                let next = next.map(|next| next.instant(skew));
                let end = next.or(gone).unwrap_or_else(|| self.seen_until(uid));
                (end.not_before(&from), Outcome::Unfinished)
            }
        };
        let mut draft = Draft::new(of, "run", "run container", from, end).outcome(outcome);
        draft.push_text("container.image.name", &run.image);
        if run.attempt > 0 {
            draft.push("k8s.container.restart_count", i64::from(run.attempt));
        }
        if let Some((_, exit)) = ended.filter(|_| outcome != Outcome::Unfinished) {
            draft.push("lifespan.exit_code", i64::from(exit.code));
            draft.push_text("lifespan.reason", &exit.reason);
            if let Some(signal) = exit.signal {
                draft.push("lifespan.signal", i64::from(signal));
            }
            if outcome == Outcome::Failed {
                let reason = if exit.reason.is_empty() { "Error" } else { &exit.reason };
                let message = format!("container {} exited with {}", run.container, exit.code);
                draft.fail(reason, &message);
            }
        }
        draft
    }
}
