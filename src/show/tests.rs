use std::sync::Arc;

use expect_test::{Expect, expect};

use super::*;
use crate::facts::ids::{SpanId, TraceId};
use crate::facts::kind::Kind;
use crate::facts::meta::Uid;
use crate::facts::span::{Link, LinkReason, ObjectRef, Outcome, Resource, Shown, SpanEvent, Value};
use crate::facts::time::UnixNanos;

/// `id parent start end name kind object [container]`; times in ms.
const ROLLOUT: &str = "
    1 - 0    2310 update Deployment    | Deployment web |
    2 1 12   2250 create ReplicaSet    | ReplicaSet web-569ff5d5f8 |
    3 2 40   1130 start Pod            | Pod web-569ff5d5f8-5rj2r |
    4 3 41   55   schedule Pod         | Pod web-569ff5d5f8-5rj2r |
    5 3 55   250  prepare Pod sandbox  | Pod web-569ff5d5f8-5rj2r |
    6 3 250  700  pull image           | Pod web-569ff5d5f8-5rj2r | app
    7 3 700  760  start container      | Pod web-569ff5d5f8-5rj2r | app
    8 3 760  1130 await readiness      | Pod web-569ff5d5f8-5rj2r |
    9 1 1140 2280 scale ReplicaSet     | ReplicaSet web-6ffb8788cc |
   10 9 1150 3400 terminate Pod        | Pod web-6ffb8788cc-4nqpf |
";

fn spans(script: &str) -> Vec<ShownSpan> {
    let lines = script.lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| span(line).unwrap_or_else(|| panic!("{line}"))).collect()
}

fn uid(object: &str) -> Uid {
    Uid::new(object.bytes().fold(7, |hash, byte| hash * 31 + u128::from(byte))).unwrap()
}

fn span(line: &str) -> Option<ShownSpan> {
    let [numbers, object, container] = line.split('|').collect::<Vec<_>>().try_into().ok()?;
    let mut words = numbers.split_whitespace();
    let id = |text: &str| text.parse().ok().map(|id: u8| SpanId([0, 0, 0, 0, 0, 0, 0, id]));
    let at = |text: &str| text.parse().ok().map(|ms: i64| UnixNanos((SECONDS * 1_000 + ms) * MS));
    let span_id = id(words.next()?)?;
    let parent = id(words.next()?);
    let (start, end) = (at(words.next()?)?, at(words.next()?)?);
    let name = words.collect::<Vec<_>>().join(" ");
    let (kind, object) = object.trim().split_once(' ')?;
    let is_phase = kind == "Pod" && !matches!(&*name, "start Pod" | "terminate Pod");
    Some(ShownSpan {
        trace_id: TraceId([0xab; 16]),
        span_id,
        parent,
        remote_parent: None,
        trace_state: None,
        is_random: true,
        name: name.into(),
        is_consumer: false,
        start,
        end,
        object: ObjectRef {
            kind: [Kind::Deployment, Kind::ReplicaSet, Kind::Pod]
                .into_iter()
                .find(|known| known.name() == kind)
                .unwrap_or_else(|| Kind::of("", kind)),
            namespace: Some(Arc::from("default")),
            name: Arc::from(object),
            uid: uid(object),
        },
        container: Some(container.trim()).filter(|it| !it.is_empty()).map(Into::into),
        outcome: (!is_phase).then_some(Shown::Ended(Outcome::Completed)),
        error: None,
        attributes: Vec::new(),
        events: Vec::new(),
        links: Vec::new(),
        dropped_events: 0,
        dropped_links: 0,
        n_outliving: 0,
        resource: Arc::new(Resource { attributes: vec![("service.name", "shop".into())] }),
    })
}

const SECONDS: i64 = 1_795_173_037;
const MS: i64 = 1_000_000;

fn rollout() -> Vec<ShownSpan> {
    let mut spans = spans(ROLLOUT);
    spans[0].attributes = vec![
        ("lifespan.cause", "spec:2".into()),
        ("lifespan.manager", "kubectl-client-side-apply".into()),
        ("lifespan.image.before", "registry.local/web:v1".into()),
        ("lifespan.image.after", "registry.local/web:v2".into()),
        ("lifespan.pods.terminating", 1_i64.into()),
    ];
    spans[0].links = vec![Link {
        trace_id: TraceId([0x1f; 16]),
        span_id: SpanId([1; 8]),
        trace_state: None,
        flags: 1,
        reason: LinkReason::Stamp,
        found: Some("tracing.k8s.io/traceparent".into()),
        is_uncertain: false,
    }];
    spans
}

