//! What custom resources say: spoken, unconfirmed, on trial (DESIGN §3, rules 1 and 2).

use expect_test::expect;

use super::tree::{check_also, check_counts};

#[test]
fn a_verdict_counts_only_when_it_has_lasted() {
    check_counts(
        "
        @0 list
        @1   cr Database.example.org db by=kubectl spec.tier=a
        @2   cr Database.example.org db settled
        @4   cr Database.example.org db progressing
        @60  cr Database.example.org db settled
        @90 wait
        ",
        expect![[r#"
            create Database db 1..60 completed {cause=spec:1, manager=kubectl}
            counted: churn 3
        "#]],
    );
}

#[test]
fn a_failure_that_does_not_last_is_none() {
    check_counts(
        "
        @0 list
        @1   cr Application.argoproj.io app by=kubectl spec.revision=a
        @2   cr Application.argoproj.io app failed=Degraded
        @7   cr Application.argoproj.io app progressing
        @35  cr Application.argoproj.io app settled
        @90 wait
        ",
        expect![[r#"
            create Application app 1..35 completed {cause=spec:1, manager=kubectl}
            counted: churn 3
        "#]],
    );
}

#[test]
fn a_controller_that_says_nothing_for_half_a_minute_has_agreed() {
    check_counts(
        "
        @0 list
        @1   cr Queue.example.org q by=kubectl spec.size=1
        @2   cr Queue.example.org q settled
        @30  cr Queue.example.org q spec.size=2 by=kubectl
        @90 wait
        ",
        expect![[r#"
            create Queue q 1..2 completed {cause=spec:1, manager=kubectl}
            update Queue q 30..30 completed {cause=spec:2, manager=kubectl, changed=size}
            counted: churn 1
        "#]],
    );
}

#[test]
fn a_verdict_that_stands_when_the_next_write_comes_counts() {
    check_counts(
        "
        @0 list
        @1   cr Database.example.org db by=kubectl spec.tier=a
        @3   cr Database.example.org db settled
        @8   cr Database.example.org db spec.tier=b by=kubectl progressing
        @12  cr Database.example.org db settled
        @60 wait
        ",
        expect![[r#"
            create Database db 1..3 completed {cause=spec:1, manager=kubectl}
            update Database db 8..12 completed {cause=spec:2, manager=kubectl, changed=tier}
            counted: churn 2
        "#]],
    );
}

#[test]
fn an_agreement_that_nobody_said_is_told_as_unconfirmed() {
    check_also(
        &["lifespan.verdict.unconfirmed"],
        "
        @0 list
        @1   cr Queue.example.org q by=kubectl spec.size=1
        @2   cr Queue.example.org q settled
        @30  cr Queue.example.org q spec.size=2 by=kubectl
        @90  cr Queue.example.org q spec.size=3 by=kubectl
        @95  cr Queue.example.org q progressing
        @97  cr Queue.example.org q settled
        @150 wait
        ",
        expect![[r#"
            create Queue q 1..2 completed {cause=spec:1, manager=kubectl}
            update Queue q 30..30 completed {cause=spec:2, manager=kubectl, changed=size, verdict.unconfirmed=true}
            update Queue q 90..97 completed {cause=spec:3, manager=kubectl, changed=size}
        "#]],
    );
}
