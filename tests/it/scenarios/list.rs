//! DESIGN §3, after a list: what goes on, and what is baseline.

use expect_test::{Expect, expect};

use super::tree::{check, check_counts, check_full};

#[test]
fn what_has_settled_is_baseline() {
    check_counts(
        "
        @-200 missed deploy web replicas=1 image=v1 stamp=aa
        @-199 missed rs web-1 of=web replicas=1 image=v1 stamp=aa
        @-198 missed pod a of=web-1 scheduled
        @-197 missed pod a running ready
        @-196 missed rs web-1 status=1/1
        @-195 missed deploy web status=1/1/1 reason=NewReplicaSetAvailable
        @0 list
        @60 wait
        ",
        expect![[r#"
            nothing
            counted: baseline 1
        "#]],
    );
}

#[test]
fn a_first_generation_unobserved_is_a_create() {
    check(
        "
        @-5 missed deploy web replicas=1 stamp=aa
        @0 list
        @1   rs web-1 of=web replicas=1
        @1.2 pod a of=web-1
        @2   pod a running ready
        @3   rs web-1 status=1/1
        @4   deploy web status=1/1/1
        @60 wait
        ",
        expect![[r#"
            create Deployment web -5..4 completed {cause=spec:1, context.uncertain}
              -> stamp aa.aa in tracing.k8s.io/traceparent, uncertain
              create ReplicaSet web-1 1..3 completed {replicas.from=0, replicas.to=1}
                start Pod a 1.2..2 completed
        "#]],
    );
}

#[test]
fn a_missing_replica_set_of_the_template_is_an_update() {
    check(
        "
        @-200 missed deploy web replicas=1 image=v1 stamp=aa
        @-199 missed rs web-1 of=web replicas=1 image=v1 stamp=aa
        @-198 missed pod a of=web-1 scheduled
        @-197 missed pod a running ready
        @-196 missed rs web-1 status=1/1
        @-195 missed deploy web status=1/1/1 reason=NewReplicaSetAvailable
        @-5 missed deploy web image=v2 by=kubectl
        @0 list
        @5 deploy web status=1/1/1
        @60 wait
        ",
        expect![[r#"
            update Deployment web -5..5 completed {cause=spec:2, context.stale}
        "#]],
    );
}

#[test]
fn a_replica_set_not_at_its_replicas_is_an_update_and_below_it_is_what_is_open() {
    check(
        "
        @-200 missed deploy web replicas=1 image=v1 stamp=aa
        @-199 missed rs web-1 of=web replicas=1 image=v1 stamp=aa
        @-198 missed pod a of=web-1 scheduled
        @-197 missed pod a running ready
        @-196 missed rs web-1 status=1/1
        @-195 missed deploy web status=1/1/1 reason=NewReplicaSetAvailable
        @-9 missed deploy web image=v2 replicas=2 by=kubectl
        @-8 missed rs web-2 of=web replicas=1 image=v2
        @-8 missed deploy web observed status=1/2/1
        @-7 missed pod b of=web-2
        @0 list
        @2   pod b running ready
        @3   rs web-2 replicas=2
        @3.1 pod c of=web-2
        @4   pod c running ready
        @4.1 rs web-1 replicas=0
        @4.2 pod a going grace=30
        @4.3 rs web-2 status=2/2
        @5   deploy web status=2/2/2
        @6   pod a gone
        @60 wait
        ",
        expect![[r#"
            update Deployment web -9..5 completed {cause=spec:2, context.stale, pods.terminating=1}
              create ReplicaSet web-2 -8..4.3 completed {replicas.from=0, replicas.to=2}
                * 3 replicas changed replicas.from=1 replicas.to=2
                start Pod b -7..2 completed
                start Pod c 3.1..4 completed
              scale ReplicaSet web-1 4.1..5 unfinished {replicas.from=1, replicas.to=0}
                terminate Pod a 4.2..6 completed {reason=scaled down}
        "#]],
    );
}

#[test]
fn another_replica_set_with_replicas_is_an_update() {
    check(
        "
        @-200 missed deploy web replicas=1 image=v1 stamp=aa
        @-199 missed rs web-1 of=web replicas=1 image=v1 stamp=aa
        @-198 missed pod a of=web-1 scheduled
        @-197 missed pod a running ready
        @-196 missed rs web-1 status=1/1
        @-195 missed deploy web status=1/1/1 reason=NewReplicaSetAvailable
        @-9 missed deploy web image=v2 by=kubectl
        @-8 missed rs web-2 of=web replicas=1 image=v2
        @-7 missed pod b of=web-2 scheduled
        @-6 missed pod b running ready
        @-5 missed rs web-2 status=1/1
        @-5 missed deploy web status=1/2/2 reason=NewReplicaSetAvailable
        @0 list
        @1 rs web-1 replicas=0
        @2 pod a going grace=30
        @3 deploy web status=1/1/1
        @4 pod a gone
        @60 wait
        ",
        expect![[r#"
            update Deployment web -9..3 completed {cause=spec:2, context.stale, pods.terminating=1}
              scale ReplicaSet web-1 1..3 unfinished {replicas.from=1, replicas.to=0}
                terminate Pod a 2..4 completed {reason=scaled down}
        "#]],
    );
}

#[test]
fn progressing_for_new_replica_set_created_is_an_update() {
    check(
        "
        @-200 missed deploy web replicas=1 image=v1 stamp=aa
        @-199 missed rs web-1 of=web replicas=1 image=v1 stamp=aa
        @-198 missed pod a of=web-1 scheduled
        @-197 missed pod a running ready
        @-196 missed rs web-1 status=1/1
        @-195 missed deploy web status=1/1/1 reason=NewReplicaSetAvailable
        @-9 missed deploy web history=3 by=kubectl
        @-8 missed deploy web status=1/1/0 reason=NewReplicaSetCreated
        @0 list
        @3 deploy web status=1/1/1
        @60 wait
        ",
        expect![[r#"
            update Deployment web -9..3 completed {cause=spec:2, context.uncertain}
              -> stamp aa.aa in tracing.k8s.io/traceparent, uncertain
        "#]],
    );
}

#[test]
fn progressing_for_found_new_replica_set_is_an_update() {
    check(
        "
        @-200 missed deploy web replicas=1 image=v1 stamp=aa
        @-199 missed rs web-1 of=web replicas=1 image=v1 stamp=aa
        @-198 missed pod a of=web-1 scheduled
        @-197 missed pod a running ready
        @-196 missed rs web-1 status=1/1
        @-195 missed deploy web status=1/1/1 reason=NewReplicaSetAvailable
        @-9 missed deploy web history=3 by=kubectl
        @-8 missed deploy web status=1/1/0 reason=FoundNewReplicaSet
        @0 list
        @3 deploy web status=1/1/1
        @60 wait
        ",
        expect![[r#"
            update Deployment web -9..3 completed {cause=spec:2, context.uncertain}
              -> stamp aa.aa in tracing.k8s.io/traceparent, uncertain
        "#]],
    );
}

#[test]
fn progressing_for_replica_set_updated_is_an_update() {
    check(
        "
        @-200 missed deploy web replicas=1 image=v1 stamp=aa
        @-199 missed rs web-1 of=web replicas=1 image=v1 stamp=aa
        @-198 missed pod a of=web-1 scheduled
        @-197 missed pod a running ready
        @-196 missed rs web-1 status=1/1
        @-195 missed deploy web status=1/1/1 reason=NewReplicaSetAvailable
        @-9 missed deploy web history=3 by=kubectl
        @-8 missed deploy web status=1/1/0 reason=ReplicaSetUpdated
        @0 list
        @3 deploy web status=1/1/1
        @60 wait
        ",
        expect![[r#"
            update Deployment web -9..3 completed {cause=spec:2, context.uncertain}
              -> stamp aa.aa in tracing.k8s.io/traceparent, uncertain
        "#]],
    );
}

#[test]
fn progressing_for_deployment_resumed_is_an_update() {
    check(
        "
        @-200 missed deploy web replicas=1 image=v1 stamp=aa
        @-199 missed rs web-1 of=web replicas=1 image=v1 stamp=aa
        @-198 missed pod a of=web-1 scheduled
        @-197 missed pod a running ready
        @-196 missed rs web-1 status=1/1
        @-195 missed deploy web status=1/1/1 reason=NewReplicaSetAvailable
        @-9 missed deploy web history=3 by=kubectl
        @-8 missed deploy web status=1/1/0 reason=DeploymentResumed
        @0 list
        @3 deploy web status=1/1/1
        @60 wait
        ",
        expect![[r#"
            update Deployment web -9..3 completed {cause=spec:2, context.uncertain}
              -> stamp aa.aa in tracing.k8s.io/traceparent, uncertain
        "#]],
    );
}

#[test]
fn unavailable_after_a_finished_rollout_is_baseline() {
    check_counts(
        "
        @-200 missed deploy web replicas=1 image=v1 stamp=aa
        @-199 missed rs web-1 of=web replicas=1 image=v1 stamp=aa
        @-198 missed pod a of=web-1 scheduled
        @-197 missed pod a running ready
        @-196 missed rs web-1 status=1/1
        @-195 missed deploy web status=1/1/1 reason=NewReplicaSetAvailable
        @-8 missed deploy web status=1/1/0 reason=NewReplicaSetAvailable
        @0 list
        @3 deploy web status=1/1/1
        @60 wait
        ",
        expect![[r#"
            nothing
            counted: baseline 1, churn 1
        "#]],
    );
}

#[test]
fn a_paused_deployment_is_baseline() {
    check_counts(
        "
        @-200 missed deploy web replicas=1 image=v1 stamp=aa
        @-199 missed rs web-1 of=web replicas=1 image=v1 stamp=aa
        @-198 missed pod a of=web-1 scheduled
        @-197 missed pod a running ready
        @-196 missed rs web-1 status=1/1
        @-195 missed deploy web status=1/1/1 reason=NewReplicaSetAvailable
        @-5 missed deploy web image=v2 paused by=kubectl
        @0 list
        @5 deploy web observed
        @60 wait
        ",
        expect![[r#"
            nothing
            counted: baseline 1, churn 1
        "#]],
    );
}

#[test]
fn past_its_deadline_a_tree_is_broken_until_it_heals() {
    check_counts(
        "
        @-200 missed deploy web replicas=1 image=v1 stamp=aa
        @-199 missed rs web-1 of=web replicas=1 image=v1 stamp=aa
        @-198 missed pod a of=web-1 scheduled
        @-197 missed pod a running ready
        @-196 missed rs web-1 status=1/1
        @-195 missed deploy web status=1/1/1 reason=NewReplicaSetAvailable
        @-900 missed deploy web image=v2 by=kubectl
        @-899 missed rs web-2 of=web replicas=1 image=v2
        @-100 missed deploy web deadline status=1/2/1
        @0 list
        @3  pod a exit=1
        @4  pod a running ready
        @10 deploy web status=1/1/1 reason=NewReplicaSetAvailable
        @20 pod a exit=1
        @21 pod a running ready
        @60 wait
        ",
        expect![[r#"
            recover Deployment web 0..10 completed {cause=heal:spec:2}
              restart container a [app] 3..4 completed {reason=Error, exit_code=1}
            recover Deployment web 20..21 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000020, reason=Error}
              restart container a [app] 20..21 completed {reason=Error, exit_code=1}
            counted: pods 1, baseline 1, churn 1
        "#]],
    );
}

#[test]
fn what_began_longer_ago_than_its_limit_is_baseline() {
    check_counts(
        "
        @-200 missed deploy web replicas=1 image=v1 stamp=aa
        @-199 missed rs web-1 of=web replicas=1 image=v1 stamp=aa
        @-198 missed pod a of=web-1 scheduled
        @-197 missed pod a running ready
        @-196 missed rs web-1 status=1/1
        @-195 missed deploy web status=1/1/1 reason=NewReplicaSetAvailable
        @-195 missed deploy web image=v2 by=kubectl
        @3500 list
        @3560 wait
        ",
        expect![[r#"
            nothing
            counted: baseline 1
        "#]],
    );
}

#[test]
fn a_start_that_is_not_on_the_object_is_the_last_status_write_and_uncertain() {
    check_full(
        "
        @-200 missed deploy web replicas=1 image=v1 by=kubectl/scale
        @-195 missed deploy web status=1/1/1 reason=NewReplicaSetAvailable
        @-5 missed deploy web image=v2 by=kubectl/scale
        @0 list
        @5 deploy web status=1/1/1
        @60 wait
        ",
        expect![[r#"
            update Deployment web -195..5 completed {cause=spec:2, start.source=object, end.source=watch, time.uncertainty_ms=195000}
        "#]],
    );
}

#[test]
fn a_listed_deletion_goes_on() {
    check(
        "
        @-200 missed deploy web replicas=1 image=v1 stamp=aa
        @-199 missed rs web-1 of=web replicas=1 image=v1 stamp=aa
        @-198 missed pod a of=web-1 scheduled
        @-197 missed pod a running ready
        @-196 missed rs web-1 status=1/1
        @-195 missed deploy web status=1/1/1 reason=NewReplicaSetAvailable
        @-5 missed deploy web delete
        @0 list
        @1 pod a going grace=30
        @2 pod a gone
        @3 rs web-1 gone
        @4 deploy web gone
        @60 wait
        ",
        expect![[r#"
            delete Deployment web -5..4 completed {cause=delete}
              delete ReplicaSet web-1 1..3 completed
                terminate Pod a 1..2 completed
        "#]],
    );
}

#[test]
fn a_listed_bare_pod_that_is_not_ready_goes_on() {
    check(
        "
        @-5 missed pod solo scheduled
        @0 list
        @1 pod solo running
        @2 pod solo ready
        @30 wait
        ",
        expect![[r#"
            start Pod solo -5..2 completed {cause=spec:1}
        "#]],
    );
}

#[test]
fn a_listed_bare_pod_that_is_going_goes_on() {
    check(
        "
        @-50 missed pod solo scheduled
        @-40 missed pod solo running ready
        @-5 missed pod solo going grace=30
        @0 list
        @2 pod solo gone
        @30 wait
        ",
        expect![[r#"
            terminate Pod solo -5..2 completed {cause=delete}
        "#]],
    );
}

#[test]
fn neither_a_recover_nor_a_scale_can_be_told_in_a_list() {
    check_counts(
        "
        @-200 missed deploy web replicas=1 image=v1 stamp=aa
        @-199 missed rs web-1 of=web replicas=1 image=v1 stamp=aa
        @-198 missed pod a of=web-1 scheduled
        @-197 missed pod a running ready
        @-196 missed rs web-1 status=1/1
        @-195 missed deploy web status=1/1/1 reason=NewReplicaSetAvailable
        @-9 missed pod a going grace=30
        @-8 missed pod b of=web-1
        @-7 missed deploy web status=1/1/0
        @0 list
        @1 pod a gone
        @3 pod b running ready
        @4 deploy web status=1/1/1
        @60 wait
        ",
        expect![[r#"
            nothing
            counted: baseline 1, churn 1
        "#]],
    );
}

#[test]
fn a_listed_pod_that_is_not_ready_is_lost_only_after_it_was_ready() {
    check_counts(
        "
        @-200 missed deploy web replicas=1 image=v1 stamp=aa
        @-199 missed rs web-1 of=web replicas=1 image=v1 stamp=aa
        @-198 missed pod a of=web-1 scheduled
        @-197 missed pod a running ready
        @-196 missed rs web-1 status=1/1
        @-195 missed deploy web status=1/1/1 reason=NewReplicaSetAvailable
        @-9 missed pod a unready
        @0 list
        @40 pod a ready
        @60 pod a unready
        @90 pod a ready
        @150 wait
        ",
        expect![[r#"
            recover Deployment web 60..90 completed {cause=pods:f6ab8143-a083-d94f-7081-74e62f081d30:1700000060, reason=Unready}
            counted: baseline 1
        "#]],
    );
}

#[test]
fn a_listed_object_whose_owner_is_not_listed_is_counted() {
    check_counts(
        "
        @-9 missed pod a of=lost scheduled
        @-8 missed pod a running ready
        @0 list
        @5 pod a going grace=30
        @6 pod a gone
        @30 wait
        ",
        expect![[r#"
            nothing
            counted: baseline 1, orphans 1
        "#]],
    );
}

#[test]
fn a_stamp_from_a_list_is_an_uncertain_link() {
    check(
        "
        @-200 missed deploy web replicas=1 image=v1 stamp=aa
        @-199 missed rs web-1 of=web replicas=1 image=v1 stamp=aa
        @-198 missed pod a of=web-1 scheduled
        @-197 missed pod a running ready
        @-196 missed rs web-1 status=1/1
        @-195 missed deploy web status=1/1/1 reason=NewReplicaSetAvailable
        @-5 missed deploy web image=v2 by=kubectl stamp=bb
        @0 list
        @5 deploy web status=1/1/1
        @60 wait
        ",
        expect![[r#"
            update Deployment web -5..5 completed {cause=spec:2, context.uncertain}
              -> stamp bb.bb in tracing.k8s.io/traceparent, uncertain
        "#]],
    );
}

#[test]
fn a_list_that_breaks_off_proves_nothing_and_a_complete_one_that_something_vanished() {
    check(
        "
        @0 list
        @1   pod x
        @1.1 pod y
        @5   closed pods
        @6   list pods x y
        @7   closed pods
        @8   list pods y
        @30  pod y running ready
        @60 wait
        ",
        expect![[r#"
            start Pod x 1..8 vanished {cause=spec:1, watch.gap}
              schedule Pod x 1..8 unfinished
            start Pod y 1.1..30 completed {cause=spec:1}
        "#]],
    );
}

#[test]
fn what_a_later_list_tells_first_began_while_nobody_watched_and_says_so() {
    check(
        "
        @0 list
        @5   closed deploys
        @6   missed deploy web replicas=1 by=kubectl
        @6.1 rs web-1 of=web replicas=1
        @6.2 pod a of=web-1
        @8   list deploys web
        @9   pod a running ready
        @9.1 rs web-1 status=1/1
        @9.2 deploy web status=1/1/1
        @60 wait
        ",
        expect![[r#"
            create Deployment web 6..9.2 completed {cause=spec:1, watch.gap}
              create ReplicaSet web-1 6..9.1 completed {replicas.from=0, replicas.to=1}
                start Pod a 6.2..9 completed
        "#]],
    );
}

#[test]
fn a_deployment_that_a_complete_list_lacks_has_vanished() {
    check(
        "
        @0 settled web
        @5   closed deploys
        @6   list deploys none
        @7   rs web-1 gone
        @40 wait
        ",
        expect![[r#"
            delete Deployment web 6..7 vanished {cause=delete, watch.gap}
        "#]],
    );
}

/// Its status alone does not say so: with OnDelete it is never out of date.
#[test]
fn what_was_created_while_nobody_watched_and_is_not_there_yet_is_being_created() {
    check(
        "
        @0 settled sts/db a
        @5    closed sts
        @5    closed pods
        @20   missed sts shop replicas=2 ondelete revision=r1 status=1/1/0
        @20.1 missed pod x of=sts/shop revision=r1
        @22   list
        @23   pod x running ready
        @23.1 sts shop status=1/1/1
        @23.2 pod y of=sts/shop revision=r1
        @25   pod y running ready
        @25.1 sts shop status=2/2/2
        @60 wait
        ",
        expect![[r#"
            create StatefulSet shop 20..25.1 completed {cause=spec:1, watch.gap}
              start Pod x 20..23 completed
              start Pod y 23.2..25 completed
        "#]],
    );
}

/// One that was there before, and has lost a Pod since, is not.
#[test]
fn what_only_a_list_shows_and_was_created_before_anybody_looked_away_is_not_being_created() {
    check(
        "
        @0 settled sts/db a
        @1    missed sts shop replicas=2 ondelete revision=r1 status=1/1/1
        @1.1  missed pod x of=sts/shop revision=r1
        @5    closed sts
        @5    closed pods
        @22   list
        @60 wait
        ",
        expect![[r#"
            nothing
        "#]],
    );
}

#[test]
fn below_a_continued_rollout_stands_only_what_is_open_of_the_current_revision() {
    check(
        "
        @-200 missed deploy web replicas=3 image=v1
        @-199 missed rs web-1 of=web replicas=3 image=v1 status=3/3
        @-9 missed deploy web image=v2 by=kubectl status=1/3/2
        @-8 missed rs web-2 of=web replicas=2 image=v2
        @-8 missed pod old of=web-1
        @-7 missed pod done of=web-2 scheduled
        @-6 missed pod done running ready
        @-5 missed pod open of=web-2
        @-5 missed pod going of=web-1 scheduled
        @-4 missed pod going going grace=30
        @0 list
        @1 pod going gone
        @2 pod open running ready
        @3 rs web-2 status=2/2
        @4 deploy web status=3/3/3
        @60 wait
        ",
        expect![[r#"
            update Deployment web -9..4 completed {cause=spec:2}
              create ReplicaSet web-2 -8..3 completed {replicas.from=0, replicas.to=2}
                start Pod open -5..2 completed
        "#]],
    );
}

#[test]
fn what_was_written_long_ago_is_deleted_and_has_not_timed_out() {
    check(
        "
        @0 settled web
        @4000 deploy web gone
        @4020 rs web-1 gone
        @4040 wait
        ",
        expect![[r#"
            delete Deployment web 4000..4020 completed {cause=delete}
        "#]],
    );
}

#[test]
fn what_was_written_long_ago_and_a_list_lacks_has_vanished_and_has_not_timed_out() {
    check(
        "
        @0 settled web
        @5   closed deploys
        @4000 list deploys none
        @4020 rs web-1 gone
        @4040 wait
        ",
        expect![[r#"
            delete Deployment web 4000..4020 vanished {cause=delete, watch.gap}
        "#]],
    );
}

#[test]
fn a_deletion_that_lasts_longer_than_the_limit_has_timed_out_from_when_it_was_told() {
    check(
        "
        @0 settled web
        @4000 deploy web gone
        @7700 rs web-1 gone
        @7740 wait
        ",
        expect![[r#"
            delete Deployment web 4000..7600 timed_out ERROR timed_out: the transition timed_out {cause=delete}
        "#]],
    );
}

/// What the list that broke off told was never known: the Pod has not been ready while anybody watched.
#[test]
fn what_a_first_list_told_that_broke_off_is_no_earlier_version_of_what_the_next_tells() {
    check_counts(
        "
        set lists=deploy,rs,ds,pod
        @-200 missed deploy web replicas=1 image=v1
        @-199 missed rs web-1 of=web replicas=1 image=v1
        @-198 missed pod a of=web-1 scheduled
        @-197 missed pod a running ready
        @-196 missed rs web-1 status=1/1
        @-195 missed deploy web status=1/1/1 reason=NewReplicaSetAvailable
        @0 list deploys
        @0 list sets
        @0 broken pods
        @1 missed pod a unready
        @2 list pods
        @3 list ds
        @40 pod a ready
        @90 wait
        ",
        expect![[r#"
            nothing
            counted: baseline 1
        "#]],
    );
}

/// Lists that are held enter owners first, in whatever order their lanes are: all that goes below a
/// deletion is known when it is judged.
#[test]
fn the_list_of_a_custom_resource_enters_before_that_of_the_one_it_owns() {
    let gone = |owner: &str, owned: &str, expect: Expect| {
        let script = format!(
            "
            @-50 missed cr {owner}.example all spec.a=1
            @-49 missed cr {owned}.example part of={owner}.example/all spec.a=1
            @-48 missed pod a of={owned}.example/part scheduled
            @-47 missed pod a running ready
            @-40 missed cr {owned}.example part settled
            @-39 missed cr {owner}.example all settled
            @-5 missed cr {owner}.example all delete
            @-4 missed cr {owned}.example part delete
            @-3 missed pod a going grace=30
            @0 list
            @3 pod a gone
            @5 cr {owned}.example part gone
            @6 cr {owner}.example all gone
            @30 wait
            "
        );
        check(&script, expect);
    };
    gone(
        "Big",
        "Small",
        expect![[r#"
        delete Big all -5..6 completed {cause=delete}
          delete Small part -4..5 completed
            terminate Pod a -3..3 completed
    "#]],
    );
    gone(
        "Small",
        "Big",
        expect![[r#"
        delete Small all -5..6 completed {cause=delete}
          delete Big part -4..5 completed
            terminate Pod a -3..3 completed
    "#]],
    );
}

// The watches of a server that has just started, which remembers less than the others.
#[test]
fn pods_that_a_list_lacks_because_their_workload_was_written_meanwhile_are_not_lost() {
    check(
        "
        @0 settled web a b
        @20   closed pod
        @21   deploy web image=v2 by=kubectl
        @21.1 rs web-2 of=web replicas=2 image=v2
        @21.2 missed pod c of=web-2
        @21.2 missed pod d of=web-2
        @22   missed pod c running ready
        @22   missed pod d running ready
        @22.1 rs web-2 status=2/2
        @22.2 rs web-1 replicas=0
        @22.3 missed pod a gone
        @22.3 missed pod b gone
        @22.4 rs web-1 status=0/0
        @22.5 deploy web status=2/2/2
        @28   list pods c d
        @60 wait
        ",
        expect![[r#"
            update Deployment web 21..22.5 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image, watch.gap}
              create ReplicaSet web-2 21..22.1 completed {replicas.from=0, replicas.to=2}
                start Pod c 21..22 completed
                start Pod d 21..22 completed
              scale ReplicaSet web-1 22.2..22.4 completed {replicas.from=2, replicas.to=0}
        "#]],
    );
}

#[test]
fn pods_of_a_stateful_set_that_a_list_lacks_because_it_was_updated_meanwhile_are_not_lost() {
    check(
        "
        @0 settled sts/db a b
        @20   closed pod
        @21   sts db image=v2 by=kubectl
        @21.1 sts db revision=r2 status=0/2/2 mixed
        @22   missed pod a gone
        @22   missed pod b gone
        @22.1 missed pod c name=a of=sts/db revision=r2 running ready
        @22.1 missed pod d name=b of=sts/db revision=r2 running ready
        @24   sts db status=2/2/2
        @50   list pods c d
        @90 wait
        ",
        expect![[r#"
            update StatefulSet db 21..24 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image, watch.gap}
        "#]],
    );
}
