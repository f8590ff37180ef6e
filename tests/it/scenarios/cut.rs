//! What is still open when its transition ends, told as it was then (DESIGN §4.2): the order decides
//! what belongs, not the times.

use expect_test::expect;

use super::tree::check_full;

// Under OnDelete an update settles when it is observed, whatever starts.
#[test]
fn what_is_told_after_a_transition_has_settled_is_no_part_of_a_start_that_was_open() {
    check_full(
        "
        @-101 missed sts db ondelete
        @0 settled sts/db db-0 db-1
        @5   sts db image=v2 by=kubectl
        @5.1 pod db-1b of=sts/db revision=r2
        @5.2 pod db-1b scheduled
        @5.3 event pod/db-1b Pulling app
        @6   sts db revision=r2 status=0/2/2 mixed
        @7   event pod/db-1b Pulled app took=1700ms
        @8   pod db-1b running
        @8.1 event pod/db-1b Started app
        @9   pod db-1b ready
        @40 wait
        ",
        expect![[r#"
            update StatefulSet db 5..6 completed {cause=spec:3, manager=kubectl, changed=template.spec.containers[app].image, start.source=watch, end.source=watch}
              start Pod db-1b 5.1..6 unfinished {start.source=watch, end.source=watch, time.uncertainty_ms=100}
                * 5.3 Pulling container.name=app
                schedule Pod db-1b 5.1..5.2 {actor=scheduler, start.source=watch, end.source=watch, time.uncertainty_ms=200}
                prepare Pod sandbox db-1b 5.2..5.3 {actor=kubelet, start.source=watch, end.source=event, time.uncertainty_ms=200}
                pull image db-1b [app] 5.3..6 unfinished {actor=kubelet, start.source=event, end.source=watch}
        "#]],
    );
}

// By the clock of its node it was pulled before the update settled; it was written after that.
#[test]
fn the_clock_of_a_node_takes_no_step_into_a_transition_that_had_settled() {
    check_full(
        "
        @-101 missed sts db ondelete
        @0 settled sts/db db-0 db-1
        @5   sts db image=v2 by=kubectl
        @5.1 pod db-1b of=sts/db revision=r2
        @5.2 pod db-1b scheduled
        @6   sts db revision=r2 status=0/2/2 mixed
        @5.4 event pod/db-1b Pulling app late=1000
        @40 wait
        ",
        expect![[r#"
            update StatefulSet db 5..6 completed {cause=spec:3, manager=kubectl, changed=template.spec.containers[app].image, start.source=watch, end.source=watch}
              start Pod db-1b 5.1..6 unfinished {start.source=watch, end.source=watch, time.uncertainty_ms=100}
                * 5.4 Pulling container.name=app
                schedule Pod db-1b 5.1..5.2 {actor=scheduler, start.source=watch, end.source=watch, time.uncertainty_ms=200}
                prepare Pod sandbox db-1b 5.2..6 unfinished {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=200}
        "#]],
    );
}

// What had settled if that lasts had settled when it came.
#[test]
fn what_is_told_while_a_verdict_is_on_trial_is_no_part_of_a_start_that_stays_open() {
    check_full(
        "
        @0 list
        @1   cr Database.example.org db by=kubectl spec.tier=a
        @2   pod a of=Database.example.org/db
        @2.1 pod a scheduled
        @2.2 event pod/a Pulling app
        @4   cr Database.example.org db settled
        @6   event pod/a Pulled app took=3800ms
        @7   pod a running
        @40 wait
        ",
        expect![[r#"
            create Database db 1..4 completed {cause=spec:1, manager=kubectl, start.source=watch, end.source=watch}
              start Pod a 2..4 unfinished {start.source=watch, end.source=watch}
                * 2.2 Pulling container.name=app
                schedule Pod a 2..2.1 {actor=scheduler, start.source=watch, end.source=watch, time.uncertainty_ms=100}
                prepare Pod sandbox a 2.1..2.2 {actor=kubelet, start.source=watch, end.source=event, time.uncertainty_ms=100}
                pull image a [app] 2.2..4 unfinished {actor=kubelet, start.source=event, end.source=watch}
        "#]],
    );
}

#[test]
fn what_comes_while_a_failure_is_on_trial_belongs_to_what_heals_it() {
    check_full(
        "
        @0 list
        @1   cr Database.example.org db by=kubectl spec.tier=a
        @2   pod a of=Database.example.org/db
        @2.1 pod a scheduled
        @4   cr Database.example.org db failed=NoQuorum
        @6   pod a running ready
        @7   pod b of=Database.example.org/db
        @9   pod b running ready
        @30  cr Database.example.org db settled
        @60 wait
        ",
        expect![[r#"
            create Database db 1..4 failed ERROR NoQuorum: it is so {cause=spec:1, manager=kubectl, start.source=watch, end.source=watch}
              start Pod a 2..4 unfinished {start.source=watch, end.source=watch}
                schedule Pod a 2..2.1 {actor=scheduler, start.source=watch, end.source=watch, time.uncertainty_ms=100}
                prepare Pod sandbox a 2.1..4 unfinished {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=100}
            recover Database db 4..30 completed {cause=heal:spec:1, start.source=watch, end.source=watch}
              -> follows create Database spec:1
              start Pod b 7..9 completed {start.source=watch, end.source=watch}
                schedule Pod b 7..9 {actor=scheduler, start.source=watch, end.source=watch}
        "#]],
    );
}

#[test]
fn what_a_pod_still_does_when_it_is_asked_to_go_is_no_part_of_its_start() {
    check_full(
        "
        @0 list
        @1   sts db replicas=1 by=kubectl
        @1.1 pod db-0 of=sts/db scheduled
        @1.2 event pod/db-0 Pulling app
        @3   pod db-0 going grace=30
        @4   event pod/db-0 Pulled app took=2800ms
        @4.5 event pod/db-0 Started app
        @5   pod db-0 gone
        @5.1 pod db-0b name=db-0 of=sts/db
        @7   pod db-0b running ready
        @7.1 sts db status=1/1/1
        @40 wait
        ",
        expect![[r#"
            create StatefulSet db 1..7.1 completed {cause=spec:1, manager=kubectl, start.source=watch, end.source=watch, time.uncertainty_ms=100}
              start Pod db-0 1.1..3 deleted {start.source=watch, end.source=watch, time.uncertainty_ms=99}
                * 1.2 Pulling container.name=app
                schedule Pod db-0 1.1..1.1 {actor=scheduler, start.source=watch, end.source=watch, time.uncertainty_ms=100}
                prepare Pod sandbox db-0 1.1..1.2 {actor=kubelet, start.source=watch, end.source=event, time.uncertainty_ms=100}
                pull image db-0 [app] 1.2..3 {actor=kubelet, start.source=event, end.source=watch}
              terminate Pod db-0 3..5 completed {start.source=watch, end.source=watch}
                * 4 Pulled container.name=app
                * 4.5 Started container.name=app
              start Pod db-0 5.1..7 completed {start.source=watch, end.source=watch, time.uncertainty_ms=100}
                schedule Pod db-0 5.1..7 {actor=scheduler, start.source=watch, end.source=watch, time.uncertainty_ms=100}
        "#]],
    );
}
