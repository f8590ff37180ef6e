//! The words of Pods.
//!
//! `containers=init:setup,sidecar:proxy,app` (default `app`), `restarts=Never`, `revision=x` (the
//! label that names its revision), `scheduled node=n sandbox initialized ready unready mirror` (`turned=s` is when its
//! readiness did; `unready=PodFailed` says why, `node-lost` is what the controller of nodes writes), and what keeps it
//! from a node: `unschedulable gated` (until `ungated`), `claims=data,logs`; `readiness-gates` and
//! `containers-ready`; `said=text` is the message of a condition or of a waiting
//! container (with `_` for spaces),
//! `going grace=30 disrupted=EvictionByEvictionAPI`, `finalizers=a,b released`, `succeeded`,
//! `failed=Evicted` or only `failed`.
//! Written in place: `resources=x image=v2 debug=shell`; the kubelet has seen it (`observed`, and
//! whatever says how it stands): `resizing deferred infeasible resized`; a kubelet that is `unnumbered`
//! names no generation.
//! Of a container, the last one or with its name before it (`setup:running`): `running` (the
//! sandbox stands too, but for `old-kubelet`), `started probe waiting=ErrImagePull exit=3 crash`.
//! `removed` is removed by the kubelet because another one ended (RestartAllContainers).
//! `exit` ends readiness too (`finished=s` says when it truly was, `why=OOMKilled signal=9` how),
//! `crash` waits in CrashLoopBackOff, and `running` after either is a restart. That all containers have ended is
//! said by `succeeded` or `failed`, as only the restartPolicy tells whether one comes again:
//! `exit=3 failed`.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::sync::Arc;

use lifespan::facts::meta::{Condition, Meta};
use lifespan::facts::pod::{
    ContainerSnapshot, ContainerState, Exit, PodPhase, PodSnapshot, ResizeState, Role,
};

use super::objects;
use super::script::{Line, seconds};

