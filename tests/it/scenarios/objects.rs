//! The words of each kind, and what they make of the version before.
//!
//! `deploy`: `replicas=2 image=v1 restarted=x paused resumed history=3`, `annotate` (bumps the
//! generation, no spec), `by=hpa/scale` (an entry without time); of its status `status=2/2/2`
//! (updated/replicas/available), `observed[=n]`, `deadline`, `reason=ReplicaSetUpdated`.
//! `rs`: the same, with `status=2/1` (replicas/ready) and `refused=FailedCreate`.
//! Words of a status bump no generation; without `observed` it is of the newest one.
//! `pod`: `containers=init:setup,sidecar:proxy,app` (default `app`), `scheduled sandbox ready
//! unready node=n going grace=30 unschedulable disrupted=EvictionByEvictionAPI failed=Evicted
//! mirror runs-once`; of a container, the last one or with its name before it (`setup:running`):
//! `running` (the sandbox stands too, but for `old-kubelet`) `started probe waiting=ErrImagePull exit=3 crash`; `exit` ends readiness too, `crash`
//! waits in CrashLoopBackOff, and `running` after either is a restart.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a panic is a failed test")]

use std::sync::Arc;

use lifespan::lifecycle::object::{
    Condition, ContainerSnapshot, ContainerState, Deletion, Exit, Kind, Meta, Owner, PodPhase,
    PodSnapshot, Role, Snapshot, SpanId, SpecHashes, Stamp, TraceContext, TraceId, Workload,
    WorkloadStatus, Writer,
};
use lifespan::lifecycle::time::Nanos;

use super::script::{Line, seconds, uid};

pub(crate) fn write(
    kind: &str,
    name: &str,
    old: Option<&Snapshot>,
    line: &Line<'_>,
    version: u64,
) -> Snapshot {
    let mut new = match (old, kind) {
        (Some(old), _) => old.clone(),
        (None, "pod") => Snapshot::Pod(Box::new(new_pod(meta(kind, name, line)))),
        (None, "deploy") => workload(Kind::Deployment, meta(kind, name, line)),
        (None, "rs") => workload(Kind::ReplicaSet, meta(kind, name, line)),
        (None, other) => panic!("no kind {other}"),
    };
    match &mut new {
        Snapshot::Workload(new) => write_workload(new, line, old.is_none()),
        Snapshot::Pod(new) => write_pod(new, line),
    }
    let meta = match &mut new {
        Snapshot::Workload(new) => &mut new.meta,
        Snapshot::Pod(new) => &mut new.meta,
    };
    meta.resource_version = version;
    meta.written = Some(line.second());
    new
}

fn meta(kind: &str, name: &str, line: &Line<'_>) -> Meta {
    let owner = line.value("of").map(|of| {
        let (owner, name) = of
            .split_once('/')
            .unwrap_or((if kind == "rs" { "Deployment" } else { "ReplicaSet" }, of));
        let prefix = match owner {
            "Deployment" => "deploy",
            "ReplicaSet" => "rs",
            "Pod" => "pod",
            other => other,
        };
        Owner { kind: owner.into(), name: name.into(), uid: uid(&format!("{prefix}/{name}")) }
    });
    Meta {
        uid: uid(&format!("{kind}/{name}")),
        namespace: Arc::from("default"),
        name: name.into(),
        resource_version: 0,
        generation: 1,
        created: line.second(),
        deletion: None,
        owner,
        service: line.value("service").map(Into::into),
        written: None,
    }
}

fn workload(kind: Kind, meta: Meta) -> Snapshot {
    Snapshot::Workload(Box::new(Workload {
        meta,
        kind,
        spec: SpecHashes::default(),
        replicas: 1,
        paused: false,
        images: Arc::from([("app".into(), "v1".into())]),
        template: 0,
        template_without_restart: 0,
        revision: 0,
        stamps: Arc::from([]),
        writers: Arc::from([]),
        status: WorkloadStatus::default(),
    }))
}

fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

