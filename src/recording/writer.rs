//! Lines of a recording, from what a watch says; pure.

use serde_json::Value;

use super::redact::Redaction;
use crate::facts::kind::Kind;
use crate::facts::time::UnixNanos;
use crate::watch::json::stream::EventType;
use crate::watch::listener::{Heard, Listener, Refused, Said};

/// Listens to one resource and writes down what it says.
#[derive(Clone, Debug)]
pub struct ForRecording {
    /// `deployments.apps`
    pub resource: String,
    /// What is taken out of objects; `None` to keep them as they are.
    pub redaction: Option<Redaction>,
}

/// A line of a recording, with its newline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The line.
    pub line: String,
    /// It tells of an object, not only of the state of a watch.
    pub is_object: bool,
}

impl Listener for ForRecording {
    type Out = Written;

    fn kind(&self) -> Option<Kind> {
        None
    }

    fn hear(&mut self, said: Said<'_>, at: UnixNanos) -> Heard<Written> {
        let (kind, object) = match said {
            Said::Listed(json) => ("LIST", json.to_vec()),
            Said::ListDone(version) => {
                let done = serde_json::json!({"metadata": {"resourceVersion": version}});
                ("LIST_DONE", done.to_string().into_bytes())
            }
            Said::Watched(kind, json) => (kind.name(), json.to_vec()),
            Said::Closed => ("CLOSED", b"null".to_vec()),
        };
        let version = match said {
            Said::Watched(..) => crate::kinds::list_version(&object),
            Said::Listed(_) | Said::ListDone(_) | Said::Closed => 0,
        };
        let is_object = matches!(said, Said::Listed(_))
            || matches!(said, Said::Watched(kind, _) if kind != EventType::Bookmark);
        match self.redacted(&object) {
            Ok(object) => {
                let line = format!(
                    "{{\"at\":\"{}\",\"resource\":\"{}\",\"type\":\"{kind}\",\"object\":{object}}}\n",
                    micros(at),
                    self.resource
                );
                Heard {
                    out: Some(Written { line, is_object }),
                    version,
                    n_stamps: 0,
                    refused: Vec::new(),
                }
            }
            Err(error) => {
                let refused = vec![Refused::Object(format!("{}: {error}", self.resource))];
                Heard { out: None, version, n_stamps: 0, refused }
            }
        }
    }
}

impl ForRecording {
    fn redacted(&self, object: &[u8]) -> Result<String, serde_json::Error> {
        let mut value: Value = serde_json::from_slice(object)?;
        if let Some(redaction) = &self.redaction {
            redaction.redact(&mut value);
        }
        Ok(value.to_string())
    }
}

/// RFC 3339 in UTC, in microseconds.
fn micros(at: UnixNanos) -> String {
    let timestamp = jiff::Timestamp::from_nanosecond(i128::from(at.0)).unwrap_or_default();
    format!("{timestamp:.6}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::Told;
    use crate::recording::Line;

    const AT: UnixNanos = UnixNanos(1_763_636_999_000_123_456);

    fn line(said: Said<'_>) -> String {
        let redaction = Some(Redaction::new([1; 32]));
        let mut listener = ForRecording { resource: "pods".to_owned(), redaction };
        listener.hear(said, AT).out.unwrap().line
    }

    #[test]
    fn what_is_written_reads_back_as_it_was_said() {
        let pod = br#"{"metadata":{"name":"a\nb"}}"#;
        let cases = [
            (Said::Listed(pod), Told::Listed),
            (Said::ListDone("42"), Told::ListDone),
            (Said::Watched(EventType::Added, pod), Told::Seen),
            (Said::Watched(EventType::Modified, pod), Told::Seen),
            (Said::Watched(EventType::Deleted, pod), Told::Deleted),
            (Said::Watched(EventType::Bookmark, pod), Told::Bookmark),
            (Said::Closed, Told::Closed),
        ];
        for (said, expected) in cases {
            let text = line(said);
            let read = Line::parse(text.trim_end().as_bytes()).unwrap();
            assert_eq!((read.told, &*read.resource), (expected, "pods"), "{text}");
            assert_eq!(read.at, UnixNanos(1_763_636_999_000_123_000), "{text}");
            assert_eq!(text.lines().count(), 1, "{text}");
        }
        assert!(line(Said::ListDone("42")).contains(r#"{"metadata":{"resourceVersion":"42"}}"#));
    }

    #[test]
    fn what_is_no_json_is_refused_and_not_written() {
        for redaction in [None, Some(Redaction::new([1; 32]))] {
            let mut listener = ForRecording { resource: "pods".to_owned(), redaction };
            let heard = listener.hear(Said::Listed(b"{"), AT);
            assert!(heard.out.is_none() && heard.refused.len() == 1, "{heard:?}");
        }
    }
}
