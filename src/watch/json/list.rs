//! Cuts a list into its items while its bytes arrive; pure.
//!
//! Of the list only the item that is being read is held, so memory is bounded by the largest item
//! however long the list is. What is inside an item is not looked at but for its end: whoever
//! decodes it judges it.

use serde::Deserialize;

use crate::kinds::Container;
use crate::kinds::protobuf::message;

/// No item is larger: etcd holds none of over 1.5 MiB, and aggregated servers a few.
pub const MAX_ITEM: usize = 16 << 20;

/// What is not an item is passed over beyond this; the metadata of a list is some hundred bytes.
pub(crate) const MAX_ASIDE: usize = 64 << 10;

/// Where the list stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListMeta {
    /// The resourceVersion of the whole list.
    pub version: String,
    /// How to ask for the next page, if this is not the last one.
    pub next: Option<String>,
}

/// The metadata of a list, as it stands there in either encoding.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct Metadata {
    resource_version: String,
    r#continue: String,
}

message!(<'a> Metadata { 2 resource_version, 3 r#continue });

impl Metadata {
    /// What it says; `None` where that is no resourceVersion.
    pub(crate) fn said(self) -> Option<ListMeta> {
        let next = Some(self.r#continue).filter(|next| !next.is_empty());
        let version = self.resource_version;
        (!version.is_empty()).then_some(ListMeta { version, next })
    }
}

/// It is not the list of an API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAList {
    /// What stands there is not JSON of the shape of a list.
    #[error("the answer is not a list: {0} at byte {1}")]
    Malformed(&'static str, usize),
    /// An item is larger than [`MAX_ITEM`].
    #[error("an item of the list is larger than {MAX_ITEM} bytes, at byte {0}")]
    TooLarge(usize),
    /// The answer ended early.
    #[error("the list breaks off after {0} bytes")]
    Cut(usize),
    /// Its metadata has no resourceVersion, so nothing can be watched from there.
    #[error("the list does not tell its resourceVersion")]
    NoVersion,
}

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum At {
    #[default]
    Before,
    /// In the list, before a key or its end.
    Key,
    InKey,
    Colon,
    /// Before the value of the key.
    Value,
    /// In a value that is held aside, not an item.
    InValue,
    /// Among the items, between two of them.
    Items,
    InItem,
    /// After a value: a comma or the end.
    AfterValue,
    End,
}

/// What is being read, by its first byte.
#[derive(Clone, Copy, Debug, Default)]
enum Value {
    Container(Container),
    /// Whether the quote that begins it has been read, and whether its next byte is escaped.
    String(bool, bool),
    /// A number, or a word.
    #[default]
    Word,
}

impl Value {
    fn begun_by(byte: u8) -> Self {
        match byte {
            b'{' | b'[' => Self::Container(Container::default()),
            b'"' => Self::String(false, false),
            _ => Self::Word,
        }
    }

    /// How many of `bytes` are of it, if it ends in them.
    fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        match self {
            Self::Container(container) => container.end(bytes),
            Self::String(is_begun, is_escaped) => {
                let ends = |byte: &u8| match byte {
                    _ if std::mem::take(is_escaped) => false,
                    b'\\' => {
                        *is_escaped = true;
                        false
                    }
                    b'"' => std::mem::replace(is_begun, true),
                    _ => false,
                };
                bytes.iter().position(ends).map(|at| at + 1)
            }
            // What follows it ends it, and is not of it.
            Self::Word => bytes.iter().position(|byte| b",}]\" \n\t\r".contains(byte)),
        }
    }
}

/// Reads one page.
#[derive(Debug, Default)]
pub struct Items {
    at: At,
    /// The item, key or value that is being read.
    held: Vec<u8>,
    key: Vec<u8>,
    value: Value,
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
        while let Some((&byte, after)) = rest.split_first() {
            if matches!(self.at, At::InItem | At::InValue) {
                let end = self.value.end(rest);
                let (piece, after) = rest.split_at(end.unwrap_or(rest.len()));
                self.value_goes_on(piece, end.is_some(), &mut take)?;
                self.n_read += piece.len();
                rest = after;
                continue;
            }
            self.between(byte)?;
            // The byte that begins a value is its first, that after a number is not of it.
            if !matches!(self.at, At::InItem | At::InValue) {
                self.n_read += 1;
                rest = after;
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
        if self.at != At::End {
            return Err(NotAList::Cut(self.n_read));
        }
        self.meta.ok_or(NotAList::NoVersion)
    }

    fn between(&mut self, byte: u8) -> Result<(), NotAList> {
        let wrong = |wanted| Err(NotAList::Malformed(wanted, self.n_read));
        if self.at != At::InKey && byte.is_ascii_whitespace() {
            return Ok(());
        }
        self.at = match (self.at, byte) {
            (At::Before, b'{') | (At::AfterValue, b',') => At::Key,
            (At::Key, b'"') => {
                self.held.clear();
                At::InKey
            }
            (At::Key | At::AfterValue, b'}') => At::End,
            (At::InKey, b'"') => {
                std::mem::swap(&mut self.key, &mut self.held);
                At::Colon
            }
            (At::InKey, _) if self.held.len() < MAX_ASIDE => {
                self.held.push(byte);
                At::InKey
            }
            (At::Colon, b':') => At::Value,
            (At::Value, b'[') if self.key == b"items" => At::Items,
            (At::Value, _) => self.begin(At::InValue, byte),
            (At::Items, b'{') => self.begin(At::InItem, byte),
            (At::Items, b',') => At::Items,
            (At::Items, b']') => At::AfterValue,
            (At::Before, _) => return wrong("an object is expected"),
            (At::Key | At::InKey, _) => return wrong("a key is expected"),
            (At::Colon, _) => return wrong("a colon is expected"),
            (At::Items, _) => return wrong("an item or the end of the items is expected"),
            (At::AfterValue, _) => return wrong("a comma or the end is expected"),
            (At::End | At::InValue | At::InItem, _) => return wrong("the end is expected"),
        };
        Ok(())
    }

    fn begin(&mut self, at: At, byte: u8) -> At {
        self.held.clear();
        self.value = Value::begun_by(byte);
        at
    }

    /// A piece of an item, or of what is held aside, and whether it is the last.
    fn value_goes_on(
        &mut self,
        piece: &[u8],
        is_ended: bool,
        take: &mut impl FnMut(&[u8]),
    ) -> Result<(), NotAList> {
        let is_item = self.at == At::InItem;
        let limit = if is_item { MAX_ITEM } else { MAX_ASIDE };
        let room = limit.saturating_sub(self.held.len());
        if is_item && piece.len() > room {
            return Err(NotAList::TooLarge(self.n_read));
        }
        // Most items arrive in one piece.
        if is_item && is_ended && self.held.is_empty() {
            take(piece);
            self.at = At::Items;
            return Ok(());
        }
        self.held.extend_from_slice(piece.get(..room).unwrap_or(piece));
        if is_ended {
            self.end_value(take);
        }
        Ok(())
    }

    fn end_value(&mut self, take: &mut impl FnMut(&[u8])) {
        if self.at == At::InItem {
            take(&self.held);
            self.at = At::Items;
            return;
        }
        self.at = At::AfterValue;
        if self.key == b"metadata" {
            let read: Metadata = serde_json::from_slice(&self.held).unwrap_or_default();
            self.meta = read.said();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PAGE: &str = r#"{"kind":"PodList","apiVersion":"v1","metadata":{"resourceVersion":"42","continue":"abc","remainingItemCount":7},
        "items":[{"a":"}\"],{"},{"b":[{"c":1},[]]} , {}],"more":-1.5e3,"null":null}"#;

    fn read(pieces: &[&[u8]]) -> Result<(Vec<String>, ListMeta), NotAList> {
        let mut items = Vec::new();
        let mut page = Items::new();
        for piece in pieces {
            page.read(piece, |item| items.push(String::from_utf8_lossy(item).into_owned()))?;
        }
        page.end().map(|meta| (items, meta))
    }

    #[test]
    fn a_page_is_cut_into_its_items_wherever_its_bytes_are_cut() {
        let items = [r#"{"a":"}\"],{"}"#, r#"{"b":[{"c":1},[]]}"#, "{}"].map(str::to_owned);
        let whole =
            (items.to_vec(), ListMeta { version: "42".to_owned(), next: Some("abc".to_owned()) });
        assert_eq!(read(&[PAGE.as_bytes()]), Ok(whole.clone()));
        for at in 0..PAGE.len() {
            let (head, tail) = PAGE.as_bytes().split_at(at);
            assert_eq!(read(&[head, tail]), Ok(whole.clone()), "cut at {at}");
            assert_eq!(read(&[head]), Err(NotAList::Cut(at)), "ended at {at}");
        }
        let bytes: Vec<&[u8]> = PAGE.as_bytes().chunks(1).collect();
        assert_eq!(read(&bytes), Ok(whole));
    }

    #[test]
    fn a_list_of_nothing_is_a_list() {
        for items in ["[]", "null"] {
            let page = format!(r#"{{"metadata":{{"resourceVersion":"1"}},"items":{items}}}"#);
            let meta = ListMeta { version: "1".to_owned(), next: None };
            assert_eq!(read(&[page.as_bytes()]), Ok((Vec::new(), meta)), "{items}");
        }
    }

    #[test]
    fn what_is_no_list_is_told_by_its_place() {
        let told = |text: &str| read(&[text.as_bytes()]).unwrap_err().to_string();
        assert_eq!(told("<html>"), "the answer is not a list: an object is expected at byte 0");
        assert_eq!(
            told(r#"{"items":[3]}"#),
            "the answer is not a list: an item or the end of the items is expected at byte 10"
        );
        assert_eq!(
            told(r#"{"a":1 "b":2}"#),
            "the answer is not a list: a comma or the end is expected at byte 7"
        );
        assert_eq!(told(r#"{"items":[]}"#), "the list does not tell its resourceVersion");
        assert_eq!(told(r#"{"items":[{}"#), "the list breaks off after 12 bytes");
        assert_eq!(told("{}{}"), "the answer is not a list: the end is expected at byte 2");
    }

    #[test]
    fn an_item_without_end_is_refused_before_it_fills_the_memory() {
        let mut page = Items::new();
        page.read(br#"{"items":[{"#, |_| {}).unwrap();
        let chunk = vec![b'x'; 1 << 20];
        let refused = (0..64).find_map(|_| page.read(&chunk, |_| {}).err());
        assert!(matches!(refused, Some(NotAList::TooLarge(_))), "{refused:?}");
        let mut page = Items::new();
        page.read(br#"{"other":""#, |_| {}).unwrap();
        (0..64).for_each(|_| page.read(&chunk, |_| {}).unwrap());
        assert!(page.held.capacity() <= 2 * MAX_ASIDE, "{}", page.held.capacity());
    }

    proptest! {
        #[test]
        fn any_list_of_objects_comes_out_as_it_went_in(
            items in prop::collection::vec(prop::collection::btree_map("\\PC{0,6}", "\\PC{0,12}", 0..4), 0..6),
            chunk in 1_usize..40,
        ) {
            let items: Vec<_> = items.iter().map(|it| serde_json::to_string(it).unwrap()).collect();
            let page = format!(r#"{{"items":[{}],"metadata":{{"resourceVersion":"9"}}}}"#, items.join(","));
            let pieces: Vec<_> = page.as_bytes().chunks(chunk).collect();
            prop_assert_eq!(read(&pieces).unwrap().0, items);
        }

        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in r#"[{}\[\],:"a0 \\]{0,80}"#) {
            drop(read(&[&bytes]));
            drop(read(&[text.as_bytes()]));
        }
    }
}
