//! How spans lie within each other: the order of leaving, and ends that parents share.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::draft::Draft;
use super::{Build, MAX_DEPTH};
use crate::facts::ids::SpanId;
use crate::facts::instant::Instant;

/// Where each span stands among the drafts.
pub(super) type Places = BTreeMap<SpanId, usize>;

impl Build<'_> {
    /// Orders the spans by their depth, the deepest first, then by their start.
    pub(super) fn children_first(&mut self) {
        let parents: BTreeMap<SpanId, Option<SpanId>> =
            self.drafts.iter().map(|draft| (draft.id, draft.parent)).collect();
        let depth = |draft: &Draft| {
            let above = |id: &SpanId| parents.get(id).copied().flatten();
            std::iter::successors(draft.parent, above).take(MAX_DEPTH).count()
        };
        self.drafts.sort_by_cached_key(|draft| (Reverse(depth(draft)), draft.start.best, draft.id));
    }

    /// Where each span stands, once they are in order.
    pub(super) fn places(&self) -> Places {
        // Of two of one id the first one counts.
        self.drafts.iter().enumerate().rev().map(|(at, draft)| (draft.id, at)).collect()
    }

    /// Children lie within their parents: a parent reaches from the first of them to the last;
    /// `terminate Pod` may outlive it. Where the transition was cut off it reaches at most to that, and
    /// what its parts waited for ends with it.
    pub(super) fn nest(&mut self, places: &Places) {
        let is_cut = !self.closing.is_settled;
        for at in 0..self.drafts.len() {
            let Some(child) = self.drafts.get(at) else { return };
            let (parent, start) = (child.parent, child.start);
            let is_beyond = is_cut && child.end.best > self.end.best;
            let end = if is_beyond { self.end } else { child.end };
            let outlives = child.may_outlive || (is_cut && child.is_phase);
            let place = parent.and_then(|parent| places.get(&parent));
            let Some(above) = place.and_then(|at| self.drafts.get_mut(*at)) else { continue };
            if start.best < above.start.best {
                above.start.lo = above.start.lo.min(start.best);
                above.start.best = start.best;
                above.start.hi = above.start.hi.max(start.best);
                above.start.source = start.source;
            }
            if !outlives && end.best > above.end.best {
                above.end = end;
            }
        }
        if is_cut {
            self.raise_end();
            self.cut_to_parents(places);
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
            let Some(child) = self.drafts.get(at) else { return };
            let above = child.parent.and_then(|id| self.drafts.get(*places.get(&id)?));
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
