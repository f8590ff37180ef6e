//! Trace contexts on the topmost object: links of what they led to.

use super::Tree;
use crate::facts::span::Link;
use crate::facts::stamp::Stamp;
use crate::facts::time::{Nanos, UnixNanos};
use crate::lifecycle::transition::{Joined, Transition};
use crate::lifecycle::turn::Turn;

/// A stamp written without a spec change counts for a transition opened within this time.
const STAMP_WAITS: Nanos = Nanos::from_seconds(60);

/// Where a stamp without a transition waits: at most so many.
const MAX_WAITING_STAMPS: usize = 16;

impl Tree {
    /// Fresh stamps, and those that waited for a transition, become its links.
    pub(super) fn link_stamps(&mut self, fresh: Vec<Stamp>, is_uncertain: bool) {
        if !self.is_open() {
            return;
        }
        let waiting = self.waiting.change(|waiting| std::mem::take(&mut waiting.stamps));
        let Some(open) = self.open() else { return };
        let opened = open.start.moment();
        let waited = waiting.into_iter().filter(|(_, at)| opened.since(*at) <= STAMP_WAITS);
        for stamp in waited.map(|(stamp, _)| stamp).chain(fresh) {
            link_stamp(open, stamp, is_uncertain);
        }
    }

    /// Stamps that were written without a spec change: for what is open, or opens soon.
    pub(super) fn stamped(&mut self, fresh: Vec<Stamp>, at: UnixNanos, turn: &mut Turn<'_>) {
        if self.is_open() {
            if !fresh.is_empty() {
                self.link_stamps(fresh, false);
            }
            return;
        }
        let extra = self.waiting.change(|waiting| {
            waiting.stamps.retain(|(_, since)| at.since(*since) <= STAMP_WAITS);
            waiting.stamps.extend(fresh.into_iter().map(|it| (it, at)));
            let extra = waiting.stamps.len().saturating_sub(MAX_WAITING_STAMPS);
            waiting.stamps.drain(..extra);
            extra
        });
        turn.counts.crowded += u64::try_from(extra).unwrap_or(u64::MAX);
    }
}

/// A stamp becomes a link, or the span above.
fn link_stamp(open: &mut Transition, stamp: Stamp, is_uncertain: bool) {
    let context = &stamp.context;
    for entry in &stamp.baggage {
        if !open.baggage.iter().any(|(key, _)| *key == entry.0) {
            open.baggage.push(entry.clone());
        }
    }
    if stamp.is_parent && open.joined.is_none() && !is_uncertain {
        open.joined = Some(Joined {
            parent: context.span_id,
            trace_state: Some(&*context.trace_state).filter(|it| !it.is_empty()).map(Into::into),
            flags: context.flags,
            found: stamp.found,
        });
        open.trace = context.trace_id;
        open.links.retain(|link| link.trace_id != context.trace_id);
        return;
    }
    let is_known = open
        .links
        .iter()
        .any(|link| (link.trace_id, link.span_id) == (context.trace_id, context.span_id));
    if !is_known && context.trace_id != open.trace {
        open.link(Link::to_stamp(stamp, is_uncertain));
    }
}
