//! A small Kubernetes cluster: Deployments, StatefulSets, DaemonSets, Jobs, Pods, their controllers
//! and users.
//!
//! It has no clock and no other randomness than its seed. It writes down twice what happens: as
//! the lines that a list and watch would bring, and as the truth, with exact times, which the
//! lines only hint at.

#![expect(clippy::indexing_slicing, reason = "a panic is a failed test")]

mod actions;
mod creation;
mod cron_jobs;
mod daemon_sets;
mod deployments;
mod facts;
mod jobs;
mod kubelet;
mod namespace;
pub(crate) mod objects;
mod operators;
mod pods;
pub(crate) mod random;
mod replica_sets;
pub(crate) mod resizes;
mod runs;
pub(crate) mod stacks;
mod stateful_sets;
pub(crate) mod truth;
mod users;
mod waking;
mod workloads;

use std::collections::BTreeMap;

use lifespan::facts::kind::Lane;
use serde_json::{Value, json};

use super::drive::CATALOG;
use super::lines::{Line, Type};
use cron_jobs::CronJob;
use objects::{Deployment, Maker, Note, Pod, ReplicaSet};
use random::Random;
use stacks::{Below, Stack};
use truth::Truth;
use workloads::{Form, Workload};

/// A millisecond.
pub(crate) const MS: i64 = 1_000_000;
/// A second.
pub(crate) const S: i64 = 1_000 * MS;
/// When every history begins.
pub(crate) const BEGINNING: i64 = 1_790_000_000 * S;
/// A write reaches a watcher at most so much later.
pub(crate) const MAX_DELAY: i64 = 15 * MS;

/// What happened, as it was told and as it was.
#[derive(Clone, Debug)]
pub(crate) struct History {
    /// In order of arrival.
    pub(crate) lines: Vec<Line>,
    pub(crate) truth: Truth,
}

/// What is to happen.
#[derive(Clone, Debug)]
enum Task {
    /// The next thing that users do.
    Act,
    SyncDeployment(usize),
    SyncSet(usize),
    SyncWorkload(usize),
    /// The operator looks at a Stack.
    SyncStack(usize),
    /// The Job controller counts Pods that have ended.
    CountJob(usize),
    SyncPod(usize, kubelet::Step),
    /// The garbage collector reaches what a Deployment or ReplicaSet owned.
    CollectSet(usize),
    CollectPod(usize),
    CollectBelow(Below),
    /// A Pod is resized in place.
    Resize(usize),
    /// The CronJob controller looks at a schedule.
    Tick(usize),
    /// What held a Pod lets go.
    ReleasePod(usize),
    Write(Box<Note>),
    /// The namespace controller goes on with the end of the namespace.
    EndNamespace,
}

/// What users make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Make {
    Deployment,
    StatefulSet,
    DaemonSet,
    Job,
    /// A custom resource, below which an operator has a workload of this kind.
    Stack(Operand),
    /// A Deployment whose Pods are resized in place.
    Resized,
    CronJob,
}

/// What an operator makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operand {
    Deployment,
    StatefulSet,
    DaemonSet,
}

impl Make {
    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::Deployment | Self::Resized => "Deployment",
            Self::CronJob => "CronJob",
            Self::StatefulSet => "StatefulSet",
            Self::DaemonSet => "DaemonSet",
            Self::Job => "Job",
            Self::Stack(_) => "Stack",
        }
    }

    /// How names begin.
    const fn stem(self) -> &'static str {
        match self {
            Self::Deployment | Self::Resized => "web",
            Self::CronJob => "nightly",
            Self::StatefulSet => "db",
            Self::DaemonSet => "agent",
            Self::Job => "work",
            Self::Stack(_) => "stack",
        }
    }
}

/// How a history goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) makes: &'static [Make],
    /// How many things users do.
    pub(crate) actions: u32,
    /// Rollouts of this many Pods and nothing else, instead of random actions.
    pub(crate) steady: Option<i64>,
    /// Steady rollouts go round among so many Deployments.
    pub(crate) deployments: usize,
    /// In the end their namespace is deleted.
    pub(crate) ends_namespace: bool,
}

