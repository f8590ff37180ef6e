//! What is said of an object that cannot be read: which one, which key, what stood there.

use serde::Deserialize;
use serde_json::Deserializer;

use super::SnapshotError;
use super::read::{LenientText, start};

/// How much of what stood there is shown.
const FOUND_BYTES: usize = 96;

/// Decodes all of `json`; an error names the path of the key.
pub(super) fn decode<'a, T: Deserialize<'a>>(
    kind: &str,
    json: &'a [u8],
) -> Result<T, SnapshotError> {
    // The path costs time, so it is only looked for once it is known to be needed.
    serde_json::from_slice(json).map_err(|plain| {
        let mut deserializer = Deserializer::from_slice(json);
        let (path, error) = match serde_path_to_error::deserialize::<_, T>(&mut deserializer) {
            Err(error) => (error.path().to_string(), error.into_inner()),
            Ok(_) => (".".to_owned(), plain),
        };
        refuse(kind, json, told(&path, &error.to_string()))
    })
}

/// The error for an object of `kind` in which `problem` was found.
pub(super) fn refuse(kind: &str, json: &[u8], problem: String) -> SnapshotError {
    let named = serde_json::from_slice::<Named<'_>>(json).unwrap_or_default().metadata;
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

/// Turns `invalid value: string "abc", expected a number at line 1 column 5` into
/// `spec.replicas is "abc": a number is expected`.
fn told(path: &str, error: &str) -> String {
    let at_path = if path == "." { String::new() } else { format!("{path}: ") };
    let Some((found, expected)) = error
        .strip_prefix("invalid type: ")
        .or_else(|| error.strip_prefix("invalid value: "))
        .and_then(|rest| rest.rsplit_once(", expected "))
    else {
        return format!("{at_path}{error}");
    };
    let expected = expected.rsplit_once(" at line ").map_or(expected, |(text, _)| text);
    let found = if path.contains("env[") {
        // The value of an env variable is nobody's business.
        found.split(' ').next().unwrap_or_default()
    } else {
        found.strip_prefix("string ").unwrap_or(found)
    };
    let path = if path == "." { "the object" } else { path };
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
