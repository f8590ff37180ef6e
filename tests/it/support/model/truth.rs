//! What truly happened, by the rules of what a transition is, and nothing of how it is found out.

#![expect(clippy::indexing_slicing, reason = "a panic is a failed test")]

use super::S;
use super::objects::Meta;

/// How long a recovered state must last.
const STABLE: i64 = 10 * S;

/// What caused a transition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// `spec:<generation>` or `delete`.
    Exact(String),
    /// A Pod was lost: its uid and the second.
    Pod(String, i64),
}

impl Cause {
    /// Whether `told` names this cause; a Pod's second may be told as a neighbouring one.
    pub(crate) fn is(&self, told: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == told,
            Self::Pod(uid, second) => {
                let mut parts = told.split(':');
                parts.next() == Some("pods")
                    && parts.next() == Some(uid)
                    && parts
                        .next()
                        .and_then(|part| part.parse::<i64>().ok())
                        .is_some_and(|told| (told - second).abs() <= 1)
            }
        }
    }
}

/// A transition of a Deployment.
#[derive(Clone, Debug)]
pub(crate) struct Transition {
    /// Which Deployment, by the order of creation.
    pub(crate) deployment: usize,
    /// What it may be called.
    pub(crate) actions: Vec<&'static str>,
    pub(crate) cause: Cause,
    pub(crate) start: i64,
    /// When and how it ended; `None` while it has not.
    pub(crate) end: Option<(i64, &'static str)>,
    /// It is certain that there must be a trace of it, and how it ends.
    pub(crate) is_certain: bool,
    /// Since when a `recover` is healthy again.
    pub(crate) healthy: Option<i64>,
}

/// A Pod's life.
#[derive(Clone, Debug, Default)]
pub(crate) struct PodTruth {
    pub(crate) uid: String,
    pub(crate) name: String,
    pub(crate) created: i64,
    pub(crate) scheduled: Option<i64>,
    pub(crate) sandbox: Option<i64>,
    /// When the pull began, if there was one, and when the image was there.
    pub(crate) pulled: Option<(Option<i64>, i64)>,
    pub(crate) started: Option<i64>,
    pub(crate) ready: Option<i64>,
    pub(crate) requested: Option<i64>,
    pub(crate) gone: Option<i64>,
    pub(crate) is_forced: bool,
    /// The end of a run of the container, and the beginning of the next.
    pub(crate) restarts: Vec<(i64, Option<i64>)>,
    /// The transitions in which it was created and its deletion asked for.
    pub(crate) start_in: Option<usize>,
    pub(crate) end_in: Option<usize>,
}

/// What a write of the spec means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Intent {
    Template,
    Goal,
}

/// Pods of a Deployment.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pods {
    pub(crate) active: i64,
    pub(crate) ready: i64,
    pub(crate) going: i64,
}

/// What of a Deployment decides whether it has settled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub(crate) wanted: i64,
    pub(crate) is_paused: bool,
    pub(crate) is_observed: bool,
    pub(crate) is_complete: bool,
    pub(crate) has_failed: bool,
    pub(crate) is_gone: bool,
    pub(crate) sets: usize,
    pub(crate) pods: Pods,
}

#[derive(Clone, Debug, Default)]
struct Tree {
    uid: String,
    open: Option<usize>,
    facts: Option<Facts>,
    is_broken: bool,
    /// It closed with Pods lost or not ready: what is told of them then is not certain.
    murky_since: Option<i64>,
}

/// All that truly happened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Truth {
    pub(crate) transitions: Vec<Transition>,
    pub(crate) pods: Vec<PodTruth>,
    /// Deployment, from, to: spans of time in which a `recover` may or may not be told.
    pub(crate) murky: Vec<(usize, i64, i64)>,
    pub(crate) end: i64,
    trees: Vec<Tree>,
}

impl Facts {
    const fn is_healthy(&self) -> bool {
        self.pods.active == self.wanted && self.pods.ready == self.wanted && self.pods.going == 0
    }

    const fn has_all(&self) -> bool {
        self.pods.active == self.wanted && self.pods.ready == self.wanted
    }
}

impl Truth {
    /// The uid of a Deployment.
    pub(crate) fn uid(&self, deployment: usize) -> &str {
        &self.trees[deployment].uid
    }

