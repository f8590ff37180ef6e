//! Manifests in, stamped manifests out.

mod forms;

use std::sync::LazyLock;

use expect_test::{Expect, expect};
use proptest::prelude::*;

use super::{Became, Stamping, stamp};
use crate::context::{Injection, TraceContext, traceparent};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

static CONTEXT: LazyLock<TraceContext> = LazyLock::new(|| {
    let (trace_id, span_id, flags) = traceparent(PARENT).unwrap();
    TraceContext { trace_id, span_id, flags, trace_state: "".into() }
});

fn how() -> Stamping<'static> {
    Stamping {
        context: &CONTEXT,
        injection: Injection::default(),
        kinds: None,
        with_pod_templates: false,
        with_env: false,
    }
}

fn overwriting() -> Stamping<'static> {
    Stamping { injection: Injection { overwrites: true, ..Injection::default() }, ..how() }
}

/// Only the lines that are new or another, with a mark; then the objects.
fn check_by(how: &Stamping<'_>, text: &str, expected: Expect) {
    let stamped = stamp(text, how).unwrap();
    let mut out = stamped.text.replace(PARENT, "PARENT");
    for (name, became) in stamped.objects {
        out.push_str(&format!("# {name}: {}\n", format!("{became:?}").to_lowercase()));
    }
    expected.assert_eq(&out);
}

fn check(text: &str, expected: Expect) {
    check_by(&how(), text, expected);
}

