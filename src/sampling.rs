//! Which traces are kept; pure.
//!
//! A trace is decided once, as a whole, when it leaves: its spans are made when its transition has
//! closed, so what became of it is known by then and nothing has to be buffered for it. Only
//! traces of which a Pod is still going are remembered until that has gone.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::context::is_decided;
use crate::facts::ids::TraceId;
use crate::facts::span::{FinishedSpan, LinkReason, Outcome};
use crate::facts::time::{Nanos, UnixNanos};

/// How many traces of which something is still to come are remembered.
const MAX_REMEMBERED: usize = 100_000;

/// 2⁵⁶: what the randomness of a trace id is below
/// (OpenTelemetry, "TraceState: Probability Sampling").
const ALL: u64 = 1 << 56;

/// W3C trace flag: sampled.
const SAMPLED: u8 = 1;

/// What the decision goes by, where neither an error nor slowness keeps a trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sampler {
    /// Every trace.
    #[default]
    AlwaysOn,
    /// By the trace id; a part of a sampled trace of others is kept.
    Ratio,
    /// As the traces that are linked were: kept if any of them was sampled, dropped if none was;
    /// by the trace id where nothing is linked.
    Linked,
}

/// How traces are chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// What the decision goes by.
    pub sampler: Sampler,
    /// Of the randomness of a trace id, below which it is dropped: `th` of `tracestate`.
    pub threshold: Threshold,
    /// Traces that failed or ran into their limit are kept.
    pub keeps_failed: bool,
    /// Traces that took longer than this are kept.
    pub keeps_slower_than: Option<Nanos>,
    /// Whole traces are dropped beyond so many spans a second; `None` for no limit.
    pub max_spans_per_second: Option<u64>,
}

/// A rejection threshold: of 2⁵⁶ equally likely trace ids so many are dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Threshold(u64);

impl Threshold {
    /// The threshold that keeps this share of traces, from 0 to 1.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "the share is clamped, so that the product lies within 0 and 2^56"
    )]
    pub fn keeping(share: f64) -> Self {
        let dropped = (1.0 - share.clamp(0.0, 1.0)) * ALL as f64;
        Self(dropped.round() as u64)
    }

    fn keeps(self, trace: TraceId) -> bool {
        let [.., a, b, c, d, e, f, g] = trace.0;
        u64::from_be_bytes([0, a, b, c, d, e, f, g]) >= self.0
    }

    /// `ot=th:c` for a quarter.
    fn trace_state(self) -> String {
        let digits = format!("{:014x}", self.0);
        let digits = digits.trim_end_matches('0');
        format!("ot=th:{}", if digits.is_empty() { "0" } else { digits })
    }
}

/// What became of a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Decision {
    /// It is kept, for a reason that says nothing of how likely that was.
    Kept,
    /// It is kept by its id.
    KeptById,
    /// The sampler dropped it.
    Unsampled,
    /// It came beyond the limit.
    Capped,
}

/// What was dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dropped {
    /// Spans of traces that the sampler dropped.
    pub unsampled: u64,
    /// Spans of traces beyond the limit.
    pub capped: u64,
}

/// Sifts what leaves the core.
#[derive(Debug)]
pub struct Sieve {
    policy: Policy,
    trace_state: Option<Arc<str>>,
    remembered: BTreeMap<TraceId, Decision>,
    /// The remembered ones in order of their leaving.
    order: VecDeque<TraceId>,
    /// Spans that may pass now, in units of 10⁻⁹ spans, and when that was so.
    allowance: i128,
    filled: UnixNanos,
    dropped: Dropped,
    /// What is remembered is other than when it was last taken.
    is_changed: bool,
}

/// What a sieve remembers, to be stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Remembered {
    /// In order of their leaving.
    decisions: Vec<(TraceId, Decision)>,
    allowance: i128,
    filled: UnixNanos,
}

impl Sieve {
    /// A sieve by `policy`.
    #[must_use]
    pub fn new(policy: Policy) -> Self {
        let is_probable = policy.sampler != Sampler::AlwaysOn;
        let trace_state = is_probable.then(|| policy.threshold.trace_state().into());
        let allowance = i128::from(policy.max_spans_per_second.unwrap_or(0)) * 1_000_000_000;
        Self {
            policy,
            trace_state,
            remembered: BTreeMap::new(),
            order: VecDeque::new(),
            allowance,
            filled: UnixNanos::LEAST,
            dropped: Dropped::default(),
            is_changed: false,
        }
    }

    /// What is remembered, if that is other than when this was last asked.
    pub fn changed(&mut self) -> Option<Remembered> {
        let is_changed = std::mem::take(&mut self.is_changed);
        let decision = |trace: &TraceId| Some((*trace, *self.remembered.get(trace)?));
        let decisions = self.order.iter().filter_map(decision);
        let (allowance, filled) = (self.allowance, self.filled);
        is_changed.then(|| Remembered { decisions: decisions.collect(), allowance, filled })
    }

