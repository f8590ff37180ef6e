//! The steps inside the start of a Pod, fused along the causal chain (DESIGN §7):
//! created ≤ scheduled ≤ sandbox ≤ pull ≤ run ≤ started ≤ ready, per container.

use crate::facts::instant::{Evidence, Instant};
use crate::facts::pod::Role;
use crate::facts::span::Outcome;
use crate::facts::time::Nanos;
use crate::lifecycle::pod::{ContainerStart, Start};
use crate::spans::draft::{Draft, Identity};

/// The instants of a start, tightened.
#[derive(Clone, Debug)]
pub struct Chain {
    /// Created.
    pub created: Instant,
    /// The last scheduling gate was taken away.
    pub ungated: Option<Instant>,
    /// Bound.
    pub scheduled: Option<Instant>,
    /// The sandbox stands.
    pub sandbox: Option<Instant>,
    /// All containers are ready, though others still have to say so of the Pod.
    pub containers_ready: Option<Instant>,
    /// Ready.
    pub ready: Option<Instant>,
    /// Per container, in their order.
    pub containers: Vec<ContainerChain>,
    /// By how much the node's clock was shifted.
    pub skew: Nanos,
}

/// The instants of a container.
#[derive(Clone, Debug)]
pub struct ContainerChain {
    /// The pull began; `None` where the image was there.
    pub pull: Option<Instant>,
    /// The image was there.
    pub pulled: Option<Instant>,
    /// Runs.
    pub run: Option<Instant>,
    /// Started, of a sidecar.
    pub started: Option<Instant>,
    /// Ended, of an init container.
    pub done: Option<Instant>,
}

impl Chain {
    /// Fuses the facts of a start, on a node whose times must be moved by `skew`.
    #[must_use]
    pub fn of(start: &Start, skew: Nanos) -> Self {
        let here = Nanos(0);
        let created = start.created.instant(here);
        let mut chain = Self {
            created,
            ungated: start.waits.ungated.map(|it| it.instant(here)),
            scheduled: start.scheduled.map(|it| it.instant(here)),
            sandbox: start.sandbox.map(|it| it.instant(skew)),
            containers_ready: start
                .waits
                .containers_ready
                .filter(|_| start.waits.has_readiness_gates)
                .map(|it| it.instant(skew)),
            ready: start.ready.map(|it| it.instant(skew)),
            containers: start.containers.iter().map(|it| ContainerChain::of(it, skew)).collect(),
            skew,
        };
        chain.backwards(start);
        chain.forwards(start);
        chain
    }

    /// What was caused bounds its cause: from the end to the beginning.
    fn backwards(&mut self, start: &Start) {
        let bound = |instant: &mut Option<Instant>, later: &Option<Instant>| {
            if let (Some(instant), Some(later)) = (instant.as_mut(), later) {
                *instant = instant.before(later);
            }
        };
        bound(&mut self.containers_ready, &self.ready);
        let ready = self.containers_ready.or(self.ready);
        // Main containers start beside each other; init containers and sidecars one by one.
        let mut next = None;
        let mut earliest: Option<Instant> = None;
        for (chain, container) in self.containers.iter_mut().zip(&start.containers).rev() {
            let is_main = container.role == Role::Main;
            let after = if is_main { ready } else { next };
            bound(&mut chain.done, &after);
            let up = if container.role == Role::Sidecar { next } else { after };
            bound(&mut chain.started, &up);
            let end = chain.done.or(chain.started).or(after);
            bound(&mut chain.run, &end);
            let end = chain.run.or(end);
            bound(&mut chain.pulled, &end);
            let end = chain.pulled.or(end);
            bound(&mut chain.pull, &end);
            let first = chain.pull.or(chain.pulled).or(chain.run).or(chain.started);
            if let Some(first) = first {
                if !is_main || next.is_none_or(|known| first.hi < known.hi) {
                    next = Some(first);
                }
                if earliest.is_none_or(|known| first.hi < known.hi) {
                    earliest = Some(first);
                }
            }
        }
        // Before 1.36 the kubelet said the sandbox stood only after the pull (kubernetes#134460):
        // then the pull's begin is what is known of it, as where it says nothing of the sandbox.
        if let Some(first) = earliest
            && self.sandbox.is_none_or(|sandbox| sandbox.lo > first.hi)
        {
            self.sandbox = Some(first);
        }
        bound(&mut self.sandbox, &earliest);
        let after = self.sandbox.or(earliest).or(ready);
        bound(&mut self.scheduled, &after);
        let after = self.scheduled.or(after);
        bound(&mut self.ungated, &after);
        let after = self.ungated.or(after);
        if let Some(after) = &after {
            self.created = self.created.before(after);
        }
    }

