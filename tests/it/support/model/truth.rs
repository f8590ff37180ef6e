//! What truly happened, by the rules of what a transition is, and nothing of how it is found out.

#![expect(clippy::indexing_slicing, reason = "a panic is a failed test")]

mod below;
mod runs;

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
    /// What had failed came right by itself.
    Heal,
}

impl Cause {
    /// A Pod caused it, or it came right by itself.
    pub(crate) const fn is_by_pods(&self) -> bool {
        matches!(self, Self::Pod(..) | Self::Heal)
    }

    /// Whether `told` names this cause; a Pod's second may be told as a neighbouring one.
    pub(crate) fn is(&self, told: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == told,
            Self::Heal => told.starts_with("heal:"),
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

/// By what a transition has settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// What the status says.
    Status,
    /// The same, once the number of wanted Pods is another than this.
    Moved(i64),
    /// As many Pods as wanted and all of them well, for some time.
    Health,
    /// The same, and what was written below has settled by its own kind's rule.
    Below,
    /// A custom resource says so, and what is below has settled, for some time.
    Verdict,
}

/// A transition of a tree.
#[derive(Clone, Debug)]
pub(crate) struct Transition {
    /// Which tree, by the order of creation.
    pub(crate) tree: usize,
    /// What it may be called.
    pub(crate) actions: Vec<&'static str>,
    pub(crate) cause: Cause,
    pub(crate) start: i64,
    /// When and how it ended; `None` while it has not.
    pub(crate) end: Option<(i64, &'static str)>,
    /// It is certain that there must be a trace of it, and how it ends.
    pub(crate) is_certain: bool,
    /// `error.type` of what has failed.
    pub(crate) error: Option<&'static str>,
    /// How long it waited to be resumed.
    pub(crate) queued: Option<i64>,
    /// It was created suspended, and waits.
    waits: bool,
    rule: Rule,
    /// Something was written below while it was open.
    has_below: bool,
    /// Since when what must last some time is so.
    healthy: Option<i64>,
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
    /// It runs to its end: when it came to that, and with which exit code.
    pub(crate) is_run: bool,
    pub(crate) finished: Option<(i64, i64)>,
    /// What was written to it in place.
    pub(crate) resizes: Vec<Resized>,
    /// Its deletion was asked for when it had come to its end: that is not told.
    pub(crate) was_over: bool,
    /// The transitions in which it was created and its deletion asked for.
    pub(crate) start_in: Option<usize>,
    pub(crate) end_in: Option<usize>,
}

/// A Pod was resized in place.
#[derive(Clone, Debug)]
pub(crate) struct Resized {
    pub(crate) written: i64,
    /// When and how it ended.
    pub(crate) done: Option<(i64, &'static str)>,
    /// The transition that it is a part of.
    pub(crate) within: Option<usize>,
}

/// What a write of the spec means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Intent {
    Template,
    Goal,
    /// A run is suspended.
    Suspend,
}

/// Why a Pod comes or goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// It is one of as many as are wanted.
    Wanted,
    /// A node came or went.
    Node,
    /// It is of an older revision, and goes by hand.
    Outdated,
    /// The same, but that revision came back, which only a ControllerRevision tells.
    Returned,
}

/// Pods of a tree.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pods {
    pub(crate) active: i64,
    pub(crate) ready: i64,
    pub(crate) going: i64,
    /// What was written to them in place is not there yet.
    pub(crate) resizing: i64,
}

/// What of a tree decides whether it has settled.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Facts {
    pub(crate) wanted: i64,
    pub(crate) is_paused: bool,
    pub(crate) is_observed: bool,
    pub(crate) is_complete: bool,
    /// When what was deleted below and is not gone was deleted.
    pub(crate) going_since: Option<i64>,
    /// What a custom resource says of itself.
    pub(crate) is_good: Option<bool>,
    pub(crate) failed: Option<&'static str>,
    pub(crate) is_gone: bool,
    pub(crate) sets: usize,
    pub(crate) pods: Pods,
}