    /// Remembers what another did.
    pub fn resume(&mut self, remembered: Remembered) {
        let Remembered { decisions, allowance, filled } = remembered;
        self.order = decisions.iter().map(|(trace, _)| *trace).collect();
        self.remembered = decisions.into_iter().collect();
        (self.allowance, self.filled) = (allowance, filled);
    }

    /// What was dropped so far.
    #[must_use]
    pub fn dropped(&self) -> Dropped {
        self.dropped
    }

    /// Of spans that leave at `now`, those that are kept. A root leaves together with all below it
    /// but Pods that outlive it.
    pub fn sift(&mut self, mut spans: Vec<FinishedSpan>, now: UnixNanos) -> Vec<FinishedSpan> {
        let is_open =
            self.policy.sampler == Sampler::AlwaysOn && self.policy.max_spans_per_second.is_none();
        if is_open || spans.is_empty() {
            return spans;
        }
        self.is_changed = true;
        let mut sizes: BTreeMap<TraceId, i128> = BTreeMap::new();
        for span in &spans {
            *sizes.entry(span.trace_id).or_default() += 1;
        }
        let mut decided: BTreeMap<TraceId, Decision> = BTreeMap::new();
        for root in spans.iter().filter(|span| span.parent.is_none()) {
            let size = sizes.get(&root.trace_id).copied().unwrap_or(0);
            let decision = match self.sample(root) {
                Decision::Unsampled => Decision::Unsampled,
                kept @ (Decision::Kept | Decision::KeptById) if self.has_room(size, now) => kept,
                Decision::Kept | Decision::KeptById | Decision::Capped => Decision::Capped,
            };
            if root.n_outliving > 0 {
                self.remember(root.trace_id, decision);
            }
            decided.insert(root.trace_id, decision);
        }
        spans.retain_mut(|span| {
            let known = decided.get(&span.trace_id).or(self.remembered.get(&span.trace_id));
            let decision = known.copied().unwrap_or_else(|| self.by_id(span.trace_id));
            match decision {
                Decision::Kept => {}
                Decision::KeptById => span.trace_state.clone_from(&self.trace_state),
                Decision::Unsampled => self.dropped.unsampled += 1,
                Decision::Capped => self.dropped.capped += 1,
            }
            matches!(decision, Decision::Kept | Decision::KeptById)
        });
        spans
    }

    fn sample(&self, root: &FinishedSpan) -> Decision {
        let Policy { sampler, keeps_failed, keeps_slower_than, .. } = &self.policy;
        if *sampler == Sampler::AlwaysOn {
            return Decision::Kept;
        }
        let has_failed = matches!(root.outcome, Some(Outcome::Failed | Outcome::TimedOut));
        let took = root.end.since(root.start);
        if (*keeps_failed && (has_failed || root.error.is_some()))
            || keeps_slower_than.is_some_and(|limit| took > limit)
        {
            return Decision::Kept;
        }
        let by_flag = |is_sampled: bool| {
            if is_sampled { Decision::Kept } else { Decision::Unsampled }
        };
        if let Some(parent) = root.remote_parent.filter(|parent| parent.is_decided) {
            return by_flag(parent.flags & SAMPLED != 0);
        }
        let mut stamps = root
            .links
            .iter()
            .filter(|link| link.reason == LinkReason::Stamp)
            // A trace that merely began with a stamp, and that nobody records, decides nothing.
            .filter(|link| is_decided(link.flags, link.trace_state.as_deref().unwrap_or_default()))
            .map(|link| link.flags & SAMPLED != 0)
            .peekable();
        if *sampler == Sampler::Linked && stamps.peek().is_some() {
            return by_flag(stamps.any(|is_sampled| is_sampled));
        }
        self.by_id(root.trace_id)
    }

    fn by_id(&self, trace: TraceId) -> Decision {
        if self.policy.sampler == Sampler::AlwaysOn {
            Decision::Kept
        } else if self.policy.threshold.keeps(trace) {
            Decision::KeptById
        } else {
            Decision::Unsampled
        }
    }

    /// Whether a trace of `size` spans may pass; one that is larger than the limit itself may if
    /// nothing has passed for a second, and is paid for afterwards.
    fn has_room(&mut self, size: i128, now: UnixNanos) -> bool {
        let Some(limit) = self.policy.max_spans_per_second else { return true };
        let (limit, unit) = (i128::from(limit), 1_000_000_000);
        let passed = i128::from(now.0.saturating_sub(self.filled.0).max(0));
        self.allowance = (self.allowance + passed * limit).min(limit * unit);
        self.filled = self.filled.max(now);
        let has_room = self.allowance >= (size * unit).min(limit * unit);
        if has_room {
            self.allowance -= size * unit;
        }
        has_room
    }

    fn remember(&mut self, trace: TraceId, decision: Decision) {
        if self.remembered.insert(trace, decision).is_none() {
            self.order.push_back(trace);
        }
        if self.order.len() > MAX_REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.remembered.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests;
