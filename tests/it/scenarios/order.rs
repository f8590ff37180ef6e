//! DESIGN §2: in which order changes enter the core.

use expect_test::expect;

use lifespan::facts::kind::Lane;

use super::script::run_late;
use super::tree::{Detail, check, check_counts, check_full, draw};

/// A rollout that supersedes another, a lost Pod, a deletion.
const LIFE: &str = "
    @0 settled web a
    @1    deploy web image=v2 stamp=aa by=kubectl
    @1.1  rs web-2 of=web replicas=1 image=v2 stamp=aa
    @1.2  pod b of=web-2
    @1.3  pod b scheduled
    @3    deploy web image=v3 by=kubectl
    @3.1  rs web-3 of=web replicas=1 image=v3
    @3.2  rs web-2 replicas=0
    @3.3  pod b going grace=0
    @3.4  pod c of=web-3
    @3.5  pod b gone
    @4.4  pod c scheduled
    @5.1  pod c running ready
    @5.2  rs web-3 status=1/1
    @5.3  rs web-1 replicas=0
    @5.4  pod a going grace=30
    @5.5  deploy web status=1/1/1
    @9    pod a gone
    @40   pod c exit=1
    @41   pod c running
    @42   pod c ready
    @80   deploy web delete
    @80.1 rs web-3 gone
    @80.2 pod c going grace=30
    @81   pod c gone
    @81.1 rs web-1 gone
    @81.2 rs web-2 gone
    @81.3 deploy web gone
    @120 wait
";

