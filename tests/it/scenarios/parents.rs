//! DESIGN §5 and §6: a stamp whose relation is `parent` makes the transition a part of its trace.

use expect_test::expect;

use super::tree::check;

#[test]
fn a_fresh_stamp_of_relation_parent_makes_the_transition_a_part_of_its_trace() {
    check(
        "
        @0 list
        @1   deploy web replicas=1 image=v1 parent=aa by=kubectl
        @1.1 rs web-1 of=web replicas=1 image=v1 parent=aa
        @1.2 pod a of=web-1
        @2   pod a running ready
        @2.1 rs web-1 status=1/1
        @2.2 deploy web observed status=1/1/1
        @30 wait
        ",
        expect![[r#"
            create Deployment web 1..2.2 completed {CONSUMER, cause=spec:1, manager=kubectl}
              ^ aa.aa
              create ReplicaSet web-1 1.1..2.1 completed {replicas.from=0, replicas.to=1}
                start Pod a 1.2..2 completed
        "#]],
    );
}

#[test]
fn a_stale_parent_is_none_and_a_scale_stands_in_a_trace_of_its_own() {
    check(
        "
        @0 settled web a
        @1 deploy web image=v2 parent=aa by=kubectl
        @1.1 deploy web observed status=1/1/1
        @20 deploy web replicas=2 by=hpa
        @21 deploy web observed status=2/2/2
        @60 wait
        ",
        expect![[r#"
            update Deployment web 1..1.1 completed {CONSUMER, cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              ^ aa.aa
            scale Deployment web 20..21 completed {cause=spec:3, manager=hpa, changed=replicas, context.stale}
        "#]],
    );
}

#[test]
fn a_parent_that_comes_while_the_transition_is_open_counts_for_it_and_the_first_wins() {
    check(
        "
        @0 settled web a
        @1   deploy web image=v2 by=kubectl
        @1.5 deploy web parent=aa
        @2   deploy web parent=bb
        @3   deploy web observed status=1/1/1
        @30 wait
        ",
        expect![[r#"
            update Deployment web 1..3 completed {CONSUMER, cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              ^ aa.aa
              -> stamp bb.bb in tracing.k8s.io/traceparent
        "#]],
    );
}

#[test]
fn after_a_list_a_parent_is_only_a_link_and_an_uncertain_one() {
    check(
        "
        @0 missed deploy web replicas=1 image=v1 parent=aa
        @1 list
        @2 deploy web observed status=1/1/1
        @30 wait
        ",
        expect![[r#"
            create Deployment web 0..2 completed {cause=spec:1, context.uncertain}
              -> stamp aa.aa in tracing.k8s.io/traceparent, uncertain
        "#]],
    );
}

#[test]
fn two_transitions_in_one_trace_of_others_have_spans_of_their_own() {
    check(
        "
        @0 settled web a
        @1 deploy web image=v2 parent=aa by=kubectl
        @2 deploy web observed status=1/1/1
        @20 deploy web image=v3 parent=aa.bb by=kubectl
        @21 deploy web observed status=1/1/1
        @60 wait
        ",
        expect![[r#"
            update Deployment web 1..2 completed {CONSUMER, cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              ^ aa.aa
            update Deployment web 20..21 completed {CONSUMER, cause=spec:3, manager=kubectl, changed=template.spec.containers[app].image}
              ^ aa.bb
        "#]],
    );
}

/// It leaves later, when nothing can move the span above it any more.
#[test]
fn the_span_above_begins_no_later_than_a_termination_that_outlives_it() {
    check(
        "
        @0 settled web a b
        @10.1 pod a going grace=30
        @10.3 pod c of=web-1
        @11   deploy web replicas=3
        @11.1 rs web-1 replicas=3
        @11.2 pod d of=web-1
        @12   pod c running ready
        @12.1 pod d running ready
        @12.2 rs web-1 status=3/3
        @12.3 deploy web status=3/3/3
        @40   pod a gone
        @60 wait
        ",
        expect![[r#"
            recover Deployment web 10.1..12.2 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000010, pods.terminating=1}
              * 11 goal changed field=replicas from=2 to=3 manager=controller
              scale ReplicaSet web-1 10.1..12.2 completed {replicas.from=2, replicas.to=3}
                terminate Pod a 10.1..40 completed
                start Pod c 10.3..12 completed
                start Pod d 11.2..12.1 completed
        "#]],
    );
}
