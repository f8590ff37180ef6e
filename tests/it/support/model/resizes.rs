//! Pods resized in place: by hand, or a whole fleet by an autoscaler, one after the other.

#![expect(clippy::indexing_slicing, reason = "a panic is a failed test")]

use super::kubelet::Step;
use super::{Task, World};
use crate::support::lines::Type;

/// What the kubelet does with what was written.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Resize {
    See,
    Done,
}

/// How a resize of a Pod stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sizing {
    /// It is as its spec says.
    Done,
    /// Written, and not seen by the kubelet.
    Written,
    InProgress(i64),
    /// The node can never give so much.
    Infeasible(i64),
}

/// More than this no node has.
const TOO_MUCH: i64 = 1_000_000;

impl World {
    pub(super) fn act_on_resized(&mut self) {
        let alive: Vec<usize> =
            (0..self.deployments.len()).filter(|at| !self.deployments[*at].is_gone).collect();
        let wants_more = alive.len() < 2 && self.random.chance(60);
        let Some(at) = self.random.pick(&alive).filter(|_| !wants_more) else {
            let replicas = self.random.between(1, 6);
            return self.create(replicas);
        };
        let tree = self.deployments[at].tree;
        if self.truth.is_near_limit(tree, self.now) {
            return;
        }
        let is_full = self.truth.n_reconciles(tree, self.now) > 10;
        let is_broken = self.truth.is_broken(tree);
        let sets = self.deployments[at].sets.iter();
        let pods: Vec<usize> = sets.flat_map(|set| self.sets[*set].pods.clone()).collect();
        match self.random.between(0, 100) {
            0..10 | 90..100 if is_full || is_broken => self.apply_new(at, true),
            0..30 if !is_full => {
                if let Some(pod) = self.a_pod_of(&pods) {
                    let is_refused = self.random.chance(25);
                    self.resize(pod, is_refused);
                }
            }
            30..50 if !is_full => {
                let mut delay = 0;
                for pod in pods {
                    self.soon(delay, Task::Resize(pod));
                    delay += self.random.ms(200, 2_500);
                }
            }
            50..65 => self.lose_pod(at, true),
            65..75 => self.scale(at),
            75..88 => self.apply_new(at, true),
            88..92 => self.delete(at),
            _ => self.crash_one_of(&pods),
        }
    }

    /// The resources of a Pod are written; one that waits for others already is left alone.
    pub(super) fn resize(&mut self, at: usize, is_refused: bool) {
        let now = self.now;
        let pod = &mut self.pods[at];
        let is_free = matches!(pod.sizing, Sizing::Done | Sizing::Infeasible(_));
        if !pod.is_active() || !pod.ready.0 || !is_free {
            return;
        }
        pod.cpu = pod.cpu % 200 + 10 + if is_refused { TOO_MUCH } else { 0 };
        pod.sizing = Sizing::Written;
        pod.meta.generation += 1;
        pod.meta.wrote("vpa-updater", "resize", now);
        let (tree, generation) = (self.tree_of(self.pods[at].maker), self.pods[at].meta.generation);
        self.truth.written_in_place(tree, at, generation, now + 1_000);
        self.write_pod(at, Type::Modified);
        self.pod_soon(at, 15, 90, Step::Resize(Resize::See));
    }

    pub(super) fn resize_step(&mut self, at: usize, step: Resize) {
        let now = self.now;
        let pod = &mut self.pods[at];
        let is_refused = pod.cpu > TOO_MUCH;
        match step {
            Resize::See if is_refused => {
                pod.sizing = Sizing::Infeasible(now);
                self.truth.resized(at, now, "failed");
            }
            Resize::See => {
                pod.sizing = Sizing::InProgress(now);
                self.pod_soon(at, 40, 2_000, Step::Resize(Resize::Done));
            }
            Resize::Done => {
                pod.sizing = Sizing::Done;
                pod.actual_cpu = pod.cpu;
                self.truth.resized(at, now, "completed");
            }
        }
        self.report(at);
    }
}
