//! How spans lie within each other: the order of leaving, and ends that parents share.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::iter;

use super::draft::Draft;
use super::{Build, MAX_DEPTH};
use crate::facts::hash::Drawn;
use crate::facts::ids::SpanId;
use crate::facts::instant::Instant;
use crate::facts::time::Nanos;

type ById = HashMap<SpanId, usize, BuildHasherDefault<Drawn>>;

/// Where each span stands among the drafts.
pub(super) struct Places {
    of: ById,
    /// Of each draft, in their order, where the span above it stands.
    above: Vec<Option<usize>>,
}

impl Places {
    fn of(drafts: &[Draft]) -> Self {
        // Of two of one id the first one counts.
        let of = drafts.iter().enumerate().rev().map(|(at, draft)| (draft.id, at));
        let of: ById = of.collect();
        let above = drafts.iter().map(|draft| of.get(&draft.parent?).copied()).collect();
        Self { of, above }
    }

    /// Where a span stands.
    pub(super) fn at(&self, id: SpanId) -> Option<usize> {
        self.of.get(&id).copied()
    }

    /// Where the span above the one stands that stands here.
    fn above(&self, at: usize) -> Option<usize> {
        self.above.get(at).copied().flatten()
    }

    /// How many spans stand above one another over the one that stands here.
    fn depth(&self, at: usize) -> usize {
        iter::successors(self.above(at), |at| self.above(*at)).take(MAX_DEPTH).count()
    }
}

impl Build<'_> {
    /// Orders the spans by their depth, the deepest first, then by their start.
    pub(super) fn children_first(&mut self) -> Places {
        let places = Places::of(&self.drafts);
        self.drafts.sort_by_cached_key(|draft| {
            let depth = places.at(draft.id).map_or(0, |at| places.depth(at));
            (Reverse(depth), draft.start.best, draft.id)
        });
        Places::of(&self.drafts)
    }

    /// Children lie within their parents: a parent reaches from the first of them to the last;
    /// `terminate Pod` may outlive it. Where the transition was cut off it reaches at most to that, and
    /// what its parts waited for ends with it.
    pub(super) fn nest(&mut self, places: &Places) {
        let is_cut = !self.closing.is_settled;
        self.begin_with_left(places);
        for at in 0..self.drafts.len() {
            let Some(child) = self.drafts.get(at) else { return };
            let start = child.start;
            let is_beyond = is_cut && child.end.best > self.end.best;
            let end = if is_beyond { self.end } else { child.end };
            let outlives = child.may_outlive || (is_cut && child.is_phase);
            let above = places.above(at).and_then(|at| self.drafts.get_mut(at));
            let Some(above) = above else { continue };
            above.begin_with(start);
            if !outlives && end.best > above.end.best {
                above.end = end;
            }
        }
        if is_cut {
            self.raise_end();
            self.cut_to_parents(places);
        }
    }

    /// What outlives the transition leaves later, and has begun within the span above it all the same.
    fn begin_with_left(&mut self, places: &Places) {
        for ((uid, container), parent) in &self.left {
            let pod = self.closed.pods.get(uid).filter(|_| container.is_none());
            let end = pod.and_then(|pod| pod.end());
            let end = end.filter(|end| !self.is_before(end.requested.order()));
            let above = places.at(*parent).and_then(|at| self.drafts.get_mut(at));
            if let Some((end, above)) = end.zip(above) {
                above.begin_with(end.requested.instant(Nanos(0)));
            }
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
    fn cut_to_parents(&mut self, places: &Places) {
        for at in (0..self.drafts.len()).rev() {
            let above = places.above(at).and_then(|at| self.drafts.get(at));
            let Some(bound) = above.map(|above| above.end) else { continue };
            if let Some(child) = self.drafts.get_mut(at)
                && !child.may_outlive
                && child.end.best > bound.best
            {
                // It may have ended before that, as far as is known.
                child.end = Instant { lo: child.end.lo.min(bound.lo), ..bound };
                child.start.best = child.start.best.min(bound.best);
                child.start.lo = child.start.lo.min(child.start.best);
            }
        }
    }
}
