use proptest::prelude::*;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Unread, read};

/// Any JSON, as text with white space.
fn any_json() -> impl Strategy<Value = String> {
    let text = || "[a-z\"\\\\é😀\n/]{0,40}".prop_map(|text| Value::from(text).to_string());
    let number = prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        any::<u64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_filter("JSON has none", |n| n.is_finite()).prop_map(|n| format!("{n:e}")),
    ];
    let words = prop_oneof![Just("null"), Just("true"), Just("false"), Just("-0"), Just("1.50")];
    let leaf = prop_oneof![text(), number, words.prop_map(str::to_owned)];
    leaf.prop_recursive(5, 60, 6, move |inner| {
        let entry = (text(), " {0,3}", inner.clone())
            .prop_map(|(key, spaces, value)| format!("{key}:{spaces}{value}{spaces}"));
        let spaced = |items: Vec<String>, spaces: String| items.join(&format!("{spaces},{spaces}"));
        prop_oneof![
            (prop::collection::vec(inner, 0..6), "[ \n\t\r]{0,2}").prop_map(
                move |(items, spaces)| format!("[{spaces}{}]", spaced(items, spaces.clone()))
            ),
            (prop::collection::vec(entry, 0..6), "[ \n\t\r]{0,2}").prop_map(
                move |(items, spaces)| format!(
                    "{{{spaces}{}{spaces}}}",
                    spaced(items, spaces.clone())
                )
            ),
        ]
    })
}

/// What a decoder asks for: some keys, and the others as they stand or not at all.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Asked<'a> {
    a: Option<i64>,
    b: Option<bool>,
    #[serde(borrow)]
    c: Option<std::borrow::Cow<'a, str>>,
    d: Vec<f64>,
    e: Option<Box<Self>>,
}

#[test]
fn what_is_asked_for_is_read_and_what_is_not_is_passed_over() {
    let json = r#" {"x":{"y":["}",{"\"]":null}]},"a" : -7 ,"z":"\\","b":true,"c":"plain","d":[1,2.5e1,
        -3],"w":1.5,"e":{"c":"\u00e9\n\"","b":null,"e":{}},"v":[[],{}] } "#;
    let inner = Asked { c: Some("é\n\"".into()), e: Some(Box::default()), ..Asked::default() };
    let expected = Asked {
        a: Some(-7),
        b: Some(true),
        c: Some("plain".into()),
        d: vec![1.0, 25.0, -3.0],
        e: Some(Box::new(inner)),
    };
    assert_eq!(read(json), Ok(expected));
    assert_eq!(read::<&str>(r#" "borrowed" "#), Ok("borrowed"));
}

#[test]
fn what_breaks_the_grammar_where_it_is_read_is_not_read() {
    for json in [
        "",
        " ",
        "{",
        "[",
        "[1",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{\"a\":1 \"b\":2}",
        "{a:1}",
        "{1:1}",
        "[1]]",
        "{}x",
        "\"",
        "\"\\",
        "\"a\\\"",
        "tru",
        "nul",
        "nullx",
        "01",
        "1.",
        "+1",
        "-",
        "--1",
        "1e",
        ".5",
        "\"\\x\"",
        "\"\\u12\"",
        "[}",
        "{]",
        "[1}",
        "'a'",
        "NaN",
        "é",
    ] {
        assert_eq!(read::<Value>(json), Err(Unread), "{json}");
    }
}

#[test]
fn depth_without_end_is_refused_as_serde_json_refuses_it() {
    for depth in [1, 64, 126, 127, 128, 129, 100_000] {
        let json = "[".repeat(depth) + &"]".repeat(depth);
        let expected = serde_json::from_str::<Value>(&json).map_err(|_| Unread);
        assert_eq!(read::<Value>(&json), expected, "{depth}");
    }
}

proptest! {
    #[test]
    fn whatever_is_json_is_read_as_serde_json_reads_it(json in any_json()) {
        let expected = serde_json::from_str::<Value>(&json).unwrap();
        prop_assert_eq!(read::<Value>(&json).unwrap(), expected);
        prop_assert_eq!(read::<&RawValue>(&json).unwrap().get(), json.trim());
        let asked = format!(r#"{{"x":{json},"e":{{"y":[{json}]}},"z":{json}}}"#);
        let expected = serde_json::from_str::<Asked<'_>>(&asked).unwrap();
        prop_assert_eq!(read::<Asked<'_>>(&asked).unwrap(), expected);
    }

    #[test]
    fn what_is_read_whole_is_json(json in any_json(), at in any::<prop::sample::Index>(), byte in "[\\[\\]{}\",:\\\\ 0-9a]") {
        let mut chars: Vec<char> = json.chars().collect();
        let n_chars = chars.len();
        if let Some(place) = chars.get_mut(at.index(n_chars)) {
            *place = byte.chars().next().unwrap();
        }
        let json: String = chars.into_iter().collect();
        // A raw control character in a string is the one thing that is let pass.
        if let (Ok(ours), false) = (read::<Value>(&json), json.contains('\n')) {
            prop_assert_eq!(serde_json::from_str::<Value>(&json).ok(), Some(ours));
        }
    }

    #[test]
    fn no_text_panics(text in "[\\[\\]{}:,\"a0-9.eE+\\\\é -]{0,64}") {
        drop(read::<Value>(&text));
        drop(read::<Asked<'_>>(&text));
    }
}
