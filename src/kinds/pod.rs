//! Pods: `metadata`, what the spec says of containers, and what the kubelet says of them.

mod resources;

use std::hash::Hasher;

use serde::Deserialize;
use serde::de::IgnoredAny;

use self::resources::Resources;
use super::metadata::Metadata;
use super::protobuf::message;
use super::read::{Count, Few, Message, Text, Time, Word};
use super::refusal::{decode_either, label, refuse};
use super::status::{MAX_CONDITIONS, RawCondition};
use super::{Decoded, SnapshotError, check_kind, stamps};
use crate::context::Rules;
use crate::facts::change::Snapshot;
use crate::facts::hash::stable_hasher;
use crate::facts::meta::Condition;
use crate::facts::pod::{
    ContainerSnapshot, ContainerState, Exit, InPlace, PodPhase, PodSnapshot, ResizeState, Role,
};
use crate::facts::time::UnixNanos;

/// How many containers of a Pod are kept; the kubelet takes a few dozen.
const MAX_CONTAINERS: usize = 1_000;

/// How many volumes of a Pod are looked at.
const MAX_VOLUMES: usize = 1_000;

/// How many env variables of a container are looked at.
const MAX_ENV: usize = 4_096;

#[derive(Default, Deserialize)]
#[serde(default)]
struct Pod<'a> {
    #[serde(borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    metadata: Metadata<'a>,
    #[serde(borrow)]
    spec: Option<Spec<'a>>,
    #[serde(borrow)]
    status: Option<Status<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Spec<'a> {
    #[serde(borrow)]
    node_name: Text<'a>,
    #[serde(borrow)]
    restart_policy: Word<'a>,
    #[serde(borrow)]
    init_containers: Few<Container<'a>, MAX_CONTAINERS>,
    #[serde(borrow)]
    containers: Few<Container<'a>, MAX_CONTAINERS>,
    #[serde(borrow)]
    ephemeral_containers: Few<Ephemeral<'a>, MAX_CONTAINERS>,
    scheduling_gates: Few<IgnoredAny, 1>,
    readiness_gates: Few<IgnoredAny, 1>,
    #[serde(borrow)]
    volumes: Few<Volume<'a>, MAX_VOLUMES>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Volume<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    persistent_volume_claim: Option<Claim<'a>>,
    ephemeral: Option<IgnoredAny>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Claim<'a> {
    #[serde(borrow)]
    claim_name: Text<'a>,
}

/// An ephemeral container, which in protobuf has what it shares with others in a message of its own.
#[derive(Default, Deserialize)]
#[serde(transparent)]
struct Ephemeral<'a>(#[serde(borrow)] Container<'a>);

