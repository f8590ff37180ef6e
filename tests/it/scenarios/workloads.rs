//! The words of workloads: of everything but Pods and Events.
//!
//! Of a spec: `replicas=2 image=v1 restarted=x paused suspended resumed history=3`, `partition=2`,
//! `ondelete` and `rolling` (updateStrategy), and `spec.completions=3` for a field that nothing
//! else depends on (`spec.completions=` takes it away). `annotate` bumps the generation of a
//! Deployment without a spec, `by=hpa/scale` is an entry without time.
//! Of a status: `observed[=n]`, and `status=` with the counts of the kind: updated/replicas/available
//! of `deploy`, replicas/ready of `rs` and `rc`, updated/replicas/ready of `sts` and `ds` (of which
//! `desired=n` nodes want one); `available=n` where that differs from ready.
//! `deadline`, `reason=ReplicaSetUpdated`, `refused=FailedCreate` are conditions.
//! `revision=2`: the number of a revision; of `sts` and `ds` the name that Pods of the newest one
//! carry. `mixed`: two revisions are about (currentRevision of `sts` is not updateRevision).
//! `job`, and every custom resource, has a verdict: `progressing`, or `busy` in a word for it, `settled`, `failed=Reason`, each
//! dated now, or with `undated`; `turned=s` is when its condition did, `operation` says that what failed
//! is one that ended then; `progress=step-1` is how far it says it has come.
//! `reused`: it was of an earlier revision too (a ReplicaSet that a rollback comes back to).
//! `scheduled=s` of a `job`: when its CronJob wanted it.
//! `min_ready=10` is minReadySeconds. `mute`: nothing has ever been said of a custom resource.
//! `cr Rollout.argoproj.io web mode=run goals=a.b,c`: a custom resource; modes are `rollout` (if
//! nothing is said), `run`, `plain`. It has only those fields of a spec that lines name.
//! `limit=60`: transitions of its kind may take so many seconds. `spawns`: runs below it are trees of
//! their own. `image=v1` of a custom resource: it has a pod template, which its ReplicaSets have too.
//! `queue`: it tells of the queue that its owner waits in, by conditions
//! `queued=QuotaReserved/False/Pending`.
//! Words of a status bump no generation; without `observed` it is of the newest one.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a panic is a failed test")]

use std::collections::BTreeMap;
use std::sync::Arc;

use lifespan::facts::change::Snapshot;
use lifespan::facts::kind::Kind;
use lifespan::facts::meta::{Condition, Meta, Writer};
use lifespan::facts::time::Nanos;
use lifespan::facts::workload::{
    Mode, Reporting, SpecHashes, TemplatePath, Verdict, Workload, WorkloadStatus,
};

use super::objects;
use super::script::{Line, seconds};

/// What makes a line one about a status.
const STATUS: [&str; 15] = [
    "busy",
    "waiting",
    "status",
    "observed",
    "reason",
    "refused",
    "deadline",
    "desired",
    "available",
    "mixed",
    "progressing",
    "settled",
    "failed",
    "progress",
    "queued",
];

pub(crate) fn new(kind: Kind, meta: Meta) -> Workload {
    let is_custom = matches!(kind, Kind::Other(_));
    let is_run = kind == Kind::Job;
    let is_plain = kind == Kind::CronJob;
    let mode = if is_run {
        Mode::Run
    } else if is_plain {
        Mode::Plain
    } else {
        Mode::Rollout
    };
    let template_path = if is_plain { TemplatePath::Jobs } else { TemplatePath::Pods };
    let template_path = Some(template_path).filter(|_| !is_custom);
    let goals: &[&str] = if is_custom { &["paused", "replicas", "suspend"] } else { &[] };
    let counts = !is_custom && !is_run && !matches!(kind, Kind::CronJob | Kind::DaemonSet);
    let status = WorkloadStatus {
        is_of_one_revision: true,
        verdict: (is_custom || is_run).then(|| Box::new(Verdict::Progressing)),
        ..WorkloadStatus::default()
    };
    Workload {
        meta,
        mode,
        spec: SpecHashes::default(),
        template_path,
        goals: goals.iter().map(|path| (*path).into()).collect(),
        replicas: counts.then_some(1),
        paused: false,
        is_on_delete: false,
        partition: 0,
        images: if is_custom { Arc::default() } else { Arc::from([("app".into(), "v1".into())]) },
        pod_template: None,
        is_queue: false,
        spawns: is_plain,
        limit: None,
        min_ready: Nanos(0),
        template: 0,
        template_without_restart: 0,
        revision: None,
        is_reused: false,
        update_revision: None,
        scheduled: None,
        stamps: Arc::from([]),
        writers: Arc::from([]),
        status,
        kind,
    }
}

fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

pub(crate) fn write(new: &mut Workload, line: &Line<'_>, is_new: bool) {
    let old_spec = new.spec.clone();
    write_spec(new, line);
    let is_numbered = !matches!(new.kind, Kind::StatefulSet | Kind::DaemonSet);
    match line.value("revision") {
        Some(number) if is_numbered => new.revision = Some(number.parse().unwrap()),
        Some(name) => new.update_revision = Some(name.into()),
        None => {}
    }
    new.limit = line.number("limit").map(Nanos::from_seconds).or(new.limit);
    new.spawns |= line.has("spawns");
    new.is_queue |= line.has("queue");
    new.scheduled = line.value("scheduled").map(seconds).or(new.scheduled);
    let old_stamps = Arc::clone(&new.stamps);
    if let Some(text) = line.value("stamp") {
        new.stamps = objects::stamps(text);
    }
    if let Some(text) = line.value("parent") {
        new.stamps = objects::stamps(text);
        let all = Arc::make_mut(&mut new.stamps).iter_mut();
        all.for_each(|stamp| stamp.is_parent = true);
    }
    let is_annotated = line.has("annotate") || new.stamps != old_stamps;
    let bumps = new.spec != old_spec
        || (new.kind == Kind::Deployment && is_annotated)
        || line.has("delete");
    if !is_new && bumps {
        new.meta.generation = new.meta.generation.map(|it| it + 1);
    }
    if let Some(number) = line.number("generation") {
        // `generation=0` is a kind that has none.
        new.meta.generation = Some(number).filter(|number| *number > 0);
    }
    if line.has("delete") {
        new.meta.deletion = Some(objects::deletion(line, 0, Some("foregroundDeletion")));
    }
    if is_new || line.value("by").is_some() || (bumps && !line.has("delete")) {
        writer(new, line);
    }
    if STATUS.iter().any(|word| line.has(word) || line.value(word).is_some()) {
        status(new, line);
    }
    // They have no observedGeneration.
    if matches!(new.kind, Kind::Job | Kind::CronJob) {
        new.status.observed = new.meta.generation;
    }
}

