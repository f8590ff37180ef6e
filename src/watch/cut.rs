//! Cuts what a server answers into objects, in the encoding that it chose; pure.

use super::json::list::{ListMeta, NotAList};
use super::json::stream::{Lines, TooLong};
use super::json::{list, stream};
use super::protobuf::{self, Frames};
use crate::kinds::Said;

/// A page of a list.
#[derive(Debug)]
pub(super) enum Page {
    Json(list::Items),
    Protobuf(protobuf::Items),
}

impl Page {
    pub(super) fn new(is_protobuf: bool) -> Self {
        if is_protobuf {
            Self::Protobuf(protobuf::Items::new())
        } else {
            Self::Json(list::Items::new())
        }
    }

    pub(super) fn read(&mut self, bytes: &[u8], take: impl FnMut(&[u8])) -> Result<(), NotAList> {
        match self {
            Self::Json(items) => items.read(bytes, take),
            Self::Protobuf(items) => items.read(bytes, take),
        }
    }

    pub(super) fn version(&self) -> Option<&str> {
        match self {
            Self::Json(items) => items.version(),
            Self::Protobuf(items) => items.version(),
        }
    }

    pub(super) fn end(self) -> Result<ListMeta, NotAList> {
        match self {
            Self::Json(items) => items.end(),
            Self::Protobuf(items) => items.end(),
        }
    }
}

/// A watch.
#[derive(Debug)]
pub(super) enum Stream {
    Json(Lines),
    Protobuf(Frames),
}

impl Stream {
    pub(super) fn new(is_protobuf: bool) -> Self {
        if is_protobuf { Self::Protobuf(Frames::default()) } else { Self::Json(Lines::default()) }
    }

    /// Hands on each event that ends in `bytes`, `None` for what is none.
    pub(super) fn read(
        &mut self,
        bytes: &[u8],
        mut take: impl FnMut(Option<Said<'_>>),
    ) -> Result<(), TooLong> {
        match self {
            Self::Json(lines) => lines.read(bytes, |line| take(stream::event(line))),
            Self::Protobuf(frames) => frames.read(bytes, |frame| take(protobuf::event(frame))),
        }
    }

    /// Whether an event has begun that has not ended.
    pub(super) fn is_cut(&self) -> bool {
        match self {
            Self::Json(lines) => lines.is_cut(),
            Self::Protobuf(frames) => frames.is_cut(),
        }
    }
}