fn write_workload(new: &mut Workload, line: &Line<'_>, is_new: bool) {
    let is_status =
        ["status", "observed", "reason", "refused"].iter().any(|word| line.value(word).is_some())
            || line.has("observed")
            || line.has("deadline");
    let old_spec = new.spec.clone();
    let get =
        |path: &str| old_spec.iter().find(|(known, _)| &***known == path).map(|(_, hash)| hash);
    new.replicas = line.number("replicas").unwrap_or(new.replicas);
    new.paused = (new.paused || line.has("paused")) && !line.has("resumed");
    if let Some(image) = line.value("image") {
        new.images = Arc::from([("app".into(), image.into())]);
    }
    let restart = line.value("restarted").map(hash).or(get(RESTARTED));
    let history = line.value("history").map(hash).or(get("revisionHistoryLimit"));
    let image = hash(new.images.first().map_or("", |(_, image)| image));
    new.template_without_restart = image;
    new.template = image ^ restart.unwrap_or(0);
    let mut spec: Vec<(Box<str>, u64)> = vec![
        ("replicas".into(), hash(&new.replicas.to_string())),
        ("template.spec.containers[app].image".into(), image),
    ];
    spec.extend(new.paused.then(|| ("paused".into(), 1)));
    spec.extend(history.map(|history| ("revisionHistoryLimit".into(), history)));
    spec.extend(restart.map(|restart| (RESTARTED.into(), restart)));
    spec.sort();
    new.spec = spec.into();
    new.revision = line.number("revision").unwrap_or(new.revision);
    let old_stamps = Arc::clone(&new.stamps);
    if let Some(text) = line.value("stamp") {
        new.stamps = stamps(text);
    }
    let is_annotated = line.has("annotate") || new.stamps != old_stamps;
    let bumps = new.spec != old_spec
        || (new.kind == Kind::Deployment && is_annotated)
        || line.has("delete");
    if !is_new && bumps {
        new.meta.generation += 1;
    }
    new.meta.generation = line.number("generation").unwrap_or(new.meta.generation);
    if line.has("delete") {
        let finalizers = Box::from(["foregroundDeletion".into()]);
        new.meta.deletion = Some(Deletion { at: line.second(), grace_seconds: 0, finalizers });
    }
    if is_new || line.value("by").is_some() || (bumps && !line.has("delete")) {
        writer(new, line);
    }
    if is_status {
        status(new, line);
    }
}

const RESTARTED: &str = "template.metadata.annotations[kubectl.kubernetes.io/restartedAt]";

/// One entry per manager and subresource; the newest write is the last.
fn writer(new: &mut Workload, line: &Line<'_>) {
    let by = line.value("by").unwrap_or("controller");
    let (manager, subresource) = by.split_once('/').unwrap_or((by, ""));
    let mut writers: Vec<Writer> = new.writers.to_vec();
    writers.retain(|it| (&*it.manager, &*it.subresource) != (manager, subresource));
    let time = (subresource != "scale").then(|| line.second());
    writers.push(Writer { manager: manager.into(), subresource: subresource.into(), time });
    new.writers = Arc::from(writers);
}

fn status(new: &mut Workload, line: &Line<'_>) {
    let status = &mut new.status;
    status.observed = line.number("observed").unwrap_or(new.meta.generation);
    status.written = Some(line.second());
    if let Some(counts) = line.value("status") {
        let counts: Vec<i64> = counts.split('/').map(|count| count.parse().unwrap()).collect();
        match counts.as_slice() {
            [updated, replicas, available] => {
                (status.updated, status.replicas) = (*updated, *replicas);
                (status.available, status.ready) = (*available, *available);
            }
            [replicas, ready] => {
                (status.replicas, status.ready, status.available) = (*replicas, *ready, *ready);
            }
            _ => panic!("what status is that?"),
        }
    }
    let said = |is_true, reason: &str, message: &str| {
        let at = Some(line.second());
        Some(Condition {
            is_true,
            changed: at,
            updated: at,
            reason: reason.into(),
            message: message.into(),
        })
    };
    if line.has("deadline") {
        status.progressing = said(false, "ProgressDeadlineExceeded", "it took too long");
    }
    if let Some(reason) = line.value("reason") {
        status.progressing = said(true, reason, "");
    }
    if let Some(reason) = line.value("refused") {
        status.replica_failure = said(true, reason, "quota exceeded");
    }
}

/// `aa,bb.cc`: trace `aa…`, span `aa…`; trace `bb…`, span `cc…`. `none` takes them away.
fn stamps(text: &str) -> Arc<[Stamp]> {
    let found = ["tracing.k8s.io/traceparent", "opentelemetry.io/traceparent", "traceparent"];
    let parts = text.split(',').filter(|text| *text != "none").zip(found);
    parts
        .map(|(text, found)| {
            let (trace, span) = text.split_once('.').unwrap_or((text, text));
            let byte = |text: &str| u8::from_str_radix(text, 16).unwrap();
            let context = TraceContext {
                trace_id: TraceId([byte(trace); 16]),
                span_id: SpanId([byte(span); 8]),
                flags: 1,
                trace_state: Box::default(),
            };
            Stamp { found: found.into(), context, is_parent: false, baggage: Box::default() }
        })
        .collect()
}

fn new_pod(meta: Meta) -> PodSnapshot {
    PodSnapshot {
        meta,
        node: Arc::from(""),
        restarts_always: true,
        is_mirror: false,
        template_hash: Box::default(),
        stamps: Arc::from([]),
        phase: PodPhase::Pending,
        reason: Box::default(),
        message: Box::default(),
        scheduled: None,
        sandbox: None,
        initialized: None,
        ready: None,
        disruption: None,
        containers: Box::from([container(Role::Main, "app")]),
    }
}

fn container(role: Role, name: &str) -> ContainerSnapshot {
    ContainerSnapshot {
        name: name.into(),
        role,
        image: "app:v1".into(),
        has_startup_probe: false,
        state: ContainerState::Waiting { reason: Box::default(), message: Box::default() },
        last: None,
        restarts: 0,
        ready: false,
        started: false,
    }
}

