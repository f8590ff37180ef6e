//! To which transition belongs what happened to a Pod, and for how long it is kept.

use std::sync::Arc;

use super::{End, Facts, Pod, PodRun, Restart, Seq, Start};
use crate::facts::instant::Evidence;
use crate::facts::span::Outcome;

impl Pod {
    /// The transition `seq` has closed, and ended at `end`: what is open of it here stays
    /// unfinished, as it was then. Of one that has not settled that is all that was open then.
    pub fn cut(&mut self, seq: Seq, end: Evidence, is_settled: bool) {
        let order = end.order();
        let Some(facts) = self.facts.as_deref_mut().filter(|_| !self.is_going) else { return };
        if !is_settled {
            facts.reopen(seq, order);
        }
        let is_open = |start: &&mut Arc<Start>| start.seq == Some(seq) && start.is_open();
        if let Some(start) = facts.start.as_mut().filter(is_open) {
            Arc::make_mut(start).cut(order);
        }
        let is_open = |run: &&mut Arc<PodRun>| run.seq == Some(seq) && run.finished.is_none();
        if let Some(run) = facts.run.as_mut().filter(is_open) {
            Arc::make_mut(run).cut(order);
        }
        for restart in &mut facts.restarts {
            restart.is_cut |= restart.seq == seq && restart.is_open();
        }
        for resize in facts.resizes.iter_mut().filter(|resize| resize.seq == seq) {
            resize.done.get_or_insert((end, Outcome::Unfinished));
        }
    }

    /// What of it began later in the order is no part of the transition `seq`, which had settled by
    /// then, but of the transition `to`.
    pub fn move_later(&mut self, seq: Seq, order: u64, to: Option<Seq>) {
        let Some(facts) = self.facts.as_deref_mut() else { return };
        let is_later = |of: Option<Seq>, since: &Evidence| of == Some(seq) && since.order() > order;
        if let Some(start) = facts.start.as_mut().filter(|it| is_later(it.seq, &it.created)) {
            Arc::make_mut(start).seq = to;
        }
        if let Some(run) = facts.run.as_mut().filter(|it| is_later(it.seq, &it.created)) {
            Arc::make_mut(run).seq = to;
        }
        facts.restarts.retain_mut(|restart| {
            let is_later = is_later(Some(restart.seq), &restart.finished);
            restart.seq = to.filter(|_| is_later).unwrap_or(restart.seq);
            !is_later || to.is_some()
        });
        if let Some(end) = facts.end.as_mut().filter(|it| is_later(it.seq, &it.requested)) {
            Arc::make_mut(end).seq = to;
        }
        facts.start.take_if(|start| to.is_none() && start.seq.is_none());
        facts.run.take_if(|run| to.is_none() && run.seq.is_none());
    }

    /// What of it is still open in the transition `seq` goes on in the transition `to`; in one that is
    /// an end, only its own end does.
    pub fn pass_on(&mut self, seq: Seq, to: Seq, is_end: bool) {
        let goes_on = !self.is_going && !is_end;
        let Some(facts) = self.facts.as_deref_mut() else { return };
        let is_open = |start: &&mut Arc<Start>| start.seq == Some(seq) && start.is_open();
        if let Some(start) = facts.start.as_mut().filter(|it| goes_on && is_open(it)) {
            Arc::make_mut(start).seq = Some(to);
        }
        let is_open = |run: &&mut Arc<PodRun>| run.seq == Some(seq) && run.finished.is_none();
        if let Some(run) = facts.run.as_mut().filter(|it| goes_on && is_open(it)) {
            Arc::make_mut(run).seq = Some(to);
        }
        let is_open = |restart: &&mut Restart| restart.seq == seq && restart.is_open();
        for restart in facts.restarts.iter_mut().filter(|it| goes_on && is_open(it)) {
            restart.seq = to;
        }
        let is_open = |end: &&mut Arc<End>| end.seq == Some(seq) && end.gone.is_none();
        if let Some(end) = facts.end.as_mut().filter(is_open) {
            Arc::make_mut(end).seq = Some(to);
        }
    }

    /// The transition `seq` will not be told.
    pub fn forget_all_of(&mut self, seq: Seq) {
        if let Some(end) = self.end_mut() {
            end.seq = end.seq.filter(|of| *of != seq);
        }
        self.forget(|of| of == Some(seq));
    }

