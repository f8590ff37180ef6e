//! The steps inside the start of a Pod, fused along the causal chain (DESIGN §7):
//! created ≤ scheduled ≤ sandbox ≤ pull ≤ run ≤ started ≤ ready, per container.

use crate::facts::instant::{Evidence, Instant};
use crate::facts::pod::Role;
use crate::facts::span::Outcome;
use crate::facts::time::{Nanos, SECOND};
use crate::lifecycle::pod::{ContainerStart, Start};
use crate::spans::draft::{Draft, Identity};

/// The instants of a start, tightened.
#[derive(Clone, Debug)]
pub struct Chain {
    /// Created.
    pub created: Instant,
    /// Bound.
    pub scheduled: Option<Instant>,
    /// The sandbox stands.
    pub sandbox: Option<Instant>,
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
    /// Fuses the facts of a start.
    #[must_use]
    pub fn of(start: &Start) -> Self {
        let skew = skew(start);
        let here = Nanos(0);
        let created = start.created.instant(here);
        let mut chain = Self {
            created,
            scheduled: start.scheduled.map(|it| it.instant(here)),
            sandbox: start.sandbox.map(|it| it.instant(skew)),
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
        // Main containers start beside each other; init containers and sidecars one by one.
        let mut next = None;
        let mut earliest: Option<Instant> = None;
        for (chain, container) in self.containers.iter_mut().zip(&start.containers).rev() {
            let is_main = container.role == Role::Main;
            let after = if is_main { self.ready } else { next };
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
        let after = self.sandbox.or(earliest).or(self.ready);
        bound(&mut self.scheduled, &after);
        let after = self.scheduled.or(after);
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
                       actor: &'static str,
                       container: Option<&ContainerStart>,
                       from: Instant,
                       to: Option<Instant>| {
            // What came after the end is no part of it: a start that was cut off, or deleted.
            let is_open = to.is_none();
            let to = to.filter(|to| end.is_none_or(|end| to.best <= end.best)).or(end);
            let Some(to) = to.map(|to| to.not_before(&from)) else { return };
            let of = Identity { container: container.map_or("", |it| &it.name), ..of };
            let mut draft = Draft::new(of, step, step, from, to);
            draft.is_phase = true;
            draft.outcome = Some(Outcome::Unfinished).filter(|_| is_open && is_cut);
            draft.push("lifespan.actor", actor);
            if let Some(container) = container {
                draft.push_text("container.image.name", &container.image);
            }
            out.push(draft);
        };
        add("schedule Pod", "scheduler", None, self.created, self.scheduled);
        let Some(scheduled) = self.scheduled else { return out };
        add("prepare Pod sandbox", "kubelet", None, scheduled, self.sandbox);
        let Some(sandbox) = self.sandbox else { return out };
        // Without Events a container's own steps begin where those before it ended.
        let mut before = sandbox;
        let mut running: Option<Instant> = None;
        let mut all_run = true;
        for (chain, container) in self.containers.iter().zip(&start.containers) {
            if let Some(pull) = chain.pull {
                add("pull image", "kubelet", Some(container), pull, chain.pulled);
            }
            let is_reached = chain.pulled.is_some() || chain.pull.is_none();
            let begin = chain.pulled.unwrap_or(before);
            match container.role {
                Role::Init => {
                    if is_reached && (chain.run.is_some() || chain.pulled.is_some()) {
                        add("run init container", "kubelet", Some(container), begin, chain.done);
                    }
                    before = chain.done.unwrap_or(before);
                }
                Role::Sidecar => {
                    if is_reached && (chain.run.is_some() || chain.pulled.is_some()) {
                        add("start sidecar", "kubelet", Some(container), begin, chain.started);
                    }
                    before = chain.started.unwrap_or(before);
                }
                Role::Main | Role::Ephemeral => {
                    if is_reached && (chain.run.is_some() || chain.pulled.is_some()) {
                        add("start container", "kubelet", Some(container), begin, chain.run);
                    }
                    all_run &= chain.run.is_some();
                    running = match (running, chain.run) {
                        (Some(known), Some(run)) if run.best <= known.best => Some(known),
                        (known, run) => run.or(known),
                    };
                }
            }
        }
        if let Some(running) = running.filter(|_| all_run && !start.is_of_run) {
            add("await readiness", "kubelet", None, running, self.ready);
        }
        out
    }
}

impl ContainerChain {
    fn of(container: &ContainerStart, skew: Nanos) -> Self {
        let event = |at| Evidence::event(at).instant(skew);
        let pulled = container.pulled.map(|pulled| event(pulled.at));
        let was_there = container.pulling.is_none()
            && container.pulled.is_some_and(|pulled| pulled.took.is_none());
        let by_message = container.pulled.filter(|it| it.took.is_some()).map(|it| it.began());
        let pull = [container.pulling, by_message].into_iter().flatten().min();
        let mut run = container.run;
        if let (Some(run), Some(at)) = (&mut run, container.started_event)
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

/// By how much the node's times must be moved: only what cannot be true says that its clock is
/// off. A time after the arrival of what tells of it: the node is ahead. A second of the kubelet
/// that was over before the Pod was bound, an Event of it from before that, or a pull that began
/// before that: it is behind.
fn skew(start: &Start) -> Nanos {
    let facts = [start.sandbox, start.ready]
        .into_iter()
        .chain(start.containers.iter().flat_map(|it| [it.run, it.started, it.done]))
        .flatten();
    let ahead = facts.clone().filter_map(|fact| fact.ahead()).max();
    if let Some(ahead) = ahead {
        return Nanos(-ahead.0);
    }
    let bound = start.scheduled.map_or(start.created.lo, |it| it.lo.max(start.created.lo));
    let events = start
        .containers
        .iter()
        .flat_map(|it| [it.pulling, it.pulled.map(|it| it.began()), it.started_event]);
    let seconds = facts.filter(|fact| fact.is_object_time);
    let seconds = seconds.map(|fact| fact.lo.plus(Nanos(SECOND.0 - 1)));
    let behind = events.flatten().chain(seconds).map(|at| bound.since(at)).max();
    behind.filter(|behind| behind.0 > 0).unwrap_or_default()
}
