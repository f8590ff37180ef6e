//! Lists and watches in protobuf come out whole however they are cut; what lies or never ends is told.

use proptest::prelude::*;

use super::*;

/// Pods as Kubernetes' own code of 1.37 writes them, Events as a server of 1.36 did.
const PODS: &[u8] = include_bytes!("../../../tests/objects/pods.pb");
const EVENTS: &[u8] = include_bytes!("../../../tests/objects/events.pb");

/// A bookmark that ends the initial events, as a server wrote it.
const BOOKMARK: &[u8] = include_bytes!("../../../tests/objects/watch.pb");

/// A watch that is refused because its version is forgotten (kubernetes/kubernetes#108071).
const EXPIRED: &[u8] =
    b"\0\0\0\x19\x0a\x05ERROR\x12\x10\x0a\x0ek8s\0\x12\x08\x22\x03Old\x30\x9a\x03";

fn page(pieces: &[&[u8]]) -> Result<(Vec<Vec<u8>>, ListMeta), NotAList> {
    let mut items = Vec::new();
    let mut page = Items::new();
    for piece in pieces {
        page.read(piece, |item| items.push(item.to_vec()))?;
    }
    page.end().map(|meta| (items, meta))
}

#[test]
fn a_page_is_cut_into_its_items_wherever_its_bytes_are_cut() {
    for list in [PODS, EVENTS] {
        let whole = page(&[list]).unwrap();
        assert!(whole.0.len() > 1 && whole.1.next.is_some());
        assert!(whole.0.iter().all(|item| item.starts_with(MAGIC)));
        for chunk in [1, 2, 3, 7, 64, 1_000] {
            let pieces: Vec<&[u8]> = list.chunks(chunk).collect();
            assert_eq!(page(&pieces), Ok(whole.clone()), "{chunk} bytes at a time");
        }
        // Nothing but empty fields may be missing at the end of an envelope.
        for at in (0..list.len() - 4).step_by(11) {
            let (head, tail) = list.split_at(at);
            assert_eq!(page(&[head, tail]), Ok(whole.clone()), "cut at {at}");
            assert_eq!(page(&[head]), Err(NotAList::Cut(at)), "ended at {at}");
        }
    }
}

#[test]
fn a_list_of_nothing_is_a_list_and_one_without_a_version_is_none() {
    let nothing = b"k8s\0\x0a\x00\x12\x05\x0a\x03\x12\x017\x1a\x00";
    let meta = ListMeta { version: "7".to_owned(), next: None };
    assert_eq!(page(&[nothing]), Ok((Vec::new(), meta)));
    assert_eq!(page(&[b"k8s\0\x12\x02\x0a\x00"]), Err(NotAList::NoVersion));
    assert_eq!(page(&[b"k8s\0\x12\x00"]), Err(NotAList::NoVersion));
    assert_eq!(page(&[b"k8s\0"]), Err(NotAList::Cut(4)));
}

#[test]
fn lengths_that_lie_are_told_by_their_place() {
    let told = |bytes: &[u8]| page(&[bytes]).unwrap_err().to_string();
    let long = "the answer is not a list: a field ends after the list that it is in at byte";
    assert_eq!(
        told(b"<html>"),
        "the answer is not a list: the head of Kubernetes' protobuf is expected at byte 4"
    );
    // An item that is longer than its list; one whose head is; a list that ends in the middle of a head.
    assert_eq!(told(b"k8s\0\x12\x04\x12\x03abc"), format!("{long} 8"));
    assert_eq!(told(b"k8s\0\x12\x02\x12\x01abc"), format!("{long} 8"));
    assert_eq!(told(b"k8s\0\x12\x01\x12\x01abc"), format!("{long} 8"));
    assert_eq!(told(b"k8s\0\x12\x01\x08\x01"), format!("{long} 8"));
    assert_eq!(
        told(b"k8s\0\x12\x05\x0b"),
        "the answer is not a list: a field is expected at byte 7"
    );
    let endless = [b"k8s\0".as_slice(), &[0xff; 64]].concat();
    assert_eq!(told(&endless), "the answer is not a list: a field is expected at byte 24");
    let huge = b"k8s\0\x12\xff\xff\xff\xff\xff\x01\x12\xff\xff\xff\xff\x0f";
    assert!(told(huge).starts_with("an item of the list is larger than"), "{}", told(huge));
}

