//! What it costs to read a page of Pods, and a watch of them, in JSON and in protobuf:
//! `cargo bench --bench encodings`.
#![expect(clippy::unwrap_used, reason = "an object that is not read is no measurement")]

use std::sync::LazyLock;

use divan::Bencher;
use divan::counter::ItemsCount;
use lifespan::facts::kind::Lane;
use lifespan::kinds::{Catalog, Said, news};
use lifespan::watch::json::list::Items as JsonItems;
use lifespan::watch::protobuf::Items as ProtobufItems;

/// The same Pods, as a server of 1.37 wrote them.
const JSON: &[u8] = include_bytes!("../tests/objects/pods.json");
const PROTOBUF: &[u8] = include_bytes!("../tests/objects/pods.pb");

/// As many bytes arrive together.
const CHUNK: usize = 64 << 10;

static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::default);

fn main() {
    divan::main();
}

fn json(take: impl FnMut(&[u8]) + Copy) {
    let mut items = JsonItems::new();
    JSON.chunks(CHUNK).for_each(|chunk| items.read(chunk, take).unwrap());
    items.end().unwrap();
}

fn protobuf(take: impl FnMut(&[u8]) + Copy) {
    let mut items = ProtobufItems::new();
    PROTOBUF.chunks(CHUNK).for_each(|chunk| items.read(chunk, take).unwrap());
    items.end().unwrap();
}

fn n_pods() -> ItemsCount {
    let mut n = 0_usize;
    let mut items = ProtobufItems::new();
    items.read(PROTOBUF, |_| n += 1).unwrap();
    ItemsCount::new(n)
}

fn heard(pod: &[u8]) {
    assert!(divan::black_box(news(&CATALOG, Lane::Pods, Said::Listed(pod))).out.is_some());
}

#[divan::bench]
fn cut_json(bencher: Bencher<'_, '_>) {
    bencher.counter(n_pods()).bench(|| json(|item| assert!(!divan::black_box(item).is_empty())));
}

#[divan::bench]
fn cut_protobuf(bencher: Bencher<'_, '_>) {
    bencher
        .counter(n_pods())
        .bench(|| protobuf(|item| assert!(!divan::black_box(item).is_empty())));
}

#[divan::bench]
fn read_json(bencher: Bencher<'_, '_>) {
    bencher.counter(n_pods()).bench(|| json(heard));
}

#[divan::bench]
fn read_protobuf(bencher: Bencher<'_, '_>) {
    bencher.counter(n_pods()).bench(|| protobuf(heard));
}