#[test]
fn comments_order_and_formatting_of_all_else_stay() {
    check(
        "\
# A file.
---
apiVersion: apps/v1   # the group
kind: Deployment
metadata:
    # é: its name
    name: web
    namespace: shop
    labels: {app: web}
spec:
    replicas:   3
    template: &t
        spec: {containers: [{name: a}]}
---
# Nothing but a comment.
---
kind: Service
metadata:
  annotations:
    # kept
    a: 'b'

  name: web
",
        expect![[r#"
            # A file.
            ---
            apiVersion: apps/v1   # the group
            kind: Deployment
            metadata:
                # é: its name
                annotations:
                  tracing.k8s.io/traceparent: "PARENT"
                name: web
                namespace: shop
                labels: {app: web}
            spec:
                replicas:   3
                template: &t
                    spec: {containers: [{name: a}]}
            ---
            # Nothing but a comment.
            ---
            kind: Service
            metadata:
              annotations:
                # kept
                tracing.k8s.io/traceparent: "PARENT"
                a: 'b'

              name: web
            # Deployment shop/web: stamped
            # Service web: stamped
        "#]],
    );
}

#[test]
fn maps_may_be_written_in_any_way_or_be_empty() {
    check(
        "\
{kind: A, metadata: {name: a}}
---
kind: B
metadata: {annotations: {}, name: b}
---
kind: C
metadata:
  name: c
  annotations:
---
kind: D
metadata:
  annotations: null # none
  name: d
---
kind: E
metadata: {name: e, annotations: {x: y}}
",
        expect![[r#"
            {kind: A, metadata: {"annotations": {"tracing.k8s.io/traceparent": "PARENT"}, name: a}}
            ---
            kind: B
            metadata: {annotations: {"tracing.k8s.io/traceparent": "PARENT"}, name: b}
            ---
            kind: C
            metadata:
              name: c
              annotations: {"tracing.k8s.io/traceparent": "PARENT"}
            ---
            kind: D
            metadata:
              annotations: {"tracing.k8s.io/traceparent": "PARENT"} # none
              name: d
            ---
            kind: E
            metadata: {name: e, annotations: {"tracing.k8s.io/traceparent": "PARENT", x: y}}
            # A a: stamped
            # B b: stamped
            # C c: stamped
            # D d: stamped
            # E e: stamped
        "#]],
    );
}

#[test]
fn json_stays_json_and_documents_may_follow_one_another() {
    check(
        "{\n\t\"kind\": \"A\",\n\t\"metadata\": {\n\t\t\"name\": \"\\ud83d\\ude00\"\n\t}\n}\n{\"kind\":\"B\",\"metadata\":{}}\n",
        expect![[r#"
            {
            	"kind": "A",
            	"metadata": {"annotations": {"tracing.k8s.io/traceparent": "PARENT"}, 
            		"name": "\ud83d\ude00"
            	}
            }
            {"kind":"B","metadata":{"annotations": {"tracing.k8s.io/traceparent": "PARENT"}}}
            # A 😀: stamped
            # B without a name: stamped
        "#]],
    );
}

#[test]
fn the_items_of_a_list_are_stamped_and_not_the_list() {
    check(
        "\
apiVersion: v1
kind: List
items:
- kind: A
  metadata:
    name: a
- metadata:
    name: b
  kind: B
",
        expect![[r#"
            apiVersion: v1
            kind: List
            items:
            - kind: A
              metadata:
                annotations:
                  tracing.k8s.io/traceparent: "PARENT"
                name: a
            - metadata:
                annotations:
                  tracing.k8s.io/traceparent: "PARENT"
                name: b
              kind: B
            # A a: stamped
            # B b: stamped
        "#]],
    );
}

const STAMPED: &str = "\
kind: A
metadata:
  annotations:
    tracing.k8s.io/tracestate: x=1 # old
    tracing.k8s.io/traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01
  name: a
";

#[test]
fn what_stands_there_is_left_unless_asked_and_then_replaced_with_its_tracestate() {
    let kept = stamp(STAMPED, &how()).unwrap();
    assert_eq!(
        (kept.text.as_str(), &*kept.objects),
        (STAMPED, &[("A a".to_owned(), Became::Kept)][..])
    );
    check_by(
        &overwriting(),
        STAMPED,
        expect![[r#"
            kind: A
            metadata:
              annotations:
                tracing.k8s.io/traceparent: "PARENT"
              name: a
            # A a: stamped
        "#]],
    );
}

#[test]
fn pod_templates_are_stamped_only_on_request() {
    let text = "\
kind: CronJob
metadata:
  name: c
spec:
  template: {spec: none}
  jobTemplate:
    spec:
      template:
        spec:
          containers: []
";
    assert_eq!(stamp(text, &how()).unwrap().text.matches("traceparent").count(), 1);
    check_by(
        &Stamping { with_pod_templates: true, ..how() },
        text,
        expect![[r#"
            kind: CronJob
            metadata:
              annotations:
                tracing.k8s.io/traceparent: "PARENT"
              name: c
            spec:
              template: {spec: none}
              jobTemplate:
                metadata:
                  annotations:
                    tracing.k8s.io/traceparent: "PARENT"
                spec:
                  template:
                    metadata:
                      annotations:
                        tracing.k8s.io/traceparent: "PARENT"
                    spec:
                      containers: []
            # CronJob c: stamped
        "#]],
    );
}

#[test]
fn lines_end_as_they_did() {
    let stamped = stamp("kind: A\r\nmetadata:\r\n  name: a\r\n", &how()).unwrap().text;
    assert_eq!(stamped.matches('\n').count(), stamped.matches("\r\n").count());
    assert_eq!(stamped.lines().count(), 5);
}

#[test]
fn what_is_wrong_is_told_with_its_document_and_line() {
    for (text, told) in [
        (
            "kind: A\nmetadata: {}\n---\n- a\n",
            "document 2, line 4: this is a list: an object is expected",
        ),
        ("a: 1\n", "document 1, line 1: kind is missing: an object of Kubernetes is expected"),
        (
            "# x\nkind: A\n",
            "document 1, line 2: metadata is missing: a map with the object's name is expected",
        ),
        ("kind: A\nmetadata: [x]\n", "document 1, line 2: metadata is a list: a map is expected"),
        (
            "kind: A\nmetadata:\n  annotations: x\n",
            "document 1, line 3: annotations is a text: a map is expected",
        ),
        (
            "kind: A\nx: &m []\nmetadata: *m\n",
            "document 1, line 1: metadata and annotations are maps: something else stands there",
        ),
        ("kind: A\nmetadata: &m {a: *m}\n", "document 1, line 2: aliases stand for too much here"),
        (
            "{\"kind\": \"A\",\n\"kind\": \"B\"}",
            "document 1, line 2: the key kind stands here twice",
        ),
        ("kind: A\nkind: B\n", "document 1, line 2: the key kind stands here twice"),
        (
            "kind: List\nitems:\n- kind: A\n  metadata: {}\n- 7\n",
            "document 1, line 5: kind is missing: an object of Kubernetes is expected",
        ),
    ] {
        assert_eq!(stamp(text, &how()).unwrap_err().to_string(), told, "{text}");
    }
    let error = stamp("kind: A\nmetadata: {}\n---\na: [\n", &how()).unwrap_err();
    assert!(error.to_string().starts_with("document 2, line "), "{error}");
    assert_eq!(stamp("", &how()).unwrap().text, "");
}

/// A value as kustomize, Helm or a person may write it, and what it says.
fn values() -> impl Strategy<Value = (String, serde_json::Value)> {
    let text = |text: &str| serde_json::Value::from(text.to_owned());
    prop_oneof![
        "[a-z]{1,5}( [a-z]{1,5}){0,2}".prop_map(move |it| (it.clone(), text(&it))),
        Just((
            "|\n      one: 1\n      two # no comment\n".to_owned(),
            text("one: 1\ntwo # no comment\n")
        )),
        Just((">-\n      folded\n      text".to_owned(), text("folded text"))),
        Just(("'it''s'  # why".to_owned(), text("it's"))),
        Just(("\"a\\tb: é\"".to_owned(), text("a\tb: é"))),
    ]
}

proptest! {
    #[test]
    fn no_text_panics(text in any::<String>(), shaped in "(kind|metadata|annotations|[:{}\\[\\]\"' ,#&*|>-]|a|\n  |\n){0,24}") {
        for text in [text, shaped] {
            for how in [how(), overwriting()] {
                drop(stamp(&text, &how));
            }
        }
    }

    #[test]
    fn whatever_else_an_object_says_it_says_afterwards(
        keys in prop::collection::btree_map("[a-z]{1,6}", "[ -~é]{0,12}", 0..4),
        has_annotations in any::<bool>(),
        is_json in any::<bool>(),
    ) {
        let mut metadata = serde_json::json!({"name": "web"});
        if has_annotations {
            metadata["annotations"] = serde_json::json!(keys);
        }
        let object = serde_json::json!({"kind": "A", "metadata": metadata, "spec": keys});
        let text = if is_json { serde_json::to_string_pretty(&object).unwrap() } else {
            let quoted = |keys: &std::collections::BTreeMap<String, String>, indent: &str| -> String {
                keys.iter().map(|(key, value)| format!("{indent}{key}: {}\n", serde_json::json!(value))).collect()
            };
            let annotations = if has_annotations && !keys.is_empty() {
                format!("  annotations:\n{}", quoted(&keys, "    "))
            } else { String::new() };
            let spec = if keys.is_empty() { " {}\n".to_owned() } else { format!("\n{}", quoted(&keys, "  ")) };
            format!("kind: A\nmetadata:\n{annotations}  name: web\nspec:{spec}")
        };
        let stamped = stamp(&text, &how()).unwrap();
        prop_assert_eq!(stamped.objects, [("A web".to_owned(), Became::Stamped)]);
        let found = crate::config::as_json(&stamped.text).unwrap();
        let mut found: serde_json::Value = serde_json::from_str(&found).unwrap();
        let annotations = found["metadata"]["annotations"].as_object_mut().unwrap();
        prop_assert_eq!(annotations.remove("tracing.k8s.io/traceparent"), Some(PARENT.into()));
        let left: Vec<&String> = annotations.keys().collect();
        prop_assert_eq!(left, if has_annotations { keys.keys().collect() } else { vec![] });
        let names: Vec<&String> = found["spec"].as_object().map(|map| map.keys().collect()).unwrap_or_default();
        prop_assert_eq!(names, keys.keys().collect::<Vec<_>>());
    }

    #[test]
    fn whatever_form_a_manifest_has_nothing_changes_but_the_stamp(
        annotations in prop::collection::btree_map("[a-z]{1,4}", values(), 0..4),
        form in 0..5_u8,
        is_windows in any::<bool>(),
        has_mark in any::<bool>(),
        overwrites in any::<bool>(),
    ) {
        let block: String =
            annotations.iter().map(|(key, (value, _))| format!("    {key}: {}\n", value.trim_end())).collect();
        let none = annotations.is_empty();
        let text = match form {
            0 if none => "kind: A\nmetadata:\n  name: a\n".to_owned(),
            0 => format!("kind: A\nmetadata:\n  name: a\n  annotations:\n{block}spec: {{a: b}}\n"),
            1 if none => "kind: A\nmetadata:\n  annotations: &a {}\nspec: *a\n".to_owned(),
            1 => format!("kind: A\nmetadata:\n  annotations: &a\n{block}spec: *a\n"),
            2 if none => "x: &a {}\nkind: A\nmetadata:\n  annotations: *a\nspec: *a\n".to_owned(),
            2 => format!("x: &a\n{block}kind: A\nmetadata:\n  annotations: *a\nspec: *a\n"),
            3 if none => "x: &a {}\nkind: A\nmetadata:\n  annotations:\n    <<: *a\nspec: *a\n".to_owned(),
            3 => format!("x: &a\n{block}kind: A\nmetadata:\n  annotations:\n    <<: *a\nspec: *a\n"),
            _ if none => "x: &m\n  annotations: {}\nkind: A\nmetadata:\n  <<: *m\n".to_owned(),
            _ => format!("x: &m\n  annotations:\n{block}kind: A\nmetadata:\n  <<: *m\n"),
        };
        let text = if is_windows { text.replace('\n', "\r\n") } else { text };
        let text = if has_mark { format!("\u{feff}{text}") } else { text };
        let how = if overwrites { overwriting() } else { how() };
        let stamped = stamp(&text, &how);
        let stamped = stamped.map_err(|error| TestCaseError::fail(format!("{text}\n{error}")))?;
        let read = |text: &str| -> serde_json::Value {
            serde_json::from_str(&crate::config::as_json(text.trim_start_matches('\u{feff}')).unwrap()).unwrap()
        };
        // What our own reader says of both is compared within `stamp`; this reader knows no aliases.
        if form == 0 {
            let mut after = read(&stamped.text);
            let found = after["metadata"]["annotations"].as_object_mut().unwrap();
            prop_assert_eq!(found.remove("tracing.k8s.io/traceparent"), Some(PARENT.into()));
            let expected: serde_json::Map<_, _> =
                annotations.iter().map(|(key, (_, said))| (key.clone(), said.clone())).collect();
            prop_assert_eq!(&*found, &expected);
        }
        prop_assert_eq!(stamped.text.matches(PARENT).count(), 1);
        prop_assert_eq!(stamped.text.starts_with('\u{feff}'), has_mark);
        let lines = |text: &str| text.matches('\n').count() == text.matches("\r\n").count();
        prop_assert!(!is_windows || lines(&stamped.text));
    }
}
