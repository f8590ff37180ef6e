//! Whatever bytes come as protobuf, cutting and reading them neither panics nor holds more than an
//! object, and what is cut does not depend on how it arrived.
#![no_main]

use libfuzzer_sys::fuzz_target;
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

fuzz_target!(|input: (&[u8], usize)| {
    let (bytes, at) = input;
    let (head, tail) = bytes.split_at(at.min(bytes.len()));
    let catalog = Catalog::default();
    let whole = frames(&[bytes]);
    assert_eq!(whole, frames(&[head, tail]));
    for frame in &whole {
        event(frame);
    }
    let list = [b"k8s\0".as_slice(), bytes].concat();
    let whole = items(&[&list]);
    assert_eq!(whole, items(&[b"k8s\0", head, tail]));
    for object in whole.iter().chain([&list]) {
        drop(snapshot(&catalog, Lane::Pods, object));
        drop(note(&catalog, object));
        resource_version(object);
    }
});
