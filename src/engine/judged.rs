//! Trees of which a list told: judged by what it proves in progress.

use super::Engine;
use crate::facts::meta::Uid;
use crate::facts::span::FinishedSpan;
use crate::facts::time::UnixNanos;
use crate::lifecycle::tree::Tree;
use crate::lifecycle::turn::{Seen, Turn};

impl Engine {
    /// Trees of which lists told are judged, or looked at, when all that those tell is in.
    pub(super) fn judge(&mut self, out: &mut Vec<FinishedSpan>) {
        if (self.unjudged.is_empty() && self.relisted.is_empty()) || self.first_lists_enter() {
            return;
        }
        let now = self.now.plus(self.inlet.clock.ahead);
        // What a list tells of one kind, those of the others may be still to tell of.
        let is_listing = self.inlet.has_listed() || self.is_any_waited_for();
        for (top, unwatched_since) in std::mem::take(&mut self.unjudged) {
            let judge =
                |tree: &mut Tree, turn: &mut Turn<'_>| tree.judge(now, unwatched_since, turn);
            self.not_again(out, |engine, out| engine.change(top, Seen::NOTHING, out, judge));
            if unwatched_since.is_some() {
                // What began while nobody watched may have settled by then too.
                self.relisted.insert(top);
            }
        }
        if is_listing {
            return;
        }
        for top in std::mem::take(&mut self.relisted) {
            self.not_again(out, |engine, out| {
                engine.change(top, Seen::NOTHING, out, Tree::evaluate_listed);
            });
        }
    }

    /// A list told of a tree, of what came to be while nobody watched if it says since when: it is
    /// judged, or looked at, when all that it tells is in.
    pub(super) fn is_to_judge(&mut self, top: Uid, unwatched_since: Option<UnixNanos>) {
        if self.store.read(top, Tree::is_unjudged) == Some(true) {
            self.relisted.remove(&top);
            let since = self.unjudged.entry(top).or_default();
            *since = unwatched_since.max(*since);
        } else if !self.unjudged.contains_key(&top) {
            self.relisted.insert(top);
        }
    }
}