    pub(super) fn open_action(&self, at: usize) -> Option<&'static str> {
        self.trees[at].open.and_then(|open| self.transitions[open].actions.first().copied())
    }

    pub(super) fn is_broken(&self, at: usize) -> bool {
        self.trees[at].is_broken
    }

    fn open(&mut self, at: usize, actions: &[&'static str], cause: Cause, start: i64) -> usize {
        let is_certain = self.trees[at].murky_since.is_none() || actions != ["recover"];
        self.trees[at].open = Some(self.transitions.len());
        self.transitions.push(Transition {
            deployment: at,
            actions: actions.to_vec(),
            cause,
            start,
            end: None,
            is_certain,
            healthy: None,
        });
        self.transitions.len() - 1
    }

    fn close(&mut self, at: usize, now: i64, outcome: &'static str) {
        let tree = &mut self.trees[at];
        let Some(open) = tree.open.take() else { return };
        self.transitions[open].end = Some((now, outcome));
        if tree.facts.is_some_and(|facts| !facts.has_all()) && tree.murky_since.is_none() {
            tree.murky_since = Some(now);
        }
    }

    pub(super) fn created(&mut self, at: usize, meta: &Meta, now: i64) {
        self.trees.push(Tree { uid: meta.uid.clone(), ..Tree::default() });
        self.open(at, &["create"], Cause::Exact("spec:1".to_owned()), now);
    }

    /// Closes what is open because something else begins.
    fn interrupt(&mut self, at: usize, now: i64, outcome: &'static str) {
        let Some(open) = self.trees[at].open else { return };
        match self.transitions[open].healthy {
            Some(since) => self.close(at, since, "completed"),
            None => self.close(at, now, outcome),
        }
    }

    pub(super) fn spec(
        &mut self,
        at: usize,
        now: i64,
        intent: Intent,
        actions: &[&'static str],
        generation: i64,
    ) {
        self.settle_recovery(at, now);
        let is_paused = self.trees[at].facts.is_some_and(|facts| facts.is_paused);
        if intent == Intent::Template && is_paused {
            return;
        }
        if intent == Intent::Template {
            self.interrupt(at, now, "superseded");
        } else if self.trees[at].open.is_some() {
            return;
        }
        self.open(at, actions, Cause::Exact(format!("spec:{generation}")), now);
    }

    pub(super) fn deleted(&mut self, at: usize, now: i64) {
        self.settle_recovery(at, now);
        self.interrupt(at, now, "deleted");
        self.open(at, &["delete"], Cause::Exact("delete".to_owned()), now);
    }

    /// A `recover` that was true for long enough has ended when it became true.
    fn settle_recovery(&mut self, at: usize, now: i64) {
        let Some(open) = self.trees[at].open else { return };
        if let Some(since) = self.transitions[open].healthy
            && now - since >= STABLE
        {
            self.close(at, since, "completed");
        }
    }

    pub(super) fn judge(&mut self, at: usize, now: i64, facts: Facts) {
        self.settle_recovery(at, now);
        let tree = &mut self.trees[at];
        tree.facts = Some(facts);
        if facts.is_healthy() {
            tree.is_broken = false;
            if let Some(since) = tree.murky_since.take() {
                self.murky.push((at, since, now));
            }
        }
        let Some(open) = tree.open else { return };
        let is_recovery = self.transitions[open].actions == ["recover"];
        if facts.is_gone {
            if facts.sets == 0 && facts.pods.active + facts.pods.going == 0 {
                self.close(at, now, "completed");
            }
        } else if is_recovery {
            let transition = &mut self.transitions[open];
            transition.healthy = match transition.healthy {
                _ if !facts.is_healthy() => None,
                None => Some(now),
                since => since,
            };
        } else if facts.has_failed {
            self.close(at, now, "failed");
            self.trees[at].is_broken = true;
        } else if facts.is_paused {
            if facts.is_observed && facts.pods.ready == facts.pods.active {
                self.close(at, now, "paused");
            }
        } else if facts.is_complete {
            self.close(at, now, "completed");
        }
    }

    pub(super) fn pod_created(&mut self, at: usize, meta: &Meta, now: i64) {
        self.settle_recovery(at, now);
        self.pods.push(PodTruth {
            uid: meta.uid.clone(),
            name: meta.name.clone(),
            created: now,
            start_in: self.trees[at].open,
            ..PodTruth::default()
        });
    }

    pub(super) fn pod_runs(&mut self, pod: usize, since: i64, is_ready: bool) {
        let pod = &mut self.pods[pod];
        pod.started.get_or_insert(since);
        if let Some(restart) = pod.restarts.last_mut() {
            restart.1.get_or_insert(since);
        }
        if is_ready {
            pod.ready.get_or_insert(since);
        }
    }

    pub(super) fn pod_ready(&mut self, pod: usize, since: i64) {
        self.pods[pod].ready.get_or_insert(since);
    }

    /// Whether the loss of a Pod that still counts opens a `recover`.
    fn loses(&mut self, at: usize, pod: usize, since: i64, now: i64) {
        // Where a recovered state ends just when it has lasted long enough, either may be told.
        if let Some(open) = self.trees[at].open
            && let Some(healthy) = self.transitions[open].healthy
            && (now - healthy - STABLE).abs() < S / 5
        {
            self.transitions[open].is_certain = false;
            self.trees[at].murky_since.get_or_insert(since);
        }
        self.settle_recovery(at, now);
        let tree = &self.trees[at];
        let Some(facts) = tree.facts else { return };
        if tree.open.is_some() || tree.is_broken || facts.is_gone {
            return;
        }
        if facts.pods.active > facts.wanted {
            return;
        }
        let cause = Cause::Pod(self.pods[pod].uid.clone(), since.div_euclid(S));
        self.open(at, &["recover"], cause, since);
    }

    pub(super) fn pod_requested(&mut self, at: usize, pod: usize, now: i64) {
        self.loses(at, pod, now, now);
        self.pods[pod].requested = Some(now);
        self.pods[pod].end_in = self.trees[at].open;
    }

    pub(super) fn pod_exited(&mut self, at: usize, pod: usize, finished: i64, now: i64) {
        if self.pods[pod].ready.is_some() {
            self.loses(at, pod, finished, now);
        }
        self.pods[pod].restarts.push((finished, None));
    }

    pub(super) fn finish(&mut self, now: i64) {
        self.end = now;
        for at in 0..self.trees.len() {
            self.settle_recovery(at, now);
            if let Some(since) = self.trees[at].murky_since.take() {
                self.murky.push((at, since, now));
            }
        }
    }
}
