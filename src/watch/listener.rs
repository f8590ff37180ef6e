//! Who listens to a watch: what becomes of the bytes of an object when they have arrived; pure.

use std::sync::Arc;

use crate::facts::change::News;
use crate::facts::kind::{Kind, Lane, Part};
use crate::facts::time::UnixNanos;
use crate::kinds::{Catalog, Heard, Said, news};

/// Listens to one lane.
pub trait Listener {
    /// What is handed on.
    type Out: Send + 'static;

    /// The kind of the objects, where that is known and its trace contexts are read.
    fn kind(&self) -> Option<Kind>;

    /// What becomes of what was said at `at`.
    fn listen(&mut self, said: Said<'_>, at: UnixNanos) -> Heard<Self::Out>;
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

    fn listen(&mut self, said: Said<'_>, at: UnixNanos) -> Heard<Arrived> {
        let Self { ref catalog, lane, part } = *self;
        news(catalog, lane, said).map(|news| Arrived { lane, part, news, at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::Flaw;
    use crate::kinds::Refused;

    const POD: &[u8] = include_bytes!("../../tests/objects/pod.json");

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
            for_core(Lane::Pods).listen(Said::Listed(pod.as_bytes()), UnixNanos(1))
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
        let heard = for_core(Lane::Pods).listen(Said::Listed(b"{}"), UnixNanos(1));
        assert!(heard.out.is_none());
        assert!(matches!(heard.refused.as_slice(), [Refused::Object(_)]), "{heard:?}");
    }

    #[test]
    fn arrival_is_that_of_the_bytes() {
        let heard = for_core(Lane::Pods).listen(Said::Added(POD), UnixNanos(7));
        assert_eq!(heard.out.unwrap().at, UnixNanos(7));
    }
}
