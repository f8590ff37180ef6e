//! What goes on for hours, or again and again.

#![expect(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::fmt::Write as _;

use expect_test::expect;

use super::script::run;
use super::tree::{check, check_also, check_counts};
use crate::support::checks::traces;

// The Deployment controller deletes it as soon as its status says 0, while its Pods still go
// (`cleanupDeployment`).
#[test]
fn with_no_history_an_old_revision_goes_without_a_word() {
    check_counts(
        "
        @0 settled web a history=0
        @30   deploy web image=v2 by=kubectl
        @30.1 rs web-2 of=web replicas=1 image=v2 revision=2
        @30.2 pod b of=web-2
        @31   pod b running ready
        @31.1 rs web-2 status=1/1
        @31.2 rs web-1 replicas=0
        @31.3 pod a going grace=30
        @31.4 rs web-1 status=0/0
        @31.5 deploy web status=1/1/1 reason=NewReplicaSetAvailable
        @31.8 rs web-1 gone
        @45   pod a gone
        @90 wait
        ",
        expect![[r#"
            update Deployment web 30..31.5 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image, pods.terminating=1}
              create ReplicaSet web-2 30.1..31.1 completed {replicas.from=0, replicas.to=1}
                start Pod b 30.2..31 completed
              scale ReplicaSet web-1 31.2..31.4 completed {replicas.from=1, replicas.to=0}
                terminate Pod a 31.3..45 completed {reason=scaled down}
            counted: baseline 1, churn 1
        "#]],
    );
}

/// The roots that are told of an operator that writes 1 and 0 to a field each minute for two hours,
/// and how many changes are counted.
fn flipping(field: &str) -> (Vec<String>, u64) {
    let mut script = "
        @0 list
        @1   cr Database.example.org db by=kubectl spec.tier=a
        @1.1 deploy inner of=Database.example.org/db replicas=1 by=operator
        @1.2 rs inner-1 of=inner replicas=1 revision=1
        @1.3 pod a of=inner-1
        @2   pod a running ready
        @2.1 rs inner-1 status=1/1
        @2.2 deploy inner status=1/1/1
        @2.3 cr Database.example.org db settled
        "
    .to_owned();
    for minute in 1..=120 {
        let (at, flag) = (minute * 60, minute % 2);
        writeln!(script, "@{at} deploy inner spec.{field}={flag} by=operator").unwrap();
        writeln!(script, "@{at}.1 deploy inner status=1/1/1").unwrap();
    }
    script.push_str("@7300 wait\n");
    let run = run(&script);
    let traces = traces(&run.spans);
    let roots = traces.values().filter_map(|trace| Some(trace.root?.name.to_string()));
    let mut told: Vec<_> = roots.collect();
    told.sort_unstable();
    (told, run.counts.untraced.churn)
}

#[test]
fn an_operator_that_flips_a_template_each_minute_for_two_hours_is_told_until_it_comes_back() {
    let (told, n_counted) = flipping("template.spec.priority");
    assert_eq!(told, ["create Database", "reconcile Database", "reconcile Database"]);
    assert!(n_counted >= 118, "{n_counted}");
}

#[test]
fn an_operator_that_flips_how_fast_each_minute_for_two_hours_is_only_counted() {
    let (told, n_counted) = flipping("progressDeadlineSeconds");
    assert_eq!(told, ["create Database"]);
    assert!(n_counted >= 120, "{n_counted}");
}

#[test]
fn a_canary_that_is_paused_for_two_hours_ends_paused_and_its_promotion_is_a_resume() {
    check(
        "
        @0 list
        @1    cr Rollout.argoproj.io web replicas=1 by=kubectl
        @1.1  rs web-1 of=Rollout.argoproj.io/web replicas=1
        @1.2  pod a of=web-1
        @2    pod a running ready
        @2.1  rs web-1 status=1/1
        @2.2  cr Rollout.argoproj.io web settled
        @60   cr Rollout.argoproj.io web spec.image=v2 by=kubectl progressing
        @60.1 rs web-2 of=Rollout.argoproj.io/web replicas=1 image=v2
        @60.2 pod b of=web-2
        @61   pod b running ready
        @61.1 rs web-2 status=1/1
        @61.2 cr Rollout.argoproj.io web waiting=CanaryPauseStep
        @7261 cr Rollout.argoproj.io web progressing
        @7261.1 rs web-1 replicas=0
        @7261.2 pod a going grace=1
        @7262 pod a gone
        @7262.1 rs web-1 status=0/0
        @7263 cr Rollout.argoproj.io web settled
        @7300 wait
        ",
        expect![[r#"
            create Rollout web 1..2.2 completed {cause=spec:1, manager=kubectl}
              create ReplicaSet web-1 1.1..2.1 completed {replicas.from=0, replicas.to=1}
                start Pod a 1.2..2 completed
            update Rollout web 60..3661.2 paused {cause=spec:2, manager=kubectl, changed=image}
              create ReplicaSet web-2 60.1..61.1 completed {replicas.from=0, replicas.to=1}
                start Pod b 60.2..61 completed
              await resume web 61.2..3661.2 unfinished
            resume Rollout web 7261.1..7263 completed {cause=owned:91c6cfda-af65-9bb2-b33b-e55651532bfd:2, manager=controller}
              -> resumes update Rollout spec:2
              scale ReplicaSet web-1 7261.1..7262.1 completed {replicas.from=1, replicas.to=0}
                terminate Pod a 7261.2..7262 completed {reason=scaled down}
        "#]],
    );
}

// The clock of `max_transition_duration`, an hour, stands while somebody is waited for.
#[test]
fn an_approval_that_takes_long_is_a_wait_below_its_transition_which_has_its_time_still() {
    check_also(
        &["lifespan.queued_ms"],
        "
        @0 list
        @1    cr Release.example.org web spec.version=1 by=kubectl progressing
        @2    cr Release.example.org web waiting=AwaitingApproval
        @3002 cr Release.example.org web progressing
        @4000 cr Release.example.org web settled
        @4100 wait
        ",
        expect![[r#"
            create Release web 1..4000 completed {cause=spec:1, manager=kubectl, queued_ms=3000000}
              await resume web 2..3002 completed
        "#]],
    );
}

// Argo Rollouts scales the old colour down `scaleDownDelaySeconds` after the switch.
#[test]
fn an_old_colour_that_is_scaled_down_later_is_a_reconcile() {
    check(
        "
        @0 list
        @1    cr Rollout.argoproj.io web replicas=1 by=kubectl
        @1.1  rs blue of=Rollout.argoproj.io/web replicas=1
        @1.2  pod a of=blue
        @2    pod a running ready
        @2.1  rs blue status=1/1
        @2.2  cr Rollout.argoproj.io web settled
        @60   cr Rollout.argoproj.io web spec.image=v2 by=kubectl progressing
        @60.1 rs green of=Rollout.argoproj.io/web replicas=1 image=v2
        @60.2 pod b of=green
        @61   pod b running ready
        @61.1 rs green status=1/1
        @61.2 cr Rollout.argoproj.io web settled
        @91   rs blue replicas=0 by=rollouts-controller
        @91.1 pod a going grace=1
        @91.2 rs blue status=0/0
        @92   pod a gone
        @120 wait
        ",
        expect![[r#"
            create Rollout web 1..2.2 completed {cause=spec:1, manager=kubectl}
              create ReplicaSet blue 1.1..2.1 completed {replicas.from=0, replicas.to=1}
                start Pod a 1.2..2 completed
            update Rollout web 60..61.2 completed {cause=spec:2, manager=kubectl, changed=image}
              create ReplicaSet green 60.1..61.1 completed {replicas.from=0, replicas.to=1}
                start Pod b 60.2..61 completed
            reconcile Rollout web 91..91.2 completed {cause=owned:13073af4-4b4f-f78d-fa11-41a3b4619463:2, manager=rollouts-controller, pods.terminating=1}
              -> follows update Rollout spec:2
              scale ReplicaSet blue 91..91.2 completed {replicas.from=1, replicas.to=0}
                terminate Pod a 91.1..92 completed {reason=scaled down}
        "#]],
    );
}

// The autoscaler of Knative writes the Deployment below Revision, Configuration and Service.
#[test]
fn what_is_scaled_to_zero_and_back_is_a_reconcile_each_time() {
    check_counts(
        "
        @0 list
        @1    cr Service.serving.knative.dev web spec.image=v1 by=kubectl
        @1.1  cr Revision.serving.knative.dev web-1 of=Service.serving.knative.dev/web
        @1.2  deploy web-1 of=Revision.serving.knative.dev/web-1 replicas=1
        @1.3  rs web-1-x of=deploy/web-1 replicas=1
        @1.4  pod a of=web-1-x
        @2    pod a running ready
        @2.1  rs web-1-x status=1/1
        @2.2  deploy web-1 status=1/1/1
        @2.3  cr Revision.serving.knative.dev web-1 settled
        @2.4  cr Service.serving.knative.dev web settled
        @60   deploy web-1 replicas=0 by=autoscaler
        @60.1 rs web-1-x replicas=0
        @60.2 pod a going grace=1
        @60.3 rs web-1-x status=0/0
        @60.4 deploy web-1 status=0/0/0
        @61   pod a gone
        @120  deploy web-1 replicas=1 by=autoscaler
        @120.1 rs web-1-x replicas=1
        @120.2 pod b of=web-1-x
        @122  pod b running ready
        @122.1 rs web-1-x status=1/1
        @122.2 deploy web-1 status=1/1/1
        @160 wait
        ",
        expect![[r#"
            create Service web 1..2.4 completed {cause=spec:1, manager=kubectl}
              create Revision web-1 1.1..2.3 completed
                create Deployment web-1 1.2..2.2 completed
                  create ReplicaSet web-1-x 1.3..2.1 completed {replicas.from=0, replicas.to=1}
                    start Pod a 1.4..2 completed
            reconcile Service web 60..60.4 completed {cause=owned:11ad9960-ecb6-f210-8001-35b92248de81:2, manager=autoscaler, pods.terminating=1}
              -> follows create Service spec:1
              scale Deployment web-1 60..60.4 completed
                scale ReplicaSet web-1-x 60.1..60.3 completed {replicas.from=1, replicas.to=0}
                  terminate Pod a 60.2..61 completed {reason=scaled down}
            reconcile Service web 120..122.2 completed {cause=owned:11ad9960-ecb6-f210-8001-35b92248de81:3, manager=autoscaler}
              -> follows reconcile Service owned:11ad9960-ecb6-f210-8001-35b92248de81:2
              scale Deployment web-1 120..122.2 completed
                scale ReplicaSet web-1-x 120.1..122.1 completed {replicas.from=0, replicas.to=1}
                  start Pod b 120.2..122 completed
            counted: churn 1
        "#]],
    );
}

/// A database whose operator runs a Job that sets it up, created at `job`; the database is Ready
/// at 5 s.
fn initdb(job: &str) -> String {
    format!(
        "
        @0 list
        @1   cr Database.example.org db by=kubectl spec.tier=a
        @1.1 sts inner of=Database.example.org/db replicas=1 revision=r1 by=operator
        @1.2 pod inner-0 of=sts/inner revision=r1
        @2   pod inner-0 running ready
        @2.1 sts inner status=1/1/1
        @{job} job initdb of=Database.example.org/db by=operator
        @5   cr Database.example.org db settled
        @8   pod x of=job/initdb restarts=Never
        @9   pod x running
        @20  pod x exit=0 succeeded
        @20.1 job initdb settled
        @60 wait
        "
    )
}

#[test]
fn a_job_that_begins_a_second_before_its_owner_is_ready_is_part_of_it() {
    check(
        &initdb("4"),
        expect![[r#"
            create Database db 1..20.1 completed {cause=spec:1, manager=kubectl}
              create StatefulSet inner 1.1..2.1 completed
                start Pod inner-0 1.2..2 completed
              run Job initdb 4..20.1 completed
                run Pod x 8..20 completed
                  start Pod x 8..9 completed
                  run container x [app] 9..20 completed {reason=Completed, exit_code=0}
        "#]],
    );
}

#[test]
fn a_job_that_begins_a_second_after_its_owner_is_ready_is_part_of_it_too() {
    let script = initdb("6");
    let (mut lines, mut late) = (script.lines().collect::<Vec<_>>(), None);
    let at = lines.iter().position(|line| line.contains("job initdb of"));
    if let Some(at) = at {
        late = Some(lines.remove(at));
    }
    lines.insert(at.unwrap_or(0) + 1, late.unwrap_or_default());
    check(
        &lines.join("\n"),
        expect![[r#"
            create Database db 1..20.1 completed {cause=spec:1, manager=kubectl}
              create StatefulSet inner 1.1..2.1 completed
                start Pod inner-0 1.2..2 completed
              run Job initdb 6..20.1 completed
                run Pod x 8..20 completed
                  start Pod x 8..9 completed
                  run container x [app] 9..20 completed {reason=Completed, exit_code=0}
        "#]],
    );
}

#[test]
fn kinds_of_roots_that_are_left_out_are_counted_with_all_below_them() {
    check_counts(
        "
        set transitions=create,delete
        @0 list
        @1   deploy web replicas=1 by=kubectl
        @1.1 rs web-1 of=web replicas=1
        @1.2 pod a of=web-1
        @2   pod a running ready
        @2.1 rs web-1 status=1/1
        @2.2 deploy web status=1/1/1
        @30  deploy web replicas=0 by=kubectl
        @30.1 rs web-1 replicas=0
        @30.2 pod a going grace=30
        @30.3 rs web-1 status=0/0
        @30.4 deploy web status=0/0/0
        @50  pod a gone
        @60  deploy web gone
        @60.1 rs web-1 gone
        @90 wait
        ",
        expect![[r#"
            create Deployment web 1..2.2 completed {cause=spec:1, manager=kubectl}
              create ReplicaSet web-1 1.1..2.1 completed {replicas.from=0, replicas.to=1}
                start Pod a 1.2..2 completed
            delete Deployment web 60..60.1 completed {cause=delete}
            counted: churn 2, left out 1
        "#]],
    );
}
