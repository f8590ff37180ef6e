//! What is read of a watch, event by event, in the order in which it is handed on; pure.

use serde::Deserialize;

use super::left::{Last, last};
use super::listener::Listener;
use crate::cluster::refusal::{self, Failed};
use crate::facts::instant::Clock;
use crate::kinds::protobuf::{message, peek};
use crate::kinds::{Heard, Refused, Said};

/// In the initial events of a watch, changes are put off until the list is complete; if they are
/// more than this, a plain list is the better way.
const MAX_PUT_OFF: usize = 10_000;

/// One watch.
#[derive(Debug)]
pub(super) struct Reading<T> {
    out: Vec<Piece<T>>,
    /// Changes that came before the list was complete.
    put_off: Vec<Piece<T>>,
    /// The initial events are not over.
    pub(super) is_initial: bool,
    /// Anything but bookmarks was said.
    pub(super) was_heard: bool,
    /// The newest resourceVersion.
    pub(super) version: Option<u64>,
    /// It cannot go on: why.
    pub(super) ended: Option<Failed>,
    /// Only what matches a selector is told.
    has_selector: bool,
}

/// What is handed on.
#[derive(Debug)]
pub(super) enum Piece<T> {
    /// What the listener made of something that was said.
    Said(T),
    /// The initial events are complete, at this resourceVersion.
    ListDone(u64),
    /// Under a selector: an object is gone, or only matches no longer, and when that was told.
    Left(Vec<u8>, Last, Clock),
}

impl<T> Piece<T> {
    /// What has left a selector.
    pub(super) fn left(&self) -> Option<Last> {
        if let Self::Left(_, last, _) = self { Some(last.clone()) } else { None }
    }
}

/// What is counted of the objects in a chunk.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// Items of a list, initial events among them.
    pub(super) n_items: u64,
    /// Events of a watch, bookmarks not counted.
    pub(super) n_events: u64,
    /// Trace contexts that were read.
    pub(super) n_stamps: usize,
    /// What could not be used.
    pub(super) refused: Vec<Refused>,
}

impl Tally {
    /// Counts what was read on an object.
    pub(super) fn add(&mut self, n_stamps: usize, refused: Vec<Refused>) {
        self.n_stamps += n_stamps;
        self.refused.extend(refused);
    }
}

impl<T: Send + 'static> Reading<T> {
    /// A watch that has said nothing yet, and begins with all objects there are or does not.
    pub(super) fn new(is_initial: bool, has_selector: bool) -> Self {
        Self {
            out: Vec::new(),
            put_off: Vec::new(),
            is_initial,
            was_heard: false,
            version: None,
            ended: None,
            has_selector,
        }
    }

    /// Reads an event, `None` for what is none. In the initial events an object that is added is an item
    /// of the list.
    pub(super) fn event<L: Listener<Out = T>>(
        &mut self,
        said: Option<Said<'_>>,
        listener: &mut L,
        at: Clock,
        tally: &mut Tally,
    ) {
        if self.ended.is_some() {
            return;
        }
        let said = match said {
            Some(Said::Error(object)) => return self.ended = Some(refusal::error(object)),
            Some(Said::Added(object)) if self.is_initial => Said::Listed(object),
            Some(said) => said,
            None => {
                let why = "the watch says what is no event".to_owned();
                return self.ended = Some(Failed::Broken(why));
            }
        };
        if let Said::Deleted(object) = said
            && self.has_selector
            && !self.is_initial
            && let last = last(object)
            && !last.is_asked_to_go()
        {
            tally.n_events += 1;
            (self.was_heard, self.version) = (true, self.version.max(said.version()));
            return self.out.push(Piece::Left(object.to_vec(), last, at));
        }
        let Heard { out, version, n_stamps, refused } = listener.listen(said, at);
        tally.add(n_stamps, refused);
        self.version = self.version.max(version);
        self.was_heard |= !matches!(said, Said::Bookmark(_));
        let is_item = match said {
            Said::Bookmark(object) if self.is_initial && ends_initial_events(object) => {
                let Some(version) = version else {
                    let why = "the initial events end at no resourceVersion".to_owned();
                    return self.ended = Some(Failed::Broken(why));
                };
                self.is_initial = false;
                self.out.push(Piece::ListDone(version));
                return self.out.append(&mut self.put_off);
            }
            Said::Bookmark(_) => false,
            Said::Listed(_) => {
                tally.n_items += 1;
                true
            }
            Said::Added(_)
            | Said::Modified(_)
            | Said::Deleted(_)
            | Said::Unmatched(_)
            | Said::ListDone(_)
            | Said::Error(_)
            | Said::Unknown(_)
            | Said::Closed => {
                tally.n_events += 1;
                false
            }
        };
        let to = if self.is_initial && !is_item { &mut self.put_off } else { &mut self.out };
        to.extend(out.map(Piece::Said));
    }

    /// Whether the initial events ended in what was not taken yet.
    pub(super) fn has_list_ended(&self) -> bool {
        self.out.iter().any(|piece| matches!(piece, Piece::ListDone(_)))
    }

    /// Takes what is handed on now.
    pub(super) fn take(&mut self) -> Vec<Piece<T>> {
        std::mem::take(&mut self.out)
    }

    /// More waits for the end of the initial events than may.
    pub(super) fn is_too_much(&self) -> bool {
        self.put_off.len() > MAX_PUT_OFF
    }
}

/// Whether this bookmark says that all objects there are have been told (KEP-3157).
fn ends_initial_events(bookmark: &[u8]) -> bool {
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Bookmark {
        metadata: Metadata,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Metadata {
        annotations: std::collections::BTreeMap<String, String>,
    }
    message!(<'a> Bookmark { 1 metadata });
    message!(<'a> Metadata { 12 annotations });
    let bookmark: Bookmark = peek(bookmark).unwrap_or_default();
    bookmark.metadata.annotations.get("k8s.io/initial-events-end").is_some_and(|it| it == "true")
}
