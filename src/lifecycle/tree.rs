//! A tree: a topmost object and all it owns, with at most one transition that is open or waits
//! for its hold.
//!
//! [`Tree::step`] takes one change, [`Tree::expire`] the passing of time; nothing else changes a
//! tree. The rooms below: `root` reads new versions of the topmost workload, `owned` of those below
//! it, `pods` of its Pods; `open` opens and closes transitions; `list` judges what a list proves in
//! progress; `whole` moves parts from one tree to another.

mod list;
mod open;
mod owned;
mod pods;
mod root;
mod whole;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use owned::Owned;

use super::pod::{Pod, Seq, Tally};
use super::transition::{GoalChange, Transition};
use crate::facts::change::Snapshot;
use crate::facts::ids::{SpanId, TraceId};
use crate::facts::instant::Evidence;
use crate::facts::kind::Kind;
use crate::facts::meta::{Owner, Uid};
use crate::facts::note::Note;
use crate::facts::pod::PodSnapshot;
use crate::facts::span::{FinishedSpan, ObjectRef, Resource};
use crate::facts::stamp::Stamp;
use crate::facts::time::{Nanos, SECOND, UnixNanos};
use crate::facts::workload::Workload;

/// What the core is told from outside.
#[derive(Clone, Debug)]
pub struct Rules {
    /// `k8s.cluster.uid`; part of every trace id.
    pub cluster_uid: String,
    /// `k8s.cluster.name`, empty to leave it out.
    pub cluster_name: String,
    /// One fixed `service.name`, empty for each workload's own.
    pub service_name: String,
    /// How long a change waits in the inlet.
    pub settle_time: Nanos,
    /// How long a settled state must last.
    pub stable_time: Nanos,
    /// After which an open transition has timed out.
    pub max_transition_duration: Nanos,
    /// The same for a run.
    pub max_run_duration: Nanos,
    /// Beyond how many Pods a trace keeps only the telling ones.
    pub max_pods_per_trace: usize,
}

impl Rules {
    /// After how long what is open has timed out.
    #[must_use]
    pub const fn limit(&self, is_run: bool) -> Nanos {
        if is_run { self.max_run_duration } else { self.max_transition_duration }
    }

    /// How long after a moment every change written before it has been released: it may arrive
    /// up to `settle_time` late and then waits as long, and object times are rounded down by up
    /// to a second. Timers wait for that, so that no decision depends on which lane was late.
    #[must_use]
    pub const fn slack(&self) -> Nanos {
        self.settle_time.times(2).plus(SECOND)
    }
}

/// What was decided without a span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Untraced {
    /// Pods lost, restarted, created or deleted where no transition was open.
    pub pods: u64,
    /// Objects that a list showed and that prove nothing in progress.
    pub baseline: u64,
    /// Versions that changed no spec.
    pub churn: u64,
    /// Listed objects whose owner a complete list lacks.
    pub orphans: u64,
    /// Versions whose facts equal those of the one before.
    pub unchanged: u64,
    /// Versions older than the one held.
    pub stale: u64,
}

impl Untraced {
    /// The counts by a word for the reason.
    #[must_use]
    pub fn by_reason(&self) -> [(&'static str, u64); 6] {
        let Self { pods, baseline, churn, orphans, unchanged, stale } = *self;
        [
            ("pods", pods),
            ("baseline", baseline),
            ("churn", churn),
            ("orphans", orphans),
            ("unchanged", unchanged),
            ("stale", stale),
        ]
    }

    /// Adds what another tree counted.
    pub fn add(&mut self, other: Self) {
        self.pods += other.pods;
        self.baseline += other.baseline;
        self.churn += other.churn;
        self.orphans += other.orphans;
        self.unchanged += other.unchanged;
        self.stale += other.stale;
    }
}

/// One change, as it reaches a tree.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// Written no later than this; `None` from a list.
    pub arrival: Option<UnixNanos>,
    /// It comes from a list.
    pub is_listed: bool,
    /// How many nodes the DaemonSet at the top wants, by the newest that has arrived of it.
    pub desired: Option<i64>,
}

