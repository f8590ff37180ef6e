//! What a list or watch says of an object, as news for the core.

use super::Catalog;
use super::{Decoded, RefusedStamp, list_version, note, snapshot};
use crate::facts::change::Change;
use crate::facts::change::News;
use crate::facts::kind::Lane;

/// What is said about an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// A list contains it.
    Listed,
    /// A list is complete; the object is the list's own, for its resourceVersion.
    ListDone,
    /// A watch told of this version.
    Seen,
    /// A watch told of its end.
    Deleted,
    /// A watch tells only how far it is.
    Bookmark,
    /// The list or watch broke off.
    Closed,
}

/// What that means to the core.
#[derive(Debug, PartialEq, Eq)]
pub enum Meaning {
    /// This is said to it.
    News {
        /// What.
        news: Box<News>,
        /// How many trace contexts were read on the object.
        n_stamps: usize,
        /// Trace contexts on the object that could not be read.
        refused_stamps: Vec<RefusedStamp>,
    },
    /// Nothing: bookmarks, and the backlog of Events.
    Nothing,
    /// An object that cannot be tracked: which, and what is wrong.
    Refused(String),
}

/// What it means that `lane` said `told` about the object in `json`.
#[must_use]
pub fn hear(catalog: &Catalog, lane: Lane, told: Told, json: &[u8]) -> Meaning {
    match (told, lane) {
        (Told::Bookmark, _) | (Told::Listed | Told::Deleted, Lane::Events) => Meaning::Nothing,
        (Told::ListDone, _) => news(News::ListDone(list_version(json))),
        (Told::Closed, _) => news(News::Closed),
        (Told::Seen, Lane::Events) => match note(catalog, json) {
            Ok(Some(note)) => news(News::Watched(Change::Noted(Box::new(note)))),
            Ok(None) => Meaning::Nothing,
            Err(error) => Meaning::Refused(error.to_string()),
        },
        (Told::Listed | Told::Seen | Told::Deleted, _) => match snapshot(catalog, lane, json) {
            Ok(Decoded { snapshot, n_stamps, refused_stamps }) => {
                let news = match told {
                    Told::Listed => News::Listed(snapshot),
                    Told::Deleted => News::Watched(Change::Deleted(snapshot)),
                    Told::Seen | Told::ListDone | Told::Bookmark | Told::Closed => {
                        News::Watched(Change::Seen(snapshot))
                    }
                };
                Meaning::News { news: Box::new(news), n_stamps, refused_stamps }
            }
            Err(error) => Meaning::Refused(error.to_string()),
        },
    }
}

fn news(news: News) -> Meaning {
    Meaning::News { news: Box::new(news), n_stamps: 0, refused_stamps: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(lane: Lane, told: Told, json: &[u8]) -> Meaning {
        super::hear(&Catalog::default(), lane, told, json)
    }

    #[test]
    fn the_end_of_a_list_and_of_a_watch_are_news_of_every_lane() {
        for lane in Lane::ALL {
            let done = br#"{"metadata":{"resourceVersion":"7"}}"#;
            assert_eq!(hear(lane, Told::ListDone, done), news(News::ListDone(7)));
            assert_eq!(hear(lane, Told::ListDone, b"null"), news(News::ListDone(0)));
            assert_eq!(hear(lane, Told::Closed, b"null"), news(News::Closed));
        }
    }

    #[test]
    fn the_backlog_and_the_expiry_of_events_are_no_news() {
        assert_eq!(hear(Lane::Events, Told::Listed, b"{}"), Meaning::Nothing);
        assert_eq!(hear(Lane::Events, Told::Deleted, b"{}"), Meaning::Nothing);
        assert_eq!(hear(Lane::Pods, Told::Bookmark, b"{}"), Meaning::Nothing);
    }

    #[test]
    fn an_object_that_is_none_is_refused() {
        assert!(matches!(hear(Lane::Pods, Told::Seen, b"null"), Meaning::Refused(_)));
        assert!(matches!(hear(Lane::Events, Told::Seen, b"null"), Meaning::Refused(_)));
    }
}
