//! Annotations before, annotations afterwards.

use proptest::prelude::*;

use super::*;
use crate::context::{SpanId, TraceId, extract, extract_by, size, tracestate};

fn context(trace_state: &str) -> TraceContext {
    TraceContext {
        trace_id: TraceId([0x0a; 16]),
        span_id: SpanId([0xb7; 8]),
        flags: 0x01,
        trace_state: trace_state.into(),
    }
}

fn told(annotations: &BTreeMap<String, String>) -> Vec<String> {
    annotations.iter().map(|(key, value)| format!("{key}={value}")).collect()
}

const PARENT: &str = "00-0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a-b7b7b7b7b7b7b7b7-01";

#[test]
fn the_key_of_the_kep_is_written_and_baggage_only_if_asked() {
    let mut annotations = BTreeMap::new();
    let how = Injection::default();
    assert_eq!(inject(&context("x=1"), &mut annotations, &how), Injected::Written);
    let expected = [
        format!("tracing.k8s.io/traceparent={PARENT}"),
        "tracing.k8s.io/tracestate=x=1".to_owned(),
    ];
    assert_eq!(told(&annotations), expected);
    let how = Injection { baggage: Some("team=a"), overwrites: true, ..how };
    assert_eq!(inject(&context(""), &mut annotations, &how), Injected::Written);
    let expected = [
        "tracing.k8s.io/baggage=team=a".to_owned(),
        format!("tracing.k8s.io/traceparent={PARENT}"),
    ];
    assert_eq!(told(&annotations), expected, "a tracestate goes with its traceparent");
}

const OTHER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// `context("x=1")` written onto `present`, by default.
fn onto(present: &[(&str, &str)], how: &Injection<'_>) -> (Injected, Vec<String>) {
    let pairs =
        present.iter().map(|(key, value)| (format!("tracing.k8s.io/{key}"), (*value).to_owned()));
    let mut annotations: BTreeMap<_, _> = pairs.collect();
    let injected = inject(&context("x=1"), &mut annotations, how);
    let told = told(&annotations).iter().map(|it| it.replace("tracing.k8s.io/", "")).collect();
    (injected, told)
}

#[test]
fn what_stands_there_is_left_unless_asked_and_what_is_malformed_is_nothing() {
    let how = Injection::default();
    let parent = format!("traceparent={PARENT}");
    let kept = onto(&[("traceparent", OTHER)], &how);
    assert_eq!(kept, (Injected::Kept, vec![format!("traceparent={OTHER}")]));
    for old in ["malformed", "", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"] {
        let all = [("traceparent", old), ("tracestate", "old=1"), ("baggage", "team=a")];
        let expected = ["baggage=team=a".to_owned(), parent.clone(), "tracestate=x=1".into()];
        assert_eq!(onto(&all, &how), (Injected::Written, expected.to_vec()), "{old}");
    }
}

#[test]
fn keys_merge_one_by_one_and_what_stands_there_alone_stays() {
    let parent = format!("traceparent={PARENT}");
    let lone = [("tracestate", "theirs=1"), ("baggage", "team=a")];
    let how = Injection { baggage: Some("team=b"), ..Injection::default() };
    let expected = ["baggage=team=a", &parent, "tracestate=theirs=1"].map(str::to_owned);
    assert_eq!(onto(&lone, &how), (Injected::Written, expected.to_vec()));
    let how = Injection { overwrites: true, ..Injection::default() };
    let expected = [parent, "tracestate=x=1".to_owned()];
    assert_eq!(onto(&lone, &how), (Injected::Written, expected.to_vec()));
}

