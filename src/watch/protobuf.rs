//! Cuts lists and watches in Kubernetes' protobuf into their objects while the bytes arrive; pure.
//!
//! As of JSON only the object that is being read is held. Each is handed on in an envelope, as it is
//! known by that it is no JSON.

use prost::encoding::encode_varint;

use super::json::list::{ListMeta, MAX_ASIDE, MAX_ITEM, Metadata, NotAList};
use super::json::stream::TooLong;
use crate::kinds::Said;
use crate::kinds::protobuf::{Cursor, MAGIC, OBJECT_IN_ENVELOPE, Value, read};

/// How a field of that number begins whose bytes are told by their length.
const fn tag(number: u64) -> u64 {
    (number << 3) | 2
}

/// The object in an envelope.
const OBJECT: u64 = tag(OBJECT_IN_ENVELOPE);

/// The metadata in a list.
const META: u64 = tag(1);

/// An item in a list.
const ITEM: u64 = tag(2);

const LONG_FIELD: &str = "a field ends after the list that it is in";

/// No head of a field is longer: its number and its length, ten bytes each at the most.
const MAX_HEAD: usize = 20;

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    /// What begins all that is in protobuf.
    #[default]
    Magic,
    /// The number and the length of a field.
    Head,
    /// A field that is passed over, of which so many bytes are left.
    Passed(usize),
    /// An item, of which so many bytes are left.
    Item(usize),
    /// The metadata of the list.
    Meta(usize),
}

/// What the next byte is part of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Part {
    /// The envelope, before the list.
    #[default]
    Before,
    /// The list, of which so many bytes are left.
    Within(usize),
    /// The envelope, after the list.
    After,
}

/// Reads one page.
#[derive(Debug, Default)]
pub struct Items {
    at: At,
    /// What is being read; of an item with the head of its envelope.
    held: Vec<u8>,
    part: Part,
    n_read: usize,
    meta: Option<ListMeta>,
}

impl Items {
    /// A page of which nothing has been read.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads on; `take` gets each item that ends in `bytes`.
    ///
    /// # Errors
    /// Tells what is wrong with the list and where; it cannot be read any further then.
    pub fn read(&mut self, bytes: &[u8], mut take: impl FnMut(&[u8])) -> Result<(), NotAList> {
        let mut rest = bytes;
        while let Some(first) = rest.first() {
            let n = match self.at {
                At::Magic | At::Head => {
                    self.held.push(*first);
                    1
                }
                At::Passed(left) => left.min(rest.len()),
                At::Item(left) | At::Meta(left) => {
                    let n = left.min(rest.len());
                    self.held.extend_from_slice(rest.get(..n).unwrap_or_default());
                    n
                }
            };
            self.n_read += n;
            if let Part::Within(left) = self.part {
                let left = left.checked_sub(n).ok_or_else(|| self.wrong(LONG_FIELD))?;
                self.part = Part::Within(left);
            }
            rest = rest.get(n..).unwrap_or_default();
            self.goes_on(n, &mut take)?;
            if self.is_between() && self.part == Part::Within(0) {
                self.part = Part::After;
            }
        }
        Ok(())
    }

