//! What stands on an object, and what of it is read.

use super::{Carrier, Flaw, Refused, Stamps};
use crate::context::{Format, Place, Rule, Rules};

const A: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const B: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";

/// Keys in capitals are env variables of a container of their own, keys that begin with a dot
/// are paths in the status, all others annotations.
fn carried(rules: &Rules, carried: &[(&str, &str)]) -> Stamps {
    let mut carrier = Carrier::new(rules);
    carrier.status(|path| {
        let name = format!(".{}", path.join("."));
        let (_, value) = carried.iter().find(|(key, _)| **key == name)?;
        Some((*value).to_owned().into())
    });
    for &(key, value) in carried {
        if key.starts_with('.') {
        } else if key.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_') {
            carrier.env(|name| (name == key).then(|| value.to_owned().into()));
        } else {
            carrier.annotation(key, || Some(value.to_owned().into()));
        }
    }
    carrier.read()
}

fn told(stamps: &Stamps) -> Vec<String> {
    let told = |stamp: &crate::context::Stamp| {
        let context = &stamp.context;
        let relation = if stamp.is_parent { "parent" } else { "link" };
        format!("{} {} {relation} {}", stamp.found, context.span_id, context.trace_state)
    };
    stamps.stamps.iter().map(told).collect()
}

fn read(all: &[(&str, &str)]) -> (Vec<String>, Vec<Refused>) {
    let stamps = carried(&Rules::built_in(), all);
    (told(&stamps), stamps.refused)
}

/// A `traceparent` whose parent-id ends with `n`.
fn nth(n: u8) -> String {
    format!("00-0af7651916cd43dd8448eb211c80319c-00000000000000{n:02x}-01")
}

#[test]
fn stamps_come_in_the_order_of_the_rules_whatever_the_order_on_the_object() {
    let json = |n| format!("{{\"traceparent\":\"{}\"}}", nth(n));
    let (stamps, refused) = read(&[
        ("traceparent", &nth(9)),
        ("TRACEPARENT", &nth(8)),
        ("OTEL_TRACEPARENT", &nth(13)),
        ("BUILDKITE_TRACING_TRACEPARENT", &nth(14)),
        ("tekton.dev/deliveryTraceparent", &nth(12)),
        ("keptn.sh/traceparent", &nth(11)),
        ("kueue.x-k8s.io/trace-context", &json(10)),
        ("tekton.dev/customrunSpanContext", &json(7)),
        ("tekton.dev/pipelinerunSpanContext", &json(6)),
        ("tekton.dev/taskrunSpanContext", &json(5)),
        (".spanContext.traceparent", &nth(4)),
        ("opentelemetry.io/trace-context", &json(3)),
        ("opentelemetry.io/traceparent", &nth(2)),
        ("tracing.k8s.io/tracestate", "x=1"),
        ("tracing.k8s.io/traceparent", &nth(1)),
    ]);
    assert_eq!(
        stamps,
        [
            "tracing.k8s.io/traceparent 0000000000000001 link x=1",
            "opentelemetry.io/traceparent 0000000000000002 link ",
            "opentelemetry.io/trace-context 0000000000000003 link ",
            "kueue.x-k8s.io/trace-context 000000000000000a link ",
            "keptn.sh/traceparent 000000000000000b link ",
            "status.spanContext 0000000000000004 parent ",
            "tekton.dev/taskrunSpanContext 0000000000000005 parent ",
            "tekton.dev/pipelinerunSpanContext 0000000000000006 parent ",
            "tekton.dev/customrunSpanContext 0000000000000007 parent ",
            "tekton.dev/deliveryTraceparent 000000000000000c parent ",
            "env TRACEPARENT 0000000000000008 link ",
            "env OTEL_TRACEPARENT 000000000000000d link ",
            "env BUILDKITE_TRACING_TRACEPARENT 000000000000000e link ",
            "traceparent 0000000000000009 link ",
        ]
    );
    assert_eq!(refused, []);
}

#[test]
fn the_same_context_in_two_places_is_one_stamp() {
    let (stamps, _) = read(&[("TRACEPARENT", A), ("tracing.k8s.io/traceparent", A)]);
    assert_eq!(stamps, ["tracing.k8s.io/traceparent b7ad6b7169203331 link "]);
}

#[test]
fn what_is_malformed_is_told_and_ignored() {
    let (stamps, refused) = read(&[
        ("tracing.k8s.io/traceparent", "00-zz"),
        ("TRACEPARENT", ""),
        ("opentelemetry.io/trace-context", B),
        ("traceparent", B),
    ]);
    assert_eq!(stamps, ["traceparent 00f067aa0ba902b7 link "]);
    let keys: Vec<_> = refused.iter().map(|refused| (&*refused.key, refused.flaw)).collect();
    assert_eq!(
        keys,
        [
            ("tracing.k8s.io/traceparent", Flaw::Traceparent),
            ("opentelemetry.io/trace-context", Flaw::Json),
            ("env TRACEPARENT", Flaw::Traceparent),
        ]
    );
}

