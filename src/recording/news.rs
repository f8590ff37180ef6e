//! What a line of a recording means to the core.

use crate::kinds::{self, Decoded, RefusedStamp};
use crate::lifecycle::lane::{Lane, News};
use crate::lifecycle::object::Change;

use super::line::{Line, Told};

/// What a line means.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// The lane says this.
    News {
        /// The lane.
        lane: Lane,
        /// What it says.
        news: Box<News>,
        /// Trace contexts on the object that could not be read.
        refused_stamps: Vec<RefusedStamp>,
    },
    /// Nothing: bookmarks, and the backlog of Events.
    Nothing,
    /// An object of a resource that is not watched.
    NotWatched,
    /// An object that cannot be tracked: which, and what is wrong.
    Refused(String),
}

/// What `line` means. Its object is read only if it is watched.
#[must_use]
pub fn hear(line: &Line<'_>) -> Heard {
    let Some(lane) = Lane::of(&line.resource) else {
        return match line.told {
            Told::Listed | Told::Seen | Told::Deleted => Heard::NotWatched,
            Told::ListDone | Told::Bookmark | Told::Closed => Heard::Nothing,
        };
    };
    match (line.told, lane) {
        (Told::Bookmark, _) | (Told::Listed | Told::Deleted, Lane::Events) => Heard::Nothing,
        (Told::ListDone, _) => {
            news(lane, News::ListDone(kinds::list_version(line.object.as_bytes())))
        }
        (Told::Closed, _) => news(lane, News::Closed),
        (Told::Seen, Lane::Events) => match kinds::note(line.object.as_bytes()) {
            Ok(Some(note)) => news(lane, News::Watched(Change::Noted(Box::new(note)))),
            Ok(None) => Heard::Nothing,
            Err(error) => Heard::Refused(error.to_string()),
        },
        (told, _) => match kinds::snapshot(lane, line.object.as_bytes()) {
            Ok(Decoded { snapshot, refused_stamps }) => {
                let news = match told {
                    Told::Listed => News::Listed(snapshot),
                    Told::Deleted => News::Watched(Change::Deleted(snapshot)),
                    Told::Seen | Told::ListDone | Told::Bookmark | Told::Closed => {
                        News::Watched(Change::Seen(snapshot))
                    }
                };
                Heard::News { lane, news: Box::new(news), refused_stamps }
            }
            Err(error) => Heard::Refused(error.to_string()),
        },
    }
}

fn news(lane: Lane, news: News) -> Heard {
    Heard::News { lane, news: Box::new(news), refused_stamps: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(resource: &str, told: &str) -> Heard {
        let line =
            format!(r#"{{"at":"2026-01-01T00:00:00Z","resource":"{resource}","type":"{told}"}}"#);
        hear(&Line::parse(line.as_bytes()).unwrap())
    }

    #[test]
    fn the_end_of_a_list_and_of_a_watch_are_news_of_every_lane() {
        assert_eq!(heard("pods", "LIST_DONE"), news(Lane::Pods, News::ListDone(0)));
        assert_eq!(heard("events", "LIST_DONE"), news(Lane::Events, News::ListDone(0)));
        assert_eq!(heard("pods", "CLOSED"), news(Lane::Pods, News::Closed));
        assert_eq!(heard("replicasets.apps", "ERROR"), news(Lane::ReplicaSets, News::Closed));
        assert_eq!(heard("events", "CLOSED"), news(Lane::Events, News::Closed));
    }

    #[test]
    fn the_backlog_and_the_expiry_of_events_are_no_news() {
        assert_eq!(heard("events", "LIST"), Heard::Nothing);
        assert_eq!(heard("events.events.k8s.io", "DELETED"), Heard::Nothing);
        assert_eq!(heard("pods", "BOOKMARK"), Heard::Nothing);
    }

    #[test]
    fn only_objects_of_resources_that_are_not_watched_count_as_such() {
        assert_eq!(heard("jobs.batch", "ADDED"), Heard::NotWatched);
        assert_eq!(heard("jobs.batch", "LIST_DONE"), Heard::Nothing);
    }

    #[test]
    fn an_object_that_is_none_is_refused() {
        assert!(matches!(heard("pods", "ADDED"), Heard::Refused(_)));
        assert!(matches!(heard("events", "MODIFIED"), Heard::Refused(_)));
    }
}