#[derive(Clone, Debug, Default)]
struct Tree {
    uid: String,
    kind: &'static str,
    is_run: bool,
    /// It goes with what is above it, and is told there.
    with: Option<usize>,
    open: Option<usize>,
    /// The transition that ended last.
    last: Option<usize>,
    facts: Option<Facts>,
    is_broken: bool,
    /// It closed with Pods lost or not ready: what is told of them then is not certain.
    murky_since: Option<i64>,
    /// Since when a Stack is as it should be.
    well_since: Option<i64>,
}

/// All that truly happened.
#[derive(Clone, Debug, Default)]
pub(crate) struct Truth {
    pub(crate) transitions: Vec<Transition>,
    pub(crate) pods: Vec<PodTruth>,
    /// Tree, from, to: spans of time in which a `recover` may or may not be told.
    pub(crate) murky: Vec<(usize, i64, i64)>,
    pub(crate) end: i64,
    trees: Vec<Tree>,
}

impl Facts {
    const fn is_healthy(&self) -> bool {
        self.pods.active == self.wanted && self.pods.ready == self.wanted
    }

    const fn has_all(&self) -> bool {
        self.pods.active == self.wanted && self.pods.ready == self.wanted
    }
}

impl Truth {
    /// The uid of the topmost object of a tree.
    pub(crate) fn uid(&self, tree: usize) -> &str {
        &self.trees[tree].uid
    }