fn frames(pieces: &[&[u8]]) -> Result<(Vec<Vec<u8>>, bool), TooLong> {
    let mut out = Vec::new();
    let mut frames = Frames::default();
    for piece in pieces {
        frames.read(piece, |frame| out.push(frame.to_vec()))?;
    }
    Ok((out, frames.is_cut()))
}

#[test]
fn events_are_read_as_servers_write_them() {
    let (bookmark, _) = frames(&[BOOKMARK]).unwrap();
    let Some(said @ Said::Bookmark(_)) = event(bookmark.first().unwrap()) else {
        panic!("it is one")
    };
    assert_eq!(said.version(), Some(1845));
    let (expired, is_cut) = frames(&[EXPIRED]).unwrap();
    let Some(Said::Error(status)) = event(expired.first().unwrap()) else { panic!("it is one") };
    let failed = crate::cluster::refusal::error(status);
    assert_eq!((failed.to_string().as_str(), is_cut), ("410 Old", false));
    let unknown = b"\x0a\x04LIST\x12\x06\x0a\x04k8s\0";
    assert_eq!(event(unknown), Some(Said::Unknown(b"k8s\0")));
    // No type, no object, an object that is not in an envelope.
    for wrong in [
        &b""[..],
        b"\x0a\x05ADDED",
        b"\x12\x02\x0a\x00",
        b"\x0a\x05ADDED\x12\x04\x0a\x02{}",
        b"\x0a\x05ADDED\x12\x06\x12\x04k8s\0",
        b"\x0a\x50",
    ] {
        assert_eq!(event(wrong), None, "{wrong:?}");
    }
}

#[test]
fn a_frame_without_end_is_refused_before_it_fills_the_memory() {
    assert_eq!(frames(&[b"\x01\0\0\x01"]), Err(TooLong));
    let mut held = Frames::default();
    held.read(b"\x01\0\0\0", |_| {}).unwrap();
    let chunk = vec![b'x'; 1 << 20];
    (0..15).for_each(|_| held.read(&chunk, |_| panic!("it is not over")).unwrap());
    let mut n = 0;
    held.read(&chunk, |frame| n = frame.len()).unwrap();
    assert_eq!((n, held.is_cut()), (16 << 20, false));
    assert!(held.begun.capacity() <= 64 << 10, "{}", held.begun.capacity());
}

proptest! {
    #[test]
    fn frames_come_out_whole_however_they_are_cut(
        all in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..8),
        chunk in 1_usize..30,
    ) {
        let mut bytes = Vec::new();
        for frame in &all {
            bytes.extend(u32::try_from(frame.len()).unwrap().to_be_bytes());
            bytes.extend(frame);
        }
        let pieces: Vec<&[u8]> = bytes.chunks(chunk).collect();
        prop_assert_eq!(frames(&pieces), Ok((all.clone(), false)));
        bytes.extend([0, 0]);
        let pieces: Vec<&[u8]> = bytes.chunks(chunk).collect();
        prop_assert_eq!(frames(&pieces), Ok((all, true)));
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), at in 0_usize..1_000, byte in any::<u8>()) {
        drop(page(&[&bytes]));
        drop(page(&[b"k8s\0\x12\x7f", &bytes]));
        drop(frames(&[&bytes]));
        prop_assert!(event(&bytes).is_none());
        let mut list = PODS.to_vec();
        if let Some(it) = list.get_mut(at) {
            *it = byte;
        }
        drop(page(&[&list]));
    }
}
