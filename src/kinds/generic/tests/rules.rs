//! Custom resources that are read by rules.

use super::*;

/// A Widget that has settled when `settled_when`, and failed when `failed_when`.
fn ruled(mode: Mode, settled_when: &[&str], failed_when: &[&str]) -> Custom {
    let (settled_when, failed_when) = (waits(settled_when), waits(failed_when));
    widget(Rules { mode, settled_when, failed_when, ..Rules::default() })
}

#[test]
fn all_that_settles_must_hold_and_any_that_fails_may() {
    let custom = ruled(
        Mode::Rollout,
        &["condition=Ready", "jsonpath={.status.phase}=Up"],
        &["condition=Broken", "jsonpath={.status.phase}=Down"],
    );
    let status = |ready: &str, broken: &str, phase: &str| {
        let conditions = [condition("Ready", ready, None), condition("Broken", broken, None)];
        format!(r#"{{"phase":"{phase}","conditions":[{}]}}"#, conditions.join(","))
    };
    for (ready, broken, phase, expected) in [
        ("True", "False", "Up", settled()),
        ("False", "False", "Up", Verdict::Progressing),
        ("True", "False", "Going", Verdict::Progressing),
        ("True", "True", "Up", failed("R", "m", Some(AT))),
        ("False", "False", "Down", failed("Down", "", None)),
    ] {
        assert_eq!(
            verdict(&custom, &status(ready, broken, phase)),
            expected,
            "{ready} {broken} {phase}"
        );
    }
}

#[test]
fn a_rule_may_look_at_the_spec_as_at_the_status() {
    let custom = ruled(
        Mode::Rollout,
        &["jsonpath={.spec.power}=off", "condition=Ready=False"],
        &["jsonpath={.spec.power}=none"],
    );
    let of = |power: &str, ready: &str| {
        let status = format!(r#"{{"conditions":[{}]}}"#, condition("Ready", ready, None));
        *object(&custom, &format!(r#"{{"power":"{power}"}}"#), &status).status.verdict.unwrap()
    };
    assert_eq!(of("off", "False"), settled());
    assert_eq!(of("on", "False"), Verdict::Progressing);
    assert_eq!(of("off", "True"), Verdict::Progressing);
    assert_eq!(of("none", "True"), failed("none", "", None));
}

#[test]
fn nothing_holds_of_a_status_that_is_about_an_older_spec() {
    let custom = ruled(Mode::Rollout, &["condition=Ready"], &["condition=Ready=False"]);
    for ready in ["True", "False"] {
        assert_eq!(verdict(&custom, &with("Ready", ready, "1")), Verdict::Progressing);
        let own = format!(r#"{{"conditions":[{}]}}"#, condition("Ready", ready, Some(1)));
        assert_eq!(verdict(&custom, &own), Verdict::Progressing);
    }
}

#[test]
fn a_condition_that_was_true_before_does_not_tell_when_a_rollout_settled() {
    let (rollout, run) = (
        ruled(Mode::Rollout, &["condition=Ready"], &[]),
        ruled(Mode::Run, &["condition=Ready"], &[]),
    );
    let status = with("Ready", "True", "2");
    assert_eq!(verdict(&rollout, &status), settled());
    let at = Some(UnixNanos::from_seconds(AT));
    assert_eq!(verdict(&run, &status), Verdict::Settled { at });
}

#[test]
fn a_run_without_rules_ends_by_the_conditions_that_runs_have() {
    let run = ruled(Mode::Run, &[], &[]);
    let at = Some(UnixNanos::from_seconds(AT));
    for (name, status, expected) in [
        ("Complete", "True", Verdict::Settled { at }),
        ("Completed", "True", Verdict::Settled { at }),
        ("Succeeded", "True", Verdict::Settled { at }),
        ("Succeeded", "Unknown", Verdict::Progressing),
        ("Succeeded", "False", failed("R", "m", Some(AT))),
        ("Failed", "True", failed("R", "m", Some(AT))),
        ("Failed", "False", Verdict::Progressing),
        ("Ready", "True", Verdict::Progressing),
    ] {
        assert_eq!(verdict(&run, &with(name, status, "2")), expected, "{name} {status}");
    }
}

#[test]
fn the_reason_of_a_failure_stands_beside_the_value_that_tells_it() {
    let custom = ruled(Mode::Run, &[], &["jsonpath={.status.op.phase}=Failed"]);
    for (beside, expected) in [
        ("", failed("Failed", "", None)),
        (r#","message":"no such thing""#, failed("Failed", "no such thing", None)),
        (r#","reason":"Missing","message":"m""#, failed("Missing", "m", None)),
        (r#","failureReason":"Quota","failureMessage":"m""#, failed("Quota", "m", None)),
        (r#","finishedAt":"2026-11-20T11:17:03Z""#, ended("Failed", "", AT)),
    ] {
        let status = format!(r#"{{"op":{{"phase":"Failed"{beside}}}}}"#);
        assert_eq!(verdict(&custom, &status), expected, "{beside}");
    }
}

#[test]
fn a_condition_without_a_reason_is_told_by_its_type() {
    let custom = ruled(Mode::Run, &[], &["condition=OutOfMemory"]);
    let status = r#"{"conditions":[{"type":"OutOfMemory","status":"True"}]}"#;
    assert_eq!(verdict(&custom, status), failed("OutOfMemory", "", None));
}

#[test]
fn progress_is_the_value_at_its_path() {
    let progress = Some(JsonPath::parse("{.status.step}").unwrap());
    let custom = widget(Rules { progress, ..Rules::default() });
    for (status, expected) in [
        (r#"{"step":3}"#, Some("3")),
        (r#"{"step":"build"}"#, Some("build")),
        (r#"{"step":[1]}"#, None),
        ("{}", None),
    ] {
        assert_eq!(object(&custom, "{}", status).status.progress.as_deref(), expected, "{status}");
    }
}

#[test]
fn what_waits_is_told_by_its_word_unless_it_has_failed() {
    let rules = |texts: &[&str]| Rules {
        waiting_when: waits(texts),
        failed_when: waits(&["condition=Broken"]),
        settled_when: waits(&["condition=Ready"]),
        ..Rules::default()
    };
    let waiting = |word: &str, at: Option<i64>| Verdict::Waiting {
        word: word.into(),
        at: at.map(UnixNanos::from_seconds),
    };
    let by_phase = widget(rules(&["jsonpath={.status.phase}=Held"]));
    let by_condition = widget(rules(&["condition=Approved=False"]));
    let status = |phase: &str, conditions: &[String]| {
        format!(r#"{{"phase":"{phase}","conditions":[{}]}}"#, conditions.join(","))
    };
    let ready = condition("Ready", "True", None);
    let unapproved = condition("Approved", "False", None);
    let broken = condition("Broken", "True", None);
    for (custom, status, expected) in [
        (&by_phase, status("Held", std::slice::from_ref(&ready)), waiting("Held", None)),
        (&by_phase, status("Going", std::slice::from_ref(&ready)), settled()),
        (&by_condition, status("", &[ready.clone(), unapproved]), waiting("R", Some(AT))),
        (&by_phase, status("Held", &[ready, broken]), failed("R", "m", Some(AT))),
    ] {
        assert_eq!(verdict(custom, &status), expected, "{status}");
    }
    let old = r#"{"observedGeneration":1,"phase":"Held"}"#;
    assert_eq!(verdict(&by_phase, old), Verdict::Progressing);
}

#[test]
fn how_many_pods_it_wants_may_stand_anywhere_in_its_spec() {
    let wanted = Some(JsonPath::parse("{.spec.nodes.count}").unwrap());
    let custom = widget(Rules { wanted, ..Rules::default() });
    for (spec, expected) in [
        (r#"{"nodes":{"count":3},"replicas":1}"#, Some(3)),
        (r#"{"nodes":{"count":"many"}}"#, None),
        ("{}", None),
    ] {
        assert_eq!(object(&custom, spec, "{}").wanted(), expected, "{spec}");
    }
}
