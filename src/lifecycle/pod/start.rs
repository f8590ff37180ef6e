//! The facts of a Pod's start: what its versions and Events told until it was Ready.

use serde::{Deserialize, Serialize};

use super::{Seq, Waits, finish, lower_bound};
use crate::facts::instant::{Evidence, Heard};
use crate::facts::meta::Condition;
use crate::facts::note::Note;
use crate::facts::pod::{ContainerSnapshot, ContainerState, PodSnapshot, Role};
use crate::facts::stamp::Stamp;
use crate::facts::time::{Nanos, UnixNanos};

/// The facts of a start.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Start {
    /// The transition it belongs to; `None` if it was seen in a list, and no list has been judged.
    pub seq: Option<Seq>,
    /// Its Pod runs to its end: it has started when all its containers have run.
    pub is_of_run: bool,
    /// The revision that its Pod was made of.
    pub revision: Option<Box<str>>,
    /// It was first seen in a list.
    pub is_listed: bool,
    /// Created.
    pub created: Evidence,
    /// Bound to a node.
    pub scheduled: Option<Evidence>,
    /// The sandbox stands, with its network.
    pub sandbox: Option<Evidence>,
    /// Ready for the first time.
    pub ready: Option<Evidence>,
    /// Failed for good before it was Ready.
    pub failed: Option<Box<Evidence>>,
    /// Trace contexts on the Pod itself.
    pub stamps: Vec<Stamp>,
    /// Its transition closed before it was Ready: what comes later is not part of it.
    pub is_cut: bool,
    /// What else its Pod waited for.
    pub waits: Waits,
    /// Its containers, in the order of the snapshot.
    pub containers: Vec<ContainerStart>,
}

/// The facts of a container's first start.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ContainerStart {
    /// Its name.
    pub name: Box<str>,
    /// Its part.
    pub role: Role,
    /// Its image.
    pub image: Box<str>,
    /// `Pulling`.
    pub pulling: Option<Told>,
    /// `Pulled`.
    pub pulled: Option<Pulled>,
    /// `Started`.
    pub started_event: Option<Told>,
    /// Runs.
    pub run: Option<Evidence>,
    /// `started` is true: of a sidecar, the next container may start.
    pub started: Option<Evidence>,
    /// Of an init container: it ended with exit code 0.
    pub done: Option<Evidence>,
}

/// What an Event says, whose place in the order no change tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Told {
    /// When it was, by the Event.
    pub at: UnixNanos,
    /// The place of the Event in the order.
    pub order: u64,
}

/// What a `Pulled` Event says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pulled {
    /// When the image was there.
    pub told: Told,
    /// How long it took, waiting for other pulls included; `None` if it was there already.
    pub took: Option<Nanos>,
}

impl Pulled {
    /// When the pull began; where the image was there already, when that was found.
    #[must_use]
    pub fn began(self) -> UnixNanos {
        self.told.at.minus(self.took.unwrap_or_default())
    }
}

impl Start {
    /// A start that begins with a first version.
    #[must_use]
    pub fn new(seq: Option<Seq>, seen: &PodSnapshot, heard: Heard) -> Self {
        Self {
            seq,
            is_of_run: !seen.restarts_always,
            revision: seen.template_hash.clone(),
            is_listed: heard.arrival.is_none(),
            created: Evidence::object(seen.meta.created, heard),
            scheduled: None,
            sandbox: None,
            ready: None,
            failed: None,
            stamps: Vec::new(),
            is_cut: false,
            waits: Waits::default(),
            containers: Vec::new(),
        }
    }