/// Changes the fields that the line names; the others stay.
fn write_spec(new: &mut Workload, line: &Line<'_>) {
    let mut spec: BTreeMap<Box<str>, u64> =
        new.spec.iter().map(|(path, hash)| (path.clone(), hash)).collect();
    let mut field = |path: &str, value: Option<&str>| match value {
        Some("") => spec.remove(path),
        Some(value) => spec.insert(path.into(), hash(value)),
        None => None,
    };
    if let Some(seconds) = line.number("min_ready") {
        new.min_ready = Nanos::from_seconds(seconds);
        field("minReadySeconds", line.value("min_ready"));
    }
    if line.has("mute") {
        new.status.speech = Reporting::Mute;
    }
    new.is_reused |= line.has("reused");
    if line.has("spawns") {
        new.spawns = true;
    }
    new.replicas = line.number("replicas").or(new.replicas);
    field("replicas", new.replicas.map(|replicas| replicas.to_string()).as_deref());
    if let Some(image) = line.value("image") {
        new.images = Arc::from([("app".into(), image.into())]);
    }
    let pod = if new.kind == Kind::CronJob { "jobTemplate.spec.template" } else { "template" };
    let image = new.images.first().map(|(_, image)| &**image);
    field(&format!("{pod}.spec.containers[app].image"), image);
    let restarted = format!("{pod}.metadata.annotations[kubectl.kubernetes.io/restartedAt]");
    field(&restarted, line.value("restarted"));
    field("revisionHistoryLimit", line.value("history"));
    for (word, path) in [("paused", "paused"), ("suspended", "suspend")] {
        if line.has(word) {
            new.paused = true;
            field(path, Some("true"));
        }
        if line.has("resumed") {
            new.paused = false;
            field(path, Some(""));
        }
    }
    let is_run = new.mode == Mode::Run || line.value("mode") == Some("run");
    if is_run && (line.has("suspended") || line.has("resumed")) {
        new.status.progressing = Some(Box::new(Condition {
            is_true: new.paused,
            changed: Some(line.second()),
            updated: None,
            reason: if new.paused { "JobSuspended" } else { "JobResumed" }.into(),
            message: Box::default(),
        }));
    }
    if let Some(partition) = line.value("partition") {
        new.partition = partition.parse().unwrap();
        field("updateStrategy.rollingUpdate.partition", Some(partition));
    }
    for (word, name) in [("ondelete", "OnDelete"), ("rolling", "RollingUpdate")] {
        if line.has(word) {
            new.is_on_delete = word == "ondelete";
            field("updateStrategy.type", Some(name));
        }
    }
    for word in &line.words {
        let named = word.strip_prefix("spec.").and_then(|word| word.split_once('='));
        if let Some((path, value)) = named {
            field(path, Some(value));
        }
    }
    if let Some(goals) = line.value("goals") {
        new.goals = new.goals.iter().cloned().chain(goals.split(',').map(Into::into)).collect();
    }
    match line.value("mode") {
        Some("rollout") => new.mode = Mode::Rollout,
        Some("run") => new.mode = Mode::Run,
        Some("plain") => new.mode = Mode::Plain,
        Some(other) => panic!("no mode {other}"),
        None => {}
    }
    let is_template = |path: &str| match new.template_path {
        None => !new.goals.iter().any(|goal| {
            path.strip_prefix(&**goal).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        }),
        Some(template) => template.holds(path),
    };
    let of_template = || spec.iter().filter(|(path, _)| is_template(path));
    let all = |fields: &mut dyn Iterator<Item = (&Box<str>, &u64)>| {
        fields.fold(0, |all: u64, (path, value)| all.rotate_left(7) ^ hash(path) ^ value)
    };
    let of_pods = || spec.iter().filter(|(path, _)| TemplatePath::Pods.holds(path));
    if new.template_path.is_none() && of_pods().next().is_some() {
        new.pod_template = Some(all(&mut of_pods()));
    }
    new.template = all(&mut of_template());
    new.template_without_restart =
        all(&mut of_template().filter(|(path, _)| ***path != *restarted));
    new.spec = spec.into_iter().collect::<Vec<_>>().into();
}

/// One entry per manager and subresource; the newest write is the last.
fn writer(new: &mut Workload, line: &Line<'_>) {
    let by = line.value("by").unwrap_or("controller");
    let (manager, subresource) = match by.split_once('/') {
        Some((manager, subresource)) => (manager, Some(subresource)),
        None => (by, None),
    };
    let mut writers: Vec<Writer> = new.writers.to_vec();
    writers.retain(|it| (&*it.manager, it.subresource.as_deref()) != (manager, subresource));
    let time = (subresource != Some("scale")).then(|| line.second());
    writers.push(Writer {
        manager: manager.into(),
        subresource: subresource.map(Into::into),
        time,
    });
    new.writers = Arc::from(writers);
}

