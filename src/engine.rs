//! The whole way from what lanes say to finished spans: inlet, store and trees behind one door.
//!
//! One task drives it. It reads no clock: time is an argument, so that a recording replayed
//! through it gives the same spans every time.

mod again;
mod arrived;
mod behind;
mod changed;
mod claims;
mod counts;
mod decide;
mod derived;
mod judged;
mod lanes;
mod lists;
mod orphans;
mod owners;
mod past;
pub mod records;
mod rehome;
mod settings;
mod shapes;
pub mod state;
mod step;
mod steps;
mod time;
mod unheard;
mod view;
mod watched;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use arrived::Arrived;
use changed::Changed;
use claims::Claims;
pub use counts::Counts;
use derived::Deadlines;
use orphans::Orphans;
use past::Pasts;
pub use settings::Settings;
use shapes::Unused;
use steps::Touches;
use unheard::Unheard;
pub use view::Trees;
use watched::Excluded;

use crate::facts::kind::{Kind, Lane, Part};
use crate::facts::meta::Uid;
use crate::facts::span::FinishedSpan;
use crate::facts::time::{Nanos, UnixNanos};
use crate::lifecycle::closed::Ended;
use crate::lifecycle::rules::Rules;
use crate::lifecycle::shared::Shared;
use crate::lifecycle::tree::{After, Tree};
use crate::lifecycle::turn::{Seen, Turn};
use crate::order::inlet::{Inlet, Place, Released};
use crate::sampling::Sieve;
use crate::spans;
use crate::store::Store;

/// Chains of owners are followed no further.
const MAX_OWNERS: usize = 16;

/// Inlet, store and trees.
#[derive(Debug)]
pub struct Engine {
    rules: Arc<Rules>,
    owner_wait: Nanos,
    max_waiting: usize,
    waits_for: Vec<(Lane, Part)>,
    targets: BTreeMap<(Lane, Part), u64>,
    excluded: Excluded,
    custom_kinds: Vec<(Lane, Kind)>,
    sieve: Sieve,
    inlet: Inlet,
    arrived: Arrived,
    orphans: Orphans,
    claims: Claims,
    /// Objects whose tree is being looked for, each owned by the one after it.
    entering: Vec<Uid>,
    store: Arc<Store>,
    lanes: BTreeMap<(Lane, Part), lanes::LaneState>,
    /// When the first list of any lane was complete, until all have entered.
    first_list: Option<UnixNanos>,
    have_lists_entered: bool,
    /// resourceVersion of a list of objects, and when it was complete.
    reference: Option<(u64, UnixNanos)>,
    /// Which history resourceVersions count, see [`Engine::history_begins`].
    history: u32,
    /// What waited when a history began anew; it enters before all else.
    before: Vec<Released>,
    /// What left as trees took steps again that others had taken; it leaves before all else.
    left_again: Vec<FinishedSpan>,
    /// A history began anew, and trees still hold versions of the one before.
    is_new_history: bool,
    /// Trees that were first seen in a list, and where that told what came to be while nobody watched, since
    /// when nobody did, by the API server's clock.
    unjudged: BTreeMap<Uid, Option<UnixNanos>>,
    unheard: Unheard,
    /// Trees of which a later list told: looked at when those of all kinds are in.
    relisted: BTreeSet<Uid>,
    deadlines: Deadlines,
    shared: Shared,
    /// Shapes of specs that are stored though nobody has them any more.
    unused_shapes: Unused,
    /// Keys of records that could not be read, until they are taken away.
    damaged: Vec<Vec<u8>>,
    counts: Counts,
    /// How many changes have entered: the order in which everything is decided.
    n_entered: u64,
    /// What trees were, and what they were told since.
    pasts: Pasts,
    /// Workloads that left the selector of their watch, the first to leave first.
    unmatched: VecDeque<Uid>,
    /// The trees that what is decided now has touched.
    touched: Vec<Uid>,
    /// The same, to be stored, while a change is decided that may be one step.
    touches: Option<Touches>,
    /// Those of which a transition left by it.
    has_left: Vec<Uid>,
    /// Up to where all has been decided.
    reached: Option<Place>,
    /// What is decided now can be decided again.
    keeps: bool,
    /// It is decided because time passes, not because something was told.
    is_by_time: bool,
    now: UnixNanos,
    /// So much its own time is later than this machine's clock.
    shift: Nanos,
    /// From then on no lane is behind, as far as is known.
    none_behind_from: UnixNanos,
    /// Trees that are others than when they were last stored.
    changed: Changed<Uid>,
    /// Something was told since state was last stored.
    is_told: bool,
}