fn drawn(spans: &[ShownSpan], look: Look, expected: &Expect) {
    let text = waterfall(spans, look);
    if !look.has_color {
        for line in text.lines() {
            assert!(line.chars().count() <= look.width, "too wide: {line}");
        }
    }
    expected.assert_eq(&text);
}

#[test]
fn a_rollout_is_drawn_on_one_axis_that_runs_on_to_its_last_old_pod() {
    drawn(
        &rollout(),
        Look::PLAIN,
        &expect![[r#"
        ● update Deployment default/web  completed in 2.31s                         2026-11-20 11:10:37.000Z
          cause spec:2 · by kubectl-client-side-apply · image registry.local/web:v1 → registry.local/web:v2
          1 Pod still terminating at its end
          trace abababababababababababababababab · service shop
          link stamp 1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f tracing.k8s.io/traceparent
                                               0              1s              2s             3s
        update Deployment web                  ████████████████████████████████████┊                   2.31s
        ├ create ReplicaSet web-569ff5d5f8     ███████████████████████████████████ ┊                   2.23s
        │ └ start Pod web-569ff5d5f8-5rj2r     ▐████████████████▌                  ┊                   1.09s
        │   ├ schedule Pod                     ▕                                   ┊                    14ms
        │   ├ prepare Pod sandbox              ▕██▉                                ┊                   195ms
        │   ├ pull image app                      ▕██████▉                         ┊                   450ms
        │   ├ start container app                        ▕▊                        ┊                    60ms
        │   └ await readiness                             ▕█████▌                  ┊                   370ms
        └ scale ReplicaSet web-6ffb8788cc                       ▕█████████████████▌┊                   1.14s
          └ terminate Pod web-6ffb8788cc-4nqpf                  ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░   2.25s
          longest terminate Pod web-6ffb8788cc-4nqpf 2.25s · pull image app web-569ff5d5f8-5rj2r 450ms
          await readiness web-569ff5d5f8-5rj2r 370ms
    "#]],
    );
}

#[test]
fn eighty_columns_shorten_the_names_of_pods_and_160_do_not() {
    drawn(
        &rollout(),
        Look { width: 80, ..Look::PLAIN },
        &expect![[r#"
        ● update Deployment default/web  completed in 2.31s     2026-11-20 11:10:37.000Z
          cause spec:2 · by kubectl-client-side-apply
          image registry.local/web:v1 → registry.local/web:v2
          1 Pod still terminating at its end
          trace abababababababababababababababab · service shop
          link stamp 1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f tracing.k8s.io/traceparent
                                           0         1s         2s         3s
        update Deployment web              █████████████████████████▏┊             2.31s
        ├ create ReplicaSet web-569ff5d5f8 ████████████████████████▍ ┊             2.23s
        │ └ start Pod 5rj2r                ▐███████████▎             ┊             1.09s
        │   ├ schedule Pod                 ▏                         ┊              14ms
        │   ├ prepare Pod sandbox          ▐█▋                       ┊             195ms
        │   ├ pull image app                 ▐████▌                  ┊             450ms
        │   ├ start container app                 ▐▎                 ┊              60ms
        │   └ await readiness                      ████▎             ┊             370ms
        └ scale ReplicaSet web-6ffb8788cc              ▐███████████▊ ┊             1.14s
          └ terminate Pod 4nqpf                        ░░░░░░░░░░░░░░░░░░░░░░░░░   2.25s
          longest terminate Pod 4nqpf 2.25s · pull image app 5rj2r 450ms
          await readiness 5rj2r 370ms
    "#]],
    );
    drawn(
        &rollout(),
        Look { width: 160, ..Look::PLAIN },
        &expect![[r#"
        ● update Deployment default/web  completed in 2.31s                                                                                     2026-11-20 11:10:37.000Z
          cause spec:2 · by kubectl-client-side-apply · image registry.local/web:v1 → registry.local/web:v2 · 1 Pod still terminating at its end
          trace abababababababababababababababab · service shop
          link stamp 1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f tracing.k8s.io/traceparent
                                               0               500ms            1s              1.5s             2s               2.5s            3s
        update Deployment web                  ████████████████████████████████████████████████████████████████████████████▊┊                                      2.31s
        ├ create ReplicaSet web-569ff5d5f8     ▐█████████████████████████████████████████████████████████████████████████▊  ┊                                      2.23s
        │ └ start Pod web-569ff5d5f8-5rj2r      ████████████████████████████████████▌                                       ┊                                      1.09s
        │   ├ schedule Pod                      ▌                                                                           ┊                                       14ms
        │   ├ prepare Pod sandbox               ▕██████▎                                                                    ┊                                      195ms
        │   ├ pull image app                           ███████████████▎                                                     ┊                                      450ms
        │   ├ start container app                                     ██▎                                                   ┊                                       60ms
        │   └ await readiness                                           ████████████▌                                       ┊                                      370ms
        └ scale ReplicaSet web-6ffb8788cc                                           ▕█████████████████████████████████████▊ ┊                                      1.14s
          └ terminate Pod web-6ffb8788cc-4nqpf                                       ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░   2.25s
          longest terminate Pod web-6ffb8788cc-4nqpf 2.25s · pull image app web-569ff5d5f8-5rj2r 450ms · await readiness web-569ff5d5f8-5rj2r 370ms
    "#]],
    );
}

#[test]
fn an_ascii_terminal_gets_only_ascii() {
    let text = waterfall(&rollout(), Look { has_unicode: false, ..Look::PLAIN });
    assert!(text.is_ascii(), "{text}");
    drawn(
        &rollout(),
        Look { has_unicode: false, ..Look::PLAIN },
        &expect![[r#"
        * update Deployment default/web  completed in 2.31s                         2026-11-20 11:10:37.000Z
          cause spec:2 - by kubectl-client-side-apply - image registry.local/web:v1 -> registry.local/web:v2
          1 Pod still terminating at its end
          trace abababababababababababababababab - service shop
          link stamp 1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f tracing.k8s.io/traceparent
                                               0              1s              2s             3s
        update Deployment web                  ====================================:                   2.31s
        |-create ReplicaSet web-569ff5d5f8     =================================== :                   2.23s
        | `-start Pod web-569ff5d5f8-5rj2r     ==================                  :                   1.09s
        |   |-schedule Pod                     =                                   :                    14ms
        |   |-prepare Pod sandbox              ====                                :                   195ms
        |   |-pull image app                      ========                         :                   450ms
        |   |-start container app                        ==                        :                    60ms
        |   `-await readiness                             =======                  :                   370ms
        `-scale ReplicaSet web-6ffb8788cc                       ===================:                   1.14s
          `-terminate Pod web-6ffb8788cc-4nqpf                  ------------------------------------   2.25s
          longest terminate Pod web-6ffb8788cc-4nqpf 2.25s - pull image app web-569ff5d5f8-5rj2r 450ms
          await readiness web-569ff5d5f8-5rj2r 370ms
    "#]],
    );
}

#[test]
fn what_did_not_complete_says_how_it_ended_and_why() {
    let mut spans = rollout();
    spans[0].outcome = Some(Shown::Ended(Outcome::Failed));
    spans[0].error = Some((
        "ProgressDeadlineExceeded".to_owned(),
        "ReplicaSet \"web-569ff5d5f8\" has timed out progressing.".to_owned(),
    ));
    for at in [2, 7] {
        spans[at].outcome = Some(Shown::Ended(Outcome::Unfinished));
        spans[at].error = Some(("ErrImagePull".to_owned(), String::new()));
    }
    spans[7].end = spans[0].end;
    drawn(
        &spans,
        Look::PLAIN,
        &expect![[r#"
        ✗ update Deployment default/web  failed in 2.31s                            2026-11-20 11:10:37.000Z
          cause spec:2 · by kubectl-client-side-apply · image registry.local/web:v1 → registry.local/web:v2
          1 Pod still terminating at its end
          trace abababababababababababababababab · service shop
          link stamp 1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f tracing.k8s.io/traceparent
          ProgressDeadlineExceeded: ReplicaSet "web-569ff5d5f8" has timed out progressing.
                                               0              1s              2s             3s
        update Deployment web                  ████████████████████████████████████┊                   2.31s
        ├ create ReplicaSet web-569ff5d5f8     ███████████████████████████████████ ┊                   2.23s
        │ └ start Pod web-569ff5d5f8-5rj2r     ▐████████████████▌ unfinished ErrImagePull              1.09s
        │   ├ schedule Pod                     ▕                                   ┊                    14ms
        │   ├ prepare Pod sandbox              ▕██▉                                ┊                   195ms
        │   ├ pull image app                      ▕██████▉                         ┊                   450ms
        │   ├ start container app                        ▕▊                        ┊                    60ms
        │   └ await readiness                             ▕████████████████████████┊                   1.55s
        │                                                                    unfinished ErrImagePull
        └ scale ReplicaSet web-6ffb8788cc                       ▕█████████████████▌┊                   1.14s
          └ terminate Pod web-6ffb8788cc-4nqpf                  ░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░   2.25s
          longest terminate Pod web-6ffb8788cc-4nqpf 2.25s · await readiness web-569ff5d5f8-5rj2r 1.55s
          pull image app web-569ff5d5f8-5rj2r 450ms
    "#]],
    );
}

#[test]
fn what_is_in_progress_has_an_open_end() {
    let mut spans = rollout();
    spans.truncate(8);
    for at in [0, 1, 2, 7] {
        spans[at].outcome = Some(Shown::InProgress);
        spans[at].end = UnixNanos((SECONDS * 1_000 + 1_500) * MS);
    }
    spans[0].links.clear();
    drawn(
        &spans,
        Look { width: 80, ..Look::PLAIN },
        &expect![[r#"
        ● update Deployment default/web  in progress for 1.50s  2026-11-20 11:10:37.000Z
          cause spec:2 · by kubectl-client-side-apply
          image registry.local/web:v1 → registry.local/web:v2
          1 Pod still terminating at its end
          trace abababababababababababababababab · service shop
                                           0           500ms       1s
        update Deployment web              ████████████████████████████████████▶   1.50s
        └ create ReplicaSet web-569ff5d5f8 ████████████████████████████████████▶   1.48s
          └ start Pod web-569ff5d5f8-5rj2r ▕███████████████████████████████████▶   1.46s
            ├ schedule Pod                  ▎                                       14ms
            ├ prepare Pod sandbox           █████▏                                 195ms
            ├ pull image app                     ███████████▎                      450ms
            ├ start container app                           █▋                      60ms
            └ await readiness                    in progress ▐█████████████████▶   740ms
          longest await readiness web-569ff5d5f8-5rj2r 740ms
          pull image app web-569ff5d5f8-5rj2r 450ms
          prepare Pod sandbox web-569ff5d5f8-5rj2r 195ms
    "#]],
    );
}

#[test]
fn a_moved_goal_is_marked_on_the_bar_and_told_below() {
    let mut spans = rollout();
    spans.truncate(2);
    spans[0].attributes.push(("lifespan.context.stale", Value::Bool(true)));
    spans[0].attributes.push(("lifespan.unstable", Value::Bool(true)));
    spans[0].events = vec![SpanEvent {
        at: UnixNanos((SECONDS * 1_000 + 800) * MS),
        name: "goal changed".into(),
        attributes: vec![("lifespan.replicas.from", 4.into()), ("lifespan.replicas.to", 6.into())],
    }];
    drawn(
        &spans,
        Look { width: 80, ..Look::PLAIN },
        &expect![[r#"
            ● update Deployment default/web  completed in 2.31s     2026-11-20 11:10:37.000Z
              cause spec:2 · by kubectl-client-side-apply
              image registry.local/web:v1 → registry.local/web:v2 · stale stamp · unstable
              1 Pod still terminating at its end
              trace abababababababababababababababab · service shop
              link stamp 1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f tracing.k8s.io/traceparent
                                               0               1s              2s
            update Deployment web              ████████████◆████████████████████████   2.31s
            └ create ReplicaSet web-569ff5d5f8 ████████████████████████████████████    2.23s
              ◆ +800ms goal changed replicas 4 → 6
        "#]],
    );
}

#[test]
fn colors_say_what_plain_text_says_too() {
    let mut spans = spans(ROLLOUT);
    spans.truncate(4);
    let plain = waterfall(&spans, Look::PLAIN);
    let colored = waterfall(&spans, Look { has_color: true, ..Look::PLAIN });
    let mut stripped = String::new();
    let mut rest = &*colored;
    while let Some((before, after)) = rest.split_once("\x1b[") {
        stripped.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    assert_eq!(stripped + rest, plain);
    assert_ne!(colored, plain);
}

#[test]
fn spans_without_their_root_and_spans_in_a_ring_are_drawn_all_the_same() {
    let mut spans = rollout();
    spans.remove(0);
    let text = waterfall(&spans, Look::PLAIN);
    assert!(spans.iter().all(|span| text.contains(&*span.name)), "{text}");
    let ring = self::spans("1 2 0 5 start Pod | Pod a |\n2 1 0 9 start Pod | Pod b |");
    assert!(waterfall(&ring, Look::PLAIN).contains("start Pod a"));
    assert_eq!(waterfall(&[], Look::PLAIN), "");
}

#[test]
fn names_that_steer_a_terminal_or_never_end_do_no_harm() {
    let mut spans = rollout();
    spans[2].object.name = format!("web-\x1b[2J{}", "x".repeat(400)).into();
    for width in [0, 40, 57, 100] {
        let text = waterfall(&spans, Look { width, ..Look::PLAIN });
        assert!(!text.contains('\x1b'));
        for line in text.lines() {
            assert!(line.chars().count() <= width.max(Look::NARROWEST), "{width}: {line}");
        }
    }
}