fn status(new: &mut Workload, line: &Line<'_>) {
    let kind = new.kind.clone();
    let status = &mut new.status;
    status.observed = line.number("observed").or(new.meta.generation);
    status.written = Some(line.second());
    status.desired = line.number("desired").unwrap_or(status.desired);
    if let Some(counts) = line.value("status") {
        let counts: Vec<i64> = counts.split('/').map(|count| count.parse().unwrap()).collect();
        let [updated, replicas, ready] = match (kind, counts.as_slice()) {
            (Kind::ReplicaSet | Kind::ReplicationController, [replicas, ready]) => {
                [0, *replicas, *ready]
            }
            (_, [updated, replicas, ready]) => [*updated, *replicas, *ready],
            _ => panic!("what status is that?"),
        };
        (status.updated, status.replicas) = (updated, replicas);
        (status.ready, status.available) = (ready, ready);
        status.is_of_one_revision = !line.has("mixed");
    }
    status.available = line.number("available").unwrap_or(status.available);
    let said = |is_true, reason: &str, message: &str| {
        let at = Some(line.second());
        Some(Box::new(Condition {
            is_true,
            changed: at,
            updated: at,
            reason: reason.into(),
            message: message.into(),
        }))
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
    if let Some(condition) = line.value("queued") {
        let [name, is, reason] = condition.split('/').collect::<Vec<_>>().try_into().unwrap();
        let told = status.queue.iter().filter(|(known, _)| **known != *name).cloned();
        let own = said(is == "True", reason, "").map(|condition| (name.into(), *condition));
        status.queue = told.chain(own).collect();
    }
    status.progress = line.value("progress").map(Into::into).or(status.progress.take());
    let turned = line.value("turned").map_or_else(|| line.second(), seconds);
    let at = (!line.has("undated")).then_some(turned);
    status.speech = if line.has("busy") { Reporting::Busy(at) } else { Reporting::Spoken };
    let verdict = if line.has("progressing") || line.has("busy") {
        Verdict::Progressing
    } else if line.has("settled") {
        Verdict::Settled { at }
    } else if let Some(word) = line.value("waiting") {
        Verdict::Waiting { word: word.into(), at }
    } else if let Some(reason) = line.value("failed") {
        let (reason, message) = (reason.into(), line.message().into());
        Verdict::Failed { reason, message, at, is_end: line.has("operation") }
    } else {
        return;
    };
    status.verdict = Some(Box::new(verdict));
}

#[test]
fn a_line_changes_what_it_names_and_keeps_the_rest() {
    let written = |kind: &str, lines: &[&str]| {
        let mut known = None;
        for (line, version) in lines.iter().zip(1..) {
            let line = Line { at: seconds("1"), words: line.split(' ').collect() };
            known = Some(objects::write(kind, "x", known.as_ref(), &line, version));
        }
        match known {
            Some(Snapshot::Workload(workload)) => *workload,
            other => panic!("{other:?}"),
        }
    };
    let sts = written("sts", &["replicas=3 partition=2", "revision=r2 status=1/3/2 mixed"]);
    assert_eq!((sts.wanted(), sts.partition, sts.meta.generation), (Some(3), 2, Some(1)));
    assert_eq!(
        (sts.update_revision.as_deref(), sts.status.is_of_one_revision),
        (Some("r2"), false)
    );
    assert_eq!((sts.status.updated, sts.status.replicas, sts.status.ready), (1, 3, 2));
    let ds = written("ds", &["ondelete", "image=v2", "desired=2 status=0/2/2 available=1"]);
    assert!(ds.is_on_delete && ds.spec.iter().any(|(path, _)| &**path == "updateStrategy.type"));
    assert_eq!((ds.wanted(), ds.status.available, ds.meta.generation), (Some(2), 1, Some(2)));
    let job =
        written("job", &["spec.completions=3 suspended", "resumed", "failed=DeadlineExceeded"]);
    assert_eq!((job.mode, job.wanted(), job.paused), (Mode::Run, None, false));
    assert_eq!((job.status.observed, job.meta.generation), (Some(2), Some(2)));
    assert!(matches!(job.status.verdict.as_deref(), Some(Verdict::Failed { at: Some(_), .. })));
    let goal = |words: &str| written("Rollout.argoproj.io", &["goals=a.b spec.c=1", words]);
    let (before, moved, changed) = (goal("observed"), goal("spec.a.b.d=2"), goal("spec.c=2"));
    assert_eq!((before.template, moved.template == changed.template), (moved.template, false));
    assert_eq!((before.meta.generation, moved.meta.generation), (Some(1), Some(2)));
    assert_eq!(written("cronjob", &["image=v2"]).mode, Mode::Plain);
}