/// The state of a tree. Plain data.
#[derive(Clone, Debug)]
pub struct Tree {
    top: ObjectRef,
    /// What the topmost object says its service is.
    service: Option<Box<str>>,
    /// Current version of the topmost workload; `None` for a bare Pod, or when it is gone.
    root: Option<Box<Workload>>,
    owned: BTreeMap<Uid, Box<Owned>>,
    pods: BTreeMap<Uid, Pod>,
    tally: Tally,
    /// Pods that were Ready and are not, by the second that began, while nothing is open.
    unready: BTreeMap<(UnixNanos, Uid), Evidence>,
    pending: Option<Box<Transition>>,
    last: Option<Last>,
    /// Failed or timed out, and not healthy since: the moment, and the number kept for the
    /// `recover` that tells of its healing.
    broken: Option<(Evidence, Seq)>,
    /// Stamps that were written without a spec change, and when.
    waiting_stamps: Vec<(Stamp, UnixNanos)>,
    /// What was written to a paused workload, for the `resume`.
    while_paused: Vec<(GoalChange, Vec<Stamp>)>,
    /// Earlier templates of the topmost workload.
    templates: Vec<u64>,
    /// Of a DaemonSet: how many nodes it wanted before that became another number, while nothing
    /// is open and no Pod has come or gone yet.
    moved: Option<i64>,
    /// How many it wants by what has arrived, while a change is taken in.
    desired: Option<i64>,
    /// Runs that this tree owns and that are trees of their own.
    guests: BTreeSet<Uid>,
    next_seq: Seq,
    /// The highest generation that was a cause.
    generation: i64,
    /// The owner that is not part of it.
    owner: Option<Owner>,
    /// That owner is of a kind that is watched, and yet unknown.
    is_owner_missing: bool,
    /// Nothing of it is traced: its owner was gone before we looked.
    is_muted: bool,
    /// First seen in a list, not judged yet.
    is_unjudged: bool,
    untraced: Untraced,
}

/// The transition before.
#[derive(Clone, Copy, Debug)]
struct Last {
    trace: TraceId,
    span: SpanId,
    /// It failed, timed out or was unstable.
    is_followed: bool,
    /// Its outcome was `paused`.
    is_paused: bool,
}

/// What a change means for the tree it went into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// It lives on.
    Lives,
    /// Nothing is left of it.
    Empty,
}

impl Tree {
    /// A tree whose topmost object is `top`.
    #[must_use]
    pub fn new(top: &Snapshot, owner: Option<Owner>, is_owner_missing: bool) -> Self {
        let meta = top.meta();
        let top = ObjectRef {
            kind: top.kind(),
            namespace: Arc::clone(&meta.namespace),
            name: Arc::from(&*meta.name),
            uid: meta.uid,
        };
        Self {
            top,
            service: meta.service.clone(),
            root: None,
            owned: BTreeMap::new(),
            pods: BTreeMap::new(),
            tally: Tally::default(),
            unready: BTreeMap::new(),
            pending: None,
            last: None,
            broken: None,
            waiting_stamps: Vec::new(),
            while_paused: Vec::new(),
            templates: Vec::new(),
            moved: None,
            desired: None,
            generation: 0,
            guests: BTreeSet::new(),
            next_seq: 1,
            owner,
            is_owner_missing,
            is_muted: false,
            is_unjudged: false,
            untraced: Untraced::default(),
        }
    }

    /// Takes in an object in a version.
    pub fn step(
        &mut self,
        snapshot: &Snapshot,
        seen: Seen,
        rules: &Rules,
        out: &mut Vec<FinishedSpan>,
    ) {
        self.desired = seen.desired;
        match snapshot {
            Snapshot::Workload(new) if new.meta.uid == self.top.uid => {
                self.root_seen(new, seen, rules, out);
            }
            Snapshot::Workload(new) => self.owned_seen(new, seen, rules, out),
            Snapshot::Pod(new) => self.pod_seen(new, seen, rules, out),
        }
    }