struct World {
    now: i64,
    resource_version: u64,
    random: Random,
    tasks: BTreeMap<(i64, u64), Task>,
    n_tasks: u64,
    lines: Vec<Line>,
    arrived: BTreeMap<Lane, i64>,
    deployments: Vec<Deployment>,
    sets: Vec<ReplicaSet>,
    workloads: Vec<Workload>,
    stacks: Vec<Stack>,
    cron_jobs: Vec<CronJob>,
    pods: Vec<Pod>,
    /// Which nodes have the label that DaemonSets select.
    nodes: Vec<bool>,
    /// When a node changed last, and when users last lost a Pod of another kind than Deployment.
    node_changed: i64,
    last_loss: i64,
    pulled: Vec<String>,
    images: u32,
    truth: Truth,
    plan: Plan,
    left: u32,
    act_at_last: i64,
    /// The namespace is terminating: controllers make nothing any more.
    is_terminating: bool,
}

/// A history of random actions on Deployments.
pub(crate) fn history(seed: u64, actions: u32) -> History {
    history_of(&[Make::Deployment], seed, actions)
}

/// A history of random actions on these kinds.
pub(crate) fn history_of(makes: &'static [Make], seed: u64, actions: u32) -> History {
    run(Plan { seed, makes, actions, steady: None, deployments: 0, ends_namespace: false })
}

/// Runs a cluster by `plan` from its beginning until some time after the last action.
pub(crate) fn run(plan: Plan) -> History {
    let mut world = World {
        now: BEGINNING,
        resource_version: 1_000,
        random: Random::new(plan.seed),
        tasks: BTreeMap::new(),
        n_tasks: 0,
        lines: Vec::new(),
        arrived: BTreeMap::new(),
        deployments: Vec::new(),
        sets: Vec::new(),
        workloads: Vec::new(),
        stacks: Vec::new(),
        cron_jobs: Vec::new(),
        pods: Vec::new(),
        nodes: vec![true, true, false],
        node_changed: BEGINNING,
        last_loss: BEGINNING,
        pulled: Vec::new(),
        images: 0,
        truth: Truth::default(),
        plan,
        left: plan.actions,
        act_at_last: BEGINNING,
        is_terminating: false,
    };
    let has_stacks = plan.makes.iter().any(|make| matches!(make, Make::Stack(_)));
    for lane in Lane::ALL.into_iter().chain(has_stacks.then(|| stacks::custom().lane())) {
        let at = BEGINNING + world.random.ms(1, 20) / 1_000 * 1_000;
        let object = json!({"metadata": {"resourceVersion": "1000"}}).to_string();
        world.lines.push(Line {
            at,
            resource: CATALOG.resource(lane).into(),
            kind: Type::ListDone,
            object,
        });
        world.arrived.insert(lane, at);
    }
    world.now += 100 * MS;
    world.soon(0, Task::Act);
    // The last action is followed by more than every hold and back-off that must still be seen.
    while let Some(((at, _), task)) = world.tasks.pop_first() {
        if world.left == 0 && at > world.act_at_last + 90 * S {
            break;
        }
        world.now = world.now.max(at);
        world.perform(task);
    }
    let end = world.now.max(world.act_at_last + 90 * S);
    world.truth.finish(end);
    let mut lines = world.lines;
    lines.sort_by_key(|line| line.at);
    History { lines, truth: world.truth }
}

impl World {
    /// Nothing goes on: all has settled, or has failed for good.
    fn is_quiet(&self) -> bool {
        self.plan.steady.is_none() && self.tasks.is_empty() && self.truth.is_quiet()
    }

    /// `task` comes `delay` nanoseconds from now.
    fn soon(&mut self, delay: i64, task: Task) {
        self.n_tasks += 1;
        self.tasks.insert((self.now + delay, self.n_tasks), task);
    }

    /// `task` comes some time between `low` and `high` milliseconds from now.
    fn after(&mut self, low: i64, high: i64, task: Task) {
        let delay = self.random.ms(low, high);
        self.soon(delay, task);
    }

    fn perform(&mut self, task: Task) {
        if self.is_terminating && task.is_of_controller() {
            return;
        }
        match task {
            // Whatever may come to what has stood for hours.
            Task::Act if self.is_quiet() && self.random.chance(30) => {
                self.after(7_000_000, 90_000_000, Task::Act);
            }
            Task::Act => self.act(),
            Task::SyncDeployment(at) => self.sync_deployment(at),
            Task::SyncSet(at) => self.sync_set(at),
            Task::SyncPod(at, step) => self.step_pod(at, step),
            Task::CollectSet(at) => self.collect_set(at),
            Task::SyncWorkload(at) => self.sync_workload(at),
            Task::SyncStack(at) => self.sync_stack(at),
            Task::CountJob(at) => self.count_ended(at),
            Task::CollectPod(at) => self.request_deletion(at),
            Task::CollectBelow(below) => self.collect_below(below),
            Task::Resize(at) => self.resize(at, false),
            Task::Tick(at) => self.tick(at),
            Task::ReleasePod(at) => self.release_pod(at),
            Task::EndNamespace => self.end_namespace(),
            Task::Write(note) => {
                self.resource_version += 1;
                let object = note.json(self.resource_version, self.now);
                let kind = if note.count == 1 { Type::Added } else { Type::Modified };
                self.tell(Lane::Events, kind, &object);
            }
        }
    }