/// A container of the spec.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Container<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    image: Text<'a>,
    #[serde(borrow)]
    restart_policy: Word<'a>,
    startup_probe: Option<IgnoredAny>,
    #[serde(borrow)]
    resources: Option<Resources<'a>>,
    #[serde(borrow)]
    env: Few<Env<'a>, MAX_ENV>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Env<'a> {
    #[serde(borrow)]
    name: Word<'a>,
    #[serde(borrow)]
    value: Text<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Status<'a> {
    #[serde(borrow)]
    phase: Word<'a>,
    reason: Message,
    message: Message,
    #[serde(borrow)]
    conditions: Few<RawCondition<'a>, MAX_CONDITIONS>,
    #[serde(borrow)]
    init_container_statuses: Few<ContainerStatus<'a>, MAX_CONTAINERS>,
    #[serde(borrow)]
    container_statuses: Few<ContainerStatus<'a>, MAX_CONTAINERS>,
    #[serde(borrow)]
    ephemeral_container_statuses: Few<ContainerStatus<'a>, MAX_CONTAINERS>,
    observed_generation: Count,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ContainerStatus<'a> {
    #[serde(borrow)]
    name: Text<'a>,
    state: Option<State>,
    last_state: Option<State>,
    restart_count: Count,
    ready: Option<bool>,
    started: Option<bool>,
    #[serde(borrow)]
    resources: Option<Resources<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct State {
    waiting: Option<Waiting>,
    running: Option<Running>,
    /// Boxed: as a rule there is none, and states stand in containers, which are moved about.
    terminated: Option<Box<Terminated>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Waiting {
    reason: Message,
    message: Message,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Running {
    started_at: Time,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Terminated {
    exit_code: Count,
    signal: Count,
    reason: Message,
    message: Message,
    started_at: Time,
    finished_at: Time,
}

message!(<'a> Pod<'a> { 1 metadata, 2 spec, 3 status });
message!(<'a> Claim<'a> { 1 claim_name });
message!(<'a> Container<'a> { 1 name, 2 image, 7 env, 8 resources, 22 startup_probe, 24 restart_policy });
message!(<'a> Env<'a> { 1 name, 2 value });
message!(<'a> Status<'a> {
    1 phase, 2 conditions, 3 message, 4 reason, 8 container_statuses, 10 init_container_statuses,
    13 ephemeral_container_statuses, 17 observed_generation,
});
message!(<'a> ContainerStatus<'a> {
    1 name, 2 state, 3 last_state, 4 ready, 5 restart_count, 9 started, 11 resources,
});
message!(<'a> State { 1 waiting, 2 running, 3 terminated });
message!(<'a> Waiting { 1 reason, 2 message });
message!(<'a> Running { 1 started_at });
message!(<'a> Terminated {
    1 exit_code, 2 signal, 3 reason, 4 message, 5 started_at, 6 finished_at,
});
message!(<'a> Spec<'a> {
    1 volumes, 2 containers, 3 restart_policy, 10 node_name, 20 init_containers, 28 readiness_gates,
    34 ephemeral_containers, 38 scheduling_gates,
});
message!(<'a> Volume<'a> { 1 name; 2 { 10 persistent_volume_claim, 29 ephemeral } });
message!(<'a> Ephemeral<'a> { 1 0 });

/// Reads a Pod.
pub(super) fn pod(json: &[u8], rules: &Rules) -> Result<Decoded, SnapshotError> {
    let Pod { kind, mut metadata, spec, status } = decode_either("Pod", json)?;
    check_kind("Pod", &kind.0).map_err(|problem| refuse("Pod", json, problem))?;
    let spec = spec.unwrap_or_default();
    let status = status.unwrap_or_default();
    let mut carrier = metadata.carrier(rules, "Pod", "");
    for container in spec.init_containers.0.iter().chain(&spec.containers.0) {
        carrier.env(|name| {
            // Of two variables of one name the last one counts.
            let variable = container.env.0.iter().rfind(|variable| variable.name.is(name))?;
            // In protobuf what has no value has an empty one.
            Some(variable.value.0.clone()).filter(|value| !value.is_empty())
        });
    }
    let found = carrier.read();
    let is_mirror = metadata.annotations.is_mirror;
    let template_hash = metadata.labels.template_hash().and_then(|it| it.said());
    let meta = metadata.meta().map_err(|problem| refuse("Pod", json, problem))?;
    let n_stamps = found.stamps.len();
    let in_place = in_place(&spec);
    let observed = observed(&spec, &status, meta.generation);
    let claims = claims(&meta.name, spec.volumes.0);
    let refused_stamps =
        stamps::told(found.refused, || label("Pod", meta.namespace.as_deref(), Some(&meta.name)));

    let mut pod = PodSnapshot {
        meta,
        node: spec.node_name.said(),
        restarts_always: matches!(&*spec.restart_policy.0, b"Always" | b""),
        is_mirror,
        template_hash,
        stamps: if found.stamps.is_empty() { Default::default() } else { found.stamps.into() },
        phase: phase(&status.phase.0),
        reason: status.reason.0,
        message: status.message.0,
        is_gated: !spec.scheduling_gates.0.is_empty(),
        has_readiness_gates: !spec.readiness_gates.0.is_empty(),
        claims,
        scheduled: None,
        sandbox: None,
        initialized: None,
        containers_ready: None,
        ready: None,
        disruption: None,
        containers: Box::default(),
        in_place,
        observed,
        resize: None,
        debuggers: Box::default(),
    };
    for condition in status.conditions.0 {
        let is_pending = condition.r#type.is("PodResizePending");
        if is_pending || condition.r#type.is("PodResizeInProgress") {
            pod.resize = resize(is_pending, condition.into()).or(pod.resize);
            continue;
        }
        let slot = match &*condition.r#type.0 {
            b"PodScheduled" => &mut pod.scheduled,
            b"PodReadyToStartContainers" => &mut pod.sandbox,
            b"Initialized" => &mut pod.initialized,
            b"ContainersReady" => &mut pod.containers_ready,
            b"Ready" => &mut pod.ready,
            b"DisruptionTarget" => &mut pod.disruption,
            _ => continue,
        };
        *slot = Some(condition.into());
    }
    pod.containers = containers(
        (spec.init_containers.0, status.init_container_statuses.0),
        (spec.containers.0, status.container_statuses.0),
    );
    pod.debuggers = debuggers(spec.ephemeral_containers.0, status.ephemeral_container_statuses.0);
    Ok(Decoded { snapshot: Snapshot::Pod(Box::new(pod)), n_stamps, refused_stamps })
}

/// The claims that the volumes of the Pod `name` are for: those that it names, and those that are
/// made for it (generic ephemeral volumes).
fn claims(name: &str, volumes: Vec<Volume<'_>>) -> Box<[Box<str>]> {
    let claims = volumes.into_iter().filter_map(|volume| match volume {
        Volume { persistent_volume_claim: Some(claim), .. } => Some(claim.claim_name.boxed()),
        Volume { ephemeral: Some(_), name: volume, .. } => {
            Some(format!("{name}-{}", volume.0).into())
        }
        Volume { .. } => None,
    });
    claims.collect()
}

impl<'a> Spec<'a> {
    /// The containers that run for as long as the Pod does. Init containers have run, and are not run again
    /// for what is written to them.
    fn of_life(&self) -> impl Iterator<Item = &Container<'a>> {
        let sidecars = self.init_containers.0.iter().filter(|it| it.restart_policy.is("Always"));
        sidecars.chain(&self.containers.0)
    }
}

/// Hashes of what may be written in place.
fn in_place(spec: &Spec<'_>) -> InPlace {
    let (mut resources, mut images) = (stable_hasher(), stable_hasher());
    for container in spec.of_life() {
        images.write(container.image.0.as_bytes());
        images.write_u8(0);
        container.resources.iter().for_each(|own| own.write_to(&mut resources));
    }
    let folded = |hash: u64| u32::try_from((hash ^ (hash >> 32)) & 0xffff_ffff).unwrap_or_default();
    InPlace { resources: folded(resources.finish()), images: folded(images.finish()) }
}

/// The generation that the kubelet has seen. One that does not say it (before 1.34) has seen the newest
/// where all containers have the resources that are asked for.
fn observed(spec: &Spec<'_>, status: &Status<'_>, generation: Option<i64>) -> Option<i64> {
    let told = status.observed_generation.0.filter(|observed| *observed > 0);
    told.or_else(|| {
        let statuses =
            || status.init_container_statuses.0.iter().chain(&status.container_statuses.0);
        let has_its = |container: &Container<'_>| {
            let status = statuses().find(|status| status.name.0 == container.name.0);
            status
                .is_some_and(|status| Resources::are_same(&container.resources, &status.resources))
        };
        generation.filter(|_| spec.of_life().all(has_its))
    })
}

/// How a resize stands, by one of its conditions.
fn resize(is_pending: bool, condition: Condition) -> Option<ResizeState> {
    match (is_pending, &*condition.reason) {
        _ if !condition.is_true => None,
        (true, "Infeasible") => Some(ResizeState::Infeasible(condition.message)),
        (true, _) => Some(ResizeState::Deferred),
        (false, _) => Some(ResizeState::InProgress),
    }
}

fn phase(phase: &[u8]) -> PodPhase {
    match phase {
        b"Running" => PodPhase::Running,
        b"Succeeded" => PodPhase::Succeeded,
        b"Failed" => PodPhase::Failed,
        b"Unknown" => PodPhase::Unknown,
        _ => PodPhase::Pending,
    }
}

type Listed<'a> = (Vec<Container<'a>>, Vec<ContainerStatus<'a>>);

/// The containers that have a status, in the order of the spec.
fn containers(init: Listed<'_>, main: Listed<'_>) -> Box<[ContainerSnapshot]> {
    let n_kept = (init.1.len() + main.1.len()).min(MAX_CONTAINERS);
    let mut kept = Vec::with_capacity(n_kept);
    for (is_init, (spec, mut statuses)) in [(true, init), (false, main)] {
        for container in spec {
            let is_its = |status: &ContainerStatus<'_>| status.name.0 == container.name.0;
            let Some(at) = statuses.iter().position(is_its) else { continue };
            if kept.len() == n_kept {
                break;
            }
            let status = statuses.swap_remove(at);
            kept.push(snapshot(container, status, is_init));
        }
    }
    kept.into()
}

/// The ephemeral containers, those too that the kubelet says nothing of yet: they were written.
fn debuggers(
    spec: Vec<Ephemeral<'_>>,
    mut statuses: Vec<ContainerStatus<'_>>,
) -> Box<[ContainerSnapshot]> {
    let told = spec.into_iter().map(|Ephemeral(container)| {
        let at = statuses.iter().position(|status| status.name.0 == container.name.0);
        let status = at.map(|at| statuses.swap_remove(at)).unwrap_or_default();
        ContainerSnapshot { role: Role::Ephemeral, ..snapshot(container, status, false) }
    });
    told.collect()
}

fn snapshot(
    container: Container<'_>,
    status: ContainerStatus<'_>,
    is_init: bool,
) -> ContainerSnapshot {
    let role = match (is_init, &*container.restart_policy.0) {
        (true, b"Always") => Role::Sidecar,
        (true, _) => Role::Init,
        (false, _) => Role::Main,
    };
    let last = status.last_state.and_then(|last| last.terminated).map(|it| exit(*it));
    ContainerSnapshot {
        name: container.name.boxed(),
        role,
        image: container.image.boxed(),
        has_startup_probe: container.startup_probe.is_some(),
        state: status.state.unwrap_or_default().into(),
        last,
        restarts: u32::try_from(status.restart_count.or_zero().max(0)).unwrap_or(u32::MAX),
        ready: status.ready.unwrap_or_default(),
        started: status.started.unwrap_or_default(),
    }
}

impl From<State> for ContainerState {
    fn from(state: State) -> Self {
        match state {
            State { terminated: Some(terminated), .. } => Self::Terminated(exit(*terminated)),
            State { running: Some(running), .. } => Self::Running(running.started_at.0),
            State { waiting, .. } => {
                let waiting = waiting.unwrap_or_default();
                Self::Waiting { reason: waiting.reason.0, message: waiting.message.0 }
            }
        }
    }
}

fn exit(raw: Terminated) -> Box<Exit> {
    Box::new(Exit {
        code: clamped(raw.exit_code),
        signal: Some(clamped(raw.signal)).filter(|signal| *signal != 0),
        reason: raw.reason.0,
        message: raw.message.0,
        started: raw.started_at.0.filter(is_time),
        finished: raw.finished_at.0.filter(is_time),
    })
}

/// What never started has the beginning of Unix time there (containerd, `StartError`).
fn is_time(time: &UnixNanos) -> bool {
    *time > UnixNanos(0)
}

fn clamped(count: Count) -> i32 {
    let end = if count.or_zero() < 0 { i32::MIN } else { i32::MAX };
    i32::try_from(count.or_zero()).unwrap_or(end)
}

#[cfg(test)]
mod tests;
