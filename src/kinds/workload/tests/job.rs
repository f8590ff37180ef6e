//! Jobs.

use super::{METADATA, object, read, refusal_of};
use crate::facts::kind::Kind;
use crate::facts::time::UnixNanos;
use crate::facts::workload::{Mode, TemplatePath, Verdict};

/// What the conditions of a Job say of it.
fn verdict(conditions: &str) -> Verdict {
    let status = format!(r#"{{"conditions":[{conditions}]}}"#);
    *object(Kind::Job, "{}", &status).status.verdict.unwrap()
}

fn condition(name: &str, status: &str) -> String {
    format!(
        r#"{{"type":"{name}","status":"{status}","lastTransitionTime":"2026-11-20T11:17:03Z",
            "reason":"R","message":"m"}}"#
    )
}

const AT: Option<UnixNanos> = Some(UnixNanos::from_seconds(1_795_173_423));

#[test]
fn a_recorded_job_that_failed_is_read_with_its_reason() {
    let read = read(Kind::Job, include_str!("../../../../tests/objects/job_failed.json"));
    assert_eq!((&*read.meta.name, read.mode, read.replicas), ("ko", Mode::Run, None));
    assert_eq!(
        (read.paused, read.template_path, read.scheduled),
        (false, Some(TemplatePath::Pods), None)
    );
    assert_eq!((read.status.observed, read.wanted()), (read.meta.generation, None));
    assert_eq!(read.images.len(), 1);
    assert!(read.stamps.iter().any(|stamp| &*stamp.found == "env TRACEPARENT"));
    let failed = Verdict::Failed {
        reason: "BackoffLimitExceeded".into(),
        message: "Job has reached the specified backoff limit".into(),
        at: Some(UnixNanos::from_seconds(1_795_173_332)),
        is_end: false,
    };
    assert_eq!(read.status.verdict, Some(Box::new(failed)));
}

#[test]
fn a_recorded_job_of_a_cron_job_is_read_with_its_schedule() {
    let read = read(Kind::Job, include_str!("../../../../tests/objects/job_of_cron_job.json"));
    assert_eq!(read.meta.owner.unwrap().kind, Kind::CronJob);
    assert_eq!(read.scheduled, Some(UnixNanos::from_seconds(1_795_173_420)));
    assert_eq!(read.status.verdict, Some(Box::new(Verdict::Settled { at: AT })));
}

#[test]
fn a_job_ends_by_its_terminal_conditions_and_by_no_interim_one() {
    // Kubernetes pkg/controller/job: the interim conditions come before the Pods have ended.
    let settled = Verdict::Settled { at: AT };
    let failed = Verdict::Failed { reason: "R".into(), message: "m".into(), at: AT, is_end: false };
    for (name, status, expected) in [
        ("Complete", "True", settled),
        ("Failed", "True", failed),
        ("Complete", "False", Verdict::Progressing),
        ("Failed", "Unknown", Verdict::Progressing),
        ("SuccessCriteriaMet", "True", Verdict::Progressing),
        ("FailureTarget", "True", Verdict::Progressing),
        ("Suspended", "True", Verdict::Progressing),
    ] {
        assert_eq!(verdict(&condition(name, status)), expected, "{name} {status}");
    }
    let both = [condition("FailureTarget", "True"), condition("Failed", "True")].join(",");
    assert!(matches!(verdict(&both), Verdict::Failed { .. }));
}

#[test]
fn a_job_without_a_status_has_not_ended() {
    for status in ["null", "{}", r#"{"conditions":null}"#, r#"{"active":1}"#] {
        let read = object(Kind::Job, "{}", status);
        assert_eq!(read.status.verdict, Some(Box::new(Verdict::Progressing)), "{status}");
    }
}

#[test]
fn a_condition_without_a_time_ends_a_job_all_the_same() {
    assert_eq!(verdict(r#"{"type":"Complete","status":"True"}"#), Verdict::Settled { at: None });
}

#[test]
fn a_job_may_be_suspended_and_says_how_parallel_it_is_outside_of_its_template() {
    assert!(object(Kind::Job, r#"{"suspend":true}"#, "{}").paused);
    assert!(!object(Kind::Job, r#"{"suspend":false,"paused":true}"#, "{}").paused);
    let (few, many) = (
        object(Kind::Job, r#"{"parallelism":1,"template":{"spec":{"a":1}}}"#, "{}"),
        object(Kind::Job, r#"{"parallelism":9,"template":{"spec":{"a":1}}}"#, "{}"),
    );
    assert_eq!(few.template, many.template);
    assert_ne!(few.spec, many.spec);
}

#[test]
fn the_schedule_may_be_written_in_any_time_zone_or_not_at_all() {
    let scheduled = |value: &str| {
        let key = "batch.kubernetes.io/cronjob-scheduled-timestamp";
        let annotations = format!(r#""annotations":{{"{key}":{value}}},"name""#);
        let metadata = METADATA.replace("\"name\"", &annotations);
        read(Kind::Job, &format!("{{{metadata}}}")).scheduled
    };
    let at = Some(UnixNanos::from_seconds(1_795_173_420));
    assert_eq!(scheduled("\"2026-11-20T11:17:00Z\""), at);
    assert_eq!(scheduled("\"2026-11-20T12:17:00+01:00\""), at);
    assert_eq!(scheduled("\"2026-11-20T03:47:00-07:30\""), at);
    assert_eq!(scheduled("\"at noon\""), None);
    assert_eq!(scheduled("7"), None);
}

#[test]
fn the_message_of_a_failure_is_cut_between_characters() {
    let long = condition("Failed", "True").replace("\"m\"", &format!("\"{}\"", "é".repeat(5_000)));
    let Verdict::Failed { message, .. } = verdict(&long) else { panic!("it has failed") };
    assert_eq!(message.len(), 1_024);
}

#[test]
fn a_refusal_names_the_job_and_the_key() {
    for (rest, told) in [
        (r#""spec":{"suspend":"yes"}"#, "spec.suspend is a string: true or false is expected"),
        (
            r#""status":{"conditions":[{"lastTransitionTime":"noon"}]}"#,
            r#"status.conditions[0].lastTransitionTime is "noon": an RFC 3339 time is expected"#,
        ),
        (r#""status":{"conditions":{}}"#, "status.conditions is a map: a list is expected"),
        (r#""kind":"CronJob""#, r#"kind is "CronJob": "Job" is expected"#),
    ] {
        let told = format!("Job default/web: {told}");
        assert_eq!(refusal_of(Kind::Job, &format!("{{{METADATA},{rest}}}")), told);
    }
}
