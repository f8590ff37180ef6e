//! Goal fields of custom resources: defaulting, pauses, scales (DESIGN §3.1–§3.3).

use expect_test::expect;

use super::tree::{check, check_counts};

#[test]
fn any_field_that_is_no_goal_is_an_update() {
    check(
        "
        @0 list
        @1   cr Foo.example.com x by=kubectl spec.a=1
        @2   cr Foo.example.com x settled
        @30  cr Foo.example.com x spec.a=2 by=kubectl progressing
        @33  cr Foo.example.com x settled
        @60 wait
        ",
        expect![[r#"
            create Foo x 1..2 completed {cause=spec:1, manager=kubectl}
            update Foo x 30..33 completed {cause=spec:2, manager=kubectl, changed=a}
        "#]],
    );
}

// Argo Rollouts writes back the defaults that an apply has left out (FACTS §9).
#[test]
fn fields_added_within_five_seconds_are_defaulting_and_a_goal_change() {
    check(
        "
        @0 list
        @1   cr Rollout.argoproj.io web by=kubectl spec.a=1
        @5.9 cr Rollout.argoproj.io web spec.b=1 by=controller
        @7   cr Rollout.argoproj.io web settled
        @30 wait
        ",
        expect![[r#"
            create Rollout web 1..7 completed {cause=spec:1, manager=kubectl}
              * 5.9 goal changed field=b manager=controller
        "#]],
    );
}

#[test]
fn fields_added_later_are_an_update() {
    check(
        "
        @0 list
        @1   cr Foo.example.com x by=kubectl spec.a=1
        @7   cr Foo.example.com x spec.b=1 by=somebody
        @9   cr Foo.example.com x settled
        @30 wait
        ",
        expect![[r#"
            create Foo x 1..7 superseded {cause=spec:1, manager=kubectl}
            update Foo x 7..9 completed {cause=spec:2, manager=somebody, changed=b}
              -> supersedes create Foo spec:1
        "#]],
    );
}

#[test]
fn a_changed_field_within_five_seconds_is_no_defaulting() {
    check(
        "
        @0 list
        @1   cr Foo.example.com x by=kubectl spec.a=1
        @2   cr Foo.example.com x spec.a=2 spec.b=1 by=somebody
        @9   cr Foo.example.com x settled
        @30 wait
        ",
        expect![[r#"
            create Foo x 1..2 superseded {cause=spec:1, manager=kubectl}
            update Foo x 2..9 completed {cause=spec:2, manager=somebody, changed=a+b}
              -> supersedes create Foo spec:1
        "#]],
    );
}

#[test]
fn defaulting_of_what_has_settled_already_is_no_transition() {
    check_counts(
        "
        @0 list
        @1   cr Foo.example.com x by=kubectl spec.a=1
        @1.5 cr Foo.example.com x settled
        @3   cr Foo.example.com x spec.b=1 by=controller
        @30 wait
        ",
        expect![[r#"
            create Foo x 1..1.5 completed {cause=spec:1, manager=kubectl}
              * 1.5 goal changed field=b manager=controller
            counted: churn 1
        "#]],
    );
}

#[test]
fn replicas_alone_is_a_scale() {
    check(
        "
        @0 list
        @1   cr Rollout.argoproj.io web by=kubectl replicas=2
        @2   cr Rollout.argoproj.io web settled
        @30  cr Rollout.argoproj.io web replicas=3 by=hpa/scale progressing
        @33  cr Rollout.argoproj.io web settled
        @60 wait
        ",
        expect![[r#"
            create Rollout web 1..2 completed {cause=spec:1, manager=kubectl}
            scale Rollout web 30..33 completed {cause=spec:2, manager=hpa, changed=replicas}
        "#]],
    );
}

#[test]
fn a_configured_goal_field_moves_what_is_open() {
    check(
        "
        @0 list
        @1   cr Foo.example.com x by=kubectl goals=schedule.window spec.a=1 spec.schedule.window.hours=1
        @2   cr Foo.example.com x spec.schedule.window.hours=2 by=somebody
        @4   cr Foo.example.com x settled
        @30  cr Foo.example.com x spec.schedule.window.hours=3 by=somebody progressing
        @31  cr Foo.example.com x settled
        @60 wait
        ",
        expect![[r#"
            create Foo x 1..4 completed {cause=spec:1, manager=kubectl}
              * 2 goal changed field=schedule.window.hours manager=somebody
            update Foo x 30..31 completed {cause=spec:3, manager=somebody, changed=schedule.window.hours}
        "#]],
    );
}

#[test]
fn paused_taken_away_is_a_resume() {
    check(
        "
        @0 list
        @1   cr Foo.example.com x by=kubectl spec.a=1
        @2   cr Foo.example.com x settled
        @30  cr Foo.example.com x paused by=kubectl
        @60  cr Foo.example.com x resumed by=kubectl progressing
        @62  cr Foo.example.com x settled
        @90 wait
        ",
        expect![[r#"
            create Foo x 1..2 completed {cause=spec:1, manager=kubectl}
            pause Foo x 30..30 paused {cause=spec:2, manager=kubectl, changed=paused}
            resume Foo x 60..62 completed {cause=spec:3, manager=kubectl, changed=paused}
              -> resumes pause Foo spec:2
        "#]],
    );
}

// Tekton defaults a PipelineRun 47 ms after its creation (FACTS §9).
#[test]
fn a_custom_run_ends_with_its_condition_and_its_defaulting_is_a_goal_change() {
    check(
        "
        @0 list
        @1   cr PipelineRun.tekton.dev build mode=run by=kubectl spec.a=1
        @1.2 cr PipelineRun.tekton.dev build spec.a=2 spec.b=1 by=controller
        @5   cr PipelineRun.tekton.dev build settled
        @30 wait
        ",
        expect![[r#"
            run PipelineRun build 1..5 completed {cause=spec:1, manager=kubectl}
              * 1.2 goal changed field=a, b manager=controller
        "#]],
    );
}
