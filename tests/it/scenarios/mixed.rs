//! Runs and rollouts in one tree, and what becomes of what is closed twice (DESIGN §1, §3).

use expect_test::expect;

use super::tree::check;

#[test]
fn a_run_below_an_owner_with_something_open_is_part_of_it() {
    check(
        "
        @0 list
        @1   cr Shop.example front by=kubectl spec.a=1
        @1.1 job migrate of=Shop.example/front
        @1.2 pod m of=job/migrate restarts=Never
        @2   pod m running
        @3   pod m exit=0 succeeded
        @3.2 job migrate settled
        @4   cr Shop.example front settled
        @30 wait
        ",
        expect![[r#"
            create Shop front 1..4 completed {cause=spec:1, manager=kubectl}
              run Job migrate 1.1..3.2 completed
                run Pod m 1.2..3 completed
                  start Pod m 1.2..2 completed
                  run container m [app] 2..3 completed {reason=Completed, exit_code=0}
        "#]],
    );
}

// Owners of such runs that are no CronJob are named.
#[test]
fn a_run_below_an_owner_with_nothing_open_is_a_tree_of_its_own() {
    check(
        "
        @0 list
        @1   cr Shop.example front by=kubectl spec.a=1
        @4   cr Shop.example front settled
        @60  job backup of=Shop.example/front
        @62  job backup settled
        @90 wait
        ",
        expect![[r#"
            create Shop front 1..4 completed {cause=spec:1, manager=kubectl}
            run Job backup 60..62 completed {cause=spec:1, manager=controller, owner.kind=Shop, owner.name=front}
        "#]],
    );
}

// The root ends with its own condition, and what is open below it with it.
#[test]
fn a_run_that_goes_on_when_its_owner_has_settled_is_unfinished() {
    check(
        "
        @0 list
        @1   cr Shop.example front by=kubectl spec.a=1
        @1.1 job migrate of=Shop.example/front
        @1.2 pod m of=job/migrate restarts=Never
        @2   pod m running
        @4   cr Shop.example front settled
        @9   pod m exit=0 succeeded
        @9.2 job migrate settled
        @30 wait
        ",
        expect![[r#"
            create Shop front 1..9.2 completed {cause=spec:1, manager=kubectl}
              run Job migrate 1.1..9.2 completed
                run Pod m 1.2..9 completed
                  start Pod m 1.2..2 completed
                  run container m [app] 2..9 completed {reason=Completed, exit_code=0}
        "#]],
    );
}

#[test]
fn a_suspended_job_that_is_deleted_while_its_pod_goes_is_deleted_after_it() {
    check(
        "
        @0 list
        @1   job load by=kubectl
        @1.1 pod x of=job/load restarts=Never
        @2   pod x running
        @10  job load suspended by=kueue
        @10.2 pod x going grace=30
        @11  job load delete
        @12  pod x gone
        @12.1 job load gone
        @40 wait
        ",
        expect![[r#"
            run Job load 1..10 suspended {cause=spec:1, manager=kubectl, pods.terminating=1}
              * 10 goal changed field=suspend from=false to=true manager=kueue
              run Pod x 1.1..10 unfinished
                start Pod x 1.1..2 completed
                run container x [app] 2..10 unfinished
              terminate Pod x 10.2..12 completed
            delete Job load 11..12.1 completed {cause=delete}
        "#]],
    );
}

#[test]
fn a_job_deleted_with_a_bad_image_says_so() {
    check(
        "
        @0 list
        @1   job load by=kubectl
        @1.1 pod x of=job/load restarts=Never scheduled
        @2   pod x waiting=ErrImagePull said=no_such_image
        @10  job load gone
        @10.2 pod x going grace=0
        @10.3 pod x gone
        @40 wait
        ",
        expect![[r#"
            run Job load 1..10 deleted ERROR ErrImagePull: container app: no such image {cause=spec:1, manager=kubectl}
              run Pod x 1.1..10 unfinished ERROR ErrImagePull: container app: no such image
                start Pod x 1.1..10 unfinished ERROR ErrImagePull: container app: no such image
                  prepare Pod sandbox x 1.1..10 unfinished
            delete Job load 10..10.3 completed {cause=delete}
              -> supersedes run Job spec:1
              terminate Pod x 10.2..10.3 completed
        "#]],
    );
}

#[test]
fn a_custom_resource_that_failed_and_heals_recovers_from_the_moment_of_failure() {
    check(
        "
        @0 list
        @1   cr Certificate.cert-manager.io tls by=kubectl spec.a=1
        @4   cr Certificate.cert-manager.io tls failed=RateLimited
        @50  cr Certificate.cert-manager.io tls settled
        @90 wait
        ",
        expect![[r#"
            create Certificate tls 1..4 failed ERROR RateLimited: it is so {cause=spec:1, manager=kubectl}
            recover Certificate tls 4..50 completed {cause=heal:spec:1}
              -> follows create Certificate spec:1
        "#]],
    );
}

#[test]
fn a_job_that_ends_after_it_timed_out_is_no_other_trace() {
    check(
        "
        set max_run_seconds=60
        @0 list
        @1   job load by=kubectl
        @100 job load settled
        @200 wait
        ",
        expect![[r#"
            run Job load 1..61 timed_out ERROR timed_out: the transition timed_out {cause=spec:1, manager=kubectl}
        "#]],
    );
}

#[test]
fn an_autoscaler_moves_the_goal_of_a_stateful_set_that_is_updated() {
    check(
        "
        @0 settled sts/db db-0
        @5   sts db image=v2 by=kubectl
        @5.1 sts db revision=r2 status=0/1/1 mixed
        @6   sts db replicas=2 by=hpa/scale
        @6.1 pod db-1 of=sts/db revision=r2
        @6.2 sts db status=1/2/1 mixed
        @7   pod db-1 running ready
        @7.1 pod db-0 going grace=30
        @8   pod db-0 gone
        @8.1 pod db-0b name=db-0 of=sts/db revision=r2
        @9   pod db-0b running ready
        @9.1 sts db status=2/2/2
        @40 wait
        ",
        expect![[r#"
            update StatefulSet db 5..9.1 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              * 6 goal changed field=replicas from=1 to=2 manager=hpa
              start Pod db-1 6.1..7 completed
              terminate Pod db-0 7.1..8 completed
              start Pod db-0 8.1..9 completed
        "#]],
    );
}

#[test]
fn a_paused_rollout_of_a_custom_resource_stands_still() {
    check(
        "
        @0 list
        @1   cr Foo.example.com x by=kubectl spec.a=1
        @3   cr Foo.example.com x paused by=kubectl
        @60  cr Foo.example.com x resumed by=kubectl progressing
        @62  cr Foo.example.com x settled
        @90 wait
        ",
        expect![[r#"
            create Foo x 1..3 paused {cause=spec:1, manager=kubectl}
              * 3 goal changed field=paused from=false to=true manager=kubectl
            resume Foo x 60..62 completed {cause=spec:3, manager=kubectl, changed=paused}
              -> resumes create Foo spec:1
        "#]],
    );
}

#[test]
fn a_listed_run_below_a_listed_rollout_is_a_tree_of_its_own() {
    check(
        "
        @-90 missed cr Shop.example front by=kubectl spec.a=1
        @-80 missed cr Shop.example front settled
        @-9  missed job backup of=Shop.example/front
        @0 list
        @3   job backup settled
        @40 wait
        ",
        expect![[r#"
            run Job backup -9..3 completed {cause=spec:1, owner.kind=Shop, owner.name=front}
        "#]],
    );
}
