//! What is said of an object that cannot be read: which one, which key, what stood there.

use serde::Deserialize;
use serde_json::Deserializer;

use super::SnapshotError;
use super::json;
use super::protobuf::{self, Message, message, peek};
use super::read::{LenientText, start};

/// How much of what stood there is shown.
const FOUND_BYTES: usize = 96;

/// Decodes all of `json`; an error names the path of the key.
pub(super) fn decode<'a, T: Deserialize<'a>>(
    kind: &str,
    json: &'a [u8],
) -> Result<T, SnapshotError> {
    // Checked once as a whole, it need not be checked string by string.
    let text = str::from_utf8(json)
        .map_err(|error| refuse(kind, json, format!("it is not UTF-8: {error}")))?;
    if let Ok(read) = json::read(text) {
        return Ok(read);
    }
    // The path costs time, so it is only looked for once it is known to be needed.
    serde_json::from_str(text).map_err(|plain| {
        let mut deserializer = Deserializer::from_str(text);
        let (path, error) = match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
            Err(error) => (error.path().to_string(), error.into_inner()),
            Ok(_) => (".".to_owned(), plain),
        };
        refuse(kind, json, told(&path, &error.to_string()))
    })
}

/// Decodes all of an object that may be in protobuf.
pub(super) fn decode_either<'a, T: Deserialize<'a> + Message<'a>>(
    kind: &str,
    object: &'a [u8],
) -> Result<T, SnapshotError> {
    let Some(message) = protobuf::message_of(object) else { return decode(kind, object) };
    message.and_then(protobuf::read).map_err(|_| {
        refuse(kind, object, format!("it is not what Kubernetes' protobuf says of a {kind}"))
    })
}

/// The error for an object of `kind` in which `problem` was found.
pub(super) fn refuse(kind: &str, object: &[u8], problem: String) -> SnapshotError {
    let named = peek::<Named<'_>>(object).unwrap_or_default().metadata;
    let (namespace, name) = (named.namespace.0, named.name.0);
    SnapshotError { object: label(kind, namespace.as_deref(), name.as_deref()), problem }
}

/// `Pod default/web-1`, or as much of it as is known.
pub(super) fn label(kind: &str, namespace: Option<&str>, name: Option<&str>) -> String {
    match (namespace, name) {
        (_, None) => kind.to_owned(),
        (None | Some(""), Some(name)) => format!("{kind} {}", shortened(name)),
        (Some(namespace), Some(name)) => {
            format!("{kind} {}/{}", shortened(namespace), shortened(name))
        }
    }
}

/// Turns `invalid type: string "abc", expected a number at line 1 column 5` into
/// `spec.replicas is a string: a number is expected`.
fn told(path: &str, error: &str) -> String {
    // A `?` is a key that was not read to its end.
    let path = &*shortened(path.strip_suffix(".?").unwrap_or(path));
    let at_path = if matches!(path, "." | "?") { String::new() } else { format!("{path}: ") };
    let of_another_type = error.strip_prefix("invalid type: ");
    let Some((found, expected)) = of_another_type
        .or_else(|| error.strip_prefix("invalid value: "))
        .and_then(|rest| rest.rsplit_once(", expected "))
    else {
        return format!("{at_path}{error}");
    };
    let expected = expected.rsplit_once(" at line ").map_or(expected, |(text, _)| text);
    let expected = if expected.starts_with("struct ") { "a map" } else { expected };
    let (sort, value) = found.split_once(' ').unwrap_or((found, ""));
    // What is of another type may be anything, and the value of an env variable is nobody's business.
    let is_told = of_another_type.is_none() && !path.contains(".env");
    let found = match (sort, value.trim_matches('`')) {
        ("sequence", _) => "a list",
        ("map", _) => "a map",
        (_, value) if is_told && !value.is_empty() => value,
        ("string", _) => "a string",
        ("integer" | "floating", _) => "a number",
        ("boolean", _) => "a boolean",
        _ => found,
    };
    let path = if matches!(path, "." | "?") { "the object" } else { path };
    format!("{path} is {}: {expected} is expected", shortened(found))
}

fn shortened(text: &str) -> String {
    let shown = start(text, FOUND_BYTES);
    if shown.len() < text.len() { format!("{shown}…") } else { text.to_owned() }
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Named<'a> {
    #[serde(borrow)]
    metadata: Name<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Name<'a> {
    #[serde(borrow)]
    namespace: LenientText<'a>,
    #[serde(borrow)]
    name: LenientText<'a>,
}

message!(<'a> Named<'a> { 1 metadata });
message!(<'a> Name<'a> { 1 name, 3 namespace });

#[cfg(test)]
mod tests {
    use super::{label, told};

    #[test]
    fn errors_of_the_decoder_are_retold_with_the_key_first() {
        for (path, error, expected) in [
            (
                "spec.replicas",
                "invalid type: string \"3\", expected a whole number at line 1 column 5",
                "spec.replicas is a string: a whole number is expected",
            ),
            (
                "a.b",
                "invalid type: integer `5`, expected a string at line 1 column 5",
                "a.b is a number: a string is expected",
            ),
            (
                "a",
                "invalid type: floating point `1.5`, expected a string",
                "a is a number: a string is expected",
            ),
            (
                "a",
                "invalid type: boolean `true`, expected a string",
                "a is a boolean: a string is expected",
            ),
            (
                "a.env[0].b",
                "invalid value: string \"x\", expected a time",
                "a.env[0].b is a string: a time is expected",
            ),
            (
                "a.b",
                "invalid value: string \"x, expected y\", expected a string at line 1 column 5",
                "a.b is \"x, expected y\": a string is expected",
            ),
            ("a", "invalid type: map, expected a string", "a is a map: a string is expected"),
            (
                ".",
                "invalid type: null, expected struct Pod",
                "the object is null: a map is expected",
            ),
            (".", "expected value at line 1 column 1", "expected value at line 1 column 1"),
            (
                "a.?",
                "duplicate field `b` at line 1 column 1",
                "a: duplicate field `b` at line 1 column 1",
            ),
        ] {
            assert_eq!(told(path, error), expected);
        }
    }

    #[test]
    fn neither_keys_nor_values_nor_names_are_told_at_any_length() {
        let long = "é".repeat(10_000);
        let error = format!("invalid type: string \"{long}\", expected a number");
        assert!(told(&long, &error).len() < 300);
        assert!(label("Pod", Some(&long), Some(&long)).len() < 300);
    }

    #[test]
    fn an_object_is_named_as_far_as_it_is_known() {
        assert_eq!(label("Pod", Some("default"), Some("web-1")), "Pod default/web-1");
        assert_eq!(label("Node", None, Some("node-1")), "Node node-1");
        assert_eq!(label("Pod", Some("default"), None), "Pod");
    }
}