#[test]
fn of_a_json_other_keys_stay() {
    let key = "opentelemetry.io/trace-context";
    let mut annotations = BTreeMap::from([(
        key.to_owned(),
        r#"{"traceparent":"x","tracestate":"old=1","b3":"0"}"#.to_owned(),
    )]);
    let how = Injection::to_key(key);
    assert_eq!(inject(&context(""), &mut annotations, &how), Injected::Written);
    assert_eq!(annotations[key], format!(r#"{{"b3":"0","traceparent":"{PARENT}"}}"#));
    annotations.insert(key.to_owned(), r#"{"tracestate":"theirs=1"}"#.to_owned());
    assert_eq!(inject(&context("x=1"), &mut annotations, &how), Injected::Written);
    let lone = format!(r#"{{"traceparent":"{PARENT}","tracestate":"theirs=1"}}"#);
    assert_eq!(annotations[key], lone);
    assert_eq!(inject(&context(""), &mut annotations, &how), Injected::Kept);
    // Whatever else stands there is no trace context.
    for text in ["", "[]", "7", "{"] {
        annotations.insert(key.to_owned(), text.to_owned());
        assert_eq!(inject(&context(""), &mut annotations, &how), Injected::Written, "{text}");
    }
}

#[test]
fn what_cannot_be_read_is_not_written() {
    let zero_trace = TraceContext { trace_id: TraceId([0; 16]), ..context("") };
    let zero_span = TraceContext { span_id: SpanId([0; 8]), ..context("") };
    let members: Vec<String> = (0..33).map(|n| format!("k{n}=v")).collect();
    let long = format!("team={}", "x".repeat(8 << 10));
    let default = Injection::default;
    for (context, how, expected) in [
        (zero_trace, default(), NotValid::ZeroTraceId),
        (zero_span, default(), NotValid::ZeroSpanId),
        (context("NO"), default(), NotValid::Tracestate(TracestateError::NoValue(1))),
        (
            context(&members.join(",")),
            default(),
            NotValid::Tracestate(TracestateError::TooManyMembers),
        ),
        (
            context(""),
            Injection { baggage: Some("a b"), ..default() },
            NotValid::Baggage(BaggageError::NoValue(1)),
        ),
        (context(""), Injection { baggage: Some(&long), ..default() }, NotValid::LongBaggage(8197)),
        (context(""), Injection::to_key("a key/traceparent"), NotValid::Key),
        (context(""), Injection::to_key(""), NotValid::Key),
        (context(""), Injection::to_key(&format!("a/{}", "x".repeat(64))), NotValid::Key),
    ] {
        let mut annotations = BTreeMap::new();
        let injected = inject(&context, &mut annotations, &how);
        assert_eq!(injected, Injected::NotValid(expected));
        assert_eq!(annotations, BTreeMap::new());
    }
}

#[test]
fn a_long_tracestate_is_left_out_whole() {
    let member = |key: char| format!("{key}={}", "x".repeat(170));
    let long = ['a', 'b', 'c'].map(member).join(",");
    assert_eq!((long.len(), tracestate(&long)), (518, Ok(())));
    let mut annotations = BTreeMap::new();
    let injected = inject(&context(&long), &mut annotations, &Injection::default());
    assert_eq!(injected, Injected::WithoutState);
    assert_eq!(told(&annotations), [format!("tracing.k8s.io/traceparent={PARENT}")]);
}

#[test]
fn annotations_never_grow_over_what_the_api_server_takes() {
    let own = "tracing.k8s.io/traceparent".len() + PARENT.len();
    for (free, expected) in [(own, Injected::Written), (own - 1, Injected::NoRoom)] {
        let large = "x".repeat((256 << 10) - free - 1);
        let mut annotations = BTreeMap::from([("a".to_owned(), large)]);
        let before = annotations.clone();
        let injected = inject(&context(""), &mut annotations, &Injection::default());
        assert_eq!(injected, expected);
        assert_eq!(annotations == before, expected == Injected::NoRoom);
    }
}

#[test]
fn a_key_known_for_json_is_written_as_json() {
    let mut annotations = BTreeMap::new();
    for key in ["opentelemetry.io/trace-context", "example.com/ctx", "example.com/traceparent"] {
        let how = Injection::to_key(key);
        assert_eq!(inject(&context("x=1"), &mut annotations, &how), Injected::Written);
    }
    let json = format!(r#"{{"traceparent":"{PARENT}","tracestate":"x=1"}}"#);
    assert_eq!(
        told(&annotations),
        [
            format!("example.com/ctx={PARENT}"),
            format!("example.com/traceparent={PARENT}"),
            "example.com/tracestate=x=1".to_owned(),
            format!("opentelemetry.io/trace-context={json}"),
        ]
    );
}

#[test]
fn nothing_but_annotations_is_ever_written() {
    for place in [
        Place::Status(["a".into()].into()),
        Place::Env("TRACEPARENT".into()),
        Place::Label("traceparent".into()),
        Place::Suffix("/traceparent".into()),
    ] {
        let how =
            Injection { rule: Rule::new(place, None, false).unwrap(), ..Injection::default() };
        let mut annotations = BTreeMap::new();
        assert_eq!(inject(&context(""), &mut annotations, &how), Injected::NoPlace);
        assert_eq!(annotations, BTreeMap::new());
    }
}

#[test]
fn of_all_flags_only_the_one_that_everyone_reads_is_written() {
    for (flags, written) in [(0xff, "-01"), (3, "-01"), (2, "-00"), (0, "-00")] {
        let context = TraceContext { flags, ..context("") };
        assert!(to_traceparent(&context).ends_with(written));
    }
}

/// What the propagators of OpenTelemetry read, held against them in continuous integration.
#[test]
fn what_is_written_is_read_by_everyone_and_what_is_read_is_level_2() {
    let table = include_str!("../../../tests/interop/vectors.tsv");
    let mut rows = table.lines().filter(|line| !line.starts_with('#')).map(|line| line.split('\t'));
    assert_eq!(rows.next().unwrap().nth(2), Some("lifespan"));
    let mut n_written = 0;
    for mut row in rows {
        let (what, traceparent) = (row.next().unwrap(), row.next().unwrap().replace("\\x20", " "));
        let verdicts: Vec<&str> = row.collect();
        let annotations = BTreeMap::from([("traceparent".to_owned(), traceparent.clone())]);
        let read = extract(&annotations);
        let told = read.as_ref().map_or("-".to_owned(), |it| format!("{:02x}", it.flags));
        assert_eq!(verdicts.first(), Some(&&*told), "{what}");
        let Some(read) = read else { continue };
        // Of any flags those are written which all of them read as the same.
        for flags in 0..=u8::MAX {
            if to_traceparent(&TraceContext { flags, ..read.clone() }) == traceparent {
                n_written += 1;
                let first = verdicts.first();
                assert!(verdicts.iter().all(|it| Some(it) == first), "{what}: {verdicts:?}");
            }
        }
    }
    assert_eq!(n_written, 256, "with the flag and without");
}

prop_compose! {
    fn contexts()(
        trace_id in any::<[u8; 16]>().prop_filter("zero is none", |id| *id != [0; 16]),
        span_id in any::<[u8; 8]>().prop_filter("zero is none", |id| *id != [0; 8]),
        flags in 0_u8..2,
        trace_state in "([a-z0-9][a-z0-9_*/@-]{0,8}=[ -+.-<>-~]{0,8}[!-+.-<>-~]){0,1}",
    ) -> TraceContext {
        assert_eq!(tracestate(&trace_state), Ok(()), "{trace_state}");
        let (trace_id, span_id) = (TraceId(trace_id), SpanId(span_id));
        TraceContext { trace_id, span_id, flags, trace_state: trace_state.into() }
    }
}

proptest! {
    #[test]
    fn what_is_extracted_is_what_was_injected(
        context in contexts(),
        other in contexts(),
        key in prop::sample::select(vec![
            "tracing.k8s.io/traceparent", "opentelemetry.io/traceparent", "traceparent",
            "opentelemetry.io/trace-context", "tekton.dev/pipelinerunSpanContext",
            "keptn.sh/traceparent", "kueue.x-k8s.io/trace-context",
            "tekton.dev/deliveryTraceparent",
        ]),
    ) {
        let mut annotations = BTreeMap::new();
        let how = Injection { overwrites: true, ..Injection::to_key(key) };
        prop_assert_eq!(inject(&other, &mut annotations, &how), Injected::Written);
        prop_assert_eq!(inject(&context, &mut annotations, &how), Injected::Written);
        let mut context = context;
        if key == "tekton.dev/deliveryTraceparent" {
            // It has no place beside it.
            context.trace_state = "".into();
        }
        prop_assert_eq!(extract(&annotations), Some(context));
        let all = extract_by(&Rules::built_in(), &annotations);
        prop_assert_eq!(all.stamps.len(), 1);
        prop_assert!(all.refused.is_empty());
    }

    #[test]
    fn what_is_minted_is_a_trace_context(random in any::<[u8; 32]>(), other in any::<[u8; 32]>()) {
        let root = TraceContext::minted(&random);
        let child = root.child(&other);
        for context in [&root, &child] {
            let read = crate::context::traceparent(&to_traceparent(context));
            prop_assert_eq!(read, Ok((root.trace_id, context.span_id, 1)));
        }
    }

    #[test]
    fn whatever_stood_there_it_can_be_read_and_stored_afterwards(
        context in contexts(),
        present in prop::collection::btree_map(
            "(tracing.k8s.io/(traceparent|tracestate|baggage)|[a-z]{1,3}/[a-z]{1,3})",
            "(00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01|[ -~]{0,12}|x{1000})",
            0..5,
        ),
        fill in (255_usize << 10)..(258 << 10),
        overwrites in any::<bool>(),
    ) {
        let mut annotations = present;
        let filled = fill - size(&annotations);
        annotations.insert("fill".into(), "x".repeat(filled));
        let was_taken = size(&annotations) <= 256 << 10;
        let before = annotations.clone();
        let how = Injection { overwrites, ..Injection::default() };
        if inject(&context, &mut annotations, &how) == Injected::Written {
            let read = extract(&annotations).map(|it| (it.trace_id, it.span_id));
            prop_assert_eq!(read, Some((context.trace_id, context.span_id)));
        } else {
            prop_assert_eq!(&annotations, &before);
        }
        prop_assert!(!was_taken || size(&annotations) <= 256 << 10);
    }
}
