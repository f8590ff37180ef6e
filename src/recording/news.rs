//! What a line of a recording means to the core.

use crate::facts::kind::Lane;
use crate::kinds::{self, Catalog, Meaning, Told};

use super::line::Line;

/// What a line means.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// The lane says this.
    Lane(Lane, Meaning),
    /// Nothing, of a resource that is not watched.
    Nothing,
    /// An object of a resource that is not watched.
    NotWatched,
}

/// What `line` means, where `catalog` tells what is watched. Its object is read only if it is.
#[must_use]
pub fn hear(catalog: &Catalog, line: &Line<'_>) -> Heard {
    if let Some(lane) = catalog.lane_of(&line.resource) {
        return Heard::Lane(lane, kinds::hear(catalog, lane, line.told, line.object.as_bytes()));
    }
    match line.told {
        Told::Listed | Told::Seen | Told::Deleted => Heard::NotWatched,
        Told::ListDone | Told::Bookmark | Told::Closed => Heard::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::change::News;

    fn heard(resource: &str, told: &str) -> Heard {
        let line =
            format!(r#"{{"at":"2026-01-01T00:00:00Z","resource":"{resource}","type":"{told}"}}"#);
        hear(&Catalog::default(), &Line::parse(line.as_bytes()).unwrap())
    }

    #[test]
    fn errors_of_a_watch_end_it_for_the_core() {
        for resource in ["replicasets.apps", "events", "events.events.k8s.io"] {
            for told in ["CLOSED", "ERROR"] {
                let Heard::Lane(_, Meaning::News { news, .. }) = heard(resource, told) else {
                    panic!("{resource} {told} is no news");
                };
                assert_eq!(*news, News::Closed);
            }
        }
    }

    #[test]
    fn only_objects_of_resources_that_are_not_watched_count_as_such() {
        assert_eq!(heard("jobs.example.com", "ADDED"), Heard::NotWatched);
        assert_eq!(heard("jobs.example.com", "LIST_DONE"), Heard::Nothing);
    }
}
