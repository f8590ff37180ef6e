//! What is done with each input; the tests do it with those that are kept in `tests/fuzz/seeds`.

use lifespan::facts::kind::Lane;
use lifespan::kinds::{Catalog, note, resource_version, snapshot};
use lifespan::watch::protobuf::{Frames, Items, event};

fn items(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
    let (mut items, mut cut) = (Items::new(), Vec::new());
    for piece in pieces {
        if items.read(piece, |item| cut.push(item.to_vec())).is_err() {
            break;
        }
    }
    cut
}

fn frames(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
    let (mut frames, mut cut) = (Frames::default(), Vec::new());
    for piece in pieces {
        if frames.read(piece, |frame| cut.push(frame.to_vec())).is_err() {
            break;
        }
    }
    cut
}

/// Reads it as frames of a watch and as a list, in one piece and in two: the first byte says where the
/// others are cut.
pub(crate) fn read(input: &[u8]) {
    let Some((at, bytes)) = input.split_first() else { return };
    let (head, tail) = bytes.split_at(usize::from(*at).min(bytes.len()));
    let catalog = Catalog::default();
    let whole = frames(&[bytes]);
    assert_eq!(whole, frames(&[head, tail]), "frames");
    for frame in &whole {
        let _said = event(frame);
    }
    let list = [b"k8s\0".as_slice(), bytes].concat();
    let whole = items(&[&list]);
    assert_eq!(whole, items(&[b"k8s\0", head, tail]), "items");
    for object in whole.iter().chain([&list]) {
        drop(snapshot(&catalog, Lane::Pods, object));
        drop(note(&catalog, object));
        let _version = resource_version(object);
    }
}
