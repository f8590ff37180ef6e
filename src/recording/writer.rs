//! Lines of a recording, from what a watch says; pure.

use serde_json::Value;

use super::essence::essence;
use super::redact::Redaction;
use crate::facts::instant::Clock;
use crate::facts::kind::Kind;
use crate::facts::time::UnixNanos;
use crate::kinds::{Heard, Refused, Said};
use crate::text::utc;
use crate::watch::listener::Listener;

/// Listens to one resource and writes down what it says.
#[derive(Clone, Debug)]
pub struct ForRecording {
    /// `deployments.apps`
    pub resource: String,
    /// How texts are hidden; `None` to write objects as they are.
    pub redaction: Option<Redaction>,
    /// Whole objects are written, but for values of environment variables.
    pub is_full: bool,
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

    fn listen(&mut self, said: Said<'_>, at: Clock) -> Heard<Written> {
        let written = match said {
            Said::ListDone(version) => {
                let done = serde_json::json!({"metadata": {"resourceVersion": version}});
                Ok(done.to_string())
            }
            Said::Closed => Ok("null".to_owned()),
            Said::Unknown(_) => return Heard::unknown(said),
            Said::Listed(json)
            | Said::Added(json)
            | Said::Modified(json)
            | Said::Deleted(json)
            | Said::Unmatched(json)
            | Said::Bookmark(json)
            | Said::Error(json) => self.redacted(json),
        };
        let version = said.version();
        let is_object = said.is_of_object();
        let (out, refused) = match written {
            Ok(object) => {
                let (at, resource, said) = (micros(at.corrected()), &self.resource, said.name());
                let line = format!(
                    "{{\"at\":\"{at}\",\"resource\":\"{resource}\",\"type\":\"{said}\",\"object\":{object}}}\n"
                );
                (Some(Written { line, is_object }), Vec::new())
            }
            Err(error) => (None, vec![Refused::Object(format!("{}: {error}", self.resource))]),
        };
        Heard { out, version, n_stamps: 0, refused }
    }
}

impl ForRecording {
    fn redacted(&self, object: &[u8]) -> Result<String, serde_json::Error> {
        let mut value: Value = serde_json::from_slice(object)?;
        match &self.redaction {
            Some(redaction) if self.is_full => redaction.redact(&mut value),
            Some(redaction) => essence(&mut value, redaction),
            None => {}
        }
        Ok(value.to_string())
    }
}

/// RFC 3339 in UTC, in microseconds.
fn micros(at: UnixNanos) -> String {
    format!("{:.6}", utc(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::time::Nanos;
    use crate::recording::Line;

    const AT: Clock = Clock::right(UnixNanos(1_763_636_999_000_123_456));

    fn line(said: Said<'_>) -> String {
        let redaction = Some(Redaction::new([1; 32], &crate::context::Rules::built_in()));
        let mut listener = ForRecording { resource: "pods".to_owned(), redaction, is_full: false };
        listener.listen(said, AT).out.unwrap().line
    }

    #[test]
    fn what_is_written_reads_back_as_it_was_said() {
        let pod = br#"{"metadata":{"name":"a\nb"}}"#;
        let all = [
            Said::Listed(pod),
            Said::ListDone("42"),
            Said::Added(pod),
            Said::Modified(pod),
            Said::Deleted(pod),
            Said::Bookmark(pod),
            Said::Closed,
        ];
        for said in all {
            let text = line(said);
            let read = Line::parse(text.trim_end().as_bytes()).unwrap();
            assert_eq!((read.said, &*read.resource), (said, "pods"), "{text}");
            assert_eq!(read.at, UnixNanos(1_763_636_999_000_123_000), "{text}");
            assert_eq!(text.lines().count(), 1, "{text}");
        }
        assert!(line(Said::ListDone("42")).contains(r#"{"metadata":{"resourceVersion":"42"}}"#));
    }

    #[test]
    fn what_is_written_has_the_time_of_the_api_server() {
        let mut listener =
            ForRecording { resource: "pods".to_owned(), redaction: None, is_full: true };
        let off = Clock { ahead: Nanos::from_seconds(60), ..AT };
        let text = listener.listen(Said::Closed, off).out.unwrap().line;
        let read = Line::parse(text.trim_end().as_bytes()).unwrap();
        assert_eq!(read.at, UnixNanos(1_763_637_059_000_123_000), "{text}");
    }

    #[test]
    fn what_is_no_json_is_refused_and_not_written() {
        for redaction in [None, Some(Redaction::new([1; 32], &crate::context::Rules::built_in()))] {
            let mut listener =
                ForRecording { resource: "pods".to_owned(), redaction, is_full: false };
            let heard = listener.listen(Said::Listed(b"{"), AT);
            assert!(heard.out.is_none() && heard.refused.len() == 1, "{heard:?}");
        }
    }
}
