//! DaemonSets: the number of wanted Pods is that of the nodes (DESIGN §3–§4).

use expect_test::expect;

use super::tree::check;

#[test]
fn a_daemon_set_without_a_node_is_created_when_it_is_observed() {
    check(
        "
        @0 list
        @1   ds agent by=kubectl revision=1
        @1.5 ds agent status=0/0/0 desired=0
        @30 wait
        ",
        expect![[r#"
            create DaemonSet agent 1..1.5 completed {cause=spec:1, manager=kubectl}
        "#]],
    );
}

// `rollout_status.go`: updatedNumberScheduled and numberAvailable against desiredNumberScheduled.
#[test]
fn a_daemon_set_is_created_when_every_wanted_node_has_an_available_pod() {
    check(
        "
        @0 list
        @1   ds agent by=kubectl revision=1
        @1.1 ds agent status=0/0/0 desired=2
        @1.2 pod a1 of=ds/agent revision=1
        @1.3 pod a2 of=ds/agent revision=1
        @1.4 ds agent status=2/2/0 desired=2
        @2   pod a1 running ready
        @2.1 ds agent status=2/2/1 desired=2
        @3   pod a2 running ready
        @3.1 ds agent status=2/2/2 available=1
        @8   ds agent status=2/2/2
        @30 wait
        ",
        expect![[r#"
            create DaemonSet agent 1..8 completed {cause=spec:1, manager=kubectl}
              start Pod a1 1.2..2 completed
              start Pod a2 1.3..3 completed
        "#]],
    );
}

#[test]
fn a_first_status_without_nodes_settles_a_create_only_when_it_is_observed() {
    check(
        "
        @0 list
        @1   ds agent by=kubectl
        @1.1 ds agent observed=0 status=0/0/0 desired=0
        @1.2 pod a1 of=ds/agent
        @1.3 ds agent status=1/1/0 desired=1
        @3   pod a1 running ready
        @3.1 ds agent status=1/1/1
        @30 wait
        ",
        expect![[r#"
            create DaemonSet agent 1..3.1 completed {cause=spec:1, manager=kubectl}
              start Pod a1 1.2..3 completed
        "#]],
    );
}

#[test]
fn a_lost_pod_on_the_same_nodes_is_a_recover() {
    check(
        "
        @0 settled ds/agent a1 a2
        @20  pod a2 going grace=30
        @21  pod a2 gone
        @21.1 pod a3 of=ds/agent revision=r1
        @23  pod a3 running ready
        @23.1 ds agent status=2/2/2
        @60 wait
        ",
        expect![[r#"
            recover DaemonSet agent 20..23 completed {cause=pods:6b371653-843c-64bf-6f4a-d73bdefbb176:1700000020}
              terminate Pod a2 20..21 completed
              start Pod a3 21.1..23 completed
        "#]],
    );
}

// The controller deletes failed Pods and makes new ones
// (`pkg/controller/daemon/daemon_controller.go`).
#[test]
fn a_pod_that_fails_is_replaced_by_a_recover() {
    check(
        "
        @0 settled ds/agent a1
        @20  pod a1 failed=Evicted
        @20.2 pod a1 going grace=0
        @20.3 pod a1 gone
        @20.5 pod a2 of=ds/agent revision=r1
        @23  pod a2 running ready
        @23.1 ds agent status=1/1/1
        @60 wait
        ",
        expect![[r#"
            recover DaemonSet agent 20..23 completed {cause=pods:6b371653-833c-64bf-6f4a-d73bdefbb03b:1700000020, reason=Evicted}
              start Pod a2 20.5..23 completed
        "#]],
    );
}

// `pkg/controller/daemon/update.go`: with maxUnavailable an old Pod goes before the new one comes.
#[test]
fn an_update_kills_as_many_pods_as_may_be_unavailable() {
    check(
        "
        @0 settled ds/agent a1 a2
        @5   ds agent image=v2 by=kubectl revision=r2
        @5.1 ds agent status=0/2/2
        @5.2 pod a1 going grace=30
        @7   pod a1 gone
        @7.1 pod b1 of=ds/agent revision=r2
        @7.2 ds agent status=1/2/1
        @8   pod b1 running ready
        @8.1 ds agent status=1/2/2
        @8.2 pod a2 going grace=30
        @10  pod a2 gone
        @10.1 pod b2 of=ds/agent revision=r2
        @10.2 ds agent status=2/2/1
        @11  pod b2 running ready
        @11.1 ds agent status=2/2/2
        @40 wait
        ",
        expect![[r#"
            update DaemonSet agent 5..11.1 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
              terminate Pod a1 5.2..7 completed
              start Pod b1 7.1..8 completed
              terminate Pod a2 8.2..10 completed
              start Pod b2 10.1..11 completed
        "#]],
    );
}

#[test]
fn under_on_delete_an_update_of_a_daemon_set_settles_when_observed() {
    check(
        "
        @-101 missed ds agent ondelete
        @0 settled ds/agent a1 a2
        @5   ds agent image=v2 by=kubectl revision=r2
        @5.1 ds agent status=0/2/2
        @30  pod a1 going grace=30
        @32  pod a1 gone
        @32.1 pod b1 of=ds/agent revision=r2
        @33  pod b1 running ready
        @33.1 ds agent status=1/2/2
        @60 wait
        ",
        expect![[r#"
            update DaemonSet agent 5..5.1 completed {cause=spec:2, manager=kubectl, changed=template.spec.containers[app].image}
            update DaemonSet agent 30..33 completed {cause=pods:6b371653-833c-64bf-6f4a-d73bdefbb03b:1700000030}
              -> follows update DaemonSet spec:2
              terminate Pod a1 30..32 completed
              start Pod b1 32.1..33 completed
        "#]],
    );
}
