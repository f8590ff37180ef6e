//! CronJobs.

use super::{METADATA, changed, object, read, refusal_of};
use crate::facts::kind::Kind;
use crate::facts::workload::{Mode, TemplatePath};

/// A CronJob whose Jobs have this pod template.
fn with_pods(template: &str) -> String {
    format!(r#"{{"schedule":"* * * * *","jobTemplate":{{"spec":{{"template":{template}}}}}}}"#)
}

#[test]
fn a_recorded_cron_job_is_read() {
    let read = read(Kind::CronJob, include_str!("../../../../tests/objects/cron_job.json"));
    assert_eq!((&*read.meta.name, read.mode, read.replicas), ("tick", Mode::Plain, None));
    assert_eq!(
        (read.paused, read.template_path, read.wanted()),
        (false, Some(TemplatePath::Jobs), None)
    );
    assert_eq!(&*read.images, [("tick".into(), "127.0.0.1:5000/init:v1".into())]);
    assert_eq!((read.status.observed, read.status.verdict), (read.meta.generation, None));
    assert!(read.spec.iter().any(|(path, _)| &**path == "schedule"));
}

#[test]
fn the_template_of_a_cron_job_is_that_of_its_jobs() {
    let job = |rest: &str| {
        let spec = format!(r#"{{"schedule":"@daily","jobTemplate":{{"spec":{{{rest}}}}}}}"#);
        object(Kind::CronJob, &spec, "{}")
    };
    let (before, after) = (job(r#""backoffLimit":1"#), job(r#""backoffLimit":2"#));
    assert_ne!(before.template, after.template);
    assert_eq!(changed(&before, &after), ["jobTemplate.spec.backoffLimit"]);
    let rescheduled = object(
        Kind::CronJob,
        r#"{"schedule":"@hourly","jobTemplate":{"spec":{"backoffLimit":1}}}"#,
        "{}",
    );
    assert_eq!(before.template, rescheduled.template);
    assert_eq!(changed(&before, &rescheduled), ["schedule"]);
}

#[test]
fn images_are_those_of_the_pods_of_its_jobs() {
    let spec = with_pods(r#"{"spec":{"containers":[{"name":"a","image":"a:1"}]}}"#);
    let read = object(Kind::CronJob, &spec, "{}");
    assert_eq!(&*read.images, [("a".into(), "a:1".into())]);
}

#[test]
fn a_restart_of_the_pods_of_its_jobs_changes_one_hash_only() {
    let marked = r#"{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"now"}},
        "spec":{"a":1}}"#;
    let before = object(Kind::CronJob, &with_pods(r#"{"spec":{"a":1}}"#), "{}");
    let after = object(Kind::CronJob, &with_pods(marked), "{}");
    assert_ne!(before.template, after.template);
    assert_eq!(before.template_without_restart, after.template_without_restart);
}

#[test]
fn a_cron_job_may_be_suspended() {
    assert!(object(Kind::CronJob, r#"{"suspend":true}"#, "{}").paused);
    for spec in ["{}", "null", r#"{"suspend":null,"jobTemplate":{}}"#] {
        let read = object(Kind::CronJob, spec, "null");
        assert_eq!((read.paused, read.images.len(), read.stamps.len()), (false, 0, 0));
    }
}

#[test]
fn what_a_cron_job_runs_changes_nothing_of_what_is_kept() {
    let status = r#"{"lastScheduleTime":"2026-11-20T11:17:00Z","active":[{"name":"tick-1"}]}"#;
    assert_eq!(object(Kind::CronJob, "{}", status), object(Kind::CronJob, "{}", "{}"));
}

#[test]
fn a_refusal_names_the_cron_job_and_the_key() {
    for (rest, told) in [
        (r#""spec":{"suspend":1}"#, "spec.suspend is 1: true or false is expected"),
        (r#""spec":"x""#, "spec is a string: a map is expected"),
        (r#""kind":"Job""#, r#"kind is "Job": "CronJob" is expected"#),
    ] {
        let told = format!("CronJob default/web: {told}");
        assert_eq!(refusal_of(Kind::CronJob, &format!("{{{METADATA},{rest}}}")), told);
    }
}
