//! What a list or watch says, and what of it is news for the core.

use super::protobuf::{message, peek};
use super::{Catalog, Decoded, SnapshotError, note, resource_version, snapshot};
use crate::context::Flaw;
use crate::facts::change::{Change, News};
use crate::facts::kind::Lane;

/// What a list or watch says. Objects are JSON, or Kubernetes' protobuf in its envelope, that was not
/// looked into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// A list contains this object; items of lists do not name their kind.
    Listed(&'a [u8]),
    /// The list is complete, at this resourceVersion.
    ListDone(&'a str),
    /// This object exists, and is new to the watch.
    Added(&'a [u8]),
    /// It changed.
    Modified(&'a [u8]),
    /// It is gone; the object is its last version.
    Deleted(&'a [u8]),
    /// It is there, but no longer matches the selector; the object is its last version.
    Unmatched(&'a [u8]),
    /// Nothing; the object tells how far the watch is.
    Bookmark(&'a [u8]),
    /// The watch cannot go on; the object is a `Status`.
    Error(&'a [u8]),
    /// An event of a type that watches do not have today; the object is what it tells of.
    Unknown(&'a [u8]),
    /// The list or watch broke off.
    Closed,
}

impl<'a> Said<'a> {
    /// The type as watches and recordings write it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Listed(_) => "LIST",
            Self::ListDone(_) => "LIST_DONE",
            Self::Added(_) => "ADDED",
            Self::Modified(_) => "MODIFIED",
            Self::Deleted(_) => "DELETED",
            Self::Unmatched(_) => "UNMATCHED",
            Self::Bookmark(_) => "BOOKMARK",
            Self::Error(_) => "ERROR",
            Self::Unknown(_) => "UNKNOWN",
            Self::Closed => "CLOSED",
        }
    }

    /// What an event of a watch says.
    #[must_use]
    pub fn watched(name: &str, object: &'a [u8]) -> Self {
        Self::of_type(name, object).unwrap_or(Self::Unknown(object))
    }

    fn of_type(name: &str, object: &'a [u8]) -> Option<Self> {
        let said = [Self::Added, Self::Modified, Self::Deleted, Self::Bookmark, Self::Error];
        said.into_iter().map(|of| of(object)).find(|said| said.name() == name)
    }

    /// What a line of a recording says; `None` for a type that recordings do not have.
    #[must_use]
    pub fn recorded(name: &str, object: &'a [u8]) -> Option<Self> {
        match name {
            "LIST" => Some(Self::Listed(object)),
            "LIST_DONE" => Some(Self::ListDone(version_of(object))),
            "CLOSED" => Some(Self::Closed),
            "UNMATCHED" => Some(Self::Unmatched(object)),
            other => Self::of_type(other, object),
        }
    }

    /// Whether it tells of an object, not only of the state of a list or watch.
    #[must_use]
    pub const fn is_of_object(self) -> bool {
        match self {
            Self::Listed(_)
            | Self::Added(_)
            | Self::Modified(_)
            | Self::Deleted(_)
            | Self::Unmatched(_) => true,
            Self::ListDone(_)
            | Self::Bookmark(_)
            | Self::Error(_)
            | Self::Unknown(_)
            | Self::Closed => false,
        }
    }

    /// The resourceVersion that it brings a watch to; what a list contains brings it nowhere.
    #[must_use]
    pub fn version(self) -> Option<u64> {
        match self {
            Self::Added(json)
            | Self::Modified(json)
            | Self::Deleted(json)
            | Self::Unmatched(json)
            | Self::Unknown(json)
            | Self::Bookmark(json) => resource_version(json),
            Self::Listed(_) | Self::ListDone(_) | Self::Error(_) | Self::Closed => None,
        }
    }
}

/// What became of something that was said.
#[derive(Debug, PartialEq, Eq)]
pub struct Heard<T> {
    /// What is handed on of it.
    pub out: Option<T>,
    /// The resourceVersion that it brings a watch to, where it tells one.
    pub version: Option<u64>,
    /// How many trace contexts were read on it.
    pub n_stamps: usize,
    /// What could not be used of it.
    pub refused: Vec<Refused>,
}

impl Heard<News> {
    fn news(news: News) -> Self {
        let version = news.version();
        Self { out: Some(news), version, n_stamps: 0, refused: Vec::new() }
    }

    fn nothing(said: Said<'_>) -> Self {
        Self { out: None, version: said.version(), n_stamps: 0, refused: Vec::new() }
    }

    fn refused(said: Said<'_>, why: &SnapshotError) -> Self {
        Self { refused: vec![Refused::Object(why.to_string())], ..Self::nothing(said) }
    }
}

impl<T> Heard<T> {
    /// An event of an unknown type says how far the watch is, and nothing else that could be used.
    pub fn unknown(said: Said<'_>) -> Self {
        let why = "the watch says what is none of ADDED, MODIFIED, DELETED, BOOKMARK and ERROR";
        let refused = vec![Refused::Object(why.to_owned())];
        Self { out: None, version: said.version(), n_stamps: 0, refused }
    }

    /// The same, handed on in another form.
    pub fn map<U>(self, form: impl FnOnce(T) -> U) -> Heard<U> {
        let Self { out, version, n_stamps, refused } = self;
        Heard { out: out.map(form), version, n_stamps, refused }
    }
}

/// What could not be used, as a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// An object that cannot be tracked: which, and what is wrong.
    Object(String),
    /// A trace context on an object, and what sort of thing is wrong with it.
    Stamp(Flaw, String),
}

/// What it means to the core that `lane` said this. The backlog of Events means nothing.
#[must_use]
pub fn news(catalog: &Catalog, lane: Lane, said: Said<'_>) -> Heard<News> {
    let (json, form): (_, fn(_) -> News) = match said {
        Said::ListDone(version) => {
            return Heard::news(News::ListDone(number(version)));
        }
        Said::Closed | Said::Error(_) => return Heard::news(News::Closed),
        Said::Bookmark(_) => return Heard::news(News::Bookmark(said.version())),
        Said::Unknown(_) => return Heard::unknown(said),
        Said::Listed(_) | Said::Deleted(_) | Said::Unmatched(_) if lane == Lane::Events => {
            return Heard::nothing(said);
        }
        Said::Added(json) | Said::Modified(json) if lane == Lane::Events => {
            return match note(catalog, json) {
                Ok(Some(note)) => Heard::news(News::Watched(Change::Noted(Box::new(note)))),
                Ok(None) => Heard::nothing(said),
                Err(error) => Heard::refused(said, &error),
            };
        }
        Said::Listed(json) => (json, News::Listed),
        Said::Added(json) | Said::Modified(json) => (json, |it| News::Watched(Change::Seen(it))),
        Said::Deleted(json) => (json, |it| News::Watched(Change::Deleted(it))),
        Said::Unmatched(json) => (json, |it| News::Watched(Change::Unmatched(it))),
    };
    match snapshot(catalog, lane, json) {
        Ok(Decoded { snapshot, n_stamps, refused_stamps }) => {
            let refused = refused_stamps.into_iter().map(|it| {
                Refused::Stamp(it.flaw, format!("{}: {}: {}", it.object, it.key, it.problem))
            });
            Heard { n_stamps, refused: refused.collect(), ..Heard::news(form(snapshot)) }
        }
        Err(error) => Heard::refused(said, &error),
    }
}

/// The resourceVersion in the metadata of an object or list, as it stands there; empty where it does
/// not say one.
#[must_use]
pub(super) fn version_of(json: &[u8]) -> &str {
    #[derive(Default, serde::Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Object<'a> {
        #[serde(borrow)]
        metadata: Metadata<'a>,
    }
    #[derive(Default, serde::Deserialize)]
    #[serde(default, rename_all = "camelCase")]
    struct Metadata<'a> {
        resource_version: &'a str,
    }
    message!(<'a> Object<'a> { 1 metadata });
    message!(<'a> Metadata<'a> { 6 resource_version });
    // Of a whole object nothing else is looked at.
    peek::<Object<'_>>(json).unwrap_or_default().metadata.resource_version
}

/// The number that a resourceVersion is (KEP-5504); zero is none.
pub(super) fn number(version: &str) -> Option<u64> {
    version.parse().ok().filter(|number| *number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(lane: Lane, said: Said<'_>) -> Heard<News> {
        news(&Catalog::default(), lane, said)
    }

    #[test]
    fn the_end_of_a_list_and_of_a_watch_are_news_of_every_lane() {
        for lane in Lane::ALL {
            let done = br#"{"metadata":{"resourceVersion":"7"}}"#;
            for (json, version) in [(&done[..], Some(7)), (b"null", None)] {
                let said = Said::recorded("LIST_DONE", json).unwrap();
                assert_eq!(heard(lane, said).out, Some(News::ListDone(version)));
            }
            for said in [Said::Closed, Said::Error(b"{}")] {
                assert_eq!(heard(lane, said).out, Some(News::Closed));
            }
        }
    }

    #[test]
    fn the_backlog_and_the_expiry_of_events_are_no_news() {
        for said in [Said::Listed(b"{}"), Said::Deleted(b"{}")] {
            assert_eq!(heard(Lane::Events, said), Heard::nothing(said));
        }
    }

    #[test]
    fn a_bookmark_says_that_the_watch_goes_on() {
        let bookmark = Said::Bookmark(br#"{"metadata":{"resourceVersion":"7"}}"#);
        let heard = heard(Lane::Pods, bookmark);
        assert_eq!((heard.out, heard.version), (Some(News::Bookmark(Some(7))), Some(7)));
    }

    #[test]
    fn an_object_that_is_none_is_refused() {
        for lane in [Lane::Pods, Lane::Events] {
            let heard = heard(lane, Said::Modified(b"null"));
            assert!(matches!(heard.refused.as_slice(), [Refused::Object(_)]), "{heard:?}");
            assert_eq!(heard.out, None);
        }
    }

    #[test]
    fn every_type_is_read_as_it_is_written_and_watches_have_no_lists() {
        let json = br#"{"metadata":{"resourceVersion":"7"}}"#;
        let watched = [Said::Added, Said::Modified, Said::Deleted, Said::Bookmark, Said::Error]
            .map(|of| of(json));
        let of_recordings =
            [Said::Listed(json), Said::ListDone("7"), Said::Closed, Said::Unmatched(json)];
        for said in watched {
            assert_eq!(Said::watched(said.name(), json), said);
            assert_eq!(Said::recorded(said.name(), json), Some(said));
        }
        for said in of_recordings {
            assert_eq!(Said::watched(said.name(), json), Said::Unknown(json));
            assert_eq!(Said::recorded(said.name(), json), Some(said));
        }
    }

    #[test]
    fn an_event_of_an_unknown_type_is_refused_and_the_watch_goes_on_behind_it() {
        let of_tomorrow = Said::watched("TOMORROW", br#"{"metadata":{"resourceVersion":"98"}}"#);
        for lane in [Lane::Pods, Lane::Events] {
            let heard = heard(lane, of_tomorrow);
            assert_eq!((&heard.out, heard.version), (&None, Some(98)));
            let [Refused::Object(why)] = &*heard.refused else { panic!("{heard:?}") };
            assert!(why.contains("BOOKMARK"), "{why}");
        }
        assert_eq!(Said::recorded("UNKNOWN", b"{}"), None);
    }

    #[test]
    fn every_event_tells_how_far_the_watch_is_even_if_it_is_of_no_use() {
        let pod: &[u8] = include_bytes!("../../tests/objects/pod.json");
        let told = heard(Lane::Pods, Said::Added(pod)).version;
        assert!(told.is_some() && told == Said::Added(pod).version());
        let bad = br#"{"metadata":{"resourceVersion":"98","uid":""}}"#;
        for said in [Said::Modified(bad), Said::Deleted(bad), Said::Bookmark(bad)] {
            assert_eq!(heard(Lane::Pods, said).version, Some(98), "{said:?}");
        }
        assert_eq!(Said::Closed.version(), None);
    }
}
