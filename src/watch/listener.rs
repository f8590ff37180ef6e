//! Who listens to a watch: what becomes of the bytes of an object when they have arrived; pure.

use std::sync::Arc;

use crate::facts::change::News;
use crate::facts::instant::Clock;
use crate::facts::kind::{Kind, Lane, Part};
use crate::kinds::{Catalog, Heard, Said, Schemas, news};

/// Listens to one lane.
pub trait Listener {
    /// What is handed on.
    type Out: Send + 'static;

    /// The kind of the objects, where that is known and its trace contexts are read.
    fn kind(&self) -> Option<Kind>;

    /// What becomes of what was said at `at`.
    fn listen(&mut self, said: Said<'_>, at: Clock) -> Heard<Self::Out>;

    /// Whether it makes a difference what the schema of the kind says.
    fn asks_for_schema(&self) -> bool {
        false
    }

    /// Takes in what the schemas of the group and version say that the kind is watched in.
    fn learn(&mut self, _schemas: &Schemas) {}
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
    pub at: Clock,
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
    /// No object of it will ever say how it is, by the schema of its kind.
    is_silent: bool,
}

impl ForCore {
    /// Listens to a lane, or a part of it.
    #[must_use]
    pub const fn new(catalog: Arc<Catalog>, lane: Lane, part: Part) -> Self {
        Self { catalog, lane, part, is_silent: false }
    }
}

impl Listener for ForCore {
    type Out = Arrived;

    fn kind(&self) -> Option<Kind> {
        self.catalog.kind(self.lane)
    }

    fn listen(&mut self, said: Said<'_>, at: Clock) -> Heard<Arrived> {
        let Self { ref catalog, lane, part, is_silent } = *self;
        news(catalog, lane, said).map(|mut news| {
            if is_silent {
                news.fall_silent();
            }
            Arrived { lane, part, news, at }
        })
    }

    fn asks_for_schema(&self) -> bool {
        let custom = self.catalog.custom(self.lane);
        custom.is_some_and(|custom| custom.rules.goes_by_convention())
    }

    fn learn(&mut self, schemas: &Schemas) {
        if let Some(custom) = self.catalog.custom(self.lane) {
            self.is_silent = schemas.is_silent(&custom.group, &custom.kind) == Some(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Flaw;
    use crate::facts::change::Snapshot;
    use crate::facts::time::UnixNanos;
    use crate::facts::workload::Reporting;
    use crate::kinds::{Custom, Refused, Rules, Wait};

    const POD: &[u8] = include_bytes!("../../tests/objects/pod.json");

    fn for_core(lane: Lane) -> ForCore {
        ForCore::new(Arc::default(), lane, 0)
    }

    #[test]
    fn trace_contexts_are_counted_and_malformed_ones_by_what_is_wrong() {
        let stamped = |value: &str| {
            let pod = str::from_utf8(POD).unwrap();
            let annotation =
                format!("\"metadata\":{{\"annotations\":{{\"traceparent\":{value:?}}},");
            let pod = pod.replacen("\"metadata\":{", &annotation, 1);
            for_core(Lane::Pods).listen(Said::Listed(pod.as_bytes()), Clock::right(UnixNanos(1)))
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
    fn a_refused_object_is_told_and_nothing_is_handed_on() {
        let heard = for_core(Lane::Pods).listen(Said::Listed(b"{}"), Clock::right(UnixNanos(1)));
        assert!(heard.out.is_none());
        assert!(matches!(heard.refused.as_slice(), [Refused::Object(_)]), "{heard:?}");
    }

    #[test]
    fn what_its_schema_gives_no_word_is_silent_unless_it_is_configured() {
        let widget = |settled_when: &[&str]| {
            let mut rules = Rules::default();
            rules.settle_when(settled_when.iter().map(|it| Wait::parse(it).unwrap()).collect());
            Custom {
                group: "example.com".to_owned(),
                plural: "widgets".to_owned(),
                kind: "Widget".to_owned(),
                is_of_cluster: false,
                version: None,
                rules,
            }
        };
        let listener = |settled_when: &[&str]| {
            let catalog = Catalog::new(vec![widget(settled_when)]);
            let lane = catalog.lanes().next().unwrap();
            ForCore::new(Arc::new(catalog), lane, 0)
        };
        assert!(!listener(&["condition=Ready"]).asks_for_schema());
        let json = br#"{"kind":"Widget","metadata":{"name":"w","generation":1,
            "uid":"d306cd69-2d2c-4dc9-881f-db7d756a03e0","resourceVersion":"9"},"spec":{"a":1}}"#;
        let speech = |document: Option<&str>| {
            let mut listener = listener(&[]);
            assert!(listener.asks_for_schema());
            document.into_iter().for_each(|it| listener.learn(&Schemas::read(it.as_bytes())));
            let heard =
                listener.listen(Said::Listed(json), Clock::right(UnixNanos(1))).out.unwrap();
            let News::Listed(Snapshot::Workload(widget)) = heard.news else { panic!("a Widget") };
            widget.status.speech
        };
        let document = |status: &str| {
            format!(
                r#"{{"components":{{"schemas":{{"w":{{"properties":{{"status":{{"type":"object",
                    "properties":{{"{status}":{{"type":"string"}}}}}}}},
                    "x-kubernetes-group-version-kind":
                        [{{"group":"example.com","kind":"Widget","version":"v1"}}]}}}}}}}}"#
            )
        };
        assert_eq!(speech(None), Reporting::Mute);
        assert_eq!(speech(Some(&document("revision"))), Reporting::Silent);
        assert_eq!(speech(Some(&document("phase"))), Reporting::Mute);
        assert_eq!(speech(Some("<html>")), Reporting::Mute);
    }

    #[test]
    fn arrival_is_that_of_the_bytes() {
        let heard = for_core(Lane::Pods).listen(Said::Added(POD), Clock::right(UnixNanos(7)));
        assert_eq!(heard.out.unwrap().at, Clock::right(UnixNanos(7)));
    }
}