impl Engine {
    /// An engine that knows nothing yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let Settings {
            cluster_uid,
            cluster_name,
            service_name,
            settle_time,
            owner_wait,
            stable_time,
            max_transition_duration,
            max_run_duration,
            max_pods_per_trace,
            max_waiting,
            waits_for,
            targets,
            excluded,
            custom_kinds,
            roots,
            sampling,
        } = settings;
        let rules = Rules {
            cluster_uid,
            cluster_name,
            service_name,
            settle_time,
            stable_time,
            max_transition_duration,
            max_run_duration,
            max_pods_per_trace,
            roots,
        };
        let whole = Lane::ALL.into_iter().map(|lane| (lane, Part::default()));
        let parts = whole.chain(waits_for.iter().copied());
        let lanes = parts.map(|part| (part, lanes::LaneState::default())).collect();
        Self {
            owner_wait,
            max_waiting,
            waits_for,
            targets,
            excluded: excluded.into(),
            custom_kinds,
            sieve: Sieve::new(sampling),
            inlet: Inlet::new(rules.settle_time, max_waiting),
            arrived: Arrived::default(),
            orphans: Orphans::default(),
            claims: Claims::default(),
            entering: Vec::new(),
            rules: Arc::new(rules),
            store: Arc::default(),
            lanes,
            first_list: None,
            have_lists_entered: false,
            reference: None,
            history: 0,
            before: Vec::new(),
            left_again: Vec::new(),
            is_new_history: false,
            unjudged: BTreeMap::new(),
            unheard: Unheard::default(),
            relisted: BTreeSet::new(),
            deadlines: Deadlines::default(),
            shared: Shared::default(),
            unused_shapes: Unused::default(),
            damaged: Vec::new(),
            counts: Counts::default(),
            n_entered: 0,
            pasts: Pasts::default(),
            unmatched: VecDeque::new(),
            touched: Vec::new(),
            touches: None,
            has_left: Vec::new(),
            reached: None,
            keeps: true,
            is_by_time: false,
            now: UnixNanos::LEAST,
            shift: Nanos(0),
            none_behind_from: UnixNanos::LEAST,
            changed: Changed::default(),
            is_told: false,
        }
    }

    /// Changes a tree, tells what ended by it, keeps its next deadline, and takes it out when nothing
    /// is left of it: the one door through which a tree changes. Nothing else calls [`Store::change`].
    fn change<A: Into<After>>(
        &mut self,
        top: Uid,
        mut seen: Seen,
        out: &mut Vec<FinishedSpan>,
        change: impl FnOnce(&mut Tree, &mut Turn<'_>) -> A,
    ) {
        self.touch(top);
        // What nothing tells comes after all that has been told.
        seen.heard.order = self.n_entered;
        self.touches.iter_mut().for_each(|touches| touches.tell(seen));
        let ahead = self.inlet.clock.ahead;
        let (rules, counts) = (&self.rules, &mut self.counts.untraced);
        let shared = &mut self.shared;
        let mut ended = Vec::new();
        let Some((after, deadline, joins)) = self.store.change(top, |tree| {
            let mut turn = Turn { rules, seen, ahead, out: &mut ended, counts, shared };
            let after = change(tree, &mut turn);
            (after.into(), tree.next_deadline(rules), tree.joins_adopter())
        }) else {
            return;
        };
        self.tell(top, &mut ended, out);
        self.deadlines.set(top, deadline.filter(|_| after == After::Lives));
        if joins {
            self.join_adopter(top, out);
        }
        if after == After::Empty
            && let Some(mut tree) = self.store.fell(top)
        {
            self.is_other(top);
            let mut ended = Vec::new();
            let (counts, shared) = (&mut self.counts.untraced, &mut self.shared);
            let mut turn =
                Turn { rules: &self.rules, seen, ahead, out: &mut ended, counts, shared };
            tree.release_hold(&mut turn);
            self.tell(top, &mut ended, out);
            self.store.leave(top);
            self.leave_host(top, &tree, seen.heard, out);
        }
    }

    fn tell(&mut self, top: Uid, ended: &mut [Ended], out: &mut Vec<FinishedSpan>) {
        if ended.iter().any(|it| matches!(it, Ended::Transition(_))) {
            self.has_left.push(top);
        }
        if !ended.is_empty() {
            self.is_other(top);
        }
        // What it leaves without may have been told by a lane that is away.
        let has_gap = !ended.is_empty() && self.is_any_waited_for();
        for ended in ended {
            if let Ended::Transition(closed) = ended {
                closed.transition.has_gap |= has_gap || self.may_lack_parts(closed);
                let action = closed.transition.action;
                if !self.rules.roots.are_told(&closed.tree.top.kind, action) {
                    self.counts.untraced.left_out += 1;
                    continue;
                }
            }
            let mut told = spans::tell(ended, |pod| self.store.take_left(pod), &self.rules);
            // There may be many: they are not copied.
            if out.is_empty() {
                std::mem::swap(out, &mut told.spans);
            }
            out.append(&mut told.spans);
            told.left.into_iter().for_each(|(pod, left)| self.store.keep_left(pod, left));
        }
    }
}
