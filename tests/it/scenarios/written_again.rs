//! What is written below twice in one transition (DESIGN §4 and §6).

use expect_test::expect;

use super::tree::check;

#[test]
fn what_is_written_again_after_it_had_settled_has_a_second_span() {
    check(
        "
        @0 list
        @1   cr Database.example.org db by=kubectl spec.tier=a
        @1.1 sts inner of=Database.example.org/db replicas=1 revision=r1 by=operator
        @1.2 pod inner-0 of=sts/inner revision=r1
        @2   pod inner-0 running ready
        @2.1 sts inner status=1/1/1
        @5   sts inner replicas=2 by=operator
        @5.1 pod inner-1 of=sts/inner revision=r1
        @6   pod inner-1 running ready
        @6.1 sts inner status=2/2/2
        @7   cr Database.example.org db settled
        @60 wait
        ",
        expect![[r#"
            create Database db 1..7 completed {cause=spec:1, manager=kubectl}
              create StatefulSet inner 1.1..2.1 completed
                start Pod inner-0 1.2..2 completed
              scale StatefulSet inner 5..6.1 completed
                start Pod inner-1 5.1..6 completed
        "#]],
    );
}

#[test]
fn what_is_written_again_before_it_had_settled_has_one_span() {
    check(
        "
        @0 list
        @1   cr Database.example.org db by=kubectl spec.tier=a
        @1.1 sts inner of=Database.example.org/db replicas=1 revision=r1 by=operator
        @1.2 pod inner-0 of=sts/inner revision=r1
        @1.5 sts inner replicas=2 by=operator
        @2   pod inner-0 running ready
        @2.1 sts inner status=1/1/1
        @5.1 pod inner-1 of=sts/inner revision=r1
        @6   pod inner-1 running ready
        @6.1 sts inner status=2/2/2
        @7   cr Database.example.org db settled
        @60 wait
        ",
        expect![[r#"
            create Database db 1..7 completed {cause=spec:1, manager=kubectl}
              create StatefulSet inner 1.1..6.1 completed
                * 1.5 replicas changed replicas.from=1 replicas.to=2
                start Pod inner-0 1.2..2 completed
                start Pod inner-1 5.1..6 completed
        "#]],
    );
}

#[test]
fn what_had_failed_and_is_written_again_has_a_second_span() {
    check(
        "
        @0 list
        @1   cr Database.example.org db by=kubectl spec.tier=a
        @1.1 deploy inner of=Database.example.org/db replicas=1 image=bad by=operator
        @1.2 rs inner-1 of=inner replicas=1 image=bad revision=1
        @1.3 pod a of=inner-1
        @20  deploy inner deadline
        @30  deploy inner image=good by=operator
        @30.1 rs inner-2 of=inner replicas=1 image=good
        @30.2 pod b of=inner-2
        @31  pod b running ready
        @31.1 rs inner-2 status=1/1
        @31.2 rs inner-1 replicas=0
        @31.3 pod a going grace=0
        @31.4 pod a gone
        @31.5 rs inner-1 status=0/0
        @31.6 deploy inner status=1/1/1 reason=NewReplicaSetAvailable
        @32  cr Database.example.org db settled
        @60 wait
        ",
        expect![[r#"
            create Database db 1..32 completed {cause=spec:1, manager=kubectl}
              create Deployment inner 1.1..20 failed ERROR ProgressDeadlineExceeded: it took too long
              create ReplicaSet inner-1 1.2..31.5 completed {replicas.from=0, replicas.to=0}
                * 31.2 replicas changed replicas.from=1 replicas.to=0
                start Pod a 1.3..31.3 deleted
                terminate Pod a 31.3..31.4 completed {reason=scaled down}
              update Deployment inner 30..31.6 completed
                create ReplicaSet inner-2 30.1..31.1 completed {replicas.from=0, replicas.to=1}
                  start Pod b 30.2..31 completed
        "#]],
    );
}

#[test]
fn what_is_deleted_before_it_had_settled_ends_deleted_and_its_deletion_is_told_too() {
    check(
        "
        @0 list
        @1   cr Database.example.org db by=kubectl spec.tier=a
        @1.1 sts inner of=Database.example.org/db replicas=1 revision=r1 by=operator
        @1.2 pod inner-0 of=sts/inner revision=r1
        @5   sts inner gone
        @5.1 pod inner-0 going grace=1
        @6   pod inner-0 gone
        @7   sts other of=Database.example.org/db replicas=1 revision=r1 by=operator
        @7.1 pod other-0 of=sts/other revision=r1
        @8   pod other-0 running ready
        @8.1 sts other status=1/1/1
        @9   cr Database.example.org db settled
        @60 wait
        ",
        expect![[r#"
            create Database db 1..9 completed {cause=spec:1, manager=kubectl}
              create StatefulSet inner 1.1..5.1 deleted
                start Pod inner-0 1.2..5.1 deleted
              delete StatefulSet inner 5..6 completed
                terminate Pod inner-0 5.1..6 completed
              create StatefulSet other 7..8.1 completed
                start Pod other-0 7.1..8 completed
        "#]],
    );
}

#[test]
fn a_run_below_that_is_suspended_and_resumed_runs_twice() {
    check(
        "
        @0 list
        @1   cr JobSet.jobset.x-k8s.io train mode=run by=kubectl
        @1.1 job train-0 of=JobSet.jobset.x-k8s.io/train
        @1.2 pod x of=job/train-0 restarts=Never
        @2   pod x running
        @10  job train-0 suspended
        @10.1 pod x going grace=0
        @10.2 pod x gone
        @40  job train-0 resumed
        @40.1 pod y of=job/train-0 restarts=Never
        @41  pod y running
        @50  pod y exit=0 succeeded
        @50.1 job train-0 settled
        @50.2 cr JobSet.jobset.x-k8s.io train settled
        @90 wait
        ",
        expect![[r#"
            run JobSet train 1..50.2 completed {cause=spec:1, manager=kubectl}
              run Job train-0 1.1..10.2 suspended
                run Pod x 1.2..10.2 deleted
                  start Pod x 1.2..2 completed
                  run container x [app] 2..10.2 unfinished
              terminate Pod x 10.1..10.2 completed
              run Job train-0 40..50.1 completed
                run Pod y 40.1..50 completed
                  start Pod y 40.1..41 completed
                  run container y [app] 41..50 completed {reason=Completed, exit_code=0}
        "#]],
    );
}

#[test]
fn a_replica_set_that_reaches_over_two_spans_of_its_deployment_stands_beside_them() {
    check(
        "
        @0 list
        @1   cr Database.example.org db by=kubectl spec.tier=a
        @1.1 deploy inner of=Database.example.org/db replicas=1 by=operator
        @1.2 rs inner-1 of=inner replicas=1 revision=1
        @1.3 pod a of=inner-1
        @2   pod a running ready
        @2.1 rs inner-1 status=1/1
        @2.2 deploy inner status=1/1/1
        @5   deploy inner replicas=2 by=operator
        @5.1 rs inner-1 replicas=2
        @5.2 pod b of=inner-1
        @6   pod b running ready
        @6.1 rs inner-1 status=2/2
        @6.2 deploy inner status=2/2/2
        @7   cr Database.example.org db settled
        @60 wait
        ",
        expect![[r#"
            create Database db 1..7 completed {cause=spec:1, manager=kubectl}
              create Deployment inner 1.1..2.2 completed
              create ReplicaSet inner-1 1.2..6.1 completed {replicas.from=0, replicas.to=2}
                * 5.1 replicas changed replicas.from=1 replicas.to=2
                start Pod a 1.3..2 completed
                start Pod b 5.2..6 completed
              scale Deployment inner 5..6.2 completed
        "#]],
    );
}

// An old revision of a rollout that hangs, of which a Pod is evicted.
#[test]
fn what_had_settled_reaches_to_the_last_of_what_is_below_it_though_its_transition_is_cut_off() {
    check(
        "
        @0 list
        @1   cr Database.example.org db by=kubectl spec.tier=a
        @1.1 deploy inner of=Database.example.org/db replicas=1 by=operator
        @1.2 rs inner-1 of=inner replicas=1 revision=1
        @1.3 pod a of=inner-1
        @2   pod a running ready
        @2.1 rs inner-1 status=1/1
        @2.2 deploy inner status=1/1/1
        @3   deploy inner image=bad by=operator
        @3.1 rs inner-2 of=inner replicas=1 image=bad
        @3.2 pod b of=inner-2
        @40  pod a going grace=1
        @40.1 pod c of=inner-1
        @40.2 rs inner-1 status=1/0
        @41  pod c running ready
        @41.1 rs inner-1 status=1/1
        @42  pod a gone
        @50  cr Database.example.org db spec.tier=b by=kubectl
        @60 wait
        ",
        expect![[r#"
            create Database db 1..50 superseded {cause=spec:1, manager=kubectl}
              create Deployment inner 1.1..41.1 completed
                create ReplicaSet inner-1 1.2..41.1 completed {replicas.from=0, replicas.to=1}
                  start Pod a 1.3..2 completed
                  terminate Pod a 40..42 completed
                  start Pod c 40.1..41 completed
              update Deployment inner 3..50 unfinished
                create ReplicaSet inner-2 3.1..50 unfinished {replicas.from=0, replicas.to=1}
                  start Pod b 3.2..50 unfinished
                    schedule Pod b 3.2..50 unfinished
            open: update Database db spec:2
        "#]],
    );
}