    /// Takes in that an object is gone, with its last version.
    pub fn delete(
        &mut self,
        last: &Snapshot,
        seen: Seen,
        rules: &Rules,
        out: &mut Vec<FinishedSpan>,
    ) -> After {
        self.desired = seen.desired;
        let uid = last.meta().uid;
        match last {
            Snapshot::Workload(_) => {
                let lo = last.meta().deletion.as_ref().map(|deletion| deletion.at);
                let written = last.meta().written.unwrap_or(last.meta().created);
                let gone = Evidence::object_or(None, lo.unwrap_or(written), seen.arrival);
                self.workload_gone(uid, gone, false, rules, out);
            }
            Snapshot::Pod(last) => self.pod_deleted(uid, last, seen, rules, out),
        }
        self.after()
    }

    /// Takes in that a complete list, at `at`, no longer contained an object.
    pub fn vanish(
        &mut self,
        uid: Uid,
        at: Option<UnixNanos>,
        rules: &Rules,
        out: &mut Vec<FinishedSpan>,
    ) -> After {
        if self.pods.contains_key(&uid) {
            self.pod_vanished(uid, at, rules, out);
        } else {
            let workload = if uid == self.top.uid {
                self.root.as_deref()
            } else {
                self.owned.get(&uid).map(|owned| &owned.workload)
            };
            if let Some(meta) = workload.map(|workload| &workload.meta) {
                let gone = Evidence::arrival(meta.written.unwrap_or(meta.created), at);
                self.workload_gone(uid, gone, true, rules, out);
            }
        }
        self.after()
    }

    /// The history that resourceVersions count has begun anew: what is told next is the newest,
    /// whatever its number.
    pub fn forget_versions(&mut self) {
        let owned = self.owned.values_mut().map(|owned| &mut owned.workload);
        let workloads = self.root.as_deref_mut().into_iter().chain(owned);
        workloads.for_each(|workload| workload.meta.resource_version = 0);
        self.pods.values_mut().for_each(|pod| pod.version = 0);
    }

    /// Takes in an Event about one of its objects.
    pub fn note(&mut self, note: &Note) {
        if let Some(pod) = self.pods.get_mut(&note.about) {
            return pod.note(note);
        }
        let Some(pending) = self.pending.as_deref_mut() else { return };
        if let Some(pod) = pending.departed.get_mut(&note.about) {
            return pod.note(note);
        }
        let known = |(_, noted): &(Uid, super::pod::Noted)| {
            noted.uid == note.uid && noted.count == note.count
        };
        if pending.notes.len() < 1_000 && !pending.notes.iter().any(known) {
            pending.notes.push((note.about, note.into()));
        }
    }

    /// When [`Tree::expire`] has something to do.
    #[must_use]
    pub fn next_deadline(&self, rules: &Rules) -> Option<UnixNanos> {
        let slack = rules.slack();
        let pending = self.pending.as_deref().map(|pending| match &pending.closed {
            Some(closed) => closed.hold_until.plus(slack),
            None => {
                let limit = pending.start.limited_from().plus(pending.limit(rules));
                let healthy = pending.healthy.map(|since| since.decision().plus(rules.stable_time));
                healthy.map_or(limit, |healthy| healthy.min(limit)).plus(slack)
            }
        });
        let is_quiet = self.pending.as_deref().is_none_or(|pending| pending.closed.is_some());
        let unready = self.unready.first_key_value().filter(|_| is_quiet && self.may_recover());
        let unready = unready.map(|((since, _), _)| since.plus(rules.stable_time).plus(slack));
        [pending, unready].into_iter().flatten().min()
    }

    /// Time has come to `now`.
    pub fn expire(&mut self, now: UnixNanos, rules: &Rules, out: &mut Vec<FinishedSpan>) -> After {
        let now = now.minus(rules.slack());
        if let Some(pending) = self.pending.as_deref() {
            match &pending.closed {
                Some(closed) if closed.hold_until <= now => self.emit(rules, out),
                Some(_) => {}
                None => self.expire_open(now, rules, out),
            }
        }
        self.recover_unready(now, rules, out);
        self.after()
    }