pub(crate) fn new(meta: Meta) -> PodSnapshot {
    PodSnapshot {
        meta,
        node: None,
        restarts_always: true,
        is_mirror: false,
        template_hash: None,
        stamps: Arc::from([]),
        phase: PodPhase::Pending,
        reason: Box::default(),
        message: Box::default(),
        scheduled: None,
        sandbox: None,
        initialized: None,
        ready: None,
        disruption: None,
        is_gated: false,
        has_readiness_gates: false,
        claims: Box::default(),
        containers_ready: None,
        in_place: lifespan::facts::pod::InPlace::default(),
        observed: None,
        resize: None,
        debuggers: Box::default(),
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

/// Words of the kubelet that are about the newest spec.
const OBSERVED: [&str; 5] = ["observed", "resizing", "deferred", "infeasible", "resized"];

pub(crate) fn write(new: &mut PodSnapshot, line: &Line<'_>) {
    let second = line.second();
    let said = |is_true, reason: &str| {
        let message = if reason.is_empty() { String::new() } else { line.message() };
        Some(Condition {
            is_true,
            changed: Some(second),
            updated: None,
            reason: reason.into(),
            message: message.into(),
        })
    };
    let turned = line.value("turned").map_or(second, seconds);
    let turns =
        |is_true, reason| said(is_true, reason).map(|it| Condition { changed: Some(turned), ..it });
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
        let debuggers = new.debuggers.iter_mut();
        let found = new
            .containers
            .iter_mut()
            .chain(debuggers)
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
                new.node = Some(Arc::from(line.value("node").unwrap_or("node-1")));
            }
            ("unschedulable", _) => new.scheduled = said(false, "Unschedulable"),
            ("gated", _) => {
                new.is_gated = true;
                new.scheduled = said(false, "SchedulingGated");
            }
            ("ungated", _) => new.is_gated = false,
            ("claims", names) => new.claims = names.split(',').map(Into::into).collect(),
            ("readiness-gates", _) => new.has_readiness_gates = true,
            ("containers-ready", _) => new.containers_ready = said(true, ""),
            ("sandbox", _) => new.sandbox = said(true, ""),
            ("initialized", _) => new.initialized = said(true, ""),
            ("ready", _) => {
                new.ready = turns(true, "");
                new.containers.iter_mut().for_each(|it| it.ready = it.role != Role::Init);
            }
            ("node-lost", _) => new.ready = turns(false, ""),
            ("unready", why) => {
                new.ready = turns(false, if why.is_empty() { "ContainersNotReady" } else { why });
                new.containers.iter_mut().for_each(|it| it.ready = false);
            }
            ("exit", _) if name.is_empty() && new.ready.as_ref().is_some_and(|it| it.is_true) => {
                new.ready = said(false, "ContainersNotReady");
            }
            ("mirror", _) => new.is_mirror = true,
            ("restarts", policy) => new.restarts_always = policy == "Always",
            ("revision", revision) => new.template_hash = Some(revision.into()),
            ("succeeded", _) => new.phase = PodPhase::Succeeded,
            ("failed", reason) => {
                new.phase = PodPhase::Failed;
                new.reason = reason.into();
            }
            ("resources", value) => {
                write_in_place(&mut new.meta, &mut new.in_place.resources, value);
            }
            ("image", value) => write_in_place(&mut new.meta, &mut new.in_place.images, value),
            ("debug", name) => {
                new.meta.generation = new.meta.generation.map(|it| it + 1);
                let debugger = container(Role::Ephemeral, name);
                new.debuggers = new.debuggers.iter().cloned().chain([debugger]).collect();
            }
            ("resizing", _) => new.resize = Some(ResizeState::InProgress),
            ("deferred", _) => new.resize = Some(ResizeState::Deferred),
            ("infeasible", _) => {
                new.resize = Some(ResizeState::Infeasible(line.message().into()));
            }
            ("resized", _) => new.resize = None,
            ("disrupted", reason) => new.disruption = said(true, reason),
            ("stamp", text) => new.stamps = objects::stamps(text),
            ("going" | "delete", _) => {
                new.meta.generation = new.meta.generation.map(|it| it + 1);
                let grace = line.number("grace").unwrap_or(30);
                new.meta.deletion = Some(objects::deletion(line, grace, None));
            }
            // What held it has done its part.
            ("released", _) => {
                if let Some(deletion) = &mut new.meta.deletion {
                    deletion.finalizers = Box::default();
                }
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
    if line.has("unnumbered") {
        new.observed = None;
    } else if OBSERVED.iter().any(|word| line.has(word)) {
        new.observed = new.meta.generation;
    }
}

/// Another value of what may be written in place.
fn write_in_place(meta: &mut Meta, hash: &mut u32, value: &str) {
    meta.generation = meta.generation.map(|it| it + 1);
    *hash = value.bytes().fold(1, |hash, byte| hash * 31 + u32::from(byte));
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
                // What was removed has been counted.
                ContainerState::Waiting { reason, .. }
                    if &**reason == "RestartingAllContainers" =>
                {
                    None
                }
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
            let usual = if code == 0 { "Completed" } else { "Error" };
            let reason = line.value("why").unwrap_or(usual);
            let finished = line.value("finished").map_or(second, seconds);
            container.state = ContainerState::Terminated(Box::new(Exit {
                code,
                signal: line.number("signal"),
                reason: reason.into(),
                message: Box::default(),
                started,
                finished: Some(finished),
            }));
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
        "removed" => {
            let reason: Box<str> = "RestartingAllContainers".into();
            let message = Box::default();
            (container.ready, container.started) = (false, false);
            container.restarts += 1;
            container.last = Some(Box::new(Exit {
                code: 137,
                signal: None,
                reason: reason.clone(),
                message: Box::default(),
                started: None,
                finished: None,
            }));
            container.state = ContainerState::Waiting { reason, message };
        }
        "waiting" => {
            container.state =
                ContainerState::Waiting { reason: value.into(), message: line.message().into() };
        }
        _ => return false,
    }
    true
}
