//! What every object of a script has, and which words make which kind of it.
//!
//! `workloads.rs` and `pods.rs` read the words of each kind.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a panic is a failed test")]

use std::sync::Arc;

use lifespan::facts::change::Snapshot;
use lifespan::facts::ids::{SpanId, TraceId};
use lifespan::facts::kind::Kind;
use lifespan::facts::meta::{Deletion, Meta, Owner};
use lifespan::facts::stamp::{Stamp, TraceContext};
use lifespan::facts::time::Nanos;

use super::script::{Line, uid};
use super::{pods, workloads};

/// The words for built-in kinds, and the kinds.
const KINDS: [(&str, Kind); 8] = [
    ("deploy", Kind::Deployment),
    ("rs", Kind::ReplicaSet),
    ("rc", Kind::ReplicationController),
    ("sts", Kind::StatefulSet),
    ("ds", Kind::DaemonSet),
    ("job", Kind::Job),
    ("cronjob", Kind::CronJob),
    ("pod", Kind::Pod),
];

/// The kind that a word stands for: `sts`, or `Rollout.argoproj.io` as custom resources are named.
pub(crate) fn kind_of(word: &str) -> Option<Kind> {
    let known = KINDS.into_iter().find(|(known, kind)| *known == word || kind.name() == word);
    known.map(|(_, kind)| kind).or_else(|| {
        let (kind, group) = word.split_once('.')?;
        Some(Kind::of(group, kind))
    })
}

/// The word that stands for the kind of this name, whatever its group.
fn word_of(name: &str) -> &str {
    KINDS.iter().find(|(_, kind)| kind.name() == name).map_or(name, |(word, _)| word)
}

pub(crate) fn write(
    kind: &str,
    name: &str,
    old: Option<&Snapshot>,
    line: &Line<'_>,
    version: u64,
) -> Snapshot {
    let mut new = old.cloned().unwrap_or_else(|| match kind_of(kind) {
        Some(Kind::Pod) => Snapshot::Pod(Box::new(pods::new(meta(kind, name, line)))),
        Some(kind_of) => {
            Snapshot::Workload(Box::new(workloads::new(kind_of, meta(kind, name, line))))
        }
        None => panic!("no kind {kind}"),
    });
    match &mut new {
        Snapshot::Workload(new) => workloads::write(new, line, old.is_none()),
        Snapshot::Pod(new) => pods::write(new, line),
    }
    let meta = match &mut new {
        Snapshot::Workload(new) => &mut new.meta,
        Snapshot::Pod(new) => &mut new.meta,
    };
    if line.has("orphaned") || line.value("of").is_some() {
        meta.owner = owner(kind, line);
    }
    meta.resource_version = version;
    // The last version that is told is not written for its end.
    if !line.has("gone") {
        meta.written = Some(line.second());
    }
    new
}

fn meta(kind: &str, name: &str, line: &Line<'_>) -> Meta {
    Meta {
        uid: uid(&format!("{kind}/{name}")),
        namespace: Some(Arc::from("default")),
        name: line.value("name").unwrap_or(name).into(),
        resource_version: 0,
        generation: Some(1),
        created: line.second(),
        deletion: None,
        owner: owner(kind, line),
        service: line.value("service").map(Into::into),
        written: None,
    }
}

/// The owner that `of=` names.
fn owner(kind: &str, line: &Line<'_>) -> Option<Owner> {
    line.value("of").map(|of| {
        let (owner, name) = of.split_once('/').unwrap_or(match kind {
            "rs" => ("deploy", of),
            "job" => ("cronjob", of),
            _ => ("rs", of),
        });
        let prefix = word_of(owner);
        let kind = kind_of(owner).unwrap_or_else(|| Kind::of("", owner));
        Owner { kind, name: name.into(), uid: uid(&format!("{prefix}/{name}")) }
    })
}

/// A deletion asked for now, held by `finalizers=a,b` where the line names any.
pub(crate) fn deletion(
    line: &Line<'_>,
    grace_seconds: i64,
    held_by: Option<&str>,
) -> Box<Deletion> {
    let finalizers = line.value("finalizers").or(held_by);
    Box::new(Deletion {
        at: line.second().plus(Nanos::from_seconds(grace_seconds)),
        grace_seconds,
        finalizers: finalizers.iter().flat_map(|text| text.split(',')).map(Into::into).collect(),
    })
}

/// `aa,bb.cc`: trace `aa…`, span `aa…`; trace `bb…`, span `cc…`. `none` takes them away.
pub(crate) fn stamps(text: &str) -> Arc<[Stamp]> {
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