    /// A write, as the watch of `lane` tells it.
    fn tell(&mut self, lane: Lane, kind: Type, object: &Value) {
        let arrival = self.now + self.random.ms(1, MAX_DELAY / MS);
        let before = self.arrived.get(&lane).copied().unwrap_or(0);
        let at = arrival.max(before + 1_000) / 1_000 * 1_000;
        self.arrived.insert(lane, at);
        let resource = CATALOG.resource(lane).into();
        self.lines.push(Line { at, resource, kind, object: object.to_string() });
    }

    fn next_version(&mut self) -> u64 {
        self.resource_version += 1;
        // A write that the next one follows takes some time of its own.
        self.now += 1_000;
        self.resource_version
    }

    fn write_deployment(&mut self, at: usize, kind: Type) {
        let version = self.next_version();
        let deployment = &mut self.deployments[at];
        deployment.meta.resource_version = version;
        let (object, stack) = (deployment.json(), deployment.stack);
        self.tell(Lane::Deployments, kind, &object);
        self.wake_stack(stack);
        if kind != Type::Deleted {
            self.wake_deployment(at);
        }
    }

    fn write_set(&mut self, at: usize, kind: Type) {
        let version = self.next_version();
        let set = &mut self.sets[at];
        set.meta.resource_version = version;
        let (object, deployment) = (set.json(), set.deployment);
        self.tell(Lane::ReplicaSets, kind, &object);
        if kind != Type::Deleted {
            self.wake_set(at);
            self.wake_deployment(deployment);
        }
    }

    fn write_pod(&mut self, at: usize, kind: Type) {
        let version = self.next_version();
        let pod = &mut self.pods[at];
        pod.meta.resource_version = version;
        let (object, maker) = (pod.json(), pod.maker);
        self.tell(Lane::Pods, kind, &object);
        match maker {
            Maker::Set(set) => {
                self.wake_set(set);
                self.judge(self.sets[set].deployment);
            }
            Maker::Workload(of) => {
                // The Job controller gathers what its Pods say for a second.
                let is_job = matches!(self.workloads[of].form, Form::Job(_));
                self.wake_workload(of, if is_job { (1_000, 1_020) } else { (2, 9) });
                self.judge_workload(of);
            }
        }
    }

    fn wake_deployment(&mut self, at: usize) {
        let deployment = &mut self.deployments[at];
        if !deployment.sync_due && !deployment.is_gone {
            deployment.sync_due = true;
            self.after(2, 9, Task::SyncDeployment(at));
        }
    }

    fn wake_set(&mut self, at: usize) {
        let set = &mut self.sets[at];
        if !set.sync_due && !set.is_gone {
            set.sync_due = true;
            self.after(2, 8, Task::SyncSet(at));
        }
    }

    /// An Event that happens now and is written a little later.
    fn note(
        &mut self,
        about: (&'static str, String, String),
        reason: &'static str,
        message: String,
        component: &'static str,
    ) {
        let uid = self.random.uuid();
        let name = format!("{}.{:x}", about.1, self.now);
        let note = Note {
            name,
            uid,
            about,
            is_container: false,
            reason,
            message,
            component,
            first: self.now,
            last: self.now,
            count: 1,
        };
        self.after(3, 11, Task::Write(Box::new(note)));
    }

    /// An Event about the container of a Pod; the same again only counts.
    fn note_container(&mut self, pod: usize, reason: &'static str, message: String) {
        let (now, uid) = (self.now, self.random.uuid());
        let pod = &mut self.pods[pod];
        let about = ("Pod", pod.meta.name.clone(), pod.meta.uid.clone());
        let name = format!("{}.{now:x}", pod.meta.name);
        let known = pod.notes.entry(reason).or_insert((name, uid, now, 0));
        known.3 += 1;
        let (name, uid, first, count) = known.clone();
        let note = Note {
            name,
            uid,
            about,
            is_container: true,
            reason,
            message,
            component: "kubelet",
            first,
            last: now,
            count,
        };
        self.after(2, 6, Task::Write(Box::new(note)));
    }
}
