//! Who listens to a watch: what becomes of the bytes of an object when they have arrived; pure.

use std::sync::Arc;

use super::json::stream::EventType;
use crate::context::Flaw;
use crate::facts::change::News;
use crate::facts::kind::{Kind, Lane, Part};
use crate::facts::time::UnixNanos;
use crate::kinds::{self, Catalog, Meaning, Told};

/// What a list or watch says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// A list contains this object; items do not name their kind.
    Listed(&'a [u8]),
    /// The list is complete, at this resourceVersion.
    ListDone(&'a str),
    /// A watch event.
    Watched(EventType, &'a [u8]),
    /// The list or watch broke off.
    Closed,
}

/// What became of it.
#[derive(Debug)]
pub struct Heard<T> {
    /// What is handed on.
    pub out: Option<T>,
    /// The resourceVersion that the watch has reached; 0 for what does not tell.
    pub version: u64,
    /// How many trace contexts were read on it.
    pub n_stamps: usize,
    /// What could not be used of it, each as a sentence.
    pub refused: Vec<Refused>,
}

/// What could not be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// An object.
    Object(String),
    /// A trace context on an object, and what sort of thing is wrong with it.
    Stamp(Flaw, String),
}

/// Listens to one lane.
pub trait Listener {
    /// What is handed on.
    type Out: Send + 'static;

    /// The kind of the objects, where that is known and its trace contexts are read.
    fn kind(&self) -> Option<Kind>;

    /// Hears what was said at `at`.
    fn hear(&mut self, said: Said<'_>, at: UnixNanos) -> Heard<Self::Out>;
}

/// What a lane said to the core, and when it arrived.
#[derive(Debug)]
pub struct Arrived {
    /// The lane.
    pub lane: Lane,
    /// Which part of it, where it is watched in several namespaces.
    pub part: Part,
    /// What it said.
    pub news: News,
    /// When the bytes of it had arrived.
    pub at: UnixNanos,
}

/// Listens for the core: only snapshots are handed on.
#[derive(Clone, Debug)]
pub struct ForCore {
    /// The kinds that are known.
    pub catalog: Arc<Catalog>,
    /// The lane that is listened to.
    pub lane: Lane,
    /// Which part of it.
    pub part: Part,
}

impl Listener for ForCore {
    type Out = Arrived;

    fn kind(&self) -> Option<Kind> {
        self.catalog.kind(self.lane)
    }

    fn hear(&mut self, said: Said<'_>, at: UnixNanos) -> Heard<Arrived> {
        let Self { ref catalog, lane, part } = *self;
        let (told, json) = match said {
            Said::Listed(json) => (Told::Listed, json),
            Said::ListDone(version) => {
                let news = News::ListDone(version.parse().unwrap_or(0));
                return Heard {
                    out: Some(Arrived { lane, part, news, at }),
                    version: 0,
                    n_stamps: 0,
                    refused: Vec::new(),
                };
            }
            Said::Watched(EventType::Added | EventType::Modified, json) => (Told::Seen, json),
            Said::Watched(EventType::Deleted, json) => (Told::Deleted, json),
            Said::Watched(EventType::Bookmark, json) => (Told::Bookmark, json),
            Said::Watched(EventType::Error, json) => (Told::Closed, json),
            Said::Closed => (Told::Closed, &[][..]),
        };
        let (out, n_stamps, refused) = match kinds::hear(catalog, lane, told, json) {
            Meaning::News { news, n_stamps, refused_stamps } => {
                let refused = refused_stamps
                    .into_iter()
                    .map(|it| {
                        let problem = format!("{}: {}: {}", it.object, it.key, it.problem);
                        Refused::Stamp(it.flaw, problem)
                    })
                    .collect();
                (Some(Arrived { lane, part, news: *news, at }), n_stamps, refused)
            }
            Meaning::Nothing => (None, 0, Vec::new()),
            Meaning::Refused(why) => (None, 0, vec![Refused::Object(why)]),
        };
        let told = out.as_ref().and_then(|arrived| arrived.news.version());
        let version = told.unwrap_or_else(|| kinds::list_version(json));
        Heard { out, version, n_stamps, refused }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POD: &[u8] = include_bytes!("../../tests/objects/pod.json");
    const EVENT: &[u8] = include_bytes!("../../tests/objects/event.json");
    const BOOKMARK: &[u8] = br#"{"kind":"Pod","metadata":{"resourceVersion":"99"}}"#;

    fn for_core(lane: Lane) -> ForCore {
        ForCore { catalog: Arc::default(), lane, part: 0 }
    }

    #[test]
    fn trace_contexts_are_counted_and_malformed_ones_by_what_is_wrong() {
        let stamped = |value: &str| {
            let pod = str::from_utf8(POD).unwrap();
            let annotation =
                format!("\"metadata\":{{\"annotations\":{{\"traceparent\":{value:?}}},");
            let pod = pod.replacen("\"metadata\":{", &annotation, 1);
            for_core(Lane::Pods).hear(Said::Listed(pod.as_bytes()), UnixNanos(1))
        };
        let heard = stamped("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        assert_eq!((heard.n_stamps, heard.refused), (1, Vec::new()));
        let heard = stamped("x");
        assert!(heard.out.is_some() && heard.n_stamps == 0);
        assert!(matches!(heard.refused.as_slice(), [Refused::Stamp(Flaw::Traceparent, _)]));
    }

    #[test]
    fn what_is_counted_is_counted_by_kind_of_custom_resources_too() {
        let kind = |resource: &str| {
            let lane = Catalog::default().lane_of(resource).unwrap();
            for_core(lane).kind().map(|kind| kind.name().to_owned())
        };
        assert_eq!(kind("pods").as_deref(), Some("Pod"));
        assert_eq!(kind("pipelineruns.tekton.dev").as_deref(), Some("PipelineRun"));
        assert_eq!(kind("events"), None);
    }

    #[test]
    fn every_event_tells_how_far_the_watch_is_even_if_it_is_of_no_use() {
        let version =
            |lane, kind, json| for_core(lane).hear(Said::Watched(kind, json), UnixNanos(1)).version;
        assert_eq!(version(Lane::Pods, EventType::Bookmark, BOOKMARK), 99);
        let bad = br#"{"metadata":{"resourceVersion":"98","uid":""}}"#;
        assert_eq!(version(Lane::Pods, EventType::Modified, bad), 98);
        assert_eq!(version(Lane::Events, EventType::Deleted, bad), 98);
        assert!(version(Lane::Pods, EventType::Added, POD) > 0);
        assert!(version(Lane::Events, EventType::Added, EVENT) > 0);
    }

    #[test]
    fn a_refused_object_is_told_and_nothing_is_handed_on() {
        let heard = for_core(Lane::Pods).hear(Said::Listed(b"{}"), UnixNanos(1));
        assert!(heard.out.is_none());
        assert!(matches!(heard.refused.as_slice(), [Refused::Object(_)]), "{heard:?}");
    }

    #[test]
    fn arrival_is_that_of_the_bytes() {
        let heard = for_core(Lane::Pods).hear(Said::Watched(EventType::Added, POD), UnixNanos(7));
        assert_eq!(heard.out.unwrap().at, UnixNanos(7));
    }
}