#[test]
fn whichever_lane_is_late_the_tree_is_the_same() {
    let told = |late: &[(Lane, i64)]| {
        let run = run_late(LIFE, late);
        let mut ids: Vec<_> = run.spans.iter().map(|it| (it.trace_id, it.span_id)).collect();
        ids.sort_unstable();
        (draw(&run, Detail::Shape), ids, run.counts.late)
    };
    let expected = told(&[]);
    for ms in [50, 450, 1_100, 1_900] {
        for lane in [Lane::Deployments, Lane::ReplicaSets, Lane::Pods] {
            assert_eq!(told(&[(lane, ms)]), expected, "{lane:?} {ms} ms late");
        }
        let two = [(Lane::Pods, ms), (Lane::ReplicaSets, ms / 2)];
        assert_eq!(told(&two), expected, "{two:?}");
    }
    expect![[r#"
        update Deployment web superseded {CONSUMER, cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
          -> stamp aa.aa in tracing.k8s.io/traceparent
          create ReplicaSet web-2 unfinished {replicas.from=0, replicas.to=1}
            start Pod b unfinished
              prepare Pod sandbox b unfinished
              schedule Pod b
        update Deployment web completed {cause=spec:3, manager=kubectl, changed=template.spec.containers[app].image, context.stale, pods.terminating=1}
          -> supersedes update Deployment spec:2
          create ReplicaSet web-3 completed {replicas.from=0, replicas.to=1}
            start Pod c completed
              await readiness c
              prepare Pod sandbox c
              schedule Pod c
              start container c [app]
          scale ReplicaSet web-1 unfinished {replicas.from=1, replicas.to=0}
            terminate Pod a completed {reason=scaled down}
          scale ReplicaSet web-2 unfinished {replicas.from=1, replicas.to=0}
            terminate Pod b completed {reason=scaled down}
        recover Deployment web completed {cause=pods:f6ab8143-a283-d94f-7081-74e62f081fa6:1700000040, reason=Error}
          restart container c [app] completed {reason=Error, exit_code=1}
        delete Deployment web completed {cause=delete}
          delete ReplicaSet web-3 completed
            terminate Pod c completed
    "#]].assert_eq(&expected.0);
}

/// A rollout, a lost Pod, a deletion, each well after the one before.
const CALM: &str = "
    @-20 settled web a
    @1    deploy web image=v2 stamp=aa by=kubectl
    @1.1  rs web-2 of=web replicas=1 image=v2 stamp=aa
    @1.2  pod b of=web-2
    @1.3  pod b scheduled
    @4    pod b running ready
    @4.1  rs web-2 status=1/1
    @4.2  rs web-1 replicas=0
    @4.3  pod a going grace=30
    @4.4  deploy web status=1/1/1
    @9    pod a gone
    @60   pod b exit=1
    @61   pod b running
    @62   pod b ready
    @100   deploy web delete
    @100.1 rs web-2 gone
    @100.2 pod b going grace=30
    @101   pod b gone
    @101.1 rs web-1 gone
    @101.3 deploy web gone
    @160 wait
";

#[test]
fn what_is_later_than_the_wait_is_put_in_its_place_and_counted() {
    let expected = draw(&run_late(CALM, &[]), Detail::Shape);
    for ms in [2_500, 5_000, 9_000] {
        for lane in [Lane::Deployments, Lane::ReplicaSets, Lane::Pods] {
            let run = run_late(CALM, &[(lane, ms)]);
            // Of when it happened only the second is known: it may have been after the hold.
            let told = draw(&run, Detail::Shape).replace(" watch.gap,", "");
            assert_eq!(told, expected, "{lane:?} {ms} ms late");
            assert_eq!((run.counts.late > 0, run.counts.missed), (true, 0), "{lane:?} {ms} ms");
        }
    }
}

#[test]
fn what_comes_after_its_transition_has_left_says_so_and_is_counted() {
    let run = run_late(
        "
        @0 settled web a
        @1    deploy web replicas=2 by=kubectl
        @1.1  rs web-1 replicas=2
        @1.2  pod b of=web-1
        @2    pod b running ready
        @2.1  rs web-1 status=2/2
        @2.2  deploy web status=2/2/2
        @20   deploy web image=v2 by=kubectl
        @20.1 rs web-2 of=web replicas=2 image=v2
        @23   rs web-2 status=2/2
        @23.1 rs web-1 replicas=0
        @23.2 deploy web status=2/2/2
        @80 wait
        ",
        &[(Lane::Pods, 20_000)],
    );
    expect![[r#"
        scale Deployment web completed {cause=spec:2, manager=kubectl, changed=replicas}
          scale ReplicaSet web-1 completed {replicas.from=1, replicas.to=2}
        update Deployment web completed {cause=spec:3, manager=kubectl, changed=template.spec.containers[app].image, watch.gap}
          create ReplicaSet web-2 completed {replicas.from=0, replicas.to=2}
          scale ReplicaSet web-1 unfinished {replicas.from=2, replicas.to=0}
    "#]]
    .assert_eq(&draw(&run, Detail::Shape));
    assert!(run.counts.missed > 0);
}

#[test]
fn a_change_that_is_decided_again_is_counted_once() {
    let counted = |late: &[(Lane, i64)]| {
        let counts = run_late(CALM, late).counts;
        (counts.changes, counts.traces, counts.spans)
    };
    let expected = counted(&[]);
    for lane in [Lane::Deployments, Lane::ReplicaSets, Lane::Pods] {
        assert_eq!(counted(&[(lane, 5_000)]), expected, "{lane:?}");
    }
}

#[test]
fn an_event_that_comes_before_what_it_is_about_waits_for_it() {
    let run = run_late(
        "
        @0 list
        @1   pod solo
        @1.2 pod solo scheduled
        @1.5 event pod/solo Pulled app took=100ms
        @1.7 pod solo running
        @3   pod solo ready
        @60 wait
        ",
        &[(Lane::Pods, 20_000)],
    );
    expect![[r#"
        start Pod solo completed {cause=spec:1}
          * Pulled container.name=app
          await readiness solo
          prepare Pod sandbox solo
          pull image solo [app]
          schedule Pod solo
          start container solo [app]
    "#]]
    .assert_eq(&draw(&run, Detail::Shape));
    assert_eq!(run.counts.strange_events, 0);
}

#[test]
fn an_owner_that_waits_behind_its_child_enters_before_it() {
    check(
        "
        @0 list
        @1   deploy web replicas=1 by=kubectl rv=1003
        @1   rs web-1 of=web replicas=1 rv=1002
        @1   pod a of=web-1 rv=1001
        @2   pod a running ready rv=1004
        @2.1 rs web-1 status=1/1 rv=1005
        @2.2 deploy web status=1/1/1 rv=1006
        @30 wait
        ",
        expect![[r#"
            create Deployment web 1..2.2 completed {cause=spec:1, manager=kubectl}
              create ReplicaSet web-1 1..2.1 completed {replicas.from=0, replicas.to=1}
                start Pod a 1..2 completed
        "#]],
    );
}

#[test]
fn an_owner_that_never_comes_makes_a_root_that_says_so() {
    check(
        "
        @0 list
        @1   rs web-1 of=web replicas=1
        @1.2 pod a of=web-1
        @2   pod a running ready
        @2.1 rs web-1 status=1/1
        @60 wait
        ",
        expect![[r#"
            create ReplicaSet web-1 1..2.1 completed {cause=spec:1, manager=controller, replicas.from=0, replicas.to=1, owner.missing, owner.kind=Deployment, owner.name=web}
              start Pod a 1.2..2 completed
        "#]],
    );
}

#[test]
fn an_owner_of_a_kind_that_is_not_watched_is_named() {
    check(
        "
        @0 list
        @1   rs web-1 of=Rollout/web replicas=1
        @1.2 pod a of=web-1
        @2   pod a running ready
        @2.1 rs web-1 status=1/1
        @60 wait
        ",
        expect![[r#"
            create ReplicaSet web-1 1..2.1 completed {cause=spec:1, manager=controller, replicas.from=0, replicas.to=1, owner.kind=Rollout, owner.name=web}
              start Pod a 1.2..2 completed
        "#]],
    );
}

#[test]
fn a_circle_of_owners_ends() {
    check(
        "
        @0 list
        @1 rs x of=ReplicaSet/y replicas=1
        @1 rs y of=ReplicaSet/x replicas=1
        @1 rs z of=ReplicaSet/z replicas=1
        @2 rs x status=1/1
        @2 rs y status=1/1
        @2 rs z status=1/1
        @60 wait
        ",
        expect![[r#"
            create ReplicaSet y 1..2 completed {cause=spec:1, manager=controller, replicas.from=0, replicas.to=1, owner.missing, owner.kind=ReplicaSet, owner.name=x}
              create ReplicaSet x 1..2 completed {replicas.from=0, replicas.to=1}
            create ReplicaSet z 1..2 completed {cause=spec:1, manager=controller, replicas.from=0, replicas.to=1, owner.missing, owner.kind=ReplicaSet, owner.name=z}
        "#]],
    );
}

#[test]
fn old_and_repeated_versions_are_dropped() {
    check_counts(
        "
        @0 settled web a
        @1 deploy web image=v2 by=kubectl rv=201
        @2 deploy web status=1/1/1 rv=202
        @3 deploy web image=v3 rv=150
        @4 deploy web image=v3 rv=202
        @30 wait
        ",
        expect![[r#"
            update Deployment web 1..2 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
            counted: baseline 1, churn 1, stale 2
        "#]],
    );
}

#[test]
fn events_that_count_another_history_enter_by_arrival() {
    check_full(
        "
        @0 list
        @0.1 list events rv=999999999
        @1   pod solo
        @1.2 pod solo scheduled
        @1.5 event pod/solo Pulled app took=100ms rv=1000000001
        @1.7 pod solo running
        @3   pod solo ready
        @30 wait
        ",
        expect![[r#"
            start Pod solo 1..3 completed {cause=spec:1, start.source=watch, end.source=watch}
              * 1.5 Pulled container.name=app
              schedule Pod solo 1..1.2 {actor=scheduler, start.source=watch, end.source=watch, time.uncertainty_ms=200}
              prepare Pod sandbox solo 1.2..1.4 {actor=kubelet, start.source=watch, end.source=event, time.uncertainty_ms=200}
              pull image solo [app] 1.4..1.5 {actor=kubelet, start.source=event, end.source=event}
              start container solo [app] 1.5..1.7 {actor=kubelet, start.source=event, end.source=watch, time.uncertainty_ms=199}
              await readiness solo 1.7..3 {actor=kubelet, start.source=watch, end.source=watch, time.uncertainty_ms=199}
        "#]],
    );
}

#[test]
fn a_full_inlet_releases_early_and_counts() {
    check_counts(
        "
        set max_waiting=2
        @0 settled web a
        @1    deploy web image=v2 by=kubectl
        @1.1  rs web-2 of=web replicas=1 image=v2
        @1.2  pod b of=web-2
        @1.3  pod b scheduled
        @2    pod b running ready
        @2.1  rs web-2 status=1/1
        @2.2  deploy web status=1/1/1
        @30 wait
        ",
        expect![[r#"
            update Deployment web 1..2.2 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              create ReplicaSet web-2 1.1..2.1 completed {replicas.from=0, replicas.to=1}
                start Pod b 1.2..2 completed
            counted: baseline 1, churn 1, early 5
        "#]],
    );
}

#[test]
fn lists_enter_owners_first_whichever_came_first() {
    check_counts(
        "
        @-9 missed deploy web replicas=1
        @-8 missed rs web-1 of=web replicas=1
        @-7 missed pod a of=web-1
        @0   list pods
        @0.5 list rs
        @1   list deploys
        @2   pod a running ready
        @2.1 rs web-1 status=1/1
        @2.2 deploy web status=1/1/1
        @30 wait
        ",
        expect![[r#"
            create Deployment web -9..2.2 completed {cause=spec:1}
              create ReplicaSet web-1 -8..2.1 completed {replicas.from=0, replicas.to=1}
                start Pod a -7..2 completed
            counted: churn 1
        "#]],
    );
}

#[test]
fn the_wait_for_a_lane_that_does_not_list_is_bounded() {
    check(
        "
        @-9 missed pod solo scheduled
        @0   list pods
        @0.1 list rs
        @10  pod solo running ready
        @30 wait
        ",
        expect![[r#"
            start Pod solo -9..10 completed {cause=spec:1}
        "#]],
    );
}

/// A ReplicaSet and a Pod that arrive while the lane of Deployments is away.
const AWAY: &str = "
    @0 list
    @1   closed deploy
    @1.1 missed deploy web replicas=1 image=v1 by=kubectl
    @1.2 rs web-1 of=web replicas=1 image=v1
    @1.3 pod a of=web-1
    @1.4 pod a scheduled
    @3   pod a running ready
    @3.1 rs web-1 status=1/1
";

#[test]
fn an_object_waits_for_its_owner_while_the_lane_of_that_is_away() {
    check(
        &format!(
            "{AWAY}
            @20   list deploy web
            @20.1 deploy web status=1/1/1
            @60 wait
            "
        ),
        expect![[r#"
            create Deployment web 1..20.1 completed {cause=spec:1, watch.gap}
              create ReplicaSet web-1 1.2..3.1 completed {replicas.from=0, replicas.to=1}
                start Pod a 1.3..3 completed
        "#]],
    );
}

#[test]
fn an_owner_still_unknown_after_owner_wait_ends_the_chain() {
    check(
        &format!(
            "{AWAY}
            @80 wait
            "
        ),
        expect![[r#"
            create ReplicaSet web-1 1.2..3.1 completed {cause=spec:1, manager=controller, replicas.from=0, replicas.to=1, owner.missing, owner.kind=Deployment, owner.name=web}
              start Pod a 1.3..3 completed
        "#]],
    );
}

#[test]
fn a_version_whose_facts_equal_those_of_the_one_before_is_dropped_in_the_lane() {
    check_counts(
        "
        @0 settled web a
        @1 pod a
        @2 pod a
        @20 wait
        ",
        expect![[r#"
            nothing
            counted: baseline 1, unchanged 2
        "#]],
    );
}
