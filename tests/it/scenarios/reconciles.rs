//! Writes below the topmost object while nothing is open (DESIGN §3, `reconcile` and rule 14).

use expect_test::{Expect, expect};

use super::script::{ZERO, run};
use super::tree::check_counts;
use crate::support::checks::number;

/// A custom resource with a Deployment of one Pod below it, all of it settled.
const SETTLED: &str = "
        @0 list
        @1   cr Database.example.org db by=kubectl spec.tier=a
        @1.1 deploy inner of=Database.example.org/db replicas=1 by=operator
        @1.2 rs inner-1 of=inner replicas=1 revision=1
        @1.3 pod a of=inner-1
        @2   pod a running ready
        @2.1 rs inner-1 status=1/1
        @2.2 deploy inner status=1/1/1
        @2.3 cr Database.example.org db settled
";

/// What is told of what follows on [`SETTLED`].
fn check(script: &str, expected: Expect) {
    check_counts(&format!("{SETTLED}{script}"), expected);
}

#[test]
fn a_workload_below_that_is_written_opens_a_reconcile() {
    check(
        "
        @30   deploy inner image=v2 by=operator
        @30.1 rs inner-2 of=inner replicas=1 image=v2
        @30.2 pod b of=inner-2
        @31   pod b running ready
        @31.1 rs inner-2 status=1/1
        @31.2 rs inner-1 replicas=0
        @31.3 pod a going grace=1
        @31.4 rs inner-1 status=0/0
        @31.5 deploy inner status=1/1/1
        @32   pod a gone
        @60 wait
        ",
        expect![[r#"
            create Database db 1..2.3 completed {cause=spec:1, manager=kubectl}
              create Deployment inner 1.1..2.2 completed
                create ReplicaSet inner-1 1.2..2.1 completed {replicas.from=0, replicas.to=1}
                  start Pod a 1.3..2 completed
            reconcile Database db 30..31.5 completed {cause=owned:0d83906a-63b6-f210-8001-73ad9b49e4dd:2, manager=operator, pods.terminating=1}
              -> follows create Database spec:1
              update Deployment inner 30..31.5 completed
                create ReplicaSet inner-2 30.1..31.1 completed {replicas.from=0, replicas.to=1}
                  start Pod b 30.2..31 completed
                scale ReplicaSet inner-1 31.2..31.4 completed {replicas.from=1, replicas.to=0}
                  terminate Pod a 31.3..32 completed {reason=scaled down}
            counted: churn 1
        "#]],
    );
}

#[test]
fn a_reconcile_fails_when_what_was_written_below_failed() {
    check(
        "
        @30   deploy inner image=v2 by=operator
        @30.1 rs inner-2 of=inner replicas=1 image=v2
        @30.2 pod b of=inner-2
        @31   pod b waiting=ErrImagePull
        @630  deploy inner deadline
        @700 wait
        ",
        expect![[r#"
            create Database db 1..2.3 completed {cause=spec:1, manager=kubectl}
              create Deployment inner 1.1..2.2 completed
                create ReplicaSet inner-1 1.2..2.1 completed {replicas.from=0, replicas.to=1}
                  start Pod a 1.3..2 completed
            reconcile Database db 30..630 failed ERROR ProgressDeadlineExceeded: it took too long (ErrImagePull: container app: it is so) {cause=owned:0d83906a-63b6-f210-8001-73ad9b49e4dd:2, manager=operator}
              -> follows create Database spec:1
              update Deployment inner 30..630 failed ERROR ProgressDeadlineExceeded: it took too long (ErrImagePull: container app: it is so)
                create ReplicaSet inner-2 30.1..630 unfinished ERROR ErrImagePull: container app: it is so {replicas.from=0, replicas.to=1}
                  start Pod b 30.2..630 unfinished ERROR ErrImagePull: container app: it is so
                    schedule Pod b 30.2..630 unfinished
            counted: churn 1
        "#]],
    );
}

#[test]
fn what_is_written_below_within_a_while_is_part_of_the_same_reconcile() {
    check(
        "
        @30   deploy inner replicas=2 by=hpa
        @30.1 rs inner-1 replicas=2
        @30.2 pod b of=inner-1
        @31   pod b running ready
        @31.1 rs inner-1 status=2/2
        @31.2 deploy inner status=2/2/2
        @36   deploy inner replicas=3 by=hpa
        @36.1 rs inner-1 replicas=3
        @36.2 pod c of=inner-1
        @37   pod c running ready
        @37.1 rs inner-1 status=3/3
        @37.2 deploy inner status=3/3/3
        @80 wait
        ",
        expect![[r#"
            create Database db 1..2.3 completed {cause=spec:1, manager=kubectl}
              create Deployment inner 1.1..2.2 completed
                create ReplicaSet inner-1 1.2..2.1 completed {replicas.from=0, replicas.to=1}
                  start Pod a 1.3..2 completed
            reconcile Database db 30..37.2 completed {cause=owned:0d83906a-63b6-f210-8001-73ad9b49e4dd:2, manager=hpa}
              -> follows create Database spec:1
              scale Deployment inner 30..31.2 completed
              scale ReplicaSet inner-1 30.1..37.1 completed {replicas.from=1, replicas.to=3}
                * 36.1 replicas changed replicas.from=2 replicas.to=3
                start Pod b 30.2..31 completed
                start Pod c 36.2..37 completed
              scale Deployment inner 36..37.2 completed
            counted: churn 1
        "#]],
    );
}

#[test]
fn how_many_pods_are_wanted_below_goes_to_and_fro_and_is_told_each_time() {
    check(
        "
        @30   deploy inner spec.minReadySeconds=1 replicas=2 by=hpa
        @30.1 rs inner-1 replicas=2
        @30.2 pod b of=inner-1
        @31   pod b running ready
        @31.1 rs inner-1 status=2/2
        @31.2 deploy inner status=2/2/2
        @60   deploy inner replicas=1 by=operator
        @60.1 deploy inner status=1/1/1
        @90 wait
        ",
        expect![[r#"
            create Database db 1..2.3 completed {cause=spec:1, manager=kubectl}
              create Deployment inner 1.1..2.2 completed
                create ReplicaSet inner-1 1.2..2.1 completed {replicas.from=0, replicas.to=1}
                  start Pod a 1.3..2 completed
            reconcile Database db 30..31.2 completed {cause=owned:0d83906a-63b6-f210-8001-73ad9b49e4dd:2, manager=hpa}
              -> follows create Database spec:1
              update Deployment inner 30..31.2 completed
                scale ReplicaSet inner-1 30.1..31.1 completed {replicas.from=1, replicas.to=2}
                  start Pod b 30.2..31 completed
            reconcile Database db 60..60.1 completed {cause=owned:0d83906a-63b6-f210-8001-73ad9b49e4dd:3, manager=operator}
              -> follows reconcile Database owned:0d83906a-63b6-f210-8001-73ad9b49e4dd:2
              scale Deployment inner 60..60.1 completed
            counted: churn 1
        "#]],
    );
}

#[test]
fn an_operand_that_is_deleted_by_hand_and_made_again_is_a_reconcile() {
    check(
        "
        @30   deploy inner gone
        @30.1 rs inner-1 gone
        @30.2 pod a going grace=0
        @30.3 pod a gone
        @30.5 deploy inner2 of=Database.example.org/db replicas=1 by=operator
        @30.6 rs inner2-1 of=inner2 replicas=1 revision=1
        @30.7 pod b of=inner2-1
        @32   pod b running ready
        @32.1 rs inner2-1 status=1/1
        @32.2 deploy inner2 status=1/1/1
        @60 wait
        ",
        expect![[r#"
            create Database db 1..2.3 completed {cause=spec:1, manager=kubectl}
              create Deployment inner 1.1..2.2 completed
                create ReplicaSet inner-1 1.2..2.1 completed {replicas.from=0, replicas.to=1}
                  start Pod a 1.3..2 completed
            reconcile Database db 30..32.2 completed {cause=owned:0d83906a-63b6-f210-8001-73ad9b49e4dd:gone}
              -> follows create Database spec:1
              delete Deployment inner 30..30.3 completed
                delete ReplicaSet inner-1 30.1..30.3 completed
                  terminate Pod a 30.2..30.3 completed
              create Deployment inner2 30.5..32.2 completed
                create ReplicaSet inner2-1 30.6..32.1 completed {replicas.from=0, replicas.to=1}
                  start Pod b 30.7..32 completed
            counted: churn 1
        "#]],
    );
}

#[test]
fn of_more_than_twelve_reconciles_in_an_hour_the_rest_is_counted_and_the_next_says_how_many() {
    let writes = (2..=15).map(|n| (60 * (n - 1), n)).chain([(3_700, 16)]);
    let writes = writes.map(|(at, n)| {
        format!(
            "
        @{at}   deploy inner image=v{n} by=operator
        @{at}.1 deploy inner status=1/1/1"
        )
    });
    let script = format!("{SETTLED}{}\n@3800 wait\n", writes.collect::<String>());
    let run = run(&script);
    let reconciles = run.spans.iter().filter(|span| span.name == "reconcile Database");
    let told: Vec<_> = reconciles
        .map(|root| {
            let second = root.start.seconds() - ZERO;
            (second, number(root, "lifespan.reconcile.omitted"))
        })
        .collect();
    let of_an_hour = (1..=12).map(|n| (60 * n, 0));
    assert_eq!(told, of_an_hour.chain([(3_700, 2)]).collect::<Vec<_>>());
}

// The operator gathers what it hears for a moment, and never saw its Pod restart.
#[test]
fn a_loss_on_trial_that_was_made_up_for_at_once_is_a_recover_that_ended_then() {
    check(
        "
        @5   pod a exit=1
        @6   pod a running ready
        @60  deploy inner image=v2 by=operator
        @60.1 deploy inner status=1/1/1
        @90 wait
        ",
        expect![[r#"
            create Database db 1..2.3 completed {cause=spec:1, manager=kubectl, unstable}
              create Deployment inner 1.1..2.2 completed
                create ReplicaSet inner-1 1.2..2.1 completed {replicas.from=0, replicas.to=1}
                  start Pod a 1.3..2 completed
            recover Database db 5..6 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000005, reason=Error}
              -> follows create Database spec:1
              restart container a [app] 5..6 completed {reason=Error, exit_code=1}
            reconcile Database db 60..60.1 completed {cause=owned:0d83906a-63b6-f210-8001-73ad9b49e4dd:2, manager=operator}
              -> follows recover Database pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000005
              update Deployment inner 60..60.1 completed
            counted: churn 1
        "#]],
    );
}

// With OnDelete, or below its partition, a write has no Pod come or go.
#[test]
fn what_is_written_below_just_after_a_recovery_is_part_of_it_though_no_pod_moves() {
    check(
        "
        @30   pod a exit=1
        @31   pod a running ready
        @35   deploy inner image=v2 by=operator
        @35.5 deploy inner status=1/1/1
        @60 wait
        ",
        expect![[r#"
            create Database db 1..2.3 completed {cause=spec:1, manager=kubectl}
              create Deployment inner 1.1..2.2 completed
                create ReplicaSet inner-1 1.2..2.1 completed {replicas.from=0, replicas.to=1}
                  start Pod a 1.3..2 completed
            recover Database db 30..35.5 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000030, reason=Error}
              restart container a [app] 30..31 completed {reason=Error, exit_code=1}
              update Deployment inner 35..35.5 completed
            counted: churn 1
        "#]],
    );
}

// Of a DaemonSet nobody writes how many Pods are wanted: nodes come and go.
#[test]
fn nodes_of_a_daemon_set_below_that_come_and_go_are_told_each_time() {
    check_counts(
        "
        @0 list
        @1   cr Database.example.org db by=kubectl spec.tier=a
        @1.1 ds inner of=Database.example.org/db desired=1 revision=r1 by=operator
        @1.2 pod a of=ds/inner revision=r1
        @2   pod a running ready
        @2.1 ds inner status=1/1/1
        @2.3 cr Database.example.org db settled
        @30   ds inner desired=2
        @30.1 pod b of=ds/inner revision=r1
        @31   pod b running ready
        @31.1 ds inner status=2/2/2
        @60   ds inner desired=1
        @60.1 pod b going grace=1
        @60.2 ds inner status=1/1/1
        @61   pod b gone
        @90   pod c of=ds/inner revision=r1
        @90.1 ds inner desired=2
        @91   pod c running ready
        @91.1 ds inner status=2/2/2
        @120   pod a going grace=1
        @120.1 ds inner desired=1
        @120.2 ds inner status=1/1/1
        @121   pod a gone
        @150 wait
        ",
        expect![[r#"
            create Database db 1..2.3 completed {cause=spec:1, manager=kubectl}
              create DaemonSet inner 1.1..2.1 completed
                start Pod a 1.2..2 completed
            reconcile Database db 30..31.1 completed {cause=owned:8b69a887-b265-9b3f-9020-da7970f69867:107}
              -> follows create Database spec:1
              scale DaemonSet inner 30..31.1 completed
                start Pod b 30.1..31 completed
            reconcile Database db 60..60.2 completed {cause=owned:8b69a887-b265-9b3f-9020-da7970f69867:111, pods.terminating=1}
              -> follows reconcile Database owned:8b69a887-b265-9b3f-9020-da7970f69867:107
              scale DaemonSet inner 60..60.2 completed
                terminate Pod b 60.1..61 completed {reason=scaled down}
            reconcile Database db 90..91.1 completed {cause=pods:f6ab8143-a283-d94f-7081-74e62f081fa6:1700000090}
              -> follows reconcile Database owned:8b69a887-b265-9b3f-9020-da7970f69867:111
              scale DaemonSet inner 90..91.1 completed
                start Pod c 90..91 completed
            reconcile Database db 120..120.2 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000120, pods.terminating=1}
              -> follows reconcile Database pods:f6ab8143-a283-d94f-7081-74e62f081fa6:1700000090
              scale DaemonSet inner 120..120.2 completed
                terminate Pod a 120..121 completed
            counted: churn 1
        "#]],
    );
}

// The write came before the transition that tells of it: there it begins with that (DESIGN §3.6).
#[test]
fn what_was_written_below_after_a_failure_and_is_still_open_is_told_by_what_comes_next() {
    check(
        "
        @30   cr Database.example.org db spec.tier=b by=kubectl progressing
        @31   cr Database.example.org db failed=NoQuorum
        @45   deploy inner image=v2 by=operator
        @45.1 rs inner-2 of=inner replicas=1 image=v2
        @45.2 pod b of=inner-2
        @50   cr Database.example.org db spec.tier=c by=kubectl progressing
        @55   pod b running ready
        @55.1 rs inner-2 status=1/1
        @55.2 rs inner-1 replicas=0
        @55.3 pod a going grace=1
        @55.4 rs inner-1 status=0/0
        @55.5 deploy inner status=1/1/1
        @56   cr Database.example.org db settled
        @57   pod a gone
        @90 wait
        ",
        expect![[r#"
            create Database db 1..2.3 completed {cause=spec:1, manager=kubectl}
              create Deployment inner 1.1..2.2 completed
                create ReplicaSet inner-1 1.2..2.1 completed {replicas.from=0, replicas.to=1}
                  start Pod a 1.3..2 completed
            update Database db 30..31 failed ERROR NoQuorum: it is so {cause=spec:2, manager=kubectl, changed=tier}
            update Database db 50..56 completed {cause=spec:3, manager=kubectl, changed=tier, pods.terminating=1}
              -> follows update Database spec:2
              update Deployment inner 50..55.5 completed
                create ReplicaSet inner-2 50..55.1 completed {replicas.from=0, replicas.to=1}
                  start Pod b 50..55 completed
                scale ReplicaSet inner-1 55.2..55.4 completed {replicas.from=1, replicas.to=0}
                  terminate Pod a 55.3..57 completed {reason=scaled down}
            counted: churn 3
        "#]],
    );
}

#[test]
fn a_reconcile_lasts_until_what_was_deleted_in_it_is_gone_and_what_comes_soon_after_is_of_it() {
    check(
        "
        @30   deploy inner gone
        @30.1 rs inner-1 gone
        @30.2 pod a going grace=9
        @30.5 deploy inner2 of=Database.example.org/db replicas=1 by=operator
        @30.6 rs inner2-1 of=inner2 replicas=1 revision=1
        @30.7 pod b of=inner2-1
        @32   pod b running ready
        @32.2 rs inner2-1 status=1/1
        @32.3 deploy inner2 status=1/1/1
        @38   pod a gone
        @45   deploy inner2 image=v2 by=operator
        @45.1 deploy inner2 status=1/1/1
        @90 wait
        ",
        expect![[r#"
            create Database db 1..2.3 completed {cause=spec:1, manager=kubectl}
              create Deployment inner 1.1..2.2 completed
                create ReplicaSet inner-1 1.2..2.1 completed {replicas.from=0, replicas.to=1}
                  start Pod a 1.3..2 completed
            reconcile Database db 30..45.1 completed {cause=owned:0d83906a-63b6-f210-8001-73ad9b49e4dd:gone}
              -> follows create Database spec:1
              delete Deployment inner 30..38 completed
                delete ReplicaSet inner-1 30.1..38 completed
                  terminate Pod a 30.2..38 completed
              create Deployment inner2 30.5..32.3 completed
                create ReplicaSet inner2-1 30.6..32.2 completed {replicas.from=0, replicas.to=1}
                  start Pod b 30.7..32 completed
              update Deployment inner2 45..45.1 completed
            counted: churn 1
        "#]],
    );
}

// Its Pods go on for as long as they need, and no others come for them.
#[test]
fn a_workload_below_that_is_gone_wants_no_pods_any_more() {
    check(
        "
        @30   cr Database.example.org db spec.tier=b by=kubectl progressing
        @30.1 deploy inner gone
        @30.2 rs inner-1 gone
        @30.3 pod a going grace=9
        @30.5 deploy inner2 of=Database.example.org/db replicas=2 by=operator
        @30.6 rs inner2-1 of=inner2 replicas=2 revision=1
        @30.7 pod b of=inner2-1
        @30.8 pod c of=inner2-1
        @32   pod b running ready
        @32.1 pod c running ready
        @32.2 rs inner2-1 status=2/2
        @32.3 deploy inner2 status=2/2/2
        @32.5 cr Database.example.org db settled
        @35   deploy inner2 replicas=1 by=hpa
        @35.1 rs inner2-1 replicas=1
        @35.2 pod c going grace=1
        @35.3 rs inner2-1 status=1/1
        @35.4 deploy inner2 status=1/1/1
        @36   pod c gone
        @38   pod a gone
        @60 wait
        ",
        expect![[r#"
            create Database db 1..2.3 completed {cause=spec:1, manager=kubectl}
              create Deployment inner 1.1..2.2 completed
                create ReplicaSet inner-1 1.2..2.1 completed {replicas.from=0, replicas.to=1}
                  start Pod a 1.3..2 completed
            update Database db 30..38 completed {cause=spec:2, manager=kubectl, changed=tier}
              delete Deployment inner 30.1..38 completed
                delete ReplicaSet inner-1 30.2..38 completed
                  terminate Pod a 30.3..38 completed
              create Deployment inner2 30.5..32.3 completed
              create ReplicaSet inner2-1 30.6..35.3 completed {replicas.from=0, replicas.to=1}
                * 35.1 replicas changed replicas.from=2 replicas.to=1
                start Pod b 30.7..32 completed
                start Pod c 30.8..32.1 completed
                terminate Pod c 35.2..36 completed {reason=scaled down}
              scale Deployment inner2 35..35.4 completed
            counted: churn 2
        "#]],
    );
}

#[test]
fn a_pod_that_was_lost_before_a_workload_was_written_stands_beside_what_that_does() {
    check(
        "
        @29   sts other of=Database.example.org/db replicas=1 revision=r1 by=operator
        @29.1 pod other-0 of=sts/other revision=r1
        @29.2 pod other-0 running ready
        @29.3 sts other status=1/1/1
        @60   pod other-0 going grace=9
        @61   sts other replicas=2 by=hpa
        @61.5 pod other-1 of=sts/other revision=r1
        @62   pod other-1 running ready
        @63   cr Database.example.org db spec.tier=b by=kubectl
        @64   pod other-0 gone
        @64.1 pod other-0b name=other-0 of=sts/other revision=r1
        @65   pod other-0b running ready
        @65.1 sts other status=2/2/2
        @66   cr Database.example.org db settled
        @90 wait
        ",
        expect![[r#"
            create Database db 1..2.3 completed {cause=spec:1, manager=kubectl}
              create Deployment inner 1.1..2.2 completed
                create ReplicaSet inner-1 1.2..2.1 completed {replicas.from=0, replicas.to=1}
                  start Pod a 1.3..2 completed
            reconcile Database db 29..29.3 completed {cause=owned:65f3f7e4-e106-911d-d857-2c91208e90be:1, manager=operator}
              -> follows create Database spec:1
              create StatefulSet other 29..29.3 completed
                start Pod other-0 29.1..29.2 completed
            recover Database db 60..63 superseded {cause=pods:3a224294-336c-a730-b98a-c583a19121fc:1700000060, pods.terminating=1}
              terminate Pod other-0 60..64 completed
              scale StatefulSet other 61..63 unfinished
                start Pod other-1 61.5..62 completed
            update Database db 63..66 completed {cause=spec:2, manager=kubectl, changed=tier}
              -> supersedes recover Database pods:3a224294-336c-a730-b98a-c583a19121fc:1700000060
              start Pod other-0 64.1..65 completed
            counted: churn 2
        "#]],
    );
}

#[test]
fn what_a_recovery_brought_back_before_a_workload_below_was_written_is_no_part_of_that_write() {
    check(
        "
        @60  pod a going grace=1
        @60.1 pod c of=inner-1
        @61  pod a gone
        @400 deploy inner replicas=2 by=operator
        @400.1 rs inner-1 replicas=2
        @400.2 pod d of=inner-1
        @402 pod c running ready
        @402 pod d running ready
        @402.1 rs inner-1 status=2/2
        @402.2 deploy inner status=2/2/2
        @450 wait
        ",
        expect![[r#"
            create Database db 1..2.3 completed {cause=spec:1, manager=kubectl}
              create Deployment inner 1.1..2.2 completed
                create ReplicaSet inner-1 1.2..2.1 completed {replicas.from=0, replicas.to=1}
                  start Pod a 1.3..2 completed
            recover Database db 60..402.2 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000060}
              terminate Pod a 60..61 completed
              start Pod c 60.1..402 completed
              scale Deployment inner 400..402.2 completed
                scale ReplicaSet inner-1 400.1..402.1 completed {replicas.from=1, replicas.to=2}
                  start Pod d 400.2..402 completed
            counted: churn 1
        "#]],
    );
}