    /// The resourceVersion of the list, once it was read: servers tell it before the items.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        self.meta.as_ref().map(|meta| meta.version.as_str())
    }

    /// The page has ended.
    ///
    /// # Errors
    /// Tells that it is not whole.
    pub fn end(self) -> Result<ListMeta, NotAList> {
        let is_whole = self.is_between() && self.part == Part::After;
        if !is_whole {
            return Err(NotAList::Cut(self.n_read));
        }
        self.meta.ok_or(NotAList::NoVersion)
    }

    /// Whether a field has ended and no other has begun.
    fn is_between(&self) -> bool {
        self.at == At::Head && self.held.is_empty()
    }

    fn wrong(&self, what: &'static str) -> NotAList {
        NotAList::Malformed(what, self.n_read)
    }

    /// So many bytes more have been read.
    fn goes_on(&mut self, n: usize, take: &mut impl FnMut(&[u8])) -> Result<(), NotAList> {
        match self.at {
            At::Magic if self.held.len() < MAGIC.len() => return Ok(()),
            At::Magic if self.held == MAGIC => {}
            At::Magic => return Err(self.wrong("the head of Kubernetes' protobuf is expected")),
            At::Head => return self.head(take),
            At::Passed(left) if n < left => {
                self.at = At::Passed(left - n);
                return Ok(());
            }
            At::Item(left) if n < left => {
                self.at = At::Item(left - n);
                return Ok(());
            }
            At::Meta(left) if n < left => {
                self.at = At::Meta(left - n);
                return Ok(());
            }
            At::Passed(_) => {}
            At::Item(_) => take(&self.held),
            At::Meta(_) => {
                let read: Metadata = read(&self.held).unwrap_or_default();
                self.meta = read.said();
            }
        }
        self.held.clear();
        self.at = At::Head;
        Ok(())
    }

    /// Another byte of the head of a field.
    fn head(&mut self, take: &mut impl FnMut(&[u8])) -> Result<(), NotAList> {
        let mut head = Cursor(&self.held);
        let (Ok(tag), length) = (head.varint(), head.varint()) else { return self.long_head() };
        let length = match (tag & 7, length) {
            (0, Ok(_)) => 0,
            (2, Ok(length)) => usize::try_from(length).unwrap_or(usize::MAX),
            (1, _) => 8,
            (5, _) => 4,
            (0 | 2, Err(_)) => return self.long_head(),
            _ => return Err(self.wrong("a field is expected")),
        };
        self.held.clear();
        self.at = match (self.part, tag) {
            (Part::Before, OBJECT) => {
                self.part = Part::Within(length);
                At::Head
            }
            (Part::Within(left), _) if length > left => return Err(self.wrong(LONG_FIELD)),
            (Part::Within(_), META) if length <= MAX_ASIDE => At::Meta(length),
            (Part::Within(_), ITEM) => {
                if length > MAX_ITEM {
                    return Err(NotAList::TooLarge(self.n_read));
                }
                envelope(&mut self.held, length);
                At::Item(length)
            }
            _ => At::Passed(length),
        };
        // What is empty has no bytes that would end it.
        if length == 0 && self.at != At::Head { self.goes_on(0, take) } else { Ok(()) }
    }

    fn long_head(&self) -> Result<(), NotAList> {
        if self.held.len() < MAX_HEAD { Ok(()) } else { Err(self.wrong("a field is expected")) }
    }
}

/// The head of an envelope around an object of so many bytes.
fn envelope(out: &mut Vec<u8>, length: usize) {
    out.extend_from_slice(MAGIC);
    encode_varint(OBJECT, out);
    encode_varint(length as u64, out);
}

/// Puts the frames of a watch together from the pieces in which they arrive.
#[derive(Debug, Default)]
pub struct Frames {
    begun: Vec<u8>,
}

/// Of a frame the length of what follows, which stands in its first bytes.
const LENGTH: usize = 4;

impl Frames {
    /// Hands on each frame that ends in `bytes`.
    ///
    /// # Errors
    /// A frame is too long; it cannot be read any further then.
    pub fn read(&mut self, bytes: &[u8], mut take: impl FnMut(&[u8])) -> Result<(), TooLong> {
        let mut rest = bytes;
        loop {
            if self.begun.is_empty()
                && let Some((frame, after)) = whole(rest)?
            {
                take(frame);
                rest = after;
                continue;
            }
            if rest.is_empty() {
                return Ok(());
            }
            let wanted = length(&self.begun)?.map_or(LENGTH, |length| LENGTH + length);
            let n = wanted.saturating_sub(self.begun.len()).min(rest.len());
            let (piece, after) = rest.split_at(n);
            self.begun.extend_from_slice(piece);
            rest = after;
            if let Some((frame, _)) = whole(&self.begun)? {
                take(frame);
                self.begun.clear();
                // One huge object shall not hold its memory for ever.
                self.begun.shrink_to(64 << 10);
            }
        }
    }

    /// Whether a frame has begun that has not ended.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        !self.begun.is_empty()
    }
}

/// How long the frame is that begins here, if that is known.
fn length(bytes: &[u8]) -> Result<Option<usize>, TooLong> {
    let Some(length) = bytes.first_chunk::<LENGTH>() else { return Ok(None) };
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    if length > MAX_ITEM { Err(TooLong) } else { Ok(Some(length)) }
}

/// A frame, and what comes after it.
type Split<'a> = (&'a [u8], &'a [u8]);

/// The frame that begins here, if it ends here.
fn whole(bytes: &[u8]) -> Result<Option<Split<'_>>, TooLong> {
    let rest = bytes.get(LENGTH..).unwrap_or_default();
    Ok(length(bytes)?.and_then(|length| rest.split_at_checked(length)))
}

/// What a frame of a watch says; `None` if it is no event.
#[must_use]
pub fn event(frame: &[u8]) -> Option<Said<'_>> {
    let (mut name, mut object) = (None, None);
    let mut fields = Cursor(frame);
    while let Some(field) = fields.next().ok()? {
        match field {
            (1, Value::Bytes(bytes)) => name = str::from_utf8(bytes).ok(),
            (2, Value::Bytes(bytes)) => object = Some(bytes),
            _ => {}
        }
    }
    // The object is the one field of a message of its own.
    let (1, Value::Bytes(object)) = Cursor(object?).next().ok()?? else { return None };
    let name = name?;
    object.starts_with(MAGIC).then(|| Said::watched(name, object))
}

#[cfg(test)]
mod tests;