fn write_pod(new: &mut PodSnapshot, line: &Line<'_>) {
    let second = line.second();
    let said = |is_true, reason: &str| {
        let message = if reason.is_empty() { "" } else { "it is so" };
        Some(Condition {
            is_true,
            changed: Some(second),
            updated: None,
            reason: reason.into(),
            message: message.into(),
        })
    };
    if let Some(containers) = line.value("containers") {
        new.containers = containers
            .split(',')
            .map(|text| match text.split_once(':') {
                Some(("init", name)) => container(Role::Init, name),
                Some(("sidecar", name)) => container(Role::Sidecar, name),
                _ => container(Role::Main, text),
            })
            .collect();
    }
    for word in &line.words {
        let (name, word) = word.split_once(':').unwrap_or(("", word));
        let found = new
            .containers
            .iter_mut()
            .find(|it| name.is_empty() && it.role == Role::Main || *it.name == *name);
        let lost = found.is_some_and(|container| write_container(container, word, line));
        if lost {
            new.phase = PodPhase::Running;
            if word == "running" && new.sandbox.is_none() && !line.has("old-kubelet") {
                new.sandbox = said(true, "");
            }
        }
        match word.split_once('=').unwrap_or((word, "")) {
            ("scheduled", _) => {
                new.scheduled = said(true, "");
                new.node = Arc::from(line.value("node").unwrap_or("node-1"));
            }
            ("unschedulable", _) => new.scheduled = said(false, "Unschedulable"),
            ("sandbox", _) => new.sandbox = said(true, ""),
            ("ready", _) => {
                new.ready = said(true, "");
                new.containers.iter_mut().for_each(|it| it.ready = it.role != Role::Init);
            }
            ("unready", _) => {
                new.ready = said(false, "ContainersNotReady");
                new.containers.iter_mut().for_each(|it| it.ready = false);
            }
            ("exit", _) if name.is_empty() && new.ready.as_ref().is_some_and(|it| it.is_true) => {
                new.ready = said(false, "ContainersNotReady");
            }
            ("mirror", _) => new.is_mirror = true,
            ("runs-once", _) => new.restarts_always = false,
            ("succeeded", _) => new.phase = PodPhase::Succeeded,
            ("failed", reason) => {
                new.phase = PodPhase::Failed;
                new.reason = reason.into();
            }
            ("disrupted", reason) => new.disruption = said(true, reason),
            ("stamp", text) => new.stamps = stamps(text),
            ("going" | "delete", _) => {
                let grace_seconds = line.number("grace").unwrap_or(30);
                new.meta.generation += 1;
                new.meta.deletion = Some(Deletion {
                    at: second.plus(Nanos::from_seconds(grace_seconds)),
                    grace_seconds,
                    finalizers: Box::from([]),
                });
            }
            ("gone", _) => {
                if let Some(deletion) = &mut new.meta.deletion {
                    // The kubelet's last delete.
                    (deletion.at, deletion.grace_seconds) = (second, 0);
                }
            }
            _ => {}
        }
    }
}

/// Whether the word was one of a container's.
fn write_container(container: &mut ContainerSnapshot, word: &str, line: &Line<'_>) -> bool {
    let second = line.second();
    let (word, value) = word.split_once('=').unwrap_or((word, ""));
    match word {
        "probe" => container.has_startup_probe = true,
        "started" => container.started = true,
        "running" => {
            let exit = match &container.state {
                ContainerState::Terminated(exit) => Some(exit.clone()),
                ContainerState::Waiting { .. } => container.last.clone(),
                ContainerState::Running(_) => None,
            };
            if exit.is_some() {
                container.restarts += 1;
                container.last = exit;
            }
            container.state = ContainerState::Running(Some(second));
            container.started = !container.has_startup_probe;
        }
        "exit" => {
            let started = match &container.state {
                ContainerState::Running(since) => *since,
                ContainerState::Terminated(_) | ContainerState::Waiting { .. } => Some(second),
            };
            let code: i32 = value.parse().unwrap();
            if let ContainerState::Waiting { .. } = container.state {
                container.restarts += u32::from(container.last.is_some());
            }
            let reason = if code == 0 { "Completed" } else { "Error" };
            let finished = line.value("finished").map_or(second, seconds);
            container.state = ContainerState::Terminated(Exit {
                code,
                signal: 0,
                reason: reason.into(),
                message: Box::default(),
                started,
                finished: Some(finished),
            });
            (container.ready, container.started) = (false, false);
        }
        "crash" => {
            if let ContainerState::Terminated(exit) = &container.state {
                container.last = Some(exit.clone());
            }
            container.state = ContainerState::Waiting {
                reason: "CrashLoopBackOff".into(),
                message: "back-off".into(),
            };
        }
        "waiting" => {
            container.state =
                ContainerState::Waiting { reason: value.into(), message: "it is so".into() };
        }
        _ => return false,
    }
    true
}