    /// Neither Ready nor failed, nor cut off.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.ready.is_none() && self.failed.is_none() && !self.is_cut
    }

    /// Its transition ended at `order`, before it was Ready: what was told later is no part of it,
    /// whatever its time by another clock.
    pub(super) fn cut(&mut self, order: u64) {
        self.is_cut = true;
        self.waits.cut(order);
        let facts = [&mut self.scheduled, &mut self.sandbox];
        let of_containers =
            self.containers.iter_mut().flat_map(|it| [&mut it.run, &mut it.started, &mut it.done]);
        for fact in facts.into_iter().chain(of_containers) {
            fact.take_if(|at| at.order() > order);
        }
        for container in &mut self.containers {
            container.pulling.take_if(|told| told.order > order);
            container.started_event.take_if(|told| told.order > order);
            container.pulled.take_if(|pulled| pulled.told.order > order);
        }
    }

    /// Takes over a new version.
    pub(super) fn apply(&mut self, new: &PodSnapshot, heard: Heard) {
        let fact = |condition: &Option<Condition>| {
            let condition = condition.as_ref().filter(|condition| condition.is_true)?;
            Some(Evidence::object_or(condition.changed, new.meta.created, heard))
        };
        let scheduled = fact(&new.scheduled);
        match (&mut self.scheduled, scheduled) {
            // An Event told it first: the object's time and the arrival bound it as well.
            (Some(known), Some(told)) if known.heard.arrival.is_none() => {
                let heard = Heard { order: known.order(), ..told.heard };
                *known = Evidence { event: known.event, heard, ..told };
            }
            (None, told) => self.scheduled = told,
            (Some(_), _) => {}
        }
        if new.meta.deletion.is_some() {
            return;
        }
        self.waits.apply(new, lower_bound(new), heard);
        self.sandbox = self.sandbox.or_else(|| fact(&new.sandbox));
        if !self.is_of_run {
            self.ready = fact(&new.ready);
        }
        self.containers.reserve_exact(new.containers.len().saturating_sub(self.containers.len()));
        for (at, container) in new.containers.iter().enumerate() {
            if let Some(known) = self.container(at, container) {
                known.apply(container, new, heard);
            }
        }
        if self.is_of_run {
            self.ready = self.all_run(new);
        }
        if self.ready.is_none() && super::is_finished(new) {
            self.failed.get_or_insert_with(|| Box::new(finish(new, heard)));
        }
    }

    /// When the last of its containers began to run, if all have.
    fn all_run(&self, new: &PodSnapshot) -> Option<Evidence> {
        let n_main = new.containers.iter().filter(|it| it.role == Role::Main).count();
        let main = self.containers.iter().filter(|it| it.role == Role::Main);
        let runs: Vec<Evidence> = main.filter_map(|it| it.run).collect();
        let last = runs.iter().max_by_key(|run| (run.lo, run.order())).copied();
        last.filter(|_| n_main > 0 && runs.len() >= n_main)
    }

    /// Nothing tells yet that its sandbox stands.
    pub(super) fn waits_for_sandbox(&self) -> bool {
        self.is_open() && self.sandbox.is_none()
    }

    fn container(&mut self, at: usize, seen: &ContainerSnapshot) -> Option<&mut ContainerStart> {
        let found = self.containers.iter().position(|known| known.name == seen.name);
        let index = found.unwrap_or_else(|| {
            let index = at.min(self.containers.len());
            self.containers.insert(index, ContainerStart::new(&seen.name));
            index
        });
        let container = self.containers.get_mut(index)?;
        container.role = seen.role;
        container.image = seen.image.clone();
        Some(container)
    }

    /// Takes over an exact Event about one of its containers.
    pub(super) fn note(&mut self, note: &Note, told: Told) {
        let Some(name) = &note.container else { return };
        let found = self.containers.iter().position(|known| known.name == *name);
        // When it is over all its containers are known.
        if found.is_none() && !self.is_open() {
            return;
        }
        let index = found.unwrap_or_else(|| {
            self.containers.push(ContainerStart::new(name));
            self.containers.len() - 1
        });
        let Some(container) = self.containers.get_mut(index) else { return };
        match &*note.reason {
            "Pulling" => container.pulling = container.pulling.or(Some(told)),
            "Pulled" => {
                let pulled = Pulled { told, took: pull_duration(&note.message) };
                container.pulled = container.pulled.or(Some(pulled));
            }
            _ => container.started_event = container.started_event.or(Some(told)),
        }
    }
}

