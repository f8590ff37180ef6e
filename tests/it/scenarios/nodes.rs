//! Nodes that join and leave under a DaemonSet (DESIGN §3).

use expect_test::expect;

use super::tree::{check, check_also};

#[test]
fn a_node_that_joins_is_a_scale_by_the_pod_that_came() {
    check_also(
        &["lifespan.replicas.from", "lifespan.replicas.to"],
        "
        @0 settled ds/agent a1
        @20  pod a2 of=ds/agent revision=r1
        @20.2 ds agent status=1/1/1 desired=2
        @20.4 ds agent status=2/2/1
        @22  pod a2 running ready
        @22.2 ds agent status=2/2/2
        @50 wait
        ",
        expect![[r#"
            scale DaemonSet agent 20..22.2 completed {cause=pods:6b371653-843c-64bf-6f4a-d73bdefbb176:1700000020, replicas.from=1, replicas.to=2}
              start Pod a2 20..22 completed
        "#]],
    );
}

#[test]
fn a_node_that_joins_is_the_same_scale_when_the_status_came_first() {
    check_also(
        &["lifespan.replicas.from", "lifespan.replicas.to"],
        "
        @0 settled ds/agent a1
        @20  ds agent status=1/1/1 desired=2
        @20.2 pod a2 of=ds/agent revision=r1
        @20.4 ds agent status=2/2/1
        @22  pod a2 running ready
        @22.2 ds agent status=2/2/2
        @50 wait
        ",
        expect![[r#"
            scale DaemonSet agent 20.2..22.2 completed {cause=pods:6b371653-843c-64bf-6f4a-d73bdefbb176:1700000020, replicas.from=1, replicas.to=2}
              start Pod a2 20.2..22 completed
        "#]],
    );
}

#[test]
fn a_node_that_leaves_is_a_scale_by_the_pod_that_went() {
    check_also(
        &["lifespan.replicas.from", "lifespan.replicas.to"],
        "
        @0 settled ds/agent a1 a2
        @20  pod a2 going grace=30
        @20.2 ds agent status=2/1/1 desired=1
        @20.4 ds agent status=1/1/1
        @22  pod a2 gone
        @50 wait
        ",
        expect![[r#"
            scale DaemonSet agent 20..20.2 completed {cause=pods:6b371653-843c-64bf-6f4a-d73bdefbb176:1700000020, pods.terminating=1, replicas.from=2, replicas.to=1}
              terminate Pod a2 20..22 completed
        "#]],
    );
}

#[test]
fn a_node_that_leaves_is_the_same_scale_when_the_status_came_first() {
    check_also(
        &["lifespan.replicas.from", "lifespan.replicas.to"],
        "
        @0 settled ds/agent a1 a2
        @20  ds agent status=2/2/2 desired=1
        @20.2 pod a2 going grace=30
        @20.4 ds agent status=1/1/1
        @22  pod a2 gone
        @50 wait
        ",
        expect![[r#"
            scale DaemonSet agent 20.2..20.4 completed {cause=pods:6b371653-843c-64bf-6f4a-d73bdefbb176:1700000020, pods.terminating=1, replicas.from=2, replicas.to=1}
              terminate Pod a2 20.2..22 completed {reason=scaled down}
        "#]],
    );
}

// Both in one look of the controller, which makes the new Pod first: the number stays the same.
#[test]
fn a_node_that_joins_as_another_leaves_is_a_recover_of_the_pod_that_went() {
    check_also(
        &["lifespan.lost.pod", "lifespan.replicas.from", "lifespan.replicas.to"],
        "
        @0 settled ds/agent a1 a2
        @20   pod a3 of=ds/agent revision=r1
        @20.1 pod a2 going grace=3
        @20.2 ds agent status=2/2/1
        @22   pod a3 running ready
        @22.1 ds agent status=2/2/2
        @23   pod a2 gone
        @4000 wait
        ",
        expect![[r#"
            recover DaemonSet agent 20..22 completed {cause=pods:6b371653-853c-64bf-6f4a-d73bdefbb2b1:1700000020, pods.terminating=1, lost.pod=a2}
              start Pod a3 20..22 completed
              terminate Pod a2 20.1..23 completed {reason=scaled down}
        "#]],
    );
}

// Its last status is late, and tells the number when the Pod has long been taken in.
#[test]
fn a_node_whose_number_is_told_after_its_pod_came_is_a_scale_all_the_same() {
    check_also(
        &["lifespan.replicas.from", "lifespan.replicas.to"],
        "
        @0 settled ds/agent a1
        @20   pod a2 of=ds/agent revision=r1
        @22   pod a2 running ready
        @25   ds agent status=2/2/2 desired=2
        @60 wait
        ",
        expect![[r#"
            scale DaemonSet agent 20..25 completed {cause=pods:6b371653-843c-64bf-6f4a-d73bdefbb176:1700000020, replicas.from=1, replicas.to=2}
              start Pod a2 20..22 completed
        "#]],
    );
}

#[test]
fn a_node_that_joins_during_an_update_is_part_of_it() {
    check(
        "
        @0 settled ds/agent a1
        @5   ds agent image=v2 by=kubectl revision=r2
        @5.1 ds agent status=0/1/1
        @5.2 pod a1 going grace=30
        @6   pod a1 gone
        @6.1 pod b1 of=ds/agent revision=r2
        @6.5 ds agent status=1/1/0 desired=2
        @6.6 pod b2 of=ds/agent revision=r2
        @7   pod b1 running ready
        @7.5 ds agent status=2/2/1
        @9   pod b2 running ready
        @9.1 ds agent status=2/2/2
        @40 wait
        ",
        expect![[r#"
            update DaemonSet agent 5..9.1 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              terminate Pod a1 5.2..6 completed
              start Pod b1 6.1..7 completed
              start Pod b2 6.6..9 completed
        "#]],
    );
}

// `numberMisscheduled`: the label of a node is taken away; the Pod goes, the node stays.
#[test]
fn a_pod_on_a_node_that_no_longer_wants_it_goes_as_scaled_down() {
    check(
        "
        @0 settled ds/agent a1
        @20  ds agent status=0/0/0 desired=0
        @20.1 pod a1 going grace=30
        @22  pod a1 gone
        @50 wait
        ",
        expect![[r#"
            scale DaemonSet agent 20.1..20.1 completed {cause=pods:6b371653-833c-64bf-6f4a-d73bdefbb03b:1700000020, pods.terminating=1}
              terminate Pod a1 20.1..22 completed {reason=scaled down}
        "#]],
    );
}

// Nodes joined and left between two Pods: the number is the same.
#[test]
fn a_daemon_set_that_wants_as_many_as_before_has_not_moved() {
    check(
        "
        @0 settled ds/agent a1 a2
        @20  ds agent status=2/2/2 desired=3
        @21  ds agent status=2/2/2 desired=2
        @40  pod a2 going grace=30
        @41  pod a2 gone
        @41.1 pod a3 of=ds/agent revision=r1
        @43  pod a3 running ready
        @43.1 ds agent status=2/2/2
        @80 wait
        ",
        expect![[r#"
            recover DaemonSet agent 40..43 completed {cause=pods:6b371653-843c-64bf-6f4a-d73bdefbb176:1700000040}
              terminate Pod a2 40..41 completed
              start Pod a3 41.1..43 completed
        "#]],
    );
}

// The list that lacks the Pod tells no object time of its end, and the second of its creation is
// the cause of the scale that it came with.
#[test]
fn a_node_that_joined_and_left_in_a_gap_is_two_scales_of_two_causes() {
    check_also(
        &["lifespan.replicas.from", "lifespan.replicas.to"],
        "
        @0 settled ds/agent a1
        @20  pod a2 of=ds/agent revision=r1
        @20.2 ds agent status=2/2/1 desired=2
        @22  pod a2 running ready
        @22.2 ds agent status=2/2/2
        @40  closed pods
        @50  ds agent status=1/1/1 desired=1
        @50.2 missed pod a2 gone
        @60  list pods
        @90 wait
        ",
        expect![[r#"
            scale DaemonSet agent 20..22.2 completed {cause=pods:6b371653-843c-64bf-6f4a-d73bdefbb176:1700000020, replicas.from=1, replicas.to=2}
              start Pod a2 20..22 completed
            scale DaemonSet agent 60..60 completed {cause=pods:6b371653-843c-64bf-6f4a-d73bdefbb176:1700000060, watch.gap, replicas.from=2, replicas.to=1}
        "#]],
    );
}

#[test]
fn a_crash_just_before_a_node_joins_is_no_scale() {
    check_also(
        &["lifespan.replicas.from", "lifespan.replicas.to"],
        "
        @0 settled ds/agent a1
        @20  pod a1 exit=3
        @20.1 ds agent status=1/1/0
        @20.5 ds agent status=1/1/0 desired=2
        @20.6 pod a2 of=ds/agent revision=r1
        @21  pod a1 running restarts=1 ready
        @22  pod a2 running ready
        @22.2 ds agent status=2/2/2
        @50 wait
        ",
        expect![[r#"
            recover DaemonSet agent 20..22 completed {cause=pods:6b371653-833c-64bf-6f4a-d73bdefbb03b:1700000020, reason=Error}
              restart container a1 [app] 20..21 completed {reason=Error, exit_code=3}
              start Pod a2 20.6..22 completed
        "#]],
    );
}

#[test]
fn a_pod_that_was_unready_before_its_node_left_was_lost() {
    check_also(
        &["lifespan.replicas.from", "lifespan.replicas.to"],
        "
        @0 settled ds/agent a1 a2
        @20  pod a2 unready
        @20.1 ds agent status=2/2/1
        @40  pod a2 going grace=30
        @40.2 ds agent status=1/1/1 desired=1
        @42  pod a2 gone
        @80 wait
        ",
        expect![[r#"
            recover DaemonSet agent 20..40.2 completed {cause=pods:6b371653-843c-64bf-6f4a-d73bdefbb176:1700000020, pods.terminating=1, reason=Unready}
              terminate Pod a2 40..42 completed
        "#]],
    );
}

#[test]
fn a_node_that_joins_while_a_pod_of_an_old_revision_goes_is_a_scale_all_the_same() {
    check(
        "
        @-101 missed ds agent ondelete
        @0 settled ds/agent a1 a2
        @20   ds agent image=v2 by=kubectl revision=r2
        @20.1 pod a1 going grace=3
        @20.2 ds agent status=0/2/2
        @22   pod a3 of=ds/agent revision=r2
        @22.1 ds agent status=1/3/2 desired=3
        @23   pod a1 gone
        @23.1 pod a4 of=ds/agent revision=r2
        @25   pod a3 running ready
        @26   pod a4 running ready
        @26.1 ds agent status=2/3/3
        @60 wait
        ",
        expect![[r#"
            update DaemonSet agent 20..20.2 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image, pods.terminating=1}
              terminate Pod a1 20.1..23 completed
            scale DaemonSet agent 22..26.1 completed {cause=pods:6b371653-853c-64bf-6f4a-d73bdefbb2b1:1700000022}
              -> follows update DaemonSet spec:2
              start Pod a3 22..25 completed
              start Pod a4 23.1..26 completed
        "#]],
    );
}

// The Pod of the node goes already, for an update: nothing has to come or go for the node.
#[test]
fn a_node_that_left_with_a_pod_that_went_anyway_makes_no_scale_of_a_later_loss() {
    check(
        "
        @-101 missed ds agent ondelete
        @0 settled ds/agent a1 a2
        @20   ds agent image=v2 by=kubectl revision=r2
        @20.1 pod a1 going grace=30
        @20.2 ds agent status=0/2/2
        @21   ds agent status=0/1/1 desired=1
        @23   pod a1 succeeded
        @24   pod a1 gone
        @40   pod a2 going grace=30
        @42   pod a2 succeeded
        @42.1 pod a3 of=ds/agent revision=r2
        @43   pod a2 gone
        @44   pod a3 running ready
        @44.1 ds agent status=1/1/1
        @80 wait
        ",
        expect![[r#"
            update DaemonSet agent 20..20.2 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image, pods.terminating=1}
              terminate Pod a1 20.1..24 completed
            update DaemonSet agent 40..44 completed {cause=pods:6b371653-843c-64bf-6f4a-d73bdefbb176:1700000040}
              -> follows update DaemonSet spec:2
              terminate Pod a2 40..43 completed
              start Pod a3 42.1..44 completed
        "#]],
    );
}

// Its Pods count as the rollback's at once, and one that still goes is replaced.
#[test]
fn a_node_that_joins_while_a_rollback_still_replaces_a_pod_is_part_of_it() {
    check(
        "
        @0 settled ds/agent a1 a2
        @20   ds agent image=v2 by=kubectl revision=r2
        @20.1 pod a1 going grace=30
        @20.2 ds agent status=0/2/2
        @21   ds agent image=v1 by=kubectl revision=r1
        @21.1 ds agent status=2/2/2
        @23   pod a1 succeeded
        @23.1 pod a3 of=ds/agent revision=r1
        @23.2 ds agent status=2/2/1
        @24   pod a4 of=ds/agent revision=r1
        @24.1 ds agent status=3/3/1 desired=3
        @25   pod a3 running ready
        @25.1 pod a1 gone
        @26   pod a4 running ready
        @26.1 ds agent status=3/3/3
        @80 wait
        ",
        expect![[r#"
            update DaemonSet agent 20..21 superseded {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image, pods.terminating=1}
              terminate Pod a1 20.1..25.1 completed
            rollback DaemonSet agent 21..26.1 completed {cause=spec:3, manager=kubectl, changed=template.spec.containers[app].image}
              -> supersedes update DaemonSet spec:2
              start Pod a3 23.1..25 completed
              start Pod a4 24..26 completed
        "#]],
    );
}

#[test]
fn a_pod_that_comes_with_its_node_and_is_lost_in_the_same_second_is_two_causes() {
    check(
        "
        @0 settled ds/agent a1
        @20.1 pod a2 of=ds/agent revision=r1
        @20.2 ds agent status=2/2/1 desired=2
        @20.4 pod a2 running ready
        @20.5 ds agent status=2/2/2
        @20.8 pod a2 going grace=30
        @22   pod a2 succeeded
        @22.1 pod a3 of=ds/agent revision=r1
        @22.2 ds agent status=2/2/1
        @23   pod a2 gone
        @23.1 pod a3 running ready
        @23.2 ds agent status=2/2/2
        @80 wait
        ",
        expect![[r#"
            scale DaemonSet agent 20.1..20.5 completed {cause=pods:6b371653-843c-64bf-6f4a-d73bdefbb176:1700000020, unstable}
              start Pod a2 20.1..20.4 completed
            recover DaemonSet agent 20.8..23.1 completed {cause=pods:6b371653-843c-64bf-6f4a-d73bdefbb176:1700000020:lost}
              -> follows scale DaemonSet pods:6b371653-843c-64bf-6f4a-d73bdefbb176:1700000020
              terminate Pod a2 20.8..23 completed
              start Pod a3 22.1..23.1 completed
        "#]],
    );
}

// When the last of its Pods is Ready that goes by then, and so does the Pod of a node that left.
#[test]
fn a_pod_that_goes_as_an_update_is_done_is_replaced_in_it_though_one_of_a_node_that_left_goes_too()
{
    check(
        "
        @0 settled ds/agent a1 a2
        @20   ds agent image=v2 by=kubectl revision=r2
        @20.1 pod a1 going grace=30
        @21   pod a1 succeeded
        @21.1 pod b1 of=ds/agent revision=r2
        @21.2 ds agent status=1/2/1
        @22   pod a2 going grace=30
        @22.1 ds agent status=1/1/0 desired=1
        @23   pod a1 gone
        @23.1 pod b1 going grace=30
        @23.2 ds agent status=1/1/1
        @24   pod b1 succeeded
        @24.1 pod b2 of=ds/agent revision=r2
        @24.2 ds agent status=1/1/0
        @25   pod a2 succeeded
        @25.1 pod a2 gone
        @25.2 pod b1 gone
        @26   pod b2 running ready
        @26.1 ds agent status=1/1/1
        @4000 wait
        ",
        expect![[r#"
            update DaemonSet agent 20..26.1 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              terminate Pod a1 20.1..23 completed
              start Pod b1 21.1..23.1 deleted
              terminate Pod a2 22..25.1 completed
              terminate Pod b1 23.1..25.2 completed
              start Pod b2 24.1..26 completed
        "#]],
    );
}

// maxSurge: the new Pod of a node is there before the old one goes.
#[test]
fn pods_that_an_update_replaces_after_others_came_are_not_scaled_down() {
    check(
        "
        @0 settled ds/agent a1
        @20  ds agent image=v2 revision=r2 by=kubectl
        @20.1 pod a2 of=ds/agent revision=r2
        @22  pod a2 running ready
        @22.1 pod a1 going grace=30
        @23  pod a1 gone
        @23.1 ds agent status=1/1/1
        @50 wait
        ",
        expect![[r#"
            update DaemonSet agent 20..23.1 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              start Pod a2 20.1..22 completed
              terminate Pod a1 22.1..23 completed
        "#]],
    );
}