    /// No step precedes the one before it.
    fn forwards(&mut self, start: &Start) {
        let mut before = self.created;
        let step = |instant: &mut Option<Instant>, before: Instant| -> Instant {
            if let Some(known) = instant.as_mut() {
                *known = known.not_before(&before);
            }
            instant.unwrap_or(before)
        };
        before = step(&mut self.ungated, before);
        before = step(&mut self.scheduled, before);
        before = step(&mut self.sandbox, before);
        let mut last = before;
        for (chain, container) in self.containers.iter_mut().zip(&start.containers) {
            let mut at = before;
            for instant in [
                &mut chain.pull,
                &mut chain.pulled,
                &mut chain.run,
                &mut chain.started,
                &mut chain.done,
            ] {
                at = step(instant, at);
            }
            match container.role {
                Role::Init => before = chain.done.map_or(before, |_| at),
                Role::Sidecar => before = chain.started.map_or(before, |_| at),
                Role::Main | Role::Ephemeral => {}
            }
            if at.best > last.best {
                last = at;
            }
        }
        let last = step(&mut self.containers_ready, last);
        step(&mut self.ready, last);
    }

    /// The phases as spans below `of`'s parent; what has no end by `end`, where the start is closed,
    /// ends there; `is_cut`: unfinished.
    #[must_use]
    pub fn phases(
        &self,
        start: &Start,
        of: Identity<'_>,
        end: Option<Instant>,
        is_cut: bool,
    ) -> Vec<Draft> {
        let mut out = Vec::new();
        let mut add = |step: &'static str,
                       attempt: u32,
                       actor: &'static str,
                       container: Option<&ContainerStart>,
                       from: Instant,
                       to: Option<Instant>| {
            // What came after the end is no part of it: a start that was cut off, or deleted.
            let is_open = to.is_none();
            let to = to.filter(|to| end.is_none_or(|end| to.best <= end.best)).or(end);
            let Some(to) = to.map(|to| to.not_before(&from)) else { return };
            let of = Identity { container: container.map(|it| &*it.name), attempt, ..of };
            let mut draft = Draft::new(of, step, step, from, to);
            draft.is_phase = true;
            draft.outcome = Some(Outcome::Unfinished).filter(|_| is_open && is_cut);
            draft.push("lifespan.actor", actor);
            if let Some(container) = container {
                draft.push_text("container.image.name", &container.image);
            }
            out.push(draft);
        };
        for wait in self.until_bound(start) {
            add(wait.name, wait.attempt, wait.actor, None, wait.from, wait.to);
        }
        let Some(scheduled) = self.scheduled else { return out };
        for wait in self.until_sandbox(start, scheduled) {
            add(wait.name, wait.attempt, wait.actor, None, wait.from, wait.to);
        }
        let Some(sandbox) = self.sandbox else { return out };
        // Without Events a container's own steps begin where those before it ended.
        let mut before = sandbox;
        let mut running: Option<Instant> = None;
        let (mut all_run, mut is_next) = (true, true);
        for (chain, container) in self.containers.iter().zip(&start.containers) {
            if let Some(pull) = chain.pull {
                add("pull image", 0, "kubelet", Some(container), pull, chain.pulled);
            }
            let is_reached = chain.pulled.is_some() || chain.pull.is_none();
            let is_told = chain.run.is_some() || chain.pulled.is_some();
            // Where there are no Events nothing is told of one that waits, after those before it.
            let waits = is_next && self.ready.is_none();
            let (name, to) = match container.role {
                Role::Init => ("run init container", chain.done),
                Role::Sidecar => ("start sidecar", chain.started),
                Role::Main | Role::Ephemeral => ("start container", chain.run),
            };
            if is_reached && (is_told || waits) {
                let begin = chain.pulled.unwrap_or(before);
                add(name, 0, "kubelet", Some(container), begin, to);
            }
            if matches!(container.role, Role::Init | Role::Sidecar) {
                before = to.unwrap_or(before);
                is_next &= to.is_some();
                continue;
            }
            all_run &= chain.run.is_some();
            running = match (running, chain.run) {
                (Some(known), Some(run)) if run.best <= known.best => Some(known),
                (known, run) => run.or(known),
            };
        }
        if let Some(running) = running.filter(|_| all_run && !start.is_of_run) {
            let ready = self.containers_ready.or(self.ready);
            add("await readiness", 0, "kubelet", None, running, ready);
            if let Some(ready) = self.containers_ready {
                add("await readiness gates", 0, "controller", None, ready, self.ready);
            }
        }
        out
    }
}

impl ContainerChain {
    fn of(container: &ContainerStart, skew: Nanos) -> Self {
        let event = |at| Evidence::event(at, 0).instant(skew);
        let pulled = container.pulled.map(|pulled| event(pulled.told.at));
        let was_there = container.pulling.is_none()
            && container.pulled.is_some_and(|pulled| pulled.took.is_none());
        let by_message = container.pulled.filter(|it| it.took.is_some()).map(|it| it.began());
        let pull = [container.pulling.map(|told| told.at), by_message].into_iter().flatten().min();
        let mut run = container.run;
        if let (Some(run), Some(at)) = (&mut run, container.started_event.map(|told| told.at))
            && at >= run.lo
        {
            run.add_event(at);
        }
        Self {
            pull: pull.filter(|_| !was_there).map(event),
            pulled,
            run: run.map(|it| it.instant(skew)),
            started: container.started.map(|it| it.instant(skew)),
            done: container.done.map(|it| it.instant(skew)),
        }
    }
}