#[test]
fn a_malformed_tracestate_is_left_out_and_told() {
    let (stamps, refused) =
        read(&[("traceparent", B), ("tracestate", "NO"), ("opentelemetry.io/tracestate", "NO")]);
    assert_eq!(stamps, ["traceparent 00f067aa0ba902b7 link "]);
    let [refused] = &*refused else { panic!("{refused:?}") };
    assert_eq!((&*refused.key, refused.flaw), ("tracestate", Flaw::Tracestate));
    assert_eq!(refused.problem, "list-member 1 of tracestate has no `=`");
}

#[test]
fn json_without_a_traceparent_says_that_there_is_none() {
    // Tekton writes an empty map where nothing was traced.
    for json in ["{}", r#"{"traceparent":null,"other":1}"#] {
        assert_eq!(read(&[("tekton.dev/taskrunSpanContext", json)]), (vec![], vec![]));
    }
    for json in ["", "[]", "null", "7", r#"{"traceparent":7}"#, "{"] {
        let (stamps, refused) = read(&[("tekton.dev/taskrunSpanContext", json)]);
        assert_eq!((stamps.len(), refused[0].flaw), (0, Flaw::Json), "{json}");
    }
}

#[test]
fn a_json_that_is_none_is_told_without_what_stands_there() {
    let told = |json: &str| read(&[("tekton.dev/taskrunSpanContext", json)]).1[0].problem.clone();
    for (json, why) in [
        (&*format!("\"{}\"", "sesame".repeat(1_000)), "something else stands there"),
        (r#"{"traceparent":7}"#, "traceparent is no string"),
        ("{", "EOF while parsing an object at line 1 column 1"),
    ] {
        assert_eq!(told(json), format!("it is no JSON of a map of strings: {why}"));
    }
}

#[test]
fn all_parts_of_a_json_are_read() {
    let rules = Rules::new(
        vec![Rule::new(Place::Key("ctx".into()), Some(Format::Json), true).unwrap()],
        ["team".to_owned()],
    );
    let json =
        format!(r#"{{"traceparent":"{A}","tracestate":"x=1","baggage":"user=alice,team=a%20b"}}"#);
    let stamps = carried(&rules, &[("ctx", &json)]);
    assert_eq!(told(&stamps), ["ctx b7ad6b7169203331 parent x=1"]);
    assert_eq!(*stamps.stamps[0].baggage, [("team".into(), "a b".into())]);
}

#[test]
fn baggage_is_kept_for_allowed_keys_and_else_not_even_read() {
    let prefix = || Rule::new(Place::Prefix("a/".into()), None, false).unwrap();
    let all = [("a/traceparent", A), ("a/baggage", "user=alice,team=x,team")];
    let stamps = carried(&Rules::new(vec![prefix()], []), &all);
    assert_eq!((stamps.stamps[0].baggage.len(), stamps.refused.len()), (0, 0));
    let stamps = carried(&Rules::new(vec![prefix()], ["team".to_owned()]), &all);
    let [refused] = &*stamps.refused else { panic!("{stamps:?}") };
    assert_eq!((&*refused.key, refused.flaw), ("a/baggage", Flaw::Baggage));
    assert_eq!(stamps.stamps.len(), 1);
}

#[test]
fn a_place_may_be_configured_and_then_nothing_else_counts() {
    let status = Place::Status(["trace".into(), "context".into()].into());
    let rules = Rules::new(
        vec![
            Rule::new(Place::Env("CI_TRACEPARENT".into()), None, false).unwrap(),
            Rule::new(status, Some(Format::W3c), true).unwrap(),
        ],
        [],
    );
    let mut carrier = Carrier::new(&rules);
    carrier.env(|name| match name {
        "CI_TRACEPARENT" | "TRACEPARENT" => Some(A.into()),
        "CI_TRACESTATE" => Some("y=2".into()),
        _ => None,
    });
    carrier.annotation("traceparent", || Some(B.into()));
    carrier.status(|path| (path.join(".") == "trace.context").then(|| B.into()));
    assert_eq!(
        told(&carrier.read()),
        [
            "env CI_TRACEPARENT b7ad6b7169203331 link y=2",
            "status.trace.context 00f067aa0ba902b7 parent ",
        ]
    );
}

#[test]
fn what_is_huge_or_many_is_bounded_and_told() {
    let long = "x".repeat(40_000);
    let (stamps, refused) = read(&[
        ("traceparent", A),
        ("tracestate", &long),
        ("opentelemetry.io/trace-context", &long),
    ]);
    assert_eq!(stamps.len(), 1);
    assert!(refused.iter().all(|it| it.flaw == Flaw::TooLong && it.problem.len() < 80));
    assert_eq!(refused.len(), 2);

    let rules = Rules::built_in();
    let mut carrier = Carrier::new(&rules);
    for n in 1..=200 {
        carrier.env(|name| (name == "TRACEPARENT").then(|| nth(n).into()));
    }
    let Stamps { stamps, refused } = carrier.read();
    assert_eq!((stamps.len(), refused.len()), (32, 32));
    assert!(refused.iter().all(|it| it.flaw == Flaw::TooMany));
}

#[test]
fn white_space_around_a_value_means_nothing() {
    let padded = format!(" \t{A}\n");
    let json = format!("\n{{\"traceparent\":\" {B} \"}} ");
    let all = [
        ("tracing.k8s.io/traceparent", &*padded),
        ("tracing.k8s.io/tracestate", " x=1\n"),
        ("opentelemetry.io/trace-context", &*json),
    ];
    let (stamps, refused) = read(&all);
    assert_eq!(
        stamps,
        [
            "tracing.k8s.io/traceparent b7ad6b7169203331 link x=1",
            "opentelemetry.io/trace-context 00f067aa0ba902b7 link ",
        ]
    );
    assert_eq!(refused, []);
}

#[test]
fn a_rule_of_kinds_is_no_rule_for_others() {
    let rules = Rules::built_in();
    let read = |mut carrier: Carrier<'_, '_>| {
        carrier.annotation("tekton.dev/deliveryTraceparent", || Some(A.into()));
        carrier.status(|_| Some(B.into()));
        told(&carrier.read())
    };
    let of = |kind, group| read(Carrier::of_kind(&rules, kind, group));
    let both = [
        "status.spanContext 00f067aa0ba902b7 parent ",
        "tekton.dev/deliveryTraceparent b7ad6b7169203331 parent ",
    ];
    // A copied annotation does not move a Deployment into the trace of a pipeline.
    assert_eq!(of("Deployment", "apps"), [""; 0]);
    assert_eq!(of("TaskRun", "example.com"), [""; 0]);
    // What is not known cannot be denied. The tracestate is none here.
    assert_eq!(of("TaskRun", "tekton.dev"), both);
    assert_eq!(read(Carrier::new(&rules)), both);
}

#[test]
fn a_suffix_finds_the_stamps_of_many() {
    let any = Rule::new(Place::Suffix("/traceparent".into()), None, false).unwrap();
    let stamps = carried(
        &Rules::new(vec![any], []),
        &[
            ("otel.dev/tracestate", "y=2"),
            ("krateo.io/traceparent", A),
            ("otel.dev/traceparent", B),
            ("otel.dev/tracestatement", "x"),
        ],
    );
    assert_eq!(
        told(&stamps),
        [
            "krateo.io/traceparent b7ad6b7169203331 link ",
            "otel.dev/traceparent 00f067aa0ba902b7 link y=2",
        ]
    );
}

#[test]
fn other_formats_are_read_where_a_rule_names_them() {
    let of = |place, format| Rule::new(place, Some(format), false).unwrap();
    let rules = Rules::new(
        vec![
            of(Place::Key("b3".into()), Format::B3),
            of(Place::Prefix("zipkin/".into()), Format::B3Multi),
            of(Place::Env("UBER".into()), Format::Jaeger),
            of(Place::Label("trace".into()), Format::B3),
            of(Place::Status(["dd".into()].into()), Format::Datadog),
        ],
        [],
    );
    let trace = "463ac35c9f6413ad48485a3953bb6124";
    let mut carrier = Carrier::new(&rules);
    let b3 = format!("{trace}-0000000000000001-1");
    carrier.annotation("b3", || Some(b3.clone().into()));
    carrier.annotation("zipkin/X-B3-TraceId", || Some(trace.into()));
    carrier.annotation("zipkin/x-b3-spanid", || Some("0000000000000002".into()));
    carrier.label("trace", || Some(b3.replace("01-1", "03-0").into()));
    carrier.label("b3", || Some("is no annotation".into()));
    carrier.env(|name| (name == "UBER").then(|| "abc:".into()));
    carrier.status(|path| match &*path.concat() {
        "ddx-datadog-trace-id" | "ddx-datadog-parent-id" => Some("7".into()),
        _ => None,
    });
    let Stamps { stamps, refused } = carrier.read();
    assert_eq!(
        told(&Stamps { stamps, refused: vec![] }),
        [
            "b3 0000000000000001 link ",
            "zipkin/x-b3-traceid 0000000000000002 link ",
            "label trace 0000000000000003 link ",
            "status.dd 0000000000000007 link ",
        ]
    );
    let [refused] = &*refused else { panic!("{refused:?}") };
    assert_eq!((&*refused.key, refused.flaw), ("env UBER", Flaw::Format));
}