impl ContainerStart {
    fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            role: Role::Main,
            image: Box::default(),
            pulling: None,
            pulled: None,
            started_event: None,
            run: None,
            started: None,
            done: None,
        }
    }

    fn apply(&mut self, new: &ContainerSnapshot, pod: &PodSnapshot, heard: Heard) {
        // The first run: later ones are restarts.
        let run = match (&new.state, &new.last) {
            (_, Some(last)) => last.started.filter(|_| new.restarts <= 1),
            (ContainerState::Running(since), None) => *since,
            (ContainerState::Terminated(exit), None) => exit.started,
            (ContainerState::Waiting { .. }, None) => None,
        };
        if self.run.is_none()
            && let Some(since) = run
        {
            self.run = Some(Evidence::object(since, heard));
        }
        if self.started.is_none() && new.started && self.role != Role::Init {
            let lo = self.run.map_or(pod.meta.created, |run| run.lo);
            self.started = Some(match self.run.filter(|_| !new.has_startup_probe) {
                Some(run) => run,
                None => Evidence::arrival(lo, heard),
            });
        }
        if let (Role::Init, None, ContainerState::Terminated(exit)) =
            (self.role, &self.done, &new.state)
            && exit.code == 0
        {
            self.done = Some(Evidence::object_or(exit.finished, lower_bound(pod), heard));
        }
    }
}

/// `in 234ms (1.2s including waiting)`: how long the pull took, waiting included; `None` where the
/// image was there already (kubelet `image_manager.go`).
fn pull_duration(message: &str) -> Option<Nanos> {
    let rest = message.strip_prefix("Successfully pulled image ")?;
    let (_, rest) = rest.split_once("\" in ")?;
    let waited = rest.split_once('(').and_then(|(_, waited)| waited.split_once(" including"));
    let alone = || rest.split(' ').next().unwrap_or("").trim_end_matches('.');
    let text = waited.map_or_else(alone, |(text, _)| text);
    go_duration(text)
}

/// A Go duration such as `1m2.345s`, as `time.Duration.String` writes it.
fn go_duration(text: &str) -> Option<Nanos> {
    let mut total = 0_i64;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at_checked(digits)?;
        let unit = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(unit)?;
        let scale = match unit {
            "h" => 3_600_000_000_000,
            "m" => 60_000_000_000,
            "s" => 1_000_000_000,
            "ms" => 1_000_000,
            "us" | "µs" => 1_000,
            "ns" => 1,
            _ => return None,
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        total = total.checked_add(whole.parse::<i64>().ok()?.checked_mul(scale)?)?;
        let mut share = scale;
        for digit in fraction.bytes() {
            share /= 10;
            total = total.checked_add(share.checked_mul(i64::from(digit.checked_sub(b'0')?))?)?;
        }
        rest = tail;
    }
    Some(Nanos(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pulled_message_tells_how_long_it_took_with_waiting() {
        let ms = |ms: i64| Some(Nanos(ms * 1_000_000));
        let pulled = "Successfully pulled image \"a:1\" in 32ms (54ms including waiting). Image size: 21 bytes.";
        assert_eq!(pull_duration(pulled), ms(54));
        assert_eq!(
            pull_duration(
                "Successfully pulled image \"a:1\" in 1.234s (1m2.5s including waiting)."
            ),
            ms(62_500)
        );
        assert_eq!(pull_duration("Successfully pulled image \"a:1\" in 2s"), ms(2_000));
        for none in [
            "Container image \"a:1\" already present on machine",
            "Successfully pulled image \"a:1\" in soon (later including waiting)",
            "Successfully pulled image \"a:1\" in 99999999999999999999h (9h including",
            "",
        ] {
            assert!(pull_duration(none).is_none_or(|it| it.0 >= 0), "{none}");
        }
        assert_eq!(pull_duration("Container image \"a:1\" already present on machine"), None);
    }
}
