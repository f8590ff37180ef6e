//! What custom resources say in words that many kinds share.

use super::*;

fn waiting(word: &str) -> Verdict {
    Verdict::Waiting { word: word.into(), at: None }
}

/// Conditions, each written `Type=Status/Reason`.
fn conditions(texts: &[&str]) -> String {
    let condition = |text: &&str| {
        let (name, rest) = text.split_once('=').unwrap();
        let (status, reason) = rest.split_once('/').unwrap_or((rest, "R"));
        format!(r#"{{"type":"{name}","status":"{status}","reason":"{reason}","message":"m"}}"#)
    };
    format!("[{}]", texts.iter().map(condition).collect::<Vec<_>>().join(","))
}

fn of_conditions(texts: &[&str]) -> Verdict {
    by_convention(&format!(r#"{{"conditions":{}}}"#, conditions(texts)))
}

#[test]
fn a_phase_a_state_or_health_says_how_it_is() {
    for (status, expected) in [
        (r#"{"phase":"Ready"}"#, settled()),
        (r#"{"state":"RUNNING"}"#, settled()),
        (r#"{"status":"Completed"}"#, settled()),
        (r#"{"health":"green"}"#, settled()),
        (r#"{"phase":"Cluster in healthy state"}"#, settled()),
        (r#"{"phase":"Provisioning"}"#, Verdict::Progressing),
        (r#"{"state":"ImportInProgress"}"#, Verdict::Progressing),
        (r#"{"currentState":"Waiting for Pods to be ready"}"#, Verdict::Progressing),
        (r#"{"phase":"NotStarted"}"#, Verdict::Progressing),
        (r#"{"phase":"Cluster is not controlled by its operator"}"#, Verdict::Progressing),
        (r#"{"health":"yellow","phase":"Ready"}"#, Verdict::Progressing),
        (r#"{"health":"green","phase":"ApplyingChanges"}"#, Verdict::Progressing),
        (r#"{"printableStatus":"Paused"}"#, waiting("Paused")),
        (r#"{"state":"suspended"}"#, waiting("suspended")),
        (r#"{"phase":"Failed","message":"m","reason":"Quota"}"#, failed("Quota", "m", None)),
        (r#"{"state":"ConfigError"}"#, failed("ConfigError", "", None)),
        (r#"{"health":"red","phase":"Ready"}"#, failed("red", "", None)),
        (
            r#"{"currentState":"A Widget of this name already exists in it"}"#,
            failed("A Widget of this name already exists in it", "", None),
        ),
        (r#"{"currentState":"Different sizes of two parts"}"#, Verdict::Progressing),
        // What it shall be, or was, says nothing of how it is.
        (r#"{"phase":"Ready","desiredState":"Stopped","lastPhase":"Failed"}"#, settled()),
        // Words that nobody knows leave what kstatus says.
        (r#"{"phase":"Quux"}"#, settled()),
        (
            r#"{"phase":"Quux","conditions":[{"type":"Ready","status":"False"}]}"#,
            Verdict::Progressing,
        ),
    ] {
        assert_eq!(by_convention(status), expected, "{status}");
    }
}

#[test]
fn a_word_below_another_key_counts_where_nothing_says_how_it_is_as_a_whole() {
    for (status, expected) in [
        (r#"{"cluster":{"state":"creating"}}"#, Verdict::Progressing),
        (r#"{"jobs":{"state":"FAILED"}}"#, failed("FAILED", "", None)),
        (r#"{"lastBackup":{"state":"FAILED"},"phase":"Ready"}"#, settled()),
        (r#"{"statuses":{"one":{"state":"Rejected","reason":"r"}}}"#, failed("r", "", None)),
        // Of several brokers each has a map of its own.
        (
            r#"{"state":"Running","brokersState":{"0":{"configState":"ConfigInSync"},
                "1":{"configState":"ConfigOutOfSync"}}}"#,
            Verdict::Progressing,
        ),
        (r#"{"state":"Running","brokersState":{"0":{"configState":"ConfigInSync"}}}"#, settled()),
        (
            r#"{"jobs":{"state":"FAILED"},"conditions":[{"type":"Ready","status":"True"}]}"#,
            settled(),
        ),
    ] {
        assert_eq!(by_convention(status), expected, "{status}");
    }
}

#[test]
fn conditions_of_other_names_say_how_it_is() {
    let failed = |reason| failed(reason, "m", None);
    for (texts, expected) in [
        (&["Programmed=True"][..], settled()),
        (&["Accepted=True", "Programmed=False"], Verdict::Progressing),
        (&["Accepted=True", "ResolvedRefs=False/BackendInvalid"], failed("BackendInvalid")),
        (&["DashboardSynchronized=True/ApplySuccessful"], settled()),
        (&["DashboardSynchronized=False/ApplyFailed"], failed("ApplyFailed")),
        (&["ReconcileSuccess=True", "AllReplicasReady=Unknown"], Verdict::Progressing),
        (&["example.com/instance-available=False"], Verdict::Progressing),
        (&["SpecError=True/BadSpec"], failed("BadSpec")),
        (&["SpecError=False"], settled()),
        (&["NotReady=True/Creating"], Verdict::Progressing),
        (&["NotReady=True/InvalidConfigurationException"], failed("InvalidConfigurationException")),
        (&["Terminal=True/It is not ours"], failed("It is not ours")),
        (&["PartiallyReady=True"], Verdict::Progressing),
        (&["PartiallyReady=True", "Ready=True"], settled()),
        (&["Whatever=True"], settled()),
        (&["Whatever=False"], settled()),
    ] {
        assert_eq!(of_conditions(texts), expected, "{texts:?}");
    }
}

#[test]
fn beside_the_one_that_says_how_it_is_as_a_whole_only_what_is_wrong_or_at_work_counts() {
    let failed = |reason| failed(reason, "m", None);
    for (texts, expected) in [
        (&["Ready=True", "BackupValid=False"][..], settled()),
        (&["Ready=True", "Synced=False/ApplyError"], failed("ApplyError")),
        (&["Ready=True", "Synced=False/ReconcileError"], Verdict::Progressing),
        (&["Ready=True", "Synced=False"], Verdict::Progressing),
        (&["Available=True", "Progressing=True/Updating"], Verdict::Progressing),
        (&["Available=True", "Progressing=True/NewReplicaSetAvailable"], settled()),
        (&["Available=False/R", "Progressing=True/R"], Verdict::Progressing),
        (&["Available=True", "Degraded=True/DiskFull"], failed("DiskFull")),
        (&["Ready=True", "Paused=True/PausedByUser"], waiting("PausedByUser")),
        (&["Ready=False/InstallFailed"], failed("InstallFailed")),
        // What it does about it is what counts while it does.
        (&["Ready=False/InstallFailed", "Reconciling=True"], Verdict::Progressing),
        (&["Ready=Unknown/InstallFailed"], Verdict::Progressing),
        (&["Ready=True", "Stalled=True/GaveUp", "Reconciling=True"], failed("GaveUp")),
        (&["Ready=False/DependencyNotReady"], Verdict::Progressing),
        (&["Ready=False/Suspended"], waiting("Suspended")),
    ] {
        assert_eq!(of_conditions(texts), expected, "{texts:?}");
    }
}

#[test]
fn a_route_has_settled_when_each_of_its_parents_takes_it() {
    let status = |one: &str, other: &str| {
        let parent = |texts: &[&str]| format!(r#"{{"conditions":{}}}"#, conditions(texts));
        let parents = [parent(&["Accepted=True", one]), parent(&["Accepted=True", other])];
        format!(r#"{{"parents":[{}]}}"#, parents.join(","))
    };
    for (one, other, expected) in [
        ("ResolvedRefs=True", "ResolvedRefs=True", settled()),
        ("ResolvedRefs=True", "ResolvedRefs=False", Verdict::Progressing),
        ("ResolvedRefs=False/InvalidKind", "ResolvedRefs=True", failed("InvalidKind", "m", None)),
    ] {
        assert_eq!(by_convention(&status(one, other)), expected, "{one} {other}");
    }
}

#[test]
fn the_conditions_of_a_part_count_where_there_are_none_of_the_whole() {
    let of = |is: &str, own: &str| {
        let part = conditions(&["Ready=True", &format!("PodReady={is}")]);
        by_convention(&format!(
            r#"{{"currentState":"Ready","podStatus":{{"conditions":{part}}},"conditions":{own}}}"#
        ))
    };
    assert_eq!(of("True", "[]"), settled());
    assert_eq!(of("False", "[]"), Verdict::Progressing);
    assert_eq!(of("False", &conditions(&["Ready=True"])), settled());
}

#[test]
fn a_status_in_which_nothing_would_say_how_it_is_settles_nothing() {
    for status in [r#"{"conditions":[]}"#, r#"{"revision":0}"#, r#"{"endpoints":["a"]}"#] {
        let read = object(&widget(Rules::default()), "{}", status);
        assert_eq!(*read.status.verdict.unwrap(), Verdict::Progressing, "{status}");
        assert_eq!(read.status.speech, Reporting::Mute, "{status}");
    }
}

#[test]
fn every_condition_counts_for_the_generation_that_it_names() {
    let of = |texts: &[(&str, &str, i64)]| {
        let conditions: Vec<_> =
            texts.iter().map(|(name, is, of)| condition(name, is, Some(*of))).collect();
        by_convention(&format!(r#"{{"conditions":[{}]}}"#, conditions.join(",")))
    };
    assert_eq!(of(&[("Accepted", "True", 2), ("Programmed", "True", 2)]), settled());
    // One of two has not been looked at again.
    assert_eq!(of(&[("Accepted", "True", 2), ("Programmed", "True", 1)]), Verdict::Progressing);
    // What was wrong with the spec before is not wrong with this one.
    assert_eq!(of(&[("Ready", "True", 2), ("Degraded", "True", 1)]), settled());
    assert_eq!(of(&[("Ready", "True", 2), ("Degraded", "True", 2)]), failed("R", "m", Some(AT)));
    assert_eq!(of(&[("Degraded", "True", 1)]), Verdict::Progressing);
}

#[test]
fn numbers_that_are_short_of_what_is_wanted_say_that_it_is_busy() {
    let three = r#"{"replicas":3}"#;
    for (spec, status, expected) in [
        (three, r#"{"phase":"Ready","replicas":3,"readyReplicas":3}"#, settled()),
        (three, r#"{"phase":"Ready","replicas":3,"readyReplicas":2}"#, Verdict::Progressing),
        (three, r#"{"phase":"Ready","replicas":2}"#, Verdict::Progressing),
        (three, r#"{"phase":"Ready","replicas":4,"updatedReplicas":3}"#, Verdict::Progressing),
        ("{}", r#"{"replicas":3,"readyReplicas":2}"#, Verdict::Progressing),
        ("{}", r#"{"currentHealthy":2,"desiredHealthy":3}"#, Verdict::Progressing),
        ("{}", r#"{"state":"ready","readyWorkers":3,"desiredWorkers":3}"#, settled()),
        ("{}", r#"{"state":"ready","readyWorkers":0,"desiredWorkers":3}"#, Verdict::Progressing),
        ("{}", r#"{"replicas":1,"readyReplicas":1}"#, settled()),
        ("{}", r#"{"replicas":0,"readyReplicas":0}"#, Verdict::Progressing),
        (r#"{"replicas":0}"#, r#"{"replicas":0,"readyReplicas":0}"#, settled()),
        // A number alone is of no known shape.
        (three, r#"{"phase":"Ready","nodes":1}"#, settled()),
        (
            r#"{"replicas":3,"updateStrategy":{"rollingUpdate":{"partition":1}}}"#,
            r#"{"phase":"Ready","replicas":3,"updatedReplicas":2}"#,
            waiting("partition"),
        ),
    ] {
        let read = object(&widget(Rules::default()), spec, status);
        assert_eq!(*read.status.verdict.unwrap(), expected, "{spec} {status}");
    }
}

#[test]
fn what_only_a_failure_has_and_what_is_false_until_all_is_well_is_read() {
    for (status, expected) in [
        (r#"{"readyToUse":true}"#, settled()),
        (r#"{"readyToUse":false}"#, Verdict::Progressing),
        (r#"{"errorMessage":"no such class"}"#, failed("no such class", "", None)),
        (r#"{"errorMessage":""}"#, settled()),
        // A number that stands for a state says nothing; the reason beside it may.
        (
            r#"{"state":2,"reason":"a rule of it is invalid: line 7"}"#,
            failed("a rule of it is invalid: line 7", "", None),
        ),
        (r#"{"state":1,"reason":"all of it was taken over"}"#, settled()),
        (r#"{"phase":"Ready","reason":"the last backup failed"}"#, settled()),
        (r#"{"conditions":[{"type":"Ready","status":true}]}"#, settled()),
        (r#"{"conditions":[{"type":"Ready","status":false}]}"#, Verdict::Progressing),
    ] {
        assert_eq!(by_convention(status), expected, "{status}");
    }
}

#[test]
fn of_a_run_only_a_word_for_its_end_ends_it() {
    let run = widget(Rules { mode: Mode::Run, ..Rules::default() });
    for (status, expected) in [
        (r#"{"phase":"Running"}"#, Verdict::Progressing),
        (r#"{"phase":"Ready"}"#, Verdict::Progressing),
        (r#"{"phase":"Succeeded"}"#, settled()),
        (r#"{"application":{"state":"COMPLETED"}}"#, settled()),
        (r#"{"state":"Failed"}"#, failed("Failed", "", None)),
        (r#"{"phase":"Quux"}"#, Verdict::Progressing),
        (r#"{"phase":"Running","conditions":[{"type":"Complete","status":"True"}]}"#, settled()),
    ] {
        assert_eq!(verdict(&run, status), expected, "{status}");
    }
}

#[test]
fn what_is_configured_goes_before_words() {
    let status = r#"{"phase":"Failed","conditions":[{"type":"Done","status":"True"}]}"#;
    let of = |settled_when: &[&str], failed_when: &[&str]| {
        let (settled_when, failed_when) = (waits(settled_when), waits(failed_when));
        verdict(&widget(Rules { settled_when, failed_when, ..Rules::default() }), status)
    };
    assert_eq!(of(&[], &[]), failed("Failed", "", None));
    assert_eq!(of(&["condition=Done"], &["condition=Broken"]), settled());
    // Where nothing is configured for failures, words tell them.
    assert_eq!(of(&["condition=Done"], &[]), failed("Failed", "", None));
    assert_eq!(of(&["condition=Other"], &["condition=Broken"]), Verdict::Progressing);
}

// autoscaling/v2: at its least or most replicas it is as it is to be.
#[test]
fn an_autoscaler_that_has_come_to_its_limit_is_well() {
    let idle = ["AbleToScale=True", "ScalingActive=True", "ScalingLimited=True/TooFewReplicas"];
    assert_eq!(of_conditions(&idle), settled());
    assert_ne!(of_conditions(&["AbleToScale=True", "ScalingActive=False/F"]), settled());
}

// Percona's operators append a condition at each change of their state, and none turns False.
#[test]
fn of_conditions_that_are_the_history_of_a_state_the_one_of_that_state_counts() {
    let of = |state: &str, texts: &[&str]| {
        by_convention(&format!(r#"{{"state":"{state}","conditions":{}}}"#, conditions(texts)))
    };
    let all = ["initializing=True", "error=True", "ready=True"];
    assert_eq!(of("ready", &all), settled());
    assert_eq!(of("initializing", &all), Verdict::Progressing);
    assert!(matches!(of("error", &all), Verdict::Failed { .. }));
    // Of conditions that turn each counts.
    assert_eq!(
        of("ready", &["ready=True", "progressing=True", "degraded=False"]),
        Verdict::Progressing
    );
}

#[test]
fn a_word_for_work_says_that_it_is_at_work_and_not_only_not_well() {
    let speech = |status: &str| object(&widget(Rules::default()), "{}", status).status.speech;
    let ready = |reason: &str| format!(r#"{{"conditions":{}}}"#, conditions(&[reason]));
    for (status, expected) in [
        (r#"{"phase":"Provisioning"}"#.to_owned(), Reporting::Busy(None)),
        (ready("Reconciling=True"), Reporting::Busy(None)),
        (ready("Ready=False/Creating"), Reporting::Busy(None)),
        (ready("Ready=False/RolloutInProgress"), Reporting::Busy(None)),
        (ready("Ready=False/PodsNotReady"), Reporting::Spoken),
        (ready("Ready=False/Unavailable"), Reporting::Spoken),
        (ready("Ready=True/Installing"), Reporting::Spoken),
    ] {
        assert_eq!(speech(&status), expected, "{status}");
    }
}
