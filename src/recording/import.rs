//! What people have beside recordings, as news for the core: output of kubectl, logs of the
//! Collector's k8s_objects receiver, audit logs.
//!
//! Each format is a reader of its own that knows what stands in it, in what order that was written
//! and when; from here on nothing tells them apart. Pure.

mod audit;
mod blank;
mod documents;
mod effect;
mod format;
mod gather;
mod kubectl;
mod objects;
mod otlp_json;
mod window;

pub use format::Format;
pub(super) use gather::{Gather, Reader};
pub(super) use kubectl::Kubectl;

use std::collections::BTreeSet;

use crate::facts::change::{Change, News};
use crate::facts::instant::Clock;
use crate::facts::kind::Lane;
use crate::kinds::Heard;

pub(super) use audit::Audit;
pub(super) use objects::Objects;

/// Where something stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::recording) struct Place {
    /// Which of the files.
    pub(in crate::recording) file: usize,
    /// The line, or of kubectl's output the document, from 1.
    pub(in crate::recording) number: u64,
}

/// What has to be told before the first word on a lane: that there is nothing to be listed, so that
/// what is created from here on counts as created.
#[derive(Debug, Default)]
pub(in crate::recording) struct Opened {
    lanes: BTreeSet<Lane>,
}

impl Opened {
    /// `lane` is about to tell of `version`, and of none before it; the built-in kinds that have lives
    /// begin together.
    pub(in crate::recording) fn open(
        &mut self,
        lane: Lane,
        version: u64,
        at: Clock,
        place: Place,
    ) -> Vec<Told> {
        if self.lanes.contains(&lane) {
            return Vec::new();
        }
        let others = Lane::ALL.into_iter().filter(|it| it.has_lives() && lane.has_lives());
        let news = News::ListDone(version.checked_sub(1));
        let new: Vec<_> = others.chain([lane]).filter(|lane| self.lanes.insert(*lane)).collect();
        let told = new.into_iter().map(|lane| {
            let out = Some(news.clone());
            Told {
                at,
                place,
                what: Ok((lane, Heard { out, version: None, n_stamps: 0, refused: vec![] })),
            }
        });
        told.collect()
    }
}

/// The news of a version that is written, where that is the first one of an object that was there
/// before.
fn found(news: News) -> News {
    if let News::Watched(Change::Seen(it)) = news { News::Found(it) } else { news }
}

/// What is wrong with the JSON of one line, and where in it.
fn fault(error: &serde_json::Error) -> String {
    error.to_string().replace(" at line 1 column ", " at column ")
}

/// What is told of one object.
#[derive(Debug)]
pub(in crate::recording) struct Told {
    /// When, and how sure that is.
    pub(in crate::recording) at: Clock,
    /// Where it stands.
    pub(in crate::recording) place: Place,
    /// What; `Err` names a kind that is not watched.
    pub(in crate::recording) what: Result<(Lane, Heard<News>), String>,
}