    /// Whether something of it is open or waits.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.pending.is_none()
    }

    /// How many objects it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::from(self.root.is_some()) + self.owned.len() + self.pods.len()
    }

    /// Whether nothing is left of it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What was decided without a span.
    #[must_use]
    pub fn untraced(&self) -> Untraced {
        self.untraced
    }

    /// The topmost object.
    #[must_use]
    pub fn top(&self) -> &ObjectRef {
        &self.top
    }

    /// The transition that waits for its hold ends its waiting: the input is over.
    pub fn release_hold(&mut self, rules: &Rules, out: &mut Vec<FinishedSpan>) {
        match self.pending.as_deref() {
            Some(pending) if pending.closed.is_some() => self.emit(rules, out),
            Some(pending) => {
                if let Some(healthy) = pending.healthy {
                    self.close_healthy(healthy, rules);
                    self.emit(rules, out);
                }
            }
            None => {}
        }
    }

    /// What is open at `now`, for showing.
    #[must_use]
    pub fn in_progress(&self, now: UnixNanos, rules: &Rules) -> Vec<FinishedSpan> {
        crate::spans::in_progress(self, now, rules)
    }

    /// Whether anything is left of it.
    #[must_use]
    pub fn after(&self) -> After {
        let is_over =
            self.pending.is_none() || self.pending.as_deref().is_some_and(|it| it.closed.is_some());
        if self.is_empty() && self.guests.is_empty() && is_over {
            After::Empty
        } else {
            After::Lives
        }
    }

    fn take_seq(&mut self) -> Seq {
        let seq = self.next_seq;
        self.next_seq += 1;
        seq
    }

    /// The transition that is open; none if it waits for its hold.
    fn open(&mut self) -> Option<&mut Transition> {
        self.pending.as_deref_mut().filter(|pending| pending.closed.is_none())
    }

    fn open_ref(&self) -> Option<&Transition> {
        self.pending.as_deref().filter(|pending| pending.closed.is_none())
    }

    fn is_open(&self) -> bool {
        self.open_ref().is_some()
    }

    /// Read access for `spans`.
    pub(crate) fn pending(&self) -> Option<&Transition> {
        self.pending.as_deref()
    }

    pub(crate) fn pods(&self) -> &BTreeMap<Uid, Pod> {
        &self.pods
    }

    /// Made when spans leave: a settled tree does not hold it.
    pub(crate) fn resource(&self, rules: &Rules) -> Arc<Resource> {
        // The runs of a CronJob are one service.
        let cron = self.owner.as_ref().filter(|owner| owner.kind == Kind::CronJob);
        let service = self.service.as_deref().or(cron.map(|owner| &*owner.name));
        Arc::new(crate::spans::attributes::resource(&self.top, service, rules))
    }

    pub(crate) fn root_stamps(&self) -> &[Stamp] {
        self.root.as_deref().map_or(&[], |root| &root.stamps)
    }

    /// Why the topmost workload cannot get its Pods, as its ReplicaFailure condition says.
    pub(crate) fn root_refused(&self) -> Option<(&str, &str)> {
        let failure = self.root.as_deref()?.status.replica_failure.as_ref();
        failure.filter(|it| it.is_true).map(|it| (&*it.reason, &*it.message))
    }

    pub(crate) fn is_owner_missing(&self) -> bool {
        self.is_owner_missing
    }

    pub(crate) fn owner(&self) -> Option<&Owner> {
        self.owner.as_ref()
    }

    /// Kind, name and owner of a workload below the topmost one.
    pub(crate) fn owned_ref(&self, uid: Uid) -> Option<(&Kind, &str, Uid)> {
        let owned = self.owned.get(&uid)?;
        Some((&owned.workload.kind, &owned.workload.meta.name, owned.owner))
    }
}

/// The Pod is Ready.
fn is_ready(pod: &PodSnapshot) -> bool {
    pod.ready.as_ref().is_some_and(|ready| ready.is_true)
}