    /// Whether something of it is told by the transition `seq`.
    #[must_use]
    pub fn has_part_in(&self, seq: Seq) -> bool {
        let Some(facts) = self.facts.as_deref() else { return false };
        let is_it = |of: Option<Seq>| of == Some(seq);
        is_it(facts.start.as_ref().and_then(|start| start.seq))
            || is_it(facts.run.as_ref().and_then(|run| run.seq))
            || is_it(facts.end.as_ref().and_then(|end| end.seq))
            || facts.restarts.iter().any(|restart| restart.seq == seq)
            || facts.resizes.iter().any(|resize| resize.seq == seq)
            || facts.debuggers.iter().any(|debugger| debugger.seq == seq && !debugger.has_left)
            || facts.imaged.is_some_and(|imaged| imaged.seq == seq)
    }

    /// Whether its start is told by the transition `seq`.
    #[must_use]
    pub fn is_started_in(&self, seq: Seq) -> bool {
        self.start().is_some_and(|start| start.seq == Some(seq))
    }

    /// It leaves the tree of the transition `seq`, which tells of it what is known `at` that moment.
    #[must_use]
    pub fn as_known_at(&self, seq: Seq, at: Evidence) -> Self {
        let mut known = self.clone();
        known.cut(seq, at, true);
        if let Some(end) = known.end_mut().filter(|end| end.gone.is_none()) {
            end.seq = None;
        }
        known
    }

    /// It becomes part of another tree: no transition of that has had a part in it.
    pub fn detach(&mut self) {
        if let Some(end) = self.end_mut() {
            end.seq = None;
        }
        self.forget(|_| true);
    }

    /// The transition `seq` has left, and all before it.
    pub fn leave(&mut self, seq: Seq) {
        if self.end().is_some_and(|end| end.seq == Some(seq))
            && let Some(end) = self.end_mut()
        {
            end.has_left = true;
        }
        for debugger in self.facts.as_deref_mut().into_iter().flat_map(|it| &mut it.debuggers) {
            let is_running = debugger.started.is_some() && debugger.ended.is_none();
            debugger.has_left |= debugger.seq == seq && is_running;
        }
        self.forget(|of| of.is_none_or(|of| of <= seq));
    }

    /// What a list showed of it is part of no transition.
    pub fn forget_listed(&mut self) {
        self.forget(|of| of.is_none());
    }

    /// Forgets what belongs to a transition that `is_over`: its spans have left, or never will.
    fn forget(&mut self, is_over: impl Fn(Option<Seq>) -> bool) {
        let Some(facts) = self.facts.as_deref_mut() else { return };
        facts.start.take_if(|start| is_over(start.seq));
        facts.run.take_if(|run| is_over(run.seq));
        facts.restarts.retain(|restart| !is_over(Some(restart.seq)));
        facts.resizes.retain(|resize| !is_over(Some(resize.seq)));
        facts.debuggers.retain(|debugger| debugger.has_left || !is_over(Some(debugger.seq)));
        facts.imaged.take_if(|imaged| is_over(Some(imaged.seq)));
        if !facts.has_spans() {
            facts.notes.clear();
        }
        if facts.is_empty() {
            self.facts = None;
        }
    }
}

impl Facts {
    /// What ended later than `order` was open then.
    fn reopen(&mut self, seq: Seq, order: u64) {
        let is_later = |at: &mut Evidence| at.order() > order;
        if let Some(start) = self.start.as_mut().filter(|start| start.seq == Some(seq)) {
            let start = Arc::make_mut(start);
            start.ready.take_if(is_later);
            start.failed.take_if(|at| is_later(at));
        }
        if let Some(run) = self.run.as_mut().filter(|run| run.seq == Some(seq)) {
            Arc::make_mut(run).finished.take_if(is_later);
        }
        for restart in self.restarts.iter_mut().filter(|restart| restart.seq == seq) {
            restart.done.take_if(is_later);
            restart.failed.take_if(is_later);
        }
        for resize in self.resizes.iter_mut().filter(|resize| resize.seq == seq) {
            resize.done.take_if(|(at, _)| at.order() > order);
        }
    }
}
