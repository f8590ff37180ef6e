//! Manifests with anchors, old stamps, other kinds and environments.

use expect_test::expect;

use super::{PARENT, check, check_by, how, overwriting};
use crate::manifest::{Became, Stamping, stamp, workloads};

#[test]
fn what_is_anchored_and_used_elsewhere_says_there_what_it_said() {
    check(
        "\
kind: Deployment
metadata:
  name: web
  annotations: &a
    team: x
spec:
  template:
    metadata:
      annotations: *a
    spec: &s
      containers: [{name: app, image: web:1}]
  other: *s
---
kind: Deployment
metadata: &m {name: api, labels: &l {app: api}}
spec: {template: {metadata: *m}, selector: *l}
",
        expect![[r#"
            kind: Deployment
            metadata:
              name: web
              annotations: &a
                tracing.k8s.io/traceparent: "PARENT"
                team: x
            spec:
              template:
                metadata:
                  annotations: {"team": "x"}
                spec: &s
                  containers: [{name: app, image: web:1}]
              other: *s
            ---
            kind: Deployment
            metadata: &m {"annotations": {"tracing.k8s.io/traceparent": "PARENT"}, name: api, labels: &l {app: api}}
            spec: {template: {metadata: {"labels": {"app": "api"}, "name": "api"}}, selector: *l}
            # Deployment web: stamped
            # Deployment api: stamped
        "#]],
    );
}

#[test]
fn annotations_behind_aliases_and_merge_keys_stay() {
    check(
        "\
x-common: &c
  labels: {app: web}
  annotations: {team: x, n: \"1\", b: yes}
kind: A
metadata:
  <<: *c
  name: a
---
x: &a {team: x}
kind: B
metadata:
  annotations: *a
---
x: &a {team: x}
kind: C
metadata:
  annotations:
    <<: [*a]
    own: y
---
x: &m {annotations: {team: x}, name: d}
kind: D
metadata: *m
",
        expect![[r#"
            x-common: &c
              labels: {app: web}
              annotations: {team: x, n: "1", b: yes}
            kind: A
            metadata:
              annotations: {"b": yes, "n": "1", "team": "x", "tracing.k8s.io/traceparent": "PARENT"}
              <<: *c
              name: a
            ---
            x: &a {team: x}
            kind: B
            metadata:
              annotations: {"team": "x", "tracing.k8s.io/traceparent": "PARENT"}
            ---
            x: &a {team: x}
            kind: C
            metadata:
              annotations:
                tracing.k8s.io/traceparent: "PARENT"
                <<: [*a]
                own: y
            ---
            x: &m {annotations: {team: x}, name: d}
            kind: D
            metadata: {"annotations": {"team": "x", "tracing.k8s.io/traceparent": "PARENT"}, "name": "d"}
            # A a: stamped
            # B without a name: stamped
            # C without a name: stamped
            # D d: stamped
        "#]],
    );
}

#[test]
fn aliases_that_stand_for_more_and_more_are_refused() {
    let mut text = "kind: A\nmetadata: {}\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for n in 1..9 {
        let aliases = vec![format!("*a{}", n - 1); 10].join(", ");
        text.push_str(&format!("a{n}: &a{n} [{aliases}]\n"));
    }
    let told = stamp(&text, &how()).unwrap_err().to_string();
    assert!(told.ends_with("aliases stand for too much here"), "{told}");
}

#[test]
fn lists_that_aliases_nest_without_end_are_refused() {
    let mut text = "kind: A\nmetadata: {}\na0: &a0 x\n".to_owned();
    for n in 1..60 {
        let (open, shut) = ("[".repeat(250), "]".repeat(250));
        text.push_str(&format!("a{n}: &a{n} {open}*a{}{shut}\n", n - 1));
    }
    let told = stamp(&text, &how()).unwrap_err().to_string();
    assert!(told.ends_with("aliases stand for too much here"), "{told}");
}

#[test]
fn an_old_tracestate_goes_with_its_line_wherever_it_stands() {
    let parent = "tracing.k8s.io/traceparent";
    let state = "tracing.k8s.io/tracestate";
    for (text, expected) in [
        (format!("    {state}: x=1 # old\n    a: b\n"), "    STAMP\n    a: b\n".to_owned()),
        (format!("    a: b\n    {state}: x=1"), "    STAMP\n    a: b".to_owned()),
        (format!("    {state}: |\n      x=1\n    a: b\n"), "    STAMP\n    a: b\n".to_owned()),
        (
            format!("    # kept\n    {parent}: {PARENT}\n    {state}: x=1\n"),
            format!("    # kept\n    {parent}: \"{PARENT}\"\n"),
        ),
        (format!("    {{{state}: x=1, a: b}}\n"), "    {FLOW, a: b}\n".to_owned()),
        (format!("    {{a: b, {state}: x=1}}\n"), "    {FLOW, a: b}\n".to_owned()),
        (format!("    {{{state}: x=1}}\n"), "    {FLOW}\n".to_owned()),
    ] {
        let expected = expected
            .replace("STAMP", &format!("{parent}: \"{PARENT}\""))
            .replace("FLOW", &format!("\"{parent}\": \"{PARENT}\""));
        let whole =
            |annotations: &str| format!("kind: A\nmetadata:\n  annotations:\n{annotations}");
        let stamped = stamp(&whole(&text), &overwriting()).unwrap().text;
        assert_eq!(stamped, whole(&expected));
        let windows = whole(&text).replace('\n', "\r\n");
        let stamped = stamp(&windows, &overwriting()).unwrap().text;
        assert_eq!(stamped, whole(&expected).replace('\n', "\r\n"));
    }
    // Alone there it stays unless it is to be replaced.
    let lone = format!("kind: A\nmetadata:\n  annotations:\n    {state}: x=1\n");
    let kept = stamp(&lone, &how()).unwrap().text;
    assert!(kept.contains("tracestate: x=1") && kept.contains(PARENT), "{kept}");
    let gone = stamp(&lone, &overwriting()).unwrap().text;
    let expected = format!("kind: A\nmetadata:\n  annotations:\n    {parent}: \"{PARENT}\"\n");
    assert_eq!(gone, expected);
}

#[test]
fn kinds_that_were_not_named_are_passed_over() {
    let how = Stamping { kinds: Some(workloads()), ..how() };
    let text = "\
{apiVersion: v1, kind: Service, metadata: {name: a}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}}
---
{apiVersion: example.com/v1, kind: Deployment, metadata: {name: a}}
---
{apiVersion: v1, kind: Pod, metadata: {name: a}}
";
    let stamped = stamp(text, &how).unwrap();
    let became: Vec<Became> = stamped.objects.iter().map(|(_, became)| *became).collect();
    assert_eq!(became, [Became::Passed, Became::Stamped, Became::Passed, Became::Stamped]);
    assert_eq!(stamped.text.matches(PARENT).count(), 2);
}

#[test]
fn an_object_without_room_stays_as_it_is() {
    let large = "x".repeat(256 << 10);
    let text = format!("kind: A\nmetadata: {{name: a, annotations: {{a: {large}}}}}\n");
    let stamped = stamp(&text, &how()).unwrap();
    assert_eq!(stamped.objects, [("A a".to_owned(), Became::NoRoom)]);
    assert_eq!(stamped.text, text);
}

#[test]
fn the_environment_of_jobs_is_written_on_request() {
    let text = "\
kind: Job
metadata: {name: a}
spec:
  template:
    spec:
      initContainers:
      - name: first
      containers:
      - name: a
        env:
        # kept
        - name: B
          value: c
      - {name: b, env: []}
      - name: own
        env: [{name: TRACEPARENT, value: theirs}]
---
kind: TrainJob
metadata: {name: t}
spec: {trainer: {numNodes: 2}}
";
    assert_eq!(stamp(text, &how()).unwrap().text.matches(PARENT).count(), 2);
    check_by(
        &Stamping { with_env: true, ..how() },
        text,
        expect![[r#"
            kind: Job
            metadata: {"annotations": {"tracing.k8s.io/traceparent": "PARENT"}, name: a}
            spec:
              template:
                spec:
                  initContainers:
                  - env: [{"name": "TRACEPARENT", "value": "PARENT"}]
                    name: first
                  containers:
                  - name: a
                    env:
                    # kept
                    - {"name": "TRACEPARENT", "value": "PARENT"}
                    - name: B
                      value: c
                  - {name: b, env: [{"name": "TRACEPARENT", "value": "PARENT"}]}
                  - name: own
                    env: [{name: TRACEPARENT, value: theirs}]
            ---
            kind: TrainJob
            metadata: {"annotations": {"tracing.k8s.io/traceparent": "PARENT"}, name: t}
            spec: {trainer: {"env": [{"name": "TRACEPARENT", "value": "PARENT"}], numNodes: 2}}
            # Job a: stamped
            # TrainJob t: stamped
        "#]],
    );
    let replaced = stamp(text, &Stamping { with_env: true, ..overwriting() }).unwrap().text;
    assert!(!replaced.contains("theirs") && replaced.matches(PARENT).count() == 7, "{replaced}");
}

#[test]
fn a_byte_order_mark_stays() {
    for text in ["kind: A\nmetadata: {}\n", r#"{"kind": "A", "metadata": {}}"#] {
        let stamped = stamp(&format!("\u{feff}{text}"), &how()).unwrap().text;
        assert_eq!(stamped, format!("\u{feff}{}", stamp(text, &how()).unwrap().text));
    }
}
