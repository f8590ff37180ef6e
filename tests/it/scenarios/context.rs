//! DESIGN §5: which trace contexts become links.

use expect_test::expect;

use super::tree::check;

#[test]
fn a_fresh_stamp_with_a_spec_change_is_a_link_and_makes_a_consumer() {
    check(
        "
        @0 settled web a stamp=aa
        @1 deploy web image=v2 stamp=bb by=kubectl
        @2 deploy web status=1/1/1
        @30 wait
        ",
        expect![[r#"
            update Deployment web 1..2 completed {CONSUMER, cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              -> stamp bb.bb in tracing.k8s.io/traceparent
        "#]],
    );
}

#[test]
fn a_stamp_that_did_not_change_is_stale() {
    check(
        "
        @0 settled web a stamp=aa
        @1 deploy web replicas=2 by=hpa/scale
        @2 deploy web status=2/2/2
        @30 wait
        ",
        expect![[r#"
            scale Deployment web 1..2 completed {cause=spec:2, manager=hpa, changed=replicas, context.stale}
        "#]],
    );
}

#[test]
fn no_stamp_is_not_a_stale_one() {
    check(
        "
        @0 settled web a
        @1 deploy web replicas=2 by=hpa/scale
        @2 deploy web status=2/2/2
        @30 wait
        ",
        expect![[r#"
            scale Deployment web 1..2 completed {cause=spec:2, manager=hpa, changed=replicas}
        "#]],
    );
}

#[test]
fn every_distinct_fresh_stamp_is_a_link() {
    check(
        "
        @0 settled web a
        @1 deploy web image=v2 stamp=bb,cc,bb by=kubectl
        @2 deploy web status=1/1/1
        @30 wait
        ",
        expect![[r#"
            update Deployment web 1..2 completed {CONSUMER, cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              -> stamp bb.bb in tracing.k8s.io/traceparent
              -> stamp cc.cc in opentelemetry.io/traceparent
        "#]],
    );
}

#[test]
fn a_stamp_that_an_older_revision_carries_is_stale() {
    check(
        "
        @0 settled web a stamp=aa
        @1   deploy web image=v2 stamp=bb by=kubectl
        @1.1 rs web-2 of=web replicas=1 image=v2 stamp=bb
        @1.2 rs web-1 replicas=0
        @2   deploy web status=1/1/1
        @40  deploy web image=v1 stamp=aa by=kubectl
        @41  deploy web status=1/1/1
        @60 wait
        ",
        expect![[r#"
            update Deployment web 1..2 completed {CONSUMER, cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              -> stamp bb.bb in tracing.k8s.io/traceparent
              create ReplicaSet web-2 1.1..2 unfinished {replicas.from=0, replicas.to=1}
              scale ReplicaSet web-1 1.2..2 unfinished {replicas.from=1, replicas.to=0}
            rollback Deployment web 40..41 completed {cause=spec:3, manager=kubectl, changed=template.spec.containers[app].image, context.stale}
        "#]],
    );
}

#[test]
fn a_stamp_without_a_spec_change_counts_for_what_is_open() {
    check(
        "
        @0 settled web a
        @1 deploy web image=v2 by=kubectl
        @2 deploy web stamp=bb by=annotator
        @3 deploy web status=1/1/1
        @30 wait
        ",
        expect![[r#"
            update Deployment web 1..3 completed {CONSUMER, cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              -> stamp bb.bb in tracing.k8s.io/traceparent
        "#]],
    );
}

#[test]
fn a_stamp_without_a_spec_change_counts_for_what_opens_within_a_minute() {
    check(
        "
        @0 settled web a
        @1  deploy web stamp=bb by=annotator
        @60 deploy web image=v2 by=kubectl
        @61 deploy web status=1/1/1
        @90 wait
        ",
        expect![[r#"
            update Deployment web 60..61 completed {CONSUMER, cause=spec:3, manager=kubectl, changed=template.spec.containers[app].image}
              -> stamp bb.bb in tracing.k8s.io/traceparent
        "#]],
    );
}

#[test]
fn a_stamp_without_a_spec_change_counts_for_nothing_after_a_minute() {
    check(
        "
        @0 settled web a
        @1  deploy web stamp=bb by=annotator
        @62 deploy web image=v2 by=kubectl
        @63 deploy web status=1/1/1
        @90 wait
        ",
        expect![[r#"
            update Deployment web 62..63 completed {cause=spec:3, manager=kubectl, changed=template.spec.containers[app].image, context.stale}
        "#]],
    );
}

#[test]
fn a_stamp_that_waited_for_a_settled_transition_is_not_used_twice() {
    check(
        "
        @0 settled web a
        @1  deploy web stamp=bb by=annotator
        @10 deploy web image=v2 by=kubectl
        @11 deploy web status=1/1/1
        @30 deploy web replicas=2 by=kubectl
        @31 deploy web status=2/2/2
        @60 wait
        ",
        expect![[r#"
            update Deployment web 10..11 completed {CONSUMER, cause=spec:3, manager=kubectl, changed=template.spec.containers[app].image}
              -> stamp bb.bb in tracing.k8s.io/traceparent
            scale Deployment web 30..31 completed {cause=spec:4, manager=kubectl, changed=replicas, context.stale}
        "#]],
    );
}

#[test]
fn a_fresh_stamp_on_a_goal_change_adds_a_link() {
    check(
        "
        @0 settled web a
        @1 deploy web image=v2 stamp=bb by=kubectl
        @2 deploy web replicas=2 stamp=cc by=kubectl
        @3 deploy web status=2/2/2
        @30 wait
        ",
        expect![[r#"
            update Deployment web 1..3 completed {CONSUMER, cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              -> stamp bb.bb in tracing.k8s.io/traceparent
              -> stamp cc.cc in tracing.k8s.io/traceparent
              * 2 goal changed field=replicas from=1 to=2 manager=kubectl
        "#]],
    );
}

#[test]
fn copies_of_a_stamp_below_the_root_add_no_link() {
    check(
        "
        @0 list
        @1   deploy web replicas=1 stamp=aa by=kubectl
        @1.1 rs web-1 of=web replicas=1 stamp=aa.cc
        @1.2 pod a of=web-1 stamp=aa.dd
        @2   pod a running ready
        @2.1 rs web-1 status=1/1
        @2.2 deploy web status=1/1/1
        @30 wait
        ",
        expect![[r#"
            create Deployment web 1..2.2 completed {CONSUMER, cause=spec:1, manager=kubectl}
              -> stamp aa.aa in tracing.k8s.io/traceparent
              create ReplicaSet web-1 1.1..2.1 completed {replicas.from=0, replicas.to=1}
                start Pod a 1.2..2 completed
        "#]],
    );
}

#[test]
fn a_stamp_that_only_a_child_carries_is_a_link_of_the_child() {
    check(
        "
        @0 settled web a
        @1   deploy web image=v2 stamp=aa by=kubectl
        @1.1 rs web-2 of=web replicas=1 image=v2 stamp=bb
        @1.2 pod b of=web-2 stamp=cc
        @2   pod b running ready
        @2.1 rs web-2 status=1/1
        @2.2 deploy web status=1/1/1
        @60 wait
        ",
        expect![[r#"
            update Deployment web 1..2.2 completed {CONSUMER, cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              -> stamp aa.aa in tracing.k8s.io/traceparent
              create ReplicaSet web-2 1.1..2.1 completed {replicas.from=0, replicas.to=1}
                -> stamp bb.bb in tracing.k8s.io/traceparent
                start Pod b 1.2..2 completed
                  -> stamp cc.cc in tracing.k8s.io/traceparent
        "#]],
    );
}
