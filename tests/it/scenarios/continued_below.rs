//! DESIGN §3, after a list: what goes on of custom resources, and below them.

use expect_test::expect;

use super::tree::{check, check_full};

// The trace is that of whoever was there when it began: `a_write_below_...` of `reconciles`.
#[test]
fn a_rollout_below_what_has_settled_goes_on_as_the_reconcile_that_it_is() {
    check(
        "
        @-60 missed cr Database.example.org db by=kubectl
        @-59 missed deploy inner of=Database.example.org/db replicas=1 image=v1 by=operator
        @-58 missed rs inner-1 of=inner replicas=1 image=v1
        @-57 missed pod a of=inner-1
        @-56 missed pod a running ready
        @-55 missed rs inner-1 status=1/1
        @-54 missed deploy inner status=1/1/1
        @-53 missed cr Database.example.org db settled
        @-3  missed deploy inner image=v2 by=operator
        @-2  missed rs inner-2 of=inner replicas=1 image=v2
        @-1  missed pod b of=inner-2
        @-1  missed deploy inner status=1/2/1 reason=ReplicaSetUpdated
        @0 list
        @1   pod b running ready
        @1.1 rs inner-2 status=1/1
        @1.2 rs inner-1 replicas=0
        @1.3 pod a going grace=1
        @1.4 rs inner-1 status=0/0
        @1.5 deploy inner status=1/1/1
        @2   pod a gone
        @60 wait
        ",
        expect![[r#"
            reconcile Database db -3..1.5 completed {cause=owned:0d83906a-63b6-f210-8001-73ad9b49e4dd:2, pods.terminating=1}
              update Deployment inner -3..1.5 completed
                create ReplicaSet inner-2 -2..1.1 completed {replicas.from=0, replicas.to=1}
                  start Pod b -1..1 completed
                scale ReplicaSet inner-1 1.2..1.4 completed {replicas.from=1, replicas.to=0}
                  terminate Pod a 1.3..2 completed {reason=scaled down}
        "#]],
    );
}

#[test]
fn a_stateful_set_below_that_was_just_created_goes_on_with_its_pods() {
    check(
        "
        @-60 missed cr Database.example.org db by=kubectl
        @-53 missed cr Database.example.org db settled
        @-3  missed sts inner of=Database.example.org/db replicas=2 revision=r1 by=operator
        @-2  missed pod inner-0 of=sts/inner revision=r1
        @-1  missed sts inner status=1/1/0
        @0 list
        @1   pod inner-0 running ready
        @1.1 pod inner-1 of=sts/inner revision=r1
        @2   pod inner-1 running ready
        @2.1 sts inner status=2/2/2
        @60 wait
        ",
        expect![[r#"
            reconcile Database db -3..2.1 completed {cause=owned:7dc3667d-2506-911d-d857-327b7df28d4c:1}
              create StatefulSet inner -3..2.1 completed
                start Pod inner-0 -2..1 completed
                start Pod inner-1 1.1..2 completed
        "#]],
    );
}

#[test]
fn a_custom_resource_that_says_of_its_first_spec_that_it_is_at_work_goes_on() {
    check(
        "
        @-60 missed cr Database.example.org db by=kubectl
        @-53 missed cr Database.example.org db busy
        @0 list
        @10 cr Database.example.org db settled
        @60 wait
        ",
        expect![[r#"
            create Database db -60..10 completed {cause=spec:1}
        "#]],
    );
}

// It had been well for long enough: what it is at now is something else.
#[test]
fn a_custom_resource_that_is_at_work_again_at_its_first_spec_is_not_created() {
    check(
        "
        @-60 missed cr Database.example.org db by=kubectl
        @-13 missed cr Database.example.org db busy
        @0 list
        @10 cr Database.example.org db settled
        @60 wait
        ",
        expect![[r#"
            nothing
        "#]],
    );
}

// It may have been well for months.
#[test]
fn a_custom_resource_that_only_is_not_well_proves_nothing_in_progress() {
    check(
        "
        @-60 missed cr Database.example.org db by=kubectl
        @-53 missed cr Database.example.org db progressing
        @0 list
        @10 cr Database.example.org db settled
        @60 wait
        ",
        expect![[r#"
            nothing
        "#]],
    );
}

#[test]
fn what_was_only_scaled_below_is_no_news_of_a_list() {
    check(
        "
        @-600 missed cr Database.example.org db by=kubectl
        @-599 missed deploy inner of=Database.example.org/db replicas=1 by=operator
        @-598 missed rs inner-1 of=inner replicas=1
        @-597 missed pod a of=inner-1
        @-596 missed pod a running ready
        @-595 missed rs inner-1 status=1/1
        @-594 missed deploy inner status=1/1/1
        @-593 missed cr Database.example.org db settled
        @-1  missed deploy inner replicas=2 by=hpa/scale
        @0 list
        @0.1 rs inner-1 replicas=2
        @0.2 pod b of=inner-1
        @1   pod b running ready
        @1.1 rs inner-1 status=2/2
        @1.2 deploy inner status=2/2/2
        @60 wait
        ",
        expect![[r#"
            reconcile Database db 0.1..1.1 completed {cause=owned:5cf3d79d-b619-32c0-5b14-09f93273493f:2, manager=controller}
              scale ReplicaSet inner-1 0.1..1.1 completed {replicas.from=1, replicas.to=2}
                start Pod b 0.2..1 completed
        "#]],
    );
}

#[test]
fn a_daemon_set_below_that_a_node_has_joined_is_not_created_still() {
    check(
        "
        @-600 missed cr Database.example.org db by=kubectl
        @-599 missed ds agent of=Database.example.org/db revision=r1 by=operator
        @-598 missed pod a1 of=ds/agent revision=r1
        @-597 missed pod a1 running ready
        @-596 missed ds agent status=1/1/1 desired=1
        @-593 missed cr Database.example.org db settled
        @-1  missed ds agent status=1/1/1 desired=2
        @0 list
        @1   pod a2 of=ds/agent revision=r1
        @2   pod a2 running ready
        @2.1 ds agent status=2/2/2 desired=2
        @60 wait
        ",
        expect![[r#"
            nothing
        "#]],
    );
}

#[test]
fn a_custom_resource_that_has_been_at_work_since_it_was_written_goes_on_with_that() {
    check(
        "
        @-600 missed cr Database.example.org db by=kubectl spec.tier=a
        @-593 missed cr Database.example.org db settled
        @-9   missed cr Database.example.org db by=kubectl spec.tier=b
        @-8   missed cr Database.example.org db busy
        @-7   missed deploy inner of=Database.example.org/db replicas=1 by=operator
        @0 list
        @10 rs inner-1 of=inner replicas=1
        @10.1 pod a of=inner-1
        @11 pod a running ready
        @11.1 rs inner-1 status=1/1
        @11.2 deploy inner status=1/1/1
        @12 cr Database.example.org db settled
        @60 wait
        ",
        expect![[r#"
            update Database db -9..12 completed {cause=spec:2}
              create Deployment inner -7..11.2 completed
                create ReplicaSet inner-1 10..11.1 completed {replicas.from=0, replicas.to=1}
                  start Pod a 10.1..11 completed
        "#]],
    );
}

// In whatever order they are configured and listed.
#[test]
fn what_goes_on_below_two_custom_resources_is_of_the_topmost() {
    check(
        "
        @-60 missed cr Alpha.example.org a of=Zeta.example.org/z by=operator
        @-60 missed cr Zeta.example.org z by=kubectl
        @-53 missed cr Alpha.example.org a settled
        @-53 missed cr Zeta.example.org z settled
        @-3  missed deploy inner of=Alpha.example.org/a replicas=1 by=operator
        @0 list
        @10 rs inner-1 of=inner replicas=1
        @10.1 pod p of=inner-1
        @11 pod p running ready
        @11.1 rs inner-1 status=1/1
        @11.2 deploy inner status=1/1/1
        @60 wait
        ",
        expect![[r#"
            reconcile Zeta z -3..11.2 completed {cause=owned:0d83906a-63b6-f210-8001-73ad9b49e4dd:1}
              create Deployment inner -3..11.2 completed
                create ReplicaSet inner-1 10..11.1 completed {replicas.from=0, replicas.to=1}
                  start Pod p 10.1..11 completed
        "#]],
    );
}

// Whoever wrote it left no time: it was before the status that speaks of it was listed.
#[test]
fn a_write_below_of_which_no_time_is_known_is_as_unsure_as_what_a_list_shows() {
    check_full(
        "
        @-60 missed cr Database.example.org db by=kubectl
        @-59 missed sts inner of=Database.example.org/db replicas=1 revision=r1 by=operator/scale
        @-58 missed pod inner-0 of=sts/inner revision=r1
        @-57 missed pod inner-0 running ready
        @-56 missed sts inner status=1/1/1
        @-53 missed cr Database.example.org db settled
        @-5  missed sts inner image=v2 revision=r2 by=operator/scale
        @-4  missed sts inner status=0/1/1 mixed
        @0 list
        @1   pod inner-0 going grace=0
        @1.1 pod inner-0 gone
        @1.2 pod inner-0b of=sts/inner revision=r2
        @2   pod inner-0b running ready
        @2.1 sts inner status=1/1/1
        @60 wait
        ",
        expect![[r#"
            reconcile Database db -4..2.1 completed {cause=owned:7dc3667d-2506-911d-d857-327b7df28d4c:2, start.source=object, end.source=watch, time.uncertainty_ms=4000}
              update StatefulSet inner -4..2.1 completed {actor=controller, start.source=object, end.source=watch, time.uncertainty_ms=4000}
                terminate Pod inner-0 1..1.1 completed {start.source=watch, end.source=watch, time.uncertainty_ms=100}
                start Pod inner-0b 1.2..2 completed {start.source=watch, end.source=watch, time.uncertainty_ms=200}
                  schedule Pod inner-0b 1.2..2 {actor=scheduler, start.source=watch, end.source=watch, time.uncertainty_ms=200}
        "#]],
    );
}
