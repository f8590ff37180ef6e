//! DESIGN §7: instants are intervals, and what narrows them.

use expect_test::expect;

use super::tree::check_full;

#[test]
fn the_time_of_a_write_lies_in_its_second_and_not_after_its_arrival() {
    check_full(
        "
        @0 settled web a
        @1.9 deploy web image=v2 by=kubectl
        @3.2 deploy web status=1/1/1
        @30 wait
        ",
        expect![[r#""#]],
    );
}

#[test]
fn an_arrival_after_the_second_of_the_object_leaves_the_end_of_that_second() {
    check_full(
        "
        @0 settled web a
        @1.2 deploy web image=v2 by=kubectl late=1500
        @3.2 deploy web status=1/1/1
        @30 wait
        ",
        expect![[r#""#]],
    );
}

#[test]
fn the_arrival_of_a_later_write_bounds_an_earlier_one() {
    check_full(
        "
        @0 settled web a
        @1.2 deploy web image=v2 by=kubectl late=700
        @1.3 rs web-2 of=web replicas=1 image=v2
        @3.2 deploy web status=1/1/1
        @30 wait
        ",
        expect![[r#""#]],
    );
}

#[test]
fn the_exact_time_of_an_event_counts_only_while_its_count_is_one() {
    check_full(
        "
        @0 list
        @1   pod solo
        @1.2 pod solo scheduled
        @1.9 pod solo running late=400
        @1.9 event pod/solo Started app at=1.8
        @3.5 pod solo ready
        @40   pod late
        @40.2 pod late scheduled
        @40.9 pod late running late=400
        @40.9 event pod/late Started app at=40.8 count=2
        @43.5 pod late ready
        @60 wait
        ",
        expect![[r#""#]],
    );
}

#[test]
fn a_pull_began_its_duration_before_the_event() {
    check_full(
        "
        @0 list
        @1   pod solo
        @1.2 pod solo scheduled
        @3.5 event pod/solo Pulled app took=1.5s
        @3.7 pod solo running
        @4.5 pod solo ready
        @30 wait
        ",
        expect![[r#""#]],
    );
}

#[test]
fn an_image_that_was_there_is_not_pulled() {
    check_full(
        "
        @0 list
        @1   pod solo
        @1.2 pod solo scheduled
        @3.5 event pod/solo Pulled app there
        @3.7 pod solo running
        @4.5 pod solo ready
        @30 wait
        ",
        expect![[r#""#]],
    );
}

#[test]
fn without_events_a_start_is_coarser_and_not_guessed() {
    check_full(
        "
        @0 list
        @1   pod solo
        @1.2 pod solo scheduled
        @1.4 pod solo sandbox
        @3.7 pod solo running
        @4.5 pod solo ready
        @30 wait
        ",
        expect![[r#""#]],
    );
}

#[test]
fn a_node_whose_clock_is_ahead_is_shifted_as_one_block() {
    check_full(
        "
        @0 list
        @1   deploy web replicas=1 by=kubectl
        @1.1 rs web-1 of=web replicas=1
        @1.2 pod a of=web-1
        @1.3 pod a scheduled
        @2.5 pod a sandbox time=62
        @3.5 pod a running time=63
        @5.5 pod a ready time=65
        @5.6 rs web-1 status=1/1
        @5.7 deploy web status=1/1/1
        @30 wait
        ",
        expect![[r#""#]],
    );
}

#[test]
fn a_node_whose_clock_is_behind_is_shifted_as_one_block() {
    check_full(
        "
        @0 list
        @100   deploy web replicas=1 by=kubectl
        @100.1 rs web-1 of=web replicas=1
        @100.2 pod a of=web-1
        @100.3 pod a scheduled
        @101.5 pod a sandbox time=81
        @102.4 event pod/a Pulled app at=82.3 took=500ms
        @102.5 pod a running time=82
        @102.5 event pod/a Started app at=82.4
        @104.5 pod a ready time=84
        @104.6 rs web-1 status=1/1
        @104.7 deploy web status=1/1/1
        @130 wait
        ",
        expect![[r#""#]],
    );
}

#[test]
fn a_scale_entry_has_no_time_and_then_only_the_arrival_is_known() {
    check_full(
        "
        @0 settled web a
        @50.4 deploy web replicas=2 by=hpa/scale
        @52.2 deploy web status=2/2/2
        @90 wait
        ",
        expect![[r#""#]],
    );
}

#[test]
fn a_list_tells_no_arrival() {
    check_full(
        "
        @-5.5 missed pod solo
        @-5.3 missed pod solo scheduled
        @0 list
        @2.5 pod solo running
        @3.5 pod solo ready
        @30 wait
        ",
        expect![[r#""#]],
    );
}

#[test]
fn what_a_second_list_shows_has_its_object_times_and_a_gap() {
    check_full(
        "
        @0 settled web a
        @4.5 closed deploys
        @5.5 missed deploy web image=v2 by=kubectl
        @9.5 list deploys
        @12.5 deploy web status=1/1/1
        @40 wait
        ",
        expect![[r#""#]],
    );
}

#[test]
fn a_step_never_precedes_the_one_before_it() {
    check_full(
        "
        @0 list
        @1.9 pod solo
        @1.95 pod solo scheduled running ready
        @30 wait
        ",
        expect![[r#""#]],
    );
}
