//! What custom resources say: spoken, unconfirmed, on trial (DESIGN §3, rules 1 and 2).

use expect_test::expect;

use super::tree::{check, check_also, check_counts};

#[test]
fn a_verdict_counts_only_when_it_has_lasted() {
    check_counts(
        "
        @0 list
        @1   cr Database.example.org db by=kubectl spec.tier=a
        @2   cr Database.example.org db settled
        @4   cr Database.example.org db progressing
        @60  cr Database.example.org db settled
        @90 wait
        ",
        expect![[r#"
            create Database db 1..60 completed {cause=spec:1, manager=kubectl}
            counted: churn 3
        "#]],
    );
}

#[test]
fn a_failure_that_does_not_last_is_none() {
    check_counts(
        "
        @0 list
        @1   cr Application.argoproj.io app by=kubectl spec.revision=a
        @2   cr Application.argoproj.io app failed=Degraded
        @7   cr Application.argoproj.io app progressing
        @35  cr Application.argoproj.io app settled
        @90 wait
        ",
        expect![[r#"
            create Application app 1..35 completed {cause=spec:1, manager=kubectl}
            counted: churn 3
        "#]],
    );
}

#[test]
fn a_controller_that_says_nothing_for_half_a_minute_has_agreed() {
    check_counts(
        "
        @0 list
        @1   cr Queue.example.org q by=kubectl spec.size=1
        @2   cr Queue.example.org q settled
        @30  cr Queue.example.org q spec.size=2 by=kubectl
        @90 wait
        ",
        expect![[r#"
            create Queue q 1..2 completed {cause=spec:1, manager=kubectl}
            update Queue q 30..30 completed {cause=spec:2, manager=kubectl, changed=size}
            counted: churn 1
        "#]],
    );
}

#[test]
fn a_verdict_that_stands_when_the_next_write_comes_counts() {
    check_counts(
        "
        @0 list
        @1   cr Database.example.org db by=kubectl spec.tier=a
        @3   cr Database.example.org db settled
        @8   cr Database.example.org db spec.tier=b by=kubectl progressing
        @12  cr Database.example.org db settled
        @60 wait
        ",
        expect![[r#"
            create Database db 1..3 completed {cause=spec:1, manager=kubectl}
            update Database db 8..12 completed {cause=spec:2, manager=kubectl, changed=tier}
            counted: churn 2
        "#]],
    );
}

#[test]
fn an_agreement_that_nobody_said_is_told_as_unconfirmed() {
    check_also(
        &["lifespan.verdict.unconfirmed"],
        "
        @0 list
        @1   cr Queue.example.org q by=kubectl spec.size=1
        @2   cr Queue.example.org q settled
        @30  cr Queue.example.org q spec.size=2 by=kubectl
        @90  cr Queue.example.org q spec.size=3 by=kubectl
        @95  cr Queue.example.org q progressing
        @97  cr Queue.example.org q settled
        @150 wait
        ",
        expect![[r#"
            create Queue q 1..2 completed {cause=spec:1, manager=kubectl}
            update Queue q 30..30 completed {cause=spec:2, manager=kubectl, changed=size, verdict.unconfirmed=true}
            update Queue q 90..97 completed {cause=spec:3, manager=kubectl, changed=size}
        "#]],
    );
}

// Nothing had settled yet that it could be a recovery of.
#[test]
fn what_is_lost_on_trial_and_made_up_for_before_all_below_has_settled_is_a_part_of_it() {
    check_counts(
        "
        @0 list
        @1   cr Database.example.org db by=kubectl spec.tier=a
        @1.1 sts inner of=Database.example.org/db replicas=1 revision=r1 by=operator
        @1.2 pod inner-0 of=sts/inner revision=r1
        @2   pod inner-0 running ready
        @2.1 sts inner status=1/1/1
        @2.5 cr Database.example.org db settled
        @5   sts inner replicas=2 by=hpa
        @5.1 pod inner-1 of=sts/inner revision=r1
        @6   pod inner-0 exit=1
        @6.5 pod inner-0 running restarts=1 ready
        @7   pod inner-1 running ready
        @7.1 sts inner status=2/2/2
        @60 wait
        ",
        expect![[r#"
            create Database db 1..7.1 completed {cause=spec:1, manager=kubectl}
              create StatefulSet inner 1.1..2.1 completed
                start Pod inner-0 1.2..2 completed
              scale StatefulSet inner 5..7.1 completed
                start Pod inner-1 5.1..7 completed
              restart container inner-0 [app] 6..6.5 completed {reason=Error, exit_code=1}
            counted: churn 1
        "#]],
    );
}

#[test]
fn a_verdict_does_not_count_before_what_was_written_below_on_trial_has_settled() {
    check_counts(
        "
        @0 list
        @1   cr Database.example.org db by=kubectl spec.tier=a
        @1.1 sts inner of=Database.example.org/db replicas=1 revision=r1 by=operator
        @1.2 pod inner-0 of=sts/inner revision=r1
        @2   pod inner-0 running ready
        @2.1 sts inner status=1/1/1
        @2.5 cr Database.example.org db settled
        @5   sts inner replicas=2 by=hpa
        @5.1 pod inner-1 of=sts/inner revision=r1
        @6   cr Database.example.org db spec.tier=b by=kubectl
        @7   pod inner-1 running ready
        @7.1 sts inner status=2/2/2
        @7.5 cr Database.example.org db settled
        @60 wait
        ",
        expect![[r#"
            create Database db 1..6 superseded {cause=spec:1, manager=kubectl}
              create StatefulSet inner 1.1..2.1 completed
                start Pod inner-0 1.2..2 completed
              scale StatefulSet inner 5..6 unfinished
                start Pod inner-1 5.1..6 unfinished
                  schedule Pod inner-1 5.1..6 unfinished
            update Database db 6..7.5 completed {cause=spec:2, manager=kubectl, changed=tier}
              -> supersedes create Database spec:1
            counted: churn 2
        "#]],
    );
}

// An hour after it was created.
#[test]
fn a_verdict_does_not_count_at_the_limit_while_what_was_written_below_since_hangs() {
    check_counts(
        "
        @0 list
        @1   cr Database.example.org db by=kubectl spec.tier=a
        @1.1 sts inner of=Database.example.org/db replicas=1 revision=r1 by=operator
        @1.2 pod inner-0 of=sts/inner revision=r1
        @2   pod inner-0 running ready
        @2.1 sts inner status=1/1/1
        @2.5 cr Database.example.org db settled
        @5   sts inner replicas=2 by=hpa
        @5.1 pod inner-1 of=sts/inner revision=r1
        @3700 wait
        ",
        expect![[r#"
            create Database db 1..3601 timed_out ERROR timed_out: the transition timed_out {cause=spec:1, manager=kubectl}
              create StatefulSet inner 1.1..2.1 completed
                start Pod inner-0 1.2..2 completed
              scale StatefulSet inner 5..3601 unfinished
                start Pod inner-1 5.1..3601 unfinished
                  schedule Pod inner-1 5.1..3601 unfinished
            counted: churn 1
        "#]],
    );
}

// `lastTransitionTime` changes with `status` alone: it is older than the write that still cannot be done.
#[test]
fn what_fails_still_after_a_write_has_failed_when_its_controller_said_so_again() {
    check_counts(
        "
        @0 list
        @1   cr Database.example.org db by=kubectl spec.tier=a
        @3   cr Database.example.org db failed=ReconcileFailed said=no_disk
        @100 cr Database.example.org db spec.tier=b by=kubectl
        @105 cr Database.example.org db failed=ReconcileFailed said=no_memory turned=3
        @160 cr Database.example.org db settled
        @200 wait
        ",
        expect![[r#"
            create Database db 1..3 failed ERROR ReconcileFailed: no disk {cause=spec:1, manager=kubectl}
            update Database db 100..105 failed ERROR ReconcileFailed: no memory {cause=spec:2, manager=kubectl, changed=tier}
              -> follows create Database spec:1
            recover Database db 105..160 completed {cause=heal:spec:2}
              -> follows update Database spec:2
            counted: churn 3
        "#]],
    );
}

#[test]
fn an_operation_that_had_ended_before_a_write_says_nothing_of_it() {
    check_counts(
        "
        @0 list
        @1   cr Application.argoproj.io app by=kubectl spec.revision=a
        @3   cr Application.argoproj.io app failed=Failed operation
        @100 cr Application.argoproj.io app spec.revision=b by=kubectl
        @101 cr Application.argoproj.io app failed=Failed operation turned=3 progress=compared
        @150 cr Application.argoproj.io app progressing
        @170 cr Application.argoproj.io app settled
        @200 wait
        ",
        expect![[r#"
            create Application app 1..3 failed ERROR Failed: it is so {cause=spec:1, manager=kubectl}
            update Application app 100..170 completed {cause=spec:2, manager=kubectl, changed=revision}
              -> follows create Application spec:1
              * 101 step changed field=step to=compared
            counted: churn 4
        "#]],
    );
}

#[test]
fn what_was_paused_before_a_write_waits_from_the_write_on() {
    check_also(
        &["lifespan.queued_ms"],
        "
        @0 list
        @1   cr Cluster.example.org c by=kubectl spec.version=1
        @3   cr Cluster.example.org c settled
        @40  cr Cluster.example.org c waiting=Paused
        @100 cr Cluster.example.org c spec.version=2 by=kubectl
        @160 cr Cluster.example.org c progressing
        @170 cr Cluster.example.org c settled
        @200 wait
        ",
        expect![[r#"
            create Cluster c 1..3 completed {cause=spec:1, manager=kubectl}
            update Cluster c 100..170 completed {cause=spec:2, manager=kubectl, changed=version, queued_ms=60000}
              await resume c 100..160 completed
        "#]],
    );
}

// A Pod that has completed is no longer Ready.
#[test]
fn what_ran_below_and_ended_well_makes_nothing_unstable() {
    check_also(
        &["lifespan.unstable"],
        "
        @0 list
        @1   cr Database.example.org db by=kubectl
        @1.1 job initdb of=Database.example.org/db by=operator
        @1.2 pod x of=job/initdb restarts=Never
        @1.5 pod x running ready
        @2   cr Database.example.org db settled
        @2.5 job initdb settled
        @3.7 pod x unready exit=0
        @3.8 pod x succeeded
        @60 wait
        ",
        expect![[r#"
            create Database db 1..3.7 completed {cause=spec:1, manager=kubectl}
              run Job initdb 1.1..3.7 completed
                run Pod x 1.2..3.7 completed
                  start Pod x 1.2..1.5 completed
                  run container x [app] 1.5..3.7 completed {reason=Completed, exit_code=0}
        "#]],
    );
}

#[test]
fn what_had_settled_below_before_a_loss_on_trial_ended_then_and_the_loss_is_a_recover() {
    check(
        "
        @0 list
        @1   cr Widget.example.org w by=kubectl spec.size=1
        @1.1 deploy web of=Widget.example.org/w replicas=1 image=v1
        @1.2 rs web-1 of=web replicas=1 image=v1
        @1.3 pod a of=web-1
        @2   pod a running ready
        @2.1 rs web-1 status=1/1
        @2.2 deploy web status=1/1/1
        @3   cr Widget.example.org w settled
        @6   pod a going grace=30
        @6.1 rs web-1 status=0/0
        @6.2 deploy web status=0/0/0
        @6.3 pod b of=web-1
        @7   pod a gone
        @8   pod b running ready
        @8.1 rs web-1 status=1/1
        @8.2 deploy web status=1/1/1
        @60 wait
        ",
        expect![[r#"
            create Widget w 1..3 completed {cause=spec:1, manager=kubectl, unstable}
              create Deployment web 1.1..2.2 completed
                create ReplicaSet web-1 1.2..2.1 completed {replicas.from=0, replicas.to=1}
                  start Pod a 1.3..2 completed
            recover Widget w 6..8 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000006}
              -> follows create Widget spec:1
              terminate Pod a 6..7 completed
              start Pod b 6.3..8 completed
        "#]],
    );
}

#[test]
fn a_pause_of_a_custom_resource_ends_when_its_controller_has_observed_it() {
    check(
        "
        @0 list
        @1   cr Widget.example.org w by=kubectl spec.size=1
        @2   cr Widget.example.org w settled observed
        @30  cr Widget.example.org w paused by=kubectl
        @33  cr Widget.example.org w settled observed
        @60  wait
        ",
        expect![[r#"
            create Widget w 1..2 completed {cause=spec:1, manager=kubectl}
            pause Widget w 30..33 paused {cause=spec:2, manager=kubectl, changed=paused}
        "#]],
    );
}

const LOST_ON_TRIAL: &str = "
        @0 list
        @1   cr Widget.example.org w by=kubectl spec.size=1
        @1.1 deploy web of=Widget.example.org/w replicas=1 image=v1
        @1.2 rs web-1 of=web replicas=1 image=v1
        @1.3 pod a of=web-1
        @2   pod a running ready
        @2.1 rs web-1 status=1/1
        @2.2 deploy web status=1/1/1
        @3   cr Widget.example.org w settled
        @6   pod a going grace=30
        @6.3 pod b of=web-1
        @7   pod a gone
        ";

#[test]
fn what_is_lost_on_trial_is_a_recover_too_where_the_next_write_ends_the_trial() {
    check(
        &format!(
            "{LOST_ON_TRIAL}
            @8   cr Widget.example.org w spec.size=2 progressing by=kubectl
            @9   pod b running ready
            @10  cr Widget.example.org w settled
            @60  wait
            "
        ),
        expect![[r#"
            create Widget w 1..3 completed {cause=spec:1, manager=kubectl, unstable}
              create Deployment web 1.1..2.2 completed
                create ReplicaSet web-1 1.2..2.1 completed {replicas.from=0, replicas.to=1}
                  start Pod a 1.3..2 completed
            recover Widget w 6..8 superseded {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000006}
              -> follows create Widget spec:1
              terminate Pod a 6..7 completed
              start Pod b 6.3..8 unfinished
                schedule Pod b 6.3..8 unfinished
            update Widget w 8..10 completed {cause=spec:2, manager=kubectl, changed=size}
              -> supersedes recover Widget pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000006
        "#]],
    );
}

#[test]
fn what_is_lost_on_trial_and_made_up_for_is_a_recover_that_ended_before_the_deletion() {
    check(
        &format!(
            "{LOST_ON_TRIAL}
            @8   pod b running ready
            @9   cr Widget.example.org w delete
            @9.1 pod b going grace=30
            @10  pod b gone
            @10.1 rs web-1 gone
            @10.2 deploy web gone
            @10.3 cr Widget.example.org w gone
            @60  wait
            "
        ),
        expect![[r#"
            create Widget w 1..3 completed {cause=spec:1, manager=kubectl, unstable}
              create Deployment web 1.1..2.2 completed
                create ReplicaSet web-1 1.2..2.1 completed {replicas.from=0, replicas.to=1}
                  start Pod a 1.3..2 completed
            recover Widget w 6..8 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000006}
              -> follows create Widget spec:1
              terminate Pod a 6..7 completed
              start Pod b 6.3..8 completed
            delete Widget w 9..10.3 completed {cause=delete}
              terminate Pod b 9.1..10 completed
              delete ReplicaSet web-1 10.1..10.1 completed
              delete Deployment web 10.2..10.2 completed
        "#]],
    );
}

#[test]
fn a_kind_that_has_never_said_anything_is_not_waited_for_at_each_write() {
    check_also(
        &["lifespan.verdict"],
        "
        @0 list
        @1   cr Plain.example.org p by=kubectl spec.size=1 mute
        @100 cr Plain.example.org p spec.size=2 by=kubectl
        @101 deploy web of=Plain.example.org/p replicas=1 image=v1
        @101.1 rs web-1 of=web replicas=1 image=v1
        @101.2 pod a of=web-1
        @102 pod a running ready
        @102.1 rs web-1 status=1/1
        @102.2 deploy web status=1/1/1
        @120 pod a going grace=30
        @120.1 pod b of=web-1
        @121 pod a gone
        @122 pod b running ready
        @160 wait
        ",
        expect![[r#"
            create Plain p 1..1 completed {cause=spec:1, manager=kubectl, verdict=none}
            update Plain p 100..102.2 completed {cause=spec:2, manager=kubectl, changed=size, verdict=none}
              create Deployment web 101..102.2 completed
                create ReplicaSet web-1 101.1..102.1 completed {replicas.from=0, replicas.to=1}
                  start Pod a 101.2..102 completed
            recover Plain p 120..122 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000120}
              terminate Pod a 120..121 completed
              start Pod b 120.1..122 completed
        "#]],
    );
}

#[test]
fn what_a_deployment_below_said_once_counts_whatever_its_pods_do_later() {
    check(
        "
        @0 list
        @1   cr Widget.example.org w by=kubectl spec.size=1
        @1.1 deploy web of=Widget.example.org/w replicas=1 image=v1
        @1.2 rs web-1 of=web replicas=1 image=v1
        @1.3 pod a of=web-1
        @2   pod a running ready
        @2.1 rs web-1 status=1/1
        @2.2 deploy web status=1/1/1
        @5   job seed of=Widget.example.org/w by=operator
        @6   pod a going grace=30
        @6.1 rs web-1 status=0/0
        @6.2 deploy web status=0/0/0
        @6.3 pod b of=web-1
        @7   pod a gone
        @8   pod b running ready
        @8.1 rs web-1 status=1/1
        @8.2 deploy web status=1/1/1
        @20  job seed settled
        @21  cr Widget.example.org w settled
        @60 wait
        ",
        expect![[r#"
            create Widget w 1..21 completed {cause=spec:1, manager=kubectl}
              create Deployment web 1.1..2.2 completed
                create ReplicaSet web-1 1.2..2.1 completed {replicas.from=0, replicas.to=1}
                  start Pod a 1.3..2 completed
              run Job seed 5..20 completed
              terminate Pod a 6..7 completed
              start Pod b 6.3..8 completed
        "#]],
    );
}

#[test]
fn what_is_lost_after_a_pause_was_observed_is_a_recover() {
    check(
        "
        @0 list
        @1   cr Widget.example.org w by=kubectl spec.size=1
        @1.1 deploy web of=Widget.example.org/w replicas=1 image=v1
        @1.2 rs web-1 of=web replicas=1 image=v1
        @1.3 pod a of=web-1
        @2   pod a running ready
        @2.1 rs web-1 status=1/1
        @2.2 deploy web status=1/1/1
        @3   cr Widget.example.org w settled observed
        @30  cr Widget.example.org w paused by=kubectl
        @31  cr Widget.example.org w settled observed
        @34  pod a going grace=30
        @34.1 pod b of=web-1
        @35  pod a gone
        @36  pod b running ready
        @60  wait
        ",
        expect![[r#"
            create Widget w 1..3 completed {cause=spec:1, manager=kubectl}
              create Deployment web 1.1..2.2 completed
                create ReplicaSet web-1 1.2..2.1 completed {replicas.from=0, replicas.to=1}
                  start Pod a 1.3..2 completed
            pause Widget w 30..31 paused {cause=spec:2, manager=kubectl, changed=paused, unstable}
            recover Widget w 34..36 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000034}
              -> follows pause Widget spec:2
              terminate Pod a 34..35 completed
              start Pod b 34.1..36 completed
        "#]],
    );
}
