//! What nobody heard, and lists tell what became of it (DESIGN §11).

use expect_test::expect;

use super::script::run;
use super::tree::check;
use crate::support::checks::{is_root, number};

/// Each kind is listed at a version of its own: that of the Pods is older than that of what owns them.
#[test]
fn a_scale_is_no_recovery_though_lists_tell_of_its_pods_first() {
    check(
        "
        @0 settled web a b
        @5    closed deploys
        @5    closed sets
        @5    closed pods
        @8    missed deploy web replicas=3
        @8.1  missed rs web-1 replicas=3
        @8.2  missed pod c of=web-1
        @8.3  missed pod c running ready
        @8.4  missed pod a exit=1
        @8.5  missed pod a running ready
        @8.6  missed rs web-1 status=3/3
        @8.7  missed deploy web status=3/3/3
        @10   list pods
        @10.1 sts other replicas=0
        @10.2 list sets
        @10.3 list deploys
        @60 wait
        ",
        expect![[r#"
            scale Deployment web 8..8 completed {cause=spec:2, manager=controller, changed=replicas, watch.gap}
              restart container a [app] 8..8 completed {reason=Error, exit_code=1}
              scale ReplicaSet web-1 8..8 completed {replicas.from=2, replicas.to=3}
                start Pod c 8..8 completed
            open: create StatefulSet other spec:1
        "#]],
    );
}

#[test]
fn a_deletion_is_no_recovery_though_lists_tell_of_its_pods_first() {
    check(
        "
        @0 settled web a b
        @5    closed deploys
        @5    closed pods
        @8    missed pod b gone
        @8.1  missed deploy web gone
        @10   list pods a
        @10.1 sts other replicas=0
        @10.3 list deploys none
        @11   pod a gone
        @12   rs web-1 gone
        @60 wait
        ",
        expect![[r#"
            delete Deployment web 10.3..12 vanished {cause=delete, watch.gap}
              delete ReplicaSet web-1 11..12 completed
                terminate Pod a 11..11 completed
            open: create StatefulSet other spec:1
        "#]],
    );
}

/// A watch tells of its Pods, a list of the Deployment: that was written before they went.
#[test]
fn what_was_written_while_its_owners_were_not_heard_comes_after_what_became_of_those() {
    check(
        "
        @0 settled web a b
        @5    closed deploys
        @5    closed sets
        @8    missed deploy web replicas=1
        @8.1  missed rs web-1 replicas=1
        @8.2  pod b going grace=1
        @8.3  pod b gone
        @8.4  missed rs web-1 status=1/1
        @8.5  missed deploy web status=1/1/1
        @8.7  list sets
        @8.8  list deploys
        @60 wait
        ",
        expect![[r#"
            scale Deployment web 8..8 completed {cause=spec:2, manager=controller, changed=replicas, watch.gap, pods.terminating=1}
              scale ReplicaSet web-1 8..8 completed {replicas.from=2, replicas.to=1}
                terminate Pod b 8.2..8.3 completed {reason=scaled down}
        "#]],
    );
}

/// What the list tells of how the Deployment is, comes after what its Pods did for it.
#[test]
fn an_update_that_a_list_tells_is_over_after_what_watches_tell_of_its_parts() {
    check(
        "
        @0 settled web a
        @5    closed deploys
        @8    missed deploy web image=v2 by=kubectl
        @8.1  rs web-2 of=web image=v2 replicas=1
        @8.2  pod b of=web-2
        @9    pod b running ready
        @9.1  rs web-2 status=1/1
        @9.2  rs web-1 replicas=0
        @9.3  pod a going grace=1
        @9.4  pod a gone
        @9.5  rs web-1 status=0/0
        @9.6  missed deploy web status=1/1/1
        @9.8  list deploys
        @60 wait
        ",
        expect![[r#"
            update Deployment web 8..9.5 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image, watch.gap}
              create ReplicaSet web-2 8.1..9.1 completed {replicas.from=0, replicas.to=1}
                start Pod b 8.2..9 completed
              scale ReplicaSet web-1 9.2..9.5 completed {replicas.from=1, replicas.to=0}
                terminate Pod a 9.3..9.4 completed {reason=scaled down}
        "#]],
    );
}

#[test]
fn what_is_open_while_nobody_hears_of_its_parts_says_that_there_was_a_gap() {
    check(
        "
        @0 list
        @1   job work
        @1.1 pod x of=job/work restarts=Never
        @2   pod x running
        @3   job other
        @5   closed pods
        @6   missed pod y of=job/work restarts=Never
        @7   missed pod y gone
        @8   list pods x
        @20  job third
        @21  job work settled
        @22  job third settled
        @22  job other settled
        @60 wait
        ",
        expect![[r#"
            run Job work 1..21 completed {cause=spec:1, manager=controller, watch.gap}
              run Pod x 1.1..21 unfinished
                start Pod x 1.1..2 completed
                run container x [app] 2..21 unfinished
            run Job other 3..22 completed {cause=spec:1, manager=controller, watch.gap}
            run Job third 20..22 completed {cause=spec:1, manager=controller}
        "#]],
    );
}

/// Only its last write is known; what was done for the one before is over.
#[test]
fn what_was_done_before_the_last_write_that_a_list_tells_is_no_part_of_it() {
    check(
        "
        @0 settled web a
        @5    closed deploys
        @5    closed sets
        @5    closed pods
        @10   missed deploy web image=v2 by=kubectl
        @10.1 missed rs web-2 of=web image=v2 replicas=1
        @10.2 missed pod b of=web-2
        @12   missed pod b running ready
        @12.1 missed rs web-2 status=1/1
        @12.2 missed rs web-1 replicas=0
        @12.3 missed pod a going grace=30
        @12.4 missed rs web-1 status=0/0
        @12.5 missed deploy web status=1/1/1
        @20   missed deploy web paused by=kubectl
        @20.1 missed deploy web status=1/1/1
        @23   list
        @30   pod a gone
        @60 wait
        ",
        expect![[r#"
            pause Deployment web 20..20 paused {cause=spec:3, generation.skipped=1, manager=kubectl, changed=paused+template.spec.containers[app].image, watch.gap}
        "#]],
    );
}

#[test]
fn what_a_list_tells_without_a_time_lies_between_when_nobody_watched_and_that_list() {
    let run = run("
        @0 settled web a b
        @50   closed deploys
        @58   missed deploy web replicas=3 by=hpa/scale
        @60   list deploys
        @62   rs web-1 replicas=3
        @62.1 pod c of=web-1
        @63   pod c running ready
        @63.1 rs web-1 status=3/3
        @63.2 deploy web status=3/3/3
        @90 wait
        ");
    let root = run.spans.iter().find(|span| is_root(span));
    let told = root.map(|root| {
        let from = super::script::seconds("48");
        (root.start.since(from).millis(), number(root, "lifespan.time.uncertainty_ms"))
    });
    assert_eq!(told, Some((0, 14_000)));
}

#[test]
fn the_gap_of_a_history_that_is_over_says_nothing_of_the_next_one() {
    check(
        "
        @0 settled web a
        @5   closed deploys
        @6   missed deploy web replicas=1 by=other rv=190
        @6.1 missed deploy web status=1/1/1 rv=200
        @7   list deploys web rv=200
        @40  closed deploys
        @41  list deploys web rv=50
        @80  deploy web image=v2 by=kubectl rv=120
        @80.1 rs web-2 of=web image=v2 replicas=1 rv=121
        @80.2 pod b of=web-2 rv=122
        @82   pod b running ready rv=123
        @82.1 rs web-2 status=1/1 rv=124
        @82.2 rs web-1 replicas=0 rv=125
        @82.3 pod a gone rv=126
        @82.4 rs web-1 status=0/0 rv=127
        @82.5 deploy web status=1/1/1 rv=128
        @140 wait
        ",
        expect![[r#"
            update Deployment web 80..82.5 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              create ReplicaSet web-2 80.1..82.1 completed {replicas.from=0, replicas.to=1}
                start Pod b 80.2..82 completed
              scale ReplicaSet web-1 82.2..82.4 completed {replicas.from=1, replicas.to=0}
                terminate Pod a 82.3..82.3 completed
        "#]],
    );
}

#[test]
fn what_lists_tell_of_objects_that_own_each_other_enters_once() {
    check(
        "
        @0 list
        @1    cr Rollout.argoproj.io x of=Rollout.argoproj.io/y by=kubectl observed
        @1.1  cr Rollout.argoproj.io y of=Rollout.argoproj.io/x by=kubectl observed
        @1.2  pod a of=Rollout.argoproj.io/x
        @40   closed Rollout.argoproj.io
        @40   closed pods
        @41   missed pod b of=Rollout.argoproj.io/y
        @42   missed cr Rollout.argoproj.io x spec.a=2 by=kubectl
        @42.1 missed cr Rollout.argoproj.io y spec.a=3 by=kubectl
        @43   list pods
        @43.1 sts other replicas=0
        @43.2 list Rollout.argoproj.io
        @90 wait
        ",
        expect![[r#"
            create Rollout y 1..42 superseded {cause=spec:1, manager=kubectl, watch.gap, owner.missing, owner.kind=Rollout, owner.name=x}
              create Rollout x 1..42 unfinished
                start Pod a 1.2..42 unfinished
                  schedule Pod a 1.2..42 unfinished
            open: create StatefulSet other spec:1
            open: update Rollout y spec:2
        "#]],
    );
}

/// Its status says that it is done, by a lane that is there.
#[test]
fn pods_that_a_list_tells_while_what_made_them_waits_for_its_hold_are_part_of_that() {
    check(
        "
        @0 settled web a
        @5    closed pods
        @8    deploy web replicas=3
        @8.1  rs web-1 replicas=3
        @8.2  missed pod b of=web-1
        @8.2  missed pod c of=web-1
        @9.3  missed pod b running ready
        @9.4  missed pod c running ready
        @9.5  rs web-1 status=3/3
        @9.6  deploy web status=3/3/3
        @14   missed pod d of=web-1
        @15   list pods
        @60 wait
        ",
        expect![[r#"
            scale Deployment web 8..9.6 completed {cause=spec:2, manager=controller, changed=replicas, watch.gap}
              scale ReplicaSet web-1 8..9.5 completed {replicas.from=1, replicas.to=3}
                start Pod b 8..9 completed
                start Pod c 8..9 completed
        "#]],
    );
}

#[test]
fn what_only_a_list_proves_gone_has_vanished_below_what_is_deleted_too() {
    check(
        "
        @0 settled web a
        @5    closed deploys
        @5    closed sets
        @5    closed pods
        @8    missed pod a gone
        @8.1  missed rs web-1 gone
        @8.2  missed deploy web gone
        @10   list pods none
        @10.1 list sets none
        @10.2 list deploys none
        @60 wait
        ",
        expect![[r#"
            delete Deployment web 10.1..10.2 vanished {cause=delete, watch.gap}
              delete ReplicaSet web-1 10.1..10.1 vanished {watch.gap}
        "#]],
    );
}

/// Nobody saw it being asked to go.
#[test]
fn a_run_below_that_a_list_lacks_has_vanished() {
    check(
        "
        @0 list
        @1   cr JobSet.x-k8s mnist mode=run by=kubectl
        @1.2 job mnist-node of=JobSet.x-k8s/mnist
        @5    closed job
        @8    missed job mnist-node gone
        @10   list job none
        @12   cr JobSet.x-k8s mnist settled
        @60 wait
        ",
        expect![[r#"
            run JobSet mnist 1..12 completed {cause=spec:1, manager=kubectl, watch.gap}
              run Job mnist-node 1.2..10 vanished {watch.gap}
        "#]],
    );
}

#[test]
fn a_pod_that_was_replaced_while_nobody_watched_was_lost() {
    check(
        "
        @0 settled web a b
        @5    closed pods
        @8    missed pod b gone
        @8.1  missed pod c of=web-1
        @9.3  missed pod c running ready
        @10   list pods
        @60 wait
        ",
        expect![[r#"
            recover Deployment web 8..10 completed {cause=pods:f6ab8143-a383-d94f-7081-74e62f0820e1:1700000010, watch.gap}
              start Pod c 8..9 completed
        "#]],
    );
}