    /// The kind of the topmost object of a tree.
    pub(crate) fn kind(&self, tree: usize) -> &'static str {
        self.trees[tree].kind
    }

    pub(super) fn open_action(&self, at: usize) -> Option<&'static str> {
        self.trees[at].open.and_then(|open| self.transitions[open].actions.first().copied())
    }

    /// Nothing is open.
    pub(super) fn is_quiet(&self) -> bool {
        self.trees.iter().all(|tree| tree.open.is_none())
    }

    /// What is open was caused by Pods.
    pub(super) fn is_by_pods(&self, at: usize) -> bool {
        self.trees[at].open.is_some_and(|open| self.transitions[open].rule != Rule::Status)
    }

    pub(super) fn is_broken(&self, at: usize) -> bool {
        self.trees[at].is_broken
    }

    fn open(&mut self, at: usize, actions: &[&'static str], cause: Cause, rule: Rule, start: i64) {
        let is_by_below = matches!(rule, Rule::Health | Rule::Below);
        let is_certain = self.trees[at].murky_since.is_none() || !is_by_below;
        self.trees[at].open = Some(self.transitions.len());
        self.transitions.push(Transition {
            tree: at,
            actions: actions.to_vec(),
            cause,
            start,
            end: None,
            is_certain,
            error: None,
            queued: None,
            waits: false,
            rule,
            has_below: rule == Rule::Below,
            healthy: None,
        });
    }

    fn close(&mut self, at: usize, now: i64, outcome: &'static str) {
        let tree = &mut self.trees[at];
        let Some(open) = tree.open.take() else { return };
        self.transitions[open].end = Some((now, outcome));
        tree.last = Some(open);
        if !tree.is_run
            && tree.facts.is_some_and(|facts| !facts.has_all())
            && tree.murky_since.is_none()
        {
            tree.murky_since = Some(now);
        }
    }

    /// A new tree.
    pub(super) fn created(&mut self, kind: &'static str, meta: &Meta, now: i64) -> usize {
        let at = self.trees.len();
        let is_run = kind == "Job";
        self.trees.push(Tree { uid: meta.uid.clone(), kind, is_run, ..Tree::default() });
        let action = if is_run { "run" } else { "create" };
        let rule = self.rule_of_writes(at);
        self.open(at, &[action], Cause::Exact("spec:1".to_owned()), rule, now);
        at
    }

    /// Closes what is open because something else begins.
    fn interrupt(&mut self, at: usize, now: i64, outcome: &'static str) {
        let Some(open) = self.trees[at].open else { return };
        // Whether it was over but for what still went is its operator's word against its parts.
        let going = self.trees[at].facts.and_then(|facts| facts.going_since);
        if going.is_some_and(|since| since >= self.transitions[open].start) {
            self.transitions[open].is_certain = false;
        }
        match self.transitions[open].healthy {
            Some(since) => self.close_lasted(at, since),
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
        match intent {
            Intent::Suspend => return self.close(at, now, "suspended"),
            Intent::Template if is_paused => return,
            Intent::Template => self.interrupt(at, now, "superseded"),
            // What has become well again, and only has to stay so, is over.
            Intent::Goal if self.is_well_by_pods(at) => self.interrupt(at, now, "superseded"),
            Intent::Goal if self.trees[at].open.is_some() => return,
            Intent::Goal => {}
        }
        let rule = self.rule_of_writes(at);
        self.open(at, actions, Cause::Exact(format!("spec:{generation}")), rule, now);
    }

    pub(super) fn deleted(&mut self, at: usize, now: i64) {
        self.settle_recovery(at, now);
        let tree = &self.trees[at];
        let is_over = tree.facts.is_some_and(|facts| facts.is_complete || facts.failed.is_some());
        if tree.is_run && is_over {
            return;
        }
        let cause = Cause::Exact("delete".to_owned());
        if let Some(open) = self.trees[at].open.filter(|open| self.recovers_no_more(at, *open)) {
            let open = &mut self.transitions[open];
            (open.actions, open.cause, open.rule) = (vec!["delete"], cause, Rule::Status);
            return;
        }
        self.interrupt(at, now, "deleted");
        self.open(at, &["delete"], cause, Rule::Status, now);
    }

    /// All that is wanted was asked to go, and nothing came since: that is how a deletion begins
    /// (DESIGN §3.12).
    fn recovers_no_more(&self, at: usize, open: usize) -> bool {
        let one = &self.transitions[open];
        let has_exited = |pod: &PodTruth| pod.restarts.iter().any(|(end, _)| *end >= one.start);
        one.rule == Rule::Health
            && self.trees[at].facts.is_some_and(|facts| facts.pods.active == 0)
            && self.pods.iter().all(|pod| {
                pod.start_in != Some(open) && (pod.end_in != Some(open) || !has_exited(pod))
            })
    }

    /// A `recover` that was true for long enough has ended when it became true.
    fn settle_recovery(&mut self, at: usize, now: i64) {
        self.clears(at, now);
        let Some(open) = self.trees[at].open else { return };
        if let Some(since) = self.transitions[open].healthy
            && now - since >= STABLE
        {
            self.close_lasted(at, since);
        }
    }

    pub(super) fn judge(&mut self, at: usize, now: i64, facts: Facts) {
        self.settle_recovery(at, now);
        let tree = &mut self.trees[at];
        tree.facts = Some(facts);
        let is_well = facts.is_healthy() && facts.is_good != Some(false);
        let heals = is_well && tree.is_broken && tree.open.is_none();
        if heals && let Some(failed) = tree.last.and_then(|last| self.transitions[last].end) {
            // That it stays so is not certain.
            self.open(at, &["recover"], Cause::Heal, Rule::Health, failed.0);
            self.close(at, now, "completed");
            if let Some(healed) = self.transitions.last_mut() {
                healed.is_certain = false;
            }
        }
        let tree = &mut self.trees[at];
        let is_stack = facts.is_good.is_some();
        tree.well_since = tree.well_since.or(Some(now)).filter(|_| is_well && is_stack);
        if is_well {
            tree.is_broken = false;
            if let Some(since) = tree.murky_since.take_if(|_| !is_stack) {
                self.murky.push((at, since, now));
            }
        }
        let Some(open) = tree.open else { return };
        let rule = self.transitions[open].rule;
        if facts.is_gone {
            if facts.sets == 0 && facts.pods.active + facts.pods.going == 0 {
                self.close(at, now, "completed");
            }
        } else if rule == Rule::Below && facts.failed.is_some() {
            self.fail(at, facts.failed, now);
        } else if let Some(holds) = self.transitions[open].lasts(&facts) {
            let transition = &mut self.transitions[open];
            transition.healthy = match transition.healthy {
                _ if !holds => None,
                None => Some(now),
                since => since,
            };
        } else if facts.failed.is_some() {
            self.fail(at, facts.failed, now);
        } else if facts.is_paused {
            if facts.is_observed && facts.pods.ready == facts.pods.active {
                self.close(at, now, "paused");
            }
        } else if facts.is_complete && rule != Rule::Moved(facts.wanted) {
            self.close(at, now, "completed");
        }
    }

    pub(super) fn pod_created(&mut self, at: usize, meta: &Meta, why: Why, now: i64) {
        self.settle_recovery(at, now);
        if why == Why::Node {
            self.moves(at, &meta.uid, now);
        }
        self.pods.push(PodTruth {
            uid: meta.uid.clone(),
            name: meta.name.clone(),
            created: now,
            start_in: self.trees[at].open.filter(|open| !self.transitions[*open].is_end()),
            is_run: self.trees[at].is_run,
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

    /// Whether the loss of a Pod that still counts opens a transition.
    fn loses(&mut self, at: usize, pod: usize, why: Why, since: i64, now: i64) {
        // Where a recovered state ends just when it has lasted long enough, by times of whole
        // seconds, either may be told.
        if let Some(open) = self.trees[at].open
            && let Some(healthy) = self.transitions[open].healthy
            && (-S - S / 5..S / 5).contains(&(now - healthy - STABLE))
        {
            self.transitions[open].is_certain = false;
            self.trees[at].murky_since.get_or_insert(since);
        }
        self.settle_recovery(at, now);
        self.loses_on_trial(at, since);
        let tree = &self.trees[at];
        let Some(facts) = tree.facts else { return };
        if tree.open.is_some() || tree.is_broken || tree.is_run || facts.is_gone {
            return;
        }
        if facts.pods.active > facts.wanted {
            return;
        }
        let cause = Cause::Pod(self.pods[pod].uid.clone(), since.div_euclid(S));
        let actions: &[&'static str] = match why {
            // Of what is below a custom resource only that says which of its Pods are outdated.
            Why::Outdated if facts.is_good.is_some() => &["recover"],
            Why::Outdated => &["update"],
            Why::Returned if facts.is_good.is_none() => &["update", "recover"],
            Why::Wanted | Why::Node | Why::Returned => &["recover"],
        };
        self.open(at, actions, cause, Rule::Health, since);
    }

    /// A Pod comes or goes because a node does.
    fn moves(&mut self, at: usize, uid: &str, now: i64) {
        let tree = &self.trees[at];
        let Some(facts) = tree.facts.filter(|facts| tree.open.is_none() && !facts.is_gone) else {
            return;
        };
        let cause = Cause::Pod(uid.to_owned(), now.div_euclid(S));
        let is_below = facts.is_good.is_some();
        let (action, rule) = if is_below {
            ("reconcile", Rule::Below)
        } else {
            ("scale", Rule::Moved(facts.wanted))
        };
        self.open(at, &[action], cause, rule, now);
    }

    /// The deletion of a Pod, which may be over, is asked for.
    pub(super) fn pod_requested(
        &mut self,
        at: usize,
        pod: usize,
        (why, is_over): (Why, bool),
        now: i64,
    ) {
        if why == Why::Node {
            self.settle_recovery(at, now);
            self.moves(at, &self.pods[pod].uid.clone(), now);
        } else {
            self.loses(at, pod, why, now, now);
        }
        let tree = &self.trees[at];
        let pod = &mut self.pods[pod];
        pod.requested = Some(now);
        pod.was_over = is_over;
        // What a suspended run terminates is below it.
        let suspended = tree.last.filter(|_| tree.is_run);
        // Of one that has just come to its end either may be told.
        let above = tree.with.and_then(|with| self.trees[with].open);
        pod.end_in = above.or(tree.open).or(suspended).filter(|_| pod.finished.is_none());
    }

    pub(super) fn pod_exited(&mut self, at: usize, pod: usize, finished: i64, now: i64) {
        self.loses(at, pod, Why::Wanted, finished, now);
        self.pods[pod].restarts.push((finished, None));
    }

    /// The last container of a Pod that runs once has ended.
    pub(super) fn pod_finished(&mut self, pod: usize, at: i64, code: i64) {
        self.pods[pod].finished = Some((at, code));
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
